/* SPDX-License-Identifier: Apache-2.0 */
#include "push/cloud_sign.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#define ERR_STATE openssl_err_state /* a typedef of OpenSSL bears the name of one of our errors */
#include <openssl/evp.h>
#include <openssl/hmac.h>
#undef ERR_STATE

#include "base/check.h"
#include "base/mem.h"
#include "base/text.h"

#define ACS3_HEADERS "host;x-acs-action;x-acs-content-sha256;x-acs-date;x-acs-signature-nonce;x-acs-version"

static bool is_bare(char c) {
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.' ||
           c == '~';
}

char *cloud_percent(struct arena *a, const char *s) {
    static const char hex[] = "0123456789ABCDEF";
    char             *out = arena_alloc(a, strlen(s) * 3 + 1), *o = out;
    for (; *s; s++) {
        unsigned char c = (unsigned char)*s;
        if (is_bare(*s)) {
            *o++ = *s;
        } else {
            *o++ = '%';
            *o++ = hex[c >> 4];
            *o++ = hex[c & 15];
        }
    }
    return out;
}

static int by_name(const void *x, const void *y) {
    return strcmp(((const struct push_var *)x)->name, ((const struct push_var *)y)->name);
}

char *cloud_query(struct arena *a, struct push_var *pairs, size_t n) {
    char *out = arena_strdup(a, "");
    qsort(pairs, n, sizeof *pairs, by_name);
    for (size_t i = 0; i < n; i++)
        out = arena_printf(a, "%s%s%s=%s", out, i ? "&" : "", cloud_percent(a, pairs[i].name), cloud_percent(a, pairs[i].value));
    return out;
}

static const char *percent_decode(struct arena *a, const char *s, size_t n) {
    char *out = arena_alloc(a, n + 1);
    return url_decode(s, n, true, out, n + 1) ? out : NULL;
}

const char *cloud_query_get(struct arena *a, const char *query, const char *name) {
    size_t n = strlen(name);
    for (const char *p = query; *p;) {
        size_t len = strcspn(p, "&");
        if (len > n && strncmp(p, name, n) == 0 && p[n] == '=') return percent_decode(a, p + n + 1, len - n - 1);
        p += len + (p[len] == '&');
    }
    return NULL;
}

static void digest_hex(const EVP_MD *md, const void *p, size_t n, char *out) {
    uint8_t  d[EVP_MAX_MD_SIZE];
    unsigned len = 0;
    MUST(EVP_Digest(p, n, d, &len, md, NULL) == 1);
    hex_encode(out, d, len);
}

void cloud_sha256_hex(const void *p, size_t n, char out[65]) { digest_hex(EVP_sha256(), p, n, out); }
void cloud_sha1_hex(const void *p, size_t n, char out[41]) { digest_hex(EVP_sha1(), p, n, out); }

static void hmac(const void *key, size_t key_n, const char *text, uint8_t out[32]) {
    unsigned n = 0;
    MUST(HMAC(EVP_sha256(), key, (int)key_n, (const unsigned char *)text, strlen(text), out, &n) != NULL && n == 32);
}

/* 2026-01-02T03:04:05Z; its first ten characters are the date. */
static void utc(int64_t wall_ms, char out[32]) {
    time_t    s = (time_t)(wall_ms / 1000);
    struct tm tm;
    MUST(gmtime_r(&s, &tm) != NULL && strftime(out, 32, "%Y-%m-%dT%H:%M:%SZ", &tm) > 0);
}

/* ---- Alibaba Cloud ---- */
void acs3_sign(struct arena *a, const struct acs3_request *r, struct cloud_signed *out) {
    char    body[65], date[32];
    uint8_t mac[32];
    cloud_sha256_hex(r->body, strlen(r->body), body);
    utc(r->wall_ms, date);
    const char *canonical =
        arena_printf(a,
                     "%s\n/\n%s\nhost:%s\nx-acs-action:%s\nx-acs-content-sha256:%s\nx-acs-date:%s\nx-acs-signature-nonce:%s\n"
                     "x-acs-version:%s\n\n" ACS3_HEADERS "\n%s",
                     r->method, r->query, r->host, r->action, body, date, r->nonce, r->version, body);
    cloud_sha256_hex(canonical, strlen(canonical), out->canonical);
    hmac(r->secret, strlen(r->secret), arena_printf(a, "ACS3-HMAC-SHA256\n%s", out->canonical), mac);
    hex_encode(out->signature, mac, sizeof mac);
    out->authorization =
        arena_printf(a, "ACS3-HMAC-SHA256 Credential=%s,SignedHeaders=" ACS3_HEADERS ",Signature=%s", r->key_id, out->signature);
}

void acs3_headers(struct arena *a, const struct acs3_request *r, struct http_call *c) {
    struct cloud_signed sig;
    char                body[65], date[32];
    acs3_sign(a, r, &sig);
    cloud_sha256_hex(r->body, strlen(r->body), body);
    utc(r->wall_ms, date);
    http_call_header(c, "x-acs-action", r->action);
    http_call_header(c, "x-acs-version", r->version);
    http_call_header(c, "x-acs-date", arena_strdup(a, date));
    http_call_header(c, "x-acs-signature-nonce", r->nonce);
    http_call_header(c, "x-acs-content-sha256", arena_strdup(a, body));
    http_call_header(c, "Authorization", sig.authorization);
}

/* ---- Tencent Cloud ---- */
static char *lower(struct arena *a, const char *s) {
    char *out = arena_strdup(a, s);
    for (char *p = out; *p; p++)
        if (*p >= 'A' && *p <= 'Z') *p = (char)(*p + 32);
    return out;
}

void tc3_sign(struct arena *a, const struct tc3_request *r, struct cloud_signed *out) {
    char        body[65], date[32];
    uint8_t     mac[32];
    const char *names  = r->sign_action ? "content-type;host;x-tc-action" : "content-type;host";
    const char *action = r->sign_action ? arena_printf(a, "x-tc-action:%s\n", lower(a, r->action)) : "";
    cloud_sha256_hex(r->body, strlen(r->body), body);
    utc(r->wall_ms, date);
    date[10]              = '\0';
    const char *canonical = arena_printf(a, "POST\n/\n\ncontent-type:%s\nhost:%s\n%s\n%s\n%s", lower(a, r->content_type),
                                         lower(a, r->host), action, names, body);
    cloud_sha256_hex(canonical, strlen(canonical), out->canonical);
    const char *scope = arena_printf(a, "%s/%s/tc3_request", date, r->service);
    char       *first = arena_printf(a, "TC3%s", r->secret);
    hmac(first, strlen(first), date, mac);
    x_wipe(first, strlen(first));
    hmac(mac, sizeof mac, r->service, mac);
    hmac(mac, sizeof mac, "tc3_request", mac);
    hmac(mac, sizeof mac, arena_printf(a, "TC3-HMAC-SHA256\n%lld\n%s\n%s", (long long)(r->wall_ms / 1000), scope, out->canonical),
         mac);
    hex_encode(out->signature, mac, sizeof mac);
    out->authorization = arena_printf(a, "TC3-HMAC-SHA256 Credential=%s/%s, SignedHeaders=%s, Signature=%s", r->key_id, scope,
                                      names, out->signature);
}

void tc3_headers(struct arena *a, const struct tc3_request *r, struct http_call *c) {
    struct cloud_signed sig;
    tc3_sign(a, r, &sig);
    http_call_header(c, "Content-Type", r->content_type);
    http_call_header(c, "X-TC-Action", r->action);
    http_call_header(c, "X-TC-Version", r->version);
    http_call_header(c, "X-TC-Timestamp", arena_printf(a, "%lld", (long long)(r->wall_ms / 1000)));
    if (*r->region) http_call_header(c, "X-TC-Region", r->region);
    http_call_header(c, "Authorization", sig.authorization);
}
