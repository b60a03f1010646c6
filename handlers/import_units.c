/* SPDX-License-Identifier: Apache-2.0
 *
 * units.json: units, groups, aliases, members. A unit is written after all units it names (members, parent, successor), so each
 * row goes in whole; a circle of groups never becomes ready and is refused.
 */
#include <string.h>

#include "base/check.h"
#include "base/text.h"
#include "handlers/import_int.h"
#include "handlers/req.h"
#include "store/unit.h"

#define NAME_CHARS 100
#define ALIASES_MAX 50
#define MEMBERS_MAX 2000
#define ROLES_CHARS 400
#define BOARD_CHARS 5
#define LEVELS "city|county|province|external"
#define TYPES                                                                                                                    \
    "party_organ|government|government_department|group|soe|county|leader_group|coordination_body|service_centre|people_"        \
    "congress|cppcc|"                                                                                                            \
    "judicial|military|vendor"
#define ROLES                                                                                                                    \
    "dispatching|responsible|supervision|joint_meeting_member|joint_meeting_convener|joint_meeting_office|addressee|cc|"         \
    "reviewer|approver|"                                                                                                         \
    "issuer|leader|leading_group|trainee|assessment_support|external_support|external_leader|policy_source|vendor|proxy_"        \
    "company|"                                                                                                                   \
    "sample_matter_owner"
#define SCOPES "county|department|soe"
#define KINDS "gov_leader|gov_department|cluster|soe|central|party_leader|party_department|county"
#define FIELDS                                                                                                                   \
    "code|full_name|short_name|board_name|level|type|roles|aliases|in_seed|seed_refs|kind|members|members_complete|parent|"      \
    "region|note|"                                                                                                               \
    "expanded_from|valid_from|valid_to|replaced_by|scope|user_kind"

enum state { WAITING, DONE, REFUSED };

struct row {
    struct import_row r;
    struct unit       u;
    const cJSON      *aliases, *members;
    enum state        state;
};

struct units {
    struct import *im;
    struct row    *rows;
    size_t         n;
};

/* ---- reading ---- */

static const char *join_roles(struct import_row *r) {
    const cJSON *v = import_texts(r, "roles", 30, false), *item;
    char        *s = arena_alloc(r->im->a, 1);
    cJSON_ArrayForEach(item, v) {
        if (!unit_word_in(ROLES, item->valuestring))
            import_problem(r, "roles", "choice", "不认识的角色“%s”。", item->valuestring);
        s = arena_printf(r->im->a, "%s%s%s", s, *s ? "|" : "", item->valuestring);
        if (strlen(s) > ROLES_CHARS) break;
    }
    return s;
}

static void read_validity(struct import_row *r, struct unit *u) {
    u->valid_from = arena_strdup(r->im->a, import_date(r, "valid_from", false));
    u->valid_to   = arena_strdup(r->im->a, import_date(r, "valid_to", false));
    if (u->valid_from && u->valid_to && strcmp(u->valid_from, u->valid_to) > 0)
        import_problem(r, "valid_to", "order", "失效日期 %s 早于生效日期 %s。", u->valid_to, u->valid_from);
    u->replaced_by = import_code(r, "replaced_by", false);
}

static void read_derived(struct import_row *r, struct unit *u) {
    bool        is_cut = false;
    const char *scope = import_word(r, "scope", SCOPES, false), *kind = import_word(r, "user_kind", KINDS, false);
    u->board_name = import_text(r, "board_name", BOARD_CHARS, false);
    if (r->bad) return; /* what follows needs level, type and names */
    import_kinds(u);
    if (scope) u->scope = scope;
    if (kind) u->user_kind = kind;
    if (u->board_name == NULL) u->board_name = import_board_name(r->im->a, u, &is_cut);
    if (is_cut)
        import_warning(r, "board_name", "board_name", "简称“%s”超过 5 个字，大屏暂用“%s”，请填写 board_name。", u->short_name,
                       u->board_name);
}

static void read_unit(struct row *w) {
    struct import_row *r = &w->r;
    struct unit       *u = &w->u;
    if (!cJSON_IsObject(r->o)) {
        import_problem(r, "-", "type", "应为对象。");
        return;
    }
    import_known(r, FIELDS);
    u->code             = import_code(r, "code", true);
    u->full_name        = import_text(r, "full_name", NAME_CHARS, true);
    u->short_name       = import_text(r, "short_name", NAME_CHARS, true);
    u->level            = import_word(r, "level", LEVELS, true);
    u->type             = import_word(r, "type", TYPES, true);
    u->is_group         = import_word(r, "kind", "group", false) != NULL;
    u->roles            = join_roles(r);
    u->region           = import_code(r, "region", false);
    u->parent           = import_code(r, "parent", false);
    u->note             = import_long_text(r, "note", 500, false);
    u->ord              = (int64_t)r->i;
    w->aliases          = import_texts(r, "aliases", ALIASES_MAX, false);
    w->members          = import_texts(r, "members", MEMBERS_MAX, false);
    u->members_complete = import_bool(r, "members_complete", true);
    read_validity(r, u);
    read_derived(r, u);
}

/* ---- what a unit needs ---- */

static struct row *find(struct units *us, const char *code) {
    for (size_t i = 0; i < us->n; i++)
        if (us->rows[i].u.code && us->rows[i].state != REFUSED && strcmp(us->rows[i].u.code, code) == 0) return &us->rows[i];
    return NULL;
}

/* *state: WAITING, DONE, or REFUSED for a code nobody knows. */
static enum err state_of(struct units *us, const char *code, enum state *state) {
    struct unit known;
    struct row *w = find(us, code);
    *state        = w ? w->state : REFUSED;
    if (w || us->im->db == NULL) return ERR_OK;
    enum err e = unit_get(us->im->db, us->im->row_a, code, &known);
    if (e == ERR_OK) *state = DONE;
    return e == ERR_NOTFOUND ? ERR_OK : e;
}

static enum err need(struct units *us, struct row *w, const char *field, const char *code, bool last, bool *ready) {
    enum state s;
    TRY(state_of(us, code, &s));
    if (s == DONE) return ERR_OK;
    *ready = false;
    if (s == REFUSED) import_problem(&w->r, field, "unknown_unit", "没有编码为“%s”的单位，或它所在的行有问题。", code);
    if (s == WAITING && last) import_problem(&w->r, field, "cycle", "“%s”与本单位互相包含，无法导入。", code);
    return ERR_OK;
}

static enum err needs(struct units *us, struct row *w, bool last, bool *ready) {
    const cJSON *item;
    *ready = true;
    cJSON_ArrayForEach(item, w->members) TRY(need(us, w, "members", item->valuestring, last, ready));
    if (w->u.parent) TRY(need(us, w, "parent", w->u.parent, last, ready));
    if (w->u.replaced_by) TRY(need(us, w, "replaced_by", w->u.replaced_by, last, ready));
    return ERR_OK;
}

/* ---- writing ---- */

static enum err add_plain(struct units *us, struct row *w, const char *name) {
    const char *plain = import_plain_name(us->im->row_a, name);
    return plain ? unit_alias_add(us->im->db, plain, w->u.code) : ERR_OK;
}

static enum err add_alias(struct units *us, struct row *w, const char *name) {
    TRY(unit_alias_add(us->im->db, name, w->u.code));
    return add_plain(us, w, name);
}

static enum err write_unit(struct units *us, struct row *w) {
    struct import *im = us->im;
    const cJSON   *item;
    int64_t        ord = 0;
    TRY(import_row_begin(im));
    TRY(unit_add(im->db, &w->u));
    TRY(add_plain(us, w, w->u.short_name));
    if (strstr(w->u.full_name, "（")) TRY(unit_alias_add(im->db, w->u.full_name, w->u.code));
    cJSON_ArrayForEach(item, w->aliases) TRY(add_alias(us, w, item->valuestring));
    cJSON_ArrayForEach(item, w->members) TRY(unit_member_add(im->db, w->u.code, item->valuestring, ord++));
    TRY(import_mark(&w->r, arena_printf(im->row_a, "unit:%s", w->u.code)));
    im->res->units_new++;
    return import_row_end(im);
}

static enum err add_unit(struct units *us, struct row *w) {
    struct unit      known;
    enum import_seen seen;
    w->state = DONE;
    if (us->im->db == NULL) return ERR_OK;
    TRY(import_seen(&w->r, arena_printf(us->im->row_a, "unit:%s", w->u.code), &seen));
    if (seen == IMPORT_SAME) {
        us->im->res->units_same++;
        return ERR_OK;
    }
    enum err e = unit_get(us->im->db, us->im->row_a, w->u.code, &known);
    if (e == ERR_NOTFOUND) return write_unit(us, w);
    if (e == ERR_OK)
        import_problem(&w->r, "code", "differs", "编码“%s”已有单位（%s），内容与文件不同；导入不修改已有单位。", w->u.code,
                       known.short_name);
    return e;
}

/* One pass over the rows that wait; last: those that are still not ready are refused. */
static enum err pass(struct units *us, bool last, bool *moved) {
    *moved = false;
    for (size_t i = 0; i < us->n; i++) {
        struct row *w = &us->rows[i];
        bool        ready;
        if (w->state != WAITING) continue;
        TRY(needs(us, w, last, &ready));
        if (w->r.bad)
            w->state = REFUSED;
        else if (ready)
            TRY(add_unit(us, w));
        *moved = *moved || w->state != WAITING;
        arena_reset(us->im->row_a);
    }
    return ERR_OK;
}

enum err import_units(struct import *im, const cJSON *root) {
    const cJSON      *list  = cJSON_GetObjectItemCaseSensitive(root, "units"), *item;
    struct import_row whole = {.im = im, .list = "", .o = root};
    struct units      us    = {.im = im};
    size_t            count = cJSON_IsArray(list) ? (size_t)cJSON_GetArraySize(list) : 0;
    bool              moved;
    if (!cJSON_IsArray(list) || count > IMPORT_ROWS_MAX) {
        import_problem(&whole, "units", "type", "应为单位的列表，最多 %d 行。", IMPORT_ROWS_MAX);
        return ERR_OK;
    }
    import_known(&whole, "source|units");
    us.rows = arena_alloc(im->a, (count + 1) * sizeof *us.rows);
    cJSON_ArrayForEach(item, list) {
        struct row *w = &us.rows[us.n];
        w->r          = (struct import_row){.im = im, .list = "units", .i = us.n, .o = item};
        read_unit(w);
        if (w->u.code && find(&us, w->u.code)) import_problem(&w->r, "code", "duplicate", "编码“%s”在文件中重复。", w->u.code);
        if (w->r.bad) w->state = REFUSED;
        us.n++;
        arena_reset(im->row_a);
    }
    do TRY(pass(&us, false, &moved));
    while (moved);
    return pass(&us, true, &moved);
}
