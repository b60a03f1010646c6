/* SPDX-License-Identifier: Apache-2.0
 *
 * The light of a task (domain.md 3.3; D36): one pure function of its state, dates and the business day; nothing is stored. Any
 * thread.
 *
 *   none    no draft, nothing closed, no long-term or suspended task, nothing late at creation until it has a fresh date
 *   green   on course; handed in and waiting for review
 *   yellow  at most house.yellow_days working days left (0 on the last day)
 *   red     from the first moment of the day after the date that counts
 *   unknown the working days up to the date lie in a year without a calendar: not guessed (D3); written as null
 *
 * The date that counts is the deadline, or the grace after a return when that is later.
 */
#ifndef ZB_HANDLERS_TASK_LIGHT_H
#define ZB_HANDLERS_TASK_LIGHT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/calendar.h"
#include "base/err.h"

enum light { LIGHT_NONE, LIGHT_GREEN, LIGHT_YELLOW, LIGHT_RED, LIGHT_UNKNOWN };
const char *light_word(enum light l); /* "none", ...; NULL for LIGHT_UNKNOWN */

/* One business day, ready for many tasks. */
struct light_day {
    const struct calendar *cal;
    int32_t                today;
    int32_t                yellow_before; /* dates before it are yellow */
    int32_t                unknown_from;  /* dates from here on cannot be judged; INT32_MAX: none */
};
void light_day_init(struct light_day *d, const struct calendar *cal, int64_t biz_ms, int yellow_days);

/* What the light looks at; texts as in struct task, "" counts as NULL. */
struct light_of {
    const char *state, *deadline, *grace_until;
    bool        late_at_creation;
};
enum light task_light(const struct light_day *d, const struct light_of *t);
/* The date that counts, borrowed; NULL: none. */
const char *task_due(const char *deadline, const char *grace_until);
/* Working days d with today < d <= due (0 when past); over: working days since due, 0 when not past. ERR_CALENDAR; ERR_NOTFOUND:
 * no date. */
enum err task_days(const struct light_day *d, const char *due, int *left, int *over) MUST_CHECK;

#endif
