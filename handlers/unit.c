/* SPDX-License-Identifier: Apache-2.0
 *
 * The directory of units (F001): lists by level, type, kind or group, one unit with its names and members, and look-up by name,
 * which never guesses (F033).
 */
#include <string.h>

#include "handlers/lists.h"
#include "handlers/method.h"
#include "store/unit.h"

#define READERS (ROLE_STAFF | ROLE_DISPLAY | ROLE_ADMIN | ROLE_AUDITOR)

struct list_args {
    const char *name, *group, *level, *type, *scope, *kind, *q, *cursor;
    int64_t     limit;
};
struct id_args {
    const char *unit;
};

static const char *today(const struct req *r) {
    char out[11];
    date_format(date_of_ms(r->biz_ms), out);
    return arena_strdup(r->a, out);
}

static void write_unit(struct req *r, const struct unit *u) {
    jw_kstr(r->out, "code", u->code);
    jw_kstr(r->out, "short_name", u->short_name);
    jw_kstr(r->out, "full_name", u->full_name);
    jw_kstr(r->out, "board_name", u->board_name);
    jw_kstr(r->out, "level", u->level);
    jw_kstr(r->out, "type", u->type);
    jw_kstr(r->out, "scope", *u->scope ? u->scope : NULL);
    jw_kstr(r->out, "kind", *u->user_kind ? u->user_kind : NULL);
    jw_kbool(r->out, "group", u->is_group);
    if (u->is_group) jw_kbool(r->out, "members_complete", u->members_complete);
    jw_kstr(r->out, "region", *u->region ? u->region : NULL);
    jw_kbool(r->out, "valid", unit_valid_on(u, today(r)));
}

/* ---- list ---- */

static bool is_same(const char *want, const char *have) { return want == NULL || strcmp(want, have) == 0; }

static bool fits(const struct list_args *p, const struct unit *u) {
    return is_same(p->level, u->level) && is_same(p->type, u->type) && is_same(p->scope, u->scope) &&
           is_same(p->kind, u->user_kind) &&
           (p->q == NULL || strstr(u->full_name, p->q) || strstr(u->short_name, p->q) || strstr(u->board_name, p->q));
}

/* Members keep the order of the group; after: the last code of the page before. */
static enum err members_of(struct req *r, const struct list_args *p, const char *after, size_t limit, struct unit **list,
                           size_t *n) {
    const char **codes;
    size_t       codes_n;
    bool         started = *after == '\0';
    enum err     e       = unit_members(r->db, r->a, p->group, &codes, &codes_n);
    if (e == ERR_NOTFOUND) return req_fail(r, e, "没有编码为“%s”的单位组。", p->group);
    TRY(e);
    *list = arena_alloc(r->a, (limit + 1) * sizeof **list);
    *n    = 0;
    for (size_t i = 0; i < codes_n && *n < limit; i++) {
        struct unit u;
        if (!started) {
            started = strcmp(codes[i], after) == 0;
            continue;
        }
        TRY(unit_get(r->db, r->a, codes[i], &u));
        if (fits(p, &u)) (*list)[(*n)++] = u;
    }
    return ERR_OK;
}

/* "NP-ZJJ（市质监局）、FJ-ZJJ（省质监局）" */
static enum err candidates(struct req *r, const char *codes, const char **out) {
    const char *text = "";
    while (*codes) {
        const char *end  = strstr(codes, "、");
        size_t      n    = end ? (size_t)(end - codes) : strlen(codes);
        const char *code = arena_strndup(r->a, codes, n);
        struct unit u;
        TRY(unit_get(r->db, r->a, code, &u));
        text  = arena_printf(r->a, "%s%s%s（%s）", text, *text ? "、" : "", u.short_name, code);
        codes = end ? end + strlen("、") : codes + n;
    }
    *out = text;
    return ERR_OK;
}

static enum err by_name(struct req *r, const char *name, struct unit **list, size_t *n) {
    const char *code, *codes;
    enum err    e = unit_resolve(r->db, r->a, name, &code, &codes);
    r->field      = e ? "name" : r->field;
    if (e == ERR_NOTFOUND) return req_fail(r, e, "没有叫“%s”的单位，请检查名称，或改用单位编码。", name);
    if (e == ERR_CONFLICT) {
        const char *text;
        TRY(candidates(r, codes, &text));
        return req_fail(r, e, "“%s”对应多个单位：%s。请选定其中一个。", name, text);
    }
    TRY(e);
    *list = arena_alloc(r->a, sizeof **list);
    *n    = 1;
    return unit_get(r->db, r->a, code, *list);
}

static enum err list(struct req *r, const void *args) {
    const struct list_args *p = args;
    struct cursor           c;
    struct unit            *v = NULL;
    size_t                  n = 0, limit = p->limit ? (size_t)p->limit : 50;
    const char             *filter = arena_printf(r->a, "%s|%s|%s|%s|%s|%s", p->group ? p->group : "", p->level ? p->level : "",
                                      p->type ? p->type : "", p->scope ? p->scope : "", p->kind ? p->kind : "", p->q ? p->q : "");
    TRY(req_cursor_parse(r, p->cursor, filter, &c));
    if (p->name) {
        TRY(by_name(r, p->name, &v, &n));
    } else if (p->group) {
        TRY(members_of(r, p, c.s, limit + 1, &v, &n));
    } else {
        struct unit_filter f = {.level     = p->level,
                                .type      = p->type,
                                .scope     = p->scope,
                                .user_kind = p->kind,
                                .q         = p->q,
                                .after     = c.s,
                                .limit     = (int)limit + 1};
        TRY(unit_list(r->db, r->a, &f, &v, &n));
    }
    bool more = n > limit;
    if (more) n = limit;
    jw_key(r->out, "items");
    jw_arr(r->out);
    for (size_t i = 0; i < n; i++) {
        jw_obj(r->out);
        write_unit(r, &v[i]);
        jw_obj_end(r->out);
    }
    jw_arr_end(r->out);
    if (more)
        req_cursor_write(r, filter, (struct cursor){.s = v[n - 1].code});
    else
        jw_kstr(r->out, "next", NULL);
    return ERR_OK;
}

/* ---- get ---- */

static enum err write_members(struct req *r, const struct unit *u) {
    const char **codes = NULL;
    size_t       n     = 0;
    if (u->is_group) TRY(unit_members(r->db, r->a, u->code, &codes, &n));
    jw_key(r->out, "members");
    jw_arr(r->out);
    for (size_t i = 0; i < n; i++) {
        struct unit m;
        TRY(unit_get(r->db, r->a, codes[i], &m));
        jw_obj(r->out);
        jw_kstr(r->out, "code", m.code);
        jw_kstr(r->out, "short_name", m.short_name);
        jw_obj_end(r->out);
    }
    jw_arr_end(r->out);
    return ERR_OK;
}

static void write_roles(struct req *r, const char *roles) {
    jw_key(r->out, "roles");
    jw_arr(r->out);
    while (*roles) {
        size_t n = strcspn(roles, "|");
        jw_strn(r->out, roles, n);
        roles += n + (roles[n] == '|');
    }
    jw_arr_end(r->out);
}

static enum err get(struct req *r, const void *args) {
    const struct id_args *p = args;
    struct unit           u;
    const char          **aliases;
    size_t                n;
    TRY(unit_get(r->db, r->a, p->unit, &u));
    TRY(unit_aliases(r->db, r->a, u.code, &aliases, &n));
    write_unit(r, &u);
    write_roles(r, u.roles);
    jw_key(r->out, "aliases");
    jw_arr(r->out);
    for (size_t i = 0; i < n; i++) jw_str(r->out, aliases[i]);
    jw_arr_end(r->out);
    TRY(write_members(r, &u));
    jw_kstr(r->out, "parent", u.parent);
    jw_kstr(r->out, "note", *u.note ? u.note : NULL);
    jw_kstr(r->out, "valid_from", u.valid_from);
    jw_kstr(r->out, "valid_to", u.valid_to);
    jw_kstr(r->out, "replaced_by", u.replaced_by);
    return ERR_OK;
}

/* ---- rows ---- */

static const struct param list_params[] = {
    P_STR(struct list_args, name, 1, 100, false),
    P_IDOPT(struct list_args, group, "unit"),
    P_ENUM(struct list_args, level, "city|county|province|external", false),
    P_STR(struct list_args, type, 1, 40, false),
    P_ENUM(struct list_args, scope, "county|department|soe", false),
    P_ENUM(struct list_args, kind, "gov_leader|gov_department|cluster|soe|central|party_leader|party_department|county", false),
    P_STR(struct list_args, q, 1, 50, false),
    P_STR(struct list_args, cursor, 0, 400, false),
    P_I64(struct list_args, limit, 0, 200, false),
};
static const struct param id_params[] = {P_ID(struct id_args, unit, "unit")};

static const struct method v[] = {
    {.name  = "unit.list",
     .verb  = V_GET,
     .path  = "/v1/units",
     .doc   = "查询单位目录，可按层级、类型、用户类别、单位组和名称筛选；name "
              "按全称、简称或别名查一个单位，有歧义时拒绝并列出候选单位。",
     .roles = READERS,
     .cost  = 1,
     PARAMS(list_params),
     .args_size = sizeof(struct list_args),
     .fn        = list,
     .reply_doc = "items 单位列表；next 下一页游标"},
    {.name  = "unit.get",
     .verb  = V_GET,
     .path  = "/v1/units/{unit}",
     .doc   = "查看一个单位：别名、角色、有效期，单位组的成员。",
     .roles = READERS,
     .cost  = 1,
     PARAMS(id_params),
     .args_size = sizeof(struct id_args),
     .fn        = get,
     .reply_doc = "单位的全部资料"},
};
METHOD_LIST(unit_methods, v);
