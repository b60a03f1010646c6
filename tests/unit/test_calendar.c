/* SPDX-License-Identifier: Apache-2.0
 *
 * Dates, instants and working days: every value of the domain sheet, 8.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/calendar.h"
#include "base/check.h"

static struct calendar *cal;

static int setup(void **state) {
    (void)state;
    char why[256];
    cal = calendar_load("samples/nanping-2018/holidays.json", why, sizeof why);
    if (cal == NULL) print_error("%s\n", why);
    return cal == NULL;
}

static int teardown(void **state) {
    (void)state;
    calendar_free(cal);
    return 0;
}

static int32_t day(const char *s) {
    int32_t d = 0;
    assert_int_equal(date_parse(s, &d), ERR_OK);
    return d;
}

static void check_add(const char *from, int n, const char *want) {
    int32_t out;
    char    text[11];
    assert_int_equal(calendar_add(cal, day(from), n, &out), ERR_OK);
    date_format(out, text);
    if (strcmp(text, want) != 0) print_error("%s %+d\n", from, n);
    assert_string_equal(text, want);
}

static const struct {
    const char *from;
    int         n;
    const char *want;
} sheet[] = {
    {"2018-02-08", 5, "2018-02-14"}, {"2018-02-14", 1, "2018-02-22"}, {"2018-04-04", 3, "2018-04-10"}, {"2018-04-27", 2, "2018-05-02"},
    {"2018-09-28", 3, "2018-10-08"}, {"2018-03-09", 20, "2018-04-09"}, {"2024-02-09", 3, "2024-02-20"}, {"2025-09-30", 5, "2025-10-14"},
    {"2026-02-13", 3, "2026-02-25"}, {"2026-09-18", 5, "2026-09-24"},
};

static void t_add(void **state) {
    (void)state;
    for (size_t i = 0; i < ARRAY_N(sheet); i++) {
        int n;
        check_add(sheet[i].from, sheet[i].n, sheet[i].want);
        assert_int_equal(calendar_between(cal, day(sheet[i].from), day(sheet[i].want), &n), ERR_OK);
        assert_int_equal(n, sheet[i].n);
        check_add(sheet[i].want, 0, sheet[i].want);
    }
}

/* Negative counts go back; zero is the day itself, also a rest day (D44). */
static void t_back(void **state) {
    (void)state;
    check_add("2018-02-22", -1, "2018-02-14");
    check_add("2018-10-08", -1, "2018-09-30"); /* a Sunday worked */
    check_add("2018-10-08", -3, "2018-09-28");
    check_add("2018-04-10", -3, "2018-04-04"); /* through the worked Sunday 04-08 */
    check_add("2018-02-17", 0, "2018-02-17");
    check_add("2018-02-17", 1, "2018-02-22");
    check_add("2018-02-17", -1, "2018-02-14");
    int n = 7;
    assert_int_equal(calendar_between(cal, day("2018-03-12"), day("2018-03-12"), &n), ERR_OK);
    assert_int_equal(n, 0);
    assert_int_equal(calendar_between(cal, day("2018-03-12"), day("2018-03-01"), &n), ERR_OK);
    assert_int_equal(n, 0);
    /* going forth and back from a working day ends where it began */
    for (int32_t d = day("2018-01-02"); d < day("2018-11-01"); d++) {
        bool    work;
        int32_t there, back;
        assert_int_equal(calendar_is_workday(cal, d, &work), ERR_OK);
        if (!work) continue;
        assert_int_equal(calendar_add(cal, d, 17, &there), ERR_OK);
        assert_int_equal(calendar_add(cal, there, -17, &back), ERR_OK);
        assert_int_equal(back, d);
    }
}

static void t_years(void **state) {
    (void)state;
    static const struct {
        int year, want;
    } v[] = {{2018, 250}, {2024, 251}, {2025, 248}, {2026, 248}};
    for (size_t i = 0; i < ARRAY_N(v); i++) {
        int n;
        int32_t first = date_make(v[i].year, 1, 1), last = date_make(v[i].year, 12, 31);
        bool work;
        assert_int_equal(calendar_is_workday(cal, first, &work), ERR_OK);
        assert_int_equal(calendar_between(cal, first, last, &n), ERR_OK);
        assert_int_equal(n + work, v[i].want);
    }
    static const struct {
        const char *date;
        bool        work;
    } d[] = {{"2024-02-09", true}, {"2018-02-15", false}, {"2018-12-29", true}, {"2018-12-30", false}, {"2018-12-31", false},
             {"2018-03-10", false}, {"2018-03-12", true}, {"2018-02-11", true}, {"2018-02-24", true}};
    for (size_t i = 0; i < ARRAY_N(d); i++) {
        bool work = !d[i].work;
        assert_int_equal(calendar_is_workday(cal, day(d[i].date), &work), ERR_OK);
        assert_int_equal(work, d[i].work);
    }
}

/* A year that is missing is an error whenever one of its days must be looked at, and only then. */
static void t_unknown_year(void **state) {
    (void)state;
    bool    work;
    int32_t out, out2;
    int     n;
    static const char *unknown[] = {"1949-10-01", "1989-12-31", "1990-01-01", "2016-05-05", "2110-01-01", "2199-12-31"};
    for (size_t i = 0; i < ARRAY_N(unknown); i++) {
        assert_int_equal(calendar_is_workday(cal, day(unknown[i]), &work), ERR_CALENDAR);
        assert_int_equal(calendar_add(cal, day(unknown[i]), 1, &out), ERR_CALENDAR);
        assert_int_equal(calendar_add(cal, day(unknown[i]), 0, &out), ERR_OK); /* nothing is looked at */
    }
    int last = 2018;
    while (calendar_is_workday(cal, date_make(last + 1, 6, 1), &work) == ERR_OK) last++;
    assert_int_equal(calendar_add(cal, date_make(last, 12, 20), 300, &out), ERR_CALENDAR);
    assert_int_equal(calendar_between(cal, date_make(last, 12, 20), date_make(last + 1, 1, 1), &n), ERR_CALENDAR);
    assert_int_equal(calendar_between(cal, date_make(last, 12, 20), date_make(last, 12, 31), &n), ERR_OK);
    assert_int_equal(calendar_add(cal, date_make(2018, 3, 1), 1000000, &out), ERR_CALENDAR); /* ends, and fast */
    assert_int_equal(calendar_add(cal, date_make(2018, 3, 1), -1000000, &out2), ERR_CALENDAR);
}

static void t_dates(void **state) {
    (void)state;
    static const char *bad[] = {"", "2018-3-12", "2018-02-29", "2018-13-01", "2018-00-10", "2018-01-00", "2018-01-32", "2018/01/01", "2018-01-01 ",
                                " 2018-01-01", "2018-01-011", "18-01-01", "2018-1a-01", "+018-01-01", "1900-02-29", "2100-02-29", "0000-01-01",
                                "9999-01-01", "２０１８-01-01", "2018-01", "2018-01-0"};
    static const char *good[] = {"2018-03-12", "2000-02-29", "2016-02-29", "2024-02-29", "1970-01-01", "1969-12-31", "1900-01-01", "2200-12-31"};
    int32_t d;
    char    text[11];
    for (size_t i = 0; i < ARRAY_N(bad); i++) {
        if (date_parse(bad[i], &d) == ERR_OK) print_error("took \"%s\"\n", bad[i]);
        assert_int_equal(date_parse(bad[i], &d), ERR_INPUT);
    }
    for (size_t i = 0; i < ARRAY_N(good); i++) {
        date_format(day(good[i]), text);
        assert_string_equal(text, good[i]);
    }
    for (int32_t i = day("1900-01-01"); i <= day("2200-12-31"); i++) {
        int y, m, dom;
        date_split(i, &y, &m, &dom);
        assert_int_equal(date_make(y, m, dom), i);
    }
    assert_int_equal(day("1970-01-01"), 0);
    assert_int_equal(date_weekday(day("2018-03-12")), 1);
    assert_int_equal(date_weekday(day("1970-01-01")), 4);
    assert_int_equal(date_weekday(day("1969-12-28")), 7);
}

static void t_iso(void **state) {
    (void)state;
    static const struct {
        const char *s;
        int64_t     ms;
    } good[] = {
        {"2018-03-12T08:30+08:00", 1520814600000}, {"2018-03-12T08:30:00+08:00", 1520814600000}, {"2018-03-12T00:30:00Z", 1520814600000},
        {"2018-03-12T08:30:00.5+08:00", 1520814600500}, {"2018-03-12T08:30:00.123456789+08:00", 1520814600123},
        {"2018-03-11T19:30:00-05:00", 1520814600000}, {"2018-03-12T00:30Z", 1520814600000}, {"1970-01-01T00:00Z", 0},
        {"1969-12-31T23:59:59.999Z", -1},
    };
    static const char *bad[] = {"", "2018-03-12", "2018-03-12T", "2018-03-12T08", "2018-03-12T08:30", "2018-03-12 08:30+08:00",
                                "2018-03-12T08:30:00", "2018-03-12T24:00+08:00", "2018-03-12T08:60+08:00", "2018-03-12T08:30:60+08:00",
                                "2018-03-12T08:30:+08:00", "2018-03-12T08:30:5+08:00", "2018-03-12T08:30:00.+08:00", "2018-03-12T08:30:00.Z",
                                "2018-03-12T08:30+0800", "2018-03-12T08:30+08", "2018-03-12T08:30+15:00", "2018-03-12T08:30+08:60",
                                "2018-03-12T08:30+08:00 ", "2018-03-12T08:30Zx", "2018-03-12T08:30z", "2018-03-12t08:30Z", "2018-02-29T08:30Z",
                                "2018-03-12T8:30:00Z", "2018-03-12T08:30:00,5Z", "2018-03-12T-8:30Z", "2018-03-12T08.30Z", "1520814600000",
                                "2018-03-12T08:30:00.5", "2018-03-12T08:30++8:00", "2018-03-12T08:30:00.1 Z"};
    int64_t ms;
    for (size_t i = 0; i < ARRAY_N(good); i++) {
        assert_int_equal(time_parse_iso(good[i].s, &ms), ERR_OK);
        assert_int_equal(ms, good[i].ms);
    }
    for (size_t i = 0; i < ARRAY_N(bad); i++) {
        char *own = strdup(bad[i]); /* of its own size */
        if (time_parse_iso(own, &ms) == ERR_OK) print_error("took \"%s\"\n", bad[i]);
        assert_int_equal(time_parse_iso(own, &ms), ERR_INPUT);
        free(own);
    }
}

static void t_format(void **state) {
    (void)state;
    static const struct {
        int64_t     ms;
        const char *s;
    } v[] = {{1520814600000, "2018-03-12T08:30:00.000+08:00"}, {0, "1970-01-01T08:00:00.000+08:00"}, {-1, "1970-01-01T07:59:59.999+08:00"},
             {-28800001, "1969-12-31T23:59:59.999+08:00"}, {1520783999999, "2018-03-11T23:59:59.999+08:00"}, {1520784000000, "2018-03-12T00:00:00.000+08:00"}};
    char out[32];
    for (size_t i = 0; i < ARRAY_N(v); i++) {
        int64_t back;
        time_format_iso(v[i].ms, out);
        assert_string_equal(out, v[i].s);
        assert_int_equal(time_parse_iso(out, &back), ERR_OK);
        assert_int_equal(back, v[i].ms);
    }
    assert_int_equal(date_of_ms(date_start_ms(day("2018-03-12"))), day("2018-03-12"));
    assert_int_equal(date_of_ms(date_start_ms(day("2018-03-12")) - 1), day("2018-03-11"));
    /* nonsense from outside is no undefined behaviour */
    static const int64_t wild[] = {INT64_MAX, INT64_MIN, 9007199254740991, -9007199254740991, 253402271999999, 253402272000000};
    for (size_t i = 0; i < ARRAY_N(wild); i++) {
        time_format_iso(wild[i], out);
        assert_int_equal(strlen(out), 29);
    }
}

static void t_files(void **state) {
    (void)state;
    static const struct {
        const char *text, *why;
    } v[] = {
        {"", "not valid JSON"}, {"[]", "not an object"}, {"{}", "not an object"}, {"{\"2018-01-01\":1}", "2018-01-01"},
        {"{\"2018-02-30\":{\"off\":true}}", "2018-02-30"}, {"{\"2018-01-01\":{\"off\":1}}", "2018-01-01"}, {"{\"2018-01-01\":{}}", "2018-01-01"},
        {"{\"1950-01-01\":{\"off\":true}}", "1950-01-01"}, {"{\"2018-01-01\":{\"off\":true},\"2018-01-01\":{\"off\":false}}", "both"},
        {"{\"2018-01-01\":{\"off\":true}} x", "JSON"},
    };
    char dir[] = "/tmp/zbcal.XXXXXX", path[64], why[256];
    assert_non_null(mkdtemp(dir));
    (void)snprintf(path, sizeof path, "%s/c.json", dir);
    assert_null(calendar_load(path, why, sizeof why));
    assert_non_null(strstr(why, path));
    for (size_t i = 0; i < ARRAY_N(v); i++) {
        FILE *f = fopen(path, "we");
        assert_non_null(f);
        (void)fputs(v[i].text, f);
        (void)fclose(f);
        why[0] = '\0';
        assert_null(calendar_load(path, why, sizeof why));
        if (strstr(why, v[i].why) == NULL) print_error("%s: %s\n", v[i].text, why);
        assert_non_null(strstr(why, v[i].why));
    }
    assert_int_equal(unlink(path), 0);
    assert_null(calendar_load(dir, why, sizeof why));
    assert_int_equal(rmdir(dir), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(t_add),   cmocka_unit_test(t_back), cmocka_unit_test(t_years),  cmocka_unit_test(t_unknown_year),
        cmocka_unit_test(t_dates), cmocka_unit_test(t_iso),  cmocka_unit_test(t_format), cmocka_unit_test(t_files),
    };
    return cmocka_run_group_tests_name("calendar", tests, setup, teardown);
}
