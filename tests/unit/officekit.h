/* SPDX-License-Identifier: Apache-2.0
 *
 * For the tests of office kinds: a provider out of a few options (secrets become files), a message, answers, and one call after the
 * other as the engine makes them. Included once by each test; static, since each test is a program of its own.
 */
#ifndef ZB_TESTS_OFFICEKIT_H
#define ZB_TESTS_OFFICEKIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define ERR_STATE openssl_err_state /* a typedef of OpenSSL bears the name of one of our errors */
#include <openssl/evp.h>
#undef ERR_STATE

#include "base/check.h"
#include "base/json.h"
#include "push/office.h"
#include "push/provider.h"

#define WALL 1767323045000LL /* 2026-01-02 11:04:05 +08:00 */

struct opt {
    const char *name, *value; /* a name that ends in _file: the content */
};
struct ok {
    struct conf      conf;
    struct provider *p;
    struct arena    *a;
    char             dir[64];
    struct push_msg  m;
};

__attribute__((unused)) static const struct push_msg MSG = {
    .id = "dl-7001-3", .attempt = 1, .notice = "nt-7001", .target = "zhangsan", .target_key = "", .app = "", .kind = "task.assigned",
    .title = "新任务待签收", .text = "新任务「防汛值班」，请登录掌办办理。", .object = "task:NP-2018-1", .signature = "某市", .priority = 0,
    .ttl_s = 3600, .unread = -1, .at_wall_ms = WALL,
};

/* ERR_INPUT: why is filled and k->p is NULL. */
static enum err ok_try(struct ok *k, const char *kind, const struct opt *o, size_t n, char *why, size_t why_n) {
    memset(k, 0, sizeof *k);
    (void)snprintf(k->dir, sizeof k->dir, "/tmp/zb.office.XXXXXX");
    assert_non_null(mkdtemp(k->dir));
    struct conf_section *s = conf_section_add(&k->conf, "provider", "p1");
    conf_section_set(s, "kind", kind, 1);
    for (size_t i = 0; i < n; i++) {
        const char *value = o[i].value;
        char        path[128];
        size_t      len = strlen(o[i].name);
        if (*value && len > 5 && strcmp(o[i].name + len - 5, "_file") == 0) {
            (void)snprintf(path, sizeof path, "%s/%s", k->dir, o[i].name);
            FILE *f = fopen(path, "w");
            assert_non_null(f);
            (void)fputs(value, f);
            (void)fclose(f);
            value = path;
        }
        conf_section_set(s, o[i].name, value, (int)i + 2);
    }
    k->a = arena_new(1 << 20);
    k->m = MSG;
    return provider_new(s, &k->p, why, why_n);
}

static void ok_close(struct ok *k) {
    char cmd[128];
    provider_free(k->p);
    arena_free(k->a);
    conf_fini(&k->conf);
    (void)snprintf(cmd, sizeof cmd, "rm -rf %s", k->dir);
    assert_int_equal(system(cmd), 0);
}

__attribute__((unused)) static void ok_open(struct ok *k, const char *kind, const struct opt *o, size_t n) {
    char why[400] = "";
    if (ok_try(k, kind, o, n, why, sizeof why)) fail_msg("%s", why);
}

/* The options with one changed or added are refused, and the reason names it. */
__attribute__((unused)) static void ok_refused(const char *kind, const struct opt *o, size_t n, const char *name, const char *value) {
    struct ok  k;
    struct opt changed[24];
    char       why[400] = "";
    size_t     i = 0;
    memcpy(changed, o, n * sizeof *o);
    while (i < n && strcmp(changed[i].name, name) != 0) i++;
    changed[i] = (struct opt){name, value};
    if (ok_try(&k, kind, changed, i == n ? n + 1 : n, why, sizeof why) == ERR_OK) fail_msg("taken: %s = %s", name, value);
    if (strstr(why, name) == NULL) fail_msg("%s", why);
    ok_close(&k);
}

static struct http_answer ok_http(int status, const char *body) {
    return (struct http_answer){.status = status, .body = body, .body_n = strlen(body)};
}

__attribute__((unused)) static struct push_answer ok_answer(struct ok *k, int status, const char *body) {
    struct push_answer out = {.verdict = V_MAX};
    struct http_answer r   = ok_http(status, body);
    provider_kind(k->p)->answer(k->p, k->a, &k->m, &r, WALL, &out);
    assert_true(out.verdict < V_MAX);
    return out;
}

__attribute__((unused)) static struct push_answer ok_cred(struct ok *k, int status, const char *body, const char **cred, int64_t *life_ms) {
    struct push_answer out = {.verdict = V_MAX};
    struct http_answer r   = ok_http(status, body);
    *cred = NULL;
    provider_kind(k->p)->cred_answer(k->p, k->a, &r, cred, life_ms, &out);
    assert_true(out.verdict < V_MAX && (out.verdict == V_SENT) == (*cred != NULL));
    return out;
}

/* The request, its body parsed (returned: cJSON_Delete); NULL: ERR_INPUT, and why says REJECTED with a reason. */
__attribute__((unused)) static cJSON *ok_call(struct ok *k, struct http_call *out) {
    struct push_answer why = {.verdict = V_MAX};
    cJSON             *o   = NULL;
    const char        *bad = "";
    memset(out, 0, sizeof *out);
    if (provider_kind(k->p)->call(k->p, k->a, &k->m, "to ken", WALL, out, &why)) {
        assert_int_equal(why.verdict, V_REJECTED);
        assert_true(why.detail[0] != '\0');
        return NULL;
    }
    if (json_parse(out->body, out->body_n, &o, &bad)) fail_msg("%s: %s", bad, (const char *)out->body);
    return o;
}

/* Text of a member by path ("textcard.title", "list.0"); "" none; numbers in a ring of buffers. */
__attribute__((unused)) static const char *at(const cJSON *o, const char *path) {
    static char number[4][32];
    static int  turn;
    char        part[64];
    while (*path && o) {
        size_t n = strcspn(path, ".");
        assert_true(n < sizeof part);
        memcpy(part, path, n);
        part[n] = '\0';
        o       = cJSON_IsArray(o) ? cJSON_GetArrayItem(o, (int)strtol(part, NULL, 10)) : cJSON_GetObjectItemCaseSensitive(o, part);
        path += n + (path[n] == '.');
    }
    if (cJSON_IsString(o)) return o->valuestring;
    if (cJSON_IsBool(o)) return cJSON_IsTrue(o) ? "true" : "false";
    if (!cJSON_IsNumber(o)) return "";
    turn = (turn + 1) % 4;
    (void)snprintf(number[turn], sizeof number[0], "%lld", (long long)o->valuedouble);
    return number[turn];
}

/* Answers that nobody meant: none crashes, none is taken for a success, and with 200 the outcome is open. */
__attribute__((unused)) static void ok_rubbish(struct ok *k) {
    static const char *const v[] = {
        "", " ", "null", "true", "0", "\"ok\"", "[]", "[0]", "{}", "{", "}", "{\"errcode\":}", "<html>blocked</html>", "{\"errcode\":null}",
        "{\"errcode\":\"\"}", "{\"errcode\":\"x\"}", "{\"errcode\":1e300}", "{\"errcode\":0.5}", "{\"errcode\":[]}", "{\"errcode\":{}}",
        "{\"errcode\":true}", "{\"code\":null}", "{\"code\":\"zero\"}", "{\"code\":[0]}", "{\"code\":-0.1}", "\xff\xfe", "\xEF\xBB\xBF{\"errcode\":0,\"code\":0}",
        "{\"errcode\":00,\"code\":00}", "{\"Errcode\":0,\"Code\":0}", "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[",
    };
    for (size_t i = 0; i < ARRAY_N(v); i++) {
        struct push_answer a = ok_answer(k, 200, v[i]);
        if (a.verdict != V_UNKNOWN) fail_msg("200 %s: %s", v[i], verdict_info(a.verdict)->word);
        a = ok_answer(k, 400, v[i]);
        if (a.verdict != V_REJECTED) fail_msg("400 %s: %s", v[i], verdict_info(a.verdict)->word);
    }
    static const struct {
        int          status;
        enum verdict v;
    } s[] = {{204, V_UNKNOWN}, {302, V_CONFIG}, {401, V_AUTH}, {403, V_CONFIG}, {404, V_CONFIG}, {405, V_CONFIG}, {413, V_REJECTED},
             {429, V_THROTTLED}, {500, V_UNKNOWN}, {502, V_RETRY}, {503, V_RETRY}, {504, V_RETRY}, {0, V_RETRY}};
    for (size_t i = 0; i < ARRAY_N(s); i++) {
        struct push_answer a = ok_answer(k, s[i].status, "<html>");
        if (a.verdict != s[i].v) fail_msg("%d: %s", s[i].status, verdict_info(a.verdict)->word);
    }
    struct push_answer out  = {.verdict = V_MAX};
    struct http_answer lost = {.status = 0, .lost = true, .body = ""};
    provider_kind(k->p)->answer(k->p, k->a, &k->m, &lost, WALL, &out);
    assert_int_equal(out.verdict, V_UNKNOWN);
}

/* Every code of a list gives its verdict, as `name`:code in a body, with HTTP status `status`. */
struct ok_code {
    long long    code;
    enum verdict v;
    long long    wait_ms;
};
__attribute__((unused)) static void ok_codes(struct ok *k, const char *name, const struct ok_code *v, size_t n, int status) {
    for (size_t i = 0; i < n; i++) {
        char body[128];
        (void)snprintf(body, sizeof body, "{\"%s\":%lld,\"%smsg\":\"user zhangsan 13800138000\"}", name, v[i].code, name);
        struct push_answer a = ok_answer(k, status, body);
        char               code[32];
        (void)snprintf(code, sizeof code, "%lld", v[i].code);
        if (a.verdict != v[i].v || a.wait_ms != v[i].wait_ms) fail_msg("%lld: %s, wait %lld", v[i].code, verdict_info(a.verdict)->word, (long long)a.wait_ms);
        if (strstr(a.detail, code) != a.detail || strstr(a.detail, "138") || a.ref[0]) fail_msg("%lld: detail %s", v[i].code, a.detail);
    }
}

/* What is known after the question `status body` about message ref "7". */
__attribute__((unused)) static struct push_receipt ok_poll(struct ok *k, int status, const char *body, struct push_answer *out) {
    struct push_receipt rc;
    struct http_answer  r = ok_http(status, body);
    memset(&rc, 0xEE, sizeof rc);
    *out = (struct push_answer){.verdict = V_MAX};
    provider_kind(k->p)->poll_answer(k->p, k->a, &k->m, "7", &r, WALL, &rc, out);
    assert_true(out->verdict < V_MAX && out->verdict != V_GONE && out->verdict != V_REFUSED && out->verdict != V_UNKNOWN);
    assert_string_equal(rc.ref, "7");
    assert_true(out->verdict == V_SENT || (!rc.is_read && !rc.is_delivered && !rc.is_final));
    return rc;
}

__attribute__((unused)) static struct push_answer ok_raise(struct ok *k, int status, const char *body) {
    struct push_answer out = {.verdict = V_MAX};
    struct http_answer r   = ok_http(status, body);
    provider_kind(k->p)->raise_answer(k->p, k->a, &k->m, "7", RAISE_APP, &r, WALL, &out);
    assert_true(out.verdict < V_MAX && out.verdict != V_GONE && out.verdict != V_REFUSED);
    return out;
}

struct ok_receipt {
    enum err             e;
    struct push_receipt *list;
    size_t               n;
    const char          *reply;
};
__attribute__((unused)) static struct ok_receipt ok_post(struct ok *k, const char *query, const struct http_header *h, size_t h_n, const char *body,
                                                         size_t body_n) {
    struct ok_receipt r    = {0};
    char             *copy = malloc(body_n + 1); /* of its own size, so that a byte too far is seen */
    assert_non_null(copy);
    memcpy(copy, body, body_n);
    char *exact = realloc(copy, body_n ? body_n : 1);
    r.e         = provider_kind(k->p)->receipts(k->p, k->a, query, h, h_n, exact, body_n, WALL, &r.list, &r.n, &r.reply);
    free(exact);
    if (r.e) assert_int_equal(r.n, 0);
    return r;
}

/* Encrypts as the platform does: AES-256-CBC of what is given, padded to blocks of `block`. Base64 in the arena. */
__attribute__((unused)) static const char *ok_seal(struct ok *k, const uint8_t key[32], const uint8_t iv[16], const void *plain, size_t n, size_t block,
                                                   bool iv_first) {
    size_t          pad = block - n % block, head = iv_first ? 16 : 0;
    uint8_t        *in = arena_alloc(k->a, n + pad), *out = arena_alloc(k->a, head + n + pad + 16);
    EVP_CIPHER_CTX *c   = EVP_CIPHER_CTX_new();
    int             len = 0;
    memcpy(in, plain, n);
    memset(in + n, (int)pad, pad);
    memcpy(out, iv, head);
    assert_int_equal(EVP_EncryptInit_ex(c, EVP_aes_256_cbc(), NULL, key, iv), 1);
    (void)EVP_CIPHER_CTX_set_padding(c, 0);
    assert_int_equal(EVP_EncryptUpdate(c, out + head, &len, in, (int)(n + pad)), 1);
    EVP_CIPHER_CTX_free(c);
    return office_b64_encode(k->a, out, head + n + pad);
}

#endif
