/* SPDX-License-Identifier: Apache-2.0 */
#include "push/vendor_int.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ERR_STATE openssl_err_state /* a typedef of OpenSSL bears the name of one of our errors */
#include <openssl/evp.h>
#undef ERR_STATE

#include "base/calendar.h"
#include "base/check.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/text.h"

#define HOUR_MS 3600000LL
#define CRED_MAX 2048
#define FORM_LIFE_S 3600 /* of an OAuth token whose answer does not say */
#define OAUTH_MIN_S 60
#define OAUTH_MAX_S 86400
#define WHOLE_MAX 9e15 /* whole numbers up to here are exact in a double */

/* ---- verdicts ---- */
void vendor_say(struct push_answer *out, enum verdict v, const char *fmt, ...) {
    va_list ap;
    out->verdict = v;
    va_start(ap, fmt);
    (void)vsnprintf(out->detail, sizeof out->detail, fmt, ap);
    va_end(ap);
}

static bool is_2xx(int status) { return status >= 200 && status <= 299; }

static enum verdict by_status(int status) { return status == 401 ? V_AUTH : status >= 500 ? V_RETRY : V_CONFIG; }

void vendor_by_code(const struct vendor_row *rows, size_t n, int64_t code, int status, int64_t wall_ms, struct push_answer *out) {
    for (size_t i = 0; i < n; i++) {
        const struct vendor_row *r = &rows[i];
        if (code != r->code && (r->last == 0 || code < r->code || code > r->last)) continue;
        if (r->verdict == V_SENT && !is_2xx(status)) {
            vendor_say(out, V_UNKNOWN, "%lld under HTTP %d", (long long)code, status);
            return;
        }
        vendor_say(out, r->verdict, "%lld %s", (long long)code, r->word);
        if (r->wait != WAIT_NONE) out->wait_ms = vendor_wait_ms(r->wait, wall_ms);
        return;
    }
    vendor_say(out, by_status(status), "%lld unknown code, HTTP %d", (long long)code, status);
}

void vendor_no_code(const struct http_answer *r, struct push_answer *out) {
    if (is_2xx(r->status))
        vendor_say(out, V_UNKNOWN, "HTTP %d without an answer that can be read", r->status);
    else
        vendor_say(out, by_status(r->status), "HTTP %d", r->status);
}

void vendor_cred_verdict(struct push_answer *out) {
    if (out->verdict == V_UNKNOWN) out->verdict = V_RETRY;
    if (out->verdict == V_AUTH) out->verdict = V_CONFIG;
}

static int64_t since_midnight(int64_t wall_ms) { return wall_ms - date_start_ms(date_of_ms(wall_ms)); }

bool vendor_is_open(int64_t wall_ms) {
    int64_t t = since_midnight(wall_ms);
    return t >= VENDOR_OPENS_H * HOUR_MS && t < VENDOR_CLOSES_H * HOUR_MS;
}

int64_t vendor_wait_ms(enum vendor_wait w, int64_t wall_ms) {
    int64_t t = since_midnight(wall_ms), at = w == WAIT_MORNING ? VENDOR_OPENS_H * HOUR_MS : DAY_MS;
    if (w == WAIT_NONE) return 0;
    return t < at ? at - t : at - t + DAY_MS;
}

/* ---- reading ---- */
cJSON *vendor_body(const struct http_answer *r) {
    cJSON      *o;
    const char *why;
    if (json_parse(r->body, r->body_n, &o, &why) != ERR_OK) return NULL;
    if (cJSON_IsObject(o)) return o;
    cJSON_Delete(o);
    return NULL;
}

bool vendor_number(const cJSON *o, const char *name, int64_t *v) {
    const cJSON *x = cJSON_GetObjectItemCaseSensitive(o, name);
    if (cJSON_IsNumber(x)) {
        if (fabs(x->valuedouble) > WHOLE_MAX || trunc(x->valuedouble) < x->valuedouble || trunc(x->valuedouble) > x->valuedouble)
            return false;
        *v = (int64_t)x->valuedouble;
        return true;
    }
    if (!cJSON_IsString(x)) return false;
    const char *s = x->valuestring, *digits = s + (*s == '-');
    size_t      n = strspn(digits, "0123456789");
    if (n == 0 || n > 15 || digits[n]) return false;
    *v = strtoll(s, NULL, 10);
    return true;
}

const char *vendor_string(const cJSON *o, const char *name) {
    const char *s = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(o, name));
    return s ? s : "";
}

bool vendor_holds(const cJSON *list, const char *token) {
    const cJSON *x;
    if (cJSON_IsString(list)) return strcmp(list->valuestring, token) == 0;
    cJSON_ArrayForEach(x, list) {
        if (cJSON_IsString(x) && strcmp(x->valuestring, token) == 0) return true;
    }
    return false;
}

static bool is_visible(const char *s, size_t max) {
    size_t n = 0;
    for (; s[n]; n++)
        if (n == max || s[n] < 0x21 || s[n] > 0x7e) return false;
    return n > 0;
}

void vendor_ref(struct push_answer *out, const cJSON *o, const char *name) {
    const char *text = vendor_string(o, name);
    int64_t     v;
    if (is_visible(text, sizeof out->ref - 1))
        (void)snprintf(out->ref, sizeof out->ref, "%s", text);
    else if (*text == '\0' && vendor_number(o, name, &v))
        (void)snprintf(out->ref, sizeof out->ref, "%lld", (long long)v);
    else
        out->ref[0] = '\0';
}

bool vendor_cred_ok(const char *s) { return is_visible(s, CRED_MAX); }

/* ---- writing ---- */
static size_t width(unsigned char first, bool wide) { return wide ? (first >= 0x80 ? 2 : 1) : first >= 0xF0 ? 2 : 1; }

const char *vendor_cut(struct arena *a, const char *text, size_t max, bool wide) {
    static const char dots[] = "…";
    size_t            n = strlen(text), i = 0, used = 0, keep = 0, room = max - width((unsigned char)dots[0], wide);
    char             *out = arena_alloc(a, n + sizeof dots);
    for (size_t len; i < n && (len = utf8_next(text + i, n - i)) > 0; i += len) {
        used += width((unsigned char)text[i], wide);
        if (used > max) break;
        if (used <= room) keep = i + len; /* as far as this the dots still fit behind */
        if (len == 1 && ((unsigned char)text[i] < 0x20 || text[i] == 0x7f))
            out[i] = ' ';
        else
            memcpy(out + i, text + i, len);
    }
    out[i] = '\0';
    if (used > max) memcpy(out + keep, dots, sizeof dots);
    return out;
}

int64_t vendor_notify_id(const struct push_msg *m) {
    uint32_t h = 2166136261U; /* FNV-1a */
    for (const char *s = m->notice; *s; s++) h = (h ^ (unsigned char)*s) * 16777619U;
    h &= 0x7fffffffU;
    return h ? h : 1;
}

const char *vendor_payload(struct arena *a, const struct push_msg *m) {
    struct buf b;
    struct jw  w;
    buf_init(&b, 4096);
    jw_init(&w, &b);
    jw_obj(&w);
    jw_kstr(&w, "object", m->object);
    jw_kstr(&w, "notice", m->notice);
    jw_obj_end(&w);
    const char *out = b.failed ? "{}" : arena_strdup(a, buf_str(&b));
    buf_fini(&b);
    return out;
}

static void percent(struct buf *b, const char *s, bool plus) {
    for (; *s; s++) {
        unsigned char c = (unsigned char)*s;
        if ((c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || strchr("-._~", c))
            buf_putc(b, *s);
        else if (plus && c == ' ')
            buf_putc(b, '+');
        else
            buf_printf(b, "%%%02X", (unsigned)c);
    }
}

const char *vendor_tap(const struct provider *p, struct arena *a, const struct push_msg *m) {
    static const char mark[] = "{object}";
    const char       *tap    = provider_text(p, "tap"), *at;
    struct buf        b;
    if (*tap == '\0' || *m->object == '\0') return "";
    buf_init(&b, VENDOR_TAP_MAX);
    while ((at = strstr(tap, mark)) != NULL) {
        buf_put(&b, tap, (size_t)(at - tap));
        percent(&b, m->object, false);
        tap = at + sizeof mark - 1;
    }
    buf_puts(&b, tap);
    const char *out = b.failed ? "" : arena_strdup(a, buf_str(&b));
    buf_fini(&b);
    return out;
}

const char *vendor_digest(struct arena *a, const char *alg, const char *text) {
    unsigned char md[EVP_MAX_MD_SIZE];
    size_t        n   = 0;
    char         *hex = arena_alloc(a, 2 * sizeof md + 1);
    MUST(EVP_Q_digest(NULL, alg, NULL, text, strlen(text), md, &n) == 1);
    hex_encode(hex, md, n);
    return hex;
}

int64_t vendor_clamp(int64_t v, int64_t min, int64_t max) { return v < min ? min : v > max ? max : v; }

void vendor_form(struct buf *b, const char *name, const char *value) {
    if (b->len) buf_putc(b, '&');
    percent(b, name, true);
    buf_putc(b, '=');
    percent(b, value, true);
}

const char *vendor_url(const struct provider *p, struct arena *a, const char *base, const char *path) {
    const char *own = provider_text(p, "base_url");
    return arena_printf(a, "%s%s", *own ? own : base, path);
}

void vendor_post(struct http_call *c, struct arena *a, const char *url, const char *type, struct buf *body) {
    MUST(!body->failed);
    memset(c, 0, sizeof *c);
    c->method = "POST";
    c->url    = url;
    c->body   = arena_strndup(a, buf_str(body), body->len);
    c->body_n = body->len;
    http_call_header(c, "Content-Type", type);
    buf_fini(body);
}

/* ---- options ---- */
enum err vendor_secret(struct provider *p, const char *opt, char *out, size_t cap, char *why, size_t why_n) {
    size_t n;
    char  *text = provider_file(p, opt, &n, why, why_n);
    if (text == NULL) return ERR_INPUT;
    bool good = is_visible(text, cap - 1);
    if (good)
        memcpy(out, text, n + 1);
    else
        (void)snprintf(why, why_n, "option %s: the file holds blanks, other than ASCII, or more than %zu characters", opt,
                       cap - 1);
    x_wipe(text, n);
    x_free(text);
    return good ? ERR_OK : ERR_INPUT;
}

enum err vendor_id_check(const struct provider *p, const char *opt, size_t max, char *why, size_t why_n) {
    const char *v = provider_text(p, opt);
    size_t      n = strspn(v, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-");
    if (v[n] == '\0' && n <= max) return ERR_OK;
    (void)snprintf(why, why_n, "option %s: at most %zu letters, digits, . _ or -, not \"%.40s\"", opt, max, v);
    return ERR_INPUT;
}

enum err vendor_text_check(const struct provider *p, const char *opt, size_t max, char *why, size_t why_n) {
    const char *v = provider_text(p, opt);
    size_t      n = strlen(v);
    if (n <= max && text_is_clean(v, n, false)) return ERR_OK;
    (void)snprintf(why, why_n, "option %s: at most %zu bytes, no control characters", opt, max);
    return ERR_INPUT;
}

enum err vendor_choice_check(const struct provider *p, const char *opt, const char *words, char *why, size_t why_n) {
    const char *v = provider_text(p, opt);
    size_t      n = strlen(v);
    for (const char *w = words; *w; w += strcspn(w, "|"), w += *w == '|')
        if (strcspn(w, "|") == n && strncmp(w, v, n) == 0) return ERR_OK;
    (void)snprintf(why, why_n, "option %s: one of %s, not \"%.40s\"", opt, words, v);
    return ERR_INPUT;
}

/* ---- OAuth 2.0 ---- */
void vendor_oauth_call(const struct provider *p, struct arena *a, const char *client_id, const char *secret,
                       struct http_call *out) {
    struct buf b;
    buf_init(&b, 4096);
    vendor_form(&b, "grant_type", "client_credentials");
    vendor_form(&b, "client_id", client_id);
    vendor_form(&b, "client_secret", secret);
    vendor_post(out, a, provider_text(p, "token_url"), VENDOR_FORM, &b);
}

void vendor_oauth_answer(struct arena *a, const struct http_answer *r, const char **cred, int64_t *life_ms,
                         struct push_answer *out) {
    if (http_verdict(r, clock_wall_ms(), out)) {
        vendor_cred_verdict(out);
        return;
    }
    cJSON      *o     = is_2xx(r->status) ? vendor_body(r) : NULL;
    const char *token = vendor_string(o, "access_token");
    int64_t     life_s;
    if (vendor_cred_ok(token)) {
        if (!vendor_number(o, "expires_in", &life_s)) life_s = FORM_LIFE_S;
        *cred    = arena_strdup(a, token);
        *life_ms = vendor_clamp(life_s, OAUTH_MIN_S, OAUTH_MAX_S) * 1000;
        vendor_say(out, V_SENT, "token");
    } else {
        vendor_no_code(r, out);
        vendor_cred_verdict(out);
    }
    cJSON_Delete(o);
}

const char *vendor_bearer(struct arena *a, const char *cred) { return arena_printf(a, "Bearer %s", cred); }
