/* SPDX-License-Identifier: Apache-2.0
 *
 * The tamper-evident record of who did what (D8, D10). Rows are added in the transaction of the fact with an HMAC-SM3 under a
 * key that lives outside the database, and with sequence and hash of the previous row; ledger_seal() ends the batch before COMMIT
 * with a head {seq, hash} signed by the server's SM2 key, which is also appended to a file.
 *
 * hash(n) = SM3( "zhangban-ledger-1" LF seq LF prev_hash_hex LF id LF at_wall LF at_business LF kind LF actor LF unit LF object LF body LF mac_hex )
 * mac     = HMAC-SM3(key, the same without seq and prev_hash)
 */
#ifndef ZB_STORE_LEDGER_H
#define ZB_STORE_LEDGER_H

#include <stdio.h>

#include "base/err.h"
#include "store/db.h"

/* Keys under DIR/keys (0600), made on first use: ledger.mac (32 bytes hex), server.sm2 (sm2_key_save);
 * when the head file has lines already, a missing key is an error. Head file: DIR/ledger.heads, one line "seq hash_hex signature_hex"
 * a batch, fsynced after the COMMIT it belongs to; a crash may leave it one line short or with a torn line. */
struct ledger;
enum err ledger_open(const char *data_dir, struct ledger **out, char *why, size_t why_n) MUST_CHECK;
void     ledger_close(struct ledger *l);
/* At the start, before the first write: the one head that a crash between COMMIT and the file left out is appended, so that a
 * second such crash does not look like a cut. More than one missing is not healed: verify shall name it. */
enum err ledger_catch_up(struct ledger *l, struct db *db) MUST_CHECK;

struct ledger_entry {
    const char *kind;   /* method or event name, e.g. "task.accept", "session.issue", "refused" */
    const char *actor;  /* person id, "system" or "" */
    const char *unit;   /* acting unit or "" */
    const char *object; /* "task:ID" ... or "" */
    const char *body;   /* canonical JSON text without personal data, or "" */
    int64_t     at_wall_ms, at_business_ms;
};
/* Writer thread, inside a job. ERR_INPUT: a field holds LF (it separates the fields under the hash). */
enum err ledger_add(struct ledger *l, struct db *db, const struct ledger_entry *e) MUST_CHECK;
/* Writer thread, before COMMIT: signs the head of the rows added in this transaction. Cheap when none. */
enum err ledger_seal(struct ledger *l, struct db *db) MUST_CHECK;
void     ledger_committed(struct ledger *l); /* appends the sealed head to the file */
void     ledger_aborted(struct ledger *l);

/* Offline, read-only. Prints one line per finding to out ("seq 17: body changed", "cut: head file says 40, table ends at 38",
 * "rewritten: head 40 signature does not match", ...), returns how many; rows_n: how many rows were checked. */
enum err ledger_verify(const char *data_dir, struct db *db, FILE *out, size_t *findings, int64_t *rows_n) MUST_CHECK;

#endif
