/* SPDX-License-Identifier: Apache-2.0
 *
 * The delivery worker from the notice to the carrier: a real store, a real redis-server, the relay, and the test gateway
 * tests/peers/smsc.mjs. Each test has its own of all. `test_deliver worker DIR PORT REDIS` is a push process of its own, to be killed.
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
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/check.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "push/deliver.h"
#include "push/pace.h"
#include "push/relay.h"
#include "store/delivery.h"
#include "store/migrate.h"
#include "store/redis.h"
#include "store/redis_server.h"

extern char **environ;

#define PHONE   "13800138000"
#define WAIT_MS 15000

/* ---- the house ---- */
static struct {
    char                 dir[64], db_path[96], redis[160], why[512];
    struct conf          conf;
    struct sm4_key       key;
    struct redis_server *server;
    struct writer       *writer, *writer2;
    struct relay        *relay;
    struct deliver      *deliver, *second;
    struct db           *db;
    pid_t                smsc;
    unsigned             port, control, rate;
    bool                 demo;
    uint32_t             request_ms;
    int64_t              again_ms;
} h;

#define OK(expr) assert_int_equal((expr), ERR_OK)
#define AWAIT(cond)                                                                                                              \
    do {                                                                                                                         \
        int64_t until_ = clock_mono_ms() + WAIT_MS;                                                                              \
        bool    ok_;                                                                                                             \
        while (!(ok_ = (cond)) && clock_mono_ms() < until_) (void)usleep(5000);                                                  \
        if (!ok_) dump();                                                                                                        \
        if (!ok_) print_message("not within %d ms: %s\n", WAIT_MS, #cond);                                                       \
        assert_true(ok_); /* asked once: an answer may time out on a busy machine */                                             \
    } while (0)

/* sql: a literal. */
static int64_t one(const char *sql) {
    int64_t  v = -1;
    enum err e = db_one_i(h.db, &v, sql, "");
    return e == ERR_NOTFOUND ? 0 : e ? -1 : v;
}

static void dump(void) {
    struct rows *r = db_query(h.db, "SELECT id || ' ' || lane || ' ' || channel || ' ' || state || ' ' || detail || ' ' || attempts FROM delivery LIMIT 20", "");
    while (db_next(r)) print_message("  %s\n", row_s(r, 0));
    OK(db_rows_end(r));
}

static void smsc_start(void) {
    int                        fds[2];
    char                       line[128] = {0}, node[] = "node", script[] = "tests/peers/smsc.mjs", port[16], p[] = "--port";
    char                      *argv[] = {node, script, p, port, NULL};
    posix_spawn_file_actions_t fa;
    (void)snprintf(port, sizeof port, "%u", h.port); /* 0 the first time; the same after a restart */
    assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
    assert_int_equal(posix_spawn_file_actions_init(&fa), 0);
    assert_int_equal(posix_spawn_file_actions_adddup2(&fa, fds[1], 1), 0);
    assert_int_equal(posix_spawnp(&h.smsc, "node", &fa, NULL, argv, environ), 0);
    (void)posix_spawn_file_actions_destroy(&fa);
    (void)close(fds[1]);
    for (size_t n = 0; n < sizeof line - 1 && (n == 0 || line[n - 1] != '\n'); n++) assert_int_equal(read(fds[0], line + n, 1), 1);
    (void)close(fds[0]);
    assert_int_equal(sscanf(line, "{\"port\":%u,\"control\":%u}", &h.port, &h.control), 2);
}

static void smsc_stop(void) {
    int status;
    if (h.smsc <= 0) return;
    (void)kill(h.smsc, SIGTERM);
    (void)waitpid(h.smsc, &status, 0);
    h.smsc = 0;
}

static cJSON *control(const char *method, const char *path, const char *body) {
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons((uint16_t)h.control), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct buf         b;
    char               chunk[4096];
    ssize_t            n;
    int                fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(fd, (const struct sockaddr *)&a, sizeof a), 0);
    buf_init(&b, 1 << 22);
    buf_printf(&b, "%s %s HTTP/1.1\r\nHost: x\r\nContent-Length: %zu\r\n\r\n%s", method, path, strlen(body), body);
    assert_int_equal(write(fd, b.p, b.len), b.len);
    buf_reset(&b);
    while ((n = read(fd, chunk, sizeof chunk)) > 0) buf_put(&b, chunk, (size_t)n);
    (void)close(fd);
    assert_non_null(strstr(buf_str(&b), " 200 "));
    cJSON *j = cJSON_Parse(strstr(buf_str(&b), "\r\n\r\n") + 4);
    assert_non_null(j);
    buf_fini(&b);
    return j;
}

static void behave(const char *body) { cJSON_Delete(control("POST", "/behave", body)); }

static int stat_of(const char *name) {
    cJSON *j = control("GET", "/stats", "");
    int    v = (int)cJSON_GetNumberValue(cJSON_GetObjectItem(j, name));
    cJSON_Delete(j);
    return v;
}

/* How often the most frequent text was received, and how many different ones there are. */
static int most(int *different) {
    cJSON *j   = control("GET", "/messages", "");
    int    max = 0, kinds = 0;
    for (cJSON *m = j->child; m; m = m->next) {
        int         n = 0;
        bool        first = true;
        const char *t = cJSON_GetStringValue(cJSON_GetObjectItem(m, "text"));
        for (cJSON *o = j->child; o; o = o->next)
            if (strcmp(t, cJSON_GetStringValue(cJSON_GetObjectItem(o, "text"))) == 0) {
                n++;
                if (n == 1) first = o == m;
            }
        kinds += first;
        if (n > max) max = n;
    }
    cJSON_Delete(j);
    *different = kinds;
    return max;
}

static struct relay_channel channel_of(const char *channel) {
    (void)channel;
    return (struct relay_channel){100, 3600};
}

static void committed(void *arg, size_t n) {
    (void)arg;
    (void)n;
    struct relay *r = __atomic_load_n(&h.relay, __ATOMIC_SEQ_CST);
    if (r) relay_wake(r);
}

static struct deliver *worker(const char *name, struct writer *w) {
    struct deliver     *d = NULL;
    struct deliver_conf c = {.conf = &h.conf, .redis = h.redis, .writer = w, .pii_key = &h.key, .worker = name, .demo = h.demo, .data_dir = h.dir,
                             .signature = "南平掌办", .request_ms = h.request_ms, .backoff_ms = 50, .again_ms = h.again_ms};
    enum err            e = deliver_start(&c, &d, h.why, sizeof h.why);
    if (e) print_message("%s\n", h.why);
    assert_int_equal(e, ERR_OK);
    return d;
}

static void start(void) { h.deliver = worker("w1", h.writer); }

static void stop(void) {
    deliver_stop(h.deliver);
    h.deliver = NULL;
}

/* The carrier as a section of the configuration. */
static void provider(const char *secret) {
    char port[16], rate[16];
    (void)snprintf(port, sizeof port, "%u", h.port);
    (void)snprintf(rate, sizeof rate, "%u", h.rate);
    conf_fini(&h.conf);
    struct conf_section *s = conf_section_add(&h.conf, "provider", "carrier");
    const char *const    pairs[][2] = {{"kind", "cmpp"}, {"host", "127.0.0.1"}, {"port", port}, {"sp", "901234"}, {"secret_file", secret},
                                       {"src_id", "10690000123"}, {"service_id", "ZWTZ"}, {"rate_per_s", rate}};
    for (size_t i = 0; i < ARRAY_N(pairs); i++) conf_section_set(s, pairs[i][0], pairs[i][1], (int)i);
}

static void carrier(void) {
    char path[128];
    smsc_start();
    (void)snprintf(path, sizeof path, "%s/secret", h.dir);
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    assert_int_equal(write(fd, "1234\n", 5), 5);
    (void)close(fd);
    provider(path);
}

static enum err add_person(struct db *db, void *arg) {
    uint8_t sealed[64];
    size_t  n;
    (void)arg;
    enum err e = sm4_seal(&h.key, PHONE, strlen(PHONE), sealed, sizeof sealed, &n);
    if (e) return e;
    e = db_exec(db, "INSERT INTO person (id, name, roles, phone_enc, created_wall) VALUES ('p_1', 'a', 1, ?1, 0)", "b", sealed, n);
    return e ? e : db_exec(db, "INSERT INTO person (id, name, roles, created_wall) VALUES ('p_none', 'b', 1, 0)", "");
}

static void fill_house(void) {
    uint8_t master[32] = {1, 2, 3};
    memset(&h, 0, sizeof h);
    conf_defaults(&h.conf);
    sm4_key_derive(&h.key, 1, master);
    h.rate           = 1000;
    h.request_ms     = 0;
    h.again_ms       = 60000;
}

static int setup(void **state) {
    (void)state;
    struct db *db;
    fill_house();
    (void)snprintf(h.dir, sizeof h.dir, "/tmp/zb-deliver.XXXXXX");
    if (mkdtemp(h.dir) == NULL) return -1;
    (void)snprintf(h.db_path, sizeof h.db_path, "%s/zhangban.db", h.dir);
    OK(db_open(h.db_path, DB_WRITE, &db, h.why, sizeof h.why));
    OK(migrate(db, NULL, NULL, h.why, sizeof h.why));
    db_close(db);
    OK(db_open(h.db_path, DB_READ, &h.db, h.why, sizeof h.why));
    OK(redis_server_start(h.dir, &h.server, h.redis, sizeof h.redis, h.why, sizeof h.why));
    OK(writer_start(h.db_path, 4096, 512, (struct writer_hooks){.committed = committed}, &h.writer, h.why, sizeof h.why));
    OK(writer_start(h.db_path, 4096, 512, (struct writer_hooks){.committed = committed}, &h.writer2, h.why, sizeof h.why));
    OK(writer_call(h.writer, add_person, NULL));
    struct relay_conf rc = {.db_path = h.db_path, .redis = h.redis, .writer = h.writer, .channel = channel_of};
    struct relay     *r;
    OK(relay_start(&rc, &r, h.why, sizeof h.why));
    __atomic_store_n(&h.relay, r, __ATOMIC_SEQ_CST);
    return 0;
}

static int teardown(void **state) {
    (void)state;
    int bad = 0;
    deliver_stop(h.second);
    deliver_stop(h.deliver);
    if (h.smsc) {
        bad = stat_of("violations_n");
        if (bad) print_message("violations: %d\n", bad);
    }
    smsc_stop();
    relay_stop(h.relay);
    writer_stop(h.writer);
    writer_stop(h.writer2);
    redis_server_stop(h.server);
    db_close(h.db);
    conf_fini(&h.conf);
    char cmd[128];
    (void)snprintf(cmd, sizeof cmd, "rm -rf '%s'", h.dir);
    return system(cmd) || bad;
}

/* ---- notices ---- */
struct what {
    const char *person, *channel, *body;
    int         priority, first, n;
};

static enum err add(struct db *db, void *arg) {
    const struct what *w = arg;
    enum err           e = ERR_OK;
    for (int i = w->first; e == ERR_OK && i < w->first + w->n; i++) {
        char              id[32], d[32], body[2000];
        struct notice_row row = {.id = id, .person = w->person, .kind = "task.assigned", .object = "task:1", .title = "标题", .body = body, .dedupe = id, .var_t = "标题", .var_x = "",
                                 .priority = w->priority, .created_biz_ms = 1520814600000, .created_wall_ms = clock_wall_ms()};
        (void)snprintf(id, sizeof id, "n_%05d", i);
        (void)snprintf(d, sizeof d, "d_%05d", i);
        (void)snprintf(body, sizeof body, "%s%d号", w->body, i);
        e = notice_insert(db, &row);
        struct delivery_row dr = {.id = d, .notice = id, .person = w->person, .channel = w->channel, .target = "", .priority = w->priority,
                                  .due_wall_ms = clock_wall_ms(), .wall_ms = clock_wall_ms()};
        if (e == ERR_OK) e = delivery_insert(db, &dr);
    }
    return e;
}

static int next_id;
static void say_to(const char *person, const char *channel, int priority, int n, const char *body) {
    struct what w = {person, channel, body, priority, next_id, n};
    next_id += n;
    OK(writer_call(h.writer, add, &w));
}
static void say(int priority, int n) { say_to("p_1", "sms", priority, n, "您有新任务"); }

struct code {
    const char *id;
    int64_t     expires_in_ms;
};

static enum err add_code(struct db *db, void *arg) {
    const struct code *c = arg;
    uint8_t            phone[64], text[200];
    const char        *t = "【南平掌办】验证码123456";
    size_t             phone_n, text_n;
    int64_t            now = clock_wall_ms();
    enum err           e   = sm4_seal(&h.key, PHONE, strlen(PHONE), phone, sizeof phone, &phone_n);
    if (e == ERR_OK) e = sm4_seal(&h.key, t, strlen(t), text, sizeof text, &text_n);
    if (e) return e;
    struct direct_sms d = {.id = c->id, .ref = "c", .phone_enc = phone, .phone_n = phone_n, .text_enc = text, .text_n = text_n,
                           .expires_wall_ms = now + c->expires_in_ms, .live = true, .demo_log = h.demo};
    return delivery_insert_direct(db, &d, now);
}

static void say_code(const char *id, int64_t expires_in_ms) {
    struct code c = {id, expires_in_ms};
    OK(writer_call(h.writer, add_code, &c));
}

#define COUNT_OF(state) one("SELECT COUNT(*) FROM delivery WHERE state = '" state "'")
#define ATTEMPTS(verdict) one("SELECT COUNT(*) FROM attempt WHERE verdict = '" verdict "'")
#define IDLE (relay_is_idle(h.relay) && deliver_is_idle(h.deliver))

/* ---- tests ---- */
static void t_happy(void **state) {
    (void)state;
    int kinds;
    carrier();
    start();
    AWAIT(IDLE);
    say(0, 1);
    say(1, 2);
    say(2, 2);
    assert_false(IDLE); /* something is waiting: the truth */
    AWAIT(COUNT_OF("delivered") == 5);
    AWAIT(IDLE);
    assert_int_equal(ATTEMPTS("sent"), 5);
    assert_int_equal(one("SELECT COUNT(*) FROM attempt WHERE ended_wall IS NULL"), 0);
    assert_int_equal(most(&kinds), 1);
    assert_int_equal(kinds, 5);
    AWAIT(stat_of("unacked_delivers") == 0); /* confirmed, because stored */
    cJSON *j = control("GET", "/messages", "");
    assert_non_null(strstr(cJSON_GetStringValue(cJSON_GetObjectItem(j->child, "text")), "【南平掌办】您有新任务"));
    cJSON_Delete(j);
}

static void t_long_text(void **state) {
    (void)state;
    char body[600] = "";
    for (size_t i = 0; i < 150; i++) (void)snprintf(body + 3 * i, sizeof body - 3 * i, "长");
    carrier();
    start();
    say_to("p_1", "sms", 1, 1, body);
    AWAIT(COUNT_OF("delivered") == 1);
    assert_int_equal(stat_of("submits"), 3);
    assert_int_equal(one("SELECT COUNT(*) FROM sms_part"), 3);
    behave("{\"report_part\":{\"2\":\"UNDELIV\"}}");
    say_to("p_1", "sms", 1, 1, body);
    AWAIT(COUNT_OF("failed") == 1);
}

static void t_throttled(void **state) {
    (void)state;
    int kinds;
    carrier();
    behave("{\"throttle_every\":3}");
    start();
    say(1, 20);
    AWAIT(COUNT_OF("delivered") == 20);
    assert_true(ATTEMPTS("throttled") >= 6);
    assert_int_equal(ATTEMPTS("sent"), 20);
    assert_int_equal(most(&kinds), 1);
    assert_int_equal(kinds, 20);
}

static void t_rejected(void **state) {
    (void)state;
    carrier();
    behave("{\"reject_phone\":{\"" PHONE "\":9}}");
    start();
    say(0, 1);
    say_to("p_none", "sms", 0, 1, "没有号码");
    AWAIT(COUNT_OF("failed") == 2);
    AWAIT(IDLE);
    assert_int_equal(stat_of("submits"), 1);
    assert_int_equal(one("SELECT COUNT(*) FROM delivery WHERE detail LIKE 'result 9%'"), 1);
    assert_int_equal(one("SELECT COUNT(*) FROM delivery WHERE detail = 'no number or token'"), 1);
}

static void t_silent(void **state) {
    (void)state;
    carrier();
    h.request_ms = 300;
    h.again_ms   = 600;
    behave("{\"silent\":\"submit\"}");
    start();
    say(1, 1);
    say(2, 1);
    say_code("d_code", 60000);
    AWAIT(ATTEMPTS("unknown") == 3);
    assert_int_equal(COUNT_OF("unknown"), 2); /* P2 and the code: on record, not repeated */
    assert_int_equal(one("SELECT COUNT(*) FROM direct_sms"), 0);
    behave("{\"silent\":false}");
    AWAIT(COUNT_OF("delivered") == 1);
    assert_int_equal(one("SELECT attempts FROM delivery WHERE state = 'delivered'"), 2);
    AWAIT(IDLE);
    assert_int_equal(COUNT_OF("unknown"), 2);
}

static void t_cut(void **state) {
    (void)state;
    int kinds;
    carrier();
    behave("{\"slow_ms\":40,\"drop_after\":12}"); /* every connection dies at its twelfth SUBMIT, with others unanswered */
    start();
    say(2, 40);
    AWAIT(COUNT_OF("delivered") + COUNT_OF("unknown") == 40);
    assert_true(COUNT_OF("unknown") > 0);
    assert_int_equal(ATTEMPTS("unknown"), COUNT_OF("unknown"));
    assert_int_equal(most(&kinds), 1); /* never twice */
    assert_true(stat_of("logins") > 1);
}

static void t_report_first(void **state) {
    (void)state;
    carrier();
    behave("{\"report_before_resp\":true,\"duplicate_reports\":true,\"deliver_resend_ms\":300}");
    start();
    say(1, 30);
    AWAIT(COUNT_OF("delivered") == 30);
    AWAIT(stat_of("unacked_delivers") == 0);
}

/* After a restart the link remembers nothing: the records do. */
static void t_orphan(void **state) {
    (void)state;
    char body[128], ref[64] = "";
    carrier();
    behave("{\"report\":\"none\"}");
    start();
    say(1, 1);
    AWAIT(COUNT_OF("sent") == 1);
    stop();
    start();
    struct rows *r = db_query(h.db, "SELECT provider_ref FROM delivery", "");
    if (db_next(r)) (void)snprintf(ref, sizeof ref, "%s", row_s(r, 0));
    OK(db_rows_end(r));
    assert_int_equal(strlen(ref), 16);
    AWAIT(stat_of("logins") == 2);
    (void)snprintf(body, sizeof body, "{\"msg_id\":\"%s\",\"stat\":\"DELIVRD\",\"phone\":\"" PHONE "\"}", ref);
    cJSON_Delete(control("POST", "/report", body));
    AWAIT(COUNT_OF("delivered") == 1);
    cJSON_Delete(control("POST", "/report", "{\"msg_id\":\"0123456789abcdef\",\"stat\":\"DELIVRD\",\"phone\":\"" PHONE "\"}"));
    AWAIT(stat_of("unacked_delivers") == 0); /* of nothing we know: confirmed, or it would come for ever */
    assert_int_equal(COUNT_OF("delivered"), 1);
}

static void t_expired(void **state) {
    (void)state;
    carrier();
    start();
    say_code("d_late", -1);
    say_code("d_good", 60000);
    AWAIT(one("SELECT COUNT(*) FROM delivery WHERE id = 'd_good' AND state = 'delivered'") == 1);
    AWAIT(one("SELECT COUNT(*) FROM delivery WHERE id = 'd_late' AND state = 'failed'") == 1);
    assert_int_equal(stat_of("submits"), 1);
    assert_int_equal(one("SELECT COUNT(*) FROM direct_sms"), 0);
}

static enum err read_all(struct db *db, void *arg) {
    (void)arg;
    for (int i = 0; i < 3; i++) {
        char     id[32];
        (void)snprintf(id, sizeof id, "n_%05d", next_id - 3 + i);
        enum err e = notice_read_row(db, "p_1", id, "app", clock_wall_ms());
        if (e) return e;
    }
    return ERR_OK;
}

static void t_read_before_send(void **state) {
    (void)state;
    carrier();
    smsc_stop(); /* no link: nothing is claimed */
    start();
    say(1, 3);
    AWAIT(COUNT_OF("queued") == 3);
    OK(writer_call(h.writer, read_all, NULL));
    assert_int_equal(COUNT_OF("cancelled"), 3);
    smsc_start();
    say(1, 1);
    AWAIT(COUNT_OF("delivered") == 1);
    AWAIT(IDLE);
    assert_int_equal(stat_of("submits"), 1);
    assert_int_equal(one("SELECT COUNT(*) FROM attempt"), 1);
}

static void t_stop_loses_nothing(void **state) {
    (void)state;
    int kinds;
    carrier();
    behave("{\"slow_ms\":300}");
    start();
    say(2, 60);
    AWAIT(stat_of("submits") >= 16);
    int64_t t = clock_mono_ms();
    stop();
    assert_true(clock_mono_ms() - t < 6000);
    assert_int_equal(COUNT_OF("claimed"), 0);
    assert_int_equal(COUNT_OF("unknown"), 0);
    behave("{\"slow_ms\":0}");
    start();
    AWAIT(COUNT_OF("delivered") + COUNT_OF("sent") == 60);
    assert_int_equal(most(&kinds), 1);
    assert_int_equal(kinds, 60);
}

static void t_two_workers(void **state) {
    (void)state;
    int kinds;
    carrier();
    start();
    h.second = worker("w2", h.writer2);
    say(1, 150);
    say(3, 150);
    AWAIT(COUNT_OF("delivered") == 300);
    assert_int_equal(most(&kinds), 1);
    assert_int_equal(kinds, 300);
    assert_int_equal(one("SELECT COUNT(*) FROM attempt"), 300);
    assert_int_equal(one("SELECT COUNT(DISTINCT worker) FROM attempt"), 2);
}

/* Two of one name would take each other's claims for those of a life before. */
static void t_one_name(void **state) {
    (void)state;
    struct deliver     *d = NULL;
    struct deliver_conf c = {.conf = &h.conf, .redis = h.redis, .writer = h.writer2, .pii_key = &h.key, .worker = "w1", .data_dir = h.dir, .signature = ""};
    start();
    assert_int_equal(deliver_start(&c, &d, h.why, sizeof h.why), ERR_DUP);
    assert_non_null(strstr(h.why, "w1"));
    stop();
    OK(deliver_start(&c, &d, h.why, sizeof h.why));
    deliver_stop(d);
}

/* The attempt on record names the provider that got the message, also when nobody is left to say so: of two that serve different numbers, whichever
 * the weights would have chosen. */
static void t_claim_names_provider(void **state) {
    (void)state;
    carrier();
    behave("{\"silent\":\"submit\"}");
    conf_section_set(&h.conf.sections[0], "prefix", "138", 20);
    conf_section_set(&h.conf.sections[0], "weight", "1", 21);
    struct conf_section *s = conf_section_add(&h.conf, "provider", "other"), *first = &h.conf.sections[0];
    for (size_t i = 0; i < first->pairs_n; i++)
        if (strcmp(first->pairs[i].name, "prefix") != 0 && strcmp(first->pairs[i].name, "weight") != 0) conf_section_set(s, first->pairs[i].name, first->pairs[i].value, 30);
    conf_section_set(s, "prefix", "139", 40);
    conf_section_set(s, "weight", "1000", 41);
    start();
    AWAIT(stat_of("logins") == 2);
    say(1, 3);
    AWAIT(stat_of("submits") == 3);
    assert_int_equal(one("SELECT COUNT(*) FROM attempt WHERE provider = 'carrier' AND ended_wall IS NULL"), 3);
}

static void t_lanes_in_order(void **state) {
    (void)state;
    h.rate = 40;
    carrier();
    start();
    say(3, 60);
    AWAIT(stat_of("submits") >= 5);
    say(0, 5);
    AWAIT(one("SELECT COUNT(*) FROM delivery WHERE lane = 'p0' AND state = 'delivered'") == 5);
    assert_true(one("SELECT COUNT(*) FROM delivery WHERE lane = 'p3' AND state = 'delivered'") < 50);
    AWAIT(COUNT_OF("delivered") == 65);
}

static void t_rate_kept(void **state) {
    (void)state;
    h.rate = 200;
    carrier();
    behave("{\"throttle_every\":100}");
    start();
    say(2, 450);
    AWAIT(COUNT_OF("delivered") == 450);
    cJSON *j     = control("GET", "/messages", "");
    double first = cJSON_GetNumberValue(cJSON_GetObjectItem(cJSON_GetArrayItem(j, 0), "at"));
    double last  = cJSON_GetNumberValue(cJSON_GetObjectItem(cJSON_GetArrayItem(j, 399), "at")); /* the last refused ones come again when nothing else is left */
    cJSON_Delete(j);
    double per_s = 399.0 / (last - first) * 1000;
    print_message("rate kept: %.0f of 200 a second\n", per_s);
    assert_true(per_s >= 180 && per_s <= 210);
    assert_true(ATTEMPTS("throttled") >= 4);
}

static char *read_log(void) {
    static char text[8192];
    char        path[96];
    (void)snprintf(path, sizeof path, "%s/outbox.log", h.dir);
    int     fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n  = fd < 0 ? 0 : read(fd, text, sizeof text - 1);
    if (fd >= 0) (void)close(fd);
    text[n] = '\0';
    return text;
}

static void t_log(void **state) {
    (void)state;
    h.demo = true;
    start();
    say_to("p_1", "log", 1, 1, "请签收");
    say_to("p_1", "sms", 2, 1, "请签收");
    say_code("d_code", 60000);
    AWAIT(COUNT_OF("delivered") == 3);
    AWAIT(IDLE);
    char *text = read_log(), *save = NULL;
    int   lines = 0, simulated = 0, codes = 0;
    assert_null(strstr(text, PHONE));
    for (char *l = strtok_r(text, "\n", &save); l; l = strtok_r(NULL, "\n", &save)) {
        cJSON *j = cJSON_Parse(l);
        assert_non_null(j);
        bool code = strstr(cJSON_GetStringValue(cJSON_GetObjectItem(j, "text")), "验证码123456") != NULL;
        if (!code) {
            assert_string_equal(cJSON_GetStringValue(cJSON_GetObjectItem(j, "at")), "2018-03-12T08:30:00.000+08:00");
            assert_string_equal(cJSON_GetStringValue(cJSON_GetObjectItem(j, "to")), "p_1");
            assert_string_equal(cJSON_GetStringValue(cJSON_GetObjectItem(j, "title")), "标题");
        }
        codes += code;
        simulated += cJSON_IsTrue(cJSON_GetObjectItem(j, "simulated"));
        lines++;
        cJSON_Delete(j);
    }
    assert_int_equal(lines, 3);
    assert_int_equal(simulated, 1);
    assert_int_equal(codes, 1);
}

static void t_no_carrier(void **state) {
    (void)state;
    start();
    say(1, 1);
    AWAIT(COUNT_OF("failed") == 1);
    assert_int_equal(one("SELECT COUNT(*) FROM delivery WHERE detail = 'no provider'"), 1);
    assert_string_equal(read_log(), "");
}

/* A push process of its own on the same store and Redis, killed with its window full. */
static void t_killed(void **state) {
    (void)state;
    char  exe[256] = "", arg[] = "worker", port[16], *argv[] = {exe, arg, h.dir, port, h.redis, NULL};
    pid_t pid;
    int   st, kinds;
    carrier();
    behave("{\"silent\":\"submit\"}");
    (void)snprintf(port, sizeof port, "%u", h.port);
    assert_true(readlink("/proc/self/exe", exe, sizeof exe - 1) > 0);
    assert_int_equal(posix_spawn(&pid, exe, NULL, NULL, argv, environ), 0);
    say(1, 3);
    say(2, 3);
    say_code("d_code", 60000);
    AWAIT(stat_of("submits") >= 7);
    assert_int_equal(COUNT_OF("claimed"), 7); /* the attempt was on record before it was sent */
    assert_int_equal(kill(pid, SIGKILL), 0);
    assert_int_equal(waitpid(pid, &st, 0), pid);
    behave("{\"silent\":false}");
    start(); /* the same name */
    AWAIT(COUNT_OF("delivered") == 3);
    AWAIT(IDLE);
    assert_int_equal(COUNT_OF("unknown"), 4);
    assert_int_equal(ATTEMPTS("unknown"), 7);
    assert_int_equal(one("SELECT COUNT(*) FROM direct_sms"), 0);
    assert_int_equal(most(&kinds), 2); /* only what the policy repeats */
    assert_int_equal(stat_of("submits"), 10);
}

/* Redis dies under load: nothing lost, nothing twice. */
static void t_redis_dies(void **state) {
    (void)state;
    int kinds;
    h.rate = 200;
    carrier();
    start();
    say(1, 200);
    for (int i = 1; i <= 2; i++) {
        AWAIT(stat_of("submits") >= 50 * i);
        pid_t old = redis_server_pid(h.server);
        assert_int_equal(kill(old, SIGKILL), 0);
        AWAIT(redis_server_pid(h.server) > 0 && redis_server_pid(h.server) != old);
    }
    AWAIT(COUNT_OF("delivered") == 200);
    AWAIT(IDLE);
    assert_int_equal(most(&kinds), 1);
    assert_int_equal(kinds, 200);
}

/* Another process holds the store for longer than the engine waits: answers that cannot be recorded are kept and recorded later. */
static void t_store_busy(void **state) {
    (void)state;
    struct db *db;
    int        kinds;
    carrier();
    behave("{\"slow_ms\":300}");
    start();
    OK(db_open(h.db_path, DB_WRITE, &db, h.why, sizeof h.why));
    say(2, 12);
    AWAIT(stat_of("submits") == 12);
    uint64_t failed = writer_stats(h.writer).failed_batches;
    OK(db_begin(db));
    AWAIT(writer_stats(h.writer).failed_batches > failed);
    db_rollback(db);
    db_close(db);
    AWAIT(COUNT_OF("delivered") == 12);
    AWAIT(IDLE);
    assert_int_equal(ATTEMPTS("sent"), 12);
    assert_int_equal(most(&kinds), 1);
}

static void t_pace(void **state) {
    (void)state;
    struct pace p;
    int64_t     us = 0, sent = 0;
    pace_init(&p, 100, 0);
    for (; us < 10 * 1000000LL; us += 1000) sent += pace_take(&p, 1, us);
    assert_in_range(sent, 995, 1026);
    int64_t second = 0; /* after a pause: a quarter at once, and never more than the rate in a second */
    us += 3000000;
    for (int64_t end = us + 900000; us < end; us += 1000) second += pace_take(&p, 1, us);
    assert_int_equal(second, 100);
    pace_judge(&p, 100, 5, 1000); /* exactly 5 %: not more */
    assert_true(p.rate == 100);
    pace_judge(&p, 100, 6, 2000);
    assert_true(p.rate > 89.9 && p.rate < 90.1);
    pace_judge(&p, 100, 100, 2500); /* at most once a second */
    assert_true(p.rate > 89.9);
    pace_judge(&p, 0, 0, 3000);
    assert_true(p.rate > 91.9 && p.rate < 92.1);
    for (int i = 0; i < 20; i++) pace_judge(&p, 100, 1, 4000 + 1000 * i);
    assert_true(p.rate == 100);
    for (int i = 0; i < 200; i++) pace_judge(&p, 10, 10, 100000 + 1000 * i);
    assert_true(p.rate == 1);
    pace_init(&p, 1, 0);
    assert_true(pace_take(&p, 3, 0)); /* a long text goes whole and is paid for after */
    assert_false(pace_take(&p, 1, 2000000));
    assert_true(pace_take(&p, 1, 3000000));
}

static int be_worker(char **argv) {
    fill_house();
    (void)snprintf(h.dir, sizeof h.dir, "%s", argv[2]);
    (void)snprintf(h.db_path, sizeof h.db_path, "%s/zhangban.db", h.dir);
    (void)snprintf(h.redis, sizeof h.redis, "%s", argv[4]);
    char secret[128];
    (void)snprintf(secret, sizeof secret, "%s/secret", h.dir);
    h.port = (unsigned)strtoul(argv[3], NULL, 10);
    provider(secret);
    if (writer_start(h.db_path, 4096, 512, (struct writer_hooks){0}, &h.writer, h.why, sizeof h.why) != ERR_OK) return 1;
    struct deliver_conf c = {.conf = &h.conf, .redis = h.redis, .writer = h.writer, .pii_key = &h.key, .worker = "w1", .data_dir = h.dir,
                             .signature = "南平掌办", .backoff_ms = 50};
    if (deliver_start(&c, &h.deliver, h.why, sizeof h.why) != ERR_OK) return 1;
    for (;;) (void)pause();
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(int argc, char **argv) {
    log_set(LOG_ERROR, 2);
    if (argc == 5 && strcmp(argv[1], "worker") == 0) return be_worker(argv);
    if (argc == 2) cmocka_set_test_filter(argv[1]);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(t_pace), T(t_happy),   T(t_long_text),        T(t_throttled),          T(t_rejected),    T(t_silent),       T(t_cut),
        T(t_report_first),        T(t_orphan),  T(t_expired),          T(t_read_before_send),   T(t_two_workers), T(t_one_name), T(t_claim_names_provider), T(t_lanes_in_order), T(t_rate_kept),
        T(t_log),                 T(t_no_carrier), T(t_killed),        T(t_stop_loses_nothing), T(t_redis_dies),  T(t_store_busy),
    };
    return cmocka_run_group_tests_name("deliver", tests, NULL, NULL);
}
