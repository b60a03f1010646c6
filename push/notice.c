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
#include "store/target.h"

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

int64_t notice_after_quiet(const struct notice_rules *rules, int64_t biz_ms) {
    int64_t from = rules->quiet_from_min * MINUTE_MS, to = rules->quiet_to_min * MINUTE_MS;
    int32_t day  = date_of_ms(biz_ms);
    int64_t at   = biz_ms - date_start_ms(day);
    if (from == to) return biz_ms;
    if (from < to) return at >= from && at < to ? date_start_ms(day) + to : biz_ms;
    if (at >= from) return date_start_ms(day + 1) + to; /* over midnight */
    return at < to ? date_start_ms(day) + to : biz_ms;
}

/* What is being planned: one notice and its steps. */
struct planning {
    struct db                 *db;
    struct arena              *a;
    const struct notice_rules *rules;
    const struct notice_row   *n;
    int                        step;   /* next number */
    bool                       made;   /* a step before could be made */
    char                     **sent, **targets; /* deliveries of the last office step and where they go, for what makes them louder */
    size_t                     sent_n;
    int64_t                    last_ms; /* delay of the plan's last step */
};

/* id: of the new one. raise_of: NULL, or whose message it makes louder. */
static enum err add(struct planning *p, enum delivery_channel channel, const char *target, const char *raise_of, int64_t due_wall_ms,
                    int64_t not_before_ms, char id[ID_CAP]) {
    id_new("d_", id);
    struct delivery_row d = {.id                 = id,
                             .notice             = p->n->id,
                             .person             = p->n->person,
                             .channel            = delivery_channels[channel].word,
                             .target             = target,
                             .raise_of           = raise_of,
                             .priority           = p->n->priority,
                             .step               = p->step,
                             .due_wall_ms        = due_wall_ms,
                             .not_before_wall_ms = not_before_ms,
                             .wall_ms            = p->n->created_wall_ms};
    return delivery_insert(p->db, &d);
}

/* Would an SMS of priority 2 or 3 only be noise? */
static enum err is_noise(const struct planning *p, bool *yes) {
    const struct notice_rules *rules = p->rules;
    struct sms_history         past  = {0};
    enum err                   e = sms_history(p->db, p->n->person, p->n->object, p->n->created_wall_ms - rules->sms_merge_ms,
                                               date_start_ms(date_of_ms(p->n->created_biz_ms)), &past);
    if (e) return e;
    bool merged = rules->sms_merge_ms > 0 && past.same_object > 0, over = rules->sms_per_day > 0 && past.today >= rules->sms_per_day;
    *yes = merged || over;
    if (*yes) metric_add_label(M_C_sms, merged ? "merged" : "over_limit", 1);
    return ERR_OK;
}

/* One step: a delivery to each target. Quiet hours are looked up in the business clock and added as they are: a demo that runs faster
 * sends to the log anyway. */
static enum err plan_step(struct planning *p, const struct notice_step *s) {
    const struct delivery_channel_info *info   = &delivery_channels[s->channel];
    const struct notice_row            *n      = p->n;
    bool                                duty   = n->priority <= 1, noise = false;
    char                                nobody[1] = "", *none[] = {nobody}, **targets = none;
    size_t                              targets_n = 1;
    enum err                            e = ERR_OK;
    if (s->channel == CHANNEL_OFFICE && !s->is_raise) p->sent_n = 0;
    if (!(p->rules->channels & 1U << s->channel)) return ERR_OK;
    if (s->is_raise) {
        targets   = p->targets;
        targets_n = p->sent_n;
    } else if (info->target == TARGET_TARGET) e = target_ids(p->db, p->a, n->person, info->word, &targets, &targets_n);
    if (e == ERR_OK && targets_n > 0 && !duty) e = opted_out(p->db, n->person, info->word, &noise);
    if (e == ERR_OK && targets_n > 0 && !duty && !noise && s->channel == CHANNEL_SMS) e = is_noise(p, &noise);
    if (e || targets_n == 0 || noise) return e;
    int64_t after = p->made ? s->after_ms : s->alone_ms, late = 0;
    if (n->deadline_wall_ms) after = notice_plan_press(after, p->last_ms, n->deadline_wall_ms - n->created_wall_ms);
    if (!duty) late = notice_after_quiet(p->rules, n->created_biz_ms + after) - (n->created_biz_ms + after);
    char **ids = arena_alloc(p->a, targets_n * sizeof *ids);
    for (size_t i = 0; e == ERR_OK && i < targets_n; i++) {
        int64_t due = n->created_wall_ms + after + late;
        ids[i]      = arena_alloc(p->a, ID_CAP);
        e           = add(p, s->channel, targets[i], s->is_raise ? p->sent[i] : NULL, due, late ? due : 0, ids[i]);
    }
    if (s->channel == CHANNEL_OFFICE && !s->is_raise) {
        p->sent    = ids;
        p->targets = targets;
        p->sent_n  = targets_n;
    }
    p->made = true;
    p->step++;
    return e;
}

static enum err plan_all(struct db *db, struct arena *a, const struct notice_rules *rules, const struct notice_row *n) {
    const struct notice_plan *plan = &rules->plans[n->priority];
    struct planning    p    = {.db = db, .a = a, .rules = rules, .n = n, .last_ms = plan->n ? plan->step[plan->n - 1].after_ms : 0};
    char               id[ID_CAP];
    enum err           e    = rules->demo_log ? add(&p, CHANNEL_LOG, "", NULL, n->created_wall_ms, 0, id) : ERR_OK;
    p.step                  = 1;
    for (size_t i = 0; e == ERR_OK && i < plan->n; i++) e = plan_step(&p, &plan->step[i]);
    return e;
}

enum err notice_person(struct db *db, struct arena *a, const struct notice_rules *rules, const char *person, const struct notice_msg *m,
                       size_t *n) {
    const struct kind *k     = find(m->kind);
    const char        *title = cut(a, m->title ? m->title : "", TITLE_MAX);
    char               id[ID_CAP];
    id_new("n_", id);
    struct notice_row row = {.id              = id,
                             .person          = person,
                             .kind            = m->kind,
                             .object          = m->object ? m->object : "",
                             .title           = k->title,
                             .body            = fill(a, k->text, title, m->extra ? m->extra : ""),
                             .var_t           = title,
                             .var_x           = m->extra ? m->extra : "",
                             .dedupe          = m->dedupe,
                             .priority        = m->circular ? m->circular_priority : k->priority,
                             .created_biz_ms  = m->biz_ms,
                             .created_wall_ms = m->wall_ms,
                             .deadline_wall_ms = m->deadline_wall_ms,
                             .circular         = m->circular};
    *n         = 0;
    enum err e = notice_insert(db, &row);
    if (e == ERR_DUP) return ERR_OK;
    if (e == ERR_OK) e = publish(db, a, &row);
    if (e == ERR_OK) e = plan_all(db, a, rules, &row);
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
    return notice_read_row(db, person, notice, "app", wall_ms);
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
