/* SPDX-License-Identifier: Apache-2.0
 *
 * What is said to people: a notice row per person and dedupe key, and its delivery rows, written in the transaction of the
 * fact (writer thread). Kinds, priorities and texts are one table in notice.c (texts: ux.md 7).
 */
#ifndef ZB_PUSH_NOTICE_H
#define ZB_PUSH_NOTICE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/sm.h"
#include "push/notice_plan.h"
#include "store/db.h"

struct notice_rules {
    const struct notice_plan *plans;    /* by priority 0..3 */
    unsigned           channels; /* bits of enum delivery_channel: those that have a provider; sms always counts as one */
    /* Noise limits (F110, F119) for priority 2 and 3; the notice itself is always in the inbox at once. Zero: no limit. Quiet hours hold
     * for every channel, the others for SMS. */
    int         quiet_from_min, quiet_to_min; /* minutes of the business day between which they wait; equal: no quiet hours */
    int         sms_per_day;                  /* to one person in a business day */
    int64_t     sms_merge_ms;                 /* no second one about the same object within */
    bool        demo_log;        /* a `log` delivery for each notice (demo, D19) */
    const char *signature;       /* 【...】 without brackets */
    const struct sm4_key *pii_key; /* seals texts to bare numbers (push/sms_out.h) */
};

struct notice_msg {
    const char *kind;   /* row of the kind table: "task.assigned", "task.due_soon", ... */
    const char *object; /* "task:ID", "instruction:ID", "" */
    const char *title;  /* short text of the object (task title) */
    const char *extra;  /* further words the kind's text wants, or NULL */
    const char *dedupe; /* unique per person */
    int64_t     wall_ms, biz_ms;
    int64_t     deadline_wall_ms; /* must have reached the person by then: the plan is pressed together; 0: no such time */
    /* Of a must-read notice (store/circular.h): its id, and how loud its sender wants it instead of how loud its kind is. */
    const char *circular; /* NULL: none */
    int         circular_priority;
};

/* To every active person of the unit whose roles meet the mask. *n counts new rows (0: all were there already). */
enum err notice_unit(struct db *db, struct arena *a, const struct notice_rules *rules, const char *unit, unsigned roles,
                     const struct notice_msg *m, size_t *n) MUST_CHECK;
enum err notice_person(struct db *db, struct arena *a, const struct notice_rules *rules, const char *person, const struct notice_msg *m,
                       size_t *n) MUST_CHECK;
/* Business time `biz_ms`, or the end of the quiet hours it falls into. Pure. */
int64_t notice_after_quiet(const struct notice_rules *rules, int64_t biz_ms);
/* Marks read in the app and cancels deliveries that have not gone out. ERR_NOTFOUND. */
enum err notice_mark_read(struct db *db, const char *person, const char *notice, int64_t wall_ms) MUST_CHECK;

#endif
