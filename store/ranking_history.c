/* SPDX-License-Identifier: Apache-2.0
 *
 * Events and reports kept in memory between two publications of the boards, in the order of the tasks, so that a board costs
 * what is new and not what ever happened. One thread: the writer's. Units are kept as indexes; when the list of units changes
 * everything is read again.
 */
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/mem.h"
#include "store/ranking_int.h"

#define HISTORY_MAGIC 0x68697374U

struct reporter { /* how far the reports of one unit are known */
    int     unit;
    int64_t seq;
};

struct known { /* of one task */
    char                  *id;
    struct ranking_event  *events;
    struct ranking_report *reports; /* as they came */
    struct reporter       *reporters;
    size_t                 events_n, events_cap, reports_n, reports_cap, reporters_n, reporters_cap;
};

struct ranking_history {
    unsigned      magic;
    char        **units; /* codes by index */
    size_t        units_n;
    struct known *tasks; /* by id */
    size_t        tasks_n, tasks_cap;
};

/* Room for one more of n. */
static void *grown(void *v, size_t n, size_t *cap, size_t size) {
    if (n < *cap) return v;
    *cap = *cap ? *cap * 2 : 4;
    return x_realloc(v, *cap * size);
}

void ranking_history_free(struct ranking_history *h) {
    if (h == NULL) return;
    CHECK_OBJ_NOTNULL(h, HISTORY_MAGIC);
    for (size_t i = 0; i < h->tasks_n; i++) {
        x_free(h->tasks[i].id);
        x_free(h->tasks[i].events);
        x_free(h->tasks[i].reports);
        x_free(h->tasks[i].reporters);
    }
    for (size_t i = 0; i < h->units_n; i++) x_free(h->units[i]);
    x_free(h->tasks);
    x_free(h->units);
    FREE_OBJ(h);
}

static struct ranking_history *begin(const struct ranking_data *d) {
    struct ranking_history *h;
    ALLOC_OBJ(h, HISTORY_MAGIC);
    h->units_n = d->units_n;
    h->units   = x_calloc(d->units_n + 1, sizeof *h->units);
    for (size_t i = 0; i < d->units_n; i++) h->units[i] = x_strdup(d->units[i].code);
    return h;
}

/* The same units, and no task has gone. */
static bool fits(const struct ranking_history *h, const struct ranking_data *d) {
    size_t k = 0;
    if (h->units_n != d->units_n) return false;
    for (size_t i = 0; i < d->units_n; i++)
        if (strcmp(h->units[i], d->units[i].code) != 0) return false;
    for (size_t i = 0; k < h->tasks_n && i < d->tasks_n; i++) k += strcmp(h->tasks[k].id, d->tasks[i].id) == 0;
    return k == h->tasks_n;
}

/* The task at place i, which all before it have found theirs; a new one is put in between. */
static struct known *known_at(struct ranking_history *h, size_t i, const char *id) {
    if (i < h->tasks_n && strcmp(h->tasks[i].id, id) == 0) return &h->tasks[i];
    h->tasks = grown(h->tasks, h->tasks_n, &h->tasks_cap, sizeof *h->tasks);
    memmove(&h->tasks[i + 1], &h->tasks[i], (h->tasks_n - i) * sizeof *h->tasks);
    h->tasks_n++;
    h->tasks[i] = (struct known){.id = x_strdup(id)};
    return &h->tasks[i];
}

static struct reporter *reporter_of(struct known *k, int unit) {
    for (size_t i = 0; i < k->reporters_n; i++)
        if (k->reporters[i].unit == unit) return &k->reporters[i];
    k->reporters                   = grown(k->reporters, k->reporters_n, &k->reporters_cap, sizeof *k->reporters);
    k->reporters[k->reporters_n++] = (struct reporter){.unit = unit};
    return &k->reporters[k->reporters_n - 1];
}

static enum err read_reports(struct db *db, const struct ranking_history *h, struct known *k, int unit) {
    struct reporter *who = reporter_of(k, unit);
    struct rows     *r   = db_query(db,
                                    "SELECT seq, at_biz, progress FROM task_report WHERE task = ?1 AND unit = ?2 AND seq > ?3 ORDER BY seq",
                                    "ssi", k->id, h->units[unit], who->seq);
    while (db_next(r)) {
        k->reports                 = grown(k->reports, k->reports_n, &k->reports_cap, sizeof *k->reports);
        k->reports[k->reports_n++] = (struct ranking_report){unit, row_i(r, 1), row_is_null(r, 2) ? -1 : (int)row_i(r, 2)};
        who->seq                   = row_i(r, 0);
    }
    return db_rows_end(r);
}

static enum err read_new(struct db *db, const struct ranking_history *h, const struct ranking_data *d, struct known *k) {
    size_t       was = k->events_n;
    struct rows *r =
        db_query(db, "SELECT " RANKING_EVENT_COLUMNS " FROM task_event WHERE task = ?1 AND seq > ?2 ORDER BY seq", "si", k->id,
                 was ? k->events[was - 1].seq : 0);
    while (db_next(r)) {
        k->events                = grown(k->events, k->events_n, &k->events_cap, sizeof *k->events);
        k->events[k->events_n++] = ranking_read_event(r, d);
    }
    enum err e = db_rows_end(r);
    int      unit = -1; /* runs of one unit are looked up once */
    for (size_t i = was; e == ERR_OK && i < k->events_n; i++) {
        const struct ranking_event *x = &k->events[i];
        if ((x->act != ACT_report && x->act != ACT_submit_done) || x->unit < 0 || x->unit == unit) continue;
        unit = x->unit;
        e    = read_reports(db, h, k, unit);
    }
    return e;
}

enum err ranking_load_new(struct db *db, struct arena *a, struct ranking_history **history, struct ranking_data *out) {
    struct ranking_task *tasks = NULL;
    enum err             e     = ranking_load_frame(db, a, out, &tasks);
    if (e) return e;
    if (*history && !fits(*history, out)) {
        ranking_history_free(*history);
        *history = NULL;
    }
    if (*history == NULL) *history = begin(out);
    struct ranking_history *h = *history;
    CHECK_OBJ_NOTNULL(h, HISTORY_MAGIC);
    for (size_t i = 0; e == ERR_OK && i < out->tasks_n; i++) {
        struct known *k = known_at(h, i, tasks[i].id);
        e               = read_new(db, h, out, k);
        tasks[i].events    = k->events;
        tasks[i].events_n  = k->events_n;
        tasks[i].reports   = k->reports;
        tasks[i].reports_n = k->reports_n;
    }
    return e;
}
