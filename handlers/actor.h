/* SPDX-License-Identifier: Apache-2.0
 *
 * The person behind a session, from the records.
 */
#ifndef ZB_HANDLERS_ACTOR_H
#define ZB_HANDLERS_ACTOR_H

#include "handlers/req.h"

/* device: the session's bound device, "" none. Fills everything but who->session. bound is false when the person's roles need an
 * active device and the session has none (D18). ERR_NOTFOUND: nobody, or no longer active. */
enum err actor_load(struct db *db, const char *person, const char *device, struct actor *who) MUST_CHECK;

#endif
