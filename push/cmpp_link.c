/* SPDX-License-Identifier: Apache-2.0
 *
 * The connection of a CMPP link: WAIT -> CONNECT -> LOGIN -> UP -> (DRAIN -> TERM ->) CLOSED, back to WAIT whenever it
 * breaks. Loop thread only.
 *
 * A connection ends in one place: link_down, called by the timer and nothing else. Whoever finds a reason sets `doom` and
 * wakes the timer, so no callback of the owner runs inside submit and no state changes under a running loop.
 */
#include "push/cmpp_link.h"

#include <string.h>
#include <sys/random.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "push/cmpp_int.h"

#define TERM_MS       1000
#define QUIET_MS      300000 /* repeated reports are recognised for so long */
#define RESULT_THROTTLED 8

struct write {
    uv_write_t req;
    char      *p;
};

static void on_timer(uv_timer_t *timer);

static uint32_t random32(void) {
    uint32_t r = 0;
    MUST(getrandom(&r, sizeof r, 0) == sizeof r);
    return r;
}

static void timer_start(struct cmpp_link *l, uint64_t first_ms, uint64_t repeat_ms) {
    MUST(uv_timer_start(&l->timer, on_timer, first_ms, repeat_ms) == 0);
}

void cmpp_link_doom(struct cmpp_link *l, const char *why) {
    if (l->doom) return;
    l->doom = why;
    timer_start(l, 0, 0);
}

static void set_state(struct cmpp_link *l, enum cmpp_state s) {
    l->state    = s;
    l->state_ms = clock_mono_ms();
}

static bool is_up(const struct cmpp_link *l) { return l->state == CMPP_ST_UP && l->doom == NULL; }

static void count_rate(struct cmpp_link *l, uint32_t submitted, uint32_t responded, uint32_t throttled) {
    int64_t slot = clock_mono_ms() / 100;
    size_t  i    = (size_t)(slot % CMPP_RATE_SLOTS);
    if (l->rate[i].slot != slot) {
        memset(&l->rate[i], 0, sizeof l->rate[i]);
        l->rate[i].slot = slot;
    }
    l->rate[i].submitted += submitted;
    l->rate[i].responded += responded;
    l->rate[i].throttled += throttled;
}

/* ---- bytes out ---- */

static void on_written(uv_write_t *req, int status) {
    struct write     *w    = (struct write *)req;
    struct cmpp_conn *conn = req->handle->data;
    if (status < 0 && conn->link) cmpp_link_doom(conn->link, "write");
    x_free(w->p);
    x_free(w);
}

static void flush(struct cmpp_link *l) {
    if (l->conn == NULL || l->doom || l->out.len == 0) return;
    uv_stream_t *s = (uv_stream_t *)&l->conn->tcp;
    uv_buf_t     b = uv_buf_init(l->out.p, (unsigned)l->out.len);
    int          n = uv_try_write(s, &b, 1);
    if (n < 0 && n != UV_EAGAIN) {
        cmpp_link_doom(l, "write");
        return;
    }
    buf_drop_front(&l->out, n > 0 ? (size_t)n : 0);
    if (l->out.len == 0) return;
    if (uv_stream_get_write_queue_size(s) + l->out.len > CMPP_OUT_MAX) {
        cmpp_link_doom(l, "peer_does_not_read");
        return;
    }
    struct write *w = x_calloc(1, sizeof *w);
    size_t        len;
    w->p = buf_take(&l->out, &len);
    b    = uv_buf_init(w->p, (unsigned)len);
    if (uv_write(&w->req, s, &b, 1, on_written) != 0) {
        x_free(w->p);
        x_free(w);
        cmpp_link_doom(l, "write");
    }
}

void cmpp_link_write(struct cmpp_link *l, const void *p, size_t n) {
    if (l->conn == NULL || l->doom) return;
    buf_put(&l->out, p, n);
    if (l->out.failed) cmpp_link_doom(l, "peer_does_not_read");
    else if (!l->is_corked) flush(l);
}

static void write_plain(struct cmpp_link *l, uint32_t cmd, uint32_t seq) {
    struct cmpp_pdu pdu;
    cmpp_encode_plain(&pdu, cmd, seq);
    cmpp_link_write(l, pdu.b, pdu.len);
}

/* ---- messages ---- */

static void part_answered(struct cmpp_link *l, struct cmpp_part *p, enum cmpp_answer a, uint32_t code, uint64_t msg_id) {
    struct cmpp_msg  *m = p->msg;
    struct sms_result r;
    if (!cmpp_track_answer(&l->track, p, a, code, msg_id)) return;
    const uint64_t cookie = m->cookie;
    cmpp_track_result(m, &r);
    cmpp_track_settle(&l->track, m, &r, l->want_report, clock_mono_ms());
    l->ops.on_result(l->arg, cookie, &r);
}

static void room(struct cmpp_link *l) {
    if (l->wanted == 0 || !is_up(l) || l->track.used + l->wanted > l->track.window) return;
    l->wanted = 0;
    if (l->ops.on_room) l->ops.on_room(l->arg);
}

static bool is_phone(const char *s) {
    if (*s == '+') s++;
    size_t n = strspn(s, "0123456789");
    return n >= 5 && n <= 20 && s[n] == '\0';
}

enum err cmpp_link_submit(struct cmpp_link *l, uint64_t cookie, const char *phone, const char *text) {
    struct sms_part part[SMS_PARTS_MAX];
    struct cmpp_pdu pdu;
    size_t          n;
    uint32_t        hash = 5381;

    CHECK_OBJ_NOTNULL(l, CMPP_LINK_MAGIC);
    if (!is_phone(phone)) return ERR_INPUT;
    n = sms_parts(text);
    if (n == 0 || n > l->conf.parts_max) return ERR_INPUT;
    if (!is_up(l)) return ERR_BUSY;
    if (l->track.used + n > l->track.window) {
        l->wanted = (uint32_t)n;
        return ERR_BUSY;
    }
    for (const char *c = phone; *c; c++) hash = hash * 33 + (unsigned char)*c;
    uint8_t *ref = &l->ref[hash >> 8 & 0xFF];
    if (sms_split(text, *ref, part, l->conf.parts_max, &n) != ERR_OK) return ERR_INPUT;
    if (n > 1) (*ref)++;

    (void)cmpp_track_add(&l->track, cookie, (uint32_t)n, l->seq + 1, clock_mono_ms());
    const bool was_corked = l->is_corked;
    l->is_corked          = true;
    for (size_t i = 0; i < n; i++) {
        const struct cmpp_submit s = {.sp_code       = l->sp_code,
                                      .service_id    = l->service_id,
                                      .src_id        = l->src_id,
                                      .phone         = phone,
                                      .content       = part[i].b,
                                      .content_n     = part[i].len,
                                      .pk_total      = (uint8_t)n,
                                      .pk_number     = (uint8_t)(i + 1),
                                      .fee_user_type = 2,
                                      .fmt           = SMS_FMT_UCS2,
                                      .udhi          = n > 1,
                                      .want_report   = l->want_report};
        MUST(cmpp_encode_submit(&pdu, ++l->seq, l->version, &s) == ERR_OK); /* every width was checked before */
        cmpp_link_write(l, pdu.b, pdu.len);
    }
    l->is_corked = was_corked;
    if (!was_corked) flush(l);
    l->stats.submitted += n;
    count_rate(l, (uint32_t)n, 0, 0);
    return ERR_OK;
}

/* ---- bytes in ---- */

static void connect_resp(struct cmpp_link *l, const struct cmpp_head *h, const uint8_t *p) {
    struct cmpp_connect_resp r;
    if (cmpp_decode_connect_resp(p, h->len, &r) != ERR_OK || h->seq != l->seq) {
        l->stats.bad_pdus++;
        cmpp_link_doom(l, "bad_connect_resp");
        return;
    }
    if (r.status != 0) {
        l->login_refused = true;
        l->stats.login_refused++;
        LOG(LOG_ERROR, "cmpp_login_refused", KI("status", r.status));
        cmpp_link_doom(l, "login_refused");
        return;
    }
    if (!cmpp_connect_resp_is_authentic(&r, l->auth, l->secret)) LOG0(LOG_WARN, "cmpp_gateway_not_authentic");
    /* A gateway that answers a 3.0 log-in in the short form, or names a lower version, speaks 2.0. Some name none. */
    l->version = l->conf.version >= CMPP_V30 && !r.short_form && (r.version == 0 || r.version >= CMPP_V30) ? CMPP_V30 : CMPP_V20;
    set_state(l, CMPP_ST_UP);
    l->up_ms = l->state_ms;
    timer_start(l, l->tick_ms, l->tick_ms);
    LOG(LOG_INFO, "cmpp_up", KI("version", l->version));
    if (l->ops.on_up) l->ops.on_up(l->arg);
}

static void submit_resp(struct cmpp_link *l, const struct cmpp_head *h, const uint8_t *p) {
    struct cmpp_submit_resp r;
    if (cmpp_decode_submit_resp(p, h->len, &r) != ERR_OK) {
        l->stats.bad_pdus++;
        cmpp_link_doom(l, "bad_submit_resp");
        return;
    }
    struct cmpp_part *part = cmpp_track_by_seq(&l->track, h->seq);
    if (part == NULL) {
        l->stats.late++;
        return;
    }
    const bool throttled = r.result == RESULT_THROTTLED;
    l->stats.responded++;
    l->stats.throttled += throttled;
    l->stats.rejected += r.result != 0 && !throttled;
    count_rate(l, 0, 1, throttled);
    part_answered(l, part, r.result == 0 ? CMPP_ANS_TAKEN : throttled ? CMPP_ANS_THROTTLED : CMPP_ANS_REJECTED, r.result, r.msg_id);
}

static void receive(struct cmpp_link *l, const struct cmpp_head *h, const uint8_t *p) {
    l->received_ms = clock_mono_ms();
    l->tests_n     = 0;
    if (l->state == CMPP_ST_LOGIN) {
        if (h->cmd == CMPP_CONNECT_RESP) connect_resp(l, h, p);
        else cmpp_link_doom(l, "not_logged_in");
        return;
    }
    switch (h->cmd) {
    case CMPP_SUBMIT_RESP: submit_resp(l, h, p); break;
    case CMPP_DELIVER: cmpp_deliver_receive(l, h, p); break;
    case CMPP_ACTIVE_TEST: write_plain(l, CMPP_ACTIVE_TEST_RESP, h->seq); break;
    case CMPP_ACTIVE_TEST_RESP: break;
    case CMPP_TERMINATE:
        write_plain(l, CMPP_TERMINATE_RESP, h->seq);
        l->is_corked = false;
        flush(l);
        cmpp_link_doom(l, "terminated_by_peer");
        break;
    case CMPP_TERMINATE_RESP:
        if (l->state == CMPP_ST_TERM) cmpp_link_doom(l, "closed");
        break;
    default:
        l->stats.bad_pdus++;
        LOG(LOG_WARN, "cmpp_unknown_command", KI("command", h->cmd));
        break;
    }
}

/* After anything that may have freed slots. */
static void after_turn(struct cmpp_link *l) {
    if (l->conn && l->doom == NULL && l->track.held_n > 0) cmpp_deliver_retry(l);
    room(l);
    if (l->state == CMPP_ST_DRAIN && (l->track.used == 0 || clock_mono_ms() - l->state_ms >= l->conf.close_ms)) {
        set_state(l, CMPP_ST_TERM);
        write_plain(l, CMPP_TERMINATE, ++l->seq);
    }
    l->is_corked = false;
    flush(l);
}

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *b) {
    struct cmpp_conn *conn = handle->data;
    (void)suggested; /* what is left after whole frames is less than one, so there is always room */
    *b = uv_buf_init((char *)conn->in + conn->in_n, (unsigned)(CMPP_IN_BYTES - conn->in_n));
}

static void on_read(uv_stream_t *s, ssize_t n, const uv_buf_t *b) {
    struct cmpp_conn *conn = s->data;
    struct cmpp_link *l    = conn->link;
    struct cmpp_head  h;
    enum cmpp_frame   f = CMPP_FRAME_MORE;
    size_t            off = 0;
    (void)b;
    if (l == NULL || n == 0) return;
    if (n < 0) {
        (void)uv_read_stop(s);
        cmpp_link_doom(l, n == UV_EOF ? "closed_by_peer" : "read");
        return;
    }
    conn->in_n += (size_t)n;
    l->is_corked = true;
    while (l->doom == NULL && (f = cmpp_frame_next(conn->in + off, conn->in_n - off, &h)) == CMPP_FRAME_OK) {
        receive(l, &h, conn->in + off);
        off += h.len;
    }
    if (f == CMPP_FRAME_BAD) {
        l->stats.bad_pdus++;
        cmpp_link_doom(l, "bad_frame");
    }
    conn->in_n -= off;
    memmove(conn->in, conn->in + off, conn->in_n);
    if (l->doom) (void)uv_read_stop(s);
    after_turn(l);
}

/* ---- connection ---- */

static void on_conn_closed(uv_handle_t *handle) {
    struct cmpp_conn *conn = handle->data;
    x_free(conn);
}

static void on_connect(uv_connect_t *req, int status) {
    struct cmpp_conn *conn = req->handle->data;
    struct cmpp_link *l    = conn->link;
    struct cmpp_pdu   pdu;
    if (l == NULL) return;
    if (status < 0 || uv_read_start(req->handle, on_alloc, on_read) != 0) {
        cmpp_link_doom(l, "connect");
        return;
    }
    const struct cmpp_login login = {.sp_code     = l->sp_code,
                                     .secret      = l->secret,
                                     .version     = l->conf.version,
                                     .timestamp   = cmpp_timestamp(clock_wall_ms()),
                                     .hash_padded = l->conf.hash_padded};
    if (cmpp_encode_connect(&pdu, ++l->seq, &login) != ERR_OK || cmpp_authenticator(&login, l->auth) != ERR_OK) {
        cmpp_link_doom(l, "digest"); /* a library without MD5 */
        return;
    }
    set_state(l, CMPP_ST_LOGIN);
    l->received_ms = l->state_ms;
    l->tests_n     = 0;
    l->stats.connects++;
    cmpp_link_write(l, pdu.b, pdu.len);
}

static void connect_start(struct cmpp_link *l) {
    struct cmpp_conn *conn = x_calloc(1, sizeof *conn);
    conn->link             = l;
    conn->tcp.data         = conn;
    l->conn                = conn;
    set_state(l, CMPP_ST_CONNECT);
    MUST(uv_tcp_init(l->loop, &conn->tcp) == 0);
    timer_start(l, l->tick_ms, l->tick_ms);
    if (uv_tcp_connect(&conn->req, &conn->tcp, (const struct sockaddr *)&l->addr, on_connect) != 0) cmpp_link_doom(l, "connect");
    else (void)uv_tcp_nodelay(&conn->tcp, 1);
}

static void on_timer_closed(uv_handle_t *handle) {
    struct cmpp_link *l = handle->data;
    if (l->ops.on_closed) l->ops.on_closed(l->arg);
    cmpp_track_fini(&l->track);
    buf_fini(&l->out);
    x_wipe(l->secret, strlen(l->secret));
    x_free(l->secret);
    FREE_OBJ(l);
}

static uint64_t backoff_ms(struct cmpp_link *l) {
    uint64_t ms = l->conf.backoff_min_ms;
    for (uint32_t i = 0; i < l->attempts && ms < l->conf.backoff_max_ms; i++) ms *= 2;
    if (ms > l->conf.backoff_max_ms || l->login_refused) ms = l->conf.backoff_max_ms; /* wrong secrets get accounts locked */
    l->attempts++;
    return ms / 2 + random32() % (ms / 2 + 1);
}

static void link_down(struct cmpp_link *l) {
    const char       *why    = l->doom;
    const bool        was_up = l->state == CMPP_ST_UP || l->state == CMPP_ST_DRAIN || l->state == CMPP_ST_TERM;
    struct cmpp_part *p;

    if (l->conn) {
        l->conn->link = NULL;
        uv_close((uv_handle_t *)&l->conn->tcp, on_conn_closed);
        l->conn = NULL;
    }
    buf_fini(&l->out);
    buf_init(&l->out, CMPP_OUT_MAX);
    l->wanted = 0;
    if (was_up && clock_mono_ms() - l->up_ms >= l->conf.backoff_max_ms) l->attempts = 0; /* it was a working link */
    set_state(l, CMPP_ST_WAIT);
    while ((p = cmpp_track_oldest(&l->track)) != NULL) {
        l->stats.cut_off++;
        part_answered(l, p, CMPP_ANS_UNKNOWN, 0, 0);
    }
    cmpp_deliver_down(l);
    LOG(l->is_closing ? LOG_INFO : LOG_WARN, was_up ? "cmpp_down" : "cmpp_no_link", KS("why", why));
    if (was_up && l->ops.on_down) l->ops.on_down(l->arg, why);

    l->doom = NULL;
    if (l->is_closing) { /* perhaps only since the callbacks above */
        l->state = CMPP_ST_CLOSED;
        uv_close((uv_handle_t *)&l->timer, on_timer_closed);
        return;
    }
    timer_start(l, backoff_ms(l), 0);
    l->login_refused = false;
}

static void active_test(struct cmpp_link *l, int64_t now) {
    if (now - l->received_ms < l->conf.idle_ms) return;
    if (l->tests_n > 0 && now - l->test_ms < l->conf.active_ms) return;
    if (l->tests_n == l->conf.active_tries) {
        cmpp_link_doom(l, "silent");
        return;
    }
    l->tests_n++;
    l->test_ms = now;
    write_plain(l, CMPP_ACTIVE_TEST, ++l->seq);
}

static void on_timer(uv_timer_t *timer) {
    struct cmpp_link *l   = timer->data;
    const int64_t     now = clock_mono_ms();
    struct cmpp_part *p;
    CHECK_OBJ_NOTNULL(l, CMPP_LINK_MAGIC);

    if (l->doom) {
        link_down(l);
        return;
    }
    switch (l->state) {
    case CMPP_ST_WAIT: connect_start(l); return;
    case CMPP_ST_CONNECT:
    case CMPP_ST_LOGIN:
        if (now - l->state_ms >= l->conf.request_ms) cmpp_link_doom(l, "login_timeout");
        return;
    case CMPP_ST_TERM:
        if (now - l->state_ms >= TERM_MS) cmpp_link_doom(l, "closed");
        return;
    case CMPP_ST_UP:
    case CMPP_ST_DRAIN: break;
    case CMPP_ST_CLOSED:
    default: UNREACHABLE("timer of a closed link");
    }
    l->is_corked = true;
    while ((p = cmpp_track_oldest(&l->track)) != NULL && now - p->sent_ms >= l->conf.request_ms) {
        l->stats.timed_out++;
        part_answered(l, p, CMPP_ANS_UNKNOWN, 0, 0);
    }
    cmpp_deliver_age(l, now);
    cmpp_track_age(&l->track, now - l->conf.awaiting_ms, now - QUIET_MS);
    active_test(l, now);
    after_turn(l);
}

/* ---- owner ---- */

#define DEFAULT(field, value)                                                                                                    \
    do {                                                                                                                         \
        if (c->field == 0) c->field = (value);                                                                                   \
    } while (0)

static void conf_fill(struct cmpp_conf *c) { /* NOLINT(readability-function-cognitive-complexity): a list, the macro counts */
    DEFAULT(version, CMPP_V30);
    DEFAULT(window, 16);
    DEFAULT(parts_max, c->window < 8 ? c->window : 8);
    DEFAULT(awaiting_max, 20000);
    DEFAULT(held_max, 256);
    DEFAULT(request_ms, 60000);
    DEFAULT(idle_ms, 30000);
    DEFAULT(active_ms, 60000);
    DEFAULT(active_tries, 3);
    DEFAULT(awaiting_ms, 48u * 3600u * 1000u);
    DEFAULT(held_ms, 180000);
    DEFAULT(backoff_min_ms, 1000);
    DEFAULT(backoff_max_ms, 60000);
    DEFAULT(close_ms, 3000);
}

static enum err conf_check(const struct cmpp_conf *c) {
    if (c->host == NULL || c->port == 0 || c->sp_code == NULL || c->secret == NULL) return ERR_INPUT;
    if (c->sp_code[0] == '\0' || strlen(c->sp_code) > 6 || strlen(c->secret) > 256) return ERR_INPUT;
    if ((c->service_id && strlen(c->service_id) > 10) || (c->src_id && strlen(c->src_id) > 21)) return ERR_INPUT;
    if (c->version != CMPP_V20 && c->version != 0x21 && c->version != CMPP_V30) return ERR_INPUT;
    if (c->window > CMPP_WINDOW_MAX || c->parts_max > c->window || c->parts_max > SMS_PARTS_MAX) return ERR_INPUT;
    if (c->backoff_min_ms > c->backoff_max_ms || c->awaiting_max > 1000000) return ERR_INPUT;
    return ERR_OK;
}

static void copy(char *dst, const char *s, size_t size) {
    size_t n = s ? strnlen(s, size - 1) : 0;
    memset(dst, 0, size);
    if (n > 0) memcpy(dst, s, n);
}

enum err cmpp_link_open(uv_loop_t *loop, const struct cmpp_conf *conf, const struct cmpp_ops *ops, void *arg,
                        struct cmpp_link **out) {
    struct cmpp_conf        c    = *conf;
    struct sockaddr_storage addr = {0};
    struct cmpp_link       *l;
    enum err                e;
    conf_fill(&c);
    e    = conf_check(&c);
    *out = NULL;
    if (e != ERR_OK || ops->on_result == NULL) return ERR_INPUT;
    if (uv_ip4_addr(c.host, c.port, (struct sockaddr_in *)&addr) != 0 &&
        uv_ip6_addr(c.host, c.port, (struct sockaddr_in6 *)&addr) != 0)
        return ERR_INPUT;

    ALLOC_OBJ(l, CMPP_LINK_MAGIC);
    l->loop   = loop;
    l->ops    = *ops;
    l->arg    = arg;
    l->addr   = addr;
    l->secret = x_strdup(c.secret);
    copy(l->sp_code, c.sp_code, sizeof l->sp_code);
    copy(l->service_id, c.service_id, sizeof l->service_id);
    copy(l->src_id, c.src_id, sizeof l->src_id);
    c.host = c.secret = NULL; /* borrowed until here */
    c.sp_code      = l->sp_code;
    c.service_id   = l->service_id;
    c.src_id       = l->src_id;
    l->conf        = c;
    l->want_report = ops->on_report || ops->on_orphan_report;
    /* A restarted sender must not repeat the numbers of the one before: gateways refuse them as duplicates. */
    l->seq   = random32() & 0x3FFFFFFFu;
    l->token = (uint64_t)random32() << 20;
    MUST(getrandom(l->ref, sizeof l->ref, 0) == sizeof l->ref);
    uint32_t shortest = c.request_ms < c.idle_ms ? c.request_ms : c.idle_ms;
    l->tick_ms        = shortest / 8 < 10 ? 10 : shortest / 8 > 1000 ? 1000 : shortest / 8;
    buf_init(&l->out, CMPP_OUT_MAX);
    cmpp_track_init(&l->track, c.window, c.awaiting_max, c.held_max);
    MUST(uv_timer_init(loop, &l->timer) == 0);
    l->timer.data = l;
    set_state(l, CMPP_ST_WAIT);
    timer_start(l, 0, 0);
    *out = l;
    return ERR_OK;
}

void cmpp_link_close(struct cmpp_link *l) {
    CHECK_OBJ_NOTNULL(l, CMPP_LINK_MAGIC);
    MUST(!l->is_closing);
    l->is_closing = true;
    if (!is_up(l)) {
        cmpp_link_doom(l, "closed");
        return;
    }
    set_state(l, CMPP_ST_DRAIN);
    if (l->tick_ms > l->conf.close_ms) l->tick_ms = l->conf.close_ms;
    timer_start(l, 0, l->tick_ms);
}

void cmpp_link_stats(const struct cmpp_link *l, struct cmpp_stats *out) {
    CHECK_OBJ_NOTNULL(l, CMPP_LINK_MAGIC);
    const int64_t slot = clock_mono_ms() / 100;
    *out               = l->stats;
    out->up            = is_up(l);
    out->window        = l->track.window;
    out->window_used   = l->track.used;
    out->awaiting      = l->track.awaiting_n;
    out->held          = l->track.held_n;
    out->forgotten     = l->track.forgotten;
    for (size_t i = 0; i < CMPP_RATE_SLOTS; i++) {
        if (l->rate[i].slot <= slot - CMPP_RATE_SLOTS) continue;
        out->submitted_1s += l->rate[i].submitted;
        out->responded_1s += l->rate[i].responded;
        out->throttled_1s += l->rate[i].throttled;
    }
}
