/* SPDX-License-Identifier: Apache-2.0 */
#include "store/writer.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/metric.h"

#define WRITER_MAGIC 0x77726974U
#define BATCH_US     20000

struct writer {
    unsigned            magic;
    struct writer_hooks hooks;
    struct db          *db;
    pthread_t           thread;
    pthread_mutex_t     lock;
    pthread_cond_t      some;
    struct write_job   *head, **tail;
    size_t              queue_max, batch_max;
    bool                stop;
    bool                ended; /* of the thread that stops it */
    int64_t             due_us; /* with st.owes */
    struct writer_stats st; /* under lock */
};

/* Under lock, before anybody is told that the batch is done. */
static void ask_due(struct writer *w) {
    w->due_us  = w->hooks.due_us ? w->hooks.due_us(w->hooks.arg) : INT64_MAX;
    w->st.owes = w->due_us != INT64_MAX;
}

/* Until somebody writes, the end, or what the hooks owe is due. */
static void await(struct writer *w) {
    while (w->head == NULL && !w->stop) {
        if (!w->st.owes) {
            (void)pthread_cond_wait(&w->some, &w->lock);
            continue;
        }
        struct timespec t = {.tv_sec = w->due_us / 1000000, .tv_nsec = w->due_us % 1000000 * 1000};
        if (pthread_cond_timedwait(&w->some, &w->lock, &t) == ETIMEDOUT) return;
    }
}

/* NULL: nobody writes. */
static struct write_job *take_all(struct writer *w, bool *stop) {
    pthread_mutex_lock(&w->lock);
    await(w);
    struct write_job *first = w->head, *last = first;
    size_t            n     = first ? 1 : 0;
    while (last && last->next && n < w->batch_max) {
        last = last->next;
        n++;
    }
    if (last) {
        w->head = last->next;
        if (w->head == NULL) w->tail = &w->head;
        last->next = NULL;
    }
    w->st.queued -= n;
    *stop = w->stop && first == NULL;
    pthread_mutex_unlock(&w->lock);
    return first;
}

/* Not run for lack of time: first in the next batch. */
static void give_back(struct writer *w, struct write_job *jobs) {
    size_t             n    = 0;
    struct write_job **last = &jobs;
    while (*last) {
        last = &(*last)->next;
        n++;
    }
    pthread_mutex_lock(&w->lock);
    *last = w->head;
    if (w->head == NULL) w->tail = last;
    w->head = jobs;
    w->st.queued += n;
    pthread_mutex_unlock(&w->lock);
}

struct batch {
    struct write_job *jobs, *rest; /* rest: what there was no time for */
    size_t            n, refused;
    bool              apart; /* each job in a SAVEPOINT of its own */
    bool              mixed; /* a job was refused after it had written: nothing of this may be committed */
};

/* Nearly all refusals come before the first change; a SAVEPOINT for every job would set aside each page it touches, a quarter of
 * its cost. */
static enum err run_job(struct writer *w, struct batch *b, struct write_job *j) {
    int64_t  was = db_changes_all(w->db);
    enum err e   = b->apart ? db_savepoint(w->db) : ERR_OK;
    if (e) return e;
    j->result = j->run(w->db, j);
    if (db_is_broken(w->db)) return ERR_STORE;
    b->mixed = j->result && !b->apart && db_changes_all(w->db) != was;
    if (b->mixed) return ERR_OK;
    if (j->result) {
        if (b->apart) db_rollback_to(w->db);
        if (j->refused) j->refused(w->db, j, j->result);
    }
    if (db_is_broken(w->db)) return ERR_STORE;
    return b->apart ? db_release(w->db) : ERR_OK;
}

static enum err run_jobs(struct writer *w, struct batch *b) {
    int64_t  until = clock_mono_us() + BATCH_US;
    enum err e     = db_begin(w->db);
    b->n = b->refused = 0;
    for (struct write_job *j = b->jobs; e == ERR_OK && j && !b->mixed; j = j->next) {
        e = run_job(w, b, j);
        b->n++;
        b->refused += j->result != ERR_OK;
        if (e == ERR_OK && j->next && !b->mixed && clock_mono_us() > until) {
            b->rest = j->next;
            j->next = NULL;
        }
    }
    return e;
}

/* Runs a chain, which may be empty, as one transaction. */
static enum err run_batch(struct writer *w, struct batch *b) {
    enum err e = run_jobs(w, b);
    if (e == ERR_OK && b->mixed) { /* once more, carefully: jobs may be run again */
        db_rollback(w->db);
        b->mixed = false;
        b->apart = true;
        e        = run_jobs(w, b);
    }
    if (e == ERR_OK && w->hooks.seal) e = w->hooks.seal(w->hooks.arg, w->db);
    if (e == ERR_OK) e = db_commit(w->db);
    if (e == ERR_OK) return ERR_OK;
    db_rollback(w->db);
    if (w->hooks.aborted) w->hooks.aborted(w->hooks.arg);
    return ERR_STORE;
}

static void *run(void *p) {
    struct writer *w = p;
    CHECK_OBJ_NOTNULL(w, WRITER_MAGIC);
    for (bool stop = false; !stop;) {
        struct batch b = {.jobs = take_all(w, &stop)};
        if (b.jobs == NULL && !w->st.owes) continue;
        enum err e = run_batch(w, &b);
        if (b.rest) give_back(w, b.rest);
        if (e == ERR_OK && w->hooks.committed) w->hooks.committed(w->hooks.arg, b.n);
        pthread_mutex_lock(&w->lock);
        metric_set(M_C_writes_waiting, (int64_t)w->st.queued);
        w->st.batches++;
        w->st.jobs += b.n;
        w->st.refused += b.refused;
        w->st.failed_batches += e != ERR_OK;
        w->st.last_batch = b.n;
        ask_due(w);
        pthread_mutex_unlock(&w->lock);
        for (struct write_job *j = b.jobs, *next; j; j = next) {
            next = j->next;
            j->done(j, e ? ERR_STORE : j->result);
        }
    }
    return NULL;
}

enum err writer_start(const char *path, size_t queue_max, size_t batch_max, struct writer_hooks hooks, struct writer **out, char *why,
                      size_t why_n) {
    struct writer *w;
    ALLOC_OBJ(w, WRITER_MAGIC);
    enum err e = db_open(path, DB_WRITE, &w->db, why, why_n);
    if (e) {
        FREE_OBJ(w);
        return e;
    }
    pthread_condattr_t mono;
    MUST(pthread_condattr_init(&mono) == 0 && pthread_condattr_setclock(&mono, CLOCK_MONOTONIC) == 0);
    MUST(pthread_mutex_init(&w->lock, NULL) == 0 && pthread_cond_init(&w->some, &mono) == 0);
    (void)pthread_condattr_destroy(&mono);
    w->tail      = &w->head;
    w->queue_max = queue_max;
    w->batch_max = batch_max;
    w->hooks     = hooks;
    ask_due(w);
    MUST(pthread_create(&w->thread, NULL, run, w) == 0);
    (void)pthread_setname_np(w->thread, "writer");
    *out = w;
    return ERR_OK;
}

void writer_end(struct writer *w) {
    CHECK_OBJ_NOTNULL(w, WRITER_MAGIC);
    if (w->ended) return;
    pthread_mutex_lock(&w->lock);
    w->stop = true;
    pthread_cond_signal(&w->some);
    pthread_mutex_unlock(&w->lock);
    (void)pthread_join(w->thread, NULL);
    w->ended = true;
}

void writer_stop(struct writer *w) {
    if (w == NULL) return;
    writer_end(w);
    db_close(w->db);
    pthread_cond_destroy(&w->some);
    pthread_mutex_destroy(&w->lock);
    FREE_OBJ(w);
}

static enum err submit(struct writer *w, struct write_job *job, bool exempt) {
    CHECK_OBJ_NOTNULL(w, WRITER_MAGIC);
    job->next   = NULL;
    job->result = ERR_OK;
    pthread_mutex_lock(&w->lock);
    bool full = (!exempt && w->st.queued >= w->queue_max) || w->stop;
    if (!full) {
        *w->tail = job;
        w->tail  = &job->next;
        w->st.queued++;
        pthread_cond_signal(&w->some);
    }
    pthread_mutex_unlock(&w->lock);
    return full ? ERR_BUSY : ERR_OK;
}

enum err writer_submit(struct writer *w, struct write_job *job) { return submit(w, job, false); }

struct sync_job {
    struct write_job job;
    enum err (*fn)(struct db *db, void *arg);
    void           *arg;
    pthread_mutex_t lock;
    pthread_cond_t  ended;
    bool            done;
    enum err        result;
};

static enum err sync_run(struct db *db, struct write_job *job) {
    struct sync_job *s = (struct sync_job *)job;
    return s->fn(db, s->arg);
}

static void sync_done(struct write_job *job, enum err result) {
    struct sync_job *s = (struct sync_job *)job;
    pthread_mutex_lock(&s->lock);
    s->result = result;
    s->done   = true;
    pthread_cond_signal(&s->ended);
    pthread_mutex_unlock(&s->lock);
}

enum err writer_call(struct writer *w, enum err (*fn)(struct db *db, void *arg), void *arg) {
    struct sync_job s = {.job = {.run = sync_run, .done = sync_done}, .fn = fn, .arg = arg};
    MUST(!pthread_equal(pthread_self(), w->thread));
    MUST(pthread_mutex_init(&s.lock, NULL) == 0 && pthread_cond_init(&s.ended, NULL) == 0);
    enum err e = submit(w, &s.job, true);
    if (e == ERR_OK) {
        pthread_mutex_lock(&s.lock);
        while (!s.done) pthread_cond_wait(&s.ended, &s.lock);
        pthread_mutex_unlock(&s.lock);
        e = s.result;
    }
    pthread_cond_destroy(&s.ended);
    pthread_mutex_destroy(&s.lock);
    return e;
}

struct writer_stats writer_stats(struct writer *w) {
    pthread_mutex_lock(&w->lock);
    struct writer_stats st = w->st;
    pthread_mutex_unlock(&w->lock);
    return st;
}
