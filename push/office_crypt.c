/* SPDX-License-Identifier: Apache-2.0
 *
 * Call-backs of office messengers: parameters, base64, AES-256-CBC with the padding each of them uses, signatures, and the little XML
 * of WeCom. All input is a stranger's.
 */
#define ERR_STATE openssl_err_state /* a typedef of OpenSSL bears the name of one of our errors */
#include <openssl/evp.h>
#include <openssl/sha.h>
#undef ERR_STATE
#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "base/mem.h"
#include "base/text.h"
#include "push/office.h"

/* ---- query ---- */
static int nibble(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    c = (char)(c | 32);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* NULL: a broken escape, or a NUL. */
static char *decode(struct arena *a, const char *s, size_t n) {
    char  *out = arena_alloc(a, n + 1);
    size_t len = 0;
    for (size_t i = 0; i < n; i++) {
        char c = s[i] == '+' ? ' ' : s[i];
        if (c == '%') {
            int hi = n - i > 2 ? nibble(s[i + 1]) : -1, lo = n - i > 2 ? nibble(s[i + 2]) : -1;
            if (hi < 0 || lo < 0) return NULL;
            c = (char)(hi << 4 | lo);
            i += 2;
        }
        if (c == '\0') return NULL;
        out[len++] = c;
    }
    return out;
}

const char *office_query(struct arena *a, const char *query, const char *name) {
    size_t n = strlen(name);
    while (*query) {
        size_t len = strcspn(query, "&");
        if (len > n && query[n] == '=' && strncmp(query, name, n) == 0) {
            const char *v = decode(a, query + n + 1, len - n - 1);
            return v ? v : "";
        }
        query += len;
        if (*query) query++;
    }
    return "";
}

/* ---- base64 ---- */
enum err office_b64_decode(struct arena *a, const char *s, size_t n, uint8_t **out, size_t *out_n) {
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    size_t            pad      = 0;
    if (n == 0 || n % 4) return ERR_INPUT;
    while (pad < 2 && s[n - 1 - pad] == '=') pad++;
    uint8_t *p    = arena_alloc(a, n / 4 * 3 + 1);
    size_t   len  = 0;
    uint32_t bits = 0;
    for (size_t i = 0; i < n; i++) {
        const char *d = i < n - pad && s[i] ? strchr(digits, s[i]) : digits;
        if (d == NULL || (i < n - pad && s[i] == '\0')) return ERR_INPUT;
        bits = bits << 6 | (uint32_t)(d - digits);
        if (i % 4 < 3) continue;
        p[len++] = (uint8_t)(bits >> 16);
        p[len++] = (uint8_t)(bits >> 8);
        p[len++] = (uint8_t)bits;
        bits     = 0;
    }
    *out   = p;
    *out_n = len - pad;
    p[*out_n] = 0;
    return ERR_OK;
}

char *office_b64_encode(struct arena *a, const void *p, size_t n) {
    char *out = arena_alloc(a, (n + 2) / 3 * 4 + 1);
    (void)EVP_EncodeBlock((unsigned char *)out, p, (int)n);
    return out;
}

/* ---- AES-256-CBC ---- */
/* The library's own removal knows blocks of 16 only and WeCom pads to 32: so it is off and done here. */
enum err office_cbc_open(struct arena *a, const uint8_t key[32], const uint8_t iv[16], const uint8_t *p, size_t n, size_t block, uint8_t **out,
                         size_t *out_n) {
    if (n == 0 || n % block || n > INT32_MAX) return ERR_INPUT;
    uint8_t        *text = arena_alloc(a, n + 1);
    EVP_CIPHER_CTX *c    = EVP_CIPHER_CTX_new();
    int             len  = 0, rest = 0;
    MUST(c && EVP_DecryptInit_ex(c, EVP_aes_256_cbc(), NULL, key, iv) == 1);
    (void)EVP_CIPHER_CTX_set_padding(c, 0);
    bool ok = EVP_DecryptUpdate(c, text, &len, p, (int)n) == 1 && EVP_DecryptFinal_ex(c, text + len, &rest) == 1 && (size_t)(len + rest) == n;
    EVP_CIPHER_CTX_free(c);
    if (!ok) return ERR_INPUT;
    size_t  pad = text[n - 1];
    uint8_t bad = pad == 0 || pad > block;
    if (bad) return ERR_INPUT;
    for (size_t i = n - pad; i < n; i++) bad |= text[i] ^ (uint8_t)pad;
    if (bad) return ERR_INPUT;
    *out            = text;
    *out_n          = n - pad;
    text[*out_n]    = 0;
    return ERR_OK;
}

/* ---- WeCom ---- */
void office_wecom_signature(const char *token, const char *timestamp, const char *nonce, const char *encrypt, char out[41]) {
    const char *v[4] = {token, timestamp, nonce, encrypt};
    uint8_t     md[SHA_DIGEST_LENGTH];
    EVP_MD_CTX *c = EVP_MD_CTX_new();
    for (size_t i = 1; i < 4; i++)
        for (size_t j = i; j > 0 && strcmp(v[j - 1], v[j]) > 0; j--) {
            const char *t = v[j];
            v[j]          = v[j - 1];
            v[j - 1]      = t;
        }
    MUST(c && EVP_DigestInit_ex(c, EVP_sha1(), NULL) == 1);
    for (size_t i = 0; i < 4; i++) MUST(EVP_DigestUpdate(c, v[i], strlen(v[i])) == 1);
    MUST(EVP_DigestFinal_ex(c, md, NULL) == 1);
    EVP_MD_CTX_free(c);
    hex_encode(out, md, sizeof md);
}

bool office_aes_key(const char *text43, uint8_t key[32]) {
    char text[45];
    if (strlen(text43) != 43) return false;
    (void)snprintf(text, sizeof text, "%s=", text43);
    struct arena *a    = arena_new(1024);
    uint8_t      *p    = NULL;
    size_t        n    = 0;
    bool          good = office_b64_decode(a, text, 44, &p, &n) == ERR_OK && n == 32;
    if (good) memcpy(key, p, 32);
    if (p) x_wipe(p, n);
    x_wipe(text, sizeof text);
    arena_free(a);
    return good;
}

enum err office_wecom_open(struct arena *a, const uint8_t key[32], const char *receive_id, const char *encrypt, size_t n, char **msg) {
    uint8_t *ct, *p;
    size_t   ct_n, p_n;
    if (office_b64_decode(a, encrypt, n, &ct, &ct_n)) return ERR_INPUT;
    enum err e = office_cbc_open(a, key, key, ct, ct_n, 32, &p, &p_n);
    if (e) return e;
    if (p_n < 20) return ERR_INPUT;
    size_t len = (size_t)p[16] << 24 | (size_t)p[17] << 16 | (size_t)p[18] << 8 | p[19];
    if (len > p_n - 20) return ERR_INPUT;
    if (strlen(receive_id) != p_n - 20 - len || memcmp(p + 20 + len, receive_id, p_n - 20 - len) != 0) return ERR_AUTH;
    *msg = arena_strndup(a, (const char *)p + 20, len);
    return strlen(*msg) == len ? ERR_OK : ERR_INPUT;
}

/* ---- Feishu ---- */
enum err office_feishu_open(struct arena *a, const char *encrypt_key, const char *encrypt, size_t n, char **msg, size_t *msg_n) {
    uint8_t  key[32], *ct, *p;
    size_t   ct_n;
    enum err e = office_b64_decode(a, encrypt, n, &ct, &ct_n);
    if (e == ERR_OK && ct_n <= 16) e = ERR_INPUT;
    if (e) return e;
    (void)SHA256((const unsigned char *)encrypt_key, strlen(encrypt_key), key);
    e = office_cbc_open(a, key, ct, ct + 16, ct_n - 16, 16, &p, msg_n);
    x_wipe(key, sizeof key);
    if (e == ERR_OK) *msg = (char *)p;
    return e;
}

void office_feishu_signature(const char *timestamp, const char *nonce, const char *encrypt_key, const char *body, size_t n, char out[65]) {
    uint8_t     md[32];
    EVP_MD_CTX *c = EVP_MD_CTX_new();
    MUST(c && EVP_DigestInit_ex(c, EVP_sha256(), NULL) == 1);
    MUST(EVP_DigestUpdate(c, timestamp, strlen(timestamp)) == 1 && EVP_DigestUpdate(c, nonce, strlen(nonce)) == 1);
    MUST(EVP_DigestUpdate(c, encrypt_key, strlen(encrypt_key)) == 1 && EVP_DigestUpdate(c, body, n) == 1);
    MUST(EVP_DigestFinal_ex(c, md, NULL) == 1);
    EVP_MD_CTX_free(c);
    hex_encode(out, md, sizeof md);
}

/* ---- XML ---- */
#define CDATA     "<![CDATA["
#define CDATA_END "]]>"

/* What a person wrote stands in CDATA and may look like elements: so the document is walked, not searched. */
const char *office_xml(struct arena *a, const char *xml, size_t n, const char *name) {
    const char *p = xml, *end = xml + n, *from = NULL, *to = NULL;
    size_t      name_n = strlen(name);
    int         depth  = 0;
    bool        is_it  = false;
    while (p < end && (p = memchr(p, '<', (size_t)(end - p))) != NULL) {
        const char *stop;
        size_t      left = (size_t)(end - p);
        if (left > strlen(CDATA) && memcmp(p, CDATA, strlen(CDATA)) == 0) {
            p += strlen(CDATA);
            if ((stop = memmem(p, (size_t)(end - p), CDATA_END, strlen(CDATA_END))) == NULL) return "";
            if (is_it && depth == 2 && to == NULL) {
                from = p;
                to   = stop;
            }
            p = stop + strlen(CDATA_END);
            continue;
        }
        if ((stop = memchr(p, '>', left)) == NULL || left < 3 || p[1] == '!') return ""; /* declarations, comments */
        if (p[1] == '?' || stop[-1] == '/') {
            p = stop + 1;
            continue;
        }
        if (p[1] == '/') {
            if (is_it && depth == 2) {
                if (to == NULL) to = p;
                if (memchr(from, '&', (size_t)(to - from)) || memchr(from, '\0', (size_t)(to - from))) return "";
                return arena_strndup(a, from, (size_t)(to - from));
            }
            depth--;
        } else if (++depth == 2 && (size_t)(stop - p) == name_n + 1 && memcmp(p + 1, name, name_n) == 0) {
            is_it = true;
            from  = stop + 1;
        } else if (is_it) return ""; /* an element with elements is no text */
        p = stop + 1;
    }
    return "";
}
