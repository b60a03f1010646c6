/* SPDX-License-Identifier: Apache-2.0
 *
 * Randomness and digests for the Redis files. Apart because OpenSSL's ERR_STATE and ours exclude each other. Any thread.
 */
#ifndef ZB_STORE_HASH_INT_H
#define ZB_STORE_HASH_INT_H

#include <stddef.h>

void hash_random(void *p, size_t n);
void hash_sm3_hex(const void *p, size_t n, char out[65]);
void hash_hmac_sm3_hex(const void *key, size_t key_n, const void *p, size_t n, char out[65]);
void hash_sha1_hex(const void *p, size_t n, char out[41]); /* Redis names scripts by it */

#endif
