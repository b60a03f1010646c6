/* SPDX-License-Identifier: Apache-2.0
 *
 * FCM: options, assertion, token answers, the request, every row of its table of errors.
 */
#include "tests/unit/pushkit.h"

static struct arena    *a;
static EVP_PKEY        *key;
static struct provider *p;

/* A service account's file; drop: a name that is left out. */
static const char *account(const char *file, const char *drop, EVP_PKEY *k) {
    char      *pem = kk_pem(k);
    struct buf b;
    struct jw  w;
    buf_init(&b, 1 << 16);
    jw_init(&w, &b);
    jw_obj(&w);
    static const char *const v[][2] = {{"type", "service_account"}, {"project_id", "city-1"}, {"client_email", "x@city-1.iam"}, {"token_uri", "https://t.example/token"}};
    for (size_t i = 0; i < ARRAY_N(v); i++)
        if (strcmp(v[i][0], drop) != 0) jw_kstr(&w, v[i][0], v[i][1]);
    if (strcmp("private_key", drop) != 0) jw_kstr(&w, "private_key", pem);
    jw_obj_end(&w);
    const char *path = kd_file(file, buf_str(&b));
    buf_fini(&b);
    x_free(pem);
    return path;
}

static int setup(void **state) {
    (void)state;
    kd_begin();
    a   = arena_new(4 << 20);
    key = kk_key("RSA", 2048);
    return 0;
}

static int teardown(void **state) {
    (void)state;
    EVP_PKEY_free(key);
    arena_free(a);
    kd_end();
    return 0;
}

static int test_setup(void **state) {
    (void)state;
    const char *pairs[] = {"key_file", account("a.json", "", key), NULL};
    p                   = kd_provider("fcm", pairs);
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
    EVP_PKEY *ec = kk_key("EC", 0);
    char      why[512];
    const struct {
        const char *file, *why;
    } v[] = {
        {account("b1", "client_email", key), "key_file: not JSON of a service account"},
        {account("b2", "private_key", key), "key_file: not JSON of a service account"},
        {account("b3", "project_id", key), "option project: is not in the key file"},
        {account("b4", "", ec), "key_file: not an RSA key"},
        {kd_file("b5", "not json"), "key_file: not JSON of a service account"},
    };
    for (size_t i = 0; i < ARRAY_N(v); i++) {
        const char *pairs[] = {"key_file", v[i].file, NULL};
        assert_null(kd_try("fcm", pairs, why, sizeof why));
        if (strstr(why, v[i].why) == NULL) fail_msg("row %zu: %s", i, why);
    }
    EVP_PKEY_free(ec);
    const char *evil[] = {"key_file", account("b6", "", key), "project", "a/../b", NULL};
    assert_null(kd_try("fcm", evil, why, sizeof why));
    assert_non_null(strstr(why, "option project: small letters"));
}

static void t_assertion(void **state) {
    (void)state;
    struct http_call c = {.method = "POST"};
    cJSON           *h, *j;
    assert_int_equal(provider_kind(p)->cred_call(p, a, KD_NOW, &c), ERR_OK);
    assert_string_equal(c.url, "https://t.example/token");
    assert_string_equal(kd_header(&c, "content-type"), "application/x-www-form-urlencoded");
    const char *eq = strstr(c.body, "&assertion=");
    assert_non_null(eq);
    assert_ptr_equal(strstr(c.body, "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer&assertion=ey"), c.body);
    assert_true(kk_verify(eq + 11, key, "RS256", &h, &j));
    assert_string_equal(kk_s(j, "iss"), "x@city-1.iam");
    assert_string_equal(kk_s(j, "aud"), "https://t.example/token");
    assert_string_equal(kk_s(j, "scope"), "https://www.googleapis.com/auth/firebase.messaging");
    assert_true(cJSON_GetNumberValue(cJSON_GetObjectItem(j, "exp")) - cJSON_GetNumberValue(cJSON_GetObjectItem(j, "iat")) == 3600);
    cJSON_Delete(h);
    cJSON_Delete(j);
}

static void t_token_answers(void **state) {
    (void)state;
    static const struct {
        int          status;
        const char  *body, *cred;
        int64_t      life_ms;
        enum verdict verdict;
    } v[] = {
        {200, "{\"access_token\":\"ya29.x\",\"expires_in\":3599}", "ya29.x", 3599000, V_SENT},
        {200, "{\"access_token\":\"ya29.x\"}", "ya29.x", 300000, V_SENT},
        {200, "{\"access_token\":\"ya29.x\",\"expires_in\":1e18}", "ya29.x", 300000, V_SENT},
        {200, "{\"access_token\":\"a\\r\\nb: c\"}", NULL, 0, V_CONFIG},
        {200, "{\"access_token\":\"\"}", NULL, 0, V_CONFIG},
        {200, "{\"access_token\":5}", NULL, 0, V_CONFIG},
        {200, "<html>", NULL, 0, V_CONFIG},
        {400, "{\"error\":\"invalid_grant\"}", NULL, 0, V_AUTH},
        {401, "{\"error\":\"invalid_client\"}", NULL, 0, V_AUTH},
        {429, "", NULL, 0, V_THROTTLED},
        {500, "", NULL, 0, V_RETRY},
        {503, "", NULL, 0, V_RETRY},
    };
    for (size_t i = 0; i < ARRAY_N(v); i++) {
        struct http_answer r    = {.status = v[i].status, .body = v[i].body, .body_n = strlen(v[i].body)};
        struct push_answer out  = {.verdict = V_MAX};
        const char        *cred = NULL;
        int64_t            life = 0;
        provider_kind(p)->cred_answer(p, a, &r, &cred, &life, &out);
        if (out.verdict != v[i].verdict || life != v[i].life_ms) fail_msg("row %zu: %s %lld", i, verdict_info(out.verdict)->word, (long long)life);
        if (v[i].cred) assert_string_equal(cred, v[i].cred);
        else assert_null(cred);
    }
}

static void t_request(void **state) {
    (void)state;
    struct push_msg    m   = kd_msg("tok:EN_1-x");
    struct http_call   c   = {.method = "POST"};
    struct push_answer why = {0};
    assert_int_equal(provider_kind(p)->call(p, a, &m, "ya29.x", KD_NOW, &c, &why), ERR_OK);
    assert_string_equal(c.url, "https://fcm.googleapis.com/v1/projects/city-1/messages:send");
    assert_string_equal(kd_header(&c, "authorization"), "Bearer ya29.x");
    cJSON *j = kd_body(&c);
    assert_string_equal(kd_s(j, "message.token"), "tok:EN_1-x");
    assert_string_equal(kd_s(j, "message.notification.title"), m.title);
    assert_string_equal(kd_s(j, "message.data.object"), "task:t_1");
    assert_string_equal(kd_s(j, "message.android.ttl"), "3600s");
    assert_string_equal(kd_s(j, "message.android.priority"), "HIGH");
    assert_string_equal(kd_s(j, "message.android.notification.tag"), "n_01XYZ");
    cJSON_Delete(j);
    static char text[9000];
    for (size_t i = 0; i + 3 < sizeof text; i += 3) memcpy(text + i, "\xE4\xB8\xAD", 4);
    m.text     = text;
    m.priority = 3;
    c          = (struct http_call){.method = "POST"};
    assert_int_equal(provider_kind(p)->call(p, a, &m, "x", KD_NOW, &c, &why), ERR_OK);
    assert_true(c.body_n <= 4096);
    j = kd_body(&c);
    assert_string_equal(kd_s(j, "message.android.priority"), "NORMAL");
    cJSON_Delete(j);
    m.target = "";
    assert_int_equal(provider_kind(p)->call(p, a, &m, "x", KD_NOW, &c, &why), ERR_INPUT);
}

#define FCM_ERROR(code)   "{\"@type\":\"type.googleapis.com/google.firebase.fcm.v1.FcmError\",\"errorCode\":\"" code "\"}"
#define BAD_REQUEST       "{\"@type\":\"type.googleapis.com/google.rpc.BadRequest\",\"fieldViolations\":[]}"
#define TROUBLE(say, list) "{\"error\":{\"code\":1,\"message\":\"" say "\",\"status\":\"S\",\"details\":[" list "]}}"
static void t_errors(void **state) {
    (void)state;
    static const struct {
        int          status;
        const char  *body, *retry_after;
        enum verdict verdict;
        int64_t      wait_ms;
        const char  *detail;
    } v[] = {
        {400, TROUBLE("The registration token is not a valid FCM registration token", FCM_ERROR("INVALID_ARGUMENT")), NULL, V_GONE, 0, "HTTP 400 INVALID_ARGUMENT"},
        {400, TROUBLE("Invalid registration token field", FCM_ERROR("INVALID_ARGUMENT") "," BAD_REQUEST), NULL, V_REJECTED, 0, "HTTP 400 INVALID_ARGUMENT"},
        {400, TROUBLE("Message too big", FCM_ERROR("INVALID_ARGUMENT")), NULL, V_REJECTED, 0, "HTTP 400 INVALID_ARGUMENT"},
        {400, TROUBLE("x", BAD_REQUEST), NULL, V_REJECTED, 0, "HTTP 400 S"},
        {404, TROUBLE("x", FCM_ERROR("UNREGISTERED")), NULL, V_GONE, 0, "HTTP 404 UNREGISTERED"},
        {404, TROUBLE("x", ""), NULL, V_CONFIG, 0, "HTTP 404 S"},
        {403, TROUBLE("x", FCM_ERROR("SENDER_ID_MISMATCH")), NULL, V_GONE, 0, "HTTP 403 SENDER_ID_MISMATCH"},
        {403, TROUBLE("x", ""), NULL, V_CONFIG, 0, "HTTP 403 S"},
        {429, TROUBLE("x", FCM_ERROR("QUOTA_EXCEEDED")), NULL, V_THROTTLED, 60000, "HTTP 429 QUOTA_EXCEEDED"},
        {429, TROUBLE("x", FCM_ERROR("QUOTA_EXCEEDED")), "7", V_THROTTLED, 7000, "HTTP 429 QUOTA_EXCEEDED"},
        {429, "", NULL, V_THROTTLED, 60000, "HTTP 429"},
        {503, TROUBLE("x", FCM_ERROR("UNAVAILABLE")), "3", V_RETRY, 3000, "HTTP 503 UNAVAILABLE"},
        {500, TROUBLE("x", FCM_ERROR("INTERNAL")), NULL, V_RETRY, 0, "HTTP 500 INTERNAL"},
        {502, "<html>", NULL, V_RETRY, 0, "HTTP 502"},
        {401, TROUBLE("x", FCM_ERROR("THIRD_PARTY_AUTH_ERROR")), NULL, V_CONFIG, 0, "HTTP 401 THIRD_PARTY_AUTH_ERROR"},
        {401, TROUBLE("x", ""), NULL, V_AUTH, 0, "HTTP 401 S"},
        {413, "", NULL, V_REJECTED, 0, "HTTP 413"},
        {302, "", NULL, V_CONFIG, 0, "HTTP 302"},
        {400, "{\"error\":5}", NULL, V_REJECTED, 0, "HTTP 400"},
        {400, "{\"error\":{\"details\":[null,{\"@type\":5},{\"@type\":\"FcmError\",\"errorCode\":{}}]}}", NULL, V_REJECTED, 0, "HTTP 400"},
    };
    struct push_msg    m = kd_msg("t");
    struct push_answer r = kd_answer(p, a, &m, 200, "{\"name\":\"projects/city-1/messages/0:1\"}", NULL);
    assert_int_equal(r.verdict, V_SENT);
    assert_string_equal(r.ref, "projects/city-1/messages/0:1");
    for (size_t i = 0; i < ARRAY_N(v); i++) {
        (void)kd_answer(p, a, &m, 200, "{}", NULL);
        r = kd_answer(p, a, &m, v[i].status, v[i].body, v[i].retry_after);
        if (r.verdict != v[i].verdict || r.wait_ms != v[i].wait_ms || strcmp(r.detail, v[i].detail) != 0)
            fail_msg("row %zu: %s, %lld ms, %s", i, verdict_info(r.verdict)->word, (long long)r.wait_ms, r.detail);
    }
    int gone = 0; /* another project's tokens: nobody is deleted */
    for (int i = 0; i < 50; i++) gone += kd_answer(p, a, &m, 403, TROUBLE("x", FCM_ERROR("SENDER_ID_MISMATCH")), NULL).verdict == V_GONE;
    assert_true(gone <= 5);
}

#define T(f) cmocka_unit_test_setup_teardown(f, test_setup, test_teardown)
int main(void) {
    const struct CMUnitTest tests[] = {T(t_options), T(t_assertion), T(t_token_answers), T(t_request), T(t_errors)};
    return cmocka_run_group_tests_name("kind_fcm", tests, setup, teardown);
}
