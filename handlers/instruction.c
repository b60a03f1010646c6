/* SPDX-License-Identifier: Apache-2.0
 *
 * Reading, signing for, answering and closing instructions. Need to know: the leader who wrote it,
 * the named units, the dispatching office and monitoring units (domain.md 4); for everybody else it does not exist.
 */
#include "handlers/instruction.h"

#include <string.h>

#include "handlers/lists.h"
#include "handlers/method.h"
#include "handlers/people.h"
#include "store/device.h"

#define UNIT_ROLES (ROLE_DISPATCHER | ROLE_APPROVER | ROLE_RESPONSIBLE | ROLE_MONITOR)

static const struct {
    const char *word, *zh, *may;
} states[] = {{"issued", "已签发", "签收、反馈、办结、撤回"}, {"closed", "已办结", "查看"}, {"withdrawn", "已撤回", "查看"}};

/* Reads every instruction. */
static bool reads_all(const struct req *r) {
    return req_has(r, ROLE_MONITOR) || (req_has(r, ROLE_DISPATCHER) && strcmp(r->who.unit, INSTRUCTION_OFFICE) == 0);
}

enum err instruction_visible(struct req *r, const char *id, struct instruction *out) {
    struct instruction_unit u;
    TRY(instruction_get(r->db, r->a, id, out));
    r->object = arena_printf(r->a, "instruction:%s", id);
    if (strcmp(out->leader, r->who.id) == 0 || reads_all(r)) return ERR_OK;
    if (!req_has(r, UNIT_ROLES) || r->who.unit[0] == '\0') return ERR_NOTFOUND;
    return instruction_unit_get(r->db, r->a, id, r->who.unit, &u);
}

enum err instruction_publish(struct req *r, const struct instruction *i, const char *event) {
    const char              *json = arena_printf(r->a, "{\"kind\":\"%s\",\"id\":\"%s\"}", event, i->id);
    struct instruction_unit *v;
    size_t                   n;
    TRY(instruction_unit_list(r->db, r->a, i->id, &v, &n));
    for (size_t k = 0; k < n; k++) TRY(req_publish(r, arena_printf(r->a, "unit:%s", v[k].unit), NULL, json));
    TRY(req_publish(r, arena_printf(r->a, "user:%s", i->leader), NULL, json));
    return strncmp(i->object, "task:", 5) == 0 ? req_publish(r, i->object, NULL, json) : ERR_OK;
}

enum err instruction_state_refusal(struct req *r, const struct instruction *i) {
    size_t k = 0;
    while (k + 1 < sizeof states / sizeof states[0] && strcmp(states[k].word, i->state) != 0) k++;
    return req_fail(r, ERR_STATE, "该事项当前是“%s”，可以进行：%s。", states[k].zh, states[k].may);
}

/* ---- list, get ---- */

struct list_args {
    const char *state, *object, *unit, *cursor;
    int64_t     limit;
};
struct id_args {
    const char *instruction_id;
};
struct reply_args {
    const char *instruction_id, *text;
};

static bool is_late(const struct req *r, const char *due_on, int64_t replied_biz) {
    return due_on && strcmp(day_text(r->a, replied_biz ? replied_biz : r->biz_ms), due_on) > 0;
}

static enum err list(struct req *r, const void *args) {
    const struct list_args  *p = args;
    struct cursor            c;
    struct instruction_head *v;
    size_t                   n;
    int                      limit  = p->limit ? (int)p->limit : 50;
    const char              *unit   = p->unit ? p->unit : "", *leader = "";
    const char              *filter = arena_printf(r->a, "%s|%s|%s", p->state ? p->state : "", p->object ? p->object : "", unit);
    TRY(req_cursor_parse(r, p->cursor, filter, &c));
    if (!reads_all(r)) {
        if (req_has(r, ROLE_LEADER)) leader = r->who.id;
        if (!*leader && *unit && strcmp(unit, r->who.unit) != 0) return ERR_NOTFOUND;
        if (!*leader) unit = r->who.unit[0] ? r->who.unit : "-";
    }
    struct instruction_filter f = {leader, unit, p->object ? p->object : "", p->state ? p->state : "", c.s, limit + 1};
    TRY(instruction_list(r->db, r->a, &f, &v, &n));
    bool more = n > (size_t)limit;
    if (more) n--;
    jw_key(r->out, "items");
    jw_arr(r->out);
    for (size_t i = 0; i < n; i++) {
        bool open = strcmp(v[i].state, "issued") == 0 && v[i].replied_n < v[i].units_n;
        jw_obj(r->out);
        jw_kstr(r->out, "id", v[i].id);
        jw_kstr(r->out, "leader", v[i].leader);
        jw_kstr(r->out, "leader_name", v[i].leader_name);
        jw_kstr(r->out, "kind", v[i].kind);
        jw_kstr(r->out, "urgency", v[i].urgency);
        jw_kstr(r->out, "object", v[i].object);
        jw_kstr(r->out, "title", v[i].object_title);
        jw_kstr(r->out, "state", v[i].state);
        jw_kstr(r->out, "due_on", v[i].due_on);
        jw_kbool(r->out, "overdue", open && is_late(r, v[i].due_on, 0));
        jw_ktime(r->out, "created_at", v[i].created_biz);
        jw_kint(r->out, "units", v[i].units_n);
        jw_kint(r->out, "signed", v[i].signed_n);
        jw_kint(r->out, "replied", v[i].replied_n);
        jw_obj_end(r->out);
    }
    jw_arr_end(r->out);
    if (more) req_cursor_write(r, filter, (struct cursor){.s = v[n - 1].id});
    else jw_kstr(r->out, "next", NULL);
    return ERR_OK;
}

/* Everything another SM2 library needs to check the signature without us. */
static void write_proof(struct req *r, const char *canonical, const char *signature, const char *pubkey) {
    jw_key(r->out, "proof");
    jw_obj(r->out);
    jw_kstr(r->out, "algorithm", "SM2-SM3");
    jw_kstr(r->out, "user_id", "1234567812345678");
    jw_kstr(r->out, "canonical", canonical);
    jw_kstr(r->out, "digest", text_digest(r->a, canonical));
    jw_kstr(r->out, "signature", signature);
    jw_kstr(r->out, "public_key", pubkey);
    jw_kstr(r->out, "key", pubkey_name(r->a, pubkey));
    jw_obj_end(r->out);
}

static void write_units(struct req *r, const struct instruction *i, const struct instruction_unit *v, size_t n) {
    jw_key(r->out, "units");
    jw_arr(r->out);
    for (size_t k = 0; k < n; k++) {
        bool waits = strcmp(i->state, "issued") == 0 || v[k].replied_biz;
        jw_obj(r->out);
        jw_kstr(r->out, "unit", v[k].unit);
        jw_kstr(r->out, "name", v[k].unit_name);
        jw_kstr(r->out, "state", v[k].state);
        jw_kstr(r->out, "signed_by", v[k].signed_by);
        jw_ktime(r->out, "signed_at", v[k].signed_biz);
        jw_kstr(r->out, "replied_by", v[k].replied_by);
        jw_ktime(r->out, "replied_at", v[k].replied_biz);
        jw_kstr(r->out, "reply", v[k].reply);
        jw_kbool(r->out, "overdue", waits && is_late(r, i->due_on, v[k].replied_biz));
        jw_obj_end(r->out);
    }
    jw_arr_end(r->out);
}

static enum err get(struct req *r, const void *args) {
    const struct id_args         *p = args;
    struct instruction            i;
    struct instruction_unit      *v;
    struct instruction_withdrawal w;
    size_t                        n;
    TRY(instruction_visible(r, p->instruction_id, &i));
    TRY(instruction_unit_list(r->db, r->a, i.id, &v, &n));
    jw_kstr(r->out, "id", i.id);
    jw_kstr(r->out, "leader", i.leader);
    jw_kstr(r->out, "leader_name", i.leader_name);
    jw_kstr(r->out, "kind", i.kind);
    jw_kstr(r->out, "urgency", i.urgency);
    jw_kstr(r->out, "object", i.object);
    jw_kstr(r->out, "title", i.object_title);
    jw_kint(r->out, "object_version", i.object_version);
    jw_kstr(r->out, "text", i.text);
    jw_kstr(r->out, "state", i.state);
    jw_kstr(r->out, "due_on", i.due_on);
    jw_ktime(r->out, "created_at", i.created_biz);
    jw_ktime(r->out, "closed_at", i.closed_biz);
    write_units(r, &i, v, n);
    TRY(instruction_write_tasks(r, &i));
    write_proof(r, i.canonical, i.signature, i.pubkey);
    enum err e = instruction_withdrawal_get(r->db, r->a, i.id, &w);
    if (e == ERR_NOTFOUND) return ERR_OK;
    TRY(e);
    struct device d;
    TRY(device_get(r->db, r->a, w.device, &d));
    jw_key(r->out, "withdrawal");
    jw_obj(r->out);
    jw_kstr(r->out, "reason", w.reason);
    jw_ktime(r->out, "at", w.at_biz);
    write_proof(r, w.canonical, w.signature, d.pubkey);
    jw_obj_end(r->out);
    return ERR_OK;
}

/* ---- the units' side ---- */

static enum err own_unit(struct req *r, const char *id, struct instruction *i, struct instruction_unit *u) {
    TRY(instruction_visible(r, id, i));
    enum err e = instruction_unit_get(r->db, r->a, id, r->who.unit, u);
    if (e == ERR_NOTFOUND) return req_fail(r, ERR_PERM, "这件批示没有交办给您的单位。");
    return e;
}

static enum err sign_for(struct req *r, const void *args) {
    const struct id_args   *p = args;
    struct instruction      i;
    struct instruction_unit u;
    TRY(own_unit(r, p->instruction_id, &i, &u));
    if (!u.signed_biz) {
        if (strcmp(i.state, "issued") != 0) return instruction_state_refusal(r, &i);
        TRY(instruction_unit_sign(r->db, i.id, u.unit, r->who.id, r->biz_ms));
        TRY(req_ledger(r, arena_printf(r->a, "instruction:%s", i.id), NULL));
        TRY(instruction_publish(r, &i, "instruction.signed"));
        u.signed_biz = r->biz_ms;
        u.signed_by  = r->who.id;
        u.state      = "signed";
    }
    jw_kstr(r->out, "id", i.id);
    jw_kstr(r->out, "unit", u.unit);
    jw_kstr(r->out, "state", u.state);
    jw_kstr(r->out, "signed_by", u.signed_by);
    jw_ktime(r->out, "signed_at", u.signed_biz);
    return ERR_OK;
}

static enum err reply(struct req *r, const void *args) {
    const struct reply_args *p = args;
    struct instruction       i;
    struct instruction_unit  u;
    TRY(own_unit(r, p->instruction_id, &i, &u));
    if (strcmp(i.state, "issued") != 0) return instruction_state_refusal(r, &i);
    if (u.replied_biz) return req_fail(r, ERR_DUP, "%s 已提交成功，无需重复操作。", moment_text(r->a, u.replied_biz));
    if (!u.signed_biz) TRY(instruction_unit_sign(r->db, i.id, u.unit, r->who.id, r->biz_ms));
    TRY(instruction_unit_reply(r->db, i.id, u.unit, r->who.id, p->text, r->biz_ms));
    bool late = is_late(r, i.due_on, r->biz_ms);
    TRY(req_ledger(r, arena_printf(r->a, "instruction:%s", i.id),
                   arena_printf(r->a, "{\"digest\":\"%s\",\"late\":%s}", text_digest(r->a, p->text), late ? "true" : "false")));
    struct notice_rules rules = people_notice_rules(r->house);
    struct notice_msg   msg   = {.kind    = "instruction.reply",
                                 .object  = arena_printf(r->a, "instruction:%s", i.id),
                                 .title   = i.object_title,
                                 .extra   = u.unit_name,
                                 .dedupe  = arena_printf(r->a, "instruction.reply:%s:%s", i.id, u.unit),
                                 .wall_ms = r->wall_ms,
                                 .biz_ms  = r->biz_ms};
    size_t              told;
    TRY(notice_person(r->db, r->a, &rules, i.leader, &msg, &told));
    r->wakes_delivery = true;
    TRY(instruction_publish(r, &i, "instruction.replied"));
    jw_kstr(r->out, "id", i.id);
    jw_kstr(r->out, "unit", u.unit);
    jw_kstr(r->out, "state", "replied");
    jw_ktime(r->out, "replied_at", r->biz_ms);
    jw_kbool(r->out, "overdue", late);
    return ERR_OK;
}

static enum err close_it(struct req *r, const void *args) {
    const struct id_args    *p = args;
    struct instruction       i;
    struct instruction_unit *v;
    size_t                   n, missing = 0;
    TRY(instruction_visible(r, p->instruction_id, &i));
    if (strcmp(i.leader, r->who.id) != 0) return ERR_NOTFOUND;
    if (strcmp(i.state, "issued") != 0) return instruction_state_refusal(r, &i);
    TRY(instruction_unit_list(r->db, r->a, i.id, &v, &n));
    for (size_t k = 0; k < n; k++) missing += v[k].replied_biz == 0;
    TRY(instruction_set_state(r->db, i.id, "closed", r->biz_ms));
    TRY(req_ledger(r, arena_printf(r->a, "instruction:%s", i.id), arena_printf(r->a, "{\"not_replied\":%d}", (int)missing)));
    TRY(instruction_tell_units(r, &i, "instruction.closed"));
    TRY(instruction_publish(r, &i, "instruction.closed"));
    jw_kstr(r->out, "id", i.id);
    jw_kstr(r->out, "state", "closed");
    jw_kint(r->out, "not_replied", (int64_t)missing);
    return ERR_OK;
}

#define SERIAL_MAX 9007199254740991LL
static const struct param create_params[] = {
    P_ID(struct instruction_args, device, "device"),
    P_I64(struct instruction_args, serial, 1, SERIAL_MAX, true),
    P_I64(struct instruction_args, signed_at, 0, SERIAL_MAX, true),
    P_ENUM(struct instruction_args, kind, "order|read|praise|criticise", true),
    P_ENUM(struct instruction_args, urgency, "extra|urgent|normal", true),
    P_ID(struct instruction_args, object, NULL),
    P_I64(struct instruction_args, object_version, 0, SERIAL_MAX, true),
    P_STRS(struct instruction_args, units, 100, true),
    P_DATE(struct instruction_args, reply_by, false),
    P_TEXT(struct instruction_args, text, 1, 500, true),
    P_STR(struct instruction_args, signature, 128, 128, true),
};
static const struct param withdraw_params[] = {
    P_ID(struct withdraw_args, instruction_id, "instruction"),
    P_ID(struct withdraw_args, device, "device"),
    P_I64(struct withdraw_args, serial, 1, SERIAL_MAX, true),
    P_I64(struct withdraw_args, signed_at, 0, SERIAL_MAX, true),
    P_TEXT(struct withdraw_args, reason, 1, 200, true),
    P_STR(struct withdraw_args, signature, 128, 128, true),
};
static const struct param list_params[] = {
    P_ENUM(struct list_args, state, "issued|closed|withdrawn", false),
    P_IDOPT(struct list_args, object, NULL),
    P_IDOPT(struct list_args, unit, "unit"),
    P_STR(struct list_args, cursor, 0, 400, false),
    P_I64(struct list_args, limit, 0, 200, false),
};
static const struct param id_params[]    = {P_ID(struct id_args, instruction_id, "instruction")};
static const struct param reply_params[] = {P_ID(struct reply_args, instruction_id, "instruction"), P_TEXT(struct reply_args, text, 1, 4000, true)};

static const struct method rows[] = {
    {.name = "instruction.create", .verb = V_POST, .path = "/v1/instructions",
     .doc = "市领导签发批示：服务器按字段重组 zhangban-instruction-1 文本并验证设备签名。", .roles = ROLE_LEADER, .flags = M_WRITE | M_CREATED, .cost = 4,
     PARAMS(create_params), .args_size = sizeof(struct instruction_args), .fn = instruction_create, .prepare = instruction_create_prepare,
     .reply_doc = "id，due_on 反馈时限，digest 签名文本的 SM3，units 单位数，notices 通知人数"},
    {.name = "instruction.withdraw", .verb = V_POST, .path = "/v1/instructions/{instruction_id}/withdraw",
     .doc = "撤回批示：对 zhangban-withdrawal-1 文本签名，原批示和撤回记录都保留。", .roles = ROLE_LEADER, .flags = M_WRITE, .cost = 4,
     PARAMS(withdraw_params), .args_size = sizeof(struct withdraw_args), .fn = instruction_withdraw, .prepare = instruction_withdraw_prepare,
     .reply_doc = "id，state"},
    {.name = "instruction.list", .verb = V_GET, .path = "/v1/instructions", .doc = "列出有权查看的批示，新的在前。", .roles = ROLE_STAFF, .cost = 1,
     PARAMS(list_params), .args_size = sizeof(struct list_args), .fn = list, .reply_doc = "items，next"},
    {.name = "instruction.get", .verb = V_GET, .path = "/v1/instructions/{instruction_id}", .doc = "一件批示：正文、各单位签收和反馈、签名验证信息。",
     .roles = ROLE_STAFF, .cost = 1, PARAMS(id_params), .args_size = sizeof(struct id_args), .fn = get,
     .reply_doc = "proof 含签名文本、签名和公钥，可用任何国密工具核对"},
    {.name = "instruction.sign_for", .verb = V_POST, .path = "/v1/instructions/{instruction_id}/sign-for", .doc = "被交办单位签收；重复签收得到第一次的结果。",
     .roles = UNIT_ROLES, .flags = M_WRITE, .cost = 2, PARAMS(id_params), .args_size = sizeof(struct id_args), .fn = sign_for,
     .reply_doc = "state，signed_at"},
    {.name = "instruction.reply", .verb = V_POST, .path = "/v1/instructions/{instruction_id}/reply", .doc = "被交办单位反馈办理情况；未签收的同时签收。",
     .roles = UNIT_ROLES, .flags = M_WRITE, .cost = 2, PARAMS(reply_params), .args_size = sizeof(struct reply_args), .fn = reply,
     .reply_doc = "state，overdue 是否超过反馈时限"},
    {.name = "instruction.close", .verb = V_POST, .path = "/v1/instructions/{instruction_id}/close", .doc = "签发人办结批示。", .roles = ROLE_LEADER,
     .flags = M_WRITE, .cost = 2, PARAMS(id_params), .args_size = sizeof(struct id_args), .fn = close_it,
     .reply_doc = "state，not_replied 未反馈的单位数"},
};
METHOD_LIST(instruction_methods, rows);
