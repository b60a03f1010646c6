/* SPDX-License-Identifier: Apache-2.0
 *
 * Feishu: options, token, card, every code with HTTP 200 and 400, readers asked for and told by event, 加急.
 */
#include "officekit.h"

#define ERR_STATE openssl_err_state /* a typedef of OpenSSL bears the name of one of our errors */
#include <openssl/sha.h>
#undef ERR_STATE

static const struct opt good[] = {
    {"app_id", "cli_1"}, {"app_secret_file", "s\"1"}, {"open_url", "https://zb.example.gov.cn/m"}, {"id_type", "open_id"}, {"buzz", "phone"},
    {"buzz_priority", "0"}, {"encrypt_key_file", "test key"}, {"verification_token_file", "xxxxxx"}, {"read_state", "true"},
};

static void with(struct ok *k, const char *name, const char *value) {
    struct opt o[ARRAY_N(good)];
    memcpy(o, good, sizeof good);
    for (size_t i = 0; i < ARRAY_N(o); i++)
        if (strcmp(o[i].name, name) == 0) o[i].value = value;
    ok_open(k, "feishu", o, ARRAY_N(o));
}

static void t_options(void **state) {
    (void)state;
    struct ok k;
    ok_open(&k, "feishu", good, ARRAY_N(good));
    ok_close(&k);
    static const struct opt bad[] = {{"app_id", ""}, {"app_secret_file", ""}, {"open_url", ""}, {"id_type", "chat_id"}, {"buzz", "x"}, {"id_type", "emai"},
                                     {"buzz_priority", "-1"}};
    for (size_t i = 0; i < ARRAY_N(bad); i++) ok_refused("feishu", good, ARRAY_N(good), bad[i].name, bad[i].value);
    ok_refused("feishu", good, ARRAY_N(good), "id_type", "email"); /* cannot be made louder */
}

static void t_token(void **state) {
    (void)state;
    struct ok        k;
    struct http_call c = {0};
    const char      *cred;
    int64_t          life = 0;
    ok_open(&k, "feishu", good, ARRAY_N(good));
    assert_int_equal(provider_kind(k.p)->cred_call(k.p, k.a, WALL, &c), ERR_OK);
    assert_string_equal(c.url, "https://open.feishu.cn/open-apis/auth/v3/tenant_access_token/internal");
    assert_string_equal((const char *)c.body, "{\"app_id\":\"cli_1\",\"app_secret\":\"s\\\"1\"}");
    assert_int_equal(ok_cred(&k, 200, "{\"code\":0,\"msg\":\"ok\",\"tenant_access_token\":\"t-1\",\"expire\":1900}", &cred, &life).verdict, V_SENT);
    assert_string_equal(cred, "t-1");
    assert_int_equal(life, 1900000);
    static const struct {
        int          status;
        const char  *body;
        enum verdict v;
    } v[] = {{200, "{\"code\":10014}", V_CONFIG}, {400, "{\"code\":10003}", V_CONFIG}, {200, "{\"code\":99991400}", V_THROTTLED},
             {200, "{\"code\":0}", V_RETRY}, {200, "x", V_RETRY}, {429, "", V_THROTTLED}, {500, "", V_RETRY}};
    for (size_t i = 0; i < ARRAY_N(v); i++)
        if (ok_cred(&k, v[i].status, v[i].body, &cred, &life).verdict != v[i].v) fail_msg("%s", v[i].body);
    ok_close(&k);
}

static void t_message(void **state) {
    (void)state;
    struct ok        k;
    struct http_call c;
    cJSON           *card;
    const char      *why;
    char             text[6001];
    ok_open(&k, "feishu", good, ARRAY_N(good));
    k.m.target = "ou_1", k.m.text = "第\"一\"行\n[点](http://evil)";
    cJSON *o   = ok_call(&k, &c);
    assert_string_equal(c.method, "POST");
    assert_string_equal(c.url, "https://open.feishu.cn/open-apis/im/v1/messages?receive_id_type=open_id");
    assert_string_equal(c.header[1].name, "Authorization");
    assert_string_equal(c.header[1].value, "Bearer to ken");
    assert_string_equal(at(o, "receive_id"), "ou_1");
    assert_string_equal(at(o, "msg_type"), "interactive");
    assert_string_equal(at(o, "uuid"), "dl-7001-3");
    assert_int_equal(json_parse(at(o, "content"), strlen(at(o, "content")), &card, &why), ERR_OK);
    assert_string_equal(at(card, "header.title.tag"), "plain_text");
    assert_string_equal(at(card, "header.title.content"), "新任务待签收");
    assert_string_equal(at(card, "header.template"), "red");
    assert_string_equal(at(card, "config.update_multi"), "true");
    assert_string_equal(at(card, "elements.0.text.tag"), "plain_text");
    assert_string_equal(at(card, "elements.0.text.content"), "第\"一\"行\n[点](http://evil)\n某市 01-02 11:04:05");
    assert_string_equal(at(card, "elements.1.actions.0.text.content"), "打开掌办");
    assert_string_equal(at(card, "elements.1.actions.0.url"), "https://zb.example.gov.cn/m?object=task%3ANP-2018-1&d=dl-7001-3");
    cJSON_Delete(card);
    cJSON_Delete(o);
    memset(text, '"', 6000);
    text[6000] = '\0';
    k.m.text = text, k.m.priority = 2;
    o = ok_call(&k, &c);
    assert_int_equal(json_parse(at(o, "content"), strlen(at(o, "content")), &card, &why), ERR_OK);
    assert_string_equal(at(card, "header.template"), "blue");
    assert_non_null(strstr(at(card, "elements.0.text.content"), "\"…\n"));
    cJSON_Delete(card);
    cJSON_Delete(o);
    static const char *const nobody[] = {"", "a b", "@x", "ou_1\n"};
    for (size_t i = 0; i < ARRAY_N(nobody); i++) {
        k.m.target = nobody[i];
        if (ok_call(&k, &c)) fail_msg("sent to %s", nobody[i]);
    }
    ok_close(&k);
}

static void t_answers(void **state) {
    (void)state;
    struct ok k;
    ok_open(&k, "feishu", good, ARRAY_N(good));
    static const struct ok_code v[] = {
        {230001, V_REJECTED, 0}, {230002, V_CONFIG, 0}, {230006, V_CONFIG, 0}, {230013, V_CONFIG, 0}, {230018, V_CONFIG, 0}, {230020, V_THROTTLED, 1000},
        {230022, V_REJECTED, 0}, {230025, V_REJECTED, 0}, {230027, V_CONFIG, 0}, {230028, V_REJECTED, 0}, {230029, V_GONE, 0}, {230034, V_GONE, 0},
        {230035, V_CONFIG, 0}, {230049, V_RETRY, 2000}, {230053, V_REFUSED, 0}, {230099, V_REJECTED, 0}, {232009, V_GONE, 0}, {99991400, V_THROTTLED, 1000},
        {99991661, V_AUTH, 0}, {99991663, V_AUTH, 0}, {99991671, V_AUTH, 0}, {99991672, V_CONFIG, 0}, {99992351, V_REJECTED, 0}, {99992402, V_REJECTED, 0},
        {11232, V_THROTTLED, 5000}, {987654, V_REJECTED, 0},
    };
    ok_codes(&k, "code", v, ARRAY_N(v), 200);
    ok_codes(&k, "code", v, ARRAY_N(v), 400);
    ok_rubbish(&k);
    struct push_answer a = ok_answer(&k, 200, "{\"code\":0,\"msg\":\"success\",\"data\":{\"message_id\":\"om_9\",\"chat_id\":\"oc_1\"}}");
    assert_int_equal(a.verdict, V_SENT);
    assert_string_equal(a.ref, "om_9");
    a = ok_answer(&k, 200, "{\"code\":0,\"data\":[]}");
    assert_true(a.verdict == V_SENT && a.ref[0] == '\0');
    static const struct {
        int         status;
        const char *reset, *body;
        long long   wait_ms;
    } slow[] = {{429, "7", "{\"code\":99991400}", 7000}, {429, "7", "", 7000}, {400, "3", "{\"code\":99991400}", 3000}, {400, "x", "{\"code\":99991400}", 1000},
                {400, "-1", "{\"code\":230020}", 1000}, {400, "9999999", "{\"code\":230020}", 1000}};
    for (size_t i = 0; i < ARRAY_N(slow); i++) {
        struct http_header h = {"x-ogw-ratelimit-reset", slow[i].reset};
        struct http_answer r = ok_http(slow[i].status, slow[i].body);
        r.header = &h, r.headers_n = 1;
        provider_kind(k.p)->answer(k.p, k.a, &k.m, &r, WALL, &a);
        if (a.verdict != V_THROTTLED || a.wait_ms != slow[i].wait_ms) fail_msg("%zu: %lld", i, (long long)a.wait_ms);
    }
    ok_close(&k);
}

static void t_poll(void **state) {
    (void)state;
    struct ok           k;
    struct http_call    c = {0};
    struct push_answer  out;
    struct push_receipt rc;
    ok_open(&k, "feishu", good, ARRAY_N(good));
    assert_int_equal(provider_kind(k.p)->poll_call(k.p, k.a, &k.m, "om_/9", "T", WALL, &c, &out), ERR_OK);
    assert_string_equal(c.method, "GET");
    assert_string_equal(c.url, "https://open.feishu.cn/open-apis/im/v1/messages/om_%2F9/read_users?user_id_type=open_id&page_size=100");
    assert_string_equal(c.header[0].value, "Bearer T");
    static const struct {
        const char *body;
        bool        read;
    } v[] = {
        {"{\"code\":0,\"data\":{\"items\":[{\"user_id\":\"zhangsan\",\"timestamp\":\"1767323045000\",\"tenant_key\":\"k\"}],\"has_more\":false}}", true},
        {"{\"code\":0,\"data\":{\"items\":[{\"user_id\":\"Zhangsan\"}]}}", false}, {"{\"code\":0,\"data\":{\"items\":[]}}", false},
        {"{\"code\":0,\"data\":{}}", false}, {"{\"code\":0,\"data\":{\"items\":[1,\"zhangsan\",null,{\"user_id\":7}]}}", false}, {"{\"code\":0}", false},
    };
    for (size_t i = 0; i < ARRAY_N(v); i++) {
        rc = ok_poll(&k, 200, v[i].body, &out);
        if (out.verdict != V_SENT || rc.is_read != v[i].read || rc.is_final != v[i].read || rc.is_delivered != v[i].read) fail_msg("%s", v[i].body);
    }
    static const struct {
        int          status;
        const char  *body;
        enum verdict v;
    } q[] = {{400, "{\"code\":230033}", V_REJECTED}, {400, "{\"code\":230110}", V_REJECTED}, {400, "{\"code\":230012}", V_CONFIG}, {200, "junk", V_RETRY},
             {400, "{\"code\":99991663}", V_AUTH}, {400, "{\"code\":99991400}", V_THROTTLED}, {400, "{\"code\":230029}", V_REJECTED}, {0, "", V_RETRY}};
    for (size_t i = 0; i < ARRAY_N(q); i++) {
        (void)ok_poll(&k, q[i].status, q[i].body, &out);
        if (out.verdict != q[i].v) fail_msg("%s: %s", q[i].body, verdict_info(out.verdict)->word);
    }
    ok_close(&k);
    with(&k, "read_state", "false");
    assert_int_equal(provider_kind(k.p)->poll_call(k.p, k.a, &k.m, "om", "T", WALL, &c, &out), ERR_INPUT);
    ok_close(&k);
}

static void t_buzz(void **state) {
    (void)state;
    struct ok          k;
    struct push_answer why;
    static const struct {
        const char *allowed, *way; /* NULL: refused */
        int         level, priority;
    } v[] = {
        {"phone", "urgent_app", RAISE_APP, 0}, {"phone", "urgent_sms", RAISE_SMS, 0}, {"phone", "urgent_phone", RAISE_PHONE, 0},
        {"sms", "urgent_sms", RAISE_PHONE, 0}, {"app", "urgent_app", RAISE_PHONE, 0}, {"off", NULL, RAISE_APP, 0}, {"phone", NULL, RAISE_APP, 1},
        {"phone", NULL, 0, 0}, {"phone", "urgent_phone", 9, 0},
    };
    for (size_t i = 0; i < ARRAY_N(v); i++) {
        struct http_call c = {0};
        with(&k, "buzz", v[i].allowed);
        k.m.priority = v[i].priority;
        enum err e   = provider_kind(k.p)->raise_call(k.p, k.a, &k.m, "om_9", v[i].level, "T", WALL, &c, &why);
        assert_int_equal(e, v[i].way ? ERR_OK : ERR_INPUT);
        if (v[i].way) {
            assert_string_equal(c.method, "PATCH");
            assert_string_equal(c.url, arena_printf(k.a, "https://open.feishu.cn/open-apis/im/v1/messages/om_9/%s?user_id_type=open_id", v[i].way));
            assert_string_equal((const char *)c.body, "{\"user_id_list\":[\"zhangsan\"]}");
        } else assert_int_equal(why.verdict, V_REJECTED);
        ok_close(&k);
    }
    ok_open(&k, "feishu", good, ARRAY_N(good));
    static const struct {
        int          status;
        const char  *body;
        enum verdict v;
    } a[] = {
        {200, "{\"code\":0,\"data\":{\"invalid_user_id_list\":[]}}", V_SENT}, {200, "{\"code\":0,\"data\":{\"invalid_user_id_list\":[\"zhangsan\"]}}", V_REJECTED},
        {200, "{\"code\":0}", V_SENT}, {400, "{\"code\":230001}", V_REJECTED}, {400, "{\"code\":230012}", V_CONFIG}, {400, "{\"code\":230023}", V_REJECTED},
        {400, "{\"code\":230024}", V_QUOTA}, {400, "{\"code\":230027}", V_CONFIG}, {400, "{\"code\":230052}", V_REJECTED}, {400, "{\"code\":230098}", V_REJECTED},
        {400, "{\"code\":230110}", V_REJECTED}, {400, "{\"code\":230029}", V_REJECTED}, {400, "{\"code\":230053}", V_REJECTED}, {400, "{\"code\":99991663}", V_AUTH},
        {400, "{\"code\":99991400}", V_THROTTLED}, {200, "junk", V_UNKNOWN}, {200, "{}", V_UNKNOWN}, {500, "", V_UNKNOWN}, {503, "", V_RETRY},
    };
    for (size_t i = 0; i < ARRAY_N(a); i++)
        if (ok_raise(&k, a[i].status, a[i].body).verdict != a[i].v) fail_msg("%d %s", a[i].status, a[i].body);
    ok_close(&k);
}

/* ---- events ---- */
static struct ok_receipt event(struct ok *k, const char *plain, const char *key_text, bool is_signed) {
    static const uint8_t iv[16] = {0, 1, 2, 3};
    uint8_t              key[32];
    char                 sig[65];
    (void)SHA256((const unsigned char *)key_text, strlen(key_text), key);
    const char *body = arena_printf(k->a, "{\"encrypt\":\"%s\"}", ok_seal(k, key, iv, plain, strlen(plain), 16, true));
    office_feishu_signature("1767323045", "abc123", key_text, body, strlen(body), sig);
    struct http_header h[] = {{"X-Lark-Request-Timestamp", "1767323045"}, {"x-lark-request-nonce", "abc123"}, {"X-Lark-Signature", sig}};
    return ok_post(k, "", h, is_signed ? 3 : 0, body, strlen(body));
}

#define HEADER "\"schema\":\"2.0\",\"header\":{\"event_id\":\"e1\",\"token\":\"xxxxxx\",\"app_id\":\"cli_1\",\"event_type\":\"im.message.message_read_v1\"}"
#define READ "{" HEADER ",\"event\":{\"reader\":{\"reader_id\":{\"open_id\":\"ou_1\"},\"read_time\":\"1767323045000\"},\"message_id_list\":[\"om_1\",7,\"\",\"om_2\"]}}"

static void t_events(void **state) {
    (void)state;
    struct ok         k;
    struct ok_receipt r;
    ok_open(&k, "feishu", good, ARRAY_N(good));
    /* the vector of the sheet */
    const char *v2 = "{\"encrypt\":\"AAECAwQFBgcICQoLDA0ODw9mLTIAZS9jAmGTQ1wAhHpnBHVL2wRjH9rPunQdQC1vLjsckayA10kZ8cPwtb62F8rC7JprUPR/"
                     "4S2aZihfR+p8npX7UzWPithZmfKIPZgE\"}";
    struct http_header h[] = {{"x-lark-request-timestamp", "1767323045"}, {"x-lark-request-nonce", "abc123"},
                              {"x-lark-signature", "084b564bfe75e073b11047ebefe2b3043f3c42a82c4b0749f65baaf31b624abd"}};
    r = ok_post(&k, "", h, 3, v2, strlen(v2));
    assert_int_equal(r.e, ERR_OK);
    assert_string_equal(r.reply, "{\"challenge\":\"ajls384kdjx98XX\"}");
    r = ok_post(&k, "", NULL, 0, v2, strlen(v2)); /* the first question is not signed, but sealed */
    assert_true(r.e == ERR_OK && strstr(r.reply, "ajls384kdjx98XX"));

    r = event(&k, READ, "test key", true);
    assert_true(r.e == ERR_OK && r.n == 2);
    assert_string_equal(r.list[0].ref, "om_1");
    assert_string_equal(r.list[1].ref, "om_2");
    assert_true(r.list[1].is_read && r.list[1].is_delivered && r.list[1].is_final && r.list[1].verdict == V_DELIVERED);

    assert_int_equal(event(&k, READ, "test key", false).e, ERR_AUTH);
    assert_int_equal(event(&k, READ, "test kez", true).e, ERR_AUTH);
    static const char *const strangers[] = {
        "{\"header\":{\"token\":\"xxxxxy\",\"event_type\":\"im.message.message_read_v1\"},\"event\":{\"message_id_list\":[\"om_1\"]}}",
        "{\"header\":{\"token\":\"xxxxxx\",\"app_id\":\"cli_2\",\"event_type\":\"im.message.message_read_v1\"},\"event\":{\"message_id_list\":[\"om_1\"]}}",
        "{\"event\":{\"message_id_list\":[\"om_1\"]}}", "{}", "[]", "7", "{\"header\":7}", "{\"type\":\"url_verification\",\"challenge\":\"c\",\"token\":\"no\"}",
    };
    for (size_t i = 0; i < ARRAY_N(strangers); i++)
        if (event(&k, strangers[i], "test key", true).e != ERR_AUTH) fail_msg("%s", strangers[i]);
    static const char *const plain[] = {READ, "{\"encrypt\":\"\"}", "{\"encrypt\":7}", "{\"encrypt\":\"AAAA\"}", "{\"encrypt\":\"####\"}", "{}"};
    for (size_t i = 0; i < ARRAY_N(plain); i++)
        if (ok_post(&k, "", h, 3, plain[i], strlen(plain[i])).e != ERR_AUTH) fail_msg("%s", plain[i]);
    assert_int_equal(ok_post(&k, "", h, 3, "", 0).e, ERR_INPUT);
    assert_int_equal(ok_post(&k, "", h, 3, "junk", 4).e, ERR_INPUT);
    assert_int_equal(event(&k, "junk", "test key", true).e, ERR_INPUT);
    /* other events are taken and say nothing */
    static const char *const quiet[] = {
        "{\"header\":{\"token\":\"xxxxxx\",\"event_type\":\"im.message.receive_v1\"},\"event\":{\"message_id_list\":[\"om_1\"]}}",
        "{" HEADER "}", "{" HEADER ",\"event\":{\"message_id_list\":\"om_1\"}}", "{" HEADER ",\"event\":[]}",
    };
    for (size_t i = 0; i < ARRAY_N(quiet); i++) {
        r = event(&k, quiet[i], "test key", true);
        if (r.e || r.n) fail_msg("%s", quiet[i]);
    }
    ok_close(&k);

    with(&k, "encrypt_key_file", ""); /* the token alone */
    r = ok_post(&k, "", NULL, 0, READ, strlen(READ));
    assert_true(r.e == ERR_OK && r.n == 2);
    assert_int_equal(ok_post(&k, "", NULL, 0, strangers[0], strlen(strangers[0])).e, ERR_AUTH);
    ok_close(&k);
    struct opt none[ARRAY_N(good)];
    memcpy(none, good, sizeof good);
    none[6].value = none[7].value = "";
    ok_open(&k, "feishu", none, ARRAY_N(none));
    assert_int_equal(ok_post(&k, "", NULL, 0, READ, strlen(READ)).e, ERR_AUTH);
    ok_close(&k);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(t_options), cmocka_unit_test(t_token), cmocka_unit_test(t_message), cmocka_unit_test(t_answers),
                                       cmocka_unit_test(t_poll), cmocka_unit_test(t_buzz), cmocka_unit_test(t_events)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
