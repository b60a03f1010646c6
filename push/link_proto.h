/* SPDX-License-Identifier: Apache-2.0
 *
 * What the general link must know of a carrier's protocol: one row of functions over bytes, and one neutral event for each
 * PDU received. No I/O, no clock but the one the session carries; loop thread of the link. Only push/link*.c and the rows
 * (cmpp_proto.c, smpp_proto.c, smgp_proto.c, sgip_proto.c) include this.
 */
#ifndef ZB_PUSH_LINK_PROTO_H
#define ZB_PUSH_LINK_PROTO_H

#include "push/link.h"
#include "push/wire.h"

/* What an answer of ours must repeat. id is opaque to the link: it also tells a repeated delivery from another one. */
struct link_origin {
    uint32_t seq;
    uint8_t  id_n, id[16];
};

enum link_outcome { LINK_UNDER_WAY, LINK_DELIVERED, LINK_FAILED };

struct link_report_body {
    char              ref[LINK_REF_CAP];
    char              stat[8], done_time[11], phone[33];
    uint32_t          code;
    enum link_outcome outcome;
};

enum link_event_kind {
    LINK_EV_BAD,          /* not to be understood: the connection ends, why says of what */
    LINK_EV_BAD_DELIVERY, /* the same of something the gateway brings: refused with deliver_answer, the link stays */
    LINK_EV_UNKNOWN,      /* a command we do not know */
    LINK_EV_NOTHING,
    LINK_EV_LOGIN_ANSWER,  /* code; 0 is welcome */
    LINK_EV_SUBMIT_ANSWER, /* origin.seq, code, ref */
    LINK_EV_NACK,          /* origin.seq, code: a request of ours was not understood */
    LINK_EV_REPORT,        /* origin, report */
    LINK_EV_MO,            /* origin and what stands below */
    LINK_EV_TEST,
    LINK_EV_TEST_ANSWER,
    LINK_EV_TERMINATE,
    LINK_EV_TERMINATE_ANSWER,
    LINK_EV_LOGIN /* the gateway logs in to us; code: why not, 0 is welcome */
};

struct link_event {
    enum link_event_kind    kind;
    struct link_origin      origin;
    uint32_t                code;
    const char             *why;    /* constant */
    bool                    rebind; /* the answer means that this connection is not logged in */
    char                    ref[LINK_REF_CAP];
    struct link_report_body report;
    /* MO */
    char              from[33], to[33];
    uint8_t           fmt; /* SMS_FMT_... */
    bool              udhi;
    struct sms_concat concat;  /* where the protocol itself tells of parts; total 0: it does not */
    const uint8_t    *content; /* inside the PDU */
    size_t            content_n;
};

enum link_mode { LINK_BOTH, LINK_SEND, LINK_RECEIVE };

/* One connection as its protocol sees it. */
struct link_session {
    enum link_mode          mode;
    const struct link_conf *conf; /* of the link; strings not NULL but listen_host and the peer_ ones */
    bool                    want_report;
    uint8_t                 version; /* as agreed; from the log-in on */
    uint8_t                 auth[16];
    uint32_t                seq; /* of the log-in */
};

/* One part of a message. */
struct link_part {
    const char            *phone;
    const struct sms_part *content;
    uint8_t                total, number;
};

enum link_refusal { LINK_STORED, LINK_BAD_STRUCTURE, LINK_BAD_CONTENT };

struct link_proto {
    const char *name;
    uint16_t    port;
    uint8_t     version; /* default */
    uint8_t     head_bytes;
    bool        has_test;       /* an active test exists */
    bool        has_peers;      /* deliveries come on connections that the gateway opens */
    bool        is_closed_idle; /* the gateway may close a silent connection: no trouble, no pause before the next */
    bool        ids_vary;       /* references are spelled differently in answer and report, see enum link_id_form */
    uint32_t    split_code;     /* log-in answer of a gateway that wants a connection each to send and to receive; 0: none does */
    size_t      pdu_max;
    uint32_t    seq_max;           /* sequence numbers are 1..seq_max */
    const struct link_code *codes; /* of submit answers; 0 is SENT, what is not in it REJECTED */
    size_t                  codes_n;
    const struct link_code *login_codes; /* what is not in it needs a person (CONFIG) */
    size_t                  login_codes_n;

    enum err (*check)(const struct link_conf *c); /* widths, ranges */
    enum err (*login)(struct link_session *s, uint32_t seq, struct wire_pdu *out);
    /* ref: the part's reference where it is ours to give, else left empty. */
    enum err (*submit)(const struct link_session *s, uint32_t seq, const struct link_part *p, struct wire_pdu *out,
                       char ref[LINK_REF_CAP]);
    void (*test)(const struct link_session *s, uint32_t seq, struct wire_pdu *out); /* with has_test */
    void (*test_answer)(const struct link_session *s, const struct link_origin *o, struct wire_pdu *out);
    void (*deliver_answer)(const struct link_session *s, const struct link_origin *o, enum link_refusal r, struct wire_pdu *out);
    void (*terminate)(const struct link_session *s, uint32_t seq, struct wire_pdu *out);
    void (*terminate_answer)(const struct link_session *s, const struct link_origin *o, struct wire_pdu *out);
    void (*unknown_answer)(const struct link_session *s, const struct link_origin *o, struct wire_pdu *out); /* may be NULL */
    void (*login_answer)(const struct link_session *s, const struct link_origin *o, uint32_t code,
                         struct wire_pdu *out); /* with has_peers */
    /* pdu: one whole frame. out is zeroed before; everything in it is a stranger's and has been checked. */
    void (*decode)(struct link_session *s, const uint8_t *pdu, size_t len, struct link_event *out);
};

/* By the account's own codes, then by the table, else otherwise. */
enum sms_verdict link_classify(const struct link_code *own, size_t own_n, const struct link_code *table, size_t table_n,
                               uint32_t code, enum sms_verdict otherwise);

/* The spelling that the answer of that form had, from the one in the receipt; false if it is no number of that kind. */
bool link_ref_respell(enum link_id_form form, const char *receipt, char out[LINK_REF_CAP]) MUST_CHECK;

#endif
