/* SPDX-License-Identifier: Apache-2.0 */
#include "base/id.h"

#include <pthread.h>
#include <stdint.h>
#include <string.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/sm.h"

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int64_t         last_ms;
static uint16_t        last_n;
static uint64_t        seed, seeded_n;
static uint64_t        drawn[64]; /* random numbers not used yet: drawing one by one costs more than the rest of an id */
static size_t          drawn_n;

static uint64_t mix(uint64_t x) { /* splitmix64 */
    x += 0x9E3779B97F4A7C15U;
    x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9U;
    x = (x ^ (x >> 27)) * 0x94D049BB133111EBU;
    return x ^ (x >> 31);
}

void id_seed(unsigned long long s) {
    pthread_mutex_lock(&lock);
    seed     = s;
    seeded_n = 0;
    pthread_mutex_unlock(&lock);
}

static const char alphabet[] = "0123456789abcdefghjkmnpqrstvwxyz";

void id_at(const char *prefix, long long wall_ms, char out[ID_CAP]) {
    uint64_t hi = (uint64_t)(wall_ms > 0 ? wall_ms : 0) << 16;
    size_t   n  = strlen(prefix);
    MUST(n <= 8);
    memcpy(out, prefix, n);
    for (int i = 12; i >= 0; i--, hi >>= 5) out[n + (size_t)i] = alphabet[hi & 31];
    out[n + 13] = '\0';
}

void id_new(const char *prefix, char out[ID_CAP]) {
    pthread_mutex_lock(&lock);
    if (drawn_n == 0) {
        random_bytes(drawn, sizeof drawn);
        drawn_n = sizeof drawn / sizeof drawn[0];
    }
    uint64_t rnd = drawn[--drawn_n];
    int64_t ms = clock_wall_ms();
    if (ms <= last_ms) {
        ms = last_ms;
        if (++last_n == 0) last_ms = ++ms;
    } else {
        last_n  = 0;
        last_ms = ms;
    }
    if (seed) rnd = mix(seed + ++seeded_n);
    uint64_t hi = (uint64_t)ms << 16 | last_n;
    pthread_mutex_unlock(&lock);

    size_t n = strlen(prefix);
    MUST(n <= 8);
    memcpy(out, prefix, n);
    for (int i = 12; i >= 0; i--) { /* 13 characters carry 65 bits */
        out[n + (size_t)i]      = alphabet[hi & 31];
        out[n + 13 + (size_t)i] = alphabet[rnd & 31];
        hi >>= 5;
        rnd >>= 5;
    }
    out[n + 26] = '\0';
}
