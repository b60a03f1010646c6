/* SPDX-License-Identifier: Apache-2.0
 *
 * Noise limits of notices (F110, F119): quiet hours in the business clock, one SMS about an object within ten minutes, so many a
 * day; P0 and P1 pass; the notice itself is always there.
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

#include "base/calendar.h"
#include "base/check.h"
#include "push/notice.h"
#include "store/migrate.h"

static struct {
    char          dir[64];
    struct db    *db;
    struct arena *a;
    int           said;
} h;

#define OK(expr) assert_int_equal((expr), ERR_OK)
#define WALL     1700000000000LL

static struct notice_plan plans[4];
static const struct notice_rules RULES = {.plans = plans, .channels = 1U << CHANNEL_SMS | 1U << CHANNEL_PUSH, .quiet_from_min = 1290, .quiet_to_min = 450, .sms_per_day = 3,
                                          .sms_merge_ms = 600000, .signature = "南平掌办"};

static int setup(void **state) {
    (void)state;
    char path[96], why[256];
    memset(&h, 0, sizeof h);
    (void)snprintf(h.dir, sizeof h.dir, "/tmp/zb-notice.XXXXXX");
    if (mkdtemp(h.dir) == NULL) return -1;
    (void)snprintf(path, sizeof path, "%s/zhangban.db", h.dir);
    OK(db_open(path, DB_WRITE, &h.db, why, sizeof why));
    OK(migrate(h.db, NULL, NULL, why, sizeof why));
    OK(db_exec(h.db, "INSERT INTO person (id, name, roles, created_wall) VALUES ('p_1', 'a', 1, 0)", ""));
    h.a = arena_new(1U << 20);
    static const char *const texts[4] = {"push+0 sms+0", "sms+0", "sms+600", "sms+0"};
    for (int i = 0; i < 4; i++) OK(notice_plan_parse(texts[i], &plans[i], why, sizeof why));
    return 0;
}

static int teardown(void **state) {
    (void)state;
    char cmd[96];
    db_close(h.db);
    arena_free(h.a);
    (void)snprintf(cmd, sizeof cmd, "rm -rf '%s'", h.dir);
    return system(cmd);
}

static int64_t ms(const char *iso) {
    int64_t v;
    OK(time_parse_iso(iso, &v));
    return v;
}

/* Says it and returns the delay of its SMS in ms; -1: there is none. */
static int64_t say(const char *kind, const char *object, const char *biz, int64_t wall) {
    char   dedupe[32];
    size_t n;
    (void)snprintf(dedupe, sizeof dedupe, "k%d", h.said++);
    struct notice_msg m = {.kind = kind, .object = object, .title = "标题", .extra = "1日", .dedupe = dedupe, .wall_ms = wall, .biz_ms = ms(biz)};
    OK(notice_person(h.db, h.a, &RULES, "p_1", &m, &n));
    assert_int_equal(n, 1);
    int64_t  due = -1;
    enum err e   = db_one_i(h.db, &due, "SELECT d.due_wall FROM delivery d JOIN notice n ON n.id = d.notice WHERE n.dedupe = ?1 AND d.channel = 'sms'", "s",
                            dedupe);
    return e == ERR_NOTFOUND ? -1 : due - wall;
}

static void t_after_quiet(void **state) {
    (void)state;
    static const struct {
        int         from, to;
        const char *at, *want;
    } v[] = {
        {1290, 450, "2018-03-12T08:30:00+08:00", "2018-03-12T08:30:00+08:00"}, {1290, 450, "2018-03-12T21:29:59+08:00", "2018-03-12T21:29:59+08:00"},
        {1290, 450, "2018-03-12T21:30:00+08:00", "2018-03-13T07:30:00+08:00"}, {1290, 450, "2018-03-31T23:59:00+08:00", "2018-04-01T07:30:00+08:00"},
        {1290, 450, "2018-03-13T00:00:00+08:00", "2018-03-13T07:30:00+08:00"}, {1290, 450, "2018-03-13T07:30:00+08:00", "2018-03-13T07:30:00+08:00"},
        {720, 840, "2018-03-13T13:00:00+08:00", "2018-03-13T14:00:00+08:00"},  {720, 840, "2018-03-13T14:00:00+08:00", "2018-03-13T14:00:00+08:00"},
        {0, 0, "2018-03-13T03:00:00+08:00", "2018-03-13T03:00:00+08:00"},      {1290, 0, "2018-03-13T22:00:00+08:00", "2018-03-14T00:00:00+08:00"},
    };
    for (size_t i = 0; i < ARRAY_N(v); i++) {
        struct notice_rules r = {.quiet_from_min = v[i].from, .quiet_to_min = v[i].to};
        assert_int_equal(notice_after_quiet(&r, ms(v[i].at)), ms(v[i].want));
    }
}

static void t_quiet(void **state) {
    (void)state;
    assert_int_equal(say("task.due_soon", "task:1", "2018-03-12T10:00:00+08:00", WALL), 600000);
    assert_int_equal(say("task.due_soon", "task:2", "2018-03-12T21:25:00+08:00", WALL), 605 * 60000); /* due 21:35: at 07:30 */
    assert_int_equal(say("task.assigned", "task:3", "2018-03-12T23:00:00+08:00", WALL), 0);           /* P1 passes */
    assert_int_equal(say("instruction.sent", "instruction:1", "2018-03-12T23:00:00+08:00", WALL), 0); /* P0 passes */
}

static void t_merged(void **state) {
    (void)state;
    assert_int_not_equal(say("task.due_soon", "task:1", "2018-03-12T10:00:00+08:00", WALL), -1);
    assert_int_equal(say("task.signed", "task:1", "2018-03-12T10:01:00+08:00", WALL + 60000), -1);
    assert_int_not_equal(say("task.signed", "task:2", "2018-03-12T10:01:00+08:00", WALL + 60000), -1);
    assert_int_equal(say("task.overdue", "task:1", "2018-03-12T10:02:00+08:00", WALL + 120000), 0); /* P1 */
    assert_int_not_equal(say("task.signed", "task:1", "2018-03-12T10:13:00+08:00", WALL + 780000), -1);
    int64_t notices;
    OK(db_one_i(h.db, &notices, "SELECT COUNT(*) FROM notice", ""));
    assert_int_equal(notices, 5);
}

static void t_daily(void **state) {
    (void)state;
    static const char *const objects[] = {"task:1", "task:2", "task:3"};
    for (int i = 0; i < 3; i++) assert_int_not_equal(say("task.due_soon", objects[i], "2018-03-12T10:00:00+08:00", WALL), -1);
    assert_int_equal(say("task.due_soon", "task:4", "2018-03-12T18:00:00+08:00", WALL), -1);
    assert_int_equal(say("task.assigned", "task:4", "2018-03-12T18:00:00+08:00", WALL), 0);
    assert_int_not_equal(say("task.due_soon", "task:5", "2018-03-13T08:00:00+08:00", WALL), -1); /* another day */
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(t_after_quiet), T(t_quiet), T(t_merged), T(t_daily)};
    return cmocka_run_group_tests_name("notice", tests, NULL, NULL);
}
