/* SPDX-License-Identifier: Apache-2.0
 *
 * Pushes through push/caller.h to the fake of Apple: a full window for as long as told, then one line {"answered", "seconds", "cpu_s",
 * "connections", "bad"}. push_h2 PORT CA KEY WINDOW WARM_MS FOR_MS
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/log.h"
#include "push/caller.h"

static struct {
    struct caller *c;
    int64_t        begin_ms, end_ms, n, bad, all;
    double         cpu0;
    bool           stop;
} b;

static double cpu(void) {
    struct rusage r;
    (void)getrusage(RUSAGE_SELF, &r);
    return (double)r.ru_utime.tv_sec + (double)r.ru_stime.tv_sec + (double)(r.ru_utime.tv_usec + r.ru_stime.tv_usec) / 1e6;
}

static void fill(void) {
    static const struct push_msg m = {.id = "d_01HX0000000000000000000000", .attempt = 1, .notice = "n_01HX0000000000000000000000",
                                      .target = "00fc13adff785122b4ad28809a3420982341241421348097878e577c991de8f0", .target_key = "", .app = "",
                                      .kind = "task.due_soon", .title = "\xE4\xBB\xBB\xE5\x8A\xA1\xE4\xB8\xB4\xE8\xBF\x91\xE5\x88\xB0\xE6\x9C\x9F",
                                      .text = "\xE8\xAF\xB7\xE6\x8A\x93\xE7\xB4\xA7\xE5\x8A\x9E\xE7\x90\x86\xE3\x80\x82", .object = "task:t_1",
                                      .signature = "", .priority = 1, .ttl_s = 3600, .unread = 2};
    while (!b.stop && caller_submit(b.c, (uint64_t)b.all, &m) == ERR_OK) b.all++;
}

static void on_result(void *arg, uint64_t cookie, const struct push_answer *a) {
    (void)arg, (void)cookie;
    int64_t now = clock_mono_ms();
    if (a->verdict != V_SENT) b.bad++;
    if (b.cpu0 == 0 && now >= b.begin_ms) {
        b.cpu0     = cpu();
        b.begin_ms = now;
    } else if (b.cpu0 > 0) {
        b.n++;
    }
    if (now >= b.end_ms) b.stop = true;
    fill();
}
static void on_room(void *arg) { (void)arg; }

static void set(struct conf_section *s, const char *name, const char *value) { conf_section_set(s, name, value, 1); }

int main(int argc, char **argv) {
    if (argc != 7) {
        fprintf(stderr, "push_h2 PORT CA KEY WINDOW WARM_MS FOR_MS\n");
        return 2;
    }
    static const struct caller_ops ops = {on_result, on_room};
    struct conf                    conf = {0};
    struct conf_section           *s    = conf_section_add(&conf, "provider", "bench");
    struct provider               *p    = NULL;
    char                           url[64], why[512];
    uv_loop_t                      loop;
    log_set(LOG_WARN, 2);
    (void)snprintf(url, sizeof url, "https://localhost:%s", argv[1]);
    set(s, "kind", "apns"), set(s, "base_url", url), set(s, "ca_file", argv[2]), set(s, "key_file", argv[3]), set(s, "window", argv[4]);
    set(s, "key_id", "KEYID12345"), set(s, "team_id", "TEAMID1234"), set(s, "topic", "cn.gov.test");
    if (provider_new(s, &p, why, sizeof why) != ERR_OK) {
        fprintf(stderr, "%s\n", why);
        return 1;
    }
    conf_fini(&conf);
    MUST(uv_loop_init(&loop) == 0);
    struct http_out *out = http_out_new(&loop);
    b.c                  = caller_new(&loop, out, p, "", &ops, NULL);
    b.begin_ms           = clock_mono_ms() + strtoll(argv[5], NULL, 10);
    b.end_ms             = b.begin_ms + strtoll(argv[6], NULL, 10);
    fill();
    while (!b.stop) (void)uv_run(&loop, UV_RUN_ONCE);
    double used = cpu() - b.cpu0, seconds = (double)(clock_mono_ms() - b.begin_ms) / 1000;
    printf("{\"answered\":%lld,\"seconds\":%.3f,\"cpu_s\":%.3f,\"connections\":%llu,\"bad\":%lld}\n", (long long)b.n, seconds, used,
           (unsigned long long)http_out_connections(out), (long long)b.bad);
    b.stop = true;
    caller_free(b.c);
    http_out_free(out);
    (void)uv_run(&loop, UV_RUN_DEFAULT);
    MUST(uv_loop_close(&loop) == 0);
    provider_free(p);
    return 0;
}
