/* SPDX-License-Identifier: Apache-2.0
 *
 * Redis over hiredis, synchronous: one connection a thread, reconnecting by itself, with a time-out on every command.
 * Every key and its life is in store/keys.h. Everything in Redis may vanish at any moment (D12, D17); ERR_UNAVAILABLE says it
 * cannot be reached now.
 */
#ifndef ZB_STORE_REDIS_H
#define ZB_STORE_REDIS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"

struct redis;

/* address: "unix:/path" or "host:port" (loopback). Does not connect yet. */
struct redis *redis_new(const char *address, int timeout_ms);
void          redis_free(struct redis *r);
enum err      redis_ping(struct redis *r) MUST_CHECK;
/* Counts reconnects to another run_id; a change means Redis restarted (rebuild). Empty string when never connected. */
const char *redis_run_id(const struct redis *r);

/* ---- sessions: token -> session, stored under HMAC-SM3(token); idle and absolute limits ---- */
struct session {
    char     id[40];     /* shown in lists, revocable; not the token */
    char     person[40];
    char     device[40]; /* "" = none */
    char     client[24]; /* "phone", "pc", "board", ... */
    int64_t  created_wall_ms, seen_wall_ms, expires_wall_ms; /* absolute end */
    int64_t  idle_ms;
};
/* token: 43 characters base64url of 256 random bits, given once. */
enum err session_create(struct redis *r, const struct session *s, char token[44]) MUST_CHECK;
/* Slides the idle limit. ERR_AUTH: unknown or expired; ERR_UNAVAILABLE. */
enum err session_get(struct redis *r, const char *token, struct session *out) MUST_CHECK;
enum err session_delete(struct redis *r, const char *person, const char *session_id) MUST_CHECK;
enum err session_list(struct redis *r, struct arena *a, const char *person, struct session **list, size_t *n) MUST_CHECK;
/* The stored name of a token, for caches and revocation lists; never reversible. */
void session_token_hash(const char *token, char out[65]);

/* ---- limits: fixed cost token bucket, one script ---- */
/* Takes `cost` from bucket `name`; refilled to burst at rate per minute. ERR_LIMIT with *retry_ms when empty. */
enum err limit_take(struct redis *r, const char *name, int cost, int per_minute, int burst, int64_t *retry_ms) MUST_CHECK;

/* ---- what a provider allows, shared by all workers (D25) ---- */
/* Takes up to `want` tokens of a bucket filled at the learned rate, a quarter of a second of which is saved up. answers_n, throttled_n:
 * since the last call; more than 5 % throttled within a second lower the rate by a tenth, else it comes back additively. */
enum err rate_lease(struct redis *r, const char *provider, int64_t allowed_per_s, int64_t want, int64_t answers_n, int64_t throttled_n, int64_t *granted,
                    double *rate) MUST_CHECK;

/* ---- what workers say of themselves ---- */
struct worker_word {
    const char *worker, *json;
    int64_t     at_ms; /* wall clock of the worker */
};
enum err worker_say(struct redis *r, const char *worker, const char *json) MUST_CHECK;
/* Those who spoke lately. */
enum err worker_list(struct redis *r, struct arena *a, struct worker_word **list, size_t *n) MUST_CHECK;

/* ---- once: true the first time a value is seen within ttl (nonces) ---- */
enum err once(struct redis *r, const char *space, const char *value, int64_t ttl_ms, bool *first) MUST_CHECK;

/* ---- channel log: a bounded stream with epoch and offsets, one script (D11-D13) ---- */
struct channel_pos {
    char     epoch[24]; /* never "_" and never empty */
    uint64_t offset;
};
struct channel_entry {
    uint64_t    offset;
    const char *key;  /* NULL or latest-wins key */
    const char *data; /* JSON */
    int64_t     at_ms;
};
/* Appends and publishes on the bus. seq <= the channel's last seq: nothing happens, *published = false. size: entries kept;
 * ttl_s: life of the stream. Another run_id than the one in the channel's meta: new epoch, empty stream. */
enum err channel_publish(struct redis *r, const char *channel, const char *key, const char *data, int64_t seq, int size, int ttl_s,
                         struct channel_pos *pos, bool *published) MUST_CHECK;
/* The same for many, in one instant and for a fraction of the price: the first *done of v (at least one; what one command holds),
 * in order, with pos and published of each (arrays of CHANNEL_ITEMS_MAX). An error: nobody knows how many are in; all of them may
 * be sent again. channel_item_check: ERR_INPUT, ERR_TOOBIG; such an item is refused with all of its call. */
struct channel_item {
    const char *channel, *key, *data; /* key: NULL none */
    int64_t     seq;
    int         size, ttl_s;
};
#define CHANNEL_ITEMS_MAX 10
enum err channel_item_check(const struct channel_item *i) MUST_CHECK;
enum err channel_publish_some(struct redis *r, const struct channel_item *v, size_t n, size_t *done, struct channel_pos *pos,
                              bool *published) MUST_CHECK;
/* The seq of the newest publication of any channel; 0: none, or Redis was flushed. */
enum err channel_relayed(struct redis *r, int64_t *seq) MUST_CHECK;
enum err channel_top(struct redis *r, const char *channel, struct channel_pos *pos) MUST_CHECK; /* makes the meta if missing */
/* Entries with offset > since (ascending), at most max; pos: top at the same instant. *complete: nothing between since and top is
 * missing and epoch ("" = any) is the stream's. */
enum err channel_read(struct redis *r, struct arena *a, const char *channel, const char *epoch, uint64_t since, int max,
                      struct channel_pos *pos, struct channel_entry **list, size_t *n, bool *complete) MUST_CHECK;
/* History call: newest first if reverse; since NULL: from the beginning (or end). */
enum err channel_history(struct redis *r, struct arena *a, const char *channel, const uint64_t *since, bool reverse, int limit,
                         struct channel_pos *pos, struct channel_entry **list, size_t *n) MUST_CHECK;

/* Every channel begins a new epoch at its next use (zhangban rebuild). *n: logs and metas deleted. */
enum err channel_forget_all(struct redis *r, int64_t *n) MUST_CHECK;

/* ---- presence: per channel and node, refreshed every 25 s, life 60 s ---- */
struct presence_entry {
    const char *client, *person;
};
enum err presence_put(struct redis *r, const char *node, const char *channel, const struct presence_entry *list, size_t n) MUST_CHECK;
enum err presence_get(struct redis *r, struct arena *a, const char *channel, struct presence_entry **list, size_t *n) MUST_CHECK;

/* ---- control messages to every gateway process ("close session X"): published, not stored ---- */
enum err control_publish(struct redis *r, const char *json) MUST_CHECK;

/* ---- lanes: Streams as work queues with a consumer group ---- */
struct lane_item {
    char        entry[32]; /* stream id, for the ack */
    const char *delivery;  /* delivery id, all an entry holds (D24) */
    int64_t     times;     /* how often handed out before */
    int         lane;      /* index in the list asked for (lane_take_any); else 0 */
};
enum err lane_add(struct redis *r, const char *lane, const char *delivery_id) MUST_CHECK;
/* All in order, LANE_BATCH_MAX a round trip. ERR_BUSY: the lane is full, the rest was not added. */
enum err lane_add_many(struct redis *r, const char *lane, char *const *delivery_ids, size_t n) MUST_CHECK;
/* Blocks at most wait_ms for new ones. */
enum err lane_take(struct redis *r, struct arena *a, const char *lane, const char *worker, size_t max, int wait_ms, struct lane_item **list,
                   size_t *n) MUST_CHECK;
/* The same of several lanes (at most LANES_MAX): `max` of each at most, and whatever comes first ends the waiting. */
enum err lane_take_any(struct redis *r, struct arena *a, const char *const *lanes, int lanes_n, const char *worker, size_t max, int wait_ms,
                       struct lane_item **list, size_t *n) MUST_CHECK;
/* What this worker's name was handed before and never acknowledged (its last life): a page, behind the entry `after` ("0": from the first). */
enum err lane_take_own(struct redis *r, struct arena *a, const char *lane, const char *worker, const char *after, size_t max,
                       struct lane_item **list, size_t *n) MUST_CHECK;
/* Takes over what a worker holds for longer than idle_ms; own: also what this name holds itself. */
enum err lane_claim(struct redis *r, struct arena *a, const char *lane, const char *worker, bool own, int64_t idle_ms, size_t max,
                    struct lane_item **list, size_t *n) MUST_CHECK;
enum err lane_ack(struct redis *r, const char *lane, const char *const *entries, size_t n) MUST_CHECK;
enum err lane_depth(struct redis *r, const char *lane, int64_t *waiting, int64_t *pending) MUST_CHECK;
enum err lane_clear(struct redis *r, const char *lane) MUST_CHECK; /* before it is filled again from the records */
/* Leaves a mark. *was: it was there already; a mark that vanished says that Redis was flushed. */
enum err lane_mark(struct redis *r, bool *was) MUST_CHECK;

#endif
