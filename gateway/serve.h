/* SPDX-License-Identifier: Apache-2.0
 *
 * The running server: everything made in order, run until told to stop, taken down in reverse.
 */
#ifndef ZB_GATEWAY_SERVE_H
#define ZB_GATEWAY_SERVE_H

#include "gateway/app.h"

struct server;

/* Opens data directory, keys, store, Redis; migrates; imports the sample on first start in demo; starts threads and
 * listeners. why: one line for the operator. */
enum err server_start(const struct conf *conf, struct server **out, char *why, size_t why_n) MUST_CHECK;
/* Drains connections over a second, finishes what is queued, frees everything. */
void        server_stop(struct server *s);
struct app *server_app(struct server *s);
unsigned    server_port(const struct server *s); /* of the first public listener */
/* Nothing is queued or under way: writer, relay, scheduler (demo, tests). */
bool server_is_idle(struct server *s);
/* Runs the scheduler's pass now, on the caller's thread (discrete-event demo). */
void server_schedule(struct server *s);
/* Discrete-event demo: while in steps, outbox.log is written only by server_settle(), which waits until all that was begun has its
 * consequences (deliveries, live publications) and then logs the step's notices in the order in which they were made. ERR_BUSY: not
 * idle within a minute. */
void     server_in_steps(struct server *s, bool on);
enum err server_settle(struct server *s) MUST_CHECK;

/* The parts that operator commands share: data directory, keys, calendar, store opened for writing and migrated, no threads. */
struct tools {
    struct conf  conf;
    struct house house;
    char         db_path[300];
    struct db   *db;
};
enum err tools_open(const struct conf *conf, bool migrate_store, struct tools *t, char *why, size_t why_n) MUST_CHECK;
void     tools_close(struct tools *t);
/* The options notice.plan_p0 to p3. ERR_INPUT with why. */
enum err tools_plans(const struct conf *conf, struct notice_plan plans[4], char *why, size_t why_n) MUST_CHECK;
/* A store that was started as a demo stays one: commands beside it need no ZHANGBAN_DEMO. Restores the business clock. */
void tools_follow_demo(struct tools *t);
/* Where Redis is for this data directory: configured, or the private one of a running server (ERR_UNAVAILABLE when none runs). */
enum err tools_redis(const struct tools *t, char address[128], char *why, size_t why_n) MUST_CHECK;
/* One write transaction of its own, ledger sealed, beside whatever other process writes. */
enum err tools_write(struct tools *t, enum err (*fn)(struct db *db, void *arg), void *arg) MUST_CHECK;

#endif
