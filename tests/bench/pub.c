/* SPDX-License-Identifier: Apache-2.0
 *
 * Publishes and measures, in a closed loop with load.c's progress file: never more than --window publications that not every
 * subscriber has, so nothing coalesces and nothing is lost, and the rate is what the server sustains.
 *
 *   pub --progress FILE --subs N --to redis:ADDRESS --channel C [--first-seq S] --count M --size B [--window W] [--pid SERVER]
 *   pub --progress FILE --subs N --to floor:PORT    --channel C                 --count M --size B [--window W] [--pid SERVER]
 *   pub --progress FILE --subs N --to floor:PORT --rounds --size B      each line of stdin is one round
 *   pub --progress FILE --subs N --to ws:PORT --who FILE --rounds       a line: index of the person, TAB,
 * {"method":...,"data":...} pub --pin CPU --pid P                                               every thread of P to this core
 *
 * redis: goes through channel_publish, the script of the relay. floor: sends the same bytes the gateway would (push envelope
 * included), ready-made. A round is: send, wait for the acknowledgement, wait until every subscriber has it; it prints
 * {"ack_ms":..,"last_ms":..,"reply":..}, last_ms from the acknowledgement to the last subscriber.
 */
#include <dirent.h>

#include "store/redis.h"
#include "tests/bench/bench.h"

#define ME "pub"
#define PEOPLE 16
#define STALL_NS 20000000000U /* nothing moves for so long: give up */
#define MESSAGE_MAX (1U << 20)

enum target { TO_NONE, TO_REDIS, TO_FLOOR, TO_WS };

static struct options {
    enum target to;
    const char *address, *channel, *progress, *who;
    unsigned    port;
    uint64_t    subs, count, size, window;
    int64_t     first_seq;
    int         cpu, pin;
    pid_t       pid;
    bool        rounds;
} opt = {.window = 4, .first_seq = 1, .cpu = -1, .pin = -1};

static struct progress *shared;
static struct redis    *redis;
static int              floor_fd = -1;
static char             message[MESSAGE_MAX];

static uint64_t delivered(void) {
    uint64_t n = 0;
    for (size_t i = 0; i < shared->workers_n; i++) n += GET(shared->w[i].pushes);
    return n;
}

static uint64_t last_ns(void) {
    uint64_t t = 0;
    for (size_t i = 0; i < shared->workers_n; i++) {
        uint64_t v = atomic_load_explicit(&shared->w[i].last_ns, memory_order_acquire);
        if (v > t) t = v;
    }
    return t;
}

static uint64_t lost_clients(void) {
    uint64_t n = 0;
    for (size_t i = 0; i < shared->workers_n; i++) n += GET(shared->w[i].closed);
    return n;
}

/* False: it stalled. */
static bool wait_for(uint64_t want) {
    uint64_t seen = delivered(), since = now_ns();
    while (seen < want) {
        nap_us(100);
        uint64_t n = delivered();
        if (n != seen) since = now_ns();
        seen = n;
        if (now_ns() - since > STALL_NS || GET(shared->stop)) return false;
    }
    return true;
}

static int dial(unsigned port) {
    static const int   one = 1;
    struct sockaddr_in a   = loopback(1, port);
    int                fd  = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct timeval     t   = {30, 0};
    if (fd < 0 || connect(fd, (struct sockaddr *)&a, sizeof a) != 0) die(ME, "connect to %u: %s", port, strerrorname_np(errno));
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    (void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &t, sizeof t);
    return fd;
}

static void send_all(int fd, const void *p, size_t n) {
    for (const char *b = p; n;) {
        ssize_t r = send(fd, b, n, MSG_NOSIGNAL);
        if (r <= 0) die(ME, "send: %s", strerrorname_np(errno));
        b += r;
        n -= (size_t)r;
    }
}

/* ---- publications: 600 bytes of a ranking ---- */
static size_t make_data(char *out, uint64_t i) {
    size_t n = (size_t)snprintf(out, opt.size, "{\"version\":%llu,\"ts\":%llu,\"rows\":[", (unsigned long long)i,
                                (unsigned long long)now_ns());
    for (unsigned k = 0; n + 64 < opt.size; k++)
        n += (size_t)snprintf(out + n, opt.size - n, "%s{\"unit\":\"NP-%05u\",\"rank\":%u,\"score\":%u}", k ? "," : "",
                              10000 + (unsigned)(i * 31 + k * 97) % 90000, k + 1, 9900 - k * 37);
    n += (size_t)snprintf(out + n, opt.size - n, "],\"pad\":\"");
    while (n + 2 < opt.size) out[n++] = 'x';
    memcpy(out + n, "\"}", 3);
    return n + 2;
}

static void floor_send(const char *p, size_t n) {
    unsigned char head[4] = {(unsigned char)(n >> 24), (unsigned char)(n >> 16), (unsigned char)(n >> 8), (unsigned char)n};
    char          ack;
    send_all(floor_fd, head, 4);
    send_all(floor_fd, p, n);
    if (recv(floor_fd, &ack, 1, 0) != 1) die(ME, "the floor does not answer");
}

static void publish(uint64_t i) {
    static char data[MESSAGE_MAX / 2]; /* --size is bounded below this */
    (void)make_data(data, i);
    if (opt.to == TO_FLOOR) {
        int n = snprintf(message, sizeof message, "{\"push\":{\"channel\":\"%s\",\"pub\":{\"data\":%s,\"offset\":%llu}}}",
                         opt.channel, data, (unsigned long long)i + 1);
        floor_send(message, (size_t)n);
        return;
    }
    struct channel_pos pos;
    bool               taken = false;
    char               key[32];
    (void)snprintf(key, sizeof key, "row-%llu", (unsigned long long)i); /* each its own: none replaces another */
    enum err e = channel_publish(redis, opt.channel, key, data, opt.first_seq + (int64_t)i, 300, 86400, &pos, &taken);
    if (e != ERR_OK || !taken) die(ME, "channel_publish: %s, taken %d", err_info(e)->word, taken);
}

static int throughput(void) {
    uint64_t base = delivered(), t0 = now_ns(), i = 0;
    double   cpu0 = opt.pid ? cpu_seconds(opt.pid) : 0;
    bool     ok   = true;
    for (; ok && i < opt.count; i++) {
        if (i >= opt.window) ok = wait_for(base + (i - opt.window + 1) * opt.subs);
        if (ok) publish(i);
    }
    ok           = ok && wait_for(base + opt.count * opt.subs);
    double   cpu = opt.pid ? cpu_seconds(opt.pid) - cpu0 : 0, s = (double)(now_ns() - t0) / 1e9;
    uint64_t n = delivered() - base;
    printf("{\"deliveries\":%llu,\"lost\":%lld,\"gone\":%llu,\"seconds\":%.4f,\"cpu_s\":%.4f,\"cpu_s_per_million\":%.4f,\"per_"
           "s\":%.0f}\n",
           (unsigned long long)n, (long long)(opt.count * opt.subs - n), (unsigned long long)lost_clients(), s, cpu,
           n ? cpu / (double)n * 1e6 : 0, (double)n / s);
    return ok ? 0 : 1;
}

/* ---- rounds ---- */
struct person {
    int      fd;
    unsigned id; /* of the last command */
    size_t   n;
    char    *in;
};
static struct person people[PEOPLE];
static size_t        people_n;

static void say(struct person *p, const char *text, size_t n) {
    static unsigned char frame[MESSAGE_MAX + 14];
    if (n > MESSAGE_MAX) die(ME, "a command of %zu bytes", n);
    send_all(p->fd, frame, ws_client_frame(frame, 1, text, n));
}

/* Until the reply to command id has come: copied to message. *t: when. */
static void await_reply(struct person *p, unsigned id, uint64_t *t) {
    char want[32];
    int  want_n = snprintf(want, sizeof want, "{\"id\":%u,", id);
    for (;;) {
        int      op;
        bool     fin;
        uint64_t len;
        int      h = ws_head((const unsigned char *)p->in, p->n, &op, &fin, &len);
        if (h < 0) die(ME, "not a frame of a server");
        if (h == 0 || p->n - (size_t)h < len) {
            ssize_t r = p->n < MESSAGE_MAX ? recv(p->fd, p->in + p->n, MESSAGE_MAX - p->n, 0) : 0;
            if (r <= 0) die(ME, "no reply to command %u", id);
            *t = now_ns();
            p->n += (size_t)r;
            continue;
        }
        if (op == 8) die(ME, "closed by the server: %.*s", len > 2 ? (int)len - 2 : 0, p->in + h + 2);
        bool found = false;
        for (char *line = p->in + h, *end = line + len; line < end;) {
            char  *nl = memchr(line, '\n', (size_t)(end - line));
            size_t n  = (size_t)((nl ? nl : end) - line);
            if (n == 2) say(p, "{}", 2);
            if (n > (size_t)want_n && memcmp(line, want, (size_t)want_n) == 0) {
                memcpy(message, line, n);
                message[n] = '\0';
                found      = true;
            }
            line += n + 1;
        }
        p->n -= (size_t)h + (size_t)len;
        memmove(p->in, p->in + h + len, p->n);
        if (found) return;
    }
}

static void enter(const char *token) {
    struct person *p = &people[people_n++];
    char           text[512];
    uint64_t       t;
    p->fd = dial(opt.port);
    p->in = malloc(MESSAGE_MAX);
    if (p->in == NULL) die(ME, "out of memory");
    int n = snprintf(text, sizeof text, WS_HANDSHAKE, opt.port);
    send_all(p->fd, text, (size_t)n);
    char *end = NULL;
    while (end == NULL) {
        ssize_t r = recv(p->fd, p->in + p->n, MESSAGE_MAX - p->n, 0);
        if (r <= 0) die(ME, "no handshake");
        p->n += (size_t)r;
        end = memmem(p->in, p->n, "\r\n\r\n", 4);
    }
    if (strncmp(p->in, "HTTP/1.1 101", 12) != 0) die(ME, "handshake: %.100s", p->in);
    p->n -= (size_t)(end + 4 - p->in);
    memmove(p->in, end + 4, p->n);
    p->id = 1;
    n     = snprintf(text, sizeof text, "{\"id\":1,\"connect\":{\"token\":\"%s\"}}", token);
    say(p, text, (size_t)n);
    await_reply(p, 1, &t);
    if (strstr(message, "\"error\"")) die(ME, "connect: %.200s", message);
}

static void act(const char *line, uint64_t *t) {
    static char   text[MESSAGE_MAX];
    char         *tab;
    unsigned long who = strtoul(line, &tab, 10);
    if (*tab != '\t' || who >= people_n) die(ME, "a round: %.80s", line);
    struct person *p = &people[who];
    p->id++;
    int n = snprintf(text, sizeof text, "{\"id\":%u,\"rpc\":%s}", p->id, tab + 1);
    say(p, text, (size_t)n);
    await_reply(p, p->id, t);
}

static int rounds(void) {
    char  *line = NULL;
    size_t cap  = 0;
    for (uint64_t i = 0;; i++) {
        ssize_t n = getline(&line, &cap, stdin);
        if (n <= 0) break;
        while (n && line[n - 1] == '\n') line[--n] = '\0';
        uint64_t base = delivered(), t0 = now_ns(), t1 = 0;
        if (opt.to == TO_FLOOR) {
            publish(i);
            t1 = now_ns();
            memcpy(message, "null", 5);
        } else {
            act(line, &t1);
        }
        if (strncmp(message, "{\"id\":", 6) == 0 && strstr(message, "\"error\":{\"code\"")) {
            printf("{\"reply\":%s}\n", message);
            (void)fflush(stdout);
            continue;
        }
        bool   all  = wait_for(base + opt.subs);
        double last = ((double)last_ns() - (double)t1) / 1e6; /* below 0: everybody had it before the writer had its answer */
        printf("{\"ack_ms\":%.3f,\"last_ms\":%.3f,\"delivered\":%llu,\"reply\":%s}\n", (double)(t1 - t0) / 1e6, last,
               (unsigned long long)(delivered() - base), message);
        (void)fflush(stdout);
        if (!all) return 1;
    }
    free(line);
    return 0;
}

/* ---- cores ---- */
static int pin(void) {
    char path[64];
    (void)snprintf(path, sizeof path, "/proc/%d/task", (int)opt.pid);
    DIR *d = opt.pin < (int)sysconf(_SC_NPROCESSORS_ONLN) ? opendir(path) : NULL;
    for (struct dirent *e; d && (e = readdir(d)) != NULL;) {
        cpu_set_t set;
        pid_t     t = (pid_t)strtol(e->d_name, NULL, 10);
        CPU_ZERO(&set);
        CPU_SET((unsigned)opt.pin, &set);
        if (t > 0) (void)sched_setaffinity(t, sizeof set, &set);
    }
    if (d) (void)closedir(d);
    return 0;
}

static void options(int argc, char **argv) {
    for (int i = 1; i < argc; i++) {
        const char *o = argv[i], *v = i + 1 < argc ? argv[i + 1] : NULL;
        if (strcmp(o, "--rounds") == 0) {
            opt.rounds = true;
            continue;
        }
        if (v == NULL) die(ME, "%s: not an option, or its value is missing", o);
        i++;
        if (strcmp(o, "--to") == 0 && strncmp(v, "redis:", 6) == 0)
            opt.to = TO_REDIS, opt.address = v + 6;
        else if (strcmp(o, "--to") == 0 && strncmp(v, "floor:", 6) == 0)
            opt.to = TO_FLOOR, opt.port = (unsigned)number(ME, v + 6, 1, 65535);
        else if (strcmp(o, "--to") == 0 && strncmp(v, "ws:", 3) == 0)
            opt.to = TO_WS, opt.port = (unsigned)number(ME, v + 3, 1, 65535);
        else if (strcmp(o, "--channel") == 0)
            opt.channel = v;
        else if (strcmp(o, "--progress") == 0)
            opt.progress = v;
        else if (strcmp(o, "--who") == 0)
            opt.who = v;
        else if (strcmp(o, "--subs") == 0)
            opt.subs = (uint64_t)number(ME, v, 1, 1000000);
        else if (strcmp(o, "--count") == 0)
            opt.count = (uint64_t)number(ME, v, 1, 1000000);
        else if (strcmp(o, "--size") == 0)
            opt.size = (uint64_t)number(ME, v, 120, 500000);
        else if (strcmp(o, "--window") == 0)
            opt.window = (uint64_t)number(ME, v, 1, 1000);
        else if (strcmp(o, "--first-seq") == 0)
            opt.first_seq = number(ME, v, 1, INT64_MAX);
        else if (strcmp(o, "--cpu") == 0)
            opt.cpu = (int)number(ME, v, 0, 1023);
        else if (strcmp(o, "--pin") == 0)
            opt.pin = (int)number(ME, v, 0, 1023);
        else if (strcmp(o, "--pid") == 0)
            opt.pid = (pid_t)number(ME, v, 1, INT32_MAX);
        else
            die(ME, "%s %s is not an option", o, v);
    }
}

int main(int argc, char **argv) {
    options(argc, argv);
    if (opt.pin >= 0) return pin();
    if (opt.to == TO_NONE || opt.progress == NULL || opt.subs == 0) die(ME, "--to, --progress and --subs are wanted");
    if (opt.to != TO_WS && (opt.size == 0 || opt.channel == NULL)) die(ME, "--size and --channel are wanted");
    pin_self(opt.cpu);
    shared = progress_map(ME, opt.progress, false);
    if (opt.to == TO_REDIS) redis = redis_new(opt.address, 5000);
    if (opt.to == TO_FLOOR) {
        floor_fd = dial(opt.port);
        send_all(floor_fd, "PUB\n", 4);
    }
    if (opt.to == TO_WS) {
        size_t n;
        char  *text = file_text(ME, opt.who, &n), *save = NULL;
        for (char *t = strtok_r(text, "\n", &save); t && people_n < PEOPLE; t = strtok_r(NULL, "\n", &save)) enter(t);
        free(text);
    }
    int rc = opt.rounds ? rounds() : throughput();
    redis_free(redis);
    return rc;
}
