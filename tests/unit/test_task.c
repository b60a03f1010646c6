/* SPDX-License-Identifier: Apache-2.0
 *
 * Supervision tasks: the whole way, every refusal and its order, expansion, versions, isolation, lights. The matrix of states and acts is
 * made from handlers/task_states.def itself.
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
#include "handlers/access.h"
#include "handlers/import.h"
#include "handlers/task_light.h"
#include "store/unit.h"
#include "tests/unit/kit.h"

/* ---- a small city ---- */

static const struct {
    const char *code, *level, *region;
    bool        group, complete;
    const char *valid_to, *replaced_by;
} city[] = {
    {"NP-ZFB", "city", "", false, true, NULL, NULL},  {"NP-XNB", "city", "", false, true, NULL, NULL},
    {"NP-BB", "city", "", false, true, NULL, NULL},   {"NP-SZB", "city", "", false, true, NULL, NULL},
    {"NP-GSJ", "city", "", false, true, NULL, NULL},  {"NP-RSJ", "city", "", false, true, NULL, NULL},
    {"NP-DDC", "city", "", false, true, NULL, NULL},  {"NP-ZZB", "city", "", false, true, NULL, NULL},
    {"NP-OLD", "city", "", false, true, "2018-03-11", "NP-GSJ"}, {"NP-SZBM", "city", "", true, false, NULL, NULL},
    {"NP-XZF", "county", "", true, true, NULL, NULL}, {"XZ-1", "county", "350702", false, true, NULL, NULL},
    {"XZ-2", "county", "350703", false, true, NULL, NULL}, {"XZ-3", "county", "350721", false, true, NULL, NULL},
};

static struct kit *open_city(void) {
    struct kit *k = kit_open();
    MUST(db_begin(k->db) == ERR_OK);
    for (size_t i = 0; i < ARRAY_N(city); i++) {
        struct unit u = {.code = city[i].code, .full_name = city[i].code, .short_name = city[i].code, .board_name = city[i].code, .level = city[i].level,
                         .type = "x", .region = city[i].region, .note = "", .scope = "", .user_kind = "", .roles = "", .is_group = city[i].group,
                         .members_complete = city[i].complete, .ord = (int64_t)i, .valid_to = city[i].valid_to, .replaced_by = city[i].replaced_by};
        MUST(unit_add(k->db, &u) == ERR_OK);
    }
    MUST(unit_member_add(k->db, "NP-XZF", "XZ-1", 0) == ERR_OK && unit_member_add(k->db, "NP-XZF", "XZ-2", 1) == ERR_OK);
    MUST(db_exec(k->db, "INSERT INTO plan (id, title, doc_no, issuer, meeting, issued_on, printed_on) VALUES ('P1', 'plan', "
                        "'南政办〔2018〕25号', 'NP-ZFB', '第23次', '2018-03-09', '2018-03-12')", "") == ERR_OK);
    MUST(db_commit(k->db) == ERR_OK);
    kit_person(k, "disp", "NP-XNB", ROLE_DISPATCHER);
    kit_person(k, "both", "NP-XNB", ROLE_DISPATCHER | ROLE_APPROVER);
    kit_person(k, "appr", "NP-XNB", ROLE_APPROVER);
    kit_person(k, "zfb", "NP-ZFB", ROLE_DISPATCHER | ROLE_APPROVER);
    kit_person(k, "bb", "NP-BB", ROLE_RESPONSIBLE | ROLE_DISPATCHER);
    kit_person(k, "bb2", "NP-BB", ROLE_RESPONSIBLE);
    kit_person(k, "szb", "NP-SZB", ROLE_RESPONSIBLE);
    kit_person(k, "gsj", "NP-GSJ", ROLE_RESPONSIBLE);
    kit_person(k, "rsj", "NP-RSJ", ROLE_RESPONSIBLE | ROLE_DISPATCHER | ROLE_APPROVER);
    kit_person(k, "c1", "XZ-1", ROLE_RESPONSIBLE);
    kit_person(k, "c2", "XZ-2", ROLE_RESPONSIBLE);
    kit_person(k, "c3", "XZ-3", ROLE_RESPONSIBLE);
    kit_person(k, "ddc", "NP-DDC", ROLE_MONITOR);
    kit_person(k, "bbmon", "NP-BB", ROLE_MONITOR);
    kit_person(k, "lead", NULL, ROLE_LEADER);
    kit_person(k, "audit", NULL, ROLE_AUDITOR);
    return k;
}

static char id[64]; /* of the task in hand */

static const char *js(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
static const char *js(const char *fmt, ...) {
    static char text[4][2048];
    static int  i;
    va_list     ap;
    char       *t = text[i = (i + 1) % 4];
    va_start(ap, fmt);
    (void)vsnprintf(t, sizeof text[0], fmt, ap);
    va_end(ap);
    return t;
}

static long long version_of(struct kit *k) { return kit_sql_i(k, js("SELECT version FROM task WHERE id = '%s'", id)); }

static void state_is(struct kit *k, const char *want) {
    if (kit_sql_i(k, js("SELECT COUNT(*) FROM task WHERE id = '%s' AND state = '%s'", id, want)) == 1) return;
    fail_msg("not in state %s", want);
}

static void unit_is(struct kit *k, const char *unit, const char *want) {
    if (kit_sql_i(k, js("SELECT COUNT(*) FROM task_unit WHERE task = '%s' AND unit = '%s' AND state = '%s'", id, unit, want)) == 1) return;
    fail_msg("%s is not %s", unit, want);
}

/* An act with the current version; more: further members, "" none. */
static void act(struct kit *k, enum err want, const char *who, const char *event, const char *more) {
    char method[64];
    bool versioned = strcmp(event, "sign_for") != 0 && strcmp(event, "report") != 0;
    (void)snprintf(method, sizeof method, "task.%s", event);
    const char *v = versioned ? js(",\"version\":%lld", version_of(k)) : "";
    kit_want(k, want, who, method, js("{\"task_id\":\"%s\"%s%s%s}", id, v, *more ? "," : "", more));
}

static void create(struct kit *k, const char *more) {
    kit_want(k, ERR_OK, "disp", "task.create",
             js("{\"title\":\"权责清单系统投入试运行\",\"requirement\":\"投入试运行\",\"monitoring_units\":[\"NP-DDC\",\"NP-ZZB\"],%s}", more));
    (void)snprintf(id, sizeof id, "%s", kit_get(k, "id"));
}

static void dispatch(struct kit *k, const char *more) {
    create(k, more);
    act(k, ERR_OK, "disp", "submit_draft", "");
    act(k, ERR_OK, "appr", "approve", "");
}

#define TWO "\"units\":[\"NP-BB\",\"NP-SZB\"],\"deadline\":\"2018-03-20\""
#define DONE "\"text\":\"已完成\",\"evidence\":[\"验收报告\"]"

/* Brings a new task of two units into a state. */
static void bring_to(struct kit *k, const char *state) {
    create(k, strcmp(state, "long_term") == 0 ? TWO ",\"after_deadline\":\"long_term\"" : TWO);
    if (strcmp(state, "draft") == 0) return;
    act(k, ERR_OK, "disp", "submit_draft", "");
    if (strcmp(state, "pending_approval") == 0) return;
    act(k, ERR_OK, "appr", "approve", "");
    if (strcmp(state, "suspended") == 0 || strcmp(state, "cancelled") == 0)
        MUST(db_exec(k->db, "UPDATE task SET state = ?2 WHERE id = ?1", "ss", id, state) == ERR_OK);
    if (strcmp(state, "dispatched") == 0 || strcmp(state, "suspended") == 0 || strcmp(state, "cancelled") == 0) return;
    act(k, ERR_OK, "bb", "sign_for", "");
    act(k, ERR_OK, "szb", "sign_for", "");
    if (strcmp(state, "signed") == 0) return;
    act(k, ERR_OK, "szb", "report", "\"text\":\"进展\"");
    if (strcmp(state, "in_progress") == 0) return;
    act(k, ERR_OK, "bb", "submit_done", DONE);
    if (strcmp(state, "submitted") == 0) return;
    if (strcmp(state, "returned") == 0) act(k, ERR_OK, "disp", "return", "\"reason\":\"材料不全\"");
    else act(k, ERR_OK, "disp", "accept", "\"opinion\":\"同意\",\"quality\":5");
    state_is(k, state);
}

/* All that a refusal must leave alone. */
static long long footprint(struct kit *k) {
    static const char *const tables[] = {"task_event", "task_report", "task_unit", "task_listed", "task_monitor", "ledger", "outbox", "notice", "delivery"};
    long long                n        = kit_sql_i(k, "SELECT COALESCE(SUM(version), 0) * 1000 FROM task");
    for (size_t i = 0; i < ARRAY_N(tables); i++) n = n * 31 + kit_sql_i(k, js("SELECT COUNT(*) FROM %s", tables[i]));
    return n + kit_sql_i(k, "SELECT COALESCE(SUM(signed_biz), 0) FROM task_unit");
}

/* ---- the way ---- */

static void the_whole_way(void **state) {
    (void)state;
    struct kit *k = open_city();
    create(k, TWO ",\"quantities\":{\"projects\":73}");
    assert_string_equal(kit_get(k, "state"), "draft");
    act(k, ERR_OK, "disp", "submit_draft", "");
    assert_int_equal(version_of(k), 2);
    assert_int_equal(kit_sql_i(k, "SELECT COUNT(*) FROM notice WHERE person = 'appr' AND kind = 'task.to_approve'"), 1);
    act(k, ERR_OK, "appr", "approve", "");
    assert_string_equal(kit_get(k, "sign_due"), "2018-03-14T00:00:00.000+08:00");
    assert_string_equal(kit_get(k, "late_at_creation"), "false");
    assert_int_equal(kit_sql_i(k, "SELECT COUNT(*) FROM notice WHERE kind = 'task.assigned' AND person IN ('bb', 'bb2', 'szb')"), 3);
    act(k, ERR_OK, "bb", "sign_for", "");
    assert_string_equal(kit_get(k, "state"), "dispatched");
    assert_int_equal(version_of(k), 3); /* a signature alone raises no version (D37) */
    act(k, ERR_STATE, "bb", "report", "\"text\":\"早了\""); /* not before all have signed (D45) */
    act(k, ERR_OK, "szb", "sign_for", "");
    state_is(k, "signed");
    assert_int_equal(version_of(k), 4);
    assert_int_equal(kit_sql_i(k, "SELECT COUNT(*) FROM notice WHERE kind = 'task.signed' AND person = 'disp'"), 1);
    act(k, ERR_OK, "bb", "report", "\"text\":\"已部署\",\"progress\":60");
    state_is(k, "in_progress");
    act(k, ERR_OK, "bb", "report", "\"text\":\"再报\",\"progress\":70");
    assert_int_equal(version_of(k), 5);
    act(k, ERR_STATE, "bb", "submit_done", DONE ",\"quantities\":{\"projects\":73}"); /* the other unit has not reported */
    assert_non_null(strstr(k->detail, "NP-SZB尚未报送"));
    act(k, ERR_OK, "szb", "report", "\"text\":\"配合完成\"");
    act(k, ERR_STATE, "bb", "submit_done", DONE ",\"quantities\":{\"projects\":72}");
    act(k, ERR_INPUT, "bb", "submit_done", DONE);
    assert_string_equal(k->field, "quantities");
    act(k, ERR_OK, "bb", "submit_done", DONE ",\"quantities\":{\"projects\":73}");
    state_is(k, "submitted");
    act(k, ERR_OK, "disp", "return", "\"reason\":\"佐证不清\"");
    assert_string_equal(kit_get(k, "return_count"), "1");
    assert_int_equal(kit_sql_i(k, "SELECT COUNT(*) FROM notice WHERE kind = 'task.returned' AND person = 'bb'"), 1);
    act(k, ERR_STATE, "bb", "submit_done", DONE); /* first report what was done about it */
    act(k, ERR_OK, "bb", "report", "\"text\":\"已补充\",\"progress\":90");
    state_is(k, "in_progress");
    act(k, ERR_OK, "bb", "submit_done", DONE ",\"quantities\":{\"projects\":80}");
    act(k, ERR_OK, "disp", "accept", "\"opinion\":\"同意销号\",\"quality\":5,\"efficiency\":4");
    assert_string_equal(kit_get(k, "on_time"), "true");
    state_is(k, "closed");
    assert_int_equal(kit_sql_i(k, js("SELECT COUNT(*) FROM task WHERE id = '%s' AND quality = '5' AND closed_biz IS NOT NULL", id)), 1);
    /* history, ledger and live channels say the same */
    kit_want(k, ERR_OK, "lead", "task.history", js("{\"task_id\":\"%s\"}", id));
    assert_string_equal(kit_get(k, "items"), "13");
    assert_string_equal(kit_get(k, "items.0.event"), "create");
    assert_string_equal(kit_get(k, "items.12.event"), "accept");
    assert_string_equal(kit_get(k, "items.12.reason"), "同意销号");
    assert_int_equal(kit_sql_i(k, js("SELECT COUNT(*) FROM ledger WHERE object = 'task:%s' AND hash IS NOT NULL", id)), 13);
    assert_int_equal(kit_sql_i(k, js("SELECT COUNT(*) FROM outbox WHERE channel = 'task:%s'", id)), 13);
    assert_int_equal(kit_sql_i(k, "SELECT COUNT(*) FROM ledger WHERE instr(body, '同意') > 0"), 0);
    assert_true(k->house.boards_dirty);
    kit_close(k);
}

static void history_has_pages(void **state) {
    (void)state;
    struct kit *k = open_city();
    bring_to(k, "closed");
    kit_want(k, ERR_OK, "ddc", "task.history", js("{\"task_id\":\"%s\",\"limit\":5}", id));
    assert_string_equal(kit_get(k, "items.4.seq"), "5");
    const char *next = js("{\"task_id\":\"%s\",\"limit\":5,\"cursor\":\"%s\"}", id, kit_get(k, "next"));
    kit_want(k, ERR_OK, "ddc", "task.history", next);
    assert_string_equal(kit_get(k, "items.0.seq"), "6");
    kit_close(k);
}

static void repeated_signature_gets_the_first_answer(void **state) {
    (void)state;
    struct kit *k = open_city();
    dispatch(k, TWO);
    act(k, ERR_OK, "bb", "sign_for", "");
    char *first = x_strdup(buf_str(&k->reply));
    kit_time(k, "2018-03-13T09:00:00+08:00");
    act(k, ERR_OK, "szb", "sign_for", "");
    act(k, ERR_OK, "szb", "report", "\"text\":\"进展\"");
    long long before = footprint(k);
    act(k, ERR_OK, "bb2", "sign_for", ""); /* a colleague, later, in another state */
    assert_string_equal(buf_str(&k->reply), first);
    assert_int_equal(footprint(k), before);
    x_free(first);
    kit_close(k);
}

static void late_and_urgent_signatures(void **state) {
    (void)state;
    struct kit *k = open_city();
    dispatch(k, TWO);
    kit_time(k, "2018-03-13T23:59:59.999+08:00");
    act(k, ERR_OK, "bb", "sign_for", "");
    assert_string_equal(kit_get(k, "result.late"), "false");
    kit_time(k, "2018-03-14T00:00:00+08:00");
    act(k, ERR_OK, "szb", "sign_for", "");
    assert_string_equal(kit_get(k, "result.late"), "true");
    kit_time(k, "2018-03-16T17:00:00+08:00"); /* Friday: 24:00 of Monday */
    dispatch(k, TWO);
    assert_string_equal(kit_get(k, "sign_due"), "2018-03-20T00:00:00.000+08:00");
    dispatch(k, TWO ",\"urgency\":\"urgent\"");
    assert_string_equal(kit_get(k, "sign_due"), "2018-03-16T21:00:00.000+08:00");
    kit_close(k);
}

static void calendar_is_never_guessed(void **state) {
    (void)state;
    struct kit *k = open_city();
    kit_time(k, "2018-12-31T09:00:00+08:00");
    create(k, "\"units\":[\"NP-BB\"],\"long_term\":true");
    act(k, ERR_OK, "disp", "submit_draft", "");
    long long before = footprint(k);
    act(k, ERR_CALENDAR, "appr", "approve", "");
    assert_int_equal(footprint(k), before);
    state_is(k, "pending_approval");
    kit_want(k, ERR_CALENDAR, "disp", "task.create", "{\"title\":\"标题\",\"deadline\":\"2019-05-01\"}");
    kit_close(k);
}

/* ---- refusals, places ---- */

static void refusal_by_the_first_goes_back_to_draft(void **state) {
    (void)state;
    struct kit *k = open_city();
    dispatch(k, TWO);
    act(k, ERR_INPUT, "szb", "refuse", "");
    assert_string_equal(k->field, "reason");
    act(k, ERR_OK, "szb", "refuse", "\"reason\":\"不属于本单位职责\"");
    state_is(k, "draft");
    assert_int_equal(kit_sql_i(k, "SELECT COUNT(*) FROM notice WHERE kind = 'task.refused' AND person = 'disp'"), 1);
    kit_want(k, ERR_NOTFOUND, "szb", "task.get", js("{\"task_id\":\"%s\"}", id)); /* a draft is the dispatching side's again */
    act(k, ERR_OK, "disp", "update", "\"units\":[\"NP-BB\",\"NP-GSJ\"]");
    act(k, ERR_OK, "disp", "submit_draft", "");
    act(k, ERR_OK, "appr", "approve", "");
    unit_is(k, "NP-GSJ", "waiting");
    act(k, ERR_OK, "bb", "sign_for", "");
    kit_close(k);
}

static void refusal_after_others_signed_opens_one_place(void **state) {
    (void)state;
    struct kit *k = open_city();
    dispatch(k, TWO);
    act(k, ERR_OK, "bb", "sign_for", "");
    act(k, ERR_STATE, "bb", "refuse", "\"reason\":\"已签收的不能退\"");
    act(k, ERR_OK, "szb", "refuse", "\"reason\":\"不属于本单位职责\"");
    state_is(k, "dispatched");
    unit_is(k, "NP-SZB", "refused");
    unit_is(k, "NP-BB", "signed");
    act(k, ERR_STATE, "szb", "sign_for", "");
    act(k, ERR_STATE, "bb", "report", "\"text\":\"还有空位\"");
    act(k, ERR_INPUT, "disp", "update", "\"replace\":{\"NP-BB\":\"NP-GSJ\"}"); /* its place is not open */
    act(k, ERR_INPUT, "disp", "update", "\"replace\":{\"NP-SZB\":\"NP-BB\"}");
    act(k, ERR_INPUT, "disp", "update", "\"replace\":{\"NP-SZB\":\"NP-DDC\"}");
    act(k, ERR_INPUT, "disp", "update", "\"replace\":{\"NP-SZB\":\"NP-SZBM\"}");
    act(k, ERR_STATE, "disp", "update", "\"title\":\"改题目\"");
    act(k, ERR_STATE, "disp", "update", "\"deadline\":\"2018-04-20\""); /* that would be an extension */
    act(k, ERR_OK, "disp", "update", "\"replace\":{\"NP-SZB\":\"NP-GSJ\"}");
    state_is(k, "dispatched");
    assert_int_equal(kit_sql_i(k, "SELECT COUNT(*) FROM notice WHERE kind = 'task.assigned' AND person = 'gsj'"), 1);
    act(k, ERR_OK, "gsj", "sign_for", "");
    state_is(k, "signed");
    kit_close(k);
}

static void dropping_the_last_open_place_completes_signing(void **state) {
    (void)state;
    struct kit *k = open_city();
    dispatch(k, "\"units\":[\"NP-BB\",\"NP-SZB\",\"NP-GSJ\"],\"deadline\":\"2018-03-20\"");
    act(k, ERR_OK, "szb", "sign_for", "");
    act(k, ERR_OK, "bb", "refuse", "\"reason\":\"牵头单位应为他人\"");
    act(k, ERR_OK, "gsj", "refuse", "\"reason\":\"无此职责\"");
    act(k, ERR_INPUT, "disp", "update", "\"replace\":{\"NP-BB\":\"\"}"); /* somebody has to lead */
    act(k, ERR_OK, "disp", "update", "\"replace\":{\"NP-BB\":\"NP-RSJ\"}");
    act(k, ERR_OK, "rsj", "sign_for", "");
    state_is(k, "dispatched");
    act(k, ERR_OK, "disp", "update", "\"replace\":{\"NP-GSJ\":\"\"}");
    state_is(k, "signed");
    act(k, ERR_OK, "szb", "report", "\"text\":\"进展\"");
    act(k, ERR_PERM, "szb", "submit_done", DONE);
    act(k, ERR_OK, "rsj", "submit_done", DONE);
    kit_close(k);
}

/* ---- expansion ---- */

static void groups_are_expanded_by_the_dispatcher(void **state) {
    (void)state;
    static const struct {
        const char *expand;
        enum err    want;
    } rows[] = {
        {"", ERR_INPUT},
        {"\"expand\":{\"NP-SZBM\":[\"NP-GSJ\"]}", ERR_INPUT},                                      /* one group is left */
        {"\"expand\":{\"NP-SZBM\":[],\"NP-XZF\":[\"XZ-1\"]}", ERR_INPUT},                          /* empty */
        {"\"expand\":{\"NP-SZBM\":[\"NP-GSJ\"],\"NP-XZF\":[\"XZ-3\"]}", ERR_INPUT},                /* no member */
        {"\"expand\":{\"NP-SZBM\":[\"NP-NONE\"],\"NP-XZF\":[\"XZ-1\"]}", ERR_INPUT},               /* no such unit */
        {"\"expand\":{\"NP-SZBM\":[\"NP-XZF\"],\"NP-XZF\":[\"XZ-1\"]}", ERR_INPUT},                /* a group again */
        {"\"expand\":{\"NP-SZBM\":[\"NP-OLD\"],\"NP-XZF\":[\"XZ-1\"]}", ERR_INPUT},                /* no longer valid */
        {"\"expand\":{\"NP-SZBM\":[\"NP-BB\"],\"NP-XZF\":[\"XZ-1\"]}", ERR_INPUT},                 /* twice */
        {"\"expand\":{\"NP-SZBM\":[\"NP-XNB\"],\"NP-XZF\":[\"XZ-1\"]}", ERR_INPUT},                /* supervises */
        {"\"expand\":{\"NP-SZBM\":[\"NP-DDC\"],\"NP-XZF\":[\"XZ-1\"]}", ERR_INPUT},                /* monitors */
        {"\"expand\":{\"NP-SZBM\":[\"NP-GSJ\"],\"NP-XZF\":[\"XZ-1\"],\"NP-BB\":[\"NP-RSJ\"]}", ERR_INPUT}, /* no group */
        {"\"expand\":{\"NP-SZBM\":[7],\"NP-XZF\":[\"XZ-1\"]}", ERR_INPUT},
        {"\"expand\":{\"NP-SZBM\":\"NP-GSJ\",\"NP-XZF\":[\"XZ-1\"]}", ERR_INPUT},
        {"\"expand\":{\"NP-SZBM\":[\"NP-GSJ\",\"NP-RSJ\"],\"NP-XZF\":[\"XZ-2\",\"XZ-1\"]}", ERR_OK},
    };
    struct kit *k = open_city();
    create(k, "\"units\":[\"NP-BB\",\"NP-SZBM\",\"NP-XZF\"],\"deadline\":\"2018-03-20\"");
    for (size_t i = 0; i < ARRAY_N(rows); i++) {
        long long before = footprint(k);
        act(k, rows[i].want, "disp", "submit_draft", rows[i].expand);
        if (rows[i].want) assert_string_equal(k->field, "expand");
        if (rows[i].want) assert_int_equal(footprint(k), before);
    }
    assert_string_equal(kit_get(k, "units"), "5");
    assert_int_equal(kit_sql_i(k, js("SELECT COUNT(*) FROM task_unit WHERE task = '%s' AND is_lead = 1 AND unit = 'NP-BB' AND ord = 0", id)), 1);
    assert_int_equal(kit_sql_i(k, js("SELECT COUNT(*) FROM task_unit WHERE task = '%s' AND from_group = 'NP-XZF'", id)), 2);
    assert_int_equal(kit_sql_i(k, js("SELECT COUNT(*) FROM task_listed WHERE task = '%s'", id)), 3); /* as printed, still */
    /* what has become of a unit since is looked at again at dispatch (D46) */
    MUST(db_exec(k->db, "UPDATE unit SET valid_to = '2018-03-11' WHERE code = 'NP-RSJ'", "") == ERR_OK);
    act(k, ERR_STATE, "appr", "approve", "");
    act(k, ERR_INPUT, "appr", "reject", "");
    act(k, ERR_OK, "appr", "reject", "\"opinion\":\"单位有变\"");
    state_is(k, "draft");
    assert_int_equal(kit_sql_i(k, js("SELECT COUNT(*) FROM task_unit WHERE task = '%s'", id)), 0);
    assert_int_equal(kit_sql_i(k, "SELECT COUNT(*) FROM notice WHERE kind = 'task.rejected' AND person = 'disp'"), 1);
    kit_close(k);
}

static void a_draft_must_be_complete(void **state) {
    (void)state;
    static const struct {
        const char *fields, *word;
    } rows[] = {
        {"\"deadline\":\"2018-03-20\"", "没有责任单位"},
        {"\"units\":[\"NP-BB\"]", "时限"},
        {"\"units\":[\"NP-BB\"],\"deadline\":\"2018-03-20\",\"requirement\":\" \"", "工作要求"},
        {"\"units\":[\"NP-OLD\"],\"deadline\":\"2018-03-20\"", "有效"},
        {"\"units\":[\"NP-XNB\"],\"deadline\":\"2018-03-20\"", NULL}, /* its own unit would be supervised by itself */
        {"\"units\":[\"NP-DDC\"],\"deadline\":\"2018-03-20\"", "监督"},
        {"\"units\":[\"NP-SZBM\",\"NP-BB\"],\"deadline\":\"2018-03-20\"", "牵头"},
    };
    struct kit *k = open_city();
    for (size_t i = 0; i < ARRAY_N(rows); i++) {
        kit_want(k, ERR_OK, "disp", "task.create",
                 js("{\"title\":\"标题\",\"monitoring_units\":[\"NP-DDC\"],%s%s}", strstr(rows[i].fields, "requirement") ? "" : "\"requirement\":\"要求\",", rows[i].fields));
        (void)snprintf(id, sizeof id, "%s", kit_get(k, "id"));
        act(k, rows[i].word ? ERR_STATE : ERR_PERM, "disp", "submit_draft", "");
        if (rows[i].word && !strstr(k->detail, rows[i].word)) fail_msg("row %zu: %s", i, k->detail);
    }
    kit_close(k);
}

static void what_create_refuses(void **state) {
    (void)state;
    static const struct {
        const char *who, *json;
        enum err    want;
        const char *field;
    } rows[] = {
        {"disp", "{\"requirement\":\"x\"}", ERR_INPUT, "title"},
        {"disp", "{\"title\":\" \"}", ERR_INPUT, "title"},
        {"disp", "{\"title\":\"x\",\"units\":[\"NONE\"]}", ERR_INPUT, "units"},
        {"disp", "{\"title\":\"x\",\"units\":[\"NP-BB\",\"NP-BB\"]}", ERR_INPUT, "units"},
        {"disp", "{\"title\":\"x\",\"monitoring_units\":[\"NP-SZBM\"]}", ERR_INPUT, "monitoring_units"},
        {"disp", "{\"title\":\"x\",\"units\":[\"NP-BB\"],\"lead_unit\":\"NP-SZB\"}", ERR_INPUT, "lead_unit"},
        {"disp", "{\"title\":\"x\",\"deadline\":\"2018-02-08\"}", ERR_INPUT, "past_reason"},
        {"disp", "{\"title\":\"x\",\"deadline\":\"2018-05-08\",\"long_term\":true}", ERR_INPUT, "long_term"},
        {"disp", "{\"title\":\"x\",\"deadline\":\"2018-02-30\"}", ERR_INPUT, "deadline"},
        {"disp", "{\"title\":\"x\",\"plan\":\"P9\"}", ERR_NOTFOUND, NULL},
        {"disp", "{\"title\":\"x\",\"plan\":\"P1\"}", ERR_PERM, NULL},
        {"disp", "{\"title\":\"x\",\"supervising_unit\":\"NP-ZFB\"}", ERR_PERM, NULL},
        {"disp", "{\"title\":\"x\",\"supervising_unit\":\"NONE\"}", ERR_NOTFOUND, NULL},
        {"appr", "{\"title\":\"x\"}", ERR_PERM, NULL},
        {"bb2", "{\"title\":\"x\"}", ERR_PERM, NULL},
    };
    struct kit *k = open_city();
    for (size_t i = 0; i < ARRAY_N(rows); i++) {
        kit_want(k, rows[i].want, rows[i].who, "task.create", rows[i].json);
        if (rows[i].field) assert_string_equal(k->field, rows[i].field);
    }
    assert_int_equal(kit_sql_i(k, "SELECT COUNT(*) FROM task"), 0);
    kit_want(k, ERR_OK, "zfb", "task.create", "{\"title\":\"x\",\"plan\":\"P1\",\"supervising_unit\":\"NP-XNB\"}");
    assert_int_equal(kit_sql_i(k, "SELECT COUNT(*) FROM task WHERE source_no = '第23次' AND issued_on = '2018-03-09' AND supervising_unit = 'NP-XNB'"), 1);
    kit_close(k);
}

/* ---- order of refusals ---- */

static void errors_come_in_order(void **state) {
    (void)state;
    struct kit *k = open_city();
    dispatch(k, TWO);
    const char *stale = js("{\"task_id\":\"%s\",\"version\":1}", id);
    kit_want(k, ERR_AUTH, NULL, "task.accept", stale);
    kit_want(k, ERR_PERM, "bb2", "task.accept", stale);                                   /* gate of the role */
    kit_want(k, ERR_INPUT, "disp", "task.accept", js("{\"task_id\":\"%s\"}", id));         /* gate of the parameters: no version */
    kit_want(k, ERR_NOTFOUND, "disp", "task.accept", "{\"task_id\":\"t_none\",\"version\":1}");
    kit_want(k, ERR_NOTFOUND, "rsj", "task.accept", stale);                               /* not seen: no word about its state */
    kit_want(k, ERR_PERM, "bb", "task.accept", stale);                                    /* seen, not theirs: before the state */
    kit_want(k, ERR_STATE, "disp", "task.accept", stale);                                 /* the state: before the version */
    assert_non_null(strstr(k->detail, "已交办（待签收）"));
    assert_non_null(strstr(k->detail, "签收"));
    act(k, ERR_OK, "bb", "sign_for", "");
    act(k, ERR_OK, "szb", "sign_for", "");
    act(k, ERR_OK, "szb", "report", "\"text\":\"进展\"");
    kit_want(k, ERR_PERM, "szb", "task.submit_done", js("{\"task_id\":\"%s\",\"version\":1}", id)); /* assists */
    kit_want(k, ERR_CONFLICT, "bb", "task.submit_done", js("{\"task_id\":\"%s\",\"version\":1}", id)); /* the version: before the guards */
    act(k, ERR_INPUT, "bb", "submit_done", "\"evidence\":[\"x\"]");
    assert_string_equal(k->field, "text");
    act(k, ERR_INPUT, "bb", "submit_done", "\"text\":\"x\"");
    assert_string_equal(k->field, "evidence");
    act(k, ERR_OK, "bb", "submit_done", DONE);
    act(k, ERR_INPUT, "disp", "accept", "\"quality\":5");
    assert_string_equal(k->field, "opinion");
    act(k, ERR_INPUT, "disp", "accept", "\"opinion\":\"x\"");
    assert_string_equal(k->field, "quality");
    act(k, ERR_INPUT, "disp", "accept", "\"opinion\":\"x\",\"quality\":6");
    act(k, ERR_INPUT, "disp", "return", "\"reason\":\"  \"");
    act(k, ERR_PERM, "bbmon", "find_false", "\"reason\":\"x\""); /* a responsible unit does not rule on itself (F095) */
    act(k, ERR_INPUT, "ddc", "find_false", "");
    act(k, ERR_OK, "ddc", "find_false", "\"reason\":\"与现场不符\"");
    state_is(k, "submitted");
    kit_close(k);
}

static void nobody_approves_what_they_drafted(void **state) {
    (void)state;
    struct kit *k = open_city();
    create(k, TWO);
    act(k, ERR_OK, "both", "submit_draft", "");
    act(k, ERR_PERM, "both", "approve", "");
    act(k, ERR_OK, "appr", "approve", "");
    kit_close(k);
}

static void the_loser_gets_a_conflict(void **state) {
    (void)state;
    struct kit *k = open_city();
    create(k, TWO);
    const char *same = js("{\"task_id\":\"%s\",\"version\":1,\"title\":\"新标题\"}", id);
    kit_want(k, ERR_OK, "disp", "task.update", same);
    long long before = footprint(k);
    kit_want(k, ERR_CONFLICT, "both", "task.update", same);
    assert_non_null(strstr(k->detail, "3月12日 08:30"));
    assert_int_equal(footprint(k), before);
    act(k, ERR_INPUT, "disp", "update", "");
    act(k, ERR_INPUT, "disp", "update", "\"replace\":{\"NP-BB\":\"NP-GSJ\"}");
    kit_close(k);
}

/* ---- the matrix ---- */

static const char *const all_states[] = {
#define STATE(word, zh) #word,
#include "handlers/task_states.def"
};
static const struct {
    const char *symbol, *word;
} all_events[] = {
#define EVENT(symbol, word, path, zh, versioned) {#symbol, word},
#include "handlers/task_states.def"
};
static const struct {
    const char *from, *event, *when;
} all_rules[] = {
#define RULE(from, event, actor, when, guards, to) {#from, #event, #when},
#include "handlers/task_states.def"
};

/* A row that applies to a task as bring_to makes it, whatever `when` asks. */
static bool in_table(const char *from, const char *event) {
    static const char *const never[] = {"PLACE_OPEN", "PLACES_DROPPED", "DATE_PAST"}; /* bring_to makes none of these */
    for (size_t i = 0; i < ARRAY_N(all_rules); i++) {
        bool skip = false;
        for (size_t n = 0; n < ARRAY_N(never); n++) skip = skip || strcmp(all_rules[i].when, never[n]) == 0;
        if (!skip && strcmp(all_rules[i].from, from) == 0 && strcmp(all_rules[i].event, event) == 0) return true;
    }
    return false;
}

static const struct {
    const char *event, *who, *fields;
} right[] = {
    {"update", "disp", "\"title\":\"新\""},
    {"submit_draft", "disp", ""},
    {"approve", "appr", ""},
    {"reject", "appr", "\"opinion\":\"x\""},
    {"sign_for", "bb", ""},
    {"refuse", "szb", "\"reason\":\"无此职责\""},
    {"report", "bb", "\"text\":\"x\""},
    {"submit_done", "bb", DONE},
    {"accept", "disp", "\"opinion\":\"x\",\"quality\":4"},
    {"return", "disp", "\"reason\":\"x\""},
    {"find_false", "ddc", "\"reason\":\"x\""},
};

static void every_state_and_act(void **state) {
    (void)state;
    size_t refused = 0, done = 0;
    assert_int_equal(ARRAY_N(right), ARRAY_N(all_events));
    for (size_t s = 0; s < ARRAY_N(all_states); s++) {
        struct kit *k = open_city();
        for (size_t e = 0; e < ARRAY_N(all_events); e++) {
            char was[64];
            assert_string_equal(right[e].event, all_events[e].word);
            bring_to(k, all_states[s]);
            (void)snprintf(was, sizeof was, "%s", all_states[s]);
            bool signs_again = strcmp(right[e].event, "sign_for") == 0 &&
                               kit_sql_i(k, js("SELECT COUNT(*) FROM task_unit WHERE task = '%s' AND unit = 'NP-BB' AND signed_biz > 0", id)) == 1;
            bool draft    = strcmp(was, "draft") == 0 || strcmp(was, "pending_approval") == 0;
            bool unseen   = draft && strcmp(right[e].who, "disp") != 0 && strcmp(right[e].who, "appr") != 0;
            bool ok       = in_table(was, all_events[e].symbol) || signs_again;
            long long old = footprint(k);
            act(k, ok ? ERR_OK : unseen ? ERR_NOTFOUND : ERR_STATE, right[e].who, right[e].event, right[e].fields);
            if (!ok) state_is(k, was);
            if (!ok) assert_int_equal(footprint(k), old);
            refused += !ok;
            done += ok;
        }
        kit_close(k);
    }
    assert_int_equal(done + refused, ARRAY_N(all_states) * ARRAY_N(all_events));
    assert_true(done >= 20);
}

/* ---- dates ---- */

static void a_task_late_at_creation_gets_a_fresh_date(void **state) {
    (void)state;
    struct kit *k = open_city();
    dispatch(k, "\"units\":[\"NP-BB\"],\"deadline\":\"2018-02-08\",\"past_reason\":\"方案印发时已过\"");
    assert_string_equal(kit_get(k, "late_at_creation"), "true");
    kit_want(k, ERR_OK, "bb", "task.get", js("{\"task_id\":\"%s\"}", id));
    assert_string_equal(kit_get(k, "light"), "none"); /* no red light, no deduction (F003) */
    act(k, ERR_OK, "bb", "sign_for", "");
    act(k, ERR_INPUT, "disp", "update", "\"deadline\":\"2018-03-01\",\"past_reason\":\"x\"");
    act(k, ERR_OK, "disp", "update", "\"deadline\":\"2018-03-30\"");
    state_is(k, "signed");
    kit_want(k, ERR_OK, "bb", "task.get", js("{\"task_id\":\"%s\"}", id));
    assert_string_equal(kit_get(k, "light"), "green");
    assert_string_equal(kit_get(k, "late_at_creation"), "false");
    assert_string_equal(kit_get(k, "deadline"), "2018-03-30");
    assert_int_equal(kit_sql_i(k, "SELECT COUNT(*) FROM notice WHERE kind = 'task.dated' AND person = 'bb'"), 1);
    act(k, ERR_STATE, "disp", "update", "\"deadline\":\"2018-04-30\""); /* once */
    kit_close(k);
}

static void grace_after_a_return_past_the_date(void **state) {
    (void)state;
    struct kit *k = open_city();
    bring_to(k, "submitted"); /* in time */
    kit_time(k, "2018-03-23T10:00:00+08:00");
    act(k, ERR_OK, "disp", "return", "\"reason\":\"材料不全\"");
    assert_string_equal(kit_get(k, "due"), "2018-03-27"); /* Friday + 2 working days */
    kit_want(k, ERR_OK, "bb", "task.get", js("{\"task_id\":\"%s\"}", id));
    assert_string_equal(kit_get(k, "light"), "yellow");
    assert_string_equal(kit_get(k, "days_left"), "2");
    kit_time(k, "2018-03-27T23:00:00+08:00");
    act(k, ERR_OK, "bb", "report", "\"text\":\"x\"");
    act(k, ERR_OK, "bb", "submit_done", DONE);
    assert_string_equal(kit_get(k, "late"), "false");
    kit_time(k, "2018-04-02T10:00:00+08:00");
    act(k, ERR_OK, "disp", "accept", "\"opinion\":\"x\",\"quality\":3");
    assert_string_equal(kit_get(k, "on_time"), "true");
    /* handed in late: no grace */
    kit_time(k, "2018-03-12T08:30:00+08:00");
    bring_to(k, "in_progress");
    kit_time(k, "2018-03-21T10:00:00+08:00");
    act(k, ERR_OK, "bb", "submit_done", DONE);
    assert_string_equal(kit_get(k, "late"), "true");
    act(k, ERR_OK, "disp", "return", "\"reason\":\"材料不全\"");
    assert_string_equal(kit_get(k, "due"), "2018-03-20");
    kit_want(k, ERR_OK, "bb", "task.get", js("{\"task_id\":\"%s\"}", id));
    assert_string_equal(kit_get(k, "light"), "red");
    assert_string_equal(kit_get(k, "days_over"), "1");
    kit_close(k);
}

static void tasks_without_a_date_and_after_it(void **state) {
    (void)state;
    struct kit *k = open_city();
    dispatch(k, "\"units\":[\"NP-BB\"],\"long_term\":true");
    act(k, ERR_OK, "bb", "sign_for", "");
    act(k, ERR_OK, "bb", "report", "\"text\":\"x\"");
    state_is(k, "long_term");
    act(k, ERR_INPUT, "disp", "accept", "");
    act(k, ERR_OK, "disp", "accept", "\"opinion\":\"长期工作已转常态\"");
    state_is(k, "closed");
    bring_to(k, "long_term"); /* continues after its date (F024) */
    assert_int_equal(kit_sql_i(k, "SELECT COUNT(*) FROM notice WHERE kind = 'task.long_term' AND person = 'szb'"), 1);
    act(k, ERR_OK, "szb", "report", "\"text\":\"本月情况\"");
    state_is(k, "long_term");
    act(k, ERR_OK, "disp", "accept", "\"opinion\":\"可以销号\"");
    state_is(k, "closed");
    kit_close(k);
}

static void progress_does_not_fall_without_a_reason(void **state) {
    (void)state;
    struct kit *k = open_city();
    bring_to(k, "in_progress");
    act(k, ERR_OK, "bb", "report", "\"text\":\"x\",\"progress\":60");
    act(k, ERR_INPUT, "bb", "report", "\"text\":\"x\",\"progress\":50");
    assert_string_equal(k->field, "reason");
    act(k, ERR_OK, "bb", "report", "\"text\":\"x\",\"progress\":50,\"reason\":\"重新核定\"");
    act(k, ERR_OK, "bb", "report", "\"text\":\"不带进度\"");
    kit_want(k, ERR_OK, "disp", "task.list", "{}");
    assert_string_equal(kit_get(k, "items.0.progress"), "50");
    kit_close(k);
}

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
        {"2018-03-12T08:30:00+08:00", "signed", "2018-03-15", "", false, LIGHT_YELLOW},     /* 3 left */
        {"2018-03-12T08:30:00+08:00", "signed", "2018-03-16", "", false, LIGHT_GREEN},      /* 4 left */
        {"2018-03-14T08:30:00+08:00", "signed", "2018-03-18", "", false, LIGHT_YELLOW},     /* a Sunday: 2 left (D36) */
        {"2018-03-12T08:30:00+08:00", "in_progress", "2018-03-09", "", true, LIGHT_NONE},
        {"2018-03-21T08:30:00+08:00", "submitted", "2018-03-20", "", false, LIGHT_GREEN},   /* waiting is not the unit's delay */
        {"2018-03-21T08:30:00+08:00", "returned", "2018-03-20", "2018-03-23", false, LIGHT_YELLOW},
        {"2018-03-24T08:30:00+08:00", "returned", "2018-03-20", "2018-03-23", false, LIGHT_RED},
        {"2018-03-21T08:30:00+08:00", "closed", "2018-03-20", "", false, LIGHT_NONE},
        {"2018-03-21T08:30:00+08:00", "long_term", "2018-03-20", "", false, LIGHT_NONE},
        {"2018-03-21T08:30:00+08:00", "suspended", "2018-03-20", "", false, LIGHT_NONE},
        {"2018-12-20T08:30:00+08:00", "signed", "2019-05-01", "", false, LIGHT_GREEN},      /* surely more than 3 */
        {"2018-12-28T08:30:00+08:00", "signed", "2018-12-31", "", false, LIGHT_YELLOW},
        {"2018-12-28T08:30:00+08:00", "signed", "2019-05-01", "", false, LIGHT_UNKNOWN},    /* nobody knows */
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
    } rows[] = {{"disp", true, true}, {"appr", true, true},  {"zfb", false, true}, {"lead", false, true}, {"audit", false, true}, {"ddc", false, true},
                {"bb2", false, true}, {"szb", false, true},  {"gsj", false, false}, {"rsj", false, false}, {"c1", false, false}};
    struct kit *k = open_city();
    for (int open = 0; open < 2; open++) {
        if (open) dispatch(k, TWO);
        else create(k, TWO);
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
    kit_want(k, ERR_OK, "zfb", "task.create", "{\"title\":\"x\",\"requirement\":\"y\",\"plan\":\"P1\",\"supervising_unit\":\"NP-XNB\",\"deadline\":\"2018-03-20\",\"units\":[\"NP-BB\"]}");
    (void)snprintf(id, sizeof id, "%s", kit_get(k, "id"));
    act(k, ERR_OK, "zfb", "submit_draft", "");
    act(k, ERR_OK, "appr", "approve", "");
    kit_want(k, ERR_OK, "zfb", "task.create", "{\"title\":\"x\",\"requirement\":\"y\",\"plan\":\"P1\",\"supervising_unit\":\"NP-XNB\",\"deadline\":\"2018-03-20\",\"units\":[\"NP-BB\",\"NP-ZFB\"]}");
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
    assert_int_equal(kit_sql_i(k, "SELECT COUNT(*) FROM outbox WHERE (channel = 'unit:XZ-1' OR channel LIKE 'task:%') AND instr(data, 'XZ-2') > 0"), 0);
    assert_int_equal(kit_sql_i(k, "SELECT COUNT(*) FROM outbox WHERE channel = 'unit:NP-XNB' AND instr(data, 'XZ-2') > 0"), 2);
    kit_close(k);
}

static void channels(void **state) {
    (void)state;
    static const struct {
        const char *who, *unit;
        enum err    want;
    } rows[] = {{"bb", "NP-BB", ERR_OK}, {"bb", "NP-SZB", ERR_PERM}, {"lead", "NP-SZB", ERR_OK}, {"ddc", "XZ-1", ERR_OK},
                {"zfb", "NP-SZB", ERR_OK}, {"c1", "XZ-2", ERR_PERM}, {"c1", "XZ-1", ERR_OK}, {"bb", "NONE", ERR_NOTFOUND}};
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
    } tasks[] = {{"甲", "\"ord\":1,\"units\":[\"NP-BB\",\"NP-SZB\"],\"deadline\":\"2018-04-30\""},
                 {"乙", "\"ord\":2,\"part\":3,\"units\":[\"NP-BB\",\"NP-GSJ\"],\"deadline\":\"2018-06-30\",\"source_no\":\"南政办（2017）115号\""},
                 {"丙", "\"ord\":3,\"units\":[\"NP-BB\",\"NP-SZB\"],\"deadline\":\"2018-03-15\""},
                 {"丁", "\"ord\":4,\"units\":[\"NP-SZB\"],\"long_term\":true"}};
    struct kit *k = open_city();
    for (size_t i = 0; i < ARRAY_N(tasks); i++) {
        kit_time(k, js("2018-03-12T08:3%zu:00+08:00", i));
        kit_want(k, ERR_OK, "disp", "task.create", js("{\"title\":\"%s\",\"requirement\":\"x\",%s}", tasks[i].title, tasks[i].more));
        (void)snprintf(id, sizeof id, "%s", kit_get(k, "id"));
        act(k, ERR_OK, "disp", "submit_draft", "");
        act(k, ERR_OK, "appr", "approve", "");
    }
    act(k, ERR_OK, "szb", "sign_for", "");
    for (size_t i = 0; i < ARRAY_N(rows); i++) {
        kit_want(k, ERR_OK, rows[i].who, "task.list", rows[i].json);
        if (strcmp(kit_get(k, "items"), rows[i].n) != 0) fail_msg("%s: %s items", rows[i].json, kit_get(k, "items"));
        if (rows[i].first && strcmp(kit_get(k, "items.0.title"), rows[i].first) != 0) fail_msg("%s: first is %s", rows[i].json, kit_get(k, "items.0.title"));
    }
    static const char *const sorts[] = {"plan", "deadline", "created"};
    for (size_t s = 0; s < ARRAY_N(sorts); s++) {
        char seen[64] = "", cursor[512] = "";
        for (int page = 0; page < 4; page++) {
            kit_want(k, ERR_OK, "lead", "task.list", js("{\"limit\":1,\"sort\":\"%s\",\"cursor\":\"%s\"}", sorts[s], cursor));
            (void)snprintf(seen + strlen(seen), sizeof seen - strlen(seen), "%s", kit_get(k, "items.0.title"));
            (void)snprintf(cursor, sizeof cursor, "%s", kit_get(k, "next") ? kit_get(k, "next") : "");
        }
        assert_string_equal(cursor, "");
        assert_string_equal(seen, s == 0 ? "甲乙丙丁" : s == 1 ? "丙甲乙丁" : "丁丙乙甲");
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
    struct import_conf   c = {.dir = "samples/nanping-2018", .confirm_past = "演示", .actor = "system", .out = stderr, .wall_ms = clock_wall_ms(), .biz_ms = clock_business_ms()};
    assert_int_equal(import_dir(&k->house, k->db, &c, &res), ERR_OK);
    kit_person(k, "z1", "NP-ZFB", ROLE_DISPATCHER);
    kit_person(k, "z2", "NP-ZFB", ROLE_APPROVER);
    kit_person(k, "b1", "NP-BB", ROLE_DISPATCHER);
    kit_person(k, "b2", "NP-BB", ROLE_APPROVER);
    kit_person(k, "x1", "NP-XNB", ROLE_DISPATCHER);
    kit_person(k, "x2", "NP-XNB", ROLE_APPROVER);
    char ids[64][64];
    int  n = 0;
    struct rows *q = db_query(k->db, "SELECT id FROM task ORDER BY id", "");
    while (n < 64 && db_next(q)) (void)snprintf(ids[n++], sizeof ids[0], "%s", row_s(q, 0));
    MUST(db_rows_end(q) == ERR_OK);
    assert_int_equal(n, 33);
    int by_issuer = 0;
    for (int i = 0; i < n; i++) {
        char expand[512] = "";
        (void)snprintf(id, sizeof id, "%s", ids[i]);
        static const char *const groups[][2] = {{"NP-SZBM", "[\"NP-FZB\"]"}, {"NP-XZF-ALL", "[\"XZ-350702\",\"XZ-350783\"]"}, {"NP-XW-ALL", "[\"FJ-SW\"]"}};
        for (size_t g = 0; g < ARRAY_N(groups); g++)
            if (kit_sql_i(k, js("SELECT COUNT(*) FROM task_listed WHERE task = '%s' AND unit = '%s'", id, groups[g][0])))
                (void)snprintf(expand + strlen(expand), sizeof expand - strlen(expand), "%s\"%s\":%s", *expand ? "," : "", groups[g][0], groups[g][1]);
        const char *json = js("{\"task_id\":\"%s\",\"version\":1,\"expand\":{%s}}", id, expand);
        bool        zfb  = kit_sql_i(k, js("SELECT COUNT(*) FROM task_listed WHERE task = '%s' AND unit = 'NP-ZFB'", id)) == 0;
        bool        bb   = kit_sql_i(k, js("SELECT COUNT(*) FROM task WHERE id = '%s' AND supervising_unit = 'NP-BB'", id)) == 1;
        if (*expand) kit_want(k, ERR_INPUT, zfb ? "z1" : bb ? "b1" : "x1", "task.submit_draft", js("{\"task_id\":\"%s\",\"version\":1}", id));
        if (!zfb) kit_want(k, ERR_PERM, "z1", "task.submit_draft", json);
        kit_want(k, ERR_OK, zfb ? "z1" : bb ? "b1" : "x1", "task.submit_draft", json);
        kit_want(k, ERR_OK, zfb ? "z2" : bb ? "b2" : "x2", "task.approve", js("{\"task_id\":\"%s\",\"version\":2}", id));
        by_issuer += zfb;
    }
    assert_true(by_issuer > 20);
    assert_int_equal(kit_sql_i(k, "SELECT COUNT(*) FROM task WHERE state = 'dispatched' AND late_at_creation = 1"), 4);
    kit_close(k);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_whole_way),
        cmocka_unit_test(history_has_pages),
        cmocka_unit_test(repeated_signature_gets_the_first_answer),
        cmocka_unit_test(late_and_urgent_signatures),
        cmocka_unit_test(calendar_is_never_guessed),
        cmocka_unit_test(refusal_by_the_first_goes_back_to_draft),
        cmocka_unit_test(refusal_after_others_signed_opens_one_place),
        cmocka_unit_test(dropping_the_last_open_place_completes_signing),
        cmocka_unit_test(groups_are_expanded_by_the_dispatcher),
        cmocka_unit_test(a_draft_must_be_complete),
        cmocka_unit_test(what_create_refuses),
        cmocka_unit_test(errors_come_in_order),
        cmocka_unit_test(nobody_approves_what_they_drafted),
        cmocka_unit_test(the_loser_gets_a_conflict),
        cmocka_unit_test(every_state_and_act),
        cmocka_unit_test(a_task_late_at_creation_gets_a_fresh_date),
        cmocka_unit_test(grace_after_a_return_past_the_date),
        cmocka_unit_test(tasks_without_a_date_and_after_it),
        cmocka_unit_test(progress_does_not_fall_without_a_reason),
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
