/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/hub.h"

#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/metric.h"
#include "base/sm.h"

#define HUB_MAGIC    0x68756220U
#define CHANS_BITS   12
#define CHANS_N      (1u << CHANS_BITS)
#define RING_N       128
#define SLICE_SENDS  256
#define SLICE_US     2000
#define RESUB_OVER_MS 5000

struct kept {
    struct frame *f;
    uint64_t      offset, key;
};

struct chan {
    struct chan              *next; /* hash chain */
    const struct channel_row *row;
    char                      epoch[24]; /* "" until known */
    uint64_t                  last;      /* newest offset seen at the bus or read */
    struct sub               *head, *tail;
    size_t                    subs_n, pending_n;
    struct kept              *ring; /* while pending_n > 0: the last ring_n publications */
    size_t                    ring_n;
    bool                      ring_lost;
    int64_t                   resub_from_ms; /* != 0: everybody is told 2500 over 5 s from here */
    int64_t                   presence_ms;
    bool                      presence_dirty;
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
};

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

static struct chan *chan_find(const struct hub *h, const char *name) {
    struct chan *c = h->chans[name_hash(name)];
    while (c && strcmp(c->name, name) != 0) c = c->next;
    return c;
}

static void ring_drop(struct chan *c) {
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
    ring_drop(c);
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
    struct chan *c = chan_find(h, channel);
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
    (void)h;
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
        whole = false; /* the stream changed between the read and now */
    }
    for (size_t i = 0; whole && i < c->ring_n; i++) {
        if (c->ring[i].offset <= s->pos) continue;
        if (c->ring[i].offset != s->pos + 1) {
            whole = false;
            break;
        }
        client_send_frame(s->client, c->ring[i].f, c->ring[i].key);
        s->pos = c->ring[i].offset;
    }
    if (c->ring_lost && c->ring_n && c->ring[0].offset > top->offset + 1) whole = false;
    if (c->pending_n == 0) ring_drop(c);
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
    if (!s->active && --c->pending_n == 0) ring_drop(c);
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

static void cast_run(struct hub *h) {
    int64_t until = clock_mono_us() + SLICE_US;
    int     left  = SLICE_SENDS;
    int64_t sent  = 0;
    while (h->cast) {
        struct cast *k = h->cast;
        while (k->cursor && left > 0) {
            struct sub *s = k->cursor;
            k->cursor     = s->next;
            if (!s->active || k->offset <= s->pos) continue;
            client_send_frame(s->client, k->f, k->key);
            sent++;
            if ((--left & 31) == 0 && clock_mono_us() >= until) left = 0;
        }
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

/* Positions are worth nothing any more: everybody resubscribes, spread over 5 s (D15). Server-side ones at once: the socket
 * stays and a subscribe push would carry a position we do not know yet, so the client comes back with 3010. */
static void lost(struct chan *c, const char *epoch, uint64_t offset) {
    metric_add(M_C_bus_gaps, 1);
    LOG(LOG_WARN, "channel_gap", KS("channel", c->row->prefix), KI("last", c->last), KI("offset", offset));
    (void)snprintf(c->epoch, sizeof c->epoch, "%s", epoch);
    c->last          = offset;
    c->resub_from_ms = clock_mono_ms();
    ring_drop(c);
    c->ring_lost = true;
}

void hub_publish(struct hub *h, const char *channel, const char *epoch, uint64_t offset, uint64_t key, struct frame *f) {
    struct chan *c = chan_find(h, channel);
    if (c == NULL) return;
    if (c->epoch[0] && strcmp(c->epoch, epoch) == 0 && offset <= c->last) return;
    if (c->epoch[0] && (strcmp(c->epoch, epoch) != 0 || offset != c->last + 1)) {
        lost(c, epoch, offset);
        return;
    }
    (void)snprintf(c->epoch, sizeof c->epoch, "%s", epoch);
    c->last = offset;
    if (c->pending_n) {
        if (c->ring == NULL) c->ring = x_calloc(RING_N, sizeof *c->ring);
        if (c->ring_n == RING_N) {
            frame_unref(c->ring[0].f);
            memmove(c->ring, c->ring + 1, (RING_N - 1) * sizeof *c->ring);
            c->ring_n--;
            c->ring_lost = true;
        }
        c->ring[c->ring_n++] = (struct kept){frame_ref(f), offset, key};
    }
    struct cast *k = x_calloc(1, sizeof *k);
    *k             = (struct cast){NULL, c, c->head, frame_ref(f), offset, (c->row->flags & CH_LATEST) ? key : 0};
    *h->cast_tail  = k;
    h->cast_tail   = &k->next;
    if (!h->cast_posted) cast_run(h);
}

/* ---- time ---- */
static void tell_lost(struct hub *h, struct sub *s) {
    struct client *cl = s->client;
    if (s->server_side) {
        client_close(cl, 3010);
        return;
    }
    struct buf b;
    buf_init(&b, 1024);
    struct jw w;
    jw_init(&w, &b);
    buf_puts(&b, "{\"push\":{\"channel\":");
    jw_str(&w, s->chan->name);
    buf_puts(&b, ",\"unsubscribe\":{\"code\":2500,\"reason\":\"insufficient state\"}}}");
    hub_leave(h, s);
    client_send(cl, buf_str(&b), b.len);
    buf_fini(&b);
}

static void resubscribe_some(struct hub *h, struct chan *c, int64_t now) {
    int64_t age = now - c->resub_from_ms;
    size_t  n   = age >= RESUB_OVER_MS ? c->subs_n : c->subs_n * 100 / (size_t)(RESUB_OVER_MS - age) + 1;
    bool    last_round = age >= RESUB_OVER_MS;
    if (last_round) c->resub_from_ms = 0;
    for (struct sub *s = c->head, *next; s && n; s = next, n--) {
        next      = s->next;
        bool only = next == NULL;
        if (s->active) tell_lost(h, s);
        if (only) return; /* the channel may be gone with its last subscriber */
    }
}

static void put_presence(struct hub *h, struct chan *c, int64_t now) {
    if (!(c->row->flags & CH_PRESENCE) || (!c->presence_dirty && now - c->presence_ms < 25000) || now - c->presence_ms < 1000) return;
    c->presence_ms    = now;
    c->presence_dirty = false;
    struct buf b;
    buf_init(&b, 1U << 20);
    struct jw w;
    jw_init(&w, &b);
    jw_arr(&w);
    size_t n = 0;
    for (struct sub *s = c->head; s && n < 1000; s = s->next) {
        if (!s->active) continue;
        char id[48];
        client_id(s->client, id);
        jw_str(&w, id);
        jw_str(&w, s->client->who->actor.id);
        n++;
    }
    jw_arr_end(&w);
    job_put_presence(h->loop, c->name, buf_take(&b, NULL));
}

void hub_tick(struct hub *h, int64_t mono_ms) {
    for (size_t i = 0; i < CHANS_N; i++) {
        for (struct chan *c = h->chans[i], *next; c; c = next) {
            next = c->next;
            put_presence(h, c, mono_ms);
            if (c->resub_from_ms) resubscribe_some(h, c, mono_ms);
        }
    }
}

void hub_recheck(struct hub *h) {
    /* A Redis that restarted as itself continues its streams; one that lost them starts a new epoch with its next publication,
     * which hub_publish sees. Publications made while the bus was down show as a gap in the same way, but only when the next one
     * comes: so everybody who listens is asked to resubscribe now. */
    for (size_t i = 0; i < CHANS_N; i++)
        for (struct chan *c = h->chans[i]; c; c = c->next)
            if (c->resub_from_ms == 0 && c->subs_n > c->pending_n) c->resub_from_ms = clock_mono_ms();
}
