/* SPDX-License-Identifier: Apache-2.0
 *
 * The delivery worker: takes delivery ids from the lanes, claims them in the store (the attempt is on record before anything is
 * sent), hands them to their channel, records the verdict. Channels: inbox (a publication was already written with the
 * notice), log (a line in DATA/outbox.log, demo), sms (CMPP). One libuv loop on a thread of its own; any number of processes
 * beside one store.
 */
#ifndef ZB_PUSH_DELIVER_H
#define ZB_PUSH_DELIVER_H

#include <stdbool.h>

#include "base/conf.h"
#include "base/sm.h"
#include "store/writer.h"

struct deliver;

struct deliver_conf {
    const struct conf    *conf;    /* cmpp.*; borrowed for life */
    const char           *redis;   /* borrowed for life */
    struct writer        *writer;
    const struct sm4_key *pii_key; /* opens phone numbers */
    const char           *worker;  /* name in claims, unique per process */
    bool                  demo;
    const char           *data_dir, *signature;
};

enum err deliver_start(const struct deliver_conf *conf, struct deliver **out, char *why, size_t why_n) MUST_CHECK;
void     deliver_stop(struct deliver *d); /* finishes what is in the window (5 s), then joins; NULL is legal */
bool     deliver_is_idle(struct deliver *d); /* nothing claimed and the lanes are empty; NULL: true */

#endif
