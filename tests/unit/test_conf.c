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

static void t_sections(void **state) {
    (void)state;
    struct conf       c, back;
    char              why[512];
    static const char text[] = "demo = true\n\n[provider unicom-1]\nkind = smgp\n# a comment\n  weight=30 \ntemplate.task.due_soon = SMS_1 t,x\n"
                               "empty =\n[ provider\tapple ]\nkind = apns # no comment\n[route unicom-1]\n";
    assert_int_equal(load(text, sizeof text - 1, &c, why), ERR_OK);
    assert_true(c.demo);
    assert_int_equal(c.sections_n, 3);
    const struct conf_section *s = &c.sections[0];
    assert_string_equal(s->type, "provider");
    assert_string_equal(s->name, "unicom-1");
    assert_int_equal(s->line, 3);
    assert_int_equal(s->pairs_n, 4);
    assert_string_equal(conf_section_get(s, "weight"), "30");
    assert_int_equal(s->pairs[1].line, 6);
    assert_string_equal(conf_section_get(s, "template.task.due_soon"), "SMS_1 t,x");
    assert_string_equal(conf_section_get(s, "empty"), "");
    assert_null(conf_section_get(s, "Weight"));
    assert_string_equal(c.sections[1].name, "apple");
    assert_string_equal(conf_section_get(&c.sections[1], "kind"), "apns # no comment");
    assert_string_equal(c.sections[2].type, "route"); /* the same name, another type */
    assert_int_equal(c.sections[2].pairs_n, 0);
    /* printed and read again: the same */
    FILE *f = fopen(path, "we");
    assert_non_null(f);
    conf_print(&c, f, true);
    assert_int_equal(fclose(f), 0);
    assert_int_equal(conf_load(&back, path, why, sizeof why), ERR_OK);
    assert_int_equal(back.sections_n, c.sections_n);
    for (size_t i = 0; i < c.sections_n; i++) {
        const struct conf_section *a = &c.sections[i], *b = &back.sections[i];
        assert_string_equal(a->type, b->type);
        assert_string_equal(a->name, b->name);
        assert_int_equal(a->pairs_n, b->pairs_n);
        for (size_t k = 0; k < a->pairs_n; k++) {
            assert_string_equal(a->pairs[k].name, b->pairs[k].name);
            assert_string_equal(a->pairs[k].value, b->pairs[k].value);
        }
    }
    conf_fini(&c);
    conf_fini(&c); /* again is legal */
    conf_fini(&back);
}

static void t_bad_sections(void **state) {
    (void)state;
    static const struct {
        const char *text, *why;
    } v[] = {
        {"[provider a]\nkind = x\n\n[provider a]\n", ":4: [provider a]: stands at line 1 already"},
        {"[provider a]\nkind = x\nkind = y\n", ":3: kind: given twice in [provider a]"},
        {"[provider A]\n", ":1: [type name] wanted"}, {"[provider a_b]\n", ":1: [type name] wanted"}, {"[provider]\n", ":1: [type name] wanted"},
        {"[]\n", ":1: [type name] wanted"}, {"[\n", ":1: [type name] wanted"}, {"[provider a\n", ":1: [type name] wanted"},
        {"[provider a] x\n", ":1: [type name] wanted"}, {"[provider a b]\n", ":1: [type name] wanted"}, {"[provider \xE4\xB8\xAD]\n", ":1: [type name] wanted"},
        {"[a-type-that-is-too-long a]\n", ":1: [type name] wanted"}, {"[provider a123456789b123456789c123456789d123456789]\n", ":1: [type name] wanted"},
        {"[provider a]\n= x\n", ":2: name = value wanted"}, {"[provider a]\na b = x\n", ":2: name = value wanted"}, {"[provider a]\nkind\n", ":2: name = value wanted"},
        {"[provider a]\nkind = x\n[provider b]\ngateway.pong_s\n", ":4: name = value wanted"}, {"gateway.pong_s = 25\n[provider a]\nkind = x\n", "below gateway.ping_s"},
    };
    struct conf c;
    static char why[512], text[16384];
    for (size_t i = 0; i < ARRAY_N(v); i++) { /* none of them leaks what was read before */
        assert_int_equal(load(v[i].text, strlen(v[i].text), &c, why), ERR_INPUT);
        if (strstr(why, v[i].why) == NULL) fail_msg("%s -> %s", v[i].text, why);
        assert_null(c.sections);
    }
    for (int more = 0; more < 2; more++) {
        size_t n = 0;
        for (int i = 0; i < CONF_SECTIONS_MAX + more; i++) n += (size_t)snprintf(text + n, sizeof text - n, "[provider p%d]\n", i);
        assert_int_equal(load(text, n, &c, why), more ? ERR_INPUT : ERR_OK);
        if (more) assert_non_null(strstr(why, ":65: more than 64 sections"));
        conf_fini(&c);
        n = (size_t)snprintf(text, sizeof text, "[provider p]\n");
        for (int i = 0; i < CONF_PAIRS_MAX + more; i++) n += (size_t)snprintf(text + n, sizeof text - n, "n%d = 1\n", i);
        assert_int_equal(load(text, n, &c, why), more ? ERR_INPUT : ERR_OK);
        if (more) assert_non_null(strstr(why, ":66: more than 64 names in [provider p]"));
        conf_fini(&c);
    }
    assert_int_equal(setenv("ZHANGBAN_DEMO", "maybe", 1), 0); /* refused after the file was read */
    assert_int_equal(load("[provider a]\nkind = x\n", 22, &c, why), ERR_INPUT);
    assert_int_equal(unsetenv("ZHANGBAN_DEMO"), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(t_defaults), cmocka_unit_test(t_good), cmocka_unit_test(t_bad),
        cmocka_unit_test(t_long),     cmocka_unit_test(t_env),  cmocka_unit_test(t_print),
        cmocka_unit_test(t_sections), cmocka_unit_test(t_bad_sections),
    };
    return cmocka_run_group_tests_name("conf", tests, setup, teardown);
}
