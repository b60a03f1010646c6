/* SPDX-License-Identifier: Apache-2.0 */
#include "push/rebuild.h"

#include <stdio.h>

#include "base/log.h"
#include "store/delivery.h"

#define PAGE 512

static enum err fill_lane(struct db *db, struct redis *redis, struct arena *a, const char *lane, int64_t *n) {
    int64_t due = 0;
    char    after[64] = "";
    for (;;) {
        char   **ids;
        size_t   some;
        arena_reset(a);
        enum err e = delivery_list_queued(db, a, lane, due, after, PAGE, &ids, &some, &due);
        for (size_t i = 0; e == ERR_OK && i < some; i++) e = lane_add(redis, lane, ids[i]);
        if (e == ERR_BUSY) { /* the lane is full: the relay looks again for what is in none */
            LOG(LOG_WARN, "lane_full", KS("lane", lane));
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
    for (size_t i = 0; e == ERR_OK && i < 4; i++) {
        e = lane_clear(redis, delivery_lanes[i]);
        if (e == ERR_OK) e = fill_lane(db, redis, a, delivery_lanes[i], n);
    }
    return e;
}

enum err rebuild(struct db *db, struct redis *redis, size_t *deliveries) {
    int64_t       keys = 0, n = 0;
    struct arena *a    = arena_new(1U << 20);
    enum err      e    = channel_forget_all(redis, &keys);
    if (e == ERR_OK) e = rebuild_lanes(db, redis, a, &n);
    arena_free(a);
    LOG(e ? LOG_WARN : LOG_INFO, "rebuilt", KI("channel_keys", keys), KI("deliveries", n), KS("err", e ? err_info(e)->word : ""));
    *deliveries = (size_t)n;
    return e;
}
