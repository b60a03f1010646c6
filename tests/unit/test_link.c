/* SPDX-License-Identifier: Apache-2.0
 *
 * The carrier link against the test gateways (tests/peers/), programs of their own: one set of behaviours, every protocol.
 * Each test has its own gateway and ends with a link that closed cleanly and a gateway that saw no violation.
 */
#include "tests/unit/carrier.h"

static const struct side SIDES[] = {
    {.proto            = "cmpp",
     .script           = "tests/peers/smsc.mjs",
     .user             = "901234",
     .secret           = "1234",
     .throttled        = 8,
     .refused          = 13,
     .ref_n            = 16,
     .strange_ref      = "110c4141e2400315",
     .other_ref        = "110c4141e2400316",
     .garbage_hex      = "474554202f",
     .bad_answer_hex   = "0000000d8000000400000001ff",
     .bad_delivery_hex = "0000000d0000000500000001ff",
     .has_test         = true,
     .has_done_time    = true},
    {.proto            = "smpp",
     .script           = "tests/peers/smpp.mjs",
     .user             = "zwsp",
     .secret           = "secret",
     .throttled        = 0x58,
     .refused          = 11,
     .strange_ref      = "110c4141e2400315",
     .other_ref        = "110c4141e2400316",
     .garbage_hex      = "474554202f",
     .bad_answer_hex   = "000000128000000400000000000000014142",
     .bad_delivery_hex = "00000011000000050000000000000001ff",
     .has_test         = true,
     .has_done_time    = true},
    {.proto            = "smgp",
     .script           = "tests/peers/smgp.mjs",
     .user             = "20000123",
     .secret           = "zbsecret",
     .throttled        = 1,
     .refused          = 47,
     .ref_n            = 20,
     .strange_ref      = "01006101020304000789",
     .other_ref        = "01006101020304000790",
     .garbage_hex      = "474554202f",
     .bad_answer_hex   = "0000000d8000000200000001ff",
     .bad_delivery_hex = "0000000d0000000300000001ff",
     .has_test         = true,
     .has_done_time    = true},
    {.proto            = "sgip",
     .script           = "tests/peers/sgip.mjs",
     .user             = "zbuser",
     .secret           = "zbpass",
     .throttled        = 11,
     .refused          = 6,
     .ref_n            = 24,
     .strange_ref      = "b36a7b1f0614dc4500000002",
     .other_ref        = "b36a7b1f0614dc4500000003",
     .garbage_hex      = "474554202f",
     .bad_answer_hex   = "0000001580000003b36a7b1f0614dc4500000001ff",
     .bad_delivery_hex = "000000150000000400018a890614dc4700000008ff",
     .has_peers        = true},
};

static void t_sent_and_reported(void **state) {
    (void)state;
    struct link_conf  c = conf();
    struct link_stats s;
    open_link(&c);
    submit(7, "【某市】您好");
    link_stats(me.link, &s);
    assert_true(s.up && s.window == 16 && s.window_used == 1 && s.submitted_1s == 1);
    AWAIT(reports, 1);
    AWAIT(acked, 1);
    assert_int_equal(me.results_n, 1);
    assert_true(me.cookie[0] == 7 && me.result[0].verdict == SMS_SENT && me.result[0].taken_n == 1);
    assert_true(me.report[0].cookie == 7 && me.report[0].delivered);
    assert_string_equal(me.report[0].stat, "DELIVRD");
    assert_string_equal(me.report[0].phone, PHONE);
    assert_string_equal(me.report[0].ref, me.result[0].refs);
    assert_int_equal(strlen(me.report[0].done_time), the->has_done_time ? 10 : 0);
    if (the->ref_n) assert_int_equal(strlen(me.report[0].ref), the->ref_n);
    link_stats(me.link, &s);
    assert_true(s.window_used == 0 && s.awaiting == 0 && s.responded_1s == 1 && s.reports == 1);
    cJSON *j = control("GET", "/messages", "");
    assert_int_equal(cJSON_GetArraySize(j), 1);
    assert_string_equal(cJSON_GetStringValue(cJSON_GetObjectItem(cJSON_GetArrayItem(j, 0), "text")), "【某市】您好");
    cJSON_Delete(j);
    close_link();
    assert_int_equal((int)stat_of("terminates"), 1);
}

static void t_version_two(void **state) {
    (void)state;
    struct link_conf c = conf();
    smsc_stop();
    smsc_start("--version", "2"); /* asked for 3.0, the gateway knows 2.0 and says so in the short form */
    c.port = smsc.port;
    open_link(&c);
    submit(1, "您好");
    AWAIT(reports, 1);
    AWAIT(acked, 1);
    close_link();
    me.up = me.closed = 0;
    c.version         = 0x20;
    open_link(&c);
    submit(2, "您好");
    AWAIT(reports, 2);
    AWAIT(acked, 2);
    assert_true(me.report[1].cookie == 2 && me.report[1].delivered);
    close_link();
}

static void t_long_text(void **state) {
    (void)state;
    struct link_conf c    = conf();
    char            *text = repeat("南平市政务通知😀", 30), *too_long = repeat("测", 67 * 8 + 1);
    open_link(&c);
    behave("{\"shuffle\":true}"); /* answers in reverse: matched by number, not by place */
    submit(1, text);
    AWAIT(reports, 1);
    AWAIT(acked, sms_parts(text));
    assert_true(me.result[0].verdict == SMS_SENT && me.result[0].taken_n == sms_parts(text) && sms_parts(text) == 5);
    if (the->ref_n) assert_int_equal(strlen(me.result[0].refs), 5 * (the->ref_n + 1) - 1);
    assert_int_equal(me.reports_n, 1);
    cJSON *j = control("GET", "/messages", "");
    assert_string_equal(cJSON_GetStringValue(cJSON_GetObjectItem(cJSON_GetArrayItem(j, 0), "text")), text);
    cJSON_Delete(j);
    assert_int_equal(link_submit(me.link, 2, PHONE, too_long), ERR_INPUT);
    assert_int_equal(link_submit(me.link, 2, PHONE, "\xff"), ERR_INPUT);
    assert_int_equal(link_submit(me.link, 2, PHONE, ""), ERR_INPUT);
    assert_int_equal(link_submit(me.link, 2, "138x", "a"), ERR_INPUT);
    assert_int_equal(link_submit(me.link, 2, "", "a"), ERR_INPUT);
    x_free(text);
    x_free(too_long);

    /* To one phone at once: parts of the two must not be taken for each other's. */
    text = repeat("测", 140);
    submit(30, text);
    submit(31, text);
    AWAIT(reports, 3);
    cJSON *refs = control("GET", "/messages", "");
    double one  = cJSON_GetNumberValue(cJSON_GetObjectItem(cJSON_GetArrayItem(refs, 1), "ref"));
    double two  = cJSON_GetNumberValue(cJSON_GetObjectItem(cJSON_GetArrayItem(refs, 2), "ref"));
    assert_true((int)two == ((int)one + 1) % 256);
    cJSON_Delete(refs);
    AWAIT(acked, 11);
    x_free(text);
    me.results_n = me.reports_n = 1;

    /* The second part fails: the message fails, and it is said once. */
    text = repeat("测", 140);
    behave("{\"report_part\":{\"2\":\"MK:0001\"}}");
    submit(3, text);
    AWAIT(reports, 2);
    AWAIT(acked, 14);
    assert_true(me.report[1].cookie == 3 && !me.report[1].delivered && me.reports_n == 2);
    assert_string_equal(me.report[1].stat, "MK:0001");

    /* Throttled in part: not sent, but two parts are on their way. */
    behave("{\"report_part\":{},\"throttle_part\":2}");
    submit(4, text);
    AWAIT(results, 3);
    assert_true(me.result[2].verdict == SMS_THROTTLED && me.result[2].taken_n == 2 && me.result[2].throttled_n == 1);
    AWAIT(acked, 16); /* the reports of those two are answered and go nowhere */
    assert_true(me.reports_n == 2 && me.orphans_n == 0);
    x_free(text);
    close_link();
}

static void t_throttled_and_rejected(void **state) {
    (void)state;
    struct link_conf  c = conf();
    struct link_stats s;
    open_link(&c);
    char body[128];
    (void)snprintf(body, sizeof body, "{\"throttle_every\":2,\"report\":\"none\",\"reject_phone\":{\"13900000000\":%u}}", the->refused);
    behave(body);
    submit(1, "一");
    submit(2, "二");
    submit(3, "三");
    assert_int_equal(link_submit(me.link, 4, "13900000000", "四"), ERR_OK);
    AWAIT(results, 4);
    assert_int_equal(me.result[0].verdict, SMS_SENT);
    assert_true(me.result[1].verdict == SMS_THROTTLED && me.result[1].code == the->throttled && me.result[1].taken_n == 0);
    assert_int_equal(me.result[2].verdict, SMS_SENT);
    assert_true(me.result[3].verdict == SMS_REJECTED && me.result[3].code == the->refused && me.result[3].refs[0] == '\0');
    link_stats(me.link, &s);
    assert_true(s.throttled == 1 && s.refused == 1 && s.responded == 4 && s.throttled_1s == 1 && s.responded_1s == 4);
    close_link();
}

static void t_window(void **state) {
    (void)state;
    struct link_conf c = conf();
    open_link(&c);
    behave("{\"slow_ms\":20,\"report\":\"none\"}");
    me.to_send = 200;
    send_backlog();
    assert_int_equal(me.to_send, 184);
    assert_int_equal(link_submit(me.link, 999, PHONE, "x"), ERR_BUSY);
    AWAIT(results, 200);
    for (size_t i = 0; i < 200; i++) assert_true(me.cookie[i] == i && me.result[i].verdict == SMS_SENT);
    assert_true(me.room > 0);
    assert_int_equal((int)stat_of("window_peak"), 16);

    /* A long text that does not fit beside others waits for room for all its parts. */
    char *text = repeat("测", 140);
    for (uint64_t i = 0; i < 14; i++) submit(1000 + i, "短");
    assert_int_equal(link_submit(me.link, 1, PHONE, text), ERR_BUSY);
    me.room = 0;
    AWAIT(rooms, 1);
    submit(1, text);
    AWAIT(results, 215);
    x_free(text);
    close_link();
}

static void t_report_before_answer(void **state) {
    (void)state;
    struct link_conf c = conf();
    open_link(&c);
    behave("{\"report_before_resp\":true,\"duplicate_reports\":true}");
    for (uint64_t i = 0; i < 10; i++) submit(i, "您好");
    AWAIT(reports, 10);
    AWAIT(acked, 20); /* both copies are answered, one is handed up */
    assert_false(me.report_before_result);
    assert_true(me.reports_n == 10 && me.orphans_n == 0);
    char *text = repeat("测", 140);
    submit(77, text);
    AWAIT(reports, 11);
    assert_true(me.report[10].cookie == 77 && me.report[10].delivered && me.orphans_n == 0);
    x_free(text);

    /* One that belongs to nothing waits no longer than the answers under way, then goes to the records. */
    behave("{\"report_before_resp\":false,\"duplicate_reports\":false,\"slow_ms\":150}");
    submit(78, "您好");
    AWAIT(submits, 14);
    char body[160];
    (void)snprintf(body, sizeof body, "{\"msg_id\":\"%s\",\"phone\":\"" PHONE "\",\"stat\":\"EXPIRED\"}", the->strange_ref);
    post("/report", body);
    AWAIT(held, 1);
    assert_int_equal(me.orphans_n, 0);
    AWAIT(orphans, 1);
    assert_int_equal(me.results_n, 12);
    assert_string_equal(me.orphan[0].ref, the->strange_ref);
    assert_string_equal(me.orphan[0].stat, "EXPIRED");
    assert_string_equal(me.orphan[0].phone, PHONE);
    assert_false(me.orphan[0].delivered);
    AWAIT(reports, 12);
    (void)snprintf(body, sizeof body, "{\"msg_id\":\"%s\",\"phone\":\"" PHONE "\"}", the->other_ref);
    post("/report", body); /* nothing under way: at once */
    AWAIT(orphans, 2);

    /* With the window full without end, it still waits only for what was under way when it came. */
    behave("{\"slow_ms\":20,\"report\":\"none\"}");
    size_t before  = me.results_n;
    me.next_cookie = 1000;
    me.to_send     = 200;
    send_backlog();
    post("/report", body);
    AWAIT(orphans, 3);
    assert_true(me.results_n > before && me.results_n < before + 200);
    AWAIT(results, before + 200);
    close_link();
}

static void t_stored_later(void **state) {
    (void)state;
    struct link_conf c = conf();
    open_link(&c);
    behave("{\"deliver_resend_ms\":100}");
    me.store_later = true;
    submit(1, "您好");
    AWAIT(reports, 1);
    AWAIT(resends, 1); /* sent again while unconfirmed: not handed up again */
    assert_int_equal((int)stat_of("deliver_acked"), 0);
    assert_int_equal(me.reports_n, 1);
    link_report_stored(me.link, me.report[0].token + 1000); /* a token nobody was given */
    assert_int_equal((int)stat_of("deliver_acked"), 0);
    link_report_stored(me.link, me.report[0].token);
    AWAIT(acked, 1);
    link_report_stored(me.link, me.report[0].token); /* stale now */

    post("/mo", "{\"phone\":\"13811112222\",\"text\":\"退订\"}");
    AWAIT(mos, 1);
    assert_string_equal(me.mo_text, "退订");
    assert_string_equal(me.mo_phone, "13811112222");
    link_report_stored(me.link, me.mo_token);
    AWAIT(acked, 2);

    /* Unconfirmed when the connection goes: the gateway's next DELIVER of it is handed up again. */
    submit(2, "您好");
    AWAIT(reports, 2);
    behave("{\"disconnect_now\":true}");
    AWAIT(ups, 2);
    me.store_later = false;
    char body[128];
    (void)snprintf(body, sizeof body, "{\"msg_id\":\"%s\",\"phone\":\"" PHONE "\"}", me.report[1].ref);
    post("/report", body);
    AWAIT(reports, 3);
    assert_int_equal(me.report[2].cookie, 2);
    AWAIT(acked, 3);
    post("/report", body); /* once more: known and stored, answered without a call */
    AWAIT(acked, 4);
    assert_true(me.reports_n == 3 && me.orphans_n == 0);
    post("/mo", "{\"phone\":\"13811112222\",\"text\":\"R\",\"fmt\":0}");
    AWAIT(acked, 5);
    assert_string_equal(me.mo_text, "R");
    close_link();
}

static bool awaiting_one(size_t n) {
    struct link_stats s;
    (void)n;
    link_stats(me.link, &s);
    return s.awaiting == 1 && s.held == 0;
}

static void copy_ref(char out[LINK_REF_CAP], const char *refs) {
    size_t n = strcspn(refs, ",");
    assert_true(n < LINK_REF_CAP);
    memcpy(out, refs, n);
    out[n] = '\0';
}

/* Two of three parts are reported, then the connection goes: the third report, whenever it comes, completes the message. */
static void t_partial_reports(void **state) {
    (void)state;
    struct link_conf c    = conf();
    char            *text = repeat("测", 140), body[160], ref[LINK_REF_CAP];
    open_link(&c);
    behave("{\"report_part\":{\"2\":\"none\"}}");
    submit(1, text);
    AWAIT(results, 1);
    AWAIT(acked, 2);
    AWAIT(awaiting_one, 0);
    assert_int_equal(me.reports_n, 0);
    assert_int_equal(me.parts_n, 2); /* each was kept before it was confirmed */
    assert_true(me.part.cookie == 1 && me.part.delivered && strstr(me.result[0].refs, me.part.ref) != NULL);
    const char *second = strchr(me.result[0].refs, ',');
    assert_non_null(second);
    copy_ref(ref, second + 1);
    behave("{\"disconnect_now\":true}");
    AWAIT(ups, 2);
    assert_int_equal(me.results_n, 1); /* it was answered: nothing is unknown */
    (void)snprintf(body, sizeof body, "{\"msg_id\":\"%s\",\"phone\":\"" PHONE "\"}", ref);
    post("/report", body);
    AWAIT(reports, 1);
    AWAIT(acked, 3);
    assert_true(me.report[0].cookie == 1 && me.report[0].delivered && me.orphans_n == 0);
    assert_string_equal(me.report[0].ref, ref);

    /* One part fails while another is still under way: the message has failed; what comes later changes nothing. */
    behave("{\"report_part\":{\"1\":\"none\",\"3\":\"UNDELIV\"}}");
    submit(2, text);
    AWAIT(reports, 2);
    AWAIT(acked, 5);
    assert_true(me.report[1].cookie == 2 && !me.report[1].delivered);
    copy_ref(ref, me.result[1].refs);
    (void)snprintf(body, sizeof body, "{\"msg_id\":\"%s\",\"phone\":\"" PHONE "\"}", ref);
    post("/report", body);
    AWAIT(acked, 6);
    assert_true(me.reports_n == 2 && me.orphans_n == 0);
    x_free(text);
    close_link();
}

/* A part's report is confirmed when the owner has stored it, also when it comes again meanwhile. */
static void t_part_stored_late(void **state) {
    (void)state;
    struct link_conf c    = conf();
    char            *text = repeat("测", 80), body[160], ref[LINK_REF_CAP];
    open_link(&c);
    me.store_later = true;
    behave("{\"report_part\":{\"2\":\"none\"}}");
    submit(1, text);
    AWAIT(results, 1);
    AWAIT(parts, 1);
    assert_int_equal((int)stat_of("deliver_acked"), 0);
    uint64_t first = me.part.token;
    copy_ref(ref, me.result[0].refs);
    assert_string_equal(me.part.ref, ref);
    (void)snprintf(body, sizeof body, "{\"msg_id\":\"%s\",\"phone\":\"" PHONE "\"}", ref);
    post("/report", body);
    AWAIT(parts, 2);
    assert_int_equal((int)stat_of("deliver_acked"), 0);
    link_report_stored(me.link, first);
    AWAIT(acked, 1);
    link_report_stored(me.link, me.part.token);
    AWAIT(acked, 2);
    assert_int_equal(me.reports_n, 0);
    x_free(text);
    close_link();
}

/* One of a hundred is throttled: only those come again, the window stays full, each arrives once. */
static void t_one_percent(void **state) {
    (void)state;
    struct link_conf c = conf();
    bool             arrived[300] = {0};
    size_t           sent = 0, next = 0, seen = 0;
    open_link(&c);
    behave("{\"throttle_every\":100,\"report\":\"none\",\"slow_ms\":3}");
    while (sent < ARRAY_N(arrived)) {
        while (next < ARRAY_N(arrived) && link_submit(me.link, next, PHONE, "您有新的待办事项") == ERR_OK) next++;
        AWAIT(results, seen + 1);
        for (; seen < me.results_n; seen++) {
            uint64_t cookie = me.cookie[seen];
            if (me.result[seen].verdict == SMS_THROTTLED) {
                assert_int_equal(link_submit(me.link, cookie, PHONE, "您有新的待办事项"), ERR_OK); /* its own place is free */
                continue;
            }
            assert_int_equal(me.result[seen].verdict, SMS_SENT);
            assert_false(arrived[cookie]);
            arrived[cookie] = true;
            sent++;
        }
    }
    struct link_stats s;
    link_stats(me.link, &s);
    assert_int_equal(s.throttled, 3);
    assert_int_equal(s.submitted, 303);
    assert_int_equal((int)stat_of("messages"), 300);
    assert_true(stat_of("window_peak") == 16 && me.down == 0);
    close_link();
}

static void t_silence_is_unknown(void **state) {
    (void)state;
    struct link_conf  c = conf();
    struct link_stats s;
    c.request_ms        = 200;
    open_link(&c);
    behave("{\"silent\":\"submit\"}");
    submit(1, "您好");
    AWAIT(results, 1);
    assert_true(me.result[0].verdict == SMS_UNKNOWN && me.result[0].unknown_n == 1);
    if (!the->has_test) { /* nothing to ask with: a connection on which nothing comes is given up */
        AWAIT(ups, 2);
        assert_string_equal(me.why, "silent");
        close_link();
        return;
    }
    link_stats(me.link, &s);
    assert_true(s.timed_out == 1 && s.window_used == 0 && s.up && me.down == 0); /* the link itself lives */
    behave("{\"silent\":false,\"slow_ms\":400}");
    submit(2, "您好"); /* an answer after the time-out changes nothing */
    AWAIT(results, 2);
    AWAIT(orphans, 1); /* its report names an id that no answer brought in time */
    link_stats(me.link, &s);
    assert_true(s.late == 1 && me.results_n == 2 && me.result[1].verdict == SMS_UNKNOWN);
    close_link();
}

static void t_cut_in_the_window(void **state) {
    (void)state;
    struct link_conf c       = conf();
    size_t           sent    = 0;
    size_t           unknown = 0;
    open_link(&c);
    behave("{\"drop_after\":11,\"report\":\"none\"}");
    for (uint64_t i = 0; i < 16; i++) submit(i, "您好");
    AWAIT(downs, 1);
    assert_int_equal(me.results_n, 16); /* all were settled before on_down */
    for (size_t i = 0; i < 16; i++) {
        sent += me.result[i].verdict == SMS_SENT;
        unknown += me.result[i].verdict == SMS_UNKNOWN;
    }
    /* What the gateway answered before it cut may be lost with the connection (reset), never the other way round. */
    assert_true(sent + unknown == 16 && sent <= 10 && unknown >= 6);
    assert_int_equal(link_submit(me.link, 99, PHONE, "您好"), ERR_BUSY);
    behave("{\"drop_after\":0}");
    AWAIT(ups, 2);
    submit(100, "您好");
    AWAIT(results, 17);
    assert_true(me.cookie[16] == 100 && me.result[16].verdict == SMS_SENT);
    cJSON *j = control("GET", "/messages", "");
    assert_int_equal(cJSON_GetArraySize(j), 12); /* 11 of the first batch, none of them twice, and the last */
    cJSON_Delete(j);
    close_link();
}

static void send_hex(const char *hex) {
    char body[128];
    (void)snprintf(body, sizeof body, "{\"send_hex\":\"%s\"}", hex);
    behave(body);
}

static void t_reconnect(void **state) {
    (void)state;
    struct link_conf c = conf();
    open_link(&c);
    for (unsigned i = 1; i <= 3; i++) {
        behave("{\"disconnect_now\":true}");
        AWAIT(ups, i + 1);
        assert_int_equal(me.down, i);
        assert_string_equal(me.why, "closed_by_peer");
    }
    behave("{\"terminate_now\":true}");
    AWAIT(ups, 5);
    assert_string_equal(me.why, "terminated_by_peer");
    send_hex(the->garbage_hex); /* not the protocol: the stream is given up, not waited for */
    AWAIT(ups, 6);
    assert_string_equal(me.why, "bad_frame");
    send_hex(the->bad_answer_hex);
    AWAIT(ups, 7);
    assert_string_equal(me.why, "bad_submit_answer");
    send_hex(the->bad_delivery_hex); /* a broken delivery is refused, the link stays */
    AWAIT(submits, 0);
    submit(1, "您好");
    AWAIT(reports, 1);
    assert_int_equal(me.up, 7);
    close_link();
    /* the gateway notices that it did not ask for that last answer: expected here */
    post("/reset", "{}");
}

static void t_login_refused(void **state) {
    (void)state;
    struct link_conf c = conf();
    c.secret           = "wrong";
    assert_int_equal(link_open(&me.loop, &c, &OPS, NULL, &me.link), ERR_OK);
    AWAIT(refused, 2);
    assert_true(me.up == 0 && me.down == 0);
    assert_int_equal(link_submit(me.link, 1, PHONE, "您好"), ERR_BUSY);
    close_link();
}

static void t_active_test(void **state) {
    (void)state;
    struct link_conf c = conf();
    c.idle_ms          = 60;
    c.active_ms        = 60;
    c.active_tries     = 3;
    open_link(&c);
    behave("{\"active_test_now\":true}");
    AWAIT(tests_answered, 1);
    AWAIT(tests_sent, 4); /* answered ones go on for ever */
    assert_int_equal(me.down, 0);
    behave("{\"silent\":true}");
    AWAIT(downs, 1);
    assert_string_equal(me.why, "silent");
    behave("{\"silent\":false}");
    AWAIT(ups, 2);
    close_link();
}

static void t_close_waits(void **state) {
    (void)state;
    struct link_conf c = conf();
    open_link(&c);
    behave("{\"slow_ms\":100,\"report\":\"none\"}");
    submit(1, "您好");
    link_close(me.link);
    assert_int_equal(link_submit(me.link, 2, PHONE, "您好"), ERR_BUSY);
    AWAIT(closed, 1);
    assert_true(me.results_n == 1 && me.result[0].verdict == SMS_SENT && me.down == 1);
    assert_string_equal(me.why, "closed");

    /* Answers that do not come: unknown, after close_ms. And closing from inside a callback. */
    me.closed = me.up = 0;
    me.results_n      = 0;
    behave("{\"slow_ms\":0,\"silent\":\"submit\"}");
    c.close_ms = 100;
    open_link(&c);
    submit(3, "您好");
    link_close(me.link);
    AWAIT(closed, 1);
    assert_true(me.results_n == 1 && me.result[0].verdict == SMS_UNKNOWN);

    me.closed = me.up  = 0;
    me.results_n       = 0;
    me.close_on_result = true;
    behave("{\"silent\":false,\"drop_after\":1}");
    open_link(&c);
    submit(4, "您好");
    submit(5, "您好");
    AWAIT(closed, 1); /* closed in on_result, inside the fall of the connection */
    assert_int_equal(me.results_n, 2);
}

static void t_nobody_there(void **state) {
    (void)state;
    struct link_conf c = conf();
    smsc_stop();
    assert_int_equal(link_open(&me.loop, &c, &OPS, NULL, &me.link), ERR_OK);
    assert_false(loop_until(never, 0, 150));
    assert_true(me.up == 0 && me.down == 0);
    close_link();
    const struct link_conf bad[] = {
        {.proto = link_proto_find("cmpp"), .host = "gateway.example", .port = 1, .user = "901234", .secret = "1"},
        {.proto = NULL, .host = "127.0.0.1", .port = 1, .user = "901234", .secret = "1"},
        {.proto = link_proto_find("cmpp"), .host = "127.0.0.1", .port = 1, .user = "", .secret = "1"},
        {.proto = link_proto_find("cmpp"), .host = "127.0.0.1", .port = 1, .user = "901234", .secret = "1", .listen_host = "127.0.0.1"},
        {.proto = link_proto_find("cmpp"), .host = "127.0.0.1", .port = 1, .user = "9012345", .secret = "1"},
        {.proto = link_proto_find("cmpp"), .host = "127.0.0.1", .port = 1, .user = "901234", .secret = "1", .window = 257},
        {.proto = link_proto_find("cmpp"), .host = "127.0.0.1", .port = 1, .user = "901234", .secret = "1", .window = 4, .parts_max = 5},
        {.proto = link_proto_find("cmpp"), .host = "127.0.0.1", .port = 1, .user = "901234", .secret = "1", .version = 0x40},
    };
    for (size_t i = 0; i < ARRAY_N(bad); i++)
        assert_int_equal(link_open(&me.loop, &bad[i], &OPS, NULL, &me.link), ERR_INPUT);
}

#define T(f) {.name = #f, .test_func = (f), .setup_func = setup, .teardown_func = teardown}

int main(int argc, char **argv) {
    static const struct CMUnitTest each[] = {
        T(t_sent_and_reported),    T(t_long_text),    T(t_throttled_and_rejected), T(t_window),
        T(t_report_before_answer), T(t_stored_later), T(t_silence_is_unknown),     T(t_cut_in_the_window),
        T(t_reconnect),            T(t_login_refused), T(t_active_test),           T(t_close_waits),
        T(t_nobody_there),         T(t_partial_reports), T(t_part_stored_late), T(t_one_percent),
    };
    static const struct CMUnitTest cmpp_only[] = {T(t_version_two)};
    struct CMUnitTest              tests[ARRAY_N(SIDES) * ARRAY_N(each) + ARRAY_N(cmpp_only)];
    static char                    names[ARRAY_N(tests)][64];
    size_t                         n = 0;
    /* NOLINTNEXTLINE: a fixed command, to see whether there is a gateway to test against */
    if (system("command -v node >/dev/null 2>&1 && test -f tests/peers/smsc.mjs") != 0) {
        (void)printf("skipped: no node, or not run from the root of the sources\n");
        return 0;
    }
    for (size_t s = 0; s < ARRAY_N(SIDES); s++) {
        char check[128];
        if (argc > 1 && strcmp(argv[1], SIDES[s].proto) != 0) continue;
        if (strcmp(SIDES[s].proto, "smpp") == 0 && access("tests/node_modules/smpp", R_OK) != 0) {
            (void)printf("skipped: smpp, the packages of the tests are not installed (cd tests && npm ci)\n");
            continue;
        }
        (void)snprintf(check, sizeof check, "node %s --self-test >/dev/null", SIDES[s].script);
        assert_int_equal(system(check), 0); /* NOLINT(cert-env33-c) */
        for (size_t i = 0; i < ARRAY_N(each) + (s == 0 ? ARRAY_N(cmpp_only) : 0); i++) {
            if (!SIDES[s].has_test && i < ARRAY_N(each) && each[i].test_func == t_active_test) continue;
            tests[n] = i < ARRAY_N(each) ? each[i] : cmpp_only[i - ARRAY_N(each)];
            (void)snprintf(names[n], sizeof names[n], "%s: %s", SIDES[s].proto, tests[n].name);
            tests[n].name          = names[n];
            tests[n].initial_state = (void *)(uintptr_t)&SIDES[s];
            n++;
        }
    }
    log_set(LOG_ERROR, 2);
    return _cmocka_run_group_tests("link", tests, n, NULL, NULL);
}
