/* SPDX-License-Identifier: Apache-2.0
 *
 * Kind oppo: its signature (against one made by sha256sum), the form with JSON inside, and every row of the vendor's table of
 * codes.
 */
#include "base/clock.h"
#include "tests/unit/vendorkit.h"

#define TOKEN "OPPO_CN_1a2b3c4d5e6f"

static const char *const good[] = {"kind", "oppo", "app_key", "appkey1", "secret_file", "@", NULL};

static void t_options(void **state) {
    (void)state;
    static const struct vk_bad bad[] = {
        {"app_key", "", NULL},        {"app_key", "a b", NULL},  {"notify_level", "17", NULL}, {"notify_level", "-1", NULL},
        {"notify_level", "16", NULL}, {"category", "A B", NULL}, {"receipts_url", "/x", NULL}, {"secret_file", NULL, "a b"},
    };
    vk_refused(good, VK_SECRET, bad, ARRAY_N(bad));
}

static void t_credential(void **state) {
    (void)state;
    struct vk k;
    vk_open(&k, VK_SECRET, good);
    assert_int_equal(provider_kind(k.p)->cred_call(k.p, k.a, 1500000000123, &k.call), ERR_OK);
    assert_string_equal(k.call.method, "POST");
    assert_string_equal(k.call.url, "https://api.push.oppomobile.com/server/v1/auth");
    assert_string_equal(vk_header(&k.call, "Content-Type"), "application/x-www-form-urlencoded");
    assert_int_equal(vk_fields_n(&k), 3);
    assert_string_equal(vk_field(&k, "app_key"), "appkey1");
    assert_string_equal(vk_field(&k, "timestamp"), "1500000000123");
    assert_string_equal(vk_field(&k, "sign"), "3501910d6bddb60809de694b06108c1e31d32f27bb9c42063125dd800c0540bf");
    struct vk_cred c = vk_cred_answer(&k, 200,
                                      "{\"code\":0,\"message\":\"Success\",\"data\":{\"auth_token\":\"58ad47319e8d725350a5afd5\","
                                      "\"create_time\":1500000000123}}");
    assert_string_equal(c.cred, "58ad47319e8d725350a5afd5");
    assert_int_equal(c.life_ms, 86400000);
    static const struct {
        int          code;
        enum verdict verdict;
    } rows[] = {{-1, V_RETRY},  {-2, V_THROTTLED}, {11, V_CONFIG}, {14, V_CONFIG}, {16, V_CONFIG},
                {19, V_CONFIG}, {26, V_CONFIG},    {33, V_QUOTA},  {999, V_CONFIG}};
    for (size_t i = 0; i < ARRAY_N(rows); i++)
        vk_cred_want(&k, 200, arena_printf(k.a, "{\"code\":%d}", rows[i].code), rows[i].verdict);
    clock_wall_fake(vk_at("23:00"));
    assert_int_equal(vk_cred_answer(&k, 200, "{\"code\":33}").wait_ms, 3600000);
    clock_wall_fake(0);
    vk_cred_hostile(&k);
    vk_close(&k);
}

/* The field `message` put in place of the body, so that its leaves can be read. */
static void inside(struct vk *k) {
    const char *json = vk_field(k, "message");
    assert_non_null(json);
    k->call.body = json, k->call.body_n = strlen(json);
}

static void t_message(void **state) {
    (void)state;
    struct vk       k;
    struct push_msg m = vk_msg(TOKEN);
    vk_open(&k, VK_SECRET, good);
    vk_call(&k, &m, "tok&1", 0);
    assert_string_equal(k.call.url, "https://api.push.oppomobile.com/server/v1/message/notification/unicast");
    assert_string_equal(vk_header(&k.call, "Content-Type"), "application/x-www-form-urlencoded");
    assert_int_equal(k.call.headers_n, 1);
    assert_int_equal(vk_fields_n(&k), 2);
    assert_string_equal(vk_field(&k, "auth_token"), "tok&1");
    inside(&k);
    const char *id = vk_leaf(&k, "notification.notify_id");
    assert_true(atoll(id) >= 1 && atoll(id) <= INT32_MAX);
    assert_string_equal(
        vk_leaves(&k, vk_body(&k)),
        arena_printf(
            k.a,
            "target_type=2\ntarget_value=" TOKEN "\nnotification.app_message_id=d-0001\nnotification.style=1\n"
            "notification.title=新任务待签收\nnotification.content=新任务「某事」，请登录掌办办理。\nnotification.notify_id=%s\n"
            "notification.click_action_type=0\n"
            "notification.action_parameters={\"object\":\"task:NP2018-01\",\"notice\":\"n-77\"}\n"
            "notification.off_line=true\nnotification.off_line_ttl=7200\n",
            id));
    vk_close(&k);
}

static void t_limits(void **state) {
    (void)state;
    static const char *const all[] = {"kind",
                                      "oppo",
                                      "app_key",
                                      "k",
                                      "secret_file",
                                      "@",
                                      "channel_id",
                                      "duty",
                                      "category",
                                      "TODO",
                                      "notify_level",
                                      "16",
                                      "receipts_url",
                                      "https://gw.example.cn/v1/receipts/oppo",
                                      "tap",
                                      "zb://open/{object}",
                                      "base_url",
                                      "https://p:1",
                                      NULL};
    struct vk                k;
    struct push_msg          m = vk_msg(TOKEN);
    vk_open(&k, VK_SECRET, all);
    m.title = vk_many(&k, "督", 51), m.text = vk_many(&k, "督", 51), m.ttl_s = 60;
    vk_call(&k, &m, "t", 0);
    assert_string_equal(k.call.url, "https://p:1/server/v1/message/notification/unicast");
    inside(&k);
    assert_int_equal(vk_chars(vk_leaf(&k, "notification.title")), 50);
    assert_true(vk_ends(vk_leaf(&k, "notification.title"), "督…"));
    assert_string_equal(vk_leaf(&k, "notification.style"), "2"); /* too long for the standard style: the long one, whole */
    assert_string_equal(vk_leaf(&k, "notification.content"), m.text);
    assert_string_equal(vk_leaf(&k, "notification.off_line_ttl"), "3600");
    assert_string_equal(vk_leaf(&k, "notification.channel_id"), "duty");
    assert_string_equal(vk_leaf(&k, "notification.category"), "TODO");
    assert_string_equal(vk_leaf(&k, "notification.notify_level"), "16");
    assert_string_equal(vk_leaf(&k, "notification.call_back_url"), "https://gw.example.cn/v1/receipts/oppo");
    assert_string_equal(vk_leaf(&k, "notification.call_back_parameter"), "d-0001");
    assert_string_equal(vk_leaf(&k, "notification.click_action_type"), "5");
    assert_string_equal(vk_leaf(&k, "notification.click_action_url"), "zb://open/task%3ANP2018-01");
    assert_null(vk_leaf(&k, "notification.action_parameters"));
    m.text = vk_many(&k, "督", 500), m.ttl_s = 99999999;
    vk_call(&k, &m, "t", 0);
    inside(&k);
    assert_int_equal(vk_chars(vk_leaf(&k, "notification.content")), 128);
    assert_true(vk_ends(vk_leaf(&k, "notification.content"), "督…"));
    assert_string_equal(vk_leaf(&k, "notification.off_line_ttl"), "864000");
    m.text = vk_many(&k, "督", 50), m.ttl_s = 0; /* try once */
    vk_call(&k, &m, "t", 0);
    inside(&k);
    assert_string_equal(vk_leaf(&k, "notification.style"), "1");
    assert_string_equal(vk_leaf(&k, "notification.off_line"), "false");
    assert_null(vk_leaf(&k, "notification.off_line_ttl"));
    m.target = vk_many(&k, "t", 20000);
    assert_int_equal(vk_no_call(&k, &m, 0).verdict, V_REJECTED);
    vk_close(&k);
}

static void t_regions(void **state) {
    (void)state;
    static const char *const here[] = {"1a2b3c", "CN_1a2b3c", "OPPO_CN_1a2b3c"}, *const abroad[] = {"OPPO_EU_1a2b3c", "IN_1a2b3c",
                                                                                                    "_CN_1"};
    struct vk k;
    vk_open(&k, VK_SECRET, good);
    for (size_t i = 0; i < ARRAY_N(here); i++) {
        struct push_msg m = vk_msg(here[i]);
        vk_call(&k, &m, "t", 0);
    }
    for (size_t i = 0; i < ARRAY_N(abroad); i++) {
        struct push_msg m = vk_msg(abroad[i]);
        assert_int_equal(vk_no_call(&k, &m, 0).verdict, V_REJECTED);
    }
    vk_close(&k);
}

static void t_codes(void **state) {
    (void)state;
    static const struct {
        int          code;
        enum verdict verdict;
    } rows[] = {
        {-1, V_RETRY},    {-2, V_THROTTLED}, {11, V_AUTH},     {29, V_AUTH},    {13, V_THROTTLED}, {55, V_THROTTLED},
        {14, V_CONFIG},   {15, V_CONFIG},    {16, V_CONFIG},   {17, V_CONFIG},  {18, V_CONFIG},    {19, V_CONFIG},
        {26, V_CONFIG},   {27, V_CONFIG},    {28, V_CONFIG},   {30, V_CONFIG},  {59, V_CONFIG},    {33, V_QUOTA},
        {40, V_REJECTED}, {41, V_REJECTED},  {67, V_REJECTED}, {10000, V_GONE}, {10001, V_CONFIG}, {12, V_CONFIG},
    };
    struct vk       k;
    struct push_msg m = vk_msg(TOKEN);
    vk_open(&k, VK_SECRET, good);
    for (size_t i = 0; i < ARRAY_N(rows); i++)
        vk_want(&k, &m, 200, arena_printf(k.a, "{\"code\":%d,\"message\":\"about " TOKEN "\",\"data\":{}}", rows[i].code),
                rows[i].verdict);
    struct push_answer sent = vk_answer(
        &k, &m, 200, "{\"code\":0,\"message\":\"Success\",\"data\":{\"messageId\":\"5f1a\",\"registrationId\":\"" TOKEN "\"}}");
    assert_int_equal(sent.verdict, V_SENT);
    assert_string_equal(sent.ref, "5f1a");
    struct http_answer r = vk_http(200, "{\"code\":33}");
    assert_int_equal(vk_answer_at(&k, &m, &r, vk_at("20:00")).wait_ms, 4 * 3600000);
    vk_want(&k, &m, 200, "{\"code\":0,\"data\":[[]]}", V_SENT);
    vk_hostile(&k, &m, "code", "0");
    vk_close(&k);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(t_options), cmocka_unit_test(t_credential), cmocka_unit_test(t_message),
        cmocka_unit_test(t_limits),  cmocka_unit_test(t_regions),    cmocka_unit_test(t_codes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
