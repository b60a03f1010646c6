/* SPDX-License-Identifier: Apache-2.0
 *
 * The side thread of the delivery worker, for what blocks and need not be exact: it fetches the shared allowance of each provider
 * from Redis before it is needed (D25), says what this worker does, and looks which providers an operator holds, and which messages
 * are to be asked about (push/poll.c). Own Redis connection and reader. While Redis is away each worker keeps to its share of the allowed rate, by the number of workers it saw last.
 */
#include <string.h>
#include <time.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/metric.h"
#include "push/route_int.h"

#define PASS_MS   25 /* between looks while something is wanted */
#define IDLE_MS   250
#define WORD_MS   2000
#define HOLD_MS   1000
#define ASK_MS    1000

struct pacer {
    pthread_t       thread;
    pthread_mutex_t lock; /* stop, some, word */
    pthread_cond_t  cond;
    bool            stop, some;
    char           *word; /* what the loop says of its routes; NULL: nothing new */
    struct redis   *redis;
    struct db      *db;
    int64_t         workers_n, word_mono_ms, hold_mono_ms, ask_mono_ms;
    bool            away;
};

static void lease(struct deliver *d, struct pacer *p, bool *wanted) {
    bool wake = false;
    for (size_t i = 0; i < d->routes_n; i++) {
        struct route *r    = d->routes[i];
        int64_t       want = atomic_exchange(&r->want, 0), got = 0;
        int64_t       n = atomic_exchange(&r->answered, 0), x = atomic_exchange(&r->throttled, 0);
        double        rate = 0;
        if (want == 0 && n == 0) continue;
        enum err e = rate_lease(p->redis, r->name, r->allowed, want, n, x, &got, &rate);
        if (e) {
            p->away = true;
            atomic_store(&r->shared_milli, -(r->allowed * 1000 / p->workers_n));
            wake = true;
            continue;
        }
        p->away = false;
        atomic_store(&r->shared_milli, (int64_t)(rate * 1000));
        if (got) (void)atomic_fetch_add(&r->leased, got);
        wake = wake || got > 0;
        if (got < want) {
            *wanted       = true;
            long long was = 0;
            (void)atomic_compare_exchange_strong(&r->want, &was, want - got);
        }
    }
    if (wake) (void)uv_async_send(&d->wake);
}

/* For /metrics: how long the queues are. The first that fails ends it: Redis is away. */
static void lanes(struct pacer *p) {
    int64_t waiting, pending;
    for (size_t i = 0; i < DELIVERY_LANES && lane_depth(p->redis, delivery_lanes[i], &waiting, &pending) == ERR_OK; i++) {
        metric_set_label(M_C_lane_waiting, delivery_lanes[i], waiting);
        metric_set_label(M_C_lane_pending, delivery_lanes[i], pending);
    }
}

static void say(struct deliver *d, struct pacer *p) {
    pthread_mutex_lock(&p->lock);
    char *word = p->word;
    p->word    = NULL;
    pthread_mutex_unlock(&p->lock);
    if (word == NULL) return;
    lanes(p);
    struct arena       *a = arena_new(1U << 20);
    struct worker_word *list;
    size_t              n;
    if (worker_say(p->redis, d->worker, word) == ERR_OK && worker_list(p->redis, a, &list, &n) == ERR_OK && n > 0) p->workers_n = (int64_t)n;
    arena_free(a);
    x_free(word);
}

/* Names held, with commas around each, to the loop. */
static void holds(struct deliver *d, struct pacer *p) {
    struct arena *a = arena_new(1U << 16);
    const char   *names;
    if (provider_holds(p->db, a, &names) == ERR_OK) mailbox_post(d->mail, routes_hold, x_strdup(names));
    arena_free(a);
}

static bool rest(struct pacer *p, int ms) {
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    t.tv_nsec += ms * 1000000L;
    t.tv_sec += t.tv_nsec / 1000000000L;
    t.tv_nsec %= 1000000000L;
    pthread_mutex_lock(&p->lock);
    if (!p->some && !p->stop) (void)pthread_cond_timedwait(&p->cond, &p->lock, &t);
    p->some   = false;
    bool stop = p->stop;
    pthread_mutex_unlock(&p->lock);
    return stop;
}

static void *run(void *arg) {
    struct deliver *d = arg;
    struct pacer   *p = d->pacer;
    bool            wanted = false;
    while (!rest(p, wanted ? PASS_MS : IDLE_MS)) {
        int64_t now = clock_mono_ms();
        wanted      = false;
        lease(d, p, &wanted);
        if (now >= p->word_mono_ms) {
            p->word_mono_ms = now + WORD_MS / 2;
            say(d, p);
        }
        if (now >= p->hold_mono_ms) {
            p->hold_mono_ms = now + HOLD_MS;
            holds(d, p);
        }
        if (now >= p->ask_mono_ms) {
            p->ask_mono_ms = now + ASK_MS;
            polls_look(d, p->db);
        }
    }
    return NULL;
}

void pacer_wake(struct deliver *d) {
    pthread_mutex_lock(&d->pacer->lock);
    d->pacer->some = true;
    pthread_cond_signal(&d->pacer->cond);
    pthread_mutex_unlock(&d->pacer->lock);
}

void pacer_word(struct deliver *d, char *json) {
    pthread_mutex_lock(&d->pacer->lock);
    x_free(d->pacer->word);
    d->pacer->word = json;
    pthread_mutex_unlock(&d->pacer->lock);
}

enum err pacer_open(struct deliver *d, const char *db_path, char *why, size_t why_n) {
    struct pacer      *p = x_calloc(1, sizeof *p);
    pthread_condattr_t attr;
    enum err           e = db_open(db_path, DB_READ, &p->db, why, why_n);
    if (e) {
        x_free(p);
        return e;
    }
    p->workers_n = 1;
    p->redis     = redis_new(d->conf.redis, 1000);
    MUST(pthread_condattr_init(&attr) == 0 && pthread_condattr_setclock(&attr, CLOCK_MONOTONIC) == 0);
    MUST(pthread_mutex_init(&p->lock, NULL) == 0 && pthread_cond_init(&p->cond, &attr) == 0);
    (void)pthread_condattr_destroy(&attr);
    d->pacer = p;
    return ERR_OK;
}

void pacer_start(struct deliver *d) {
    MUST(pthread_create(&d->pacer->thread, NULL, run, d) == 0);
    (void)pthread_setname_np(d->pacer->thread, "pacer");
}

void pacer_stop(struct deliver *d) {
    pthread_mutex_lock(&d->pacer->lock);
    d->pacer->stop = true;
    pthread_cond_signal(&d->pacer->cond);
    pthread_mutex_unlock(&d->pacer->lock);
    (void)pthread_join(d->pacer->thread, NULL);
}

void pacer_free(struct deliver *d) {
    struct pacer *p = d->pacer;
    if (p == NULL) return;
    db_close(p->db);
    redis_free(p->redis);
    x_free(p->word);
    pthread_cond_destroy(&p->cond);
    pthread_mutex_destroy(&p->lock);
    x_free(p);
    d->pacer = NULL;
}
