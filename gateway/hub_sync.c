/* SPDX-License-Identifier: Apache-2.0
 *
 * Positions after a gap, and presence. Nothing here is on the path of a delivery.
 */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/metric.h"
#include "gateway/hub_int.h"
#include "gateway/loopstate.h"
#include "gateway/snapshots.h"

#define RECOVER_MAX 300
#define AGAIN_MS    1000

struct frame *hub_frame(const char *channel, size_t channel_n, const char *data, size_t data_n, uint64_t offset) {
    struct buf b;
    struct jw  w;
    buf_init(&b, data_n + channel_n * 6 + 128);
    jw_init(&w, &b);
    buf_puts(&b, "{\"push\":{\"channel\":");
    jw_strn(&w, channel, channel_n);
    buf_puts(&b, ",\"pub\":{\"data\":");
    buf_put(&b, data, data_n);
    buf_printf(&b, ",\"offset\":%llu}}}", (unsigned long long)offset);
    struct frame *f = frame_text(buf_str(&b), b.len);
    buf_fini(&b);
    return f;
}

/* ---- the look-up: loop -> worker -> loop, by name ---- */
struct sync {
    struct net_loop      *loop;
    struct app           *app;
    struct arena         *a;
    const struct channel_row *row;
    char                  channel[256], epoch[24];
    uint64_t              since, no;
    bool                  server_side, complete;
    enum err              e;
    struct channel_pos    top;
    struct channel_entry *list;
    size_t                n;
    const char           *data; /* server_side and not complete: the state behind the channel, arena; NULL none */
};

static void sync_done(struct net_loop *l, void *arg);

static enum err read_state(struct worker *w, struct sync *s) {
    struct req r = {.house = &s->app->house, .a = s->a, .db = w->db, .redis = w->redis, .wall_ms = clock_wall_ms(),
                    .biz_ms = clock_business_ms(), .peer = ""};
    return s->row->flags & CH_SNAPSHOT ? snapshot_get(w, s->row, s->channel, &s->top, &r, &s->data) : ERR_OK;
}

static void sync_on_worker(void *ctx, void *arg) {
    struct worker *w = ctx;
    struct sync   *s = arg;
    s->e = channel_read(w->redis, s->a, s->channel, s->epoch, s->since, RECOVER_MAX, &s->top, &s->list, &s->n, &s->complete);
    /* a new stream of a personal channel is given out from its beginning: nothing said meanwhile is lost (D15) */
    bool whole;
    if (s->e == ERR_OK && !s->complete && s->server_side)
        s->e = channel_read(w->redis, s->a, s->channel, "", 0, RECOVER_MAX, &s->top, &s->list, &s->n, &whole);
    /* said in the stream that is gone, perhaps behind our back: the state has it (D13) */
    if (s->e == ERR_OK && !s->complete && s->server_side) s->e = read_state(w, s);
    loop_post(s->loop, sync_done, s);
}

void hub_sync_start(struct hub *h, struct chan *c) {
    c->syncing = true;
    if (c->sync_no) return;
    metric_add(M_C_bus_gaps, 1);
    struct sync *s = x_calloc(1, sizeof *s);
    s->loop        = h->loop;
    s->app         = h->app;
    s->a           = arena_new(8U << 20);
    s->row         = c->row;
    s->since       = c->last;
    s->server_side = (c->row->flags & CH_SERVER) != 0;
    (void)snprintf(s->channel, sizeof s->channel, "%s", c->name);
    (void)snprintf(s->epoch, sizeof s->epoch, "%s", c->epoch);
    s->no          = ++h->sync_no;
    c->sync_no     = s->no;
    c->sync_due_ms = 0;
    if (pool_submit(h->app->pool, sync_on_worker, s) == ERR_OK) return;
    arena_free(s->a);
    x_free(s);
    c->sync_no     = 0;
    c->sync_due_ms = clock_mono_ms() + AGAIN_MS;
}

/* A push to every active server-side subscriber: the socket stays, the position starts anew. is_other: offsets begin again; else the log is
 * shorter than what was missed. */
static void tell_new_epoch(struct chan *c, const char *epoch, uint64_t offset, bool is_other, const char *data) {
    struct buf b;
    struct jw  w;
    buf_init(&b, 2048 + (data ? strlen(data) : 0));
    jw_init(&w, &b);
    buf_puts(&b, "{\"push\":{\"channel\":");
    jw_str(&w, c->name);
    buf_puts(&b, ",\"subscribe\":{\"recoverable\":true,\"positioned\":true,\"epoch\":");
    jw_init(&w, &b);
    jw_str(&w, epoch);
    buf_printf(&b, ",\"offset\":%llu", (unsigned long long)offset);
    if (data) {
        buf_puts(&b, ",\"data\":");
        buf_puts(&b, data);
    }
    buf_puts(&b, "}}}");
    for (struct sub *s = c->head, *next; s; s = next) {
        next = s->next;
        if (!s->active || s->fresh) continue;
        if (is_other) s->pos = 0;
        bool only = next == NULL && s->prev == NULL;
        client_send(s->client, buf_str(&b), b.len);
        if (only) break; /* a client that was closed takes the channel along */
    }
    buf_fini(&b);
}

static void give_out(struct hub *h, const char *channel, const struct sync *s) {
    for (size_t i = 0; i < s->n; i++) {
        struct chan *c = hub_chan(h, channel);
        if (c == NULL) return;
        if (s->list[i].offset <= c->last) continue;
        struct frame *f = hub_frame(channel, strlen(channel), s->list[i].data, strlen(s->list[i].data), s->list[i].offset);
        if (c->pending_n) hub_ring_keep(c, s->top.epoch, s->list[i].offset, 0, f);
        hub_cast(h, c, s->list[i].offset, 0, f);
        frame_unref(f);
    }
}

static void lose_subscribers(struct chan *c) {
    for (struct sub *s = c->head; s; s = s->next) {
        if (!s->active || s->lost || s->fresh) continue;
        s->lost = true;
        c->lost_n++;
    }
    c->resub_from_ms = clock_mono_ms();
}

/* Who came with a position of a stream that was new to us: the look-up found that stream, and they go on; or not, and they start anew. */
static void settle_fresh(struct hub *h, const char *channel, bool found) {
    struct chan *c = hub_chan(h, channel);
    for (struct sub *s = c ? c->head : NULL, *next; s; s = next) {
        next = s->next;
        if (!s->fresh) continue;
        s->fresh = false;
        if (found) continue;
        if (!s->server_side) {
            s->lost = true;
            c->lost_n++;
            c->resub_from_ms = clock_mono_ms();
            continue;
        }
        bool only = c->subs_n == 1;
        client_close(s->client, 3010);
        if (only) return; /* the channel went along */
    }
}

/* The stream is another one, or too short to fill the gap. */
static void begin_anew(struct chan *c, const struct sync *s) {
    bool is_other = strcmp(c->epoch, s->top.epoch) != 0;
    LOG(LOG_WARN, "channel_new_epoch", KS("channel", c->row->prefix), KI("other", is_other), KI("last", c->last), KI("offset", s->top.offset));
    (void)snprintf(c->epoch, sizeof c->epoch, "%s", s->top.epoch);
    c->last = s->server_side && s->n ? s->list[0].offset - 1 : s->top.offset;
    if (s->server_side)
        tell_new_epoch(c, s->top.epoch, c->last, is_other, s->data);
    else
        lose_subscribers(c);
}

/* What the look-up found, on the channel as it is now. */
static void sync_apply(struct hub *h, struct chan *c, const struct sync *s) {
    struct kept *ring   = c->ring;
    size_t       ring_n = c->ring_n;
    bool         again  = false;
    c->ring             = NULL;
    c->ring_n           = 0;
    c->ring_lost        = false;
    c->syncing          = false;
    bool other          = !s->complete && strcmp(c->epoch, s->top.epoch) != 0;
    if (!s->complete) begin_anew(c, s);
    settle_fresh(h, s->channel, other);
    if (s->complete || s->server_side) give_out(h, s->channel, s);
    for (size_t i = 0; i < ring_n; i++) { /* the channel may be gone by now: looked up by name each time */
        /* Of the stream before: nobody wants it any more. Of one that came after the look-up: that needs another, which finds it in the log. */
        if (strcmp(ring[i].epoch, s->top.epoch) == 0) hub_publish(h, s->channel, ring[i].epoch, ring[i].offset, ring[i].key, ring[i].f);
        else again |= strcmp(ring[i].epoch, s->epoch) != 0;
        frame_unref(ring[i].f);
    }
    x_free(ring);
    c = again ? hub_chan(h, s->channel) : NULL;
    if (c) hub_sync_start(h, c);
}

static void sync_done(struct net_loop *l, void *arg) {
    struct sync *s = arg;
    struct hub  *h = hub_of(l);
    if (s->e == ERR_OK && !s->complete) hub_settle(h); /* under its own epoch */
    struct chan *c = hub_chan(h, s->channel);
    if (c && c->sync_no == s->no) {
        c->sync_no = 0;
        if (s->e) c->sync_due_ms = clock_mono_ms() + AGAIN_MS; /* Redis is away; the channel stays SYNCING */
        else sync_apply(h, c, s);
    }
    arena_free(s->a);
    x_free(s);
}

void hub_recheck(struct hub *h) {
    int64_t now = clock_mono_ms();
    size_t  n   = 0;
    for (size_t i = 0; i < CHANS_N; i++)
        for (struct chan *c = h->chans[i]; c; c = c->next)
            if (c->epoch[0]) c->sync_due_ms = now + (int64_t)(n++ * 7 % SYNC_OVER_MS);
}

/* ---- time ---- */
static void tell_lost(struct hub *h, struct sub *s) {
    struct client *cl = s->client;
    struct buf     b;
    struct jw      w;
    buf_init(&b, 1024);
    jw_init(&w, &b);
    buf_puts(&b, "{\"push\":{\"channel\":");
    jw_str(&w, chan_name(s->chan));
    buf_puts(&b, ",\"unsubscribe\":{\"code\":2500,\"reason\":\"insufficient state\"}}}");
    hub_leave(h, s);
    client_send(cl, buf_str(&b), b.len);
    buf_fini(&b);
}

static void resubscribe_some(struct hub *h, struct chan *c, int64_t now) {
    int64_t age = now - c->resub_from_ms;
    size_t  n   = age >= RESUB_OVER_MS ? c->lost_n : c->lost_n * 1000 / (size_t)(RESUB_OVER_MS - age) + 1; /* a tick a second */
    for (struct sub *s = c->head, *next; s && n; s = next) {
        next      = s->next;
        bool last = c->subs_n == 1; /* the channel goes with it */
        if (!s->lost) continue;
        tell_lost(h, s);
        n--;
        if (last) return;
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
    unsigned syncs = 0;
    for (size_t i = 0; i < CHANS_N; i++) {
        for (struct chan *c = h->chans[i], *next; c; c = next) {
            next = c->next;
            put_presence(h, c, mono_ms);
            if (c->sync_due_ms && mono_ms >= c->sync_due_ms && syncs++ < SYNC_PER_TICK) hub_sync_start(h, c);
            if (c->lost_n == 0 || c->resub_tick_ms == mono_ms) continue;
            c->resub_tick_ms = mono_ms;
            resubscribe_some(h, c, mono_ms);
            next = h->chans[i]; /* a client that was closed may have taken other channels along */
        }
    }
}
