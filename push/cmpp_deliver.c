/* SPDX-License-Identifier: Apache-2.0
 *
 * What the gateway sends by itself: status reports and texts of people. A report is matched to its message, held while
 * the answer to a SUBMIT may still be under way, or handed up as an orphan. DELIVER_RESP follows the owner's word that
 * the thing is stored (l->pending); whatever is not handed up to anyone is answered at once.
 */
#include <string.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "push/cmpp_int.h"

#define RESULT_OK         0
#define RESULT_STRUCTURE  1
#define RESULT_BAD_LENGTH 4
#define MO_TEXT_MAX       2048

static void answer(struct cmpp_link *l, uint32_t seq, uint64_t deliver_id, uint8_t result) {
    struct cmpp_pdu pdu;
    cmpp_encode_deliver_resp(&pdu, seq, l->version, deliver_id, result);
    cmpp_link_write(l, pdu.b, pdu.len);
}

static struct cmpp_pending *pending_find(struct cmpp_link *l, uint64_t token) {
    for (size_t i = 0; token != 0 && i < CMPP_PENDING_MAX; i++)
        if (l->pending[i].token == token) return &l->pending[i];
    return NULL;
}

/* 0: full. Then the thing is not handed up at all and the gateway's repetition is the second chance. */
static uint64_t pending_add(struct cmpp_link *l, uint32_t seq, uint64_t deliver_id, uint64_t report_id) {
    for (size_t i = 0; i < CMPP_PENDING_MAX; i++)
        if (l->pending[i].token == 0) {
            l->pending[i] = (struct cmpp_pending){++l->token, deliver_id, report_id, clock_mono_ms(), seq};
            return l->token;
        }
    l->stats.unstorable++;
    return 0;
}

void cmpp_link_report_stored(struct cmpp_link *l, uint64_t token) {
    CHECK_OBJ_NOTNULL(l, CMPP_LINK_MAGIC);
    struct cmpp_pending *p = pending_find(l, token);
    if (p == NULL) return;
    struct cmpp_msg *m = cmpp_track_by_token(&l->track, p->report_id, token);
    if (m) cmpp_track_stored(&l->track, m, clock_mono_ms());
    p->token = 0;
    answer(l, p->seq, p->deliver_id, RESULT_OK);
}

static void fill(struct sms_report *out, const struct cmpp_report *rep, bool delivered) {
    memset(out, 0, sizeof *out);
    out->delivered = delivered;
    memcpy(out->stat, rep->stat, sizeof out->stat);
    memcpy(out->done_time, rep->done_time, sizeof out->done_time);
    memcpy(out->phone, rep->phone, sizeof out->phone);
    cmpp_msg_id_text(rep->msg_id, out->msg_id);
}

static bool is_delivered(const struct cmpp_report *rep) { return strcmp(rep->stat, "DELIVRD") == 0; }

/* With a connection that is gone (is_late) there is nothing to answer: token 0. */
static void orphan(struct cmpp_link *l, const struct cmpp_held *h, bool is_late) {
    struct sms_report r;
    uint64_t          token = is_late ? 0 : pending_add(l, h->seq, h->deliver_id, 0);
    if (token == 0 && !is_late) return;
    l->stats.orphans++;
    fill(&r, &h->rep, is_delivered(&h->rep));
    r.token = token;
    if (l->ops.on_orphan_report == NULL || l->ops.on_orphan_report(l->arg, &r)) cmpp_link_report_stored(l, token);
}

static void hand_up(struct cmpp_link *l, struct cmpp_part *p, const struct cmpp_held *h) {
    struct sms_report r;
    struct cmpp_msg  *m     = p->msg;
    uint64_t          token = pending_add(l, h->seq, h->deliver_id, h->rep.msg_id);
    if (token == 0) return;
    m->phase       = CMPP_REPORTED;
    m->decider     = p;
    m->token       = token;
    p->is_reported = true;
    fill(&r, &h->rep, is_delivered(&h->rep));
    r.token  = token;
    r.cookie = m->cookie;
    if (l->ops.on_report == NULL || l->ops.on_report(l->arg, &r)) cmpp_link_report_stored(l, token);
}

static void report_known(struct cmpp_link *l, struct cmpp_part *p, const struct cmpp_held *h) {
    struct cmpp_msg *m = p->msg;
    if (m->phase == CMPP_AWAIT && !p->is_reported) {
        if (!is_delivered(&h->rep) || m->unreported_n == 1) {
            hand_up(l, p, h);
            return;
        }
        p->is_reported = true; /* one part of several: nothing yet to store */
        m->unreported_n--;
        answer(l, h->seq, h->deliver_id, RESULT_OK);
        return;
    }
    if (m->phase == CMPP_REPORTED && p == m->decider) {
        struct cmpp_pending *pending = pending_find(l, m->token);
        l->stats.duplicates++;
        if (pending == NULL) hand_up(l, p, h); /* never confirmed, and the connection it came by is gone */
        else if (pending->deliver_id == h->deliver_id) pending->seq = h->seq;
        return; /* a second DELIVER of the same report: not stored yet, so left to its repetition */
    }
    if (m->phase != CMPP_MUTE && p->is_reported) l->stats.duplicates++;
    p->is_reported = true;
    answer(l, h->seq, h->deliver_id, RESULT_OK);
}

/* The same DELIVER sent again. Another DELIVER with the same report is held beside it: each wants its own answer. */
static struct cmpp_held *held_find(struct cmpp_link *l, const struct cmpp_held *like) {
    struct cmpp_held *h;
    TAILQ_FOREACH(h, &l->track.held, list) {
        if (h->deliver_id == like->deliver_id && h->rep.msg_id == like->rep.msg_id) return h;
    }
    return NULL;
}

static void held_remove(struct cmpp_link *l, struct cmpp_held *h) {
    TAILQ_REMOVE(&l->track.held, h, list);
    l->track.held_n--;
}

static void hold(struct cmpp_link *l, const struct cmpp_held *proto) {
    struct cmpp_held *h = held_find(l, proto);
    if (h) {
        l->stats.duplicates++;
        h->seq = proto->seq;
        return;
    }
    h  = x_malloc(sizeof *h);
    *h = *proto;
    TAILQ_INSERT_TAIL(&l->track.held, h, list);
    if (++l->track.held_n <= l->track.held_max) return;
    h = TAILQ_FIRST(&l->track.held);
    held_remove(l, h);
    orphan(l, h, false);
    x_free(h);
}

static void report(struct cmpp_link *l, const struct cmpp_head *head, const struct cmpp_deliver *d) {
    struct cmpp_held h = {.deliver_id = d->msg_id, .seq = head->seq, .ord = l->track.next_ord, .since_ms = clock_mono_ms()};
    l->stats.reports++;
    if (cmpp_decode_report(d->content, d->content_n, &h.rep) != ERR_OK) {
        l->stats.bad_pdus++;
        LOG(LOG_WARN, "cmpp_bad_report", KI("bytes", d->content_n));
        answer(l, head->seq, d->msg_id, RESULT_BAD_LENGTH);
        return;
    }
    if (strcmp(h.rep.stat, "ACCEPTD") == 0) { /* on its way, no verdict */
        answer(l, head->seq, d->msg_id, RESULT_OK);
        return;
    }
    struct cmpp_part *p = cmpp_track_by_id(&l->track, h.rep.msg_id);
    if (p) report_known(l, p, &h);
    else if (l->track.used > 0) hold(l, &h);
    else orphan(l, &h, false);
}

static void mo(struct cmpp_link *l, const struct cmpp_head *head, const struct cmpp_deliver *d) {
    struct sms_mo m = {.concat = {.total = 1, .number = 1}};
    struct buf    text;
    size_t        skip = d->udhi ? sms_udh(d->content, d->content_n, &m.concat) : 0;
    buf_init(&text, MO_TEXT_MAX);
    m.token = pending_add(l, head->seq, d->msg_id, 0);
    if (m.token == 0) goto out;
    cmpp_msg_id_text(d->msg_id, m.msg_id);
    memcpy(m.phone, d->src, sizeof m.phone);
    memcpy(m.dest_id, d->dest_id, sizeof m.dest_id);
    m.is_text = sms_decode(d->fmt, d->content + skip, d->content_n - skip, &text) == ERR_OK;
    m.text    = buf_str(&text);
    if (l->ops.on_mo == NULL || l->ops.on_mo(l->arg, &m)) cmpp_link_report_stored(l, m.token);
out:
    buf_fini(&text);
}

void cmpp_deliver_receive(struct cmpp_link *l, const struct cmpp_head *head, const uint8_t *pdu) {
    struct cmpp_deliver d;
    if (cmpp_decode_deliver(pdu, head->len, l->version, &d) != ERR_OK) {
        l->stats.bad_pdus++;
        LOG(LOG_WARN, "cmpp_bad_deliver", KI("bytes", head->len));
        answer(l, head->seq, 0, RESULT_STRUCTURE);
        return;
    }
    for (size_t i = 0; i < CMPP_PENDING_MAX; i++)
        if (l->pending[i].token && l->pending[i].seq == head->seq && l->pending[i].deliver_id == d.msg_id) {
            l->stats.duplicates++; /* sent again while the owner is still storing it */
            return;
        }
    if (d.is_report) report(l, head, &d);
    else mo(l, head, &d);
}

void cmpp_deliver_retry(struct cmpp_link *l) {
    struct cmpp_held *h, *next;
    for (h = TAILQ_FIRST(&l->track.held); h; h = next) {
        struct cmpp_part *oldest = cmpp_track_oldest(&l->track), *p = cmpp_track_by_id(&l->track, h->rep.msg_id);
        next = TAILQ_NEXT(h, list);
        /* All that was under way when it came is answered: it belongs to none of it. Waiting longer would only fill the
         * gateway's own window. */
        bool is_orphan = p == NULL && (oldest == NULL || oldest->ord >= h->ord);
        if (p == NULL && !is_orphan) continue;
        held_remove(l, h);
        if (p) report_known(l, p, h);
        else orphan(l, h, false);
        x_free(h);
    }
}

void cmpp_deliver_age(struct cmpp_link *l, int64_t now_ms) {
    struct cmpp_held *h;
    while ((h = TAILQ_FIRST(&l->track.held)) != NULL && now_ms - h->since_ms >= l->conf.held_ms) {
        held_remove(l, h);
        orphan(l, h, false);
        x_free(h);
    }
    for (size_t i = 0; i < CMPP_PENDING_MAX; i++) /* by now the gateway has sent it again */
        if (l->pending[i].token && now_ms - l->pending[i].since_ms >= l->conf.request_ms) l->pending[i].token = 0;
}

void cmpp_deliver_down(struct cmpp_link *l) {
    struct cmpp_held *h;
    memset(l->pending, 0, sizeof l->pending);
    while ((h = TAILQ_FIRST(&l->track.held)) != NULL) {
        held_remove(l, h);
        if (cmpp_track_by_id(&l->track, h->rep.msg_id) == NULL) orphan(l, h, true);
        x_free(h);
    }
}
