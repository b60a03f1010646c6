/* SPDX-License-Identifier: Apache-2.0
 *
 * All tables come sorted by task, so one walk joins them; unit codes become indexes by binary search.
 */
#include "store/ranking.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/calendar.h"
#include "base/check.h"
#include "store/kv.h"
#include "store/ranking_int.h"

static const char *const act_words[] = {"",
#define X(word) #word,
                                        RANKING_ACTS(X)
#undef X
};
static const char *const state_words[] = {"",
#define X(word) #word,
                                          RANKING_STATES(X)
#undef X
};

const char *ranking_state_word(enum ranking_state s) {
    MUST((size_t)s < ARRAY_N(state_words));
    return state_words[s];
}

static size_t word_index(const char *const *v, size_t n, const char *word) {
    for (size_t i = 1; i < n; i++)
        if (strcmp(v[i], word) == 0) return i;
    return 0;
}

static unsigned scope_bit(const char *s) {
    static const struct {
        const char *word;
        unsigned    bit;
    } scopes[] = {{"county", SCOPE_COUNTY}, {"department", SCOPE_DEPARTMENT}, {"soe", SCOPE_SOE}};
    for (size_t i = 0; i < ARRAY_N(scopes); i++)
        if (strcmp(scopes[i].word, s) == 0) return scopes[i].bit;
    return 0;
}

static int by_code(const void *key, const void *unit) { return strcmp(key, ((const struct ranking_unit *)unit)->code); }

int ranking_find_unit(const struct ranking_data *d, const char *code) {
    if (code == NULL || *code == '\0') return -1;
    const struct ranking_unit *u = bsearch(code, d->units, d->units_n, sizeof *d->units, by_code);
    return u ? (int)(u - d->units) : -1;
}

static int32_t day_or_0(const char *date) {
    int32_t day;
    return date && date_parse(date, &day) == ERR_OK ? day : 0;
}

/* {"deadline_from":"2018-03-20"} in the data of an act that moved the deadline of a dispatched task. */
static int32_t deadline_from(const char *data) {
    static const char name[] = "\"deadline_from\":\"";
    const char       *p      = strstr(data, name);
    char              date[11];
    if (p == NULL) return 0;
    (void)snprintf(date, sizeof date, "%s", p + sizeof name - 1);
    return day_or_0(date);
}

#define COUNT(out, sql)                                                                                                          \
    do {                                                                                                                         \
        int64_t  count_ = 0;                                                                                                     \
        enum err e_     = db_one_i(db, &count_, sql, "");                                                                        \
        if (e_) return e_;                                                                                                       \
        (out) = (size_t)count_;                                                                                                  \
    } while (0)

static enum err load_units(struct db *db, struct arena *a, struct ranking_data *d) {
    size_t max;
    COUNT(max, "SELECT COUNT(*) FROM unit WHERE is_group = 0");
    struct ranking_unit *v = arena_alloc(a, (max + 1) * sizeof *v);
    struct rows *r = db_query(db, "SELECT code, board_name, short_name, scope FROM unit WHERE is_group = 0 ORDER BY code", "");
    size_t       n = 0;
    for (; n < max && db_next(r); n++)
        v[n] = (struct ranking_unit){arena_strdup(a, row_s(r, 0)), arena_strdup(a, row_s(r, 1)), arena_strdup(a, row_s(r, 2)),
                                     scope_bit(row_s(r, 3))};
    d->units   = v;
    d->units_n = n;
    return db_rows_end(r);
}

/* The task a row belongs to; rows come in the order of the tasks. */
static struct ranking_task *advance(struct ranking_task *v, size_t n, size_t *at, const char *id) {
    while (*at < n && strcmp(v[*at].id, id) < 0) (*at)++;
    return *at < n && strcmp(v[*at].id, id) == 0 ? &v[*at] : NULL;
}

static enum err load_task_rows(struct db *db, struct arena *a, struct ranking_data *d, struct ranking_task **out) {
    size_t max;
    COUNT(max, "SELECT COUNT(*) FROM task");
    struct ranking_task *v = arena_alloc(a, (max + 1) * sizeof *v);
    struct rows         *r = db_query(db, "SELECT id, title, supervising_unit, deadline, long_term FROM task ORDER BY id", "");
    size_t               n = 0;
    for (; n < max && db_next(r); n++)
        v[n] = (struct ranking_task){.id          = arena_strdup(a, row_s(r, 0)),
                                     .title       = arena_strdup(a, row_s(r, 1)),
                                     .supervising = arena_strdup(a, row_s(r, 2)),
                                     .deadline    = day_or_0(row_s(r, 3)),
                                     .long_term   = row_i(r, 4) != 0};
    *out       = v;
    d->tasks   = v;
    d->tasks_n = n;
    return db_rows_end(r);
}

static enum err load_task_units(struct db *db, struct arena *a, const struct ranking_data *d, struct ranking_task *tasks) {
    size_t max, n = 0, at = 0;
    COUNT(max, "SELECT COUNT(*) FROM task_unit");
    struct ranking_task_unit *v = arena_alloc(a, (max + 1) * sizeof *v);
    struct rows              *r = db_query(
                     db, "SELECT task, unit, is_lead, sign_due_biz, signed_biz FROM task_unit WHERE state <> 'refused' ORDER BY task, unit",
                     "");
    while (n < max && db_next(r)) {
        struct ranking_task *t    = advance(tasks, d->tasks_n, &at, row_s(r, 0));
        int                  unit = ranking_find_unit(d, row_s(r, 1));
        if (t == NULL || unit < 0) continue;
        v[n] = (struct ranking_task_unit){unit, row_i(r, 2) != 0, row_i(r, 3), row_i(r, 4)};
        if (t->units_n++ == 0) t->units = &v[n];
        n++;
    }
    return db_rows_end(r);
}

struct ranking_event ranking_read_event(const struct rows *r, const struct ranking_data *d) {
    return (struct ranking_event){.seq           = row_i(r, 0),
                                  .act           = (enum ranking_act)word_index(act_words, ARRAY_N(act_words), row_s(r, 1)),
                                  .to            = (enum ranking_state)word_index(state_words, ARRAY_N(state_words), row_s(r, 2)),
                                  .unit          = ranking_find_unit(d, row_s(r, 3)),
                                  .at_biz        = row_i(r, 4),
                                  .deadline_from = deadline_from(row_s(r, 5))};
}

static enum err load_events(struct db *db, struct arena *a, const struct ranking_data *d, struct ranking_task *tasks) {
    size_t max, n = 0, at = 0;
    COUNT(max, "SELECT COUNT(*) FROM task_event");
    struct ranking_event *v = arena_alloc(a, (max + 1) * sizeof *v);
    struct rows *r = db_query(db, "SELECT " RANKING_EVENT_COLUMNS ", task FROM task_event ORDER BY task, seq", "");
    while (n < max && db_next(r)) {
        struct ranking_task *t = advance(tasks, d->tasks_n, &at, row_s(r, 6));
        if (t == NULL) continue;
        v[n] = ranking_read_event(r, d);
        if (t->events_n++ == 0) t->events = &v[n];
        n++;
    }
    return db_rows_end(r);
}

static enum err load_reports(struct db *db, struct arena *a, const struct ranking_data *d, struct ranking_task *tasks) {
    size_t max, n = 0, at = 0;
    COUNT(max, "SELECT COUNT(*) FROM task_report");
    struct ranking_report *v = arena_alloc(a, (max + 1) * sizeof *v);
    struct rows           *r = db_query(db, "SELECT task, unit, at_biz, progress FROM task_report ORDER BY task, unit, seq", "");
    while (n < max && db_next(r)) {
        struct ranking_task *t    = advance(tasks, d->tasks_n, &at, row_s(r, 0));
        int                  unit = ranking_find_unit(d, row_s(r, 1));
        if (t == NULL || unit < 0) continue;
        v[n] = (struct ranking_report){unit, row_i(r, 2), row_is_null(r, 3) ? -1 : (int)row_i(r, 3)};
        if (t->reports_n++ == 0) t->reports = &v[n];
        n++;
    }
    return db_rows_end(r);
}

static enum err load_words(struct db *db, struct arena *a, struct ranking_data *d) {
    size_t max;
    COUNT(max, "SELECT (SELECT COUNT(*) FROM instruction_unit) + (SELECT COUNT(*) FROM praise)");
    struct ranking_word *v = arena_alloc(a, (max + 1) * sizeof *v);
    size_t               n = 0;
    struct rows         *r =
        db_query(db,
                 "SELECT i.kind AS kind, x.unit AS unit, i.created_biz AS at, w.at_biz AS gone, i.id AS ref "
                 "FROM instruction i JOIN instruction_unit x ON x.instruction = i.id "
                 "LEFT JOIN instruction_withdrawal w ON w.instruction = i.id WHERE i.kind IN ('praise', 'criticise') "
                 "UNION ALL SELECT 'province', unit, at_biz, NULL, doc_no FROM praise ORDER BY 3, 5, 2",
                 "");
    while (n < max && db_next(r)) {
        const char *kind = row_s(r, 0);
        int         unit = ranking_find_unit(d, row_s(r, 1));
        if (unit < 0) continue;
        v[n] = (struct ranking_word){WORD_CRITICISE, unit, row_i(r, 2), row_i(r, 3)};
        if (strcmp(kind, "praise") == 0) v[n].kind = WORD_PRAISE_CITY;
        if (strcmp(kind, "province") == 0) v[n].kind = WORD_PRAISE_PROVINCE;
        n++;
    }
    d->words   = v;
    d->words_n = n;
    return db_rows_end(r);
}

static enum err load_evaluations(struct db *db, struct arena *a, struct ranking_data *d) {
    size_t max;
    COUNT(max, "SELECT COUNT(*) FROM evaluation");
    struct ranking_evaluation *v = arena_alloc(a, (max + 1) * sizeof *v);
    size_t                     n = 0;
    struct rows               *r = db_query(
                      db, "SELECT period, unit, leader, value, at_biz, revision FROM evaluation ORDER BY unit, leader, at_biz, period", "");
    while (n < max && db_next(r)) {
        int unit = ranking_find_unit(d, row_s(r, 1));
        if (unit < 0) continue;
        v[n++] = (struct ranking_evaluation){
            arena_strdup(a, row_s(r, 0)), arena_strdup(a, row_s(r, 2)), unit, row_i(r, 3), row_i(r, 4), row_i(r, 5)};
    }
    d->evaluations   = v;
    d->evaluations_n = n;
    return db_rows_end(r);
}

enum err ranking_load_frame(struct db *db, struct arena *a, struct ranking_data *out, struct ranking_task **tasks) {
    memset(out, 0, sizeof *out);
    enum err e = load_units(db, a, out);
    if (e == ERR_OK) e = load_task_rows(db, a, out, tasks);
    if (e == ERR_OK) e = load_task_units(db, a, out, *tasks);
    if (e == ERR_OK) e = load_words(db, a, out);
    if (e == ERR_OK) e = load_evaluations(db, a, out);
    return e;
}

enum err ranking_load(struct db *db, struct arena *a, struct ranking_data *out) {
    struct ranking_task *tasks = NULL;
    enum err             e     = ranking_load_frame(db, a, out, &tasks);
    if (e == ERR_OK) e = load_events(db, a, out, tasks);
    if (e == ERR_OK) e = load_reports(db, a, out, tasks);
    return e;
}

enum err ranking_first_event(struct db *db, int64_t *at_biz) {
    return db_one_i(db, at_biz, "SELECT at_biz FROM task_event ORDER BY at_biz LIMIT 1", "");
}

enum err ranking_frozen_get(struct db *db, struct arena *a, const char *period, const char *scope, const char **board) {
    struct rows *r     = db_query(db, "SELECT board FROM ranking_frozen WHERE period = ?1 AND scope = ?2", "ss", period, scope);
    bool         found = db_next(r);
    *board             = found ? arena_strdup(a, row_s(r, 0)) : NULL;
    enum err e         = db_rows_end(r);
    return e ? e : found ? ERR_OK : ERR_NOTFOUND;
}

enum err ranking_frozen_at(struct db *db, const char *period, const char *scope, int64_t *frozen_biz) {
    return db_one_i(db, frozen_biz, "SELECT frozen_biz FROM ranking_frozen WHERE period = ?1 AND scope = ?2", "ss", period,
                    scope);
}

enum err ranking_frozen_add(struct db *db, const char *period, const char *scope, const char *rule, const char *board,
                            int64_t biz_ms) {
    return db_exec(db, "INSERT INTO ranking_frozen (period, scope, rule, board, frozen_biz) VALUES (?1, ?2, ?3, ?4, ?5)", "ssssi",
                   period, scope, rule, board, biz_ms);
}

enum err ranking_inputs_add(struct db *db, const char *period, const struct ranking_inputs *in, const struct ranking_data *d) {
    enum err e = db_exec(db, "INSERT INTO ranking_rules (period, min_tasks, yellow_days) VALUES (?1, ?2, ?3) ON CONFLICT (period) DO NOTHING", "sii",
                         period, (int64_t)in->min_tasks, (int64_t)in->yellow_days);
    if (e || db_changes(db) == 0) return e;
    for (size_t i = 0; e == ERR_OK && i < d->units_n; i++)
        e = db_exec(db, "INSERT INTO ranking_unit (period, unit, board_name, short_name, scope) VALUES (?1, ?2, ?3, ?4, ?5)", "ssssi", period,
                    d->units[i].code, d->units[i].board_name, d->units[i].short_name, (int64_t)d->units[i].scope);
    return e;
}

enum err ranking_inputs_get(struct db *db, struct arena *a, const char *period, struct ranking_inputs *in, struct ranking_data *d) {
    struct rows *r     = db_query(db, "SELECT min_tasks, yellow_days FROM ranking_rules WHERE period = ?1", "s", period);
    bool         known = db_next(r);
    if (known) *in = (struct ranking_inputs){(int)row_i(r, 0), (int)row_i(r, 1)};
    enum err e = db_rows_end(r);
    if (e || !known) return e ? e : ERR_NOTFOUND;
    struct ranking_unit *v = arena_alloc(a, (d->units_n + 1) * sizeof *v);
    for (size_t i = 0; i < d->units_n; i++) {
        v[i]       = d->units[i];
        v[i].scope = 0;
    }
    r = db_query(db, "SELECT unit, board_name, short_name, scope FROM ranking_unit WHERE period = ?1", "s", period);
    while (db_next(r)) {
        int i = ranking_find_unit(d, row_s(r, 0));
        if (i >= 0) v[i] = (struct ranking_unit){d->units[i].code, arena_strdup(a, row_s(r, 1)), arena_strdup(a, row_s(r, 2)), (unsigned)row_i(r, 3)};
    }
    d->units = v;
    return db_rows_end(r);
}

static void digest_name(char out[64], const char *period, const char *scope) {
    (void)snprintf(out, 64, "board:%s:%s", period, scope);
}

enum err ranking_digest_get(struct db *db, struct arena *a, const char *period, const char *scope, const char **out) {
    char name[64];
    digest_name(name, period, scope);
    enum err e = kv_get(db, a, name, out);
    if (e == ERR_NOTFOUND) *out = "";
    return e == ERR_NOTFOUND ? ERR_OK : e;
}

enum err ranking_digest_set(struct db *db, const char *period, const char *scope, const char *digest) {
    char name[64];
    digest_name(name, period, scope);
    return kv_set(db, name, digest);
}

enum err ranking_owed_get(struct db *db, bool *yes) {
    struct rows *r = db_query(db, "SELECT 1 FROM kv WHERE name = 'boards.owed' AND value = '1'", "");
    *yes           = db_next(r);
    return db_rows_end(r);
}

enum err ranking_owed_set(struct db *db, bool yes) { return kv_set(db, "boards.owed", yes ? "1" : "0"); }

enum err praise_add(struct db *db, const struct praise *p) {
    return db_exec(db, "INSERT INTO praise (doc_no, unit, entered_by, entered_unit, at_biz) VALUES (?1, ?2, ?3, ?4, ?5)", "ssssi",
                   p->doc_no, p->unit, p->entered_by, p->entered_unit, p->at_biz);
}
