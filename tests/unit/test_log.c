/* SPDX-License-Identifier: Apache-2.0
 *
 * Log lines: always one line of valid JSON, and bounded per event and second.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"

static int   fds[2];
static FILE *in;
static char  line[8192];

static int setup(void **state) {
    (void)state;
    if (pipe(fds) != 0) return 1;
    in = fdopen(fds[0], "r");
    log_set(LOG_INFO, fds[1]);
    return in == NULL;
}

static int teardown(void **state) {
    (void)state;
    log_set(LOG_INFO, 2);
    (void)fclose(in);
    return close(fds[1]);
}

/* Ends what was written, so that a reader can tell that nothing more came. */
static const char *next(void) {
    static bool marked;
    if (!marked) assert_int_equal(write(fds[1], "\n", 1), 1);
    marked = true;
    assert_non_null(fgets(line, sizeof line, in));
    if (line[0] != '\n') return line;
    marked = false;
    return NULL;
}

static cJSON *parse(const char *s) {
    cJSON      *v   = NULL;
    const char *why = "";
    if (json_parse(s, strlen(s), &v, &why) != ERR_OK) fail_msg("%s: %s", why, s);
    return v;
}

static const char *text(const cJSON *v, const char *name) { return cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(v, name)); }

static void t_form(void **state) {
    (void)state;
    clock_wall_fake(1520814600007);
    LOG(LOG_WARN, "a_thing", KS("who", "x"), KI("n", -5), KS("none", NULL));
    LOG0(LOG_DEBUG, "not_said");
    assert_string_equal(next(), "{\"ts\":\"2018-03-12T00:30:00.007Z\",\"level\":\"warn\",\"event\":\"a_thing\",\"who\":\"x\",\"n\":-5,\"none\":\"\"}\n");
    assert_null(next());
    clock_wall_fake(0);
}

static void t_hostile(void **state) {
    (void)state;
    static const struct {
        const char *s, *want;
    } v[] = {
        {"a\"b\\c", NULL}, {"a\nb\r{\"level\":\"error\"}", NULL}, {"\x01\x1b[31m\x7f", NULL}, {"南平😀", NULL}, {"\u2028\u202E", NULL},
        {"\xFF\xFE", "\uFFFD\uFFFD"}, {"a\xC0\x80z", "a\uFFFD\uFFFDz"}, {"\xE5\x8D", "\uFFFD\uFFFD"}, {"\xED\xA0\x80", "\uFFFD\uFFFD\uFFFD"}, {"%s%n%d", NULL},
    };
    for (size_t i = 0; i < ARRAY_N(v); i++) {
        LOG(LOG_INFO, "hostile", KS("s", v[i].s), KI("after", i));
        cJSON *o = parse(next());
        assert_string_equal(text(o, "s"), v[i].want ? v[i].want : v[i].s);
        assert_int_equal(cJSON_GetObjectItemCaseSensitive(o, "after")->valueint, i);
        cJSON_Delete(o);
        assert_null(next());
    }
}

/* A long text is cut, at a character, and what comes behind it stays. */
static void t_long(void **state) {
    (void)state;
    static const char *unit[] = {"x", "南", "\x01", "\xFF", "\""};
    for (size_t i = 0; i < ARRAY_N(unit); i++) {
        size_t k = strlen(unit[i]), n = 5000 / k;
        char  *s = x_malloc(n * k + 1);
        for (size_t j = 0; j < n; j++) memcpy(s + j * k, unit[i], k + 1);
        LOG(LOG_INFO, "long", KS("a", s), KI("n", 7), KS("b", s), KS("c", "end"));
        const char *l = next();
        assert_true(strlen(l) < 2048);
        cJSON *o = parse(l);
        assert_true(strlen(text(o, "a")) > 100);
        assert_non_null(strstr(text(o, "a"), "…"));
        assert_int_equal(cJSON_GetObjectItemCaseSensitive(o, "n")->valueint, 7);
        assert_string_equal(text(o, "c"), "end");
        cJSON_Delete(o);
        assert_null(next());
        x_free(s);
    }
}

/* At most 20 of an event within a second, errors too; another event is not held back; what was dropped is counted. */
static void t_rate(void **state) {
    (void)state;
    for (int kind = 0; kind < 2; kind++) {
        const char *event = kind ? "flood_error" : "flood_info";
        int64_t     begin = clock_mono_ms() / 1000;
        int         passed = 0, dropped = 0;
        for (int i = 0; i < 200; i++) {
            LOG(kind ? LOG_ERROR : LOG_INFO, event, KI("i", i));
            if (i % 10 == 0) /* interleaved with as many other events as there are slots */
                for (char e = 'a'; e <= 'c'; e++) LOG0(LOG_INFO, e == 'a' ? "other_a" : e == 'b' ? "other_b" : "other_c");
        }
        int64_t seconds = clock_mono_ms() / 1000 - begin + 1;
        while (next())
            if (strstr(line, event)) passed++;
        assert_true(passed >= 20 && passed <= 20 * seconds);
        while (clock_mono_ms() / 1000 == begin + seconds - 1) usleep(1000);
        LOG0(kind ? LOG_ERROR : LOG_INFO, event);
        while (next()) {
            cJSON *o = parse(line);
            if (cJSON_GetObjectItemCaseSensitive(o, "dropped")) dropped += cJSON_GetObjectItemCaseSensitive(o, "dropped")->valueint;
            cJSON_Delete(o);
        }
        if (seconds == 1) assert_int_equal(dropped, 180);
    }
}

static void *talker(void *arg) {
    for (int i = 0; i < 15; i++) LOG(LOG_INFO, arg, KS("text", "0123456789012345678901234567890123456789"), KI("i", i));
    return NULL;
}

static void t_threads(void **state) {
    (void)state;
    static char names[4][8] = {"talk_0", "talk_1", "talk_2", "talk_3"};
    pthread_t   t[4];
    int         n = 0;
    for (int i = 0; i < 4; i++) assert_int_equal(pthread_create(&t[i], NULL, talker, names[i]), 0);
    for (int i = 0; i < 4; i++) assert_int_equal(pthread_join(t[i], NULL), 0);
    while (next()) {
        cJSON_Delete(parse(line)); /* whole lines only */
        n++;
    }
    assert_int_equal(n, 60);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(t_form), cmocka_unit_test(t_hostile), cmocka_unit_test(t_long), cmocka_unit_test(t_rate), cmocka_unit_test(t_threads),
    };
    return cmocka_run_group_tests_name("log", tests, setup, teardown);
}
