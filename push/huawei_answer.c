/* SPDX-License-Identifier: Apache-2.0 */
#include "push/huawei_int.h"

#include <string.h>

#include "base/check.h"
#include "base/json.h"
#include "push/vendor_int.h"

enum { OK = 80000000, PARTIAL = 80100000, ALL_INVALID = 80300007 };

/* Generations differ in which of these they know; a number means the same in both. The first digits of what is not in the list
 * still tell whose fault it is. */
static const struct vendor_row rows[] = {
    {OK, 0, V_SENT, WAIT_NONE, "accepted"},
    {80100001, 0, V_REJECTED, WAIT_NONE, "some parameters are wrong"},
    {80100002, 0, V_REJECTED, WAIT_NONE, "a synchronous message allows one token"},
    {80100003, 0, V_REJECTED, WAIT_NONE, "bad message structure"},
    {80100004, 0, V_REJECTED, WAIT_NONE, "ttl in the past"},
    {80100013, 0, V_REJECTED, WAIT_NONE, "bad collapse_key"},
    {80100016, 0, V_REJECTED, WAIT_NONE, "sensitive content: have an operator look at the text"},
    {80100017, 0, V_THROTTLED, WAIT_NONE, "more than 100 topic tasks at once"},
    {80100018, 0, V_CONFIG, WAIT_NONE, "review signature does not match"},
    {80100022, 0, V_REJECTED, WAIT_NONE, "image not verified"},
    {80200001, 0, V_AUTH, WAIT_NONE, "credential refused (or the other generation's address, or another project)"},
    {80200003, 0, V_AUTH, WAIT_NONE, "access token expired"},
    {80200005, 0, V_AUTH, WAIT_NONE, "JWT expired"},
    {80300002, 0, V_CONFIG, WAIT_NONE, "no permission: service off, wrong project or app id"},
    {80300008, 0, V_REJECTED, WAIT_NONE, "more than 4096 bytes"},
    {80300010, 0, V_CONFIG, WAIT_NONE, "too many tokens or none"},
    {80300011, 0, V_CONFIG, WAIT_NONE, "no right to high priority"},
    {80300013, 0, V_CONFIG, WAIT_NONE, "receipt address is wrong"},
    {80300029, 80300030, V_CONFIG, WAIT_NONE, "too many test messages or test tokens"},
    {80300036, 0, V_CONFIG, WAIT_NONE, "JWT valid for more than a day"},
    {80300037, 0, V_CONFIG, WAIT_NONE, "the app is being penalised"},
    {80600003, 0, V_RETRY, WAIT_NONE, "their OAuth service failed"},
    {81000001, 0, V_RETRY, WAIT_NONE, "internal error"},
    {80600000, 80699999, V_RETRY, WAIT_NONE, "unknown code of their services"},
    {81000000, 81999999, V_RETRY, WAIT_NONE, "unknown code of their system"},
};

/* Why a token was refused. countryNotSupport: another provider may reach the person; the token is not dead. */
static const struct {
    const char  *cause;
    enum verdict verdict;
} causes[] = {
    {"tokenFormatError", V_GONE},      {"tokenPlatformNotSupport", V_GONE}, {"noRight", V_GONE},
    {"noPushTypeRight", V_CONFIG},     {"appinfoError", V_CONFIG},          {"disableSendHuaweiMsgBecauseOfPenalty", V_CONFIG},
    {"countryNotSupport", V_REJECTED},
};

static bool is_empty(const cJSON *x) {
    if (cJSON_IsArray(x)) return cJSON_GetArraySize(x) == 0;
    const char *s = cJSON_GetStringValue(x);
    return s == NULL || *s == '\0';
}

/* The cause that names our token; with `any` (tokens may come shortened, and only one was sent) the first that names one. NULL:
 * none. */
static const cJSON *cause_of(const cJSON *lists, const char *token, bool any) {
    const cJSON *x, *first = NULL;
    cJSON_ArrayForEach(x, lists) {
        if (x->string == NULL || is_empty(x)) continue;
        if (vendor_holds(x, token)) return x;
        if (first == NULL) first = x;
    }
    return any ? first : NULL;
}

static void by_cause(long long code, const char *cause, struct push_answer *out) {
    for (size_t i = 0; i < ARRAY_N(causes); i++)
        if (strcmp(causes[i].cause, cause) == 0) {
            vendor_say(out, causes[i].verdict, "%lld %s", code, causes[i].cause);
            return;
        }
    vendor_say(out, V_CONFIG, "%lld token refused for an unknown cause", code);
}

/* Codes 80100000 and 80300007. The older generation lists tokens without a cause: then they are dead. */
static void refused(int64_t code, int status, const cJSON *o, const struct push_msg *m, struct push_answer *out) {
    const char  *text  = vendor_string(o, "msg"), *why;
    const cJSON *given = cJSON_GetObjectItemCaseSensitive(o, "msg"), *lists, *old, *cause;
    cJSON       *own   = NULL;
    int64_t      good  = 0;
    if (*text && json_parse(text, strlen(text), &own, &why) == ERR_OK) given = own;
    bool taken = code == PARTIAL && vendor_number(given, "success", &good) && good > 0; /* ours, unless a list has it */
    lists      = cJSON_GetObjectItemCaseSensitive(given, "illegalTokens");
    old        = cJSON_GetObjectItemCaseSensitive(given, "illegal_tokens");
    cause      = cJSON_IsObject(lists) ? cause_of(lists, m->target, !taken) : NULL;
    if (cause)
        by_cause((long long)code, cause->string, out);
    else if (vendor_holds(old, m->target) || vendor_holds(lists, m->target))
        vendor_say(out, V_GONE, "%lld token invalid", (long long)code);
    else if (taken && status / 100 == 2)
        vendor_say(out, V_SENT, "%lld accepted, our token not among the refused", (long long)code);
    else if (taken)
        vendor_say(out, V_UNKNOWN, "%lld accepted under HTTP %d", (long long)code, status);
    else if (code == ALL_INVALID || !is_empty(old) || (cJSON_IsArray(lists) && !is_empty(lists)))
        vendor_say(out, V_GONE, "%lld all tokens invalid", (long long)code);
    else
        vendor_say(out, V_UNKNOWN, "%lld some tokens refused, not said which", (long long)code);
    cJSON_Delete(own);
}

void huawei_answer(struct provider *p, struct arena *a, const struct push_msg *m, const struct http_answer *r, int64_t wall_ms,
                   struct push_answer *out) {
    (void)p, (void)a;
    int64_t code;
    if (r->status == 503) { /* their flow control, not an outage */
        vendor_say(out, V_THROTTLED, "HTTP 503 flow control");
        out->wait_ms = http_retry_after_ms(r, wall_ms);
        return;
    }
    if (http_verdict(r, wall_ms, out)) return;
    cJSON *o = vendor_body(r);
    if (!vendor_number(o, "code", &code)) {
        vendor_no_code(r, out);
    } else {
        if (code == PARTIAL || code == ALL_INVALID)
            refused(code, r->status, o, m, out);
        else
            vendor_by_code(rows, ARRAY_N(rows), code, r->status, wall_ms, out);
        vendor_ref(out, o, "requestId");
    }
    cJSON_Delete(o);
}
