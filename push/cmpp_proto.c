/* SPDX-License-Identifier: Apache-2.0
 *
 * CMPP 3.0 and 2.0 (China Mobile, and most aggregators) as a row of the general link. The bytes are cmpp_codec.c's.
 */
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "push/cmpp_codec.h"
#include "push/link_proto.h"

#define RESULT_STRUCTURE 1
#define RESULT_BAD_LENGTH 4

static const struct link_code CODES[] = {
    {3, 3, SMS_TEMPORARY}, /* duplicate sequence: we never send again under one number, so it was another message's */
    {5, 5, SMS_CONFIG},    /* fee code */
    {7, 7, SMS_CONFIG},    /* Service_Id */
    {8, 8, SMS_THROTTLED}, {10, 12, SMS_CONFIG}, /* Src_Id, Msg_src, Fee_terminal_Id: never a matter of one message */
};

static enum err check(const struct link_conf *c) {
    if (c->user[0] == '\0' || strlen(c->user) > 6 || strlen(c->secret) > 256) return ERR_INPUT;
    if (strlen(c->service_id) > 10 || strlen(c->src_id) > 21) return ERR_INPUT;
    return c->version == CMPP_V20 || c->version == 0x21 || c->version == CMPP_V30 ? ERR_OK : ERR_INPUT;
}

static enum err login(struct link_session *s, uint32_t seq, struct wire_pdu *out) {
    const struct cmpp_login login = {.sp_code     = s->conf->user,
                                     .secret      = s->conf->secret,
                                     .version     = s->conf->version,
                                     .timestamp   = wire_timestamp(clock_wall_ms()),
                                     .hash_padded = s->conf->hash_padded};
    enum err                e     = cmpp_authenticator(&login, s->auth);
    return e ? e : cmpp_encode_connect(out, seq, &login);
}

static enum err submit(const struct link_session *s, uint32_t seq, const struct link_part *p, struct wire_pdu *out,
                       char ref[LINK_REF_CAP]) {
    const struct cmpp_submit m = {.sp_code       = s->conf->user,
                                  .service_id    = s->conf->service_id,
                                  .src_id        = s->conf->src_id,
                                  .phone         = p->phone,
                                  .content       = p->content->b,
                                  .content_n     = p->content->len,
                                  .pk_total      = p->total,
                                  .pk_number     = p->number,
                                  .fee_user_type = 2,
                                  .fmt           = SMS_FMT_UCS2,
                                  .udhi          = p->total > 1,
                                  .want_report   = s->want_report};
    (void)ref;
    return cmpp_encode_submit(out, seq, s->version, &m);
}

static void test(const struct link_session *s, uint32_t seq, struct wire_pdu *out) {
    (void)s;
    cmpp_encode_plain(out, CMPP_ACTIVE_TEST, seq);
}
static void test_answer(const struct link_session *s, const struct link_origin *o, struct wire_pdu *out) {
    (void)s;
    cmpp_encode_plain(out, CMPP_ACTIVE_TEST_RESP, o->seq);
}
static void terminate(const struct link_session *s, uint32_t seq, struct wire_pdu *out) {
    (void)s;
    cmpp_encode_plain(out, CMPP_TERMINATE, seq);
}
static void terminate_answer(const struct link_session *s, const struct link_origin *o, struct wire_pdu *out) {
    (void)s;
    cmpp_encode_plain(out, CMPP_TERMINATE_RESP, o->seq);
}
static void deliver_answer(const struct link_session *s, const struct link_origin *o, enum link_refusal r, struct wire_pdu *out) {
    static const uint8_t result[] = {
        [LINK_STORED] = 0, [LINK_BAD_STRUCTURE] = RESULT_STRUCTURE, [LINK_BAD_CONTENT] = RESULT_BAD_LENGTH};
    cmpp_encode_deliver_resp(out, o->seq, s->version, o->id_n == 8 ? wire_get64(o->id) : 0, result[r]);
}

static void connect_resp(struct link_session *s, const uint8_t *pdu, size_t len, struct link_event *ev) {
    struct cmpp_connect_resp r;
    if (cmpp_decode_connect_resp(pdu, len, &r) != ERR_OK || ev->origin.seq != s->seq) {
        ev->why = "bad_login_answer";
        return;
    }
    ev->kind = LINK_EV_LOGIN_ANSWER;
    ev->code = r.status;
    if (r.status != 0) return;
    if (!cmpp_connect_resp_is_authentic(&r, s->auth, s->conf->secret)) LOG0(LOG_WARN, "link_gateway_not_authentic");
    /* A gateway that answers a 3.0 log-in in the short form, or names a lower version, speaks 2.0. Some name none. */
    s->version = s->conf->version >= CMPP_V30 && !r.short_form && (r.version == 0 || r.version >= CMPP_V30) ? CMPP_V30 : CMPP_V20;
}

static void report(const struct cmpp_deliver *d, struct link_event *ev) {
    struct cmpp_report r;
    if (cmpp_decode_report(d->content, d->content_n, &r) != ERR_OK) {
        ev->kind = LINK_EV_BAD_DELIVERY;
        ev->code = LINK_BAD_CONTENT;
        return;
    }
    ev->kind = LINK_EV_REPORT;
    cmpp_msg_id_text(r.msg_id, ev->report.ref);
    memcpy(ev->report.stat, r.stat, sizeof r.stat);
    memcpy(ev->report.done_time, r.done_time, sizeof r.done_time);
    memcpy(ev->report.phone, r.phone, sizeof r.phone);
    ev->report.outcome = strcmp(r.stat, "DELIVRD") == 0   ? LINK_DELIVERED
                         : strcmp(r.stat, "ACCEPTD") == 0 ? LINK_UNDER_WAY
                                                          : LINK_FAILED;
}

static void deliver(const struct link_session *s, const uint8_t *pdu, size_t len, struct link_event *ev) {
    struct cmpp_deliver d;
    if (cmpp_decode_deliver(pdu, len, s->version, &d) != ERR_OK) {
        ev->kind = LINK_EV_BAD_DELIVERY;
        ev->code = LINK_BAD_STRUCTURE;
        return;
    }
    ev->origin.id_n = 8;
    memcpy(ev->origin.id, pdu + CMPP_HEAD_BYTES, 8);
    if (d.is_report) {
        report(&d, ev);
        return;
    }
    ev->kind = LINK_EV_MO;
    cmpp_msg_id_text(d.msg_id, ev->ref);
    memcpy(ev->from, d.src, sizeof d.src);
    memcpy(ev->to, d.dest_id, sizeof d.dest_id);
    ev->fmt       = d.fmt;
    ev->udhi      = d.udhi != 0;
    ev->content   = d.content;
    ev->content_n = d.content_n;
}

static void decode(struct link_session *s, const uint8_t *pdu, size_t len, struct link_event *ev) {
    struct cmpp_head        h;
    struct cmpp_submit_resp r;
    cmpp_head(pdu, len, &h);
    ev->origin.seq = h.seq;
    switch (h.cmd) {
    case CMPP_CONNECT_RESP: connect_resp(s, pdu, len, ev); break;
    case CMPP_SUBMIT_RESP:
        if (cmpp_decode_submit_resp(pdu, len, &r) != ERR_OK) {
            ev->why = "bad_submit_answer";
            break;
        }
        ev->kind = LINK_EV_SUBMIT_ANSWER;
        ev->code = r.result;
        cmpp_msg_id_text(r.msg_id, ev->ref);
        break;
    case CMPP_DELIVER: deliver(s, pdu, len, ev); break;
    case CMPP_ACTIVE_TEST: ev->kind = LINK_EV_TEST; break;
    case CMPP_ACTIVE_TEST_RESP: ev->kind = LINK_EV_TEST_ANSWER; break;
    case CMPP_TERMINATE: ev->kind = LINK_EV_TERMINATE; break;
    case CMPP_TERMINATE_RESP: ev->kind = LINK_EV_TERMINATE_ANSWER; break;
    default:
        ev->kind = LINK_EV_UNKNOWN;
        ev->code = h.cmd;
        break;
    }
}

const struct link_proto LINK_CMPP = {.name             = "cmpp",
                                     .port             = 7890,
                                     .version          = CMPP_V30,
                                     .head_bytes       = CMPP_HEAD_BYTES,
                                     .has_test         = true,
                                     .pdu_max          = CMPP_PDU_MAX,
                                     .seq_max          = UINT32_MAX,
                                     .codes            = CODES,
                                     .codes_n          = sizeof CODES / sizeof CODES[0],
                                     .check            = check,
                                     .login            = login,
                                     .submit           = submit,
                                     .test             = test,
                                     .test_answer      = test_answer,
                                     .deliver_answer   = deliver_answer,
                                     .terminate        = terminate,
                                     .terminate_answer = terminate_answer,
                                     .decode           = decode};
