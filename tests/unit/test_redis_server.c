/* SPDX-License-Identifier: Apache-2.0
 *
 * The private redis-server, a real one: restarted when it dies, kept data, one only per directory, one left over from a killed
 * gateway, long paths, a broken append-only file.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "store/redis.h"
#include "store/redis_server.h"

#define WAIT_MS 10000

static char                 dir[64], address[160], why[512];
static struct redis_server *server;

static int setup(void **state) {
    (void)state;
    (void)snprintf(dir, sizeof dir, "/tmp/zb-rs.XXXXXX");
    server = NULL;
    return mkdtemp(dir) ? 0 : -1;
}

static int teardown(void **state) {
    (void)state;
    redis_server_stop(server);
    char cmd[128];
    (void)snprintf(cmd, sizeof cmd, "rm -rf '%s'", dir);
    return system(cmd);
}

static void start(void) {
    enum err e = redis_server_start(dir, &server, address, sizeof address, why, sizeof why);
    if (e) print_message("%s\n", why);
    assert_int_equal(e, ERR_OK);
}

static enum err add(const char *lane, const char *id) {
    struct redis *r = redis_new(address, 1000);
    enum err      e = lane_add(r, lane, id);
    redis_free(r);
    return e;
}

static int64_t depth(const char *lane) {
    struct redis *r = redis_new(address, 1000);
    int64_t       waiting, pending;
    assert_int_equal(lane_depth(r, lane, &waiting, &pending), ERR_OK);
    redis_free(r);
    return waiting + pending;
}

static bool answers(void) {
    struct redis *r = redis_new(address, 1000);
    bool          ok = redis_ping(r) == ERR_OK;
    redis_free(r);
    return ok;
}

/* Or a zombie for init. */
static bool is_gone(pid_t pid) {
    char path[64];
    (void)snprintf(path, sizeof path, "/proc/%d/fd/0", (int)pid);
    return access(path, F_OK) != 0;
}

#define AWAIT(cond)                                                                                                              \
    do {                                                                                                                         \
        int64_t until_ = clock_mono_ms() + WAIT_MS;                                                                              \
        bool    ok_;                                                                                                             \
        while (!(ok_ = (cond)) && clock_mono_ms() < until_) (void)usleep(5000);                                                  \
        if (!ok_) print_message("not within %d ms: %s\n", WAIT_MS, #cond);                                                       \
        assert_true(ok_); /* asked once: an answer may time out on a busy machine */                                             \
    } while (0)

static void t_up_and_kept(void **state) {
    (void)state;
    char        found[160];
    struct stat st;
    start();
    assert_true(strncmp(address, "unix:/tmp/zb-rs.", 16) == 0);
    assert_int_equal(add("p1", "d_1"), ERR_OK);
    assert_int_equal(redis_server_find(dir, found, sizeof found, why, sizeof why), ERR_OK);
    assert_string_equal(found, address);
    assert_int_equal(stat(address + 5, &st), 0);
    assert_int_equal(st.st_mode & 077, 0);
    redis_server_stop(server);
    server = NULL;
    assert_int_equal(redis_server_find(dir, found, sizeof found, why, sizeof why), ERR_UNAVAILABLE);
    start();
    assert_int_equal(depth("p1"), 1); /* what was written a moment before the stop is in the append-only file */
}

static void t_killed_and_restarted(void **state) {
    (void)state;
    start();
    for (int i = 0; i < 2; i++) {
        pid_t old = redis_server_pid(server);
        assert_true(old > 0);
        assert_int_equal(kill(old, SIGKILL), 0);
        AWAIT(redis_server_pid(server) > 0 && redis_server_pid(server) != old && answers());
    }
    assert_int_equal(add("p1", "d_2"), ERR_OK);
}

static void t_one_gateway_only(void **state) {
    (void)state;
    struct redis_server *second = NULL;
    char                 other[160];
    start();
    assert_int_equal(redis_server_start(dir, &second, other, sizeof other, why, sizeof why), ERR_UNAVAILABLE);
    assert_null(second);
    assert_non_null(strstr(why, "another zhangban"));
    assert_true(answers());
}

/* A gateway in a process of its own, killed; its redis-server is stopped (SIGSTOP) so that the signal of its parent's death does
 * not end it. */
static void t_leftover(void **state) {
    (void)state;
    int   fds[2];
    pid_t left = 0;
    assert_int_equal(pipe(fds), 0);
    pid_t gateway = fork();
    if (gateway == 0) {
        if (redis_server_start(dir, &server, address, sizeof address, why, sizeof why) != ERR_OK) _exit(1);
        if (add("p2", "d_3") != ERR_OK) _exit(2);
        left = redis_server_pid(server);
        if (kill(left, SIGSTOP) != 0 || write(fds[1], &left, sizeof left) != sizeof left) _exit(3);
        for (;;) (void)pause();
    }
    (void)close(fds[1]);
    assert_int_equal(read(fds[0], &left, sizeof left), sizeof left);
    (void)close(fds[0]);
    int st;
    assert_int_equal(kill(gateway, SIGKILL), 0);
    assert_int_equal(waitpid(gateway, &st, 0), gateway);
    assert_int_equal(kill(left, 0), 0); /* still there, holding the append-only file */
    start();
    assert_int_not_equal(redis_server_pid(server), left);
    assert_true(is_gone(left));
    assert_int_equal(depth("p2"), 1);
}

/* The gateway is killed and nothing else happens: redis-server follows it. */
static void t_dies_with_us(void **state) {
    (void)state;
    int   fds[2], st;
    pid_t left = 0;
    assert_int_equal(pipe(fds), 0);
    pid_t gateway = fork();
    if (gateway == 0) {
        if (redis_server_start(dir, &server, address, sizeof address, why, sizeof why) != ERR_OK) _exit(1);
        left = redis_server_pid(server);
        if (write(fds[1], &left, sizeof left) != sizeof left) _exit(3);
        for (;;) (void)pause();
    }
    (void)close(fds[1]);
    assert_int_equal(read(fds[0], &left, sizeof left), sizeof left);
    (void)close(fds[0]);
    assert_int_equal(kill(gateway, SIGKILL), 0);
    assert_int_equal(waitpid(gateway, &st, 0), gateway);
    AWAIT(is_gone(left));
}

static void t_long_path(void **state) {
    (void)state;
    char deep[400];
    (void)snprintf(deep, sizeof deep, "%s/%0100d", dir, 7);
    assert_int_equal(mkdir(deep, 0700), 0);
    enum err e = redis_server_start(deep, &server, address, sizeof address, why, sizeof why);
    assert_int_equal(e, ERR_OK);
    assert_true(strlen(address + 5) < 108 && strstr(address, "zb-redis.") != NULL);
    assert_true(answers());
    redis_server_stop(server);
    server = NULL;
    *strrchr(address, '/') = '\0';
    assert_int_not_equal(access(address + 5, F_OK), 0); /* nothing stays in /tmp */
}

static void t_broken_log(void **state) {
    (void)state;
    char path[300], found[300] = "";
    start();
    assert_int_equal(add("p1", "d_1"), ERR_OK);
    redis_server_stop(server);
    server = NULL;
    (void)snprintf(path, sizeof path, "%s/redis/appendonlydir", dir);
    DIR *d = opendir(path);
    assert_non_null(d);
    for (struct dirent *e; (e = readdir(d)) != NULL;)
        if (strstr(e->d_name, ".incr.aof")) (void)snprintf(found, sizeof found, "%.100s/%.100s", path, e->d_name);
    (void)closedir(d);
    int fd = open(found, O_WRONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(pwrite(fd, "garbage", 7, 0), 7);
    (void)close(fd);
    start();
    assert_int_equal(depth("p1"), 0);
    assert_int_equal(add("p1", "d_1"), ERR_OK);
}

static void t_no_directory(void **state) {
    (void)state;
    char file[80];
    (void)snprintf(file, sizeof file, "%s/redis", dir);
    int fd = open(file, O_CREAT | O_WRONLY | O_CLOEXEC, 0600); /* no directory can be made */
    assert_true(fd >= 0);
    (void)close(fd);
    assert_int_equal(redis_server_start(dir, &server, address, sizeof address, why, sizeof why), ERR_UNAVAILABLE);
    assert_null(server);
    assert_true(strlen(why) > 10);
}

int main(void) {
    log_set(LOG_ERROR, 2);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(t_up_and_kept, setup, teardown),   cmocka_unit_test_setup_teardown(t_killed_and_restarted, setup, teardown),
        cmocka_unit_test_setup_teardown(t_one_gateway_only, setup, teardown), cmocka_unit_test_setup_teardown(t_leftover, setup, teardown),
        cmocka_unit_test_setup_teardown(t_dies_with_us, setup, teardown),  cmocka_unit_test_setup_teardown(t_long_path, setup, teardown),
        cmocka_unit_test_setup_teardown(t_broken_log, setup, teardown),    cmocka_unit_test_setup_teardown(t_no_directory, setup, teardown),
    };
    return cmocka_run_group_tests_name("redis_server", tests, NULL, NULL);
}
