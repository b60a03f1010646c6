/* SPDX-License-Identifier: Apache-2.0 */
#include "store/upkeep.h"

#include <stdio.h>
#include <stdlib.h>

#include "store/kv.h"

#define LAST "upkeep.biz"

enum err upkeep_last_get(struct db *db, struct arena *a, int64_t *biz_ms) {
    const char *text;
    enum err    e = kv_get(db, a, LAST, &text);
    *biz_ms       = e == ERR_OK ? strtoll(text, NULL, 10) : 0;
    return e == ERR_NOTFOUND ? ERR_OK : e;
}

enum err upkeep_last_set(struct db *db, int64_t biz_ms) {
    char text[24];
    (void)snprintf(text, sizeof text, "%lld", (long long)biz_ms);
    return kv_set(db, LAST, text);
}

enum err reminder_known(struct db *db, const char *name, bool *yes) {
    int64_t  n = 0;
    enum err e = db_one_i(db, &n, "SELECT COUNT(*) FROM reminder WHERE name = ?1", "s", name);
    *yes       = n > 0;
    return e;
}

enum err reminder_add(struct db *db, const char *name, int64_t biz_ms) {
    return db_exec(db, "INSERT INTO reminder (name, at_biz) VALUES (?1, ?2)", "si", name, biz_ms);
}

enum err upkeep_next_sign(struct db *db, int64_t after, int64_t *due_biz) {
    return db_one_i(
        db, due_biz,
        "SELECT u.sign_due_biz FROM task_unit u JOIN task t ON t.id = u.task WHERE u.sign_due_biz > ?1 AND u.signed_biz IS NULL "
        "AND t.state = 'dispatched' ORDER BY u.sign_due_biz LIMIT 1",
        "i", after);
}
