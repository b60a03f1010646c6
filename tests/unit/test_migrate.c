/* SPDX-License-Identifier: Apache-2.0
 *
 * Migrations: fresh, again, newer store, changed text, a failing step, two processes at once.
 */
#include <sys/wait.h>

#include "base/log.h"
#include "tests/unit/storekit.h"

static struct db *db;
static char       why[512];

static int setup(void **state) {
    (void)state;
    sk_make_dir();
    db = sk_open(DB_WRITE);
    return 0;
}

static int teardown(void **state) {
    (void)state;
    log_set(LOG_INFO, 2);
    sk_done(db);
    return 0;
}

static void t_fresh(void **state) {
    (void)state;
    int from = 99, to = -9, top;
    assert_int_equal(migrate(db, &from, &to, why, sizeof why), ERR_OK);
    assert_int_equal(from, -1);
    assert_int_equal(sk_i(db, "SELECT COUNT(*) FROM sqlite_schema WHERE name IN ('ledger', 'outbox', 'task', 'session_device')"), 4);
    top = to;
    int64_t n = sk_i(db, "SELECT COUNT(*) FROM schema_version");
    assert_int_equal(migrate(db, &from, &to, why, sizeof why), ERR_OK); /* again: nothing */
    assert_int_equal(from, top);
    assert_int_equal(to, top);
    assert_int_equal(sk_i(db, "SELECT COUNT(*) FROM schema_version"), n);
    assert_int_equal(migrate(db, NULL, NULL, why, sizeof why), ERR_OK);
    assert_int_equal(sk_i(db, "SELECT COUNT(*) FROM pragma_foreign_key_check"), 0);
}

/* Every file of store/migrations is compiled in, and in the order of its number. */
static void t_all_files(void **state) {
    (void)state;
    assert_int_equal(migrate(db, NULL, NULL, why, sizeof why), ERR_OK);
    FILE *ls = popen("ls store/migrations | grep -c '^[0-9]\\{4\\}_.*\\.sql$'", "r");
    int   n  = 0;
    assert_non_null(ls);
    assert_int_equal(fscanf(ls, "%d", &n), 1);
    (void)pclose(ls);
    assert_int_equal(sk_i(db, "SELECT COUNT(*) FROM schema_version"), n);
    assert_int_equal(sk_i(db, "SELECT COUNT(*) FROM schema_version a JOIN schema_version b ON a.number < b.number AND a.rowid > b.rowid"), 0);
}

static void t_newer(void **state) {
    (void)state;
    assert_int_equal(migrate(db, NULL, NULL, why, sizeof why), ERR_OK);
    sk_script(db, "INSERT INTO schema_version VALUES (9999, '9999_future.sql', 'x', 0)");
    assert_int_equal(migrate(db, NULL, NULL, why, sizeof why), ERR_STATE);
    assert_non_null(strstr(why, "9999"));
    sk_script(db, "DELETE FROM schema_version WHERE number = 9999");
    assert_int_equal(migrate(db, NULL, NULL, why, sizeof why), ERR_OK);
}

static void t_changed(void **state) {
    (void)state;
    assert_int_equal(migrate(db, NULL, NULL, why, sizeof why), ERR_OK);
    sk_script(db, "UPDATE schema_version SET sm3 = '0' || substr(sm3, 2) WHERE number = 1; UPDATE schema_version SET sm3 = '1' || substr(sm3, 2) WHERE number = 1");
    assert_int_equal(migrate(db, NULL, NULL, why, sizeof why), ERR_STATE);
    assert_non_null(strstr(why, "0001_base.sql"));
    assert_non_null(strstr(why, "changed"));
}

/* A step that fails half way leaves nothing of itself. */
static void t_fails(void **state) {
    (void)state;
    sk_script(db, "CREATE TABLE ledger_head (x INTEGER)"); /* the last table of 0000 */
    log_set(LOG_ERROR + 1, 2);
    assert_int_equal(migrate(db, NULL, NULL, why, sizeof why), ERR_STORE);
    assert_non_null(strstr(why, "0000_store.sql"));
    assert_int_equal(sk_i(db, "SELECT COUNT(*) FROM sqlite_schema WHERE name IN ('ledger', 'outbox', 'counter')"), 0);
    assert_int_equal(sk_i(db, "SELECT COUNT(*) FROM schema_version"), 0);
    sk_script(db, "DROP TABLE ledger_head");
    assert_int_equal(migrate(db, NULL, NULL, why, sizeof why), ERR_OK);
}

/* Several processes started at the same moment on an empty store. */
static void t_together(void **state) {
    (void)state;
    pid_t pid[4];
    db_close(db);
    for (size_t i = 0; i < ARRAY_N(pid); i++) {
        pid[i] = fork();
        if (pid[i] != 0) continue;
        struct db *d;
        int        rc = db_open(sk_path, DB_WRITE, &d, why, sizeof why) != ERR_OK || migrate(d, NULL, NULL, why, sizeof why) != ERR_OK;
        if (rc) fprintf(stderr, "%s\n", why);
        _exit(rc);
    }
    for (size_t i = 0; i < ARRAY_N(pid); i++) {
        int status = -1;
        assert_int_equal(waitpid(pid[i], &status, 0), pid[i]);
        assert_int_equal(status, 0);
    }
    db = sk_open(DB_WRITE);
    assert_int_equal(migrate(db, NULL, NULL, why, sizeof why), ERR_OK);
}

int main(void) {
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {T(t_fresh), T(t_all_files), T(t_newer), T(t_changed), T(t_fails), T(t_together)};
    return cmocka_run_group_tests_name("migrate", tests, NULL, NULL);
}
