/* SPDX-License-Identifier: Apache-2.0 */
#include "handlers/circular_work.h"

#include <errno.h>
#include <pthread.h>
#include <time.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "handlers/circular.h"
#include "store/outbox.h"

#define WORK_MAGIC   0x63697263U
#define LOOK_MS      200
#define PUBLISH_MS   500
#define ERROR_MS     1000
#define STEP_PEOPLE  40 /* in one write (D5) */
#define SETTLE_MAX   80
#define CHANGED_MAX  20
#define ARENA_BYTES  (4u << 20)
#define STATE_BYTES  65536

struct circular_work {
    unsigned        magic;
    struct house   *h;
    struct writer  *w;
    struct db      *db; /* its thread */
    pthread_t       thread;
    pthread_mutex_t lock;
    pthread_cond_t  wake;
    bool            stop; /* under lock */
    int64_t         published_ms;
};

struct pass {
    struct house *h;
    bool          publish; /* in: may be published now */
    bool          more, published;
};

static enum err publish(struct db *db, struct arena *a, int64_t wall_ms, int64_t biz_ms, bool *any) {
    char **ids;
    size_t n;
    TRY(circular_take_changed(db, a, CHANGED_MAX, &ids, &n));
    *any = n > 0;
    for (size_t i = 0; i < n; i++) {
        struct buf b;
        struct jw  w;
        buf_init(&b, STATE_BYTES);
        jw_init(&w, &b);
        enum err e = circular_write_state(db, a, ids[i], biz_ms, &w);
        if (e == ERR_OK) e = outbox_add(db, arena_printf(a, "circular:%s", ids[i]), "counts", buf_str(&b), wall_ms);
        buf_fini(&b);
        TRY(e);
    }
    return ERR_OK;
}

static enum err work(struct pass *p, struct db *db, struct arena *a) {
    int64_t         wall = clock_wall_ms(), biz = clock_business_ms();
    const char     *id;
    struct circular c;
    size_t          settled;
    enum err        e = circular_job_any(db, a, &id);
    bool            job = e == ERR_OK;
    if (e && e != ERR_NOTFOUND) return e;
    if (job) {
        TRY(circular_get(db, a, id, &c));
        TRY(circular_step(p->h, db, a, &c, STEP_PEOPLE, wall, biz));
    }
    TRY(circular_settle(db, a, SETTLE_MAX, &settled));
    p->more = job || settled > 0;
    return p->publish ? publish(db, a, wall, biz, &p->published) : ERR_OK;
}

static enum err pass_run(struct db *db, void *arg) {
    struct arena *a = arena_new(ARENA_BYTES);
    enum err      e = work(arg, db, a);
    arena_free(a);
    return e;
}

static enum err look(struct circular_work *c, bool may_publish, bool *yes) {
    struct arena *a = arena_new(256);
    const char   *id;
    enum err      e = circular_job_any(c->db, a, &id);
    *yes            = e == ERR_OK;
    if (e == ERR_NOTFOUND) e = circular_is_marked(c->db, yes);
    if (e == ERR_OK && !*yes && may_publish) e = circular_is_changed(c->db, yes);
    arena_free(a);
    return e;
}

static bool is_stopped(struct circular_work *c) {
    pthread_mutex_lock(&c->lock);
    bool stop = c->stop;
    pthread_mutex_unlock(&c->lock);
    return stop;
}

static enum err turn(struct circular_work *c) {
    for (bool yes = true; yes && !is_stopped(c);) {
        int64_t now = clock_mono_ms();
        bool    due = now - c->published_ms >= PUBLISH_MS;
        TRY(look(c, due, &yes));
        if (!yes) break;
        struct pass p = {.h = c->h, .publish = due};
        TRY(writer_call(c->w, pass_run, &p));
        if (p.published) c->published_ms = now;
    }
    return ERR_OK;
}

static void *run(void *arg) {
    struct circular_work *c = arg;
    CHECK_OBJ_NOTNULL(c, WORK_MAGIC);
    pthread_mutex_lock(&c->lock);
    while (!c->stop) {
        pthread_mutex_unlock(&c->lock);
        enum err e = turn(c);
        if (e) LOG(LOG_WARN, "circular_work_failed", KS("err", err_info(e)->word));
        int64_t wait_ms = e ? ERROR_MS : LOOK_MS;
        pthread_mutex_lock(&c->lock);
        struct timespec until;
        MUST(clock_gettime(CLOCK_MONOTONIC, &until) == 0);
        until.tv_sec += wait_ms / 1000;
        until.tv_nsec += wait_ms % 1000 * 1000000;
        if (until.tv_nsec >= 1000000000) {
            until.tv_sec++;
            until.tv_nsec -= 1000000000;
        }
        while (!c->stop && pthread_cond_timedwait(&c->wake, &c->lock, &until) != ETIMEDOUT) {
        }
    }
    pthread_mutex_unlock(&c->lock);
    return NULL;
}

enum err circular_work_start(struct house *h, struct writer *w, const char *db_path, struct circular_work **out, char *why, size_t why_n) {
    struct circular_work *c;
    pthread_condattr_t    mono;
    ALLOC_OBJ(c, WORK_MAGIC);
    enum err e = db_open(db_path, DB_READ, &c->db, why, why_n);
    if (e) {
        FREE_OBJ(c);
        return e;
    }
    c->h = h;
    c->w = w;
    MUST(pthread_condattr_init(&mono) == 0 && pthread_condattr_setclock(&mono, CLOCK_MONOTONIC) == 0);
    MUST(pthread_mutex_init(&c->lock, NULL) == 0 && pthread_cond_init(&c->wake, &mono) == 0);
    (void)pthread_condattr_destroy(&mono);
    MUST(pthread_create(&c->thread, NULL, run, c) == 0);
    (void)pthread_setname_np(c->thread, "circular");
    *out = c;
    return ERR_OK;
}

void circular_work_stop(struct circular_work *c) {
    if (c == NULL) return;
    CHECK_OBJ_NOTNULL(c, WORK_MAGIC);
    pthread_mutex_lock(&c->lock);
    c->stop = true;
    pthread_cond_signal(&c->wake);
    pthread_mutex_unlock(&c->lock);
    (void)pthread_join(c->thread, NULL);
    db_close(c->db);
    pthread_cond_destroy(&c->wake);
    pthread_mutex_destroy(&c->lock);
    FREE_OBJ(c);
}
