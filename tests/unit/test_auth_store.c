/* SPDX-License-Identifier: Apache-2.0
 *
 * Log-in records: challenges, failures and locks, revoked sessions, the sweep.
 */
#include "store/auth.h"
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

static void ask(const char *id, const char *phone, const char *address, int64_t at) {
    struct challenge c = {.id = id, .phone_idx = phone, .person = NULL, .code_mac = "m", .nonce = "n", .address = address, .created_wall = at,
                          .expires_wall = at + 300000};
    assert_int_equal(challenge_add(db, &c), ERR_OK);
}

static void t_challenge(void **state) {
    (void)state;
    struct challenge c;
    assert_int_equal(challenge_get(db, a, "c1", &c), ERR_NOTFOUND);
    ask("c1", "idx", "10.0.0.1", 1000);
    assert_int_equal(challenge_get(db, a, "c1", &c), ERR_OK);
    assert_null(c.person); /* nobody has this number */
    assert_string_equal(c.phone_idx, "idx");
    assert_int_equal(c.tries, 0);
    assert_false(c.used);
    assert_int_equal(challenge_try(db, "c1"), ERR_OK);
    assert_int_equal(challenge_try(db, "c1"), ERR_OK);
    assert_int_equal(challenge_use(db, "c1"), ERR_OK);
    assert_int_equal(challenge_use(db, "c1"), ERR_DUP); /* once */
    assert_int_equal(challenge_use(db, "none"), ERR_DUP);
    assert_int_equal(challenge_get(db, a, "c1", &c), ERR_OK);
    assert_int_equal(c.tries, 2);
    assert_true(c.used);
}

static void t_counts(void **state) {
    (void)state;
    struct challenge_count n;
    int64_t                all;
    assert_int_equal(challenge_count_phone(db, "x", 0, &n), ERR_OK);
    assert_int_equal(n.n, 0);
    assert_int_equal(n.last_wall, 0);
    ask("1", "x", "a", 1000), ask("2", "x", "b", 2000), ask("3", "y", "a", 3000), ask("4", "x", "a", 4000);
    assert_int_equal(challenge_count_phone(db, "x", 1000, &n), ERR_OK); /* after, not at */
    assert_int_equal(n.n, 2);
    assert_int_equal(n.first_wall, 2000);
    assert_int_equal(n.last_wall, 4000);
    assert_int_equal(challenge_count_address(db, "a", 0, &n), ERR_OK);
    assert_int_equal(n.n, 3);
    assert_int_equal(challenge_count_all(db, 2500, &all), ERR_OK);
    assert_int_equal(all, 2);
}

static const struct fail_rule rule = {.max = 3, .window_ms = 1000, .lock_ms = 5000};

static int64_t until(const char *account, const char *address, int64_t at) {
    int64_t u = -1;
    assert_int_equal(login_locked(db, account, address, at, &u), ERR_OK);
    return u;
}

static void failure(int64_t at) { assert_int_equal(login_fail_add(db, "p", "10.0.0.1", &rule, at), ERR_OK); }

static void t_lock(void **state) {
    (void)state;
    assert_int_equal(until("p", "10.0.0.1", 0), 0);
    failure(10000), failure(10100);
    assert_int_equal(until("p", "10.0.0.1", 10100), 0);
    failure(10200);
    assert_int_equal(until("p", "10.0.0.1", 10201), 15200);
    assert_int_equal(until("p", "10.0.0.2", 10201), 0); /* of this account and address */
    assert_int_equal(until("q", "10.0.0.1", 10201), 0);
    assert_int_equal(until("p", "10.0.0.1", 15199), 15200);
    assert_int_equal(until("p", "10.0.0.1", 15200), 0);
    /* counting starts anew */
    failure(20000), failure(20001);
    assert_int_equal(until("p", "10.0.0.1", 20002), 0);
    failure(20002);
    assert_int_equal(until("p", "10.0.0.1", 20003), 25002);
}

/* Attempts that were under way when the lock fell must not open it. */
static void t_lock_stays(void **state) {
    (void)state;
    failure(10000), failure(10001), failure(10002);
    assert_int_equal(until("p", "10.0.0.1", 10003), 15002);
    failure(10003);
    assert_int_equal(until("p", "10.0.0.1", 10004), 15002);
    failure(10004), failure(10005);
    assert_int_equal(until("p", "10.0.0.1", 10006), 15005); /* three more: longer, never shorter */
    const struct fail_rule shorter = {.max = 1, .window_ms = 1000, .lock_ms = 10};
    assert_int_equal(login_fail_add(db, "p", "10.0.0.1", &shorter, 10010), ERR_OK);
    assert_int_equal(until("p", "10.0.0.1", 10011), 15005);
    assert_int_equal(login_fail_clear(db, "p", "10.0.0.1"), ERR_OK);
    assert_int_equal(until("p", "10.0.0.1", 10012), 0);
}

static void t_window(void **state) {
    (void)state;
    for (int i = 0; i < 10; i++) failure(10000 + i * 600); /* never three within the window of a second */
    assert_int_equal(until("p", "10.0.0.1", 15401), 0);
}

static void t_revoked(void **state) {
    (void)state;
    bool gone = true;
    assert_int_equal(auth_session_revoked(db, "s1", &gone), ERR_OK);
    assert_false(gone);
    assert_int_equal(session_revoked_add(db, "s1", "p", 1000), ERR_OK);
    assert_int_equal(session_revoked_add(db, "s1", "p", 2000), ERR_OK); /* again: nothing */
    assert_int_equal(auth_session_revoked(db, "s1", &gone), ERR_OK);
    assert_true(gone);
    assert_int_equal(sk_i(db, "SELECT at_wall FROM session_revoked"), 1000);
}

static void t_sweep(void **state) {
    (void)state;
    const int64_t day = 86400000, now = 100 * day;
    ask("old", "x", "a", now - 3 * day), ask("new", "x", "a", now - day);
    assert_int_equal(login_fail_add(db, "old", "a", &rule, now - 3 * day), ERR_OK);
    assert_int_equal(login_fail_add(db, "new", "a", &rule, now - day), ERR_OK);
    const struct fail_rule lasting = {.max = 1, .window_ms = 1, .lock_ms = 10 * day};
    assert_int_equal(login_fail_add(db, "locked", "a", &lasting, now - 3 * day), ERR_OK);
    assert_int_equal(session_revoked_add(db, "old", "p", now - 31 * day), ERR_OK);
    assert_int_equal(session_revoked_add(db, "new", "p", now - 29 * day), ERR_OK);
    assert_int_equal(auth_sweep(db, now, 30 * day), ERR_OK);
    assert_int_equal(sk_i(db, "SELECT COUNT(*) FROM sms_challenge"), 1);
    assert_int_equal(sk_i(db, "SELECT COUNT(*) FROM login_fail WHERE account IN ('new', 'locked')"), 2);
    assert_int_equal(sk_i(db, "SELECT COUNT(*) FROM login_fail"), 2);
    assert_int_equal(sk_i(db, "SELECT COUNT(*) FROM session_revoked WHERE session = 'new'"), 1);
    assert_int_equal(sk_i(db, "SELECT COUNT(*) FROM session_revoked"), 1);
}

int main(void) {
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {T(t_challenge), T(t_counts), T(t_lock), T(t_lock_stays), T(t_window), T(t_revoked), T(t_sweep)};
    return cmocka_run_group_tests_name("auth_store", tests, NULL, NULL);
}
