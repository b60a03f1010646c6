/* SPDX-License-Identifier: Apache-2.0
 *
 * Signatures of Alibaba Cloud and Tencent Cloud against worked examples, and the encoding of queries.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/check.h"
#include "push/cloud_sign.h"

#define AT_MS 1767323045000LL /* 2026-01-02T03:04:05Z */
#define NONCE "3ee8c1b8-83d3-44af-a94f-4e0ad82fd6cf"

static struct arena *a;

static int setup(void **state) {
    (void)state;
    a = arena_new(256 * 1024);
    return 0;
}
static int teardown(void **state) {
    (void)state;
    arena_free(a);
    return 0;
}

static const char *header(const struct http_call *c, const char *name) {
    for (size_t i = 0; i < c->headers_n; i++)
        if (strcmp(c->header[i].name, name) == 0) return c->header[i].value;
    return "";
}

static void t_acs3(void **state) {
    (void)state;
    struct push_var sms[]   = {{"TemplateParam", "{\"code\":\"1234\"}"},
                               {"SignName", "某市政务"},
                               {"PhoneNumbers", "13800138000"},
                               {"TemplateCode", "SMS_100000001"}};
    struct push_var voice[] = {{"TtsParam", "{\"place\":\"三楼\",\"time\":\"九点\"}"},
                               {"TtsCode", "TTS_100000001"},
                               {"PlayTimes", "2"},
                               {"OutId", "m-1"},
                               {"CalledNumber", "13800138000"}};
    const struct {
        const char      *host, *action;
        struct push_var *pairs;
        size_t           n;
        const char      *query, *canonical, *signature;
    } rows[] = {
        {"dysmsapi.aliyuncs.com", "SendSms", sms, ARRAY_N(sms),
         "PhoneNumbers=13800138000&SignName=%E6%9F%90%E5%B8%82%E6%94%BF%E5%8A%A1&TemplateCode=SMS_100000001&TemplateParam=%7B%"
         "22code%22%3A%221234%22%7D",
         "e98ed09359e08ca65e9ac0b189626768cffd7fbb6ef9986fe6e60be12eafcef6",
         "04ba9533c18090dcfffa6f99c4b96d7f87bd72097daee181f1c269b317bf28ae"},
        {"dyvmsapi.aliyuncs.com", "SingleCallByTts", voice, ARRAY_N(voice),
         "CalledNumber=13800138000&OutId=m-1&PlayTimes=2&TtsCode=TTS_100000001&TtsParam=%7B%22place%22%3A%22%E4%B8%89%E6%A5%BC%"
         "22%2C%22time%22%3A%22%E4%B9%9D%E7%82%B9%22%7D",
         "e50237c9c54c708eec39e909a52da65ba390db398d64e25839aabddb57ae9ffb",
         "e314e0e65b3820e179817f03b4dd60ba8420c8b323e9212aa5ac42827f3e62f2"},
    };
    for (size_t i = 0; i < ARRAY_N(rows); i++) {
        struct cloud_signed out;
        struct http_call    c = {0};
        struct acs3_request r = {"POST", rows[i].host, rows[i].action, "2017-05-25", cloud_query(a, rows[i].pairs, rows[i].n),
                                 NONCE,  "",           AT_MS,          "testid",     "testsecret"};
        assert_string_equal(r.query, rows[i].query);
        acs3_sign(a, &r, &out);
        assert_string_equal(out.canonical, rows[i].canonical);
        assert_string_equal(out.signature, rows[i].signature);
        acs3_headers(a, &r, &c);
        assert_string_equal(header(&c, "x-acs-date"), "2026-01-02T03:04:05Z");
        assert_string_equal(header(&c, "x-acs-content-sha256"),
                            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
        assert_string_equal(header(&c, "Authorization"), out.authorization);
        assert_non_null(strstr(out.authorization, "ACS3-HMAC-SHA256 Credential=testid,SignedHeaders=host;x-acs-action;"));
    }
}

static void t_tc3(void **state) {
    (void)state;
    static const char sms[] = "{\"PhoneNumberSet\":[\"+8613800138000\"],\"SmsSdkAppId\":\"1400000001\",\"SignName\":\"某市政务\","
                              "\"TemplateId\":\"100001\","
                              "\"TemplateParamSet\":[\"1234\"],\"SessionContext\":\"m-1\"}";
    static const char voice[] = "{\"TemplateId\":\"4356\",\"CalledNumber\":\"+8613800138000\",\"VoiceSdkAppid\":\"1400006666\","
                                "\"TemplateParamSet\":[\"7652\"],"
                                "\"PlayTimes\":2,\"SessionContext\":\"m-1\"}";
    static const struct {
        const char *service, *action, *type;
        bool        sign_action;
        const char *body, *canonical, *signature;
    } rows[] = {
        {"sms", "SendSms", "application/json", false, sms, "b150536c0924d4c54bcd08c219b54bf977f25d10dc87964f9cf8acb1e6c70f9e",
         "277d50bdc0a91d7d0ddb4353c0fe24e394fb0e4e9e797c3f9e827ae46b981621"},
        {"sms", "SendSms", "application/json; charset=utf-8", true, sms,
         "b1ca48c2d62c5d67a49d181fff7f5f88f3548baed2fb71481500f3a9008368fd",
         "3e25c1e44c0d7f57507a28d9dc7dd4880c41285291711704bd76a62d59a32f05"},
        {"vms", "SendTtsVoice", "application/json", false, voice,
         "2120d13919afd8e23daa695b46cb3780039d85def9dea038108d5fb65a35f29e",
         "5886eef0c6046019a405e4d0937908a721382f781613a79b0a27bfc26ab9ddc9"},
        {"vms", "SendTtsVoice", "application/json; charset=utf-8", true, voice,
         "29b968af0501c4ad893ff25dbe20c7d2f21cbb5444595cadecf6ea53ffad80c0",
         "083b2d6fa8a7439a3d396f595b89173df450d82ec43aa8ffeafea60697c3f366"},
    };
    assert_int_equal(strlen(sms), 163);
    assert_int_equal(strlen(voice), 147);
    for (size_t i = 0; i < ARRAY_N(rows); i++) {
        struct cloud_signed out;
        struct http_call    c = {0};
        struct tc3_request  r = {rows[i].service,
                                 arena_printf(a, "%s.tencentcloudapi.com", rows[i].service),
                                 rows[i].action,
                                 "2021-01-11",
                                 "ap-guangzhou",
                                 rows[i].type,
                                 rows[i].sign_action,
                                 rows[i].body,
                                 AT_MS,
                                 "testid",
                                 "testsecret"};
        tc3_sign(a, &r, &out);
        assert_string_equal(out.canonical, rows[i].canonical);
        assert_string_equal(out.signature, rows[i].signature);
        tc3_headers(a, &r, &c);
        assert_string_equal(header(&c, "X-TC-Timestamp"), "1767323045");
        assert_string_equal(header(&c, "Content-Type"), rows[i].type);
        assert_non_null(strstr(header(&c, "Authorization"), rows[i].sign_action
                                                                ? ", SignedHeaders=content-type;host;x-tc-action, Signature="
                                                                : ", SignedHeaders=content-type;host, "));
    }
}

static void t_query(void **state) {
    (void)state;
    assert_string_equal(cloud_percent(a, "a b*~+/市"), "a%20b%2A~%2B%2F%E5%B8%82");
    static const struct {
        const char *query, *name, *want;
    } rows[] = {
        {"key=abc", "key", "abc"},
        {"x=1&key=a%2Bb+c", "key", "a+b c"},
        {"monkey=1", "key", NULL},
        {"key", "key", NULL},
        {"", "key", NULL},
        {"key=%4", "key", NULL},
        {"key=%zz", "key", NULL},
        {"key=%00", "key", NULL},
        {"key=&x=1", "key", ""},
        {"key=%", "key", NULL},
        {"&&key=1&key=2&&", "key", "1"},
    };
    for (size_t i = 0; i < ARRAY_N(rows); i++) {
        const char *got = cloud_query_get(a, rows[i].query, rows[i].name);
        if (rows[i].want == NULL)
            assert_null(got);
        else
            assert_string_equal(got, rows[i].want);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(t_acs3), cmocka_unit_test(t_tc3), cmocka_unit_test(t_query)};
    return cmocka_run_group_tests(tests, setup, teardown);
}
