/* SPDX-License-Identifier: Apache-2.0
 *
 * Official account of WeChat: the message, errcodes of its own, the result of a job. What it shares with the mini-program is in
 * test_kind_wechat_mini.c.
 */
#include "kindkit.h"

#include "push/cloud_sign.h"

#define OPENID "oABC_def-1234567890123456"

static const char *base[] = {
    "app_id", "wx1234567890", "app_secret", NULL, "token", NULL, "template.default", "TPL-1 thing1=t,thing3=x", NULL};

static struct provider *p;

static int setup(void **state) {
    if (kind_setup(state)) return -1;
    base[3] = file("secret", "wxsecret");
    base[5] = file("key", "tok3n");
    p       = make("wechat_mp", base, NULL);
    return 0;
}
static int teardown(void **state) {
    provider_free(p);
    return kind_teardown(state);
}

#define DATA "\"data\":{\"thing1\":{\"value\":\"拆除三楼违建\"},\"thing3\":{\"value\":\"还剩2天\"}}}"
static void t_request(void **state) {
    (void)state;
    struct push_msg  m = message(OPENID);
    struct http_call c = call_ok(p, &m, "T");
    assert_string_equal(c.url, "https://api.weixin.qq.com/cgi-bin/message/template/send?access_token=T");
    assert_string_equal(c.body, "{\"touser\":\"" OPENID "\",\"template_id\":\"TPL-1\",\"client_msg_id\":\"d_01hz\"," DATA);
    m.attempt               = 2; /* the same again: WeChat drops it */
    struct http_call second = call_ok(p, &m, "T");
    assert_string_equal(second.body, c.body);
    struct provider *q = make("wechat_mp", base,
                              (const char *const[]){"url", "https://np.example/m", "mini_app_id", "wx9", "mini_page",
                                                    "pages/n?x=1", "base_url", "http://127.0.0.1:2", NULL});
    c                  = call_ok(q, &m, "T");
    assert_string_equal(c.url, "http://127.0.0.1:2/cgi-bin/message/template/send?access_token=T");
    assert_string_equal(c.body,
                        "{\"touser\":\"" OPENID
                        "\",\"template_id\":\"TPL-1\",\"client_msg_id\":\"d_01hz\",\"url\":\"https://np.example/m?o=task%3AT1\","
                        "\"miniprogram\":{\"appid\":\"wx9\",\"pagepath\":\"pages/n?x=1&o=task%3AT1\"}," DATA);
    provider_free(q);
    m.app = "wx0";
    call_refused(p, &m, "another AppID");
}

static void t_answers(void **state) {
    (void)state;
    struct push_msg                m      = message(OPENID);
    static const struct answer_row rows[] = {
        {200, "{\"errcode\":0,\"errmsg\":\"ok\",\"msgid\":200228332}", V_SENT, 0, "200228332"},
        {200, "{\"errcode\":43004,\"errmsg\":\"require subscribe\"}", V_REFUSED, 0, ""},
        {200, "{\"errcode\":40003,\"errmsg\":\"\"}", V_GONE, 0, ""},
        {200, "{\"errcode\":40037,\"errmsg\":\"\"}", V_CONFIG, 0, ""},
        {200, "{\"errcode\":42001,\"errmsg\":\"\"}", V_AUTH, 0, ""},
        {200, "{\"errcode\":-1,\"errmsg\":\"\"}", V_RETRY, 0, ""},
    };
    answers(p, &m, rows, ARRAY_N(rows));
    hostile_answers(p, &m);
}

static void t_receipts(void **state) {
    (void)state;
#define JOB(status)                                                                                                              \
    "<xml><FromUserName><![CDATA[" OPENID                                                                                        \
    "]]></FromUserName><MsgType><![CDATA[event]]></MsgType><Event><![CDATA[TEMPLATESENDJOBFINISH]]></Event><MsgID>200163836</"   \
    "MsgID><Status><![CDATA[" status "]]></Status></xml>"
    static const struct receipt_row rows[] = {
        {JOB("success"), 1, "200163836", "", false, true, true, V_DELIVERED},
        {JOB("failed:user block"), 1, "200163836", "", false, false, true, V_REFUSED},
        {JOB("failed: system failed"), 1, "200163836", "", false, false, true, V_RETRY},
        {"{\"Event\":\"TEMPLATESENDJOBFINISH\",\"MsgID\":1864323726461255680,\"Status\":\"success\"}", 1, "1864323726461255680",
         "", false, true, true, V_DELIVERED},
        {"<xml><Event><![CDATA[TEMPLATESENDJOBFINISH]]></Event></xml>", 0, "", "", false, false, false, V_DELIVERED},
    };
    char        hex[41];
    const char *all = "1767323045777tok3n";
    cloud_sha1_hex(all, strlen(all), hex);
    receipts_are(p, arena_printf(a, "signature=%s&timestamp=1767323045&nonce=777&openid=x", hex), rows, ARRAY_N(rows), "success");
}

static void t_section(void **state) {
    (void)state;
    no_provider("wechat_mp", base, (const char *const[]){"mini_page", "pages/x", NULL}, "mini_app_id");
    no_provider("wechat_mp", base, (const char *const[]){"url", "np.example", NULL}, "url");
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(t_request), cmocka_unit_test(t_answers), cmocka_unit_test(t_receipts),
                                       cmocka_unit_test(t_section)};
    return cmocka_run_group_tests(tests, setup, teardown);
}
