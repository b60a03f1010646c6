/* SPDX-License-Identifier: Apache-2.0
 *
 * Memory of a carrier link: ceilings, verdicts of several parts, references and how they are spelled, and the tables of codes.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/check.h"
#include "push/link_int.h"

static const char *ref(uint64_t id) {
    static char s[LINK_REF_CAP];
    (void)snprintf(s, sizeof s, "%llu", (unsigned long long)id);
    return s;
}

static struct link_msg *settled(struct link_track *t, uint64_t cookie, uint64_t id, int64_t now, enum sms_verdict want) {
    static uint32_t   seq = 0xFFFFFFF0u; /* wraps on the way */
    struct sms_result r;
    struct link_msg  *m = link_track_add(t, cookie, 0, 1, now);
    m->part[0].seq      = seq;
    struct link_track_part *p = link_track_by_seq(t, seq++);
    assert_ptr_equal(p, &m->part[0]);
    assert_true(link_track_answer(t, p, want, 8, ref(id)));
    link_track_result(m, &r);
    assert_int_equal(r.verdict, want);
    link_track_settle(t, m, &r, true, now);
    return m;
}

static void t_track_caps(void **state) {
    (void)state;
    struct link_track t;
    link_track_init(&t, 4, 10, 4);
    for (uint64_t i = 0; i < 40; i++) (void)settled(&t, i, 1000 + i, (int64_t)i, SMS_SENT);
    assert_int_equal(t.awaiting_n, 10);
    assert_int_equal(t.forgotten, 30);
    assert_null(link_track_by_ref(&t, ref(1029), 0));
    assert_non_null(link_track_by_ref(&t, ref(1030), 0));
    assert_int_equal(link_track_by_ref(&t, ref(1039), 0)->msg->cookie, 39);
    (void)settled(&t, 99, 0, 50, SMS_THROTTLED); /* nothing taken: nothing to remember */
    assert_int_equal(t.awaiting_n, 10);
    link_track_age(&t, 35, 0);
    assert_int_equal(t.awaiting_n, 5);
    assert_null(link_track_by_ref(&t, ref(1034), 0));

    struct link_track_part *p = link_track_by_ref(&t, ref(1036), 0);
    p->msg->phase       = LINK_REPORTED;
    p->msg->token       = 77;
    assert_null(link_track_by_token(&t, link_ref_hash("1036"), 78));
    assert_ptr_equal(link_track_by_token(&t, link_ref_hash("1036"), 77), p->msg);
    link_track_stored(&t, p->msg, 60);
    assert_int_equal(t.awaiting_n, 4);
    assert_int_equal(t.quiet_n, 1);
    link_track_age(&t, 0, 61);
    assert_int_equal(t.quiet_n, 0);
    link_track_fini(&t);
}

static void t_track_verdicts(void **state) {
    (void)state;
#define T SMS_SENT
#define H SMS_THROTTLED
#define L SMS_TEMPORARY
#define R SMS_REJECTED
#define C SMS_CONFIG
#define U SMS_UNKNOWN
    static const struct {
        enum sms_verdict a[3], want;
        uint32_t         taken, code;
    } t[] = {
        {{T, T, T}, SMS_SENT, 3, 0},      {{H, H, H}, SMS_THROTTLED, 0, 1}, {{T, H, T}, SMS_THROTTLED, 2, 2}, {{T, U, T}, SMS_UNKNOWN, 2, 0},
        {{T, R, H}, SMS_REJECTED, 1, 2},  {{H, U, T}, SMS_THROTTLED, 1, 1}, {{U, U, R}, SMS_REJECTED, 0, 3},  {{U, U, U}, SMS_UNKNOWN, 0, 0},
        {{H, R, R}, SMS_REJECTED, 0, 2},  {{H, L, T}, SMS_TEMPORARY, 1, 2}, {{L, C, H}, SMS_CONFIG, 0, 2},    {{C, R, T}, SMS_REJECTED, 1, 2},
        {{U, L, U}, SMS_TEMPORARY, 0, 2}, {{T, C, U}, SMS_CONFIG, 1, 2},
    };
    struct link_track k;
    struct sms_result r;
    link_track_init(&k, 4, 10, 4);
    for (size_t i = 0; i < ARRAY_N(t); i++) {
        struct link_msg *m = link_track_add(&k, i, 0, 3, 0);
        assert_int_equal(k.used, 3);
        for (uint32_t j = 0; j < 3; j++) m->part[j].seq = 5 + j;
        for (uint32_t j = 3; j-- > 0;) /* answers come in any order */
            assert_int_equal(link_track_answer(&k, link_track_by_seq(&k, 5 + j), t[i].a[j], t[i].a[j] == T || t[i].a[j] == U ? 0 : j + 1,
                                               t[i].a[j] == T ? ref(0xA0 + j) : ""),
                             j == 0);
        assert_int_equal(k.used, 0);
        link_track_result(m, &r);
        assert_int_equal(r.verdict, t[i].want);
        assert_int_equal(r.taken_n, t[i].taken);
        assert_int_equal(r.code, t[i].code);
        assert_int_equal(r.taken_n + r.throttled_n + r.refused_n + r.unknown_n, 3);
        assert_int_equal(strlen(r.refs), t[i].taken ? t[i].taken * 4 - 1 : 0);
        link_track_settle(&k, m, &r, true, 0);
    }
    link_track_fini(&k);
}

static void t_track_phones(void **state) {
    (void)state;
    struct link_track t;
    struct sms_result r;
    static const struct {
        const char *s;
        uint32_t    want;
    } tails[] = {{"13800138000", 138000u}, {"8613800138000", 138000u}, {"+8613812345678", 12345678u}, {"1234567", 0}, {"", 0}, {"1381234x678", 0}};
    for (size_t i = 0; i < ARRAY_N(tails); i++) assert_int_equal(link_phone_tail(tails[i].s), tails[i].want);
    link_track_init(&t, 4, 10, 4);
    for (uint32_t i = 1; i <= 2; i++) { /* one reference, two phones: gateways count from one again */
        struct link_msg *m = link_track_add(&t, i, 1000 + i, 1, 0);
        assert_true(link_track_answer(&t, &m->part[0], SMS_SENT, 0, "77"));
        link_track_result(m, &r);
        link_track_settle(&t, m, &r, true, 0);
    }
    assert_int_equal(link_track_by_ref(&t, "77", 1001)->msg->cookie, 1);
    assert_int_equal(link_track_by_ref(&t, "77", 1002)->msg->cookie, 2);
    assert_null(link_track_by_ref(&t, "77", 1003));
    assert_non_null(link_track_by_ref(&t, "77", 0));
    link_track_fini(&t);
}

static void t_respell(void **state) {
    (void)state;
    static const struct {
        enum link_id_form form;
        const char       *in, *want; /* NULL: no such number */
    } t[] = {{LINK_ID_SAME, "00ab-x", "00ab-x"},
             {LINK_ID_LEARN, "12", "12"},
             {LINK_ID_HEX_DEC, "255", "ff"},
             {LINK_ID_HEX_DEC, "18446744073709551615", "ffffffffffffffff"},
             {LINK_ID_HEX_DEC, "18446744073709551616", NULL},
             {LINK_ID_HEX_DEC, "ff", NULL},
             {LINK_ID_HEX_DEC, "", NULL},
             {LINK_ID_DEC_HEX, "ff", "255"},
             {LINK_ID_DEC_HEX, "ffffffffffffffff", "18446744073709551615"},
             {LINK_ID_DEC_HEX, "10000000000000000", NULL},
             {LINK_ID_DEC_HEX, "xy", NULL}};
    char out[LINK_REF_CAP];
    for (size_t i = 0; i < ARRAY_N(t); i++) {
        assert_int_equal(link_ref_respell(t[i].form, t[i].in, out), t[i].want != NULL);
        if (t[i].want) assert_string_equal(out, t[i].want);
    }
}

static void t_codes(void **state) {
    (void)state;
    static const struct {
        const char      *proto;
        uint32_t         code;
        enum sms_verdict want, login;
    } t[] = {
        {"cmpp", 0, SMS_SENT, SMS_SENT},       {"cmpp", 1, SMS_REJECTED, SMS_CONFIG},  {"cmpp", 3, SMS_TEMPORARY, SMS_CONFIG},
        {"cmpp", 5, SMS_CONFIG, SMS_CONFIG},   {"cmpp", 6, SMS_REJECTED, SMS_CONFIG},  {"cmpp", 7, SMS_CONFIG, SMS_CONFIG},
        {"cmpp", 8, SMS_THROTTLED, SMS_CONFIG}, {"cmpp", 9, SMS_REJECTED, SMS_CONFIG}, {"cmpp", 10, SMS_CONFIG, SMS_CONFIG},
        {"cmpp", 11, SMS_CONFIG, SMS_CONFIG},  {"cmpp", 13, SMS_REJECTED, SMS_CONFIG}, {"cmpp", 200, SMS_REJECTED, SMS_CONFIG},
    };
    for (size_t i = 0; i < ARRAY_N(t); i++) {
        const struct link_proto *p = link_proto_find(t[i].proto);
        assert_non_null(p);
        assert_int_equal(link_classify(NULL, 0, p->codes, p->codes_n, t[i].code, SMS_REJECTED), t[i].want);
        assert_int_equal(link_classify(NULL, 0, p->login_codes, p->login_codes_n, t[i].code, SMS_CONFIG), t[i].login);
    }
    /* An account's own meaning comes first. */
    static const struct link_code own[] = {{8, 8, SMS_TEMPORARY}, {20, 29, SMS_THROTTLED}};
    const struct link_proto      *p     = link_proto_find("cmpp");
    assert_int_equal(link_classify(own, 2, p->codes, p->codes_n, 8, SMS_REJECTED), SMS_TEMPORARY);
    assert_int_equal(link_classify(own, 2, p->codes, p->codes_n, 25, SMS_REJECTED), SMS_THROTTLED);
    assert_int_equal(link_classify(own, 2, p->codes, p->codes_n, 0, SMS_REJECTED), SMS_SENT);
    assert_null(link_proto_find("CMPP"));
}

static void t_codes_of_people(void **state) {
    (void)state;
    static const struct {
        const char *text;
        size_t      n; /* 99: refused */
    } t[] = {{"", 0},         {"  ", 0},          {"20-29=throttled 35=config", 2}, {"1=retry,2=rejected", 2}, {"20=pigeon", 99}, {"x=retry", 99},
             {"0=retry", 99}, {"9-8=retry", 99}, {"5=", 99},                       {"5", 99},                 {"5=retry;6=retry", 99},
             {"5=retryretryretryretry", 99},     {"999999999=config", 1},          {"9999999999=config", 99}};
    struct link_code c[LINK_CODES_MAX];
    size_t           n;
    for (size_t i = 0; i < ARRAY_N(t); i++) {
        assert_int_equal(link_codes_parse(t[i].text, c, &n), t[i].n == 99 ? ERR_INPUT : ERR_OK);
        if (t[i].n != 99) assert_int_equal(n, t[i].n);
    }
    assert_int_equal(link_codes_parse("20-29=throttled 35=config 36=retry 37=rejected", c, &n), ERR_OK);
    assert_true(c[0].first == 20 && c[0].last == 29 && c[0].verdict == SMS_THROTTLED && c[1].first == 35 && c[1].last == 35 && c[1].verdict == SMS_CONFIG);
    assert_true(c[2].verdict == SMS_TEMPORARY && c[3].verdict == SMS_REJECTED);
    struct buf b;
    buf_init(&b, 4096);
    for (int i = 0; i < LINK_CODES_MAX; i++) buf_puts(&b, "1=retry ");
    assert_int_equal(link_codes_parse(buf_str(&b), c, &n), ERR_OK);
    buf_puts(&b, "1=retry");
    assert_int_equal(link_codes_parse(buf_str(&b), c, &n), ERR_INPUT);
    buf_fini(&b);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(t_track_caps), cmocka_unit_test(t_track_verdicts), cmocka_unit_test(t_track_phones),
        cmocka_unit_test(t_respell),    cmocka_unit_test(t_codes),      cmocka_unit_test(t_codes_of_people),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
