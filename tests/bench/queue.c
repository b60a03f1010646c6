/* SPDX-License-Identifier: Apache-2.0
 *
 * Notices into the record store of a data directory, as handlers write them (push/notice.h), as fast as it takes them: jobs of BATCH
 * notices to a writer of its own. queue CONF N [BATCH] prints {"notices", "seconds", "cpu_s", "rss_kb"}. People are made: 1000, each with a number.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "gateway/serve.h"
#include "push/notice.h"

#define PEOPLE      1000
#define OUTSTANDING 32

static struct {
    struct tools        t;
    struct notice_rules rules;
    pthread_mutex_t     lock;
    pthread_cond_t      some;
    int                 out;
    long                first_n; /* of names: none is used twice, whoever ran before */
    bool                bad;
} q = {.lock = PTHREAD_MUTEX_INITIALIZER, .some = PTHREAD_COND_INITIALIZER};

struct batch {
    struct write_job job; /* first */
    struct arena    *a;
    long             from, to;
};

static enum err add_people(struct db *db, void *arg) {
    enum err e = ERR_OK;
    (void)arg;
    for (int i = 0; e == ERR_OK && i < PEOPLE; i++) {
        char    id[32], phone[16];
        uint8_t sealed[64];
        size_t  n = 0;
        (void)snprintf(id, sizeof id, "bench-%04d", i);
        (void)snprintf(phone, sizeof phone, "1380000%04d", i);
        e = sm4_seal(&q.t.house.pii_key, phone, strlen(phone), sealed, sizeof sealed, &n);
        if (e == ERR_OK)
            e = db_exec(db, "INSERT INTO person (id, name, roles, phone_enc, created_wall) VALUES (?1, ?1, 1, ?2, 0) ON CONFLICT (id) DO NOTHING", "sb", id, sealed, n);
    }
    return e;
}

static enum err run(struct db *db, struct write_job *job) {
    struct batch *b = (struct batch *)job;
    enum err      e = ERR_OK;
    arena_reset(b->a);
    for (long i = b->from; e == ERR_OK && i < b->to; i++) {
        char              person[32], dedupe[48];
        size_t            n;
        (void)snprintf(person, sizeof person, "bench-%04ld", i % PEOPLE);
        (void)snprintf(dedupe, sizeof dedupe, "bench:%ld:%ld", q.first_n, i);
        struct notice_msg m = {.kind = "task.assigned", .object = "task:bench", .title = "城区道路提升工程", .extra = "6月30日前办结，", .dedupe = dedupe,
                               .wall_ms = clock_wall_ms(), .biz_ms = clock_business_ms()};
        e = notice_person(db, b->a, &q.rules, person, &m, &n);
    }
    return e;
}

static void done(struct write_job *job, enum err result) {
    struct batch *b = (struct batch *)job;
    pthread_mutex_lock(&q.lock);
    q.out--;
    if (result) q.bad = true;
    pthread_cond_signal(&q.some);
    pthread_mutex_unlock(&q.lock);
    arena_free(b->a);
    x_free(b);
}

static void wait_below(int n) {
    pthread_mutex_lock(&q.lock);
    while (q.out > n) pthread_cond_wait(&q.some, &q.lock);
    pthread_mutex_unlock(&q.lock);
}

int main(int argc, char **argv) {
    struct conf    c;
    struct writer *w;
    char           why[512] = "";
    long           n = argc > 2 ? strtol(argv[2], NULL, 10) : 0, each = argc > 3 ? strtol(argv[3], NULL, 10) : 50;
    log_set(LOG_WARN, 2);
    conf_defaults(&c);
    if (n <= 0 || conf_load(&c, argv[1], why, sizeof why) != ERR_OK || tools_open(&c, false, &q.t, why, sizeof why) != ERR_OK ||
        tools_write(&q.t, add_people, NULL) != ERR_OK ||
        writer_start(q.t.db_path, (size_t)c.writer_queue, (size_t)c.writer_batch, (struct writer_hooks){0}, &w, why, sizeof why) != ERR_OK) {
        fprintf(stderr, "queue: %s\n", why);
        return 1;
    }
    q.first_n = clock_wall_ms();
    q.rules   = (struct notice_rules){.plans = q.t.house.plans, .channels = q.t.house.channels, .signature = q.t.house.sms_signature, .pii_key = &q.t.house.pii_key};
    int64_t begun = clock_mono_ms();
    for (long i = 0; i < n; i += each) {
        struct batch *b = x_calloc(1, sizeof *b);
        *b              = (struct batch){.job = {.run = run, .done = done}, .a = arena_new(4U << 20), .from = i, .to = i + each < n ? i + each : n};
        wait_below(OUTSTANDING - 1);
        pthread_mutex_lock(&q.lock);
        q.out++;
        pthread_mutex_unlock(&q.lock);
        MUST(writer_submit(w, &b->job) == ERR_OK);
    }
    wait_below(0);
    double        s = (double)(clock_mono_ms() - begun) / 1000;
    struct rusage r;
    (void)getrusage(RUSAGE_SELF, &r);
    writer_stop(w);
    tools_close(&q.t);
    conf_fini(&c);
    printf("{\"notices\":%ld,\"seconds\":%.3f,\"cpu_s\":%.2f,\"rss_kb\":%ld}\n", n, s,
           (double)(r.ru_utime.tv_sec + r.ru_stime.tv_sec) + (double)(r.ru_utime.tv_usec + r.ru_stime.tv_usec) / 1e6, r.ru_maxrss);
    return q.bad;
}
