/* SPDX-License-Identifier: Apache-2.0
 *
 * The ranking board (F111, F112): a pure function of the records and the business date, in hundredths of a point, never
 * floating point (domain.md 5, D31-D35, D43). Recomputed from history it gives the same bytes.
 *
 * Channel names: ranking:<period>:<scope>, period 2018 | 2018-Q1 | 2018-03, scope city | county | department | soe.
 */
#ifndef ZB_HANDLERS_RANKING_H
#define ZB_HANDLERS_RANKING_H

#include <stdbool.h>

#include "base/arena.h"
#include "base/err.h"
#include "handlers/req.h"

#define RANKING_RULE "2018-1"

/* Writes the whole board as one JSON object into out. ERR_INPUT for a malformed period or scope. */
enum err ranking_board(struct house *h, struct db *db, struct arena *a, const char *period, const char *scope, int64_t biz_ms,
                       struct jw *out) MUST_CHECK;
/* Writer, end of a batch: publishes the boards of the current month, quarter and year in every scope through the outbox. */
enum err ranking_publish(struct house *h, struct db *db, int64_t wall_ms, int64_t biz_ms) MUST_CHECK;
/* Writer: stores the boards of periods that ended before today and are not frozen yet. */
enum err ranking_freeze(struct house *h, struct db *db, int64_t biz_ms) MUST_CHECK;

enum err ranking_channel_may(struct req *r, const char *rest) MUST_CHECK;
enum err ranking_channel_snapshot(struct req *r, const char *rest) MUST_CHECK;

#endif
