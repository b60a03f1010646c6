/* SPDX-License-Identifier: Apache-2.0 */
#include "push/smgp_codec.h"

#include <stdlib.h>
#include <string.h>

#define TAG_UDHI 0x0002u
#define TAG_PK_TOTAL 0x0009u
#define TAG_PK_NUMBER 0x000Au
#define MSG_TYPE_MT 6
#define REPORT_MAX 256

void smgp_head(const uint8_t *p, size_t len, struct smgp_head *head) {
    *head = (struct smgp_head){.len = (uint32_t)len, .cmd = wire_get32(p + 4), .seq = wire_get32(p + 8)};
}

static void head_begin(struct wire_pdu *out, uint32_t cmd, uint32_t seq) {
    out->len = 0;
    wire_put32(out, 0);
    wire_put32(out, cmd);
    wire_put32(out, seq);
}

/* ---- log-in ---- */

enum err smgp_authenticator(const struct smgp_login *login, uint8_t out[16]) {
    size_t n = strlen(login->client_id);
    if (n == 0 || n > 8 || strlen(login->secret) > 15) return ERR_INPUT;
    return wire_authenticator(login->client_id, login->hash_padded ? 8 : n, 7, login->secret, login->timestamp, out);
}

enum err smgp_encode_login(struct wire_pdu *out, uint32_t seq, const struct smgp_login *login) {
    uint8_t  auth[16];
    enum err e = smgp_authenticator(login, auth);
    if (e != ERR_OK) return e;
    head_begin(out, SMGP_LOGIN, seq);
    e = wire_put_str(out, login->client_id, 8);
    if (e != ERR_OK) return e;
    wire_put(out, auth, sizeof auth);
    wire_put8(out, login->mode);
    wire_put32(out, login->timestamp);
    wire_put8(out, login->version);
    wire_end(out);
    return ERR_OK;
}

enum err smgp_decode_login_resp(const uint8_t *pdu, size_t len, struct smgp_login_resp *out) {
    *out = (struct smgp_login_resp){0};
    if (len < SMGP_HEAD_BYTES + 21) return ERR_INPUT;
    out->status = wire_get32(pdu + 12);
    memcpy(out->authenticator, pdu + 16, 16);
    out->version = pdu[32];
    return ERR_OK;
}

/* ---- messages ---- */

static void put_option8(struct wire_pdu *out, uint16_t tag, uint8_t v) {
    wire_put16(out, tag);
    wire_put16(out, 1);
    wire_put8(out, v);
}

enum err smgp_encode_submit(struct wire_pdu *out, uint32_t seq, uint8_t version, const struct smgp_submit *s) {
    enum err e = ERR_INPUT;
    head_begin(out, SMGP_SUBMIT, seq);
    if (s->content_n == 0 || s->content_n > WIRE_CONTENT_MAX || s->pk_total == 0 || s->pk_number == 0 ||
        s->pk_number > s->pk_total || s->dst == NULL || s->dst[0] == '\0')
        goto out;
    wire_put8(out, MSG_TYPE_MT);
    wire_put8(out, s->want_report ? 1 : 0);
    wire_put8(out, s->priority);
    if ((e = wire_put_str(out, s->service_id, 10)) != ERR_OK) goto out;
    if ((e = wire_put_str(out, "00", 2)) != ERR_OK) goto out; /* FeeType: free */
    if ((e = wire_put_str(out, "0", 6)) != ERR_OK) goto out;
    if (version >= SMGP_V30 && (e = wire_put_str(out, "0", 6)) != ERR_OK) goto out;
    wire_put8(out, s->fmt);
    wire_put_zero(out, 17 + 17); /* ValidTime, AtTime */
    if ((e = wire_put_str(out, s->src, 21)) != ERR_OK) goto out;
    wire_put_zero(out, 21); /* ChargeTermID */
    wire_put8(out, 1);
    if ((e = wire_put_str(out, s->dst, 21)) != ERR_OK) goto out;
    wire_put8(out, (uint8_t)s->content_n);
    wire_put(out, s->content, s->content_n);
    wire_put_zero(out, 8);
    if (s->pk_total > 1) {
        put_option8(out, TAG_UDHI, 1);
        put_option8(out, TAG_PK_TOTAL, s->pk_total);
        put_option8(out, TAG_PK_NUMBER, s->pk_number);
    }
    wire_end(out);
out:
    if (e != ERR_OK) out->len = 0;
    return e;
}

enum err smgp_decode_submit_resp(const uint8_t *pdu, size_t len, struct smgp_submit_resp *out) {
    *out = (struct smgp_submit_resp){0};
    if (len < SMGP_HEAD_BYTES + SMGP_MSG_ID + 4) return ERR_INPUT;
    memcpy(out->msg_id, pdu + 12, SMGP_MSG_ID);
    out->status = wire_get32(pdu + 22);
    return ERR_OK;
}

enum err smgp_decode_deliver(const uint8_t *pdu, size_t len, struct smgp_deliver *out) {
    const size_t fixed = SMGP_HEAD_BYTES + 69, tail = 8; /* before and behind the content */
    *out = (struct smgp_deliver){0};
    if (len < fixed + tail) return ERR_INPUT;
    const uint8_t *p = pdu + SMGP_HEAD_BYTES;
    memcpy(out->msg_id, p, SMGP_MSG_ID);
    if (p[10] > 1) return ERR_INPUT;
    out->is_report = p[10] == 1;
    out->fmt       = p[11];
    wire_get_str(out->src, p + 26, 21);
    wire_get_str(out->dst, p + 47, 21);
    out->content_n = p[68];
    out->content   = p + 69;
    if (len < fixed + out->content_n + tail) return ERR_INPUT;
    for (size_t off = fixed + out->content_n + tail; off < len;) {
        if (len - off < 4) return ERR_INPUT;
        unsigned tag = (unsigned)pdu[off] << 8 | pdu[off + 1];
        size_t   n   = (size_t)pdu[off + 2] << 8 | pdu[off + 3];
        if (n > len - off - 4) return ERR_INPUT;
        if (tag == TAG_UDHI && n == 1) out->udhi = pdu[off + 4] != 0;
        off += 4 + n;
    }
    return ERR_OK;
}

/* Exactly ten bytes behind `id:`, which may hold blanks, colons and NUL; then keywords, with a blank or an underscore. */
enum err smgp_decode_report(const uint8_t *content, size_t n, struct smgp_report *out) {
    char        text[REPORT_MAX];
    const char *v = "";
    size_t      len;
    *out = (struct smgp_report){0};
    if (n < 3 + SMGP_MSG_ID || memcmp(content, "id:", 3) != 0) return ERR_INPUT;
    memcpy(out->msg_id, content + 3, SMGP_MSG_ID);
    wire_receipt_text(content + 3 + SMGP_MSG_ID, n - 3 - SMGP_MSG_ID, false, text, sizeof text);
    len = wire_receipt_value(text, "stat:", &v);
    memcpy(out->stat, v, len < 7 ? len : 7);
    len = wire_receipt_value(text, "done date:", &v);
    if (len == 0) len = wire_receipt_value(text, "done_date:", &v);
    if (len >= 10) memcpy(out->done_time, v, 10);
    len = wire_receipt_value(text, "err:", &v);
    if (len > 0 && len <= 9) out->error = (uint32_t)strtoul(v, NULL, 10);
    return out->stat[0] ? ERR_OK : ERR_INPUT;
}

void smgp_encode_deliver_resp(struct wire_pdu *out, uint32_t seq, const uint8_t msg_id[SMGP_MSG_ID], uint32_t status) {
    head_begin(out, SMGP_DELIVER | SMGP_RESP, seq);
    wire_put(out, msg_id, SMGP_MSG_ID);
    wire_put32(out, status);
    wire_end(out);
}

void smgp_encode_plain(struct wire_pdu *out, uint32_t cmd, uint32_t seq) {
    head_begin(out, cmd, seq);
    wire_end(out);
}
