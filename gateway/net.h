/* SPDX-License-Identifier: Apache-2.0
 *
 * What the network is to the rooms above it: loops, WebSocket connections, HTTP requests. Implemented by loop.c, conn.c,
 * ws.c and http.c; libwebsockets, the WebSocket engine, is seen in ws.c only.
 *
 * Threads: one per loop, each with its own libuv loop, lws context, listeners (SO_REUSEPORT) and connections. A struct conn
 * or a struct http_req is touched on its loop's thread only. Other threads hold the 64-bit id (loop, slot, generation) and
 * post; a stale id is silently gone.
 *
 * Bounds: connections per process and per address, sockets accepted per turn and tick, message size at the first byte, time of
 * an unfinished message (30 s), queue of 64 frames or 256 KiB per connection, header bytes, body bytes, time for headers (10 s)
 * and body (30 s).
 */
#ifndef ZB_GATEWAY_NET_H
#define ZB_GATEWAY_NET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct net;      /* all loops of the process */
struct net_loop; /* one thread */
struct conn;     /* one WebSocket connection */
struct frame;    /* a ready-made WebSocket frame, shared by reference count */

/* ---- frames: immutable after creation, any thread, atomic count ---- */
struct frame *frame_text(const char *payload, size_t n);                     /* one text frame, header prebuilt for a raw write */
struct frame *frame_text2(const char *a, size_t an, const char *b, size_t bn); /* the same from two pieces */
struct frame *frame_ref(struct frame *f);
void          frame_unref(struct frame *f); /* NULL is legal */
const char   *frame_payload(const struct frame *f, size_t *n);

/* ---- WebSocket connections (loop thread) ---- */
uint64_t         conn_id(const struct conn *c);
struct net_loop *conn_loop(const struct conn *c);
void            *conn_ext(struct conn *c);              /* net_conf.conn_ext_bytes bytes, zeroed at open */
const char      *conn_peer(const struct conn *c, char out[46]); /* address; X-Forwarded-For honoured for trusted proxies */
unsigned         conn_listener(const struct conn *c);
size_t           conn_queued_bytes(const struct conn *c);

/* Sends or queues. key 0: plain. key != 0: a queued frame of the same key is dropped first (latest wins, D14). The first
 * frame of a turn is written at once if nothing is queued and the socket takes it; others are queued and leave at the end of
 * the turn, merged with newlines into one frame.
 * ERR_LIMIT: the bound of the queue is reached, the frame was not taken; the caller closes (3008) or drops. f is borrowed. */
enum err conn_send(struct conn *c, struct frame *f, uint64_t key) MUST_CHECK;

/* Brings into the cache what conn_send will look at: many at once are fetched in the time of one. */
void conn_touch(const struct conn *c);

/* Sends a Close frame with code and a non-empty plain reason at the end of the turn, then ends. Idempotent; after it nothing is
 * sent. A client that does not read for a second gets the end without the frame. ws_closed comes later. */
void conn_close(struct conn *c, unsigned code, const char *reason);

/* ---- HTTP requests (loop thread); the struct is valid until the reply ---- */
enum http_verb { HTTP_GET, HTTP_HEAD, HTTP_POST, HTTP_PUT, HTTP_DELETE, HTTP_OPTIONS, HTTP_OTHER };

struct http_req {
    uint64_t         id;
    struct net_loop *loop;
    unsigned         listener;
    enum http_verb   verb;
    const char      *path;  /* raw, still percent-encoded, starts with '/' */
    const char      *query; /* raw, without '?', "" if none */
    /* headers; NULL when absent */
    const char *authorization, *idempotency_key, *content_type, *origin, *if_none_match, *accept;
    const char *zb_key, *zb_time, *zb_nonce, *zb_sign; /* x-zb-key, x-zb-time, x-zb-nonce, x-zb-sign: systems by API key */
    char        peer[46];
    const char *body; /* NUL-terminated, never NULL */
    size_t      body_n;
};

struct http_resp {
    int         status;
    const char *content_type; /* literal */
    char       *body;         /* taken: x_free */
    size_t      body_n;
    /* further headers, "name: value\r\n" joined, names lower case; taken; may be NULL. Date, Content-Length, CORS, and the
     * security headers are added by the network. */
    char *headers;
};

/* Any thread: hands the answer to the loop; silently dropped (and freed) when the client has gone. resp is copied, its
 * members taken. Called within ops->http, the answer leaves when that returns. */
void http_reply(struct net_loop *l, uint64_t req_id, struct http_resp resp);

/* ---- loops ---- */
struct net_ops {
    void (*ws_open)(struct conn *c);
    void (*ws_message)(struct conn *c, const char *p, size_t n); /* one whole valid UTF-8 text message; p is NUL-terminated, borrowed */
    void (*ws_closed)(struct conn *c);                           /* last call for c */
    /* Its turn in a drain. True: nothing is owed to it, it is closed now. False: the callee closes it when what is under way is
     * answered; net_stop closes it in any case. NULL: always true. */
    bool (*ws_drain)(struct conn *c);
    void (*http)(struct http_req *r); /* r borrowed until http_reply(r->loop, r->id); copy what a worker needs */
    void (*loop_start)(struct net_loop *l); /* on the loop thread, before the first connection */
    void (*loop_stop)(struct net_loop *l);  /* on the loop thread, after the last connection is gone */
    void (*tick)(struct net_loop *l, int64_t mono_ms); /* every 100 ms */
};

struct net_listen {
    char     host[64];
    unsigned port; /* 0: the system chooses; net_port() tells */
};

struct net_conf {
    unsigned          loops_n; /* >= 1 */
    struct net_listen listen[4];
    unsigned          listen_n; /* index = conn_listener(), http_req.listener */
    size_t            message_max_bytes; /* WebSocket, 65 536 */
    size_t            body_max_bytes;    /* HTTP body, 1 MiB */
    size_t            conn_ext_bytes;
    unsigned          conns_max;          /* per process; above: 503 with Retry-After */
    unsigned          conns_per_addr_max; /* 0: no limit */
    const char       *ws_path;            /* "/connection/websocket" */
    const char       *origins;            /* allow-list, blank separated, "*" all; same-origin and absent are always allowed */
    const char       *trusted_proxies;    /* addresses, blank separated, whose X-Forwarded-For counts */
    const struct net_ops *ops;
    void                 *app; /* loop_app() gives it back */
};

/* Starts the threads. why: text of what failed (address in use, libuv plug-in missing, ...). */
enum err net_start(const struct net_conf *conf, struct net **out, char *why, size_t why_n) MUST_CHECK;
unsigned net_port(const struct net *n, unsigned listener);
unsigned net_loops_n(const struct net *n);
struct net_loop *net_get_loop(struct net *n, unsigned i);

/* Drain: stops accepting, then closes connections with code 3001 "shutdown" in batches over about `over_ms`; requests under
 * way are answered first. Any thread; returns at once. */
void net_drain(struct net *n, unsigned over_ms);
unsigned net_sockets(const struct net *n); /* open ones, of all loops; any thread */
void net_stop(struct net *n); /* drains what is left, joins, frees */

void          loop_post(struct net_loop *l, void (*fn)(struct net_loop *l, void *arg), void *arg /* taken */); /* any thread */
struct conn  *loop_find_conn(struct net_loop *l, uint64_t conn_id); /* loop thread; NULL when gone or closing */
struct net_loop *loop_of_id(struct net *n, uint64_t conn_id);       /* any thread */
unsigned      loop_index(const struct net_loop *l);
void         *loop_uv(struct net_loop *l); /* uv_loop_t *, for the bus */
void         *loop_app(struct net_loop *l);
void         *loop_data(struct net_loop *l);
void          loop_set_data(struct net_loop *l, void *p);
unsigned      loop_conns(const struct net_loop *l);

#endif
