/* SPDX-License-Identifier: Apache-2.0
 *
 * Must-read notices: what the files about them share. circular.c: reading, lists, confirming; circular_send.c: whom it is for, sending,
 * urging, closing; circular_step.c: one step of a job, the counters as JSON; circular_words.c: why somebody was not reached, in words.
 *
 * Who sees one: its sender and the dispatchers of the sending unit see all of it; staff of a unit their own people, without the times of
 * reading; a recipient the text. For everybody else it does not exist (D22).
 */
#ifndef ZB_HANDLERS_CIRCULAR_H
#define ZB_HANDLERS_CIRCULAR_H

#include "base/param.h"
#include "handlers/req.h"
#include "store/circular.h"

#define CIRCULAR_PEOPLE_MAX 20000
#define CIRCULAR_URGE_MS    300000 /* between two reminders of one circular, its sending included */
#define CIRCULAR_LOUD       1      /* up to this priority: leaders and dispatchers, with a reason */

enum circular_side { SIDE_SENDER, SIDE_UNIT, SIDE_RECIPIENT };
enum err circular_visible(struct req *r, const char *id, struct circular *out, enum circular_side *side) MUST_CHECK;

/* ---- sending (circular_send.c) ---- */
struct circular_args {
    const char  *title, *text, *deadline, *reason, *dedupe;
    int64_t      priority;
    struct strs  units, roles, people;
    const cJSON *expand;
};
struct circular_id_args {
    const char *circular_id, *reason;
};
enum err circular_estimate(struct req *r, const void *args) MUST_CHECK;
enum err circular_create_prepare(struct req *r, const void *args) MUST_CHECK;
enum err circular_create(struct req *r, const void *args) MUST_CHECK;
enum err circular_urge(struct req *r, const void *args) MUST_CHECK;
enum err circular_end(struct req *r, const void *args) MUST_CHECK;

/* ---- steps (circular_step.c) ---- */
/* The next `max` people of the circular's job: told, urged or silenced. Writer. */
enum err circular_step(const struct house *h, struct db *db, struct arena *a, struct circular *c, size_t max, int64_t wall_ms, int64_t biz_ms) MUST_CHECK;
/* Members of one JSON object: total, read, confirmed, reached (and not read), unreached = sent + failed + waiting. */
void circular_write_counts(struct jw *w, int64_t total, const int64_t stages[STAGES_N], int64_t confirmed);
/* The whole state as a subscriber of circular:<id> gets it, one JSON value. */
enum err circular_write_state(struct db *db, struct arena *a, const char *id, int64_t biz_ms, struct jw *w) MUST_CHECK;
enum err circular_channel_may(struct req *r, const char *rest) MUST_CHECK;
enum err circular_channel_snapshot(struct req *r, const char *rest) MUST_CHECK;

/* ---- words (circular_words.c) ---- */
extern const char *const circular_stage_words[STAGES_N]; /* "waiting", ... */
/* One sentence: how it stands with this person and why. */
const char *circular_words(struct arena *a, const struct circular_person *p, const struct circular_try *t, size_t n, int64_t wall_ms);
/* What came of one attempt, a few words. */
const char *circular_try_words(struct arena *a, const struct circular_try *t, int64_t wall_ms);

#endif
