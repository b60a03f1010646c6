/* SPDX-License-Identifier: Apache-2.0
 *
 * Outgoing webhook (D21): a notice posted to another system, signed. The headers are those of Standard Webhooks, so that its
 * libraries can check them: webhook-id, webhook-timestamp (seconds), webhook-signature "v1,BASE64" = HMAC-SHA256 over
 * "ID.TIMESTAMP.BODY"; with hmac = sm3 it is "v1sm3,BASE64". The id is the delivery's and the body the same at every attempt: whoever
 * keeps the ids he has seen takes each notice once, so what went unanswered is simply sent again.
 */
#define ERR_STATE openssl_err_state /* a typedef of OpenSSL bears the name of one of our errors */
#include <openssl/evp.h>
#include <openssl/hmac.h>
#undef ERR_STATE
#include <string.h>
#include <strings.h>

#include "base/check.h"
#include "base/mem.h"
#include "base/sm.h"
#include "push/kinds.h"
#include "push/net_guard.h"
#include "push/office.h"

#define URL_MAX    2048
#define SECRET_MIN 16
#define PREFIX     "whsec_"

static const struct provider_opt opts[] = {
    {"secret_file", OPT_FILE, NULL, "file with the secret of the signature: whsec_ and base64, or text, at least 16 characters", 0, 0},
    {"hmac", OPT_TEXT, "sha256", "sha256 or sm3", 0, 0},
    {"url", OPT_URL, "", "where all go; the target is then the receiver's name there. Empty: each target is the address itself", 0, 0},
    {"allow", OPT_TEXT, "", "what may be reached although it is no public address: networks (10.1.0.0/16), addresses, host names", 0, 0},
    {"plain_http", OPT_BOOL, "false", "http:// is allowed", 0, 0},
};

struct webhook {
    uint8_t           key[OFFICE_SECRET];
    size_t            key_n;
    bool              is_sm3;
    struct net_guard *guard;
};

static enum err key_of(struct webhook *s, const char *secret, char *why, size_t why_n) {
    struct arena *a = arena_new(4096);
    uint8_t      *p = NULL;
    size_t        n = strlen(secret);
    enum err      e = ERR_OK;
    if (strncmp(secret, PREFIX, sizeof PREFIX - 1) == 0)
        e = office_b64_decode(a, secret + sizeof PREFIX - 1, n - (sizeof PREFIX - 1), &p, &n);
    if (e == ERR_OK && n < SECRET_MIN) e = ERR_INPUT;
    if (e == ERR_OK) {
        memcpy(s->key, p ? (const char *)p : secret, n);
        s->key_n = n;
    } else (void)snprintf(why, why_n, "option secret_file: at least %d characters, or whsec_ and base64 of as many bytes", SECRET_MIN);
    arena_free(a);
    return e;
}

static enum err target_ok(const struct provider *p, const struct webhook *s, const char *url, const struct net_guard **guard, const char **why) {
    bool     settled;
    enum err e = net_guard_url(s->guard, url, &settled, why);
    if (e) return e;
    if (!provider_flag(p, "plain_http") && strncasecmp(url, "https://", 8) != 0) *why = "https wanted";
    else if (!settled && *provider_text(p, "proxy")) *why = "behind a proxy only listed hosts: it resolves names for us";
    else {
        *guard = settled ? NULL : s->guard;
        return ERR_OK;
    }
    return ERR_INPUT;
}

static enum err webhook_open(struct provider *p, char *why, size_t why_n) {
    struct webhook         *s = provider_state(p);
    char                    secret[OFFICE_SECRET] = "", inner[160];
    const char             *word, *hmac = provider_text(p, "hmac"), *url = provider_text(p, "url");
    const struct net_guard *unused;
    s->is_sm3 = strcmp(hmac, "sm3") == 0;
    if (!s->is_sm3 && strcmp(hmac, "sha256") != 0) {
        (void)snprintf(why, why_n, "option hmac: sha256 or sm3, not \"%s\"", hmac);
        return ERR_INPUT;
    }
    enum err e = office_secret(p, "secret_file", secret, sizeof secret, why, why_n);
    if (e == ERR_OK) e = key_of(s, secret, why, why_n);
    x_wipe(secret, sizeof secret);
    if (e == ERR_OK && (e = net_guard_new(provider_text(p, "allow"), &s->guard, inner, sizeof inner)) != ERR_OK)
        (void)snprintf(why, why_n, "option allow: %s", inner);
    if (e == ERR_OK && *url && (e = target_ok(p, s, url, &unused, &word)) != ERR_OK) (void)snprintf(why, why_n, "option url: %s", word);
    if (e) {
        net_guard_free(s->guard);
        s->guard = NULL;
    }
    return e;
}

static void webhook_close(struct provider *p) {
    struct webhook *s = provider_state(p);
    net_guard_free(s->guard);
    s->guard = NULL;
}

static const char *body_of(const struct provider *p, struct arena *a, const struct push_msg *m, struct http_call *out) {
    struct buf b;
    struct jw  w;
    buf_init(&b, 64U * 1024U);
    jw_init(&w, &b);
    jw_obj(&w);
    jw_kstr(&w, "id", m->id);
    jw_kstr(&w, "notice", m->notice);
    jw_kstr(&w, "kind", m->kind);
    jw_kint(&w, "priority", m->priority);
    jw_kstr(&w, "title", m->title);
    jw_kstr(&w, "text", m->text);
    jw_kstr(&w, "object", m->object);
    jw_kstr(&w, "from", m->signature);
    if (*provider_text(p, "url")) jw_kstr(&w, "to", m->target);
    jw_ktime(&w, "said_at", m->at_wall_ms);
    jw_obj_end(&w);
    if (b.failed) {
        buf_fini(&b);
        return NULL;
    }
    office_body(a, &b, out);
    return out->body;
}

static enum err webhook_call(struct provider *p, struct arena *a, const struct push_msg *m, const char *cred, int64_t wall_ms,
                             struct http_call *out, struct push_answer *why) {
    (void)cred;
    const struct webhook *s   = provider_state(p);
    const char           *url = *provider_text(p, "url") ? provider_text(p, "url") : m->target, *word;
    uint8_t               md[32];
    if (strlen(url) > URL_MAX) return office_refuse(why, "address too long");
    if (target_ok(p, s, url, &out->guard, &word)) return office_refuse(why, word);
    const char *body = body_of(p, a, m, out);
    if (body == NULL) return office_refuse(why, "too long");
    const char *at     = arena_printf(a, "%lld", (long long)(wall_ms / 1000));
    const char *signed_text = arena_printf(a, "%s.%s.%s", m->id, at, body);
    if (s->is_sm3) sm3_hmac(s->key, s->key_n, signed_text, strlen(signed_text), md);
    else MUST(HMAC(EVP_sha256(), s->key, (int)s->key_n, (const unsigned char *)signed_text, strlen(signed_text), md, NULL) != NULL);
    out->url = arena_strdup(a, url);
    http_call_header(out, "webhook-id", m->id);
    http_call_header(out, "webhook-timestamp", at);
    http_call_header(out, "webhook-signature", arena_printf(a, "%s,%s", s->is_sm3 ? "v1sm3" : "v1", office_b64_encode(a, md, sizeof md)));
    return ERR_OK;
}

/* Whatever the body says: the status is the answer of a webhook. */
static void webhook_answer(struct provider *p, struct arena *a, const struct push_msg *m, const struct http_answer *r, int64_t wall_ms,
                           struct push_answer *out) {
    (void)a;
    (void)m;
    int s = r->status;
    if (http_verdict(r, wall_ms, out)) {
        if (out->verdict == V_UNKNOWN) out->verdict = V_RETRY; /* the id makes it safe */
        return;
    }
    enum verdict v = V_REJECTED;
    if (s >= 200 && s < 300) v = V_DELIVERED;
    else if (s == 410) v = *provider_text(p, "url") ? V_CONFIG : V_GONE; /* one address for all is no target of a person */
    else if (s >= 500 || s < 200 || s == 408 || s == 425) v = V_RETRY;
    else if (s < 400 || s == 401 || s == 403 || s == 404 || s == 405) v = V_CONFIG;
    office_say(out, v, v == V_RETRY ? http_retry_after_ms(r, wall_ms) : 0, "HTTP %d", s);
}

const struct provider_kind kind_webhook = {
    .name       = "webhook",
    .channel    = "webhook",
    .vendor     = "",
    .doc        = "outgoing webhook: a notice posted to another system, signed; target: its address",
    .opts       = opts,
    .opts_n     = ARRAY_N(opts),
    .rate_per_s = 20,
    .many_hosts = true,
    .state_size = sizeof(struct webhook),
    .open       = webhook_open,
    .close      = webhook_close,
    .call       = webhook_call,
    .answer     = webhook_answer,
    .once_s     = 86400,
};
