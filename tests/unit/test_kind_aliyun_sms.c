/* SPDX-License-Identifier: Apache-2.0
 *
 * SMS at Alibaba Cloud: the request, every code, reports.
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
                             "SMS_100000001 task=t,words=x",
                             NULL};

static struct provider *p;

static int setup(void **state) {
    if (kind_setup(state)) return -1;
    base[3] = file("secret", "testsecret\n");
    base[5] = file("key", KEY "\n");
    p       = make("aliyun_sms", base, NULL);
    return 0;
}
static int teardown(void **state) {
    provider_free(p);
    return kind_teardown(state);
}

static void t_request(void **state) {
    (void)state;
    struct push_msg  m = message(PHONE);
    struct http_call c = call_ok(p, &m, "");
    assert_string_equal(c.method, "POST");
    assert_int_equal(c.body_n, 0);
    assert_string_equal(
        c.url,
        "https://dysmsapi.aliyuncs.com/?OutId=d_01hz&PhoneNumbers=13800138000&SignName=%E6%9F%90%E5%B8%82%E6%94%BF%E5%8A%A1"
        "&TemplateCode=SMS_100000001&TemplateParam=%7B%22task%22%3A%22%E6%8B%86%E9%99%A4%E4%B8%89%E6%A5%BC%E8%BF%9D%E5%BB%BA%22%"
        "2C"
        "%22words%22%3A%22%E8%BF%98%E5%89%A92%E5%A4%A9%22%7D");
    struct acs3_request r = {"POST",
                             "dysmsapi.aliyuncs.com",
                             "SendSms",
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
    assert_string_equal(header_of(&c, "Host"), "");

    m.attempt              = 2; /* another attempt is another request */
    struct http_call other = call_ok(p, &m, "");
    assert_string_not_equal(header_of(&c, "x-acs-signature-nonce"), header_of(&other, "x-acs-signature-nonce"));

    struct provider *q = make(
        "aliyun_sms", base,
        (const char *const[]){"base_url", "http://127.0.0.1:1", "sign_name", "福建政务", "extend", "07", "value_max", "4", NULL});
    c = call_ok(q, &m, "");
    assert_int_equal(strncmp(c.url, "http://127.0.0.1:1/?", 20), 0);
    assert_string_equal(header_of(&c, "Host"), "dysmsapi.aliyuncs.com"); /* which is what was signed */
    assert_non_null(strstr(c.url, "SmsUpExtendCode=07"));
    assert_non_null(strstr(c.url, cloud_percent(a, "拆除三…")));
    provider_free(q);
}

static void t_refused(void **state) {
    (void)state;
    struct push_msg m = message("1380013800");
    call_refused(p, &m, "mobile");
    m.target = "12800138000";
    call_refused(p, &m, "mobile");
    m           = message(PHONE);
    m.signature = "市";
    call_refused(p, &m, "2 to 12");
    m.signature = "某市【政务】";
    call_refused(p, &m, "signature");
    m                            = message(PHONE);
    const struct push_var link[] = {{"t", "见 HTTP://x.cn"}};
    m.vars                       = link;
    m.vars_n                     = 1;
    call_refused(p, &m, "link");
    char long_text[3 * 500 + 1] = "";
    for (int i = 0; i < 494; i++) memcpy(long_text + 3 * i, "长", 4);
    const struct push_var longest[] = {{"t", long_text}};
    m.vars                          = longest;
    (void)call_ok(p, &m, ""); /* 494 + 4 + 2 = 500 */
    memcpy(long_text + 3 * 494, "长", 4);
    call_refused(p, &m, "500");

    struct provider *q =
        make("aliyun_sms", base, (const char *const[]){"template.default", NULL, "template.task.assigned", "SMS_2 t", NULL});
    m = message(PHONE);
    call_refused(q, &m, "no template");
    provider_free(q);
}

static void t_brackets(void **state) {
    (void)state;
    struct push_msg       m      = message(PHONE);
    const struct push_var vars[] = {{"t", "【紧急】拆\n除"}, {"x", "a\"b"}};
    m.vars                       = vars;
    struct http_call c           = call_ok(p, &m, "");
    assert_non_null(strstr(c.url, cloud_percent(a, "{\"task\":\"〔紧急〕拆 除\",\"words\":\"a\\\"b\"}")));
}

#define E(code) "{\"Code\":\"" code "\",\"Message\":\"x " PHONE "\",\"RequestId\":\"r\"}"
static void t_answers(void **state) {
    (void)state;
    struct push_msg         m      = message(PHONE);
    const struct answer_row rows[] = {
        {200, "{\"Code\":\"OK\",\"Message\":\"OK\",\"BizId\":\"900619746936498440^0\",\"RequestId\":\"F\"}", V_SENT, 0,
         "900619746936498440^0"},
        {200, "{\"Code\":\"OK\",\"BizId\":900619746936498440}", V_SENT, 0, "900619746936498440"},
        {200, "{\"Code\":\"OK\",\"BizId\":\"a b\"}", V_SENT, 0, ""},
        {500, "{\"Code\":\"OK\",\"BizId\":\"1\"}", V_UNKNOWN, 0, ""},
        {200, "{\"Code\":\"isv.BUSINESS_LIMIT_CONTROL\",\"Message\":\"触发分钟级流控Permits:1\"}", V_RETRY, 60000, ""},
        {200, "{\"Code\":\"isv.BUSINESS_LIMIT_CONTROL\",\"Message\":\"触发小时级流控Permits:5\"}", V_QUOTA, 3600000, ""},
        {200, "{\"Code\":\"isv.BUSINESS_LIMIT_CONTROL\",\"Message\":\"触发天级流控Permits:40\"}", V_QUOTA, 86400000, ""},
        {200, "{\"Code\":\"isv.BUSINESS_LIMIT_CONTROL\"}", V_RETRY, 60000, ""},
        {200, E("isv.SMS_SIGNATURE_SCENE_ILLEGAL"), V_CONFIG, 0, ""},
        {200, E("isv.SIGN_STATE_ILLEGAL"), V_CONFIG, 0, ""},
        {200, E("isv.SMS_SIGN_ILLEGAL"), V_CONFIG, 0, ""},
        {200, E("isv.SMS_CONTENT_ILLEGAL"), V_REJECTED, 0, ""},
        {200, E("isv.DAY_LIMIT_CONTROL"), V_QUOTA, (12 * 3600 + 55 * 60 + 55) * 1000, ""},
        {200, E("isv.MONTH_LIMIT_CONTROL"), V_QUOTA, (12 * 3600 + 55 * 60 + 55) * 1000LL + 29LL * 86400000, ""},
        {200, E("isv.OUT_OF_SERVICE"), V_CONFIG, 0, ""},
        {200, E("isv.DENY_IP_RANGE"), V_CONFIG, 0, ""},
        {200, E("isv.EXTEND_CODE_ERROR"), V_CONFIG, 0, ""},
        {200, E("isp.RAM_PERMISSION_DENY"), V_CONFIG, 0, ""},
        {200, E("isv.MOBILE_NUMBER_ILLEGAL"), V_GONE, 0, ""},
        {200, E("isv.TEMPLATE_MISSING_PARAMETERS"), V_CONFIG, 0, ""},
        {200, E("isv.AMOUNT_NOT_ENOUGH"), V_CONFIG, 0, ""},
        {200, E("isp.SYSTEM_ERROR"), V_RETRY, 0, ""},
        {400, E("Throttling.User"), V_THROTTLED, 0, ""},
        {503, E("Throttling"), V_THROTTLED, 0, ""},
        {400, E("InvalidTimeStamp.Expired"), V_CONFIG, 0, ""},
        {400, E("SignatureDoesNotMatch"), V_AUTH, 0, ""},
        {404, E("InvalidAccessKeyId.NotFound"), V_AUTH, 0, ""},
        {400, E("SignatureNonceUsed"), V_UNKNOWN, 0, ""},
        {400, E("isv.SOMETHING_NEW"), V_REJECTED, 0, ""},
        {200, E("isp.SOMETHING_NEW"), V_RETRY, 0, ""},
        {500, E("SomethingNew"), V_RETRY, 0, ""},
        {400, E("SomethingNew"), V_REJECTED, 0, ""},
    };
    answers(p, &m, rows, ARRAY_N(rows));
    hostile_answers(p, &m);
    limit_is(p, &m, E("isv.BUSINESS_LIMIT_CONTROL"), true);
    limit_is(p, &m, "{\"Code\":\"isv.BUSINESS_LIMIT_CONTROL\",\"Message\":\"触发天级流控Permits:40\"}", true);
    limit_is(p, &m, E("isv.DAY_LIMIT_CONTROL"), false);
    limit_is(p, &m, E("isp.SYSTEM_ERROR"), false);
}

static void t_receipts(void **state) {
    (void)state;
#define R(success, code)                                                                                                         \
    "[{\"phone_number\":\"" PHONE "\",\"success\":" success ",\"err_code\":\"" code                                              \
    "\",\"biz_id\":\"9^0\",\"out_id\":\"d_01hz\",\"sms_size\":\"1\"}]"
    static const struct receipt_row rows[] = {
        {R("true", "DELIVERED"), 1, "9^0", "d_01hz", false, true, true, V_DELIVERED},
        {R("\"true\"", "DELIVERED"), 1, "9^0", "d_01hz", false, true, true, V_DELIVERED},
        {R("false", "UNDELIV"), 1, "9^0", "d_01hz", false, false, true, V_RETRY},
        {R("false", "MOBILE_IN_BLACK"), 1, "9^0", "d_01hz", false, false, true, V_REFUSED},
        {R("false", "INVALID_NUMBER"), 1, "9^0", "d_01hz", false, false, true, V_GONE},
        {R("false", "CONTENT_KEYWORD"), 1, "9^0", "d_01hz", false, false, true, V_REJECTED},
        {R("7", "X"), 0, "", "", false, false, false, V_DELIVERED},
        {"[]", 0, "", "", false, false, false, V_DELIVERED},
        {"[7,null,[],{\"success\":true}]", 0, "", "", false, false, false, V_DELIVERED},
        {"[{\"success\":true,\"biz_id\":123456789012345678,\"out_id\":\"no id\"}]", 1, "123456789012345678", "", false, true,
         true, V_DELIVERED},
    };
    receipts_are(p, "key=" KEY, rows, ARRAY_N(rows), "{\"code\":0,\"msg\":\"ok\"}");
    receipts_are_guarded(p, R("true", "DELIVERED"));

    struct push_receipt *list = NULL;
    const char
        *said = "",
        *body =
            "[{\"success\":true,\"biz_id\":\"1\"},7,{\"success\":false,\"biz_id\":\"2\"},{\"success\":true,\"out_id\":\"d_3\"}]";
    size_t n = 0;
    assert_int_equal(provider_kind(p)->receipts(p, a, "key=" KEY, NULL, 0, body, strlen(body), AT_MS, &list, &n, &said), ERR_OK);
    assert_int_equal(n, 3);
    assert_string_equal(list[1].ref, "2");
    assert_string_equal(list[2].id, "d_3");

    struct provider *q = make("aliyun_sms", base, (const char *const[]){"receipt_key", NULL, NULL});
    assert_int_equal(receipt_error(q, "key=", R("true", "")), ERR_AUTH); /* none is taken without a key of ours */
    provider_free(q);
}

static void t_section(void **state) {
    (void)state;
    no_provider("aliyun_sms", base, (const char *const[]){"access_key_id", NULL, NULL}, "access_key_id");
    no_provider("aliyun_sms", base, (const char *const[]){"access_key_secret", "/nowhere", NULL}, "access_key_secret");
    no_provider("aliyun_sms", base, (const char *const[]){"receipt_key", file("texts", "short"), NULL}, "at least 16");
    no_provider("aliyun_sms", base, (const char *const[]){"sign_name", "【某市】", NULL}, "signature");
    no_provider("aliyun_sms", base, (const char *const[]){"template.task.due_soon", "SMS_1 task=title2", NULL}, "title2");
    no_provider("aliyun_sms", base, (const char *const[]){"template.task.due_soon", "SMS_1 a=t,a=x", NULL}, "twice");
    no_provider(
        "aliyun_sms", base,
        (const char *const[]){"template.task.due_soon", "SMS_1 a=t,b=t,c=t,d=t,e=t,f=t,g=t,h=t,i=t,j=t,k=t,l=t,m=t", NULL},
        "at most 12");
    no_provider("aliyun_sms", base, (const char *const[]){"texts", file("texts", "SMS_100000001 任务${task}${words}\n"), NULL},
                "side by side");
    no_provider("aliyun_sms", base, (const char *const[]){"texts", file("texts", "SMS_100000001 任务${task}。\n"), NULL},
                "no place for variable 2");
    no_provider("aliyun_sms", base,
                (const char *const[]){"texts", file("texts", "SMS_100000001 ${task}，${words}，${who}\n"), NULL}, "who");
    provider_free(make("aliyun_sms", base,
                       (const char *const[]){"texts", file("texts", "SMS_1 x\nSMS_100000001 任务${task}，${words}。\n"), NULL}));
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(t_request), cmocka_unit_test(t_refused),  cmocka_unit_test(t_brackets),
                                       cmocka_unit_test(t_answers), cmocka_unit_test(t_receipts), cmocka_unit_test(t_section)};
    return cmocka_run_group_tests(tests, setup, teardown);
}
