/* SPDX-License-Identifier: Apache-2.0 */
#include "store/person.h"

#include <string.h>

static const char *or_empty(const char *s) { return s ? s : ""; }

static enum err read_one(struct rows *r, struct arena *a, struct person *out) {
    enum err e = ERR_NOTFOUND;
    memset(out, 0, sizeof *out);
    if (db_next(r)) {
        size_t      n   = 0;
        const void *enc = row_b(r, 5, &n);
        out->id         = arena_strdup(a, row_s(r, 0));
        out->name       = arena_strdup(a, row_s(r, 1));
        out->title      = arena_strdup(a, row_s(r, 2));
        out->unit       = arena_strdup(a, or_empty(row_s(r, 3)));
        out->roles      = (unsigned)row_i(r, 4);
        if (enc && n) {
            void *copy = arena_alloc(a, n);
            memcpy(copy, enc, n);
            out->phone_enc   = copy;
            out->phone_enc_n = n;
        }
        out->active    = row_i(r, 6) != 0;
        out->simulated = row_i(r, 7) != 0;
        out->unit_name = arena_strdup(a, or_empty(row_s(r, 8)));
        e              = ERR_OK;
    }
    enum err end = db_rows_end(r);
    return end ? end : e;
}

enum err person_get(struct db *db, struct arena *a, const char *id, struct person *out) {
    return read_one(db_query(db,
                             "SELECT p.id, p.name, p.title, p.unit, p.roles, p.phone_enc, p.active, p.simulated, u.short_name "
                             "FROM person p LEFT JOIN unit u ON u.code = p.unit WHERE p.id = ?1",
                             "s", id),
                    a, out);
}

enum err person_by_phone(struct db *db, struct arena *a, const char *phone_idx, struct person *out) {
    return read_one(db_query(db,
                             "SELECT p.id, p.name, p.title, p.unit, p.roles, p.phone_enc, p.active, p.simulated, u.short_name "
                             "FROM person p LEFT JOIN unit u ON u.code = p.unit WHERE p.phone_idx = ?1",
                             "s", phone_idx),
                    a, out);
}

enum err person_add(struct db *db, const struct person_new *p) {
    return db_exec(db,
                   "INSERT INTO person (id, name, title, unit, roles, phone_enc, phone_idx, active, simulated, created_wall) "
                   "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, 1, ?8, ?9)",
                   "ssssibsii", p->id, p->name, or_empty(p->title), p->unit, (int64_t)p->roles, p->phone_enc, p->phone_enc_n, p->phone_idx,
                   (int64_t)p->simulated, p->wall_ms);
}

enum err person_units(struct db *db, struct arena *a, struct person_unit **list, size_t *n) {
    int64_t  count = 0;
    enum err e     = db_one_i(db, &count, "SELECT COUNT(*) FROM unit WHERE is_group = 0", "");
    if (e) return e;
    *list          = arena_alloc(a, ((size_t)count + 1) * sizeof **list);
    *n             = 0;
    struct rows *r = db_query(db, "SELECT code, short_name FROM unit WHERE is_group = 0 ORDER BY code", "");
    while (*n < (size_t)count && db_next(r)) {
        (*list)[*n].code       = arena_strdup(a, row_s(r, 0));
        (*list)[*n].short_name = arena_strdup(a, row_s(r, 1));
        (*n)++;
    }
    return db_rows_end(r);
}

enum err person_unit_name(struct db *db, struct arena *a, const char *unit, const char **out) {
    enum err     e = ERR_NOTFOUND;
    struct rows *r = db_query(db, "SELECT short_name FROM unit WHERE code = ?1", "s", unit);
    if (db_next(r)) {
        *out = arena_strdup(a, row_s(r, 0));
        e    = ERR_OK;
    }
    enum err end = db_rows_end(r);
    return end ? end : e;
}

enum err newest_plan(struct db *db, struct arena *a, const char **id, const char **title) {
    *id = *title   = NULL;
    struct rows *r = db_query(db, "SELECT id, title FROM plan ORDER BY issued_on DESC, id LIMIT 1", "");
    if (db_next(r)) {
        *id    = arena_strdup(a, row_s(r, 0));
        *title = arena_strdup(a, row_s(r, 1));
    }
    return db_rows_end(r);
}

enum err person_set_active(struct db *db, const char *id, bool active) {
    return db_exec(db, "UPDATE person SET active = ?2 WHERE id = ?1", "si", id, (int64_t)active);
}
