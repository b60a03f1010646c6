/* SPDX-License-Identifier: Apache-2.0
 *
 * Loops: threads, listeners, ids, mail, ends of turns, drain and stop.
 *
 * Each loop listens for itself (SO_REUSEPORT; the library cannot share a port) and takes at most 64 sockets a turn and
 * ACCEPTS_PER_TICK a tick: a storm of reconnects waits in the backlog while established work goes on.
 *
 * The end, on each loop: listeners closed, Close 3001 to all, answers under way, at most STOP_MS; then all loops meet (barrier),
 * because from the first lws_context_destroy on no thread may open a descriptor: the library closes its event pipe twice. Then
 * loop_stop of the rooms above, the first half of the context's end, the loop run dry, the second half.
 */
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/metric.h"
#include "gateway/net_int.h"

#define NET_MAGIC 0x6e657477U
#define LOOP_MAGIC 0x6c6f6f70U
#define ACCEPTS_PER_TURN 64
#define ACCEPTS_PER_TICK 1024
#define REFUSE_ROOM 256  /* sockets beyond the limit that still get their 503 in words */
#define OTHER_FILES 1024 /* store, Redis, carriers, logs */
#define BACKLOG 4096
#define UNSENT_BYTES (128 * 1024) /* in the kernel, per socket; by itself it would take megabytes of what is then old news */

/* ---- ids: 8 bits loop, 24 bits slot, 32 bits generation ---- */
uint64_t loop_make_id(const struct net_loop *l, uint32_t slot, uint32_t gen) {
    return (uint64_t)l->index << 56 | (uint64_t)slot << 32 | gen;
}

uint64_t loop_slot_take(struct net_loop *l, void *p, uint32_t *slot, uint32_t *gen) {
    if (l->free_head == UINT32_MAX) {
        uint32_t n = l->slots_n ? l->slots_n + l->slots_n / 4 : 64;
        MUST(n < 1U << 24);
        l->slots = x_realloc(l->slots, n * sizeof l->slots[0]);
        for (uint32_t i = n; i-- > l->slots_n;) {
            l->slots[i]  = (struct slot){NULL, 1, l->free_head};
            l->free_head = i;
        }
        l->slots_n = n;
    }
    *slot          = l->free_head;
    struct slot *s = &l->slots[*slot];
    l->free_head   = s->next_free;
    s->p           = p;
    *gen           = s->gen;
    return loop_make_id(l, *slot, *gen);
}

void loop_slot_give(struct net_loop *l, uint32_t slot) {
    struct slot *s = &l->slots[slot];
    MUST(s->p != NULL);
    s->p = NULL;
    if (++s->gen == 0) s->gen = 1;
    s->next_free = l->free_head;
    l->free_head = slot;
}

void *loop_slot_find(struct net_loop *l, uint64_t id) {
    uint32_t slot = (uint32_t)(id >> 32) & 0xffffff;
    if (id >> 56 != l->index || slot >= l->slots_n || l->slots[slot].gen != (uint32_t)id) return NULL;
    return l->slots[slot].p;
}

struct net_loop *loop_of_id(struct net *n, uint64_t id) {
    CHECK_OBJ_NOTNULL(n, NET_MAGIC);
    unsigned i = (unsigned)(id >> 56);
    MUST(i < n->conf.loops_n);
    return &n->loops[i];
}

/* ---- small things ---- */
unsigned         loop_index(const struct net_loop *l) { return l->index; }
void            *loop_uv(struct net_loop *l) { return &l->uv; }
void            *loop_app(struct net_loop *l) { return l->net->conf.app; }
void            *loop_data(struct net_loop *l) { return l->data; }
void             loop_set_data(struct net_loop *l, void *p) { l->data = p; }
unsigned         loop_conns(const struct net_loop *l) { return l->conns_n; }
unsigned         net_port(const struct net *n, unsigned listener) { return n->ports[listener]; }
unsigned         net_sockets(const struct net *n) { return atomic_load(&n->sockets); }
unsigned         net_loops_n(const struct net *n) { return n->conf.loops_n; }
struct net_loop *net_get_loop(struct net *n, unsigned i) {
    return &n->loops[i];
}

const char *loop_date(struct net_loop *l) {
    int64_t s = clock_wall_ms() / 1000;
    if (s == l->date_s) return l->date;
    static const char days[] = "SunMonTueWedThuFriSat", months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    struct tm         t;
    time_t            at = (time_t)s;
    MUST(gmtime_r(&at, &t) != NULL);
    (void)snprintf(l->date, sizeof l->date, "%.3s, %02d %.3s %d %02d:%02d:%02d GMT", days + 3 * t.tm_wday, t.tm_mday % 100,
                   months + 3 * t.tm_mon, t.tm_year + 1900, t.tm_hour % 100, t.tm_min % 100, t.tm_sec % 100);
    l->date_s = s;
    return l->date;
}

bool net_origin_listed(const struct net *n, const char *origin) {
    size_t on = strlen(origin);
    for (const char *p = n->origins; *p;) {
        size_t k = strcspn(p, " \t");
        if ((k == 1 && *p == '*') || (k == on && strncasecmp(p, origin, on) == 0)) return true;
        p += k;
        p += strspn(p, " \t");
    }
    return false;
}

/* ---- mail ---- */
struct mail {
    void (*fn)(struct net_loop *l, void *arg);
    void *arg;
};

static void run_mail(void *owner, void *arg) {
    struct mail *m = arg;
    m->fn(owner, m->arg);
    x_free(m);
}

void loop_post(struct net_loop *l, void (*fn)(struct net_loop *l, void *arg), void *arg) {
    struct mail *m = x_malloc(sizeof *m);
    *m             = (struct mail){fn, arg};
    mailbox_post(l->mail, run_mail, m);
}

static void wake(void *arg) {
    struct net_loop *l = arg;
    (void)uv_async_send(&l->wake);
}

static void on_wake(uv_async_t *a) {
    struct net_loop *l = a->data;
    (void)mailbox_drain(l->mail, l);
}

/* ---- accepting ---- */
static void on_listen(uv_poll_t *p, int status, int events);

static void listen_poll(struct listener *k, bool on) {
    if (k->fd < 0 || k->polling == on) return;
    k->polling = on;
    MUST((on ? uv_poll_start(&k->poll, UV_READABLE, on_listen) : uv_poll_stop(&k->poll)) == 0);
}

static void take_socket(struct listener *k, int fd, const struct sockaddr_storage *sa) {
    struct net_loop *l   = k->l;
    struct net      *n   = l->net;
    int              one = 1, unsent = UNSENT_BYTES;
    struct addr      a;
    addr_from_sockaddr((const struct sockaddr *)sa, &a);
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &unsent, sizeof unsent);
    unsigned sockets = atomic_fetch_add(&n->sockets, 1), room = n->conns_max + HTTP_ROOM;
    if (sockets >= room + REFUSE_ROOM) {
        metric_add_label(M_C_refused, "sockets", 1);
        (void)close(fd);
        atomic_fetch_sub(&n->sockets, 1);
        return;
    }
    http_accept(l, fd, k->index, &a, sockets >= room);
}

static void accept_some(struct listener *k, unsigned max) {
    struct net_loop *l = k->l;
    for (unsigned i = 0; i < max; i++) {
        struct sockaddr_storage sa;
        socklen_t               sn = sizeof sa;
        int                     fd = accept4(k->fd, (struct sockaddr *)&sa, &sn, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd < 0 && (errno == ECONNABORTED || errno == EINTR)) continue;
        if (fd < 0 && (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM)) {
            LOG(LOG_ERROR, "accept_failed", KI("errno", errno));
            l->accept_budget = 0; /* again at the next tick */
            break;
        }
        if (fd < 0) return;
        if (l->accept_budget) l->accept_budget--;
        take_socket(k, fd, &sa);
    }
    if (l->accept_budget == 0 && l->drain_until_ms == 0)
        for (unsigned i = 0; i < l->net->conf.listen_n; i++) listen_poll(&l->listen[i], false);
}

static void on_listen(uv_poll_t *p, int status, int events) {
    struct listener *k = p->data;
    (void)events;
    if (status == 0) accept_some(k, ACCEPTS_PER_TURN);
}

static void close_listener(struct listener *k) {
    if (k->fd < 0) return;
    accept_some(k, BACKLOG); /* closing resets what still waits in the queue */
    uv_close((uv_handle_t *)&k->poll, NULL);
    (void)close(k->fd);
    k->fd = -1;
}

/* ---- turns and ticks ---- */
static void on_before(uv_prepare_t *h) { conns_end_turn(h->data); }
static void on_after(uv_check_t *h) { conns_end_turn(h->data); }

/* At the stop nobody is asked any more. */
static void send_away(struct net_loop *l, struct conn *c) {
    const struct net_ops *ops = l->net->conf.ops;
    if (l->stop_until_ms || ops->ws_drain == NULL || ops->ws_drain(c)) conn_close(c, CLOSE_SHUTDOWN, "shutdown");
}

/* Closes its share of what is left: everybody had their turn when the time is over. */
static void drain_some(struct net_loop *l, int64_t now) {
    int64_t  left  = l->drain_until_ms - now;
    unsigned ticks = left > 0 ? (unsigned)(left / TICK_MS) + 1 : 1, n = l->conns_n / ticks + (l->conns_n % ticks != 0);
    for (; n && l->drain_slot < l->slots_n; l->drain_slot++) {
        struct conn *c = loop_find_conn(l, loop_make_id(l, l->drain_slot, l->slots[l->drain_slot].gen));
        if (c == NULL) continue;
        send_away(l, c);
        n--;
    }
    if (left > 0) return;
    for (l->drain_slot = 0; l->drain_slot < l->slots_n; l->drain_slot++) {
        struct conn *c = loop_find_conn(l, loop_make_id(l, l->drain_slot, l->slots[l->drain_slot].gen));
        if (c) send_away(l, c);
    }
    https_drain(l, true);
}

void loop_check_stop(struct net_loop *l) {
    if (l->stop_until_ms && l->conns_n == 0 && l->https_n == 0) uv_stop(&l->uv);
}

static void on_tick(uv_timer_t *t) {
    struct net_loop *l   = t->data;
    int64_t          now = clock_mono_ms();
    l->accept_budget     = ACCEPTS_PER_TICK;
    for (unsigned i = 0; i < l->net->conf.listen_n; i++) listen_poll(&l->listen[i], true);
    https_tick(l, now);
    conns_tick(l, now);
    if (l->drain_until_ms) drain_some(l, now);
    l->net->conf.ops->tick(l, now);
    if (l->stop_until_ms && now >= l->stop_until_ms) uv_stop(&l->uv);
}

/* ---- drain and stop ---- */
struct drain {
    int64_t over_ms;
    bool    stop;
};

static void drain_on_loop(struct net_loop *l, void *arg) {
    struct drain *d   = arg;
    int64_t       now = clock_mono_ms(), until = now + d->over_ms;
    if (l->drain_until_ms == 0)
        for (unsigned i = 0; i < l->net->conf.listen_n; i++) close_listener(&l->listen[i]);
    if (l->drain_until_ms == 0 || until < l->drain_until_ms) l->drain_until_ms = until;
    https_drain(l, false);
    if (d->stop) {
        l->stop_until_ms = now + STOP_MS;
        drain_some(l, now);
        loop_check_stop(l);
    }
    x_free(d);
}

static void drain_all(struct net *n, unsigned over_ms, bool stop) {
    for (unsigned i = 0; i < n->conf.loops_n; i++) {
        struct drain *d = x_malloc(sizeof *d);
        *d              = (struct drain){over_ms, stop};
        loop_post(&n->loops[i], drain_on_loop, d);
    }
}

void net_drain(struct net *n, unsigned over_ms) {
    CHECK_OBJ_NOTNULL(n, NET_MAGIC);
    drain_all(n, over_ms, false);
}

/* ---- the life of a loop ---- */
static void meet(struct net *n) {
    if (n->has_barrier) (void)pthread_barrier_wait(&n->barrier);
}

/* What did not end by itself. */
static void kill_rest(struct net_loop *l) {
    https_kill(l);
    for (uint32_t i = 0; i < l->slots_n; i++)
        if (l->slots[i].p) {
            ws_kill(l->slots[i].p);
            if (l->slots[i].p) ws_forget(l->slots[i].p);
        }
    conns_end_turn(l);
    ws_settle(l);
}

static void close_handle(uv_handle_t *h) {
    if (h->type != UV_UNKNOWN_HANDLE && !uv_is_closing(h)) uv_close(h, NULL);
}

static void loop_fini(struct net_loop *l) {
    for (unsigned i = 0; i < 4; i++) {
        if (l->listen[i].l == NULL || l->listen[i].fd < 0) continue;
        close_handle((uv_handle_t *)&l->listen[i].poll);
        (void)close(l->listen[i].fd);
    }
    close_handle((uv_handle_t *)&l->wake);
    close_handle((uv_handle_t *)&l->tick);
    close_handle((uv_handle_t *)&l->before);
    close_handle((uv_handle_t *)&l->after);
    ws_context_end(l);
    (void)uv_run(&l->uv, UV_RUN_DEFAULT);
    ws_context_free(l);
    (void)uv_run(&l->uv, UV_RUN_NOWAIT);
    MUST(l->conns_n == 0 && l->https_n == 0 && l->busy == NULL);
    MUST(uv_loop_close(&l->uv) == 0);
    (void)mailbox_drain(l->mail, l);
    mailbox_free(l->mail);
    x_free(l->slots);
    x_free(l->scratch);
    l->magic = 0;
}

static void *loop_main(void *arg) {
    struct net_loop *l = arg;
    struct net      *n = l->net;
    char             name[16];
    (void)snprintf(name, sizeof name, "loop%u", l->index & 255);
    (void)pthread_setname_np(pthread_self(), name);
    l->self = pthread_self();
    n->conf.ops->loop_start(l);
    for (unsigned i = 0; i < n->conf.listen_n; i++) listen_poll(&l->listen[i], true);
    (void)uv_run(&l->uv, UV_RUN_DEFAULT);
    kill_rest(l);
    meet(n); /* nobody accepts or answers any more */
    while (mailbox_drain(l->mail, l)) conns_end_turn(l);
    meet(n); /* and nobody posts */
    n->conf.ops->loop_stop(l);
    meet(n); /* and nobody opens a descriptor */
    loop_fini(l);
    meet(n);
    return NULL;
}

static bool init_handles(struct net_loop *l) {
    if (uv_loop_init(&l->uv) != 0) return false;
    l->wake.data = l->tick.data = l->before.data = l->after.data = l;
    MUST(uv_async_init(&l->uv, &l->wake, on_wake) == 0);
    MUST(uv_timer_init(&l->uv, &l->tick) == 0 && uv_timer_start(&l->tick, on_tick, TICK_MS, TICK_MS) == 0);
    MUST(uv_prepare_init(&l->uv, &l->before) == 0 && uv_prepare_start(&l->before, on_before) == 0);
    MUST(uv_check_init(&l->uv, &l->after) == 0 && uv_check_start(&l->after, on_after) == 0);
    return true;
}

/* ---- listeners ---- */
static int bind_one(const struct addrinfo *ai, unsigned port, bool shared) {
    int fd = socket(ai->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), one = 1;
    if (fd < 0) return -1;
    struct sockaddr_storage sa;
    memcpy(&sa, ai->ai_addr, ai->ai_addrlen);
    if (ai->ai_family == AF_INET)
        ((struct sockaddr_in *)&sa)->sin_port = htons((uint16_t)port);
    else
        ((struct sockaddr_in6 *)&sa)->sin6_port = htons((uint16_t)port);
    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if ((shared && setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &one, sizeof one) != 0) ||
        bind(fd, (struct sockaddr *)&sa, ai->ai_addrlen) != 0 || listen(fd, BACKLOG) != 0) {
        int e = errno;
        (void)close(fd);
        errno = e;
        return -1;
    }
    return fd;
}

static unsigned port_of(int fd) {
    struct sockaddr_in6 sa = {0}; /* the port has the same place in both families */
    socklen_t           n  = sizeof sa;
    MUST(getsockname(fd, (struct sockaddr *)&sa, &n) == 0);
    return ntohs(sa.sin6_port);
}

static enum err open_listener(struct net *n, unsigned i, char *why, size_t why_n) {
    const struct net_listen *k     = &n->conf.listen[i];
    struct addrinfo          hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE}, *ai = NULL;
    const char              *host = k->host;
    bool                     many = n->conf.loops_n > 1;
    int                      g    = getaddrinfo(*host ? host : NULL, NULL, &hints, &ai), probe;
    if (g != 0) {
        (void)snprintf(why, why_n, "listen %s: %s", host, gai_strerror(g));
        return ERR_INPUT;
    }
    const struct addrinfo *v4 = ai;
    while (v4 && v4->ai_family != AF_INET) v4 = v4->ai_next;
    if (v4 == NULL) v4 = ai;
    unsigned port = k->port;
    /* With SO_REUSEPORT a second gateway on the same port would start and take half of the connections: look first without. */
    bool ok = true;
    if (many && port) {
        probe = bind_one(v4, port, false);
        ok    = probe >= 0;
        if (ok) (void)close(probe);
    }
    for (unsigned j = 0; ok && j < n->conf.loops_n; j++) {
        struct listener *s = &n->loops[j].listen[i];
        s->fd              = bind_one(v4, port, many);
        ok                 = s->fd >= 0;
        if (!ok) break;
        port = port_of(s->fd);
        MUST(uv_poll_init(&n->loops[j].uv, &s->poll, s->fd) == 0);
        s->poll.data = s;
    }
    if (!ok) {
        char text[128];
        (void)snprintf(why, why_n, "listen %s:%u: %s", host, port, strerror_r(errno, text, sizeof text));
    }
    n->ports[i] = port;
    freeaddrinfo(ai);
    return ok ? ERR_OK : ERR_UNAVAILABLE;
}

/* ---- start and stop of all ---- */
/* Each context of the library holds 16 bytes per possible descriptor, touched at once; so the limit is what we need, not what the
 * system would give. Fewer than asked for: fewer connections. */
static void limit_files(struct net *n) {
    struct rlimit r;
    rlim_t        need = (rlim_t)n->conf.conns_max + HTTP_ROOM + REFUSE_ROOM + OTHER_FILES;
    n->conns_max       = n->conf.conns_max;
    if (getrlimit(RLIMIT_NOFILE, &r) != 0) return;
    if (r.rlim_max != RLIM_INFINITY && need > r.rlim_max) {
        rlim_t fixed = HTTP_ROOM + REFUSE_ROOM + OTHER_FILES;
        n->conns_max = r.rlim_max > fixed + 1 ? (unsigned)(r.rlim_max - fixed) : 1;
        LOG(LOG_WARN, "open_files_limit", KI("wanted", need), KI("hard_limit", r.rlim_max), KI("conns_max", n->conns_max));
        need = r.rlim_max;
    }
    r.rlim_cur = need;
    if (setrlimit(RLIMIT_NOFILE, &r) != 0) LOG(LOG_WARN, "open_files_limit_not_set", KI("errno", errno));
}

static void net_free(struct net *n) {
    if (n->has_barrier) (void)pthread_barrier_destroy(&n->barrier);
    addr_count_free(n->per_addr);
    x_free(n->origins);
    x_free(n->ws_path);
    x_free(n->loops);
    FREE_OBJ(n);
}

static enum err start_all(struct net *n, char *why, size_t why_n) {
    const char *bad;
    enum err    e;
    if (addr_list_parse(&n->proxies, n->conf.trusted_proxies, &bad) != ERR_OK) {
        (void)snprintf(why, why_n, "trusted proxies: not an address, or too many: \"%.64s\"", bad);
        return ERR_INPUT;
    }
    for (unsigned i = 0; i < n->conf.loops_n; i++) {
        struct net_loop *l = &n->loops[i];
        l->magic           = LOOP_MAGIC;
        l->net             = n;
        l->index           = i;
        l->free_head       = UINT32_MAX;
        l->turn            = 1;
        l->accept_budget   = ACCEPTS_PER_TICK;
        l->mail            = mailbox_new(wake, l);
        l->scratch         = x_malloc(SCRATCH_BYTES + FRAME_HEAD_MAX + 1);
        for (unsigned k = 0; k < 4; k++) l->listen[k] = (struct listener){.fd = -1, .l = l, .index = k};
        MUST(init_handles(l));
        if ((e = ws_context_new(l, why, why_n)) != ERR_OK) return e;
    }
    for (unsigned i = 0; i < n->conf.listen_n; i++)
        if ((e = open_listener(n, i, why, why_n)) != ERR_OK) return e;
    MUST(pthread_barrier_init(&n->barrier, NULL, n->conf.loops_n) == 0);
    n->has_barrier = true;
    return ERR_OK;
}

enum err net_start(const struct net_conf *conf, struct net **out, char *why, size_t why_n) {
    struct net *n;
    MUST(conf->loops_n >= 1 && conf->loops_n <= LOOPS_MAX && conf->listen_n >= 1 && conf->listen_n <= 4);
    ALLOC_OBJ(n, NET_MAGIC);
    n->conf     = *conf;
    n->origins  = x_strdup(conf->origins ? conf->origins : "");
    n->ws_path  = x_strdup(conf->ws_path);
    n->per_addr = conf->conns_per_addr_max ? addr_count_new(conf->conns_per_addr_max) : NULL;
    n->loops    = x_calloc(conf->loops_n, sizeof n->loops[0]);
    limit_files(n);
    enum err e = start_all(n, why, why_n);
    if (e) {
        for (unsigned i = 0; i < conf->loops_n; i++)
            if (n->loops[i].magic) loop_fini(&n->loops[i]);
        net_free(n);
        return e;
    }
    *out = n; /* the rooms above may look at it from loop_start on */
    for (unsigned i = 0; i < conf->loops_n; i++) MUST(pthread_create(&n->loops[i].thread, NULL, loop_main, &n->loops[i]) == 0);
    return ERR_OK;
}

void net_stop(struct net *n) {
    if (n == NULL) return;
    CHECK_OBJ_NOTNULL(n, NET_MAGIC);
    drain_all(n, 0, true);
    for (unsigned i = 0; i < n->conf.loops_n; i++) MUST(pthread_join(n->loops[i].thread, NULL) == 0);
    net_free(n);
}
