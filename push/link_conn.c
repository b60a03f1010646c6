/* SPDX-License-Identifier: Apache-2.0
 *
 * The connection of a carrier link: WAIT -> CONNECT -> LOGIN -> UP -> (DRAIN -> TERM ->) CLOSED, back to WAIT whenever it
 * breaks. Loop thread only.
 *
 * Our connection ends in one place: link_down, called by the timer and nothing else. Whoever finds a reason sets `doom` and
 * wakes the timer, so no callback of the owner runs inside submit and no state changes under a running loop.
 */
#include <string.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "push/link_int.h"

#define TERM_MS 1000
#define KEEPALIVE_S 60

struct write {
    uv_write_t req;
    char      *p;
};

static void on_timer(uv_timer_t *timer);

void link_timer_start(struct link *l, uint64_t first_ms, uint64_t repeat_ms) {
    MUST(uv_timer_start(&l->timer, on_timer, first_ms, repeat_ms) == 0);
}

void link_doom(struct link *l, const char *why) {
    if (l->doom) return;
    l->doom = why;
    link_timer_start(l, 0, 0);
}

void link_set_state(struct link *l, enum link_state s) {
    l->state    = s;
    l->state_ms = clock_mono_ms();
}

bool link_is_up(const struct link *l) { return l->state == LINK_ST_UP && l->doom == NULL; }

/* ---- bytes out ---- */

static void conn_fail(struct link_conn *c, const char *why) {
    if (c->link == NULL) return;
    if (c->is_peer)
        link_peer_close(c, why);
    else
        link_doom(c->link, why);
}

static void on_written(uv_write_t *req, int status) {
    struct write *w = (struct write *)req;
    if (status < 0) conn_fail(req->handle->data, "write");
    x_free(w->p);
    x_free(w);
}

static bool is_usable(const struct link_conn *c) { return c->link != NULL && (c->is_peer || c->link->doom == NULL); }

void link_flush(struct link_conn *c) {
    if (!is_usable(c) || c->out.len == 0) return;
    uv_stream_t *s = (uv_stream_t *)&c->tcp;
    uv_buf_t     b = uv_buf_init(c->out.p, (unsigned)c->out.len);
    int          n = uv_try_write(s, &b, 1);
    if (n < 0 && n != UV_EAGAIN) {
        conn_fail(c, "write");
        return;
    }
    buf_drop_front(&c->out, n > 0 ? (size_t)n : 0);
    if (c->out.len == 0) return;
    if (uv_stream_get_write_queue_size(s) + c->out.len > LINK_OUT_MAX) {
        conn_fail(c, "peer_does_not_read");
        return;
    }
    struct write *w = x_calloc(1, sizeof *w);
    size_t        len;
    w->p = buf_take(&c->out, &len);
    b    = uv_buf_init(w->p, (unsigned)len);
    if (uv_write(&w->req, s, &b, 1, on_written) != 0) {
        x_free(w->p);
        x_free(w);
        conn_fail(c, "write");
    }
}

void link_write(struct link_conn *c, const struct wire_pdu *pdu) {
    if (!is_usable(c)) return;
    buf_put(&c->out, pdu->b, pdu->len);
    if (c->out.failed)
        conn_fail(c, "peer_does_not_read");
    else if (!c->link->is_corked)
        link_flush(c);
}

void link_after_turn(struct link *l) {
    struct link_conn *c, *next;
    if (l->conn && l->doom == NULL && l->track.held_n > 0) link_deliver_retry(l);
    link_room(l);
    if (l->state == LINK_ST_DRAIN && l->doom == NULL &&
        (l->track.used == 0 || clock_mono_ms() - l->state_ms >= l->conf.close_ms)) {
        struct wire_pdu pdu = {0};
        link_set_state(l, LINK_ST_TERM);
        l->proto->terminate(&l->conn->session, link_next_seq(l), &pdu);
        link_write(l->conn, &pdu);
    }
    l->is_corked = false;
    if (l->conn) link_flush(l->conn);
    for (c = LIST_FIRST(&l->peers); c; c = next) {
        next = LIST_NEXT(c, peers);
        link_flush(c);
    }
}

/* ---- bytes in ---- */

static void login_answer(struct link *l, const struct link_event *ev) {
    const struct link_proto *pr = l->proto;
    if (ev->code != 0 && ev->code == pr->split_code && !l->is_split) {
        LOG(LOG_INFO, "link_split", KS("proto", pr->name));
        l->is_split = true;
        l->attempts = 0;
        link_doom(l, "split");
        return;
    }
    if (ev->code != 0) {
        l->needs_person = link_classify(NULL, 0, pr->login_codes, pr->login_codes_n, ev->code, SMS_CONFIG) == SMS_CONFIG;
        l->stats.login_refused++;
        LOG(LOG_ERROR, "link_login_refused", KS("proto", pr->name), KI("status", ev->code));
        link_doom(l, "login_refused");
        if (l->needs_person && l->ops.on_refused) l->ops.on_refused(l->arg, ev->code);
        return;
    }
    l->conn->is_logged_in = true;
    link_set_state(l, LINK_ST_UP);
    l->up_ms = l->state_ms;
    link_timer_start(l, l->tick_ms, l->tick_ms);
    LOG(LOG_INFO, "link_up", KS("proto", pr->name), KI("version", l->conn->session.version));
    if (l->is_split) link_peer_open(l);
    if (l->ops.on_up) l->ops.on_up(l->arg);
}

static void submit_answer(struct link *l, const struct link_event *ev) {
    struct link_track_part *part = link_track_by_seq(&l->track, ev->origin.seq);
    if (part == NULL) {
        l->stats.late++;
        return;
    }
    const enum sms_verdict v =
        link_classify(l->conf.codes, l->conf.codes_n, l->proto->codes, l->proto->codes_n, ev->code, SMS_REJECTED);
    l->stats.responded++;
    l->stats.throttled += v == SMS_THROTTLED;
    l->stats.refused += v != SMS_THROTTLED && v != SMS_SENT;
    link_count_rate(l, 0, 1, v == SMS_THROTTLED);
    link_part_answered(l, part, v, ev->code, ev->ref[0] ? ev->ref : NULL);
    if (ev->rebind) link_doom(l, "not_logged_in");
}

static void receive(struct link_conn *c, const struct link_event *ev) {
    struct link    *l   = c->link;
    struct wire_pdu pdu = {0};
    if (l->state == LINK_ST_LOGIN) {
        if (ev->kind == LINK_EV_LOGIN_ANSWER || ev->kind == LINK_EV_NACK)
            login_answer(l, ev);
        else
            link_doom(l, ev->kind == LINK_EV_BAD ? ev->why : "not_logged_in");
        return;
    }
    switch (ev->kind) {
    case LINK_EV_SUBMIT_ANSWER:
    case LINK_EV_NACK: submit_answer(l, ev); break;
    case LINK_EV_REPORT:
    case LINK_EV_MO:
    case LINK_EV_BAD_DELIVERY: link_deliver_receive(c, ev); break;
    case LINK_EV_TEST:
        l->proto->test_answer(&c->session, &ev->origin, &pdu);
        link_write(c, &pdu);
        break;
    case LINK_EV_TEST_ANSWER:
    case LINK_EV_NOTHING: break;
    case LINK_EV_TERMINATE:
        l->proto->terminate_answer(&c->session, &ev->origin, &pdu);
        link_write(c, &pdu);
        link_flush(c);
        link_doom(l, "terminated_by_peer");
        break;
    case LINK_EV_TERMINATE_ANSWER:
        if (l->state == LINK_ST_TERM) link_doom(l, "closed");
        break;
    case LINK_EV_BAD:
        l->stats.bad_pdus++;
        link_doom(l, ev->why);
        break;
    case LINK_EV_LOGIN_ANSWER:
    case LINK_EV_LOGIN:
    case LINK_EV_UNKNOWN:
    default:
        l->stats.bad_pdus++;
        LOG(LOG_WARN, "link_unknown_command", KS("proto", l->proto->name), KI("command", ev->code));
        if (l->proto->unknown_answer == NULL) break;
        l->proto->unknown_answer(&c->session, &ev->origin, &pdu);
        link_write(c, &pdu);
        break;
    }
}

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *b) {
    struct link_conn *c = handle->data;
    (void)suggested; /* what is left after whole frames is less than one, so there is always room */
    *b = uv_buf_init((char *)c->in + c->in_n, (unsigned)(LINK_IN_BYTES - c->in_n));
}

static void on_read(uv_stream_t *s, ssize_t n, const uv_buf_t *b) {
    struct link_conn *c   = s->data;
    struct link      *l   = c->link;
    enum wire_frame   f   = WIRE_MORE;
    size_t            off = 0, len;
    (void)b;
    if (l == NULL || n == 0) return;
    if (n < 0) {
        (void)uv_read_stop(s);
        conn_fail(c, n == UV_EOF ? "closed_by_peer" : "read");
        return;
    }
    c->in_n += (size_t)n;
    l->is_corked = true;
    while (is_usable(c) &&
           (f = wire_frame_next(c->in + off, c->in_n - off, l->proto->head_bytes, l->proto->pdu_max, &len)) == WIRE_OK) {
        struct link_event ev = {0};
        c->received_ms       = clock_mono_ms();
        c->tests_n           = 0;
        l->proto->decode(&c->session, c->in + off, len, &ev);
        if (c->is_peer)
            link_peer_receive(c, &ev);
        else
            receive(c, &ev);
        off += len;
    }
    if (f == WIRE_BAD) {
        l->stats.bad_pdus++;
        conn_fail(c, "bad_frame");
    }
    c->in_n -= off;
    memmove(c->in, c->in + off, c->in_n);
    if (!is_usable(c)) (void)uv_read_stop(s);
    link_after_turn(l);
}

/* ---- connection ---- */

static void on_conn_closed(uv_handle_t *handle) {
    struct link_conn *c = handle->data;
    buf_fini(&c->out);
    x_free(c);
}

struct link_conn *link_conn_new(struct link *l) {
    struct link_conn *c = x_calloc(1, sizeof *c);
    c->link             = l;
    c->tcp.data         = c;
    if (++l->next_conn_id == 0) l->next_conn_id = 1;
    c->id          = l->next_conn_id;
    c->received_ms = clock_mono_ms();
    c->session     = (struct link_session){.conf = &l->conf, .want_report = l->want_report, .version = l->conf.version};
    buf_init(&c->out, LINK_OUT_MAX);
    MUST(uv_tcp_init(l->loop, &c->tcp) == 0);
    return c;
}

void link_conn_give_up(struct link_conn *c) {
    c->link = NULL;
    uv_close((uv_handle_t *)&c->tcp, on_conn_closed);
}

bool link_conn_read(struct link_conn *c) { return uv_read_start((uv_stream_t *)&c->tcp, on_alloc, on_read) == 0; }

struct link_conn *link_conn_by_id(struct link *l, uint32_t id) {
    struct link_conn *c;
    if (l->conn && l->conn->id == id) return l->conn;
    LIST_FOREACH(c, &l->peers, peers) {
        if (c->id == id) return c;
    }
    return NULL;
}

static void on_connect(uv_connect_t *req, int status) {
    struct link_conn *c   = req->handle->data;
    struct link      *l   = c->link;
    struct wire_pdu   pdu = {0};
    if (l == NULL) return;
    if (status < 0 || !link_conn_read(c)) {
        conn_fail(c, "connect");
        return;
    }
    c->session.seq = link_next_seq(l);
    if (l->proto->login(&c->session, c->session.seq, &pdu) != ERR_OK) {
        conn_fail(c, "digest"); /* widths were checked before: a library without MD5 */
        return;
    }
    if (!c->is_peer) link_set_state(l, LINK_ST_LOGIN);
    c->received_ms = clock_mono_ms();
    l->stats.connects++;
    link_write(c, &pdu);
}

void link_conn_connect(struct link_conn *c) {
    if (uv_tcp_connect(&c->req, &c->tcp, (const struct sockaddr *)&c->link->addr, on_connect) != 0) {
        conn_fail(c, "connect");
        return;
    }
    (void)uv_tcp_nodelay(&c->tcp, 1);
    (void)uv_tcp_keepalive(&c->tcp, 1, KEEPALIVE_S);
}

static void connect_start(struct link *l) {
    l->conn               = link_conn_new(l);
    l->conn->session.mode = l->is_split ? LINK_SEND : LINK_BOTH;
    link_set_state(l, LINK_ST_CONNECT);
    link_timer_start(l, l->tick_ms, l->tick_ms);
    link_conn_connect(l->conn);
}

static uint64_t backoff_ms(struct link *l) {
    uint64_t ms = l->conf.backoff_min_ms;
    for (uint32_t i = 0; i < l->attempts && ms < l->conf.backoff_max_ms; i++) ms *= 2;
    if (ms > l->conf.backoff_max_ms || l->needs_person) ms = l->conf.backoff_max_ms; /* wrong secrets get accounts locked */
    l->attempts++;
    return ms / 2 + link_random32() % (ms / 2 + 1);
}

static void link_down(struct link *l) {
    const char *why       = l->doom;
    const bool  was_up    = l->state == LINK_ST_UP || l->state == LINK_ST_DRAIN || l->state == LINK_ST_TERM;
    const bool  by_custom = was_up && l->proto->is_closed_idle && l->track.used == 0 &&
                           (strcmp(why, "closed_by_peer") == 0 || strcmp(why, "terminated_by_peer") == 0);
    struct link_track_part *p;

    link_peer_close_ours(l, why);
    if (l->conn) {
        uint32_t id = l->conn->id;
        link_conn_give_up(l->conn);
        l->conn = NULL;
        link_deliver_down(l, id);
    }
    l->wanted = 0;
    if (by_custom || (was_up && clock_mono_ms() - l->up_ms >= l->conf.backoff_max_ms))
        l->attempts = 0; /* it was a working link */
    link_set_state(l, LINK_ST_WAIT);
    while ((p = TAILQ_FIRST(&l->track.flight)) != NULL) {
        l->stats.cut_off++;
        link_part_answered(l, p, SMS_UNKNOWN, 0, NULL);
    }
    link_deliver_orphan_held(l);
    LOG(l->is_closing || by_custom ? LOG_INFO : LOG_WARN, was_up ? "link_down" : "link_absent", KS("proto", l->proto->name),
        KS("why", why));
    if (was_up && l->ops.on_down) l->ops.on_down(l->arg, why);

    l->doom = NULL;
    if (l->is_closing) { /* perhaps only since the callbacks above */
        l->state = LINK_ST_CLOSED;
        link_peer_fini(l);
        return;
    }
    link_timer_start(l, backoff_ms(l), 0);
    l->needs_person = false;
}

void link_conn_test(struct link_conn *c, int64_t now_ms) {
    struct link    *l   = c->link;
    struct wire_pdu pdu = {0};
    if (!l->proto->has_test || now_ms - c->received_ms < l->conf.idle_ms) return;
    if (c->tests_n > 0 && now_ms - c->test_ms < l->conf.active_ms) return;
    if (c->tests_n == l->conf.active_tries) {
        conn_fail(c, "silent");
        return;
    }
    c->tests_n++;
    c->test_ms = now_ms;
    l->proto->test(&c->session, link_next_seq(l), &pdu);
    link_write(c, &pdu);
}

static void time_out(struct link *l, int64_t now) {
    struct link_track_part *p;
    while ((p = TAILQ_FIRST(&l->track.flight)) != NULL && now - p->sent_ms >= l->conf.request_ms) {
        /* Without a test to ask with, an answer that does not come while nothing else comes is all there is to see. */
        if (!l->proto->has_test && l->conn->received_ms <= p->sent_ms) link_doom(l, "silent");
        l->stats.timed_out++;
        link_part_answered(l, p, SMS_UNKNOWN, 0, NULL);
    }
}

static void on_timer(uv_timer_t *timer) {
    struct link  *l   = timer->data;
    const int64_t now = clock_mono_ms();
    CHECK_OBJ_NOTNULL(l, LINK_MAGIC);

    if (l->doom) {
        link_down(l);
        return;
    }
    link_peer_age(l, now);
    switch (l->state) {
    case LINK_ST_WAIT: connect_start(l); return;
    case LINK_ST_CONNECT:
    case LINK_ST_LOGIN:
        if (now - l->state_ms >= l->conf.request_ms) link_doom(l, "login_timeout");
        return;
    case LINK_ST_TERM:
        if (now - l->state_ms >= TERM_MS) link_doom(l, "closed");
        return;
    case LINK_ST_UP:
    case LINK_ST_DRAIN: break;
    case LINK_ST_CLOSED:
    default: UNREACHABLE("timer of a closed link");
    }
    l->is_corked = true;
    time_out(l, now);
    link_deliver_age(l, now);
    link_track_age(&l->track, now - l->conf.awaiting_ms, now - LINK_QUIET_MS);
    if (l->doom == NULL) link_conn_test(l->conn, now);
    link_after_turn(l);
}
