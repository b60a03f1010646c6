/* SPDX-License-Identifier: Apache-2.0
 *
 * What all providers have in common: sections made into providers, options and templates, verdicts, Retry-After.
 */
#include "push/net_guard.h"
#include "tests/unit/pushkit.h"

static struct arena *a;
static char          secret[128], p8[128];

static int setup(void **state) {
    (void)state;
    kd_begin();
    a             = arena_new(1 << 20);
    EVP_PKEY *key = kk_key("EC", 0);
    char     *pem = kk_pem(key);
    (void)snprintf(p8, sizeof p8, "%s", kd_file("k.p8", pem));
    (void)snprintf(secret, sizeof secret, "%s", kd_file("secret", "s3cret\r\n\n"));
    x_free(pem);
    EVP_PKEY_free(key);
    return 0;
}

static int teardown(void **state) {
    (void)state;
    arena_free(a);
    kd_end();
    return 0;
}

#define APNS "key_file", p8, "key_id", "K", "team_id", "T", "topic", "B"
#define SMS "access_key_id", "LTAI", "access_key_secret", secret

static void t_refused(void **state) {
    (void)state;
    char        why[512];
    const char *big = kd_file("empty", "");
    const struct {
        const char *kind, *pairs[13], *why;
    } v[] = {
        {NULL, {NULL}, "option kind: is missing"},
        {"nokia", {NULL}, "option kind: no such kind: nokia"},
        {"Apns", {NULL}, "no such kind"},
        {"apns", {APNS, "colour", "red", NULL}, "option colour: kind apns has none of this name"},
        {"apns", {APNS, "Weight", "1", NULL}, "option Weight: kind apns has none"},
        {"apns", {APNS, "access_key_id", "x", NULL}, "option access_key_id: kind apns has none"}, /* another kind's */
        {"apns", {APNS, "weight", "1001", NULL}, "option weight: a whole number from 0 to 1000"},
        {"apns", {APNS, "weight", "-1", NULL}, "option weight: a whole number"},
        {"apns", {APNS, "weight", "", NULL}, "option weight: a whole number"},
        {"apns", {APNS, "weight", "5x", NULL}, "not \"5x\""},
        {"apns", {APNS, "weight", "1.5", NULL}, "option weight"},
        {"apns", {APNS, "timeout_s", "0", NULL}, "option timeout_s: a whole number from 1 to 300"},
        {"apns", {APNS, "window", "99999999999999999999", NULL}, "option window"},
        {"apns", {APNS, "sandbox", "1", NULL}, "option sandbox: true or false"},
        {"apns", {APNS, "base_url", "ftp://x", NULL}, "option base_url: http:// or https://"},
        {"apns", {APNS, "base_url", "https://x/", NULL}, "no / at the end"},
        {"apns", {APNS, "sound", "a\nb", NULL}, "option sound: no line breaks"},
        {"apns", {APNS, "template.task.overdue", "X", NULL}, "option template.task.overdue: kind apns has no templates"},
        {"aliyun_sms", {SMS, "template.default", "", NULL}, "option template.default: code and names"},
        {"aliyun_sms", {"access_key_id", "LTAI", NULL}, "option access_key_secret is missing"},
        {"aliyun_sms", {"access_key_id", "LTAI", "access_key_secret", "/nonexistent", "template.default", "S", NULL}, "option access_key_secret: /nonexistent cannot be read"},
        {"aliyun_sms", {"access_key_id", "LTAI", "access_key_secret", big, "template.default", "S", NULL}, "is empty"},
        {"aliyun_sms", {"access_key_id", "LTAI", "access_key_secret", kd_dir, "template.default", "S", NULL}, "cannot be read"},
    };
    for (size_t i = 0; i < ARRAY_N(v); i++) {
        assert_null(kd_try(v[i].kind, v[i].pairs, why, sizeof why));
        if (strstr(why, v[i].why) == NULL) fail_msg("row %zu: %s", i, why);
        assert_ptr_equal(strstr(why, "provider p1"), why);
        assert_null(strchr(why, '\n'));
    }
}

static void t_options(void **state) {
    (void)state;
    const char      *pairs[] = {APNS, "weight", "0", "window", "1000", "base_url", "http://127.0.0.1:1", NULL};
    struct provider *p       = kd_provider("apns", pairs);
    assert_string_equal(provider_name(p), "p1");
    assert_string_equal(provider_kind(p)->name, "apns");
    assert_int_equal(provider_number(p, "weight"), 0);
    assert_int_equal(provider_number(p, "window"), 1000);
    assert_int_equal(provider_number(p, "timeout_s"), 20); /* defaults */
    assert_string_equal(provider_text(p, "proxy"), "");
    assert_false(provider_flag(p, "sandbox"));
    provider_free(p);
    const char *sms[] = {SMS, "template.default", "SMS_0 name=t", NULL};
    p                 = kd_provider("aliyun_sms", sms);
    size_t n          = 0;
    char   why[256];
    char  *s = provider_file(p, "access_key_secret", &n, why, sizeof why);
    assert_string_equal(s, "s3cret"); /* the line breaks at the end are the editor's */
    assert_int_equal(n, 6);
    x_free(s);
    provider_free(p);
    provider_free(NULL);
}

static void t_templates(void **state) {
    (void)state;
    const char *pairs[] = {SMS, "template.task.overdue", "SMS_1  title=t, x=x\tk=time", "template.default", "SMS_0", NULL};
    struct provider         *p = kd_provider("aliyun_sms", pairs);
    struct provider_template t;
    assert_true(provider_template(p, a, "task.overdue", &t));
    assert_string_equal(t.code, "SMS_1");
    assert_int_equal(t.vars_n, 3);
    assert_string_equal(t.var[0], "title=t");
    assert_string_equal(t.var[2], "k=time");
    assert_true(provider_template(p, a, "task.closed", &t)); /* the default */
    assert_string_equal(t.code, "SMS_0");
    assert_int_equal(t.vars_n, 0);
    provider_free(p);
    const char *only[] = {SMS, "template.task.overdue", "SMS_1", NULL};
    p                  = kd_provider("aliyun_sms", only);
    assert_false(provider_template(p, a, "task.closed", &t));
    provider_free(p);
}

static void t_verdicts(void **state) {
    (void)state;
    static const struct {
        enum verdict      v;
        const char       *word;
        enum verdict_then then;
    } v[] = {
        {V_SENT, "sent", THEN_DONE},       {V_DELIVERED, "delivered", THEN_DONE}, {V_RETRY, "retry", THEN_AGAIN},     {V_THROTTLED, "throttled", THEN_AGAIN},
        {V_QUOTA, "quota", THEN_OTHER},    {V_AUTH, "auth", THEN_OTHER},          {V_CONFIG, "config", THEN_OTHER},   {V_REJECTED, "rejected", THEN_OTHER},
        {V_GONE, "gone", THEN_END},        {V_REFUSED, "refused", THEN_END},      {V_UNKNOWN, "unknown", THEN_ASK},
    };
    assert_int_equal(ARRAY_N(v), V_MAX);
    for (size_t i = 0; i < ARRAY_N(v); i++) {
        assert_string_equal(verdict_info(v[i].v)->word, v[i].word);
        assert_int_equal(verdict_info(v[i].v)->then, v[i].then);
        assert_true(utf8_count(verdict_info(v[i].v)->zh, strlen(verdict_info(v[i].v)->zh)) >= 3);
        assert_int_equal(verdict_of(v[i].word), v[i].v);
    }
    assert_int_equal(verdict_of("Sent"), V_MAX);
    assert_int_equal(verdict_of(""), V_MAX);
}

/* The table of kinds holds together. */
static void t_kinds(void **state) {
    (void)state;
    size_t                             n;
    const struct provider_kind *const *list = provider_kinds(&n);
    assert_true(n >= 3);
    for (size_t i = 0; i < n; i++) {
        const struct provider_kind *k = list[i];
        assert_ptr_equal(provider_kind_find(k->name), k); /* no name twice */
        assert_true(*k->doc && k->rate_per_s > 0);
        if (k->link || strcmp(k->name, "cmpp") == 0) continue; /* links */
        assert_true(k->call && k->answer);
        assert_true(!(k->cred_make && k->cred_call) && !k->cred_call == !k->cred_answer);
        for (size_t o = 0; o < k->opts_n; o++) assert_true(*k->opts[o].name && *k->opts[o].doc);
    }
    assert_null(provider_kind_find(""));
}

static void t_retry_after(void **state) {
    (void)state;
    static const struct {
        const char *value;
        int64_t     ms;
    } v[] = {
        {NULL, 0}, {"", 0}, {"0", 0}, {"120", 120000}, {"86400", 86400000}, {"86401", 86400000}, {"99999999999999999999", 86400000},
        {"-5", 0}, {"+5", 0}, {"5s", 0}, {"1.5", 0}, {"soon", 0},
        {"Mon, 12 Mar 2018 00:00:30 GMT", 30000}, {"Sun, 11 Mar 2018 23:59:00 GMT", 0}, {"Fri, 31 Dec 2055 23:59:59 GMT", 86400000},
        {"Mon, 12 Mar 2018 00:00:30 GMT x", 0}, {"2018-03-12T00:00:30Z", 0},
    };
    for (size_t i = 0; i < ARRAY_N(v); i++) {
        struct http_header h = {"Retry-After", v[i].value};
        struct http_answer r = {.status = 503, .header = &h, .headers_n = v[i].value != NULL, .body = ""};
        int64_t            ms = http_retry_after_ms(&r, KD_NOW);
        if (ms != v[i].ms) fail_msg("%s: %lld", v[i].value, (long long)ms);
    }
}

static void t_http_verdict(void **state) {
    (void)state;
    static const struct {
        int          status;
        bool         lost, decided;
        enum verdict verdict;
        int64_t      wait_ms;
        const char  *detail;
    } v[] = {
        {0, true, true, V_UNKNOWN, 0, "no answer"},  {0, false, true, V_RETRY, 0, "no connection"}, {429, false, true, V_THROTTLED, 7000, "HTTP 429"},
        {502, false, true, V_RETRY, 7000, "HTTP 502"}, {503, false, true, V_RETRY, 7000, "HTTP 503"}, {504, false, true, V_RETRY, 7000, "HTTP 504"},
        {200, false, false, V_MAX, 0, ""},           {400, false, false, V_MAX, 0, ""},             {401, false, false, V_MAX, 0, ""},
        {500, false, false, V_MAX, 0, ""},           {302, false, false, V_MAX, 0, ""},
    };
    for (size_t i = 0; i < ARRAY_N(v); i++) {
        struct http_header h   = {"retry-after", "7"};
        struct http_answer r   = {.status = v[i].status, .lost = v[i].lost, .header = &h, .headers_n = v[i].status != 0, .body = ""};
        struct push_answer out = {.verdict = V_MAX};
        if (http_verdict(&r, KD_NOW, &out) != v[i].decided || out.verdict != v[i].verdict || out.wait_ms != v[i].wait_ms || strcmp(out.detail, v[i].detail) != 0)
            fail_msg("%d: %d %lld %s", v[i].status, out.verdict, (long long)out.wait_ms, out.detail);
    }
}

static void t_detail(void **state) {
    (void)state;
    struct push_answer out = {0};
    char               word[200];
    push_detail(&out, 404, NULL);
    assert_string_equal(out.detail, "HTTP 404");
    push_detail(&out, 404, "a b\"c\n<\xE4\xB8\xAD>_-.9");
    assert_string_equal(out.detail, "HTTP 404 abc_-.9");
    memset(word, 'x', sizeof word - 1);
    word[sizeof word - 1] = '\0';
    push_detail(&out, 404, word);
    assert_int_equal(strlen(out.detail), 9 + 60);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(t_refused), cmocka_unit_test(t_options),     cmocka_unit_test(t_templates),    cmocka_unit_test(t_verdicts),
        cmocka_unit_test(t_kinds),   cmocka_unit_test(t_retry_after), cmocka_unit_test(t_http_verdict), cmocka_unit_test(t_detail),
    };
    return cmocka_run_group_tests_name("provider", tests, setup, teardown);
}
