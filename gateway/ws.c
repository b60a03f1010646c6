/* SPDX-License-Identifier: Apache-2.0
 *
 * The WebSocket engine: libwebsockets 4.1.6 on our libuv loop, one context and vhost per loop thread; the only file that sees it.
 *
 * It gets sockets whose upgrade http.c has checked, together with a canonical request head (lws_adopt_socket_vhost_readbuf), so
 * its own HTTP parser never reads a byte of a client. It answers 101, frames, unmasks and closes. Rules kept here:
 *   - lws_write only with ready-made frames (LWS_WRITE_RAW), only on the loop thread, never inside another connection's callback
 *     chain of the library; output is asked for by lws_callback_on_writable only when something is held back
 *   - Close with a code: lws_close_reason, then KILL_SYNC, from a uv callback (conns_end_turn)
 *   - no timers of the library: retry_and_idle zeroed, pings come from the rooms above
 *   - contexts end in two halves, see loop.c
 *
 * Left as the library does it, because no call of it allows otherwise: client frames without mask are accepted (the mask bit is
 * shown nowhere; masking protects intermediaries, not us); of several pings in one read only the first is answered; a control
 * frame over 125 bytes or a 64-bit length with the high bit ends the TCP connection without a Close frame; after a refused
 * RSV bit the client's own Close is not read any more, the connection ends after the library's 5 s.
 */
#define ERR_STATE ossl_err_state /* a type of OpenSSL behind the library's header, an error of ours */
#include <libwebsockets.h>
#undef ERR_STATE
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "base/check.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"
#include "gateway/net_int.h"

struct ws {
    struct lws_context *context;
    struct lws_vhost   *vhost;
    unsigned            sockets_n; /* adopted and not yet freed by the library */
};

static char ended; /* stands for a connection that is gone while its socket is still being closed */

/* ---- process-wide settings of the library ---- */
static void *ws_realloc(void *p, size_t n, const char *reason) {
    (void)reason;
    if (n) return x_realloc(p, n);
    x_free(p);
    return NULL;
}

/* Only while contexts are made, on one thread: the library formats its lines in one static buffer, and reports every adoption
 * with a read buffer as an error. */
static void ws_log(int level, const char *line) {
    char   text[256];
    size_t n = strcspn(line, "\n");
    if (n >= sizeof text) n = sizeof text - 1;
    memcpy(text, line, n);
    text[n] = '\0';
    (void)level;
    LOG(LOG_WARN, "lws", KS("text", text));
}

static void set_up_library(void) { lws_set_allocator(ws_realloc); }

/* ---- callbacks ---- */
static void set_reason(struct lws *wsi, unsigned code, const char *reason) {
    unsigned char text[CLOSE_REASON_MAX];
    size_t        n = strnlen(reason, sizeof text - 1);
    memcpy(text, reason, n);
    lws_close_reason(wsi, (enum lws_close_status)code, text, n);
}

static int on_peer_close(struct lws *wsi, struct conn *c, const unsigned char *body, size_t n) {
    char     reason[CLOSE_REASON_MAX];
    unsigned ours = conn_peer_closes(c, reason);
    if (ours) { /* both sides in one turn: ours was said first */
        set_reason(wsi, ours, reason);
        return -1;
    }
    unsigned code = n >= 2 ? (unsigned)body[0] << 8 | body[1] : 1000;
    if (n == 1 || !close_code_valid(code) || (n > 2 && !utf8_valid((const char *)body + 2, n - 2))) {
        set_reason(wsi, LWS_CLOSE_STATUS_PROTOCOL_ERR, "bad close");
        return -1;
    }
    return 0; /* the library echoes it */
}

static int on_receive(struct lws *wsi, struct conn *c, const char *p, size_t n) {
    if (lws_frame_is_binary(wsi))
        conn_close(c, 1003, "text only");
    else
        conn_receive(c, p, n, lws_remaining_packet_payload(wsi), lws_is_final_fragment(wsi) != 0);
    return 0;
}

static int on_event(struct lws *wsi, enum lws_callback_reasons why, void *user, void *in, size_t len) {
    void        *p = lws_get_opaque_user_data(wsi);
    struct conn *c = p == &ended ? NULL : p;
    (void)user;
    switch (why) {
    case LWS_CALLBACK_SERVER_NEW_CLIENT_INSTANTIATED: {
        struct net_loop *l = lws_context_user(lws_get_context(wsi));
        MUST(l->adopting != NULL);
        lws_set_opaque_user_data(wsi, l->adopting);
        l->adopting->wsi = wsi;
        l->adopting      = NULL;
        l->ws->sockets_n++;
        return 0;
    }
    case LWS_CALLBACK_ESTABLISHED:
        if (c == NULL) return -1;
        c->fd = lws_get_socket_fd(wsi);
        conn_opened(c);
        return 0;
    case LWS_CALLBACK_RECEIVE: return c ? on_receive(wsi, c, in, len) : 0;
    case LWS_CALLBACK_SERVER_WRITEABLE:
        if (c) conn_writeable(c);
        return 0;
    case LWS_CALLBACK_WS_PEER_INITIATED_CLOSE: return c ? on_peer_close(wsi, c, in, len) : 0;
    case LWS_CALLBACK_CLOSED:
        if (c) ws_forget(c);
        return 0;
    case LWS_CALLBACK_WSI_DESTROY:
        if (p) ((struct net_loop *)lws_context_user(lws_get_context(wsi)))->ws->sockets_n--;
        if (c) ws_forget(c); /* it never was established */
        return 0;
    case LWS_CALLBACK_HTTP: return -1; /* never: only upgrades are adopted */
    default: return 0;
    }
}

static const struct lws_protocols protocols[] = {
    {.name = "zhangban", .callback = on_event, .rx_buffer_size = 128, .tx_packet_size = 65536},
    {.name = NULL},
};

/* ---- contexts ---- */
enum err ws_context_new(struct net_loop *l, char *why, size_t why_n) {
    static pthread_once_t       once = PTHREAD_ONCE_INIT;
    static const lws_retry_bo_t no_idle_timers;
    (void)pthread_once(&once, set_up_library);
    l->ws                                    = x_calloc(1, sizeof *l->ws);
    void                            *loops[] = {&l->uv};
    struct lws_context_creation_info info    = {
           .port                  = CONTEXT_PORT_NO_LISTEN_SERVER,
           .protocols             = protocols,
           .options               = LWS_SERVER_OPTION_LIBUV | LWS_SERVER_OPTION_DISABLE_IPV6 | LWS_SERVER_OPTION_VALIDATE_UTF8,
           .foreign_loops         = loops,
           .user                  = l,
           .pcontext              = &l->ws->context,
           .retry_and_idle_policy = &no_idle_timers,
           .timeout_secs          = 10,
           .max_http_header_pool  = 256,
           .gid                   = -1,
           .uid                   = -1,
    };
    lws_set_log_level(LLL_ERR, ws_log);
    l->ws->context = lws_create_context(&info);
    lws_set_log_level(0, NULL);
    l->ws->vhost = l->ws->context ? lws_get_vhost_by_name(l->ws->context, "default") : NULL;
    if (l->ws->vhost) return ERR_OK;
    (void)snprintf(why, why_n, "libwebsockets does not start: is its libuv plug-in (libwebsockets-evlib-uv) installed?");
    return ERR_UNAVAILABLE;
}

/* lws_context_destroy takes a socket whose handle is still closing for finished, and unloads the code that closes it. */
void ws_settle(struct net_loop *l) {
    for (int i = 0; i < 1000 && l->ws->sockets_n; i++) (void)uv_run(&l->uv, UV_RUN_NOWAIT);
    (void)uv_run(&l->uv, UV_RUN_NOWAIT);
}

void ws_context_end(struct net_loop *l) {
    if (l->ws && l->ws->context) lws_context_destroy(l->ws->context);
}

void ws_context_free(struct net_loop *l) {
    if (l->ws == NULL) return;
    if (l->ws->context) lws_context_destroy(l->ws->context);
    x_free(l->ws);
    l->ws = NULL;
}

/* ---- connections ---- */
void ws_adopt(struct net_loop *l, int fd, const char *key, const struct addr *a, unsigned listener, bool addr_counted) {
    char         head[256];
    int          n = snprintf(head, sizeof head,
                              "GET / HTTP/1.1\r\nHost: gateway\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: %s\r\n"
                                       "Sec-WebSocket-Version: 13\r\n\r\n",
                              key);
    struct conn *c = conn_new(l, a, listener, addr_counted);
    l->adopting    = c;
    (void)lws_adopt_socket_vhost_readbuf(l->ws->vhost, fd, head, (size_t)n);
    if (l->adopting == NULL) return; /* the library has it, or had it and said so */
    l->adopting = NULL;
    conn_gone(c);
}

bool ws_blocked(const struct conn *c) { return lws_partial_buffered(c->wsi) != 0; }

/* Straight to the socket: nothing is held back (ws_blocked was asked), so the library would do the same after walking its structures.
 * What the socket does not take is the library's to keep and send. */
bool ws_write(struct conn *c, char *frame, size_t n) {
    ssize_t r = send(c->fd, frame, n, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (r == (ssize_t)n) return true;
    if (r < 0 && errno != EAGAIN && errno != EINTR) return false;
    size_t sent = r > 0 ? (size_t)r : 0;
    return lws_write(c->wsi, (unsigned char *)frame + sent, n - sent, LWS_WRITE_RAW) >= (int)(n - sent);
}

void ws_want_write(struct conn *c) { (void)lws_callback_on_writable(c->wsi); }

void ws_close(struct conn *c, unsigned code, const char *reason) {
    set_reason(c->wsi, code, reason);
    lws_set_timeout(c->wsi, PENDING_TIMEOUT_USER_OK, LWS_TO_KILL_SYNC);
}

void ws_kill(struct conn *c) { lws_set_timeout(c->wsi, PENDING_TIMEOUT_USER_OK, LWS_TO_KILL_SYNC); }

void ws_forget(struct conn *c) {
    lws_set_opaque_user_data(c->wsi, &ended);
    conn_gone(c);
}
