/* SPDX-License-Identifier: Apache-2.0 */
#include "base/calendar.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/check.h"
#include "base/json.h"
#include "base/mem.h"

#define CALENDAR_MAGIC 0x63616c65U
#define CHINA_MS       (8 * 3600000LL)
#define YEAR_FIRST     1990
#define YEARS_N        120
#define FILE_MAX       (1 << 20)

enum { UNSET, OFF, ON };

struct year {
    bool    known;
    uint8_t day[366];
};

struct calendar {
    unsigned    magic;
    struct year years[YEARS_N];
};

/* Civil calendar arithmetic: days from 1970-01-01 (proleptic Gregorian). */
int32_t date_make(int y, int m, int d) {
    y -= m <= 2;
    int era = (y >= 0 ? y : y - 399) / 400;
    int yoe = y - era * 400;
    int doy = (153 * (m + (m > 2 ? -3 : 9)) + 2) / 5 + d - 1;
    int doe = yoe * 365 + yoe / 4 - yoe / 100 + doy;
    return era * 146097 + doe - 719468;
}

void date_split(int32_t day, int *year, int *month, int *dom) {
    int z   = day + 719468;
    int era = (z >= 0 ? z : z - 146096) / 146097;
    int doe = z - era * 146097;
    int yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
    int doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    int mp  = (5 * doy + 2) / 153;
    *dom    = doy - (153 * mp + 2) / 5 + 1;
    *month  = mp < 10 ? mp + 3 : mp - 9;
    *year   = yoe + era * 400 + (*month <= 2);
}

static int days_in(int year, int month) {
    static const int n[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool             leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return month == 2 && leap ? 29 : n[month - 1];
}

/* n digits at s, or -1 */
static int digits(const char *s, int n) {
    int v = 0;
    for (int i = 0; i < n; i++) {
        if (s[i] < '0' || s[i] > '9') return -1;
        v = v * 10 + (s[i] - '0');
    }
    return v;
}

static enum err date_prefix(const char *s, int32_t *day) {
    if (strnlen(s, 10) < 10) return ERR_INPUT;
    int y = digits(s, 4), m = digits(s + 5, 2), d = digits(s + 8, 2);
    if (y < 1900 || y > 2200 || m < 1 || m > 12 || d < 1 || s[4] != '-' || s[7] != '-' || d > days_in(y, m)) return ERR_INPUT;
    *day = date_make(y, m, d);
    return ERR_OK;
}

enum err date_parse(const char *s, int32_t *day) { return strlen(s) == 10 ? date_prefix(s, day) : ERR_INPUT; }

/* n decimal digits and what follows them; returns behind it. Boards and every answer are full of times. */
static char *put_digits(char *p, int v, int n, char then) {
    for (int i = n - 1; i >= 0; i--) {
        p[i] = (char)('0' + v % 10);
        v /= 10;
    }
    p[n] = then;
    return p + n + 1;
}

void date_format(int32_t day, char out[11]) {
    int y, m, d;
    date_split(day, &y, &m, &d);
    (void)put_digits(put_digits(put_digits(out, y, 4, '-'), m, 2, '-'), d, 2, '\0');
}

int date_weekday(int32_t day) { /* 1970-01-01 was a Thursday */
    int w = (day + 3) % 7;
    return (w < 0 ? w + 7 : w) + 1;
}

int32_t date_of_ms(int64_t utc_ms) {
    const int64_t first = -719528LL * DAY_MS, end = 2932897LL * DAY_MS; /* 0000-01-01 and 10000-01-01 */
    int64_t       t     = utc_ms < first ? first : utc_ms > end - CHINA_MS - 1 ? end - 1 : utc_ms + CHINA_MS;
    return (int32_t)(t >= 0 ? t / DAY_MS : (t - DAY_MS + 1) / DAY_MS);
}

int64_t date_start_ms(int32_t day) { return (int64_t)day * DAY_MS - CHINA_MS; }

enum err time_parse_iso(const char *s, int64_t *utc_ms) {
    int32_t day;
    if (date_prefix(s, &day) != ERR_OK || s[10] != 'T' || strnlen(s + 11, 5) < 5 || s[13] != ':') return ERR_INPUT;
    int hour = digits(s + 11, 2), min = digits(s + 14, 2), sec = 0, ms = 0;
    s += 16;
    if (*s == ':') {
        sec = digits(s + 1, 2);
        s += sec < 0 ? 0 : 3;
        if (sec >= 0 && *s == '.') {
            int scale = 100;
            if (s[1] < '0' || s[1] > '9') return ERR_INPUT;
            for (s++; *s >= '0' && *s <= '9'; s++, scale /= 10) ms += scale * (*s - '0');
        }
    }
    if (hour < 0 || hour > 23 || min < 0 || min > 59 || sec < 0 || sec > 59) return ERR_INPUT;
    int64_t offset_min = 0;
    if (*s == 'Z' && s[1] == '\0') {
        offset_min = 0;
    } else if ((*s == '+' || *s == '-') && strlen(s) == 6 && s[3] == ':') {
        int oh = digits(s + 1, 2), om = digits(s + 4, 2);
        if (oh < 0 || oh > 14 || om < 0 || om > 59) return ERR_INPUT;
        offset_min = (*s == '-' ? -1 : 1) * (oh * 60 + om);
    } else {
        return ERR_INPUT;
    }
    *utc_ms = (int64_t)day * DAY_MS + ((int64_t)hour * 60 + min - offset_min) * 60000 + sec * 1000 + ms;
    return ERR_OK;
}

void time_format_iso(int64_t utc_ms, char out[32]) {
    int32_t day = date_of_ms(utc_ms);
    int64_t in  = utc_ms - date_start_ms(day);
    int     t   = in < 0 || in >= DAY_MS ? 0 : (int)in; /* out of the range of dates */
    date_format(day, out);
    out[10] = 'T';
    char *p = put_digits(put_digits(out + 11, t / 3600000, 2, ':'), t / 60000 % 60, 2, ':');
    p       = put_digits(put_digits(p, t / 1000 % 60, 2, '.'), t % 1000, 3, '+');
    memcpy(p, "08:00", 6);
}

static struct year *year_of(struct calendar *c, int year) {
    return year >= YEAR_FIRST && year < YEAR_FIRST + YEARS_N ? &c->years[year - YEAR_FIRST] : NULL;
}

static char *read_file(const char *path, size_t *n) {
    struct stat st;
    FILE       *f = fopen(path, "re");
    if (f == NULL) return NULL;
    char *p = NULL;
    if (fstat(fileno(f), &st) == 0 && st.st_size <= FILE_MAX) {
        p  = x_malloc((size_t)st.st_size + 1);
        *n = fread(p, 1, (size_t)st.st_size, f);
    }
    (void)fclose(f);
    return p;
}

struct calendar *calendar_load(const char *path, char *why, size_t why_n) {
    size_t           n    = 0;
    char            *text = read_file(path, &n);
    cJSON           *root = NULL;
    const char      *what = "cannot be read";
    struct calendar *c    = NULL;
    char             place[64] = "";
    if (text && json_parse(text, n, &root, &what) == ERR_OK) what = "not an object with entries";
    if (root && cJSON_IsObject(root) && root->child) {
        ALLOC_OBJ(c, CALENDAR_MAGIC);
        for (const cJSON *v = root->child; v && c; v = v->next) {
            int32_t      day;
            int          y = 0, m, d;
            const cJSON *off = cJSON_GetObjectItemCaseSensitive(v, "off");
            bool         ok  = date_parse(v->string, &day) == ERR_OK && cJSON_IsBool(off);
            if (ok) date_split(day, &y, &m, &d);
            struct year *yr = ok ? year_of(c, y) : NULL;
            if (yr == NULL) {
                what = "an entry is not a date with \"off\"";
                (void)snprintf(place, sizeof place, " (%.40s)", v->string);
                calendar_free(c);
                c = NULL;
                break;
            }
            uint8_t *at = &yr->day[day - date_make(y, 1, 1)], is = cJSON_IsTrue(off) ? OFF : ON;
            if (*at != UNSET && *at != is) {
                what = "a date says both work and rest";
                (void)snprintf(place, sizeof place, " (%s)", v->string);
                calendar_free(c);
                c = NULL;
                break;
            }
            yr->known = true;
            *at       = is;
        }
    }
    if (c == NULL) (void)snprintf(why, why_n, "calendar %s: %s%s", path, what, place);
    cJSON_Delete(root);
    x_free(text);
    return c;
}

void calendar_free(struct calendar *c) {
    if (c == NULL) return;
    CHECK_OBJ_NOTNULL(c, CALENDAR_MAGIC);
    FREE_OBJ(c);
}

enum err calendar_is_workday(const struct calendar *c, int32_t day, bool *yes) {
    int y, m, d;
    date_split(day, &y, &m, &d);
    if (y < YEAR_FIRST || y >= YEAR_FIRST + YEARS_N || !c->years[y - YEAR_FIRST].known) return ERR_CALENDAR;
    uint8_t e = c->years[y - YEAR_FIRST].day[day - date_make(y, 1, 1)];
    *yes      = e == ON || (e == UNSET && date_weekday(day) <= 5);
    return ERR_OK;
}

enum err calendar_add(const struct calendar *c, int32_t day, int n, int32_t *out) {
    int step = n < 0 ? -1 : 1;
    while (n) {
        bool work;
        day += step;
        enum err e = calendar_is_workday(c, day, &work);
        if (e) return e;
        if (work) n -= step;
    }
    *out = day;
    return ERR_OK;
}

enum err calendar_between(const struct calendar *c, int32_t from, int32_t to, int *n) {
    *n = 0;
    for (int32_t d = from + 1; d <= to; d++) {
        bool     work;
        enum err e = calendar_is_workday(c, d, &work);
        if (e) return e;
        *n += work;
    }
    return ERR_OK;
}
