/* SPDX-License-Identifier: Apache-2.0
 *
 * One thread walks the business instants one after the other, from the last one finished (in the store) to now:
 *
 *     00:00   periods frozen, overdue tasks, boards of the new day
 *     08:30   due soon, missing reports, late answers to instructions
 *     each sign-for limit
 *
 * so that after a stop, or when the clock was advanced by days, all passed work happens in order, each at its own time. At an
 * instant a reader looks whether anything is due; only then the writer does it, looking again (a few at a time: D5). An instant
 * is finished when nothing is due any more; a crash before that repeats it, and what was given is known by name. The thread
 * sleeps until the next instant.
 */
#include "handlers/upkeep.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <time.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "handlers/demo.h"
#include "handlers/ranking.h"
#include "handlers/req.h"
#include "handlers/upkeep_due.h"
#include "store/auth.h"
#include "store/idem.h"
#include "store/upkeep.h"

#define UPKEEP_MAGIC 0x75706b70U
#define MORNING_MS (8 * 3600000LL + 30 * 60000LL)
#define GIVE_MAX 20 /* reminders in one write job */
#define ARENA_BYTES (8u << 20)
#define WAIT_MAX_MS 30000 /* the clock may be set meanwhile */
#define WAIT_FAST_MS 1000 /* a demo, or a speed other than real time */
#define WAIT_ERROR_MS 1000
#define PURGE_EVERY_MS 3600000LL
#define KEEP_MS (30 * DAY_MS) /* revocations: longer than any session lives */

struct upkeep {
    unsigned        magic;
    struct house   *h;
    struct writer  *w;
    struct db      *db; /* upkeep thread */
    pthread_t       thread;
    pthread_mutex_t lock;
    pthread_cond_t  wake, done;
    bool            stop;            /* under lock */
    uint64_t        asked, finished; /* passes; under lock */
    int64_t         purge_mono_ms;
};

/* ---- instants ---- */

static int64_t next_slot(int64_t after) {
    int32_t day = date_of_ms(after);
    return after < date_start_ms(day) + MORNING_MS ? date_start_ms(day) + MORNING_MS : date_start_ms(day + 1);
}

static unsigned slot_of(int64_t biz_ms) {
    int64_t since = biz_ms - date_start_ms(date_of_ms(biz_ms));
    return since == 0 ? UPKEEP_MIDNIGHT : since == MORNING_MS ? UPKEEP_MORNING : 0;
}

static enum err next_instant(struct db *db, int64_t last, int64_t *out) {
    int64_t  sign;
    enum err e = upkeep_next_sign(db, last, &sign);
    *out       = next_slot(last);
    if (e == ERR_OK && sign < *out) *out = sign;
    return e == ERR_NOTFOUND ? ERR_OK : e;
}

/* The last instant finished. At the very beginning, and when the clock was set back, today begins anew. */
static enum err last_instant(struct db *db, int64_t biz_ms, int64_t *out) {
    struct arena *a = arena_new(256);
    enum err      e = upkeep_last_get(db, a, out);
    arena_free(a);
    if (e) return e;
    if (*out == 0 || *out > biz_ms) *out = date_start_ms(date_of_ms(biz_ms)) - 1;
    return ERR_OK;
}

static enum err read_next(struct upkeep *u, int64_t biz_ms, int64_t *out) {
    int64_t last;
    TRY(db_begin(u->db));
    enum err e = last_instant(u->db, biz_ms, &last);
    if (e == ERR_OK) e = next_instant(u->db, last, out);
    db_rollback(u->db);
    return e;
}

/* ---- write jobs ---- */

struct job {
    struct house *h;
    int64_t       biz_ms, wall_ms;
    unsigned      when;
    size_t        given_n;
};

static enum err give_job(struct db *db, void *arg) {
    struct job      *j = arg;
    struct arena    *a = arena_new(ARENA_BYTES);
    struct reminder *list;
    enum err         e = upkeep_due(j->h, db, a, j->biz_ms, j->when, GIVE_MAX, &list, &j->given_n);
    if (e == ERR_OK) e = upkeep_give(j->h, db, a, list, j->wall_ms, j->biz_ms);
    arena_free(a);
    return e;
}

static enum err finish_job(struct db *db, void *arg) {
    struct job *j = arg;
    if (j->when & UPKEEP_MIDNIGHT) j->h->boards_dirty++; /* lights and days have changed without any event */
    return upkeep_last_set(db, j->biz_ms);
}

static enum err freeze_job(struct db *db, void *arg) {
    struct job *j = arg;
    return ranking_freeze(j->h, db, j->biz_ms);
}

static enum err purge_job(struct db *db, void *arg) {
    struct job *j = arg;
    TRY(idem_purge(db, j->wall_ms - IDEM_LIFE_MS));
    return auth_sweep(db, j->wall_ms, KEEP_MS);
}

/* ---- one pass ---- */

static enum err is_due(struct upkeep *u, const struct job *j, bool *yes) {
    struct arena    *a = arena_new(ARENA_BYTES);
    struct reminder *list;
    size_t           n = 0;
    enum err         e = db_begin(u->db);
    if (e == ERR_OK) e = upkeep_due(u->h, u->db, a, j->biz_ms, j->when, 1, &list, &n);
    db_rollback(u->db);
    arena_free(a);
    *yes = n > 0;
    return e;
}

static enum err do_instant(struct upkeep *u, int64_t biz_ms) {
    struct job j   = {.h = u->h, .biz_ms = biz_ms, .wall_ms = clock_wall_ms(), .when = slot_of(biz_ms)};
    bool       due = true;
    enum err   e   = j.when & UPKEEP_MIDNIGHT ? writer_call(u->w, freeze_job, &j) : ERR_OK;
    while (e == ERR_OK && due) {
        e = is_due(u, &j, &due);
        if (e == ERR_OK && due) e = writer_call(u->w, give_job, &j);
    }
    if (e == ERR_CALENDAR) { /* nobody can be reminded by working days of an unknown year; time goes on */
        LOG0(LOG_ERROR, "upkeep_without_calendar");
        e = ERR_OK;
    }
    return e ? e : writer_call(u->w, finish_job, &j);
}

static bool is_stopped(struct upkeep *u) {
    pthread_mutex_lock(&u->lock);
    bool stop = u->stop;
    pthread_mutex_unlock(&u->lock);
    return stop;
}

/* `zhangban clock` of another process moved the clock of the demo: it is read again before each pass. */
static enum err follow_clock(struct upkeep *u) {
    if (!u->h->demo) return ERR_OK;
    enum err e = demo_clock_load(u->db);
    return e == ERR_NOTFOUND ? ERR_OK : e;
}

static int64_t longest_wait(const struct upkeep *u, int64_t speed) {
    return speed == 1000 && !u->h->demo ? WAIT_MAX_MS : WAIT_FAST_MS;
}

/* *wait_ms: wall time until there may be something to do again. */
static enum err pass(struct upkeep *u, int64_t *wait_ms) {
    int64_t now, next = 0, mono = clock_mono_ms();
    *wait_ms = WAIT_ERROR_MS;
    TRY(follow_clock(u));
    now = clock_business_ms();
    if (u->purge_mono_ms == 0 || mono - u->purge_mono_ms >= PURGE_EVERY_MS) {
        struct job j = {.h = u->h, .wall_ms = clock_wall_ms()};
        TRY(writer_call(u->w, purge_job, &j));
        u->purge_mono_ms = mono;
    }
    TRY(read_next(u, now, &next));
    while (next <= now && !is_stopped(u)) {
        TRY(do_instant(u, next));
        now = clock_business_ms();
        TRY(read_next(u, now, &next));
    }
    int64_t speed = clock_business_get().speed_permille, max = longest_wait(u, speed);
    int64_t wait = speed > 0 ? (next - now) * 1000 / speed + 1 : max;
    *wait_ms     = wait < max ? wait : max;
    return ERR_OK;
}

static void *run(void *arg) {
    struct upkeep *u = arg;
    CHECK_OBJ_NOTNULL(u, UPKEEP_MAGIC);
    pthread_mutex_lock(&u->lock);
    while (!u->stop) {
        uint64_t asked = u->asked;
        int64_t  wait_ms;
        pthread_mutex_unlock(&u->lock);
        enum err e = pass(u, &wait_ms);
        if (e) LOG(LOG_WARN, "upkeep_pass_failed", KS("err", err_info(e)->word));
        pthread_mutex_lock(&u->lock);
        u->finished = asked;
        pthread_cond_broadcast(&u->done);
        struct timespec until;
        MUST(clock_gettime(CLOCK_MONOTONIC, &until) == 0);
        until.tv_sec += wait_ms / 1000;
        until.tv_nsec += wait_ms % 1000 * 1000000;
        if (until.tv_nsec >= 1000000000) {
            until.tv_sec++;
            until.tv_nsec -= 1000000000;
        }
        while (!u->stop && u->asked == asked && pthread_cond_timedwait(&u->wake, &u->lock, &until) != ETIMEDOUT) {
        }
    }
    u->finished = UINT64_MAX; /* nobody waits for a pass that will not come */
    pthread_cond_broadcast(&u->done);
    pthread_mutex_unlock(&u->lock);
    return NULL;
}

/* ---- outside ---- */

enum err upkeep_start(struct house *h, struct writer *w, const char *db_path, struct upkeep **out, char *why, size_t why_n) {
    struct upkeep     *u;
    pthread_condattr_t mono;
    ALLOC_OBJ(u, UPKEEP_MAGIC);
    enum err e = db_open(db_path, DB_READ, &u->db, why, why_n);
    if (e) {
        FREE_OBJ(u);
        return e;
    }
    u->h = h;
    u->w = w;
    MUST(pthread_condattr_init(&mono) == 0 && pthread_condattr_setclock(&mono, CLOCK_MONOTONIC) == 0);
    MUST(pthread_mutex_init(&u->lock, NULL) == 0 && pthread_cond_init(&u->wake, &mono) == 0 &&
         pthread_cond_init(&u->done, NULL) == 0);
    pthread_condattr_destroy(&mono);
    MUST(pthread_create(&u->thread, NULL, run, u) == 0);
    (void)pthread_setname_np(u->thread, "upkeep");
    *out = u;
    return ERR_OK;
}

void upkeep_stop(struct upkeep *u) {
    if (u == NULL) return;
    CHECK_OBJ_NOTNULL(u, UPKEEP_MAGIC);
    pthread_mutex_lock(&u->lock);
    u->stop = true;
    pthread_cond_signal(&u->wake);
    pthread_mutex_unlock(&u->lock);
    (void)pthread_join(u->thread, NULL);
    db_close(u->db);
    pthread_cond_destroy(&u->wake);
    pthread_cond_destroy(&u->done);
    pthread_mutex_destroy(&u->lock);
    FREE_OBJ(u);
}

void upkeep_now(struct upkeep *u) {
    CHECK_OBJ_NOTNULL(u, UPKEEP_MAGIC);
    pthread_mutex_lock(&u->lock);
    uint64_t mine = ++u->asked;
    pthread_cond_signal(&u->wake);
    while (u->finished < mine) pthread_cond_wait(&u->done, &u->lock);
    pthread_mutex_unlock(&u->lock);
}
