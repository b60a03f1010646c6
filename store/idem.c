/* SPDX-License-Identifier: Apache-2.0 */
#include "store/idem.h"

enum err idem_find(struct db *db, struct arena *a, const char *person, const char *method, const char *key, char **request_hash,
                   char **reply) {
    struct rows *r = db_query(db, "SELECT request, reply FROM idem WHERE person = ?1 AND method = ?2 AND key = ?3", "sss", person, method, key);
    bool found = db_next(r);
    if (found) {
        *request_hash = arena_strdup(a, row_s(r, 0));
        *reply        = arena_strdup(a, row_s(r, 1));
    }
    enum err e = db_rows_end(r);
    return e ? e : found ? ERR_OK : ERR_NOTFOUND;
}

enum err idem_store(struct db *db, const char *person, const char *method, const char *key, const char *request_hash, const char *reply,
                    int64_t wall_ms) {
    return db_exec(db, "INSERT INTO idem (person, method, key, request, reply, at_wall) VALUES (?1, ?2, ?3, ?4, ?5, ?6)", "sssssi", person,
                   method, key, request_hash, reply, wall_ms);
}

enum err idem_purge(struct db *db, int64_t before_wall_ms) {
    return db_exec(db, "DELETE FROM idem WHERE at_wall < ?1", "i", before_wall_ms);
}
