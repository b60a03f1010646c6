/* SPDX-License-Identifier: Apache-2.0 */
#include "base/json.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/calendar.h"
#include "base/text.h"

#define NUMBER_MAX 63

static bool hex4(const char *p, const char *end, unsigned *v) {
    *v = 0;
    if (end - p < 4) return false;
    for (int i = 0; i < 4; i++) {
        char c = p[i];
        if (c >= '0' && c <= '9')
            *v = *v * 16 + (unsigned)(c - '0');
        else if ((c | 32) >= 'a' && (c | 32) <= 'f')
            *v = *v * 16 + (unsigned)((c | 32) - 'a') + 10;
        else
            return false;
    }
    return true;
}

/* Steps over a string from just behind its opening quote; NULL: refused. */
static const char *scan_string(const char *p, const char *end, const char **why) {
    while (p < end) {
        unsigned char c = (unsigned char)*p++;
        if (c == '"') return p;
        if (c < 0x20) {
            *why = "control character in a string";
            return NULL;
        }
        if (c != '\\') continue;
        if (p == end) break;
        if (*p++ != 'u') continue;
        unsigned v, lo;
        if (!hex4(p, end, &v) || v == 0 || (v >= 0xDC00 && v <= 0xDFFF)) {
            *why = "bad \\u escape";
            return NULL;
        }
        p += 4;
        if (v < 0xD800 || v > 0xDBFF) continue;
        if (end - p < 6 || p[0] != '\\' || p[1] != 'u' || !hex4(p + 2, end, &lo) || lo < 0xDC00 || lo > 0xDFFF) {
            *why = "lone surrogate";
            return NULL;
        }
        p += 6;
    }
    *why = "unfinished string";
    return NULL;
}

/* Steps over a number of RFC 8259; NULL: another form (01, 1., +1), which cJSON would take. */
static const char *scan_number(const char *p, const char *end) {
    if (p < end && *p == '-') p++;
    const char *from = p;
    while (p < end && *p >= '0' && *p <= '9') p++;
    if (p == from || (*from == '0' && p - from > 1)) return NULL;
    if (p < end && *p == '.') {
        from = ++p;
        while (p < end && *p >= '0' && *p <= '9') p++;
        if (p == from) return NULL;
    }
    if (p < end && (*p == 'e' || *p == 'E')) {
        p++;
        if (p < end && (*p == '+' || *p == '-')) p++;
        from = p;
        while (p < end && *p >= '0' && *p <= '9') p++;
        if (p == from) return NULL;
    }
    return p;
}

/* cJSON would make infinity of 1e999, and reads 63 characters. */
static bool is_small(const char *p, const char *end) {
    char text[NUMBER_MAX + 1];
    if (end - p > NUMBER_MAX) return false;
    memcpy(text, p, (size_t)(end - p));
    text[end - p] = '\0';
    return isfinite(strtod(text, NULL));
}

enum err json_parse(const char *p, size_t n, cJSON **out, const char **why) {
    const char *end = p + n, *q = p;
    int         depth = 0;
    *out              = NULL;
    if (!utf8_valid(p, n)) {
        *why = "not valid UTF-8";
        return ERR_INPUT;
    }
    while (q < end) {
        char c = *q++;
        if ((unsigned char)c >= 0x80 || ((unsigned char)c < 0x20 && c != '\t' && c != '\n' && c != '\r')) {
            *why = "a byte that JSON does not have outside strings"; /* cJSON skips them like blanks, and a BOM too */
            return ERR_INPUT;
        }
        if (c == '-' || (c >= '0' && c <= '9')) {
            const char *from = q - 1;
            if ((q = scan_number(from, end)) == NULL || !is_small(from, q)) {
                *why = q ? "number too large" : "not a number of JSON";
                return ERR_INPUT;
            }
            continue;
        }
        if (c == '"') {
            if ((q = scan_string(q, end, why)) == NULL) return ERR_INPUT;
        } else if (c == '{' || c == '[') {
            if (++depth > JSON_DEPTH_MAX) {
                *why = "too deep";
                return ERR_INPUT;
            }
        } else if (c == '}' || c == ']') {
            depth--;
        }
    }
    const char *stop = NULL;
    *out             = cJSON_ParseWithLengthOpts(p, n, &stop, false);
    while (*out && stop < end && (*stop == ' ' || *stop == '\n' || *stop == '\r' || *stop == '\t')) stop++;
    if (*out == NULL || stop != end) {
        cJSON_Delete(*out);
        *out = NULL;
        *why = "not valid JSON";
        return ERR_INPUT;
    }
    return ERR_OK;
}

void jw_init(struct jw *w, struct buf *b) {
    w->b     = b;
    w->comma = false;
}

static void value(struct jw *w) {
    if (w->comma) buf_putc(w->b, ',');
    w->comma = true;
}

void jw_obj(struct jw *w) {
    value(w);
    buf_putc(w->b, '{');
    w->comma = false;
}

void jw_obj_end(struct jw *w) {
    buf_putc(w->b, '}');
    w->comma = true;
}

void jw_arr(struct jw *w) {
    value(w);
    buf_putc(w->b, '[');
    w->comma = false;
}

void jw_arr_end(struct jw *w) {
    buf_putc(w->b, ']');
    w->comma = true;
}

void jw_key(struct jw *w, const char *key) {
    value(w);
    buf_putc(w->b, '"');
    buf_puts(w->b, key);
    buf_put(w->b, "\":", 2);
    w->comma = false;
}

void jw_strn(struct jw *w, const char *s, size_t n) {
    value(w);
    buf_putc(w->b, '"');
    size_t from = 0;
    for (size_t i = 0; i < n; i++) {
        unsigned char c = (unsigned char)s[i];
        if (c >= 0x20 && c != '"' && c != '\\' && c != 0x7f) continue;
        buf_put(w->b, s + from, i - from);
        from = i + 1;
        switch (c) {
        case '"': buf_put(w->b, "\\\"", 2); break;
        case '\\': buf_put(w->b, "\\\\", 2); break;
        case '\n': buf_put(w->b, "\\n", 2); break;
        case '\r': buf_put(w->b, "\\r", 2); break;
        case '\t': buf_put(w->b, "\\t", 2); break;
        default: buf_printf(w->b, "\\u%04x", (unsigned)c);
        }
    }
    buf_put(w->b, s + from, n - from);
    buf_putc(w->b, '"');
}

void jw_str(struct jw *w, const char *s) {
    if (s)
        jw_strn(w, s, strlen(s));
    else
        jw_null(w);
}

void jw_int(struct jw *w, int64_t v) {
    value(w);
    buf_printf(w->b, "%lld", (long long)v);
}

void jw_bool(struct jw *w, bool v) {
    value(w);
    buf_puts(w->b, v ? "true" : "false");
}

void jw_null(struct jw *w) {
    value(w);
    buf_put(w->b, "null", 4);
}

void jw_raw(struct jw *w, const char *json, size_t n) {
    value(w);
    buf_put(w->b, json, n);
}

void jw_kstr(struct jw *w, const char *key, const char *s) {
    jw_key(w, key);
    jw_str(w, s);
}

void jw_kint(struct jw *w, const char *key, int64_t v) {
    jw_key(w, key);
    jw_int(w, v);
}

void jw_kbool(struct jw *w, const char *key, bool v) {
    jw_key(w, key);
    jw_bool(w, v);
}

void jw_kraw(struct jw *w, const char *key, const char *json) {
    jw_key(w, key);
    jw_raw(w, json, strlen(json));
}

void jw_ktime(struct jw *w, const char *key, int64_t utc_ms) {
    char iso[32];
    if (utc_ms) time_format_iso(utc_ms, iso);
    jw_kstr(w, key, utc_ms ? iso : NULL);
}
