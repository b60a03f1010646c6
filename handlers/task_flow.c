/* SPDX-License-Identifier: Apache-2.0
 *
 * The engine of the acts: the table of task_states.def, the order of refusals (D45), and what every transition leaves behind
 * (F128): a row of history, a row of the ledger, publications. Writer thread, but for task_write_actions.
 */
#include <string.h>

#include "base/buf.h"
#include "base/check.h"
#include "handlers/access.h"
#include "handlers/method.h"
#include "handlers/people.h"
#include "handlers/task_int.h"

#define JSON_MAX 4096

static const struct {
    const char *word, *zh;
} states[] = {
#define STATE(word, zh) {#word, zh},
#include "handlers/task_states.def"
};

static const struct {
    const char *word, *path, *zh;
    bool        versioned;
} events[] = {
#define EVENT(symbol, word, path, zh, versioned) {word, path, zh, versioned},
#include "handlers/task_states.def"
};

static const struct task_rule rules[] = {
#define RULE(from, event, actor, when, guards, to) {#from, EV_##event, ACTOR_##actor, when_##when, guards, #to},
#include "handlers/task_states.def"
};

static const unsigned actor_roles[] = {[ACTOR_DISPATCHER]  = ROLE_DISPATCHER,
                                       [ACTOR_APPROVER]    = ROLE_APPROVER,
                                       [ACTOR_RESPONSIBLE] = ROLE_RESPONSIBLE,
                                       [ACTOR_LEAD]        = ROLE_RESPONSIBLE,
                                       [ACTOR_MONITOR]     = ROLE_MONITOR};

const char *task_state_zh(const char *state) {
    for (size_t i = 0; i < ARRAY_N(states); i++)
        if (strcmp(states[i].word, state) == 0) return states[i].zh;
    return state;
}

bool task_state_known(const char *state) {
    for (size_t i = 0; i < ARRAY_N(states); i++)
        if (strcmp(states[i].word, state) == 0) return true;
    return false;
}

bool task_is_draft(const struct task *t) { return strcmp(t->state, "draft") == 0 || strcmp(t->state, "pending_approval") == 0; }

static enum task_actor actor_of(enum task_ev ev) {
    for (size_t i = 0; i < ARRAY_N(rules); i++)
        if (rules[i].event == ev) return rules[i].actor;
    UNREACHABLE("event without a rule");
}

static const struct task_rule *find_rule(const struct act *a, enum task_ev ev) {
    for (size_t i = 0; i < ARRAY_N(rules); i++)
        if (rules[i].event == ev && strcmp(rules[i].from, a->t.state) == 0 && rules[i].when(a)) return &rules[i];
    return NULL;
}

/* ---- who ---- */

static enum err may_act(struct act *a, enum task_actor actor) {
    struct req *r = a->r;
    bool        yes;
    switch (actor) {
    case ACTOR_DISPATCHER:
    case ACTOR_APPROVER:
        TRY(access_dispatches(r, &a->t, &yes));
        if (!yes) return req_fail(r, ERR_PERM, "只有督办单位或方案印发单位可以操作；责任单位不能督办本单位承担的任务。");
        if (actor == ACTOR_APPROVER && (strcmp(a->t.submitted_by, r->who.id) == 0 || strcmp(a->t.created_by, r->who.id) == 0))
            return req_fail(r, ERR_PERM, "拟办人不能审核自己提交的任务，请由另一位审核人员办理。");
        return ERR_OK;
    case ACTOR_RESPONSIBLE:
        if (a->mine == NULL) return req_fail(r, ERR_PERM, "您的单位不是这项任务的责任单位。");
        return ERR_OK;
    case ACTOR_LEAD:
        if (a->mine == NULL || !a->mine->is_lead) return req_fail(r, ERR_PERM, "只有牵头单位可以报办结。");
        return ERR_OK;
    case ACTOR_MONITOR:
        if (a->mine) return req_fail(r, ERR_PERM, "责任单位不能监督本单位承担的任务，请由其他监督单位办理。");
        if (a->t.supervising_unit && strcmp(a->t.supervising_unit, r->who.unit) == 0) /* never two roles in one task (domain.md 2) */
            return req_fail(r, ERR_PERM, "督办单位不能监督本单位督办的任务，请由其他监督单位办理。");
        return ERR_OK;
    default: UNREACHABLE("actor");
    }
}

static void loaded(struct req *r, const struct act_args *p, struct act *a) {
    a->r           = r;
    a->p           = p;
    a->was_version = a->t.version;
    for (size_t i = 0; i < a->units_n; i++)
        if (r->who.unit[0] && strcmp(a->units[i].unit, r->who.unit) == 0) a->mine = &a->units[i];
}

/* ---- the order of refusals ---- */

static enum err state_refusal(struct act *a) {
    const char *may = "";
    for (size_t e = 0; e < EV_MAX; e++)
        if (find_rule(a, (enum task_ev)e)) may = arena_printf(a->r->a, "%s%s%s", may, *may ? "、" : "", events[e].zh);
    return req_fail(a->r, ERR_STATE, "该事项当前是“%s”，可以进行：%s。", task_state_zh(a->t.state), *may ? may : "查看");
}

static enum err version_refusal(struct act *a) {
    int64_t at;
    TRY(task_changed_biz(a->r->db, a->t.id, &at));
    return req_fail(a->r, ERR_CONFLICT, "%s 已有人修改。您填写的内容已保留，请核对最新内容后再提交。", moment_text(a->r->a, at));
}

enum err task_act_open(struct req *r, const struct act_args *p, enum task_ev ev, struct act *a) {
    memset(a, 0, sizeof *a);
    TRY(access_task_units(r, p->task_id, &a->t, &a->units, &a->units_n));
    loaded(r, p, a);
    return may_act(a, actor_of(ev));
}

enum err task_act_check(struct act *a, enum task_ev ev) {
    a->rule = find_rule(a, ev);
    if (a->rule == NULL) return state_refusal(a);
    if (events[ev].versioned && a->p->version != a->t.version) return version_refusal(a);
    return task_guard(a, a->rule->guards);
}

enum err task_act_begin(struct req *r, const struct act_args *p, enum task_ev ev, struct act *a) {
    TRY(task_act_open(r, p, ev, a));
    return task_act_check(a, ev);
}

/* ---- what a transition leaves behind ---- */

static const char *live_json(struct act *a, const char *event, const char *unit) {
    struct buf b;
    struct jw  w;
    buf_init(&b, JSON_MAX);
    jw_init(&w, &b);
    jw_obj(&w);
    jw_kstr(&w, "type", "task");
    jw_kstr(&w, "id", a->t.id);
    jw_kstr(&w, "event", event);
    jw_kstr(&w, "state", a->t.state);
    jw_kint(&w, "version", a->t.version);
    jw_ktime(&w, "at", a->r->biz_ms);
    jw_kstr(&w, "unit", unit);
    jw_obj_end(&w);
    const char *s = arena_strdup(a->r->a, buf_str(&b));
    buf_fini(&b);
    return s;
}

struct sent {
    const char **v;
    size_t       n, max;
};

static enum err to_unit(struct act *a, struct sent *s, const char *unit, const char *json) {
    if (unit == NULL || *unit == '\0') return ERR_OK;
    for (size_t i = 0; i < s->n; i++)
        if (strcmp(s->v[i], unit) == 0) return ERR_OK;
    MUST(s->n < s->max);
    s->v[s->n++] = unit;
    return req_publish(a->r, arena_printf(a->r->a, "unit:%s", unit), NULL, json);
}

/* Other counties learn of a county's act only what the task itself shows: state and version. */
enum err task_publish(struct act *a, const char *event) {
    struct req             *r = a->r;
    struct task_named      *m;
    size_t                  m_n;
    const struct task_unit *me      = a->mine;
    bool                    county  = me && strcmp(me->level, "county") == 0;
    struct access_view      foreign = {.county = county ? "-" : ""};
    const char             *full = live_json(a, event, r->who.unit), *bare = county ? live_json(a, event, "") : full;
    TRY(task_monitor_list(r->db, r->a, a->t.id, &m, &m_n));
    struct sent s = {.max = a->units_n + m_n + 4};
    s.v           = arena_alloc(r->a, s.max * sizeof *s.v);
    TRY(req_publish(r, arena_printf(r->a, "task:%s", a->t.id), NULL, bare));
    TRY(to_unit(a, &s, a->t.supervising_unit, full));
    TRY(to_unit(a, &s, a->t.issuer, full));
    if (me) TRY(to_unit(a, &s, me->unit, full));
    for (size_t i = 0; i < a->units_n; i++)
        TRY(to_unit(a, &s, a->units[i].unit, access_shows(&foreign, a->units[i].level, a->units[i].region) ? full : bare));
    for (size_t i = 0; i < m_n && !task_is_draft(&a->t); i++) TRY(to_unit(a, &s, m[i].unit, full));
    return ERR_OK;
}

enum err task_record(struct act *a, const char *event, const char *from, const char *reason, const char *data) {
    struct req       *r = a->r;
    struct task_event e = {.task       = a->t.id,
                           .event      = event,
                           .from_state = from,
                           .to_state   = a->t.state,
                           .actor      = r->who.id,
                           .unit       = r->who.unit,
                           .reason     = reason,
                           .data       = data,
                           .device     = r->who.device,
                           .at_biz     = r->biz_ms,
                           .at_wall    = r->wall_ms};
    TRY(task_event_add(r->db, &e));
    const char *said = text_digest(r->a, arena_printf(r->a, "%s\n%s", reason ? reason : "", data ? data : "{}"));
    TRY(req_ledger(r, arena_printf(r->a, "task:%s", a->t.id),
                   arena_printf(r->a, "{\"digest\":\"%s\",\"event\":\"%s\",\"from\":\"%s\",\"to\":\"%s\",\"version\":%lld}", said,
                                event, from, a->t.state, (long long)a->t.version)));
    return task_publish(a, event);
}

enum err task_act_finish(struct act *a, const char *reason, const char *data) {
    struct req *r    = a->r;
    const char *from = a->rule->from;
    a->t.state       = a->rule->to;
    if (a->touched || strcmp(from, a->t.state) != 0) a->t.version = a->was_version + 1;
    /* the version rises with whatever changes in the task (D37): the same one means that there is nothing to write */
    enum err e = a->t.version == a->was_version ? ERR_OK : task_save(r->db, &a->t, a->was_version);
    if (e == ERR_CONFLICT) return version_refusal(a);
    TRY(e);
    TRY(task_record(a, events[a->rule->event].word, from, reason, data));
    if (!task_is_draft(&a->t) || strcmp(from, "dispatched") == 0) req_dirty_boards(r);
    r->wakes_delivery = true;
    jw_kstr(r->out, "id", a->t.id);
    jw_kstr(r->out, "event", events[a->rule->event].word);
    jw_kstr(r->out, "state", a->t.state);
    jw_kstr(r->out, "state_text", task_state_zh(a->t.state));
    jw_kint(r->out, "version", a->t.version);
    jw_ktime(r->out, "at", r->biz_ms);
    return ERR_OK;
}

/* ---- what may be done now ---- */

enum err task_write_actions(struct req *r, const struct task *t) {
    struct act a = {.t = *t};
    TRY(task_unit_list(r->db, r->a, t->id, &a.units, &a.units_n));
    loaded(r, NULL, &a);
    jw_key(r->out, "actions");
    jw_arr(r->out);
    for (size_t i = 0; i < EV_MAX; i++) {
        enum task_ev    ev    = (enum task_ev)i;
        enum task_actor actor = actor_of(ev);
        if (!req_has(r, actor_roles[actor])) continue;
        enum err e = may_act(&a, actor);
        if (e == ERR_PERM) continue;
        TRY(e);
        const struct task_rule *rule = find_rule(&a, ev);
        if (rule == NULL) continue;
        a.missing_n = 0;
        TRY(task_guard_missing(&a, rule->guards));
        if ((rule->guards & G_WAITING) && a.missing_n) continue; /* this unit has signed: nothing is left to do */
        jw_obj(r->out);
        jw_kstr(r->out, "action", events[ev].word);
        jw_kstr(r->out, "name", events[ev].zh);
        jw_kstr(r->out, "path", events[ev].path);
        jw_kbool(r->out, "versioned", events[ev].versioned);
        jw_key(r->out, "missing");
        jw_arr(r->out);
        for (size_t k = 0; k < a.missing_n; k++) jw_str(r->out, a.missing[k]);
        jw_arr_end(r->out);
        jw_obj_end(r->out);
    }
    jw_arr_end(r->out);
    r->detail = r->field = NULL;
    return ERR_OK;
}
