/* SPDX-License-Identifier: Apache-2.0
 *
 * Web Push: the example of RFC 8291, VAPID, endpoints that are not asked, every status.
 */
#include "tests/unit/pushkit.h"
#include "push/ece.h"

static struct arena    *a;
static struct provider *p;
static uint8_t          ua_pub[65];
static char             keys[160];

static const char priv[] = "jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI"; /* RFC 7515 A.3 */

static int setup(void **state) {
    (void)state;
    kd_begin();
    a = arena_new(4 << 20);
    return 0;
}

static int teardown(void **state) {
    (void)state;
    arena_free(a);
    kd_end();
    return 0;
}

static int test_setup(void **state) {
    (void)state;
    const char *pairs[] = {"vapid_key_file", kd_file("v.key", priv), "subject", "mailto:it@city.test", NULL};
    p                   = kd_provider("webpush", pairs);
    EVP_PKEY *ua = kk_key("EC", 0);
    size_t    n  = 0;
    char      key[100];
    assert_int_equal(EVP_PKEY_get_octet_string_param(ua, OSSL_PKEY_PARAM_PUB_KEY, ua_pub, 65, &n), 1);
    EVP_PKEY_free(ua);
    (void)b64url_encode(key, ua_pub, 65);
    (void)snprintf(keys, sizeof keys, "%s AAAAAAAAAAAAAAAAAAAAAA", key);
    return 0;
}

static int test_teardown(void **state) {
    (void)state;
    provider_free(p);
    arena_reset(a);
    return 0;
}

/* RFC 8291, section 5 and appendix A. */
static void t_rfc_example(void **state) {
    (void)state;
    struct ece_fixed  f;
    uint8_t           p256dh[65], auth[16], want[256], got[256];
    size_t            n, want_n, got_n;
    static const char plain[] = "When I grow up, I want to be a watermelon";
    assert_int_equal(b64url_decode(f.priv, 32, "yfWPiYE-n46HLnH0KqZOF1fJJU3MYrct3AELtAQ-oRw", 43, &n), ERR_OK);
    assert_int_equal(b64url_decode(f.salt, 16, "DGv6ra1nlYgDCS1FRnbzlw", 22, &n), ERR_OK);
    assert_int_equal(b64url_decode(p256dh, 65, "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4", 87, &n), ERR_OK);
    assert_int_equal(b64url_decode(auth, 16, "BTBZMqHH6r4Tts7J_aSIgg", 22, &n), ERR_OK);
    static const char body[] = "DGv6ra1nlYgDCS1FRnbzlwAAEABBBP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6TlzAC8wEqKK6PBru3jl7A_"
                               "yl95bQpu6cVPTpK4Mqgkf1CXztLVBSt2Ks3oZwbuwXPXLWyouBWLVWGNWQexSgSxsj_Qulcy4a-fN";
    assert_int_equal(b64url_decode(want, sizeof want, body, sizeof body - 1, &want_n), ERR_OK);
    assert_int_equal(ece_encrypt(p256dh, auth, plain, sizeof plain - 1, &f, got, &got_n), ERR_OK);
    assert_int_equal(got_n, want_n);
    assert_memory_equal(got, want, want_n);
    p256dh[40] ^= 1; /* not on the curve */
    assert_int_equal(ece_encrypt(p256dh, auth, plain, 5, NULL, got, &got_n), ERR_INPUT);
    assert_int_equal(ERR_peek_error(), 0);
    static uint8_t big[ECE_PLAIN_MAX + 1];
    assert_int_equal(ece_encrypt(ua_pub, auth, big, sizeof big, NULL, got, &got_n), ERR_TOOBIG);
}

static void t_options(void **state) {
    (void)state;
    char        why[512];
    EVP_PKEY   *ec = kk_key("EC", 0);
    char       *pem = kk_pem(ec);
    const char *good[] = {"vapid_key_file", kd_file("v.pem", pem), "subject", "https://city.test", NULL};
    provider_free(kd_provider("webpush", good));
    x_free(pem);
    EVP_PKEY_free(ec);
    const struct {
        const char *pairs[5], *why;
    } v[] = {
        {{"vapid_key_file", kd_file("v1", priv), "subject", "it@city.test", NULL}, "option subject"},
        {{"vapid_key_file", kd_file("v2", "AAAA"), "subject", "mailto:x", NULL}, "vapid_key_file: neither"},
        {{"vapid_key_file", kd_file("v3", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"), "subject", "mailto:x", NULL}, "vapid_key_file"},
        {{"vapid_key_file", kd_file("v4", "-----BEGIN x"), "subject", "mailto:x", NULL}, "vapid_key_file: not a private key"},
    };
    for (size_t i = 0; i < ARRAY_N(v); i++) {
        assert_null(kd_try("webpush", v[i].pairs, why, sizeof why));
        if (strstr(why, v[i].why) == NULL) fail_msg("row %zu: %s", i, why);
    }
}

static enum err call(const char *endpoint, const char *key, struct http_call *c, struct push_answer *why) {
    struct push_msg m = kd_msg(endpoint);
    m.target_key      = key;
    *c                = (struct http_call){.method = "POST"};
    memset(why, 0, sizeof *why);
    return provider_kind(p)->call(p, a, &m, "", KD_NOW, c, why);
}

static void t_request(void **state) {
    (void)state;
    struct http_call   c;
    struct push_answer why;
    uint8_t            raw[32], pub[65];
    size_t             n;
    char               token[1200], k[100];
    assert_int_equal(call("https://Push.Example:443/x/Y?z=1", keys, &c, &why), ERR_OK);
    assert_string_equal(c.url, "https://Push.Example:443/x/Y?z=1");
    assert_string_equal(kd_header(&c, "content-encoding"), "aes128gcm");
    assert_string_equal(kd_header(&c, "ttl"), "3600");
    assert_string_equal(kd_header(&c, "urgency"), "high");
    assert_int_equal(strlen(kd_header(&c, "topic")), 32);
    assert_int_equal(sscanf(kd_header(&c, "authorization"), "vapid t=%1199[^,], k=%99s", token, k), 2);
    assert_int_equal(b64url_decode(pub, 65, k, strlen(k), &n), ERR_OK);
    EVP_PKEY *key = kk_pub(pub);
    cJSON    *claims;
    assert_true(kk_verify(token, key, "ES256", NULL, &claims));
    assert_string_equal(kk_s(claims, "aud"), "https://push.example");
    assert_string_equal(kk_s(claims, "sub"), "mailto:it@city.test");
    double exp = cJSON_GetNumberValue(cJSON_GetObjectItem(claims, "exp"));
    assert_true(exp > KD_NOW / 1000 && exp <= KD_NOW / 1000 + 86400);
    cJSON_Delete(claims);
    EVP_PKEY_free(key);
    (void)raw;
    /* the same token for the same server; another for another, also after more servers than are remembered */
    const char *first = arena_strdup(a, kd_header(&c, "authorization"));
    assert_int_equal(call("https://push.example/other", keys, &c, &why), ERR_OK);
    assert_string_equal(kd_header(&c, "authorization"), first);
    for (int i = 0; i < 20; i++) {
        assert_int_equal(call(arena_printf(a, "https://h%d.example/", i), keys, &c, &why), ERR_OK);
        assert_string_not_equal(kd_header(&c, "authorization"), first);
    }
    assert_int_equal(call("https://push.example/x", keys, &c, &why), ERR_OK);
    assert_string_not_equal(kd_header(&c, "authorization"), first);
}

static void t_refused_targets(void **state) {
    (void)state;
    struct http_call   c;
    struct push_answer why;
    char               off[160];
    static const char *const urls[] = {"http://push.example/x", "", "ftp://x/", "https://", "https:///x", "https://u@h/x", "https://h\\@evil/", "https://h /x",
                                       "https://h/\r\nx: y", "https://h/\xE4\xB8\xAD", "//h/x", "javascript:1"};
    for (size_t i = 0; i < ARRAY_N(urls); i++)
        if (call(urls[i], keys, &c, &why) != ERR_INPUT || why.detail[0] == '\0') fail_msg("%s", urls[i]);
    (void)snprintf(off, sizeof off, "%s", keys);
    off[10] = off[10] == 'A' ? 'B' : 'A'; /* not a point */
    const char *const bad[] = {"", "x y", off, "AAAA AAAAAAAAAAAAAAAAAAAAAA", strchr(keys, ' ')};
    for (size_t i = 0; i < ARRAY_N(bad); i++)
        if (call("https://h/", bad[i], &c, &why) != ERR_INPUT) fail_msg("keys %zu", i);
    struct push_msg m = kd_msg("https://h/");
    static char     text[5000];
    memset(text, 'x', sizeof text - 1);
    m.target_key = keys;
    m.text       = text;
    assert_int_equal(provider_kind(p)->call(p, a, &m, "", KD_NOW, &c, &why), ERR_INPUT);
    assert_string_equal(why.detail, "too long");
}

static void t_statuses(void **state) {
    (void)state;
    static const struct {
        int          status;
        const char  *retry_after;
        enum verdict verdict;
        int64_t      wait_ms;
    } v[] = {
        {201, NULL, V_SENT, 0},     {200, NULL, V_SENT, 0},      {202, NULL, V_SENT, 0},      {404, NULL, V_GONE, 0},     {410, NULL, V_GONE, 0},
        {413, NULL, V_REJECTED, 0}, {429, "12", V_RETRY, 12000}, {429, NULL, V_RETRY, 0},     {400, NULL, V_REJECTED, 0}, {401, NULL, V_REJECTED, 0},
        {403, NULL, V_REJECTED, 0}, {302, NULL, V_REJECTED, 0},  {500, NULL, V_RETRY, 0},     {503, "5", V_RETRY, 5000},  {429, "99999", V_RETRY, 3600000},
    };
    struct push_msg m = kd_msg("https://h/");
    for (size_t i = 0; i < ARRAY_N(v); i++) {
        struct push_answer r = kd_answer(p, a, &m, v[i].status, "{}", v[i].retry_after);
        if (r.verdict != v[i].verdict || r.wait_ms != v[i].wait_ms) fail_msg("%d: %s %lld", v[i].status, verdict_info(r.verdict)->word, (long long)r.wait_ms);
    }
}

#define T(f) cmocka_unit_test_setup_teardown(f, test_setup, test_teardown)
int main(void) {
    const struct CMUnitTest tests[] = {T(t_rfc_example), T(t_options), T(t_request), T(t_refused_targets), T(t_statuses)};
    return cmocka_run_group_tests_name("kind_webpush", tests, setup, teardown);
}
