/* SPDX-License-Identifier: Apache-2.0
 *
 * SMS at Tencent Cloud: SendSms 2021-01-11, signed with TC3, one number a call; receipts by callback. Pure functions.
 */
#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "push/cloud.h"
#include "push/cloud_sign.h"
#include "push/kinds.h"

#define HOST "sms.tencentcloudapi.com"
#define TOTAL_MAX 500 /* characters, signature included */

static const struct template_rules rules = {FORM_ORDER, TOTAL_MAX, "", 0, false};

static const struct cloud_code codes[] = {
    {"Ok", V_SENT, 0},
    {"RequestLimitExceeded*", V_THROTTLED, 0},
    {"InternalError*", V_RETRY, 0},
    {"LimitExceeded.DeliveryFrequencyLimit", V_RETRY, CLOUD_TARGET | 60},
    {"LimitExceeded.PhoneNumberThirtySecondLimit", V_RETRY, CLOUD_TARGET | 30},
    {"LimitExceeded.PhoneNumberOneHourLimit", V_QUOTA, CLOUD_TARGET | 3600},
    {"LimitExceeded.PhoneNumber*", V_QUOTA, CLOUD_TARGET | 86400}, /* a day, the same words again */
    {"LimitExceeded.AppDailyLimit", V_QUOTA, CLOUD_DAY},
    {"LimitExceeded.AppMainlandChinaDailyLimit", V_QUOTA, CLOUD_DAY},
    {"LimitExceeded.*", V_QUOTA, CLOUD_DAY},
    {"InvalidParameterValue.IncorrectPhoneNumber", V_GONE, 0},
    {"FailedOperation.PhoneNumberInBlacklist", V_REFUSED, 0},
    {"InvalidParameterValue.ContentLengthLimit", V_REJECTED, 0},
    {"FailedOperation.ContainSensitiveWord", V_REJECTED, 0},
    {"InvalidParameterValue.TemplateParameterFormatError", V_REJECTED, 0},
    {"InvalidParameterValue.TemplateParameterLengthLimit", V_REJECTED, 0},
    {"InvalidParameterValue.ProhibitedUseUrlInTemplateParameter", V_REJECTED, 0},
    {"FailedOperation.SignatureIncorrectOrUnapproved", V_CONFIG, 0},
    {"FailedOperation.TemplateIncorrectOrUnapproved", V_CONFIG, 0},
    {"FailedOperation.InsufficientBalance*", V_CONFIG, 0},
    {"InvalidParameterValue.SdkAppIdNotExist", V_CONFIG, 0},
    {"AuthFailure.SignatureExpire", V_CONFIG, 0}, /* our clock */
    {"AuthFailure*", V_AUTH, 0},
    {"UnauthorizedOperation*", V_CONFIG, 0},
    {"InvalidParameter*", V_CONFIG, 0},
    {"MissingParameter*", V_CONFIG, 0},
    {"UnknownParameter*", V_CONFIG, 0},
    {"UnsupportedOperation*", V_CONFIG, 0},
    {"UnsupportedRegion", V_CONFIG, 0},
    {"InvalidAction", V_CONFIG, 0},
    {"NoSuchVersion", V_CONFIG, 0},
    {"ResourceInsufficient*", V_RETRY, 0},
    {"ResourceUnavailable*", V_RETRY, 0},
};

/* errmsg of a report; those that are not here may pass by another way. */
static const struct cloud_code failures[] = {
    {"BLACK*", V_REFUSED, 0},
};

static enum err open_it(struct provider *p, char *why, size_t why_n) { return cloud_open(p, "secret_key", &rules, why, why_n); }

static const char *signature_of(const struct provider *p, const struct push_msg *m) {
    const char *own = provider_text(p, "sign_name");
    return *own ? own : m->signature;
}

static const char *body_of(const struct provider *p, struct arena *a, const struct push_msg *m, const struct provider_template *t,
                           const char *const *values) {
    struct buf b;
    struct jw  w;
    buf_init(&b, 64 * 1024);
    jw_init(&w, &b);
    jw_obj(&w);
    jw_key(&w, "PhoneNumberSet");
    jw_arr(&w);
    jw_str(&w, arena_printf(a, "+86%s", m->target));
    jw_arr_end(&w);
    jw_kstr(&w, "SmsSdkAppId", provider_text(p, "app_id"));
    jw_kstr(&w, "SignName", signature_of(p, m));
    jw_kstr(&w, "TemplateId", t->code);
    jw_key(&w, "TemplateParamSet");
    jw_arr(&w);
    for (size_t i = 0; i < t->vars_n; i++) jw_str(&w, values[i]);
    jw_arr_end(&w);
    if (*provider_text(p, "extend")) jw_kstr(&w, "ExtendCode", provider_text(p, "extend"));
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
    char                     text[80];
    (void)cred;
    if (!cloud_is_phone(m->target)) return cloud_refuse(why, "not a mobile number of the mainland");
    if (!provider_template(p, a, m->kind, &t)) return cloud_refuse(why, "no template for this kind of notice");
    if (template_signature_check(signature_of(p, m), text, sizeof text)) return cloud_refuse(why, text);
    enum err e = cloud_values(a, m, &t, FORM_ORDER, (size_t)provider_number(p, "value_max"), value, why);
    if (e) return e;
    if (template_length(&t, value, template_text(a, s->texts, t.code), signature_of(p, m)) > TOTAL_MAX)
        return cloud_refuse(why, "more than 500 characters with the signature");

    struct tc3_request r = {.service      = "sms",
                            .host         = HOST,
                            .action       = "SendSms",
                            .version      = "2021-01-11",
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
    cloud_answer_tencent(a, r, codes, ARRAY_N(codes), m->target, "SerialNo", wall_ms, out);
}

static bool report(struct arena *a, const cJSON *o, void *arg, struct push_receipt *out) {
    (void)arg;
    const char *status = cloud_str(a, o, "report_status");
    out->ref           = cloud_str(a, o, "sid");
    out->id            = cloud_id(a, o, "ext");
    if (strcmp(status, "SUCCESS") == 0) {
        out->is_delivered = out->is_final = true;
        out->detail                       = cloud_word(a, cloud_str(a, o, "errmsg"));
        return true;
    }
    cloud_failed(a, failures, ARRAY_N(failures), cloud_str(a, o, "errmsg"), out);
    return strcmp(status, "FAIL") == 0;
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
    return cloud_receipts(a, body, body_n, report, NULL, list, n);
}

static const struct provider_opt opts[] = {
    {"secret_id", OPT_TEXT, NULL, "SecretId of a sub-account that may only send SMS", 0, 0},
    {"secret_key", OPT_FILE, NULL, "file with its SecretKey", 0, 0},
    {"app_id", OPT_TEXT, NULL, "SmsSdkAppId", 0, 0},
    {"region", OPT_TEXT, "ap-guangzhou", "X-TC-Region", 0, 0},
    {"sign_name", OPT_TEXT, "", "approved signature without brackets, 2 to 12 characters; empty: that of the message", 0, 0},
    {"extend", OPT_TEXT, "", "ExtendCode, digits behind the sender's number", 0, 0},
    {"value_max", OPT_NUMBER, "0", "characters of one value, longer ones end with …; 0: any", 0, TOTAL_MAX},
    CLOUD_OPTS,
};

const struct provider_kind kind_tencent_sms = {
    .name       = "tencent_sms",
    .channel    = "sms",
    .vendor     = "",
    .doc        = "SMS at Tencent Cloud (SendSms); template.KIND = number variable,... in the order of {1} {2}",
    .opts       = opts,
    .opts_n     = ARRAY_N(opts),
    .rate_per_s = 100,
    .templates  = true,
    .state_size = sizeof(struct cloud_state),
    .open       = open_it,
    .close      = cloud_close,
    .call       = call,
    .answer     = answer,
    .receipts   = receipts,
};
