/* SPDX-License-Identifier: Apache-2.0
 *
 * People put in and taken out by the operator (`zhangban person`). Writer thread or the operator's own transaction; on the ledger without
 * personal data (D7).
 */
#ifndef ZB_HANDLERS_PERSON_ADMIN_H
#define ZB_HANDLERS_PERSON_ADMIN_H

#include "base/arena.h"
#include "base/err.h"
#include "handlers/house.h"
#include "store/db.h"

struct person_form {
    const char *id, *name, *title, *unit; /* title, unit: "" = none */
    const char *roles;                    /* words joined by commas */
    const char *phone;                    /* "" = none */
};
/* ERR_INPUT with why: what is wrong with the form. ERR_DUP: the id or the number is known. */
enum err person_create(struct house *h, struct db *db, struct arena *a, const struct person_form *f, const char **why) MUST_CHECK;
/* No longer active: refused everywhere from the next request on. ERR_NOTFOUND. */
enum err person_deactivate(struct house *h, struct db *db, struct arena *a, const char *id) MUST_CHECK;

#endif
