/* SPDX-License-Identifier: Apache-2.0
 *
 * Ids: form, order inside a millisecond, across threads, and when the clock goes back.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/id.h"

#define PER_THREAD 20000
#define THREADS    4

static void t_form(void **state) {
    (void)state;
    char id[ID_CAP];
    id_new("t_", id);
    assert_int_equal(strlen(id), 28);
    assert_memory_equal(id, "t_", 2);
    assert_int_equal(strspn(id + 2, "0123456789abcdefghjkmnpqrstvwxyz"), 26);
    id_new("", id);
    assert_int_equal(strlen(id), 26);
    id_new("12345678", id);
    assert_int_equal(strlen(id), 34);
}

/* 70 000 in one millisecond: more than the 16 bits of the counter. Order is the order of bytes. */
static void t_order(void **state) {
    (void)state;
    char last[ID_CAP] = "", id[ID_CAP];
    clock_wall_fake(4102444800000);
    for (int i = 0; i < 70000; i++) {
        id_new("", id);
        assert_true(strcmp(id, last) > 0);
        memcpy(last, id, sizeof id);
    }
    clock_wall_fake(4102444700000); /* the clock goes back */
    for (int i = 0; i < 100; i++) {
        id_new("", id);
        assert_true(strcmp(id, last) > 0);
        memcpy(last, id, sizeof id);
    }
    clock_wall_fake(4102444900000);
    id_new("", id);
    assert_true(strcmp(id, last) > 0);
    clock_wall_fake(0);
}

/* The bound of an instant: above all that was made before, below all made at it or after. */
static void t_at(void **state) {
    (void)state;
    char before[ID_CAP], at[ID_CAP], after[ID_CAP];
    clock_wall_fake(4102445000000);
    id_new("d_", before);
    clock_wall_fake(4102445000001);
    id_new("d_", after);
    id_at("d_", 4102445000001, at);
    assert_true(strcmp(before, at) < 0 && strcmp(at, after) < 0);
    id_at("d_", 0, at);
    assert_true(strcmp(at, before) < 0);
    clock_wall_fake(0);
}

static char (*made)[ID_CAP];

static void *make(void *arg) {
    size_t from = (size_t)(uintptr_t)arg * PER_THREAD;
    for (size_t i = 0; i < PER_THREAD; i++) {
        id_new("x_", made[from + i]);
        if (i) MUST(strcmp(made[from + i], made[from + i - 1]) > 0);
    }
    return NULL;
}

static int by_text(const void *a, const void *b) { return strcmp(a, b); }

static void t_threads(void **state) {
    (void)state;
    pthread_t t[THREADS];
    made = malloc(sizeof *made * PER_THREAD * THREADS);
    assert_non_null(made);
    for (size_t i = 0; i < THREADS; i++) assert_int_equal(pthread_create(&t[i], NULL, make, (void *)(uintptr_t)i), 0);
    for (size_t i = 0; i < THREADS; i++) assert_int_equal(pthread_join(t[i], NULL), 0);
    qsort(made, PER_THREAD * THREADS, sizeof *made, by_text);
    for (size_t i = 1; i < PER_THREAD * THREADS; i++) {
        assert_true(strcmp(made[i], made[i - 1]) != 0);
        assert_memory_not_equal(made[i], made[i - 1], 2 + 13); /* not by luck of the random half: the ordered half differs */
    }
    free(made);
}

static void t_seed(void **state) {
    (void)state;
    char a[ID_CAP], b[ID_CAP], c[ID_CAP];
    id_seed(42);
    id_new("", a);
    id_new("", c);
    id_seed(42);
    id_new("", b);
    assert_string_equal(a + 13, b + 13);
    assert_string_not_equal(a + 13, c + 13);
    id_seed(0);
    id_new("", b);
    assert_string_not_equal(a + 13, b + 13);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(t_form), cmocka_unit_test(t_threads), cmocka_unit_test(t_order), cmocka_unit_test(t_at), cmocka_unit_test(t_seed)};
    return cmocka_run_group_tests_name("id", tests, NULL, NULL);
}
