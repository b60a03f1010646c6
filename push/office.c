/* SPDX-License-Identifier: Apache-2.0
 *
 * What the kinds of office messengers share: text that stays text, links, and answers read without trust.
 */
#include "push/office.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/calendar.h"
#include "base/check.h"
#include "base/mem.h"
#include "base/text.h"

#define TOKEN_MAX  2048
#define LIFE_MIN_S 60
#define LIFE_MAX_S 86400
#define ELLIPSIS   "…"

/* ---- what goes out ---- */
const char *office_base(const struct provider *p, const char *own) {
    const char *v = provider_text(p, "base_url");
    return *v ? v : own;
}

bool office_id_ok(const char *id, size_t max) {
    size_t n = strlen(id);
    if (n == 0 || n > max) return false;
    for (size_t i = 0; i < n; i++) {
        char c     = id[i];
        bool alnum = (c >= '0' && c <= '9') || ((c | 32) >= 'a' && (c | 32) <= 'z');
        if (!alnum && (i == 0 || strchr("_.@+-", c) == NULL)) return false;
    }
    return true;
}

char *office_plain(struct arena *a, const char *s) {
    static const char markup[] = "[]<>&`*#\\|";
    size_t            n        = strlen(s), len = 0;
    char             *out      = arena_alloc(a, n * 3 + 1);
    for (size_t i = 0; i < n; i++) {
        if (strchr(markup, s[i]) == NULL) {
            out[len++] = s[i];
            continue;
        }
        unsigned c = 0xFF00U + (unsigned)(unsigned char)s[i] - 0x20; /* full-width form of ASCII */
        out[len++] = (char)(0xE0 | c >> 12);
        out[len++] = (char)(0x80 | (c >> 6 & 63));
        out[len++] = (char)(0x80 | (c & 63));
    }
    return out;
}

const char *office_cut(struct arena *a, const char *s, size_t max_bytes) {
    size_t n = strlen(s);
    if (n <= max_bytes) return s;
    MUST(max_bytes >= strlen(ELLIPSIS));
    n = utf8_cut(s, n, max_bytes - strlen(ELLIPSIS));
    return arena_printf(a, "%.*s" ELLIPSIS, (int)n, s);
}

const char *office_cut_chars(struct arena *a, const char *s, size_t max_chars) {
    size_t n = strlen(s), at = 0, step;
    if (utf8_count(s, n) <= max_chars) return s;
    for (size_t i = 1; i < max_chars && at < n && (step = utf8_next(s + at, n - at)) > 0; i++) at += step;
    return arena_printf(a, "%.*s" ELLIPSIS, (int)at, s);
}

char *office_encode(struct arena *a, const char *s) {
    static const char hex[] = "0123456789ABCDEF";
    size_t            n = strlen(s), len = 0;
    char             *out = arena_alloc(a, n * 3 + 1);
    for (size_t i = 0; i < n; i++) {
        unsigned char c     = (unsigned char)s[i];
        bool          alnum = (c >= '0' && c <= '9') || ((c | 32) >= 'a' && (c | 32) <= 'z');
        if (alnum || strchr("-._~", c)) {
            out[len++] = (char)c;
            continue;
        }
        out[len++] = '%';
        out[len++] = hex[c >> 4];
        out[len++] = hex[c & 15];
    }
    return out;
}

char *office_link(const struct provider *p, struct arena *a, const struct push_msg *m) {
    const char *url = provider_text(p, "open_url"), *sep = strchr(url, '?') ? "&" : "?";
    if (*m->object == '\0') return arena_printf(a, "%s%sd=%s", url, sep, office_encode(a, m->id));
    return arena_printf(a, "%s%sobject=%s&d=%s", url, sep, office_encode(a, m->object), office_encode(a, m->id));
}

char *office_stamp(struct arena *a, int64_t wall_ms) {
    char iso[32]; /* 2026-11-25T17:45:03.000+08:00 */
    time_format_iso(wall_ms, iso);
    return arena_printf(a, "%.5s %.8s", iso + 5, iso + 11);
}

void office_body(struct arena *a, struct buf *b, struct http_call *out) {
    MUST(!b->failed);
    out->method = "POST";
    out->body   = arena_strndup(a, buf_str(b), b->len);
    out->body_n = b->len;
    http_call_header(out, "Content-Type", "application/json; charset=utf-8");
    buf_fini(b);
}

int office_level(const char *word) {
    static const char *const words[] = {"off", [RAISE_APP] = "app", [RAISE_SMS] = "sms", [RAISE_PHONE] = "phone"};
    for (size_t i = 0; i < ARRAY_N(words); i++)
        if (strcmp(word, words[i]) == 0) return (int)i;
    return -1;
}

enum err office_raise(const struct provider *p, const char *opt, const struct push_msg *m, int asked, int *level, struct push_answer *why) {
    char priority[40];
    int  allowed = office_level(provider_text(p, opt));
    (void)snprintf(priority, sizeof priority, "%s_priority", opt);
    if (allowed <= 0 || asked < RAISE_APP) return office_refuse(why, "louder is switched off");
    if (m->priority > provider_number(p, priority)) return office_refuse(why, "louder is for more urgent messages");
    *level = asked < allowed ? asked : allowed;
    return ERR_OK;
}

enum err office_secret(struct provider *p, const char *opt, char *out, size_t cap, char *why, size_t why_n) {
    size_t n;
    if (*provider_text(p, opt) == '\0') return ERR_OK;
    char *s = provider_file(p, opt, &n, why, why_n);
    if (s == NULL) return ERR_INPUT;
    bool fits = n < cap && n > 0;
    if (fits) memcpy(out, s, n + 1);
    else (void)snprintf(why, why_n, "option %s: empty, or more than %zu characters", opt, cap - 1);
    x_wipe(s, n);
    x_free(s);
    return fits ? ERR_OK : ERR_INPUT;
}

enum err office_refuse(struct push_answer *why, const char *detail) {
    office_say(why, V_REJECTED, 0, "%s", detail);
    return ERR_INPUT;
}

/* ---- what comes back ---- */
void office_say(struct push_answer *out, enum verdict v, int64_t wait_ms, const char *fmt, ...) {
    va_list ap;
    out->verdict = v;
    out->wait_ms = wait_ms;
    va_start(ap, fmt);
    (void)vsnprintf(out->detail, sizeof out->detail, fmt, ap);
    va_end(ap);
}

void office_by_code(const struct office_code *t, size_t n, int64_t code, struct push_answer *out) {
    for (size_t i = 0; i < n; i++) {
        if (t[i].code != code) continue;
        office_say(out, t[i].verdict, t[i].wait_ms, "%lld %s", (long long)code, t[i].word);
        return;
    }
    office_say(out, V_REJECTED, 0, "%lld (not in our table)", (long long)code);
}

void office_by_status(const struct http_answer *r, struct push_answer *out) {
    int          s = r->status;
    enum verdict v = V_REJECTED;
    if ((s >= 200 && s < 300) || s >= 500 || s < 200) v = V_UNKNOWN;
    else if (s == 401) v = V_AUTH;
    else if (s < 400 || s == 403 || s == 404 || s == 405) v = V_CONFIG;
    office_say(out, v, 0, "HTTP %d, answer not understood", s);
}

cJSON *office_answer(const struct http_answer *r, int64_t wall_ms, struct push_answer *out) {
    cJSON      *o   = NULL;
    const char *why = "";
    if (http_verdict(r, wall_ms, out)) return NULL;
    if (r->body_n == 0 || json_parse(r->body, r->body_n, &o, &why) != ERR_OK || !cJSON_IsObject(o)) {
        cJSON_Delete(o);
        office_by_status(r, out);
        return NULL;
    }
    return o;
}

void office_ask_again(struct push_answer *out) {
    if (out->verdict == V_UNKNOWN) out->verdict = V_RETRY;
}

bool office_int(const cJSON *o, const char *name, int64_t *v) {
    const cJSON *i = cJSON_GetObjectItemCaseSensitive(o, name);
    if (cJSON_IsNumber(i) && fabs(i->valuedouble) < 9e15 && trunc(i->valuedouble) == i->valuedouble) {
        *v = (int64_t)i->valuedouble;
        return true;
    }
    if (!cJSON_IsString(i) || strlen(i->valuestring) > 18) return false;
    const char *s = i->valuestring;
    if (*s == '-') s++;
    if (*s == '\0' || s[strspn(s, "0123456789")] != '\0') return false;
    *v = strtoll(i->valuestring, NULL, 10);
    return true;
}

const char *office_str(const cJSON *o, const char *name) {
    const cJSON *i = cJSON_GetObjectItemCaseSensitive(o, name);
    return cJSON_IsString(i) ? i->valuestring : "";
}

static bool in_joined(const char *list, const char *who) {
    size_t n = strlen(who);
    for (;;) {
        size_t len = strcspn(list, "|");
        if (len == n && n > 0 && strncasecmp(list, who, n) == 0) return true;
        if (list[len] == '\0') return false;
        list += len + 1;
    }
}

bool office_has(const cJSON *o, const char *name, const char *who) {
    const cJSON *list = cJSON_GetObjectItemCaseSensitive(o, name), *i;
    if (cJSON_IsString(list)) return in_joined(list->valuestring, who);
    if (!cJSON_IsArray(list)) return false;
    cJSON_ArrayForEach(i, list) if (cJSON_IsString(i) && strcasecmp(i->valuestring, who) == 0) return true;
    return false;
}

static bool is_printable(const char *s) {
    for (; *s; s++)
        if (*s <= 0x20 || *s >= 0x7f) return false;
    return true;
}

void office_ref(struct push_answer *out, const char *ref) {
    size_t n = strlen(ref);
    if (n >= sizeof out->ref || !is_printable(ref)) n = 0;
    memcpy(out->ref, ref, n);
    out->ref[n] = '\0';
}

void office_token(struct arena *a, const char *token, int64_t life_s, const char **cred, int64_t *life_ms, struct push_answer *out) {
    if (*token == '\0' || strlen(token) > TOKEN_MAX || !is_printable(token)) {
        office_say(out, V_RETRY, 0, "no token in the answer");
        return;
    }
    *cred    = arena_strdup(a, token);
    *life_ms = (life_s < LIFE_MIN_S ? LIFE_MIN_S : life_s > LIFE_MAX_S ? LIFE_MAX_S : life_s) * 1000;
    office_say(out, V_SENT, 0, "token");
}
