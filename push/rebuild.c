/* SPDX-License-Identifier: Apache-2.0 */
#include "push/rebuild.h"

#include <stdio.h>

#include "base/log.h"
#include "store/delivery.h"

#define PAGE 512

static enum err fill_lane(struct db *db, struct redis *redis, struct arena *a, size_t lane, int64_t *n) {
    int64_t due = 0;
    char    after[64] = "";
    for (;;) {
        char   **ids;
        size_t   some;
        arena_reset(a);
        enum err e = delivery_list_queued(db, a, lane, due, after, PAGE, &ids, &some, &due);
        if (e == ERR_OK) e = lane_add_many(redis, delivery_lanes[lane], ids, some);
        if (e == ERR_BUSY) { /* the lane is full: the relay looks again for what is in none */
            LOG(LOG_WARN, "lane_full", KS("lane", delivery_lanes[lane]));
            return ERR_OK;
        }
        if (e) return e;
        *n += (int64_t)some;
        if (some < PAGE) return ERR_OK;
        (void)snprintf(after, sizeof after, "%s", ids[some - 1]);
    }
}

enum err rebuild_lanes(struct db *db, struct redis *redis, struct arena *a, int64_t *n) {
    enum err e = ERR_OK;
    *n         = 0;
    for (size_t i = 0; e == ERR_OK && i < DELIVERY_LANES; i++) {
        e = lane_clear(redis, delivery_lanes[i]);
        if (e == ERR_OK) e = fill_lane(db, redis, a, i, n);
    }
    return e;
}

enum err rebuild_all(const char *db_path, const char *address, struct rebuild_counts *out, char *why, size_t why_n) {
    struct db    *db    = NULL;
    struct redis *redis = redis_new(address, 5000);
    struct arena *a     = arena_new(1U << 20);
    *out                = (struct rebuild_counts){0};
    enum err e          = db_open(db_path, DB_READ, &db, why, why_n);
    if (e) goto out;
    e = channel_forget_all(redis, &out->channel_keys);
    if (e == ERR_OK) e = rebuild_lanes(db, redis, a, &out->deliveries);
    if (e == ERR_STORE) (void)snprintf(why, why_n, "store %s cannot be read", db_path);
    else if (e) (void)snprintf(why, why_n, "Redis at %s does not answer", address);
out:
    db_close(db);
    redis_free(redis);
    arena_free(a);
    return e;
}
