/* SPDX-License-Identifier: Apache-2.0
 *
 * WeCom: options, token, textcard and confirm card, every code of its table, lists of receivers that were left out, call-backs.
 */
#include "officekit.h"

#include "base/text.h"

static const struct opt good[] = {
    {"corp_id", "ww0123456789abcdef"}, {"agent_id", "1000002"}, {"secret_file", "s3cr&t\n"}, {"open_url", "https://zb.example.gov.cn/m"},
    {"confirm_card", "false"}, {"callback_token_file", "zbToken2026"}, {"callback_key_file", "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG\n"},
};

static void t_options(void **state) {
    (void)state;
    struct ok k;
    ok_open(&k, "wecom", good, ARRAY_N(good));
    assert_string_equal(provider_kind(k.p)->channel, "office");
    ok_close(&k);
    static const struct opt bad[] = {
        {"corp_id", ""}, {"agent_id", "0"}, {"agent_id", "x"}, {"secret_file", ""}, {"open_url", ""}, {"open_url", "ftp://x"},
        {"callback_token_file", ""}, {"callback_key_file", "short"}, {"callback_key_file", "abcdefghijklmnopqrstuvwxyz0123456789ABCDEF!"},
        {"confirm_card", "yes"}, {"duplicate", "1"},
    };
    for (size_t i = 0; i < ARRAY_N(bad); i++) ok_refused("wecom", good, ARRAY_N(good), bad[i].name, bad[i].value);
    char url[300] = "https://";
    memset(url + 8, 'a', 280);
    ok_refused("wecom", good, ARRAY_N(good), "open_url", url);
    struct opt no_callback[ARRAY_N(good)];
    memcpy(no_callback, good, sizeof good);
    no_callback[5].value = no_callback[6].value = "";
    ok_refused("wecom", no_callback, ARRAY_N(good), "confirm_card", "true");
}

static void t_token(void **state) {
    (void)state;
    struct ok        k;
    struct http_call c = {0};
    const char      *cred;
    int64_t          life = 0;
    ok_open(&k, "wecom", good, ARRAY_N(good));
    assert_int_equal(provider_kind(k.p)->cred_call(k.p, k.a, WALL, &c), ERR_OK);
    assert_string_equal(c.method, "GET");
    assert_string_equal(c.url, "https://qyapi.weixin.qq.com/cgi-bin/gettoken?corpid=ww0123456789abcdef&corpsecret=s3cr%26t");
    assert_int_equal(ok_cred(&k, 200, "{\"errcode\":0,\"errmsg\":\"ok\",\"access_token\":\"T0k\",\"expires_in\":7200}", &cred, &life).verdict, V_SENT);
    assert_string_equal(cred, "T0k");
    assert_int_equal(life, 7200000);
    (void)ok_cred(&k, 200, "{\"errcode\":0,\"access_token\":\"T\",\"expires_in\":-5}", &cred, &life);
    assert_int_equal(life, 60000);
    (void)ok_cred(&k, 200, "{\"errcode\":0,\"access_token\":\"T\",\"expires_in\":99999999}", &cred, &life);
    assert_int_equal(life, 86400000);
    static const struct {
        int          status;
        const char  *body;
        enum verdict v;
    } v[] = {
        {200, "{\"errcode\":40001}", V_CONFIG}, {200, "{\"errcode\":40013}", V_CONFIG}, {200, "{\"errcode\":60020}", V_CONFIG},
        {200, "{\"errcode\":-1}", V_RETRY}, {200, "{\"errcode\":45009}", V_THROTTLED}, {200, "{\"errcode\":0}", V_RETRY},
        {200, "{\"errcode\":0,\"access_token\":\"a b\"}", V_RETRY}, {200, "{\"errcode\":0,\"access_token\":7}", V_RETRY}, {200, "junk", V_RETRY},
        {200, "", V_RETRY}, {500, "", V_RETRY}, {404, "", V_CONFIG}, {503, "", V_RETRY}, {0, "", V_RETRY},
    };
    for (size_t i = 0; i < ARRAY_N(v); i++)
        if (ok_cred(&k, v[i].status, v[i].body, &cred, &life).verdict != v[i].v) fail_msg("%d %s", v[i].status, v[i].body);
    ok_close(&k);
}

static void t_message(void **state) {
    (void)state;
    struct ok        k;
    struct http_call c;
    ok_open(&k, "wecom", good, ARRAY_N(good));
    cJSON *o = ok_call(&k, &c);
    assert_string_equal(c.method, "POST");
    assert_string_equal(c.url, "https://qyapi.weixin.qq.com/cgi-bin/message/send?access_token=to%20ken");
    assert_string_equal(at(o, "touser"), "zhangsan");
    assert_string_equal(at(o, "msgtype"), "textcard");
    assert_string_equal(at(o, "agentid"), "1000002");
    assert_string_equal(at(o, "textcard.title"), "新任务待签收");
    assert_string_equal(at(o, "textcard.description"),
                        "<div class=\"gray\">01-02 11:04:05 某市</div><div class=\"normal\">新任务「防汛值班」，请登录掌办办理。</div>");
    assert_string_equal(at(o, "textcard.url"), "https://zb.example.gov.cn/m?object=task%3ANP-2018-1&d=dl-7001-3");
    assert_string_equal(at(o, "textcard.btntxt"), "打开掌办");
    assert_string_equal(at(o, "enable_duplicate_check"), "1");
    assert_string_equal(at(o, "duplicate_check_interval"), "14400");
    cJSON_Delete(o);
    /* another attempt says the very same, else it would not count as a repetition */
    const char *first = c.body;
    k.m.attempt       = 2;
    cJSON_Delete(ok_call(&k, &c));
    assert_string_equal(first, c.body);

    char title[400], text[2000];
    memset(title, 0, sizeof title);
    memset(text, 0, sizeof text);
    for (int i = 0; i < 100; i++) memcpy(title + i * 3, "题", 3);
    for (int i = 0; i < 500; i++) memcpy(text + i * 3, "文", 3);
    k.m.title = title, k.m.text = text;
    o = ok_call(&k, &c);
    assert_in_range(strlen(at(o, "textcard.title")), 126, 128);
    assert_in_range(strlen(at(o, "textcard.description")), 508, 512);
    assert_non_null(strstr(at(o, "textcard.title"), "题…"));
    assert_non_null(strstr(at(o, "textcard.description"), "文…</div>"));
    cJSON_Delete(o);
    k.m.text = "<a href=\"http://evil\">点</a>&amp;", k.m.title = "题";
    o        = ok_call(&k, &c);
    assert_non_null(strstr(at(o, "textcard.description"), ">＜a href=\"http://evil\"＞点＜/a＞＆amp;</div>"));
    cJSON_Delete(o);
    k.m.object = "";
    o          = ok_call(&k, &c);
    assert_string_equal(at(o, "textcard.url"), "https://zb.example.gov.cn/m?d=dl-7001-3");
    cJSON_Delete(o);
    static const char *const nobody[] = {"@all", "a|b", "", "a b", "张三", "|"};
    for (size_t i = 0; i < ARRAY_N(nobody); i++) {
        k.m.target = nobody[i];
        if (ok_call(&k, &c)) fail_msg("sent to %s", nobody[i]);
    }
    k.m.target = "zhangsan", k.m.text = "";
    assert_null(ok_call(&k, &c));
    ok_close(&k);

    struct opt card[ARRAY_N(good)];
    memcpy(card, good, sizeof good);
    card[4].value = "true";
    ok_open(&k, "wecom", card, ARRAY_N(card));
    o = ok_call(&k, &c);
    assert_string_equal(at(o, "msgtype"), "template_card");
    assert_string_equal(at(o, "template_card.card_type"), "button_interaction");
    assert_string_equal(at(o, "template_card.task_id"), "dl-7001-3");
    assert_string_equal(at(o, "template_card.button_list.0.key"), "ack");
    assert_string_equal(at(o, "template_card.button_list.0.text"), "收到");
    assert_string_equal(at(o, "template_card.button_list.1.url"), at(o, "template_card.card_action.url"));
    cJSON_Delete(o);
    k.m.title = title, k.m.text = text;
    o = ok_call(&k, &c);
    assert_int_equal(utf8_count(at(o, "template_card.main_title.title"), strlen(at(o, "template_card.main_title.title"))), 26);
    assert_int_equal(utf8_count(at(o, "template_card.sub_title_text"), strlen(at(o, "template_card.sub_title_text"))), 112);
    cJSON_Delete(o);
    ok_close(&k);
}

static void t_answers(void **state) {
    (void)state;
    struct ok k;
    ok_open(&k, "wecom", good, ARRAY_N(good));
    static const struct ok_code v[] = {
        {-1, V_RETRY, 0}, {40001, V_CONFIG, 0}, {40013, V_CONFIG, 0}, {40014, V_AUTH, 0}, {42001, V_AUTH, 0}, {41001, V_AUTH, 0},
        {40003, V_GONE, 0}, {60111, V_GONE, 0}, {40008, V_REJECTED, 0}, {40056, V_CONFIG, 0}, {40058, V_REJECTED, 0}, {40066, V_REJECTED, 0},
        {44004, V_REJECTED, 0}, {45002, V_REJECTED, 0}, {45008, V_REJECTED, 0}, {45009, V_THROTTLED, 60000}, {45033, V_THROTTLED, 1000},
        {48002, V_CONFIG, 0}, {60011, V_CONFIG, 0}, {301002, V_CONFIG, 0}, {50002, V_CONFIG, 0}, {50003, V_CONFIG, 0}, {301007, V_CONFIG, 0},
        {60020, V_CONFIG, 0}, {60123, V_REJECTED, 0}, {81013, V_CONFIG, 0}, {82001, V_REJECTED, 0}, {82002, V_REJECTED, 0}, {82003, V_REJECTED, 0},
        {93000, V_CONFIG, 0}, {93004, V_CONFIG, 0}, {93008, V_CONFIG, 0}, {123456, V_REJECTED, 0},
    };
    ok_codes(&k, "errcode", v, ARRAY_N(v), 200);
    ok_rubbish(&k);
    struct push_answer a = ok_answer(&k, 200, "{\"errcode\":0,\"errmsg\":\"ok\",\"msgid\":\"xE-1\"}");
    assert_int_equal(a.verdict, V_SENT);
    assert_string_equal(a.ref, "xE-1");
    k.m.target = "ZhangSan"; /* ids come back in lower case */
    assert_int_equal(ok_answer(&k, 200, "{\"errcode\":0,\"msgid\":\"x\",\"invaliduser\":\"lisi|zhangsan\"}").verdict, V_CONFIG);
    assert_int_equal(ok_answer(&k, 200, "{\"errcode\":0,\"msgid\":\"x\",\"unlicenseduser\":\"zhangsan\"}").verdict, V_CONFIG);
    assert_int_equal(ok_answer(&k, 200, "{\"errcode\":0,\"msgid\":\"x\",\"invaliduser\":\"zhangsan2|zhang\"}").verdict, V_SENT);
    assert_int_equal(ok_answer(&k, 200, "{\"errcode\":0,\"invaliduser\":\"\",\"invalidtag\":7}").verdict, V_SENT);
    a = ok_answer(&k, 200, "{\"errcode\":0,\"errmsg\":\"Warning: wrong json format. \",\"msgid\":\"x\"}");
    assert_true(a.verdict == V_SENT && strstr(a.detail, "half understood"));
    ok_close(&k);
}

static const uint8_t *aes(void) {
    static uint8_t key[32];
    assert_true(office_aes_key("abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG", key));
    return key;
}

/* A post as the platform makes it, around this XML. */
static struct ok_receipt event(struct ok *k, const char *xml, const char *corp, const char *token, const char *outer) {
    size_t      n = strlen(xml), c = strlen(corp);
    uint8_t    *p = arena_alloc(k->a, 20 + n + c);
    char        sig[41];
    memcpy(p, "0123456789abcdef", 16);
    p[16] = 0, p[17] = 0, p[18] = (uint8_t)(n >> 8), p[19] = (uint8_t)n;
    memcpy(p + 20, xml, n);
    memcpy(p + 20 + n, corp, c);
    const char *encrypt = ok_seal(k, aes(), aes(), p, 20 + n + c, 32, false);
    office_wecom_signature(token, "1767323045", "1372623149", encrypt, sig);
    const char *hole = strstr(outer, "%s");
    assert_non_null(hole);
    const char *body = arena_printf(k->a, "%.*s%s%s", (int)(hole - outer), outer, encrypt, hole + 2);
    return ok_post(k, arena_printf(k->a, "msg_signature=%s&timestamp=1767323045&nonce=1372623149", sig), NULL, 0, body, strlen(body));
}

#define OUTER "<xml><ToUserName><![CDATA[ww0123456789abcdef]]></ToUserName><AgentID><![CDATA[1000002]]></AgentID><Encrypt><![CDATA[%s]]></Encrypt></xml>"
#define CLICK "<xml><ToUserName><![CDATA[ww0123456789abcdef]]></ToUserName><FromUserName><![CDATA[zhangsan]]></FromUserName>" \
              "<CreateTime>1767323045</CreateTime><MsgType><![CDATA[event]]></MsgType><Event><![CDATA[template_card_event]]></Event>" \
              "<EventKey><![CDATA[ack]]></EventKey><TaskId><![CDATA[dl-7001-3]]></TaskId><CardType><![CDATA[button_interaction]]></CardType>" \
              "<ResponseCode><![CDATA[r]]></ResponseCode><AgentID>1000002</AgentID></xml>"

static void t_callback(void **state) {
    (void)state;
    struct ok         k;
    const char       *corp = "ww0123456789abcdef", *token = "zbToken2026";
    struct ok_receipt r;
    ok_open(&k, "wecom", good, ARRAY_N(good));
    /* the address is saved: the vector of the sheet, its echostr percent-encoded as in a URL */
    const char *echo = "msg_signature=dd78abafb7bc5213c5fddcf2491420a5f67480c9&timestamp=1767323045&nonce=1372623149&echostr="
                       "Q3stYC6hdFzMh9T8HCvyDJ55e7ykIPUkKCIB3fA0LejBw3KcOLL%2BOTbrdblRIZ3jBGTg2KNi%2F4NqdCcgjzZl3Q%3D%3D";
    r = ok_post(&k, echo, NULL, 0, "", 0);
    assert_int_equal(r.e, ERR_OK);
    assert_string_equal(r.reply, "7300154328914391059");
    assert_int_equal(ok_post(&k, arena_printf(k.a, "%s%%3D", echo), NULL, 0, "", 0).e, ERR_AUTH);
    assert_int_equal(ok_post(&k, "", NULL, 0, "", 0).e, ERR_AUTH);

    r = event(&k, CLICK, corp, token, OUTER);
    assert_true(r.e == ERR_OK && r.n == 1);
    assert_string_equal(r.list[0].id, "dl-7001-3");
    assert_string_equal(r.list[0].ref, "");
    assert_true(r.list[0].is_read && r.list[0].is_delivered && r.list[0].is_final && r.list[0].verdict == V_DELIVERED);
    assert_string_equal(r.reply, "");

    assert_int_equal(event(&k, CLICK, "wwother", token, OUTER).e, ERR_AUTH);
    assert_int_equal(event(&k, CLICK, corp, "zbToken2025", OUTER).e, ERR_AUTH);
    assert_int_equal(event(&k, CLICK, corp, token, "<xml>%s</xml>").e, ERR_AUTH);
    assert_int_equal(event(&k, CLICK, corp, token, "<!DOCTYPE x>" OUTER).e, ERR_AUTH);
    /* what is no click of ours is taken and says nothing */
    static const char *const other[] = {
        "", "hello", "<xml></xml>", "<xml><MsgType>text</MsgType><Content><![CDATA[" CLICK, "<xml><MsgType>event</MsgType><Event>enter_agent</Event></xml>",
        "<xml><MsgType>event</MsgType><Event>template_card_event</Event><EventKey>no</EventKey><TaskId>d</TaskId></xml>",
        "<xml><MsgType>event</MsgType><Event>template_card_event</Event><EventKey>ack</EventKey><TaskId>a b</TaskId></xml>",
        "<xml><MsgType>event</MsgType><Event>template_card_event</Event><EventKey>ack</EventKey></xml>",
        "<xml><MsgType>event</MsgType><Event>template_card_event</Event><EventKey>ack</EventKey><TaskId>d</TaskId><AgentID>7</AgentID></xml>",
        /* somebody writes a click to the application, in words */
        "<xml><MsgType><![CDATA[text]]></MsgType><Content><![CDATA[x</Content><MsgType>event</MsgType><Event>template_card_event</Event>"
        "<EventKey>ack</EventKey><TaskId>d</TaskId>]]></Content></xml>",
    };
    for (size_t i = 0; i < ARRAY_N(other); i++) {
        r = event(&k, other[i], corp, token, OUTER);
        if (r.e || r.n) fail_msg("%s", other[i]);
    }
    ok_close(&k);

    struct opt none[ARRAY_N(good)];
    memcpy(none, good, sizeof good);
    none[5].value = none[6].value = "";
    ok_open(&k, "wecom", none, ARRAY_N(none));
    assert_int_equal(ok_post(&k, echo, NULL, 0, "", 0).e, ERR_AUTH); /* no secret: nobody is believed */
    ok_close(&k);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(t_options), cmocka_unit_test(t_token), cmocka_unit_test(t_message), cmocka_unit_test(t_answers),
                                       cmocka_unit_test(t_callback)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
