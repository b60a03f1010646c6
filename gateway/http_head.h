/* SPDX-License-Identifier: Apache-2.0
 *
 * The head of an HTTP/1.x request, read strictly (RFC 9110, 9112): whatever two parsers could understand in two ways is refused.
 * Pure functions, any thread.
 */
#ifndef ZB_GATEWAY_HTTP_HEAD_H
#define ZB_GATEWAY_HTTP_HEAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/net.h"

#define HEAD_BYTES 8192 /* request line and headers */
#define TARGET_BYTES 4096
#define HEADERS_MAX 64

struct http_head {
    enum http_verb verb;
    bool           v11;        /* HTTP/1.1, else 1.0 */
    bool           keep_alive; /* asked for */
    bool           upgrade_ws, connection_upgrade, expect_100, has_length;
    uint64_t       length;
    const char    *path, *query; /* into the parsed buffer, NUL-terminated; "*" is the path of OPTIONS * */
    /* headers, trimmed; NULL when absent */
    const char *host, *authorization, *idempotency_key, *content_type, *origin, *if_none_match, *accept, *zb_key, *zb_time,
        *zb_nonce, *zb_sign, *ws_key, *ws_version, *forwarded_for /* the last one */, *ac_method;
};

enum head_scan { HEAD_MORE, HEAD_END, HEAD_BAD };
/* Looks for the empty line from byte `from` on (what was scanned before; 0 at first). HEAD_END: *end is the length of the head.
 * HEAD_BAD: no valid head can come of it (a bare CR or LF, NUL). */
enum head_scan http_head_scan(const char *p, size_t n, size_t from, size_t *end);

/* p[0..n) is a whole head with its empty line; it is cut up in place. 0, or the status of the refusal. */
int http_head_parse(char *p, size_t n, struct http_head *out);

/* Origin against Host: same authority (default ports aside). */
bool http_same_origin(const char *origin, const char *host);
/* 24 characters of canonical base64 of 16 bytes. */
bool http_ws_key_valid(const char *key);

#endif
