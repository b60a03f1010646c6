/* SPDX-License-Identifier: Apache-2.0
 *
 * Message encryption for Web Push (RFC 8291, content coding aes128gcm of RFC 8188), one record. Any thread.
 */
#ifndef ZB_PUSH_ECE_H
#define ZB_PUSH_ECE_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

#define ECE_EXTRA     103  /* header 86 (salt, record size, key), delimiter 1, tag 16 */
#define ECE_PLAIN_MAX 3993 /* bodies of 4096 bytes must be taken by every push service */

struct ece_fixed { /* the RFC's example; NULL: new ones for every message, which is what makes it safe */
    uint8_t priv[32], salt[16];
};
/* out: n + ECE_EXTRA bytes. ERR_INPUT: not a point of P-256; ERR_TOOBIG. */
enum err ece_encrypt(const uint8_t p256dh[65], const uint8_t auth[16], const void *plain, size_t n, const struct ece_fixed *fixed, uint8_t *out,
                     size_t *out_n) MUST_CHECK;

#endif
