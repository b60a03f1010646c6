/* SPDX-License-Identifier: Apache-2.0
 *
 * The taker: what blocks on Redis and on reads. It fetches ids from the lanes, asks the records which way they go, posts them to
 * the loop, and acknowledges what the loop has decided. Its own thread, Redis connection and reader. Bound: HELD_MAX ids a lane
 * without a decision; the rest stays in Redis.
 */
#include <string.h>
#include <time.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "push/deliver_int.h"

#define BLOCK_MS      250
#define REST_MAX_MS   200
#define ABANDONED_MS  60000 /* another worker holds an entry for so long: it is taken over, and the claim decides */
#define ABANDONED_EACH_MS 15000

void deliver_ack(struct deliver *d, const struct item *it) {
    pthread_mutex_lock(&d->lock);
    if (d->acks_n == d->acks_cap) {
        d->acks_cap = d->acks_cap ? d->acks_cap * 2 : 256;
        d->acks     = x_realloc(d->acks, d->acks_cap * sizeof *d->acks);
    }
    d->acks[d->acks_n].lane = it->lane;
    memcpy(d->acks[d->acks_n].entry, it->entry, sizeof it->entry);
    d->acks_n++;
    pthread_cond_signal(&d->some);
    pthread_mutex_unlock(&d->lock);
}

/* An ack that does not arrive costs a second look at the entry later, no more: so it is not repeated. */
static bool send_acks(struct deliver *d) {
    pthread_mutex_lock(&d->lock);
    struct ack *v = d->acks;
    size_t      n = d->acks_n;
    d->acks       = NULL;
    d->acks_n = d->acks_cap = 0;
    pthread_mutex_unlock(&d->lock);
    const char *entries[LANE_ACKS];
    for (int lane = 0; lane < LANES; lane++) {
        size_t k = 0;
        for (size_t i = 0; i <= n; i++) {
            if (i < n && v[i].lane == lane) entries[k++] = v[i].entry;
            if (k == LANE_ACKS || (i == n && k > 0)) {
                if (lane_ack(d->redis, delivery_lanes[lane], entries, k) != ERR_OK) i = n;
                k = 0;
            }
        }
    }
    x_free(v);
    return n > 0;
}

/* To the loop, or straight back when the records know nothing queued under this id. */
static size_t hand_over(struct deliver *d, struct arena *a, const struct lane_item *list, size_t n, int lane) {
    struct items *batch = x_malloc(sizeof *batch);
    size_t        some  = 0;
    TAILQ_INIT(batch);
    for (size_t i = 0; i < n; i++) {
        struct delivery_peek look = {"", "", "", "", "", 0};
        struct item         *it   = x_calloc(1, sizeof *it);
        it->lane                  = lane < 0 ? list[i].lane : lane;
        (void)snprintf(it->id, sizeof it->id, "%s", list[i].delivery);
        memcpy(it->entry, list[i].entry, sizeof it->entry);
        enum err e = delivery_peek(d->db, a, it->id, &look);
        if (e) {
            if (e == ERR_NOTFOUND) deliver_ack(d, it);
            x_free(it); /* the store cannot be read: the entry is taken again as abandoned */
            continue;
        }
        it->channel = (enum delivery_channel)(it->lane % CHANNELS_N);
        it->vendor  = x_strdup(look.vendor);
        it->tried   = x_strdup(look.tried);
        it->last    = x_strdup(look.last);
        it->only    = x_strdup(look.only);
        it->only_until_wall_ms = look.only_until_wall_ms;
        TAILQ_INSERT_TAIL(batch, it, list);
        (void)atomic_fetch_add(&d->held[it->lane], 1);
        (void)atomic_fetch_add(&d->busy, 1);
        some++;
    }
    if (some) mailbox_post(d->mail, deliver_taken, batch);
    else x_free(batch);
    return some;
}

static int room_of(struct deliver *d, int lane) { return HELD_MAX - atomic_load(&d->held[lane]); }

/* Lanes in order, what there is room for. *got: ids taken. */
static enum err take(struct deliver *d, struct arena *a, size_t *got) {
    struct lane_item *list;
    size_t            n;
    enum err          e = ERR_OK;
    for (int i = 0; e == ERR_OK && i < LANES; i++) {
        int room = room_of(d, i);
        if (room <= 0) continue;
        arena_reset(a);
        e = lane_take(d->redis, a, delivery_lanes[i], d->worker, (size_t)room, 0, &list, &n);
        if (e == ERR_OK && n > 0) (void)hand_over(d, a, list, n, i);
        *got += n;
    }
    return e;
}

static enum err take_abandoned(struct deliver *d, struct arena *a) {
    struct lane_item *list;
    size_t            n;
    enum err          e = ERR_OK;
    for (int i = 0; e == ERR_OK && i < LANES; i++) {
        if (room_of(d, i) < HELD_MAX) continue; /* ours may be among them */
        arena_reset(a);
        e = lane_claim(d->redis, a, delivery_lanes[i], d->worker, ABANDONED_MS, HELD_MAX, &list, &n);
        if (e == ERR_OK && n > 0) (void)hand_over(d, a, list, n, i);
    }
    return e;
}

/* What this name was handed in its last life. */
static enum err take_own(struct deliver *d, struct arena *a) {
    struct lane_item *list;
    size_t            n;
    arena_reset(a);
    enum err e = lane_take_any(d->redis, a, delivery_lanes, LANES, d->worker, true, HELD_MAX / 2, 0, &list, &n);
    if (e == ERR_OK && n > 0) (void)hand_over(d, a, list, n, -1);
    return e;
}

static bool rest(struct deliver *d, int ms) {
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    t.tv_nsec += ms * 1000000L;
    t.tv_sec += t.tv_nsec / 1000000000L;
    t.tv_nsec %= 1000000000L;
    pthread_mutex_lock(&d->lock);
    if (d->acks_n == 0 && !d->taker_stop && ms > 0) (void)pthread_cond_timedwait(&d->some, &d->lock, &t);
    bool stop = d->taker_stop;
    pthread_mutex_unlock(&d->lock);
    return stop;
}

/* Nothing of ours is anywhere: Redis itself may wake us. Otherwise acks and room are waited for. */
static enum err await(struct deliver *d, struct arena *a, size_t *got) {
    struct lane_item *list;
    size_t            n;
    arena_reset(a);
    enum err e = lane_take_any(d->redis, a, delivery_lanes, LANES, d->worker, false, 1, BLOCK_MS, &list, &n);
    if (e == ERR_OK && n > 0) (void)hand_over(d, a, list, n, -1);
    *got += n;
    return e;
}

static void *run(void *p) {
    struct deliver *d       = p;
    struct arena   *a       = arena_new(1U << 20);
    int             rest_ms = 0;
    bool            own     = false;
    int64_t         next_ms = 0;
    while (!rest(d, rest_ms)) {
        size_t   got   = send_acks(d) ? 1 : 0;
        bool     empty = atomic_load(&d->busy) == atomic_load(&d->log_parked);
        enum err e     = ERR_OK;
        if (!own) {
            e   = take_own(d, a);
            own = e == ERR_OK;
        }
        if (e == ERR_OK) e = take(d, a, &got);
        if (e == ERR_OK && clock_mono_ms() >= next_ms) {
            e       = take_abandoned(d, a);
            next_ms = clock_mono_ms() + ABANDONED_EACH_MS;
        }
        if (e == ERR_OK && got == 0 && empty) {
            e       = await(d, a, &got);
            rest_ms = 0;
            if (e == ERR_OK) continue;
        }
        rest_ms = e ? REST_MAX_MS : got ? 0 : rest_ms == 0 ? 2 : rest_ms * 2 > REST_MAX_MS ? REST_MAX_MS : rest_ms * 2;
    }
    arena_free(a);
    return NULL;
}

void deliver_take_start(struct deliver *d) {
    MUST(pthread_create(&d->taker, NULL, run, d) == 0);
    (void)pthread_setname_np(d->taker, "taker");
}

void deliver_take_stop(struct deliver *d) {
    pthread_mutex_lock(&d->lock);
    d->taker_stop = true;
    pthread_cond_signal(&d->some);
    pthread_mutex_unlock(&d->lock);
    (void)pthread_join(d->taker, NULL);
}

void deliver_take_end(struct deliver *d) {
    (void)send_acks(d);
    x_free(d->acks);
    d->acks = NULL;
}
