/* SPDX-License-Identifier: Apache-2.0
 *
 * The only place that calls malloc and free. Running out of memory ends the process (limits elsewhere refuse politely
 * long before). Any thread. x_free(NULL) is legal.
 */
#ifndef ZB_BASE_MEM_H
#define ZB_BASE_MEM_H

#include <stddef.h>

void *x_malloc(size_t n) __attribute__((malloc, returns_nonnull));
void *x_calloc(size_t n, size_t size) __attribute__((malloc, returns_nonnull));
void *x_realloc(void *p, size_t n) __attribute__((returns_nonnull));
char *x_strdup(const char *s) __attribute__((malloc, returns_nonnull));
char *x_strndup(const char *s, size_t n) __attribute__((malloc, returns_nonnull));
void  x_free(void *p);

/* Overwrites secrets in a way the compiler keeps, then nothing: the memory stays owned by the caller. */
void x_wipe(void *p, size_t n);

#endif
