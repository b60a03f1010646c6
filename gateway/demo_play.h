/* SPDX-License-Identifier: Apache-2.0
 *
 * The people of the demo at work (D2): once in every slot of a working day each task is looked at, and whoever has to act on it may do so,
 * through the dispatcher and all of its gates. What they do depends on the seed and the records only, never on the wall clock. Main
 * thread.
 */
#ifndef ZB_GATEWAY_DEMO_PLAY_H
#define ZB_GATEWAY_DEMO_PLAY_H

#include <stdint.h>

#include "base/err.h"
#include "gateway/serve.h"

struct play;

struct play *play_new(struct server *s, uint64_t seed);
void         play_free(struct play *p);
/* Everybody acts as of this business time, which the caller has set. */
enum err play_slot(struct play *p, int64_t biz_ms) MUST_CHECK;
/* A method as one of the demo's people: *out returned (cJSON_Delete), NULL on refusal. */
enum err play_call(struct play *p, const char *who, const char *method, cJSON *args /* taken */, cJSON **out) MUST_CHECK;

struct play_counts {
    int acts, refused, closed, red, yellow;
};
struct play_counts play_counts(const struct play *p);

#endif
