/* SPDX-License-Identifier: Apache-2.0 */
#include "base/check.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#define DUMPS_MAX 16

static struct {
    const char *name;
    void (*dump)(void *arg);
    void *arg;
} dumps[DUMPS_MAX];
static atomic_size_t dumps_n;
static atomic_flag   panicking = ATOMIC_FLAG_INIT;

void check_add_dump(const char *name, void (*dump)(void *arg), void *arg) {
    size_t i = atomic_fetch_add(&dumps_n, 1);
    if (i >= DUMPS_MAX) return;
    dumps[i].name = name;
    dumps[i].arg  = arg;
    dumps[i].dump = dump;
}

_Noreturn void check_failed(const char *what, const char *file, int line) {
    fprintf(stderr, "PANIC %s:%d: %s\n", file, line, what);
    if (!atomic_flag_test_and_set(&panicking)) {
        size_t n = atomic_load(&dumps_n);
        for (size_t i = 0; i < n && i < DUMPS_MAX; i++) {
            if (dumps[i].dump == NULL) continue;
            fprintf(stderr, "-- %s\n", dumps[i].name);
            dumps[i].dump(dumps[i].arg);
        }
    }
    abort();
}
