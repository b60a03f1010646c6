/* SPDX-License-Identifier: Apache-2.0 */
#include "handlers/actor.h"

#include <stdio.h>
#include <string.h>

#include "handlers/session_issue.h"

#define ACTOR_ARENA_BYTES 8192

/* Without a session there is nothing it could have registered: the device must be named. */
enum err actor_load(struct db *db, const char *person, const char *device, struct actor *who) {
    struct session s = {.id = ""};
    struct arena  *a = arena_new(ACTOR_ARENA_BYTES);
    (void)snprintf(s.person, sizeof s.person, "%s", person);
    (void)snprintf(s.device, sizeof s.device, "%s", device ? device : "");
    enum err e = session_actor(db, a, &s, who);
    arena_free(a);
    return e == ERR_AUTH ? ERR_NOTFOUND : e;
}
