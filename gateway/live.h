/* SPDX-License-Identifier: Apache-2.0
 *
 * From the bus to the hubs: one subscriber on loop 0 hands every publication, as one shared frame, to all loops; control
 * messages (a session was revoked) go the same way.
 */
#ifndef ZB_GATEWAY_LIVE_H
#define ZB_GATEWAY_LIVE_H

#include "gateway/app.h"

/* Any thread: closes the session's connections here at once and tells the other processes through Redis, on a worker. */
void live_close_session(struct app *app, const char *person, const char *session);

void live_start(struct net_loop *l0); /* loop 0's thread */
void live_stop(struct net_loop *l0);

#endif
