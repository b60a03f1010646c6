/* SPDX-License-Identifier: Apache-2.0 */
#include "base/buf.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "base/mem.h"
#include "base/text.h"

void buf_init(struct buf *b, size_t max_bytes) {
    memset(b, 0, sizeof *b);
    b->max = max_bytes;
}

void buf_fini(struct buf *b) {
    x_free(b->p);
    b->p   = NULL;
    b->len = b->cap = 0;
}

void buf_reset(struct buf *b) {
    b->len    = 0;
    b->failed = false;
    if (b->p) b->p[0] = '\0';
}

static bool room(struct buf *b, size_t n) {
    if (b->failed || n > b->max || b->len > b->max - n) {
        b->failed = true;
        return false;
    }
    if (b->len + n + 1 > b->cap) {
        size_t cap = b->cap ? b->cap * 2 : 256;
        while (cap < b->len + n + 1) cap *= 2;
        b->p   = x_realloc(b->p, cap);
        b->cap = cap;
    }
    return true;
}

void buf_put(struct buf *b, const void *p, size_t n) {
    if (!room(b, n)) return;
    if (n) memcpy(b->p + b->len, p, n);
    b->len += n;
    b->p[b->len] = '\0';
}

void buf_puts(struct buf *b, const char *s) { buf_put(b, s, strlen(s)); }
void buf_putc(struct buf *b, char c) { buf_put(b, &c, 1); }

void buf_printf(struct buf *b, const char *fmt, ...) {
    va_list ap;
    size_t  left = b->failed || b->cap == 0 ? 0 : b->cap - b->len;
    va_start(ap, fmt);
    int n = text_format(left ? b->p + b->len : NULL, left, fmt, ap);
    va_end(ap);
    MUST(n >= 0);
    if ((size_t)n < left && b->len + (size_t)n <= b->max) { /* it was written at once */
        b->len += (size_t)n;
        return;
    }
    if (left) b->p[b->len] = '\0';
    if (!room(b, (size_t)n)) return;
    va_start(ap, fmt);
    (void)vsnprintf(b->p + b->len, (size_t)n + 1, fmt, ap);
    va_end(ap);
    b->len += (size_t)n;
}

void buf_drop_front(struct buf *b, size_t n) {
    MUST(n <= b->len);
    if (n == 0) return;
    memmove(b->p, b->p + n, b->len - n);
    b->len -= n;
    b->p[b->len] = '\0';
}

const char *buf_str(const struct buf *b) { return b->p ? b->p : ""; }

char *buf_take(struct buf *b, size_t *len) {
    if (b->p == NULL) {
        b->p    = x_malloc(1);
        b->p[0] = '\0';
    }
    char *p = b->p;
    if (len) *len = b->len;
    b->p   = NULL;
    b->len = b->cap = 0;
    b->failed       = false;
    return p;
}
