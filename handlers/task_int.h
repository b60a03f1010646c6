/* SPDX-License-Identifier: Apache-2.0
 *
 * Inside the rooms of supervision tasks: one act on one task. Never leaves handlers/.
 *
 *     task_act_begin   visibility, actor, state, version, guards (D45), in this order; nothing is written
 *     the method       changes act.t, act.units
 *     task_act_finish  saves, history, ledger, live channels, boards, the answer
 *
 * task_flow.c the engine and its table (task_states.def) · task_guard.c conditions · task_expand.c groups to units · task_tell.c
 * notices · task_act.c the methods · task_edit.c create and update · task.c list, get, history.
 */
#ifndef ZB_HANDLERS_TASK_INT_H
#define ZB_HANDLERS_TASK_INT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/param.h"
#include "handlers/req.h"
#include "handlers/task_light.h"
#include "store/task.h"

#define TASK_GRACE_DAYS 2 /* working days after a return that came after the date (domain.md 3.3) */
#define TASK_EVIDENCE_MAX 9

/* What the acts take; each method's rows name its part. Texts NULL when absent. */
struct act_args {
    const char  *task_id;
    int64_t      version;
    const char  *text, *reason, *opinion;
    struct strs  evidence;
    const cJSON *expand, *quantities;
    int64_t      quality, efficiency; /* 0: absent */
    int64_t      progress;            /* -1: absent */
    /* task.update and task.create */
    const char  *title, *requirement, *plan, *section, *kind, *urgency, *source_kind, *source_no, *source_date, *issued_on;
    const char  *lead_unit, *supervising_unit, *deadline, *deadline_text, *after_deadline, *past_reason;
    struct strs  units, monitoring_units, steps;
    const cJSON *replace; /* refused unit -> unit that takes the place, "" none */
    int64_t      part, ord;
    bool         long_term;
};

enum task_ev {
#define EVENT(symbol, word, path, zh, versioned) EV_##symbol,
#include "handlers/task_states.def"
    EV_MAX
};
enum task_actor { ACTOR_DISPATCHER, ACTOR_APPROVER, ACTOR_RESPONSIBLE, ACTOR_LEAD, ACTOR_MONITOR };
enum {
#define GUARD(symbol, err, field) GI_##symbol,
#include "handlers/task_states.def"
    GI_MAX
};
enum {
#define GUARD(symbol, err, field) G_##symbol = 1 << GI_##symbol,
#include "handlers/task_states.def"
};

struct act;
struct task_rule {
    const char     *from;
    enum task_ev    event;
    enum task_actor actor;
    bool (*when)(const struct act *a);
    unsigned    guards;
    const char *to;
};

struct act {
    struct req             *r;
    const struct act_args  *p; /* NULL: only asked what would be possible */
    struct task             t;
    int64_t                 was_version;
    const struct task_rule *rule;
    struct task_unit       *units; /* responsible, in order */
    size_t                  units_n;
    struct task_unit       *mine;   /* of the caller's unit; NULL */
    struct task_unit       *placed; /* submit_draft: the units after expansion */
    size_t                  placed_n;
    const char            **missing; /* what the last guard found, texts */
    size_t                  missing_n;
    bool                    touched; /* units, deadline or requirement changed: the version rises (D37) */
};

/* ---- task_flow.c ---- */
const char *task_state_zh(const char *state);
bool        task_state_known(const char *state);
bool        task_is_draft(const struct task *t); /* draft or waiting for approval: the dispatching side's only */
/* The way in which a caller comes to an act. ERR_NOTFOUND, ERR_PERM, ERR_STATE, ERR_CONFLICT, ERR_INPUT with texts. */
enum err task_act_begin(struct req *r, const struct act_args *p, enum task_ev ev, struct act *a) MUST_CHECK;
/* The first two steps of it only: what may be seen, and by whom it may be done (a repeated sign_for is answered there). */
enum err task_act_open(struct req *r, const struct act_args *p, enum task_ev ev, struct act *a) MUST_CHECK;
enum err task_act_check(struct act *a, enum task_ev ev) MUST_CHECK; /* state, version, guards */
/* reason: free text of the event or NULL; data: JSON object or NULL. */
enum err task_act_finish(struct act *a, const char *reason, const char *data) MUST_CHECK;
/* "actions" of the reply: what this caller may do now and what is still missing for it. */
enum err task_write_actions(struct req *r, const struct task *t) MUST_CHECK;
/* Event row, ledger row and publications of a change; used by create, too. seq in the ledger is the version. */
enum err task_record(struct act *a, const char *event, const char *from, const char *reason, const char *data) MUST_CHECK;
/* {type,id,event,state,version,at,unit} to task:<id> and the units concerned. */
enum err task_publish(struct act *a, const char *event) MUST_CHECK;

/* ---- task_guard.c ---- */
enum err task_guard(struct act *a, unsigned guards) MUST_CHECK; /* the first that fails, with its text */
/* All condition guards of the rule that fail now: texts appended to a->missing. */
enum err task_guard_missing(struct act *a, unsigned guards) MUST_CHECK;
void     task_miss(struct act *a, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
bool     task_numbers(const cJSON *quantities); /* NULL, or an object of numbers that are not negative */
bool     task_blank(const char *s);             /* NULL, empty or only blanks */
#define TASK_WHENS(X)                                                                                                            \
    X(ALWAYS) X(PLACES_DROPPED) X(PLACE_OPEN) X(DATE_PAST) X(LAST_TO_SIGN) X(NOBODY_SIGNED) X(NO_DATE) X(CONTINUES) X(ACCEPTED)
#define X(name) bool when_##name(const struct act *a);
TASK_WHENS(X)
#undef X

/* ---- task_expand.c ---- */
/* Listed units and p->expand -> a->placed. Faults are missed (task_miss). */
enum err task_expand(struct act *a) MUST_CHECK;
/* Listed units that are no groups, lead and roles, without expansion. */
enum err task_check_listed(struct act *a) MUST_CHECK;
/* A unit that may be responsible: real, valid today, neither supervising nor monitoring nor the caller's own. Faults are missed.
 */
enum err task_check_unit(struct act *a, const char *code, const struct task_named *monitors, size_t n) MUST_CHECK;

/* ---- task_tell.c ---- */
enum err task_tell_units(struct act *a, const char *kind, bool lead_only, const char *extra, const char *dedupe) MUST_CHECK;
enum err task_tell_unit(struct act *a, const char *unit, unsigned roles, const char *kind, const char *extra,
                        const char *dedupe) MUST_CHECK;
enum err task_tell_side(struct act *a, unsigned roles, const char *kind, const char *extra, const char *dedupe) MUST_CHECK;
enum err task_tell_person(struct act *a, const char *person, const char *kind, const char *dedupe) MUST_CHECK;
/* The n-th working day after the instant. ERR_CALENDAR with a text. */
enum err task_workday(struct req *r, int64_t biz_ms, int n, int32_t *day) MUST_CHECK;
/* When a signature given now would be due (D44), and the words of the assignment notice. */
enum err    task_sign_due(struct act *a, int64_t *due_biz) MUST_CHECK;
const char *task_assign_words(struct act *a, int64_t due_biz);
/* JSON texts in the arena. */
const char *task_json_strs(struct arena *a, const char *const *v, size_t n);
const char *task_json(struct arena *a, const cJSON *v, const char *otherwise);

/* ---- task_edit.c ---- */
enum err task_create(struct req *r, const void *args) MUST_CHECK;
/* The same for a caller in handlers/ that wants the id (arena). */
enum err task_create_id(struct req *r, const struct act_args *p, const char **id_out) MUST_CHECK;
enum err task_update(struct req *r, const void *args) MUST_CHECK;

#endif
