/* SPDX-License-Identifier: Apache-2.0
 *
 * For tests of the kinds of provider of phone makers: a provider from options and key files in a temporary directory, messages,
 * answers, and readers of their own for what is produced (forms, JSON, digests): nothing of push/vendor.c is used to check it.
 */
#ifndef ZB_TESTS_VENDORKIT_H
#define ZB_TESTS_VENDORKIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/calendar.h"
#include "base/check.h"
#include "base/json.h"
#include "base/mem.h"
#include "push/provider.h"

#define VK_SECRET "s3cret/+="

struct vk {
    struct conf      conf;
    struct provider *p;
    struct arena    *a;
    char             dir[64], file[96], why[400];
    struct http_call call;
};

static inline void vk_file(struct vk *k, const char *text) {
    FILE *f = fopen(k->file, "w");
    assert_non_null(f);
    assert_int_equal(fwrite(text, 1, strlen(text), f), strlen(text));
    assert_int_equal(fclose(f), 0);
}

/* options: name, value, ..., NULL; the value "@" is the path of the file with `secret`. */
static inline enum err vk_try(struct vk *k, const char *secret, const char *const *options) {
    memset(k, 0, sizeof *k);
    (void)snprintf(k->dir, sizeof k->dir, "/tmp/zb-vendor-XXXXXX");
    assert_non_null(mkdtemp(k->dir));
    (void)snprintf(k->file, sizeof k->file, "%s/secret", k->dir);
    vk_file(k, secret);
    k->a                   = arena_new(1 << 20);
    struct conf_section *s = conf_section_add(&k->conf, "provider", "test");
    for (; options[0]; options += 2) conf_section_set(s, options[0], strcmp(options[1], "@") == 0 ? k->file : options[1], 1);
    return provider_new(s, &k->p, k->why, sizeof k->why);
}

static inline void vk_open(struct vk *k, const char *secret, const char *const *options) {
    if (vk_try(k, secret, options) != ERR_OK) fail_msg("%s", k->why);
}

static inline void vk_close(struct vk *k) {
    provider_free(k->p);
    arena_free(k->a);
    conf_fini(&k->conf);
    (void)unlink(k->file);
    (void)rmdir(k->dir);
}

/* Each row of options, put into a good section, must be refused with a line that names the option. */
struct vk_bad {
    const char *name, *value, *secret;
};
static inline void vk_refused(const char *const *good, const char *secret, const struct vk_bad *bad, size_t n) {
    for (size_t i = 0; i < n; i++) {
        const char *options[64];
        size_t      k_n = 0;
        struct vk   k;
        for (const char *const *g = good; *g; g += 2) {
            if (bad[i].value && strcmp(g[0], bad[i].name) == 0) continue;
            options[k_n++] = g[0], options[k_n++] = g[1];
        }
        if (bad[i].value) options[k_n++] = bad[i].name, options[k_n++] = bad[i].value;
        options[k_n] = NULL;
        if (vk_try(&k, bad[i].secret ? bad[i].secret : secret, options) != ERR_INPUT)
            fail_msg("taken: %s = %s", bad[i].name, bad[i].value);
        if (strstr(k.why, bad[i].name) == NULL) fail_msg("%s is not named: %s", bad[i].name, k.why);
        vk_close(&k);
    }
}

static inline struct push_msg vk_msg(const char *target) {
    return (struct push_msg){.id         = "d-0001",
                             .attempt    = 1,
                             .notice     = "n-77",
                             .target     = target,
                             .target_key = "",
                             .app        = "",
                             .kind       = "task.assigned",
                             .title      = "新任务待签收",
                             .text       = "新任务「某事」，请登录掌办办理。",
                             .object     = "task:NP2018-01",
                             .signature  = "南平掌办",
                             .priority   = 1,
                             .ttl_s      = 7200,
                             .unread     = -1,
                             .at_wall_ms = 0};
}

/* 2018-03-12 at this time of China. */
static inline int64_t vk_at(const char *hh_mm) {
    char    iso[40];
    int64_t ms;
    (void)snprintf(iso, sizeof iso, "2018-03-12T%s:00+08:00", hh_mm);
    assert_int_equal(time_parse_iso(iso, &ms), ERR_OK);
    return ms;
}

static inline const char *vk_header(const struct http_call *c, const char *name) {
    for (size_t i = 0; i < c->headers_n; i++)
        if (strcmp(c->header[i].name, name) == 0) return c->header[i].value;
    return "";
}

/* The body of k->call as text. */
static inline const char *vk_body(struct vk *k) { return arena_strndup(k->a, k->call.body, k->call.body_n); }

static inline void vk_call(struct vk *k, const struct push_msg *m, const char *cred, int64_t wall_ms) {
    struct push_answer why = {0};
    memset(&k->call, 0, sizeof k->call);
    assert_int_equal(provider_kind(k->p)->call(k->p, k->a, m, cred, wall_ms, &k->call, &why), ERR_OK);
    assert_string_equal(k->call.method, "POST");
    for (size_t i = 0; i < k->call.headers_n; i++) assert_null(strpbrk(k->call.header[i].value, "\r\n"));
}

/* What a failed call says. */
static inline struct push_answer vk_no_call(struct vk *k, const struct push_msg *m, int64_t wall_ms) {
    struct push_answer why = {0};
    assert_int_equal(provider_kind(k->p)->call(k->p, k->a, m, "cred", wall_ms, &k->call, &why), ERR_INPUT);
    assert_true(*why.detail != '\0');
    return why;
}

static inline struct http_answer vk_http(int status, const char *body) {
    return (struct http_answer){.status = status, .body = body, .body_n = strlen(body)};
}

static inline struct push_answer vk_answer_at(struct vk *k, const struct push_msg *m, const struct http_answer *r,
                                              int64_t wall_ms) {
    struct push_answer out = {.verdict = V_MAX};
    provider_kind(k->p)->answer(k->p, k->a, m, r, wall_ms, &out);
    assert_true((unsigned)out.verdict < V_MAX);
    if (*m->target && strlen(m->target) > 3) assert_null(strstr(out.detail, m->target)); /* the record names no token */
    return out;
}
static inline struct push_answer vk_answer(struct vk *k, const struct push_msg *m, int status, const char *body) {
    struct http_answer r = vk_http(status, body);
    return vk_answer_at(k, m, &r, vk_at("10:00"));
}

static inline void vk_want(struct vk *k, const struct push_msg *m, int status, const char *body, enum verdict want) {
    struct push_answer got = vk_answer(k, m, status, body);
    if (got.verdict != want)
        fail_msg("HTTP %d %s: %s (%s), not %s", status, body, verdict_info(got.verdict)->word, got.detail,
                 verdict_info(want)->word);
}

/* What every kind must do with answers that no vendor would give: nothing of it crashes or counts as sent. */
static inline void vk_hostile(struct vk *k, const struct push_msg *m, const char *code_name, const char *good_code) {
    static const char *const rubbish[] = {
        "",
        " ",
        "null",
        "true",
        "0",
        "200",
        "80000000",
        "\"\"",
        "[]",
        "{}",
        "{",
        "[[",
        "{\"a\"",
        "not json",
        "<html>502</html>",
        "\xff\xfe\x00",
        "{\"code\":null,\"result\":null}",
        "{\"code\":[],\"result\":[]}",
        "{\"code\":{},\"result\":{}}",
        "{\"code\":true,\"result\":true}",
        "{\"code\":\"\",\"result\":\"\"}",
        "{\"code\":\"-\",\"result\":\"-\"}",
        "{\"code\":\"0x0\",\"result\":\"0x0\"}",
        "{\"code\":1e308,\"result\":1e308}",
        "{\"code\":-1e300,\"result\":-1e300}",
        "{\"code\":0.5,\"result\":0.5}",
        "{\"code\":\"99999999999999999999999999\",\"result\":\"99999999999999999999999999\"}",
        "{\"code\":\"80000000 \",\"result\":\"0 \"}",
        "[{\"code\":0,\"result\":0}]",
        "{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":"
        "0}}}}}}}}}}}}}}}},\"code\":0,\"result\":0}",
    };
    for (size_t i = 0; i < ARRAY_N(rubbish); i++) {
        vk_want(k, m, 200, rubbish[i], V_UNKNOWN);
        vk_want(k, m, 500, rubbish[i], V_RETRY);
        vk_want(k, m, 400, rubbish[i], V_CONFIG);
        vk_want(k, m, 401, rubbish[i], V_AUTH);
        vk_want(k, m, 302, rubbish[i], V_CONFIG);
    }
    const char *good = arena_printf(k->a, "{\"%s\":%s}", code_name, good_code);
    vk_want(k, m, 200, good, V_SENT);
    vk_want(k, m, 500, good, V_UNKNOWN); /* says both */
    vk_want(k, m, 403, good, V_UNKNOWN);
    vk_want(k, m, 200, arena_printf(k->a, "{\"%s\":\"%s\"}", code_name, good_code), V_SENT);
    vk_want(k, m, 200, arena_printf(k->a, "{\"%s\":31337}", code_name), V_CONFIG);
    assert_non_null(strstr(vk_answer(k, m, 200, arena_printf(k->a, "{\"%s\":31337}", code_name)).detail, "31337 unknown"));
    vk_want(k, m, 500, arena_printf(k->a, "{\"%s\":31337}", code_name), V_RETRY);
    vk_want(k, m, 429, "{}", V_THROTTLED);
    vk_want(k, m, 502, good, V_RETRY);
    vk_want(k, m, 504, good, V_RETRY);
    struct http_answer none = {.status = 0, .lost = true, .body = ""};
    assert_int_equal(vk_answer_at(k, m, &none, 0).verdict, V_UNKNOWN);
    none.lost = false;
    assert_int_equal(vk_answer_at(k, m, &none, 0).verdict, V_RETRY);
    const struct http_header later = {"retry-after", "7"};
    struct http_answer       slow  = {.status = 429, .header = &later, .headers_n = 1, .body = ""};
    assert_int_equal(vk_answer_at(k, m, &slow, 0).wait_ms, 7000);
}

/* ---- credentials ---- */
struct vk_cred {
    enum verdict verdict;
    const char  *cred;
    int64_t      life_ms;
    char         detail[96];
    int64_t      wait_ms;
};
static inline struct vk_cred vk_cred_answer(struct vk *k, int status, const char *body) {
    struct http_answer r   = vk_http(status, body);
    struct push_answer out = {.verdict = V_MAX};
    struct vk_cred     c   = {.cred = NULL, .life_ms = 0};
    if (status == 0) r.lost = true;
    provider_kind(k->p)->cred_answer(k->p, k->a, &r, &c.cred, &c.life_ms, &out);
    c.verdict = out.verdict;
    c.wait_ms = out.wait_ms;
    memcpy(c.detail, out.detail, sizeof c.detail);
    assert_true((c.verdict == V_SENT) == (c.cred != NULL));
    assert_true((c.verdict == V_SENT) == (c.life_ms > 0));
    return c;
}
static inline void vk_cred_want(struct vk *k, int status, const char *body, enum verdict want) {
    struct vk_cred c = vk_cred_answer(k, status, body);
    if (c.verdict != want) fail_msg("credential: HTTP %d %s: %s (%s)", status, body, verdict_info(c.verdict)->word, c.detail);
}
/* No message is under way: nothing is UNKNOWN; a wrong secret is CONFIG. */
static inline void vk_cred_hostile(struct vk *k) {
    static const char *const rubbish[] = {
        "",
        "{}",
        "[]",
        "null",
        "<html>",
        "{\"access_token\":1,\"authToken\":1,\"code\":0,\"result\":0}",
        "{\"access_token\":\"\",\"code\":0,\"result\":0,\"authToken\":\"\",\"data\":{\"auth_token\":\"\"}}",
        "{\"access_token\":\"a\\r\\nX: y\",\"code\":0,\"result\":0,\"authToken\":\"a\\nb\",\"data\":{\"auth_token\":\"a b\"}}",
        "{\"access_token\":[],\"code\":0,\"result\":0,\"authToken\":{},\"data\":[]}"};
    for (size_t i = 0; i < ARRAY_N(rubbish); i++) {
        vk_cred_want(k, 200, rubbish[i], V_RETRY);
        vk_cred_want(k, 401, "", V_CONFIG);
        vk_cred_want(k, 500, "", V_RETRY);
        vk_cred_want(k, 503, rubbish[i], V_RETRY);
        vk_cred_want(k, 429, rubbish[i], V_THROTTLED);
    }
    vk_cred_want(k, 0, "", V_RETRY);
    vk_cred_want(k, 400, "", V_CONFIG);
}

/* ---- forms: name=value&..., %XX, + ---- */
static inline const char *vk_field(struct vk *k, const char *name) {
    const char *s = vk_body(k);
    while (*s) {
        size_t n = strcspn(s, "&"), eq = strcspn(s, "=&");
        char  *out = arena_alloc(k->a, n + 1);
        if (eq == strlen(name) && strncmp(s, name, eq) == 0 && s[eq] == '=') {
            size_t o = 0;
            for (size_t i = eq + 1; i < n; i++) {
                unsigned v;
                if (s[i] == '%') {
                    assert_int_equal(sscanf(s + i + 1, "%2x", &v), 1);
                    out[o++] = (char)v;
                    i += 2;
                } else {
                    assert_non_null(strchr("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~+*", s[i]));
                    out[o++] = s[i] == '+' ? ' ' : s[i];
                }
            }
            return out;
        }
        s += n;
        s += *s == '&';
    }
    return NULL;
}

static inline size_t vk_fields_n(struct vk *k) {
    size_t n = 1;
    for (const char *s = vk_body(k); *s; s++) n += *s == '&';
    return n;
}

/* ---- JSON: all leaves as "path=value\n" in order, so that a request is compared whole ---- */
static inline void vk_walk(struct arena *a, const cJSON *x, const char *path, struct buf *b) {
    const cJSON *c;
    size_t       i = 0;
    if (cJSON_IsObject(x) || cJSON_IsArray(x)) {
        cJSON_ArrayForEach(c, x) {
            if (c->string)
                vk_walk(a, c, arena_printf(a, "%s%s%s", path, *path ? "." : "", c->string), b);
            else
                vk_walk(a, c, arena_printf(a, "%s[%zu]", path, i++), b);
        }
        return;
    }
    char *v = cJSON_IsString(x) ? NULL : cJSON_PrintUnformatted(x);
    buf_printf(b, "%s=%s\n", path, v ? v : x->valuestring);
    cJSON_free(v);
}
static inline const char *vk_leaves(struct vk *k, const char *json) {
    cJSON     *o = cJSON_ParseWithOpts(json, NULL, 1);
    struct buf b;
    buf_init(&b, 1 << 16);
    assert_non_null(o);
    vk_walk(k->a, o, "", &b);
    const char *out = arena_strdup(k->a, buf_str(&b));
    buf_fini(&b);
    cJSON_Delete(o);
    return out;
}
/* One leaf; NULL when there is none. */
static inline const char *vk_leaf(struct vk *k, const char *path) {
    const char *all = vk_leaves(k, vk_body(k));
    size_t      n   = strlen(path);
    for (; *all; all += strcspn(all, "\n") + 1)
        if (strncmp(all, path, n) == 0 && all[n] == '=') return arena_strndup(k->a, all + n + 1, strcspn(all + n + 1, "\n"));
    return NULL;
}

/* n times one character. */
static inline const char *vk_many(struct vk *k, const char *one, size_t n) {
    char *s = arena_alloc(k->a, n * strlen(one) + 1);
    for (size_t i = 0; i < n; i++) memcpy(s + i * strlen(one), one, strlen(one));
    return s;
}
static inline size_t vk_chars(const char *s) {
    size_t n = 0;
    for (; *s; s++) n += ((unsigned char)*s & 0xC0) != 0x80;
    return n;
}
static inline bool vk_ends(const char *s, const char *end) {
    size_t n = strlen(s), e = strlen(end);
    return n >= e && strcmp(s + n - e, end) == 0;
}

#endif
