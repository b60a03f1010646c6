/* SPDX-License-Identifier: Apache-2.0
 *
 * National cryptography over OpenSSL 3: SM3 (GB/T 32905), HMAC-SM3, SM2 signatures (GB/T 32918.2) with the identifier
 * 1234567812345678 set explicitly (GM/T 0009; OpenSSL before 4.0 would use an empty one), SM4 (GB/T 32907) in CTR mode with
 * HMAC-SM3 over all (encrypt then MAC). Any thread.
 */
#ifndef ZB_BASE_SM_H
#define ZB_BASE_SM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

void sm3(const void *p, size_t n, uint8_t out[32]);
void sm3_hmac(const void *key, size_t klen, const void *p, size_t n, uint8_t out[32]);

bool ct_equal(const void *a, const void *b, size_t n); /* constant time */
void random_bytes(void *p, size_t n);                  /* ends the process when the system has none */

/* Keys: private 32 bytes big-endian, public 04 X Y. Signatures: r then s, 32 bytes each. */
enum err sm2_keygen(uint8_t priv[32], uint8_t pub[65]) MUST_CHECK;
enum err sm2_pub_check(const uint8_t pub[65]) MUST_CHECK; /* ERR_INPUT: not a point of the curve */
enum err sm2_sign(const uint8_t priv[32], const uint8_t pub[65], const void *msg, size_t n, uint8_t sig[64]) MUST_CHECK;
enum err sm2_verify(const uint8_t pub[65], const void *msg, size_t n, const uint8_t sig[64]) MUST_CHECK; /* ERR_SIG */
/* SEQUENCE { r, s }; non-minimal or trailing bytes: ERR_INPUT. */
enum err sm2_sig_from_der(const uint8_t *der, size_t n, uint8_t sig[64]) MUST_CHECK;
/* Key file: two lines of hex (private, public), 0600, never replaced. load: ERR_NOTFOUND (no such file, unreadable), ERR_INPUT
 * (not of this form, or not a pair). */
enum err sm2_key_save(const char *path, const uint8_t priv[32], const uint8_t pub[65]) MUST_CHECK;
enum err sm2_key_load(const char *path, uint8_t priv[32], uint8_t pub[65]) MUST_CHECK;

struct sm4_key {
    uint8_t id;
    uint8_t enc[16], mac[32];
};
#define SM4_EXTRA 33 /* id 1, nonce 16, ciphertext n, tag 16 (first half of HMAC-SM3 over id, nonce, ciphertext) */
void     sm4_key_derive(struct sm4_key *k, uint8_t id, const uint8_t master[32]);
enum err sm4_seal(const struct sm4_key *k, const void *plain, size_t n, uint8_t *out, size_t out_cap, size_t *out_n) MUST_CHECK;
/* ERR_SIG: changed, or another key. */
enum err sm4_open(const struct sm4_key *k, const void *sealed, size_t n, uint8_t *out, size_t out_cap, size_t *out_n) MUST_CHECK;

/* HMAC-SM3 under one key, again and again: the key is mixed in once. One thread at a time. */
struct sm3_key;
struct sm3_key *sm3_key_new(const void *key, size_t klen);
void            sm3_key_free(struct sm3_key *k); /* NULL is legal */
void            sm3_key_hmac(struct sm3_key *k, const void *p, size_t n, uint8_t out[32]);

#endif
