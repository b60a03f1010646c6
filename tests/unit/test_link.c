/* SPDX-License-Identifier: Apache-2.0
 *
 * The CMPP link against the test gateway (tests/peers/smsc.mjs), a program of its own. Each test has its own gateway and
 * ends with a link that closed cleanly and a gateway that saw no violation.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <arpa/inet.h>
#include <cjson/cJSON.h>
#include <cmocka.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "push/link.h"

extern char **environ;

#define PHONE   "13800138000"
#define WAIT_MS 10000

/* ---- the gateway as a child ---- */

static struct {
    pid_t    pid;
    uint16_t port, control;
} smsc;

static void smsc_start(const char *version, const char *window) {
    int                        fds[2];
    char                       line[128] = {0}, node[] = "node", script[] = "tests/peers/smsc.mjs", v[] = "--version", w[] = "--window";
    char                      *ver = x_strdup(version), *win = x_strdup(window);
    char                      *argv[] = {node, script, v, ver, w, win, NULL};
    posix_spawn_file_actions_t fa;
    unsigned                   port, control;

    assert_int_equal(pipe(fds), 0);
    assert_int_equal(posix_spawn_file_actions_init(&fa), 0);
    assert_int_equal(posix_spawn_file_actions_adddup2(&fa, fds[1], 1), 0);
    assert_int_equal(posix_spawn_file_actions_addclose(&fa, fds[0]), 0);
    assert_int_equal(posix_spawnp(&smsc.pid, "node", &fa, NULL, argv, environ), 0);
    (void)posix_spawn_file_actions_destroy(&fa);
    (void)close(fds[1]);
    for (size_t n = 0; n < sizeof line - 1 && (n == 0 || line[n - 1] != '\n'); n++) assert_int_equal(read(fds[0], line + n, 1), 1);
    (void)close(fds[0]);
    assert_int_equal(sscanf(line, "{\"port\":%u,\"control\":%u}", &port, &control), 2);
    smsc.port    = (uint16_t)port;
    smsc.control = (uint16_t)control;
    x_free(ver);
    x_free(win);
}

static void smsc_stop(void) {
    int status;
    if (smsc.pid <= 0) return;
    (void)kill(smsc.pid, SIGTERM);
    (void)waitpid(smsc.pid, &status, 0);
    smsc.pid = 0;
}

/* The control port; blocking is fine, the gateway is another process. Caller deletes. */
static cJSON *control(const char *method, const char *path, const char *body) {
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(smsc.control), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct buf         b;
    char               chunk[4096];
    ssize_t            n;
    int                fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(fd, (const struct sockaddr *)&a, sizeof a), 0);
    buf_init(&b, 1 << 20);
    buf_printf(&b, "%s %s HTTP/1.1\r\nHost: x\r\nContent-Length: %zu\r\n\r\n%s", method, path, strlen(body), body);
    assert_int_equal(write(fd, b.p, b.len), b.len);
    buf_reset(&b);
    while ((n = read(fd, chunk, sizeof chunk)) > 0) buf_put(&b, chunk, (size_t)n);
    (void)close(fd);
    assert_non_null(strstr(buf_str(&b), " 200 "));
    const char *at = strstr(buf_str(&b), "\r\n\r\n");
    assert_non_null(at);
    cJSON *j = cJSON_Parse(at + 4);
    assert_non_null(j);
    buf_fini(&b);
    return j;
}

static void post(const char *path, const char *body) { cJSON_Delete(control("POST", path, body)); }
static void behave(const char *body) { post("/behave", body); }

static double stat_of(const char *name) {
    cJSON *j = control("GET", "/stats", "");
    double v = cJSON_GetNumberValue(cJSON_GetObjectItem(j, name));
    cJSON_Delete(j);
    return v;
}

/* ---- the owner of the link ---- */

#define SEEN_MAX 512
static struct {
    uv_loop_t         loop;
    struct link *link;
    unsigned          up, down, room, closed, mos;
    const char       *why;
    size_t            results_n, reports_n, orphans_n;
    uint64_t          cookie[SEEN_MAX];
    struct sms_result result[SEEN_MAX];
    struct sms_report report[SEEN_MAX], orphan[SEEN_MAX];
    char              mo_text[256], mo_phone[33];
    uint64_t          mo_token;
    bool              store_later, report_before_result, close_on_result;
    size_t            to_send; /* a backlog: on_room and on_up send from it */
    uint64_t          next_cookie;
} me;

static void send_backlog(void) {
    while (me.to_send > 0 && link_submit(me.link, me.next_cookie, PHONE, "您有新的待办事项") == ERR_OK) {
        me.to_send--;
        me.next_cookie++;
    }
}
static void on_up(void *arg) {
    (void)arg;
    me.up++;
    send_backlog();
}
static void on_down(void *arg, const char *why) {
    (void)arg;
    me.down++;
    me.why = why;
}
static void on_room(void *arg) {
    (void)arg;
    me.room++;
    send_backlog();
}
static void on_result(void *arg, uint64_t cookie, const struct sms_result *r) {
    (void)arg;
    assert_true(me.results_n < SEEN_MAX);
    me.cookie[me.results_n]   = cookie;
    me.result[me.results_n++] = *r;
    if (me.close_on_result && me.results_n == 1) link_close(me.link);
}
static bool on_report(void *arg, const struct sms_report *r) {
    bool known = false;
    (void)arg;
    for (size_t i = 0; i < me.results_n; i++) known = known || me.cookie[i] == r->cookie;
    if (!known) me.report_before_result = true;
    assert_true(me.reports_n < SEEN_MAX);
    me.report[me.reports_n++] = *r;
    return !me.store_later;
}
static bool on_orphan_report(void *arg, const struct sms_report *r) {
    (void)arg;
    assert_true(me.orphans_n < SEEN_MAX);
    me.orphan[me.orphans_n++] = *r;
    return true;
}
static bool on_mo(void *arg, const struct sms_mo *mo) {
    (void)arg;
    me.mos++;
    (void)snprintf(me.mo_text, sizeof me.mo_text, "%s", mo->text);
    (void)snprintf(me.mo_phone, sizeof me.mo_phone, "%s", mo->phone);
    me.mo_token = mo->token;
    return !me.store_later;
}
static void on_closed(void *arg) {
    (void)arg;
    me.closed++;
    me.link = NULL;
}

static const struct link_ops OPS = {.on_up            = on_up,
                                    .on_down          = on_down,
                                    .on_room          = on_room,
                                    .on_result        = on_result,
                                    .on_report        = on_report,
                                    .on_orphan_report = on_orphan_report,
                                    .on_mo            = on_mo,
                                    .on_closed        = on_closed};

static void on_wake(uv_timer_t *t) { (void)t; }

/* Turns the loop until cond; a failed wait names itself. */
static bool loop_until(bool (*cond)(size_t), size_t n, int64_t ms) {
    const int64_t end = clock_mono_ms() + ms;
    uv_timer_t    t;
    bool          ok;
    (void)uv_timer_init(&me.loop, &t);
    (void)uv_timer_start(&t, on_wake, 5, 5);
    while (!(ok = cond(n)) && clock_mono_ms() < end) (void)uv_run(&me.loop, UV_RUN_ONCE);
    uv_close((uv_handle_t *)&t, NULL);
    (void)uv_run(&me.loop, UV_RUN_NOWAIT);
    return ok;
}
#define AWAIT(cond, n) assert_true(loop_until(cond, n, WAIT_MS))

static bool ups(size_t n) { return me.up >= n; }
static bool downs(size_t n) { return me.down >= n; }
static bool results(size_t n) { return me.results_n >= n; }
static bool reports(size_t n) { return me.reports_n >= n; }
static bool orphans(size_t n) { return me.orphans_n >= n; }
static bool mos(size_t n) { return me.mos >= n; }
static bool rooms(size_t n) { return me.room >= n; }
static bool closed(size_t n) { return me.closed >= n; }
static bool never(size_t n) {
    (void)n;
    return false;
}
static bool acked(size_t n) { return stat_of("deliver_acked") >= (double)n; }
static bool submits(size_t n) { return stat_of("submits") >= (double)n; }
static bool tests_answered(size_t n) { return stat_of("active_test_resps") >= (double)n; }
static bool tests_sent(size_t n) { return stat_of("active_tests") >= (double)n; }
static bool resends(size_t n) { return stat_of("report_resends") >= (double)n; }
static bool refused(size_t n) {
    struct link_stats s;
    link_stats(me.link, &s);
    return s.login_refused >= n;
}
static bool held(size_t n) {
    struct link_stats s;
    link_stats(me.link, &s);
    return s.held >= n;
}

static struct link_conf conf(void) {
    return (struct link_conf){.proto          = link_proto_find("cmpp"),
                              .host           = "127.0.0.1",
                              .port           = smsc.port,
                              .user        = "901234",
                              .secret         = "1234",
                              .service_id     = "ZWTZ",
                              .src_id         = "10690000123",
                              .backoff_min_ms = 20,
                              .backoff_max_ms = 200};
}
static void open_link(const struct link_conf *c) {
    assert_int_equal(link_open(&me.loop, c, &OPS, NULL, &me.link), ERR_OK);
    AWAIT(ups, 1);
}
static void submit(uint64_t cookie, const char *text) { assert_int_equal(link_submit(me.link, cookie, PHONE, text), ERR_OK); }

static void close_link(void) {
    if (me.link) link_close(me.link);
    AWAIT(closed, 1);
}
static char *repeat(const char *s, size_t n) {
    struct buf b;
    buf_init(&b, 1 << 20);
    for (size_t i = 0; i < n; i++) buf_puts(&b, s);
    return buf_take(&b, NULL);
}

static int setup(void **state) {
    (void)state;
    memset(&me, 0, sizeof me);
    (void)uv_loop_init(&me.loop);
    smsc_start("3", "16");
    return 0;
}
static int teardown(void **state) {
    (void)state;
    if (smsc.pid > 0) {
        cJSON *j = control("GET", "/stats", "");
        double n = cJSON_GetNumberValue(cJSON_GetObjectItem(j, "violations_n"));
        if (n != 0) print_message("violations: %s\n", cJSON_PrintUnformatted(cJSON_GetObjectItem(j, "violations")));
        cJSON_Delete(j);
        smsc_stop();
        if (n != 0) return -1;
    }
    if (me.link) return -1;
    return uv_loop_close(&me.loop);
}

/* ---- tests ---- */

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
    assert_int_equal(strlen(me.report[0].done_time), 10);
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
    smsc_start("2", "16"); /* asked for 3.0, the gateway knows 2.0 and says so in the short form */
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
    assert_int_equal(strlen(me.result[0].refs), 5 * 17 - 1);
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

    /* The second part fails: the message fails, and it is said once. */
    text = repeat("测", 140);
    behave("{\"report_part\":{\"2\":\"MK:0001\"}}");
    submit(3, text);
    AWAIT(reports, 2);
    AWAIT(acked, 8);
    assert_true(me.report[1].cookie == 3 && !me.report[1].delivered && me.reports_n == 2);
    assert_string_equal(me.report[1].stat, "MK:0001");

    /* Throttled in part: not sent, but two parts are on their way. */
    behave("{\"report_part\":{},\"throttle_part\":2}");
    submit(4, text);
    AWAIT(results, 3);
    assert_true(me.result[2].verdict == SMS_THROTTLED && me.result[2].taken_n == 2 && me.result[2].throttled_n == 1);
    AWAIT(acked, 10); /* the reports of those two are answered and go nowhere */
    assert_true(me.reports_n == 2 && me.orphans_n == 0);
    x_free(text);
    close_link();
}

static void t_throttled_and_rejected(void **state) {
    (void)state;
    struct link_conf  c = conf();
    struct link_stats s;
    open_link(&c);
    behave("{\"throttle_every\":2,\"report\":\"none\",\"reject_phone\":{\"13900000000\":13}}");
    submit(1, "一");
    submit(2, "二");
    submit(3, "三");
    assert_int_equal(link_submit(me.link, 4, "13900000000", "四"), ERR_OK);
    AWAIT(results, 4);
    assert_int_equal(me.result[0].verdict, SMS_SENT);
    assert_true(me.result[1].verdict == SMS_THROTTLED && me.result[1].code == 8 && me.result[1].taken_n == 0);
    assert_int_equal(me.result[2].verdict, SMS_SENT);
    assert_true(me.result[3].verdict == SMS_REJECTED && me.result[3].code == 13 && me.result[3].refs[0] == '\0');
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
    post("/report", "{\"msg_id\":\"110c4141e2400315\",\"phone\":\"" PHONE "\",\"stat\":\"EXPIRED\"}");
    AWAIT(held, 1);
    assert_int_equal(me.orphans_n, 0);
    AWAIT(orphans, 1);
    assert_int_equal(me.results_n, 12);
    assert_string_equal(me.orphan[0].ref, "110c4141e2400315");
    assert_string_equal(me.orphan[0].stat, "EXPIRED");
    assert_string_equal(me.orphan[0].phone, PHONE);
    assert_false(me.orphan[0].delivered);
    AWAIT(reports, 12);
    post("/report", "{\"msg_id\":\"110c4141e2400316\",\"phone\":\"" PHONE "\"}"); /* nothing under way: at once */
    AWAIT(orphans, 2);
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
    behave("{\"send_hex\":\"474554202f\"}"); /* not CMPP: the stream is given up, not waited for */
    AWAIT(ups, 6);
    assert_string_equal(me.why, "bad_frame");
    behave("{\"send_hex\":\"0000000d8000000400000001ff\"}");
    AWAIT(ups, 7);
    assert_string_equal(me.why, "bad_submit_answer");
    behave("{\"send_hex\":\"0000000d0000000500000001ff\"}"); /* a broken DELIVER is refused, the link stays */
    AWAIT(submits, 0);
    submit(1, "您好");
    AWAIT(reports, 1);
    assert_int_equal(me.up, 7);
    close_link();
    /* the gateway notices that it did not ask for that last DELIVER_RESP: expected here */
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

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        T(t_sent_and_reported), T(t_version_two),        T(t_long_text),          T(t_throttled_and_rejected), T(t_window),
        T(t_report_before_answer), T(t_stored_later),    T(t_silence_is_unknown), T(t_cut_in_the_window),      T(t_reconnect),
        T(t_login_refused),     T(t_active_test),        T(t_close_waits),        T(t_nobody_there),
    };
    /* NOLINTNEXTLINE: a fixed command, to see whether there is a gateway to test against */
    if (system("command -v node >/dev/null 2>&1 && test -f tests/peers/smsc.mjs") != 0) {
        (void)printf("skipped: no node, or not run from the root of the sources\n");
        return 0;
    }
    assert_int_equal(system("node tests/peers/smsc.mjs --self-test >/dev/null"), 0);
    log_set(LOG_ERROR, 2);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
