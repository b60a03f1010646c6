/* SPDX-License-Identifier: Apache-2.0
 *
 * Credentials of providers (access tokens, signed tokens), shared by all workers through Redis, so that one is made at a time and
 * used by all: providers count how often one asks, and some end the old one when a new one is given out. Sealed with a key of the
 * caller; a value of another key, or a changed one, counts as none. One thread at a time owns the struct redis. Redis away
 * (ERR_UNAVAILABLE): every worker makes its own.
 */
#ifndef ZB_STORE_CRED_H
#define ZB_STORE_CRED_H

#include <stdint.h>

#include "base/err.h"
#include "base/sm.h"
#include "store/redis.h"

#define CRED_VALUE_MAX 4096

struct cred {
    int64_t made_wall_ms, until_wall_ms;
    char    value[CRED_VALUE_MAX]; /* wipe it */
};
enum cred_state {
    CRED_FOUND, /* *out is good */
    CRED_OURS,  /* nobody has one: make it, then cred_put, or cred_release when it cannot be made. Others wait until then (or 15 s) */
    CRED_WAIT   /* another worker makes it: ask again soon */
};
/* name: at most NAME_MAX_BYTES. after_wall_ms: one made then or before is not wanted; 0: any. mark: 16 hex digits of this worker. */
enum err cred_get(struct redis *r, const struct sm4_key *key, const char *name, const char *mark, int64_t after_wall_ms, int64_t wall_ms,
                  struct cred *out, enum cred_state *state) MUST_CHECK;
/* ERR_TOOBIG: longer than CRED_VALUE_MAX. */
enum err cred_put(struct redis *r, const struct sm4_key *key, const char *name, const char *mark, const struct cred *c, int64_t wall_ms) MUST_CHECK;
enum err cred_release(struct redis *r, const char *name, const char *mark) MUST_CHECK;
void     cred_mark(char out[17]);

#endif
