/* SPDX-License-Identifier: Apache-2.0 */
#include "store/notice.h"

#include <string.h>

static void read_item(struct rows *r, struct arena *a, struct inbox_item *i) {
    i->id          = arena_strdup(a, row_s(r, 0));
    i->kind        = arena_strdup(a, row_s(r, 1));
    i->object      = arena_strdup(a, row_s(r, 2));
    i->title       = arena_strdup(a, row_s(r, 3));
    i->body        = arena_strdup(a, row_s(r, 4));
    i->priority    = row_i(r, 5);
    i->created_biz = row_i(r, 6);
    i->read_wall   = row_i(r, 7);
}

enum err inbox_list(struct db *db, struct arena *a, const char *person, bool unread_only, const char *before, int limit,
                    struct inbox_item **list, size_t *n) {
    *list          = arena_alloc(a, ((size_t)limit + 1) * sizeof **list);
    *n             = 0;
    struct rows *r = db_query(db,
                              "SELECT id, kind, object, title, body, priority, created_biz, read_wall FROM notice WHERE person = ?1 "
                              "AND (?2 = 0 OR read_wall IS NULL) AND (?3 = '' OR id < ?3) ORDER BY id DESC LIMIT ?4",
                              "sisi", person, (int64_t)unread_only, before, (int64_t)limit);
    while (*n < (size_t)limit && db_next(r)) read_item(r, a, &(*list)[(*n)++]);
    return db_rows_end(r);
}

enum err inbox_get(struct db *db, struct arena *a, const char *person, const char *notice, struct inbox_item *out) {
    enum err e = ERR_NOTFOUND;
    memset(out, 0, sizeof *out);
    struct rows *r = db_query(db,
                              "SELECT id, kind, object, title, body, priority, created_biz, read_wall FROM notice WHERE id = ?1 AND person = ?2",
                              "ss", notice, person);
    if (db_next(r)) {
        read_item(r, a, out);
        e = ERR_OK;
    }
    enum err end = db_rows_end(r);
    return end ? end : e;
}

enum err inbox_unread(struct db *db, const char *person, int64_t *n) {
    return db_one_i(db, n, "SELECT COUNT(*) FROM notice WHERE person = ?1 AND read_wall IS NULL", "s", person);
}
