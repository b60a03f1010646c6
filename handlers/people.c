/* SPDX-License-Identifier: Apache-2.0 */
#include "handlers/people.h"

#include <stdio.h>
#include <string.h>

#include "base/calendar.h"
#include "base/mem.h"
#include "base/sm.h"
#include "base/text.h"
#include "handlers/method.h"
#include "store/auth.h"

#define PHONE_DIGITS 11

/* ---- numbers and codes ---- */

bool phone_ok(const char *phone) {
    return strlen(phone) == PHONE_DIGITS && strspn(phone, "0123456789") == PHONE_DIGITS && phone[0] == '1' && phone[1] >= '3';
}

void phone_index(const struct house *h, const char *phone, char out[MAC_CAP]) {
    uint8_t mac[32];
    sm3_hmac(h->idx_key, sizeof h->idx_key, phone, strlen(phone), mac);
    hex_encode(out, mac, sizeof mac);
}

enum err phone_seal(const struct house *h, struct arena *a, const char *phone, const void **enc, size_t *n) {
    size_t   cap = strlen(phone) + SM4_EXTRA;
    uint8_t *out = arena_alloc(a, cap);
    *enc         = out;
    return sm4_seal(&h->pii_key, phone, strlen(phone), out, cap, n);
}

const char *phone_masked(const struct house *h, struct arena *a, const struct person *p) {
    uint8_t plain[32];
    size_t  n = 0;
    if (p->phone_enc == NULL || p->phone_enc_n > sizeof plain + SM4_EXTRA) return "";
    if (sm4_open(&h->pii_key, p->phone_enc, p->phone_enc_n, plain, sizeof plain, &n) != ERR_OK || n != PHONE_DIGITS) return "";
    const char *s = arena_printf(a, "%.3s****%.4s", (const char *)plain, (const char *)plain + 7);
    x_wipe(plain, sizeof plain);
    return s;
}

void digits_random(char *out, int n) {
    for (int i = 0; i < n; i++) {
        uint8_t b;
        do random_bytes(&b, 1);
        while (b >= 250); /* each digit equally likely */
        out[i] = (char)('0' + b % 10);
    }
    out[n] = '\0';
}

void nonce_random(char out[33]) {
    uint8_t raw[16];
    random_bytes(raw, sizeof raw);
    hex_encode(out, raw, sizeof raw);
}

void code_mac(const struct house *h, const char *space, const char *object, const char *code, char out[MAC_CAP]) {
    char    text[160];
    uint8_t mac[32];
    int     n = snprintf(text, sizeof text, "%s\n%s\n%s", space, object, code);
    sm3_hmac(h->code_key, sizeof h->code_key, text, (size_t)n < sizeof text ? (size_t)n : sizeof text - 1, mac);
    hex_encode(out, mac, sizeof mac);
    x_wipe(text, sizeof text);
}

bool mac_equal(const char *a, const char *b) {
    size_t n = strlen(a);
    return n == strlen(b) && ct_equal(a, b, n);
}

/* ---- SM2 of devices ---- */

static enum err decode_exact(uint8_t *out, size_t want, const char *hex) {
    size_t n = 0;
    if (strlen(hex) != want * 2 || hex_decode(out, want, hex, want * 2, &n) != ERR_OK || n != want) return ERR_INPUT;
    return ERR_OK;
}

enum err pubkey_parse(struct arena *a, const char *hex, const char **out) {
    uint8_t pub[65];
    TRY(decode_exact(pub, sizeof pub, hex));
    TRY(sm2_pub_check(pub));
    char *s = arena_alloc(a, sizeof pub * 2 + 1);
    hex_encode(s, pub, sizeof pub);
    *out = s;
    return ERR_OK;
}

const char *pubkey_name(struct arena *a, const char *pubkey) {
    uint8_t pub[65], digest[32];
    if (decode_exact(pub, sizeof pub, pubkey) != ERR_OK) return "";
    sm3(pub, sizeof pub, digest);
    char *s = arena_alloc(a, 17);
    hex_encode(s, digest, 8);
    return s;
}

enum err signature_check(const char *pubkey, const char *text, const char *sig_hex) {
    uint8_t pub[65], sig[64];
    if (decode_exact(pub, sizeof pub, pubkey) != ERR_OK || decode_exact(sig, sizeof sig, sig_hex) != ERR_OK) return ERR_SIG;
    return sm2_verify(pub, text, strlen(text), sig) == ERR_OK ? ERR_OK : ERR_SIG;
}

const char *text_digest(struct arena *a, const char *text) {
    uint8_t digest[32];
    sm3(text, strlen(text), digest);
    char *s = arena_alloc(a, sizeof digest * 2 + 1);
    hex_encode(s, digest, sizeof digest);
    return s;
}

/* ---- people and sessions ---- */

static const struct {
    unsigned role;
    bool     needs_device;
} device_rules[] = {
    {ROLE_LEADER, true},   {ROLE_DISPATCHER, true}, {ROLE_APPROVER, true},  {ROLE_RESPONSIBLE, false},
    {ROLE_MONITOR, false}, {ROLE_WINDOW, false},    {ROLE_INSPECTOR, false}, {ROLE_ADMIN, false},
    {ROLE_AUDITOR, false},
};

bool needs_device(unsigned roles) {
    for (size_t i = 0; i < sizeof device_rules / sizeof device_rules[0]; i++)
        if ((device_rules[i].role & roles) && device_rules[i].needs_device) return true;
    return false;
}

void write_roles(struct jw *w, const char *key, unsigned roles) {
    jw_key(w, key);
    jw_arr(w);
    for (const struct role_name *n = role_names; n->bit; n++)
        if (roles & n->bit) jw_str(w, n->word);
    jw_arr_end(w);
}

enum err session_end(struct req *r, const char *person, const char *session) {
    TRY(session_revoked_add(r->db, session, person, r->wall_ms));
    req_effect_close_session(r, person, session);
    return ERR_OK;
}

struct notice_rules people_notice_rules(const struct house *h) {
    struct notice_rules n = {.demo_log = h->demo, .signature = h->sms_signature, .pii_key = &h->pii_key};
    n.plans          = h->plans;
    n.channels       = h->channels | 1U << CHANNEL_SMS;
    n.quiet_from_min = h->quiet_from_min;
    n.quiet_to_min   = h->quiet_to_min;
    n.sms_per_day    = h->sms_per_day;
    n.sms_merge_ms   = h->sms_merge_ms;
    return n;
}

/* ---- time in words ---- */

const char *day_text(struct arena *a, int64_t utc_ms) {
    char *s = arena_alloc(a, 11);
    date_format(date_of_ms(utc_ms), s);
    return s;
}

const char *day_words(struct arena *a, const char *date) {
    int32_t day;
    int     y, m, d;
    if (date_parse(date, &day) != ERR_OK) return "";
    date_split(day, &y, &m, &d);
    return arena_printf(a, "%d月%d日", m, d);
}

enum err workday_after(struct req *r, int64_t utc_ms, int n, const char **date) {
    int32_t day = date_of_ms(utc_ms), out = 0;
    int     y, m, d;
    char   *s = arena_alloc(r->a, 11);
    if (calendar_add(r->house->cal, day, n, &out) != ERR_OK) {
        date_split(day, &y, &m, &d);
        return req_fail(r, ERR_CALENDAR, "%d 年的节假日安排尚未导入，请写明反馈时限后再签发。", m == 12 ? y + 1 : y);
    }
    date_format(out, s);
    *date = s;
    return ERR_OK;
}

const char *clock_text(struct arena *a, int64_t utc_ms) {
    int64_t minute = (utc_ms - date_start_ms(date_of_ms(utc_ms))) / 60000;
    return arena_printf(a, "%02d:%02d", (int)(minute / 60), (int)(minute % 60));
}

const char *moment_text(struct arena *a, int64_t utc_ms) {
    return arena_printf(a, "%s %s", day_words(a, day_text(a, utc_ms)), clock_text(a, utc_ms));
}
