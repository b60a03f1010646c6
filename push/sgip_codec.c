/* SPDX-License-Identifier: Apache-2.0 */
#include "push/sgip_codec.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

struct sgip_seq sgip_seq_get(const uint8_t p[SGIP_SEQ]) {
    return (struct sgip_seq){.node = wire_get32(p), .time = wire_get32(p + 4), .serial = wire_get32(p + 8)};
}

void sgip_head(const uint8_t *p, size_t len, struct sgip_head *head) {
    *head = (struct sgip_head){.len = (uint32_t)len, .cmd = wire_get32(p + 4), .seq = sgip_seq_get(p + 8)};
}

static void head_begin(struct wire_pdu *out, uint32_t cmd, struct sgip_seq seq) {
    out->len = 0;
    wire_put32(out, 0);
    wire_put32(out, cmd);
    wire_put32(out, seq.node);
    wire_put32(out, seq.time);
    wire_put32(out, seq.serial);
}

/* ---- out ---- */

enum err sgip_encode_bind(struct wire_pdu *out, struct sgip_seq seq, const struct sgip_bind *b) {
    enum err e;
    head_begin(out, SGIP_BIND, seq);
    wire_put8(out, b->type);
    if ((e = wire_put_str(out, b->name, 16)) != ERR_OK) goto out;
    if ((e = wire_put_str(out, b->password, 16)) != ERR_OK) goto out;
    wire_put_zero(out, 8);
    wire_end(out);
out:
    if (e != ERR_OK) out->len = 0;
    return e;
}

enum err sgip_encode_submit(struct wire_pdu *out, struct sgip_seq seq, const struct sgip_submit *s) {
    enum err e = ERR_INPUT;
    head_begin(out, SGIP_SUBMIT, seq);
    if (s->content_n == 0 || s->content_n > WIRE_CONTENT_MAX || s->dst == NULL || s->dst[0] == '\0') goto out;
    if ((e = wire_put_str(out, s->src, 21)) != ERR_OK) goto out;
    if ((e = wire_put_str(out, "000000000000000000000", 21)) != ERR_OK) goto out; /* ChargeNumber: the provider pays */
    wire_put8(out, 1);
    if ((e = wire_put_str(out, s->dst, 21)) != ERR_OK) goto out;
    if ((e = wire_put_str(out, s->corp_id, 5)) != ERR_OK) goto out;
    if ((e = wire_put_str(out, s->service, 10)) != ERR_OK) goto out;
    wire_put8(out, 1); /* FeeType: free */
    if ((e = wire_put_str(out, "0", 6)) != ERR_OK) goto out;
    if ((e = wire_put_str(out, "0", 6)) != ERR_OK) goto out;
    wire_put8(out, 0);           /* AgentFlag */
    wire_put8(out, 2);           /* MorelatetoMTFlag: nobody asked for it */
    wire_put8(out, 0);           /* Priority */
    wire_put_zero(out, 16 + 16); /* ExpireTime, ScheduleTime */
    wire_put8(out, s->want_report ? 1 : 2);
    wire_put8(out, 0); /* TP_pid */
    wire_put8(out, s->udhi ? 1 : 0);
    wire_put8(out, s->fmt);
    wire_put8(out, 0); /* MessageType */
    wire_put32(out, (uint32_t)s->content_n);
    wire_put(out, s->content, s->content_n);
    wire_put_zero(out, 8);
    wire_end(out);
out:
    if (e != ERR_OK) out->len = 0;
    return e;
}

void sgip_encode_plain(struct wire_pdu *out, uint32_t cmd, struct sgip_seq seq) {
    head_begin(out, cmd, seq);
    wire_end(out);
}

void sgip_encode_resp(struct wire_pdu *out, uint32_t cmd, struct sgip_seq seq, uint8_t result) {
    head_begin(out, cmd, seq);
    wire_put8(out, result);
    wire_put_zero(out, 8);
    wire_end(out);
}

/* ---- in ---- */

enum err sgip_decode_bind(const uint8_t *pdu, size_t len, struct sgip_bind *out) {
    *out = (struct sgip_bind){0};
    if (len != SGIP_HEAD_BYTES + 41) return ERR_INPUT;
    out->type = pdu[20];
    wire_get_str(out->name, pdu + 21, 16);
    wire_get_str(out->password, pdu + 37, 16);
    return ERR_OK;
}

enum err sgip_decode_resp(const uint8_t *pdu, size_t len, uint8_t *result) {
    *result = 0;
    if (len != SGIP_HEAD_BYTES + 9) return ERR_INPUT;
    *result = pdu[20];
    return ERR_OK;
}

enum err sgip_decode_deliver(const uint8_t *pdu, size_t len, struct sgip_deliver *out) {
    const size_t fixed = SGIP_HEAD_BYTES + 49, tail = 8;
    *out = (struct sgip_deliver){0};
    if (len < fixed + tail) return ERR_INPUT;
    const uint8_t *p = pdu + SGIP_HEAD_BYTES;
    wire_get_str(out->user, p, 21);
    wire_get_str(out->sp, p + 21, 21);
    out->udhi      = p[43] != 0;
    out->fmt       = p[44];
    out->content_n = wire_get32(p + 45);
    out->content   = p + 49;
    return out->content_n == len - fixed - tail ? ERR_OK : ERR_INPUT;
}

enum err sgip_decode_report(const uint8_t *pdu, size_t len, struct sgip_report *out) {
    *out = (struct sgip_report){0};
    if (len != SGIP_HEAD_BYTES + 44) return ERR_INPUT;
    const uint8_t *p = pdu + SGIP_HEAD_BYTES;
    out->submit      = sgip_seq_get(p);
    out->type        = p[12];
    wire_get_str(out->user, p + 13, 21);
    out->state = p[34];
    out->error = p[35];
    wire_get_str(out->word, p + 36, 8);
    for (const char *c = out->word; *c; c++)
        if (!isgraph((unsigned char)*c)) out->word[0] = '\0';
    return out->state <= 2 ? ERR_OK : ERR_INPUT;
}

void sgip_seq_text(struct sgip_seq seq, char out[2 * SGIP_SEQ + 1]) {
    (void)snprintf(out, 2 * SGIP_SEQ + 1, "%08" PRIx32 "%08" PRIx32 "%08" PRIx32, seq.node, seq.time, seq.serial);
}
