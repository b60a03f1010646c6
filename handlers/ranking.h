/* SPDX-License-Identifier: Apache-2.0
 *
 * The ranking board (F111, F112): a pure function of the records and the business date, in hundredths of a point, never
 * floating point (domain.md 5, D31-D35, D43). Recomputed from history it gives the same bytes.
 *
 * Channel names: ranking:<period>:<scope>, period 2018 | 2018-Q1 | 2018-03, scope city (all ranked units) | county | department |
 * soe.
 *
 * A board, also the answer of ranking.get and the snapshot of the channel (scores and rates in hundredths; times business time):
 *   { "period", "scope", "rule", "version": n, "at": ISO, "day": "2018-06-27", "frozen": bool,
 *     "min_tasks": fewer counted tasks are not ranked,
 *     "totals": { "tasks", "closed", "open", "long_term", "red", "yellow", "green", "on_time": n, "due": n, "on_time_rate":
 * n|null }, "rows": [ { "rank": n|null, "change": n|null, "unit", "name" (board name), "short_name", "score": n|null, "on_time":
 * n, "due": n, "on_time_rate": n|null, "closed": n, "counted": n, "red", "yellow", "green", "mark": ""|"incentive"|"warning" } ],
 *     "weeks": [ { "week": 1.., "from": "2018-01-01", "due", "open", "overdue", "soon" } ],
 *     "events": [ { "at", "kind": "close"|"dispatch"|"sign"|"due_soon"|"overdue"|"return"|"submit"|"report", "unit", "title",
 * "task" } ], "events_today": n } change: places won (+) or lost (-) against the previous frozen period, 0 unchanged, null first
 * time. Rows without a rank stand last. events: the newest 12. version rises with every change of the board's inputs.
 */
#ifndef ZB_HANDLERS_RANKING_H
#define ZB_HANDLERS_RANKING_H

#include <stdbool.h>

#include "base/arena.h"
#include "base/err.h"
#include "handlers/ranking_score.h"
#include "handlers/req.h"

#define RANKING_RULE "2018-1"

/* Everything a board is made of, as it stood at an instant. */
struct ranking_view {
    struct arena       *a; /* of its own: boards are larger than the arena of a request */
    struct ranking_data d;
    struct score_rules  rules;
    struct score_facts  f;
    struct score_period period;
    unsigned            scopes;
    bool                ended; /* the period is over: seen as at its end */
};
/* ERR_INPUT for a malformed period or scope. Any connection; ends with ranking_view_end, also after an error. */
enum err           ranking_view_begin(struct house *h, struct db *db, const char *period, const char *scope, int64_t biz_ms,
                                      struct ranking_view *out) MUST_CHECK;
void               ranking_view_end(struct ranking_view *v);
struct score_rules ranking_rules(const struct house *h);

/* Writes the whole board as one JSON object into out. ERR_INPUT for a malformed period or scope. */
enum err ranking_board(struct house *h, struct db *db, struct arena *a, const char *period, const char *scope, int64_t biz_ms,
                       struct jw *out) MUST_CHECK;
/* Writer, end of a batch: publishes the boards of the current month, quarter and year in every scope through the outbox. */
enum err ranking_publish(struct house *h, struct db *db, int64_t wall_ms, int64_t biz_ms) MUST_CHECK;
/* Writer, end of each batch: publishes the boards when they are dirty. At once, as long as few changes come; when they come in
 * large batches, or when boards have become dear, not more often than a part of the writer's time allows: then the mark "owed" is
 * set in the same transaction, and the last state goes out when ranking_due_us says, also after a crash. force: now. */
enum err ranking_seal(struct house *h, struct db *db, bool force) MUST_CHECK;
/* Writer: when ranking_seal must run again even if nobody writes (clock_mono_us); INT64_MAX: it need not. */
int64_t ranking_due_us(const struct house *h);
/* Writer: the batch was rolled back; what it would have published is still to come. */
void ranking_aborted(struct house *h);
/* Writer, or when it has ended: the remembered history is freed; the next publication reads all of it again. */
void ranking_forget(struct house *h);
/* Before the writer runs: were the boards owed when the last process ended? */
enum err ranking_recall(struct house *h, struct db *db) MUST_CHECK;
/* Writer: stores the boards of periods that ended before today and are not frozen yet. */
enum err ranking_freeze(struct house *h, struct db *db, int64_t biz_ms) MUST_CHECK;

/* The frozen board of an ended period, computed anew from history: the same bytes as ranking_freeze stored. ERR_STATE: not ended.
 */
enum err ranking_recompute(struct house *h, struct db *db, const char *period, const char *scope, int64_t biz_ms,
                           struct jw *out) MUST_CHECK;

enum err ranking_channel_may(struct req *r, const char *rest) MUST_CHECK;
enum err ranking_channel_snapshot(struct req *r, const char *rest) MUST_CHECK;

#endif
