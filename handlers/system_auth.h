/* SPDX-License-Identifier: Apache-2.0
 *
 * Other systems prove themselves by an HMAC over each request:
 *
 *     X-ZB-Key: <key id>      X-ZB-Time: <ms UTC, decimal>      X-ZB-Nonce: <8 to 64 of [A-Za-z0-9._-]>
 *     X-ZB-Sign: sm3:<hex> or sha256:<hex>, of
 *         HMAC( secret, "zhangban-system-1" LF METHOD LF PATH LF TIME LF NONCE LF hex(hash(body)) )
 *
 * with HMAC-SM3 and SM3, or HMAC-SHA256 and SHA-256. PATH as sent, with the query. The secret is the 64 characters given at
 * creation, as text. Times off by more than 5 minutes and nonces seen within 10 minutes are refused.
 */
#ifndef ZB_HANDLERS_SYSTEM_AUTH_H
#define ZB_HANDLERS_SYSTEM_AUTH_H

#include <stddef.h>

#include "handlers/house.h"
#include "handlers/req.h"
#include "store/db.h"
#include "store/redis.h"

struct system_request {
    const char *key, *time, *nonce, *sign; /* headers; NULL: missing */
    const char *path;
    const char *body; /* NULL: empty */
    size_t      body_n;
    const char *method; /* NULL: POST */
};

/* Any worker. Fills who (ROLE_SYSTEM, id "sys:<key>"). ERR_AUTH; ERR_CLOCK; ERR_UNAVAILABLE: nonces cannot be remembered now. */
enum err system_auth(const struct house *h, struct db *db, struct redis *redis, const struct system_request *s, struct actor *who) MUST_CHECK;

/* Writer thread, in a transaction: makes a key; the secret is given once. id: [A-Za-z0-9._-], at most 32. On the ledger
 * ("system_key.create"). ERR_DUP, ERR_INPUT. */
enum err system_key_create(struct house *h, struct db *db, struct arena *a, const char *id, const char *name, char secret[65]) MUST_CHECK;

#endif
