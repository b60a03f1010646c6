/* SPDX-License-Identifier: Apache-2.0 */
#include "store/delivery.h"

#include <stdio.h>
#include <string.h>

#define GO(expr)                                                                                                                 \
    do {                                                                                                                         \
        enum err go_ = (expr);                                                                                                   \
        if (go_ != ERR_OK) return go_;                                                                                           \
    } while (0)

enum err notice_insert(struct db *db, const struct notice_row *n) {
    GO(db_exec(db,
               "INSERT INTO notice (id, person, kind, priority, object, title, body, dedupe, created_biz, created_wall) "
               "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10) ON CONFLICT (person, dedupe) DO NOTHING",
               "sssissssii", n->id, n->person, n->kind, (int64_t)n->priority, n->object, n->title, n->body, n->dedupe, n->created_biz_ms,
               n->created_wall_ms));
    return db_changes(db) ? ERR_OK : ERR_DUP;
}

enum err delivery_insert(struct db *db, const char *id, const char *notice, const char *person, const char *channel, const char *lane,
                         int64_t due_wall_ms, int64_t wall_ms) {
    return db_exec(db,
                   "INSERT INTO delivery (id, notice, person, channel, lane, state, due_wall, updated_wall) "
                   "VALUES (?1, ?2, ?3, ?4, ?5, 'waiting', ?6, ?7)",
                   "sssssii", id, notice, person, channel, lane, due_wall_ms, wall_ms);
}

enum err notice_read_row(struct db *db, const char *person, const char *notice, int64_t wall_ms) {
    GO(db_exec(db, "UPDATE notice SET read_wall = ?3 WHERE id = ?1 AND person = ?2 AND read_wall IS NULL", "ssi", notice, person, wall_ms));
    if (db_changes(db) == 0) {
        int64_t one;
        return db_one_i(db, &one, "SELECT 1 FROM notice WHERE id = ?1 AND person = ?2", "ss", notice, person);
    }
    return db_exec(db, "UPDATE delivery SET state = 'cancelled', updated_wall = ?2 WHERE notice = ?1 AND state IN ('waiting', 'queued')", "si",
                   notice, wall_ms);
}

/* Collects one or two text columns. */
static enum err collect(struct rows *r, struct arena *a, char ***x, char ***y, size_t *n) {
    size_t cap = 0;
    *n         = 0;
    *x         = NULL;
    while (db_next(r)) {
        if (*n == cap) {
            size_t more = cap ? cap * 2 : 32;
            char **nx   = arena_alloc(a, more * sizeof(char *));
            char **ny   = y ? arena_alloc(a, more * sizeof(char *)) : NULL;
            for (size_t i = 0; i < *n; i++) {
                nx[i] = (*x)[i];
                if (y) ny[i] = (*y)[i];
            }
            *x = nx;
            if (y) *y = ny;
            cap = more;
        }
        (*x)[*n] = arena_strdup(a, row_s(r, 0));
        if (y) (*y)[*n] = arena_strdup(a, row_s(r, 1));
        (*n)++;
    }
    return db_rows_end(r);
}

enum err people_of_unit(struct db *db, struct arena *a, const char *unit, unsigned roles, char ***ids, size_t *n) {
    struct rows *r = db_query(db, "SELECT id FROM person WHERE unit = ?1 AND active = 1 AND (roles & ?2) <> 0 ORDER BY id", "si", unit,
                              (int64_t)roles);
    return collect(r, a, ids, NULL, n);
}

enum err sms_history(struct db *db, const char *person, const char *object, int64_t merge_wall_ms, int64_t today_biz_ms, struct sms_history *out) {
    GO(db_one_i(db, &out->same_object,
                "SELECT COUNT(*) FROM delivery d JOIN notice n ON n.id = d.notice WHERE d.person = ?1 AND d.channel = 'sms' AND "
                "d.state NOT IN ('cancelled', 'failed') AND n.object = ?2 AND n.object <> '' AND n.created_wall >= ?3",
                "ssi", person, object, merge_wall_ms));
    return db_one_i(db, &out->today,
                    "SELECT COUNT(*) FROM delivery d JOIN notice n ON n.id = d.notice WHERE d.person = ?1 AND d.channel = 'sms' AND "
                    "d.state NOT IN ('cancelled', 'failed') AND n.priority >= 2 AND n.created_biz >= ?2",
                    "si", person, today_biz_ms);
}

/* ---- the relay ---- */
const char *const delivery_lanes[4] = {"p0", "p1", "p2", "p3"};

enum err delivery_is_due(struct db *db, int64_t wall_ms, bool *yes) {
    int64_t one = 0;
    *yes        = false;
    for (size_t i = 0; i < 4 && !*yes; i++) {
        enum err e = db_one_i(db, &one, "SELECT 1 FROM delivery WHERE state = 'waiting' AND lane = ?1 AND due_wall <= ?2 LIMIT 1", "si",
                              delivery_lanes[i], wall_ms);
        if (e && e != ERR_NOTFOUND) return e;
        *yes = e == ERR_OK;
    }
    return ERR_OK;
}

static enum err queue_lane(struct db *db, struct arena *a, const char *lane, int64_t wall_ms, size_t max, size_t lane_max, char ***ids, size_t *n) {
    int64_t there = 0;
    *n            = 0;
    GO(db_one_i(db, &there, "SELECT COUNT(*) FROM (SELECT 1 FROM delivery WHERE state = 'queued' AND lane = ?1 LIMIT ?2) AS q", "si", lane,
                (int64_t)lane_max));
    if ((size_t)there >= lane_max) return ERR_OK;
    size_t room  = lane_max - (size_t)there;
    struct rows *r = db_query(db, "SELECT id FROM delivery WHERE state = 'waiting' AND lane = ?1 AND due_wall <= ?2 ORDER BY due_wall, id LIMIT ?3",
                              "sii", lane, wall_ms, (int64_t)(room < max ? room : max));
    GO(collect(r, a, ids, NULL, n));
    for (size_t i = 0; i < *n; i++)
        GO(db_exec(db, "UPDATE delivery SET state = 'queued', updated_wall = ?2 WHERE id = ?1", "si", (*ids)[i], wall_ms));
    return ERR_OK;
}

enum err delivery_queue_due(struct db *db, struct arena *a, int64_t wall_ms, size_t max, size_t lane_max, char ***ids, char ***lanes, size_t *n) {
    *ids   = arena_alloc(a, max * sizeof(char *));
    *lanes = arena_alloc(a, max * sizeof(char *));
    *n     = 0;
    for (size_t i = 0; i < 4 && *n < max; i++) {
        char **some;
        size_t some_n;
        GO(queue_lane(db, a, delivery_lanes[i], wall_ms, max - *n, lane_max, &some, &some_n));
        for (size_t k = 0; k < some_n; k++) {
            (*ids)[*n]   = some[k];
            (*lanes)[*n] = arena_strdup(a, delivery_lanes[i]);
            (*n)++;
        }
    }
    return ERR_OK;
}

enum err delivery_list_queued(struct db *db, struct arena *a, const char *lane, int64_t after_due, const char *after_id, size_t max,
                              char ***ids, size_t *n, int64_t *last_due) {
    struct rows *r = db_query(db,
                              "SELECT id, due_wall FROM delivery WHERE state = 'queued' AND lane = ?1 AND (due_wall > ?2 OR (due_wall = ?2 AND id > ?3)) "
                              "ORDER BY due_wall, id LIMIT ?4",
                              "sisi", lane, after_due, after_id, (int64_t)max);
    *ids = arena_alloc(a, max * sizeof(char *));
    *n   = 0;
    while (*n < max && db_next(r)) {
        (*ids)[(*n)++] = arena_strdup(a, row_s(r, 0));
        *last_due      = row_i(r, 1);
    }
    return db_rows_end(r);
}

enum err delivery_is_stuck(struct db *db, int64_t before_wall_ms, bool *yes) {
    int64_t one = 0;
    *yes        = false;
    for (size_t i = 0; i < 4 && !*yes; i++) {
        enum err e = db_one_i(db, &one, "SELECT 1 FROM delivery WHERE state = 'queued' AND lane = ?1 AND updated_wall < ?2 LIMIT 1", "si",
                              delivery_lanes[i], before_wall_ms);
        if (e && e != ERR_NOTFOUND) return e;
        *yes = e == ERR_OK;
    }
    return ERR_OK;
}

enum err delivery_purge(struct db *db, int64_t expired_wall_ms, int64_t parts_wall_ms, int64_t max) {
    GO(db_exec(db,
               "DELETE FROM direct_sms WHERE delivery IN (SELECT delivery FROM direct_sms WHERE expires_wall < ?1 ORDER BY expires_wall LIMIT ?2)",
               "ii", expired_wall_ms, max));
    return db_exec(db,
                   "DELETE FROM sms_part WHERE at_wall < ?1 AND delivery IN (SELECT delivery FROM sms_part WHERE at_wall < ?1 ORDER BY at_wall LIMIT ?2)",
                   "ii", parts_wall_ms, max);
}

enum err delivery_insert_direct(struct db *db, const struct direct_sms *d, int64_t wall_ms) {
    GO(db_exec(db,
               "INSERT INTO delivery (id, notice, person, channel, lane, state, due_wall, updated_wall) VALUES (?1, NULL, '', ?2, 'p0', ?3, ?4, ?4)",
               "sssi", d->id, d->demo_log ? "log" : "sms", d->live ? "waiting" : "cancelled", wall_ms));
    return db_exec(db, "INSERT INTO direct_sms (delivery, ref, phone_enc, text_enc, expires_wall) VALUES (?1, ?2, ?3, ?4, ?5)", "ssbbi", d->id,
                   d->ref, d->phone_enc, d->phone_n, d->text_enc, d->text_n, d->expires_wall_ms);
}

static const void *copy_blob(const struct rows *r, int col, struct arena *a, size_t *n) {
    const void *p = row_b(r, col, n);
    return p && *n ? memcpy(arena_alloc(a, *n), p, *n) : NULL;
}

static const char *copy_text(const struct rows *r, int col, struct arena *a) {
    const char *s = row_s(r, col);
    return s ? arena_strdup(a, s) : "";
}

/* ---- the delivery worker ---- */
enum err delivery_peek(struct db *db, struct arena *a, const char *id, const char **channel) {
    struct rows *r     = db_query(db, "SELECT channel FROM delivery WHERE id = ?1 AND state = 'queued'", "s", id);
    bool         found = db_next(r);
    if (found) *channel = arena_strdup(a, row_s(r, 0));
    enum err e = db_rows_end(r);
    return e ? e : found ? ERR_OK : ERR_NOTFOUND;
}

enum err delivery_claim(struct db *db, struct arena *a, const char *id, const char *worker, int64_t wall_ms, struct delivery_job *out) {
    GO(db_exec(db,
               "UPDATE delivery SET state = 'claimed', worker = ?2, claimed_wall = ?3, attempts = attempts + 1, updated_wall = ?3 "
               "WHERE id = ?1 AND state = 'queued'",
               "ssi", id, worker, wall_ms));
    if (db_changes(db) == 0) return ERR_NOTFOUND;
    struct rows *r = db_query(db,
                              "SELECT d.notice, d.person, d.channel, d.lane, n.kind, n.object, n.title, n.body, COALESCE(n.priority, 0), d.attempts, "
                              "COALESCE(n.created_biz, 0), COALESCE(s.phone_enc, p.phone_enc), p.unit, s.text_enc, COALESCE(s.expires_wall, 0) "
                              "FROM delivery d LEFT JOIN notice n ON n.id = d.notice LEFT JOIN person p ON p.id = d.person "
                              "LEFT JOIN direct_sms s ON s.delivery = d.id WHERE d.id = ?1",
                              "s", id);
    bool found = db_next(r);
    if (found) {
        *out = (struct delivery_job){.id              = arena_strdup(a, id),
                                     .notice          = copy_text(r, 0, a),
                                     .person          = copy_text(r, 1, a),
                                     .channel         = copy_text(r, 2, a),
                                     .lane            = copy_text(r, 3, a),
                                     .kind            = copy_text(r, 4, a),
                                     .object          = copy_text(r, 5, a),
                                     .title           = copy_text(r, 6, a),
                                     .body            = copy_text(r, 7, a),
                                     .priority        = (int)row_i(r, 8),
                                     .attempts        = (int)row_i(r, 9),
                                     .created_biz_ms  = row_i(r, 10),
                                     .unit            = copy_text(r, 12, a),
                                     .expires_wall_ms = row_i(r, 14)};
        out->phone_enc = copy_blob(r, 11, a, &out->phone_enc_n);
        out->text_enc  = copy_blob(r, 13, a, &out->text_enc_n);
    }
    GO(db_rows_end(r));
    if (!found) return ERR_NOTFOUND;
    return db_exec(db, "INSERT INTO attempt (delivery, n, worker, started_wall) VALUES (?1, ?2, ?3, ?4)", "sisi", id, (int64_t)out->attempts,
                   worker, wall_ms);
}

/* "a,b,c": a row for each. */
static enum err add_parts(struct db *db, const char *id, const char *refs, int64_t wall_ms) {
    char one[40];
    for (int64_t n = 1; *refs; n++) {
        size_t len = strcspn(refs, ",");
        if (len >= sizeof one) return ERR_OK; /* no Msg_Id of ours */
        memcpy(one, refs, len);
        one[len] = '\0';
        refs += len + (refs[len] == ',');
        GO(db_exec(db, "INSERT INTO sms_part (msg_id, delivery, n, at_wall) VALUES (?1, ?2, ?3, ?4) ON CONFLICT (msg_id, delivery) DO NOTHING", "ssii",
                   one, id, n, wall_ms));
    }
    return ERR_OK;
}

/* Read while it was in hand: no further try. */
static enum err is_read(struct db *db, const char *id, bool *yes) {
    int64_t  one;
    enum err e = db_one_i(db, &one, "SELECT 1 FROM delivery d JOIN notice n ON n.id = d.notice WHERE d.id = ?1 AND n.read_wall IS NOT NULL", "s", id);
    *yes       = e == ERR_OK;
    return e == ERR_NOTFOUND ? ERR_OK : e;
}

enum err delivery_result(struct db *db, const char *id, int attempt, const char *state, const char *verdict, const char *detail,
                         const char *provider_ref, int64_t due_wall_ms, int64_t wall_ms) {
    bool again = strcmp(state, "waiting") == 0, read = false;
    GO(db_exec(db, "UPDATE attempt SET ended_wall = ?3, verdict = ?4, detail = ?5 WHERE delivery = ?1 AND n = ?2", "siiss", id, (int64_t)attempt,
               wall_ms, verdict, detail));
    if (again) GO(is_read(db, id, &read));
    if (read) state = "cancelled";
    /* a status report may have come before the answer: `delivered` and `failed` by report stay; so does what another life of this
     * worker recovered and somebody claimed again (another attempt) */
    GO(db_exec(db,
               "UPDATE delivery SET state = ?2, detail = ?3, provider_ref = ?4, due_wall = ?5, updated_wall = ?6 "
               "WHERE id = ?1 AND state = 'claimed' AND attempts = ?7",
               "ssssiii", id, state, detail, provider_ref, due_wall_ms, wall_ms, (int64_t)attempt));
    GO(add_parts(db, id, provider_ref, wall_ms));
    if (again && !read) return ERR_OK;
    return db_exec(db, "DELETE FROM direct_sms WHERE delivery = ?1", "s", id); /* D7: kept until the verdict, not longer */
}

enum err delivery_report(struct db *db, const char *msg_id, bool delivered, bool whole, const char *stat, int64_t wall_ms) {
    /* Msg_Ids carry no year: the newest */
    struct rows *r     = db_query(db, "SELECT delivery FROM sms_part WHERE msg_id = ?1 ORDER BY at_wall DESC LIMIT 1", "s", msg_id);
    bool         found = db_next(r);
    char         id[64] = "";
    if (found) (void)snprintf(id, sizeof id, "%s", row_s(r, 0));
    GO(db_rows_end(r));
    if (!found) return ERR_NOTFOUND;
    GO(db_exec(db, "UPDATE sms_part SET stat = ?3 WHERE msg_id = ?1 AND delivery = ?2", "sss", msg_id, id, stat));
    int64_t open = 0;
    if (delivered && !whole) GO(db_one_i(db, &open, "SELECT COUNT(*) FROM sms_part WHERE delivery = ?1 AND stat <> 'DELIVRD'", "s", id));
    if (open > 0) return ERR_OK;
    return db_exec(db, "UPDATE delivery SET state = ?2, detail = ?3, updated_wall = ?4 WHERE id = ?1 AND state IN ('sent', 'claimed', 'unknown')", "sssi",
                   id, delivered ? "delivered" : "failed", stat, wall_ms);
}

enum err delivery_recover(struct db *db, const char *worker, int64_t older_than_wall_ms, int64_t wall_ms, int64_t *n) {
    GO(db_exec(db,
               "UPDATE attempt SET ended_wall = ?3, verdict = 'unknown', detail = 'worker ended before the answer' WHERE ended_wall IS NULL AND "
               "delivery IN (SELECT id FROM delivery WHERE state = 'claimed' AND ((worker = ?1 AND worker <> '') OR claimed_wall < ?2))",
               "sii", worker, older_than_wall_ms, wall_ms));
    GO(db_exec(db,
               "DELETE FROM direct_sms WHERE delivery IN (SELECT id FROM delivery WHERE state = 'claimed' AND ((worker = ?1 AND worker <> '') OR "
               "claimed_wall < ?2))",
               "si", worker, older_than_wall_ms)); /* texts to bare numbers are not repeated (D24), so their text goes (D7) */
    GO(db_exec(db,
               "UPDATE delivery SET state = CASE WHEN EXISTS (SELECT 1 FROM notice WHERE notice.id = delivery.notice AND priority <= 1 AND "
               "read_wall IS NULL) THEN 'waiting' ELSE 'unknown' END, detail = 'unknown outcome', due_wall = ?3, updated_wall = ?3 "
               "WHERE state = 'claimed' AND ((worker = ?1 AND worker <> '') OR claimed_wall < ?2)",
               "sii", worker, older_than_wall_ms, wall_ms));
    *n = db_changes(db);
    return ERR_OK;
}
