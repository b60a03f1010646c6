/* SPDX-License-Identifier: Apache-2.0
 *
 * Fakes of tests/peers as children of a test, and a libuv loop that runs until something has happened.
 */
#ifndef ZB_TESTS_PEERKIT_H
#define ZB_TESTS_PEERKIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>
#include <uv.h>

#include "base/buf.h"
#include "base/check.h"
#include "base/clock.h"
#include "base/json.h"

#define PK_WAIT_MS 15000

struct peer {
    pid_t    pid;
    unsigned port, control, tls;
    char     ca[160], p256dh[100], auth[40];
};

/* args: up to 12, NULL ends. */
static inline void pk_start(struct peer *p, const char *script, const char *const *args) {
    int   fds[2];
    char  line[512] = {0};
    char *argv[16]  = {(char *)(uintptr_t)"node", (char *)(uintptr_t)script};
    for (size_t i = 0; args && args[i]; i++) argv[2 + i] = (char *)(uintptr_t)args[i];
    memset(p, 0, sizeof *p);
    assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
    p->pid = fork();
    assert_true(p->pid >= 0);
    if (p->pid == 0) {
        (void)prctl(PR_SET_PDEATHSIG, SIGTERM);
        (void)dup2(fds[1], 1);
        (void)execvp("node", argv);
        _exit(127);
    }
    (void)close(fds[1]);
    for (size_t n = 0; n < sizeof line - 1 && (n == 0 || line[n - 1] != '\n'); n++) assert_int_equal(read(fds[0], line + n, 1), 1);
    (void)close(fds[0]);
    cJSON *j = cJSON_Parse(line);
    assert_non_null(j);
    p->port    = (unsigned)cJSON_GetNumberValue(cJSON_GetObjectItem(j, "port"));
    p->control = (unsigned)cJSON_GetNumberValue(cJSON_GetObjectItem(j, "control"));
    if (cJSON_GetObjectItem(j, "tls")) p->tls = (unsigned)cJSON_GetNumberValue(cJSON_GetObjectItem(j, "tls"));
    if (cJSON_GetObjectItem(j, "ca")) (void)snprintf(p->ca, sizeof p->ca, "%s", cJSON_GetStringValue(cJSON_GetObjectItem(j, "ca")));
    if (cJSON_GetObjectItem(j, "p256dh")) (void)snprintf(p->p256dh, sizeof p->p256dh, "%s", cJSON_GetStringValue(cJSON_GetObjectItem(j, "p256dh")));
    if (cJSON_GetObjectItem(j, "auth")) (void)snprintf(p->auth, sizeof p->auth, "%s", cJSON_GetStringValue(cJSON_GetObjectItem(j, "auth")));
    cJSON_Delete(j);
}

static inline void pk_stop(struct peer *p) {
    int status;
    if (p->pid <= 0) return;
    (void)kill(p->pid, SIGTERM);
    (void)waitpid(p->pid, &status, 0);
    p->pid = 0;
}

static inline cJSON *pk_control(const struct peer *p, const char *method, const char *path, const char *body) {
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons((uint16_t)p->control), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct buf         b;
    char               chunk[4096];
    ssize_t            n;
    int                fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(fd, (const struct sockaddr *)&a, sizeof a), 0);
    buf_init(&b, 1 << 24);
    buf_printf(&b, "%s %s HTTP/1.0\r\nContent-Length: %zu\r\n\r\n%s", method, path, strlen(body), body);
    assert_int_equal(write(fd, b.p, b.len), b.len);
    buf_reset(&b);
    while ((n = read(fd, chunk, sizeof chunk)) > 0) buf_put(&b, chunk, (size_t)n);
    (void)close(fd);
    assert_non_null(strstr(buf_str(&b), " 200 "));
    cJSON *j = cJSON_Parse(strstr(buf_str(&b), "\r\n\r\n") + 4);
    assert_non_null(j);
    buf_fini(&b);
    return j;
}

static inline void pk_behave(const struct peer *p, const char *body) { cJSON_Delete(pk_control(p, "POST", "/behave", body)); }
static inline void pk_reset(const struct peer *p) { cJSON_Delete(pk_control(p, "POST", "/reset", "")); }

static inline int pk_stat(const struct peer *p, const char *name) {
    cJSON *j = pk_control(p, "GET", "/stats", "");
    cJSON *v = cJSON_GetObjectItem(j, name);
    int    n = v == NULL ? 0 : cJSON_IsArray(v) ? cJSON_GetArraySize(v) : (int)cJSON_GetNumberValue(v);
    if (n && cJSON_IsArray(v)) print_message("%s: %s\n", name, cJSON_GetStringValue(v->child));
    cJSON_Delete(j);
    return n;
}

/* ---- the loop ---- */
static inline void pk_tick(uv_timer_t *t) { (void)t; }

/* Runs until *n reaches want; fails the test when it does not. */
static inline void pk_until(uv_loop_t *loop, const int *n, int want) {
    int64_t    until = clock_mono_ms() + PK_WAIT_MS;
    uv_timer_t t;
    assert_int_equal(uv_timer_init(loop, &t), 0);
    assert_int_equal(uv_timer_start(&t, pk_tick, 10, 10), 0);
    while (*n < want && clock_mono_ms() < until) (void)uv_run(loop, UV_RUN_ONCE);
    uv_close((uv_handle_t *)&t, NULL);
    (void)uv_run(loop, UV_RUN_NOWAIT);
    if (*n < want) fail_msg("%d of %d within %d ms", *n, want, PK_WAIT_MS);
}

/* Runs for a while although nothing is expected. */
static inline void pk_for(uv_loop_t *loop, int64_t ms) {
    int64_t    until = clock_mono_ms() + ms;
    uv_timer_t t;
    assert_int_equal(uv_timer_init(loop, &t), 0);
    assert_int_equal(uv_timer_start(&t, pk_tick, 5, 5), 0);
    while (clock_mono_ms() < until) (void)uv_run(loop, UV_RUN_ONCE);
    uv_close((uv_handle_t *)&t, NULL);
    (void)uv_run(loop, UV_RUN_NOWAIT);
}

/* Everything on the loop must have been closed. */
static inline void pk_end(uv_loop_t *loop) {
    int64_t until = clock_mono_ms() + PK_WAIT_MS;
    while (uv_run(loop, UV_RUN_NOWAIT) != 0 && clock_mono_ms() < until) (void)usleep(1000);
    assert_int_equal(uv_loop_close(loop), 0);
}

#endif
