/* SPDX-License-Identifier: Apache-2.0 */
#include "push/smpp_codec.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "push/sms_text.h"

#define TLV_RECEIPTED_ID 0x001Eu
#define TLV_SAR_REF 0x020Cu
#define TLV_SAR_TOTAL 0x020Eu
#define TLV_SAR_NUMBER 0x020Fu
#define TLV_NETWORK_ERROR 0x0423u
#define TLV_PAYLOAD 0x0424u
#define TLV_MESSAGE_STATE 0x0427u
#define RECEIPT_MAX 512

void smpp_head(const uint8_t *p, size_t len, struct smpp_head *head) {
    *head = (struct smpp_head){
        .len = (uint32_t)len, .cmd = wire_get32(p + 4), .status = wire_get32(p + 8), .seq = wire_get32(p + 12)};
}

static void head_begin(struct wire_pdu *out, uint32_t cmd, uint32_t status, uint32_t seq) {
    out->len = 0;
    wire_put32(out, 0);
    wire_put32(out, cmd);
    wire_put32(out, status);
    wire_put32(out, seq);
}

/* ---- out ---- */

enum err smpp_encode_bind(struct wire_pdu *out, uint32_t cmd, uint32_t seq, const struct smpp_bind *b) {
    enum err e;
    head_begin(out, cmd, SMPP_ROK, seq);
    if ((e = wire_put_cstr(out, b->system_id, 16)) != ERR_OK) goto out;
    if ((e = wire_put_cstr(out, b->password, 9)) != ERR_OK) goto out;
    if ((e = wire_put_cstr(out, b->system_type, 13)) != ERR_OK) goto out;
    wire_put8(out, b->version);
    wire_put_zero(out, 3); /* addr_ton, addr_npi, address_range: what is ours */
    wire_end(out);
out:
    if (e != ERR_OK) out->len = 0;
    return e;
}

enum err smpp_encode_submit(struct wire_pdu *out, uint32_t seq, const struct smpp_submit *s) {
    enum err e = ERR_INPUT;
    head_begin(out, SMPP_SUBMIT_SM, SMPP_ROK, seq);
    if (s->content_n == 0 || s->content_n > WIRE_CONTENT_MAX || s->dst == NULL || s->dst[0] == '\0') goto out;
    if ((e = wire_put_cstr(out, s->service_type, 6)) != ERR_OK) goto out;
    wire_put8(out, s->src_ton);
    wire_put8(out, s->src_npi);
    if ((e = wire_put_cstr(out, s->src, 21)) != ERR_OK) goto out;
    wire_put8(out, s->dst_ton);
    wire_put8(out, s->dst_npi);
    if ((e = wire_put_cstr(out, s->dst, 21)) != ERR_OK) goto out;
    wire_put8(out, s->udhi ? 0x40 : 0);
    wire_put_zero(out, 4); /* protocol_id, priority_flag, no schedule, no validity */
    wire_put8(out, s->want_report ? 1 : 0);
    wire_put8(out, 0); /* replace_if_present */
    wire_put8(out, s->data_coding);
    wire_put8(out, 0); /* sm_default_msg_id */
    wire_put8(out, (uint8_t)s->content_n);
    wire_put(out, s->content, s->content_n);
    wire_end(out);
out:
    if (e != ERR_OK) out->len = 0;
    return e;
}

void smpp_encode_plain(struct wire_pdu *out, uint32_t cmd, uint32_t status, uint32_t seq) {
    head_begin(out, cmd, status, seq);
    wire_end(out);
}

void smpp_encode_deliver_resp(struct wire_pdu *out, uint32_t cmd, uint32_t status, uint32_t seq) {
    head_begin(out, cmd, status, seq);
    wire_put8(out, 0);
    wire_end(out);
}

/* ---- in ---- */

struct reader {
    const uint8_t *p;
    size_t         n, off;
    bool           bad;
};

static uint8_t get8(struct reader *r) {
    if (r->bad || r->off >= r->n) {
        r->bad = true;
        return 0;
    }
    return r->p[r->off++];
}

/* A C-octet string of at most size bytes with its NUL; longer than dst can hold is bad too. dst NULL: passed over. */
static void get_cstr(struct reader *r, char *dst, size_t dst_size, size_t size) {
    size_t left = r->bad ? 0 : r->n - r->off, n = 0;
    if (dst) dst[0] = '\0';
    while (n < left && n < size && r->p[r->off + n] != 0) n++;
    if (r->bad || n == left || n == size || (dst && n >= dst_size)) {
        r->bad = true;
        return;
    }
    if (dst) {
        memcpy(dst, r->p + r->off, n);
        dst[n] = '\0';
    }
    r->off += n + 1;
}

/* Leading zeros go and hex digits become small: gateways write one number in several ways. What is no number stays. */
static void copy_id(char dst[SMPP_ID_CAP], const char *s, size_t n) {
    bool is_number = true;
    for (size_t i = 0; i < n; i++) is_number = is_number && isxdigit((unsigned char)s[i]);
    while (is_number && n > 1 && s[0] == '0') {
        s++;
        n--;
    }
    if (n > SMPP_ID_CAP - 1) n = SMPP_ID_CAP - 1;
    for (size_t i = 0; i < n; i++) dst[i] = is_number ? (char)tolower((unsigned char)s[i]) : s[i];
    dst[n] = '\0';
}

enum err smpp_decode_submit_resp(const uint8_t *pdu, size_t len, char id[SMPP_ID_CAP]) {
    char          raw[SMPP_ID_CAP];
    struct reader r = {.p = pdu, .n = len, .off = SMPP_HEAD_BYTES};
    id[0]           = '\0';
    if (len == SMPP_HEAD_BYTES) return ERR_OK;
    get_cstr(&r, raw, sizeof raw, sizeof raw);
    if (r.bad) return ERR_INPUT;
    copy_id(id, raw, strlen(raw));
    return ERR_OK;
}

static void tlv(struct smpp_deliver *d, unsigned tag, const uint8_t *v, size_t n) {
    switch (tag) {
    case TLV_RECEIPTED_ID: {
        const char *s = (const char *)v;
        copy_id(d->receipted_id, s, strnlen(s, n));
        break;
    }
    case TLV_MESSAGE_STATE:
        if (n != 1) break;
        d->message_state = v[0];
        d->has_state     = true;
        break;
    case TLV_NETWORK_ERROR:
        if (n == 3) d->network_error = (uint16_t)(v[1] << 8 | v[2]);
        break;
    case TLV_PAYLOAD:
        if (d->content_n > 0) break; /* short_message goes first, both must not be */
        d->content   = v;
        d->content_n = n;
        break;
    case TLV_SAR_REF:
        if (n == 2) d->sar_ref = (uint16_t)(v[0] << 8 | v[1]);
        break;
    case TLV_SAR_TOTAL:
        if (n == 1) d->sar_total = v[0];
        break;
    case TLV_SAR_NUMBER:
        if (n == 1) d->sar_number = v[0];
        break;
    default: break;
    }
}

enum err smpp_decode_deliver(const uint8_t *pdu, size_t len, struct smpp_deliver *out) {
    const bool    is_data   = wire_get32(pdu + 4) == SMPP_DATA_SM;
    const size_t  addr_size = is_data ? 65 : 21;
    struct reader r         = {.p = pdu, .n = len, .off = SMPP_HEAD_BYTES};
    *out                    = (struct smpp_deliver){0};
    get_cstr(&r, NULL, 0, 6); /* service_type */
    (void)get8(&r);
    (void)get8(&r);
    get_cstr(&r, out->src, sizeof out->src, addr_size);
    (void)get8(&r);
    (void)get8(&r);
    get_cstr(&r, out->dst, sizeof out->dst, addr_size);
    out->esm_class = get8(&r);
    if (!is_data) {
        (void)get8(&r); /* protocol_id */
        (void)get8(&r); /* priority_flag */
        get_cstr(&r, NULL, 0, 17);
        get_cstr(&r, NULL, 0, 17);
    }
    (void)get8(&r); /* registered_delivery */
    if (!is_data) (void)get8(&r);
    out->data_coding = get8(&r);
    if (!is_data) {
        (void)get8(&r); /* sm_default_msg_id */
        size_t n = get8(&r);
        if (r.bad || n > r.n - r.off) return ERR_INPUT;
        out->content   = pdu + r.off;
        out->content_n = n;
        r.off += n;
    }
    if (r.bad) return ERR_INPUT;
    while (r.n - r.off >= 4) {
        const uint8_t *p   = pdu + r.off;
        unsigned       tag = (unsigned)p[0] << 8 | p[1];
        size_t         n   = (size_t)p[2] << 8 | p[3];
        if (n > r.n - r.off - 4) return ERR_INPUT;
        tlv(out, tag, p + 4, n);
        r.off += 4 + n;
    }
    if (r.off != r.n) return ERR_INPUT;
    if (out->content == NULL) out->content = pdu + r.off;
    return ERR_OK;
}

/* ---- receipts ---- */

static const char *state_word(uint8_t state) {
    static const char *const words[] = {"SCHEDLD", "ENROUTE", "DELIVRD", "EXPIRED", "DELETED",
                                        "UNDELIV", "ACCEPTD", "UNKNOWN", "REJECTD", "SKIPPED"};
    return state < sizeof words / sizeof words[0] ? words[state] : "UNKNOWN";
}

enum err smpp_decode_receipt(const struct smpp_deliver *d, struct smpp_receipt *out) {
    char        text[RECEIPT_MAX];
    const bool  wide = smpp_text_format(d->data_coding) == SMS_FMT_UCS2 && d->content_n >= 2 && d->content[0] == 0;
    const char *v    = "";
    size_t      len;
    *out = (struct smpp_receipt){0};
    wire_receipt_text(d->content, d->content_n, wide, text, sizeof text);
    if (d->receipted_id[0])
        memcpy(out->id, d->receipted_id, sizeof out->id);
    else if ((len = wire_receipt_value(text, "id:", &v)) > 0)
        copy_id(out->id, v, len);
    if (d->has_state)
        (void)snprintf(out->stat, sizeof out->stat, "%s", state_word(d->message_state));
    else if ((len = wire_receipt_value(text, "stat:", &v)) > 0)
        for (size_t i = 0; i < len && i < sizeof out->stat - 1; i++) out->stat[i] = (char)toupper((unsigned char)v[i]);
    if (wire_receipt_value(text, "done date:", &v) >= 10) memcpy(out->done_time, v, 10);
    out->error = d->network_error;
    if (out->error == 0 && (len = wire_receipt_value(text, "err:", &v)) > 0 && len <= 9)
        out->error = (uint32_t)strtoul(v, NULL, 10);
    return out->id[0] && out->stat[0] ? ERR_OK : ERR_INPUT;
}

uint8_t smpp_text_format(uint8_t dc) {
    if ((dc & 0xF0) == 0x10) dc = (dc >> 2 & 3) == 2 ? 8 : (dc >> 2 & 3) == 1 ? 4 : 0; /* with a message class */
    if ((dc & 0xF0) == 0xF0) dc = dc & 4 ? 4 : 0;
    switch (dc) {
    case 0: /* the gateway's own alphabet: letters and digits are the same in all */
    case 1:
    case 3: return SMS_FMT_ASCII;
    case 8: return SMS_FMT_UCS2;
    case 15: return SMS_FMT_GBK;
    default: return 255;
    }
}
