/* SPDX-License-Identifier: Apache-2.0
 *
 * Tokens, verified with OpenSSL by its public interface and nothing of ours: signature form, header, claims; keys that must be refused.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/check.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/text.h"
#include "push/jwt.h"
#include "tests/unit/keykit.h"

static struct arena *a;

static int setup(void **state) {
    (void)state;
    a = arena_new(1 << 20);
    return 0;
}

static int teardown(void **state) {
    (void)state;
    arena_free(a);
    assert_int_equal(ERR_peek_error(), 0); /* TLS on the same thread would read what is left there */
    return 0;
}

static void one(const char *kind, unsigned bits, enum jwt_alg alg, const char *name) {
    EVP_PKEY       *pkey = kk_key(kind, bits);
    char           *pem  = kk_pem(pkey), why[128] = "", head[64];
    struct jwt_key *k = NULL;
    assert_int_equal(jwt_key_new(pem, alg, &k, why, sizeof why), ERR_OK);
    for (int i = 0; i < 40; i++) { /* r or s with leading zero bytes comes once in 128 */
        const char *t = jwt_sign(k, a, i ? "KEY\"1" : "", "{\"iss\":\"T\",\"iat\":1520812800}");
        assert_non_null(t);
        cJSON *h = NULL, *c = NULL;
        assert_true(kk_verify(t, pkey, name, &h, &c));
        assert_string_equal(kk_s(h, "alg"), name);
        assert_string_equal(kk_s(h, "typ"), "JWT");
        if (i) assert_string_equal(kk_s(h, "kid"), "KEY\"1");
        else assert_null(cJSON_GetObjectItem(h, "kid"));
        assert_string_equal(kk_s(c, "iss"), "T");
        (void)snprintf(head, sizeof head, "%s", t);
        assert_null(strchr(t, '='));
        cJSON_Delete(h);
        cJSON_Delete(c);
    }
    /* another key, another algorithm: not valid */
    EVP_PKEY   *other = kk_key(kind, bits);
    const char *t     = jwt_sign(k, a, "", "{}");
    assert_false(kk_verify(t, other, name, NULL, NULL));
    if (alg != JWT_ES256) assert_false(kk_verify(t, pkey, alg == JWT_PS256 ? "RS256" : "PS256", NULL, NULL));
    EVP_PKEY_free(other);
    jwt_key_free(k);
    x_free(pem);
    EVP_PKEY_free(pkey);
}

static void t_es256(void **state) {
    (void)state;
    one("EC", 0, JWT_ES256, "ES256");
}

static void t_rsa(void **state) {
    (void)state;
    one("RSA", 2048, JWT_RS256, "RS256");
    one("RSA", 2048, JWT_PS256, "PS256");
}

/* The example of RFC 7515 A.3: its secret number gives its public point. */
static void t_raw(void **state) {
    (void)state;
    uint8_t         raw[32], pub[65], x[32], y[32], zero[32] = {0}, big[32];
    size_t          n;
    struct jwt_key *k = NULL;
    assert_int_equal(b64url_decode(raw, 32, "jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI", 43, &n), ERR_OK);
    assert_int_equal(b64url_decode(x, 32, "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU", 43, &n), ERR_OK);
    assert_int_equal(b64url_decode(y, 32, "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0", 43, &n), ERR_OK);
    assert_int_equal(jwt_key_raw(raw, &k), ERR_OK);
    jwt_key_pub(k, pub);
    assert_int_equal(pub[0], 4);
    assert_memory_equal(pub + 1, x, 32);
    assert_memory_equal(pub + 33, y, 32);
    EVP_PKEY *back = kk_pub(pub);
    assert_true(kk_verify(jwt_sign(k, a, "", "{\"aud\":\"x\"}"), back, "ES256", NULL, NULL));
    EVP_PKEY_free(back);
    jwt_key_free(k);
    assert_int_equal(jwt_key_raw(zero, &k), ERR_INPUT);
    memset(big, 0xFF, sizeof big); /* above the order of the curve */
    assert_int_equal(jwt_key_raw(big, &k), ERR_INPUT);
}

static void t_bad_keys(void **state) {
    (void)state;
    EVP_PKEY *p256 = kk_key("EC", 0), *rsa = kk_key("RSA", 2048), *small = kk_key("RSA", 1024), *p384 = EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-384");
    char     *ec_pem = kk_pem(p256), *rsa_pem = kk_pem(rsa), *small_pem = kk_pem(small), *p384_pem = kk_pem(p384), *locked = kk_pem_locked(p256);
    const struct {
        const char  *pem;
        enum jwt_alg alg;
        const char  *why;
    } v[] = {
        {"", JWT_ES256, "PEM"},       {"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", JWT_ES256, "PEM"},
        {locked, JWT_ES256, "PEM"},   {rsa_pem, JWT_ES256, "P-256"},
        {p384_pem, JWT_ES256, "P-256"}, {ec_pem, JWT_RS256, "RSA"},
        {ec_pem, JWT_PS256, "RSA"},   {small_pem, JWT_RS256, "2048"},
    };
    for (size_t i = 0; i < ARRAY_N(v); i++) {
        struct jwt_key *k        = NULL;
        char            why[128] = "";
        if (jwt_key_new(v[i].pem, v[i].alg, &k, why, sizeof why) != ERR_INPUT) fail_msg("row %zu taken", i);
        assert_null(k);
        if (strstr(why, v[i].why) == NULL) fail_msg("row %zu: %s", i, why);
    }
    x_free(ec_pem), x_free(rsa_pem), x_free(small_pem), x_free(p384_pem), x_free(locked);
    EVP_PKEY_free(p256), EVP_PKEY_free(rsa), EVP_PKEY_free(small), EVP_PKEY_free(p384);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(t_es256), cmocka_unit_test(t_rsa), cmocka_unit_test(t_raw), cmocka_unit_test(t_bad_keys)};
    return cmocka_run_group_tests_name("jwt", tests, setup, teardown);
}
