/* SPDX-License-Identifier: Apache-2.0
 *
 * SGIP 1.2 (China Unicom) as a row of the general link. The bytes are sgip_codec.c's. We bind to the gateway to submit; the
 * gateway binds to us to bring reports and texts. There is no active test, and a silent connection may be closed.
 */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "push/link_proto.h"
#include "push/sgip_codec.h"

#define RESULT_LOGIN 1
#define RESULT_LOGIN_TYPE 4
#define RESULT_PARAMETER 5
#define RESULT_LENGTH 8
#define CN "86"

static const struct link_code CODES[] = {
    {1, 1, SMS_TEMPORARY},   /* not logged in, says the gateway: the link binds anew, and hears there if the account is bad */
    {2, 3, SMS_TEMPORARY},   /* logged in already, too many connections */
    {4, 4, SMS_CONFIG},      /* login type */
    {9, 9, SMS_TEMPORARY},   /* repeated sequence: we never send again under one, so it was another message's */
    {11, 11, SMS_THROTTLED}, /* node busy */
    {24, 24, SMS_CONFIG},    /* charged number */
    {30, 31, SMS_CONFIG},    /* service, device */
    {32, 33, SMS_TEMPORARY}, /* system failure, queue full */
};
static const struct link_code LOGIN_CODES[] = {{2, 3, SMS_TEMPORARY}, {11, 11, SMS_TEMPORARY}, {32, 32, SMS_TEMPORARY}};

static enum err check(const struct link_conf *c) {
    if (c->user[0] == '\0' || strlen(c->user) > 16 || strlen(c->secret) > 16 || c->node == 0) return ERR_INPUT;
    return strlen(c->service_id) <= 10 && strlen(c->src_id) <= 21 && strlen(c->corp_id) <= 5 ? ERR_OK : ERR_INPUT;
}

static struct sgip_seq ours(const struct link_session *s, uint32_t serial) {
    return (struct sgip_seq){.node = s->conf->node, .time = wire_timestamp(clock_wall_ms()), .serial = serial};
}

static enum err login(struct link_session *s, uint32_t seq, struct wire_pdu *out) {
    struct sgip_bind b = {.type = SGIP_TO_GATEWAY};
    (void)snprintf(b.name, sizeof b.name, "%s", s->conf->user);
    (void)snprintf(b.password, sizeof b.password, "%s", s->conf->secret);
    return sgip_encode_bind(out, ours(s, seq), &b);
}

static enum err submit(const struct link_session *s, uint32_t seq, const struct link_part *p, struct wire_pdu *out,
                       char ref[LINK_REF_CAP]) {
    char               dst[32];
    const char        *phone = p->phone[0] == '+' ? p->phone + 1 : p->phone;
    struct sgip_seq    name  = ours(s, seq);
    struct sgip_submit m     = {.src         = s->conf->src_id,
                                .dst         = dst,
                                .corp_id     = s->conf->corp_id,
                                .service     = s->conf->service_id,
                                .content     = p->content->b,
                                .content_n   = p->content->len,
                                .fmt         = SMS_FMT_UCS2,
                                .udhi        = p->total > 1,
                                .want_report = s->want_report};
    (void)snprintf(dst, sizeof dst, "%s%s", strlen(phone) == 11 ? CN : "", phone);
    sgip_seq_text(name, ref);
    return sgip_encode_submit(out, name, &m);
}

/* Sequence and command of what is answered; see decode. */
static struct sgip_seq theirs(const struct link_origin *o) { return sgip_seq_get(o->id); }
static uint32_t        answer_to(const struct link_origin *o) { return wire_get32(o->id + SGIP_SEQ) | SGIP_RESP; }

static void terminate(const struct link_session *s, uint32_t seq, struct wire_pdu *out) {
    sgip_encode_plain(out, SGIP_UNBIND, ours(s, seq));
}
static void terminate_answer(const struct link_session *s, const struct link_origin *o, struct wire_pdu *out) {
    (void)s;
    sgip_encode_plain(out, SGIP_UNBIND | SGIP_RESP, theirs(o));
}
static void deliver_answer(const struct link_session *s, const struct link_origin *o, enum link_refusal r, struct wire_pdu *out) {
    static const uint8_t result[] = {
        [LINK_STORED] = 0, [LINK_BAD_STRUCTURE] = RESULT_LENGTH, [LINK_BAD_CONTENT] = RESULT_PARAMETER};
    (void)s;
    sgip_encode_resp(out, answer_to(o), theirs(o), result[r]);
}
static void login_answer(const struct link_session *s, const struct link_origin *o, uint32_t code, struct wire_pdu *out) {
    (void)s;
    sgip_encode_resp(out, SGIP_BIND | SGIP_RESP, theirs(o), (uint8_t)code);
}

static void peer_bind(const struct link_session *s, const uint8_t *pdu, size_t len, struct link_event *ev) {
    struct sgip_bind b;
    if (sgip_decode_bind(pdu, len, &b) != ERR_OK) {
        ev->why = "bad_login";
        return;
    }
    ev->kind = LINK_EV_LOGIN;
    if (b.type != SGIP_TO_SP)
        ev->code = RESULT_LOGIN_TYPE;
    else if (strcmp(b.name, s->conf->peer_user) != 0 || strcmp(b.password, s->conf->peer_secret) != 0)
        ev->code = RESULT_LOGIN;
}

static void deliver(const struct sgip_head *h, const uint8_t *pdu, size_t len, struct link_event *ev) {
    struct sgip_deliver d;
    if (sgip_decode_deliver(pdu, len, &d) != ERR_OK) {
        ev->kind = LINK_EV_BAD_DELIVERY;
        ev->code = LINK_BAD_STRUCTURE;
        return;
    }
    ev->kind = LINK_EV_MO;
    sgip_seq_text(h->seq, ev->ref);
    memcpy(ev->from, d.user, sizeof d.user);
    memcpy(ev->to, d.sp, sizeof d.sp);
    ev->fmt       = d.fmt;
    ev->udhi      = d.udhi;
    ev->content   = d.content;
    ev->content_n = d.content_n;
}

static void report(const uint8_t *pdu, size_t len, struct link_event *ev) {
    static const enum link_outcome outcomes[] = {LINK_DELIVERED, LINK_UNDER_WAY, LINK_FAILED};
    static const char *const       words[]    = {"DELIVRD", "ACCEPTD", "UNDELIV"};
    struct sgip_report             r;
    if (sgip_decode_report(pdu, len, &r) != ERR_OK) {
        ev->kind = LINK_EV_BAD_DELIVERY;
        ev->code = LINK_BAD_STRUCTURE;
        return;
    }
    if (r.type != 0) { /* of a Deliver: nothing of ours */
        ev->kind = LINK_EV_NOTHING;
        return;
    }
    ev->kind = LINK_EV_REPORT;
    sgip_seq_text(r.submit, ev->report.ref);
    (void)snprintf(ev->report.stat, sizeof ev->report.stat, "%.7s", r.word[0] ? r.word : words[r.state]);
    memcpy(ev->report.phone, r.user, sizeof r.user);
    ev->report.code    = r.error;
    ev->report.outcome = outcomes[r.state];
}

static void decode(struct link_session *s, const uint8_t *pdu, size_t len, struct link_event *ev) {
    struct sgip_head h;
    uint8_t          result;
    sgip_head(pdu, len, &h);
    ev->origin.seq  = h.seq.serial;
    ev->origin.id_n = SGIP_SEQ + 4;
    memcpy(ev->origin.id, pdu + 8, SGIP_SEQ);
    memcpy(ev->origin.id + SGIP_SEQ, pdu + 4, 4);
    switch (h.cmd) {
    case SGIP_BIND: peer_bind(s, pdu, len, ev); break;
    case SGIP_BIND | SGIP_RESP:
    case SGIP_SUBMIT | SGIP_RESP:
        if (sgip_decode_resp(pdu, len, &result) != ERR_OK || (h.cmd == (SGIP_BIND | SGIP_RESP) && h.seq.serial != s->seq)) {
            ev->why = h.cmd == (SGIP_BIND | SGIP_RESP) ? "bad_login_answer" : "bad_submit_answer";
            break;
        }
        ev->kind   = h.cmd == (SGIP_BIND | SGIP_RESP) ? LINK_EV_LOGIN_ANSWER : LINK_EV_SUBMIT_ANSWER;
        ev->code   = result;
        ev->rebind = h.cmd == (SGIP_SUBMIT | SGIP_RESP) && result == RESULT_LOGIN;
        break;
    case SGIP_DELIVER: deliver(&h, pdu, len, ev); break;
    case SGIP_REPORT: report(pdu, len, ev); break;
    case SGIP_USERRPT: ev->kind = LINK_EV_NOTHING; break; /* who left the network: of no use to us */
    case SGIP_UNBIND: ev->kind = LINK_EV_TERMINATE; break;
    case SGIP_UNBIND | SGIP_RESP: ev->kind = LINK_EV_TERMINATE_ANSWER; break;
    default:
        ev->kind = LINK_EV_UNKNOWN;
        ev->code = h.cmd;
        break;
    }
}

const struct link_proto LINK_SGIP = {.name             = "sgip",
                                     .port             = 8801,
                                     .version          = SGIP_V12,
                                     .head_bytes       = SGIP_HEAD_BYTES,
                                     .has_peers        = true,
                                     .is_closed_idle   = true,
                                     .pdu_max          = SGIP_PDU_MAX,
                                     .seq_max          = UINT32_MAX,
                                     .codes            = CODES,
                                     .codes_n          = sizeof CODES / sizeof CODES[0],
                                     .login_codes      = LOGIN_CODES,
                                     .login_codes_n    = sizeof LOGIN_CODES / sizeof LOGIN_CODES[0],
                                     .check            = check,
                                     .login            = login,
                                     .submit           = submit,
                                     .deliver_answer   = deliver_answer,
                                     .terminate        = terminate,
                                     .terminate_answer = terminate_answer,
                                     .login_answer     = login_answer,
                                     .decode           = decode};
