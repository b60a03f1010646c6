/* SPDX-License-Identifier: Apache-2.0
 *
 * CMPP 3.0 and 2.0 on the wire, our side of it (the service provider): bytes in, bytes out, no I/O and no state. Any
 * thread. Everything decoded comes from a stranger: each length is checked before a byte is read, strings end at their
 * first NUL or at the width of the field, and what does not fit is ERR_INPUT.
 *
 * Where gateways disagree with their own version, the length on the wire decides (CONNECT_RESP 30 or 33, SUBMIT_RESP 21
 * or 24, status report 60 or 71). Only DELIVER needs the version that the log-in agreed on.
 */
#ifndef ZB_PUSH_CMPP_CODEC_H
#define ZB_PUSH_CMPP_CODEC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "push/wire.h"

#define CMPP_V20 0x20 /* 2.1 has the same layouts */
#define CMPP_V30 0x30

#define CMPP_CONNECT          0x00000001u
#define CMPP_CONNECT_RESP     0x80000001u
#define CMPP_TERMINATE        0x00000002u
#define CMPP_TERMINATE_RESP   0x80000002u
#define CMPP_SUBMIT           0x00000004u
#define CMPP_SUBMIT_RESP      0x80000004u
#define CMPP_DELIVER          0x00000005u
#define CMPP_DELIVER_RESP     0x80000005u
#define CMPP_ACTIVE_TEST      0x00000008u
#define CMPP_ACTIVE_TEST_RESP 0x80000008u

#define CMPP_HEAD_BYTES 12
#define CMPP_PDU_MAX    4096

struct cmpp_head {
    uint32_t len, cmd, seq;
};

/* p: one whole frame of len bytes (wire_frame_next). */
void cmpp_head(const uint8_t *p, size_t len, struct cmpp_head *head);

struct cmpp_login {
    const char *sp_code; /* 1-6 bytes */
    const char *secret;
    uint8_t     version;   /* CMPP_V20 or CMPP_V30 */
    uint32_t    timestamp; /* MMDDHHMMSS as a number, see wire_timestamp */
    bool        hash_padded; /* a code shorter than 6 bytes is hashed with its padding; gateways differ */
};

/* AuthenticatorSource. ERR_INPUT for a code that is empty or too long, a timestamp of more than ten digits. */
enum err cmpp_authenticator(const struct cmpp_login *login, uint8_t out[16]) MUST_CHECK;

/* One destination, one part. Strings are borrowed; NULL is empty; longer than the field is ERR_INPUT. */
struct cmpp_submit {
    const char    *sp_code;    /* Msg_src, at most 6 */
    const char    *service_id; /* at most 10 */
    const char    *src_id;     /* access number, at most 21 */
    const char    *phone;      /* at most 21 (2.0) or 32 (3.0) */
    const char    *fee_type;   /* 2 digits; NULL is "01", free */
    const char    *fee_code;   /* at most 6; NULL is "000000" */
    const uint8_t *content;
    size_t         content_n; /* at most 140 */
    uint8_t        pk_total, pk_number;
    uint8_t        fee_user_type; /* 2: the provider pays */
    uint8_t        fmt;           /* 8: UTF-16BE */
    bool           udhi, want_report;
};

enum err cmpp_encode_connect(struct wire_pdu *out, uint32_t seq, const struct cmpp_login *login) MUST_CHECK;
enum err cmpp_encode_submit(struct wire_pdu *out, uint32_t seq, uint8_t version, const struct cmpp_submit *s) MUST_CHECK;
void     cmpp_encode_deliver_resp(struct wire_pdu *out, uint32_t seq, uint8_t version, uint64_t msg_id, uint8_t result);
/* ACTIVE_TEST, ACTIVE_TEST_RESP, TERMINATE, TERMINATE_RESP. */
void cmpp_encode_plain(struct wire_pdu *out, uint32_t cmd, uint32_t seq);

struct cmpp_connect_resp {
    uint32_t status; /* 0 ok, 1 structure, 2 source address, 3 authentication, 4 version, other */
    uint8_t  authenticator[16];
    uint8_t  version; /* highest of the gateway */
    bool     short_form; /* 30 bytes: the gateway speaks 2.0 */
};
struct cmpp_submit_resp {
    uint64_t msg_id;
    uint32_t result; /* 0 ok, 8 flow control, others refuse */
};
struct cmpp_deliver {
    uint64_t       msg_id;
    char           dest_id[22], service_id[11], src[33];
    uint8_t        tp_pid, udhi, fmt;
    bool           is_report;
    const uint8_t *content; /* inside the bytes given */
    size_t         content_n;
};
struct cmpp_report {
    uint64_t msg_id;          /* the one SUBMIT_RESP gave */
    char     stat[8];         /* DELIVRD is the only success */
    char     submit_time[11]; /* YYMMDDHHMM, as sent by the gateway */
    char     done_time[11];
    char     phone[33];
    uint32_t smsc_sequence;
};

/* pdu: one whole frame of len bytes, header included. */
enum err cmpp_decode_connect_resp(const uint8_t *pdu, size_t len, struct cmpp_connect_resp *out) MUST_CHECK;
enum err cmpp_decode_submit_resp(const uint8_t *pdu, size_t len, struct cmpp_submit_resp *out) MUST_CHECK;
enum err cmpp_decode_deliver(const uint8_t *pdu, size_t len, uint8_t version, struct cmpp_deliver *out) MUST_CHECK;
/* content of a DELIVER with is_report. */
enum err cmpp_decode_report(const uint8_t *content, size_t n, struct cmpp_report *out) MUST_CHECK;

/* True if AuthenticatorISMG fits, with the status hashed as one or as four bytes (implementations disagree). A mismatch
 * is worth a log line, not a refusal. */
bool cmpp_connect_resp_is_authentic(const struct cmpp_connect_resp *r, const uint8_t source_authenticator[16], const char *secret);

/* 16 lower-case hex digits: the form of a Msg_Id in records. */
void cmpp_msg_id_text(uint64_t msg_id, char out[17]);

#endif
