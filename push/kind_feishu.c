/* SPDX-License-Identifier: Apache-2.0
 *
 * Feishu (飞书): one card to one person from the application's robot. The delivery id is the `uuid` by which Feishu drops a repetition
 * within an hour; readers are asked for and also told by event; a sent card can be made louder by its id (加急): first the message, then
 * the loudness. Business errors come with HTTP 400 as well as 200: the body decides.
 */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/check.h"
#include "base/sm.h"
#include "push/kinds.h"
#include "push/office.h"

#define HOST        "https://open.feishu.cn/open-apis"
#define TARGET_MAX  128
#define TITLE_CHARS 60
#define TEXT_CHARS  500
#define EVENT_REFS  100

static const struct provider_opt opts[] = {
    {"app_id", OPT_TEXT, NULL, "App ID", 0, 0},
    {"app_secret_file", OPT_FILE, NULL, "file with the App Secret", 0, 0},
    OFFICE_OPEN_URL,
    {"id_type", OPT_TEXT, "open_id", "what the targets are: open_id, user_id, union_id, email", 0, 0},
    {"read_state", OPT_BOOL, "true", "ask whether it was read", 0, 0},
    {"buzz", OPT_TEXT, "off", "loudest 加急 allowed: off, app, sms, phone; sms and phone use up a quota of the organisation", 0, 0},
    {"buzz_priority", OPT_NUMBER, "0", "加急 only for messages of this priority or more urgent; 0 is the most urgent", 0, 3},
    {"encrypt_key_file", OPT_FILE, "", "file with the Encrypt Key of the event call-back", 0, 0},
    {"verification_token_file", OPT_FILE, "", "file with the Verification Token of the event call-back", 0, 0},
};

struct feishu {
    char secret[OFFICE_SECRET], encrypt_key[OFFICE_SECRET], token[OFFICE_SECRET];
};

static const struct office_code codes[] = {
    {230001, V_REJECTED, 0, "parameter"},
    {230002, V_CONFIG, 0, "robot not in the group"},
    {230006, V_CONFIG, 0, "robot is not enabled"},
    {230013, V_CONFIG, 0, "user outside the application's range"},
    {230018, V_CONFIG, 0, "group setting"},
    {230020, V_THROTTLED, 1000, "frequency"},
    {230022, V_REJECTED, 0, "sensitive content"},
    {230025, V_REJECTED, 0, "too long"},
    {230027, V_CONFIG, 0, "permission"},
    {230028, V_REJECTED, 0, "stopped by data-leak audit"},
    {230029, V_GONE, 0, "has left the organisation"},
    {230034, V_GONE, 0, "no such receiver"},
    {230035, V_CONFIG, 0, "denied"},
    {230049, V_RETRY, 2000, "still being sent"}, /* the same uuid: a repetition tells how it ended */
    {230053, V_REFUSED, 0, "user stopped this robot"},
    {230099, V_REJECTED, 0, "card content"},
    {232009, V_GONE, 0, "group dissolved"},
    {99991400, V_THROTTLED, 1000, "rate"},
    {99991661, V_AUTH, 0, "token missing"},
    {99991663, V_AUTH, 0, "token not valid"},
    {99991671, V_AUTH, 0, "token format"},
    {99991672, V_CONFIG, 0, "scope missing"},
    {99992351, V_REJECTED, 0, "parameter"},
    {99992402, V_REJECTED, 0, "parameter"},
    {11232, V_THROTTLED, 5000, "system limit"},
};

/* Of the louder call and of the question; what is in neither table is looked up above. */
static const struct office_code after[] = {
    {230001, V_REJECTED, 0, "receiver not valid"},
    {230012, V_CONFIG, 0, "not the sender"},
    {230023, V_REJECTED, 0, "200 unread 加急 already"},
    {230024, V_QUOTA, 0, "quota used up"},
    {230027, V_CONFIG, 0, "external group or permission"},
    {230033, V_REJECTED, 0, "read state is no longer kept"},
    {230052, V_REJECTED, 0, "not allowed, or risk control"},
    {230098, V_REJECTED, 0, "message folded"},
    {230110, V_REJECTED, 0, "message deleted"},
};

static enum err feishu_open(struct provider *p, char *why, size_t why_n) {
    static const char *const types[] = {"open_id", "user_id", "union_id", "email"};
    struct feishu           *s       = provider_state(p);
    const char              *type    = provider_text(p, "id_type");
    int                      buzz    = office_level(provider_text(p, "buzz"));
    bool                     known   = false;
    enum err                 e       = ERR_INPUT;
    for (size_t i = 0; i < ARRAY_N(types); i++) known |= strcmp(type, types[i]) == 0;
    if (strlen(provider_text(p, "open_url")) > OFFICE_OPEN_URL_MAX) (void)snprintf(why, why_n, "option open_url: at most %d characters", OFFICE_OPEN_URL_MAX);
    else if (!known) (void)snprintf(why, why_n, "option id_type: open_id, user_id, union_id or email, not \"%s\"", type);
    else if (buzz < 0) (void)snprintf(why, why_n, "option buzz: off, app, sms or phone, not \"%s\"", provider_text(p, "buzz"));
    else if (buzz > 0 && strcmp(type, "email") == 0) (void)snprintf(why, why_n, "option buzz: not with id_type = email");
    else if ((e = office_secret(p, "app_secret_file", s->secret, sizeof s->secret, why, why_n)) == ERR_OK &&
             (e = office_secret(p, "encrypt_key_file", s->encrypt_key, sizeof s->encrypt_key, why, why_n)) == ERR_OK)
        e = office_secret(p, "verification_token_file", s->token, sizeof s->token, why, why_n);
    return e;
}

/* ---- answers ---- */
/* Seconds in x-ogw-ratelimit-reset, or Retry-After; 0: neither. */
static int64_t reset_ms(const struct http_answer *r, int64_t wall_ms) {
    const char *v = http_answer_header(r, "x-ogw-ratelimit-reset");
    if (v && *v && v[strspn(v, "0123456789")] == '\0' && strlen(v) < 6) return strtoll(v, NULL, 10) * 1000;
    return http_retry_after_ms(r, wall_ms);
}

static cJSON *answer_of(const struct http_answer *r, int64_t wall_ms, struct push_answer *out) {
    cJSON *o = office_answer(r, wall_ms, out);
    if (out->verdict == V_THROTTLED && o == NULL && reset_ms(r, wall_ms)) out->wait_ms = reset_ms(r, wall_ms);
    return o;
}

/* The verdict of `code`; false: it is 0. t: looked up before the table of all. */
static bool is_error(const cJSON *o, const struct http_answer *r, int64_t wall_ms, const struct office_code *t, size_t n, struct push_answer *out) {
    int64_t code;
    if (!office_int(o, "code", &code)) {
        office_by_status(r, out);
        return true;
    }
    if (code == 0) return false;
    for (size_t i = 0; i < n; i++)
        if (t[i].code == code) {
            office_by_code(t, n, code, out);
            return true;
        }
    office_by_code(codes, ARRAY_N(codes), code, out);
    if (out->verdict == V_THROTTLED && reset_ms(r, wall_ms)) out->wait_ms = reset_ms(r, wall_ms);
    return true;
}

static void bearer(struct arena *a, const char *cred, struct http_call *out) {
    http_call_header(out, "Authorization", arena_printf(a, "Bearer %s", cred));
}

/* ---- credential ---- */
static enum err feishu_cred_call(struct provider *p, struct arena *a, int64_t wall_ms, struct http_call *out) {
    const struct feishu *s = provider_state(p);
    (void)wall_ms;
    struct buf b;
    struct jw  w;
    buf_init(&b, 2048);
    jw_init(&w, &b);
    jw_obj(&w);
    jw_kstr(&w, "app_id", provider_text(p, "app_id"));
    jw_kstr(&w, "app_secret", s->secret);
    jw_obj_end(&w);
    office_body(a, &b, out);
    out->url = arena_printf(a, "%s/auth/v3/tenant_access_token/internal", office_base(p, HOST));
    return ERR_OK;
}

static void feishu_cred_answer(struct provider *p, struct arena *a, const struct http_answer *r, const char **cred, int64_t *life_ms,
                               struct push_answer *out) {
    (void)p;
    int64_t life = 7200;
    cJSON  *o    = answer_of(r, 0, out);
    if (o && !is_error(o, r, 0, NULL, 0, out)) {
        (void)office_int(o, "expire", &life);
        office_token(a, office_str(o, "tenant_access_token"), life, cred, life_ms, out);
    }
    if (out->verdict == V_REJECTED || out->verdict == V_AUTH) out->verdict = V_CONFIG; /* id or secret */
    office_ask_again(out);
    cJSON_Delete(o);
}

/* ---- message ---- */
static void text_obj(struct jw *w, const char *key, const char *text) {
    jw_key(w, key);
    jw_obj(w);
    jw_kstr(w, "tag", "plain_text"); /* no markup in it */
    jw_kstr(w, "content", text);
    jw_obj_end(w);
}

static void card(struct buf *b, struct arena *a, const struct push_msg *m, const char *link) {
    struct jw w;
    jw_init(&w, b);
    jw_obj(&w);
    jw_key(&w, "config");
    jw_obj(&w);
    jw_kbool(&w, "wide_screen_mode", true);
    jw_kbool(&w, "update_multi", true);
    jw_obj_end(&w);
    jw_key(&w, "header");
    jw_obj(&w);
    text_obj(&w, "title", office_cut_chars(a, m->title, TITLE_CHARS));
    jw_kstr(&w, "template", m->priority == 0 ? "red" : "blue");
    jw_obj_end(&w);
    jw_key(&w, "elements");
    jw_arr(&w);
    jw_obj(&w);
    jw_kstr(&w, "tag", "div");
    text_obj(&w, "text", arena_printf(a, "%s\n%s %s", office_cut_chars(a, m->text, TEXT_CHARS), m->signature, office_stamp(a, m->at_wall_ms)));
    jw_obj_end(&w);
    jw_obj(&w);
    jw_kstr(&w, "tag", "action");
    jw_key(&w, "actions");
    jw_arr(&w);
    jw_obj(&w);
    jw_kstr(&w, "tag", "button");
    text_obj(&w, "text", "打开掌办");
    jw_kstr(&w, "type", "primary");
    jw_kstr(&w, "url", link);
    jw_obj_end(&w);
    jw_arr_end(&w);
    jw_obj_end(&w);
    jw_arr_end(&w);
    jw_obj_end(&w);
}

static enum err feishu_call(struct provider *p, struct arena *a, const struct push_msg *m, const char *cred, int64_t wall_ms, struct http_call *out,
                            struct push_answer *why) {
    (void)wall_ms;
    struct buf content, b;
    struct jw  w;
    if (!office_id_ok(m->target, TARGET_MAX)) return office_refuse(why, "not an id of a user");
    if (*m->text == '\0' || *m->title == '\0') return office_refuse(why, "no title or text");
    buf_init(&content, 30U * 1024U); /* Feishu's own limit of a card */
    card(&content, a, m, office_link(p, a, m));
    buf_init(&b, 64U * 1024U);
    jw_init(&w, &b);
    jw_obj(&w);
    jw_kstr(&w, "receive_id", m->target);
    jw_kstr(&w, "msg_type", "interactive");
    jw_kstr(&w, "content", buf_str(&content)); /* JSON in a string of JSON */
    jw_kstr(&w, "uuid", m->id);
    jw_obj_end(&w);
    bool fits = !content.failed && !b.failed;
    buf_fini(&content);
    if (!fits) {
        buf_fini(&b);
        return office_refuse(why, "card too long");
    }
    office_body(a, &b, out);
    out->url = arena_printf(a, "%s/im/v1/messages?receive_id_type=%s", office_base(p, HOST), provider_text(p, "id_type"));
    bearer(a, cred, out);
    return ERR_OK;
}

static void feishu_answer(struct provider *p, struct arena *a, const struct push_msg *m, const struct http_answer *r, int64_t wall_ms,
                          struct push_answer *out) {
    (void)p;
    (void)a;
    (void)m;
    cJSON *o = answer_of(r, wall_ms, out);
    if (o && !is_error(o, r, wall_ms, NULL, 0, out)) {
        office_say(out, V_SENT, 0, "0");
        office_ref(out, office_str(cJSON_GetObjectItemCaseSensitive(o, "data"), "message_id"));
    }
    cJSON_Delete(o);
}

/* ---- who has read ---- */
static enum err feishu_poll_call(struct provider *p, struct arena *a, const struct push_msg *m, const char *ref, const char *cred, int64_t wall_ms,
                                 struct http_call *out, struct push_answer *why) {
    (void)m;
    (void)wall_ms;
    const char *type = provider_text(p, "id_type");
    if (!provider_flag(p, "read_state")) return office_refuse(why, "read_state is off");
    out->method = "GET";
    out->url    = arena_printf(a, "%s/im/v1/messages/%s/read_users?user_id_type=%s&page_size=100", office_base(p, HOST), office_encode(a, ref),
                               strcmp(type, "email") == 0 ? "open_id" : type);
    bearer(a, cred, out);
    return ERR_OK;
}

static void feishu_poll_answer(struct provider *p, struct arena *a, const struct push_msg *m, const char *ref, const struct http_answer *r,
                               int64_t wall_ms, struct push_receipt *receipt, struct push_answer *out) {
    (void)a;
    bool         any = strcmp(provider_text(p, "id_type"), "email") == 0; /* a chat of two: the only reader there can be */
    cJSON       *o   = answer_of(r, wall_ms, out);
    const cJSON *i;
    *receipt = (struct push_receipt){.ref = ref, .id = "", .verdict = V_DELIVERED, .detail = ""};
    if (o && !is_error(o, r, wall_ms, after, ARRAY_N(after), out)) {
        const cJSON *data = cJSON_GetObjectItemCaseSensitive(o, "data");
        cJSON_ArrayForEach(i, cJSON_GetObjectItemCaseSensitive(data, "items")) {
            const char *who = office_str(i, "user_id");
            if (*who && (any || strcmp(who, m->target) == 0)) receipt->is_read = receipt->is_delivered = receipt->is_final = true;
        }
        office_say(out, V_SENT, 0, "0");
    }
    office_ask_again(out);
    if (out->verdict == V_GONE || out->verdict == V_REFUSED) out->verdict = V_REJECTED; /* about the question */
    cJSON_Delete(o);
}

/* ---- 加急 ---- */
static enum err feishu_raise_call(struct provider *p, struct arena *a, const struct push_msg *m, const char *ref, int level, const char *cred,
                                  int64_t wall_ms, struct http_call *out, struct push_answer *why) {
    static const char *const ways[] = {[RAISE_APP] = "app", [RAISE_SMS] = "sms", [RAISE_PHONE] = "phone"};
    (void)wall_ms;
    struct buf b;
    struct jw  w;
    enum err   e = office_raise(p, "buzz", m, level, &level, why);
    if (e) return e;
    buf_init(&b, 1024);
    jw_init(&w, &b);
    jw_obj(&w);
    jw_key(&w, "user_id_list");
    jw_arr(&w);
    jw_str(&w, m->target);
    jw_arr_end(&w);
    jw_obj_end(&w);
    office_body(a, &b, out);
    out->method = "PATCH";
    out->url    = arena_printf(a, "%s/im/v1/messages/%s/urgent_%s?user_id_type=%s", office_base(p, HOST), office_encode(a, ref), ways[level],
                               provider_text(p, "id_type"));
    bearer(a, cred, out);
    return ERR_OK;
}

static void feishu_raise_answer(struct provider *p, struct arena *a, const struct push_msg *m, const char *ref, int level,
                                const struct http_answer *r, int64_t wall_ms, struct push_answer *out) {
    (void)p;
    (void)a;
    (void)ref;
    (void)level;
    cJSON *o = answer_of(r, wall_ms, out);
    if (o && !is_error(o, r, wall_ms, after, ARRAY_N(after), out)) {
        if (office_has(cJSON_GetObjectItemCaseSensitive(o, "data"), "invalid_user_id_list", m->target)) office_say(out, V_REJECTED, 0, "invalid_user_id_list");
        else office_say(out, V_SENT, 0, "0");
    }
    if (out->verdict == V_GONE || out->verdict == V_REFUSED) out->verdict = V_REJECTED;
    cJSON_Delete(o);
}

/* ---- events ---- */
static const char *header_of(const struct http_header *h, size_t n, const char *name) {
    for (size_t i = 0; i < n; i++)
        if (strcasecmp(h[i].name, name) == 0) return h[i].value;
    return "";
}

static bool same(const char *want, const char *sent) {
    size_t n = strlen(want);
    return n > 0 && strlen(sent) == n && ct_equal(want, sent, n);
}

static void read_event(struct arena *a, const cJSON *event, struct push_receipt **list, size_t *n) {
    const cJSON *ids = cJSON_GetObjectItemCaseSensitive(event, "message_id_list"), *i;
    if (!cJSON_IsArray(ids)) return;
    *list = arena_alloc(a, EVENT_REFS * sizeof **list);
    cJSON_ArrayForEach(i, ids) {
        if (*n == EVENT_REFS) break;
        if (!cJSON_IsString(i) || i->valuestring[0] == '\0') continue;
        (*list)[(*n)++] = (struct push_receipt){.ref = arena_strdup(a, i->valuestring), .id = "", .is_read = true, .is_delivered = true,
                                                .is_final = true, .verdict = V_DELIVERED, .detail = "message_read"};
    }
}

/* The opened document. signed: its bytes bore the signature. */
static enum err event_of(const struct provider *p, const struct feishu *s, struct arena *a, const cJSON *o, bool is_signed,
                         struct push_receipt **list, size_t *n, const char **reply) {
    const cJSON *header = cJSON_GetObjectItemCaseSensitive(o, "header");
    const char  *token  = header ? office_str(header, "token") : office_str(o, "token"), *app = office_str(header, "app_id");
    bool         is_check = strcmp(office_str(o, "type"), "url_verification") == 0;
    if (s->token[0] && !same(s->token, token)) return ERR_AUTH;
    if (!is_check && s->encrypt_key[0] && !is_signed) return ERR_AUTH; /* the first question of a new address is not signed */
    if (is_check) {
        struct buf b;
        struct jw  w;
        buf_init(&b, 4096);
        jw_init(&w, &b);
        jw_obj(&w);
        jw_kstr(&w, "challenge", office_str(o, "challenge"));
        jw_obj_end(&w);
        bool fits = !b.failed;
        *reply    = arena_strdup(a, buf_str(&b));
        buf_fini(&b);
        return fits ? ERR_OK : ERR_INPUT;
    }
    if (*app && strcmp(app, provider_text(p, "app_id")) != 0) return ERR_AUTH;
    if (strcmp(office_str(header, "event_type"), "im.message.message_read_v1") == 0) read_event(a, cJSON_GetObjectItemCaseSensitive(o, "event"), list, n);
    return ERR_OK;
}

static enum err feishu_receipts(struct provider *p, struct arena *a, const char *query, const struct http_header *headers, size_t headers_n,
                                const char *body, size_t body_n, int64_t wall_ms, struct push_receipt **list, size_t *n, const char **reply) {
    (void)query;
    (void)wall_ms;
    const struct feishu *s   = provider_state(p);
    cJSON               *o   = NULL;
    const char          *why = "";
    enum err             e;
    bool                 is_signed = false;
    *list  = NULL;
    *n     = 0;
    *reply = "";
    if (s->encrypt_key[0] == '\0' && s->token[0] == '\0') return ERR_AUTH;
    if (s->encrypt_key[0]) {
        char want[65];
        office_feishu_signature(header_of(headers, headers_n, "x-lark-request-timestamp"), header_of(headers, headers_n, "x-lark-request-nonce"),
                                s->encrypt_key, body, body_n, want);
        is_signed = same(want, header_of(headers, headers_n, "x-lark-signature"));
    }
    if ((e = json_parse(body, body_n, &o, &why)) != ERR_OK) return e;
    if (s->encrypt_key[0]) {
        const char *sealed = office_str(o, "encrypt");
        char       *msg    = NULL;
        size_t      msg_n  = 0;
        e                  = *sealed ? office_feishu_open(a, s->encrypt_key, sealed, strlen(sealed), &msg, &msg_n) : ERR_AUTH;
        cJSON_Delete(o);
        o = NULL;
        if (e) return ERR_AUTH; /* not from somebody who knows the key */
        if ((e = json_parse(msg, msg_n, &o, &why)) != ERR_OK) return e;
    }
    e = event_of(p, s, a, o, is_signed, list, n, reply);
    cJSON_Delete(o);
    return e;
}

const struct provider_kind kind_feishu = {
    .name         = "feishu",
    .channel      = "office",
    .vendor       = "feishu",
    .doc          = "Feishu (飞书): card to a person from the application's robot, 加急; target: open_id or what id_type says",
    .opts         = opts,
    .opts_n       = ARRAY_N(opts),
    .rate_per_s   = 15, /* 1000 a minute */
    .state_size   = sizeof(struct feishu),
    .open         = feishu_open,
    .cred_call    = feishu_cred_call,
    .cred_answer  = feishu_cred_answer,
    .call         = feishu_call,
    .answer       = feishu_answer,
    .receipts     = feishu_receipts,
    .once_s       = 3600,
    .poll_first_s = 60,
    .poll_every_s = 300,
    .poll_times   = 12,
    .poll_call    = feishu_poll_call,
    .poll_answer  = feishu_poll_answer,
    .raise_call   = feishu_raise_call,
    .raise_answer = feishu_raise_answer,
};
