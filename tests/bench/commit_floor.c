/* SPDX-License-Identifier: Apache-2.0
 *
 * The floor of durable writes: the statements and the batches the gateway really wrote, replayed by nothing but SQLite.
 *
 *   commit_floor record FILE CONF     runs the gateway of configuration CONF and notes every committed transaction in FILE
 *   commit_floor replay FILE STORE    the same transactions on STORE (a copy of the store as it was before); WAL,
 * synchronous=FULL
 *       [--cpu C]                     prints {"batches":..,"jobs":..,"statements":..,"seconds":..,"cpu_s":..}
 *
 * record hangs on sqlite3_trace_v2 of each connection; reads, savepoints and what was rolled back are left out. replay prepares
 * each text once and binds, as the store does; reading FILE is not timed. Refuses tmpfs: an fsync there proves nothing (D26).
 *
 * FILE: "B" begins a transaction, "J" ends a job in it, "C" ends it; "S n m" is followed by n bytes of statement and
 * m bytes of the same with its values.
 */
#include <pthread.h>
#include <signal.h>
#include <sqlite3.h>
#include <sys/vfs.h>

#include "base/conf.h"
#include "gateway/serve.h"
#include "tests/bench/bench.h"

#define ME "commit_floor"
#define TMPFS 0x01021994
#define PARAMS_MAX 64

static void *grown(void *p, size_t n) {
    void *q = realloc(p, n);
    if (q == NULL) die(ME, "out of memory");
    return q;
}

/* ---- record ---- */
struct note { /* of one connection: its transaction so far */
    char  *b;
    size_t n, cap, savepoint;
    bool   writing;
};

static FILE           *record_file;
static pthread_mutex_t record_lock = PTHREAD_MUTEX_INITIALIZER;

static void put(struct note *k, const void *p, size_t n) {
    if (k->n + n > k->cap) k->b = grown(k->b, k->cap = (k->n + n) * 2);
    memcpy(k->b + k->n, p, n);
    k->n += n;
}

static bool starts(const char *sql, const char *word) { return strncasecmp(sql, word, strlen(word)) == 0; }

static void write_statement(struct note *k, sqlite3_stmt *st, const char *sql) {
    char *values = sqlite3_expanded_sql(st);
    char  head[64];
    if (values == NULL) die(ME, "a statement cannot be noted: %.60s", sql);
    size_t sql_n = strlen(sql), values_n = strlen(values);
    put(k, head, (size_t)snprintf(head, sizeof head, "S %zu %zu\n", sql_n, values_n));
    put(k, sql, sql_n);
    put(k, values, values_n);
    put(k, "\n", 1);
    sqlite3_free(values);
}

static int on_statement(unsigned what, void *ctx, void *statement, void *text) {
    struct note  *k   = ctx;
    sqlite3_stmt *st  = statement;
    const char   *sql = what == SQLITE_TRACE_STMT ? sqlite3_sql(st) : "";
    if (what != SQLITE_TRACE_STMT) { /* the connection closes */
        free(k->b);
        free(k);
    } else if (sql == NULL || strncmp(text, "--", 2) == 0) { /* a step of a trigger */
        return 0;
    } else if (starts(sql, "BEGIN IMMEDIATE")) {
        k->n       = 0;
        k->writing = true;
        put(k, "B\n", 2);
    } else if (!k->writing) {
        return 0;
    } else if (starts(sql, "SAVEPOINT")) {
        k->savepoint = k->n;
    } else if (starts(sql, "RELEASE")) {
        put(k, "J\n", 2);
    } else if (starts(sql, "ROLLBACK TO")) {
        k->n = k->savepoint;
    } else if (starts(sql, "ROLLBACK")) {
        k->writing = false;
    } else if (starts(sql, "COMMIT")) {
        put(k, "C\n", 2);
        k->writing = false;
        (void)pthread_mutex_lock(&record_lock);
        if (fwrite(k->b, 1, k->n, record_file) != k->n) die(ME, "the record cannot be written");
        (void)pthread_mutex_unlock(&record_lock);
    } else if (!starts(sql, "SELECT") && !starts(sql, "PRAGMA")) {
        write_statement(k, st, sql);
    }
    return 0;
}

static int on_open(sqlite3 *db, char **why, const struct sqlite3_api_routines *api) {
    struct note *k = grown(NULL, sizeof *k);
    (void)why;
    (void)api;
    *k = (struct note){.n = 0};
    return sqlite3_trace_v2(db, SQLITE_TRACE_STMT | SQLITE_TRACE_CLOSE, on_statement, k);
}

static int record(const char *path, const char *conf_path) {
    static struct conf conf;
    struct server     *s;
    char               why[512] = "";
    sigset_t           set;
    int                sig = 0;
    record_file            = fopen(path, "w");
    if (record_file == NULL) die(ME, "%s: %s", path, strerrorname_np(errno));
    if (sqlite3_auto_extension((void (*)(void))on_open) != SQLITE_OK) die(ME, "no hook on connections");
    (void)files_raise();
    (void)signal(SIGPIPE, SIG_IGN);
    (void)sigemptyset(&set);
    (void)sigaddset(&set, SIGTERM);
    (void)pthread_sigmask(SIG_BLOCK, &set, NULL);
    if (conf_load(&conf, conf_path, why, sizeof why) != ERR_OK || server_start(&conf, &s, why, sizeof why) != ERR_OK)
        die(ME, "cannot start: %s", why);
    printf("zhangban ready http://127.0.0.1:%u\n", server_port(s));
    (void)fflush(stdout);
    (void)sigwait(&set, &sig);
    server_stop(s);
    return fclose(record_file) == 0 ? 0 : 1;
}

/* ---- replay ---- */
struct value {
    enum { VALUE_NULL, VALUE_INT, VALUE_REAL, VALUE_TEXT, VALUE_BLOB } kind;
    int64_t     i;
    double      d;
    const char *p;
    int         n;
};

struct step {
    enum { STEP_BEGIN, STEP_RUN, STEP_JOB, STEP_COMMIT } kind;
    sqlite3_stmt *st;
    struct value *values;
    int           values_n;
};

struct text { /* a statement and its prepared form */
    char         *sql;
    sqlite3_stmt *st;
};

static sqlite3     *db;
static struct step *steps;
static struct text *texts;
static size_t       steps_n, texts_n;

static void must(int rc, const char *what) {
    if (rc != SQLITE_OK && rc != SQLITE_DONE && rc != SQLITE_ROW) die(ME, "%s: %s", what, sqlite3_errmsg(db));
}

static sqlite3_stmt *prepared(const char *sql, size_t n) {
    for (size_t i = 0; i < texts_n; i++)
        if (strlen(texts[i].sql) == n && memcmp(texts[i].sql, sql, n) == 0) return texts[i].st;
    texts          = grown(texts, (texts_n + 1) * sizeof *texts);
    struct text *t = &texts[texts_n++];
    t->sql         = strndup(sql, n);
    must(sqlite3_prepare_v3(db, sql, (int)n, SQLITE_PREPARE_PERSISTENT, &t->st, NULL), "prepare");
    return t->st;
}

/* 'it''s' at x; the quotes are undone in place (the record is ours). */
static char *quoted(char *x, struct value *v) {
    char *out = x;
    v->kind   = VALUE_TEXT;
    v->p      = out;
    for (x++; *x; x++) {
        if (*x == '\'' && x[1] != '\'') break;
        if (*x == '\'') x++;
        *out++ = *x;
    }
    v->n = (int)(out - v->p);
    return x + 1;
}

static char *hex_blob(char *x, struct value *v) {
    char *out = x;
    v->kind   = VALUE_BLOB;
    v->p      = out;
    for (x += 2; *x && *x != '\''; x += 2) {
        char pair[3] = {x[0], x[1], '\0'};
        *out++       = (char)strtoul(pair, NULL, 16);
    }
    v->n = (int)(out - v->p);
    return x + 1;
}

static char *literal(char *x, struct value *v) {
    char *end;
    if (*x == '\'') return quoted(x, v);
    if ((*x == 'x' || *x == 'X') && x[1] == '\'') return hex_blob(x, v);
    if (strncmp(x, "NULL", 4) == 0) {
        v->kind = VALUE_NULL;
        return x + 4;
    }
    v->kind = VALUE_INT;
    v->i    = strtoll(x, &end, 10);
    if (*end == '.' || *end == 'e') {
        v->kind = VALUE_REAL;
        v->d    = strtod(x, &end);
    }
    if (end == x) die(ME, "not a value: %.40s", x);
    return end;
}

/* The values of ?1, ?2, ... by walking along the text and its expansion. */
static void values_of(struct step *s, const char *sql, size_t n, char *x) {
    struct value v[PARAMS_MAX] = {{.kind = VALUE_NULL}};
    bool         inside        = false;
    for (const char *t = sql; t < sql + n;) {
        if (*t == '\'') inside = !inside;
        if (*t == '?' && !inside) {
            char *end;
            long  i = strtol(t + 1, &end, 10);
            if (i < 1 || i > PARAMS_MAX) die(ME, "a parameter without a number: %.80s", sql);
            x = literal(x, &v[i - 1]);
            t = end;
            if (i > s->values_n) s->values_n = (int)i;
            continue;
        }
        if (*t++ != *x++) die(ME, "the record does not fit its statement: %.80s", sql);
    }
    s->values = grown(NULL, ((size_t)s->values_n + 1) * sizeof *v);
    memcpy(s->values, v, (size_t)s->values_n * sizeof *v);
}

static void read_record(const char *path) {
    size_t n, cap = 0;
    char  *b = file_text(ME, path, &n);
    for (char *p = b; p < b + n;) {
        if (steps_n == cap) steps = grown(steps, (cap = cap * 2 + 4096) * sizeof *steps);
        struct step *s = &steps[steps_n++];
        *s        = (struct step){.kind = *p == 'B' ? STEP_BEGIN : *p == 'J' ? STEP_JOB : *p == 'C' ? STEP_COMMIT : STEP_RUN};
        char *eol = strchr(p, '\n');
        if (eol == NULL) die(ME, "%s: cut short", path);
        if (s->kind == STEP_RUN) {
            char  *end;
            size_t sql_n = strtoul(p + 2, &end, 10), x_n = strtoul(end, NULL, 10);
            s->st                = prepared(eol + 1, sql_n);
            eol[1 + sql_n + x_n] = '\0';
            values_of(s, eol + 1, sql_n, eol + 1 + sql_n);
            eol += 1 + sql_n + x_n;
        }
        p = eol + 1;
    }
}

static void run_step(const struct step *s) {
    for (int i = 0; i < s->values_n; i++) {
        const struct value *v  = &s->values[i];
        int                 rc = SQLITE_OK;
        switch (v->kind) {
        case VALUE_NULL: rc = sqlite3_bind_null(s->st, i + 1); break;
        case VALUE_INT: rc = sqlite3_bind_int64(s->st, i + 1, v->i); break;
        case VALUE_REAL: rc = sqlite3_bind_double(s->st, i + 1, v->d); break;
        case VALUE_TEXT: rc = sqlite3_bind_text(s->st, i + 1, v->p, v->n, SQLITE_STATIC); break;
        case VALUE_BLOB: rc = sqlite3_bind_blob(s->st, i + 1, v->p, v->n, SQLITE_STATIC); break;
        }
        must(rc, "bind");
    }
    must(sqlite3_step(s->st), sqlite3_sql(s->st));
    (void)sqlite3_reset(s->st);
}

static int replay(const char *path, const char *store) {
    struct statfs fs;
    if (statfs(store, &fs) != 0) die(ME, "%s: %s", store, strerrorname_np(errno));
    if (fs.f_type == TMPFS) die(ME, "%s lies on tmpfs: an fsync there proves nothing", store);
    must(sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0), "config"); /* as the gateway */
    must(sqlite3_open(store, &db), "open");
    must(sqlite3_exec(
             db,
             "PRAGMA foreign_keys = ON; PRAGMA cache_size = -16000; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; "
             "PRAGMA wal_autocheckpoint = 2000; PRAGMA temp_store = MEMORY",
             NULL, NULL, NULL),
         "pragma");
    read_record(path);
    sqlite3_stmt *begin = prepared("BEGIN IMMEDIATE", 15), *commit = prepared("COMMIT", 6);
    size_t        batches = 0, jobs = 0, statements = 0;
    double        cpu = cpu_seconds(getpid());
    uint64_t      t0  = now_ns();
    for (size_t i = 0; i < steps_n; i++) {
        switch (steps[i].kind) {
        case STEP_BEGIN: must(sqlite3_step(begin), "begin"), (void)sqlite3_reset(begin); break;
        case STEP_RUN: run_step(&steps[i]), statements++; break;
        case STEP_JOB: jobs++; break;
        case STEP_COMMIT: must(sqlite3_step(commit), "commit"), (void)sqlite3_reset(commit), batches++; break;
        }
    }
    double s = (double)(now_ns() - t0) / 1e9;
    printf("{\"batches\":%zu,\"jobs\":%zu,\"statements\":%zu,\"seconds\":%.4f,\"cpu_s\":%.4f}\n", batches, jobs, statements, s,
           cpu_seconds(getpid()) - cpu);
    return 0;
}

int main(int argc, char **argv) {
    if (argc == 6 && strcmp(argv[4], "--cpu") == 0) pin_self((int)number(ME, argv[5], 0, 1023));
    if (argc >= 4 && strcmp(argv[1], "record") == 0) return record(argv[2], argv[3]);
    if (argc >= 4 && strcmp(argv[1], "replay") == 0) return replay(argv[2], argv[3]);
    die(ME, "record FILE CONF, or replay FILE STORE [--cpu C]");
}
