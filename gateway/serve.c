/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/serve.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"
#include "gateway/auth.h"
#include "gateway/dispatch.h"
#include "gateway/live.h"
#include "gateway/loopstate.h"
#include "gateway/rate.h"
#include "gateway/rest.h"
#include "gateway/static.h"
#include "handlers/circular_work.h"
#include "handlers/demo.h"
#include "handlers/ranking.h"
#include "handlers/upkeep.h"
#include "push/deliver.h"
#include "push/relay.h"
#include "store/redis_server.h"

#define SERVER_MAGIC 0x73657276U
#define DRAIN_MS     1000
#define LINGER_MS    4000 /* for answers under way and clients that do not answer a Close */
#define SETTLE_MAX_MS  60000
#define SETTLE_LOOK_US 500

struct server {
    unsigned             magic;
    struct app           app;
    struct tools         tools;
    struct redis_server *redis;
    struct relay        *relay;
    struct deliver      *deliver;
    struct upkeep       *upkeep;
    struct circular_work *circulars;
    unsigned             public_listener;
};

/* ---- network callbacks ---- */
static void on_loop_start(struct net_loop *l) {
    loop_set_data(l, loopstate_new(l));
    if (loop_index(l) == 0) live_start(l);
}

static void on_loop_stop(struct net_loop *l) {
    if (loop_index(l) == 0) live_stop(l);
    loopstate_free(loop_data(l));
    loop_set_data(l, NULL);
}

static void on_tick(struct net_loop *l, int64_t mono_ms) { loopstate_tick(loopstate_of(l), mono_ms); }

static const struct net_ops ops = {.ws_open    = client_open,
                                   .ws_message = client_message,
                                   .ws_closed  = client_closed,
                                   .ws_drain   = client_drain,
                                   .http       = rest_request,
                                   .loop_start = on_loop_start,
                                   .loop_stop  = on_loop_stop,
                                   .tick       = on_tick};

/* ---- workers ---- */
static void *worker_new(void *arg) {
    struct app    *app = arg;
    struct worker *w   = x_calloc(1, sizeof *w);
    char           why[256];
    w->app   = app;
    w->redis = redis_new(app->redis, 1000);
    if (db_open(app->db_path, DB_READ, &w->db, why, sizeof why) != ERR_OK) check_failed(why, __FILE__, __LINE__);
    return w;
}

static void worker_free(void *ctx) {
    struct worker *w = ctx;
    db_close(w->db);
    redis_free(w->redis);
    x_free(w);
}

/* ---- after a commit ---- */
static void on_committed(void *arg) {
    struct server *s = arg;
    relay_wake(s->relay);
}

static struct relay_channel channel_of(const char *channel) {
    const struct channel_row *row = channel_find(channel);
    return row ? (struct relay_channel){row->size, row->ttl_s} : (struct relay_channel){1, 60};
}

/* ---- listeners ---- */
static enum err parse_listen(const char *text, struct net_conf *nc, char *why, size_t why_n) {
    char  copy[CONF_TEXT], *save = NULL;
    (void)snprintf(copy, sizeof copy, "%s", text);
    for (char *t = strtok_r(copy, " ", &save); t; t = strtok_r(NULL, " ", &save)) {
        char *colon = strrchr(t, ':'), *end = t;
        long  port  = colon ? strtol(colon + 1, &end, 10) : -1;
        if (colon == NULL || port < 0 || port > 65535 || *end || nc->listen_n == 4 || colon - t >= 63) {
            (void)snprintf(why, why_n, "listen: HOST:PORT wanted, not \"%s\"", t);
            return ERR_INPUT;
        }
        struct net_listen *l = &nc->listen[nc->listen_n++];
        *colon = '\0';
        (void)snprintf(l->host, sizeof l->host, "%.63s", t);
        l->port = (unsigned)port;
    }
    return ERR_OK;
}

static enum err start_net(struct server *s, char *why, size_t why_n) {
    const struct conf *c  = &s->app.conf;
    struct net_conf    nc = {.loops_n            = (unsigned)c->loops,
                             .message_max_bytes  = (size_t)c->message_max,
                             .body_max_bytes     = (size_t)c->body_max,
                             .conn_ext_bytes     = sizeof(struct client),
                             .conns_max          = (unsigned)c->conns_max,
                             .conns_per_addr_max = (unsigned)c->conns_per_addr,
                             .ws_path            = "/connection/websocket",
                             .origins            = c->origins,
                             .trusted_proxies    = c->trusted_proxies,
                             .ops                = &ops,
                             .app                = &s->app};
    TRY(parse_listen(c->admin_listen, &nc, why, why_n));
    s->public_listener = nc.listen_n;
    TRY(parse_listen(c->listen, &nc, why, why_n));
    for (unsigned i = 0; c->demo && i < nc.listen_n; i++) {
        if (strncmp(nc.listen[i].host, "127.", 4) == 0 || strcmp(nc.listen[i].host, "localhost") == 0) continue;
        (void)snprintf(why, why_n, "demo mode listens on loopback only, not on %s (D19): set demo = false and your own configuration",
                       nc.listen[i].host);
        return ERR_INPUT;
    }
    return net_start(&nc, &s->app.net, why, why_n);
}

static void make_node(char out[24]) {
    uint8_t rnd[5];
    random_bytes(rnd, sizeof rnd);
    hex_encode(out, rnd, sizeof rnd);
}

/* Threads, from the records outwards. */
static enum err start_rooms(struct server *s, char *why, size_t why_n) {
    struct app *app = &s->app;
    make_node(app->node);
    app->tokens = tokens_new();
    app->rates  = rates_new((int)app->conf.rate_per_min);
    app->pages  = static_load(app->conf.web_dir);
    struct writer_hooks hooks = {app, dispatch_seal, dispatch_committed, dispatch_aborted, dispatch_due_us};
    TRY(writer_start(app->db_path, (size_t)app->conf.writer_queue, (size_t)app->conf.writer_batch, hooks, &app->writer, why, why_n));
    struct relay_conf rc = {.db_path = app->db_path, .redis = app->redis, .writer = app->writer, .channel = channel_of};
    TRY(relay_start(&rc, &s->relay, why, why_n));
    app->committed_arg = s;
    app->committed     = on_committed;
    if (app->conf.push_here) {
        struct deliver_conf dc = {.conf = &app->conf, .redis = app->redis, .writer = app->writer, .pii_key = &app->house.pii_key, .idx_key = app->house.idx_key, .worker = "local",
                                  .demo = app->house.demo, .data_dir = app->conf.data, .signature = app->house.sms_signature};
        TRY(deliver_start(&dc, &s->deliver, why, why_n));
    }
    app->pool = pool_new("worker", (size_t)app->conf.workers, 8192, worker_new, worker_free, app);
    TRY(upkeep_start(&app->house, app->writer, app->db_path, &s->upkeep, why, why_n));
    TRY(circular_work_start(&app->house, app->writer, app->db_path, &s->circulars, why, why_n));
    return start_net(s, why, why_n);
}

enum err server_start(const struct conf *conf, struct server **out, char *why, size_t why_n) {
    struct server *s;
    ALLOC_OBJ(s, SERVER_MAGIC);
    s->app.conf = *conf;
    methods_init();
    enum err e = tools_open(conf, true, &s->tools, why, why_n);
    if (e) {
        FREE_OBJ(s);
        return e;
    }
    s->app.house = s->tools.house;
    (void)snprintf(s->app.db_path, sizeof s->app.db_path, "%s", s->tools.db_path);
    if (conf->demo) {
        e = demo_prepare(&s->app.house, s->tools.db, conf->samples_dir, why, why_n);
    } else if (demo_clock_load(s->tools.db) == ERR_OK) { /* its people, keys and clock are open to anybody */
        clock_business_real();
        (void)snprintf(why, why_n, "%s holds a demo; set demo = true, or data to another directory", conf->data);
        e = ERR_STATE;
    }
    if (e == ERR_OK) e = ranking_recall(&s->app.house, s->tools.db);
    db_close(s->tools.db); /* the writer opens its own; two writers in one process would only wait for each other */
    s->tools.db = NULL;
    if (e == ERR_OK && *conf->redis) (void)snprintf(s->app.redis, sizeof s->app.redis, "%.127s", conf->redis);
    if (e == ERR_OK && !*conf->redis) e = redis_server_start(conf->data, &s->redis, s->app.redis, sizeof s->app.redis, why, why_n);
    if (e == ERR_OK) e = start_rooms(s, why, why_n);
    if (e) {
        server_stop(s);
        return e;
    }
    *out = s;
    return ERR_OK;
}

void server_stop(struct server *s) {
    if (s == NULL) return;
    CHECK_OBJ_NOTNULL(s, SERVER_MAGIC);
    struct app *app = &s->app;
    atomic_store(&app->draining, true);
    if (app->net) { /* whoever is still connected is served until their turn to go comes */
        int64_t until = clock_mono_ms() + DRAIN_MS + LINGER_MS;
        net_drain(app->net, DRAIN_MS);
        while ((net_sockets(app->net) > 0 || atomic_load(&app->inflight) > 0) && clock_mono_ms() < until) (void)usleep(5000);
    }
    upkeep_stop(s->upkeep);
    circular_work_stop(s->circulars);
    /* answers of the last calls go out before the loops end: workers and writer finish first, and refuse what the loops still
     * bring; they are freed when no loop can call them any more */
    pool_stop(app->pool);
    deliver_stop(s->deliver);
    if (app->writer) writer_end(app->writer);
    relay_stop(s->relay);
    if (app->net) net_stop(app->net);
    writer_stop(app->writer);
    ranking_forget(&app->house);
    pool_free(app->pool);
    redis_server_stop(s->redis);
    tokens_free(app->tokens);
    rates_free(app->rates);
    static_free(app->pages);
    tools_close(&s->tools);
    FREE_OBJ(s);
}

struct app *server_app(struct server *s) { return &s->app; }
unsigned    server_port(const struct server *s) { return net_port(s->app.net, s->public_listener); }

bool server_is_idle(struct server *s) {
    struct writer_stats w = writer_stats(s->app.writer);
    return w.queued == 0 && !w.owes && atomic_load(&s->app.inflight) == 0 && relay_is_idle(s->relay) && deliver_is_idle(s->deliver);
}

static enum err await_idle(struct server *s) {
    int64_t until = clock_mono_ms() + SETTLE_MAX_MS;
    while (!server_is_idle(s)) {
        if (clock_mono_ms() > until) return ERR_BUSY;
        (void)usleep(SETTLE_LOOK_US);
    }
    return ERR_OK;
}

void server_in_steps(struct server *s, bool on) { deliver_log_hold(s->deliver, on); }

enum err server_settle(struct server *s) {
    TRY(await_idle(s));
    deliver_log_flush(s->deliver);
    return await_idle(s);
}

void server_schedule(struct server *s) { upkeep_now(s->upkeep); }
