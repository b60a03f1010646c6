/* SPDX-License-Identifier: Apache-2.0
 *
 * Routes of the HTTP family: messages to push/caller.h, whose answers are verdicts already.
 */
#include <string.h>

#include "push/caller.h"
#include "push/route_int.h"

static void answers(struct route *r, unsigned *n, unsigned *throttled) {
    (void)r;
    *n = *throttled = 0;
}

static size_t parts(const struct item *it) {
    (void)it;
    return 1;
}

static void stored(struct route *r, uint64_t token) {
    (void)r;
    (void)token;
}

static enum err open_call(struct route *r, char *why, size_t why_n) {
    (void)snprintf(why, why_n, "provider %s: no HTTP", r->name);
    return ERR_INPUT;
}

static void close_call(struct route *r) { route_closed(r); }

static enum err submit(struct route *r, struct item *it) {
    (void)r;
    (void)it;
    return ERR_INPUT;
}

const struct route_family route_family_call = {
    .open = open_call, .submit = submit, .parts = parts, .answers = answers, .stored = stored, .close = close_call};
