/* SPDX-License-Identifier: Apache-2.0
 *
 * WebSocket connections: what is sent, queued, merged, closed, and how a message is put together. Loop thread.
 *
 * Sending: the first frame of a turn goes to the socket at once if nothing is queued and libwebsockets holds nothing back;
 * whatever follows in the same turn waits for its end and leaves as one frame with newlines. A socket that is full asks for
 * WRITEABLE (four epoll_ctl, so only then). Latest-wins (D14): a queued frame of the same key is taken out, the new one goes to
 * the tail, never in its place.
 *
 * Closing: conn_close only notes code and reason; the Close frame leaves at the end of the turn, from outside every callback of
 * the library: the one place from where it always arrives. While the library holds unsent bytes it cannot send one, so we wait
 * CLOSE_WAIT_MS for a client that reads on; one that does not sees the end without a code.
 *
 * Everything beyond struct conn lives in struct busy and goes away with its reason: an idle connection owns nothing else.
 */
#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/mem.h"
#include "base/metric.h"
#include "base/text.h"
#include "gateway/net_int.h"

#define CONN_MAGIC 0x636f6e6eU
#define CLOSE_WAIT_MS 1000
#define MERGE_BYTES 65000 /* payload of a merged frame: with its header within one tx packet */

uint64_t         conn_id(const struct conn *c) { return loop_make_id(c->loop, c->slot, c->gen); }
struct net_loop *conn_loop(const struct conn *c) {
    return c->loop;
}
void       *conn_ext(struct conn *c) { return c->ext; }
const char *conn_peer(const struct conn *c, char out[46]) { return addr_text(&c->addr, out); }
unsigned    conn_listener(const struct conn *c) { return c->listener; }
size_t      conn_queued_bytes(const struct conn *c) { return c->busy ? c->busy->q_bytes : 0; }

/* ---- life ---- */
struct conn *conn_new(struct net_loop *l, const struct addr *a, unsigned listener, bool addr_counted) {
    struct conn *c  = x_calloc(1, sizeof *c + l->net->conf.conn_ext_bytes);
    c->magic        = CONN_MAGIC;
    c->loop         = l;
    c->addr         = *a;
    c->listener     = (uint8_t)listener;
    c->addr_counted = addr_counted;
    c->turn         = l->turn - 1;
    (void)loop_slot_take(l, c, &c->slot, &c->gen);
    l->conns_n++;
    atomic_fetch_add(&l->net->conns, 1);
    return c;
}

void conn_opened(struct conn *c) {
    CHECK_OBJ_NOTNULL(c, CONN_MAGIC);
    c->state = CONN_OPEN;
    c->loop->net->conf.ops->ws_open(c);
}

static struct busy *busy_get(struct conn *c) {
    if (c->busy) return c->busy;
    struct busy     *b = x_calloc(1, sizeof *b);
    struct net_loop *l = c->loop;
    b->c               = c;
    b->next            = l->busy;
    if (b->next) b->next->prev = b;
    l->busy = b;
    c->busy = b;
    return b;
}

static void queue_drop(struct busy *b) {
    for (unsigned i = 0; i < b->q_n; i++) frame_unref(b->q[i].f);
    x_free(b->q);
    b->q   = NULL;
    b->q_n = b->q_cap = 0;
    b->q_bytes        = 0;
}

static void rx_drop(struct busy *b) {
    buf_fini(&b->rx);
    b->rx_open = false;
}

static void busy_free(struct net_loop *l, struct busy *b) {
    queue_drop(b);
    rx_drop(b);
    if (b->prev)
        b->prev->next = b->next;
    else
        l->busy = b->next;
    if (b->next) b->next->prev = b->prev;
    x_free(b);
}

/* Gives the memory back as soon as nothing is left to do. */
static void busy_put(struct conn *c) {
    struct busy *b = c->busy;
    if (b == NULL || b->q_n || b->rx_open || b->dirty || b->close_code) return;
    c->busy = NULL;
    busy_free(c->loop, b);
}

static void make_dirty(struct busy *b) {
    if (b->dirty) return;
    b->dirty          = true;
    b->dirty_next     = b->c->loop->dirty;
    b->c->loop->dirty = b;
}

void conn_gone(struct conn *c) {
    CHECK_OBJ_NOTNULL(c, CONN_MAGIC);
    struct net_loop *l        = c->loop;
    bool             was_open = c->state == CONN_OPEN || c->state == CONN_CLOSING;
    c->state                  = CONN_GONE;
    if (was_open) l->net->conf.ops->ws_closed(c);
    struct busy *b = c->busy;
    if (b && b->dirty) { /* the end of the turn frees it */
        queue_drop(b);
        rx_drop(b);
        b->c = NULL;
    } else if (b) {
        busy_free(l, b);
    }
    c->busy = NULL;
    loop_slot_give(l, c->slot);
    if (c->addr_counted) addr_count_give(l->net->per_addr, &c->addr);
    atomic_fetch_sub(&l->net->conns, 1);
    atomic_fetch_sub(&l->net->sockets, 1);
    l->conns_n--;
    FREE_OBJ(c);
    loop_check_stop(l);
}

struct conn *loop_find_conn(struct net_loop *l, uint64_t id) {
    struct conn *c = loop_slot_find(l, id);
    return c && c->magic == CONN_MAGIC && c->state == CONN_OPEN ? c : NULL;
}

/* ---- sending ---- */
static void write_frame(struct conn *c, char *frame, size_t n) {
    if (ws_write(c, frame, n)) return;
    c->state = CONN_CLOSING; /* the socket is dead; the end of the turn says so to the library */
    make_dirty(busy_get(c));
}

static void queue_remove(struct busy *b, unsigned i) {
    b->q_bytes -= b->q[i].f->n;
    frame_unref(b->q[i].f);
    b->q_n--;
    memmove(&b->q[i], &b->q[i + 1], (b->q_n - i) * sizeof b->q[0]);
}

static enum err enqueue(struct conn *c, struct frame *f, uint64_t key) {
    struct busy *b = busy_get(c);
    for (unsigned i = 0; key && i < b->q_n; i++)
        if (b->q[i].key == key) {
            queue_remove(b, i);
            metric_add(M_C_replaced, 1);
            break; /* there is never a second one */
        }
    if (b->q_n == QUEUE_FRAMES || (b->q_n && b->q_bytes + f->n > QUEUE_BYTES)) return ERR_LIMIT;
    if (b->q_n == b->q_cap) {
        b->q_cap = b->q_cap ? b->q_cap * 2 : 8;
        b->q     = x_realloc(b->q, b->q_cap * sizeof b->q[0]);
    }
    b->q[b->q_n++] = (struct queued){frame_ref(f), key};
    b->q_bytes += f->n;
    make_dirty(b);
    return ERR_OK;
}

enum err conn_send(struct conn *c, struct frame *f, uint64_t key) {
    CHECK_OBJ_NOTNULL(c, CONN_MAGIC);
    if (c->state != CONN_OPEN) return ERR_OK;
    bool queued = c->busy && c->busy->q_n;
    if (queued || c->turn == c->loop->turn || ws_blocked(c)) return enqueue(c, f, key);
    c->turn = c->loop->turn;
    write_frame(c, f->b, f->head_n + f->n);
    return ERR_OK;
}

void conn_touch(const struct conn *c) {
    volatile bool seen = c->state == CONN_OPEN && ws_blocked(c);
    (void)seen;
}

/* The first k queued frames as one text frame in the loop's scratch buffer. */
static void write_merged(struct conn *c, unsigned k, size_t payload_n) {
    struct busy  *b = c->busy;
    unsigned char head[FRAME_HEAD_MAX];
    unsigned      head_n = frame_head(head, payload_n);
    char         *p = (char *)c->loop->scratch, *w = p + head_n;
    memcpy(p, head, head_n);
    for (unsigned i = 0; i < k; i++) {
        size_t      n;
        const char *payload = frame_payload(b->q[i].f, &n);
        if (i) *w++ = '\n';
        memcpy(w, payload, n);
        w += n;
    }
    write_frame(c, p, (size_t)(w - p));
}

static void ask_writeable(struct conn *c) {
    if (c->busy->asked) return;
    c->busy->asked = true;
    ws_want_write(c);
}

void conn_flush(struct conn *c) {
    struct busy *b = c->busy;
    while (b && b->q_n && c->state == CONN_OPEN && !ws_blocked(c)) {
        unsigned k       = 1;
        size_t   payload = b->q[0].f->n;
        while (k < b->q_n && payload + 1 + b->q[k].f->n <= MERGE_BYTES) payload += 1 + b->q[k++].f->n;
        if (k == 1)
            write_frame(c, b->q[0].f->b, b->q[0].f->head_n + b->q[0].f->n);
        else
            write_merged(c, k, payload);
        for (unsigned i = 0; i < k; i++) {
            b->q_bytes -= b->q[i].f->n;
            frame_unref(b->q[i].f);
        }
        b->q_n -= k;
        memmove(b->q, b->q + k, b->q_n * sizeof b->q[0]);
    }
    if (b && b->q_n && c->state == CONN_OPEN) ask_writeable(c);
    if (b && b->q_n == 0) queue_drop(b);
    busy_put(c);
}

void conn_writeable(struct conn *c) {
    if (c->busy == NULL) return;
    c->busy->asked = false;
    if (c->busy->close_code)
        make_dirty(c->busy);
    else
        conn_flush(c);
}

/* ---- closing ---- */
void conn_close(struct conn *c, unsigned code, const char *reason) {
    CHECK_OBJ_NOTNULL(c, CONN_MAGIC);
    if (c->state != CONN_OPEN) return;
    conn_flush(c); /* what was said before goes first, if it can */
    struct busy *b    = busy_get(c);
    b->close_code     = (uint16_t)code;
    b->close_until_ms = clock_mono_ms() + CLOSE_WAIT_MS;
    (void)snprintf(b->reason, sizeof b->reason, "%s", reason);
    rx_drop(b);
    queue_drop(b);
    make_dirty(b);
    c->state = CONN_CLOSING;
}

unsigned conn_peer_closes(struct conn *c, char reason[CLOSE_REASON_MAX]) {
    struct busy *b    = c->busy;
    unsigned     code = b ? b->close_code : 0;
    c->state          = CONN_CLOSING;
    c->answers_close  = true;
    if (b == NULL) return 0;
    memcpy(reason, b->reason, CLOSE_REASON_MAX);
    b->close_code = 0;
    queue_drop(b);
    rx_drop(b);
    busy_put(c);
    return code;
}

static void end_turn_of(struct conn *c) {
    struct busy *b = c->busy;
    if (b->close_code && ws_blocked(c) && clock_mono_ms() < b->close_until_ms) {
        ask_writeable(c);
    } else if (b->close_code) {
        unsigned code = b->close_code;
        char     reason[sizeof b->reason];
        memcpy(reason, b->reason, sizeof reason);
        b->close_code = 0;
        busy_put(c);
        ws_close(c, code, reason); /* c may be gone now */
    } else if (c->state == CONN_CLOSING) {
        bool dead = !c->answers_close;
        queue_drop(b);
        busy_put(c);
        if (dead) ws_kill(c);
    } else {
        conn_flush(c);
    }
}

void conns_end_turn(struct net_loop *l) {
    l->turn++;
    while (l->dirty) {
        struct busy *b = l->dirty;
        l->dirty       = b->dirty_next;
        b->dirty       = false;
        if (b->c == NULL)
            busy_free(l, b);
        else
            end_turn_of(b->c);
    }
}

/* ---- messages ---- */
bool close_code_valid(unsigned code) {
    if (code >= 3000 && code <= 4999) return true;
    return (code >= 1000 && code <= 1003) || (code >= 1007 && code <= 1014);
}

static void message(struct conn *c, const char *p, size_t n) {
    if (!utf8_valid(p, n))
        conn_close(c, 1007, "invalid UTF-8");
    else
        c->loop->net->conf.ops->ws_message(c, p, n);
}

void conn_receive(struct conn *c, const char *p, size_t n, size_t rest, bool end) {
    if (c->state != CONN_OPEN) return;
    size_t max = c->loop->net->conf.message_max_bytes, have = c->busy && c->busy->rx_open ? c->busy->rx.len : 0;
    if (rest > max || have + n + rest > max) {
        conn_close(c, 1009, "message too big");
        return;
    }
    if (end && !(c->busy && c->busy->rx_open)) { /* whole in one piece, at most rx_buffer_size: no allocation, but a NUL */
        char *w = (char *)c->loop->scratch;
        MUST(n < SCRATCH_BYTES);
        memcpy(w, p, n);
        w[n] = '\0';
        message(c, w, n);
        return;
    }
    struct busy *b = busy_get(c);
    if (!b->rx_open) {
        b->rx_open     = true;
        b->rx_until_ms = clock_mono_ms() + MESSAGE_MS;
        buf_init(&b->rx, max);
    }
    buf_put(&b->rx, p, n);
    MUST(!b->rx.failed);
    if (!end) return;
    struct buf whole = b->rx; /* ours now: the callback may close */
    memset(&b->rx, 0, sizeof b->rx);
    b->rx_open = false;
    busy_put(c);
    message(c, buf_str(&whole), whole.len);
    buf_fini(&whole);
}

void conns_tick(struct net_loop *l, int64_t now) {
    for (struct busy *b = l->busy, *next; b; b = next) {
        next = b->next;
        if (b->c && b->rx_open && now >= b->rx_until_ms) conn_close(b->c, 1008, "message incomplete");
        if (b->c && b->close_code && now >= b->close_until_ms) make_dirty(b);
    }
}
