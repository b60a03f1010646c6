/* SPDX-License-Identifier: Apache-2.0
 *
 * Voice calls at Tencent Cloud: SendTtsVoice of VMS 2020-09-02, signed with TC3. The provider never redials; what it reads out is
 * a template it has approved. Callbacks: voiceprompt_callback (answered or not), voicekey_callback (a key),
 * voice_failure_callback (why not). Only a pressed key proves that a person heard it. Pure functions.
 */
#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "push/cloud.h"
#include "push/cloud_sign.h"
#include "push/kinds.h"

#define HOST "vms.tencentcloudapi.com"
#define TEXT_MAX 350 /* characters of the whole spoken text */

static const struct template_rules rules = {FORM_ORDER, TEXT_MAX, "", 0, true};

static const struct cloud_code codes[] = {
    {"Ok", V_SENT, 0},
    {"RequestLimitExceeded*", V_THROTTLED, 0},
    {"InternalError.AccessUpstreamTimeout", V_UNKNOWN, 0}, /* it may have rung */
    {"InternalError.UpstreamError", V_RETRY, 0},
    {"InternalError.RequestTimeException", V_CONFIG, 0}, /* our clock */
    {"InternalError.RestApiInterfaceNotExist", V_CONFIG, 0},
    {"InternalError.SigVerificationFail", V_AUTH, 0},
    {"InternalError*", V_REJECTED, 0},
    {"LimitExceeded.DeliveryFrequencyLimit", V_QUOTA, CLOUD_TARGET | 3600}, /* half a minute, ten, a day or the night: not told */
    {"LimitExceeded*", V_QUOTA, CLOUD_TARGET | 3600},
    {"FailedOperation.ContainSensitiveWord", V_REJECTED, 0},
    {"FailedOperation.FailResolvePacket", V_CONFIG, 0},
    {"FailedOperation.InsufficientBalanceInVoicePackage", V_CONFIG, 0},
    {"FailedOperation.InvalidJsonParameters", V_CONFIG, 0},
    {"FailedOperation.InvalidParameters", V_CONFIG, 0},
    {"FailedOperation.JsonParseFail", V_CONFIG, 0},
    {"FailedOperation.ParametersOtherError", V_CONFIG, 0},
    {"FailedOperation.PhonenumberUnappliedOrExpired", V_CONFIG, 0}, /* the number that calls */
    {"FailedOperation.TemplateIncorrectOrUnapproved", V_CONFIG, 0},
    {"InvalidParameterValue.CalledNumberVerifyFail", V_GONE, 0},
    {"InvalidParameterValue.ContentLengthLimit", V_REJECTED, 0},
    {"InvalidParameterValue.SdkAppidNotExist", V_CONFIG, 0},
    {"AuthFailure.SignatureExpire", V_CONFIG, 0}, /* our clock */
    {"AuthFailure*", V_AUTH, 0},
    {"UnauthorizedOperation*", V_CONFIG, 0},
    {"UnsupportedOperation*", V_CONFIG, 0},
    {"InvalidParameter*", V_CONFIG, 0},
    {"MissingParameter*", V_CONFIG, 0},
};

/* failure_code; 16 to 20 and above: another call may succeed. */
static const struct cloud_code failures[] = {
    {"1", V_RETRY, 0},  {"2", V_RETRY, 0},     {"3", V_RETRY, 0},  {"4", V_RETRY, 0},  {"5", V_RETRY, 0},
    {"6", V_RETRY, 0},  {"7", V_GONE, 0},      {"8", V_GONE, 0},   {"9", V_RETRY, 0},  {"10", V_RETRY, 0},
    {"11", V_RETRY, 0}, {"12", V_REJECTED, 0}, {"13", V_GONE, 0},  {"15", V_GONE, 0},  {"16", V_RETRY, 0},
    {"17", V_RETRY, 0}, {"18", V_RETRY, 0},    {"19", V_RETRY, 0}, {"20", V_RETRY, 0},
};

static enum err open_it(struct provider *p, char *why, size_t why_n) { return cloud_open(p, "secret_key", &rules, why, why_n); }

static const char *body_of(const struct provider *p, struct arena *a, const struct push_msg *m, const struct provider_template *t,
                           const char *const *values) {
    struct buf b;
    struct jw  w;
    buf_init(&b, 64 * 1024);
    jw_init(&w, &b);
    jw_obj(&w);
    jw_kstr(&w, "TemplateId", t->code);
    jw_kstr(&w, "CalledNumber", arena_printf(a, "+86%s", m->target));
    jw_kstr(&w, "VoiceSdkAppid", provider_text(p, "app_id"));
    jw_key(&w, "TemplateParamSet");
    jw_arr(&w);
    for (size_t i = 0; i < t->vars_n; i++) jw_str(&w, values[i]);
    jw_arr_end(&w);
    jw_kint(&w, "PlayTimes", provider_number(p, "play_times"));
    jw_kstr(&w, "SessionContext", m->id);
    jw_obj_end(&w);
    const char *out = arena_strdup(a, buf_str(&b));
    buf_fini(&b);
    return out;
}

static enum err call(struct provider *p, struct arena *a, const struct push_msg *m, const char *cred, int64_t wall_ms,
                     struct http_call *out, struct push_answer *why) {
    struct cloud_state      *s = provider_state(p);
    struct provider_template t;
    const char              *value[ARRAY_N(t.var)];
    (void)cred;
    if (!cloud_is_phone(m->target)) return cloud_refuse(why, "not a mobile number of the mainland");
    if (!provider_template(p, a, m->kind, &t)) return cloud_refuse(why, "no template for this kind of notice");
    enum err e = cloud_values(a, m, &t, FORM_ORDER, (size_t)provider_number(p, "value_max"), value, why);
    if (e) return e;
    if (template_length(&t, value, template_text(a, s->texts, t.code), "") > TEXT_MAX)
        return cloud_refuse(why, "more than 350 characters to speak");

    struct tc3_request r = {.service      = "vms",
                            .host         = HOST,
                            .action       = "SendTtsVoice",
                            .version      = "2020-09-02",
                            .region       = provider_text(p, "region"),
                            .content_type = "application/json; charset=utf-8",
                            .sign_action  = true,
                            .body         = body_of(p, a, m, &t, value),
                            .wall_ms      = wall_ms,
                            .key_id       = provider_text(p, "secret_id"),
                            .secret       = s->secret};
    out->method          = "POST";
    out->body            = r.body;
    out->body_n          = strlen(r.body);
    cloud_to(p, a, HOST, "/", out);
    tc3_headers(a, &r, out);
    return ERR_OK;
}

static void answer(struct provider *p, struct arena *a, const struct push_msg *m, const struct http_answer *r, int64_t wall_ms,
                   struct push_answer *out) {
    (void)p;
    cloud_answer_tencent(a, r, codes, ARRAY_N(codes), m->target, "CallId", wall_ms, out);
}

static bool report(struct arena *a, const cJSON *o, void *arg, struct push_receipt *out) {
    const cJSON *prompt = cJSON_GetObjectItemCaseSensitive(o, "voiceprompt_callback");
    const cJSON *key    = cJSON_GetObjectItemCaseSensitive(o, "voicekey_callback");
    const cJSON *failed = cJSON_GetObjectItemCaseSensitive(o, "voice_failure_callback");
    const cJSON *inner  = prompt ? prompt : key ? key : failed;
    out->ref            = cloud_str(a, inner, "callid");
    if (prompt) {
        const char *result = cloud_str(a, prompt, "result");
        out->is_final      = true;
        out->is_delivered  = strcmp(result, "0") == 0;
        out->verdict       = out->is_delivered ? V_DELIVERED : V_RETRY;
        out->detail        = arena_printf(a, "result %s", cloud_word(a, result));
        return strcmp(result, "0") == 0 || strcmp(result, "1") == 0 || strcmp(result, "2") == 0;
    }
    if (key) {
        const char *pressed = cloud_str(a, key, "keypress");
        out->is_delivered   = true;
        out->is_read        = *pressed && strcmp(pressed, arg) == 0;
        out->detail         = arena_printf(a, "key %s", cloud_word(a, pressed));
        return true;
    }
    if (failed) {
        const char *code = cloud_str(a, failed, "failure_code");
        cloud_failed(a, failures, ARRAY_N(failures), code, out);
        return *code != '\0';
    }
    return false;
}

static enum err receipts(struct provider *p, struct arena *a, const char *query, const struct http_header *headers,
                         size_t headers_n, const char *body, size_t body_n, int64_t wall_ms, struct push_receipt **list,
                         size_t *n, const char **reply) {
    struct cloud_state *s = provider_state(p);
    (void)headers;
    (void)headers_n;
    (void)wall_ms;
    if (!cloud_key_ok(a, s->receipt_key, query)) return ERR_AUTH;
    *reply = "{\"result\":0,\"errmsg\":\"OK\"}";
    return cloud_receipts(a, body, body_n, report, arena_strdup(a, provider_text(p, "confirm_key")), list, n);
}

static const struct provider_opt opts[] = {
    {"secret_id", OPT_TEXT, NULL, "SecretId of a sub-account that may only call", 0, 0},
    {"secret_key", OPT_FILE, NULL, "file with its SecretKey", 0, 0},
    {"app_id", OPT_TEXT, NULL, "VoiceSdkAppid", 0, 0},
    {"region", OPT_TEXT, "ap-guangzhou", "X-TC-Region", 0, 0},
    {"play_times", OPT_NUMBER, "2", "how often the text is read out", 1, 3},
    {"confirm_key", OPT_TEXT, "1", "pressing this key counts as read", 0, 0},
    {"value_max", OPT_NUMBER, "0", "characters of one value, longer ones end with …; 0: any", 0, TEXT_MAX},
    CLOUD_OPTS,
};

const struct provider_kind kind_tencent_voice = {
    .name       = "tencent_voice",
    .channel    = "voice",
    .vendor     = "",
    .doc        = "Calls at Tencent Cloud (SendTtsVoice); needs its written approval of official texts; template.KIND = number "
                  "variable,...",
    .opts       = opts,
    .opts_n     = ARRAY_N(opts),
    .rate_per_s = 20,
    .templates  = true,
    .state_size = sizeof(struct cloud_state),
    .open       = open_it,
    .close      = cloud_close,
    .call       = call,
    .answer     = answer,
    .receipts   = receipts,
};
