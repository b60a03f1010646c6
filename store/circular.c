/* SPDX-License-Identifier: Apache-2.0
 *
 * Rows, lists and jobs of store/circular.h; circular_count.c has reading, marks and counters.
 */
#include "store/circular.h"

#include <string.h>

#define GO(expr)                                                                                                                 \
    do {                                                                                                                         \
        enum err go_ = (expr);                                                                                                   \
        if (go_ != ERR_OK) return go_;                                                                                           \
    } while (0)

#define WINDOW 1000 /* rows of people looked at in one step of an "all" target */

static const char *copy(const struct rows *r, int col, struct arena *a) {
    const char *s = row_s(r, col);
    return s ? arena_strdup(a, s) : "";
}

/* ---- circulars ---- */
enum err circular_add(struct db *db, const struct circular *c) {
    GO(db_exec(db,
               "INSERT INTO circular (id, sender, unit, title, text, priority, reason, dedupe, digest, deadline_biz, deadline_wall, state, created_biz, "
               "created_wall, job, changed, total) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, 'sending', ?12, ?13, 'send', 1, ?14) "
               "ON CONFLICT (sender, dedupe) DO NOTHING",
               "sssssisssiiiii", c->id, c->sender, c->unit, c->title, c->text, c->priority, c->reason, c->dedupe, c->digest, c->deadline_biz,
               c->deadline_wall, c->created_biz, c->created_wall, c->total));
    return db_changes(db) ? ERR_OK : ERR_DUP;
}

#define COLUMNS                                                                                                                  \
    "c.id, c.sender, p.name, c.unit, u.short_name, c.title, c.text, c.reason, c.dedupe, c.digest, c.state, c.job, c.job_after, c.priority, "    \
    "c.deadline_biz, c.deadline_wall, c.created_biz, c.created_wall, c.closed_wall, c.urged_n, c.urged_wall, c.urged_level, c.job_ord, c.total, " \
    "c.waiting_n, c.sent_n, c.reached_n, c.failed_n, c.read_n, c.confirmed_n"
#define JOINED "JOIN person p ON p.id = c.sender LEFT JOIN unit u ON u.code = c.unit "

static void read_one(const struct rows *r, struct arena *a, struct circular *c) {
    const char **text[] = {&c->id,     &c->sender, &c->sender_name, &c->unit,  &c->unit_name, &c->title,    &c->text,
                           &c->reason, &c->dedupe, &c->digest,      &c->state, &c->job,       &c->job_after};
    int64_t *number[] = {&c->priority,   &c->deadline_biz, &c->deadline_wall, &c->created_biz, &c->created_wall, &c->closed_wall,
                         &c->urged_n,    &c->urged_wall,   &c->urged_level,   &c->job_ord,     &c->total,        &c->stages[STAGE_WAITING],
                         &c->stages[STAGE_SENT], &c->stages[STAGE_REACHED], &c->stages[STAGE_FAILED], &c->stages[STAGE_READ], &c->confirmed};
    int col = 0;
    for (size_t i = 0; i < sizeof text / sizeof text[0]; i++) *text[i] = copy(r, col++, a);
    for (size_t i = 0; i < sizeof number / sizeof number[0]; i++) *number[i] = row_i(r, col++);
}

enum err circular_get(struct db *db, struct arena *a, const char *id, struct circular *out) {
    struct rows *r = db_query(db, "SELECT " COLUMNS " FROM circular c " JOINED "WHERE c.id = ?1", "s", id);
    memset(out, 0, sizeof *out);
    bool found = db_next(r);
    if (found) read_one(r, a, out);
    GO(db_rows_end(r));
    return found ? ERR_OK : ERR_NOTFOUND;
}

/* One text column of one row. */
static enum err one_text(struct rows *r, struct arena *a, const char **out) {
    bool found = db_next(r);
    if (found) *out = copy(r, 0, a);
    GO(db_rows_end(r));
    return found ? ERR_OK : ERR_NOTFOUND;
}

enum err circular_by_dedupe(struct db *db, struct arena *a, const char *sender, const char *dedupe, const char **id) {
    return one_text(db_query(db, "SELECT id FROM circular WHERE sender = ?1 AND dedupe = ?2", "ss", sender, dedupe), a, id);
}

enum err circular_list(struct db *db, struct arena *a, enum circular_box box, const char *person, const char *unit, const char *before, int limit,
                       struct circular **list, size_t *n) {
    struct rows *r = NULL;
    *list          = arena_alloc(a, ((size_t)limit + 1) * sizeof **list);
    *n             = 0;
    switch (box) {
    case BOX_SENT:
        r = db_query(db, "SELECT " COLUMNS " FROM circular c " JOINED "WHERE (c.sender = ?1 OR (c.unit = ?2 AND ?2 <> '')) AND (?3 = '' OR c.id < ?3) "
                         "ORDER BY c.id DESC LIMIT ?4", "sssi", person, unit, before, (int64_t)limit);
        break;
    case BOX_UNIT:
        r = db_query(db, "SELECT " COLUMNS " FROM (SELECT DISTINCT circular FROM circular_person WHERE unit = ?1 AND unit <> '' AND (?2 = '' OR circular < ?2) "
                         "ORDER BY circular DESC LIMIT ?3) AS x JOIN circular c ON c.id = x.circular " JOINED "ORDER BY c.id DESC", "ssi", unit, before,
                     (int64_t)limit);
        break;
    case BOX_RECEIVED:
        r = db_query(db, "SELECT " COLUMNS " FROM circular_person x JOIN circular c ON c.id = x.circular " JOINED "WHERE x.person = ?1 AND "
                         "(?2 = '' OR x.circular < ?2) ORDER BY x.circular DESC LIMIT ?3", "ssi", person, before, (int64_t)limit);
        break;
    }
    while (*n < (size_t)limit && db_next(r)) read_one(r, a, &(*list)[(*n)++]);
    return db_rows_end(r);
}

/* ---- whom it is for ---- */
enum err circular_target_add(struct db *db, const char *circular, int64_t ord, const struct circular_target *t) {
    return db_exec(db, "INSERT INTO circular_to (circular, ord, kind, ref, roles) VALUES (?1, ?2, ?3, ?4, ?5)", "sissi", circular, ord, t->kind, t->ref,
                   (int64_t)t->roles);
}

/* Is there an active target of this channel? */
#define HAS(channel) "EXISTS (SELECT 1 FROM push_target t WHERE t.person = p.id AND t.channel = '" channel "' AND t.state = 'active')"
#define REACH        "SELECT " HAS("push") ", " HAS("wechat") ", " HAS("office") ", p.phone_enc IS NOT NULL FROM person p "

enum err circular_reach_add(struct db *db, const struct circular_target *t, const char *sender, int64_t max, struct circular_reach *sum) {
    struct rows *r = NULL;
    if (strcmp(t->kind, "unit") == 0)
        r = db_query(db, REACH "WHERE p.unit = ?1 AND p.active = 1 AND (p.roles & ?2) <> 0 AND p.id <> ?3", "sis", t->ref, (int64_t)t->roles, sender);
    else if (strcmp(t->kind, "person") == 0)
        r = db_query(db, REACH "WHERE p.id = ?1 AND p.active = 1 AND p.id <> ?2", "ss", t->ref, sender);
    else
        r = db_query(db, REACH "WHERE p.active = 1 AND (p.roles & ?1) <> 0 AND p.id <> ?2", "is", (int64_t)t->roles, sender);
    while (sum->people <= max && db_next(r)) {
        int64_t push = row_i(r, 0) != 0, wechat = row_i(r, 1) != 0, office = row_i(r, 2) != 0, phone = row_i(r, 3) != 0;
        sum->people++;
        sum->push += push;
        sum->wechat += wechat;
        sum->office += office;
        sum->phone += phone;
        sum->none += !(push || wechat || office || phone);
    }
    return db_rows_end(r);
}

enum err circular_person_known(struct db *db, struct arena *a, const char *person, const char **unit, unsigned *roles) {
    struct rows *r     = db_query(db, "SELECT COALESCE(unit, ''), roles FROM person WHERE id = ?1 AND active = 1", "s", person);
    bool         found = db_next(r);
    if (found) {
        *unit  = copy(r, 0, a);
        *roles = (unsigned)row_i(r, 1);
    }
    GO(db_rows_end(r));
    return found ? ERR_OK : ERR_NOTFOUND;
}

/* ---- people ---- */
#define PEOPLE                                                                                                                   \
    "SELECT x.person, p.name, x.unit, COALESCE(u.short_name, ''), x.reached_by, x.read_by, p.roles, x.stage, x.reached_wall, x.read_wall, x.confirmed_wall " \
    "FROM circular_person x JOIN person p ON p.id = x.person LEFT JOIN unit u ON u.code = x.unit "

static void read_person(const struct rows *r, struct arena *a, struct circular_person *p) {
    *p = (struct circular_person){.person         = copy(r, 0, a),
                                  .name           = copy(r, 1, a),
                                  .unit           = copy(r, 2, a),
                                  .unit_name      = copy(r, 3, a),
                                  .reached_by     = copy(r, 4, a),
                                  .read_by        = copy(r, 5, a),
                                  .roles          = (unsigned)row_i(r, 6),
                                  .stage          = row_i(r, 7) < 0 ? STAGE_WAITING : row_i(r, 7),
                                  .reached_wall   = row_i(r, 8),
                                  .read_wall      = row_i(r, 9),
                                  .confirmed_wall = row_i(r, 10)};
    if (p->read_wall) p->stage = STAGE_READ; /* the counters may follow a moment later */
}

enum err circular_people(struct db *db, struct arena *a, const char *circular, const char *unit, enum circular_filter filter, const char *after,
                         int limit, struct circular_person **list, size_t *n) {
    *list          = arena_alloc(a, ((size_t)limit + 1) * sizeof **list);
    *n             = 0;
    struct rows *r = db_query(db,
                              PEOPLE "WHERE x.circular = ?1 AND x.person > ?2 AND (?3 = '' OR x.unit = ?3) AND (?4 = 0 OR (?4 = 4 AND x.read_wall > 0) OR "
                                     "(?4 = 5 AND x.confirmed_wall = 0) OR (x.read_wall = 0 AND (?4 = 1 OR (?4 = 2 AND x.stage <> 2) OR (?4 = 3 AND x.stage = 3)))) "
                                     "ORDER BY x.person LIMIT ?5",
                              "sssii", circular, after, unit, (int64_t)filter, (int64_t)limit);
    while (*n < (size_t)limit && db_next(r)) read_person(r, a, &(*list)[(*n)++]);
    return db_rows_end(r);
}

enum err circular_person_get(struct db *db, struct arena *a, const char *circular, const char *person, struct circular_person *out) {
    struct rows *r     = db_query(db, PEOPLE "WHERE x.circular = ?1 AND x.person = ?2", "ss", circular, person);
    bool         found = db_next(r);
    memset(out, 0, sizeof *out);
    if (found) read_person(r, a, out);
    GO(db_rows_end(r));
    return found ? ERR_OK : ERR_NOTFOUND;
}

enum err circular_has_unit(struct db *db, const char *circular, const char *unit, bool *yes) {
    int64_t  one;
    enum err e = db_one_i(db, &one, "SELECT 1 FROM circular_person WHERE unit = ?1 AND circular = ?2 LIMIT 1", "ss", unit, circular);
    *yes       = e == ERR_OK;
    return e == ERR_NOTFOUND ? ERR_OK : e;
}

enum err circular_unit_counts(struct db *db, const char *circular, const char *unit, int64_t stages[STAGES_N], int64_t *confirmed) {
    struct rows *r = db_query(db,
                              "SELECT CASE WHEN read_wall > 0 THEN 4 WHEN stage < 0 THEN 0 ELSE stage END AS s, COUNT(*), SUM(CASE WHEN confirmed_wall > 0 THEN 1 ELSE 0 END) "
                              "FROM circular_person WHERE unit = ?1 AND circular = ?2 GROUP BY 1",
                              "ss", unit, circular);
    memset(stages, 0, STAGES_N * sizeof stages[0]);
    *confirmed = 0;
    while (db_next(r)) {
        int64_t s = row_i(r, 0);
        if (s >= 0 && s < STAGES_N) stages[s] = row_i(r, 1);
        *confirmed += row_i(r, 2);
    }
    return db_rows_end(r);
}

enum err circular_tries(struct db *db, struct arena *a, const char *circular, const char *person, struct circular_try **list, size_t *n) {
    enum { MAX = 64 };
    *list          = arena_alloc(a, MAX * sizeof **list);
    *n             = 0;
    struct rows *r = db_query(db,
                              "SELECT d.channel, d.state, d.verdict, d.detail, d.due_wall, d.updated_wall, d.not_before, n.priority FROM notice n "
                              "JOIN delivery d ON d.notice = n.id WHERE n.circular = ?1 AND n.person = ?2 AND n.circular <> '' AND d.channel <> 'log' AND d.raise_of = '' ORDER BY n.id, d.step, d.id LIMIT 64",
                              "ss", circular, person);
    while (*n < MAX && db_next(r))
        (*list)[(*n)++] = (struct circular_try){copy(r, 0, a), copy(r, 1, a), copy(r, 2, a), copy(r, 3, a), row_i(r, 4), row_i(r, 5), row_i(r, 6), row_i(r, 7)};
    return db_rows_end(r);
}

enum err circular_channels(struct db *db, struct arena *a, const char *circular, struct circular_channel **list, size_t *n) {
    enum { MAX = 16 };
    *list          = arena_alloc(a, MAX * sizeof **list);
    *n             = 0;
    struct rows *r = db_query(db, "SELECT channel, reached_n, failed_n FROM circular_channel WHERE circular = ?1 ORDER BY channel", "s", circular);
    while (*n < MAX && db_next(r)) (*list)[(*n)++] = (struct circular_channel){copy(r, 0, a), row_i(r, 1), row_i(r, 2)};
    return db_rows_end(r);
}

/* ---- jobs ---- */
enum err circular_job_any(struct db *db, struct arena *a, const char **id) {
    return one_text(db_query(db, "SELECT id FROM circular WHERE job <> '' ORDER BY priority, id LIMIT 1", ""), a, id);
}

enum err circular_job_set(struct db *db, const char *id, const char *job, int64_t ord, const char *after) {
    return db_exec(db, "UPDATE circular SET job = ?2, job_ord = ?3, job_after = ?4 WHERE id = ?1", "ssis", id, job, ord, after);
}

/* People of one target behind `after`; *full: perhaps more of it. */
static enum err of_target(struct db *db, struct arena *a, const struct circular *c, const struct circular_target *t, size_t max, char **ids, char **units,
                          size_t *n, const char **after, bool *full) {
    size_t       seen = 0, room = max - *n;
    bool         all  = strcmp(t->kind, "all") == 0;
    struct rows *r    = NULL;
    if (all)
        r = db_query(db, "SELECT id, COALESCE(unit, ''), active, roles FROM person WHERE id > ?1 ORDER BY id LIMIT ?2", "si", *after, (int64_t)WINDOW);
    else if (strcmp(t->kind, "unit") == 0)
        r = db_query(db, "SELECT id, unit, active, roles FROM person WHERE unit = ?1 AND id > ?2 ORDER BY id LIMIT ?3", "ssi", t->ref, *after, (int64_t)WINDOW);
    else
        r = db_query(db, "SELECT id, COALESCE(unit, ''), active, ?2 FROM person WHERE id = ?1 AND id > ?3", "sis", t->ref, (int64_t)t->roles, *after);
    size_t taken = 0;
    while (taken < room && db_next(r)) {
        const char *id = copy(r, 0, a);
        *after         = id;
        seen++;
        if (row_i(r, 2) != 1 || !((unsigned)row_i(r, 3) & t->roles) || strcmp(id, c->sender) == 0) continue;
        ids[*n]   = arena_strdup(a, id);
        units[*n] = arena_strdup(a, row_s(r, 1));
        (*n)++;
        taken++;
    }
    *full = taken == room || seen == WINDOW;
    return db_rows_end(r);
}

static enum err target_at(struct db *db, struct arena *a, const char *circular, int64_t ord, struct circular_target *t) {
    struct rows *r     = db_query(db, "SELECT kind, ref, roles FROM circular_to WHERE circular = ?1 AND ord = ?2", "si", circular, ord);
    bool         found = db_next(r);
    if (found) *t = (struct circular_target){copy(r, 0, a), copy(r, 1, a), (unsigned)row_i(r, 2)};
    GO(db_rows_end(r));
    return found ? ERR_OK : ERR_NOTFOUND;
}

enum err circular_job_people(struct db *db, struct arena *a, const struct circular *c, size_t max, char ***ids, char ***units, size_t *n, int64_t *ord,
                             const char **after, bool *end) {
    *ids   = arena_alloc(a, max * sizeof(char *));
    *units = arena_alloc(a, max * sizeof(char *));
    *n     = 0;
    *ord   = c->job_ord;
    *after = c->job_after;
    *end   = false;
    for (size_t i = 0; i < max; i++) { /* targets without people are passed over, a bounded number of them */
        struct circular_target t = {0};
        bool                   full;
        enum err               e = target_at(db, a, c->id, *ord, &t);
        *end                     = e == ERR_NOTFOUND;
        if (e) return *end ? ERR_OK : e;
        GO(of_target(db, a, c, &t, max, *ids, *units, n, after, &full));
        if (full) return ERR_OK;
        (*ord)++;
        *after = "";
    }
    return ERR_OK;
}

enum err circular_unread_n(struct db *db, const char *id, int64_t *n) {
    return db_one_i(db, n, "SELECT COUNT(*) FROM circular_person WHERE circular = ?1 AND read_wall = 0", "s", id);
}

enum err circular_unread(struct db *db, struct arena *a, const char *id, const char *after, size_t max, char ***ids, size_t *n) {
    *ids           = arena_alloc(a, max * sizeof(char *));
    *n             = 0;
    struct rows *r = db_query(db, "SELECT person FROM circular_person WHERE circular = ?1 AND person > ?2 AND read_wall = 0 ORDER BY person LIMIT ?3", "ssi", id,
                              after, (int64_t)max);
    while (*n < max && db_next(r)) (*ids)[(*n)++] = arena_strdup(a, row_s(r, 0));
    return db_rows_end(r);
}

enum err circular_person_add(struct db *db, const char *circular, const char *person, const char *unit) {
    GO(db_exec(db, "INSERT INTO circular_person (circular, person, unit) VALUES (?1, ?2, ?3) ON CONFLICT (circular, person) DO NOTHING", "sss", circular, person,
               unit));
    return circular_mark(db, circular, person);
}

enum err circular_silence(struct db *db, const char *circular, const char *person, int64_t wall_ms) {
    GO(db_exec(db,
               "UPDATE delivery SET state = 'cancelled', updated_wall = ?3 WHERE state IN ('waiting', 'queued') AND notice IN "
               "(SELECT id FROM notice WHERE circular = ?1 AND person = ?2 AND circular <> '')",
               "ssi", circular, person, wall_ms));
    return circular_mark(db, circular, person);
}

enum err circular_told(struct db *db, const char *id) {
    return db_exec(db,
                   "UPDATE circular SET job = '', job_ord = 0, job_after = '', changed = 1, state = CASE WHEN state = 'sending' THEN 'open' ELSE state END, "
                   "total = (SELECT COUNT(*) FROM circular_person WHERE circular = ?1) WHERE id = ?1",
                   "s", id);
}

enum err circular_close(struct db *db, const char *id, int64_t wall_ms) {
    return db_exec(db, "UPDATE circular SET state = 'closed', closed_wall = ?2, job = 'close', job_ord = 0, job_after = '', changed = 1 WHERE id = ?1", "si", id,
                   wall_ms);
}

enum err circular_urge_add(struct db *db, const char *id, const char *person, int64_t level, const char *reason, int64_t people, int64_t wall_ms) {
    GO(db_exec(db,
               "UPDATE circular SET urged_n = urged_n + 1, urged_wall = ?2, urged_level = ?3, job = 'urge', job_ord = 0, job_after = '', changed = 1 WHERE id = ?1",
               "sii", id, wall_ms, level));
    return db_exec(db,
                   "INSERT INTO circular_urge (circular, n, person, level, reason, people, at_wall) SELECT id, urged_n, ?2, ?3, ?4, ?5, ?6 FROM circular WHERE id = ?1",
                   "ssisii", id, person, level, reason, people, wall_ms);
}
