/* SPDX-License-Identifier: Apache-2.0
 *
 * Arena and buffer: alignment, ceilings, what a reset keeps, and the abort of a programmer error.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdalign.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/check.h"
#include "base/mem.h"

static void t_arena(void **state) {
    (void)state;
    struct arena *a = arena_new(1 << 20);
    for (int round = 0; round < 3; round++) {
        unsigned char *all[200];
        size_t         total = 0;
        for (size_t i = 0; i < 200; i++) {
            all[i] = arena_alloc(a, i * 7);
            assert_int_equal((uintptr_t)all[i] % alignof(max_align_t), 0);
            for (size_t k = 0; k < i * 7; k++) assert_int_equal(all[i][k], 0); /* also after a reset */
            memset(all[i], (int)i, i * 7);
            total += i * 7;
        }
        for (size_t i = 0; i < 200; i++)
            for (size_t k = 0; k < i * 7; k++) assert_int_equal(all[i][k], i);
        assert_true(arena_used_bytes(a) >= total);
        assert_false(arena_is_over(a));
        arena_reset(a);
        assert_int_equal(arena_used_bytes(a), 0);
    }
    assert_null(arena_strdup(a, NULL));
    assert_string_equal(arena_strdup(a, ""), "");
    assert_string_equal(arena_strndup(a, "abcdef", 3), "abc");
    assert_string_equal(arena_strndup(a, "ab", 300), "ab");
    assert_string_equal(arena_printf(a, "%s-%d", "x", 7), "x-7");
    char big[9000];
    memset(big, 'z', sizeof big - 1);
    big[sizeof big - 1] = '\0';
    assert_int_equal(strlen(arena_printf(a, "%s%s", big, big)), 2 * (sizeof big - 1));
    arena_free(a);
    arena_free(NULL);
}

static void t_arena_over(void **state) {
    (void)state;
    struct arena *a = arena_new(1000);
    (void)arena_alloc(a, 992);
    assert_false(arena_is_over(a));
    memset(arena_alloc(a, 500), 1, 500); /* succeeds, so that callers need no check */
    assert_true(arena_is_over(a));
    arena_reset(a);
    assert_false(arena_is_over(a));
    arena_free(a);
}

/* True when fn ends the process by abort. */
static bool aborts(void (*fn)(void)) {
    (void)fflush(NULL);
    pid_t pid = fork();
    if (pid == 0) {
        if (freopen("/dev/null", "w", stderr) == NULL) _exit(2);
        fn();
        _exit(0);
    }
    int status = 0;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return !(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

static void eight_times(void) {
    struct arena *a = arena_new(1000);
    for (int i = 0; i < 9; i++) (void)arena_alloc(a, 992);
}
static void within(void) {
    struct arena *a = arena_new(1000);
    for (int i = 0; i < 8; i++) (void)arena_alloc(a, 992);
    arena_free(a);
}
static void drop_too_much(void) {
    struct buf b;
    buf_init(&b, 10);
    buf_drop_front(&b, 1);
}

static void t_aborts(void **state) {
    (void)state;
    assert_true(aborts(eight_times));
    assert_false(aborts(within));
    assert_true(aborts(drop_too_much));
}

static void t_buf(void **state) {
    (void)state;
    struct buf b;
    buf_init(&b, 10);
    assert_string_equal(buf_str(&b), "");
    buf_put(&b, NULL, 0);
    buf_puts(&b, "12345");
    buf_printf(&b, "%d", 67890);
    assert_false(b.failed);
    assert_string_equal(buf_str(&b), "1234567890"); /* the ceiling itself fits */
    buf_putc(&b, 'x');
    assert_true(b.failed);
    assert_string_equal(buf_str(&b), "1234567890");
    buf_reset(&b);
    assert_false(b.failed);
    assert_string_equal(buf_str(&b), "");
    buf_puts(&b, "123456");
    buf_printf(&b, "%s", "78901"); /* all or nothing */
    assert_true(b.failed);
    assert_string_equal(buf_str(&b), "123456");
    buf_putc(&b, '7'); /* nothing after a gap */
    assert_int_equal(b.len, 6);
    buf_reset(&b);
    buf_puts(&b, "abcdef");
    buf_drop_front(&b, 0);
    buf_drop_front(&b, 4);
    assert_string_equal(buf_str(&b), "ef");
    buf_drop_front(&b, 2);
    assert_string_equal(buf_str(&b), "");
    buf_put(&b, "a\0b", 3);
    size_t n = 0;
    char  *p = buf_take(&b, &n);
    assert_int_equal(n, 3);
    assert_memory_equal(p, "a\0b", 4);
    x_free(p);
    p = buf_take(&b, &n);
    assert_int_equal(n, 0);
    assert_string_equal(p, "");
    x_free(p);
    buf_fini(&b);
    buf_init(&b, 0);
    buf_putc(&b, 'x');
    assert_true(b.failed);
    buf_fini(&b);
    buf_init(&b, 100000);
    for (int i = 0; i < 10000; i++) buf_printf(&b, "%04d|", i);
    assert_false(b.failed);
    assert_int_equal(b.len, 50000);
    assert_int_equal(strlen(buf_str(&b)), 50000);
    assert_memory_equal(buf_str(&b) + 5 * 1234, "1234|", 5);
    buf_fini(&b);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(t_arena), cmocka_unit_test(t_arena_over), cmocka_unit_test(t_aborts), cmocka_unit_test(t_buf)};
    return cmocka_run_group_tests_name("arena_buf", tests, NULL, NULL);
}
