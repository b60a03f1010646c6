/* SPDX-License-Identifier: Apache-2.0
 *
 * The acts of a task's life (domain.md 3.2): each is begin (who, state, version, guards), its own change, finish. One request an
 * act (F116).
 */
#include <string.h>

#include "handlers/lists.h"
#include "handlers/method.h"
#include "handlers/people.h"
#include "handlers/task_int.h"

/* Stable over repeats of the same transition: the version it led to. */
static const char *dedupe(const struct act *a, const char *kind) {
    return arena_printf(a->r->a, "%s:%s:%lld", kind, a->t.id, (long long)a->t.version);
}

static const char *units_json(struct arena *a, const struct task_unit *v, size_t n) {
    const char **codes = arena_alloc(a, (n + 1) * sizeof *codes);
    for (size_t i = 0; i < n; i++) codes[i] = v[i].unit;
    return task_json_strs(a, codes, n);
}

/* ---- the dispatching side ---- */

static enum err submit_draft(struct req *r, const void *args) {
    const struct act_args *p = args;
    struct act             a;
    TRY(task_act_begin(r, p, EV_SUBMIT_DRAFT, &a));
    TRY(task_unit_remove(r->db, a.t.id, NULL));
    for (size_t i = 0; i < a.placed_n; i++) {
        TRY(task_unit_add(r->db, a.t.id, &a.placed[i]));
        if (a.placed[i].is_lead) a.t.lead_unit = a.placed[i].unit;
    }
    a.t.submitted_by = r->who.id;
    TRY(task_act_finish(&a, p->reason,
                        arena_printf(r->a, "{\"expand\":%s,\"units\":%s}", task_json(r->a, p->expand, "{}"),
                                     units_json(r->a, a.placed, a.placed_n))));
    jw_kint(r->out, "units", (int64_t)a.placed_n);
    return task_tell_side(&a, ROLE_APPROVER, "task.to_approve", NULL, dedupe(&a, "task.to_approve"));
}

static enum err approve(struct req *r, const void *args) {
    const struct act_args *p = args;
    struct act             a;
    int64_t                due;
    TRY(task_act_begin(r, p, EV_APPROVE, &a));
    TRY(task_sign_due(&a, &due));
    a.t.dispatched_biz   = r->biz_ms;
    a.t.late_at_creation = a.t.deadline && strcmp(a.t.deadline, day_text(r->a, r->biz_ms)) < 0;
    TRY(task_sign_due_all(r->db, a.t.id, due));
    TRY(task_act_finish(&a, p->opinion,
                        arena_printf(r->a, "{\"late_at_creation\":%s,\"lead\":\"%s\",\"sign_due\":%lld,\"units\":%s}",
                                     a.t.late_at_creation ? "true" : "false", a.t.lead_unit, (long long)due,
                                     units_json(r->a, a.units, a.units_n))));
    jw_ktime(r->out, "sign_due", due);
    jw_kbool(r->out, "late_at_creation", a.t.late_at_creation);
    return task_tell_units(&a, "task.assigned", false, task_assign_words(&a, due), dedupe(&a, "task.assigned"));
}

static enum err reject(struct req *r, const void *args) {
    const struct act_args *p = args;
    struct act             a;
    TRY(task_act_begin(r, p, EV_REJECT, &a));
    TRY(task_unit_remove(r->db, a.t.id, NULL));
    TRY(task_act_finish(&a, p->opinion, NULL));
    return task_tell_person(&a, a.t.submitted_by, "task.rejected", dedupe(&a, "task.rejected"));
}

/* On time or not is judged by the last submit_done, never by when the reviewer found time (D31). */
static bool handed_in_on_time(struct req *r, const struct task *t) {
    const char *due = task_due(t->deadline, t->grace_until);
    return due == NULL || t->done_biz == 0 || strcmp(day_text(r->a, t->done_biz), due) <= 0;
}

static enum err accept_it(struct req *r, const void *args) {
    const struct act_args *p = args;
    struct act             a;
    TRY(task_act_begin(r, p, EV_ACCEPT, &a));
    bool closes  = strcmp(a.rule->to, "closed") == 0;
    bool on_time = handed_in_on_time(r, &a.t);
    if (closes) a.t.closed_biz = r->biz_ms;
    if (p->quality) a.t.quality = arena_printf(r->a, "%d", (int)p->quality);
    TRY(task_act_finish(&a, p->opinion,
                        arena_printf(r->a, "{\"efficiency\":%d,\"on_time\":%s,\"quality\":%d}", (int)p->efficiency,
                                     on_time ? "true" : "false", (int)p->quality)));
    jw_kbool(r->out, "on_time", on_time);
    const char *kind = closes ? "task.closed" : "task.long_term";
    return task_tell_units(&a, kind, false, NULL, dedupe(&a, kind));
}

/* What was handed in on time and comes back after the date has two working days more, never counted as overdue (domain.md 3.3).
 */
static enum err return_it(struct req *r, const void *args) {
    const struct act_args *p = args;
    struct act             a;
    TRY(task_act_begin(r, p, EV_RETURN, &a));
    const char *due = task_due(a.t.deadline, a.t.grace_until);
    if (due && strcmp(due, day_text(r->a, r->biz_ms)) < 0 && handed_in_on_time(r, &a.t)) {
        int32_t day;
        char   *grace = arena_alloc(r->a, 11);
        TRY(task_workday(r, r->biz_ms, TASK_GRACE_DAYS, &day));
        date_format(day, grace);
        a.t.grace_until = due = grace;
    }
    a.t.return_count++;
    TRY(task_act_finish(&a, p->reason,
                        arena_printf(r->a, "{\"count\":%lld,\"grace_until\":%s}", (long long)a.t.return_count,
                                     a.t.grace_until ? arena_printf(r->a, "\"%s\"", a.t.grace_until) : "null")));
    jw_kint(r->out, "return_count", a.t.return_count);
    jw_kstr(r->out, "due", due);
    const char *until = due && strcmp(due, day_text(r->a, r->biz_ms)) >= 0 ? day_words(r->a, due) : "今日下班";
    return task_tell_units(&a, "task.returned", true, until, dedupe(&a, "task.returned"));
}

/* ---- the responsible units ---- */

static void write_signature(struct req *r, const char *unit, const char *by, int64_t at, const char *rest) {
    jw_kstr(r->out, "unit", unit);
    jw_kstr(r->out, "unit_state", "signed");
    jw_kstr(r->out, "signed_by", by);
    jw_ktime(r->out, "signed_at", at);
    jw_kraw(r->out, "result", rest);
}

/* A repeated signature gets the first answer, byte for byte, whatever has happened since (D45). */
static enum err first_answer(struct req *r, const struct act *a) {
    struct task_event e;
    TRY(task_event_last(r->db, r->a, a->t.id, "sign_for", a->mine->unit, &e));
    cJSON      *v   = NULL;
    const char *why = NULL;
    TRY(json_parse(e.data, strlen(e.data), &v, &why));
    const cJSON *version = cJSON_GetObjectItemCaseSensitive(v, "version");
    jw_kstr(r->out, "id", a->t.id);
    jw_kstr(r->out, "event", "sign_for");
    jw_kstr(r->out, "state", e.to_state);
    jw_kstr(r->out, "state_text", task_state_zh(e.to_state));
    jw_kint(r->out, "version", cJSON_IsNumber(version) ? (int64_t)version->valuedouble : 0);
    jw_ktime(r->out, "at", e.at_biz);
    write_signature(r, a->mine->unit, e.actor, e.at_biz, e.data);
    cJSON_Delete(v);
    return ERR_OK;
}

static enum err sign_for(struct req *r, const void *args) {
    const struct act_args *p = args;
    struct act             a;
    TRY(task_act_open(r, p, EV_SIGN_FOR, &a));
    if (a.mine->signed_biz) return first_answer(r, &a);
    TRY(task_act_check(&a, EV_SIGN_FOR));
    bool late          = a.mine->sign_due_biz && r->biz_ms >= a.mine->sign_due_biz;
    bool complete      = strcmp(a.rule->to, a.rule->from) != 0;
    a.mine->state      = "signed";
    a.mine->signed_biz = r->biz_ms;
    a.mine->signed_by  = r->who.id;
    TRY(task_unit_save(r->db, a.t.id, a.mine));
    const char *data = arena_printf(r->a, "{\"complete\":%s,\"late\":%s,\"version\":%lld}", complete ? "true" : "false",
                                    late ? "true" : "false", (long long)(a.was_version + complete));
    TRY(task_act_finish(&a, NULL, data));
    write_signature(r, a.mine->unit, r->who.id, r->biz_ms, data);
    return complete ? task_tell_side(&a, ROLE_DISPATCHER, "task.signed", NULL, dedupe(&a, "task.signed")) : ERR_OK;
}

/* Before anybody signed the task is a draft again; later only this place is open, until the dispatcher gives it to another unit.
 */
static enum err refuse(struct req *r, const void *args) {
    const struct act_args *p = args;
    struct act             a;
    TRY(task_act_begin(r, p, EV_REFUSE, &a));
    bool back              = strcmp(a.rule->to, "draft") == 0;
    a.touched              = true;
    a.mine->state          = "refused";
    a.mine->refused_reason = p->reason;
    if (back) {
        a.t.dispatched_biz   = 0;
        a.t.late_at_creation = false;
        TRY(task_unit_remove(r->db, a.t.id, NULL));
    } else {
        TRY(task_unit_save(r->db, a.t.id, a.mine));
    }
    TRY(task_act_finish(&a, p->reason, back ? "{\"draft\":true}" : "{\"draft\":false}"));
    jw_kstr(r->out, "unit", a.mine->unit);
    return task_tell_side(&a, ROLE_DISPATCHER, "task.refused", a.mine->name, dedupe(&a, "task.refused"));
}

static enum err add_report(struct req *r, struct act *a, const char *kind, int64_t progress, struct task_report *rep) {
    const struct act_args *p = a->p;
    *rep                     = (struct task_report){.unit       = a->mine->unit,
                                                    .person     = r->who.id,
                                                    .text       = p->text,
                                                    .kind       = kind,
                                                    .evidence   = task_json_strs(r->a, p->evidence.v, p->evidence.n),
                                                    .quantities = task_json(r->a, p->quantities, "{}"),
                                                    .progress   = progress,
                                                    .at_biz     = r->biz_ms};
    TRY(task_report_add(r->db, a->t.id, rep));
    a->mine->state        = "reported";
    a->mine->reported_biz = r->biz_ms;
    return task_unit_reported(r->db, a->t.id, a->mine);
}

static enum err report(struct req *r, const void *args) {
    struct act_args    p = *(const struct act_args *)args;
    struct act         a;
    struct task_report rep;
    if (p.progress == 0) p.progress = -1; /* absent: the last figure stands */
    TRY(task_act_begin(r, &p, EV_REPORT, &a));
    TRY(add_report(r, &a, "progress", p.progress, &rep));
    TRY(task_act_finish(&a, p.reason,
                        arena_printf(r->a, "{\"evidence\":%d,\"progress\":%d,\"report\":%lld}", (int)p.evidence.n,
                                     (int)p.progress, (long long)rep.seq)));
    jw_kstr(r->out, "unit", a.mine->unit);
    jw_kint(r->out, "report", rep.seq);
    return task_tell_side(&a, ROLE_DISPATCHER, "task.reported", a.mine->name,
                          arena_printf(r->a, "task.reported:%s:%s:%lld", a.t.id, a.mine->unit, (long long)rep.seq));
}

static enum err submit_done(struct req *r, const void *args) {
    const struct act_args *p = args;
    struct act             a;
    struct task_report     rep;
    TRY(task_act_begin(r, p, EV_SUBMIT_DONE, &a));
    TRY(add_report(r, &a, "done", 100, &rep));
    a.t.done_biz = r->biz_ms;
    bool late    = !handed_in_on_time(r, &a.t);
    TRY(task_act_finish(&a, NULL,
                        arena_printf(r->a, "{\"evidence\":%d,\"late\":%s,\"quantities\":%s,\"report\":%lld}", (int)p->evidence.n,
                                     late ? "true" : "false", task_json(r->a, p->quantities, "{}"), (long long)rep.seq)));
    jw_kbool(r->out, "late", late);
    return task_tell_side(&a, ROLE_DISPATCHER, "task.to_review", a.mine->name, dedupe(&a, "task.to_review"));
}

/* ---- monitoring ---- */

static enum err find_false(struct req *r, const void *args) {
    const struct act_args *p = args;
    struct act             a;
    TRY(task_act_begin(r, p, EV_FIND_FALSE, &a));
    TRY(task_act_finish(&a, p->reason, NULL));
    const char *key = arena_printf(r->a, "%s:%lld", dedupe(&a, "task.false_report"), (long long)r->biz_ms);
    TRY(task_tell_units(&a, "task.false_report", true, NULL, key));
    return task_tell_side(&a, ROLE_DISPATCHER, "task.false_report", NULL, key);
}

/* Beside the dispatcher's: it changes nothing else, and the ranking does not read it (domain.md 5). The last of a unit stands. */
static enum err rate(struct req *r, const void *args) {
    const struct act_args *p = args;
    struct act             a;
    struct task_rating    *v;
    size_t                 n;
    int64_t                times = 1;
    TRY(task_act_begin(r, p, EV_RATE, &a));
    TRY(task_rating_list(r->db, r->a, a.t.id, &v, &n));
    for (size_t i = 0; i < n; i++)
        if (strcmp(v[i].unit, r->who.unit) == 0) times = v[i].times + 1;
    TRY(task_act_finish(&a, p->reason, arena_printf(r->a, "{\"efficiency\":%d,\"quality\":%d}", (int)p->efficiency, (int)p->quality)));
    jw_kstr(r->out, "unit", r->who.unit);
    jw_kint(r->out, "times", times);
    const char *key = arena_printf(r->a, "task.rated:%s:%s:%lld", a.t.id, r->who.unit, (long long)times);
    TRY(task_tell_units(&a, "task.rated", true, NULL, key));
    return task_tell_side(&a, ROLE_DISPATCHER, "task.rated", NULL, key);
}

#define VERSION_MAX 9007199254740991LL
#define A struct act_args
#define TASK_ID P_ID(A, task_id, "task")
#define VERSION P_I64(A, version, 0, VERSION_MAX, true)
#define OPINION P_TEXT(A, opinion, 0, 1000, false)
#define REASON P_TEXT(A, reason, 0, 1000, false)
#define TEXT P_TEXT(A, text, 0, 4000, false)
#define EVIDENCE P_STRS(A, evidence, TASK_EVIDENCE_MAX, false)
#define QUANTITIES P_JSON(A, quantities, 20, false)

static const struct param submit_draft_params[] = {TASK_ID, VERSION, P_JSON(A, expand, 20, false), REASON};
static const struct param opinion_params[]      = {TASK_ID, VERSION, OPINION};
static const struct param accept_params[]       = {TASK_ID, VERSION, OPINION, P_I64(A, quality, 0, 5, false),
                                                   P_I64(A, efficiency, 0, 5, false)};
static const struct param rate_params[]         = {TASK_ID, VERSION, P_I64(A, quality, 1, 5, true), P_I64(A, efficiency, 1, 5, true), REASON};
static const struct param reason_params[]       = {TASK_ID, VERSION, REASON};
static const struct param sign_params[]         = {TASK_ID};
static const struct param report_params[] = {TASK_ID, TEXT, P_I64(A, progress, 0, 100, false), REASON, EVIDENCE, QUANTITIES};
static const struct param done_params[]   = {TASK_ID, VERSION, TEXT, EVIDENCE, QUANTITIES};

#define ACT_ROW(word, dashed, who, rows_, fn_, doc_, reply_)                                                                     \
    {                                                                                                                            \
        .name = "task." word, .verb = V_POST, .path = "/v1/tasks/{task_id}/" dashed, .doc = doc_, .roles = who,                  \
        .flags = M_WRITE, .cost = 2, PARAMS(rows_), .args_size = sizeof(A), .fn = fn_, .reply_doc = reply_                       \
    }

static const struct method rows[] = {
    ACT_ROW("submit_draft", "submit-draft", ROLE_DISPATCHER, submit_draft_params, submit_draft,
            "提交审核；列出的群组须在 expand 中展开为具体单位：{群组编号: [单位编号…]}。",
            "state，version，units 展开后的单位数"),
    ACT_ROW("approve", "approve", ROLE_APPROVER, opinion_params, approve, "批准下达；拟办人不能审核自己提交的任务。",
            "state，sign_due 签收时限，late_at_creation"),
    ACT_ROW("reject", "reject", ROLE_APPROVER, opinion_params, reject, "退回拟稿，须写明意见 opinion。", "state，version"),
    ACT_ROW("sign_for", "sign-for", ROLE_RESPONSIBLE, sign_params, sign_for,
            "责任单位签收；全部单位签收后任务为已签收。重复签收得到第一次的结果。", "state，unit_state，signed_at，result"),
    ACT_ROW("refuse", "refuse", ROLE_RESPONSIBLE, reason_params, refuse,
            "签收前退回交办，须写明理由 reason；无人签收时任务回到拟办，否则只空出本单位的位置。", "state，version"),
    ACT_ROW("report", "report", ROLE_RESPONSIBLE, report_params, report,
            "报送进展 text；进度 progress 低于上次时须写明原因 reason。", "state，report 本单位第几次报送"),
    ACT_ROW("submit_done", "submit-done", ROLE_RESPONSIBLE, done_params, submit_done,
            "牵头单位报办结：配合单位均已报送，附佐证材料 evidence，数量目标 quantities 均已达到。", "state，late 是否超过时限"),
    ACT_ROW("accept", "accept", ROLE_DISPATCHER, accept_params, accept_it,
            "通过并销号，须有意见 opinion 和质量 quality（1 到 5）；长期坚持的任务转入长期跟踪。", "state，on_time 是否按时"),
    ACT_ROW("return", "return", ROLE_DISPATCHER, reason_params, return_it,
            "退回重办，须写明理由 reason；按时报送而在到期后退回的，另给两个工作日。", "state，return_count，due"),
    ACT_ROW("find_false", "find-false", ROLE_MONITOR, reason_params, find_false,
            "监督单位认定报送情况不实，须写明理由 reason；状态不变，计入排行榜。", "state，version"),
    ACT_ROW("rate", "rate", ROLE_MONITOR, rate_params, rate,
            "监督单位在任务通过复核后评价完成质量 quality 和效率 efficiency（1 到 5），须写明理由 reason；每个监督单位一个评价，"
            "可以更改，历次评价都保留；不改变进展，不计入排行榜。",
            "state，version，times 本单位第几次评价"),
};
METHOD_LIST(task_act_methods, rows);
