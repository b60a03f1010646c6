/* SPDX-License-Identifier: Apache-2.0
 *
 * Which reminders are due at a business instant (domain.md 3.4, 18): computed from the records as they stand, by the rules of the
 * ranking, less those already given. The name of a reminder says what it is about, which date and which level, so that a moved
 * deadline reminds anew and a repeated pass does not.
 *
 *   due_soon:<task>:<date>:<threshold>     morning; house.yellow_days and 1 working day left   units
 *   overdue:<task>:<date>:<level>          midnight; 1st day over, 6th, 16th working day       units, dispatcher, monitors by
 * level unsigned:<task>:<unit>:<limit>:<level> at the limit; +1, +3 working days                   unit, dispatcher, monitors by
 * level noreport:<task>:<unit>:<month>         morning of the 26th; 1st, 2nd, 3rd time missed      unit, dispatcher, monitors by
 * level instruction:<id>:<unit>:<level>        morning; limit passed, +2, +5 working days          unit, monitors by level
 */
#ifndef ZB_HANDLERS_UPKEEP_DUE_H
#define ZB_HANDLERS_UPKEEP_DUE_H

#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "handlers/house.h"
#include "store/db.h"

enum { UPKEEP_MIDNIGHT = 1, UPKEEP_MORNING = 2 }; /* sign-for limits are looked at always */

struct tell {
    struct tell *next;
    const char  *unit, *kind;
    unsigned     roles;
};
struct reminder {
    struct reminder *next;
    const char      *name, *object, *title;
    const char      *extra;  /* for the units */
    const char      *upward; /* for those who watch */
    struct tell     *tells;
};
/* At most max, in a fixed order. Any connection. ERR_CALENDAR: working days of a missing year were needed. */
enum err upkeep_due(struct house *h, struct db *db, struct arena *a, int64_t biz_ms, unsigned when, size_t max,
                    struct reminder **list, size_t *n) MUST_CHECK;
/* Writer: records and says them. */
enum err upkeep_give(struct house *h, struct db *db, struct arena *a, const struct reminder *list, int64_t wall_ms,
                     int64_t biz_ms) MUST_CHECK;

#endif
