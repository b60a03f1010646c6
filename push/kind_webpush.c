/* SPDX-License-Identifier: Apache-2.0
 *
 * Web Push (RFC 8030, 8291, 8292) and UnifiedPush: the target is a URL that a browser or a distributor gave us, so a stranger's. It must
 * be https and lead to the public internet (push/http_out.h looks at the address itself), and what its server says can only cost this
 * one target, never slow or stop the provider. A VAPID token is for one server: they are kept here, by origin, and not shared.
 */
#include <string.h>
#include <strings.h>

#include "base/check.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/sm.h"
#include "base/text.h"
#include "push/ece.h"
#include "push/jwt.h"
#include "push/kinds.h"
#include "push/net_guard.h"
#include "push/provider.h"

#define ORIGINS    16
#define ORIGIN_MAX 280
#define URL_MAX    1024
#define LIFE_MS    (12LL * 3600 * 1000) /* at most 24 hours are allowed */
#define RETRY_MAX  (3600LL * 1000)

struct origin {
    char    name[ORIGIN_MAX], token[1024];
    int64_t made_ms, used;
};
struct webpush {
    struct jwt_key   *key;
    struct net_guard *guard; /* endpoints are URLs of strangers; NULL: any address */
    char            pub[90]; /* base64url */
    struct origin   origin[ORIGINS];
    int64_t         uses;
};

static enum err webpush_open(struct provider *p, char *why, size_t why_n) {
    struct webpush *s = provider_state(p);
    const char     *subject = provider_text(p, "subject");
    char            inner[128] = "neither PEM nor 32 bytes in base64url";
    uint8_t         raw[32], pub[65];
    size_t          n = 0, raw_n = 0;
    if (strncmp(subject, "mailto:", 7) != 0 && strncmp(subject, "https://", 8) != 0) {
        (void)snprintf(why, why_n, "option subject: mailto: or https: wanted");
        return ERR_INPUT;
    }
    char *file = provider_file(p, "vapid_key_file", &n, why, why_n);
    if (file == NULL) return ERR_INPUT;
    enum err e;
    if (strstr(file, "-----BEGIN")) e = jwt_key_new(file, JWT_ES256, &s->key, inner, sizeof inner);
    else e = b64url_decode(raw, sizeof raw, file, n, &raw_n) == ERR_OK && raw_n == 32 ? jwt_key_raw(raw, &s->key) : ERR_INPUT;
    x_wipe(raw, sizeof raw);
    x_wipe(file, n);
    x_free(file);
    if (e) {
        (void)snprintf(why, why_n, "option vapid_key_file: %s", inner);
        return e;
    }
    if (!provider_flag(p, "allow_private") && net_guard_new("", &s->guard, why, why_n) != ERR_OK) {
        jwt_key_free(s->key);
        return ERR_INPUT;
    }
    jwt_key_pub(s->key, pub);
    (void)b64url_encode(s->pub, pub, sizeof pub);
    return ERR_OK;
}

static void webpush_close(struct provider *p) {
    struct webpush *s = provider_state(p);
    jwt_key_free(s->key);
    net_guard_free(s->guard);
}

/* scheme://host[:port] in small letters; false: not a URL we would ask. */
static bool origin_of(const char *url, bool allow_http, char out[ORIGIN_MAX]) {
    size_t n = strlen(url), at;
    if (n > URL_MAX) return false;
    for (size_t i = 0; i < n; i++)
        if (url[i] <= 0x20 || url[i] >= 0x7F) return false;
    if (strncasecmp(url, "https://", 8) == 0) at = 8;
    else if (allow_http && strncasecmp(url, "http://", 7) == 0) at = 7;
    else return false;
    size_t end = at + strcspn(url + at, "/?#");
    if (end == at || end >= ORIGIN_MAX || memchr(url + at, '@', end - at) || memchr(url + at, '\\', end - at)) return false;
    for (size_t i = 0; i < end; i++) out[i] = (char)(url[i] >= 'A' && url[i] <= 'Z' ? url[i] + 32 : url[i]);
    out[end] = '\0';
    if (at == 8 && end > 12 && strcmp(out + end - 4, ":443") == 0) out[end - 4] = '\0'; /* the serialisation of an origin */
    return true;
}

static const char *vapid(struct provider *p, struct arena *a, const char *name, int64_t wall_ms) {
    struct webpush *s = provider_state(p);
    struct origin  *o = &s->origin[0];
    for (size_t i = 0; i < ORIGINS; i++) {
        if (strcmp(s->origin[i].name, name) == 0) {
            o = &s->origin[i];
            break;
        }
        if (s->origin[i].used < o->used) o = &s->origin[i];
    }
    o->used = ++s->uses;
    if (strcmp(o->name, name) == 0 && wall_ms - o->made_ms < LIFE_MS / 2 && wall_ms >= o->made_ms) return o->token;
    struct buf b;
    struct jw  w;
    buf_init(&b, 1024);
    jw_init(&w, &b);
    jw_obj(&w);
    jw_kstr(&w, "aud", name);
    jw_kint(&w, "exp", (wall_ms + LIFE_MS) / 1000);
    jw_kstr(&w, "sub", provider_text(p, "subject"));
    jw_obj_end(&w);
    const char *t = b.failed ? NULL : jwt_sign(s->key, a, "", buf_str(&b));
    buf_fini(&b);
    if (t == NULL || strlen(t) >= sizeof o->token) return NULL;
    (void)snprintf(o->name, sizeof o->name, "%s", name);
    (void)snprintf(o->token, sizeof o->token, "%s", t);
    o->made_ms = wall_ms;
    return o->token;
}

static bool keys_of(const char *target_key, uint8_t p256dh[65], uint8_t auth[16]) {
    const char *blank = strchr(target_key, ' ');
    size_t      n = 0, m = 0;
    return blank && b64url_decode(p256dh, 65, target_key, (size_t)(blank - target_key), &n) == ERR_OK && n == 65 &&
           b64url_decode(auth, 16, blank + 1, strlen(blank + 1), &m) == ERR_OK && m == 16;
}

static void message(struct buf *b, const struct push_msg *m) {
    struct jw w;
    jw_init(&w, b);
    jw_obj(&w);
    jw_kstr(&w, "title", m->title);
    jw_kstr(&w, "body", m->text);
    jw_kstr(&w, "object", m->object);
    jw_kstr(&w, "notice", m->notice);
    jw_kstr(&w, "kind", m->kind);
    if (m->unread >= 0) jw_kint(&w, "unread", m->unread);
    jw_ktime(&w, "at", m->at_wall_ms);
    jw_obj_end(&w);
}

static enum err refuse(struct push_answer *why, const char *what) {
    (void)snprintf(why->detail, sizeof why->detail, "%s", what);
    return ERR_INPUT;
}

static enum err webpush_call(struct provider *p, struct arena *a, const struct push_msg *m, const char *cred, int64_t wall_ms,
                             struct http_call *out, struct push_answer *why) {
    struct webpush *s = provider_state(p);
    char            origin[ORIGIN_MAX], topic[40];
    uint8_t         p256dh[65], auth[16], h[32];
    struct buf      b;
    (void)cred;
    if (!origin_of(m->target, provider_flag(p, "allow_http"), origin)) return refuse(why, "endpoint is not https");
    if (!keys_of(m->target_key, p256dh, auth)) return refuse(why, "keys of the subscription are not of this form");
    buf_init(&b, ECE_PLAIN_MAX);
    message(&b, m);
    uint8_t *body   = arena_alloc(a, b.len + ECE_EXTRA);
    size_t   body_n = 0;
    enum err e      = b.failed ? ERR_TOOBIG : ece_encrypt(p256dh, auth, buf_str(&b), b.len, NULL, body, &body_n);
    buf_fini(&b);
    if (e) return refuse(why, e == ERR_TOOBIG ? "too long" : "key of the subscription is not a point of P-256");
    const char *t = vapid(p, a, origin, wall_ms);
    if (t == NULL) return refuse(why, "no token for this endpoint");
    out->url    = arena_strdup(a, m->target);
    out->guard  = s->guard;
    out->body   = body;
    out->body_n = body_n;
    http_call_header(out, "authorization", arena_printf(a, "vapid t=%s, k=%s", t, s->pub));
    http_call_header(out, "content-type", "application/octet-stream");
    http_call_header(out, "content-encoding", "aes128gcm");
    http_call_header(out, "ttl", arena_printf(a, "%lld", (long long)(m->ttl_s > 0 ? m->ttl_s : 0)));
    http_call_header(out, "urgency", m->priority <= 1 ? "high" : m->priority == 2 ? "normal" : "low");
    if (*m->notice) { /* at most 32 characters: its digest */
        sm3(m->notice, strlen(m->notice), h);
        (void)b64url_encode(topic, h, 24);
        http_call_header(out, "topic", arena_strdup(a, topic));
    }
    return ERR_OK;
}

static void webpush_answer(struct provider *p, struct arena *a, const struct push_msg *m, const struct http_answer *r, int64_t wall_ms,
                           struct push_answer *out) {
    (void)p, (void)a, (void)m;
    if (r->status == 0) {
        (void)http_verdict(r, wall_ms, out);
        return;
    }
    out->wait_ms = http_retry_after_ms(r, wall_ms);
    if (out->wait_ms > RETRY_MAX) out->wait_ms = RETRY_MAX;
    if (r->status == 200 || r->status == 201 || r->status == 202 || r->status == 204) out->verdict = V_SENT;
    else if (r->status == 404 || r->status == 410) out->verdict = V_GONE;
    else if (r->status == 429 || r->status == 408 || r->status >= 500) out->verdict = V_RETRY;
    else out->verdict = V_REJECTED; /* 400, 401, 403 (another key than it was made with), 413, redirects */
    if (out->verdict == V_SENT) out->wait_ms = 0;
    push_detail(out, r->status, NULL);
}

static const struct provider_opt opts[] = {
    {"vapid_key_file", OPT_FILE, NULL, "our key: PEM of P-256, or 32 bytes in base64url", 0, 0},
    {"subject", OPT_TEXT, NULL, "whom a push service may write to: mailto:... or https://...", 0, 0},
    {"allow_http", OPT_BOOL, "false", "endpoints without TLS are taken (tests only)", 0, 0},
    {"allow_private", OPT_BOOL, "false", "endpoints at private addresses are taken (a push server in the city's own network, tests)", 0, 0},
};

const struct provider_kind kind_webpush = {
    .name           = "webpush",
    .channel        = "push",
    .vendor         = "webpush",
    .doc            = "Web Push with VAPID: browsers, and Android without Google (UnifiedPush)",
    .opts           = opts,
    .opts_n         = ARRAY_N(opts),
    .rate_per_s     = 200,
    .window         = 64,
    .many_hosts     = true,
    .state_size     = sizeof(struct webpush),
    .open           = webpush_open,
    .close          = webpush_close,
    .call           = webpush_call,
    .answer         = webpush_answer,
};
