/* SPDX-License-Identifier: Apache-2.0 */
#include "store/delivery.h"

#include <stdio.h>
#include <string.h>

#include "store/circular.h"

#define REPLY_MORE_MS (25LL * 86400000) /* replies stay a month: parts five days, and this */

#define GO(expr)                                                                                                                 \
    do {                                                                                                                         \
        enum err go_ = (expr);                                                                                                   \
        if (go_ != ERR_OK) return go_;                                                                                           \
    } while (0)

enum err notice_insert(struct db *db, const struct notice_row *n) {
    GO(db_exec(db,
               "INSERT INTO notice (id, person, kind, priority, object, title, body, dedupe, created_biz, created_wall, var_t, var_x, deadline_wall, "
               "circular) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, COALESCE(?14, '')) ON CONFLICT (person, dedupe) DO NOTHING",
               "sssissssiissis", n->id, n->person, n->kind, (int64_t)n->priority, n->object, n->title, n->body, n->dedupe, n->created_biz_ms,
               n->created_wall_ms, n->var_t, n->var_x, n->deadline_wall_ms, n->circular));
    return db_changes(db) ? ERR_OK : ERR_DUP;
}

#define X(symbol, word, target, zh) {word, TARGET_##target, zh},
const struct delivery_channel_info delivery_channels[CHANNELS_N] = {
#include "store/delivery_channel.def"
};
#undef X
#define X(symbol, word, target, zh) "p0." word,
const char *const delivery_lanes[DELIVERY_LANES] = {
#include "store/delivery_channel.def"
#undef X
#define X(symbol, word, target, zh) "p1." word,
#include "store/delivery_channel.def"
#undef X
#define X(symbol, word, target, zh) "p2." word,
#include "store/delivery_channel.def"
#undef X
#define X(symbol, word, target, zh) "p3." word,
#include "store/delivery_channel.def"
#undef X
};
static const char *const priorities[] = {"p0", "p1", "p2", "p3"};

int delivery_channel_of(const char *word) {
    for (int i = 0; i < CHANNELS_N; i++)
        if (strcmp(delivery_channels[i].word, word) == 0) return i;
    return -1;
}

static const char *lane_priority(size_t lane) { return priorities[lane / CHANNELS_N]; }
static const char *lane_channel(size_t lane) { return delivery_channels[lane % CHANNELS_N].word; }

enum err delivery_insert(struct db *db, const struct delivery_row *d) {
    return db_exec(db,
                   "INSERT INTO delivery (id, notice, person, channel, lane, state, due_wall, updated_wall, step, target, not_before, raise_of) "
                   "VALUES (?1, NULLIF(?2, ''), ?3, ?4, ?5, 'waiting', ?6, ?7, ?8, ?9, ?10, ?11)",
                   "sssssiiisis", d->id, d->notice, d->person, d->channel, priorities[d->priority], d->due_wall_ms, d->wall_ms, (int64_t)d->step,
                   d->target, d->not_before_wall_ms, d->raise_of ? d->raise_of : "");
}

enum err notice_read_row(struct db *db, const char *person, const char *notice, const char *by, int64_t wall_ms) {
    GO(db_exec(db, "UPDATE notice SET read_wall = ?3, read_by = ?4 WHERE id = ?1 AND person = ?2 AND read_wall IS NULL", "ssis", notice, person,
               wall_ms, by));
    if (db_changes(db) == 0) {
        int64_t one;
        return db_one_i(db, &one, "SELECT 1 FROM notice WHERE id = ?1 AND person = ?2", "ss", notice, person);
    }
    GO(db_exec(db, "UPDATE delivery SET state = 'cancelled', updated_wall = ?2 WHERE notice = ?1 AND state IN ('waiting', 'queued')", "si", notice,
               wall_ms));
    return circular_read(db, notice, person, by, wall_ms);
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
_Static_assert(DELIVERY_LANES <= 32, "a set of lanes is 32 bits");

static enum err exists(enum err e, bool *yes) {
    *yes = e == ERR_OK;
    return e == ERR_NOTFOUND ? ERR_OK : e;
}

static enum err lane_is_due(struct db *db, size_t lane, int64_t wall_ms, bool *yes) {
    int64_t one;
    return exists(db_one_i(db, &one, "SELECT 1 FROM delivery WHERE state = 'waiting' AND lane = ?1 AND channel = ?2 AND due_wall <= ?3 LIMIT 1", "ssi", lane_priority(lane),
                           lane_channel(lane), wall_ms),
                  yes);
}

enum err delivery_is_due(struct db *db, int64_t wall_ms, uint32_t but, bool *yes) {
    int64_t one;
    GO(exists(db_one_i(db, &one, "SELECT 1 FROM delivery WHERE state = 'waiting' AND due_wall <= ?1 LIMIT 1", "i", wall_ms), yes));
    if (!*yes || but == 0) return ERR_OK;
    *yes = false;
    for (size_t i = 0; i < DELIVERY_LANES && !*yes; i++)
        if (!(but & 1U << i)) GO(lane_is_due(db, i, wall_ms, yes));
    return ERR_OK;
}

static enum err queue_lane(struct db *db, struct arena *a, size_t lane, int64_t wall_ms, size_t max, size_t lane_max, char ***ids, size_t *n, bool *is_full) {
    int64_t there = 0;
    *is_full      = false;
    GO(collect(db_query(db, "SELECT id FROM delivery WHERE state = 'waiting' AND lane = ?1 AND channel = ?2 AND due_wall <= ?3 ORDER BY due_wall, id LIMIT ?4",
                        "ssii", lane_priority(lane), lane_channel(lane), wall_ms, (int64_t)max),
               a, ids, NULL, n));
    if (*n == 0) return ERR_OK;
    GO(db_one_i(db, &there, "SELECT COUNT(*) FROM (SELECT 1 FROM delivery WHERE state = 'queued' AND lane = ?1 AND channel = ?2 LIMIT ?3) AS q", "ssi",
                lane_priority(lane), lane_channel(lane), (int64_t)lane_max));
    size_t room = (size_t)there < lane_max ? lane_max - (size_t)there : 0;
    *is_full    = *n > room;
    if (*is_full) *n = room;
    for (size_t i = 0; i < *n; i++)
        GO(db_exec(db, "UPDATE delivery SET state = 'queued', updated_wall = ?2 WHERE id = ?1", "si", (*ids)[i], wall_ms));
    return ERR_OK;
}

enum err delivery_queue_due(struct db *db, struct arena *a, int64_t wall_ms, size_t max, size_t lane_max, uint32_t *full, char ***ids, size_t **lanes, size_t *n) {
    *ids   = arena_alloc(a, max * sizeof(char *));
    *lanes = arena_alloc(a, max * sizeof(size_t));
    *n     = 0;
    for (size_t i = 0; i < DELIVERY_LANES && *n < max; i++) {
        char **some;
        size_t some_n;
        bool   is_full;
        if (*full & 1U << i) continue;
        GO(queue_lane(db, a, i, wall_ms, max - *n, lane_max, &some, &some_n, &is_full));
        if (is_full) *full |= 1U << i;
        for (size_t k = 0; k < some_n; k++) {
            (*ids)[*n]   = some[k];
            (*lanes)[*n] = i;
            (*n)++;
        }
    }
    return ERR_OK;
}

enum err delivery_list_queued(struct db *db, struct arena *a, size_t lane, int64_t after_due, const char *after_id, size_t max, char ***ids,
                              size_t *n, int64_t *last_due) {
    struct rows *r = db_query(db,
                              "SELECT id, due_wall FROM delivery WHERE state = 'queued' AND lane = ?1 AND channel = ?2 AND "
                              "(due_wall > ?3 OR (due_wall = ?3 AND id > ?4)) ORDER BY due_wall, id LIMIT ?5",
                              "ssisi", lane_priority(lane), lane_channel(lane), after_due, after_id, (int64_t)max);
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
    for (size_t i = 0; i < DELIVERY_LANES && !*yes; i++) {
        enum err e = db_one_i(db, &one, "SELECT 1 FROM delivery WHERE state = 'queued' AND lane = ?1 AND channel = ?2 AND updated_wall < ?3 LIMIT 1", "ssi",
                              lane_priority(i), lane_channel(i), before_wall_ms);
        if (e && e != ERR_NOTFOUND) return e;
        *yes = e == ERR_OK;
    }
    return ERR_OK;
}

enum err delivery_purge(struct db *db, int64_t expired_wall_ms, int64_t parts_wall_ms, int64_t max) {
    GO(db_exec(db,
               "DELETE FROM direct_sms WHERE delivery IN (SELECT delivery FROM direct_sms WHERE expires_wall < ?1 ORDER BY expires_wall LIMIT ?2)",
               "ii", expired_wall_ms, max));
    GO(db_exec(db, "DELETE FROM receipt WHERE delivery = '' AND at_wall < ?1 AND ref IN (SELECT ref FROM receipt WHERE delivery = '' AND at_wall < ?1 ORDER BY at_wall LIMIT ?2)", "ii",
               parts_wall_ms, max));
    GO(db_exec(db, "DELETE FROM sms_reply WHERE at_wall < ?1 AND ref IN (SELECT ref FROM sms_reply WHERE at_wall < ?1 ORDER BY at_wall LIMIT ?2)", "ii",
               parts_wall_ms - REPLY_MORE_MS, max));
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
