/* SPDX-License-Identifier: Apache-2.0
 *
 * Figures: sums, labels, their bound, and the text format of Prometheus.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/check.h"
#include "base/metric.h"

static struct buf out;

static const char *print(void) {
    buf_fini(&out);
    buf_init(&out, 1 << 20);
    metric_print(&out);
    assert_false(out.failed);
    return buf_str(&out);
}

static void t_plain(void **state) {
    (void)state;
    metric_add(M_C_conn_opened, 2);
    metric_add(M_C_conn_opened, 3);
    metric_set(M_C_conns, 7);
    metric_set(M_C_conns, -1);
    assert_int_equal(metric_get(M_C_conn_opened), 5);
    assert_non_null(strstr(print(), "\n# TYPE zhangban_connections_opened_total counter\nzhangban_connections_opened_total 5\n"));
    assert_non_null(strstr(print(), "# TYPE zhangban_connections gauge\nzhangban_connections -1\n"));
}

static void t_labels(void **state) {
    (void)state;
    char label[40];
    metric_add_label(M_C_conn_closed, "3501", 1);
    metric_add_label(M_C_conn_closed, "3501", 1);
    metric_add_label(M_C_conn_closed, "a\"b\\c\nd", 1);
    metric_add_label(M_C_refused, "3501", 5);
    assert_non_null(strstr(print(), "zhangban_connections_closed_total{code=\"3501\"} 2\n"));
    assert_non_null(strstr(print(), "zhangban_connections_closed_total{code=\"a\\\"b\\\\c\\nd\"} 1\n"));
    assert_non_null(strstr(print(), "zhangban_refused_total{gate=\"3501\"} 5\n"));
    assert_int_equal(metric_get(M_C_conn_closed), 3);
    /* One figure's many values do not push out another's; beyond the bound they are counted together. */
    for (int i = 0; i < 1000; i++) {
        (void)snprintf(label, sizeof label, "m%d", i);
        metric_add_label(M_C_requests, label, 1);
    }
    metric_add_label(M_C_sms, "DELIVERED", 1);
    metric_add_label(M_C_requests, "m0", 1);
    assert_non_null(strstr(print(), "zhangban_requests_total{method_code=\"m0\"} 2\n"));
    assert_non_null(strstr(print(), "zhangban_requests_total{method_code=\"m199\"} 1\n"));
    assert_null(strstr(print(), "method_code=\"m200\""));
    assert_non_null(strstr(print(), "zhangban_requests_total{method_code=\"other\"} 800\n"));
    assert_non_null(strstr(print(), "zhangban_sms_total{verdict=\"DELIVERED\"} 1\n"));
    assert_int_equal(metric_get(M_C_requests), 1001);
}

static void t_set(void **state) {
    (void)state;
    metric_set_label(M_C_provider_up, "one", 1);
    metric_set_label(M_C_provider_up, "two", 1);
    metric_set_label(M_C_provider_up, "one", 0);
    assert_non_null(strstr(print(), "# TYPE zhangban_provider_up gauge\nzhangban_provider_up{provider=\"one\"} 0\nzhangban_provider_up{provider=\"two\"} 1\n"));
}

static void *adder(void *arg) {
    (void)arg;
    for (int i = 0; i < 5000; i++) {
        metric_add(M_C_deliveries, 1);
        metric_add_label(M_C_notices, i % 2 ? "odd" : "even", 1);
    }
    return NULL;
}

static void t_threads(void **state) {
    (void)state;
    pthread_t t[4];
    for (int i = 0; i < 4; i++) assert_int_equal(pthread_create(&t[i], NULL, adder, NULL), 0);
    for (int i = 0; i < 4; i++) assert_int_equal(pthread_join(t[i], NULL), 0);
    assert_int_equal(metric_get(M_C_deliveries), 20000);
    assert_non_null(strstr(print(), "zhangban_notices_total{kind=\"odd\"} 10000\n"));
    buf_fini(&out);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(t_plain), cmocka_unit_test(t_labels), cmocka_unit_test(t_set), cmocka_unit_test(t_threads)};
    return cmocka_run_group_tests_name("metric", tests, NULL, NULL);
}
