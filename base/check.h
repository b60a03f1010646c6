/* SPDX-License-Identifier: Apache-2.0
 *
 * Always-on assertions and magic objects. For programmer errors only: input from outside never asserts.
 * A failed check prints where, runs the registered dumps, and aborts. Any thread.
 */
#ifndef ZB_BASE_CHECK_H
#define ZB_BASE_CHECK_H

#include <stddef.h>

_Noreturn void check_failed(const char *what, const char *file, int line);

/* dump() is called once by a panic, on the failing thread, to describe one part of the house on stderr. At most 16;
 * further ones are ignored. name and arg are borrowed for the life of the process. */
void check_add_dump(const char *name, void (*dump)(void *arg), void *arg);

#define MUST(x) ((x) ? (void)0 : check_failed(#x, __FILE__, __LINE__))
#define UNREACHABLE(why) check_failed("unreachable: " why, __FILE__, __LINE__)

/* Long-lived structs begin with `unsigned magic`. */
#define CHECK_OBJ_NOTNULL(p, m) MUST((p) != NULL && (p)->magic == (m))
#define INIT_OBJ(p, m)                                                                                                           \
    do {                                                                                                                         \
        __builtin_memset((p), 0, sizeof *(p));                                                                                   \
        (p)->magic = (m);                                                                                                        \
    } while (0)
#define ALLOC_OBJ(p, m)                                                                                                          \
    do {                                                                                                                         \
        (p) = x_calloc(1, sizeof *(p));                                                                                          \
        (p)->magic = (m);                                                                                                        \
    } while (0)
#define FREE_OBJ(p)                                                                                                              \
    do {                                                                                                                         \
        (p)->magic = 0;                                                                                                          \
        x_free(p);                                                                                                               \
        (p) = NULL;                                                                                                              \
    } while (0)

#define ARRAY_N(a) (sizeof(a) / sizeof((a)[0]))

#endif
