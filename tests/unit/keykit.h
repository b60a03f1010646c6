/* SPDX-License-Identifier: Apache-2.0
 *
 * Keys and tokens for tests, by OpenSSL's public interface alone (none of push/jwt.c): keys made and written as PEM, tokens verified.
 */
#ifndef ZB_TESTS_KEYKIT_H
#define ZB_TESTS_KEYKIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define ERR_STATE openssl_err_state
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#undef ERR_STATE

#include "base/json.h"
#include "base/mem.h"
#include "base/text.h"

static inline EVP_PKEY *kk_key(const char *kind, unsigned bits) {
    EVP_PKEY *k = strcmp(kind, "EC") == 0 ? EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256") : EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)bits);
    assert_non_null(k);
    return k;
}

static inline char *kk_pem_with(EVP_PKEY *k, const char *pass) {
    BIO  *bio = BIO_new(BIO_s_mem());
    char *p;
    assert_int_equal(PEM_write_bio_PKCS8PrivateKey(bio, k, pass ? EVP_aes_128_cbc() : NULL, pass, pass ? (int)strlen(pass) : 0, NULL, NULL), 1);
    long  n   = BIO_get_mem_data(bio, &p);
    char *out = x_strndup(p, (size_t)n);
    BIO_free(bio);
    return out;
}
static inline char *kk_pem(EVP_PKEY *k) { return kk_pem_with(k, NULL); }
static inline char *kk_pem_locked(EVP_PKEY *k) { return kk_pem_with(k, "secret"); }

/* A public key of P-256 from 04 X Y. */
static inline EVP_PKEY *kk_pub(const uint8_t pub[65]) {
    char          group[] = "P-256";
    uint8_t       copy[65];
    EVP_PKEY     *k = NULL;
    EVP_PKEY_CTX *c = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
    memcpy(copy, pub, 65);
    OSSL_PARAM p[] = {OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, group, 0),
                      OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, copy, 65), OSSL_PARAM_construct_end()};
    assert_true(c && EVP_PKEY_fromdata_init(c) == 1 && EVP_PKEY_fromdata(c, &k, EVP_PKEY_PUBLIC_KEY, p) == 1);
    EVP_PKEY_CTX_free(c);
    return k;
}

static inline cJSON *kk_part(const char *p, size_t n) {
    uint8_t out[4096];
    size_t  out_n;
    assert_int_equal(b64url_decode(out, sizeof out - 1, p, n, &out_n), ERR_OK);
    cJSON *j = cJSON_ParseWithLength((const char *)out, out_n);
    assert_non_null(j);
    return j;
}

static inline const char *kk_s(const cJSON *o, const char *name) {
    const char *s = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(o, name));
    return s ? s : "";
}

/* head, claims: NULL or cJSON_Delete. */
static inline bool kk_verify(const char *token, EVP_PKEY *key, const char *alg, cJSON **head, cJSON **claims) {
    uint8_t       sig[1024], der[128], *d = der;
    size_t        sig_n;
    EVP_PKEY_CTX *pc;
    const char   *dot = strchr(token, '.'), *dot2 = dot ? strchr(dot + 1, '.') : NULL;
    assert_non_null(dot2);
    assert_int_equal(b64url_decode(sig, sizeof sig, dot2 + 1, strlen(dot2 + 1), &sig_n), ERR_OK);
    EVP_MD_CTX *m  = EVP_MD_CTX_new();
    bool        ok = EVP_DigestVerifyInit(m, &pc, EVP_sha256(), NULL, key) == 1;
    if (strcmp(alg, "ES256") == 0) {
        assert_int_equal(sig_n, 64);
        ECDSA_SIG *s = ECDSA_SIG_new();
        assert_int_equal(ECDSA_SIG_set0(s, BN_bin2bn(sig, 32, NULL), BN_bin2bn(sig + 32, 32, NULL)), 1);
        sig_n = (size_t)i2d_ECDSA_SIG(s, &d);
        memcpy(sig, der, sig_n);
        ECDSA_SIG_free(s);
    } else if (strcmp(alg, "PS256") == 0) {
        ok = ok && EVP_PKEY_CTX_set_rsa_padding(pc, RSA_PKCS1_PSS_PADDING) > 0 && EVP_PKEY_CTX_set_rsa_pss_saltlen(pc, 32) > 0;
    }
    ok = ok && EVP_DigestVerify(m, sig, sig_n, (const uint8_t *)token, (size_t)(dot2 - token)) == 1;
    EVP_MD_CTX_free(m);
    ERR_clear_error();
    if (head) *head = kk_part(token, (size_t)(dot - token));
    if (claims) *claims = kk_part(dot + 1, (size_t)(dot2 - dot - 1));
    return ok;
}

#endif
