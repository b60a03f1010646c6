/* SPDX-License-Identifier: Apache-2.0
 *
 * SMGP 3.0 on the wire, our side of it (the service provider): bytes in, bytes out, no I/O and no state. Any thread.
 * Everything decoded comes from a stranger: each length is checked before a byte is read, and what does not fit is ERR_INPUT.
 * A MsgID is ten opaque bytes: the text wants BCD, gateways send what they like.
 */
#ifndef ZB_PUSH_SMGP_CODEC_H
#define ZB_PUSH_SMGP_CODEC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "push/wire.h"

#define SMGP_V30 0x30
#define SMGP_V13 0x13 /* a SUBMIT without FixedFee */

#define SMGP_RESP 0x80000000u
#define SMGP_LOGIN 1u
#define SMGP_SUBMIT 2u
#define SMGP_DELIVER 3u
#define SMGP_ACTIVE_TEST 4u
#define SMGP_EXIT 6u

#define SMGP_HEAD_BYTES 12
#define SMGP_PDU_MAX 4096
#define SMGP_MSG_ID 10

struct smgp_head {
    uint32_t len, cmd, seq;
};
/* p: one whole frame of len bytes (wire_frame_next). */
void smgp_head(const uint8_t *p, size_t len, struct smgp_head *head);

struct smgp_login {
    const char *client_id, *secret; /* at most 8, 15 */
    uint8_t     mode;               /* 0 send, 1 receive, 2 both */
    uint8_t     version;
    uint32_t    timestamp;   /* see wire_timestamp */
    bool        hash_padded; /* an id shorter than 8 bytes is hashed with its padding */
};
enum err smgp_authenticator(const struct smgp_login *login, uint8_t out[16]) MUST_CHECK;
enum err smgp_encode_login(struct wire_pdu *out, uint32_t seq, const struct smgp_login *login) MUST_CHECK;

/* One destination, one part. NULL is empty; longer than the field is ERR_INPUT. */
struct smgp_submit {
    const char    *service_id, *src, *dst; /* at most 10, 21, 21 */
    const uint8_t *content;
    size_t         content_n;                /* 1 to 140 */
    uint8_t        priority;                 /* 0 to 3 */
    uint8_t        fmt, pk_total, pk_number; /* pk_total above 1: the content begins with its header */
    bool           want_report;
};
enum err smgp_encode_submit(struct wire_pdu *out, uint32_t seq, uint8_t version, const struct smgp_submit *s) MUST_CHECK;
void     smgp_encode_deliver_resp(struct wire_pdu *out, uint32_t seq, const uint8_t msg_id[SMGP_MSG_ID], uint32_t status);
/* Active_Test, Exit and their answers. */
void smgp_encode_plain(struct wire_pdu *out, uint32_t cmd, uint32_t seq);

struct smgp_login_resp {
    uint32_t status;
    uint8_t  authenticator[16];
    uint8_t  version;
};
struct smgp_submit_resp {
    uint8_t  msg_id[SMGP_MSG_ID];
    uint32_t status;
};
struct smgp_deliver {
    uint8_t        msg_id[SMGP_MSG_ID];
    char           src[22], dst[22];
    uint8_t        fmt;
    bool           is_report, udhi;
    const uint8_t *content; /* inside the bytes given */
    size_t         content_n;
};
struct smgp_report {
    uint8_t  msg_id[SMGP_MSG_ID]; /* the one Submit_Resp gave */
    char     stat[8], done_time[11];
    uint32_t error; /* 0 where there is none, or no number */
};

/* pdu: one whole frame of len bytes, header included. */
enum err smgp_decode_login_resp(const uint8_t *pdu, size_t len, struct smgp_login_resp *out) MUST_CHECK;
enum err smgp_decode_submit_resp(const uint8_t *pdu, size_t len, struct smgp_submit_resp *out) MUST_CHECK;
enum err smgp_decode_deliver(const uint8_t *pdu, size_t len, struct smgp_deliver *out) MUST_CHECK;
/* content of a Deliver with is_report, in the spelling of the text or of the field. */
enum err smgp_decode_report(const uint8_t *content, size_t n, struct smgp_report *out) MUST_CHECK;

#endif
