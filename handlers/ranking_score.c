/* SPDX-License-Identifier: Apache-2.0
 *
 * From histories to facts: one walk over the events of each task up to the instant. Sums, ranks and explanations: ranking_sum.c.
 */
#include "handlers/ranking_score.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "handlers/req.h"

#define FORESIGHT_DAYS 400 /* how far ahead working days are counted */

static const int points[] = {
#define X(symbol, word, points, zh) points,
    SCORE_KINDS(X)
#undef X
};

/* ---- periods ---- */

static int digits(const char *s, size_t n) {
    int v = 0;
    for (size_t i = 0; i < n; i++) {
        if (s[i] < '0' || s[i] > '9') return -1;
        v = v * 10 + (s[i] - '0');
    }
    return v;
}

static void span_months(struct score_period *p, int year, int month, int n) {
    p->from = date_make(year, month, 1);
    month += n;
    p->to = date_make(year + (month > 12), month > 12 ? month - 12 : month, 1) - 1;
}

enum err score_period_parse(const char *name, struct score_period *out) {
    size_t n    = strnlen(name, 8);
    int    year = n >= 4 ? digits(name, 4) : -1;
    if (year < 1990 || year > 2109 || (n != 4 && n != 7) || (n == 7 && name[4] != '-')) return ERR_INPUT;
    (void)snprintf(out->name, sizeof out->name, "%s", name);
    if (n == 4) {
        span_months(out, year, 1, 12);
    } else if (name[5] == 'Q') {
        if (name[6] < '1' || name[6] > '4') return ERR_INPUT;
        span_months(out, year, (name[6] - '1') * 3 + 1, 3);
    } else {
        int month = digits(name + 5, 2);
        if (month < 1 || month > 12) return ERR_INPUT;
        span_months(out, year, month, 1);
    }
    return ERR_OK;
}

enum score_period_kind score_period_kind(const struct score_period *p) {
    return p->name[4] == '\0' ? PERIOD_YEAR : p->name[5] == 'Q' ? PERIOD_QUARTER : PERIOD_MONTH;
}

struct score_period score_period_of(int32_t day, enum score_period_kind kind) {
    struct score_period p;
    char                name[40];
    int                 y, m, d;
    date_split(day, &y, &m, &d);
    if (kind == PERIOD_YEAR) (void)snprintf(name, sizeof name, "%04d", y);
    if (kind == PERIOD_QUARTER) (void)snprintf(name, sizeof name, "%04d-Q%d", y, (m - 1) / 3 + 1);
    if (kind == PERIOD_MONTH) (void)snprintf(name, sizeof name, "%04d-%02d", y, m);
    if (score_period_parse(name, &p) != ERR_OK) UNREACHABLE("business clock outside 1990 to 2109");
    return p;
}

struct score_period score_period_before(const struct score_period *p) {
    return score_period_of(p->from - 1, score_period_kind(p));
}

/* ---- working days, counted once ---- */

static enum err count_days(struct score_facts *f, const struct ranking_data *d, const struct calendar *cal, struct arena *a) {
    int32_t lo = f->today, hi = f->today;
    for (size_t i = 0; i < d->tasks_n; i++) {
        const struct ranking_task *t = &d->tasks[i];
        if (t->deadline && t->deadline < lo) lo = t->deadline;
        if (t->deadline > hi) hi = t->deadline;
        for (size_t k = 0; k < t->events_n; k++) {
            int32_t day = date_of_ms(t->events[k].at_biz), from = t->events[k].deadline_from;
            if (day < lo) lo = day;
            if (from && from < lo) lo = from;
            if (from > hi) hi = from;
        }
    }
    if (hi > f->today + FORESIGHT_DAYS) hi = f->today + FORESIGHT_DAYS;
    if (lo < f->today - 100 * 366) lo = f->today - 100 * 366;
    f->day0        = lo - 40; /* a month before: periods begin on the 1st */
    f->days_n      = (size_t)(hi - f->day0) + 1;
    f->workdays    = arena_alloc(a, f->days_n * sizeof *f->workdays);
    f->unknown     = arena_alloc(a, f->days_n * sizeof *f->unknown);
    int32_t work_n = 0, unknown_n = 0;
    for (size_t i = 0; i < f->days_n; i++) {
        bool work = false;
        if (calendar_is_workday(cal, f->day0 + (int32_t)i, &work) != ERR_OK) unknown_n++;
        work_n += work;
        f->workdays[i] = work_n;
        f->unknown[i]  = unknown_n;
    }
    return ERR_OK;
}

enum err score_workdays(const struct score_facts *f, int32_t from, int32_t to, int *n) {
    *n = 0;
    if (to <= from) return ERR_OK;
    int64_t i = (int64_t)from - f->day0, k = (int64_t)to - f->day0;
    if (i < 0 || k >= (int64_t)f->days_n || f->unknown[k] != f->unknown[i]) return ERR_CALENDAR;
    *n = f->workdays[k] - f->workdays[i];
    return ERR_OK;
}

/* ---- the walk over one task ---- */

struct walk {
    const struct ranking_data *d;
    const struct score_rules  *rules;
    struct score_facts        *f;
    struct arena              *a;
    const struct ranking_task *t;
    struct score_task         *s;
    struct light_day           day;
    int                        task;
    int32_t                    since;    /* first day of the running stretch */
    int64_t                    check_ms; /* end of the next 25th; 0: not dispatched */
};

static bool is_running(enum ranking_state s) {
    return s == ST_dispatched || s == ST_signed || s == ST_in_progress || s == ST_returned;
}

static void emit(struct walk *w, enum score_kind kind, int unit, int32_t day) {
    struct score_facts *f = w->f;
    if (f->marks_n == f->marks_cap) {
        size_t             cap = f->marks_cap ? f->marks_cap * 2 : 64;
        struct score_mark *v   = arena_alloc(w->a, cap * sizeof *v);
        if (f->marks_n) memcpy(v, f->marks, f->marks_n * sizeof *v);
        f->marks     = v;
        f->marks_cap = cap;
    }
    f->marks[f->marks_n++] = (struct score_mark){.kind = kind, .unit = unit, .task = w->task, .points = points[kind], .day = day};
}

static bool reported_between(const struct ranking_task *t, int unit, int64_t from, int64_t before) {
    for (size_t i = 0; i < t->reports_n; i++)
        if (t->reports[i].unit == unit && t->reports[i].at_biz >= from && t->reports[i].at_biz < before) return true;
    return false;
}

bool score_is_blamed(const struct ranking_task *t, const struct score_task *s, const struct ranking_task_unit *u, int32_t day) {
    if (u->lead) return true;
    return s->deadline && day > s->deadline && !reported_between(t, u->unit, INT64_MIN, date_start_ms(s->deadline + 1));
}

static void blame(struct walk *w, enum score_kind kind, int32_t day) {
    for (size_t i = 0; i < w->t->units_n; i++)
        if (score_is_blamed(w->t, w->s, &w->t->units[i], day)) emit(w, kind, w->t->units[i].unit, day);
}

static void next_check(struct walk *w, int32_t after) {
    int y, m, d;
    date_split(after, &y, &m, &d);
    if (d > SCORE_REPORT_DAY && ++m > 12) {
        m = 1;
        y++;
    }
    w->check_ms = date_start_ms(date_make(y, m, SCORE_REPORT_DAY) + 1);
}

/* Monthly reports whose day ended before `until`, in the state the task was in then. */
static void check_reports(struct walk *w, int64_t until) {
    for (; w->check_ms && w->check_ms <= until; next_check(w, date_of_ms(w->check_ms))) {
        enum ranking_state s = w->s->state;
        if (s != ST_signed && s != ST_in_progress && s != ST_returned && s != ST_long_term) continue;
        int32_t late = date_of_ms(w->check_ms);
        int     y, m, d;
        date_split(late - 1, &y, &m, &d);
        int64_t month = date_start_ms(date_make(y, m, 1));
        for (size_t i = 0; i < w->t->units_n; i++) {
            const struct ranking_task_unit *u = &w->t->units[i];
            if (u->signed_biz == 0 || u->signed_biz >= date_start_ms(late - 1)) continue;
            if (reported_between(w->t, u->unit, month, w->check_ms)) continue;
            emit(w, SCORE_LATE_REPORT, u->unit, late);
        }
    }
}

static void add_red(struct walk *w, int32_t to) {
    int32_t from = w->since > w->s->effective ? w->since : w->s->effective;
    if (w->s->effective == 0 || to <= from) return;
    struct score_span *span = arena_alloc(w->a, sizeof *span);
    *span                   = (struct score_span){w->s->red, from, to};
    w->s->red               = span;
}

static void begin(struct walk *w, const struct ranking_event *e, int32_t day) {
    struct score_task *s = w->s;
    *s                   = (struct score_task){.state         = s->state,
                                               .opened        = true,
                                               .lead          = s->lead,
                                               .scopes        = s->scopes,
                                               .deadline      = s->deadline,
                                               .effective     = s->deadline,
                                               .dispatched_on = day,
                                               .opened_ms     = e->at_biz};
    next_check(w, day);
}

static enum err step(struct walk *w, const struct ranking_event *e) {
    struct score_task *s   = w->s;
    int32_t            day = date_of_ms(e->at_biz);
    enum ranking_state was = s->state, to = e->to == ST_other ? was : e->to;
    check_reports(w, e->at_biz);
    if (is_running(was) && !is_running(to)) add_red(w, day);
    if (to == ST_dispatched && !s->opened) begin(w, e, day);
    if (is_running(to) && !is_running(was)) w->since = day;
    if (e->act == ACT_submit_done) s->in_time = s->effective == 0 || day <= s->effective;
    if (e->act == ACT_return) {
        blame(w, SCORE_RETURN, day);
        if (s->in_time && s->effective && day > s->effective)
            TRY(calendar_add(w->rules->cal, day, SCORE_GRACE_DAYS, &s->effective));
    }
    if (e->act == ACT_find_false) blame(w, SCORE_FALSE_REPORT, day);
    if (e->act == ACT_accept && was == ST_submitted) {
        s->done    = true;
        s->done_on = day;
    }
    if ((to == ST_closed || to == ST_long_term || to == ST_cancelled) && s->ended_ms == 0) s->ended_ms = e->at_biz;
    if (to == ST_draft || to == ST_pending_approval) { /* refused: it was never theirs */
        s->opened   = false;
        w->check_ms = 0;
    }
    s->state = to;
    return ERR_OK;
}

/* The light as it stood: the rule is task_light()'s; here are only the words it reads. */
static void set_light(struct walk *w) {
    struct score_task *s = w->s;
    char               deadline[11], grace[11];
    s->days_left = INT_MAX;
    if (s->deadline == 0) return;
    if (score_workdays(w->f, w->f->today, s->effective, &s->days_left) != ERR_OK) s->days_left = INT_MAX;
    if (!s->counts || s->done) return;
    date_format(s->deadline, deadline);
    date_format(s->effective, grace);
    s->light   = task_light(&w->day, &(struct light_of){ranking_state_word(s->state), deadline, grace, false});
    s->overdue = s->light == LIGHT_RED || (s->state == ST_submitted && !s->in_time);
}

static void late_signs(struct walk *w) {
    for (size_t i = 0; i < w->t->units_n; i++) {
        const struct ranking_task_unit *u = &w->t->units[i];
        if (u->sign_due_biz == 0 || u->sign_due_biz >= w->f->cutoff_ms - 1) continue;
        if (u->signed_biz == 0 || u->signed_biz > u->sign_due_biz) emit(w, SCORE_LATE_SIGN, u->unit, date_of_ms(u->sign_due_biz));
    }
}

static enum err walk_task(struct walk *w) {
    const struct ranking_task *t     = w->t;
    struct score_task         *s     = w->s;
    size_t                     first = w->f->marks_n, n = 0;
    *s          = (struct score_task){.state = ST_draft, .lead = -1, .deadline = t->deadline, .days_left = INT_MAX};
    w->since    = 0;
    w->check_ms = 0;
    for (size_t i = 0; i < t->units_n; i++) {
        s->scopes |= w->d->units[t->units[i].unit].scope;
        if (t->units[i].lead) s->lead = t->units[i].unit;
    }
    while (n < t->events_n && t->events[n].at_biz < w->f->cutoff_ms) n++;
    w->f->events_n += (int64_t)n;
    for (size_t i = t->events_n; i > n; i--) /* as it stood: what was moved later is moved back */
        if (t->events[i - 1].deadline_from) s->deadline = t->events[i - 1].deadline_from;
    for (size_t i = 0; i < n; i++) TRY(step(w, &t->events[i]));
    if (!s->opened || s->state == ST_cancelled) { /* D35: a cancelled task's deductions vanish */
        w->f->marks_n = first;
        return ERR_OK;
    }
    check_reports(w, w->f->cutoff_ms - 1);
    if (is_running(s->state)) add_red(w, w->f->today);
    s->counts = s->deadline && !t->long_term && s->deadline >= s->dispatched_on;
    set_light(w);
    late_signs(w);
    if (s->counts && s->done && !s->in_time) blame(w, SCORE_CLOSED_LATE, s->done_on);
    return ERR_OK;
}

static void words(struct walk *w) {
    static const enum score_kind kinds[] = {[WORD_PRAISE_CITY]     = SCORE_PRAISE_CITY,
                                            [WORD_PRAISE_PROVINCE] = SCORE_PRAISE_PROVINCE,
                                            [WORD_CRITICISE]       = SCORE_CRITICISE};
    w->task                              = -1;
    for (size_t i = 0; i < w->d->words_n; i++) {
        const struct ranking_word *x = &w->d->words[i];
        if (x->at_biz >= w->f->cutoff_ms) continue;
        w->f->events_n++;
        bool gone = x->withdrawn_biz && x->withdrawn_biz < w->f->cutoff_ms;
        w->f->events_n += gone;
        if (!gone) emit(w, kinds[x->kind], x->unit, date_of_ms(x->at_biz));
    }
}

enum err score_facts(const struct ranking_data *d, const struct score_rules *rules, int64_t cutoff_ms, struct arena *a,
                     struct score_facts *out) {
    memset(out, 0, sizeof *out);
    out->cutoff_ms = cutoff_ms;
    out->today     = date_of_ms(cutoff_ms - 1);
    out->tasks     = arena_alloc(a, (d->tasks_n + 1) * sizeof *out->tasks);
    TRY(count_days(out, d, rules->cal, a));
    struct walk w = {.d = d, .rules = rules, .f = out, .a = a};
    light_day_init(&w.day, rules->cal, cutoff_ms - 1, rules->yellow_days);
    for (size_t i = 0; i < d->tasks_n; i++) {
        w.t    = &d->tasks[i];
        w.s    = &out->tasks[i];
        w.task = (int)i;
        TRY(walk_task(&w));
    }
    words(&w);
    return ERR_OK;
}

bool score_counted(const struct score_task *t, const struct score_period *p) {
    if (!t->opened || !t->counts || t->state == ST_cancelled || t->state == ST_suspended) return false;
    return t->opened_ms < date_start_ms(p->to + 1) && (t->ended_ms == 0 || t->ended_ms >= date_start_ms(p->from));
}
