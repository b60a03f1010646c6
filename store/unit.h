/* SPDX-License-Identifier: Apache-2.0
 *
 * Units, groups and their names: tables unit, unit_alias, unit_member. Rows come back in the arena. Reads on any connection;
 * writes on the writer's thread, in its transaction.
 */
#ifndef ZB_STORE_UNIT_H
#define ZB_STORE_UNIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "store/db.h"

struct unit {
    const char *code, *full_name, *short_name, *board_name; /* board_name: at most 5 characters (ux.md 2.2) */
    const char *level, *type, *region, *parent, *note;      /* region, note "" = none; parent NULL */
    const char *scope;     /* board: "county", "department", "soe", "" = not ranked */
    const char *user_kind; /* one of the eight kinds of F126, "" = none */
    const char *roles;     /* words joined by | */
    const char *valid_from, *valid_to, *replaced_by; /* NULL = open; valid_to inclusive (D46) */
    bool        is_group, members_complete;
    int64_t     ord;
};

enum err unit_get(struct db *db, struct arena *a, const char *code, struct unit *out) MUST_CHECK; /* ERR_NOTFOUND */
/* Only its level and region. ERR_NOTFOUND. */
enum err unit_place(struct db *db, struct arena *a, const char *code, const char **level, const char **region) MUST_CHECK;
bool     unit_valid_on(const struct unit *u, const char *date); /* date YYYY-MM-DD, inclusive on both ends */
/* Members of a group, in order; nested groups are expanded, each unit once. ERR_NOTFOUND: no such group. */
enum err unit_members(struct db *db, struct arena *a, const char *group, const char ***codes, size_t *n) MUST_CHECK;
bool     unit_word_in(const char *words, const char *word); /* a word among those joined by | */

/* A code, full name, short name or alias -> its unit (F033). ERR_NOTFOUND; ERR_CONFLICT: several units have this name, *codes (arena,
 * joined by 、) says which. Never guesses. */
enum err unit_resolve(struct db *db, struct arena *a, const char *name, const char **code, const char **codes) MUST_CHECK;

struct unit_filter {
    const char *level, *type, *scope, *user_kind, *q, *after; /* "" or NULL = all; q: part of a name; after: code of the last row */
    int         limit;
};
enum err unit_list(struct db *db, struct arena *a, const struct unit_filter *f, struct unit **list, size_t *n) MUST_CHECK;
enum err unit_aliases(struct db *db, struct arena *a, const char *code, const char ***list, size_t *n) MUST_CHECK;

enum err unit_add(struct db *db, const struct unit *u) MUST_CHECK; /* ERR_DUP */
enum err unit_alias_add(struct db *db, const char *alias, const char *unit) MUST_CHECK; /* again: nothing */
enum err unit_member_add(struct db *db, const char *group, const char *unit, int64_t ord) MUST_CHECK;

#endif
