/* SPDX-License-Identifier: Apache-2.0 */
#include "store/plan.h"

#include <string.h>

static void read_plan(struct rows *r, struct arena *a, struct plan *p) {
    p->id          = arena_strdup(a, row_s(r, 0));
    p->title       = arena_strdup(a, row_s(r, 1));
    p->doc_no      = arena_strdup(a, row_s(r, 2));
    p->issuer      = arena_strdup(a, row_s(r, 3));
    p->issuer_name = arena_strdup(a, row_s(r, 4));
    p->meeting     = arena_strdup(a, row_s(r, 5));
    p->issued_on   = arena_strdup(a, row_s(r, 6));
    p->printed_on  = arena_strdup(a, row_s(r, 7));
    p->disclosure  = arena_strdup(a, row_s(r, 8));
}

enum err plan_get(struct db *db, struct arena *a, const char *id, struct plan *out) {
    enum err     e = ERR_NOTFOUND;
    struct rows *r =
        db_query(db,
                 "SELECT p.id, p.title, p.doc_no, p.issuer, u.short_name, p.meeting, p.issued_on, p.printed_on, p.disclosure "
                 "FROM plan p JOIN unit u ON u.code = p.issuer WHERE p.id = ?1",
                 "s", id);
    memset(out, 0, sizeof *out);
    if (db_next(r)) {
        read_plan(r, a, out);
        e = ERR_OK;
    }
    enum err end = db_rows_end(r);
    return end ? end : e;
}

enum err plan_list(struct db *db, struct arena *a, const char *after, int limit, struct plan **list, size_t *n) {
    *list = arena_alloc(a, ((size_t)limit + 1) * sizeof **list);
    *n    = 0;
    struct rows *r =
        db_query(db,
                 "SELECT p.id, p.title, p.doc_no, p.issuer, u.short_name, p.meeting, p.issued_on, p.printed_on, p.disclosure "
                 "FROM plan p JOIN unit u ON u.code = p.issuer WHERE p.id > ?1 ORDER BY p.id LIMIT ?2",
                 "si", after, (int64_t)limit);
    while (*n < (size_t)limit && db_next(r)) read_plan(r, a, &(*list)[(*n)++]);
    return db_rows_end(r);
}

enum err plan_parts(struct db *db, struct arena *a, const char *plan, struct plan_part **list, size_t *n) {
    int64_t  count = 0;
    enum err e     = db_one_i(db, &count, "SELECT COUNT(*) FROM plan_part WHERE plan = ?1", "s", plan);
    *n             = 0;
    if (e) return e;
    *list          = arena_alloc(a, ((size_t)count + 1) * sizeof **list);
    struct rows *r = db_query(db, "SELECT part, title FROM plan_part WHERE plan = ?1 ORDER BY part", "s", plan);
    while (*n < (size_t)count && db_next(r)) {
        (*list)[*n].part      = row_i(r, 0);
        (*list)[(*n)++].title = arena_strdup(a, row_s(r, 1));
    }
    return db_rows_end(r);
}

enum err plan_items(struct db *db, struct arena *a, const char *plan, struct plan_item **list, size_t *n) {
    int64_t  count = 0;
    enum err e     = db_one_i(db, &count, "SELECT COUNT(*) FROM task WHERE plan = ?1", "s", plan);
    *n             = 0;
    if (e) return e;
    *list = arena_alloc(a, ((size_t)count + 1) * sizeof **list);
    struct rows *r =
        db_query(db,
                 "SELECT part, section, COUNT(*), SUM(CASE WHEN state = 'closed' THEN 1 ELSE 0 END), "
                 "SUM(CASE WHEN deadline IS NOT NULL THEN 1 ELSE 0 END), "
                 "SUM(CASE WHEN deadline IS NOT NULL AND state IN ('closed', 'long_term') THEN 1 ELSE 0 END) "
                 "FROM task WHERE plan = ?1 AND state <> 'cancelled' GROUP BY part, section ORDER BY part, MIN(ord), section",
                 "s", plan);
    while (*n < (size_t)count && db_next(r)) {
        struct plan_item *i = &(*list)[(*n)++];
        i->part             = row_i(r, 0);
        i->section          = arena_strdup(a, row_s(r, 1));
        i->tasks            = row_i(r, 2);
        i->closed           = row_i(r, 3);
        i->dated            = row_i(r, 4);
        i->dated_done       = row_i(r, 5);
    }
    return db_rows_end(r);
}

enum err plan_add(struct db *db, const struct plan *p) {
    return db_exec(db,
                   "INSERT INTO plan (id, title, doc_no, issuer, meeting, issued_on, printed_on, disclosure) "
                   "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
                   "ssssssss", p->id, p->title, p->doc_no, p->issuer, p->meeting, p->issued_on, p->printed_on, p->disclosure);
}

enum err plan_part_add(struct db *db, const char *plan, int64_t part, const char *title) {
    return db_exec(db, "INSERT INTO plan_part (plan, part, title) VALUES (?1, ?2, ?3) ON CONFLICT (plan, part) DO NOTHING", "sis",
                   plan, part, title);
}
