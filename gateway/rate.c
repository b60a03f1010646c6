/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/rate.h"

#include <pthread.h>
#include <stddef.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/mem.h"

#define RATES_MAGIC 0x72617465U
#define SLOTS       8192u
#define WAYS        4u

struct bucket {
    uint64_t who;
    int64_t  at_ms, milli; /* thousandths of a cost unit left at at_ms */
};

struct rates {
    unsigned        magic;
    pthread_mutex_t lock;
    int             per_minute;
    struct bucket   b[SLOTS];
};

struct rates *rates_new(int per_minute) {
    struct rates *r;
    ALLOC_OBJ(r, RATES_MAGIC);
    MUST(pthread_mutex_init(&r->lock, NULL) == 0);
    r->per_minute = per_minute;
    return r;
}

void rates_free(struct rates *r) {
    if (r == NULL) return;
    CHECK_OBJ_NOTNULL(r, RATES_MAGIC);
    pthread_mutex_destroy(&r->lock);
    FREE_OBJ(r);
}

static uint64_t hash(const char *s) {
    uint64_t h = 14695981039346656037U;
    for (; *s; s++) h = (h ^ (unsigned char)*s) * 1099511628211U;
    return h ? h : 1;
}

enum err rate_take(struct rates *r, const char *who, int cost, int64_t *retry_ms) {
    CHECK_OBJ_NOTNULL(r, RATES_MAGIC);
    uint64_t h = hash(who);
    int64_t  now = clock_mono_ms(), full = (int64_t)r->per_minute * 1000;
    enum err e = ERR_OK;
    pthread_mutex_lock(&r->lock);
    struct bucket *set = &r->b[h % (SLOTS / WAYS) * WAYS], *b = NULL, *old = set;
    for (size_t i = 0; i < WAYS; i++) {
        if (set[i].who == h) b = &set[i];
        if (set[i].at_ms < old->at_ms) old = &set[i];
    }
    if (b == NULL) {
        b  = old;
        *b = (struct bucket){h, now, full};
    }
    b->milli += (now - b->at_ms) * r->per_minute / 60;
    b->at_ms = now;
    if (b->milli > full) b->milli = full;
    int64_t want = (int64_t)cost * 1000;
    if (b->milli >= want) {
        b->milli -= want;
    } else {
        *retry_ms = (want - b->milli) * 60 / r->per_minute + 1;
        e         = ERR_LIMIT;
    }
    pthread_mutex_unlock(&r->lock);
    return e;
}
