/* SPDX-License-Identifier: Apache-2.0
 *
 * Huawei Push Kit v1 (OAuth): Android with EMUI, HarmonyOS up to 4. Phones with HarmonyOS 5 and later belong to kind huawei3:
 * another address, another credential, other tokens. Pure functions.
 */
#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "base/json.h"
#include "push/huawei_int.h"
#include "push/kinds.h"
#include "push/vendor_int.h"

#define BODY_MAX 4096 /* without the token */
#define TITLE_MAX 40
#define TEXT_MAX 500

struct huawei {
    char secret[256];
};

static const struct provider_opt opts[] = {
    {"app_id", OPT_TEXT, NULL, "App ID of AppGallery Connect, also the OAuth client id", 0, 0},
    {"secret_file", OPT_FILE, NULL, "file with the app secret", 0, 0},
    {"token_url", OPT_URL, HUAWEI_TOKEN, "where access tokens are fetched", 0, 0},
    {"category", OPT_TEXT, "WORK",
     "message class that was granted (自分类权益); empty: none, every message is then capped as marketing", 0, 0},
    {"importance", OPT_TEXT, "NORMAL", "LOW (silent), NORMAL or HIGH (needs a right)", 0, 0},
    {"channel_id", OPT_TEXT, "", "notification channel of the app; empty: the default one", 0, 0},
    {"receipt_id", OPT_TEXT, "", "receipt configuration of the console that applies; empty: the console's default", 0, 0},
    {"tap", OPT_TEXT, "", "intent a tap opens, {object} stands for the object (task%3AID); empty: the app", 0, 0},
};

static enum err huawei_open(struct provider *p, char *why, size_t why_n) {
    struct huawei *h = provider_state(p);
    enum err       e = vendor_secret(p, "secret_file", h->secret, sizeof h->secret, why, why_n);
    if (!e) e = vendor_id_check(p, "app_id", 40, why, why_n);
    if (!e) e = vendor_id_check(p, "category", 32, why, why_n);
    if (!e) e = vendor_choice_check(p, "importance", "LOW|NORMAL|HIGH", why, why_n);
    if (!e) e = vendor_text_check(p, "channel_id", 100, why, why_n);
    if (!e) e = vendor_id_check(p, "receipt_id", 64, why, why_n);
    if (!e) e = vendor_text_check(p, "tap", VENDOR_TAP_MAX / 2, why, why_n);
    return e;
}

static enum err huawei_cred_call(struct provider *p, struct arena *a, int64_t wall_ms, struct http_call *out) {
    struct huawei *h = provider_state(p);
    (void)wall_ms;
    vendor_oauth_call(p, a, provider_text(p, "app_id"), h->secret, out);
    return ERR_OK;
}

static void huawei_cred_answer(struct provider *p, struct arena *a, const struct http_answer *r, const char **cred,
                               int64_t *life_ms, struct push_answer *out) {
    (void)p;
    vendor_oauth_answer(a, r, cred, life_ms, out);
}

static void opt_str(struct jw *w, const char *key, const char *v) {
    if (*v) jw_kstr(w, key, v);
}

static void android(struct provider *p, struct arena *a, const struct push_msg *m, struct jw *w) {
    const char *tap = vendor_tap(p, a, m);
    jw_key(w, "android");
    jw_obj(w);
    jw_kint(w, "collapse_key", -1); /* keeps all for a phone that is off: groups would drop other notices */
    jw_key(w, "ttl");
    jw_str(w, arena_printf(a, "%llds", (long long)vendor_clamp(m->ttl_s, 1, HUAWEI_TTL_MAX_S)));
    opt_str(w, "category", provider_text(p, "category"));
    jw_kstr(w, "bi_tag", m->id); /* comes back in receipts */
    opt_str(w, "receipt_id", provider_text(p, "receipt_id"));
    jw_key(w, "notification");
    jw_obj(w);
    jw_kstr(w, "title", vendor_cut(a, m->title, TITLE_MAX, false));
    jw_kstr(w, "body", vendor_cut(a, m->text, TEXT_MAX, false));
    jw_key(w, "click_action");
    jw_obj(w);
    jw_kint(w, "type", *tap ? 1 : 3);
    opt_str(w, "intent", tap);
    jw_obj_end(w);
    jw_kstr(w, "tag", m->notice); /* a later one of the same notice replaces it on the screen */
    opt_str(w, "channel_id", provider_text(p, "channel_id"));
    jw_kstr(w, "importance", provider_text(p, "importance"));
    jw_obj_end(w);
    jw_obj_end(w);
}

static enum err huawei_call(struct provider *p, struct arena *a, const struct push_msg *m, const char *cred, int64_t wall_ms,
                            struct http_call *out, struct push_answer *why) {
    struct buf b;
    struct jw  w;
    (void)wall_ms;
    buf_init(&b, 4 * BODY_MAX);
    jw_init(&w, &b);
    jw_obj(&w);
    jw_kbool(&w, "validate_only", false);
    jw_key(&w, "message");
    jw_obj(&w);
    jw_kstr(&w, "data", vendor_payload(a, m));
    android(p, a, m, &w);
    jw_key(&w, "token");
    jw_arr(&w);
    jw_str(&w, m->target);
    jw_arr_end(&w);
    jw_obj_end(&w);
    jw_obj_end(&w);
    if (b.failed || b.len > BODY_MAX + strlen(m->target)) {
        buf_fini(&b);
        vendor_say(why, V_REJECTED, "more than %d bytes", BODY_MAX);
        return ERR_INPUT;
    }
    const char *path = arena_printf(a, "/v1/%s/messages:send", provider_text(p, "app_id"));
    vendor_post(out, a, vendor_url(p, a, HUAWEI_PUSH, path), VENDOR_JSON, &b);
    http_call_header(out, "Authorization", vendor_bearer(a, cred));
    return ERR_OK;
}

const struct provider_kind kind_huawei = {
    .name        = "huawei",
    .channel     = "push",
    .vendor      = "huawei",
    .doc         = "Huawei Push Kit v1 (OAuth): EMUI, HarmonyOS up to 4",
    .opts        = opts,
    .opts_n      = ARRAY_N(opts),
    .rate_per_s  = 6000,
    .state_size  = sizeof(struct huawei),
    .open        = huawei_open,
    .cred_call   = huawei_cred_call,
    .cred_answer = huawei_cred_answer,
    .call        = huawei_call,
    .answer      = huawei_answer,
};
