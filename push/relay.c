/* SPDX-License-Identifier: Apache-2.0 */
#include "push/relay.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/check.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/metric.h"
#include "store/delivery.h"
#include "store/outbox.h"
#include "store/redis.h"

#define RELAY_MAGIC 0x72656c79U
#define BATCH_ROWS  256
#define IDLE_MS     500
#define KEEP_MS     60000 /* rows already in Redis stay this long for a look */

struct relay {
    unsigned          magic;
    struct relay_conf conf;
    pthread_t         thread;
    pthread_mutex_t   lock;
    pthread_cond_t    some;
    bool              woken, stop;
    atomic_bool       idle;
    struct db        *db;
    struct redis     *redis;
    struct arena     *arena;
    int64_t           done_seq, trimmed_ms;
    char              run_id[64];
    bool              away;
};

void relay_wake(void *p) {
    struct relay *r = p;
    CHECK_OBJ_NOTNULL(r, RELAY_MAGIC);
    atomic_store(&r->idle, false);
    pthread_mutex_lock(&r->lock);
    r->woken = true;
    pthread_cond_signal(&r->some);
    pthread_mutex_unlock(&r->lock);
}

bool relay_is_idle(struct relay *r) { return atomic_load(&r->idle); }

/* ---- outbox ---- */
static enum err carry(struct relay *r, bool *more) {
    struct outbox_row *rows;
    size_t             n;
    arena_reset(r->arena);
    enum err e = outbox_read(r->db, r->arena, r->done_seq, BATCH_ROWS, &rows, &n);
    for (size_t i = 0; e == ERR_OK && i < n; i++) {
        struct relay_channel c = r->conf.channel(rows[i].channel);
        struct channel_pos   pos;
        bool                 published;
        e = channel_publish(r->redis, rows[i].channel, rows[i].key, rows[i].data, rows[i].seq, c.size, c.ttl_s, &pos, &published);
        if (e) break;
        r->done_seq = rows[i].seq;
        metric_add(M_C_outbox_relayed, 1);
    }
    *more = e == ERR_OK && n > 0; /* a read may end early, when its arena is over */
    return e;
}

/* ---- progress and due deliveries, in one write ---- */
struct note {
    struct relay *r;
    int64_t       seq, wall_ms;
    struct arena *a;
    char        **ids;
    char        **lanes;
    size_t        n;
};

static enum err note_run(struct db *db, void *arg) {
    struct note *k = arg;
    enum err     e = outbox_trim(db, k->seq, k->wall_ms - KEEP_MS);
    return e ? e : delivery_queue_due(db, k->a, k->wall_ms, BATCH_ROWS, &k->ids, &k->lanes, &k->n);
}

static bool trim_due(struct relay *r) {
    int64_t now = clock_mono_ms();
    if (now - r->trimmed_ms < 10000) return false;
    r->trimmed_ms = now;
    return true;
}

static enum err queue_due(struct relay *r, bool *more) {
    int64_t  due = 0;
    enum err e   = delivery_count_due(r->db, clock_wall_ms(), &due);
    *more        = false;
    if (e || (due == 0 && !trim_due(r))) return e;
    struct note k = {.r = r, .seq = r->done_seq, .wall_ms = clock_wall_ms(), .a = r->arena};
    arena_reset(r->arena);
    e = writer_call(r->conf.writer, note_run, &k);
    /* A crash between this commit and the lane leaves rows `queued` that no lane holds: delivery_requeue at start and rebuild
     * put them back. */
    for (size_t i = 0; e == ERR_OK && i < k.n; i++) e = lane_add(r->redis, k.lanes[i], k.ids[i]);
    *more = e == ERR_OK && k.n == BATCH_ROWS;
    return e;
}

/* Another run_id: what Redis held may be gone. Every queued delivery goes to its lane again (an entry twice is harmless: the
 * claim is in the store). */
static enum err restore(struct relay *r) {
    char **ids, **lanes;
    size_t n;
    arena_reset(r->arena);
    enum err e = delivery_list_queued(r->db, r->arena, &ids, &lanes, &n);
    for (size_t i = 0; e == ERR_OK && i < n; i++) e = lane_add(r->redis, lanes[i], ids[i]);
    if (e) return e;
    LOG(LOG_INFO, "lanes_restored", KI("deliveries", n));
    (void)snprintf(r->run_id, sizeof r->run_id, "%s", redis_run_id(r->redis));
    if (r->conf.rebuild) r->conf.rebuild(r->conf.arg);
    return ERR_OK;
}

static enum err meet_redis(struct relay *r) {
    enum err e = redis_ping(r->redis);
    if (e || strcmp(r->run_id, redis_run_id(r->redis)) == 0) return e;
    return restore(r);
}

static enum err pass(struct relay *r) {
    enum err e    = meet_redis(r);
    bool     more = true, more_due = true;
    while (e == ERR_OK && (more || more_due)) {
        if (more) e = carry(r, &more);
        if (e == ERR_OK && more_due) e = queue_due(r, &more_due);
        if (e == ERR_OK) e = meet_redis(r);
    }
    return e;
}

static void *run(void *p) {
    struct relay *r = p;
    bool          stop = false;
    while (!stop) {
        pthread_mutex_lock(&r->lock);
        if (!r->woken && !r->stop) {
            struct timespec t;
            (void)clock_gettime(CLOCK_REALTIME, &t);
            t.tv_nsec += IDLE_MS * 1000000L;
            t.tv_sec += t.tv_nsec / 1000000000L;
            t.tv_nsec %= 1000000000L;
            (void)pthread_cond_timedwait(&r->some, &r->lock, &t);
        }
        r->woken = false;
        stop     = r->stop;
        pthread_mutex_unlock(&r->lock);
        enum err e = pass(r);
        if (e && !r->away) LOG(LOG_WARN, "relay_waits", KS("err", err_info(e)->word));
        if (!e && r->away) LOG0(LOG_INFO, "relay_goes_on");
        r->away = e != ERR_OK;
        pthread_mutex_lock(&r->lock);
        atomic_store(&r->idle, !r->woken && e == ERR_OK);
        pthread_mutex_unlock(&r->lock);
    }
    return NULL;
}

enum err relay_start(const struct relay_conf *conf, struct relay **out, char *why, size_t why_n) {
    struct relay *r;
    ALLOC_OBJ(r, RELAY_MAGIC);
    r->conf    = *conf;
    enum err e = db_open(conf->db_path, DB_READ, &r->db, why, why_n);
    if (e) {
        FREE_OBJ(r);
        return e;
    }
    r->redis = redis_new(conf->redis, 1000);
    r->arena = arena_new(8U << 20);
    MUST(pthread_mutex_init(&r->lock, NULL) == 0 && pthread_cond_init(&r->some, NULL) == 0);
    MUST(pthread_create(&r->thread, NULL, run, r) == 0);
    (void)pthread_setname_np(r->thread, "relay");
    *out = r;
    return ERR_OK;
}

void relay_stop(struct relay *r) {
    if (r == NULL) return;
    pthread_mutex_lock(&r->lock);
    r->stop = true;
    pthread_cond_signal(&r->some);
    pthread_mutex_unlock(&r->lock);
    (void)pthread_join(r->thread, NULL);
    db_close(r->db);
    redis_free(r->redis);
    arena_free(r->arena);
    pthread_cond_destroy(&r->some);
    pthread_mutex_destroy(&r->lock);
    FREE_OBJ(r);
}
