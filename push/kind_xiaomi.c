/* SPDX-License-Identifier: Apache-2.0
 *
 * Xiaomi Push (Mi Push), also Redmi. No credential is fetched: the app secret itself goes with each request. Pure functions.
 */
#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "push/kinds.h"
#include "push/vendor_int.h"

#define XIAOMI_PUSH "https://api.xmpush.xiaomi.com"
#define TITLE_MAX 49 /* "shorter than 50" */
#define TEXT_MAX 127 /* "shorter than 128" */
#define TTL_MAX_S 1209600
#define JOBKEY_MAX 12
#define BODY_MAX 65536

struct xiaomi {
    char secret[256];
};

static const struct provider_opt opts[] = {
    {"package", OPT_TEXT, NULL, "package name of the app", 0, 0},
    {"secret_file", OPT_FILE, NULL, "file with the AppSecret", 0, 0},
    {"channel_id", OPT_TEXT, NULL, "channel of the message class that was granted (私信 has no daily cap)", 0, 0},
    {"receipts_url", OPT_URL, "", "address that receipts are posted to (extra.callback); empty: none", 0, 0},
    {"tap", OPT_TEXT, "", "intent URI a tap opens, {object} stands for the object (task%3AID); empty: the app", 0, 0},
};

static const struct vendor_row rows[] = {
    {0, 0, V_SENT, WAIT_NONE, "accepted"},
    {-1, 0, V_RETRY, WAIT_NONE, "unknown error of theirs"},
    {1, 0, V_RETRY, WAIT_NONE, "error of theirs"},
    {10001, 10003, V_RETRY, WAIT_NONE, "system error or busy"},
    {20607, 0, V_RETRY, WAIT_NONE, "system error"},
    {65029, 0, V_RETRY, WAIT_NONE, "system error"},
    {10008, 0, V_REJECTED, WAIT_NONE, "bad parameter"},
    {10016, 10017, V_REJECTED, WAIT_NONE, "parameter missing or bad"},
    {65000, 65099, V_REJECTED, WAIT_NONE, "too long"},
    {10027, 0, V_THROTTLED, WAIT_NONE, "called too frequently"},
    {26004, 0, V_THROTTLED, WAIT_NONE, "broadcasts too frequent"},
    {10034, 0, V_QUOTA, WAIT_MIDNIGHT, "volume of the day used up"},
    {10031, 0, V_CONFIG, WAIT_NONE, "app is on a black list"},
    {10036, 0, V_CONFIG, WAIT_NONE, "app may not send"},
    {21303, 0, V_CONFIG, WAIT_NONE, "app may not send"},
    {21301, 21302, V_AUTH, WAIT_NONE, "secret refused"},
    {22000, 0, V_CONFIG, WAIT_NONE, "no such app"},
    {22006, 22007, V_CONFIG, WAIT_NONE, "app id or key is wrong"},
    {22022, 0, V_CONFIG, WAIT_NONE, "package name is wrong"},
    {20301, 0, V_GONE, WAIT_NONE, "no valid target"},
    {27001, 0, V_CONFIG, WAIT_NONE, "channel does not match the class"},
    {26006, 0, V_CONFIG, WAIT_NONE, "needs review"},
};

static enum err xiaomi_open(struct provider *p, char *why, size_t why_n) {
    struct xiaomi *x = provider_state(p);
    enum err       e = vendor_secret(p, "secret_file", x->secret, sizeof x->secret, why, why_n);
    if (!e) e = vendor_id_check(p, "package", 150, why, why_n);
    if (!e) e = vendor_text_check(p, "channel_id", 100, why, why_n);
    if (!e) e = vendor_text_check(p, "receipts_url", 500, why, why_n);
    if (!e) e = vendor_text_check(p, "tap", VENDOR_TAP_MAX / 2, why, why_n);
    return e;
}

static void after_tap(const struct provider *p, struct arena *a, const struct push_msg *m, struct buf *b) {
    const char *tap = vendor_tap(p, a, m);
    vendor_form(b, "extra.notify_effect", *tap ? "2" : "1");
    if (*tap) vendor_form(b, "extra.intent_uri", tap);
}

static enum err xiaomi_call(struct provider *p, struct arena *a, const struct push_msg *m, const char *cred, int64_t wall_ms,
                            struct http_call *out, struct push_answer *why) {
    struct xiaomi *x     = provider_state(p);
    const char    *hook  = provider_text(p, "receipts_url");
    int64_t        ttl_s = vendor_clamp(m->ttl_s, 1, TTL_MAX_S);
    struct buf     b;
    (void)cred, (void)wall_ms;
    if (strchr(m->target, ',')) { /* a list of phones, of which ours can be one only */
        vendor_say(why, V_REJECTED, "not one registration id");
        return ERR_INPUT;
    }
    buf_init(&b, BODY_MAX);
    vendor_form(&b, "registration_id", m->target);
    vendor_form(&b, "restricted_package_name", *m->app ? m->app : provider_text(p, "package"));
    vendor_form(&b, "title", vendor_cut(a, m->title, TITLE_MAX, false));
    vendor_form(&b, "description", vendor_cut(a, m->text, TEXT_MAX, false));
    vendor_form(&b, "payload", vendor_payload(a, m));
    vendor_form(&b, "pass_through", "0");
    vendor_form(&b, "notify_type", "-1"); /* sound, vibration and light as the user has set them */
    vendor_form(&b, "time_to_live", arena_printf(a, "%lld", (long long)ttl_s * 1000));
    vendor_form(&b, "notify_id", arena_printf(a, "%lld", (long long)vendor_notify_id(m)));
    vendor_form(&b, "extra.channel_id", provider_text(p, "channel_id"));
    /* The phone shows one message of a jobkey; it takes twelve characters, so a digest of the id stands for it. */
    vendor_form(&b, "extra.jobkey", arena_strndup(a, vendor_digest(a, "SHA256", m->id), JOBKEY_MAX));
    if (m->ttl_s == 0) vendor_form(&b, "extra.only_send_once", "1");
    after_tap(p, a, m, &b);
    if (*hook) {
        vendor_form(&b, "extra.callback", hook);
        vendor_form(&b, "extra.callback.param", m->id);
    }
    if (b.failed) { /* a token of kilobytes */
        buf_fini(&b);
        vendor_say(why, V_REJECTED, "more than %d bytes", BODY_MAX);
        return ERR_INPUT;
    }
    vendor_post(out, a, vendor_url(p, a, XIAOMI_PUSH, "/v3/message/regid"), VENDOR_FORM, &b);
    http_call_header(out, "Authorization", arena_printf(a, "key=%s", x->secret));
    return ERR_OK;
}

static void xiaomi_answer(struct provider *p, struct arena *a, const struct push_msg *m, const struct http_answer *r,
                          int64_t wall_ms, struct push_answer *out) {
    (void)p, (void)a, (void)m;
    int64_t code;
    if (http_verdict(r, wall_ms, out)) return;
    cJSON *o = vendor_body(r);
    if (!vendor_number(o, "code", &code))
        vendor_no_code(r, out);
    else
        vendor_by_code(rows, ARRAY_N(rows), code, r->status, wall_ms, out);
    if (out->verdict == V_SENT) {
        if (strcmp(vendor_string(o, "result"), "error") == 0) vendor_say(out, V_UNKNOWN, "0 under result error");
        vendor_ref(out, cJSON_GetObjectItemCaseSensitive(o, "data"), "id");
    }
    cJSON_Delete(o);
}

const struct provider_kind kind_xiaomi = {
    .name       = "xiaomi",
    .channel    = "push",
    .vendor     = "xiaomi",
    .doc        = "Xiaomi Push, also Redmi",
    .opts       = opts,
    .opts_n     = ARRAY_N(opts),
    .rate_per_s = 500,
    .state_size = sizeof(struct xiaomi),
    .open       = xiaomi_open,
    .call       = xiaomi_call,
    .answer     = xiaomi_answer,
};
