/* SPDX-License-Identifier: Apache-2.0
 *
 * Deliveries as an operator sees them: found by what they are, explained, sent again, or called off; and one person's messages, a
 * look-up with a purpose that stands in the audit (D8). Names are masked; a text, a number or a token is never shown.
 */
#include <string.h>

#include "base/idno.h"
#include "base/text.h"
#include "handlers/delivery_words.h"
#include "handlers/lists.h"
#include "handlers/ops_int.h"
#include "handlers/people.h"
#include "handlers/trace.h"
#include "push/code_words.h"
#include "store/ops.h"
#include "store/target.h"

#define STATES   "dead|waiting|queued|claimed|sent|delivered|failed|unknown|cancelled"
#define CHANNELS "log|push|wechat|office|sms|voice|webhook"
#define NAMESAKES 10

struct list_args {
    const char *state, *channel, *provider, *person, *kind, *from, *to, *cursor;
    int64_t     limit;
};
struct id_args {
    const char *delivery_id;
};
struct act_args {
    const char *delivery_id, *reason;
};
struct search_args {
    const char *who, *purpose, *cursor;
    int64_t     limit;
};

static const char *masked(struct req *r, const char *name) {
    char out[128];
    if (*name == '\0') return NULL;
    mask_name(name, out, sizeof out);
    return arena_strdup(r->a, out);
}

static bool is_dead(const struct ops_delivery *d) { return strcmp(d->state, "failed") == 0 || strcmp(d->state, "unknown") == 0; }
static bool is_planned(const struct ops_delivery *d) { return strcmp(d->state, "waiting") == 0 || strcmp(d->state, "queued") == 0; }

/* NULL: may be sent again; else why not. */
static const char *why_not_again(struct req *r, const struct ops_delivery *d, enum err *e) {
    bool out = false;
    *e       = ERR_OK;
    if (strcmp(d->state, "delivered") == 0) return "已经送达，无需重发。";
    if (!is_dead(d)) return "还在发送或已取消，不能重发。";
    if (*d->notice == '\0') return "原文已按规定清除，不能重发；请本人重新获取。";
    if (d->read_wall) return "对方已读，无需重发。";
    if (*d->target_state && strcmp(d->target_state, "active") != 0) return "设备或账号已失效，重发也不会送达。";
    if (d->priority >= 2) *e = opted_out(r->db, d->person, d->channel, &out);
    return out ? "对方已退订该通道的一般消息，不能重发。" : NULL;
}

/* ---- what is shown ---- */
static enum err write_one(struct req *r, const struct ops_delivery *d) {
    const struct trace_delivery t = {d->id, d->channel, d->state, d->verdict, d->detail, d->provider, d->vendor, d->step, d->due_wall, d->updated_wall, d->attempts,
                                     d->is_raise};
    enum err                    e;
    const char                 *not = why_not_again(r, d, &e);
    jw_kstr(r->out, "id", d->id);
    jw_kstr(r->out, "notice", *d->notice ? d->notice : NULL);
    jw_kstr(r->out, "person", *d->person ? d->person : NULL);
    jw_kstr(r->out, "name", masked(r, d->name));
    jw_kstr(r->out, "unit", *d->unit ? d->unit : NULL);
    jw_kstr(r->out, "kind", *d->kind ? d->kind : NULL);
    jw_kstr(r->out, "title", *d->title ? d->title : NULL);
    jw_kint(r->out, "priority", d->priority);
    jw_kint(r->out, "step", d->step);
    jw_kstr(r->out, "channel", d->channel);
    jw_kstr(r->out, "channel_text", delivery_channel_zh(d->channel));
    jw_kbool(r->out, "louder", d->is_raise);
    jw_kstr(r->out, "provider", *d->provider ? d->provider : NULL);
    jw_kstr(r->out, "vendor", *d->vendor ? d->vendor : NULL);
    jw_kstr(r->out, "state", d->state);
    jw_kstr(r->out, "verdict", *d->verdict ? d->verdict : NULL);
    jw_kstr(r->out, "detail", *d->detail ? d->detail : NULL);
    jw_kstr(r->out, "detail_text", code_words(d->detail));
    jw_kstr(r->out, "text", trace_words(r, d->read_wall != 0, &t));
    jw_kint(r->out, "attempts", d->attempts);
    jw_ktime(r->out, "created_at", d->created_wall);
    jw_ktime(r->out, "due_at", d->due_wall);
    jw_ktime(r->out, "updated_at", d->updated_wall);
    jw_ktime(r->out, "read_at", d->read_wall);
    jw_kbool(r->out, "can_replay", not == NULL && req_has(r, ROLE_ADMIN));
    jw_kstr(r->out, "why_not", is_dead(d) ? not : NULL);
    jw_kbool(r->out, "can_cancel", is_planned(d) && req_has(r, ROLE_ADMIN));
    return e;
}

/* First and last day of a span, whole days in +08. */
static enum err span(struct req *r, const struct list_args *p, struct ops_filter *f) {
    int32_t day;
    if (p->from) {
        if (date_parse(p->from, &day) != ERR_OK) return req_bad(r, "from", "from：日期不存在");
        f->from_wall = date_start_ms(day);
    }
    if (p->to) {
        if (date_parse(p->to, &day) != ERR_OK) return req_bad(r, "to", "to：日期不存在");
        f->to_wall = date_start_ms(day + 1);
    }
    if (f->from_wall && f->to_wall && f->from_wall >= f->to_wall) return req_bad(r, "to", "to：不能早于开始日期");
    return ERR_OK;
}

static const char *or_any(const char *s) { return s ? s : ""; }

static enum err list(struct req *r, const void *args) {
    const struct list_args *p = args;
    struct ops_filter       f = {or_any(p->state), or_any(p->channel), or_any(p->provider), or_any(p->person), or_any(p->kind), 0, 0, ""};
    int                     limit = p->limit ? (int)p->limit : 50;
    struct cursor           c;
    struct person           who;
    struct ops_delivery    *v;
    size_t                  n;
    const char             *filter = arena_printf(r->a, "%s/%s/%s/%s/%s/%s/%s", f.state, f.channel, f.provider, f.person, f.kind, or_any(p->from), or_any(p->to));
    TRY(span(r, p, &f));
    TRY(req_cursor_parse(r, p->cursor, filter, &c));
    if (*f.person) TRY(person_get(r->db, r->a, f.person, &who));
    f.before = c.s;
    TRY(ops_deliveries(r->db, r->a, &f, limit + 1, &v, &n));
    bool more = n > (size_t)limit;
    if (more) n--;
    jw_key(r->out, "items");
    jw_arr(r->out);
    for (size_t i = 0; i < n; i++) {
        jw_obj(r->out);
        TRY(write_one(r, &v[i]));
        jw_obj_end(r->out);
    }
    jw_arr_end(r->out);
    if (more) req_cursor_write(r, filter, (struct cursor){.s = v[n - 1].id});
    else jw_kstr(r->out, "next", NULL);
    return ERR_OK;
}

static enum err get(struct req *r, const void *args) {
    const struct id_args *p = args;
    struct ops_delivery   d;
    TRY(ops_delivery(r->db, r->a, p->delivery_id, &d));
    TRY(write_one(r, &d));
    return trace_write_events(r, d.id);
}

/* ---- acts ---- */
static enum err written(struct req *r, const struct act_args *p, const char *act) {
    struct ops_delivery d;
    TRY(ops_on_record(r, act, arena_printf(r->a, "delivery:%s", p->delivery_id), p->reason, ""));
    TRY(ops_delivery(r->db, r->a, p->delivery_id, &d));
    return write_one(r, &d);
}

static enum err replay(struct req *r, const void *args) {
    const struct act_args *p = args;
    struct ops_delivery    d;
    enum err               e;
    TRY(ops_delivery(r->db, r->a, p->delivery_id, &d));
    r->object       = arena_printf(r->a, "delivery:%s", d.id);
    const char *not = why_not_again(r, &d, &e);
    TRY(e);
    if (not) return req_fail(r, ERR_STATE, "%s", not);
    TRY(ops_replay(r->db, d.id, r->wall_ms));
    r->wakes_delivery = true;
    return written(r, p, "replay");
}

static enum err cancel(struct req *r, const void *args) {
    const struct act_args *p = args;
    struct ops_delivery    d;
    TRY(ops_delivery(r->db, r->a, p->delivery_id, &d));
    r->object = arena_printf(r->a, "delivery:%s", d.id);
    if (!is_planned(&d)) return req_fail(r, ERR_STATE, "已经发出或已结束，不能取消。");
    TRY(ops_cancel(r->db, d.id, r->wall_ms));
    return written(r, p, "cancel");
}

/* ---- one person's messages ---- */
/* A number of 11 digits, an id, or a whole name. Several of one name: their ids. */
static enum err find_people(struct req *r, const char *who, char ***ids, size_t *n) {
    struct person p;
    char          idx[MAC_CAP];
    enum err      e;
    if (phone_ok(who)) {
        phone_index(r->house, who, idx);
        e = person_by_phone(r->db, r->a, idx, &p);
    } else {
        e = person_get(r->db, r->a, who, &p);
    }
    if (e && e != ERR_NOTFOUND) return e;
    if (e == ERR_OK) {
        *ids      = arena_alloc(r->a, sizeof(char *));
        (*ids)[0] = arena_strdup(r->a, p.id);
        *n        = 1;
        return ERR_OK;
    }
    TRY(ops_people(r->db, r->a, who, NAMESAKES, ids, n));
    return *n ? ERR_OK : req_fail(r, ERR_NOTFOUND, "没有找到这个人，请核对编号、手机号或完整姓名。");
}

static enum err write_person(struct req *r, const char *id) {
    struct person p;
    TRY(person_get(r->db, r->a, id, &p));
    jw_obj(r->out);
    jw_kstr(r->out, "id", p.id);
    jw_kstr(r->out, "name", masked(r, p.name));
    jw_kstr(r->out, "unit", *p.unit_name ? p.unit_name : NULL);
    jw_kstr(r->out, "phone", phone_masked(r->house, r->a, &p));
    jw_kbool(r->out, "active", p.active);
    jw_obj_end(r->out);
    return ERR_OK;
}

static enum err write_notice(struct req *r, const struct ops_notice *n) {
    struct trace_delivery *v;
    size_t                 v_n;
    TRY(trace_deliveries(r->db, r->a, n->id, &v, &v_n));
    jw_obj(r->out);
    jw_kstr(r->out, "id", n->id);
    jw_kstr(r->out, "kind", n->kind);
    jw_kstr(r->out, "title", n->title);
    jw_kstr(r->out, "object", *n->object ? n->object : NULL);
    jw_kint(r->out, "priority", n->priority);
    jw_ktime(r->out, "created_at", n->created_wall);
    jw_ktime(r->out, "deadline_at", n->deadline_wall);
    jw_ktime(r->out, "read_at", n->read_wall);
    jw_kstr(r->out, "read_by", *n->read_by ? n->read_by : NULL);
    jw_key(r->out, "deliveries");
    jw_arr(r->out);
    for (size_t i = 0; i < v_n; i++) {
        jw_obj(r->out);
        jw_kstr(r->out, "id", v[i].id);
        jw_kstr(r->out, "channel", v[i].channel);
        jw_kstr(r->out, "channel_text", delivery_channel_zh(v[i].channel));
        jw_kstr(r->out, "state", v[i].state);
        jw_obj_end(r->out);
    }
    jw_arr_end(r->out);
    jw_obj_end(r->out);
    return ERR_OK;
}

static enum err search(struct req *r, const void *args) {
    const struct search_args *p     = args;
    int                       limit = p->limit ? (int)p->limit : 20;
    char                    **ids;
    size_t                    ids_n, n = 0;
    struct ops_notice        *v = NULL;
    struct cursor             c;
    TRY(find_people(r, p->who, &ids, &ids_n));
    TRY(req_cursor_parse(r, p->cursor, ids[0], &c));
    if (ids_n == 1) TRY(ops_notices(r->db, r->a, ids[0], c.s, limit + 1, &v, &n));
    /* on record whom it was about, never by which number or name (D7) */
    TRY(ops_on_record(r, "search", ids_n == 1 ? arena_printf(r->a, "person:%s", ids[0]) : "", p->purpose, ""));
    bool more = n > (size_t)limit;
    if (more) n--;
    jw_key(r->out, "people");
    jw_arr(r->out);
    for (size_t i = 0; i < ids_n; i++) TRY(write_person(r, ids[i]));
    jw_arr_end(r->out);
    jw_key(r->out, "items");
    jw_arr(r->out);
    for (size_t i = 0; i < n; i++) TRY(write_notice(r, &v[i]));
    jw_arr_end(r->out);
    if (more) req_cursor_write(r, ids[0], (struct cursor){.s = v[n - 1].id});
    else jw_kstr(r->out, "next", NULL);
    return ERR_OK;
}

static const struct param list_params[] = {
    P_ENUM(struct list_args, state, STATES, false),    P_ENUM(struct list_args, channel, CHANNELS, false),
    P_STR(struct list_args, provider, 1, 39, false),   P_IDOPT(struct list_args, person, "person"),
    P_STR(struct list_args, kind, 1, 40, false),       P_DATE(struct list_args, from, false),
    P_DATE(struct list_args, to, false),               P_STR(struct list_args, cursor, 0, 400, false),
    P_I64(struct list_args, limit, 0, 200, false),
};
static const struct param id_params[]     = {P_ID(struct id_args, delivery_id, "delivery")};
static const struct param act_params[]    = {P_ID(struct act_args, delivery_id, "delivery"), P_STR(struct act_args, reason, 2, 200, true)};
static const struct param search_params[] = {
    P_STR(struct search_args, who, 2, 60, true),
    P_STR(struct search_args, purpose, 2, 200, true),
    P_STR(struct search_args, cursor, 0, 400, false),
    P_I64(struct search_args, limit, 0, 50, false),
};

static const struct method rows[] = {
    {.name = "delivery.list", .verb = V_GET, .path = "/v1/deliveries", .doc = "下发记录，新的在前；state=dead 为死信（失败和结果不明的）。不含正文、号码和令牌，姓名已隐去。",
     .roles = ROLE_OPERATOR, .cost = 2, PARAMS(list_params), .args_size = sizeof(struct list_args), .fn = list, .reply_doc = "items，can_replay、can_cancel 表示可做的操作，next"},
    {.name = "delivery.get", .verb = V_GET, .path = "/v1/deliveries/{delivery_id}", .doc = "一条下发记录及每次发送和回执。", .roles = ROLE_OPERATOR, .cost = 1,
     PARAMS(id_params), .args_size = sizeof(struct id_args), .fn = get, .reply_doc = "同列表，另有 events"},
    {.name = "delivery.replay", .verb = V_POST, .path = "/v1/deliveries/{delivery_id}/replay",
     .doc = "重发一条死信：同一条下发的新一次发送，所有运营方重新可用；已读、已送达或原文已清除的不能重发。", .roles = ROLE_ADMIN, .flags = M_WRITE, .cost = 2,
     PARAMS(act_params), .args_size = sizeof(struct act_args), .fn = replay, .reply_doc = "同 delivery.get"},
    {.name = "delivery.cancel", .verb = V_POST, .path = "/v1/deliveries/{delivery_id}/cancel", .doc = "取消一条尚未发出的下发，站内消息仍在。", .roles = ROLE_ADMIN,
     .flags = M_WRITE, .cost = 2, PARAMS(act_params), .args_size = sizeof(struct act_args), .fn = cancel, .reply_doc = "同 delivery.get"},
    {.name = "message.search", .verb = V_POST, .path = "/v1/messages/search",
     .doc = "查一个人的消息（编号、手机号或完整姓名），须写明用途并记入审计；不含正文，号码和姓名已隐去。", .roles = ROLE_OPERATOR, .flags = M_WRITE, .cost = 4,
     PARAMS(search_params), .args_size = sizeof(struct search_args), .fn = search, .reply_doc = "people（同名时多人，items 为空），items，next"},
};
METHOD_LIST(ops_delivery_methods, rows);
