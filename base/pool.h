/* SPDX-License-Identifier: Apache-2.0
 *
 * Worker threads with one bounded queue. Each worker owns a context (its database and Redis connection), made on its own
 * thread. pool_submit from any thread; job->run is called on a worker. At the bound: ERR_BUSY, the caller answers.
 */
#ifndef ZB_BASE_POOL_H
#define ZB_BASE_POOL_H

#include <stddef.h>

#include "base/err.h"

struct pool;
typedef void pool_fn(void *worker_ctx, void *arg);

struct pool *pool_new(const char *name, size_t threads_n, size_t queue_max, void *(*ctx_new)(void *arg), void (*ctx_free)(void *ctx),
                      void *arg);
void         pool_stop(struct pool *p); /* runs what is queued, then joins; from here on pool_submit says ERR_BUSY; NULL is legal */
void         pool_free(struct pool *p); /* stops it if need be; nobody submits any more; NULL is legal */
enum err     pool_submit(struct pool *p, pool_fn *fn, void *arg) MUST_CHECK;
size_t       pool_queued(struct pool *p);

#endif
