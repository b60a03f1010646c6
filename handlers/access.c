/* SPDX-License-Identifier: Apache-2.0 */
#include "handlers/access.h"

#include <string.h>

#include "handlers/instruction.h"
#include "handlers/method.h"
#include "store/unit.h"

#define SIDE_ROLES (ROLE_DISPATCHER | ROLE_APPROVER)
#define UNIT_ROLES (SIDE_ROLES | ROLE_RESPONSIBLE | ROLE_MONITOR)
#define COUNTY "county"

static bool is_mine(const struct req *r, const char *unit) { return unit && r->who.unit[0] && strcmp(unit, r->who.unit) == 0; }

enum err access_view(struct req *r, struct access_view *v) {
    const char *level = "", *region = "";
    *v         = (struct access_view){.county = ""};
    enum err e = r->who.unit[0] ? unit_place(r->db, r->a, r->who.unit, &level, &region) : ERR_NOTFOUND;
    if (e && e != ERR_NOTFOUND) return e;
    if (e == ERR_OK && strcmp(level, COUNTY) == 0) v->county = *region ? region : r->who.unit;
    bool office = req_has(r, SIDE_ROLES) && strcmp(r->who.unit, INSTRUCTION_OFFICE) == 0;
    v->all      = !*v->county && (req_has(r, ROLE_LEADER | ROLE_MONITOR | ROLE_AUDITOR) || office);
    v->side     = req_has(r, SIDE_ROLES);
    return ERR_OK;
}

bool access_shows(const struct access_view *v, const char *level, const char *region) {
    return !*v->county || level == NULL || strcmp(level, COUNTY) != 0 || (region && strcmp(region, v->county) == 0);
}

static bool is_draft(const struct task *t) { return strcmp(t->state, "draft") == 0 || strcmp(t->state, "pending_approval") == 0; }

static const struct task_unit *find_mine(const struct req *r, const struct task_unit *u, size_t n) {
    for (size_t i = 0; i < n; i++)
        if (is_mine(r, u[i].unit)) return &u[i];
    return NULL;
}

enum err access_task(struct req *r, const char *task, struct task *out) {
    struct task_unit *u;
    size_t            n;
    return access_task_units(r, task, out, &u, &n);
}

enum err access_task_units(struct req *r, const char *task, struct task *out, struct task_unit **units, size_t *units_n) {
    struct access_view v;
    struct task_named *m;
    size_t             n;
    TRY(task_get(r->db, r->a, task, out));
    TRY(task_unit_list(r->db, r->a, task, units, units_n));
    TRY(access_view(r, &v));
    r->object = arena_printf(r->a, "task:%s", task);
    bool side = is_mine(r, out->supervising_unit) || is_mine(r, out->issuer);
    if (is_draft(out)) return v.side && side ? ERR_OK : ERR_NOTFOUND;
    if (v.all) return ERR_OK;
    if (!req_has(r, UNIT_ROLES)) return ERR_NOTFOUND;
    if (side) return ERR_OK;
    if (find_mine(r, *units, *units_n)) return ERR_OK;
    TRY(task_monitor_list(r->db, r->a, task, &m, &n));
    for (size_t i = 0; i < n; i++)
        if (is_mine(r, m[i].unit)) return ERR_OK;
    return ERR_NOTFOUND;
}

enum err access_responsible(struct req *r, const struct task *t, bool *yes, bool *lead) {
    struct task_unit *u;
    size_t            n;
    TRY(task_unit_list(r->db, r->a, t->id, &u, &n));
    const struct task_unit *mine = find_mine(r, u, n);
    *yes                         = mine != NULL;
    *lead                        = mine && mine->is_lead;
    return ERR_OK;
}

/* Responsible as printed or after expansion: a unit never supervises itself, whatever else it is. */
enum err access_dispatches(struct req *r, const struct task *t, bool *yes) {
    struct task_named *listed;
    size_t             n;
    bool               responsible, lead;
    *yes = false;
    if (!is_mine(r, t->supervising_unit) && !is_mine(r, t->issuer)) return ERR_OK;
    if (is_mine(r, t->lead_unit)) return ERR_OK;
    TRY(access_responsible(r, t, &responsible, &lead));
    if (responsible) return ERR_OK;
    TRY(task_listed_list(r->db, r->a, t->id, &listed, &n));
    for (size_t i = 0; i < n; i++)
        if (is_mine(r, listed[i].unit)) return ERR_OK;
    *yes = true;
    return ERR_OK;
}

enum err access_unit_channel(struct req *r, const char *rest) {
    struct unit        u;
    struct access_view v;
    TRY(unit_get(r->db, r->a, rest, &u));
    TRY(access_view(r, &v));
    return v.all || (req_has(r, UNIT_ROLES) && is_mine(r, rest)) ? ERR_OK : ERR_PERM;
}

enum err access_task_channel(struct req *r, const char *rest) {
    struct task t;
    return access_task(r, rest, &t);
}
