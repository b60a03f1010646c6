/* SPDX-License-Identifier: Apache-2.0 */
#include "store/hash_int.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>
#include <stdio.h>

#include "base/check.h"

static void hex(const unsigned char *p, size_t n, char *out) {
    for (size_t i = 0; i < n; i++) snprintf(out + 2 * i, 3, "%02x", p[i]);
}

void hash_random(void *p, size_t n) { MUST(RAND_bytes(p, (int)n) == 1); }

void hash_sm3_hex(const void *p, size_t n, char out[65]) {
    unsigned char md[EVP_MAX_MD_SIZE];
    unsigned      md_n = 0;
    MUST(EVP_Digest(p, n, md, &md_n, EVP_sm3(), NULL) == 1 && md_n == 32);
    hex(md, 32, out);
}

void hash_sha1_hex(const void *p, size_t n, char out[41]) {
    unsigned char md[EVP_MAX_MD_SIZE];
    unsigned      md_n = 0;
    MUST(EVP_Digest(p, n, md, &md_n, EVP_sha1(), NULL) == 1 && md_n == 20);
    hex(md, 20, out);
}

void hash_hmac_sm3_hex(const void *key, size_t key_n, const void *p, size_t n, char out[65]) {
    unsigned char md[EVP_MAX_MD_SIZE];
    unsigned      md_n = 0;
    MUST(HMAC(EVP_sm3(), key, (int)key_n, p, n, md, &md_n) != NULL && md_n == 32);
    hex(md, 32, out);
}
