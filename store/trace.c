/* SPDX-License-Identifier: Apache-2.0 */
#include "store/trace.h"

#define DELIVERIES_MAX 64
#define EVENTS_MAX     256

static const char *text(const struct rows *r, int col, struct arena *a) {
    const char *s = row_s(r, col);
    return s ? arena_strdup(a, s) : "";
}

enum err trace_notice(struct db *db, struct arena *a, const char *notice, struct trace_notice *out) {
    struct rows *r = db_query(db, "SELECT id, person, kind, title, read_by, priority, created_wall, read_wall, deadline_wall FROM notice WHERE id = ?1", "s", notice);
    bool         found = db_next(r);
    if (found)
        *out = (struct trace_notice){text(r, 0, a), text(r, 1, a), text(r, 2, a), text(r, 3, a), text(r, 4, a), row_i(r, 5), row_i(r, 6), row_i(r, 7), row_i(r, 8)};
    enum err e = db_rows_end(r);
    return e ? e : found ? ERR_OK : ERR_NOTFOUND;
}

enum err trace_deliveries(struct db *db, struct arena *a, const char *notice, struct trace_delivery **list, size_t *n) {
    struct rows *r = db_query(db,
                              "SELECT d.id, d.channel, d.state, d.verdict, d.detail, d.provider, t.vendor, d.step, d.due_wall, d.updated_wall, d.attempts, d.raise_of "
                              "FROM delivery d LEFT JOIN push_target t ON t.id = d.target WHERE d.notice = ?1 ORDER BY d.step, d.id LIMIT ?2",
                              "si", notice, (int64_t)DELIVERIES_MAX);
    *list = arena_alloc(a, DELIVERIES_MAX * sizeof **list);
    *n    = 0;
    while (*n < DELIVERIES_MAX && db_next(r))
        (*list)[(*n)++] = (struct trace_delivery){text(r, 0, a), text(r, 1, a), text(r, 2, a), text(r, 3, a), text(r, 4, a), text(r, 5, a), text(r, 6, a),
                                                  row_i(r, 7),   row_i(r, 8),   row_i(r, 9),   row_i(r, 10),
                                                  row_s(r, 11)[0] != '\0'};
    return db_rows_end(r);
}

enum err trace_events(struct db *db, struct arena *a, const char *delivery, struct trace_event **list, size_t *n) {
    struct rows *r = db_query(db,
                              "SELECT 'attempt' AS what, provider, verdict, detail, started_wall AS at, COALESCE(ended_wall, 0) FROM attempt WHERE delivery = ?1 "
                              "UNION ALL SELECT 'receipt', provider, kind, detail, at_wall, at_wall FROM receipt WHERE delivery = ?1 AND delivery <> '' ORDER BY at, what LIMIT ?2",
                              "si", delivery, (int64_t)EVENTS_MAX);
    *list = arena_alloc(a, EVENTS_MAX * sizeof **list);
    *n    = 0;
    while (*n < EVENTS_MAX && db_next(r))
        (*list)[(*n)++] = (struct trace_event){text(r, 0, a), text(r, 1, a), text(r, 2, a), text(r, 3, a), row_i(r, 4), row_i(r, 5)};
    return db_rows_end(r);
}
