/* SPDX-License-Identifier: Apache-2.0
 *
 * The record store: errors, rows, the cache of statements, transactions, two processes, readers beside the writer.
 */
#include <pthread.h>
#include <sqlite3.h>
#include <sys/wait.h>

#include "base/clock.h"
#include "base/log.h"
#include "tests/unit/storekit.h"

static struct db *db;

static int setup(void **state) {
    (void)state;
    db = sk_fresh();
    sk_script(db, "CREATE TABLE t (id TEXT PRIMARY KEY, n INTEGER UNIQUE, b BLOB, c INTEGER CHECK (c < 10), u TEXT REFERENCES unit (code)) STRICT");
    return 0;
}

static int teardown(void **state) {
    (void)state;
    sk_done(db);
    return 0;
}

static void text_of(struct db *d, const char *sql, char *out, size_t n) {
    struct rows *r = db_query(d, sql, "");
    assert_true(db_next(r));
    (void)snprintf(out, n, "%s", row_s(r, 0));
    assert_int_equal(db_rows_end(r), ERR_OK);
}

static void t_pragmas(void **state) {
    (void)state;
    char mode[20];
    text_of(db, "PRAGMA journal_mode", mode, sizeof mode);
    assert_string_equal(mode, "wal");
    assert_int_equal(sk_i(db, "PRAGMA synchronous"), 2);
    assert_int_equal(sk_i(db, "PRAGMA foreign_keys"), 1);
    assert_int_equal(sk_i(db, "PRAGMA trusted_schema"), 0);
    assert_int_equal(sk_i(db, "PRAGMA wal_autocheckpoint"), 2000);
    assert_int_equal(sk_i(db, "PRAGMA journal_size_limit"), 67108864);
    struct db *r = sk_open(DB_READ);
    assert_int_equal(sk_i(r, "PRAGMA query_only"), 1);
    db_close(r);
}

/* Another process writes: it is waited for, for two seconds and no longer. */
static void t_busy(void **state) {
    (void)state;
    struct db *other = sk_open(DB_WRITE);
    assert_int_equal(db_begin(other), ERR_OK);
    int64_t start = clock_mono_ms();
    assert_int_not_equal(db_begin(db), ERR_OK);
    int64_t waited = clock_mono_ms() - start;
    assert_true(waited >= 1900 && waited < 10000);
    assert_int_equal(db_commit(other), ERR_OK);
    assert_int_equal(db_begin(db), ERR_OK);
    assert_int_equal(db_commit(db), ERR_OK);
    db_close(other);
}

static void t_open(void **state) {
    (void)state;
    struct db *d;
    char       why[256], path[160];
    (void)snprintf(path, sizeof path, "%s/none.db", sk_dir);
    assert_int_equal(db_open(path, DB_READ, &d, why, sizeof why), ERR_STORE); /* a reader makes no store */
    assert_non_null(strstr(why, path));
    assert_int_equal(db_open("/nonexistent/x.db", DB_WRITE, &d, why, sizeof why), ERR_STORE);
    FILE *f = fopen(path, "we");
    (void)fputs("this is no database, but it is longer than a header of one hundred bytes ...............................................", f);
    (void)fclose(f);
    assert_int_equal(db_open(path, DB_WRITE, &d, why, sizeof why), ERR_STORE);
    /* a store in memory cannot have a write-ahead log: refused, not silently less durable */
    assert_int_equal(db_open(":memory:", DB_WRITE, &d, why, sizeof why), ERR_STORE);
    assert_non_null(strstr(why, "write-ahead"));
    db_close(NULL);
}

static void t_errors(void **state) {
    (void)state;
    assert_int_equal(db_exec(db, "INSERT INTO t (id, n) VALUES (?1, ?2)", "si", "a", (int64_t)1), ERR_OK);
    assert_int_equal(db_changes(db), 1);
    assert_int_equal(db_exec(db, "INSERT INTO t (id, n) VALUES (?1, ?2)", "si", "a", (int64_t)2), ERR_DUP);
    assert_int_equal(db_exec(db, "INSERT INTO t (id, n) VALUES (?1, ?2)", "si", "b", (int64_t)1), ERR_DUP);
    assert_int_equal(db_exec(db, "INSERT INTO t (id, c) VALUES ('c', 11)", ""), ERR_CONFLICT);
    assert_int_equal(db_exec(db, "INSERT INTO t (id, u) VALUES ('d', 'NO-SUCH-UNIT')", ""), ERR_CONFLICT);
    assert_int_equal(db_exec(db, "INSERT INTO unit_alias (alias, unit) VALUES (NULL, NULL)", ""), ERR_CONFLICT);
    assert_false(db_is_broken(db)); /* refusals of the business */
    log_set(LOG_ERROR + 1, 2);
    assert_int_equal(db_exec(db, "INSERT INTO nothing VALUES (1)", ""), ERR_STORE);
    assert_true(db_is_broken(db));
    assert_int_equal(db_begin(db), ERR_OK);
    assert_false(db_is_broken(db));
    struct rows *r = db_query(db, "SELECT nothing FROM t", "");
    assert_false(db_next(r));
    assert_int_equal(db_rows_end(r), ERR_STORE);
    assert_true(db_is_broken(db));
    db_rollback(db);
    db_rollback(db); /* again: nothing */
    struct db *reader = sk_open(DB_READ);
    assert_int_equal(db_exec(reader, "DELETE FROM t", ""), ERR_STORE);
    db_close(reader);
    log_set(LOG_INFO, 2);
    int64_t v;
    assert_int_equal(db_one_i(db, &v, "SELECT n FROM t WHERE id = 'zz'", ""), ERR_NOTFOUND);
}

static void t_rows(void **state) {
    (void)state;
    char   with_nul[] = "a\0b";
    size_t n;
    assert_int_equal(db_exec(db, "INSERT INTO t (id, n, b) VALUES (?1, ?2, ?3)", "sib", "x", INT64_MIN, with_nul, (size_t)3), ERR_OK);
    assert_int_equal(db_exec(db, "INSERT INTO t (id, n, b) VALUES (?1, ?2, ?3)", "snn", "y"), ERR_OK);
    assert_int_equal(db_exec(db, "INSERT INTO t (id, n, b) VALUES (?1, ?2, ?3)", "sib", "z", INT64_MAX, NULL, (size_t)0), ERR_OK);
    assert_int_equal(db_exec(db, "UPDATE t SET n = ?1 WHERE id = ?2", "is", (int64_t)5, NULL), ERR_OK);
    assert_int_equal(db_changes(db), 0); /* NULL text is SQL NULL: equal to nothing */
    struct rows *r = db_query(db, "SELECT id, n, b FROM t ORDER BY id", "");
    assert_true(db_next(r));
    assert_int_equal(row_i(r, 1), INT64_MIN);
    assert_memory_equal(row_b(r, 2, &n), "a\0b", 3);
    assert_int_equal(n, 3);
    assert_true(db_next(r));
    assert_true(row_is_null(r, 1) && row_is_null(r, 2));
    assert_int_equal(row_i(r, 1), 0);
    assert_null(row_s(r, 1));
    assert_null(row_b(r, 2, &n));
    assert_int_equal(n, 0);
    assert_true(db_next(r));
    assert_int_equal(row_i(r, 1), INT64_MAX);
    assert_false(row_is_null(r, 2)); /* an empty blob is not NULL */
    assert_false(db_next(r));
    assert_false(db_next(r));
    assert_int_equal(db_rows_end(r), ERR_OK);
}

/* The same statement open inside itself, sixteen at a time, and the cache growing under open rows. */
static void t_nested(void **state) {
    (void)state;
    struct rows *open[16];
    for (int i = 0; i < 5; i++) {
        char id[16];
        (void)snprintf(id, sizeof id, "n%d", i);
        assert_int_equal(db_exec(db, "INSERT INTO t (id, n) VALUES (?1, ?2)", "si", id, (int64_t)i), ERR_OK);
    }
    for (size_t i = 0; i < ARRAY_N(open); i++) {
        open[i] = db_query(db, "SELECT n FROM t WHERE n >= ?1 ORDER BY n", "i", (int64_t)(i % 5));
        assert_true(db_next(open[i]));
    }
    /* 300 statements: texts at their own addresses, alive as long as the connection */
    static char sql[300][40];
    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < 300; i++) {
            int64_t v = 0;
            (void)snprintf(sql[i], sizeof sql[i], "SELECT %d", i);
            if (round == 0 && i == 0) assert_int_equal(db_rows_end(open[15]), ERR_OK);
            assert_int_equal(db_one_i(db, &v, sql[i], ""), ERR_OK);
            assert_int_equal(v, i);
        }
    }
    for (size_t i = 0; i < 15; i++) { /* each still stands on its own row */
        assert_int_equal(row_i(open[i], 0), i % 5);
        int left = 0;
        while (db_next(open[i])) left++;
        assert_int_equal(left, 4 - (int)(i % 5));
        assert_int_equal(db_rows_end(open[i]), ERR_OK);
    }
    int64_t v = 0;
    assert_int_equal(db_one_i(db, &v, "SELECT n FROM t WHERE n >= ?1 ORDER BY n", "i", (int64_t)3), ERR_OK);
    assert_int_equal(v, 3);
}

/* True when fn ends the process. */
static bool aborts(void (*fn)(void)) {
    (void)fflush(NULL);
    pid_t pid = fork();
    if (pid == 0) {
        if (freopen("/dev/null", "w", stderr) == NULL) _exit(2);
        fn();
        _exit(0);
    }
    int status = 0;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return !(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

static void in_child(void (*fn)(struct db *)) {
    struct db *d;
    char       why[100];
    if (db_open(sk_path, DB_READ, &d, why, sizeof why) == ERR_OK) fn(d);
    _exit(0);
}
static void same_address(struct db *d) {
    static char sql[] = "SELECT 1";
    int64_t     v;
    (void)!db_one_i(d, &v, sql, "");
    sql[7] = '2';
    (void)!db_one_i(d, &v, sql, "");
}
static void too_few(struct db *d) {
    int64_t v;
    (void)!db_one_i(d, &v, "SELECT 1 WHERE ?1 = ?2", "i", (int64_t)1);
}
static void too_many(struct db *d) {
    int64_t v;
    (void)!db_one_i(d, &v, "SELECT ?1", "ii", (int64_t)1, (int64_t)1);
}
static void seventeen(struct db *d) {
    for (int i = 0; i < 17; i++) (void)db_query(d, "SELECT 1", "");
}
static void fine(struct db *d) {
    int64_t v;
    (void)!db_one_i(d, &v, "SELECT ?1", "i", (int64_t)1);
}
static void f1(void) { in_child(same_address); }
static void f2(void) { in_child(too_few); }
static void f3(void) { in_child(too_many); }
static void f4(void) { in_child(seventeen); }
static void f5(void) { in_child(fine); }

static void t_programmer_errors(void **state) {
    (void)state;
    assert_true(aborts(f1)); /* another text at a known address */
    assert_true(aborts(f2));
    assert_true(aborts(f3));
    assert_true(aborts(f4));
    assert_false(aborts(f5));
}

static void t_savepoint(void **state) {
    (void)state;
    assert_int_equal(db_begin(db), ERR_OK);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(db_savepoint(db), ERR_OK);
        assert_int_equal(db_exec(db, "INSERT INTO t (id, n) VALUES (?1, ?2)", "si", i == 0 ? "p" : i == 1 ? "q" : "r", (int64_t)i), ERR_OK);
        if (i == 1) db_rollback_to(db);
        assert_int_equal(db_release(db), ERR_OK);
    }
    assert_int_equal(db_commit(db), ERR_OK);
    assert_int_equal(sk_i(db, "SELECT COUNT(*) FROM t"), 2);
    assert_int_equal(sk_i(db, "SELECT COUNT(*) FROM t WHERE id = 'q'"), 0);
}

static void t_snapshot(void **state) {
    (void)state;
    struct db *r = sk_open(DB_READ);
    assert_int_equal(db_begin(r), ERR_OK);
    assert_int_equal(sk_i(r, "SELECT COUNT(*) FROM t"), 0);
    assert_int_equal(db_exec(db, "INSERT INTO t (id) VALUES ('late')", ""), ERR_OK); /* the writer does not wait for readers */
    assert_int_equal(sk_i(r, "SELECT COUNT(*) FROM t"), 0);
    assert_int_equal(db_commit(r), ERR_OK);
    assert_int_equal(sk_i(r, "SELECT COUNT(*) FROM t"), 1);
    db_close(r);
}

/* Two writers: the second waits for the first; when that takes too long it says ERR_STORE, and later it goes on. */
static struct db *other;

static void *commit_soon(void *arg) {
    (void)arg;
    struct timespec ts = {0, 100000000};
    (void)nanosleep(&ts, NULL); /* the waiting itself is what is tested */
    MUST(db_commit(other) == ERR_OK);
    return NULL;
}

static void t_two_writers(void **state) {
    (void)state;
    pthread_t t;
    other = sk_open(DB_WRITE);
    assert_int_equal(db_begin(other), ERR_OK);
    assert_int_equal(db_exec(other, "INSERT INTO t (id, n) VALUES ('first', 1)", ""), ERR_OK);
    assert_int_equal(pthread_create(&t, NULL, commit_soon, NULL), 0);
    assert_int_equal(db_begin(db), ERR_OK); /* waits */
    assert_int_equal(pthread_join(t, NULL), 0);
    assert_int_equal(sk_i(db, "SELECT COUNT(*) FROM t"), 1); /* and sees what came before it */
    log_set(LOG_ERROR + 1, 2);
    int64_t from = clock_mono_ms();
    assert_int_equal(db_begin(other), ERR_STORE); /* 2 s */
    assert_true(clock_mono_ms() - from >= 1900);
    log_set(LOG_INFO, 2);
    assert_true(db_is_broken(other));
    assert_int_equal(db_commit(db), ERR_OK);
    assert_int_equal(db_begin(other), ERR_OK);
    assert_int_equal(db_commit(other), ERR_OK);
    db_close(other);
}

/* The log is written back while readers come and go, and shrinks to its limit after a reader that stayed long. */
static void t_checkpoint(void **state) {
    (void)state;
    char        wal[140];
    struct stat st;
    struct db  *r = sk_open(DB_READ);
    (void)snprintf(wal, sizeof wal, "%s-wal", sk_path);
    static char blob[60000];
    for (int i = 0; i < 400; i++) {
        if (i % 10 == 0) assert_int_equal(db_begin(r), ERR_OK);
        assert_int_equal(sk_i(r, "SELECT COUNT(*) FROM t") >= 0, 1);
        assert_int_equal(db_exec(db, "INSERT OR REPLACE INTO t (id, b) VALUES ('big', ?1)", "b", blob, sizeof blob), ERR_OK);
        if (i % 10 == 5) assert_int_equal(db_commit(r), ERR_OK);
    }
    assert_int_equal(stat(wal, &st), 0);
    assert_true(st.st_size < 24 << 20); /* 400 * 64 KB were written */
    db_close(r);
}

int main(void) {
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {T(t_pragmas), T(t_busy),   T(t_open),      T(t_errors),   T(t_rows),        T(t_nested),
                                       T(t_programmer_errors), T(t_savepoint), T(t_snapshot), T(t_two_writers), T(t_checkpoint)};
    return cmocka_run_group_tests_name("db", tests, NULL, NULL);
}
