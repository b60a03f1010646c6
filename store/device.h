/* SPDX-License-Identifier: Apache-2.0
 *
 * Bound devices and their one-time activation codes: tables device, activation, session_device. Reads on any connection;
 * writes on the writer's thread, in its transaction. Codes are stored only as their MAC.
 *
 *     pending -> active -> lost          (pending -> lost as well; nothing leads back: a found phone is registered anew)
 */
#ifndef ZB_STORE_DEVICE_H
#define ZB_STORE_DEVICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "store/db.h"

#define DEVICE_PENDING "pending"
#define DEVICE_ACTIVE  "active"
#define DEVICE_LOST    "lost"

struct device {
    const char *id, *person, *pubkey, *name, *platform, *state; /* pubkey: 130 hex digits, lower case */
    int64_t     last_serial, created_wall, activated_wall, lost_wall;
    /* the open activation code, if any */
    bool        has_code, code_confirmed;
    int64_t     code_expires_wall;
};

enum err device_get(struct db *db, struct arena *a, const char *id, struct device *out) MUST_CHECK; /* ERR_NOTFOUND */
/* Of a person, newest first. */
enum err device_list(struct db *db, struct arena *a, const char *person, struct device **list, size_t *n) MUST_CHECK;
enum err device_count(struct db *db, const char *person, const char *state, int64_t *n) MUST_CHECK;
enum err device_pubkey_known(struct db *db, const char *pubkey, bool *known) MUST_CHECK;
/* The newest active device of a person; "" when none. */
enum err device_newest_active(struct db *db, struct arena *a, const char *person, const char **id) MUST_CHECK;

enum err device_add(struct db *db, const char *id, const char *person, const char *pubkey, const char *name, const char *platform,
                    int64_t wall_ms) MUST_CHECK;
enum err device_set_active(struct db *db, const char *id, int64_t wall_ms) MUST_CHECK;
enum err device_set_lost(struct db *db, const char *id, int64_t wall_ms) MUST_CHECK; /* its code goes too */
/* Takes a serial for a signature: only upwards. ERR_DUP when it is not above the last. */
enum err device_take_serial(struct db *db, const char *id, int64_t serial) MUST_CHECK;

struct activation {
    const char *device, *code_mac, *issued_by, *second_by; /* second_by NULL: not confirmed */
    int64_t     tries, expires_wall;
};
enum err activation_put(struct db *db, const char *device, const char *code_mac, const char *issued_by, int64_t expires_wall) MUST_CHECK;
enum err activation_get(struct db *db, struct arena *a, const char *device, struct activation *out) MUST_CHECK; /* ERR_NOTFOUND */
enum err activation_confirm(struct db *db, const char *device, const char *second_by) MUST_CHECK;
enum err activation_try(struct db *db, const char *device) MUST_CHECK;
enum err activation_drop(struct db *db, const char *device) MUST_CHECK;

/* Which device a session holds: noted at log-in with a device and at registration. */
struct session_of {
    const char *session, *person;
};
enum err session_device_put(struct db *db, const char *session, const char *person, const char *device, int64_t wall_ms) MUST_CHECK;
/* out "" when none. state may be NULL. */
enum err session_device_get(struct db *db, struct arena *a, const char *session, const char **device, const char **state) MUST_CHECK;
/* Sessions of a device that were not revoked. */
enum err session_device_list(struct db *db, struct arena *a, const char *device, struct session_of **list, size_t *n) MUST_CHECK;

enum err session_device_drop(struct db *db, const char *device) MUST_CHECK; /* nobody holds it any more */

/* F130: people of the roles, with their most advanced device (active, then pending, then lost); state "" = none at all. */
struct device_board_row {
    const char *person, *name, *unit, *device, *state;
    unsigned    roles;
    bool        has_code, code_confirmed;
    int64_t     activated_wall;
};
enum err device_board(struct db *db, struct arena *a, unsigned roles, struct device_board_row **list, size_t *n) MUST_CHECK;

#endif
