/* SPDX-License-Identifier: Apache-2.0
 *
 * SMPP 3.4: the codec against published vectors and broken bytes, receipts in all their spellings, and what is particular to
 * it on a link: message ids that gateways write in two ways, texts by other commands, generic_nack.
 */
#include "tests/unit/carrier.h"

#include "push/link_proto.h"
#include "push/smpp_codec.h"

static void t_encode(void **state) {
    (void)state;
    static const uint8_t text[] = {0x4f, 0x60, 0x59, 0x7d}, big[141] = {0};
    struct wire_pdu      pdu;
    struct smpp_bind     b = {.system_id = "zwsp", .password = "secret", .version = SMPP_V34};
    assert_int_equal(smpp_encode_bind(&pdu, SMPP_BIND_TRANSCEIVER, 1, &b), ERR_OK);
    same(&pdu, "000000210000000900000000000000017a77737000736563726574000034000000");
    b.password = "ninechars";
    assert_int_equal(smpp_encode_bind(&pdu, SMPP_BIND_TRANSCEIVER, 1, &b), ERR_INPUT);
    assert_int_equal(pdu.len, 0);

    struct smpp_submit s = {.src = "10690000", .dst = "13800138000", .content = text, .content_n = sizeof text, .data_coding = 8, .want_report = true};
    assert_int_equal(smpp_encode_submit(&pdu, 1, &s), ERR_OK);
    same(&pdu, "000000380000000400000000000000010000003130363930303030000000313338303031333830303000000000000001"
               "000800044f60597d");
    s.udhi = true;
    assert_int_equal(smpp_encode_submit(&pdu, 1, &s), ERR_OK);
    assert_int_equal(pdu.b[16 + 3 + 9 + 2 + 12], 0x40);
    s.content   = big;
    s.content_n = 140;
    assert_int_equal(smpp_encode_submit(&pdu, 1, &s), ERR_OK);
    s.content_n = 141;
    assert_int_equal(smpp_encode_submit(&pdu, 1, &s), ERR_INPUT);
    s.content_n = 0;
    assert_int_equal(smpp_encode_submit(&pdu, 1, &s), ERR_INPUT);
    s.content_n = 4;
    s.dst       = "";
    assert_int_equal(smpp_encode_submit(&pdu, 1, &s), ERR_INPUT);
    s.dst = "123456789012345678901";
    assert_int_equal(smpp_encode_submit(&pdu, 1, &s), ERR_INPUT);
    s.dst          = "13800138000";
    s.service_type = "sixsix";
    assert_int_equal(smpp_encode_submit(&pdu, 1, &s), ERR_INPUT);
    smpp_encode_plain(&pdu, SMPP_ENQUIRE_LINK, 0, 7);
    same(&pdu, "00000010000000150000000000000007");
    smpp_encode_deliver_resp(&pdu, SMPP_DELIVER_SM | SMPP_RESP, 0, 7);
    same(&pdu, "0000001180000005000000000000000700");
}

static void t_submit_resp(void **state) {
    (void)state;
    static const struct {
        const char *body, *id; /* NULL: not to be read */
    } t[] = {
        {"", ""},
        {"00", ""},
        {"31323300", "123"},
        {"3030303132333400", "1234"},
        {"303000", "0"},
        {"304142433100", "abc1"},
        {"30582d314100", "0X-1A"}, /* no number: as it is */
        {"313233", NULL},
        {"31313131313131313131313131313131313131313131313131313131313131313131313131313131313131313131313131313131313131313131313131313131"
         "3100",
         NULL},
    };
    char id[SMPP_ID_CAP];
    for (size_t i = 0; i < ARRAY_N(t); i++) {
        uint8_t b[256] = {0};
        size_t  n      = SMPP_HEAD_BYTES + unhex(t[i].body, b + SMPP_HEAD_BYTES);
        assert_int_equal(smpp_decode_submit_resp(b, n, id), t[i].id ? ERR_OK : ERR_INPUT);
        if (t[i].id) assert_string_equal(id, t[i].id);
    }
}

/* A deliver_sm with this text and these optional parameters. */
static size_t deliver_sm(uint8_t *b, const char *text, uint8_t data_coding, const char *tlvs) {
    struct wire_pdu pdu = {0};
    size_t          n;
    wire_put32(&pdu, 0);
    wire_put32(&pdu, SMPP_DELIVER_SM);
    wire_put32(&pdu, 0);
    wire_put32(&pdu, 9);
    wire_put(&pdu, "\0\1\1" "8613800138000\0" "\0\0" "10690000\0" "\4\0\0\0\0\0\0", 3 + 14 + 2 + 9 + 7);
    wire_put8(&pdu, data_coding);
    wire_put8(&pdu, 0);
    wire_put8(&pdu, (uint8_t)strlen(text));
    wire_put(&pdu, text, strlen(text));
    n = unhex(tlvs, pdu.b + pdu.len);
    pdu.len += n;
    wire_end(&pdu);
    memcpy(b, pdu.b, pdu.len);
    return pdu.len;
}

#define BODY "sub:001 dlvrd:001 submit date:2601020304 done date:2601020305 "

static void t_receipts(void **state) {
    (void)state;
    static const struct {
        const char *text, *tlvs, *id, *stat, *done; /* id NULL: not to be read */
        uint32_t    error;
    } t[] = {
        {"id:0123456789 " BODY "stat:DELIVRD err:000 text:hi", "", "123456789", "DELIVRD", "2601020305", 0},
        {"ID:00ABCDEF " BODY "Stat:Undeliv Err:034 Text:stat:DELIVRD", "", "abcdef", "UNDELIV", "2601020305", 34},
        {"id:1 stat:EXPIRED done date:260102030559 text:", "", "1", "EXPIRED", "2601020305", 0},
        {"id:1 stat:EXPIRED done date:26010203", "", "1", "EXPIRED", "", 0},
        {"id:f81d4fae-7dec-11d0 stat:REJECTD err:x1", "", "f81d4fae-7dec-11d0", "REJECTD", "", 0},
        {"", "001e000537373737000427000102", "7777", "DELIVRD", "", 0},
        {"", "001e000437373737042700010504230003030022", "7777", "UNDELIV", "", 34}, /* an id without its NUL */
        {"id:5 stat:DELIVRD", "001e0003373700042700010804230002ffff", "77", "REJECTD", "", 0}, /* the parameters win; one is broken */
        {"id:5 stat:DELIVRD", "0427000163", "5", "UNKNOWN", "", 0},
        {"stat:DELIVRD text:id:5", "", NULL, "", "", 0},
        {"id:5", "", NULL, "", "", 0},
        {"", "", NULL, "", "", 0},
        {"invalid:5 state:6", "", NULL, "", "", 0},
    };
    uint8_t             b[WIRE_SEND_MAX];
    struct smpp_deliver d;
    struct smpp_receipt r;
    for (size_t i = 0; i < ARRAY_N(t); i++) {
        size_t n = deliver_sm(b, t[i].text, 0, t[i].tlvs);
        assert_int_equal(smpp_decode_deliver(b, n, &d), ERR_OK);
        assert_string_equal(d.src, "8613800138000");
        assert_string_equal(d.dst, "10690000");
        assert_int_equal(smpp_decode_receipt(&d, &r), t[i].id ? ERR_OK : ERR_INPUT);
        if (t[i].id == NULL) continue;
        assert_string_equal(r.id, t[i].id);
        assert_string_equal(r.stat, t[i].stat);
        assert_string_equal(r.done_time, t[i].done);
        assert_int_equal(r.error, t[i].error);
    }
    /* The same in UCS2, as some gateways write it. */
    size_t n = deliver_sm(b, "", 8, "0424002200690064003a0039003900200073007400610074003a00440045004c004900560052");
    assert_int_equal(smpp_decode_deliver(b, n, &d), ERR_OK);
    assert_int_equal(smpp_decode_receipt(&d, &r), ERR_OK);
    assert_string_equal(r.id, "99");
    assert_string_equal(r.stat, "DELIVR");

    /* Cut anywhere, it is refused or read, never read past its end. */
    n = deliver_sm(b, "id:5 stat:DELIVRD", 0, "001e000537373737000427000102");
    for (size_t k = SMPP_HEAD_BYTES; k < n; k++) {
        uint8_t *copy = x_malloc(k);
        memcpy(copy, b, k);
        if (smpp_decode_deliver(copy, k, &d) == ERR_OK) assert_true(k == n - 5 || k == n - 5 - 9);
        x_free(copy);
    }
}

static void t_formats(void **state) {
    (void)state;
    static const uint8_t t[][2] = {{0, 0},    {1, 0},     {3, 0},     {8, 8},     {15, 15},   {4, 255},   {0x10, 0},  {0x18, 8},
                                   {0x14, 255}, {0xF0, 0}, {0xF1, 0}, {0xF5, 255}, {2, 255},   {0x1C, 255}};
    for (size_t i = 0; i < ARRAY_N(t); i++)
        if (t[i][0] != 0x1C) assert_int_equal(smpp_text_format(t[i][0]), t[i][1]);
}

/* ---- on a link, against an SMSC made of the npm package ---- */

static const struct side SMPP = {.proto = "smpp", .script = "tests/peers/smpp.mjs", .user = "zwsp", .secret = "secret"};

static bool terminated(size_t n) { return stat_of("terminates") >= (double)n; }

static void t_ids(void **state) {
    (void)state;
    static const char *const how[] = {"plain", "zeros", "hex_dec", "dec_hex"}, *const receipts_by[] = {"text", "tlv", "both", "unmarked"};
    for (size_t i = 0; i < ARRAY_N(how); i++) {
        struct link_conf c = conf();
        char             body[96];
        me.up = me.closed = 0;
        me.reports_n = me.results_n = 0;
        (void)snprintf(body, sizeof body, "{\"ids\":\"%s\",\"receipts\":\"%s\",\"report_before_resp\":%s}", how[i], receipts_by[i % 4],
                       i % 2 ? "true" : "false");
        behave(body);
        open_link(&c);
        for (uint64_t k = 0; k < 5; k++) submit(k, "您好");
        char *text = repeat("测", 140);
        submit(5, text);
        AWAIT(reports, 6);
        AWAIT(acked, 8 * (i + 1));
        for (size_t k = 0; k < 6; k++) assert_true(me.report[k].delivered && strstr(me.result[k].refs, me.report[k].ref) != NULL);
        assert_int_equal(me.orphans_n, 0);
        x_free(text);
        close_link();
    }
}

/* Nothing in memory, the form not learned: both spellings are told. Later the known one. */
static void t_orphan_ids(void **state) {
    (void)state;
    struct link_conf c = conf();
    behave("{\"ids\":\"hex_dec\"}");
    open_link(&c);
    post("/report", "{\"msg_id\":\"0000255\",\"phone\":\"" PHONE "\"}");
    AWAIT(orphans, 1);
    assert_string_equal(me.orphan[0].ref, "255");
    assert_string_equal(me.orphan[0].ref_alt, "ff");
    post("/report", "{\"msg_id\":\"FE\",\"phone\":\"" PHONE "\"}");
    AWAIT(orphans, 2);
    assert_string_equal(me.orphan[1].ref, "fe");
    assert_string_equal(me.orphan[1].ref_alt, "254");
    submit(1, "您好");
    AWAIT(reports, 1);
    post("/report", "{\"msg_id\":\"253\",\"phone\":\"" PHONE "\"}");
    AWAIT(orphans, 3);
    assert_string_equal(me.orphan[2].ref, "fd");
    assert_string_equal(me.orphan[2].ref_alt, "");
    close_link();
}

static void t_states(void **state) {
    (void)state;
    static const struct {
        const char *stat;
        bool        delivered;
    } t[] = {{"DELIVRD", true}, {"EXPIRED", false}, {"UNDELIV", false}, {"REJECTD", false}, {"DELETED", false}, {"UNKNOWN", false}};
    struct link_conf c = conf();
    open_link(&c);
    for (size_t i = 0; i < ARRAY_N(t); i++) {
        char body[96];
        (void)snprintf(body, sizeof body, "{\"report\":\"%s\",\"receipts\":\"%s\"}", t[i].stat, i % 2 ? "tlv" : "text");
        behave(body);
        submit(i, "您好");
        AWAIT(reports, i + 1);
        assert_int_equal(me.report[i].delivered, t[i].delivered);
        assert_string_equal(me.report[i].stat, t[i].stat);
        assert_int_equal(me.report[i].code, t[i].delivered ? 0 : 34);
        assert_string_equal(me.report[i].phone, PHONE);
    }
    /* On its way is no verdict: answered, and not handed up. */
    behave("{\"report\":\"ENROUTE\",\"receipts\":\"both\"}");
    submit(50, "您好");
    AWAIT(acked, ARRAY_N(t) + 1);
    behave("{\"report\":\"ACCEPTD\"}");
    submit(51, "您好");
    AWAIT(acked, ARRAY_N(t) + 2);
    assert_true(me.reports_n == ARRAY_N(t) && me.orphans_n == 0);
    close_link();
}

static void t_mo(void **state) {
    (void)state;
    static const char *const by[] = {"deliver_sm", "data_sm", "payload"};
    struct link_conf         c    = conf();
    open_link(&c);
    for (unsigned i = 0; i < ARRAY_N(by); i++) {
        char body[64];
        (void)snprintf(body, sizeof body, "{\"mo_by\":\"%s\"}", by[i]);
        behave(body);
        post("/mo", "{\"phone\":\"8613811112222\",\"text\":\"退订\"}");
        AWAIT(mos, i + 1);
        AWAIT(acked, i + 1);
        assert_string_equal(me.mo_text, "退订");
        assert_string_equal(me.mo_phone, "13811112222"); /* without its prefix */
    }
    post("/mo", "{\"phone\":\"13811112222\",\"text\":\"R\",\"fmt\":0}");
    AWAIT(mos, 4);
    assert_string_equal(me.mo_text, "R");
    AWAIT(acked, 4);
    close_link();
}

static void t_nack_and_statuses(void **state) {
    (void)state;
    static const struct {
        unsigned         status;
        enum sms_verdict want;
    } t[] = {{0x01, SMS_REJECTED},  {0x08, SMS_TEMPORARY}, {0x0A, SMS_CONFIG},    {0x0B, SMS_REJECTED},  {0x14, SMS_TEMPORARY},
             {0x45, SMS_TEMPORARY}, {0x58, SMS_THROTTLED}, {0x61, SMS_REJECTED},  {0x62, SMS_REJECTED},  {0x64, SMS_TEMPORARY},
             {0x65, SMS_REJECTED},  {0x66, SMS_REJECTED},  {0xC0, SMS_REJECTED},  {0xC4, SMS_REJECTED},  {0xFE, SMS_TEMPORARY},
             {0xFF, SMS_TEMPORARY}, {0x03, SMS_REJECTED},  {0x410, SMS_REJECTED}, {0x48, SMS_CONFIG},    {0x15, SMS_CONFIG}};
    struct link_conf              c     = conf();
    static const struct link_code own[] = {{0x410, 0x41F, SMS_CONFIG}};
    c.codes                             = own; /* what this account's gateway means */
    c.codes_n                           = 1;
    open_link(&c);
    for (size_t i = 0; i < ARRAY_N(t); i++) {
        char body[96];
        (void)snprintf(body, sizeof body, "{\"reject_phone\":{\"" PHONE "\":%u}}", t[i].status);
        behave(body);
        submit(i, "您好");
        AWAIT(results, i + 1);
        assert_int_equal(me.result[i].verdict, t[i].status == 0x410 ? SMS_CONFIG : t[i].want);
        assert_int_equal(me.result[i].code, t[i].status);
    }
    behave("{\"reject_phone\":{},\"nack_submit\":3}");
    submit(50, "您好");
    AWAIT(results, ARRAY_N(t) + 1);
    assert_int_equal(me.result[ARRAY_N(t)].verdict, SMS_REJECTED);
    assert_int_equal(me.result[ARRAY_N(t)].code, 3);
    assert_int_equal(me.down, 0);
    /* Not bound, it says: that message later, and the link binds anew. */
    behave("{\"nack_submit\":0,\"reject_phone\":{\"" PHONE "\":4}}");
    submit(51, "您好");
    AWAIT(ups, 2);
    assert_int_equal(me.result[ARRAY_N(t) + 1].verdict, SMS_TEMPORARY);
    assert_string_equal(me.why, "not_logged_in");
    /* A command that 3.4 does not have is refused by generic_nack, an answer nobody asked for is not. */
    behave("{\"reject_phone\":{},\"send_hex\":\"00000010000001120000000000000063\"}");
    behave("{\"send_hex\":\"00000010800001120000000000000063\"}");
    submit(52, "您好");
    AWAIT(reports, 1);
    assert_int_equal((int)stat_of("nacks"), 1);
    close_link();
}

static void t_bind_refused(void **state) {
    (void)state;
    static const struct {
        unsigned status;
        bool     needs_person;
    } t[] = {{0x0E, true}, {0x0F, true}, {0x05, false}, {0x0D, false}, {0x08, false}, {0x03, true}};
    for (size_t i = 0; i < ARRAY_N(t); i++) {
        struct link_conf c = conf();
        char             body[64];
        (void)snprintf(body, sizeof body, "{\"login_status\":%u}", t[i].status);
        behave(body);
        me.refused = me.closed = 0;
        assert_int_equal(link_open(&me.loop, &c, &OPS, NULL, &me.link), ERR_OK);
        AWAIT(refused, 1);
        assert_int_equal(me.refused, t[i].needs_person ? t[i].status : 0);
        close_link();
    }
}

static bool receivers(size_t n) {
    struct link_stats s;
    link_stats(me.link, &s);
    return s.peers == n;
}

/* A gateway that knows no transceivers: one connection to send, one to receive, and both come back. */
static void t_split(void **state) {
    (void)state;
    static const char *const how[] = {"true", "\"nack\""};
    for (size_t i = 0; i < ARRAY_N(how); i++) {
        struct link_conf c = conf();
        char             body[64];
        c.idle_ms   = 60;
        c.active_ms = 60;
        (void)snprintf(body, sizeof body, "{\"no_transceiver\":%s}", how[i]);
        post("/reset", "{}");
        behave(body);
        me.up = me.closed = me.down = me.mos = 0;
        me.reports_n = me.results_n = 0;
        open_link(&c);
        AWAIT(receivers, 1);
        submit(1, "您好");
        AWAIT(reports, 1);
        AWAIT(acked, 1);
        post("/mo", "{\"phone\":\"13811112222\",\"text\":\"退订\"}");
        AWAIT(mos, 1);
        AWAIT(acked, 2);
        AWAIT(tests_sent, 4); /* on both */
        behave("{\"active_test_now\":true}");
        AWAIT(tests_answered, 2);
        assert_int_equal(me.down, 0);
        behave("{\"disconnect_now\":true}");
        AWAIT(ups, 2);
        AWAIT(receivers, 1);
        submit(2, "您好");
        AWAIT(reports, 2);
        behave("{\"drop_receiver_now\":true}"); /* alone: the other one stays, and it comes back */
        AWAIT(receivers, 0);
        AWAIT(receivers, 1);
        assert_int_equal(me.down, 1);
        submit(3, "您好");
        AWAIT(reports, 3);
        AWAIT(acked, 4);
        close_link();
        AWAIT(terminated, 2);
    }
}

#define T(f) {.name = #f, .test_func = (f), .setup_func = setup, .teardown_func = teardown, .initial_state = (void *)(uintptr_t)&SMPP}

int main(void) {
    const struct CMUnitTest codec[] = {
        cmocka_unit_test(t_encode),
        cmocka_unit_test(t_submit_resp),
        cmocka_unit_test(t_receipts),
        cmocka_unit_test(t_formats),
    };
    const struct CMUnitTest link[] = {T(t_ids), T(t_orphan_ids), T(t_states), T(t_mo), T(t_nack_and_statuses), T(t_bind_refused), T(t_split)};
    int                     failed = cmocka_run_group_tests(codec, NULL, NULL);
    log_set(LOG_ERROR + 1, 2);
    /* NOLINTNEXTLINE: a fixed command, to see whether there is a gateway to test against */
    if (system("command -v node >/dev/null 2>&1 && test -d tests/node_modules/smpp") != 0) {
        (void)printf("skipped: no node, or its packages are not installed (cd tests && npm ci)\n");
        return failed;
    }
    return failed + cmocka_run_group_tests(link, NULL, NULL);
}
