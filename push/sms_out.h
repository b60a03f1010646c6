/* SPDX-License-Identifier: Apache-2.0
 *
 * Codes by SMS: to a number, not to a person (writer thread, in the transaction of the fact).
 */
#ifndef ZB_PUSH_SMS_OUT_H
#define ZB_PUSH_SMS_OUT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "push/notice.h"
#include "store/db.h"

/* Queues one P0 SMS to a phone number that is not bound to a person row; due at once; an unknown outcome is not repeated (D24). The
 * number and the text are sealed before they are stored and erased after the final verdict (D7). rules->demo_log: the text also
 * goes to the demo's log. expires_wall: not sent after. live false: the same work and a row of the same size, but already
 * cancelled, so that a number nobody has costs the same time as one somebody has. text: without signature, which is put in front
 * here. ref: the challenge, for the record. */
enum err sms_code_queue(struct db *db, struct arena *a, const struct notice_rules *rules, const char *phone_plain, const char *text,
                        const char *ref, int64_t wall_ms, int64_t expires_wall, bool live) MUST_CHECK;

#endif
