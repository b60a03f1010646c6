/* SPDX-License-Identifier: Apache-2.0 */
#include "push/ece.h"

#include <string.h>

#define ERR_STATE openssl_err_state /* a typedef of OpenSSL bears the name of one of our errors */
#include <openssl/bn.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#undef ERR_STATE

#include "base/check.h"
#include "base/mem.h"
#include "base/sm.h"

#define RECORD 4096U

static void hmac(const uint8_t *key, size_t key_n, const uint8_t *p, size_t n, uint8_t out[32]) {
    unsigned len = 0;
    MUST(HMAC(EVP_sha256(), key, (int)key_n, p, n, out, &len) != NULL && len == 32);
}

/* HKDF (RFC 5869) for at most 32 bytes: extract, then the first block of expand. */
static void hkdf(const uint8_t *salt, size_t salt_n, const uint8_t *ikm, size_t ikm_n, const void *info, size_t info_n, uint8_t *out, size_t n) {
    uint8_t prk[32], t[32], in[160];
    MUST(info_n < sizeof in && n <= 32);
    hmac(salt, salt_n, ikm, ikm_n, prk);
    memcpy(in, info, info_n);
    in[info_n] = 1;
    hmac(prk, 32, in, info_n + 1, t);
    memcpy(out, t, n);
    x_wipe(prk, 32);
    x_wipe(t, 32);
}

/* A key of ours for this message: its public point and the x of the point shared with theirs. */
static enum err agree(const uint8_t theirs[65], const struct ece_fixed *fixed, uint8_t ours[65], uint8_t shared[32]) {
    EC_GROUP *g = EC_GROUP_new_by_curve_name(NID_X9_62_prime256v1);
    BN_CTX   *c = BN_CTX_secure_new();
    BIGNUM   *d = BN_secure_new(), *x = BN_secure_new();
    EC_POINT *q = g ? EC_POINT_new(g) : NULL, *s = g ? EC_POINT_new(g) : NULL, *pub = g ? EC_POINT_new(g) : NULL;
    enum err  e = ERR_INPUT;
    MUST(g && c && d && x && q && s && pub);
    /* oct2point checks that the point is on the curve; the curve has no other subgroups */
    if (theirs[0] == 4 && EC_POINT_oct2point(g, q, theirs, 65, c) == 1) {
        if (fixed) MUST(BN_bin2bn(fixed->priv, 32, d) != NULL);
        else do MUST(BN_priv_rand_range(d, EC_GROUP_get0_order(g)) == 1);
            while (BN_is_zero(d));
        MUST(EC_POINT_mul(g, pub, d, NULL, NULL, c) == 1 && EC_POINT_point2oct(g, pub, POINT_CONVERSION_UNCOMPRESSED, ours, 65, c) == 65);
        MUST(EC_POINT_mul(g, s, NULL, q, d, c) == 1 && EC_POINT_get_affine_coordinates(g, s, x, NULL, c) == 1 && BN_bn2binpad(x, shared, 32) == 32);
        e = ERR_OK;
    }
    EC_POINT_free(q);
    EC_POINT_clear_free(s);
    EC_POINT_free(pub);
    BN_clear_free(d);
    BN_clear_free(x);
    BN_CTX_free(c);
    EC_GROUP_free(g);
    ERR_clear_error();
    return e;
}

static void gcm(const uint8_t key[16], const uint8_t nonce[12], const void *plain, size_t n, uint8_t *out) {
    static const uint8_t last = 2; /* delimiter of the last record */
    int                  a = 0, b = 0, f = 0;
    EVP_CIPHER_CTX      *c = EVP_CIPHER_CTX_new();
    MUST(c && EVP_EncryptInit_ex(c, EVP_aes_128_gcm(), NULL, key, nonce) == 1 && EVP_EncryptUpdate(c, out, &a, plain, (int)n) == 1 &&
         EVP_EncryptUpdate(c, out + a, &b, &last, 1) == 1 && EVP_EncryptFinal_ex(c, out + a + b, &f) == 1 && (size_t)(a + b + f) == n + 1 &&
         EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_GCM_GET_TAG, 16, out + n + 1) == 1);
    EVP_CIPHER_CTX_free(c);
}

enum err ece_encrypt(const uint8_t p256dh[65], const uint8_t auth[16], const void *plain, size_t n, const struct ece_fixed *fixed, uint8_t *out,
                     size_t *out_n) {
    static const char label[] = "WebPush: info", cek_info[] = "Content-Encoding: aes128gcm", nonce_info[] = "Content-Encoding: nonce";
    uint8_t           shared[32], ikm[32], key[16], nonce[12], info[sizeof label + 130], *salt = out, *ours = out + 21;
    if (n > ECE_PLAIN_MAX) return ERR_TOOBIG;
    enum err e = agree(p256dh, fixed, ours, shared);
    if (e) return e;
    if (fixed) memcpy(salt, fixed->salt, 16);
    else random_bytes(salt, 16);
    static const uint8_t head[5] = {0, 0, (uint8_t)(RECORD >> 8), (uint8_t)(RECORD & 0xFF), 65}; /* record size, length of the key */
    memcpy(out + 16, head, sizeof head);
    memcpy(info, label, sizeof label); /* with its NUL, as all three */
    memcpy(info + sizeof label, p256dh, 65);
    memcpy(info + sizeof label + 65, ours, 65);
    hkdf(auth, 16, shared, 32, info, sizeof info, ikm, 32);
    hkdf(salt, 16, ikm, 32, cek_info, sizeof cek_info, key, 16);
    hkdf(salt, 16, ikm, 32, nonce_info, sizeof nonce_info, nonce, 12);
    gcm(key, nonce, plain, n, out + 86);
    *out_n = n + ECE_EXTRA;
    x_wipe(shared, 32);
    x_wipe(ikm, 32);
    x_wipe(key, 16);
    return ERR_OK;
}
