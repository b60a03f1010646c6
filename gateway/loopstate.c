/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/loopstate.h"

#include <string.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/mem.h"
#include "base/metric.h"
#include "base/sm.h"

#define GRACE_MS 25000 /* after the session's end, for the client's own refresh (reference server: 25 s) */

struct loopstate *loopstate_of(struct net_loop *l) { return loop_data(l); }
struct hub       *hub_of(struct net_loop *l) { return loopstate_of(l)->hub; }

struct loopstate *loopstate_new(struct net_loop *l) {
    struct loopstate *s = x_calloc(1, sizeof *s);
    s->app              = loop_app(l);
    s->loop             = l;
    s->hub              = hub_new(l);
    s->ping_ticks       = (unsigned)s->app->conf.ping_s * 1000 / TICK_MS;
    s->pong_ticks       = (unsigned)s->app->conf.pong_s * 1000 / TICK_MS;
    s->wheel            = x_calloc(s->ping_ticks, sizeof(struct client *));
    s->ping_frame       = frame_text("{}", 2);
    random_bytes(&s->rnd, sizeof s->rnd);
    s->rnd |= 1;
    return s;
}

void loopstate_free(struct loopstate *s) {
    if (s == NULL) return;
    hub_free(s->hub);
    frame_unref(s->ping_frame);
    for (size_t i = 0; i < WHO_BUCKETS; i++) MUST(s->who[i] == NULL);
    x_free(s->wheel);
    x_free(s);
}

static unsigned chance(struct loopstate *s, unsigned n) { /* xorshift: spreads pings, nothing secret */
    s->rnd ^= s->rnd << 13;
    s->rnd ^= s->rnd >> 17;
    s->rnd ^= s->rnd << 5;
    return s->rnd % n;
}

void loopstate_wait_connect(struct loopstate *s, struct client *cl) {
    cl->prev = s->stale_tail;
    cl->next = NULL;
    if (s->stale_tail)
        s->stale_tail->next = cl;
    else
        s->stale_head = cl;
    s->stale_tail = cl;
    cl->bucket    = UINT16_MAX;
    cl->connect_id = (uint32_t)(clock_mono_ms() / TICK_MS); /* while NEW: when it came, in ticks */
}

void loopstate_remove(struct loopstate *s, struct client *cl) {
    if (cl->bucket == UINT16_MAX) {
        if (cl->prev == NULL && cl->next == NULL && s->stale_head != cl) return;
        if (cl->prev)
            cl->prev->next = cl->next;
        else
            s->stale_head = cl->next;
        if (cl->next)
            cl->next->prev = cl->prev;
        else
            s->stale_tail = cl->prev;
    } else {
        if (cl->prev)
            cl->prev->next = cl->next;
        else
            s->wheel[cl->bucket] = cl->next;
        if (cl->next) cl->next->prev = cl->prev;
    }
    cl->prev = cl->next = NULL;
    cl->bucket          = UINT16_MAX;
}

void loopstate_connected(struct loopstate *s, struct client *cl) {
    loopstate_remove(s, cl);
    /* first ping at a random moment in [interval/2, interval) */
    unsigned at = (s->hand + s->ping_ticks / 2 + chance(s, s->ping_ticks / 2)) % s->ping_ticks;
    cl->bucket  = (uint16_t)at;
    cl->prev    = NULL;
    cl->next    = s->wheel[at];
    if (cl->next) cl->next->prev = cl;
    s->wheel[at] = cl;
}

static void tick_once(struct loopstate *s) {
    s->hand          = (s->hand + 1) % s->ping_ticks;
    unsigned trailing = (s->hand + s->ping_ticks - s->pong_ticks) % s->ping_ticks;
    int64_t  wall     = clock_wall_ms();
    for (struct client *cl = s->wheel[trailing], *next; cl; cl = next) {
        next = cl->next;
        if (cl->pong_due) client_close(cl, 3012);
    }
    for (struct client *cl = s->wheel[s->hand], *next; cl; cl = next) {
        next = cl->next;
        if (wall > cl->who->expires_wall_ms + GRACE_MS) {
            client_close(cl, 3005);
            continue;
        }
        cl->pong_due = true;
        client_send_frame(cl, s->ping_frame, 0);
    }
    uint32_t now = (uint32_t)(clock_mono_ms() / TICK_MS), limit = (uint32_t)s->app->conf.stale_s * 1000 / TICK_MS;
    while (s->stale_head && now - s->stale_head->connect_id > limit) {
        struct client *cl = s->stale_head;
        loopstate_remove(s, cl);
        client_close(cl, 3502);
    }
}

void loopstate_tick(struct loopstate *s, int64_t mono_ms) {
    tick_once(s);
    if (mono_ms - s->second_ms >= 1000) {
        s->second_ms = mono_ms;
        hub_tick(s->hub, mono_ms);
    }
}

static size_t who_bucket(const char *session) {
    size_t h = 5381;
    for (; *session; session++) h = h * 33 + (unsigned char)*session;
    return h % WHO_BUCKETS;
}

struct who *who_get(struct loopstate *s, const struct actor *a, int64_t expires_wall_ms) {
    struct who **head = &s->who[who_bucket(a->session)];
    struct who  *w    = *head;
    while (w && (strcmp(w->actor.session, a->session) != 0 || strcmp(w->actor.id, a->id) != 0)) w = w->next;
    if (w == NULL) {
        w       = x_calloc(1, sizeof *w);
        w->next = *head;
        *head   = w;
    }
    w->actor           = *a;
    w->expires_wall_ms = expires_wall_ms;
    w->refs++;
    return w;
}

void who_put(struct loopstate *s, struct who *w) {
    if (w == NULL || --w->refs) return;
    struct who **p = &s->who[who_bucket(w->actor.session)];
    while (*p != w) p = &(*p)->next;
    *p = w->next;
    x_free(w);
}

void loopstate_close_session(struct loopstate *s, const char *person, const char *session) {
    for (unsigned b = 0; b < s->ping_ticks; b++) {
        for (struct client *cl = s->wheel[b], *next; cl; cl = next) {
            next                  = cl->next;
            const struct actor *a = &cl->who->actor;
            if (strcmp(a->id, person) == 0 && (*session == '\0' || strcmp(a->session, session) == 0)) client_close(cl, 3500);
        }
    }
}
