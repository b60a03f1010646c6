/* SPDX-License-Identifier: Apache-2.0
 *
 * Everything that reads text from outside: UTF-8, document numbers, digits, hex, base64url, dates, instants, DER signatures.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/calendar.h"
#include "base/check.h"
#include "base/mem.h"
#include "base/sm.h"
#include "base/text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void utf8(const char *p, size_t n) {
    size_t at = 0, count = 0, len;
    while (at < n && (len = utf8_next(p + at, n - at)) > 0) {
        at += len;
        count++;
    }
    MUST(utf8_valid(p, n) == (at == n));
    if (at < n) {
        MUST(!text_is_clean(p, n, true));
        return;
    }
    MUST(utf8_count(p, n) == count);
    for (size_t max = 0; max <= n && max < 20; max++) {
        size_t cut = utf8_cut(p, n, max);
        MUST(cut <= max && max - cut < 4 && utf8_valid(p, cut));
    }
    if (text_is_clean(p, n, false)) MUST(text_is_clean(p, n, true) && memchr(p, 0, n) == NULL);
}

static void texts(char *s) {
    char    out[200], again[200];
    int32_t day;
    int64_t ms, back;
    size_t  n = strlen(s);
    if (text_docno_normalise(s, out, sizeof out) == ERR_OK) {
        MUST(utf8_valid(out, strlen(out)) && text_docno_normalise(out, again, sizeof again) == ERR_OK && strcmp(out, again) == 0);
    }
    if (date_parse(s, &day) == ERR_OK) {
        char text[11];
        date_format(day, text);
        MUST(strcmp(text, s) == 0);
    }
    if (time_parse_iso(s, &ms) == ERR_OK) {
        char iso[32];
        time_format_iso(ms, iso);
        MUST(time_parse_iso(iso, &back) == ERR_OK && back == ms);
    }
    text_fold_digits(s);
    MUST(strlen(s) <= n);
}

static void codes(const char *p, size_t n) {
    uint8_t *out = x_malloc(n), sig[64];
    char    *enc = x_malloc(2 * n + 4);
    size_t   k;
    if (hex_decode(out, n, p, n, &k) == ERR_OK) {
        hex_encode(enc, out, k);
        MUST(2 * k == n);
        for (size_t i = 0; i < n; i++) MUST((enc[i] | 32) == (p[i] | 32));
    }
    if (b64url_decode(out, n, p, n, &k) == ERR_OK) { /* one text, one value */
        MUST(b64url_encode(enc, out, k) == n && memcmp(enc, p, n) == 0);
    }
    if (sm2_sig_from_der((const uint8_t *)p, n, sig) == ERR_OK) MUST(n >= 8 && n <= 72);
    x_free(out);
    x_free(enc);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
    char *copy = x_malloc(n);
    if (n) memcpy(copy, data, n);
    utf8(copy, n);
    codes(copy, n);
    char *s = x_strndup(copy, n);
    texts(s);
    x_free(s);
    x_free(copy);
    return 0;
}
