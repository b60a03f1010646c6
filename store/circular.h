/* SPDX-License-Identifier: Apache-2.0
 *
 * Must-read notices (circulars): tables circular, circular_to, circular_person, circular_channel, circular_urge, circular_mark.
 *
 *   sending --(all told)--> open --(closed by the sender)--> closed
 *
 * Telling, urging and closing are jobs: a name and a place in the circular's row, walked a few people at a time, each step in one
 * transaction with what it writes, so that a crash repeats nothing and leaves nothing out.
 *
 * Counting: whoever changes a delivery or a read state of a circular's notice leaves a mark in the same transaction; circular_settle
 * counts the marked people anew and moves the counters by the difference. The cost is that of the changes, not of the circular.
 *
 * Writing functions: writer thread, in a transaction; the others on any connection. Rows come back in the arena.
 */
#ifndef ZB_STORE_CIRCULAR_H
#define ZB_STORE_CIRCULAR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "store/db.h"

/* How far it came with one person. SENT: a provider has it and nothing says that it arrived; FAILED: nothing is under way any more. */
enum circular_stage { STAGE_WAITING, STAGE_SENT, STAGE_REACHED, STAGE_FAILED, STAGE_READ, STAGES_N };

struct circular {
    const char *id, *sender, *sender_name, *unit, *unit_name, *title, *text, *reason, *dedupe, *digest, *state, *job, *job_after;
    int64_t     priority, deadline_biz, deadline_wall, created_biz, created_wall, closed_wall, urged_n, urged_wall, urged_level, job_ord;
    int64_t     total;             /* people it is for; until all are told: as counted before */
    int64_t     stages[STAGES_N];  /* people, by stage; of those told so far */
    int64_t     confirmed;
};
enum err circular_add(struct db *db, const struct circular *c) MUST_CHECK; /* ERR_DUP: this sender has one of this dedupe key */
enum err circular_get(struct db *db, struct arena *a, const char *id, struct circular *out) MUST_CHECK; /* ERR_NOTFOUND */
enum err circular_by_dedupe(struct db *db, struct arena *a, const char *sender, const char *dedupe, const char **id) MUST_CHECK; /* ERR_NOTFOUND */

struct circular_target {
    const char *kind, *ref; /* "all" "", "unit" code, "person" id */
    unsigned    roles;      /* of all and unit */
};
enum err circular_target_add(struct db *db, const char *circular, int64_t ord, const struct circular_target *t) MUST_CHECK;

/* What there is to reach people of a target, for the estimate. The sender is none of them. Stops counting past max. */
struct circular_reach {
    int64_t people, push, wechat, office, phone, none; /* none: no number and no target */
};
enum err circular_reach_add(struct db *db, const struct circular_target *t, const char *sender, int64_t max, struct circular_reach *sum) MUST_CHECK;
/* Unit and roles of an active person. ERR_NOTFOUND. */
enum err circular_person_known(struct db *db, struct arena *a, const char *person, const char **unit, unsigned *roles) MUST_CHECK;

enum circular_box { BOX_SENT, BOX_UNIT, BOX_RECEIVED };
/* Newest first; before: id of the last one, "" from the start. SENT: of this person or unit ("" none). */
enum err circular_list(struct db *db, struct arena *a, enum circular_box box, const char *person, const char *unit, const char *before, int limit,
                       struct circular **list, size_t *n) MUST_CHECK;

/* ---- people ---- */
struct circular_person {
    const char *person, *name, *unit, *unit_name, *reached_by, *read_by;
    unsigned    roles;
    int64_t     stage, reached_wall, read_wall, confirmed_wall;
};
enum circular_filter { PEOPLE_ALL, PEOPLE_UNREAD, PEOPLE_UNREACHED, PEOPLE_FAILED, PEOPLE_READ, PEOPLE_UNCONFIRMED };
/* unit "": of all units. In the order of ids, behind `after`. */
enum err circular_people(struct db *db, struct arena *a, const char *circular, const char *unit, enum circular_filter filter, const char *after,
                         int limit, struct circular_person **list, size_t *n) MUST_CHECK;
enum err circular_person_get(struct db *db, struct arena *a, const char *circular, const char *person, struct circular_person *out) MUST_CHECK; /* ERR_NOTFOUND */
enum err circular_has_unit(struct db *db, const char *circular, const char *unit, bool *yes) MUST_CHECK;
/* The counters of one unit's people, computed. */
enum err circular_unit_counts(struct db *db, const char *circular, const char *unit, int64_t stages[STAGES_N], int64_t *confirmed) MUST_CHECK;

struct circular_try {
    const char *channel, *state, *verdict, *detail;
    int64_t     due_wall, updated_wall, not_before, priority;
};
/* Every delivery to this person, the newest notice's last. */
enum err circular_tries(struct db *db, struct arena *a, const char *circular, const char *person, struct circular_try **list, size_t *n) MUST_CHECK;

struct circular_channel {
    const char *channel;
    int64_t     reached, failed;
};
enum err circular_channels(struct db *db, struct arena *a, const char *circular, struct circular_channel **list, size_t *n) MUST_CHECK;

/* ---- jobs ---- */
/* The loudest circular with a job, the oldest of them; ERR_NOTFOUND: nothing to do. */
enum err circular_job_any(struct db *db, struct arena *a, const char **id) MUST_CHECK;
enum err circular_job_set(struct db *db, const char *id, const char *job, int64_t ord, const char *after) MUST_CHECK;
/* The next people of the job "send" from its place on, at most max; ord and after: the place behind them. *end: there are no more. */
enum err circular_job_people(struct db *db, struct arena *a, const struct circular *c, size_t max, char ***ids, char ***units, size_t *n, int64_t *ord,
                             const char **after, bool *end) MUST_CHECK;
/* Those who have not read, behind `after`. */
enum err circular_unread_n(struct db *db, const char *id, int64_t *n) MUST_CHECK;
enum err circular_unread(struct db *db, struct arena *a, const char *id, const char *after, size_t max, char ***ids, size_t *n) MUST_CHECK;
/* Told: a row and a mark. Again: nothing. */
enum err circular_person_add(struct db *db, const char *circular, const char *person, const char *unit) MUST_CHECK;
/* What has not gone out to this person does not go out any more. */
enum err circular_silence(struct db *db, const char *circular, const char *person, int64_t wall_ms) MUST_CHECK;
/* sending -> open, once everybody is told; total is what was really told. */
enum err circular_told(struct db *db, const char *id) MUST_CHECK;
enum err circular_close(struct db *db, const char *id, int64_t wall_ms) MUST_CHECK;
enum err circular_urge_add(struct db *db, const char *id, const char *person, int64_t level, const char *reason, int64_t people, int64_t wall_ms) MUST_CHECK;

/* ---- reading, marks, counters ---- */
/* A notice was read: so is every other one of its circular to this person. Of no circular: nothing. */
enum err circular_read(struct db *db, const char *notice, const char *person, const char *by, int64_t wall_ms) MUST_CHECK;
/* The person has read and says so. *wall_ms: the first time. */
enum err circular_confirm(struct db *db, const char *circular, const char *person, int64_t *wall_ms) MUST_CHECK;
/* A delivery has changed. Of no circular: nothing. */
enum err circular_mark_delivery(struct db *db, const char *delivery) MUST_CHECK;
enum err circular_mark(struct db *db, const char *circular, const char *person) MUST_CHECK;
enum err circular_is_marked(struct db *db, bool *yes) MUST_CHECK;
/* Counts at most max marked people anew; *n: how many. Their circulars are noted as changed. */
enum err circular_settle(struct db *db, struct arena *a, size_t max, size_t *n) MUST_CHECK;
enum err circular_note_changed(struct db *db, const char *id) MUST_CHECK;
/* Changed ones, which are no longer noted as such. */
enum err circular_take_changed(struct db *db, struct arena *a, size_t max, char ***ids, size_t *n) MUST_CHECK;
enum err circular_is_changed(struct db *db, bool *yes) MUST_CHECK;

#endif
