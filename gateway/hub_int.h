/* SPDX-License-Identifier: Apache-2.0
 *
 * Inside of the hub, shared by hub.c (subscribers, delivery) and hub_sync.c (positions after a gap, presence). Loop thread only.
 *
 * A channel whose continuity broke is SYNCING until a look-up succeeded: what the bus brings is kept in the ring, a worker reads the
 * stream from the last known position, and then either the missing publications are given out (same epoch) or everybody is told (new
 * epoch, D15). Nothing of a new epoch is given to who holds a position of the old one, and the other way round.
 */
#ifndef ZB_GATEWAY_HUB_INT_H
#define ZB_GATEWAY_HUB_INT_H

#include "gateway/hub.h"

#define HUB_MAGIC     0x68756220U
#define CHANS_BITS    12
#define CHANS_N       (1u << CHANS_BITS)
#define RING_N        128
#define SLICE_SENDS   256
#define SLICE_US      2000
#define TOUCH_N       16
#define RESUB_OVER_MS 5000
#define SYNC_OVER_MS  2000 /* Redis came back: the look-ups are spread over this */
#define SYNC_PER_TICK 1000

struct kept {
    struct frame *f;
    uint64_t      offset, key;
    char          epoch[24];
};

struct chan {
    struct chan              *next; /* hash chain */
    const struct channel_row *row;
    char                      epoch[24]; /* "" until known */
    uint64_t                  last;      /* newest offset given to the subscribers */
    struct sub               *head, *tail;
    size_t                    subs_n, pending_n, lost_n;
    struct kept              *ring; /* while pending_n > 0 or syncing: the last ring_n publications */
    size_t                    ring_n;
    bool                      ring_lost, syncing, presence_dirty;
    uint64_t                  sync_no;       /* of the look-up under way; 0: none */
    int64_t                   sync_due_ms;   /* != 0: a look-up starts then */
    int64_t                   resub_from_ms; /* lost ones are told 2500 over 5 s from here */
    int64_t                   resub_tick_ms; /* last done */
    int64_t                   presence_ms;
    char                      name[];
};

/* A broadcast under way. */
struct cast {
    struct cast  *next;
    struct chan  *chan;
    struct sub   *cursor;
    struct frame *f;
    uint64_t      offset, key;
};

struct hub {
    unsigned         magic;
    struct net_loop *loop;
    struct app      *app;
    struct chan     *chans[CHANS_N];
    struct cast     *cast, **cast_tail;
    bool             cast_posted;
    size_t           subs_n;
    uint64_t         sync_no; /* last one given: a channel's name may come back while its look-up is under way */
};

/* hub.c */
struct chan *hub_chan(const struct hub *h, const char *name);
void         hub_ring_keep(struct chan *c, const char *epoch, uint64_t offset, uint64_t key, struct frame *f);
void         hub_ring_drop(struct chan *c);
void         hub_cast(struct hub *h, struct chan *c, uint64_t offset, uint64_t key, struct frame *f); /* position moves to offset */
void         hub_settle(struct hub *h); /* what is being delivered is delivered now; channels may go with their subscribers */
/* hub_sync.c */
void hub_sync_start(struct hub *h, struct chan *c);

#endif
