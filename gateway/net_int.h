/* SPDX-License-Identifier: Apache-2.0
 *
 * Inside the network: what loop.c, conn.c, http.c and ws.c share. Everything but struct net is touched on its loop's thread.
 *
 *     accept (loop.c) -> struct hconn: one socket, HTTP/1.1 (http.c) --upgrade--> struct conn: WebSocket (ws.c, conn.c)
 *
 * HTTP is read by our own strict parser (http_head.c) on a plain uv_poll: the one of libwebsockets 4.1.6 takes smuggled
 * lengths, stalls on unknown headers and corrupts what follows a handshake. A socket whose upgrade has passed all checks is
 * handed to libwebsockets together with a canonical request head; from there on it is the WebSocket engine.
 */
#ifndef ZB_GATEWAY_NET_INT_H
#define ZB_GATEWAY_NET_INT_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <uv.h>

#include "base/buf.h"
#include "base/mailbox.h"
#include "gateway/addr.h"
#include "gateway/http_head.h"
#include "gateway/net.h"

#define LOOPS_MAX 64
#define TICK_MS 100
#define SCRATCH_BYTES 65536 /* bytes read at once, and the largest merged frame */
#define QUEUE_FRAMES 64
#define QUEUE_BYTES (256 * 1024)
#define MESSAGE_MS 30000 /* an incomplete WebSocket message */
#define STOP_MS 2000     /* what net_stop waits for Close frames and answers */
#define HTTP_ROOM 1024   /* sockets for requests beyond conns_max */
#define FRAME_HEAD_MAX 10
#define CLOSE_SHUTDOWN 3001
#define CLOSE_REASON_MAX 124 /* with the NUL */

/* ---- frames ---- */
struct frame {
    unsigned    magic;
    atomic_uint refs;
    unsigned    head_n;
    size_t      n;   /* payload */
    char        b[]; /* header, payload, NUL */
};
unsigned frame_head(unsigned char out[FRAME_HEAD_MAX], size_t payload_n); /* header of an unfragmented text frame; its length */

/* ---- connections ---- */
struct queued {
    struct frame *f;
    uint64_t      key;
};

/* What a connection has only while something is under way with it; idle connections own none. */
struct busy {
    struct busy   *prev, *next; /* loop->busy */
    struct busy   *dirty_next;  /* loop->dirty */
    struct conn   *c;           /* NULL: gone, the end of the turn frees this */
    struct queued *q;
    unsigned       q_n, q_cap;
    size_t         q_bytes;
    struct buf     rx; /* the message so far */
    bool           rx_open, dirty;
    bool           asked; /* for WRITEABLE */
    int64_t        rx_until_ms, close_until_ms;
    uint16_t       close_code; /* 0: none asked for */
    char           reason[CLOSE_REASON_MAX];
};

enum conn_state { CONN_NEW, CONN_OPEN, CONN_CLOSING, CONN_GONE };

struct conn {
    unsigned         magic;
    uint32_t         slot, gen, turn; /* turn: of the last direct write */
    struct net_loop *loop;
    void            *wsi; /* struct lws; ws.c only */
    int              fd;  /* the same socket, for writing */
    struct busy     *busy;
    struct addr      addr; /* of the client, behind trusted proxies the forwarded one */
    uint8_t          state, listener;
    bool             addr_counted, answers_close /* the library echoes the client's Close */;
    _Alignas(16) unsigned char ext[];
};

struct conn *conn_new(struct net_loop *l, const struct addr *a, unsigned listener, bool addr_counted);
void         conn_opened(struct conn *c);
void         conn_gone(struct conn *c); /* ws_closed if it was open; frees */
/* A piece of a text message. have: bytes here, rest: still to come of this frame, end: the message is complete. */
void conn_receive(struct conn *c, const char *p, size_t n, size_t rest, bool end);
void conn_flush(struct conn *c); /* what is queued, as far as the socket takes it */
void conn_writeable(struct conn *c);
/* The client's Close has come: nothing is sent any more. Our own code, if a Close frame of ours was about to go, else 0. */
unsigned conn_peer_closes(struct conn *c, char reason[CLOSE_REASON_MAX]);
void     conns_end_turn(struct net_loop *l);
void     conns_tick(struct net_loop *l, int64_t now);
bool     close_code_valid(unsigned code); /* may stand in a Close frame of a client */

/* ---- HTTP sockets ---- */
struct hconn;
void http_accept(struct net_loop *l, int fd, unsigned listener, const struct addr *peer, bool refuse);
void https_tick(struct net_loop *l, int64_t now);
void https_drain(struct net_loop *l, bool now); /* now: idle ones at once; else after their next answer */
void https_kill(struct net_loop *l);

/* ---- libwebsockets ---- */
struct ws;
/* On the starting thread, before the loop runs. */
enum err ws_context_new(struct net_loop *l, char *why, size_t why_n) MUST_CHECK;
void     ws_settle(struct net_loop *l);       /* runs the loop until every ended socket is closed */
void     ws_context_end(struct net_loop *l);  /* first half: outside uv_run; then run the loop dry */
void     ws_context_free(struct net_loop *l); /* second half */
/* fd taken in any case. key: checked. */
void ws_adopt(struct net_loop *l, int fd, const char *key, const struct addr *a, unsigned listener, bool addr_counted);
bool ws_blocked(const struct conn *c);                /* the library holds unsent bytes */
bool ws_write(struct conn *c, char *frame, size_t n); /* a whole frame with header; false: the socket is dead */
void ws_want_write(struct conn *c);
void ws_close(struct conn *c, unsigned code, const char *reason);
void ws_kill(struct conn *c);
void ws_forget(struct conn *c); /* the rooms above see its end now; the library's comes later */

/* ---- loops ---- */
struct slot {
    void    *p; /* conn or hconn, both begin with their magic; NULL: free */
    uint32_t gen, next_free;
};

struct listener {
    int              fd; /* -1: closed */
    bool             polling;
    uv_poll_t        poll;
    struct net_loop *l;
    unsigned         index;
};

struct net_loop {
    unsigned        magic;
    struct net     *net;
    unsigned        index;
    pthread_t       thread, self; /* for joining; set by the thread itself, for comparing */
    uv_loop_t       uv;
    uv_async_t      wake;
    uv_timer_t      tick;
    uv_prepare_t    before; /* ends of turns: before and after the poll */
    uv_check_t      after;
    struct mailbox *mail;
    struct listener listen[4];
    struct ws      *ws;
    struct conn    *adopting; /* during ws_adopt */
    struct slot    *slots;
    uint32_t        slots_n, free_head; /* free_head: UINT32_MAX none */
    struct busy    *busy, *dirty;
    struct hconn   *https;
    uint32_t        turn;
    unsigned        conns_n, https_n;
    size_t          body_bytes;     /* request bodies being received */
    unsigned        accept_budget;  /* of this tick */
    int64_t         drain_until_ms; /* 0: not draining */
    int64_t         stop_until_ms;  /* 0: not stopping */
    uint32_t        drain_slot;
    int64_t         date_s;
    char            date[64];
    void           *data;
    unsigned char  *scratch; /* SCRATCH_BYTES + FRAME_HEAD_MAX + 1: reading, or building one merged frame */
};

struct net {
    unsigned           magic;
    struct net_conf    conf;
    char              *origins, *ws_path;
    struct addr_list   proxies;
    struct addr_count *per_addr;       /* NULL: no limit */
    unsigned           conns_max;      /* of the configuration, or what the open files allow */
    atomic_uint        sockets, conns; /* all accepted; WebSockets among them */
    unsigned           ports[4];
    pthread_barrier_t  barrier;
    bool               has_barrier;
    struct net_loop   *loops; /* conf.loops_n */
};

uint64_t    loop_slot_take(struct net_loop *l, void *p, uint32_t *slot, uint32_t *gen);
void        loop_slot_give(struct net_loop *l, uint32_t slot);
void       *loop_slot_find(struct net_loop *l, uint64_t id);
uint64_t    loop_make_id(const struct net_loop *l, uint32_t slot, uint32_t gen);
void        loop_check_stop(struct net_loop *l); /* something ended: perhaps it was the last */
const char *loop_date(struct net_loop *l);       /* "Sun, 06 Nov 1994 08:49:37 GMT" */
bool        net_origin_listed(const struct net *n, const char *origin);

#endif
