/* SPDX-License-Identifier: Apache-2.0
 *
 * Reading must-read notices and their lists, and confirming: a recipient who opens one marks its notice read (notice.read) or confirms
 * it, which is both; seeing it in a list is neither.
 */
#include "handlers/circular.h"

#include <string.h>

#include "base/idno.h"
#include "handlers/delivery_words.h"
#include "handlers/lists.h"
#include "handlers/method.h"
#include "handlers/people.h"
#include "store/notice.h"

#define UNIT_ROLES   (ROLE_DISPATCHER | ROLE_APPROVER | ROLE_RESPONSIBLE | ROLE_MONITOR)
#define SENDER_ROLES (ROLE_LEADER | ROLE_DISPATCHER | ROLE_APPROVER)
#define TRIES_SHOWN  16

enum err circular_visible(struct req *r, const char *id, struct circular *out, enum circular_side *side) {
    struct circular_person p;
    bool                   yes = false;
    TRY(circular_get(r->db, r->a, id, out));
    r->object  = arena_printf(r->a, "circular:%s", id);
    bool own   = strcmp(out->sender, r->who.id) == 0;
    bool issue = req_has(r, ROLE_DISPATCHER) && *r->who.unit && strcmp(out->unit, r->who.unit) == 0;
    *side      = SIDE_SENDER;
    if (own || issue) return ERR_OK;
    *side = SIDE_UNIT;
    if (*r->who.unit && req_has(r, UNIT_ROLES)) TRY(circular_has_unit(r->db, id, r->who.unit, &yes));
    if (yes) return ERR_OK;
    *side = SIDE_RECIPIENT;
    return circular_person_get(r->db, r->a, id, r->who.id, &p);
}

/* ---- list, get ---- */
struct list_args {
    const char *box, *cursor;
    int64_t     limit;
};

static void write_head(struct req *r, const struct circular *c) {
    jw_kstr(r->out, "id", c->id);
    jw_kstr(r->out, "title", c->title);
    jw_kstr(r->out, "sender", c->sender);
    jw_kstr(r->out, "sender_name", c->sender_name);
    jw_kstr(r->out, "unit", *c->unit ? c->unit : NULL);
    jw_kstr(r->out, "unit_name", *c->unit_name ? c->unit_name : NULL);
    jw_kint(r->out, "priority", c->priority);
    jw_kstr(r->out, "state", c->state);
    jw_ktime(r->out, "created_at", c->created_biz);
    jw_ktime(r->out, "deadline", c->deadline_biz);
}

/* The counters the caller may see, and their own state if it is for them. */
static enum err write_standing(struct req *r, const struct circular *c, enum circular_side side) {
    struct circular_person me;
    if (side == SIDE_SENDER) circular_write_counts(r->out, c->total, c->stages, c->confirmed);
    if (side == SIDE_UNIT) {
        int64_t stages[STAGES_N], confirmed, total = 0;
        TRY(circular_unit_counts(r->db, c->id, r->who.unit, stages, &confirmed));
        for (int i = 0; i < STAGES_N; i++) total += stages[i];
        circular_write_counts(r->out, total, stages, confirmed);
    }
    enum err e = circular_person_get(r->db, r->a, c->id, r->who.id, &me);
    jw_key(r->out, "mine");
    if (e == ERR_NOTFOUND) {
        jw_null(r->out);
        return ERR_OK;
    }
    TRY(e);
    jw_obj(r->out);
    jw_ktime(r->out, "read_at", me.read_wall);
    jw_ktime(r->out, "confirmed_at", me.confirmed_wall);
    jw_obj_end(r->out);
    return ERR_OK;
}

static enum err list(struct req *r, const void *args) {
    const struct list_args *p     = args;
    const char             *box   = p->box ? p->box : req_has(r, SENDER_ROLES) ? "sent" : "received";
    int                     limit = p->limit ? (int)p->limit : 50;
    enum circular_box       b     = strcmp(box, "sent") == 0 ? BOX_SENT : strcmp(box, "unit") == 0 ? BOX_UNIT : BOX_RECEIVED;
    enum circular_side      side  = b == BOX_SENT ? SIDE_SENDER : b == BOX_UNIT ? SIDE_UNIT : SIDE_RECIPIENT;
    const char             *unit  = b == BOX_SENT ? (req_has(r, ROLE_DISPATCHER) ? r->who.unit : "") : req_has(r, UNIT_ROLES) ? r->who.unit : "";
    struct cursor           c;
    struct circular        *v;
    size_t                  n;
    TRY(req_cursor_parse(r, p->cursor, box, &c));
    TRY(circular_list(r->db, r->a, b, r->who.id, unit, c.s, limit + 1, &v, &n));
    bool more = n > (size_t)limit;
    if (more) n--;
    jw_key(r->out, "items");
    jw_arr(r->out);
    for (size_t i = 0; i < n; i++) {
        jw_obj(r->out);
        write_head(r, &v[i]);
        TRY(write_standing(r, &v[i], side));
        jw_obj_end(r->out);
    }
    jw_arr_end(r->out);
    if (more) req_cursor_write(r, box, (struct cursor){.s = v[n - 1].id});
    else jw_kstr(r->out, "next", NULL);
    return ERR_OK;
}

static enum err get(struct req *r, const void *args) {
    static const char *const       sides[] = {"sender", "unit", "recipient"};
    const struct circular_id_args *p       = args;
    struct circular                c;
    enum circular_side             side;
    TRY(circular_visible(r, p->circular_id, &c, &side));
    write_head(r, &c);
    jw_kstr(r->out, "text", c.text);
    jw_kstr(r->out, "side", sides[side]);
    TRY(write_standing(r, &c, side));
    jw_ktime(r->out, "closed_at", c.closed_wall);
    if (side != SIDE_SENDER) return ERR_OK;
    jw_kstr(r->out, "reason", *c.reason ? c.reason : NULL);
    jw_key(r->out, "live");
    return circular_write_state(r->db, r->a, c.id, r->biz_ms, r->out);
}

/* ---- people ---- */
struct people_args {
    const char *circular_id, *state, *unit, *cursor;
    int64_t     limit;
};

static enum circular_filter filter_of(const char *state) {
    static const struct {
        const char          *word;
        enum circular_filter f;
    } words[] = {{"unread", PEOPLE_UNREAD}, {"unreached", PEOPLE_UNREACHED}, {"failed", PEOPLE_FAILED}, {"read", PEOPLE_READ}, {"unconfirmed", PEOPLE_UNCONFIRMED}};
    for (size_t i = 0; state && i < sizeof words / sizeof words[0]; i++)
        if (strcmp(state, words[i].word) == 0) return words[i].f;
    return PEOPLE_ALL;
}

/* Staff are named to those they work with; citizens and firms are not. */
static const char *name_of(struct req *r, const struct circular_person *p) {
    if (!(p->roles & (ROLE_CITIZEN | ROLE_ENTERPRISE))) return p->name;
    char *out = arena_alloc(r->a, 32);
    mask_name(p->name, out, 32);
    return out;
}

static void write_tries(struct req *r, const struct circular_try *t, size_t n) {
    jw_key(r->out, "tries");
    jw_arr(r->out);
    for (size_t i = n > TRIES_SHOWN ? n - TRIES_SHOWN : 0; i < n; i++) {
        bool waits = strcmp(t[i].state, "waiting") == 0;
        jw_obj(r->out);
        jw_kstr(r->out, "channel", t[i].channel);
        jw_kstr(r->out, "name", delivery_channel_zh(t[i].channel));
        jw_kstr(r->out, "state", t[i].state);
        jw_ktime(r->out, "at", waits ? t[i].due_wall : t[i].updated_wall);
        jw_kstr(r->out, "words", circular_try_words(r->a, &t[i], r->wall_ms));
        jw_obj_end(r->out);
    }
    jw_arr_end(r->out);
}

static enum err write_person(struct req *r, const struct circular *c, const struct circular_person *p, bool times) {
    struct circular_try *t;
    size_t               n;
    TRY(circular_tries(r->db, r->a, c->id, p->person, &t, &n));
    jw_obj(r->out);
    jw_kstr(r->out, "person", p->person);
    jw_kstr(r->out, "name", name_of(r, p));
    jw_kstr(r->out, "unit", *p->unit ? p->unit : NULL);
    jw_kstr(r->out, "unit_name", *p->unit_name ? p->unit_name : NULL);
    jw_kstr(r->out, "state", circular_stage_words[p->stage]);
    jw_kstr(r->out, "words", circular_words(r->a, p, t, n, r->wall_ms));
    jw_kstr(r->out, "reached_by", *p->reached_by ? p->reached_by : NULL);
    jw_ktime(r->out, "reached_at", p->reached_wall);
    jw_kbool(r->out, "confirmed", p->confirmed_wall > 0);
    jw_ktime(r->out, "read_at", times ? p->read_wall : 0);
    jw_ktime(r->out, "confirmed_at", times ? p->confirmed_wall : 0);
    write_tries(r, t, n);
    jw_obj_end(r->out);
    return ERR_OK;
}

static enum err people(struct req *r, const void *args) {
    const struct people_args *p     = args;
    int                       limit = p->limit ? (int)p->limit : 50;
    const char               *unit  = p->unit ? p->unit : "";
    struct circular           c;
    enum circular_side        side;
    struct cursor             cur;
    struct circular_person   *v;
    size_t                    n;
    TRY(circular_visible(r, p->circular_id, &c, &side));
    if (side == SIDE_RECIPIENT) return req_fail(r, ERR_PERM, "接收名单由发送人和本单位工作人员查看。");
    if (side == SIDE_UNIT) {
        if (*unit && strcmp(unit, r->who.unit) != 0) return ERR_NOTFOUND;
        unit = r->who.unit;
    }
    const char *filter = arena_printf(r->a, "%s|%s|%s", c.id, p->state ? p->state : "", unit);
    TRY(req_cursor_parse(r, p->cursor, filter, &cur));
    TRY(circular_people(r->db, r->a, c.id, unit, filter_of(p->state), cur.s, limit + 1, &v, &n));
    bool more = n > (size_t)limit;
    if (more) n--;
    jw_key(r->out, "items");
    jw_arr(r->out);
    for (size_t i = 0; i < n; i++) TRY(write_person(r, &c, &v[i], side == SIDE_SENDER));
    jw_arr_end(r->out);
    if (more) req_cursor_write(r, filter, (struct cursor){.s = v[n - 1].person});
    else jw_kstr(r->out, "next", NULL);
    return ERR_OK;
}

/* ---- confirm ---- */
static enum err confirm(struct req *r, const void *args) {
    const struct circular_id_args *p = args;
    struct circular_person         me;
    int64_t                        at = r->wall_ms, unread;
    TRY(circular_person_get(r->db, r->a, p->circular_id, r->who.id, &me));
    r->object = arena_printf(r->a, "circular:%s", p->circular_id);
    if (me.confirmed_wall) {
        at = me.confirmed_wall;
    } else {
        TRY(circular_confirm(r->db, p->circular_id, r->who.id, &at));
        TRY(inbox_unread(r->db, r->who.id, &unread));
        TRY(req_publish(r, arena_printf(r->a, "user:%s", r->who.id), NULL,
                        arena_printf(r->a, "{\"kind\":\"circular.confirmed\",\"id\":\"%s\",\"unread\":%lld}", p->circular_id, (long long)unread)));
        TRY(req_ledger(r, r->object, NULL));
    }
    jw_kstr(r->out, "id", p->circular_id);
    jw_ktime(r->out, "read_at", me.read_wall ? me.read_wall : at);
    jw_ktime(r->out, "confirmed_at", at);
    return ERR_OK;
}

/* ---- rows ---- */
#define TARGET_PARAMS                                                                                                            \
    P_I64(struct circular_args, priority, 0, 3, true), P_STRS(struct circular_args, units, 300, false), P_STRS(struct circular_args, roles, 14, false), \
        P_STRS(struct circular_args, people, 1000, false), P_JSON(struct circular_args, expand, 50, false)

static const struct param estimate_params[] = {TARGET_PARAMS};
static const struct param create_params[]   = {
    P_STR(struct circular_args, title, 1, 40, true),    P_TEXT(struct circular_args, text, 1, 2000, true),
    P_STR(struct circular_args, deadline, 16, 40, false), P_STR(struct circular_args, reason, 1, 200, false),
    P_IDOPT(struct circular_args, dedupe, NULL),         TARGET_PARAMS,
};
static const struct param list_params[] = {
    P_ENUM(struct list_args, box, "sent|unit|received", false),
    P_STR(struct list_args, cursor, 0, 400, false),
    P_I64(struct list_args, limit, 0, 200, false),
};
static const struct param id_params[]   = {P_ID(struct circular_id_args, circular_id, "circular")};
static const struct param urge_params[] = {P_ID(struct circular_id_args, circular_id, "circular"), P_STR(struct circular_id_args, reason, 1, 200, false)};
static const struct param people_params[] = {
    P_ID(struct people_args, circular_id, "circular"),
    P_ENUM(struct people_args, state, "unread|unreached|failed|read|unconfirmed", false),
    P_IDOPT(struct people_args, unit, NULL),
    P_STR(struct people_args, cursor, 0, 400, false),
    P_I64(struct people_args, limit, 0, 200, false),
};

#define COUNTS "total、read 已读、confirmed 已确认、reached 已送达未读、unreached 未送达（sent 已发出、failed 发送失败、waiting 等待发送）、unread"

static const struct method rows[] = {
    {.name = "circular.estimate", .verb = V_POST, .path = "/v1/circulars/estimate", .doc = "发送前估算：多少人，各种方式能到多少人，按什么步骤提醒。不发送任何内容。",
     .roles = SENDER_ROLES, .cost = 2, PARAMS(estimate_params), .args_size = sizeof(struct circular_args), .fn = circular_estimate,
     .reply_doc = "people，units，push、wechat、office、sms 各能到的人数，none 只能在掌办看到的人数，plan 提醒步骤（after_s 未读多久后，alone_s 别的方式到不了时）"},
    {.name = "circular.create", .verb = V_POST, .path = "/v1/circulars",
     .doc = "发送必读通知给单位（单位组展开）、岗位或人员，最多 20000 人；0、1 级限市领导和督办人员并须写明理由。立即返回，其余人员随后陆续发出。", .roles = SENDER_ROLES,
     .flags = M_WRITE | M_CREATED, .cost = 4, PARAMS(create_params), .args_size = sizeof(struct circular_args), .fn = circular_create,
     .prepare = circular_create_prepare, .reply_doc = "id，state（sending 发送中、open、closed），" COUNTS},
    {.name = "circular.list", .verb = V_GET, .path = "/v1/circulars", .doc = "必读通知：sent 本人和本单位发出的，unit 发给本单位人员的，received 发给本人的；新的在前。",
     .roles = ROLE_PEOPLE, .cost = 1, PARAMS(list_params), .args_size = sizeof(struct list_args), .fn = list, .reply_doc = "items，next"},
    {.name = "circular.get", .verb = V_GET, .path = "/v1/circulars/{circular_id}", .doc = "一份必读通知：正文，以及按身份可见的人数。查看不等于已读，须标记已读或确认。",
     .roles = ROLE_PEOPLE, .cost = 1, PARAMS(id_params), .args_size = sizeof(struct circular_id_args), .fn = get,
     .reply_doc = "text，side（sender 发送方、unit 单位、recipient 接收人），mine 本人的 read_at、confirmed_at，" COUNTS},
    {.name = "circular.people", .verb = V_GET, .path = "/v1/circulars/{circular_id}/people",
     .doc = "接收名单：每人的状态、送达方式和时间、未送达的原因；可只看未读、未送达、失败、已读或未确认。单位人员只看本单位，不含阅读时间。", .roles = ROLE_STAFF, .cost = 2,
     PARAMS(people_params), .args_size = sizeof(struct people_args), .fn = people, .reply_doc = "items（state，words 说明，tries 每次发送的结果），next"},
    {.name = "circular.urge", .verb = V_POST, .path = "/v1/circulars/{circular_id}/urge",
     .doc = "催办：只提醒未读的人，比原级别高一级重新开始；两次提醒至少间隔 5 分钟。", .roles = SENDER_ROLES, .flags = M_WRITE, .cost = 4, PARAMS(urge_params),
     .args_size = sizeof(struct circular_id_args), .fn = circular_urge, .reply_doc = "urged 第几次，people 提醒人数，priority 级别，urge_from 下次可催办的时间"},
    {.name = "circular.confirm", .verb = V_POST, .path = "/v1/circulars/{circular_id}/confirm", .doc = "接收人确认已阅读：标记已读，取消尚未发出的提醒；重复确认得到第一次的时间。",
     .roles = ROLE_PEOPLE, .flags = M_WRITE, .cost = 2, PARAMS(id_params), .args_size = sizeof(struct circular_id_args), .fn = confirm,
     .reply_doc = "id，read_at，confirmed_at"},
    {.name = "circular.close", .verb = V_POST, .path = "/v1/circulars/{circular_id}/close", .doc = "结束必读通知：尚未发出的提醒取消，不能再催办；仍可阅读和确认。",
     .roles = SENDER_ROLES, .flags = M_WRITE, .cost = 2, PARAMS(id_params), .args_size = sizeof(struct circular_id_args), .fn = circular_end,
     .reply_doc = "id，state，" COUNTS},
};
METHOD_LIST(circular_methods, rows);
