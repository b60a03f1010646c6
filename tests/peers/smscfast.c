/* SPDX-License-Identifier: Apache-2.0
 *
 * An SMSC that costs next to nothing, so that benchmarks measure its client: SMPP 3.4 over one loop, any account, every submit_sm answered
 * at once and reported delivered at once when a receipt was asked for, on the same connection. What is read in one turn is answered in
 * one write. It looks at nothing but lengths.
 *
 *   smscfast [--port N] [--throttle-every N] [--rate N] [--window N] [--no-receipts] [--cpu N]
 *   {"port":N}, then for each line on stdin one line of counters. --rate: more than so many in a second are throttled (0x58).
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define CONNS    64
#define IN_CAP   (64 << 10)
#define OUT_CAP  (1 << 20)
#define RESP     0x80000000U
#define THROTTLED 0x58U
#define SLOTS    20 /* of 50 ms: the rate is counted over a sliding second */

enum { BIND_RX = 1, BIND_TX = 2, SUBMIT = 4, DELIVER = 5, UNBIND = 6, BIND_TRX = 9, ENQUIRE = 0x15 };

struct conn {
    int      fd;
    size_t   in_n, out_n, out_off;
    uint32_t seq;
    uint8_t  in[IN_CAP], out[OUT_CAP];
};

static struct {
    int           epoll, listener;
    long          throttle_every, rate;
    bool          no_receipts;
    struct conn  *conns[CONNS];
    struct conn  *receiver; /* receipts go there when the sender's bind cannot receive */
    unsigned long submits, accepted, throttled, over, receipts, acked, connections, id;
    double        first_s, last_s; /* of accepted submits */
    long          slot[SLOTS];
    long          in_slot[SLOTS];
} s;

static double now_s(void) {
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static uint32_t get32(const uint8_t *p) { return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3]; }
static void     put32(uint8_t *p, uint32_t v) {
    p[0] = (uint8_t)(v >> 24);
    p[1] = (uint8_t)(v >> 16);
    p[2] = (uint8_t)(v >> 8);
    p[3] = (uint8_t)v;
}

static void drop(struct conn *c) {
    for (int i = 0; i < CONNS; i++)
        if (s.conns[i] == c) s.conns[i] = NULL;
    if (s.receiver == c) s.receiver = NULL;
    (void)close(c->fd);
    free(c);
}

static void flush(struct conn *c) {
    while (c->out_off < c->out_n) {
        ssize_t n = write(c->fd, c->out + c->out_off, c->out_n - c->out_off);
        if (n <= 0) break;
        c->out_off += (size_t)n;
    }
    if (c->out_off == c->out_n) c->out_off = c->out_n = 0;
    struct epoll_event e = {.events = EPOLLIN | (c->out_n ? (uint32_t)EPOLLOUT : 0), .data.ptr = c};
    (void)epoll_ctl(s.epoll, EPOLL_CTL_MOD, c->fd, &e);
}

/* False: the other side does not read; what does not fit is not said. */
static bool say(struct conn *c, uint32_t command, uint32_t status, uint32_t seq, const void *body, size_t n) {
    if (c->out_n + 16 + n > OUT_CAP) return false;
    uint8_t *p = c->out + c->out_n;
    put32(p, (uint32_t)(16 + n));
    put32(p + 4, command);
    put32(p + 8, status);
    put32(p + 12, seq);
    if (n) memcpy(p + 16, body, n);
    c->out_n += 16 + n;
    return true;
}

static bool over_rate(double t) {
    if (s.rate == 0) return false;
    long slot = (long)(t * SLOTS), all = 0;
    int  k    = (int)(slot % SLOTS);
    if (s.slot[k] != slot) s.in_slot[k] = 0;
    s.slot[k] = slot;
    for (int i = 0; i < SLOTS; i++)
        if (slot - s.slot[i] < SLOTS) all += s.in_slot[i];
    if (all >= s.rate) return true;
    s.in_slot[k]++;
    return false;
}

/* A C string inside a body: the next position, or NULL. */
static const uint8_t *skip(const uint8_t *p, const uint8_t *end) {
    const uint8_t *z = p < end ? memchr(p, 0, (size_t)(end - p)) : NULL;
    return z ? z + 1 : NULL;
}

static void receipt(struct conn *c, const uint8_t *src, const uint8_t *dst, const char *id) {
    uint8_t        b[512];
    char           text[160];
    size_t         n  = 0, src_n = strlen((const char *)src), dst_n = strlen((const char *)dst);
    struct conn   *to = s.receiver ? s.receiver : c;
    if (src_n > 20 || dst_n > 20) return;
    int text_n = snprintf(text, sizeof text, "id:%s sub:001 dlvrd:001 submit date:2611250000 done date:2611250000 stat:DELIVRD err:000 text:", id);
    b[n++] = 0; /* service_type */
    b[n++] = 1;
    b[n++] = 1;
    memcpy(b + n, dst, dst_n + 1);
    n += dst_n + 1;
    b[n++] = 1;
    b[n++] = 1;
    memcpy(b + n, src, src_n + 1);
    n += src_n + 1;
    const uint8_t head[] = {4, 0, 0, 0, 0, 0, 0, 0, 0}; /* esm_class, pid, priority, schedule, validity, registered, replace, coding, default */
    memcpy(b + n, head, sizeof head);
    n += sizeof head;
    b[n++] = (uint8_t)text_n;
    memcpy(b + n, text, (size_t)text_n);
    n += (size_t)text_n;
    if (say(to, DELIVER, 0, ++to->seq, b, n)) s.receipts++;
    if (to != c) flush(to);
}

static bool submit(struct conn *c, uint32_t seq, const uint8_t *body, size_t n) {
    const uint8_t *end = body + n, *p = skip(body, end), *src, *dst;
    if (p == NULL || p + 2 >= end) return false;
    src = p + 2;
    if ((p = skip(src, end)) == NULL || p + 2 >= end) return false;
    dst = p + 2;
    if ((p = skip(dst, end)) == NULL || p + 3 >= end) return false;
    p += 3; /* esm_class, protocol_id, priority */
    if ((p = skip(p, end)) == NULL || (p = skip(p, end)) == NULL || p >= end) return false; /* schedule, validity */
    bool   wanted = (*p & 1) != 0 && !s.no_receipts;
    double t      = now_s();
    char   id[24];
    s.submits++;
    bool over = over_rate(t);
    if (over || (s.throttle_every && s.submits % (unsigned long)s.throttle_every == 0)) {
        s.throttled++;
        s.over += over;
        return say(c, RESP | SUBMIT, THROTTLED, seq, "", 1);
    }
    if (s.accepted++ == 0) s.first_s = t;
    s.last_s = t;
    int id_n = snprintf(id, sizeof id, "%lu", ++s.id);
    if (!say(c, RESP | SUBMIT, 0, seq, id, (size_t)id_n + 1)) return false;
    if (wanted) receipt(c, src, dst, id);
    return true;
}

static bool pdu(struct conn *c, const uint8_t *p, size_t n) {
    uint32_t command = get32(p + 4), seq = get32(p + 12);
    switch (command) {
    case BIND_RX: s.receiver = c; /* fall through */
    case BIND_TX:
    case BIND_TRX: return say(c, RESP | command, 0, seq, "fast", 5);
    case SUBMIT: return submit(c, seq, p + 16, n - 16);
    case ENQUIRE: return say(c, RESP | ENQUIRE, 0, seq, NULL, 0);
    case UNBIND: return say(c, RESP | UNBIND, 0, seq, NULL, 0);
    case RESP | DELIVER: s.acked++; return true;
    default: return true;
    }
}

static bool readable(struct conn *c) {
    ssize_t got = read(c->fd, c->in + c->in_n, IN_CAP - c->in_n);
    if (got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR)) return false;
    if (got > 0) c->in_n += (size_t)got;
    size_t off = 0;
    while (c->in_n - off >= 16) {
        size_t n = get32(c->in + off);
        if (n < 16 || n > 8192) return false;
        if (c->in_n - off < n) break;
        if (!pdu(c, c->in + off, n)) return false;
        off += n;
    }
    memmove(c->in, c->in + off, c->in_n - off);
    c->in_n -= off;
    return true;
}

static void accept_one(void) {
    int one = 1, fd = accept4(s.listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0) return;
    for (int i = 0; i < CONNS; i++) {
        if (s.conns[i]) continue;
        struct conn *c = calloc(1, sizeof *c);
        if (c == NULL) abort();
        c->fd      = fd;
        s.conns[i] = c;
        s.connections++;
        (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
        struct epoll_event e = {.events = EPOLLIN, .data.ptr = c};
        (void)epoll_ctl(s.epoll, EPOLL_CTL_ADD, fd, &e);
        return;
    }
    (void)close(fd);
}

static void tell(void) {
    struct rusage r;
    (void)getrusage(RUSAGE_SELF, &r);
    printf("{\"submits\":%lu,\"accepted\":%lu,\"throttled\":%lu,\"over\":%lu,\"receipts\":%lu,\"acked\":%lu,\"connections\":%lu,\"seconds\":%.3f,\"cpu_s\":%.2f}\n", s.submits, s.accepted,
           s.throttled, s.over, s.receipts, s.acked, s.connections, s.last_s - s.first_s,
           (double)(r.ru_utime.tv_sec + r.ru_stime.tv_sec) + (double)(r.ru_utime.tv_usec + r.ru_stime.tv_usec) / 1e6);
    (void)fflush(stdout);
}

static bool asked(void) {
    char    b[256];
    ssize_t n = read(0, b, sizeof b);
    if (n <= 0) return false;
    for (ssize_t i = 0; i < n; i++)
        if (b[i] == '\n') tell();
    return true;
}

static void start(int argc, char **argv) {
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t          len = sizeof a;
    int                one = 1;
    for (int i = 1; i < argc; i++) {
        bool more = i + 1 < argc;
        if (strcmp(argv[i], "--no-receipts") == 0) s.no_receipts = true;
        else if (more && strcmp(argv[i], "--port") == 0) a.sin_port = htons((uint16_t)strtol(argv[++i], NULL, 10));
        else if (more && strcmp(argv[i], "--throttle-every") == 0) s.throttle_every = strtol(argv[++i], NULL, 10);
        else if (more && strcmp(argv[i], "--rate") == 0) s.rate = strtol(argv[++i], NULL, 10);
        else if (more && strcmp(argv[i], "--cpu") == 0) {
            cpu_set_t set;
            CPU_ZERO(&set);
            CPU_SET(strtoul(argv[++i], NULL, 10), &set);
            (void)sched_setaffinity(0, sizeof set, &set);
        } else {
            fprintf(stderr, "smscfast: %s?\n", argv[i]);
            exit(2);
        }
    }
    s.epoll    = epoll_create1(EPOLL_CLOEXEC);
    s.listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    (void)setsockopt(s.listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (bind(s.listener, (struct sockaddr *)&a, sizeof a) != 0 || listen(s.listener, 16) != 0 || getsockname(s.listener, (struct sockaddr *)&a, &len) != 0) {
        perror("smscfast");
        exit(1);
    }
    struct epoll_event l = {.events = EPOLLIN, .data.ptr = NULL}, in = {.events = EPOLLIN, .data.ptr = &s};
    (void)epoll_ctl(s.epoll, EPOLL_CTL_ADD, s.listener, &l);
    (void)epoll_ctl(s.epoll, EPOLL_CTL_ADD, 0, &in);
    printf("{\"port\":%u}\n", ntohs(a.sin_port));
    (void)fflush(stdout);
}

int main(int argc, char **argv) {
    start(argc, argv);
    for (;;) {
        struct epoll_event e[32];
        int                n = epoll_wait(s.epoll, e, 32, -1);
        for (int i = 0; i < n; i++) {
            struct conn *c = e[i].data.ptr;
            if (c == NULL) accept_one();
            else if (e[i].data.ptr == &s) {
                if (!asked()) return 0;
            } else if ((e[i].events & EPOLLIN) && !readable(c)) drop(c);
            else flush(c);
        }
    }
}
