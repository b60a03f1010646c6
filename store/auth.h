/* SPDX-License-Identifier: Apache-2.0
 *
 * Log-in records that must survive a flush of Redis (D17, D20): tables sms_challenge, login_fail, session_revoked. Writes on
 * the writer's thread, in its transaction. Codes are stored only as their MAC, numbers only as their index.
 */
#ifndef ZB_STORE_AUTH_H
#define ZB_STORE_AUTH_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "store/db.h"

struct challenge {
    const char *id, *phone_idx, *person, *code_mac, *nonce, *address; /* person NULL: nobody has this number */
    int64_t     tries, created_wall, expires_wall;
    bool        used;
};
enum err challenge_add(struct db *db, const struct challenge *c) MUST_CHECK;
enum err challenge_get(struct db *db, struct arena *a, const char *id, struct challenge *out) MUST_CHECK; /* ERR_NOTFOUND */
enum err challenge_try(struct db *db, const char *id) MUST_CHECK; /* one more wrong code */
enum err challenge_use(struct db *db, const char *id) MUST_CHECK; /* single use: ERR_DUP when it was used */

/* How many were asked for since then, and when the first and the last of them was (0: none). Each name NULL: any. */
struct challenge_count {
    int64_t n, first_wall, last_wall;
};
enum err challenge_count_phone(struct db *db, const char *phone_idx, int64_t since_wall, struct challenge_count *out) MUST_CHECK;
enum err challenge_count_address(struct db *db, const char *address, int64_t since_wall, struct challenge_count *out) MUST_CHECK;
enum err challenge_count_all(struct db *db, int64_t since_wall, int64_t *n) MUST_CHECK;

/* Failures of (account, address) within a window; "*" stands for any account or any address. Reaching max locks for lock_ms
 * and starts counting anew. */
struct fail_rule {
    int64_t max, window_ms, lock_ms;
};
enum err login_fail_add(struct db *db, const char *account, const char *address, const struct fail_rule *rule, int64_t wall_ms) MUST_CHECK;
enum err login_fail_clear(struct db *db, const char *account, const char *address) MUST_CHECK;
enum err login_locked(struct db *db, const char *account, const char *address, int64_t wall_ms, int64_t *until_wall) MUST_CHECK; /* 0: open */

enum err session_revoked_add(struct db *db, const char *session, const char *person, int64_t wall_ms) MUST_CHECK; /* again: nothing */
enum err auth_session_revoked(struct db *db, const char *session, bool *out) MUST_CHECK;

/* Drops what no rule looks at any more: challenges and failures older than two days, revocations and bindings of sessions
 * older than keep_ms (more than the longest life of a session). */
enum err auth_sweep(struct db *db, int64_t wall_ms, int64_t keep_ms) MUST_CHECK;

#endif
