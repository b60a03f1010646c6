/* SPDX-License-Identifier: Apache-2.0
 *
 * OpenSSL keeps its errors in a queue of the thread, which TLS code of the same thread reads as its own: every failure here
 * leaves that queue empty.
 */
#include "push/jwt.h"

#include <stdio.h>
#include <string.h>

#define ERR_STATE openssl_err_state /* a typedef of OpenSSL bears the name of one of our errors */
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#undef ERR_STATE

#include "base/buf.h"
#include "base/check.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/text.h"

#define RSA_BITS_MIN 2048
#define RSA_BITS_MAX 8192
#define SIG_MAX      (RSA_BITS_MAX / 8)
#define CLAIMS_MAX   8192

struct jwt_key {
    unsigned magic;
#define JWT_KEY_MAGIC 0x6a77746bU
    enum jwt_alg alg;
    EVP_PKEY    *pkey;
};

static const char *const alg_name[] = {[JWT_ES256] = "ES256", [JWT_RS256] = "RS256", [JWT_PS256] = "PS256"};

static int no_pass_phrase(char *buf, int size, int rwflag, void *u) { /* the default would ask on the terminal */
    (void)buf, (void)size, (void)rwflag, (void)u;
    return -1;
}

static struct jwt_key *wrap(EVP_PKEY *pkey, enum jwt_alg alg) {
    struct jwt_key *k;
    ALLOC_OBJ(k, JWT_KEY_MAGIC);
    k->alg  = alg;
    k->pkey = pkey;
    return k;
}

static bool is_p256(const EVP_PKEY *pkey) {
    char   group[32];
    size_t n = 0;
    return EVP_PKEY_is_a(pkey, "EC") && EVP_PKEY_get_group_name(pkey, group, sizeof group, &n) == 1 && strcmp(group, "prime256v1") == 0;
}

enum err jwt_key_new(const char *pem, enum jwt_alg alg, struct jwt_key **out, char *why, size_t why_n) {
    size_t    n    = strlen(pem);
    BIO      *bio  = n < 1U << 20 ? BIO_new_mem_buf(pem, (int)n) : NULL;
    EVP_PKEY *pkey = bio ? PEM_read_bio_PrivateKey(bio, NULL, no_pass_phrase, NULL) : NULL;
    BIO_free(bio);
    const char *bad = NULL;
    if (pkey == NULL) bad = "not a private key in PEM (without pass phrase)";
    else if (alg == JWT_ES256 && !is_p256(pkey)) bad = "not a key of the curve P-256";
    else if (alg != JWT_ES256 && !EVP_PKEY_is_a(pkey, "RSA")) bad = "not an RSA key";
    else if (alg != JWT_ES256 && (EVP_PKEY_get_bits(pkey) < RSA_BITS_MIN || EVP_PKEY_get_bits(pkey) > RSA_BITS_MAX))
        bad = "an RSA key of 2048 to 8192 bits is wanted";
    ERR_clear_error();
    if (bad) {
        (void)snprintf(why, why_n, "%s", bad);
        EVP_PKEY_free(pkey);
        return ERR_INPUT;
    }
    *out = wrap(pkey, alg);
    return ERR_OK;
}

/* The public point of d, 04 X Y; false unless 0 < d < n. */
static bool point_of(const BIGNUM *d, uint8_t pub[65]) {
    EC_GROUP *g  = EC_GROUP_new_by_curve_name(NID_X9_62_prime256v1);
    EC_POINT *p  = g ? EC_POINT_new(g) : NULL;
    bool      ok = p && !BN_is_zero(d) && BN_cmp(d, EC_GROUP_get0_order(g)) < 0 && EC_POINT_mul(g, p, d, NULL, NULL, NULL) == 1 &&
              EC_POINT_point2oct(g, p, POINT_CONVERSION_UNCOMPRESSED, pub, 65, NULL) == 65;
    EC_POINT_free(p);
    EC_GROUP_free(g);
    return ok;
}

enum err jwt_key_raw(const uint8_t raw[32], struct jwt_key **out) {
    uint8_t         pub[65];
    char            group[] = "prime256v1";
    EVP_PKEY       *pkey    = NULL;
    OSSL_PARAM     *params  = NULL;
    BIGNUM         *d       = BN_bin2bn(raw, 32, NULL);
    OSSL_PARAM_BLD *b       = OSSL_PARAM_BLD_new();
    EVP_PKEY_CTX   *c       = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
    if (d && b && c && point_of(d, pub) && OSSL_PARAM_BLD_push_utf8_string(b, OSSL_PKEY_PARAM_GROUP_NAME, group, 0) &&
        OSSL_PARAM_BLD_push_BN(b, OSSL_PKEY_PARAM_PRIV_KEY, d) && OSSL_PARAM_BLD_push_octet_string(b, OSSL_PKEY_PARAM_PUB_KEY, pub, 65) &&
        (params = OSSL_PARAM_BLD_to_param(b)) != NULL && EVP_PKEY_fromdata_init(c) == 1 &&
        EVP_PKEY_fromdata(c, &pkey, EVP_PKEY_KEYPAIR, params) != 1)
        pkey = NULL;
    OSSL_PARAM_free(params);
    OSSL_PARAM_BLD_free(b);
    BN_clear_free(d);
    EVP_PKEY_CTX_free(c);
    ERR_clear_error();
    if (pkey == NULL) return ERR_INPUT;
    *out = wrap(pkey, JWT_ES256);
    return ERR_OK;
}

void jwt_key_free(struct jwt_key *k) {
    if (k == NULL) return;
    CHECK_OBJ_NOTNULL(k, JWT_KEY_MAGIC);
    EVP_PKEY_free(k->pkey);
    FREE_OBJ(k);
}

void jwt_key_pub(const struct jwt_key *k, uint8_t out[65]) {
    size_t  n = 0;
    BIGNUM *x = NULL, *y = NULL;
    CHECK_OBJ_NOTNULL(k, JWT_KEY_MAGIC);
    MUST(k->alg == JWT_ES256);
    /* not ENCODED_PUBLIC_KEY: its form is the one the key file had, which may be the compressed one */
    MUST(EVP_PKEY_get_bn_param(k->pkey, OSSL_PKEY_PARAM_EC_PUB_X, &x) == 1 && EVP_PKEY_get_bn_param(k->pkey, OSSL_PKEY_PARAM_EC_PUB_Y, &y) == 1);
    out[n++] = 4;
    MUST(BN_bn2binpad(x, out + n, 32) == 32 && BN_bn2binpad(y, out + n + 32, 32) == 32);
    BN_free(x);
    BN_free(y);
}

/* Our signature is SEQUENCE { r, s }; the token wants the two numbers alone. */
static bool raw_of_der(const uint8_t *der, size_t n, uint8_t out[64]) {
    ECDSA_SIG *sig = d2i_ECDSA_SIG(NULL, &der, (long)n);
    bool       ok  = sig && BN_bn2binpad(ECDSA_SIG_get0_r(sig), out, 32) == 32 && BN_bn2binpad(ECDSA_SIG_get0_s(sig), out + 32, 32) == 32;
    ECDSA_SIG_free(sig);
    return ok;
}

static size_t sign(const struct jwt_key *k, const void *p, size_t n, uint8_t out[SIG_MAX]) {
    EVP_PKEY_CTX *pc  = NULL;
    EVP_MD_CTX   *m   = EVP_MD_CTX_new();
    uint8_t       der[SIG_MAX];
    size_t        got = sizeof der;
    bool          ok  = m && EVP_DigestSignInit_ex(m, &pc, "SHA256", NULL, NULL, k->pkey, NULL) == 1;
    if (ok && k->alg == JWT_PS256)
        ok = EVP_PKEY_CTX_set_rsa_padding(pc, RSA_PKCS1_PSS_PADDING) > 0 && EVP_PKEY_CTX_set_rsa_pss_saltlen(pc, RSA_PSS_SALTLEN_DIGEST) > 0;
    ok = ok && EVP_DigestSign(m, der, &got, p, n) == 1;
    if (ok && k->alg == JWT_ES256) {
        ok  = raw_of_der(der, got, out);
        got = 64;
    } else if (ok) {
        memcpy(out, der, got);
    }
    EVP_MD_CTX_free(m);
    ERR_clear_error();
    return ok ? got : 0;
}

static void put_b64(struct buf *b, struct arena *a, const void *p, size_t n) {
    char *text = arena_alloc(a, n * 4 / 3 + 4);
    buf_put(b, text, b64url_encode(text, p, n));
}

const char *jwt_sign(struct jwt_key *k, struct arena *a, const char *kid, const char *claims) {
    struct buf head, token;
    struct jw  w;
    uint8_t    sig[SIG_MAX];
    CHECK_OBJ_NOTNULL(k, JWT_KEY_MAGIC);
    buf_init(&head, 1024);
    buf_init(&token, 2 * CLAIMS_MAX);
    jw_init(&w, &head);
    jw_obj(&w);
    jw_kstr(&w, "alg", alg_name[k->alg]);
    if (*kid) jw_kstr(&w, "kid", kid);
    jw_kstr(&w, "typ", "JWT");
    jw_obj_end(&w);
    put_b64(&token, a, buf_str(&head), head.len);
    buf_putc(&token, '.');
    put_b64(&token, a, claims, strlen(claims));
    size_t n = head.failed || token.failed ? 0 : sign(k, buf_str(&token), token.len, sig);
    buf_putc(&token, '.');
    put_b64(&token, a, sig, n);
    const char *out = n == 0 || token.failed ? NULL : arena_strndup(a, token.p, token.len);
    buf_fini(&head);
    buf_fini(&token);
    return out;
}
