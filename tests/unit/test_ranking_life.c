/* SPDX-License-Identifier: Apache-2.0
 *
 * Real acts on tasks, seen on the boards: what the methods answer about time and what the ranking makes of the history they wrote
 * is the same.
 */
#include "tests/unit/task_city.h"

#include "base/clock.h"
#include "handlers/ranking.h"

static struct kit *open_ranked(void) {
    struct kit *k = open_city();
    MUST(db_exec(k->db, "UPDATE unit SET scope = 'department' WHERE code IN ('NP-BB', 'NP-SZB', 'NP-GSJ')", "") == ERR_OK);
    return k;
}

static long long place(struct kit *k, const char *unit, const char *member) {
    kit_want(k, ERR_OK, "lead", "ranking.get", "{\"period\":\"2018\",\"scope\":\"department\"}");
    for (int i = 0; i < 10; i++) {
        const char *code = kit_get(k, js("rows.%d.unit", i));
        if (code == NULL) break;
        if (strcmp(code, unit) != 0) continue;
        const char *v = kit_get(k, js("rows.%d.%s", i, member));
        return v ? strtoll(v, NULL, 10) : -1;
    }
    return -2;
}

static void explained(struct kit *k, const char *unit) {
    long long score = place(k, unit, "score");
    kit_want(k, ERR_OK, "lead", "ranking.explain", js("{\"period\":\"2018\",\"scope\":\"department\",\"unit\":\"%s\"}", unit));
    assert_int_equal(strtoll(kit_get(k, "sum"), NULL, 10), score);
}

static void closed_in_time(void **state) {
    (void)state;
    struct kit *k = open_ranked();
    bring_to(k, "submitted");
    assert_int_equal(place(k, "NP-BB", "on_time"), 1); /* waiting for review */
    act(k, ERR_OK, "disp", "accept", "\"opinion\":\"同意\",\"quality\":5");
    assert_string_equal(kit_get(k, "on_time"), "true");
    assert_int_equal(place(k, "NP-BB", "closed"), 1);
    assert_int_equal(place(k, "NP-BB", "on_time_rate"), 10000);
    assert_int_equal(place(k, "NP-BB", "score"), 9600);
    assert_int_equal(place(k, "NP-GSJ", "score"), -2);
    kit_want(k, ERR_OK, "lead", "ranking.get", "{\"period\":\"2018-03\",\"scope\":\"department\"}");
    assert_string_equal(kit_get(k, "rows.0.mark"), "incentive");
    assert_string_equal(kit_get(k, "events.0.kind"), "close");
    assert_string_equal(kit_get(k, "totals.closed"), "1");
    kit_close(k);
}

static void closed_late(void **state) {
    (void)state;
    struct kit *k = open_ranked();
    bring_to(k, "in_progress"); /* NP-SZB has reported, NP-BB leads */
    kit_time(k, "2018-03-21T00:00:00+08:00");
    assert_int_equal(place(k, "NP-BB", "red"), 1);
    assert_int_equal(place(k, "NP-BB", "score"), 9950 * 80 / 100 + 1600);
    assert_int_equal(place(k, "NP-SZB", "score"), 9600);
    act(k, ERR_OK, "bb", "submit_done", DONE);
    assert_string_equal(kit_get(k, "late"), "true");
    act(k, ERR_OK, "disp", "accept", "\"opinion\":\"同意\",\"quality\":3");
    assert_string_equal(kit_get(k, "on_time"), "false");
    assert_int_equal(place(k, "NP-BB", "score"), 9700 * 80 / 100 + 1600);
    assert_int_equal(place(k, "NP-BB", "on_time"), 0);
    assert_int_equal(place(k, "NP-BB", "due"), 1);
    assert_int_equal(place(k, "NP-SZB", "score"), 9600);
    explained(k, "NP-BB");
    kit_close(k);
}

static void grace_is_the_same(void **state) {
    (void)state;
    struct kit *k = open_ranked();
    bring_to(k, "submitted");
    kit_time(k, "2018-03-22T10:00:00+08:00");
    act(k, ERR_OK, "disp", "return", "\"reason\":\"材料不全\"");
    assert_string_equal(kit_get(k, "due"), "2018-03-26");
    assert_int_equal(place(k, "NP-BB", "yellow"), 1);
    kit_time(k, "2018-03-26T23:59:00+08:00");
    assert_int_equal(place(k, "NP-BB", "red"), 0);
    kit_time(k, "2018-03-27T00:00:00+08:00");
    assert_int_equal(place(k, "NP-BB", "red"), 1);
    assert_int_equal(place(k, "NP-BB", "score"), (10000 - 200 - 50) * 80 / 100 + 1600);
    explained(k, "NP-BB");
    kit_close(k);
}

static void late_at_creation(void **state) {
    (void)state;
    struct kit *k = open_ranked();
    kit_time(k, "2018-03-10T09:00:00+08:00");
    create(k, "\"units\":[\"NP-BB\",\"NP-SZB\"],\"deadline\":\"2018-03-11\"");
    kit_time(k, "2018-03-12T09:00:00+08:00");
    act(k, ERR_OK, "disp", "submit_draft", "");
    act(k, ERR_OK, "appr", "approve", "");
    assert_string_equal(kit_get(k, "late_at_creation"), "true");
    assert_int_equal(place(k, "NP-BB", "counted"), 0);
    assert_int_equal(place(k, "NP-BB", "red"), 0);
    assert_int_equal(place(k, "NP-BB", "rank"), -1);
    act(k, ERR_OK, "disp", "update", "\"deadline\":\"2018-03-13\"");
    assert_int_equal(place(k, "NP-BB", "counted"), 1); /* a fresh date counts again */
    kit_time(k, "2018-03-14T09:00:00+08:00");
    assert_int_equal(place(k, "NP-BB", "red"), 1);
    /* as it stood before the fresh date */
    struct ranking_view v;
    int64_t             before;
    MUST(time_parse_iso("2018-03-12T08:59:59.999+08:00", &before) == ERR_OK);
    assert_int_equal(ranking_view_begin(&k->house, k->db, "2018", "city", before, &v), ERR_OK);
    assert_int_equal(v.f.tasks[0].opened, false);
    ranking_view_end(&v);
    kit_close(k);
}

static void false_report_and_refusal(void **state) {
    (void)state;
    struct kit *k = open_ranked();
    bring_to(k, "in_progress");
    act(k, ERR_OK, "ddc", "find_false", "\"reason\":\"不属实\"");
    assert_int_equal(place(k, "NP-BB", "score"), 9000 * 80 / 100 + 1600);
    explained(k, "NP-BB");
    dispatch(k, "\"units\":[\"NP-GSJ\"],\"deadline\":\"2018-04-20\"");
    assert_int_equal(place(k, "NP-GSJ", "counted"), 1);
    act(k, ERR_OK, "gsj", "refuse", "\"reason\":\"不属职责\"");
    assert_int_equal(place(k, "NP-GSJ", "counted"), -2); /* a draft again */
    kit_close(k);
}

static void followed_up(void **state) {
    (void)state;
    struct kit *k = open_ranked();
    bring_to(k, "long_term");
    assert_int_equal(place(k, "NP-BB", "closed"), 1);
    assert_int_equal(place(k, "NP-BB", "on_time"), 1);
    kit_time(k, "2018-04-12T09:00:00+08:00");
    kit_want(k, ERR_OK, "lead", "ranking.get", "{\"period\":\"2018-04\",\"scope\":\"department\"}");
    assert_string_equal(kit_get(k, "totals.long_term"), "1");
    assert_string_equal(kit_get(k, "totals.closed"), "0");
    assert_string_equal(kit_get(k, "rows.0.counted"), "0");
    assert_null(kit_get(k, "rows.0.rank"));
    assert_null(kit_get(k, "rows.0.score"));
    kit_close(k);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(closed_in_time),           cmocka_unit_test(closed_late),
        cmocka_unit_test(grace_is_the_same),        cmocka_unit_test(late_at_creation),
        cmocka_unit_test(false_report_and_refusal), cmocka_unit_test(followed_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
