/* SPDX-License-Identifier: Apache-2.0
 *
 * The network alone, without the rooms above it: a WebSocket echo and a few HTTP paths over gateway/net.h, for the tests of the
 * wire and for measuring. Prints {"port":N,"pid":N,"conns_max":N} once it listens; SIGTERM ends it, then it prints "stopped".
 *
 *   netserver [loops=2] [conns=N] [addr=N] [message=N] [body=N] [ext=N] [origins="..."] [proxies="..."] [port=N]
 *
 * WebSocket /connection/websocket: a text that does not begin with ! comes back as it is.
 *   !close CODE REASON      !peer      !id      !queued
 *   !burst N SIZE KEYS      N frames in one turn, numbered, of SIZE bytes; KEYS > 0: key 1 + i % KEYS; says "!limit" and closes
 *                           3008 "slow" when the queue is full
 *   !stream N SIZE KEYS     the same over many turns, 32 frames a turn
 *   !sub                    gets what POST /pub sends
 * HTTP: GET /hello /echo /big?n=N /etag /later?ms=N (answered by another thread) /never /stats; POST /echo /pub /drain?ms=N
 */
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/check.h"
#include "base/json.h"
#include "base/mem.h"
#include "gateway/net.h"

struct peer { /* extension bytes of a connection */
    struct peer *prev, *next;
    struct conn *c;
    unsigned     stream_n, stream_i, stream_size, stream_keys;
};

struct counters {
    atomic_uint opened, closed, open, messages, limited, requests, started, ended;
};

static struct counters stats;
static struct net     *the_net;
static atomic_ullong   never_id;

static void say(struct conn *c, const char *text, size_t n) {
    struct frame *f = frame_text(text, n);
    if (conn_send(c, f, 0) != ERR_OK) conn_close(c, 3008, "slow");
    frame_unref(f);
}

/* ---- numbered frames ---- */
static bool send_numbered(struct conn *c, unsigned i, unsigned size, unsigned keys) {
    char *p = x_malloc(size + 32);
    int   n = snprintf(p, 32, "f%u;", i);
    if ((unsigned)n < size) {
        memset(p + n, 'x', size - (unsigned)n);
        n = (int)size;
    }
    struct frame *f  = frame_text(p, (size_t)n);
    bool          ok = conn_send(c, f, keys ? 1 + i % keys : 0) == ERR_OK;
    frame_unref(f);
    x_free(p);
    if (!ok) {
        atomic_fetch_add(&stats.limited, 1);
        conn_close(c, 3008, "slow");
    }
    return ok;
}

static void stream_on(struct net_loop *l, void *arg) {
    uint64_t    *id = arg;
    struct conn *c  = loop_find_conn(l, *id);
    struct peer *p  = c ? conn_ext(c) : NULL;
    for (int k = 0; p && k < 32 && p->stream_i < p->stream_n; k++)
        if (!send_numbered(c, p->stream_i++, p->stream_size, p->stream_keys)) p = NULL;
    if (p && p->stream_i < p->stream_n)
        loop_post(l, stream_on, id);
    else
        x_free(id);
}

/* ---- WebSocket ---- */
static void on_open(struct conn *c) {
    struct peer *p = conn_ext(c);
    p->c           = c;
    atomic_fetch_add(&stats.opened, 1);
    atomic_fetch_add(&stats.open, 1);
}

static void on_closed(struct conn *c) {
    struct peer *p = conn_ext(c);
    if (p->prev) p->prev->next = p->next;
    if (p->next) p->next->prev = p->prev;
    atomic_fetch_add(&stats.closed, 1);
    atomic_fetch_sub(&stats.open, 1);
}

static void on_message(struct conn *c, const char *s, size_t n) {
    struct peer *p = conn_ext(c);
    unsigned     a = 0, b = 0, k = 0;
    char         text[128];
    MUST(s[n] == '\0');
    atomic_fetch_add(&stats.messages, 1);
    if (sscanf(s, "!close %u %99[^\n]", &a, text) == 2) {
        conn_close(c, a, text);
    } else if (sscanf(s, "!burst %u %u %u", &a, &b, &k) == 3) {
        for (unsigned i = 0; i < a && send_numbered(c, i, b, k); i++) {
        }
    } else if (sscanf(s, "!stream %u %u %u", &p->stream_n, &p->stream_size, &p->stream_keys) == 3) {
        uint64_t *id = x_malloc(sizeof *id);
        *id          = conn_id(c);
        p->stream_i  = 0;
        stream_on(conn_loop(c), id);
    } else if (strcmp(s, "!sub") == 0) {
        struct peer *head = loop_data(conn_loop(c));
        p->prev           = head;
        p->next           = head->next;
        if (p->next) p->next->prev = p;
        head->next = p;
        say(c, "!subbed", 7);
    } else if (strcmp(s, "!peer") == 0) {
        char addr[46];
        conn_peer(c, addr);
        say(c, addr, strlen(addr));
    } else if (strcmp(s, "!id") == 0) {
        int m = snprintf(text, sizeof text, "%u %llx", loop_index(conn_loop(c)), (unsigned long long)conn_id(c));
        say(c, text, (size_t)m);
    } else if (strcmp(s, "!queued") == 0) {
        int m = snprintf(text, sizeof text, "%zu", conn_queued_bytes(c));
        say(c, text, (size_t)m);
    } else {
        say(c, s, n);
    }
}

/* ---- HTTP ---- */
static void answer(struct net_loop *l, uint64_t id, int status, struct buf *b, const char *headers) {
    size_t n;
    char  *p = buf_take(b, &n);
    http_reply(l, id,
               (struct http_resp){.status       = status,
                                  .content_type = "text/plain; charset=utf-8",
                                  .body         = p,
                                  .body_n       = n,
                                  .headers      = headers ? x_strdup(headers) : NULL});
}

static unsigned query_number(const struct http_req *r) {
    const char *eq = strchr(r->query, '=');
    return eq ? (unsigned)strtoul(eq + 1, NULL, 10) : 0;
}

struct later {
    struct net_loop *l;
    uint64_t         id;
    unsigned         ms;
};

static void *later_main(void *arg) {
    struct later *t = arg;
    struct buf    b;
    (void)usleep(t->ms * 1000);
    buf_init(&b, 64);
    buf_puts(&b, "later");
    answer(t->l, t->id, 200, &b, NULL);
    x_free(t);
    return NULL;
}

static void pub_on(struct net_loop *l, void *arg) {
    struct peer *head = loop_data(l);
    for (struct peer *p = head->next, *next; p; p = next) {
        next = p->next;
        if (conn_send(p->c, arg, 0) != ERR_OK) conn_close(p->c, 3008, "slow");
    }
    frame_unref(arg);
}

static void put_request(struct buf *b, const struct http_req *r) {
    struct jw w;
    jw_init(&w, b);
    jw_obj(&w);
    jw_kint(&w, "verb", (int64_t)r->verb);
    jw_kstr(&w, "path", r->path);
    jw_kstr(&w, "query", r->query);
    jw_kstr(&w, "peer", r->peer);
    jw_kstr(&w, "authorization", r->authorization);
    jw_kstr(&w, "content_type", r->content_type);
    jw_kstr(&w, "zb_sign", r->zb_sign);
    jw_kint(&w, "body_n", (int64_t)r->body_n);
    jw_key(&w, "body");
    jw_strn(&w, r->body, r->body_n);
    jw_obj_end(&w);
}

static void put_stats(struct buf *b) {
    buf_printf(b, "{\"opened\":%u,\"closed\":%u,\"open\":%u,\"messages\":%u,\"limited\":%u,\"requests\":%u}",
               atomic_load(&stats.opened), atomic_load(&stats.closed), atomic_load(&stats.open), atomic_load(&stats.messages),
               atomic_load(&stats.limited), atomic_load(&stats.requests));
}

static void on_http(struct http_req *r) {
    struct buf  b;
    const char *path = r->path;
    atomic_fetch_add(&stats.requests, 1);
    buf_init(&b, 32 << 20);
    if (strcmp(path, "/hello") == 0) {
        buf_puts(&b, "hello");
        answer(r->loop, r->id, 200, &b, NULL);
    } else if (strcmp(path, "/echo") == 0) {
        put_request(&b, r);
        answer(r->loop, r->id, 200, &b, "x-test: yes\r\n");
    } else if (strcmp(path, "/big") == 0) {
        unsigned n = query_number(r);
        char    *p = x_malloc(n + 1);
        memset(p, 'z', n);
        buf_put(&b, p, n);
        x_free(p);
        answer(r->loop, r->id, 200, &b, NULL);
    } else if (strcmp(path, "/etag") == 0) {
        bool same = r->if_none_match && strcmp(r->if_none_match, "\"1\"") == 0;
        if (!same) buf_puts(&b, "tagged");
        answer(r->loop, r->id, same ? 304 : 200, &b, "etag: \"1\"\r\n");
    } else if (strcmp(path, "/later") == 0) {
        struct later *t = x_malloc(sizeof *t);
        pthread_t     th;
        *t = (struct later){r->loop, r->id, query_number(r)};
        MUST(pthread_create(&th, NULL, later_main, t) == 0);
        pthread_detach(th);
    } else if (strcmp(path, "/never") == 0) {
        atomic_store(&never_id, r->id);
    } else if (strcmp(path, "/now") == 0) { /* answers /never, perhaps long gone */
        buf_puts(&b, "at last");
        answer(loop_of_id(the_net, atomic_load(&never_id)), atomic_load(&never_id), 200, &b, NULL);
        buf_init(&b, 64);
        answer(r->loop, r->id, 204, &b, NULL);
    } else if (strcmp(path, "/pub") == 0) {
        struct frame *f = frame_text(r->body, r->body_n);
        for (unsigned i = 0; i < net_loops_n(the_net); i++) loop_post(net_get_loop(the_net, i), pub_on, frame_ref(f));
        frame_unref(f);
        buf_puts(&b, "ok");
        answer(r->loop, r->id, 200, &b, NULL);
    } else if (strcmp(path, "/stats") == 0) {
        put_stats(&b);
        answer(r->loop, r->id, 200, &b, NULL);
    } else if (strcmp(path, "/drain") == 0) {
        net_drain(the_net, query_number(r));
        answer(r->loop, r->id, 202, &b, NULL);
    } else {
        buf_puts(&b, "no such path");
        answer(r->loop, r->id, 404, &b, NULL);
    }
}

/* ---- loops ---- */
static void on_start(struct net_loop *l) {
    loop_set_data(l, x_calloc(1, sizeof(struct peer)));
    atomic_fetch_add(&stats.started, 1);
}

static void on_stop(struct net_loop *l) {
    struct peer *head = loop_data(l);
    MUST(head->next == NULL && loop_conns(l) == 0); /* the last connection is gone */
    x_free(head);
    atomic_fetch_add(&stats.ended, 1);
}

static void on_tick(struct net_loop *l, int64_t now) {
    (void)l;
    (void)now;
}

static const struct net_ops ops = {.ws_open    = on_open,
                                   .ws_message = on_message,
                                   .ws_closed  = on_closed,
                                   .http       = on_http,
                                   .loop_start = on_start,
                                   .loop_stop  = on_stop,
                                   .tick       = on_tick};

static const char *arg_text(int argc, char **argv, const char *name, const char *def) {
    for (int i = 1; i < argc; i++)
        if (strncmp(argv[i], name, strlen(name)) == 0 && argv[i][strlen(name)] == '=') return argv[i] + strlen(name) + 1;
    return def;
}

static unsigned arg_number(int argc, char **argv, const char *name, const char *def) {
    return (unsigned)strtoul(arg_text(argc, argv, name, def), NULL, 10);
}

int main(int argc, char **argv) {
    sigset_t set;
    int      sig;
    char     why[256] = "";
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    pthread_sigmask(SIG_BLOCK, &set, NULL);
    struct net_conf c = {.loops_n            = arg_number(argc, argv, "loops", "2"),
                         .listen             = {{"127.0.0.1", arg_number(argc, argv, "port", "0")}},
                         .listen_n           = 1,
                         .message_max_bytes  = arg_number(argc, argv, "message", "65536"),
                         .body_max_bytes     = arg_number(argc, argv, "body", "1048576"),
                         .conn_ext_bytes     = sizeof(struct peer) + arg_number(argc, argv, "ext", "0"),
                         .conns_max          = arg_number(argc, argv, "conns", "2000"),
                         .conns_per_addr_max = arg_number(argc, argv, "addr", "0"),
                         .ws_path            = "/connection/websocket",
                         .origins            = arg_text(argc, argv, "origins", ""),
                         .trusted_proxies    = arg_text(argc, argv, "proxies", ""),
                         .ops                = &ops};
    if (net_start(&c, &the_net, why, sizeof why) != ERR_OK) {
        (void)fprintf(stderr, "netserver: %s\n", why);
        return 1;
    }
    (void)printf("{\"port\":%u,\"pid\":%d}\n", net_port(the_net, 0), (int)getpid());
    (void)fflush(stdout);
    (void)sigwait(&set, &sig);
    net_stop(the_net);
    MUST(atomic_load(&stats.open) == 0 && atomic_load(&stats.started) == c.loops_n && atomic_load(&stats.ended) == c.loops_n);
    (void)printf("stopped\n");
    return 0;
}
