/* SPDX-License-Identifier: Apache-2.0
 *
 * Asking for a board, for the reasons of one score, and what people put in by hand: leaders' evaluations and praise of the province.
 */
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "handlers/lists.h"
#include "handlers/method.h"
#include "handlers/ranking.h"
#include "store/instruction.h"
#include "store/unit.h"

#define REPLY_BYTES   (4u << 20)
#define READERS       (ROLE_STAFF | ROLE_DISPLAY | ROLE_ADMIN | ROLE_AUDITOR)
#define SEES_ALL      (ROLE_LEADER | ROLE_DISPATCHER | ROLE_APPROVER | ROLE_MONITOR | ROLE_AUDITOR)
#define PERIOD_FORMAT "期间：格式为 2018、2018-Q1 或 2018-03"

struct board_args {
    const char *period, *scope;
};
struct explain_args {
    const char *period, *scope, *unit;
};
struct evaluation_args {
    const char *period, *unit;
    int64_t     value;
};
struct praise_args {
    const char *unit, *document;
};

static enum err check_period(struct req *r, const char *name, struct score_period *p) {
    return score_period_parse(name, p) == ERR_OK ? ERR_OK : req_bad(r, "period", PERIOD_FORMAT);
}

static enum err get(struct req *r, const void *args) {
    const struct board_args *p = args;
    struct score_period      period;
    struct buf               b;
    struct jw                w;
    TRY(check_period(r, p->period, &period));
    buf_init(&b, REPLY_BYTES);
    jw_init(&w, &b);
    enum err e = ranking_board(r->house, r->db, r->a, p->period, p->scope, r->biz_ms, &w);
    if (e == ERR_OK && b.len > 2) jw_raw(r->out, b.p + 1, b.len - 2); /* its members: the object is open already */
    buf_fini(&b);
    return e;
}

/* ---- why a score is what it is ---- */

static void write_day(struct jw *w, const char *key, int32_t day) {
    char text[11] = "";
    if (day) date_format(day, text);
    jw_kstr(w, key, day ? text : NULL);
}

static void write_lines(struct req *r, const struct ranking_view *v, const struct score_line *lines, size_t n) {
    int sum = 0;
    jw_key(r->out, "lines");
    jw_arr(r->out);
    for (size_t i = 0; i < n; i++) {
        const struct score_line *l = &lines[i];
        jw_obj(r->out);
        write_day(r->out, "date", l->day);
        jw_kstr(r->out, "kind", l->kind);
        jw_kstr(r->out, "text", l->text);
        jw_kstr(r->out, "task", l->task < 0 ? NULL : v->d.tasks[l->task].id);
        jw_kstr(r->out, "title", l->task < 0 ? NULL : v->d.tasks[l->task].title);
        jw_kint(r->out, "points", l->points);
        jw_obj_end(r->out);
        sum += l->points;
    }
    jw_arr_end(r->out);
    jw_kint(r->out, "sum", sum);
}

struct shown {
    size_t            task;
    enum light        light;
    int32_t           due;
    bool              open;
};

/* Red first, then yellow, green, without light, at last what is finished; by date inside. */
static int by_urgency(const void *a, const void *b) {
    const struct shown *x = a, *y = b;
    if (x->open != y->open) return x->open ? -1 : 1;
    if (x->light != y->light) return x->light > y->light ? -1 : 1;
    if (x->due != y->due) return x->due < y->due ? -1 : 1;
    return x->task < y->task ? -1 : 1;
}

static bool has_unit(const struct ranking_task *t, int unit) {
    for (size_t i = 0; i < t->units_n; i++)
        if (t->units[i].unit == unit) return true;
    return false;
}

static void write_tasks(struct req *r, const struct ranking_view *v, int unit) {
    struct shown *list = arena_alloc(v->a, (v->d.tasks_n + 1) * sizeof *list);
    size_t        n    = 0;
    for (size_t i = 0; i < v->d.tasks_n; i++) {
        const struct score_task *s    = &v->f.tasks[i];
        struct score_row         here = {0};
        if (!has_unit(&v->d.tasks[i], unit)) continue;
        score_add_task(&here, s, &v->period);
        if (here.tasks) list[n++] = (struct shown){i, s->light, s->effective, !s->done && s->state != ST_closed};
    }
    qsort(list, n, sizeof *list, by_urgency);
    jw_key(r->out, "tasks");
    jw_arr(r->out);
    for (size_t i = 0; i < n; i++) {
        const struct ranking_task *t = &v->d.tasks[list[i].task];
        const struct score_task   *s = &v->f.tasks[list[i].task];
        jw_obj(r->out);
        jw_kstr(r->out, "task", t->id);
        jw_kstr(r->out, "title", t->title);
        jw_kstr(r->out, "state", ranking_state_word(s->state));
        jw_kstr(r->out, "light", light_word(s->light));
        write_day(r->out, "deadline", s->deadline);
        if (list[i].open && s->effective && s->days_left != INT_MAX) jw_kint(r->out, "days_left", s->days_left);
        else jw_kstr(r->out, "days_left", NULL);
        jw_kbool(r->out, "lead", s->lead == unit);
        jw_kbool(r->out, "counted", score_counted(s, &v->period));
        jw_obj_end(r->out);
    }
    jw_arr_end(r->out);
}

static enum err write_explained(struct req *r, struct ranking_view *v, const struct explain_args *p) {
    struct score_row  *units, *rows, *row = NULL;
    struct score_line *lines;
    size_t             n, lines_n;
    int64_t            frozen_biz;
    int                unit = ranking_find_unit(&v->d, p->unit);
    if (unit < 0 || !(v->d.units[unit].scope & v->scopes)) return ERR_NOTFOUND;
    TRY(score_period(&v->d, &v->rules, &v->f, &v->period, v->a, &units));
    score_scope(&v->d, units, v->scopes, v->a, &rows, &n);
    for (size_t i = 0; i < n; i++)
        if (rows[i].unit == unit) row = &rows[i];
    if (row == NULL) return req_fail(r, ERR_NOTFOUND, "%s本期没有任务，不在排行榜上。", v->d.units[unit].short_name);
    TRY(score_explain(&v->d, &v->f, &v->period, row, v->a, &lines, &lines_n));
    enum err e = ranking_frozen_at(r->db, p->period, p->scope, &frozen_biz);
    if (e != ERR_OK && e != ERR_NOTFOUND) return e;
    jw_kstr(r->out, "period", v->period.name);
    jw_kstr(r->out, "scope", p->scope);
    jw_kstr(r->out, "unit", v->d.units[unit].code);
    jw_kstr(r->out, "name", v->d.units[unit].board_name);
    jw_kstr(r->out, "short_name", v->d.units[unit].short_name);
    jw_kstr(r->out, "rule", RANKING_RULE);
    jw_ktime(r->out, "at", v->f.cutoff_ms - 1);
    jw_kbool(r->out, "frozen", e == ERR_OK);
    jw_kbool(r->out, "ranked", row->rank > 0);
    if (row->rank) jw_kint(r->out, "rank", row->rank);
    else jw_kstr(r->out, "rank", NULL);
    jw_kint(r->out, "score", row->score);
    jw_kstr(r->out, "mark", award_word(row->mark));
    jw_kint(r->out, "on_time", row->on_time);
    jw_kint(r->out, "due", row->due);
    jw_kint(r->out, "counted", row->counted);
    jw_kint(r->out, "min_tasks", v->rules.min_tasks);
    write_lines(r, v, lines, lines_n);
    write_tasks(r, v, unit);
    return ERR_OK;
}

/* The reasons name tasks: a unit sees its own, those who see all tasks see all (counties do not see each other's). */
static enum err explain(struct req *r, const void *args) {
    const struct explain_args *p = args;
    struct ranking_view        v;
    struct score_period        period;
    TRY(check_period(r, p->period, &period));
    if (!req_has(r, SEES_ALL) && strcmp(r->who.unit, p->unit) != 0) return ERR_NOTFOUND;
    enum err e = ranking_view_begin(r->house, r->db, p->period, p->scope, r->biz_ms, &v);
    if (e == ERR_OK) e = write_explained(r, &v, p);
    ranking_view_end(&v);
    return e;
}

/* ---- put in by hand ---- */

static enum err check_unit(struct req *r, const char *code, const char **name) {
    struct unit u;
    TRY(unit_get(r->db, r->a, code, &u));
    if (u.is_group) return req_bad(r, "unit", "单位：“%s”不是具体单位，请逐个填写", u.short_name);
    *name = u.short_name;
    return ERR_OK;
}

/* A period that is over is frozen with its evaluations: a later one would make the frozen board irreproducible. */
static enum err evaluation(struct req *r, const void *args) {
    const struct evaluation_args *p = args;
    struct score_period           period;
    const char                   *name;
    TRY(check_period(r, p->period, &period));
    TRY(check_unit(r, p->unit, &name));
    if (period.to < date_of_ms(r->biz_ms)) return req_fail(r, ERR_LATE, "%s 的排行榜已经定稿，不能再评价；请评价本期。", p->period);
    TRY(evaluation_set(r->db, p->period, p->unit, r->who.id, p->value, r->biz_ms));
    req_dirty_boards(r);
    TRY(req_ledger(r, arena_printf(r->a, "evaluation:%s:%s", p->period, p->unit), arena_printf(r->a, "{\"value\":%d}", (int)p->value)));
    jw_kstr(r->out, "period", p->period);
    jw_kstr(r->out, "unit", p->unit);
    jw_kint(r->out, "value", p->value);
    return ERR_OK;
}

static enum err praise(struct req *r, const void *args) {
    const struct praise_args *p = args;
    char                      doc[200];
    const char               *name = "";
    if (r->who.unit[0] == '\0') return ERR_PERM;
    TRY(check_unit(r, p->unit, &name));
    if (strcmp(p->unit, r->who.unit) == 0) return req_fail(r, ERR_PERM, "不能为本单位登记加分，请由其他督办单位登记。");
    if (text_docno_normalise(p->document, doc, sizeof doc) != ERR_OK) return req_bad(r, "document", "文号：格式如 闽政办〔2018〕12号");
    enum err e = praise_add(r->db, &(struct praise){doc, p->unit, r->who.id, r->who.unit, r->biz_ms});
    if (e == ERR_DUP) return req_fail(r, ERR_DUP, "%s 对%s的肯定已经登记过。", doc, name);
    TRY(e);
    req_dirty_boards(r);
    TRY(req_ledger(r, arena_printf(r->a, "praise:%s:%s", doc, p->unit), NULL));
    jw_kstr(r->out, "unit", p->unit);
    jw_kstr(r->out, "document", doc);
    jw_ktime(r->out, "at", r->biz_ms);
    return ERR_OK;
}

#define SCOPES "city|county|department|soe"
static const struct param board_params[]   = {P_ID(struct board_args, period, NULL), P_ENUM(struct board_args, scope, SCOPES, true)};
static const struct param explain_params[] = {P_ID(struct explain_args, period, NULL), P_ENUM(struct explain_args, scope, SCOPES, true),
                                              P_ID(struct explain_args, unit, "unit")};
static const struct param evaluation_params[] = {P_ID(struct evaluation_args, period, NULL), P_ID(struct evaluation_args, unit, "unit"),
                                                 P_I64(struct evaluation_args, value, 0, 100, true)};
static const struct param praise_params[]     = {P_ID(struct praise_args, unit, "unit"), P_STR(struct praise_args, document, 1, 60, true)};

static const struct method rows[] = {
    {.name = "ranking.get", .verb = V_GET, .path = "/v1/rankings/{period}/{scope}", .doc = "任务办理情况排行榜：期间 2018、2018-Q1 或 2018-03。", .roles = READERS,
     .cost = 1, PARAMS(board_params), .args_size = sizeof(struct board_args), .fn = get,
     .reply_doc = "整个榜单：totals，rows，weeks，events；分数和按时率以百分之一计"},
    {.name = "ranking.explain", .verb = V_GET, .path = "/v1/rankings/{period}/{scope}/units/{unit}", .doc = "一个单位的得分怎么来的：逐条加减分和背后的任务。",
     .roles = ROLE_STAFF | ROLE_AUDITOR, .cost = 1, PARAMS(explain_params), .args_size = sizeof(struct explain_args), .fn = explain,
     .reply_doc = "lines 逐条加减分，合计 sum 等于 score；tasks 按红黄绿排列"},
    {.name = "evaluation.set", .verb = V_PUT, .path = "/v1/evaluations/{period}/{unit}", .doc = "市领导对单位的评价（0 到 100），计入排行榜。",
     .roles = ROLE_LEADER, .flags = M_WRITE, .cost = 2, PARAMS(evaluation_params), .args_size = sizeof(struct evaluation_args), .fn = evaluation,
     .reply_doc = "period，unit，value"},
    {.name = "praise.add", .verb = V_POST, .path = "/v1/praises", .doc = "登记省级肯定（凭文号，加 2 分）。", .roles = ROLE_DISPATCHER,
     .flags = M_WRITE | M_CREATED, .cost = 2, PARAMS(praise_params), .args_size = sizeof(struct praise_args), .fn = praise,
     .reply_doc = "unit，document 规范后的文号，at"},
};
METHOD_LIST(ranking_methods, rows);
