/* SPDX-License-Identifier: Apache-2.0
 *
 * Conditions: when a row of the table applies, and what must hold before an act. Each guard says all that is missing at once, so
 * that a person can mend it in one go.
 */
#include <stdarg.h>
#include <string.h>

#include "base/check.h"
#include "base/err.h"
#include "handlers/people.h"
#include "handlers/task_int.h"
#include "store/unit.h"

#define MISSING_MAX 100
#define SHOWN_MAX 5

/* ---- when ---- */

static bool state_is(const struct task_unit *u, const char *state) { return strcmp(u->state, state) == 0; }
static bool is_open(const struct task_unit *u) { return state_is(u, "waiting") || state_is(u, "refused"); }

bool when_ALWAYS(const struct act *a) {
    (void)a;
    return true;
}

bool when_LAST_TO_SIGN(const struct act *a) {
    for (size_t i = 0; i < a->units_n; i++)
        if (&a->units[i] != a->mine && is_open(&a->units[i])) return false;
    return true;
}

bool when_NOBODY_SIGNED(const struct act *a) {
    for (size_t i = 0; i < a->units_n; i++)
        if (!is_open(&a->units[i])) return false;
    return true;
}

bool when_PLACE_OPEN(const struct act *a) {
    for (size_t i = 0; i < a->units_n; i++)
        if (state_is(&a->units[i], "refused")) return true;
    return false;
}

/* Every open place is given up, and all others have signed: signing is complete. */
bool when_PLACES_DROPPED(const struct act *a) {
    size_t left = 0;
    if (a->p == NULL || a->p->replace == NULL) return false;
    for (size_t i = 0; i < a->units_n; i++) {
        const cJSON *to = cJSON_GetObjectItemCaseSensitive(a->p->replace, a->units[i].unit);
        if (state_is(&a->units[i], "waiting")) return false;
        if (state_is(&a->units[i], "refused") && !(cJSON_IsString(to) && *to->valuestring == '\0')) return false;
        left += !is_open(&a->units[i]);
    }
    return left > 0;
}

bool when_DATE_PAST(const struct act *a) { return a->t.late_at_creation; }
bool when_NO_DATE(const struct act *a) { return a->t.long_term || a->t.deadline == NULL; }
bool when_CONTINUES(const struct act *a) { return a->t.continues_after; }
bool when_ACCEPTED(const struct act *a) { return *a->t.quality != '\0'; } /* only acceptance gives it */

/* ---- guards ---- */

void task_miss(struct act *a, const char *fmt, ...) {
    va_list ap;
    if (a->missing == NULL) a->missing = arena_alloc(a->r->a, MISSING_MAX * sizeof *a->missing);
    if (a->missing_n == MISSING_MAX) return;
    va_start(ap, fmt);
    a->missing[a->missing_n++] = arena_vprintf(a->r->a, fmt, ap);
    va_end(ap);
}

bool task_blank(const char *s) { return s == NULL || s[strspn(s, " \t\n")] == '\0'; }

bool task_numbers(const cJSON *quantities) {
    for (const cJSON *v = quantities ? quantities->child : NULL; v; v = v->next)
        if (!cJSON_IsNumber(v) || v->valuedouble < 0) return false;
    return true;
}

static enum err guard_SUPERVISOR(struct act *a) {
    if (a->t.supervising_unit == NULL) task_miss(a, "尚未指定督办单位");
    return ERR_OK;
}

static enum err guard_REQUIREMENT(struct act *a) {
    if (task_blank(a->t.requirement)) task_miss(a, "工作要求为空");
    return ERR_OK;
}

static enum err guard_DATE(struct act *a) {
    if (a->t.deadline == NULL && !a->t.long_term) task_miss(a, "没有完成时限，也不是长期任务");
    return ERR_OK;
}

static enum err guard_LISTED(struct act *a) { return task_check_listed(a); }

static enum err guard_EXPAND(struct act *a) { return a->p ? task_expand(a) : ERR_OK; }

/* Between drafting and approval a unit may have ceased to exist, or been named to monitor. */
static enum err guard_VALID(struct act *a) {
    struct task_named *m;
    size_t             n;
    TRY(task_monitor_list(a->r->db, a->r->a, a->t.id, &m, &n));
    for (size_t i = 0; i < a->units_n; i++) TRY(task_check_unit(a, a->units[i].unit, m, n));
    return ERR_OK;
}

static enum err guard_WAITING(struct act *a) {
    if (a->mine == NULL || state_is(a->mine, "waiting")) return ERR_OK;
    task_miss(a, state_is(a->mine, "refused") ? "您的单位已退回交办" : "您的单位已签收");
    return ERR_OK;
}

static enum err guard_ASSIST(struct act *a) {
    for (size_t i = 0; i < a->units_n; i++)
        if (!a->units[i].is_lead && a->units[i].reported_biz == 0) task_miss(a, "%s尚未报送", a->units[i].name);
    return ERR_OK;
}

static enum err guard_REPORTED(struct act *a) {
    for (size_t i = 0; i < a->units_n; i++)
        if (a->units[i].reported_biz) return ERR_OK;
    task_miss(a, "还没有报送过进展");
    return ERR_OK;
}

static enum err guard_TEXT(struct act *a) {
    if (task_blank(a->p->text)) task_miss(a, "办理情况：请填写");
    return ERR_OK;
}

/* A return itself is reason enough. */
static enum err guard_PROGRESS(struct act *a) {
    if (strcmp(a->t.state, "returned") == 0) return ERR_OK;
    if (a->p->progress < 0 || a->mine->progress <= a->p->progress || !task_blank(a->p->reason)) return ERR_OK;
    task_miss(a, "进度：低于上次报送的 %d%%，请说明原因", (int)a->mine->progress);
    return ERR_OK;
}

static enum err guard_EVIDENCE(struct act *a) {
    size_t n = 0;
    for (size_t i = 0; i < a->p->evidence.n; i++) n += !task_blank(a->p->evidence.v[i]);
    if (n == 0 || n < a->p->evidence.n) task_miss(a, "佐证材料：请至少提供一份，并逐份写明");
    return ERR_OK;
}

static enum err guard_NUMBERS(struct act *a) {
    if (!task_numbers(a->p->quantities)) task_miss(a, "完成数量：每一项都应是不小于 0 的数");
    return ERR_OK;
}

/* quantities of the task: name -> number to reach. Others than numbers are remarks. */
static enum err each_target(struct act *a, bool reached) {
    cJSON      *v   = NULL;
    const char *why = NULL;
    if (json_parse(a->t.quantities, strlen(a->t.quantities), &v, &why) != ERR_OK) return ERR_OK;
    for (const cJSON *t = v ? v->child : NULL; t; t = t->next) {
        const cJSON *got = a->p ? cJSON_GetObjectItemCaseSensitive(a->p->quantities, t->string) : NULL;
        if (!cJSON_IsNumber(t)) continue;
        if (!reached && !cJSON_IsNumber(got)) task_miss(a, "完成数量：请填写 %s（目标 %.0f）", t->string, t->valuedouble);
        if (reached && got && cJSON_IsNumber(got) && got->valuedouble < t->valuedouble)
            task_miss(a, "%s：应 %.0f，实 %.0f", t->string, t->valuedouble, got->valuedouble);
    }
    cJSON_Delete(v);
    return ERR_OK;
}

static enum err guard_TARGETS(struct act *a) { return each_target(a, false); }
static enum err guard_REACHED(struct act *a) { return each_target(a, true); }

static enum err guard_OPINION(struct act *a) {
    if (task_blank(a->p->opinion)) task_miss(a, "意见：请填写");
    return ERR_OK;
}

static enum err guard_QUALITY(struct act *a) {
    if (a->p->quality == 0) task_miss(a, "质量：请评 1 到 5 分");
    return ERR_OK;
}

static enum err guard_REASON(struct act *a) {
    if (task_blank(a->p->reason)) task_miss(a, "理由：请填写");
    return ERR_OK;
}

static const struct {
    enum err (*fn)(struct act *a);
    enum err    e;
    const char *field;
} guards[] = {
#define GUARD(symbol, err, field) {guard_##symbol, ERR_##err, field},
#include "handlers/task_states.def"
};

static enum err refuse(struct act *a, enum err e, const char *field) {
    const char *all = a->missing[0];
    for (size_t i = 1; i < a->missing_n && i < SHOWN_MAX; i++) all = arena_printf(a->r->a, "%s；%s", all, a->missing[i]);
    if (a->missing_n > SHOWN_MAX) all = arena_printf(a->r->a, "%s；等 %d 项", all, (int)a->missing_n);
    a->r->field = field;
    return req_fail(a->r, e, "%s。", all);
}

enum err task_guard(struct act *a, unsigned mask) {
    a->missing_n = 0;
    for (size_t i = 0; i < ARRAY_N(guards); i++) {
        if (!(mask & 1U << i)) continue;
        TRY(guards[i].fn(a));
        if (a->missing_n) return refuse(a, guards[i].e, guards[i].field);
    }
    return ERR_OK;
}

enum err task_guard_missing(struct act *a, unsigned mask) {
    for (size_t i = 0; i < ARRAY_N(guards); i++)
        if ((mask & 1U << i) && guards[i].e == ERR_STATE) TRY(guards[i].fn(a));
    return ERR_OK;
}
