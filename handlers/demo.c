/* SPDX-License-Identifier: Apache-2.0
 *
 * First start of a demo: clock, sample, people, in this order; each step can be repeated, so a start that was cut off is
 * completed by the next one. The last transaction sets the mark "demo". Later starts only restore the clock.
 */
#include "handlers/demo.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/log.h"
#include "handlers/demo_people.h"
#include "handlers/import.h"
#include "handlers/req.h"
#include "store/kv.h"

#define FIRST_TIME "2018-03-12T08:30:00+08:00" /* D2 */
#define PAST_REASON "演示导入：方案印发前已过期的任务"
#define CLOCK_NAME "clock" /* "base_wall base_business speed_permille" */
#define READY_NAME "demo"
#define ARENA_BYTES (64U << 10)
#define SPEED_NORMAL 1000

/* ---- the clock ---- */

enum err demo_clock_load(struct db *db) {
    struct arena         *a = arena_new(ARENA_BYTES);
    const char           *text;
    struct clock_business b = {0};
    enum err              e = kv_get(db, a, CLOCK_NAME, &text);
    if (e == ERR_OK &&
        sscanf(text, "%" SCNd64 " %" SCNd64 " %" SCNd64, &b.base_wall_ms, &b.base_business_ms, &b.speed_permille) != 3) {
        LOG0(LOG_ERROR, "demo_clock_unreadable");
        e = ERR_STORE;
    }
    if (e == ERR_OK) clock_business_set(b);
    arena_free(a);
    return e;
}

enum err demo_clock_save(struct db *db, int64_t business_ms, int64_t speed_permille) {
    struct clock_business b = {
        .base_wall_ms = clock_wall_ms(), .base_business_ms = business_ms, .speed_permille = speed_permille};
    char text[80];
    (void)snprintf(text, sizeof text, "%" PRId64 " %" PRId64 " %" PRId64, b.base_wall_ms, b.base_business_ms, b.speed_permille);
    TRY(kv_set(db, CLOCK_NAME, text));
    clock_business_set(b);
    return ERR_OK;
}

/* ---- the first start ---- */

/* One step in one transaction, sealed and committed, or nothing of it. */
static enum err in_transaction(struct house *h, struct db *db, enum err (*step)(struct house *h, struct db *db)) {
    TRY(db_begin(db));
    enum err e = step(h, db);
    if (e == ERR_OK) e = ledger_seal(h->ledger, db);
    if (e == ERR_OK) e = db_commit(db);
    if (e) {
        db_rollback(db);
        ledger_aborted(h->ledger);
        return e;
    }
    ledger_committed(h->ledger);
    return ERR_OK;
}

static enum err set_first_time(struct house *h, struct db *db) {
    int64_t ms;
    TRY(time_parse_iso(FIRST_TIME, &ms));
    TRY(demo_clock_save(db, ms, SPEED_NORMAL));
    struct ledger_entry entry = {.kind           = "demo.clock",
                                 .actor          = "system",
                                 .unit           = "",
                                 .object         = "",
                                 .body           = "{\"business\":\"" FIRST_TIME "\",\"speed_permille\":1000}",
                                 .at_wall_ms     = clock_wall_ms(),
                                 .at_business_ms = ms};
    return ledger_add(h->ledger, db, &entry);
}

static enum err make_people(struct house *h, struct db *db) {
    TRY(demo_people(h, db, clock_wall_ms()));
    return kv_set(db, READY_NAME, "1");
}

/* What the importer says lands in why; the first line is the cause. */
static enum err import_sample(struct house *h, struct db *db, const char *dir, char *why, size_t why_n) {
    struct import_result res;
    char                 said[1024] = "";
    FILE                *out        = fmemopen(said, sizeof said - 1, "w");
    struct import_conf   c          = {.dir          = dir,
                                       .confirm_past = PAST_REASON,
                                       .actor        = "system",
                                       .out          = out,
                                       .wall_ms      = clock_wall_ms(),
                                       .biz_ms       = clock_business_ms()};
    enum err             e          = import_dir(h, db, &c, &res);
    if (out) (void)fclose(out);
    if (e == ERR_OK && res.problems) e = ERR_INPUT;
    said[strcspn(said, "\n")] = '\0';
    if (e) (void)snprintf(why, why_n, "sample %s: %s", dir, said);
    if (e == ERR_OK)
        LOG(LOG_INFO, "demo_sample", KI("units_new", res.units_new), KI("tasks_new", res.tasks_new),
            KI("warnings", res.warnings));
    return e;
}

enum err demo_prepare(struct house *h, struct db *db, const char *samples_dir, char *why, size_t why_n) {
    const char *step = "clock", *mark;
    (void)snprintf(why, why_n, "%s", "");
    if (!h->demo) return ERR_PERM;
    enum err e = demo_clock_load(db);
    if (e == ERR_NOTFOUND) e = in_transaction(h, db, set_first_time);
    struct arena *a = arena_new(ARENA_BYTES);
    if (e == ERR_OK) e = kv_get(db, a, READY_NAME, &mark);
    arena_free(a);
    if (e == ERR_NOTFOUND) {
        step = "sample";
        e    = import_sample(h, db, samples_dir, why, why_n);
        if (e == ERR_OK) {
            step = "people";
            e    = in_transaction(h, db, make_people);
        }
    }
    if (e && *why == '\0') (void)snprintf(why, why_n, "demo: %s: %s", step, err_info(e)->word);
    return e;
}
