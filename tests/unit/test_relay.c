/* SPDX-License-Identifier: Apache-2.0
 *
 * The relay with a real store and a real redis-server that is killed, flushed, put back to an older log: order, nothing doubled
 * under one epoch, no delivery left out, one bad row holds up nobody, bounded memory.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <hiredis/hiredis.h>
#include <signal.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/check.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/metric.h"
#include "push/rebuild.h"
#include "push/relay.h"
#include "store/delivery.h"
#include "store/kv.h"
#include "store/migrate.h"
#include "store/outbox.h"
#include "store/redis.h"
#include "store/redis_server.h"

#define WAIT_MS  10000
#define OK(expr) assert_int_equal((expr), ERR_OK)
#define AWAIT(cond)                                                                                                              \
    do {                                                                                                                         \
        int64_t until_ = clock_mono_ms() + WAIT_MS;                                                                              \
        bool    ok_;                                                                                                             \
        while (!(ok_ = (cond)) && clock_mono_ms() < until_) (void)usleep(5000);                                                  \
        if (!ok_) print_message("not within %d ms: %s\n", WAIT_MS, #cond);                                                       \
        assert_true(ok_); /* asked once: an answer may time out on a busy machine */                                             \
    } while (0)

static struct {
    char                 dir[64], db_path[96], redis[160], why[512];
    struct redis_server *server;
    struct writer       *writer;
    struct relay        *relay;
    struct redis        *r;
    struct db           *db;
    struct arena        *arena;
    int                  said, ids, rebuilt;
} h;

static struct relay_channel channel_of(const char *channel) {
    (void)channel;
    return (struct relay_channel){5000, 3600};
}

static void on_rebuild(void *arg) {
    (void)arg;
    __atomic_add_fetch(&h.rebuilt, 1, __ATOMIC_SEQ_CST);
}

static void committed(void *arg, size_t n) {
    (void)arg;
    (void)n;
    struct relay *r = __atomic_load_n(&h.relay, __ATOMIC_SEQ_CST);
    if (r) relay_wake(r);
}

static void start(void) {
    struct relay_conf rc = {.db_path = h.db_path, .redis = h.redis, .writer = h.writer, .channel = channel_of, .rebuild = on_rebuild};
    struct relay     *r;
    OK(relay_start(&rc, &r, h.why, sizeof h.why));
    __atomic_store_n(&h.relay, r, __ATOMIC_SEQ_CST);
}

static void stop(void) {
    struct relay *r = __atomic_exchange_n(&h.relay, NULL, __ATOMIC_SEQ_CST);
    (void)usleep(1000);
    relay_stop(r);
}

static int setup(void **state) {
    (void)state;
    struct db *db;
    memset(&h, 0, sizeof h);
    (void)snprintf(h.dir, sizeof h.dir, "/tmp/zb-relay.XXXXXX");
    if (mkdtemp(h.dir) == NULL) return -1;
    (void)snprintf(h.db_path, sizeof h.db_path, "%s/zhangban.db", h.dir);
    OK(db_open(h.db_path, DB_WRITE, &db, h.why, sizeof h.why));
    OK(migrate(db, NULL, NULL, h.why, sizeof h.why));
    db_close(db);
    OK(db_open(h.db_path, DB_READ, &h.db, h.why, sizeof h.why));
    OK(redis_server_start(h.dir, &h.server, h.redis, sizeof h.redis, h.why, sizeof h.why));
    OK(writer_start(h.db_path, 4096, 512, (struct writer_hooks){.committed = committed}, &h.writer, h.why, sizeof h.why));
    h.r     = redis_new(h.redis, 1000);
    h.arena = arena_new(8U << 20);
    start();
    return 0;
}

static int teardown(void **state) {
    (void)state;
    stop();
    writer_stop(h.writer);
    redis_free(h.r);
    redis_server_stop(h.server);
    db_close(h.db);
    arena_free(h.arena);
    char cmd[128];
    (void)snprintf(cmd, sizeof cmd, "rm -rf '%s'", h.dir);
    return system(cmd);
}

/* ---- what is said and what arrived ---- */
struct pub {
    const char *channel;
    int         first, n;
};

static enum err add_pubs(struct db *db, void *arg) {
    const struct pub *p = arg;
    enum err          e = ERR_OK;
    for (int i = 0; e == ERR_OK && i < p->n; i++) {
        char data[64];
        (void)snprintf(data, sizeof data, "{\"n\":%d}", p->first + i);
        e = outbox_add(db, p->channel, NULL, data, clock_wall_ms());
    }
    return e;
}

static void say(const char *channel, int n) {
    struct pub p = {channel, h.said, n};
    h.said += n;
    OK(writer_call(h.writer, add_pubs, &p));
}

/* Entries in the channel's log: offsets 1, 2, 3 ... and numbers rising by one up to the last said. */
static size_t look(const char *channel) {
    struct channel_pos    pos;
    struct channel_entry *v;
    size_t                n;
    int                   before = -1;
    arena_reset(h.arena);
    if (channel_history(h.r, h.arena, channel, NULL, false, 1000, &pos, &v, &n) != ERR_OK) return SIZE_MAX;
    for (size_t i = 0; i < n; i++) {
        int x = -1;
        assert_int_equal(sscanf(v[i].data, "{\"n\":%d}", &x), 1);
        assert_int_equal(v[i].offset, i + 1);
        if (before >= 0) assert_int_equal(x, before + 1);
        before = x;
    }
    if (n > 0 && before != h.said - 1) return SIZE_MAX; /* not all of it yet */
    return n;
}

static enum err add_deliveries(struct db *db, void *arg) {
    int     *n = arg;
    enum err e = ERR_OK;
    for (int i = 0; e == ERR_OK && i < *n; i++) {
        char id[32];
        (void)snprintf(id, sizeof id, "d_%04d", h.ids++);
        e = delivery_insert(db, &(struct delivery_row){.id = id, .notice = "", .person = "", .channel = "sms", .target = "", .priority = i % 4,
                                                         .due_wall_ms = clock_wall_ms(), .wall_ms = clock_wall_ms()});
    }
    return e;
}

static void deliveries(int n) { OK(writer_call(h.writer, add_deliveries, &n)); }

static int64_t in_lanes(void) {
    int64_t all = 0, waiting, pending;
    for (int i = 0; i < DELIVERY_LANES; i++) {
        if (lane_depth(h.r, delivery_lanes[i], &waiting, &pending) != ERR_OK) return -1;
        all += waiting + pending;
    }
    return all;
}

static void kill_redis(void) {
    pid_t old = redis_server_pid(h.server);
    assert_int_equal(kill(old, SIGKILL), 0);
    AWAIT(redis_server_pid(h.server) > 0 && redis_server_pid(h.server) != old && redis_ping(h.r) == ERR_OK);
}

static void raw(const char *command) {
    redisContext *c = redisConnectUnix(h.redis + 5);
    assert_true(c && !c->err);
    redisReply *p = redisCommand(c, command);
    assert_true(p && p->type != REDIS_REPLY_ERROR);
    freeReplyObject(p);
    redisFree(c);
}

/* ---- tests ---- */
static void t_order(void **state) {
    (void)state;
    for (int i = 0; i < 10; i++) say("task:1", 60);
    AWAIT(look("task:1") == 600);
    stop();
    start(); /* goes on behind what is out: nothing twice */
    say("task:1", 1);
    AWAIT(look("task:1") == 601);
    AWAIT(relay_is_idle(h.relay));
    AWAIT(metric_get(M_C_outbox_waiting) == 0);
}

/* Started anew together with its Redis: what was out is not said again under the new epoch; what was not is. */
static void t_both_anew(void **state) {
    (void)state;
    struct channel_pos before, after;
    say("task:1", 30);
    AWAIT(look("task:1") == 30);
    OK(channel_top(h.r, "task:1", &before));
    stop();
    say("task:1", 3);
    redis_server_stop(h.server);
    OK(redis_server_start(h.dir, &h.server, h.redis, sizeof h.redis, h.why, sizeof h.why));
    start();
    AWAIT(look("task:1") == 3);
    OK(channel_top(h.r, "task:1", &after));
    assert_string_not_equal(before.epoch, after.epoch);
}

static enum err place_is_noted(struct db *db, void *arg) {
    const char *v;
    enum err    e = kv_get(db, h.arena, "relay.seq", &v);
    *(long *)arg  = e == ERR_OK ? strtol(v, NULL, 10) : -1;
    return e == ERR_NOTFOUND ? ERR_OK : e;
}

/* And when that Redis was emptied meanwhile: as far as the store noted it. */
static void t_flushed_anew(void **state) {
    (void)state;
    long noted = 0;
    say("task:1", 30);
    AWAIT(look("task:1") == 30);
    stop();
    start(); /* its first pass notes the place */
    AWAIT(writer_call(h.writer, place_is_noted, &noted) == ERR_OK && noted == 30);
    stop();
    raw("FLUSHALL");
    start();
    say("task:1", 2);
    AWAIT(look("task:1") == 2);
}

/* A Redis whose channels have seen the higher numbers of another store does not swallow the first ones of this. */
static void t_other_store(void **state) {
    (void)state;
    struct channel_pos pos;
    bool               published;
    stop();
    OK(channel_publish(h.r, "task:1", NULL, "{\"n\":-1}", 5000, 100, 3600, &pos, &published));
    assert_true(published);
    start();
    say("task:1", 4);
    AWAIT(look("task:1") == 4);
}

static void t_killed(void **state) {
    (void)state;
    say("task:1", 300);
    deliveries(20);
    kill_redis();
    say("task:1", 300);
    deliveries(20);
    AWAIT(look("task:1") < 1000 && look("task:1") > 0); /* a new epoch: offsets from 1, numbers in order up to the last */
    AWAIT(in_lanes() == 40);
    AWAIT(relay_is_idle(h.relay));
}

static void t_away(void **state) {
    (void)state;
    AWAIT(relay_is_idle(h.relay));
    redis_server_stop(h.server);
    h.server = NULL;
    say("task:1", 500);
    deliveries(50);
    AWAIT(metric_get(M_C_outbox_waiting) == 500);
    assert_false(relay_is_idle(h.relay));
    OK(redis_server_start(h.dir, &h.server, h.redis, sizeof h.redis, h.why, sizeof h.why));
    AWAIT(look("task:1") == 500);
    AWAIT(in_lanes() == 50);
}

static void t_flushed(void **state) {
    (void)state;
    say("task:1", 10);
    deliveries(30);
    AWAIT(look("task:1") == 10 && in_lanes() == 30);
    int before = __atomic_load_n(&h.rebuilt, __ATOMIC_SEQ_CST);
    raw("FLUSHALL"); /* the same run_id: only the mark is missing */
    AWAIT(in_lanes() == 30);
    assert_true(__atomic_load_n(&h.rebuilt, __ATOMIC_SEQ_CST) > before);
    say("task:1", 5);
    AWAIT(look("task:1") == 5);
}

/* The append-only file of some time ago (D12): it knows fewer rows, and lanes that have been worked off. */
static void t_older_log(void **state) {
    (void)state;
    char               cmd[256];
    struct channel_pos before, after;
    say("task:1", 10);
    deliveries(8);
    AWAIT(look("task:1") == 10 && in_lanes() == 8);
    redis_server_stop(h.server);
    (void)snprintf(cmd, sizeof cmd, "cp -r '%s/redis/appendonlydir' '%s/old'", h.dir, h.dir);
    assert_int_equal(system(cmd), 0);
    OK(redis_server_start(h.dir, &h.server, h.redis, sizeof h.redis, h.why, sizeof h.why));
    say("task:1", 10);
    deliveries(4);
    AWAIT(look("task:1") > 0 && look("task:1") < 1000 && in_lanes() == 12);
    OK(channel_top(h.r, "task:1", &before));
    redis_server_stop(h.server);
    (void)snprintf(cmd, sizeof cmd, "rm -r '%s/redis/appendonlydir' && mv '%s/old' '%s/redis/appendonlydir'", h.dir, h.dir, h.dir);
    assert_int_equal(system(cmd), 0);
    OK(redis_server_start(h.dir, &h.server, h.redis, sizeof h.redis, h.why, sizeof h.why));
    AWAIT(in_lanes() == 12);
    say("task:1", 1);
    AWAIT(look("task:1") == 1);
    OK(channel_top(h.r, "task:1", &after));
    assert_string_not_equal(before.epoch, after.epoch);
}

static enum err add_bad(struct db *db, void *arg) {
    (void)arg;
    char long_name[400];
    memset(long_name, 'x', sizeof long_name);
    long_name[sizeof long_name - 1] = '\0';
    /* outbox_add would refuse it */
    return db_exec(db, "INSERT INTO outbox (seq, channel, data, at_wall) VALUES ((SELECT MAX(seq) + 1 FROM outbox), ?1, '{}', ?2)", "si",
                   long_name, clock_wall_ms());
}

static void t_bad_row(void **state) {
    (void)state;
    say("task:1", 1);
    OK(writer_call(h.writer, add_bad, NULL));
    say("task:1", 1);
    AWAIT(look("task:1") == 2);
}

static enum err add_big(struct db *db, void *arg) {
    char *data = arg;
    for (int i = 0; i < 75; i++) {
        enum err e = outbox_add(db, "ranking:1", NULL, data, clock_wall_ms());
        if (e) return e;
    }
    return ERR_OK;
}

/* 67 MB in one read of 256 rows would end the process. */
static void t_big_rows(void **state) {
    (void)state;
    struct channel_pos pos;
    size_t             n    = 900000;
    char              *data = x_malloc(n + 1);
    memset(data, '1', n);
    data[n] = '\0';
    OK(writer_call(h.writer, add_big, data));
    x_free(data);
    AWAIT(channel_top(h.r, "ranking:1", &pos) == ERR_OK && pos.offset == 75);
}

static enum err trim(struct db *db, void *arg) {
    int64_t n;
    (void)arg;
    enum err e = outbox_trim(db, 700, INT64_MAX, 500, &n);
    assert_int_equal(n, 500);
    if (e == ERR_OK) e = outbox_trim(db, 700, INT64_MAX, 500, &n);
    assert_int_equal(n, 200);
    return e;
}

static void t_trim(void **state) {
    (void)state;
    int64_t left;
    say("task:1", 1000);
    AWAIT(look("task:1") == SIZE_MAX || relay_is_idle(h.relay));
    OK(writer_call(h.writer, trim, NULL));
    OK(db_one_i(h.db, &left, "SELECT COUNT(*) FROM outbox", ""));
    assert_int_equal(left, 300);
}

static void t_lane_limit(void **state) {
    (void)state;
    char   **ids;
    size_t   n, *lanes;
    uint32_t full = 0;
    bool     due;
    stop();
    struct db *db;
    OK(db_open(h.db_path, DB_WRITE, &db, h.why, sizeof h.why));
    deliveries(40);
    OK(delivery_queue_due(db, h.arena, clock_wall_ms(), 256, 5, &full, &ids, &lanes, &n));
    assert_int_equal(n, 20); /* five of each lane; the others wait in the store */
    OK(delivery_is_due(db, clock_wall_ms(), 0, &due));
    assert_true(due);
    OK(delivery_is_due(db, clock_wall_ms(), full, &due)); /* but nothing that there is room for: nobody turns in circles */
    assert_false(due);
    OK(delivery_queue_due(db, h.arena, clock_wall_ms(), 256, 7, &full, &ids, &lanes, &n));
    assert_int_equal(n, 0); /* full ones are passed over */
    full = 0;
    OK(delivery_queue_due(db, h.arena, clock_wall_ms(), 256, 5, &full, &ids, &lanes, &n));
    assert_int_equal(n, 0);
    full = 0;
    OK(delivery_queue_due(db, h.arena, clock_wall_ms(), 256, 7, &full, &ids, &lanes, &n));
    assert_int_equal(n, 8);
    assert_string_equal(delivery_lanes[lanes[0]], "p0.sms");
    db_close(db);
    start();
    AWAIT(in_lanes() == 40);
}

static void t_rebuild(void **state) {
    (void)state;
    struct rebuild_counts n;
    struct channel_pos    before, after;
    say("task:1", 3);
    deliveries(12);
    AWAIT(in_lanes() == 12);
    OK(channel_top(h.r, "task:1", &before));
    OK(lane_clear(h.r, "p1.sms"));
    OK(rebuild_all(h.db_path, h.redis, &n, h.why, sizeof h.why));
    assert_int_equal(n.deliveries, 12);
    assert_true(n.channel_keys >= 2);
    assert_int_equal(in_lanes(), 12);
    OK(channel_top(h.r, "task:1", &after));
    assert_string_not_equal(before.epoch, after.epoch);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(int argc, char **argv) {
    log_set(LOG_ERROR, 2);
    if (argc == 2) cmocka_set_test_filter(argv[1]);
    const struct CMUnitTest tests[] = {T(t_order),     T(t_both_anew), T(t_flushed_anew), T(t_other_store),
                                       T(t_killed),    T(t_away),      T(t_flushed),      T(t_older_log),
                                       T(t_bad_row),   T(t_big_rows),  T(t_trim),         T(t_lane_limit),
                                       T(t_rebuild)};
    return cmocka_run_group_tests_name("relay", tests, NULL, NULL);
}
