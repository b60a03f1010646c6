/* SPDX-License-Identifier: Apache-2.0
 *
 * SMGP 3.0 (China Telecom) as a row of the general link. The bytes are smgp_codec.c's.
 */
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/text.h"
#include "push/link_proto.h"
#include "push/smgp_codec.h"

#define MODE_BOTH 2
#define PRIORITY 2
#define STATUS_STRUCTURE 10
#define STATUS_LENGTH 36

static const struct link_code CODES[] = {
    {1, 1, SMS_THROTTLED},   /* busy */
    {2, 2, SMS_TEMPORARY},   /* too many connections */
    {12, 12, SMS_TEMPORARY}, /* duplicate sequence: we never send again under one number, so it was another message's */
    {20, 22, SMS_CONFIG},    /* address, authentication, version */
    {30, 34, SMS_CONFIG},    /* MsgType, Priority, FeeType, FeeCode, MsgFormat: settings, not texts */
    {40, 40, SMS_CONFIG},    /* FixedFee */
    {43, 43, SMS_CONFIG},    /* ServiceID */
    {46, 46, SMS_CONFIG},    /* SrcTermID */
    {48, 49, SMS_CONFIG},    /* ChargeTermID, SP code */
    {73, 73, SMS_CONFIG},    /* MServiceID */
    {74, 74, SMS_TEMPORARY}, /* not at this hour */
    {75, 76, SMS_CONFIG},    /* over the daily volume, account expired */
};
static const struct link_code LOGIN_CODES[] = {{1, 2, SMS_TEMPORARY}, {12, 12, SMS_TEMPORARY}};

static enum err check(const struct link_conf *c) {
    if (c->user[0] == '\0' || strlen(c->user) > 8 || strlen(c->secret) > 15) return ERR_INPUT;
    if (strlen(c->service_id) > 10 || strlen(c->src_id) > 21) return ERR_INPUT;
    return c->version == SMGP_V30 || c->version == SMGP_V13 ? ERR_OK : ERR_INPUT;
}

static enum err login(struct link_session *s, uint32_t seq, struct wire_pdu *out) {
    const struct smgp_login login = {.client_id   = s->conf->user,
                                     .secret      = s->conf->secret,
                                     .mode        = MODE_BOTH,
                                     .version     = s->conf->version,
                                     .timestamp   = wire_timestamp(clock_wall_ms()),
                                     .hash_padded = s->conf->hash_padded};
    enum err                e     = smgp_authenticator(&login, s->auth);
    return e ? e : smgp_encode_login(out, seq, &login);
}

static enum err submit(const struct link_session *s, uint32_t seq, const struct link_part *p, struct wire_pdu *out,
                       char ref[LINK_REF_CAP]) {
    const struct smgp_submit m = {.service_id  = s->conf->service_id,
                                  .src         = s->conf->src_id,
                                  .dst         = p->phone[0] == '+' ? p->phone + 1 : p->phone,
                                  .content     = p->content->b,
                                  .content_n   = p->content->len,
                                  .priority    = PRIORITY,
                                  .fmt         = SMS_FMT_UCS2,
                                  .pk_total    = p->total,
                                  .pk_number   = p->number,
                                  .want_report = s->want_report};
    (void)ref;
    return smgp_encode_submit(out, seq, s->conf->version, &m);
}

static void test(const struct link_session *s, uint32_t seq, struct wire_pdu *out) {
    (void)s;
    smgp_encode_plain(out, SMGP_ACTIVE_TEST, seq);
}
static void test_answer(const struct link_session *s, const struct link_origin *o, struct wire_pdu *out) {
    (void)s;
    smgp_encode_plain(out, SMGP_ACTIVE_TEST | SMGP_RESP, o->seq);
}
static void terminate(const struct link_session *s, uint32_t seq, struct wire_pdu *out) {
    (void)s;
    smgp_encode_plain(out, SMGP_EXIT, seq);
}
static void terminate_answer(const struct link_session *s, const struct link_origin *o, struct wire_pdu *out) {
    (void)s;
    smgp_encode_plain(out, SMGP_EXIT | SMGP_RESP, o->seq);
}
static void deliver_answer(const struct link_session *s, const struct link_origin *o, enum link_refusal r, struct wire_pdu *out) {
    static const uint8_t status[] = {
        [LINK_STORED] = 0, [LINK_BAD_STRUCTURE] = STATUS_STRUCTURE, [LINK_BAD_CONTENT] = STATUS_LENGTH};
    (void)s;
    smgp_encode_deliver_resp(out, o->seq, o->id, status[r]);
}

static void login_resp(struct link_session *s, const uint8_t *pdu, size_t len, struct link_event *ev) {
    struct smgp_login_resp r;
    if (smgp_decode_login_resp(pdu, len, &r) != ERR_OK || ev->origin.seq != s->seq) {
        ev->why = "bad_login_answer";
        return;
    }
    ev->kind = LINK_EV_LOGIN_ANSWER;
    ev->code = r.status;
    if (r.status == 0 && !wire_is_authentic(0, 4, s->auth, s->conf->secret, r.authenticator))
        LOG0(LOG_WARN, "link_gateway_not_authentic");
}

static void report(const struct smgp_deliver *d, struct link_event *ev) {
    struct smgp_report r;
    if (smgp_decode_report(d->content, d->content_n, &r) != ERR_OK) {
        ev->kind = LINK_EV_BAD_DELIVERY;
        ev->code = LINK_BAD_CONTENT;
        return;
    }
    ev->kind = LINK_EV_REPORT;
    hex_encode(ev->report.ref, r.msg_id, sizeof r.msg_id);
    memcpy(ev->report.stat, r.stat, sizeof r.stat);
    memcpy(ev->report.done_time, r.done_time, sizeof r.done_time);
    memcpy(ev->report.phone, d->src, sizeof d->src);
    ev->report.code    = r.error;
    ev->report.outcome = strcmp(r.stat, "DELIVRD") == 0   ? LINK_DELIVERED
                         : strcmp(r.stat, "ACCEPTD") == 0 ? LINK_UNDER_WAY
                                                          : LINK_FAILED;
}

static void deliver(const uint8_t *pdu, size_t len, struct link_event *ev) {
    struct smgp_deliver d;
    if (smgp_decode_deliver(pdu, len, &d) != ERR_OK) {
        ev->kind = LINK_EV_BAD_DELIVERY;
        ev->code = LINK_BAD_STRUCTURE;
        return;
    }
    ev->origin.id_n = sizeof d.msg_id;
    memcpy(ev->origin.id, d.msg_id, sizeof d.msg_id);
    if (d.is_report) {
        report(&d, ev);
        return;
    }
    ev->kind = LINK_EV_MO;
    hex_encode(ev->ref, d.msg_id, sizeof d.msg_id);
    memcpy(ev->from, d.src, sizeof d.src);
    memcpy(ev->to, d.dst, sizeof d.dst);
    ev->fmt       = d.fmt;
    ev->udhi      = d.udhi;
    ev->content   = d.content;
    ev->content_n = d.content_n;
}

static void decode(struct link_session *s, const uint8_t *pdu, size_t len, struct link_event *ev) {
    struct smgp_head        h;
    struct smgp_submit_resp r;
    smgp_head(pdu, len, &h);
    ev->origin.seq = h.seq;
    switch (h.cmd) {
    case SMGP_LOGIN | SMGP_RESP: login_resp(s, pdu, len, ev); break;
    case SMGP_SUBMIT | SMGP_RESP:
        if (smgp_decode_submit_resp(pdu, len, &r) != ERR_OK) {
            ev->why = "bad_submit_answer";
            break;
        }
        ev->kind = LINK_EV_SUBMIT_ANSWER;
        ev->code = r.status;
        hex_encode(ev->ref, r.msg_id, sizeof r.msg_id);
        break;
    case SMGP_DELIVER: deliver(pdu, len, ev); break;
    case SMGP_ACTIVE_TEST: ev->kind = LINK_EV_TEST; break;
    case SMGP_ACTIVE_TEST | SMGP_RESP: ev->kind = LINK_EV_TEST_ANSWER; break;
    case SMGP_EXIT: ev->kind = LINK_EV_TERMINATE; break;
    case SMGP_EXIT | SMGP_RESP: ev->kind = LINK_EV_TERMINATE_ANSWER; break;
    default:
        ev->kind = LINK_EV_UNKNOWN;
        ev->code = h.cmd;
        break;
    }
}

const struct link_proto LINK_SMGP = {.name             = "smgp",
                                     .port             = 8890,
                                     .version          = SMGP_V30,
                                     .head_bytes       = SMGP_HEAD_BYTES,
                                     .has_test         = true,
                                     .pdu_max          = SMGP_PDU_MAX,
                                     .seq_max          = UINT32_MAX,
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
                                     .decode           = decode};
