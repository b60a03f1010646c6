/* SPDX-License-Identifier: Apache-2.0
 *
 * Signed tokens for providers (RFC 7515, 7518, 7519): ES256 (P-256, signature r then s, 64 bytes), RS256 (PKCS #1 v1.5) and PS256
 * (PSS with MGF1-SHA-256 and a salt of 32 bytes). A key belongs to one thread at a time. base64url is in base/text.h.
 */
#ifndef ZB_PUSH_JWT_H
#define ZB_PUSH_JWT_H

#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"

enum jwt_alg { JWT_ES256, JWT_RS256, JWT_PS256 };

struct jwt_key;

/* pem: a private key without a pass phrase (PKCS #8, SEC1 or PKCS #1), NUL-terminated; the caller wipes it. why: what is wrong with it,
 * for the line that names the option. ERR_INPUT: no such key, or not of this algorithm (RSA: 2048 bits or more). Returned: jwt_key_free. */
enum err jwt_key_new(const char *pem, enum jwt_alg alg, struct jwt_key **out, char *why, size_t why_n) MUST_CHECK;
/* raw: 32 bytes, the secret number of a P-256 key (the usual form of VAPID keys). JWT_ES256. ERR_INPUT: not in 1..n-1. */
enum err jwt_key_raw(const uint8_t raw[32], struct jwt_key **out) MUST_CHECK;
void     jwt_key_free(struct jwt_key *k); /* NULL is legal */
/* JWT_ES256: 04 X Y. */
void jwt_key_pub(const struct jwt_key *k, uint8_t out[65]);

/* The signed token; in the arena. kid "": none. claims: a JSON object. The header has alg, kid and typ. NULL: the library failed. */
const char *jwt_sign(struct jwt_key *k, struct arena *a, const char *kid, const char *claims);

#endif
