/* SPDX-License-Identifier: Apache-2.0
 *
 * What operators see in the records and do to them: lists by every filter in the order of ids, queues with their oldest, sums of a day,
 * replay and cancel with their refusals; provider codes in words.
 */
#include "tests/unit/storekit.h"

#include "base/arena.h"
#include "base/id.h"
#include "push/code_words.h"
#include "store/delivery.h"
#include "store/ops.h"

#define OK(expr) assert_int_equal((expr), ERR_OK)
#define HOUR     3600000LL
#define DAY      day

static int64_t       day = 1800000000000LL; /* wall; ids never go back, so each test has its own */
static struct db    *db;
static struct arena *a;

static int setup(void **state) {
    (void)state;
    day += 100 * 24 * HOUR;
    db = sk_fresh();
    a  = arena_new(1U << 22);
    sk_script(db, "INSERT INTO person (id, name, roles, created_wall) VALUES ('p_1', 'a', 1, 0), ('p_2', 'b', 1, 0)");
    return 0;
}

static int teardown(void **state) {
    (void)state;
    arena_free(a);
    sk_done(db);
    return 0;
}

/* A delivery made at this wall time, in this state; its id. notice "": to a bare number. */
static const char *put(const char *person, const char *notice, const char *channel, int priority, const char *state, int64_t wall) {
    char id[ID_CAP];
    clock_wall_fake(wall);
    id_new("d_", id);
    clock_wall_fake(0);
    if (*notice && db_one_i(db, &(int64_t){0}, "SELECT 1 FROM notice WHERE id = ?1", "s", notice) != ERR_OK)
        OK(notice_insert(db, &(struct notice_row){.id = notice, .person = person, .kind = "task.assigned", .object = "", .title = "t", .body = "b", .dedupe = notice,
                                                  .var_t = "", .var_x = "", .priority = priority, .created_wall_ms = wall}));
    OK(delivery_insert(db, &(struct delivery_row){.id = id, .notice = notice, .person = person, .channel = channel, .target = "", .priority = priority, .step = 1,
                                                  .due_wall_ms = wall, .wall_ms = wall}));
    OK(db_exec(db, "UPDATE delivery SET state = ?2, provider = 'one', attempts = 1 WHERE id = ?1", "ss", id, state));
    return arena_strdup(a, id);
}

static struct ops_filter any(void) { return (struct ops_filter){"", "", "", "", "", 0, 0, ""}; }

static size_t found(struct ops_filter f, struct ops_delivery **list) {
    size_t n;
    OK(ops_deliveries(db, a, &f, 100, list, &n));
    for (size_t i = 1; i < n; i++) assert_true(strcmp((*list)[i].id, (*list)[i - 1].id) < 0); /* newest first */
    return n;
}

static void t_lists(void **state) {
    (void)state;
    struct ops_delivery *v;
    struct ops_filter    f;
    const char *failed = put("p_1", "n_1", "sms", 1, "failed", DAY), *sent = put("p_1", "n_2", "push", 2, "sent", DAY + HOUR);
    (void)put("p_2", "n_3", "sms", 0, "delivered", DAY + 2 * HOUR);
    (void)put("", "", "sms", 0, "unknown", DAY + 30 * HOUR);
    assert_int_equal(found(any(), &v), 4);
    assert_string_equal(v[3].id, failed);
    assert_string_equal(v[3].name, "a");
    assert_string_equal(v[0].notice, "");
    assert_int_equal(v[0].priority, 0);
    static const struct {
        const char *state, *channel, *provider, *person, *kind;
        size_t      n;
    } cases[] = {{"dead", "", "", "", "", 2},      {"failed", "", "", "", "", 1},       {"delivered", "", "", "", "", 1},    {"sent", "", "", "p_1", "", 1},
                 {"", "sms", "", "", "", 3},       {"", "", "one", "", "", 4},          {"", "", "two", "", "", 0},          {"", "", "", "p_1", "", 2},
                 {"dead", "", "", "p_2", "", 0},   {"", "", "", "", "task.assigned", 3}, {"queued", "", "", "", "", 0},       {"dead", "push", "", "", "", 0}};
    for (size_t i = 0; i < ARRAY_N(cases); i++) {
        f = (struct ops_filter){cases[i].state, cases[i].channel, cases[i].provider, cases[i].person, cases[i].kind, 0, 0, ""};
        if (found(f, &v) != cases[i].n) fail_msg("case %zu", i);
    }
    f           = any();
    f.from_wall = DAY + HOUR;
    f.to_wall   = DAY + 24 * HOUR;
    assert_int_equal(found(f, &v), 2);
    assert_string_equal(v[1].id, sent);
    f.before = sent; /* the page behind it */
    assert_int_equal(found(f, &v), 0);
    f.from_wall = 0;
    assert_int_equal(found(f, &v), 1);
}

static void t_lanes(void **state) {
    (void)state;
    struct ops_lane v[DELIVERY_LANES];
    size_t          p1_sms = (size_t)CHANNELS_N + CHANNEL_SMS;
    (void)put("p_1", "n_1", "sms", 1, "queued", DAY - 5000);
    (void)put("p_1", "n_2", "sms", 1, "waiting", DAY - 9000);
    (void)put("p_1", "n_3", "sms", 1, "waiting", DAY + 9000); /* not due: no backlog */
    (void)put("p_1", "n_4", "sms", 1, "claimed", DAY - 20000);
    (void)put("p_1", "n_5", "push", 0, "delivered", DAY - 20000);
    OK(ops_lanes(db, DAY, v));
    for (size_t i = 0; i < DELIVERY_LANES; i++) {
        assert_int_equal(v[i].waiting, i == p1_sms ? 2 : 0);
        assert_int_equal(v[i].in_hand, i == p1_sms ? 1 : 0);
    }
    assert_int_equal(v[p1_sms].oldest_wall, DAY - 9000);
}

static int64_t sum(const struct ops_sum *s, size_t n, const char *of, const char *word) {
    for (size_t i = 0; i < n; i++)
        if (strcmp(s[i].of, of) == 0 && strcmp(s[i].word, word) == 0) return s[i].n;
    return 0;
}

static void t_sums(void **state) {
    (void)state;
    struct ops_sum *s;
    size_t          n;
    bool            cut;
    (void)put("p_1", "n_4", "sms", 1, "failed", DAY - 1); /* yesterday */
    const char *d = put("p_1", "n_1", "sms", 1, "delivered", DAY + 1);
    (void)put("p_1", "n_2", "sms", 1, "delivered", DAY + 2);
    (void)put("p_1", "n_3", "sms", 1, "failed", DAY + 3);
    OK(db_exec(db, "INSERT INTO attempt (delivery, n, worker, started_wall, verdict, provider) VALUES (?1, 1, 'w', 0, 'rejected', 'one'), (?1, 2, 'w', 0, 'sent', 'two'), "
                   "(?1, 3, 'w', 0, '', 'two')",
               "s", d));
    OK(db_exec(db, "INSERT INTO sms_part (provider, msg_id, delivery, n, at_wall) VALUES ('two', 'a', ?1, 1, ?2), ('two', 'b', ?1, 2, ?2), ('two', 'c', ?1, 3, 5)", "si", d,
               DAY));
    OK(db_exec(db, "INSERT INTO receipt (provider, ref, kind, at_wall) VALUES ('two', 'a', 'delivered', ?1), ('two', 'b', 'failed', ?1), ('two', 'c', 'failed', 5)", "i",
               DAY));
    OK(ops_day(db, a, DAY, &s, &n, &cut));
    assert_int_equal(sum(s, n, "sms", "delivered"), 2);
    assert_int_equal(sum(s, n, "sms", "failed"), 1);
    assert_false(cut);
    OK(ops_attempts(db, a, DAY, &s, &n));
    assert_int_equal(n, 2); /* one under way has no verdict */
    assert_int_equal(sum(s, n, "one", "rejected"), 1);
    assert_int_equal(sum(s, n, "two", "sent"), 1);
    OK(ops_parts(db, a, DAY, &s, &n));
    assert_int_equal(sum(s, n, "two", ""), 2);
    OK(ops_receipts(db, a, DAY, &s, &n));
    assert_int_equal(sum(s, n, "two", "failed"), 1);
}

static void t_replay(void **state) {
    (void)state;
    struct ops_delivery d;
    const char         *id = put("p_1", "n_1", "sms", 1, "failed", DAY), *code = put("", "", "sms", 0, "failed", DAY), *done = put("p_1", "n_2", "sms", 1, "delivered", DAY);
    OK(db_exec(db, "UPDATE delivery SET tried = ',one,two,', detail = 'MK:0001' WHERE id = ?1", "s", id));
    OK(db_exec(db, "INSERT INTO sms_part (provider, msg_id, delivery, n, stat, at_wall) VALUES ('one', 'a', ?1, 1, 'UNDELIV', 1)", "s", id));
    assert_int_equal(ops_replay(db, code, DAY + 1), ERR_STATE); /* its text is gone */
    assert_int_equal(ops_replay(db, done, DAY + 1), ERR_STATE);
    OK(ops_replay(db, id, DAY + 1));
    OK(ops_delivery(db, a, id, &d));
    assert_string_equal(d.state, "waiting");
    assert_int_equal(d.due_wall, DAY + 1);
    assert_int_equal(d.attempts, 1); /* the next one is the second */
    assert_int_equal(sk_i(db, "SELECT COUNT(*) FROM delivery WHERE tried <> ''"), 0);
    assert_int_equal(sk_i(db, "SELECT COUNT(*) FROM sms_part"), 0);
    assert_int_equal(ops_replay(db, id, DAY + 2), ERR_STATE); /* waits already */
    OK(db_exec(db, "UPDATE delivery SET state = 'unknown' WHERE id = ?1", "s", id));
    OK(notice_read_row(db, "p_1", "n_1", "app", DAY + 3));
    assert_int_equal(ops_replay(db, id, DAY + 4), ERR_STATE); /* read */
}

static void t_cancel(void **state) {
    (void)state;
    const char *id = put("p_1", "n_1", "sms", 1, "queued", DAY), *under = put("p_1", "n_2", "sms", 1, "claimed", DAY);
    OK(ops_cancel(db, id, DAY));
    assert_int_equal(ops_cancel(db, id, DAY), ERR_STATE);
    assert_int_equal(ops_cancel(db, under, DAY), ERR_STATE);
    assert_int_equal(sk_i(db, "SELECT COUNT(*) FROM delivery WHERE state = 'cancelled'"), 1);
}

static void t_notices(void **state) {
    (void)state;
    struct ops_notice *v;
    size_t             n;
    bool               yes;
    char               id[ID_CAP];
    clock_wall_fake(DAY);
    id_new("n_", id);
    clock_wall_fake(0);
    const char *notice = arena_strdup(a, id), *found_id;
    (void)put("p_1", notice, "sms", 1, "sent", DAY);
    OK(ops_notices(db, a, "p_1", "", 10, &v, &n));
    assert_int_equal(n, 1);
    OK(ops_notices(db, a, "p_1", notice, 10, &v, &n));
    assert_int_equal(n, 0);
    OK(ops_notice_of(db, a, "p_1", notice, &found_id)); /* its dedupe key here */
    assert_string_equal(found_id, notice);
    assert_int_equal(ops_notice_of(db, a, "p_2", notice, &found_id), ERR_NOTFOUND);
    OK(ops_notice_since(db, "p_1", "task.assigned", "", DAY, &yes));
    assert_true(yes);
    OK(ops_notice_since(db, "p_1", "task.assigned", "", DAY + 1, &yes));
    assert_false(yes);
    OK(ops_notice_since(db, "p_1", "ops.test", "", DAY, &yes));
    assert_false(yes);
}

static void t_codes(void **state) {
    (void)state;
    static const struct {
        const char *detail, *zh;
    } cases[] = {{"MK:0001", "号码停机或为空号"}, {"MK:0012", "号码暂时收不到短信"}, {"result 8, parts 0 of 1 taken", "发送过快，运营商限流"},
                 {"result 10, parts 0 of 1 taken", "接入号不符"}, {"400 BadDeviceToken", "推送令牌无效"}, {"NotUNDELIVERED", NULL}, {"result 99", NULL}, {"", NULL}};
    for (size_t i = 0; i < ARRAY_N(cases); i++) {
        const char *zh = code_words(cases[i].detail);
        if (cases[i].zh == NULL) assert_null(zh);
        else assert_string_equal(zh, cases[i].zh);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(t_lists, setup, teardown),  cmocka_unit_test_setup_teardown(t_lanes, setup, teardown),
        cmocka_unit_test_setup_teardown(t_sums, setup, teardown),   cmocka_unit_test_setup_teardown(t_replay, setup, teardown),
        cmocka_unit_test_setup_teardown(t_cancel, setup, teardown), cmocka_unit_test_setup_teardown(t_notices, setup, teardown),
        cmocka_unit_test(t_codes),
    };
    return cmocka_run_group_tests_name("ops", tests, NULL, NULL);
}
