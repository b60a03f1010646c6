/* SPDX-License-Identifier: Apache-2.0
 *
 * store/db.h over SQLite: WAL, synchronous=FULL for the writer, query_only for readers. One thread per connection (NOMUTEX).
 * Statements are prepared once and kept, found by the address of their text.
 */
#include <pthread.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "store/db.h"

#define DB_MAGIC   0x64623132U
#define ROWS_MAX   16
#define BUSY_MS    2000
#define STMTS_INIT 64u
#define LOOK_BYTES 64

struct stmt {
    const char   *sql;
    sqlite3_stmt *st;
    bool          busy; /* inside an open struct rows */
};

struct rows {
    struct db    *db;
    struct stmt  *cached; /* NULL: a second use of a busy statement, finalised at the end */
    sqlite3_stmt *st;
    enum err      e;
    bool          open, done;
};

struct db {
    unsigned     magic;
    sqlite3     *h;
    struct stmt *stmts; /* open addressing by address */
    size_t       cap, n;
    struct rows  rows[ROWS_MAX];
    int64_t      numbers[DB_NUMBERS], saved[DB_NUMBERS]; /* saved: as they were at the savepoint */
    bool         broken, reader;
    int64_t      busy_mono_ms; /* since when the store has been asked for in vain */
};

static enum err map_error(struct db *db, int rc, const char *sql) {
    switch (sqlite3_extended_errcode(db->h)) {
    case SQLITE_CONSTRAINT_UNIQUE:
    case SQLITE_CONSTRAINT_PRIMARYKEY:
    case SQLITE_CONSTRAINT_ROWID: return ERR_DUP;
    default: break;
    }
    if ((rc & 0xff) == SQLITE_CONSTRAINT) return ERR_CONFLICT;
    db->broken = true;
    LOG(LOG_ERROR, "store_error", KI("code", sqlite3_extended_errcode(db->h)), KS("text", sqlite3_errmsg(db->h)), KS("sql", sql ? sql : ""));
    return ERR_STORE;
}

static enum err pragma(struct db *db, const char *sql) {
    int rc = sqlite3_exec(db->h, sql, NULL, NULL, NULL);
    return rc == SQLITE_OK ? ERR_OK : map_error(db, rc, sql);
}

static bool is_durable(struct db *db) {
    int64_t      level = 0;
    bool         wal   = false;
    struct rows *r     = db_query(db, "PRAGMA journal_mode", "");
    if (db_next(r) && row_s(r, 0)) wal = strcmp(row_s(r, 0), "wal") == 0;
    enum err e = db_rows_end(r);
    return e == ERR_OK && wal && db_one_i(db, &level, "PRAGMA synchronous", "") == ERR_OK && level == 2;
}

/* Counting every allocation under a lock costs a tenth of a write, and nobody asks for the sum. */
static void configure(void) {
    int rc = sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
    if (rc != SQLITE_OK) LOG(LOG_DEBUG, "store_memory_counted", KI("code", rc)); /* the library was used before */
}

/* Another process writes: a commit is a few milliseconds, so it is asked often. SQLite's own waiting grows to a tenth of a second and leaves the
 * lock unused between the processes of one store. */
static int on_busy(void *arg, int asked) {
    struct db            *db    = arg;
    const struct timespec pause = {.tv_nsec = asked < 50 ? 300000 : 2000000};
    if (asked == 0) db->busy_mono_ms = clock_mono_ms();
    if (clock_mono_ms() - db->busy_mono_ms >= BUSY_MS) return 0;
    (void)nanosleep(&pause, NULL);
    return 1;
}

enum err db_open(const char *path, enum db_mode mode, struct db **out, char *why, size_t why_n) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    struct db            *db;
    MUST(pthread_once(&once, configure) == 0);
    ALLOC_OBJ(db, DB_MAGIC);
    db->reader = mode == DB_READ;
    int flags = SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_READWRITE | (mode == DB_WRITE ? SQLITE_OPEN_CREATE : 0);
    int rc    = sqlite3_open_v2(path, &db->h, flags, NULL);
    enum err e = rc == SQLITE_OK ? ERR_OK : ERR_STORE;
    if (e == ERR_OK) {
        (void)sqlite3_extended_result_codes(db->h, 1);
        (void)sqlite3_busy_handler(db->h, on_busy, db);
        e = pragma(db, "PRAGMA trusted_schema = OFF; PRAGMA foreign_keys = ON; PRAGMA cache_size = -16000");
    }
    if (e == ERR_OK && mode == DB_WRITE)
        e = pragma(db, "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA wal_autocheckpoint = 2000; PRAGMA journal_size_limit = 67108864");
    /* what a SAVEPOINT sets aside stays in memory too: in a file every job of a batch would pay for it with a dozen writes */
    if (e == ERR_OK && mode == DB_WRITE) e = pragma(db, "PRAGMA temp_store = MEMORY");
    if (e == ERR_OK && mode == DB_READ) e = pragma(db, "PRAGMA query_only = ON");
    if (e) {
        (void)snprintf(why, why_n, "store %s: %s", path, db->h ? sqlite3_errmsg(db->h) : "out of memory");
        db_close(db);
        return e;
    }
    db->cap   = STMTS_INIT;
    db->stmts = x_calloc(db->cap, sizeof *db->stmts);
    if (mode == DB_WRITE && !is_durable(db)) { /* these pragmas answer, they do not fail */
        (void)snprintf(why, why_n, "store %s: no write-ahead log with synchronous=FULL on this file system", path);
        db_close(db);
        return ERR_STORE;
    }
    *out = db;
    return ERR_OK;
}

void db_close(struct db *db) {
    if (db == NULL) return;
    CHECK_OBJ_NOTNULL(db, DB_MAGIC);
    for (size_t i = 0; i < db->cap; i++)
        if (db->stmts[i].st) (void)sqlite3_finalize(db->stmts[i].st);
    x_free(db->stmts);
    (void)sqlite3_close(db->h);
    FREE_OBJ(db);
}

static struct stmt *slot_of(struct stmt *v, size_t cap, const char *sql) {
    size_t i = ((uintptr_t)sql >> 3) * 0x9E3779B9u & (cap - 1);
    while (v[i].sql && v[i].sql != sql) i = (i + 1) & (cap - 1);
    return &v[i];
}

static void grow(struct db *db) {
    size_t       cap = db->cap * 2;
    struct stmt *v   = x_calloc(cap, sizeof *v);
    struct stmt *old = db->stmts;
    for (size_t i = 0; i < db->cap; i++)
        if (old[i].sql) *slot_of(v, cap, old[i].sql) = old[i];
    for (size_t i = 0; i < ROWS_MAX; i++) /* open rows point into the table */
        if (db->rows[i].open && db->rows[i].cached) db->rows[i].cached = slot_of(v, cap, db->rows[i].cached->sql);
    db->stmts = v;
    db->cap   = cap;
    x_free(old);
}

static enum err prepare(struct db *db, const char *sql, sqlite3_stmt **st) {
    int rc = sqlite3_prepare_v3(db->h, sql, -1, SQLITE_PREPARE_PERSISTENT, st, NULL);
    return rc == SQLITE_OK ? ERR_OK : map_error(db, rc, sql);
}

/* The cached statement, or a private one when that is in use. */
static enum err take(struct db *db, const char *sql, struct stmt **cached, sqlite3_stmt **st) {
    if (db->n * 2 >= db->cap) grow(db);
    struct stmt *s = slot_of(db->stmts, db->cap, sql);
    *cached        = NULL;
    if (s->sql) {
        MUST(strncmp(sqlite3_sql(s->st), sql, LOOK_BYTES) == 0); /* not a literal: its address now holds another text */
    }
    if (s->sql && s->busy) return prepare(db, sql, st);
    if (s->sql == NULL) {
        enum err e = prepare(db, sql, &s->st);
        if (e) {
            (void)sqlite3_finalize(s->st);
            s->st = NULL;
            return e;
        }
        s->sql = sql;
        db->n++;
    }
    *cached = s;
    *st     = s->st;
    return ERR_OK;
}

/* copy: the values may go before the statement ends (rows). */
static void bind_all(sqlite3_stmt *st, bool copy, const char *types, va_list ap) {
    int                     rc   = SQLITE_OK;
    sqlite3_destructor_type life = copy ? SQLITE_TRANSIENT : SQLITE_STATIC;
    MUST((size_t)sqlite3_bind_parameter_count(st) == strlen(types)); /* a parameter left out would be NULL in silence */
    for (int i = 1; types[i - 1]; i++) {
        const void *p;
        switch (types[i - 1]) {
        case 'i': rc |= sqlite3_bind_int64(st, i, va_arg(ap, int64_t)); break;
        case 's':
            p = va_arg(ap, const char *);
            rc |= p ? sqlite3_bind_text(st, i, p, -1, life) : sqlite3_bind_null(st, i);
            break;
        case 'b':
            p = va_arg(ap, const void *);
            rc |= sqlite3_bind_blob64(st, i, p ? p : "", va_arg(ap, size_t), life);
            break;
        case 'n': rc |= sqlite3_bind_null(st, i); break;
        default: UNREACHABLE("type of an SQL argument");
        }
    }
    MUST(rc == SQLITE_OK); /* more arguments than parameters: a programmer's error */
}

static void put_back(struct stmt *cached, sqlite3_stmt *st) {
    if (cached == NULL) {
        (void)sqlite3_finalize(st);
        return;
    }
    (void)sqlite3_reset(st); /* repeats the error of the step, which is known */
    (void)sqlite3_clear_bindings(st);
    cached->busy = false;
}

enum err db_exec(struct db *db, const char *sql, const char *types, ...) {
    CHECK_OBJ_NOTNULL(db, DB_MAGIC);
    struct stmt  *cached;
    sqlite3_stmt *st = NULL;
    enum err      e  = take(db, sql, &cached, &st);
    if (e) return e;
    va_list ap;
    va_start(ap, types);
    bind_all(st, false, types, ap);
    va_end(ap);
    int rc = sqlite3_step(st);
    if (rc != SQLITE_DONE && rc != SQLITE_ROW) e = map_error(db, rc, sql);
    put_back(cached, st);
    return e;
}

int64_t db_changes(const struct db *db) { return sqlite3_changes64(db->h); }
int64_t db_changes_all(const struct db *db) { return sqlite3_total_changes64(db->h); }

enum err db_script(struct db *db, const char *sql) {
    int rc = sqlite3_exec(db->h, sql, NULL, NULL, NULL);
    return rc == SQLITE_OK ? ERR_OK : map_error(db, rc, "script");
}

static struct rows *vquery(struct db *db, const char *sql, const char *types, va_list ap) {
    CHECK_OBJ_NOTNULL(db, DB_MAGIC);
    size_t i = 0;
    while (i < ROWS_MAX && db->rows[i].open) i++;
    MUST(i < ROWS_MAX); /* somebody forgot db_rows_end */
    struct rows *r = &db->rows[i];
    *r             = (struct rows){.db = db, .open = true};
    r->e           = take(db, sql, &r->cached, &r->st);
    if (r->e) {
        r->done = true;
        r->st   = NULL;
        return r;
    }
    if (r->cached) r->cached->busy = true;
    bind_all(r->st, true, types, ap);
    return r;
}

struct rows *db_query(struct db *db, const char *sql, const char *types, ...) {
    va_list ap;
    va_start(ap, types);
    struct rows *r = vquery(db, sql, types, ap);
    va_end(ap);
    return r;
}

bool db_next(struct rows *r) {
    if (r->done) return false;
    int rc = sqlite3_step(r->st);
    if (rc == SQLITE_ROW) return true;
    if (rc != SQLITE_DONE) r->e = map_error(r->db, rc, sqlite3_sql(r->st));
    r->done = true;
    return false;
}

enum err db_rows_end(struct rows *r) {
    MUST(r->open);
    if (r->st) put_back(r->cached, r->st);
    r->open = false;
    return r->e;
}

int64_t     row_i(const struct rows *r, int col) { return sqlite3_column_int64(r->st, col); }
const char *row_s(const struct rows *r, int col) { return (const char *)sqlite3_column_text(r->st, col); }
bool        row_is_null(const struct rows *r, int col) { return sqlite3_column_type(r->st, col) == SQLITE_NULL; }

const void *row_b(const struct rows *r, int col, size_t *n) {
    const void *p = sqlite3_column_blob(r->st, col);
    *n            = (size_t)sqlite3_column_bytes(r->st, col);
    return p;
}

enum err db_one_i(struct db *db, int64_t *out, const char *sql, const char *types, ...) {
    va_list ap;
    va_start(ap, types);
    struct rows *r = vquery(db, sql, types, ap);
    va_end(ap);
    bool found = db_next(r);
    if (found) *out = row_i(r, 0);
    enum err e = db_rows_end(r);
    return e ? e : found ? ERR_OK : ERR_NOTFOUND;
}

int64_t *db_number(struct db *db, enum db_number which) { return sqlite3_get_autocommit(db->h) ? NULL : &db->numbers[which]; }

enum err db_begin(struct db *db) {
    db->broken = false;
    memset(db->numbers, 0, sizeof db->numbers);
    /* a reader's snapshot begins with its first read; a writer must own the lock before it reads what it will change (D5) */
    return db->reader ? db_exec(db, "BEGIN", "") : db_exec(db, "BEGIN IMMEDIATE", "");
}

enum err db_commit(struct db *db) { return db_exec(db, "COMMIT", ""); }

void db_rollback(struct db *db) {
    if (sqlite3_get_autocommit(db->h)) return; /* the engine rolled back by itself */
    if (db_exec(db, "ROLLBACK", "") != ERR_OK) LOG0(LOG_ERROR, "rollback_failed");
}

enum err db_savepoint(struct db *db) {
    memcpy(db->saved, db->numbers, sizeof db->saved);
    return db_exec(db, "SAVEPOINT job", "");
}

enum err db_release(struct db *db) { return db_exec(db, "RELEASE job", ""); }

void db_rollback_to(struct db *db) {
    memcpy(db->numbers, db->saved, sizeof db->numbers);
    if (sqlite3_get_autocommit(db->h)) return;
    if (db_exec(db, "ROLLBACK TO job", "") != ERR_OK) LOG0(LOG_ERROR, "rollback_to_failed");
}

bool    db_is_broken(const struct db *db) { return db->broken; }
