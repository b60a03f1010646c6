/* SPDX-License-Identifier: Apache-2.0 */
#include "store/kv.h"

enum err kv_get(struct db *db, struct arena *a, const char *name, const char **value) {
    enum err     e = ERR_NOTFOUND;
    struct rows *r = db_query(db, "SELECT value FROM kv WHERE name = ?1", "s", name);
    *value         = NULL;
    if (db_next(r)) {
        *value = arena_strdup(a, row_s(r, 0));
        e      = ERR_OK;
    }
    enum err end = db_rows_end(r);
    return end ? end : e;
}

enum err kv_set(struct db *db, const char *name, const char *value) {
    return db_exec(db, "INSERT INTO kv (name, value) VALUES (?1, ?2) ON CONFLICT (name) DO UPDATE SET value = excluded.value",
                   "ss", name, value);
}
