/* SPDX-License-Identifier: Apache-2.0
 *
 * A house for handler tests: a fresh store in a temporary directory, migrated, the 2018 calendar, a private Redis on request,
 * and methods called the way the dispatcher does (gates of role and parameters, transaction, refusal rolled back).
 */
#ifndef ZB_TESTS_KIT_H
#define ZB_TESTS_KIT_H

#include "base/buf.h"
#include "handlers/method.h"

struct kit {
    struct house  house;
    struct db    *db;
    struct redis *redis; /* NULL until kit_redis() */
    struct arena *arena;
    struct buf    reply; /* JSON of the last success */
    char          detail[512], field[64];
    struct effect_count {
        int closes;
    } effects;
    char               dir[64];
    struct redis_server *server;
};

struct kit *kit_open(void); /* business and wall time stand at 2018-03-12T08:30:00+08:00 */
void        kit_close(struct kit *k);
void        kit_time(struct kit *k, const char *iso);
void        kit_redis(struct kit *k);
/* Adds a person; unit NULL: none. */
void kit_person(struct kit *k, const char *id, const char *unit, unsigned roles);
/* person NULL: nobody is logged in. json NULL: no parameters. Gates included. */
enum err kit_call(struct kit *k, const char *person, const char *method, const char *json);
/* Like kit_call, and fails the test (with the text of the refusal) if the result is not want. */
void kit_want(struct kit *k, enum err want, const char *person, const char *method, const char *json);
/* A member of the last reply by path ("items.0.id"); NULL when absent; borrowed until the next call. Numbers as text. */
const char *kit_get(struct kit *k, const char *path);
/* SQL for looking behind the curtain: first column of the first row. */
long long kit_sql_i(struct kit *k, const char *sql);

#endif
