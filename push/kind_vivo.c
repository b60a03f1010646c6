/* SPDX-License-Identifier: Apache-2.0
 *
 * vivo Push, also iQOO. The auth token is fetched with a signature over the time and lives a day; it is renewed every two hours,
 * as vivo asks. Messages of the class "operation" are carried from 07:00 to 23:00 only. Pure functions.
 */
#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/json.h"
#include "push/kinds.h"
#include "push/vendor_int.h"

#define VIVO_PUSH "https://api-push.vivo.com.cn"
#define LIFE_MS (2LL * 3600 * 1000)
#define TITLE_MAX 40 /* a Chinese character counts two */
#define TEXT_MAX 100
#define TTL_MIN_S 900
#define TTL_MAX_S 604800
#define BODY_MAX 16384

enum { SYSTEM = 1, TAP_APP = 1, TAP_PAGE = 4, REGID_ILLEGAL = 10302, NOT_A_TESTER = 4 };

struct vivo {
    char secret[256];
};

static const struct provider_opt opts[] = {
    {"app_id", OPT_TEXT, NULL, "appId of the push platform", 0, 0},
    {"app_key", OPT_TEXT, NULL, "appKey of the same page", 0, 0},
    {"secret_file", OPT_FILE, NULL, "file with the appSecret", 0, 0},
    {"classification", OPT_NUMBER, "1",
     "1: system (must be granted, any hour); 0: operation (07:00 to 23:00, two a day for each phone)", 0, 1},
    {"category", OPT_TEXT, "TODO", "message class within it; empty: none", 0, 0},
    {"receipts_url", OPT_URL, "", "address that receipts are posted to (extra.callback); empty: none", 0, 0},
    {"test", OPT_BOOL, "false", "test messages, to phones that are listed in the console only", 0, 0},
    {"tap", OPT_TEXT, "", "intent URI a tap opens, {object} stands for the object (task%3AID); empty: the app", 0, 0},
};

static const struct vendor_row rows[] = {
    {0, 0, V_SENT, WAIT_NONE, "accepted"},
    {10000, 0, V_AUTH, WAIT_NONE, "authentication failed"},
    {REGID_ILLEGAL, 0, V_GONE, WAIT_NONE, "regId is illegal"},
    {10070, 0, V_QUOTA, WAIT_MIDNIGHT, "volume of the day used up"},
    {10071, 0, V_QUOTA, WAIT_MORNING, "outside the hours of its class"},
    {10073, 0, V_QUOTA, WAIT_MIDNIGHT, "volume of the day used up"},
    {10252, 0, V_QUOTA, WAIT_MIDNIGHT, "too many batch bodies today"},
    {10254, 0, V_QUOTA, WAIT_MIDNIGHT, "too many broadcasts today"},
    {10094, 0, V_CONFIG, WAIT_NONE, "appId is not that of the token"},
    {10085, 0, V_REJECTED, WAIT_NONE, "title or content refused"},
    {10104, 0, V_REJECTED, WAIT_NONE, "title or content refused"},
};

static enum err vivo_open(struct provider *p, char *why, size_t why_n) {
    struct vivo *v = provider_state(p);
    enum err     e = vendor_secret(p, "secret_file", v->secret, sizeof v->secret, why, why_n);
    if (!e) e = vendor_id_check(p, "app_id", 40, why, why_n);
    if (!e) e = vendor_id_check(p, "app_key", 100, why, why_n);
    if (!e) e = vendor_id_check(p, "category", 40, why, why_n);
    if (!e) e = vendor_text_check(p, "receipts_url", 128, why, why_n);
    if (!e) e = vendor_text_check(p, "tap", VENDOR_TAP_MAX / 2, why, why_n);
    return e;
}

static enum err vivo_cred_call(struct provider *p, struct arena *a, int64_t wall_ms, struct http_call *out) {
    struct vivo *v  = provider_state(p);
    const char  *id = provider_text(p, "app_id"), *key = provider_text(p, "app_key");
    struct buf   b;
    struct jw    w;
    buf_init(&b, 4096);
    jw_init(&w, &b);
    jw_obj(&w);
    jw_kstr(&w, "appId", id);
    jw_kstr(&w, "appKey", key);
    jw_kint(&w, "timestamp", wall_ms);
    jw_kstr(&w, "sign", vendor_digest(a, "MD5", arena_printf(a, "%s%s%lld%s", id, key, (long long)wall_ms, v->secret)));
    jw_obj_end(&w);
    vendor_post(out, a, vendor_url(p, a, VIVO_PUSH, "/message/auth"), VENDOR_JSON, &b);
    return ERR_OK;
}

static void vivo_cred_answer(struct provider *p, struct arena *a, const struct http_answer *r, const char **cred,
                             int64_t *life_ms, struct push_answer *out) {
    (void)p;
    int64_t code, wall_ms = clock_wall_ms();
    cJSON  *o = NULL;
    if (!http_verdict(r, wall_ms, out)) {
        o                 = vendor_body(r);
        const char *token = vendor_string(o, "authToken");
        if (!vendor_number(o, "result", &code))
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

static void extras(struct provider *p, struct arena *a, const struct push_msg *m, struct jw *w) {
    const char *tap = vendor_tap(p, a, m), *category = provider_text(p, "category"), *hook = provider_text(p, "receipts_url");
    jw_kint(w, "skipType", *tap ? TAP_PAGE : TAP_APP);
    if (*tap) jw_kstr(w, "skipContent", tap);
    jw_kraw(w, "clientCustomMap", vendor_payload(a, m));
    if (*category) jw_kstr(w, "category", category);
    if (*hook == '\0') return;
    jw_key(w, "extra");
    jw_obj(w);
    jw_kstr(w, "callback", hook);
    jw_kstr(w, "callback.param", m->id);
    jw_obj_end(w);
}

static enum err vivo_call(struct provider *p, struct arena *a, const struct push_msg *m, const char *cred, int64_t wall_ms,
                          struct http_call *out, struct push_answer *why) {
    static const int loudness[] = {4, 4, 2, 1}; /* by priority: sound and vibration, sound, nothing */
    bool             is_system  = provider_number(p, "classification") == SYSTEM;
    struct buf       b;
    struct jw        w;
    if (!is_system && !vendor_is_open(wall_ms)) {
        vendor_say(why, V_QUOTA, "class operation: only from 07:00 to 23:00");
        why->wait_ms = vendor_wait_ms(WAIT_MORNING, wall_ms);
        return ERR_INPUT;
    }
    buf_init(&b, BODY_MAX);
    jw_init(&w, &b);
    jw_obj(&w);
    jw_kstr(&w, "appId", provider_text(p, "app_id"));
    jw_kstr(&w, "regId", m->target);
    jw_kint(&w, "notifyType", loudness[m->priority & 3]);
    jw_kstr(&w, "title", vendor_cut(a, m->title, TITLE_MAX, true));
    jw_kstr(&w, "content", vendor_cut(a, m->text, TEXT_MAX, true));
    if (m->ttl_s > 0)
        jw_kint(&w, "timeToLive", vendor_clamp(m->ttl_s, TTL_MIN_S, TTL_MAX_S));
    else
        jw_kbool(&w, "sendOnline", true);
    jw_kint(&w, "classification", is_system ? 1 : 0);
    jw_kstr(&w, "requestId", m->id);              /* the same at every attempt */
    jw_kint(&w, "notifyId", vendor_notify_id(m)); /* a later one of the same notice replaces it on the screen */
    jw_kint(&w, "pushMode", provider_flag(p, "test") ? 1 : 0);
    jw_kbool(&w, "foregroundShow", true);
    extras(p, a, m, &w);
    jw_obj_end(&w);
    if (b.failed) { /* a token of kilobytes */
        buf_fini(&b);
        vendor_say(why, V_REJECTED, "more than %d bytes", BODY_MAX);
        return ERR_INPUT;
    }
    vendor_post(out, a, vendor_url(p, a, VIVO_PUSH, "/message/send"), VENDOR_JSON, &b);
    http_call_header(out, "authToken", cred);
    return ERR_OK;
}

/* invalidUser: why our phone cannot be reached, under result 0 too; nothing changes when it names another one. */
static void invalid_user(const cJSON *user, const struct push_msg *m, int64_t code, struct push_answer *out) {
    int64_t status;
    if (cJSON_IsArray(user)) user = cJSON_GetArrayItem(user, 0);
    const char *id = vendor_string(user, "userid");
    if ((*id && strcmp(id, m->target) != 0) || !vendor_number(user, "status", &status)) return;
    if (status == 1 || status == 2)
        vendor_say(out, V_GONE, "%lld invalidUser %s", (long long)code, status == 1 ? "unknown" : "uninstalled or unsubscribed");
    else if (status == NOT_A_TESTER)
        vendor_say(out, V_CONFIG, "%lld invalidUser: not a test user", (long long)code);
    else if (code == 0)
        vendor_say(out, V_REJECTED, "0 invalidUser, unknown status %lld", (long long)status);
}

static void vivo_answer(struct provider *p, struct arena *a, const struct push_msg *m, const struct http_answer *r,
                        int64_t wall_ms, struct push_answer *out) {
    (void)p, (void)a;
    int64_t code = -1;
    if (http_verdict(r, wall_ms, out)) return;
    cJSON *o = vendor_body(r);
    if (!vendor_number(o, "result", &code))
        vendor_no_code(r, out);
    else
        vendor_by_code(rows, ARRAY_N(rows), code, r->status, wall_ms, out);
    if (out->verdict == V_SENT || code == REGID_ILLEGAL)
        invalid_user(cJSON_GetObjectItemCaseSensitive(o, "invalidUser"), m, code, out);
    if (out->verdict == V_SENT) vendor_ref(out, o, "taskId");
    cJSON_Delete(o);
}

const struct provider_kind kind_vivo = {
    .name        = "vivo",
    .channel     = "push",
    .vendor      = "vivo",
    .doc         = "vivo Push, also iQOO",
    .opts        = opts,
    .opts_n      = ARRAY_N(opts),
    .rate_per_s  = 3000,
    .state_size  = sizeof(struct vivo),
    .open        = vivo_open,
    .cred_call   = vivo_cred_call,
    .cred_answer = vivo_cred_answer,
    .call        = vivo_call,
    .answer      = vivo_answer,
};
