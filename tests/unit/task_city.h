/* SPDX-License-Identifier: Apache-2.0
 *
 * A small city and tasks in it, for the tests of tasks: NP-XNB supervises, NP-BB leads, NP-SZB assists, NP-ZFB issued the plan; a
 * group without fixed members (NP-SZBM), one with (NP-XZF: XZ-1, XZ-2), a unit that has ceased to exist (NP-OLD).
 */
#ifndef ZB_TESTS_TASK_CITY_H
#define ZB_TESTS_TASK_CITY_H

/* cmocka wants these before it */
/* clang-format off */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/mem.h"
#include "store/unit.h"
#include "tests/unit/kit.h"

#define UNUSED __attribute__((unused))

static const struct {
    const char *code, *level, *region;
    bool        group, complete;
    const char *valid_to, *replaced_by;
} city[] = {
    {"NP-ZFB", "city", "", false, true, NULL, NULL},
    {"NP-XNB", "city", "", false, true, NULL, NULL},
    {"NP-BB", "city", "", false, true, NULL, NULL},
    {"NP-SZB", "city", "", false, true, NULL, NULL},
    {"NP-GSJ", "city", "", false, true, NULL, NULL},
    {"NP-RSJ", "city", "", false, true, NULL, NULL},
    {"NP-DDC", "city", "", false, true, NULL, NULL},
    {"NP-ZZB", "city", "", false, true, NULL, NULL},
    {"NP-OLD", "city", "", false, true, "2018-03-11", "NP-GSJ"},
    {"NP-SZBM", "city", "", true, false, NULL, NULL},
    {"NP-XZF", "county", "", true, true, NULL, NULL},
    {"XZ-1", "county", "350702", false, true, NULL, NULL},
    {"XZ-2", "county", "350703", false, true, NULL, NULL},
    {"XZ-3", "county", "350721", false, true, NULL, NULL},
};

UNUSED static struct kit *open_city(void) {
    struct kit *k = kit_open();
    MUST(db_begin(k->db) == ERR_OK);
    for (size_t i = 0; i < ARRAY_N(city); i++) {
        struct unit u = {.code             = city[i].code,
                         .full_name        = city[i].code,
                         .short_name       = city[i].code,
                         .board_name       = city[i].code,
                         .level            = city[i].level,
                         .type             = "x",
                         .region           = city[i].region,
                         .note             = "",
                         .scope            = "",
                         .user_kind        = "",
                         .roles            = "",
                         .is_group         = city[i].group,
                         .members_complete = city[i].complete,
                         .ord              = (int64_t)i,
                         .valid_to         = city[i].valid_to,
                         .replaced_by      = city[i].replaced_by};
        MUST(unit_add(k->db, &u) == ERR_OK);
    }
    MUST(unit_member_add(k->db, "NP-XZF", "XZ-1", 0) == ERR_OK && unit_member_add(k->db, "NP-XZF", "XZ-2", 1) == ERR_OK);
    MUST(db_exec(k->db,
                 "INSERT INTO plan (id, title, doc_no, issuer, meeting, issued_on, printed_on) VALUES ('P1', 'plan', "
                 "'南政办〔2018〕25号', 'NP-ZFB', '第23次', '2018-03-09', '2018-03-12')",
                 "") == ERR_OK);
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
    static char text[32][2048];
    static int  i;
    va_list     ap;
    char       *t = text[i = (i + 1) % 32];
    va_start(ap, fmt);
    (void)vsnprintf(t, sizeof text[0], fmt, ap);
    va_end(ap);
    return t;
}

UNUSED static long long version_of(struct kit *k) { return kit_sql_i(k, js("SELECT version FROM task WHERE id = '%s'", id)); }

UNUSED static void state_is(struct kit *k, const char *want) {
    if (kit_sql_i(k, js("SELECT COUNT(*) FROM task WHERE id = '%s' AND state = '%s'", id, want)) == 1) return;
    fail_msg("not in state %s", want);
}

UNUSED static void unit_is(struct kit *k, const char *unit, const char *want) {
    if (kit_sql_i(k, js("SELECT COUNT(*) FROM task_unit WHERE task = '%s' AND unit = '%s' AND state = '%s'", id, unit, want)) ==
        1)
        return;
    fail_msg("%s is not %s", unit, want);
}

/* An act with the current version; more: further members, "" none. */
UNUSED static void act(struct kit *k, enum err want, const char *who, const char *event, const char *more) {
    char method[64];
    bool versioned = strcmp(event, "sign_for") != 0 && strcmp(event, "report") != 0;
    (void)snprintf(method, sizeof method, "task.%s", event);
    const char *v = versioned ? js(",\"version\":%lld", version_of(k)) : "";
    kit_want(k, want, who, method, js("{\"task_id\":\"%s\"%s%s%s}", id, v, *more ? "," : "", more));
}

UNUSED static void create(struct kit *k, const char *more) {
    kit_want(k, ERR_OK, "disp", "task.create",
             js("{\"title\":\"权责清单系统投入试运行\",\"requirement\":\"投入试运行\",\"monitoring_units\":[\"NP-DDC\",\"NP-"
                "ZZB\"],%s}",
                more));
    (void)snprintf(id, sizeof id, "%s", kit_get(k, "id"));
}

UNUSED static void dispatch(struct kit *k, const char *more) {
    create(k, more);
    act(k, ERR_OK, "disp", "submit_draft", "");
    act(k, ERR_OK, "appr", "approve", "");
}

#define TWO "\"units\":[\"NP-BB\",\"NP-SZB\"],\"deadline\":\"2018-03-20\""
#define DONE "\"text\":\"已完成\",\"evidence\":[\"验收报告\"]"

/* Brings a new task of two units into a state. */
UNUSED static void bring_to(struct kit *k, const char *state) {
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
    if (strcmp(state, "returned") == 0)
        act(k, ERR_OK, "disp", "return", "\"reason\":\"材料不全\"");
    else
        act(k, ERR_OK, "disp", "accept", "\"opinion\":\"同意\",\"quality\":5");
    state_is(k, state);
}

/* All that a refusal must leave alone. */
UNUSED static long long footprint(struct kit *k) {
    static const char *const tables[] = {"task_event", "task_report", "task_unit", "task_listed", "task_monitor",
                                         "ledger",     "outbox",      "notice",    "delivery"};
    long long                n        = kit_sql_i(k, "SELECT COALESCE(SUM(version), 0) * 1000 FROM task");
    for (size_t i = 0; i < ARRAY_N(tables); i++) n = n * 31 + kit_sql_i(k, js("SELECT COUNT(*) FROM %s", tables[i]));
    return n + kit_sql_i(k, "SELECT COALESCE(SUM(signed_biz), 0) FROM task_unit");
}

#endif
