/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/rest.h"

#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/metric.h"
#include "gateway/dispatch.h"
#include "gateway/openapi.h"
#include "gateway/query.h"
#include "gateway/static.h"

static void answer_bytes(struct net_loop *l, uint64_t id, int status, const char *type, struct buf *b, char *headers) {
    size_t           n;
    char            *body = buf_take(b, &n);
    struct http_resp r    = {.status = status, .content_type = type, .body = body, .body_n = n, .headers = headers};
    http_reply(l, id, r);
}

static void refuse(struct http_req *q, enum err e, const char *detail) {
    struct answer a = {.e = e, .detail = detail};
    struct buf    b;
    buf_init(&b, 8192);
    problem_write(&b, &a);
    answer_bytes(q->loop, q->id, err_info(e)->http, "application/problem+json", &b,
                 e == ERR_AUTH ? x_strdup("www-authenticate: Bearer\r\n") : NULL);
}

static void rest_answer(struct app *app, uint64_t id, uint64_t loop, const struct answer *a) {
    struct net_loop *l = net_get_loop(app->net, (unsigned)loop);
    struct buf       b;
    buf_init(&b, a->json_n + 8192);
    if (a->e == ERR_OK) {
        const char *text = a->raw ? a->raw : a->json;
        bool        json = a->raw == NULL || *a->raw == '{' || *a->raw == '[';
        buf_put(&b, text, a->raw ? strlen(a->raw) : a->json_n);
        answer_bytes(l, id, a->created ? 201 : 200, json ? "application/json; charset=utf-8" : "text/plain; charset=utf-8", &b,
                     x_strdup("cache-control: no-store\r\n"));
        return;
    }
    const struct err_info *i = err_info(a->e);
    struct buf             h;
    buf_init(&h, 512);
    problem_write(&b, a);
    if (i->temporary) buf_printf(&h, "retry-after: %lld\r\n", (long long)(a->retry_ms > 0 ? (a->retry_ms + 999) / 1000 : 1));
    if (a->e == ERR_AUTH) buf_puts(&h, "www-authenticate: Bearer\r\n");
    buf_puts(&h, "cache-control: no-store\r\n");
    answer_bytes(l, id, i->http, "application/problem+json", &b, buf_take(&h, NULL));
}

/* Body members join path and query; the path wins by being there already: a repeated name is refused later. */
static enum err body_into(const struct http_req *q, cJSON *obj, const char **why) {
    cJSON *body;
    if (q->body_n == 0) return ERR_OK;
    *why = NULL;
    if (q->content_type == NULL || strncmp(q->content_type, "application/json", 16) != 0) return ERR_MEDIA;
    enum err e = json_parse(q->body, q->body_n, &body, why);
    if (e) return e;
    if (!cJSON_IsObject(body)) {
        *why = "body must be a JSON object";
        cJSON_Delete(body);
        return ERR_INPUT;
    }
    while (body->child) {
        cJSON *v = cJSON_DetachItemViaPointer(body, body->child);
        (void)cJSON_AddItemToArray(obj, v); /* keeps its name */
    }
    cJSON_Delete(body);
    return ERR_OK;
}

static void method_request(struct http_req *q, struct app *app, enum verb verb) {
    const struct method *m   = NULL;
    cJSON               *obj = cJSON_CreateObject();
    const char          *why = NULL;
    enum err             e   = method_route(verb, q->path, obj, &m);
    bool raw = e == ERR_OK && (m->flags & M_RAW);
    if (e == ERR_OK && !raw && !query_into(q->query, m, obj)) {
        e   = ERR_INPUT;
        why = "查询参数的编码不正确";
    }
    if (e == ERR_OK && !raw) e = body_into(q, obj, &why);
    if (e) {
        cJSON_Delete(obj);
        refuse(q, e, why);
        return;
    }
    const char *token = NULL;
    if (q->authorization) {
        if (strncasecmp(q->authorization, "Bearer ", 7) != 0) {
            cJSON_Delete(obj);
            refuse(q, ERR_AUTH, "请使用 Authorization: Bearer <令牌>");
            return;
        }
        token = q->authorization + 7;
    }
    struct call_in in = {.m = m, .args = obj, .token = token, .peer = q->peer, .idem_key = q->idempotency_key, .rest = true,
                         .sys_key = q->zb_key, .sys_time = q->zb_time, .sys_nonce = q->zb_nonce, .sys_sign = q->zb_sign, .raw_path = q->path,
                         .body = q->body, .body_n = q->body_n, .query = q->query, .answer = rest_answer, .origin = q->id, .tag = loop_index(q->loop)};
    dispatch(app, &in);
}

/* ---- health and figures ---- */
static void healthz(struct http_req *q, struct app *app) {
    struct buf b;
    struct jw  w;
    buf_init(&b, 4096);
    jw_init(&w, &b);
    jw_obj(&w);
    jw_kstr(&w, "status", "ok");
    jw_kstr(&w, "version", ZB_VERSION);
    jw_kbool(&w, "demo", app->house.demo);
    jw_obj_end(&w);
    answer_bytes(q->loop, q->id, 200, "application/json; charset=utf-8", &b, x_strdup("cache-control: no-store\r\n"));
}

static void readyz(struct http_req *q, struct app *app) {
    struct writer_stats ws    = writer_stats(app->writer);
    bool                redis = metric_get(M_C_redis_up) == 1, drain = atomic_load(&app->draining);
    bool                ready = redis && !drain && ws.queued < (size_t)app->conf.writer_queue / 2;
    struct buf          b;
    struct jw           w;
    buf_init(&b, 4096);
    jw_init(&w, &b);
    jw_obj(&w);
    jw_kstr(&w, "status", ready ? "ready" : "not ready");
    jw_kstr(&w, "redis", redis ? "up" : "down");
    jw_kbool(&w, "draining", drain);
    jw_kint(&w, "writes_waiting", (int64_t)ws.queued);
    jw_kint(&w, "connections", metric_get(M_C_conns));
    jw_obj_end(&w);
    answer_bytes(q->loop, q->id, ready ? 200 : 503, "application/json; charset=utf-8", &b, x_strdup("cache-control: no-store\r\n"));
}

/* D21: figures are for operators: on the admin listener, or in demo, which listens on loopback only. */
static bool may_see_figures(const struct http_req *q, const struct app *app) {
    return app->house.demo || (*app->conf.admin_listen && q->listener == 0);
}

void rest_request(struct http_req *q) {
    struct app *app = loop_app(q->loop);
    enum verb   verb;
    switch (q->verb) {
    case HTTP_GET:
    case HTTP_HEAD: verb = V_GET; break;
    case HTTP_POST: verb = V_POST; break;
    case HTTP_PUT: verb = V_PUT; break;
    case HTTP_DELETE: verb = V_DELETE; break;
    default: refuse(q, ERR_METHOD, NULL); return;
    }
    if (strncmp(q->path, "/v1/", 4) == 0) {
        method_request(q, app, verb);
        return;
    }
    if (verb != V_GET) {
        refuse(q, ERR_METHOD, NULL);
        return;
    }
    struct buf b;
    if (strcmp(q->path, "/healthz") == 0) {
        healthz(q, app);
    } else if (strcmp(q->path, "/readyz") == 0) {
        readyz(q, app);
    } else if (strcmp(q->path, "/metrics") == 0 && may_see_figures(q, app)) {
        buf_init(&b, 1U << 20);
        metric_print(&b);
        answer_bytes(q->loop, q->id, 200, "text/plain; version=0.0.4", &b, NULL);
    } else if (strcmp(q->path, "/openapi.json") == 0) {
        buf_init(&b, 4U << 20);
        openapi_write(&b);
        answer_bytes(q->loop, q->id, 200, "application/json; charset=utf-8", &b, NULL);
    } else if (!static_answer(app->pages, q)) {
        refuse(q, ERR_NOTFOUND, NULL);
    }
}
