/* SPDX-License-Identifier: Apache-2.0 */
#include "store/unit.h"

#include <string.h>

#include "base/buf.h"
#include "base/check.h"

#define COLS                                                                                                                     \
    "code, full_name, short_name, board_name, level, type, is_group, members_complete, scope, user_kind, roles, region, "        \
    "parent, note, "                                                                                                             \
    "ord, valid_from, valid_to, replaced_by"
#define NAME_BYTES_MAX 1024
#define CODES_BYTES_MAX 4096

static bool is_empty(const char *s) { return s == NULL || *s == '\0'; }

static void read_row(struct rows *r, struct arena *a, struct unit *u) {
    u->code             = arena_strdup(a, row_s(r, 0));
    u->full_name        = arena_strdup(a, row_s(r, 1));
    u->short_name       = arena_strdup(a, row_s(r, 2));
    u->board_name       = arena_strdup(a, row_s(r, 3));
    u->level            = arena_strdup(a, row_s(r, 4));
    u->type             = arena_strdup(a, row_s(r, 5));
    u->is_group         = row_i(r, 6) != 0;
    u->members_complete = row_i(r, 7) != 0;
    u->scope            = arena_strdup(a, row_s(r, 8));
    u->user_kind        = arena_strdup(a, row_s(r, 9));
    u->roles            = arena_strdup(a, row_s(r, 10));
    u->region           = arena_strdup(a, row_s(r, 11));
    u->parent           = arena_strdup(a, row_s(r, 12));
    u->note             = arena_strdup(a, row_s(r, 13));
    u->ord              = row_i(r, 14);
    u->valid_from       = arena_strdup(a, row_s(r, 15));
    u->valid_to         = arena_strdup(a, row_s(r, 16));
    u->replaced_by      = arena_strdup(a, row_s(r, 17));
}

enum err unit_get(struct db *db, struct arena *a, const char *code, struct unit *out) {
    enum err     e = ERR_NOTFOUND;
    struct rows *r = db_query(db, "SELECT " COLS " FROM unit WHERE code = ?1", "s", code);
    memset(out, 0, sizeof *out);
    if (db_next(r)) {
        read_row(r, a, out);
        e = ERR_OK;
    }
    enum err end = db_rows_end(r);
    return end ? end : e;
}

enum err unit_place(struct db *db, struct arena *a, const char *code, const char **level, const char **region) {
    struct rows *r     = db_query(db, "SELECT level, region FROM unit WHERE code = ?1", "s", code);
    bool         found = db_next(r);
    *level             = found ? arena_strdup(a, row_s(r, 0)) : NULL;
    *region            = found ? arena_strdup(a, row_s(r, 1)) : NULL;
    enum err e         = db_rows_end(r);
    return e ? e : found ? ERR_OK : ERR_NOTFOUND;
}

bool unit_valid_on(const struct unit *u, const char *date) {
    if (u->valid_from && strcmp(date, u->valid_from) < 0) return false;
    return u->valid_to == NULL || strcmp(date, u->valid_to) <= 0;
}

bool unit_word_in(const char *words, const char *word) {
    size_t n = strlen(word);
    while (n && words && *words) {
        size_t len = strcspn(words, "|");
        if (len == n && memcmp(words, word, n) == 0) return true;
        words += len + (words[len] == '|');
    }
    return false;
}

/* --- groups --- */

struct expansion {
    struct arena *a;
    const char  **list; /* units and groups still to be opened, in order */
    const char  **seen; /* every code that was ever in the list */
    size_t        n, seen_n, cap;
};

static bool is_seen(const struct expansion *x, const char *code) {
    for (size_t i = 0; i < x->seen_n; i++)
        if (strcmp(x->seen[i], code) == 0) return true;
    return false;
}

static enum err group_flag(struct db *db, const char *code, int64_t *is_group) {
    return db_one_i(db, is_group, "SELECT is_group FROM unit WHERE code = ?1", "s", code);
}

/* Puts the members of the group at place `at` where the group stood. */
static enum err open_group(struct db *db, struct expansion *x, size_t at) {
    const char *group = x->list[at];
    memmove(&x->list[at], &x->list[at + 1], (x->n - at - 1) * sizeof *x->list);
    x->n--;
    struct rows *r = db_query(db, "SELECT unit FROM unit_member WHERE grp = ?1 ORDER BY ord, unit", "s", group);
    while (db_next(r)) {
        if (is_seen(x, row_s(r, 0))) continue;
        MUST(x->seen_n < x->cap && x->n < x->cap);
        const char *code = arena_strdup(x->a, row_s(r, 0));
        memmove(&x->list[at + 1], &x->list[at], (x->n - at) * sizeof *x->list);
        x->list[at++]        = code;
        x->seen[x->seen_n++] = code;
        x->n++;
    }
    return db_rows_end(r);
}

enum err unit_members(struct db *db, struct arena *a, const char *group, const char ***codes, size_t *n) {
    int64_t          all = 0, is_group = 0;
    struct expansion x = {.a = a};
    *codes             = NULL;
    *n                 = 0;
    enum err e         = group_flag(db, group, &is_group);
    if (e == ERR_OK && !is_group) e = ERR_NOTFOUND;
    if (e == ERR_OK) e = db_one_i(db, &all, "SELECT COUNT(*) FROM unit", "");
    if (e) return e;
    x.cap         = (size_t)all + 1;
    x.list        = arena_alloc(a, x.cap * sizeof *x.list);
    x.seen        = arena_alloc(a, x.cap * sizeof *x.seen);
    x.list[x.n++] = x.seen[x.seen_n++] = arena_strdup(a, group);
    for (size_t i = 0; e == ERR_OK && i < x.n;) {
        e = group_flag(db, x.list[i], &is_group);
        if (e == ERR_OK && is_group) {
            e = open_group(db, &x, i);
        } else {
            i++;
        }
    }
    *codes = x.list;
    *n     = x.n;
    return e;
}

/* --- names --- */

/* Full-width brackets are the same as the plain ones in a name. ERR_NOTFOUND: longer than any name. */
static enum err fold_name(const char *name, char out[NAME_BYTES_MAX]) {
    size_t n = 0;
    for (const char *p = name; *p; n++) {
        if (n + 1 >= NAME_BYTES_MAX) return ERR_NOTFOUND;
        bool open = strncmp(p, "（", 3) == 0, close = strncmp(p, "）", 3) == 0;
        out[n] = open ? '(' : close ? ')' : *p;
        p += open || close ? 3 : 1;
    }
    out[n] = '\0';
    return ERR_OK;
}

enum err unit_resolve(struct db *db, struct arena *a, const char *name, const char **code, const char **codes) {
    char    plain[NAME_BYTES_MAX];
    int64_t known = 0;
    *code = *codes = NULL;
    enum err e     = fold_name(name, plain);
    if (e == ERR_OK) e = db_one_i(db, &known, "SELECT COUNT(*) FROM unit WHERE code = ?1", "s", name);
    if (e || known) {
        *code = known ? arena_strdup(a, name) : NULL;
        return e;
    }
    struct buf all;
    size_t     n = 0;
    buf_init(&all, CODES_BYTES_MAX);
    struct rows *r = db_query(db,
                              "SELECT code FROM unit WHERE full_name IN (?1, ?2) OR short_name IN (?1, ?2) "
                              "UNION SELECT unit FROM unit_alias WHERE alias IN (?1, ?2) ORDER BY 1",
                              "ss", name, plain);
    while (db_next(r)) {
        if (n++) buf_puts(&all, "、");
        buf_puts(&all, row_s(r, 0));
    }
    e = db_rows_end(r);
    if (e == ERR_OK && n == 0) e = ERR_NOTFOUND;
    if (e == ERR_OK && n > 1) e = ERR_CONFLICT;
    const char *copy = arena_strdup(a, buf_str(&all));
    if (e == ERR_OK) *code = copy;
    if (e == ERR_CONFLICT) *codes = copy;
    buf_fini(&all);
    return e;
}

enum err unit_aliases(struct db *db, struct arena *a, const char *code, const char ***list, size_t *n) {
    int64_t count = 0;
    *n            = 0;
    enum err e    = db_one_i(db, &count, "SELECT COUNT(*) FROM unit_alias WHERE unit = ?1", "s", code);
    if (e) return e;
    *list          = arena_alloc(a, ((size_t)count + 1) * sizeof **list);
    struct rows *r = db_query(db, "SELECT alias FROM unit_alias WHERE unit = ?1 ORDER BY alias", "s", code);
    while (*n < (size_t)count && db_next(r)) (*list)[(*n)++] = arena_strdup(a, row_s(r, 0));
    return db_rows_end(r);
}

/* --- lists --- */

static enum err alias_has(struct db *db, const char *code, const char *q, bool *yes) {
    struct rows *r = db_query(db, "SELECT alias FROM unit_alias WHERE unit = ?1", "s", code);
    while (!*yes && db_next(r)) *yes = strstr(row_s(r, 0), q) != NULL;
    return db_rows_end(r);
}

/* Parts of names are looked for here: SQL has no portable way (D4), and units are few. */
static enum err has_part(struct db *db, struct rows *r, const char *q, bool *yes) {
    *yes =
        is_empty(q) || strcmp(row_s(r, 0), q) == 0 || strstr(row_s(r, 1), q) || strstr(row_s(r, 2), q) || strstr(row_s(r, 3), q);
    return *yes ? ERR_OK : alias_has(db, row_s(r, 0), q, yes);
}

enum err unit_list(struct db *db, struct arena *a, const struct unit_filter *f, struct unit **list, size_t *n) {
    enum err e     = ERR_OK;
    *list          = arena_alloc(a, ((size_t)f->limit + 1) * sizeof **list);
    *n             = 0;
    struct rows *r = db_query(db,
                              "SELECT " COLS " FROM unit WHERE code > ?1 AND (?2 = '' OR level = ?2) AND (?3 = '' OR type = ?3) "
                              "AND (?4 = '' OR scope = ?4) AND (?5 = '' OR user_kind = ?5) ORDER BY code",
                              "sssss", f->after ? f->after : "", f->level ? f->level : "", f->type ? f->type : "",
                              f->scope ? f->scope : "", f->user_kind ? f->user_kind : "");
    while (e == ERR_OK && *n < (size_t)f->limit && db_next(r)) {
        bool yes = false;
        e        = has_part(db, r, f->q, &yes);
        if (e == ERR_OK && yes) read_row(r, a, &(*list)[(*n)++]);
    }
    enum err end = db_rows_end(r);
    return end ? end : e;
}

/* --- writing --- */

enum err unit_add(struct db *db, const struct unit *u) {
    return db_exec(
        db,
        "INSERT INTO unit (" COLS ") VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18)",
        "ssssssiissssssisss", u->code, u->full_name, u->short_name, u->board_name, u->level, u->type, (int64_t)u->is_group,
        (int64_t)u->members_complete, u->scope ? u->scope : "", u->user_kind ? u->user_kind : "", u->roles ? u->roles : "",
        u->region ? u->region : "", u->parent, u->note ? u->note : "", u->ord, u->valid_from, u->valid_to, u->replaced_by);
}

enum err unit_alias_add(struct db *db, const char *alias, const char *unit) {
    char plain[NAME_BYTES_MAX];
    if (fold_name(alias, plain)) return ERR_INPUT;
    return db_exec(db, "INSERT INTO unit_alias (alias, unit) VALUES (?1, ?2) ON CONFLICT (alias, unit) DO NOTHING", "ss", plain,
                   unit);
}

enum err unit_member_add(struct db *db, const char *group, const char *unit, int64_t ord) {
    return db_exec(db, "INSERT INTO unit_member (grp, unit, ord) VALUES (?1, ?2, ?3) ON CONFLICT (grp, unit) DO NOTHING", "ssi",
                   group, unit, ord);
}
