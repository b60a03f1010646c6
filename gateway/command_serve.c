/* SPDX-License-Identifier: Apache-2.0
 *
 * serve and push: the two commands that stay. Signals are blocked before the first thread starts and awaited here.
 */
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "gateway/command.h"
#include "gateway/serve.h"
#include "push/deliver.h"

void command_block_signals(sigset_t *set) {
    struct sigaction ignore = {.sa_handler = SIG_IGN};
    (void)sigaction(SIGPIPE, &ignore, NULL);
    (void)sigemptyset(set);
    (void)sigaddset(set, SIGINT);
    (void)sigaddset(set, SIGTERM);
    (void)sigaddset(set, SIGHUP);
    (void)pthread_sigmask(SIG_BLOCK, set, NULL);
}

static void await_end(const sigset_t *set) {
    int sig = 0;
    do (void)sigwait(set, &sig);
    while (sig == SIGHUP); /* nothing to reload: options are read at start */
    (void)pthread_sigmask(SIG_UNBLOCK, set, NULL); /* the second one ends at once */
    LOG(LOG_INFO, "stopping", KI("signal", sig));
}

int command_serve(const struct conf *conf, int argc, char **argv) {
    sigset_t       set;
    struct server *s;
    char           why[512] = "";
    if (argc > 1) return command_bad_option(argv[1]);
    command_block_signals(&set);
    if (server_start(conf, &s, why, sizeof why) != ERR_OK) {
        fprintf(stderr, "zhangban: cannot start: %s\n", why);
        return 1;
    }
    size_t n   = strcspn(conf->listen, ": ");
    bool   any = n == 0 || strncmp(conf->listen, "0.0.0.0", n) == 0;
    printf("zhangban ready http://%.*s:%u\n", any ? 9 : (int)n, any ? "127.0.0.1" : conf->listen, server_port(s));
    if (conf->demo)
        printf("演示模式 demo: 大屏 /board · 首页 / · 接口 /reference · 令牌 token: bin/zhangban session --person demo-leader\n");
    (void)fflush(stdout);
    await_end(&set);
    server_stop(s);
    LOG0(LOG_INFO, "stopped");
    return 0;
}

#define WORKERS_MAX 64

/* A name that was given is this worker's or nobody's; without one it is the first that is free: push, push-2, ... */
static enum err start_worker(struct deliver_conf *dc, char name[40], bool given, struct deliver **d, char *why, size_t why_n) {
    enum err e = deliver_start(dc, d, why, why_n);
    for (int i = 2; e == ERR_DUP && !given && i <= WORKERS_MAX; i++) {
        (void)snprintf(name, 40, "push-%d", i);
        e = deliver_start(dc, d, why, why_n);
    }
    return e;
}

/* The gateway's private Redis may be on its way up, when both are started together. False: told to stop meanwhile. */
static bool await_redis(const struct tools *t, const sigset_t *set, char redis[128], enum err *e, char *why, size_t why_n) {
    const struct timespec pause = {.tv_nsec = 500000000};
    bool                  told  = false;
    while ((*e = tools_redis(t, redis, why, why_n)) == ERR_UNAVAILABLE) {
        if (!told) LOG(LOG_WARN, "push_waits", KS("why", why));
        told = true;
        int sig = sigtimedwait(set, NULL, &pause);
        if (sig > 0 && sig != SIGHUP) return false;
    }
    return true;
}

static bool is_name(const char *s) { return *s && strlen(s) < 40 && strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-") == strlen(s); }

int command_push(const struct conf *conf, int argc, char **argv) {
    struct tools    t;
    struct writer  *w = NULL;
    struct deliver *d = NULL;
    sigset_t        set;
    char            why[512] = "", redis[128], name[40] = "push";
    bool            given = false;
    for (int i = 1; i < argc; i++) {
        const char *v = command_option(argc, argv, &i, "--worker");
        given         = v != NULL && is_name(v);
        if (!given) return command_bad_option(argv[i < argc ? i : argc - 1]);
        (void)snprintf(name, sizeof name, "%s", v);
    }
    command_block_signals(&set);
    if (tools_open(conf, false, &t, why, sizeof why) != ERR_OK) {
        fprintf(stderr, "zhangban: cannot start: %s\n", why);
        return 1;
    }
    enum err e;
    if (!await_redis(&t, &set, redis, &e, why, sizeof why)) {
        tools_close(&t);
        return 0;
    }
    if (e == ERR_OK) e = writer_start(t.db_path, (size_t)conf->writer_queue, (size_t)conf->writer_batch, (struct writer_hooks){0}, &w, why, sizeof why);
    struct deliver_conf dc = {.conf = &t.conf, .redis = redis, .writer = w, .pii_key = &t.house.pii_key, .idx_key = t.house.idx_key, .worker = name, .demo = conf->demo,
                              .data_dir = t.conf.data, .signature = t.house.sms_signature};
    if (e == ERR_OK) e = start_worker(&dc, name, given, &d, why, sizeof why);
    if (e == ERR_OK) {
        printf("zhangban push ready %s\n", name);
        (void)fflush(stdout);
        await_end(&set);
    } else {
        fprintf(stderr, "zhangban: cannot start: %s\n", *why ? why : err_info(e)->word);
    }
    deliver_stop(d);
    writer_stop(w);
    tools_close(&t);
    return e != ERR_OK;
}
