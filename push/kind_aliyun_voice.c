/* SPDX-License-Identifier: Apache-2.0
 *
 * Voice calls at Alibaba Cloud: SingleCallByTts of Dyvmsapi 2017-05-25, signed with ACS3. The provider never redials; what it
 * reads out is a template it has approved. Receipts: VoiceReport (the end of a call) and VoiceCallReport (on the way). Only a
 * pressed key proves that a person heard it; "heard to the end" may have been a mailbox. Pure functions.
 */
#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "push/cloud.h"
#include "push/cloud_sign.h"
#include "push/kinds.h"

#define HOST "dyvmsapi.aliyuncs.com"
#define TEXT_MAX 1000
#define VALUES_MAX 249 /* characters of all values */
#define OUT_ID_MAX 15
#define BANNED "#/:-%¥￥"

/* Calls with a number from the pool may have two variables. */
static const struct template_rules shared_rules = {FORM_NAMES, TEXT_MAX, BANNED, 2, true},
                                   own_rules    = {FORM_NAMES, TEXT_MAX, BANNED, 0, true};

static const struct cloud_code codes[] = {
    {"OK", V_SENT, 0},
    {"Throttling*", V_THROTTLED, 0},
    {"isp.SYSTEM_ERROR", V_RETRY, 0},
    {"isp.GATEWAY_ERROR", V_RETRY, 0},
    {"ServiceUnavailable", V_RETRY, 0},
    {"InternalError", V_RETRY, 0},
    {"isv.MOBILE_NUMBER_ILLEGAL", V_GONE, 0},
    {"isv.COMPLAINT_REJECT", V_REFUSED, 0},
    {"isv.TEMPLATE_PARAMS_ILLEGAL", V_REJECTED, 0},
    {"isv.PARAM_NOT_SUPPORT_URL", V_REJECTED, 0},
    {"isv.PARAM_LENGTH_LIMIT", V_REJECTED, 0},
    {"isv.BLACK_KEY_CONTROL_LIMIT", V_REJECTED, 0},
    {"isv.VOICE_CALL_FAIL", V_REJECTED, 0},
    {"isv.BILLID_NOT_EXIST", V_REJECTED, 0},
    {"isv.VOICE_ROBOT_NOT_PERIOD", V_REJECTED, 0}, /* not at this hour */
    {"isv.VOICE_CALL_PERIOD_ERROR", V_REJECTED, 0},
    {"isv.TTS_TEMPLATE_ILLEGAL", V_CONFIG, 0},
    {"isv.TEMPLATE_ILLEGAL", V_CONFIG, 0},
    {"isv.TEMPLATE_MISSING_PARAMETERS", V_CONFIG, 0},
    {"isv.INVALID_PARAMETERS", V_CONFIG, 0},
    {"isv.DISPLAY_NUMBER_ILLEGAL", V_CONFIG, 0},
    {"isv.AMOUNT_NOT_ENOUGH", V_CONFIG, 0},
    {"isv.OUT_OF_SERVICE", V_CONFIG, 0},
    {"isv.PRODUCT_UN_SUBSCRIPT", V_CONFIG, 0},
    {"isv.PRODUCT_UNSUBSCRIBE", V_CONFIG, 0},
    {"isv.ACCOUNT_NOT_EXISTS", V_CONFIG, 0},
    {"isv.ACCOUNT_ABNORMAL", V_CONFIG, 0},
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

/* status_code of a call that reached nobody; 200000, 200001, 200102 and 300000 are read in report(). */
static const struct cloud_code failures[] = {
    {"200002", V_RETRY, 0},    {"200003", V_RETRY, 0},    {"200005", V_RETRY, 0},    {"200007", V_RETRY, 0},
    {"200010", V_RETRY, 0},    {"200004", V_GONE, 0},     {"200011", V_GONE, 0},     {"200104", V_REJECTED, 0},
    {"200105", V_REJECTED, 0}, {"200117", V_REJECTED, 0}, {"200118", V_REJECTED, 0}, {"200119", V_REJECTED, 0},
    {"200121", V_REJECTED, 0}, {"473", V_REJECTED, 0},    {"200006", V_RETRY, 0},    {"200008", V_RETRY, 0},
    {"200012", V_RETRY, 0},    {"400", V_RETRY, 0},       {"476", V_RETRY, 0},       {"482", V_RETRY, 0},
    {"500", V_RETRY, 0},       {"9996", V_RETRY, 0},      {"999999", V_RETRY, 0},
};

static enum err open_it(struct provider *p, char *why, size_t why_n) {
    return cloud_open(p, "access_key_secret", *provider_text(p, "show_number") ? &own_rules : &shared_rules, why, why_n);
}

static size_t parameters(struct provider *p, const struct push_msg *m, const struct provider_template *t, const char *values,
                         struct push_var *out) {
    size_t n = 0;
    out[n++] = (struct push_var){"CalledNumber", m->target};
    out[n++] = (struct push_var){"TtsCode", t->code};
    out[n++] = (struct push_var){"TtsParam", values};
    out[n++] = (struct push_var){"PlayTimes", provider_text(p, "play_times")};
    if (*provider_text(p, "show_number")) out[n++] = (struct push_var){"CalledShowNumber", provider_text(p, "show_number")};
    if (strlen(m->id) <= OUT_ID_MAX) out[n++] = (struct push_var){"OutId", m->id}; /* else receipts name the call alone */
    if (provider_number(p, "volume") != 100) out[n++] = (struct push_var){"Volume", provider_text(p, "volume")};
    if (provider_number(p, "speed") != 0) out[n++] = (struct push_var){"Speed", provider_text(p, "speed")};
    return n;
}

static enum err call(struct provider *p, struct arena *a, const struct push_msg *m, const char *cred, int64_t wall_ms,
                     struct http_call *out, struct push_answer *why) {
    struct cloud_state      *s = provider_state(p);
    struct provider_template t;
    struct push_var          pairs[8];
    const char              *value[ARRAY_N(t.var)];
    char                     nonce[65];
    (void)cred;
    if (!cloud_is_phone(m->target)) return cloud_refuse(why, "not a mobile number of the mainland");
    if (!provider_template(p, a, m->kind, &t)) return cloud_refuse(why, "no template for this kind of notice");
    enum err e = cloud_values(a, m, &t, FORM_NAMES, (size_t)provider_number(p, "value_max"), value, why);
    if (e) return e;
    if (template_length(&t, value, NULL, "") > VALUES_MAX) return cloud_refuse(why, "values of 250 characters or more");

    size_t              n = parameters(p, m, &t, cloud_params_json(a, &t, value), pairs);
    struct acs3_request r = {.method  = "POST",
                             .host    = HOST,
                             .action  = "SingleCallByTts",
                             .version = "2017-05-25",
                             .query   = cloud_query(a, pairs, n),
                             .nonce   = nonce,
                             .body    = "",
                             .wall_ms = wall_ms,
                             .key_id  = provider_text(p, "access_key_id"),
                             .secret  = s->secret};
    cloud_nonce(p, m, wall_ms, nonce);
    r.nonce     = arena_strdup(a, nonce);
    out->method = "POST";
    out->body   = "";
    cloud_to(p, a, HOST, arena_printf(a, "/?%s", r.query), out);
    acs3_headers(a, &r, out);
    return ERR_OK;
}

static void answer(struct provider *p, struct arena *a, const struct push_msg *m, const struct http_answer *r, int64_t wall_ms,
                   struct push_answer *out) {
    (void)p;
    (void)m;
    cloud_answer_aliyun(a, r, codes, ARRAY_N(codes), "CallId", wall_ms, out);
}

static bool report(struct arena *a, const cJSON *o, void *arg, struct push_receipt *out) {
    const char *code = cloud_str(a, o, "status_code"), *key = cloud_str(a, o, "dtmf");
    out->ref    = cloud_str(a, o, "call_id");
    out->id     = cloud_id(a, o, "out_id");
    out->detail = cloud_word(a, code);
    if (strcmp(code, "200000") == 0 || strcmp(code, "200001") == 0) {
        out->is_delivered = out->is_final = true;
    } else if (strcmp(code, "200102") == 0) {
        out->is_delivered = true; /* answered; the end is still to come */
    } else if (strcmp(code, "300000") == 0) {
        out->is_delivered = true;
        out->is_read      = *key && strcmp(key, arg) == 0;
    } else if (strcmp(code, "200101") == 0 || strcmp(code, "200201") == 0 || strcmp(code, "200100") == 0 || *code == '\0') {
        return false;
    } else {
        cloud_failed(a, failures, ARRAY_N(failures), code, out);
    }
    return true;
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
    return cloud_receipts(a, body, body_n, report, arena_strdup(a, provider_text(p, "confirm_key")), list, n);
}

static const struct provider_opt opts[] = {
    {"access_key_id", OPT_TEXT, NULL, "AccessKeyId of a RAM user who may only call", 0, 0},
    {"access_key_secret", OPT_FILE, NULL, "file with its AccessKeySecret", 0, 0},
    {"show_number", OPT_TEXT, "",
     "CalledShowNumber, a number of one's own; empty: one of the pool, templates with at most two variables", 0, 0},
    {"play_times", OPT_NUMBER, "3", "how often the text is read out", 1, 3},
    {"volume", OPT_NUMBER, "100", "loudness", 0, 100},
    {"speed", OPT_NUMBER, "0", "speed of speech", -500, 500},
    {"confirm_key", OPT_TEXT, "1", "pressing this key counts as read", 0, 0},
    {"value_max", OPT_NUMBER, "0", "characters of one value, longer ones end with …; 0: any", 0, VALUES_MAX},
    CLOUD_OPTS,
};

const struct provider_kind kind_aliyun_voice = {
    .name    = "aliyun_voice",
    .channel = "voice",
    .vendor  = "",
    .doc     = "Calls at Alibaba Cloud (SingleCallByTts); needs its written approval of official texts; template.KIND = TTS_code "
               "name=variable,...",
    .opts    = opts,
    .opts_n  = ARRAY_N(opts),
    .rate_per_s = 20,
    .templates  = true,
    .state_size = sizeof(struct cloud_state),
    .open       = open_it,
    .close      = cloud_close,
    .call       = call,
    .answer     = answer,
    .receipts   = receipts,
};
