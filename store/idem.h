/* SPDX-License-Identifier: Apache-2.0
 *
 * Stored answers of writes (D6): the same key gives the first answer, in the transaction of the write.
 */
#ifndef ZB_STORE_IDEM_H
#define ZB_STORE_IDEM_H

#include "base/arena.h"
#include "base/err.h"
#include "store/db.h"

#define IDEM_LIFE_MS (24 * 3600 * 1000)

/* ERR_NOTFOUND: new. request_hash and reply from the arena. */
enum err idem_find(struct db *db, struct arena *a, const char *person, const char *method, const char *key, char **request_hash,
                   char **reply) MUST_CHECK;
enum err idem_store(struct db *db, const char *person, const char *method, const char *key, const char *request_hash, const char *reply,
                    int64_t wall_ms) MUST_CHECK;
enum err idem_purge(struct db *db, int64_t before_wall_ms) MUST_CHECK;

#endif
