/* SPDX-License-Identifier: Apache-2.0
 *
 * APNs: the request, every reason of its sheet, and what a wrong environment must not do.
 */
#include "tests/unit/pushkit.h"

static struct arena    *a;
static EVP_PKEY        *key;
static struct provider *p;

static int setup(void **state) {
    (void)state;
    kd_begin();
    a         = arena_new(4 << 20);
    key       = kk_key("EC", 0);
    char *pem = kk_pem(key);
    kd_file("k.p8", pem);
    x_free(pem);
    return 0;
}

static int teardown(void **state) {
    (void)state;
    EVP_PKEY_free(key);
    arena_free(a);
    kd_end();
    return 0;
}

static struct provider *make(const char *name, const char *value) {
    char path[128];
    (void)snprintf(path, sizeof path, "%s/k.p8", kd_dir);
    const char *pairs[] = {"key_file", path, "key_id", "KEYID12345", "team_id", "TEAMID1234", "topic", "cn.gov.test", name, value, NULL};
    return kd_provider("apns", pairs);
}

static int test_setup(void **state) {
    (void)state;
    p = make("weight", "10");
    return 0;
}

static int test_teardown(void **state) {
    (void)state;
    provider_free(p);
    arena_reset(a);
    return 0;
}

static void t_options(void **state) {
    (void)state;
    char        path[128], why[512];
    EVP_PKEY   *rsa = kk_key("RSA", 2048);
    char       *pem = kk_pem(rsa);
    const char *bad = kd_file("rsa.pem", pem);
    x_free(pem);
    EVP_PKEY_free(rsa);
    (void)snprintf(path, sizeof path, "%s/k.p8", kd_dir);
    const struct {
        const char *pairs[11], *why;
    } v[] = {
        {{"key_id", "K", "team_id", "T", "topic", "B", NULL}, "option key_file is missing"},
        {{"key_file", path, "team_id", "T", "topic", "B", NULL}, "option key_id is missing"},
        {{"key_file", path, "key_id", "", "team_id", "T", "topic", "B", NULL}, "option key_id is missing"},
        {{"key_file", "/nonexistent", "key_id", "K", "team_id", "T", "topic", "B", NULL}, "option key_file: /nonexistent"},
        {{"key_file", bad, "key_id", "K", "team_id", "T", "topic", "B", NULL}, "option key_file: not a key of the curve"},
        {{"key_file", path, "key_id", "K", "team_id", "T", "topic", "B", "sandbox", "yes", NULL}, "option sandbox: true or false"},
    };
    for (size_t i = 0; i < ARRAY_N(v); i++) {
        assert_null(kd_try("apns", v[i].pairs, why, sizeof why));
        if (strstr(why, v[i].why) == NULL) fail_msg("row %zu: %s", i, why);
        assert_non_null(strstr(why, "provider p1"));
    }
}

static void t_token(void **state) {
    (void)state;
    const char *cred = NULL;
    int64_t     life = 0;
    cJSON      *h, *c;
    assert_int_equal(provider_kind(p)->cred_make(p, a, KD_NOW, &cred, &life), ERR_OK);
    assert_true(kk_verify(cred, key, "ES256", &h, &c));
    assert_string_equal(kk_s(h, "kid"), "KEYID12345");
    assert_string_equal(kk_s(c, "iss"), "TEAMID1234");
    assert_true(cJSON_GetNumberValue(cJSON_GetObjectItem(c, "iat")) == 1520812800.0);
    assert_null(cJSON_GetObjectItem(c, "exp"));
    assert_true(life / 5 * 4 >= 20 * 60000 && life <= 60 * 60000); /* renewed between 20 and 60 minutes */
    assert_true(provider_kind(p)->cred_min_ms >= 20 * 60000);
    cJSON_Delete(h);
    cJSON_Delete(c);
}

static void t_request(void **state) {
    (void)state;
    struct push_msg    m   = kd_msg("00FFaa11");
    struct http_call   c   = {.method = "POST"};
    struct push_answer why = {0};
    assert_int_equal(provider_kind(p)->call(p, a, &m, "TOKEN", KD_NOW, &c, &why), ERR_OK);
    assert_string_equal(c.url, "https://api.push.apple.com/3/device/00FFaa11");
    assert_string_equal(kd_header(&c, "authorization"), "bearer TOKEN");
    assert_string_equal(kd_header(&c, "apns-topic"), "cn.gov.test");
    assert_string_equal(kd_header(&c, "apns-push-type"), "alert");
    assert_string_equal(kd_header(&c, "apns-collapse-id"), "n_01XYZ");
    assert_string_equal(kd_header(&c, "apns-priority"), "10");
    assert_string_equal(kd_header(&c, "apns-expiration"), "1520816400");
    assert_int_equal(strlen(kd_header(&c, "apns-id")), 36);
    cJSON *j = kd_body(&c);
    assert_string_equal(kd_s(j, "aps.alert.title"), m.title);
    assert_string_equal(kd_s(j, "aps.alert.body"), m.text);
    assert_string_equal(kd_s(j, "object"), "task:t_1");
    assert_true(cJSON_GetNumberValue(kd_at(j, "aps.badge")) == 3);
    cJSON_Delete(j);
    const char *first = kd_header(&c, "apns-id");
    m.attempt = 2, m.priority = 3, m.ttl_s = 0, m.unread = -1, m.app = "cn.gov.other";
    c = (struct http_call){.method = "POST"};
    assert_int_equal(provider_kind(p)->call(p, a, &m, "TOKEN", KD_NOW, &c, &why), ERR_OK);
    assert_string_equal(kd_header(&c, "apns-id"), first); /* the same at every attempt */
    assert_string_equal(kd_header(&c, "apns-priority"), "5");
    assert_string_equal(kd_header(&c, "apns-expiration"), "0");
    assert_string_equal(kd_header(&c, "apns-topic"), "cn.gov.other");
    j = kd_body(&c);
    assert_null(kd_at(j, "aps.badge"));
    cJSON_Delete(j);
    struct provider *s = make("sandbox", "true"), *b = make("base_url", "https://127.0.0.1:1");
    c = (struct http_call){.method = "POST"};
    assert_int_equal(provider_kind(s)->call(s, a, &m, "T", KD_NOW, &c, &why), ERR_OK);
    assert_string_equal(c.url, "https://api.sandbox.push.apple.com/3/device/00FFaa11");
    c = (struct http_call){.method = "POST"};
    assert_int_equal(provider_kind(b)->call(b, a, &m, "T", KD_NOW, &c, &why), ERR_OK);
    assert_string_equal(c.url, "https://127.0.0.1:1/3/device/00FFaa11");
    provider_free(s);
    provider_free(b);
}

static void t_too_long(void **state) {
    (void)state;
    struct push_answer why = {0};
    static char        text[8000];
    for (size_t i = 0; i + 3 < sizeof text; i += 3) memcpy(text + i, "\xE4\xB8\xAD", 4);
    struct push_msg  m = kd_msg("00ff");
    struct http_call c = {.method = "POST"};
    m.text             = text;
    assert_int_equal(provider_kind(p)->call(p, a, &m, "T", KD_NOW, &c, &why), ERR_OK);
    assert_true(c.body_n <= 4096 && c.body_n > 4000); /* cut, between characters */
    cJSON *j = kd_body(&c);
    assert_true(utf8_valid(kd_s(j, "aps.alert.body"), strlen(kd_s(j, "aps.alert.body"))));
    cJSON_Delete(j);
    memset(text, '\x01', 4000); /* each becomes six bytes */
    text[4000] = '\0';
    c = (struct http_call){.method = "POST"};
    assert_int_equal(provider_kind(p)->call(p, a, &m, "T", KD_NOW, &c, &why), ERR_OK);
    assert_true(c.body_n <= 4096);
    cJSON_Delete(kd_body(&c));
    static const char *const tokens[] = {"", "0", "xy", "00ff/..", "00ff\r\nx: y", "00 ff"};
    for (size_t i = 0; i < ARRAY_N(tokens); i++) {
        m.target = tokens[i];
        c        = (struct http_call){.method = "POST"};
        assert_int_equal(provider_kind(p)->call(p, a, &m, "T", KD_NOW, &c, &why), ERR_INPUT);
    }
}

static void t_reasons(void **state) {
    (void)state;
    static const struct {
        int          status;
        const char  *reason;
        enum verdict verdict;
        int64_t      wait_ms;
    } v[] = {
        {400, "BadCollapseId", V_REJECTED, 0},
        {400, "BadExpirationDate", V_REJECTED, 0},
        {400, "BadMessageId", V_REJECTED, 0},
        {400, "BadPriority", V_REJECTED, 0},
        {400, "DuplicateHeaders", V_REJECTED, 0},
        {400, "InvalidPushType", V_REJECTED, 0},
        {400, "PayloadEmpty", V_REJECTED, 0},
        {400, "MissingDeviceToken", V_REJECTED, 0},
        {400, "BadTopic", V_CONFIG, 0},
        {400, "MissingTopic", V_CONFIG, 0},
        {400, "TopicDisallowed", V_CONFIG, 0},
        {400, "BadDeviceToken", V_GONE, 0},
        {400, "DeviceTokenNotForTopic", V_GONE, 0},
        {400, "IdleTimeout", V_RETRY, 0},
        {403, "BadCertificate", V_CONFIG, 0},
        {403, "BadCertificateEnvironment", V_CONFIG, 0},
        {403, "Forbidden", V_CONFIG, 0},
        {403, "InvalidProviderToken", V_AUTH, 0},
        {403, "MissingProviderToken", V_AUTH, 0},
        {403, "ExpiredProviderToken", V_AUTH, 0},
        {403, "BadEnvironmentKeyIdInToken", V_CONFIG, 0},
        {403, "UnrelatedKeyIdInToken", V_CONFIG, 0},
        {404, "BadPath", V_CONFIG, 0},
        {405, "MethodNotAllowed", V_CONFIG, 0},
        {410, "Unregistered", V_GONE, 0},
        {410, "ExpiredToken", V_GONE, 0},
        {413, "PayloadTooLarge", V_REJECTED, 0},
        {429, "TooManyProviderTokenUpdates", V_AUTH, 20 * 60000},
        {429, "TooManyRequests", V_RETRY, 60000},
        {500, "InternalServerError", V_RETRY, 0},
        {503, "ServiceUnavailable", V_RETRY, 0},
        {503, "Shutdown", V_RETRY, 0},
        /* what Apple may think of next year */
        {400, "Whatever", V_REJECTED, 0}, {403, "Whatever", V_CONFIG, 0}, {410, "Whatever", V_GONE, 0}, {429, "Whatever", V_RETRY, 60000},
        {503, "Whatever", V_RETRY, 0},    {301, "", V_CONFIG, 0},         {599, "", V_RETRY, 0},
    };
    struct push_msg m = kd_msg("00ff");
    for (size_t i = 0; i < ARRAY_N(v); i++) {
        char body[160];
        (void)snprintf(body, sizeof body, "{\"reason\":\"%s\"}", v[i].reason);
        assert_int_equal(kd_answer(p, a, &m, 200, "", NULL).verdict, V_SENT);
        struct push_answer r = kd_answer(p, a, &m, v[i].status, body, NULL);
        if (r.verdict != v[i].verdict || r.wait_ms != v[i].wait_ms)
            fail_msg("%d %s: %s, %lld ms", v[i].status, v[i].reason, verdict_info(r.verdict)->word, (long long)r.wait_ms);
        assert_non_null(strstr(r.detail, v[i].reason));
    }
}

static void t_answers(void **state) {
    (void)state;
    struct push_msg    m = kd_msg("00ff");
    struct push_answer r = kd_answer(p, a, &m, 410, "{\"reason\":\"Unregistered\",\"timestamp\":1520000000123}", NULL);
    assert_true(r.verdict == V_GONE && r.gone_wall_ms == 1520000000123);
    r = kd_answer(p, a, &m, 503, "{\"reason\":\"ServiceUnavailable\"}", "17");
    assert_true(r.verdict == V_RETRY && r.wait_ms == 17000);
    r = kd_answer(p, a, &m, 429, "{\"reason\":\"TooManyRequests\"}", "5");
    assert_true(r.verdict == V_RETRY && r.wait_ms == 5000);
    static const char *const odd[] = {"", "{", "null", "[]", "{\"reason\":5}", "{\"reason\":null}", "{\"timestamp\":\"x\"}", "\xFF", "{\"timestamp\":-1}", "{\"timestamp\":1e200}"};
    for (size_t i = 0; i < ARRAY_N(odd); i++) {
        r = kd_answer(p, a, &m, 410, odd[i], NULL);
        assert_true(r.verdict == V_GONE && r.gone_wall_ms == 0);
        assert_string_equal(r.detail, "HTTP 410");
    }
    r = kd_answer(p, a, &m, 400, "{\"reason\":\"token \\u4e2d 00ff\\nsecret\"}", NULL);
    assert_string_equal(r.detail, "HTTP 400 token00ffsecret"); /* cleaned */
    const struct http_answer none[] = {{.status = 0, .lost = true, .body = ""}, {.status = 0, .lost = false, .body = ""}};
    for (size_t i = 0; i < 2; i++) {
        struct push_answer out = {.verdict = V_MAX};
        provider_kind(p)->answer(p, a, &m, &none[i], KD_NOW, &out);
        assert_int_equal(out.verdict, i == 0 ? V_UNKNOWN : V_RETRY);
    }
}

/* Tokens of another environment: nobody is deleted. */
static void t_wrong_environment(void **state) {
    (void)state;
    struct push_msg m = kd_msg("00ff");
    for (int i = 0; i < 3; i++) assert_int_equal(kd_answer(p, a, &m, 400, "{\"reason\":\"BadDeviceToken\"}", NULL).verdict, V_CONFIG); /* never accepted one */
    (void)kd_answer(p, a, &m, 200, "", NULL);
    int gone = 0;
    for (int i = 0; i < 100; i++) gone += kd_answer(p, a, &m, 400, "{\"reason\":\"BadDeviceToken\"}", NULL).verdict == V_GONE;
    assert_int_equal(gone, 5); /* a burst: from there on it is our mistake */
    (void)kd_answer(p, a, &m, 200, "", NULL);
    assert_int_equal(kd_answer(p, a, &m, 400, "{\"reason\":\"BadDeviceToken\"}", NULL).verdict, V_GONE);
}

#define T(f) cmocka_unit_test_setup_teardown(f, test_setup, test_teardown)
int main(void) {
    const struct CMUnitTest tests[] = {T(t_options), T(t_token), T(t_request), T(t_too_long), T(t_reasons), T(t_answers), T(t_wrong_environment)};
    return cmocka_run_group_tests_name("kind_apns", tests, setup, teardown);
}
