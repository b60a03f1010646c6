/* SPDX-License-Identifier: Apache-2.0
 *
 * People: table person. Rows come back in the arena. Reads on any connection; writes on the writer's thread, in its
 * transaction. Phone numbers are sealed by the caller: this file never sees a plain one (D7).
 */
#ifndef ZB_STORE_PERSON_H
#define ZB_STORE_PERSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "store/db.h"

struct person {
    const char *id, *name, *title, *unit, *unit_name; /* unit "" = none; unit_name is the short name */
    unsigned    roles;
    const void *phone_enc; /* NULL: no number */
    size_t      phone_enc_n;
    bool        active, simulated;
};

enum err person_get(struct db *db, struct arena *a, const char *id, struct person *out) MUST_CHECK; /* ERR_NOTFOUND */
enum err person_by_phone(struct db *db, struct arena *a, const char *phone_idx, struct person *out) MUST_CHECK;

struct person_new {
    const char *id, *name, *title, *unit; /* unit NULL: none */
    unsigned    roles;
    const void *phone_enc; /* NULL: none */
    size_t      phone_enc_n;
    const char *phone_idx; /* NULL: none */
    bool        simulated;
    int64_t     wall_ms;
};
/* ERR_DUP for a known id or phone number, ERR_CONFLICT for an unknown unit. */
enum err person_add(struct db *db, const struct person_new *p) MUST_CHECK;
enum err person_set_active(struct db *db, const char *id, bool active) MUST_CHECK;

/* Units that may get a contact: real units (no groups) whose members act on the platform. */
struct person_unit {
    const char *code, *short_name;
};
enum err person_units(struct db *db, struct arena *a, struct person_unit **list, size_t *n) MUST_CHECK;
enum err person_unit_name(struct db *db, struct arena *a, const char *unit, const char **out) MUST_CHECK; /* short name; ERR_NOTFOUND */

/* The plan a board shows by itself: the one issued last; NULLs when there is none. */
enum err newest_plan(struct db *db, struct arena *a, const char **id, const char **title) MUST_CHECK;

#endif
