/* SPDX-License-Identifier: Apache-2.0
 *
 * Noise limits of notices (F110, F119): quiet hours in the business clock, one SMS about an object within ten minutes, so many a
 * day; P0 and P1 pass; the notice itself is always there. Steps of a plan, and those that make an earlier one louder.
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

static void t_plan_text(void **state) {
    (void)state;
    static const struct {
        const char *text, *why; /* NULL: good */
    } v[] = {
        {"", NULL},
        {"office+0 office!+600 sms+900", NULL},
        {"push+0 office+0 sms+60/0 office!+600", NULL},
        {"office+0 office!+10 office+20 office!+30", NULL},
        {"office!+600", "office!: no office step before it, or it is made louder already"},
        {"push+0 office!+600 office+900", "office!: no office step before it, or it is made louder already"},
        {"office+0 office!+600 office!+1200", "office!: no office step before it, or it is made louder already"},
        {"office+0 office!+600/0", "office!: has no time of its own behind /: it is never alone"},
        {"sms+0 sms!+600", "sms!: only a message of channel office can be made louder"},
        {"office+0 office!+", "office: channel+SECONDS or channel+SECONDS/SECONDS, at most 604800"},
        {"office+60 office!+30", "office: before the step in front of it"},
        {"office+0 !+30", "no channel \"\" (push, wechat, office, sms, voice, webhook)"},
        {"office+0 office!!+30", "no channel \"office!\" (push, wechat, office, sms, voice, webhook)"},
    };
    for (size_t i = 0; i < ARRAY_N(v); i++) {
        struct notice_plan p;
        char               why[256] = "";
        enum err           e        = notice_plan_parse(v[i].text, &p, why, sizeof why);
        if (e != (v[i].why ? ERR_INPUT : ERR_OK) || (v[i].why && strcmp(why, v[i].why) != 0)) fail_msg("%s: %d %s", v[i].text, (int)e, why);
    }
    struct notice_plan p;
    char               why[256];
    OK(notice_plan_parse("office+0 office!+600 sms+900/0", &p, why, sizeof why));
    assert_true(p.n == 3 && !p.step[0].is_raise && p.step[1].is_raise && !p.step[2].is_raise);
    assert_true(p.step[1].channel == CHANNEL_OFFICE && p.step[1].after_ms == 600000);
}

#define COUNT(v, where) OK(db_one_i(h.db, &(v), "SELECT COUNT(*) FROM delivery WHERE " where, ""))

/* One for each message, to the same target; none where there is no message. */
static void t_raise_rows(void **state) {
    (void)state;
    char                why[256];
    int64_t             n;
    size_t              said;
    struct notice_rules rules = RULES;
    struct notice_plan  loud[4];
    for (int i = 0; i < 4; i++) OK(notice_plan_parse("office+0 office!+600 sms+900/0", &loud[i], why, sizeof why));
    rules.plans    = loud;
    rules.channels = 1U << CHANNEL_SMS | 1U << CHANNEL_OFFICE;
    struct notice_msg m = {.kind = "task.assigned", .object = "task:1", .title = "标题", .extra = "", .dedupe = "a", .wall_ms = WALL, .biz_ms = ms("2018-03-12T10:00:00+08:00")};
    OK(notice_person(h.db, h.a, &rules, "p_1", &m, &said)); /* without an account in any messenger */
    COUNT(n, "channel = 'office'");
    assert_int_equal(n, 0);
    COUNT(n, "channel = 'sms' AND due_wall = 1700000000000");
    assert_int_equal(n, 1);
    OK(db_exec(h.db, "INSERT INTO push_target (id, person, channel, vendor, token_idx, token_enc, state, registered_wall, seen_wall) VALUES "
                     "('g_1', 'p_1', 'office', 'wecom', 'a', x'00', 'active', 0, 0), ('g_2', 'p_1', 'office', 'feishu', 'b', x'00', 'active', 0, 0)", ""));
    m.dedupe = "b";
    OK(notice_person(h.db, h.a, &rules, "p_1", &m, &said));
    COUNT(n, "channel = 'office' AND raise_of = '' AND step = 1");
    assert_int_equal(n, 2);
    COUNT(n, "step = 2 AND due_wall = 1700000600000 AND target = (SELECT b.target FROM delivery b WHERE b.id = delivery.raise_of AND b.step = 1)");
    assert_int_equal(n, 2);
    COUNT(n, "channel = 'sms' AND step = 3 AND due_wall = 1700000900000");
    assert_int_equal(n, 1);
    m.dedupe           = "c"; /* pressed together before a deadline: all of them */
    m.deadline_wall_ms = WALL + 500000;
    OK(notice_person(h.db, h.a, &rules, "p_1", &m, &said));
    COUNT(n, "step = 2 AND due_wall = 1700000300000");
    assert_int_equal(n, 2);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(t_after_quiet), T(t_quiet), T(t_merged), T(t_daily), cmocka_unit_test(t_plan_text), T(t_raise_rows)};
    return cmocka_run_group_tests_name("notice", tests, NULL, NULL);
}
