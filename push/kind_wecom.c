/* SPDX-License-Identifier: Apache-2.0
 *
 * WeCom (企业微信): application messages to members. WeCom tells nobody who read a message; with `confirm_card` the card has a button
 * 收到 whose click comes back by call-back and counts as read. A message repeated within four hours is dropped by WeCom itself: the
 * text carries the delivery id (in its link), so only another attempt of the same delivery is a repetition.
 */
#include <string.h>

#include "base/check.h"
#include "base/mem.h"
#include "base/sm.h"
#include "push/kinds.h"
#include "push/office.h"

#define HOST          "https://qyapi.weixin.qq.com"
#define REPEAT_S      14400 /* the longest WeCom offers */
#define TITLE_BYTES   128
#define TEXT_BYTES    512
#define CARD_TITLE    26
#define CARD_DESC     30
#define CARD_TEXT     112
#define ACK           "ack"
#define TARGET_MAX    64
#define BODY_MAX      (16U * 1024U)

static const struct provider_opt opts[] = {
    {"corp_id", OPT_TEXT, NULL, "id of the organisation (企业ID)", 0, 0},
    {"agent_id", OPT_NUMBER, NULL, "AgentId of the application", 1, INT32_MAX},
    {"secret_file", OPT_FILE, NULL, "file with the Secret of the application", 0, 0},
    OFFICE_OPEN_URL,
    {"confirm_card", OPT_BOOL, "false", "card with a button 收到, whose click counts as read; needs the two call-back options", 0, 0},
    {"callback_token_file", OPT_FILE, "", "file with the Token of the application's call-back", 0, 0},
    {"callback_key_file", OPT_FILE, "", "file with the EncodingAESKey (43 characters) of the call-back", 0, 0},
};

struct wecom {
    char    secret[OFFICE_SECRET], token[OFFICE_SECRET];
    uint8_t key[32];
};

/* A member that does not exist is gone. A member outside the application's scope, and the lists in which WeCom does not tell the two
 * apart, are ours to put right: an administrator's slip must not erase the addresses of a whole city. */
static const struct office_code codes[] = {
    {-1, V_RETRY, 0, "busy"},
    {40001, V_CONFIG, 0, "secret"},
    {40013, V_CONFIG, 0, "corp id"},
    {40014, V_AUTH, 0, "token not valid"},
    {42001, V_AUTH, 0, "token expired"},
    {41001, V_AUTH, 0, "token missing"},
    {40003, V_GONE, 0, "no such user"},
    {60111, V_GONE, 0, "no such user"},
    {40008, V_REJECTED, 0, "message type"},
    {40056, V_CONFIG, 0, "agent id"},
    {40058, V_REJECTED, 0, "parameter"},
    {40066, V_REJECTED, 0, "department"},
    {44004, V_REJECTED, 0, "empty"},
    {45002, V_REJECTED, 0, "too long"},
    {45008, V_REJECTED, 0, "too many articles"},
    {45009, V_THROTTLED, 60000, "rate"},
    {45033, V_THROTTLED, 1000, "too many at once"},
    {48002, V_CONFIG, 0, "no permission"},
    {60011, V_CONFIG, 0, "no permission"},
    {301002, V_CONFIG, 0, "agent id is not of this token"},
    {50002, V_CONFIG, 0, "user outside the application's scope"},
    {50003, V_CONFIG, 0, "application disabled"},
    {301007, V_CONFIG, 0, "organisation disabled"},
    {60020, V_CONFIG, 0, "our address is not trusted"},
    {60123, V_REJECTED, 0, "no such department"},
    {81013, V_CONFIG, 0, "user not valid or outside the scope"},
    {82001, V_REJECTED, 0, "no receiver"},
    {82002, V_REJECTED, 0, "too many departments"},
    {82003, V_REJECTED, 0, "too many tags"},
    {93000, V_CONFIG, 0, "robot not valid"},
    {93004, V_CONFIG, 0, "robot disabled"},
    {93008, V_CONFIG, 0, "robot not in the group"},
};

static enum err wecom_open(struct provider *p, char *why, size_t why_n) {
    struct wecom *s = provider_state(p);
    char          key[OFFICE_SECRET] = "";
    bool          has_token = *provider_text(p, "callback_token_file"), has_key = *provider_text(p, "callback_key_file");
    enum err      e = ERR_INPUT;
    if (strlen(provider_text(p, "open_url")) > OFFICE_OPEN_URL_MAX) (void)snprintf(why, why_n, "option open_url: at most %d characters", OFFICE_OPEN_URL_MAX);
    else if (has_token != has_key) (void)snprintf(why, why_n, "option callback_token_file: goes with callback_key_file");
    else if (provider_flag(p, "confirm_card") && !has_key) (void)snprintf(why, why_n, "option confirm_card: needs callback_token_file and callback_key_file");
    else if ((e = office_secret(p, "secret_file", s->secret, sizeof s->secret, why, why_n)) == ERR_OK &&
             (e = office_secret(p, "callback_token_file", s->token, sizeof s->token, why, why_n)) == ERR_OK &&
             (e = office_secret(p, "callback_key_file", key, sizeof key, why, why_n)) == ERR_OK && has_key && !office_aes_key(key, s->key)) {
        (void)snprintf(why, why_n, "option callback_key_file: 43 characters of base64 wanted");
        e = ERR_INPUT;
    }
    x_wipe(key, sizeof key);
    return e;
}

/* ---- credential ---- */
static enum err wecom_cred_call(struct provider *p, struct arena *a, int64_t wall_ms, struct http_call *out) {
    const struct wecom *s = provider_state(p);
    (void)wall_ms;
    out->method = "GET";
    out->url    = arena_printf(a, "%s/cgi-bin/gettoken?corpid=%s&corpsecret=%s", office_base(p, HOST), office_encode(a, provider_text(p, "corp_id")),
                               office_encode(a, s->secret));
    return ERR_OK;
}

/* The verdict of errcode; false: it is 0. */
static bool is_error(const cJSON *o, const struct http_answer *r, struct push_answer *out) {
    int64_t code;
    if (!office_int(o, "errcode", &code)) office_by_status(r, out);
    else if (code == 0) return false;
    else office_by_code(codes, ARRAY_N(codes), code, out);
    return true;
}

static void wecom_cred_answer(struct provider *p, struct arena *a, const struct http_answer *r, const char **cred, int64_t *life_ms,
                              struct push_answer *out) {
    (void)p;
    int64_t life = 7200;
    cJSON  *o    = office_answer(r, 0, out);
    if (o && !is_error(o, r, out)) {
        (void)office_int(o, "expires_in", &life);
        office_token(a, office_str(o, "access_token"), life, cred, life_ms, out);
    }
    office_ask_again(out);
    cJSON_Delete(o);
}

/* ---- message ---- */
static void textcard(struct jw *w, struct arena *a, const struct push_msg *m, const char *link) {
    const char *head = arena_printf(a, "<div class=\"gray\">%s %s</div><div class=\"normal\">", office_stamp(a, m->at_wall_ms), office_plain(a, m->signature));
    const char *tail = "</div>", *text = office_plain(a, m->text);
    size_t      fixed = strlen(head) + strlen(tail);
    jw_key(w, "textcard");
    jw_obj(w);
    jw_kstr(w, "title", office_cut(a, office_plain(a, m->title), TITLE_BYTES));
    jw_kstr(w, "description", fixed + 3 > TEXT_BYTES ? office_cut(a, text, TEXT_BYTES)
                                                     : arena_printf(a, "%s%s%s", head, office_cut(a, text, TEXT_BYTES - fixed), tail));
    jw_kstr(w, "url", link);
    jw_kstr(w, "btntxt", "打开掌办");
    jw_obj_end(w);
}

static void confirm_card(struct jw *w, struct arena *a, const struct push_msg *m, const char *link) {
    jw_key(w, "template_card");
    jw_obj(w);
    jw_kstr(w, "card_type", "button_interaction");
    jw_key(w, "main_title");
    jw_obj(w);
    jw_kstr(w, "title", office_cut_chars(a, m->title, CARD_TITLE));
    jw_kstr(w, "desc", office_cut_chars(a, arena_printf(a, "%s %s", office_stamp(a, m->at_wall_ms), m->signature), CARD_DESC));
    jw_obj_end(w);
    jw_kstr(w, "sub_title_text", office_cut_chars(a, m->text, CARD_TEXT));
    jw_kstr(w, "task_id", m->id);
    jw_key(w, "card_action");
    jw_obj(w);
    jw_kint(w, "type", 1);
    jw_kstr(w, "url", link);
    jw_obj_end(w);
    jw_key(w, "button_list");
    jw_arr(w);
    jw_obj(w);
    jw_kstr(w, "text", "收到");
    jw_kint(w, "style", 1);
    jw_kstr(w, "key", ACK);
    jw_obj_end(w);
    jw_obj(w);
    jw_kstr(w, "text", "打开掌办");
    jw_kint(w, "type", 1);
    jw_kstr(w, "url", link);
    jw_obj_end(w);
    jw_arr_end(w);
    jw_obj_end(w);
}

static enum err wecom_call(struct provider *p, struct arena *a, const struct push_msg *m, const char *cred, int64_t wall_ms, struct http_call *out,
                           struct push_answer *why) {
    (void)wall_ms;
    bool        is_card = provider_flag(p, "confirm_card");
    struct buf  b;
    struct jw   w;
    if (!office_id_ok(m->target, TARGET_MAX)) return office_refuse(why, "not a userid"); /* so never @all, never a list */
    if (*m->text == '\0' || *m->title == '\0') return office_refuse(why, "no title or text");
    const char *link = office_link(p, a, m);
    if (strlen(link) > 2048) return office_refuse(why, "link too long");
    buf_init(&b, BODY_MAX);
    jw_init(&w, &b);
    jw_obj(&w);
    jw_kstr(&w, "touser", m->target);
    jw_kstr(&w, "msgtype", is_card ? "template_card" : "textcard");
    jw_kint(&w, "agentid", provider_number(p, "agent_id"));
    if (is_card) confirm_card(&w, a, m, link);
    else textcard(&w, a, m, link);
    jw_kint(&w, "enable_duplicate_check", 1);
    jw_kint(&w, "duplicate_check_interval", REPEAT_S);
    jw_obj_end(&w);
    office_body(a, &b, out);
    out->url = arena_printf(a, "%s/cgi-bin/message/send?access_token=%s", office_base(p, HOST), office_encode(a, cred));
    return ERR_OK;
}

static void wecom_answer(struct provider *p, struct arena *a, const struct push_msg *m, const struct http_answer *r, int64_t wall_ms,
                         struct push_answer *out) {
    (void)p;
    (void)a;
    cJSON *o = office_answer(r, wall_ms, out);
    if (o && !is_error(o, r, out)) {
        if (office_has(o, "invaliduser", m->target)) office_say(out, V_CONFIG, 0, "invaliduser: no such user, or outside the scope");
        else if (office_has(o, "unlicenseduser", m->target)) office_say(out, V_CONFIG, 0, "unlicenseduser: no licence for this user");
        else if (strncmp(office_str(o, "errmsg"), "Warning: wrong json format", 26) == 0) office_say(out, V_SENT, 0, "0 but our JSON was half understood");
        else office_say(out, V_SENT, 0, "0");
        if (out->verdict == V_SENT) office_ref(out, office_str(o, "msgid"));
    }
    cJSON_Delete(o);
}

/* ---- call-back ---- */
static void click(struct provider *p, struct arena *a, const char *xml, struct push_receipt **list, size_t *n) {
    size_t      len = strlen(xml);
    const char *id  = office_xml(a, xml, len, "TaskId"), *agent = office_xml(a, xml, len, "AgentID");
    if (strcmp(office_xml(a, xml, len, "MsgType"), "event") != 0 || strcmp(office_xml(a, xml, len, "Event"), "template_card_event") != 0) return;
    if (strcmp(office_xml(a, xml, len, "EventKey"), ACK) != 0 || !office_id_ok(id, 40)) return;
    if (*agent && strcmp(agent, provider_text(p, "agent_id")) != 0) return;
    *list      = arena_alloc(a, sizeof **list);
    **list     = (struct push_receipt){.ref = "", .id = id, .is_read = true, .is_delivered = true, .is_final = true, .verdict = V_DELIVERED, .detail = "收到"};
    *n         = 1;
}

static enum err wecom_receipts(struct provider *p, struct arena *a, const char *query, const struct http_header *headers, size_t headers_n,
                               const char *body, size_t body_n, int64_t wall_ms, struct push_receipt **list, size_t *n, const char **reply) {
    (void)headers;
    (void)headers_n;
    (void)wall_ms;
    const struct wecom *s = provider_state(p);
    char                want[41], *msg;
    *list  = NULL;
    *n     = 0;
    *reply = "";
    if (s->token[0] == '\0') return ERR_AUTH;
    const char *sent = office_query(a, query, "msg_signature"), *echo = office_query(a, query, "echostr");
    bool        is_check  = *echo != '\0' && body_n == 0; /* the address is being saved */
    const char *encrypt   = is_check ? echo : office_xml(a, body, body_n, "Encrypt");
    office_wecom_signature(s->token, office_query(a, query, "timestamp"), office_query(a, query, "nonce"), encrypt, want);
    if (*encrypt == '\0' || strlen(sent) != 40 || !ct_equal(sent, want, 40)) return ERR_AUTH;
    enum err e = office_wecom_open(a, s->key, provider_text(p, "corp_id"), encrypt, strlen(encrypt), &msg);
    if (e) return e;
    if (is_check) *reply = msg;
    else click(p, a, msg, list, n);
    return ERR_OK;
}

const struct provider_kind kind_wecom = {
    .name        = "wecom",
    .channel     = "office",
    .vendor      = "wecom",
    .doc         = "WeCom (企业微信): application message to a member; target: userid",
    .opts        = opts,
    .opts_n      = ARRAY_N(opts),
    .rate_per_s  = 50,
    .state_size  = sizeof(struct wecom),
    .open        = wecom_open,
    .cred_call   = wecom_cred_call,
    .cred_answer = wecom_cred_answer,
    .call        = wecom_call,
    .answer      = wecom_answer,
    .receipts    = wecom_receipts,
    .once_s      = REPEAT_S,
};
