/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/live.h"

#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/metric.h"
#include "gateway/auth.h"
#include "gateway/loopstate.h"
#include "store/bus.h"

struct live {
    struct app *app;
    struct bus *bus;
    bool        was_up;
};

/* ---- publications ---- */
struct pub {
    struct frame *f;
    uint64_t      offset, key;
    char          epoch[24];
    char          channel[];
};

static void pub_on_loop(struct net_loop *l, void *arg) {
    struct pub *p = arg;
    hub_publish(hub_of(l), p->channel, p->epoch, p->offset, p->key, p->f);
    frame_unref(p->f);
    x_free(p);
}

static uint64_t key_hash(const char *key, size_t n) {
    uint64_t h = 14695981039346656037U;
    for (size_t i = 0; i < n; i++) h = (h ^ (unsigned char)key[i]) * 1099511628211U;
    return n ? h | 1 : 0;
}

static void on_pub(void *arg, const char *channel, size_t channel_n, const char *epoch, uint64_t offset, const char *key, size_t key_n,
                   const char *data, size_t data_n) {
    struct live *v = arg;
    metric_add(M_C_bus_pubs, 1);
    struct frame *f = hub_frame(channel, channel_n, data, data_n, offset);
    for (unsigned i = 0; i < net_loops_n(v->app->net); i++) {
        struct pub *p = x_malloc(sizeof *p + channel_n + 1);
        p->f          = frame_ref(f);
        p->offset     = offset;
        p->key        = key_hash(key, key_n);
        (void)snprintf(p->epoch, sizeof p->epoch, "%s", epoch);
        memcpy(p->channel, channel, channel_n);
        p->channel[channel_n] = '\0';
        if (i == 0)
            pub_on_loop(net_get_loop(v->app->net, 0), p);
        else
            loop_post(net_get_loop(v->app->net, i), pub_on_loop, p);
    }
    frame_unref(f);
}

/* ---- control ---- */
struct closing {
    char person[64], session[64];
};

static void closing_on_loop(struct net_loop *l, void *arg) {
    struct closing *c = arg;
    loopstate_close_session(loopstate_of(l), c->person, c->session);
    x_free(c);
}

static void close_here(struct app *app, const char *person, const char *session) {
    tokens_drop(app->tokens, person, session);
    for (unsigned i = 0; i < net_loops_n(app->net); i++) {
        struct closing *c = x_calloc(1, sizeof *c);
        (void)snprintf(c->person, sizeof c->person, "%s", person);
        (void)snprintf(c->session, sizeof c->session, "%s", session);
        loop_post(net_get_loop(app->net, i), closing_on_loop, c);
    }
}

static void tell_others(void *ctx, void *arg) {
    struct worker *w    = ctx;
    char          *json = arg;
    if (control_publish(w->redis, json) != ERR_OK) LOG0(LOG_WARN, "control_not_published"); /* the records refuse the session anyway */
    x_free(json);
}

void live_close_session(struct app *app, const char *person, const char *session) {
    struct buf b;
    struct jw  w;
    close_here(app, person, session);
    buf_init(&b, 1024);
    jw_init(&w, &b);
    jw_obj(&w);
    jw_kstr(&w, "close_person", person);
    jw_kstr(&w, "session", session);
    jw_obj_end(&w);
    char *json = buf_take(&b, NULL);
    if (pool_submit(app->pool, tell_others, json) != ERR_OK) x_free(json);
}

static void on_control(void *arg, const char *json, size_t n) {
    struct live *v = arg;
    cJSON       *o;
    const char  *why;
    if (json_parse(json, n, &o, &why) != ERR_OK) return;
    const cJSON *p = cJSON_GetObjectItemCaseSensitive(o, "close_person"), *s = cJSON_GetObjectItemCaseSensitive(o, "session");
    if (cJSON_IsString(p) && cJSON_IsString(s)) close_here(v->app, p->valuestring, s->valuestring);
    cJSON_Delete(o);
}

/* ---- the bus itself ---- */
static void recheck_on_loop(struct net_loop *l, void *arg) {
    (void)arg;
    hub_recheck(hub_of(l));
}

static void on_up(void *arg, const char *run_id) {
    struct live *v = arg;
    metric_set(M_C_redis_up, 1);
    LOG(LOG_INFO, "bus_up", KS("run_id", run_id));
    for (unsigned i = 0; v->was_up && i < net_loops_n(v->app->net); i++)
        loop_post(net_get_loop(v->app->net, i), recheck_on_loop, NULL);
    v->was_up = true;
}

static void on_down(void *arg) {
    (void)arg;
    metric_set(M_C_redis_up, 0);
    LOG0(LOG_WARN, "bus_down");
}

void live_start(struct net_loop *l0) {
    struct app  *app = loop_app(l0);
    struct live *v   = x_calloc(1, sizeof *v);
    v->app           = app;
    app->live        = v;
    v->bus           = bus_start(loop_uv(l0), app->redis, (struct bus_ops){v, on_pub, on_control, on_up, on_down});
}

void live_stop(struct net_loop *l0) {
    struct app *app = loop_app(l0);
    if (app->live == NULL) return;
    bus_stop(app->live->bus);
    x_free(app->live);
    app->live = NULL;
}
