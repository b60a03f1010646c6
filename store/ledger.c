/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/id.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/sm.h"
#include "base/text.h"
#include "store/ledger_int.h"

#define LEDGER_MAGIC 0x6c656467U
#define LINES_MAX    (1U << 20)
#define ZERO_HASH    "0000000000000000000000000000000000000000000000000000000000000000"

struct ledger {
    unsigned           magic;
    struct ledger_keys keys;
    struct sm3_key    *mac;
    int                heads_fd;
    bool               dirty;     /* rows were added in this batch */
    int64_t            seq, links; /* of the link added last; the transaction's number of links then */
    char               hash[65];
    char               head[256]; /* line for the file, after COMMIT */
    struct buf         lines;     /* heads the file does not have yet: it could not be written */
    bool               torn;      /* the file ends inside a line */
};

static enum err mac_key(const char *path, bool create, uint8_t key[32]) {
    char    hex[80] = "";
    size_t  n       = 0;
    int     fd      = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t got     = fd >= 0 ? read(fd, hex, 64) : -1;
    if (fd >= 0) (void)close(fd);
    if (got == 64) return hex_decode(key, 32, hex, 64, &n);
    if (got >= 0 || errno != ENOENT || !create) return ERR_NOTFOUND;
    random_bytes(key, 32);
    hex_encode(hex, key, 32);
    enum err e = file_create(path, hex, 64);
    x_wipe(hex, sizeof hex);
    return e ? ERR_STORE : ERR_OK;
}

/* Keys are made for a new house only: with others than those it was written with, every old row would look forged. */
static bool has_heads(const char *data_dir) {
    char        path[400];
    struct stat st;
    (void)snprintf(path, sizeof path, "%s/ledger.heads", data_dir);
    return stat(path, &st) == 0 && st.st_size > 0;
}

enum err ledger_keys_load(const char *data_dir, bool create, struct ledger_keys *k, char *why, size_t why_n) {
    char path[400];
    bool used = has_heads(data_dir);
    (void)snprintf(path, sizeof path, "%s/keys", data_dir);
    if (create && mkdir(path, 0700) == 0 && file_sync_dir(data_dir) != ERR_OK) {
        (void)snprintf(why, why_n, "%s: cannot be written", data_dir);
        return ERR_STORE;
    }
    (void)snprintf(path, sizeof path, "%s/keys/ledger.mac", data_dir);
    enum err e = mac_key(path, create && !used, k->mac);
    if (e == ERR_OK) {
        (void)snprintf(path, sizeof path, "%s/keys/server.sm2", data_dir);
        e = sm2_key_load(path, k->priv, k->pub);
        if (e == ERR_NOTFOUND && create && !used) {
            e = sm2_keygen(k->priv, k->pub);
            if (e == ERR_OK) e = sm2_key_save(path, k->priv, k->pub);
        }
    }
    if (e)
        (void)snprintf(why, why_n, "%s: key missing or unreadable%s", path, used ? "; the ledger was written with it, restore it from the backup" : "");
    return e;
}

static bool is_torn(const char *path) {
    char last = '\n';
    int  fd   = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return false;
    if (lseek(fd, -1, SEEK_END) >= 0 && read(fd, &last, 1) != 1) last = '\n';
    (void)close(fd);
    return last != '\n';
}

enum err ledger_open(const char *data_dir, struct ledger **out, char *why, size_t why_n) {
    struct ledger *l;
    ALLOC_OBJ(l, LEDGER_MAGIC);
    char     path[400];
    enum err e = ledger_keys_load(data_dir, true, &l->keys, why, why_n);
    (void)snprintf(path, sizeof path, "%s/ledger.heads", data_dir);
    buf_init(&l->lines, LINES_MAX);
    l->torn     = is_torn(path);
    l->heads_fd = e ? -1 : open(path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (e == ERR_OK && l->heads_fd < 0) {
        (void)snprintf(why, why_n, "%s: cannot be opened", path);
        e = ERR_STORE;
    }
    if (e == ERR_OK) l->mac = sm3_key_new(l->keys.mac, sizeof l->keys.mac);
    if (e)
        ledger_close(l);
    else
        *out = l;
    return e;
}

void ledger_close(struct ledger *l) {
    if (l == NULL) return;
    CHECK_OBJ_NOTNULL(l, LEDGER_MAGIC);
    if (l->heads_fd >= 0) (void)close(l->heads_fd);
    sm3_key_free(l->mac);
    x_wipe(&l->keys, sizeof l->keys);
    buf_fini(&l->lines);
    FREE_OBJ(l);
}

static void write_fields(struct buf *b, const struct ledger_row *r) {
    const char *texts[] = {r->kind, r->actor, r->unit, r->object, r->body};
    buf_puts(b, r->id);
    buf_printf(b, "\n%lld\n%lld", (long long)r->at_wall_ms, (long long)r->at_business_ms);
    for (size_t i = 0; i < ARRAY_N(texts); i++) {
        buf_putc(b, '\n');
        buf_puts(b, texts[i]);
    }
}

void ledger_mac(struct sm3_key *key, const struct ledger_row *r, char hex[65]) {
    struct buf b;
    uint8_t    out[32];
    buf_init(&b, 16U << 20);
    buf_puts(&b, "zhangban-ledger-1\n");
    write_fields(&b, r);
    MUST(!b.failed);
    sm3_key_hmac(key, buf_str(&b), b.len, out);
    hex_encode(hex, out, sizeof out);
    buf_fini(&b);
}

void ledger_hash(const struct ledger_row *r, const char *prev_hash, char hex[65]) {
    struct buf b;
    uint8_t    out[32];
    buf_init(&b, 16U << 20);
    buf_puts(&b, "zhangban-ledger-1\n");
    buf_printf(&b, "%lld\n", (long long)r->seq);
    buf_puts(&b, prev_hash);
    buf_putc(&b, '\n');
    write_fields(&b, r);
    buf_putc(&b, '\n');
    buf_puts(&b, r->mac);
    MUST(!b.failed);
    sm3(buf_str(&b), b.len, out);
    hex_encode(hex, out, sizeof out);
    buf_fini(&b);
}

size_t ledger_head_text(int64_t seq, const char *hash, char out[128]) {
    return (size_t)snprintf(out, 128, "zhangban-head-1\n%lld\n%.64s", (long long)seq, hash);
}

static enum err read_head(struct db *db, int64_t *seq, char hash[65]) {
    struct rows *r = db_query(db, "SELECT seq, hash FROM ledger WHERE seq = (SELECT MAX(seq) FROM ledger)", "");
    *seq           = 0;
    (void)snprintf(hash, 65, "%s", ZERO_HASH);
    if (db_next(r)) {
        *seq = row_i(r, 0);
        (void)snprintf(hash, 65, "%s", row_s(r, 1));
    }
    return db_rows_end(r);
}

/* The newest link, read inside the transaction, since another process may have written (D5), and again when a savepoint took links
 * back; otherwise it is the one added last. */
static enum err newest_link(struct ledger *l, struct db *db, const int64_t *n) {
    if (n && *n && *n == l->links) return ERR_OK;
    return read_head(db, &l->seq, l->hash);
}

enum err ledger_add(struct ledger *l, struct db *db, const struct ledger_entry *e) {
    CHECK_OBJ_NOTNULL(l, LEDGER_MAGIC);
    char     id[ID_CAP], mac[65], hash[65];
    int64_t *n = db_number(db, DB_NUMBER_LEDGER);
    /* LF separates the fields under the hash: inside one it would let two rows have the same bytes. */
    if (strchr(e->kind, '\n') || strchr(e->actor, '\n') || strchr(e->unit, '\n') || strchr(e->object, '\n') || strchr(e->body, '\n'))
        return ERR_INPUT;
    enum err err = newest_link(l, db, n);
    if (err) return err;
    id_new("l_", id);
    struct ledger_row r = {.seq            = l->seq + 1,
                           .id             = id,
                           .kind           = e->kind,
                           .actor          = e->actor,
                           .unit           = e->unit,
                           .object         = e->object,
                           .body           = e->body,
                           .mac            = mac,
                           .at_wall_ms     = e->at_wall_ms,
                           .at_business_ms = e->at_business_ms};
    ledger_mac(l->mac, &r, mac);
    ledger_hash(&r, l->hash, hash);
    l->dirty = true;
    err      = db_exec(db,
                       "INSERT INTO ledger (id, seq, at_wall, at_business, kind, actor, unit, object, body, mac, hash) "
                       "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
                       "siiisssssss", id, r.seq, e->at_wall_ms, e->at_business_ms, e->kind, e->actor, e->unit, e->object, e->body, mac, hash);
    if (err) return err;
    l->seq = r.seq;
    memcpy(l->hash, hash, sizeof l->hash);
    if (n) l->links = ++*n;
    return ERR_OK;
}

enum err ledger_seal(struct ledger *l, struct db *db) {
    CHECK_OBJ_NOTNULL(l, LEDGER_MAGIC);
    if (!l->dirty) return ERR_OK;
    int64_t  seq, sealed = 0;
    char     hash[65], text[128], sig_hex[129];
    uint8_t  sig[64];
    enum err e = read_head(db, &seq, hash);
    if (e == ERR_OK) e = db_one_i(db, &sealed, "SELECT COALESCE(MAX(seq), 0) FROM ledger_head", "");
    if (e || seq == sealed) return e; /* equal: every job that added was rolled back */
    size_t n = ledger_head_text(seq, hash, text);
    e        = sm2_sign(l->keys.priv, l->keys.pub, text, n, sig);
    if (e) return e;
    hex_encode(sig_hex, sig, sizeof sig);
    (void)snprintf(l->head, sizeof l->head, "%lld %s %s\n", (long long)seq, hash, sig_hex);
    return db_exec(db, "INSERT INTO ledger_head (seq, hash, sig, at_wall) VALUES (?1, ?2, ?3, ?4)", "issi", seq, hash, sig_hex, clock_wall_ms());
}

/* A line that failed stays for the next time; until then verify finds it in the table. */
static bool append(struct ledger *l) {
    if (l->torn) {
        if (write(l->heads_fd, "\n", 1) != 1) return false;
        l->torn = false;
    }
    ssize_t n = write(l->heads_fd, buf_str(&l->lines), l->lines.len);
    if (n != (ssize_t)l->lines.len) {
        l->torn = n > 0; /* verify knows the beginning of a line by the head in the table */
        return false;
    }
    buf_reset(&l->lines);
    return fdatasync(l->heads_fd) == 0;
}

void ledger_committed(struct ledger *l) {
    l->dirty = false;
    if (l->head[0] == '\0') return;
    buf_puts(&l->lines, l->head);
    l->head[0] = '\0';
    if (l->lines.failed) { /* too many to keep: verify will say that the file lags */
        buf_reset(&l->lines);
        LOG0(LOG_ERROR, "ledger_heads_lost");
        return;
    }
    if (!append(l)) LOG0(LOG_ERROR, "ledger_head_file_not_written");
}

void ledger_aborted(struct ledger *l) {
    l->dirty   = false;
    l->head[0] = '\0';
}

/* Highest number of a whole line at the end of the file; 0: none. */
static enum err last_in_file(const struct ledger *l, int64_t *seq) {
    char        tail[4096];
    struct stat st;
    *seq = 0;
    if (fstat(l->heads_fd, &st) != 0) return ERR_STORE;
    off_t   from = st.st_size > (off_t)sizeof tail - 1 ? st.st_size - ((off_t)sizeof tail - 1) : 0;
    ssize_t n    = pread(l->heads_fd, tail, sizeof tail - 1, from);
    if (n < 0) return ERR_STORE;
    tail[n] = '\0';
    for (char *line = tail, *end; (end = strchr(line, '\n')) != NULL; line = end + 1) {
        int64_t x = strtoll(line, NULL, 10);
        if ((line > tail || from == 0) && x > *seq) *seq = x; /* the first one is whole only at the beginning of the file */
    }
    return ERR_OK;
}

enum err ledger_catch_up(struct ledger *l, struct db *db) {
    CHECK_OBJ_NOTNULL(l, LEDGER_MAGIC);
    int64_t  last = 0, n = 0;
    enum err e    = last_in_file(l, &last);
    if (e) return e;
    struct rows *r = db_query(db, "SELECT seq, hash, sig FROM ledger_head WHERE seq > ?1 ORDER BY seq LIMIT 2", "i", last);
    while (db_next(r))
        if (n++ == 0) (void)snprintf(l->head, sizeof l->head, "%lld %s %s\n", (long long)row_i(r, 0), row_s(r, 1), row_s(r, 2));
    e = db_rows_end(r);
    if (e || n != 1) {
        l->head[0] = '\0';
        return e;
    }
    ledger_committed(l);
    LOG(LOG_INFO, "ledger_head_file_completed", KI("behind", last));
    return ERR_OK;
}
