/* SPDX-License-Identifier: Apache-2.0
 *
 * Receipts on record (store/delivery_work.c): early, missing, and under an id that comes again. One store a test, no worker.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <unistd.h>

#include "base/log.h"
#include "store/delivery.h"
#include "store/migrate.h"

#define OK(expr) assert_int_equal((expr), ERR_OK)
#define OTHERS ",b,"

static struct {
    char          dir[64], path[96], why[256];
    struct db    *db;
    struct arena *a;
} h;

static int setup(void **state) {
    (void)state;
    (void)snprintf(h.dir, sizeof h.dir, "/tmp/zb-dstore.XXXXXX");
    if (mkdtemp(h.dir) == NULL) return -1;
    (void)snprintf(h.path, sizeof h.path, "%s/zhangban.db", h.dir);
    h.a = arena_new(1U << 20);
    OK(db_open(h.path, DB_WRITE, &h.db, h.why, sizeof h.why));
    OK(migrate(h.db, NULL, NULL, h.why, sizeof h.why));
    OK(db_exec(h.db, "INSERT INTO person (id, name, roles, created_wall) VALUES ('p_1', 'a', 1, 0)", ""));
    return 0;
}

static int teardown(void **state) {
    char cmd[128];
    (void)state;
    db_close(h.db);
    arena_free(h.a);
    (void)snprintf(cmd, sizeof cmd, "rm -rf '%s'", h.dir);
    return system(cmd);
}

/* sql: a literal. */
static void holds(const char *sql) {
    int64_t  v = 0;
    enum err e = db_one_i(h.db, &v, sql, "");
    if (e || v != 1) print_message("not so: %s\n", sql);
    assert_true(e == ERR_OK && v == 1);
}

/* A notice with one SMS, claimed for provider a. */
static void claimed(const char *id, const char *notice) {
    struct notice_row   n = {.id = notice, .person = "p_1", .kind = "task.assigned", .object = "", .title = "t", .body = "b", .dedupe = notice, .var_t = "", .var_x = "", .priority = 1};
    struct delivery_row d = {.id = id, .notice = notice, .person = "p_1", .channel = "sms", .target = "", .priority = 1, .step = 1};
    struct delivery_job job;
    char              **ids;
    size_t              got, *lanes;
    uint32_t            full = 0;
    OK(notice_insert(h.db, &n));
    OK(delivery_insert(h.db, &d));
    OK(delivery_queue_due(h.db, h.a, 10, 10, 10, &full, &ids, &lanes, &got));
    assert_int_equal(got, 1);
    OK(delivery_claim(h.db, h.a, id, "w", "a", 20, &job));
}

static void sent(const char *id, const char *ref) {
    struct delivery_end e = {.id = id, .state = "sent", .verdict = "sent", .detail = "", .provider = "a", .refs = ref, .others = OTHERS, .attempt = 1, .wall_ms = 30};
    OK(delivery_result(h.db, &e));
}

static enum err told(const char *ref, enum delivery_told what) {
    struct delivery_report r = {.provider = "a", .ref = ref, .delivery = "", .told = what, .whole = true, .stat = what == TOLD_FAILED ? "UNDELIV" : "DELIVRD", .others = OTHERS, .wall_ms = 40};
    return delivery_report(h.db, &r);
}

/* Gateways report on any connection of an account: another worker may hear of it before the answer is on record. */
static void t_early_failure(void **state) {
    (void)state;
    claimed("d_1", "n_1");
    assert_int_equal(told("m1", TOLD_FAILED), ERR_NOTFOUND);
    sent("d_1", "m1");
    holds("SELECT COUNT(*) FROM delivery WHERE state = 'waiting' AND verdict = 'reported' AND detail = 'UNDELIV' AND tried = ',a,'");
    holds("SELECT COUNT(*) FROM receipt WHERE kind = 'failed' AND delivery = 'd_1'");
}

static void t_early_success(void **state) {
    (void)state;
    claimed("d_1", "n_1");
    assert_int_equal(told("m1", TOLD_DELIVERED), ERR_NOTFOUND);
    sent("d_1", "m1");
    holds("SELECT COUNT(*) FROM delivery WHERE state = 'delivered' AND detail = 'DELIVRD'");
}

/* Message ids come again, after a year or when an SMSC starts anew: the receipt of the message before must not swallow this one's. */
static void t_id_again(void **state) {
    (void)state;
    claimed("d_1", "n_1");
    sent("d_1", "m1");
    OK(told("m1", TOLD_FAILED));
    OK(db_exec(h.db, "UPDATE delivery SET state = 'failed'", ""));
    claimed("d_2", "n_2");
    OK(db_exec(h.db, "UPDATE sms_part SET at_wall = 1", ""));
    sent("d_2", "m1");
    OK(told("m1", TOLD_FAILED));
    holds("SELECT COUNT(*) FROM delivery WHERE id = 'd_2' AND state = 'waiting' AND verdict = 'reported'");
    holds("SELECT COUNT(*) FROM receipt WHERE kind = 'failed' AND delivery = 'd_2'");
    holds("SELECT COUNT(*) FROM receipt WHERE kind = 'failed' AND delivery = 'd_1'");
    OK(db_exec(h.db, "UPDATE delivery SET state = 'claimed', provider = 'b' WHERE id = 'd_2'", ""));
    OK(told("m1", TOLD_FAILED)); /* repeated: meanwhile another one has it */
    holds("SELECT COUNT(*) FROM delivery WHERE id = 'd_2' AND state = 'claimed'");
    holds("SELECT COUNT(*) = 2 FROM receipt");
}

static void t_missing(void **state) {
    (void)state;
    int64_t n = 0;
    claimed("d_1", "n_1");
    sent("d_1", "m1");
    OK(delivery_unreported(h.db, "a", OTHERS, 31, 50, 10, &n));
    assert_int_equal(n, 1);
    holds("SELECT COUNT(*) FROM delivery WHERE state = 'waiting' AND verdict = 'unreported' AND tried = ',a,'");
    holds("SELECT COUNT(*) FROM receipt WHERE provider = 'a' AND kind = 'missing' AND delivery = 'd_1' AND at_wall = 50"); /* why there is a second attempt */
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void) {
    log_set(LOG_ERROR, 2);
    const struct CMUnitTest tests[] = {T(t_early_failure), T(t_early_success), T(t_id_again), T(t_missing)};
    return cmocka_run_group_tests_name("delivery_store", tests, NULL, NULL);
}
