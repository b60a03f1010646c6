/* SPDX-License-Identifier: Apache-2.0
 *
 * What Alibaba Cloud, Tencent Cloud and WeChat may answer and post, and what may stand in a template. First byte: which kind;
 * second: 0 to 7 an answer with this status, 8 a post, 9 consents, 10 a token, else a template and values of WeChat.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/check.h"
#include "base/mem.h"
#include "base/text.h"
#include "push/cloud_sign.h"
#include "push/provider.h"
#include "push/template_check.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

#define AT_MS 1767323045000LL
static const char *const names[]  = {"aliyun_sms", "tencent_sms", "aliyun_voice", "tencent_voice", "wechat_mini", "wechat_mp"};
static const char *const params[] = {"S a=t,b=x", "1 t,x", "T a=t,b=x", "1 t,x", "W thing1=t,time2=x", "W thing1=t,phrase2=x"};
static const int         status[] = {200, 0, 400, 401, 429, 500, 503, 302};
static struct provider  *all[ARRAY_N(names)];
static struct arena     *a;

static void make(void) {
    char path[] = "/tmp/clouds.XXXXXX";
    int  fd     = mkstemp(path);
    MUST(fd >= 0 && write(fd, "0123456789abcdef", 16) == 16);
    for (size_t i = 0; i < ARRAY_N(names); i++) {
        struct conf          c     = {0};
        struct conf_section *s     = conf_section_add(&c, "provider", "one");
        const char *const    ali[] = {"kind", names[i],           "access_key_id", "i", "access_key_secret", path, "receipt_key",
                                      path,   "template.default", params[i],       NULL};
        const char *const    ten[] = {"kind",        names[i], "secret_id",        "i",       "secret_key", path, "app_id", "1",
                                      "receipt_key", path,     "template.default", params[i], NULL};
        const char *const    wx[]  = {"kind",  names[i], "app_id",           "wx1",     "app_secret", path,
                                      "token", path,     "template.default", params[i], NULL};
        const char *const   *o     = i >= 4 ? wx : i % 2 ? ten : ali;
        char                 why[300];
        for (; *o; o += 2) conf_section_set(s, o[0], o[1], 1);
        MUST(provider_new(s, &all[i], why, sizeof why) == ERR_OK);
        conf_fini(&c);
    }
    (void)close(fd);
    (void)unlink(path);
    a = arena_new(1024 * 1024);
}

static void is_clean(const char *s, size_t max) {
    MUST(strlen(s) < max);
    for (; *s; s++) MUST(*s >= ' ' && *s < 0x7f);
}

static void answer(struct provider *p, int code, const char *body, size_t n) {
    struct push_answer out = {.verdict = V_MAX};
    struct push_msg    m   = {.id = "d_1", .attempt = 1, .target = "13800138000", .app = "", .kind = "k"};
    struct http_answer r   = {.status = code, .lost = true, .body = body, .body_n = n};
    provider_kind(p)->answer(p, a, &m, &r, AT_MS, &out);
    MUST((unsigned)out.verdict < V_MAX && out.wait_ms >= 0);
    MUST(out.verdict != V_SENT || code == 200);
    MUST(out.verdict != V_DELIVERED);
    if (code == 200 && memchr(body, '{', n) == NULL) MUST(out.verdict == V_UNKNOWN);
    is_clean(out.detail, sizeof out.detail);
    is_clean(out.ref, sizeof out.ref);
}

static void post(struct provider *p, const char *body, size_t n) {
    struct push_receipt *list  = NULL;
    const char          *reply = "", *query = "key=0123456789abcdef&echostr=1";
    size_t               got = 0;
    if (provider_kind(p)->consents) {
        char        hex[41];
        const char *text = "0123456789abcdef1767323045777";
        cloud_sha1_hex(text, strlen(text), hex);
        query = arena_printf(a, "signature=%s&timestamp=1767323045&nonce=777&echostr=1", hex);
    }
    enum err e = provider_kind(p)->receipts(p, a, query, NULL, 0, body, n, AT_MS, &list, &got, &reply);
    MUST(e == ERR_OK || e == ERR_INPUT);
    for (size_t i = 0; e == ERR_OK && i < got; i++) {
        const struct push_receipt *r = &list[i];
        MUST(*r->ref || *r->id);
        MUST(r->is_delivered ? r->verdict == V_DELIVERED : r->is_final);
        MUST(r->is_delivered || r->verdict == V_GONE || r->verdict == V_REFUSED || r->verdict == V_REJECTED ||
             r->verdict == V_RETRY);
        is_clean(r->detail, 96);
    }
    /* a stranger without the key hears nothing else than that */
    MUST(provider_kind(p)->receipts(p, a, arena_strndup(a, body, n), NULL, 0, body, n, AT_MS, &list, &got, &reply) == ERR_AUTH);
}

static void consents(struct provider *p, const char *body, size_t n) {
    struct push_consent *list = NULL;
    size_t               got  = 0;
    if (provider_kind(p)->consents == NULL || provider_kind(p)->consents(p, a, body, n, &list, &got) != ERR_OK) return;
    for (size_t i = 0; i < got; i++) {
        is_clean(list[i].target, 65);
        MUST(list[i].accepted || list[i].count == 0);
        MUST(!(list[i].accepted && list[i].cleared));
    }
}

static void token(struct provider *p, int code, const char *body, size_t n) {
    struct push_answer out  = {.verdict = V_MAX};
    struct http_answer r    = {.status = code, .body = body, .body_n = n};
    const char        *cred = NULL;
    int64_t            life = 0;
    if (provider_kind(p)->cred_answer == NULL) return;
    provider_kind(p)->cred_answer(p, a, &r, &cred, &life, &out);
    MUST((unsigned)out.verdict < V_MAX && (out.verdict == V_SENT) == (cred != NULL) && (cred == NULL || life > 0));
    is_clean(out.detail, sizeof out.detail);
}

static void values(const char *text) {
    static const char *const           keys[] = {"thing1",      "number1", "letter1", "symbol1", "character_string1",
                                                 "time1",       "date1",   "amount1", "name1",   "phone_number1",
                                                 "car_number1", "phrase1", "enum1"};
    static const struct template_rules rules  = {FORM_NAMES, 500, "#¥", 0, true};
    struct provider_template           t      = {.code = "C", .var = {"a=t"}, .vars_n = 1};
    char                               why[300];
    if (!utf8_valid(text, strlen(text))) return; /* as everything in a message */
    for (size_t i = 0; i < ARRAY_N(keys); i++) {
        const char *shaped = wechat_value_shape(a, keys[i], text);
        MUST(utf8_valid(shaped, strlen(shaped)));
        enum err e = wechat_value_check(keys[i], shaped, why, sizeof why);
        MUST(i > 0 || e == ERR_OK); /* a thing can always be made fit */
    }
    (void)!template_text_check(&rules, &t, text, "某市", why, sizeof why);
    (void)template_length(&t, &text, text, "某市");
    (void)!template_signature_check(text, why, sizeof why);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
    if (all[0] == NULL) make();
    if (n < 2 || n > 60000) return 0;
    struct provider *p = all[data[0] % ARRAY_N(names)];
    char *body = x_malloc(n - 1); /* of its own size, so that a byte too far is seen; what is posted always ends with NUL */
    memcpy(body, data + 2, n - 2);
    body[n - 2]  = '\0';
    uint8_t what = data[1] % 12;
    if (what < 8)
        answer(p, status[what], body, n - 2);
    else if (what == 8)
        post(p, body, n - 2);
    else if (what == 9)
        consents(p, body, n - 2);
    else if (what == 10)
        token(p, status[data[0] / ARRAY_N(names) % ARRAY_N(status)], body, n - 2);
    else
        values(body);
    x_free(body);
    arena_reset(a);
    return 0;
}
