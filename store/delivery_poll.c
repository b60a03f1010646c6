/* SPDX-License-Identifier: Apache-2.0
 *
 * The part of store/delivery.h about messages that were sent: asking who has read, and what a worker that ended left with a provider
 * that drops repetitions.
 */
#include "store/delivery_int.h"

#define GO(expr)                                                                                                                 \
    do {                                                                                                                         \
        enum err go_ = (expr);                                                                                                   \
        if (go_ != ERR_OK) return go_;                                                                                           \
    } while (0)

enum err delivery_polls_due(struct db *db, struct arena *a, const char *provider, int64_t wall_ms, size_t max, char ***ids, int64_t **due,
                            size_t *n) {
    struct rows *r = db_query(db, "SELECT id, poll_due FROM delivery WHERE provider = ?1 AND poll_due > 0 AND poll_due <= ?2 ORDER BY poll_due LIMIT ?3", "sii",
                              provider, wall_ms, (int64_t)max);
    *ids           = arena_alloc(a, max * sizeof(char *));
    *due           = arena_alloc(a, max * sizeof(int64_t));
    *n             = 0;
    while (*n < max && db_next(r)) {
        (*ids)[*n] = arena_strdup(a, row_s(r, 0));
        (*due)[*n] = row_i(r, 1);
        (*n)++;
    }
    return db_rows_end(r);
}

enum err delivery_poll_stop(struct db *db, const char *id) { return db_exec(db, "UPDATE delivery SET poll_due = 0 WHERE id = ?1 AND poll_due > 0", "s", id); }

enum err delivery_poll_claim(struct db *db, struct arena *a, const struct delivery_poll *p, int64_t wall_ms, struct delivery_job *out) {
    int64_t one;
    GO(db_exec(db, "UPDATE delivery SET polls_n = polls_n + 1, poll_due = CASE WHEN polls_n + 1 < ?4 THEN ?3 ELSE 0 END WHERE id = ?1 AND poll_due = ?2",
               "siii", p->id, p->due_wall_ms, wall_ms + p->every_ms, (int64_t)p->times));
    if (db_changes(db) == 0) return ERR_NOTFOUND;
    enum err e = db_one_i(db, &one,
                          "SELECT 1 FROM delivery d JOIN notice n ON n.id = d.notice WHERE d.id = ?1 AND d.state IN ('sent', 'delivered') AND "
                          "d.provider_ref <> '' AND n.read_wall IS NULL",
                          "s", p->id);
    if (e == ERR_OK) return delivery_job_of(db, a, p->id, out);
    if (e == ERR_NOTFOUND) GO(delivery_poll_stop(db, p->id));
    return e;
}

#define LEFT_BY "state = 'claimed' AND provider = ?1 AND ((worker = ?2 AND worker <> '') OR claimed_wall < ?3) AND raise_of = '' AND once_n < ?4 AND " \
                "CASE WHEN once_until > 0 THEN once_until ELSE claimed_wall + ?5 END > ?6 AND " \
                "EXISTS (SELECT 1 FROM notice WHERE notice.id = delivery.notice AND read_wall IS NULL)"

enum err delivery_recover_once(struct db *db, const char *provider, int64_t once_ms, int once_max, const char *worker, int64_t older_than_wall_ms,
                               int64_t wall_ms, int64_t *n) {
    GO(db_exec(db,
               "UPDATE attempt SET ended_wall = ?6, verdict = 'unknown', detail = 'worker ended before the answer' WHERE ended_wall IS NULL AND "
               "delivery IN (SELECT id FROM delivery WHERE " LEFT_BY ")",
               "ssiiii", provider, worker, older_than_wall_ms, (int64_t)once_max, once_ms, wall_ms));
    GO(db_exec(db,
               "INSERT INTO circular_mark (circular, person) SELECT DISTINCT n.circular, n.person FROM notice n WHERE n.circular <> '' AND n.id IN "
               "(SELECT notice FROM delivery WHERE " LEFT_BY ") ON CONFLICT (circular, person) DO NOTHING",
               "ssiiii", provider, worker, older_than_wall_ms, (int64_t)once_max, once_ms, wall_ms));
    GO(db_exec(db,
               "UPDATE delivery SET state = 'waiting', verdict = 'unknown', detail = 'unknown outcome', due_wall = ?6, updated_wall = ?6, once_n = once_n + 1, "
               "once_until = CASE WHEN once_until > 0 THEN once_until ELSE claimed_wall + ?5 END WHERE " LEFT_BY,
               "ssiiii", provider, worker, older_than_wall_ms, (int64_t)once_max, once_ms, wall_ms));
    *n = db_changes(db);
    return ERR_OK;
}
