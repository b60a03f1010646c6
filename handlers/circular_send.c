/* SPDX-License-Identifier: Apache-2.0
 *
 * Whom a must-read notice is for, and the acts of its sender. A group with known members stands for them; another is named by the
 * sender (as with tasks: never silently). Units, roles and people become targets without overlaps before the transaction; the
 * first few people are told in it, the others by circular_work.
 */
#include <string.h>

#include "base/calendar.h"
#include "base/clock.h"
#include "base/id.h"
#include "base/text.h"
#include "handlers/access.h"
#include "handlers/circular.h"
#include "handlers/instruction.h"
#include "handlers/method.h"
#include "handlers/people.h"
#include "store/unit.h"

#define TARGETS_MAX  2000
#define FIRST_PEOPLE 20
#define DEADLINE_MAX (90 * DAY_MS)
#define DIGITS_MAX   6 /* in a row in a title: more may be somebody's number */
#define LOUD_ROLES   (ROLE_LEADER | ROLE_DISPATCHER)
#define TOLD_ROLES   (ROLE_STAFF | ROLE_WINDOW | ROLE_INSPECTOR | ROLE_ADMIN | ROLE_AUDITOR)

struct targets {
    struct circular_target v[TARGETS_MAX];
    size_t                 n, units_n;
    unsigned               roles;
    struct arena          *scratch; /* while they are looked up: units are many, the arena of a request is small */
    struct access_view     view;
    struct circular_reach  reach;
    int64_t                deadline_biz, deadline_wall;
};

/* ---- targets ---- */
static bool is_named(const struct targets *t, const char *kind, const char *ref) {
    for (size_t i = 0; i < t->n; i++)
        if (strcmp(t->v[i].kind, kind) == 0 && strcmp(t->v[i].ref, ref) == 0) return true;
    return false;
}

static enum err add(struct req *r, struct targets *t, const char *field, const char *kind, const char *ref, unsigned roles) {
    if (t->n == TARGETS_MAX) return req_bad(r, field, "接收单位和人员合计最多 %d 个", TARGETS_MAX);
    t->v[t->n++] = (struct circular_target){kind, ref, roles};
    t->units_n += kind[0] == 'u';
    return ERR_OK;
}

/* Counties write to their own units only. */
static bool is_reachable(const struct targets *t, const struct unit *u) {
    if (!*t->view.county) return true;
    return strcmp(u->level, "county") == 0 && (strcmp(u->region, t->view.county) == 0 || strcmp(u->code, t->view.county) == 0);
}

static enum err add_unit(struct req *r, struct targets *t, const char *field, const char *code) {
    struct unit u;
    arena_reset(t->scratch);
    enum err e = unit_get(r->db, t->scratch, code, &u);
    if (e == ERR_NOTFOUND) return req_bad(r, field, "没有编号为 %s 的单位", code);
    TRY(e);
    if (u.is_group) return req_bad(r, field, "“%s”不是具体单位", u.short_name);
    if (!unit_valid_on(&u, day_text(t->scratch, r->biz_ms))) return req_bad(r, field, "“%s”目前不是有效单位", u.short_name);
    if (!is_reachable(t, &u)) return req_fail(r, ERR_PERM, "县（市、区）的通知只能发给本地单位，“%s”不在其中。", u.short_name);
    return is_named(t, "unit", code) ? ERR_OK : add(r, t, field, "unit", code, t->roles);
}

static enum err add_members(struct req *r, struct targets *t, const char *group) {
    const char **codes;
    size_t       n;
    TRY(unit_members(r->db, r->a, group, &codes, &n));
    for (size_t i = 0; i < n; i++) {
        struct unit u;
        arena_reset(t->scratch);
        TRY(unit_get(r->db, t->scratch, codes[i], &u));
        if (!u.is_group && unit_valid_on(&u, day_text(t->scratch, r->biz_ms))) TRY(add_unit(r, t, "units", codes[i]));
    }
    return ERR_OK;
}

/* Every group the sender names the members of is among the units. */
static enum err check_expand(struct req *r, const struct circular_args *p) {
    for (const cJSON *v = p->expand ? p->expand->child : NULL; v; v = v->next) {
        bool listed = false;
        for (size_t i = 0; i < p->units.n; i++) listed |= strcmp(p->units.v[i], v->string) == 0;
        if (!listed) return req_bad(r, "expand", "接收单位中没有群组 %s", v->string);
    }
    return ERR_OK;
}

static enum err add_chosen(struct req *r, struct targets *t, const char *group, const cJSON *chosen) {
    for (const cJSON *m = chosen->child; m; m = m->next) {
        if (!cJSON_IsString(m)) return req_bad(r, "expand", "“%s”的单位：请填写单位编号", group);
        TRY(add_unit(r, t, "expand", arena_strdup(r->a, m->valuestring)));
    }
    return ERR_OK;
}

static enum err add_named(struct req *r, const struct circular_args *p, struct targets *t, const char *code) {
    struct unit  u;
    const cJSON *chosen = cJSON_GetObjectItemCaseSensitive(p->expand, code);
    arena_reset(t->scratch);
    enum err e = unit_get(r->db, t->scratch, code, &u);
    if (e == ERR_NOTFOUND) return req_bad(r, "units", "没有编号为 %s 的单位", code);
    TRY(e);
    if (!u.is_group) return add_unit(r, t, "units", code);
    if (cJSON_IsArray(chosen) && chosen->child) return add_chosen(r, t, code, chosen);
    if (u.members_complete) return add_members(r, t, code);
    return req_bad(r, "units", "“%s”（%s）没有固定成员，请在 expand 中列出它包含的单位", u.short_name, code);
}

static enum err add_units(struct req *r, const struct circular_args *p, struct targets *t) {
    TRY(check_expand(r, p));
    for (size_t i = 0; i < p->units.n; i++) TRY(add_named(r, p, t, p->units.v[i]));
    return ERR_OK;
}

static enum err add_roles(struct req *r, const struct circular_args *p, struct targets *t) {
    for (size_t i = 0; i < p->roles.n; i++) {
        const struct role_name *n = role_names;
        while (n->bit && strcmp(n->word, p->roles.v[i]) != 0) n++;
        if (!(n->bit & TOLD_ROLES)) return req_bad(r, "roles", "不能按“%s”选择接收人", p->roles.v[i]);
        t->roles |= n->bit;
    }
    if (t->roles == 0 || p->units.n > 0) {
        if (t->roles == 0) t->roles = ROLE_PEOPLE;
        return ERR_OK;
    }
    if (*t->view.county) return req_fail(r, ERR_PERM, "县（市、区）的通知只能发给本地单位，请选择接收单位。");
    return add(r, t, "roles", "all", "", t->roles);
}

/* Somebody the targets before do not hold already. */
static enum err add_person(struct req *r, struct targets *t, const char *id) {
    const char *unit;
    unsigned    roles;
    struct unit u;
    arena_reset(t->scratch);
    enum err e = circular_person_known(r->db, t->scratch, id, &unit, &roles);
    if (e == ERR_NOTFOUND) return req_bad(r, "people", "没有编号为 %s 的人员", id);
    TRY(e);
    if (!(roles & ROLE_PEOPLE)) return req_bad(r, "people", "%s 不是可以接收通知的人员", id);
    if (*t->view.county) {
        e = *unit ? unit_get(r->db, t->scratch, unit, &u) : ERR_NOTFOUND;
        if (e && e != ERR_NOTFOUND) return e;
        if (e || !is_reachable(t, &u)) return req_bad(r, "people", "没有编号为 %s 的人员", id);
    }
    for (size_t i = 0; i < t->n; i++) {
        bool all = t->v[i].kind[0] == 'a' && (t->v[i].roles & roles), of_unit = t->v[i].kind[0] == 'u' && strcmp(t->v[i].ref, unit) == 0 && (t->v[i].roles & roles);
        if (all || of_unit || (t->v[i].kind[0] == 'p' && strcmp(t->v[i].ref, id) == 0)) return ERR_OK;
    }
    return add(r, t, "people", "person", id, ROLE_ANY);
}

static enum err look_up(struct req *r, const struct circular_args *p, struct targets *t) {
    TRY(add_roles(r, p, t));
    TRY(add_units(r, p, t));
    for (size_t i = 0; i < p->people.n; i++) TRY(add_person(r, t, p->people.v[i]));
    return t->n ? ERR_OK : req_bad(r, "units", "请选择接收单位、岗位或人员");
}

static enum err resolve(struct req *r, const struct circular_args *p, struct targets **out) {
    struct targets *t = arena_alloc(r->a, sizeof *t);
    *out              = t;
    TRY(access_view(r, &t->view));
    t->scratch = arena_new(256U << 10);
    enum err e = look_up(r, p, t);
    arena_free(t->scratch);
    TRY(e);
    for (size_t i = 0; i < t->n; i++) TRY(circular_reach_add(r->db, &t->v[i], r->who.id, CIRCULAR_PEOPLE_MAX, &t->reach));
    if (t->reach.people > CIRCULAR_PEOPLE_MAX) return req_bad(r, "units", "接收人超过 %d 人，请分批发送", CIRCULAR_PEOPLE_MAX);
    if (t->reach.people == 0) return req_bad(r, "units", "所选单位、岗位中没有可以接收通知的人员");
    return ERR_OK;
}

/* ---- checks ---- */
static enum err check_loud(struct req *r, int64_t priority, const char *reason) {
    if (priority > CIRCULAR_LOUD) return ERR_OK;
    if (!req_has(r, LOUD_ROLES)) return req_fail(r, ERR_PERM, "紧急和重要级别的通知由市领导或督办人员发送。请改用普通级别，或请督办人员发送。");
    if (reason == NULL) return req_bad(r, "reason", "紧急和重要级别会不分时段发送短信，请写明理由（记入审计）");
    return ERR_OK;
}

/* It stands in the SMS: no link, no number of anybody, no signature of somebody else. */
static enum err check_title(struct req *r, const char *title) {
    static const char *const banned[] = {"http", "www.", "://", "【", "】"};
    size_t                   digits   = 0;
    for (size_t i = 0; i < sizeof banned / sizeof banned[0]; i++)
        if (strcasestr(title, banned[i])) return req_bad(r, "title", "标题会出现在短信里，不能含有网址或“【】”");
    for (const char *p = title; *p; p++) {
        digits = *p >= '0' && *p <= '9' ? digits + 1 : 0;
        if (digits > DIGITS_MAX) return req_bad(r, "title", "标题会出现在短信里，不能含有电话、证件等号码");
    }
    return ERR_OK;
}

/* The sender writes business time; deliveries go by the wall (D1). */
static enum err check_deadline(struct req *r, const char *text, struct targets *t) {
    if (text == NULL) return ERR_OK;
    int64_t speed = clock_business_get().speed_permille;
    if (time_parse_iso(text, &t->deadline_biz) != ERR_OK) return req_bad(r, "deadline", "时间格式应为 2018-06-27T17:30+08:00");
    if (t->deadline_biz <= r->biz_ms) return req_bad(r, "deadline", "阅读时限已经过去，请重新选择");
    if (t->deadline_biz - r->biz_ms > DEADLINE_MAX) return req_bad(r, "deadline", "阅读时限最长 90 天");
    t->deadline_wall = r->wall_ms + (speed > 0 ? (t->deadline_biz - r->biz_ms) * 1000 / speed : DEADLINE_MAX);
    return ERR_OK;
}

/* ---- estimate ---- */
static void write_plan(struct req *r, int64_t priority) {
    const struct notice_plan *plan = &r->house->plans[priority];
    unsigned                  can  = people_notice_rules(r->house).channels;
    jw_key(r->out, "plan");
    jw_arr(r->out);
    for (size_t i = 0; i < plan->n; i++) {
        const struct notice_step *s = &plan->step[i];
        if (!(can & 1U << s->channel)) continue;
        jw_obj(r->out);
        jw_kstr(r->out, "channel", delivery_channels[s->channel].word);
        jw_kstr(r->out, "name", delivery_channels[s->channel].zh);
        jw_kint(r->out, "after_s", s->after_ms / 1000);
        jw_kint(r->out, "alone_s", s->alone_ms / 1000);
        jw_obj_end(r->out);
    }
    jw_arr_end(r->out);
}

enum err circular_estimate(struct req *r, const void *args) {
    const struct circular_args *p = args;
    struct targets             *t;
    TRY(resolve(r, p, &t));
    const struct circular_reach *v = &t->reach;
    jw_kint(r->out, "people", v->people);
    jw_kint(r->out, "units", (int64_t)t->units_n);
    jw_kint(r->out, "push", v->push);
    jw_kint(r->out, "wechat", v->wechat);
    jw_kint(r->out, "office", v->office);
    jw_kint(r->out, "sms", v->phone);
    jw_kint(r->out, "none", v->none);
    write_plan(r, p->priority);
    return ERR_OK;
}

/* ---- create ---- */
enum err circular_create_prepare(struct req *r, const void *args) {
    const struct circular_args *p = args;
    struct targets             *t;
    TRY(check_loud(r, p->priority, p->reason));
    TRY(check_title(r, p->title));
    TRY(resolve(r, p, &t));
    TRY(check_deadline(r, p->deadline, t));
    r->prepared = t;
    return ERR_OK;
}

static const char *digest_of(struct req *r, const struct circular_args *p, const struct targets *t) {
    struct buf b;
    buf_init(&b, 1U << 20);
    buf_printf(&b, "%s\n%s\n%lld\n%lld\n", p->title, p->text, (long long)p->priority, (long long)t->deadline_biz);
    for (size_t i = 0; i < t->n; i++) buf_printf(&b, "%s:%s:%u\n", t->v[i].kind, t->v[i].ref, t->v[i].roles);
    const char *d = text_digest(r->a, buf_str(&b));
    buf_fini(&b);
    return d;
}

static enum err answer(struct req *r, const char *id) {
    struct circular c;
    TRY(circular_get(r->db, r->a, id, &c));
    jw_kstr(r->out, "id", c.id);
    jw_kstr(r->out, "state", c.state);
    circular_write_counts(r->out, c.total, c.stages, c.confirmed);
    return ERR_OK;
}

static enum err audit(struct req *r, const char *id, int64_t priority, int64_t people, const char *digest, const char *reason) {
    struct buf b;
    struct jw  w;
    buf_init(&b, 4096);
    jw_init(&w, &b);
    jw_obj(&w);
    jw_kint(&w, "priority", priority);
    jw_kint(&w, "people", people);
    if (digest) jw_kstr(&w, "digest", digest);
    if (reason) jw_kstr(&w, "reason", reason);
    jw_obj_end(&w);
    enum err e = req_ledger(r, arena_printf(r->a, "circular:%s", id), buf_str(&b));
    buf_fini(&b);
    return e;
}

/* A leader belongs to no unit: the office that dispatches for leaders sees to it. */
static enum err issuing_unit(struct req *r, const char **unit) {
    struct unit u;
    *unit = r->who.unit;
    if (**unit) return ERR_OK;
    enum err e = unit_get(r->db, r->a, INSTRUCTION_OFFICE, &u);
    if (e == ERR_OK) *unit = u.code;
    return e == ERR_NOTFOUND ? ERR_OK : e;
}

enum err circular_create(struct req *r, const void *args) {
    const struct circular_args *p = args;
    const struct targets       *t = r->prepared;
    char                        id[ID_CAP];
    const char                 *known = "";
    struct circular             c;
    id_new("c_", id);
    c = (struct circular){.id = id, .sender = r->who.id, .title = p->title, .text = p->text, .priority = p->priority, .reason = p->reason ? p->reason : "",
                          .dedupe = p->dedupe ? p->dedupe : id, .digest = digest_of(r, p, t), .deadline_biz = t->deadline_biz, .deadline_wall = t->deadline_wall,
                          .created_biz = r->biz_ms, .created_wall = r->wall_ms, .total = t->reach.people};
    TRY(issuing_unit(r, &c.unit));
    enum err e = circular_add(r->db, &c);
    if (e == ERR_DUP) {
        struct circular first;
        TRY(circular_by_dedupe(r->db, r->a, r->who.id, c.dedupe, &known));
        TRY(circular_get(r->db, r->a, known, &first));
        if (strcmp(first.digest, c.digest) != 0) return req_fail(r, ERR_KEYREUSE, "同一个编号已经发送过另一份通知，请换一个编号。");
        return answer(r, known);
    }
    TRY(e);
    for (size_t i = 0; i < t->n; i++) TRY(circular_target_add(r->db, id, (int64_t)i, &t->v[i]));
    TRY(audit(r, id, c.priority, c.total, c.digest, p->reason));
    TRY(circular_get(r->db, r->a, id, &c));
    TRY(circular_step(r->house, r->db, r->a, &c, FIRST_PEOPLE, r->wall_ms, r->biz_ms));
    r->wakes_delivery = true;
    return answer(r, id);
}

/* ---- urge, close ---- */
static enum err of_sender(struct req *r, const char *id, struct circular *c) {
    enum circular_side side;
    TRY(circular_visible(r, id, c, &side));
    return side == SIDE_SENDER ? ERR_OK : req_fail(r, ERR_PERM, "只有发送人和发送单位的督办人员可以进行这项操作。");
}

enum err circular_urge(struct req *r, const void *args) {
    const struct circular_id_args *p = args;
    struct circular                c;
    int64_t                        people;
    TRY(of_sender(r, p->circular_id, &c));
    if (strcmp(c.state, "closed") == 0) return req_fail(r, ERR_STATE, "这份通知已经结束，不能再催办。");
    if (*c.job) return req_fail(r, ERR_STATE, "还在发送中，全部发出后才能催办。");
    TRY(circular_unread_n(r->db, c.id, &people));
    if (people == 0) return req_fail(r, ERR_STATE, "所有人都已阅读，不需要催办。");
    int64_t level = c.priority > 0 ? c.priority - 1 : 0, last = c.urged_wall ? c.urged_wall : c.created_wall;
    TRY(check_loud(r, level, p->reason));
    if (r->wall_ms - last < CIRCULAR_URGE_MS) {
        r->retry_ms = CIRCULAR_URGE_MS - (r->wall_ms - last);
        return req_fail(r, ERR_LIMIT, "两次提醒至少间隔 5 分钟，请于 %s 后再催办。", clock_text(r->a, last + CIRCULAR_URGE_MS + 59999));
    }
    TRY(circular_urge_add(r->db, c.id, r->who.id, level, p->reason ? p->reason : "", people, r->wall_ms));
    TRY(audit(r, c.id, level, people, NULL, p->reason));
    TRY(circular_get(r->db, r->a, c.id, &c));
    TRY(circular_step(r->house, r->db, r->a, &c, FIRST_PEOPLE, r->wall_ms, r->biz_ms));
    r->wakes_delivery = true;
    jw_kint(r->out, "urged", c.urged_n);
    jw_kint(r->out, "priority", level);
    jw_kint(r->out, "people", people);
    jw_ktime(r->out, "urge_from", r->wall_ms + CIRCULAR_URGE_MS);
    return answer(r, c.id);
}

enum err circular_end(struct req *r, const void *args) {
    const struct circular_id_args *p = args;
    struct circular                c;
    int64_t                        unread;
    TRY(of_sender(r, p->circular_id, &c));
    if (strcmp(c.state, "closed") != 0) {
        TRY(circular_unread_n(r->db, c.id, &unread));
        TRY(circular_close(r->db, c.id, r->wall_ms));
        TRY(req_ledger(r, arena_printf(r->a, "circular:%s", c.id), arena_printf(r->a, "{\"unread\":%lld}", (long long)unread)));
        TRY(circular_get(r->db, r->a, c.id, &c));
        TRY(circular_step(r->house, r->db, r->a, &c, FIRST_PEOPLE, r->wall_ms, r->biz_ms));
    }
    return answer(r, c.id);
}
