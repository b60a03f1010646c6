/* SPDX-License-Identifier: Apache-2.0
 *
 * What the office kinds share: cutting, links, looking up, base64, and the cryptography of call-backs held to the vendors' vectors.
 */
#include "officekit.h"

#include "base/text.h"

static void t_text(void **state) {
    (void)state;
    struct arena *a = arena_new(1 << 16);
    assert_string_equal(office_plain(a, "a[b](c)<d>&`*#\\|e"), "a［b］(c)＜d＞＆｀＊＃＼｜e");
    assert_string_equal(office_plain(a, ""), "");
    static const struct {
        const char *s, *want;
        size_t      bytes;
    } cut[] = {{"", "", 3}, {"abc", "abc", 3}, {"abcd", "…", 3}, {"abcde", "a…", 4}, {"南平市", "南平市", 9}, {"南平市", "南…", 8},
               {"南平市", "南…", 7}, {"南平市", "南…", 6}, {"南平市", "…", 5}, {"a😀b", "a…", 5}};
    for (size_t i = 0; i < ARRAY_N(cut); i++) {
        assert_string_equal(office_cut(a, cut[i].s, cut[i].bytes), cut[i].want);
        assert_true(strlen(cut[i].want) <= cut[i].bytes);
    }
    assert_string_equal(office_cut_chars(a, "南平市", 3), "南平市");
    assert_string_equal(office_cut_chars(a, "南平市人", 3), "南平…");
    assert_string_equal(office_cut_chars(a, "ab", 1), "…");
    assert_string_equal(office_cut_chars(a, "", 1), "");
    assert_string_equal(office_encode(a, "a-Z_0.~ /?&=+%\xE5\x8D\x97"), "a-Z_0.~%20%2F%3F%26%3D%2B%25%E5%8D%97");
    assert_string_equal(office_stamp(a, WALL), "01-02 11:04:05");
    static const struct {
        const char *id;
        bool        ok;
    } id[] = {{"zhangsan", true}, {"u.1_@+-x", true}, {"0", true}, {"@all", false}, {"a|b", false}, {"a,b", false}, {"", false}, {"a b", false},
              {"-a", false}, {"a\nb", false}, {"南", false}, {"12345678901234567", false}};
    for (size_t i = 0; i < ARRAY_N(id); i++)
        if (office_id_ok(id[i].id, 16) != id[i].ok) fail_msg("%s", id[i].id);
    arena_free(a);
}

static void t_json(void **state) {
    (void)state;
    static const char text[] = "{\"i\":7,\"s\":\"-12\",\"big\":9007199254740993,\"f\":1.5,\"e\":\"\",\"m\":\"-\",\"x\":\"1x\",\"long\":\"1234567890123456789\","
                               "\"l\":[\"A\",1,null,\"b\"],\"j\":\"One|two\",\"o\":{}}";
    cJSON            *o      = NULL;
    const char       *why;
    int64_t           v = 0;
    assert_int_equal(json_parse(text, strlen(text), &o, &why), ERR_OK);
    assert_true(office_int(o, "i", &v) && v == 7);
    assert_true(office_int(o, "s", &v) && v == -12);
    static const char *const no[] = {"big", "f", "e", "m", "x", "long", "l", "o", "none"};
    for (size_t i = 0; i < ARRAY_N(no); i++)
        if (office_int(o, no[i], &v)) fail_msg("%s", no[i]);
    assert_false(office_int(NULL, "i", &v));
    assert_true(office_has(o, "l", "a") && office_has(o, "l", "B") && office_has(o, "j", "one") && office_has(o, "j", "TWO"));
    assert_false(office_has(o, "l", "1") || office_has(o, "l", "") || office_has(o, "j", "") || office_has(o, "j", "ne") || office_has(o, "j", "one|two") ||
                 office_has(o, "o", "a") || office_has(o, "none", "a") || office_has(NULL, "l", "a"));
    assert_string_equal(office_str(o, "j"), "One|two");
    assert_string_equal(office_str(o, "i"), "");
    cJSON_Delete(o);
    struct push_answer out = {0};
    char               ref[140];
    office_ref(&out, "om_1");
    assert_string_equal(out.ref, "om_1");
    office_ref(&out, "a b");
    assert_string_equal(out.ref, "");
    memset(ref, 'x', sizeof ref);
    ref[131] = '\0';
    office_ref(&out, ref);
    assert_int_equal(strlen(out.ref), 131);
    ref[131] = 'x', ref[132] = '\0';
    office_ref(&out, ref);
    assert_string_equal(out.ref, "");
}

static void t_query(void **state) {
    (void)state;
    struct arena *a = arena_new(1 << 16);
    static const struct {
        const char *q, *name, *want;
    } v[] = {
        {"a=1&b=2", "b", "2"}, {"a=1&b=2", "a", "1"}, {"ab=1", "b", ""}, {"a=%2B+%3d", "a", "+ ="}, {"a=", "a", ""}, {"a", "a", ""}, {"", "a", ""},
        {"a=%4", "a", ""}, {"a=%", "a", ""}, {"a=%zz", "a", ""}, {"a=%00", "a", ""}, {"a=x%41", "a", "xA"}, {"&&a=1&", "a", "1"}, {"a=1&a=2", "a", "1"},
    };
    for (size_t i = 0; i < ARRAY_N(v); i++)
        if (strcmp(office_query(a, v[i].q, v[i].name), v[i].want) != 0) fail_msg("%s", v[i].q);
    arena_free(a);
}

static void t_base64(void **state) {
    (void)state;
    struct arena *a = arena_new(1 << 16);
    static const struct {
        const char *s, *want; /* NULL: refused */
    } v[] = {{"Zg==", "f"}, {"Zm8=", "fo"}, {"Zm9v", "foo"}, {"Zm9vYg==", "foob"}, {"+/+/", "\xfb\xff\xbf"}, {"", NULL}, {"Zg=", NULL}, {"Zg", NULL},
             {"Z===", NULL}, {"====", NULL}, {"Zg==Zg==", NULL}, {"Zm9-", NULL}, {"Zm 9", NULL}, {"Zm9\n", NULL}, {"=m9v", NULL}};
    for (size_t i = 0; i < ARRAY_N(v); i++) {
        uint8_t *p;
        size_t   n;
        enum err e = office_b64_decode(a, v[i].s, strlen(v[i].s), &p, &n);
        if ((e == ERR_OK) != (v[i].want != NULL)) fail_msg("%s", v[i].s);
        if (e) continue;
        assert_string_equal((const char *)p, v[i].want);
        assert_string_equal(office_b64_encode(a, p, n), v[i].s);
    }
    uint8_t *p;
    size_t   n;
    assert_int_equal(office_b64_decode(a, "Zm\0v", 4, &p, &n), ERR_INPUT);
    arena_free(a);
}

static void t_wecom(void **state) {
    (void)state;
    struct arena *a = arena_new(1 << 16);
    static const struct {
        const char *token, *key, *timestamp, *nonce, *encrypt, *signature, *msg, *receive_id;
    } v[] = {
        {"QDG6eK", "jWmYm7qr5nMoAUwZRjGtBxmz3KA1tkAj3ykkR6q2B2C", "1409659589", "263014780",
         "P9nAzCzyDtyTWESHep1vC5X9xho/qYX3Zpb4yKa9SKld1DsH3Iyt3tP3zNdtp+4RPcs8TgAE7OaBO+FZXvnaqQ==", "5c45ff5e21c57e6ad56bac8758b79b1d9ac89fd3",
         "1616140317555161061", "wx5823bf96d3bd56c7"},
        {"zbToken2026", "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG", "1767323045", "1372623149",
         "Q3stYC6hdFzMh9T8HCvyDJ55e7ykIPUkKCIB3fA0LejBw3KcOLL+OTbrdblRIZ3jBGTg2KNi/4NqdCcgjzZl3Q==", "dd78abafb7bc5213c5fddcf2491420a5f67480c9",
         "7300154328914391059", "ww0123456789abcdef"},
    };
    for (size_t i = 0; i < ARRAY_N(v); i++) {
        char    sig[41], *msg;
        uint8_t key[32];
        size_t  n = strlen(v[i].encrypt);
        office_wecom_signature(v[i].token, v[i].timestamp, v[i].nonce, v[i].encrypt, sig);
        assert_string_equal(sig, v[i].signature);
        assert_true(office_aes_key(v[i].key, key));
        assert_int_equal(office_wecom_open(a, key, v[i].receive_id, v[i].encrypt, n, &msg), ERR_OK);
        assert_string_equal(msg, v[i].msg);
        assert_int_equal(office_wecom_open(a, key, "ww0123456789abcdee", v[i].encrypt, n, &msg), ERR_AUTH);
        assert_int_equal(office_wecom_open(a, key, "", v[i].encrypt, n, &msg), ERR_AUTH);
        key[31] ^= 1;
        assert_int_not_equal(office_wecom_open(a, key, v[i].receive_id, v[i].encrypt, n, &msg), ERR_OK);
        assert_int_equal(office_wecom_open(a, key, v[i].receive_id, v[i].encrypt, n - 4, &msg), ERR_INPUT);
    }
    uint8_t key[32];
    assert_false(office_aes_key("", key));
    assert_false(office_aes_key("abcdefghijklmnopqrstuvwxyz0123456789ABCDEF", key));
    assert_false(office_aes_key("abcdefghijklmnopqrstuvwxyz0123456789ABCDEF-", key));
    arena_free(a);
}

static void t_padding(void **state) {
    (void)state;
    struct ok            k = {.a = arena_new(1 << 18)};
    static const uint8_t key[32] = {1, 2, 3}, iv[16] = {9};
    uint8_t              plain[64], *ct, *out;
    size_t               ct_n, n;
    memset(plain, 0, sizeof plain);
    /* each last byte there can be, before a block of its own that the helper adds is cut off */
    for (unsigned last = 0; last < 256; last++) {
        for (size_t i = 0; i < 64; i++) plain[i] = 64 - i <= last ? (uint8_t)last : 0xEE;
        plain[63] = (uint8_t)last;
        const char *b64 = ok_seal(&k, key, iv, plain, 64, 16, false);
        assert_int_equal(office_b64_decode(k.a, b64, strlen(b64), &ct, &ct_n), ERR_OK);
        assert_int_equal(office_cbc_open(k.a, key, iv, ct, 64, 32, &out, &n), last >= 1 && last <= 32 ? ERR_OK : ERR_INPUT);
        if (last >= 1 && last <= 32) assert_int_equal(n, 64 - last);
        assert_int_equal(office_cbc_open(k.a, key, iv, ct, 64, 16, &out, &n), last >= 1 && last <= 16 ? ERR_OK : ERR_INPUT);
    }
    /* one byte of the padding is another */
    memset(plain, 20, sizeof plain);
    plain[64 - 20] = 19;
    const char *b64 = ok_seal(&k, key, iv, plain, 64, 16, false);
    assert_int_equal(office_b64_decode(k.a, b64, strlen(b64), &ct, &ct_n), ERR_OK);
    assert_int_equal(office_cbc_open(k.a, key, iv, ct, 64, 32, &out, &n), ERR_INPUT);
    assert_int_equal(office_cbc_open(k.a, key, iv, ct, 48, 32, &out, &n), ERR_INPUT);
    assert_int_equal(office_cbc_open(k.a, key, iv, ct, 0, 32, &out, &n), ERR_INPUT);
    /* a length beyond the end */
    static const uint8_t len[4][4] = {{0xFF, 0xFF, 0xFF, 0xFF}, {0, 0, 0, 8}, {0x80, 0, 0, 0}, {0, 0, 0, 7}};
    for (size_t i = 0; i < 4; i++) {
        char    *msg;
        uint8_t  p[27] = "0123456789abcdef";
        memcpy(p + 16, len[i], 4);
        memcpy(p + 20, "message", 7);
        b64 = ok_seal(&k, key, key, p, sizeof p, 32, false);
        assert_int_equal(office_wecom_open(k.a, key, "", b64, strlen(b64), &msg), i == 3 ? ERR_OK : ERR_INPUT);
    }
    arena_free(k.a);
}

static void t_feishu(void **state) {
    (void)state;
    struct arena *a = arena_new(1 << 16);
    char         *msg, sig[65];
    size_t        n;
    const char   *v1 = "P37w+VZImNgPEO1RBhJ6RtKl7n6zymIbEG1pReEzghk=",
               *v2 = "AAECAwQFBgcICQoLDA0ODw9mLTIAZS9jAmGTQ1wAhHpnBHVL2wRjH9rPunQdQC1vLjsckayA10kZ8cPwtb62F8rC7JprUPR/4S2aZihfR+p8npX7UzWPithZmfKIPZgE";
    assert_int_equal(office_feishu_open(a, "test key", v1, strlen(v1), &msg, &n), ERR_OK);
    assert_string_equal(msg, "hello world");
    assert_int_equal(n, 11);
    assert_int_equal(office_feishu_open(a, "test key", v2, strlen(v2), &msg, &n), ERR_OK);
    assert_string_equal(msg, "{\"challenge\":\"ajls384kdjx98XX\",\"token\":\"xxxxxx\",\"type\":\"url_verification\"}");
    assert_int_equal(office_feishu_open(a, "test kez", v1, strlen(v1), &msg, &n), ERR_INPUT);
    assert_int_equal(office_feishu_open(a, "test key", "AAECAwQFBgcICQoLDA0ODw==", 24, &msg, &n), ERR_INPUT); /* an IV and nothing else */
    const char *body = arena_printf(a, "{\"encrypt\":\"%s\"}", v2);
    office_feishu_signature("1767323045", "abc123", "test key", body, strlen(body), sig);
    assert_string_equal(sig, "084b564bfe75e073b11047ebefe2b3043f3c42a82c4b0749f65baaf31b624abd");
    arena_free(a);
}

static void t_xml(void **state) {
    (void)state;
    struct arena *a = arena_new(1 << 16);
    static const struct {
        const char *xml, *want; /* of element E */
    } v[] = {
        {"<xml><A>1</A><E>2</E></xml>", "2"}, {"<xml><E><![CDATA[a<b>&]]></E></xml>", ""}, {"<xml><E><![CDATA[a<b>c]]></E></xml>", "a<b>c"},
        {"<?xml version=\"1.0\"?>\n<xml>\n <E> x </E>\n</xml>", " x "}, {"<xml><E></E></xml>", ""}, {"<xml><E/><E>2</E></xml>", "2"},
        {"<xml><A><![CDATA[<E>1</E>]]></A><E>2</E></xml>", "2"}, {"<xml><A><![CDATA[</A><E>1</E>]]></A></xml>", ""}, {"<xml><A><E>1</E></A></xml>", ""},
        {"<xml><E>a&lt;b</E></xml>", ""}, {"<!DOCTYPE x><xml><E>1</E></xml>", ""}, {"<xml><!-- <E>1</E> --><E>2</E></xml>", ""},
        {"<xml><!ENTITY a \"b\"><E>1</E></xml>", ""}, {"<xml><E>1", ""}, {"<xml><E><![CDATA[1", ""}, {"<xml><E>1</E", ""}, {"<xml><E", ""}, {"<", ""}, {"", ""},
        {"<xml><E><B>1</B></E></xml>", ""}, {"<xml><EE>1</EE></xml>", ""}, {"<E>1</E>", ""}, {"</xml></xml><xml><E>1</E>", ""}, {"<>", ""}, {"<xml><></xml>", ""},
    };
    for (size_t i = 0; i < ARRAY_N(v); i++) {
        size_t n    = strlen(v[i].xml);
        char  *copy = malloc(n + !n);
        assert_non_null(copy);
        memcpy(copy, v[i].xml, n);
        const char *got = office_xml(a, copy, n, "E");
        if (strcmp(got, v[i].want) != 0) fail_msg("%s: %s", v[i].xml, got);
        free(copy);
    }
    assert_string_equal(office_xml(a, "<xml><E>a\0b</E></xml>", 21, "E"), "");
    arena_free(a);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(t_text), cmocka_unit_test(t_json), cmocka_unit_test(t_query), cmocka_unit_test(t_base64), cmocka_unit_test(t_wecom),
        cmocka_unit_test(t_padding), cmocka_unit_test(t_feishu), cmocka_unit_test(t_xml),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
