/* SPDX-License-Identifier: Apache-2.0
 *
 * State that goes with a subscribe reply (D13); of boards computed once per position of the channel, however many subscribe at once.
 */
#ifndef ZB_GATEWAY_SNAPSHOTS_H
#define ZB_GATEWAY_SNAPSHOTS_H

#include "gateway/app.h"

/* Worker. Reads the state after `top` was read; *json is in r->a. */
enum err snapshot_get(struct worker *w, const struct channel_row *row, const char *channel, const struct channel_pos *top, struct req *r,
                      const char **json) MUST_CHECK;

#endif
