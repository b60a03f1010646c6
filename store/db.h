/* SPDX-License-Identifier: Apache-2.0
 *
 * The record store: one connection, one thread. db_sqlite.c implements it; another back end can stand behind the same
 * header without a handler noticing. SQL is portable between SQLite and PostgreSQL: numbered parameters ?1 ?2, no LIKE,
 * FTS, JSON or date functions. Only store/ writes SQL.
 *
 * Errors: ERR_STORE for an engine failure (full, I/O, busy, corrupt); it also sets db_is_broken(), and the writer then fails
 * the whole batch (D5). ERR_DUP for a violated unique or primary key, ERR_CONFLICT for a foreign key or check.
 *
 * `sql` must be a string literal (or live as long as the connection): statements are cached by its address.
 * `types` names the arguments: i int64_t · s const char * (NULL is SQL NULL) · b const void *, size_t (blob) · n SQL NULL, no
 * argument.
 */
#ifndef ZB_STORE_DB_H
#define ZB_STORE_DB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct db;

enum db_mode {
    DB_READ,  /* snapshot reader; refuses writes */
    DB_WRITE, /* WAL, synchronous=FULL, foreign keys on */
};

/* path: file of the store. why: one line for the operator. */
enum err db_open(const char *path, enum db_mode mode, struct db **out, char *why, size_t why_n) MUST_CHECK;
void     db_close(struct db *db); /* NULL is legal */

enum err db_exec(struct db *db, const char *sql, const char *types, ...) MUST_CHECK;
int64_t  db_changes(const struct db *db); /* rows touched by the last db_exec */
int64_t  db_changes_all(const struct db *db); /* by all since db_open: equal before and after a job that wrote nothing */
/* Runs several statements without parameters (migrations). */
enum err db_script(struct db *db, const char *sql) MUST_CHECK;

/* Rows. Always end with db_rows_end; text and blobs are borrowed until the next db_next or end.
 *     struct rows *r = db_query(db, "SELECT a, b FROM t WHERE c = ?1", "s", c);
 *     while (db_next(r)) use(row_s(r, 0), row_i(r, 1));
 *     enum err e = db_rows_end(r);
 * db_query never returns NULL; what failed is said by db_rows_end. At most 16 open at a time. */
struct rows;
struct rows *db_query(struct db *db, const char *sql, const char *types, ...);
bool         db_next(struct rows *r);
enum err     db_rows_end(struct rows *r) MUST_CHECK;
int64_t      row_i(const struct rows *r, int col); /* NULL gives 0 */
const char  *row_s(const struct rows *r, int col); /* NULL gives NULL */
const void  *row_b(const struct rows *r, int col, size_t *n);
bool         row_is_null(const struct rows *r, int col);

/* First column of the first row. ERR_NOTFOUND when there is none. */
enum err db_one_i(struct db *db, int64_t *out, const char *sql, const char *types, ...) MUST_CHECK;

/* Transactions. Readers: a snapshot held between begin and end. Writers: BEGIN IMMEDIATE, savepoints by the writer. */
enum err db_begin(struct db *db) MUST_CHECK;
enum err db_commit(struct db *db) MUST_CHECK;
void     db_rollback(struct db *db);
enum err db_savepoint(struct db *db) MUST_CHECK;
enum err db_release(struct db *db) MUST_CHECK;
void     db_rollback_to(struct db *db);

/* Numbers that belong to the running transaction: 0 when it begins, and what a savepoint made of them is undone with the
 * savepoint. NULL outside of one. Each is the business of one file. */
enum db_number { DB_NUMBER_OUTBOX, DB_NUMBER_LEDGER, DB_NUMBERS };
int64_t *db_number(struct db *db, enum db_number which);

bool db_is_broken(const struct db *db); /* an engine error since the last db_begin */

#endif
