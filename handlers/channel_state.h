/* SPDX-License-Identifier: Apache-2.0
 *
 * What goes with a subscribe reply (D13): the state behind a channel, small and bounded, so that after `recovered: false` nothing
 * need be asked. The entries have the form of the channel's publications, and are known by their ids. Any worker; one JSON object
 * into r->out. Who may listen was decided before (channel.c).
 */
#ifndef ZB_HANDLERS_CHANNEL_STATE_H
#define ZB_HANDLERS_CHANNEL_STATE_H

#include "base/err.h"
#include "handlers/req.h"

/* {unread, items}: the number of unread notices and the newest 20 of them, newest first. rest is the person; r->who is not asked. */
enum err channel_state_user(struct req *r, const char *rest) MUST_CHECK;
/* {unit, tasks: {open, waiting, red, yellow}, items, instructions}: open tasks of the unit and the newest 20 of them; the ids of its newest
 * 20 instructions in hand, for those who may read them. */
enum err channel_state_unit(struct req *r, const char *rest) MUST_CHECK;
/* {type, id, state, version, at, deadline, light, return_count, units, signed, reported} */
enum err channel_state_task(struct req *r, const char *rest) MUST_CHECK;

#endif
