/* SPDX-License-Identifier: Apache-2.0 */
#include "store/auth.h"

#include <string.h>

enum err challenge_add(struct db *db, const struct challenge *c) {
    return db_exec(db,
                   "INSERT INTO sms_challenge (id, phone_idx, person, code_mac, nonce, address, created_wall, expires_wall) "
                   "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
                   "ssssssii", c->id, c->phone_idx, c->person, c->code_mac, c->nonce, c->address, c->created_wall, c->expires_wall);
}

enum err challenge_get(struct db *db, struct arena *a, const char *id, struct challenge *out) {
    enum err e = ERR_NOTFOUND;
    memset(out, 0, sizeof *out);
    struct rows *r = db_query(db,
                              "SELECT id, phone_idx, person, code_mac, nonce, address, tries, used, created_wall, expires_wall "
                              "FROM sms_challenge WHERE id = ?1",
                              "s", id);
    if (db_next(r)) {
        out->id           = arena_strdup(a, row_s(r, 0));
        out->phone_idx    = arena_strdup(a, row_s(r, 1));
        out->person       = arena_strdup(a, row_s(r, 2));
        out->code_mac     = arena_strdup(a, row_s(r, 3));
        out->nonce        = arena_strdup(a, row_s(r, 4));
        out->address      = arena_strdup(a, row_s(r, 5));
        out->tries        = row_i(r, 6);
        out->used         = row_i(r, 7) != 0;
        out->created_wall = row_i(r, 8);
        out->expires_wall = row_i(r, 9);
        e                 = ERR_OK;
    }
    enum err end = db_rows_end(r);
    return end ? end : e;
}

enum err challenge_try(struct db *db, const char *id) {
    return db_exec(db, "UPDATE sms_challenge SET tries = tries + 1 WHERE id = ?1", "s", id);
}

enum err challenge_use(struct db *db, const char *id) {
    enum err e = db_exec(db, "UPDATE sms_challenge SET used = 1 WHERE id = ?1 AND used = 0", "s", id);
    if (e) return e;
    return db_changes(db) == 1 ? ERR_OK : ERR_DUP;
}

static enum err read_count(struct rows *r, struct challenge_count *out) {
    memset(out, 0, sizeof *out);
    if (db_next(r)) {
        out->n          = row_i(r, 0);
        out->first_wall = row_i(r, 1);
        out->last_wall  = row_i(r, 2);
    }
    return db_rows_end(r);
}

enum err challenge_count_phone(struct db *db, const char *phone_idx, int64_t since_wall, struct challenge_count *out) {
    return read_count(db_query(db,
                               "SELECT COUNT(*), MIN(created_wall), MAX(created_wall) FROM sms_challenge WHERE phone_idx = ?1 AND created_wall > ?2",
                               "si", phone_idx, since_wall),
                      out);
}

enum err challenge_count_address(struct db *db, const char *address, int64_t since_wall, struct challenge_count *out) {
    return read_count(db_query(db,
                               "SELECT COUNT(*), MIN(created_wall), MAX(created_wall) FROM sms_challenge WHERE address = ?1 AND created_wall > ?2",
                               "si", address, since_wall),
                      out);
}

enum err challenge_count_all(struct db *db, int64_t since_wall, int64_t *n) {
    return db_one_i(db, n, "SELECT COUNT(*) FROM sms_challenge WHERE created_wall > ?1", "i", since_wall);
}

enum err login_fail_add(struct db *db, const char *account, const char *address, const struct fail_rule *rule, int64_t wall_ms) {
    int64_t      fails = 0, first = wall_ms, until = 0;
    bool         known = false;
    struct rows *r     = db_query(db, "SELECT fails, first_wall, locked_until FROM login_fail WHERE account = ?1 AND address = ?2", "ss", account, address);
    if (db_next(r)) {
        known = true;
        until = row_i(r, 2);
        if (row_i(r, 1) > wall_ms - rule->window_ms) {
            fails = row_i(r, 0);
            first = row_i(r, 1);
        }
    }
    enum err e = db_rows_end(r);
    if (e) return e;
    fails++;
    int64_t locked = fails >= rule->max ? wall_ms + rule->lock_ms : 0;
    if (locked) fails = 0;
    if (locked < until) locked = until; /* one more failure never opens what is locked */
    if (!known)
        return db_exec(db, "INSERT INTO login_fail (account, address, fails, first_wall, locked_until) VALUES (?1, ?2, ?3, ?4, ?5)", "ssiii", account,
                       address, fails, first, locked);
    return db_exec(db, "UPDATE login_fail SET fails = ?3, first_wall = ?4, locked_until = ?5 WHERE account = ?1 AND address = ?2", "ssiii", account,
                   address, fails, first, locked);
}

enum err login_fail_clear(struct db *db, const char *account, const char *address) {
    return db_exec(db, "DELETE FROM login_fail WHERE account = ?1 AND address = ?2", "ss", account, address);
}

enum err login_locked(struct db *db, const char *account, const char *address, int64_t wall_ms, int64_t *until_wall) {
    *until_wall = 0;
    enum err e  = db_one_i(db, until_wall, "SELECT locked_until FROM login_fail WHERE account = ?1 AND address = ?2", "ss", account, address);
    if (e && e != ERR_NOTFOUND) return e;
    if (e || *until_wall <= wall_ms) *until_wall = 0;
    return ERR_OK;
}

enum err session_revoked_add(struct db *db, const char *session, const char *person, int64_t wall_ms) {
    bool     known;
    enum err e = auth_session_revoked(db, session, &known);
    if (e || known) return e;
    return db_exec(db, "INSERT INTO session_revoked (session, person, at_wall) VALUES (?1, ?2, ?3)", "ssi", session, person, wall_ms);
}

enum err auth_session_revoked(struct db *db, const char *session, bool *out) {
    int64_t  n = 0;
    enum err e = db_one_i(db, &n, "SELECT COUNT(*) FROM session_revoked WHERE session = ?1", "s", session);
    *out       = n > 0;
    return e;
}

enum err auth_sweep(struct db *db, int64_t wall_ms, int64_t keep_ms) {
    const int64_t two_days = 2 * 86400000LL;
    enum err      e        = db_exec(db, "DELETE FROM sms_challenge WHERE created_wall < ?1", "i", wall_ms - two_days);
    if (!e) e = db_exec(db, "DELETE FROM login_fail WHERE first_wall < ?1 AND locked_until < ?2", "ii", wall_ms - two_days, wall_ms);
    if (!e) e = db_exec(db, "DELETE FROM session_revoked WHERE at_wall < ?1", "i", wall_ms - keep_ms);
    if (!e) e = db_exec(db, "DELETE FROM session_device WHERE at_wall < ?1", "i", wall_ms - keep_ms);
    return e;
}
