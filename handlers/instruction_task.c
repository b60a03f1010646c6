/* SPDX-License-Identifier: Apache-2.0
 *
 * From an instruction to a task (F108): the dispatching office registers a leader's order with one act, as a new draft or as a
 * change of the task the order is about. Units and reply date come from what was signed; the words do not: they are for the
 * leader, the named units, the office and the monitors (domain.md 4), a task is read by more. Everything behind the draft is the
 * usual way (D23): the office writes the requirement, submits, somebody else approves. Both sides show the link to those who may
 * see the other one.
 */
#include <string.h>

#include "base/text.h"
#include "handlers/access.h"
#include "handlers/instruction.h"
#include "handlers/lists.h"
#include "handlers/method.h"
#include "handlers/people.h"
#include "handlers/task_int.h"

#define LINKS_MAX   50
#define TITLE_BYTES 590 /* of 200 characters */

struct to_task_args {
    const char *instruction_id, *how, *title, *requirement, *past_reason;
    int64_t     version;
};

/* ---- who, and in which state ---- */

static enum err begin(struct req *r, const char *id, struct instruction *i, struct instruction_unit **units, size_t *n) {
    TRY(instruction_visible(r, id, i));
    if (strcmp(r->who.unit, INSTRUCTION_OFFICE) != 0) return req_fail(r, ERR_PERM, "只有承办市领导批示的督办单位可以据批示立项或修改任务。");
    if (strcmp(i->state, "issued") != 0) return instruction_state_refusal(r, i);
    if (strcmp(i->kind, "order") != 0) return req_fail(r, ERR_STATE, "只有“要求办理”的批示可以立项或修改任务。");
    TRY(instruction_unit_list(r->db, r->a, i->id, units, n));
    if (*n == 0) return req_fail(r, ERR_STATE, "这件批示没有写明交办单位，不能据此立项或修改任务。");
    return ERR_OK;
}

static enum err link_task(struct req *r, const struct instruction *i, const char *task, const char *how) {
    enum err e = instruction_task_add(r->db, &(struct instruction_task){i->id, task, how, r->who.id, r->biz_ms});
    if (e == ERR_DUP) return req_fail(r, ERR_DUP, "已据这件批示办理过该任务，无需重复操作。");
    TRY(e);
    bool new = strcmp(how, "create") == 0;
    TRY(req_ledger(r, arena_printf(r->a, "instruction:%s", i->id), arena_printf(r->a, "{\"how\":\"%s\",\"task\":\"%s\"}", how, task)));
    struct notice_rules rules = people_notice_rules(r->house);
    struct notice_msg   msg   = {.kind    = "instruction.tasked",
                                 .object  = arena_printf(r->a, "instruction:%s", i->id),
                                 .title   = i->object_title,
                                 .extra   = new ? "立项督办" : "修改任务",
                                 .dedupe  = arena_printf(r->a, "instruction.tasked:%s:%s", i->id, task),
                                 .wall_ms = r->wall_ms,
                                 .biz_ms  = r->biz_ms};
    size_t              told;
    TRY(notice_person(r->db, r->a, &rules, i->leader, &msg, &told));
    r->wakes_delivery = true;
    TRY(instruction_publish(r, i, "instruction.tasked"));
    jw_kstr(r->out, "instruction", i->id);
    jw_kstr(r->out, "how", how);
    return ERR_OK;
}

/* ---- a new draft ---- */

static enum err created_already(struct req *r, const struct instruction *i) {
    struct instruction_task *v;
    size_t                   n;
    TRY(instruction_task_list(r->db, r->a, i->id, "", LINKS_MAX, &v, &n));
    for (size_t k = 0; k < n; k++)
        if (strcmp(v[k].how, "create") == 0) return req_fail(r, ERR_DUP, "%s 已据这件批示立项，无需重复操作。", moment_text(r->a, v[k].at_biz));
    return ERR_OK;
}

static const char *title_of(struct req *r, const struct instruction *i) {
    char *s = arena_printf(r->a, "落实市领导批示：%s", i->object_title);
    s[utf8_cut(s, strlen(s), TITLE_BYTES)] = '\0';
    return s;
}

static enum err create(struct req *r, const struct to_task_args *p, const struct instruction *i, const struct instruction_unit *units, size_t n) {
    const char **codes = arena_alloc(r->a, n * sizeof *codes), *task;
    TRY(created_already(r, i));
    for (size_t k = 0; k < n; k++) {
        codes[k] = units[k].unit;
        if (strcmp(units[k].unit, INSTRUCTION_OFFICE) == 0)
            return req_fail(r, ERR_PERM, "本单位是这件批示的交办单位，不能督办自己；请直接办理并反馈。");
    }
    struct act_args a = {.title       = p->title ? p->title : title_of(r, i),
                         .requirement = p->requirement,
                         .urgency     = strcmp(i->urgency, "normal") == 0 ? "normal" : "urgent",
                         .source_kind = "instruction",
                         .source_date = day_text(r->a, i->created_biz),
                         .deadline    = i->due_on,
                         .past_reason = p->past_reason,
                         .progress    = -1,
                         .units       = {codes, n}};
    TRY(task_create_id(r, &a, &task));
    return link_task(r, i, task, "create");
}

/* ---- a change of the task it is about ---- */

static bool among(const char *const *v, size_t n, const char *code) {
    for (size_t k = 0; k < n; k++)
        if (strcmp(v[k], code) == 0) return true;
    return false;
}

/* A draft takes the further units and the written date. What is dispatched keeps its units (they were approved); its date can be
 * set where a dispatcher may set one. */
static enum err change(struct req *r, const struct to_task_args *p, const struct instruction *i, const struct instruction_unit *units, size_t n) {
    const char        *id = i->object + strlen("task:");
    struct task        t;
    struct task_named *listed;
    struct task_unit  *placed;
    size_t             listed_n, placed_n, all_n = 0, new_n = 0;
    TRY(access_task(r, id, &t));
    TRY(task_listed_list(r->db, r->a, id, &listed, &listed_n));
    TRY(task_unit_list(r->db, r->a, id, &placed, &placed_n));
    const char **all = arena_alloc(r->a, (listed_n + placed_n + n) * sizeof *all);
    for (size_t k = 0; k < listed_n; k++) all[all_n++] = listed[k].unit;
    size_t known_n = all_n;
    for (size_t k = 0; k < placed_n; k++) all[known_n++] = placed[k].unit; /* only compared with */
    for (size_t k = 0; k < n; k++) new_n += !among(all, known_n, units[k].unit);
    if (new_n && !task_is_draft(&t)) return req_fail(r, ERR_STATE, "任务已经交办，不能再加责任单位；请据批示另行立项。");
    for (size_t k = 0; k < n && new_n; k++)
        if (!among(all, all_n, units[k].unit)) all[all_n++] = units[k].unit;
    struct act_args a = {.task_id     = id,
                         .version     = p->version,
                         .deadline    = *i->reply_by ? i->reply_by : NULL,
                         .past_reason = p->past_reason,
                         .requirement = p->requirement,
                         .title       = p->title,
                         .progress    = -1,
                         .lead_unit   = new_n ? t.lead_unit : NULL};
    if (new_n) a.units = (struct strs){all, all_n};
    TRY(task_update(r, &a));
    return link_task(r, i, id, "change");
}

static enum err to_task(struct req *r, const void *args) {
    const struct to_task_args *p = args;
    struct instruction         i;
    struct instruction_unit   *units = NULL;
    size_t                     n     = 0;
    TRY(begin(r, p->instruction_id, &i, &units, &n));
    if (strcmp(p->how, "create") == 0) return create(r, p, &i, units, n);
    if (p->version == 0) return req_bad(r, "version", "请填写任务的版本 version");
    return change(r, p, &i, units, n);
}

/* ---- the link as both sides show it ---- */

/* A draft is the dispatching side's: others learn that it was registered, and which task it is once they may see it. */
enum err instruction_write_tasks(struct req *r, const struct instruction *i) {
    struct instruction_task *v;
    size_t                   n;
    const char              *object = r->object;
    TRY(instruction_task_list(r->db, r->a, i->id, "", LINKS_MAX, &v, &n));
    jw_key(r->out, "tasks");
    jw_arr(r->out);
    for (size_t k = 0; k < n; k++) {
        struct task t;
        enum err    e = access_task(r, v[k].task, &t);
        if (e && e != ERR_NOTFOUND) return e;
        jw_obj(r->out);
        jw_kstr(r->out, "how", v[k].how);
        jw_ktime(r->out, "at", v[k].at_biz);
        jw_kstr(r->out, "id", e ? NULL : t.id);
        jw_kstr(r->out, "title", e ? NULL : t.title);
        jw_kstr(r->out, "state", e ? NULL : t.state);
        jw_obj_end(r->out);
    }
    jw_arr_end(r->out);
    r->object = object;
    return ERR_OK;
}

enum err task_write_instructions(struct req *r, const char *task) {
    struct instruction_task *v;
    size_t                   n;
    const char              *object = r->object;
    TRY(instruction_task_list(r->db, r->a, "", task, LINKS_MAX, &v, &n));
    jw_key(r->out, "instructions");
    jw_arr(r->out);
    for (size_t k = 0; k < n; k++) {
        struct instruction i;
        enum err           e = instruction_visible(r, v[k].instruction, &i);
        if (e == ERR_NOTFOUND) continue;
        TRY(e);
        jw_obj(r->out);
        jw_kstr(r->out, "id", i.id);
        jw_kstr(r->out, "leader_name", i.leader_name);
        jw_kstr(r->out, "state", i.state);
        jw_kstr(r->out, "how", v[k].how);
        jw_ktime(r->out, "at", v[k].at_biz);
        jw_obj_end(r->out);
    }
    jw_arr_end(r->out);
    r->object = object;
    return ERR_OK;
}

static const struct param to_task_params[] = {
    P_ID(struct to_task_args, instruction_id, "instruction"),
    P_ENUM(struct to_task_args, how, "create|change", true),
    P_I64(struct to_task_args, version, 0, 9007199254740991LL, false),
    P_STR(struct to_task_args, title, 1, 200, false),
    P_TEXT(struct to_task_args, requirement, 0, 4000, false),
    P_TEXT(struct to_task_args, past_reason, 0, 500, false),
};

static const struct method rows[] = {
    {.name = "instruction.to_task", .verb = V_POST, .path = "/v1/instructions/{instruction_id}/to-task",
     .doc = "据要求办理的批示立项（how 为 create：新建拟办任务）或修改所批示的任务（how 为 change，须写任务版本 version）：责任单位和时限取自签发的批示，"
            "批示正文不写入任务，工作要求由督办单位填写；之后照常报审、审核、交办。",
     .roles = ROLE_DISPATCHER, .flags = M_WRITE | M_CREATED, .cost = 2, PARAMS(to_task_params), .args_size = sizeof(struct to_task_args), .fn = to_task,
     .reply_doc = "id 任务编号，state，version，instruction，how"},
};
METHOD_LIST(instruction_task_methods, rows);
