/* SPDX-License-Identifier: Apache-2.0
 *
 * Leaders' instructions and evaluations: tables instruction, instruction_unit, instruction_withdrawal, instruction_task, evaluation. Reads on
 * any connection; writes on the writer's thread, in its transaction.
 *
 *     instruction       issued -> closed | withdrawn
 *     instruction_unit  sent -> signed -> replied
 */
#ifndef ZB_STORE_INSTRUCTION_H
#define ZB_STORE_INSTRUCTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "store/db.h"

struct instruction {
    const char *id, *leader, *leader_name, *device, *kind, *urgency, *object, *units, *reply_by, *due_on; /* due_on NULL: none */
    const char *text, *canonical, *signature, *pubkey, *state, *object_title;
    int64_t     serial, signed_at, object_version, created_biz, created_wall, closed_biz;
};
enum err instruction_add(struct db *db, const struct instruction *i) MUST_CHECK; /* ERR_DUP: the serial was used */
enum err instruction_get(struct db *db, struct arena *a, const char *id, struct instruction *out) MUST_CHECK;
/* When the instruction with this serial of the device came; ERR_NOTFOUND. */
enum err instruction_by_serial(struct db *db, const char *device, int64_t serial, int64_t *created_biz) MUST_CHECK;
enum err instruction_set_state(struct db *db, const char *id, const char *state, int64_t biz_ms) MUST_CHECK; /* only from issued: ERR_STATE */

/* What an instruction is about, now: "task:ID". ERR_NOTFOUND. */
struct instruction_object {
    const char *title;
    int64_t     version, changed_biz; /* of the last event; 0 none */
};
enum err instruction_object(struct db *db, struct arena *a, const char *object, struct instruction_object *out) MUST_CHECK;
/* ERR_NOTFOUND; *is_group: cannot be named. */
enum err instruction_unit_check(struct db *db, struct arena *a, const char *unit, bool *is_group, const char **short_name) MUST_CHECK;

struct instruction_unit {
    const char *unit, *unit_name, *state, *signed_by, *replied_by, *reply; /* NULL: not yet */
    int64_t     signed_biz, replied_biz;
};
enum err instruction_unit_add(struct db *db, const char *instruction, const char *unit, int64_t ord) MUST_CHECK;
enum err instruction_unit_get(struct db *db, struct arena *a, const char *instruction, const char *unit, struct instruction_unit *out) MUST_CHECK;
enum err instruction_unit_list(struct db *db, struct arena *a, const char *instruction, struct instruction_unit **list, size_t *n) MUST_CHECK;
enum err instruction_unit_sign(struct db *db, const char *instruction, const char *unit, const char *person, int64_t biz_ms) MUST_CHECK;
enum err instruction_unit_reply(struct db *db, const char *instruction, const char *unit, const char *person, const char *reply,
                                int64_t biz_ms) MUST_CHECK;

struct instruction_withdrawal {
    const char *device, *reason, *canonical, *signature;
    int64_t     serial, signed_at, at_biz;
};
enum err instruction_withdrawal_add(struct db *db, const char *instruction, const struct instruction_withdrawal *w) MUST_CHECK;
enum err instruction_withdrawal_get(struct db *db, struct arena *a, const char *instruction, struct instruction_withdrawal *out) MUST_CHECK;

/* Newest first. leader, unit: only those written by or addressed to; "" = all. object, state: "" = all. before: id of the last
 * one of the page before, "" = from the start. */
struct instruction_filter {
    const char *leader, *unit, *object, *state, *before;
    int         limit;
};
struct instruction_head {
    const char *id, *leader, *leader_name, *kind, *urgency, *object, *object_title, *due_on, *state;
    int64_t     created_biz, units_n, signed_n, replied_n;
};
enum err instruction_list(struct db *db, struct arena *a, const struct instruction_filter *f, struct instruction_head **list, size_t *n) MUST_CHECK;
/* Issued ones due before `today` with a unit that has not replied: (instruction, unit), for reminders. At most max. */
struct instruction_late {
    const char *instruction, *unit, *due_on;
};
enum err instruction_late_list(struct db *db, struct arena *a, const char *today, size_t max, struct instruction_late **list, size_t *n) MUST_CHECK;

/* What an instruction led to: a task drafted from it or one changed by it (how: create, change). */
struct instruction_task {
    const char *instruction, *task, *how, *person;
    int64_t     at_biz;
};
enum err instruction_task_add(struct db *db, const struct instruction_task *t) MUST_CHECK; /* ERR_DUP: this task is linked already */
/* By instruction, or by task (the other ""), in order of time, at most max. */
enum err instruction_task_list(struct db *db, struct arena *a, const char *instruction, const char *task, size_t max,
                               struct instruction_task **list, size_t *n) MUST_CHECK;

enum err evaluation_set(struct db *db, const char *period, const char *unit, const char *leader, int64_t value, int64_t biz_ms) MUST_CHECK;

#endif
