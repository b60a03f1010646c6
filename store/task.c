/* SPDX-License-Identifier: Apache-2.0
 *
 * The task itself: insert, read, change, history. Units and reports are in task_unit.c, lists in task_list.c.
 */
#include "store/task.h"

#include <string.h>

static const char *text_or(const char *s, const char *otherwise) { return s ? s : otherwise; }
static const char *date_or_null(const char *s) { return s && *s ? s : NULL; }

#define TASK_COLUMNS                                                                                                             \
    "t.id, t.plan, t.section, t.title, t.requirement, t.kind, t.urgency, t.source_kind, t.source_no, t.source_date, t.issued_on, "  \
    "t.lead_unit, t.supervising_unit, t.deadline, t.deadline_text, t.deadline_rule, t.past_reason, t.steps, t.quantities, "         \
    "t.seed_refs, t.state, t.grace_until, t.quality, t.created_by, t.submitted_by, t.part, t.ord, t.version, t.return_count, "       \
    "t.created_biz, t.created_wall, t.dispatched_biz, t.done_biz, t.closed_biz, t.long_term, t.continues_after, "                   \
    "t.late_at_creation, p.issuer, p.title"

enum err task_get(struct db *db, struct arena *a, const char *id, struct task *out) {
    enum err e = ERR_NOTFOUND;
    memset(out, 0, sizeof *out);
    struct rows *r = db_query(db, "SELECT " TASK_COLUMNS " FROM task t LEFT JOIN plan p ON p.id = t.plan WHERE t.id = ?1", "s", id);
    if (db_next(r)) {
        const char **texts[] = {&out->id,          &out->plan,      &out->section,       &out->title,         &out->requirement,
                                &out->kind,        &out->urgency,   &out->source_kind,   &out->source_no,     &out->source_date,
                                &out->issued_on,   &out->lead_unit, &out->supervising_unit, &out->deadline,   &out->deadline_text,
                                &out->deadline_rule, &out->past_reason, &out->steps,     &out->quantities,    &out->seed_refs,
                                &out->state,       &out->grace_until, &out->quality,     &out->created_by,    &out->submitted_by};
        int          n       = (int)(sizeof texts / sizeof texts[0]);
        for (int i = 0; i < n; i++) *texts[i] = arena_strdup(a, row_s(r, i));
        int64_t *numbers[] = {&out->part,         &out->ord,            &out->version,  &out->return_count, &out->created_biz,
                              &out->created_wall, &out->dispatched_biz, &out->done_biz, &out->closed_biz};
        int      k         = (int)(sizeof numbers / sizeof numbers[0]);
        for (int i = 0; i < k; i++) *numbers[i] = row_i(r, n + i);
        out->long_term        = row_i(r, n + k) != 0;
        out->continues_after  = row_i(r, n + k + 1) != 0;
        out->late_at_creation = row_i(r, n + k + 2) != 0;
        out->issuer           = arena_strdup(a, row_s(r, n + k + 3));
        out->plan_title       = arena_strdup(a, row_s(r, n + k + 4));
        e                     = ERR_OK;
    }
    enum err end = db_rows_end(r);
    return end ? end : e;
}

enum err task_plan_get(struct db *db, struct arena *a, const char *id, struct task_plan *out) {
    enum err e = ERR_NOTFOUND;
    memset(out, 0, sizeof *out);
    struct rows *r = db_query(db, "SELECT issuer, doc_no, meeting, issued_on FROM plan WHERE id = ?1", "s", id);
    if (db_next(r)) {
        out->issuer    = arena_strdup(a, row_s(r, 0));
        out->doc_no    = arena_strdup(a, row_s(r, 1));
        out->meeting   = arena_strdup(a, row_s(r, 2));
        out->issued_on = arena_strdup(a, row_s(r, 3));
        e              = ERR_OK;
    }
    enum err end = db_rows_end(r);
    return end ? end : e;
}

enum err task_set_listed(struct db *db, const char *task, const char *const *units, size_t n) {
    enum err e = db_exec(db, "DELETE FROM task_listed WHERE task = ?1", "s", task);
    for (size_t i = 0; e == ERR_OK && i < n; i++)
        e = db_exec(db, "INSERT INTO task_listed (task, ord, unit) VALUES (?1, ?2, ?3)", "sis", task, (int64_t)i, units[i]);
    return e;
}

enum err task_set_monitors(struct db *db, const char *task, const char *const *units, size_t n) {
    enum err e = db_exec(db, "DELETE FROM task_monitor WHERE task = ?1", "s", task);
    for (size_t i = 0; e == ERR_OK && i < n; i++)
        e = db_exec(db, "INSERT INTO task_monitor (task, unit) VALUES (?1, ?2)", "ss", task, units[i]);
    return e;
}

enum err task_add(struct db *db, const struct task_new *n) {
    const struct task *t = &n->t;
    enum err           e = db_exec(
        db,
        "INSERT INTO task (id, plan, part, section, ord, title, requirement, kind, urgency, source_kind, source_no, source_date, issued_on, "
                  "lead_unit, supervising_unit, deadline, deadline_text, deadline_rule, long_term, continues_after, late_at_creation, past_reason, steps, "
                  "quantities, seed_refs, state, version, created_by, submitted_by, created_biz, created_wall) "
                  "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20, ?21, ?22, ?23, ?24, ?25, ?26, ?27, "
                  "?28, ?29, ?30, ?31)",
        "ssisisssssssssssss"
                  "iiisssssissii",
        t->id, date_or_null(t->plan), t->part, text_or(t->section, ""), t->ord, t->title, text_or(t->requirement, ""), text_or(t->kind, ""),
        text_or(t->urgency, "normal"), text_or(t->source_kind, ""), text_or(t->source_no, ""), date_or_null(t->source_date),
        date_or_null(t->issued_on), date_or_null(t->lead_unit), date_or_null(t->supervising_unit), date_or_null(t->deadline),
        text_or(t->deadline_text, ""), text_or(t->deadline_rule, ""), (int64_t)t->long_term, (int64_t)t->continues_after,
        (int64_t)t->late_at_creation, text_or(t->past_reason, ""), text_or(t->steps, "[]"), text_or(t->quantities, "{}"),
        text_or(t->seed_refs, "[]"), t->state, t->version, t->created_by, text_or(t->submitted_by, ""), t->created_biz, t->created_wall);
    if (e == ERR_OK) e = task_set_listed(db, t->id, n->listed, n->listed_n);
    if (e == ERR_OK) e = task_set_monitors(db, t->id, n->monitors, n->monitors_n);
    return e;
}

enum err task_event_add(struct db *db, const struct task_event *e) {
    return db_exec(db,
                   "INSERT INTO task_event (task, seq, event, from_state, to_state, actor, unit, reason, data, device, at_biz, at_wall) "
                   "VALUES (?1, (SELECT COALESCE(MAX(x.seq), 0) + 1 FROM task_event x WHERE x.task = ?1), ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
                   "sssssssssii", e->task, e->event, text_or(e->from_state, ""), text_or(e->to_state, ""), e->actor, text_or(e->unit, ""),
                   text_or(e->reason, ""), e->data && *e->data ? e->data : "{}", text_or(e->device, ""), e->at_biz, e->at_wall);
}
