/* SPDX-License-Identifier: Apache-2.0
 *
 * Text of a short message: UTF-8 to the UTF-16BE parts a carrier takes, and back for what people answer. Pure functions,
 * any thread. A single part carries 70 UTF-16 units; of a longer text each part carries 67 behind a six-byte header
 * (05 00 03 reference total number). A surrogate pair is never cut.
 */
#ifndef ZB_PUSH_SMS_TEXT_H
#define ZB_PUSH_SMS_TEXT_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"

#define SMS_UNITS_SINGLE 70
#define SMS_UNITS_PART   67
#define SMS_PARTS_MAX    32 /* of what is configurable */
#define SMS_FMT_ASCII    0
#define SMS_FMT_UCS2     8
#define SMS_FMT_GBK      15

struct sms_part {
    size_t  len; /* at most 140 */
    uint8_t b[140];
};

/* Parts this text needs; 0 for an empty text, invalid UTF-8, or more than SMS_PARTS_MAX. */
size_t sms_parts(const char *text);

/* Fills parts[0..*parts_n), parts_max of them at most. ERR_INPUT for an empty text or invalid UTF-8 (overlong forms,
 * surrogates and values above U+10FFFF included), ERR_TOOBIG for more than parts_max parts. */
enum err sms_split(const char *text, uint8_t ref, struct sms_part *parts, size_t parts_max, size_t *parts_n) MUST_CHECK;

/* Appends the text of a received message as UTF-8. fmt 0, 8, 15 (GBK, where the C library has it); else ERR_MEDIA.
 * ERR_INPUT for bytes that are no text of that format; then nothing was appended. */
enum err sms_decode(uint8_t fmt, const uint8_t *p, size_t n, struct buf *out) MUST_CHECK;

/* Long messages towards us: what a header at the front of the content says. Returns its length in bytes, 0 if it makes no
 * sense; total is 1 where the header says nothing about parts. */
struct sms_concat {
    uint16_t ref;
    uint8_t  total, number;
};
size_t sms_udh(const uint8_t *p, size_t n, struct sms_concat *out);

#endif
