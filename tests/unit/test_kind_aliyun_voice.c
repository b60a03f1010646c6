/* SPDX-License-Identifier: Apache-2.0
 *
 * Calls at Alibaba Cloud: the request, every code, every status of a call.
 */
#include "kindkit.h"

#include "push/cloud_sign.h"

static const char *base[] = {"access_key_id",
                             "testid",
                             "access_key_secret",
                             NULL,
                             "receipt_key",
                             NULL,
                             "template.default",
                             "TTS_100000001 place=t,time=x",
                             NULL};

static struct provider *p;

static int setup(void **state) {
    if (kind_setup(state)) return -1;
    base[3] = file("secret", "testsecret");
    base[5] = file("key", KEY);
    p       = make("aliyun_voice", base, NULL);
    return 0;
}
static int teardown(void **state) {
    provider_free(p);
    return kind_teardown(state);
}

static void t_request(void **state) {
    (void)state;
    struct provider      *q      = make("aliyun_voice", base, (const char *const[]){"play_times", "2", NULL});
    struct push_msg       m      = message(PHONE);
    const struct push_var vars[] = {{"t", "三楼"}, {"x", "九点"}};
    m.vars                       = vars;
    m.id                         = "m-1";
    struct http_call c           = call_ok(q, &m, "");
    /* the query of the published example */
    assert_string_equal(c.url, "https://dyvmsapi.aliyuncs.com/"
                               "?CalledNumber=13800138000&OutId=m-1&PlayTimes=2&TtsCode=TTS_100000001&TtsParam=%7B%22place%22%3A"
                               "%22%E4%B8%89%E6%A5%BC%22%2C%22time%22%3A%22%E4%B9%9D%E7%82%B9%22%7D");
    struct acs3_request r = {"POST",
                             "dyvmsapi.aliyuncs.com",
                             "SingleCallByTts",
                             "2017-05-25",
                             strchr(c.url, '?') + 1,
                             header_of(&c, "x-acs-signature-nonce"),
                             "",
                             AT_MS,
                             "testid",
                             "testsecret"};
    struct cloud_signed s;
    acs3_sign(a, &r, &s);
    assert_string_equal(header_of(&c, "Authorization"), s.authorization);
    m.id = "d_0123456789abcd"; /* 16: longer than the provider takes */
    c    = call_ok(q, &m, "");
    assert_null(strstr(c.url, "OutId"));
    provider_free(q);

    q = make("aliyun_voice", base, (const char *const[]){"show_number", "05991234567", "volume", "80", "speed", "-100", NULL});
    c = call_ok(q, &m, "");
    assert_non_null(strstr(c.url, "CalledShowNumber=05991234567&PlayTimes=3&Speed=-100&TtsCode="));
    assert_non_null(strstr(c.url, "&Volume=80"));
    provider_free(q);
}

static void t_refused(void **state) {
    (void)state;
    struct push_msg m = message("059912345678");
    call_refused(p, &m, "mobile");
    char long_text[3 * 300] = "";
    for (int i = 0; i < 250; i++) memcpy(long_text + 3 * i, "长", 4);
    const struct push_var vars[] = {{"t", long_text}};
    m                            = message(PHONE);
    m.vars                       = vars;
    m.vars_n                     = 1;
    call_refused(p, &m, "250");
    long_text[3 * 249] = '\0';
    (void)call_ok(p, &m, "");
}

#define E(code) "{\"Code\":\"" code "\",\"Message\":\"x\",\"RequestId\":\"r\"}"
static void t_answers(void **state) {
    (void)state;
    struct push_msg                m      = message(PHONE);
    static const struct answer_row rows[] = {
        {200, "{\"Code\":\"OK\",\"Message\":\"OK\",\"CallId\":\"116012854210^10281427 85210\"}", V_SENT, 0, ""},
        {200, "{\"Code\":\"OK\",\"Message\":\"OK\",\"CallId\":\"116012854210^1028142785210\"}", V_SENT, 0,
         "116012854210^1028142785210"},
        {200, E("isp.SYSTEM_ERROR"), V_RETRY, 0, ""},
        {200, E("isp.GATEWAY_ERROR"), V_RETRY, 0, ""},
        {400, E("Throttling.Api"), V_THROTTLED, 0, ""},
        {200, E("isv.BUSINESS_LIMIT_CONTROL"), V_RETRY, 60000, ""},
        {200, E("isv.MOBILE_NUMBER_ILLEGAL"), V_GONE, 0, ""},
        {200, E("isv.COMPLAINT_REJECT"), V_REFUSED, 0, ""},
        {200, E("isv.TTS_TEMPLATE_ILLEGAL"), V_CONFIG, 0, ""},
        {200, E("isv.TEMPLATE_ILLEGAL"), V_CONFIG, 0, ""},
        {200, E("isv.TEMPLATE_MISSING_PARAMETERS"), V_CONFIG, 0, ""},
        {200, E("isv.TEMPLATE_PARAMS_ILLEGAL"), V_REJECTED, 0, ""},
        {200, E("isv.PARAM_NOT_SUPPORT_URL"), V_REJECTED, 0, ""},
        {200, E("isv.PARAM_LENGTH_LIMIT"), V_REJECTED, 0, ""},
        {200, E("isv.INVALID_PARAMETERS"), V_CONFIG, 0, ""},
        {200, E("isv.BLACK_KEY_CONTROL_LIMIT"), V_REJECTED, 0, ""},
        {200, E("isv.DISPLAY_NUMBER_ILLEGAL"), V_CONFIG, 0, ""},
        {200, E("isv.AMOUNT_NOT_ENOUGH"), V_CONFIG, 0, ""},
        {200, E("isv.OUT_OF_SERVICE"), V_CONFIG, 0, ""},
        {200, E("isv.PRODUCT_UN_SUBSCRIPT"), V_CONFIG, 0, ""},
        {200, E("isv.PRODUCT_UNSUBSCRIBE"), V_CONFIG, 0, ""},
        {200, E("isv.ACCOUNT_NOT_EXISTS"), V_CONFIG, 0, ""},
        {200, E("isv.ACCOUNT_ABNORMAL"), V_CONFIG, 0, ""},
        {200, E("isp.RAM_PERMISSION_DENY"), V_CONFIG, 0, ""},
        {200, E("isv.VOICE_CALL_FAIL"), V_REJECTED, 0, ""},
        {200, E("isv.BILLID_NOT_EXIST"), V_REJECTED, 0, ""},
        {200, E("isv.VOICE_ROBOT_NOT_PERIOD"), V_REJECTED, 0, ""},
        {200, E("isv.VOICE_CALL_PERIOD_ERROR"), V_REJECTED, 0, ""},
        {400, E("InvalidTimeStamp.Expired"), V_CONFIG, 0, ""},
    };
    answers(p, &m, rows, ARRAY_N(rows));
    hostile_answers(p, &m);
}

static void t_receipts(void **state) {
    (void)state;
#define R(code)                                                                                                                  \
    "[{\"call_id\":\"116^1\",\"out_id\":\"m-1\",\"callee\":\"" PHONE "\",\"status_code\":\"" code "\",\"status_msg\":\"s\"}]"
#define FAILED(code, verdict)                                                                                                    \
    { R(code), 1, "116^1", "m-1", false, false, true, verdict }
    static const struct receipt_row rows[] = {
        {R("200000"), 1, "116^1", "m-1", false, true, true, V_DELIVERED},
        {"[{\"call_id\":\"116^1\",\"status_code\":200000}]", 1, "116^1", "", false, true, true, V_DELIVERED},
        {R("200001"), 1, "116^1", "m-1", false, true, true, V_DELIVERED},
        {R("200102"), 1, "116^1", "m-1", false, true, false, V_DELIVERED},
        {R("200101"), 0, "", "", false, false, false, V_DELIVERED},
        {R("200201"), 0, "", "", false, false, false, V_DELIVERED},
        {R("200100"), 0, "", "", false, false, false, V_DELIVERED},
        {R("300000"), 1, "116^1", "m-1", false, true, false, V_DELIVERED},
        {"[{\"call_id\":\"116^1\",\"status_code\":\"300000\",\"dtmf\":\"1\"}]", 1, "116^1", "", true, true, false, V_DELIVERED},
        {"[{\"call_id\":\"116^1\",\"status_code\":\"300000\",\"dtmf\":\"2\"}]", 1, "116^1", "", false, true, false, V_DELIVERED},
        FAILED("200002", V_RETRY),
        FAILED("200003", V_RETRY),
        FAILED("200005", V_RETRY),
        FAILED("200007", V_RETRY),
        FAILED("200010", V_RETRY),
        FAILED("200004", V_GONE),
        FAILED("200011", V_GONE),
        FAILED("200104", V_REJECTED),
        FAILED("200105", V_REJECTED),
        FAILED("200117", V_REJECTED),
        FAILED("200118", V_REJECTED),
        FAILED("200119", V_REJECTED),
        FAILED("200121", V_REJECTED),
        FAILED("473", V_REJECTED),
        FAILED("200006", V_RETRY),
        FAILED("200008", V_RETRY),
        FAILED("200012", V_RETRY),
        FAILED("400", V_RETRY),
        FAILED("476", V_RETRY),
        FAILED("482", V_RETRY),
        FAILED("500", V_RETRY),
        FAILED("9996", V_RETRY),
        FAILED("999999", V_RETRY),
        FAILED("123456", V_RETRY),
        {"[{\"call_id\":\"116^1\"}]", 0, "", "", false, false, false, V_DELIVERED},
    };
    receipts_are(p, "key=" KEY, rows, ARRAY_N(rows), "{\"code\":0,\"msg\":\"ok\"}");
    receipts_are_guarded(p, R("200000"));
}

static void t_section(void **state) {
    (void)state;
    const char *three = file("texts", "TTS_100000001 在${place}，${time}，${who}");
    no_provider("aliyun_voice", base, (const char *const[]){"texts", three, NULL}, "more than 2");
    no_provider("aliyun_voice", base, (const char *const[]){"texts", three, "show_number", "1", NULL}, "who");
    no_provider(
        "aliyun_voice", base,
        (const char *const[]){"texts", file("texts", "TTS_100000001 在${place}，${time}，再说${time}"), "show_number", "1", NULL},
        "twice");
    no_provider("aliyun_voice", base, (const char *const[]){"texts", file("texts", "TTS_100000001 时间:${time}，${place}"), NULL},
                "holds :");
    no_provider("aliyun_voice", base, (const char *const[]){"texts", file("texts", "TTS_100000001 ¥${time}，${place}"), NULL},
                "holds ¥");
    no_provider("aliyun_voice", base, (const char *const[]){"texts", file("texts", "TTS_100000001 http${time}，${place}"), NULL},
                "link");
    no_provider("aliyun_voice", base, (const char *const[]){"play_times", "4", NULL}, "play_times");
    no_provider("aliyun_voice", base, (const char *const[]){"speed", "501", NULL}, "speed");
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(t_request), cmocka_unit_test(t_refused), cmocka_unit_test(t_answers),
                                       cmocka_unit_test(t_receipts), cmocka_unit_test(t_section)};
    return cmocka_run_group_tests(tests, setup, teardown);
}
