/* SPDX-License-Identifier: Apache-2.0
 *
 * What Redis held and the records know: lanes and channels anew. Any thread; may run beside a relay and workers (a delivery may
 * then be in its lane twice, which the claim in the store makes harmless; none is left out).
 */
#ifndef ZB_PUSH_REBUILD_H
#define ZB_PUSH_REBUILD_H

#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "store/db.h"
#include "store/redis.h"

/* Empties every lane and puts each queued delivery back, in order. The arena is reset as it goes. *n: deliveries. */
enum err rebuild_lanes(struct db *db, struct redis *redis, struct arena *a, int64_t *n) MUST_CHECK;

struct rebuild_counts {
    int64_t deliveries, channel_keys;
};
/* `zhangban rebuild`: lanes, and a new epoch for every channel: clients are told and take fresh snapshots. Also to be run after the
 * store was put back from a backup (its sequence may be behind what the channels have seen). why: one line. */
enum err rebuild_all(const char *db_path, const char *redis, struct rebuild_counts *out, char *why, size_t why_n) MUST_CHECK;

#endif
