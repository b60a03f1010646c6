/* SPDX-License-Identifier: Apache-2.0
 *
 * Must-read notices in the store: whom a job tells and in which steps, counters that follow every change of a delivery and of reading,
 * the words of the texts and of the reasons.
 */
#include "storekit.h"

#include "base/arena.h"
#include "base/text.h"
#include "handlers/circular.h"
#include "push/notice.h"
#include "store/circular.h"
#include "store/delivery.h"

#define OK(expr) assert_int_equal((expr), ERR_OK)
#define WALL     1700000000000LL
#define ROLE     8U

static struct {
    struct db    *db;
    struct arena *a;
} h;

static struct notice_plan plans[4];
static const struct notice_rules RULES = {.plans = plans, .channels = 1U << CHANNEL_SMS, .demo_log = true, .signature = "南平掌办"};

static int setup(void **state) {
    (void)state;
    char why[256];
    h.db = sk_fresh();
    h.a  = arena_new(4U << 20);
    OK(db_script(h.db, "INSERT INTO unit (code, full_name, short_name, board_name, level, type) VALUES ('U1', 'a', 'a', 'a', 'city', 'x'), ('U2', 'b', 'b', 'b', 'city', 'x');"
                       "INSERT INTO person (id, name, unit, roles, created_wall) VALUES ('boss', 'b', 'U1', 2, 0), ('p1', '1', 'U1', 8, 0), ('p2', '2', 'U1', 8, 0), "
                       "('p3', '3', 'U1', 4, 0), ('p4', '4', 'U2', 8, 0), ('p5', '5', 'U2', 10, 0), ('p6', '6', NULL, 8, 0);"
                       "INSERT INTO person (id, name, unit, roles, active, created_wall) VALUES ('p0', '0', 'U1', 8, 0, 0);"));
    for (int i = 0; i < 4; i++) OK(notice_plan_parse("sms+600", &plans[i], why, sizeof why));
    return 0;
}

static int teardown(void **state) {
    (void)state;
    arena_free(h.a);
    sk_done(h.db);
    return 0;
}

static int64_t number(const char *sql) {
    int64_t v = -1;
    OK(db_one_i(h.db, &v, sql, ""));
    return v;
}

static void add(const char *id, const struct circular_target *t, size_t n) {
    struct circular c = {.id = id, .sender = "boss", .unit = "U1", .title = "标题", .text = "x", .priority = 2, .reason = "", .dedupe = id, .digest = "", .created_wall = WALL};
    OK(circular_add(h.db, &c));
    for (size_t i = 0; i < n; i++) OK(circular_target_add(h.db, id, (int64_t)i, &t[i]));
}

/* Walks the job in steps of `max`; the people in order, with blanks. */
static const char *walk(const char *id, size_t max) {
    const char *text = "";
    for (int i = 0; i < 50; i++) {
        struct circular c;
        char          **ids, **units;
        size_t          n;
        int64_t         ord;
        const char     *after;
        bool            end;
        OK(circular_get(h.db, h.a, id, &c));
        OK(circular_job_people(h.db, h.a, &c, max, &ids, &units, &n, &ord, &after, &end));
        assert_true(n <= max);
        for (size_t k = 0; k < n; k++) text = arena_printf(h.a, "%s%s%s", text, *text ? " " : "", ids[k]);
        if (end) return text;
        OK(circular_job_set(h.db, id, "send", ord, after));
    }
    fail_msg("the job does not end");
    return text;
}

static void t_targets(void **state) {
    (void)state;
    static const struct {
        struct circular_target t[3];
        size_t                 n;
        const char            *want;
    } v[] = {
        {{{"unit", "U1", ROLE}}, 1, "p1 p2"},                                                 /* roles count, p0 is inactive */
        {{{"unit", "U1", 0x3FFF}}, 1, "p1 p2 p3"},                                            /* not the sender */
        {{{"unit", "U2", ROLE}, {"person", "p1", 0x3FFF}, {"unit", "U9", ROLE}}, 3, "p4 p5 p1"}, /* a unit without people */
        {{{"all", "", ROLE}}, 1, "p1 p2 p4 p5 p6"},
        {{{"person", "boss", 0x3FFF}, {"person", "p0", 0x3FFF}}, 2, ""},
    };
    for (size_t max = 1; max <= 4; max++)
        for (size_t i = 0; i < sizeof v / sizeof v[0]; i++) {
            const char *id = arena_printf(h.a, "c%zu%zu", max, i);
            add(id, v[i].t, v[i].n);
            assert_string_equal(walk(id, max), v[i].want);
        }
}

static void settle(void) {
    size_t n = 1;
    while (n > 0) OK(circular_settle(h.db, h.a, 2, &n));
}

/* total told, then the five stages and the confirmed, as text */
static const char *counts(void) {
    struct circular c;
    settle();
    OK(circular_get(h.db, h.a, "c", &c));
    return arena_printf(h.a, "%lld/%lld/%lld/%lld/%lld+%lld", (long long)c.stages[0], (long long)c.stages[1], (long long)c.stages[2], (long long)c.stages[3],
                        (long long)c.stages[4], (long long)c.confirmed);
}

static void say(const char *person, const char *dedupe, const char *kind, int priority) {
    size_t            n;
    struct notice_msg m = {.kind = kind, .object = "circular:c", .title = "标题", .dedupe = dedupe, .wall_ms = WALL, .biz_ms = WALL, .circular = "c", .circular_priority = priority};
    OK(notice_person(h.db, h.a, &RULES, person, &m, &n));
}

static void told(const char *person) {
    OK(circular_person_add(h.db, "c", person, "U1"));
    say(person, "circular:c:0", "circular.sent", 2);
}

static const char *one_text(const char *sql, const char *arg) {
    struct rows *r = db_query(h.db, sql, "s", arg);
    const char  *s = db_next(r) ? arena_strdup(h.a, row_s(r, 0)) : "";
    OK(db_rows_end(r));
    return s;
}

static const char *sms_of(const char *person) {
    return one_text("SELECT d.id FROM delivery d JOIN notice n ON n.id = d.notice WHERE n.person = ?1 AND d.channel = 'sms' ORDER BY n.id DESC LIMIT 1", person);
}

static void set(const char *person, const char *st) {
    OK(db_exec(h.db, "UPDATE delivery SET state = ?2 WHERE id = ?1", "ss", sms_of(person), st));
    OK(circular_mark_delivery(h.db, sms_of(person)));
}

static void t_counts(void **state) {
    (void)state;
    add("c", NULL, 0);
    told("p1");
    told("p2");
    told("p3");
    told("p3"); /* again: nothing more */
    assert_string_equal(counts(), "3/0/0/0/0+0");
    static const struct {
        const char *person, *state, *want;
    } v[] = {{"p1", "sent", "2/1/0/0/0+0"},      {"p1", "delivered", "2/0/1/0/0+0"}, {"p2", "failed", "1/0/1/1/0+0"},  {"p2", "waiting", "2/0/1/0/0+0"},
             {"p2", "unknown", "1/1/1/0/0+0"},   {"p2", "delivered", "1/0/2/0/0+0"}, {"p3", "claimed", "1/0/2/0/0+0"}, {"p3", "failed", "0/0/2/1/0+0"},
             {"p1", "delivered", "0/0/2/1/0+0"}, {"p1", "failed", "0/0/1/2/0+0"},    {"p1", "delivered", "0/0/2/1/0+0"}};
    for (size_t i = 0; i < sizeof v / sizeof v[0]; i++) {
        set(v[i].person, v[i].state);
        assert_string_equal(counts(), v[i].want);
    }
    assert_int_equal(number("SELECT reached_n * 100 + failed_n FROM circular_channel WHERE circular = 'c' AND channel = 'sms'"), 201);
    assert_int_equal(number("SELECT COUNT(*) FROM circular_channel WHERE channel = 'log'"), 0); /* the demo's log reaches nobody */
    int64_t at = WALL + 5;
    OK(circular_confirm(h.db, "c", "p3", &at));
    assert_string_equal(counts(), "0/0/2/0/1+1");
    at = WALL + 9;
    OK(circular_confirm(h.db, "c", "p3", &at));
    assert_int_equal(at, WALL + 5);
    OK(notice_mark_read(h.db, "p1", one_text("SELECT id FROM notice WHERE person = ?1", "p1"), WALL + 6));
    assert_string_equal(counts(), "0/0/1/0/2+1");
    assert_int_equal(number("SELECT COUNT(*) FROM circular_mark"), 0);
    char **ids;
    size_t n;
    OK(circular_take_changed(h.db, h.a, 10, &ids, &n));
    assert_int_equal(n, 1);
    OK(circular_mark(h.db, "c", "p1"));
    settle(); /* nothing of it differs: nothing to publish */
    OK(circular_take_changed(h.db, h.a, 10, &ids, &n));
    assert_int_equal(n, 0);
}

/* What the worker writes leaves a mark by itself: results, reports, missing reports, claims of the dead. */
static void t_worker_marks(void **state) {
    (void)state;
    add("c", NULL, 0);
    told("p1");
    settle();
    const char         *id = sms_of("p1");
    struct delivery_job job;
    OK(db_exec(h.db, "UPDATE delivery SET state = 'queued' WHERE id = ?1", "s", id));
    OK(delivery_claim(h.db, h.a, id, "w", "carrier", WALL, &job));
    struct delivery_end end = {.id = id, .state = "sent", .verdict = "sent", .detail = "", .provider = "carrier", .refs = "77", .attempt = job.attempts, .wall_ms = WALL};
    OK(delivery_result(h.db, &end));
    assert_string_equal(counts(), "0/1/0/0/0+0");
    struct delivery_report rep = {.provider = "carrier", .ref = "77", .delivery = "", .told = TOLD_FAILED, .whole = true, .stat = "UNDELIV", .others = "", .wall_ms = WALL};
    OK(delivery_report(h.db, &rep));
    assert_string_equal(counts(), "0/0/0/1/0+0");
    struct circular_try *t;
    size_t               n;
    OK(circular_tries(h.db, h.a, "c", "p1", &t, &n));
    assert_int_equal(n, 1);
    struct circular_person p;
    OK(circular_person_get(h.db, h.a, "c", "p1", &p));
    assert_string_equal(circular_words(h.a, &p, t, n, WALL), "短信未送达：号码无法接通或已停用");
    told("p2");
    const char *two = sms_of("p2");
    settle();
    OK(db_exec(h.db, "UPDATE delivery SET state = 'queued' WHERE id = ?1", "s", two));
    OK(delivery_claim(h.db, h.a, two, "dead", "carrier", WALL, &job));
    int64_t k;
    OK(delivery_recover(h.db, "dead", 0, WALL + 1, &k));
    assert_string_equal(counts(), "0/1/0/1/0+0"); /* P2: not repeated, the outcome is not known */
    rep = (struct delivery_report){.provider = "carrier", .ref = "", .delivery = two, .told = TOLD_READ, .whole = true, .stat = "", .others = "", .wall_ms = WALL + 2};
    OK(delivery_report(h.db, &rep));
    assert_string_equal(counts(), "0/0/0/1/1+0"); /* read where the provider tells */
}

static void t_urged(void **state) {
    (void)state;
    add("c", NULL, 0);
    told("p1");
    OK(circular_silence(h.db, "c", "p1", WALL));
    say("p1", "circular:c:1", "circular.urged", 1);
    assert_int_equal(number("SELECT COUNT(*) FROM delivery WHERE state = 'cancelled'"), 2); /* SMS and log of the first */
    assert_int_equal(number("SELECT priority FROM notice WHERE dedupe = 'circular:c:1'"), 1);
    assert_string_equal(counts(), "1/0/0/0/0+0");
    OK(notice_mark_read(h.db, "p1", one_text("SELECT id FROM notice WHERE dedupe = ?1", "circular:c:1"), WALL + 1));
    assert_int_equal(number("SELECT COUNT(*) FROM notice WHERE read_wall IS NULL"), 0);
    assert_int_equal(number("SELECT COUNT(*) FROM delivery WHERE state = 'waiting'"), 0);
    assert_string_equal(counts(), "0/0/0/0/1+0");
}

/* The longest title and time: with the signature one SMS, that is 70 UTF-16 units. */
static void t_texts(void **state) {
    (void)state;
    static const char *const kinds[] = {"circular.sent", "circular.urged"};
    add("c", NULL, 0);
    for (size_t i = 0; i < 2; i++) {
        size_t            n;
        struct notice_msg m = {.kind = kinds[i], .object = "", .title = "关于进一步加强全市重点任务督查督办工作的补充通知要求", .extra = "于12月31日 23:59前", .dedupe = kinds[i],
                               .wall_ms = WALL, .biz_ms = WALL, .circular = "c", .circular_priority = 3};
        OK(notice_person(h.db, h.a, &RULES, "p1", &m, &n));
        const char *text = arena_printf(h.a, "【南平掌办】%s", one_text("SELECT body FROM notice WHERE dedupe = ?1", kinds[i]));
        assert_true(utf8_count(text, strlen(text)) <= 70);
        assert_non_null(strstr(text, "…」"));
    }
}

static void t_words(void **state) {
    (void)state;
    static const struct circular_try gone   = {"push", "failed", "gone", "Unregistered", 0, 0, 0, 1}, sms = {"sms", "waiting", "", "", WALL + 60000, 0, 0, 1},
                                     quiet  = {"sms", "waiting", "", "", WALL + 60000, 0, WALL + 60000, 2}, sent = {"push", "sent", "sent", "", 0, 0, 0, 1},
                                     code   = {"sms", "failed", "reported", "MK:0001", 0, 0, 0, 1}, going = {"sms", "queued", "", "", WALL, 0, 0, 1},
                                     cancel = {"sms", "cancelled", "", "", WALL, 0, 0, 1};
    const struct {
        struct circular_person p;
        struct circular_try    t[2];
        size_t                 n;
        const char            *want;
    } v[] = {
        {{.stage = STAGE_READ, .read_by = "app", .read_wall = 1}, {sent}, 1, "已阅读，尚未确认"},
        {{.stage = STAGE_READ, .read_by = "office", .read_wall = 1}, {sent}, 1, "已在办公平台阅读，尚未确认"},
        {{.stage = STAGE_READ, .read_by = "app", .confirmed_wall = 1}, {sent}, 1, "已阅读并确认"},
        {{.stage = STAGE_REACHED, .reached_by = "sms"}, {sms}, 1, "短信已送达，尚未阅读"},
        {{.stage = STAGE_SENT}, {sent, sms}, 2, "手机推送已发出，尚无送达回执；短信将于 11月15日 06:14 发出"},
        {{.stage = STAGE_WAITING}, {gone, sms}, 2, "手机推送未送达：设备或号码已失效；短信将于 11月15日 06:14 发出"},
        {{.stage = STAGE_WAITING}, {quiet}, 1, "现在是免打扰时段，短信将于 11月15日 06:14 发出"},
        {{.stage = STAGE_WAITING}, {going}, 1, "短信正在发送"},
        {{.stage = STAGE_FAILED}, {gone, code}, 2, "手机推送未送达：设备或号码已失效；短信未送达：运营方回执：未送达（MK:0001）"},
        {{.stage = STAGE_FAILED}, {cancel}, 1, "发送已取消，登录掌办可见"},
        {{.stage = STAGE_FAILED}, {cancel}, 0, "没有可用的送达方式（未绑定手机应用、已退订，或这一级别不发短信）；登录掌办可见"},
    };
    for (size_t i = 0; i < sizeof v / sizeof v[0]; i++) {
        struct circular_person p = v[i].p;
        if (p.read_by == NULL) p.read_by = "";
        assert_string_equal(circular_words(h.a, &p, v[i].t, v[i].n, WALL), v[i].want);
    }
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {T(t_targets), T(t_counts), T(t_worker_marks), T(t_urged), T(t_texts), T(t_words)};
    return cmocka_run_group_tests_name("circular", tests, NULL, NULL);
}
