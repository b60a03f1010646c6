/* SPDX-License-Identifier: Apache-2.0
 *
 * Honor Push. Of its answers little is published: code 200, and lists of tokens that failed or expired; every other code is
 * unknown to us and treated by the HTTP status. Pure functions.
 */
#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "base/json.h"
#include "push/kinds.h"
#include "push/vendor_int.h"

#define HONOR_PUSH "https://push-api.cloud.honor.com"
#define HONOR_TOKEN "https://iam.developer.honor.com/auth/token"
#define TTL_MAX_S 1296000
#define TITLE_MAX 40
#define TEXT_MAX 256 /* it stands in the message twice */
#define BODY_MAX 16384
#define OK 200

struct honor {
    char secret[256];
};

static const struct provider_opt opts[] = {
    {"app_id", OPT_TEXT, NULL, "App ID of the developer console", 0, 0},
    {"client_id", OPT_TEXT, NULL, "client id of the same page", 0, 0},
    {"secret_file", OPT_FILE, NULL, "file with the client secret", 0, 0},
    {"token_url", OPT_URL, HONOR_TOKEN, "where access tokens are fetched", 0, 0},
    {"importance", OPT_TEXT, "NORMAL", "NORMAL: service and communication; LOW: marketing, two a day for each phone", 0, 0},
    {"tap", OPT_TEXT, "", "intent a tap opens, {object} stands for the object (task%3AID); empty: the app", 0, 0},
};

static const struct vendor_row rows[] = {{OK, 0, V_SENT, WAIT_NONE, "accepted"}};

static enum err honor_open(struct provider *p, char *why, size_t why_n) {
    struct honor *h = provider_state(p);
    enum err      e = vendor_secret(p, "secret_file", h->secret, sizeof h->secret, why, why_n);
    if (!e) e = vendor_id_check(p, "app_id", 40, why, why_n);
    if (!e) e = vendor_id_check(p, "client_id", 100, why, why_n);
    if (!e) e = vendor_choice_check(p, "importance", "NORMAL|LOW", why, why_n);
    if (!e) e = vendor_text_check(p, "tap", VENDOR_TAP_MAX / 2, why, why_n);
    return e;
}

static enum err honor_cred_call(struct provider *p, struct arena *a, int64_t wall_ms, struct http_call *out) {
    struct honor *h = provider_state(p);
    (void)wall_ms;
    vendor_oauth_call(p, a, provider_text(p, "client_id"), h->secret, out);
    return ERR_OK;
}

static void honor_cred_answer(struct provider *p, struct arena *a, const struct http_answer *r, const char **cred,
                              int64_t *life_ms, struct push_answer *out) {
    (void)p;
    vendor_oauth_answer(a, r, cred, life_ms, out);
}

static void said(struct arena *a, const struct push_msg *m, struct jw *w) {
    jw_kstr(w, "title", vendor_cut(a, m->title, TITLE_MAX, false));
    jw_kstr(w, "body", vendor_cut(a, m->text, TEXT_MAX, false));
}

static enum err honor_call(struct provider *p, struct arena *a, const struct push_msg *m, const char *cred, int64_t wall_ms,
                           struct http_call *out, struct push_answer *why) {
    const char *tap = vendor_tap(p, a, m);
    struct buf  b;
    struct jw   w;
    (void)why;
    buf_init(&b, BODY_MAX);
    jw_init(&w, &b);
    jw_obj(&w);
    jw_key(&w, "notification");
    jw_obj(&w);
    said(a, m, &w);
    jw_obj_end(&w);
    jw_key(&w, "android");
    jw_obj(&w);
    jw_key(&w, "ttl");
    jw_str(&w, arena_printf(a, "%llds", (long long)vendor_clamp(m->ttl_s, 1, TTL_MAX_S)));
    jw_key(&w, "notification");
    jw_obj(&w);
    said(a, m, &w);
    jw_key(&w, "clickAction");
    jw_obj(&w);
    jw_kint(&w, "type", *tap ? 1 : 3);
    if (*tap) jw_kstr(&w, "intent", tap);
    jw_obj_end(&w);
    jw_kstr(&w, "importance", provider_text(p, "importance"));
    jw_kstr(&w, "tag", m->notice); /* a later one of the same notice replaces it on the screen */
    jw_obj_end(&w);
    jw_obj_end(&w);
    jw_kstr(&w, "data", vendor_payload(a, m));
    jw_key(&w, "token");
    jw_arr(&w);
    jw_str(&w, m->target);
    jw_arr_end(&w);
    jw_obj_end(&w);
    if (b.failed) { /* a token of kilobytes */
        buf_fini(&b);
        vendor_say(why, V_REJECTED, "more than %d bytes", BODY_MAX);
        return ERR_INPUT;
    }
    const char *path = arena_printf(a, "/api/v1/%s/sendMessage", provider_text(p, "app_id"));
    vendor_post(out, a, vendor_url(p, a, HONOR_PUSH, path), VENDOR_JSON, &b);
    http_call_header(out, "Authorization", vendor_bearer(a, cred));
    http_call_header(out, "timestamp", arena_printf(a, "%lld", (long long)wall_ms));
    return ERR_OK;
}

/* Code 200: what became of our token. */
static void by_lists(const cJSON *data, const struct push_msg *m, struct push_answer *out) {
    if (vendor_holds(cJSON_GetObjectItemCaseSensitive(data, "expireTokens"), m->target))
        vendor_say(out, V_GONE, "200 expireTokens");
    else if (vendor_holds(cJSON_GetObjectItemCaseSensitive(data, "failTokens"), m->target))
        vendor_say(out, V_REJECTED, "200 failTokens");
    else if (cJSON_IsFalse(cJSON_GetObjectItemCaseSensitive(data, "sendResult")))
        vendor_say(out, V_REJECTED, "200 sendResult false");
    vendor_ref(out, data, "requestId");
}

static void honor_answer(struct provider *p, struct arena *a, const struct push_msg *m, const struct http_answer *r,
                         int64_t wall_ms, struct push_answer *out) {
    (void)p, (void)a;
    int64_t code;
    if (http_verdict(r, wall_ms, out)) return;
    cJSON *o = vendor_body(r);
    if (!vendor_number(o, "code", &code))
        vendor_no_code(r, out);
    else
        vendor_by_code(rows, ARRAY_N(rows), code, r->status, wall_ms, out);
    if (out->verdict == V_SENT) by_lists(cJSON_GetObjectItemCaseSensitive(o, "data"), m, out);
    cJSON_Delete(o);
}

const struct provider_kind kind_honor = {
    .name        = "honor",
    .channel     = "push",
    .vendor      = "honor",
    .doc         = "Honor Push",
    .opts        = opts,
    .opts_n      = ARRAY_N(opts),
    .rate_per_s  = 3000,
    .state_size  = sizeof(struct honor),
    .open        = honor_open,
    .cred_call   = honor_cred_call,
    .cred_answer = honor_cred_answer,
    .call        = honor_call,
    .answer      = honor_answer,
};
