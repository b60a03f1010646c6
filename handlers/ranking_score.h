/* SPDX-License-Identifier: Apache-2.0
 *
 * The rules of the ranking (domain.md 5; D31-D36, D43), version RANKING_RULE: pure functions of the records as they stood at an
 * instant and of the working-day calendar. No SQL, no clock, hundredths of a point in integers. Any thread.
 *
 *     score_facts   records, instant   -> what is known of each task (state, light, in time?) and every mark anybody ever got
 *     score_period  facts, period      -> sums per unit
 *     score_scope   sums, scope        -> ranked rows
 *     score_explain facts, period      -> the same sums as lines: they add up to the score exactly
 *
 * Readings where the sources are silent:
 * - A mark belongs to the period of its first late moment, its return, its acceptance. An open overdue task costs the working
 * days it was red inside the period; days spent waiting for review or suspended cost nothing.
 * - A task dispatched after its deadline (late at creation) has no light and costs no overdue points until it has a date on or
 * after its dispatch; without a deadline, or flagged long-term, likewise. Signing, reporting, returns and false reports count for
 * them all the same.
 * - A task accepted into long-term follow-up (F024) was closed; the follow-up itself is not counted, its monthly reports are due.
 * - The monthly report is due from a unit that signed before the 25th while the task is signed, in progress, returned or
 * long-term at the end of the 25th; reporting done counts as the lead's report.
 * - Evaluations of a board: of its own period and of periods inside it; of each leader the latest.
 */
#ifndef ZB_HANDLERS_RANKING_SCORE_H
#define ZB_HANDLERS_RANKING_SCORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/calendar.h"
#include "base/err.h"
#include "handlers/task_light.h"
#include "store/ranking.h"

struct score_rules {
    const struct calendar *cal;
    int                    yellow_days, min_tasks;
};

/* X(symbol, word, points, zh). OVERDUE: points a working day, at most SCORE_OVERDUE_MAX a task. */
#define SCORE_KINDS(X)                                                                                                           \
    X(LATE_SIGN, "late_sign", -100, "超时签收")                                                                                  \
    X(LATE_REPORT, "late_report", -200, "未按月报送进展")                                                                        \
    X(CLOSED_LATE, "closed_late", -300, "逾期办结")                                                                              \
    X(OVERDUE, "overdue", -50, "逾期未办结")                                                                                     \
    X(RETURN, "return", -200, "退回重办")                                                                                        \
    X(FALSE_REPORT, "false_report", -1000, "报送情况不实")                                                                       \
    X(CRITICISE, "criticise", -200, "市领导批评")                                                                                \
    X(PRAISE_CITY, "praise_city", 100, "市领导肯定")                                                                             \
    X(PRAISE_PROVINCE, "praise_province", 200, "省级肯定")
#define SCORE_BASE 10000
#define SCORE_OVERDUE_MAX 1000
#define SCORE_PRAISE_MAX 1000
#define SCORE_TOP 11000     /* clamp before weighing */
#define SCORE_OWN_WEIGHT 80 /* percent; the rest is the leaders' evaluation */
#define SCORE_EVAL_ABSENT 8000
#define SCORE_GRACE_DAYS 2 /* working days after a late return of what was handed in on time */
#define SCORE_REPORT_DAY 25

enum score_kind {
#define X(symbol, word, points, zh) SCORE_##symbol,
    SCORE_KINDS(X)
#undef X
        SCORE_KIND_MAX
};

struct score_period {
    char    name[8];
    int32_t from, to; /* inclusive */
};
/* 2018, 2018-Q1, 2018-03. ERR_INPUT. */
enum err score_period_parse(const char *name, struct score_period *out) MUST_CHECK;
enum score_period_kind { PERIOD_MONTH, PERIOD_QUARTER, PERIOD_YEAR };
enum score_period_kind score_period_kind(const struct score_period *p);
struct score_period    score_period_of(int32_t day, enum score_period_kind kind);
struct score_period    score_period_before(const struct score_period *p);

struct score_span {
    struct score_span *next;
    int32_t            from, to; /* red on the days d with from < d <= to */
};
struct score_task {
    enum ranking_state state;
    enum light         light;
    bool               opened;    /* was dispatched (and not taken back) */
    bool               counts;    /* has a deadline that binds */
    bool               done;      /* accepted, closed or into follow-up */
    bool               in_time;   /* the last hand-in was in time */
    bool               overdue;   /* not done, red or handed in late */
    int                lead;      /* unit; -1 none */
    unsigned           scopes;    /* of its units */
    int32_t            deadline;  /* as it stood; 0 none */
    int32_t            effective; /* with the grace after a return */
    int32_t            dispatched_on, done_on;
    int64_t            opened_ms, ended_ms; /* ended: closed, into long-term, or cancelled; 0 not yet */
    int                days_left;           /* working days to the effective deadline; INT_MAX unknown or none */
    struct score_span *red;
};
struct score_mark {
    enum score_kind kind;
    int             unit, task; /* task -1: none */
    int             points;
    int             n; /* working days of OVERDUE */
    int32_t         day;
};
struct score_facts {
    int64_t            cutoff_ms; /* what happened at or after it is not seen */
    int32_t            today;     /* day of the last moment seen */
    struct score_task *tasks;     /* beside data->tasks */
    struct score_mark *marks;     /* all but OVERDUE, which depends on the period */
    size_t             marks_n, marks_cap;
    int64_t            events_n; /* seen; part of the version */
    int32_t            day0;     /* working days up to a day, from day0 on */
    size_t             days_n;
    int32_t           *workdays, *unknown;
};
/* ERR_CALENDAR: a year that had to be counted is missing. */
enum err score_facts(const struct ranking_data *d, const struct score_rules *rules, int64_t cutoff_ms, struct arena *a,
                     struct score_facts *out) MUST_CHECK;
/* Working days d with from < d <= to. ERR_CALENDAR also outside of what the facts cover. */
enum err score_workdays(const struct score_facts *f, int32_t from, int32_t to, int *n) MUST_CHECK;
/* D32: deductions of a task fall on the lead unit; on an assisting one only if its own report was missing when the deadline had
 * passed. */
bool score_is_blamed(const struct ranking_task *t, const struct score_task *s, const struct ranking_task_unit *u, int32_t day);
/* The task was open, countable, at some time of the period (D34). */
bool score_counted(const struct score_task *t, const struct score_period *p);

enum score_award { AWARD_NONE, AWARD_INCENTIVE, AWARD_WARNING };
const char *award_word(enum score_award m); /* "", incentive, warning */

struct score_row {
    int              unit;
    int              tasks; /* of any kind, dispatched in the period or before and not ended before it */
    int              counted, closed, on_time, due, red, yellow, green;
    int              rate;          /* hundredths of a percent; -1: nothing was due */
    int              minus, praise; /* sums of marks; praise before its cap */
    int              base, evaluation, score;
    int              rank; /* 0: not ranked */
    enum score_award mark;
};
/* Counts one task into a row (of a unit, or the totals of a board). */
void score_add_task(struct score_row *r, const struct score_task *s, const struct score_period *p);
/* One row for each unit of d. */
enum err score_period(const struct ranking_data *d, const struct score_rules *rules, const struct score_facts *f,
                      const struct score_period *p, struct arena *a, struct score_row **rows) MUST_CHECK;
/* Rows of units with tasks whose scope meets the mask: ranked ones first (1, 1, 3), then the others by code. */
void score_scope(const struct ranking_data *d, const struct score_row *rows, unsigned scopes, struct arena *a,
                 struct score_row **list, size_t *n);

struct score_line {
    const char *kind, *text; /* text: Chinese */
    int32_t     day;         /* 0: none */
    int         task;        /* -1: none */
    int         points;
};
/* Every addition and deduction of one unit, in order; the points add up to row->score. */
enum err score_explain(const struct ranking_data *d, const struct score_facts *f, const struct score_period *p,
                       const struct score_row *row, struct arena *a, struct score_line **lines, size_t *n) MUST_CHECK;
/* Rises with every change of what the board of the period is made of. */
int64_t score_version(const struct ranking_data *d, const struct score_facts *f, const struct score_period *p);

#endif
