/* SPDX-License-Identifier: Apache-2.0
 *
 * What one loop owns besides the network's part: the hub, its people, the ping wheel. loop_data() of the network. Loop thread only.
 *
 * The ping wheel: one bucket per 100 ms tick; a client sits in one bucket for life, so it is pinged once a turn and checked
 * `pong_ticks` later by a second hand. No timer objects (D16).
 */
#ifndef ZB_GATEWAY_LOOPSTATE_H
#define ZB_GATEWAY_LOOPSTATE_H

#include "gateway/client.h"
#include "gateway/hub.h"

#define WHO_BUCKETS 1024u
#define TICK_MS     100

struct loopstate {
    struct app      *app;
    struct net_loop *loop;
    struct hub      *hub;
    struct who      *who[WHO_BUCKETS];
    struct client  **wheel; /* ping_ticks heads */
    unsigned         ping_ticks, pong_ticks, hand;
    struct client   *stale_head, *stale_tail; /* NEW clients by age */
    struct frame    *ping_frame;
    unsigned         rnd;
    int64_t          second_ms;
};

struct loopstate *loopstate_new(struct net_loop *l);
void              loopstate_free(struct loopstate *s);
struct loopstate *loopstate_of(struct net_loop *l);
void              loopstate_tick(struct loopstate *s, int64_t mono_ms);

void loopstate_wait_connect(struct loopstate *s, struct client *cl); /* NEW: stale list */
void loopstate_connected(struct loopstate *s, struct client *cl);    /* stale list -> wheel */
void loopstate_remove(struct loopstate *s, struct client *cl);

/* A session was revoked ("" = all of the person): its connections end with 3500. */
void loopstate_close_session(struct loopstate *s, const char *person, const char *session);

/* Interned by session; returned referenced. */
struct who *who_get(struct loopstate *s, const struct actor *a, int64_t expires_wall_ms);
void        who_put(struct loopstate *s, struct who *w); /* NULL is legal */

#endif
