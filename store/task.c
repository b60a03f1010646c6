/* SPDX-License-Identifier: Apache-2.0
 *
 * The task itself: insert, read, change, history. Units and reports are in task_unit.c, lists in task_list.c.
 */
#include "store/task.h"

#include <string.h>

#define HISTORY_BYTES (96 * 1024) /* of one list */

static const char *text_or(const char *s, const char *otherwise) { return s ? s : otherwise; }
static const char *date_or_null(const char *s) { return s && *s ? s : NULL; }

#define TASK_COLUMNS                                                                                                             \
    "t.id, t.plan, t.section, t.title, t.requirement, t.kind, t.urgency, t.source_kind, t.source_no, t.source_date, "            \
    "t.issued_on, "                                                                                                              \
    "t.lead_unit, t.supervising_unit, t.deadline, t.deadline_text, t.deadline_rule, t.past_reason, t.steps, t.quantities, "      \
    "t.seed_refs, t.state, t.grace_until, t.quality, t.created_by, t.submitted_by, t.part, t.ord, t.version, t.return_count, "   \
    "t.created_biz, t.created_wall, t.dispatched_biz, t.done_biz, t.closed_biz, t.long_term, t.continues_after, "                \
    "t.late_at_creation, p.issuer, p.title"

enum err task_get(struct db *db, struct arena *a, const char *id, struct task *out) {
    enum err e = ERR_NOTFOUND;
    memset(out, 0, sizeof *out);
    struct rows *r =
        db_query(db, "SELECT " TASK_COLUMNS " FROM task t LEFT JOIN plan p ON p.id = t.plan WHERE t.id = ?1", "s", id);
    if (db_next(r)) {
        const char **texts[] = {&out->id,
                                &out->plan,
                                &out->section,
                                &out->title,
                                &out->requirement,
                                &out->kind,
                                &out->urgency,
                                &out->source_kind,
                                &out->source_no,
                                &out->source_date,
                                &out->issued_on,
                                &out->lead_unit,
                                &out->supervising_unit,
                                &out->deadline,
                                &out->deadline_text,
                                &out->deadline_rule,
                                &out->past_reason,
                                &out->steps,
                                &out->quantities,
                                &out->seed_refs,
                                &out->state,
                                &out->grace_until,
                                &out->quality,
                                &out->created_by,
                                &out->submitted_by};
        int          n       = (int)(sizeof texts / sizeof texts[0]);
        for (int i = 0; i < n; i++) *texts[i] = arena_strdup(a, row_s(r, i));
        int64_t *numbers[] = {&out->part,           &out->ord,         &out->version,
                              &out->return_count,   &out->created_biz, &out->created_wall,
                              &out->dispatched_biz, &out->done_biz,    &out->closed_biz};
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
    enum err           e =
        db_exec(db,
                "INSERT INTO task (id, plan, part, section, ord, title, requirement, kind, urgency, source_kind, source_no, "
                "source_date, issued_on, "
                "lead_unit, supervising_unit, deadline, deadline_text, deadline_rule, long_term, continues_after, "
                "late_at_creation, past_reason, steps, "
                "quantities, seed_refs, state, version, created_by, submitted_by, created_biz, created_wall) "
                "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20, ?21, ?22, "
                "?23, ?24, ?25, ?26, ?27, "
                "?28, ?29, ?30, ?31)",
                "ssisisssssssssssss"
                "iiisssssissii",
                t->id, date_or_null(t->plan), t->part, text_or(t->section, ""), t->ord, t->title, text_or(t->requirement, ""),
                text_or(t->kind, ""), text_or(t->urgency, "normal"), text_or(t->source_kind, ""), text_or(t->source_no, ""),
                date_or_null(t->source_date), date_or_null(t->issued_on), date_or_null(t->lead_unit),
                date_or_null(t->supervising_unit), date_or_null(t->deadline), text_or(t->deadline_text, ""),
                text_or(t->deadline_rule, ""), (int64_t)t->long_term, (int64_t)t->continues_after, (int64_t)t->late_at_creation,
                text_or(t->past_reason, ""), text_or(t->steps, "[]"), text_or(t->quantities, "{}"), text_or(t->seed_refs, "[]"),
                t->state, t->version, t->created_by, text_or(t->submitted_by, ""), t->created_biz, t->created_wall);
    if (e == ERR_OK) e = task_set_listed(db, t->id, n->listed, n->listed_n);
    if (e == ERR_OK) e = task_set_monitors(db, t->id, n->monitors, n->monitors_n);
    return e;
}

enum err task_event_add(struct db *db, const struct task_event *e) {
    return db_exec(
        db,
        "INSERT INTO task_event (task, seq, event, from_state, to_state, actor, unit, reason, data, device, at_biz, at_wall) "
        "VALUES (?1, (SELECT COALESCE(MAX(x.seq), 0) + 1 FROM task_event x WHERE x.task = ?1), ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, "
        "?10, ?11)",
        "sssssssssii", e->task, e->event, text_or(e->from_state, ""), text_or(e->to_state, ""), e->actor, text_or(e->unit, ""),
        text_or(e->reason, ""), e->data && *e->data ? e->data : "{}", text_or(e->device, ""), e->at_biz, e->at_wall);
}

enum err task_save(struct db *db, const struct task *t, int64_t was_version) {
    enum err e = db_exec(
        db,
        "UPDATE task SET title = ?3, requirement = ?4, kind = ?5, urgency = ?6, source_kind = ?7, source_no = ?8, source_date = "
        "?9, "
        "lead_unit = ?10, supervising_unit = ?11, deadline = ?12, deadline_text = ?13, deadline_rule = ?14, past_reason = ?15, "
        "steps = ?16, "
        "quantities = ?17, long_term = ?18, continues_after = ?19, late_at_creation = ?20, state = ?21, version = ?22, "
        "return_count = ?23, "
        "grace_until = ?24, quality = ?25, submitted_by = ?26, dispatched_biz = NULLIF(?27, 0), done_biz = NULLIF(?28, 0), "
        "closed_biz = NULLIF(?29, 0) WHERE id = ?1 AND version = ?2",
        "sisssssssssssssssiiisiisssiii", t->id, was_version, t->title, t->requirement, t->kind, t->urgency, t->source_kind,
        t->source_no, date_or_null(t->source_date), date_or_null(t->lead_unit), date_or_null(t->supervising_unit),
        date_or_null(t->deadline), t->deadline_text, t->deadline_rule, t->past_reason, t->steps, t->quantities,
        (int64_t)t->long_term, (int64_t)t->continues_after, (int64_t)t->late_at_creation, t->state, t->version, t->return_count,
        date_or_null(t->grace_until), t->quality, t->submitted_by, t->dispatched_biz, t->done_biz, t->closed_biz);
    if (e) return e;
    return db_changes(db) == 1 ? ERR_OK : ERR_CONFLICT;
}

static void read_event(const struct rows *r, struct arena *a, struct task_event *e) {
    const char **texts[] = {&e->task, &e->event,  &e->from_state, &e->to_state, &e->actor,
                            &e->unit, &e->reason, &e->data,       &e->device};
    int          n       = (int)(sizeof texts / sizeof texts[0]);
    for (int i = 0; i < n; i++) *texts[i] = arena_strdup(a, row_s(r, i));
    e->seq     = row_i(r, n);
    e->at_biz  = row_i(r, n + 1);
    e->at_wall = row_i(r, n + 2);
}
#define EVENT_COLUMNS                                                                                                            \
    "e.task, e.event, e.from_state, e.to_state, e.actor, e.unit, e.reason, e.data, e.device, e.seq, e.at_biz, e.at_wall"

enum err task_history(struct db *db, struct arena *a, const char *task, int64_t after, int max, struct task_history **list, size_t *n,
                      bool *more) {
    size_t bytes   = 0;
    *list          = arena_alloc(a, ((size_t)max + 1) * sizeof **list);
    *n             = 0;
    *more          = false;
    struct rows *r = db_query(db,
                              "SELECT " EVENT_COLUMNS ", p.name, u.short_name, u.level, u.region FROM task_event e "
                              "LEFT JOIN person p ON p.id = e.actor LEFT JOIN unit u ON u.code = e.unit "
                              "WHERE e.task = ?1 AND e.seq > ?2 ORDER BY e.seq LIMIT ?3",
                              "sii", task, after, (int64_t)max + 1);
    while (!*more && db_next(r)) {
        if (*n == (size_t)max || bytes >= HISTORY_BYTES) {
            *more = true;
            continue;
        }
        struct task_history *h = &(*list)[(*n)++];
        read_event(r, a, &h->e);
        h->actor_name  = arena_strdup(a, text_or(row_s(r, 12), ""));
        h->unit_name   = arena_strdup(a, text_or(row_s(r, 13), ""));
        h->unit_level  = arena_strdup(a, text_or(row_s(r, 14), ""));
        h->unit_region = arena_strdup(a, text_or(row_s(r, 15), ""));
        bytes += strlen(h->e.reason) + strlen(h->e.data);
    }
    return db_rows_end(r);
}

enum err task_event_last(struct db *db, struct arena *a, const char *task, const char *event, const char *unit,
                         struct task_event *out) {
    enum err     e = ERR_NOTFOUND;
    struct rows *r = db_query(db,
                              "SELECT " EVENT_COLUMNS " FROM task_event e WHERE e.task = ?1 AND e.event = ?2 AND e.unit = ?3 "
                              "ORDER BY e.seq DESC LIMIT 1",
                              "sss", task, event, unit);
    if (db_next(r)) {
        read_event(r, a, out);
        e = ERR_OK;
    }
    enum err end = db_rows_end(r);
    return end ? end : e;
}

enum err task_changed_biz(struct db *db, const char *task, int64_t *at_biz) {
    *at_biz = 0;
    return db_one_i(db, at_biz, "SELECT MAX(at_biz) FROM task_event WHERE task = ?1", "s", task);
}
