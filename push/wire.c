/* SPDX-License-Identifier: Apache-2.0 */
#include "push/wire.h"

#include <inttypes.h>
#define ERR_STATE ossl_err_state_type /* the library has a type of that name, we an enumerator */
#include <openssl/evp.h>
#undef ERR_STATE
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/check.h"

#define SECRET_MAX 256
#define NAME_MAX_N 16
#define ZEROS_MAX 9

enum wire_frame wire_frame_next(const uint8_t *p, size_t n, size_t head_bytes, size_t max_bytes, size_t *len) {
    *len = 0;
    if (n < 4) return WIRE_MORE;
    *len = wire_get32(p); /* judged before the rest is there: a bad length must not keep us waiting */
    if (*len < head_bytes || *len > max_bytes) return WIRE_BAD;
    return n < *len ? WIRE_MORE : WIRE_OK;
}

uint32_t wire_get32(const uint8_t *p) {
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | (uint32_t)p[3];
}
uint64_t wire_get64(const uint8_t *p) { return (uint64_t)wire_get32(p) << 32 | wire_get32(p + 4); }

void wire_get_str(char *dst, const uint8_t *p, size_t width) {
    size_t n = 0;
    while (n < width && p[n] != 0) n++;
    while (n > 0 && p[n - 1] == ' ') n--;
    memcpy(dst, p, n);
    dst[n] = '\0';
}

void wire_put(struct wire_pdu *out, const void *p, size_t n) {
    MUST(out->len + n <= sizeof out->b); /* every PDU of ours has a fixed upper length */
    if (n > 0) memcpy(out->b + out->len, p, n);
    out->len += n;
}
void wire_put8(struct wire_pdu *out, uint8_t v) { wire_put(out, &v, 1); }
void wire_put16(struct wire_pdu *out, uint16_t v) {
    const uint8_t b[2] = {(uint8_t)(v >> 8), (uint8_t)v};
    wire_put(out, b, sizeof b);
}
void wire_put32(struct wire_pdu *out, uint32_t v) {
    const uint8_t b[4] = {(uint8_t)(v >> 24), (uint8_t)(v >> 16), (uint8_t)(v >> 8), (uint8_t)v};
    wire_put(out, b, sizeof b);
}
void wire_put64(struct wire_pdu *out, uint64_t v) {
    wire_put32(out, (uint32_t)(v >> 32));
    wire_put32(out, (uint32_t)v);
}
void wire_put_zero(struct wire_pdu *out, size_t n) {
    MUST(out->len + n <= sizeof out->b);
    memset(out->b + out->len, 0, n);
    out->len += n;
}
enum err wire_put_str(struct wire_pdu *out, const char *s, size_t width) {
    size_t n = s ? strlen(s) : 0;
    if (n > width) return ERR_INPUT;
    wire_put(out, s, n);
    wire_put_zero(out, width - n);
    return ERR_OK;
}
enum err wire_put_cstr(struct wire_pdu *out, const char *s, size_t size) {
    size_t n = s ? strlen(s) : 0;
    if (n >= size) return ERR_INPUT;
    wire_put(out, s, n);
    wire_put8(out, 0);
    return ERR_OK;
}
void wire_end(struct wire_pdu *out) {
    size_t n = out->len;
    out->len = 0;
    wire_put32(out, (uint32_t)n);
    out->len = n;
}

void wire_receipt_text(const uint8_t *p, size_t n, bool wide, char *out, size_t cap) {
    static const char *const ends[] = {" text:", " txt:"};
    size_t                   m      = 0;
    for (size_t i = wide ? 1 : 0; i < n && m < cap - 1; i += wide ? 2 : 1) out[m++] = p[i] ? (char)p[i] : ' ';
    out[m] = '\0';
    for (size_t i = 0; i < ARRAY_N(ends); i++) {
        char *end = strcasestr(out, ends[i]);
        if (end) *end = '\0';
    }
}

size_t wire_receipt_value(const char *text, const char *key, const char **value) {
    size_t key_n = strlen(key);
    for (const char *p = text; (p = strcasestr(p, key)) != NULL; p += key_n) {
        if (p != text && p[-1] != ' ') continue;
        *value = p + key_n;
        return strcspn(*value, " ");
    }
    return 0;
}

uint32_t wire_timestamp(int64_t wall_ms) {
    struct tm tm;
    time_t    t = (time_t)(wall_ms / 1000 + 8 * 3600);
    if (gmtime_r(&t, &tm) == NULL) return 0;
    return (uint32_t)(((((tm.tm_mon + 1) * 100 + tm.tm_mday) * 100 + tm.tm_hour) * 100 + tm.tm_min) * 100 + tm.tm_sec);
}

static enum err md5(const void *p, size_t n, uint8_t out[16]) {
    unsigned len = 0;
    return EVP_Digest(p, n, out, &len, EVP_md5(), NULL) == 1 && len == 16 ? ERR_OK : ERR_INTERNAL;
}

enum err wire_authenticator(const char *name, size_t name_width, size_t zeros, const char *secret, uint32_t timestamp,
                            uint8_t out[16]) {
    uint8_t b[NAME_MAX_N + ZEROS_MAX + SECRET_MAX + 10] = {0};
    char    ts[16];
    size_t  name_n = strlen(name), secret_n = strlen(secret), n;

    if (name_n > name_width || name_width > NAME_MAX_N || zeros > ZEROS_MAX || secret_n > SECRET_MAX) return ERR_INPUT;
    /* Ten digits, the leading zero of January to September included: the classic failed log-in. */
    if (snprintf(ts, sizeof ts, "%010" PRIu32, timestamp) != 10) return ERR_INPUT;
    memcpy(b, name, name_n); /* NOLINT(bugprone-not-null-terminated-result): bytes to be hashed */
    n = name_width + zeros;
    memcpy(b + n, secret, secret_n); /* NOLINT(bugprone-not-null-terminated-result) */
    n += secret_n;
    memcpy(b + n, ts, 10);
    enum err e = md5(b, n + 10, out);
    OPENSSL_cleanse(b, sizeof b);
    return e;
}

bool wire_is_authentic(uint32_t status, size_t status_n, const uint8_t source[16], const char *secret, const uint8_t got[16]) {
    uint8_t b[4 + 16 + SECRET_MAX], digest[16];
    size_t  secret_n = strlen(secret), skip = 4 - status_n;
    if (secret_n > SECRET_MAX || status_n > 4) return false;
    for (unsigned i = 0; i < 4; i++) b[i] = (uint8_t)(status >> (24 - 8 * i));
    memcpy(b + 4, source, 16);
    memcpy(b + 20, secret, secret_n); /* NOLINT(bugprone-not-null-terminated-result): bytes to be hashed */
    bool ok = md5(b + skip, 20 + secret_n - skip, digest) == ERR_OK && CRYPTO_memcmp(digest, got, 16) == 0;
    OPENSSL_cleanse(b, sizeof b);
    return ok;
}
