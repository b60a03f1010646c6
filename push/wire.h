/* SPDX-License-Identifier: Apache-2.0
 *
 * What the carriers' protocols share on the wire: frames that begin with their length, big-endian integers, text of fixed
 * width, the MD5 log-in and its clock. Pure functions, any thread. Writers fill one PDU of ours, whose length has a fixed
 * upper bound; readers take pointers whose range the caller has checked.
 */
#ifndef ZB_PUSH_WIRE_H
#define ZB_PUSH_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

#define WIRE_SEND_MAX 512 /* our largest PDUs: CMPP 3.0 SUBMIT 336, SMPP submit_sm below 400 */
#define WIRE_CONTENT_MAX 140

/* One PDU to send. */
struct wire_pdu {
    size_t  len;
    uint8_t b[WIRE_SEND_MAX];
};

enum wire_frame {
    WIRE_MORE, /* not complete yet */
    WIRE_OK,   /* the first *len bytes are one PDU */
    WIRE_BAD   /* length below head_bytes or above max_bytes: the stream is lost, close */
};
enum wire_frame wire_frame_next(const uint8_t *p, size_t n, size_t head_bytes, size_t max_bytes, size_t *len);

uint32_t wire_get32(const uint8_t *p);
uint64_t wire_get64(const uint8_t *p);
/* Ends at the first NUL or at width; trailing spaces go, some gateways pad with them. dst holds width + 1 bytes. */
void wire_get_str(char *dst, const uint8_t *p, size_t width);

void wire_put(struct wire_pdu *out, const void *p, size_t n);
void wire_put8(struct wire_pdu *out, uint8_t v);
void wire_put16(struct wire_pdu *out, uint16_t v);
void wire_put32(struct wire_pdu *out, uint32_t v);
void wire_put64(struct wire_pdu *out, uint64_t v);
void wire_put_zero(struct wire_pdu *out, size_t n);
/* Fixed width, padded with NUL; NULL is empty; ERR_INPUT when s is longer. */
enum err wire_put_str(struct wire_pdu *out, const char *s, size_t width) MUST_CHECK;
/* With its NUL, size bytes at most; NULL is empty; ERR_INPUT when s is longer. */
enum err wire_put_cstr(struct wire_pdu *out, const char *s, size_t size) MUST_CHECK;
void     wire_end(struct wire_pdu *out); /* writes the length into the first four bytes */

/* Status reports that are a line of text: `id:… sub:… dlvrd:… submit date:… done date:… stat:… err:… text:…`. The first makes
 * a C string of the bytes and ends it where the message's own text begins; it may look like anything. The second finds a
 * keyword (at the front or behind a blank, in any case) and returns the length of its value up to the next blank, 0: none. */
void   wire_receipt_text(const uint8_t *p, size_t n, bool wide, char *out, size_t cap);
size_t wire_receipt_value(const char *text, const char *key, const char **value);

/* MMDDHHMMSS in China time (+08:00) as a number. */
uint32_t wire_timestamp(int64_t wall_ms);
/* MD5 of name (padded with NUL to name_width), zeros NULs, secret, and the timestamp as ten digits: what CMPP and SMGP log in
 * with. ERR_INPUT for a secret above 256 bytes, a name above 16 or a timestamp of more than ten digits. */
enum err wire_authenticator(const char *name, size_t name_width, size_t zeros, const char *secret, uint32_t timestamp,
                            uint8_t out[16]) MUST_CHECK;
/* MD5 of status (status_n big-endian bytes, 1 or 4), the authenticator above and the secret: the gateway's answer to it. */
bool wire_is_authentic(uint32_t status, size_t status_n, const uint8_t source[16], const char *secret, const uint8_t got[16]);

#endif
