/* SPDX-License-Identifier: Apache-2.0
 *
 * SGIP 1.2 on the wire, both of our sides of it: client of the gateway (Bind, Submit) and server to it (Deliver, Report).
 * Bytes in, bytes out, no I/O and no state. Any thread. Everything decoded comes from a stranger: each length is checked
 * before a byte is read, and what does not fit is ERR_INPUT.
 *
 * There are no message ids: the twelve bytes of a Submit's sequence are its name, and a Report repeats them.
 */
#ifndef ZB_PUSH_SGIP_CODEC_H
#define ZB_PUSH_SGIP_CODEC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "push/wire.h"

#define SGIP_V12 0x12 /* for our own use: the wire carries no version */

#define SGIP_RESP 0x80000000u
#define SGIP_BIND 1u
#define SGIP_UNBIND 2u
#define SGIP_SUBMIT 3u
#define SGIP_DELIVER 4u
#define SGIP_REPORT 5u
#define SGIP_USERRPT 0x11u

#define SGIP_TO_GATEWAY 1 /* LoginType */
#define SGIP_TO_SP 2

#define SGIP_HEAD_BYTES 20
#define SGIP_PDU_MAX 2048
#define SGIP_SEQ 12

struct sgip_seq {
    uint32_t node, time, serial; /* time: see wire_timestamp */
};
struct sgip_head {
    uint32_t        len, cmd;
    struct sgip_seq seq;
};
/* p: one whole frame of len bytes (wire_frame_next). */
void            sgip_head(const uint8_t *p, size_t len, struct sgip_head *head);
struct sgip_seq sgip_seq_get(const uint8_t p[SGIP_SEQ]);

struct sgip_bind {
    uint8_t type;
    char    name[17], password[17];
};
enum err sgip_encode_bind(struct wire_pdu *out, struct sgip_seq seq, const struct sgip_bind *b) MUST_CHECK;

/* One destination, one part. NULL is empty; longer than the field is ERR_INPUT. */
struct sgip_submit {
    const char    *src, *dst;         /* at most 21; dst with 86 in front */
    const char    *corp_id, *service; /* at most 5, 10 */
    const uint8_t *content;
    size_t         content_n; /* 1 to 140 */
    uint8_t        fmt;
    bool           udhi, want_report;
};
enum err sgip_encode_submit(struct wire_pdu *out, struct sgip_seq seq, const struct sgip_submit *s) MUST_CHECK;
/* Unbind and its answer. */
void sgip_encode_plain(struct wire_pdu *out, uint32_t cmd, struct sgip_seq seq);
/* The answer to anything else; cmd: with SGIP_RESP. */
void sgip_encode_resp(struct wire_pdu *out, uint32_t cmd, struct sgip_seq seq, uint8_t result);

struct sgip_deliver {
    char           user[22], sp[22];
    uint8_t        fmt;
    bool           udhi;
    const uint8_t *content; /* inside the bytes given */
    size_t         content_n;
};
struct sgip_report {
    struct sgip_seq submit;
    uint8_t         type; /* 0: of a Submit */
    char            user[22];
    uint8_t         state; /* 0 delivered, 1 waiting, 2 failed */
    uint8_t         error;
    char            word[9]; /* a status word that some gateways put into the reserve, else empty */
};

/* pdu: one whole frame of len bytes, header included. */
enum err sgip_decode_bind(const uint8_t *pdu, size_t len, struct sgip_bind *out) MUST_CHECK;
enum err sgip_decode_resp(const uint8_t *pdu, size_t len, uint8_t *result) MUST_CHECK;
enum err sgip_decode_deliver(const uint8_t *pdu, size_t len, struct sgip_deliver *out) MUST_CHECK;
enum err sgip_decode_report(const uint8_t *pdu, size_t len, struct sgip_report *out) MUST_CHECK;

/* 24 lower-case hex digits: the form of a reference in records. */
void sgip_seq_text(struct sgip_seq seq, char out[2 * SGIP_SEQ + 1]);

#endif
