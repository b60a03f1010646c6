/* SPDX-License-Identifier: Apache-2.0
 *
 * CMPP codec against published vectors and broken bytes; text parts.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/check.h"
#include "base/mem.h"
#include "push/cmpp_codec.h"
#include "push/sms_text.h"

static size_t unhex(const char *s, uint8_t *out) {
    size_t n = 0;
    for (; s[0] && s[1]; s += 2) {
        unsigned v;
        assert_int_equal(sscanf(s, "%2x", &v), 1);
        out[n++] = (uint8_t)v;
    }
    return n;
}

static void same(const uint8_t *p, size_t n, const char *hex) {
    uint8_t want[CMPP_PDU_MAX];
    assert_int_equal(unhex(hex, want), n);
    assert_memory_equal(p, want, n);
}

static const char SUBMIT_20[] =
    "000000ab00000004000000020000000000000000010101005a57545a00000000000002000000000000000000000000000000"
    "0000000000000000083930313233343031303030303030000000000000000000000000000000000000000000000000000000"
    "0000000000000031303639303030303132330000000000000000000001313338303031333830303000000000000000000000"
    "0c301067d05e02301160a8597d0000000000000000";
static const char SUBMIT_30[] =
    "000000cf00000004000000020000000000000000010101005a57545a00000000000002000000000000000000000000000000"
    "0000000000000000000000000000000000000000083930313233343031303030303030000000000000000000000000000000"
    "0000000000000000000000000000000000000031303639303030303132330000000000000000000001313338303031333830"
    "3030000000000000000000000000000000000000000000000c301067d05e02301160a8597d00000000000000000000000000"
    "00000000000000";
static const char DELIVER_20[] =
    "000000910000000500000007110c4143e24000013130363930303030313233000000000000000000005a57545a0000000000"
    "00000000313338303031333830303000000000000000000000013c110c4141e240031544454c495652443236303130323033"
    "303432363031303230333035313338303031333830303000000000000000000000010203040000000000000000";
static const char DELIVER_30[] =
    "000000b40000000500000007110c4143e24000013130363930303030313233000000000000000000005a57545a0000000000"
    "000000003133383030313338303030000000000000000000000000000000000000000000000147110c4141e240031544454c"
    "4956524432363031303230333034323630313032303330353133383030313338303030000000000000000000000000000000"
    "000000000000010203040000000000000000000000000000000000000000";

static struct cmpp_login login(uint8_t version) {
    return (struct cmpp_login){.sp_code = "901234", .secret = "1234", .version = version, .timestamp = 102030405};
}

static void t_login(void **state) {
    (void)state;
    struct cmpp_login l = login(CMPP_V20);
    struct wire_pdu   pdu;
    uint8_t           auth[16], padded[16];
    assert_int_equal(cmpp_authenticator(&l, auth), ERR_OK);
    same(auth, 16, "e45edee925b9c275458dfcc54b2bebd8");
    assert_int_equal(cmpp_encode_connect(&pdu, 1, &l), ERR_OK);
    same(pdu.b, pdu.len, "000000270000000100000001393031323334e45edee925b9c275458dfcc54b2bebd8200614dc45");
    l = login(CMPP_V30);
    assert_int_equal(cmpp_encode_connect(&pdu, 1, &l), ERR_OK);
    same(pdu.b, pdu.len, "000000270000000100000001393031323334e45edee925b9c275458dfcc54b2bebd8300614dc45");

    l.hash_padded = true; /* no difference for six characters, one for fewer */
    assert_int_equal(cmpp_authenticator(&l, padded), ERR_OK);
    assert_memory_equal(auth, padded, 16);
    l.sp_code = "9012";
    assert_int_equal(cmpp_authenticator(&l, padded), ERR_OK);
    l.hash_padded = false;
    assert_int_equal(cmpp_authenticator(&l, auth), ERR_OK);
    assert_memory_not_equal(auth, padded, 16);

    l.sp_code = "9012345";
    assert_int_equal(cmpp_encode_connect(&pdu, 1, &l), ERR_INPUT);
    l.sp_code = "";
    assert_int_equal(cmpp_encode_connect(&pdu, 1, &l), ERR_INPUT);
    assert_int_equal(wire_timestamp(INT64_C(1767294245000)), 102030405u); /* 2026-01-02 03:04:05 in China */
    assert_int_equal(wire_timestamp(INT64_C(1767294245000) + 5 * 3600 * 1000), 102080405u);
}

static void t_connect_resp(void **state) {
    (void)state;
    uint8_t                  b[64], auth[16];
    struct cmpp_login        l = login(CMPP_V30);
    struct cmpp_connect_resp r;
    assert_int_equal(cmpp_authenticator(&l, auth), ERR_OK);
    size_t n = unhex("0000001e80000001000000010030379ada95177b628ad0bc5ddeac0ddd20", b);
    assert_int_equal(cmpp_decode_connect_resp(b, n, &r), ERR_OK);
    assert_true(r.short_form && r.status == 0 && r.version == CMPP_V20);
    assert_true(cmpp_connect_resp_is_authentic(&r, auth, "1234"));
    assert_false(cmpp_connect_resp_is_authentic(&r, auth, "1235"));
    n = unhex("00000021800000010000000100000000af8b00451a390b4990321de5bfca09c230", b);
    assert_int_equal(cmpp_decode_connect_resp(b, n, &r), ERR_OK);
    assert_true(!r.short_form && r.status == 0 && r.version == CMPP_V30);
    assert_true(cmpp_connect_resp_is_authentic(&r, auth, "1234"));
    r.authenticator[3] ^= 1;
    assert_false(cmpp_connect_resp_is_authentic(&r, auth, "1234"));
    for (size_t k = 12; k < 40; k++)
        if (k != 30 && k != 33) assert_int_equal(cmpp_decode_connect_resp(b, k, &r), ERR_INPUT);
}

static struct cmpp_submit submit(void) {
    static const uint8_t content[] = {0x30, 0x10, 0x67, 0xd0, 0x5e, 0x02, 0x30, 0x11, 0x60, 0xa8, 0x59, 0x7d};
    return (struct cmpp_submit){.sp_code       = "901234",
                                .service_id    = "ZWTZ",
                                .src_id        = "10690000123",
                                .phone         = "13800138000",
                                .content       = content,
                                .content_n     = sizeof content,
                                .pk_total      = 1,
                                .pk_number     = 1,
                                .fee_user_type = 2,
                                .fmt           = 8,
                                .want_report   = true};
}

static void t_submit(void **state) {
    (void)state;
    static const uint8_t    big[141] = {0};
    struct cmpp_submit      s        = submit();
    struct wire_pdu         pdu;
    struct cmpp_submit_resp r;
    uint8_t                 b[64];
    assert_int_equal(cmpp_encode_submit(&pdu, 2, CMPP_V20, &s), ERR_OK);
    same(pdu.b, pdu.len, SUBMIT_20);
    assert_int_equal(cmpp_encode_submit(&pdu, 2, 0x21, &s), ERR_OK);
    same(pdu.b, pdu.len, SUBMIT_20);
    assert_int_equal(cmpp_encode_submit(&pdu, 2, CMPP_V30, &s), ERR_OK);
    same(pdu.b, pdu.len, SUBMIT_30);
    s.content   = big;
    s.content_n = 140;
    assert_int_equal(cmpp_encode_submit(&pdu, 2, CMPP_V30, &s), ERR_OK);
    assert_int_equal(pdu.len, 12 + 129 + 32 + 2 + 140 + 20);

    static const struct {
        const char *phone, *src, *sp, *service;
        size_t      n;
        uint8_t     total, number;
    } bad[] = {
        {"13800138000", "1069", "901234", "ZWTZ", 141, 1, 1}, {"13800138000", "1069", "901234", "ZWTZ", 0, 1, 1},
        {"", "1069", "901234", "ZWTZ", 10, 1, 1},             {"13800138000", "1069", "901234", "ZWTZ", 10, 1, 2},
        {"13800138000", "1069", "901234", "ZWTZ", 10, 0, 0},  {"1380013800013800138000", "1069", "901234", "ZWTZ", 10, 1, 1},
        {"13800138000", "1069000012310690000123", "901234", "ZWTZ", 10, 1, 1},
        {"13800138000", "1069", "9012345", "ZWTZ", 10, 1, 1}, {"13800138000", "1069", "901234", "ZWTZZWTZZWT", 10, 1, 1},
    };
    for (size_t i = 0; i < ARRAY_N(bad); i++) {
        s.phone      = bad[i].phone;
        s.src_id     = bad[i].src;
        s.sp_code    = bad[i].sp;
        s.service_id = bad[i].service;
        s.content_n  = bad[i].n;
        s.pk_total   = bad[i].total;
        s.pk_number  = bad[i].number;
        assert_int_equal(cmpp_encode_submit(&pdu, 2, CMPP_V20, &s), ERR_INPUT);
        assert_int_equal(pdu.len, 0);
    }
    size_t n = unhex("000000158000000400000002110c4141e240031508", b);
    assert_int_equal(cmpp_decode_submit_resp(b, n, &r), ERR_OK);
    assert_true(r.msg_id == UINT64_C(0x110C4141E2400315) && r.result == 8);
    n = unhex("000000188000000400000002110c4141e240031500000000", b);
    assert_int_equal(cmpp_decode_submit_resp(b, n, &r), ERR_OK);
    assert_true(r.msg_id == UINT64_C(0x110C4141E2400315) && r.result == 0);
    for (size_t k = 12; k < 40; k++)
        if (k != 21 && k != 24) assert_int_equal(cmpp_decode_submit_resp(b, k, &r), ERR_INPUT);
}

static void t_deliver(void **state) {
    (void)state;
    uint8_t             b[512];
    struct cmpp_deliver d;
    struct cmpp_report  r;
    struct wire_pdu     pdu;
    for (int v3 = 0; v3 < 2; v3++) {
        uint8_t version = v3 ? CMPP_V30 : CMPP_V20;
        size_t  n       = unhex(v3 ? DELIVER_30 : DELIVER_20, b);
        assert_int_equal(cmpp_decode_deliver(b, n, version, &d), ERR_OK);
        assert_true(d.is_report && d.msg_id == UINT64_C(0x110c4143e2400001));
        assert_string_equal(d.dest_id, "10690000123");
        assert_string_equal(d.service_id, "ZWTZ");
        assert_string_equal(d.src, "13800138000");
        assert_int_equal(cmpp_decode_report(d.content, d.content_n, &r), ERR_OK);
        assert_true(r.msg_id == UINT64_C(0x110C4141E2400315) && r.smsc_sequence == 0x01020304);
        assert_string_equal(r.stat, "DELIVRD");
        assert_string_equal(r.submit_time, "2601020304");
        assert_string_equal(r.done_time, "2601020305");
        assert_string_equal(r.phone, "13800138000");
        for (size_t k = 12; k < sizeof b; k++)
            if (k != n) assert_int_equal(cmpp_decode_deliver(b, k, version, &d), ERR_INPUT);
        assert_int_equal(cmpp_decode_deliver(b, n, v3 ? CMPP_V20 : CMPP_V30, &d), ERR_INPUT);
        b[v3 ? 87 : 75] = 2; /* Registered_Delivery has two values */
        assert_int_equal(cmpp_decode_deliver(b, n, version, &d), ERR_INPUT);
    }
    for (size_t k = 0; k < 160; k++)
        if (k != 60 && k != 71) assert_int_equal(cmpp_decode_report(b, k, &r), ERR_INPUT);
    cmpp_encode_deliver_resp(&pdu, 7, CMPP_V20, UINT64_C(0x110c4143e2400001), 0);
    same(pdu.b, pdu.len, "000000158000000500000007110c4143e240000100");
    cmpp_encode_deliver_resp(&pdu, 7, CMPP_V30, UINT64_C(0x110c4143e2400001), 4);
    same(pdu.b, pdu.len, "000000188000000500000007110c4143e240000100000004");
}

static void t_plain_and_frames(void **state) {
    (void)state;
    struct wire_pdu  pdu;
    struct cmpp_head h;
    char             id[17];
    uint8_t          b[16];
    size_t           len;
    cmpp_encode_plain(&pdu, CMPP_ACTIVE_TEST, 9);
    same(pdu.b, pdu.len, "0000000c0000000800000009");
    cmpp_encode_plain(&pdu, CMPP_ACTIVE_TEST_RESP, 9);
    same(pdu.b, pdu.len, "0000000d800000080000000900");
    for (size_t k = 0; k < pdu.len; k++) assert_int_equal(wire_frame_next(pdu.b, k, CMPP_HEAD_BYTES, CMPP_PDU_MAX, &len), WIRE_MORE);
    assert_int_equal(wire_frame_next(pdu.b, pdu.len, CMPP_HEAD_BYTES, CMPP_PDU_MAX, &len), WIRE_OK);
    cmpp_head(pdu.b, len, &h);
    assert_true(h.len == 13 && h.cmd == CMPP_ACTIVE_TEST_RESP && h.seq == 9);
    cmpp_encode_plain(&pdu, CMPP_TERMINATE, 3);
    same(pdu.b, pdu.len, "0000000c0000000200000003");
    cmpp_encode_plain(&pdu, CMPP_TERMINATE_RESP, 3);
    same(pdu.b, pdu.len, "0000000c8000000200000003");
    static const struct {
        const char     *hex;
        enum wire_frame want;
    } t[] = {{"0000000b", WIRE_BAD},  {"00000000", WIRE_BAD},  {"00001001", WIRE_BAD},
             {"ffffffff", WIRE_BAD},  {"00001000", WIRE_MORE}, {"47455420", WIRE_BAD},
             {"0000000c", WIRE_MORE}, {"00", WIRE_MORE}};
    for (size_t i = 0; i < ARRAY_N(t); i++) assert_int_equal(wire_frame_next(b, unhex(t[i].hex, b), CMPP_HEAD_BYTES, CMPP_PDU_MAX, &len), t[i].want);
    cmpp_msg_id_text(UINT64_C(0x110C4141E2400315), id);
    assert_string_equal(id, "110c4141e2400315");
}

/* ---- text ---- */

static char *repeat(const char *s, size_t n) {
    struct buf b;
    buf_init(&b, 1 << 20);
    for (size_t i = 0; i < n; i++) buf_puts(&b, s);
    return buf_take(&b, NULL);
}

static void t_parts(void **state) {
    (void)state;
    static const struct {
        const char *s;
        size_t      times, parts;
    } t[] = {{"测", 1, 1},   {"测", 70, 1},  {"测", 71, 2}, {"测", 134, 2}, {"测", 135, 3}, {"测", 201, 3}, {"测", 500, 8},
             {"a", 70, 1},   {"a", 71, 2},   {"😀", 35, 1}, {"😀", 36, 2},  {"😀", 66, 2},  {"😀", 67, 3},  {"测", 0, 0},
             {"测", 67 * 32, 32}, {"测", 67 * 32 + 1, 0}};
    for (size_t i = 0; i < ARRAY_N(t); i++) {
        char *s = repeat(t[i].s, t[i].times);
        assert_int_equal(sms_parts(s), t[i].parts);
        x_free(s);
    }
}

static void t_split(void **state) {
    (void)state;
    struct sms_part part[SMS_PARTS_MAX];
    struct buf      out;
    size_t          n;
    char           *s = repeat("测", 71);
    assert_int_equal(sms_split(s, 0x2A, part, 4, &n), ERR_OK);
    assert_int_equal(n, 2);
    assert_true(part[0].len == 140 && part[1].len == 14);
    same(part[0].b, 8, "0500032a02016d4b");
    same(part[1].b, 14, "0500032a02026d4b6d4b6d4b6d4b");
    assert_int_equal(sms_split(s, 0, part, 1, &n), ERR_TOOBIG);
    assert_int_equal(n, 0);
    x_free(s);

    assert_int_equal(sms_split("【某市】您好", 0, part, 1, &n), ERR_OK);
    same(part[0].b, part[0].len, "301067d05e02301160a8597d");

    /* A pair at the seam: unit 67 would be its first half. */
    char *a = repeat("a", 66), *z = repeat("z", 10);
    buf_init(&out, 4096);
    buf_printf(&out, "%s😀%s", a, z);
    s = buf_take(&out, NULL);
    assert_int_equal(sms_split(s, 7, part, 4, &n), ERR_OK);
    assert_int_equal(n, 2);
    assert_int_equal(part[0].len, 6 + 132);
    same(part[1].b + 6, 6, "d83dde00007a");
    x_free(a);
    x_free(z);
    x_free(s);

    /* Cut and joined again, any mixture is what it was. */
    char *mix = repeat("a测😀é", 40);
    assert_int_equal(sms_split(mix, 1, part, SMS_PARTS_MAX, &n), ERR_OK);
    buf_init(&out, 4096);
    for (size_t i = 0; i < n; i++) {
        struct sms_concat c;
        assert_true(part[i].len <= 140);
        assert_int_equal(sms_udh(part[i].b, part[i].len, &c), 6);
        assert_true(c.ref == 1 && c.total == n && c.number == i + 1);
        assert_int_equal(sms_decode(SMS_FMT_UCS2, part[i].b + 6, part[i].len - 6, &out), ERR_OK);
    }
    assert_string_equal(buf_str(&out), mix);
    buf_fini(&out);
    x_free(mix);
}

static void t_bad_utf8(void **state) {
    (void)state;
    static const char *const bad[] = {"\x80",         "a\xff",         "\xc0\x80",     "\xc1\xbf",         "\xe0\x80\x80",
                                      "\xed\xa0\x80", "\xed\xbf\xbf",  "\xf0\x80\x80\x80", "\xf4\x90\x80\x80", "\xf5\x80\x80\x80",
                                      "\xe6\xb5",     "\xf0\x9f\x98",  "\xe6",         "\xe6\xb5x",        ""};
    struct sms_part          part[4];
    size_t                   n;
    for (size_t i = 0; i < ARRAY_N(bad); i++) {
        assert_int_equal(sms_parts(bad[i]), 0);
        assert_int_equal(sms_split(bad[i], 0, part, 4, &n), ERR_INPUT);
    }
    assert_int_equal(sms_parts("\xf4\x8f\xbf\xbf\xee\x80\x80\xed\x9f\xbf"), 1);
}

static void t_decode(void **state) {
    (void)state;
    static const struct {
        uint8_t     fmt;
        const char *hex, *want;
        enum err    e;
    } t[] = {
        {SMS_FMT_ASCII, "52", "R", ERR_OK},          {SMS_FMT_ASCII, "80", "", ERR_INPUT},
        {SMS_FMT_UCS2, "90008ba2", "退订", ERR_OK},  {SMS_FMT_UCS2, "d83dde00", "😀", ERR_OK},
        {SMS_FMT_UCS2, "900", "", ERR_INPUT},        {SMS_FMT_UCS2, "d83d", "", ERR_INPUT},
        {SMS_FMT_UCS2, "d83d0041", "", ERR_INPUT},   {SMS_FMT_UCS2, "de00", "", ERR_INPUT},
        {SMS_FMT_UCS2, "0000", "", ERR_INPUT},       {SMS_FMT_GBK, "cdcbb6a9", "退订", ERR_OK},
        {SMS_FMT_GBK, "ff", "", ERR_INPUT},          {4, "52", "", ERR_MEDIA},
        {SMS_FMT_UCS2, "", "", ERR_OK},              {SMS_FMT_UCS2, "00e9", "é", ERR_OK},
    };
    uint8_t    b[64];
    struct buf out;
    for (size_t i = 0; i < ARRAY_N(t); i++) {
        buf_init(&out, 256);
        assert_int_equal(sms_decode(t[i].fmt, b, unhex(t[i].hex, b), &out), t[i].e);
        assert_string_equal(buf_str(&out), t[i].want);
        buf_fini(&out);
    }
    struct sms_concat c;
    assert_int_equal(sms_udh(b, unhex("060804123402010041", b), &c), 7);
    assert_true(c.ref == 0x1234 && c.total == 2 && c.number == 1);
    assert_int_equal(sms_udh(b, unhex("0500030102", b), &c), 0);
    assert_int_equal(sms_udh(b, unhex("050003010203", b), &c), 6); /* number above total: no long text */
    assert_int_equal(c.total, 1);
    assert_int_equal(sms_udh(b, 0, &c), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(t_login),    cmocka_unit_test(t_connect_resp),     cmocka_unit_test(t_submit),
        cmocka_unit_test(t_deliver),  cmocka_unit_test(t_plain_and_frames), cmocka_unit_test(t_parts),
        cmocka_unit_test(t_split),    cmocka_unit_test(t_bad_utf8),         cmocka_unit_test(t_decode),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
