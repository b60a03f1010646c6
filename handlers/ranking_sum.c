/* SPDX-License-Identifier: Apache-2.0
 *
 * From facts to boards: sums of a period, ranks, marks, and the same as lines. What adds up to a score passes through each_mark()
 * once, so a row and its explanation cannot differ.
 */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "handlers/ranking_score.h"
#include "handlers/req.h"

static const struct kind {
    const char *word, *zh;
    int         points;
} kinds[] = {
#define X(symbol, word, points, zh) {word, zh, points},
    SCORE_KINDS(X)
#undef X
};

/* Incentive and warning marks (F112), first match wins. A row without a rank has none. last: the worst place, when at least three
 * units stand before it. */
static const struct award_rule {
    enum score_award award;
    int              rank_max; /* 0: any */
    int              red_min, red_max, score_min, score_max, on_time_min;
    bool             last;
} award_rules[] = {
    /* in front, no red light, no points lost on balance (100 with the usual evaluation is 96), something finished in time */
    {AWARD_INCENTIVE, 3, 0, 0, 9600, INT_MAX, 1, false},
    /* a red light and far behind */
    {AWARD_WARNING, 0, 1, INT_MAX, 0, 8499, 0, false},
    /* the last place */
    {AWARD_WARNING, 0, 0, INT_MAX, 0, INT_MAX, 0, true},
};

const char *award_word(enum score_award m) {
    static const char *const names[] = {"", "incentive", "warning"};
    MUST((size_t)m < ARRAY_N(names));
    return names[m];
}

static bool is_inside(const struct score_period *p, int32_t day) { return day >= p->from && day <= p->to; }

/* ---- everything that costs or brings points in the period ---- */

typedef void mark_fn(void *arg, const struct score_mark *m);

static enum err red_days(const struct score_facts *f, const struct score_task *s, const struct score_period *p, int *n) {
    *n = 0;
    for (const struct score_span *r = s->red; r; r = r->next) {
        int32_t from = r->from > p->from - 1 ? r->from : p->from - 1, to = r->to < p->to ? r->to : p->to;
        int     days;
        TRY(score_workdays(f, from, to, &days));
        *n += days;
    }
    return ERR_OK;
}

/* The open overdue task: half a point a working day, at most ten. D35: closed, its one deduction stands among the marks instead.
 */
static enum err overdue_marks(const struct ranking_data *d, const struct score_facts *f, const struct score_period *p,
                              size_t task, mark_fn *fn, void *arg) {
    const struct ranking_task *t = &d->tasks[task];
    const struct score_task   *s = &f->tasks[task];
    struct score_mark          m = {.kind = SCORE_OVERDUE, .task = (int)task, .day = f->today < p->to ? f->today : p->to};
    TRY(red_days(f, s, p, &m.n));
    if (m.n == 0) return ERR_OK;
    m.points = m.n * kinds[SCORE_OVERDUE].points;
    if (m.points < -SCORE_OVERDUE_MAX) m.points = -SCORE_OVERDUE_MAX;
    for (size_t i = 0; i < t->units_n; i++) {
        if (!score_is_blamed(t, s, &t->units[i], f->today)) continue;
        m.unit = t->units[i].unit;
        fn(arg, &m);
    }
    return ERR_OK;
}

static enum err each_mark(const struct ranking_data *d, const struct score_facts *f, const struct score_period *p, mark_fn *fn,
                          void *arg) {
    for (size_t i = 0; i < f->marks_n; i++)
        if (is_inside(p, f->marks[i].day)) fn(arg, &f->marks[i]);
    for (size_t i = 0; i < d->tasks_n; i++)
        if (f->tasks[i].overdue && score_counted(&f->tasks[i], p)) TRY(overdue_marks(d, f, p, i, fn, arg));
    return ERR_OK;
}

static void add_mark(void *arg, const struct score_mark *m) {
    struct score_row *r = (struct score_row *)arg + m->unit;
    if (m->points > 0)
        r->praise += m->points;
    else
        r->minus += m->points;
}

/* ---- sums ---- */

void score_add_task(struct score_row *r, const struct score_task *s, const struct score_period *p) {
    bool here = s->opened && s->state != ST_cancelled && s->opened_ms < date_start_ms(p->to + 1);
    bool past = s->ended_ms && s->ended_ms < date_start_ms(p->from) && s->state != ST_long_term;
    if (here && !past) r->tasks++;
    if (!score_counted(s, p)) return;
    r->counted++;
    if (s->done) r->closed++;
    bool waits = s->state == ST_submitted && s->in_time; /* D43: handed in on time counts as on time */
    if (s->done || waits || s->overdue) r->due++;
    if ((s->done && s->in_time) || waits) r->on_time++;
    if (s->light == LIGHT_RED) r->red++;
    if (s->light == LIGHT_YELLOW) r->yellow++;
    if (s->light == LIGHT_GREEN) r->green++;
}

/* The leaders' latest evaluations of the period and what lies in it; the mean rounded half up to hundredths (D43). */
static int evaluation_of(const struct ranking_data *d, const struct score_facts *f, const struct score_period *p, int unit,
                         int64_t *revisions) {
    int64_t     sum = 0, n = 0;
    const char *leader = "";
    int64_t     latest = 0;
    for (size_t i = 0; i < d->evaluations_n; i++) {
        const struct ranking_evaluation *e = &d->evaluations[i];
        struct score_period              q;
        if ((unit >= 0 && e->unit != unit) || e->at_biz >= f->cutoff_ms) continue;
        if (score_period_parse(e->period, &q) != ERR_OK || q.from < p->from || q.to > p->to) continue;
        if (revisions) *revisions += e->revision;
        if (strcmp(e->leader, leader) != 0) {
            n++;
            leader = e->leader;
            latest = 0;
        }
        sum += e->value - latest;
        latest = e->value;
    }
    return n ? (int)((sum * 200 + n) / (2 * n)) : SCORE_EVAL_ABSENT;
}

static void weigh(struct score_row *r) {
    int praise = r->praise < SCORE_PRAISE_MAX ? r->praise : SCORE_PRAISE_MAX;
    r->base    = SCORE_BASE + r->minus + praise;
    if (r->base < 0) r->base = 0;
    if (r->base > SCORE_TOP) r->base = SCORE_TOP;
    r->score = (r->base * SCORE_OWN_WEIGHT + r->evaluation * (100 - SCORE_OWN_WEIGHT) + 50) / 100;
    r->rate  = r->due ? (r->on_time * 20000 + r->due) / (2 * r->due) : -1;
}

enum err score_period(const struct ranking_data *d, const struct score_rules *rules, const struct score_facts *f,
                      const struct score_period *p, struct arena *a, struct score_row **rows) {
    struct score_row *v = arena_alloc(a, (d->units_n + 1) * sizeof *v);
    for (size_t i = 0; i < d->tasks_n; i++)
        for (size_t k = 0; k < d->tasks[i].units_n; k++) score_add_task(&v[d->tasks[i].units[k].unit], &f->tasks[i], p);
    TRY(each_mark(d, f, p, add_mark, v));
    for (size_t i = 0; i < d->units_n; i++) {
        v[i].unit       = (int)i;
        v[i].evaluation = v[i].tasks ? evaluation_of(d, f, p, (int)i, NULL) : SCORE_EVAL_ABSENT;
        weigh(&v[i]);
        v[i].rank = v[i].counted >= rules->min_tasks ? 1 : 0; /* its place: score_scope */
    }
    *rows = v;
    return ERR_OK;
}

/* ---- ranks ---- */

static int compare(const struct score_row *x, const struct score_row *y) {
    if ((x->rank == 0) != (y->rank == 0)) return x->rank == 0 ? 1 : -1;
    if (x->rank == 0) return 0;
    if (x->score != y->score) return x->score > y->score ? -1 : 1;
    if (x->rate != y->rate) return x->rate > y->rate ? -1 : 1;
    if (x->closed != y->closed) return x->closed > y->closed ? -1 : 1;
    return 0;
}

/* The code only orders what is equal (D33); unit indexes are in the order of codes. */
static int by_place(const void *a, const void *b) {
    const struct score_row *x = a, *y = b;
    int                     c = compare(x, y);
    return c ? c : x->unit - y->unit;
}

static enum score_award award_of(const struct score_row *r, int last) {
    for (size_t i = 0; i < ARRAY_N(award_rules); i++) {
        const struct award_rule *w = &award_rules[i];
        if (w->rank_max && r->rank > w->rank_max) continue;
        if (w->last && (r->rank != last || last <= 3)) continue;
        if (r->red < w->red_min || r->red > w->red_max || r->score < w->score_min || r->score > w->score_max ||
            r->on_time < w->on_time_min)
            continue;
        return w->award;
    }
    return AWARD_NONE;
}

void score_scope(const struct ranking_data *d, const struct score_row *rows, unsigned scopes, struct arena *a,
                 struct score_row **list, size_t *n) {
    struct score_row *v    = arena_alloc(a, (d->units_n + 1) * sizeof *v);
    size_t            k    = 0;
    int               last = 0;
    for (size_t i = 0; i < d->units_n; i++)
        if ((d->units[i].scope & scopes) && rows[i].tasks) v[k++] = rows[i];
    qsort(v, k, sizeof *v, by_place);
    for (size_t i = 0; i < k && v[i].rank; i++) v[i].rank = last = i && compare(&v[i - 1], &v[i]) == 0 ? last : (int)i + 1;
    for (size_t i = 0; i < k && v[i].rank; i++) v[i].mark = award_of(&v[i], last);
    *list = v;
    *n    = k;
}

/* ---- explanations ---- */

struct lines {
    struct arena      *a;
    int                unit;
    struct score_line *v;
    size_t             n, cap;
};

static void put_line(struct lines *l, struct score_line line) {
    if (l->n == l->cap) {
        size_t             cap = l->cap ? l->cap * 2 : 32;
        struct score_line *v   = arena_alloc(l->a, cap * sizeof *v);
        if (l->n) memcpy(v, l->v, l->n * sizeof *v);
        l->v   = v;
        l->cap = cap;
    }
    l->v[l->n++] = line;
}

static void mark_line(void *arg, const struct score_mark *m) {
    struct lines *l = arg;
    if (m->unit != l->unit) return;
    const char *text = m->kind == SCORE_OVERDUE ? arena_printf(l->a, "%s%d个工作日", kinds[m->kind].zh, m->n) : kinds[m->kind].zh;
    put_line(l, (struct score_line){kinds[m->kind].word, text, m->day, m->task, m->points});
}

static int by_day(const void *a, const void *b) {
    const struct score_line *x = a, *y = b;
    if (x->day != y->day) return x->day < y->day ? -1 : 1;
    int c = strcmp(x->kind, y->kind);
    return c ? c : x->task - y->task;
}

enum err score_explain(const struct ranking_data *d, const struct score_facts *f, const struct score_period *p,
                       const struct score_row *row, struct arena *a, struct score_line **out, size_t *n) {
    struct lines l = {.a = a, .unit = row->unit};
    put_line(&l, (struct score_line){"base", "基础分", 0, -1, SCORE_BASE});
    TRY(each_mark(d, f, p, mark_line, &l));
    qsort(l.v + 1, l.n - 1, sizeof *l.v, by_day);
    int over  = row->praise > SCORE_PRAISE_MAX ? SCORE_PRAISE_MAX - row->praise : 0;
    int clamp = row->base - (SCORE_BASE + row->minus + row->praise + over);
    int own   = row->base * SCORE_OWN_WEIGHT / 100;
    if (over) put_line(&l, (struct score_line){"praise_cap", "加分合计最多10分", 0, -1, over});
    if (clamp) put_line(&l, (struct score_line){"limit", clamp > 0 ? "扣分后不低于0分" : "加分后不高于110分", 0, -1, clamp});
    put_line(&l, (struct score_line){"weight", "以上按80%计入", 0, -1, own - row->base});
    const char *text = arena_printf(a, "市领导评价%d.%02d分按20%%计入", row->evaluation / 100, row->evaluation % 100);
    put_line(&l, (struct score_line){"evaluation", text, 0, -1, row->score - own});
    *out = l.v;
    *n   = l.n;
    return ERR_OK;
}

int64_t score_version(const struct ranking_data *d, const struct score_facts *f, const struct score_period *p) {
    int64_t n = f->events_n;
    (void)evaluation_of(d, f, p, -1, &n);
    return (int64_t)f->today * 10000000 + n;
}
