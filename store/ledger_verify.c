/* SPDX-License-Identifier: Apache-2.0
 *
 * Recomputes the chain offline. What it cannot see: a tail cut together with its heads in the table and in the file, by
 * somebody who may write both. Keep a copy of ledger.heads elsewhere (OPERATIONS) and that is seen too.
 */
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
    int64_t            top;
    char               top_hash[65];
};

static bool head_ok(const struct check *c, int64_t seq, const char *hash, const char *sig_hex) {
    char    text[128];
    uint8_t sig[64];
    size_t  n = 0;
    if (hex_decode(sig, sizeof sig, sig_hex, strlen(sig_hex), &n) != ERR_OK || n != 64) return false;
    return sm2_verify(c->keys.pub, text, ledger_head_text(seq, hash, text), sig) == ERR_OK;
}

static enum err walk(struct check *c, struct db *db, int64_t *rows_n) {
    char         prev[65], hash[65], mac[65];
    struct rows *r = db_query(db, "SELECT seq, id, at_wall, at_business, kind, actor, unit, object, body, mac, hash FROM ledger ORDER BY seq", "");
    memset(prev, '0', 64);
    prev[64] = '\0';
    while (db_next(r)) {
        struct ledger_row row = {.seq = row_i(r, 0), .id = row_s(r, 1), .at_wall_ms = row_i(r, 2), .at_business_ms = row_i(r, 3),
                                 .kind = row_s(r, 4), .actor = row_s(r, 5), .unit = row_s(r, 6), .object = row_s(r, 7), .body = row_s(r, 8),
                                 .mac = row_s(r, 9), .hash = row_s(r, 10) ? row_s(r, 10) : ""};
        (*rows_n)++;
        ledger_mac(c->keys.mac, &row, mac);
        ledger_hash(&row, prev, hash);
        bool mac_ok = strcmp(mac, row.mac) == 0, hash_ok = strcmp(hash, row.hash) == 0;
        if (row.seq != c->top + 1) {
            fprintf(c->out, "seq %lld: missing (next is %lld, id %s)\n", (long long)c->top + 1, (long long)row.seq, row.id);
            c->findings++;
        }
        if (!mac_ok) {
            fprintf(c->out, "seq %lld (%s): content was changed%s\n", (long long)row.seq, row.id,
                    hash_ok ? " and its hash recomputed: rewritten without the key" : "");
            c->findings++;
        } else if (!hash_ok) {
            fprintf(c->out, "seq %lld (%s): does not follow its predecessor (swapped, moved, or the row before it was changed)\n", (long long)row.seq,
                    row.id);
            c->findings++;
        }
        c->top = row.seq;
        (void)snprintf(prev, sizeof prev, "%s", row.hash);
    }
    memcpy(c->top_hash, prev, sizeof prev);
    return db_rows_end(r);
}

static void check_head(struct check *c, struct db *db, int64_t seq, const char *hash, const char *sig, const char *where) {
    if (!head_ok(c, seq, hash, sig)) {
        fprintf(c->out, "head %lld in %s: signature does not match\n", (long long)seq, where);
        c->findings++;
        return;
    }
    char         now[65] = "";
    struct rows *r       = db_query(db, "SELECT hash FROM ledger WHERE seq = ?1", "i", seq);
    if (db_next(r) && row_s(r, 0)) (void)snprintf(now, sizeof now, "%s", row_s(r, 0));
    if (db_rows_end(r) != ERR_OK || strcmp(now, hash) == 0) return;
    if (now[0])
        fprintf(c->out, "seq %lld: rewritten, the signed head in %s says another hash\n", (long long)seq, where);
    else
        fprintf(c->out, "cut: the signed head in %s says %lld, the table ends at %lld\n", where, (long long)seq, (long long)c->top);
    c->findings++;
}

static enum err check_heads(struct check *c, struct db *db, const char *data_dir) {
    int64_t      last = 0;
    struct rows *r    = db_query(db, "SELECT seq, hash, sig FROM ledger_head ORDER BY seq", "");
    while (db_next(r)) {
        last = row_i(r, 0);
        check_head(c, db, last, row_s(r, 1), row_s(r, 2), "the table");
    }
    enum err e = db_rows_end(r);
    if (e) return e;
    if (last < c->top) {
        fprintf(c->out, "seq %lld: rows behind the last signed head %lld\n", (long long)last + 1, (long long)last);
        c->findings++;
    }
    char path[400], line[512];
    (void)snprintf(path, sizeof path, "%s/ledger.heads", data_dir);
    FILE *f = fopen(path, "re");
    if (f == NULL) {
        if (c->top == 0) return ERR_OK;
        fprintf(c->out, "%s: missing\n", path);
        c->findings++;
        return ERR_OK;
    }
    while (fgets(line, sizeof line, f)) {
        char *hash = strchr(line, ' '), *sig = hash ? strchr(hash + 1, ' ') : NULL, *nl = strchr(line, '\n');
        if (sig == NULL || nl == NULL) {
            if (nl) {
                fprintf(c->out, "%s: unreadable line\n", path);
                c->findings++;
            }
            continue; /* a line cut by a crash is the last one and has no end */
        }
        *nl = *hash++ = *sig++ = '\0';
        int64_t seq = strtoll(line, NULL, 10);
        if (seq <= last && seq > 0) {
            struct rows *q     = db_query(db, "SELECT 1 FROM ledger_head WHERE seq = ?1 AND hash = ?2", "is", seq, hash);
            bool         known = db_next(q);
            if (db_rows_end(q) == ERR_OK && known) continue; /* checked above */
        }
        check_head(c, db, seq, hash, sig, "the head file");
    }
    (void)fclose(f);
    return ERR_OK;
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
    e = walk(&c, db, rows_n);
    if (e == ERR_OK) e = check_heads(&c, db, data_dir);
    *findings = c.findings;
    return e;
}
