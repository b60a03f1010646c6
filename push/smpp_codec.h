/* SPDX-License-Identifier: Apache-2.0
 *
 * SMPP 3.4 on the wire, our side of it (the ESME): bytes in, bytes out, no I/O and no state. Any thread. Everything decoded
 * comes from a stranger: each length is checked before a byte is read, and what does not fit is ERR_INPUT. Message ids are
 * normalised where they enter: no leading zeros, hex digits in lower case.
 */
#ifndef ZB_PUSH_SMPP_CODEC_H
#define ZB_PUSH_SMPP_CODEC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "push/wire.h"

#define SMPP_V34 0x34

#define SMPP_RESP 0x80000000u
#define SMPP_GENERIC_NACK 0x80000000u
#define SMPP_BIND_RECEIVER 0x00000001u
#define SMPP_BIND_TRANSMITTER 0x00000002u
#define SMPP_SUBMIT_SM 0x00000004u
#define SMPP_DELIVER_SM 0x00000005u
#define SMPP_UNBIND 0x00000006u
#define SMPP_BIND_TRANSCEIVER 0x00000009u
#define SMPP_OUTBIND 0x0000000Bu
#define SMPP_ENQUIRE_LINK 0x00000015u
#define SMPP_ALERT 0x00000102u
#define SMPP_DATA_SM 0x00000103u

#define SMPP_ROK 0x00u
#define SMPP_RINVCMDLEN 0x02u
#define SMPP_RINVCMDID 0x03u
#define SMPP_RINVBNDSTS 0x04u
#define SMPP_RX_P_APPN 0x65u

#define SMPP_HEAD_BYTES 16
#define SMPP_PDU_MAX 8192 /* message_payload could be 64 KiB; no text of ours or of people comes near */
#define SMPP_ID_CAP 65
#define SMPP_ADDR_CAP 33 /* of 65 in data_sm: a longer one is no phone */

struct smpp_head {
    uint32_t len, cmd, status, seq;
};
/* p: one whole frame of len bytes (wire_frame_next). */
void smpp_head(const uint8_t *p, size_t len, struct smpp_head *head);

struct smpp_bind {
    const char *system_id, *password, *system_type; /* at most 15, 8, 12 */
    uint8_t     version;
};
enum err smpp_encode_bind(struct wire_pdu *out, uint32_t cmd, uint32_t seq, const struct smpp_bind *b) MUST_CHECK;

struct smpp_submit {
    const char    *service_type, *src, *dst; /* at most 5, 20, 20 */
    uint8_t        src_ton, src_npi, dst_ton, dst_npi;
    const uint8_t *content;
    size_t         content_n; /* 1 to 140 */
    uint8_t        data_coding;
    bool           udhi, want_report;
};
enum err smpp_encode_submit(struct wire_pdu *out, uint32_t seq, const struct smpp_submit *s) MUST_CHECK;
/* A head alone: enquire_link, unbind, their answers, generic_nack. */
void smpp_encode_plain(struct wire_pdu *out, uint32_t cmd, uint32_t status, uint32_t seq);
/* deliver_sm_resp and data_sm_resp: an empty message_id. */
void smpp_encode_deliver_resp(struct wire_pdu *out, uint32_t cmd, uint32_t status, uint32_t seq);

/* pdu: one whole frame of len bytes, header included. */
/* submit_sm_resp; empty where the gateway sent none, as refusals do. */
enum err smpp_decode_submit_resp(const uint8_t *pdu, size_t len, char id[SMPP_ID_CAP]) MUST_CHECK;

struct smpp_deliver {
    char           src[SMPP_ADDR_CAP], dst[SMPP_ADDR_CAP];
    uint8_t        esm_class, data_coding;
    const uint8_t *content; /* short_message or message_payload, inside the bytes given */
    size_t         content_n;
    char           receipted_id[SMPP_ID_CAP]; /* optional parameters; empty, 0 where absent */
    uint8_t        message_state;
    bool           has_state;
    uint16_t       network_error, sar_ref;
    uint8_t        sar_total, sar_number;
};
/* deliver_sm and data_sm. */
enum err smpp_decode_deliver(const uint8_t *pdu, size_t len, struct smpp_deliver *out) MUST_CHECK;

struct smpp_receipt {
    char     id[SMPP_ID_CAP];
    char     stat[8];
    char     done_time[11];
    uint32_t error; /* 0 where there is none, or no number */
};
/* From the text and the optional parameters together, the latter first. ERR_INPUT without an id or a state. */
enum err smpp_decode_receipt(const struct smpp_deliver *d, struct smpp_receipt *out) MUST_CHECK;

/* Which of sms_decode's formats a data_coding is; 255 for none of them. */
uint8_t smpp_text_format(uint8_t data_coding);

#endif
