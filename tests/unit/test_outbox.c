/* SPDX-License-Identifier: Apache-2.0
 *
 * The outbox: a sequence without gaps, bounds, reading in order, trimming.
 */
#include "store/keys.h"
#include "store/outbox.h"
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

static void add(const char *channel, const char *key, const char *data, int64_t at) { assert_int_equal(outbox_add(db, channel, key, data, at), ERR_OK); }

static void t_sequence(void **state) {
    (void)state;
    int64_t top = -1;
    assert_int_equal(outbox_top(db, &top), ERR_OK);
    assert_int_equal(top, 0);
    for (int round = 0; round < 3; round++) {
        assert_int_equal(db_begin(db), ERR_OK);
        add("ranking:2018:all", "a", "{}", 1);
        assert_int_equal(db_savepoint(db), ERR_OK);
        add("task:t1", NULL, "{\"lost\":1}", 1);
        db_rollback_to(db);
        assert_int_equal(db_release(db), ERR_OK);
        add("task:t1", NULL, "{}", 1);
        if (round == 1) db_rollback(db);
        else assert_int_equal(db_commit(db), ERR_OK);
    }
    struct outbox_row *v;
    size_t             n;
    assert_int_equal(outbox_read(db, a, 0, 100, &v, &n), ERR_OK);
    assert_int_equal(n, 4);
    for (size_t i = 0; i < n; i++) {
        assert_int_equal(v[i].seq, i + 1); /* no gap, though a job and a batch were rolled back */
        assert_string_equal(v[i].channel, i % 2 ? "task:t1" : "ranking:2018:all");
        if (i % 2) assert_null(v[i].key);
        else assert_string_equal(v[i].key, "a");
        assert_string_equal(v[i].data, "{}");
    }
    assert_int_equal(outbox_read(db, a, 2, 1, &v, &n), ERR_OK);
    assert_int_equal(n, 1);
    assert_int_equal(v[0].seq, 3);
    assert_int_equal(outbox_read(db, a, 4, 10, &v, &n), ERR_OK);
    assert_int_equal(n, 0);
    assert_int_equal(outbox_top(db, &top), ERR_OK);
    assert_int_equal(top, 4);
}

static void t_trim(void **state) {
    (void)state;
    struct outbox_row *v;
    size_t             n;
    int64_t            top;
    for (int i = 1; i <= 5; i++) add("c", NULL, "{}", i * 1000);
    int64_t gone = -1;
    assert_int_equal(outbox_trim(db, 3, 3000, 1, &gone), ERR_OK); /* in portions, the oldest first */
    assert_int_equal(gone, 1);
    assert_int_equal(sk_i(db, "SELECT MIN(seq) FROM outbox"), 2);
    assert_int_equal(outbox_trim(db, 3, 3000, 100, &gone), ERR_OK); /* both: relayed, and old */
    assert_int_equal(gone, 1);
    assert_int_equal(outbox_read(db, a, 0, 100, &v, &n), ERR_OK);
    assert_int_equal(n, 3);
    assert_int_equal(v[0].seq, 3);
    assert_int_equal(outbox_trim(db, 5, 1000000, 100, &gone), ERR_OK);
    assert_int_equal(gone, 3);
    add("c", NULL, "{}", 1); /* an emptied outbox does not begin again */
    assert_int_equal(outbox_read(db, a, 0, 100, &v, &n), ERR_OK);
    assert_int_equal(n, 1);
    assert_int_equal(v[0].seq, 6);
    assert_int_equal(outbox_top(db, &top), ERR_OK);
    assert_int_equal(top, 6);
}

/* What Redis would refuse is refused here: behind such a row every later one would wait for ever. */
static void t_bounds(void **state) {
    (void)state;
    char *big = x_malloc(CHANNEL_DATA_MAX + 2), name[NAME_MAX_BYTES + 2];
    memset(big, 'x', CHANNEL_DATA_MAX + 1);
    memset(name, 'n', sizeof name);
    big[CHANNEL_DATA_MAX + 1] = name[NAME_MAX_BYTES + 1] = '\0';
    assert_int_equal(outbox_add(db, "c", NULL, big, 1), ERR_TOOBIG);
    assert_int_equal(outbox_add(db, "", NULL, "{}", 1), ERR_INPUT);
    assert_int_equal(outbox_add(db, name, NULL, "{}", 1), ERR_INPUT);
    assert_int_equal(outbox_add(db, "c", name, "{}", 1), ERR_INPUT);
    big[CHANNEL_DATA_MAX] = name[NAME_MAX_BYTES] = '\0';
    assert_int_equal(outbox_add(db, name, name, "{}", 1), ERR_OK);
    assert_int_equal(sk_i(db, "SELECT COUNT(*) FROM outbox"), 1);
    x_free(big);
}

/* Many large rows: as many as the arena holds, at least one, and the rest the next time. */
static void t_large(void **state) {
    (void)state;
    char *big = x_malloc(40001);
    memset(big, 'x', 40000);
    big[40000] = '\0';
    for (int i = 0; i < 50; i++) add("c", NULL, big, 1); /* 2 MB into an arena of 64 KB: more than eight times its cap */
    int64_t at = 0;
    int     rounds = 0;
    for (size_t n = 1; n; rounds++) {
        struct outbox_row *v;
        arena_reset(a);
        assert_int_equal(outbox_read(db, a, at, 256, &v, &n), ERR_OK);
        for (size_t i = 0; i < n; i++) assert_int_equal(v[i].seq, ++at);
    }
    assert_int_equal(at, 50);
    assert_true(rounds > 10);
    x_free(big);
}

int main(void) {
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {T(t_sequence), T(t_trim), T(t_bounds), T(t_large)};
    return cmocka_run_group_tests_name("outbox", tests, NULL, NULL);
}
