/* SPDX-License-Identifier: Apache-2.0
 *
 * Kind xiaomi: what is asked of it, the form it posts, and every row of the vendor's table of errors.
 */
#include "tests/unit/vendorkit.h"

#define TOKEN "JaZlEnbZ6y2jb/HmG+Xiaomi="

static const char *const good[] = {"kind",       "xiaomi", "package", "cn.np.zhangban", "secret_file", "@",
                                   "channel_id", "104551", NULL};

static void t_options(void **state) {
    (void)state;
    static const struct vk_bad bad[] = {
        {"package", "", NULL},         {"package", "cn np", NULL},
        {"channel_id", "", NULL},      {"channel_id", "a\tb", NULL},
        {"receipts_url", "x", NULL},   {"secret_file", "/no", NULL},
        {"secret_file", NULL, "a\nb"}, {"secret_file", NULL, "a\r\nX-Evil: 1"},
    };
    vk_refused(good, VK_SECRET, bad, ARRAY_N(bad));
}

static void t_message(void **state) {
    (void)state;
    struct vk       k;
    struct push_msg m = vk_msg(TOKEN), later = m;
    vk_open(&k, VK_SECRET, good);
    assert_null(provider_kind(k.p)->cred_make);
    assert_null(provider_kind(k.p)->cred_call);
    vk_call(&k, &m, "", 0);
    assert_string_equal(k.call.url, "https://api.xmpush.xiaomi.com/v3/message/regid");
    assert_string_equal(vk_header(&k.call, "Authorization"), "key=" VK_SECRET);
    assert_string_equal(vk_header(&k.call, "Content-Type"), "application/x-www-form-urlencoded");
    assert_string_equal(vk_field(&k, "registration_id"), TOKEN);
    assert_string_equal(vk_field(&k, "restricted_package_name"), "cn.np.zhangban");
    assert_string_equal(vk_field(&k, "title"), "新任务待签收");
    assert_string_equal(vk_field(&k, "description"), "新任务「某事」，请登录掌办办理。");
    assert_string_equal(vk_field(&k, "payload"), "{\"object\":\"task:NP2018-01\",\"notice\":\"n-77\"}");
    assert_string_equal(vk_field(&k, "pass_through"), "0");
    assert_string_equal(vk_field(&k, "notify_type"), "-1");
    assert_string_equal(vk_field(&k, "time_to_live"), "7200000");
    assert_string_equal(vk_field(&k, "extra.channel_id"), "104551");
    assert_string_equal(vk_field(&k, "extra.notify_effect"), "1");
    assert_string_equal(vk_field(&k, "extra.jobkey"), "8244fd21da08"); /* sha256sum, cut: at most 12 characters are taken */
    const char *id = vk_field(&k, "notify_id");
    assert_true(atoll(id) >= 1 && atoll(id) <= INT32_MAX);
    assert_int_equal(vk_fields_n(&k), 12);
    later.id = "d-0002", later.attempt = 3,
    later.app = "cn.np.other"; /* same notice: same place on the screen, another dedupe key */
    vk_call(&k, &later, "", 0);
    assert_string_equal(vk_field(&k, "notify_id"), id);
    assert_string_equal(vk_field(&k, "extra.jobkey"), "bd736f05cfa3");
    assert_string_equal(vk_field(&k, "restricted_package_name"), "cn.np.other");
    vk_close(&k);
}

static void t_limits(void **state) {
    (void)state;
    static const char *const all[] = {"kind",
                                      "xiaomi",
                                      "package",
                                      "p",
                                      "secret_file",
                                      "@",
                                      "channel_id",
                                      "1",
                                      "receipts_url",
                                      "https://gw.example.cn/v1/receipts/mi",
                                      "tap",
                                      "intent:#Intent;S.o={object};end",
                                      "base_url",
                                      "http://127.0.0.1:1",
                                      NULL};
    struct vk                k;
    struct push_msg          m = vk_msg(TOKEN);
    vk_open(&k, VK_SECRET, all);
    m.title = vk_many(&k, "督", 50), m.text = vk_many(&k, "督", 128), m.ttl_s = 99999999;
    vk_call(&k, &m, "", 0);
    assert_string_equal(k.call.url, "http://127.0.0.1:1/v3/message/regid");
    assert_int_equal(vk_chars(vk_field(&k, "title")), 49);
    assert_true(vk_ends(vk_field(&k, "title"), "督…"));
    assert_int_equal(vk_chars(vk_field(&k, "description")), 127);
    assert_string_equal(vk_field(&k, "time_to_live"), "1209600000");
    assert_null(vk_field(&k, "extra.only_send_once"));
    assert_string_equal(vk_field(&k, "extra.callback"), "https://gw.example.cn/v1/receipts/mi");
    assert_string_equal(vk_field(&k, "extra.callback.param"), "d-0001");
    assert_string_equal(vk_field(&k, "extra.notify_effect"), "2");
    assert_string_equal(vk_field(&k, "extra.intent_uri"), "intent:#Intent;S.o=task%3ANP2018-01;end");
    m.title = vk_many(&k, "督", 49), m.text = vk_many(&k, "督", 127), m.ttl_s = 0;
    vk_call(&k, &m, "", 0);
    assert_string_equal(vk_field(&k, "title"), m.title); /* just fits: whole */
    assert_string_equal(vk_field(&k, "description"), m.text);
    assert_string_equal(vk_field(&k, "extra.only_send_once"), "1");
    m.text = vk_many(&k, "😀", 100); /* two of Java's characters each */
    vk_call(&k, &m, "", 0);
    assert_true(vk_chars(vk_field(&k, "description")) <= 64 && vk_ends(vk_field(&k, "description"), "😀…"));
    m.target = "one,two"; /* would be two phones */
    assert_int_equal(vk_no_call(&k, &m, 0).verdict, V_REJECTED);
    m.target = "a&registration_id=b";
    vk_call(&k, &m, "", 0);
    assert_string_equal(vk_field(&k, "registration_id"), m.target);
    m.target = vk_many(&k, "t", 70000);
    assert_int_equal(vk_no_call(&k, &m, 0).verdict, V_REJECTED);
    vk_close(&k);
}

static void t_errors(void **state) {
    (void)state;
    static const struct {
        int          code;
        enum verdict verdict;
    } rows[] = {
        {-1, V_RETRY},        {1, V_RETRY},        {10001, V_RETRY},    {10002, V_RETRY},    {10003, V_RETRY},
        {20607, V_RETRY},     {65029, V_RETRY},    {10008, V_REJECTED}, {10016, V_REJECTED}, {10017, V_REJECTED},
        {65000, V_REJECTED},  {65028, V_REJECTED}, {65030, V_REJECTED}, {65099, V_REJECTED}, {10027, V_THROTTLED},
        {26004, V_THROTTLED}, {10034, V_QUOTA},    {10031, V_CONFIG},   {10036, V_CONFIG},   {21303, V_CONFIG},
        {21301, V_AUTH},      {21302, V_AUTH},     {22000, V_CONFIG},   {22006, V_CONFIG},   {22007, V_CONFIG},
        {22022, V_CONFIG},    {20301, V_GONE},     {27001, V_CONFIG},   {26006, V_CONFIG},   {65100, V_CONFIG},
        {22, V_CONFIG},
    };
    struct vk       k;
    struct push_msg m = vk_msg(TOKEN);
    vk_open(&k, VK_SECRET, good);
    for (size_t i = 0; i < ARRAY_N(rows); i++) {
        vk_want(&k, &m, 200,
                arena_printf(k.a, "{\"result\":\"error\",\"code\":%d,\"reason\":\"about " TOKEN "\",\"trace_id\":\"x\"}",
                             rows[i].code),
                rows[i].verdict);
        vk_want(&k, &m, 400, arena_printf(k.a, "{\"code\":\"%d\",\"description\":\"x\"}", rows[i].code), rows[i].verdict);
    }
    struct push_answer sent = vk_answer(&k, &m, 200,
                                        "{\"result\":\"ok\",\"code\":0,\"trace_id\":\"Xcm1\",\"data\":{\"id\":\"scm1\",\"day_"
                                        "quota\":\"9\",\"day_acked\":\"1\"},\"info\":\"x\"}");
    assert_int_equal(sent.verdict, V_SENT);
    assert_string_equal(sent.ref, "scm1");
    vk_want(&k, &m, 200, "{\"result\":\"error\",\"code\":0}", V_UNKNOWN);
    struct http_answer r   = vk_http(200, "{\"code\":10034}");
    struct push_answer out = vk_answer_at(&k, &m, &r, vk_at("22:30"));
    assert_int_equal(out.wait_ms, 90 * 60000); /* to midnight of China */
    out = vk_answer_at(&k, &m, &r, vk_at("00:00"));
    assert_int_equal(out.wait_ms, DAY_MS);
    vk_hostile(&k, &m, "code", "0");
    vk_close(&k);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(t_options), cmocka_unit_test(t_message), cmocka_unit_test(t_limits),
                                       cmocka_unit_test(t_errors)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
