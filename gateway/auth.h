/* SPDX-License-Identifier: Apache-2.0
 *
 * Who is this token? Redis knows the session, the store knows the person. Verdicts are cached 1 s, and up to 5 min while Redis
 * is away (D17); revocations drop them at once. Any thread.
 */
#ifndef ZB_GATEWAY_AUTH_H
#define ZB_GATEWAY_AUTH_H

#include "gateway/app.h"

struct tokens *tokens_new(void);
void           tokens_free(struct tokens *t);

/* Worker. ERR_AUTH: unknown, expired, revoked, or the person is gone. ERR_UNAVAILABLE: Redis is away and nothing is cached.
 * expires_wall_ms: absolute end of the session. */
enum err token_resolve(struct worker *w, const char *token, struct actor *who, int64_t *expires_wall_ms) MUST_CHECK;
/* Forgets verdicts of a person's session ("" = all of the person). */
void tokens_drop(struct tokens *t, const char *person, const char *session);

#endif
