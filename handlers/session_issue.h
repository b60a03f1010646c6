/* SPDX-License-Identifier: Apache-2.0
 *
 * Sessions: made here, and turned into the actor of a request here. Tokens are returned once and never kept.
 */
#ifndef ZB_HANDLERS_SESSION_ISSUE_H
#define ZB_HANDLERS_SESSION_ISSUE_H

#include <stdbool.h>

#include "base/arena.h"
#include "base/err.h"
#include "handlers/house.h"
#include "handlers/req.h"
#include "store/db.h"
#include "store/person.h"
#include "store/redis.h"

/* Makes a session with the limits of the person's roles; writes Redis only. device "" = none. ERR_UNAVAILABLE. */
enum err session_make(struct house *h, struct redis *redis, const struct person *p, const char *client, const char *device, char token[44],
                      struct session *out) MUST_CHECK;

/* Writer thread, in a transaction: a session without log-in, for the operator's command. On the ledger ("session.issue").
 * Refuses leaders outside demo mode (ERR_PERM, D19). In demo mode the session holds the person's newest active device. */
enum err session_issue(struct house *h, struct db *db, struct redis *redis, struct arena *a, const char *person, const char *client,
                       char token[44]) MUST_CHECK;

/* Any thread: who is behind a session now. bound = false: the roles need a device and none that is active is held by the
 * session (only M_UNBOUND methods). ERR_AUTH: revoked, unknown or inactive person, or the device it holds was lost. */
enum err session_actor(struct db *db, struct arena *a, const struct session *s, struct actor *out) MUST_CHECK;

#endif
