/* SPDX-License-Identifier: Apache-2.0
 *
 * Boards: written, published when they changed, frozen when their period is over. All periods and scopes of one moment come from
 * one pass over the records. Whether a board changed is known by its digest in the store. For publication the writer remembers
 * history, which only grows, and reads what is new, also from other processes; everything else reads it from the beginning.
 */
#include "handlers/ranking.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/text.h"
#include "store/outbox.h"

#define ARENA_BYTES (32u << 20) /* a ceiling, not an allocation */
#define BOARD_BYTES (4u << 20)
#define EVENTS_N 12
#define BUSY_CHANGES 16     /* so many since the last publication: this is load */
#define BUSY_US      250000 /* between two publications under load */
#define DEAR_US      50000  /* boards that cost so much are published at most a tenth of the time */
#define RETRY_US     1000000
#define EVERY_SCOPE (SCOPE_COUNTY | SCOPE_DEPARTMENT | SCOPE_SOE)

static const struct scope {
    const char *word;
    unsigned    bits;
} scopes[] = {{"city", EVERY_SCOPE}, {"county", SCOPE_COUNTY}, {"department", SCOPE_DEPARTMENT}, {"soe", SCOPE_SOE}};

static const struct scope *scope_find(const char *word) {
    for (size_t i = 0; i < ARRAY_N(scopes); i++)
        if (strcmp(scopes[i].word, word) == 0) return &scopes[i];
    return NULL;
}

struct score_rules ranking_rules(const struct house *h) {
    return (struct score_rules){.cal = h->cal, .yellow_days = h->yellow_days, .min_tasks = h->ranking_min_tasks};
}

/* ---- the year by weeks, and what is new: the same in every period ---- */

static void write_weeks(struct jw *w, const struct ranking_view *v, unsigned mask) {
    int y, m, d;
    date_split(v->period.from, &y, &m, &d);
    int32_t first = date_make(y, 1, 1), last = date_make(y, 12, 31), from = first - (date_weekday(first) - 1);
    struct week {
        int due, open, overdue, soon;
    } weeks[55] = {0};
    for (size_t i = 0; i < v->d.tasks_n; i++) {
        const struct score_task *s = &v->f.tasks[i];
        if (!(s->scopes & mask) || !s->opened || s->state == ST_cancelled || s->deadline < first || s->deadline > last) continue;
        struct week *k = &weeks[(s->deadline - from) / 7];
        k->due++;
        k->open += !s->done && s->state != ST_closed;
        k->overdue += s->overdue;
        k->soon += s->light == LIGHT_YELLOW;
    }
    jw_arr(w);
    for (int i = 0; from + i * 7 <= last; i++) {
        char date[11];
        date_format(from + i * 7, date);
        jw_obj(w);
        jw_kint(w, "week", i + 1);
        jw_kstr(w, "from", date);
        jw_kint(w, "due", weeks[i].due);
        jw_kint(w, "open", weeks[i].open);
        jw_kint(w, "overdue", weeks[i].overdue);
        jw_kint(w, "soon", weeks[i].soon);
        jw_obj_end(w);
    }
    jw_arr_end(w);
}

struct item {
    int64_t     at, seq;
    const char *kind;
    int         unit; /* -1: none of this scope */
    size_t      task;
};
struct news {
    struct item v[EVENTS_N]; /* newest first */
    size_t      n;
    int         today_n;
    int64_t     today_ms;
};

static bool is_newer(const struct item *x, const struct item *y) {
    if (x->at != y->at) return x->at > y->at;
    return x->task != y->task ? x->task < y->task : x->seq > y->seq;
}

static void add_item(struct news *n, const struct item *x) {
    n->today_n += x->at >= n->today_ms;
    if (n->n == EVENTS_N && !is_newer(x, &n->v[EVENTS_N - 1])) return;
    size_t i = n->n < EVENTS_N ? n->n++ : EVENTS_N - 1;
    for (; i > 0 && is_newer(x, &n->v[i - 1]); i--) n->v[i] = n->v[i - 1];
    n->v[i] = *x;
}

/* What happened today without anybody's doing. */
static const char *turned(const struct ranking_view *v, const struct score_task *s) {
    int before;
    if (s->light == LIGHT_RED) return s->effective + 1 == v->f.today ? "overdue" : NULL;
    if (s->light != LIGHT_YELLOW || s->dispatched_on == v->f.today) return NULL;
    return score_workdays(&v->f, v->f.today - 1, s->effective, &before) == ERR_OK && before > v->rules.yellow_days ? "due_soon"
                                                                                                                   : NULL;
}

static void collect(const struct ranking_view *v, unsigned mask, struct news *n) {
    /* by whole: of the task, told under its lead unit; else the unit's own act */
    static const struct {
        const char *kind;
        bool        whole;
    } acts[] = {[ACT_approve] = {"dispatch", true},    [ACT_sign_for] = {"sign", false}, [ACT_report] = {"report", false},
                [ACT_submit_done] = {"submit", false}, [ACT_accept] = {"close", true},   [ACT_return] = {"return", true}};
    *n       = (struct news){.today_ms = date_start_ms(v->f.today)};
    for (size_t i = 0; i < v->d.tasks_n; i++) {
        const struct ranking_task *t = &v->d.tasks[i];
        const struct score_task   *s = &v->f.tasks[i];
        if (!(s->scopes & mask) || !s->opened) continue;
        int lead = s->lead >= 0 && (v->d.units[s->lead].scope & mask) ? s->lead : -1;
        for (size_t k = 0; k < t->events_n && t->events[k].at_biz < v->f.cutoff_ms; k++) {
            const struct ranking_event *e = &t->events[k];
            if (e->act >= ARRAY_N(acts) || acts[e->act].kind == NULL) continue;
            bool whole = acts[e->act].whole;
            if (!whole && (e->unit < 0 || !(v->d.units[e->unit].scope & mask))) continue;
            add_item(n, &(struct item){e->at_biz, e->seq, acts[e->act].kind, whole ? lead : e->unit, i});
        }
        const char *kind = turned(v, s);
        if (kind) add_item(n, &(struct item){n->today_ms, 0, kind, lead, i});
    }
}

static void write_events(struct jw *w, const struct ranking_view *v, const struct news *n) {
    jw_arr(w);
    for (size_t i = 0; i < n->n; i++) {
        const struct item *x = &n->v[i];
        jw_obj(w);
        jw_ktime(w, "at", x->at);
        jw_kstr(w, "kind", x->kind);
        jw_kstr(w, "unit", x->unit < 0 ? "" : v->d.units[x->unit].code);
        jw_kstr(w, "title", v->d.tasks[x->task].title);
        jw_kstr(w, "task", v->d.tasks[x->task].id);
        jw_obj_end(w);
    }
    jw_arr_end(w);
}

/* What does not depend on the period, written once for all three. */
struct tail {
    struct buf weeks, events;
    int        today_n;
};

static void tail_init(struct tail *t, const struct ranking_view *v, unsigned mask) {
    struct jw   w;
    struct news n;
    buf_init(&t->weeks, BOARD_BYTES);
    buf_init(&t->events, BOARD_BYTES);
    jw_init(&w, &t->weeks);
    write_weeks(&w, v, mask);
    collect(v, mask, &n);
    jw_init(&w, &t->events);
    write_events(&w, v, &n);
    t->today_n = n.today_n;
}

static void tail_fini(struct tail *t) {
    buf_fini(&t->weeks);
    buf_fini(&t->events);
}

/* ---- rows ---- */

/* Places of the frozen board before: 0 = had none. Reads what write_rows() wrote; a scan, since this runs in the commit path. */
static enum err places_before(struct db *db, const struct ranking_view *v, const struct score_period *p, const char *scope,
                              int **out) {
    struct score_period before = score_period_before(p);
    const char         *board, *end;
    *out       = arena_alloc(v->a, (v->d.units_n + 1) * sizeof **out);
    enum err e = ranking_frozen_get(db, v->a, before.name, scope, &board);
    if (e == ERR_NOTFOUND) return ERR_OK;
    TRY(e);
    const char *q = strstr(board, "\"rows\":[");
    end           = strstr(board, "],\"weeks\":[");
    while (q && end && (q = strstr(q, "{\"rank\":")) != NULL && q < end) {
        int         rank = (int)strtol(q + 8, NULL, 10); /* null reads as 0 */
        const char *unit = strstr(q, "\"unit\":\"");
        if (unit == NULL) break;
        int i = ranking_find_unit(&v->d, arena_strndup(v->a, unit + 8, strcspn(unit + 8, "\"")));
        if (i >= 0) (*out)[i] = rank;
        q = unit;
    }
    return ERR_OK;
}

static void write_or_null(struct jw *w, const char *key, int n, bool known) {
    if (known)
        jw_kint(w, key, n);
    else
        jw_kstr(w, key, NULL);
}

static void write_rows(struct jw *w, const struct ranking_view *v, const struct score_row *rows, size_t n, const int *before) {
    jw_key(w, "rows");
    jw_arr(w);
    for (size_t i = 0; i < n; i++) {
        const struct score_row    *r = &rows[i];
        const struct ranking_unit *u = &v->d.units[r->unit];
        jw_obj(w);
        write_or_null(w, "rank", r->rank, r->rank > 0);
        write_or_null(w, "change", before[r->unit] - r->rank, r->rank > 0 && before[r->unit] > 0);
        jw_kstr(w, "unit", u->code);
        jw_kstr(w, "name", u->board_name);
        jw_kstr(w, "short_name", u->short_name);
        write_or_null(w, "score", r->score, r->rank > 0);
        jw_kint(w, "on_time", r->on_time);
        jw_kint(w, "due", r->due);
        write_or_null(w, "on_time_rate", r->rate, r->rate >= 0);
        jw_kint(w, "closed", r->closed);
        jw_kint(w, "counted", r->counted);
        jw_kint(w, "red", r->red);
        jw_kint(w, "yellow", r->yellow);
        jw_kint(w, "green", r->green);
        jw_kstr(w, "mark", award_word(r->mark));
        jw_obj_end(w);
    }
    jw_arr_end(w);
}

static void write_totals(struct jw *w, const struct ranking_view *v, const struct score_period *p, unsigned mask) {
    struct score_row sum    = {0};
    int              closed = 0, open = 0, follow = 0;
    for (size_t i = 0; i < v->d.tasks_n; i++) {
        const struct score_task *s   = &v->f.tasks[i];
        int                      was = sum.tasks;
        if (!(s->scopes & mask)) continue;
        score_add_task(&sum, s, p);
        if (sum.tasks == was) continue;
        if (s->state == ST_closed || (s->done && score_counted(s, p)))
            closed++;
        else if (s->state == ST_long_term || v->d.tasks[i].long_term)
            follow++;
        else
            open++;
    }
    int rate = sum.due ? (sum.on_time * 20000 + sum.due) / (2 * sum.due) : -1;
    jw_key(w, "totals");
    jw_obj(w);
    jw_kint(w, "tasks", sum.tasks);
    jw_kint(w, "closed", closed);
    jw_kint(w, "open", open);
    jw_kint(w, "long_term", follow);
    jw_kint(w, "red", sum.red);
    jw_kint(w, "yellow", sum.yellow);
    jw_kint(w, "green", sum.green);
    jw_kint(w, "on_time", sum.on_time);
    jw_kint(w, "due", sum.due);
    write_or_null(w, "on_time_rate", rate, rate >= 0);
    jw_obj_end(w);
}

/* The whole board into b. *content: where that begins which makes one board different from another (all but version and at). */
static enum err write_board(struct db *db, const struct ranking_view *v, const struct score_period *p, const struct scope *scope,
                            const struct score_row *units, const struct tail *t, bool frozen, struct buf *b, size_t *content) {
    struct jw         w;
    struct score_row *rows;
    size_t            n;
    int              *before;
    char              day[11];
    TRY(places_before(db, v, p, scope->word, &before));
    score_scope(&v->d, units, scope->bits, v->a, &rows, &n);
    date_format(v->f.today, day);
    jw_init(&w, b);
    jw_obj(&w);
    jw_kstr(&w, "period", p->name);
    jw_kstr(&w, "scope", scope->word);
    jw_kstr(&w, "rule", RANKING_RULE);
    jw_kint(&w, "version", score_version(&v->d, &v->f, p));
    jw_ktime(&w, "at", v->f.cutoff_ms - 1);
    *content = b->len;
    jw_kstr(&w, "day", day);
    jw_kbool(&w, "frozen", frozen);
    jw_kint(&w, "min_tasks", v->rules.min_tasks);
    write_totals(&w, v, p, scope->bits);
    write_rows(&w, v, rows, n, before);
    jw_kraw(&w, "weeks", buf_str(&t->weeks));
    jw_kraw(&w, "events", buf_str(&t->events));
    jw_kint(&w, "events_today", t->today_n);
    jw_obj_end(&w);
    return b->failed ? ERR_TOOBIG : ERR_OK;
}

/* ---- one moment of the records ---- */

static enum err view_of(struct house *h, int64_t cutoff_ms, struct ranking_view *v) {
    v->rules = ranking_rules(h);
    return score_facts(&v->d, &v->rules, cutoff_ms, v->a, &v->f);
}

enum err ranking_view_begin(struct house *h, struct db *db, const char *period, const char *scope, int64_t biz_ms,
                            struct ranking_view *out) {
    memset(out, 0, sizeof *out);
    const struct scope *s = scope_find(scope);
    if (s == NULL || score_period_parse(period, &out->period) != ERR_OK) return ERR_INPUT;
    int64_t end = date_start_ms(out->period.to + 1);
    out->a      = arena_new(ARENA_BYTES);
    out->scopes = s->bits;
    out->ended  = end <= biz_ms;
    TRY(ranking_load(db, out->a, &out->d));
    if (!out->ended) return view_of(h, biz_ms + 1, out);
    /* a frozen period is seen with the rules and names of its freezing */
    struct ranking_inputs in;
    enum err              e = ranking_inputs_get(db, out->a, period, &in, &out->d);
    if (e == ERR_NOTFOUND) return view_of(h, end, out);
    TRY(e);
    out->rules             = ranking_rules(h);
    out->rules.min_tasks   = in.min_tasks;
    out->rules.yellow_days = in.yellow_days;
    return score_facts(&out->d, &out->rules, end, out->a, &out->f);
}

void ranking_view_end(struct ranking_view *v) {
    arena_free(v->a);
    v->a = NULL;
}

static enum err compute(struct house *h, struct db *db, const char *period, const char *scope, int64_t biz_ms, bool frozen,
                        struct jw *out) {
    struct ranking_view v;
    struct score_row   *units;
    struct tail         t;
    struct buf          b;
    size_t              content;
    enum err            e = ranking_view_begin(h, db, period, scope, biz_ms, &v);
    if (e == ERR_OK && frozen && !v.ended) e = ERR_STATE;
    if (e == ERR_OK) e = score_period(&v.d, &v.rules, &v.f, &v.period, v.a, &units);
    if (e == ERR_OK) {
        buf_init(&b, BOARD_BYTES);
        tail_init(&t, &v, v.scopes);
        e = write_board(db, &v, &v.period, scope_find(scope), units, &t, frozen, &b, &content);
        if (e == ERR_OK) jw_raw(out, buf_str(&b), b.len);
        tail_fini(&t);
        buf_fini(&b);
    }
    ranking_view_end(&v);
    return e;
}

enum err ranking_board(struct house *h, struct db *db, struct arena *a, const char *period, const char *scope, int64_t biz_ms,
                       struct jw *out) {
    const char *board;
    (void)a;
    struct arena *own = arena_new(ARENA_BYTES);
    enum err      e   = ranking_frozen_get(db, own, period, scope, &board);
    if (e == ERR_OK) jw_raw(out, board, strlen(board));
    arena_free(own);
    return e == ERR_NOTFOUND ? compute(h, db, period, scope, biz_ms, false, out) : e;
}

enum err ranking_recompute(struct house *h, struct db *db, const char *period, const char *scope, int64_t biz_ms,
                           struct jw *out) {
    return compute(h, db, period, scope, biz_ms, true, out);
}

/* ---- published ---- */

static enum err send_board(struct db *db, struct arena *a, const struct score_period *p, const struct scope *scope,
                           const struct buf *b, size_t content, int64_t wall_ms) {
    uint8_t     h[32];
    char        digest[65], channel[64];
    const char *was;
    sm3(b->p + content, b->len - content, h);
    hex_encode(digest, h, sizeof h);
    TRY(ranking_digest_get(db, a, p->name, scope->word, &was));
    if (strcmp(digest, was) == 0) return ERR_OK;
    TRY(ranking_digest_set(db, p->name, scope->word, digest));
    (void)snprintf(channel, sizeof channel, "ranking:%s:%s", p->name, scope->word);
    return outbox_add(db, channel, "board", buf_str(b), wall_ms);
}

static enum err publish_all(struct db *db, struct ranking_view *v, int64_t wall_ms) {
    struct score_period periods[3];
    struct score_row   *units[3];
    struct buf          b;
    enum err            e = ERR_OK;
    for (int i = 0; i < 3; i++) {
        periods[i] = score_period_of(v->f.today, (enum score_period_kind)i);
        TRY(score_period(&v->d, &v->rules, &v->f, &periods[i], v->a, &units[i]));
    }
    v->period = periods[0];
    buf_init(&b, BOARD_BYTES);
    for (size_t s = 0; e == ERR_OK && s < ARRAY_N(scopes); s++) {
        struct tail t;
        tail_init(&t, v, scopes[s].bits);
        for (int i = 0; e == ERR_OK && i < 3; i++) {
            size_t content;
            buf_reset(&b);
            e = write_board(db, v, &periods[i], &scopes[s], units[i], &t, false, &b, &content);
            if (e == ERR_OK) e = send_board(db, v->a, &periods[i], &scopes[s], &b, content, wall_ms);
        }
        tail_fini(&t);
    }
    buf_fini(&b);
    return e;
}

enum err ranking_publish(struct house *h, struct db *db, int64_t wall_ms, int64_t biz_ms) {
    struct ranking_view v = {.a = arena_new(ARENA_BYTES)};
    enum err            e = ranking_load_new(db, v.a, &h->boards_history, &v.d);
    if (e == ERR_OK) e = view_of(h, biz_ms + 1, &v);
    if (e == ERR_OK) e = publish_all(db, &v, wall_ms);
    ranking_view_end(&v);
    if (e != ERR_CALENDAR) return e;
    LOG0(LOG_ERROR, "ranking_without_calendar"); /* what was written must not fail for a missing calendar */
    return ERR_OK;
}

/* ---- how often ---- */

static int64_t thread_us(void) {
    struct timespec t;
    MUST(clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t) == 0);
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static int64_t next_us(const struct house *h) {
    int64_t wait = h->boards_dirty < BUSY_CHANGES ? 0 : BUSY_US, dear = h->boards_cost_us < DEAR_US ? 0 : h->boards_cost_us * 10;
    return h->boards_us + (wait > dear ? wait : dear);
}

enum err ranking_seal(struct house *h, struct db *db, bool force) {
    int64_t now = clock_mono_us();
    if (h->boards_dirty == 0) return ERR_OK;
    if (!force && h->boards_us && now < next_us(h)) {
        if (!h->boards_marked) TRY(ranking_owed_set(db, true));
        h->boards_owed = h->boards_marked = true;
        return ERR_OK;
    }
    int64_t before = thread_us();
    TRY(ranking_publish(h, db, clock_wall_ms(), clock_business_ms()));
    if (h->boards_owed) TRY(ranking_owed_set(db, false));
    h->boards_cost_us = thread_us() - before;
    h->boards_us      = now;
    h->boards_dirty   = 0;
    h->boards_owed = h->boards_marked = false;
    return ERR_OK;
}

int64_t ranking_due_us(const struct house *h) { return h->boards_owed ? next_us(h) : INT64_MAX; }

void ranking_aborted(struct house *h) {
    h->boards_dirty++;
    h->boards_owed   = true;
    h->boards_marked = false; /* not known any more */
    h->boards_us     = clock_mono_us() + RETRY_US;
    ranking_forget(h);
}

void ranking_forget(struct house *h) {
    ranking_history_free(h->boards_history);
    h->boards_history = NULL;
}

enum err ranking_recall(struct house *h, struct db *db) {
    TRY(ranking_owed_get(db, &h->boards_owed));
    h->boards_marked = h->boards_owed;
    h->boards_dirty += h->boards_owed;
    return ERR_OK;
}

/* ---- frozen ---- */

static enum err freeze_scope(struct db *db, const struct ranking_view *v, const struct score_row *units,
                             const struct scope *scope, int64_t biz_ms) {
    struct tail t;
    struct buf  b;
    size_t      content;
    char        channel[64];
    const char *board;
    enum err    e = ranking_frozen_get(db, v->a, v->period.name, scope->word, &board);
    if (e != ERR_NOTFOUND) return e;
    buf_init(&b, BOARD_BYTES);
    tail_init(&t, v, scope->bits);
    e = write_board(db, v, &v->period, scope, units, &t, true, &b, &content);
    if (e == ERR_OK) e = ranking_frozen_add(db, v->period.name, scope->word, RANKING_RULE, buf_str(&b), biz_ms);
    (void)snprintf(channel, sizeof channel, "ranking:%s:%s", v->period.name, scope->word);
    if (e == ERR_OK) e = outbox_add(db, channel, "board", buf_str(&b), clock_wall_ms());
    tail_fini(&t);
    buf_fini(&b);
    return e;
}

static enum err freeze_period(struct house *h, struct db *db, const struct score_period *p, int64_t biz_ms) {
    struct ranking_view v;
    struct score_row   *units;
    int64_t             at;
    enum err            e = ranking_frozen_at(db, p->name, scopes[ARRAY_N(scopes) - 1].word, &at);
    if (e != ERR_NOTFOUND) return e;
    e = ranking_view_begin(h, db, p->name, scopes[0].word, biz_ms, &v);
    if (e == ERR_OK) e = score_period(&v.d, &v.rules, &v.f, p, v.a, &units);
    if (e == ERR_OK) e = ranking_inputs_add(db, p->name, &(struct ranking_inputs){v.rules.min_tasks, v.rules.yellow_days}, &v.d);
    for (size_t s = 0; e == ERR_OK && s < ARRAY_N(scopes); s++) e = freeze_scope(db, &v, units, &scopes[s], biz_ms);
    ranking_view_end(&v);
    if (e != ERR_CALENDAR) return e;
    LOG(LOG_ERROR, "ranking_without_calendar", KS("period", p->name));
    return ERR_OK;
}

/* In the order of their ends, since each looks at the one before. */
enum err ranking_freeze(struct house *h, struct db *db, int64_t biz_ms) {
    int64_t  first;
    int32_t  today = date_of_ms(biz_ms);
    enum err e     = ranking_first_event(db, &first);
    if (e == ERR_NOTFOUND) return ERR_OK;
    TRY(e);
    for (struct score_period m = score_period_of(date_of_ms(first), PERIOD_MONTH); m.to < today;
         m                     = score_period_of(m.to + 1, PERIOD_MONTH))
        for (int k = PERIOD_MONTH; k <= PERIOD_YEAR; k++) {
                                struct score_period p = score_period_of(m.to, (enum score_period_kind)k);
                                if (p.to == m.to) TRY(freeze_period(h, db, &p, biz_ms));
        }
    return ERR_OK;
}

/* ---- the channel ---- */

static enum err channel_split(struct req *r, const char *rest, const char **period, const char **scope) {
    struct score_period p;
    const char         *colon = strchr(rest, ':');
    if (colon == NULL || scope_find(colon + 1) == NULL) return ERR_INPUT;
    *period = arena_strndup(r->a, rest, (size_t)(colon - rest));
    *scope  = colon + 1;
    return score_period_parse(*period, &p);
}

enum err ranking_channel_may(struct req *r, const char *rest) {
    const char *period, *scope;
    return channel_split(r, rest, &period, &scope);
}

enum err ranking_channel_snapshot(struct req *r, const char *rest) {
    const char *period, *scope;
    TRY(channel_split(r, rest, &period, &scope));
    return ranking_board(r->house, r->db, r->a, period, scope, r->biz_ms, r->out);
}
