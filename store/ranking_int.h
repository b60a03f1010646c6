/* SPDX-License-Identifier: Apache-2.0
 *
 * What reading everything and reading what is new share: everything but events and reports, and one event.
 */
#ifndef ZB_STORE_RANKING_INT_H
#define ZB_STORE_RANKING_INT_H

#include "store/ranking.h"

/* tasks: those of out, to hang events and reports on. */
enum err ranking_load_frame(struct db *db, struct arena *a, struct ranking_data *out, struct ranking_task **tasks) MUST_CHECK;

#define RANKING_EVENT_COLUMNS "seq, event, to_state, unit, at_biz, data"
struct ranking_event ranking_read_event(const struct rows *r, const struct ranking_data *d); /* columns as named, first ones */

#endif
