/* SPDX-License-Identifier: Apache-2.0
 *
 * SMS at Tencent Cloud: the request, every code of the call and of the number, callbacks.
 */
#include "kindkit.h"

#include "push/cloud_sign.h"

static const char *base[] = {"secret_id", "testid",     "secret_key",       NULL,       "receipt_key", NULL,
                             "app_id",    "1400000001", "template.default", "100001 x", NULL};

static struct provider *p;

static int setup(void **state) {
    if (kind_setup(state)) return -1;
    base[3] = file("secret", "testsecret\n");
    base[5] = file("key", KEY "\n");
    p       = make("tencent_sms", base, NULL);
    return 0;
}
static int teardown(void **state) {
    provider_free(p);
    return kind_teardown(state);
}

/* The published example, letter by letter. */
static void t_request(void **state) {
    (void)state;
    struct push_msg       m      = message(PHONE);
    const struct push_var vars[] = {{"x", "1234"}};
    m.id                         = "m-1";
    m.vars                       = vars;
    m.vars_n                     = 1;
    struct http_call c           = call_ok(p, &m, "");
    assert_string_equal(c.url, "https://sms.tencentcloudapi.com/");
    assert_int_equal(c.body_n, 163);
    assert_string_equal(c.body, "{\"PhoneNumberSet\":[\"+8613800138000\"],\"SmsSdkAppId\":\"1400000001\",\"SignName\":"
                                "\"某市政务\",\"TemplateId\":\"100001\","
                                "\"TemplateParamSet\":[\"1234\"],\"SessionContext\":\"m-1\"}");
    assert_string_equal(
        header_of(&c, "Authorization"),
        "TC3-HMAC-SHA256 Credential=testid/2026-01-02/sms/tc3_request, SignedHeaders=content-type;host;x-tc-action, "
        "Signature=3e25c1e44c0d7f57507a28d9dc7dd4880c41285291711704bd76a62d59a32f05");
    assert_string_equal(header_of(&c, "X-TC-Action"), "SendSms");
    assert_string_equal(header_of(&c, "X-TC-Version"), "2021-01-11");
    assert_string_equal(header_of(&c, "X-TC-Region"), "ap-guangzhou");
    assert_string_equal(header_of(&c, "X-TC-Timestamp"), "1767323045");
}

static void t_refused(void **state) {
    (void)state;
    struct push_msg m = message("+8613800138000");
    call_refused(p, &m, "mobile");
    m           = message(PHONE);
    m.signature = "";
    call_refused(p, &m, "2 to 12");
    struct provider *q =
        make("tencent_sms", base, (const char *const[]){"texts", file("texts", "100001 {1}。以下为固定文字"), NULL});
    char long_text[3 * 500 + 1] = "";
    for (int i = 0; i < 486; i++) memcpy(long_text + 3 * i, "长", 4);
    const struct push_var vars[] = {{"x", long_text}};
    m                            = message(PHONE);
    m.vars                       = vars;
    m.vars_n                     = 1;
    (void)call_ok(q, &m, ""); /* 486 + 8 + 4 + 2 = 500 */
    memcpy(long_text + 3 * 486, "长", 4);
    call_refused(q, &m, "500");
    (void)call_ok(p, &m, ""); /* where the text is not known, only the values count */
    provider_free(q);
}

#define N(code)                                                                                                                  \
    "{\"Response\":{\"SendStatusSet\":[{\"SerialNo\":\"\",\"PhoneNumber\":\"+8613800138000\",\"Fee\":0,\"Code\":\"" code         \
    "\",\"Message\":\"m\"}],\"RequestId\":\"r\"}}"
#define E(code) "{\"Response\":{\"Error\":{\"Code\":\"" code "\",\"Message\":\"" PHONE "\"},\"RequestId\":\"r\"}}"
static void t_answers(void **state) {
    (void)state;
    const int64_t           night  = (12 * 3600 + 55 * 60 + 55) * 1000;
    struct push_msg         m      = message(PHONE);
    const struct answer_row rows[] = {
        {200,
         "{\"Response\":{\"SendStatusSet\":[{\"SerialNo\":\"2640:1\",\"PhoneNumber\":\"+8613800138000\",\"Fee\":1,"
         "\"SessionContext\":\"d\",\"Code\":\"Ok\"}]}}",
         V_SENT, 0, "2640:1"},
        /* mixed results: that of our number counts */
        {200,
         "{\"Response\":{\"SendStatusSet\":[{\"SerialNo\":\"1\",\"PhoneNumber\":\"+8613900139000\",\"Code\":\"Ok\"},{"
         "\"SerialNo\":\"\",\"PhoneNumber\":\"+8613800138000\","
         "\"Code\":\"FailedOperation.PhoneNumberInBlacklist\"}]}}",
         V_REFUSED, 0, ""},
        {200, "{\"Response\":{\"SendStatusSet\":[{\"SerialNo\":\"1\",\"PhoneNumber\":\"+8613900139000\",\"Code\":\"Ok\"}]}}",
         V_UNKNOWN, 0, ""},
        {200, "{\"Response\":{\"SendStatusSet\":[]}}", V_UNKNOWN, 0, ""},
        {200, N("InternalError.Timeout"), V_RETRY, 0, ""},
        {200, N("InternalError.OtherError"), V_RETRY, 0, ""},
        {200, E("RequestLimitExceeded"), V_THROTTLED, 0, ""},
        {200, E("RequestLimitExceeded.UinLimitExceeded"), V_THROTTLED, 0, ""},
        {200, N("LimitExceeded.DeliveryFrequencyLimit"), V_RETRY, 60000, ""},
        {200, N("LimitExceeded.PhoneNumberThirtySecondLimit"), V_RETRY, 30000, ""},
        {200, N("LimitExceeded.PhoneNumberOneHourLimit"), V_QUOTA, 3600000, ""},
        {200, N("LimitExceeded.PhoneNumberDailyLimit"), V_QUOTA, 86400000, ""},
        {200, N("LimitExceeded.AppDailyLimit"), V_QUOTA, night, ""},
        {200, N("InvalidParameterValue.IncorrectPhoneNumber"), V_GONE, 0, ""},
        {200, N("FailedOperation.PhoneNumberInBlacklist"), V_REFUSED, 0, ""},
        {200, N("InvalidParameterValue.ContentLengthLimit"), V_REJECTED, 0, ""},
        {200, N("FailedOperation.SignatureIncorrectOrUnapproved"), V_CONFIG, 0, ""},
        {200, N("FailedOperation.TemplateIncorrectOrUnapproved"), V_CONFIG, 0, ""},
        {200, E("InvalidParameterValue.SdkAppIdNotExist"), V_CONFIG, 0, ""},
        {200, E("AuthFailure.SecretIdNotFound"), V_AUTH, 0, ""},
        {200, E("AuthFailure.SignatureFailure"), V_AUTH, 0, ""},
        {200, E("AuthFailure.SignatureExpire"), V_CONFIG, 0, ""},
        {200, E("UnauthorizedOperation.RequestIpNotInWhitelist"), V_CONFIG, 0, ""},
        {200, N("FailedOperation.ContainSensitiveWord"), V_REJECTED, 0, ""},
        {200, E("InternalError"), V_RETRY, 0, ""},
        {200, E("MissingParameter"), V_CONFIG, 0, ""},
        {200, N("FailedOperation.SomethingNew"), V_REJECTED, 0, ""},
    };
    answers(p, &m, rows, ARRAY_N(rows));
    hostile_answers(p, &m);
    limit_is(p, &m, N("LimitExceeded.PhoneNumberThirtySecondLimit"), true);
    limit_is(p, &m, N("LimitExceeded.PhoneNumberDailyLimit"), true);
    limit_is(p, &m, N("LimitExceeded.AppDailyLimit"), false);
    limit_is(p, &m, E("InternalError"), false);
}

static void t_receipts(void **state) {
    (void)state;
#define R(status, err)                                                                                                           \
    "[{\"user_receive_time\":\"2026-01-02 11:04:06\",\"nationcode\":\"86\",\"mobile\":\"" PHONE "\",\"report_status\":\"" status \
    "\",\"errmsg\":\"" err "\",\"description\":\"d\",\"sid\":\"2640:1\"}]"
    static const struct receipt_row rows[] = {
        {R("SUCCESS", "DELIVRD"), 1, "2640:1", "", false, true, true, V_DELIVERED},
        {R("FAIL", "UNDELIV"), 1, "2640:1", "", false, false, true, V_RETRY},
        {R("FAIL", "BLACK"), 1, "2640:1", "", false, false, true, V_REFUSED},
        {R("MAYBE", ""), 0, "", "", false, false, false, V_DELIVERED},
        {"[{\"report_status\":\"SUCCESS\",\"sid\":\"1\",\"ext\":\"d_01hz\"}]", 1, "1", "d_01hz", false, true, true, V_DELIVERED},
        {"[{\"report_status\":\"SUCCESS\"},0]", 0, "", "", false, false, false, V_DELIVERED},
    };
    receipts_are(p, "key=" KEY, rows, ARRAY_N(rows), "{\"result\":0,\"errmsg\":\"OK\"}");
    receipts_are_guarded(p, R("SUCCESS", ""));
}

static void t_section(void **state) {
    (void)state;
    no_provider("tencent_sms", base, (const char *const[]){"app_id", NULL, NULL}, "app_id");
    no_provider("tencent_sms", base, (const char *const[]){"template.default", "100001 a=t", NULL}, "is not variable");
    no_provider("tencent_sms", base, (const char *const[]){"template.default", "100001 t,unknown", NULL}, "unknown");
    no_provider("tencent_sms", base, (const char *const[]){"texts", file("texts", "100001 {1}和{2}"), NULL}, "variable {2}");
    no_provider("tencent_sms", base, (const char *const[]){"texts", file("texts", "100001 {1}"), NULL}, "nothing but variables");
    no_provider("tencent_sms", base, (const char *const[]){"texts", file("texts", "100001 【某市】{1}"), NULL},
                "second signature");
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(t_request), cmocka_unit_test(t_refused), cmocka_unit_test(t_answers),
                                       cmocka_unit_test(t_receipts), cmocka_unit_test(t_section)};
    return cmocka_run_group_tests(tests, setup, teardown);
}
