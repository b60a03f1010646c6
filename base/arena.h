/* SPDX-License-Identifier: Apache-2.0
 *
 * Memory of one request: handed out in order, dropped whole. One thread at a time owns an arena. Nothing from it outlives
 * the request. Past `cap_bytes` an allocation still succeeds (so that callers need no check) but arena_is_over() turns true
 * and the dispatcher answers E_TOOBIG; past 8 times the cap the process ends: a programmer error.
 */
#ifndef ZB_BASE_ARENA_H
#define ZB_BASE_ARENA_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

struct arena;

struct arena *arena_new(size_t cap_bytes);
void          arena_free(struct arena *a); /* NULL is legal */
void          arena_reset(struct arena *a); /* drops everything, keeps the first block */

void *arena_alloc(struct arena *a, size_t n) __attribute__((returns_nonnull)); /* zeroed, aligned for any type */
char *arena_strdup(struct arena *a, const char *s); /* NULL gives NULL */
char *arena_strndup(struct arena *a, const char *s, size_t n);
char *arena_printf(struct arena *a, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
char *arena_vprintf(struct arena *a, const char *fmt, va_list ap) __attribute__((format(printf, 2, 0)));

bool   arena_is_over(const struct arena *a);
size_t arena_used_bytes(const struct arena *a);

#endif
