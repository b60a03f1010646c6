/* SPDX-License-Identifier: Apache-2.0 */
#include "store/device.h"

#include <string.h>

#include "base/check.h"

#define DEVICE_LIST_MAX 200

static void read_device(struct rows *r, struct arena *a, struct device *d) {
    memset(d, 0, sizeof *d);
    d->id                = arena_strdup(a, row_s(r, 0));
    d->person            = arena_strdup(a, row_s(r, 1));
    d->pubkey            = arena_strdup(a, row_s(r, 2));
    d->name              = arena_strdup(a, row_s(r, 3));
    d->platform          = arena_strdup(a, row_s(r, 4));
    d->state             = arena_strdup(a, row_s(r, 5));
    d->last_serial       = row_i(r, 6);
    d->created_wall      = row_i(r, 7);
    d->activated_wall    = row_i(r, 8);
    d->lost_wall         = row_i(r, 9);
    d->has_code          = !row_is_null(r, 10);
    d->code_confirmed    = !row_is_null(r, 11);
    d->code_expires_wall = row_i(r, 10);
}

enum err device_get(struct db *db, struct arena *a, const char *id, struct device *out) {
    enum err     e = ERR_NOTFOUND;
    struct rows *r = db_query(db,
                              "SELECT d.id, d.person, d.pubkey, d.name, d.platform, d.state, d.last_serial, d.created_wall, d.activated_wall, "
                              "d.lost_wall, c.expires_wall, c.second_by FROM device d LEFT JOIN activation c ON c.device = d.id WHERE d.id = ?1",
                              "s", id);
    if (db_next(r)) {
        read_device(r, a, out);
        e = ERR_OK;
    }
    enum err end = db_rows_end(r);
    return end ? end : e;
}

enum err device_list(struct db *db, struct arena *a, const char *person, struct device **list, size_t *n) {
    *list          = arena_alloc(a, DEVICE_LIST_MAX * sizeof **list);
    *n             = 0;
    struct rows *r = db_query(db,
                              "SELECT d.id, d.person, d.pubkey, d.name, d.platform, d.state, d.last_serial, d.created_wall, d.activated_wall, "
                              "d.lost_wall, c.expires_wall, c.second_by FROM device d LEFT JOIN activation c ON c.device = d.id "
                              "WHERE d.person = ?1 ORDER BY d.id DESC LIMIT 200",
                              "s", person);
    while (*n < DEVICE_LIST_MAX && db_next(r)) read_device(r, a, &(*list)[(*n)++]);
    return db_rows_end(r);
}

enum err device_count(struct db *db, const char *person, const char *state, int64_t *n) {
    return db_one_i(db, n, "SELECT COUNT(*) FROM device WHERE person = ?1 AND state = ?2", "ss", person, state);
}

enum err device_pubkey_known(struct db *db, const char *pubkey, bool *known) {
    int64_t  n = 0;
    enum err e = db_one_i(db, &n, "SELECT COUNT(*) FROM device WHERE pubkey = ?1", "s", pubkey);
    *known     = n > 0;
    return e;
}

enum err device_newest_active(struct db *db, struct arena *a, const char *person, const char **id) {
    *id            = "";
    struct rows *r = db_query(db, "SELECT id FROM device WHERE person = ?1 AND state = 'active' ORDER BY id DESC LIMIT 1", "s", person);
    if (db_next(r)) *id = arena_strdup(a, row_s(r, 0));
    return db_rows_end(r);
}

enum err device_add(struct db *db, const char *id, const char *person, const char *pubkey, const char *name, const char *platform,
                    int64_t wall_ms) {
    return db_exec(db, "INSERT INTO device (id, person, pubkey, name, platform, state, created_wall) VALUES (?1, ?2, ?3, ?4, ?5, 'pending', ?6)",
                   "sssssi", id, person, pubkey, name, platform, wall_ms);
}

enum err device_set_active(struct db *db, const char *id, int64_t wall_ms) {
    enum err e = db_exec(db, "UPDATE device SET state = 'active', activated_wall = ?2 WHERE id = ?1 AND state = 'pending'", "si", id, wall_ms);
    if (e) return e;
    return db_changes(db) == 1 ? ERR_OK : ERR_STATE;
}

enum err device_set_lost(struct db *db, const char *id, int64_t wall_ms) {
    enum err e = db_exec(db, "UPDATE device SET state = 'lost', lost_wall = ?2 WHERE id = ?1 AND state <> 'lost'", "si", id, wall_ms);
    return e ? e : activation_drop(db, id);
}

enum err device_take_serial(struct db *db, const char *id, int64_t serial) {
    enum err e = db_exec(db, "UPDATE device SET last_serial = ?2 WHERE id = ?1 AND last_serial < ?2", "si", id, serial);
    if (e) return e;
    return db_changes(db) == 1 ? ERR_OK : ERR_DUP;
}

enum err activation_put(struct db *db, const char *device, const char *code_mac, const char *issued_by, int64_t expires_wall) {
    enum err e = activation_drop(db, device);
    if (e) return e;
    return db_exec(db, "INSERT INTO activation (device, code_mac, issued_by, expires_wall) VALUES (?1, ?2, ?3, ?4)", "sssi", device, code_mac,
                   issued_by, expires_wall);
}

enum err activation_get(struct db *db, struct arena *a, const char *device, struct activation *out) {
    enum err e = ERR_NOTFOUND;
    memset(out, 0, sizeof *out);
    struct rows *r = db_query(db, "SELECT device, code_mac, issued_by, second_by, tries, expires_wall FROM activation WHERE device = ?1", "s", device);
    if (db_next(r)) {
        out->device       = arena_strdup(a, row_s(r, 0));
        out->code_mac     = arena_strdup(a, row_s(r, 1));
        out->issued_by    = arena_strdup(a, row_s(r, 2));
        out->second_by    = arena_strdup(a, row_s(r, 3));
        out->tries        = row_i(r, 4);
        out->expires_wall = row_i(r, 5);
        e                 = ERR_OK;
    }
    enum err end = db_rows_end(r);
    return end ? end : e;
}

enum err activation_confirm(struct db *db, const char *device, const char *second_by) {
    return db_exec(db, "UPDATE activation SET second_by = ?2 WHERE device = ?1", "ss", device, second_by);
}

enum err activation_try(struct db *db, const char *device) {
    return db_exec(db, "UPDATE activation SET tries = tries + 1 WHERE device = ?1", "s", device);
}

enum err activation_drop(struct db *db, const char *device) { return db_exec(db, "DELETE FROM activation WHERE device = ?1", "s", device); }

enum err session_device_put(struct db *db, const char *session, const char *person, const char *device, int64_t wall_ms) {
    enum err e = db_exec(db, "DELETE FROM session_device WHERE session = ?1", "s", session);
    if (e) return e;
    return db_exec(db, "INSERT INTO session_device (session, person, device, at_wall) VALUES (?1, ?2, ?3, ?4)", "sssi", session, person, device,
                   wall_ms);
}

enum err session_device_get(struct db *db, struct arena *a, const char *session, const char **device, const char **state) {
    *device = "";
    if (state) *state = "";
    struct rows *r = db_query(db, "SELECT s.device, d.state FROM session_device s JOIN device d ON d.id = s.device WHERE s.session = ?1", "s", session);
    if (db_next(r)) {
        *device = arena_strdup(a, row_s(r, 0));
        if (state) *state = arena_strdup(a, row_s(r, 1));
    }
    return db_rows_end(r);
}

enum err session_device_list(struct db *db, struct arena *a, const char *device, struct session_of **list, size_t *n) {
    int64_t  count = 0;
    enum err e     = db_one_i(db, &count, "SELECT COUNT(*) FROM session_device WHERE device = ?1", "s", device);
    if (e) return e;
    *list          = arena_alloc(a, ((size_t)count + 1) * sizeof **list);
    *n             = 0;
    struct rows *r = db_query(db,
                              "SELECT s.session, s.person FROM session_device s LEFT JOIN session_revoked x ON x.session = s.session "
                              "WHERE s.device = ?1 AND x.session IS NULL ORDER BY s.session",
                              "s", device);
    while (*n < (size_t)count && db_next(r)) {
        (*list)[*n].session = arena_strdup(a, row_s(r, 0));
        (*list)[*n].person  = arena_strdup(a, row_s(r, 1));
        (*n)++;
    }
    return db_rows_end(r);
}

enum err session_device_drop(struct db *db, const char *device) {
    return db_exec(db, "DELETE FROM session_device WHERE device = ?1", "s", device);
}

enum err device_board(struct db *db, struct arena *a, unsigned roles, struct device_board_row **list, size_t *n) {
    int64_t  count = 0;
    enum err e     = db_one_i(db, &count, "SELECT COUNT(*) FROM person WHERE active = 1 AND (roles & ?1) <> 0", "i", (int64_t)roles);
    if (e) return e;
    *list = arena_alloc(a, ((size_t)count + 1) * sizeof **list);
    *n    = 0;
    /* One row per device; the most advanced device of a person comes first, the others are skipped. */
    struct rows *r = db_query(db,
                              "SELECT p.id, p.name, p.unit, p.roles, d.id, d.state, d.activated_wall, c.device, c.second_by FROM person p "
                              "LEFT JOIN device d ON d.person = p.id LEFT JOIN activation c ON c.device = d.id "
                              "WHERE p.active = 1 AND (p.roles & ?1) <> 0 ORDER BY p.id, "
                              "CASE d.state WHEN 'active' THEN 0 WHEN 'pending' THEN 1 ELSE 2 END, d.id DESC",
                              "i", (int64_t)roles);
    while (db_next(r)) {
        if (*n && strcmp((*list)[*n - 1].person, row_s(r, 0)) == 0) continue;
        if (*n == (size_t)count) break;
        struct device_board_row *b = &(*list)[(*n)++];
        b->person                  = arena_strdup(a, row_s(r, 0));
        b->name                    = arena_strdup(a, row_s(r, 1));
        b->unit                    = arena_strdup(a, row_s(r, 2) ? row_s(r, 2) : "");
        b->roles                   = (unsigned)row_i(r, 3);
        b->device                  = arena_strdup(a, row_s(r, 4) ? row_s(r, 4) : "");
        b->state                   = arena_strdup(a, row_s(r, 5) ? row_s(r, 5) : "");
        b->activated_wall          = row_i(r, 6);
        b->has_code                = !row_is_null(r, 7);
        b->code_confirmed          = !row_is_null(r, 8);
    }
    return db_rows_end(r);
}
