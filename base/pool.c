/* SPDX-License-Identifier: Apache-2.0 */
#include "base/pool.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>

#include "base/check.h"
#include "base/mem.h"

#define POOL_MAGIC 0x706f6f6cU

struct task {
    struct task *next;
    pool_fn     *fn;
    void        *arg;
};

struct pool {
    unsigned        magic;
    pthread_mutex_t lock;
    pthread_cond_t  some;
    struct task    *head, **tail;
    size_t          queued_n, queue_max, threads_n;
    bool            stop;
    pthread_t      *threads;
    void *(*ctx_new)(void *arg);
    void (*ctx_free)(void *ctx);
    void *ctx_arg;
    char  name[12];
};

static void *worker(void *p) {
    struct pool *pool = p;
    CHECK_OBJ_NOTNULL(pool, POOL_MAGIC);
    void *ctx = pool->ctx_new ? pool->ctx_new(pool->ctx_arg) : NULL;
    for (;;) {
        pthread_mutex_lock(&pool->lock);
        while (pool->head == NULL && !pool->stop) pthread_cond_wait(&pool->some, &pool->lock);
        struct task *t = pool->head;
        if (t) {
            pool->head = t->next;
            if (pool->head == NULL) pool->tail = &pool->head;
            pool->queued_n--;
        }
        pthread_mutex_unlock(&pool->lock);
        if (t == NULL) break;
        t->fn(ctx, t->arg);
        x_free(t);
    }
    if (pool->ctx_free) pool->ctx_free(ctx);
    return NULL;
}

struct pool *pool_new(const char *name, size_t threads_n, size_t queue_max, void *(*ctx_new)(void *arg), void (*ctx_free)(void *ctx),
                      void *arg) {
    struct pool *p;
    ALLOC_OBJ(p, POOL_MAGIC);
    MUST(pthread_mutex_init(&p->lock, NULL) == 0 && pthread_cond_init(&p->some, NULL) == 0);
    p->tail      = &p->head;
    p->queue_max = queue_max;
    p->threads_n = threads_n;
    p->ctx_new   = ctx_new;
    p->ctx_free  = ctx_free;
    p->ctx_arg   = arg;
    p->threads   = x_calloc(threads_n, sizeof *p->threads);
    (void)snprintf(p->name, sizeof p->name, "%s", name);
    for (size_t i = 0; i < threads_n; i++) {
        MUST(pthread_create(&p->threads[i], NULL, worker, p) == 0);
        (void)pthread_setname_np(p->threads[i], p->name);
    }
    return p;
}

void pool_stop(struct pool *p) {
    if (p == NULL) return;
    CHECK_OBJ_NOTNULL(p, POOL_MAGIC);
    pthread_mutex_lock(&p->lock);
    p->stop = true;
    pthread_cond_broadcast(&p->some);
    pthread_mutex_unlock(&p->lock);
    for (size_t i = 0; i < p->threads_n; i++) (void)pthread_join(p->threads[i], NULL);
    p->threads_n = 0;
    MUST(p->head == NULL);
}

void pool_free(struct pool *p) {
    if (p == NULL) return;
    pool_stop(p);
    pthread_cond_destroy(&p->some);
    pthread_mutex_destroy(&p->lock);
    x_free(p->threads);
    FREE_OBJ(p);
}

enum err pool_submit(struct pool *p, pool_fn *fn, void *arg) {
    CHECK_OBJ_NOTNULL(p, POOL_MAGIC);
    struct task *t = x_malloc(sizeof *t);
    *t             = (struct task){NULL, fn, arg};
    pthread_mutex_lock(&p->lock);
    bool full = p->queued_n >= p->queue_max || p->stop;
    if (!full) {
        *p->tail = t;
        p->tail  = &t->next;
        p->queued_n++;
        pthread_cond_signal(&p->some);
    }
    pthread_mutex_unlock(&p->lock);
    if (full) x_free(t);
    return full ? ERR_BUSY : ERR_OK;
}

size_t pool_queued(struct pool *p) {
    pthread_mutex_lock(&p->lock);
    size_t n = p->queued_n;
    pthread_mutex_unlock(&p->lock);
    return n;
}
