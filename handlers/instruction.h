/* SPDX-License-Identifier: Apache-2.0
 *
 * Leaders' signed instructions (F108, F109; domain.md 4): canonical texts (D9, D40) and who may read what. instruction_sign.c
 * has the two signed acts, instruction_task.c the way to a task, instruction.c the rest.
 */
#ifndef ZB_HANDLERS_INSTRUCTION_H
#define ZB_HANDLERS_INSTRUCTION_H

#include "base/arena.h"
#include "base/err.h"
#include "base/param.h"
#include "handlers/req.h"
#include "store/instruction.h"

/* The office that dispatches leaders' instructions: its dispatchers read all of them. */
#define INSTRUCTION_OFFICE "NP-ZFB"

struct instruction_args {
    const char *device;
    int64_t     serial, signed_at;
    const char *kind, *urgency, *object;
    int64_t     object_version;
    struct strs units;
    const char *reply_by, *text, *signature;
};
struct withdraw_args {
    const char *instruction_id, *device;
    int64_t     serial, signed_at;
    const char *reason, *signature;
};

/* D40: lines joined by LF, no final LF. key: key id of the device. ERR_INPUT: a control character other than LF in the text. */
enum err instruction_canonical(struct arena *a, const char *leader, const char *key, const struct instruction_args *p, const char **out) MUST_CHECK;
enum err withdrawal_canonical(struct arena *a, const char *leader, const char *key, const struct withdraw_args *p, const char **out) MUST_CHECK;

/* Loads one the caller may read; anything else is ERR_NOTFOUND (D22). */
enum err instruction_visible(struct req *r, const char *id, struct instruction *out) MUST_CHECK;
/* "{kind,id}" to the channels of the named units and of the task; never the text. */
enum err instruction_publish(struct req *r, const struct instruction *i, const char *event) MUST_CHECK;
enum err instruction_state_refusal(struct req *r, const struct instruction *i) MUST_CHECK;

/* A notice to everybody of the named units; kind: a row of notice_kinds.def without {x}. */
enum err instruction_tell_units(struct req *r, const struct instruction *i, const char *kind) MUST_CHECK;

/* "tasks" of an instruction and "instructions" of a task in the reply: what the caller may see of the other side (instruction_task.c). */
enum err instruction_write_tasks(struct req *r, const struct instruction *i) MUST_CHECK;
enum err task_write_instructions(struct req *r, const char *task) MUST_CHECK;

/* Method functions of instruction_sign.c. */
enum err instruction_create_prepare(struct req *r, const void *args) MUST_CHECK;
enum err instruction_create(struct req *r, const void *args) MUST_CHECK;
enum err instruction_withdraw_prepare(struct req *r, const void *args) MUST_CHECK;
enum err instruction_withdraw(struct req *r, const void *args) MUST_CHECK;

#endif
