/* SPDX-License-Identifier: Apache-2.0
 *
 * What must leave the house, written in the transaction of the fact (D11): live publications. Rows carry a sequence given
 * inside the batch; the relay carries them to Redis in order, at least once; the channel script refuses a sequence it has
 * seen, so nothing is doubled.
 */
#ifndef ZB_STORE_OUTBOX_H
#define ZB_STORE_OUTBOX_H

#include "base/arena.h"
#include "base/err.h"
#include "store/db.h"

/* Writer thread. key: NULL, or the latest-wins key of the item inside the channel. data: JSON without raw newlines.
 * ERR_INPUT, ERR_TOOBIG: what the channel would refuse (store/keys.h); carried on, such a row would hold up all behind it. */
enum err outbox_add(struct db *db, const char *channel, const char *key, const char *data, int64_t wall_ms) MUST_CHECK;

struct outbox_row {
    int64_t     seq;
    const char *channel, *key, *data; /* key may be NULL */
};
/* Any reader. Rows after `after`, at most max, fewer when the arena is full (one at least); 0: there are none. */
enum err outbox_read(struct db *db, struct arena *a, int64_t after, size_t max, struct outbox_row **rows, size_t *n) MUST_CHECK;
/* Writer thread: at most `max` rows up to seq, which have reached Redis, and older than that: gone. *n: how many. */
enum err outbox_trim(struct db *db, int64_t seq, int64_t older_than_wall_ms, int64_t max, int64_t *n) MUST_CHECK;
enum err outbox_top(struct db *db, int64_t *seq) MUST_CHECK; /* 0 when none was ever written */

#endif
