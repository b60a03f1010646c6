/* SPDX-License-Identifier: Apache-2.0
 *
 * The ledger against people who change it: with the database alone, with one of the keys, with the head file.
 */
#include "base/log.h"
#include "base/sm.h"
#include "base/text.h"
#include "store/ledger_int.h"
#include "tests/unit/storekit.h"

#define BATCHES 4
#define ROWS    12 /* three a batch: heads at 3, 6, 9, 12 */

static struct db     *db;
static struct ledger *l;
static char           heads[128], report[8192];

static void add(const char *object, const char *body) {
    const struct ledger_entry e = {.kind = "task.accept", .actor = "p_1", .unit = "NP-BB", .object = object, .body = body, .at_wall_ms = clock_wall_ms(),
                                   .at_business_ms = 1520814600000};
    assert_int_equal(ledger_add(l, db, &e), ERR_OK);
}

static void batch(int n) {
    assert_int_equal(db_begin(db), ERR_OK);
    for (int i = 0; i < n; i++) add("task:t_1", "{\"version\":3}");
    assert_int_equal(ledger_seal(l, db), ERR_OK);
    assert_int_equal(db_commit(db), ERR_OK);
    ledger_committed(l);
}

static void open_ledger(void) {
    char why[512] = "";
    if (ledger_open(sk_dir, &l, why, sizeof why) != ERR_OK) fail_msg("%s", why);
}

static int setup(void **state) {
    (void)state;
    db = sk_fresh();
    (void)snprintf(heads, sizeof heads, "%s/ledger.heads", sk_dir);
    open_ledger();
    for (int i = 0; i < BATCHES; i++) batch(ROWS / BATCHES);
    return 0;
}

static int teardown(void **state) {
    (void)state;
    ledger_close(l);
    l = NULL;
    sk_done(db);
    return 0;
}

static size_t verify(void) {
    size_t  n;
    int64_t rows;
    FILE   *f = fmemopen(report, sizeof report, "w");
    assert_non_null(f);
    enum err e = ledger_verify(sk_dir, db, f, &n, &rows);
    (void)fclose(f);
    assert_int_equal(e, ERR_OK);
    assert_int_equal(rows, sk_i(db, "SELECT COUNT(*) FROM ledger"));
    return n;
}

static void clean(void) {
    size_t n = verify();
    if (n) print_error("%s", report);
    assert_int_equal(n, 0);
}

static void caught(const char *what, const char *want) {
    size_t n = verify();
    if (n == 0 || strstr(report, want) == NULL) print_error("%s: wanted \"%s\", got %zu:\n%s", what, want, n, report);
    assert_true(n > 0);
    assert_non_null(strstr(report, want));
}

static void t_clean(void **state) {
    (void)state;
    clean();
    assert_int_equal(sk_i(db, "SELECT MAX(seq) FROM ledger"), ROWS);
    assert_int_equal(sk_i(db, "SELECT COUNT(*) FROM ledger_head"), BATCHES);
    ledger_close(l); /* another process, another day */
    open_ledger();
    batch(1);
    clean();
    char        path[160];
    struct stat st;
    static const char *files[] = {"keys/ledger.mac", "keys/server.sm2", "ledger.heads"};
    for (size_t i = 0; i < ARRAY_N(files); i++) {
        (void)snprintf(path, sizeof path, "%s/%s", sk_dir, files[i]);
        assert_int_equal(stat(path, &st), 0);
        assert_int_equal(st.st_mode & 0777, 0600);
    }
    (void)snprintf(path, sizeof path, "%s/keys", sk_dir);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0700);
}

/* Rows of a refused job vanish with it; a batch without rows has no head; an aborted batch leaves nothing. */
static void t_rolled_back(void **state) {
    (void)state;
    assert_int_equal(db_begin(db), ERR_OK);
    assert_int_equal(db_savepoint(db), ERR_OK);
    add("task:no", "");
    db_rollback_to(db);
    assert_int_equal(db_release(db), ERR_OK);
    assert_int_equal(ledger_seal(l, db), ERR_OK);
    assert_int_equal(db_commit(db), ERR_OK);
    ledger_committed(l);
    assert_int_equal(sk_i(db, "SELECT COUNT(*) FROM ledger_head"), BATCHES);
    assert_int_equal(db_begin(db), ERR_OK);
    add("task:no", "");
    assert_int_equal(ledger_seal(l, db), ERR_OK);
    db_rollback(db);
    ledger_aborted(l);
    clean();
    batch(2);
    clean();
    assert_int_equal(sk_i(db, "SELECT MAX(seq) FROM ledger"), ROWS + 2);
}

static void t_columns(void **state) {
    (void)state;
    static const struct {
        const char *sql, *undo, *want;
    } v[] = {
        {"UPDATE ledger SET at_wall = at_wall + 1 WHERE seq = 5", "UPDATE ledger SET at_wall = at_wall - 1 WHERE seq = 5", "seq 5 ("},
        {"UPDATE ledger SET at_business = 1520814600001 WHERE seq = 5", "UPDATE ledger SET at_business = 1520814600000 WHERE seq = 5", "seq 5 ("},
        {"UPDATE ledger SET kind = 'task.accepu' WHERE seq = 5", "UPDATE ledger SET kind = 'task.accept' WHERE seq = 5", "content was changed"},
        {"UPDATE ledger SET actor = 'p_0' WHERE seq = 1", "UPDATE ledger SET actor = 'p_1' WHERE seq = 1", "seq 1 ("},
        {"UPDATE ledger SET unit = '' WHERE seq = 12", "UPDATE ledger SET unit = 'NP-BB' WHERE seq = 12", "seq 12 ("},
        {"UPDATE ledger SET object = 'task:t_2' WHERE seq = 7", "UPDATE ledger SET object = 'task:t_1' WHERE seq = 7", "seq 7 ("},
        {"UPDATE ledger SET body = '{\"version\":4}' WHERE seq = 7", "UPDATE ledger SET body = '{\"version\":3}' WHERE seq = 7", "seq 7 ("},
        {"UPDATE ledger SET id = 'x' || id WHERE seq = 7", "UPDATE ledger SET id = substr(id, 2) WHERE seq = 7", "seq 7 (x"},
        {"UPDATE ledger SET mac = 'x' || substr(mac, 2) WHERE seq = 7", "", "seq 7 ("},
        /* behind a NUL no hash looks */
        {"UPDATE ledger SET body = '{\"version\":3}' || char(0) || 'and more' WHERE seq = 2", "UPDATE ledger SET body = '{\"version\":3}' WHERE seq = 2", "seq 2 ("},
        {"UPDATE ledger SET actor = actor || char(0) || 'x' WHERE seq = 2", "UPDATE ledger SET actor = 'p_1' WHERE seq = 2", "seq 2 ("},
        /* the same bytes, fields cut elsewhere */
        {"UPDATE ledger SET unit = actor || char(10) || unit, actor = kind, kind = '' WHERE seq = 3",
         "UPDATE ledger SET kind = 'task.accept', actor = 'p_1', unit = 'NP-BB' WHERE seq = 3", "seq 3 ("},
    };
    for (size_t i = 0; i < ARRAY_N(v); i++) {
        if (v[i].undo[0] == '\0') continue;
        assert_int_equal(db_script(db, v[i].sql), ERR_OK);
        caught(v[i].sql, v[i].want);
        assert_int_equal(db_script(db, v[i].undo), ERR_OK);
        clean();
    }
    sk_script(db, "UPDATE ledger SET hash = '0' || substr(hash, 2) WHERE seq = 7 AND substr(hash, 1, 1) <> '0'; "
                  "UPDATE ledger SET hash = '1' || substr(hash, 2) WHERE seq = 7 AND hash = hash");
    caught("hash", "seq 7 (");
    sk_script(db, "UPDATE ledger SET mac = 'x' || substr(mac, 2) WHERE seq = 4");
    caught("mac", "seq 4 (");
}

static void t_rows(void **state) {
    (void)state;
    sk_script(db, "UPDATE ledger SET seq = -5 WHERE seq = 5; UPDATE ledger SET seq = 5 WHERE seq = 6; UPDATE ledger SET seq = 6 WHERE seq = -5");
    caught("swap", "seq 5 (");
    assert_non_null(strstr(report, "does not follow its predecessor"));
    sk_script(db, "UPDATE ledger SET seq = -5 WHERE seq = 5; UPDATE ledger SET seq = 5 WHERE seq = 6; UPDATE ledger SET seq = 6 WHERE seq = -5");
    clean();
    sk_script(db, "INSERT INTO ledger SELECT 'l_new', 13, at_wall, at_business, kind, actor, unit, object, body, mac, hash FROM ledger WHERE seq = 12");
    caught("added", "seq 13 (l_new)");
    sk_script(db, "UPDATE ledger SET seq = NULL WHERE id = 'l_new'");
    caught("not sealed", "id l_new");
    sk_script(db, "DELETE FROM ledger WHERE id = 'l_new'");
    clean();
    sk_script(db, "DELETE FROM ledger WHERE seq = 8");
    caught("hole", "seq 8: missing");
}

static void t_cut(void **state) {
    (void)state;
    sk_script(db, "DELETE FROM ledger WHERE seq > 10");
    caught("tail cut, heads forgotten", "the table ends at 10");
    sk_script(db, "DELETE FROM ledger_head WHERE seq > 10");
    caught("tail cut with its head", "seq 10: rows behind the last signed head 9");
    sk_script(db, "DELETE FROM ledger WHERE seq > 9");
    caught("cut at a head", "cut: the signed head in the head file says 12, the table ends at 9");
    sk_script(db, "DELETE FROM ledger; DELETE FROM ledger_head");
    caught("all gone", "the table ends at 0");
}

/* Somebody who can write the database and knows how hashes are made, but holds no key (mac NULL), or the MAC key as well. */
static void rechain(const uint8_t *mac_key) {
    char prev[65], hash[65], mac[65];
    memset(prev, '0', 64);
    prev[64]       = '\0';
    struct sm3_key *key = mac_key ? sm3_key_new(mac_key, 32) : NULL;
    struct rows    *r   = db_query(db, "SELECT seq, id, at_wall, at_business, kind, actor, unit, object, body, mac FROM ledger ORDER BY seq", "");
    while (db_next(r)) {
        struct ledger_row row = {.seq = row_i(r, 0), .id = row_s(r, 1), .at_wall_ms = row_i(r, 2), .at_business_ms = row_i(r, 3), .kind = row_s(r, 4),
                                 .actor = row_s(r, 5), .unit = row_s(r, 6), .object = row_s(r, 7), .body = row_s(r, 8), .mac = row_s(r, 9)};
        if (key) {
            ledger_mac(key, &row, mac);
            row.mac = mac;
        }
        ledger_hash(&row, prev, hash);
        assert_int_equal(db_exec(db, "UPDATE ledger SET mac = ?2, hash = ?3 WHERE id = ?1", "sss", row.id, row.mac, hash), ERR_OK);
        memcpy(prev, hash, sizeof prev);
    }
    sm3_key_free(key);
    assert_int_equal(db_rows_end(r), ERR_OK);
    assert_int_equal(db_exec(db, "UPDATE ledger_head SET hash = COALESCE((SELECT hash FROM ledger WHERE ledger.seq = ledger_head.seq), hash)", ""), ERR_OK);
}

static void t_rewritten(void **state) {
    (void)state;
    rechain(NULL);
    clean(); /* the attacker computes as we do */
    sk_script(db, "UPDATE ledger SET body = '{\"version\":9}' WHERE seq = 5");
    rechain(NULL);
    caught("content", "rewritten without the key");
    assert_non_null(strstr(report, "seq 5 ("));
    sk_script(db, "DELETE FROM ledger_head"); /* hiding the heads that no longer fit */
    caught("content, no heads", "seq 5 (");
}

static void t_renumbered(void **state) {
    (void)state;
    sk_script(db, "DELETE FROM ledger WHERE seq = 5; UPDATE ledger SET seq = -seq + 1 WHERE seq > 5; UPDATE ledger SET seq = -seq WHERE seq < 0");
    rechain(NULL); /* every MAC is genuine, the chain is whole */
    caught("row taken out", "head 6 in the table: signature does not match");
    sk_script(db, "DELETE FROM ledger_head WHERE seq > 3");
    caught("and the heads", "rewritten, the signed head in the head file says another hash");
    assert_non_null(strstr(report, "seq 6: "));
    sk_script(db, "DELETE FROM ledger_head");
    caught("all heads", "rows behind the last signed head 0");
}

static void t_with_mac_key(void **state) {
    (void)state;
    struct ledger_keys k;
    char               why[512];
    assert_int_equal(ledger_keys_load(sk_dir, false, &k, why, sizeof why), ERR_OK);
    sk_script(db, "UPDATE ledger SET body = '{\"version\":9}' WHERE seq = 11");
    rechain(k.mac);
    caught("rewritten with the MAC key", "head 12 in the table: signature does not match");
}

/* A table rebuilt without its constraints must not bring verify down. */
static void t_rebuilt(void **state) {
    (void)state;
    sk_script(db, "CREATE TABLE x (id, seq, at_wall, at_business, kind, actor, unit, object, body, mac, hash);"
                  "INSERT INTO x SELECT id, seq, at_wall, at_business, kind, actor, unit, object, body, mac, hash FROM ledger;"
                  "UPDATE x SET mac = NULL, kind = NULL WHERE seq = 2; UPDATE x SET hash = NULL, body = x'00ff' WHERE seq = 3; UPDATE x SET id = NULL WHERE seq = 4;"
                  "UPDATE x SET at_wall = 'soon' WHERE seq = 6; INSERT INTO x (seq) VALUES (5);"
                  "DROP TABLE ledger; ALTER TABLE x RENAME TO ledger;"
                  "CREATE TABLE y (seq, hash, sig, at_wall); INSERT INTO y SELECT * FROM ledger_head; UPDATE y SET sig = NULL WHERE seq = 3;"
                  "UPDATE y SET hash = NULL WHERE seq = 6; DROP TABLE ledger_head; ALTER TABLE y RENAME TO ledger_head");
    caught("rebuilt", "seq 2 (");
    assert_non_null(strstr(report, "seq 3 ("));
    assert_non_null(strstr(report, "seq 6 ("));
    assert_non_null(strstr(report, "head 3 in the table: unreadable"));
}

static void t_heads_table(void **state) {
    (void)state;
    sk_script(db, "UPDATE ledger_head SET sig = '00' || substr(sig, 3) WHERE seq = 6");
    caught("signature", "head 6 in the table: signature does not match");
    sk_script(db, "DELETE FROM ledger_head WHERE seq = 6");
    clean(); /* a head in the middle is in the file, and says nothing the last one does not say */
    sk_script(db, "DELETE FROM ledger_head WHERE seq = 12");
    caught("last head", "rows behind the last signed head 9");
}

/* ---- the head file ---- */
static char   file[8192];
static size_t file_n;

static void read_file(void) {
    FILE *f = fopen(heads, "re");
    assert_non_null(f);
    file_n = fread(file, 1, sizeof file - 1, f);
    file[file_n] = '\0';
    (void)fclose(f);
}

static void write_file(const char *p, size_t n) {
    FILE *f = fopen(heads, "we");
    assert_non_null(f);
    assert_int_equal(fwrite(p, 1, n, f), n);
    assert_int_equal(fclose(f), 0);
}

static char *line(int i) {
    char *p = file;
    while (i-- > 0) p = strchr(p, '\n') + 1;
    return p;
}

static void t_head_file_cut(void **state) {
    (void)state;
    read_file();
    write_file(file, (size_t)(line(3) - file));
    clean(); /* one line short: the crash between COMMIT and the file */
    write_file(file, (size_t)(line(2) - file));
    caught("two lines cut", "head file: ends at 6, 2 later heads");
    write_file(file, 0);
    caught("emptied", "head file: ends at 0, 4 later heads");
    assert_int_equal(unlink(heads), 0);
    caught("removed", "ledger.heads: missing");
    write_file(file, file_n);
    clean();
}

/* A crash between COMMIT and the file, then the next start, and such a crash again. */
static void t_catch_up(void **state) {
    (void)state;
    for (int life = 0; life < 3; life++) {
        assert_int_equal(db_begin(db), ERR_OK);
        add("task:t_1", "{}");
        assert_int_equal(ledger_seal(l, db), ERR_OK);
        assert_int_equal(db_commit(db), ERR_OK); /* and no ledger_committed */
        ledger_close(l);
        clean();
        open_ledger();
        assert_int_equal(ledger_catch_up(l, db), ERR_OK);
        assert_int_equal(ledger_catch_up(l, db), ERR_OK);
        clean();
    }
    read_file();
    size_t lines = 0;
    for (size_t i = 0; i < file_n; i++) lines += file[i] == '\n';
    assert_int_equal(lines, BATCHES + 3);
    write_file(file, (size_t)(line(BATCHES + 2) - file) + 20); /* the last one torn */
    ledger_close(l);
    open_ledger();
    assert_int_equal(ledger_catch_up(l, db), ERR_OK);
    clean();
    read_file();
    write_file(file, (size_t)(line(BATCHES) - file)); /* three missing: somebody cut it, and no start hides that */
    ledger_close(l);
    open_ledger();
    assert_int_equal(ledger_catch_up(l, db), ERR_OK);
    caught("cut", "head file: ends at 12, 3 later heads");
}

/* Every byte of the file, one after the other. */
static void t_head_file_edited(void **state) {
    (void)state;
    read_file();
    for (size_t i = 0; i < file_n; i += i < 140 || i > file_n - 80 ? 1 : 13) {
        char was = file[i];
        file[i]  = was == 'a' ? 'b' : was == '\n' ? 'x' : 'a';
        write_file(file, file_n);
        bool last_end = i == file_n - 1; /* the end of the last line: a line without end, or with one more byte */
        if (verify() == 0) print_error("byte %zu%s unnoticed\n", i, last_end ? " (last)" : "");
        caught("edited", "head");
        file[i] = was;
    }
    char digit = line(1)[0];
    line(1)[0] = '7'; /* a head of one row under the number of another */
    write_file(file, file_n);
    caught("renumbered", "head 7 in the head file: signature does not match");
    line(1)[0] = digit;
    char longer[9000];
    memcpy(longer, file, file_n);
    memset(longer + file_n, 'z', 700);
    write_file(longer, file_n + 700);
    caught("long line", "head file");
    memset(longer + file_n, 0, 10);
    write_file(longer, file_n + 10);
    (void)verify();
    write_file(file, file_n);
    clean();
}

/* A line torn by a power cut or a full disk: tolerated where it ends the file, also after the next start went on behind it. */
static void t_head_file_torn(void **state) {
    (void)state;
    read_file();
    size_t before = (size_t)(line(3) - file);
    for (size_t cut = before + 1; cut < file_n; cut += 17) {
        write_file(file, cut);
        clean();
        ledger_close(l);
        open_ledger();
        batch(1);
        clean();
        sk_script(db, "DELETE FROM ledger WHERE seq > 12; DELETE FROM ledger_head WHERE seq > 12"); /* as it was */
    }
    ledger_close(l);
    open_ledger();
    write_file(file, file_n);
    clean();
}

static void t_keys(void **state) {
    (void)state;
    char    path[160], why[512] = "", cmd[400];
    size_t  n;
    int64_t rows;
    ledger_close(l);
    l = NULL;
    (void)snprintf(path, sizeof path, "%s/keys/ledger.mac", sk_dir);
    (void)snprintf(cmd, sizeof cmd, "mv '%s' '%s.away'", path, path);
    assert_int_equal(system(cmd), 0);
    /* no new key behind the back of the old rows */
    assert_int_not_equal(ledger_open(sk_dir, &l, why, sizeof why), ERR_OK);
    assert_non_null(strstr(why, "ledger.mac"));
    assert_non_null(strstr(why, "restore"));
    FILE *f = fmemopen(report, sizeof report, "w");
    assert_int_not_equal(ledger_verify(sk_dir, db, f, &n, &rows), ERR_OK);
    (void)fclose(f);
    FILE *short_key = fopen(path, "we");
    (void)fputs("abcd", short_key);
    (void)fclose(short_key);
    assert_int_not_equal(ledger_open(sk_dir, &l, why, sizeof why), ERR_OK);
    (void)snprintf(cmd, sizeof cmd, "mv '%s.away' '%s'", path, path);
    assert_int_equal(system(cmd), 0);
    open_ledger();
    batch(1);
    clean();
}

static void t_fields(void **state) {
    (void)state;
    struct ledger_entry e = {.kind = "k", .actor = "a", .unit = "u", .object = "o", .body = "b"};
    const char **field[] = {&e.kind, &e.actor, &e.unit, &e.object, &e.body};
    assert_int_equal(db_begin(db), ERR_OK);
    for (size_t i = 0; i < ARRAY_N(field); i++) {
        const char *was = *field[i];
        *field[i]       = "a\nb";
        assert_int_equal(ledger_add(l, db, &e), ERR_INPUT);
        *field[i] = was;
    }
    e.body = "";
    assert_int_equal(ledger_add(l, db, &e), ERR_OK);
    assert_int_equal(ledger_seal(l, db), ERR_OK);
    assert_int_equal(db_commit(db), ERR_OK);
    ledger_committed(l);
    clean();
}

/* Two processes seal in turns: sequences go on from what the table says. */
static void t_two_processes(void **state) {
    (void)state;
    struct db     *mine = db, *theirs = sk_open(DB_WRITE);
    struct ledger *own = l, *second;
    char           why[512];
    assert_int_equal(ledger_open(sk_dir, &second, why, sizeof why), ERR_OK);
    for (int i = 0; i < 4; i++) {
        db = i % 2 ? theirs : mine;
        l  = i % 2 ? second : own;
        batch(2);
    }
    db = mine, l = own;
    assert_int_equal(sk_i(db, "SELECT MAX(seq) FROM ledger"), ROWS + 8);
    clean();
    ledger_close(second);
    db_close(theirs);
}

int main(void) {
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(t_clean),     T(t_rolled_back), T(t_columns),       T(t_rows),           T(t_cut),            T(t_rewritten), T(t_renumbered),   T(t_with_mac_key),
        T(t_rebuilt),   T(t_heads_table), T(t_head_file_cut), T(t_catch_up), T(t_head_file_edited),
        T(t_head_file_torn), T(t_keys),   T(t_fields),        T(t_two_processes),
    };
    return cmocka_run_group_tests_name("ledger", tests, NULL, NULL);
}
