/* SPDX-License-Identifier: Apache-2.0
 *
 * Units, groups and names in the store, and units and plans over the methods, on the sample.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/mem.h"
#include "handlers/import.h"
#include "store/unit.h"
#include "tests/unit/kit.h"

static struct kit *open_sample(void) {
    struct kit          *k = kit_open();
    struct import_result res;
    struct import_conf   c = {
          .dir = "samples/nanping-2018", .confirm_past = "演示", .wall_ms = clock_wall_ms(), .biz_ms = clock_business_ms()};
    MUST(import_dir(&k->house, k->db, &c, &res) == ERR_OK && res.problems == 0);
    kit_person(k, "d", "NP-ZFB", ROLE_DISPATCHER);
    kit_person(k, "screen", NULL, ROLE_DISPLAY);
    kit_person(k, "c", NULL, ROLE_CITIZEN);
    return k;
}

/* ---- names ---- */

static const struct {
    const char *name, *code; /* code NULL: refused; then codes, NULL for unknown */
    const char *codes;
} names[] = {
    {"NP-GSJ", "NP-GSJ", NULL},
    {"市工商局", "NP-GSJ", NULL},
    {"工商局", "NP-GSJ", NULL},
    {"南平市工商行政管理局", "NP-GSJ", NULL},
    {"市委编办", "NP-BB", NULL}, /* one body, two names */
    {"市审改办", "NP-BB", NULL},
    {"市委编办(市审改办)", "NP-BB", NULL},
    {"市委编办（市审改办）", "NP-BB", NULL},
    {"纪检委", "NP-JW", NULL},
    {"市质监局", "NP-ZJJ", NULL},
    {"省质监局", "FJ-ZJJ", NULL},
    {"质监局", NULL, "FJ-ZJJ、NP-ZJJ"}, /* city or province: not guessed */
    {"质监局(省)", "FJ-ZJJ", NULL},
    {"审改办", NULL, "FJ-SGB、NP-BB"},
    {"市", NULL, NULL},
    {"工商", NULL, NULL},
    {"", NULL, NULL},
};

static void names_resolve_or_are_refused(void **state) {
    (void)state;
    struct kit *k = open_sample();
    for (size_t i = 0; i < ARRAY_N(names); i++) {
        const char *code, *codes;
        enum err    want = names[i].code ? ERR_OK : names[i].codes ? ERR_CONFLICT : ERR_NOTFOUND;
        enum err    e    = unit_resolve(k->db, k->arena, names[i].name, &code, &codes);
        if (e != want) fail_msg("%s: %s", names[i].name, err_info(e)->word);
        if (names[i].code) assert_string_equal(code, names[i].code);
        if (names[i].codes) assert_string_equal(codes, names[i].codes);
    }
    char long_name[4000];
    memset(long_name, 'x', sizeof long_name - 1);
    long_name[sizeof long_name - 1] = '\0';
    const char *code, *codes;
    assert_int_equal(unit_resolve(k->db, k->arena, long_name, &code, &codes), ERR_NOTFOUND);
    kit_close(k);
}

static void words_are_whole(void **state) {
    (void)state;
    assert_true(unit_word_in("a|bc|d", "bc"));
    assert_true(unit_word_in("a|bc|d", "d"));
    assert_false(unit_word_in("a|bc|d", "b"));
    assert_false(unit_word_in("a|bc|d", "bc|d"));
    assert_false(unit_word_in("a|bc|d", ""));
    assert_false(unit_word_in("", "a"));
    assert_false(unit_word_in(NULL, "a"));
}

/* ---- groups and validity ---- */

static void add(struct kit *k, const char *code, bool is_group, const char *from, const char *to) {
    struct unit u = {.code       = code,
                     .full_name  = code,
                     .short_name = code,
                     .board_name = code,
                     .level      = "city",
                     .type       = "group",
                     .is_group   = is_group,
                     .valid_from = from,
                     .valid_to   = to};
    MUST(unit_add(k->db, &u) == ERR_OK);
}

static void nested_groups_give_each_unit_once(void **state) {
    (void)state;
    struct kit  *k = kit_open();
    const char **codes;
    size_t       n;
    add(k, "G1", true, NULL, NULL);
    add(k, "G2", true, NULL, NULL);
    add(k, "G3", true, NULL, NULL);
    add(k, "U1", false, NULL, NULL);
    add(k, "U2", false, NULL, NULL);
    add(k, "U3", false, NULL, NULL);
    static const char *const in[][2] = {{"G1", "U3"}, {"G1", "G2"}, {"G1", "U1"}, {"G2", "U2"}, {"G2", "U3"}, {"G2", "G1"}};
    for (size_t i = 0; i < ARRAY_N(in); i++) assert_int_equal(unit_member_add(k->db, in[i][0], in[i][1], (int64_t)i), ERR_OK);
    assert_int_equal(unit_member_add(k->db, "G1", "U3", 9), ERR_OK); /* again: nothing */
    assert_int_equal(unit_members(k->db, k->arena, "G1", &codes, &n), ERR_OK);
    assert_int_equal(n, 3);
    assert_string_equal(codes[0], "U3");
    assert_string_equal(codes[1], "U2");
    assert_string_equal(codes[2], "U1");
    assert_int_equal(unit_members(k->db, k->arena, "G3", &codes, &n), ERR_OK);
    assert_int_equal(n, 0);
    assert_int_equal(unit_members(k->db, k->arena, "U1", &codes, &n), ERR_NOTFOUND);
    assert_int_equal(unit_members(k->db, k->arena, "G9", &codes, &n), ERR_NOTFOUND);
    kit_close(k);
}

static void validity_is_inclusive(void **state) {
    (void)state;
    static const struct {
        const char *from, *to, *date;
        bool        yes;
    } rows[] = {
        {NULL, NULL, "1999-01-01", true},          {"2018-03-12", NULL, "2018-03-11", false},
        {"2018-03-12", NULL, "2018-03-12", true},  {NULL, "2018-12-31", "2018-12-31", true},
        {NULL, "2018-12-31", "2019-01-01", false},
    };
    for (size_t i = 0; i < ARRAY_N(rows); i++) {
        struct unit u = {.valid_from = rows[i].from, .valid_to = rows[i].to};
        assert_int_equal(unit_valid_on(&u, rows[i].date), rows[i].yes);
    }
    struct kit *k = kit_open();
    struct unit u;
    add(k, "OLD", false, NULL, "2018-12-31");
    assert_int_equal(unit_get(k->db, k->arena, "OLD", &u), ERR_OK);
    assert_string_equal(u.valid_to, "2018-12-31");
    assert_null(u.valid_from);
    u.code = "OLD";
    assert_int_equal(unit_add(k->db, &u), ERR_DUP);
    assert_int_equal(unit_get(k->db, k->arena, "NEW", &u), ERR_NOTFOUND);
    kit_close(k);
}

static void lists_page_by_code(void **state) {
    (void)state;
    struct kit        *k     = open_sample();
    struct unit_filter f     = {.scope = "county", .limit = 4};
    size_t             total = 0, n;
    struct unit       *v;
    do {
        assert_int_equal(unit_list(k->db, k->arena, &f, &v, &n), ERR_OK);
        for (size_t i = 0; i < n; i++) assert_true(f.after == NULL || strcmp(v[i].code, f.after) > 0);
        total += n;
        if (n) f.after = v[n - 1].code;
    } while (n);
    assert_int_equal(total, 10);
    struct unit_filter q = {.q = "纪检", .limit = 10}; /* only an alias has it */
    assert_int_equal(unit_list(k->db, k->arena, &q, &v, &n), ERR_OK);
    assert_int_equal(n, 1);
    assert_string_equal(v[0].code, "NP-JW");
    kit_close(k);
}

/* ---- methods ---- */

static void unit_methods_work(void **state) {
    (void)state;
    struct kit *k = open_sample();
    kit_want(k, ERR_OK, "d", "unit.get", "{\"unit\":\"NP-XZF-ALL\"}");
    assert_string_equal(kit_get(k, "members"), "10");
    assert_string_equal(kit_get(k, "members.0.short_name"), "延平区政府");
    assert_string_equal(kit_get(k, "members_complete"), "true");
    assert_string_equal(kit_get(k, "valid"), "true");
    kit_want(k, ERR_OK, "screen", "unit.get", "{\"unit\":\"NP-BDC\"}");
    assert_string_equal(kit_get(k, "parent"), "NP-GTJ");
    assert_string_equal(kit_get(k, "board_name"), "不动产中心");
    kit_want(k, ERR_NOTFOUND, "d", "unit.get", "{\"unit\":\"NP-NO\"}");
    kit_want(k, ERR_PERM, "c", "unit.get", "{\"unit\":\"NP-BB\"}");

    kit_want(k, ERR_OK, "d", "unit.list", "{\"name\":\"工商局\"}");
    assert_string_equal(kit_get(k, "items"), "1");
    assert_string_equal(kit_get(k, "items.0.code"), "NP-GSJ");
    kit_want(k, ERR_CONFLICT, "d", "unit.list", "{\"name\":\"质监局\"}");
    assert_string_equal(k->detail, "“质监局”对应多个单位：省质监局（FJ-ZJJ）、市质监局（NP-ZJJ）。请选定其中一个。");
    kit_want(k, ERR_NOTFOUND, "d", "unit.list", "{\"name\":\"海关\"}");

    kit_want(k, ERR_OK, "d", "unit.list", "{}");
    assert_string_equal(kit_get(k, "items"), "50");
    char next[400], json[500];
    (void)snprintf(next, sizeof next, "%s", kit_get(k, "next"));
    (void)snprintf(json, sizeof json, "{\"cursor\":\"%s\"}", next);
    kit_want(k, ERR_OK, "d", "unit.list", json);
    assert_string_equal(kit_get(k, "items"), "25");
    assert_null(kit_get(k, "next"));
    (void)snprintf(json, sizeof json, "{\"cursor\":\"%s\",\"scope\":\"county\"}", next);
    kit_want(k, ERR_INPUT, "d", "unit.list", json);
    kit_want(k, ERR_OK, "d", "unit.list", "{\"group\":\"NP-XZF-ALL\",\"limit\":4}");
    assert_string_equal(kit_get(k, "items"), "4");
    (void)snprintf(json, sizeof json, "{\"group\":\"NP-XZF-ALL\",\"limit\":200,\"cursor\":\"%s\"}", kit_get(k, "next"));
    kit_want(k, ERR_OK, "d", "unit.list", json);
    assert_string_equal(kit_get(k, "items"), "6");
    kit_want(k, ERR_NOTFOUND, "d", "unit.list", "{\"group\":\"NP-BB\"}");
    kit_want(k, ERR_OK, "d", "unit.list", "{\"kind\":\"party_leader\"}");
    assert_string_equal(kit_get(k, "items.0.code"), "NP-SWLD");
    kit_want(k, ERR_INPUT, "d", "unit.list", "{\"kind\":\"king\"}");
    kit_close(k);
}

static void set_state(struct kit *k, const char *task, const char *to) {
    MUST(db_exec(k->db, "UPDATE task SET state = ?2 WHERE id = ?1", "ss", task, to) == ERR_OK);
}

static void plan_counts_done_items(void **state) {
    (void)state;
    struct kit *k = open_sample();
    kit_want(k, ERR_OK, "screen", "plan.list", NULL);
    assert_string_equal(kit_get(k, "items.0.id"), "NP2018");
    assert_string_equal(kit_get(k, "items.0.issuer_name"), "市政府办");
    assert_string_equal(kit_get(k, "items.0.tasks"), "33");
    kit_want(k, ERR_OK, "d", "plan.get", "{\"plan_id\":\"NP2018\"}");
    static const char *const tasks[] = {"6", "4", "10", "6", "4", "3"}, *const dated[] = {"6", "4", "8", "6", "4", "0"};
    assert_string_equal(kit_get(k, "parts"), "6");
    for (int i = 0; i < 6; i++) {
        char path[40];
        (void)snprintf(path, sizeof path, "parts.%d.tasks", i);
        assert_string_equal(kit_get(k, path), tasks[i]);
        (void)snprintf(path, sizeof path, "parts.%d.dated", i);
        assert_string_equal(kit_get(k, path), dated[i]);
    }
    assert_string_equal(kit_get(k, "parts.0.title"), "打造权责清单管理系统，实现放权更精准");
    assert_null(kit_get(k, "parts.5.rate_permille")); /* no dated task: no rate, not 0 */
    assert_string_equal(kit_get(k, "parts.0.rate_permille"), "0");

    set_state(k, "NP2018-1-2-1", "closed");
    kit_want(k, ERR_OK, "d", "plan.get", "{\"plan_id\":\"NP2018\"}");
    assert_string_equal(kit_get(k, "parts.0.done"), "1");
    assert_string_equal(kit_get(k, "parts.0.rate_permille"), "167");
    assert_string_equal(kit_get(k, "parts.0.sections.1.section"), "二(一)2");
    assert_string_equal(kit_get(k, "parts.0.sections.1.is_done"), "false"); /* one of two */
    set_state(k, "NP2018-1-2-2", "closed");
    set_state(k, "NP2018-1-1-1", "long_term"); /* on time, goes on */
    set_state(k, "NP2018-3-5-1", "long_term"); /* never had a date */
    set_state(k, "NP2018-4-1-1", "cancelled");
    kit_want(k, ERR_OK, "d", "plan.get", "{\"plan_id\":\"NP2018\"}");
    assert_string_equal(kit_get(k, "parts.0.done"), "3");
    assert_string_equal(kit_get(k, "parts.0.rate_permille"), "500");
    assert_string_equal(kit_get(k, "parts.0.items_done"), "2");
    assert_string_equal(kit_get(k, "parts.0.sections.1.is_done"), "true");
    assert_string_equal(kit_get(k, "parts.2.done"), "0");
    assert_string_equal(kit_get(k, "parts.3.tasks"), "5");
    assert_string_equal(kit_get(k, "done"), "3");
    kit_want(k, ERR_NOTFOUND, "d", "plan.get", "{\"plan_id\":\"NP2017\"}");
    kit_want(k, ERR_PERM, "c", "plan.get", "{\"plan_id\":\"NP2018\"}");
    kit_close(k);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_resolve_or_are_refused),
        cmocka_unit_test(words_are_whole),
        cmocka_unit_test(nested_groups_give_each_unit_once),
        cmocka_unit_test(validity_is_inclusive),
        cmocka_unit_test(lists_page_by_code),
        cmocka_unit_test(unit_methods_work),
        cmocka_unit_test(plan_counts_done_items),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
