/* SPDX-License-Identifier: Apache-2.0
 *
 * Kind huawei: what is asked of it, what it asks for, and every row of the vendor's table of results.
 */
#include "tests/unit/vendorkit.h"

#define TOKEN "AIhuaweitokenAIhuawei"

static const char *const good[] = {"kind", "huawei", "app_id", "100123", "secret_file", "@", NULL};

static void t_options(void **state) {
    (void)state;
    static const struct vk_bad bad[] = {
        {"app_id", "100/../x", NULL},       {"app_id", "", NULL},
        {"importance", "LOUD", NULL},       {"importance", "LOW|NORMAL", NULL},
        {"category", "W O R K", NULL},      {"token_url", "ftp://x", NULL},
        {"receipt_id", "a b", NULL},        {"secret_file", "/nonexistent/x", NULL},
        {"secret_file", NULL, "two words"}, {"secret_file", NULL, "\n"},
        {"secret_file", NULL, "zwölf"},     {"colour", "red", NULL},
    };
    vk_refused(good, VK_SECRET, bad, ARRAY_N(bad));
    const char *long_tap[] = {"kind", "huawei", "app_id", "1", "secret_file", "@", "tap", NULL, NULL};
    char        tap[602];
    struct vk   k;
    memset(tap, 'x', sizeof tap - 1);
    tap[sizeof tap - 1] = '\0';
    long_tap[7]         = tap;
    assert_int_equal(vk_try(&k, VK_SECRET, long_tap), ERR_INPUT);
    assert_non_null(strstr(k.why, "tap"));
    vk_close(&k);
    vk_open(&k, VK_SECRET "\n", good);
    assert_string_equal(provider_kind(k.p)->channel, "push");
    assert_string_equal(provider_kind(k.p)->vendor, "huawei");
    assert_null(provider_kind(k.p)->receipts);
    vk_close(&k);
}

static void t_credential(void **state) {
    (void)state;
    struct vk k;
    vk_open(&k, VK_SECRET, good);
    assert_int_equal(provider_kind(k.p)->cred_call(k.p, k.a, vk_at("10:00"), &k.call), ERR_OK);
    assert_string_equal(k.call.url, "https://oauth-login.cloud.huawei.com/oauth2/v3/token");
    assert_string_equal(vk_header(&k.call, "Content-Type"), "application/x-www-form-urlencoded");
    assert_int_equal(vk_fields_n(&k), 3);
    assert_string_equal(vk_field(&k, "grant_type"), "client_credentials");
    assert_string_equal(vk_field(&k, "client_id"), "100123");
    assert_string_equal(vk_field(&k, "client_secret"), VK_SECRET);
    struct vk_cred c =
        vk_cred_answer(&k, 200, "{\"access_token\":\"CF3\\/abc==\",\"expires_in\":3600,\"token_type\":\"Bearer\"}");
    assert_int_equal(c.verdict, V_SENT);
    assert_string_equal(c.cred, "CF3/abc=="); /* their \/ is / */
    assert_int_equal(c.life_ms, 3600000);
    assert_int_equal(vk_cred_answer(&k, 200, "{\"access_token\":\"t\"}").life_ms, 3600000);
    assert_int_equal(vk_cred_answer(&k, 200, "{\"access_token\":\"t\",\"expires_in\":-5}").life_ms, 60000);
    assert_int_equal(vk_cred_answer(&k, 200, "{\"access_token\":\"t\",\"expires_in\":1e15}").life_ms, 86400000);
    vk_cred_want(&k, 400, "{\"error\":1101,\"error_description\":\"invalid client\"}", V_CONFIG);
    vk_cred_hostile(&k);
    vk_close(&k);
}

static void t_message(void **state) {
    (void)state;
    struct vk       k;
    struct push_msg m = vk_msg(TOKEN);
    vk_open(&k, VK_SECRET, good);
    vk_call(&k, &m, "tok/en==", vk_at("10:00"));
    assert_string_equal(k.call.url, "https://push-api.cloud.huawei.com/v1/100123/messages:send");
    assert_string_equal(vk_header(&k.call, "Authorization"), "Bearer tok/en==");
    assert_string_equal(vk_header(&k.call, "Content-Type"), "application/json; charset=UTF-8");
    assert_int_equal(k.call.headers_n, 2);
    assert_string_equal(
        vk_leaves(&k, vk_body(&k)),
        "validate_only=false\nmessage.data={\"object\":\"task:NP2018-01\",\"notice\":\"n-77\"}\nmessage.android.collapse_key=-1\n"
        "message.android.ttl=7200s\nmessage.android.category=WORK\nmessage.android.bi_tag=d-0001\n"
        "message.android.notification.title=新任务待签收\nmessage.android.notification.body=新任务「某事」，请登录掌办办理。\n"
        "message.android.notification.click_action.type=3\nmessage.android.notification.tag=n-77\n"
        "message.android.notification.importance=NORMAL\nmessage.token[0]=" TOKEN "\n");
    vk_close(&k);
}

static void t_options_in_message(void **state) {
    (void)state;
    static const char *const all[] = {"kind",        "huawei",
                                      "app_id",      "100123",
                                      "secret_file", "@",
                                      "category",    "",
                                      "importance",  "HIGH",
                                      "channel_id",  "duty",
                                      "receipt_id",  "RCP1",
                                      "tap",         "intent://cn.np/open?o={object}#Intent;scheme=zb;end",
                                      "base_url",    "http://127.0.0.1:9",
                                      "token_url",   "http://127.0.0.1:9/t",
                                      NULL};
    struct vk                k;
    struct push_msg          m = vk_msg(TOKEN);
    vk_open(&k, VK_SECRET, all);
    m.ttl_s = 0;
    vk_call(&k, &m, "t", 0);
    assert_string_equal(k.call.url, "http://127.0.0.1:9/v1/100123/messages:send");
    assert_string_equal(vk_leaf(&k, "message.android.ttl"), "1s");
    assert_null(vk_leaf(&k, "message.android.category"));
    assert_string_equal(vk_leaf(&k, "message.android.receipt_id"), "RCP1");
    assert_string_equal(vk_leaf(&k, "message.android.notification.channel_id"), "duty");
    assert_string_equal(vk_leaf(&k, "message.android.notification.importance"), "HIGH");
    assert_string_equal(vk_leaf(&k, "message.android.notification.click_action.type"), "1");
    assert_string_equal(vk_leaf(&k, "message.android.notification.click_action.intent"),
                        "intent://cn.np/open?o=task%3ANP2018-01#Intent;scheme=zb;end");
    m.ttl_s  = 99999999;
    m.object = ""; /* nothing to open: the app */
    vk_call(&k, &m, "t", 0);
    assert_string_equal(vk_leaf(&k, "message.android.ttl"), "1296000s");
    assert_string_equal(vk_leaf(&k, "message.android.notification.click_action.type"), "3");
    assert_int_equal(provider_kind(k.p)->cred_call(k.p, k.a, 0, &k.call), ERR_OK);
    assert_string_equal(k.call.url, "http://127.0.0.1:9/t");
    vk_close(&k);
}

/* The longest of everything, four bytes a character, quotes, control characters: below 4096 bytes, cut at a character, never
 * refused. */
static void t_limits(void **state) {
    (void)state;
    struct vk          k;
    struct push_msg    m      = vk_msg(TOKEN);
    static const char *ones[] = {"a", "\"", "\\", "\x01", "\n", "督", "😀"};
    vk_open(&k, VK_SECRET, good);
    for (size_t i = 0; i < ARRAY_N(ones); i++) {
        m.title = vk_many(&k, ones[i], 400);
        m.text  = vk_many(&k, ones[i], 5000);
        vk_call(&k, &m, "t", 0);
        assert_true(k.call.body_n <= 4096 + strlen(TOKEN));
        const char *title = vk_leaf(&k, "message.android.notification.title"),
                   *body  = vk_leaf(&k, "message.android.notification.body");
        assert_true(vk_chars(title) <= 40 && vk_chars(body) <= 500);
        assert_true(vk_ends(title, "…") && vk_ends(body, "…"));
        assert_true(vk_chars(body) >= 249); /* and not cut more than needed */
        assert_null(strpbrk(body, "\x01\n"));
    }
    m.text = vk_many(&k, "督", 500); /* fits: whole */
    vk_call(&k, &m, "t", 0);
    assert_string_equal(vk_leaf(&k, "message.android.notification.body"), m.text);
    m.target = vk_many(&k, "t", 20000);
    assert_int_equal(vk_no_call(&k, &m, 0).verdict, V_REJECTED);
    vk_close(&k);
}

static void t_results(void **state) {
    (void)state;
    static const struct {
        const char  *code;
        enum verdict verdict;
    } rows[] = {
        {"80000000", V_SENT},     {"80100001", V_REJECTED}, {"80100002", V_REJECTED}, {"80100003", V_REJECTED},
        {"80100004", V_REJECTED}, {"80100013", V_REJECTED}, {"80100016", V_REJECTED}, {"80100017", V_THROTTLED},
        {"80100018", V_CONFIG},   {"80100022", V_REJECTED}, {"80200001", V_AUTH},     {"80200003", V_AUTH},
        {"80200005", V_AUTH},     {"80300002", V_CONFIG},   {"80300007", V_GONE},     {"80300008", V_REJECTED},
        {"80300010", V_CONFIG},   {"80300011", V_CONFIG},   {"80300013", V_CONFIG},   {"80300029", V_CONFIG},
        {"80300030", V_CONFIG},   {"80300036", V_CONFIG},   {"80300037", V_CONFIG},   {"80600003", V_RETRY},
        {"81000001", V_RETRY},    {"80600999", V_RETRY},    {"81000777", V_RETRY},    {"80399999", V_CONFIG},
        {"80100000", V_UNKNOWN},
    };
    struct vk       k;
    struct push_msg m = vk_msg(TOKEN);
    vk_open(&k, VK_SECRET, good);
    for (size_t i = 0; i < ARRAY_N(rows); i++) {
        vk_want(&k, &m, 200,
                arena_printf(k.a, "{\"code\":\"%s\",\"msg\":\"about " TOKEN "\",\"requestId\":\"157440955549500001002006\"}",
                             rows[i].code),
                rows[i].verdict);
        vk_want(&k, &m, 200, arena_printf(k.a, "{\"code\":%s}", rows[i].code), rows[i].verdict);
        if (rows[i].verdict != V_SENT)
            vk_want(&k, &m, 400, arena_printf(k.a, "{\"code\":\"%s\"}", rows[i].code), rows[i].verdict);
    }
    struct push_answer sent =
        vk_answer(&k, &m, 200, "{\"code\":\"80000000\",\"msg\":\"Success\",\"requestId\":\"157440955549500001002006\"}");
    assert_string_equal(sent.ref, "157440955549500001002006");
    const struct http_header later = {"retry-after", "3"};
    struct http_answer       flow  = {.status = 503, .header = &later, .headers_n = 1, .body = "{}", .body_n = 2};
    struct push_answer       out   = vk_answer_at(&k, &m, &flow, 0);
    assert_int_equal(out.verdict, V_THROTTLED);
    assert_int_equal(out.wait_ms, 3000);
    vk_hostile(&k, &m, "code", "80000000");
    vk_want(&k, &m, 503, "{\"code\":\"80000000\"}", V_THROTTLED);
    vk_close(&k);
}

/* Lists of refused tokens: a JSON text in msg, of either generation. */
static void t_partial(void **state) {
    (void)state;
    static const struct {
        const char  *code, *msg;
        enum verdict verdict;
    } rows[] = {
        {"80100000", "{\\\"success\\\":0,\\\"failure\\\":1,\\\"illegal_tokens\\\":[\\\"" TOKEN "\\\"]}", V_GONE},
        {"80100000", "{\\\"success\\\":1,\\\"failure\\\":1,\\\"illegal_tokens\\\":[\\\"" TOKEN "\\\"]}", V_GONE},
        {"80100000", "{\\\"success\\\":1,\\\"failure\\\":1,\\\"illegal_tokens\\\":[\\\"another\\\"]}", V_SENT},
        {"80100000", "{\\\"success\\\":0,\\\"failure\\\":1,\\\"illegal_tokens\\\":[\\\"AIhua***\\\"]}", V_GONE},
        {"80100000", "{\\\"success\\\":1,\\\"failure\\\":0,\\\"illegal_tokens\\\":[]}", V_SENT},
        {"80100000", "{\\\"success\\\":0,\\\"failure\\\":1}", V_UNKNOWN},
        {"80100000", "{\\\"success\\\":\\\"many\\\"}", V_UNKNOWN},
        {"80100000", "Partial", V_UNKNOWN},
        {"80100000", "{\\\"illegalTokens\\\":{\\\"tokenFormatError\\\":[\\\"" TOKEN "\\\"]}}", V_GONE},
        {"80100000", "{\\\"illegalTokens\\\":{\\\"tokenPlatformNotSupport\\\":[\\\"" TOKEN "\\\"]}}", V_GONE},
        {"80100000", "{\\\"illegalTokens\\\":{\\\"noRight\\\":[\\\"" TOKEN "\\\"]}}", V_GONE},
        {"80100000", "{\\\"illegalTokens\\\":{\\\"noPushTypeRight\\\":[\\\"" TOKEN "\\\"]}}", V_CONFIG},
        {"80100000", "{\\\"illegalTokens\\\":{\\\"disableSendHuaweiMsgBecauseOfPenalty\\\":[\\\"" TOKEN "\\\"]}}", V_CONFIG},
        {"80100000", "{\\\"illegalTokens\\\":{\\\"appinfoError\\\":[\\\"" TOKEN "\\\"]}}", V_CONFIG},
        {"80100000", "{\\\"illegalTokens\\\":{\\\"countryNotSupport\\\":[\\\"" TOKEN "\\\"]}}", V_REJECTED},
        {"80100000", "{\\\"illegalTokens\\\":{\\\"something new\\\":[\\\"" TOKEN "\\\"]}}", V_CONFIG},
        {"80100000", "{\\\"illegalTokens\\\":{\\\"noPushTypeRight\\\":[\\\"x\\\"],\\\"noRight\\\":[\\\"" TOKEN "\\\"]}}", V_GONE},
        {"80100000", "{\\\"success\\\":1,\\\"illegalTokens\\\":{\\\"noRight\\\":[\\\"x\\\"]}}", V_SENT},
        {"80100000", "{\\\"illegalTokens\\\":{\\\"noRight\\\":[],\\\"noPushTypeRight\\\":[\\\"AIhua***\\\"]}}", V_CONFIG},
        {"80100000", "{\\\"illegalTokens\\\":[[[[1]]]]}", V_GONE},
        {"80100000", "{\\\"illegalTokens\\\":7,\\\"illegal_tokens\\\":{}}", V_UNKNOWN},
        {"80300007", "{\\\"illegalTokens\\\":{\\\"noPushTypeRight\\\":[\\\"" TOKEN "\\\"]}}", V_CONFIG},
        {"80300007", "{\\\"illegalTokens\\\":{\\\"tokenFormatError\\\":[\\\"" TOKEN "\\\"]}}", V_GONE},
        {"80300007", "{\\\"success\\\":1}", V_GONE},
        {"80300007", "All the tokens are invalid", V_GONE},
    };
    struct vk       k;
    struct push_msg m = vk_msg(TOKEN);
    vk_open(&k, VK_SECRET, good);
    for (size_t i = 0; i < ARRAY_N(rows); i++)
        vk_want(&k, &m, 200, arena_printf(k.a, "{\"code\":\"%s\",\"msg\":\"%s\",\"requestId\":\"1\"}", rows[i].code, rows[i].msg),
                rows[i].verdict);
    vk_want(&k, &m, 200, "{\"code\":\"80100000\",\"msg\":{\"illegalTokens\":{\"noRight\":\"" TOKEN "\"}}}",
            V_GONE); /* not in a text */
    vk_want(&k, &m, 400, "{\"code\":\"80100000\",\"msg\":\"{\\\"success\\\":1}\"}",
            V_UNKNOWN); /* says both; found by the fuzzer */
    vk_close(&k);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(t_options), cmocka_unit_test(t_credential),
        cmocka_unit_test(t_message), cmocka_unit_test(t_options_in_message),
        cmocka_unit_test(t_limits),  cmocka_unit_test(t_results),
        cmocka_unit_test(t_partial),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
