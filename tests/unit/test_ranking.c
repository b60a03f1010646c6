/* SPDX-License-Identifier: Apache-2.0
 *
 * The rules of the ranking, one case a rule: histories in, deductions, lights and counts out. No database, no clock. Boards over a store:
 * test_ranking_board.c.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/check.h"
#include "handlers/ranking_score.h"

enum { A, B, C, D, UNITS_N }; /* A leads, B assists, C and D stand aside */
#define EVENTS_MAX 10

static const struct calendar *cal;
static struct arena          *arena;

static int64_t at(const char *minute) { /* 2018-03-12 08:30 */
    char    iso[40];
    int64_t ms;
    if (minute == NULL) return 0;
    (void)snprintf(iso, sizeof iso, "%.10sT%.5s:00+08:00", minute, minute + 11);
    MUST(time_parse_iso(iso, &ms) == ERR_OK);
    return ms;
}

static int32_t day(const char *date) {
    int32_t d = 0;
    if (date) MUST(date_parse(date, &d) == ERR_OK);
    return d;
}

struct happening {
    enum ranking_act   act;
    enum ranking_state to;
    int                unit;
    const char        *at, *deadline_from;
};
struct signing {
    const char *due, *signed_at;
};
struct reporting {
    int         unit;
    const char *at;
};

struct rule_case {
    const char      *name, *now, *period, *deadline;
    bool             long_term;
    struct signing   sign[2]; /* of A and B; due NULL: 24:00 of the 13th, signed at 10:00 that day */
    struct happening events[EVENTS_MAX];
    struct reporting reports[4];
    /* wanted */
    int        minus[2], counted, due, on_time;
    enum light light;
};

#define DISPATCH  {ACT_approve, ST_dispatched, -1, "2018-03-12 10:00", NULL}
#define SIGNED    {ACT_sign_for, ST_signed, B, "2018-03-13 10:00", NULL}
#define STARTED   {ACT_report, ST_in_progress, A, "2018-03-15 10:00", NULL}
#define ON_COURSE DISPATCH, SIGNED, STARTED
#define BOTH_REPORTED {{A, "2018-03-15 10:00"}, {B, "2018-03-15 11:00"}}

static const struct rule_case cases[] = {
    {"on course", "2018-03-14 12:00", "2018", "2018-03-20", .events = {DISPATCH, SIGNED}, .counted = 1, .light = LIGHT_GREEN},
    {"yellow with 3 working days left", "2018-03-15 00:00", "2018", "2018-03-20", .events = {ON_COURSE}, .counted = 1, .light = LIGHT_YELLOW},
    {"the deadline day is still in time", "2018-03-20 23:59", "2018", "2018-03-20", .events = {ON_COURSE}, .counted = 1, .light = LIGHT_YELLOW},
    /* signing */
    {"signed at the last moment", "2018-03-14 12:00", "2018", "2018-06-30", .sign = {{"2018-03-14 00:00", "2018-03-14 00:00"}},
     .events = {DISPATCH}, .counted = 1, .light = LIGHT_GREEN},
    {"signed late", "2018-03-14 12:00", "2018", "2018-06-30", .sign = {{"2018-03-14 00:00", "2018-03-14 00:01"}}, .events = {DISPATCH},
     .minus = {-100}, .counted = 1, .light = LIGHT_GREEN},
    {"not signed for weeks: once", "2018-03-25 12:00", "2018", "2018-06-30", .sign = {{0}, {"2018-03-14 00:00", ""}}, .events = {DISPATCH},
     .minus = {0, -100}, .counted = 1, .light = LIGHT_GREEN},
    {"a late signature belongs to its month", "2018-04-02 12:00", "2018-04", "2018-06-30", .sign = {{0}, {"2018-03-14 00:00", "2018-04-01 09:00"}},
     .events = {DISPATCH}, .counted = 1, .light = LIGHT_GREEN},
    /* monthly reports */
    {"no report on the 25th, not yet late", "2018-03-25 23:59", "2018", "2018-06-30", .events = {DISPATCH, SIGNED}, .counted = 1, .light = LIGHT_GREEN},
    {"no report by the 25th", "2018-03-26 00:00", "2018", "2018-06-30", .events = {DISPATCH, SIGNED}, .reports = {{A, "2018-03-25 23:59"}},
     .minus = {0, -200}, .counted = 1, .light = LIGHT_GREEN},
    {"reported on the 26th is late", "2018-03-30 00:00", "2018", "2018-06-30", .events = {DISPATCH, SIGNED},
     .reports = {{A, "2018-03-26 00:00"}, {B, "2018-03-20 10:00"}}, .minus = {-200, 0}, .counted = 1, .light = LIGHT_GREEN},
    {"each month anew", "2018-05-26 00:00", "2018", "2018-06-30", .events = {ON_COURSE}, .reports = BOTH_REPORTED, .minus = {-400, -400}, .counted = 1,
     .light = LIGHT_GREEN},
    {"one month of it", "2018-05-26 00:00", "2018-04", "2018-06-30", .events = {ON_COURSE}, .reports = BOTH_REPORTED, .minus = {-200, -200}, .counted = 1,
     .light = LIGHT_GREEN},
    {"waiting for review needs no report", "2018-04-26 00:00", "2018-04", "2018-06-30",
     .events = {ON_COURSE, {ACT_submit_done, ST_submitted, A, "2018-03-20 10:00", NULL}}, .reports = BOTH_REPORTED, .counted = 1, .due = 1, .on_time = 1,
     .light = LIGHT_GREEN},
    /* overdue */
    {"first moment of the day after: red, 1 working day", "2018-03-21 00:00", "2018", "2018-03-20", .events = {ON_COURSE}, .reports = BOTH_REPORTED,
     .minus = {-50}, .counted = 1, .due = 1, .light = LIGHT_RED},
    {"red on a rest day costs nothing yet", "2018-04-01 12:00", "2018-Q2", "2018-03-31", .events = {ON_COURSE}, .reports = BOTH_REPORTED, .counted = 1,
     .due = 1, .light = LIGHT_RED},
    {"8 working days, the assisting unit reported", "2018-03-31 12:00", "2018", "2018-03-20", .events = {ON_COURSE}, .reports = BOTH_REPORTED,
     .minus = {-400}, .counted = 1, .due = 1, .light = LIGHT_RED},
    {"the assisting unit did not report before the deadline", "2018-03-22 12:00", "2018", "2018-03-20", .events = {ON_COURSE},
     .reports = {{A, "2018-03-15 10:00"}, {B, "2018-03-21 00:00"}}, .minus = {-100, -100}, .counted = 1, .due = 1, .light = LIGHT_RED},
    {"only the days inside the period", "2018-04-04 12:00", "2018-04", "2018-03-20", .events = {ON_COURSE}, .reports = BOTH_REPORTED, .minus = {-150},
     .counted = 1, .due = 1, .light = LIGHT_RED},
    {"at most ten points a task", "2018-04-24 12:00", "2018", "2018-03-20", .events = {ON_COURSE}, .reports = {{A, "2018-03-15 10:00"}, {B, "2018-03-15 11:00"}},
     .minus = {-1000}, .counted = 1, .due = 1, .light = LIGHT_RED},
    {"closed in time, accepted later", "2018-04-10 12:00", "2018", "2018-03-20",
     .events = {ON_COURSE, {ACT_submit_done, ST_submitted, A, "2018-03-20 23:59", NULL}, {ACT_accept, ST_closed, -1, "2018-03-27 10:00", NULL}},
     .reports = BOTH_REPORTED, .counted = 1, .due = 1, .on_time = 1},
    {"closed late: three points instead of the days", "2018-04-24 12:00", "2018", "2018-03-20",
     .events = {ON_COURSE, {ACT_submit_done, ST_submitted, A, "2018-03-21 00:00", NULL}, {ACT_accept, ST_closed, -1, "2018-04-20 10:00", NULL}},
     .reports = BOTH_REPORTED, .minus = {-300}, .counted = 1, .due = 1},
    {"handed in late and waiting: the days until then", "2018-04-24 12:00", "2018", "2018-03-20",
     .events = {ON_COURSE, {ACT_submit_done, ST_submitted, A, "2018-03-22 10:00", NULL}}, .reports = BOTH_REPORTED, .minus = {-100}, .counted = 1, .due = 1,
     .light = LIGHT_GREEN},
    {"handed in on time and waiting counts as on time", "2018-04-24 12:00", "2018", "2018-03-20",
     .events = {ON_COURSE, {ACT_submit_done, ST_submitted, A, "2018-03-20 10:00", NULL}}, .reports = BOTH_REPORTED, .counted = 1, .due = 1, .on_time = 1,
     .light = LIGHT_GREEN},
    /* returns */
    {"returned after the deadline: two working days of grace", "2018-03-26 23:59", "2018-Q1", "2018-03-20",
     .events = {ON_COURSE, {ACT_submit_done, ST_submitted, A, "2018-03-20 10:00", NULL}, {ACT_return, ST_returned, -1, "2018-03-22 10:00", NULL}},
     .reports = BOTH_REPORTED, .minus = {-200}, .counted = 1, .light = LIGHT_YELLOW},
    {"grace used up", "2018-03-27 00:00", "2018-Q1", "2018-03-20",
     .events = {ON_COURSE, {ACT_submit_done, ST_submitted, A, "2018-03-20 10:00", NULL}, {ACT_return, ST_returned, -1, "2018-03-22 10:00", NULL}},
     .reports = BOTH_REPORTED, .minus = {-250}, .counted = 1, .due = 1, .light = LIGHT_RED},
    {"handed in again within the grace: on time", "2018-04-10 12:00", "2018", "2018-03-20",
     .events = {ON_COURSE, {ACT_submit_done, ST_submitted, A, "2018-03-20 10:00", NULL}, {ACT_return, ST_returned, -1, "2018-03-22 10:00", NULL},
                {ACT_report, ST_in_progress, A, "2018-03-23 10:00", NULL}, {ACT_submit_done, ST_submitted, A, "2018-03-26 10:00", NULL},
                {ACT_accept, ST_closed, -1, "2018-04-02 10:00", NULL}},
     .reports = BOTH_REPORTED, .minus = {-200}, .counted = 1, .due = 1, .on_time = 1},
    {"no grace for what was late already", "2018-03-26 12:00", "2018", "2018-03-20",
     .events = {ON_COURSE, {ACT_submit_done, ST_submitted, A, "2018-03-21 10:00", NULL}, {ACT_return, ST_returned, -1, "2018-03-22 10:00", NULL}},
     .reports = {{A, "2018-03-15 10:00"}}, .minus = {-350, -550}, .counted = 1, .due = 1, .light = LIGHT_RED},
    {"a report found untrue", "2018-03-16 12:00", "2018", "2018-06-30",
     .events = {ON_COURSE, {ACT_find_false, ST_in_progress, C, "2018-03-16 10:00", NULL}}, .reports = BOTH_REPORTED, .minus = {-1000}, .counted = 1,
     .light = LIGHT_GREEN},
    /* not counted */
    {"long-term: no date, but signatures and reports", "2018-03-26 12:00", "2018", NULL, .long_term = true, .events = {DISPATCH, SIGNED},
     .reports = {{A, "2018-03-15 10:00"}}, .minus = {0, -200}},
    {"late at creation: no light, no deduction", "2018-03-22 12:00", "2018", "2018-03-09", .events = {ON_COURSE}, .reports = BOTH_REPORTED},
    {"late at creation, closed", "2018-03-22 12:00", "2018", "2018-03-09",
     .events = {ON_COURSE, {ACT_submit_done, ST_submitted, A, "2018-03-19 10:00", NULL}, {ACT_accept, ST_closed, -1, "2018-03-20 10:00", NULL}}},
    {"a fresh date after late at creation counts", "2018-03-22 12:00", "2018", "2018-03-20",
     .events = {ON_COURSE, {ACT_other, ST_in_progress, -1, "2018-03-16 10:00", "2018-03-09"}}, .reports = BOTH_REPORTED, .minus = {-100}, .counted = 1, .due = 1,
     .light = LIGHT_RED},
    {"as it stood before the fresh date", "2018-03-16 09:59", "2018", "2018-03-20",
     .events = {ON_COURSE, {ACT_other, ST_in_progress, -1, "2018-03-16 10:00", "2018-03-09"}}},
    {"an extension wipes the red days", "2018-03-23 12:00", "2018", "2018-03-30",
     .events = {ON_COURSE, {ACT_other, ST_in_progress, -1, "2018-03-22 10:00", "2018-03-20"}}, .reports = BOTH_REPORTED, .counted = 1, .light = LIGHT_GREEN},
    {"cancelled: its deductions vanish", "2018-03-26 12:00", "2018", "2018-03-20", .sign = {{"2018-03-14 00:00", ""}},
     .events = {DISPATCH, {ACT_other, ST_cancelled, -1, "2018-03-26 10:00", NULL}}},
    {"suspended", "2018-03-26 12:00", "2018", "2018-03-20", .events = {ON_COURSE, {ACT_other, ST_suspended, -1, "2018-03-19 10:00", NULL}}},
    {"refused before anybody signed: a draft", "2018-03-26 12:00", "2018", "2018-03-20", .sign = {{"2018-03-14 00:00", ""}, {"2018-03-14 00:00", ""}},
     .events = {DISPATCH, {ACT_other, ST_draft, A, "2018-03-15 10:00", NULL}}},
    {"a draft is not open", "2018-03-26 12:00", "2018", "2018-03-20", .events = {{ACT_other, ST_draft, -1, "2018-03-12 10:00", NULL}}},
    {"continues after its date: closed in time, then followed up", "2018-03-22 12:00", "2018-03", "2018-03-20",
     .events = {ON_COURSE, {ACT_submit_done, ST_submitted, A, "2018-03-19 10:00", NULL}, {ACT_accept, ST_long_term, -1, "2018-03-21 10:00", NULL}},
     .counted = 1, .due = 1, .on_time = 1},
    {"the follow-up itself is not counted", "2018-04-02 12:00", "2018-04", "2018-03-20",
     .events = {ON_COURSE, {ACT_submit_done, ST_submitted, A, "2018-03-19 10:00", NULL}, {ACT_accept, ST_long_term, -1, "2018-03-21 10:00", NULL}},
     .reports = BOTH_REPORTED},
    {"closed before the period", "2018-04-02 12:00", "2018-04", "2018-03-20",
     .events = {ON_COURSE, {ACT_submit_done, ST_submitted, A, "2018-03-19 10:00", NULL}, {ACT_accept, ST_closed, -1, "2018-03-31 23:59", NULL}}},
    {"dispatched after the period", "2018-03-14 12:00", "2018-02", "2018-06-30", .events = {DISPATCH}},
    {"a date in a year without a calendar is green, not guessed", "2018-03-14 12:00", "2018", "2020-06-30", .events = {DISPATCH}, .counted = 1,
     .light = LIGHT_GREEN},
};

static const struct ranking_unit units[UNITS_N] = {
    {"NP-A", "甲", "甲局", SCOPE_DEPARTMENT}, {"NP-B", "乙", "乙局", SCOPE_DEPARTMENT}, {"NP-C", "丙", "丙局", SCOPE_DEPARTMENT}, {"NP-D", "丁", "丁局", SCOPE_DEPARTMENT}};

static void build(const struct rule_case *c, struct ranking_task *t) {
    struct ranking_task_unit *u = arena_alloc(arena, 2 * sizeof *u);
    struct ranking_event     *e = arena_alloc(arena, EVENTS_MAX * sizeof *e);
    struct ranking_report    *r = arena_alloc(arena, 4 * sizeof *r);
    *t = (struct ranking_task){.id = "T1", .title = "甲事", .deadline = day(c->deadline), .long_term = c->long_term, .units = u, .events = e, .reports = r, .units_n = 2};
    for (int i = 0; i < 2; i++) {
        const struct signing *s = &c->sign[i];
        u[i] = (struct ranking_task_unit){i, i == A, at(s->due ? s->due : "2018-03-14 00:00"), at(s->due ? (*s->signed_at ? s->signed_at : NULL) : "2018-03-13 10:00")};
    }
    for (; t->events_n < EVENTS_MAX && c->events[t->events_n].at; t->events_n++) {
        const struct happening *h = &c->events[t->events_n];
        e[t->events_n] = (struct ranking_event){h->act, h->to, h->unit, (int64_t)t->events_n + 1, at(h->at), day(h->deadline_from)};
    }
    for (; t->reports_n < 4 && c->reports[t->reports_n].at; t->reports_n++)
        r[t->reports_n] = (struct ranking_report){c->reports[t->reports_n].unit, at(c->reports[t->reports_n].at), -1};
}

static void score(const struct ranking_data *d, const char *now, const char *period, int min_tasks, struct score_facts *f, struct score_period *p, struct score_row **rows) {
    struct score_rules rules = {cal, 3, min_tasks};
    assert_int_equal(score_period_parse(period, p), ERR_OK);
    int64_t end = date_start_ms(p->to + 1), cutoff = at(now) + 1;
    assert_int_equal(score_facts(d, &rules, cutoff < end ? cutoff : end, arena, f), ERR_OK);
    assert_int_equal(score_period(d, &rules, f, p, arena, rows), ERR_OK);
}

/* What is explained is what was scored, to the hundredth. */
static void check_explained(const struct ranking_data *d, const struct score_facts *f, const struct score_period *p, const struct score_row *row) {
    struct score_line *lines;
    size_t             n;
    int                sum = 0, marks = 0;
    assert_int_equal(score_explain(d, f, p, row, arena, &lines, &n), ERR_OK);
    for (size_t i = 0; i < n; i++) {
        sum += lines[i].points;
        if (lines[i].task >= 0) marks += lines[i].points;
    }
    assert_int_equal(sum, row->score);
    if (row->praise == 0) assert_true(marks >= row->minus);
}

static void test_rules(void **state) {
    (void)state;
    for (size_t i = 0; i < ARRAY_N(cases); i++) {
        const struct rule_case *c = &cases[i];
        struct ranking_task     t;
        struct score_facts      f;
        struct score_period     p;
        struct score_row       *rows;
        build(c, &t);
        struct ranking_data d = {.units = units, .tasks = &t, .units_n = UNITS_N, .tasks_n = 1};
        score(&d, c->now, c->period, 1, &f, &p, &rows);
        const struct score_row *a = &rows[A], *b = &rows[B];
        if (a->minus != c->minus[0] || b->minus != c->minus[1] || a->counted != c->counted || a->due != c->due || a->on_time != c->on_time ||
            f.tasks[0].light != c->light)
            fail_msg("%s: minus %d %d, counted %d, due %d, on time %d, light %s; want %d %d, %d, %d, %d, %s", c->name, a->minus, b->minus, a->counted,
                     a->due, a->on_time, light_word(f.tasks[0].light), c->minus[0], c->minus[1], c->counted, c->due, c->on_time, light_word(c->light));
        for (int u = 0; u < UNITS_N; u++) check_explained(&d, &f, &p, &rows[u]);
        assert_int_equal(rows[C].tasks, 0);
    }
}

/* ---- sums ---- */

struct sum_case {
    const char *name;
    int         minus_n, kind_n; /* marks by praise and criticism of instructions */
    int         praise_city, praise_province, criticise;
    int         evaluations[4]; /* -1 ends */
    int         base, evaluation, score;
};

static const struct sum_case sums[] = {
    {.name = "nothing: 80 + 16", .evaluations = {-1}, .base = 10000, .evaluation = 8000, .score = 9600},
    {.name = "praise +1, of the province +2", .praise_city = 1, .praise_province = 1, .evaluations = {-1}, .base = 10300, .evaluation = 8000, .score = 9840},
    {.name = "praise together at most +10", .praise_city = 7, .praise_province = 3, .evaluations = {-1}, .base = 11000, .evaluation = 8000, .score = 10400},
    {.name = "criticism -2 after the cap", .praise_city = 12, .criticise = 1, .evaluations = {-1}, .base = 10800, .evaluation = 8000, .score = 10240},
    {.name = "never below 0", .criticise = 60, .evaluations = {-1}, .base = 0, .evaluation = 8000, .score = 1600},
    {.name = "mean of the leaders, half up", .evaluations = {80, 81, -1}, .base = 10000, .evaluation = 8050, .score = 9610},
    {.name = "to hundredths", .evaluations = {80, 81, 81, -1}, .base = 10000, .evaluation = 8067, .score = 9613},
    {.name = "a zero counts", .evaluations = {0, -1}, .base = 10000, .evaluation = 0, .score = 8000},
};

static void test_sums(void **state) {
    (void)state;
    static const char *const leaders[] = {"p1", "p2", "p3"};
    for (size_t i = 0; i < ARRAY_N(sums); i++) {
        const struct sum_case *c    = &sums[i];
        struct rule_case       open = {"", "2018-03-14 12:00", "2018", "2018-06-30", .events = {DISPATCH}};
        struct ranking_task    t;
        struct ranking_word    w[70];
        struct ranking_evaluation ev[4];
        size_t                 n = 0, m = 0;
        build(&open, &t);
        for (int k = 0; k < c->praise_city; k++) w[n++] = (struct ranking_word){WORD_PRAISE_CITY, A, at("2018-03-13 10:00"), 0};
        for (int k = 0; k < c->praise_province; k++) w[n++] = (struct ranking_word){WORD_PRAISE_PROVINCE, A, at("2018-03-13 10:00"), 0};
        for (int k = 0; k < c->criticise; k++) w[n++] = (struct ranking_word){WORD_CRITICISE, A, at("2018-03-13 10:00"), 0};
        w[n++] = (struct ranking_word){WORD_CRITICISE, A, at("2018-03-13 10:00"), at("2018-03-13 11:00")}; /* withdrawn */
        w[n++] = (struct ranking_word){WORD_PRAISE_CITY, A, at("2018-03-15 10:00"), 0};                    /* not yet */
        for (; c->evaluations[m] >= 0; m++) ev[m] = (struct ranking_evaluation){"2018", leaders[m], A, c->evaluations[m], at("2018-03-13 10:00"), 1};
        struct ranking_data d = {.units = units, .tasks = &t, .words = w, .evaluations = ev, .units_n = UNITS_N, .tasks_n = 1, .words_n = n, .evaluations_n = m};
        struct score_facts  f;
        struct score_period p;
        struct score_row   *rows;
        score(&d, "2018-03-14 12:00", "2018", 1, &f, &p, &rows);
        if (rows[A].base != c->base || rows[A].evaluation != c->evaluation || rows[A].score != c->score)
            fail_msg("%s: %d %d %d, want %d %d %d", c->name, rows[A].base, rows[A].evaluation, rows[A].score, c->base, c->evaluation, c->score);
        check_explained(&d, &f, &p, &rows[A]);
    }
}

/* The latest of each leader among the period and what lies in it. */
static void test_evaluations_of_periods(void **state) {
    (void)state;
    struct rule_case          open = {"", "2018-03-14 12:00", "2018", "2018-06-30", .events = {DISPATCH}};
    struct ranking_task       t;
    struct ranking_evaluation ev[] = {{"2018-03", "p1", A, 60, at("2018-03-13 09:00"), 1},
                                      {"2018-Q1", "p1", A, 70, at("2018-03-13 10:00"), 1},
                                      {"2018", "p2", A, 90, at("2018-03-13 11:00"), 2},
                                      {"2018-02", "p3", A, 10, at("2018-03-13 11:00"), 1}};
    struct ranking_data       d    = {.units = units, .tasks = &t, .evaluations = ev, .units_n = UNITS_N, .tasks_n = 1, .evaluations_n = ARRAY_N(ev)};
    static const struct {
        const char *period;
        int         want;
    } wants[] = {{"2018-03", 6000}, {"2018-Q1", 4000}, {"2018", 5667}};
    build(&open, &t);
    for (size_t i = 0; i < ARRAY_N(wants); i++) {
        struct score_facts  f;
        struct score_period p;
        struct score_row   *rows;
        score(&d, "2018-03-14 12:00", wants[i].period, 1, &f, &p, &rows);
        assert_int_equal(rows[A].evaluation, wants[i].want);
    }
}

/* ---- places ---- */

static void test_places(void **state) {
    (void)state;
    struct score_row row[UNITS_N] = {0}, *list;
    size_t           n;
    struct ranking_data d = {.units = units, .units_n = UNITS_N};
    for (int i = 0; i < UNITS_N; i++) row[i] = (struct score_row){.unit = i, .tasks = 3, .rank = 1, .score = 9600, .rate = 10000, .closed = 2};
    row[A].score = 9500;                 /* worst score */
    row[D].rank  = 0;                    /* too few tasks */
    score_scope(&d, row, SCOPE_DEPARTMENT, arena, &list, &n);
    static const int order[] = {B, C, A, D}, rank[] = {1, 1, 3, 0};
    assert_int_equal(n, 4);
    for (int i = 0; i < 4; i++) {
        assert_int_equal(list[i].unit, order[i]);
        assert_int_equal(list[i].rank, rank[i]);
    }
    row[C].rate = 9999; /* equal score: the rate decides */
    row[B].rate = 5000;
    score_scope(&d, row, SCOPE_DEPARTMENT, arena, &list, &n);
    assert_int_equal(list[0].unit, C);
    assert_int_equal(list[1].rank, 2);
    row[B].rate = 9999; /* then what was closed */
    row[B].closed = 3;
    score_scope(&d, row, SCOPE_DEPARTMENT, arena, &list, &n);
    assert_int_equal(list[0].unit, B);
    score_scope(&d, row, SCOPE_COUNTY, arena, &list, &n);
    assert_int_equal(n, 0);
}

static void test_marks(void **state) {
    (void)state;
    static const struct {
        const char      *name;
        int              score, red, on_time, others; /* others: units in front */
        enum score_award want;
    } v[] = {
        {"in front, clean, something closed", 9600, 0, 1, 0, AWARD_INCENTIVE},
        {"nothing closed yet", 9600, 0, 0, 0, AWARD_NONE},
        {"a red light", 9600, 1, 1, 0, AWARD_NONE},
        {"points lost", 9520, 0, 1, 0, AWARD_NONE},
        {"red and far behind", 8499, 1, 1, 0, AWARD_WARNING},
        {"far behind without red", 8499, 0, 1, 0, AWARD_NONE},
        {"red at 85", 8500, 1, 1, 0, AWARD_NONE},
        {"third of three is not the last place", 9000, 0, 1, 2, AWARD_NONE},
        {"last of four", 9000, 0, 1, 3, AWARD_WARNING},
    };
    for (size_t i = 0; i < ARRAY_N(v); i++) {
        struct score_row    row[UNITS_N] = {0}, *list;
        size_t              n;
        struct ranking_data d = {.units = units, .units_n = UNITS_N};
        for (int k = 0; k < v[i].others; k++) row[k] = (struct score_row){.unit = k, .tasks = 1, .rank = 1, .score = 9900 - k};
        row[D] = (struct score_row){.unit = D, .tasks = 1, .rank = 1, .score = v[i].score, .red = v[i].red, .on_time = v[i].on_time};
        score_scope(&d, row, SCOPE_DEPARTMENT, arena, &list, &n);
        if (list[v[i].others].mark != v[i].want) fail_msg("%s: %s", v[i].name, award_word(list[v[i].others].mark));
    }
}

static void test_min_tasks(void **state) {
    (void)state;
    struct rule_case    open = {"", "2018-03-14 12:00", "2018", "2018-06-30", .events = {DISPATCH}};
    struct ranking_task t[3];
    struct score_facts  f;
    struct score_period p;
    struct score_row   *rows;
    for (int i = 0; i < 3; i++) build(&open, &t[i]);
    t[2].units_n          = 1;
    struct ranking_data d = {.units = units, .tasks = t, .units_n = UNITS_N, .tasks_n = 3};
    score(&d, "2018-03-14 12:00", "2018", 3, &f, &p, &rows);
    assert_int_equal(rows[A].counted, 3);
    assert_int_equal(rows[A].rank, 1);
    assert_int_equal(rows[B].counted, 2);
    assert_int_equal(rows[B].rank, 0);
}

static void test_periods(void **state) {
    (void)state;
    static const char *const bad[] = {"", "18", "2018-", "2018-13", "2018-00", "2018-Q5", "2018-Q0", "2018-3", "2018-03-01", "x018", "1989", "2018 03", "2018-q1"};
    struct score_period      p;
    for (size_t i = 0; i < ARRAY_N(bad); i++) assert_int_equal(score_period_parse(bad[i], &p), ERR_INPUT);
    assert_int_equal(score_period_parse("2018-Q4", &p), ERR_OK);
    assert_int_equal(p.from, day("2018-10-01"));
    assert_int_equal(p.to, day("2018-12-31"));
    p = score_period_before(&p);
    assert_string_equal(p.name, "2018-Q3");
    assert_int_equal(score_period_parse("2018-01", &p), ERR_OK);
    p = score_period_before(&p);
    assert_string_equal(p.name, "2017-12");
    p = score_period_of(day("2018-02-28"), PERIOD_MONTH);
    assert_int_equal(p.to, day("2018-02-28"));
}

static int setup(void **state) {
    char why[200];
    (void)state;
    cal   = calendar_load("samples/nanping-2018/holidays.json", why, sizeof why);
    arena = arena_new(16U << 20);
    return cal == NULL;
}

static int teardown(void **state) {
    (void)state;
    calendar_free((struct calendar *)(uintptr_t)cal);
    arena_free(arena);
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rules),   cmocka_unit_test(test_sums),      cmocka_unit_test(test_evaluations_of_periods),
        cmocka_unit_test(test_places),  cmocka_unit_test(test_marks),     cmocka_unit_test(test_min_tasks),
        cmocka_unit_test(test_periods),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
