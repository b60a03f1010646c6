/* SPDX-License-Identifier: Apache-2.0
 *
 * Firebase Cloud Messaging, HTTP v1: for phones outside the mainland. The access token is fetched with an assertion signed by the
 * service account's key (RS256), and shared by all workers.
 */
#include <string.h>
#include <strings.h>

#include "base/check.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/text.h"
#include "push/gone.h"
#include "push/jwt.h"
#include "push/kinds.h"
#include "push/provider.h"

#define HOST      "https://fcm.googleapis.com"
#define TOKEN_URL "https://oauth2.googleapis.com/token"
#define SCOPE     "https://www.googleapis.com/auth/firebase.messaging"
#define BODY_MAX  4096
#define QUOTA_MS  60000 /* quotas are by the minute */
#define TARGET_MAX 1024
#define TTL_MAX_S 2419200 /* four weeks */

struct fcm {
    struct jwt_key   *key;
    struct gone_guard gone;
    char              email[256], project[128], token_uri[256];
};

static bool text_of(const cJSON *j, const char *name, char *out, size_t n) {
    const char *s = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(j, name));
    return s && text_is_clean(s, strlen(s), false) && (size_t)snprintf(out, n, "%s", s) < n;
}

static enum err fcm_open(struct provider *p, char *why, size_t why_n) {
    struct fcm *s = provider_state(p);
    size_t      n = 0;
    char       *file = provider_file(p, "key_file", &n, why, why_n), inner[128] = "not JSON of a service account";
    cJSON      *j    = NULL;
    const char *bad;
    if (file == NULL) return ERR_INPUT;
    enum err e = json_parse(file, n, &j, &bad);
    if (e == ERR_OK) {
        char *pem = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(j, "private_key"));
        e         = pem && text_of(j, "client_email", s->email, sizeof s->email) ? jwt_key_new(pem, JWT_RS256, &s->key, inner, sizeof inner) : ERR_INPUT;
        if (pem) x_wipe(pem, strlen(pem));
    }
    if (e == ERR_OK && !text_of(j, "token_uri", s->token_uri, sizeof s->token_uri)) (void)snprintf(s->token_uri, sizeof s->token_uri, "%s", TOKEN_URL);
    if (e == ERR_OK && *provider_text(p, "token_url")) (void)snprintf(s->token_uri, sizeof s->token_uri, "%s", provider_text(p, "token_url"));
    if (e) (void)snprintf(why, why_n, "option key_file: %s", inner);
    if (e == ERR_OK && *provider_text(p, "project")) (void)snprintf(s->project, sizeof s->project, "%s", provider_text(p, "project"));
    else if (e == ERR_OK && !text_of(j, "project_id", s->project, sizeof s->project)) {
        e = ERR_INPUT;
        (void)snprintf(why, why_n, "option project: is not in the key file, and not given");
    }
    if (e == ERR_OK && strspn(s->project, "abcdefghijklmnopqrstuvwxyz0123456789-:.") != strlen(s->project)) {
        e = ERR_INPUT;
        (void)snprintf(why, why_n, "option project: small letters, digits and -");
    }
    cJSON_Delete(j);
    x_wipe(file, n);
    x_free(file);
    if (e) {
        jwt_key_free(s->key);
        s->key = NULL;
    }
    return e;
}

static void fcm_close(struct provider *p) {
    struct fcm *s = provider_state(p);
    jwt_key_free(s->key);
}

static enum err fcm_cred_call(struct provider *p, struct arena *a, int64_t wall_ms, struct http_call *out) {
    struct fcm *s = provider_state(p);
    struct buf  b;
    struct jw   w;
    buf_init(&b, 4096);
    jw_init(&w, &b);
    jw_obj(&w);
    jw_kstr(&w, "iss", s->email);
    jw_kstr(&w, "scope", SCOPE);
    jw_kstr(&w, "aud", s->token_uri);
    jw_kint(&w, "iat", wall_ms / 1000);
    jw_kint(&w, "exp", wall_ms / 1000 + 3600);
    jw_obj_end(&w);
    const char *jwt = b.failed ? NULL : jwt_sign(s->key, a, "", buf_str(&b));
    buf_fini(&b);
    if (jwt == NULL) return ERR_INTERNAL;
    out->url    = arena_strdup(a, s->token_uri);
    out->body   = arena_printf(a, "grant_type=urn%%3Aietf%%3Aparams%%3Aoauth%%3Agrant-type%%3Ajwt-bearer&assertion=%s", jwt);
    out->body_n = strlen(out->body);
    http_call_header(out, "content-type", "application/x-www-form-urlencoded");
    return ERR_OK;
}

static void fcm_cred_answer(struct provider *p, struct arena *a, const struct http_answer *r, const char **cred, int64_t *life_ms,
                            struct push_answer *out) {
    cJSON      *j = NULL;
    const char *why;
    (void)p;
    if (http_verdict(r, 0, out)) return;
    enum err     e     = json_parse(r->body, r->body_n, &j, &why);
    const char  *token = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(j, "access_token"));
    const cJSON *life  = cJSON_GetObjectItemCaseSensitive(j, "expires_in");
    if (r->status == 200 && e == ERR_OK && token && *token && strchr(token, ' ') == NULL && text_is_clean(token, strlen(token), false)) {
        *cred        = arena_strdup(a, token);
        *life_ms     = cJSON_IsNumber(life) && life->valuedouble >= 60 && life->valuedouble <= 86400 ? (int64_t)life->valuedouble * 1000 : 300000;
        out->verdict = V_SENT;
    } else {
        out->verdict = r->status >= 500 ? V_RETRY : r->status == 200 ? V_CONFIG : V_AUTH;
    }
    push_detail(out, r->status, cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(j, "error")));
    cJSON_Delete(j);
}

static void message(struct buf *b, const struct provider *p, const struct push_msg *m, size_t text_n) {
    struct jw w;
    int64_t   ttl = m->ttl_s < 0 ? 0 : m->ttl_s > TTL_MAX_S ? TTL_MAX_S : m->ttl_s;
    char      seconds[24];
    (void)snprintf(seconds, sizeof seconds, "%llds", (long long)ttl);
    buf_reset(b);
    jw_init(&w, b);
    jw_obj(&w);
    jw_key(&w, "message");
    jw_obj(&w);
    jw_kstr(&w, "token", m->target);
    jw_key(&w, "notification");
    jw_obj(&w);
    jw_kstr(&w, "title", m->title);
    jw_key(&w, "body");
    jw_strn(&w, m->text, text_n);
    jw_obj_end(&w);
    jw_key(&w, "data"); /* only strings; no names "from", "google...", "gcm..." */
    jw_obj(&w);
    jw_kstr(&w, "object", m->object);
    jw_kstr(&w, "notice", m->notice);
    jw_kstr(&w, "kind", m->kind);
    jw_obj_end(&w);
    jw_key(&w, "android");
    jw_obj(&w);
    jw_kstr(&w, "priority", m->priority == 3 ? "NORMAL" : "HIGH");
    jw_kstr(&w, "ttl", seconds);
    if (*m->app) jw_kstr(&w, "restricted_package_name", m->app);
    jw_key(&w, "notification");
    jw_obj(&w);
    if (*m->notice) jw_kstr(&w, "tag", m->notice); /* a later one of the notice takes its place on the screen */
    if (*provider_text(p, "channel_id")) jw_kstr(&w, "channel_id", provider_text(p, "channel_id"));
    if (m->unread >= 0) jw_kint(&w, "notification_count", m->unread);
    jw_obj_end(&w);
    jw_obj_end(&w);
    jw_obj_end(&w);
    jw_obj_end(&w);
}

static enum err fcm_call(struct provider *p, struct arena *a, const struct push_msg *m, const char *cred, int64_t wall_ms, struct http_call *out,
                         struct push_answer *why) {
    struct fcm *s    = provider_state(p);
    const char *base = provider_text(p, "base_url");
    size_t      text_n = strlen(m->text);
    struct buf  b;
    (void)wall_ms;
    if (*m->target == '\0' || strlen(m->target) > TARGET_MAX || !text_is_clean(m->target, strlen(m->target), false)) {
        (void)snprintf(why->detail, sizeof why->detail, "not a registration token");
        return ERR_INPUT;
    }
    buf_init(&b, 64U << 10);
    message(&b, p, m, text_n);
    for (int i = 0; b.len > BODY_MAX && text_n > 0 && i < 8; i++) {
        size_t over = b.len - BODY_MAX;
        text_n      = utf8_cut(m->text, text_n, text_n > over ? text_n - over : 0);
        message(&b, p, m, text_n);
    }
    bool fits = b.len <= BODY_MAX && !b.failed;
    if (fits) {
        out->body   = arena_strndup(a, b.p, b.len);
        out->body_n = b.len;
    } else {
        (void)snprintf(why->detail, sizeof why->detail, "too long");
    }
    buf_fini(&b);
    if (!fits) return ERR_INPUT;
    out->url = arena_printf(a, "%s/v1/projects/%s/messages:send", *base ? base : HOST, s->project);
    http_call_header(out, "authorization", arena_printf(a, "Bearer %s", cred));
    http_call_header(out, "content-type", "application/json");
    return ERR_OK;
}

struct trouble {
    const char *code;        /* of FcmError; NULL: none came */
    const char *status;      /* google.rpc.Status */
    bool        bad_request; /* details about fields */
    bool        about_token;
};

static void read_trouble(const cJSON *j, struct trouble *t) {
    const cJSON *error = cJSON_GetObjectItemCaseSensitive(j, "error"), *d;
    const char  *says  = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(error, "message"));
    const cJSON *list  = cJSON_GetObjectItemCaseSensitive(error, "details");
    t->status          = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(error, "status"));
    t->about_token     = says && strcasestr(says, "registration token") != NULL;
    if (!cJSON_IsArray(list)) return;
    cJSON_ArrayForEach(d, list) {
        const char *type = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(d, "@type"));
        if (type == NULL) continue;
        size_t n = strlen(type);
        if (n >= 8 && strcmp(type + n - 8, "FcmError") == 0) t->code = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(d, "errorCode"));
        if (n >= 10 && strcmp(type + n - 10, "BadRequest") == 0) t->bad_request = true;
    }
}

enum what { W_NONE, W_ARGUMENT, W_GONE, W_TOKEN, W_QUOTA, W_RETRY, W_CONFIG };
static const struct {
    const char *code;
    enum what   what;
} codes[] = {
    {"INVALID_ARGUMENT", W_ARGUMENT}, {"UNREGISTERED", W_GONE}, {"SENDER_ID_MISMATCH", W_TOKEN},      {"QUOTA_EXCEEDED", W_QUOTA},
    {"UNAVAILABLE", W_RETRY},         {"INTERNAL", W_RETRY},    {"THIRD_PARTY_AUTH_ERROR", W_CONFIG},
};

static void fcm_answer(struct provider *p, struct arena *a, const struct push_msg *m, const struct http_answer *r, int64_t wall_ms,
                       struct push_answer *out) {
    struct fcm    *s = provider_state(p);
    struct trouble t = {0};
    cJSON         *j = NULL;
    const char    *why;
    enum what      w = W_NONE;
    (void)a, (void)m;
    if (r->status == 0) {
        (void)http_verdict(r, wall_ms, out);
        return;
    }
    (void)!json_parse(r->body, r->body_n, &j, &why); /* no JSON is as good as no codes */
    if (r->status == 200) {
        const char *name = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(j, "name"));
        if (name && strlen(name) < sizeof out->ref && text_is_clean(name, strlen(name), false)) (void)snprintf(out->ref, sizeof out->ref, "%s", name);
        gone_accepted(&s->gone);
        out->verdict = V_SENT;
        cJSON_Delete(j);
        return;
    }
    read_trouble(j, &t);
    for (size_t i = 0; t.code && i < ARRAY_N(codes); i++)
        if (strcmp(codes[i].code, t.code) == 0) w = codes[i].what;
    out->wait_ms = http_retry_after_ms(r, wall_ms);
    switch (w) {
    case W_ARGUMENT: out->verdict = !t.bad_request && t.about_token ? gone_or_config(&s->gone) : V_REJECTED; break;
    case W_GONE: out->verdict = V_GONE; break;
    case W_TOKEN: out->verdict = gone_or_config(&s->gone); break;
    case W_QUOTA: out->verdict = V_THROTTLED; break;
    case W_RETRY: out->verdict = V_RETRY; break;
    case W_CONFIG: out->verdict = V_CONFIG; break;
    case W_NONE:
        out->verdict = r->status == 400   ? V_REJECTED
                       : r->status == 401 ? V_AUTH
                       : r->status == 413 ? V_REJECTED
                       : r->status == 429 ? V_THROTTLED
                       : r->status >= 500 ? V_RETRY
                                          : V_CONFIG; /* 403, 404: the project, the right; a redirect */
        break;
    }
    if (out->verdict == V_THROTTLED && out->wait_ms == 0) out->wait_ms = QUOTA_MS;
    if (out->verdict == V_AUTH) out->wait_ms = 0;
    push_detail(out, r->status, t.code ? t.code : t.status);
    cJSON_Delete(j);
}

static const struct provider_opt opts[] = {
    {"key_file", OPT_FILE, NULL, "key of the service account, the JSON file from Google", 0, 0},
    {"project", OPT_TEXT, "", "project id; empty: the one in the key file", 0, 0},
    {"token_url", OPT_URL, "", "in place of the key file's token_uri (a proxy of the city, a test)", 0, 0},
    {"channel_id", OPT_TEXT, "", "notification channel of the app; empty: its default", 0, 0},
};

const struct provider_kind kind_fcm = {
    .name        = "fcm",
    .channel     = "push",
    .vendor      = "fcm",
    .doc         = "Firebase Cloud Messaging (HTTP v1), for phones outside the mainland",
    .opts        = opts,
    .opts_n      = ARRAY_N(opts),
    .rate_per_s  = 1000,
    .window      = 200,
    .state_size  = sizeof(struct fcm),
    .open        = fcm_open,
    .close       = fcm_close,
    .cred_call   = fcm_cred_call,
    .cred_answer = fcm_cred_answer,
    .call        = fcm_call,
    .answer      = fcm_answer,
};
