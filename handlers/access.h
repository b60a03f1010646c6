/* SPDX-License-Identifier: Apache-2.0
 *
 * Who may see and do what to which object, decided in one place (DESIGN 5). Any thread; reads r->db.
 */
#ifndef ZB_HANDLERS_ACCESS_H
#define ZB_HANDLERS_ACCESS_H

#include "handlers/req.h"
#include "store/task.h"

/* Loads a task the caller may see; anything else is ERR_NOTFOUND (D22). Leaders, monitors, auditors and the dispatching office
 * see all; a unit sees the tasks it is responsible for, supervises, monitors, or issued the plan of; counties do not see each
 * other's. Drafts and tasks waiting for approval are seen by the dispatching side only. */
enum err access_task(struct req *r, const char *task, struct task *out) MUST_CHECK;
/* The same with its responsible units (store/task.h), which an act needs anyway. */
enum err access_task_units(struct req *r, const char *task, struct task *out, struct task_unit **units, size_t *n) MUST_CHECK;
/* A dispatcher (or approver) acts on tasks whose supervising unit is theirs, or on every task of a plan that their unit issued,
 * except where their unit is responsible: then only the supervising unit acts (D23). */
enum err access_dispatches(struct req *r, const struct task *t, bool *yes) MUST_CHECK;
/* The caller's unit is a responsible unit of the task after expansion; *lead: it is the lead. */
enum err access_responsible(struct req *r, const struct task *t, bool *yes, bool *lead) MUST_CHECK;

/* How the caller looks at tasks, for lists (struct task_filter): all, side as there. county: the region of the caller's county,
 * "" for everybody else. */
struct access_view {
    bool        all, side;
    const char *county;
};
enum err access_view(struct req *r, struct access_view *v) MUST_CHECK;
/* Counties are isolated: what a unit of another county did inside a task seen by both is not shown. */
bool access_shows(const struct access_view *v, const char *level, const char *region);

/* Channel rules (channel.c): rest is what stands behind the first colon. ERR_PERM, ERR_NOTFOUND. */
enum err access_unit_channel(struct req *r, const char *rest) MUST_CHECK;
enum err access_task_channel(struct req *r, const char *rest) MUST_CHECK;

#endif
