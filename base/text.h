/* SPDX-License-Identifier: Apache-2.0
 *
 * Text from outside: UTF-8, forbidden characters, document numbers, hex and base64url. Pure functions, any thread.
 */
#ifndef ZB_BASE_TEXT_H
#define ZB_BASE_TEXT_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

bool   utf8_valid(const char *s, size_t n); /* strict: no overlong forms, no surrogates, up to U+10FFFF */
size_t utf8_next(const char *s, size_t n); /* bytes of the code point at s, 0: not valid; n > 0 */
size_t utf8_cut(const char *s, size_t n, size_t max); /* the longest start of valid UTF-8 of at most max bytes, no code point cut */
size_t utf8_count(const char *s, size_t n); /* code points of valid UTF-8 */
/* False: control characters (but LF and TAB with allow_newline), DEL, C1, direction controls, BOM. */
bool text_is_clean(const char *s, size_t n, bool allow_newline);

/* Full-width digits, letters of the brackets ［］ （） 【】 () [] and blanks to the one form with U+3014 U+3015 (F006). Leading zeros
 * are kept. ERR_INPUT: not of the form <name>〔<year>〕<number>号; ERR_TOOBIG: out is too small. */
enum err text_docno_normalise(const char *in, char *out, size_t cap) MUST_CHECK;
/* Full-width digits to ASCII, in place (the text never grows). */
void text_fold_digits(char *s);

void     hex_encode(char *out, const void *p, size_t n); /* 2n + 1 bytes, lower case */
enum err hex_decode(uint8_t *out, size_t cap, const char *hex, size_t n, size_t *out_n) MUST_CHECK;
size_t   b64url_encode(char *out, const void *p, size_t n); /* 4/3 n + 3 bytes, no padding; returns the length */
enum err b64url_decode(uint8_t *out, size_t cap, const char *s, size_t n, size_t *out_n) MUST_CHECK;

/* vsnprintf, several times as fast for what is written all the time: %s, %d, %lld, %%. Any thread. */
int text_format(char *out, size_t cap, const char *fmt, va_list ap) __attribute__((format(printf, 3, 0)));

/* %XX, and with plus also + for a blank, as paths and queries of URLs have them; out is NUL-terminated. False: a bad escape, NUL,
 * or longer than out. Whether it is UTF-8 is not asked. */
bool url_decode(const char *p, size_t n, bool plus, char *out, size_t cap);

#endif
