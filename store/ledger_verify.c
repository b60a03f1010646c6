/* SPDX-License-Identifier: Apache-2.0
 *
 * Recomputes the chain offline. What it cannot see: a tail cut together with its heads in the table and in the file, by
 * somebody who may write both. Keep a copy of ledger.heads elsewhere (OPERATIONS) and that is seen too.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/sm.h"
#include "base/text.h"
#include "store/ledger_int.h"

struct check {
    FILE              *out;
    size_t             findings;
    struct ledger_keys keys;
    struct sm3_key    *mac;
    int64_t            top; /* seq of the last row */
};

static void found(struct check *c, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static void found(struct check *c, const char *fmt, ...) {
    va_list ap;
    va_start(ap, fmt);
    (void)vfprintf(c->out, fmt, ap);
    va_end(ap);
    c->findings++;
}

static bool head_ok(const struct check *c, int64_t seq, const char *hash, const char *sig_hex) {
    char    text[128];
    uint8_t sig[64];
    size_t  n = 0;
    if (strlen(hash) != 64 || hex_decode(sig, sizeof sig, sig_hex, strlen(sig_hex), &n) != ERR_OK || n != 64) return false;
    return sm2_verify(c->keys.pub, text, ledger_head_text(seq, hash, text), sig) == ERR_OK;
}

/* A text as the ledger writes it. *odd: NULL, or with bytes behind a NUL (which the hash would not see), or with an LF (which
 * would let a field begin elsewhere). */
static const char *text_at(struct rows *r, int col, bool *odd) {
    const char *s = row_s(r, col);
    size_t      n = 0;
    (void)row_b(r, col, &n);
    if (s == NULL || strlen(s) != n || strchr(s, '\n')) *odd = true;
    return s ? s : "";
}

static void check_row(struct check *c, const struct ledger_row *row, const char *prev, bool odd) {
    char mac[65], hash[65];
    ledger_mac(c->mac, row, mac);
    ledger_hash(row, prev, hash);
    bool mac_ok = strcmp(mac, row->mac) == 0, hash_ok = strcmp(hash, row->hash) == 0;
    if (row->seq != c->top + 1)
        found(c, "seq %lld: missing (next is %lld, id %s)\n", (long long)c->top + 1, (long long)row->seq, row->id);
    if (odd)
        found(c, "seq %lld (%s): a field was changed into what the ledger never writes\n", (long long)row->seq, row->id);
    else if (!mac_ok)
        found(c, "seq %lld (%s): content was changed%s\n", (long long)row->seq, row->id,
              hash_ok ? " and its hash recomputed: rewritten without the key" : "");
    else if (!hash_ok)
        found(c, "seq %lld (%s): does not follow its predecessor (swapped, moved, or the row before it was changed)\n", (long long)row->seq,
              row->id);
}

static enum err walk(struct check *c, struct db *db, int64_t *rows_n) {
    char         prev[65];
    struct rows *r = db_query(db, "SELECT seq, id, at_wall, at_business, kind, actor, unit, object, body, mac, hash FROM ledger ORDER BY seq", "");
    memset(prev, '0', 64);
    prev[64] = '\0';
    while (db_next(r)) {
        bool              odd = false;
        struct ledger_row row = {.seq            = row_i(r, 0),
                                 .id             = text_at(r, 1, &odd),
                                 .at_wall_ms     = row_i(r, 2),
                                 .at_business_ms = row_i(r, 3),
                                 .kind           = text_at(r, 4, &odd),
                                 .actor          = text_at(r, 5, &odd),
                                 .unit           = text_at(r, 6, &odd),
                                 .object         = text_at(r, 7, &odd),
                                 .body           = text_at(r, 8, &odd),
                                 .mac            = text_at(r, 9, &odd),
                                 .hash           = text_at(r, 10, &odd)};
        (*rows_n)++;
        check_row(c, &row, prev, odd);
        c->top = row.seq;
        (void)snprintf(prev, sizeof prev, "%s", row.hash);
    }
    return db_rows_end(r);
}

static enum err check_head(struct check *c, struct db *db, int64_t seq, const char *hash, const char *sig, const char *where) {
    if (!head_ok(c, seq, hash, sig)) {
        found(c, "head %lld in %s: signature does not match\n", (long long)seq, where);
        return ERR_OK;
    }
    char         now[65] = "";
    struct rows *r       = db_query(db, "SELECT hash FROM ledger WHERE seq = ?1", "i", seq);
    if (db_next(r) && row_s(r, 0)) (void)snprintf(now, sizeof now, "%s", row_s(r, 0));
    enum err e = db_rows_end(r);
    if (e || strcmp(now, hash) == 0) return e;
    if (now[0])
        found(c, "seq %lld: rewritten, the signed head in %s says another hash\n", (long long)seq, where);
    else
        found(c, "cut: the signed head in %s says %lld, the table ends at %lld\n", where, (long long)seq, (long long)c->top);
    return ERR_OK;
}

/* The head of seq in the table as the line of the file it should be; "" when there is none. */
static enum err line_of(struct db *db, int64_t seq, char *out, size_t out_n) {
    out[0]         = '\0';
    struct rows *r = db_query(db, "SELECT hash, sig FROM ledger_head WHERE seq = ?1", "i", seq);
    if (db_next(r)) (void)snprintf(out, out_n, "%lld %s %s", (long long)seq, row_s(r, 0), row_s(r, 1));
    return db_rows_end(r);
}

/* One line of the head file, without its end. */
static enum err check_line(struct check *c, struct db *db, char *line, int64_t *last) {
    char     known[256], *hash = strchr(line, ' '), *sig = hash ? strchr(hash + 1, ' ') : NULL;
    size_t   digits = strspn(line, "0123456789"), n = strlen(line);
    int64_t  seq    = digits > 0 && digits < 19 ? strtoll(line, NULL, 10) : 0;
    enum err e      = line_of(db, seq, known, sizeof known);
    if (e) return e;
    if (known[0] && strcmp(line, known) == 0) { /* the head was checked in the table */
        if (seq > *last) *last = seq;
        return ERR_OK;
    }
    bool torn = n == digits || (known[0] && strncmp(line, known, n) == 0);
    if (torn) return ERR_OK; /* a crash or a full disk ended it: it claims nothing the table does not say */
    if (seq == 0 || sig == NULL || (size_t)(hash - line) != digits) {
        found(c, "head file: unreadable line \"%.40s\"\n", line);
        return ERR_OK;
    }
    *hash++ = *sig++ = '\0';
    if (seq > *last) *last = seq;
    return check_head(c, db, seq, hash, sig, "the head file");
}

static enum err check_file(struct check *c, struct db *db, const char *data_dir) {
    char     path[400], line[512];
    int64_t  last = 0, later = 0;
    enum err e    = ERR_OK;
    (void)snprintf(path, sizeof path, "%s/ledger.heads", data_dir);
    FILE *f = fopen(path, "re");
    if (f == NULL) {
        if (c->top) found(c, "%s: missing\n", path);
        return ERR_OK;
    }
    while (e == ERR_OK && fgets(line, sizeof line, f)) {
        size_t n = strcspn(line, "\n");
        if (line[n] == '\0' && !feof(f)) found(c, "head file: a line too long, or with a NUL\n");
        line[n] = '\0';
        e       = check_line(c, db, line, &last);
    }
    (void)fclose(f);
    if (e == ERR_OK) e = db_one_i(db, &later, "SELECT COUNT(*) FROM ledger_head WHERE seq > ?1", "i", last);
    /* one head may be missing: the crash came between COMMIT and the file */
    if (e == ERR_OK && later > 1)
        found(c, "head file: ends at %lld, %lld later heads are only in the table (cut, or it could not be written)\n", (long long)last,
              (long long)later);
    return e;
}

static enum err check_heads(struct check *c, struct db *db, const char *data_dir) {
    int64_t      last = 0;
    enum err     e    = ERR_OK;
    struct rows *r    = db_query(db, "SELECT seq, hash, sig FROM ledger_head ORDER BY seq", "");
    while (e == ERR_OK && db_next(r)) {
        bool        odd  = false;
        const char *hash = text_at(r, 1, &odd), *sig = text_at(r, 2, &odd);
        last             = row_i(r, 0);
        if (odd)
            found(c, "head %lld in the table: unreadable\n", (long long)last);
        else
            e = check_head(c, db, last, hash, sig, "the table");
    }
    enum err end = db_rows_end(r);
    if (e || end) return e ? e : end;
    if (last < c->top) found(c, "seq %lld: rows behind the last signed head %lld\n", (long long)last + 1, (long long)last);
    return check_file(c, db, data_dir);
}

enum err ledger_verify(const char *data_dir, struct db *db, FILE *out, size_t *findings, int64_t *rows_n) {
    struct check c = {.out = out};
    char         why[256];
    *rows_n    = 0;
    *findings  = 0;
    enum err e = ledger_keys_load(data_dir, false, &c.keys, why, sizeof why);
    if (e) {
        fprintf(out, "%s\n", why);
        return e;
    }
    c.mac = sm3_key_new(c.keys.mac, sizeof c.keys.mac);
    e     = walk(&c, db, rows_n);
    if (e == ERR_OK) e = check_heads(&c, db, data_dir);
    *findings = c.findings;
    sm3_key_free(c.mac);
    return e;
}
