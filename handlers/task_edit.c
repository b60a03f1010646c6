/* SPDX-License-Identifier: Apache-2.0
 *
 * Writing a draft, changing it, and the two changes a dispatched task allows: a fresh date for what was late at creation (F003),
 * and another unit in a place that was refused after others had signed.
 */
#include <string.h>

#include "base/check.h"
#include "base/id.h"
#include "base/text.h"
#include "handlers/access.h"
#include "handlers/method.h"
#include "handlers/people.h"
#include "handlers/task_int.h"
#include "store/plan.h"
#include "store/unit.h"

#define DOCNO_MAX 200

/* ---- fields ---- */

/* Exactly searchable, whatever brackets were typed (F006); what is no document number stays as it is. */
static const char *source_no(struct req *r, const char *typed) {
    char out[DOCNO_MAX];
    return text_docno_normalise(typed, out, sizeof out) == ERR_OK ? arena_strdup(r->a, out) : typed;
}

static void set(const char **to, const char *from, bool *changed) {
    if (from == NULL) return;
    *to      = from;
    *changed = true;
}

static enum err set_date(struct req *r, const struct act_args *p, struct task *t, bool *changed) {
    if (p->long_term && p->deadline) return req_bad(r, "long_term", "长期任务：不能同时写完成时限");
    if (p->long_term) {
        t->long_term     = true;
        t->deadline      = NULL;
        t->deadline_rule = "long_term";
        *changed         = true;
    }
    if (p->deadline) {
        const char *today = day_text(r->a, r->biz_ms);
        int32_t     day;
        bool        work;
        TRY(date_parse(p->deadline, &day));
        if (strcmp(p->deadline, today) < 0 && task_blank(p->past_reason))
            return req_bad(r, "past_reason", "完成时限：%s 已过，请改期，或在 past_reason 说明为什么仍按原日期登记", p->deadline);
        if (strcmp(p->deadline, today) >= 0 && calendar_is_workday(r->house->cal, day, &work) == ERR_CALENDAR)
            return req_fail(r, ERR_CALENDAR, "%.4s 年的节假日安排尚未导入，暂时无法计算时限。请先选择已公布年度的日期。",
                            p->deadline);
        t->long_term     = false;
        t->deadline      = p->deadline;
        t->deadline_rule = "exact";
        t->past_reason   = "";
        *changed         = true;
    }
    set(&t->past_reason, p->past_reason, changed);
    set(&t->deadline_text, p->deadline_text, changed);
    return ERR_OK;
}

static enum err check_units(struct req *r, const char *field, const struct strs *v, bool groups) {
    struct unit u;
    for (size_t i = 0; i < v->n; i++) {
        enum err e = unit_get(r->db, r->a, v->v[i], &u);
        if (e == ERR_NOTFOUND) return req_bad(r, field, "单位：没有编号为 %s 的单位", v->v[i]);
        TRY(e);
        if (u.is_group && !groups) return req_bad(r, field, "单位：“%s”不是具体单位", u.short_name);
        for (size_t k = 0; k < i; k++)
            if (strcmp(v->v[k], v->v[i]) == 0) return req_bad(r, field, "单位：“%s”重复", u.short_name);
    }
    return ERR_OK;
}

/* Texts and dates of p into t; the unit lists are written by the caller. */
static enum err apply(struct req *r, const struct act_args *p, struct task *t, bool *changed) {
    struct unit u;
    set(&t->title, p->title, changed);
    set(&t->requirement, p->requirement, changed);
    set(&t->kind, p->kind, changed);
    set(&t->urgency, p->urgency, changed);
    set(&t->source_kind, p->source_kind, changed);
    set(&t->source_no, p->source_no ? source_no(r, p->source_no) : NULL, changed);
    set(&t->source_date, p->source_date, changed);
    set(&t->supervising_unit, p->supervising_unit, changed);
    set(&t->lead_unit, p->lead_unit, changed);
    if (task_blank(t->title)) return req_bad(r, "title", "标题：请填写");
    TRY(set_date(r, p, t, changed));
    if (p->after_deadline) {
        t->continues_after = strcmp(p->after_deadline, "long_term") == 0;
        *changed           = true;
    }
    if (p->steps.n) set(&t->steps, task_json_strs(r->a, p->steps.v, p->steps.n), changed);
    if (!task_numbers(p->quantities)) return req_bad(r, "quantities", "数量目标：每一项都应是不小于 0 的数");
    if (p->quantities) set(&t->quantities, task_json(r->a, p->quantities, "{}"), changed);
    if (p->supervising_unit) {
        TRY(unit_get(r->db, r->a, p->supervising_unit, &u));
        if (u.is_group) return req_bad(r, "supervising_unit", "督办单位：“%s”不是具体单位", u.short_name);
    }
    TRY(check_units(r, "units", &p->units, true));
    return check_units(r, "monitoring_units", &p->monitoring_units, false);
}

static bool listed_has(const char *const *v, size_t n, const char *code) {
    for (size_t i = 0; i < n; i++)
        if (strcmp(v[i], code) == 0) return true;
    return false;
}

/* ---- task.create ---- */

/* What a task takes from its plan unless it is given (F002, F003). */
static enum err from_plan(struct req *r, struct task *t) {
    struct plan plan;
    TRY(plan_get(r->db, r->a, t->plan, &plan));
    if (strcmp(plan.issuer, r->who.unit) != 0) return req_fail(r, ERR_PERM, "只有方案印发单位可以在方案中新增任务。");
    t->issuer      = plan.issuer;
    t->source_kind = *plan.meeting ? "executive_meeting" : "document";
    t->source_no   = *plan.meeting ? plan.meeting : plan.doc_no;
    if (*plan.meeting == '\0') t->source_date = plan.issued_on;
    if (t->issued_on == NULL) t->issued_on = plan.issued_on;
    return ERR_OK;
}

enum err task_create_id(struct req *r, const struct act_args *p, const char **id_out) {
    bool                   changed = false;
    char                   id[ID_CAP];
    struct act             a = {.r = r, .p = p};
    struct task           *t = &a.t;
    id_new("t_", id);
    *t = (struct task){.id            = arena_strdup(r->a, id),
                       .plan          = p->plan,
                       .section       = p->section ? p->section : "",
                       .requirement   = "",
                       .kind          = "",
                       .urgency       = "normal",
                       .source_kind   = "",
                       .source_no     = "",
                       .issued_on     = p->issued_on,
                       .deadline_text = "",
                       .deadline_rule = "",
                       .past_reason   = "",
                       .steps         = "[]",
                       .quantities    = "{}",
                       .seed_refs     = "[]",
                       .state         = "draft",
                       .quality       = "",
                       .created_by    = r->who.id,
                       .submitted_by  = "",
                       .part          = p->part,
                       .ord           = p->ord,
                       .version       = 1,
                       .created_biz   = r->biz_ms,
                       .created_wall  = r->wall_ms};
    if (r->who.unit[0] == '\0') return req_fail(r, ERR_PERM, "您没有所属单位，不能立项交办。");
    if (t->plan) TRY(from_plan(r, t));
    TRY(apply(r, p, t, &changed));
    if (t->supervising_unit == NULL) t->supervising_unit = r->who.unit;
    if (strcmp(t->supervising_unit, r->who.unit) != 0 && (t->issuer == NULL || strcmp(t->issuer, r->who.unit) != 0))
        return req_fail(r, ERR_PERM, "只能以本单位名义立项督办，或在本单位印发的方案中新增任务。");
    if (t->lead_unit == NULL && p->units.n) t->lead_unit = p->units.v[0];
    if (t->lead_unit && !listed_has(p->units.v, p->units.n, t->lead_unit))
        return req_bad(r, "lead_unit", "牵头单位：不在责任单位之中");
    struct task_new n = {.t          = *t,
                         .listed     = p->units.v,
                         .monitors   = p->monitoring_units.v,
                         .listed_n   = p->units.n,
                         .monitors_n = p->monitoring_units.n};
    TRY(task_add(r->db, &n));
    TRY(task_record(&a, "create", "", NULL, arena_printf(r->a, "{\"units\":%s}", task_json_strs(r->a, p->units.v, p->units.n))));
    jw_kstr(r->out, "id", t->id);
    jw_kstr(r->out, "event", "create");
    jw_kstr(r->out, "state", t->state);
    jw_kstr(r->out, "state_text", task_state_zh(t->state));
    jw_kint(r->out, "version", t->version);
    jw_ktime(r->out, "at", r->biz_ms);
    *id_out = t->id;
    return ERR_OK;
}

enum err task_create(struct req *r, const void *args) {
    const char *id;
    return task_create_id(r, args, &id);
}

/* ---- task.update ---- */

static enum err update_draft(struct act *a) {
    struct req            *r       = a->r;
    const struct act_args *p       = a->p;
    bool                   changed = false;
    if (p->replace) return req_bad(r, "replace", "任务还是草稿，请直接修改责任单位");
    if (p->supervising_unit && strcmp(p->supervising_unit, r->who.unit) != 0 &&
        (a->t.issuer == NULL || strcmp(a->t.issuer, r->who.unit) != 0))
        return req_bad(r, "supervising_unit", "督办单位：只能是本单位，或由方案印发单位指定");
    TRY(apply(r, p, &a->t, &changed));
    if (p->units.n) {
        TRY(task_set_listed(r->db, a->t.id, p->units.v, p->units.n));
        if (p->lead_unit == NULL) a->t.lead_unit = p->units.v[0];
        if (!listed_has(p->units.v, p->units.n, a->t.lead_unit)) return req_bad(r, "lead_unit", "牵头单位：不在责任单位之中");
    }
    if (p->monitoring_units.n) TRY(task_set_monitors(r->db, a->t.id, p->monitoring_units.v, p->monitoring_units.n));
    if (!changed && p->units.n + p->monitoring_units.n == 0) return req_bad(r, "title", "没有要修改的内容");
    a->touched = true;
    return ERR_OK;
}

static enum err fresh_date(struct act *a) {
    struct req *r       = a->r;
    bool        changed = false;
    if (!a->t.late_at_creation) return req_fail(r, ERR_STATE, "任务已经交办，完成时限不能直接修改，请按延期办理。");
    if (strcmp(a->p->deadline, day_text(r->a, r->biz_ms)) < 0) return req_bad(r, "deadline", "完成时限：不能早于今天");
    TRY(set_date(r, a->p, &a->t, &changed));
    a->t.late_at_creation = false;
    return ERR_OK;
}

static enum err put_in_place(struct act *a, const struct task_unit *old, const char *code, const struct task_named *m,
                             size_t m_n) {
    struct req  *r = a->r;
    const char **members;
    size_t       n;
    bool         in = false;
    int64_t      due;
    a->missing_n = 0;
    for (size_t i = 0; i < a->units_n; i++)
        if (strcmp(a->units[i].unit, code) == 0) task_miss(a, "责任单位：“%s”已在其中", a->units[i].name);
    TRY(task_check_unit(a, code, m, m_n));
    if (old->from_group) {
        struct unit g;
        TRY(unit_get(r->db, r->a, old->from_group, &g));
        if (g.members_complete) {
            TRY(unit_members(r->db, r->a, g.code, &members, &n));
            for (size_t i = 0; i < n; i++) in = in || strcmp(members[i], code) == 0;
            if (!in) task_miss(a, "%s 不属于“%s”", code, g.short_name);
        }
    }
    if (a->missing_n) return req_bad(r, "replace", "%s", a->missing[0]);
    TRY(task_sign_due(a, &due));
    struct task_unit u = *old;
    u.unit             = code;
    u.sign_due_biz     = due;
    TRY(task_unit_add(r->db, a->t.id, &u));
    if (u.is_lead) a->t.lead_unit = code;
    return ERR_OK;
}

static enum err replace_units(struct act *a) {
    struct req        *r = a->r;
    struct task_named *m;
    size_t             m_n;
    TRY(task_monitor_list(r->db, r->a, a->t.id, &m, &m_n));
    for (const cJSON *v = a->p->replace->child; v; v = v->next) {
        const struct task_unit *old = NULL;
        for (size_t i = 0; i < a->units_n; i++)
            if (strcmp(a->units[i].unit, v->string) == 0 && strcmp(a->units[i].state, "refused") == 0) old = &a->units[i];
        if (old == NULL) return req_bad(r, "replace", "%s 没有退回交办，不能更换", v->string);
        if (!cJSON_IsString(v)) return req_bad(r, "replace", "请填写接替单位的编号；不再指定的填空文本");
        if (old->is_lead && *v->valuestring == '\0') return req_bad(r, "replace", "“%s”是牵头单位，请指定接替的单位", old->name);
        TRY(task_unit_remove(r->db, a->t.id, old->unit));
        if (*v->valuestring) TRY(put_in_place(a, old, arena_strdup(r->a, v->valuestring), m, m_n));
    }
    return ERR_OK;
}

/* Only what is still open: everything else of a dispatched task stands as approved. */
static enum err update_open(struct act *a) {
    const struct act_args *p = a->p;
    if (p->title || p->requirement || p->kind || p->urgency || p->source_kind || p->source_no || p->source_date || p->lead_unit ||
        p->supervising_unit || p->after_deadline || p->long_term || p->units.n || p->monitoring_units.n || p->steps.n ||
        p->quantities)
        return req_fail(a->r, ERR_STATE, "任务已经交办，只能补定时限或更换退回交办的单位。");
    if (p->deadline == NULL && p->replace == NULL) return req_bad(a->r, "deadline", "没有要修改的内容");
    if (p->deadline) TRY(fresh_date(a));
    if (p->replace) TRY(replace_units(a));
    a->touched = true;
    return ERR_OK;
}

static enum err tell_changes(struct act *a) {
    struct req *r   = a->r;
    const char *key = arena_printf(r->a, "task.assigned:%s:%lld", a->t.id, (long long)a->t.version);
    if (a->p->deadline)
        return task_tell_units(a, "task.dated", false, day_words(r->a, a->t.deadline),
                               arena_printf(r->a, "task.dated:%s:%lld", a->t.id, (long long)a->t.version));
    for (const cJSON *v = a->p->replace->child; v; v = v->next) {
        for (size_t i = 0; i < a->units_n; i++)
            if (cJSON_IsString(v) && strcmp(a->units[i].unit, v->valuestring) == 0)
                TRY(task_tell_unit(a, a->units[i].unit, ROLE_RESPONSIBLE, "task.assigned",
                                   task_assign_words(a, a->units[i].sign_due_biz), key));
    }
    return strcmp(a->t.state, "signed") == 0 ? task_tell_side(a, ROLE_DISPATCHER, "task.signed", NULL, key) : ERR_OK;
}

/* "deadline_from" is what the ranking recomputes from (store/task.h). */
static const char *date_moved(struct act *a, const char *was) {
    if (a->p->deadline == NULL) return "";
    return arena_printf(a->r->a, "\"deadline\":\"%s\",\"deadline_from\":\"%s\",", a->t.deadline, was);
}

enum err task_update(struct req *r, const void *args) {
    const struct act_args *p = args;
    struct act             a;
    TRY(task_act_begin(r, p, EV_UPDATE, &a));
    bool        draft = task_is_draft(&a.t);
    const char *was   = a.t.deadline;
    TRY(draft ? update_draft(&a) : update_open(&a));
    TRY(task_unit_list(r->db, r->a, a.t.id, &a.units, &a.units_n));
    const char *data = draft ? arena_printf(r->a, "{\"units\":%s}", task_json_strs(r->a, p->units.v, p->units.n))
                             : arena_printf(r->a, "{%s\"replace\":%s}", date_moved(&a, was), task_json(r->a, p->replace, "{}"));
    TRY(task_act_finish(&a, p->reason, data));
    return draft ? ERR_OK : tell_changes(&a);
}
