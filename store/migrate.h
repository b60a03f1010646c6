/* SPDX-License-Identifier: Apache-2.0
 *
 * Brings a store to the version this program knows. store/migrations/NNNN_name.sql are compiled in (build step), run in order, each in
 * one transaction, and recorded in schema_version with the SM3 of their text. A store newer than the program, or a migration whose
 * text changed after it ran, is refused with a clear text.
 */
#ifndef ZB_STORE_MIGRATE_H
#define ZB_STORE_MIGRATE_H

#include "base/err.h"
#include "store/db.h"

enum err migrate(struct db *db, int *from, int *to, char *why, size_t why_n) MUST_CHECK;

#endif
