/* SPDX-License-Identifier: Apache-2.0
 *
 * Notices and their deliveries: who is told what by which way, every attempt and verdict on record (D24).
 *
 *   waiting --(due)--> queued --(claim)--> claimed --> sent --> delivered
 *      ^                                     |           |\-> failed (dead letter)
 *      |--- later, or by another provider ---|-----------|         unknown (no answer came)
 *   waiting, queued --(read anywhere)--> cancelled
 *
 * The plan of a notice is its deliveries: each has its step and the time it is due. When nothing of a step can arrive any more, the
 * next one is due at once. A step may also be a raise: no message, but what makes the one of an earlier delivery louder; when that cannot
 * be done the next step is due at once. All writing functions: writer thread, in a transaction; the others on any connection.
 */
#ifndef ZB_STORE_DELIVERY_H
#define ZB_STORE_DELIVERY_H

#include <stdbool.h>

#include "base/arena.h"
#include "base/err.h"
#include "store/db.h"

/* ---- writing notices (in the transaction of the fact) ---- */
struct notice_row {
    const char *id, *person, *kind, *object, *title, *body, *dedupe, *var_t, *var_x;
    int         priority;
    int64_t     created_biz_ms, created_wall_ms, deadline_wall_ms; /* deadline 0: none */
    const char *circular;                                          /* the must-read notice it is part of, or NULL */
};
/* ERR_DUP: this person has one with this dedupe key already; nothing changed. */
enum err notice_insert(struct db *db, const struct notice_row *n) MUST_CHECK;
/* Strings are never NULL; "" where there is none. */
struct delivery_row {
    const char *id, *notice, *person, *channel, *target; /* notice "": none, as NULL */
    int         priority, step;
    int64_t     due_wall_ms, not_before_wall_ms, wall_ms; /* not_before: end of quiet hours, also when the step is pulled forward */
    const char *raise_of; /* a raise of this delivery; NULL: a message */
};
enum err delivery_insert(struct db *db, const struct delivery_row *d) MUST_CHECK;
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
/* Read: cancels what has not gone out. by: "app", or the channel whose provider told. ERR_NOTFOUND. */
enum err notice_read_row(struct db *db, const char *person, const char *notice, const char *by, int64_t wall_ms) MUST_CHECK;
/* Active people of a unit holding any of the roles. */
enum err people_of_unit(struct db *db, struct arena *a, const char *unit, unsigned roles, char ***ids, size_t *n) MUST_CHECK;

/* What was sent by SMS lately, for the limits of F110 and F119. */
struct sms_history {
    int64_t same_object; /* SMS of the same object to this person, not cancelled, from merge_wall_ms on */
    int64_t today;       /* SMS of priority 2 and 3 to this person whose notice is of today_biz_ms or later */
};
enum err sms_history(struct db *db, const char *person, const char *object, int64_t merge_wall_ms, int64_t today_biz_ms, struct sms_history *out) MUST_CHECK;

/* ---- the relay ---- */
enum delivery_channel {
#define X(symbol, word, target, zh) CHANNEL_##symbol,
#include "store/delivery_channel.def"
#undef X
    CHANNELS_N
};
enum delivery_target { TARGET_NONE, TARGET_PHONE, TARGET_TARGET };
struct delivery_channel_info {
    const char          *word;
    enum delivery_target target;
    const char          *zh;
};
extern const struct delivery_channel_info delivery_channels[CHANNELS_N];
int delivery_channel_of(const char *word); /* -1 */

/* A lane for each priority and channel, so that neither a bulk job nor a provider that is down holds up what has nothing to do with it. */
#define DELIVERY_LANES (4 * CHANNELS_N)
extern const char *const delivery_lanes[DELIVERY_LANES]; /* "p0.log" .. "p3.webhook": priority * CHANNELS_N + channel */
/* Anything due? Bounded work. but: a set of lanes (bits) that do not count. */
enum err delivery_is_due(struct db *db, int64_t wall_ms, uint32_t but, bool *yes) MUST_CHECK;
/* waiting and due -> queued; the ids and indexes of lanes (arena). Higher lanes first; a lane holds at most lane_max queued ones, the others
 * stay waiting. *full: lanes that are passed over, and those that turn out to be full are added. */
enum err delivery_queue_due(struct db *db, struct arena *a, int64_t wall_ms, size_t max, size_t lane_max, uint32_t *full, char ***ids,
                            size_t **lanes, size_t *n) MUST_CHECK;
/* Queued ones of a lane in order, a page at a time: after (due, id) of the last one; 0 and "" begin. */
enum err delivery_list_queued(struct db *db, struct arena *a, size_t lane, int64_t after_due, const char *after_id, size_t max,
                              char ***ids, size_t *n, int64_t *last_due) MUST_CHECK;
/* Queued before that and still so: perhaps in no lane. Bounded work. */
enum err delivery_is_stuck(struct db *db, int64_t before_wall_ms, bool *yes) MUST_CHECK;
/* Sealed texts of what was cancelled or came too late (D7); part ids, receipts of nothing we know and, a month old, replies: at most `max`. */
enum err delivery_purge(struct db *db, int64_t expired_wall_ms, int64_t parts_wall_ms, int64_t max) MUST_CHECK;

/* ---- the delivery worker (delivery_work.c) ---- */
struct delivery_job {
    const char *id, *notice, *person, *channel, *kind, *object, *title, *body, *var_t, *var_x, *tried;
    int         priority, step, attempts;
    int64_t     created_biz_ms, created_wall_ms;
    const void *phone_enc; /* NULL: the person has none */
    size_t      phone_enc_n;
    const char *unit;
    const void *text_enc; /* NULL, or the sealed text of a direct SMS (then phone_enc is its number) */
    size_t      text_enc_n;
    int64_t     expires_wall_ms; /* 0: never */
    /* a delivery to a target; "" and NULL otherwise */
    const char *target, *vendor, *app;
    const void *token_enc, *key_enc;
    size_t      token_enc_n, key_enc_n;
    /* a raise: the delivery of the message, its provider and that one's id of it ("" while it was not taken). Of any: its own reference */
    const char *raise_of, *raise_by, *raise_ref, *ref;
    int64_t     once_until_wall_ms; /* delivery_end */
    int         once_n;
    bool        is_delivered;
    bool        no_consent;  /* for the worker's own use */
    bool        target_gone; /* was found dead, or has moved to another person, since it was planned */
};
/* What to do with an id out of a lane. ERR_NOTFOUND: nothing, it is not queued (any more). Arena. */
struct delivery_peek {
    const char *channel, *vendor, *tried, *last; /* last: provider of the attempt before, "" none */
    const char *only;               /* no other provider than this may have it, */
    int64_t     only_until_wall_ms; /* before then; 0: any may */
    const void *phone_enc;                       /* NULL: none, or the channel needs none */
    size_t      phone_enc_n;
};
enum err delivery_peek(struct db *db, struct arena *a, const char *id, struct delivery_peek *out) MUST_CHECK;
/* queued -> claimed, with the attempt and its provider on record before anything is sent. ERR_NOTFOUND: another worker has it, or it
 * was cancelled. */
enum err delivery_claim(struct db *db, struct arena *a, const char *id, const char *worker, const char *provider, int64_t wall_ms,
                        struct delivery_job *out) MUST_CHECK;
/* queued -> waiting, without an attempt: nobody can carry it now. */
enum err delivery_park(struct db *db, const char *id, int64_t due_wall_ms, int64_t wall_ms) MUST_CHECK;
/* Ends the attempt. A notice that was read meanwhile is not tried again, but cancelled. */
struct delivery_end {
    const char *id, *state, *verdict, *detail; /* state: the delivery's new one */
    const char *provider, *refs;               /* refs: "", one id of the provider, or several with commas */
    int         attempt;
    int64_t     due_wall_ms, wall_ms; /* due: of "waiting" */
    bool        is_tried;             /* this provider cannot: another one is next */
    bool        target_gone;          /* its target is dead if registered before gone_wall_ms (0: whenever) */
    int64_t     gone_wall_ms;
    bool        is_later;   /* "waiting" for so long that the next step need not wait for it */
    bool        is_refused; /* the person wants nothing by this channel: noted, so that it is not tried again */
    const char *others;      /* ",a,b,": who could carry it instead if a receipt that came first says it failed; NULL: nobody */
    const char *template_id; /* of a refusal that is about one template; NULL or "": about the channel */
    int64_t     once_until_wall_ms; /* "waiting" after an unknown outcome: its provider drops repetitions until then; 0: as it was */
    int64_t     poll_due_wall_ms;   /* "sent": when to ask whether it was read; 0: never */
};
enum err delivery_result(struct db *db, const struct delivery_end *r) MUST_CHECK;
/* What a provider told about a message it had taken. Repeating it changes nothing. */
enum delivery_told { TOLD_DELIVERED, TOLD_FAILED, TOLD_READ };
struct delivery_report {
    const char        *provider, *ref;
    const char        *delivery; /* when it names ours and no id of its own; else "" */
    enum delivery_told told;
    bool               whole;  /* decides about the whole message; else a delivered part only counts */
    const char        *stat;   /* the provider's word */
    const char        *others; /* ",a,b,": providers that could carry it instead when it failed */
    int64_t            wall_ms;
};
/* ERR_NOTFOUND: of nothing we know (yet): kept, and looked at again when the answer brings the id. */
enum err delivery_report(struct db *db, const struct delivery_report *r) MUST_CHECK;
/* Sent by this provider before that, and nothing was told since: to another one (others, as above) if the notice is unread. At most max. */
enum err delivery_unreported(struct db *db, const char *provider, const char *others, int64_t sent_before_wall_ms, int64_t wall_ms, size_t max,
                             int64_t *n) MUST_CHECK;
/* ---- asking who has read (delivery_poll.c) ---- */
/* Deliveries of this provider to be asked about, the oldest first, with the time that was set (arena). Bounded work; any connection. */
enum err delivery_polls_due(struct db *db, struct arena *a, const char *provider, int64_t wall_ms, size_t max, char ***ids, int64_t **due,
                            size_t *n) MUST_CHECK;
/* One question is ours: the next one after every_ms, `times` in all. ERR_NOTFOUND: another worker's, or nothing is to be asked any more. */
struct delivery_poll {
    const char *id;
    int64_t     due_wall_ms, every_ms;
    int         times;
};
enum err delivery_poll_claim(struct db *db, struct arena *a, const struct delivery_poll *p, int64_t wall_ms, struct delivery_job *out) MUST_CHECK;
enum err delivery_poll_stop(struct db *db, const char *id) MUST_CHECK;

/* ---- what people answer by SMS ---- */
struct sms_reply {
    const char *provider, *ref, *phone_idx; /* ref: the key against repetition */
    const void *text_enc;
    size_t      text_enc_n;
    bool        is_refusal; /* the person wants no more SMS (never holds back P0, P1) */
    int64_t     wall_ms;
};
/* Once; *first false: known already. */
enum err sms_reply_add(struct db *db, const struct sms_reply *r, bool *first) MUST_CHECK;

/* ---- an operator's hand on a provider ---- */
/* ",a,b,": those that are held. Arena; "" none. */
enum err provider_holds(struct db *db, struct arena *a, const char **names) MUST_CHECK;
enum err provider_hold_set(struct db *db, const char *provider, const char *person, const char *reason, bool hold, int64_t wall_ms) MUST_CHECK;

/* Before delivery_recover, for a provider that drops repetitions within once_ms of the first: what is young enough and unread waits again
 * whatever its priority, for this provider only, at most once_max times. */
enum err delivery_recover_once(struct db *db, const char *provider, int64_t once_ms, int once_max, const char *worker, int64_t older_than_wall_ms,
                               int64_t wall_ms, int64_t *n) MUST_CHECK;
/* Claimed by this worker in an earlier life, or by any before older_than: an attempt without an end becomes `unknown`; unread notices
 * of P0 and P1 wait again, others and raises stay unknown. worker "": only the old ones. */
enum err delivery_recover(struct db *db, const char *worker, int64_t older_than_wall_ms, int64_t wall_ms, int64_t *n) MUST_CHECK;

#endif
