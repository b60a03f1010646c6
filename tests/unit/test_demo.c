/* SPDX-License-Identifier: Apache-2.0
 *
 * First and later starts of a demo: clock, sample, people; cut off between the steps.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "base/check.h"
#include "base/clock.h"
#include "handlers/demo.h"
#include "tests/unit/kit.h"

#define SAMPLE "samples/nanping-2018"

static int64_t ms_of(const char *iso) {
    int64_t ms;
    MUST(time_parse_iso(iso, &ms) == ERR_OK);
    return ms;
}

static void start(struct kit *k) {
    char why[256];
    if (demo_prepare(&k->house, k->db, SAMPLE, why, sizeof why)) fail_msg("%s", why);
}

static void first_start_makes_everything(void **state) {
    (void)state;
    struct kit *k = kit_open();
    kit_time(k, "2026-05-04T10:00:00+08:00");
    start(k);
    assert_int_equal(clock_business_ms(), ms_of("2018-03-12T08:30:00+08:00"));
    assert_int_equal(kit_sql_i(k, "SELECT COUNT(*) FROM task"), 33);
    assert_int_equal(kit_sql_i(k, "SELECT COUNT(*) FROM task WHERE late_at_creation = 1"), 4);
    assert_int_equal(kit_sql_i(k, "SELECT COUNT(*) FROM person WHERE id = 'demo-leader' OR id = 'sim-NP-GSJ'"), 2);
    assert_int_equal(kit_sql_i(k, "SELECT COUNT(*) FROM person WHERE id = 'demo-dispatcher' AND unit = 'NP-ZFB'"), 1);
    assert_int_equal(kit_sql_i(k, "SELECT COUNT(*) FROM ledger WHERE hash IS NULL"), 0);
    clock_business_real();
    kit_close(k);
}

static void later_start_goes_on(void **state) {
    (void)state;
    struct kit *k = kit_open();
    kit_time(k, "2026-05-04T10:00:00+08:00");
    start(k);
    long long people = kit_sql_i(k, "SELECT COUNT(*) FROM person"), rows = kit_sql_i(k, "SELECT COUNT(*) FROM ledger");
    clock_business_real(); /* the process ended */
    kit_time(k, "2026-05-05T12:00:00+08:00");
    start(k);
    assert_int_equal(clock_business_ms(), ms_of("2018-03-13T10:30:00+08:00"));
    assert_int_equal(kit_sql_i(k, "SELECT COUNT(*) FROM person"), people);
    assert_int_equal(kit_sql_i(k, "SELECT COUNT(*) FROM ledger"), rows);
    clock_business_real();
    kit_close(k);
}

static void speed_is_kept(void **state) {
    (void)state;
    struct kit *k = kit_open();
    kit_time(k, "2026-05-04T10:00:00+08:00");
    assert_int_equal(demo_clock_load(k->db), ERR_NOTFOUND);
    MUST(db_begin(k->db) == ERR_OK);
    assert_int_equal(demo_clock_save(k->db, ms_of("2018-06-01T00:00:00+08:00"), 60000), ERR_OK);
    MUST(db_commit(k->db) == ERR_OK);
    clock_business_real();
    kit_time(k, "2026-05-04T10:01:00+08:00");
    assert_int_equal(demo_clock_load(k->db), ERR_OK);
    assert_int_equal(clock_business_ms(), ms_of("2018-06-01T01:00:00+08:00"));
    clock_business_real();
    kit_close(k);
}

/* The engine refuses in each step once; the next start completes. */
static void a_cut_off_start_is_completed(void **state) {
    (void)state;
    static const char *const stops[] = {
        "CREATE TRIGGER stop BEFORE INSERT ON kv WHEN NEW.name = 'clock' BEGIN SELECT RAISE(ABORT, 'stop'); END;",
        "CREATE TRIGGER stop BEFORE INSERT ON unit WHEN NEW.ord = 40 BEGIN SELECT RAISE(ABORT, 'stop'); END;",
        "CREATE TRIGGER stop BEFORE INSERT ON task WHEN NEW.ord = 20 BEGIN SELECT RAISE(ABORT, 'stop'); END;",
        "CREATE TRIGGER stop BEFORE INSERT ON person WHEN NEW.id = 'demo-admin' BEGIN SELECT RAISE(ABORT, 'stop'); END;",
        "CREATE TRIGGER stop BEFORE INSERT ON kv WHEN NEW.name = 'demo' BEGIN SELECT RAISE(ABORT, 'stop'); END;",
    };
    for (size_t i = 0; i < ARRAY_N(stops); i++) {
        struct kit *k = kit_open();
        char        why[256];
        MUST(db_script(k->db, stops[i]) == ERR_OK);
        assert_int_not_equal(demo_prepare(&k->house, k->db, SAMPLE, why, sizeof why), ERR_OK);
        assert_int_not_equal(strlen(why), 0);
        MUST(db_script(k->db, "DROP TRIGGER stop;") == ERR_OK);
        start(k);
        assert_int_equal(kit_sql_i(k, "SELECT COUNT(*) FROM unit"), 75);
        assert_int_equal(kit_sql_i(k, "SELECT COUNT(*) FROM task"), 33);
        assert_int_equal(kit_sql_i(k, "SELECT COUNT(*) FROM person WHERE id LIKE 'demo-%'"), 13);
        clock_business_real();
        kit_close(k);
    }
}

static void only_in_a_demo(void **state) {
    (void)state;
    struct kit *k = kit_open();
    char        why[256];
    k->house.demo = false;
    assert_int_equal(demo_prepare(&k->house, k->db, SAMPLE, why, sizeof why), ERR_PERM);
    assert_int_equal(kit_sql_i(k, "SELECT COUNT(*) FROM unit"), 0);
    k->house.demo = true;
    assert_int_equal(demo_prepare(&k->house, k->db, "/nonexistent", why, sizeof why), ERR_INPUT);
    assert_non_null(strstr(why, "/nonexistent"));
    clock_business_real();
    kit_close(k);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(first_start_makes_everything), cmocka_unit_test(later_start_goes_on), cmocka_unit_test(speed_is_kept),
        cmocka_unit_test(a_cut_off_start_is_completed), cmocka_unit_test(only_in_a_demo),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
