/* SPDX-License-Identifier: Apache-2.0
 *
 * The importer on the real sample and on rows with one fault each.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/mem.h"
#include "handlers/import.h"
#include "handlers/import_int.h"
#include "store/plan.h"
#include "store/task.h"
#include "store/unit.h"
#include "tests/unit/kit.h"

#define SAMPLE "samples/nanping-2018"
#define REASON "演示导入：方案印发前已过期的任务"

static char said[65536]; /* what the importer wrote */

static enum err import_from(struct kit *k, const char *dir, const char *reason, struct import_result *res) {
    memset(said, 0, sizeof said);
    FILE *out = fmemopen(said, sizeof said - 1, "w");
    MUST(out != NULL);
    struct import_conf c = {.dir          = dir,
                            .confirm_past = reason,
                            .actor        = "demo-admin",
                            .out          = out,
                            .wall_ms      = clock_wall_ms(),
                            .biz_ms       = clock_business_ms()};
    enum err           e = import_dir(&k->house, k->db, &c, res);
    (void)fclose(out);
    return e;
}

static void import_sample(struct kit *k) {
    struct import_result res;
    assert_int_equal(import_from(k, SAMPLE, REASON, &res), ERR_OK);
    assert_int_equal(res.problems, 0);
}

static void write_file(struct kit *k, const char *name, const char *text) {
    char path[160];
    (void)snprintf(path, sizeof path, "%s/%s", k->dir, name);
    FILE *f = fopen(path, "w");
    MUST(f != NULL && fputs(text, f) >= 0 && fclose(f) == 0);
}

/* ---- the sample ---- */

static void sample_comes_in_whole(void **state) {
    (void)state;
    struct kit          *k = kit_open();
    struct import_result res;
    assert_int_equal(import_from(k, SAMPLE, REASON, &res), ERR_OK);
    if (res.problems || res.warnings) fprintf(stderr, "%s", said);
    assert_int_equal(res.units_new, 75);
    assert_int_equal(res.tasks_new, 33);
    assert_int_equal(res.problems, 0);
    assert_int_equal(res.warnings, 0);
    assert_int_equal(kit_sql_i(k, "SELECT COUNT(*) FROM unit"), 75);
    assert_int_equal(kit_sql_i(k, "SELECT COUNT(*) FROM unit WHERE is_group = 1"), 18);
    assert_int_equal(kit_sql_i(k, "SELECT COUNT(*) FROM unit_member WHERE grp = 'NP-XZF-ALL'"), 10);
    assert_int_equal(kit_sql_i(k, "SELECT COUNT(*) FROM unit_member WHERE grp = 'NP-LXHY'"), 6);
    assert_int_equal(kit_sql_i(k, "SELECT COUNT(*) FROM unit_member WHERE grp = 'NP-SZBM'"), 0);
    assert_int_equal(kit_sql_i(k, "SELECT COUNT(*) FROM task WHERE state = 'draft' AND version = 1 AND plan = 'NP2018'"), 33);
    assert_int_equal(kit_sql_i(k, "SELECT COUNT(*) FROM task WHERE deadline IS NOT NULL AND long_term = 0"), 28);
    assert_int_equal(kit_sql_i(k, "SELECT COUNT(*) FROM task WHERE long_term = 1 AND deadline_rule = 'long_term'"), 2);
    assert_int_equal(kit_sql_i(k, "SELECT COUNT(*) FROM task WHERE long_term = 1 AND deadline_rule = 'none_stated'"), 3);
    assert_int_equal(kit_sql_i(k, "SELECT COUNT(*) FROM task WHERE late_at_creation = 1"), 4);
    assert_int_equal(kit_sql_i(k, "SELECT COUNT(*) FROM task WHERE late_at_creation = 1 AND past_reason = '" REASON "'"), 4);
    assert_int_equal(kit_sql_i(k, "SELECT COUNT(*) FROM task WHERE continues_after = 1"), 7);
    assert_int_equal(
        kit_sql_i(k, "SELECT COUNT(*) FROM task WHERE issued_on = '2018-03-09' AND source_kind = 'executive_meeting'"), 33);
    assert_int_equal(kit_sql_i(k, "SELECT COUNT(*) FROM task WHERE deadline_text = '2018年3月中旬' AND deadline = '2018-03-20'"),
                     1);
    assert_int_equal(
        kit_sql_i(k, "SELECT COUNT(DISTINCT t.id) FROM task t JOIN task_listed l ON l.task = t.id JOIN unit u ON u.code = l.unit "
                     "WHERE u.is_group = 1"),
        28);
    assert_int_equal(kit_sql_i(k, "SELECT COUNT(*) FROM task t JOIN task_listed l ON l.task = t.id AND l.ord = "
                                  "(SELECT MIN(ord) FROM task_listed x WHERE x.task = t.id) WHERE l.unit = t.lead_unit"),
                     33);
    assert_int_equal(kit_sql_i(k, "SELECT COUNT(*) FROM task_monitor"), 33 * 3 - 1);
    assert_int_equal(kit_sql_i(k, "SELECT COUNT(*) FROM task_event WHERE event = 'import' AND seq = 1 AND to_state = 'draft'"),
                     33);
    assert_int_equal(kit_sql_i(k, "SELECT COUNT(*) FROM plan_part WHERE plan = 'NP2018'"), 6);
    assert_int_equal(
        kit_sql_i(k,
                  "SELECT COUNT(*) FROM plan WHERE issuer = 'NP-ZFB' AND issued_on = '2018-03-09' AND printed_on = '2018-03-12'"),
        1);
    assert_int_equal(
        kit_sql_i(k, "SELECT COUNT(*) FROM ledger WHERE kind = 'import' AND actor = 'demo-admin' AND hash IS NOT NULL"), 2);
    kit_close(k);
}

static void text_order_and_date_order_are_kept(void **state) {
    (void)state;
    struct kit *k = kit_open();
    import_sample(k);
    assert_int_equal(
        kit_sql_i(
            k,
            "SELECT COUNT(*) FROM task a JOIN task b ON b.ord = a.ord + 1 WHERE a.id = 'NP2018-3-2-1' AND b.id = 'NP2018-3-2-2'"),
        1);
    assert_int_equal(kit_sql_i(k, "SELECT COUNT(DISTINCT ord) FROM task"), 33);
    kit_close(k);
}

static void second_import_changes_nothing(void **state) {
    (void)state;
    struct kit          *k = kit_open();
    struct import_result res;
    import_sample(k);
    long long rows = kit_sql_i(
        k, "SELECT (SELECT COUNT(*) FROM ledger) + (SELECT COUNT(*) FROM task_event) + (SELECT COUNT(*) FROM unit_alias)");
    /* also later, without a reason, and when people have worked on a task meanwhile */
    MUST(db_exec(k->db, "UPDATE task SET title = 'edited', version = 2 WHERE id = 'NP2018-1-1-1'", "") == ERR_OK);
    kit_time(k, "2018-07-01T09:00:00+08:00");
    assert_int_equal(import_from(k, SAMPLE, NULL, &res), ERR_OK);
    assert_int_equal(res.units_new + res.tasks_new + res.problems, 0);
    assert_int_equal(res.units_same, 75);
    assert_int_equal(res.tasks_same, 33);
    assert_int_equal(
        kit_sql_i(k,
                  "SELECT (SELECT COUNT(*) FROM ledger) + (SELECT COUNT(*) FROM task_event) + (SELECT COUNT(*) FROM unit_alias)"),
        rows);
    assert_int_equal(kit_sql_i(k, "SELECT version FROM task WHERE id = 'NP2018-1-1-1'"), 2);
    kit_close(k);
}

static void past_deadlines_need_a_reason(void **state) {
    (void)state;
    struct kit          *k = kit_open();
    struct import_result res;
    assert_int_equal(import_from(k, SAMPLE, NULL, &res), ERR_OK);
    assert_int_equal(res.tasks_new, 29);
    assert_int_equal(res.problems, 4);
    assert_non_null(strstr(said, "tasks.json: tasks[13]: deadline: past: 期限 2018-02-20 早于今天（2018-03-12）"));
    assert_int_equal(import_from(k, SAMPLE, REASON, &res), ERR_OK);
    assert_int_equal(res.tasks_new, 4);
    assert_int_equal(res.tasks_same, 29);
    kit_close(k);
}

/* ---- board names and kinds ---- */

static void every_unit_has_a_board_name(void **state) {
    (void)state;
    static const char *const want[][2] = {
        {"NP-GSJ", "市工商局"},  {"NP-BB", "市审改办"},     {"NP-WYXQ", "武夷新区"},  {"XZ-350782", "武夷山市"},
        {"XZ-350702", "延平区"}, {"NP-XZFW", "市服务中心"}, {"NP-ZZB", "市委组织部"},
    };
    struct kit        *k = kit_open();
    struct unit       *v;
    struct unit_filter f = {.limit = 200};
    size_t             n;
    import_sample(k);
    assert_int_equal(unit_list(k->db, k->arena, &f, &v, &n), ERR_OK);
    assert_int_equal(n, 75);
    for (size_t i = 0; i < n; i++) {
        size_t chars = 0;
        for (const char *p = v[i].board_name; *p; p++) chars += ((unsigned char)*p & 0xC0) != 0x80;
        assert_in_range(chars, 1, 5);
        for (size_t j = 0; j < i; j++) assert_string_not_equal(v[i].board_name, v[j].board_name);
        if (getenv("SHOW"))
            printf("%-14s %-8s %-12s %-18s %s\n", v[i].code, v[i].board_name, v[i].scope, v[i].user_kind, v[i].short_name);
    }
    for (size_t i = 0; i < ARRAY_N(want); i++) {
        struct unit u;
        assert_int_equal(unit_get(k->db, k->arena, want[i][0], &u), ERR_OK);
        assert_string_equal(u.board_name, want[i][1]);
    }
    assert_int_equal(kit_sql_i(k, "SELECT COUNT(*) FROM unit WHERE scope = 'county'"), 10);
    assert_int_equal(kit_sql_i(k, "SELECT COUNT(*) FROM unit WHERE scope <> '' AND is_group = 1"), 0);
    assert_int_equal(kit_sql_i(k, "SELECT COUNT(DISTINCT user_kind) FROM unit WHERE user_kind <> ''"), 8);
    kit_close(k);
}

/* ---- one fault each ---- */

#define HEAD "{\"plan\":\"试\",\"issuer\":\"NP-ZFB\",\"issued\":\"2018-03-09\",\"tasks\":["
#define PHEAD "{\"plan\":\"试\",\"plan_id\":\"T1\",\"issuer\":\"NP-ZFB\",\"issued\":\"2018-03-09\",\"tasks\":["
#define TAIL "]}"
/* A good row but for what is given; later members with the same name are not seen, so the fault comes first. */
#define ROW(fault)                                                                                                               \
    "{" fault "\"id\":\"T1-1-1-1\",\"title\":\"题\",\"requirement\":\"要求\",\"responsible_units\":[\"NP-BB\",\"NP-SZB\"],"   \
    "\"supervising_unit\":\"NP-XNB\",\"monitoring_units\":[\"NP-JW\"],\"deadline\":\"2018-06-30\",\"deadline_text\":"            \
    "\"6月底前\"}"
#define DATES(date, text) "\"deadline\":" date ",\"deadline_text\":\"" text "\","

static const struct fault {
    const char *json, *want; /* want: part of a line, NULL: the row goes in */
} faults[] = {
    {HEAD ROW("") TAIL, NULL},
    {PHEAD ROW("\"id\":\"\",") TAIL, "tasks[0]: id: required"},
    {PHEAD ROW("\"id\":\"有 空格\",") TAIL, "tasks[0]: id: code"},
    {PHEAD ROW("\"id\":7,") TAIL, "tasks[0]: id: type"},
    {HEAD ROW("") "," ROW("") TAIL, "tasks[1]: id: duplicate"},
    {HEAD ROW("") "," ROW("\"id\":\"T2-1-1-1\",") TAIL, "tasks[1]: id: prefix"},
    {HEAD ROW("\"id\":\"T1-x\",") TAIL, "tasks[0]: part: part"},
    {HEAD ROW("\"title\":\"甲\\u202e乙\",") TAIL, "tasks[0]: title: control"},
    {HEAD ROW("\"requirement\":\"甲\\u2066乙\",") TAIL, "tasks[0]: requirement: control"},
    {HEAD ROW("\"title\":null,") TAIL, "tasks[0]: title: required"},
    {HEAD ROW("\"responsible_units\":[],") TAIL, "tasks[0]: responsible_units: required"},
    {HEAD ROW("\"responsible_units\":[\"NP-BB\",\"NP-NO\"],") TAIL, "tasks[0]: responsible_units: unknown_unit"},
    {HEAD ROW("\"responsible_units\":[\"质监局\"],") TAIL,
     "tasks[0]: responsible_units: ambiguous_unit: “质监局”有多个单位（FJ-ZJJ、NP-ZJJ）"},
    {HEAD ROW("\"responsible_units\":[\"市委编办\",\"市数字办\"],") TAIL, NULL},
    {HEAD ROW("\"responsible_units\":[\"NP-BB\",\"市审改办\"],") TAIL, "tasks[0]: responsible_units: duplicate"},
    {HEAD ROW("\"lead_unit\":\"NP-GSJ\",") TAIL, "tasks[0]: lead_unit: not_listed"},
    {HEAD ROW("\"supervising_unit\":\"NP-BB\",") TAIL, "tasks[0]: supervising_unit: two_roles"},
    {HEAD ROW("\"responsible_units\":[\"NP-SWBM\"],\"supervising_unit\":\"NP-BB\",") TAIL,
     "tasks[0]: supervising_unit: two_roles"},
    {HEAD ROW("\"monitoring_units\":[\"NP-SZB\"],") TAIL, "tasks[0]: monitoring_units: two_roles"},
    {HEAD ROW("\"urgency\":\"fast\",") TAIL, "tasks[0]: urgency: choice"},
    {HEAD ROW("\"quantities\":{\"a\":1.5},") TAIL, "tasks[0]: quantities: type"},
    {HEAD ROW(DATES("null", "春节前")) TAIL, "tasks[0]: deadline_text: words_unknown"},
    {HEAD ROW(DATES("null", "2月30日前")) TAIL, "tasks[0]: deadline_text: words_date"},
    {HEAD ROW(DATES("null", "6月中旬")) TAIL, NULL},
    {HEAD ROW(DATES("null", "二〇一八年六月中旬")) TAIL, NULL},
    {HEAD ROW(DATES("null", "长期坚持")) TAIL, NULL},
    {HEAD ROW(DATES("null", "")) TAIL, "tasks[0]: deadline: required"},
    {HEAD ROW(DATES("\"2018-06-29\"", "6月底前")) TAIL,
     "tasks[0]: deadline: words_contradict: 期限 2018-06-29 与文字不符，按规则应为 2018-06-30"},
    {HEAD ROW(DATES("\"2018-06-30\"", "长期执行")) TAIL, "tasks[0]: deadline: words_contradict"},
    {HEAD ROW("\"deadline_rule\":\"year_end\",") TAIL, "tasks[0]: deadline_rule: words_contradict"},
    {HEAD ROW("\"deadline_rule\":\"next_moon\",") TAIL, "tasks[0]: deadline_rule: choice"},
    {HEAD ROW("\"long_term\":true,") TAIL, "tasks[0]: long_term: words_contradict"},
    {HEAD ROW(DATES("\"2018-02-29\"", "")) TAIL, "tasks[0]: deadline: date"},
    {HEAD ROW(DATES("\"２０１８-０６-３０\"", "６月底前")) TAIL, NULL},
    {HEAD ROW(DATES("\"2018-03-11\"", "3月11日前")) TAIL, "tasks[0]: deadline: past"},
    {HEAD ROW(DATES("\"2018-03-12\"", "3月12日前")) TAIL, NULL},
    {HEAD ROW(DATES("\"2031-06-30\"", "2031年6月底")) TAIL, "tasks[0]: deadline: no_calendar: 提示："},
    {HEAD ROW("\"dead_line\":\"x\",") TAIL, "tasks[0]: dead_line: unknown_field: 提示："},
    {"{\"plan\":\"试\",\"issued\":\"2018-03-09\",\"issuer\":\"质监局\",\"tasks\":[]}", "$: issuer: ambiguous_unit"},
    {"{\"plan\":\"试\",\"issued\":\"2018-03-09\",\"doc_no\":\"南政办15\",\"tasks\":[" ROW("") TAIL, "$: doc_no: doc_no"},
    {"{\"plan\":\"试\",\"tasks\":[" ROW("") TAIL, "$: issued: required"},
    {"{\"tasks\":7}", "$: tasks: type"},
    {HEAD "5" TAIL, "$: plan_id: required"},
    {"{\"plan\":\"试\",\"plan_id\":\"P\",\"issued\":\"2018-03-09\",\"tasks\":[5]}", "tasks[0]: -: type"},
};

static void each_fault_is_one_line(void **state) {
    (void)state;
    struct kit *k = kit_open();
    import_sample(k);
    for (size_t i = 0; i < ARRAY_N(faults); i++) {
        struct import_result res;
        bool warns = faults[i].want && strstr(faults[i].want, "提示") != NULL, in = faults[i].want == NULL || warns;
        write_file(k, "tasks.json", faults[i].json);
        long long before = kit_sql_i(k, "SELECT COUNT(*) FROM task");
        assert_int_equal(import_from(k, k->dir, NULL, &res), ERR_OK);
        if ((res.problems == 0) != in || (faults[i].want && !strstr(said, faults[i].want)))
            fail_msg("row %zu: want %s, said:\n%s", i, faults[i].want ? faults[i].want : "nothing", said);
        if (in) assert_int_equal(kit_sql_i(k, "SELECT COUNT(*) FROM task"), before + 1);
        MUST(db_script(k->db, "DELETE FROM task_event WHERE task LIKE 'T1%'; DELETE FROM task_listed WHERE task LIKE 'T1%'; "
                              "DELETE FROM task_monitor "
                              "WHERE task LIKE 'T1%'; DELETE FROM task WHERE id LIKE 'T1%'; DELETE FROM kv WHERE name LIKE "
                              "'import.task:T1%'; DELETE FROM plan_part "
                              "WHERE plan = 'T1'; DELETE FROM plan WHERE id = 'T1';") == ERR_OK);
    }
    kit_close(k);
}

static void what_is_derived(void **state) {
    (void)state;
    struct kit          *k = kit_open();
    struct import_result res;
    import_sample(k);
    write_file(
        k, "tasks.json",
        "{\"plan\":\"试\",\"issued\":\"2018-03-09\",\"doc_no\":\"南政办[2018]１５号\",\"meeting\":\"第24次\",\"parts\":[\"甲\","
        "\"乙\"],\"tasks\":["
        "{\"id\":\"T1-2-1-1\",\"title\":\"题\",\"requirement\":\"一\\n二\",\"responsible_units\":[\"工商局\","
        "\"市委编办（市审改办）\"],"
        "\"deadline\":null,\"deadline_text\":\"十二月底前\",\"source\":{\"kind\":\"minutes\",\"number\":\"5\",\"date\":\"2018-03-"
        "01\"}},"
        "{\"id\":\"T1-3-1-1\",\"title\":\"题\",\"requirement\":\"要求\",\"responsible_units\":[\"NP-BB\"],\"long_term\":true}]}");
    assert_int_equal(import_from(k, k->dir, NULL, &res), ERR_OK);
    assert_int_equal(res.tasks_new, 2);
    assert_int_equal(res.warnings, 2); /* no supervising unit */
    assert_int_equal(
        kit_sql_i(
            k, "SELECT COUNT(*) FROM task WHERE id = 'T1-2-1-1' AND deadline = '2018-12-31' AND deadline_rule = 'month_end' AND "
               "deadline_text "
               "= '十二月底前' AND lead_unit = 'NP-GSJ' AND part = 2 AND source_kind = 'minutes' AND source_date = '2018-03-01'"),
        1);
    assert_int_equal(kit_sql_i(k, "SELECT COUNT(*) FROM task_listed WHERE task = 'T1-2-1-1' AND unit = 'NP-BB'"), 1);
    assert_int_equal(
        kit_sql_i(
            k, "SELECT COUNT(*) FROM task WHERE id = 'T1-3-1-1' AND deadline IS NULL AND long_term = 1 AND source_no = '第24次'"),
        1);
    assert_int_equal(
        kit_sql_i(k, "SELECT COUNT(*) FROM plan WHERE id = 'T1' AND doc_no = '南政办〔2018〕15号' AND issuer = 'NP-ZFB'"), 1);
    assert_int_equal(kit_sql_i(k, "SELECT COUNT(*) FROM plan_part WHERE plan = 'T1'"), 3);
    /* a row that was changed in the file is not put over the imported one */
    write_file(k, "tasks.json",
               HEAD "{\"id\":\"T1-3-1-1\",\"title\":\"改\",\"requirement\":\"要求\",\"responsible_units\":[\"NP-BB\"],\"long_"
                    "term\":true}" TAIL);
    assert_int_equal(import_from(k, k->dir, NULL, &res), ERR_OK);
    assert_non_null(strstr(said, "$: doc_no: differs"));
    write_file(
        k, "tasks.json",
        "{\"plan\":\"试\",\"issued\":\"2018-03-09\",\"doc_no\":\"南政办〔2018〕15号\",\"tasks\":["
        "{\"id\":\"T1-3-1-1\",\"title\":\"改\",\"requirement\":\"要求\",\"responsible_units\":[\"NP-BB\"],\"long_term\":true}]}");
    assert_int_equal(import_from(k, k->dir, NULL, &res), ERR_OK);
    assert_non_null(strstr(said, "tasks[0]: id: differs"));
    kit_close(k);
}

#define UNIT(code, more)                                                                                                         \
    "{\"code\":\"" code "\",\"full_name\":\"单位" code "\",\"short_name\":\"" code                                               \
    "\",\"level\":\"city\",\"type\":\"group\"" more "}"

static const struct fault unit_faults[] = {
    {"{\"units\":[" UNIT("A", "") "]}", NULL},
    {"{\"units\":[" UNIT("A", "") "," UNIT("A", "") "]}", "units[1]: code: duplicate"},
    {"{\"units\":[" UNIT("A", ",\"kind\":\"group\",\"members\":[\"B\"]") "," UNIT("B", "") "]}", NULL},
    {"{\"units\":[" UNIT("A", ",\"kind\":\"group\",\"members\":[\"C\"]") "]}", "units[0]: members: unknown_unit"},
    {"{\"units\":[" UNIT("A", ",\"kind\":\"group\",\"members\":[\"B\"]") "," UNIT("B",
                                                                                  ",\"kind\":\"group\",\"members\":[\"A\"]") "]}",
     "units[0]: members: cycle"},
    {"{\"units\":[" UNIT("A", ",\"parent\":\"A\"") "]}", "units[0]: parent: cycle"},
    {"{\"units\":[" UNIT("A", ",\"roles\":[\"king\"]") "]}", "units[0]: roles: choice"},
    {"{\"units\":[" UNIT("A", ",\"aliases\":[\"甲\\u202e\"]") "]}", "units[0]: aliases: control"},
    {"{\"units\":[" UNIT("A", ",\"valid_from\":\"2019-01-01\",\"valid_to\":\"2018-01-01\"") "]}", "units[0]: valid_to: order"},
    {"{\"units\":[" UNIT("A", ",\"board_name\":\"六个字的名字\"") "]}", "units[0]: board_name: length"},
    {"{\"units\":[" UNIT("LONGER", "") "]}", "units[0]: board_name: board_name: 提示："},
    {"{\"units\":[{\"code\":\"A\"}]}", "units[0]: full_name: required"},
    {"{\"units\":[7]}", "units[0]: -: type"},
    {"[]", "$: units: type"},
};

static void each_unit_fault_is_one_line(void **state) {
    (void)state;
    for (size_t i = 0; i < ARRAY_N(unit_faults); i++) {
        struct kit          *k = kit_open();
        struct import_result res;
        const char          *want = unit_faults[i].want;
        write_file(k, "units.json", unit_faults[i].json);
        assert_int_equal(import_from(k, k->dir, NULL, &res), ERR_OK);
        if ((res.problems == 0) != (want == NULL || strstr(want, "提示")) || (want && !strstr(said, want)))
            fail_msg("row %zu: want %s, said:\n%s", i, want ? want : "nothing", said);
        assert_int_equal(kit_sql_i(k, "SELECT COUNT(*) FROM unit"), (long long)res.units_new);
        kit_close(k);
    }
}

static void unreadable_files_are_said(void **state) {
    (void)state;
    struct kit          *k = kit_open();
    struct import_result res;
    assert_int_equal(import_from(k, "/nonexistent", NULL, &res), ERR_INPUT);
    assert_non_null(strstr(said, "没有 units.json"));
    write_file(k, "tasks.json", "{\"tasks\":[}");
    assert_int_equal(import_from(k, k->dir, NULL, &res), ERR_INPUT);
    assert_non_null(strstr(said, "tasks.json: $: -: json"));
    /* a bad file keeps the good one out as well */
    write_file(k, "units.json", "{\"units\":[" UNIT("A", "") "]}");
    assert_int_equal(import_from(k, k->dir, NULL, &res), ERR_INPUT);
    assert_int_equal(kit_sql_i(k, "SELECT COUNT(*) FROM unit"), 0);
    kit_close(k);
}

/* An engine that refuses in the middle: the open chunk is gone, the next import completes. */
static void a_cut_off_import_is_completed(void **state) {
    (void)state;
    struct kit          *k = kit_open();
    struct import_result res;
    MUST(
        db_script(k->db, "CREATE TRIGGER stop BEFORE INSERT ON unit WHEN NEW.ord = 70 BEGIN SELECT RAISE(ABORT, 'stop'); END;") ==
        ERR_OK);
    assert_int_not_equal(import_from(k, SAMPLE, REASON, &res), ERR_OK);
    assert_in_range(kit_sql_i(k, "SELECT COUNT(*) FROM unit"), 1, 74);
    assert_int_equal(kit_sql_i(k, "SELECT COUNT(*) FROM ledger WHERE kind = 'import'"), 1);
    MUST(db_script(k->db, "DROP TRIGGER stop;") == ERR_OK);
    import_sample(k);
    assert_int_equal(kit_sql_i(k, "SELECT COUNT(*) FROM unit"), 75);
    assert_int_equal(kit_sql_i(k, "SELECT COUNT(*) FROM task"), 33);
    assert_int_equal(kit_sql_i(k, "SELECT COUNT(*) FROM unit_member WHERE grp = 'NP-XZF-ALL'"), 10);
    kit_close(k);
}

static void scan_needs_no_store(void **state) {
    (void)state;
    FILE *out = fmemopen(said, sizeof said - 1, "w");
    assert_int_equal(import_scan("tasks.json", faults[0].json, strlen(faults[0].json), out), 0);
    assert_int_equal(import_scan("tasks.json", faults[7].json, strlen(faults[7].json), out), 1);
    assert_int_equal(import_scan("units.json", unit_faults[1].json, strlen(unit_faults[1].json), out), 1);
    assert_int_equal(import_scan("units.json", "{", 1, NULL), 1);
    (void)fclose(out);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sample_comes_in_whole),
        cmocka_unit_test(text_order_and_date_order_are_kept),
        cmocka_unit_test(second_import_changes_nothing),
        cmocka_unit_test(past_deadlines_need_a_reason),
        cmocka_unit_test(every_unit_has_a_board_name),
        cmocka_unit_test(each_fault_is_one_line),
        cmocka_unit_test(what_is_derived),
        cmocka_unit_test(each_unit_fault_is_one_line),
        cmocka_unit_test(unreadable_files_are_said),
        cmocka_unit_test(a_cut_off_import_is_completed),
        cmocka_unit_test(scan_needs_no_store),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
