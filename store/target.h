/* SPDX-License-Identifier: Apache-2.0
 *
 * Where people can be reached besides their number: push tokens, openids, user ids of office messengers (table push_target), what they
 * consented to (consent) and what they want no more (opt_out). Tokens are sealed; whether one is known is asked by a keyed hash
 * (D7). Writing: writer thread, in a transaction; reading on any connection.
 */
#ifndef ZB_STORE_TARGET_H
#define ZB_STORE_TARGET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "store/db.h"

struct target_row {
    const char *id, *person, *channel, *vendor, *app, *device; /* device: id of a bound device, or "" */
    const char *token_idx;                                     /* hex of the keyed hash */
    const void *token_enc, *key_enc;                           /* key_enc NULL: none */
    size_t      token_enc_n, key_enc_n;
};
/* A token known already moves to this person (a phone that changed hands) and is active again. */
enum err target_put(struct db *db, const struct target_row *t, int64_t wall_ms) MUST_CHECK;
enum err target_drop(struct db *db, const char *person, const char *id, const char *reason) MUST_CHECK; /* ERR_NOTFOUND */
enum err target_drop_device(struct db *db, const char *device, const char *reason) MUST_CHECK;           /* lost phone */
/* Active ones of a person and channel, newest first, at most 16. Arena. */
enum err target_ids(struct db *db, struct arena *a, const char *person, const char *channel, char ***ids, size_t *n) MUST_CHECK;

/* The id a token has, which may be older than the row just put. ERR_NOTFOUND. */
enum err target_by_index(struct db *db, struct arena *a, const char *channel, const char *vendor, const char *app, const char *token_idx,
                         const char **id) MUST_CHECK;
enum err target_is_of(struct db *db, const char *person, const char *channel, const char *token_idx, bool *yes) MUST_CHECK;

struct target_info {
    const char *id, *channel, *vendor, *app, *device, *state, *reason;
    int64_t     registered_wall, seen_wall;
};
enum err target_list(struct db *db, struct arena *a, const char *person, struct target_info **list, size_t *n) MUST_CHECK;

/* A template accepted once more (n at a time), or for good. */
enum err consent_add(struct db *db, const char *channel, const char *token_idx, const char *template_id, int64_t n, bool long_term, int64_t wall_ms) MUST_CHECK;
/* What was accepted before no longer counts. template_id "": nothing of this target's. */
enum err consent_clear(struct db *db, const char *channel, const char *token_idx, const char *template_id, int64_t wall_ms) MUST_CHECK;
/* Takes one: *ok false when there is none left. */
enum err consent_take(struct db *db, const char *target, const char *template_id, int64_t wall_ms, bool *ok) MUST_CHECK;

enum err opted_out(struct db *db, const char *person, const char *channel, bool *yes) MUST_CHECK;
enum err opt_out_set(struct db *db, const char *person, const char *channel, const char *source, bool out, int64_t wall_ms) MUST_CHECK;

#endif
