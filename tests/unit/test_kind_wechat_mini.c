/* SPDX-License-Identifier: Apache-2.0
 *
 * Mini-program of WeChat: token, message, every errcode, events and consents in JSON and XML.
 */
#include "kindkit.h"

#include "push/cloud_sign.h"

#define OPENID "oABC_def-1234567890123456"

static const char *base[] = {"app_id",
                             "wx1234567890",
                             "app_secret",
                             NULL,
                             "token",
                             NULL,
                             "long_term",
                             "TPL-9 TPL-long",
                             "page",
                             "pages/notice/index",
                             "template.default",
                             "TPL-1 thing1=t,time2=time,thing3=x",
                             NULL};

static struct provider *p;

static int setup(void **state) {
    if (kind_setup(state)) return -1;
    base[3] = file("secret", "wxsecret");
    base[5] = file("key", "tok3n");
    p       = make("wechat_mini", base, NULL);
    return 0;
}
static int teardown(void **state) {
    provider_free(p);
    return kind_teardown(state);
}

static void t_request(void **state) {
    (void)state;
    struct push_msg  m = message(OPENID);
    struct http_call c = call_ok(p, &m, "A+B/1");
    assert_string_equal(c.url, "https://api.weixin.qq.com/cgi-bin/message/subscribe/send?access_token=A%2BB%2F1");
    assert_string_equal(c.body,
                        "{\"touser\":\"" OPENID "\",\"template_id\":\"TPL-1\",\"page\":\"pages/notice/"
                                                "index?o=task%3AT1\",\"data\":{\"thing1\":{\"value\":\"拆除三楼违建\"},"
                        "\"time2\":{\"value\":\"2026年1月2日 "
                        "11:04\"},\"thing3\":{\"value\":\"还剩2天\"}},\"miniprogram_state\":\"formal\",\"lang\":\"zh_CN\"}");
    m.object                     = "";
    const struct push_var vars[] = {{"t", "关于进一步加强全市重点项目建设管理工作的通知要求"}, {"x", ""}};
    m.vars                       = vars;
    c                            = call_ok(p, &m, "A");
    assert_non_null(strstr(c.body, "\"page\":\"pages/notice/index\","));                        /* nothing to open */
    assert_non_null(strstr(c.body, "{\"value\":\"关于进一步加强全市重点项目建设管理工作…\"}")); /* 19 and … */
    assert_non_null(strstr(c.body, "\"thing3\":{\"value\":\"无\"}"));
}

static void t_refused(void **state) {
    (void)state;
    struct push_msg m = message("short");
    call_refused(p, &m, "openid");
    m     = message(OPENID);
    m.app = "wx0000000000";
    call_refused(p, &m, "another AppID");
    m.app = "wx1234567890";
    (void)call_ok(p, &m, "A");
}

static void t_types(void **state) {
    (void)state;
    struct provider *q = make("wechat_mini", base, (const char *const[]){"template.default", "TPL-1 phrase1=x", NULL});
    struct push_msg  m = message(OPENID);
    call_refused(q, &m, "phrase1");
    const struct push_var good[] = {{"x", "临近到期"}};
    m.vars                       = good;
    m.vars_n                     = 1;
    (void)call_ok(q, &m, "A");
    provider_free(q);
    q = make("wechat_mini", base, (const char *const[]){"template.default", "TPL-1 character_string1=object,time2=x", NULL});
    call_refused(q, &m, "time2");
    const struct push_var iso[] = {{"x", "2018-03-12T18:05+08:00"}};
    m.vars                      = iso;
    assert_non_null(strstr(call_ok(q, &m, "A").body, "\"time2\":{\"value\":\"2018年3月12日 18:05\"}"));
    m.object = "任务1";
    call_refused(q, &m, "character_string1");
    provider_free(q);
}

static void t_credential(void **state) {
    (void)state;
    struct http_call c = {0};
    assert_int_equal(provider_kind(p)->cred_call(p, a, AT_MS, &c), ERR_OK);
    assert_string_equal(c.url, "https://api.weixin.qq.com/cgi-bin/stable_token");
    assert_string_equal(
        c.body,
        "{\"grant_type\":\"client_credential\",\"appid\":\"wx1234567890\",\"secret\":\"wxsecret\",\"force_refresh\":false}");
    static const struct {
        int          status;
        const char  *body;
        enum verdict verdict;
        const char  *cred;
        int64_t      life_ms;
    } rows[] = {
        {200, "{\"access_token\":\"T1\",\"expires_in\":7200}", V_SENT, "T1", 7200000},
        {200, "{\"access_token\":\"T1\",\"expires_in\":345}", V_SENT, "T1", 345000},
        {200, "{\"access_token\":\"T1\",\"expires_in\":999999}", V_SENT, "T1", 7200000},
        {200, "{\"access_token\":\"T1\",\"expires_in\":0}", V_RETRY, NULL, 0},
        {200, "{\"access_token\":\"T1\"}", V_RETRY, NULL, 0},
        {200, "{\"access_token\":\"T 1\",\"expires_in\":7200}", V_RETRY, NULL, 0},
        {200, "{\"access_token\":7,\"expires_in\":\"x\"}", V_RETRY, NULL, 0},
        {200, "{\"errcode\":-1,\"errmsg\":\"busy\"}", V_RETRY, NULL, 0},
        {200, "{\"errcode\":40125,\"errmsg\":\"invalid appsecret rid: 1-2\"}", V_CONFIG, NULL, 0},
        {200, "{\"errcode\":40013,\"errmsg\":\"\"}", V_CONFIG, NULL, 0},
        {200, "{\"errcode\":40164,\"errmsg\":\"invalid ip\"}", V_CONFIG, NULL, 0},
        {200, "{\"errcode\":45009,\"errmsg\":\"\"}", V_QUOTA, NULL, 0},
        {200, "{\"errcode\":45011,\"errmsg\":\"\"}", V_THROTTLED, NULL, 0},
        {200, "", V_RETRY, NULL, 0},
        {200, "<html>", V_RETRY, NULL, 0},
        {404, "", V_CONFIG, NULL, 0},
        {500, "", V_RETRY, NULL, 0},
        {503, "", V_RETRY, NULL, 0},
        {0, "", V_RETRY, NULL, 0},
    };
    for (size_t i = 0; i < ARRAY_N(rows); i++) {
        struct push_answer out  = {.verdict = V_MAX};
        const char        *cred = "old";
        int64_t            life = 1;
        struct http_answer r    = {.status = rows[i].status, .lost = true, .body = rows[i].body, .body_n = strlen(rows[i].body)};
        provider_kind(p)->cred_answer(p, a, &r, &cred, &life, &out);
        assert_int_equal(out.verdict, rows[i].verdict);
        assert_int_equal(life, rows[i].life_ms);
        if (rows[i].cred)
            assert_string_equal(cred, rows[i].cred);
        else
            assert_null(cred);
    }
}

#define E(code) "{\"errcode\":" code ",\"errmsg\":\"words rid: 66-aa\"}"
static void t_answers(void **state) {
    (void)state;
    struct push_msg                m      = message(OPENID);
    static const struct answer_row rows[] = {
        {200, "{\"errcode\":0,\"errmsg\":\"ok\",\"msgid\":1864323726461255680}", V_SENT, 0, "1864323726461255680"},
        {200, "{\"errcode\":0,\"errmsg\":\"ok\"}", V_SENT, 0, ""},
        {200, "{\"errmsg\":\"ok\",\"msgid\":12}", V_SENT, 0, "12"},
        {200, "{\"errmsg\":\"ok\"}", V_SENT, 0, ""},
        {200, E("40001"), V_AUTH, 0, ""},
        {200, E("42001"), V_AUTH, 0, ""},
        {200, E("40014"), V_AUTH, 0, ""},
        {200, E("40003"), V_GONE, 0, ""},
        {200, E("40037"), V_CONFIG, 0, ""},
        {200, E("40164"), V_CONFIG, 0, ""},
        {200, E("41030"), V_CONFIG, 0, ""},
        {200, E("43101"), V_REFUSED, 0, ""},
        {200, E("43107"), V_CONFIG, 0, ""},
        {200, E("43108"), V_RETRY, 600000, ""},
        {200, E("47003"), V_REJECTED, 0, ""},
        {200, E("45009"), V_QUOTA, (12 * 3600 + 55 * 60 + 55) * 1000, ""},
        {200, E("45011"), V_THROTTLED, 60000, ""},
        {200, E("-1"), V_RETRY, 0, ""},
        {200, E("99999"), V_REJECTED, 0, ""},
        {500, E("0"), V_UNKNOWN, 0, ""},
    };
    answers(p, &m, rows, ARRAY_N(rows));
    hostile_answers(p, &m);
    limit_is(p, &m, E("43108"), true);
    limit_is(p, &m, E("45009"), false);

    struct push_answer out = {0};
    const char        *bad = "{\"errcode\":47003,\"errmsg\":\"argument invalid! data.thing3.value is emtpy rid: 60-aa-bb\"}";
    provider_kind(p)->answer(p, a, &m, &(struct http_answer){.status = 200, .body = bad, .body_n = strlen(bad)}, AT_MS, &out);
    assert_string_equal(out.detail, "47003 thing3 rid 60-aa-bb");
}

/* ---- events ---- */
static char *signed_query(const char *token, const char *time, const char *more) {
    char        hex[41];
    const char *nonce = "777"; /* sorted: time (1...), nonce (7..), token (t..) */
    const char *all   = arena_printf(a, "%s%s%s", time, nonce, token);
    cloud_sha1_hex(all, strlen(all), hex);
    return arena_printf(a, "signature=%s&timestamp=%s&nonce=%s%s", hex, time, nonce, more);
}

static void t_signature(void **state) {
    (void)state;
    const char          *event = "{\"Event\":\"none\"}", *said = "";
    struct push_receipt *list = NULL;
    size_t               n    = 9;
    char                 hex[41];
    cloud_sha1_hex("abc", 3, hex);
    assert_string_equal(hex, "a9993e364706816aba3e25717850c26c9cd0d89d");
    assert_int_equal(receipt_error(p, signed_query("tok3n", "1767323045", ""), event), ERR_OK);
    assert_int_equal(receipt_error(p, signed_query("other", "1767323045", ""), event), ERR_AUTH);
    assert_int_equal(receipt_error(p, signed_query("tok3n", "1767322445", ""), event), ERR_AUTH); /* ten minutes old */
    assert_int_equal(receipt_error(p, signed_query("tok3n", "1767322446", ""), event), ERR_OK);
    assert_int_equal(receipt_error(p, signed_query("tok3n", "1767323645", ""), event), ERR_AUTH);
    assert_int_equal(receipt_error(p, "signature=&timestamp=&nonce=", event), ERR_AUTH);
    assert_int_equal(receipt_error(p, "", event), ERR_AUTH);
    char *changed               = signed_query("tok3n", "1767323045", "");
    *strstr(changed, "nonce=7") = 'N';
    assert_int_equal(receipt_error(p, changed, event), ERR_AUTH);

    const char *q = signed_query("tok3n", "1767323045", "&echostr=5837397576500011341");
    assert_int_equal(provider_kind(p)->receipts(p, a, q, NULL, 0, "", 0, AT_MS, &list, &n, &said), ERR_OK);
    assert_string_equal(said, "5837397576500011341");
    assert_int_equal(n, 0);
    assert_int_equal(receipt_error(p, signed_query("tok3n", "1767323045", "&echostr=<script>"), ""), ERR_INPUT);
    assert_int_equal(receipt_error(p, signed_query("tok3n", "1767323045", ""), ""), ERR_INPUT);

    struct provider *without = make("wechat_mini", base, (const char *const[]){"token", NULL, NULL});
    assert_int_equal(receipt_error(without, signed_query("", "1767323045", ""), event), ERR_AUTH);
    provider_free(without);
}

static void t_receipts(void **state) {
    (void)state;
#define SENT(id, code)                                                                                                           \
    "{\"ToUserName\":\"gh\",\"FromUserName\":\"" OPENID "\",\"CreateTime\":1,\"MsgType\":\"event\",\"Event\":\"subscribe_msg_"   \
                                                        "sent_event\",\"List\":[{\"TemplateId\":\"TPL-1\",\"MsgID\":" id         \
    ",\"ErrorCode\":\"" code "\",\"ErrorStatus\":\"s\"}]}"
    static const struct receipt_row rows[] = {
        {SENT("\"1864323726461255680\"", "0"), 1, "1864323726461255680", "", false, true, true, V_DELIVERED},
        {SENT("1864323726461255680", "0"), 1, "1864323726461255680", "", false, true, true, V_DELIVERED},
        {SENT("1", "43101"), 1, "1", "", false, false, true, V_REFUSED},
        {SENT("1", "40003"), 1, "1", "", false, false, true, V_GONE},
        {SENT("1", "47003"), 1, "1", "", false, false, true, V_REJECTED},
        {SENT("1", "-1"), 1, "1", "", false, false, true, V_RETRY},
        {"<xml><ToUserName><![CDATA[gh]]></ToUserName><FromUserName><![CDATA[" OPENID
         "]]></FromUserName><CreateTime>1</CreateTime><MsgType><![CDATA[event]]></MsgType>"
         "<Event><![CDATA[subscribe_msg_sent_event]]></Event><SubscribeMsgSentEvent><List><TemplateId><![CDATA[T]]></"
         "TemplateId><MsgID><![CDATA[17001]]></MsgID>"
         "<ErrorCode><![CDATA[0]]></ErrorCode><ErrorStatus><![CDATA[success]]></ErrorStatus></List></SubscribeMsgSentEvent></"
         "xml>",
         1, "17001", "", false, true, true, V_DELIVERED},
        {"{\"Event\":\"none\"}", 0, "", "", false, false, false, V_DELIVERED},
        {"{\"Event\":\"subscribe_msg_sent_event\",\"List\":[7,{}]}", 0, "", "", false, false, false, V_DELIVERED},
        {"<xml></xml>", 0, "", "", false, false, false, V_DELIVERED},
    };
    const char *q = signed_query("tok3n", "1767323045", "");
    receipts_are(p, q, rows, ARRAY_N(rows), "success");
    static const char *const bad[] = {"7",
                                      "[]",
                                      "<xml><a",
                                      "<xml><a>",
                                      "<xml><a><![CDATA[x",
                                      "<html></html>",
                                      "<xml><Encrypt><![CDATA[AAAA]]></Encrypt></xml>",
                                      "{\"Encrypt\":\"AAAA\"}",
                                      "{"};
    for (size_t i = 0; i < ARRAY_N(bad); i++) assert_int_equal(receipt_error(p, q, bad[i]), ERR_INPUT);
}

static void t_consents(void **state) {
    (void)state;
#define POPUP(event, list) "{\"FromUserName\":\"" OPENID "\",\"MsgType\":\"event\",\"Event\":\"" event "\",\"List\":" list "}"
#define ONE(id, status) "{\"TemplateId\":\"" id "\",\"SubscribeStatusString\":\"" status "\",\"PopupScene\":\"0\"}"
    static const struct {
        const char         *body;
        size_t              n;
        struct push_consent first;
    } rows[] = {
        {POPUP("subscribe_msg_popup_event", "[" ONE("TPL-1", "accept") "," ONE("TPL-2", "reject") "]"),
         2,
         {OPENID, "TPL-1", true, 1, false}},
        {POPUP("subscribe_msg_popup_event", ONE("TPL-1", "accept")), 1, {OPENID, "TPL-1", true, 1, false}},
        {POPUP("subscribe_msg_popup_event", "[" ONE("TPL-long", "accept") "]"), 1, {OPENID, "TPL-long", true, -1, false}},
        {POPUP("subscribe_msg_popup_event", "[" ONE("TPL-lon", "accept") "]"), 1, {OPENID, "TPL-lon", true, 1, false}},
        {POPUP("subscribe_msg_popup_event", "[" ONE("TPL-1", "reject") "]"), 1, {OPENID, "TPL-1", false, 0, false}},
        {POPUP("subscribe_msg_popup_event", "[" ONE("TPL-1", "ban") "]"), 1, {OPENID, "TPL-1", false, 0, false}},
        {POPUP("subscribe_msg_popup_event", "[" ONE("TPL-1", "filter") "]"), 1, {OPENID, "TPL-1", false, 0, false}},
        {POPUP("subscribe_msg_change_event", "[" ONE("TPL-1", "reject") "]"), 1, {OPENID, "TPL-1", false, 0, true}},
        {POPUP("subscribe_msg_change_event", "[" ONE("TPL-1", "accept") "]"), 1, {OPENID, "TPL-1", true, 0, false}},
        {POPUP("subscribe_msg_change_event", "[" ONE("TPL-9", "accept") "]"), 1, {OPENID, "TPL-9", true, -1, false}},
        {POPUP("subscribe", "[]"), 1, {OPENID, "", true, -1, false}},
        {POPUP("unsubscribe", "[]"), 1, {OPENID, "", false, 0, true}},
        {"<xml><FromUserName><![CDATA[" OPENID
         "]]></FromUserName><Event><![CDATA[subscribe_msg_popup_event]]></Event><SubscribeMsgPopupEvent>"
         "<List><TemplateId><![CDATA[TPL-1]]></TemplateId><SubscribeStatusString><![CDATA[accept]]></SubscribeStatusString></"
         "List>"
         "<List><TemplateId><![CDATA[TPL-2]]></TemplateId><SubscribeStatusString><![CDATA[reject]]></SubscribeStatusString></"
         "List></SubscribeMsgPopupEvent></xml>",
         2,
         {OPENID, "TPL-1", true, 1, false}},
        {POPUP("subscribe_msg_sent_event", "[{\"TemplateId\":\"T\",\"MsgID\":\"1\",\"ErrorCode\":\"0\"}]"), 0, {0}},
        {POPUP("subscribe_msg_popup_event", "7"), 0, {0}},
        {"{\"Event\":\"none\"}", 0, {0}},
        {"", 0, {0}},
    };
    for (size_t i = 0; i < ARRAY_N(rows); i++) {
        struct push_consent *list = NULL;
        size_t               n    = 99;
        assert_int_equal(provider_kind(p)->consents(p, a, rows[i].body, strlen(rows[i].body), &list, &n), ERR_OK);
        assert_int_equal(n, rows[i].n);
        if (n == 0) continue;
        assert_string_equal(list[0].target, rows[i].first.target);
        assert_string_equal(list[0].template, rows[i].first.template);
        assert_int_equal(list[0].accepted, rows[i].first.accepted);
        assert_int_equal(list[0].count, rows[i].first.count);
        assert_int_equal(list[0].cleared, rows[i].first.cleared);
        if (n == 2) assert_false(list[1].accepted);
    }
    struct push_consent *list = NULL;
    size_t               n    = 0;
    const char          *odd  = "{\"FromUserName\":\"x y\",\"Event\":\"unsubscribe\"}";
    assert_int_equal(provider_kind(p)->consents(p, a, odd, strlen(odd), &list, &n), ERR_INPUT);
}

static void t_section(void **state) {
    (void)state;
    no_provider("wechat_mini", base, (const char *const[]){"state", "beta", NULL}, "state");
    no_provider("wechat_mini", base, (const char *const[]){"template.default", "TPL-1 thing=t", NULL}, "no type of value");
    no_provider("wechat_mini", base, (const char *const[]){"template.default", "TPL-1 t", NULL}, "thing1=t");
    no_provider("wechat_mini", base, (const char *const[]){"template.default", "TPL-1 thing1=what", NULL}, "what");
    no_provider("wechat_mini", base, (const char *const[]){"app_secret", NULL, NULL}, "app_secret");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(t_request),    cmocka_unit_test(t_refused),  cmocka_unit_test(t_types),
        cmocka_unit_test(t_credential), cmocka_unit_test(t_answers),  cmocka_unit_test(t_signature),
        cmocka_unit_test(t_receipts),   cmocka_unit_test(t_consents), cmocka_unit_test(t_section)};
    return cmocka_run_group_tests(tests, setup, teardown);
}
