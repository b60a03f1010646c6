/* SPDX-License-Identifier: Apache-2.0
 *
 * Reading supervision tasks: lights, who sees what, isolation of counties, channels, lists, what may be done; and the real
 * sample, every task of which can be dispatched.
 */
#include "tests/unit/task_city.h"

#include "base/clock.h"
#include "handlers/access.h"
#include "handlers/import.h"
#include "handlers/task_light.h"

static void lights(void **state) {
    (void)state;
    static const struct {
        const char *now, *task_state, *deadline, *grace;
        bool        late;
        enum light  want;
    } rows[] = {
        {"2018-03-12T08:30:00+08:00", "draft", "2018-03-12", "", false, LIGHT_NONE},
        {"2018-03-12T08:30:00+08:00", "dispatched", "", "", false, LIGHT_NONE},
        {"2018-03-12T08:30:00+08:00", "dispatched", "2018-03-12", "", false, LIGHT_YELLOW}, /* the day itself is in time */
        {"2018-03-12T23:59:59+08:00", "dispatched", "2018-03-12", "", false, LIGHT_YELLOW},
        {"2018-03-13T00:00:00+08:00", "dispatched", "2018-03-12", "", false, LIGHT_RED},
        {"2018-03-12T08:30:00+08:00", "signed", "2018-03-15", "", false, LIGHT_YELLOW}, /* 3 left */
        {"2018-03-12T08:30:00+08:00", "signed", "2018-03-16", "", false, LIGHT_GREEN},  /* 4 left */
        {"2018-03-14T08:30:00+08:00", "signed", "2018-03-18", "", false, LIGHT_YELLOW}, /* a Sunday: 2 left (D36) */
        {"2018-03-12T08:30:00+08:00", "in_progress", "2018-03-09", "", true, LIGHT_NONE},
        {"2018-03-21T08:30:00+08:00", "submitted", "2018-03-20", "", false, LIGHT_GREEN}, /* waiting is not the unit's delay */
        {"2018-03-21T08:30:00+08:00", "returned", "2018-03-20", "2018-03-23", false, LIGHT_YELLOW},
        {"2018-03-24T08:30:00+08:00", "returned", "2018-03-20", "2018-03-23", false, LIGHT_RED},
        {"2018-03-21T08:30:00+08:00", "closed", "2018-03-20", "", false, LIGHT_NONE},
        {"2018-03-21T08:30:00+08:00", "long_term", "2018-03-20", "", false, LIGHT_NONE},
        {"2018-03-21T08:30:00+08:00", "suspended", "2018-03-20", "", false, LIGHT_NONE},
        {"2018-12-20T08:30:00+08:00", "signed", "2019-05-01", "", false, LIGHT_GREEN}, /* surely more than 3 */
        {"2018-12-28T08:30:00+08:00", "signed", "2018-12-31", "", false, LIGHT_YELLOW},
        {"2018-12-28T08:30:00+08:00", "signed", "2019-05-01", "", false, LIGHT_UNKNOWN}, /* nobody knows */
        {"2019-01-03T08:30:00+08:00", "signed", "2018-12-31", "", false, LIGHT_RED},
    };
    struct kit *k = kit_open();
    for (size_t i = 0; i < ARRAY_N(rows); i++) {
        struct light_day d;
        struct light_of  t = {rows[i].task_state, rows[i].deadline, rows[i].grace, rows[i].late};
        kit_time(k, rows[i].now);
        light_day_init(&d, k->house.cal, clock_business_ms(), 3);
        if (task_light(&d, &t) != rows[i].want) fail_msg("row %zu: got %d", i, (int)task_light(&d, &t));
    }
    kit_close(k);
}

/* ---- who sees what ---- */

static void only_those_concerned_see_a_task(void **state) {
    (void)state;
    static const struct {
        const char *who;
        bool        draft, open;
    } rows[]      = {{"disp", true, true},   {"appr", true, true},  {"zfb", false, true}, {"lead", false, true},
                     {"audit", false, true}, {"ddc", false, true},  {"bb2", false, true}, {"szb", false, true},
                     {"gsj", false, false},  {"rsj", false, false}, {"c1", false, false}};
    struct kit *k = open_city();
    for (int open = 0; open < 2; open++) {
        if (open)
            dispatch(k, TWO);
        else
            create(k, TWO);
        for (size_t i = 0; i < ARRAY_N(rows); i++) {
            bool     sees = open ? rows[i].open : rows[i].draft;
            enum err want = sees ? ERR_OK : ERR_NOTFOUND;
            kit_want(k, want, rows[i].who, "task.get", js("{\"task_id\":\"%s\"}", id));
            kit_want(k, want, rows[i].who, "task.history", js("{\"task_id\":\"%s\"}", id));
            kit_want(k, ERR_OK, rows[i].who, "task.list", open ? "{\"state\":\"dispatched\"}" : "{}");
            assert_string_equal(kit_get(k, "items"), sees ? "1" : "0");
        }
    }
    kit_close(k);
}

static void the_issuer_acts_on_its_plan_but_not_on_itself(void **state) {
    (void)state;
    struct kit *k = open_city();
    kit_want(k, ERR_OK, "zfb", "task.create",
             "{\"title\":\"x\",\"requirement\":\"y\",\"plan\":\"P1\",\"supervising_unit\":\"NP-XNB\",\"deadline\":\"2018-03-20\","
             "\"units\":[\"NP-BB\"]}");
    (void)snprintf(id, sizeof id, "%s", kit_get(k, "id"));
    act(k, ERR_OK, "zfb", "submit_draft", "");
    act(k, ERR_OK, "appr", "approve", "");
    kit_want(k, ERR_OK, "zfb", "task.create",
             "{\"title\":\"x\",\"requirement\":\"y\",\"plan\":\"P1\",\"supervising_unit\":\"NP-XNB\",\"deadline\":\"2018-03-20\","
             "\"units\":[\"NP-BB\",\"NP-ZFB\"]}");
    (void)snprintf(id, sizeof id, "%s", kit_get(k, "id"));
    act(k, ERR_PERM, "zfb", "submit_draft", ""); /* seen, but it would supervise itself */
    act(k, ERR_OK, "disp", "submit_draft", "");
    act(k, ERR_PERM, "zfb", "approve", "");
    act(k, ERR_OK, "appr", "approve", "");
    kit_close(k);
}

static void counties_do_not_see_each_other(void **state) {
    (void)state;
    struct kit *k = open_city();
    create(k, "\"units\":[\"NP-BB\",\"NP-XZF\"],\"deadline\":\"2018-03-20\"");
    act(k, ERR_OK, "disp", "submit_draft", "\"expand\":{\"NP-XZF\":[\"XZ-1\",\"XZ-2\"]}");
    act(k, ERR_OK, "appr", "approve", "");
    act(k, ERR_OK, "bb", "sign_for", "");
    act(k, ERR_OK, "c2", "sign_for", "");
    act(k, ERR_OK, "c1", "sign_for", "");
    act(k, ERR_OK, "c2", "report", "\"text\":\"二县的情况\"");
    kit_want(k, ERR_OK, "c1", "task.get", js("{\"task_id\":\"%s\"}", id));
    assert_null(strstr(buf_str(&k->reply), "XZ-2"));
    assert_null(strstr(buf_str(&k->reply), "二县的情况"));
    assert_string_equal(kit_get(k, "units"), "2");
    assert_string_equal(kit_get(k, "units_hidden"), "1");
    kit_want(k, ERR_OK, "c1", "task.history", js("{\"task_id\":\"%s\"}", id));
    assert_null(strstr(buf_str(&k->reply), "c2"));
    kit_want(k, ERR_NOTFOUND, "c1", "task.list", "{\"unit\":\"XZ-2\"}");
    kit_want(k, ERR_NOTFOUND, "c3", "task.get", js("{\"task_id\":\"%s\"}", id));
    kit_want(k, ERR_OK, "bb", "task.get", js("{\"task_id\":\"%s\"}", id));
    assert_string_equal(kit_get(k, "units"), "3");
    /* nor on the live channels: another county hears that something happened, not who did it */
    assert_int_equal(
        kit_sql_i(
            k, "SELECT COUNT(*) FROM outbox WHERE (channel = 'unit:XZ-1' OR channel LIKE 'task:%') AND instr(data, 'XZ-2') > 0"),
        0);
    assert_int_equal(kit_sql_i(k, "SELECT COUNT(*) FROM outbox WHERE channel = 'unit:NP-XNB' AND instr(data, 'XZ-2') > 0"), 2);
    kit_close(k);
}

static void channels(void **state) {
    (void)state;
    static const struct {
        const char *who, *unit;
        enum err    want;
    } rows[]      = {{"bb", "NP-BB", ERR_OK},   {"bb", "NP-SZB", ERR_PERM}, {"lead", "NP-SZB", ERR_OK}, {"ddc", "XZ-1", ERR_OK},
                     {"zfb", "NP-SZB", ERR_OK}, {"c1", "XZ-2", ERR_PERM},   {"c1", "XZ-1", ERR_OK},     {"bb", "NONE", ERR_NOTFOUND}};
    struct kit *k = open_city();
    dispatch(k, TWO);
    for (size_t i = 0; i < ARRAY_N(rows); i++) {
        struct req r = {.house = &k->house, .a = k->arena, .db = k->db};
        int64_t    roles;
        (void)snprintf(r.who.id, sizeof r.who.id, "%s", rows[i].who);
        MUST(db_one_i(k->db, &roles, "SELECT roles FROM person WHERE id = ?1", "s", rows[i].who) == ERR_OK);
        struct rows *q = db_query(k->db, "SELECT COALESCE(unit, '') FROM person WHERE id = ?1", "s", rows[i].who);
        if (db_next(q)) (void)snprintf(r.who.unit, sizeof r.who.unit, "%s", row_s(q, 0));
        MUST(db_rows_end(q) == ERR_OK);
        r.who.roles = (unsigned)roles;
        assert_int_equal(access_unit_channel(&r, rows[i].unit), rows[i].want);
        bool sees = strncmp(rows[i].who, "c", 1) != 0;
        assert_int_equal(access_task_channel(&r, id), sees ? ERR_OK : ERR_NOTFOUND);
    }
    kit_close(k);
}

/* ---- lists, actions ---- */

static void lists_filter_sort_and_page(void **state) {
    (void)state;
    static const struct {
        const char *who, *json, *n, *first;
    } rows[] = {
        {"lead", "{\"sort\":\"deadline\"}", "4", "丙"},
        {"lead", "{\"sort\":\"created\"}", "4", "丁"},
        {"lead", "{\"sort\":\"plan\"}", "4", "甲"},
        {"lead", "{\"light\":\"yellow\"}", "1", "丙"},
        {"lead", "{\"light\":\"green\"}", "2", "甲"},
        {"lead", "{\"light\":\"none\"}", "1", "丁"},
        {"lead", "{\"unit\":\"NP-SZB\",\"role\":\"lead\"}", "1", "丁"},
        {"lead", "{\"unit\":\"NP-SZB\",\"role\":\"assist\"}", "2", "甲"},
        {"bb", "{\"role\":\"lead\"}", "3", "甲"},
        {"lead", "{\"source_no\":\"南政办[2017]115号\"}", "1", "乙"},
        {"lead", "{\"q\":\"丙\"}", "1", "丙"},
        {"lead", "{\"q\":\"南政办【2017】115号\"}", "1", "乙"},
        {"lead", "{\"due_from\":\"2018-03-16\",\"due_to\":\"2018-04-30\"}", "1", "甲"},
        {"lead", "{\"state\":\"signed\"}", "1", "丁"},
        {"lead", "{\"state\":\"signed,dispatched\"}", "4", "甲"},
        {"lead", "{\"part\":3}", "1", "乙"},
        {"gsj", "{}", "1", "乙"},
        {"rsj", "{}", "0", NULL},
    };
    static const struct {
        const char *title, *more;
    } tasks[]     = {{"甲", "\"ord\":1,\"units\":[\"NP-BB\",\"NP-SZB\"],\"deadline\":\"2018-04-30\""},
                     {"乙", "\"ord\":2,\"part\":3,\"units\":[\"NP-BB\",\"NP-GSJ\"],\"deadline\":\"2018-06-30\",\"source_no\":"
                                "\"南政办（2017）115号\""},
                     {"丙", "\"ord\":3,\"units\":[\"NP-BB\",\"NP-SZB\"],\"deadline\":\"2018-03-15\""},
                     {"丁", "\"ord\":4,\"units\":[\"NP-SZB\"],\"long_term\":true"}};
    struct kit *k = open_city();
    for (size_t i = 0; i < ARRAY_N(tasks); i++) {
        kit_time(k, js("2018-03-12T08:3%zu:00+08:00", i));
        kit_want(k, ERR_OK, "disp", "task.create",
                 js("{\"title\":\"%s\",\"requirement\":\"x\",%s}", tasks[i].title, tasks[i].more));
        (void)snprintf(id, sizeof id, "%s", kit_get(k, "id"));
        act(k, ERR_OK, "disp", "submit_draft", "");
        act(k, ERR_OK, "appr", "approve", "");
    }
    act(k, ERR_OK, "szb", "sign_for", "");
    for (size_t i = 0; i < ARRAY_N(rows); i++) {
        kit_want(k, ERR_OK, rows[i].who, "task.list", rows[i].json);
        if (strcmp(kit_get(k, "items"), rows[i].n) != 0) fail_msg("%s: %s items", rows[i].json, kit_get(k, "items"));
        if (rows[i].first && strcmp(kit_get(k, "items.0.title"), rows[i].first) != 0)
            fail_msg("%s: first is %s", rows[i].json, kit_get(k, "items.0.title"));
    }
    static const char *const sorts[] = {"plan", "deadline", "created"};
    for (size_t s = 0; s < ARRAY_N(sorts); s++) {
        char       cursor[512] = "";
        struct buf seen;
        buf_init(&seen, 256);
        for (int page = 0; page < 4; page++) {
            kit_want(k, ERR_OK, "lead", "task.list", js("{\"limit\":1,\"sort\":\"%s\",\"cursor\":\"%s\"}", sorts[s], cursor));
            buf_puts(&seen, kit_get(k, "items.0.title"));
            (void)snprintf(cursor, sizeof cursor, "%s", kit_get(k, "next") ? kit_get(k, "next") : "");
        }
        assert_string_equal(cursor, "");
        assert_string_equal(buf_str(&seen), s == 0 ? "甲乙丙丁" : s == 1 ? "丙甲乙丁" : "丁丙乙甲");
        buf_fini(&seen);
    }
    kit_want(k, ERR_OK, "lead", "task.list", "{\"limit\":1}");
    const char *foreign = js("{\"limit\":1,\"light\":\"red\",\"cursor\":\"%s\"}", kit_get(k, "next"));
    kit_want(k, ERR_INPUT, "lead", "task.list", foreign); /* bound to its filter */
    kit_want(k, ERR_INPUT, "lead", "task.list", "{\"state\":\"nonsense\"}");
    kit_want(k, ERR_INPUT, "lead", "task.list", "{\"role\":\"lead\"}");
    kit_want(k, ERR_NOTFOUND, "lead", "task.list", "{\"unit\":\"NONE\"}");
    kit_close(k);
}

static void actions_say_what_may_be_done(void **state) {
    (void)state;
    struct kit *k = open_city();
    bring_to(k, "signed");
    act(k, ERR_OK, "bb", "report", "\"text\":\"x\"");
    kit_want(k, ERR_OK, "bb", "task.get", js("{\"task_id\":\"%s\"}", id));
    assert_string_equal(kit_get(k, "actions"), "2");
    assert_string_equal(kit_get(k, "actions.0.action"), "report");
    assert_string_equal(kit_get(k, "actions.1.action"), "submit_done");
    assert_string_equal(kit_get(k, "actions.1.path"), "submit-done");
    assert_string_equal(kit_get(k, "actions.1.missing.0"), "NP-SZB尚未报送");
    kit_want(k, ERR_OK, "szb", "task.get", js("{\"task_id\":\"%s\"}", id));
    assert_string_equal(kit_get(k, "actions"), "1");
    kit_want(k, ERR_OK, "lead", "task.get", js("{\"task_id\":\"%s\"}", id));
    assert_string_equal(kit_get(k, "actions"), "0");
    bring_to(k, "dispatched");
    act(k, ERR_OK, "bb", "sign_for", "");
    kit_want(k, ERR_OK, "bb2", "task.get", js("{\"task_id\":\"%s\"}", id));
    assert_string_equal(kit_get(k, "actions"), "0"); /* signed: nothing until the others have */
    kit_want(k, ERR_OK, "szb", "task.get", js("{\"task_id\":\"%s\"}", id));
    assert_string_equal(kit_get(k, "actions"), "2");
    create(k, "\"units\":[\"NP-BB\"]");
    kit_want(k, ERR_OK, "disp", "task.get", js("{\"task_id\":\"%s\"}", id));
    assert_string_equal(kit_get(k, "actions.1.action"), "submit_draft");
    assert_non_null(strstr(kit_get(k, "actions.1.missing.0"), "时限"));
    kit_close(k);
}

/* ---- the sample ---- */

static void every_task_of_the_sample_can_be_dispatched(void **state) {
    (void)state;
    struct kit          *k = kit_open();
    struct import_result res;
    struct import_conf   c = {.dir          = "samples/nanping-2018",
                              .confirm_past = "演示",
                              .actor        = "system",
                              .out          = stderr,
                              .wall_ms      = clock_wall_ms(),
                              .biz_ms       = clock_business_ms()};
    assert_int_equal(import_dir(&k->house, k->db, &c, &res), ERR_OK);
    kit_person(k, "z1", "NP-ZFB", ROLE_DISPATCHER);
    kit_person(k, "z2", "NP-ZFB", ROLE_APPROVER);
    kit_person(k, "b1", "NP-BB", ROLE_DISPATCHER);
    kit_person(k, "b2", "NP-BB", ROLE_APPROVER);
    kit_person(k, "x1", "NP-XNB", ROLE_DISPATCHER);
    kit_person(k, "x2", "NP-XNB", ROLE_APPROVER);
    char         ids[64][64];
    int          n = 0;
    struct rows *q = db_query(k->db, "SELECT id FROM task ORDER BY id", "");
    while (n < 64 && db_next(q)) (void)snprintf(ids[n++], sizeof ids[0], "%s", row_s(q, 0));
    MUST(db_rows_end(q) == ERR_OK);
    assert_int_equal(n, 33);
    int by_issuer = 0;
    for (int i = 0; i < n; i++) {
        struct buf b;
        buf_init(&b, 4096);
        (void)snprintf(id, sizeof id, "%s", ids[i]);
        static const char *const groups[][2] = {
            {"NP-SZBM", "[\"NP-FZB\"]"}, {"NP-XZF-ALL", "[\"XZ-350702\",\"XZ-350783\"]"}, {"NP-XW-ALL", "[\"FJ-SW\"]"}};
        for (size_t g = 0; g < ARRAY_N(groups); g++)
            if (kit_sql_i(k, js("SELECT COUNT(*) FROM task_listed WHERE task = '%s' AND unit = '%s'", id, groups[g][0])))
                buf_printf(&b, "%s\"%s\":%s", b.len ? "," : "", groups[g][0], groups[g][1]);
        const char *json = js("{\"task_id\":\"%s\",\"version\":1,\"expand\":{%s}}", id, buf_str(&b));
        bool        zfb  = kit_sql_i(k, js("SELECT COUNT(*) FROM task_listed WHERE task = '%s' AND unit = 'NP-ZFB'", id)) == 0;
        bool        bb   = kit_sql_i(k, js("SELECT COUNT(*) FROM task WHERE id = '%s' AND supervising_unit = 'NP-BB'", id)) == 1;
        if (b.len)
            kit_want(k, ERR_INPUT,
                     zfb  ? "z1"
                     : bb ? "b1"
                          : "x1",
                     "task.submit_draft", js("{\"task_id\":\"%s\",\"version\":1}", id));
        if (!zfb) kit_want(k, ERR_PERM, "z1", "task.submit_draft", json);
        kit_want(k, ERR_OK, zfb ? "z1" : bb ? "b1" : "x1", "task.submit_draft", json);
        kit_want(k, ERR_OK, zfb ? "z2" : bb ? "b2" : "x2", "task.approve", js("{\"task_id\":\"%s\",\"version\":2}", id));
        by_issuer += zfb;
        buf_fini(&b);
    }
    assert_true(by_issuer > 20);
    assert_int_equal(kit_sql_i(k, "SELECT COUNT(*) FROM task WHERE state = 'dispatched' AND late_at_creation = 1"), 4);
    kit_close(k);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lights),
        cmocka_unit_test(only_those_concerned_see_a_task),
        cmocka_unit_test(the_issuer_acts_on_its_plan_but_not_on_itself),
        cmocka_unit_test(counties_do_not_see_each_other),
        cmocka_unit_test(channels),
        cmocka_unit_test(lists_filter_sort_and_page),
        cmocka_unit_test(actions_say_what_may_be_done),
        cmocka_unit_test(every_task_of_the_sample_can_be_dispatched),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
