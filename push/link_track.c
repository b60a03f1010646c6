/* SPDX-License-Identifier: Apache-2.0
 *
 * Memory of one carrier link: the window of unanswered parts, messages that wait for their report, and reports that came
 * before their answer. No I/O, no clock; every list has a ceiling.
 */
#include <string.h>

#include "base/check.h"
#include "base/mem.h"
#include "push/link_int.h"

void link_track_init(struct link_track *t, uint32_t window, uint32_t awaiting_max, uint32_t held_max) {
    *t              = (struct link_track){0};
    t->window       = window;
    t->awaiting_max = awaiting_max;
    t->quiet_max    = awaiting_max / 8 + 16;
    t->held_max     = held_max;
    t->next_ord     = 1;
    for (t->buckets_n = 64; t->buckets_n < awaiting_max; t->buckets_n *= 2) continue;
    t->bucket = x_calloc(t->buckets_n, sizeof(struct link_track_part *));
    TAILQ_INIT(&t->flight);
    TAILQ_INIT(&t->awaiting);
    TAILQ_INIT(&t->quiet);
    TAILQ_INIT(&t->held);
}

/* FNV-1a, then a multiplication: gateways count their references up, which should not fill neighbouring buckets. */
uint64_t link_ref_hash(const char *ref) {
    uint64_t h = UINT64_C(0xcbf29ce484222325);
    for (; *ref; ref++) h = (h ^ (unsigned char)*ref) * UINT64_C(0x100000001b3);
    h *= UINT64_C(0x9E3779B97F4A7C15);
    return h ? h : 1;
}

uint32_t link_phone_tail(const char *phone) {
    size_t   n    = strlen(phone);
    uint32_t tail = 0;
    if (n < 8) return 0;
    for (const char *s = phone + n - 8; *s; s++) {
        if (*s < '0' || *s > '9') return 0;
        tail = tail * 10 + (uint32_t)(*s - '0');
    }
    return tail;
}

static struct link_track_part **bucket_of(struct link_track *t, uint64_t hash) {
    return &t->bucket[hash >> 32 & (t->buckets_n - 1)];
}

static void hash_remove(struct link_track *t, struct link_track_part *p) {
    for (struct link_track_part **pp = bucket_of(t, link_ref_hash(p->ref)); *pp; pp = &(*pp)->hash_next)
        if (*pp == p) {
            *pp = p->hash_next;
            return;
        }
}

static void msg_free(struct link_track *t, struct link_msg *m) {
    CHECK_OBJ_NOTNULL(m, LINK_MSG_MAGIC);
    if (m->phase == LINK_AWAIT || m->phase == LINK_REPORTED) {
        TAILQ_REMOVE(&t->awaiting, m, list);
        t->awaiting_n--;
    } else if (m->phase != LINK_FLIGHT) {
        TAILQ_REMOVE(&t->quiet, m, list);
        t->quiet_n--;
    }
    if (m->phase != LINK_FLIGHT)
        for (uint32_t i = 0; i < m->parts_n; i++)
            if (m->part[i].answer == SMS_SENT) hash_remove(t, &m->part[i]);
    FREE_OBJ(m);
}

void link_track_fini(struct link_track *t) {
    MUST(t->used == 0);
    struct link_msg  *m;
    struct link_held *h;
    while ((m = TAILQ_FIRST(&t->awaiting)) != NULL) msg_free(t, m);
    while ((m = TAILQ_FIRST(&t->quiet)) != NULL) msg_free(t, m);
    while ((h = TAILQ_FIRST(&t->held)) != NULL) {
        TAILQ_REMOVE(&t->held, h, list);
        x_free(h);
    }
    x_free(t->bucket);
}

struct link_msg *link_track_add(struct link_track *t, uint64_t cookie, uint32_t phone_tail, uint32_t parts_n, int64_t now_ms) {
    MUST(parts_n > 0 && t->used + parts_n <= t->window);
    struct link_msg *m = x_calloc(1, sizeof *m + parts_n * sizeof m->part[0]);
    m->magic           = LINK_MSG_MAGIC;
    m->cookie          = cookie;
    m->phone_tail      = phone_tail;
    m->since_ms        = now_ms;
    m->parts_n = m->unanswered_n = m->unreported_n = parts_n;
    for (uint32_t i = 0; i < parts_n; i++) {
        struct link_track_part *p = &m->part[i];
        p->msg                    = m;
        p->ord                    = t->next_ord++;
        p->sent_ms                = now_ms;
        TAILQ_INSERT_TAIL(&t->flight, p, window);
    }
    t->used += parts_n;
    return m;
}

/* Gateways answer nearly in order: the search ends at once. */
struct link_track_part *link_track_by_seq(struct link_track *t, uint32_t seq) {
    struct link_track_part *p;
    TAILQ_FOREACH(p, &t->flight, window) {
        if (p->seq == seq) return p;
    }
    return NULL;
}

struct link_track_part *link_track_by_ref(struct link_track *t, const char *ref, uint32_t phone_tail) {
    struct link_track_part *found = NULL;
    for (struct link_track_part *p = *bucket_of(t, link_ref_hash(ref)); p; p = p->hash_next) {
        if (phone_tail != 0 && p->msg->phone_tail != 0 && p->msg->phone_tail != phone_tail) continue;
        if (strcmp(p->ref, ref) == 0 && (found == NULL || found->is_reported)) found = p;
    }
    return found;
}

struct link_msg *link_track_by_token(struct link_track *t, uint64_t ref_hash, uint64_t token) {
    for (struct link_track_part *p = *bucket_of(t, ref_hash); p; p = p->hash_next)
        if (p->msg->phase == LINK_REPORTED && p->msg->token == token) return p->msg;
    return NULL;
}

bool link_track_answer(struct link_track *t, struct link_track_part *p, enum sms_verdict a, uint32_t code, const char *ref) {
    MUST(!p->is_answered);
    TAILQ_REMOVE(&t->flight, p, window);
    t->used--;
    p->is_answered = true;
    p->answer      = a;
    p->code        = code;
    if (ref) {
        size_t n = strnlen(ref, sizeof p->ref - 1);
        memcpy(p->ref, ref, n);
        p->ref[n] = '\0';
    }
    return --p->msg->unanswered_n == 0;
}

/* A part that was certainly not taken means that the text as a whole certainly did not arrive: that is more than "unknown",
 * and the owner may act on it. Among refusals the most final one speaks for the message. */
static unsigned weight(enum sms_verdict v) {
    static const unsigned w[] = {
        [SMS_SENT] = 0, [SMS_UNKNOWN] = 1, [SMS_THROTTLED] = 2, [SMS_TEMPORARY] = 3, [SMS_CONFIG] = 4, [SMS_REJECTED] = 5};
    return w[v];
}

void link_track_result(const struct link_msg *m, struct sms_result *out) {
    size_t len = 0;
    memset(out, 0, sizeof *out);
    out->parts_n = m->parts_n;
    for (uint32_t i = 0; i < m->parts_n; i++) {
        const struct link_track_part *p = &m->part[i];
        MUST(p->is_answered);
        switch (p->answer) {
        case SMS_SENT: out->taken_n++; break;
        case SMS_UNKNOWN: out->unknown_n++; break;
        case SMS_THROTTLED: out->throttled_n++; break;
        case SMS_TEMPORARY:
        case SMS_REJECTED:
        case SMS_CONFIG: out->refused_n++; break;
        default: UNREACHABLE("answer of a part");
        }
        if (weight(p->answer) > weight(out->verdict)) {
            out->verdict = p->answer;
            out->code    = p->code;
        }
        if ((p->answer != SMS_SENT && p->answer != SMS_UNKNOWN) || p->ref[0] == '\0') continue;
        if (len > 0) out->refs[len++] = ',';
        size_t n = strlen(p->ref);
        memcpy(out->refs + len, p->ref, n + 1);
        len += n;
    }
}

static void quiet_add(struct link_track *t, struct link_msg *m, enum link_phase phase, int64_t now_ms) {
    m->phase    = phase;
    m->since_ms = now_ms;
    TAILQ_INSERT_TAIL(&t->quiet, m, list);
    if (++t->quiet_n > t->quiet_max) msg_free(t, TAILQ_FIRST(&t->quiet));
}

void link_track_settle(struct link_track *t, struct link_msg *m, const struct sms_result *r, bool want_report, int64_t now_ms) {
    MUST(m->phase == LINK_FLIGHT && m->unanswered_n == 0);
    if (r->taken_n == 0 || !want_report) {
        msg_free(t, m);
        return;
    }
    for (uint32_t i = 0; i < m->parts_n; i++) {
        struct link_track_part *p = &m->part[i];
        if (p->answer != SMS_SENT) continue;
        struct link_track_part **b = bucket_of(t, link_ref_hash(p->ref));
        p->hash_next               = *b;
        *b                         = p;
    }
    if (r->verdict != SMS_SENT) {
        quiet_add(t, m, LINK_MUTE, now_ms);
        return;
    }
    m->phase    = LINK_AWAIT;
    m->since_ms = now_ms;
    TAILQ_INSERT_TAIL(&t->awaiting, m, list);
    if (++t->awaiting_n > t->awaiting_max) {
        t->forgotten++;
        msg_free(t, TAILQ_FIRST(&t->awaiting));
    }
}

void link_track_stored(struct link_track *t, struct link_msg *m, int64_t now_ms) {
    MUST(m->phase == LINK_REPORTED);
    TAILQ_REMOVE(&t->awaiting, m, list);
    t->awaiting_n--;
    m->token = 0;
    quiet_add(t, m, LINK_DONE, now_ms);
}

void link_track_age(struct link_track *t, int64_t awaiting_before_ms, int64_t quiet_before_ms) {
    struct link_msg *m;
    while ((m = TAILQ_FIRST(&t->awaiting)) != NULL && m->since_ms < awaiting_before_ms) {
        t->forgotten++;
        msg_free(t, m);
    }
    while ((m = TAILQ_FIRST(&t->quiet)) != NULL && m->since_ms < quiet_before_ms) msg_free(t, m);
}
