/* SPDX-License-Identifier: Apache-2.0
 *
 * Supervision tasks: tables task, task_listed, task_unit, task_monitor, task_event, task_report. Rows come back in the arena.
 * Reads on any connection; writes on the writer's thread, in its transaction. States and guards are handlers/task*.c; here is
 * only SQL.
 *
 * Files: task.c the task and its history · task_unit.c units and reports · task_list.c lists.
 *
 * task_event is the history the ranking is recomputed from. `event` is the action word of the method (create, import, update,
 * submit_draft, approve, reject, sign_for, refuse, report, submit_done, accept, return, find_false, rate); seq counts from 1 in
 * each task. What `data` holds, as the ranking and the pages read it:
 *     submit_draft  expand, units             approve  units, lead, sign_due (ms), late_at_creation
 *     sign_for      late, complete, version   report   report (seq of the unit), progress (-1 none), evidence (how many)
 *     submit_done   late, report, evidence, quantities
 *     accept        on_time, quality, efficiency
 *     rate          quality, efficiency       return   count, grace_until
 *     refuse        draft (the task went back)
 *     update        of a dispatched task: replace {old: new}, and when the date was moved deadline, deadline_from
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
    int64_t     part, ord, version, return_count, created_biz, created_wall, dispatched_biz, done_biz,
        closed_biz; /* *_biz 0: not yet */
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

struct task_event {
    const char *task, *event, *from_state, *to_state, *actor, *unit, *reason, *data,
        *device; /* data: JSON object; "" counts as {} */
    int64_t seq; /* given by task_event_add */
    int64_t at_biz, at_wall;
};
enum err task_event_add(struct db *db, const struct task_event *e) MUST_CHECK;

/* Writes back every column an act may change: from title to deadline_rule, steps, quantities, the flags, state, version,
 * return_count, grace_until, quality, submitted_by and the *_biz times. ERR_CONFLICT: the version in the store is not
 * was_version. */
enum err task_save(struct db *db, const struct task *t, int64_t was_version) MUST_CHECK;

struct task_history {
    struct task_event e;
    const char       *actor_name, *unit_name, *unit_level, *unit_region; /* "" = none */
};
/* In order, after seq `after`, at most max, and about 96 KiB of text; *more: there are further ones. */
enum err task_history(struct db *db, struct arena *a, const char *task, int64_t after, int max, struct task_history **list, size_t *n,
                      bool *more) MUST_CHECK;
/* The last event of this name by this unit. ERR_NOTFOUND. */
enum err task_event_last(struct db *db, struct arena *a, const char *task, const char *event, const char *unit,
                         struct task_event *out) MUST_CHECK;
/* Time of the newest event; 0 none. */
enum err task_changed_biz(struct db *db, const char *task, int64_t *at_biz) MUST_CHECK;

/* ---- units ---- */

/* Sub-state: waiting -> signed -> reported; waiting -> refused (the place is open until it is given to another unit). */
struct task_unit {
    const char *unit, *from_group /* NULL */, *state, *signed_by /* NULL */, *refused_reason;
    int64_t     ord, sign_due_biz, signed_biz, reported_biz; /* 0: not yet */
    bool        is_lead;
    const char *name, *level, *region; /* of the unit, read only */
    int64_t     progress;              /* of its last report, -1 none; read only */
};
enum err task_unit_list(struct db *db, struct arena *a, const char *task, struct task_unit **list,
                        size_t *n) MUST_CHECK; /* in order */
enum err task_unit_add(struct db *db, const char *task, const struct task_unit *u) MUST_CHECK;
enum err task_unit_remove(struct db *db, const char *task, const char *unit) MUST_CHECK; /* unit NULL: all */
/* Writes state, sign_due_biz, signed_*, reported_biz, refused_reason. */
enum err task_unit_save(struct db *db, const char *task, const struct task_unit *u) MUST_CHECK;
/* The same when only state and reported_biz have changed, as with every report. */
enum err task_unit_reported(struct db *db, const char *task, const struct task_unit *u) MUST_CHECK;
enum err task_sign_due_all(struct db *db, const char *task, int64_t due_biz) MUST_CHECK;

/* A unit beside the task: as printed, or monitoring. */
struct task_named {
    const char *unit, *name;
    bool        is_group, members_complete;
};
enum err task_listed_list(struct db *db, struct arena *a, const char *task, struct task_named **list,
                          size_t *n) MUST_CHECK; /* in order */
enum err task_monitor_list(struct db *db, struct arena *a, const char *task, struct task_named **list, size_t *n) MUST_CHECK;

struct task_report {
    const char *unit, *person, *text, *kind /* progress, done */, *evidence, *quantities; /* JSON texts */
    int64_t     seq /* from 1 in each unit, given by task_report_add */, progress /* -1 none */, at_biz;
    const char *unit_name, *level, *region, *person_name; /* read only */
};
enum err task_report_add(struct db *db, const char *task, struct task_report *rep) MUST_CHECK;
/* Newest first, at most max, and about 96 KiB of text. */
enum err task_report_list(struct db *db, struct arena *a, const char *task, int max, struct task_report **list,
                          size_t *n) MUST_CHECK;

/* What each monitoring unit thinks of the result (F127): its newest `rate` event; the older ones are history. */
struct task_rating {
    const char *unit, *unit_name, *level, *region, *person, *person_name, *reason;
    int64_t     quality, efficiency, at_biz, times; /* times: how often this unit rated */
};
enum err task_rating_list(struct db *db, struct arena *a, const char *task, struct task_rating **list, size_t *n) MUST_CHECK;

/* ---- lists ---- */

struct task_head {
    const char *id, *title, *state, *urgency, *plan, *section, *source_kind, *source_no, *lead_unit, *lead_name,
        *supervising_unit;
    const char *deadline, *deadline_text, *grace_until; /* texts "" when NULL */
    int64_t     part, ord, version, return_count, created_biz, dispatched_biz, done_biz, closed_biz;
    bool        long_term, continues_after, late_at_creation;
    int64_t     units_n, signed_n, reported_n, progress; /* progress: last of the lead unit, -1 none */
    const char *mine;                                    /* sub-state of the viewer's unit, "" not responsible */
    bool        mine_lead;
};
enum task_sort { TASK_BY_PLAN, TASK_BY_DEADLINE, TASK_BY_CREATED /* newest first */ };
struct task_filter {
    /* Who looks. all: every task that is no draft; side: drafts too, of the tasks the unit supervises or issued the plan of. */
    const char    *viewer; /* unit, "" none */
    bool           all, side;
    const char    *unit, *lead;                          /* responsible unit "" = any; lead "1" leads, "0" assists, "" either */
    const char    *plan, *source_no, *due_from, *due_to; /* "" = any */
    int64_t        part;                                 /* 0 = any */
    enum task_sort sort;
    /* Keyset: the last row of the page before; after_id "" = from the start. after_s, after_i as task_head gives them for the
     * sort: plan and ord; deadline; created_biz. */
    const char *after_id, *after_s;
    int64_t     after_i;
    /* What SQL does not know (light, q, states): looks at a borrowed row before it is copied. NULL: every row. */
    bool (*keep)(void *arg, const struct task_head *h);
    void *arg;
    int   limit;
};
enum err task_list(struct db *db, struct arena *a, const struct task_filter *f, struct task_head **list, size_t *n) MUST_CHECK;

#endif
