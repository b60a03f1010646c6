/* SPDX-License-Identifier: Apache-2.0
 *
 * Kind vivo: its signature (against one made by md5sum), its hours, the message, and every row of the vendor's table of results.
 */
#include "tests/unit/vendorkit.h"

#define TOKEN "15638535410301000000001"

static const char *const good[] = {"kind", "vivo", "app_id", "10004", "app_key", "appkey1", "secret_file", "@", NULL};

static void t_options(void **state) {
    (void)state;
    char              url[140];
    static const char head[] = "https://gw.example.cn/";
    memset(url, 'x', sizeof url - 1);
    memcpy(url, head, sizeof head - 1);
    url[sizeof url - 1]       = '\0';
    const struct vk_bad bad[] = {
        {"app_id", "", NULL},      {"app_id", "1 2", NULL},     {"app_key", "", NULL}, {"classification", "2", NULL},
        {"category", "a,b", NULL}, {"receipts_url", url, NULL}, {"test", "1", NULL},   {"secret_file", NULL, "a b"},
    };
    vk_refused(good, VK_SECRET, bad, ARRAY_N(bad));
}

static void t_credential(void **state) {
    (void)state;
    struct vk k;
    vk_open(&k, VK_SECRET, good);
    assert_int_equal(provider_kind(k.p)->cred_call(k.p, k.a, 1500000000123, &k.call), ERR_OK);
    assert_string_equal(k.call.method, "POST");
    assert_string_equal(k.call.url, "https://api-push.vivo.com.cn/message/auth");
    assert_string_equal(vk_header(&k.call, "Content-Type"), "application/json; charset=UTF-8");
    assert_string_equal(vk_leaves(&k, vk_body(&k)),
                        "appId=10004\nappKey=appkey1\ntimestamp=1500000000123\nsign=a942d15b727e867eac37369634cfadfb\n");
    struct vk_cred c = vk_cred_answer(&k, 200, "{\"result\":0,\"desc\":\"ok\",\"authToken\":\"24ae11e8-78d9-417b\"}");
    assert_string_equal(c.cred, "24ae11e8-78d9-417b");
    assert_int_equal(c.life_ms, 7200000);
    vk_cred_want(&k, 200, "{\"result\":10000,\"desc\":\"bad sign\"}", V_CONFIG);
    vk_cred_want(&k, 200, "{\"result\":10070}", V_QUOTA);
    vk_cred_want(&k, 200, "{\"result\":77777}", V_CONFIG);
    vk_cred_hostile(&k);
    vk_close(&k);
}

static void t_message(void **state) {
    (void)state;
    struct vk       k;
    struct push_msg m = vk_msg(TOKEN), later = m;
    vk_open(&k, VK_SECRET, good);
    vk_call(&k, &m, "tok", vk_at("03:00")); /* class system: any hour */
    assert_string_equal(k.call.url, "https://api-push.vivo.com.cn/message/send");
    assert_string_equal(vk_header(&k.call, "authToken"), "tok");
    assert_string_equal(vk_header(&k.call, "Content-Type"), "application/json; charset=UTF-8");
    const char *id = vk_leaf(&k, "notifyId");
    assert_true(atoll(id) >= 1 && atoll(id) <= INT32_MAX);
    assert_string_equal(
        vk_leaves(&k, vk_body(&k)),
        arena_printf(
            k.a,
            "appId=10004\nregId=" TOKEN "\nnotifyType=4\ntitle=新任务待签收\ncontent=新任务「某事」，请登录掌办办理。\n"
            "timeToLive=7200\nclassification=1\nrequestId=d-0001\nnotifyId=%s\npushMode=0\nforegroundShow=true\nskipType=1\n"
            "clientCustomMap.object=task:NP2018-01\nclientCustomMap.notice=n-77\ncategory=TODO\n",
            id));
    later.attempt = 2, later.priority = 3; /* another attempt of the same delivery: the same request id */
    vk_call(&k, &later, "tok", 0);
    assert_string_equal(vk_leaf(&k, "requestId"), "d-0001");
    assert_string_equal(vk_leaf(&k, "notifyId"), id);
    assert_string_equal(vk_leaf(&k, "notifyType"), "1");
    vk_close(&k);
}

static void t_limits(void **state) {
    (void)state;
    static const char *const all[] = {"kind",
                                      "vivo",
                                      "app_id",
                                      "1",
                                      "app_key",
                                      "k",
                                      "secret_file",
                                      "@",
                                      "classification",
                                      "0",
                                      "category",
                                      "",
                                      "test",
                                      "true",
                                      "receipts_url",
                                      "https://gw.example.cn/v1/receipts/vivo",
                                      "tap",
                                      "intent:#Intent;S.o={object};end",
                                      "base_url",
                                      "http://127.0.0.1:1",
                                      NULL};
    struct vk                k;
    struct push_msg          m = vk_msg(TOKEN);
    vk_open(&k, VK_SECRET, all);
    m.title = vk_many(&k, "督", 21), m.text = vk_many(&k, "督", 51), m.ttl_s = 5;
    vk_call(&k, &m, "t", vk_at("12:00"));
    assert_string_equal(k.call.url, "http://127.0.0.1:1/message/send");
    assert_int_equal(vk_chars(vk_leaf(&k, "title")), 20); /* a Chinese character counts two */
    assert_true(vk_ends(vk_leaf(&k, "title"), "督…"));
    assert_int_equal(vk_chars(vk_leaf(&k, "content")), 50);
    assert_string_equal(vk_leaf(&k, "timeToLive"), "900");
    assert_string_equal(vk_leaf(&k, "classification"), "0");
    assert_string_equal(vk_leaf(&k, "pushMode"), "1");
    assert_string_equal(vk_leaf(&k, "skipType"), "4");
    assert_string_equal(vk_leaf(&k, "skipContent"), "intent:#Intent;S.o=task%3ANP2018-01;end");
    assert_string_equal(vk_leaf(&k, "extra.callback"), "https://gw.example.cn/v1/receipts/vivo");
    assert_string_equal(vk_leaf(&k, "extra.callback.param"), "d-0001");
    assert_null(vk_leaf(&k, "category"));
    m.title = vk_many(&k, "a", 40), m.text = vk_many(&k, "a督", 33), m.ttl_s = 99999999; /* 40 and 99: whole */
    vk_call(&k, &m, "t", vk_at("12:00"));
    assert_string_equal(vk_leaf(&k, "title"), m.title);
    assert_string_equal(vk_leaf(&k, "content"), m.text);
    assert_string_equal(vk_leaf(&k, "timeToLive"), "604800");
    m.title = vk_many(&k, "a", 41), m.ttl_s = 0; /* try once */
    vk_call(&k, &m, "t", vk_at("12:00"));
    assert_int_equal(vk_chars(vk_leaf(&k, "title")), 39); /* 38 and the dots, which count two */
    assert_string_equal(vk_leaf(&k, "sendOnline"), "true");
    assert_null(vk_leaf(&k, "timeToLive"));
    m.target = vk_many(&k, "t", 20000);
    assert_int_equal(vk_no_call(&k, &m, vk_at("12:00")).verdict, V_REJECTED);
    vk_close(&k);
}

static void t_hours(void **state) {
    (void)state;
    static const char *const operation[] = {"kind",        "vivo", "app_id",         "1", "app_key", "k",
                                            "secret_file", "@",    "classification", "0", NULL};
    static const struct {
        const char *at;
        int64_t     wait_min; /* 0: sent */
    } rows[] = {{"00:00", 420}, {"06:59", 1}, {"07:00", 0}, {"12:00", 0}, {"22:59", 0}, {"23:00", 480}, {"23:59", 421}};
    struct vk       k;
    struct push_msg m = vk_msg(TOKEN);
    vk_open(&k, VK_SECRET, operation);
    for (size_t i = 0; i < ARRAY_N(rows); i++) {
        if (rows[i].wait_min == 0) {
            vk_call(&k, &m, "t", vk_at(rows[i].at));
            continue;
        }
        struct push_answer why = vk_no_call(&k, &m, vk_at(rows[i].at));
        assert_int_equal(why.verdict, V_QUOTA);
        assert_int_equal(why.wait_ms, rows[i].wait_min * 60000);
    }
    vk_close(&k);
}

static void t_results(void **state) {
    (void)state;
    static const struct {
        int          status;
        const char  *body;
        enum verdict verdict;
    } rows[] = {
        {200, "{\"result\":0,\"desc\":\"ok\",\"taskId\":\"121397329\"}", V_SENT},
        {200, "{\"result\":0,\"taskId\":\"1\",\"invalidUser\":{\"userid\":\"" TOKEN "\",\"status\":1}}", V_GONE},
        {200, "{\"result\":0,\"taskId\":\"1\",\"invalidUser\":{\"userid\":\"" TOKEN "\",\"status\":2}}", V_GONE},
        {200, "{\"result\":0,\"invalidUser\":[{\"userid\":\"" TOKEN "\",\"status\":\"2\"}]}", V_GONE},
        {200, "{\"result\":0,\"invalidUser\":{\"userid\":\"" TOKEN "\",\"status\":4}}", V_CONFIG},
        {200, "{\"result\":0,\"invalidUser\":{\"userid\":\"" TOKEN "\",\"status\":3}}", V_REJECTED},
        {200, "{\"result\":0,\"invalidUser\":{\"userid\":\"another\",\"status\":1}}", V_SENT},
        {200, "{\"result\":0,\"invalidUser\":{\"status\":1}}", V_GONE},
        {200, "{\"result\":0,\"invalidUser\":7}", V_SENT},
        {200, "{\"result\":0,\"invalidUser\":[]}", V_SENT},
        {200, "{\"result\":10302,\"desc\":\"regId\",\"invalidUser\":{\"status\":1,\"userid\":\"" TOKEN "\"}}", V_GONE},
        {200, "{\"result\":10302,\"invalidUser\":{\"status\":4,\"userid\":\"" TOKEN "\"}}", V_CONFIG},
        {200, "{\"result\":10302,\"invalidUser\":{\"status\":9}}", V_GONE},
        {200, "{\"result\":10302}", V_GONE},
        {200, "{\"result\":10070}", V_QUOTA},
        {200, "{\"result\":10071}", V_QUOTA},
        {200, "{\"result\":10073}", V_QUOTA},
        {200, "{\"result\":10252}", V_QUOTA},
        {200, "{\"result\":10254}", V_QUOTA},
        {200, "{\"result\":10094}", V_CONFIG},
        {200, "{\"result\":10085}", V_REJECTED},
        {200, "{\"result\":10104}", V_REJECTED},
        {200, "{\"result\":10000}", V_AUTH},
        {200, "{\"result\":10999}", V_CONFIG},
        {500, "Internet server error!", V_RETRY},
    };
    struct vk       k;
    struct push_msg m = vk_msg(TOKEN);
    vk_open(&k, VK_SECRET, good);
    for (size_t i = 0; i < ARRAY_N(rows); i++) vk_want(&k, &m, rows[i].status, rows[i].body, rows[i].verdict);
    assert_string_equal(vk_answer(&k, &m, 200, rows[0].body).ref, "121397329");
    assert_string_equal(vk_answer(&k, &m, 200, "{\"result\":0,\"taskId\":121397329}").ref, "121397329");
    struct http_answer full = vk_http(200, "{\"result\":10070}"), closed = vk_http(200, "{\"result\":10071}");
    assert_int_equal(vk_answer_at(&k, &m, &full, vk_at("21:00")).wait_ms, 3 * 3600000);   /* midnight */
    assert_int_equal(vk_answer_at(&k, &m, &closed, vk_at("23:00")).wait_ms, 8 * 3600000); /* 07:00 */
    assert_int_equal(vk_answer_at(&k, &m, &closed, vk_at("06:00")).wait_ms, 3600000);
    vk_hostile(&k, &m, "result", "0");
    vk_close(&k);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(t_options), cmocka_unit_test(t_credential), cmocka_unit_test(t_message),
        cmocka_unit_test(t_limits),  cmocka_unit_test(t_hours),      cmocka_unit_test(t_results),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
