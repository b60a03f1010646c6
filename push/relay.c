/* SPDX-License-Identifier: Apache-2.0 */
#include "push/relay.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/calendar.h"
#include "base/check.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/metric.h"
#include "push/rebuild.h"
#include "store/delivery.h"
#include "store/kv.h"
#include "store/outbox.h"
#include "store/redis.h"

#define RELAY_MAGIC 0x72656c79U
#define BATCH_ROWS  256
#define IDLE_MS     500
#define LEFT_MS     20    /* the same when there is more to carry */
#define KEEP_MS     60000 /* rows already in Redis stay this long for a look */
#define UPKEEP_MS   10000
#define TRIM_ROWS   2000  /* in one write: the writer has others to serve */
#define DUE_ROWS    512
#define LANE_QUEUED 10000 /* more of one lane stay waiting: more than workers take in FULL_MS, and far below what a lane takes */
#define FULL_MS     200   /* before a lane that was full is looked at again: its rows stay due */
#define STUCK_MS    60000
#define PARTS_MS    (5 * DAY_MS) /* carriers report within 48 h */
#define EXPIRED_MS  3600000
#define PLACE_NAME  "relay.seq"

struct relay {
    unsigned          magic;
    struct relay_conf conf;
    pthread_t         thread;
    pthread_mutex_t   lock;
    pthread_cond_t    some;              /* CLOCK_MONOTONIC */
    bool              woken, stop, idle; /* under lock */
    struct db        *db;
    struct redis     *redis;
    struct arena     *arena;
    int64_t           done_seq, upkeep_ms;
    char              run_id[64];
    bool              away, restore_due, placed;
    uint32_t          full;    /* lanes that were full when last looked at, until then: */
    int64_t           full_ms;
    bool              left; /* the last pass gave way to the writer: there is more to carry */
};

void relay_wake(void *p) {
    struct relay *r = p;
    CHECK_OBJ_NOTNULL(r, RELAY_MAGIC);
    pthread_mutex_lock(&r->lock);
    r->woken = true;
    r->idle  = false;
    pthread_cond_signal(&r->some);
    pthread_mutex_unlock(&r->lock);
}

bool relay_is_idle(struct relay *r) {
    CHECK_OBJ_NOTNULL(r, RELAY_MAGIC);
    pthread_mutex_lock(&r->lock);
    bool idle = r->idle;
    pthread_mutex_unlock(&r->lock);
    return idle;
}

/* ---- outbox ---- */
static enum err carry(struct relay *r, bool *more) {
    struct outbox_row *rows;
    size_t             n;
    arena_reset(r->arena);
    enum err e = outbox_read(r->db, r->arena, r->done_seq, BATCH_ROWS, &rows, &n);
    struct channel_item *v = arena_alloc(r->arena, (n + 1) * sizeof *v);
    size_t               k = 0;
    for (size_t i = 0; i < n; i++) {
        struct relay_channel c   = r->conf.channel(rows[i].channel);
        v[k]                     = (struct channel_item){rows[i].channel, rows[i].key, rows[i].data, rows[i].seq, c.size, c.ttl_s};
        enum err             bad = channel_item_check(&v[k]);
        k += bad == ERR_OK;
        if (bad) LOG(LOG_ERROR, "outbox_row_refused", KI("seq", rows[i].seq), KS("channel", rows[i].channel), KS("err", err_info(bad)->word));
    }
    for (size_t i = 0, done; e == ERR_OK && i < k; i += done) {
        struct channel_pos pos[CHANNEL_ITEMS_MAX];
        bool               published[CHANNEL_ITEMS_MAX];
        e = channel_publish_some(r->redis, &v[i], k - i, &done, pos, published);
        if (e) break;
        r->done_seq = v[i + done - 1].seq;
        metric_add(M_C_outbox_relayed, (int64_t)done);
    }
    if (e == ERR_OK && n > 0) r->done_seq = rows[n - 1].seq; /* behind refused ones, too */
    *more = e == ERR_OK && n > 0; /* a read may end early, when its arena is over */
    return e;
}

static void tell_waiting(struct relay *r) {
    int64_t top;
    if (outbox_top(r->db, &top) == ERR_OK) metric_set(M_C_outbox_waiting, top - r->done_seq);
}

/* Where a fresh relay stands, as far as the store knows: before the oldest row there is, and behind what was noted. */
static enum err find_place(struct relay *r) {
    struct outbox_row *rows;
    size_t             n;
    const char        *noted;
    enum err           e = outbox_read(r->db, r->arena, 0, 1, &rows, &n);
    if (e) return e;
    if (n == 0) return outbox_top(r->db, &r->done_seq);
    r->done_seq = rows[0].seq - 1;
    int64_t seq = 0;
    e           = kv_get(r->db, r->arena, PLACE_NAME, &noted);
    if (e == ERR_OK && sscanf(noted, "%" SCNd64, &seq) == 1 && seq > r->done_seq) r->done_seq = seq;
    return e == ERR_NOTFOUND ? ERR_OK : e;
}

/* And as Redis knows, to the row. What was out in an earlier life is not said again under the epoch of a Redis that was started
 * along with us: who comes back begins anew there. Only at the start: later, a row whose answer was lost is said again instead. */
static enum err find_place_in_redis(struct relay *r) {
    int64_t  seq, top = 0, n;
    enum err e = channel_relayed(r->redis, &seq);
    if (e == ERR_OK) e = outbox_top(r->db, &top);
    if (e) return e;
    if (seq > top) { /* it served another store: its channels would refuse our rows as seen */
        e = channel_forget_all(r->redis, &n);
        if (e) return e;
        LOG(LOG_WARN, "channels_of_another_store", KI("relayed", seq), KI("outbox", top), KI("forgotten", n));
    } else if (seq > r->done_seq) {
        r->done_seq = seq;
    }
    r->placed = true;
    return ERR_OK;
}

/* ---- due deliveries and progress, in one write ---- */
struct note {
    int64_t       seq, wall_ms, trimmed;
    bool          upkeep;
    struct arena *a;
    char        **ids;
    size_t       *lanes;
    size_t        n;
    uint32_t      full;
};

static enum err note_run(struct db *db, void *arg) {
    struct note *k = arg;
    enum err     e = ERR_OK;
    char         seq[24];
    (void)snprintf(seq, sizeof seq, "%" PRId64, k->seq);
    if (k->upkeep) e = kv_set(db, PLACE_NAME, seq);
    if (e == ERR_OK && k->upkeep) e = outbox_trim(db, k->seq, k->wall_ms - KEEP_MS, TRIM_ROWS, &k->trimmed);
    if (e == ERR_OK && k->upkeep) e = delivery_purge(db, k->wall_ms - EXPIRED_MS, k->wall_ms - PARTS_MS, TRIM_ROWS);
    return e ? e : delivery_queue_due(db, k->a, k->wall_ms, DUE_ROWS, LANE_QUEUED, &k->full, &k->ids, &k->lanes, &k->n);
}

static enum err queue_due(struct relay *r, bool *more) {
    int64_t  now    = clock_mono_ms();
    bool     due    = false, upkeep = now >= r->upkeep_ms;
    if (now >= r->full_ms) r->full = 0;
    enum err e = delivery_is_due(r->db, clock_wall_ms(), r->full, &due);
    *more      = false;
    if (e || (!due && !upkeep)) return e;
    struct note k = {.seq = r->done_seq, .wall_ms = clock_wall_ms(), .upkeep = upkeep, .a = r->arena, .full = r->full};
    arena_reset(r->arena);
    e = writer_call(r->conf.writer, note_run, &k);
    if (e) return e;
    if (upkeep && k.trimmed < TRIM_ROWS) r->upkeep_ms = now + UPKEEP_MS;
    if (k.full && r->full == 0) r->full_ms = now + FULL_MS;
    r->full = k.full;
    for (size_t i = 0, to; e == ERR_OK && i < k.n; i = to) {
        for (to = i + 1; to < k.n && k.lanes[to] == k.lanes[i]; to++) {}
        e = lane_add_many(r->redis, delivery_lanes[k.lanes[i]], k.ids + i, to - i);
    }
    if (e) r->restore_due = true; /* the rest of them is queued in the store and in no lane */
    *more = e == ERR_OK && (k.n > 0 || k.trimmed == TRIM_ROWS);
    return e;
}

/* ---- what Redis lost ---- */
static enum err restore(struct relay *r, const char *why) {
    int64_t  n;
    bool     was;
    enum err e = rebuild_lanes(r->db, r->redis, r->arena, &n);
    if (e == ERR_OK) e = lane_mark(r->redis, &was);
    if (e) return e;
    LOG(LOG_INFO, "lanes_restored", KI("deliveries", n), KS("why", why));
    r->restore_due = false;
    (void)snprintf(r->run_id, sizeof r->run_id, "%s", redis_run_id(r->redis));
    if (r->conf.rebuild) r->conf.rebuild(r->conf.arg);
    return ERR_OK;
}

/* Something has been queued for long and no lane holds anything: an entry got lost on a way nobody thought of. */
static enum err look_for_stuck(struct relay *r) {
    bool     stuck = false;
    enum err e     = delivery_is_stuck(r->db, clock_wall_ms() - STUCK_MS, &stuck);
    for (size_t i = 0; e == ERR_OK && stuck && i < DELIVERY_LANES; i++) {
        int64_t waiting, pending;
        e     = lane_depth(r->redis, delivery_lanes[i], &waiting, &pending);
        stuck = waiting + pending == 0;
    }
    return e || !stuck ? e : restore(r, "stuck");
}

static enum err meet_redis(struct relay *r) {
    bool     was = false;
    enum err e   = redis_ping(r->redis); /* not while it is loading */
    if (e == ERR_OK) e = lane_mark(r->redis, &was);
    if (e == ERR_OK && !r->placed) e = find_place_in_redis(r);
    if (e) return e;
    if (strcmp(r->run_id, redis_run_id(r->redis)) != 0) return restore(r, r->run_id[0] ? "another Redis" : "start");
    if (!was) return restore(r, "flushed");
    return r->restore_due ? restore(r, "lane_add failed") : ERR_OK;
}

/* Carries what there is; while others wait for the writer, one portion a commit: their answers come before the screens. */
static enum err pass(struct relay *r) {
    bool     more = true, more_due = true, upkeep = clock_mono_ms() >= r->upkeep_ms;
    enum err e = meet_redis(r);
    if (e == ERR_OK && upkeep) e = look_for_stuck(r);
    r->left = false;
    while (e == ERR_OK && (more || more_due) && !r->left) {
        if (more) e = carry(r, &more);
        r->left = more && writer_stats(r->conf.writer).queued > 0;
        if (e == ERR_OK && more_due) e = queue_due(r, &more_due);
        if (e == ERR_OK) e = meet_redis(r);
    }
    tell_waiting(r);
    return e;
}

static void *run(void *p) {
    struct relay *r = p;
    bool          stop = false;
    while (!stop) {
        pthread_mutex_lock(&r->lock);
        if (!r->woken && !r->stop) {
            struct timespec t;
            (void)clock_gettime(CLOCK_MONOTONIC, &t);
            t.tv_nsec += (r->left ? LEFT_MS : IDLE_MS) * 1000000L;
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
        r->idle = !r->woken && e == ERR_OK && !r->left;
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
    r->arena = arena_new(8U << 20);
    e        = find_place(r);
    if (e) {
        (void)snprintf(why, why_n, "store %s: the outbox cannot be read", conf->db_path);
        db_close(r->db);
        arena_free(r->arena);
        FREE_OBJ(r);
        return e;
    }
    r->redis = redis_new(conf->redis, 1000);
    pthread_condattr_t attr;
    MUST(pthread_condattr_init(&attr) == 0 && pthread_condattr_setclock(&attr, CLOCK_MONOTONIC) == 0);
    MUST(pthread_mutex_init(&r->lock, NULL) == 0 && pthread_cond_init(&r->some, &attr) == 0);
    (void)pthread_condattr_destroy(&attr);
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
