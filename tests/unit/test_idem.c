/* SPDX-License-Identifier: Apache-2.0
 *
 * Stored answers: the first one, per person, method and key, for a day.
 */
#include "store/idem.h"
#include "tests/unit/storekit.h"

static struct db    *db;
static struct arena *a;

static int setup(void **state) {
    (void)state;
    db = sk_fresh();
    a  = arena_new(65536);
    return 0;
}

static int teardown(void **state) {
    (void)state;
    arena_free(a);
    sk_done(db);
    return 0;
}

static void t_first_answer(void **state) {
    (void)state;
    char *hash = NULL, *reply = NULL;
    assert_int_equal(idem_find(db, a, "p1", "task.report", "k1", &hash, &reply), ERR_NOTFOUND);
    assert_int_equal(idem_store(db, "p1", "task.report", "k1", "h1", "{\"a\":\"南平\"}", 1000), ERR_OK);
    assert_int_equal(idem_find(db, a, "p1", "task.report", "k1", &hash, &reply), ERR_OK);
    assert_string_equal(hash, "h1");
    assert_string_equal(reply, "{\"a\":\"南平\"}");
    assert_int_equal(idem_store(db, "p1", "task.report", "k1", "h2", "{}", 2000), ERR_DUP); /* the first answer stays */
    assert_int_equal(idem_find(db, a, "p1", "task.report", "k1", &hash, &reply), ERR_OK);
    assert_string_equal(hash, "h1");
    /* a key is of one person and one method */
    assert_int_equal(idem_find(db, a, "p2", "task.report", "k1", &hash, &reply), ERR_NOTFOUND);
    assert_int_equal(idem_find(db, a, "p1", "task.accept", "k1", &hash, &reply), ERR_NOTFOUND);
    assert_int_equal(idem_find(db, a, "p1", "task.report", "K1", &hash, &reply), ERR_NOTFOUND);
    assert_int_equal(idem_store(db, "p2", "task.report", "k1", "h3", "{}", 1000), ERR_OK);
}

static void t_purge(void **state) {
    (void)state;
    char *hash, *reply;
    assert_true(IDEM_LIFE_MS == 86400000);
    assert_int_equal(idem_store(db, "p", "m", "old", "h", "{}", 1000), ERR_OK);
    assert_int_equal(idem_store(db, "p", "m", "new", "h", "{}", 2000), ERR_OK);
    assert_int_equal(idem_purge(db, 2000), ERR_OK);
    assert_int_equal(idem_find(db, a, "p", "m", "old", &hash, &reply), ERR_NOTFOUND);
    assert_int_equal(idem_find(db, a, "p", "m", "new", &hash, &reply), ERR_OK);
}

/* A job that was rolled back leaves no answer behind. */
static void t_rolled_back(void **state) {
    (void)state;
    char *hash, *reply;
    assert_int_equal(db_begin(db), ERR_OK);
    assert_int_equal(db_savepoint(db), ERR_OK);
    assert_int_equal(idem_store(db, "p", "m", "k", "h", "{}", 1), ERR_OK);
    db_rollback_to(db);
    assert_int_equal(db_release(db), ERR_OK);
    assert_int_equal(db_commit(db), ERR_OK);
    assert_int_equal(idem_find(db, a, "p", "m", "k", &hash, &reply), ERR_NOTFOUND);
}

int main(void) {
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {T(t_first_answer), T(t_purge), T(t_rolled_back)};
    return cmocka_run_group_tests_name("idem", tests, NULL, NULL);
}
