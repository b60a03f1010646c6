/* SPDX-License-Identifier: Apache-2.0
 *
 * The floor: what a broadcast costs at least. Epoll, one send() of a ready-made frame per socket, nothing else: no protocol, no
 * persons, no queues. Answers a subscriber's first message with what the clients of the gateway wait for.
 *
 *   floor [--cpu C]        prints {"port":P}; ends at SIGTERM
 *
 * A connection that begins with "PUB\n" publishes: 4 bytes big-endian length, payload; it is answered by one byte before the
 * send loop starts (that is the acknowledged write), and the payload goes to all subscribers.
 */
#include <signal.h>
#include <sys/epoll.h>

#include "tests/bench/bench.h"

#define ME "floor"
#define FD_MAX 70000
#define MESSAGE_MAX (1U << 20)

static int           subs[FD_MAX], subs_n, place[FD_MAX]; /* place: index in subs + 1 */
static unsigned char role[FD_MAX];                        /* 0 new, 1 upgraded, 2 subscriber, 3 publisher */
static unsigned char frame[MESSAGE_MAX + 10];
static char          in[MESSAGE_MAX + 65536]; /* of the one publisher */
static size_t        in_n;
static unsigned long blocked;

static void leave(int fd) {
    if (place[fd]) {
        int last            = subs[--subs_n];
        subs[place[fd] - 1] = last;
        place[last]         = place[fd];
        place[fd]           = 0;
    }
    role[fd] = 0;
    (void)close(fd);
}

static void broadcast(const char *p, size_t n) {
    size_t h = 2;
    frame[0] = 0x81;
    if (n < 126) {
        frame[1] = (unsigned char)n;
    } else if (n < 65536) {
        frame[1] = 126;
        frame[2] = (unsigned char)(n >> 8);
        frame[3] = (unsigned char)n;
        h        = 4;
    } else {
        frame[1] = 127;
        for (unsigned i = 0; i < 8; i++) frame[2 + i] = (unsigned char)((uint64_t)n >> (56 - 8 * i));
        h = 10;
    }
    memcpy(frame + h, p, n);
    n += h;
    for (int i = 0; i < subs_n; i++)
        if (send(subs[i], frame, n, MSG_NOSIGNAL | MSG_DONTWAIT) != (ssize_t)n && blocked++ == 0)
            fprintf(stderr, "floor: a subscriber does not take a frame\n"); /* it is lost, and the publisher will notice */
}

static void published(int fd) {
    size_t off = 0;
    while (in_n - off >= 4) {
        const unsigned char *p = (const unsigned char *)in + off;
        size_t               n = (size_t)p[0] << 24 | (size_t)p[1] << 16 | (size_t)p[2] << 8 | p[3];
        if (n > MESSAGE_MAX) die(ME, "a message of %zu bytes", n);
        if (in_n - off - 4 < n) break;
        if (send(fd, "a", 1, MSG_NOSIGNAL) != 1) return;
        broadcast(in + off + 4, n);
        off += 4 + n;
    }
    memmove(in, in + off, in_n - off);
    in_n -= off;
}

static void say(int fd, const char *text, size_t n) {
    if (send(fd, text, n, MSG_NOSIGNAL) != (ssize_t)n) leave(fd);
}

static void readable(int fd) {
    static char b[65536];
    ssize_t     r = recv(fd, b, sizeof b, MSG_DONTWAIT);
    if (r < 0 && errno == EAGAIN) return;
    if (r <= 0) {
        leave(fd);
        return;
    }
    static const char upgraded[] = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                                   "Sec-WebSocket-Accept: " WS_ACCEPT "\r\n\r\n";
    static const char served[]   = "\x81\x2d{\"id\":1,\"connect\":{}}\n{\"id\":2,\"subscribe\":{}}";
    _Static_assert(sizeof served == 2 + 0x2d + 1, "length of the frame");
    const char *p = b;
    if (role[fd] == 0 && r >= 4 && memcmp(b, "GET ", 4) == 0) {
        role[fd] = 1;
        say(fd, upgraded, sizeof upgraded - 1);
        return;
    }
    if (role[fd] == 0 && r >= 4 && memcmp(b, "PUB\n", 4) == 0) {
        role[fd] = 3;
        p += 4;
        r -= 4;
    }
    if (role[fd] == 1) {
        role[fd]       = 2;
        subs[subs_n++] = fd;
        place[fd]      = subs_n;
        say(fd, served, sizeof served - 1);
    } else if (role[fd] == 3) {
        if (in_n + (size_t)r > sizeof in) die(ME, "publisher sends too much");
        memcpy(in + in_n, p, (size_t)r);
        in_n += (size_t)r;
        published(fd);
    }
}

int main(int argc, char **argv) {
    if (argc == 3 && strcmp(argv[1], "--cpu") == 0) pin_self((int)number(ME, argv[2], 0, 1023));
    (void)files_raise();
    static const int          one = 1;
    static struct epoll_event ev[512];
    struct sockaddr_in        a    = loopback(1, 0);
    socklen_t                 a_n  = sizeof a;
    int                       l    = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    int                       poll = epoll_create1(EPOLL_CLOEXEC);
    if (bind(l, (struct sockaddr *)&a, sizeof a) != 0 || listen(l, 4096) != 0 || getsockname(l, (struct sockaddr *)&a, &a_n) != 0)
        die(ME, "listen: %s", strerrorname_np(errno));
    struct epoll_event want = {.events = EPOLLIN, .data = {.fd = l}};
    if (epoll_ctl(poll, EPOLL_CTL_ADD, l, &want) != 0) die(ME, "epoll_ctl: %s", strerrorname_np(errno));
    printf("{\"port\":%u}\n", ntohs(a.sin_port));
    (void)fflush(stdout);
    for (;;) {
        int n = epoll_wait(poll, ev, 512, -1);
        for (int i = 0; i < n; i++) {
            int fd = ev[i].data.fd;
            if (fd != l) {
                readable(fd);
                continue;
            }
            while ((fd = accept4(l, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
                if (fd >= FD_MAX) die(ME, "more than %d sockets", FD_MAX);
                (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
                want.data.fd = fd;
                if (epoll_ctl(poll, EPOLL_CTL_ADD, fd, &want) != 0) die(ME, "epoll_ctl: %s", strerrorname_np(errno));
            }
        }
    }
}
