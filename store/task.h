/* SPDX-License-Identifier: Apache-2.0
 *
 * Supervision tasks: tables task, task_listed, task_unit, task_monitor, task_event, task_report. Rows come back in the arena. Reads on any
 * connection; writes on the writer's thread, in its transaction. States and guards are handlers/task*.c; here is only SQL.
 *
 * task_event is the history the ranking is recomputed from. `event` is the action word of the method (create, import, update, submit_draft,
 * approve, reject, sign_for, refuse, report, submit_done, accept, return, find_false); seq counts from 1 in each task.
 */
#ifndef ZB_STORE_TASK_H
#define ZB_STORE_TASK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "store/db.h"

/* Columns as in the table; texts never NULL unless said. */
struct task {
    const char *id, *plan /* NULL */, *section, *title, *requirement, *kind, *urgency; /* urgency: normal, urgent */
    const char *source_kind, *source_no, *source_date /* NULL */, *issued_on /* NULL */;
    const char *lead_unit /* NULL */, *supervising_unit /* NULL */;
    const char *deadline /* NULL */, *deadline_text, *deadline_rule, *past_reason;
    const char *steps, *quantities, *seed_refs; /* JSON texts */
    const char *state, *grace_until /* NULL */, *quality, *created_by, *submitted_by;
    int64_t     part, ord, version, return_count, created_biz, created_wall, dispatched_biz, done_biz, closed_biz; /* *_biz 0: not yet */
    bool        long_term, continues_after, late_at_creation;
    const char *issuer, *plan_title; /* of the plan, read only; NULL: no plan */
};
enum err task_get(struct db *db, struct arena *a, const char *id, struct task *out) MUST_CHECK; /* ERR_NOTFOUND */

/* Inserts the task (state, version as given), the units as printed and the monitoring units. ERR_DUP: the id is known. */
struct task_new {
    struct task  t;
    const char **listed, **monitors;
    size_t       listed_n, monitors_n;
};
enum err task_add(struct db *db, const struct task_new *n) MUST_CHECK;
enum err task_set_listed(struct db *db, const char *task, const char *const *units, size_t n) MUST_CHECK; /* replaces, in order */
enum err task_set_monitors(struct db *db, const char *task, const char *const *units, size_t n) MUST_CHECK;

/* What a task takes from its plan. */
struct task_plan {
    const char *issuer, *doc_no, *meeting, *issued_on;
};
enum err task_plan_get(struct db *db, struct arena *a, const char *id, struct task_plan *out) MUST_CHECK; /* ERR_NOTFOUND */

struct task_event {
    const char *task, *event, *from_state, *to_state, *actor, *unit, *reason, *data, *device; /* data: JSON object; "" counts as {} */
    int64_t     seq; /* given by task_event_add */
    int64_t     at_biz, at_wall;
};
enum err task_event_add(struct db *db, const struct task_event *e) MUST_CHECK;

#endif
