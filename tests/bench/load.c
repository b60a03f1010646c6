/* SPDX-License-Identifier: Apache-2.0
 *
 * Clients of a gateway, many of them: epoll and libc only. Each connects from 127.0.0.2, .3, ..., sends connect and
 * either subscribes to one channel and counts what comes, or keeps calls in flight (rpc). Protocol pings are answered. Forks,
 * because open files are limited per process. Prints {"ready":...} when all are served, and the sums at the end (SIGTERM, or the
 * time of rpc).
 *
 *   load --port P --conns N --who FILE [--channel C] [--procs K] [--ips K] [--cpu C] [--pace N] [--progress FILE] [--latency KEY]
 *        [--inflight W --warm-ms A --for-ms B]
 *
 * FILE: a line per person, "token" or "token TAB method TAB data": connection i is person i mod lines. Tokens stay out of argv.
 */
#include <signal.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "tests/bench/bench.h"

#define ME "load"
#define ROOM (1U << 20)
#define EVENTS_N 1024
#define RETRY_MS 100
#define RETRY_MAX 100

enum state { NEW, CONNECTING, UPGRADING, OPEN, GONE };

struct one {
    int        fd;
    uint32_t   index;
    enum state state;
    bool       served;
    uint16_t   tries;
    uint32_t   next_id;
    uint32_t   len; /* bytes of an incomplete frame */
    char      *part;
    uint64_t  *sent_ns; /* by id modulo in flight; rpc only */
};

struct person {
    const char *token, *method, *data;
};

static struct options {
    unsigned    port, conns, procs, ips, inflight, pace;
    int         cpu;
    long        warm_ms, for_ms;
    const char *who, *channel, *progress, *latency;
} opt = {.procs = 1, .ips = 1, .cpu = -1, .pace = 128};

static struct person          *people;
static size_t                  people_n;
static struct progress        *shared;
static struct progress_worker *me;
static int                     poller;
static unsigned                opening, waiting; /* under way; to be started or tried again */
static char                   *room;
static char                    key[64];
static size_t                  key_n;
static volatile sig_atomic_t   ended;

static void on_signal(int s) {
    (void)s;
    ended = 1;
}

/* ---- sending ---- */
static void send_all(struct one *c, const void *p, size_t n) {
    if (send(c->fd, p, n, MSG_NOSIGNAL | MSG_DONTWAIT) == (ssize_t)n) return;
    if (errno == EPIPE || errno == ECONNRESET) return; /* recv tells */
    die(ME, "a client's socket does not take %zu bytes: %s", n, strerrorname_np(errno));
}

static void send_text(struct one *c, const char *text, size_t n) {
    static unsigned char frame[70000];
    if (n + 14 > sizeof frame) die(ME, "command of %zu bytes", n);
    send_all(c, frame, ws_client_frame(frame, 1, text, n));
}

static void send_call(struct one *c) {
    static char          text[65536];
    const struct person *p = &people[c->index % people_n];
    int n = snprintf(text, sizeof text, "{\"id\":%u,\"rpc\":{\"method\":\"%s\",\"data\":%s}}", c->next_id, p->method, p->data);
    c->sent_ns[c->next_id % opt.inflight] = now_ns();
    c->next_id++;
    send_text(c, text, (size_t)n);
}

static void begin(struct one *c) {
    char text[1024];
    int  n = snprintf(text, sizeof text, "{\"id\":1,\"connect\":{\"token\":\"%s\"}}", people[c->index % people_n].token);
    if (opt.channel)
        n += snprintf(text + n, sizeof text - (size_t)n, "\n{\"id\":2,\"subscribe\":{\"channel\":\"%s\"}}", opt.channel);
    send_text(c, text, (size_t)n);
}

/* ---- receiving ---- */
static void drop(struct one *c) {
    if (c->state == CONNECTING || c->state == UPGRADING) opening--;
    (void)close(c->fd);
    free(c->part);
    c->part = NULL;
    c->len  = 0;
    c->fd   = -1;
    if (c->state != OPEN && c->tries++ < RETRY_MAX) { /* paced admission: 503 or a closed listener queue */
        ADD(me->retried, 1);
        c->state = NEW;
        waiting++;
        return;
    }
    ADD(me->closed, 1);
    c->state = GONE;
}

static void served(struct one *c) {
    c->served = true;
    ADD(me->subscribed, 1);
    for (unsigned i = 0; i < opt.inflight; i++) send_call(c);
}

static void note_latency(uint64_t from_ns, uint64_t t) {
    if (from_ns && from_ns < t) ADD(me->hist[hist_slot((t - from_ns) / 1000)], 1);
}

static void on_reply(struct one *c, const char *p, size_t n, uint64_t t) {
    char         *end;
    unsigned long id = strtoul(p + 6, &end, 10);
    bool          ok = strncmp(end, ",\"error\"", 8) != 0;
    if (id <= 2) {
        if (!ok) die(ME, "refused: %.*s", (int)(n < 300 ? n : 300), p);
        if (id == (opt.channel ? 2U : 1U)) served(c);
        return;
    }
    note_latency(c->sent_ns[id % opt.inflight], t);
    if (ok)
        ADD(me->answered, 1);
    else if (GET(me->refused) < 3)
        fprintf(stderr, "load: %.*s\n", (int)(n < 300 ? n : 300), p);
    if (!ok) ADD(me->refused, 1);
    if (!GET(shared->stop)) send_call(c);
}

static void on_line(struct one *c, const char *p, size_t n, uint64_t t) {
    if (n == 2) {
        ADD(me->pings, 1);
        send_text(c, "{}", 2);
    } else if (n > 8 && memcmp(p, "{\"id\":", 6) == 0) {
        on_reply(c, p, n, t);
    } else if (n > 8 && memcmp(p, "{\"push\"", 7) == 0 && memmem(p, n < 400 ? n : 400, "\"pub\":{", 7)) {
        ADD(me->pushes, 1);
        atomic_store_explicit(&me->last_ns, t, memory_order_release);
        const char *k = key_n ? memmem(p, n, key, key_n) : NULL;
        if (k) note_latency(strtoull(k + key_n, NULL, 10), t);
    }
}

static void on_text(struct one *c, const char *p, size_t n, uint64_t t) {
    for (const char *end = p + n; p < end;) {
        const char *nl  = memchr(p, '\n', (size_t)(end - p));
        size_t      len = (size_t)((nl ? nl : end) - p);
        if (len) on_line(c, p, len, t);
        p += len + 1;
    }
}

/* Whole frames of b[0..n); what is left is kept with the connection. */
static size_t frames(struct one *c, const char *b, size_t n, uint64_t t) {
    size_t off = 0;
    while (off < n) {
        int      op;
        bool     fin;
        uint64_t len;
        int      h = ws_head((const unsigned char *)b + off, n - off, &op, &fin, &len);
        if (h < 0 || len > ROOM / 2) die(ME, "not a frame of a server");
        if (h == 0 || n - off - (size_t)h < len) break;
        const char *p = b + off + h;
        if (op == 8) {
            if (GET(me->closed) < 3) fprintf(stderr, "load: closed by the server: %.*s\n", len > 2 ? (int)len - 2 : 0, p + 2);
            drop(c);
            return n;
        }
        if (op == 1 && !fin) die(ME, "a fragmented message");
        if (op == 1) on_text(c, p, (size_t)len, t);
        off += (size_t)h + (size_t)len;
    }
    return off;
}

static void readable(struct one *c) {
    if (c->len) memcpy(room, c->part, c->len);
    ssize_t r = recv(c->fd, room + c->len, ROOM - c->len - 1, MSG_DONTWAIT);
    if (r < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (r <= 0) {
        drop(c);
        return;
    }
    uint64_t t = now_ns();
    size_t   n = c->len + (size_t)r, off = 0;
    ADD(me->bytes, (uint64_t)r);
    room[n] = '\0';
    if (c->state == UPGRADING) {
        char *end = memmem(room, n, "\r\n\r\n", 4);
        if (end && (strncmp(room, "HTTP/1.1 101", 12) != 0 || memmem(room, n, WS_ACCEPT, 28) == NULL)) {
            if (strncmp(room + 9, "503", 3) != 0) die(ME, "handshake: %.200s", room);
            drop(c);
            return;
        }
        if (end) {
            c->state = OPEN;
            opening--;
            ADD(me->connected, 1);
            begin(c);
            off = (size_t)(end + 4 - room);
        }
    }
    if (c->state == OPEN) off += frames(c, room + off, n - off, t);
    if (c->state == GONE) return;
    size_t rest = n - off;
    free(c->part);
    c->part = NULL;
    c->len  = (uint32_t)rest;
    if (rest == 0) return;
    c->part = malloc(rest);
    if (c->part == NULL) die(ME, "out of memory");
    memcpy(c->part, room + off, rest);
}

/* ---- one process ---- */
static void start(struct one *c) {
    static const int           one  = 1;
    static const struct linger now  = {1, 0}; /* no TIME_WAIT: the next figure needs the ports */
    struct sockaddr_in         from = loopback(2 + c->index % opt.ips, 0), to = loopback(1, opt.port);
    c->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (c->fd < 0) die(ME, "socket: %s", strerrorname_np(errno));
    (void)setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    (void)setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
    (void)setsockopt(c->fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &one, sizeof one);
    if (bind(c->fd, (struct sockaddr *)&from, sizeof from) != 0) die(ME, "bind: %s", strerrorname_np(errno));
    if (connect(c->fd, (struct sockaddr *)&to, sizeof to) != 0 && errno != EINPROGRESS)
        die(ME, "connect: %s", strerrorname_np(errno));
    struct epoll_event ev = {.events = EPOLLOUT, .data = {.ptr = c}};
    if (epoll_ctl(poller, EPOLL_CTL_ADD, c->fd, &ev) != 0) die(ME, "epoll_ctl: %s", strerrorname_np(errno));
    c->state = CONNECTING;
    opening++;
    waiting--;
}

static void on_event(struct one *c, uint32_t events) {
    if (c->state == CONNECTING && (events & (EPOLLERR | EPOLLHUP))) {
        drop(c);
    } else if (c->state == CONNECTING) {
        char               text[512];
        int                n  = snprintf(text, sizeof text, WS_HANDSHAKE, opt.port);
        struct epoll_event ev = {.events = EPOLLIN, .data = {.ptr = c}};
        (void)epoll_ctl(poller, EPOLL_CTL_MOD, c->fd, &ev);
        c->state = UPGRADING;
        send_all(c, text, (size_t)n);
    } else if (c->state != GONE && c->state != NEW) {
        readable(c);
    }
}

static void process(unsigned k) {
    unsigned lo = (unsigned)((uint64_t)opt.conns * k / opt.procs), hi = (unsigned)((uint64_t)opt.conns * (k + 1) / opt.procs),
             n                  = hi - lo;
    struct one               *v = calloc(n + 1, sizeof *v);
    static struct epoll_event ev[EVENTS_N];
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    (void)signal(SIGTERM, SIG_IGN);
    (void)signal(SIGINT, SIG_IGN);
    if (n + 16 > files_raise()) die(ME, "%u connections in one process are more than its open files: --procs", n);
    me     = &shared->w[k];
    poller = epoll_create1(EPOLL_CLOEXEC);
    room   = malloc(ROOM);
    if (v == NULL || room == NULL || poller < 0) die(ME, "no memory or no epoll");
    for (unsigned i = 0; i < n; i++) {
        v[i] = (struct one){.fd = -1, .index = lo + i, .next_id = 3};
        if (opt.inflight && (v[i].sent_ns = calloc(opt.inflight, sizeof(uint64_t))) == NULL) die(ME, "out of memory");
    }
    uint64_t again_ns = 0; /* refused ones are tried anew after this */
    unsigned next     = 0;
    waiting           = n;
    while (!GET(shared->stop)) {
        for (; next < n && opening < opt.pace; next++)
            if (v[next].state == NEW) start(&v[next]);
        if (next == n && waiting && now_ns() > again_ns) {
            next     = 0;
            again_ns = now_ns() + RETRY_MS * 1000000U;
        }
        /* Subscribers look every half millisecond instead of being woken: to wake a process on this machine is a cost of the load
         * generator that the kernel would charge to the server's send(). */
        bool look = opt.channel && n == GET(me->subscribed) + GET(me->closed);
        int  r    = epoll_wait(poller, ev, EVENTS_N, look ? 0 : waiting ? 2 : 50);
        if (look && r == 0) nap_us(500);
        for (int i = 0; i < r; i++) on_event(ev[i].data.ptr, ev[i].events);
    }
    _exit(0);
}

/* ---- the parent ---- */
#define SUM(out, field)                                                                                                          \
    do {                                                                                                                         \
        (out) = 0;                                                                                                               \
        for (unsigned k_ = 0; k_ < opt.procs; k_++) (out) += GET(shared->w[k_].field);                                           \
    } while (0)

static void read_people(void) {
    size_t n;
    char  *text = file_text(ME, opt.who, &n), *save = NULL;
    people = calloc(n + 1, sizeof *people);
    if (people == NULL) die(ME, "out of memory");
    for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
        struct person *p = &people[people_n++];
        p->token         = strsep(&line, "\t");
        p->method        = strsep(&line, "\t");
        p->data          = line;
        if (opt.inflight && p->data == NULL) die(ME, "%s: token, method and data are wanted", opt.who);
    }
    if (people_n == 0) die(ME, "%s: nobody", opt.who);
}

static double percentile(double part) {
    static uint64_t h[HIST_N];
    uint64_t        all = 0, sum = 0;
    for (size_t i = 0; i < HIST_N; i++) {
        SUM(h[i], hist[i]);
        all += h[i];
    }
    for (size_t i = 0; i < HIST_N; i++) {
        sum += h[i];
        if (all && (double)sum >= part * (double)all) return hist_us(i) / 1000;
    }
    return 0;
}

static void options(int argc, char **argv) {
    for (int i = 1; i + 1 < argc; i += 2) {
        const char *o = argv[i], *v = argv[i + 1];
        if (strcmp(o, "--port") == 0)
            opt.port = (unsigned)number(ME, v, 1, 65535);
        else if (strcmp(o, "--conns") == 0)
            opt.conns = (unsigned)number(ME, v, 1, 200000);
        else if (strcmp(o, "--procs") == 0)
            opt.procs = (unsigned)number(ME, v, 1, WORKERS_MAX);
        else if (strcmp(o, "--ips") == 0)
            opt.ips = (unsigned)number(ME, v, 1, 200);
        else if (strcmp(o, "--cpu") == 0)
            opt.cpu = (int)number(ME, v, 0, 1023);
        else if (strcmp(o, "--pace") == 0)
            opt.pace = (unsigned)number(ME, v, 1, 100000);
        else if (strcmp(o, "--inflight") == 0)
            opt.inflight = (unsigned)number(ME, v, 1, 64);
        else if (strcmp(o, "--warm-ms") == 0)
            opt.warm_ms = (long)number(ME, v, 0, 60000);
        else if (strcmp(o, "--for-ms") == 0)
            opt.for_ms = (long)number(ME, v, 1, 80000);
        else if (strcmp(o, "--who") == 0)
            opt.who = v;
        else if (strcmp(o, "--channel") == 0)
            opt.channel = v;
        else if (strcmp(o, "--progress") == 0)
            opt.progress = v;
        else if (strcmp(o, "--latency") == 0)
            opt.latency = v;
        else
            die(ME, "%s is not an option", o);
    }
    if (opt.port == 0 || opt.conns == 0 || opt.who == NULL || opt.progress == NULL || (opt.inflight && opt.for_ms == 0))
        die(ME, "--port, --conns, --who and --progress are wanted, and --for-ms with --inflight");
    if (opt.latency) key_n = (size_t)snprintf(key, sizeof key, "\"%s\":", opt.latency);
}

static void nap_ms(long ms) {
    for (uint64_t until = now_ns() + (uint64_t)ms * 1000000U; !ended && now_ns() < until;) nap_us(1000);
}

int main(int argc, char **argv) {
    options(argc, argv);
    read_people();
    shared            = progress_map(ME, opt.progress, true);
    shared->workers_n = opt.procs;
    pin_self(opt.cpu);
    struct sigaction sa = {.sa_handler = on_signal};
    (void)sigaction(SIGTERM, &sa, NULL);
    (void)sigaction(SIGINT, &sa, NULL);
    uint64_t t0 = now_ns(), n = 0, closed = 0;
    for (unsigned k = 0; k < opt.procs; k++) {
        pid_t p = fork();
        if (p < 0) die(ME, "fork: %s", strerrorname_np(errno));
        if (p == 0) process(k);
    }
    int died = 0;
    while (!ended && !died && n + closed < opt.conns) {
        nap_us(2000);
        SUM(n, subscribed);
        SUM(closed, closed);
        died = waitpid(-1, NULL, WNOHANG) != 0;
    }
    uint64_t retried;
    SUM(retried, retried);
    printf("{\"ready\":%llu,\"closed\":%llu,\"retried\":%llu,\"seconds\":%.3f}\n", (unsigned long long)n,
           (unsigned long long)closed, (unsigned long long)retried, (double)(now_ns() - t0) / 1e9);
    (void)fflush(stdout);
    uint64_t a0 = 0, r0 = 0, a1 = 0, r1 = 0;
    if (opt.inflight && !died) nap_ms(opt.warm_ms);
    SUM(a0, answered);
    SUM(r0, refused);
    uint64_t t1 = now_ns();
    if (opt.inflight && !died) nap_ms(opt.for_ms);
    while (!opt.inflight && !ended && !died) {
        nap_us(20000);
        died = waitpid(-1, NULL, WNOHANG) != 0;
    }
    SUM(a1, answered);
    SUM(r1, refused);
    uint64_t t2 = now_ns();
    if (opt.inflight) { /* what is under way is answered before the sockets go */
        atomic_store(&shared->stop, 1);
        nap_ms(50);
    }
    atomic_store(&shared->stop, 1);
    while (wait(NULL) > 0) {
    }
    uint64_t pushes, pings, total;
    SUM(pushes, pushes);
    SUM(pings, pings);
    SUM(closed, closed);
    SUM(total, answered);
    printf("{\"answered\":%llu,\"refused\":%llu,\"seconds\":%.4f,\"answered_in_all\":%llu,\"pushes\":%llu,\"pings\":%llu,"
           "\"closed\":%llu,"
           "\"p50_ms\":%.2f,\"p99_ms\":%.2f}\n",
           (unsigned long long)(a1 - a0), (unsigned long long)(r1 - r0), (double)(t2 - t1) / 1e9, (unsigned long long)total,
           (unsigned long long)pushes, (unsigned long long)pings, (unsigned long long)closed, percentile(0.5), percentile(0.99));
    return died ? 1 : 0;
}
