/* SPDX-License-Identifier: Apache-2.0
 *
 * The world of a link test: a carrier's gateway as a child (tests/peers/), its control port, and an owner that remembers what
 * its link tells. Included by the tests of the link once; the side of the table says which protocol is spoken.
 */
#ifndef ZB_TESTS_CARRIER_H
#define ZB_TESTS_CARRIER_H

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
#include "push/wire.h"

#define HELPER __attribute__((unused)) static

extern char **environ;

#define PHONE   "13800138000"
#define WAIT_MS 10000

HELPER size_t unhex(const char *s, uint8_t *out) {
    size_t n = 0;
    for (; s[0] && s[1]; s += 2) {
        unsigned v;
        assert_int_equal(sscanf(s, "%2x", &v), 1);
        out[n++] = (uint8_t)v;
    }
    return n;
}
HELPER void same(const struct wire_pdu *pdu, const char *hex) {
    uint8_t want[WIRE_SEND_MAX];
    assert_int_equal(unhex(hex, want), pdu->len);
    assert_memory_equal(pdu->b, want, pdu->len);
}

/* What is different from one protocol to the next. */
struct side {
    const char *proto, *script, *user, *secret;
    const char *args;               /* one word more for the gateway, or NULL */
    unsigned    throttled, refused; /* codes */
    size_t      ref_n;              /* characters of a reference; 0: as the gateway likes */
    const char *strange_ref, *other_ref; /* that nobody was given */
    const char *garbage_hex, *bad_answer_hex, *bad_delivery_hex;
    bool        has_test, has_done_time, has_peers;
};
static const struct side *the;

/* ---- the gateway as a child ---- */

static struct {
    pid_t    pid;
    uint16_t port, control;
} smsc;

HELPER void smsc_start(const char *option, const char *value) {
    int                        fds[2];
    char                       line[128] = {0}, node[] = "node";
    char                      *script = x_strdup(the->script), *name = x_strdup(option), *val = x_strdup(value);
    char                      *argv[] = {node, script, name, val, NULL};
    posix_spawn_file_actions_t fa;
    unsigned                   port, control_port;

    assert_int_equal(pipe(fds), 0);
    assert_int_equal(posix_spawn_file_actions_init(&fa), 0);
    assert_int_equal(posix_spawn_file_actions_adddup2(&fa, fds[1], 1), 0);
    assert_int_equal(posix_spawn_file_actions_addclose(&fa, fds[0]), 0);
    assert_int_equal(posix_spawnp(&smsc.pid, "node", &fa, NULL, argv, environ), 0);
    (void)posix_spawn_file_actions_destroy(&fa);
    (void)close(fds[1]);
    for (size_t n = 0; n < sizeof line - 1 && (n == 0 || line[n - 1] != '\n'); n++) assert_int_equal(read(fds[0], line + n, 1), 1);
    (void)close(fds[0]);
    assert_int_equal(sscanf(line, "{\"port\":%u,\"control\":%u}", &port, &control_port), 2);
    smsc.port    = (uint16_t)port;
    smsc.control = (uint16_t)control_port;
    x_free(script);
    x_free(name);
    x_free(val);
}

HELPER void smsc_stop(void) {
    int status;
    if (smsc.pid <= 0) return;
    (void)kill(smsc.pid, SIGTERM);
    (void)waitpid(smsc.pid, &status, 0);
    smsc.pid = 0;
}

/* The control port; blocking is fine, the gateway is another process. Caller deletes. */
HELPER cJSON *control(const char *method, const char *path, const char *body) {
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

HELPER void post(const char *path, const char *body) { cJSON_Delete(control("POST", path, body)); }
HELPER void behave(const char *body) { post("/behave", body); }

HELPER double stat_of(const char *name) {
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
    uint32_t          refused; /* code of the last refused log-in that needs a person */
    size_t            results_n, reports_n, orphans_n, parts_n;
    uint64_t          cookie[SEEN_MAX];
    struct sms_result result[SEEN_MAX];
    struct sms_report report[SEEN_MAX], orphan[SEEN_MAX], part; /* part: the last one */
    char              mo_text[256], mo_phone[33];
    uint64_t          mo_token;
    bool              store_later, report_before_result, close_on_result;
    size_t            to_send; /* a backlog: on_room and on_up send from it */
    uint64_t          next_cookie;
} me;

HELPER void send_backlog(void) {
    while (me.to_send > 0 && link_submit(me.link, me.next_cookie, PHONE, "您有新的待办事项") == ERR_OK) {
        me.to_send--;
        me.next_cookie++;
    }
}
HELPER void on_up(void *arg) {
    (void)arg;
    me.up++;
    send_backlog();
}
HELPER void on_down(void *arg, const char *why) {
    (void)arg;
    me.down++;
    me.why = why;
}
HELPER void on_refused(void *arg, uint32_t code) {
    (void)arg;
    me.refused = code;
}
HELPER void on_room(void *arg) {
    (void)arg;
    me.room++;
    send_backlog();
}
HELPER void on_result(void *arg, uint64_t cookie, const struct sms_result *r) {
    (void)arg;
    assert_true(me.results_n < SEEN_MAX);
    me.cookie[me.results_n]   = cookie;
    me.result[me.results_n++] = *r;
    if (me.close_on_result && me.results_n == 1) link_close(me.link);
}
HELPER bool on_report(void *arg, const struct sms_report *r) {
    bool known = false;
    (void)arg;
    for (size_t i = 0; i < me.results_n; i++) known = known || me.cookie[i] == r->cookie;
    if (!known) me.report_before_result = true;
    assert_true(me.reports_n < SEEN_MAX);
    me.report[me.reports_n++] = *r;
    return !me.store_later;
}
HELPER bool on_part_report(void *arg, const struct sms_report *r) {
    (void)arg;
    me.part = *r;
    me.parts_n++;
    return !me.store_later;
}
HELPER bool on_orphan_report(void *arg, const struct sms_report *r) {
    (void)arg;
    assert_true(me.orphans_n < SEEN_MAX);
    me.orphan[me.orphans_n++] = *r;
    return true;
}
HELPER bool on_mo(void *arg, const struct sms_mo *mo) {
    (void)arg;
    me.mos++;
    (void)snprintf(me.mo_text, sizeof me.mo_text, "%s", mo->text);
    (void)snprintf(me.mo_phone, sizeof me.mo_phone, "%s", mo->phone);
    me.mo_token = mo->token;
    return !me.store_later;
}
HELPER void on_closed(void *arg) {
    (void)arg;
    me.closed++;
    me.link = NULL;
}

static const struct link_ops OPS = {.on_up            = on_up,
                                    .on_down          = on_down,
                                    .on_refused       = on_refused,
                                    .on_room          = on_room,
                                    .on_result        = on_result,
                                    .on_report        = on_report,
                                    .on_part_report   = on_part_report,
                                    .on_orphan_report = on_orphan_report,
                                    .on_mo            = on_mo,
                                    .on_closed        = on_closed};

HELPER void on_wake(uv_timer_t *t) { (void)t; }

/* Turns the loop until cond; a failed wait names itself. */
HELPER bool loop_until(bool (*cond)(size_t), size_t n, int64_t ms) {
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

HELPER bool ups(size_t n) { return me.up >= n; }
HELPER bool downs(size_t n) { return me.down >= n; }
HELPER bool results(size_t n) { return me.results_n >= n; }
HELPER bool reports(size_t n) { return me.reports_n >= n; }
HELPER bool orphans(size_t n) { return me.orphans_n >= n; }
HELPER bool mos(size_t n) { return me.mos >= n; }
HELPER bool rooms(size_t n) { return me.room >= n; }
HELPER bool closed(size_t n) { return me.closed >= n; }
HELPER bool never(size_t n) {
    (void)n;
    return false;
}
HELPER bool parts(size_t n) { return me.parts_n >= n; }
HELPER bool acked(size_t n) { return stat_of("deliver_acked") >= (double)n; }
HELPER bool submits(size_t n) { return stat_of("submits") >= (double)n; }
HELPER bool tests_answered(size_t n) { return stat_of("active_test_resps") >= (double)n; }
HELPER bool tests_sent(size_t n) { return stat_of("active_tests") >= (double)n; }
HELPER bool resends(size_t n) { return stat_of("report_resends") >= (double)n; }
HELPER bool refused(size_t n) {
    struct link_stats s;
    link_stats(me.link, &s);
    return s.login_refused >= n;
}
HELPER bool held(size_t n) {
    struct link_stats s;
    link_stats(me.link, &s);
    return s.held >= n;
}

HELPER struct link_conf conf(void) {
    return (struct link_conf){.proto          = link_proto_find(the->proto),
                              .host           = "127.0.0.1",
                              .port           = smsc.port,
                              .user           = the->user,
                              .secret         = the->secret,
                              .service_id     = "ZWTZ",
                              .src_id         = "10690000123",
                              .node           = 3010099999u,
                              .corp_id        = "99999",
                              .listen_host    = the->has_peers ? "127.0.0.1" : NULL,
                              .backoff_min_ms = 20,
                              .backoff_max_ms = 200};
}
/* Where the gateway has to call us, it is told where. */
HELPER void tell_port(void) {
    struct link_stats s;
    char              body[64];
    link_stats(me.link, &s);
    (void)snprintf(body, sizeof body, "{\"peer_port\":%u}", (unsigned)s.listen_port);
    if (the->has_peers) behave(body);
}
HELPER void open_link(const struct link_conf *c) {
    assert_int_equal(link_open(&me.loop, c, &OPS, NULL, &me.link), ERR_OK);
    tell_port();
    AWAIT(ups, 1);
}
HELPER void submit(uint64_t cookie, const char *text) { assert_int_equal(link_submit(me.link, cookie, PHONE, text), ERR_OK); }

HELPER void close_link(void) {
    if (me.link) link_close(me.link);
    AWAIT(closed, 1);
}
HELPER char *repeat(const char *s, size_t n) {
    struct buf b;
    buf_init(&b, 1 << 20);
    for (size_t i = 0; i < n; i++) buf_puts(&b, s);
    return buf_take(&b, NULL);
}

HELPER int setup(void **state) {
    the = *state;
    memset(&me, 0, sizeof me);
    (void)uv_loop_init(&me.loop);
    smsc_start("--window", "16");
    return 0;
}
HELPER int teardown(void **state) {
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


#endif
