/* SPDX-License-Identifier: Apache-2.0
 *
 * Huawei Push Kit v3: HarmonyOS 5 and later. The credential is a JWT signed here (PS256) with the key of a service account;
 * access tokens of OAuth are not accepted. Pure functions.
 */
#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "base/json.h"
#include "base/mem.h"
#include "push/huawei_int.h"
#include "push/jwt.h"
#include "push/kinds.h"
#include "push/vendor_int.h"

#define BODY_MAX 4096 /* without the token */
#define TITLE_MAX 40
#define TEXT_MAX 500
#define LIFE_S 3600
#define ID_MAX 128

struct huawei3 {
    char            project[ID_MAX + 1], key_id[ID_MAX + 1], account[ID_MAX + 1];
    struct jwt_key *key;
};

static const struct provider_opt opts[] = {
    {"key_file", OPT_FILE, NULL, "JSON file of the service account's key (project_id, key_id, private_key, sub_account)", 0, 0},
    {"category", OPT_TEXT, "WORK",
     "message class that was granted (自分类权益); without the right every message is capped as marketing", 0, 0},
    {"action", OPT_TEXT, "", "action of the page a tap opens; it is given the object; empty: the app", 0, 0},
    {"test", OPT_BOOL, "false", "test messages: no class needed, 1000 a day", 0, 0},
};

static enum err member(const cJSON *o, const char *name, char *out, char *why, size_t why_n) {
    const char *v = vendor_string(o, name);
    size_t      n = strlen(v);
    if (n > 0 && n <= ID_MAX && strspn(v, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-") == n) {
        memcpy(out, v, n + 1);
        return ERR_OK;
    }
    (void)snprintf(why, why_n, "option key_file: the JSON has no usable %s", name);
    return ERR_INPUT;
}

static enum err read_key(struct huawei3 *h, const cJSON *o, char *why, size_t why_n) {
    char     inner[160] = "";
    enum err e          = member(o, "project_id", h->project, why, why_n);
    if (!e) e = member(o, "key_id", h->key_id, why, why_n);
    if (!e) e = member(o, "sub_account", h->account, why, why_n);
    if (e) return e;
    e = jwt_key_new(vendor_string(o, "private_key"), JWT_PS256, &h->key, inner, sizeof inner);
    if (e) (void)snprintf(why, why_n, "option key_file: private_key: %s", inner);
    return e;
}

static void wipe_strings(cJSON *o) {
    cJSON *x;
    cJSON_ArrayForEach(x, o) {
        if (cJSON_IsString(x)) x_wipe(x->valuestring, strlen(x->valuestring));
    }
}

static enum err huawei3_open(struct provider *p, char *why, size_t why_n) {
    size_t      n;
    const char *ignored;
    cJSON      *o    = NULL;
    char       *text = provider_file(p, "key_file", &n, why, why_n);
    if (text == NULL) return ERR_INPUT;
    enum err e = json_parse(text, n, &o, &ignored);
    if (e)
        (void)snprintf(why, why_n, "option key_file: not JSON");
    else
        e = read_key(provider_state(p), o, why, why_n);
    wipe_strings(o);
    cJSON_Delete(o);
    x_wipe(text, n);
    x_free(text);
    if (!e) e = vendor_id_check(p, "category", 32, why, why_n);
    if (!e) e = vendor_text_check(p, "action", 200, why, why_n);
    if (e) jwt_key_free(((struct huawei3 *)provider_state(p))->key);
    return e;
}

static void huawei3_close(struct provider *p) {
    struct huawei3 *h = provider_state(p);
    jwt_key_free(h->key);
    h->key = NULL;
}

static enum err huawei3_cred_make(struct provider *p, struct arena *a, int64_t wall_ms, const char **cred, int64_t *life_ms) {
    struct huawei3 *h = provider_state(p);
    struct buf      b;
    struct jw       w;
    buf_init(&b, 4096);
    jw_init(&w, &b);
    jw_obj(&w);
    jw_kstr(&w, "aud", HUAWEI_TOKEN);
    jw_kstr(&w, "iss", h->account);
    jw_kint(&w, "iat", wall_ms / 1000);
    jw_kint(&w, "exp", wall_ms / 1000 + LIFE_S);
    jw_obj_end(&w);
    *cred    = jwt_sign(h->key, a, h->key_id, buf_str(&b));
    *life_ms = LIFE_S * 1000;
    buf_fini(&b);
    return *cred ? ERR_OK : ERR_INTERNAL;
}

static void notification(struct provider *p, struct arena *a, const struct push_msg *m, struct jw *w) {
    const char *action = provider_text(p, "action"), *category = provider_text(p, "category"), *data = vendor_payload(a, m);
    jw_key(w, "notification");
    jw_obj(w);
    if (*category) jw_kstr(w, "category", category);
    jw_kstr(w, "title", vendor_cut(a, m->title, TITLE_MAX, false));
    jw_kstr(w, "body", vendor_cut(a, m->text, TEXT_MAX, false));
    jw_key(w, "clickAction");
    jw_obj(w);
    jw_kint(w, "actionType", *action ? 1 : 0);
    if (*action) jw_kstr(w, "action", action);
    jw_kraw(w, "data", data);
    jw_obj_end(w);
    jw_kint(w, "style", 0);
    jw_kint(w, "notifyId", vendor_notify_id(m)); /* a later one of the same notice replaces it on the screen */
    jw_kbool(w, "foregroundShow", true);
    jw_obj_end(w);
}

static enum err huawei3_call(struct provider *p, struct arena *a, const struct push_msg *m, const char *cred, int64_t wall_ms,
                             struct http_call *out, struct push_answer *why) {
    struct huawei3 *h = provider_state(p);
    struct buf      b;
    struct jw       w;
    (void)wall_ms;
    buf_init(&b, 4 * BODY_MAX);
    jw_init(&w, &b);
    jw_obj(&w);
    jw_key(&w, "payload");
    jw_obj(&w);
    notification(p, a, m, &w);
    jw_obj_end(&w);
    jw_key(&w, "target");
    jw_obj(&w);
    jw_key(&w, "token");
    jw_arr(&w);
    jw_str(&w, m->target);
    jw_arr_end(&w);
    jw_obj_end(&w);
    jw_key(&w, "pushOptions");
    jw_obj(&w);
    jw_kint(&w, "ttl", vendor_clamp(m->ttl_s, 1, HUAWEI_TTL_MAX_S));
    jw_kstr(&w, "biTag", m->id); /* comes back in receipts */
    jw_kbool(&w, "testMessage", provider_flag(p, "test"));
    jw_obj_end(&w);
    jw_obj_end(&w);
    if (b.failed || b.len > BODY_MAX + strlen(m->target)) {
        buf_fini(&b);
        vendor_say(why, V_REJECTED, "more than %d bytes", BODY_MAX);
        return ERR_INPUT;
    }
    const char *path = arena_printf(a, "/v3/%s/messages:send", h->project);
    vendor_post(out, a, vendor_url(p, a, HUAWEI_PUSH, path), VENDOR_JSON, &b);
    http_call_header(out, "Authorization", vendor_bearer(a, cred));
    http_call_header(out, "push-type", "0"); /* a notification */
    return ERR_OK;
}

const struct provider_kind kind_huawei3 = {
    .name       = "huawei3",
    .channel    = "push",
    .vendor     = "huawei3",
    .doc        = "Huawei Push Kit v3 (JWT): HarmonyOS 5 and later",
    .opts       = opts,
    .opts_n     = ARRAY_N(opts),
    .rate_per_s = 6000,
    .state_size = sizeof(struct huawei3),
    .open       = huawei3_open,
    .close      = huawei3_close,
    .cred_make  = huawei3_cred_make,
    .call       = huawei3_call,
    .answer     = huawei_answer,
};
