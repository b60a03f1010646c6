/* SPDX-License-Identifier: Apache-2.0
 *
 * libcurl's multi by its socket interface: libuv watches the sockets and the one timer, libcurl acts, and finished requests are
 * collected after each of its turns (never inside it), so `done` may call anything. Names are resolved by libcurl's threads.
 *
 * "Never twice" needs care, because libcurl sends again by itself when a kept connection dies before the first byte of an answer. Two
 * things keep it from that: it spares requests that are "RTSP receive" (the only condition of Curl_retry_request that can be set from
 * outside; HTTP looks at it nowhere else), and its pre-request callback, which comes before each sending, refuses the second one. What
 * it may send again is what the peer says it did not look at: REFUSED_STREAM, which is also what nghttp2 makes of a stream above the
 * last one of a GOAWAY. libcurl tells that only in words, to its debug callback; should the words change one day, such a request ends
 * as `lost`, which is safe.
 */
#include "push/http_out.h"
#include "push/net_guard.h"

#include <arpa/inet.h>
#include <curl/curl.h>
#include <pthread.h>
#include <string.h>
#include <strings.h>
#include <sys/queue.h>
#include <unistd.h>

#include "base/check.h"
#include "base/log.h"
#include "base/mem.h"
#include "push/http2_fix.h"

#define HOST_CONNECTIONS 16   /* an HTTP/1.1 peer needs several, an HTTP/2 peer more than one only above its stream limit */
#define IDLE_S           55L  /* below the 60 and 75 s after which usual servers and routers drop idle connections */
#define CONNECT_MAX_MS   10000
#define SPARE_MAX        256  /* easy handles kept for the next request: making one costs more than sending */
#define HEADERS_MAX      48   /* of an answer; what is more is dropped */
#define HEAD_BYTES_MAX   8192
#define REFUSED_WORDS    "REFUSED_STREAM" /* each at the beginning of a line: elsewhere they may come from a stranger */
#define STREAM_WORDS     "Using Stream ID: "
#define GOAWAY_WORDS     "recveived GOAWAY, error=" /* as this version writes it */
#define LAST_WORDS       "last_stream="

struct http_req {
    unsigned magic;
#define HTTP_REQ_MAGIC 0x68747271U
    struct http_out *out;
    CURL            *easy;
    TAILQ_ENTRY(http_req) link;
    void (*done)(void *arg, const struct http_answer *r);
    void              *arg;
    struct curl_slist *headers;
    void              *body;
    struct buf         head, in; /* names and values, each with its NUL; the answer's body */
    uint16_t           header_at[HEADERS_MAX][2];
    size_t             headers_n;
    unsigned long      stream; /* HTTP/2; 0 not known */
    bool               is_sent, is_refused, has_proxy, is_cut;
    const struct net_guard *guard; /* NULL: none */
};
TAILQ_HEAD(http_reqs, http_req);

struct http_out {
    unsigned magic;
#define HTTP_OUT_MAGIC 0x68747470U
    uv_loop_t       *loop;
    uv_timer_t       timer;
    CURLM           *multi;
    struct http_reqs reqs, spare;
    size_t           spare_n;
    uint64_t         connections;
    bool             in_turn;
};

struct watch {
    uv_poll_t        poll;
    struct http_out *out;
    curl_socket_t    fd;
};

/* ---- addresses ---- */
static bool text_is_allowed(const struct net_guard *g, const char *ip) {
    struct sockaddr_in  a4 = {.sin_family = AF_INET};
    struct sockaddr_in6 a6 = {.sin6_family = AF_INET6};
    if (inet_pton(AF_INET, ip, &a4.sin_addr) == 1) return net_guard_addr(g, (const struct sockaddr *)(const void *)&a4, NULL);
    if (inet_pton(AF_INET6, ip, &a6.sin6_addr) == 1) return net_guard_addr(g, (const struct sockaddr *)(const void *)&a6, NULL);
    return false;
}

/* ---- callbacks of one request; nothing of ours is called from here ---- */
static curl_socket_t on_open(void *p, curlsocktype purpose, struct curl_sockaddr *a) {
    struct http_req *r = p;
    (void)purpose;
    if (r->guard && !r->has_proxy && !net_guard_addr(r->guard, &a->addr, NULL)) return CURL_SOCKET_BAD;
    int fd = socket(a->family, a->socktype | SOCK_CLOEXEC, a->protocol);
    if (fd >= 0) r->out->connections++;
    return fd >= 0 ? fd : CURL_SOCKET_BAD;
}

static int on_sending(void *p, char *peer, char *local, int peer_port, int local_port) {
    struct http_req *r = p;
    (void)local, (void)peer_port, (void)local_port;
    if (r->is_sent && !r->is_refused) return CURL_PREREQFUNC_ABORT;
    if (r->guard && !r->has_proxy && !text_is_allowed(r->guard, peer)) return CURL_PREREQFUNC_ABORT; /* a kept connection of another provider */
    r->is_sent    = true;
    r->is_refused = false;
    r->stream     = 0;
    (void)curl_easy_setopt(r->easy, CURLOPT_VERBOSE, 1L); /* from here on its words count */
    return CURL_PREREQFUNC_OK;
}

static bool begins(const char *p, size_t n, const char *words) { return n >= strlen(words) && memcmp(p, words, strlen(words)) == 0; }

/* The number behind some words; 0: they are not there. */
static unsigned long number_after(const char *p, size_t n, const char *words) {
    const char   *at = memmem(p, n, words, strlen(words)), *end = p + n;
    unsigned long v  = 0;
    for (at = at ? at + strlen(words) : end; at < end && *at >= '0' && *at <= '9' && v < 1UL << 31; at++) v = v * 10 + (unsigned long)(*at - '0');
    return v;
}

static int on_words(CURL *easy, curl_infotype type, char *p, size_t n, void *arg) {
    struct http_req *r = arg;
    (void)easy;
    if (type != CURLINFO_TEXT || !r->is_sent) return 0;
    if (begins(p, n, STREAM_WORDS)) r->stream = number_after(p, n, STREAM_WORDS);
    else if (begins(p, n, REFUSED_WORDS)) r->is_refused = true;
    else if (begins(p, n, GOAWAY_WORDS) && number_after(p, n, LAST_WORDS) < r->stream) r->is_refused = true; /* the only one of its connection */
    return 0;
}

static size_t on_header(char *p, size_t size, size_t n, void *arg) {
    struct http_req *r = arg;
    (void)size; /* always 1 */
    if (n >= 5 && memcmp(p, "HTTP/", 5) == 0) { /* of the next response: what came before was 1xx, or a proxy's */
        buf_reset(&r->head);
        r->headers_n = 0;
        return n;
    }
    const char *colon = memchr(p, ':', n);
    if (colon == NULL || colon == p || r->headers_n == HEADERS_MAX || memchr(p, 0, n)) return n;
    size_t name_n = (size_t)(colon - p), from = name_n + 1, to = n;
    while (from < to && (p[from] == ' ' || p[from] == '\t')) from++;
    while (to > from && strchr(" \t\r\n", p[to - 1])) to--;
    if (r->head.len + name_n + (to - from) + 2 > HEAD_BYTES_MAX) return n;
    r->header_at[r->headers_n][0] = (uint16_t)r->head.len;
    for (size_t i = 0; i < name_n; i++) buf_putc(&r->head, (char)(p[i] >= 'A' && p[i] <= 'Z' ? p[i] + 32 : p[i]));
    buf_putc(&r->head, '\0');
    r->header_at[r->headers_n++][1] = (uint16_t)r->head.len;
    buf_put(&r->head, p + from, to - from);
    buf_putc(&r->head, '\0');
    return n;
}

static size_t on_body(char *p, size_t size, size_t n, void *arg) {
    struct http_req *r    = arg;
    size_t           room = HTTP_ANSWER_MAX - r->in.len;
    (void)size;
    buf_put(&r->in, p, n < room ? n : room);
    r->is_cut = n > room;
    return r->is_cut ? 0 : n;
}

/* ---- requests ---- */
#define SET(opt, v) ok = curl_easy_setopt(r->easy, opt, v) == CURLE_OK && ok

static struct http_req *req_new(struct http_out *h) {
    struct http_req *r = TAILQ_FIRST(&h->spare);
    if (r) {
        TAILQ_REMOVE(&h->spare, r, link);
        h->spare_n--;
        return r;
    }
    ALLOC_OBJ(r, HTTP_REQ_MAGIC);
    r->out  = h;
    r->easy = curl_easy_init();
    buf_init(&r->head, HEAD_BYTES_MAX + 1);
    buf_init(&r->in, HTTP_ANSWER_MAX + 1);
    bool ok = r->easy != NULL;
    SET(CURLOPT_PRIVATE, r);
    SET(CURLOPT_NOSIGNAL, 1L);
    SET(CURLOPT_QUICK_EXIT, 1L); /* or ending a request that waits for a name would block on the resolver's thread */
    SET(CURLOPT_PROTOCOLS_STR, "http,https");
    SET(CURLOPT_FOLLOWLOCATION, 0L);
    SET(CURLOPT_DISALLOW_USERNAME_IN_URL, 1L);
    SET(CURLOPT_PATH_AS_IS, 1L);
    SET(CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_2TLS);
    SET(CURLOPT_PIPEWAIT, 1L);
    SET(CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    SET(CURLOPT_SSL_VERIFYPEER, 1L);
    SET(CURLOPT_SSL_VERIFYHOST, 2L);
    SET(CURLOPT_MAXAGE_CONN, IDLE_S);
    SET(CURLOPT_RTSP_REQUEST, (long)CURL_RTSPREQ_RECEIVE); /* see the top */
    SET(CURLOPT_UPLOAD_BUFFERSIZE, 16384L);
    SET(CURLOPT_NOPROXY, "");
    SET(CURLOPT_OPENSOCKETFUNCTION, on_open);
    SET(CURLOPT_OPENSOCKETDATA, r);
    SET(CURLOPT_PREREQFUNCTION, on_sending);
    SET(CURLOPT_PREREQDATA, r);
    SET(CURLOPT_DEBUGFUNCTION, on_words);
    SET(CURLOPT_DEBUGDATA, r);
    SET(CURLOPT_HEADERFUNCTION, on_header);
    SET(CURLOPT_HEADERDATA, r);
    SET(CURLOPT_WRITEFUNCTION, on_body);
    SET(CURLOPT_WRITEDATA, r);
    MUST(ok);
    return r;
}

static void req_destroy(struct http_req *r) {
    curl_easy_cleanup(r->easy);
    buf_fini(&r->head);
    buf_fini(&r->in);
    FREE_OBJ(r);
}

/* Not in the multi any more. */
static void req_end(struct http_req *r) {
    struct http_out *h = r->out;
    (void)curl_easy_setopt(r->easy, CURLOPT_VERBOSE, 0L);
    (void)curl_easy_setopt(r->easy, CURLOPT_HTTPHEADER, NULL); /* they are freed now */
    (void)curl_easy_setopt(r->easy, CURLOPT_POSTFIELDS, NULL);
    curl_slist_free_all(r->headers);
    x_free(r->body);
    r->headers = NULL;
    r->body    = NULL;
    buf_reset(&r->head);
    if (r->in.cap > 4096) { /* a spare handle keeps no large buffer */
        buf_fini(&r->in);
        buf_init(&r->in, HTTP_ANSWER_MAX + 1);
    } else {
        buf_reset(&r->in);
    }
    r->headers_n = 0;
    r->is_sent = r->is_refused = r->is_cut = false;
    if (h->spare_n == SPARE_MAX) {
        req_destroy(r);
        return;
    }
    TAILQ_INSERT_HEAD(&h->spare, r, link);
    h->spare_n++;
}

static bool is_token(const char *s) { return *s && s[strspn(s, "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")] == '\0'; }

static bool add_header(struct http_req *r, const char *name, const char *value) {
    char  *line = NULL;
    size_t n    = strlen(name) + strlen(value) + 4;
    line        = x_malloc(n);
    (void)snprintf(line, n, *value ? "%s: %s" : "%s;", name, value); /* with a semicolon: the header with no value */
    struct curl_slist *next = curl_slist_append(r->headers, line);
    MUST(next != NULL);
    r->headers = next;
    x_wipe(line, n);
    x_free(line);
    return true;
}

static bool check_call(const struct http_way *way, const struct http_call *c) {
    CURLU *u      = curl_url();
    char  *scheme = NULL, *host = NULL;
    bool   ok     = u && strpbrk(c->url, "\r\n\t ") == NULL && curl_url_set(u, CURLUPART_URL, c->url, CURLU_DISALLOW_USER) == CURLUE_OK &&
              curl_url_get(u, CURLUPART_SCHEME, &scheme, 0) == CURLUE_OK && curl_url_get(u, CURLUPART_HOST, &host, 0) == CURLUE_OK &&
              (strcmp(scheme, "https") == 0 || strcmp(scheme, "http") == 0);
    bool        settled = false;
    const char *why;
    if (ok && c->guard) ok = net_guard_url(c->guard, c->url, &settled, &why) == ERR_OK;
    if (ok && c->guard && *way->proxy) ok = settled; /* the proxy resolves names, so only what needs no resolving is sure */
    for (size_t i = 0; ok && i < c->headers_n; i++) ok = is_token(c->header[i].name) && strpbrk(c->header[i].value, "\r\n") == NULL;
    curl_free(scheme);
    curl_free(host);
    curl_url_cleanup(u);
    return ok && is_token(c->method);
}

enum err http_out_send(struct http_out *h, const struct http_way *way, const struct http_call *call,
                       void (*done)(void *arg, const struct http_answer *r), void *arg, struct http_req **req) {
    CHECK_OBJ_NOTNULL(h, HTTP_OUT_MAGIC);
    *req = NULL;
    if (!check_call(way, call)) return ERR_INPUT;
    struct http_req *r          = req_new(h);
    bool             ok         = true, has_type = false;
    long             connect_ms = (long)(way->timeout_ms / 4 > CONNECT_MAX_MS ? CONNECT_MAX_MS : way->timeout_ms / 4);
    r->done        = done;
    r->arg         = arg;
    r->guard       = call->guard;
    r->has_proxy   = *way->proxy != '\0';
    for (size_t i = 0; i < call->headers_n; i++) {
        (void)add_header(r, call->header[i].name, call->header[i].value);
        has_type = has_type || strcasecmp(call->header[i].name, "content-type") == 0;
    }
    SET(CURLOPT_URL, call->url);
    SET(CURLOPT_PROXY, way->proxy); /* "" : none, whatever the environment says */
    SET(CURLOPT_CAINFO, *way->ca_file ? way->ca_file : NULL);
    if (*way->ca_file) SET(CURLOPT_CAPATH, NULL);
    SET(CURLOPT_TIMEOUT_MS, (long)way->timeout_ms);
    SET(CURLOPT_CONNECTTIMEOUT_MS, connect_ms ? connect_ms : 1L);
    SET(CURLOPT_CUSTOMREQUEST, NULL);
    if (strcmp(call->method, "GET") == 0 && call->body_n == 0) {
        SET(CURLOPT_HTTPGET, 1L);
    } else {
        r->body = x_malloc(call->body_n + 1);
        if (call->body_n) memcpy(r->body, call->body, call->body_n);
        SET(CURLOPT_POST, 1L);
        SET(CURLOPT_POSTFIELDS, (char *)r->body);
        SET(CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)call->body_n);
        if (strcmp(call->method, "POST") != 0) SET(CURLOPT_CUSTOMREQUEST, call->method);
        if (!has_type) r->headers = curl_slist_append(r->headers, "Content-Type:"); /* or libcurl makes it a form */
        r->headers = curl_slist_append(r->headers, "Expect:");
    }
    SET(CURLOPT_HTTPHEADER, r->headers);
    MUST(ok && curl_multi_add_handle(h->multi, r->easy) == CURLM_OK);
    TAILQ_INSERT_TAIL(&h->reqs, r, link);
    *req = r;
    return ERR_OK;
}

static void take_out(struct http_req *r) {
    TAILQ_REMOVE(&r->out->reqs, r, link);
    MUST(curl_multi_remove_handle(r->out->multi, r->easy) == CURLM_OK);
}

void http_out_cancel(struct http_req *req, bool *lost) {
    CHECK_OBJ_NOTNULL(req, HTTP_REQ_MAGIC);
    take_out(req);
    if (lost) *lost = req->is_sent && !req->is_refused;
    req_end(req);
}

/* ---- turns ---- */
static void finish(struct http_req *r, CURLcode code) {
    struct http_header header[HEADERS_MAX];
    struct http_answer a      = {.header = header, .headers_n = r->headers_n, .body = buf_str(&r->in), .body_n = r->in.len};
    long               status = 0;
    if (code == CURLE_OK || (code == CURLE_WRITE_ERROR && r->is_cut)) (void)curl_easy_getinfo(r->easy, CURLINFO_RESPONSE_CODE, &status);
    a.status = (int)status;
    a.lost   = a.status == 0 && r->is_sent && !r->is_refused;
    if (a.status == 0) { /* half an answer is none */
        a.headers_n = a.body_n = 0;
        a.body                 = "";
    }
    for (size_t i = 0; i < a.headers_n; i++)
        header[i] = (struct http_header){r->head.p + r->header_at[i][0], r->head.p + r->header_at[i][1]};
    if (a.status == 0) LOG(LOG_INFO, "http_out_failed", KS("why", curl_easy_strerror(code)), KI("lost", a.lost));
    take_out(r);
    r->done(r->arg, &a);
    req_end(r);
}

static void collect(struct http_out *h) {
    CURLMsg *m;
    int      left;
    while ((m = curl_multi_info_read(h->multi, &left)) != NULL) {
        char    *p    = NULL;
        CURLcode code = m->data.result;
        if (m->msg != CURLMSG_DONE) continue;
        MUST(curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, &p) == CURLE_OK);
        struct http_req *r = (struct http_req *)(void *)p;
        CHECK_OBJ_NOTNULL(r, HTTP_REQ_MAGIC);
        finish(r, code);
    }
}

static void act(struct http_out *h, curl_socket_t fd, int what) {
    int running;
    h->in_turn = true;
    (void)curl_multi_socket_action(h->multi, fd, what, &running);
    collect(h);
    h->in_turn = false;
}

static void on_poll(uv_poll_t *poll, int status, int events) {
    struct watch *w    = poll->data;
    int           what = status < 0 ? CURL_CSELECT_ERR : 0;
    if (events & UV_READABLE) what |= CURL_CSELECT_IN;
    if (events & UV_WRITABLE) what |= CURL_CSELECT_OUT;
    act(w->out, w->fd, what);
}

static void on_timer(uv_timer_t *t) { act(t->data, CURL_SOCKET_TIMEOUT, 0); }

static void on_watch_closed(uv_handle_t *handle) {
    struct watch *w = handle->data;
    x_free(w);
}

static int on_socket(CURL *easy, curl_socket_t fd, int what, void *arg, void *sockp) {
    struct http_out *h = arg;
    struct watch    *w = sockp;
    (void)easy;
    if (what == CURL_POLL_REMOVE) {
        if (w == NULL) return 0;
        (void)uv_poll_stop(&w->poll);
        uv_close((uv_handle_t *)&w->poll, on_watch_closed);
        (void)curl_multi_assign(h->multi, fd, NULL);
        return 0;
    }
    if (w == NULL) {
        w      = x_calloc(1, sizeof *w);
        w->out = h;
        w->fd  = fd;
        if (uv_poll_init(h->loop, &w->poll, fd) != 0) {
            x_free(w);
            return -1;
        }
        w->poll.data = w;
        (void)curl_multi_assign(h->multi, fd, w);
    }
    return uv_poll_start(&w->poll, (what & CURL_POLL_IN ? UV_READABLE : 0) | (what & CURL_POLL_OUT ? UV_WRITABLE : 0), on_poll) == 0 ? 0 : -1;
}

static int on_timeout(CURLM *multi, long ms, void *arg) {
    struct http_out *h = arg;
    (void)multi;
    if (ms < 0) return uv_timer_stop(&h->timer);
    return uv_timer_start(&h->timer, on_timer, (uint64_t)ms, 0);
}

/* ---- the whole ---- */
static void global_init(void) {
    http2_fix_init();
    MUST(curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK);
    const curl_version_info_data *v = curl_version_info(CURLVERSION_NOW);
    if (!(v->features & CURL_VERSION_ASYNCHDNS)) LOG0(LOG_WARN, "libcurl_resolves_in_the_loop");
    if (!(v->features & CURL_VERSION_HTTP2)) LOG0(LOG_WARN, "libcurl_without_http2");
}

struct http_out *http_out_new(uv_loop_t *loop) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    MUST(pthread_once(&once, global_init) == 0);
    struct http_out *h;
    ALLOC_OBJ(h, HTTP_OUT_MAGIC);
    h->loop = loop;
    TAILQ_INIT(&h->reqs);
    TAILQ_INIT(&h->spare);
    MUST(uv_timer_init(loop, &h->timer) == 0);
    h->timer.data = h;
    h->multi      = curl_multi_init();
    MUST(h->multi && curl_multi_setopt(h->multi, CURLMOPT_SOCKETFUNCTION, on_socket) == CURLM_OK &&
         curl_multi_setopt(h->multi, CURLMOPT_SOCKETDATA, h) == CURLM_OK && curl_multi_setopt(h->multi, CURLMOPT_TIMERFUNCTION, on_timeout) == CURLM_OK &&
         curl_multi_setopt(h->multi, CURLMOPT_TIMERDATA, h) == CURLM_OK &&
         curl_multi_setopt(h->multi, CURLMOPT_PIPELINING, (long)CURLPIPE_MULTIPLEX) == CURLM_OK &&
         curl_multi_setopt(h->multi, CURLMOPT_MAX_CONCURRENT_STREAMS, 1000L) == CURLM_OK &&
         curl_multi_setopt(h->multi, CURLMOPT_MAX_HOST_CONNECTIONS, (long)HOST_CONNECTIONS) == CURLM_OK);
    return h;
}

static void on_closed(uv_handle_t *handle) {
    struct http_out *h = handle->data;
    FREE_OBJ(h);
}

void http_out_free(struct http_out *h) {
    struct http_req *r;
    if (h == NULL) return;
    CHECK_OBJ_NOTNULL(h, HTTP_OUT_MAGIC);
    MUST(!h->in_turn);
    while ((r = TAILQ_FIRST(&h->reqs)) != NULL) http_out_cancel(r, NULL);
    while ((r = TAILQ_FIRST(&h->spare)) != NULL) {
        TAILQ_REMOVE(&h->spare, r, link);
        req_destroy(r);
    }
    (void)curl_multi_cleanup(h->multi); /* closes connections: on_socket is still called */
    uv_close((uv_handle_t *)&h->timer, on_closed);
}

uint64_t http_out_connections(const struct http_out *h) { return h->connections; }
