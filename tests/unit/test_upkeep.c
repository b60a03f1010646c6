/* SPDX-License-Identifier: Apache-2.0
 *
 * What time does, from 2018-03-12 to 04-12 with its rest days, Qingming and its make-up Sunday: each reminder once, at its own instant, also when the
 * clock jumps, and when a commit fails or the thread dies in between.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/check.h"
#include "base/clock.h"
#include "base/mem.h"
#include "handlers/method.h"
#include "handlers/ranking.h"
#include "handlers/upkeep.h"
#include "store/migrate.h"

/* people.c prints roles; the table of methods is not wanted here. */
const struct role_name role_names[] = {{0, NULL, NULL}};

struct city {
    struct house   house;
    struct writer *w;
    struct upkeep *u;
    char           dir[64], path[96];
    int            fail_at; /* the n-th batch cannot be committed; 0 never */
    int            batches;
};

static void now(const char *iso_minute) {
    char    iso[40];
    int64_t ms;
    (void)snprintf(iso, sizeof iso, "%.10sT%.5s:00+08:00", iso_minute, iso_minute + 11);
    MUST(time_parse_iso(iso, &ms) == ERR_OK);
    clock_wall_fake(ms);
}

static enum err seal(void *arg, struct db *db) {
    struct city *c = arg;
    if (++c->batches == c->fail_at) return ERR_STORE;
    if (!c->house.boards_dirty) return ERR_OK;
    enum err e            = ranking_publish(&c->house, db, clock_wall_ms(), clock_business_ms());
    c->house.boards_dirty = false;
    return e;
}

static void aborted(void *arg) { ((struct city *)arg)->house.boards_dirty = true; }

static void start(struct city *c) {
    char                why[200];
    struct writer_hooks hooks = {.arg = c, .seal = seal, .aborted = aborted};
    MUST(writer_start(c->path, 1000, 100, hooks, &c->w, why, sizeof why) == ERR_OK);
    MUST(upkeep_start(&c->house, c->w, c->path, &c->u, why, sizeof why) == ERR_OK);
}

static void stop(struct city *c) {
    upkeep_stop(c->u);
    writer_stop(c->w);
}

static enum err run_sql(struct db *db, void *sql) { return db_script(db, sql); }

static void sql(struct city *c, const char *text) {
    char *copy = x_strdup(text);
    assert_int_equal(writer_call(c->w, run_sql, copy), ERR_OK);
    x_free(copy);
}

static const char records[] =
    "INSERT INTO unit (code, full_name, short_name, board_name, level, type, scope) VALUES ('NP-A','甲局','甲局','甲','city','government_department','department'),"
    "('NP-B','乙县','乙县','乙','county','county','county'),('NP-ZFB','办','办','办','city','government',''),('NP-DDC','督查组','督查组','督','city','group',''),"
    "('NP-ZZB','组织部','组织部','组','city','party_organ',''),('NP-JW','纪委','纪委','纪','city','party_organ','');"
    "INSERT INTO person (id, name, unit, roles, created_wall) VALUES ('pA','A','NP-A',8,0),('pB','B','NP-B',8,0),('pZ','Z','NP-ZFB',2,0),"
    "('pD','D','NP-DDC',16,0),('pO','O','NP-ZZB',16,0),('pJ','J','NP-JW',16,0),('leader','L',NULL,1,0);"
    "INSERT INTO task (id, title, requirement, state, created_by, created_biz, created_wall, deadline, long_term, lead_unit, supervising_unit) VALUES "
    "('T1','综合窗口','r','dispatched','x',0,0,'2018-03-20',0,'NP-A','NP-ZFB'),('T2','长期事项','r','signed','x',0,0,NULL,1,'NP-A','NP-ZFB'),"
    "('T3','清明前后','r','signed','x',0,0,'2018-04-08',0,'NP-A','NP-ZFB');"
    "INSERT INTO task_monitor (task, unit) VALUES ('T1','NP-DDC'),('T1','NP-ZZB'),('T1','NP-JW'),('T3','NP-DDC');"
    /* 03-12 10:00 = 1520820000000; 03-13 10:00 = 1520906400000; 24:00 of 03-13 = 1520956800000 */
    "INSERT INTO task_unit (task, unit, ord, is_lead, sign_due_biz, signed_biz) VALUES ('T1','NP-A',1,1,1520956800000,1520906400000),"
    "('T1','NP-B',2,0,1520956800000,NULL),('T2','NP-A',1,1,1520956800000,1520906400000),('T3','NP-A',1,1,1520956800000,1520906400000);"
    "INSERT INTO task_event (task, seq, event, from_state, to_state, actor, unit, at_biz, at_wall) VALUES "
    "('T1',1,'approve','pending_approval','dispatched','x','',1520820000000,0),('T1',2,'sign_for','dispatched','dispatched','pA','NP-A',1520906400000,0),"
    "('T2',1,'approve','pending_approval','dispatched','x','',1520820000000,0),('T2',2,'sign_for','dispatched','signed','pA','NP-A',1520906400000,0),"
    "('T3',1,'approve','pending_approval','dispatched','x','',1520820000000,0),('T3',2,'sign_for','dispatched','signed','pA','NP-A',1520906400000,0);"
    "INSERT INTO device (id, person, pubkey, name, platform, state, created_wall) VALUES ('d1','leader','k','n','p','active',0);"
    "INSERT INTO instruction (id, leader, device, serial, signed_at, kind, urgency, object, object_version, units, reply_by, due_on, text, canonical, signature,"
    " pubkey, state, created_biz, created_wall) VALUES ('i1','leader','d1',1,0,'order','normal','task:T1',1,'NP-B','2018-03-16','2018-03-16','t','c','s','k',"
    "'issued',1520820000000,0);"
    "INSERT INTO instruction_unit (instruction, unit, ord) VALUES ('i1','NP-B',1);";

/* B signs at last, at 10:00 on the 19th. */
static const char b_signs[] =
    "UPDATE task_unit SET signed_biz = 1521424800000 WHERE task = 'T1' AND unit = 'NP-B'; UPDATE task SET state = 'signed' WHERE id = 'T1';"
    "INSERT INTO task_event (task, seq, event, from_state, to_state, actor, unit, at_biz, at_wall) VALUES "
    "('T1',3,'sign_for','dispatched','signed','pB','NP-B',1521424800000,0);";

static const struct {
    const char *name, *at;
    int         people;
} wanted[] = {
    {"unsigned:T1:NP-B:1520956800000:1", "2018-03-14 00:00", 2}, {"unsigned:T1:NP-B:1520956800000:2", "2018-03-15 00:00", 3},
    {"due_soon:T1:2018-03-20:3", "2018-03-15 08:30", 2},         {"unsigned:T1:NP-B:1520956800000:3", "2018-03-17 00:00", 5},
    {"instruction:i1:NP-B:1", "2018-03-17 08:30", 1},            {"due_soon:T1:2018-03-20:1", "2018-03-19 08:30", 2},
    {"overdue:T1:2018-03-20:1", "2018-03-21 00:00", 3},          {"instruction:i1:NP-B:2", "2018-03-21 08:30", 2},
    {"instruction:i1:NP-B:3", "2018-03-26 08:30", 4},            {"noreport:T1:NP-A:2018-03", "2018-03-26 08:30", 2},
    {"noreport:T1:NP-B:2018-03", "2018-03-26 08:30", 2},         {"noreport:T2:NP-A:2018-03", "2018-03-26 08:30", 2},
    {"noreport:T3:NP-A:2018-03", "2018-03-26 08:30", 2},         {"overdue:T1:2018-03-20:2", "2018-03-28 00:00", 4},
    {"due_soon:T3:2018-04-08:3", "2018-04-02 08:30", 1},         {"due_soon:T3:2018-04-08:1", "2018-04-04 08:30", 1},
    {"overdue:T3:2018-04-08:1", "2018-04-09 00:00", 2},          {"overdue:T1:2018-03-20:3", "2018-04-12 00:00", 6},
};

static void city_open(struct city *c) {
    char       why[200];
    struct db *db;
    memset(c, 0, sizeof *c);
    (void)snprintf(c->dir, sizeof c->dir, "/tmp/ranking.XXXXXX");
    MUST(mkdtemp(c->dir) != NULL);
    (void)snprintf(c->path, sizeof c->path, "%s/z.db", c->dir);
    c->house.cal               = calendar_load("samples/nanping-2018/holidays.json", why, sizeof why);
    c->house.yellow_days       = 3;
    c->house.ranking_min_tasks = 1;
    memset(c->house.plans, 0, sizeof c->house.plans);
    (void)snprintf(c->house.sms_signature, sizeof c->house.sms_signature, "掌办");
    now("2018-03-12 08:30");
    MUST(db_open(c->path, DB_WRITE, &db, why, sizeof why) == ERR_OK && migrate(db, NULL, NULL, why, sizeof why) == ERR_OK);
    MUST(db_begin(db) == ERR_OK && db_script(db, records) == ERR_OK && db_commit(db) == ERR_OK);
    db_close(db);
}

static void city_close(struct city *c) {
    char cmd[96];
    ranking_forget(&c->house);
    calendar_free((struct calendar *)(uintptr_t)c->house.cal);
    (void)snprintf(cmd, sizeof cmd, "rm -rf '%s'", c->dir);
    MUST(system(cmd) == 0);
    clock_wall_fake(0);
}

/* Everything that was written for people, in order. */
static char *dump(struct city *c) {
    static const char *const queries[] = {
        "SELECT name, at_biz FROM reminder ORDER BY at_biz, name",
        "SELECT person || ' ' || dedupe || ' ' || kind || ' ' || body, created_biz FROM notice ORDER BY created_biz, person, dedupe",
        "SELECT period || ' ' || scope || ' ' || board, frozen_biz FROM ranking_frozen ORDER BY period, scope",
        "SELECT value, 0 FROM kv WHERE name = 'upkeep.biz'"};
    char       why[200];
    struct buf b;
    struct db *db;
    MUST(db_open(c->path, DB_READ, &db, why, sizeof why) == ERR_OK);
    buf_init(&b, 1U << 20);
    for (size_t i = 0; i < ARRAY_N(queries); i++) {
        struct rows *r = db_query(db, queries[i], "");
        while (db_next(r)) buf_printf(&b, "%s %lld\n", row_s(r, 0), (long long)row_i(r, 1));
        MUST(db_rows_end(r) == ERR_OK);
    }
    db_close(db);
    return buf_take(&b, NULL);
}

static int64_t one(struct city *c, const char *query, const char *arg) {
    char       why[200];
    struct db *db;
    int64_t    v = -1;
    MUST(db_open(c->path, DB_READ, &db, why, sizeof why) == ERR_OK);
    if (db_one_i(db, &v, query, arg ? "s" : "", arg) != ERR_OK) v = -1;
    db_close(db);
    return v;
}

/* Every day at noon. */
static char *day_by_day(struct city *c) {
    start(c);
    for (int32_t d = date_make(2018, 3, 12); d <= date_make(2018, 4, 12); d++) {
        clock_wall_fake(date_start_ms(d) + 12 * 3600000LL);
        if (d == date_make(2018, 3, 19)) sql(c, b_signs);
        upkeep_now(c->u);
    }
    return dump(c);
}

static void test_every_reminder_once(void **state) {
    (void)state;
    struct city c;
    city_open(&c);
    char *first = day_by_day(&c);
    for (size_t i = 0; i < ARRAY_N(wanted); i++) {
        char    iso[40];
        int64_t at, got = one(&c, "SELECT at_biz FROM reminder WHERE name = ?1", wanted[i].name);
        (void)snprintf(iso, sizeof iso, "%.10sT%.5s:00+08:00", wanted[i].at, wanted[i].at + 11);
        MUST(time_parse_iso(iso, &at) == ERR_OK);
        if (got > 0) time_format_iso(got, iso);
        if (got != at) fail_msg("%s: at %s, want %s", wanted[i].name, got > 0 ? iso : "never", wanted[i].at);
        int64_t people = one(&c, "SELECT COUNT(*) FROM notice WHERE dedupe = ?1", wanted[i].name);
        if (people != wanted[i].people) fail_msg("%s: %d people, want %d", wanted[i].name, (int)people, wanted[i].people);
    }
    if (one(&c, "SELECT COUNT(*) FROM reminder", NULL) != (int64_t)ARRAY_N(wanted)) fail_msg("others than wanted:\n%s", first);
    assert_int_equal(one(&c, "SELECT COUNT(*) FROM ranking_frozen WHERE frozen_biz = 1522512000000", NULL), 8); /* 03 and Q1 at 04-01 00:00 */
    /* nothing is due: nothing is written */
    uint64_t batches = writer_stats(c.w).batches;
    for (int i = 0; i < 3; i++) upkeep_now(c.u);
    assert_int_equal(writer_stats(c.w).batches, batches);
    char *again = dump(&c);
    assert_string_equal(first, again);
    /* boards of the new day were published without any event */
    assert_true(one(&c, "SELECT COUNT(*) FROM outbox WHERE channel = 'ranking:2018-04:department'", NULL) >= 11);
    x_free(first);
    x_free(again);
    stop(&c);
    city_close(&c);
}

static char *in_one_jump(struct city *c) {
    start(c);
    upkeep_now(c->u); /* the very first pass deals with its own day only */
    now("2018-03-19 09:59");
    upkeep_now(c->u);
    sql(c, b_signs);
    now("2018-04-12 12:00");
    upkeep_now(c->u);
    return dump(c);
}

static void test_a_jump_does_the_same_in_order(void **state) {
    (void)state;
    struct city a, b;
    city_open(&a);
    char *slow = day_by_day(&a);
    stop(&a);
    city_close(&a);
    city_open(&b);
    char *fast = in_one_jump(&b);
    stop(&b);
    city_close(&b);
    assert_string_equal(slow, fast);
    x_free(slow);
    x_free(fast);
}

/* The n-th commit fails and the process goes down there; started again it ends where an undisturbed one does. */
static void test_crash_in_between(void **state) {
    (void)state;
    struct city c;
    city_open(&c);
    char *whole = in_one_jump(&c);
    int   n     = c.batches;
    stop(&c);
    city_close(&c);
    assert_true(n > 40);
    for (int at = c.batches / 4; at < n; at += 9) {
        city_open(&c);
        start(&c);
        upkeep_now(c.u);
        now("2018-03-19 09:59");
        upkeep_now(c.u);
        sql(&c, b_signs);
        c.fail_at = at;
        now("2018-04-12 12:00");
        upkeep_now(c.u);
        stop(&c);
        c.fail_at = 0;
        start(&c);
        upkeep_now(c.u);
        char *resumed = dump(&c);
        stop(&c);
        city_close(&c);
        assert_string_equal(whole, resumed);
        x_free(resumed);
    }
    x_free(whole);
}

/* A moved deadline reminds anew; one closed in time not at all. */
static void test_moved_deadline(void **state) {
    (void)state;
    struct city c;
    city_open(&c);
    start(&c);
    now("2018-03-15 12:00");
    upkeep_now(c.u);
    sql(&c, "UPDATE task SET deadline = '2018-03-30' WHERE id = 'T1'; UPDATE task SET state = 'closed' WHERE id = 'T3';"
            "INSERT INTO task_event (task, seq, event, from_state, to_state, actor, data, at_biz, at_wall) VALUES "
            "('T1',3,'extend_approve','dispatched','dispatched','x','{\"deadline_from\":\"2018-03-20\"}',1521086400000,0),"
            "('T3',3,'submit_done','signed','submitted','x','{}',1521086400000,0),('T3',4,'accept','submitted','closed','x','{}',1521086400001,0);");
    now("2018-04-12 12:00");
    upkeep_now(c.u);
    assert_int_equal(one(&c, "SELECT COUNT(*) FROM reminder WHERE name = 'due_soon:T1:2018-03-20:3'", NULL), 1);
    assert_int_equal(one(&c, "SELECT COUNT(*) FROM reminder WHERE name = 'due_soon:T1:2018-03-20:1'", NULL), 0);
    assert_int_equal(one(&c, "SELECT COUNT(*) FROM reminder WHERE name = 'due_soon:T1:2018-03-30:3'", NULL), 1);
    assert_int_equal(one(&c, "SELECT COUNT(*) FROM reminder WHERE name = 'overdue:T1:2018-03-30:1'", NULL), 1);
    assert_int_equal(one(&c, "SELECT COUNT(*) FROM reminder WHERE name >= 'overdue:T3' AND name < 'overdue:T4'", NULL), 0);
    stop(&c);
    city_close(&c);
}

/* `zhangban clock --advance` is another process: only the record of the clock changes. */
static void test_clock_of_a_demo(void **state) {
    (void)state;
    struct city c;
    city_open(&c);
    c.house.demo = true;
    start(&c);
    upkeep_now(c.u);
    sql(&c, "INSERT INTO kv (name, value) VALUES ('clock', '1520814600000 1521072000000 1000')"); /* 2018-03-15 08:00 */
    upkeep_now(c.u);
    assert_int_equal(one(&c, "SELECT COUNT(*) FROM reminder", NULL), 2);
    sql(&c, "UPDATE kv SET value = '1520814600000 1521073800000 1000' WHERE name = 'clock'"); /* 08:30 */
    upkeep_now(c.u);
    assert_int_equal(one(&c, "SELECT COUNT(*) FROM reminder WHERE name = 'due_soon:T1:2018-03-20:3'", NULL), 1);
    stop(&c);
    clock_business_real();
    city_close(&c);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_reminder_once),
        cmocka_unit_test(test_a_jump_does_the_same_in_order),
        cmocka_unit_test(test_crash_in_between),
        cmocka_unit_test(test_moved_deadline),
        cmocka_unit_test(test_clock_of_a_demo),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
