/* SPDX-License-Identifier: Apache-2.0
 *
 * The people of a demo (D18): the named roles and one simulated contact for each unit, with numbers of a range that is not
 * assigned (1990000xxxx). Nobody here exists.
 */
#ifndef ZB_HANDLERS_DEMO_PEOPLE_H
#define ZB_HANDLERS_DEMO_PEOPLE_H

#include <stdint.h>

#include "base/err.h"
#include "handlers/house.h"
#include "store/db.h"

#define DEMO_DISPLAY "demo-display"
#define DEMO_ADMIN   "demo-admin"

/* Writer thread, in a transaction; units must be there. Idempotent: who is known stays as he is. People whose role needs a
 * device get an active one ("d_<person>"), its private key in DATA/demo/keys/<person>.pem (0600), so that a demo can sign.
 * Demo mode only: ERR_PERM elsewhere. */
enum err demo_people(struct house *h, struct db *db, int64_t wall_ms) MUST_CHECK;

#endif
