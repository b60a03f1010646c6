/* SPDX-License-Identifier: Apache-2.0
 *
 * The SQL files are compiled in by the assembler (paths from the root of the checkout, where every build runs). They are
 * written for SQLite and become PostgreSQL by three substitutions, which scripts/migrations-pg.sh applies and runs:
 *     `) STRICT;` -> `);`     ` INTEGER` -> ` BIGINT`     ` BLOB` -> ` BYTEA`
 */
#include "store/migrate.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/sm.h"
#include "base/text.h"

#define SQL_FILE(sym, file)                                                                                                      \
    __asm__(".section .rodata\n.balign 16\n.globl sql_" #sym "\nsql_" #sym ":\n.incbin \"store/migrations/" file               \
            "\"\n.byte 0\n.globl sql_" #sym "_end\nsql_" #sym "_end:\n.previous\n");                                            \
    extern const char sql_##sym[];                                                                                               \
    extern const char sql_##sym##_end[]

#define MIGRATIONS                                                                                                               \
    M(0, store, "0000_store.sql")                                                                                                \
    M(1, base, "0001_base.sql")                                                                                                  \
    M(20, people, "0020_people.sql")                                                                                             \
    M(30, task, "0030_task.sql")                                                                                                 \
    M(50, ranking, "0050_ranking.sql")                                                                                           \
    M(60, push, "0060_push.sql")                                                                                                \
    M(70, delivery, "0070_delivery.sql")                                                                                         \
    M(75, lean, "0075_lean.sql")                                                                                                 \
    M(80, circular, "0080_circular.sql")                                                                                         \
    M(85, reply, "0085_reply.sql")                                                                                               \
    M(87, poll, "0087_poll.sql")                                                                                                 \
    M(90, order, "0090_order.sql")                                                                                               \
    M(95, frozen, "0095_frozen.sql")                                                                                             \
    M(97, delivery_index, "0097_delivery_index.sql")

#define M(number, sym, file) SQL_FILE(sym, file);
MIGRATIONS
#undef M

static const struct {
    int         number;
    const char *file, *sql, *end;
} steps[] = {
#define M(number, sym, file) {number, file, sql_##sym, sql_##sym##_end},
    MIGRATIONS
#undef M
};
#define STEPS_N (sizeof steps / sizeof steps[0])

static enum err hash_of(struct db *db, int number, char out[65], bool *found) {
    struct rows *r = db_query(db, "SELECT sm3 FROM schema_version WHERE number = ?1", "i", (int64_t)number);
    *found         = db_next(r);
    if (*found) (void)snprintf(out, 65, "%s", row_s(r, 0));
    return db_rows_end(r);
}

static enum err apply(struct db *db, size_t i, const char *hash) {
    char     was[65];
    bool     done = false;
    enum err e    = db_begin(db);
    if (e) return e;
    e = hash_of(db, steps[i].number, was, &done); /* another process may have been faster */
    if (e == ERR_OK && !done) e = db_script(db, steps[i].sql);
    if (e == ERR_OK && !done)
        e = db_exec(db, "INSERT INTO schema_version (number, file, sm3, at_wall) VALUES (?1, ?2, ?3, ?4)", "issi", (int64_t)steps[i].number,
                    steps[i].file, hash, clock_wall_ms());
    if (e == ERR_OK) e = db_commit(db);
    if (e) db_rollback(db);
    return e;
}

enum err migrate(struct db *db, int *from, int *to, char *why, size_t why_n) {
    int64_t  newest = -1;
    enum err e      = db_script(db, "CREATE TABLE IF NOT EXISTS schema_version (number INTEGER PRIMARY KEY, file TEXT NOT NULL, "
                                    "sm3 TEXT NOT NULL, at_wall INTEGER NOT NULL) STRICT;");
    if (e == ERR_OK) e = db_one_i(db, &newest, "SELECT COALESCE(MAX(number), -1) FROM schema_version", "");
    if (e) {
        (void)snprintf(why, why_n, "store cannot be migrated: see the log");
        return e;
    }
    if (from) *from = (int)newest;
    if (newest > steps[STEPS_N - 1].number) {
        (void)snprintf(why, why_n, "store is of a newer program (schema %lld, this one knows %d): install that program", (long long)newest,
                       steps[STEPS_N - 1].number);
        return ERR_STATE;
    }
    for (size_t i = 0; i < STEPS_N; i++) {
        uint8_t h[32];
        char    hash[65], was[65];
        bool    found;
        sm3(steps[i].sql, (size_t)(steps[i].end - steps[i].sql) - 1, h);
        hex_encode(hash, h, sizeof h);
        e = hash_of(db, steps[i].number, was, &found);
        if (e == ERR_OK && found && strcmp(hash, was) != 0) {
            (void)snprintf(why, why_n, "migration %s was changed after it ran on this store", steps[i].file);
            return ERR_STATE;
        }
        if (e == ERR_OK && !found) e = apply(db, i, hash);
        if (e) {
            (void)snprintf(why, why_n, "migration %s failed: see the log", steps[i].file);
            return e;
        }
    }
    if (to) *to = steps[STEPS_N - 1].number;
    return ERR_OK;
}
