/* SPDX-License-Identifier: Apache-2.0
 *
 * Reports of the parts of a long SMS, as the records count them: in any order, again, of an earlier attempt, before the answer.
 */
#include "store/delivery.h"
#include "tests/unit/storekit.h"

static struct db *db;

static void setup(void) {
    db = sk_fresh();
    sk_script(db, "INSERT INTO person (id, name, roles, created_wall) VALUES ('p', 'x', 8, 0);"
                  "INSERT INTO notice (id, person, kind, priority, title, body, dedupe, created_biz, created_wall) VALUES ('n', 'p', 'k', 1, 't', 'b', 'd', 0, 0);"
                  "INSERT INTO delivery (id, notice, person, channel, lane, state, due_wall, updated_wall) VALUES ('d', 'n', 'p', 'sms', 'p1', 'queued', 0, 0);");
    assert_int_equal(db_begin(db), ERR_OK);
}

static void done(void) {
    assert_int_equal(db_commit(db), ERR_OK);
    sk_done(db);
}

static void attempt(int n, const char *state, const char *verdict, const char *refs, int64_t wall_ms) {
    struct delivery_job job;
    struct arena       *a = arena_new(65536);
    assert_int_equal(db_exec(db, "UPDATE delivery SET state = 'queued' WHERE id = 'd'", ""), ERR_OK);
    assert_int_equal(delivery_claim(db, a, "d", "w", "c1", wall_ms - 1, &job), ERR_OK);
    assert_int_equal(job.attempts, n);
    struct delivery_end e = {.id = "d", .state = state, .verdict = verdict, .detail = "", .provider = "c1", .refs = refs, .attempt = n, .wall_ms = wall_ms};
    assert_int_equal(delivery_result(db, &e), ERR_OK);
    arena_free(a);
}

static void report(const char *ref, enum delivery_told told, enum err want) {
    struct delivery_report r = {.provider = "c1", .ref = ref, .delivery = "", .told = told, .stat = told == TOLD_DELIVERED ? "DELIVRD" : "UNDELIV", .others = "", .wall_ms = 9};
    assert_int_equal(delivery_report(db, &r), want);
}

static void state_is(const char *want) {
    int64_t one = 0;
    if (db_one_i(db, &one, "SELECT 1 FROM delivery WHERE id = 'd' AND state = ?1", "s", want) != ERR_OK) fail_msg("not %s", want);
}

static void t_every_part(void **state) {
    (void)state;
    setup();
    attempt(1, "sent", "sent", "a,b,c", 10);
    report("b", TOLD_DELIVERED, ERR_OK);
    report("b", TOLD_DELIVERED, ERR_OK); /* again */
    report("a", TOLD_DELIVERED, ERR_OK);
    state_is("sent");
    report("c", TOLD_DELIVERED, ERR_OK);
    state_is("delivered");
    done();
}

static void t_one_failed(void **state) {
    (void)state;
    setup();
    attempt(1, "sent", "sent", "a,b", 10);
    report("a", TOLD_DELIVERED, ERR_OK);
    report("b", TOLD_FAILED, ERR_OK);
    state_is("failed");
    report("a", TOLD_DELIVERED, ERR_OK);
    state_is("failed");
    done();
}

/* What an earlier attempt left without a report does not hold up the one that arrived. */
static void t_attempts_apart(void **state) {
    (void)state;
    setup();
    attempt(1, "waiting", "unknown", "a,b", 10);
    attempt(2, "sent", "sent", "x,y", 20);
    report("x", TOLD_DELIVERED, ERR_OK);
    report("b", TOLD_DELIVERED, ERR_OK); /* of the first: not all of it */
    state_is("sent");
    report("y", TOLD_DELIVERED, ERR_OK);
    state_is("delivered");
    done();
}

static void t_before_the_answer(void **state) {
    (void)state;
    setup();
    report("a", TOLD_DELIVERED, ERR_NOTFOUND);
    attempt(1, "sent", "sent", "a,b", 10);
    state_is("sent");
    report("b", TOLD_DELIVERED, ERR_OK);
    state_is("delivered");
    done();
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(t_every_part), cmocka_unit_test(t_one_failed), cmocka_unit_test(t_attempts_apart),
                                       cmocka_unit_test(t_before_the_answer)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
