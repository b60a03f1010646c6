/* SPDX-License-Identifier: Apache-2.0
 *
 * JSON in: what cJSON alone would swallow. JSON out: commas, escapes, round trips.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/check.h"
#include "base/json.h"
#include "base/mem.h"

static enum err parse_n(const char *s, size_t n, cJSON **out, const char **why) {
    char    *own = x_malloc(n); /* not ended by NUL, of its own size */
    enum err e;
    memcpy(own, s, n);
    *why = NULL;
    e    = json_parse(own, n, out, why);
    x_free(own);
    return e;
}

static void t_refused(void **state) {
    (void)state;
    static const char *bad[] = {
        "", " ", "{", "}", "[", "]", "[1,]", "[,1]", "{\"a\":1,}", "{\"a\"}", "{\"a\":}", "{a:1}", "{'a':1}", "[1 2]", "[1]]", "{} {}", "{}x", "nul",
        "NULL", "True", "[tru]", "// x\n1", "/**/1", "[1]\x0b", "\x0c[1]", "\xEF\xBB\xBF{}", "[\xC2\xA0]", "\x01{}", "[\"a\nb\"]", "[\"\t\"]",
        /* numbers */
        "01", "-01", "00", "+1", "1.", ".5", "-", "-.5", "1e", "1e+", "0x10", "1E1.5", "--1", "1-2", "1.2.3", "Infinity", "NaN", "-Infinity", "1e999",
        "-1e999", "[1e400]", "1111111111111111111111111111111111111111111111111111111111111111111111",
        /* escapes */
        "\"\\u0000\"", "{\"\\u0000\":1}", "\"\\ud800\"", "\"\\udc00\"", "\"\\ud800\\ud800\"", "\"\\ud800x\"", "\"\\ud83d\\u0041\"", "\"\\u12\"",
        "\"\\u12G4\"", "\"\\x41\"", "\"\\a\"", "\"abc", "\"abc\\", "\"abc\\\"", "\"\\ud83d\\ude0\"",
        /* bytes */
        "\"\xC0\x80\"", "\"\xED\xA0\x80\"", "\"\xE5\x8D\"", "\"\xFF\"",
    };
    for (size_t i = 0; i < ARRAY_N(bad); i++) {
        cJSON      *v   = (cJSON *)1;
        const char *why = NULL;
        enum err    e   = parse_n(bad[i], strlen(bad[i]), &v, &why);
        if (e != ERR_INPUT) print_error("took: %s\n", bad[i]);
        assert_int_equal(e, ERR_INPUT);
        assert_null(v);
        assert_non_null(why);
    }
    cJSON      *v;
    const char *why;
    assert_int_equal(parse_n("[1]\0", 4, &v, &why), ERR_INPUT); /* trailing NUL */
    assert_int_equal(parse_n("[\"a\0b\"]", 7, &v, &why), ERR_INPUT);
    assert_int_equal(parse_n("\0", 1, &v, &why), ERR_INPUT);
}

static void t_taken(void **state) {
    (void)state;
    static const char *good[] = {
        "{}", "[]", "null", "true", "0", "-0", "\"\"", " \t\r\n[ 1 , 2 ] \n", "{\"a\":{\"b\":[null,true,false,-1.5e-3]}}", "\"\\u0001\"",
        "\"\\ud83d\\ude00\"", "\"\xF0\x9F\x98\x80\"", "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"", "\"}]{[\"", "\"\x7f\"", "1E+2", "9007199254740993", "1e308", "0.0",
        "\"\\\\u0000\"", "\"-01\"", "[\"01\",1]",
    };
    for (size_t i = 0; i < ARRAY_N(good); i++) {
        cJSON      *v;
        const char *why;
        enum err    e = parse_n(good[i], strlen(good[i]), &v, &why);
        if (e) print_error("refused: %s: %s\n", good[i], why);
        assert_int_equal(e, ERR_OK);
        cJSON_Delete(v);
    }
}

static void t_depth(void **state) {
    (void)state;
    for (int depth = 1; depth <= JSON_DEPTH_MAX + 2; depth++) {
        char        s[100] = "";
        cJSON      *v;
        const char *why;
        for (int i = 0; i < depth; i++) s[i] = '[', s[2 * depth - 1 - i] = ']';
        assert_int_equal(parse_n(s, (size_t)depth * 2, &v, &why), depth <= JSON_DEPTH_MAX ? ERR_OK : ERR_INPUT);
        cJSON_Delete(v);
        for (int i = 0; i < depth; i++) memcpy(s + i * 5, "{\"a\":", 5);
        if (depth <= JSON_DEPTH_MAX) continue;
        assert_int_equal(parse_n(s, (size_t)depth * 5, &v, &why), ERR_INPUT);
        assert_string_equal(why, "too deep");
    }
    char  *deep = x_malloc(200000); /* closing ones first do not buy more depth */
    cJSON *v;
    const char *why;
    memset(deep, ']', 100000);
    memset(deep + 100000, '[', 100000);
    assert_int_equal(json_parse(deep, 200000, &v, &why), ERR_INPUT);
    memset(deep, '[', 200000);
    assert_int_equal(json_parse(deep, 200000, &v, &why), ERR_INPUT);
    x_free(deep);
}

/* A name twice: kept twice, the first counts on look-up (json.h); parameters refuse it, see test_param. */
static void t_duplicates(void **state) {
    (void)state;
    cJSON      *v;
    const char *why;
    assert_int_equal(parse_n("{\"a\":1,\"b\":3,\"a\":2}", 19, &v, &why), ERR_OK);
    assert_int_equal(cJSON_GetArraySize(v), 3);
    assert_true(cJSON_GetObjectItemCaseSensitive(v, "a")->valuedouble < 1.5);
    assert_null(cJSON_GetObjectItemCaseSensitive(v, "A"));
    cJSON_Delete(v);
}

static void t_writer(void **state) {
    (void)state;
    struct buf b;
    struct jw  w;
    buf_init(&b, 4096);
    jw_init(&w, &b);
    jw_obj(&w);
    jw_kstr(&w, "s", "a\"\\\n\r\t\x01\x1f\x7f/南😀");
    jw_kstr(&w, "null", NULL);
    jw_kint(&w, "min", INT64_MIN);
    jw_kint(&w, "max", INT64_MAX);
    jw_kbool(&w, "yes", true);
    jw_key(&w, "list");
    jw_arr(&w);
    jw_arr(&w);
    jw_arr_end(&w);
    jw_obj(&w);
    jw_obj_end(&w);
    jw_int(&w, 1);
    jw_null(&w);
    jw_bool(&w, false);
    jw_strn(&w, "a\0b", 3);
    jw_raw(&w, "{\"x\":[1]}", 9);
    jw_arr_end(&w);
    jw_kraw(&w, "raw", "[]");
    jw_ktime(&w, "t", 1520814600000);
    jw_ktime(&w, "none", 0);
    jw_obj_end(&w);
    assert_false(b.failed);
    assert_string_equal(buf_str(&b), "{\"s\":\"a\\\"\\\\\\n\\r\\t\\u0001\\u001f\\u007f/南😀\",\"null\":null,\"min\":-9223372036854775808,"
                                     "\"max\":9223372036854775807,\"yes\":true,\"list\":[[],{},1,null,false,\"a\\u0000b\",{\"x\":[1]}],\"raw\":[],"
                                     "\"t\":\"2018-03-12T08:30:00.000+08:00\",\"none\":null}");
    buf_fini(&b);
}

/* Every clean text comes back as it went. */
static void t_round_trip(void **state) {
    (void)state;
    for (unsigned c = 1; c < 0x3000; c += c < 0x100 ? 1 : 97) {
        char text[8] = "a";
        if (c < 0x80) text[1] = (char)c;
        else if (c < 0x800) text[1] = (char)(0xC0 | c >> 6), text[2] = (char)(0x80 | (c & 63));
        else text[1] = (char)(0xE0 | c >> 12), text[2] = (char)(0x80 | (c >> 6 & 63)), text[3] = (char)(0x80 | (c & 63));
        struct buf  b;
        struct jw   w;
        cJSON      *v;
        const char *why = "";
        buf_init(&b, 256);
        jw_init(&w, &b);
        jw_str(&w, text);
        assert_int_equal(json_parse(buf_str(&b), b.len, &v, &why), ERR_OK);
        assert_string_equal(v->valuestring, text);
        cJSON_Delete(v);
        buf_fini(&b);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(t_refused),    cmocka_unit_test(t_taken),  cmocka_unit_test(t_depth),
        cmocka_unit_test(t_duplicates), cmocka_unit_test(t_writer), cmocka_unit_test(t_round_trip),
    };
    return cmocka_run_group_tests_name("json", tests, NULL, NULL);
}
