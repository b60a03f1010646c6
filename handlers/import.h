/* SPDX-License-Identifier: Apache-2.0
 *
 * Importer of units and plans (F001, F022, F023, F033, F034, F088; D41, D46): good rows go in, each bad row is listed with file,
 * place, field and rule; nothing is guessed; the same files again change nothing. Writing connection or writer job, in chunks of
 * one transaction each (D5).
 */
#ifndef ZB_HANDLERS_IMPORT_H
#define ZB_HANDLERS_IMPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "handlers/house.h"
#include "store/db.h"

struct import_conf {
    const char *dir;          /* units.json, tasks.json; others are ignored here */
    const char *confirm_past; /* reason, or NULL: rows with a past deadline are problem rows */
    const char *actor;        /* person id or "system" */
    FILE       *out;          /* problem rows and the summary, one line each; progress when it is a terminal */
    bool        progress;
    int64_t     wall_ms, biz_ms;
};
struct import_result {
    size_t units_new, units_same, tasks_new, tasks_same, problems, warnings;
};
/* db: a writing connection outside a transaction. ERR_INPUT: the directory or a file could not be read as JSON (said on out). */
enum err import_dir(struct house *h, struct db *db, const struct import_conf *c, struct import_result *res) MUST_CHECK;

/* The importer's parser on bytes, for the fuzz target: everything but the database. name: "tasks.json" or "units.json". Returns
 * how many problem rows it found. */
size_t import_scan(const char *name, const char *p, size_t n, FILE *out);

#endif
