/* SPDX-License-Identifier: Apache-2.0
 *
 * Apple Push Notification service, by provider token (ES256). The token is shared by all workers and used for 50 minutes, renewed
 * from the 40th on: Apple wants a new one within the hour, and not more often than every 20 minutes.
 */
#include <string.h>

#include "base/check.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/sm.h"
#include "base/text.h"
#include "push/gone.h"
#include "push/jwt.h"
#include "push/kinds.h"
#include "push/provider.h"

#define HOST         "https://api.push.apple.com"
#define HOST_SANDBOX "https://api.sandbox.push.apple.com"
#define BODY_MAX     4096
#define LIFE_MS      (50LL * 60000)
#define UPDATE_MS    (20LL * 60000)
#define DEVICE_MS    60000 /* too many to one device */
#define TOKEN_MAX    200

struct apns {
    struct jwt_key   *key;
    struct gone_guard gone;
};

static enum err apns_open(struct provider *p, char *why, size_t why_n) {
    struct apns *s   = provider_state(p);
    char         inner[128];
    char        *pem = provider_file(p, "key_file", NULL, why, why_n);
    if (pem == NULL) return ERR_INPUT;
    enum err e = jwt_key_new(pem, JWT_ES256, &s->key, inner, sizeof inner);
    x_wipe(pem, strlen(pem));
    x_free(pem);
    if (e) (void)snprintf(why, why_n, "option key_file: %s", inner);
    return e;
}

static void apns_close(struct provider *p) {
    struct apns *s = provider_state(p);
    jwt_key_free(s->key);
}

static enum err apns_cred(struct provider *p, struct arena *a, int64_t wall_ms, const char **cred, int64_t *life_ms) {
    struct apns *s = provider_state(p);
    struct buf   b;
    struct jw    w;
    buf_init(&b, 1024);
    jw_init(&w, &b);
    jw_obj(&w);
    jw_kstr(&w, "iss", provider_text(p, "team_id"));
    jw_kint(&w, "iat", wall_ms / 1000);
    jw_obj_end(&w);
    *cred    = jwt_sign(s->key, a, provider_text(p, "key_id"), buf_str(&b));
    *life_ms = LIFE_MS;
    buf_fini(&b);
    return *cred ? ERR_OK : ERR_INTERNAL;
}

static void payload(struct buf *b, const struct provider *p, const struct push_msg *m, size_t text_n) {
    struct jw w;
    buf_reset(b);
    jw_init(&w, b);
    jw_obj(&w);
    jw_key(&w, "aps");
    jw_obj(&w);
    jw_key(&w, "alert");
    jw_obj(&w);
    jw_kstr(&w, "title", m->title);
    jw_key(&w, "body");
    jw_strn(&w, m->text, text_n);
    jw_obj_end(&w);
    if (*provider_text(p, "sound") && m->priority < 3) jw_kstr(&w, "sound", provider_text(p, "sound"));
    if (m->unread >= 0) jw_kint(&w, "badge", m->unread);
    if (*m->object) jw_kstr(&w, "thread-id", m->object);
    jw_kstr(&w, "interruption-level", m->priority == 0 ? "time-sensitive" : m->priority == 3 ? "passive" : "active");
    jw_obj_end(&w);
    jw_kstr(&w, "object", m->object);
    jw_kstr(&w, "notice", m->notice);
    jw_kstr(&w, "kind", m->kind);
    jw_obj_end(&w);
}

static bool is_device(const char *s) {
    size_t n = strlen(s);
    return n >= 2 && n <= TOKEN_MAX && n % 2 == 0 && strspn(s, "0123456789abcdefABCDEF") == n;
}

/* The same at every attempt, so that Apple's console and ours speak of one message. */
static const char *message_id(struct arena *a, const char *id) {
    uint8_t h[32];
    char    x[33];
    sm3(id, strlen(id), h);
    h[6] = (uint8_t)((h[6] & 0x0F) | 0x80);
    h[8] = (uint8_t)((h[8] & 0x3F) | 0x80);
    hex_encode(x, h, 16);
    return arena_printf(a, "%.8s-%.4s-%.4s-%.4s-%.12s", x, x + 8, x + 12, x + 16, x + 20);
}

static enum err apns_call(struct provider *p, struct arena *a, const struct push_msg *m, const char *cred, int64_t wall_ms, struct http_call *out,
                          struct push_answer *why) {
    const char *base = provider_text(p, "base_url"), *topic = *m->app ? m->app : provider_text(p, "topic");
    size_t      text_n = strlen(m->text);
    struct buf  b;
    if (!is_device(m->target)) {
        (void)snprintf(why->detail, sizeof why->detail, "not a device token");
        return ERR_INPUT;
    }
    buf_init(&b, 64U << 10);
    payload(&b, p, m, text_n);
    for (int i = 0; b.len > BODY_MAX && text_n > 0 && i < 8; i++) { /* what is escaped is longer than it looks: in steps */
        size_t over = b.len - BODY_MAX;
        text_n      = utf8_cut(m->text, text_n, text_n > over ? text_n - over : 0);
        payload(&b, p, m, text_n);
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
    if (*base == '\0') base = provider_flag(p, "sandbox") ? HOST_SANDBOX : HOST;
    out->url = arena_printf(a, "%s/3/device/%s", base, m->target);
    http_call_header(out, "authorization", arena_printf(a, "bearer %s", cred));
    http_call_header(out, "content-type", "application/json");
    http_call_header(out, "apns-topic", topic);
    http_call_header(out, "apns-push-type", "alert");
    http_call_header(out, "apns-id", message_id(a, m->id));
    http_call_header(out, "apns-priority", m->priority == 3 ? "5" : "10");
    http_call_header(out, "apns-expiration", m->ttl_s > 0 ? arena_printf(a, "%lld", (long long)(wall_ms / 1000 + m->ttl_s)) : "0");
    if (*m->notice && strlen(m->notice) <= 64) http_call_header(out, "apns-collapse-id", m->notice);
    return ERR_OK;
}

enum what { W_BUG, W_PAYLOAD, W_CONFIG, W_AUTH, W_TOKEN, W_GONE, W_DEVICE, W_UPDATES, W_RETRY };
static const struct {
    const char *reason;
    enum what   what;
} reasons[] = {
    {"BadCollapseId", W_PAYLOAD},
    {"BadExpirationDate", W_PAYLOAD},
    {"BadMessageId", W_PAYLOAD},
    {"BadPriority", W_PAYLOAD},
    {"DuplicateHeaders", W_PAYLOAD},
    {"InvalidPushType", W_PAYLOAD},
    {"PayloadEmpty", W_PAYLOAD},
    {"MissingDeviceToken", W_PAYLOAD},
    {"PayloadTooLarge", W_PAYLOAD},
    {"BadTopic", W_CONFIG},
    {"MissingTopic", W_CONFIG},
    {"TopicDisallowed", W_CONFIG},
    {"BadDeviceToken", W_TOKEN},
    {"DeviceTokenNotForTopic", W_TOKEN},
    {"IdleTimeout", W_RETRY},
    {"BadCertificate", W_CONFIG},
    {"BadCertificateEnvironment", W_CONFIG},
    {"Forbidden", W_CONFIG},
    {"BadEnvironmentKeyIdInToken", W_CONFIG},
    {"UnrelatedKeyIdInToken", W_CONFIG},
    {"InvalidProviderToken", W_AUTH},
    {"MissingProviderToken", W_AUTH},
    {"ExpiredProviderToken", W_AUTH},
    {"BadPath", W_BUG},
    {"MethodNotAllowed", W_BUG},
    {"Unregistered", W_GONE},
    {"ExpiredToken", W_GONE},
    {"TooManyProviderTokenUpdates", W_UPDATES},
    {"TooManyRequests", W_DEVICE},
    {"InternalServerError", W_RETRY},
    {"ServiceUnavailable", W_RETRY},
    {"Shutdown", W_RETRY},
};

static enum what of_status(int status) { /* a reason we do not know */
    if (status == 410) return W_GONE;
    if (status == 429) return W_DEVICE;
    if (status == 403) return W_CONFIG;
    if (status == 400 || status == 413) return W_PAYLOAD;
    return status >= 500 ? W_RETRY : W_BUG;
}

static void apns_answer(struct provider *p, struct arena *a, const struct push_msg *m, const struct http_answer *r, int64_t wall_ms,
                        struct push_answer *out) {
    struct apns *s      = provider_state(p);
    cJSON       *j      = NULL;
    const char  *reason = NULL, *why, *id = http_answer_header(r, "apns-id");
    (void)a, (void)m;
    if (r->status == 0) {
        (void)http_verdict(r, wall_ms, out);
        return;
    }
    if (id && strlen(id) < sizeof out->ref && text_is_clean(id, strlen(id), false)) (void)snprintf(out->ref, sizeof out->ref, "%s", id);
    if (r->status == 200) {
        gone_accepted(&s->gone);
        out->verdict = V_SENT;
        return;
    }
    if (json_parse(r->body, r->body_n, &j, &why) == ERR_OK) reason = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(j, "reason"));
    enum what w = of_status(r->status);
    for (size_t i = 0; reason && i < ARRAY_N(reasons); i++)
        if (strcmp(reasons[i].reason, reason) == 0) w = reasons[i].what;
    out->wait_ms = http_retry_after_ms(r, wall_ms);
    switch (w) {
    case W_BUG:
    case W_CONFIG: out->verdict = V_CONFIG; break;
    case W_PAYLOAD: out->verdict = V_REJECTED; break;
    case W_AUTH:
        out->verdict = V_AUTH;
        out->wait_ms = 0;
        break;
    case W_UPDATES:
        out->verdict = V_AUTH;
        out->wait_ms = UPDATE_MS;
        break;
    case W_TOKEN: out->verdict = gone_or_config(&s->gone); break;
    case W_GONE: {
        const cJSON *t = cJSON_GetObjectItemCaseSensitive(j, "timestamp");
        out->verdict   = V_GONE;
        if (cJSON_IsNumber(t) && t->valuedouble > 0 && t->valuedouble < 1e14) out->gone_wall_ms = (int64_t)t->valuedouble;
        break;
    }
    case W_DEVICE: /* of this device alone: the others need not slow down */
        out->verdict = V_RETRY;
        if (out->wait_ms == 0) out->wait_ms = DEVICE_MS;
        break;
    case W_RETRY: out->verdict = V_RETRY; break;
    }
    push_detail(out, r->status, reason);
    cJSON_Delete(j);
}

static const struct provider_opt opts[] = {
    {"key_file", OPT_FILE, NULL, "provider key, the .p8 file from Apple", 0, 0},
    {"key_id", OPT_TEXT, NULL, "its id, 10 characters", 0, 0},
    {"team_id", OPT_TEXT, NULL, "id of the developer account, 10 characters", 0, 0},
    {"topic", OPT_TEXT, NULL, "bundle id of the app", 0, 0},
    {"sandbox", OPT_BOOL, "false", "tokens come from development builds", 0, 0},
    {"sound", OPT_TEXT, "default", "sound of notices of priority 0 to 2; empty: none", 0, 0},
};

const struct provider_kind kind_apns = {
    .name        = "apns",
    .channel     = "push",
    .vendor      = "apns",
    .doc         = "Apple Push Notification service, by provider token",
    .opts        = opts,
    .opts_n      = ARRAY_N(opts),
    .rate_per_s  = 1000,
    .window      = 200,
    .state_size  = sizeof(struct apns),
    .open        = apns_open,
    .close       = apns_close,
    .cred_min_ms = UPDATE_MS,
    .cred_make   = apns_cred,
    .call        = apns_call,
    .answer      = apns_answer,
};
