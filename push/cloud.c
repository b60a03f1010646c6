/* SPDX-License-Identifier: Apache-2.0 */
#include "push/cloud.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/calendar.h"
#include "base/check.h"
#include "base/mem.h"
#include "base/sm.h"
#include "base/text.h"
#include "push/cloud_sign.h"

#define ID_MAX 40
#define BIG_DIGITS 15 /* as many a double holds exactly */

/* ---- tables ---- */
const struct cloud_code *cloud_code_find(const struct cloud_code *rows, size_t n, const char *code) {
    for (size_t i = 0; i < n; i++) {
        size_t len  = strlen(rows[i].code);
        bool   open = rows[i].code[len - 1] == '*';
        if (open ? strncmp(rows[i].code, code, len - 1) == 0 : strcmp(rows[i].code, code) == 0) return &rows[i];
    }
    return NULL;
}

static int64_t wait_of(int32_t wait_s, int64_t wall_ms) {
    int     year, month, dom;
    int32_t day = date_of_ms(wall_ms);
    if (wait_s >= 0) return (wait_s & ~CLOUD_TARGET) * 1000LL;
    date_split(day, &year, &month, &dom);
    int32_t until = wait_s == CLOUD_DAY ? day + 1 : month == 12 ? date_make(year + 1, 1, 1) : date_make(year, month + 1, 1);
    return date_start_ms(until) - wall_ms;
}

void cloud_judge(const struct cloud_code *rows, size_t n, const char *code, enum verdict other, int64_t wall_ms,
                 struct push_answer *out) {
    const struct cloud_code *c = cloud_code_find(rows, n, code);
    out->verdict               = c ? c->verdict : other;
    out->wait_ms               = c ? wait_of(c->wait_s, wall_ms) : 0;
    out->of_target             = c && c->wait_s > 0 && (c->wait_s & CLOUD_TARGET);
    cloud_detail(out, code);
}

/* ---- answers ---- */
void cloud_odd(const struct http_answer *r, struct push_answer *out) {
    bool taken   = r->status >= 200 && r->status < 300;
    out->verdict = taken || r->status >= 500              ? V_UNKNOWN
                   : r->status == 401 || r->status == 403 ? V_AUTH
                   : r->status == 413                     ? V_REJECTED
                                                          : V_CONFIG;
    (void)snprintf(out->detail, sizeof out->detail, "HTTP %d, not the provider's form", r->status);
}

static void judge_or_odd(const struct cloud_code *rows, size_t n, const char *code, const char *good, const char *ref,
                         const struct http_answer *r, int64_t wall_ms, struct push_answer *out) {
    bool is_2xx = r->status >= 200 && r->status < 300;
    if (*code && (is_2xx || strcmp(code, good) != 0)) {
        cloud_judge(rows, n, code, r->status >= 500 ? V_RETRY : V_REJECTED, wall_ms, out);
        if (out->wait_ms == 0) out->wait_ms = http_retry_after_ms(r, wall_ms);
        if (out->verdict == V_SENT) cloud_ref(out, ref);
    } else if (!http_verdict(r, wall_ms, out)) {
        cloud_odd(r, out);
    }
}

void cloud_answer_aliyun(struct arena *a, const struct http_answer *r, const struct cloud_code *rows, size_t n,
                         const char *ref_name, int64_t wall_ms, struct push_answer *out) {
    cJSON      *o    = r->status ? cloud_object(r->body, r->body_n) : NULL;
    const char *code = cloud_str(a, o, "Code");
    if (strcmp(code, "isv.BUSINESS_LIMIT_CONTROL") == 0) { /* of this number; which limit stands in the words alone */
        const char *words = cloud_str(a, o, "Message");
        int         hours = strstr(words, "天级") ? 24 : strstr(words, "小时") ? 1 : 0;
        out->verdict      = hours ? V_QUOTA : V_RETRY;
        out->wait_ms      = hours ? hours * 3600000LL : 60000;
        out->of_target    = true;
        cloud_detail(out, code);
    } else {
        judge_or_odd(rows, n, code, "OK", cloud_str(a, o, ref_name), r, wall_ms, out);
    }
    cJSON_Delete(o);
}

/* The one SendStatus, or of a set the one for this number (the only one, if numbers are written in another way). */
static const cJSON *status_of(struct arena *a, const cJSON *response, const char *phone) {
    const cJSON *one = cJSON_GetObjectItemCaseSensitive(response, "SendStatus");
    const cJSON *set = cJSON_GetObjectItemCaseSensitive(response, "SendStatusSet");
    if (cJSON_IsObject(one)) return one;
    if (!cJSON_IsArray(set)) return NULL;
    for (one = set->child; one; one = one->next) {
        const char *number = cloud_str(a, one, "PhoneNumber");
        size_t      n = strlen(number), want = strlen(phone);
        if (n >= want && strcmp(number + n - want, phone) == 0) return one;
    }
    return cJSON_GetArraySize(set) == 1 && *cloud_str(a, set->child, "PhoneNumber") == '\0' ? set->child : NULL;
}

void cloud_answer_tencent(struct arena *a, const struct http_answer *r, const struct cloud_code *rows, size_t n,
                          const char *phone, const char *ref_name, int64_t wall_ms, struct push_answer *out) {
    cJSON       *o        = r->status ? cloud_object(r->body, r->body_n) : NULL;
    const cJSON *response = cJSON_GetObjectItemCaseSensitive(o, "Response");
    const cJSON *error    = cJSON_GetObjectItemCaseSensitive(response, "Error");
    const cJSON *status   = status_of(a, response, phone);
    const char  *ref      = cloud_str(a, status, ref_name);
    const char  *code     = cJSON_IsObject(error) ? cloud_str(a, error, "Code") : cloud_str(a, status, "Code");
    if (*code == '\0' && *ref) code = "Ok"; /* a call: no code of its own */
    judge_or_odd(rows, n, code, "Ok", ref, r, wall_ms, out);
    cJSON_Delete(o);
}

/* The text with quotes around whole numbers that a double would round. */
static char *quote_big(const char *s, size_t n, size_t *out_n) {
    char  *out = x_malloc(n + n / 4 + 3), *o = out;
    bool   in_string = false;
    size_t i         = 0;
    while (i < n) {
        size_t digits = 0;
        while (!in_string && i + digits < n && s[i + digits] >= '0' && s[i + digits] <= '9') digits++;
        bool part = (i && strchr("+-.", s[i - 1])) || (i + digits < n && strchr(".eE", s[i + digits]));
        if (digits > BIG_DIGITS && !part) {
            *o++ = '"';
            memcpy(o, s + i, digits);
            o += digits;
            *o++ = '"';
            i += digits;
            continue;
        }
        size_t take = digits ? digits : in_string && s[i] == '\\' && i + 1 < n ? 2 : 1;
        if (digits == 0 && s[i] == '"') in_string = !in_string;
        memcpy(o, s + i, take);
        o += take;
        i += take;
    }
    *out_n = (size_t)(o - out);
    return out;
}

cJSON *cloud_json(const char *body, size_t n) {
    cJSON      *out = NULL;
    const char *why;
    size_t      quoted_n;
    char       *quoted = quote_big(body, n, &quoted_n);
    enum err    e      = json_parse(quoted, quoted_n, &out, &why);
    x_free(quoted);
    return e == ERR_OK ? out : NULL;
}

cJSON *cloud_object(const char *body, size_t n) {
    cJSON *out = cloud_json(body, n);
    if (out == NULL || cJSON_IsObject(out)) return out;
    cJSON_Delete(out);
    return NULL;
}

const char *cloud_str(struct arena *a, const cJSON *o, const char *name) {
    const cJSON *v = cJSON_GetObjectItemCaseSensitive(o, name);
    if (cJSON_IsString(v)) return arena_strdup(a, v->valuestring);
    if (cJSON_IsBool(v)) return cJSON_IsTrue(v) ? "true" : "false";
    if (cJSON_IsNumber(v) && fabs(v->valuedouble) < 1e15) return arena_printf(a, "%.0f", v->valuedouble);
    return "";
}

void cloud_ref(struct push_answer *out, const char *ref) {
    out->ref[0] = '\0';
    if (strlen(ref) >= sizeof out->ref) return; /* cut it would name nothing */
    for (const char *p = ref; *p; p++)
        if (*p <= ' ' || *p >= 0x7f) return;
    (void)snprintf(out->ref, sizeof out->ref, "%s", ref);
}

static size_t word_into(char *out, size_t cap, const char *code) {
    size_t n = 0;
    for (const char *p = code; *p && n + 1 < cap; p++)
        if ((*p >= '0' && *p <= '9') || ((*p | 32) >= 'a' && (*p | 32) <= 'z') || strchr("._:-", *p)) out[n++] = *p;
    out[n] = '\0';
    return n;
}

void cloud_detail(struct push_answer *out, const char *code) { (void)word_into(out->detail, 64, code); }

char *cloud_word(struct arena *a, const char *code) {
    char *out = arena_alloc(a, 64);
    (void)word_into(out, 64, code);
    return out;
}

/* ---- requests ---- */
enum err cloud_refuse(struct push_answer *out, const char *why) {
    out->verdict = V_REJECTED;
    (void)snprintf(out->detail, sizeof out->detail, "%s", why);
    return ERR_INPUT;
}

bool cloud_is_phone(const char *s) { return strlen(s) == 11 && strspn(s, "0123456789") == 11 && s[0] == '1' && s[1] >= '3'; }

void cloud_to(struct provider *p, struct arena *a, const char *host, const char *rest, struct http_call *c) {
    const char *base = provider_text(p, "base_url");
    c->url           = *base ? arena_printf(a, "%s%s", base, rest) : arena_printf(a, "https://%s%s", host, rest);
    if (*base) http_call_header(c, "Host", host);
}

void cloud_nonce(const struct provider *p, const struct push_msg *m, int64_t wall_ms, char out[65]) {
    char text[200];
    (void)snprintf(text, sizeof text, "%s %s %d %lld", provider_name(p), m->id, m->attempt, (long long)wall_ms);
    cloud_sha256_hex(text, strlen(text), out);
    out[32] = '\0';
}

char *cloud_params_json(struct arena *a, const struct provider_template *t, const char *const *values) {
    struct buf           b;
    struct jw            w;
    struct template_word word;
    buf_init(&b, 64 * 1024);
    jw_init(&w, &b);
    jw_obj(&w);
    for (size_t i = 0; i < t->vars_n; i++)
        if (template_word(t->var[i], FORM_NAMES, &word)) jw_kstr(&w, word.key, values[i]);
    jw_obj_end(&w);
    char *out = arena_strdup(a, buf_str(&b));
    buf_fini(&b);
    return out;
}

static char *clean(struct arena *a, const char *s) {
    char *out = arena_strdup(a, s);
    for (char *p = out; *p; p++) {
        if ((unsigned char)*p < ' ') *p = ' ';
        if (strncmp(p, "【", 3) == 0) memcpy(p, "〔", 3);
        if (strncmp(p, "】", 3) == 0) memcpy(p, "〕", 3);
    }
    return out;
}

enum err cloud_values(struct arena *a, const struct push_msg *m, const struct provider_template *t, enum template_form form,
                      size_t value_max, const char **values, struct push_answer *why) {
    struct template_word w;
    for (size_t i = 0; i < t->vars_n; i++) {
        const char *v = template_word(t->var[i], form, &w) ? clean(a, push_value(a, m, w.var)) : "";
        if (strcasestr(v, "http:") || strcasestr(v, "https:") || strcasestr(v, "www."))
            return cloud_refuse(why, "a value holds a link, which templates may not");
        values[i] = value_max ? template_cut(a, v, value_max) : v;
    }
    return ERR_OK;
}

/* ---- a section ---- */
static enum err file_of(struct provider *p, const char *opt, char **out, char *why, size_t why_n) {
    *out = *provider_text(p, opt) ? provider_file(p, opt, NULL, why, why_n) : x_strdup("");
    return *out ? ERR_OK : ERR_INPUT;
}

enum err cloud_open(struct provider *p, const char *secret_opt, const struct template_rules *rules, char *why, size_t why_n) {
    struct cloud_state *s = provider_state(p);
    enum err            e = file_of(p, secret_opt, &s->secret, why, why_n);
    if (e == ERR_OK) e = file_of(p, "receipt_key", &s->receipt_key, why, why_n);
    if (e == ERR_OK) e = file_of(p, "texts", &s->texts, why, why_n);
    if (e == ERR_OK && *s->receipt_key && strlen(s->receipt_key) < CLOUD_KEY_MIN) {
        (void)snprintf(why, why_n, "option receipt_key: at least %d characters", CLOUD_KEY_MIN);
        e = ERR_INPUT;
    }
    const char *signature = strcmp(provider_kind(p)->channel, "sms") == 0 ? provider_text(p, "sign_name") : "";
    if (e == ERR_OK) e = template_check(p, rules, s->texts, signature, why, why_n);
    if (e) cloud_close(p);
    return e;
}

static void wipe(char **s) {
    if (*s) x_wipe(*s, strlen(*s));
    x_free(*s);
    *s = NULL;
}

void cloud_close(struct provider *p) {
    struct cloud_state *s = provider_state(p);
    wipe(&s->secret);
    wipe(&s->receipt_key);
    wipe(&s->texts);
}

bool cloud_key_ok(struct arena *a, const char *secret, const char *query) {
    const char *key = cloud_query_get(a, query, "key");
    uint8_t     want[32], got[32];
    if (*secret == '\0' || key == NULL) return false;
    sm3(secret, strlen(secret), want); /* of one length, so that the time tells nothing */
    sm3(key, strlen(key), got);
    return ct_equal(want, got, sizeof want);
}

/* ---- receipts ---- */
enum err cloud_receipts(struct arena *a, const char *body, size_t body_n,
                        bool (*one)(struct arena *a, const cJSON *o, void *arg, struct push_receipt *out), void *arg,
                        struct push_receipt **list, size_t *n) {
    cJSON *all     = body_n <= CLOUD_POST_MAX ? cloud_json(body, body_n) : NULL;
    bool   is_list = all != NULL && cJSON_IsArray(all);
    size_t max     = is_list ? (size_t)cJSON_GetArraySize(all) : 1;
    bool   ok      = all != NULL && max <= CLOUD_RECEIPTS_MAX && (is_list || cJSON_IsObject(all));
    *n             = 0;
    if (ok) {
        *list = arena_alloc(a, (max + 1) * sizeof **list);
        for (const cJSON *o = is_list ? all->child : all; o; o = o->next) {
            struct push_receipt *r = &(*list)[*n];
            *r                     = (struct push_receipt){.ref = "", .id = "", .verdict = V_DELIVERED, .detail = ""};
            if (cJSON_IsObject(o) && one(a, o, arg, r) && (*r->ref || *r->id)) ++*n;
        }
    }
    cJSON_Delete(all);
    return ok ? ERR_OK : ERR_INPUT;
}

void cloud_failed(struct arena *a, const struct cloud_code *rows, size_t n, const char *code, struct push_receipt *out) {
    const struct cloud_code *c = cloud_code_find(rows, n, code);
    out->is_final              = true;
    out->verdict               = c ? c->verdict : V_RETRY;
    out->detail                = cloud_word(a, code);
}

const char *cloud_id(struct arena *a, const cJSON *o, const char *name) {
    const char *id = cloud_str(a, o, name);
    size_t      n  = strspn(id, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-");
    return n <= ID_MAX && id[n] == '\0' ? id : "";
}
