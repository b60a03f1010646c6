/* SPDX-License-Identifier: Apache-2.0
 *
 * The owner's side of a carrier link: its configuration, its messages, its figures. The connection is link_conn.c's.
 */
#include "push/link.h"

#include <string.h>
#include <sys/random.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "push/link_int.h"

uint32_t link_random32(void) {
    uint32_t r = 0;
    MUST(getrandom(&r, sizeof r, 0) == sizeof r);
    return r;
}

uint32_t link_next_seq(struct link *l) {
    l->seq = l->seq >= l->proto->seq_max ? 1 : l->seq + 1;
    return l->seq;
}

void link_count_rate(struct link *l, uint32_t submitted, uint32_t responded, uint32_t throttled) {
    int64_t slot = clock_mono_ms() / 100;
    size_t  i    = (size_t)(slot % LINK_RATE_SLOTS);
    if (l->rate[i].slot != slot) {
        memset(&l->rate[i], 0, sizeof l->rate[i]);
        l->rate[i].slot = slot;
    }
    l->rate[i].submitted += submitted;
    l->rate[i].responded += responded;
    l->rate[i].throttled += throttled;
}

/* ---- messages ---- */

void link_part_answered(struct link *l, struct link_track_part *p, enum sms_verdict a, uint32_t code, const char *ref) {
    struct link_msg  *m = p->msg;
    struct sms_result r;
    if (!link_track_answer(&l->track, p, a, code, ref)) return;
    const uint64_t cookie = m->cookie;
    link_track_result(m, &r);
    link_track_settle(&l->track, m, &r, l->want_report, clock_mono_ms());
    l->ops.on_result(l->arg, cookie, &r);
}

void link_room(struct link *l) {
    if (l->wanted == 0 || !link_is_up(l) || l->track.used + l->wanted > l->track.window) return;
    l->wanted = 0;
    if (l->ops.on_room) l->ops.on_room(l->arg);
}

static bool is_phone(const char *s) {
    if (*s == '+') s++;
    size_t n = strspn(s, "0123456789");
    return n >= 5 && n <= 18 && s[n] == '\0'; /* with a prefix put in front it still fits the narrowest field */
}

enum err link_submit(struct link *l, uint64_t cookie, const char *phone, const char *text) {
    struct sms_part part[SMS_PARTS_MAX];
    struct wire_pdu pdu;
    size_t          n;
    uint32_t        hash = 5381;

    CHECK_OBJ_NOTNULL(l, LINK_MAGIC);
    if (!is_phone(phone)) return ERR_INPUT;
    n = sms_parts(text);
    if (n == 0 || n > l->conf.parts_max) return ERR_INPUT;
    if (!link_is_up(l)) return ERR_BUSY;
    if (l->track.used + n > l->track.window) {
        l->wanted = (uint32_t)n;
        return ERR_BUSY;
    }
    for (const char *c = phone; *c; c++) hash = hash * 33 + (unsigned char)*c;
    uint8_t *ref = &l->ref[hash >> 8 & 0xFF];
    if (sms_split(text, *ref, part, l->conf.parts_max, &n) != ERR_OK) return ERR_INPUT;
    if (n > 1) (*ref)++;

    struct link_msg *m          = link_track_add(&l->track, cookie, link_phone_tail(phone), (uint32_t)n, clock_mono_ms());
    const bool       was_corked = l->is_corked;
    l->is_corked                = true;
    for (size_t i = 0; i < n; i++) {
        const struct link_part p = {.phone = phone, .content = &part[i], .total = (uint8_t)n, .number = (uint8_t)(i + 1)};
        pdu.len                  = 0;
        m->part[i].seq           = link_next_seq(l);
        MUST(l->proto->submit(&l->conn->session, m->part[i].seq, &p, &pdu, m->part[i].ref) ==
             ERR_OK); /* every width was checked before */
        link_write(l->conn, &pdu);
    }
    l->is_corked = was_corked;
    if (!was_corked) link_flush(l->conn);
    l->stats.submitted += n;
    link_count_rate(l, (uint32_t)n, 0, 0);
    return ERR_OK;
}

/* ---- configuration ---- */

#define DEFAULT(field, value)                                                                                                    \
    do {                                                                                                                         \
        if (c->field == 0) c->field = (value);                                                                                   \
    } while (0)

static void conf_fill(struct link_conf *c) { /* NOLINT(readability-function-cognitive-complexity): a list, the macro counts */
    DEFAULT(port, c->proto->port);
    DEFAULT(service_id, "");
    DEFAULT(src_id, "");
    DEFAULT(system_type, "");
    DEFAULT(corp_id, "");
    DEFAULT(peer_host, c->host);
    DEFAULT(peer_user, c->user);
    DEFAULT(peer_secret, c->secret);
    DEFAULT(version, c->proto->version);
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
    DEFAULT(peer_idle_ms, 300000);
}

static enum err ranges(const struct link_conf *c) {
    if (c->window > LINK_WINDOW_MAX || c->parts_max > c->window || c->parts_max > SMS_PARTS_MAX) return ERR_INPUT;
    if (c->backoff_min_ms > c->backoff_max_ms || c->awaiting_max > 1000000 || c->codes_n > LINK_CODES_MAX) return ERR_INPUT;
    if (c->listen_host && !c->proto->has_peers) return ERR_INPUT;
    return c->proto->check(c);
}

static enum err address(const char *host, uint16_t port, struct sockaddr_storage *out) {
    *out = (struct sockaddr_storage){0};
    if (uv_ip4_addr(host, port, (struct sockaddr_in *)out) == 0) return ERR_OK;
    return uv_ip6_addr(host, port, (struct sockaddr_in6 *)out) == 0 ? ERR_OK : ERR_INPUT;
}

/* Fills in the defaults. */
static enum err conf_check(struct link_conf *c, struct sockaddr_storage *addr, struct sockaddr_storage *peer_addr) {
    if (c->proto == NULL || c->host == NULL || c->user == NULL || c->secret == NULL) return ERR_INPUT;
    conf_fill(c);
    if (ranges(c) != ERR_OK || address(c->host, c->port, addr) != ERR_OK) return ERR_INPUT;
    return address(c->peer_host, 0, peer_addr);
}

enum err link_conf_check(const struct link_conf *conf) {
    struct link_conf        c = *conf;
    struct sockaddr_storage addr, peer_addr;
    return conf_check(&c, &addr, &peer_addr);
}

/* The link's own copies of what was borrowed. */
static void conf_own(struct link *l) {
    struct link_conf *c   = &l->conf;
    const char      **s[] = {&c->host,    &c->user,        &c->secret,    &c->service_id, &c->src_id,     &c->system_type,
                             &c->corp_id, &c->listen_host, &c->peer_host, &c->peer_user,  &c->peer_secret};
    _Static_assert(ARRAY_N(s) == ARRAY_N(l->own), "one place for each");
    for (size_t i = 0; i < ARRAY_N(s); i++)
        if (*s[i]) *s[i] = l->own[i] = x_strdup(*s[i]);
    if (c->codes_n > 0) memcpy(l->codes, c->codes, c->codes_n * sizeof l->codes[0]);
    c->codes = l->codes;
}

enum err link_open(uv_loop_t *loop, const struct link_conf *conf, const struct link_ops *ops, void *arg, struct link **out) {
    struct link_conf        c = *conf;
    struct sockaddr_storage addr, peer_addr;
    struct link            *l;
    *out = NULL;
    if (ops->on_result == NULL || conf_check(&c, &addr, &peer_addr) != ERR_OK) return ERR_INPUT;

    ALLOC_OBJ(l, LINK_MAGIC);
    l->loop      = loop;
    l->proto     = c.proto;
    l->ops       = *ops;
    l->arg       = arg;
    l->addr      = addr;
    l->peer_addr = peer_addr;
    l->conf      = c;
    l->id_form   = c.id_form;
    conf_own(l);
    l->want_report = ops->on_report || ops->on_orphan_report;
    /* A restarted sender must not repeat the numbers of the one before: gateways refuse them as duplicates. */
    l->seq = link_random32() & 0x3FFFFFFFu;
    MUST(getrandom(l->ref, sizeof l->ref, 0) == sizeof l->ref);
    uint32_t shortest = c.request_ms < c.idle_ms ? c.request_ms : c.idle_ms;
    l->tick_ms        = shortest / 8 < 10 ? 10 : shortest / 8 > 1000 ? 1000 : shortest / 8;
    LIST_INIT(&l->peers);
    link_deliver_init(l);
    link_track_init(&l->track, c.window, c.awaiting_max, c.held_max);
    MUST(uv_timer_init(loop, &l->timer) == 0);
    l->timer.data = l;
    link_set_state(l, LINK_ST_WAIT);
    if (c.listen_host && link_peer_listen(l) != ERR_OK) {
        l->state = LINK_ST_CLOSED;
        l->ops   = (struct link_ops){0}; /* nobody is told of the end of what was never begun */
        link_peer_fini(l);
        return ERR_BUSY;
    }
    link_timer_start(l, 0, 0);
    *out = l;
    return ERR_OK;
}

void link_close(struct link *l) {
    CHECK_OBJ_NOTNULL(l, LINK_MAGIC);
    MUST(!l->is_closing);
    l->is_closing = true;
    if (!link_is_up(l)) {
        link_doom(l, "closed");
        return;
    }
    link_set_state(l, LINK_ST_DRAIN);
    if (l->tick_ms > l->conf.close_ms) l->tick_ms = l->conf.close_ms;
    link_timer_start(l, 0, l->tick_ms);
}

void link_freed(struct link *l) {
    if (l->ops.on_closed) l->ops.on_closed(l->arg);
    link_track_fini(&l->track);
    for (size_t i = 0; i < ARRAY_N(l->own); i++) {
        if (l->own[i]) x_wipe(l->own[i], strlen(l->own[i]));
        x_free(l->own[i]);
    }
    FREE_OBJ(l);
}

void link_stats(const struct link *l, struct link_stats *out) {
    CHECK_OBJ_NOTNULL(l, LINK_MAGIC);
    const int64_t     slot = clock_mono_ms() / 100;
    struct link_conn *c;
    *out             = l->stats;
    out->up          = link_is_up(l);
    out->window      = l->track.window;
    out->window_used = l->track.used;
    out->awaiting    = l->track.awaiting_n;
    out->held        = l->track.held_n;
    out->forgotten   = l->track.forgotten;
    LIST_FOREACH(c, &l->peers, peers) out->peers += c->is_logged_in;
    for (size_t i = 0; i < LINK_RATE_SLOTS; i++) {
        if (l->rate[i].slot <= slot - LINK_RATE_SLOTS) continue;
        out->submitted_1s += l->rate[i].submitted;
        out->responded_1s += l->rate[i].responded;
        out->throttled_1s += l->rate[i].throttled;
    }
}
