/* SPDX-License-Identifier: Apache-2.0
 *
 * The clocks: fakes, speed, standing still, and going back to real time.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/check.h"
#include "base/clock.h"

#define T0 1520814600000 /* 2018-03-12T08:30+08:00 */

static void t_real(void **state) {
    (void)state;
    int64_t a = clock_mono_us(), b = clock_mono_ms();
    assert_true(clock_mono_us() >= a && clock_mono_ms() >= b);
    assert_true(llabs(clock_wall_ms() - clock_business_ms()) < 1000);
    assert_true(clock_wall_ms() > 1577836800000);
    clock_wall_fake(T0);
    assert_int_equal(clock_wall_ms(), T0);
    assert_int_equal(clock_business_ms(), T0);
    int64_t m = clock_mono_us();
    assert_true(m >= a); /* intervals do not care */
    clock_wall_fake(0);
    assert_true(clock_wall_ms() > 1577836800000);
}

static void t_business(void **state) {
    (void)state;
    static const struct {
        int64_t speed, wall_on, biz_on;
    } v[] = {{1000, 5000, 5000}, {0, 5000, 0}, {60000, 1000, 60000}, {500, 1001, 500}, {1000, -5000, -5000}, {3600000, 86400000, 311040000000}};
    for (size_t i = 0; i < ARRAY_N(v); i++) {
        clock_wall_fake(2 * T0);
        clock_business_set((struct clock_business){2 * T0, T0, v[i].speed});
        assert_int_equal(clock_business_ms(), T0);
        clock_wall_fake(2 * T0 + v[i].wall_on);
        assert_int_equal(clock_business_ms(), T0 + v[i].biz_on);
        assert_int_equal(clock_business_get().speed_permille, v[i].speed);
        assert_int_equal(clock_business_get().base_business_ms, T0);
    }
    clock_business_real();
    assert_int_equal(clock_business_ms(), clock_wall_ms());
    assert_int_equal(clock_business_get().speed_permille, 1000);
    clock_wall_fake(0);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(t_real), cmocka_unit_test(t_business)};
    return cmocka_run_group_tests_name("clock", tests, NULL, NULL);
}
