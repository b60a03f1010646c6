/* SPDX-License-Identifier: Apache-2.0
 *
 * Options: defaults, files, environment; whatever is wrong names its line.
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

#include "base/check.h"
#include "base/conf.h"

static char dir[] = "/tmp/zbconf.XXXXXX", path[64];

static int setup(void **state) {
    (void)state;
    static const char *envs[] = {"ZHANGBAN_LISTEN", "ZHANGBAN_DATA", "ZHANGBAN_DEMO", "ZHANGBAN_REDIS", "ZHANGBAN_CONF"};
    for (size_t i = 0; i < ARRAY_N(envs); i++) (void)unsetenv(envs[i]);
    if (mkdtemp(dir) == NULL) return 1;
    (void)snprintf(path, sizeof path, "%s/z.conf", dir);
    return 0;
}

static int teardown(void **state) {
    (void)state;
    (void)unlink(path);
    return rmdir(dir);
}

static enum err load(const char *text, size_t n, struct conf *c, char why[512]) {
    FILE *f = fopen(path, "we");
    assert_non_null(f);
    assert_int_equal(fwrite(text, 1, n, f), n);
    assert_int_equal(fclose(f), 0);
    why[0] = '\0';
    return conf_load(c, path, why, 512);
}

static void t_defaults(void **state) {
    (void)state;
    struct conf c;
    char        why[512];
    assert_int_equal(conf_load(&c, NULL, why, sizeof why), ERR_OK);
    assert_string_equal(c.listen, "127.0.0.1:7080");
    assert_int_equal(c.workers, 2);
    assert_false(c.demo);
    assert_true(c.push_here);
    assert_string_equal(c.plan_p3, "push+0");
}

static void t_good(void **state) {
    (void)state;
    struct conf       c;
    char              why[512];
    static const char text[] = "# a comment = not an option\n\n   gateway.workers=7\n\tdemo = true  \r\nduty_phone = a=b # c\nlisten =\n"
                               "sms.signature = 南平\nnotice.quiet_from_min = 0\ngateway.workers = 8";
    assert_int_equal(load(text, sizeof text - 1, &c, why), ERR_OK);
    assert_int_equal(c.workers, 8); /* the last counts; no newline at the end */
    assert_true(c.demo);
    assert_string_equal(c.duty_phone, "a=b # c"); /* # is a comment only at the start of a line */
    assert_string_equal(c.listen, "");
    assert_string_equal(c.sms_signature, "南平");
    assert_int_equal(c.quiet_from_min, 0);
}

static void t_bad(void **state) {
    (void)state;
    static const struct {
        const char *text, *why;
    } v[] = {
        {"\n\nno.such = 1\n", ":3: unknown option \"no.such\""}, {"Listen = x\n", ":1: unknown"}, {"= x\n", ":1: unknown"}, {"listen\n", ":1: name = value"},
        {"gateway.workers = 0\n", ":1: gateway.workers"}, {"gateway.workers = 33\n", "from 1 to 32"}, {"gateway.workers = 2x\n", "2x"},
        {"gateway.workers =\n", "whole number"}, {"gateway.workers = 1.5\n", "whole number"}, {"gateway.workers = 99999999999999999999\n", "whole number"},
        {"gateway.workers = 0x2\n", "whole number"}, {"demo = yes\n", "true or false"}, {"demo =\n", "true or false"},
        {"gateway.pong_s = 25\n", "below gateway.ping_s"}, {"\xEF\xBB\xBFlisten = x\n", ":1: unknown"},
    };
    struct conf c;
    char        why[512];
    for (size_t i = 0; i < ARRAY_N(v); i++) {
        assert_int_equal(load(v[i].text, strlen(v[i].text), &c, why), ERR_INPUT);
        if (strstr(why, v[i].why) == NULL) print_error("%s -> %s\n", v[i].text, why);
        assert_non_null(strstr(why, v[i].why));
    }
    assert_int_equal(conf_load(&c, "/nonexistent/x", why, sizeof why), ERR_INPUT);
    assert_non_null(strstr(why, "/nonexistent/x"));
    assert_int_equal(conf_load(&c, dir, why, sizeof why), ERR_INPUT); /* a directory opens, but holds no options */
    assert_non_null(strstr(why, dir));
}

static void t_long(void **state) {
    (void)state;
    struct conf c;
    char        why[512], text[4096] = "listen = ";
    /* The rest of a long comment must not become an option. */
    memset(text, '#', 1023);
    (void)snprintf(text + 1023, sizeof text - 1023, "gateway.workers = 9\n");
    assert_int_equal(load(text, strlen(text), &c, why), ERR_INPUT);
    assert_non_null(strstr(why, ":1: longer"));
    assert_int_equal(load("gateway.workers = 4\0\n", 21, &c, why), ERR_INPUT); /* NUL hides what follows */
    (void)snprintf(text, sizeof text, "listen = ");
    memset(text + 9, 'a', CONF_TEXT);
    (void)snprintf(text + 9 + CONF_TEXT - 1, 8, "\n");
    assert_int_equal(load(text, strlen(text), &c, why), ERR_OK);
    assert_int_equal(strlen(c.listen), CONF_TEXT - 1);
    (void)snprintf(text + 9 + CONF_TEXT - 1, 8, "a\n");
    assert_int_equal(load(text, strlen(text), &c, why), ERR_INPUT);
    assert_non_null(strstr(why, "longer than 255"));
}

static void t_env(void **state) {
    (void)state;
    struct conf c;
    char        why[512];
    assert_int_equal(setenv("ZHANGBAN_LISTEN", "127.0.0.1:1", 1), 0);
    assert_int_equal(setenv("ZHANGBAN_DEMO", "1", 1), 0);
    assert_int_equal(load("listen = file\n", 14, &c, why), ERR_OK);
    assert_string_equal(c.listen, "127.0.0.1:1"); /* over the file */
    assert_true(c.demo);
    assert_int_equal(setenv("ZHANGBAN_DEMO", "maybe", 1), 0);
    assert_int_equal(conf_load(&c, NULL, why, sizeof why), ERR_INPUT);
    assert_non_null(strstr(why, "ZHANGBAN_DEMO"));
    assert_int_equal(unsetenv("ZHANGBAN_DEMO"), 0);
    assert_int_equal(setenv("ZHANGBAN_CONF", path, 1), 0);
    assert_int_equal(load("bad\n", 4, &c, why), ERR_INPUT);
    assert_int_equal(conf_load(&c, NULL, why, sizeof why), ERR_INPUT); /* the environment names the file */
    assert_int_equal(unsetenv("ZHANGBAN_CONF"), 0);
    assert_int_equal(unsetenv("ZHANGBAN_LISTEN"), 0);
}

/* What is printed can be read again and says the same. */
static void t_print(void **state) {
    (void)state;
    struct conf c, back;
    char        why[512];
    conf_defaults(&c);
    c.workers = 5;
    c.demo    = true;
    (void)snprintf(c.redis, sizeof c.redis, "unix:/x");
    for (int docs = 0; docs < 2; docs++) {
        FILE *f = fopen(path, "we");
        assert_non_null(f);
        conf_print(&c, f, docs != 0);
        assert_int_equal(fclose(f), 0);
        memset(&back, 0x5A, sizeof back);
        assert_int_equal(conf_load(&back, path, why, sizeof why), ERR_OK);
        assert_memory_equal(&c, &back, sizeof c);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(t_defaults), cmocka_unit_test(t_good), cmocka_unit_test(t_bad),
        cmocka_unit_test(t_long),     cmocka_unit_test(t_env),  cmocka_unit_test(t_print),
    };
    return cmocka_run_group_tests_name("conf", tests, setup, teardown);
}
