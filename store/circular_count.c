/* SPDX-License-Identifier: Apache-2.0
 *
 * Reading, marks and counters of store/circular.h.
 */
#include "store/circular.h"

#include <stdio.h>
#include <string.h>

#include "store/delivery.h"

#define GO(expr)                                                                                                                 \
    do {                                                                                                                         \
        enum err go_ = (expr);                                                                                                   \
        if (go_ != ERR_OK) return go_;                                                                                           \
    } while (0)

/* ---- marks ---- */
enum err circular_mark(struct db *db, const char *circular, const char *person) {
    return db_exec(db, "INSERT INTO circular_mark (circular, person) VALUES (?1, ?2) ON CONFLICT (circular, person) DO NOTHING", "ss", circular, person);
}

enum err circular_mark_delivery(struct db *db, const char *delivery) {
    return db_exec(db,
                   "INSERT INTO circular_mark (circular, person) SELECT n.circular, n.person FROM delivery d JOIN notice n ON n.id = d.notice WHERE d.id = ?1 "
                   "AND d.channel <> 'log' AND n.circular <> '' ON CONFLICT (circular, person) DO NOTHING",
                   "s", delivery);
}

static enum err is_there(enum err e, bool *yes) {
    *yes = e == ERR_OK;
    return e == ERR_NOTFOUND ? ERR_OK : e;
}

enum err circular_is_marked(struct db *db, bool *yes) {
    int64_t one;
    return is_there(db_one_i(db, &one, "SELECT 1 FROM circular_mark LIMIT 1", ""), yes);
}

enum err circular_is_changed(struct db *db, bool *yes) {
    int64_t one;
    return is_there(db_one_i(db, &one, "SELECT 1 FROM circular WHERE changed <> 0 LIMIT 1", ""), yes);
}

enum err circular_note_changed(struct db *db, const char *id) { return db_exec(db, "UPDATE circular SET changed = 1 WHERE id = ?1", "s", id); }

enum err circular_take_changed(struct db *db, struct arena *a, size_t max, char ***ids, size_t *n) {
    *ids           = arena_alloc(a, max * sizeof(char *));
    *n             = 0;
    struct rows *r = db_query(db, "SELECT id FROM circular WHERE changed <> 0 ORDER BY id LIMIT ?1", "i", (int64_t)max);
    while (*n < max && db_next(r)) (*ids)[(*n)++] = arena_strdup(a, row_s(r, 0));
    GO(db_rows_end(r));
    for (size_t i = 0; i < *n; i++) GO(db_exec(db, "UPDATE circular SET changed = 0 WHERE id = ?1", "s", (*ids)[i]));
    return ERR_OK;
}

/* ---- reading ---- */
enum err circular_read(struct db *db, const char *notice, const char *person, const char *by, int64_t wall_ms) {
    char         circular[64] = "";
    struct rows *r            = db_query(db, "SELECT circular FROM notice WHERE id = ?1 AND circular <> ''", "s", notice);
    if (db_next(r)) (void)snprintf(circular, sizeof circular, "%s", row_s(r, 0));
    GO(db_rows_end(r));
    if (circular[0] == '\0') return ERR_OK;
    GO(db_exec(db, "UPDATE notice SET read_wall = ?3, read_by = ?4 WHERE circular = ?1 AND person = ?2 AND circular <> '' AND read_wall IS NULL", "ssis", circular,
               person, wall_ms, by));
    GO(db_exec(db, "UPDATE circular_person SET read_wall = ?3, read_by = ?4 WHERE circular = ?1 AND person = ?2 AND read_wall = 0", "ssis", circular, person,
               wall_ms, by));
    return circular_silence(db, circular, person, wall_ms);
}

enum err circular_confirm(struct db *db, const char *circular, const char *person, int64_t *wall_ms) {
    GO(db_exec(db,
               "UPDATE circular_person SET confirmed_wall = ?3, read_by = CASE WHEN read_wall = 0 THEN 'app' ELSE read_by END, read_wall = CASE WHEN read_wall = 0 THEN ?3 "
               "ELSE read_wall END WHERE circular = ?1 AND person = ?2 AND confirmed_wall = 0",
               "ssi", circular, person, *wall_ms));
    if (db_changes(db)) {
        GO(db_exec(db, "UPDATE notice SET read_wall = ?3, read_by = 'app' WHERE circular = ?1 AND person = ?2 AND circular <> '' AND read_wall IS NULL", "ssi",
                   circular, person, *wall_ms));
        return circular_silence(db, circular, person, *wall_ms);
    }
    return db_one_i(db, wall_ms, "SELECT confirmed_wall FROM circular_person WHERE circular = ?1 AND person = ?2", "ss", circular, person);
}

/* ---- counters ---- */
struct standing {
    int64_t stage, reached, failed, confirmed; /* masks of enum delivery_channel */
    int     first;                             /* channel that reached first, -1 none */
    int64_t first_wall;
};

enum { BAD = 1, PENDING = 2, SENT = 4, GOOD = 8 };

static int kind_of(const char *state) {
    static const struct {
        const char *state;
        int         kind;
    } kinds[] = {{"delivered", GOOD}, {"sent", SENT}, {"unknown", SENT}, {"failed", BAD}, {"waiting", PENDING}, {"queued", PENDING}, {"claimed", PENDING}};
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
        if (strcmp(kinds[i].state, state) == 0) return kinds[i].kind;
    return 0;
}

/* The deliveries as they stand now. The demo's log reaches nobody. */
static enum err look(struct db *db, const char *circular, const char *person, struct standing *s) {
    int          seen[CHANNELS_N] = {0}, any = 0;
    struct rows *r = db_query(db,
                              "SELECT d.channel, d.state, d.updated_wall FROM notice n JOIN delivery d ON d.notice = n.id WHERE n.circular = ?1 AND n.person = ?2 "
                              "AND n.circular <> '' AND d.channel <> 'log' AND d.raise_of = ''",
                              "ss", circular, person);
    s->first = -1;
    while (db_next(r)) {
        int c = delivery_channel_of(row_s(r, 0)), k = kind_of(row_s(r, 1));
        if (c < 0) continue;
        seen[c] |= k;
        any |= k;
        if (k == GOOD && (s->first < 0 || row_i(r, 2) < s->first_wall)) {
            s->first      = c;
            s->first_wall = row_i(r, 2);
        }
    }
    for (int c = 0; c < CHANNELS_N; c++) {
        if (seen[c] & GOOD) s->reached |= 1 << c;
        if (seen[c] == BAD) s->failed |= 1 << c;
    }
    s->stage = any & GOOD ? STAGE_REACHED : any & SENT ? STAGE_SENT : any & PENDING ? STAGE_WAITING : STAGE_FAILED;
    return db_rows_end(r);
}

static enum err move_channel(struct db *db, const char *circular, int channel, int64_t reached, int64_t failed) {
    if (reached == 0 && failed == 0) return ERR_OK;
    return db_exec(db,
                   "INSERT INTO circular_channel (circular, channel, reached_n, failed_n) VALUES (?1, ?2, ?3, ?4) ON CONFLICT (circular, channel) DO UPDATE SET "
                   "reached_n = circular_channel.reached_n + ?3, failed_n = circular_channel.failed_n + ?4",
                   "ssii", circular, delivery_channels[channel].word, reached, failed);
}

static int64_t bit(int64_t mask, int c) { return mask >> c & 1; }

static enum err count(struct db *db, const char *circular, const char *person) {
    struct standing was = {.stage = -1}, now = {0};
    struct rows    *r = db_query(db, "SELECT stage, reached, failed, is_confirmed, read_wall, confirmed_wall FROM circular_person WHERE circular = ?1 AND person = ?2",
                                 "ss", circular, person);
    bool            found = db_next(r), read = false;
    if (found) {
        was           = (struct standing){.stage = row_i(r, 0), .reached = row_i(r, 1), .failed = row_i(r, 2), .confirmed = row_i(r, 3)};
        read          = row_i(r, 4) > 0;
        now.confirmed = row_i(r, 5) > 0;
    }
    GO(db_rows_end(r));
    if (!found) return ERR_OK;
    GO(look(db, circular, person, &now));
    if (read) now.stage = STAGE_READ;
    if (now.stage == was.stage && now.reached == was.reached && now.failed == was.failed && now.confirmed == was.confirmed) return ERR_OK;
    GO(db_exec(db,
               "UPDATE circular_person SET stage = ?3, reached = ?4, failed = ?5, is_confirmed = ?6, reached_by = ?7, reached_wall = ?8 WHERE circular = ?1 AND person = ?2",
               "ssiiiisi", circular, person, now.stage, now.reached, now.failed, now.confirmed, now.first < 0 ? "" : delivery_channels[now.first].word,
               now.first_wall));
    int64_t d[STAGES_N] = {0};
    if (was.stage >= 0) d[was.stage]--;
    d[now.stage]++;
    GO(db_exec(db,
               "UPDATE circular SET waiting_n = waiting_n + ?2, sent_n = sent_n + ?3, reached_n = reached_n + ?4, failed_n = failed_n + ?5, read_n = read_n + ?6, "
               "confirmed_n = confirmed_n + ?7, changed = 1 WHERE id = ?1",
               "siiiiii", circular, d[STAGE_WAITING], d[STAGE_SENT], d[STAGE_REACHED], d[STAGE_FAILED], d[STAGE_READ], now.confirmed - was.confirmed));
    for (int c = 0; c < CHANNELS_N; c++)
        GO(move_channel(db, circular, c, bit(now.reached, c) - bit(was.reached, c), bit(now.failed, c) - bit(was.failed, c)));
    return ERR_OK;
}

enum err circular_settle(struct db *db, struct arena *a, size_t max, size_t *n) {
    char **circulars = arena_alloc(a, max * sizeof(char *)), **people = arena_alloc(a, max * sizeof(char *));
    struct rows *r = db_query(db, "SELECT circular, person FROM circular_mark ORDER BY circular, person LIMIT ?1", "i", (int64_t)max);
    *n             = 0;
    while (*n < max && db_next(r)) {
        circulars[*n] = arena_strdup(a, row_s(r, 0));
        people[*n]    = arena_strdup(a, row_s(r, 1));
        (*n)++;
    }
    GO(db_rows_end(r));
    for (size_t i = 0; i < *n; i++) {
        GO(count(db, circulars[i], people[i]));
        GO(db_exec(db, "DELETE FROM circular_mark WHERE circular = ?1 AND person = ?2", "ss", circulars[i], people[i]));
    }
    return ERR_OK;
}
