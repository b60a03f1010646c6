/* SPDX-License-Identifier: Apache-2.0
 *
 * DingTalk: options, token, work notice within its 2048 bytes, every code of both families, what getsendresult tells of one person, DING.
 */
#include "officekit.h"

static const struct opt good[] = {
    {"app_key", "dingkey"}, {"app_secret_file", "s3cr&t"}, {"agent_id", "123"}, {"open_url", "https://zb.example.gov.cn/m?x=1"}, {"ding", "sms"},
    {"ding_robot", "dingrobot"}, {"ding_priority", "1"}, {"read_state", "true"},
};

static void t_options(void **state) {
    (void)state;
    struct ok k;
    ok_open(&k, "dingtalk", good, ARRAY_N(good));
    ok_close(&k);
    static const struct opt bad[] = {{"app_key", ""}, {"app_secret_file", ""}, {"agent_id", "0"}, {"open_url", "x"}, {"ding", "loud"}, {"ding_robot", ""},
                                     {"ding_priority", "4"}, {"api_url", "https://x/"}};
    for (size_t i = 0; i < ARRAY_N(bad); i++)
        ok_refused("dingtalk", good, ARRAY_N(good), bad[i].name, bad[i].value);
}

static void t_token(void **state) {
    (void)state;
    struct ok        k;
    struct http_call c = {0};
    const char      *cred;
    int64_t          life = 0;
    ok_open(&k, "dingtalk", good, ARRAY_N(good));
    assert_int_equal(provider_kind(k.p)->cred_call(k.p, k.a, WALL, &c), ERR_OK);
    assert_string_equal(c.url, "https://oapi.dingtalk.com/gettoken?appkey=dingkey&appsecret=s3cr%26t");
    assert_int_equal(ok_cred(&k, 200, "{\"errcode\":0,\"access_token\":\"T\",\"expires_in\":7200}", &cred, &life).verdict, V_SENT);
    assert_int_equal(life, 7200000);
    static const struct {
        const char  *body;
        enum verdict v;
    } v[] = {{"{\"errcode\":40089}", V_CONFIG}, {"{\"errcode\":88,\"sub_code\":\"40089\"}", V_CONFIG}, {"{\"errcode\":-1}", V_RETRY},
             {"{\"errcode\":90020}", V_QUOTA}, {"{\"errcode\":90018}", V_THROTTLED}, {"{\"status\":1111,\"wait\":5,\"punish\":\"deny\"}", V_THROTTLED},
             {"<html>", V_RETRY}, {"{\"errcode\":0}", V_RETRY}};
    for (size_t i = 0; i < ARRAY_N(v); i++)
        if (ok_cred(&k, 200, v[i].body, &cred, &life).verdict != v[i].v) fail_msg("%s", v[i].body);
    ok_close(&k);
}

static void t_message(void **state) {
    (void)state;
    struct ok        k;
    struct http_call c;
    ok_open(&k, "dingtalk", good, ARRAY_N(good));
    cJSON *o = ok_call(&k, &c);
    assert_string_equal(c.url, "https://oapi.dingtalk.com/topapi/message/corpconversation/asyncsend_v2?access_token=to%20ken");
    assert_string_equal(at(o, "agent_id"), "123");
    assert_string_equal(at(o, "userid_list"), "zhangsan");
    assert_string_equal(at(o, "to_all_user"), "false");
    assert_string_equal(at(o, "msg.msgtype"), "action_card");
    assert_string_equal(at(o, "msg.action_card.title"), "新任务待签收");
    assert_string_equal(at(o, "msg.action_card.markdown"), "**新任务待签收**\n\n新任务「防汛值班」，请登录掌办办理。\n\n某市 01-02 11:04:05");
    assert_string_equal(at(o, "msg.action_card.single_title"), "打开掌办");
    assert_string_equal(at(o, "msg.action_card.single_url"), "https://zb.example.gov.cn/m?x=1&object=task%3ANP-2018-1&d=dl-7001-3");
    cJSON_Delete(o);
    /* whatever the length, the message fits and ends with … */
    char text[8192];
    for (size_t n = 1; n <= 2400; n += 97) {
        memset(text, 0, sizeof text);
        for (size_t i = 0; i < n; i++) memcpy(text + i * 3, "文", 3);
        k.m.text = text;
        o        = ok_call(&k, &c);
        char *msg = cJSON_PrintUnformatted(cJSON_GetObjectItemCaseSensitive(o, "msg"));
        assert_true(strlen(msg) <= 2048);
        if (n > 700) assert_true(strlen(msg) > 2040 && strstr(at(o, "msg.action_card.markdown"), "文…\n\n") != NULL);
        else if (n < 500) assert_null(strstr(at(o, "msg.action_card.markdown"), "…"));
        cJSON_free(msg);
        cJSON_Delete(o);
    }
    memset(text, '\n', 3000); /* grows when written as JSON */
    text[3000] = '\0';
    o          = ok_call(&k, &c);
    assert_non_null(o);
    cJSON_Delete(o);
    k.m.text = "[点我](http://evil) # *x* <font>", k.m.title = "[a](b)";
    o        = ok_call(&k, &c);
    assert_string_equal(at(o, "msg.action_card.markdown"), "**［a］(b)**\n\n［点我］(http://evil) ＃ ＊x＊ ＜font＞\n\n某市 01-02 11:04:05");
    cJSON_Delete(o);
    static const char *const nobody[] = {"a,b", "@all", "", "a b"};
    for (size_t i = 0; i < ARRAY_N(nobody); i++) {
        k.m.target = nobody[i];
        if (ok_call(&k, &c)) fail_msg("sent to %s", nobody[i]);
    }
    ok_close(&k);
}

static void t_answers(void **state) {
    (void)state;
    struct ok k;
    ok_open(&k, "dingtalk", good, ARRAY_N(good));
    static const struct ok_code v[] = {
        {-1, V_RETRY, 0}, {88, V_AUTH, 0}, {40014, V_AUTH, 0}, {42001, V_AUTH, 0}, {33012, V_GONE, 0}, {60121, V_GONE, 0}, {60011, V_CONFIG, 0},
        {90020, V_QUOTA, 3600000}, {90018, V_THROTTLED, 1000}, {90002, V_THROTTLED, 1000}, {400002, V_REJECTED, 0}, {777777, V_REJECTED, 0},
    };
    ok_codes(&k, "errcode", v, ARRAY_N(v), 200);
    ok_rubbish(&k);
    struct push_answer a = ok_answer(&k, 200, "{\"errcode\":0,\"task_id\":256271667526}");
    assert_int_equal(a.verdict, V_SENT);
    assert_string_equal(a.ref, "256271667526");
    a = ok_answer(&k, 200, "{\"errcode\":0,\"task_id\":\"x\"}");
    assert_true(a.verdict == V_SENT && a.ref[0] == '\0');
    assert_int_equal(ok_answer(&k, 200, "{\"errcode\":88,\"sub_code\":\"60011\"}").verdict, V_CONFIG);
    assert_int_equal(ok_answer(&k, 200, "{\"errcode\":88,\"sub_code\":\"40014\"}").verdict, V_AUTH);
    assert_int_equal(ok_answer(&k, 200, "{\"errcode\":88,\"sub_code\":\"90018\"}").verdict, V_THROTTLED);
    assert_int_equal(ok_answer(&k, 200, "{\"errcode\":88,\"sub_code\":[]}").verdict, V_AUTH);
    a = ok_answer(&k, 200, "{\"status\":1111,\"wait\":5,\"punish\":\"deny\"}");
    assert_true(a.verdict == V_THROTTLED && a.wait_ms == 300000);
    ok_close(&k);
}

static void t_poll(void **state) {
    (void)state;
    struct ok          k;
    struct http_call   c = {0};
    struct push_answer out;
    struct push_receipt rc;
    ok_open(&k, "dingtalk", good, ARRAY_N(good));
    assert_int_equal(provider_kind(k.p)->poll_call(k.p, k.a, &k.m, "256271667526", "T", WALL, &c, &out), ERR_OK);
    assert_string_equal(c.url, "https://oapi.dingtalk.com/topapi/message/corpconversation/getsendresult?access_token=T");
    assert_string_equal((const char *)c.body, "{\"agent_id\":123,\"task_id\":256271667526}");
    static const struct {
        const char  *result; /* of send_result */
        bool         read, delivered, final;
        enum verdict v;
    } v[] = {
        {"{}", false, false, false, V_DELIVERED},
        {"{\"read_user_id_list\":[\"lisi\",\"zhangsan\"]}", true, true, true, V_DELIVERED},
        {"{\"unread_user_id_list\":[\"zhangsan\"]}", false, true, false, V_DELIVERED},
        {"{\"read_user_id_list\":[\"lisi\"],\"unread_user_id_list\":[]}", false, false, false, V_DELIVERED},
        {"{\"invalid_user_id_list\":[\"zhangsan\"]}", false, false, true, V_GONE},
        {"{\"failed_user_id_list\":[\"zhangsan\"]}", false, false, true, V_RETRY},
        {"{\"forbidden_user_id_list\":[\"zhangsan\"]}", false, false, true, V_REJECTED},
        {"{\"forbidden_list\":[{\"code\":\"143106\",\"count\":1,\"userid\":\"lisi\"}]}", false, false, false, V_DELIVERED},
        {"{\"forbidden_user_id_list\":[\"zhangsan\"],\"forbidden_list\":[{\"code\":\"143103\",\"count\":1,\"userid\":\"zhangsan\"}]}", false, false, true, V_RETRY},
        {"{\"forbidden_list\":[{\"code\":143104,\"userid\":\"zhangsan\"}]}", false, false, true, V_RETRY},
        {"{\"forbidden_list\":[{\"code\":\"143105\",\"userid\":\"zhangsan\"}]}", false, false, true, V_REJECTED},
        {"{\"forbidden_list\":[{\"code\":\"143106\",\"userid\":\"zhangsan\"}]}", false, false, true, V_REJECTED},
        {"{\"forbidden_list\":[{\"code\":\"143203\",\"userid\":\"zhangsan\"}]}", false, false, true, V_RETRY},
        {"{\"forbidden_list\":[{\"code\":\"143204\",\"userid\":\"zhangsan\"}]}", false, false, true, V_RETRY},
        {"{\"forbidden_list\":[{\"code\":\"143205\",\"userid\":\"zhangsan\"}]}", false, false, true, V_REJECTED},
        {"{\"forbidden_list\":[{\"code\":\"143206\",\"userid\":\"zhangsan\"}]}", false, false, true, V_REJECTED},
        {"{\"forbidden_list\":[{\"code\":\"1430000\",\"userid\":\"zhangsan\"}]}", false, false, true, V_REJECTED},
        {"{\"forbidden_list\":[{\"code\":\"1430001\",\"userid\":\"zhangsan\"}]}", false, false, true, V_REJECTED},
        {"{\"forbidden_list\":[{\"code\":\"1430002\",\"userid\":\"zhangsan\"}]}", false, false, true, V_REJECTED},
        {"{\"forbidden_list\":[{\"code\":\"1430003\",\"userid\":\"zhangsan\"}]}", false, false, true, V_RETRY},
        {"{\"forbidden_list\":[{\"code\":\"1430004\",\"userid\":\"zhangsan\"}]}", false, false, true, V_REFUSED},
        {"{\"forbidden_list\":[{\"code\":\"1439999\",\"userid\":\"zhangsan\"}]}", false, false, true, V_REJECTED},
        {"{\"forbidden_list\":[1,null,{\"code\":{}},{\"userid\":7}],\"read_user_id_list\":\"\"}", false, false, false, V_DELIVERED},
    };
    for (size_t i = 0; i < ARRAY_N(v); i++)
        for (int inner = 0; inner < 2; inner++) { /* in send_result, or beside errcode */
            const char *body = inner ? arena_printf(k.a, "{\"errcode\":0,\"send_result\":%s}", v[i].result)
                                     : arena_printf(k.a, "{\"errcode\":0,%s", v[i].result + 1);
            if (!inner && strcmp(v[i].result, "{}") == 0) continue;
            rc = ok_poll(&k, 200, body, &out);
            if (out.verdict != V_SENT || rc.is_read != v[i].read || rc.is_delivered != v[i].delivered || rc.is_final != v[i].final || rc.verdict != v[i].v)
                fail_msg("%s: %s", body, verdict_info(rc.verdict)->word);
        }
    /* the second attempt is told that the first one had said it: so it had arrived */
    k.m.attempt = 2;
    rc          = ok_poll(&k, 200, "{\"errcode\":0,\"send_result\":{\"forbidden_list\":[{\"code\":\"143106\",\"userid\":\"zhangsan\"}]}}", &out);
    assert_true(rc.is_delivered && !rc.is_final && !rc.is_read);
    static const struct {
        int          status;
        const char  *body;
        enum verdict v;
    } q[] = {{200, "{\"errcode\":42001}", V_AUTH}, {200, "{\"errcode\":90018}", V_THROTTLED}, {200, "{\"errcode\":90020}", V_QUOTA},
             {200, "{\"errcode\":33012}", V_REJECTED}, {200, "{\"errcode\":400002}", V_REJECTED}, {200, "junk", V_RETRY}, {500, "", V_RETRY},
             {0, "", V_RETRY}, {404, "", V_CONFIG}};
    for (size_t i = 0; i < ARRAY_N(q); i++) {
        (void)ok_poll(&k, q[i].status, q[i].body, &out);
        if (out.verdict != q[i].v) fail_msg("%s: %s", q[i].body, verdict_info(out.verdict)->word);
    }
    ok_close(&k);
    struct opt off[ARRAY_N(good)];
    memcpy(off, good, sizeof good);
    off[7].value = "false";
    ok_open(&k, "dingtalk", off, ARRAY_N(off));
    assert_int_equal(provider_kind(k.p)->poll_call(k.p, k.a, &k.m, "1", "T", WALL, &c, &out), ERR_INPUT);
    ok_close(&k);
}

static enum err louder(struct ok *k, int level, struct http_call *c) {
    struct push_answer why = {.verdict = V_MAX};
    memset(c, 0, sizeof *c);
    enum err e = provider_kind(k->p)->raise_call(k->p, k->a, &k->m, "7", level, "T", WALL, c, &why);
    assert_true(e == ERR_OK || (e == ERR_INPUT && why.verdict == V_REJECTED && why.detail[0]));
    return e;
}

static void t_ding(void **state) {
    (void)state;
    struct ok        k;
    struct http_call c;
    ok_open(&k, "dingtalk", good, ARRAY_N(good));
    assert_int_equal(louder(&k, RAISE_APP, &c), ERR_OK);
    assert_string_equal(c.url, "https://api.dingtalk.com/v1.0/robot/ding/send");
    assert_string_equal(c.header[1].name, "x-acs-dingtalk-access-token");
    assert_string_equal(c.header[1].value, "T");
    assert_string_equal((const char *)c.body, "{\"robotCode\":\"dingrobot\",\"remindType\":1,\"receiverUserIdList\":[\"zhangsan\"],"
                                              "\"content\":\"新任务待签收：新任务「防汛值班」，请登录掌办办理。\"}");
    assert_int_equal(louder(&k, RAISE_PHONE, &c), ERR_OK); /* the option allows sms */
    assert_non_null(strstr(c.body, "\"remindType\":2"));
    assert_int_equal(louder(&k, 0, &c), ERR_INPUT);
    k.m.priority = 1;
    assert_int_equal(louder(&k, RAISE_APP, &c), ERR_OK);
    k.m.priority = 2;
    assert_int_equal(louder(&k, RAISE_APP, &c), ERR_INPUT);
    static const struct {
        int          status;
        const char  *body;
        enum verdict v;
    } v[] = {
        {200, "{\"openDingId\":\"D1\",\"failedList\":{}}", V_SENT}, {200, "{\"openDingId\":\"D1\"}", V_SENT}, {200, "{}", V_UNKNOWN},
        {200, "{\"openDingId\":\"D1\",\"failedList\":{\"no\":[\"lisi\"],\"reason\":[\"zhangsan\"]}}", V_REJECTED},
        {200, "{\"openDingId\":\"D1\",\"failedList\":{\"reason\":\"zhangsan\"}}", V_REJECTED}, {200, "{\"openDingId\":\"D1\",\"failedList\":[1]}", V_SENT},
        {200, "junk", V_UNKNOWN}, {0, "", V_RETRY}, {400, "{\"code\":\"send.ding.exception\"}", V_UNKNOWN}, {400, "{\"code\":\"invalid.chatbotId\"}", V_CONFIG},
        {400, "{\"code\":\"miss.staffId\"}", V_REJECTED}, {400, "{\"code\":\"toomuch.msg\"}", V_THROTTLED},
        {400, "{\"code\":\"invalidParameter.param.invalid\"}", V_REJECTED}, {400, "{\"code\":\"ding.receivercount.limit\"}", V_REJECTED},
        {400, "{\"code\":\"ding.serverquota.insufficient\",\"message\":\"x\"}", V_QUOTA}, {500, "{\"code\":\"system.error\"}", V_UNKNOWN},
        {403, "{\"code\":\"Forbidden.AccessDenied.ApiCountLimitForOrg\"}", V_QUOTA}, {403, "{\"code\":\"Forbidden.AccessDenied.QpsLimitForAppkeyAndApi\"}", V_THROTTLED},
        {403, "{\"code\":\"Forbidden.AccessDenied.QpsLimitForApi\"}", V_THROTTLED}, {403, "{\"code\":\"NotQpsLimitForApi\"}", V_CONFIG},
        {401, "{\"code\":\"InvalidAuthentication\"}", V_AUTH}, {403, "{\"code\":\"Forbidden.AccessDenied.AccessTokenPermissionDenied\"}", V_CONFIG},
        {400, "{\"code\":\"invalidClientIdOrSecret\"}", V_CONFIG}, {400, "{\"code\":\"what.is.this\"}", V_REJECTED}, {400, "{\"code\":7}", V_REJECTED},
        {200, "{\"code\":\"what.is.this\"}", V_REJECTED}, {500, "{\"code\":\"what.is.this\"}", V_UNKNOWN}, {429, "", V_THROTTLED},
    };
    for (size_t i = 0; i < ARRAY_N(v); i++) {
        struct push_answer a = ok_raise(&k, v[i].status, v[i].body);
        if (a.verdict != v[i].v) fail_msg("%d %s: %s", v[i].status, v[i].body, verdict_info(a.verdict)->word);
        if (a.verdict == V_SENT) assert_string_equal(a.ref, "D1");
    }
    ok_close(&k);
    struct opt o[ARRAY_N(good)];
    memcpy(o, good, sizeof good);
    o[4].value = "phone";
    ok_open(&k, "dingtalk", o, ARRAY_N(o));
    assert_int_equal(louder(&k, RAISE_PHONE, &c), ERR_OK);
    assert_true(strstr(c.body, "\"remindType\":3") && strstr(c.body, "\"callVoice\":\"Standard_Female_Voice\""));
    ok_close(&k);
    o[4].value = "off";
    ok_open(&k, "dingtalk", o, ARRAY_N(o));
    assert_int_equal(louder(&k, RAISE_APP, &c), ERR_INPUT);
    ok_close(&k);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(t_options), cmocka_unit_test(t_token), cmocka_unit_test(t_message), cmocka_unit_test(t_answers),
                                       cmocka_unit_test(t_poll), cmocka_unit_test(t_ding)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
