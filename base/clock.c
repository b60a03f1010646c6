/* SPDX-License-Identifier: Apache-2.0 */
#include "base/clock.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <time.h>

static atomic_llong          fake_wall;
static pthread_rwlock_t      lock = PTHREAD_RWLOCK_INITIALIZER;
static struct clock_business business;
static bool                  business_is_set;

static int64_t now_us(clockid_t id) {
    struct timespec ts;
    (void)clock_gettime(id, &ts);
    return (int64_t)ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}

int64_t clock_mono_us(void) { return now_us(CLOCK_MONOTONIC); }
int64_t clock_mono_ms(void) { return now_us(CLOCK_MONOTONIC) / 1000; }

int64_t clock_wall_ms(void) {
    int64_t f = atomic_load_explicit(&fake_wall, memory_order_relaxed);
    return f ? f : now_us(CLOCK_REALTIME) / 1000;
}

void clock_wall_fake(int64_t ms) { atomic_store(&fake_wall, ms); }

int64_t clock_business_ms(void) {
    int64_t wall = clock_wall_ms(), ms = wall;
    pthread_rwlock_rdlock(&lock);
    if (business_is_set) ms = business.base_business_ms + (wall - business.base_wall_ms) * business.speed_permille / 1000;
    pthread_rwlock_unlock(&lock);
    return ms;
}

void clock_business_set(struct clock_business b) {
    pthread_rwlock_wrlock(&lock);
    business        = b;
    business_is_set = true;
    pthread_rwlock_unlock(&lock);
}

void clock_business_real(void) {
    pthread_rwlock_wrlock(&lock);
    business_is_set = false;
    pthread_rwlock_unlock(&lock);
}

struct clock_business clock_business_get(void) {
    struct clock_business b;
    pthread_rwlock_rdlock(&lock);
    b = business_is_set ? business : (struct clock_business){clock_wall_ms(), clock_wall_ms(), 1000};
    pthread_rwlock_unlock(&lock);
    return b;
}
