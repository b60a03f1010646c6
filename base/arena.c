/* SPDX-License-Identifier: Apache-2.0 */
#include "base/arena.h"

#include <stdalign.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "base/mem.h"
#include "base/text.h"

#define ARENA_MAGIC 0x6172656eU
#define BLOCK_BYTES 4096u

struct block {
    struct block *next;
    size_t        size, used;
    alignas(max_align_t) unsigned char data[];
};

struct arena {
    unsigned      magic;
    struct block *first, *cur;
    size_t        cap_bytes, used_bytes;
};

static struct block *block_new(size_t size) {
    struct block *b = x_malloc(sizeof *b + size);
    b->next         = NULL;
    b->size         = size;
    b->used         = 0;
    return b;
}

struct arena *arena_new(size_t cap_bytes) {
    struct arena *a;
    ALLOC_OBJ(a, ARENA_MAGIC);
    a->cap_bytes = cap_bytes;
    a->first = a->cur = block_new(BLOCK_BYTES);
    return a;
}

static void drop_after(struct block *b) {
    while (b) {
        struct block *next = b->next;
        x_free(b);
        b = next;
    }
}

void arena_free(struct arena *a) {
    if (a == NULL) return;
    CHECK_OBJ_NOTNULL(a, ARENA_MAGIC);
    drop_after(a->first);
    FREE_OBJ(a);
}

void arena_reset(struct arena *a) {
    CHECK_OBJ_NOTNULL(a, ARENA_MAGIC);
    drop_after(a->first->next);
    a->first->next = NULL;
    a->first->used = 0;
    a->cur         = a->first;
    a->used_bytes  = 0;
}

void *arena_alloc(struct arena *a, size_t n) {
    CHECK_OBJ_NOTNULL(a, ARENA_MAGIC);
    MUST(n < SIZE_MAX / 2);
    n = (n + alignof(max_align_t) - 1) & ~(alignof(max_align_t) - 1);
    MUST(a->used_bytes + n <= 8 * a->cap_bytes);
    if (a->cur->size - a->cur->used < n) {
        struct block *b = block_new(n > BLOCK_BYTES / 2 ? n : BLOCK_BYTES);
        a->cur->next    = b;
        a->cur          = b;
    }
    void *p = a->cur->data + a->cur->used;
    a->cur->used += n;
    a->used_bytes += n;
    memset(p, 0, n);
    return p;
}

char *arena_strndup(struct arena *a, const char *s, size_t n) {
    size_t len = strnlen(s, n);
    char  *p   = arena_alloc(a, len + 1);
    memcpy(p, s, len);
    return p;
}

char *arena_strdup(struct arena *a, const char *s) { return s ? arena_strndup(a, s, strlen(s)) : NULL; }

char *arena_vprintf(struct arena *a, const char *fmt, va_list ap) {
    char    some[512];
    va_list again;
    va_copy(again, ap);
    int n = text_format(some, sizeof some, fmt, ap);
    MUST(n >= 0);
    char *p = arena_alloc(a, (size_t)n + 1);
    if ((size_t)n < sizeof some)
        memcpy(p, some, (size_t)n);
    else
        (void)vsnprintf(p, (size_t)n + 1, fmt, again);
    va_end(again);
    return p;
}

char *arena_printf(struct arena *a, const char *fmt, ...) {
    va_list ap;
    va_start(ap, fmt);
    char *p = arena_vprintf(a, fmt, ap);
    va_end(ap);
    return p;
}

bool   arena_is_over(const struct arena *a) { return a->used_bytes > a->cap_bytes; }
size_t arena_used_bytes(const struct arena *a) { return a->used_bytes; }
