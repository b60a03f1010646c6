/* SPDX-License-Identifier: Apache-2.0
 *
 * The running gateway: what its rooms share. Made by serve.c in order, taken down in reverse. Pointers are set before the
 * first connection and stay; what changes is behind its own lock or atomic.
 */
#ifndef ZB_GATEWAY_APP_H
#define ZB_GATEWAY_APP_H

#include <stdatomic.h>

#include "base/conf.h"
#include "base/pool.h"
#include "gateway/net.h"
#include "handlers/method.h"
#include "store/writer.h"

#define ZB_VERSION "0.1.0"

struct tokens;    /* auth.c: verdicts on tokens, shortly cached */
struct rates;     /* rate.c: buckets per person */
struct static_dir; /* static.c */
struct live;      /* live.c: bus -> hubs, control messages */

struct app {
    struct conf        conf;
    struct house       house;
    char               redis[128];
    char               db_path[300];
    char               node[24]; /* names this process in presence and logs */
    struct net        *net;
    struct pool       *pool;
    struct writer     *writer;
    struct tokens     *tokens;
    struct rates      *rates;
    struct static_dir *pages;
    struct live       *live;
    atomic_bool        draining;
    atomic_int         inflight; /* requests under way in the whole process */
    /* after COMMIT: who wants to know (relay, delivery); may be NULL */
    void (*committed)(void *arg);
    void *committed_arg;
};

/* What a worker thread owns. */
struct worker {
    struct app   *app;
    struct db    *db; /* snapshot reader */
    struct redis *redis;
};

#endif
