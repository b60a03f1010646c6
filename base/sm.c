/* SPDX-License-Identifier: Apache-2.0 */
#include "base/sm.h"

#include <fcntl.h>
#include <pthread.h>
#include <string.h>
#include <unistd.h>

#define ERR_STATE openssl_err_state /* a typedef of OpenSSL bears the name of one of our errors */
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <openssl/rand.h>
#undef ERR_STATE

#include "base/check.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/text.h"

#define SM2_ID "1234567812345678"

/* Order n of the curve (GM/T 0003.5): r and s lie in 1..n-1. */
static const uint8_t order[32] = {0xFF, 0xFF, 0xFF, 0xFE, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF,
                                  0x72, 0x03, 0xDF, 0x6B, 0x21, 0xC6, 0x05, 0x2B, 0x53, 0xBB, 0xF4, 0x09, 0x39, 0xD5, 0x41, 0x23};

static pthread_once_t once = PTHREAD_ONCE_INIT;
static EVP_MD        *md_sm3;
static EVP_CIPHER    *sm4_ctr;

static void fetch(void) { /* fetching by name costs more than hashing a short text */
    md_sm3  = EVP_MD_fetch(NULL, "SM3", NULL);
    sm4_ctr = EVP_CIPHER_fetch(NULL, "SM4-CTR", NULL);
    MUST(md_sm3 && sm4_ctr);
}

static EVP_MD *sm3_md(void) {
    MUST(pthread_once(&once, fetch) == 0);
    return md_sm3;
}

void random_bytes(void *p, size_t n) { MUST(n < 1 << 20 && RAND_bytes(p, (int)n) == 1); }

bool ct_equal(const void *a, const void *b, size_t n) { return CRYPTO_memcmp(a, b, n) == 0; }

void sm3(const void *p, size_t n, uint8_t out[32]) {
    unsigned len = 0;
    MUST(EVP_Digest(p, n, out, &len, sm3_md(), NULL) == 1 && len == 32);
}

struct sm3_key {
    EVP_MD_CTX *inner, *outer, *work; /* inner, outer: after the padded key */
};

static EVP_MD_CTX *padded(const uint8_t block[64], uint8_t with) {
    uint8_t     pad[64];
    EVP_MD_CTX *c = EVP_MD_CTX_new();
    for (size_t i = 0; i < sizeof pad; i++) pad[i] = block[i] ^ with;
    MUST(c && EVP_DigestInit_ex(c, sm3_md(), NULL) && EVP_DigestUpdate(c, pad, sizeof pad));
    x_wipe(pad, sizeof pad);
    return c;
}

struct sm3_key *sm3_key_new(const void *key, size_t klen) {
    uint8_t         block[64] = {0};
    struct sm3_key *k         = x_calloc(1, sizeof *k);
    if (klen > sizeof block)
        sm3(key, klen, block);
    else if (klen)
        memcpy(block, key, klen);
    k->inner = padded(block, 0x36);
    k->outer = padded(block, 0x5c);
    k->work  = EVP_MD_CTX_new();
    MUST(k->work != NULL);
    x_wipe(block, sizeof block);
    return k;
}

void sm3_key_free(struct sm3_key *k) {
    if (k == NULL) return;
    EVP_MD_CTX_free(k->inner);
    EVP_MD_CTX_free(k->outer);
    EVP_MD_CTX_free(k->work);
    x_free(k);
}

void sm3_key_hmac(struct sm3_key *k, const void *p, size_t n, uint8_t out[32]) {
    uint8_t inner[32];
    MUST(EVP_MD_CTX_copy_ex(k->work, k->inner) && EVP_DigestUpdate(k->work, p, n) && EVP_DigestFinal_ex(k->work, inner, NULL));
    MUST(EVP_MD_CTX_copy_ex(k->work, k->outer) && EVP_DigestUpdate(k->work, inner, sizeof inner) &&
         EVP_DigestFinal_ex(k->work, out, NULL));
}

void sm3_hmac(const void *key, size_t klen, const void *p, size_t n, uint8_t out[32]) {
    struct sm3_key *k = sm3_key_new(key, klen);
    sm3_key_hmac(k, p, n, out);
    sm3_key_free(k);
}

/* ---- SM2 ---- */
static EVP_PKEY *make_key(const uint8_t *priv, const uint8_t pub[65]) {
    EVP_PKEY       *key = NULL;
    OSSL_PARAM_BLD *b   = OSSL_PARAM_BLD_new();
    BIGNUM         *d   = priv ? BN_bin2bn(priv, 32, NULL) : NULL;
    OSSL_PARAM     *p   = NULL;
    EVP_PKEY_CTX   *c   = EVP_PKEY_CTX_new_from_name(NULL, "SM2", NULL);
    char            group[] = "SM2";
    if (b && c && OSSL_PARAM_BLD_push_utf8_string(b, OSSL_PKEY_PARAM_GROUP_NAME, group, 0) &&
        OSSL_PARAM_BLD_push_octet_string(b, OSSL_PKEY_PARAM_PUB_KEY, pub, 65) &&
        (priv == NULL || (d && OSSL_PARAM_BLD_push_BN(b, OSSL_PKEY_PARAM_PRIV_KEY, d))) && (p = OSSL_PARAM_BLD_to_param(b)) != NULL &&
        EVP_PKEY_fromdata_init(c) == 1 && EVP_PKEY_fromdata(c, &key, priv ? EVP_PKEY_KEYPAIR : EVP_PKEY_PUBLIC_KEY, p) != 1) {
        key = NULL;
    }
    OSSL_PARAM_free(p);
    OSSL_PARAM_BLD_free(b);
    BN_clear_free(d);
    EVP_PKEY_CTX_free(c);
    return key;
}

enum err sm2_keygen(uint8_t priv[32], uint8_t pub[65]) {
    enum err      e   = ERR_INTERNAL;
    EVP_PKEY     *key = EVP_PKEY_Q_keygen(NULL, NULL, "SM2");
    BIGNUM       *d   = NULL;
    size_t        n   = 0;
    if (key && EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_PRIV_KEY, &d) && BN_bn2binpad(d, priv, 32) == 32) {
        char form[] = "uncompressed";
        (void)EVP_PKEY_set_utf8_string_param(key, OSSL_PKEY_PARAM_EC_POINT_CONVERSION_FORMAT, form);
        if (EVP_PKEY_get_octet_string_param(key, OSSL_PKEY_PARAM_ENCODED_PUBLIC_KEY, pub, 65, &n) && n == 65 && pub[0] == 4) e = ERR_OK;
    }
    BN_clear_free(d);
    EVP_PKEY_free(key);
    return e;
}

enum err sm2_pub_check(const uint8_t pub[65]) {
    if (pub[0] != 4) return ERR_INPUT;
    EVP_PKEY     *key = make_key(NULL, pub);
    EVP_PKEY_CTX *c   = key ? EVP_PKEY_CTX_new_from_pkey(NULL, key, NULL) : NULL;
    bool          ok  = c && EVP_PKEY_public_check(c) == 1;
    EVP_PKEY_CTX_free(c);
    EVP_PKEY_free(key);
    return ok ? ERR_OK : ERR_INPUT;
}

/* Minimal DER INTEGER of a 32-byte number; returns its length. */
static size_t put_integer(uint8_t *out, const uint8_t v[32]) {
    size_t skip = 0;
    while (skip < 31 && v[skip] == 0) skip++;
    size_t n = 32 - skip, pad = v[skip] >> 7;
    out[0]   = 2;
    out[1]   = (uint8_t)(n + pad);
    out[2]   = 0;
    memcpy(out + 2 + pad, v + skip, n);
    return 2 + pad + n;
}

static bool get_integer(const uint8_t **p, const uint8_t *end, uint8_t out[32]) {
    if (end - *p < 3 || (*p)[0] != 2) return false;
    size_t         n = (*p)[1];
    const uint8_t *v = *p + 2;
    if (n < 1 || n > 33 || (size_t)(end - v) < n || v[0] & 0x80) return false;
    if (n > 1 && v[0] == 0 && !(v[1] & 0x80)) return false; /* not minimal */
    *p = v + n;
    if (v[0] == 0) {
        v++;
        n--;
    }
    if (n > 32) return false;
    memset(out, 0, 32);
    if (n) memcpy(out + 32 - n, v, n);
    return true;
}

static bool in_range(const uint8_t v[32]) {
    static const uint8_t zero[32];
    return memcmp(v, zero, 32) != 0 && memcmp(v, order, 32) < 0;
}

enum err sm2_sig_from_der(const uint8_t *der, size_t n, uint8_t sig[64]) {
    const uint8_t *p, *end = der + n;
    if (n < 8 || n > 72 || der[0] != 0x30 || der[1] != n - 2) return ERR_INPUT;
    p = der + 2;
    if (!get_integer(&p, end, sig) || !get_integer(&p, end, sig + 32) || p != end) return ERR_INPUT;
    return in_range(sig) && in_range(sig + 32) ? ERR_OK : ERR_INPUT;
}

/* NULL unless the identifier is set: without it the library would go on with an empty one. */
static EVP_MD_CTX *digest_ctx(EVP_PKEY *key, EVP_PKEY_CTX **pc) {
    EVP_MD_CTX *m = EVP_MD_CTX_new();
    *pc           = key ? EVP_PKEY_CTX_new_from_pkey(NULL, key, NULL) : NULL;
    if (m && *pc && EVP_PKEY_CTX_set1_id(*pc, SM2_ID, sizeof SM2_ID - 1) == 1) {
        EVP_MD_CTX_set_pkey_ctx(m, *pc);
        return m;
    }
    EVP_MD_CTX_free(m);
    return NULL;
}

enum err sm2_sign(const uint8_t priv[32], const uint8_t pub[65], const void *msg, size_t n, uint8_t sig[64]) {
    EVP_PKEY     *key = make_key(priv, pub);
    EVP_PKEY_CTX *pc;
    EVP_MD_CTX   *m = digest_ctx(key, &pc);
    uint8_t       der[80];
    size_t        der_n = sizeof der;
    enum err      e     = ERR_INTERNAL;
    if (key && m && EVP_DigestSignInit(m, NULL, sm3_md(), NULL, key) == 1 && EVP_DigestSign(m, der, &der_n, msg, n) == 1)
        e = sm2_sig_from_der(der, der_n, sig);
    EVP_MD_CTX_free(m);
    EVP_PKEY_CTX_free(pc);
    EVP_PKEY_free(key);
    return e;
}

enum err sm2_verify(const uint8_t pub[65], const void *msg, size_t n, const uint8_t sig[64]) {
    if (!in_range(sig) || !in_range(sig + 32)) return ERR_SIG;
    uint8_t der[80];
    size_t  k = 2;
    k += put_integer(der + k, sig);
    k += put_integer(der + k, sig + 32);
    der[0] = 0x30;
    der[1] = (uint8_t)(k - 2);
    EVP_PKEY     *key = make_key(NULL, pub);
    EVP_PKEY_CTX *pc;
    EVP_MD_CTX   *m  = digest_ctx(key, &pc);
    bool          ok = key && m && EVP_DigestVerifyInit(m, NULL, sm3_md(), NULL, key) == 1 && EVP_DigestVerify(m, der, k, msg, n) == 1;
    EVP_MD_CTX_free(m);
    EVP_PKEY_CTX_free(pc);
    EVP_PKEY_free(key);
    return ok ? ERR_OK : ERR_SIG;
}

enum err sm2_key_save(const char *path, const uint8_t priv[32], const uint8_t pub[65]) {
    char text[65 + 131 + 2];
    hex_encode(text, priv, 32);
    text[64] = '\n';
    hex_encode(text + 65, pub, 65);
    text[195] = '\n';
    enum err e = file_create(path, text, 196);
    x_wipe(text, sizeof text);
    return e ? ERR_STORE : ERR_OK;
}

/* A private key that belongs to another public one would sign what nobody can verify. */
static bool is_pair(const uint8_t priv[32], const uint8_t pub[65]) {
    EVP_PKEY     *key = make_key(priv, pub);
    EVP_PKEY_CTX *c   = key ? EVP_PKEY_CTX_new_from_pkey(NULL, key, NULL) : NULL;
    bool          ok  = c && EVP_PKEY_check(c) == 1;
    EVP_PKEY_CTX_free(c);
    EVP_PKEY_free(key);
    return ok;
}

enum err sm2_key_load(const char *path, uint8_t priv[32], uint8_t pub[65]) {
    char    text[256];
    size_t  n  = 0;
    int     fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t got = fd >= 0 ? read(fd, text, sizeof text) : -1;
    if (fd >= 0) (void)close(fd);
    if (got < 0) return ERR_NOTFOUND;
    bool ok = got == 196 && text[64] == '\n' && hex_decode(priv, 32, text, 64, &n) == ERR_OK && n == 32 &&
              hex_decode(pub, 65, text + 65, 130, &n) == ERR_OK && n == 65 && is_pair(priv, pub);
    if (!ok) x_wipe(priv, 32);
    x_wipe(text, sizeof text);
    return ok ? ERR_OK : ERR_INPUT;
}

/* ---- SM4 ---- */
void sm4_key_derive(struct sm4_key *k, uint8_t id, const uint8_t master[32]) {
    uint8_t label[24] = "zhangban sm4 enc ", out[32];
    size_t  n         = strlen((const char *)label);
    label[n]          = id;
    sm3_hmac(master, 32, label, n + 1, out);
    memcpy(k->enc, out, sizeof k->enc);
    memcpy(label, "zhangban sm4 mac ", n);
    sm3_hmac(master, 32, label, n + 1, k->mac);
    k->id = id;
    x_wipe(out, sizeof out);
}

static void ctr(const struct sm4_key *k, const uint8_t nonce[16], const uint8_t *in, size_t n, uint8_t *out) {
    int len = 0;
    MUST(n < 1 << 30 && pthread_once(&once, fetch) == 0);
    EVP_CIPHER_CTX *c = EVP_CIPHER_CTX_new();
    MUST(c && EVP_EncryptInit_ex2(c, sm4_ctr, k->enc, nonce, NULL) == 1 && EVP_EncryptUpdate(c, out, &len, in, (int)n) == 1 && (size_t)len == n);
    EVP_CIPHER_CTX_free(c);
}

enum err sm4_seal(const struct sm4_key *k, const void *plain, size_t n, uint8_t *out, size_t out_cap, size_t *out_n) {
    uint8_t mac[32];
    if (out_cap < n + SM4_EXTRA) return ERR_TOOBIG;
    out[0] = k->id;
    random_bytes(out + 1, 16);
    ctr(k, out + 1, plain, n, out + 17);
    sm3_hmac(k->mac, sizeof k->mac, out, 17 + n, mac);
    memcpy(out + 17 + n, mac, 16);
    *out_n = n + SM4_EXTRA;
    return ERR_OK;
}

enum err sm4_open(const struct sm4_key *k, const void *sealed, size_t n, uint8_t *out, size_t out_cap, size_t *out_n) {
    const uint8_t *p = sealed;
    uint8_t        mac[32];
    if (n < SM4_EXTRA || p[0] != k->id) return ERR_SIG;
    size_t plain_n = n - SM4_EXTRA;
    if (plain_n > out_cap) return ERR_TOOBIG;
    sm3_hmac(k->mac, sizeof k->mac, p, 17 + plain_n, mac);
    if (!ct_equal(mac, p + 17 + plain_n, 16)) return ERR_SIG;
    ctr(k, p + 1, p + 17, plain_n, out);
    *out_n = plain_n;
    return ERR_OK;
}
