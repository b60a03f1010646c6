/* SPDX-License-Identifier: Apache-2.0 */
#include "push/sms_text.h"

#include <iconv.h>
#include <string.h>

#include "base/check.h"

#define UDH_BYTES 6

/* Next code point, *s moved behind it; 0 at the end, -1 where the bytes are not UTF-8. A NUL can never be mistaken for a
 * continuation byte, so this does not run past the end. */
static int32_t utf8_next(const unsigned char **s) {
    const unsigned char *p = *s;
    int32_t              c;
    int                  more;
    if (p[0] == 0) return 0;
    if (p[0] < 0x80) more = 0;
    else if (p[0] >= 0xC2 && p[0] <= 0xDF) more = 1;
    else if ((p[0] & 0xF0) == 0xE0) more = 2;
    else if (p[0] >= 0xF0 && p[0] <= 0xF4) more = 3;
    else return -1;
    c = more == 0 ? p[0] : p[0] & (0x3F >> more);
    for (int i = 1; i <= more; i++) {
        if ((p[i] & 0xC0) != 0x80) return -1;
        c = c << 6 | (p[i] & 0x3F);
    }
    if ((more == 2 && c < 0x800) || (more == 3 && (c < 0x10000 || c > 0x10FFFF)) || (c >= 0xD800 && c <= 0xDFFF)) return -1;
    *s = p + more + 1;
    return c;
}

/* UTF-16 units of the whole text; false where it is not UTF-8. */
static bool count_units(const char *text, size_t *units) {
    const unsigned char *s = (const unsigned char *)text;
    int32_t              c;
    *units = 0;
    while ((c = utf8_next(&s)) > 0) *units += c >= 0x10000 ? 2 : 1;
    return c == 0;
}

static void put_unit(struct sms_part *part, uint32_t u) {
    MUST(part->len + 2 <= sizeof part->b);
    part->b[part->len++] = (uint8_t)(u >> 8);
    part->b[part->len++] = (uint8_t)u;
}

/* Cuts a text known to be valid into parts of room units; parts NULL only counts, any number. */
static size_t cut(const char *text, size_t room, size_t head, struct sms_part *parts) {
    const unsigned char *s    = (const unsigned char *)text;
    size_t               n    = 0;
    size_t               left = 0;
    int32_t              c;
    while ((c = utf8_next(&s)) > 0) {
        size_t need = c >= 0x10000 ? 2 : 1;
        if (left < need) { /* a pair that does not fit whole begins the next part */
            left = room;
            n++;
            if (parts) parts[n - 1].len = head;
        }
        left -= need;
        if (parts == NULL) continue;
        if (need == 2) {
            put_unit(&parts[n - 1], 0xD800u + (((uint32_t)c - 0x10000u) >> 10));
            put_unit(&parts[n - 1], 0xDC00u + (((uint32_t)c - 0x10000u) & 0x3FFu));
        } else {
            put_unit(&parts[n - 1], (uint32_t)c);
        }
    }
    return n;
}

static enum err plan(const char *text, size_t *n) {
    size_t units;
    *n = 0;
    if (!count_units(text, &units) || units == 0) return ERR_INPUT;
    *n = units <= SMS_UNITS_SINGLE ? 1 : cut(text, SMS_UNITS_PART, UDH_BYTES, NULL);
    return ERR_OK;
}

size_t sms_parts(const char *text) {
    size_t n;
    return plan(text, &n) == ERR_OK && n <= SMS_PARTS_MAX ? n : 0;
}

enum err sms_split(const char *text, uint8_t ref, struct sms_part *parts, size_t parts_max, size_t *parts_n) {
    size_t   n;
    enum err e = plan(text, &n);
    *parts_n   = 0;
    if (e != ERR_OK) return e;
    if (n > parts_max || n > SMS_PARTS_MAX) return ERR_TOOBIG;
    if (n == 1) {
        (void)cut(text, SMS_UNITS_SINGLE, 0, parts);
    } else {
        (void)cut(text, SMS_UNITS_PART, UDH_BYTES, parts);
        for (size_t i = 0; i < n; i++) {
            const uint8_t udh[UDH_BYTES] = {5, 0, 3, ref, (uint8_t)n, (uint8_t)(i + 1)};
            memcpy(parts[i].b, udh, sizeof udh);
        }
    }
    *parts_n = n;
    return ERR_OK;
}

static void put_utf8(struct buf *out, uint32_t c) {
    if (c < 0x80) {
        buf_putc(out, (char)c);
    } else if (c < 0x800) {
        buf_putc(out, (char)(0xC0 | c >> 6));
        buf_putc(out, (char)(0x80 | (c & 0x3F)));
    } else if (c < 0x10000) {
        buf_putc(out, (char)(0xE0 | c >> 12));
        buf_putc(out, (char)(0x80 | (c >> 6 & 0x3F)));
        buf_putc(out, (char)(0x80 | (c & 0x3F)));
    } else {
        buf_putc(out, (char)(0xF0 | c >> 18));
        buf_putc(out, (char)(0x80 | (c >> 12 & 0x3F)));
        buf_putc(out, (char)(0x80 | (c >> 6 & 0x3F)));
        buf_putc(out, (char)(0x80 | (c & 0x3F)));
    }
}

/* Walks the units; out NULL only checks. */
static bool ucs2(const uint8_t *p, size_t n, struct buf *out) {
    if (n % 2) return false;
    for (size_t i = 0; i < n; i += 2) {
        uint32_t u = (uint32_t)p[i] << 8 | p[i + 1];
        if (u == 0 || (u >= 0xDC00 && u <= 0xDFFF)) return false;
        if (u >= 0xD800 && u <= 0xDBFF) {
            if (i + 4 > n) return false;
            uint32_t low = (uint32_t)p[i + 2] << 8 | p[i + 3];
            if (low < 0xDC00 || low > 0xDFFF) return false;
            u = 0x10000u + ((u - 0xD800u) << 10) + (low - 0xDC00u);
            i += 2;
        }
        if (out) put_utf8(out, u);
    }
    return true;
}

/* The analyser of gcc 12 takes the (iconv_t)-1 of a failure for a thing that leaks. */
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wanalyzer-malloc-leak"
#endif
static enum err gbk(const uint8_t *p, size_t n, struct buf *out) {
    char     in[256], utf8[1024];
    char    *from = in, *to = utf8;
    size_t   from_n = n, to_n = sizeof utf8;
    enum err e = ERR_INPUT;
    if (n > sizeof in || memchr(p, 0, n) != NULL) return ERR_INPUT;
    iconv_t cd = iconv_open("UTF-8", "GBK");
    memcpy(in, p, n);
    if (cd == (iconv_t)-1) {
        e = ERR_MEDIA;
    } else {
        if (iconv(cd, &from, &from_n, &to, &to_n) != (size_t)-1 && from_n == 0) {
            buf_put(out, utf8, sizeof utf8 - to_n);
            e = ERR_OK;
        }
        (void)iconv_close(cd);
    }
    return e;
}
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic pop
#endif

enum err sms_decode(uint8_t fmt, const uint8_t *p, size_t n, struct buf *out) {
    if (n == 0) return ERR_OK;
    switch (fmt) {
    case SMS_FMT_ASCII:
        for (size_t i = 0; i < n; i++)
            if (p[i] == 0 || p[i] >= 0x80) return ERR_INPUT;
        buf_put(out, p, n);
        return ERR_OK;
    case SMS_FMT_UCS2:
        if (!ucs2(p, n, NULL)) return ERR_INPUT;
        (void)ucs2(p, n, out);
        return ERR_OK;
    case SMS_FMT_GBK: return gbk(p, n, out);
    default: return ERR_MEDIA;
    }
}

size_t sms_udh(const uint8_t *p, size_t n, struct sms_concat *out) {
    *out = (struct sms_concat){.total = 1, .number = 1};
    if (n < 1 || (size_t)p[0] + 1 > n) return 0;
    const size_t end = (size_t)p[0] + 1;
    for (size_t i = 1; i + 2 <= end && i + 2 + p[i + 1] <= end; i += 2 + (size_t)p[i + 1]) {
        const uint8_t *v = p + i + 2;
        if (p[i] == 0 && p[i + 1] == 3) *out = (struct sms_concat){v[0], v[1], v[2]};
        if (p[i] == 8 && p[i + 1] == 4) *out = (struct sms_concat){(uint16_t)(v[0] << 8 | v[1]), v[2], v[3]};
    }
    if (out->total == 0 || out->number == 0 || out->number > out->total) *out = (struct sms_concat){.total = 1, .number = 1};
    return end;
}
