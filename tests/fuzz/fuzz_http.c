/* SPDX-License-Identifier: Apache-2.0
 *
 * Request heads: scanned in pieces as the socket gives them, then parsed; what is accepted must be what we promise above.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/mem.h"
#include "gateway/http_head.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static bool plain(const char *s) {
    for (; s && *s; s++)
        if ((unsigned char)*s < 0x20 && *s != '\t') return false;
    return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
    if (n < 1 || n > HEAD_BYTES) return 0;
    size_t      step = data[0] % 64 + 1U, from = 0, end = 0;
    const char *text = (const char *)data + 1;
    n--;
    enum head_scan s = HEAD_MORE;
    for (size_t have = step < n ? step : n; s == HEAD_MORE && from < n; have = have + step < n ? have + step : n) {
        s    = http_head_scan(text, have, from, &end);
        from = have;
    }
    if (s != HEAD_END) return 0;
    MUST(end <= n);
    char *copy = x_malloc(end);
    memcpy(copy, text, end);
    struct http_head h;
    int              status = http_head_parse(copy, end, &h);
    MUST(status == 0 || (status >= 400 && status < 600));
    if (status == 0) {
        MUST(h.path && h.query && (h.path[0] == '/' || strcmp(h.path, "*") == 0) && (h.host || !h.v11));
        MUST(plain(h.path) && plain(h.query) && plain(h.host) && plain(h.origin) && plain(h.authorization) &&
             plain(h.forwarded_for));
        MUST(h.verb != HTTP_OTHER && (h.length == 0 || h.has_length) &&
             !(h.length && (h.verb == HTTP_GET || h.verb == HTTP_HEAD)));
        if (h.ws_key) (void)http_ws_key_valid(h.ws_key);
        if (h.origin) (void)http_same_origin(h.origin, h.host);
    }
    x_free(copy);
    return 0;
}
