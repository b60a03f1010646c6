/* SPDX-License-Identifier: Apache-2.0
 *
 * How requests to Alibaba Cloud (ACS3-HMAC-SHA256) and Tencent Cloud (TC3-HMAC-SHA256) are signed. Pure functions, any thread;
 * everything returned is in the arena. Held to the published examples by tests/unit/test_cloud_sign.c.
 */
#ifndef ZB_PUSH_CLOUD_SIGN_H
#define ZB_PUSH_CLOUD_SIGN_H

#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "push/provider.h"

/* Only A-Z a-z 0-9 - _ . ~ stay as they are; upper-case hex. */
char *cloud_percent(struct arena *a, const char *s);
/* name=value joined by &, encoded, sorted by name (no two alike). Sorts pairs in place. */
char *cloud_query(struct arena *a, struct push_var *pairs, size_t n);
/* A value out of a raw query string, decoded; NULL: not there, or badly encoded. */
const char *cloud_query_get(struct arena *a, const char *query, const char *name);

void cloud_sha256_hex(const void *p, size_t n, char out[65]);
void cloud_sha1_hex(const void *p, size_t n, char out[41]);

struct cloud_signed {
    char        canonical[65]; /* SHA-256 of the canonical request */
    char        signature[65];
    const char *authorization;
};

struct acs3_request {
    const char *method, *host, *action, *version;
    const char *query; /* of cloud_query, "" none */
    const char *nonce; /* no two requests within 15 minutes alike */
    const char *body;  /* "" none */
    int64_t     wall_ms;
    const char *key_id, *secret;
};
void acs3_sign(struct arena *a, const struct acs3_request *r, struct cloud_signed *out);
void acs3_headers(struct arena *a, const struct acs3_request *r,
                  struct http_call *c); /* all that are signed but host, and Authorization */

struct tc3_request {
    const char *service, *host, *action, *version, *region;
    const char *content_type;
    bool        sign_action; /* x-tc-action among the signed headers */
    const char *body;
    int64_t     wall_ms;
    const char *key_id, *secret;
};
void tc3_sign(struct arena *a, const struct tc3_request *r, struct cloud_signed *out);
void tc3_headers(struct arena *a, const struct tc3_request *r, struct http_call *c);

#endif
