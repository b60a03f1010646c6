/* SPDX-License-Identifier: Apache-2.0
 *
 * Notices and their deliveries: who is told what by which way, every attempt and verdict on record (D24).
 *
 *   waiting --(due)--> queued --(claim)--> claimed --> sent --> delivered
 *                                            |          \-> failed
 *                                            |-> queued again (throttled, down)   |-> unknown (no answer came)
 *   waiting, queued --(read anywhere)--> cancelled
 */
#ifndef ZB_STORE_DELIVERY_H
#define ZB_STORE_DELIVERY_H

#include <stdbool.h>

#include "base/arena.h"
#include "base/err.h"
#include "store/db.h"

/* ---- writing notices (in the transaction of the fact) ---- */
struct notice_row {
    const char *id, *person, *kind, *object, *title, *body, *dedupe;
    int         priority;
    int64_t     created_biz_ms, created_wall_ms;
};
/* ERR_DUP: this person has one with this dedupe key already; nothing changed. */
enum err notice_insert(struct db *db, const struct notice_row *n) MUST_CHECK;
enum err delivery_insert(struct db *db, const char *id, const char *notice, const char *person, const char *channel, const char *lane,
                         int64_t due_wall_ms, int64_t wall_ms) MUST_CHECK;
/* To a bare number. Nothing but the sealed texts is kept, and those until the final verdict. */
struct direct_sms {
    const char *id, *ref;
    const void *phone_enc;
    size_t      phone_n;
    const void *text_enc;
    size_t      text_n;
    int64_t     expires_wall_ms;
    bool        live;     /* false: a row of the same size that is cancelled already */
    bool        demo_log; /* goes to the log instead of a carrier */
};
enum err delivery_insert_direct(struct db *db, const struct direct_sms *d, int64_t wall_ms) MUST_CHECK;
/* Read: cancels what has not gone out. ERR_NOTFOUND. */
enum err notice_read_row(struct db *db, const char *person, const char *notice, int64_t wall_ms) MUST_CHECK;
/* Active people of a unit holding any of the roles. */
enum err people_of_unit(struct db *db, struct arena *a, const char *unit, unsigned roles, char ***ids, size_t *n) MUST_CHECK;

/* What was sent by SMS lately, for the limits of F110 and F119. */
struct sms_history {
    int64_t same_object; /* SMS of the same object to this person, not cancelled, from merge_wall_ms on */
    int64_t today;       /* SMS of priority 2 and 3 to this person whose notice is of today_biz_ms or later */
};
enum err sms_history(struct db *db, const char *person, const char *object, int64_t merge_wall_ms, int64_t today_biz_ms, struct sms_history *out) MUST_CHECK;

/* ---- the relay ---- */
extern const char *const delivery_lanes[4]; /* "p0" .. "p3" */
/* Anything due? Bounded work. */
enum err delivery_is_due(struct db *db, int64_t wall_ms, bool *yes) MUST_CHECK;
/* waiting and due -> queued; the ids and lanes (arena). Higher lanes first; a lane holds at most lane_max queued ones, the others
 * stay waiting. */
enum err delivery_queue_due(struct db *db, struct arena *a, int64_t wall_ms, size_t max, size_t lane_max, char ***ids, char ***lanes,
                            size_t *n) MUST_CHECK;
/* Queued ones of a lane in order, a page at a time: after (due, id) of the last one; 0 and "" begin. */
enum err delivery_list_queued(struct db *db, struct arena *a, const char *lane, int64_t after_due, const char *after_id, size_t max,
                              char ***ids, size_t *n, int64_t *last_due) MUST_CHECK;
/* Queued before that and still so: perhaps in no lane. Bounded work. */
enum err delivery_is_stuck(struct db *db, int64_t before_wall_ms, bool *yes) MUST_CHECK;
/* Sealed texts of what was cancelled or came too late (D7), and part ids older than that: at most `max`. */
enum err delivery_purge(struct db *db, int64_t expired_wall_ms, int64_t parts_wall_ms, int64_t max) MUST_CHECK;

/* ---- the delivery worker ---- */
struct delivery_job {
    const char *id, *notice, *person, *channel, *lane, *kind, *object, *title, *body;
    int         priority, attempts;
    int64_t     created_biz_ms;
    const void *phone_enc; /* NULL: the person has none */
    size_t      phone_enc_n;
    const char *unit;
    const void *text_enc; /* NULL, or the sealed text of a direct SMS (then phone_enc is its number) */
    size_t      text_enc_n;
    int64_t     expires_wall_ms; /* 0: never */
};
/* What to do with an id out of a lane. ERR_NOTFOUND: nothing, it is not queued (any more). channel: arena. */
enum err delivery_peek(struct db *db, struct arena *a, const char *id, const char **channel) MUST_CHECK;
/* queued -> claimed, with the attempt on record before anything is sent. ERR_NOTFOUND: another worker has it, or it was
 * cancelled. */
enum err delivery_claim(struct db *db, struct arena *a, const char *id, const char *worker, int64_t wall_ms, struct delivery_job *out) MUST_CHECK;
/* Ends the attempt. state: the delivery's new state; due_wall_ms for "waiting" (retry); a notice that was read meanwhile is not
 * tried again, but cancelled. provider_ref may be "", one Msg_Id, or several with commas. */
enum err delivery_result(struct db *db, const char *id, int attempt, const char *state, const char *verdict, const char *detail,
                         const char *provider_ref, int64_t due_wall_ms, int64_t wall_ms) MUST_CHECK;
/* A status report by the Msg_Id of a part. whole: it decides about the whole message; else a delivered part only counts, and the
 * message is delivered when all its parts are. ERR_NOTFOUND: no such part. Repeating it changes nothing. */
enum err delivery_report(struct db *db, const char *msg_id, bool delivered, bool whole, const char *stat, int64_t wall_ms) MUST_CHECK;
/* Claimed by this worker in an earlier life, or by any before older_than: an attempt without an end becomes `unknown`; unread notices
 * of P0 and P1 wait again, others stay unknown. worker "": only the old ones. */
enum err delivery_recover(struct db *db, const char *worker, int64_t older_than_wall_ms, int64_t wall_ms, int64_t *n) MUST_CHECK;

#endif
