/* SPDX-License-Identifier: Apache-2.0 */
#include "push/notice.h"

#include <string.h>

#include "base/calendar.h"
#include "base/check.h"
#include "base/id.h"
#include "base/json.h"
#include "base/metric.h"
#include "push/sms_out.h"
#include "store/delivery.h"
#include "store/outbox.h"

#define TITLE_MAX 18 /* characters of an object's title in a text */
#define MINUTE_MS 60000LL

static const struct kind {
    const char *kind;
    int         priority;
    const char *title, *text;
} kinds[] = {
#define X(kind, priority, title, text) {kind, priority, title, text},
#include "push/notice_kinds.def"
#undef X
};

static const char *const lanes[] = {"p0", "p1", "p2", "p3"};

static const struct kind *find(const char *kind) {
    for (size_t i = 0; i < ARRAY_N(kinds); i++)
        if (strcmp(kinds[i].kind, kind) == 0) return &kinds[i];
    UNREACHABLE("notice kind without a row in notice_kinds.def");
}

/* The first n code points, with … when cut. */
static char *cut(struct arena *a, const char *s, size_t n) {
    const char *p = s;
    while (*p && n) {
        p++;
        while (((unsigned char)*p & 0xC0) == 0x80) p++;
        n--;
    }
    return *p ? arena_printf(a, "%.*s…", (int)(p - s), s) : arena_strdup(a, s);
}

static char *fill(struct arena *a, const char *text, const char *t, const char *x) {
    struct buf b;
    buf_init(&b, 4096);
    for (const char *p = text; *p; p++) {
        bool is_t = strncmp(p, "{t}", 3) == 0, is_x = strncmp(p, "{x}", 3) == 0;
        if (is_t || is_x) {
            buf_puts(&b, is_t ? t : x);
            p += 2;
        } else {
            buf_putc(&b, *p);
        }
    }
    char *out = arena_strdup(a, buf_str(&b));
    buf_fini(&b);
    return out;
}

/* The person's own channel: shown at once on every open screen, and the number of unread ones follows. */
static enum err publish(struct db *db, struct arena *a, const struct notice_row *n) {
    struct buf b;
    struct jw  w;
    buf_init(&b, 8192);
    jw_init(&w, &b);
    jw_obj(&w);
    jw_kstr(&w, "type", "notice");
    jw_kstr(&w, "id", n->id);
    jw_kstr(&w, "kind", n->kind);
    jw_kint(&w, "priority", n->priority);
    jw_kstr(&w, "object", n->object);
    jw_kstr(&w, "title", n->title);
    jw_kstr(&w, "text", n->body);
    jw_ktime(&w, "at", n->created_biz_ms);
    jw_obj_end(&w);
    enum err e = outbox_add(db, arena_printf(a, "user:%s", n->person), NULL, buf_str(&b), n->created_wall_ms);
    buf_fini(&b);
    return e;
}

static enum err deliver_by(struct db *db, const struct notice_row *n, const char *channel, int64_t after_ms) {
    char id[ID_CAP];
    id_new("d_", id);
    return delivery_insert(db, id, n->id, n->person, channel, lanes[n->priority], n->created_wall_ms + after_ms, n->created_wall_ms);
}

int64_t notice_after_quiet(const struct notice_rules *rules, int64_t biz_ms) {
    int64_t from = rules->quiet_from_min * MINUTE_MS, to = rules->quiet_to_min * MINUTE_MS;
    int32_t day  = date_of_ms(biz_ms);
    int64_t at   = biz_ms - date_start_ms(day);
    if (from == to) return biz_ms;
    if (from < to) return at >= from && at < to ? date_start_ms(day) + to : biz_ms;
    if (at >= from) return date_start_ms(day + 1) + to; /* over midnight */
    return at < to ? date_start_ms(day) + to : biz_ms;
}

/* An SMS after `after_ms`, unless it would only be noise. Quiet hours are looked up in the business clock and added as they are:
 * a demo that runs faster sends its SMS to the log anyway. */
static enum err deliver_sms(struct db *db, const struct notice_rules *rules, const struct notice_row *n, int64_t after_ms) {
    if (n->priority >= 2) {
        struct sms_history past = {0};
        enum err           e    = sms_history(db, n->person, n->object, n->created_wall_ms - rules->sms_merge_ms,
                                              date_start_ms(date_of_ms(n->created_biz_ms)), &past);
        if (e) return e;
        bool merged = rules->sms_merge_ms > 0 && past.same_object > 0, over = rules->sms_per_day > 0 && past.today >= rules->sms_per_day;
        if (merged || over) {
            metric_add_label(M_C_sms, merged ? "merged" : "over_limit", 1);
            return ERR_OK;
        }
        int64_t due = n->created_biz_ms + after_ms;
        after_ms += notice_after_quiet(rules, due) - due;
    }
    return deliver_by(db, n, "sms", after_ms);
}

enum err notice_person(struct db *db, struct arena *a, const struct notice_rules *rules, const char *person, const struct notice_msg *m,
                       size_t *n) {
    const struct kind *k = find(m->kind);
    char               id[ID_CAP];
    id_new("n_", id);
    struct notice_row row = {.id              = id,
                             .person          = person,
                             .kind            = m->kind,
                             .object          = m->object ? m->object : "",
                             .title           = k->title,
                             .body            = fill(a, k->text, cut(a, m->title ? m->title : "", TITLE_MAX), m->extra ? m->extra : ""),
                             .dedupe          = m->dedupe,
                             .priority        = k->priority,
                             .created_biz_ms  = m->biz_ms,
                             .created_wall_ms = m->wall_ms};
    *n         = 0;
    enum err e = notice_insert(db, &row);
    if (e == ERR_DUP) return ERR_OK;
    if (e == ERR_OK) e = publish(db, a, &row);
    if (e == ERR_OK && rules->demo_log) e = deliver_by(db, &row, "log", 0);
    int64_t after = rules->sms_after_ms[k->priority];
    if (e == ERR_OK && after >= 0) e = deliver_sms(db, rules, &row, after);
    if (e) return e;
    metric_add_label(M_C_notices, m->kind, 1);
    *n = 1;
    return ERR_OK;
}

enum err notice_unit(struct db *db, struct arena *a, const struct notice_rules *rules, const char *unit, unsigned roles,
                     const struct notice_msg *m, size_t *n) {
    char   **ids;
    size_t   ids_n, one;
    enum err e = people_of_unit(db, a, unit, roles, &ids, &ids_n);
    *n         = 0;
    for (size_t i = 0; e == ERR_OK && i < ids_n; i++) {
        e = notice_person(db, a, rules, ids[i], m, &one);
        *n += one;
    }
    return e;
}

enum err notice_mark_read(struct db *db, const char *person, const char *notice, int64_t wall_ms) {
    return notice_read_row(db, person, notice, wall_ms);
}

enum err sms_code_queue(struct db *db, struct arena *a, const struct notice_rules *rules, const char *phone_plain, const char *text,
                        const char *ref, int64_t wall_ms, int64_t expires_wall, bool live) {
    char     id[ID_CAP], *full = arena_printf(a, "【%s】%s", rules->signature, text);
    size_t   phone_cap = strlen(phone_plain) + SM4_EXTRA, text_cap = strlen(full) + SM4_EXTRA, phone_n = 0, text_n = 0;
    uint8_t *phone = arena_alloc(a, phone_cap), *sealed = arena_alloc(a, text_cap);
    id_new("d_", id);
    enum err e = sm4_seal(rules->pii_key, phone_plain, strlen(phone_plain), phone, phone_cap, &phone_n);
    if (e == ERR_OK) e = sm4_seal(rules->pii_key, full, strlen(full), sealed, text_cap, &text_n);
    if (e) return e;
    return delivery_insert_direct(db, &(struct direct_sms){id, ref, phone, phone_n, sealed, text_n, expires_wall, live, rules->demo_log}, wall_ms);
}
