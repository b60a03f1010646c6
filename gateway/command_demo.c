/* SPDX-License-Identifier: Apache-2.0
 *
 * demo: the year 2018 as a discrete-event run (D2). The business clock stands still and is moved from slot to slot; after each step
 * everything that follows from it (reminders, deliveries, live publications) is awaited. Pacing to the wall clock is for the eyes only.
 */
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/calendar.h"
#include "base/check.h"
#include "base/clock.h"
#include "base/id.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"
#include "gateway/command.h"
#include "gateway/demo_play.h"
#include "handlers/demo.h"

#define MARKER "demo-run" /* says that a directory is a run of this command and may be wiped */

static const int slots_min[] = {9 * 60, 11 * 60, 15 * 60, 17 * 60}; /* minutes of a working day */

struct run {
    struct conf    conf;
    struct server *s;
    struct play   *play;
    int64_t        seed, seconds;
    int32_t        from, until;
    bool           exit, terminal;
};

/* ---- the directory ---- */
static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *ftw) {
    (void)st;
    (void)kind;
    (void)ftw;
    return remove(path);
}

static bool make_room(struct conf *c, char *why, size_t why_n) {
    char path[400];
    if (strcmp(c->data, "./var") == 0) (void)snprintf(c->data, sizeof c->data, "./var/demo");
    (void)snprintf(path, sizeof path, "%s/" MARKER, c->data);
    if (access(c->data, F_OK) == 0 && access(path, F_OK) != 0 && rmdir(c->data) != 0) {
        (void)snprintf(why, why_n, "%s holds something that is no earlier demo; name another directory with ZHANGBAN_DATA", c->data);
        return false;
    }
    (void)nftw(c->data, remove_one, 16, FTW_DEPTH | FTW_PHYS); /* NOLINT(concurrency-mt-unsafe): before the first thread */
    (void)mkdir("./var", 0700);
    int fd = mkdir(c->data, 0700) == 0 ? open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600) : -1;
    if (fd >= 0) {
        (void)close(fd);
        return true;
    }
    char text[128];
    (void)snprintf(why, why_n, "%s: %s", path, strerror_r(errno, text, sizeof text));
    return false;
}

/* ---- the clock ---- */
static enum err stand_at(struct db *db, void *ms) { return demo_clock_save(db, *(int64_t *)ms, 0); }

static enum err step_to(struct run *r, int64_t biz_ms) {
    enum err e = writer_call(server_app(r->s)->writer, stand_at, &biz_ms);
    if (e) return e;
    server_schedule(r->s);
    return server_settle(r->s);
}

static int count_slots(const struct run *r) {
    int n = 0;
    for (int32_t day = r->from; day <= r->until; day++) {
        bool work = false;
        if (calendar_is_workday(server_app(r->s)->house.cal, day, &work) == ERR_OK && work) n += (int)ARRAY_N(slots_min);
    }
    return n ? n : 1;
}

static void say(const struct run *r, int32_t day, int done, int all) {
    struct play_counts n = play_counts(r->play);
    char               date[11];
    date_format(day, date);
    if (r->terminal)
        printf("\r%s  %3d%%  办结 %d  红灯 %d  黄灯 %d  操作 %d ", date, done * 100 / all, n.closed, n.red, n.yellow, n.acts);
    else if (date[8] == '0' && date[9] == '1')
        printf("%s  %3d%%  closed %d  red %d  yellow %d  acts %d  refused %d\n", date, done * 100 / all, n.closed, n.red, n.yellow, n.acts, n.refused);
    (void)fflush(stdout);
}

static enum err play_year(struct run *r, const sigset_t *stop) {
    const struct calendar *cal   = server_app(r->s)->house.cal;
    int                    all   = count_slots(r), done = 0;
    int64_t                start = clock_mono_ms();
    for (int32_t day = r->from; day <= r->until; day++) {
        bool work = false;
        TRY(calendar_is_workday(cal, day, &work));
        for (size_t i = 0; work && i < ARRAY_N(slots_min); i++) {
            int64_t at = date_start_ms(day) + slots_min[i] * 60000LL;
            TRY(step_to(r, at));
            TRY(play_slot(r->play, at));
            TRY(server_settle(r->s));
            done++;
            int64_t ahead = r->seconds * 1000 * done / all - (clock_mono_ms() - start);
            struct timespec nap = {.tv_sec = ahead > 0 ? ahead / 1000 : 0, .tv_nsec = ahead > 0 ? ahead % 1000 * 1000000L : 0};
            if (sigtimedwait(stop, NULL, &nap) > 0) return ERR_BUSY; /* Ctrl-C */
        }
        say(r, day, done, all);
    }
    /* the last day is over: reminders, frozen boards; the year behind it has no calendar (D3) */
    TRY(step_to(r, date_start_ms(r->until + 1) - (r->until == date_make(2018, 12, 31))));
    if (r->terminal) printf("\n");
    return ERR_OK;
}

/* ---- what came of it ---- */
static void put(FILE *f, const char *name, const cJSON *o) {
    char *t = cJSON_PrintUnformatted(o);
    fprintf(f, "\"%s\":%s,\n", name, t);
    cJSON_free(t);
}

static enum err boards(struct run *r, FILE *f) {
    static const char *const scopes[] = {"city", "county", "department", "soe"};
    for (int k = 0; k < 17; k++) { /* the year, its quarters, its months */
        char period[32];
        if (k == 0)
            (void)snprintf(period, sizeof period, "2018");
        else if (k < 5)
            (void)snprintf(period, sizeof period, "2018-Q%d", k);
        else
            (void)snprintf(period, sizeof period, "2018-%02d", k - 4);
        for (size_t i = 0; i < ARRAY_N(scopes); i++) {
            cJSON *out, *args = cJSON_CreateObject();
            (void)cJSON_AddStringToObject(args, "period", period);
            (void)cJSON_AddStringToObject(args, "scope", scopes[i]);
            TRY(play_call(r->play, "demo-leader", "ranking.get", args, &out));
            char name[64];
            (void)snprintf(name, sizeof name, "%s:%s", period, scopes[i]);
            put(f, name, out);
            cJSON_Delete(out);
        }
    }
    return ERR_OK;
}

static enum err histories(struct run *r, FILE *f) {
    cJSON *list, *args = cJSON_CreateObject();
    (void)cJSON_AddNumberToObject(args, "limit", 200);
    TRY(play_call(r->play, "demo-dispatcher", "task.list", args, &list));
    const cJSON *t;
    enum err     e = ERR_OK;
    cJSON_ArrayForEach(t, cJSON_GetObjectItemCaseSensitive(list, "items")) {
        const char *id = cJSON_GetObjectItemCaseSensitive(t, "id")->valuestring, *next = "";
        put(f, id, t);
        cJSON *page = NULL;
        do {
            args = cJSON_CreateObject();
            (void)cJSON_AddStringToObject(args, "task_id", id);
            (void)cJSON_AddNumberToObject(args, "limit", 50);
            if (*next) (void)cJSON_AddStringToObject(args, "cursor", next);
            cJSON_Delete(page);
            e = play_call(r->play, "demo-dispatcher", "task.history", args, &page);
            if (e) break;
            char name[80];
            (void)snprintf(name, sizeof name, "%.60s:history", id);
            put(f, name, cJSON_GetObjectItemCaseSensitive(page, "items"));
            const cJSON *n = cJSON_GetObjectItemCaseSensitive(page, "next");
            next           = cJSON_IsString(n) ? n->valuestring : "";
        } while (*next);
        cJSON_Delete(page);
        if (e) break;
    }
    cJSON_Delete(list);
    return e;
}

static enum err results(struct run *r, char *path, size_t path_n) {
    (void)snprintf(path, path_n, "%s/demo-result.json", r->conf.data);
    FILE *f = fopen(path, "we");
    if (f == NULL) return ERR_STORE;
    fprintf(f, "{");
    enum err e = boards(r, f);
    if (e == ERR_OK) e = histories(r, f);
    fprintf(f, "\"seed\":%lld}\n", (long long)r->seed);
    return fclose(f) != 0 && e == ERR_OK ? ERR_STORE : e;
}

static void digest(const char *path) {
    struct buf b;
    char       block[8192], hex[65];
    uint8_t    out[32];
    buf_init(&b, 256U << 20);
    FILE *f = fopen(path, "re");
    for (size_t n; f && (n = fread(block, 1, sizeof block, f)) > 0;) buf_put(&b, block, n);
    if (f) (void)fclose(f);
    sm3(buf_str(&b), b.len, out);
    hex_encode(hex, out, sizeof out);
    printf("sm3 %s  %s\n", hex, path);
    buf_fini(&b);
}

static bool number(const char *v, int64_t lo, int64_t hi, int64_t *out) {
    char     *end;
    long long n = strtoll(v, &end, 10);
    *out        = n;
    return end != v && *end == '\0' && n >= lo && n <= hi;
}

static int options(struct run *r, int argc, char **argv) {
    const char *v;
    for (int i = 1; i < argc; i++) {
        const char *word = argv[i];
        if (strcmp(word, "--exit") == 0)
            r->exit = true;
        else if ((v = command_option(argc, argv, &i, "--seed")) != NULL && number(v, 1, INT32_MAX, &r->seed))
            continue;
        else if ((v = command_option(argc, argv, &i, "--seconds")) != NULL && number(v, 0, 86400, &r->seconds))
            continue;
        else if ((v = command_option(argc, argv, &i, "--until")) != NULL && date_parse(v, &r->until) == ERR_OK && r->until >= r->from &&
                 r->until <= date_make(2018, 12, 31))
            continue;
        else
            return command_bad_option(word);
    }
    return 0;
}

int command_demo(const struct conf *conf, int argc, char **argv) {
    struct run r = {.conf = *conf, .seed = 2018, .seconds = 60, .from = date_make(2018, 3, 12), .until = date_make(2018, 12, 31),
                    .terminal = isatty(STDOUT_FILENO) == 1};
    char       why[512] = "", path[400];
    sigset_t   stop;
    if (options(&r, argc, argv)) return 2;
    command_block_signals(&stop);
    log_set(LOG_WARN, STDERR_FILENO);
    r.conf.demo         = true;
    r.conf.rate_per_min = 1000000; /* a year's work of a person in a minute */
    id_seed((unsigned long long)r.seed);
    clock_wall_fake(clock_wall_ms()); /* the import happens at 08:30:00.000, however long it takes */
    bool started = make_room(&r.conf, why, sizeof why) && server_start(&r.conf, &r.s, why, sizeof why) == ERR_OK;
    clock_wall_fake(0);
    if (!started) {
        fprintf(stderr, "zhangban: cannot start: %s\n", why);
        return 1;
    }
    r.play = play_new(r.s, (uint64_t)r.seed);
    server_in_steps(r.s, true);
    printf("zhangban ready http://127.0.0.1:%u\n演示 2018 年：大屏 http://127.0.0.1:%u/board · 种子 %lld · 数据 %s\n", server_port(r.s), server_port(r.s),
           (long long)r.seed, r.conf.data);
    (void)fflush(stdout);
    enum err e = play_year(&r, &stop);
    bool     cut = e == ERR_BUSY;
    if (e == ERR_OK) e = results(&r, path, sizeof path);
    if (e == ERR_OK) {
        digest(path);
        (void)snprintf(path, sizeof path, "%s/outbox.log", r.conf.data);
        digest(path);
        struct play_counts n = play_counts(r.play);
        printf("acts %d, refused %d, closed %d, red %d, yellow %d\n", n.acts, n.refused, n.closed, n.red, n.yellow);
        if (!r.exit) printf("演示结束，大屏仍可查看；Ctrl-C 退出。\n");
        (void)fflush(stdout);
        int sig = 0;
        if (!r.exit) (void)sigwait(&stop, &sig);
    } else if (!cut) {
        fprintf(stderr, "zhangban: the demo broke off: %s\n", err_info(e)->word);
    }
    server_in_steps(r.s, false);
    play_free(r.play);
    server_stop(r.s);
    return e != ERR_OK && !cut;
}
