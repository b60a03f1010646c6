/* SPDX-License-Identifier: Apache-2.0
 *
 * The delivery worker: takes delivery ids from the lanes, claims them in the store (the attempt is on record before anything is
 * sent), hands them to their channel, records the verdict. Channels: rows of store/delivery_channel.def, carried by
 * the providers of the configuration (push/provider.h); log is a line in DATA/outbox.log (demo). One libuv loop on a thread of its own and a thread that fetches
 * from Redis; any number of processes beside one store.
 *
 * Lanes p0 to p3 are strictly in order. Nothing is claimed that no provider can carry now, so that reading still cancels it and
 * a crash leaves nothing unknown that was not really sent. What no provider serves ends as `failed`, and the next step of its notice is due; in the
 * demo it goes to the log, marked simulated.
 */
#ifndef ZB_PUSH_DELIVER_H
#define ZB_PUSH_DELIVER_H

#include <stdbool.h>

#include "base/conf.h"
#include "base/sm.h"
#include "store/writer.h"

struct deliver;

struct deliver_conf {
    const struct conf    *conf;    /* its providers; borrowed for life */
    const char           *redis;   /* borrowed for life */
    struct writer        *writer;
    const struct sm4_key *pii_key; /* opens phone numbers, seals replies */
    const uint8_t        *idx_key; /* 32 bytes: finds who answered; NULL: replies are only counted (tests) */
    const char           *worker;  /* name in claims: unique per process, and the same again after a restart */
    bool                  demo;
    const char           *data_dir, *signature;
    /* tests; 0: 60 s without an answer is unknown, 1 s before the first reconnect, 30 s before an unknown outcome is tried again */
    uint32_t request_ms, backoff_ms;
    int64_t  again_ms;
};

/* First ends what this worker's last life left (delivery_recover). ERR_DUP: another process beside this store has that name. */
enum err deliver_start(const struct deliver_conf *conf, struct deliver **out, char *why, size_t why_n) MUST_CHECK;
void     deliver_stop(struct deliver *d); /* waits for what is in the window (5 s), gives the rest back, joins; NULL is legal. The writer must still run. */
/* Any thread: the lanes are empty and nothing is in hand; asks Redis, false while that is away. NULL: true. */
bool     deliver_is_idle(struct deliver *d);

/* The log in order (discrete-event demo). Lanes are served by priority as their entries come in, so what happens at one instant is
 * logged in an order that depends on the threads. Held, lines wait; a flush writes what waits in the order in which it was made
 * (ids ascend), and what is held counts as idle. Any thread; a stop lets go. */
void deliver_log_hold(struct deliver *d, bool hold);
void deliver_log_flush(struct deliver *d);

#endif
