/* SPDX-License-Identifier: Apache-2.0
 *
 * Calls at Tencent Cloud: the request, every code, the three callbacks.
 */
#include "kindkit.h"

static const char *base[] = {"secret_id", "testid",     "secret_key",       NULL,     "receipt_key", NULL,
                             "app_id",    "1400006666", "template.default", "4356 x", NULL};

static struct provider *p;

static int setup(void **state) {
    if (kind_setup(state)) return -1;
    base[3] = file("secret", "testsecret");
    base[5] = file("key", KEY);
    p       = make("tencent_voice", base, NULL);
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
    const struct push_var vars[] = {{"x", "7652"}};
    m.id                         = "m-1";
    m.vars                       = vars;
    m.vars_n                     = 1;
    struct http_call c           = call_ok(p, &m, "");
    assert_string_equal(c.url, "https://vms.tencentcloudapi.com/");
    assert_string_equal(c.body, "{\"TemplateId\":\"4356\",\"CalledNumber\":\"+8613800138000\",\"VoiceSdkAppid\":\"1400006666\","
                                "\"TemplateParamSet\":[\"7652\"],"
                                "\"PlayTimes\":2,\"SessionContext\":\"m-1\"}");
    assert_string_equal(
        header_of(&c, "Authorization"),
        "TC3-HMAC-SHA256 Credential=testid/2026-01-02/vms/tc3_request, SignedHeaders=content-type;host;x-tc-action, "
        "Signature=083b2d6fa8a7439a3d396f595b89173df450d82ec43aa8ffeafea60697c3f366");
    assert_string_equal(header_of(&c, "X-TC-Action"), "SendTtsVoice");
    assert_string_equal(header_of(&c, "X-TC-Version"), "2020-09-02");
}

static void t_refused(void **state) {
    (void)state;
    struct push_msg m = message("");
    call_refused(p, &m, "mobile");
    char long_text[3 * 400] = "";
    for (int i = 0; i < 351; i++) memcpy(long_text + 3 * i, "长", 4);
    const struct push_var vars[] = {{"x", long_text}};
    m                            = message(PHONE);
    m.vars                       = vars;
    m.vars_n                     = 1;
    call_refused(p, &m, "350");
    long_text[3 * 350] = '\0';
    (void)call_ok(p, &m, "");
}

#define E(code) "{\"Response\":{\"Error\":{\"Code\":\"" code "\",\"Message\":\"m\"},\"RequestId\":\"r\"}}"
static void t_answers(void **state) {
    (void)state;
    struct push_msg                m      = message(PHONE);
    static const struct answer_row rows[] = {
        {200, "{\"Response\":{\"SendStatus\":{\"CallId\":\"8f1c-4\",\"SessionContext\":\"d\"},\"RequestId\":\"r\"}}", V_SENT, 0,
         "8f1c-4"},
        {200, "{\"Response\":{\"SendStatus\":{\"SessionContext\":\"d\"},\"RequestId\":\"r\"}}", V_UNKNOWN, 0, ""},
        {200, E("RequestLimitExceeded"), V_THROTTLED, 0, ""},
        {200, E("FailedOperation.ContainSensitiveWord"), V_REJECTED, 0, ""},
        {200, E("FailedOperation.FailResolvePacket"), V_CONFIG, 0, ""},
        {200, E("FailedOperation.InsufficientBalanceInVoicePackage"), V_CONFIG, 0, ""},
        {200, E("FailedOperation.InvalidJsonParameters"), V_CONFIG, 0, ""},
        {200, E("FailedOperation.InvalidParameters"), V_CONFIG, 0, ""},
        {200, E("FailedOperation.JsonParseFail"), V_CONFIG, 0, ""},
        {200, E("FailedOperation.ParametersOtherError"), V_CONFIG, 0, ""},
        {200, E("FailedOperation.PhonenumberUnappliedOrExpired"), V_CONFIG, 0, ""},
        {200, E("FailedOperation.TemplateIncorrectOrUnapproved"), V_CONFIG, 0, ""},
        {200, E("InternalError.AccessUpstreamTimeout"), V_UNKNOWN, 0, ""},
        {200, E("InternalError.RequestTimeException"), V_CONFIG, 0, ""},
        {200, E("InternalError.RestApiInterfaceNotExist"), V_CONFIG, 0, ""},
        {200, E("InternalError.SigVerificationFail"), V_AUTH, 0, ""},
        {200, E("InternalError.UpstreamError"), V_RETRY, 0, ""},
        {200, E("InvalidParameterValue.CalledNumberVerifyFail"), V_GONE, 0, ""},
        {200, E("InvalidParameterValue.ContentLengthLimit"), V_REJECTED, 0, ""},
        {200, E("InvalidParameterValue.SdkAppidNotExist"), V_CONFIG, 0, ""},
        {200, E("LimitExceeded.DeliveryFrequencyLimit"), V_QUOTA, 3600000, ""},
        {200, E("UnauthorizedOperation.SdkAppidIsDisabled"), V_CONFIG, 0, ""},
        {200, E("UnauthorizedOperation.ServiceSuspendDueToArrears"), V_CONFIG, 0, ""},
        {200, E("UnauthorizedOperation.VoiceSdkAppidVerifyFail"), V_CONFIG, 0, ""},
        {200, E("UnsupportedOperation"), V_CONFIG, 0, ""},
        {200, E("AuthFailure.SignatureExpire"), V_CONFIG, 0, ""},
        {200, E("AuthFailure.SignatureFailure"), V_AUTH, 0, ""},
    };
    answers(p, &m, rows, ARRAY_N(rows));
    hostile_answers(p, &m);
    limit_is(p, &m, E("LimitExceeded.DeliveryFrequencyLimit"), true);
}

static void t_receipts(void **state) {
    (void)state;
#define PROMPT(result)                                                                                                           \
    "{\"voiceprompt_callback\":{\"result\":\"" result "\",\"callid\":\"8f1c\",\"mobile\":\"" PHONE "\",\"nationcode\":\"86\"}}"
#define PRESSED(key) "{\"voicekey_callback\":{\"keypress\":\"" key "\",\"callid\":\"8f1c\",\"mobile\":\"" PHONE "\"}}"
#define FAILED(code, verdict)                                                                                                    \
    {                                                                                                                            \
        "{\"voice_failure_callback\":{\"failure_code\":" code ",\"failure_reason\":\"r\",\"callid\":\"8f1c\"}}", 1, "8f1c", "",  \
            false, false, true, verdict                                                                                          \
    }
    static const struct receipt_row rows[] = {
        {PROMPT("0"), 1, "8f1c", "", false, true, true, V_DELIVERED},
        {PROMPT("1"), 1, "8f1c", "", false, false, true, V_RETRY},
        {PROMPT("2"), 1, "8f1c", "", false, false, true, V_RETRY},
        {PROMPT("7"), 0, "", "", false, false, false, V_DELIVERED},
        {"[" PROMPT("0") "]", 1, "8f1c", "", false, true, true, V_DELIVERED},
        {PRESSED("1"), 1, "8f1c", "", true, true, false, V_DELIVERED},
        {PRESSED("3"), 1, "8f1c", "", false, true, false, V_DELIVERED},
        {PRESSED(""), 1, "8f1c", "", false, true, false, V_DELIVERED},
        FAILED("1", V_RETRY),
        FAILED("2", V_RETRY),
        FAILED("3", V_RETRY),
        FAILED("\"4\"", V_RETRY),
        FAILED("5", V_RETRY),
        FAILED("6", V_RETRY),
        FAILED("7", V_GONE),
        FAILED("8", V_GONE),
        FAILED("9", V_RETRY),
        FAILED("10", V_RETRY),
        FAILED("11", V_RETRY),
        FAILED("12", V_REJECTED),
        FAILED("13", V_GONE),
        FAILED("15", V_GONE),
        FAILED("16", V_RETRY),
        FAILED("17", V_RETRY),
        FAILED("18", V_RETRY),
        FAILED("19", V_RETRY),
        FAILED("20", V_RETRY),
        FAILED("21", V_RETRY),
        {"{}", 0, "", "", false, false, false, V_DELIVERED},
        {"{\"voiceprompt_callback\":7}", 0, "", "", false, false, false, V_DELIVERED},
        {"{\"voice_failure_callback\":{\"callid\":\"1\"}}", 0, "", "", false, false, false, V_DELIVERED},
    };
    receipts_are(p, "key=" KEY, rows, ARRAY_N(rows), "{\"result\":0,\"errmsg\":\"OK\"}");
    receipts_are_guarded(p, PROMPT("0"));
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(t_request), cmocka_unit_test(t_refused), cmocka_unit_test(t_answers),
                                       cmocka_unit_test(t_receipts)};
    return cmocka_run_group_tests(tests, setup, teardown);
}
