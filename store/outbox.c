/* SPDX-License-Identifier: Apache-2.0 */
#include "store/outbox.h"

#include <string.h>

#include "store/keys.h"

enum err outbox_add(struct db *db, const char *channel, const char *key, const char *data, int64_t wall_ms) {
    int64_t *last = db_number(db, DB_NUMBER_OUTBOX), seq = last ? *last : 0;
    if (channel[0] == '\0' || strlen(channel) > NAME_MAX_BYTES || (key && strlen(key) > NAME_MAX_BYTES)) return ERR_INPUT;
    if (strlen(data) > CHANNEL_DATA_MAX) return ERR_TOOBIG;
    enum err e = seq ? ERR_OK : outbox_top(db, &seq);
    if (e) return e;
    seq++;
    e = db_exec(db, "INSERT INTO outbox (seq, channel, item_key, data, at_wall) VALUES (?1, ?2, ?3, ?4, ?5)", "isssi", seq, channel, key, data,
                wall_ms);
    if (e == ERR_OK && last) *last = seq;
    return e;
}

enum err outbox_read(struct db *db, struct arena *a, int64_t after, size_t max, struct outbox_row **rows, size_t *n) {
    struct outbox_row *v = arena_alloc(a, max * sizeof *v);
    struct rows       *r = db_query(db, "SELECT seq, channel, item_key, data FROM outbox WHERE seq > ?1 ORDER BY seq LIMIT ?2", "ii", after,
                                    (int64_t)max);
    *n = 0;
    while (*n < max && !arena_is_over(a) && db_next(r)) {
        v[*n].seq     = row_i(r, 0);
        v[*n].channel = arena_strdup(a, row_s(r, 1));
        v[*n].key     = arena_strdup(a, row_s(r, 2));
        v[*n].data    = arena_strdup(a, row_s(r, 3));
        (*n)++;
    }
    *rows = v;
    return db_rows_end(r);
}

enum err outbox_trim(struct db *db, int64_t seq, int64_t older_than_wall_ms, int64_t max, int64_t *n) {
    int64_t  top;
    enum err e = outbox_top(db, &top);
    if (e == ERR_OK) e = db_exec(db, "DELETE FROM outbox WHERE seq IN (SELECT seq FROM outbox WHERE seq <= ?1 AND at_wall < ?2 ORDER BY seq LIMIT ?3)", "iii",
                         seq, older_than_wall_ms, max);
    *n         = e ? 0 : db_changes(db);
    if (e || *n == 0) return e;
    return db_exec(db, "UPDATE counter SET value = ?1 WHERE name = 'outbox' AND value < ?1", "i", seq < top ? seq : top);
}

/* The counter holds what was trimmed: sequences go on also when no row is left. */
enum err outbox_top(struct db *db, int64_t *seq) {
    struct rows *r = db_query(db, "SELECT value, (SELECT MAX(seq) FROM outbox) FROM counter WHERE name = 'outbox'", "");
    bool         found = db_next(r);
    if (found) *seq = row_i(r, 0) > row_i(r, 1) ? row_i(r, 0) : row_i(r, 1);
    enum err e = db_rows_end(r);
    return e ? e : found ? ERR_OK : ERR_NOTFOUND;
}
