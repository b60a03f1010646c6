/* SPDX-License-Identifier: Apache-2.0
 *
 * A growing byte buffer with a ceiling. Writing past the ceiling sets `failed` and drops the bytes; the caller asks once
 * at the end. One owner, one thread. The content is always followed by a NUL that is not counted.
 */
#ifndef ZB_BASE_BUF_H
#define ZB_BASE_BUF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buf {
    char  *p; /* NULL until the first byte */
    size_t len, cap, max;
    bool   failed;
};

void buf_init(struct buf *b, size_t max_bytes);
void buf_fini(struct buf *b);
void buf_reset(struct buf *b); /* keeps the memory */
void buf_put(struct buf *b, const void *p, size_t n);
void buf_puts(struct buf *b, const char *s);
void buf_putc(struct buf *b, char c);
void buf_printf(struct buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void buf_drop_front(struct buf *b, size_t n);
/* The bytes, never NULL; borrowed until the next call. */
const char *buf_str(const struct buf *b);
/* Hands the memory to the caller (free with x_free); the buffer is empty again. Never NULL. */
char *buf_take(struct buf *b, size_t *len);

#endif
