/* SPDX-License-Identifier: Apache-2.0
 *
 * Ids are ordered by the time they were made (base/id.h): a span of time is a range of the primary key, and no index of its own is
 * kept up for the pages of operators.
 */
#include "store/ops.h"

#include <string.h>

#include "base/check.h"
#include "base/id.h"
#include "store/circular.h"

#define GO(expr)                                                                                                                 \
    do {                                                                                                                         \
        enum err go_ = (expr);                                                                                                   \
        if (go_ != ERR_OK) return go_;                                                                                           \
    } while (0)

#define SUMS_MAX 256

static const char *text(const struct rows *r, int col, struct arena *a) {
    const char *s = row_s(r, col);
    return s ? arena_strdup(a, s) : "";
}

/* ---- queues and sums ---- */
/* The state stands in the text: its index holds the rows of this one only. */
#define COUNT(state)                                                                                                                                        \
    "SELECT COUNT(*), COALESCE(MIN(due_wall), 0) FROM (SELECT due_wall FROM delivery WHERE state = '" state "' AND lane = ?1 AND channel = ?2 AND due_wall <= ?3 " \
    "ORDER BY due_wall LIMIT ?4) AS q"

static enum err count(struct db *db, const char *sql, size_t lane, int64_t due_wall_ms, int64_t *n, int64_t *oldest) {
    const char   priority[] = {'p', (char)('0' + lane / CHANNELS_N), '\0'};
    struct rows *r          = db_query(db, sql, "ssii", priority, delivery_channels[lane % CHANNELS_N].word, due_wall_ms, (int64_t)OPS_COUNT_MAX);
    *n = *oldest = 0;
    if (db_next(r)) {
        *n      = row_i(r, 0);
        *oldest = row_i(r, 1);
    }
    return db_rows_end(r);
}

enum err ops_lanes(struct db *db, int64_t wall_ms, struct ops_lane out[DELIVERY_LANES]) {
    for (size_t i = 0; i < DELIVERY_LANES; i++) {
        int64_t due, queued, since, ignored;
        GO(count(db, COUNT("waiting"), i, wall_ms, &due, &out[i].oldest_wall));
        GO(count(db, COUNT("queued"), i, INT64_MAX, &queued, &since));
        GO(count(db, COUNT("claimed"), i, INT64_MAX, &out[i].in_hand, &ignored));
        out[i].waiting = due + queued;
        if (since && (out[i].oldest_wall == 0 || since < out[i].oldest_wall)) out[i].oldest_wall = since;
    }
    return ERR_OK;
}

static enum err sums(struct rows *r, struct arena *a, struct ops_sum **list, size_t *n) {
    *list = arena_alloc(a, SUMS_MAX * sizeof **list);
    *n    = 0;
    while (*n < SUMS_MAX && db_next(r)) {
        (*list)[*n] = (struct ops_sum){text(r, 0, a), text(r, 1, a), row_i(r, 2)};
        (*n)++;
    }
    return db_rows_end(r);
}

enum err ops_day(struct db *db, struct arena *a, int64_t since_wall_ms, struct ops_sum **list, size_t *n, bool *cut) {
    char    from[ID_CAP];
    int64_t all = 0;
    id_at("d_", since_wall_ms, from);
    GO(sums(db_query(db,
                     "SELECT channel, state, COUNT(*) FROM (SELECT channel, state FROM delivery WHERE id >= ?1 ORDER BY id DESC LIMIT ?2) AS q "
                     "GROUP BY channel, state ORDER BY channel, state",
                     "si", from, (int64_t)OPS_DAY_MAX),
            a, list, n));
    for (size_t i = 0; i < *n; i++) all += (*list)[i].n;
    *cut = all >= OPS_DAY_MAX;
    return ERR_OK;
}

enum err ops_attempts(struct db *db, struct arena *a, int64_t since_wall_ms, struct ops_sum **list, size_t *n) {
    char from[ID_CAP];
    id_at("d_", since_wall_ms, from);
    return sums(db_query(db,
                         "SELECT provider, verdict, COUNT(*) FROM (SELECT provider, verdict FROM attempt WHERE delivery >= ?1 AND provider <> '' AND "
                         "verdict <> '' ORDER BY delivery DESC LIMIT ?2) AS q GROUP BY provider, verdict ORDER BY provider, verdict",
                         "si", from, (int64_t)OPS_DAY_MAX),
                a, list, n);
}

enum err ops_receipts(struct db *db, struct arena *a, int64_t since_wall_ms, struct ops_sum **list, size_t *n) {
    return sums(db_query(db,
                         "SELECT provider, kind, COUNT(*) FROM (SELECT provider, kind FROM receipt WHERE at_wall >= ?1 ORDER BY at_wall DESC LIMIT ?2) AS q "
                         "GROUP BY provider, kind ORDER BY provider, kind",
                         "ii", since_wall_ms, (int64_t)OPS_COUNT_MAX),
                a, list, n);
}

enum err ops_parts(struct db *db, struct arena *a, int64_t since_wall_ms, struct ops_sum **list, size_t *n) {
    return sums(db_query(db,
                         "SELECT provider, '', COUNT(*) FROM (SELECT provider FROM sms_part WHERE at_wall >= ?1 ORDER BY at_wall DESC LIMIT ?2) AS q "
                         "GROUP BY provider ORDER BY provider",
                         "ii", since_wall_ms, (int64_t)OPS_COUNT_MAX),
                a, list, n);
}

enum err ops_holds(struct db *db, struct arena *a, struct ops_hold **list, size_t *n) {
    struct rows *r = db_query(db, "SELECT provider, person, reason, at_wall FROM provider_hold ORDER BY provider", "");
    *list          = arena_alloc(a, SUMS_MAX * sizeof **list);
    *n             = 0;
    while (*n < SUMS_MAX && db_next(r)) {
        (*list)[*n] = (struct ops_hold){text(r, 0, a), text(r, 1, a), text(r, 2, a), row_i(r, 3)};
        (*n)++;
    }
    return db_rows_end(r);
}

/* ---- deliveries ---- */
#define DELIVERY_COLUMNS                                                                                                         \
    "SELECT d.id, d.notice, d.person, p.name, u.short_name, n.kind, d.channel, d.state, d.verdict, d.detail, d.provider, t.vendor, t.state, d.lane, "  \
    "d.step, d.due_wall, d.updated_wall, d.attempts, COALESCE(n.created_wall, 0), COALESCE(n.read_wall, 0), COALESCE(n.deadline_wall, 0), n.title, d.raise_of " \
    "FROM delivery d LEFT JOIN notice n ON n.id = d.notice LEFT JOIN person p ON p.id = d.person LEFT JOIN unit u ON u.code = p.unit "                 \
    "LEFT JOIN push_target t ON t.id = d.target "
#define DELIVERY_FILTER DELIVERY_FILTER_BY("d.id")
#define DELIVERY_FILTER_BY(id)                                                                                                   \
    "(?3 = '' OR d.channel = ?3) AND (?4 = '' OR d.provider = ?4) AND (?5 = '' OR n.kind = ?5) AND " id " >= ?6 AND " id " < ?7 ORDER BY " id " DESC LIMIT ?8"

static struct ops_delivery delivery_of(const struct rows *r, struct arena *a) {
    return (struct ops_delivery){.id            = text(r, 0, a),
                                 .notice        = text(r, 1, a),
                                 .person        = text(r, 2, a),
                                 .name          = text(r, 3, a),
                                 .unit          = text(r, 4, a),
                                 .kind          = text(r, 5, a),
                                 .channel       = text(r, 6, a),
                                 .state         = text(r, 7, a),
                                 .verdict       = text(r, 8, a),
                                 .detail        = text(r, 9, a),
                                 .provider      = text(r, 10, a),
                                 .vendor        = text(r, 11, a),
                                 .target_state  = text(r, 12, a),
                                 .priority      = text(r, 13, a)[1] - '0',
                                 .step          = row_i(r, 14),
                                 .due_wall      = row_i(r, 15),
                                 .updated_wall  = row_i(r, 16),
                                 .attempts      = row_i(r, 17),
                                 .created_wall  = row_i(r, 18),
                                 .read_wall     = row_i(r, 19),
                                 .deadline_wall = row_i(r, 20),
                                 .title         = text(r, 21, a),
                                 .is_raise      = row_s(r, 22)[0] != '\0'};
}

/* Of a person by the person's index; what is rare (dead, under way) by that of its state, which therefore stands in the text; all else in the
 * order of ids. */
static struct rows *find(struct db *db, const struct ops_filter *f, const char *from, const char *to, int limit) {
    /* an expression for the id: or the order of ids, through all that is over, would look cheaper than sorting these few */
#define OF_STATE(state) DELIVERY_COLUMNS "WHERE d.state = '" state "' AND d.state IN (?1, ?2) AND " DELIVERY_FILTER_BY("d.id || ''")
    static const struct {
        const char *state, *sql;
    } rare[] = {{"failed", DELIVERY_COLUMNS "WHERE d.state IN ('failed', 'unknown') AND d.state IN (?1, ?2) AND " DELIVERY_FILTER},
                {"unknown", DELIVERY_COLUMNS "WHERE d.state IN ('failed', 'unknown') AND d.state IN (?1, ?2) AND " DELIVERY_FILTER},
                {"waiting", OF_STATE("waiting")},
                {"queued", OF_STATE("queued")},
                {"claimed", OF_STATE("claimed")}};
    bool        dead = strcmp(f->state, "dead") == 0;
    const char *one = dead ? "failed" : f->state, *two = dead ? "unknown" : f->state;
    const char *sql = DELIVERY_COLUMNS "WHERE (?1 = '' OR d.state IN (?1, ?2)) AND " DELIVERY_FILTER;
    if (*f->person)
        return db_query(db, DELIVERY_COLUMNS "WHERE d.person = ?9 AND (?1 = '' OR d.state IN (?1, ?2)) AND " DELIVERY_FILTER, "sssssssis", one, two,
                        f->channel, f->provider, f->kind, from, to, (int64_t)limit, f->person);
    for (size_t i = 0; i < ARRAY_N(rare); i++)
        if (strcmp(one, rare[i].state) == 0) sql = rare[i].sql;
    return db_query(db, sql, "sssssssi", one, two, f->channel, f->provider, f->kind, from, to, (int64_t)limit);
}

enum err ops_deliveries(struct db *db, struct arena *a, const struct ops_filter *f, int limit, struct ops_delivery **list, size_t *n) {
    char        from[ID_CAP] = "", to[ID_CAP] = "d_~"; /* behind every id */
    const char *until = to;
    if (f->from_wall) id_at("d_", f->from_wall, from);
    if (f->to_wall) id_at("d_", f->to_wall, to);
    if (*f->before && strcmp(f->before, to) < 0) until = f->before;
    struct rows *r = find(db, f, from, until, limit);
    *list          = arena_alloc(a, (size_t)limit * sizeof **list);
    *n             = 0;
    while (*n < (size_t)limit && db_next(r)) (*list)[(*n)++] = delivery_of(r, a);
    return db_rows_end(r);
}

enum err ops_delivery(struct db *db, struct arena *a, const char *id, struct ops_delivery *out) {
    struct rows *r     = db_query(db, DELIVERY_COLUMNS "WHERE d.id = ?1", "s", id);
    bool         found = db_next(r);
    if (found) *out = delivery_of(r, a);
    enum err e = db_rows_end(r);
    return e ? e : found ? ERR_OK : ERR_NOTFOUND;
}

enum err ops_replay(struct db *db, const char *id, int64_t wall_ms) {
    GO(db_exec(db,
               "UPDATE delivery SET state = 'waiting', tried = '', verdict = 'replayed', detail = '', not_before = 0, due_wall = ?2, updated_wall = ?2 "
               "WHERE id = ?1 AND state IN ('failed', 'unknown') AND EXISTS (SELECT 1 FROM notice n WHERE n.id = delivery.notice AND n.read_wall IS NULL)",
               "si", id, wall_ms));
    if (db_changes(db) == 0) return ERR_STATE;
    GO(circular_mark_delivery(db, id));
    /* the parts of the attempt that failed would count as still open beside those of the next */
    return db_exec(db, "DELETE FROM sms_part WHERE delivery = ?1", "s", id);
}

enum err ops_cancel(struct db *db, const char *id, int64_t wall_ms) {
    GO(db_exec(db, "UPDATE delivery SET state = 'cancelled', verdict = 'operator', updated_wall = ?2 WHERE id = ?1 AND state IN ('waiting', 'queued')", "si", id,
               wall_ms));
    if (db_changes(db) == 0) return ERR_STATE;
    GO(circular_mark_delivery(db, id));
    return db_exec(db, "DELETE FROM direct_sms WHERE delivery = ?1", "s", id); /* D7 */
}

enum err ops_avoid(struct db *db, const char *id, const char *tried) {
    return db_exec(db, "UPDATE delivery SET tried = ?2 WHERE id = ?1 AND state = 'waiting'", "ss", id, tried);
}

/* ---- messages of a person ---- */
enum err ops_notices(struct db *db, struct arena *a, const char *person, const char *before, int limit, struct ops_notice **list, size_t *n) {
    struct rows *r = db_query(db,
                              "SELECT id, kind, title, object, read_by, priority, created_wall, COALESCE(read_wall, 0), deadline_wall FROM notice "
                              "WHERE person = ?1 AND (?2 = '' OR id < ?2) ORDER BY id DESC LIMIT ?3",
                              "ssi", person, before, (int64_t)limit);
    *list = arena_alloc(a, (size_t)limit * sizeof **list);
    *n    = 0;
    while (*n < (size_t)limit && db_next(r)) {
        (*list)[*n] = (struct ops_notice){text(r, 0, a), text(r, 1, a), text(r, 2, a), text(r, 3, a), text(r, 4, a),
                                          row_i(r, 5),   row_i(r, 6),   row_i(r, 7),   row_i(r, 8)};
        (*n)++;
    }
    return db_rows_end(r);
}

enum err ops_notice_of(struct db *db, struct arena *a, const char *person, const char *dedupe, const char **id) {
    struct rows *r     = db_query(db, "SELECT id FROM notice WHERE person = ?1 AND dedupe = ?2", "ss", person, dedupe);
    bool         found = db_next(r);
    if (found) *id = text(r, 0, a);
    enum err e = db_rows_end(r);
    return e ? e : found ? ERR_OK : ERR_NOTFOUND;
}

enum err ops_notice_since(struct db *db, const char *person, const char *kind, const char *object, int64_t since_wall_ms, bool *yes) {
    char    from[ID_CAP];
    int64_t one;
    id_at("n_", since_wall_ms, from);
    enum err e = db_one_i(db, &one, "SELECT 1 FROM notice WHERE person = ?1 AND id >= ?2 AND kind = ?3 AND object = ?4 LIMIT 1", "ssss", person, from, kind, object);
    *yes       = e == ERR_OK;
    return e == ERR_NOTFOUND ? ERR_OK : e;
}

enum err ops_people(struct db *db, struct arena *a, const char *name, size_t max, char ***ids, size_t *n) {
    struct rows *r = db_query(db, "SELECT id FROM person WHERE name = ?1 ORDER BY id LIMIT ?2", "si", name, (int64_t)max);
    *ids           = arena_alloc(a, max * sizeof(char *));
    *n             = 0;
    while (*n < max && db_next(r)) {
        (*ids)[*n] = arena_strdup(a, row_s(r, 0));
        (*n)++;
    }
    return db_rows_end(r);
}
