/* SPDX-License-Identifier: Apache-2.0 */
#include "base/text.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

/* Length of the code point at p, or 0. *cp gets its value. */
static size_t decode(const unsigned char *p, size_t n, uint32_t *cp) {
    unsigned c = p[0];
    if (c < 0x80) {
        *cp = c;
        return 1;
    }
    size_t   len = c >= 0xF0 ? 4 : c >= 0xE0 ? 3 : 2;
    uint32_t v   = c & (len == 4 ? 0x07U : len == 3 ? 0x0FU : 0x1FU);
    if (c < 0xC2 || c > 0xF4 || n < len) return 0;
    for (size_t i = 1; i < len; i++) {
        if ((p[i] & 0xC0) != 0x80) return 0;
        v = v << 6 | (p[i] & 0x3FU);
    }
    if ((len == 3 && v < 0x800) || (len == 4 && (v < 0x10000 || v > 0x10FFFF)) || (v >= 0xD800 && v <= 0xDFFF)) return 0;
    *cp = v;
    return len;
}

bool utf8_valid(const char *s, size_t n) {
    const unsigned char *p = (const unsigned char *)s, *end = p + n;
    while (p < end) {
        uint64_t eight = 0x80;
        if (end - p >= 8) memcpy(&eight, p, 8);
        if ((eight & 0x8080808080808080U) == 0) {
            p += 8;
            continue;
        }
        uint32_t cp;
        size_t   len = decode(p, (size_t)(end - p), &cp);
        if (len == 0) return false;
        p += len;
    }
    return true;
}

size_t utf8_next(const char *s, size_t n) {
    uint32_t cp;
    return decode((const unsigned char *)s, n, &cp);
}

size_t utf8_count(const char *s, size_t n) {
    size_t count = 0;
    for (size_t i = 0; i < n; i++) count += ((unsigned char)s[i] & 0xC0) != 0x80;
    return count;
}

size_t utf8_cut(const char *s, size_t n, size_t max) {
    if (n <= max) return n;
    while (max > 0 && ((unsigned char)s[max] & 0xC0) == 0x80) max--;
    return max;
}

bool text_is_clean(const char *s, size_t n, bool allow_newline) {
    const unsigned char *p = (const unsigned char *)s, *end = p + n;
    while (p < end) {
        uint32_t c;
        size_t   len = decode(p, (size_t)(end - p), &c);
        if (len == 0) return false;
        bool newline = c == '\n' || c == '\t';
        if ((c < 0x20 && !(newline && allow_newline)) || (c >= 0x7F && c <= 0x9F)) return false;
        if (c == 0x061C || c == 0x200E || c == 0x200F || c == 0x2028 || c == 0x2029 || (c >= 0x202A && c <= 0x202E) || (c >= 0x2066 && c <= 0x2069) || c == 0xFEFF)
            return false;
        p += len;
    }
    return true;
}

static const struct {
    const char *from, *to;
} folds[] = {{"(", "〔"},  {"（", "〔"}, {"[", "〔"},  {"［", "〔"}, {"【", "〔"}, {"〔", "〔"}, {")", "〕"},
             {"）", "〕"}, {"]", "〕"},  {"］", "〕"}, {"】", "〕"}, {"〕", "〕"}, {" ", ""},    {"\u3000", ""}};

enum err text_docno_normalise(const char *in, char *out, size_t cap) {
    size_t k = 0;
    for (const char *p = in; *p;) {
        const char *to  = NULL;
        size_t      len = 0, to_n;
        for (size_t i = 0; i < sizeof folds / sizeof folds[0] && to == NULL; i++) {
            len = strlen(folds[i].from);
            if (strncmp(p, folds[i].from, len) == 0) to = folds[i].to;
        }
        uint32_t cp;
        char     digit;
        if (to) {
            to_n = strlen(to);
        } else {
            len = decode((const unsigned char *)p, strlen(p), &cp);
            if (len == 0) return ERR_INPUT;
            to   = p;
            to_n = len;
            if (cp >= 0xFF10 && cp <= 0xFF19) {
                digit = (char)('0' + (cp - 0xFF10));
                to    = &digit;
                to_n  = 1;
            }
        }
        if (k + to_n >= cap) return ERR_TOOBIG;
        memcpy(out + k, to, to_n);
        k += to_n;
        p += len;
    }
    out[k] = '\0';
    if (!text_is_clean(out, k, false)) return ERR_INPUT;
    const char *open = strstr(out, "〔");
    if (open == NULL || open == out) return ERR_INPUT;
    const char *year = open + strlen("〔");
    if (strspn(year, "0123456789") != 4 || strncmp(year + 4, "〕", 3) != 0) return ERR_INPUT;
    const char *no = year + 7;
    size_t      d  = strspn(no, "0123456789");
    return d >= 1 && d <= 6 && strcmp(no + d, "号") == 0 ? ERR_OK : ERR_INPUT;
}

void text_fold_digits(char *s) {
    char *w = s;
    for (char *p = s; *p;) {
        unsigned char c = (unsigned char)p[0];
        if (c == 0xEF && (unsigned char)p[1] == 0xBC && (unsigned char)p[2] >= 0x90 && (unsigned char)p[2] <= 0x99) {
            *w++ = (char)('0' + ((unsigned char)p[2] - 0x90));
            p += 3;
        } else {
            *w++ = *p++;
        }
    }
    *w = '\0';
}

void hex_encode(char *out, const void *p, size_t n) {
    static const char digits[] = "0123456789abcdef";
    const uint8_t    *b        = p;
    for (size_t i = 0; i < n; i++) {
        *out++ = digits[b[i] >> 4];
        *out++ = digits[b[i] & 15];
    }
    *out = '\0';
}

static int hex_value(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if ((c | 32) >= 'a' && (c | 32) <= 'f') return (c | 32) - 'a' + 10;
    return -1;
}

enum err hex_decode(uint8_t *out, size_t cap, const char *hex, size_t n, size_t *out_n) {
    if (n % 2 || n / 2 > cap) return ERR_INPUT;
    for (size_t i = 0; i < n; i += 2) {
        int hi = hex_value(hex[i]), lo = hex_value(hex[i + 1]);
        if (hi < 0 || lo < 0) return ERR_INPUT;
        out[i / 2] = (uint8_t)(hi << 4 | lo);
    }
    *out_n = n / 2;
    return ERR_OK;
}

bool url_decode(const char *p, size_t n, bool plus, char *out, size_t cap) {
    size_t k = 0;
    for (size_t i = 0; i < n; i++) {
        char c = plus && p[i] == '+' ? ' ' : p[i];
        if (c == '%') {
            int hi = i + 2 < n ? hex_value(p[i + 1]) : -1, lo = i + 2 < n ? hex_value(p[i + 2]) : -1;
            if (hi < 0 || lo < 0) return false;
            c = (char)(hi << 4 | lo);
            i += 2;
        }
        if (c == '\0' || k + 1 >= cap) return false;
        out[k++] = c;
    }
    out[k] = '\0';
    return true;
}

static const char b64[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

size_t b64url_encode(char *out, const void *p, size_t n) {
    const uint8_t *b = p;
    char          *o = out;
    uint32_t       acc = 0;
    unsigned       bits = 0;
    for (size_t i = 0; i < n; i++) {
        acc = acc << 8 | b[i];
        bits += 8;
        while (bits >= 6) {
            bits -= 6;
            *o++ = b64[acc >> bits & 63];
        }
    }
    if (bits) *o++ = b64[acc << (6 - bits) & 63];
    *o = '\0';
    return (size_t)(o - out);
}

enum err b64url_decode(uint8_t *out, size_t cap, const char *s, size_t n, size_t *out_n) {
    uint32_t acc = 0;
    unsigned bits = 0;
    size_t   k = 0;
    if (n % 4 == 1) return ERR_INPUT;
    for (size_t i = 0; i < n; i++) {
        const char *at = s[i] ? strchr(b64, s[i]) : NULL;
        if (at == NULL) return ERR_INPUT;
        acc = acc << 6 | (uint32_t)(at - b64);
        bits += 6;
        if (bits < 8) continue;
        bits -= 8;
        if (k == cap) return ERR_INPUT;
        out[k++] = (uint8_t)(acc >> bits);
    }
    if (acc & ((1U << bits) - 1)) return ERR_INPUT; /* one text, one value */
    *out_n = k;
    return ERR_OK;
}

/* Digits of v from the end of text backwards; where they begin. */
static char *digits_of(char *end, long long v) {
    unsigned long long u = v < 0 ? 0ULL - (unsigned long long)v : (unsigned long long)v;
    do *--end = (char)('0' + u % 10);
    while (u /= 10);
    if (v < 0) *--end = '-';
    return end;
}

static bool is_plain(const char *fmt) {
    for (const char *p = strchr(fmt, '%'); p; p = strchr(p, '%')) {
        if (p[1] == 's' || p[1] == 'd' || p[1] == '%')
            p += 2;
        else if (strncmp(p + 1, "lld", 3) == 0)
            p += 4;
        else
            return false;
    }
    return true;
}

int text_format(char *out, size_t cap, const char *fmt, va_list ap) {
    size_t n = 0;
    char   number[24];
    if (!is_plain(fmt)) return vsnprintf(out, cap, fmt, ap);
    while (*fmt) {
        const char *s = fmt;
        size_t      k = strcspn(fmt, "%");
        fmt += k;
        if (k == 0) {
            bool wide = fmt[1] == 'l';
            s         = fmt + 1;
            k         = 1;
            if (fmt[1] == 's') {
                s = va_arg(ap, const char *);
                if (s == NULL) s = "(null)";
                k = strlen(s);
            } else if (fmt[1] != '%') {
                long long v = wide ? va_arg(ap, long long) : va_arg(ap, int);
                s           = digits_of(number + sizeof number, v);
                k           = (size_t)(number + sizeof number - s);
            }
            fmt += wide ? 4 : 2;
        }
        if (n < cap) memcpy(out + n, s, k < cap - n ? k : cap - n);
        n += k;
    }
    if (cap) out[n < cap ? n : cap - 1] = '\0';
    return n <= INT_MAX ? (int)n : -1;
}
