/* SPDX-License-Identifier: Apache-2.0 */
#include "push/wechat.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/mem.h"
#include "base/sm.h"
#include "push/cloud.h"
#include "push/cloud_sign.h"

#define TOKEN_BYTES_MAX 2048
#define LIFE_MAX_S 7200
#define WAIT_MAX_MS (3600LL * 1000)

static const struct template_rules rules = {FORM_TYPED, 0, "", 0, false};

/* errcode of a message. */
static const struct cloud_code codes[] = {
    {"0", V_SENT, 0},
    {"-1", V_RETRY, 0},
    {"40001", V_AUTH, 0},
    {"42001", V_AUTH, 0},
    {"40014", V_AUTH, 0},
    {"40003", V_GONE, 0},
    {"40037", V_CONFIG, 0},
    {"40013", V_CONFIG, 0},
    {"40164", V_CONFIG, 0},
    {"41030", V_CONFIG, 0},
    {"43004", V_REFUSED, 0}, /* does not follow the account */
    {"43101", V_REFUSED, 0}, /* refused, or no acceptance left */
    {"43107", V_CONFIG, 0},
    {"43108", V_RETRY, CLOUD_TARGET | 600}, /* too often for this user */
    {"45009", V_QUOTA, CLOUD_DAY},
    {"45011", V_THROTTLED, 60},
    {"47003", V_REJECTED, 0},
    {"48001", V_CONFIG, 0},
};

/* errcode where the token is fetched. */
static const struct cloud_code token_codes[] = {
    {"-1", V_RETRY, 0},
    {"45009", V_QUOTA, CLOUD_DAY},
    {"45011", V_THROTTLED, 60},
};

/* ---- a section ---- */
static enum err file_of(struct provider *p, const char *opt, char **out, char *why, size_t why_n) {
    *out = *provider_text(p, opt) ? provider_file(p, opt, NULL, why, why_n) : x_strdup("");
    return *out ? ERR_OK : ERR_INPUT;
}

enum err wechat_open(struct provider *p, char *why, size_t why_n) {
    struct wechat_state *s = provider_state(p);
    enum err             e = file_of(p, "app_secret", &s->secret, why, why_n);
    if (e == ERR_OK) e = file_of(p, "token", &s->token, why, why_n);
    if (e == ERR_OK) e = template_check(p, &rules, "", "", why, why_n);
    if (e) wechat_close(p);
    return e;
}

static void wipe(char **s) {
    if (*s) x_wipe(*s, strlen(*s));
    x_free(*s);
    *s = NULL;
}

void wechat_close(struct provider *p) {
    struct wechat_state *s = provider_state(p);
    wipe(&s->secret);
    wipe(&s->token);
}

bool wechat_is_openid(const char *s) {
    size_t n = strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-");
    return n >= 10 && n <= 64 && s[n] == '\0';
}

/* ---- the access token ---- */
void wechat_to(struct provider *p, struct arena *a, const char *path, const char *cred, const char *body, struct http_call *out) {
    const char *rest = *cred ? arena_printf(a, "%s?access_token=%s", path, cloud_percent(a, cred)) : path;
    out->method      = "POST";
    out->body        = body;
    out->body_n      = strlen(body);
    cloud_to(p, a, WECHAT_HOST, rest, out);
    http_call_header(out, "Content-Type", "application/json; charset=utf-8");
}

enum err wechat_cred_call(struct provider *p, struct arena *a, int64_t wall_ms, struct http_call *out) {
    struct wechat_state *s = provider_state(p);
    struct buf           b;
    struct jw            w;
    (void)wall_ms;
    buf_init(&b, 256 * 1024);
    jw_init(&w, &b);
    jw_obj(&w);
    jw_kstr(&w, "grant_type", "client_credential");
    jw_kstr(&w, "appid", provider_text(p, "app_id"));
    jw_kstr(&w, "secret", s->secret);
    jw_kbool(&w, "force_refresh", false); /* true would shut out the other nodes */
    jw_obj_end(&w);
    wechat_to(p, a, "/cgi-bin/stable_token", "", arena_strdup(a, buf_str(&b)), out);
    x_wipe(b.p, b.len);
    buf_fini(&b);
    return ERR_OK;
}

/* "47003 thing2 rid: 6.."; the words themselves are not kept: they may repeat what was sent. */
static void detail_of(struct arena *a, const char *code, const char *words, struct push_answer *out) {
    const char *field = strstr(words, "data."), *rid = strstr(words, "rid:");
    field = field ? field + 5 : "";
    rid   = rid ? rid + 4 + strspn(rid + 4, " ") : "";
    (void)snprintf(out->detail, sizeof out->detail, "%.12s%s%.20s%s%.50s", code, *field ? " " : "",
                   cloud_word(a, arena_strndup(a, field, strspn(field, "abcdefghijklmnopqrstuvwxyz_0123456789"))),
                   *rid ? " rid " : "", cloud_word(a, arena_strndup(a, rid, strcspn(rid, " ,;"))));
}

void wechat_cred_answer(struct provider *p, struct arena *a, const struct http_answer *r, const char **cred, int64_t *life_ms,
                        struct push_answer *out) {
    (void)p;
    *cred    = NULL;
    *life_ms = 0;
    if (r->status == 0) { /* asking again harms nobody: the same token comes back */
        out->verdict = V_RETRY;
        (void)snprintf(out->detail, sizeof out->detail, "no access token: no answer");
        return;
    }
    if (http_verdict(r, 0, out)) {
        if (out->wait_ms > WAIT_MAX_MS) out->wait_ms = 0; /* a date, and the time is not known here */
        return;
    }
    cJSON      *o     = r->status == 200 ? cloud_object(r->body, r->body_n) : NULL;
    const char *token = cloud_str(a, o, "access_token"), *code = cloud_str(a, o, "errcode");
    long        life = strtol(cloud_str(a, o, "expires_in"), NULL, 10);
    bool        fits = *token && strlen(token) <= TOKEN_BYTES_MAX && strpbrk(token, " \r\n") == NULL;
    if (fits && life > 0) {
        out->verdict = V_SENT;
        *cred        = token;
        *life_ms     = (life < LIFE_MAX_S ? life : LIFE_MAX_S) * 1000LL;
    } else if (*code && strcmp(code, "0") != 0) {
        cloud_judge(token_codes, ARRAY_N(token_codes), code, V_CONFIG, 0, out);
        if (out->verdict == V_QUOTA) out->wait_ms = 0; /* the time is not known here */
        detail_of(a, code, cloud_str(a, o, "errmsg"), out);
    } else {
        out->verdict = r->status >= 400 && r->status < 500 ? V_CONFIG : V_RETRY;
        (void)snprintf(out->detail, sizeof out->detail, "no access token: HTTP %d", r->status);
    }
    cJSON_Delete(o);
}

/* ---- a message ---- */
enum err wechat_data(struct arena *a, const struct push_msg *m, const struct provider_template *t, struct jw *w,
                     struct push_answer *why) {
    struct template_word word;
    char                 text[90];
    jw_key(w, "data");
    jw_obj(w);
    for (size_t i = 0; i < t->vars_n; i++) {
        if (!template_word(t->var[i], FORM_TYPED, &word))
            return cloud_refuse(why, "a variable of the template is not of the form thing1=t");
        const char *value = wechat_value_shape(a, word.key, push_value(a, m, word.var));
        if (wechat_value_check(word.key, value, text, sizeof text)) return cloud_refuse(why, text);
        jw_key(w, arena_strdup(a, word.key));
        jw_obj(w);
        jw_kstr(w, "value", value);
        jw_obj_end(w);
    }
    jw_obj_end(w);
    return ERR_OK;
}

const char *wechat_page(struct arena *a, const char *page, const struct push_msg *m) {
    if (*page == '\0' || *m->object == '\0') return page;
    return arena_printf(a, "%s%co=%s", page, strchr(page, '?') ? '&' : '?', cloud_percent(a, m->object));
}

void wechat_answer(struct provider *p, struct arena *a, const struct push_msg *m, const struct http_answer *r, int64_t wall_ms,
                   struct push_answer *out) {
    (void)p;
    (void)m;
    if (http_verdict(r, wall_ms, out)) return;
    cJSON      *o    = r->status == 200 ? cloud_object(r->body, r->body_n) : NULL;
    const char *code = cloud_str(a, o, "errcode"), *words = cloud_str(a, o, "errmsg"), *ref = cloud_str(a, o, "msgid");
    if (*code == '\0' && (*ref || strcmp(words, "ok") == 0)) code = "0"; /* errcode may be absent when all is well */
    if (*code == '\0') {
        cloud_odd(r, out);
    } else {
        cloud_judge(codes, ARRAY_N(codes), code, V_REJECTED, wall_ms, out);
        detail_of(a, code, words, out);
        if (out->verdict == V_SENT) cloud_ref(out, ref);
    }
    cJSON_Delete(o);
}
