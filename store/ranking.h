/* SPDX-License-Identifier: Apache-2.0
 *
 * What the ranking is computed from, read in one pass over task, task_unit, task_event, task_report, instruction, praise and
 * evaluation; and what it leaves behind: frozen boards and the digest of the board published last. Nothing is judged here: the
 * rules are handlers/ranking_score.c. Reads on any connection; writes on the writer's thread, in its transaction.
 */
#ifndef ZB_STORE_RANKING_H
#define ZB_STORE_RANKING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "store/db.h"

/* Words of task_event.event and of the states that the ranking looks at; others are ACT_other, ST_other. */
#define RANKING_ACTS(X) X(approve) X(sign_for) X(report) X(submit_done) X(accept) X(return ) X(find_false)
#define RANKING_STATES(X)                                                                                                        \
    X(draft)                                                                                                                     \
    X(pending_approval) X(dispatched) X(signed) X(in_progress) X(submitted) X(returned) X(closed) X(long_term) X(suspended)      \
        X(cancelled)

enum ranking_act {
    ACT_other,
#define X(word) ACT_##word,
    RANKING_ACTS(X)
#undef X
};
enum ranking_state {
    ST_other,
#define X(word) ST_##word,
    RANKING_STATES(X)
#undef X
};
const char *ranking_state_word(enum ranking_state s);

enum { SCOPE_COUNTY = 1, SCOPE_DEPARTMENT = 2, SCOPE_SOE = 4 }; /* unit.scope as a bit; 0 = not ranked */

struct ranking_unit {
    const char *code, *board_name, *short_name;
    unsigned    scope;
};
struct ranking_event {
    enum ranking_act   act;
    enum ranking_state to;
    int                unit; /* index; -1 none */
    int64_t            seq, at_biz;
    int32_t            deadline_from; /* the act moved the deadline: the day before it; 0 = it did not */
};
struct ranking_task_unit {
    int     unit;
    bool    lead;
    int64_t sign_due_biz, signed_biz; /* 0: none */
};
struct ranking_report {
    int     unit;
    int64_t at_biz;
    int     progress; /* percent; -1 not said */
};
struct ranking_task {
    const char                     *id, *title, *supervising; /* supervising: code or NULL */
    int32_t                         deadline;                 /* day; 0 none */
    bool                            long_term;
    const struct ranking_task_unit *units;
    const struct ranking_event     *events;  /* by seq */
    const struct ranking_report    *reports; /* by unit, then time */
    size_t                          units_n, events_n, reports_n;
};
/* A leader's praise or criticism, or praise of the province. */
enum ranking_word_kind { WORD_PRAISE_CITY, WORD_PRAISE_PROVINCE, WORD_CRITICISE };
struct ranking_word {
    enum ranking_word_kind kind;
    int                    unit;
    int64_t                at_biz, withdrawn_biz; /* withdrawn 0: stands */
};
struct ranking_evaluation {
    const char *period, *leader;
    int         unit;
    int64_t     value, at_biz, revision;
};
struct ranking_data {
    const struct ranking_unit       *units;       /* by code */
    const struct ranking_task       *tasks;       /* by id */
    const struct ranking_word       *words;       /* by time */
    const struct ranking_evaluation *evaluations; /* by unit, leader, time */
    size_t                           units_n, tasks_n, words_n, evaluations_n;
};
enum err ranking_load(struct db *db, struct arena *a, struct ranking_data *out) MUST_CHECK;
/* The same, but of events and reports only what was added since the last time is read: neither is ever changed or taken away, and
 * a report comes with an event of its unit. The rest of the data is borrowed from h until its next use. Writer's thread; rows of the
 * running transaction are remembered, too, so when that is rolled back h must be forgotten. */
struct ranking_history;
enum err ranking_load_new(struct db *db, struct arena *a, struct ranking_history **h, struct ranking_data *out) MUST_CHECK;
void     ranking_history_free(struct ranking_history *h); /* NULL is legal */
int      ranking_find_unit(const struct ranking_data *d, const char *code); /* index or -1 */

/* Business time of the first event of all; ERR_NOTFOUND: nothing happened yet. */
enum err ranking_first_event(struct db *db, int64_t *at_biz) MUST_CHECK;

enum err ranking_frozen_get(struct db *db, struct arena *a, const char *period, const char *scope,
                            const char **board) MUST_CHECK; /* ERR_NOTFOUND */
enum err ranking_frozen_at(struct db *db, const char *period, const char *scope,
                           int64_t *frozen_biz) MUST_CHECK; /* ERR_NOTFOUND */
enum err ranking_frozen_add(struct db *db, const char *period, const char *scope, const char *rule, const char *board,
                            int64_t biz_ms) MUST_CHECK;

/* What a period was frozen with (migration 95). */
struct ranking_inputs {
    int min_tasks, yellow_days;
};
/* Writes in and the names and scopes of d's units; what is there already stays. */
enum err ranking_inputs_add(struct db *db, const char *period, const struct ranking_inputs *in, const struct ranking_data *d) MUST_CHECK;
/* Reads them back; the units of d get the names and scopes of then, younger ones no scope. ERR_NOTFOUND: not frozen, or frozen before
 * they were kept: d is as it was. */
enum err ranking_inputs_get(struct db *db, struct arena *a, const char *period, struct ranking_inputs *in, struct ranking_data *d) MUST_CHECK;

/* Digest of the board published last on a channel; "" = never. */
enum err ranking_digest_get(struct db *db, struct arena *a, const char *period, const char *scope, const char **out) MUST_CHECK;
enum err ranking_digest_set(struct db *db, const char *period, const char *scope, const char *digest) MUST_CHECK;

/* The mark that the boards changed and were not published with that change. */
enum err ranking_owed_get(struct db *db, bool *yes) MUST_CHECK;
enum err ranking_owed_set(struct db *db, bool yes) MUST_CHECK;

/* Praise of the province (D43). ERR_DUP: this document praised this unit already. */
struct praise {
    const char *doc_no, *unit, *entered_by, *entered_unit;
    int64_t     at_biz;
};
enum err praise_add(struct db *db, const struct praise *p) MUST_CHECK;

#endif
