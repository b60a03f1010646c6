/* SPDX-License-Identifier: Apache-2.0
 *
 * What operators see of deliveries, and their hand on one: lists, queues, sums of the day, replay and cancel. No text, number or token
 * is ever read here. Reads on any connection, all of bounded work; the writing ones: writer thread, in a transaction.
 */
#ifndef ZB_STORE_OPS_H
#define ZB_STORE_OPS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "store/db.h"
#include "store/delivery.h"

#define OPS_COUNT_MAX 100000 /* no count goes further: "so many or more" */
#define OPS_DAY_MAX   50000  /* rows of a day that are looked at, the newest: a tenth of a second */

/* ---- queues and sums ---- */
struct ops_lane {
    int64_t waiting;     /* due and not in anybody's hands, at most OPS_COUNT_MAX */
    int64_t in_hand;     /* claimed by a worker */
    int64_t oldest_wall; /* since when the first of the waiting ones is due; 0: none waits */
};
enum err ops_lanes(struct db *db, int64_t wall_ms, struct ops_lane out[DELIVERY_LANES]) MUST_CHECK;

struct ops_sum {
    const char *of, *word; /* channel and state, or provider and verdict */
    int64_t     n;
};
/* Of the newest OPS_DAY_MAX deliveries made since then. *cut: there were more. */
enum err ops_day(struct db *db, struct arena *a, int64_t since_wall_ms, struct ops_sum **list, size_t *n, bool *cut) MUST_CHECK;
/* Ended attempts of deliveries made since then, by provider and verdict; the same bound. */
enum err ops_attempts(struct db *db, struct arena *a, int64_t since_wall_ms, struct ops_sum **list, size_t *n) MUST_CHECK;
/* Receipts since then by provider and kind (delivered, failed, read); the same bound. */
enum err ops_receipts(struct db *db, struct arena *a, int64_t since_wall_ms, struct ops_sum **list, size_t *n) MUST_CHECK;
/* Parts taken by providers since then (word ""); the same bound. */
enum err ops_parts(struct db *db, struct arena *a, int64_t since_wall_ms, struct ops_sum **list, size_t *n) MUST_CHECK;

struct ops_hold {
    const char *provider, *person, *reason;
    int64_t     at_wall;
};
enum err ops_holds(struct db *db, struct arena *a, struct ops_hold **list, size_t *n) MUST_CHECK;

/* ---- deliveries ---- */
struct ops_delivery {
    const char *id, *notice, *person, *name, *unit; /* unit: short name; "" where there is none */
    const char *kind, *title, *channel, *state, *verdict, *detail, *provider, *vendor, *target_state; /* title: the kind's; target_state "": no target */
    int64_t     priority, step, due_wall, updated_wall, attempts, created_wall, read_wall, deadline_wall;
    bool        is_raise;
};
/* "" and 0: any. state "dead": failed and unknown. */
struct ops_filter {
    const char *state, *channel, *provider, *person, *kind;
    int64_t     from_wall, to_wall;
    const char *before; /* id of the last one of the page before */
};
/* Newest first. */
enum err ops_deliveries(struct db *db, struct arena *a, const struct ops_filter *f, int limit, struct ops_delivery **list, size_t *n) MUST_CHECK;
enum err ops_delivery(struct db *db, struct arena *a, const char *id, struct ops_delivery *out) MUST_CHECK; /* ERR_NOTFOUND */
/* failed or unknown, its notice unread: waits again, due at once, all providers anew. ERR_STATE otherwise. */
enum err ops_replay(struct db *db, const char *id, int64_t wall_ms) MUST_CHECK;
/* Not yet in a worker's hands: cancelled. ERR_STATE otherwise. */
enum err ops_cancel(struct db *db, const char *id, int64_t wall_ms) MUST_CHECK;
/* Of a delivery just made: goes only by providers that are not in `tried` (with commas around each). */
enum err ops_avoid(struct db *db, const char *id, const char *tried) MUST_CHECK;

/* ---- messages of a person ---- */
struct ops_notice {
    const char *id, *kind, *title, *object, *read_by; /* title: that of the kind, nothing of the object */
    int64_t     priority, created_wall, read_wall, deadline_wall;
};
enum err ops_notices(struct db *db, struct arena *a, const char *person, const char *before, int limit, struct ops_notice **list, size_t *n) MUST_CHECK;
enum err ops_notice_of(struct db *db, struct arena *a, const char *person, const char *dedupe, const char **id) MUST_CHECK; /* ERR_NOTFOUND */
/* Was there one of this kind and object for this person since then? */
enum err ops_notice_since(struct db *db, const char *person, const char *kind, const char *object, int64_t since_wall_ms, bool *yes) MUST_CHECK;
/* Ids of people of this name, at most max. */
enum err ops_people(struct db *db, struct arena *a, const char *name, size_t max, char ***ids, size_t *n) MUST_CHECK;

#endif
