/* SPDX-License-Identifier: Apache-2.0
 *
 * DingTalk (钉钉): work notices, whose result (reached, read, refused) is asked for afterwards, and DING by a robot as the louder way.
 * Two families of interfaces: the older one answers with `errcode`, the newer one with an HTTP status and a word. A notice of the same
 * words to the same person on the same day is taken and not delivered: ours carry the second and the delivery id.
 */
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/mem.h"
#include "push/kinds.h"
#include "push/office.h"

#define HOST        "https://oapi.dingtalk.com"
#define NOTICE      "/topapi/message/corpconversation/"
#define MSG_BYTES   2048
#define TITLE_CHARS 64
#define LINK_CHARS  500
#define DING_CHARS  150
#define TARGET_MAX  64
#define BLOCKED_MS  300000 /* an address above its limit is shut out for five minutes */
#define MONTH_MS    3600000 /* the month's calls are used up: look again in an hour */

static const struct provider_opt opts[] = {
    {"app_key", OPT_TEXT, NULL, "AppKey of the application", 0, 0},
    {"app_secret_file", OPT_FILE, NULL, "file with the AppSecret", 0, 0},
    {"agent_id", OPT_NUMBER, NULL, "AgentId of the application", 1, INT64_MAX / 2},
    OFFICE_OPEN_URL,
    {"api_url", OPT_URL, "https://api.dingtalk.com", "address of the newer family of interfaces (base_url is the older one's)", 0, 0},
    {"read_state", OPT_BOOL, "true", "ask who has read; each question counts against the month's calls of small plans", 0, 0},
    {"ding", OPT_TEXT, "off", "loudest DING allowed: off, app, sms, phone; sms and phone use up what was bought", 0, 0},
    {"ding_priority", OPT_NUMBER, "0", "DING only for messages of this priority or more urgent; 0 is the most urgent", 0, 3},
    {"ding_robot", OPT_TEXT, "", "robotCode that sends the DING", 0, 0},
    {"ding_voice", OPT_TEXT, "Standard_Female_Voice", "voice of the telephone call", 0, 0},
};

struct dingtalk {
    char secret[OFFICE_SECRET];
};

static const struct office_code codes[] = {
    {-1, V_RETRY, 0, "busy"},
    {88, V_AUTH, 0, "authentication"},
    {40014, V_AUTH, 0, "token not valid"},
    {42001, V_AUTH, 0, "token expired"},
    {33012, V_GONE, 0, "no such user"},
    {60121, V_GONE, 0, "no such user"},
    {60011, V_CONFIG, 0, "no permission"},
    {90020, V_QUOTA, MONTH_MS, "calls of the month used up"},
    {90018, V_THROTTLED, 1000, "calls a second of the application"},
    {90002, V_THROTTLED, 1000, "calls a second of the interface"},
    {400002, V_REJECTED, 0, "no such task"},
};

/* Why one person was left out of a notice that was taken: a receipt knows GONE, REFUSED, REJECTED, RETRY. */
static const struct office_code forbidden[] = {
    {143103, V_RETRY, 0, "receivers a minute of the application"},
    {143104, V_RETRY, 0, "receivers a minute of the organisation"},
    {143105, V_REJECTED, 0, "messages a day to this person"},
    {143106, V_REJECTED, 0, "same words to this person today"},
    {143203, V_RETRY, 0, "receivers a minute of the application"},
    {143204, V_RETRY, 0, "receivers a minute of the application"},
    {143205, V_REJECTED, 0, "messages a day to this person"},
    {143206, V_REJECTED, 0, "same words to this person today"},
    {1430000, V_REJECTED, 0, "no receivers"},
    {1430001, V_REJECTED, 0, "grant type"},
    {1430002, V_REJECTED, 0, "forbidden words"},
    {1430003, V_RETRY, 0, "platform protects itself"},
    {1430004, V_REFUSED, 0, "executive protection"},
};
#define SAME_WORDS(code) ((code) == 143106 || (code) == 143206)

/* Words of the newer family; one may stand behind a prefix ("Forbidden.AccessDenied."). */
static const struct {
    const char  *word;
    enum verdict verdict;
    int64_t      wait_ms;
} words[] = {
    {"invalidClientIdOrSecret", V_CONFIG, 0},
    {"InvalidAuthentication", V_AUTH, 0},
    {"AccessTokenPermissionDenied", V_CONFIG, 0},
    {"send.ding.exception", V_UNKNOWN, 0},
    {"invalid.chatbotId", V_CONFIG, 0},
    {"miss.staffId", V_REJECTED, 0},
    {"toomuch.msg", V_THROTTLED, 60000},
    {"invalidParameter.param.invalid", V_REJECTED, 0},
    {"ding.receivercount.limit", V_REJECTED, 0},
    {"ding.serverquota.insufficient", V_QUOTA, 0},
    {"system.error", V_UNKNOWN, 0},
    {"ApiCountLimitForOrg", V_QUOTA, MONTH_MS},
    {"QpsLimitForAppkeyAndApi", V_THROTTLED, 1000},
    {"QpsLimitForApi", V_THROTTLED, 1000},
};

static enum err dingtalk_open(struct provider *p, char *why, size_t why_n) {
    struct dingtalk *s    = provider_state(p);
    int              ding = office_level(provider_text(p, "ding"));
    if (strlen(provider_text(p, "open_url")) > OFFICE_OPEN_URL_MAX) (void)snprintf(why, why_n, "option open_url: at most %d characters", OFFICE_OPEN_URL_MAX);
    else if (ding < 0) (void)snprintf(why, why_n, "option ding: off, app, sms or phone, not \"%s\"", provider_text(p, "ding"));
    else if (ding > 0 && *provider_text(p, "ding_robot") == '\0') (void)snprintf(why, why_n, "option ding: needs ding_robot");
    else return office_secret(p, "app_secret_file", s->secret, sizeof s->secret, why, why_n);
    return ERR_INPUT;
}

/* ---- answers ---- */
/* The verdict of an answer of the older family; false: errcode is 0. */
static bool is_error(const cJSON *o, const struct http_answer *r, struct push_answer *out) {
    int64_t code, sub;
    if (!office_int(o, "errcode", &code)) {
        /* the wall before the interfaces: {"status":1111,"wait":5,"punish":"deny"} */
        if (office_int(o, "status", &code) && code == 1111) office_say(out, V_THROTTLED, BLOCKED_MS, "1111 our address is shut out");
        else office_by_status(r, out);
        return true;
    }
    if (code == 0) return false;
    if (code == 88 && office_int(o, "sub_code", &sub))
        for (size_t i = 0; i < ARRAY_N(codes); i++)
            if (codes[i].code == sub) code = sub;
    office_by_code(codes, ARRAY_N(codes), code, out);
    return true;
}

static bool ends_with(const char *s, const char *word) {
    size_t n = strlen(s), w = strlen(word);
    return n >= w && strcmp(s + n - w, word) == 0 && (n == w || s[n - w - 1] == '.');
}

/* The same of the newer family: an error has a `code` of letters. */
static bool is_error_word(const cJSON *o, const struct http_answer *r, struct push_answer *out) {
    const char *code = office_str(o, "code");
    if (r->status >= 200 && r->status < 300 && *code == '\0') return false;
    for (size_t i = 0; i < ARRAY_N(words); i++)
        if (ends_with(code, words[i].word)) {
            office_say(out, words[i].verdict, words[i].wait_ms, "%s", words[i].word);
            return true;
        }
    office_by_status(r, out);
    if (out->verdict == V_UNKNOWN && *code && r->status < 500) out->verdict = V_REJECTED; /* a word of refusal, though not one we know */
    return true;
}

/* ---- credential ---- */
static enum err dingtalk_cred_call(struct provider *p, struct arena *a, int64_t wall_ms, struct http_call *out) {
    const struct dingtalk *s = provider_state(p);
    (void)wall_ms;
    out->method = "GET";
    out->url    = arena_printf(a, "%s/gettoken?appkey=%s&appsecret=%s", office_base(p, HOST), office_encode(a, provider_text(p, "app_key")),
                               office_encode(a, s->secret));
    return ERR_OK;
}

static void dingtalk_cred_answer(struct provider *p, struct arena *a, const struct http_answer *r, const char **cred, int64_t *life_ms,
                                 struct push_answer *out) {
    (void)p;
    int64_t life = 7200;
    cJSON  *o    = office_answer(r, 0, out);
    if (o && !is_error(o, r, out)) {
        (void)office_int(o, "expires_in", &life);
        office_token(a, office_str(o, "access_token"), life, cred, life_ms, out);
    }
    if (out->verdict == V_AUTH || out->verdict == V_REJECTED) out->verdict = V_CONFIG; /* key or secret: nothing a new token would cure */
    office_ask_again(out);
    cJSON_Delete(o);
}

/* ---- work notice ---- */
static size_t msg_json(struct buf *b, struct arena *a, const struct push_msg *m, const char *title, const char *text, const char *link) {
    struct jw w;
    buf_reset(b);
    jw_init(&w, b);
    jw_obj(&w);
    jw_kstr(&w, "msgtype", "action_card");
    jw_key(&w, "action_card");
    jw_obj(&w);
    jw_kstr(&w, "title", title);
    jw_kstr(&w, "markdown", arena_printf(a, "**%s**\n\n%s\n\n%s %s", title, text, office_plain(a, m->signature), office_stamp(a, m->at_wall_ms)));
    jw_kstr(&w, "single_title", "打开掌办");
    jw_kstr(&w, "single_url", link);
    jw_obj_end(&w);
    jw_obj_end(&w);
    return b->len;
}

static enum err dingtalk_call(struct provider *p, struct arena *a, const struct push_msg *m, const char *cred, int64_t wall_ms,
                              struct http_call *out, struct push_answer *why) {
    (void)wall_ms;
    if (!office_id_ok(m->target, TARGET_MAX)) return office_refuse(why, "not a userid");
    if (*m->text == '\0' || *m->title == '\0') return office_refuse(why, "no title or text");
    const char *link = office_link(p, a, m), *title = office_cut_chars(a, office_plain(a, m->title), TITLE_CHARS);
    const char *whole = office_cut(a, office_plain(a, m->text), MSG_BYTES), *text = whole;
    if (strlen(link) > LINK_CHARS) return office_refuse(why, "link too long");
    struct buf msg, b;
    struct jw  w;
    buf_init(&msg, 64U * 1024U);
    for (size_t max = strlen(whole), n; (n = msg_json(&msg, a, m, title, text, link)) > MSG_BYTES;) {
        if (max <= 3) {
            buf_fini(&msg);
            return office_refuse(why, "title and link too long");
        }
        max  = max > n - MSG_BYTES + 3 ? max - (n - MSG_BYTES) : 3;
        text = office_cut(a, whole, max);
    }
    buf_init(&b, 8192);
    jw_init(&w, &b);
    jw_obj(&w);
    jw_kint(&w, "agent_id", provider_number(p, "agent_id"));
    jw_kstr(&w, "userid_list", m->target);
    jw_kbool(&w, "to_all_user", false);
    jw_kraw(&w, "msg", buf_str(&msg));
    jw_obj_end(&w);
    buf_fini(&msg);
    office_body(a, &b, out);
    out->url = arena_printf(a, "%s" NOTICE "asyncsend_v2?access_token=%s", office_base(p, HOST), office_encode(a, cred));
    return ERR_OK;
}

static void dingtalk_answer(struct provider *p, struct arena *a, const struct push_msg *m, const struct http_answer *r, int64_t wall_ms,
                            struct push_answer *out) {
    (void)p;
    (void)m;
    int64_t task;
    cJSON  *o = office_answer(r, wall_ms, out);
    if (o && !is_error(o, r, out)) {
        office_say(out, V_SENT, 0, "0");
        if (office_int(o, "task_id", &task) && task > 0) office_ref(out, arena_printf(a, "%lld", (long long)task));
    }
    cJSON_Delete(o);
}

/* ---- who has read ---- */
static enum err dingtalk_poll_call(struct provider *p, struct arena *a, const struct push_msg *m, const char *ref, const char *cred,
                                   int64_t wall_ms, struct http_call *out, struct push_answer *why) {
    (void)m;
    (void)wall_ms;
    struct buf b;
    struct jw  w;
    if (!provider_flag(p, "read_state")) return office_refuse(why, "read_state is off");
    buf_init(&b, 256);
    jw_init(&w, &b);
    jw_obj(&w);
    jw_kint(&w, "agent_id", provider_number(p, "agent_id"));
    jw_kint(&w, "task_id", strtoll(ref, NULL, 10));
    jw_obj_end(&w);
    office_body(a, &b, out);
    out->url = arena_printf(a, "%s" NOTICE "getsendresult?access_token=%s", office_base(p, HOST), office_encode(a, cred));
    return ERR_OK;
}

static void failed(struct arena *a, struct push_receipt *rc, enum verdict v, const char *word) {
    rc->is_final = true;
    rc->verdict  = v;
    rc->detail   = arena_strdup(a, word);
}

/* The code under which this person was left out, 0: not there. */
static int64_t forbidden_code(const cJSON *res, const char *who) {
    const cJSON *i;
    int64_t      code;
    cJSON_ArrayForEach(i, cJSON_GetObjectItemCaseSensitive(res, "forbidden_list"))
        if (cJSON_IsObject(i) && strcasecmp(office_str(i, "userid"), who) == 0 && office_int(i, "code", &code)) return code;
    return 0;
}

static void result(struct arena *a, const struct push_msg *m, const cJSON *res, struct push_receipt *rc) {
    int64_t            code = forbidden_code(res, m->target);
    struct push_answer said = {.verdict = V_REJECTED, .detail = "left out"};
    if (office_has(res, "read_user_id_list", m->target)) rc->is_read = rc->is_delivered = rc->is_final = true;
    else if (office_has(res, "unread_user_id_list", m->target)) rc->is_delivered = true;
    else if (code && SAME_WORDS(code) && m->attempt > 1) rc->is_delivered = true; /* only our own earlier attempt says the same */
    else if (code) {
        office_by_code(forbidden, ARRAY_N(forbidden), code, &said);
        failed(a, rc, said.verdict, said.detail);
    } else if (office_has(res, "invalid_user_id_list", m->target)) failed(a, rc, V_GONE, "invalid_user_id_list");
    else if (office_has(res, "forbidden_user_id_list", m->target)) failed(a, rc, V_REJECTED, "forbidden_user_id_list");
    else if (office_has(res, "failed_user_id_list", m->target)) failed(a, rc, V_RETRY, "failed_user_id_list");
}

static void dingtalk_poll_answer(struct provider *p, struct arena *a, const struct push_msg *m, const char *ref, const struct http_answer *r,
                                 int64_t wall_ms, struct push_receipt *receipt, struct push_answer *out) {
    (void)p;
    cJSON *o = office_answer(r, wall_ms, out);
    *receipt = (struct push_receipt){.ref = ref, .id = "", .verdict = V_DELIVERED, .detail = ""};
    if (o && !is_error(o, r, out)) {
        const cJSON *res = cJSON_GetObjectItemCaseSensitive(o, "send_result");
        result(a, m, cJSON_IsObject(res) ? res : o, receipt);
        office_say(out, V_SENT, 0, "0");
    }
    office_ask_again(out);
    if (out->verdict == V_GONE) out->verdict = V_REJECTED; /* about the question */
    cJSON_Delete(o);
}

/* ---- DING ---- */
static enum err dingtalk_raise_call(struct provider *p, struct arena *a, const struct push_msg *m, const char *ref, int level, const char *cred,
                                    int64_t wall_ms, struct http_call *out, struct push_answer *why) {
    (void)ref;
    (void)wall_ms;
    struct buf b;
    struct jw  w;
    enum err   e = office_raise(p, "ding", m, level, &level, why);
    if (e) return e;
    if (!office_id_ok(m->target, TARGET_MAX)) return office_refuse(why, "not a userid");
    buf_init(&b, 8192);
    jw_init(&w, &b);
    jw_obj(&w);
    jw_kstr(&w, "robotCode", provider_text(p, "ding_robot"));
    jw_kint(&w, "remindType", level); /* 1 in the app, 2 SMS, 3 telephone: our own order */
    jw_key(&w, "receiverUserIdList");
    jw_arr(&w);
    jw_str(&w, m->target);
    jw_arr_end(&w);
    jw_kstr(&w, "content", office_cut_chars(a, arena_printf(a, "%s：%s", m->title, m->text), DING_CHARS));
    if (level == RAISE_PHONE) jw_kstr(&w, "callVoice", provider_text(p, "ding_voice"));
    jw_obj_end(&w);
    office_body(a, &b, out);
    out->url = arena_printf(a, "%s/v1.0/robot/ding/send", provider_text(p, "api_url"));
    http_call_header(out, "x-acs-dingtalk-access-token", cred);
    return ERR_OK;
}

static void dingtalk_raise_answer(struct provider *p, struct arena *a, const struct push_msg *m, const char *ref, int level,
                                  const struct http_answer *r, int64_t wall_ms, struct push_answer *out) {
    (void)p;
    (void)a;
    (void)ref;
    (void)level;
    cJSON       *o = office_answer(r, wall_ms, out);
    const cJSON *i;
    if (o && !is_error_word(o, r, out)) {
        const char *id = office_str(o, "openDingId");
        office_say(out, *id ? V_SENT : V_UNKNOWN, 0, *id ? "sent" : "no openDingId");
        cJSON_ArrayForEach(i, cJSON_GetObjectItemCaseSensitive(o, "failedList"))
            if (i->string && office_has(cJSON_GetObjectItemCaseSensitive(o, "failedList"), i->string, m->target))
                office_say(out, V_REJECTED, 0, "failedList");
        if (out->verdict == V_SENT) office_ref(out, id);
    }
    cJSON_Delete(o);
}

const struct provider_kind kind_dingtalk = {
    .name         = "dingtalk",
    .channel      = "office",
    .vendor       = "dingtalk",
    .doc          = "DingTalk (钉钉): work notice to a member, DING by robot; target: userid",
    .opts         = opts,
    .opts_n       = ARRAY_N(opts),
    .rate_per_s   = 15,
    .state_size   = sizeof(struct dingtalk),
    .open         = dingtalk_open,
    .cred_call    = dingtalk_cred_call,
    .cred_answer  = dingtalk_cred_answer,
    .call         = dingtalk_call,
    .answer       = dingtalk_answer,
    .poll_first_s = 120,
    .poll_every_s = 600,
    .poll_times   = 6,
    .poll_call    = dingtalk_poll_call,
    .poll_answer  = dingtalk_poll_answer,
    .raise_call   = dingtalk_raise_call,
    .raise_answer = dingtalk_raise_answer,
};
