/* SPDX-License-Identifier: Apache-2.0
 *
 * Kind huawei3: a JWT that OpenSSL verifies as PS256, the message of v3, and that it answers by the table of huawei
 * (test_kind_huawei.c).
 */
#include "tests/unit/keykit.h"
#include "tests/unit/vendorkit.h"

#define TOKEN "MAMzLgIkEUharmonyTOKEN"

static const char *const good[] = {"kind", "huawei3", "key_file", "@", NULL};
static EVP_PKEY         *key, *other;
static char             *file;

static char *key_file(const char *without, const char *project, const char *pem) {
    cJSON *o = cJSON_CreateObject();
    cJSON_AddStringToObject(o, "project_id", project);
    cJSON_AddStringToObject(o, "key_id", "kid-1");
    cJSON_AddStringToObject(o, "private_key", pem);
    cJSON_AddStringToObject(o, "sub_account", "1098765");
    cJSON_AddStringToObject(o, "auth_uri", "https://oauth-login.cloud.huawei.com/oauth2/v3/authorize");
    cJSON_DeleteItemFromObjectCaseSensitive(o, without);
    char *text = cJSON_PrintUnformatted(o);
    cJSON_Delete(o);
    return text;
}

static int setup(void **state) {
    (void)state;
    key       = kk_key("RSA", 2048);
    other     = kk_key("RSA", 2048);
    char *pem = kk_pem(key);
    file      = key_file("", "388421841222111", pem);
    x_free(pem);
    return 0;
}

static int teardown(void **state) {
    (void)state;
    EVP_PKEY_free(key);
    EVP_PKEY_free(other);
    cJSON_free(file);
    return 0;
}

static void refuse(const char *text, const char *word) {
    struct vk k;
    assert_int_equal(vk_try(&k, text, good), ERR_INPUT);
    if (strstr(k.why, "key_file") == NULL || strstr(k.why, word) == NULL) fail_msg("%s: %s", word, k.why);
    vk_close(&k);
}

static void t_options(void **state) {
    (void)state;
    static const char *const   members[] = {"project_id", "key_id", "private_key", "sub_account"};
    static const struct vk_bad bad[]     = {
            {"category", "A/B", NULL}, {"test", "yes", NULL}, {"key_file", "/nonexistent", NULL}, {"key_file", "", NULL}};
    char *pem = kk_pem(key), *locked = kk_pem_locked(key);
    vk_refused(good, file, bad, ARRAY_N(bad));
    for (size_t i = 0; i < ARRAY_N(members); i++) {
        char *text = key_file(members[i], "1", pem);
        refuse(text, members[i]);
        cJSON_free(text);
    }
    char *path = key_file("", "../x", pem), *secret = key_file("", "1", locked);
    refuse(path, "project_id");
    refuse(secret, "private_key");
    refuse("not json", "not JSON");
    refuse("[]", "project_id");
    refuse("{\"project_id\":7}", "project_id");
    cJSON_free(path);
    cJSON_free(secret);
    x_free(pem);
    x_free(locked);
}

static void t_jwt(void **state) {
    (void)state;
    struct vk   k;
    const char *cred, *again;
    int64_t     life, at = 1500000000123;
    cJSON      *head, *claims;
    vk_open(&k, file, good);
    assert_null(provider_kind(k.p)->cred_call);
    assert_int_equal(provider_kind(k.p)->cred_make(k.p, k.a, at, &cred, &life), ERR_OK);
    assert_int_equal(life, 3600000);
    assert_true(kk_verify(cred, key, "PS256", &head, &claims));
    assert_false(kk_verify(cred, key, "RS256", NULL, NULL));
    assert_false(kk_verify(cred, other, "PS256", NULL, NULL));
    assert_null(strchr(cred, '='));
    assert_string_equal(kk_s(head, "kid"), "kid-1");
    assert_string_equal(kk_s(head, "typ"), "JWT");
    assert_string_equal(kk_s(head, "alg"), "PS256");
    assert_string_equal(kk_s(claims, "aud"), "https://oauth-login.cloud.huawei.com/oauth2/v3/token");
    assert_string_equal(kk_s(claims, "iss"), "1098765");
    assert_int_equal((int64_t)cJSON_GetObjectItem(claims, "iat")->valuedouble, 1500000000);
    assert_int_equal((int64_t)cJSON_GetObjectItem(claims, "exp")->valuedouble, 1500003600);
    assert_int_equal(cJSON_GetArraySize(claims), 4);
    cJSON_Delete(head);
    cJSON_Delete(claims);
    assert_int_equal(provider_kind(k.p)->cred_make(k.p, k.a, at + 60000, &again, &life), ERR_OK);
    assert_string_not_equal(cred, again);
    vk_close(&k);
}

static void t_message(void **state) {
    (void)state;
    struct vk       k;
    struct push_msg m = vk_msg(TOKEN), later = m;
    vk_open(&k, file, good);
    vk_call(&k, &m, "a.b.c", 0);
    assert_string_equal(k.call.url, "https://push-api.cloud.huawei.com/v3/388421841222111/messages:send");
    assert_string_equal(vk_header(&k.call, "Authorization"), "Bearer a.b.c");
    assert_string_equal(vk_header(&k.call, "push-type"), "0");
    assert_string_equal(vk_header(&k.call, "Content-Type"), "application/json; charset=UTF-8");
    const char *id = vk_leaf(&k, "payload.notification.notifyId");
    assert_true(atoll(id) >= 1 && atoll(id) <= INT32_MAX);
    assert_string_equal(
        vk_leaves(&k, vk_body(&k)),
        arena_printf(
            k.a,
            "payload.notification.category=WORK\npayload.notification.title=新任务待签收\n"
            "payload.notification.body=新任务「某事」，请登录掌办办理。\npayload.notification.clickAction.actionType=0\n"
            "payload.notification.clickAction.data.object=task:NP2018-01\npayload.notification.clickAction.data.notice=n-77\n"
            "payload.notification.style=0\npayload.notification.notifyId=%s\npayload.notification.foregroundShow=true\n"
            "target.token[0]=" TOKEN "\npushOptions.ttl=7200\npushOptions.biTag=d-0001\npushOptions.testMessage=false\n",
            id));
    later.id = "d-0002"; /* of the same notice: replaces it; of another: does not */
    vk_call(&k, &later, "a.b.c", 0);
    assert_string_equal(vk_leaf(&k, "payload.notification.notifyId"), id);
    later.notice = "n-78";
    vk_call(&k, &later, "a.b.c", 0);
    assert_string_not_equal(vk_leaf(&k, "payload.notification.notifyId"), id);
    vk_close(&k);
}

static void t_options_in_message(void **state) {
    (void)state;
    static const char *const all[] = {"kind",       "huawei3", "key_file", "@",        "category",    "",  "action",
                                      "cn.np.open", "test",    "true",     "base_url", "https://p:1", NULL};
    struct vk                k;
    struct push_msg          m = vk_msg(TOKEN);
    vk_open(&k, file, all);
    m.ttl_s = 0;
    vk_call(&k, &m, "a.b.c", 0);
    assert_string_equal(k.call.url, "https://p:1/v3/388421841222111/messages:send");
    assert_null(vk_leaf(&k, "payload.notification.category"));
    assert_string_equal(vk_leaf(&k, "payload.notification.clickAction.actionType"), "1");
    assert_string_equal(vk_leaf(&k, "payload.notification.clickAction.action"), "cn.np.open");
    assert_string_equal(vk_leaf(&k, "pushOptions.testMessage"), "true");
    assert_string_equal(vk_leaf(&k, "pushOptions.ttl"), "1");
    m.title = vk_many(&k, "😀", 100), m.text = vk_many(&k, "\"督", 3000), m.ttl_s = INT64_MAX;
    vk_call(&k, &m, "a.b.c", 0);
    assert_true(k.call.body_n <= 4096 + strlen(TOKEN));
    assert_int_equal(vk_chars(vk_leaf(&k, "payload.notification.body")), 500);
    assert_string_equal(vk_leaf(&k, "pushOptions.ttl"), "1296000");
    m.target = vk_many(&k, "t", 20000);
    assert_int_equal(vk_no_call(&k, &m, 0).verdict, V_REJECTED);
    vk_close(&k);
}

static void t_answers(void **state) {
    (void)state;
    struct vk       k;
    struct push_msg m = vk_msg(TOKEN);
    vk_open(&k, file, good);
    vk_hostile(&k, &m, "code", "80000000");
    vk_want(&k, &m, 401, "{\"code\":\"80200005\",\"msg\":\"JWT expired\"}", V_AUTH);
    vk_want(&k, &m, 400, "{\"code\":\"80200001\"}", V_AUTH);
    vk_want(&k, &m, 400, "{\"code\":\"80300036\"}", V_CONFIG);
    vk_want(&k, &m, 400,
            "{\"code\":\"80300007\",\"msg\":\"{\\\"illegalTokens\\\":{\\\"tokenFormatError\\\":[\\\"" TOKEN "\\\"]}}\"}", V_GONE);
    vk_want(&k, &m, 503, "", V_THROTTLED);
    assert_string_equal(vk_answer(&k, &m, 200, "{\"code\":\"80000000\",\"requestId\":\"r1\"}").ref, "r1");
    assert_string_equal(vk_answer(&k, &m, 200, "{\"code\":\"80000000\",\"requestId\":\"r 1\\n\"}").ref, "");
    vk_close(&k);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(t_options), cmocka_unit_test(t_jwt), cmocka_unit_test(t_message), cmocka_unit_test(t_options_in_message),
        cmocka_unit_test(t_answers),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
