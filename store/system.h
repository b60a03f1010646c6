/* SPDX-License-Identifier: Apache-2.0
 *
 * Other systems: their keys (secrets sealed by the caller) and the events they push, once per (source, id). Writes on the
 * writer's thread, in its transaction.
 */
#ifndef ZB_STORE_SYSTEM_H
#define ZB_STORE_SYSTEM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "store/db.h"

struct system_key {
    const char *id, *name;
    const void *secret_enc;
    size_t      secret_enc_n;
    bool        active;
};
enum err system_key_get(struct db *db, struct arena *a, const char *id, struct system_key *out) MUST_CHECK; /* ERR_NOTFOUND */
enum err system_key_add(struct db *db, const char *id, const char *name, const void *secret_enc, size_t n, int64_t wall_ms) MUST_CHECK;
enum err system_key_set_active(struct db *db, const char *id, bool active) MUST_CHECK; /* ERR_NOTFOUND */

/* event_at: the source's own time as it came (ISO 8601). */
enum err inbound_event_add(struct db *db, const char *source, const char *id, const char *kind, const char *event_at, const char *body,
                           int64_t wall_ms) MUST_CHECK; /* ERR_DUP */
enum err inbound_event_known(struct db *db, const char *source, const char *id, bool *known) MUST_CHECK;

#endif
