/* SPDX-License-Identifier: Apache-2.0
 *
 * The writer: group commit, refusals, engine errors, the bound, hooks, an orderly end.
 */
#include <pthread.h>
#include <stdatomic.h>

#include "base/log.h"
#include "store/writer.h"
#include "tests/unit/storekit.h"

static struct writer *w;
static struct db     *look;

/* What the hooks and done() saw, in order. */
static struct {
    pthread_mutex_t lock;
    pthread_cond_t  some;
    char            text[4096];
    int             done_n, seal_fails;
    int64_t         due_us; /* once; 0: nothing is owed */
    bool            gate_open, at_gate;
} seen = {.lock = PTHREAD_MUTEX_INITIALIZER, .some = PTHREAD_COND_INITIALIZER};

static void note(const char *s) {
    pthread_mutex_lock(&seen.lock);
    size_t n = strlen(seen.text);
    (void)snprintf(seen.text + n, sizeof seen.text - n, "%s ", s);
    pthread_mutex_unlock(&seen.lock);
}

static enum err seal(void *arg, struct db *db) {
    (void)arg;
    note("seal");
    if (seen.seal_fails) return ERR_INTERNAL;
    return db_exec(db, "UPDATE s SET n = n + 1", "");
}
static int64_t due(void *arg) {
    (void)arg;
    pthread_mutex_lock(&seen.lock);
    int64_t at = seen.due_us ? seen.due_us : INT64_MAX;
    pthread_mutex_unlock(&seen.lock);
    return at;
}
static void owe(int64_t at_us) {
    pthread_mutex_lock(&seen.lock);
    seen.due_us = at_us;
    pthread_mutex_unlock(&seen.lock);
}
static void committed(void *arg, size_t n) {
    char t[32];
    if (n == 0) owe(0);
    (void)arg;
    (void)snprintf(t, sizeof t, "committed:%zu", n);
    note(t);
}
static void aborted(void *arg) {
    (void)arg;
    note("aborted");
}

enum kind { GOOD, REFUSE, REFUSE_FIRST, DUP, BROKEN, SWALLOW, GATE, SLOW };

struct job {
    struct write_job job;
    int              id;
    enum kind        kind;
    enum err         result;
    int              runs;
};

static enum err run_job(struct db *db, struct write_job *j) {
    struct job *x = (struct job *)j;
    x->runs++;
    if (x->kind == GATE) {
        pthread_mutex_lock(&seen.lock);
        seen.at_gate = true;
        pthread_cond_broadcast(&seen.some);
        while (!seen.gate_open) pthread_cond_wait(&seen.some, &seen.lock);
        pthread_mutex_unlock(&seen.lock);
    }
    if (x->kind == REFUSE_FIRST) return ERR_PERM;
    enum err e = db_exec(db, "INSERT INTO t (id) VALUES (?1)", "i", (int64_t)(x->kind == DUP ? 1 : x->id));
    if (e) return e;
    if (x->kind == SLOW)
        for (int64_t until = clock_mono_us() + 25000; clock_mono_us() < until;) continue;
    if (x->kind == BROKEN) return db_exec(db, "INSERT INTO nothing VALUES (1)", "");
    if (x->kind == SWALLOW) return (void)!db_exec(db, "INSERT INTO nothing VALUES (2)", ""), ERR_OK;
    return x->kind == REFUSE ? ERR_STATE : ERR_OK;
}

static void refused(struct db *db, struct write_job *j, enum err e) {
    assert_int_equal(db_exec(db, "INSERT INTO audit (id, e) VALUES (?1, ?2)", "ii", (int64_t)((struct job *)j)->id, (int64_t)e), ERR_OK);
}

static void done(struct write_job *j, enum err e) {
    struct job *x = (struct job *)j;
    x->result     = e;
    char t[64];
    (void)snprintf(t, sizeof t, "done:%d:%s", x->id, err_info(e)->word);
    note(t);
    pthread_mutex_lock(&seen.lock);
    seen.done_n++;
    pthread_cond_broadcast(&seen.some);
    pthread_mutex_unlock(&seen.lock);
}

static void submit(struct job *j, int id, enum kind kind) {
    *j = (struct job){.job = {.run = run_job, .done = done, .refused = refused}, .id = id, .kind = kind, .result = ERR_MAX};
    assert_int_equal(writer_submit(w, &j->job), ERR_OK);
}

static void wait_done(int n) {
    pthread_mutex_lock(&seen.lock);
    while (seen.done_n < n) pthread_cond_wait(&seen.some, &seen.lock);
    pthread_mutex_unlock(&seen.lock);
}

/* Holds the writer inside a first batch, so that what follows is one batch. */
static void hold(struct job *gate) {
    submit(gate, 1000, GATE);
    pthread_mutex_lock(&seen.lock);
    while (!seen.at_gate) pthread_cond_wait(&seen.some, &seen.lock);
    pthread_mutex_unlock(&seen.lock);
}
static void let_go(void) {
    pthread_mutex_lock(&seen.lock);
    seen.gate_open = true;
    pthread_cond_broadcast(&seen.some);
    pthread_mutex_unlock(&seen.lock);
}

static int start(size_t queue, size_t batch) {
    char why[256] = "";
    seen.text[0] = '\0';
    seen.done_n = seen.seal_fails = 0;
    seen.due_us = 0;
    seen.gate_open = seen.at_gate = false;
    look = sk_fresh();
    sk_script(look, "CREATE TABLE t (id INTEGER PRIMARY KEY) STRICT; CREATE TABLE audit (id INTEGER, e INTEGER) STRICT; CREATE TABLE s (n INTEGER);"
                    "INSERT INTO s VALUES (0)");
    struct writer_hooks h = {.seal = seal, .committed = committed, .aborted = aborted, .due_us = due};
    return writer_start(sk_path, queue, batch, h, &w, why, sizeof why) != ERR_OK;
}

static int setup(void **state) {
    (void)state;
    return start(16, 8);
}

static int teardown(void **state) {
    (void)state;
    writer_stop(w);
    w = NULL;
    sk_done(look);
    log_set(LOG_INFO, 2);
    return 0;
}

static void t_batch(void **state) {
    (void)state;
    struct job gate, j[11];
    hold(&gate);
    for (int i = 0; i < 11; i++) submit(&j[i], i, i == 3 ? REFUSE : i == 5 ? DUP : GOOD);
    let_go();
    wait_done(12);
    struct writer_stats st = writer_stats(w);
    assert_int_equal(st.batches, 3); /* the gate, 8, 3 */
    assert_int_equal(st.jobs, 12);
    assert_int_equal(st.refused, 2);
    assert_int_equal(st.failed_batches, 0);
    assert_int_equal(st.last_batch, 3);
    assert_int_equal(st.queued, 0);
    for (int i = 0; i < 11; i++) assert_int_equal(j[i].result, i == 3 ? ERR_STATE : i == 5 ? ERR_DUP : ERR_OK);
    assert_int_equal(sk_i(look, "SELECT COUNT(*) FROM t"), 10);
    assert_int_equal(sk_i(look, "SELECT COUNT(*) FROM t WHERE id IN (3, 5)"), 0); /* only the refused ones are gone */
    assert_int_equal(sk_i(look, "SELECT COUNT(*) FROM audit"), 2);
    assert_int_equal(sk_i(look, "SELECT n FROM s"), 3);
    assert_string_equal(seen.text, "seal committed:1 done:1000:OK seal committed:8 done:0:OK done:1:OK done:2:OK done:3:E_STATE done:4:OK done:5:E_DUP done:6:OK done:7:OK "
                                   "seal committed:3 done:8:OK done:9:OK done:10:OK ");
}

/* Refusals before the first change cost nothing; one behind a change has its batch run again, and only itself undone. */
static void t_refusals(void **state) {
    (void)state;
    struct job gate, j[6];
    hold(&gate);
    for (int i = 0; i < 6; i++) submit(&j[i], i, i == 1 || i == 4 ? REFUSE_FIRST : GOOD);
    let_go();
    wait_done(7);
    for (int i = 0; i < 6; i++) assert_int_equal(j[i].runs, 1);
    assert_int_equal(sk_i(look, "SELECT COUNT(*) FROM t WHERE id < 6"), 4);
    assert_int_equal(sk_i(look, "SELECT COUNT(*) FROM audit"), 2);
    seen.gate_open = seen.at_gate = false;
    submit(&gate, 1001, GATE);
    pthread_mutex_lock(&seen.lock);
    while (!seen.at_gate) pthread_cond_wait(&seen.some, &seen.lock);
    pthread_mutex_unlock(&seen.lock);
    for (int i = 0; i < 6; i++) submit(&j[i], 10 + i, i == 1 ? REFUSE_FIRST : i == 3 ? REFUSE : GOOD);
    let_go();
    wait_done(14);
    for (int i = 0; i < 6; i++) {
        assert_int_equal(j[i].runs, i <= 3 ? 2 : 1);
        assert_int_equal(j[i].result, i == 1 ? ERR_PERM : i == 3 ? ERR_STATE : ERR_OK);
    }
    assert_int_equal(sk_i(look, "SELECT COUNT(*) FROM t WHERE id BETWEEN 10 AND 15"), 4);
    assert_int_equal(sk_i(look, "SELECT COUNT(*) FROM audit"), 4); /* each refusal once */
    assert_int_equal(writer_stats(w).failed_batches, 0);
    assert_null(strstr(seen.text, "aborted"));
}

/* What the hooks owe is done at its time though nobody writes, and at the end. */
static void t_due(void **state) {
    (void)state;
    struct job j[2];
    owe(clock_mono_us() + 30000);
    submit(&j[0], 1, GOOD);
    wait_done(1);
    while (writer_stats(w).owes) continue;
    assert_non_null(strstr(seen.text, "seal committed:1 done:1:OK seal committed:0 "));
    uint64_t batches = writer_stats(w).batches;
    assert_int_equal(batches, 2);
    owe(clock_mono_us() + 3600000000LL);
    submit(&j[1], 2, GOOD);
    wait_done(2);
    assert_true(writer_stats(w).owes);
    writer_end(w); /* now or never */
    assert_int_equal(writer_stats(w).batches, batches + 2);
    assert_false(writer_stats(w).owes);
}

static void t_engine_error(void **state) {
    (void)state;
    static const enum kind bad[] = {BROKEN, SWALLOW};
    log_set(LOG_ERROR + 1, 2);
    for (size_t k = 0; k < ARRAY_N(bad); k++) {
        struct job gate, j[5];
        int        base = (int)k * 100, n = (int)k * 7;
        seen.gate_open = seen.at_gate = false;
        submit(&gate, 2000 + base, GATE);
        pthread_mutex_lock(&seen.lock);
        while (!seen.at_gate) pthread_cond_wait(&seen.some, &seen.lock);
        pthread_mutex_unlock(&seen.lock);
        for (int i = 0; i < 5; i++) submit(&j[i], base + i, i == 2 ? bad[k] : i == 1 ? REFUSE : GOOD);
        let_go();
        wait_done(n + 6);
        for (int i = 0; i < 5; i++) assert_int_equal(j[i].result, ERR_STORE); /* the whole batch, also when the job hid it */
        assert_int_equal(sk_i(look, "SELECT COUNT(*) FROM t WHERE id < 200"), k);
        assert_int_equal(sk_i(look, "SELECT COUNT(*) FROM audit"), 0);
        assert_non_null(strstr(seen.text, "aborted"));
        submit(&j[0], 150 + (int)k, GOOD);
        wait_done(n + 7);
        assert_int_equal(j[0].result, ERR_OK); /* later batches work */
        assert_int_equal(writer_stats(w).failed_batches, k + 1);
    }
}

static void t_seal_fails(void **state) {
    (void)state;
    struct job j[2];
    seen.seal_fails = 1;
    submit(&j[0], 1, GOOD);
    wait_done(1);
    assert_int_equal(j[0].result, ERR_STORE);
    assert_int_equal(sk_i(look, "SELECT COUNT(*) FROM t"), 0);
    seen.seal_fails = 0;
    submit(&j[1], 1, GOOD);
    wait_done(2);
    assert_int_equal(j[1].result, ERR_OK);
    assert_string_equal(seen.text, "seal aborted done:1:E_STORE seal committed:1 done:1:OK ");
}

static enum err count(struct db *db, void *arg) { return db_one_i(db, arg, "SELECT COUNT(*) FROM t", ""); }
static enum err refuse(struct db *db, void *arg) {
    (void)arg;
    enum err e = db_exec(db, "DELETE FROM t", "");
    return e ? e : ERR_PERM;
}

static void *call(void *arg) {
    MUST(writer_call(w, count, arg) == ERR_OK);
    return NULL;
}

static void t_bound(void **state) {
    (void)state;
    struct job gate, j[17];
    pthread_t  t;
    int64_t    n = -1;
    hold(&gate);
    for (int i = 0; i < 16; i++) submit(&j[i], i, GOOD);
    j[16] = (struct job){.job = {.run = run_job, .done = done}, .id = 16};
    assert_int_equal(writer_submit(w, &j[16].job), ERR_BUSY); /* not taken: done() is never called for it */
    assert_int_equal(pthread_create(&t, NULL, call, &n), 0);  /* writer_call is exempt */
    while (writer_stats(w).queued < 17) continue;
    let_go();
    assert_int_equal(pthread_join(t, NULL), 0);
    assert_int_equal(n, 17);
    wait_done(17);
    assert_int_equal(seen.done_n, 17);
    assert_int_equal(j[16].runs, 0);
    assert_int_equal(writer_call(w, refuse, NULL), ERR_PERM);
    assert_int_equal(writer_call(w, count, &n), ERR_OK);
    assert_int_equal(n, 17);
}

/* A long batch is cut: what there was no time for comes first in the next, in order. */
static void t_time(void **state) {
    (void)state;
    struct job gate, j[6];
    hold(&gate);
    for (int i = 0; i < 6; i++) submit(&j[i], i, i == 1 || i == 3 ? SLOW : GOOD);
    let_go();
    wait_done(7);
    for (int i = 0; i < 6; i++) {
        assert_int_equal(j[i].result, ERR_OK);
        assert_int_equal(j[i].runs, 1);
    }
    assert_true(writer_stats(w).batches >= 4);
    const char *at = seen.text;
    for (int i = 0; i < 6; i++) {
        char want[32];
        (void)snprintf(want, sizeof want, "done:%d:OK", i);
        at = strstr(at, want);
        assert_non_null(at);
    }
}

static void t_stop(void **state) {
    (void)state;
    struct job gate, j[10];
    hold(&gate);
    for (int i = 0; i < 10; i++) submit(&j[i], i, GOOD);
    let_go();
    writer_stop(w); /* runs what is queued */
    w = NULL;
    assert_int_equal(seen.done_n, 11);
    assert_int_equal(sk_i(look, "SELECT COUNT(*) FROM t"), 11);
    writer_stop(NULL);
}

static void t_no_store(void **state) {
    (void)state;
    struct writer *x;
    char           why[256] = "";
    assert_int_equal(writer_start("/nonexistent/x.db", 1, 1, (struct writer_hooks){0}, &x, why, sizeof why), ERR_STORE);
    assert_non_null(strstr(why, "/nonexistent/x.db"));
}

/* Another process holds the lock: the batch is refused with a retryable error, the next one works. */
static void t_locked_out(void **state) {
    (void)state;
    struct job j[2];
    log_set(LOG_ERROR + 1, 2);
    assert_int_equal(db_begin(look), ERR_OK);
    submit(&j[0], 1, GOOD);
    wait_done(1);
    assert_int_equal(j[0].result, ERR_STORE);
    assert_int_equal(j[0].runs, 0);
    assert_int_equal(db_commit(look), ERR_OK);
    submit(&j[1], 1, GOOD);
    wait_done(2);
    assert_int_equal(j[1].result, ERR_OK);
}

int main(void) {
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {T(t_batch), T(t_refusals), T(t_due), T(t_engine_error), T(t_seal_fails), T(t_bound), T(t_time), T(t_stop), T(t_locked_out), T(t_no_store)};
    return cmocka_run_group_tests_name("writer", tests, NULL, NULL);
}
