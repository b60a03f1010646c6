/* SPDX-License-Identifier: Apache-2.0
 *
 * Text from outside: UTF-8, forbidden characters, document numbers, hex and base64url.
 */
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/check.h"
#include "base/mem.h"
#include "base/text.h"

/* A copy of exactly n bytes, so that ASan sees a byte too far. */
static char *exact(const char *s, size_t n) {
    char *p = x_malloc(n);
    memcpy(p, s, n);
    return p;
}

static void t_utf8(void **state) {
    (void)state;
    static const struct {
        const char *s;
        size_t      n;
        bool        ok;
    } v[] = {
        {"", 0, true}, {"\0", 1, true}, {"\x7f", 1, true}, {"\xC2\x80", 2, true}, {"\xDF\xBF", 2, true}, {"\xE0\xA0\x80", 3, true},
        {"\xED\x9F\xBF", 3, true}, {"\xEE\x80\x80", 3, true}, {"\xEF\xBF\xBF", 3, true}, {"\xF0\x90\x80\x80", 4, true},
        {"\xF4\x8F\xBF\xBF", 4, true}, {"ascii123 then \xE5\x8D\x97", 17, true}, {"12345678\xE5\x8D\x97", 11, true},
        /* overlong */
        {"\xC0\x80", 2, false}, {"\xC0\xAF", 2, false}, {"\xC1\xBF", 2, false}, {"\xE0\x80\x80", 3, false}, {"\xE0\x9F\xBF", 3, false},
        {"\xF0\x80\x80\x80", 4, false}, {"\xF0\x8F\xBF\xBF", 4, false}, {"\xF8\x88\x80\x80\x80", 5, false}, {"\xFC\x84\x80\x80\x80\x80", 6, false},
        /* surrogates, beyond U+10FFFF */
        {"\xED\xA0\x80", 3, false}, {"\xED\xBF\xBF", 3, false}, {"\xED\xA0\xBD\xED\xB8\x80", 6, false}, {"\xF4\x90\x80\x80", 4, false},
        {"\xF5\x80\x80\x80", 4, false}, {"\xFE", 1, false}, {"\xFF", 1, false},
        /* truncated, stray */
        {"\xC2", 1, false}, {"\xE5\x8D", 2, false}, {"\xE5", 1, false}, {"\xF0\x9F\x98", 3, false}, {"\xF0", 1, false}, {"\x80", 1, false},
        {"\xBF", 1, false}, {"a\xE5\x8D" "a", 4, false}, {"\xC2\xC2\x80", 3, false}, {"\xE5\x8D\x97\x97", 4, false}, {"12345678\x80", 9, false},
        {"1234567\x80 2345678", 16, false},
    };
    for (size_t i = 0; i < ARRAY_N(v); i++) {
        char *p = exact(v[i].s, v[i].n);
        if (utf8_valid(p, v[i].n) != v[i].ok) print_error("row %zu\n", i);
        assert_int_equal(utf8_valid(p, v[i].n), v[i].ok);
        if (v[i].n && !v[i].ok) assert_false(text_is_clean(p, v[i].n, true));
        x_free(p);
    }
    /* every code point, by its own encoder */
    for (uint32_t c = 0; c <= 0x110010; c++) {
        char   b[4];
        size_t n = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
        if (n == 1) b[0] = (char)c;
        if (n == 2) b[0] = (char)(0xC0 | c >> 6), b[1] = (char)(0x80 | (c & 63));
        if (n == 3) b[0] = (char)(0xE0 | c >> 12), b[1] = (char)(0x80 | (c >> 6 & 63)), b[2] = (char)(0x80 | (c & 63));
        if (n == 4) b[0] = (char)(0xF0 | c >> 18), b[1] = (char)(0x80 | (c >> 12 & 63)), b[2] = (char)(0x80 | (c >> 6 & 63)), b[3] = (char)(0x80 | (c & 63));
        bool ok = c <= 0x10FFFF && (c < 0xD800 || c > 0xDFFF);
        if (utf8_valid(b, n) != ok || utf8_next(b, n) != (ok ? n : 0)) fail_msg("U+%04X", c);
    }
    assert_int_equal(utf8_count("南平ab\xF0\x9F\x98\x80", 12), 5);
    assert_int_equal(utf8_cut("南平", 6, 5), 3);
    assert_int_equal(utf8_cut("南平", 6, 6), 6);
    assert_int_equal(utf8_cut("南平", 6, 2), 0);
    assert_int_equal(utf8_cut("ab南", 5, 3), 2);
    assert_int_equal(utf8_cut("", 0, 0), 0);
}

static void t_clean(void **state) {
    (void)state;
    static const struct {
        const char *s;
        bool        line, text;
    } v[] = {
        {"", true, true}, {"南平市", true, true}, {"a b\u3000c", true, true}, {"a\nb", false, true}, {"a\tb", false, true}, {"a\rb", false, false},
        {"\x01", false, false}, {"\x1B[31m", false, false}, {"\x7f", false, false}, {"\xC2\x80", false, false}, {"\xC2\x85", false, false},
        {"\xC2\x9f", false, false}, {"\u00a0", true, true}, {"\u061C", false, false}, {"\u200E", false, false}, {"\u200F", false, false},
        {"\u2028", false, false}, {"\u2029", false, false}, {"\u202A", false, false}, {"x\u202Etxt.exe", false, false}, {"\u2066", false, false},
        {"\u2069", false, false}, {"\uFEFFa", false, false}, {"\u2027", true, true}, {"\u202F", true, true}, {"\u2065", true, true},
        {"👨\u200D👩\u200D👧", true, true}, /* families of emoji need their joiner */
    };
    for (size_t i = 0; i < ARRAY_N(v); i++) {
        assert_int_equal(text_is_clean(v[i].s, strlen(v[i].s), false), v[i].line);
        assert_int_equal(text_is_clean(v[i].s, strlen(v[i].s), true), v[i].text);
    }
    assert_false(text_is_clean("a\0b", 3, true));
}

static void t_docno(void **state) {
    (void)state;
    static const char want[] = "南政办〔2018〕39号";
    static const char *same[] = {"南政办〔2018〕39号", "南政办[2018]39号", "南政办［2018］39号", "南政办(2018)39号", "南政办（2018）39号",
                                 "南政办【2018】39号", "南政办〔２０１８〕３９号", "南政办（2018]39号", " 南政办 〔2018〕 39 号 ", "南政办\u3000〔2018〕39号",
                                 "南政办[2018〕３9号"};
    char out[64];
    for (size_t i = 0; i < ARRAY_N(same); i++) {
        assert_int_equal(text_docno_normalise(same[i], out, sizeof out), ERR_OK);
        assert_string_equal(out, want);
    }
    assert_int_equal(text_docno_normalise("南政办〔2018〕039号", out, sizeof out), ERR_OK);
    assert_string_equal(out, "南政办〔2018〕039号"); /* leading zeros are kept */
    assert_int_equal(text_docno_normalise(out, out, sizeof out), ERR_OK); /* normal stays normal, also in place */
    static const char *bad[] = {"", "南政办", "〔2018〕39号", "南政办〔2018〕号", "南政办〔2018〕39", "南政办〔18〕39号", "南政办〔20188〕39号",
                                "南政办2018-39号", "南政办〔2018〕39号附件", "南政办〔2018〕3 9a号", "南政办〔2018〔39号", "南政办〕2018〔39号",
                                "南政办〔2018〕1234567号", "南政办〔2018〕第39号", "南政办〔二〇一八〕39号", "\xE5\x8D", "南政办〔2018〕39号\n",
                                "南\u202E政办〔2018〕39号", "南政办〔2018〕-39号", "南政办〔2018〕〔2018〕39号"};
    for (size_t i = 0; i < ARRAY_N(bad); i++) {
        enum err e = text_docno_normalise(bad[i], out, sizeof out);
        if (e != ERR_INPUT) print_error("\"%s\" gave %d\n", bad[i], (int)e);
        assert_int_equal(e, ERR_INPUT);
    }
    size_t n = strlen(want);
    for (size_t cap = 1; cap <= n; cap++) {
        char *small = x_malloc(cap);
        assert_int_equal(text_docno_normalise("南政办[2018]39号", small, cap), ERR_TOOBIG);
        x_free(small);
    }
    assert_int_equal(text_docno_normalise("南政办[2018]39号", out, n + 1), ERR_OK);
}

static void t_fold(void **state) {
    (void)state;
    char s[] = "第３项，２０１８年 12\xEF\xBC", t[] = "";
    text_fold_digits(s);
    assert_string_equal(s, "第3项，2018年 12\xEF\xBC");
    text_fold_digits(t);
    assert_string_equal(t, "");
}

static void t_hex(void **state) {
    (void)state;
    uint8_t b[256], back[256];
    char    hex[513];
    size_t  n;
    for (int i = 0; i < 256; i++) b[i] = (uint8_t)i;
    hex_encode(hex, b, 256);
    assert_int_equal(strlen(hex), 512);
    assert_int_equal(hex_decode(back, 256, hex, 512, &n), ERR_OK);
    assert_int_equal(n, 256);
    assert_memory_equal(b, back, 256);
    assert_int_equal(hex_decode(back, 256, "aBcDeF", 6, &n), ERR_OK);
    assert_int_equal(hex_decode(back, 255, hex, 512, &n), ERR_INPUT);
    assert_int_equal(hex_decode(back, 256, "abc", 3, &n), ERR_INPUT);
    assert_int_equal(hex_decode(back, 0, "", 0, &n), ERR_OK);
    for (int c = 0; c < 256; c++) {
        char two[2] = {(char)c, '0'};
        bool ok     = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
        assert_int_equal(hex_decode(back, 1, two, 2, &n), ok ? ERR_OK : ERR_INPUT);
    }
}

static void t_url(void **state) {
    (void)state;
    static const struct {
        const char *in;
        bool        plus;
        const char *out; /* NULL: refused */
    } v[] = {{"", false, ""},        {"a%2Fb", false, "a/b"},   {"a+b%2b", false, "a+b+"}, {"a+b%2b", true, "a b+"}, {"%e5%8D%97", true, "\xE5\x8D\x97"},
             {"%FF", true, "\xFF"}, {"1234567", false, "1234567"}, {"12345678", false, NULL}, {"%", false, NULL},       {"a%4", false, NULL},
             {"%4g", false, NULL},   {"%g4", false, NULL},      {"a%00b", true, NULL},     {"%2", true, NULL}};
    for (size_t i = 0; i < ARRAY_N(v); i++) {
        size_t n   = strlen(v[i].in), cap = n > 8 ? n + 1 : 8; /* one of eight characters has no room for its end */
        char  *in  = exact(v[i].in, n), *out = x_malloc(cap);
        assert_int_equal(url_decode(in, n, v[i].plus, out, cap), v[i].out != NULL);
        if (v[i].out) assert_string_equal(out, v[i].out);
        x_free(in);
        x_free(out);
    }
}

static void t_b64url(void **state) {
    (void)state;
    static const struct {
        const char *plain, *text;
    } v[] = {{"", ""}, {"f", "Zg"}, {"fo", "Zm8"}, {"foo", "Zm9v"}, {"foob", "Zm9vYg"}, {"fooba", "Zm9vYmE"}, {"foobar", "Zm9vYmFy"}, {"\xFB\xFF\xBE", "-_--"}};
    char    text[400];
    uint8_t back[300], b[256];
    size_t  n;
    for (size_t i = 0; i < ARRAY_N(v); i++) {
        size_t len = strlen(v[i].plain);
        assert_int_equal(b64url_encode(text, v[i].plain, len), strlen(v[i].text));
        assert_string_equal(text, v[i].text);
        assert_int_equal(b64url_decode(back, len, text, strlen(text), &n), ERR_OK);
        assert_int_equal(n, len);
        assert_memory_equal(back, v[i].plain, len);
        if (len) assert_int_equal(b64url_decode(back, len - 1, text, strlen(text), &n), ERR_INPUT);
    }
    for (int i = 0; i < 256; i++) b[i] = (uint8_t)(i * 7);
    for (size_t len = 0; len <= 256; len++) {
        size_t k = b64url_encode(text, b, len);
        assert_int_equal(b64url_decode(back, sizeof back, text, k, &n), ERR_OK);
        assert_int_equal(n, len);
        assert_memory_equal(back, b, len);
    }
    /* one text, one value: no padding, no other alphabet, no spare bits, no odd length */
    static const char *bad[] = {"Zg==", "Zm8=", "+/++", "Zh", "Zm9", "Z", "Zm9vY", "Zm 9v", "Zm9v\n", "Zm9vé"};
    for (size_t i = 0; i < ARRAY_N(bad); i++) assert_int_equal(b64url_decode(back, sizeof back, bad[i], strlen(bad[i]), &n), ERR_INPUT);
    assert_int_equal(b64url_decode(back, sizeof back, "Zm\0v", 4, &n), ERR_INPUT);
}

static int format(char *out, size_t cap, const char *fmt, ...) {
    va_list ap;
    va_start(ap, fmt);
    int n = text_format(out, cap, fmt, ap);
    va_end(ap);
    return n;
}

/* The same as the library's, also where it is cut. */
static void t_format(void **state) {
    (void)state;
    char a[64], b[64];
#define SAME(...)                                                                                                                \
    for (size_t cap = 0; cap <= sizeof a; cap++) {                                                                               \
        memset(a, '#', sizeof a);                                                                                                \
        memset(b, '#', sizeof b);                                                                                                \
        assert_int_equal(format(a, cap, __VA_ARGS__), snprintf(b, cap, __VA_ARGS__));                                            \
        if (cap) assert_string_equal(a, b);                                                                                      \
        assert_memory_equal(a + cap, b + cap, sizeof a - cap);                                                                   \
    }
    SAME("%s", "")
    SAME("plain, 100%%")
    SAME("%s:%d%%/%lld", "重点工作", -1, 123456789012345LL)
    SAME("%lld%lld", LLONG_MIN, LLONG_MAX)
    SAME("%d%d%d", INT_MIN, INT_MAX, 0)
    SAME("%s%s", "a", "b")
    SAME("%.3s|%5d|%02d|%zu|%s", "abcdef", 7, 7, (size_t)9, "z") /* not of the simple kind */
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(t_utf8), cmocka_unit_test(t_clean), cmocka_unit_test(t_docno),
        cmocka_unit_test(t_fold), cmocka_unit_test(t_hex),   cmocka_unit_test(t_b64url), cmocka_unit_test(t_url),  cmocka_unit_test(t_format),
    };
    return cmocka_run_group_tests_name("text", tests, NULL, NULL);
}
