/* SPDX-License-Identifier: Apache-2.0
 *
 * The hub against a bus that loses, repeats and comes back as another: gaps, new epochs, late and failed look-ups, subscribers that
 * arrive in between. Network, worker pool and Redis are stood in for below; a look-up runs when the test says so.
 *
 * What a client got is one word each: "p5" publication 5, "s:B:2" subscribe push, "u2500" unsubscribe push, "c3010" closed.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "gateway/hub_int.h"
#include "gateway/loopstate.h"

#define BOARD  "ranking:2018:city"
#define INBOX  "user:p1"
#define MANY   600
#define LOG_MAX 64

static const struct channel_row board_row = {.prefix = "ranking", .flags = CH_LATEST};
static const struct channel_row inbox_row = {.prefix = "user", .flags = CH_SERVER};

struct watcher {
    struct client cl;
    char          got[2048];
    unsigned      sent_n;
};

struct net_loop {
    struct app *app;
};

static struct {
    struct hub     *hub;
    struct net_loop loop;
    struct app      app;
    struct watcher  w[MANY + 1];
    struct {
        pool_fn *fn;
        void    *arg;
    } job[8];
    struct {
        void (*fn)(struct net_loop *l, void *arg);
        void *arg;
    } post[64];
    unsigned jobs_n, posts_n;
    bool     pool_full;
    /* the stream in Redis */
    char     epoch[24];
    uint64_t first, top;
    enum err e;
    unsigned reads_n;
} f;

/* ---- what stands in for the rest of the gateway ---- */
void       *loop_app(struct net_loop *l) { return l->app; }
struct hub *hub_of(struct net_loop *l) { return l == &f.loop ? f.hub : NULL; }
void        conn_touch(const struct conn *c) { (void)c; }
void        job_put_presence(struct net_loop *l, const char *channel, char *list_json) {
    (void)l;
    (void)channel;
    x_free(list_json);
}

void loop_post(struct net_loop *l, void (*fn)(struct net_loop *l, void *arg), void *arg) {
    MUST(l == &f.loop && f.posts_n < ARRAY_N(f.post));
    f.post[f.posts_n].fn    = fn;
    f.post[f.posts_n++].arg = arg;
}

enum err pool_submit(struct pool *p, pool_fn *fn, void *arg) {
    (void)p;
    if (f.pool_full) return ERR_BUSY;
    MUST(f.jobs_n < ARRAY_N(f.job));
    f.job[f.jobs_n].fn    = fn;
    f.job[f.jobs_n++].arg = arg;
    return ERR_OK;
}

static struct watcher *of(struct client *cl) { return (struct watcher *)(void *)((char *)cl - offsetof(struct watcher, cl)); }

static void note(struct client *cl, const char *word) {
    struct watcher *w = of(cl);
    size_t          n = strlen(w->got);
    if (n + strlen(word) + 2 < sizeof w->got) (void)snprintf(w->got + n, sizeof w->got - n, "%s%s", n ? " " : "", word);
}

void client_id(const struct client *cl, char out[48]) {
    (void)cl;
    (void)snprintf(out, 48, "%s", "c");
}

static long number_after(const char *json, const char *name) {
    const char *p = strstr(json, name);
    long        v = -1;
    if (p) (void)sscanf(p + strlen(name), "%ld", &v);
    return v;
}

void client_send(struct client *cl, const char *json, size_t n) {
    char word[64] = "?", epoch[24] = "";
    assert_int_equal(strlen(json), n);
    const char *e = strstr(json, "\"epoch\":\"");
    if (e) (void)sscanf(e, "\"epoch\":\"%23[^\"]", epoch);
    if (strstr(json, "\"unsubscribe\"")) (void)snprintf(word, sizeof word, "u%ld", number_after(json, "\"code\":"));
    else if (strstr(json, "\"subscribe\"")) (void)snprintf(word, sizeof word, "s:%s:%ld", epoch, number_after(json, "\"offset\":"));
    note(cl, word);
}

void client_send_frame(struct client *cl, struct frame *fr, uint64_t key) {
    char word[32];
    (void)key;
    (void)snprintf(word, sizeof word, "p%ld", number_after(frame_payload(fr, NULL), "\"offset\":"));
    of(cl)->sent_n++;
    note(cl, word);
}

void client_close(struct client *cl, unsigned code) {
    char word[16];
    (void)snprintf(word, sizeof word, "c%u", code);
    note(cl, word);
    while (cl->subs) hub_leave(f.hub, cl->subs);
}

enum err channel_read(struct redis *r, struct arena *a, const char *channel, const char *epoch, uint64_t since, int max,
                      struct channel_pos *pos, struct channel_entry **list, size_t *n, bool *complete) {
    (void)r;
    (void)channel;
    MUST(max >= LOG_MAX && f.top + 1 - f.first <= LOG_MAX);
    f.reads_n++;
    *n    = 0;
    *list = arena_alloc(a, LOG_MAX * sizeof **list);
    if (f.e) return f.e;
    (void)snprintf(pos->epoch, sizeof pos->epoch, "%s", f.epoch);
    pos->offset = f.top;
    bool same   = *epoch == '\0' || strcmp(epoch, f.epoch) == 0;
    *complete   = same && since <= f.top && (since == f.top || since + 1 >= f.first);
    for (uint64_t o = f.first; same && o <= f.top; o++)
        if (o > since) (*list)[(*n)++] = (struct channel_entry){.offset = o, .data = "{}"};
    return ERR_OK;
}

/* ---- the hands of the test ---- */
static void run_posts(void) {
    for (unsigned i = 0; i < f.posts_n; i++) f.post[i].fn(&f.loop, f.post[i].arg); /* a callback may post more */
    f.posts_n = 0;
}

/* The oldest look-up is answered, by what the stream is now. */
static void answer(void) {
    static struct worker w;
    assert_true(f.jobs_n > 0);
    pool_fn *fn  = f.job[0].fn;
    void    *arg = f.job[0].arg;
    memmove(f.job, f.job + 1, --f.jobs_n * sizeof f.job[0]);
    fn(&w, arg);
    run_posts();
}

static void stream(const char *epoch, uint64_t first, uint64_t top) {
    (void)snprintf(f.epoch, sizeof f.epoch, "%s", epoch);
    f.first = first;
    f.top   = top;
}

static void bus(const char *channel, const char *epoch, uint64_t offset) {
    struct frame *fr = hub_frame(channel, strlen(channel), "{}", 2, offset);
    hub_publish(f.hub, channel, epoch, offset, 7, fr);
    frame_unref(fr);
}

static struct sub *join(unsigned i, const char *channel) {
    bool server = strcmp(channel, INBOX) == 0;
    return hub_join(f.hub, &f.w[i].cl, channel, server ? &inbox_row : &board_row, server);
}

static bool ready(struct sub *s, const char *epoch, uint64_t offset) {
    struct channel_pos p = {.offset = offset};
    (void)snprintf(p.epoch, sizeof p.epoch, "%s", epoch);
    return hub_ready(f.hub, s, &p);
}

static void watch(unsigned i, const char *channel, const char *epoch, uint64_t offset) {
    assert_true(ready(join(i, channel), epoch, offset));
}
static void got(unsigned i, const char *words) { assert_string_equal(f.w[i].got, words); }
static void tick(int64_t after_ms) { hub_tick(f.hub, clock_mono_ms() + after_ms); }

static int setup(void **state) {
    (void)state;
    memset(&f, 0, sizeof f);
    f.loop.app = &f.app;
    f.hub      = hub_new(&f.loop);
    stream("A", 1, 0);
    return 0;
}

static int teardown(void **state) {
    (void)state;
    for (int i = 0; f.jobs_n && i < 10; i++) answer();
    run_posts();
    for (unsigned i = 0; i <= MANY; i++)
        while (f.w[i].cl.subs) hub_leave(f.hub, f.w[i].cl.subs);
    assert_int_equal(hub_subs(f.hub), 0);
    hub_free(f.hub);
    return 0;
}

/* ---- a gap under one epoch ---- */
static void t_gap(void **state) {
    (void)state;
    watch(0, BOARD, "A", 0);
    watch(1, BOARD, "A", 0);
    bus(BOARD, "A", 1);
    bus(BOARD, "A", 2);
    bus(BOARD, "A", 2); /* repeated: nothing */
    assert_int_equal(f.jobs_n, 0);
    bus(BOARD, "A", 4); /* 3 got lost */
    got(0, "p1 p2");
    assert_int_equal(f.jobs_n, 1);
    bus(BOARD, "A", 5);
    bus(BOARD, "A", 6);
    assert_int_equal(f.jobs_n, 1); /* one look-up, however many come */
    stream("A", 1, 5);             /* it saw up to 5; 6 is in the ring */
    answer();
    for (unsigned i = 0; i < 2; i++) got(i, "p1 p2 p3 p4 p5 p6");
    bus(BOARD, "A", 7);
    got(0, "p1 p2 p3 p4 p5 p6 p7");
    assert_int_equal(f.reads_n, 1);
}

/* The ring was read by a look-up that is already behind: another one finds the rest. */
static void t_gap_in_the_ring(void **state) {
    (void)state;
    watch(0, BOARD, "A", 0);
    bus(BOARD, "A", 2);
    stream("A", 1, 2);
    bus(BOARD, "A", 5); /* 3 and 4 are lost as well */
    answer();
    got(0, "p1 p2");
    assert_int_equal(f.jobs_n, 1);
    stream("A", 1, 5);
    answer();
    got(0, "p1 p2 p3 p4 p5");
}

/* The log was trimmed below what is missing: same epoch, and still everybody starts anew. */
static void t_gap_too_long(void **state) {
    (void)state;
    watch(0, BOARD, "A", 0);
    watch(1, INBOX, "A", 0);
    stream("A", 10, 20);
    bus(BOARD, "A", 20);
    bus(INBOX, "A", 20);
    answer();
    answer();
    got(1, "s:A:9 p10 p11 p12 p13 p14 p15 p16 p17 p18 p19 p20");
    tick(6000);
    got(0, "u2500");
}

/* Redis was away; nothing was missed, or something was. */
static void t_recheck(void **state) {
    (void)state;
    watch(0, BOARD, "A", 3);
    watch(1, INBOX, "A", 3);
    stream("A", 1, 3);
    hub_recheck(f.hub);
    tick(3000);
    assert_int_equal(f.jobs_n, 2);
    answer();
    answer();
    got(0, "");
    got(1, "");
    hub_recheck(f.hub);
    stream("A", 1, 5);
    tick(3000);
    answer();
    answer();
    got(0, "p4 p5");
    got(1, "p4 p5");
}

/* ---- another stream ---- */
static void t_new_epoch(void **state) {
    (void)state;
    for (unsigned i = 0; i < 20; i++) watch(i, BOARD, "A", 9);
    watch(20, INBOX, "A", 9);
    stream("B", 1, 2);
    bus(BOARD, "B", 2);
    bus(INBOX, "B", 2);
    got(20, "");
    bus(INBOX, "B", 3); /* after the look-up's stream: from the ring */
    answer();
    answer();
    got(20, "s:B:0 p1 p2 p3");
    bus(BOARD, "B", 3);
    got(0, ""); /* nothing of the new stream to who holds a position of the old */
    unsigned told = 0, most = 0;
    int64_t  from = clock_mono_ms();
    for (int s = 0; s <= 5; s++) {
        unsigned now = 0;
        hub_tick(f.hub, from + s * 1000);
        hub_tick(f.hub, from + s * 1000);
        for (unsigned i = 0; i < 20; i++) now += strcmp(f.w[i].got, "u2500") == 0;
        if (s == 0) assert_true(now > 0 && now < 10);
        if (now - told > most) most = now - told;
        told = now;
    }
    assert_int_equal(told, 20);
    assert_true(most <= 6); /* spread over the five seconds */
    assert_ptr_equal(hub_chan(f.hub, BOARD), NULL);
    watch(0, BOARD, "B", 3);
    bus(BOARD, "B", 4);
    got(0, "u2500 p4");
}

/* What was being delivered when the stream changed goes to everybody under its own epoch. */
static void t_half_delivered(void **state) {
    (void)state;
    for (unsigned i = 0; i < MANY; i++) watch(i, INBOX, "A", 0);
    bus(INBOX, "A", 1);
    unsigned n = 0;
    for (unsigned i = 0; i < MANY; i++) n += f.w[i].sent_n;
    assert_true(n > 0 && n < MANY); /* a slice */
    stream("B", 1, 1);
    watch(MANY, INBOX, "B", 0); /* at the tail: nothing of the old stream to who begins with the new */
    bus(INBOX, "B", 1);
    answer(); /* comes between two slices */
    run_posts();
    for (unsigned i = 0; i < MANY; i++) got(i, "p1 s:B:0 p1");
    got(MANY, "p1");
}

/* Two changes in a row: the first look-up answers with the stream in between. */
static void t_again_another(void **state) {
    (void)state;
    watch(0, INBOX, "A", 4);
    stream("B", 1, 1);
    bus(INBOX, "B", 1);
    bus(INBOX, "C", 1); /* flushed again */
    answer();
    got(0, "s:B:0 p1");
    assert_int_equal(f.jobs_n, 1);
    stream("C", 1, 2);
    bus(INBOX, "C", 2);
    answer();
    got(0, "s:B:0 p1 s:C:0 p1 p2");
}

/* ---- late and failing look-ups ---- */
static void t_late_reply(void **state) {
    (void)state;
    watch(0, BOARD, "A", 0);
    bus(BOARD, "A", 5);
    assert_int_equal(f.jobs_n, 1);
    hub_leave(f.hub, hub_find(&f.w[0].cl, BOARD)); /* the channel goes with its last subscriber, and comes back */
    watch(1, BOARD, "A", 5);
    bus(BOARD, "A", 6);
    stream("B", 1, 1);
    answer(); /* the answer for the channel of before */
    got(0, "");
    got(1, "p6");
    bus(BOARD, "A", 7);
    got(1, "p6 p7");
    tick(6000);
    got(1, "p6 p7");
    bus(BOARD, "A", 9);
    assert_int_equal(f.jobs_n, 1);
    hub_leave(f.hub, hub_find(&f.w[1].cl, BOARD));
    answer(); /* nobody is there */
    assert_int_equal(f.jobs_n, 0);
}

static void t_failing(void **state) {
    (void)state;
    watch(0, BOARD, "A", 0);
    f.e = ERR_UNAVAILABLE;
    bus(BOARD, "A", 2);
    answer();
    bus(BOARD, "A", 3); /* still SYNCING */
    got(0, "");
    tick(0);
    assert_int_equal(f.jobs_n, 0); /* not before its time */
    f.pool_full = true;
    tick(1100);
    assert_int_equal(f.jobs_n, 0);
    f.pool_full = false;
    tick(2200);
    assert_int_equal(f.jobs_n, 1);
    answer();
    f.e = ERR_OK;
    stream("A", 1, 3);
    tick(1100);
    answer();
    got(0, "p1 p2 p3");
    tick(5000);
    assert_int_equal(f.jobs_n, 0);
    bus(BOARD, "A", 4);
    got(0, "p1 p2 p3 p4");
}

/* No worker takes the look-up at the moment of the gap: the channel waits, and gives nothing out of order. */
static void t_no_worker(void **state) {
    (void)state;
    watch(0, INBOX, "A", 0);
    f.pool_full = true;
    bus(INBOX, "A", 2);
    bus(INBOX, "A", 3);
    got(0, "");
    f.pool_full = false;
    stream("A", 1, 3);
    tick(1100);
    answer();
    got(0, "p1 p2 p3");
}

/* ---- who arrives in between ---- */
static void t_fresh(void **state) {
    (void)state;
    watch(0, BOARD, "A", 9);
    watch(1, INBOX, "A", 9);
    stream("B", 1, 2);
    watch(2, BOARD, "B", 2); /* read the new stream before the bus told of it */
    watch(3, INBOX, "B", 2);
    assert_int_equal(f.jobs_n, 2);
    bus(BOARD, "B", 3);
    bus(INBOX, "B", 3);
    got(2, "");
    answer();
    answer();
    got(2, "p3"); /* goes on where its reply left it */
    got(3, "p3");
    got(1, "s:B:0 p1 p2 p3");
    tick(6000);
    got(0, "u2500");
    got(2, "p3");
    bus(BOARD, "B", 4);
    got(2, "p3 p4");
}

/* Its stream is already gone when the look-up comes: it starts anew. */
static void t_fresh_of_nothing(void **state) {
    (void)state;
    watch(0, BOARD, "A", 2);
    watch(1, INBOX, "A", 2);
    watch(2, BOARD, "B", 5);
    watch(3, INBOX, "B", 5);
    stream("A", 1, 3);
    bus(BOARD, "A", 3);
    bus(INBOX, "A", 3);
    answer();
    answer();
    got(0, "p3");
    got(1, "p3");
    got(3, "c3010");
    tick(6000);
    got(2, "u2500");
    got(0, "p3");
    assert_int_equal(hub_subs(f.hub), 2);
}

/* PENDING while the channel is SYNCING: the reply's position counts, nothing twice, nothing left out. */
static void t_pending(void **state) {
    (void)state;
    watch(0, BOARD, "A", 0);
    bus(BOARD, "A", 2);
    struct sub *s = join(1, BOARD);
    bus(BOARD, "A", 3);
    assert_true(ready(s, "A", 2));
    stream("A", 1, 3);
    answer();
    got(0, "p1 p2 p3");
    got(1, "p3");
    struct sub *t = join(2, BOARD);
    bus(BOARD, "A", 4);
    bus(BOARD, "A", 5);
    assert_true(ready(t, "A", 4));
    got(2, "p5");
    struct sub *u = join(3, BOARD);
    for (uint64_t o = 6; o < 6 + RING_N + 4; o++) bus(BOARD, "A", o);
    assert_false(ready(u, "A", 5)); /* more came than the ring holds: the caller ends it with 2500 */
}

/* A lost one that leaves by itself is not told, and the count is right. */
static void t_lost_leaves(void **state) {
    (void)state;
    for (unsigned i = 0; i < 3; i++) watch(i, BOARD, "A", 1);
    stream("B", 1, 1);
    bus(BOARD, "B", 1);
    answer();
    hub_leave(f.hub, hub_find(&f.w[1].cl, BOARD));
    tick(6000);
    got(0, "u2500");
    got(1, "");
    got(2, "u2500");
    assert_ptr_equal(hub_chan(f.hub, BOARD), NULL);
}

#define T(x) cmocka_unit_test_setup_teardown(x, setup, teardown)

int main(int argc, char **argv) {
    log_set(LOG_ERROR, 2);
    if (argc == 2) cmocka_set_test_filter(argv[1]);
    const struct CMUnitTest tests[] = {T(t_gap),            T(t_gap_in_the_ring), T(t_gap_too_long), T(t_recheck),   T(t_new_epoch),
                                       T(t_half_delivered), T(t_again_another),   T(t_late_reply),   T(t_failing),   T(t_no_worker),
                                       T(t_fresh),          T(t_fresh_of_nothing), T(t_pending),     T(t_lost_leaves)};
    return cmocka_run_group_tests_name("hub_sync", tests, NULL, NULL);
}
