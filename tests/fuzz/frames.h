/* SPDX-License-Identifier: Apache-2.0
 *
 * A stream of frames into one protocol's row of the carrier link, as a gateway may send it: every event is checked for what
 * the link relies on, and answered.
 */
#ifndef ZB_TESTS_FRAMES_H
#define ZB_TESTS_FRAMES_H

#include <string.h>

#include "base/buf.h"
#include "base/check.h"
#include "base/mem.h"
#include "push/link_proto.h"

#define IS_TEXT(field) MUST(memchr((field), 0, sizeof(field)) != NULL)

static void frames_event(const struct link_proto *p, struct link_session *s, const struct link_event *ev, const uint8_t *pdu, size_t n) {
    struct wire_pdu   out = {0};
    struct sms_concat c;
    struct buf        text;
    char              ref[LINK_REF_CAP];
    MUST(ev->origin.id_n <= sizeof ev->origin.id);
    IS_TEXT(ev->ref);
    IS_TEXT(ev->report.ref);
    IS_TEXT(ev->report.stat);
    IS_TEXT(ev->report.done_time);
    IS_TEXT(ev->report.phone);
    IS_TEXT(ev->from);
    IS_TEXT(ev->to);
    switch (ev->kind) {
    case LINK_EV_BAD: MUST(ev->why != NULL); return;
    case LINK_EV_BAD_DELIVERY:
        MUST(ev->code == LINK_BAD_STRUCTURE || ev->code == LINK_BAD_CONTENT);
        p->deliver_answer(s, &ev->origin, (enum link_refusal)ev->code, &out);
        break;
    case LINK_EV_REPORT:
        MUST(ev->report.ref[0] != '\0');
        p->deliver_answer(s, &ev->origin, LINK_STORED, &out);
        for (int f = LINK_ID_LEARN; f <= LINK_ID_DEC_HEX; f++)
            if (link_ref_respell((enum link_id_form)f, ev->report.ref, ref)) IS_TEXT(ref);
        break;
    case LINK_EV_MO: {
        size_t skip = ev->udhi ? sms_udh(ev->content, ev->content_n, &c) : 0;
        MUST(ev->content >= pdu && ev->content + ev->content_n <= pdu + n && skip <= ev->content_n);
        buf_init(&text, 4096);
        (void)!sms_decode(ev->fmt, ev->content + skip, ev->content_n - skip, &text);
        buf_fini(&text);
        p->deliver_answer(s, &ev->origin, LINK_STORED, &out);
        break;
    }
    case LINK_EV_TEST: p->test_answer(s, &ev->origin, &out); break;
    case LINK_EV_TERMINATE: p->terminate_answer(s, &ev->origin, &out); break;
    case LINK_EV_LOGIN: p->login_answer(s, &ev->origin, ev->code, &out); break;
    case LINK_EV_UNKNOWN:
    case LINK_EV_NOTHING:
    case LINK_EV_LOGIN_ANSWER:
    case LINK_EV_SUBMIT_ANSWER:
    case LINK_EV_NACK:
    case LINK_EV_TEST_ANSWER:
    case LINK_EV_TERMINATE_ANSWER: return;
    default: UNREACHABLE("kind of event");
    }
    MUST(out.len >= p->head_bytes && wire_get32(out.b) == out.len);
}

static int frames(const struct link_proto *p, const uint8_t *data, size_t n) {
    const struct link_conf c = {.proto = p, .user = "user", .secret = "secret", .service_id = "", .src_id = "", .system_type = "",
                                .corp_id = "", .peer_user = "user", .peer_secret = "secret", .node = 3010099999u, .version = p->version};
    struct link_session    s = {.conf = &c, .want_report = true, .version = p->version, .seq = 1};
    struct wire_pdu        out = {0};
    size_t                 off = 0, len;
    MUST(p->login(&s, 1, &out) == ERR_OK);
    while (wire_frame_next(data + off, n - off, p->head_bytes, p->pdu_max, &len) == WIRE_OK) {
        struct link_event ev   = {0};
        uint8_t          *copy = x_malloc(len); /* of its own size, so that a byte too far is seen */
        MUST(len >= p->head_bytes && off + len <= n);
        memcpy(copy, data + off, len);
        p->decode(&s, copy, len, &ev);
        frames_event(p, &s, &ev, copy, len);
        x_free(copy);
        off += len;
    }
    return 0;
}

#endif
