/* SPDX-License-Identifier: Apache-2.0
 *
 * Dates and working days in China time (UTC+8, no summer time). A day is int32_t days since 1970-01-01 in +08. A year without
 * entries is ERR_CALENDAR whenever one of its days had to be looked at; it is never guessed (D3). Immutable after loading: any
 * thread.
 */
#ifndef ZB_BASE_CALENDAR_H
#define ZB_BASE_CALENDAR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

#define DAY_MS 86400000LL

enum err date_parse(const char *yyyy_mm_dd, int32_t *day) MUST_CHECK; /* strict, a real date */
void     date_format(int32_t day, char out[11]);
int      date_weekday(int32_t day); /* 1 Monday .. 7 Sunday */
int32_t  date_of_ms(int64_t utc_ms); /* for years 0 to 9999; beyond them the nearest day of that range */
int64_t  date_start_ms(int32_t day); /* 00:00 +08 */
int32_t  date_make(int year, int month, int dom);
void     date_split(int32_t day, int *year, int *month, int *dom);

/* 2018-03-12T08:30+08:00, also with seconds, a fraction (cut to milliseconds), or Z. */
enum err time_parse_iso(const char *s, int64_t *utc_ms) MUST_CHECK;
void     time_format_iso(int64_t utc_ms, char out[32]); /* 2018-03-12T08:30:00.000+08:00 */

struct calendar;
/* File: {"2018-01-01": {"off": true, "name": "..."}, ...}. NULL with why. */
struct calendar *calendar_load(const char *path, char *why, size_t why_n);
void             calendar_free(struct calendar *c); /* NULL is legal */
enum err         calendar_is_workday(const struct calendar *c, int32_t day, bool *yes) MUST_CHECK;
/* n working days after day (day not counted); n = 0 is day itself, also on a rest day; negative counts back (D44). */
enum err calendar_add(const struct calendar *c, int32_t day, int n, int32_t *out) MUST_CHECK;
/* Working days d with from < d <= to; 0 when to <= from. */
enum err calendar_between(const struct calendar *c, int32_t from, int32_t to, int *n) MUST_CHECK;

#endif
