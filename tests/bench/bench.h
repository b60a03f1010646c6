/* SPDX-License-Identifier: Apache-2.0
 *
 * What the programs of tests/bench share: clocks, cores, sockets on loopback, client frames, and the file through which the
 * subscribers (load.c) tell the publisher (pub.c) how much has arrived: the closed loop. One writer per struct progress_worker.
 */
#ifndef ZB_TESTS_BENCH_H
#define ZB_TESTS_BENCH_H

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define PROGRESS_MAGIC 0x7a62656e63683031U
#define WORKERS_MAX 16
#define HIST_N 2048 /* 32 steps per power of two of a microsecond: 3 % */

struct progress_worker {
    _Alignas(64) _Atomic uint64_t connected, subscribed, retried, closed;
    _Atomic uint64_t pushes, bytes, pings, last_ns; /* last_ns: CLOCK_MONOTONIC of the newest push */
    _Atomic uint64_t answered, refused;             /* rpc */
    _Atomic uint64_t hist[HIST_N];                  /* latency of pushes or answers */
};

struct progress {
    uint64_t               magic, workers_n;
    _Atomic uint64_t       stop;
    struct progress_worker w[WORKERS_MAX];
};

#define ADD(field, n) (void)atomic_fetch_add_explicit(&(field), (n), memory_order_relaxed)
#define GET(field) atomic_load_explicit(&(field), memory_order_relaxed)

static inline void die(const char *program, const char *format, ...) __attribute__((noreturn, format(printf, 2, 3)));
static inline void die(const char *program, const char *format, ...) {
    va_list ap;
    fprintf(stderr, "%s: ", program);
    va_start(ap, format);
    vfprintf(stderr, format, ap);
    va_end(ap);
    fprintf(stderr, "\n");
    exit(2);
}

static inline uint64_t now_ns(void) {
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000U + (uint64_t)t.tv_nsec;
}

static inline void nap_us(long us) {
    struct timespec t = {us / 1000000, us % 1000000 * 1000};
    (void)nanosleep(&t, NULL);
}

/* CPU time of another process, all threads, user and system. */
static inline double cpu_seconds(pid_t pid) {
    clockid_t       id;
    struct timespec t = {0, 0};
    if (clock_getcpuclockid(pid, &id) != 0 || clock_gettime(id, &t) != 0) return -1;
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static inline void pin_self(int cpu) {
    cpu_set_t set;
    if (cpu < 0 || cpu >= (int)sysconf(_SC_NPROCESSORS_ONLN)) return;
    CPU_ZERO(&set);
    CPU_SET((unsigned)cpu, &set);
    (void)sched_setaffinity(0, sizeof set, &set);
}

static inline rlim_t files_raise(void) {
    struct rlimit r = {0, 0};
    (void)getrlimit(RLIMIT_NOFILE, &r);
    r.rlim_cur = r.rlim_max;
    (void)setrlimit(RLIMIT_NOFILE, &r);
    return r.rlim_cur;
}

static inline int64_t number(const char *program, const char *text, int64_t min, int64_t max) {
    char     *end;
    long long v = strtoll(text, &end, 10);
    if (end == text || *end || v < min || v > max)
        die(program, "%s: a number from %lld to %lld is wanted", text, (long long)min, (long long)max);
    return v;
}

static inline char *file_text(const char *program, const char *path, size_t *n) {
    FILE *f = fopen(path, "r");
    if (f == NULL) die(program, "%s: %s", path, strerrorname_np(errno));
    char  *b   = NULL;
    size_t cap = 0, len = 0;
    for (;;) {
        if (len + 65536 > cap) b = realloc(b, cap = cap * 2 + 131072);
        if (b == NULL) die(program, "out of memory");
        size_t r = fread(b + len, 1, cap - len - 1, f);
        if (r == 0) break;
        len += r;
    }
    b[len] = '\0';
    fclose(f);
    if (n) *n = len;
    return b;
}

static inline struct progress *progress_map(const char *program, const char *path, bool make) {
    int fd = open(path, make ? O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC : O_RDWR | O_CLOEXEC, 0600);
    if (fd < 0 || (make && ftruncate(fd, sizeof(struct progress)) != 0)) die(program, "%s: %s", path, strerrorname_np(errno));
    struct progress *p = mmap(NULL, sizeof *p, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    (void)close(fd);
    if (p == MAP_FAILED || (!make && p->magic != PROGRESS_MAGIC)) die(program, "%s: not a progress file", path);
    p->magic = PROGRESS_MAGIC;
    return p;
}

static inline size_t hist_slot(uint64_t us) {
    if (us < 32) return (size_t)us;
    unsigned e = 63U - (unsigned)__builtin_clzll(us);
    size_t   s = (size_t)(e - 4) * 32 + (size_t)(us >> (e - 5) & 31);
    return s < HIST_N ? s : HIST_N - 1;
}

static inline double hist_us(size_t slot) { /* upper edge */
    if (slot < 32) return (double)slot;
    unsigned e = (unsigned)(slot / 32) + 4;
    return (double)((slot % 32 + 33) << (e - 5));
}

/* ---- loopback ---- */
static inline struct sockaddr_in loopback(uint32_t host, unsigned port) {
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr = {htonl(0x7f000000U + host)}};
    return a;
}

#define WS_HANDSHAKE                                                                                                             \
    "GET /connection/websocket HTTP/1.1\r\nHost: 127.0.0.1:%u\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"                  \
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
#define WS_ACCEPT "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="

/* A masked client frame; out has room for n + 14. */
static inline size_t ws_client_frame(unsigned char *out, int opcode, const char *p, size_t n) {
    static const unsigned char mask[4] = {0x5a, 0xc3, 0x17, 0x2e};
    size_t                     h       = 2;
    out[0]                             = (unsigned char)(0x80 | opcode);
    if (n < 126) {
        out[1] = (unsigned char)(0x80 | n);
    } else if (n < 65536) {
        out[1] = 0x80 | 126;
        out[2] = (unsigned char)(n >> 8);
        out[3] = (unsigned char)n;
        h      = 4;
    } else {
        out[1] = 0x80 | 127;
        for (unsigned i = 0; i < 8; i++) out[2 + i] = (unsigned char)((uint64_t)n >> (56 - 8 * i));
        h = 10;
    }
    memcpy(out + h, mask, 4);
    h += 4;
    for (size_t i = 0; i < n; i++) out[h + i] = (unsigned char)((unsigned char)p[i] ^ mask[i & 3]);
    return h + n;
}

/* Header of a frame of the server in p[0..n): 0 incomplete, else bytes of the header; -1 masked or with reserved bits. */
static inline int ws_head(const unsigned char *p, size_t n, int *opcode, bool *fin, uint64_t *len) {
    *len = 0;
    if (n < 2) return 0;
    if ((p[1] & 0x80) || (p[0] & 0x70)) return -1;
    *opcode = p[0] & 15;
    *fin    = (p[0] & 0x80) != 0;
    *len    = p[1] & 127;
    if (*len < 126) return 2;
    int extra = *len == 126 ? 2 : 8;
    if (n < 2 + (size_t)extra) return 0;
    *len = 0;
    for (int i = 0; i < extra; i++) *len = *len << 8 | p[2 + i];
    return 2 + extra;
}

#endif
