/* SPDX-License-Identifier: Apache-2.0
 *
 * For the tests of store/: a temporary directory, a fresh migrated store in it, small SQL looks behind the curtain. One test
 * program, one thread; header only, so that it pulls in nothing of handlers/.
 */
#ifndef ZB_TESTS_STOREKIT_H
#define ZB_TESTS_STOREKIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/mem.h"
#include "store/db.h"
#include "store/migrate.h"

static char sk_dir[64], sk_path[128];

static inline void sk_make_dir(void) {
    /* in memory where there is such a place: what a power cut does is tested by a model, not by waiting for this disk */
    (void)snprintf(sk_dir, sizeof sk_dir, "%s/zbstore.XXXXXX", access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
    assert_non_null(mkdtemp(sk_dir));
    (void)snprintf(sk_path, sizeof sk_path, "%s/zhangban.db", sk_dir);
}

static inline void sk_drop_dir(void) {
    char cmd[128];
    (void)snprintf(cmd, sizeof cmd, "rm -rf '%s'", sk_dir);
    assert_int_equal(system(cmd), 0);
}

static inline struct db *sk_open(enum db_mode mode) {
    char       why[256] = "";
    struct db *db       = NULL;
    if (db_open(sk_path, mode, &db, why, sizeof why) != ERR_OK) fail_msg("%s", why);
    return db;
}

static inline struct db *sk_fresh(void) {
    char why[256] = "";
    sk_make_dir();
    struct db *db = sk_open(DB_WRITE);
    if (migrate(db, NULL, NULL, why, sizeof why) != ERR_OK) fail_msg("%s", why);
    return db;
}

static inline void sk_done(struct db *db) {
    db_close(db);
    sk_drop_dir();
}

static inline int64_t sk_i(struct db *db, const char *sql) { /* sql: a literal */
    int64_t v = -1;
    assert_int_equal(db_one_i(db, &v, sql, ""), ERR_OK);
    return v;
}

static inline void sk_script(struct db *db, const char *sql) { assert_int_equal(db_script(db, sql), ERR_OK); }

#endif
