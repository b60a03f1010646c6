/* SPDX-License-Identifier: Apache-2.0
 *
 * tasks.json: the tasks of a plan, as drafts (D23). Each row is read whole, with all its faults, before anything of it is
 * written.
 */
#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "base/text.h"
#include "handlers/deadline_words.h"
#include "handlers/import_int.h"
#include "handlers/req.h"
#include "store/task.h"
#include "store/unit.h"

#define UNITS_MAX 60
#define LIST_MAX 50
#define ROW_FIELDS                                                                                                               \
    "id|part|section|seed_refs|title|requirement|kind|urgency|source|lead_unit|responsible_units|supervising_unit|monitoring_"   \
    "units|deadline|"                                                                                                            \
    "deadline_text|deadline_rule|long_term|continues_after_deadline|steps|quantities|note|deadline_before_issue|deadline_"       \
    "before_print"

struct tasks {
    struct import     *im;
    struct import_plan plan;
    const char       **ids; /* seen in this file */
    size_t             ids_n;
};

/* ---- one task: who it is ---- */

static void read_id(struct tasks *ts, struct import_row *r, struct task *t) {
    size_t n = strlen(ts->plan.p.id);
    t->id    = import_code(r, "id", true);
    if (t->id == NULL) return;
    for (size_t i = 0; i < ts->ids_n; i++)
        if (strcmp(ts->ids[i], t->id) == 0) import_problem(r, "id", "duplicate", "编号“%s”在文件中重复。", t->id);
    ts->ids[ts->ids_n++] = t->id;
    if (!ts->plan.has_id && (strncmp(t->id, ts->plan.p.id, n) != 0 || t->id[n] != '-'))
        import_problem(r, "id", "prefix", "编号“%s”不属于方案 %s。", t->id, ts->plan.p.id);
}

static void read_part(struct import_row *r, struct task *t) {
    const cJSON *v    = import_field(r, "part");
    const char  *dash = strchr(t->id, '-');
    int          part = -1, used = 0;
    if (v)
        part =
            cJSON_IsNumber(v) && v->valuedouble >= 0 && v->valuedouble <= IMPORT_PART_MAX && v->valuedouble == (double)v->valueint
                ? v->valueint
                : -1;
    else if (dash && sscanf(dash, "-%2d-%n", &part, &used) == 1 && used == 0)
        part = -1;
    if (part < 0)
        import_problem(r, "part", "part", "编号中看不出属于哪一部分，请填写 part（0–%d）。", IMPORT_PART_MAX);
    else
        t->part = part;
}

static void read_source(struct tasks *ts, struct import_row *r, struct task *t) {
    const cJSON *v = import_field(r, "source");
    t->issued_on   = ts->plan.p.issued_on;
    t->source_kind = *ts->plan.p.meeting ? "executive_meeting" : "document";
    t->source_no   = *ts->plan.p.meeting ? ts->plan.p.meeting : ts->plan.p.doc_no;
    if (!*ts->plan.p.meeting) t->source_date = ts->plan.p.issued_on;
    if (v == NULL) return;
    if (!cJSON_IsObject(v)) {
        import_problem(r, "source", "type", "应为对象（kind、number、date）。");
        return;
    }
    struct import_row in = *r; /* the same place, one level down */
    in.o                 = v;
    in.bad               = false;
    import_known(&in, "kind|number|date");
    t->source_kind = import_text(&in, "kind", 40, true);
    t->source_no   = import_text(&in, "number", 100, true);
    t->source_date = import_date(&in, "date", false);
    r->bad         = r->bad || in.bad;
}

/* An array whose items are texts, or an object of whole numbers, kept as JSON. */
static const char *texts_json(struct import_row *r, const char *field) {
    return import_json(r, import_texts(r, field, LIST_MAX, false), "[]");
}

static const char *numbers_json(struct import_row *r, const char *field) {
    const cJSON *v = import_field(r, field), *item;
    if (v == NULL) return "{}";
    bool good                        = cJSON_IsObject(v) && cJSON_GetArraySize(v) <= LIST_MAX;
    cJSON_ArrayForEach(item, v) good = good && cJSON_IsNumber(item) && item->valuedouble == (double)item->valueint &&
                                       item->string && import_is_code(item->string);
    if (!good) import_problem(r, field, "type", "应为名称和整数的对照，最多 %d 项。", LIST_MAX);
    return good ? import_json(r, v, "{}") : "{}";
}

static const char *text_or(const char *s, const char *none) { return s ? s : none; }

static void read_texts(struct tasks *ts, struct import_row *r, struct task *t) {
    t->section     = text_or(import_text(r, "section", 40, false), "");
    t->title       = import_text(r, "title", 200, true);
    t->requirement = import_long_text(r, "requirement", 4000, true);
    t->kind        = text_or(import_code(r, "kind", false), "");
    t->urgency     = text_or(import_word(r, "urgency", "normal|urgent", false), "normal");
    t->steps       = texts_json(r, "steps");
    t->quantities  = numbers_json(r, "quantities");
    t->seed_refs   = texts_json(r, "seed_refs");
    (void)import_long_text(r, "note", 1000, false);
    read_source(ts, r, t);
}

/* ---- one task: its units ---- */

static bool is_among(const char *const *v, size_t n, const char *code) {
    for (size_t i = 0; i < n; i++)
        if (strcmp(v[i], code) == 0) return true;
    return false;
}

static enum err read_units(struct import_row *r, const char *field, bool required, const char ***codes, size_t *n) {
    const cJSON *v = import_texts(r, field, UNITS_MAX, required), *item;
    *codes         = arena_alloc(r->im->row_a, (UNITS_MAX + 1) * sizeof **codes);
    *n             = 0;
    cJSON_ArrayForEach(item, v) {
        const char *code;
        TRY(import_resolve(r, field, item->valuestring, &code));
        if (code == NULL) continue;
        if (is_among(*codes, *n, code))
            import_problem(r, field, "duplicate", "“%s”重复。", item->valuestring);
        else
            (*codes)[(*n)++] = code;
    }
    return ERR_OK;
}

/* Whether the unit is responsible, itself or as a member of a group. */
static enum err is_responsible(struct import *im, const struct task_new *t, const char *unit, bool *yes) {
    *yes = is_among(t->listed, t->listed_n, unit);
    for (size_t i = 0; im->db && !*yes && i < t->listed_n; i++) {
        const char **members;
        size_t       n;
        enum err     e = unit_members(im->db, im->row_a, t->listed[i], &members, &n);
        if (e == ERR_NOTFOUND) continue;
        TRY(e);
        *yes = is_among(members, n, unit);
    }
    return ERR_OK;
}

/* Nobody has two roles in one task (domain.md 2.1). */
static enum err one_role(struct import_row *r, const struct task_new *t, const char *field, const char *unit) {
    bool yes;
    TRY(is_responsible(r->im, t, unit, &yes));
    if (yes) import_problem(r, field, "two_roles", "“%s”是本任务的责任单位，不能同时督办或监督。", unit);
    return ERR_OK;
}

static enum err read_roles(struct import_row *r, struct task_new *t) {
    const char *lead = import_text(r, "lead_unit", 100, false), *sup = import_text(r, "supervising_unit", 100, false);
    TRY(read_units(r, "responsible_units", true, &t->listed, &t->listed_n));
    TRY(read_units(r, "monitoring_units", false, &t->monitors, &t->monitors_n));
    if (lead)
        TRY(import_resolve(r, "lead_unit", lead, &t->t.lead_unit));
    else if (t->listed_n)
        t->t.lead_unit = t->listed[0]; /* first in the printed list (F022) */
    if (t->t.lead_unit && !is_among(t->listed, t->listed_n, t->t.lead_unit))
        import_problem(r, "lead_unit", "not_listed", "牵头单位“%s”不在责任单位中。", lead);
    if (sup)
        TRY(import_resolve(r, "supervising_unit", sup, &t->t.supervising_unit));
    else if (!import_field(r, "supervising_unit"))
        import_warning(r, "supervising_unit", "required", "没有督办单位，下发前须补上。");
    if (t->t.supervising_unit) {
        TRY(one_role(r, t, "supervising_unit", t->t.supervising_unit));
        if (is_among(t->monitors, t->monitors_n, t->t.supervising_unit))
            import_problem(r, "monitoring_units", "two_roles", "“%s”已是督办单位，不能同时监督。", t->t.supervising_unit);
    }
    for (size_t i = 0; i < t->monitors_n; i++) TRY(one_role(r, t, "monitoring_units", t->monitors[i]));
    return ERR_OK;
}

/* ---- one task: its time ---- */

static const char *date_text(struct import *im, int32_t day) {
    char out[11];
    date_format(day, out);
    return arena_strdup(im->row_a, out);
}

/* What the words say against what the other fields say. */
static void compare_words(struct import_row *r, const struct deadline_words *w, const char *given, const char *rule) {
    const char *derived = w->has_date ? date_text(r->im, w->day) : "没有期限";
    if (given && strcmp(given, derived) != 0)
        import_problem(r, "deadline", "words_contradict", "期限 %s 与文字不符，按规则应为 %s。", given, derived);
    if (rule && strcmp(rule, w->rule) != 0)
        import_problem(r, "deadline_rule", "words_contradict", "规则 %s 与文字不符，应为 %s。", rule, w->rule);
    if (import_field(r, "long_term") && import_bool(r, "long_term", false) == w->has_date)
        import_problem(r, "long_term", "words_contradict", "是否长期与期限文字不符。");
}

static void read_without_words(struct import_row *r, struct task *t, const char *given, const char *rule) {
    bool        long_term = import_bool(r, "long_term", false);
    const char *usual     = given ? "exact" : "none_stated";
    if (given && long_term) import_problem(r, "long_term", "words_contradict", "有期限的任务不能同时是长期任务。");
    if (!given && !long_term) import_problem(r, "deadline", "required", "没有期限，也没有说明是长期任务。");
    t->deadline      = given;
    t->deadline_rule = rule ? rule : usual;
    t->long_term     = given == NULL;
}

static void read_words(struct tasks *ts, struct import_row *r, struct task *t, const char *given, const char *rule) {
    struct deadline_words w;
    int                   year, month, dom;
    date_split(ts->plan.issued, &year, &month, &dom);
    enum err e = deadline_words_read(t->deadline_text, year, &w);
    if (e == ERR_OK) {
        compare_words(r, &w, given, rule);
        t->deadline      = w.has_date ? date_text(r->im, w.day) : NULL;
        t->deadline_rule = w.rule;
        t->long_term     = !w.has_date;
    } else if (e == ERR_INPUT) {
        import_problem(r, "deadline_text", "words_date", "“%s”里的日期不存在。", t->deadline_text);
    } else if (given == NULL) {
        import_problem(r, "deadline_text", "words_unknown", "看不懂期限“%s”，请直接填写日期。", t->deadline_text);
    } else {
        import_warning(r, "deadline_text", "words_unknown", "看不懂期限“%s”，没有与日期 %s 核对。", t->deadline_text, given);
        read_without_words(r, t, given, rule);
    }
}

static void check_flag(struct import_row *r, const char *field, bool truth) {
    if (import_field(r, field) && import_bool(r, field, truth) != truth)
        import_warning(r, field, "flag", "与日期不符，应为 %s。", truth ? "true" : "false");
}

static enum err check_day(struct tasks *ts, struct import_row *r, struct task *t) {
    const struct import *im = ts->im;
    int32_t              day;
    bool                 workday;
    TRY(date_parse(t->deadline, &day));
    check_flag(r, "deadline_before_issue", day < ts->plan.issued);
    if (ts->plan.has_printed) check_flag(r, "deadline_before_print", day < ts->plan.printed);
    if (im->h && calendar_is_workday(im->h->cal, day, &workday) == ERR_CALENDAR)
        import_warning(r, "deadline", "no_calendar", "期限 %s 所在年度的工作日历尚未发布，工作日暂不能计算。", t->deadline);
    if (day >= im->today) return ERR_OK;
    if (im->c->confirm_past == NULL) {
        import_problem(r, "deadline", "past", "期限 %s 早于今天（%s）；确需导入请说明理由（--confirm-past）。", t->deadline,
                       date_text(ts->im, im->today));
        return ERR_OK;
    }
    t->late_at_creation = true;
    t->past_reason      = im->c->confirm_past;
    return ERR_OK;
}

static enum err read_time(struct tasks *ts, struct import_row *r, struct task *t) {
    const char *given = import_date(r, "deadline", false), *rule = import_text(r, "deadline_rule", 40, false);
    bool        is_bad_date = import_field(r, "deadline") && given == NULL;
    if (rule && !deadline_rule_known(rule)) {
        import_problem(r, "deadline_rule", "choice", "不认识的规则“%s”。", rule);
        rule = NULL;
    }
    t->deadline_text   = text_or(import_text(r, "deadline_text", 100, false), "");
    t->continues_after = import_bool(r, "continues_after_deadline", false);
    t->past_reason     = "";
    t->deadline_rule   = "";
    if (is_bad_date) return ERR_OK; /* said already */
    if (*t->deadline_text)
        read_words(ts, r, t, given, rule);
    else
        read_without_words(r, t, given, rule);
    return t->deadline ? check_day(ts, r, t) : ERR_OK;
}

/* ---- writing ---- */

static enum err write_task(struct tasks *ts, struct import_row *r, struct task_new *n) {
    struct import    *im = ts->im;
    struct task_event ev = {.task       = n->t.id,
                            .event      = "import",
                            .from_state = "",
                            .to_state   = "draft",
                            .actor      = n->t.created_by,
                            .unit       = "",
                            .reason     = n->t.past_reason,
                            .data       = arena_printf(im->row_a, "{\"file\":\"%s\",\"digest\":\"%s\"}", im->file, im->digest),
                            .device     = "",
                            .at_biz     = im->c->biz_ms,
                            .at_wall    = im->c->wall_ms};
    TRY(import_row_begin(im));
    TRY(import_plan_write(&ts->plan, n->t.part));
    TRY(task_add(im->db, n));
    TRY(task_event_add(im->db, &ev));
    TRY(import_mark(r, arena_printf(im->row_a, "task:%s", n->t.id)));
    im->res->tasks_new++;
    return import_row_end(im);
}

/* *done: nothing more to look at. */
static enum err check_seen(struct import_row *r, const char *id, bool *done) {
    struct import   *im = r->im;
    enum import_seen seen;
    struct task      known;
    *done = true;
    TRY(import_seen(r, arena_printf(im->row_a, "task:%s", id), &seen));
    if (seen == IMPORT_SAME) {
        im->res->tasks_same++;
        return ERR_OK;
    }
    if (seen == IMPORT_DIFFERS) {
        import_problem(r, "id", "differs", "任务“%s”已导入，文件中的内容后来改过；请在系统中修改任务。", id);
        return ERR_OK;
    }
    enum err e = im->db ? task_get(im->db, im->row_a, id, &known) : ERR_NOTFOUND;
    if (e == ERR_OK) import_problem(r, "id", "differs", "编号“%s”已有另一件任务。", id);
    *done = e != ERR_NOTFOUND;
    return e == ERR_NOTFOUND ? ERR_OK : e;
}

static enum err one_task(struct tasks *ts, struct import_row *r) {
    struct import  *im   = ts->im;
    struct task_new n    = {0};
    bool            done = false;
    if (!cJSON_IsObject(r->o)) {
        import_problem(r, "-", "type", "应为对象。");
        return ERR_OK;
    }
    read_id(ts, r, &n.t);
    if (r->bad) return ERR_OK;
    TRY(check_seen(r, n.t.id, &done));
    if (done) return ERR_OK;
    import_known(r, ROW_FIELDS);
    read_part(r, &n.t);
    read_texts(ts, r, &n.t);
    TRY(read_roles(r, &n));
    TRY(read_time(ts, r, &n.t));
    if (r->bad || im->db == NULL) return ERR_OK;
    n.t.plan         = ts->plan.p.id;
    n.t.ord          = (int64_t)r->i;
    n.t.state        = "draft";
    n.t.version      = 1;
    n.t.quality      = "";
    n.t.created_by   = im->c->actor ? im->c->actor : "system";
    n.t.submitted_by = "";
    n.t.created_biz  = im->c->biz_ms;
    n.t.created_wall = im->c->wall_ms;
    return write_task(ts, r, &n);
}

enum err import_tasks(struct import *im, const cJSON *root) {
    const cJSON      *list  = cJSON_GetObjectItemCaseSensitive(root, "tasks"), *item;
    struct import_row whole = {.im = im, .list = "", .o = root};
    struct tasks      ts    = {.im = im, .plan = {.im = im}};
    size_t            i     = 0;
    if (!cJSON_IsArray(list) || cJSON_GetArraySize(list) > IMPORT_ROWS_MAX) {
        import_problem(&whole, "tasks", "type", "应为任务的列表，最多 %d 行。", IMPORT_ROWS_MAX);
        return ERR_OK;
    }
    ts.ids = arena_alloc(im->a, ((size_t)cJSON_GetArraySize(list) + 1) * sizeof *ts.ids);
    TRY(import_plan_read(&ts.plan, &whole, list));
    if (whole.bad) return ERR_OK; /* without its plan no task can stand */
    cJSON_ArrayForEach(item, list) {
        struct import_row r = {.im = im, .list = "tasks", .i = i++, .o = item};
        TRY(one_task(&ts, &r));
        arena_reset(im->row_a);
    }
    return ERR_OK;
}
