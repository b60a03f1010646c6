/* SPDX-License-Identifier: Apache-2.0 */
#include "handlers/upkeep_due.h"

#include <limits.h>
#include <string.h>

#include "base/check.h"
#include "handlers/method.h"
#include "handlers/people.h"
#include "handlers/ranking.h"
#include "push/notice.h"
#include "store/instruction.h"
#include "store/task.h"
#include "store/upkeep.h"

#define INSTRUCTIONS_MAX 200
#define UNIT_ROLES (ROLE_STAFF & ~ROLE_LEADER)

/* The one table of escalation (domain.md 3.4): level 1 the unit and the dispatcher, 2 also the inspection group, 3 all monitoring
 * units. */
#define LEVELS_N 3
static const struct ladder {
    const char *word;
    int         from[LEVELS_N];                         /* the level begins at this many */
} ladder_unsigned  = {"unsigned", {0, 1, 3}},           /* full working days since the limit */
    ladder_overdue = {"overdue", {0, 6, 16}},           /* working days over */
    ladder_report  = {"noreport", {1, 2, 3}},           /* months missed */
    ladder_reply   = {"instruction", {0, 3, 6}};        /* working days over: limit passed, two and five days later */
static const char        inspection_group[] = "NP-DDC"; /* 大督查组 */
static const char *const all_monitors[]     = {"NP-DDC", "NP-ZZB", "NP-JW"}; /* of instructions, which name none */

static int level_of(const struct ladder *l, int n) {
    int level = 1;
    for (int i = 0; i < LEVELS_N; i++)
        if (n >= l->from[i]) level = i + 1;
    return level;
}

struct due {
    struct house       *h;
    struct db          *db;
    struct arena       *a;
    struct ranking_view v;
    int64_t             biz_ms;
    unsigned            when;
    size_t              max, n;
    struct reminder    *first, **last;
};

/* NULL: given already, or enough for one job. */
static enum err add(struct due *x, const char *name, struct reminder **out) {
    bool known = false;
    *out       = NULL;
    if (x->n == x->max) return ERR_OK;
    TRY(reminder_known(x->db, name, &known));
    if (known) return ERR_OK;
    struct reminder *r = arena_alloc(x->a, sizeof *r);
    r->name            = name;
    r->extra = r->upward = "";
    *x->last             = r;
    x->last              = &r->next;
    x->n++;
    *out = r;
    return ERR_OK;
}

static void tell(struct due *x, struct reminder *r, const char *unit, unsigned roles, const char *kind) {
    struct tell *t = arena_alloc(x->a, sizeof *t), **at = &r->tells;
    *t = (struct tell){NULL, arena_strdup(x->a, unit), kind, roles};
    while (*at) at = &(*at)->next;
    *at = t;
}

static void about_task(struct due *x, struct reminder *r, size_t task) {
    r->object = arena_printf(x->a, "task:%s", x->v.d.tasks[task].id);
    r->title  = arena_strdup(x->a, x->v.d.tasks[task].title);
}

static void tell_units(struct due *x, struct reminder *r, size_t task, const char *kind) {
    const struct ranking_task *t = &x->v.d.tasks[task];
    for (size_t i = 0; i < t->units_n; i++) tell(x, r, x->v.d.units[t->units[i].unit].code, ROLE_RESPONSIBLE, kind);
}

static enum err tell_upward(struct due *x, struct reminder *r, size_t task, int level) {
    const struct ranking_task *t = &x->v.d.tasks[task];
    struct task_named         *m;
    size_t                     n;
    if (t->supervising) tell(x, r, t->supervising, ROLE_DISPATCHER, "task.escalated");
    if (level < 2) return ERR_OK;
    TRY(task_monitor_list(x->db, x->a, t->id, &m, &n));
    for (size_t i = 0; i < n; i++)
        if (level > 2 || strcmp(m[i].unit, inspection_group) == 0) tell(x, r, m[i].unit, ROLE_MONITOR, "task.escalated");
    return ERR_OK;
}

static const char *date_text(struct due *x, int32_t day) {
    char text[11];
    date_format(day, text);
    return arena_strdup(x->a, text);
}

/* ---- the rules ---- */

static enum err due_soon(struct due *x, size_t i) {
    const struct ranking_task *t = &x->v.d.tasks[i];
    const struct score_task   *s = &x->v.f.tasks[i];
    struct reminder           *r;
    if (s->light != LIGHT_YELLOW) return ERR_OK;
    int threshold = s->days_left <= 1 ? 1 : x->h->yellow_days;
    TRY(add(x, arena_printf(x->a, "due_soon:%s:%s:%d", t->id, date_text(x, s->effective), threshold), &r));
    if (r == NULL) return ERR_OK;
    about_task(x, r, i);
    if (s->effective == x->v.f.today)
        r->extra = "今天到期";
    else if (s->days_left == 0)
        r->extra = arena_printf(x->a, "%s到期", day_words(x->a, date_text(x, s->effective)));
    else
        r->extra = arena_printf(x->a, "还剩%d个工作日", s->days_left);
    tell_units(x, r, i, "task.due_soon");
    return ERR_OK;
}

static enum err overdue(struct due *x, size_t i) {
    const struct ranking_task *t = &x->v.d.tasks[i];
    const struct score_task   *s = &x->v.f.tasks[i];
    struct reminder           *r;
    int                        over;
    if (s->light != LIGHT_RED) return ERR_OK;
    TRY(score_workdays(&x->v.f, s->effective, x->v.f.today, &over));
    int level = level_of(&ladder_overdue, over);
    TRY(add(x, arena_printf(x->a, "%s:%s:%s:%d", ladder_overdue.word, t->id, date_text(x, s->effective), level), &r));
    if (r == NULL) return ERR_OK;
    about_task(x, r, i);
    r->upward = over ? arena_printf(x->a, "已逾期%d个工作日", over) : "已逾期";
    tell_units(x, r, i, "task.overdue");
    return tell_upward(x, r, i, level);
}

static enum err unsigned_units(struct due *x, size_t i) {
    const struct ranking_task *t = &x->v.d.tasks[i];
    if (x->v.f.tasks[i].state != ST_dispatched) return ERR_OK;
    for (size_t k = 0; k < t->units_n; k++) {
        const struct ranking_task_unit *u    = &t->units[k];
        const struct ranking_unit      *unit = &x->v.d.units[u->unit];
        struct reminder                *r;
        int                             days;
        if (u->sign_due_biz == 0 || u->sign_due_biz > x->biz_ms || (u->signed_biz && u->signed_biz <= x->biz_ms)) continue;
        TRY(score_workdays(&x->v.f, date_of_ms(u->sign_due_biz - 1), x->v.f.today - 1, &days));
        int level = level_of(&ladder_unsigned, days);
        TRY(add(
            x, arena_printf(x->a, "%s:%s:%s:%lld:%d", ladder_unsigned.word, t->id, unit->code, (long long)u->sign_due_biz, level),
            &r));
        if (r == NULL) continue;
        about_task(x, r, i);
        r->upward = arena_printf(x->a, "%s超时未签收", unit->short_name);
        tell(x, r, unit->code, ROLE_RESPONSIBLE, "task.unsigned");
        TRY(tell_upward(x, r, i, level));
    }
    return ERR_OK;
}

static enum err missing_reports(struct due *x) {
    const struct score_facts *f = &x->v.f;
    for (size_t i = 0; i < f->marks_n; i++) {
        const struct score_mark *m      = &f->marks[i];
        int                      missed = 0;
        struct reminder         *r;
        if (m->kind != SCORE_LATE_REPORT || m->day != f->today) continue;
        for (size_t k = 0; k <= i; k++)
            missed += f->marks[k].kind == SCORE_LATE_REPORT && f->marks[k].task == m->task && f->marks[k].unit == m->unit;
        const struct ranking_task *t    = &x->v.d.tasks[m->task];
        const struct ranking_unit *unit = &x->v.d.units[m->unit];
        TRY(add(x, arena_printf(x->a, "%s:%s:%s:%.7s", ladder_report.word, t->id, unit->code, date_text(x, m->day)), &r));
        if (r == NULL) continue;
        about_task(x, r, (size_t)m->task);
        r->upward = arena_printf(x->a, "%s未报送本月进展", unit->short_name);
        tell(x, r, unit->code, ROLE_RESPONSIBLE, "task.noreport");
        TRY(tell_upward(x, r, (size_t)m->task, level_of(&ladder_report, missed)));
    }
    return ERR_OK;
}

static enum err late_replies(struct due *x) {
    struct instruction_late *v;
    size_t                   n;
    TRY(instruction_late_list(x->db, x->a, date_text(x, x->v.f.today), INSTRUCTIONS_MAX, &v, &n));
    for (size_t i = 0; i < n; i++) {
        struct reminder *r;
        int32_t          due;
        int              over;
        if (date_parse(v[i].due_on, &due) != ERR_OK) continue;
        TRY(calendar_between(x->h->cal, due, x->v.f.today, &over));
        int level = level_of(&ladder_reply, over);
        TRY(add(x, arena_printf(x->a, "%s:%s:%s:%d", ladder_reply.word, v[i].instruction, v[i].unit, level), &r));
        if (r == NULL) continue;
        r->object = arena_printf(x->a, "instruction:%s", v[i].instruction);
        r->title  = "";
        tell(x, r, v[i].unit, UNIT_ROLES, "instruction.late");
        for (size_t k = 0; level > 1 && k < ARRAY_N(all_monitors); k++)
            if (level > 2 || strcmp(all_monitors[k], inspection_group) == 0)
                tell(x, r, all_monitors[k], ROLE_MONITOR, "instruction.escalated");
    }
    return ERR_OK;
}

static enum err collect(struct due *x) {
    for (size_t i = 0; i < x->v.d.tasks_n; i++) {
        if (!x->v.f.tasks[i].opened) continue;
        TRY(unsigned_units(x, i));
        if (x->when & UPKEEP_MIDNIGHT) TRY(overdue(x, i));
        if (x->when & UPKEEP_MORNING) TRY(due_soon(x, i));
    }
    if (!(x->when & UPKEEP_MORNING)) return ERR_OK;
    TRY(missing_reports(x));
    return late_replies(x);
}

enum err upkeep_due(struct house *h, struct db *db, struct arena *a, int64_t biz_ms, unsigned when, size_t max,
                    struct reminder **list, size_t *n) {
    struct due          x   = {.h = h, .db = db, .a = a, .biz_ms = biz_ms, .when = when, .max = max};
    struct score_period day = score_period_of(date_of_ms(biz_ms), PERIOD_MONTH);
    x.last                  = &x.first;
    enum err e              = ranking_view_begin(h, db, day.name, "city", biz_ms, &x.v);
    if (e == ERR_OK) e = collect(&x);
    ranking_view_end(&x.v);
    *list = x.first;
    *n    = x.n;
    return e;
}

enum err upkeep_give(struct house *h, struct db *db, struct arena *a, const struct reminder *list, int64_t wall_ms,
                     int64_t biz_ms) {
    struct notice_rules rules = people_notice_rules(h);
    for (const struct reminder *r = list; r; r = r->next) {
        TRY(reminder_add(db, r->name, biz_ms));
        for (const struct tell *t = r->tells; t; t = t->next) {
            bool              upward = strstr(t->kind, ".escalated") != NULL;
            size_t            told;
            struct notice_msg m = {.kind    = t->kind,
                                   .object  = r->object,
                                   .title   = r->title,
                                   .extra   = upward ? r->upward : r->extra,
                                   .dedupe  = r->name,
                                   .wall_ms = wall_ms,
                                   .biz_ms  = biz_ms};
            TRY(notice_unit(db, a, &rules, t->unit, t->roles, &m, &told));
        }
    }
    return ERR_OK;
}
