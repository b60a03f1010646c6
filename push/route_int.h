/* SPDX-License-Identifier: Apache-2.0
 *
 * Routes of the delivery worker: one for each provider, with its window, pace, breaker and what waits for it. Shared by route.c (which
 * one, what an answer means), route_link.c and route_call.c (the two families of providers). Never included outside push/. Loop
 * thread only.
 *
 * A breaker: FAILS_MAX failures of the provider in a row open it for 5 s, twice as long each time up to 5 minutes, with jitter; then
 * one message tries, and a success closes it.
 */
#ifndef ZB_PUSH_ROUTE_INT_H
#define ZB_PUSH_ROUTE_INT_H

#include "push/deliver_int.h"
#include "push/pace.h"
#include "push/provider.h"

#define ROUTES_MAX   CONF_SECTIONS_MAX
#define ROUTE_RECENT 10 /* half minutes */

/* The family's side. submit: the item is in r->sent already; ERR_BUSY: no room, ERR_INPUT: cannot go this way at all. */
struct route_family {
    enum err (*open)(struct route *r, char *why, size_t why_n);
    enum err (*submit)(struct route *r, struct item *it);
    enum err (*ask)(struct route *r, struct item *it); /* has it been read; the same errors. NULL: nobody can be asked */
    size_t (*parts)(const struct item *it);                          /* what it costs of the rate */
    void (*answers)(struct route *r, unsigned *n, unsigned *throttled); /* of the last second */
    void (*stored)(struct route *r, uint64_t token);                 /* a report is in the store */
    void (*close)(struct route *r);                                  /* then r->is_closed, at once or later */
};
extern const struct route_family route_family_link, route_family_call;

struct route {
    unsigned magic;
#define ROUTE_MAGIC 0x726f7574U
    struct deliver             *d;
    struct provider            *provider;
    const struct provider_kind *kind;
    const struct route_family  *family;
    void                       *peer; /* struct link or struct caller */
    const char                 *name;
    enum delivery_channel       channel;
    char                       *others; /* ",a,b,": the other providers of this channel and vendor */
    int64_t                     weight, turn; /* turn: of the smooth weighted round robin */
    size_t                      window;
    bool                        is_up, is_closed, is_held; /* held: by an operator */
    struct pace                 pace;
    int64_t                     allowed; /* a second, by contract */
    /* shared with the pacer: what is wanted, what was granted, answers since it looked; rate it learned, in thousandths: 0 not asked yet,
     * below 0: Redis is away, this worker's own share */
    atomic_llong want, leased, answered, throttled, shared_milli;
    struct items                ready[4], sent;
    /* poll.c: to be asked about; asked; not before (monotonic). The pacer looks for more while may_ask */
    struct items                to_ask, asked;
    int64_t                     ask_mono_ms;
    bool                        ask_job;
    atomic_bool                 may_ask;
    size_t                      ready_n[4], claiming_n[4], sent_n;

    unsigned fails;   /* in a row */
    int64_t  open_ms; /* length of the last opening */
    int64_t  shut_until_mono_ms, quota_until_wall_ms;
    int64_t  unreported_mono_ms; /* next look for missing receipts */
    char     secret[260];

    /* since start */
    uint64_t sent_total, answers_n, verdicts[V_MAX];
    uint64_t answers_told, throttled_told; /* those that the last second knew of */
    struct {
        int64_t  at; /* which half minute of the monotonic clock */
        unsigned taken_n, other_n;
    }        recent[ROUTE_RECENT]; /* answers of the last five minutes; throttled ones are neither: they come again */
    char     last_error[128];
    int64_t  last_error_wall_ms;
};

/* ---- route.c ---- */
/* An answer for an item in r->sent. */
void route_result(struct route *r, struct item *it, const struct push_answer *a, const char *refs);
void route_up(struct route *r, bool up);
void route_closed(struct route *r);
bool route_is_open(const struct route *r); /* messages may go now */

/* ---- poll.c ---- */
void polls_open(struct route *r);
void polls_tick(struct route *r);
bool polls_next(struct route *r); /* hands one over to the family; false: none is to be asked now, or there is no room */
void polls_close(struct route *r); /* forgets those that were not asked; before the family closes */
/* An answer for one in r->asked. */
void polls_answer(struct route *r, struct item *it, const struct push_receipt *rc, const struct push_answer *a);

#endif
