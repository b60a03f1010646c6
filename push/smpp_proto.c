/* SPDX-License-Identifier: Apache-2.0
 *
 * SMPP 3.4 (international gateways and aggregators) as a row of the general link. The bytes are smpp_codec.c's.
 */
#include <stdio.h>
#include <string.h>

#include "push/link_proto.h"
#include "push/smpp_codec.h"

#define ESM_TYPE 0x3Cu /* the message type in esm_class */
#define ESM_RECEIPT 0x04u
#define ESM_INTERMEDIATE 0x20u
#define ESM_UDHI 0x40u

static const struct link_code CODES[] = {
    {0x04, 0x04, SMS_TEMPORARY},                              /* not bound, says the gateway: the link binds anew */
    {0x08, 0x08, SMS_TEMPORARY},                              /* system error */
    {0x0A, 0x0A, SMS_CONFIG},                                 /* source address */
    {0x14, 0x14, SMS_TEMPORARY},                              /* queue full */
    {0x15, 0x15, SMS_CONFIG},                                 /* service type */
    {0x45, 0x45, SMS_TEMPORARY},                              /* submit failed: once more, the owner counts */
    {0x48, 0x49, SMS_CONFIG},                                 /* source TON, NPI */
    {0x50, 0x51, SMS_CONFIG},                                 /* destination TON, NPI: a setting of ours */
    {0x53, 0x53, SMS_CONFIG},                                 /* system type */
    {0x58, 0x58, SMS_THROTTLED}, {0x64, 0x64, SMS_TEMPORARY}, /* receiver: temporary */
    {0xFE, 0xFF, SMS_TEMPORARY},                              /* delivery failure, unknown error */
};
/* Another connection holds the account, bind failed, busy: it passes. A wrong name or password does not. */
static const struct link_code LOGIN_CODES[] = {
    {0x05, 0x05, SMS_TEMPORARY}, {0x08, 0x08, SMS_TEMPORARY}, {0x0D, 0x0D, SMS_TEMPORARY},
    {0x14, 0x14, SMS_TEMPORARY}, {0x58, 0x58, SMS_TEMPORARY}, {0xFF, 0xFF, SMS_TEMPORARY},
};

static enum err check(const struct link_conf *c) {
    if (c->user[0] == '\0' || strlen(c->user) > 15 || strlen(c->secret) > 8 || strlen(c->system_type) > 12) return ERR_INPUT;
    return strlen(c->service_id) <= 5 && strlen(c->src_id) <= 20 ? ERR_OK : ERR_INPUT;
}

static enum err login(struct link_session *s, uint32_t seq, struct wire_pdu *out) {
    static const uint32_t binds[] = {
        [LINK_BOTH] = SMPP_BIND_TRANSCEIVER, [LINK_SEND] = SMPP_BIND_TRANSMITTER, [LINK_RECEIVE] = SMPP_BIND_RECEIVER};
    const struct smpp_bind b = {.system_id   = s->conf->user,
                                .password    = s->conf->secret,
                                .system_type = s->conf->system_type,
                                .version     = s->conf->version};
    return smpp_encode_bind(out, binds[s->mode], seq, &b);
}

static enum err submit(const struct link_session *s, uint32_t seq, const struct link_part *p, struct wire_pdu *out,
                       char ref[LINK_REF_CAP]) {
    const struct link_conf  *c = s->conf;
    const struct smpp_submit m = {.service_type = c->service_id,
                                  .src          = c->src_id,
                                  .dst          = p->phone[0] == '+' ? p->phone + 1 : p->phone,
                                  .src_ton      = c->src_ton,
                                  .src_npi      = c->src_npi,
                                  .dst_ton      = c->dst_ton,
                                  .dst_npi      = c->dst_npi,
                                  .content      = p->content->b,
                                  .content_n    = p->content->len,
                                  .data_coding  = SMS_FMT_UCS2,
                                  .udhi         = p->total > 1,
                                  .want_report  = s->want_report};
    (void)ref;
    return smpp_encode_submit(out, seq, &m);
}

static void test(const struct link_session *s, uint32_t seq, struct wire_pdu *out) {
    (void)s;
    smpp_encode_plain(out, SMPP_ENQUIRE_LINK, SMPP_ROK, seq);
}
static void test_answer(const struct link_session *s, const struct link_origin *o, struct wire_pdu *out) {
    (void)s;
    smpp_encode_plain(out, SMPP_ENQUIRE_LINK | SMPP_RESP, SMPP_ROK, o->seq);
}
static void terminate(const struct link_session *s, uint32_t seq, struct wire_pdu *out) {
    (void)s;
    smpp_encode_plain(out, SMPP_UNBIND, SMPP_ROK, seq);
}
static void terminate_answer(const struct link_session *s, const struct link_origin *o, struct wire_pdu *out) {
    (void)s;
    smpp_encode_plain(out, SMPP_UNBIND | SMPP_RESP, SMPP_ROK, o->seq);
}
static void unknown_answer(const struct link_session *s, const struct link_origin *o, struct wire_pdu *out) {
    (void)s;
    smpp_encode_plain(out, SMPP_GENERIC_NACK, SMPP_RINVCMDID, o->seq);
}
static void deliver_answer(const struct link_session *s, const struct link_origin *o, enum link_refusal r, struct wire_pdu *out) {
    static const uint8_t status[] = {
        [LINK_STORED] = SMPP_ROK, [LINK_BAD_STRUCTURE] = SMPP_RINVCMDLEN, [LINK_BAD_CONTENT] = SMPP_RX_P_APPN};
    (void)s;
    smpp_encode_deliver_resp(out, wire_get32(o->id) | SMPP_RESP, status[r], o->seq);
}

static void report(const struct smpp_deliver *d, struct link_event *ev) {
    struct smpp_receipt r;
    if (smpp_decode_receipt(d, &r) != ERR_OK) {
        ev->kind = LINK_EV_BAD_DELIVERY;
        ev->code = LINK_BAD_CONTENT;
        return;
    }
    ev->kind = LINK_EV_REPORT;
    memcpy(ev->report.ref, r.id, sizeof r.id);
    memcpy(ev->report.stat, r.stat, sizeof r.stat);
    memcpy(ev->report.done_time, r.done_time, sizeof r.done_time);
    memcpy(ev->report.phone, d->src, sizeof d->src);
    ev->report.code = r.error;
    if ((d->esm_class & ESM_TYPE) == ESM_INTERMEDIATE || strcmp(r.stat, "ENROUTE") == 0 || strcmp(r.stat, "ACCEPTD") == 0 ||
        strcmp(r.stat, "SCHEDLD") == 0)
        ev->report.outcome = LINK_UNDER_WAY;
    else
        ev->report.outcome = strcmp(r.stat, "DELIVRD") == 0 ? LINK_DELIVERED : LINK_FAILED;
}

/* deliver_sm and data_sm have no id of their own: the number in the head must do. */
static void deliver(const struct smpp_head *h, const uint8_t *pdu, size_t len, struct link_event *ev) {
    struct smpp_deliver d;
    ev->origin.id_n = 8;
    memcpy(ev->origin.id, pdu + 4, 4);
    memcpy(ev->origin.id + 4, pdu + 12, 4);
    if (smpp_decode_deliver(pdu, len, &d) != ERR_OK) {
        ev->kind = LINK_EV_BAD_DELIVERY;
        ev->code = LINK_BAD_STRUCTURE;
        return;
    }
    const unsigned type = d.esm_class & ESM_TYPE;
    if (type == ESM_RECEIPT || type == ESM_INTERMEDIATE || d.receipted_id[0]) {
        report(&d, ev);
        return;
    }
    ev->kind = LINK_EV_MO;
    (void)snprintf(ev->ref, sizeof ev->ref, "%08x", (unsigned)h->seq);
    memcpy(ev->from, d.src, sizeof d.src);
    memcpy(ev->to, d.dst, sizeof d.dst);
    ev->fmt       = smpp_text_format(d.data_coding);
    ev->udhi      = (d.esm_class & ESM_UDHI) != 0;
    ev->content   = d.content;
    ev->content_n = d.content_n;
    if (d.sar_total > 1 && d.sar_number >= 1 && d.sar_number <= d.sar_total)
        ev->concat = (struct sms_concat){.ref = d.sar_ref, .total = d.sar_total, .number = d.sar_number};
}

static void decode(struct link_session *s, const uint8_t *pdu, size_t len, struct link_event *ev) {
    struct smpp_head h;
    smpp_head(pdu, len, &h);
    ev->origin.seq = h.seq;
    ev->code       = h.status;
    switch (h.cmd) {
    case SMPP_BIND_TRANSCEIVER | SMPP_RESP:
    case SMPP_BIND_TRANSMITTER | SMPP_RESP:
    case SMPP_BIND_RECEIVER | SMPP_RESP:
        ev->kind = h.seq == s->seq ? LINK_EV_LOGIN_ANSWER : LINK_EV_BAD;
        ev->why  = "bad_login_answer";
        break;
    case SMPP_SUBMIT_SM | SMPP_RESP:
        ev->kind   = LINK_EV_SUBMIT_ANSWER;
        ev->rebind = h.status == SMPP_RINVBNDSTS;
        if (smpp_decode_submit_resp(pdu, len, ev->ref) == ERR_OK) break;
        ev->kind = LINK_EV_BAD;
        ev->why  = "bad_submit_answer";
        break;
    case SMPP_GENERIC_NACK: ev->kind = LINK_EV_NACK; break;
    case SMPP_DELIVER_SM:
    case SMPP_DATA_SM: deliver(&h, pdu, len, ev); break;
    case SMPP_ENQUIRE_LINK: ev->kind = LINK_EV_TEST; break;
    case SMPP_ENQUIRE_LINK | SMPP_RESP: ev->kind = LINK_EV_TEST_ANSWER; break;
    case SMPP_UNBIND: ev->kind = LINK_EV_TERMINATE; break;
    case SMPP_UNBIND | SMPP_RESP: ev->kind = LINK_EV_TERMINATE_ANSWER; break;
    case SMPP_ALERT:
    case SMPP_OUTBIND: ev->kind = LINK_EV_NOTHING; break; /* neither wants an answer */
    default:
        ev->kind = h.cmd & SMPP_RESP ? LINK_EV_NOTHING : LINK_EV_UNKNOWN; /* an answer is never answered */
        ev->code = h.cmd;
        break;
    }
}

const struct link_proto LINK_SMPP = {.name             = "smpp",
                                     .port             = 2775,
                                     .version          = SMPP_V34,
                                     .head_bytes       = SMPP_HEAD_BYTES,
                                     .has_test         = true,
                                     .ids_vary         = true,
                                     .split_code       = SMPP_RINVCMDID,
                                     .pdu_max          = SMPP_PDU_MAX,
                                     .seq_max          = 0x7FFFFFFF,
                                     .codes            = CODES,
                                     .codes_n          = sizeof CODES / sizeof CODES[0],
                                     .login_codes      = LOGIN_CODES,
                                     .login_codes_n    = sizeof LOGIN_CODES / sizeof LOGIN_CODES[0],
                                     .check            = check,
                                     .login            = login,
                                     .submit           = submit,
                                     .test             = test,
                                     .test_answer      = test_answer,
                                     .deliver_answer   = deliver_answer,
                                     .terminate        = terminate,
                                     .terminate_answer = terminate_answer,
                                     .unknown_answer   = unknown_answer,
                                     .decode           = decode};
