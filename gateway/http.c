/* SPDX-License-Identifier: Apache-2.0
 *
 * One accepted socket as long as it speaks HTTP/1.x. Loop thread; http_reply from any.
 *
 *     HEAD --head--> BODY --> WAIT --http_reply--> SEND --> HEAD (keep-alive) or LINGER --> closed
 *       \--upgrade--> the socket goes to libwebsockets (ws_adopt)
 *
 * A head is peeked first and taken from the socket up to its last byte only: what follows (a body, the next request, early
 * WebSocket frames) stays in the kernel until it is wanted. So pipelined requests are answered in order, a client that sends
 * without reading is held by TCP, and the WebSocket engine starts at a frame. While a request waits for its answer the socket
 * is not read; a client that has gone is found when the answer is written, and the answer is dropped.
 *
 * Every refusal ends the connection: after a fault nobody can say where the next request begins. Before closing, what the client
 * still sends is read and thrown away for a moment, else the kernel would reset the connection and the answer would be lost.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/metric.h"
#include "gateway/net_int.h"

#define HCONN_MAGIC 0x68636f6eU
#define HEAD_MS 10000
#define BODY_MS 30000
#define SEND_MS 30000 /* without progress */
#define IDLE_MS 75000 /* between requests */
#define LINGER_MS 2000
#define LINGER_BYTES (4 << 20)
#define BODIES_BYTES (64 << 20) /* being received, per loop */
#define RETRY_AFTER_S "5"

enum hstate { H_HEAD, H_BODY, H_WAIT, H_SEND, H_LINGER, H_CLOSED };

struct hconn {
    unsigned         magic;
    enum hstate      state;
    struct net_loop *l;
    struct hconn    *prev, *next; /* loop->https */
    uv_poll_t        poll;
    int              fd;     /* -1: handed over or closed */
    int              events; /* polled for */
    uint32_t         slot;
    unsigned         listener;
    bool             refuse;  /* over a limit: 503 for whatever it asks */
    bool             counted; /* in per_addr */
    bool             keep, is_head, in_call, replied, started /* bytes of this request have come */;
    struct addr      peer, client; /* of the TCP connection; of the person, behind trusted proxies */
    int64_t          until_ms;
    struct buf       in; /* the head */
    size_t           scanned;
    struct buf       body;
    size_t           body_want;
    struct http_head head;
    struct http_req  req;
    struct http_resp resp; /* held while the request's callback still runs */
    struct buf       out_head;
    char            *out_body;
    size_t           out_body_n, out_pos, lingered;
};

static void on_poll(uv_poll_t *p, int status, int events);

static void want(struct hconn *h, int events) {
    if (h->events == events) return;
    h->events = events;
    if (events)
        MUST(uv_poll_start(&h->poll, events, on_poll) == 0);
    else
        MUST(uv_poll_stop(&h->poll) == 0);
}

static void until(struct hconn *h, int64_t ms) { h->until_ms = clock_mono_ms() + ms; }

/* ---- life ---- */
static void on_closed(uv_handle_t *handle) {
    struct hconn *h = handle->data;
    CHECK_OBJ_NOTNULL(h, HCONN_MAGIC);
    FREE_OBJ(h);
}

static void request_end(struct hconn *h) {
    h->l->body_bytes -= h->body.len;
    buf_fini(&h->in);
    buf_fini(&h->body);
    buf_fini(&h->out_head);
    x_free(h->out_body);
    h->out_body = NULL;
    h->out_pos = h->out_body_n = h->scanned = h->body_want = 0;
    h->started = h->replied = false;
    if (h->req.id) loop_slot_give(h->l, h->slot);
    h->req.id = 0;
}

/* Off the lists; the socket itself is the caller's business. */
static void unlink_hconn(struct hconn *h) {
    struct net_loop *l = h->l;
    if (h->replied) {
        x_free(h->resp.body);
        x_free(h->resp.headers);
    }
    request_end(h);
    h->state = H_CLOSED;
    uv_close((uv_handle_t *)&h->poll, on_closed);
    if (h->prev)
        h->prev->next = h->next;
    else
        l->https = h->next;
    if (h->next) h->next->prev = h->prev;
    l->https_n--;
}

static void hang_up(struct hconn *h) {
    if (h->state == H_CLOSED) return;
    int  fd      = h->fd;
    bool counted = h->counted;
    h->fd        = -1;
    unlink_hconn(h);
    (void)close(fd);
    if (counted) addr_count_give(h->l->net->per_addr, &h->peer);
    atomic_fetch_sub(&h->l->net->sockets, 1);
    loop_check_stop(h->l);
}

void http_accept(struct net_loop *l, int fd, unsigned listener, const struct addr *peer, bool refuse) {
    struct hconn *h;
    ALLOC_OBJ(h, HCONN_MAGIC);
    h->l        = l;
    h->fd       = fd;
    h->listener = listener;
    h->peer = h->client = *peer;
    h->refuse           = refuse;
    if (l->net->per_addr && !refuse && !addr_list_has(&l->net->proxies, peer)) {
        h->counted = addr_count_take(l->net->per_addr, peer);
        h->refuse  = !h->counted;
    }
    buf_init(&h->in, HEAD_BYTES);
    buf_init(&h->body, l->net->conf.body_max_bytes);
    buf_init(&h->out_head, 16384);
    h->poll.data = h;
    MUST(uv_poll_init(&l->uv, &h->poll, fd) == 0);
    h->next = l->https;
    if (h->next) h->next->prev = h;
    l->https = h;
    l->https_n++;
    until(h, HEAD_MS);
    want(h, UV_READABLE);
}

/* ---- answers ---- */
static const struct {
    int         status;
    const char *text;
} statuses[] = {{200, "OK"},
                {201, "Created"},
                {202, "Accepted"},
                {204, "No Content"},
                {206, "Partial Content"},
                {301, "Moved Permanently"},
                {302, "Found"},
                {303, "See Other"},
                {304, "Not Modified"},
                {307, "Temporary Redirect"},
                {308, "Permanent Redirect"},
                {400, "Bad Request"},
                {401, "Unauthorized"},
                {403, "Forbidden"},
                {404, "Not Found"},
                {405, "Method Not Allowed"},
                {408, "Request Timeout"},
                {409, "Conflict"},
                {411, "Length Required"},
                {413, "Content Too Large"},
                {414, "URI Too Long"},
                {415, "Unsupported Media Type"},
                {417, "Expectation Failed"},
                {422, "Unprocessable Content"},
                {423, "Locked"},
                {426, "Upgrade Required"},
                {429, "Too Many Requests"},
                {431, "Request Header Fields Too Large"},
                {500, "Internal Server Error"},
                {501, "Not Implemented"},
                {503, "Service Unavailable"},
                {505, "HTTP Version Not Supported"}};

static const char *status_text(int status) {
    for (size_t i = 0; i < ARRAY_N(statuses); i++)
        if (statuses[i].status == status) return statuses[i].text;
    return status < 300 ? "OK" : "Refused";
}

static const char fixed_headers[] =
    "x-content-type-options: nosniff\r\n"
    "referrer-policy: no-referrer\r\n"
    "x-frame-options: DENY\r\n"
    "content-security-policy: default-src 'self'; connect-src 'self' ws: wss:; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data:; frame-ancestors 'none'; base-uri 'none'; form-action 'self'\r\n";

static bool origin_allowed(const struct hconn *h) {
    const struct http_head *d = &h->head;
    return d->origin == NULL || http_same_origin(d->origin, d->host) || net_origin_listed(h->l->net, d->origin);
}

static void put_head(struct hconn *h, int status, const char *type, size_t body_n, const char *headers) {
    struct buf *b = &h->out_head;
    buf_printf(b, "HTTP/1.1 %d %s\r\ndate: %s\r\n", status, status_text(status), loop_date(h->l));
    if (type && status != 204 && status != 304) buf_printf(b, "content-type: %s\r\n", type);
    if (status != 204 && status != 304) buf_printf(b, "content-length: %zu\r\n", body_n);
    buf_puts(b, fixed_headers);
    buf_puts(b, "vary: Origin\r\n");
    if (h->head.origin && origin_allowed(h))
        buf_printf(b, "access-control-allow-origin: %s\r\naccess-control-expose-headers: etag, retry-after\r\n", h->head.origin);
    if (headers) buf_puts(b, headers);
    if (!h->keep) buf_puts(b, "connection: close\r\n");
    buf_puts(b, "\r\n");
    MUST(!b->failed);
}

static void linger(struct hconn *h) {
    request_end(h);
    (void)shutdown(h->fd, SHUT_WR);
    h->state = H_LINGER;
    until(h, LINGER_MS);
    want(h, UV_READABLE);
}

static void answered(struct hconn *h) {
    if (!h->keep) {
        linger(h);
        return;
    }
    request_end(h);
    memset(&h->head, 0, sizeof h->head);
    h->state = H_HEAD;
    until(h, IDLE_MS);
    want(h, UV_READABLE);
}

static void send_more(struct hconn *h) {
    size_t total = h->out_head.len + h->out_body_n;
    while (h->out_pos < total) {
        struct iovec  v[2];
        struct msghdr m = {.msg_iov = v};
        if (h->out_pos < h->out_head.len)
            v[m.msg_iovlen++] = (struct iovec){h->out_head.p + h->out_pos, h->out_head.len - h->out_pos};
        size_t in_body = h->out_pos > h->out_head.len ? h->out_pos - h->out_head.len : 0;
        if (h->out_body_n > in_body) v[m.msg_iovlen++] = (struct iovec){h->out_body + in_body, h->out_body_n - in_body};
        ssize_t n = sendmsg(h->fd, &m, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0 && errno == EAGAIN) {
            h->state = H_SEND;
            want(h, UV_WRITABLE);
            return;
        }
        if (n < 0) {
            hang_up(h);
            return;
        }
        h->out_pos += (size_t)n;
        until(h, SEND_MS);
    }
    answered(h);
}

/* body: taken, may be NULL. */
static void respond(struct hconn *h, int status, const char *type, char *body, size_t body_n, const char *headers) {
    bool none = h->is_head || status == 204 || status == 304;
    if (h->l->drain_until_ms) h->keep = false;
    put_head(h, status, type, body_n, headers);
    h->out_body   = body;
    h->out_body_n = none ? 0 : body_n;
    h->out_pos    = 0;
    h->state      = H_SEND;
    until(h, SEND_MS);
    send_more(h);
}

static const struct {
    int         status;
    enum err    e;
    const char *zh;
} refusals[] = {{400, ERR_INPUT, "请求的格式不正确"},
                {403, ERR_PERM, "不允许从这个来源访问"},
                {404, ERR_NOTFOUND, "没有这个地址"},
                {405, ERR_METHOD, "不支持这种请求方法"},
                {408, ERR_INPUT, "请求没有在规定时间内发完，请重试"},
                {411, ERR_LENGTH, "请求缺少 Content-Length"},
                {413, ERR_TOOBIG, "请求内容过大"},
                {414, ERR_TOOBIG, "请求地址过长"},
                {417, ERR_INPUT, "不支持请求中的 Expect"},
                {426, ERR_VERSION, "请用 WebSocket 第 13 版连接这个地址"},
                {431, ERR_TOOBIG, "请求头过大"},
                {501, ERR_METHOD, "不认识这种请求方法"},
                {503, ERR_BUSY, "连接数已满，请稍后重试"},
                {505, ERR_VERSION, "请使用 HTTP/1.1"}};

static void refuse(struct hconn *h, int status, const char *headers) {
    size_t i = 0;
    while (i < ARRAY_N(refusals) && refusals[i].status != status) i++;
    MUST(i < ARRAY_N(refusals));
    char label[32];
    (void)snprintf(label, sizeof label, "http_%d", status);
    metric_add_label(M_C_refused, label, 1);
    struct buf b;
    struct jw  w;
    buf_init(&b, 1024);
    jw_init(&w, &b);
    jw_obj(&w);
    jw_kstr(&w, "type", "about:blank");
    jw_kstr(&w, "title", err_info(refusals[i].e)->zh);
    jw_kint(&w, "status", status);
    jw_kstr(&w, "code", err_info(refusals[i].e)->word);
    jw_kstr(&w, "detail", refusals[i].zh);
    jw_kbool(&w, "temporary", err_info(refusals[i].e)->temporary);
    jw_obj_end(&w);
    h->keep = false;
    size_t n;
    char  *body = buf_take(&b, &n);
    respond(h, status, "application/problem+json", body, n, headers);
}

#define ALLOW "allow: GET, HEAD, POST, PUT, DELETE, OPTIONS\r\n"
static void refuse_status(struct hconn *h, int status) {
    refuse(h, status,
           status == 405   ? ALLOW
           : status == 503 ? "retry-after: " RETRY_AFTER_S "\r\n"
           : status == 426 ? "upgrade: websocket\r\nsec-websocket-version: 13\r\n"
                           : NULL);
}

/* ---- a whole request ---- */
static void options(struct hconn *h) {
    const struct http_head *d = &h->head;
    if (d->origin && d->ac_method) { /* preflight: the answer is about the origin, not about the path */
        if (!origin_allowed(h)) {
            refuse_status(h, 403);
            return;
        }
        respond(h, 204, NULL, NULL, 0,
                "access-control-allow-methods: GET, POST, PUT, DELETE\r\n"
                "access-control-allow-headers: authorization, content-type, idempotency-key, if-none-match, x-zb-key, x-zb-time, "
                "x-zb-nonce, x-zb-sign\r\n"
                "access-control-max-age: 600\r\n");
        return;
    }
    respond(h, 204, NULL, NULL, 0, ALLOW);
}

static void call(struct hconn *h) {
    const struct http_head *d = &h->head;
    struct http_req        *r = &h->req;
    uint32_t                gen;
    *r    = (struct http_req){.loop            = h->l,
                              .listener        = h->listener,
                              .verb            = d->verb,
                              .path            = d->path,
                              .query           = d->query,
                              .authorization   = d->authorization,
                              .idempotency_key = d->idempotency_key,
                              .content_type    = d->content_type,
                              .origin          = d->origin,
                              .if_none_match   = d->if_none_match,
                              .accept          = d->accept,
                              .zb_key          = d->zb_key,
                              .zb_time         = d->zb_time,
                              .zb_nonce        = d->zb_nonce,
                              .zb_sign         = d->zb_sign,
                              .body            = buf_str(&h->body),
                              .body_n          = h->body.len};
    r->id = loop_slot_take(h->l, h, &h->slot, &gen);
    (void)addr_text(&h->client, r->peer);
    h->state   = H_WAIT;
    h->in_call = true;
    h->l->net->conf.ops->http(r);
    h->in_call = false;
    if (h->replied) {
        struct http_resp a = h->resp;
        h->replied         = false;
        respond(h, a.status, a.content_type, a.body, a.body_n, a.headers);
        x_free(a.headers);
    }
}

static int check_upgrade(struct hconn *h) {
    const struct http_head *d = &h->head;
    if (d->verb != HTTP_GET) return 405;
    if (!d->v11) return 505;
    if (!d->upgrade_ws) return 426;
    if (!d->connection_upgrade) return 400;
    if (d->ws_version == NULL || strcmp(d->ws_version, "13") != 0) return 426;
    if (d->ws_key == NULL || !http_ws_key_valid(d->ws_key)) return 400;
    if (!origin_allowed(h)) return 403;
    return atomic_load(&h->l->net->conns) >= h->l->net->conns_max || h->l->drain_until_ms ? 503 : 0;
}

static void upgrade(struct hconn *h) {
    struct net_loop *l       = h->l;
    int              status  = check_upgrade(h);
    bool             counted = h->counted;
    if (status == 0 && l->net->per_addr && !counted && !addr_count_take(l->net->per_addr, &h->client)) status = 503;
    if (status) {
        refuse_status(h, status);
        return;
    }
    char key[25];
    (void)snprintf(key, sizeof key, "%s", h->head.ws_key);
    struct addr a        = h->client;
    unsigned    listener = h->listener;
    int         fd       = h->fd;
    h->fd                = -1;
    unlink_hconn(h); /* closes our poll handle first: libuv allows one per descriptor */
    ws_adopt(l, fd, key, &a, listener, l->net->per_addr != NULL);
}

/* Behind a trusted proxy the last entry is the one it added; earlier ones are anybody's words. */
static void find_client(struct hconn *h) {
    const char *f = h->head.forwarded_for;
    h->client     = h->peer;
    if (f == NULL || !addr_list_has(&h->l->net->proxies, &h->peer)) return;
    const char *comma = strrchr(f, ',');
    f                 = comma ? comma + 1 : f;
    f += strspn(f, " \t");
    struct addr a;
    if (addr_parse(f, strcspn(f, " \t"), &a)) h->client = a;
}

static void on_head(struct hconn *h) {
    int status = http_head_parse(h->in.p, h->in.len, &h->head);
    h->is_head = h->head.verb == HTTP_HEAD;
    h->keep    = h->head.keep_alive;
    if (status == 0 && h->head.length > h->l->net->conf.body_max_bytes) status = 413;
    if (status == 0 && h->refuse) status = 503;
    if (status == 0 && h->l->body_bytes + h->head.length > BODIES_BYTES && h->head.length) status = 503;
    if (status) {
        refuse_status(h, status);
        return;
    }
    find_client(h);
    if (strcmp(h->head.path, h->l->net->ws_path) == 0 && h->head.verb != HTTP_OPTIONS) {
        upgrade(h);
        return;
    }
    h->body_want = (size_t)h->head.length;
    if (h->head.expect_100 && h->head.v11 && h->body_want) {
        static const char go[] = "HTTP/1.1 100 Continue\r\n\r\n";
        if (send(h->fd, go, sizeof go - 1, MSG_NOSIGNAL | MSG_DONTWAIT) != (ssize_t)sizeof go - 1) {
            hang_up(h);
            return;
        }
    }
    h->state = H_BODY;
    until(h, BODY_MS);
}

static void on_request(struct hconn *h) {
    if (h->head.verb == HTTP_OPTIONS)
        options(h);
    else
        call(h);
}

/* ---- reading ---- */
/* n bytes are peeked in the scratch buffer; take k of them. */
static bool take(struct hconn *h, size_t k) { return recv(h->fd, h->l->scratch, k, MSG_DONTWAIT) == (ssize_t)k; }

static void read_head(struct hconn *h) {
    char   *p = (char *)h->l->scratch;
    ssize_t r = recv(h->fd, p, HEAD_BYTES - h->in.len, MSG_PEEK | MSG_DONTWAIT);
    if (r < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (r <= 0) {
        hang_up(h);
        return;
    }
    size_t n = (size_t)r, end = 0;
    if (!h->started) until(h, HEAD_MS);
    h->started = true;
    if (h->in.len == 0 && n >= 2 && p[0] == '\r' && p[1] == '\n') { /* an empty line after a body: old clients */
        if (!take(h, 2)) hang_up(h);
        return;
    }
    size_t before = h->in.len;
    buf_put(&h->in, p, n);
    enum head_scan s = http_head_scan(h->in.p, h->in.len, h->scanned, &end);
    h->scanned       = h->in.len;
    if (s == HEAD_BAD || (s == HEAD_MORE && h->in.len == HEAD_BYTES)) {
        int status = s == HEAD_BAD ? 400 : memchr(h->in.p, '\n', h->in.len) ? 431 : 414;
        refuse_status(h, status);
        return;
    }
    if (s == HEAD_END) h->in.len = end;
    if (!take(h, s == HEAD_END ? end - before : n))
        hang_up(h);
    else if (s == HEAD_END)
        on_head(h);
}

static void read_body(struct hconn *h) {
    size_t left = h->body_want - h->body.len;
    if (left) {
        ssize_t r = recv(h->fd, h->l->scratch, left < SCRATCH_BYTES ? left : SCRATCH_BYTES, MSG_DONTWAIT);
        if (r < 0 && (errno == EAGAIN || errno == EINTR)) return;
        if (r <= 0) {
            hang_up(h);
            return;
        }
        buf_put(&h->body, h->l->scratch, (size_t)r);
        h->l->body_bytes += (size_t)r;
    }
    if (h->body.len == h->body_want) on_request(h);
}

static void read_away(struct hconn *h) {
    ssize_t r = recv(h->fd, h->l->scratch, SCRATCH_BYTES, MSG_DONTWAIT);
    if (r < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (r > 0) h->lingered += (size_t)r;
    if (r <= 0 || h->lingered > LINGER_BYTES) hang_up(h);
}

static void on_poll(uv_poll_t *p, int status, int events) {
    struct hconn *h = p->data;
    CHECK_OBJ_NOTNULL(h, HCONN_MAGIC);
    (void)events;
    if (status < 0 && h->state != H_WAIT) {
        hang_up(h);
        return;
    }
    switch (h->state) {
    case H_HEAD:
        read_head(h);
        if (h->state == H_BODY) read_body(h); /* often there already; a request without one runs at once */
        break;
    case H_BODY: read_body(h); break;
    case H_WAIT: want(h, 0); break; /* the next request, or the end: after the answer */
    case H_SEND: send_more(h); break;
    case H_LINGER: read_away(h); break;
    case H_CLOSED: break;
    }
}

/* ---- replies ---- */
struct reply {
    uint64_t         id;
    struct http_resp resp;
};

static void reply_on_loop(struct net_loop *l, uint64_t id, struct http_resp r) {
    struct hconn *h = loop_slot_find(l, id);
    if (h == NULL || h->magic != HCONN_MAGIC || h->state != H_WAIT || h->replied) {
        x_free(r.body);
        x_free(r.headers);
        return;
    }
    if (h->in_call) { /* the caller may still look at its request */
        h->resp    = r;
        h->replied = true;
        return;
    }
    respond(h, r.status, r.content_type, r.body, r.body_n, r.headers);
    x_free(r.headers);
}

static void reply_mail(struct net_loop *l, void *arg) {
    struct reply *r = arg;
    reply_on_loop(l, r->id, r->resp);
    x_free(r);
}

void http_reply(struct net_loop *l, uint64_t req_id, struct http_resp resp) {
    if (pthread_equal(pthread_self(), l->self)) {
        reply_on_loop(l, req_id, resp);
        return;
    }
    struct reply *r = x_malloc(sizeof *r);
    *r              = (struct reply){req_id, resp};
    loop_post(l, reply_mail, r);
}

/* ---- time ---- */
static void timed_out(struct hconn *h) {
    switch (h->state) {
    case H_HEAD:
    case H_BODY:
        if (h->started)
            refuse_status(h, 408);
        else
            hang_up(h);
        break;
    case H_WAIT: break; /* the rooms above have their own limits and always answer */
    case H_SEND:
    case H_LINGER: hang_up(h); break;
    case H_CLOSED: break;
    }
}

void https_tick(struct net_loop *l, int64_t now) {
    for (struct hconn *h = l->https, *next; h; h = next) {
        next = h->next;
        if (now >= h->until_ms) timed_out(h);
    }
}

void https_drain(struct net_loop *l, bool now) {
    for (struct hconn *h = l->https, *next; h; h = next) {
        next    = h->next;
        h->keep = false;
        if (now && h->state == H_HEAD && !h->started) hang_up(h);
    }
}

void https_kill(struct net_loop *l) {
    while (l->https) hang_up(l->https);
}
