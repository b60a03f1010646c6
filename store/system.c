/* SPDX-License-Identifier: Apache-2.0 */
#include "store/system.h"

#include <string.h>

enum err system_key_get(struct db *db, struct arena *a, const char *id, struct system_key *out) {
    enum err e = ERR_NOTFOUND;
    memset(out, 0, sizeof *out);
    struct rows *r = db_query(db, "SELECT id, name, secret_enc, active FROM system_key WHERE id = ?1", "s", id);
    if (db_next(r)) {
        const void *enc   = row_b(r, 2, &out->secret_enc_n);
        void       *copy  = arena_alloc(a, out->secret_enc_n + 1);
        out->id           = arena_strdup(a, row_s(r, 0));
        out->name         = arena_strdup(a, row_s(r, 1));
        out->secret_enc   = memcpy(copy, enc ? enc : "", out->secret_enc_n);
        out->active       = row_i(r, 3) != 0;
        e                 = ERR_OK;
    }
    enum err end = db_rows_end(r);
    return end ? end : e;
}

enum err system_key_add(struct db *db, const char *id, const char *name, const void *secret_enc, size_t n, int64_t wall_ms) {
    return db_exec(db, "INSERT INTO system_key (id, name, secret_enc, created_wall) VALUES (?1, ?2, ?3, ?4)", "ssbi", id, name, secret_enc, n, wall_ms);
}

enum err system_key_set_active(struct db *db, const char *id, bool active) {
    enum err e = db_exec(db, "UPDATE system_key SET active = ?2 WHERE id = ?1", "si", id, (int64_t)active);
    if (e) return e;
    return db_changes(db) == 1 ? ERR_OK : ERR_NOTFOUND;
}

enum err inbound_event_add(struct db *db, const char *source, const char *id, const char *kind, const char *event_at, const char *body,
                           int64_t wall_ms) {
    return db_exec(db, "INSERT INTO inbound_event (source, id, kind, event_at, body, at_wall) VALUES (?1, ?2, ?3, ?4, ?5, ?6)", "sssssi", source, id,
                   kind, event_at, body, wall_ms);
}

enum err inbound_event_known(struct db *db, const char *source, const char *id, bool *known) {
    int64_t  n = 0;
    enum err e = db_one_i(db, &n, "SELECT COUNT(*) FROM inbound_event WHERE source = ?1 AND id = ?2", "ss", source, id);
    *known     = n > 0;
    return e;
}
