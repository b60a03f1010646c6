/* SPDX-License-Identifier: Apache-2.0
 *
 * The Redis side of the store against a real redis-server on a Unix socket, started, flushed, killed and restarted here.
 */
#include <hiredis/hiredis.h>
#include <pthread.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "base/arena.h"
#include "base/log.h"
#include "store/keys.h"
#include "store/redis.h"
#include "tests/unit/storekit.h"

#define HOUR 3600000LL

static char          sock[128], address[160];
static pid_t         server;
static struct redis *r;
static redisContext *raw;
static struct arena *a;

static void start(void) {
    server = fork();
    assert_true(server >= 0);
    if (server == 0) {
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
        (void)execlp("redis-server", "redis-server", "--port", "0", "--unixsocket", sock, "--dir", sk_dir, "--save", "", "--appendonly", "yes",
                     "--maxmemory-policy", "noeviction", "--loglevel", "warning", "--logfile", "redis.log", (char *)NULL);
        _exit(127);
    }
    struct redis *probe = redis_new(address, 1000);
    int64_t       until = clock_mono_ms() + 20000;
    while (redis_ping(probe) != ERR_OK) {
        assert_true(clock_mono_ms() < until);
        assert_int_equal(waitpid(server, NULL, WNOHANG), 0);
        usleep(5000);
    }
    redis_free(probe);
    raw = redisConnectUnix(sock);
    assert_true(raw && raw->err == 0);
}

static void stop(void) {
    redisFree(raw);
    raw = NULL;
    (void)kill(server, SIGTERM); /* the append-only file is written */
    assert_int_equal(waitpid(server, NULL, 0), server);
}

static int64_t raw_i(const char *what, const char *key) {
    redisReply *p = redisCommand(raw, what, key);
    assert_non_null(p);
    int64_t v = p->integer;
    assert_int_equal(p->type, REDIS_REPLY_INTEGER);
    freeReplyObject(p);
    return v;
}

static void flush(void) { freeReplyObject(redisCommand(raw, "FLUSHALL")); }

/* After a restart the connection comes back by itself. */
static void wait_back(void) {
    int64_t until = clock_mono_ms() + 10000;
    while (redis_ping(r) != ERR_OK) {
        assert_true(clock_mono_ms() < until);
        usleep(5000);
    }
}

static int setup_group(void **state) {
    (void)state;
    sk_make_dir();
    (void)snprintf(sock, sizeof sock, "%s/r.sock", sk_dir);
    (void)snprintf(address, sizeof address, "unix:%s", sock);
    log_set(LOG_ERROR, 2);
    start();
    return 0;
}

static int teardown_group(void **state) {
    (void)state;
    stop();
    sk_drop_dir();
    log_set(LOG_INFO, 2);
    return 0;
}

static int setup(void **state) {
    (void)state;
    flush();
    r = redis_new(address, 2000);
    a = arena_new(1 << 20);
    return 0;
}

static int teardown(void **state) {
    (void)state;
    redis_free(r);
    arena_free(a);
    clock_wall_fake(0);
    return 0;
}

/* ---- sessions ---- */
static struct session session(const char *id, int64_t idle, int64_t life) {
    struct session s = {.created_wall_ms = clock_wall_ms(), .expires_wall_ms = clock_wall_ms() + life, .idle_ms = idle};
    (void)snprintf(s.id, sizeof s.id, "%s", id);
    (void)snprintf(s.person, sizeof s.person, "p1");
    (void)snprintf(s.device, sizeof s.device, "d1");
    (void)snprintf(s.client, sizeof s.client, "phone");
    return s;
}

static void t_session(void **state) {
    (void)state;
    char            token[44], token2[44], hash[65], key[128];
    struct session  s = session("s1", HOUR / 2, 12 * HOUR), got, *list;
    size_t          n;
    assert_int_equal(session_create(r, &s, token), ERR_OK);
    assert_int_equal(strlen(token), 43);
    assert_int_equal(session_get(r, token, &got), ERR_OK);
    assert_string_equal(got.id, "s1");
    assert_string_equal(got.person, "p1");
    assert_string_equal(got.device, "d1");
    assert_string_equal(got.client, "phone");
    assert_int_equal(got.expires_wall_ms, s.expires_wall_ms);
    s = session("s2", HOUR / 2, 12 * HOUR);
    assert_int_equal(session_create(r, &s, token2), ERR_OK);
    assert_string_not_equal(token, token2);
    assert_int_equal(session_list(r, a, "p1", &list, &n), ERR_OK);
    assert_int_equal(n, 2);
    assert_int_equal(session_list(r, a, "p2", &list, &n), ERR_OK);
    assert_int_equal(n, 0);
    /* the token itself is nowhere */
    session_token_hash(token, hash);
    (void)snprintf(key, sizeof key, KEY_SESSION, hash);
    assert_int_equal(raw_i("EXISTS %s", key), 1);
    (void)snprintf(key, sizeof key, KEY_SESSION, token);
    assert_int_equal(raw_i("EXISTS %s", key), 0);
    static const char *bad[] = {"", "x", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=", "../../../../etc/passwd"};
    for (size_t i = 0; i < ARRAY_N(bad); i++) assert_int_equal(session_get(r, bad[i], &got), ERR_AUTH);
    assert_int_equal(session_delete(r, "p2", "s1"), ERR_NOTFOUND); /* not of this person */
    assert_int_equal(session_delete(r, "p1", "s1"), ERR_OK);
    assert_int_equal(session_delete(r, "p1", "s1"), ERR_NOTFOUND);
    assert_int_equal(session_get(r, token, &got), ERR_AUTH);
    assert_int_equal(session_get(r, token2, &got), ERR_OK);
    flush();
    assert_int_equal(session_get(r, token2, &got), ERR_AUTH);
}

static void t_session_limits(void **state) {
    (void)state;
    char           token[44];
    const int64_t  t0 = 1520814600000;
    struct session got, s;
    clock_wall_fake(t0);
    s = session("s1", HOUR / 2, 2 * HOUR);
    assert_int_equal(session_create(r, &s, token), ERR_OK);
    for (int i = 1; i <= 5; i++) { /* used every 20 minutes */
        clock_wall_fake(t0 + i * HOUR / 3);
        assert_int_equal(session_get(r, token, &got), ERR_OK);
        assert_int_equal(got.seen_wall_ms, t0 + i * HOUR / 3);
    }
    clock_wall_fake(t0 + 2 * HOUR); /* the absolute end comes all the same */
    assert_int_equal(session_get(r, token, &got), ERR_AUTH);
    clock_wall_fake(t0);
    s = session("s2", HOUR / 2, 2 * HOUR);
    assert_int_equal(session_create(r, &s, token), ERR_OK);
    clock_wall_fake(t0 + HOUR / 2 - 1);
    assert_int_equal(session_get(r, token, &got), ERR_OK);
    clock_wall_fake(t0 + HOUR - 1);
    assert_int_equal(session_get(r, token, &got), ERR_AUTH); /* idle */
    s = session("s3", HOUR, -1);
    assert_int_equal(session_create(r, &s, token), ERR_INPUT);
    assert_string_equal(token, "");
}

/* The index through which sessions are listed and revoked lives as long as any of them may, not only one idle time. */
static void t_session_index(void **state) {
    (void)state;
    char           token[44];
    struct session s = session("s1", 60000, 12 * HOUR);
    assert_int_equal(session_create(r, &s, token), ERR_OK);
    assert_true(raw_i("PTTL %s", "zb:sp:p1") > 11 * HOUR);
    s = session("s2", 60000, HOUR); /* a shorter one does not shorten it */
    assert_int_equal(session_create(r, &s, token), ERR_OK);
    assert_true(raw_i("PTTL %s", "zb:sp:p1") > 11 * HOUR);
}

static void t_session_many(void **state) {
    (void)state;
    char            token[SESSIONS_PER_PERSON + 1][44], id[16];
    struct session *list, got;
    size_t          n;
    for (int i = 0; i <= SESSIONS_PER_PERSON; i++) {
        (void)snprintf(id, sizeof id, "s%d", i);
        clock_wall_fake(1520814600000 + i * 10000);
        struct session s = session(id, 24 * HOUR, 48 * HOUR);
        if (i == SESSIONS_PER_PERSON) assert_int_equal(session_get(r, token[0], &got), ERR_OK); /* the first one was just used */
        assert_int_equal(session_create(r, &s, token[i]), ERR_OK);
    }
    assert_int_equal(session_list(r, a, "p1", &list, &n), ERR_OK);
    assert_int_equal(n, SESSIONS_PER_PERSON);
    assert_int_equal(session_get(r, token[0], &got), ERR_OK);
    assert_int_equal(session_get(r, token[1], &got), ERR_AUTH); /* the one unused for longest went */
    assert_int_equal(session_get(r, token[SESSIONS_PER_PERSON], &got), ERR_OK);
}

/* ---- limits and nonces ---- */
static void t_limit(void **state) {
    (void)state;
    int64_t retry;
    char    name[400];
    for (int i = 0; i < 5; i++) assert_int_equal(limit_take(r, "x", 2, 6, 10, &retry), ERR_OK);
    assert_int_equal(limit_take(r, "x", 2, 6, 10, &retry), ERR_LIMIT); /* 10 s a unit */
    assert_true(retry > 15000 && retry <= 20000);
    assert_int_equal(limit_take(r, "x", 0, 6, 10, &retry), ERR_OK);
    assert_int_equal(limit_take(r, "y", 2, 6, 10, &retry), ERR_OK);
    assert_int_equal(limit_take(r, "z", 50, 6, 10, &retry), ERR_OK); /* dearer than the bucket: all of it */
    assert_int_equal(limit_take(r, "z", 1, 6, 10, &retry), ERR_LIMIT);
    memset(name, 'n', sizeof name - 1);
    name[sizeof name - 1] = '\0';
    assert_int_equal(limit_take(r, name, 10, 6, 10, &retry), ERR_OK);
    assert_int_equal(limit_take(r, name, 10, 6, 10, &retry), ERR_LIMIT);
    name[0] = 'm';
    assert_int_equal(limit_take(r, name, 10, 6, 10, &retry), ERR_OK);
    assert_int_equal(limit_take(r, "fast", 1, 60000, 1, &retry), ERR_OK); /* a unit a ms: it refills while we look */
    int64_t until = clock_mono_ms() + 5000;
    while (limit_take(r, "fast", 1, 60000, 1, &retry) == ERR_LIMIT) assert_true(clock_mono_ms() < until);
    assert_true(raw_i("PTTL %s", "zb:l:x") > 0);
}

static void t_once(void **state) {
    (void)state;
    bool first;
    assert_int_equal(once(r, "nonce", "v1", 60000, &first), ERR_OK);
    assert_true(first);
    assert_int_equal(once(r, "nonce", "v1", 60000, &first), ERR_OK);
    assert_false(first);
    assert_int_equal(once(r, "nonce", "v2", 60000, &first), ERR_OK);
    assert_true(first);
    assert_int_equal(once(r, "other", "v1", 60000, &first), ERR_OK);
    assert_true(first);
    assert_int_equal(once(r, "nonce", "short", 1, &first), ERR_OK);
    int64_t until = clock_mono_ms() + 5000;
    do {
        assert_int_equal(once(r, "nonce", "short", 1, &first), ERR_OK);
        assert_true(clock_mono_ms() < until);
    } while (!first);
}

/* ---- channels ---- */
static struct channel_pos pos;

static bool publish(const char *key, const char *data, int64_t seq) {
    bool published;
    assert_int_equal(channel_publish(r, "task:t1", key, data, seq, 5, 3600, &pos, &published), ERR_OK);
    return published;
}

static void t_channel(void **state) {
    (void)state;
    struct channel_entry *list;
    size_t                n;
    bool                  complete;
    char                  epoch[24];
    assert_int_equal(channel_top(r, "task:t1", &pos), ERR_OK);
    assert_int_equal(pos.offset, 0);
    (void)snprintf(epoch, sizeof epoch, "%s", pos.epoch);
    assert_true(epoch[0] != '\0' && strcmp(epoch, "_") != 0);
    for (int i = 1; i <= 3; i++) {
        assert_true(publish(i == 2 ? "k" : NULL, i == 3 ? "{\"南\":3}" : "{}", i * 10));
        assert_int_equal(pos.offset, i);
        assert_string_equal(pos.epoch, epoch);
    }
    assert_false(publish(NULL, "{}", 30)); /* the relay sends again */
    assert_false(publish(NULL, "{}", 5));
    assert_int_equal(pos.offset, 3);
    assert_int_equal(channel_read(r, a, "task:t1", epoch, 1, 100, &pos, &list, &n, &complete), ERR_OK);
    assert_true(complete);
    assert_int_equal(n, 2);
    assert_int_equal(list[0].offset, 2);
    assert_string_equal(list[0].key, "k");
    assert_null(list[1].key);
    assert_string_equal(list[1].data, "{\"南\":3}");
    assert_true(llabs(list[1].at_ms - clock_wall_ms()) < 60000);
    assert_int_equal(channel_read(r, a, "task:t1", "", 3, 100, &pos, &list, &n, &complete), ERR_OK);
    assert_true(complete);
    assert_int_equal(n, 0);
    assert_int_equal(channel_read(r, a, "task:t1", epoch, 0, 2, &pos, &list, &n, &complete), ERR_OK);
    assert_false(complete); /* cut by max */
    assert_int_equal(channel_read(r, a, "task:t1", epoch, 4, 100, &pos, &list, &n, &complete), ERR_OK);
    assert_false(complete); /* a position that never was */
    assert_int_equal(channel_read(r, a, "task:t1", "0123", 1, 100, &pos, &list, &n, &complete), ERR_OK);
    assert_false(complete);
    assert_int_equal(n, 0);
    for (int i = 4; i <= 9; i++) assert_true(publish(NULL, "{}", i * 10));
    assert_int_equal(channel_read(r, a, "task:t1", epoch, 4, 100, &pos, &list, &n, &complete), ERR_OK);
    assert_true(complete); /* 5..9 are kept */
    assert_int_equal(n, 5);
    assert_int_equal(channel_read(r, a, "task:t1", epoch, 3, 100, &pos, &list, &n, &complete), ERR_OK);
    assert_false(complete); /* 4 is gone */
    bool published;
    assert_int_equal(channel_publish(r, "", NULL, "{}", 1, 5, 60, &pos, &published), ERR_INPUT);
    char *big = x_malloc(CHANNEL_DATA_MAX + 2);
    memset(big, ' ', CHANNEL_DATA_MAX + 1);
    big[CHANNEL_DATA_MAX + 1] = '\0';
    assert_int_equal(channel_publish(r, "c", NULL, big, 1, 5, 60, &pos, &published), ERR_TOOBIG);
    big[CHANNEL_DATA_MAX] = '\0';
    assert_int_equal(channel_publish(r, "c", NULL, big, 1, 5, 60, &pos, &published), ERR_OK);
    x_free(big);
}

/* Many in one command: the same as one after the other. */
static void t_publish_some(void **state) {
    (void)state;
    struct channel_item   v[40];
    struct channel_pos    at[CHANNEL_ITEMS_MAX];
    bool                  published[CHANNEL_ITEMS_MAX];
    char                  names[4][256], data[40][16], *big = x_malloc(CHANNEL_DATA_MAX + 1);
    uint64_t              offset[4] = {0};
    struct channel_entry *list;
    size_t                n, calls = 0;
    bool                  complete;
    for (size_t i = 0; i < 4; i++) { /* the longest names there may be: fewer of them fit into one command */
        memset(names[i], 'x', sizeof names[i]);
        (void)snprintf(names[i], sizeof names[i], "task:t%zu", i);
        if (i == 3) names[i][strlen(names[i])] = 'x', names[i][NAME_MAX_BYTES] = '\0';
    }
    for (size_t i = 0; i < 40; i++) {
        (void)snprintf(data[i], sizeof data[i], "{\"i\":%zu}", i);
        v[i] = (struct channel_item){names[i % 4], i % 3 ? NULL : "k", data[i], (int64_t)i + 1, 100, 60};
    }
    memset(big, ' ', CHANNEL_DATA_MAX);
    big[CHANNEL_DATA_MAX] = '\0';
    v[20].data            = big;
    for (size_t i = 0, done; i < 40; i += done, calls++) {
        assert_int_equal(channel_publish_some(r, &v[i], 40 - i, &done, at, published), ERR_OK);
        assert_in_range(done, 1, CHANNEL_ITEMS_MAX);
        for (size_t k = 0; k < done; k++) {
            assert_true(published[k]);
            assert_int_equal(at[k].offset, ++offset[(i + k) % 4]); /* no gap, also twice in one command */
        }
    }
    assert_in_range(calls, 5, 20);
    int64_t relayed = 0;
    assert_int_equal(channel_relayed(r, &relayed), ERR_OK);
    assert_int_equal(relayed, 40);
    for (size_t c = 1; c < 4; c++) { /* not 0: the long one does not fit the arena */
        assert_int_equal(channel_read(r, a, names[c], "", 0, 100, &pos, &list, &n, &complete), ERR_OK);
        assert_int_equal(pos.offset, 10);
        assert_int_equal(n, 10);
        for (size_t i = 0; i < n; i++) assert_string_equal(list[i].data, data[i * 4 + c]);
    }
    size_t done;
    v[1].seq = 1000; /* sent again after an answer was lost, one new among them */
    assert_int_equal(channel_publish_some(r, v, 4, &done, at, published), ERR_OK);
    assert_int_equal(done, 4);
    for (size_t i = 0; i < 4; i++) assert_int_equal(published[i], i == 1);
    assert_int_equal(at[0].offset, 10);
    assert_int_equal(at[1].offset, 11);
    v[2].channel = "";
    v[0].seq     = 2000;
    assert_int_equal(channel_publish_some(r, v, 4, &done, at, published), ERR_INPUT); /* nothing of the call happens */
    assert_int_equal(done, 0);
    assert_int_equal(channel_top(r, names[0], &pos), ERR_OK);
    assert_int_equal(pos.offset, 10);
    x_free(big);
}

static void t_history(void **state) {
    (void)state;
    struct channel_entry *list;
    size_t                n;
    for (int i = 1; i <= 5; i++) assert_true(publish(NULL, "{}", i));
    static const struct {
        int  since, limit; /* since -1: none */
        bool reverse;
        int  first, n;
    } v[] = {{-1, 2, false, 1, 2}, {-1, 2, true, 5, 2}, {2, 10, false, 3, 3}, {4, 10, true, 3, 3}, {0, 10, true, 0, 0}, {5, 10, false, 0, 0}, {-1, 0, false, 0, 0},
             {-1, 100, false, 1, 5}, {1, 10, true, 0, 0}};
    for (size_t i = 0; i < ARRAY_N(v); i++) {
        uint64_t since = (uint64_t)v[i].since;
        assert_int_equal(channel_history(r, a, "task:t1", v[i].since < 0 ? NULL : &since, v[i].reverse, v[i].limit, &pos, &list, &n), ERR_OK);
        assert_int_equal(pos.offset, 5);
        assert_int_equal(n, v[i].n);
        if (n) assert_int_equal(list[0].offset, v[i].first);
        if (n > 1) assert_int_equal(list[1].offset, v[i].first + (v[i].reverse ? -1 : 1));
    }
}

/* D12: another run_id, or a flush, is another epoch; an offset is never handed out twice under one. */
static void t_epoch(void **state) {
    (void)state;
    struct channel_entry *list;
    size_t                n;
    bool                  complete;
    char                  first[24], run_id[64];
    assert_true(publish(NULL, "{\"n\":1}", 100));
    assert_true(publish(NULL, "{\"n\":2}", 101));
    (void)snprintf(first, sizeof first, "%s", pos.epoch);
    (void)snprintf(run_id, sizeof run_id, "%s", redis_run_id(r));
    assert_true(run_id[0] != '\0');
    stop();
    assert_int_equal(channel_top(r, "task:t1", &pos), ERR_UNAVAILABLE);
    start();
    wait_back();
    assert_string_not_equal(redis_run_id(r), run_id);
    assert_true(raw_i("EXISTS %s", "zb:c:task:t1:m") == 1); /* the append-only file brought it back */
    assert_int_equal(channel_read(r, a, "task:t1", first, 1, 10, &pos, &list, &n, &complete), ERR_OK);
    assert_false(complete);
    assert_string_not_equal(pos.epoch, first);
    assert_int_equal(pos.offset, 0);
    assert_true(publish(NULL, "{\"n\":3}", 101)); /* its answer may have been lost with the server: published rather than lost */
    assert_int_equal(pos.offset, 1);
    char second[24];
    (void)snprintf(second, sizeof second, "%s", pos.epoch);
    flush();
    assert_true(publish(NULL, "{}", 102));
    assert_string_not_equal(pos.epoch, second);
    assert_int_equal(pos.offset, 1);
}

static void *publisher(void *arg) {
    struct redis *mine = redis_new(address, 5000);
    for (int i = 0; i < 100; i++) {
        struct channel_pos p;
        bool               published;
        MUST(channel_publish(mine, (const char *)arg, NULL, "{}", i + 1, 1000, 60, &p, &published) == ERR_OK);
    }
    redis_free(mine);
    return NULL;
}

/* Four relays send the same rows: each row once, offsets without a gap. */
static void t_publishers(void **state) {
    (void)state;
    static char           name[] = "ranking:2018:all";
    pthread_t             t[4];
    struct channel_entry *list;
    size_t                n;
    bool                  complete;
    for (int i = 0; i < 4; i++) assert_int_equal(pthread_create(&t[i], NULL, publisher, name), 0);
    for (int i = 0; i < 4; i++) assert_int_equal(pthread_join(t[i], NULL), 0);
    assert_int_equal(channel_read(r, a, name, "", 0, 1000, &pos, &list, &n, &complete), ERR_OK);
    assert_true(complete);
    assert_true(n >= 100 && n == pos.offset);
    assert_int_equal(n, 100);
}

/* What subscribers hear: "P <epoch> <offset> <channel bytes> <key bytes> <data bytes>\n" channel key data. */
static void t_bus_text(void **state) {
    (void)state;
    redisContext *sub = redisConnectUnix(sock);
    redisReply   *p   = redisCommand(sub, "SUBSCRIBE %s %s", BUS_CHANNEL, CONTROL_CHANNEL);
    freeReplyObject(p);
    assert_int_equal(redisGetReply(sub, (void **)&p), REDIS_OK);
    freeReplyObject(p);
    assert_true(publish("k 1", "{\"a\":\"\\n\"}", 1));
    char want[200];
    (void)snprintf(want, sizeof want, "P %s 1 7 3 10\ntask:t1k 1{\"a\":\"\\n\"}", pos.epoch);
    assert_int_equal(redisGetReply(sub, (void **)&p), REDIS_OK);
    assert_string_equal(p->element[2]->str, want);
    freeReplyObject(p);
    assert_int_equal(control_publish(r, "{\"x\":1}"), ERR_OK);
    assert_int_equal(redisGetReply(sub, (void **)&p), REDIS_OK);
    assert_string_equal(p->element[1]->str, CONTROL_CHANNEL);
    assert_string_equal(p->element[2]->str, "{\"x\":1}");
    freeReplyObject(p);
    redisFree(sub);
}

/* ---- presence ---- */
static void t_presence(void **state) {
    (void)state;
    const struct presence_entry one[] = {{"c1", "p1"}, {"c2", ""}}, two[] = {{"c3", "p3"}};
    struct presence_entry      *list;
    size_t                      n;
    assert_int_equal(presence_get(r, a, "queue:w1", &list, &n), ERR_OK);
    assert_int_equal(n, 0);
    assert_int_equal(presence_put(r, "node1", "queue:w1", one, 2), ERR_OK);
    assert_int_equal(presence_put(r, "node2", "queue:w1", two, 1), ERR_OK);
    assert_int_equal(presence_get(r, a, "queue:w1", &list, &n), ERR_OK);
    assert_int_equal(n, 3);
    assert_int_equal(presence_put(r, "node1", "queue:w1", one, 1), ERR_OK); /* the whole list of a node */
    assert_int_equal(presence_get(r, a, "queue:w1", &list, &n), ERR_OK);
    assert_int_equal(n, 2);
    assert_int_equal(presence_put(r, "node1", "queue:w1", NULL, 0), ERR_OK);
    assert_int_equal(presence_get(r, a, "queue:w1", &list, &n), ERR_OK);
    assert_int_equal(n, 1);
    assert_string_equal(list[0].client, "c3");
    assert_string_equal(list[0].person, "p3");
    assert_true(raw_i("PTTL %s", "zb:p:queue:w1") <= PRESENCE_MS);
}

/* ---- lanes ---- */
static void t_lane(void **state) {
    (void)state;
    struct lane_item *list;
    size_t            n;
    int64_t           waiting, pending;
    assert_int_equal(lane_take(r, a, "p0", "w1", 10, 0, &list, &n), ERR_OK); /* nobody made it yet */
    assert_int_equal(n, 0);
    for (int i = 0; i < 5; i++) {
        char id[16];
        (void)snprintf(id, sizeof id, "d%d", i);
        assert_int_equal(lane_add(r, "p0", id), ERR_OK);
    }
    assert_int_equal(lane_take(r, a, "p0", "w1", 2, 0, &list, &n), ERR_OK);
    assert_int_equal(n, 2);
    assert_string_equal(list[0].delivery, "d0");
    assert_string_equal(list[1].delivery, "d1");
    assert_int_equal(list[0].times, 0);
    const char *acks[] = {list[0].entry, list[1].entry};
    assert_int_equal(lane_depth(r, "p0", &waiting, &pending), ERR_OK);
    assert_int_equal(waiting, 3);
    assert_int_equal(pending, 2);
    assert_int_equal(lane_ack(r, "p0", acks, 1), ERR_OK);
    struct lane_item *claimed;
    size_t            claimed_n;
    assert_int_equal(lane_claim(r, a, "p0", "w2", true, 600000, 10, &claimed, &claimed_n), ERR_OK);
    assert_int_equal(claimed_n, 0); /* not idle for so long */
    assert_int_equal(lane_claim(r, a, "p0", "w2", false, 0, 10, &claimed, &claimed_n), ERR_OK);
    assert_int_equal(claimed_n, 1);
    assert_string_equal(claimed[0].delivery, "d1");
    assert_int_equal(claimed[0].times, 1);
    assert_int_equal(lane_take(r, a, "p0", "w2", 100, 0, &list, &n), ERR_OK);
    assert_int_equal(n, 3);
    assert_string_equal(list[0].delivery, "d2"); /* in order, each once */
    acks[0] = claimed[0].entry;
    assert_int_equal(lane_ack(r, "p0", acks, 1), ERR_OK);
    assert_int_equal(lane_ack(r, "p0", acks, 1), ERR_OK);
    for (size_t i = 0; i < n; i++) {
        const char *e = list[i].entry;
        assert_int_equal(lane_ack(r, "p0", &e, 1), ERR_OK);
    }
    assert_int_equal(lane_depth(r, "p0", &waiting, &pending), ERR_OK);
    assert_int_equal(waiting, 0);
    assert_int_equal(pending, 0);
    int64_t from = clock_mono_ms();
    assert_int_equal(lane_take(r, a, "p0", "w2", 10, 60, &list, &n), ERR_OK); /* waits, then nothing */
    assert_int_equal(n, 0);
    assert_true(clock_mono_ms() - from >= 50);
    flush(); /* the group went with the rest */
    assert_int_equal(lane_add(r, "p0", "again"), ERR_OK);
    assert_int_equal(lane_take(r, a, "p0", "w2", 10, 0, &list, &n), ERR_OK);
    assert_int_equal(n, 1);
    assert_int_equal(lane_add(r, "", "x"), ERR_INPUT);
    assert_int_equal(lane_add(r, "p0", ""), ERR_INPUT);
}

/* ---- away ---- */
static void t_away(void **state) {
    (void)state;
    char            token[44];
    struct session  s = session("s1", HOUR, HOUR), got;
    int64_t         retry;
    bool            first;
    assert_int_equal(session_create(r, &s, token), ERR_OK);
    redisFree(raw);
    raw = NULL;
    (void)kill(server, SIGKILL);
    assert_int_equal(waitpid(server, NULL, 0), server);
    int64_t from = clock_mono_ms();
    for (int i = 0; i < 200; i++) {
        assert_int_equal(session_get(r, token, &got), ERR_UNAVAILABLE); /* never ERR_AUTH */
        assert_int_equal(limit_take(r, "x", 1, 6, 10, &retry), ERR_UNAVAILABLE);
        assert_int_equal(once(r, "n", "v", 1000, &first), ERR_UNAVAILABLE);
        assert_false(first);
    }
    assert_true(clock_mono_ms() - from < 2000);
    start();
    wait_back();
    assert_int_equal(limit_take(r, "x", 1, 6, 10, &retry), ERR_OK);
    /* a server that stands still costs the time-out, not for ever */
    struct redis *fast = redis_new(address, 100);
    assert_int_equal(redis_ping(fast), ERR_OK);
    (void)kill(server, SIGSTOP);
    from = clock_mono_ms();
    assert_int_equal(redis_ping(fast), ERR_UNAVAILABLE);
    assert_int_equal(session_get(fast, token, &got), ERR_UNAVAILABLE);
    assert_true(clock_mono_ms() - from < 2000);
    (void)kill(server, SIGCONT);
    from = clock_mono_ms();
    while (redis_ping(fast) != ERR_OK) assert_true(clock_mono_ms() - from < 10000);
    enum err e = session_get(fast, "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", &got); /* no late answer of another command */
    assert_true(e == ERR_AUTH || e == ERR_UNAVAILABLE);
    redis_free(fast);
    static const char *nowhere[] = {"", "unix:", "unix:relative", "127.0.0.1", "127.0.0.1:0", "127.0.0.1:99999", ":6379", "127.0.0.1:63x"};
    log_set(LOG_ERROR + 1, 2);
    for (size_t i = 0; i < ARRAY_N(nowhere); i++) {
        struct redis *bad = redis_new(nowhere[i], 100);
        assert_int_equal(redis_ping(bad), ERR_UNAVAILABLE);
        assert_string_equal(redis_run_id(bad), "");
        redis_free(bad);
    }
    log_set(LOG_ERROR, 2);
}

int main(void) {
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {T(t_session), T(t_session_limits), T(t_session_index), T(t_session_many), T(t_limit),  T(t_once), T(t_channel), T(t_publish_some), T(t_history),
                                       T(t_epoch),   T(t_publishers),     T(t_bus_text),      T(t_presence),     T(t_lane), T(t_away)};
    return cmocka_run_group_tests_name("redis_store", tests, setup_group, teardown_group);
}
