/* SPDX-License-Identifier: Apache-2.0
 *
 * What the gateway sends by itself: status reports and texts of people. A report is matched to its message, held while
 * the answer to a submit may still be under way, or handed up as an orphan. Our answer follows the owner's word that the
 * thing is stored (l->pending) and goes to the connection that brought it; whatever is not handed up to anyone is answered
 * at once.
 */
#include <string.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "push/link_int.h"

#define MO_TEXT_MAX 2048
#define TOKEN_SLOT (UINT64_C(1) << 10) /* above every place in l->pending */

_Static_assert(LINK_PENDING_MAX <= 1 << 10, "a token's low bits name its place");

static void answer(struct link *l, uint32_t conn_id, const struct link_origin *o, enum link_refusal r) {
    struct wire_pdu   pdu = {0};
    struct link_conn *c   = link_conn_by_id(l, conn_id);
    if (c == NULL) return;
    l->proto->deliver_answer(&c->session, o, r, &pdu);
    link_write(c, &pdu);
}

static bool same_origin(const struct link_origin *a, const struct link_origin *b) {
    return a->id_n == b->id_n && memcmp(a->id, b->id, a->id_n) == 0;
}

/* ---- handed up, not yet stored ---- */

void link_deliver_init(struct link *l) {
    l->token = (uint64_t)link_random32() * TOKEN_SLOT;
    TAILQ_INIT(&l->pending_used);
    TAILQ_INIT(&l->pending_free);
    for (size_t i = 0; i < LINK_PENDING_MAX; i++) TAILQ_INSERT_TAIL(&l->pending_free, &l->pending[i], list);
}

static struct link_pending *pending_find(struct link *l, uint64_t token) {
    size_t i = (size_t)(token % TOKEN_SLOT);
    return token != 0 && i < LINK_PENDING_MAX && l->pending[i].token == token ? &l->pending[i] : NULL;
}

static void pending_free(struct link *l, struct link_pending *p) {
    TAILQ_REMOVE(&l->pending_used, p, list);
    TAILQ_INSERT_HEAD(&l->pending_free, p, list);
    p->token = 0;
}

/* 0: full. Then the thing is not handed up at all and the gateway's repetition is the second chance. */
static uint64_t pending_add(struct link *l, uint32_t conn_id, const struct link_origin *o, const char *ref) {
    struct link_pending *p = TAILQ_FIRST(&l->pending_free);
    if (p == NULL) {
        l->stats.unstorable++;
        return 0;
    }
    TAILQ_REMOVE(&l->pending_free, p, list);
    TAILQ_INSERT_TAIL(&l->pending_used, p, list);
    l->token += TOKEN_SLOT;
    p->token    = l->token + (uint64_t)(p - l->pending);
    p->ref_hash = ref ? link_ref_hash(ref) : 0;
    p->origin   = *o;
    p->since_ms = clock_mono_ms();
    p->conn_id  = conn_id;
    return p->token;
}

void link_report_stored(struct link *l, uint64_t token) {
    CHECK_OBJ_NOTNULL(l, LINK_MAGIC);
    struct link_pending *p = pending_find(l, token);
    if (p == NULL) return;
    struct link_msg *m = p->ref_hash ? link_track_by_token(&l->track, p->ref_hash, token) : NULL;
    if (m) link_track_stored(&l->track, m, clock_mono_ms());
    struct link_pending was = *p;
    pending_free(l, p);
    answer(l, was.conn_id, &was.origin, LINK_STORED);
}

/* ---- reports ---- */

/* Mainland numbers come with and without their prefix, also within one protocol. */
static void copy_phone(char out[33], const char *s) {
    if (*s == '+') s++;
    if (strlen(s) == 13 && strncmp(s, "86", 2) == 0) s += 2;
    memset(out, 0, 33);
    memcpy(out, s, strnlen(s, 32));
}

static void fill(struct sms_report *out, const struct link_report_body *rep) {
    memset(out, 0, sizeof *out);
    out->delivered = rep->outcome == LINK_DELIVERED;
    out->code      = rep->code;
    memcpy(out->stat, rep->stat, sizeof out->stat);
    memcpy(out->done_time, rep->done_time, sizeof out->done_time);
    memcpy(out->ref, rep->ref, sizeof out->ref);
    copy_phone(out->phone, rep->phone);
}

/* The part a report is about. Where spellings vary, the first report that fits in one way only teaches which. */
static struct link_track_part *find(struct link *l, const struct link_report_body *rep) {
    static const enum link_id_form forms[] = {LINK_ID_SAME, LINK_ID_HEX_DEC, LINK_ID_DEC_HEX};
    char                           ref[LINK_REF_CAP];
    if (!l->proto->ids_vary) return link_track_by_ref(&l->track, rep->ref, 0);
    uint32_t tail = link_phone_tail(rep->phone);
    if (l->id_form != LINK_ID_LEARN)
        return link_ref_respell(l->id_form, rep->ref, ref) ? link_track_by_ref(&l->track, ref, tail) : NULL;
    for (size_t i = 0; i < ARRAY_N(forms); i++) {
        struct link_track_part *p;
        if (!link_ref_respell(forms[i], rep->ref, ref) || (p = link_track_by_ref(&l->track, ref, tail)) == NULL) continue;
        if (strlen(ref) > 1) l->id_form = forms[i]; /* one digit looks the same either way */
        return p;
    }
    return NULL;
}

/* With a connection that is gone there is nothing to answer: token 0. */
static void orphan(struct link *l, const struct link_held *h) {
    struct sms_report r;
    uint64_t          token = h->conn_id == 0 ? 0 : pending_add(l, h->conn_id, &h->origin, NULL);
    if (token == 0 && h->conn_id != 0) return;
    l->stats.orphans++;
    fill(&r, &h->rep);
    r.token = token;
    if (l->proto->ids_vary) {
        if (l->id_form != LINK_ID_LEARN)
            (void)!link_ref_respell(l->id_form, h->rep.ref, r.ref);
        else if (!link_ref_respell(LINK_ID_HEX_DEC, h->rep.ref, r.ref_alt))
            (void)!link_ref_respell(LINK_ID_DEC_HEX, h->rep.ref, r.ref_alt);
    }
    if (l->ops.on_orphan_report == NULL || l->ops.on_orphan_report(l->arg, &r)) link_report_stored(l, token);
}

static void hand_up(struct link *l, struct link_track_part *p, const struct link_held *h) {
    struct sms_report r;
    struct link_msg  *m     = p->msg;
    uint64_t          token = pending_add(l, h->conn_id, &h->origin, p->ref);
    if (token == 0) return;
    m->phase       = LINK_REPORTED;
    m->decider     = p;
    m->token       = token;
    p->is_reported = true;
    fill(&r, &h->rep);
    memcpy(r.ref, p->ref, sizeof r.ref); /* as it stands on record */
    r.token  = token;
    r.cookie = m->cookie;
    if (l->ops.on_report == NULL || l->ops.on_report(l->arg, &r)) link_report_stored(l, token);
}

/* False: no room; not marked, left to the gateway's repetition. */
static bool hand_up_part(struct link *l, const struct link_track_part *p, const struct link_held *h) {
    struct sms_report r;
    if (l->ops.on_part_report == NULL) {
        answer(l, h->conn_id, &h->origin, LINK_STORED);
        return true;
    }
    uint64_t token = pending_add(l, h->conn_id, &h->origin, NULL);
    if (token == 0) return false;
    fill(&r, &h->rep);
    memcpy(r.ref, p->ref, sizeof r.ref);
    r.token  = token;
    r.cookie = p->msg->cookie;
    if (l->ops.on_part_report(l->arg, &r)) link_report_stored(l, token);
    return true;
}

static void report_known(struct link *l, struct link_track_part *p, const struct link_held *h) {
    struct link_msg *m = p->msg;
    if (m->phase == LINK_AWAIT && !p->is_reported) {
        if (h->rep.outcome != LINK_DELIVERED || m->unreported_n == 1) {
            hand_up(l, p, h);
            return;
        }
        if (!hand_up_part(l, p, h)) return;
        p->is_reported = true; /* one part of several */
        m->unreported_n--;
        return;
    }
    if (m->phase == LINK_REPORTED && p == m->decider) {
        struct link_pending *pending = pending_find(l, m->token);
        l->stats.duplicates++;
        if (pending == NULL)
            hand_up(l, p, h); /* never confirmed, and the connection it came by is gone */
        else if (same_origin(&pending->origin, &h->origin)) {
            pending->origin  = h->origin;
            pending->conn_id = h->conn_id;
        }
        return; /* a second delivery of the same report: not stored yet, so left to its repetition */
    }
    if (m->phase != LINK_MUTE && p->is_reported) l->stats.duplicates++;
    /* again, while it may still be on its way to the store: stored once more, which changes nothing, and answered then */
    if (p->is_reported && (m->phase == LINK_AWAIT || m->phase == LINK_REPORTED) && h->rep.outcome == LINK_DELIVERED) {
        (void)hand_up_part(l, p, h);
        return;
    }
    p->is_reported = true;
    answer(l, h->conn_id, &h->origin, LINK_STORED);
}

/* The same delivery sent again. Another one with the same report is held beside it: each wants its own answer. */
static struct link_held *held_find(struct link *l, const struct link_held *like) {
    struct link_held *h;
    TAILQ_FOREACH(h, &l->track.held, list) {
        if (same_origin(&h->origin, &like->origin) && strcmp(h->rep.ref, like->rep.ref) == 0) return h;
    }
    return NULL;
}

static void held_remove(struct link *l, struct link_held *h) {
    TAILQ_REMOVE(&l->track.held, h, list);
    l->track.held_n--;
}

static void hold(struct link *l, const struct link_held *like) {
    struct link_held *h = held_find(l, like);
    if (h) {
        l->stats.duplicates++;
        h->origin  = like->origin;
        h->conn_id = like->conn_id;
        return;
    }
    h  = x_malloc(sizeof *h);
    *h = *like;
    TAILQ_INSERT_TAIL(&l->track.held, h, list);
    if (++l->track.held_n <= l->track.held_max) return;
    h = TAILQ_FIRST(&l->track.held);
    held_remove(l, h);
    orphan(l, h);
    x_free(h);
}

static void report(struct link_conn *c, const struct link_event *ev) {
    struct link     *l = c->link;
    struct link_held h = {
        .origin = ev->origin, .conn_id = c->id, .rep = ev->report, .ord = l->track.next_ord, .since_ms = clock_mono_ms()};
    l->stats.reports++;
    if (ev->report.outcome == LINK_UNDER_WAY) { /* no verdict yet */
        answer(l, h.conn_id, &h.origin, LINK_STORED);
        return;
    }
    struct link_track_part *p = find(l, &h.rep);
    if (p)
        report_known(l, p, &h);
    else if (l->track.used > 0)
        hold(l, &h);
    else
        orphan(l, &h);
}

/* ---- texts ---- */

static void mo(struct link_conn *c, const struct link_event *ev) {
    struct link  *l = c->link;
    struct sms_mo m = {.concat = {.total = 1, .number = 1}};
    struct buf    text;
    size_t        skip = ev->udhi ? sms_udh(ev->content, ev->content_n, &m.concat) : 0;
    buf_init(&text, MO_TEXT_MAX);
    m.token = pending_add(l, c->id, &ev->origin, NULL);
    if (m.token == 0) goto out;
    if (ev->concat.total > 1) m.concat = ev->concat;
    memcpy(m.ref, ev->ref, sizeof m.ref);
    copy_phone(m.phone, ev->from);
    memcpy(m.dest_id, ev->to, strnlen(ev->to, sizeof m.dest_id - 1));
    m.is_text = sms_decode(ev->fmt, ev->content + skip, ev->content_n - skip, &text) == ERR_OK;
    m.text    = buf_str(&text);
    if (l->ops.on_mo == NULL || l->ops.on_mo(l->arg, &m)) link_report_stored(l, m.token);
out:
    buf_fini(&text);
}

void link_deliver_receive(struct link_conn *c, const struct link_event *ev) {
    struct link         *l = c->link;
    struct link_pending *p;
    if (ev->kind == LINK_EV_BAD_DELIVERY) {
        l->stats.bad_pdus++;
        LOG(LOG_WARN, "link_bad_delivery", KS("proto", l->proto->name), KI("refusal", ev->code));
        answer(l, c->id, &ev->origin, (enum link_refusal)ev->code);
        return;
    }
    TAILQ_FOREACH(p, &l->pending_used, list) {
        if (p->conn_id != c->id || p->origin.seq != ev->origin.seq || !same_origin(&p->origin, &ev->origin)) continue;
        l->stats.duplicates++; /* sent again while the owner is still storing it */
        return;
    }
    if (ev->kind == LINK_EV_REPORT)
        report(c, ev);
    else
        mo(c, ev);
}

/* ---- time and connections ---- */

void link_deliver_retry(struct link *l) {
    struct link_held *h, *next;
    for (h = TAILQ_FIRST(&l->track.held); h; h = next) {
        struct link_track_part *oldest = TAILQ_FIRST(&l->track.flight), *p = find(l, &h->rep);
        next = TAILQ_NEXT(h, list);
        /* All that was under way when it came is answered: it belongs to none of it. Waiting longer would only fill the
         * gateway's own window. */
        bool is_orphan = p == NULL && (oldest == NULL || oldest->ord >= h->ord);
        if (p == NULL && !is_orphan) continue;
        held_remove(l, h);
        if (p)
            report_known(l, p, h);
        else
            orphan(l, h);
        x_free(h);
    }
}

void link_deliver_age(struct link *l, int64_t now_ms) {
    struct link_held    *h;
    struct link_pending *p;
    while ((h = TAILQ_FIRST(&l->track.held)) != NULL && now_ms - h->since_ms >= l->conf.held_ms) {
        held_remove(l, h);
        orphan(l, h);
        x_free(h);
    }
    while ((p = TAILQ_FIRST(&l->pending_used)) != NULL && now_ms - p->since_ms >= l->conf.request_ms)
        pending_free(l, p); /* by now the gateway has sent it again */
}

void link_deliver_down(struct link *l, uint32_t conn_id) {
    struct link_held    *h;
    struct link_pending *p, *next;
    for (p = TAILQ_FIRST(&l->pending_used); p; p = next) {
        next = TAILQ_NEXT(p, list);
        if (p->conn_id == conn_id) pending_free(l, p);
    }
    TAILQ_FOREACH(h, &l->track.held, list) {
        if (h->conn_id == conn_id) h->conn_id = 0;
    }
}

void link_deliver_orphan_held(struct link *l) {
    struct link_held *h;
    while ((h = TAILQ_FIRST(&l->track.held)) != NULL) {
        struct link_track_part *p = find(l, &h->rep);
        held_remove(l, h);
        if (p == NULL)
            orphan(l, h);
        else if (h->conn_id != 0)
            report_known(l, p, h); /* else the gateway brings it again */
        x_free(h);
    }
}
