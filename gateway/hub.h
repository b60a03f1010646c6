/* SPDX-License-Identifier: Apache-2.0
 *
 * Channels and their subscribers on one loop. A publication is one frame for everybody; it is delivered in slices of 256 sends
 * or 2 ms (D16), in order. Continuity (offset = last + 1, same epoch) is checked once per channel here, not per subscriber.
 *
 *   subscribe command -> hub_join (PENDING) -> worker reads Redis and state -> hub_ready (ACTIVE, position p)
 *
 * What the bus brings while somebody is PENDING is kept in a ring of the channel and given out behind p, so no publication
 * falls between the read and the bus. Loop thread only.
 */
#ifndef ZB_GATEWAY_HUB_H
#define ZB_GATEWAY_HUB_H

#include "gateway/app.h"
#include "gateway/client.h"

struct hub;
struct chan;

/* One subscription of one client. Lists: of its channel (prev, next) and of its client (sibling). */
struct sub {
    struct client *client;
    struct chan   *chan;
    struct sub    *prev, *next, *sibling;
    uint64_t       pos; /* publications up to here were given to the client by the reply or the ring */
    bool           active, server_side;
    bool           fresh; /* it holds a position of a stream that the channel has yet to hear of */
    bool           lost; /* its stream is gone: nothing more is given, 2500 follows */
};

struct hub *hub_new(struct net_loop *l);
void        hub_free(struct hub *h);
struct hub *hub_of(struct net_loop *l);

struct sub *hub_join(struct hub *h, struct client *cl, const char *channel, const struct channel_row *row, bool server_side);
/* The reply has been sent: pos is the client's position; gives out what came meanwhile. False: the ring had a gap, the caller
 * ends the subscription with 2500. */
bool        hub_ready(struct hub *h, struct sub *s, const struct channel_pos *top);
void        hub_leave(struct hub *h, struct sub *s); /* frees s */
struct sub *hub_find(const struct client *cl, const char *channel);
const char *chan_name(const struct chan *c);
const struct channel_row *chan_row(const struct chan *c);

/* A publication from the bus. frame borrowed. */
void hub_publish(struct hub *h, const char *channel, const char *epoch, uint64_t offset, uint64_t key, struct frame *f);
/* The push of a publication, as every subscriber of every loop gets it. Returned: frame_unref. */
struct frame *hub_frame(const char *channel, size_t channel_n, const char *data, size_t data_n, uint64_t offset);
/* Redis came back, maybe as another: every channel's position is compared (a worker reads the streams).
 * Same epoch: what was missed is given out. New epoch: client-side subscriptions end with 2500, spread over 5 s; server-side ones
 * get a subscribe push with the new position and stay (D15). */
void hub_recheck(struct hub *h);

void   hub_tick(struct hub *h, int64_t mono_ms); /* jittered 2500 pushes, presence */
size_t hub_subs(const struct hub *h);

#endif
