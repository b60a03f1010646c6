/* SPDX-License-Identifier: Apache-2.0
 *
 * SMS at Alibaba Cloud: SendSms of Dysmsapi 2017-05-25, signed with ACS3, one number a call; receipts by SmsReport. Pure
 * functions.
 */
#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "push/cloud.h"
#include "push/cloud_sign.h"
#include "push/kinds.h"

#define HOST "dysmsapi.aliyuncs.com"
#define TOTAL_MAX 500 /* characters, signature included */

static const struct template_rules rules = {FORM_NAMES, TOTAL_MAX, "", 0, false};

/* isv.BUSINESS_LIMIT_CONTROL, a limit of one number: cloud_answer_aliyun. */
static const struct cloud_code codes[] = {
    {"OK", V_SENT, 0},
    {"Throttling*", V_THROTTLED, 0},
    {"isp.SYSTEM_ERROR", V_RETRY, 0},
    {"isp.GATEWAY_ERROR", V_RETRY, 0},
    {"ServiceUnavailable", V_RETRY, 0},
    {"InternalError", V_RETRY, 0},
    {"isv.DAY_LIMIT_CONTROL", V_QUOTA, CLOUD_DAY},
    {"isv.MONTH_LIMIT_CONTROL", V_QUOTA, CLOUD_MONTH},
    {"isv.MOBILE_NUMBER_ILLEGAL", V_GONE, 0},
    {"isv.MOBILE_COUNT_OVER_LIMIT", V_CONFIG, 0},
    {"isv.SMS_CONTENT_ILLEGAL", V_REJECTED, 0},
    {"isv.BLACK_KEY_CONTROL_LIMIT", V_REJECTED, 0},
    {"isv.PARAM_LENGTH_LIMIT", V_REJECTED, 0},
    {"isv.PARAM_NOT_SUPPORT_URL", V_REJECTED, 0},
    {"isv.TEMPLATE_PARAMS_ILLEGAL", V_REJECTED, 0},
    {"isv.SMS_SIGNATURE_SCENE_ILLEGAL", V_CONFIG, 0},
    {"isv.SIGN_STATE_ILLEGAL", V_CONFIG, 0},
    {"isv.SMS_SIGN_ILLEGAL", V_CONFIG, 0},
    {"isv.SMS_SIGNATURE_ILLEGAL", V_CONFIG, 0},
    {"isv.SMS_TEMPLATE_ILLEGAL", V_CONFIG, 0},
    {"isv.TEMPLATE_MISSING_PARAMETERS", V_CONFIG, 0},
    {"isv.EXTEND_CODE_ERROR", V_CONFIG, 0},
    {"isv.OUT_OF_SERVICE", V_CONFIG, 0},
    {"isv.AMOUNT_NOT_ENOUGH", V_CONFIG, 0},
    {"isv.PRODUCT_UN_SUBSCRIPT", V_CONFIG, 0},
    {"isv.PRODUCT_UNSUBSCRIBE", V_CONFIG, 0},
    {"isv.ACCOUNT_*", V_CONFIG, 0},
    {"isv.INVALID_PARAMETERS", V_CONFIG, 0},
    {"isv.INVALID_JSON_PARAM", V_CONFIG, 0},
    {"isv.DENY_IP_RANGE", V_CONFIG, 0},
    {"isp.RAM_PERMISSION_DENY", V_CONFIG, 0},
    {"isv.*", V_REJECTED, 0},
    {"isp.*", V_RETRY, 0},
    {"SignatureNonceUsed", V_UNKNOWN, 0}, /* the very same request arrived before */
    {"InvalidTimeStamp*", V_CONFIG, 0},   /* our clock */
    {"SignatureDoesNotMatch", V_AUTH, 0},
    {"IncompleteSignature", V_AUTH, 0},
    {"InvalidAccessKeyId*", V_AUTH, 0},
    {"InvalidSecurityToken*", V_AUTH, 0},
};

/* err_code of a report; those that are not here may pass by another way. */
static const struct cloud_code failures[] = {
    {"MOBILE_IN_BLACK", V_REFUSED, 0},    {"USER_REJECT", V_REFUSED, 0}, {"INVALID_NUMBER", V_GONE, 0},
    {"MOBILE_NOT_ON_SERVICE", V_GONE, 0}, {"CONTENT_*", V_REJECTED, 0},  {"MOBILE_SEND_LIMIT", V_REJECTED, 0},
};

static enum err open_it(struct provider *p, char *why, size_t why_n) {
    return cloud_open(p, "access_key_secret", &rules, why, why_n);
}

static const char *signature_of(const struct provider *p, const struct push_msg *m) {
    const char *own = provider_text(p, "sign_name");
    return *own ? own : m->signature;
}

static enum err call(struct provider *p, struct arena *a, const struct push_msg *m, const char *cred, int64_t wall_ms,
                     struct http_call *out, struct push_answer *why) {
    struct cloud_state      *s = provider_state(p);
    struct provider_template t;
    const char              *value[ARRAY_N(t.var)], *signature = signature_of(p, m);
    char                     text[80], nonce[65];
    (void)cred;
    if (!cloud_is_phone(m->target)) return cloud_refuse(why, "not a mobile number of the mainland");
    if (!provider_template(p, a, m->kind, &t)) return cloud_refuse(why, "no template for this kind of notice");
    if (template_signature_check(signature, text, sizeof text)) return cloud_refuse(why, text);
    enum err e = cloud_values(a, m, &t, FORM_NAMES, (size_t)provider_number(p, "value_max"), value, why);
    if (e) return e;
    if (template_length(&t, value, template_text(a, s->texts, t.code), signature) > TOTAL_MAX)
        return cloud_refuse(why, "more than 500 characters with the signature");

    struct push_var pairs[6] = {{"PhoneNumbers", m->target},
                                {"SignName", signature},
                                {"TemplateCode", t.code},
                                {"TemplateParam", cloud_params_json(a, &t, value)},
                                {"OutId", m->id},
                                {"SmsUpExtendCode", provider_text(p, "extend")}};
    cloud_nonce(p, m, wall_ms, nonce);
    struct acs3_request r = {.method  = "POST",
                             .host    = HOST,
                             .action  = "SendSms",
                             .version = "2017-05-25",
                             .query   = cloud_query(a, pairs, *pairs[5].value ? 6 : 5),
                             .nonce   = arena_strdup(a, nonce),
                             .body    = "",
                             .wall_ms = wall_ms,
                             .key_id  = provider_text(p, "access_key_id"),
                             .secret  = s->secret};
    out->method           = "POST";
    out->body             = "";
    cloud_to(p, a, HOST, arena_printf(a, "/?%s", r.query), out);
    acs3_headers(a, &r, out);
    return ERR_OK;
}

static void answer(struct provider *p, struct arena *a, const struct push_msg *m, const struct http_answer *r, int64_t wall_ms,
                   struct push_answer *out) {
    (void)p;
    (void)m;
    cloud_answer_aliyun(a, r, codes, ARRAY_N(codes), "BizId", wall_ms, out);
}

static bool report(struct arena *a, const cJSON *o, void *arg, struct push_receipt *out) {
    (void)arg;
    const char *success = cloud_str(a, o, "success");
    out->ref            = cloud_str(a, o, "biz_id");
    out->id             = cloud_id(a, o, "out_id");
    if (strcmp(success, "true") == 0) {
        out->is_delivered = out->is_final = true;
        out->detail                       = cloud_word(a, cloud_str(a, o, "err_code"));
        return true;
    }
    cloud_failed(a, failures, ARRAY_N(failures), cloud_str(a, o, "err_code"), out);
    return strcmp(success, "false") == 0;
}

static enum err receipts(struct provider *p, struct arena *a, const char *query, const struct http_header *headers,
                         size_t headers_n, const char *body, size_t body_n, int64_t wall_ms, struct push_receipt **list,
                         size_t *n, const char **reply) {
    struct cloud_state *s = provider_state(p);
    (void)headers;
    (void)headers_n;
    (void)wall_ms;
    if (!cloud_key_ok(a, s->receipt_key, query)) return ERR_AUTH;
    *reply = "{\"code\":0,\"msg\":\"ok\"}";
    return cloud_receipts(a, body, body_n, report, NULL, list, n);
}

static const struct provider_opt opts[] = {
    {"access_key_id", OPT_TEXT, NULL, "AccessKeyId of a RAM user who may only send SMS", 0, 0},
    {"access_key_secret", OPT_FILE, NULL, "file with its AccessKeySecret", 0, 0},
    {"sign_name", OPT_TEXT, "", "approved signature without brackets, 2 to 12 characters; empty: that of the message", 0, 0},
    {"extend", OPT_TEXT, "", "SmsUpExtendCode, digits behind the sender's number", 0, 0},
    {"value_max", OPT_NUMBER, "0", "characters of one value, longer ones end with …; 0: any", 0, TOTAL_MAX},
    CLOUD_OPTS,
};

const struct provider_kind kind_aliyun_sms = {
    .name       = "aliyun_sms",
    .channel    = "sms",
    .vendor     = "",
    .doc        = "SMS at Alibaba Cloud (Dysmsapi SendSms); template.KIND = SMS_code name=variable,...",
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
