/* SPDX-License-Identifier: Apache-2.0
 *
 * Outbox -> Redis, in order, at least once (D11); and due deliveries -> their lanes. One thread with its own reader and Redis
 * connection; woken after each commit, and every 500 ms. While Redis is away rows wait in the store; nothing is lost.
 *
 * The lanes are filled anew from the records at start, when Redis comes back as another (run_id), when its mark is gone (flushed),
 * when a lane_add failed between the commit and the lane, and when something has been queued for a minute while every lane is
 * empty. A fresh relay goes on behind the last row that reached Redis in any life before (noted in Redis by the publishing script, in
 * the store every 10 s), so that a Redis started along with it does not hear the last minute again. One row that Redis can never take (name or size) is logged and passed over: it must not hold up the others.
 */
#ifndef ZB_PUSH_RELAY_H
#define ZB_PUSH_RELAY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "store/writer.h"

struct relay;

/* What the relay must know of a channel; given by whoever knows the channel table. */
struct relay_channel {
    int size, ttl_s;
};

struct relay_conf {
    const char    *db_path, *redis; /* borrowed for life */
    struct writer *writer;          /* marks progress, queues due deliveries */
    struct relay_channel (*channel)(const char *channel);
    /* Redis came back as another (flushed, older log, new): everything derivable is restored first (zhangban rebuild). May be NULL. */
    void (*rebuild)(void *arg);
    void *arg;
};

enum err relay_start(const struct relay_conf *conf, struct relay **out, char *why, size_t why_n) MUST_CHECK;
void     relay_wake(void *relay); /* any thread */
void     relay_stop(struct relay *r); /* carries what it can, then joins; NULL is legal */
/* Any thread: nothing waits in the outbox and no delivery is due (demo, tests). */
bool relay_is_idle(struct relay *r);

#endif
