/* SPDX-License-Identifier: Apache-2.0
 *
 * The message to the next actor that every transition owes (F128), and the times it names.
 */
#include <string.h>

#include "base/buf.h"
#include "base/check.h"
#include "handlers/method.h"
#include "handlers/people.h"
#include "handlers/task_int.h"

#define JSON_MAX 65536

static struct notice_msg message(struct act *a, const char *kind, const char *extra, const char *dedupe) {
    return (struct notice_msg){.kind    = kind,
                               .object  = arena_printf(a->r->a, "task:%s", a->t.id),
                               .title   = a->t.title,
                               .extra   = extra,
                               .dedupe  = dedupe,
                               .wall_ms = a->r->wall_ms,
                               .biz_ms  = a->r->biz_ms};
}

enum err task_tell_unit(struct act *a, const char *unit, unsigned roles, const char *kind, const char *extra,
                        const char *dedupe) {
    struct notice_rules rules = people_notice_rules(a->r->house);
    struct notice_msg   msg   = message(a, kind, extra, dedupe);
    size_t              n;
    if (unit == NULL || *unit == '\0') return ERR_OK;
    return notice_unit(a->r->db, a->r->a, &rules, unit, roles, &msg, &n);
}

enum err task_tell_units(struct act *a, const char *kind, bool lead_only, const char *extra, const char *dedupe) {
    for (size_t i = 0; i < a->units_n; i++)
        if (a->units[i].is_lead || !lead_only) TRY(task_tell_unit(a, a->units[i].unit, ROLE_RESPONSIBLE, kind, extra, dedupe));
    return ERR_OK;
}

static bool is_responsible(const struct act *a, const char *unit) {
    for (size_t i = 0; i < a->units_n; i++)
        if (strcmp(a->units[i].unit, unit) == 0) return true;
    return false;
}

/* The supervising unit, and the unit that issued the plan unless it is responsible itself. */
enum err task_tell_side(struct act *a, unsigned roles, const char *kind, const char *extra, const char *dedupe) {
    const char *issuer = a->t.issuer;
    TRY(task_tell_unit(a, a->t.supervising_unit, roles, kind, extra, dedupe));
    if (issuer == NULL || is_responsible(a, issuer)) return ERR_OK;
    if (a->t.supervising_unit && strcmp(issuer, a->t.supervising_unit) == 0) return ERR_OK;
    return task_tell_unit(a, issuer, roles, kind, extra, dedupe);
}

enum err task_tell_person(struct act *a, const char *person, const char *kind, const char *dedupe) {
    struct notice_rules rules = people_notice_rules(a->r->house);
    struct notice_msg   msg   = message(a, kind, NULL, dedupe);
    size_t              n;
    if (*person == '\0') return ERR_OK;
    return notice_person(a->r->db, a->r->a, &rules, person, &msg, &n);
}

/* ---- times ---- */

enum err task_workday(struct req *r, int64_t biz_ms, int n, int32_t *day) {
    int32_t  from = date_of_ms(biz_ms);
    int      y, m, d;
    enum err e = calendar_add(r->house->cal, from, n, day);
    if (e != ERR_CALENDAR) return e;
    date_split(from, &y, &m, &d);
    return req_fail(r, ERR_CALENDAR, "%d 年的节假日安排尚未导入，暂时无法计算时限。请联系管理员导入后重试。",
                    m == 12 ? y + 1 : y);
}

/* 24:00 of the next working day; urgent: clock hours (D44). */
enum err task_sign_due(struct act *a, int64_t *due_biz) {
    int32_t day;
    if (strcmp(a->t.urgency, "urgent") == 0) {
        *due_biz = a->r->biz_ms + (int64_t)a->r->house->sign_urgent_hours * 3600000;
        return ERR_OK;
    }
    TRY(task_workday(a->r, a->r->biz_ms, 1, &day));
    *due_biz = date_start_ms(day + 1);
    return ERR_OK;
}

const char *task_assign_words(struct act *a, int64_t due_biz) {
    struct arena *m    = a->r->a;
    const char   *sign = strcmp(a->t.urgency, "urgent") == 0 ? moment_text(m, due_biz) : day_words(m, day_text(m, due_biz - 1));
    if (a->t.deadline == NULL || a->t.late_at_creation) return arena_printf(m, "请于%s前签收。", sign);
    return arena_printf(m, "请于%s前签收，%s前办结。", sign, day_words(m, a->t.deadline));
}

/* ---- JSON texts ---- */

const char *task_json_strs(struct arena *a, const char *const *v, size_t n) {
    struct buf b;
    struct jw  w;
    buf_init(&b, JSON_MAX);
    jw_init(&w, &b);
    jw_arr(&w);
    for (size_t i = 0; i < n; i++) jw_str(&w, v[i]);
    jw_arr_end(&w);
    MUST(!b.failed);
    const char *s = arena_strdup(a, buf_str(&b));
    buf_fini(&b);
    return s;
}

const char *task_json(struct arena *a, const cJSON *v, const char *otherwise) {
    char *s = v ? cJSON_PrintUnformatted(v) : NULL;
    if (s == NULL) return otherwise;
    const char *out = arena_strdup(a, s);
    cJSON_free(s);
    return out;
}
