/* SPDX-License-Identifier: Apache-2.0
 *
 * The units of a task: as printed, responsible with their sub-states, monitoring; and their reports.
 */
#include "store/task.h"

#include <stdlib.h>
#include <string.h>

#define REPORTS_BYTES (96 * 1024) /* of one list */

static const char *copy(struct arena *a, const struct rows *r, int col) {
    const char *s = row_s(r, col);
    return arena_strdup(a, s ? s : "");
}

static bool is_before(const struct task_unit *x, const struct task_unit *y) {
    return x->ord != y->ord ? x->ord < y->ord : strcmp(x->unit, y->unit) < 0;
}

/* Counted and sorted here: for the few units of a task both would cost more in SQL than the reading. */
static struct task_unit *one_more(struct arena *a, struct task_unit **list, size_t n, size_t *cap) {
    if (n == *cap) {
        struct task_unit *v = arena_alloc(a, (*cap *= 2) * sizeof *v);
        memcpy(v, *list, n * sizeof *v);
        *list = v;
    }
    return &(*list)[n];
}

static void sort(struct task_unit *v, size_t n) {
    for (size_t i = 1; i < n; i++) {
        struct task_unit x = v[i];
        size_t           k = i;
        for (; k > 0 && is_before(&x, &v[k - 1]); k--) v[k] = v[k - 1];
        v[k] = x;
    }
}

enum err task_unit_list(struct db *db, struct arena *a, const char *task, struct task_unit **list, size_t *n) {
    size_t cap     = 4;
    *list          = arena_alloc(a, cap * sizeof **list);
    *n             = 0;
    struct rows *r = db_query(db,
                              "SELECT x.unit, x.from_group, x.state, x.signed_by, x.refused_reason, x.ord, x.sign_due_biz, "
                              "x.signed_biz, x.reported_biz, "
                              "x.is_lead, u.short_name, u.level, u.region, (SELECT v.progress FROM task_report v WHERE v.task = "
                              "x.task AND v.unit = x.unit "
                              "AND v.progress IS NOT NULL ORDER BY v.seq DESC LIMIT 1) "
                              "FROM task_unit x JOIN unit u ON u.code = x.unit WHERE x.task = ?1",
                              "s", task);
    while (db_next(r)) {
        struct task_unit *u = one_more(a, list, *n, &cap);
        (*n)++;
        u->unit             = copy(a, r, 0);
        u->from_group       = arena_strdup(a, row_s(r, 1));
        u->state            = copy(a, r, 2);
        u->signed_by        = arena_strdup(a, row_s(r, 3));
        u->refused_reason   = copy(a, r, 4);
        u->ord              = row_i(r, 5);
        u->sign_due_biz     = row_i(r, 6);
        u->signed_biz       = row_i(r, 7);
        u->reported_biz     = row_i(r, 8);
        u->is_lead          = row_i(r, 9) != 0;
        u->name             = copy(a, r, 10);
        u->level            = copy(a, r, 11);
        u->region           = copy(a, r, 12);
        u->progress         = row_is_null(r, 13) ? -1 : row_i(r, 13);
    }
    sort(*list, *n);
    return db_rows_end(r);
}

enum err task_unit_add(struct db *db, const char *task, const struct task_unit *u) {
    return db_exec(db,
                   "INSERT INTO task_unit (task, unit, ord, is_lead, from_group, state, sign_due_biz) "
                   "VALUES (?1, ?2, ?3, ?4, ?5, 'waiting', NULLIF(?6, 0))",
                   "ssiisi", task, u->unit, u->ord, (int64_t)u->is_lead, u->from_group, u->sign_due_biz);
}

enum err task_unit_remove(struct db *db, const char *task, const char *unit) {
    if (unit == NULL) return db_exec(db, "DELETE FROM task_unit WHERE task = ?1", "s", task);
    return db_exec(db, "DELETE FROM task_unit WHERE task = ?1 AND unit = ?2", "ss", task, unit);
}

enum err task_unit_save(struct db *db, const char *task, const struct task_unit *u) {
    return db_exec(db,
                   "UPDATE task_unit SET state = ?3, sign_due_biz = NULLIF(?4, 0), signed_biz = NULLIF(?5, 0), signed_by = ?6, "
                   "reported_biz = NULLIF(?7, 0), refused_reason = ?8 WHERE task = ?1 AND unit = ?2",
                   "sssiisis", task, u->unit, u->state, u->sign_due_biz, u->signed_biz, u->signed_by, u->reported_biz,
                   u->refused_reason);
}

/* Naming sign_due_biz would have its index written anew. */
enum err task_unit_reported(struct db *db, const char *task, const struct task_unit *u) {
    return db_exec(db, "UPDATE task_unit SET state = ?3, reported_biz = ?4 WHERE task = ?1 AND unit = ?2", "sssi", task, u->unit,
                   u->state, u->reported_biz);
}

enum err task_sign_due_all(struct db *db, const char *task, int64_t due_biz) {
    return db_exec(db, "UPDATE task_unit SET sign_due_biz = ?2 WHERE task = ?1", "si", task, due_biz);
}

static enum err read_named(struct rows *r, struct arena *a, struct task_named *list, size_t max, size_t *n) {
    while (*n < max && db_next(r)) {
        struct task_named *u = &list[(*n)++];
        u->unit              = copy(a, r, 0);
        u->name              = copy(a, r, 1);
        u->is_group          = row_i(r, 2) != 0;
        u->members_complete  = row_i(r, 3) != 0;
    }
    return db_rows_end(r);
}

enum err task_listed_list(struct db *db, struct arena *a, const char *task, struct task_named **list, size_t *n) {
    int64_t  count = 0;
    enum err e     = db_one_i(db, &count, "SELECT COUNT(*) FROM task_listed WHERE task = ?1", "s", task);
    if (e) return e;
    *list = arena_alloc(a, ((size_t)count + 1) * sizeof **list);
    *n    = 0;
    return read_named(
        db_query(db,
                 "SELECT x.unit, u.short_name, u.is_group, u.members_complete FROM task_listed x JOIN unit u ON u.code = x.unit "
                 "WHERE x.task = ?1 ORDER BY x.ord",
                 "s", task),
        a, *list, (size_t)count, n);
}

enum err task_monitor_list(struct db *db, struct arena *a, const char *task, struct task_named **list, size_t *n) {
    int64_t  count = 0;
    enum err e     = db_one_i(db, &count, "SELECT COUNT(*) FROM task_monitor WHERE task = ?1", "s", task);
    if (e) return e;
    *list = arena_alloc(a, ((size_t)count + 1) * sizeof **list);
    *n    = 0;
    return read_named(
        db_query(db,
                 "SELECT x.unit, u.short_name, u.is_group, u.members_complete FROM task_monitor x JOIN unit u ON u.code = x.unit "
                 "WHERE x.task = ?1 ORDER BY u.ord, x.unit",
                 "s", task),
        a, *list, (size_t)count, n);
}

enum err task_report_add(struct db *db, const char *task, struct task_report *rep) {
    enum err e = db_one_i(db, &rep->seq, "SELECT COALESCE(MAX(seq), 0) + 1 FROM task_report WHERE task = ?1 AND unit = ?2", "ss",
                          task, rep->unit); /* RETURNING of the row would cost twice as much */
    if (e) return e;
    return db_exec(db,
                   "INSERT INTO task_report (task, unit, seq, person, text, progress, at_biz, kind, evidence, quantities) "
                   "VALUES (?1, ?2, ?3, ?4, ?5, NULLIF(?6, -1), ?7, ?8, ?9, ?10)",
                   "ssissiisss", task, rep->unit, rep->seq, rep->person, rep->text, rep->progress, rep->at_biz, rep->kind,
                   rep->evidence, rep->quantities);
}

enum err task_report_list(struct db *db, struct arena *a, const char *task, int max, struct task_report **list, size_t *n) {
    *list          = arena_alloc(a, ((size_t)max + 1) * sizeof **list);
    *n             = 0;
    struct rows *r = db_query(
        db,
        "SELECT x.unit, x.person, x.text, x.kind, x.evidence, x.quantities, x.seq, x.progress, x.at_biz, u.short_name, u.level, "
        "u.region, p.name FROM task_report x JOIN unit u ON u.code = x.unit LEFT JOIN person p ON p.id = x.person "
        "WHERE x.task = ?1 ORDER BY x.at_biz DESC, x.unit, x.seq DESC LIMIT ?2",
        "si", task, (int64_t)max);
    size_t bytes = 0;
    while (*n < (size_t)max && bytes < REPORTS_BYTES && db_next(r)) {
        struct task_report *p = &(*list)[(*n)++];
        p->unit               = copy(a, r, 0);
        p->person             = copy(a, r, 1);
        p->text               = copy(a, r, 2);
        p->kind               = copy(a, r, 3);
        p->evidence           = copy(a, r, 4);
        p->quantities         = copy(a, r, 5);
        p->seq                = row_i(r, 6);
        p->progress           = row_is_null(r, 7) ? -1 : row_i(r, 7);
        p->at_biz             = row_i(r, 8);
        p->unit_name          = copy(a, r, 9);
        p->level              = copy(a, r, 10);
        p->region             = copy(a, r, 11);
        p->person_name        = copy(a, r, 12);
        bytes += strlen(p->text) + strlen(p->evidence) + strlen(p->quantities);
    }
    return db_rows_end(r);
}

/* Of the data of an event, which we wrote ourselves. */
static int64_t number_in(const char *data, const char *name) {
    const char *p = strstr(data, name);
    return p ? strtoll(p + strlen(name), NULL, 10) : 0;
}

enum err task_rating_list(struct db *db, struct arena *a, const char *task, struct task_rating **list, size_t *n) {
    int64_t  count = 0;
    enum err e     = db_one_i(db, &count, "SELECT COUNT(DISTINCT unit) FROM task_event WHERE task = ?1 AND event = 'rate'", "s", task);
    *list          = NULL;
    *n             = 0;
    if (e || count == 0) return e;
    *list          = arena_alloc(a, ((size_t)count + 1) * sizeof **list);
    struct rows *r = db_query(
        db,
        "SELECT e.unit, u.short_name, u.level, u.region, e.actor, p.name, e.reason, e.data, e.at_biz, m.times "
        "FROM (SELECT unit, MAX(seq) AS seq, COUNT(*) AS times FROM task_event WHERE task = ?1 AND event = 'rate' GROUP BY unit) m "
        "JOIN task_event e ON e.task = ?1 AND e.seq = m.seq JOIN unit u ON u.code = e.unit LEFT JOIN person p ON p.id = e.actor "
        "ORDER BY u.ord, e.unit",
        "s", task);
    while (*n < (size_t)count && db_next(r)) {
        struct task_rating *t = &(*list)[(*n)++];
        t->unit               = copy(a, r, 0);
        t->unit_name          = copy(a, r, 1);
        t->level              = copy(a, r, 2);
        t->region             = copy(a, r, 3);
        t->person             = copy(a, r, 4);
        t->person_name        = copy(a, r, 5);
        t->reason             = copy(a, r, 6);
        t->quality            = number_in(row_s(r, 7), "\"quality\":");
        t->efficiency         = number_in(row_s(r, 7), "\"efficiency\":");
        t->at_biz             = row_i(r, 8);
        t->times              = row_i(r, 9);
    }
    return db_rows_end(r);
}
