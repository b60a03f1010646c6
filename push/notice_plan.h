/* SPDX-License-Identifier: Apache-2.0
 *
 * The plan of a notice as data (options notice.plan_p0 .. p3): which channels, how long after the notice, unless it was read before.
 *
 *     push+0 office+300 sms+900/0
 *
 * says: phone push at once, office messenger after 5 minutes, SMS after 15, or at once (the figure behind /) when the person could be
 * reached by none of the channels before it. Seconds. A step whose channel has no provider, or whose person has no target there, is left
 * out; what fails pulls the next one forward (store/delivery.h).
 *
 *     office+0 office!+600 sms+900
 *
 * `!` says no second time, but makes the office message sent before louder (DING, 加急): a window, a text message or a call, by the
 * notice's priority and what the provider's options allow. Each office step may be made louder once; without one before it, in another
 * channel, or with a / (it is never alone) the plan is refused. What cannot be made louder pulls the next step forward. Pure.
 */
#ifndef ZB_PUSH_NOTICE_PLAN_H
#define ZB_PUSH_NOTICE_PLAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "store/delivery.h"

#define PLAN_STEPS_MAX 8

struct notice_step {
    enum delivery_channel channel;
    int64_t               after_ms, alone_ms; /* alone: when no step before it could be made */
    bool                  is_raise;           /* of the message of the last step of this channel */
};
struct notice_plan {
    struct notice_step step[PLAN_STEPS_MAX];
    size_t           n;
};

/* Empty text: no steps. ERR_INPUT with one line. */
enum err notice_plan_parse(const char *text, struct notice_plan *out, char *why, size_t why_n) MUST_CHECK;
/* The delay of a step when all must be over by a deadline: the plan is pressed together so that its last step begins at least a tenth,
 * and at most ten minutes, before. left_ms: until the deadline; 0 or less: everything at once. last_ms: delay of the last step. */
int64_t notice_plan_press(int64_t after_ms, int64_t last_ms, int64_t left_ms);

#endif
