/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/hub_int.h"

#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/metric.h"
#include "base/sm.h"

struct hub *hub_new(struct net_loop *l) {
    struct hub *h;
    ALLOC_OBJ(h, HUB_MAGIC);
    h->loop      = l;
    h->app       = loop_app(l);
    h->cast_tail = &h->cast;
    return h;
}

static unsigned name_hash(const char *s) {
    unsigned x = 2166136261U;
    for (; *s; s++) x = (x ^ (unsigned char)*s) * 16777619U;
    return (x ^ x >> CHANS_BITS) & (CHANS_N - 1);
}

struct chan *hub_chan(const struct hub *h, const char *name) {
    struct chan *c = h->chans[name_hash(name)];
    while (c && strcmp(c->name, name) != 0) c = c->next;
    return c;
}

void hub_ring_drop(struct chan *c) {
    for (size_t i = 0; i < c->ring_n; i++) frame_unref(c->ring[i].f);
    x_free(c->ring);
    c->ring      = NULL;
    c->ring_n    = 0;
    c->ring_lost = false;
}

static void cast_drop(struct hub *h, struct cast *k) {
    (void)h;
    frame_unref(k->f);
    x_free(k);
}

static void chan_free(struct hub *h, struct chan *c) {
    for (struct cast **p = &h->cast; *p;) { /* nobody listens any more: broadcasts of it end */
        struct cast *k = *p;
        if (k->chan != c) {
            p = &k->next;
            continue;
        }
        *p = k->next;
        cast_drop(h, k);
    }
    h->cast_tail = &h->cast;
    while (*h->cast_tail) h->cast_tail = &(*h->cast_tail)->next;
    struct chan **p = &h->chans[name_hash(c->name)];
    while (*p != c) p = &(*p)->next;
    *p = c->next;
    hub_ring_drop(c);
    x_free(c);
}

void hub_free(struct hub *h) {
    if (h == NULL) return;
    CHECK_OBJ_NOTNULL(h, HUB_MAGIC);
    for (size_t i = 0; i < CHANS_N; i++)
        while (h->chans[i]) chan_free(h, h->chans[i]);
    MUST(h->cast == NULL);
    FREE_OBJ(h);
}

const char               *chan_name(const struct chan *c) { return c->name; }
const struct channel_row *chan_row(const struct chan *c) { return c->row; }
size_t                    hub_subs(const struct hub *h) { return h->subs_n; }

struct sub *hub_find(const struct client *cl, const char *channel) {
    struct sub *s = cl->subs;
    while (s && strcmp(s->chan->name, channel) != 0) s = s->sibling;
    return s;
}

struct sub *hub_join(struct hub *h, struct client *cl, const char *channel, const struct channel_row *row, bool server_side) {
    struct chan *c = hub_chan(h, channel);
    if (c == NULL) {
        size_t n = strlen(channel);
        c        = x_calloc(1, sizeof *c + n + 1);
        memcpy(c->name, channel, n + 1);
        c->row                = row;
        c->next               = h->chans[name_hash(channel)];
        h->chans[name_hash(channel)] = c;
    }
    struct sub *s  = x_calloc(1, sizeof *s);
    s->client      = cl;
    s->chan        = c;
    s->server_side = server_side;
    s->prev        = c->tail;
    if (c->tail)
        c->tail->next = s;
    else
        c->head = s;
    c->tail     = s;
    s->sibling  = cl->subs;
    cl->subs    = s;
    cl->subs_n++;
    c->subs_n++;
    c->pending_n++;
    h->subs_n++;
    metric_add(M_C_subs, 1);
    return s;
}

bool hub_ready(struct hub *h, struct sub *s, const struct channel_pos *top) {
    struct chan *c = s->chan;
    MUST(!s->active);
    s->active = true;
    s->pos    = top->offset;
    c->pending_n--;
    c->presence_dirty = true;
    bool whole        = true;
    if (c->epoch[0] == '\0') {
        (void)snprintf(c->epoch, sizeof c->epoch, "%s", top->epoch);
        if (c->ring_n == 0) c->last = top->offset;
    } else if (strcmp(c->epoch, top->epoch) != 0) {
        s->fresh = true; /* the stream changed, and we have not heard of it yet: given nothing until the look-up says the same */
        hub_sync_start(h, c);
    }
    if (whole && c->syncing) return true; /* the look-up and then the ring give everything behind pos */
    for (size_t i = 0; whole && i < c->ring_n; i++) {
        if (strcmp(c->ring[i].epoch, top->epoch) != 0) {
            whole = false;
            break;
        }
        if (c->ring[i].offset <= s->pos) continue;
        if (c->ring[i].offset != s->pos + 1) {
            whole = false;
            break;
        }
        client_send_frame(s->client, c->ring[i].f, c->ring[i].key);
        s->pos = c->ring[i].offset;
    }
    if (c->ring_lost && c->ring_n && c->ring[0].offset > top->offset + 1) whole = false;
    if (c->pending_n == 0 && !c->syncing) hub_ring_drop(c);
    return whole;
}

void hub_leave(struct hub *h, struct sub *s) {
    struct chan   *c  = s->chan;
    struct client *cl = s->client;
    for (struct cast *k = h->cast; k; k = k->next)
        if (k->cursor == s) k->cursor = s->next;
    if (s->prev)
        s->prev->next = s->next;
    else
        c->head = s->next;
    if (s->next)
        s->next->prev = s->prev;
    else
        c->tail = s->prev;
    struct sub **p = &cl->subs;
    while (*p != s) p = &(*p)->sibling;
    *p = s->sibling;
    cl->subs_n--;
    c->subs_n--;
    h->subs_n--;
    metric_add(M_C_subs, -1);
    c->presence_dirty = true;
    if (s->lost) c->lost_n--;
    if (!s->active && --c->pending_n == 0 && !c->syncing) hub_ring_drop(c);
    x_free(s);
    if (c->subs_n == 0) chan_free(h, c);
}

/* ---- delivery in slices ---- */
static void cast_run(struct hub *h);

static void cast_again(struct net_loop *l, void *arg) {
    struct hub *h  = arg;
    h->cast_posted = false;
    (void)l;
    cast_run(h);
}

/* A few subscribers ahead of the cursor. Each is four or five cache lines far apart; asked for together they come together. */
static struct sub *touch_some(struct sub *s) {
    struct sub *v[TOUCH_N];
    unsigned    n = 0;
    for (; s && n < TOUCH_N; s = s->next) {
        __builtin_prefetch(s->client);
        v[n++] = s;
    }
    for (unsigned i = 0; i < n; i++)
        if (v[i]->active) conn_touch(v[i]->client->conn);
    return s;
}

static void cast_run(struct hub *h) {
    int64_t until = clock_mono_us() + SLICE_US;
    int     left  = SLICE_SENDS;
    int64_t sent  = 0;
    while (h->cast) {
        struct cast *k     = h->cast;
        struct sub  *ahead = k->cursor;
        while (k->cursor && left > 0) {
            struct sub *s = k->cursor;
            if (s == ahead) ahead = touch_some(s);
            k->cursor = s->next;
            if (!s->active || s->lost || s->fresh || k->offset <= s->pos) continue;
            client_send_frame(s->client, k->f, k->key);
            sent++;
            if (h->cast != k) break; /* the last subscriber was closed, and the channel went with it */
            if ((--left & 31) == 0 && clock_mono_us() >= until) left = 0;
        }
        if (h->cast != k) continue;
        if (k->cursor) break;
        h->cast = k->next;
        if (h->cast == NULL) h->cast_tail = &h->cast;
        cast_drop(h, k);
    }
    metric_add(M_C_deliveries, sent);
    if (h->cast && !h->cast_posted) {
        h->cast_posted = true;
        loop_post(h->loop, cast_again, h);
    }
}

void hub_settle(struct hub *h) {
    while (h->cast) cast_run(h);
}

void hub_ring_keep(struct chan *c, const char *epoch, uint64_t offset, uint64_t key, struct frame *f) {
    if (c->ring == NULL) c->ring = x_calloc(RING_N, sizeof *c->ring);
    if (c->ring_n == RING_N) {
        frame_unref(c->ring[0].f);
        memmove(c->ring, c->ring + 1, (RING_N - 1) * sizeof *c->ring);
        c->ring_n--;
        c->ring_lost = true;
    }
    struct kept *k = &c->ring[c->ring_n++];
    *k             = (struct kept){.f = frame_ref(f), .offset = offset, .key = key};
    (void)snprintf(k->epoch, sizeof k->epoch, "%s", epoch);
}

void hub_cast(struct hub *h, struct chan *c, uint64_t offset, uint64_t key, struct frame *f) {
    struct cast *k = x_calloc(1, sizeof *k);
    *k             = (struct cast){NULL, c, c->head, frame_ref(f), offset, (c->row->flags & CH_LATEST) ? key : 0};
    *h->cast_tail  = k;
    h->cast_tail   = &k->next;
    c->last        = offset;
    if (!h->cast_posted) cast_run(h);
}

void hub_publish(struct hub *h, const char *channel, const char *epoch, uint64_t offset, uint64_t key, struct frame *f) {
    struct chan *c = hub_chan(h, channel);
    if (c == NULL) return;
    bool same = strcmp(c->epoch, epoch) == 0;
    if (same && offset <= c->last) return;
    if (c->epoch[0] == '\0') (void)snprintf(c->epoch, sizeof c->epoch, "%s", epoch);
    else if (!c->syncing && (!same || offset != c->last + 1)) hub_sync_start(h, c); /* SYNCING from here on, also when no worker is free */
    if (c->pending_n || c->syncing) hub_ring_keep(c, epoch, offset, key, f);
    if (!c->syncing) hub_cast(h, c, offset, key, f); /* its last act: the channel may be gone with its subscribers */
}
