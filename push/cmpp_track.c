/* SPDX-License-Identifier: Apache-2.0
 *
 * Memory of one CMPP link: the window of unanswered parts, messages that wait for their report, and reports that came
 * before their answer. No I/O, no clock; every list has a ceiling.
 */
#include "push/cmpp_int.h"

#include <string.h>

#include "base/check.h"
#include "base/mem.h"

void cmpp_track_init(struct cmpp_track *t, uint32_t window, uint32_t awaiting_max, uint32_t held_max) {
    *t              = (struct cmpp_track){0};
    t->window       = window;
    t->awaiting_max = awaiting_max;
    t->quiet_max    = awaiting_max / 8 + 16;
    t->held_max     = held_max;
    t->next_ord     = 1;
    for (t->buckets_n = 64; t->buckets_n < awaiting_max; t->buckets_n *= 2) continue;
    t->bucket = x_calloc(t->buckets_n, sizeof(struct cmpp_part *));
    TAILQ_INIT(&t->awaiting);
    TAILQ_INIT(&t->quiet);
    TAILQ_INIT(&t->held);
}

/* Gateways count Msg_Ids up from a time stamp: the multiplication spreads neighbours. */
static struct cmpp_part **bucket_of(struct cmpp_track *t, uint64_t msg_id) {
    return &t->bucket[(msg_id * UINT64_C(0x9E3779B97F4A7C15)) >> 32 & (t->buckets_n - 1)];
}

static void hash_remove(struct cmpp_track *t, struct cmpp_part *p) {
    for (struct cmpp_part **pp = bucket_of(t, p->msg_id); *pp; pp = &(*pp)->hash_next)
        if (*pp == p) {
            *pp = p->hash_next;
            return;
        }
}

static void msg_free(struct cmpp_track *t, struct cmpp_msg *m) {
    CHECK_OBJ_NOTNULL(m, CMPP_MSG_MAGIC);
    if (m->phase == CMPP_AWAIT || m->phase == CMPP_REPORTED) {
        TAILQ_REMOVE(&t->awaiting, m, list);
        t->awaiting_n--;
    } else if (m->phase != CMPP_FLIGHT) {
        TAILQ_REMOVE(&t->quiet, m, list);
        t->quiet_n--;
    }
    if (m->phase != CMPP_FLIGHT)
        for (uint32_t i = 0; i < m->parts_n; i++)
            if (m->part[i].answer == CMPP_ANS_TAKEN) hash_remove(t, &m->part[i]);
    FREE_OBJ(m);
}

void cmpp_track_fini(struct cmpp_track *t) {
    MUST(t->used == 0);
    struct cmpp_msg  *m;
    struct cmpp_held *h;
    while ((m = TAILQ_FIRST(&t->awaiting)) != NULL) msg_free(t, m);
    while ((m = TAILQ_FIRST(&t->quiet)) != NULL) msg_free(t, m);
    while ((h = TAILQ_FIRST(&t->held)) != NULL) {
        TAILQ_REMOVE(&t->held, h, list);
        x_free(h);
    }
    x_free(t->bucket);
}

struct cmpp_msg *cmpp_track_add(struct cmpp_track *t, uint64_t cookie, uint32_t parts_n, uint32_t seq, int64_t now_ms) {
    MUST(parts_n > 0 && t->used + parts_n <= t->window);
    struct cmpp_msg *m = x_calloc(1, sizeof *m + parts_n * sizeof m->part[0]);
    m->magic           = CMPP_MSG_MAGIC;
    m->cookie          = cookie;
    m->since_ms        = now_ms;
    m->parts_n = m->unanswered_n = m->unreported_n = parts_n;
    for (uint32_t i = 0, s = 0; i < parts_n; s++) {
        if (t->slot[s]) continue;
        m->part[i] = (struct cmpp_part){.msg = m, .ord = t->next_ord++, .sent_ms = now_ms, .seq = seq + i};
        t->slot[s] = &m->part[i++];
    }
    t->used += parts_n;
    return m;
}

struct cmpp_part *cmpp_track_by_seq(struct cmpp_track *t, uint32_t seq) {
    for (uint32_t i = 0; i < t->window; i++)
        if (t->slot[i] && t->slot[i]->seq == seq) return t->slot[i];
    return NULL;
}

struct cmpp_part *cmpp_track_oldest(struct cmpp_track *t) {
    struct cmpp_part *p = NULL;
    for (uint32_t i = 0; t->used > 0 && i < t->window; i++)
        if (t->slot[i] && (p == NULL || t->slot[i]->ord < p->ord)) p = t->slot[i];
    return p;
}

struct cmpp_part *cmpp_track_by_id(struct cmpp_track *t, uint64_t msg_id) {
    struct cmpp_part *found = NULL;
    for (struct cmpp_part *p = *bucket_of(t, msg_id); p; p = p->hash_next)
        if (p->msg_id == msg_id && (found == NULL || found->is_reported)) found = p;
    return found;
}

struct cmpp_msg *cmpp_track_by_token(struct cmpp_track *t, uint64_t msg_id, uint64_t token) {
    for (struct cmpp_part *p = *bucket_of(t, msg_id); p; p = p->hash_next)
        if (p->msg_id == msg_id && p->msg->phase == CMPP_REPORTED && p->msg->token == token) return p->msg;
    return NULL;
}

bool cmpp_track_answer(struct cmpp_track *t, struct cmpp_part *p, enum cmpp_answer a, uint32_t code, uint64_t msg_id) {
    MUST(p->answer == CMPP_ANS_NONE && a != CMPP_ANS_NONE);
    for (uint32_t i = 0; i < t->window; i++)
        if (t->slot[i] == p) t->slot[i] = NULL;
    t->used--;
    p->answer = a;
    p->code   = code;
    p->msg_id = msg_id;
    return --p->msg->unanswered_n == 0;
}

void cmpp_track_result(const struct cmpp_msg *m, struct sms_result *out) {
    size_t len = 0;
    memset(out, 0, sizeof *out);
    out->parts_n = m->parts_n;
    for (uint32_t i = 0; i < m->parts_n; i++) {
        const struct cmpp_part *p = &m->part[i];
        switch (p->answer) {
        case CMPP_ANS_TAKEN:
            if (len > 0) out->msg_ids[len++] = ',';
            cmpp_msg_id_text(p->msg_id, out->msg_ids + len);
            len += 16;
            out->taken_n++;
            break;
        case CMPP_ANS_THROTTLED:
            if (out->throttled_n++ == 0 && out->rejected_n == 0) out->code = p->code;
            break;
        case CMPP_ANS_REJECTED:
            if (out->rejected_n++ == 0) out->code = p->code;
            break;
        case CMPP_ANS_UNKNOWN: out->unknown_n++; break;
        case CMPP_ANS_NONE:
        default: UNREACHABLE("result of an unanswered part");
        }
    }
    /* A part that was certainly not taken means that the text as a whole certainly did not arrive: that is more than
     * "unknown", and the owner may act on it. */
    out->verdict = out->rejected_n    ? CMPP_REJECTED
                   : out->throttled_n ? CMPP_THROTTLED
                   : out->unknown_n   ? CMPP_UNKNOWN
                                      : CMPP_SENT;
}

static void quiet_add(struct cmpp_track *t, struct cmpp_msg *m, enum cmpp_phase phase, int64_t now_ms) {
    m->phase    = phase;
    m->since_ms = now_ms;
    TAILQ_INSERT_TAIL(&t->quiet, m, list);
    if (++t->quiet_n > t->quiet_max) msg_free(t, TAILQ_FIRST(&t->quiet));
}

void cmpp_track_settle(struct cmpp_track *t, struct cmpp_msg *m, const struct sms_result *r, bool want_report, int64_t now_ms) {
    MUST(m->phase == CMPP_FLIGHT && m->unanswered_n == 0);
    if (r->taken_n == 0 || !want_report) {
        msg_free(t, m);
        return;
    }
    for (uint32_t i = 0; i < m->parts_n; i++) {
        struct cmpp_part *p = &m->part[i];
        if (p->answer != CMPP_ANS_TAKEN) continue;
        struct cmpp_part **b = bucket_of(t, p->msg_id);
        p->hash_next         = *b;
        *b                   = p;
    }
    if (r->verdict != CMPP_SENT) {
        quiet_add(t, m, CMPP_MUTE, now_ms);
        return;
    }
    m->phase    = CMPP_AWAIT;
    m->since_ms = now_ms;
    TAILQ_INSERT_TAIL(&t->awaiting, m, list);
    if (++t->awaiting_n > t->awaiting_max) {
        t->forgotten++;
        msg_free(t, TAILQ_FIRST(&t->awaiting));
    }
}

void cmpp_track_stored(struct cmpp_track *t, struct cmpp_msg *m, int64_t now_ms) {
    MUST(m->phase == CMPP_REPORTED);
    TAILQ_REMOVE(&t->awaiting, m, list);
    t->awaiting_n--;
    m->token = 0;
    quiet_add(t, m, CMPP_STORED, now_ms);
}

void cmpp_track_age(struct cmpp_track *t, int64_t awaiting_before_ms, int64_t quiet_before_ms) {
    struct cmpp_msg *m;
    while ((m = TAILQ_FIRST(&t->awaiting)) != NULL && m->since_ms < awaiting_before_ms) {
        t->forgotten++;
        msg_free(t, m);
    }
    while ((m = TAILQ_FIRST(&t->quiet)) != NULL && m->since_ms < quiet_before_ms) msg_free(t, m);
}
