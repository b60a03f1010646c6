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

#define PAGE          64 /* LANE_BATCH_MAX: at most what one call brings of a lane */
#define BLOCK_MS      250
#define REST_MAX_MS   200
#define ABANDONED_MS  60000 /* another worker holds an entry for so long: it is taken over, and the claim decides */
#define ABANDONED_EACH_MS 15000
#define ABANDONED_MORE_MS 500

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
        struct delivery_peek look = {.channel = ""};
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
        it->target  = deliver_opened(d, look.phone_enc, look.phone_enc_n);
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

/* Of every lane that has room for a page, in one go: as many round trips as there are lanes would cost more than the work. *got: ids taken. */
static enum err take_from(struct deliver *d, struct arena *a, size_t page, int wait_ms, size_t *got) {
    struct lane_item *list;
    const char       *lanes[LANES];
    int               of[LANES], lanes_n = 0;
    size_t            n = 0;
    for (int i = 0; i < LANES; i++)
        if (room_of(d, i) >= (int)page) {
            of[lanes_n]      = i;
            lanes[lanes_n++] = delivery_lanes[i];
        }
    if (lanes_n == 0) return ERR_OK;
    arena_reset(a);
    enum err e = lane_take_any(d->redis, a, lanes, lanes_n, d->worker, page, wait_ms, &list, &n);
    for (size_t i = 0; e == ERR_OK && i < n; i++) list[i].lane = of[list[i].lane];
    if (e == ERR_OK && n > 0) (void)hand_over(d, a, list, n, -1);
    *got += n;
    return e;
}

/* What a worker that is gone was handed. *more: there is, of some lane. */
static enum err take_abandoned(struct deliver *d, struct arena *a, bool *more) {
    struct lane_item *list;
    size_t            n;
    enum err          e = ERR_OK;
    *more               = false;
    for (int i = 0; e == ERR_OK && i < LANES; i++) {
        if (room_of(d, i) < PAGE) continue;
        arena_reset(a);
        e = lane_claim(d->redis, a, delivery_lanes[i], d->worker, room_of(d, i) == HELD_MAX, ABANDONED_MS, PAGE, &list, &n); /* ours may be in hand */
        if (e == ERR_OK && n > 0) (void)hand_over(d, a, list, n, i);
        *more = *more || (e == ERR_OK && n == PAGE);
    }
    return e;
}

/* What this name was handed in its last life: all of it, or it would wait for a minute. */
static enum err take_own(struct deliver *d, struct arena *a) {
    enum err e = ERR_OK;
    for (int i = 0; e == ERR_OK && i < LANES; i++) {
        struct lane_item *list;
        char              after[32] = "0";
        size_t            n         = PAGE;
        while (e == ERR_OK && n == PAGE) {
            arena_reset(a);
            e = lane_take_own(d->redis, a, delivery_lanes[i], d->worker, after, PAGE, &list, &n);
            if (e == ERR_OK && n > 0) {
                memcpy(after, list[n - 1].entry, sizeof after);
                (void)hand_over(d, a, list, n, i);
            }
        }
    }
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
        if (e == ERR_OK) e = take_from(d, a, PAGE, 0, &got);
        if (e == ERR_OK && clock_mono_ms() >= next_ms) {
            bool more = false;
            e         = take_abandoned(d, a, &more);
            next_ms   = clock_mono_ms() + (more ? ABANDONED_MORE_MS : ABANDONED_EACH_MS);
        }
        if (e == ERR_OK && got == 0 && empty) { /* nothing of ours is anywhere: Redis itself may wake us. Otherwise acks and room are waited for */
            e       = take_from(d, a, 1, BLOCK_MS, &got);
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
