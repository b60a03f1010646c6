/* SPDX-License-Identifier: Apache-2.0
 *
 * Reading tasks: lists, one task with everything about it, its history; and the rows of create and update (task_edit.c).
 */
#include <string.h>

#include "base/text.h"
#include "handlers/access.h"
#include "handlers/instruction.h"
#include "handlers/lists.h"
#include "handlers/method.h"
#include "handlers/people.h"
#include "handlers/task_int.h"
#include "store/unit.h"

#define REPORTS_MAX 100
#define HISTORY_MAX 200
#define DOCNO_MAX 200
#define LIMIT 50

/* ---- task.list ---- */

struct list_args {
    const char *state, *unit, *role, *plan, *source_no, *light, *q, *due_from, *due_to, *sort, *cursor;
    int64_t     part, limit;
};

struct sieve {
    const char      *states, *q, *docno; /* states joined by commas; "" every */
    const char      *light;
    struct light_day day;
};

static enum light light_of(const struct light_day *d, const struct task_head *h) {
    struct light_of l = {h->state, h->deadline, h->grace_until, h->late_at_creation};
    return task_light(d, &l);
}

static bool word_in(const char *words, const char *word) {
    size_t n = strlen(word);
    for (const char *p = words; *p;) {
        size_t len = strcspn(p, ",");
        if (len == n && memcmp(p, word, n) == 0) return true;
        p += len + (p[len] == ',');
    }
    return false;
}

static bool keep(void *arg, const struct task_head *h) {
    const struct sieve *s = arg;
    if (*s->states && !word_in(s->states, h->state)) return false;
    if (*s->light) {
        const char *w = light_word(light_of(&s->day, h));
        if (w == NULL || strcmp(w, s->light) != 0) return false;
    }
    return *s->q == '\0' || strstr(h->title, s->q) || strstr(h->id, s->q) || strstr(h->source_no, s->docno);
}

static enum err check_states(struct req *r, const char *words) {
    for (const char *p = words; *p;) {
        size_t      len = strcspn(p, ",");
        const char *w   = arena_strndup(r->a, p, len);
        if (!task_state_known(w)) return req_bad(r, "state", "状态：没有“%s”", w);
        p += len + (p[len] == ',');
    }
    return ERR_OK;
}

static const char *docno(struct req *r, const char *typed) {
    char out[DOCNO_MAX];
    return text_docno_normalise(typed, out, sizeof out) == ERR_OK ? arena_strdup(r->a, out) : typed;
}

static const char *or_empty(const char *s) { return s ? s : ""; }

/* A county asks about its own unit and the city's only. */
static enum err check_unit(struct req *r, const struct access_view *v, const char *unit) {
    struct unit u;
    if (*unit == '\0') return ERR_OK;
    TRY(unit_get(r->db, r->a, unit, &u));
    return access_shows(v, u.level, u.region) ? ERR_OK : ERR_NOTFOUND;
}

/* The cursor holds what the order needs of the last row: texts joined by | (ids have none), and a number. */
static void resume(struct req *r, const struct cursor *c, struct task_filter *f) {
    const char *bar = strchr(c->s, '|');
    f->after_id     = bar ? bar + 1 : "";
    f->after_s      = bar ? arena_strndup(r->a, c->s, (size_t)(bar - c->s)) : "";
    f->after_i      = c->i;
}

static struct cursor cursor_of(struct req *r, enum task_sort sort, const struct task_head *h) {
    switch (sort) {
    case TASK_BY_PLAN: return (struct cursor){arena_printf(r->a, "%s|%s", h->plan, h->id), h->ord};
    case TASK_BY_DEADLINE: return (struct cursor){arena_printf(r->a, "%s|%s", h->deadline, h->id), 0};
    case TASK_BY_CREATED:
    default: return (struct cursor){arena_printf(r->a, "|%s", h->id), h->created_biz};
    }
}

static const char *null_if_empty(const char *s) { return s && *s ? s : NULL; }

static void write_due(struct req *r, const struct light_day *d, const char *deadline, const char *grace, const char *words,
                      enum light l) {
    int         left = 0, over = 0;
    const char *due = task_due(deadline, grace);
    jw_kstr(r->out, "deadline", null_if_empty(deadline));
    jw_kstr(r->out, "deadline_text", words);
    jw_kstr(r->out, "grace_until", null_if_empty(grace));
    jw_kstr(r->out, "due", due);
    jw_kstr(r->out, "light", light_word(l));
    /* days are counted only while the clock runs: not of what is over, followed up, or has no date one could meet (F003, F024) */
    bool known = l != LIGHT_NONE && due && task_days(d, due, &left, &over) == ERR_OK;
    jw_key(r->out, "days_left");
    if (known)
        jw_int(r->out, left);
    else
        jw_null(r->out);
    jw_key(r->out, "days_over");
    if (known)
        jw_int(r->out, over);
    else
        jw_null(r->out);
}

static void write_progress(struct jw *w, int64_t progress) {
    jw_key(w, "progress");
    if (progress >= 0)
        jw_int(w, progress);
    else
        jw_null(w);
}

static void write_head(struct req *r, const struct light_day *d, const struct task_head *h) {
    jw_obj(r->out);
    jw_kstr(r->out, "id", h->id);
    jw_kstr(r->out, "title", h->title);
    jw_kstr(r->out, "state", h->state);
    jw_kstr(r->out, "state_text", task_state_zh(h->state));
    jw_kint(r->out, "version", h->version);
    jw_kstr(r->out, "plan", null_if_empty(h->plan));
    jw_kint(r->out, "part", h->part);
    jw_kint(r->out, "ord", h->ord);
    jw_kstr(r->out, "section", h->section);
    jw_kstr(r->out, "urgency", h->urgency);
    jw_kstr(r->out, "source_kind", h->source_kind);
    jw_kstr(r->out, "source_no", h->source_no);
    jw_kstr(r->out, "lead_unit", null_if_empty(h->lead_unit));
    jw_kstr(r->out, "lead_name", null_if_empty(h->lead_name));
    jw_kstr(r->out, "supervising_unit", null_if_empty(h->supervising_unit));
    write_due(r, d, h->deadline, h->grace_until, h->deadline_text, light_of(d, h));
    jw_kbool(r->out, "long_term", h->long_term);
    jw_kbool(r->out, "continues_after", h->continues_after);
    jw_kbool(r->out, "late_at_creation", h->late_at_creation);
    jw_kint(r->out, "return_count", h->return_count);
    jw_kint(r->out, "units", h->units_n);
    jw_kint(r->out, "signed", h->signed_n);
    jw_kint(r->out, "reported", h->reported_n);
    write_progress(r->out, h->progress);
    jw_kstr(r->out, "my_role", *h->mine == '\0' ? NULL : h->mine_lead ? "lead" : "assist");
    jw_kstr(r->out, "my_state", null_if_empty(h->mine));
    jw_ktime(r->out, "created_at", h->created_biz);
    jw_ktime(r->out, "dispatched_at", h->dispatched_biz);
    jw_ktime(r->out, "closed_at", h->closed_biz);
    jw_obj_end(r->out);
}

static enum task_sort sort_of(const char *word) {
    if (word && strcmp(word, "deadline") == 0) return TASK_BY_DEADLINE;
    return word && strcmp(word, "created") == 0 ? TASK_BY_CREATED : TASK_BY_PLAN;
}

static enum err list(struct req *r, const void *args) {
    const struct list_args *p     = args;
    int                     limit = p->limit ? (int)p->limit : LIMIT;
    struct access_view      view;
    struct cursor           c;
    struct task_head       *v;
    size_t                  n;
    struct sieve            s = {
                   .states = or_empty(p->state), .q = or_empty(p->q), .docno = docno(r, or_empty(p->q)), .light = or_empty(p->light)};
    struct task_filter f = {.viewer    = r->who.unit,
                            .unit      = or_empty(p->unit),
                            .plan      = or_empty(p->plan),
                            .part      = p->part,
                            .due_from  = or_empty(p->due_from),
                            .source_no = docno(r, or_empty(p->source_no)),
                            .due_to    = or_empty(p->due_to),
                            .sort      = sort_of(p->sort),
                            .keep      = keep,
                            .arg       = &s,
                            .limit     = limit + 1};
    TRY(access_view(r, &view));
    TRY(check_states(r, s.states));
    TRY(check_unit(r, &view, f.unit));
    if (p->role && *f.unit == '\0') f.unit = r->who.unit;
    if (p->role && *f.unit == '\0') return req_bad(r, "unit", "请先选择单位，再按牵头或配合筛选");
    f.all            = view.all;
    f.side           = view.side;
    f.lead           = p->role == NULL ? "" : strcmp(p->role, "lead") == 0 ? "1" : "0";
    const char *name = arena_printf(r->a, "%s|%s|%s|%s|%d|%s|%s|%s|%s|%s|%d", s.states, f.unit, f.lead, f.plan, (int)f.part,
                                    f.source_no, s.light, s.q, f.due_from, f.due_to, (int)f.sort);
    TRY(req_cursor_parse(r, p->cursor, name, &c));
    resume(r, &c, &f);
    light_day_init(&s.day, r->house->cal, r->biz_ms, r->house->yellow_days);
    TRY(task_list(r->db, r->a, &f, &v, &n));
    bool more = n > (size_t)limit;
    if (more) n--;
    jw_key(r->out, "items");
    jw_arr(r->out);
    for (size_t i = 0; i < n; i++) write_head(r, &s.day, &v[i]);
    jw_arr_end(r->out);
    if (more)
        req_cursor_write(r, name, cursor_of(r, f.sort, &v[n - 1]));
    else
        jw_kstr(r->out, "next", NULL);
    return ERR_OK;
}

/* ---- task.get ---- */

struct id_args {
    const char *task_id;
};

static enum err write_unit_name(struct req *r, const char *key, const char *code) {
    struct unit u;
    jw_key(r->out, key);
    if (code == NULL) {
        jw_null(r->out);
        return ERR_OK;
    }
    enum err e = unit_get(r->db, r->a, code, &u);
    if (e && e != ERR_NOTFOUND) return e;
    jw_obj(r->out);
    jw_kstr(r->out, "unit", code);
    jw_kstr(r->out, "name", e ? code : u.short_name);
    jw_obj_end(r->out);
    return ERR_OK;
}

static void write_named(struct req *r, const char *key, const struct task_named *v, size_t n) {
    jw_key(r->out, key);
    jw_arr(r->out);
    for (size_t i = 0; i < n; i++) {
        jw_obj(r->out);
        jw_kstr(r->out, "unit", v[i].unit);
        jw_kstr(r->out, "name", v[i].name);
        jw_kbool(r->out, "is_group", v[i].is_group);
        if (v[i].is_group) jw_kbool(r->out, "members_complete", v[i].members_complete);
        jw_obj_end(r->out);
    }
    jw_arr_end(r->out);
}

static enum err write_units(struct req *r, const struct task *t, const struct access_view *view) {
    struct task_unit *v;
    size_t            n, hidden = 0;
    TRY(task_unit_list(r->db, r->a, t->id, &v, &n));
    jw_key(r->out, "units");
    jw_arr(r->out);
    for (size_t i = 0; i < n; i++) {
        if (!access_shows(view, v[i].level, v[i].region)) {
            hidden++;
            continue;
        }
        bool waits = strcmp(v[i].state, "waiting") == 0;
        jw_obj(r->out);
        jw_kstr(r->out, "unit", v[i].unit);
        jw_kstr(r->out, "name", v[i].name);
        jw_kstr(r->out, "role", v[i].is_lead ? "lead" : "assist");
        jw_kstr(r->out, "from_group", v[i].from_group);
        jw_kstr(r->out, "state", v[i].state);
        jw_ktime(r->out, "sign_due", v[i].sign_due_biz);
        jw_kbool(r->out, "sign_late", v[i].sign_due_biz && (waits ? r->biz_ms : v[i].signed_biz) >= v[i].sign_due_biz);
        jw_ktime(r->out, "signed_at", v[i].signed_biz);
        jw_kstr(r->out, "signed_by", v[i].signed_by);
        jw_ktime(r->out, "reported_at", v[i].reported_biz);
        write_progress(r->out, v[i].progress);
        jw_kstr(r->out, "refused_reason", null_if_empty(v[i].refused_reason));
        jw_obj_end(r->out);
    }
    jw_arr_end(r->out);
    jw_kint(r->out, "units_hidden", (int64_t)hidden);
    return ERR_OK;
}

static enum err write_reports(struct req *r, const struct task *t, const struct access_view *view) {
    struct task_report *v;
    size_t              n;
    TRY(task_report_list(r->db, r->a, t->id, REPORTS_MAX, &v, &n));
    jw_key(r->out, "reports");
    jw_arr(r->out);
    for (size_t i = 0; i < n; i++) {
        if (!access_shows(view, v[i].level, v[i].region)) continue;
        jw_obj(r->out);
        jw_kstr(r->out, "unit", v[i].unit);
        jw_kstr(r->out, "name", v[i].unit_name);
        jw_kint(r->out, "seq", v[i].seq);
        jw_kstr(r->out, "kind", v[i].kind);
        jw_kstr(r->out, "by", v[i].person_name);
        jw_kstr(r->out, "text", v[i].text);
        write_progress(r->out, v[i].progress);
        jw_kraw(r->out, "evidence", v[i].evidence);
        jw_kraw(r->out, "quantities", v[i].quantities);
        jw_ktime(r->out, "at", v[i].at_biz);
        jw_obj_end(r->out);
    }
    jw_arr_end(r->out);
    return ERR_OK;
}

static enum err write_ratings(struct req *r, const struct task *t, const struct access_view *view) {
    struct task_rating *v;
    size_t              n;
    TRY(task_rating_list(r->db, r->a, t->id, &v, &n));
    jw_key(r->out, "ratings");
    jw_arr(r->out);
    for (size_t i = 0; i < n; i++) {
        if (!access_shows(view, v[i].level, v[i].region)) continue;
        jw_obj(r->out);
        jw_kstr(r->out, "unit", v[i].unit);
        jw_kstr(r->out, "name", v[i].unit_name);
        jw_kstr(r->out, "by", v[i].person_name);
        jw_kint(r->out, "quality", v[i].quality);
        jw_kint(r->out, "efficiency", v[i].efficiency);
        jw_kstr(r->out, "reason", v[i].reason);
        jw_kint(r->out, "times", v[i].times);
        jw_ktime(r->out, "at", v[i].at_biz);
        jw_obj_end(r->out);
    }
    jw_arr_end(r->out);
    return ERR_OK;
}

static void write_source(struct req *r, const struct task *t) {
    jw_key(r->out, "source");
    jw_obj(r->out);
    jw_kstr(r->out, "kind", t->source_kind);
    jw_kstr(r->out, "number", t->source_no);
    jw_kstr(r->out, "date", t->source_date);
    jw_obj_end(r->out);
}

static void write_task(struct req *r, const struct task *t) {
    struct light_day d;
    struct light_of  l = {t->state, t->deadline, t->grace_until, t->late_at_creation};
    light_day_init(&d, r->house->cal, r->biz_ms, r->house->yellow_days);
    jw_kstr(r->out, "id", t->id);
    jw_kstr(r->out, "title", t->title);
    jw_kstr(r->out, "requirement", t->requirement);
    jw_kstr(r->out, "state", t->state);
    jw_kstr(r->out, "state_text", task_state_zh(t->state));
    jw_kint(r->out, "version", t->version);
    jw_kstr(r->out, "plan", t->plan);
    jw_kstr(r->out, "plan_title", t->plan_title);
    jw_kint(r->out, "part", t->part);
    jw_kint(r->out, "ord", t->ord);
    jw_kstr(r->out, "section", t->section);
    jw_kstr(r->out, "kind", t->kind);
    jw_kstr(r->out, "urgency", t->urgency);
    write_source(r, t);
    jw_kstr(r->out, "issued_on", t->issued_on);
    write_due(r, &d, t->deadline, t->grace_until, t->deadline_text, task_light(&d, &l));
    jw_kstr(r->out, "deadline_rule", t->deadline_rule);
    jw_kbool(r->out, "long_term", t->long_term);
    jw_kbool(r->out, "continues_after", t->continues_after);
    jw_kbool(r->out, "late_at_creation", t->late_at_creation);
    jw_kstr(r->out, "past_reason", t->past_reason);
    jw_kraw(r->out, "steps", t->steps);
    jw_kraw(r->out, "quantities", t->quantities);
    jw_kraw(r->out, "seed_refs", t->seed_refs);
    jw_kint(r->out, "return_count", t->return_count);
    jw_kstr(r->out, "quality", null_if_empty(t->quality));
    jw_ktime(r->out, "created_at", t->created_biz);
    jw_ktime(r->out, "dispatched_at", t->dispatched_biz);
    jw_ktime(r->out, "done_at", t->done_biz);
    jw_ktime(r->out, "closed_at", t->closed_biz);
}

static enum err get(struct req *r, const void *args) {
    const struct id_args *p = args;
    struct task           t;
    struct access_view    view;
    struct task_named    *v;
    size_t                n;
    TRY(access_task(r, p->task_id, &t));
    TRY(access_view(r, &view));
    write_task(r, &t);
    TRY(write_unit_name(r, "lead_unit", t.lead_unit));
    TRY(write_unit_name(r, "supervising_unit", t.supervising_unit));
    TRY(write_unit_name(r, "issuer", t.issuer));
    TRY(task_monitor_list(r->db, r->a, t.id, &v, &n));
    write_named(r, "monitoring_units", v, n);
    TRY(task_listed_list(r->db, r->a, t.id, &v, &n));
    write_named(r, "listed_units", v, n);
    TRY(write_units(r, &t, &view));
    TRY(write_reports(r, &t, &view));
    TRY(write_ratings(r, &t, &view));
    TRY(task_write_instructions(r, t.id));
    return task_write_actions(r, &t);
}

/* ---- task.history ---- */

struct history_args {
    const char *task_id, *cursor;
    int64_t     limit;
};

static enum err history(struct req *r, const void *args) {
    const struct history_args *p     = args;
    int                        limit = p->limit ? (int)p->limit : LIMIT;
    struct task                t;
    struct access_view         view;
    struct task_history       *v;
    struct cursor              c;
    size_t                     n;
    bool                       more;
    TRY(access_task(r, p->task_id, &t));
    TRY(access_view(r, &view));
    TRY(req_cursor_parse(r, p->cursor, t.id, &c));
    TRY(task_history(r->db, r->a, t.id, c.i, limit, &v, &n, &more));
    jw_key(r->out, "items");
    jw_arr(r->out);
    for (size_t i = 0; i < n; i++) {
        const struct task_event *e = &v[i].e;
        if (!access_shows(&view, v[i].unit_level, v[i].unit_region)) continue;
        jw_obj(r->out);
        jw_kint(r->out, "seq", e->seq);
        jw_kstr(r->out, "event", e->event);
        jw_kstr(r->out, "from", null_if_empty(e->from_state));
        jw_kstr(r->out, "to", e->to_state);
        jw_kstr(r->out, "to_text", task_state_zh(e->to_state));
        jw_kstr(r->out, "actor", e->actor);
        jw_kstr(r->out, "actor_name", v[i].actor_name);
        jw_kstr(r->out, "unit", e->unit);
        jw_kstr(r->out, "unit_name", v[i].unit_name);
        jw_kstr(r->out, "reason", e->reason);
        /* the dispatching side's events list every unit, also those of other counties */
        jw_kraw(r->out, "data", *view.county && strcmp(e->unit, r->who.unit) != 0 ? "{}" : e->data);
        jw_ktime(r->out, "at", e->at_biz);
        jw_obj_end(r->out);
    }
    jw_arr_end(r->out);
    if (more)
        req_cursor_write(r, t.id, (struct cursor){.i = v[n - 1].e.seq});
    else
        jw_kstr(r->out, "next", NULL);
    return ERR_OK;
}

#define READERS (ROLE_STAFF | ROLE_AUDITOR)
#define A struct act_args
static const struct param list_params[] = {
    P_STR(struct list_args, state, 1, 200, false),
    P_IDOPT(struct list_args, unit, "unit"),
    P_ENUM(struct list_args, role, "lead|assist", false),
    P_IDOPT(struct list_args, plan, "plan"),
    P_I64(struct list_args, part, 0, 1000, false),
    P_STR(struct list_args, source_no, 1, 60, false),
    P_ENUM(struct list_args, light, "red|yellow|green|none", false),
    P_STR(struct list_args, q, 1, 60, false),
    P_DATE(struct list_args, due_from, false),
    P_DATE(struct list_args, due_to, false),
    P_ENUM(struct list_args, sort, "plan|deadline|created", false),
    P_STR(struct list_args, cursor, 0, 400, false),
    P_I64(struct list_args, limit, 0, 200, false),
};
static const struct param id_params[]      = {P_ID(struct id_args, task_id, "task")};
static const struct param history_params[] = {
    P_ID(struct history_args, task_id, "task"),
    P_STR(struct history_args, cursor, 0, 400, false),
    P_I64(struct history_args, limit, 0, HISTORY_MAX, false),
};
#define DRAFT_FIELDS                                                                                                             \
    P_TEXT(A, requirement, 0, 4000, false), P_STR(A, kind, 0, 40, false), P_ENUM(A, urgency, "normal|urgent", false),            \
        P_STR(A, source_kind, 0, 60, false), P_STR(A, source_no, 0, 60, false), P_DATE(A, source_date, false),                   \
        P_IDOPT(A, lead_unit, "unit"), P_IDOPT(A, supervising_unit, "unit"), P_DATE(A, deadline, false),                         \
        P_STR(A, deadline_text, 0, 100, false), P_ENUM(A, after_deadline, "close|long_term", false),                             \
        P_TEXT(A, past_reason, 0, 500, false), P_STRS(A, units, 100, false), P_STRS(A, monitoring_units, 20, false),             \
        P_STRS(A, steps, 30, false), P_JSON(A, quantities, 20, false), P_BOOL(A, long_term)

static const struct param create_params[] = {
    P_STR(A, title, 1, 200, true),
    P_IDOPT(A, plan, "plan"),
    P_I64(A, part, 0, 1000, false),
    P_I64(A, ord, 0, 1000000, false),
    P_STR(A, section, 0, 60, false),
    P_DATE(A, issued_on, false),
    DRAFT_FIELDS,
};
static const struct param update_params[] = {
    P_ID(A, task_id, "task"),          P_I64(A, version, 0, 9007199254740991LL, true),
    P_STR(A, title, 1, 200, false),    P_JSON(A, replace, 20, false),
    P_TEXT(A, reason, 0, 1000, false), DRAFT_FIELDS,
};

static const struct method rows[] = {
    {.name  = "task.list",
     .verb  = V_GET,
     .path  = "/v1/tasks",
     .doc   = "任务列表：按状态（可用逗号列出几个）、单位和牵头或配合、方案、文号（任意括号）、灯色、期限筛选；按方案顺序、期限或新"
              "旧排列。",
     .roles = READERS,
     .cost  = 1,
     PARAMS(list_params),
     .args_size = sizeof(struct list_args),
     .fn        = list,
     .reply_doc = "items，next"},
    {.name  = "task.get",
     .verb  = V_GET,
     .path  = "/v1/tasks/{task_id}",
     .doc   = "一项任务：责任单位及各自状态、报送、期限与灯色、当前可做的操作（actions）及还缺的条件（missing）。",
     .roles = READERS,
     .cost  = 1,
     PARAMS(id_params),
     .args_size = sizeof(struct id_args),
     .fn        = get,
     .reply_doc = "任务、units、reports、ratings 各监督单位的评价、actions"},
    {.name  = "task.create",
     .verb  = V_POST,
     .path  = "/v1/tasks",
     .doc   = "立项：建立拟办任务。期限已过的须说明理由 past_reason。",
     .roles = ROLE_DISPATCHER,
     .flags = M_WRITE | M_CREATED,
     .cost  = 2,
     PARAMS(create_params),
     .args_size = sizeof(A),
     .fn        = task_create,
     .reply_doc = "id，state，version"},
    {.name  = "task.update",
     .verb  = V_PUT,
     .path  = "/v1/tasks/{task_id}",
     .doc   = "修改拟办任务；已交办的只能为交办时已过期的任务补定时限，或用 replace {退回的单位: 接替的单位} "
              "更换退回交办的单位。未写的字段不变。",
     .roles = ROLE_DISPATCHER,
     .flags = M_WRITE,
     .cost  = 2,
     PARAMS(update_params),
     .args_size = sizeof(A),
     .fn        = task_update,
     .reply_doc = "state，version"},
    {.name  = "task.history",
     .verb  = V_GET,
     .path  = "/v1/tasks/{task_id}/history",
     .doc   = "一项任务的办理过程，全程留痕。",
     .roles = READERS,
     .cost  = 1,
     PARAMS(history_params),
     .args_size = sizeof(struct history_args),
     .fn        = history,
     .reply_doc = "items，next"},
};
METHOD_LIST(task_methods, rows);
