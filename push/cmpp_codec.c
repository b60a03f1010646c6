/* SPDX-License-Identifier: Apache-2.0 */
#include "push/cmpp_codec.h"

#include <inttypes.h>
#define ERR_STATE ossl_err_state_type /* the library has a type of that name, we an enumerator */
#include <openssl/evp.h>
#undef ERR_STATE
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/check.h"

#define CONTENT_MAX 140

/* ---- integers and fixed-width strings ---- */

static uint32_t get32(const uint8_t *p) {
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | (uint32_t)p[3];
}
static uint64_t get64(const uint8_t *p) { return (uint64_t)get32(p) << 32 | get32(p + 4); }

/* Some gateways pad with spaces, some with NUL: both go. dst holds width + 1 bytes. */
static void get_str(char *dst, const uint8_t *p, size_t width) {
    size_t n = 0;
    while (n < width && p[n] != 0) n++;
    while (n > 0 && p[n - 1] == ' ') n--;
    memcpy(dst, p, n);
    dst[n] = '\0';
}

static void put_bytes(struct cmpp_pdu *out, const void *p, size_t n) {
    MUST(out->len + n <= sizeof out->b); /* every PDU of ours has a fixed upper length */
    memcpy(out->b + out->len, p, n);
    out->len += n;
}
static void put8(struct cmpp_pdu *out, uint8_t v) { put_bytes(out, &v, 1); }
static void put32(struct cmpp_pdu *out, uint32_t v) {
    const uint8_t b[4] = {(uint8_t)(v >> 24), (uint8_t)(v >> 16), (uint8_t)(v >> 8), (uint8_t)v};
    put_bytes(out, b, sizeof b);
}
static void put64(struct cmpp_pdu *out, uint64_t v) {
    put32(out, (uint32_t)(v >> 32));
    put32(out, (uint32_t)v);
}
static void put_zero(struct cmpp_pdu *out, size_t n) {
    for (size_t i = 0; i < n; i++) put8(out, 0);
}
static enum err put_str(struct cmpp_pdu *out, const char *s, size_t width) {
    size_t n = s ? strlen(s) : 0;
    if (n > width) return ERR_INPUT;
    if (n > 0) put_bytes(out, s, n);
    put_zero(out, width - n);
    return ERR_OK;
}

static void head_begin(struct cmpp_pdu *out, uint32_t cmd, uint32_t seq) {
    out->len = 0;
    put32(out, 0);
    put32(out, cmd);
    put32(out, seq);
}
static void head_end(struct cmpp_pdu *out) {
    size_t n = out->len;
    out->len = 0;
    put32(out, (uint32_t)n);
    out->len = n;
}

enum cmpp_frame cmpp_frame_next(const uint8_t *p, size_t n, struct cmpp_head *head) {
    *head = (struct cmpp_head){0};
    if (n < 4) return CMPP_FRAME_MORE;
    head->len = get32(p); /* judged before the rest is there: a bad length must not keep us waiting */
    if (head->len < CMPP_HEAD_BYTES || head->len > CMPP_PDU_MAX) return CMPP_FRAME_BAD;
    if (n < head->len) return CMPP_FRAME_MORE;
    head->cmd = get32(p + 4);
    head->seq = get32(p + 8);
    return CMPP_FRAME_OK;
}

/* ---- log-in ---- */

uint32_t cmpp_timestamp(int64_t wall_ms) {
    struct tm tm;
    time_t    t = (time_t)(wall_ms / 1000 + 8 * 3600);
    if (gmtime_r(&t, &tm) == NULL) return 0;
    return (uint32_t)(((((tm.tm_mon + 1) * 100 + tm.tm_mday) * 100 + tm.tm_hour) * 100 + tm.tm_min) * 100 + tm.tm_sec);
}

static enum err md5(const void *p, size_t n, uint8_t out[16]) {
    unsigned len = 0;
    return EVP_Digest(p, n, out, &len, EVP_md5(), NULL) == 1 && len == 16 ? ERR_OK : ERR_INTERNAL;
}

enum err cmpp_authenticator(const struct cmpp_login *login, uint8_t out[16]) {
    uint8_t b[6 + 9 + 256 + 10] = {0};
    char    ts[16];
    size_t  code_n = strlen(login->sp_code), secret_n = strlen(login->secret), n;

    if (code_n == 0 || code_n > 6 || secret_n > 256) return ERR_INPUT;
    /* Ten digits, the leading zero of January to September included: the classic failed log-in. */
    if (snprintf(ts, sizeof ts, "%010" PRIu32, login->timestamp) != 10) return ERR_INPUT;
    memcpy(b, login->sp_code, code_n);
    n = (login->hash_padded ? 6 : code_n) + 9;
    memcpy(b + n, login->secret, secret_n);
    n += secret_n;
    memcpy(b + n, ts, 10);
    enum err e = md5(b, n + 10, out);
    OPENSSL_cleanse(b, sizeof b);
    return e;
}

enum err cmpp_encode_connect(struct cmpp_pdu *out, uint32_t seq, const struct cmpp_login *login) {
    uint8_t  auth[16];
    enum err e = cmpp_authenticator(login, auth);
    if (e != ERR_OK) return e;
    head_begin(out, CMPP_CONNECT, seq);
    e = put_str(out, login->sp_code, 6);
    if (e != ERR_OK) return e;
    put_bytes(out, auth, sizeof auth);
    put8(out, login->version);
    put32(out, login->timestamp);
    head_end(out);
    return ERR_OK;
}

enum err cmpp_decode_connect_resp(const uint8_t *pdu, size_t len, struct cmpp_connect_resp *out) {
    *out = (struct cmpp_connect_resp){0};
    if (len != 30 && len != 33) return ERR_INPUT;
    const uint8_t *p = pdu + CMPP_HEAD_BYTES;
    out->short_form  = len == 30;
    out->status      = out->short_form ? p[0] : get32(p);
    p += out->short_form ? 1 : 4;
    memcpy(out->authenticator, p, 16);
    out->version = p[16];
    return ERR_OK;
}

bool cmpp_connect_resp_is_authentic(const struct cmpp_connect_resp *r, const uint8_t source_authenticator[16], const char *secret) {
    uint8_t b[4 + 16 + 256], digest[16];
    size_t  secret_n = strlen(secret);
    bool    ok       = false;
    if (secret_n > 256) return false;
    for (unsigned i = 0; i < 4; i++) b[i] = (uint8_t)(r->status >> (24 - 8 * i));
    memcpy(b + 4, source_authenticator, 16);
    memcpy(b + 20, secret, secret_n); /* NOLINT(bugprone-not-null-terminated-result): bytes to be hashed */
    for (size_t skip = 0; skip <= 3 && !ok; skip += 3)
        ok = md5(b + skip, 20 + secret_n - skip, digest) == ERR_OK && CRYPTO_memcmp(digest, r->authenticator, 16) == 0;
    OPENSSL_cleanse(b, sizeof b);
    return ok;
}

/* ---- messages ---- */

enum err cmpp_encode_submit(struct cmpp_pdu *out, uint32_t seq, uint8_t version, const struct cmpp_submit *s) {
    const bool   v3      = version >= CMPP_V30;
    const size_t phone_n = v3 ? 32 : 21;
    enum err     e       = ERR_INPUT;

    head_begin(out, CMPP_SUBMIT, seq);
    if (s->content_n == 0 || s->content_n > CONTENT_MAX || s->pk_total == 0 || s->pk_number == 0 || s->pk_number > s->pk_total ||
        s->phone == NULL || s->phone[0] == '\0')
        goto out;
    put_zero(out, 8); /* Msg_Id is the gateway's */
    put8(out, s->pk_total);
    put8(out, s->pk_number);
    put8(out, s->want_report ? 1 : 0);
    put8(out, 0); /* Msg_level */
    if ((e = put_str(out, s->service_id, 10)) != ERR_OK) goto out;
    put8(out, s->fee_user_type);
    put_zero(out, phone_n + (v3 ? 1 : 0)); /* Fee_terminal_Id and type: only for Fee_UserType 3 */
    put8(out, 0);                          /* TP_pId */
    put8(out, s->udhi ? 1 : 0);
    put8(out, s->fmt);
    if ((e = put_str(out, s->sp_code, 6)) != ERR_OK) goto out;
    if ((e = put_str(out, s->fee_type ? s->fee_type : "01", 2)) != ERR_OK) goto out;
    if ((e = put_str(out, s->fee_code ? s->fee_code : "000000", 6)) != ERR_OK) goto out;
    put_zero(out, 17 + 17); /* ValId_Time, At_Time */
    if ((e = put_str(out, s->src_id, 21)) != ERR_OK) goto out;
    put8(out, 1);
    if ((e = put_str(out, s->phone, phone_n)) != ERR_OK) goto out;
    if (v3) put8(out, 0); /* Dest_terminal_type: a real number */
    put8(out, (uint8_t)s->content_n);
    put_bytes(out, s->content, s->content_n);
    put_zero(out, v3 ? 20 : 8);
    head_end(out);
out:
    if (e != ERR_OK) out->len = 0;
    return e;
}

enum err cmpp_decode_submit_resp(const uint8_t *pdu, size_t len, struct cmpp_submit_resp *out) {
    *out = (struct cmpp_submit_resp){0};
    if (len != 21 && len != 24) return ERR_INPUT;
    out->msg_id = get64(pdu + 12);
    out->result = len == 21 ? pdu[20] : get32(pdu + 20);
    return ERR_OK;
}

enum err cmpp_decode_deliver(const uint8_t *pdu, size_t len, uint8_t version, struct cmpp_deliver *out) {
    const bool   v3      = version >= CMPP_V30;
    const size_t phone_n = v3 ? 32 : 21, fixed = v3 ? 77 : 65, tail = v3 ? 20 : 8;
    *out = (struct cmpp_deliver){0};
    if (len < CMPP_HEAD_BYTES + fixed + tail) return ERR_INPUT;

    const uint8_t *p = pdu + CMPP_HEAD_BYTES;
    out->msg_id      = get64(p);
    get_str(out->dest_id, p + 8, 21);
    get_str(out->service_id, p + 29, 10);
    out->tp_pid = p[39];
    out->udhi   = p[40];
    out->fmt    = p[41];
    get_str(out->src, p + 42, phone_n);
    p += 42 + phone_n + (v3 ? 1 : 0); /* Src_terminal_type is of no use to us */
    out->is_report = p[0] == 1;
    if (p[0] > 1) return ERR_INPUT;
    out->content_n = p[1];
    if (len != CMPP_HEAD_BYTES + fixed + out->content_n + tail) return ERR_INPUT;
    out->content = p + 2;
    return ERR_OK;
}

enum err cmpp_decode_report(const uint8_t *content, size_t n, struct cmpp_report *out) {
    *out = (struct cmpp_report){0};
    if (n != 60 && n != 71) return ERR_INPUT;
    const size_t phone_n = n == 60 ? 21 : 32;
    out->msg_id          = get64(content);
    get_str(out->stat, content + 8, 7);
    get_str(out->submit_time, content + 15, 10);
    get_str(out->done_time, content + 25, 10);
    get_str(out->phone, content + 35, phone_n);
    out->smsc_sequence = get32(content + 35 + phone_n);
    return ERR_OK;
}

void cmpp_encode_deliver_resp(struct cmpp_pdu *out, uint32_t seq, uint8_t version, uint64_t msg_id, uint8_t result) {
    head_begin(out, CMPP_DELIVER_RESP, seq);
    put64(out, msg_id);
    if (version >= CMPP_V30) put32(out, result);
    else put8(out, result);
    head_end(out);
}

void cmpp_encode_plain(struct cmpp_pdu *out, uint32_t cmd, uint32_t seq) {
    head_begin(out, cmd, seq);
    if (cmd == CMPP_ACTIVE_TEST_RESP) put8(out, 0);
    head_end(out);
}

void cmpp_msg_id_text(uint64_t msg_id, char out[17]) { (void)snprintf(out, 17, "%016" PRIx64, msg_id); }
