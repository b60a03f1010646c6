/* SPDX-License-Identifier: Apache-2.0
 *
 * D26: the store at a power cut, at every operation on its files; and with a full disk. Whatever was acknowledged followed a
 * sync and is there exactly once; what was not is there whole or not at all; the ledger holds; the store goes on.
 */
#include <pthread.h>
#include <sqlite3.h>
#include <stdatomic.h>

#include "base/log.h"
#include "store/ledger.h"
#include "store/outbox.h"
#include "store/writer.h"
#include "tests/unit/storekit.h"

#include "tests/unit/crashvfs.c"

#define ROUNDS 2
#define GROUPS 3
#define GROUP  3
#define JOBS   (ROUNDS * GROUPS * GROUP)

static uint8_t *empty_store; /* a migrated store, as a file */
static size_t   empty_n;

struct job {
    struct write_job job;
    int64_t          id;
    enum err         result;
};

static struct {
    pthread_mutex_t lock;
    pthread_cond_t  some;
    int             done_n;
} seen = {.lock = PTHREAD_MUTEX_INITIALIZER, .some = PTHREAD_COND_INITIALIZER};

static struct ledger *l;
static struct job     jobs[JOBS + 8];
static atomic_int     acks_without_sync;
static uint64_t       syncs_at_last_batch;

static enum err run_job(struct db *db, struct write_job *j) {
    static const uint8_t blob[3000] = {1};
    char                 id[32];
    struct job          *x = (struct job *)j;
    (void)snprintf(id, sizeof id, "job:%lld", (long long)x->id);
    const struct ledger_entry entry = {.kind = "k", .actor = "a", .unit = "u", .object = id, .body = "{}", .at_wall_ms = 1, .at_business_ms = 1};
    enum err e = db_exec(db, "INSERT INTO t (id, b) VALUES (?1, ?2)", "ib", x->id, blob, sizeof blob);
    if (e == ERR_OK) e = outbox_add(db, "c", id, "{}", 1);
    if (e == ERR_OK) e = ledger_add(l, db, &entry);
    return e;
}

static void done(struct write_job *j, enum err e) {
    struct job *x = (struct job *)j;
    x->result     = e;
    if (e == ERR_OK && (crashvfs_unsynced("-wal") > 0 || crashvfs_crashed())) atomic_fetch_add(&acks_without_sync, 1);
    pthread_mutex_lock(&seen.lock);
    seen.done_n++;
    pthread_cond_signal(&seen.some);
    pthread_mutex_unlock(&seen.lock);
}

static enum err seal(void *arg, struct db *db) { return ledger_seal(arg, db); }
static void     committed(void *arg, size_t n) {
    (void)n;
    if (crashvfs_syncs() == syncs_at_last_batch) atomic_fetch_add(&acks_without_sync, 1);
    syncs_at_last_batch = crashvfs_syncs();
    ledger_committed(arg);
}
static void aborted(void *arg) { ledger_aborted(arg); }

static struct writer *start(void) {
    char                 why[256];
    struct writer       *w = NULL;
    struct writer_hooks  h = {.arg = l, .seal = seal, .committed = committed, .aborted = aborted};
    return writer_start(sk_path, 64, 64, h, &w, why, sizeof why) == ERR_OK ? w : NULL;
}

static void group(struct writer *w, int from, int n) {
    pthread_mutex_lock(&seen.lock);
    seen.done_n = 0;
    pthread_mutex_unlock(&seen.lock);
    for (int i = from; i < from + n; i++) {
        jobs[i] = (struct job){.job = {.run = run_job, .done = done}, .id = i, .result = ERR_MAX};
        MUST(writer_submit(w, &jobs[i].job) == ERR_OK);
    }
    pthread_mutex_lock(&seen.lock);
    while (seen.done_n < n) pthread_cond_wait(&seen.some, &seen.lock);
    pthread_mutex_unlock(&seen.lock);
}

static void checkpoint(const char *how) {
    sqlite3 *h;
    if (sqlite3_open(sk_path, &h) == SQLITE_OK) (void)sqlite3_exec(h, how, NULL, NULL, NULL);
    (void)sqlite3_close(h);
}

/* What the process does until it is cut off. */
static void live(void) {
    for (int round = 0; round < ROUNDS; round++) {
        struct writer *w = start(); /* a restart writes the log back and removes it */
        if (w == NULL) return;
        for (int i = 0; i < GROUPS; i++) {
            group(w, (round * GROUPS + i) * GROUP, GROUP);
            if (i == 0) checkpoint("PRAGMA wal_checkpoint(PASSIVE)");
            if (i == 1 && round == 1) checkpoint("PRAGMA wal_checkpoint(TRUNCATE)");
        }
        writer_stop(w);
    }
}

static int64_t count(struct db *db, const char *sql, int64_t id) {
    char    name[32];
    int64_t n = -1;
    (void)snprintf(name, sizeof name, "job:%lld", (long long)id);
    assert_int_equal(db_one_i(db, &n, sql, "s", name), ERR_OK);
    return n;
}

static void check_store(const char *where, int jobs_n) {
    struct db *db = sk_open(DB_WRITE);
    char       ok[16] = "", report[2048] = "";
    struct rows *r = db_query(db, "PRAGMA integrity_check", "");
    if (db_next(r)) (void)snprintf(ok, sizeof ok, "%s", row_s(r, 0));
    assert_int_equal(db_rows_end(r), ERR_OK);
    assert_string_equal(ok, "ok");
    for (int i = 0; i < jobs_n; i++) {
        int64_t row = count(db, "SELECT COUNT(*) FROM t WHERE 'job:' || id = ?1", i);
        int64_t out = count(db, "SELECT COUNT(*) FROM outbox WHERE item_key = ?1", i);
        int64_t led = count(db, "SELECT COUNT(*) FROM ledger WHERE object = ?1 AND seq IS NOT NULL", i);
        bool    good = row == out && row == led && (row == 1 || (row == 0 && jobs[i].result != ERR_OK));
        if (!good) print_error("%s: job %d: answered %d, rows %d %d %d\n", where, i, (int)jobs[i].result, (int)row, (int)out, (int)led);
        assert_true(good);
    }
    size_t  findings;
    int64_t rows, top;
    FILE   *f = fmemopen(report, sizeof report, "w");
    assert_int_equal(ledger_verify(sk_dir, db, f, &findings, &rows), ERR_OK);
    (void)fclose(f);
    if (findings) print_error("%s: %s", where, report);
    assert_int_equal(findings, 0);
    assert_int_equal(outbox_top(db, &top), ERR_OK);
    assert_int_equal(top, sk_i(db, "SELECT COUNT(*) FROM outbox"));
    db_close(db);
}

static void open_ledger(void) {
    char why[512] = "";
    if (ledger_open(sk_dir, &l, why, sizeof why) != ERR_OK) fail_msg("%s", why);
}

static void fresh_house(void) {
    sk_make_dir();
    FILE *f = fopen(sk_path, "we");
    assert_non_null(f);
    assert_int_equal(fwrite(empty_store, 1, empty_n, f), empty_n);
    assert_int_equal(fclose(f), 0);
    open_ledger();
    for (size_t i = 0; i < ARRAY_N(jobs); i++) jobs[i].result = ERR_MAX;
    crashvfs_reset();
    syncs_at_last_batch = 0;
    atomic_store(&acks_without_sync, 0);
}

static int setup_group(void **state) {
    (void)state;
    struct db *db = sk_fresh();
    sk_script(db, "CREATE TABLE t (id INTEGER PRIMARY KEY, b BLOB NOT NULL) STRICT; PRAGMA wal_checkpoint(TRUNCATE)");
    db_close(db);
    FILE *f = fopen(sk_path, "re");
    assert_non_null(f);
    empty_store = malloc(8 << 20);
    empty_n     = fread(empty_store, 1, 8 << 20, f);
    (void)fclose(f);
    sk_drop_dir();
    crashvfs_install();
    log_set(LOG_ERROR + 1, 2);
    return 0;
}

static int teardown_group(void **state) {
    (void)state;
    crashvfs_remove();
    free(empty_store);
    log_set(LOG_INFO, 2);
    return 0;
}

static void t_every_operation(void **state) {
    (void)state;
    int      acked_then_cut = 0;
    bool     crashed        = true;
    uint64_t n;
    for (n = 1; crashed; n++) {
        enum crash_mode mode = (enum crash_mode)(n % 4);
        char            where[64];
        (void)snprintf(where, sizeof where, "operation %llu, mode %d", (unsigned long long)n, (int)mode);
        fresh_house();
        crashvfs_arm(n);
        live();
        crashed = crashvfs_crashed();
        ledger_close(l);
        crashvfs_settle(mode, n);
        open_ledger();
        check_store(where, JOBS);
        assert_int_equal(atomic_load(&acks_without_sync), 0);
        for (int i = 0; i < JOBS; i++) acked_then_cut += crashed && jobs[i].result == ERR_OK;
        if (n % 5 == 0) { /* and the store goes on */
            syncs_at_last_batch = crashvfs_syncs();
            struct writer *w    = start();
            assert_non_null(w);
            group(w, JOBS, 2);
            writer_stop(w);
            assert_int_equal(jobs[JOBS].result, ERR_OK);
            check_store(where, JOBS);
        }
        ledger_close(l);
        l = NULL;
        sk_drop_dir();
        assert_true(n < 3000);
    }
    assert_true(n > 100); /* it did cut */
    assert_true(acked_then_cut > 100);
    print_message("%llu operations cut\n", (unsigned long long)n - 2);
}

/* The model must be able to fail: without syncs, acknowledged writes are lost. */
static void t_model_can_fail(void **state) {
    (void)state;
    int lost = 0;
    fresh_house();
    sqlite3 *h;
    assert_int_equal(sqlite3_open(sk_path, &h), SQLITE_OK);
    assert_int_equal(sqlite3_exec(h, "PRAGMA journal_mode = WAL; PRAGMA synchronous = OFF; INSERT INTO t VALUES (1, x'00')", NULL, NULL, NULL), SQLITE_OK);
    assert_true(crashvfs_unsynced("-wal") > 0);
    crashvfs_arm(1);
    (void)sqlite3_exec(h, "INSERT INTO t VALUES (2, x'00')", NULL, NULL, NULL);
    assert_true(crashvfs_crashed());
    (void)sqlite3_close(h);
    crashvfs_settle(CRASH_DROP, 1);
    struct db *db = sk_open(DB_WRITE);
    lost          = sk_i(db, "SELECT COUNT(*) FROM t") == 0;
    db_close(db);
    assert_true(lost);
    ledger_close(l);
    sk_drop_dir();
}

/* Cut while the very first start makes the store: the next start brings it to an end. */
static void t_migration(void **state) {
    (void)state;
    bool crashed = true;
    int  cuts    = 0;
    for (uint64_t n = 1; crashed; n += n < 40 ? 1 : 23) {
        char       why[256];
        struct db *db = NULL;
        sk_make_dir();
        crashvfs_reset();
        crashvfs_arm(n);
        if (db_open(sk_path, DB_WRITE, &db, why, sizeof why) == ERR_OK) {
            (void)!migrate(db, NULL, NULL, why, sizeof why);
            db_close(db);
        }
        crashed = crashvfs_crashed();
        cuts += crashed;
        crashvfs_settle((enum crash_mode)(n % 4), n);
        db           = sk_open(DB_WRITE);
        why[0]       = '\0';
        enum err e   = migrate(db, NULL, NULL, why, sizeof why);
        if (e) print_error("operation %llu: %s\n", (unsigned long long)n, why);
        assert_int_equal(e, ERR_OK);
        assert_int_equal(sk_i(db, "SELECT value FROM counter"), 0);
        sk_done(db);
    }
    assert_true(cuts > 20);
}

/* The disk is full after so many writes, in the middle of a commit or before it: refused, nothing half done, later it works. */
static void t_disk_full(void **state) {
    (void)state;
    int refused = 0;
    for (int64_t after = 0; after < 40; after += 3) {
        fresh_house();
        struct writer *w = start();
        assert_non_null(w);
        group(w, 0, 2);
        assert_int_equal(jobs[0].result, ERR_OK);
        struct db *reader = sk_open(DB_READ);
        crashvfs_full(after);
        group(w, 2, 3);
        group(w, 5, 3);
        for (int i = 2; i < 8; i++) {
            assert_true(jobs[i].result == ERR_OK || jobs[i].result == ERR_STORE);
            refused += jobs[i].result == ERR_STORE;
        }
        assert_true(sk_i(reader, "SELECT COUNT(*) FROM t") >= 2); /* reads go on */
        crashvfs_full(-1);
        group(w, 8, 2);
        assert_int_equal(jobs[8].result, ERR_OK);
        assert_int_equal(jobs[9].result, ERR_OK);
        db_close(reader);
        writer_stop(w);
        check_store("full", 10);
        assert_int_equal(atomic_load(&acks_without_sync), 0);
        ledger_close(l);
        l = NULL;
        sk_drop_dir();
    }
    assert_true(refused > 10);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(t_model_can_fail), cmocka_unit_test(t_every_operation), cmocka_unit_test(t_migration),
                                       cmocka_unit_test(t_disk_full)};
    return cmocka_run_group_tests_name("crash", tests, setup_group, teardown_group);
}
