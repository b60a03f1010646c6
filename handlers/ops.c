/* SPDX-License-Identifier: Apache-2.0
 *
 * How delivery stands, in one sentence and in figures: what the workers say of themselves in Redis, what the records hold, and which
 * providers an operator holds. Without Redis the records still answer.
 */
#include "store/ops.h"

#include <string.h>

#include "base/calendar.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/metric.h"
#include "handlers/delivery_words.h"
#include "handlers/lists.h"
#include "handlers/ops_int.h"
#include "push/code_words.h"

#define RECENT_MS      300000
#define LATE_MS        60000 /* P0 and P1 that wait longer are worth a word */
#define BACKLOG        1000  /* so are more outbox rows or writes than this */
#define PARAGRAPH_MAX  8

/* From the best to the worst; what a worker says of a provider (push/route.c), and the same for a person. */
static const struct condition {
    const char *word, *zh;
    bool        carries;
} conditions[] = {{"well", "正常", true},       {"slowed", "限速", true}, {"trying", "试探恢复", true}, {"shut", "熔断", false},
                  {"quota", "额度用完", false}, {"down", "断开", false},  {"held", "停用", false},      {"silent", "没有进程汇报", false}};
enum { WELL, SLOWED, TRYING, SHUT, QUOTA, DOWN, HELD, SILENT, CONDITIONS };

struct seen {
    const struct provider *p;
    int                    channel; /* enum delivery_channel */
    unsigned               workers, each[CONDITIONS];
    int                    state;
    int64_t                allowed, rate, window, under_way, ready, sent, taken_5m, other_5m, taken_1m;
    const char            *error, *error_at; /* newest */
};
struct view {
    struct seen        *seen;
    size_t              n;
    struct worker_word *workers;
    size_t              workers_n;
    bool                redis_up;
    int64_t             redis_waiting[DELIVERY_LANES], redis_pending[DELIVERY_LANES];
    struct ops_lane     lanes[DELIVERY_LANES];
    struct ops_hold    *holds;
    size_t              holds_n;
};

const struct provider *ops_provider(const struct house *h, const char *name) {
    for (size_t i = 0; i < h->providers_n; i++)
        if (strcmp(provider_name(h->providers[i]), name) == 0) return h->providers[i];
    return NULL;
}

enum err ops_on_record(struct req *r, const char *act, const char *object, const char *reason, const char *more) {
    struct buf b;
    struct jw  w;
    buf_init(&b, 8192);
    jw_init(&w, &b);
    jw_str(&w, reason);
    const char *body = arena_printf(r->a, "{\"reason\":%s%s}", buf_str(&b), more);
    buf_fini(&b);
    metric_add_label(M_C_operator_acts, act, 1);
    return req_ledger(r, object, body);
}

/* ---- what workers say ---- */
static int64_t number(const cJSON *o, const char *name) {
    const cJSON *v = cJSON_GetObjectItemCaseSensitive(o, name);
    return cJSON_IsNumber(v) ? (int64_t)v->valuedouble : 0;
}

static const char *word(const cJSON *o, const char *name) {
    const cJSON *v = cJSON_GetObjectItemCaseSensitive(o, name);
    return cJSON_IsString(v) ? v->valuestring : "";
}

static void add_word(struct req *r, struct view *v, const cJSON *o) {
    struct seen *s    = NULL;
    const char  *name = word(o, "name"), *state = word(o, "state"), *at = word(o, "last_error_at");
    for (size_t i = 0; i < v->n; i++)
        if (strcmp(provider_name(v->seen[i].p), name) == 0) s = &v->seen[i];
    if (s == NULL) return; /* of another configuration */
    int64_t rate = number(o, "rate_per_s");
    s->rate      = s->workers == 0 || rate < s->rate ? rate : s->rate;
    s->allowed   = number(o, "allowed_per_s");
    s->window += number(o, "window");
    s->under_way += number(o, "under_way");
    s->ready += number(o, "ready");
    s->sent += number(o, "sent");
    s->taken_5m += number(o, "taken_5m");
    s->other_5m += number(o, "other_5m");
    s->taken_1m += number(o, "taken_1m");
    s->workers++;
    for (int i = 0; i < CONDITIONS; i++) s->each[i] += strcmp(conditions[i].word, state) == 0;
    if (*at && strcmp(at, s->error_at) > 0) {
        s->error    = arena_strdup(r->a, word(o, "last_error"));
        s->error_at = arena_strdup(r->a, at);
    }
}

/* A hand on it counts first; while one worker carries, so does the provider; else the worst tells. */
static int judge(const struct view *v, const struct seen *s) {
    for (size_t i = 0; i < v->holds_n; i++)
        if (strcmp(v->holds[i].provider, provider_name(s->p)) == 0) return HELD;
    if (s->workers == 0) return SILENT;
    if (s->each[SLOWED]) return SLOWED;
    if (s->each[WELL]) return s->each[WELL] < s->workers ? TRYING : WELL;
    for (int i = TRYING; i < CONDITIONS; i++)
        if (s->each[i]) return i;
    return SILENT;
}

static enum err listen_to_workers(struct req *r, struct view *v) {
    if (r->redis == NULL || redis_ping(r->redis) != ERR_OK) return ERR_OK;
    if (worker_list(r->redis, r->a, &v->workers, &v->workers_n) != ERR_OK) return ERR_OK;
    v->redis_up = true;
    for (size_t i = 0; i < v->workers_n; i++) {
        cJSON      *o = NULL;
        const char *why;
        if (json_parse(v->workers[i].json, strlen(v->workers[i].json), &o, &why) != ERR_OK) continue;
        const cJSON *p;
        cJSON_ArrayForEach(p, cJSON_GetObjectItemCaseSensitive(o, "providers")) add_word(r, v, p);
        cJSON_Delete(o);
    }
    for (size_t i = 0; i < DELIVERY_LANES; i++)
        if (lane_depth(r->redis, delivery_lanes[i], &v->redis_waiting[i], &v->redis_pending[i]) != ERR_OK) v->redis_up = false;
    return ERR_OK;
}

static enum err look(struct req *r, struct view *v) {
    const struct house *h = r->house;
    v->seen               = arena_alloc(r->a, (h->providers_n + 1) * sizeof *v->seen);
    v->n                  = h->providers_n;
    for (size_t i = 0; i < v->n; i++)
        v->seen[i] = (struct seen){.p = h->providers[i], .channel = delivery_channel_of(provider_kind(h->providers[i])->channel), .error = "", .error_at = ""};
    TRY(ops_holds(r->db, r->a, &v->holds, &v->holds_n));
    TRY(ops_lanes(r->db, r->wall_ms, v->lanes));
    TRY(listen_to_workers(r, v));
    for (size_t i = 0; i < v->n; i++) v->seen[i].state = judge(v, &v->seen[i]);
    return ERR_OK;
}

/* ---- the sentence ---- */
struct paragraph {
    struct arena *a;
    const char   *part[PARAGRAPH_MAX];
    size_t        n;
    bool          bad;
};

static void say(struct paragraph *p, bool bad, const char *text) {
    if (p->n < PARAGRAPH_MAX) p->part[p->n++] = text;
    p->bad = p->bad || bad;
}

static void say_channel(struct paragraph *p, const struct view *v, int channel) {
    const char *zh = delivery_channels[channel].zh;
    size_t      all = 0, carry = 0, fine = 0;
    for (size_t i = 0; i < v->n; i++) {
        if (v->seen[i].channel != channel) continue;
        all++;
        carry += conditions[v->seen[i].state].carries;
        fine += v->seen[i].state == WELL;
    }
    if (all && carry == 0) say(p, true, arena_printf(p->a, "%s通道中断", zh));
    else if (fine < all) say(p, false, arena_printf(p->a, "%s通道降级", zh));
}

static void say_late(struct paragraph *p, const struct view *v, int64_t wall_ms) {
    int64_t n = 0, oldest = wall_ms;
    for (size_t i = 0; i < (size_t)2 * CHANNELS_N; i++) {
        if (v->lanes[i].oldest_wall == 0 || v->lanes[i].oldest_wall > wall_ms - LATE_MS) continue;
        n += v->lanes[i].waiting;
        if (v->lanes[i].oldest_wall < oldest) oldest = v->lanes[i].oldest_wall;
    }
    if (n) say(p, false, arena_printf(p->a, "%lld条紧急消息待发，最久%lld分钟", (long long)n, (long long)((wall_ms - oldest) / 60000)));
}

static const char *sentence(struct req *r, const struct view *v, const char **level) {
    struct paragraph p = {.a = r->a};
    if (!v->redis_up) say(&p, true, "Redis中断，实时更新和下发暂停，已受理的消息不会丢失");
    else if (v->workers_n == 0) say(&p, true, "没有下发进程在运行，消息只到站内");
    else
        for (int c = 0; c < CHANNELS_N; c++) say_channel(&p, v, c);
    say_late(&p, v, r->wall_ms);
    if (metric_get(M_C_outbox_waiting) > BACKLOG) say(&p, false, "实时更新有积压");
    if (metric_get(M_C_writes_waiting) > BACKLOG) say(&p, false, "写入在排队");
    *level = p.bad ? "bad" : p.n ? "fair" : "good";
    if (p.n == 0) return "一切正常";
    const char *text = p.part[0];
    for (size_t i = 1; i < p.n; i++) text = arena_printf(r->a, "%s，%s", text, p.part[i]);
    return v->redis_up && v->workers_n ? arena_printf(r->a, "%s，其余正常", text) : text;
}

/* ---- the figures ---- */
static int64_t sum_of(const struct ops_sum *s, size_t n, const char *of, const char *one) {
    int64_t all = 0;
    for (size_t i = 0; i < n; i++)
        if (strcmp(s[i].of, of) == 0 && (one == NULL || strcmp(s[i].word, one) == 0)) all += s[i].n;
    return all;
}

/* "rejected: result 9, parts 0 of 1 taken" in words. */
static const char *error_zh(struct req *r, const char *error) {
    const char *colon = strstr(error, ": ");
    if (colon == NULL) return NULL;
    enum verdict v     = verdict_of(arena_strndup(r->a, error, (size_t)(colon - error)));
    const char  *means = code_words(colon + 2);
    return means ? means : v == V_MAX ? NULL : verdict_info(v)->zh;
}

static void write_hold(struct req *r, const struct view *v, const char *name) {
    jw_key(r->out, "held");
    for (size_t i = 0; i < v->holds_n; i++) {
        if (strcmp(v->holds[i].provider, name) != 0) continue;
        jw_obj(r->out);
        jw_kstr(r->out, "by", v->holds[i].person);
        jw_kstr(r->out, "reason", v->holds[i].reason);
        jw_ktime(r->out, "at", v->holds[i].at_wall);
        jw_obj_end(r->out);
        return;
    }
    jw_null(r->out);
}

struct day {
    struct ops_sum *states, *attempts, *receipts, *parts;
    size_t          states_n, attempts_n, receipts_n, parts_n;
    bool            cut;
};

static void write_provider(struct req *r, const struct view *v, const struct day *d, const struct seen *s) {
    const char *name = provider_name(s->p);
    /* what was taken is paid for, long texts by part */
    int64_t sent = sum_of(d->attempts, d->attempts_n, name, "sent") + sum_of(d->attempts, d->attempts_n, name, "delivered");
    int64_t parts = sum_of(d->parts, d->parts_n, name, NULL), paid = parts > sent ? parts : sent;
    jw_obj(r->out);
    jw_kstr(r->out, "name", name);
    jw_kstr(r->out, "kind", provider_kind(s->p)->name);
    jw_kstr(r->out, "channel", provider_kind(s->p)->channel);
    jw_kstr(r->out, "channel_text", delivery_channels[s->channel].zh);
    jw_kstr(r->out, "state", conditions[s->state].word);
    jw_kstr(r->out, "state_text", conditions[s->state].zh);
    write_hold(r, v, name);
    jw_kint(r->out, "workers", s->workers);
    jw_kint(r->out, "window", s->window);
    jw_kint(r->out, "window_used", s->under_way);
    jw_kint(r->out, "ready", s->ready);
    jw_kint(r->out, "rate_per_s", s->rate);
    jw_kint(r->out, "allowed_per_s", s->allowed);
    jw_kint(r->out, "weight", provider_number(s->p, "weight"));
    jw_kint(r->out, "taken_1m", s->taken_1m);
    jw_kint(r->out, "taken_5m", s->taken_5m);
    jw_kint(r->out, "other_5m", s->other_5m);
    jw_kint(r->out, "receipts_good_5m", sum_of(d->receipts, d->receipts_n, name, "delivered") + sum_of(d->receipts, d->receipts_n, name, "read"));
    jw_kint(r->out, "receipts_bad_5m", sum_of(d->receipts, d->receipts_n, name, "failed"));
    jw_kint(r->out, "sent_today", sent);
    jw_kint(r->out, "cost_today", (paid * provider_number(s->p, "cost") + 5) / 10); /* fen; the option is in thousandths of a yuan */
    jw_kstr(r->out, "last_error", *s->error ? s->error : NULL);
    jw_kstr(r->out, "last_error_text", error_zh(r, s->error));
    jw_kstr(r->out, "last_error_at", *s->error_at ? s->error_at : NULL);
    jw_obj_end(r->out);
}

static void write_lanes(struct req *r, const struct view *v) {
    jw_key(r->out, "lanes");
    jw_arr(r->out);
    for (size_t i = 0; i < DELIVERY_LANES; i++) {
        const struct ops_lane *l = &v->lanes[i];
        size_t                 c = i % CHANNELS_N;
        if (!(r->house->channels & 1U << c) && l->waiting + l->in_hand + v->redis_waiting[i] + v->redis_pending[i] == 0) continue;
        jw_obj(r->out);
        jw_kstr(r->out, "lane", delivery_lanes[i]);
        jw_kint(r->out, "priority", (int64_t)(i / CHANNELS_N));
        jw_kstr(r->out, "channel", delivery_channels[c].word);
        jw_kstr(r->out, "channel_text", delivery_channels[c].zh);
        jw_kint(r->out, "waiting", l->waiting);
        jw_kint(r->out, "in_hand", l->in_hand);
        jw_kint(r->out, "queue_waiting", v->redis_waiting[i]);
        jw_kint(r->out, "queue_pending", v->redis_pending[i]);
        jw_ktime(r->out, "oldest_at", l->oldest_wall);
        jw_kint(r->out, "oldest_s", l->oldest_wall ? (r->wall_ms - l->oldest_wall) / 1000 : 0);
        jw_obj_end(r->out);
    }
    jw_arr_end(r->out);
}

static void write_workers(struct req *r, const struct view *v) {
    jw_key(r->out, "workers");
    jw_arr(r->out);
    for (size_t i = 0; i < v->workers_n; i++) {
        cJSON      *o = NULL;
        const char *why;
        jw_obj(r->out);
        jw_kstr(r->out, "name", v->workers[i].worker);
        jw_ktime(r->out, "at", v->workers[i].at_ms);
        jw_kint(r->out, "age_s", (r->wall_ms - v->workers[i].at_ms) / 1000);
        if (json_parse(v->workers[i].json, strlen(v->workers[i].json), &o, &why) == ERR_OK) jw_kint(r->out, "in_hand", number(o, "in_hand"));
        cJSON_Delete(o);
        jw_obj_end(r->out);
    }
    jw_arr_end(r->out);
}

static void write_today(struct req *r, const struct day *d) {
    int64_t dead = 0;
    jw_key(r->out, "today");
    jw_obj(r->out);
    jw_kbool(r->out, "cut", d->cut);
    jw_key(r->out, "items");
    jw_arr(r->out);
    for (size_t i = 0; i < d->states_n; i++) {
        const struct ops_sum *s = &d->states[i];
        dead += strcmp(s->word, "failed") == 0 || strcmp(s->word, "unknown") == 0 ? s->n : 0;
        jw_obj(r->out);
        jw_kstr(r->out, "channel", s->of);
        jw_kstr(r->out, "channel_text", delivery_channel_zh(s->of));
        jw_kstr(r->out, "state", s->word);
        jw_kint(r->out, "n", s->n);
        jw_obj_end(r->out);
    }
    jw_arr_end(r->out);
    jw_kint(r->out, "dead", dead);
    jw_obj_end(r->out);
}

static enum err overview(struct req *r, const void *args) {
    (void)args;
    struct view *v = arena_alloc(r->a, sizeof *v);
    struct day   d = {0};
    const char  *level;
    memset(v, 0, sizeof *v);
    int64_t since = date_start_ms(date_of_ms(r->wall_ms));
    TRY(look(r, v));
    TRY(ops_day(r->db, r->a, since, &d.states, &d.states_n, &d.cut));
    TRY(ops_attempts(r->db, r->a, since, &d.attempts, &d.attempts_n));
    TRY(ops_receipts(r->db, r->a, r->wall_ms - RECENT_MS, &d.receipts, &d.receipts_n));
    TRY(ops_parts(r->db, r->a, since, &d.parts, &d.parts_n));
    jw_ktime(r->out, "at", r->wall_ms);
    jw_kstr(r->out, "text", sentence(r, v, &level));
    jw_kstr(r->out, "level", level);
    jw_kbool(r->out, "may_act", req_has(r, ROLE_ADMIN));
    jw_kbool(r->out, "demo", r->house->demo);
    jw_kstr(r->out, "redis", v->redis_up ? "up" : "down");
    jw_kint(r->out, "connections", metric_get(M_C_conns));
    jw_kint(r->out, "outbox_waiting", metric_get(M_C_outbox_waiting));
    jw_kint(r->out, "writes_waiting", metric_get(M_C_writes_waiting));
    jw_key(r->out, "providers");
    jw_arr(r->out);
    for (size_t i = 0; i < v->n; i++) write_provider(r, v, &d, &v->seen[i]);
    jw_arr_end(r->out);
    write_lanes(r, v);
    write_workers(r, v);
    write_today(r, &d);
    return ERR_OK;
}

static const struct method rows[] = {
    {.name = "ops.overview", .verb = V_GET, .path = "/v1/ops", .doc = "下发的总体情况：一句话状态、各通道运营方、队列、下发进程、当日各状态数量。", .roles = ROLE_OPERATOR,
     .flags = M_REDIS, .cost = 1, .fn = overview, .reply_doc = "text 一句话，level 为 good、fair 或 bad，providers，lanes，workers，today；金额为分"},
};
METHOD_LIST(ops_methods, rows);
