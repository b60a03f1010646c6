/* SPDX-License-Identifier: Apache-2.0
 *
 * Webhook: options, the signature checked another way, targets that are refused, statuses.
 */
#include "officekit.h"

#define ERR_STATE openssl_err_state /* a typedef of OpenSSL bears the name of one of our errors */
#include <openssl/evp.h>
#include <openssl/hmac.h>
#undef ERR_STATE

#include "push/net_guard.h"

static const struct opt good[] = {
    {"secret_file", "0123456789abcdef"}, {"hmac", "sha256"}, {"url", ""}, {"allow", "10.1.0.0/16 intern.example"}, {"plain_http", "false"}, {"proxy", ""},
};

static void with(struct ok *k, const char *name, const char *value) {
    struct opt o[ARRAY_N(good)];
    memcpy(o, good, sizeof good);
    for (size_t i = 0; i < ARRAY_N(o); i++)
        if (strcmp(o[i].name, name) == 0) o[i].value = value;
    ok_open(k, "webhook", o, ARRAY_N(o));
}

static void t_options(void **state) {
    (void)state;
    struct ok k;
    ok_open(&k, "webhook", good, ARRAY_N(good));
    assert_string_equal(provider_kind(k.p)->channel, "webhook");
    ok_close(&k);
    static const struct opt bad[] = {
        {"secret_file", ""}, {"secret_file", "short"}, {"secret_file", "whsec_!!!!"}, {"secret_file", "whsec_AAAA"}, {"hmac", "md5"},
        {"allow", "0.0.0.0/0"}, {"url", "http://hooks.example/x"}, {"url", "https://10.9.9.9/x"}, {"url", "https://127.0.0.1"}, {"url", "x"},
    };
    for (size_t i = 0; i < ARRAY_N(bad); i++) ok_refused("webhook", good, ARRAY_N(good), bad[i].name, bad[i].value);
}

static const char *header(const struct http_call *c, const char *name) {
    for (size_t i = 0; i < c->headers_n; i++)
        if (strcmp(c->header[i].name, name) == 0) return c->header[i].value;
    fail_msg("no header %s", name);
    return "";
}

static void t_signature(void **state) {
    (void)state;
    static const struct {
        const char *secret, *hmac, *version, *md;
        const char *key;
        size_t      key_n;
    } v[] = {
        {"0123456789abcdef", "sha256", "v1,", "SHA256", "0123456789abcdef", 16},
        {"0123456789abcdef", "sm3", "v1sm3,", "SM3", "0123456789abcdef", 16},
        {"whsec_MDEyMzQ1Njc4OWFiY2RlZgAB", "sha256", "v1,", "SHA256", "0123456789abcdef\0\1", 18},
    };
    for (size_t i = 0; i < ARRAY_N(v); i++) {
        struct ok        k;
        struct opt       o[ARRAY_N(good)];
        struct http_call c;
        uint8_t          md[32];
        unsigned         n = 0;
        memcpy(o, good, sizeof good);
        o[0].value = v[i].secret, o[1].value = v[i].hmac;
        ok_open(&k, "webhook", o, ARRAY_N(o));
        k.m.target  = "https://hooks.example.com/in?x=1";
        cJSON *body = ok_call(&k, &c);
        assert_string_equal(c.method, "POST");
        assert_string_equal(c.url, k.m.target);
        assert_string_equal(header(&c, "webhook-id"), "dl-7001-3");
        assert_string_equal(header(&c, "webhook-timestamp"), "1767323045");
        assert_string_equal(header(&c, "Content-Type"), "application/json; charset=utf-8");
        assert_string_equal(at(body, "id"), "dl-7001-3");
        assert_string_equal(at(body, "kind"), "task.assigned");
        assert_string_equal(at(body, "object"), "task:NP-2018-1");
        assert_string_equal(at(body, "said_at"), "2026-01-02T11:04:05.000+08:00");
        assert_string_equal(at(body, "to"), "");
        cJSON_Delete(body);
        const char *text = arena_printf(k.a, "dl-7001-3.1767323045.%s", (const char *)c.body);
        assert_non_null(HMAC(EVP_get_digestbyname(v[i].md), v[i].key, (int)v[i].key_n, (const unsigned char *)text, strlen(text), md, &n));
        assert_string_equal(header(&c, "webhook-signature"), arena_printf(k.a, "%s%s", v[i].version, office_b64_encode(k.a, md, 32)));
        /* another attempt: the same id and bytes */
        const char *first = c.body;
        k.m.attempt       = 2;
        cJSON_Delete(ok_call(&k, &c));
        assert_string_equal(first, c.body);
        ok_close(&k);
    }
}

static void t_targets(void **state) {
    (void)state;
    struct ok        k;
    struct http_call c;
    static const struct {
        const char *url;
        bool        ok, guarded;
    } v[] = {
        {"https://hooks.example.com/x", true, true}, {"https://intern.example/x", true, false}, {"https://10.1.2.3/", true, false},
        {"https://10.2.2.3/", false, false}, {"https://[::ffff:127.0.0.1]/", false, false}, {"http://hooks.example.com/", false, false},
        {"https://hooks.example.com/\r\nX: y", false, false}, {"https://u@hooks.example.com/", false, false}, {"", false, false}, {"zhangsan", false, false},
        {"http://169.254.169.254/latest", false, false},
    };
    ok_open(&k, "webhook", good, ARRAY_N(good));
    for (size_t i = 0; i < ARRAY_N(v); i++) {
        k.m.target = v[i].url;
        cJSON *o   = ok_call(&k, &c);
        if ((o != NULL) != v[i].ok || (v[i].ok && (c.guard != NULL) != v[i].guarded)) fail_msg("%s", v[i].url);
        cJSON_Delete(o);
    }
    char *url = arena_alloc(k.a, 2100);
    memset(url, 'a', 2090);
    memcpy(url, "https://hooks.example.com/", 26);
    k.m.target = url;
    assert_null(ok_call(&k, &c));
    ok_close(&k);

    with(&k, "plain_http", "true");
    k.m.target = "http://hooks.example.com:8080/";
    cJSON *o   = ok_call(&k, &c);
    assert_true(o && c.guard);
    struct { uint16_t family; uint8_t port[2], ip[4], rest[8]; } private = {.family = AF_INET, .ip = {192, 168, 1, 1}};
    assert_false(net_guard_addr(c.guard, (const struct sockaddr *)(const void *)&private, NULL)); /* what the name leads to is asked again */
    cJSON_Delete(o);
    ok_close(&k);
    with(&k, "proxy", "http://10.0.0.1:3128"); /* a proxy resolves names for us */
    k.m.target = "https://hooks.example.com/";
    assert_null(ok_call(&k, &c));
    k.m.target = "https://intern.example/";
    o          = ok_call(&k, &c);
    assert_non_null(o);
    cJSON_Delete(o);
    ok_close(&k);
    with(&k, "url", "https://hooks.example.com/all");
    k.m.target = "unit-7";
    o          = ok_call(&k, &c);
    assert_string_equal(c.url, "https://hooks.example.com/all");
    assert_string_equal(at(o, "to"), "unit-7");
    cJSON_Delete(o);
    assert_int_equal(ok_answer(&k, 410, "").verdict, V_CONFIG); /* it is everybody's */
    ok_close(&k);
}

static void t_answers(void **state) {
    (void)state;
    struct ok k;
    ok_open(&k, "webhook", good, ARRAY_N(good));
    static const struct {
        int          status;
        enum verdict v;
    } v[] = {
        {200, V_DELIVERED}, {201, V_DELIVERED}, {202, V_DELIVERED}, {204, V_DELIVERED}, {100, V_RETRY}, {301, V_CONFIG}, {302, V_CONFIG}, {307, V_CONFIG},
        {400, V_REJECTED}, {401, V_CONFIG}, {403, V_CONFIG}, {404, V_CONFIG}, {405, V_CONFIG}, {408, V_RETRY}, {409, V_REJECTED}, {410, V_GONE},
        {413, V_REJECTED}, {422, V_REJECTED}, {425, V_RETRY}, {429, V_THROTTLED}, {500, V_RETRY}, {501, V_RETRY}, {502, V_RETRY}, {503, V_RETRY},
        {504, V_RETRY}, {599, V_RETRY}, {0, V_RETRY},
    };
    static const char *const bodies[] = {"", "{\"errcode\":40001}", "\xff<html>", "null"}; /* the status alone counts */
    for (size_t i = 0; i < ARRAY_N(v); i++)
        for (size_t b = 0; b < ARRAY_N(bodies); b++)
            if (ok_answer(&k, v[i].status, bodies[b]).verdict != v[i].v) fail_msg("%d %s", v[i].status, bodies[b]);
    struct push_answer a;
    struct http_answer lost = {.status = 0, .lost = true, .body = ""};
    provider_kind(k.p)->answer(k.p, k.a, &k.m, &lost, WALL, &a);
    assert_int_equal(a.verdict, V_RETRY); /* the id makes it safe */
    struct http_header h = {"retry-after", "7"};
    struct http_answer r = ok_http(500, "");
    r.header = &h, r.headers_n = 1;
    provider_kind(k.p)->answer(k.p, k.a, &k.m, &r, WALL, &a);
    assert_true(a.verdict == V_RETRY && a.wait_ms == 7000);
    ok_close(&k);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(t_options), cmocka_unit_test(t_signature), cmocka_unit_test(t_targets), cmocka_unit_test(t_answers)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
