/* SPDX-License-Identifier: Apache-2.0
 *
 * Kind honor: what is asked of it, what it asks for, and the little its answers say.
 */
#include "tests/unit/vendorkit.h"

#define TOKEN "BAEAAAAAhonorTOKEN"

static const char *const good[] = {"kind", "honor", "app_id", "104412", "client_id", "cl-1", "secret_file", "@", NULL};

static void t_options(void **state) {
    (void)state;
    static const struct vk_bad bad[] = {
        {"app_id", "1/2", NULL},    {"app_id", "", NULL},         {"client_id", "", NULL},
        {"client_id", "a&b", NULL}, {"importance", "HIGH", NULL}, {"token_url", "honor.com", NULL},
        {"secret_file", "", NULL},  {"secret_file", NULL, "a b"}, {"tap", "\x01", NULL},
    };
    vk_refused(good, VK_SECRET, bad, ARRAY_N(bad));
}

static void t_credential(void **state) {
    (void)state;
    struct vk k;
    vk_open(&k, VK_SECRET, good);
    assert_int_equal(provider_kind(k.p)->cred_call(k.p, k.a, 0, &k.call), ERR_OK);
    assert_string_equal(k.call.method, "POST");
    assert_string_equal(k.call.url, "https://iam.developer.honor.com/auth/token");
    assert_string_equal(vk_header(&k.call, "Content-Type"), "application/x-www-form-urlencoded");
    assert_int_equal(vk_fields_n(&k), 3);
    assert_string_equal(vk_field(&k, "grant_type"), "client_credentials");
    assert_string_equal(vk_field(&k, "client_id"), "cl-1");
    assert_string_equal(vk_field(&k, "client_secret"), VK_SECRET);
    struct vk_cred c = vk_cred_answer(&k, 200, "{\"access_token\":\"CF3Xl2XV6\",\"expires_in\":1800}");
    assert_string_equal(c.cred, "CF3Xl2XV6");
    assert_int_equal(c.life_ms, 1800000);
    vk_cred_hostile(&k);
    vk_close(&k);
}

static void t_message(void **state) {
    (void)state;
    struct vk       k;
    struct push_msg m = vk_msg(TOKEN);
    vk_open(&k, VK_SECRET, good);
    vk_call(&k, &m, "tok", 1563105451261);
    assert_string_equal(k.call.url, "https://push-api.cloud.honor.com/api/v1/104412/sendMessage");
    assert_string_equal(vk_header(&k.call, "Authorization"), "Bearer tok");
    assert_string_equal(vk_header(&k.call, "timestamp"), "1563105451261");
    assert_string_equal(vk_header(&k.call, "Content-Type"), "application/json; charset=UTF-8");
    assert_string_equal(
        vk_leaves(&k, vk_body(&k)),
        "notification.title=新任务待签收\nnotification.body=新任务「某事」，请登录掌办办理。\nandroid.ttl=7200s\n"
        "android.notification.title=新任务待签收\nandroid.notification.body=新任务「某事」，请登录掌办办理。\n"
        "android.notification.clickAction.type=3\nandroid.notification.importance=NORMAL\nandroid.notification.tag=n-77\n"
        "data={\"object\":\"task:NP2018-01\",\"notice\":\"n-77\"}\ntoken[0]=" TOKEN "\n");
    m.title = vk_many(&k, "督", 41), m.text = vk_many(&k, "😀\"", 300), m.ttl_s = 0;
    vk_call(&k, &m, "tok", 0);
    assert_string_equal(vk_leaf(&k, "android.ttl"), "1s");
    assert_int_equal(vk_chars(vk_leaf(&k, "notification.title")), 40);
    assert_true(vk_ends(vk_leaf(&k, "notification.title"), "督…"));
    assert_true(vk_chars(vk_leaf(&k, "android.notification.body")) <= 256 && vk_ends(vk_leaf(&k, "notification.body"), "…"));
    assert_true(k.call.body_n <= 4096);
    m.target = vk_many(&k, "t", 20000);
    assert_int_equal(vk_no_call(&k, &m, 0).verdict, V_REJECTED);
    vk_close(&k);
}

static void t_options_in_message(void **state) {
    (void)state;
    static const char *const all[] = {"kind",        "honor",
                                      "app_id",      "1",
                                      "client_id",   "2",
                                      "secret_file", "@",
                                      "importance",  "LOW",
                                      "tap",         "intent:{object}",
                                      "base_url",    "https://push-api.cloud.hihonor.com",
                                      "token_url",   "https://iam.developer.hihonor.com/auth/token",
                                      NULL};
    struct vk                k;
    struct push_msg          m = vk_msg(TOKEN);
    vk_open(&k, VK_SECRET, all);
    vk_call(&k, &m, "tok", 0);
    assert_string_equal(k.call.url, "https://push-api.cloud.hihonor.com/api/v1/1/sendMessage");
    assert_string_equal(vk_leaf(&k, "android.notification.importance"), "LOW");
    assert_string_equal(vk_leaf(&k, "android.notification.clickAction.type"), "1");
    assert_string_equal(vk_leaf(&k, "android.notification.clickAction.intent"), "intent:task%3ANP2018-01");
    assert_int_equal(provider_kind(k.p)->cred_call(k.p, k.a, 0, &k.call), ERR_OK);
    assert_string_equal(k.call.url, "https://iam.developer.hihonor.com/auth/token");
    vk_close(&k);
}

static void t_answers(void **state) {
    (void)state;
    static const struct {
        int          status;
        const char  *body;
        enum verdict verdict;
    } rows[] = {
        {200,
         "{\"code\":200,\"message\":\"success\",\"data\":{\"sendResult\":true,\"requestId\":\"r-1\",\"failTokens\":[],"
         "\"expireTokens\":[]}}",
         V_SENT},
        {200, "{\"code\":200,\"data\":{\"sendResult\":true,\"expireTokens\":[\"" TOKEN "\"]}}", V_GONE},
        {200, "{\"code\":200,\"data\":{\"sendResult\":false,\"failTokens\":[\"" TOKEN "\"],\"expireTokens\":[\"" TOKEN "\"]}}",
         V_GONE},
        {200, "{\"code\":200,\"data\":{\"sendResult\":true,\"failTokens\":[\"" TOKEN "\"]}}", V_REJECTED},
        {200, "{\"code\":200,\"data\":{\"sendResult\":false}}", V_REJECTED},
        {200, "{\"code\":200,\"data\":{\"sendResult\":true,\"failTokens\":[\"another\"],\"expireTokens\":[\"another\"]}}",
         V_SENT},
        {200, "{\"code\":200}", V_SENT},
        {200, "{\"code\":200,\"data\":[1,2]}", V_SENT},
        {200, "{\"code\":200,\"data\":{\"sendResult\":\"no\",\"failTokens\":7,\"expireTokens\":{\"a\":1}}}", V_SENT},
        {200, "{\"code\":404}", V_CONFIG},
        {200, "{\"code\":80100003}", V_CONFIG},
        {401, "{\"code\":80200003}", V_AUTH},
        {401, "", V_AUTH},
        {500, "{\"code\":81000001}", V_RETRY},
        {503, "", V_RETRY},
    };
    struct vk       k;
    struct push_msg m = vk_msg(TOKEN);
    vk_open(&k, VK_SECRET, good);
    for (size_t i = 0; i < ARRAY_N(rows); i++) vk_want(&k, &m, rows[i].status, rows[i].body, rows[i].verdict);
    assert_string_equal(vk_answer(&k, &m, 200, rows[0].body).ref, "r-1");
    vk_hostile(&k, &m, "code", "200");
    vk_close(&k);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(t_options), cmocka_unit_test(t_credential),
        cmocka_unit_test(t_message), cmocka_unit_test(t_options_in_message),
        cmocka_unit_test(t_answers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
