/* SPDX-License-Identifier: Apache-2.0
 *
 * What upkeep remembers: how far it came (business time, in kv) and which reminders were given (table reminder). Reads on any
 * connection; writes on the writer's thread, in its transaction.
 */
#ifndef ZB_STORE_UPKEEP_H
#define ZB_STORE_UPKEEP_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "store/db.h"

enum err upkeep_last_get(struct db *db, struct arena *a, int64_t *biz_ms) MUST_CHECK; /* 0: never ran */
enum err upkeep_last_set(struct db *db, int64_t biz_ms) MUST_CHECK;

enum err reminder_known(struct db *db, const char *name, bool *yes) MUST_CHECK;
enum err reminder_add(struct db *db, const char *name, int64_t biz_ms) MUST_CHECK; /* ERR_DUP: it was given */

/* The first sign-for limit after `after` of a unit that has not signed; ERR_NOTFOUND. */
enum err upkeep_next_sign(struct db *db, int64_t after, int64_t *due_biz) MUST_CHECK;

#endif
