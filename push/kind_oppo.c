/* SPDX-License-Identifier: Apache-2.0
 *
 * OPPO Push, also OnePlus and realme. The auth token is fetched with a signature over the time, lives a day, and goes in the form
 * of each request. Pure functions.
 */
#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/json.h"
#include "push/kinds.h"
#include "push/vendor_int.h"

#define OPPO_PUSH "https://api.push.oppomobile.com"
#define LIFE_MS (24LL * 3600 * 1000)
#define TITLE_MAX 50
#define TEXT_MAX 50  /* of the standard style */
#define LONG_MAX 128 /* of the style with a long text */
#define TTL_MIN_S 3600
#define TTL_MAX_S 864000
#define MESSAGE_MAX 8192
#define BODY_MAX 65536

enum { STYLE_STANDARD = 1, STYLE_LONG = 2, BY_REGISTRATION_ID = 2, TAP_APP = 0, TAP_INTENT = 5 };

struct oppo {
    char master[256];
};

static const struct provider_opt opts[] = {
    {"app_key", OPT_TEXT, NULL, "AppKey of the push platform", 0, 0},
    {"secret_file", OPT_FILE, NULL, "file with the MasterSecret (not the AppSecret)", 0, 0},
    {"channel_id", OPT_TEXT, "",
     "notification channel of the app that was registered (私信 has no daily cap); empty: the public one", 0, 0},
    {"category", OPT_TEXT, "", "message class that was granted; empty: none", 0, 0},
    {"notify_level", OPT_NUMBER, "0",
     "1 in the list, 2 also on the lock screen, 16 also banner and sound; needs category; 0: as granted", 0, 16},
    {"receipts_url", OPT_URL, "", "address that receipts are posted to (call_back_url); empty: none", 0, 0},
    {"tap", OPT_TEXT, "", "intent URL a tap opens, {object} stands for the object (task%3AID); empty: the app", 0, 0},
};

static const struct vendor_row rows[] = {
    {0, 0, V_SENT, WAIT_NONE, "accepted"},
    {-1, 0, V_RETRY, WAIT_NONE, "unavailable"},
    {-2, 0, V_THROTTLED, WAIT_NONE, "flow control"},
    {11, 0, V_AUTH, WAIT_NONE, "auth token is bad"},
    {29, 0, V_AUTH, WAIT_NONE, "auth token is missing"},
    {13, 0, V_THROTTLED, WAIT_NONE, "too many calls"},
    {55, 0, V_THROTTLED, WAIT_NONE, "called too frequently"},
    {14, 18, V_CONFIG, WAIT_NONE, "app key, signature or timestamp is wrong"},
    {19, 0, V_CONFIG, WAIT_NONE, "timestamp refused: check our clock"},
    {26, 0, V_CONFIG, WAIT_NONE, "our address is on a black list"},
    {27, 28, V_CONFIG, WAIT_NONE, "no right, or app disabled"},
    {30, 0, V_CONFIG, WAIT_NONE, "no right"},
    {59, 0, V_CONFIG, WAIT_NONE, "no right"},
    {33, 0, V_QUOTA, WAIT_MIDNIGHT, "volume of the day used up"},
    {40, 41, V_REJECTED, WAIT_NONE, "arguments missing or wrong"},
    {67, 0, V_REJECTED, WAIT_NONE, "category refused"},
    {10000, 0, V_GONE, WAIT_NONE, "registration id is invalid"},
};

static enum err oppo_open(struct provider *p, char *why, size_t why_n) {
    struct oppo *o = provider_state(p);
    enum err     e = vendor_secret(p, "secret_file", o->master, sizeof o->master, why, why_n);
    if (!e) e = vendor_id_check(p, "app_key", 100, why, why_n);
    if (!e) e = vendor_text_check(p, "channel_id", 100, why, why_n);
    if (!e) e = vendor_id_check(p, "category", 40, why, why_n);
    if (!e) e = vendor_text_check(p, "receipts_url", 200, why, why_n);
    if (!e) e = vendor_text_check(p, "tap", VENDOR_TAP_MAX / 2, why, why_n);
    if (!e && provider_number(p, "notify_level") && *provider_text(p, "category") == '\0') {
        (void)snprintf(why, why_n, "option notify_level: needs the option category");
        e = ERR_INPUT;
    }
    return e;
}

static enum err oppo_cred_call(struct provider *p, struct arena *a, int64_t wall_ms, struct http_call *out) {
    struct oppo *o   = provider_state(p);
    const char  *key = provider_text(p, "app_key"), *at = arena_printf(a, "%lld", (long long)wall_ms);
    const char  *sign = vendor_digest(a, "SHA256", arena_printf(a, "%s%s%s", key, at, o->master));
    struct buf   b;
    buf_init(&b, 4096);
    vendor_form(&b, "app_key", key);
    vendor_form(&b, "timestamp", at);
    vendor_form(&b, "sign", sign);
    vendor_post(out, a, vendor_url(p, a, OPPO_PUSH, "/server/v1/auth"), VENDOR_FORM, &b);
    return ERR_OK;
}

static void oppo_cred_answer(struct provider *p, struct arena *a, const struct http_answer *r, const char **cred,
                             int64_t *life_ms, struct push_answer *out) {
    (void)p;
    int64_t code, wall_ms = clock_wall_ms();
    cJSON  *o = NULL;
    if (!http_verdict(r, wall_ms, out)) {
        o                 = vendor_body(r);
        const char *token = vendor_string(cJSON_GetObjectItemCaseSensitive(o, "data"), "auth_token");
        if (!vendor_number(o, "code", &code))
            vendor_no_code(r, out);
        else
            vendor_by_code(rows, ARRAY_N(rows), code, r->status, wall_ms, out);
        if (out->verdict == V_SENT && !vendor_cred_ok(token))
            vendor_say(out, V_RETRY, "0 without a token");
        else if (out->verdict == V_SENT) {
            *cred    = arena_strdup(a, token);
            *life_ms = LIFE_MS;
        }
    }
    vendor_cred_verdict(out);
    cJSON_Delete(o);
}

/* Ids of phones sold in the mainland: without `_`, or CN_..., or OPPO_CN_...; others live in another data centre. */
static bool is_mainland(const char *id) {
    return strchr(id, '_') == NULL || strncmp(id, "CN_", 3) == 0 || strncmp(id, "OPPO_CN_", 8) == 0;
}

static void notification(struct provider *p, struct arena *a, const struct push_msg *m, struct jw *w) {
    const char *tap = vendor_tap(p, a, m), *channel = provider_text(p, "channel_id"), *category = provider_text(p, "category");
    const char *hook = provider_text(p, "receipts_url"), *text = vendor_cut(a, m->text, TEXT_MAX, false);
    bool        is_long = strcmp(text, vendor_cut(a, m->text, LONG_MAX, false)) != 0;
    jw_obj(w);
    jw_kstr(w, "app_message_id", m->id); /* the same one is sent to a phone once */
    jw_kint(w, "style", is_long ? STYLE_LONG : STYLE_STANDARD);
    jw_kstr(w, "title", vendor_cut(a, m->title, TITLE_MAX, false));
    jw_kstr(w, "content", is_long ? vendor_cut(a, m->text, LONG_MAX, false) : text);
    jw_kint(w, "notify_id", vendor_notify_id(m)); /* a later one of the same notice replaces it on the screen */
    jw_kint(w, "click_action_type", *tap ? TAP_INTENT : TAP_APP);
    if (*tap)
        jw_kstr(w, "click_action_url", tap);
    else
        jw_kstr(w, "action_parameters", vendor_payload(a, m));
    jw_kbool(w, "off_line", m->ttl_s > 0);
    if (m->ttl_s > 0) jw_kint(w, "off_line_ttl", vendor_clamp(m->ttl_s, TTL_MIN_S, TTL_MAX_S));
    if (*channel) jw_kstr(w, "channel_id", channel);
    if (*category) jw_kstr(w, "category", category);
    if (provider_number(p, "notify_level")) jw_kint(w, "notify_level", provider_number(p, "notify_level"));
    if (*hook) {
        jw_kstr(w, "call_back_url", hook);
        jw_kstr(w, "call_back_parameter", m->id);
    }
    jw_obj_end(w);
}

static enum err oppo_call(struct provider *p, struct arena *a, const struct push_msg *m, const char *cred, int64_t wall_ms,
                          struct http_call *out, struct push_answer *why) {
    struct buf msg, b;
    struct jw  w;
    (void)wall_ms;
    if (!is_mainland(m->target)) {
        vendor_say(why, V_REJECTED, "registration id of another region");
        return ERR_INPUT;
    }
    buf_init(&msg, MESSAGE_MAX);
    jw_init(&w, &msg);
    jw_obj(&w);
    jw_kint(&w, "target_type", BY_REGISTRATION_ID);
    jw_kstr(&w, "target_value", m->target);
    jw_key(&w, "notification");
    notification(p, a, m, &w);
    jw_obj_end(&w);
    buf_init(&b, BODY_MAX);
    vendor_form(&b, "message", buf_str(&msg));
    vendor_form(&b, "auth_token", cred);
    bool failed = msg.failed || b.failed;
    buf_fini(&msg);
    if (failed) { /* a token of kilobytes */
        buf_fini(&b);
        vendor_say(why, V_REJECTED, "more than %d bytes", MESSAGE_MAX);
        return ERR_INPUT;
    }
    vendor_post(out, a, vendor_url(p, a, OPPO_PUSH, "/server/v1/message/notification/unicast"), VENDOR_FORM, &b);
    return ERR_OK;
}

static void oppo_answer(struct provider *p, struct arena *a, const struct push_msg *m, const struct http_answer *r,
                        int64_t wall_ms, struct push_answer *out) {
    (void)p, (void)a, (void)m;
    int64_t code;
    if (http_verdict(r, wall_ms, out)) return;
    cJSON *o = vendor_body(r);
    if (!vendor_number(o, "code", &code))
        vendor_no_code(r, out);
    else
        vendor_by_code(rows, ARRAY_N(rows), code, r->status, wall_ms, out);
    if (out->verdict == V_SENT) vendor_ref(out, cJSON_GetObjectItemCaseSensitive(o, "data"), "messageId");
    cJSON_Delete(o);
}

const struct provider_kind kind_oppo = {
    .name        = "oppo",
    .channel     = "push",
    .vendor      = "oppo",
    .doc         = "OPPO Push, also OnePlus and realme",
    .opts        = opts,
    .opts_n      = ARRAY_N(opts),
    .rate_per_s  = 5000,
    .state_size  = sizeof(struct oppo),
    .open        = oppo_open,
    .cred_call   = oppo_cred_call,
    .cred_answer = oppo_cred_answer,
    .call        = oppo_call,
    .answer      = oppo_answer,
};
