/* SPDX-License-Identifier: Apache-2.0 */
#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

#include "base/check.h"

void *x_malloc(size_t n) {
    void *p = malloc(n ? n : 1);
    if (p == NULL) check_failed("out of memory", __FILE__, __LINE__);
    return p;
}

void *x_calloc(size_t n, size_t size) {
    void *p = calloc(n ? n : 1, size ? size : 1);
    if (p == NULL) check_failed("out of memory", __FILE__, __LINE__);
    return p;
}

void *x_realloc(void *p, size_t n) {
    void *q = realloc(p, n ? n : 1);
    if (q == NULL) check_failed("out of memory", __FILE__, __LINE__);
    return q;
}

char *x_strndup(const char *s, size_t n) {
    size_t len = strnlen(s, n);
    char  *p   = x_malloc(len + 1);
    memcpy(p, s, len);
    p[len] = '\0';
    return p;
}

char *x_strdup(const char *s) { return x_strndup(s, strlen(s)); }

void x_free(void *p) { free(p); }

void x_wipe(void *p, size_t n) { explicit_bzero(p, n); }
