/* SPDX-License-Identifier: Apache-2.0 */
#include "handlers/task_light.h"

#include <string.h>

#define CALENDAR_LOOK_DAYS 60 /* further than any run of days off */

static const char *const words[] = {
    [LIGHT_NONE] = "none", [LIGHT_GREEN] = "green", [LIGHT_YELLOW] = "yellow", [LIGHT_RED] = "red", [LIGHT_UNKNOWN] = NULL};

const char *light_word(enum light l) { return words[l]; }

/* Yellow ends on the day that is working day number yellow_days + 1 from now. When the calendar ends before it, every day up to
 * its end is yellow, and nothing can be said beyond. */
void light_day_init(struct light_day *d, const struct calendar *cal, int64_t biz_ms, int yellow_days) {
    *d = (struct light_day){.cal = cal, .today = date_of_ms(biz_ms), .unknown_from = INT32_MAX};
    if (calendar_add(cal, d->today, yellow_days + 1, &d->yellow_before) == ERR_OK) return;
    bool    yes;
    int32_t day = d->today + 1;
    while (day < d->today + yellow_days + CALENDAR_LOOK_DAYS && calendar_is_workday(cal, day, &yes) == ERR_OK) day++;
    d->yellow_before = d->unknown_from = day;
}

const char *task_due(const char *deadline, const char *grace_until) {
    if (deadline == NULL || *deadline == '\0') return NULL;
    return grace_until && strcmp(grace_until, deadline) > 0 ? grace_until : deadline;
}

enum light task_light(const struct light_day *d, const struct light_of *t) {
    static const char *const running[] = {"dispatched", "signed", "in_progress", "returned"};
    const char              *due       = task_due(t->deadline, t->grace_until);
    int32_t                  day;
    bool                     runs = false;
    if (due == NULL || t->late_at_creation || date_parse(due, &day) != ERR_OK) return LIGHT_NONE;
    if (strcmp(t->state, "submitted") == 0) return LIGHT_GREEN; /* waiting for review is never the unit's delay */
    for (size_t i = 0; i < sizeof running / sizeof running[0]; i++) runs = runs || strcmp(t->state, running[i]) == 0;
    if (!runs) return LIGHT_NONE;
    if (day < d->today) return LIGHT_RED;
    if (day < d->yellow_before) return LIGHT_YELLOW;
    return day < d->unknown_from ? LIGHT_GREEN : LIGHT_UNKNOWN;
}

enum err task_days(const struct light_day *d, const char *due, int *left, int *over) {
    int32_t day;
    *left = *over = 0;
    if (due == NULL || date_parse(due, &day) != ERR_OK) return ERR_NOTFOUND;
    return day < d->today ? calendar_between(d->cal, day, d->today, over) : calendar_between(d->cal, d->today, day, left);
}
