/* SPDX-License-Identifier: Apache-2.0
 *
 * The delivery worker with office messengers: a real store, a real redis-server, the relay, and the fake tests/peers/office.mjs. Lost
 * answers where the provider drops repetitions, questions about who has read, and raises. Each test has its own of all.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "push/deliver.h"
#include "push/relay.h"
#include "store/delivery.h"
#include "store/migrate.h"
#include "store/redis.h"
#include "store/redis_server.h"
#include "tests/unit/peerkit.h"

#define WAIT_MS 15000

static struct {
    char                 dir[64], db_path[96], redis[160], why[512];
    struct conf          conf;
    struct sm4_key       key;
    struct redis_server *server;
    struct writer       *writer, *writer2;
    struct relay        *relay;
    struct deliver      *deliver, *second;
    struct db           *db;
    struct peer          office;
    int                  lines, next;
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
        assert_true(ok_);                                                                                                        \
    } while (0)

/* sql: a literal. */
static int64_t one(const char *sql) {
    int64_t  v = -1;
    enum err e = db_one_i(h.db, &v, sql, "");
    return e == ERR_NOTFOUND ? 0 : e ? -1 : v;
}

static void dump(void) {
    struct rows *r = db_query(h.db, "SELECT id || ' ' || lane || ' ' || state || ' ' || verdict || ' ' || detail || ' ' || attempts || ' ' || provider FROM delivery LIMIT 20", "");
    while (db_next(r)) print_message("  %s\n", row_s(r, 0));
    OK(db_rows_end(r));
}

static enum err change_run(struct db *db, void *arg) { return db_exec(db, arg, ""); }
/* sql: a literal. */
static void change(const char *sql) { OK(writer_call(h.writer, change_run, (void *)(uintptr_t)sql)); }

static int  stat_of(const char *name) { return pk_stat(&h.office, name); }
static void behave(const char *body) { pk_behave(&h.office, body); }
static void tell(const char *path, const char *body) { cJSON_Delete(pk_control(&h.office, "POST", path, body)); }

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
    struct deliver_conf c = {.conf = &h.conf, .redis = h.redis, .writer = w, .pii_key = &h.key, .worker = name, .data_dir = h.dir, .signature = "南平掌办",
                             .again_ms = h.again_ms};
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

static const char *secret(const char *name, const char *text) {
    static char path[3][128];
    static int  i;
    char       *p = path[i++ % 3];
    (void)snprintf(p, 128, "%s/%s", h.dir, name);
    FILE *f = fopen(p, "we");
    assert_non_null(f);
    assert_true(fputs(text, f) >= 0);
    assert_int_equal(fclose(f), 0);
    return p;
}

static void set(struct conf_section *s, const char *name, const char *value) { conf_section_set(s, name, value, ++h.lines); }

static void provider(const char *name, const char *kind) {
    struct conf_section *s = conf_section_add(&h.conf, "provider", name);
    char                 url[96];
    set(s, "kind", kind);
    (void)snprintf(url, sizeof url, "http://127.0.0.1:%u/%s", h.office.port, kind);
    set(s, "base_url", url);
    set(s, "open_url", "https://zb.example.gov.cn/open");
    if (strcmp(kind, "wecom") == 0) {
        set(s, "corp_id", "ww0123456789abcdef");
        set(s, "agent_id", "1000002");
        set(s, "secret_file", secret("wecom", "wecom-secret"));
    } else {
        (void)snprintf(url, sizeof url, "http://127.0.0.1:%u/dingapi", h.office.port);
        set(s, "app_key", "dingkey");
        set(s, "app_secret_file", secret("ding", "ding-secret"));
        set(s, "agent_id", "123");
        set(s, "api_url", url);
        set(s, "ding", "phone");
        set(s, "ding_priority", "2");
        set(s, "ding_robot", "dingrobot");
        set(s, "rate_per_s", "1000");
    }
}

static enum err add_people(struct db *db, void *arg) {
    (void)arg;
    enum err e = db_exec(db, "INSERT INTO person (id, name, roles, created_wall) VALUES ('p_1', 'a', 1, 0)", "");
    for (int i = 0; e == ERR_OK && i < 2; i++) {
        uint8_t sealed[64];
        size_t  n;
        e = sm4_seal(&h.key, "zhang.san", 9, sealed, sizeof sealed, &n);
        if (e == ERR_OK)
            e = db_exec(db, "INSERT INTO push_target (id, person, channel, vendor, token_idx, token_enc, state, registered_wall, seen_wall) VALUES (?1, 'p_1', "
                            "'office', ?2, ?1, ?3, 'active', 0, 0)",
                        "ssb", i ? "g_ding" : "g_wecom", i ? "dingtalk" : "wecom", sealed, n);
    }
    return e;
}

static int setup(void **state) {
    (void)state;
    struct db *db;
    uint8_t    master[32] = {1, 2, 3};
    memset(&h, 0, sizeof h);
    conf_defaults(&h.conf);
    conf_fini(&h.conf);
    sm4_key_derive(&h.key, 1, master);
    h.again_ms = 150;
    (void)snprintf(h.dir, sizeof h.dir, "/tmp/zb-office.XXXXXX");
    if (mkdtemp(h.dir) == NULL) return -1;
    (void)snprintf(h.db_path, sizeof h.db_path, "%s/zhangban.db", h.dir);
    OK(db_open(h.db_path, DB_WRITE, &db, h.why, sizeof h.why));
    OK(migrate(db, NULL, NULL, h.why, sizeof h.why));
    db_close(db);
    OK(db_open(h.db_path, DB_READ, &h.db, h.why, sizeof h.why));
    OK(redis_server_start(h.dir, &h.server, h.redis, sizeof h.redis, h.why, sizeof h.why));
    OK(writer_start(h.db_path, 4096, 512, (struct writer_hooks){.committed = committed}, &h.writer, h.why, sizeof h.why));
    OK(writer_start(h.db_path, 4096, 512, (struct writer_hooks){.committed = committed}, &h.writer2, h.why, sizeof h.why));
    OK(writer_call(h.writer, add_people, NULL));
    struct relay_conf rc = {.db_path = h.db_path, .redis = h.redis, .writer = h.writer, .channel = channel_of};
    struct relay     *r;
    OK(relay_start(&rc, &r, h.why, sizeof h.why));
    __atomic_store_n(&h.relay, r, __ATOMIC_SEQ_CST);
    pk_start(&h.office, "tests/peers/office.mjs", NULL);
    return 0;
}

static int teardown(void **state) {
    (void)state;
    deliver_stop(h.second);
    deliver_stop(h.deliver);
    int bad = stat_of("violations");
    if (bad) print_message("violations: %d\n", bad);
    pk_stop(&h.office);
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

/* A notice d_00000 with its message, a raise d_00000r due much later, and an SMS d_00000s after that. */
struct what {
    const char *target;
    int         priority, n;
    bool        raise;
};

static enum err add(struct db *db, void *arg) {
    const struct what *w = arg;
    enum err           e = ERR_OK;
    int64_t            now = clock_wall_ms(), later = now + 3600000;
    for (int i = 0; e == ERR_OK && i < w->n; i++, h.next++) {
        char id[32], d[32], more[40], body[64];
        (void)snprintf(id, sizeof id, "n_%05d", h.next);
        (void)snprintf(d, sizeof d, "d_%05d", h.next);
        (void)snprintf(body, sizeof body, "您有新任务%d号", h.next);
        struct notice_row n = {.id = id, .person = "p_1", .kind = "task.assigned", .object = "task:1", .title = "新任务", .body = body, .dedupe = id, .var_t = "标题", .var_x = "",
                               .priority = w->priority, .created_biz_ms = 1520814600000, .created_wall_ms = now};
        struct delivery_row row = {.id = d, .notice = id, .person = "p_1", .channel = "office", .target = w->target, .priority = w->priority, .step = 1,
                                   .due_wall_ms = now, .wall_ms = now};
        e = notice_insert(db, &n);
        if (e == ERR_OK) e = delivery_insert(db, &row);
        if (!w->raise) continue;
        (void)snprintf(more, sizeof more, "%sr", d);
        row.id          = more;
        row.raise_of    = d;
        row.step        = 2;
        row.due_wall_ms = later;
        if (e == ERR_OK) e = delivery_insert(db, &row);
        (void)snprintf(more, sizeof more, "%ss", d);
        row.raise_of = NULL;
        row.channel  = "sms";
        row.target   = "";
        row.step     = 3;
        if (e == ERR_OK) e = delivery_insert(db, &row);
    }
    return e;
}

static void say(const char *target, int priority, int n, bool with_raise) {
    struct what w = {target, priority, n, with_raise};
    OK(writer_call(h.writer, add, &w));
}

#define COUNT(where)      one("SELECT COUNT(*) FROM delivery WHERE " where)
#define ATTEMPTS(verdict) one("SELECT COUNT(*) FROM attempt WHERE verdict = '" verdict "'")
#define LOST(of, what, n) behave("{\"answer\":{\"of\":\"" of "\",\"what\":\"" what "\",\"times\":" #n ",\"take\":true,\"drop\":true}}")
#define RAISE_NOW         change("UPDATE delivery SET due_wall = 1 WHERE raise_of <> '' AND state = 'waiting'")
#define ASK_NOW           change("UPDATE delivery SET poll_due = 1 WHERE poll_due > 0")

/* ---- repetitions that the provider drops ---- */
static void t_once(void **state) {
    (void)state;
    provider("a", "wecom");
    LOST("wecom", "send", 3);
    start();
    say("g_wecom", 3, 1, false);
    AWAIT(COUNT("state = 'sent'") == 1);
    assert_int_equal(ATTEMPTS("unknown"), 3);
    assert_int_equal(COUNT("once_until > 0 OR once_n > 0"), 0);
    assert_int_equal(stat_of("messages"), 1);
    assert_int_equal(stat_of("sends"), 4);
}

static void t_once_ends(void **state) {
    (void)state;
    provider("a", "wecom");
    LOST("wecom", "send", 9);
    start();
    say("g_wecom", 2, 1, false);
    AWAIT(COUNT("state = 'unknown'") == 1);
    assert_int_equal(ATTEMPTS("unknown"), 4); /* three times again, and no more */
    assert_int_equal(stat_of("messages"), 1);
}

/* The time is over while it waits: priority 2 stays unknown, priority 1 goes as D24 says. */
static void t_once_too_late(void **state) {
    (void)state;
    h.again_ms = 3000;
    provider("a", "wecom");
    LOST("wecom", "send", 2);
    start();
    say("g_wecom", 2, 1, false);
    say("g_wecom", 1, 1, false);
    AWAIT(COUNT("state = 'waiting' AND once_until > 0 AND once_n = 1") == 2);
    change("UPDATE delivery SET once_until = 1");
    AWAIT(COUNT("state = 'unknown' AND lane = 'p2'") == 1);
    AWAIT(COUNT("state = 'sent' AND lane = 'p1'") == 1);
    assert_int_equal(stat_of("sends"), 3);
}

/* Another provider would not know that it is a repetition. */
static void t_once_same_provider(void **state) {
    (void)state;
    provider("a", "wecom");
    provider("b", "wecom");
    LOST("wecom", "send", 4);
    start();
    say("g_wecom", 2, 12, false);
    AWAIT(COUNT("state = 'sent'") == 12);
    assert_int_equal(ATTEMPTS("unknown"), 4);
    assert_int_equal(one("SELECT COUNT(*) FROM (SELECT delivery FROM attempt GROUP BY delivery HAVING COUNT(DISTINCT provider) > 1) AS q"), 0);
    assert_int_equal(one("SELECT COUNT(DISTINCT provider) FROM attempt"), 2);
    assert_int_equal(stat_of("messages"), 12);
}

/* What a life that was killed had claimed: safe to repeat here, whatever the priority; a raise is not. */
static void t_once_after_a_crash(void **state) {
    (void)state;
    provider("a", "wecom");
    provider("ding", "dingtalk");
    start();
    say("g_wecom", 3, 2, false);
    say("g_ding", 1, 1, true);
    say("g_ding", 3, 1, false);
    AWAIT(COUNT("state = 'sent'") == 4);
    stop();
    change("UPDATE attempt SET ended_wall = NULL, verdict = ''");
    change("UPDATE delivery SET state = 'claimed', worker = 'w1', claimed_wall = 1 WHERE id = 'd_00001'"); /* long ago */
    change("UPDATE delivery SET state = 'claimed', worker = 'w1' WHERE id IN ('d_00000', 'd_00003')");
    change("UPDATE delivery SET state = 'claimed', worker = 'w1', attempts = 1, claimed_wall = 1, provider = 'ding' WHERE id = 'd_00002r'");
    start();
    AWAIT(COUNT("id = 'd_00000' AND state = 'sent' AND attempts = 2") == 1);
    assert_int_equal(COUNT("id = 'd_00001' AND state = 'unknown'"), 1);
    assert_int_equal(COUNT("id = 'd_00002r' AND state = 'unknown'"), 1);
    assert_int_equal(COUNT("id = 'd_00003' AND state = 'unknown'"), 1);
    assert_int_equal(stat_of("messages"), 4);
    assert_int_equal(stat_of("raises"), 0);
}

/* ---- who has read ---- */
static void t_asked_once(void **state) {
    (void)state;
    provider("ding", "dingtalk");
    start();
    h.second = worker("w2", h.writer2);
    say("g_ding", 2, 40, false);
    AWAIT(COUNT("state = 'sent'") == 40);
    assert_int_equal(stat_of("polls"), 0);
    ASK_NOW;
    AWAIT(COUNT("state = 'delivered'") == 40);
    assert_int_equal(stat_of("polls"), 40); /* two workers, and each was asked about once */
    assert_int_equal(COUNT("poll_due > 1 AND polls_n = 1"), 40);
    tell("/read", "{\"of\":\"dingtalk\",\"to\":\"zhang.san\"}");
    ASK_NOW;
    AWAIT(one("SELECT COUNT(*) FROM notice WHERE read_by = 'office'") == 40);
    AWAIT(COUNT("poll_due > 0") == 0);
    assert_int_equal(stat_of("polls"), 80);
}

static void t_asked_so_often(void **state) {
    (void)state;
    provider("ding", "dingtalk");
    start();
    say("g_ding", 2, 1, false);
    AWAIT(COUNT("state = 'sent'") == 1);
    for (int i = 1; i <= 6; i++) {
        assert_int_equal(COUNT("poll_due > 0"), 1);
        ASK_NOW;
        AWAIT(stat_of("polls") == i);
    }
    AWAIT(COUNT("poll_due > 0") == 0);
    assert_int_equal(COUNT("polls_n = 6"), 1);
}

static void t_read_elsewhere(void **state) {
    (void)state;
    provider("ding", "dingtalk");
    start();
    say("g_ding", 2, 1, false);
    AWAIT(COUNT("state = 'sent'") == 1);
    change("UPDATE notice SET read_wall = 1, read_by = 'app'");
    ASK_NOW;
    AWAIT(COUNT("poll_due > 0") == 0);
    assert_int_equal(stat_of("polls"), 0);
}

/* About the question, never about the message: a busy platform and a token that died (too young to be renewed) are asked again, a task
 * that is not known never. */
static void t_question_refused(void **state) {
    (void)state;
    static const char *const refusals[] = {"{\"errcode\":-1}", "{\"errcode\":42001}", "{\"errcode\":90018}", "{\"errcode\":400002}"};
    provider("ding", "dingtalk");
    start();
    say("g_ding", 2, 1, false);
    AWAIT(COUNT("state = 'sent'") == 1);
    for (size_t i = 0; i < ARRAY_N(refusals); i++) {
        cJSON *b = cJSON_CreateObject(), *answer = cJSON_AddObjectToObject(b, "answer");
        cJSON_AddStringToObject(answer, "of", "dingtalk");
        cJSON_AddStringToObject(answer, "what", "getsendresult");
        cJSON_AddStringToObject(answer, "body", refusals[i]);
        char *text = cJSON_PrintUnformatted(b);
        behave(text);
        cJSON_free(text);
        cJSON_Delete(b);
        assert_int_equal(COUNT("poll_due > 0"), 1);
        ASK_NOW;
        if (i + 1 < ARRAY_N(refusals)) AWAIT(COUNT("poll_due > 1") == 1);
    }
    AWAIT(COUNT("poll_due = 0") == 1);
    assert_int_equal(COUNT("state = 'sent' AND polls_n = 4"), 1);
    assert_int_equal(stat_of("polls"), 0);
}

static void t_told_left_out(void **state) {
    (void)state;
    provider("ding", "dingtalk");
    behave("{\"left_out\":[\"zhang.san\"]}");
    start();
    say("g_ding", 1, 1, true);
    AWAIT(COUNT("state = 'sent'") == 1);
    ASK_NOW;
    AWAIT(COUNT("id = 'd_00000' AND state = 'failed' AND verdict = 'reported'") == 1);
    AWAIT(COUNT("id = 'd_00000r' AND state = 'failed' AND verdict = 'no_message'") == 1);
    AWAIT(COUNT("id = 'd_00000s' AND attempts > 0") == 1); /* pulled forward by an hour, two steps on */
    assert_int_equal(COUNT("poll_due > 0"), 0);
    assert_int_equal(stat_of("raises"), 0);
}

/* ---- louder ---- */
static void t_raise(void **state) {
    (void)state;
    static const int level[3] = {3, 2, 1}; /* telephone, SMS, in the application */
    provider("ding", "dingtalk");
    start();
    for (int p = 0; p < 3; p++) {
        say("g_ding", p, 1, true);
        AWAIT(COUNT("state = 'sent' AND raise_of = ''") == p + 1);
        RAISE_NOW;
        AWAIT(COUNT("state = 'sent' AND raise_of <> ''") == p + 1);
        cJSON *j = pk_control(&h.office, "GET", "/messages", ""), *raised = cJSON_GetObjectItem(cJSON_GetArrayItem(j, p), "raised");
        assert_int_equal(cJSON_GetArraySize(raised), 1);
        assert_int_equal((int)cJSON_GetNumberValue(cJSON_GetArrayItem(raised, 0)), level[p]);
        cJSON_Delete(j);
    }
    assert_int_equal(COUNT("raise_of <> '' AND poll_due > 0"), 0);
    assert_int_equal(COUNT("channel = 'sms' AND attempts = 0 AND state = 'waiting'"), 3); /* at their own time */
}

static void t_raise_unknown(void **state) {
    (void)state;
    provider("ding", "dingtalk");
    start();
    say("g_ding", 0, 1, true);
    AWAIT(COUNT("state = 'sent'") == 1);
    LOST("dingapi", "ding/send", 1);
    RAISE_NOW;
    AWAIT(COUNT("raise_of <> '' AND state = 'unknown'") == 1);
    AWAIT(relay_is_idle(h.relay) && deliver_is_idle(h.deliver));
    assert_int_equal(stat_of("raises"), 1); /* a telephone may have rung */
    assert_int_equal(COUNT("raise_of <> '' AND attempts = 1"), 1);
}

/* The quantity that was bought is used up, the robot is not ours: neither is a reason to send nothing by this provider. */
static void t_raise_refused(void **state) {
    (void)state;
    provider("ding", "dingtalk");
    behave("{\"ding_quota\":0}");
    start();
    say("g_ding", 1, 8, true);
    AWAIT(COUNT("state = 'sent'") == 8);
    RAISE_NOW;
    AWAIT(COUNT("raise_of <> '' AND state = 'failed' AND verdict = 'quota'") == 8);
    AWAIT(COUNT("channel = 'sms' AND attempts > 0") == 8); /* pulled */
    say("g_ding", 2, 1, false);
    AWAIT(COUNT("channel = 'office' AND raise_of = '' AND state = 'sent'") == 9);
}

static void t_raise_by_its_provider(void **state) {
    (void)state;
    provider("a", "wecom");
    provider("b", "wecom");
    provider("ding", "dingtalk");
    start();
    say("g_wecom", 1, 1, true);
    AWAIT(COUNT("state = 'sent'") == 1);
    RAISE_NOW;
    AWAIT(COUNT("raise_of <> '' AND state = 'failed' AND verdict = 'no_raise'") == 1);
    assert_int_equal(COUNT("raise_of <> '' AND provider = (SELECT provider FROM delivery WHERE id = 'd_00000')"), 1);
    AWAIT(COUNT("channel = 'sms' AND attempts > 0") == 1);
}

/* Nothing ever reports about a raise: none is missing. */
static void t_raise_needs_no_report(void **state) {
    (void)state;
    provider("ding", "dingtalk");
    conf_section_set(&h.conf.sections[0], "report_s", "1", ++h.lines);
    start();
    say("g_ding", 1, 1, true);
    AWAIT(COUNT("state = 'sent'") == 1);
    RAISE_NOW;
    AWAIT(COUNT("id = 'd_00000r' AND state = 'sent'") == 1);
    AWAIT(COUNT("id = 'd_00000' AND verdict = 'unreported'") == 1);
    say("g_ding", 2, 1, false); /* looked at again when this one is missed, too */
    AWAIT(COUNT("id = 'd_00001' AND verdict = 'unreported'") == 1);
    assert_int_equal(COUNT("id = 'd_00000r' AND state = 'sent' AND attempts = 1"), 1);
    assert_int_equal(stat_of("raises"), 1);
}

static void t_raise_read(void **state) {
    (void)state;
    provider("ding", "dingtalk");
    start();
    say("g_ding", 1, 1, true);
    AWAIT(COUNT("state = 'sent'") == 1);
    tell("/read", "{\"of\":\"dingtalk\",\"to\":\"zhang.san\"}");
    ASK_NOW;
    AWAIT(COUNT("state = 'cancelled'") == 2);
    RAISE_NOW;
    AWAIT(relay_is_idle(h.relay) && deliver_is_idle(h.deliver));
    assert_int_equal(stat_of("raises"), 0);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(int argc, char **argv) {
    log_set(LOG_ERROR, 2);
    if (argc == 2) cmocka_set_test_filter(argv[1]);
    const struct CMUnitTest tests[] = {
        T(t_once),           T(t_once_ends),       T(t_once_too_late), T(t_once_same_provider), T(t_once_after_a_crash),
        T(t_asked_once),     T(t_asked_so_often),  T(t_read_elsewhere), T(t_question_refused),  T(t_told_left_out),
        T(t_raise),          T(t_raise_unknown),   T(t_raise_refused), T(t_raise_by_its_provider), T(t_raise_read),
        T(t_raise_needs_no_report),
    };
    return cmocka_run_group_tests_name("office_deliver", tests, NULL, NULL);
}
