/* SPDX-License-Identifier: Apache-2.0
 *
 * SMGP 3.0: the codec against published vectors and broken bytes, reports in both spellings, and its codes on a link.
 */
#include "tests/unit/carrier.h"

#include "push/link_proto.h"
#include "push/smgp_codec.h"

static const char LOGIN[] =
    "0000002a0000000100000001323030303031323398d994b66644cb0f7beca269e39f094b020614dc4530";
static const char LOGIN_RESP[] =
    "00000021800000010000000100000000742db58f5a784aa57131f14c9f04dea130";
static const char SUBMIT[] =
    "0000009f00000002000000020601025a57545a0000000000003030300000000000300000000000080000000000000000000000000000000000000000"
    "000000000000000000000000000031303635393030303132330000000000000000000000000000000000000000000000000000000000000001313839"
    "3030303030303030000000000000000000000c301067d05e02301160a8597d0000000000000000";
static const char SUBMIT_PART[] =
    "000000b400000002000000030601025a57545a0000000000003030300000000000300000000000080000000000000000000000000000000000000000"
    "000000000000000000000000000031303635393030303132330000000000000000000000000000000000000000000000000000000000000001313839"
    "303030303030303000000000000000000000120500032a0201301067d05e02301160a8597d000000000000000000020001010009000102000a000101";
static const char SUBMIT_RESP[] =
    "0000001a80000002000000020100610102030400078900000000";
static const char DELIVER[] =
    "000000d30000000300000007010061010203040007900100323032363031303230333035303031383930303030303030300000000000000000000031"
    "30363539303030313233000000000000000000007a69643a01006101020304000789207375623a30303120646c7672643a303031207375626d697420"
    "646174653a3236303130323033303420646f6e6520646174653a3236303130323033303520737461743a44454c49565244206572723a303030207465"
    "78743a30313200000000000000000000000000000000000000000000000000";
static const char DELIVER_RESP[] =
    "0000001a80000003000000070100610102030400079000000000";
static const char ACTIVE_TEST[] =
    "0000000c0000000400000009";

static const uint8_t CONTENT[] = {0x30, 0x10, 0x67, 0xd0, 0x5e, 0x02, 0x30, 0x11, 0x60, 0xa8, 0x59, 0x7d};
static const uint8_t PART[]    = {5, 0, 3, 0x2a, 2, 1, 0x30, 0x10, 0x67, 0xd0, 0x5e, 0x02, 0x30, 0x11, 0x60, 0xa8, 0x59, 0x7d};
static const uint8_t ID[]      = {0x01, 0x00, 0x61, 0x01, 0x02, 0x03, 0x04, 0x00, 0x07, 0x89};

static struct smgp_login login(void) {
    return (struct smgp_login){.client_id = "20000123", .secret = "zbsecret", .mode = 2, .version = SMGP_V30, .timestamp = 102030405};
}

static void t_login(void **state) {
    (void)state;
    struct smgp_login      l = login();
    struct wire_pdu        pdu;
    struct smgp_login_resp r;
    uint8_t                b[64], auth[16], padded[16];
    assert_int_equal(smgp_encode_login(&pdu, 1, &l), ERR_OK);
    same(&pdu, LOGIN);
    assert_int_equal(smgp_authenticator(&l, auth), ERR_OK);
    size_t n = unhex(LOGIN_RESP, b);
    assert_int_equal(smgp_decode_login_resp(b, n, &r), ERR_OK);
    assert_true(r.status == 0 && r.version == SMGP_V30);
    assert_true(wire_is_authentic(r.status, 4, auth, "zbsecret", r.authenticator));
    assert_false(wire_is_authentic(r.status, 4, auth, "zbsecreT", r.authenticator));
    for (size_t k = 12; k < n; k++) assert_int_equal(smgp_decode_login_resp(b, k, &r), ERR_INPUT);
    l.client_id = "2000"; /* a shorter id: gateways differ */
    assert_int_equal(smgp_authenticator(&l, auth), ERR_OK);
    l.hash_padded = true;
    assert_int_equal(smgp_authenticator(&l, padded), ERR_OK);
    assert_memory_not_equal(auth, padded, 16);
    static const char *const bad[][2] = {{"200001234", "x"}, {"", "x"}, {"20000123", "sixteen_letters_"}};
    for (size_t i = 0; i < ARRAY_N(bad); i++) {
        l.client_id = bad[i][0];
        l.secret    = bad[i][1];
        assert_int_equal(smgp_encode_login(&pdu, 1, &l), ERR_INPUT);
    }
}

static void t_submit(void **state) {
    (void)state;
    struct smgp_submit s = {.service_id  = "ZWTZ",
                            .src         = "10659000123",
                            .dst         = "18900000000",
                            .content     = CONTENT,
                            .content_n   = sizeof CONTENT,
                            .priority    = 2,
                            .fmt         = 8,
                            .pk_total    = 1,
                            .pk_number   = 1,
                            .want_report = true};
    struct wire_pdu         pdu;
    struct smgp_submit_resp r;
    uint8_t                 b[64];
    assert_int_equal(smgp_encode_submit(&pdu, 2, SMGP_V30, &s), ERR_OK);
    same(&pdu, SUBMIT);
    struct smgp_submit p = s;
    p.content            = PART;
    p.content_n          = sizeof PART;
    p.pk_total           = 2;
    assert_int_equal(smgp_encode_submit(&pdu, 3, SMGP_V30, &p), ERR_OK);
    same(&pdu, SUBMIT_PART);
    assert_int_equal(smgp_encode_submit(&pdu, 2, SMGP_V13, &s), ERR_OK); /* without FixedFee */
    assert_int_equal(pdu.len, 159 - 6);
    static const uint8_t big[141] = {0};
    static const struct {
        const char *dst, *src, *service;
        size_t      n;
        uint8_t     total, number;
    } bad[] = {{"", "1", "Z", 5, 1, 1},  {"1234567890123456789012", "1", "Z", 5, 1, 1}, {"1", "1234567890123456789012", "Z", 5, 1, 1},
               {"1", "1", "elevenchars", 5, 1, 1}, {"1", "1", "Z", 0, 1, 1},            {"1", "1", "Z", 141, 1, 1},
               {"1", "1", "Z", 5, 0, 0}, {"1", "1", "Z", 5, 1, 2},                      {"1", "1", "Z", 5, 2, 0}};
    for (size_t i = 0; i < ARRAY_N(bad); i++) {
        s = (struct smgp_submit){.dst = bad[i].dst, .src = bad[i].src, .service_id = bad[i].service, .content = big, .content_n = bad[i].n,
                                 .pk_total = bad[i].total, .pk_number = bad[i].number};
        assert_int_equal(smgp_encode_submit(&pdu, 2, SMGP_V30, &s), ERR_INPUT);
        assert_int_equal(pdu.len, 0);
    }
    size_t n = unhex(SUBMIT_RESP, b);
    assert_int_equal(smgp_decode_submit_resp(b, n, &r), ERR_OK);
    assert_true(r.status == 0 && memcmp(r.msg_id, ID, sizeof ID) == 0);
    for (size_t k = 12; k < n; k++) assert_int_equal(smgp_decode_submit_resp(b, k, &r), ERR_INPUT);
}

static void t_deliver(void **state) {
    (void)state;
    uint8_t             b[512];
    struct smgp_deliver d;
    struct smgp_report  r;
    struct wire_pdu     pdu;
    size_t              n = unhex(DELIVER, b);
    assert_int_equal(smgp_decode_deliver(b, n, &d), ERR_OK);
    assert_true(d.is_report && !d.udhi && d.content_n == 122);
    assert_string_equal(d.src, "18900000000");
    assert_string_equal(d.dst, "10659000123");
    assert_int_equal(smgp_decode_report(d.content, d.content_n, &r), ERR_OK);
    assert_memory_equal(r.msg_id, ID, sizeof ID);
    assert_string_equal(r.stat, "DELIVRD");
    assert_string_equal(r.done_time, "2601020305");
    assert_int_equal(r.error, 0);
    smgp_encode_deliver_resp(&pdu, 7, d.msg_id, 0);
    same(&pdu, DELIVER_RESP);
    for (size_t k = 12; k < n; k++) assert_int_equal(smgp_decode_deliver(b, k, &d), ERR_INPUT);
    /* Options behind it: known, unknown, cut. */
    size_t m = n + unhex("0099000212340002000101", b + n);
    assert_int_equal(smgp_decode_deliver(b, m, &d), ERR_OK);
    assert_true(d.udhi);
    for (size_t k = n + 1; k < m; k++)
        if (k != n + 6) assert_int_equal(smgp_decode_deliver(b, k, &d), ERR_INPUT);
    b[22] = 2; /* IsReport has two values */
    assert_int_equal(smgp_decode_deliver(b, n, &d), ERR_INPUT);
    smgp_encode_plain(&pdu, SMGP_ACTIVE_TEST, 9);
    same(&pdu, ACTIVE_TEST);
    smgp_encode_plain(&pdu, SMGP_ACTIVE_TEST | SMGP_RESP, 9);
    same(&pdu, "0000000c8000000400000009");
}

static void t_reports(void **state) {
    (void)state;
#define NAME "\x20\x3a\x00id:sub:" /* ten bytes that look like anything */
    static const struct {
        const char *text;
        size_t      n;
        const char *stat, *done; /* stat NULL: not to be read */
        uint32_t    error;
    } t[] = {
#define R(s) s, sizeof s - 1
        {R("id:" NAME " sub:001 dlvrd:001 submit date:2601020304 done date:2601020305 stat:UNDELIV err:005 text:012hello"), "UNDELIV", "2601020305", 5},
        {R("id:" NAME "sub:001 dlvrd:001 submit_date:2601020304 done_date:2601020305 stat:DELIVRD err:000 txt:stat:EXPIRED"), "DELIVRD", "2601020305", 0},
        {R("id:" NAME " stat:MK:0001 err:x"), "MK:0001", "", 0},
        {R("id:" NAME " stat:TOOLONGWORD"), "TOOLONG", "", 0},
        {R("id:" NAME " done date:26010203 stat:EXPIRED"), "EXPIRED", "", 0},
        {R("id:" NAME " text: stat:DELIVRD"), NULL, "", 0},
        {R("id:" NAME), NULL, "", 0},
        {R("id:123"), NULL, "", 0},
        {R("ID:" NAME " stat:DELIVRD"), NULL, "", 0},
    };
    struct smgp_report r;
    for (size_t i = 0; i < ARRAY_N(t); i++) {
        assert_int_equal(smgp_decode_report((const uint8_t *)t[i].text, t[i].n, &r), t[i].stat ? ERR_OK : ERR_INPUT);
        if (t[i].stat == NULL) continue;
        assert_memory_equal(r.msg_id, NAME, SMGP_MSG_ID);
        assert_string_equal(r.stat, t[i].stat);
        assert_string_equal(r.done_time, t[i].done);
        assert_int_equal(r.error, t[i].error);
    }
}

/* ---- on a link ---- */

static const struct side SMGP = {.proto = "smgp", .script = "tests/peers/smgp.mjs", .user = "20000123", .secret = "zbsecret"};

static void t_statuses(void **state) {
    (void)state;
    static const struct {
        unsigned         status;
        enum sms_verdict want;
    } t[] = {{1, SMS_THROTTLED}, {2, SMS_TEMPORARY}, {10, SMS_REJECTED}, {11, SMS_REJECTED}, {12, SMS_TEMPORARY}, {20, SMS_CONFIG},
             {21, SMS_CONFIG},   {22, SMS_CONFIG},   {30, SMS_CONFIG},   {31, SMS_CONFIG},   {32, SMS_CONFIG},    {33, SMS_CONFIG},
             {34, SMS_CONFIG},   {35, SMS_REJECTED}, {36, SMS_REJECTED}, {39, SMS_REJECTED}, {40, SMS_CONFIG},    {43, SMS_CONFIG},
             {46, SMS_CONFIG},   {47, SMS_REJECTED}, {48, SMS_CONFIG},   {49, SMS_CONFIG},   {58, SMS_REJECTED},  {73, SMS_CONFIG},
             {74, SMS_TEMPORARY}, {75, SMS_CONFIG},  {76, SMS_CONFIG},   {128, SMS_REJECTED}, {255, SMS_REJECTED}};
    struct link_conf c = conf();
    open_link(&c);
    for (size_t i = 0; i < ARRAY_N(t); i++) {
        char body[96];
        (void)snprintf(body, sizeof body, "{\"reject_phone\":{\"" PHONE "\":%u}}", t[i].status);
        behave(body);
        submit(i, "您好");
        AWAIT(results, i + 1);
        assert_int_equal(me.result[i].verdict, t[i].want);
        assert_int_equal(me.result[i].code, t[i].status);
        assert_string_equal(me.result[i].refs, "");
    }
    close_link();
}

static void t_field_reports(void **state) {
    (void)state;
    struct link_conf c = conf();
    open_link(&c);
    behave("{\"report_form\":\"field\",\"report\":\"EXPIRED\"}");
    submit(1, "您好");
    AWAIT(reports, 1);
    AWAIT(acked, 1);
    assert_true(!me.report[0].delivered && me.report[0].code == 1);
    assert_string_equal(me.report[0].stat, "EXPIRED");
    assert_string_equal(me.report[0].phone, PHONE);
    assert_int_equal(strlen(me.report[0].done_time), 10);
    behave("{\"report\":\"ACCEPTD\"}"); /* on its way: answered, not handed up */
    submit(2, "您好");
    AWAIT(acked, 2);
    assert_true(me.reports_n == 1 && me.orphans_n == 0);
    close_link();
}

static void t_login_refused(void **state) {
    (void)state;
    static const struct {
        unsigned status;
        bool     needs_person;
    } t[] = {{21, true}, {20, true}, {1, false}, {2, false}};
    for (size_t i = 0; i < ARRAY_N(t); i++) {
        struct link_conf c = conf();
        char             body[64];
        (void)snprintf(body, sizeof body, "{\"login_status\":%u}", t[i].status);
        behave(body);
        me.refused = me.closed = 0;
        assert_int_equal(link_open(&me.loop, &c, &OPS, NULL, &me.link), ERR_OK);
        AWAIT(refused, 1);
        assert_int_equal(me.refused, t[i].needs_person ? t[i].status : 0);
        close_link();
    }
}

#define T(f) {.name = #f, .test_func = (f), .setup_func = setup, .teardown_func = teardown, .initial_state = (void *)(uintptr_t)&SMGP}

int main(void) {
    const struct CMUnitTest codec[] = {cmocka_unit_test(t_login), cmocka_unit_test(t_submit), cmocka_unit_test(t_deliver), cmocka_unit_test(t_reports)};
    const struct CMUnitTest link[]  = {T(t_statuses), T(t_field_reports), T(t_login_refused)};
    int                     failed  = cmocka_run_group_tests(codec, NULL, NULL);
    log_set(LOG_ERROR + 1, 2);
    /* NOLINTNEXTLINE: a fixed command, to see whether there is a gateway to test against */
    if (system("command -v node >/dev/null 2>&1 && test -f tests/peers/smgp.mjs") != 0) {
        (void)printf("skipped: no node, or not run from the root of the sources\n");
        return failed;
    }
    return failed + cmocka_run_group_tests(link, NULL, NULL);
}
