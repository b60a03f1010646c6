/* SPDX-License-Identifier: Apache-2.0 */
#include "push/cmpp_codec.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static void head_begin(struct wire_pdu *out, uint32_t cmd, uint32_t seq) {
    out->len = 0;
    wire_put32(out, 0);
    wire_put32(out, cmd);
    wire_put32(out, seq);
}

void cmpp_head(const uint8_t *p, size_t len, struct cmpp_head *head) {
    *head = (struct cmpp_head){.len = (uint32_t)len, .cmd = wire_get32(p + 4), .seq = wire_get32(p + 8)};
}

/* ---- log-in ---- */

enum err cmpp_authenticator(const struct cmpp_login *login, uint8_t out[16]) {
    size_t code_n = strlen(login->sp_code);
    if (code_n == 0 || code_n > 6) return ERR_INPUT;
    return wire_authenticator(login->sp_code, login->hash_padded ? 6 : code_n, 9, login->secret, login->timestamp, out);
}

enum err cmpp_encode_connect(struct wire_pdu *out, uint32_t seq, const struct cmpp_login *login) {
    uint8_t  auth[16];
    enum err e = cmpp_authenticator(login, auth);
    if (e != ERR_OK) return e;
    head_begin(out, CMPP_CONNECT, seq);
    e = wire_put_str(out, login->sp_code, 6);
    if (e != ERR_OK) return e;
    wire_put(out, auth, sizeof auth);
    wire_put8(out, login->version);
    wire_put32(out, login->timestamp);
    wire_end(out);
    return ERR_OK;
}

enum err cmpp_decode_connect_resp(const uint8_t *pdu, size_t len, struct cmpp_connect_resp *out) {
    *out = (struct cmpp_connect_resp){0};
    if (len != 30 && len != 33) return ERR_INPUT;
    const uint8_t *p = pdu + CMPP_HEAD_BYTES;
    out->short_form  = len == 30;
    out->status      = out->short_form ? p[0] : wire_get32(p);
    p += out->short_form ? 1 : 4;
    memcpy(out->authenticator, p, 16);
    out->version = p[16];
    return ERR_OK;
}

bool cmpp_connect_resp_is_authentic(const struct cmpp_connect_resp *r, const uint8_t source_authenticator[16],
                                    const char *secret) {
    return wire_is_authentic(r->status, 4, source_authenticator, secret, r->authenticator) ||
           wire_is_authentic(r->status, 1, source_authenticator, secret, r->authenticator);
}

/* ---- messages ---- */

enum err cmpp_encode_submit(struct wire_pdu *out, uint32_t seq, uint8_t version, const struct cmpp_submit *s) {
    const bool   v3      = version >= CMPP_V30;
    const size_t phone_n = v3 ? 32 : 21;
    enum err     e       = ERR_INPUT;

    head_begin(out, CMPP_SUBMIT, seq);
    if (s->content_n == 0 || s->content_n > WIRE_CONTENT_MAX || s->pk_total == 0 || s->pk_number == 0 ||
        s->pk_number > s->pk_total || s->phone == NULL || s->phone[0] == '\0')
        goto out;
    wire_put_zero(out, 8); /* Msg_Id is the gateway's */
    wire_put8(out, s->pk_total);
    wire_put8(out, s->pk_number);
    wire_put8(out, s->want_report ? 1 : 0);
    wire_put8(out, 0); /* Msg_level */
    if ((e = wire_put_str(out, s->service_id, 10)) != ERR_OK) goto out;
    wire_put8(out, s->fee_user_type);
    wire_put_zero(out, phone_n + (v3 ? 1 : 0)); /* Fee_terminal_Id and type: only for Fee_UserType 3 */
    wire_put8(out, 0);                          /* TP_pId */
    wire_put8(out, s->udhi ? 1 : 0);
    wire_put8(out, s->fmt);
    if ((e = wire_put_str(out, s->sp_code, 6)) != ERR_OK) goto out;
    if ((e = wire_put_str(out, s->fee_type ? s->fee_type : "01", 2)) != ERR_OK) goto out;
    if ((e = wire_put_str(out, s->fee_code ? s->fee_code : "000000", 6)) != ERR_OK) goto out;
    wire_put_zero(out, 17 + 17); /* ValId_Time, At_Time */
    if ((e = wire_put_str(out, s->src_id, 21)) != ERR_OK) goto out;
    wire_put8(out, 1);
    if ((e = wire_put_str(out, s->phone, phone_n)) != ERR_OK) goto out;
    if (v3) wire_put8(out, 0); /* Dest_terminal_type: a real number */
    wire_put8(out, (uint8_t)s->content_n);
    wire_put(out, s->content, s->content_n);
    wire_put_zero(out, v3 ? 20 : 8);
    wire_end(out);
out:
    if (e != ERR_OK) out->len = 0;
    return e;
}

enum err cmpp_decode_submit_resp(const uint8_t *pdu, size_t len, struct cmpp_submit_resp *out) {
    *out = (struct cmpp_submit_resp){0};
    if (len != 21 && len != 24) return ERR_INPUT;
    out->msg_id = wire_get64(pdu + 12);
    out->result = len == 21 ? pdu[20] : wire_get32(pdu + 20);
    return ERR_OK;
}

enum err cmpp_decode_deliver(const uint8_t *pdu, size_t len, uint8_t version, struct cmpp_deliver *out) {
    const bool   v3      = version >= CMPP_V30;
    const size_t phone_n = v3 ? 32 : 21, fixed = v3 ? 77 : 65, tail = v3 ? 20 : 8;
    *out = (struct cmpp_deliver){0};
    if (len < CMPP_HEAD_BYTES + fixed + tail) return ERR_INPUT;

    const uint8_t *p = pdu + CMPP_HEAD_BYTES;
    out->msg_id      = wire_get64(p);
    wire_get_str(out->dest_id, p + 8, 21);
    wire_get_str(out->service_id, p + 29, 10);
    out->tp_pid = p[39];
    out->udhi   = p[40];
    out->fmt    = p[41];
    wire_get_str(out->src, p + 42, phone_n);
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
    out->msg_id          = wire_get64(content);
    wire_get_str(out->stat, content + 8, 7);
    wire_get_str(out->submit_time, content + 15, 10);
    wire_get_str(out->done_time, content + 25, 10);
    wire_get_str(out->phone, content + 35, phone_n);
    out->smsc_sequence = wire_get32(content + 35 + phone_n);
    return ERR_OK;
}

void cmpp_encode_deliver_resp(struct wire_pdu *out, uint32_t seq, uint8_t version, uint64_t msg_id, uint8_t result) {
    head_begin(out, CMPP_DELIVER_RESP, seq);
    wire_put64(out, msg_id);
    if (version >= CMPP_V30)
        wire_put32(out, result);
    else
        wire_put8(out, result);
    wire_end(out);
}

void cmpp_encode_plain(struct wire_pdu *out, uint32_t cmd, uint32_t seq) {
    head_begin(out, cmd, seq);
    if (cmd == CMPP_ACTIVE_TEST_RESP) wire_put8(out, 0);
    wire_end(out);
}

void cmpp_msg_id_text(uint64_t msg_id, char out[17]) { (void)snprintf(out, 17, "%016" PRIx64, msg_id); }
