/* SPDX-License-Identifier: Apache-2.0
 *
 * Demo mode only (D2, D18, D19): the business clock of the record store, the sample, the demo people.
 */
#ifndef ZB_HANDLERS_DEMO_H
#define ZB_HANDLERS_DEMO_H

#include "handlers/house.h"
#include "store/db.h"

/* At start: restores the business clock; on the first start sets it to 2018-03-12T08:30+08:00, imports the sample and makes the
 * demo people. db: a writing connection outside a transaction. */
enum err demo_prepare(struct house *h, struct db *db, const char *samples_dir, char *why, size_t why_n) MUST_CHECK;

/* The clock of the store (kv), for `zhangban clock`. ERR_NOTFOUND: real time. */
enum err demo_clock_load(struct db *db) MUST_CHECK;
enum err demo_clock_save(struct db *db, int64_t business_ms, int64_t speed_permille) MUST_CHECK; /* inside a transaction; sets it too */

#endif
