/* SPDX-License-Identifier: Apache-2.0 */
#include "store/target.h"

#include <string.h>

#define TARGETS_MAX 16

enum err target_put(struct db *db, const struct target_row *t, int64_t wall_ms) {
    return db_exec(db,
                   "INSERT INTO push_target (id, person, channel, vendor, app, token_idx, token_enc, key_enc, device, state, registered_wall, seen_wall) "
                   "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, 'active', ?10, ?10) ON CONFLICT (channel, vendor, app, token_idx) DO UPDATE SET "
                   "person = excluded.person, token_enc = excluded.token_enc, key_enc = excluded.key_enc, device = excluded.device, "
                   "registered_wall = CASE WHEN push_target.state = 'active' AND push_target.person = excluded.person THEN push_target.registered_wall "
                   "ELSE excluded.registered_wall END, state = 'active', reason = '', seen_wall = excluded.seen_wall",
                   "ssssssbbsi", t->id, t->person, t->channel, t->vendor, t->app, t->token_idx, t->token_enc, t->token_enc_n, t->key_enc, t->key_enc_n,
                   t->device, wall_ms);
}

enum err target_drop(struct db *db, const char *person, const char *id, const char *reason) {
    enum err e = db_exec(db, "UPDATE push_target SET state = 'gone', reason = ?3 WHERE id = ?1 AND person = ?2 AND state = 'active'", "sss", id, person, reason);
    return e ? e : db_changes(db) ? ERR_OK : ERR_NOTFOUND;
}

enum err target_drop_device(struct db *db, const char *device, const char *reason) {
    return db_exec(db, "UPDATE push_target SET state = 'gone', reason = ?2 WHERE device = ?1 AND device <> '' AND state = 'active'", "ss", device, reason);
}

enum err target_ids(struct db *db, struct arena *a, const char *person, const char *channel, char ***ids, size_t *n) {
    struct rows *r = db_query(db, "SELECT id FROM push_target WHERE person = ?1 AND channel = ?2 AND state = 'active' ORDER BY seen_wall DESC, id LIMIT ?3", "ssi",
                              person, channel, (int64_t)TARGETS_MAX);
    *ids = NULL;
    *n   = 0;
    while (*n < TARGETS_MAX && db_next(r)) {
        if (*ids == NULL) *ids = arena_alloc(a, TARGETS_MAX * sizeof(char *));
        (*ids)[(*n)++] = arena_strdup(a, row_s(r, 0));
    }
    return db_rows_end(r);
}

enum err target_by_index(struct db *db, struct arena *a, const char *channel, const char *vendor, const char *app, const char *token_idx,
                         const char **id) {
    struct rows *r = db_query(db, "SELECT id FROM push_target WHERE channel = ?1 AND vendor = ?2 AND app = ?3 AND token_idx = ?4", "ssss", channel, vendor, app,
                              token_idx);
    bool         found = db_next(r);
    if (found) *id = arena_strdup(a, row_s(r, 0));
    enum err e = db_rows_end(r);
    return e ? e : found ? ERR_OK : ERR_NOTFOUND;
}

enum err target_is_of(struct db *db, const char *person, const char *channel, const char *token_idx, bool *yes) {
    int64_t  one;
    enum err e = db_one_i(db, &one, "SELECT 1 FROM push_target WHERE person = ?1 AND channel = ?2 AND token_idx = ?3 AND state = 'active' LIMIT 1", "sss", person,
                          channel, token_idx);
    *yes       = e == ERR_OK;
    return e == ERR_NOTFOUND ? ERR_OK : e;
}

enum err target_list(struct db *db, struct arena *a, const char *person, struct target_info **list, size_t *n) {
    struct rows *r = db_query(db,
                              "SELECT id, channel, vendor, app, device, state, reason, registered_wall, seen_wall FROM push_target WHERE person = ?1 "
                              "ORDER BY seen_wall DESC, id LIMIT 200",
                              "s", person);
    *list = arena_alloc(a, 200 * sizeof **list);
    *n    = 0;
    while (*n < 200 && db_next(r)) {
        const char **s[] = {&(*list)[*n].id,     &(*list)[*n].channel, &(*list)[*n].vendor, &(*list)[*n].app,
                            &(*list)[*n].device, &(*list)[*n].state,   &(*list)[*n].reason};
        for (int i = 0; i < 7; i++) *s[i] = arena_strdup(a, row_s(r, i));
        (*list)[*n].registered_wall = row_i(r, 7);
        (*list)[*n].seen_wall       = row_i(r, 8);
        (*n)++;
    }
    return db_rows_end(r);
}

enum err consent_add(struct db *db, const char *channel, const char *token_idx, const char *template_id, int64_t n, bool long_term, int64_t wall_ms) {
    return db_exec(db,
                   "INSERT INTO consent (target, template, left_n, long_term, changed_wall) SELECT id, ?3, ?4, ?5, ?6 FROM push_target WHERE channel = ?1 AND "
                   "token_idx = ?2 AND state = 'active' ON CONFLICT (target, template) DO UPDATE SET left_n = consent.left_n + excluded.left_n, "
                   "long_term = excluded.long_term, changed_wall = excluded.changed_wall",
                   "sssiii", channel, token_idx, template_id, n, (int64_t)long_term, wall_ms);
}

enum err consent_clear(struct db *db, const char *channel, const char *token_idx, const char *template_id, int64_t wall_ms) {
    return db_exec(db,
                   "UPDATE consent SET left_n = 0, long_term = 0, changed_wall = ?4 WHERE (?3 = '' OR template = ?3) AND target IN "
                   "(SELECT id FROM push_target WHERE channel = ?1 AND token_idx = ?2)",
                   "sssi", channel, token_idx, template_id, wall_ms);
}

enum err consent_take(struct db *db, const char *target, const char *template_id, int64_t wall_ms, bool *ok) {
    enum err e = db_exec(db,
                         "UPDATE consent SET left_n = left_n - CASE WHEN long_term = 1 THEN 0 ELSE 1 END, changed_wall = ?3 WHERE target = ?1 AND template = ?2 "
                         "AND (left_n > 0 OR long_term = 1)",
                         "ssi", target, template_id, wall_ms);
    *ok = e == ERR_OK && db_changes(db) > 0;
    return e;
}

enum err opted_out(struct db *db, const char *person, const char *channel, bool *yes) {
    int64_t  one;
    enum err e = db_one_i(db, &one, "SELECT 1 FROM opt_out WHERE person = ?1 AND channel = ?2", "ss", person, channel);
    *yes       = e == ERR_OK;
    return e == ERR_NOTFOUND ? ERR_OK : e;
}

enum err opt_out_set(struct db *db, const char *person, const char *channel, const char *source, bool out, int64_t wall_ms) {
    if (!out) return db_exec(db, "DELETE FROM opt_out WHERE person = ?1 AND channel = ?2", "ss", person, channel);
    return db_exec(db, "INSERT INTO opt_out (person, channel, source, at_wall) VALUES (?1, ?2, ?3, ?4) ON CONFLICT (person, channel) DO NOTHING", "sssi", person,
                   channel, source, wall_ms);
}
