/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/client.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/metric.h"
#include "gateway/dispatch.h"
#include "gateway/loopstate.h"

#define HOLD_BYTES   65536
#define SUBS_MAX     128
#define CHANNEL_MAX  255

static const struct {
    unsigned    code;
    const char *reason;
} closes[] = {
#define K(symbol, code, reason) {code, reason},
#define P(symbol, code, message, temporary)
#include "gateway/close.def"
#undef K
#undef P
};

static const struct {
    int         code;
    const char *message;
    bool        temporary;
} errors[] = {
#define K(symbol, code, reason)
#define P(symbol, code, message, temporary) {code, message, temporary},
#include "gateway/close.def"
#undef K
#undef P
};

/* ---- out ---- */
void client_close(struct client *cl, unsigned code) {
    if (cl->state == CLIENT_CLOSING) return;
    const char *reason = "closed";
    for (size_t i = 0; i < ARRAY_N(closes); i++)
        if (closes[i].code == code) reason = closes[i].reason;
    char label[16];
    (void)snprintf(label, sizeof label, "%u", code);
    metric_add_label(M_C_conn_closed, label, 1);
    struct loopstate *s = loopstate_of(conn_loop(cl->conn));
    cl->state           = CLIENT_CLOSING;
    loopstate_remove(s, cl);
    while (cl->subs) hub_leave(s->hub, cl->subs);
    conn_close(cl->conn, code, reason);
}

void client_send_frame(struct client *cl, struct frame *f, uint64_t key) {
    if (cl->state == CLIENT_CLOSING) return;
    if (conn_send(cl->conn, f, key) != ERR_OK) client_close(cl, 3008);
}

void client_send(struct client *cl, const char *json, size_t n) {
    struct frame *f = frame_text(json, n);
    client_send_frame(cl, f, 0);
    frame_unref(f);
}

void client_error_text(struct client *cl, uint32_t id, int code, const char *message, bool temporary) {
    struct buf b;
    struct jw  w;
    buf_init(&b, 4096);
    jw_init(&w, &b);
    jw_obj(&w);
    jw_kint(&w, "id", id);
    jw_key(&w, "error");
    jw_obj(&w);
    jw_kint(&w, "code", code);
    jw_kstr(&w, "message", message);
    if (temporary) jw_kbool(&w, "temporary", true);
    jw_obj_end(&w);
    jw_obj_end(&w);
    client_send(cl, buf_str(&b), b.len);
    buf_fini(&b);
}

void client_error(struct client *cl, uint32_t id, int code) {
    for (size_t i = 0; i < ARRAY_N(errors); i++)
        if (errors[i].code == code) {
            client_error_text(cl, id, code, errors[i].message, errors[i].temporary);
            return;
        }
    UNREACHABLE("protocol error without a row");
}

struct client *client_of(struct net_loop *l, uint64_t conn) {
    struct conn *c = loop_find_conn(l, conn);
    if (c == NULL) return NULL;
    struct client *cl = conn_ext(c);
    return cl->state == CLIENT_CLOSING ? NULL : cl;
}

void client_id(const struct client *cl, char out[48]) {
    const struct app *app = loop_app(conn_loop(cl->conn));
    (void)snprintf(out, 48, "%s-%" PRIx64, app->node, conn_id(cl->conn));
}

/* ---- rpc ---- */
struct rpc_reply {
    uint64_t   conn;
    struct buf b;
};

static void rpc_deliver(struct net_loop *l, void *arg) {
    struct rpc_reply *r  = arg;
    struct client    *cl = client_of(l, r->conn);
    if (cl) {
        cl->inflight--;
        client_send(cl, buf_str(&r->b), r->b.len);
        if (cl->leaving && cl->inflight == 0) client_close(cl, 3001);
    }
    buf_fini(&r->b);
    x_free(r);
}

static void rpc_answer(struct app *app, uint64_t conn, uint64_t id, const struct answer *a) {
    struct rpc_reply *r = x_malloc(sizeof *r);
    struct jw         w;
    r->conn = conn;
    buf_init(&r->b, a->json_n + 4096);
    jw_init(&w, &r->b);
    jw_obj(&w);
    jw_kint(&w, "id", (int64_t)id);
    if (a->e == ERR_OK) {
        jw_key(&w, "rpc");
        jw_obj(&w);
        jw_key(&w, "data");
        jw_raw(&w, a->json, a->json_n);
        jw_obj_end(&w);
    } else {
        const struct err_info *i = err_info(a->e);
        char                   message[1024];
        (void)snprintf(message, sizeof message, "%s: %.900s", i->word, a->detail && *a->detail ? a->detail : i->zh);
        jw_key(&w, "error");
        jw_obj(&w);
        jw_kint(&w, "code", a->e == ERR_LIMIT || a->e == ERR_BUSY ? 111 : i->number);
        jw_kstr(&w, "message", message);
        if (i->temporary) jw_kbool(&w, "temporary", true);
        jw_obj_end(&w);
    }
    jw_obj_end(&w);
    loop_post(loop_of_id(app->net, conn), rpc_deliver, r);
}

static void do_rpc(struct client *cl, uint32_t id, cJSON *req) {
    const cJSON *name = cJSON_GetObjectItemCaseSensitive(req, "method");
    struct app  *app  = loop_app(conn_loop(cl->conn));
    if (!cJSON_IsString(name)) {
        client_error(cl, id, 107);
        return;
    }
    const struct method *m = method_find(name->valuestring, strlen(name->valuestring));
    if (m == NULL || (m->flags & M_REST)) {
        client_error(cl, id, 104);
        return;
    }
    if (cl->inflight >= app->conf.inflight_max) {
        client_error(cl, id, 111);
        return;
    }
    cl->inflight++;
    char           peer[46];
    struct call_in in = {.m      = m,
                         .args   = cJSON_DetachItemFromObjectCaseSensitive(req, "data"),
                         .who    = &cl->who->actor,
                         .peer   = conn_peer(cl->conn, peer),
                         .answer = rpc_answer,
                         .origin = conn_id(cl->conn),
                         .tag    = id};
    dispatch(app, &in);
}

/* ---- commands ---- */
static const char *text_member(const cJSON *o, const char *name) {
    const cJSON *v = cJSON_GetObjectItemCaseSensitive(o, name);
    return cJSON_IsString(v) ? v->valuestring : NULL;
}

static void do_unsubscribe(struct client *cl, uint32_t id, const cJSON *req) {
    const char *channel = text_member(req, "channel");
    if (channel == NULL || *channel == '\0') {
        client_error(cl, id, 107);
        return;
    }
    struct sub *s = hub_find(cl, channel);
    if (s && !s->server_side) hub_leave(hub_of(conn_loop(cl->conn)), s);
    char out[64];
    int  n = snprintf(out, sizeof out, "{\"id\":%" PRIu32 ",\"unsubscribe\":{}}", id);
    client_send(cl, out, (size_t)n);
}

static void do_subscribe(struct client *cl, uint32_t id, const cJSON *req) {
    const char *channel = text_member(req, "channel");
    if (channel == NULL || *channel == '\0' || strlen(channel) > CHANNEL_MAX) {
        client_error(cl, id, 107);
    } else if (hub_find(cl, channel)) {
        client_error(cl, id, 105);
    } else if (cl->subs_n >= SUBS_MAX) {
        client_error(cl, id, 106);
    } else if (cJSON_IsNumber(cJSON_GetObjectItemCaseSensitive(req, "type")) &&
               cJSON_GetObjectItemCaseSensitive(req, "type")->valuedouble > 0) {
        client_error(cl, id, 108); /* map and shared-poll subscriptions */
    } else if (channel_find(channel) == NULL || (channel_find(channel)->flags & CH_SERVER)) {
        client_error(cl, id, channel_find(channel) ? 103 : 102);
    } else {
        job_subscribe(cl, id, req);
    }
}

/* A channel the client asks about must be one it listens to. */
static const char *own_channel(struct client *cl, uint32_t id, const cJSON *req) {
    const char *channel = text_member(req, "channel");
    if (channel == NULL || *channel == '\0') {
        client_error(cl, id, 107);
        return NULL;
    }
    struct sub *s = hub_find(cl, channel);
    if (s == NULL || !s->active) {
        client_error(cl, id, 103);
        return NULL;
    }
    return channel;
}

static void do_presence(struct client *cl, uint32_t id, const cJSON *req, bool stats) {
    const char *channel = own_channel(cl, id, req);
    if (channel == NULL) return;
    if (!(channel_find(channel)->flags & CH_PRESENCE))
        client_error(cl, id, 108);
    else
        job_presence(cl, id, channel, stats);
}

static void connected_command(struct client *cl, uint32_t id, cJSON *cmd) {
    cJSON *v;
#define HAS(name) ((v = cJSON_GetObjectItemCaseSensitive(cmd, name)) != NULL)
    if (HAS("connect")) {
        client_close(cl, 3501);
    } else if (HAS("ping")) {
        client_error(cl, id, 108);
    } else if (HAS("subscribe")) {
        do_subscribe(cl, id, v);
    } else if (HAS("unsubscribe")) {
        do_unsubscribe(cl, id, v);
    } else if (HAS("publish")) {
        client_error(cl, id, 103); /* publications leave through the outbox only (D11) */
    } else if (HAS("presence")) {
        do_presence(cl, id, v, false);
    } else if (HAS("presence_stats")) {
        do_presence(cl, id, v, true);
    } else if (HAS("history")) {
        if (own_channel(cl, id, v)) job_history(cl, id, v);
    } else if (HAS("rpc")) {
        do_rpc(cl, id, v);
    } else if (HAS("refresh")) {
        const char *token = text_member(v, "token");
        if (token == NULL)
            client_error(cl, id, 107);
        else
            job_refresh(cl, id, token);
    } else if (HAS("sub_refresh")) {
        client_error(cl, id, 108);
    } else {
        client_close(cl, 3501);
    }
#undef HAS
}

static void hold(struct client *cl, const char *p, size_t n) {
    if (cl->hold == NULL) {
        cl->hold = x_malloc(sizeof *cl->hold);
        buf_init(cl->hold, HOLD_BYTES);
    }
    buf_put(cl->hold, p, n);
    buf_putc(cl->hold, '\n');
    if (cl->hold->failed) client_close(cl, 3013);
}

static void command(struct client *cl, const char *p, size_t n) {
    cJSON      *cmd;
    const char *why;
    if (json_parse(p, n, &cmd, &why) != ERR_OK || !cJSON_IsObject(cmd)) {
        cJSON_Delete(cmd);
        client_close(cl, 3501);
        return;
    }
    const cJSON *idv = cJSON_GetObjectItemCaseSensitive(cmd, "id");
    double       d   = cJSON_IsNumber(idv) ? idv->valuedouble : 0;
    uint32_t     id  = d >= 1 && d <= 4294967295.0 ? (uint32_t)d : 0;
    if (cmd->child == NULL) { /* {} is a pong */
        cl->pong_due = false;
    } else if (cJSON_GetObjectItemCaseSensitive(cmd, "send")) {
        if (cl->state != CLIENT_CONNECTED) client_close(cl, 3501);
    } else if (id == 0 || (double)id != d) {
        client_close(cl, 3501);
    } else if (cl->state == CLIENT_CONNECTED) {
        connected_command(cl, id, cmd);
    } else {
        const cJSON *req = cJSON_GetObjectItemCaseSensitive(cmd, "connect");
        if (!cJSON_IsObject(req)) {
            client_close(cl, 3501);
        } else {
            cl->state      = CLIENT_CONNECTING;
            loopstate_remove(loopstate_of(conn_loop(cl->conn)), cl);
            cl->connect_id = id;
            job_connect(cl, id, req);
        }
    }
    cJSON_Delete(cmd);
}

static void commands(struct client *cl, const char *p, size_t n) {
    const char *end = p + n;
    if (n == 0) client_close(cl, 3501);
    while (p < end && cl->state != CLIENT_CLOSING) {
        const char *nl  = memchr(p, '\n', (size_t)(end - p));
        size_t      len = (size_t)((nl ? nl : end) - p);
        if (len && cl->state == CLIENT_CONNECTING)
            hold(cl, p, len);
        else if (len)
            command(cl, p, len);
        p += len + 1;
    }
}

void client_message(struct conn *c, const char *p, size_t n) {
    struct client *cl = conn_ext(c);
    if (cl->state != CLIENT_CLOSING) commands(cl, p, n);
}

void client_replay(struct client *cl) {
    struct buf *h = cl->hold;
    if (h == NULL) return;
    cl->hold = NULL;
    commands(cl, buf_str(h), h->len);
    buf_fini(h);
    x_free(h);
}

void client_open(struct conn *c) {
    struct client *cl = conn_ext(c);
    cl->conn          = c;
    cl->state         = CLIENT_NEW;
    loopstate_wait_connect(loopstate_of(conn_loop(c)), cl);
    metric_add(M_C_conn_opened, 1);
    metric_add(M_C_conns, 1);
}

bool client_drain(struct conn *c) {
    struct client *cl = conn_ext(c);
    if (cl->state == CLIENT_CLOSING) return true;
    if (cl->inflight == 0) client_close(cl, 3001);
    cl->leaving = true;
    return false;
}

void client_closed(struct conn *c) {
    struct client    *cl = conn_ext(c);
    struct loopstate *s  = loopstate_of(conn_loop(c));
    if (cl->conn == NULL) return;
    if (cl->state != CLIENT_CLOSING) loopstate_remove(s, cl);
    cl->state = CLIENT_CLOSING;
    while (cl->subs) hub_leave(s->hub, cl->subs);
    who_put(s, cl->who);
    cl->who = NULL;
    if (cl->hold) {
        buf_fini(cl->hold);
        x_free(cl->hold);
        cl->hold = NULL;
    }
    metric_add(M_C_conns, -1);
}
