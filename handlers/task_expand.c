/* SPDX-License-Identifier: Apache-2.0
 *
 * From the units as printed to the units that act (F022, D23): groups are expanded by the dispatcher, never silently. Every fault
 * is named; nothing is written here.
 */
#include <string.h>

#include "handlers/people.h"
#include "handlers/task_int.h"
#include "store/unit.h"

#define PLACES_MAX 200

static bool named_in(const struct task_named *v, size_t n, const char *code) {
    for (size_t i = 0; i < n; i++)
        if (strcmp(v[i].unit, code) == 0) return true;
    return false;
}

/* No unit is two of dispatching, responsible and monitoring in one task (domain.md 2.1, F095, F127). */
enum err task_check_unit(struct act *a, const char *code, const struct task_named *monitors, size_t n) {
    struct unit u;
    struct req *r = a->r;
    enum err    e = unit_get(r->db, r->a, code, &u);
    if (e == ERR_NOTFOUND) {
        task_miss(a, "责任单位：没有编号为 %s 的单位", code);
        return ERR_OK;
    }
    TRY(e);
    if (u.is_group) task_miss(a, "责任单位：“%s”不是具体单位", u.short_name);
    if (!unit_valid_on(&u, day_text(r->a, r->biz_ms)))
        task_miss(a, "责任单位：“%s”目前不是有效单位%s%s", u.short_name, u.replaced_by ? "，已由其他单位接替：" : "",
                  u.replaced_by ? u.replaced_by : "");
    if (a->t.supervising_unit && strcmp(code, a->t.supervising_unit) == 0)
        task_miss(a, "“%s”是督办单位，不能同时是责任单位", u.short_name);
    else if (strcmp(code, r->who.unit) == 0)
        task_miss(a, "“%s”交办这项任务，不能同时是责任单位", u.short_name);
    if (named_in(monitors, n, code)) task_miss(a, "“%s”是监督单位，不能同时是责任单位", u.short_name);
    return ERR_OK;
}

enum err task_check_listed(struct act *a) {
    struct req        *r = a->r;
    struct task_named *listed, *m;
    size_t             n, m_n;
    struct unit        s;
    TRY(task_listed_list(r->db, r->a, a->t.id, &listed, &n));
    TRY(task_monitor_list(r->db, r->a, a->t.id, &m, &m_n));
    if (n == 0) task_miss(a, "没有责任单位");
    for (size_t i = 0; i < n; i++) {
        if (named_in(listed, i, listed[i].unit)) task_miss(a, "责任单位：“%s”重复", listed[i].name);
        if (!listed[i].is_group) TRY(task_check_unit(a, listed[i].unit, m, m_n));
        if (listed[i].is_group && a->t.lead_unit && strcmp(a->t.lead_unit, listed[i].unit) == 0)
            task_miss(a, "牵头单位：“%s”不是具体单位，请指定一个单位牵头", listed[i].name);
    }
    if (a->t.supervising_unit == NULL) return ERR_OK;
    if (named_in(m, m_n, a->t.supervising_unit)) task_miss(a, "督办单位不能同时是监督单位");
    TRY(unit_get(r->db, r->a, a->t.supervising_unit, &s));
    if (s.is_group || !unit_valid_on(&s, day_text(r->a, r->biz_ms)))
        task_miss(a, "督办单位：“%s”不是有效的具体单位", s.short_name);
    return ERR_OK;
}

static bool is_placed(const struct act *a, const char *code) {
    for (size_t i = 0; i < a->placed_n; i++)
        if (strcmp(a->placed[i].unit, code) == 0) return true;
    return false;
}

static void place(struct act *a, const char *code, const char *group) {
    if (is_placed(a, code)) {
        task_miss(a, "责任单位：%s 重复", code);
    } else if (a->placed_n == PLACES_MAX) {
        task_miss(a, "责任单位：最多 %d 个", PLACES_MAX);
    } else {
        a->placed[a->placed_n] = (struct task_unit){.unit = code, .from_group = group, .ord = (int64_t)a->placed_n};
        a->placed_n++;
    }
}

static bool is_member(const char *const *v, size_t n, const char *code) {
    for (size_t i = 0; i < n; i++)
        if (strcmp(v[i], code) == 0) return true;
    return false;
}

/* A group with all its members known takes only those; another (市直相关部门) takes any real unit. */
static enum err place_group(struct act *a, const struct task_named *g, const struct task_named *m, size_t m_n) {
    struct req  *r         = a->r;
    const cJSON *chosen    = cJSON_GetObjectItemCaseSensitive(a->p->expand, g->unit);
    const char **members   = NULL;
    size_t       members_n = 0;
    if (!cJSON_IsArray(chosen) || chosen->child == NULL) {
        task_miss(a, "“%s”（%s）不是具体单位，请在 expand 中列出它包含的单位", g->name, g->unit);
        return ERR_OK;
    }
    if (g->members_complete) TRY(unit_members(r->db, r->a, g->unit, &members, &members_n));
    for (const cJSON *v = chosen->child; v; v = v->next) {
        if (!cJSON_IsString(v)) {
            task_miss(a, "“%s”的单位：请填写单位编号", g->name);
            continue;
        }
        const char *code = arena_strdup(r->a, v->valuestring);
        if (g->members_complete && !is_member(members, members_n, code)) task_miss(a, "%s 不属于“%s”", code, g->name);
        TRY(task_check_unit(a, code, m, m_n));
        place(a, code, g->unit);
    }
    return ERR_OK;
}

enum err task_expand(struct act *a) {
    struct req        *r = a->r;
    struct task_named *listed, *m;
    size_t             n, m_n;
    a->placed   = arena_alloc(r->a, PLACES_MAX * sizeof *a->placed);
    a->placed_n = 0;
    TRY(task_listed_list(r->db, r->a, a->t.id, &listed, &n));
    TRY(task_monitor_list(r->db, r->a, a->t.id, &m, &m_n));
    for (const cJSON *v = a->p->expand ? a->p->expand->child : NULL; v; v = v->next) {
        const struct task_named *g = NULL;
        for (size_t i = 0; i < n; i++)
            if (listed[i].is_group && strcmp(listed[i].unit, v->string) == 0) g = &listed[i];
        if (g == NULL) task_miss(a, "这项任务没有列出群组 %s", v->string);
    }
    for (size_t i = 0; i < n; i++) {
        if (listed[i].is_group)
            TRY(place_group(a, &listed[i], m, m_n));
        else
            place(a, listed[i].unit, NULL);
    }
    size_t lead = 0;
    for (size_t i = 0; a->t.lead_unit && i < a->placed_n; i++)
        if (strcmp(a->placed[i].unit, a->t.lead_unit) == 0) lead = i;
    if (a->placed_n == 0) return ERR_OK;
    if (a->t.lead_unit && strcmp(a->placed[lead].unit, a->t.lead_unit) != 0)
        task_miss(a, "牵头单位 %s 不在责任单位之中", a->t.lead_unit);
    a->placed[lead].is_lead = true;
    return ERR_OK;
}
