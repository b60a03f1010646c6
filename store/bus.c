/* SPDX-License-Identifier: Apache-2.0
 *
 * The subscriber. Everything here runs on the owner's loop thread.
 *
 *   WAIT --timer--> CONNECT --connect, PING, INFO, SUBSCRIBE confirmed--> UP (on_up)
 *    ^                 |  error or connect_ms over                         |  error, or the probe is not heard (on_down)
 *    +-----------------+---------------------------------------------------+
 *
 * hiredis 0.14.1: (1) its libuv adapter stays silent for ever when a connect is refused (libuv reports status < 0 and stops the
 * handle), hence the adapter below. (2) It has no connect time-out: the timer. (3) It frees a context itself after a failed
 * connect callback and after the disconnect callback, there we only forget the pointer; pending callbacks come with a NULL
 * reply. (4) The reply to PING in subscribed state never reaches its callback, so a second connection publishes to a probe
 * channel of this bus, which proves the whole way. (5) Contexts are freed and made only in the timer, never inside a callback.
 *
 * The end: bus_stop silences the callbacks and closes; the bus is freed by the last handle that closes.
 */
#include "store/bus.h"

#include <hiredis/async.h>
#include <stdio.h>
#include <string.h>
#include <uv.h>

#include "base/check.h"
#include "base/log.h"
#include "base/mem.h"
#include "store/redis_int.h"

#define BUS_MAGIC      0x62757321U
#define POLL_MAGIC     0x706f6c6cU
#define CONNECT_MS     2000
#define PROBE_MS       5000
#define BACKOFF_MIN_MS 20
#define BACKOFF_MAX_MS 1000

enum bus_state { BUS_WAIT, BUS_CONNECT, BUS_UP };

struct bus {
    unsigned           magic;
    uv_loop_t         *loop;
    struct bus_ops     ops;
    char               host[256], probe[64], run_id[RUN_ID_SIZE];
    int                port;
    enum bus_state     state;
    redisAsyncContext *ac;      /* the subscriber; NULL when hiredis freed it or none was made */
    redisAsyncContext *ping_ac; /* publishes the probe; NULL like ac */
    uv_timer_t         timer;
    int                handles_n; /* not yet closed: the timer and one poll per context */
    int                confirmed_n, connect_ms, probe_ms, backoff_ms;
    bool               stopping, is_down_said;
    bool               probe_sent, probe_heard;
};

/* ---- hiredis on libuv ---- */

struct poll {
    unsigned           magic;
    uv_poll_t          handle;
    redisAsyncContext *ac; /* NULL after cleanup */
    struct bus        *b;
    int                events;
};

static void handle_gone(struct bus *b) {
    if (--b->handles_n > 0) return;
    FREE_OBJ(b);
}

static void on_poll_closed(uv_handle_t *h) {
    struct poll *p = h->data;
    CHECK_OBJ_NOTNULL(p, POLL_MAGIC);
    handle_gone(p->b);
    FREE_OBJ(p);
}

static void on_poll(uv_poll_t *h, int status, int events) {
    struct poll *p = h->data;
    CHECK_OBJ_NOTNULL(p, POLL_MAGIC);
    if (status < 0) events = UV_READABLE | UV_WRITABLE; /* hiredis finds the error of the socket itself */
    if (p->ac && (events & UV_READABLE)) redisAsyncHandleRead(p->ac);
    if (p->ac && (events & UV_WRITABLE)) redisAsyncHandleWrite(p->ac);
}

static void poll_set(struct poll *p, int events) {
    CHECK_OBJ_NOTNULL(p, POLL_MAGIC);
    p->events = events;
    if (events) (void)uv_poll_start(&p->handle, events, on_poll);
    else (void)uv_poll_stop(&p->handle);
}

static struct poll *poll_of(void *privdata) { return privdata; }
static void         add_read(void *d) { poll_set(poll_of(d), poll_of(d)->events | UV_READABLE); }
static void         del_read(void *d) { poll_set(poll_of(d), poll_of(d)->events & ~UV_READABLE); }
static void         add_write(void *d) { poll_set(poll_of(d), poll_of(d)->events | UV_WRITABLE); }
static void         del_write(void *d) { poll_set(poll_of(d), poll_of(d)->events & ~UV_WRITABLE); }

static void cleanup(void *d) {
    struct poll *p = poll_of(d);
    p->ac          = NULL;
    uv_close((uv_handle_t *)&p->handle, on_poll_closed);
}

static bool attach(struct bus *b, redisAsyncContext *ac) {
    struct poll *p;
    ALLOC_OBJ(p, POLL_MAGIC);
    if (uv_poll_init(b->loop, &p->handle, ac->c.fd) != 0) {
        FREE_OBJ(p);
        return false;
    }
    p->handle.data = p;
    p->ac          = ac;
    p->b           = b;
    b->handles_n++;
    ac->ev.data     = p;
    ac->ev.addRead  = add_read;
    ac->ev.delRead  = del_read;
    ac->ev.addWrite = add_write;
    ac->ev.delWrite = del_write;
    ac->ev.cleanup  = cleanup;
    return true;
}

/* ---- states ---- */

static void on_timer(uv_timer_t *t);

static void arm(struct bus *b, int ms) {
    if (!b->stopping) (void)uv_timer_start(&b->timer, on_timer, (uint64_t)ms, 0);
}

static void fail(struct bus *b, const char *why) {
    if (b->stopping || b->state == BUS_WAIT) return;
    bool was_up = b->state == BUS_UP;
    b->state    = BUS_WAIT;
    arm(b, b->backoff_ms);
    b->backoff_ms = b->backoff_ms * 2 > BACKOFF_MAX_MS ? BACKOFF_MAX_MS : b->backoff_ms * 2;
    if (!b->is_down_said) LOG(LOG_WARN, "bus_down", KS("why", why));
    b->is_down_said = true;
    if (was_up && b->ops.on_down) b->ops.on_down(b->ops.arg);
}

/* Forgets before freeing: a context that never connected is freed without any callback. */
static void drop(redisAsyncContext **ac) {
    redisAsyncContext *old = *ac;
    *ac                    = NULL;
    if (old) redisAsyncFree(old);
}

static void forget(const redisAsyncContext *ac, const char *why) {
    struct bus *b = ac->data;
    CHECK_OBJ_NOTNULL(b, BUS_MAGIC);
    if (ac == b->ping_ac) b->ping_ac = NULL; /* the probe will not be heard */
    if (ac != b->ac) return;
    b->ac = NULL;
    fail(b, why);
}

static void on_connect(const redisAsyncContext *ac, int status) {
    if (status != REDIS_OK) forget(ac, ac->errstr && ac->errstr[0] ? ac->errstr : "connect");
}

static void on_disconnect(const redisAsyncContext *ac, int status) {
    forget(ac, status == REDIS_OK || ac->errstr == NULL || ac->errstr[0] == '\0' ? "closed" : ac->errstr);
}

/* ---- messages ---- */

static bool number(const char **p, char end, uint64_t *out) {
    const char *s = *p;
    *out          = 0;
    for (; *s >= '0' && *s <= '9' && s - *p < 19; s++) *out = *out * 10 + (uint64_t)(*s - '0');
    if (s == *p || *s != end) return false;
    *p = s + 1;
    return true;
}

/* See publish_lua. The text ends with a NUL (hiredis), so the header can be scanned without counting. */
static bool publication(struct bus *b, const char *s, size_t n) {
    const char *p = s + 2, *sp;
    char        epoch[sizeof((struct channel_pos *)NULL)->epoch];
    uint64_t    offset, channel_n, key_n, data_n;
    if (n < 2 || s[0] != 'P' || s[1] != ' ' || (sp = strchr(p, ' ')) == NULL) return false;
    size_t epoch_n = (size_t)(sp - p);
    if (epoch_n == 0 || epoch_n >= sizeof epoch) return false;
    memcpy(epoch, p, epoch_n);
    epoch[epoch_n] = '\0';
    p              = sp + 1;
    if (!number(&p, ' ', &offset) || !number(&p, ' ', &channel_n) || !number(&p, ' ', &key_n) || !number(&p, '\n', &data_n)) return false;
    size_t left = n - (size_t)(p - s);
    if (channel_n == 0 || channel_n > left || key_n > left - channel_n || data_n != left - channel_n - key_n) return false;
    b->ops.on_pub(b->ops.arg, p, channel_n, epoch, offset, p + channel_n, key_n, p + channel_n + key_n, data_n);
    return true;
}

static void on_message(redisAsyncContext *ac, void *reply, void *arg) {
    struct bus       *b = arg;
    const redisReply *p = reply;
    if (p == NULL) return;
    CHECK_OBJ_NOTNULL(b, BUS_MAGIC);
    if (b->stopping || ac != b->ac || b->state == BUS_WAIT) return;
    if (!reply_is_array(p, 3) || p->element[0]->type != REDIS_REPLY_STRING || p->element[1]->type != REDIS_REPLY_STRING) {
        (void)redis_bad_reply("bus", p);
        fail(b, "unexpected reply");
        return;
    }
    if (strcmp(p->element[0]->str, "subscribe") == 0) {
        if (++b->confirmed_n < 3 || b->state != BUS_CONNECT) return;
        b->state      = BUS_UP;
        b->backoff_ms = BACKOFF_MIN_MS;
        b->probe_sent = false;
        arm(b, b->probe_ms);
        if (b->is_down_said) LOG(LOG_INFO, "bus_up", KS("run_id", b->run_id));
        b->is_down_said = false;
        if (b->ops.on_up) b->ops.on_up(b->ops.arg, b->run_id);
        return;
    }
    const redisReply *m = p->element[2];
    if (strcmp(p->element[0]->str, "message") != 0 || m->type != REDIS_REPLY_STRING) return;
    if (strcmp(p->element[1]->str, BUS_CHANNEL) == 0) {
        if (b->ops.on_pub && !publication(b, m->str, m->len)) LOG(LOG_ERROR, "bus_message", KI("bytes", m->len));
    } else if (strcmp(p->element[1]->str, CONTROL_CHANNEL) == 0) {
        if (b->ops.on_control) b->ops.on_control(b->ops.arg, m->str, m->len);
    } else {
        b->probe_heard = true;
    }
}

/* PING first: a server that is still loading answers it with an error, and SUBSCRIBE without. */
static void on_ping(redisAsyncContext *ac, void *reply, void *arg) {
    struct bus       *b = arg;
    const redisReply *p = reply;
    if (p == NULL || b->stopping || ac != b->ac) return;
    if (p->type != REDIS_REPLY_STATUS) fail(b, p->type == REDIS_REPLY_ERROR ? p->str : "unexpected reply to PING");
}

static void on_info(redisAsyncContext *ac, void *reply, void *arg) {
    struct bus       *b = arg;
    const redisReply *p = reply;
    if (p == NULL || b->stopping || ac != b->ac || b->state != BUS_CONNECT) return;
    if (p->type != REDIS_REPLY_STRING || !info_run_id(p->str, b->run_id) ||
        redisAsyncCommand(ac, on_message, b, "SUBSCRIBE %s %s %s", BUS_CHANNEL, CONTROL_CHANNEL, b->probe) != REDIS_OK)
        fail(b, "INFO without a run_id");
}

static void on_probe_sent(redisAsyncContext *ac, void *reply, void *arg) {
    (void)ac, (void)reply, (void)arg;
}

/* ---- connecting ---- */

static redisAsyncContext *open_context(struct bus *b) {
    if (b->host[0] == '\0') return NULL;
    redisAsyncContext *ac = b->port ? redisAsyncConnect(b->host, b->port) : redisAsyncConnectUnix(b->host);
    if (ac == NULL) return NULL;
    if (ac->err || !attach(b, ac)) {
        redisAsyncFree(ac);
        return NULL;
    }
    ac->data = b;
    (void)redisAsyncSetConnectCallback(ac, on_connect);
    (void)redisAsyncSetDisconnectCallback(ac, on_disconnect);
    return ac;
}

static void connect_now(struct bus *b) {
    drop(&b->ac);
    drop(&b->ping_ac);
    b->state       = BUS_CONNECT;
    b->confirmed_n = 0;
    b->run_id[0]   = '\0';
    arm(b, b->connect_ms);
    b->ac = open_context(b);
    if (b->ac == NULL || redisAsyncCommand(b->ac, on_ping, b, "PING") != REDIS_OK ||
        redisAsyncCommand(b->ac, on_info, b, "INFO server") != REDIS_OK)
        fail(b, "no connection");
}

static void probe(struct bus *b) {
    if (b->probe_sent && !b->probe_heard) {
        fail(b, "probe not heard");
        return;
    }
    if (b->ping_ac == NULL) b->ping_ac = open_context(b);
    b->probe_sent  = true;
    b->probe_heard = false;
    if (b->ping_ac) (void)redisAsyncCommand(b->ping_ac, on_probe_sent, b, "PUBLISH %s 1", b->probe);
    arm(b, b->probe_ms);
}

static void on_timer(uv_timer_t *t) {
    struct bus *b = t->data;
    CHECK_OBJ_NOTNULL(b, BUS_MAGIC);
    if (b->stopping) return;
    switch (b->state) {
    case BUS_WAIT: connect_now(b); break;
    case BUS_CONNECT: fail(b, "connect time-out"); break;
    case BUS_UP: probe(b); break;
    }
}

struct bus *bus_start(void *uv_loop, const char *address, struct bus_ops ops) {
    struct bus *b;
    char        mark[17];
    no_sigpipe();
    ALLOC_OBJ(b, BUS_MAGIC);
    b->loop       = uv_loop;
    b->ops        = ops;
    b->backoff_ms = BACKOFF_MIN_MS;
    b->connect_ms = CONNECT_MS;
    b->probe_ms   = PROBE_MS;
    random_hex16(mark);
    snprintf(b->probe, sizeof b->probe, PROBE_CHANNEL, mark);
    if (!address_split(address, b->host, sizeof b->host, &b->port)) {
        LOG(LOG_ERROR, "redis_address", KS("address", address));
        b->host[0] = '\0';
    }
    MUST(uv_timer_init(b->loop, &b->timer) == 0);
    b->timer.data = b;
    b->handles_n  = 1;
    b->state      = BUS_WAIT;
    arm(b, 0);
    return b;
}

void bus_set_times(struct bus *b, int connect_ms, int probe_ms) {
    CHECK_OBJ_NOTNULL(b, BUS_MAGIC);
    b->connect_ms = connect_ms;
    b->probe_ms   = probe_ms;
}

static void on_timer_closed(uv_handle_t *h) { handle_gone(h->data); }

void bus_stop(struct bus *b) {
    if (b == NULL) return;
    CHECK_OBJ_NOTNULL(b, BUS_MAGIC);
    MUST(!b->stopping);
    b->stopping = true;
    drop(&b->ac);
    drop(&b->ping_ac);
    uv_close((uv_handle_t *)&b->timer, on_timer_closed);
}
