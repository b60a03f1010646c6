/* SPDX-License-Identifier: Apache-2.0
 *
 * The one table of methods, joined from the lists of the capability files at start. Read-only after methods_init(): any
 * thread. Routing walks the table: a few dozen rows, compared segment by segment.
 */
#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "base/text.h"
#include "handlers/lists.h"
#include "handlers/method.h"

#define METHODS_MAX 160

static const struct method_list *const lists[] = {
    &auth_methods, &board_session_methods, &device_methods, &me_methods,     &unit_methods,    &plan_methods,    &task_methods,
    &task_act_methods, &instruction_methods, &instruction_task_methods, &ranking_methods, &notice_methods, &circular_methods, &event_methods, &target_methods,
    &trace_methods, &receipt_methods, &ops_methods, &ops_provider_methods, &ops_delivery_methods, NULL,
};

const struct role_name role_names[] = {
    {ROLE_LEADER, "leader", "市领导"},
    {ROLE_DISPATCHER, "dispatcher", "督办"},
    {ROLE_APPROVER, "approver", "审核"},
    {ROLE_RESPONSIBLE, "responsible", "责任单位"},
    {ROLE_MONITOR, "monitor", "监督"},
    {ROLE_WINDOW, "window", "窗口"},
    {ROLE_INSPECTOR, "inspector", "检查人员"},
    {ROLE_CITIZEN, "citizen", "群众"},
    {ROLE_ENTERPRISE, "enterprise", "企业"},
    {ROLE_KIOSK, "kiosk", "一体机"},
    {ROLE_DISPLAY, "display", "大屏"},
    {ROLE_SYSTEM, "system", "业务系统"},
    {ROLE_ADMIN, "admin", "系统管理员"},
    {ROLE_AUDITOR, "auditor", "审计"},
    {0, NULL, NULL},
};

static const struct method *all[METHODS_MAX];
static size_t               all_n;

static void check_row(const struct method *m) {
    MUST(m->name && m->path && m->doc && m->fn && m->path[0] == '/');
    MUST((m->flags & M_PUBLIC) || m->roles != 0);
    for (const char *p = strchr(m->path, '{'); p; p = strchr(p + 1, '{')) {
        size_t n     = strcspn(p + 1, "}");
        bool   found = false;
        for (size_t i = 0; i < m->params_n; i++)
            if (strlen(m->params[i].name) == n && memcmp(m->params[i].name, p + 1, n) == 0) found = m->params[i].required;
        MUST(found); /* a path parameter without a required row */
    }
    for (size_t i = 0; i < all_n; i++) {
        MUST(strcmp(all[i]->name, m->name) != 0);
        MUST(all[i]->verb != m->verb || strcmp(all[i]->path, m->path) != 0);
    }
}

void methods_init(void) {
    if (all_n) return;
    for (size_t i = 0; lists[i]; i++) {
        for (size_t k = 0; k < lists[i]->n; k++) {
            check_row(&lists[i]->v[k]);
            MUST(all_n < METHODS_MAX);
            all[all_n++] = &lists[i]->v[k];
        }
    }
}

size_t methods_n(void) { return all_n; }

const struct method *method_at(size_t i) {
    MUST(i < all_n);
    return all[i];
}

size_t method_index(const struct method *m) {
    for (size_t i = 0; i < all_n; i++)
        if (all[i] == m) return i;
    UNREACHABLE("method not in the table");
}

const struct method *method_find(const char *name, size_t n) {
    for (size_t i = 0; i < all_n; i++)
        if (strlen(all[i]->name) == n && memcmp(all[i]->name, name, n) == 0) return all[i];
    return NULL;
}

enum match { NO, YES, BAD };

static enum match match_path(const struct method *m, const char *path, cJSON *obj) {
    const char *t = m->path, *p = path;
    for (;;) {
        size_t tn = strcspn(t, "/"), pn = strcspn(p, "/");
        if (tn && t[0] == '{') {
            if (pn == 0) return NO;
            if (obj) {
                char text[512], name[64];
                if (!url_decode(p, pn, false, text, sizeof text)) return BAD;
                MUST(tn - 2 < sizeof name);
                memcpy(name, t + 1, tn - 2);
                name[tn - 2] = '\0';
                cJSON_DeleteItemFromObjectCaseSensitive(obj, name);
                for (size_t i = 0; i < m->params_n; i++)
                    if (strcmp(m->params[i].name, name) == 0)
                        (void)cJSON_AddItemToObject(obj, name, param_from_text(&m->params[i], text));
            }
        } else if (tn != pn || memcmp(t, p, tn) != 0) {
            return NO;
        }
        t += tn;
        p += pn;
        if (*t == '\0' || *p == '\0') return *t == *p ? YES : NO;
        t++;
        p++;
    }
}

enum err method_route(enum verb verb, const char *path, cJSON *obj, const struct method **out) {
    const struct method *best = NULL;
    bool                 path_known = false;
    for (size_t i = 0; i < all_n; i++) {
        if (match_path(all[i], path, NULL) != YES) continue;
        path_known = true;
        if (all[i]->verb != verb) continue;
        /* "/v1/devices/board" wins over "/v1/devices/{device_id}" */
        if (best == NULL || (strchr(best->path, '{') && !strchr(all[i]->path, '{'))) best = all[i];
    }
    *out = best;
    if (best == NULL) return path_known ? ERR_METHOD : ERR_NOTFOUND;
    return match_path(best, path, obj) == BAD ? ERR_INPUT : ERR_OK;
}
