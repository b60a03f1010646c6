/* SPDX-License-Identifier: Apache-2.0
 *
 * Inside of the importer: what import.c (files, chunks, fields, problem rows), import_units.c and import_tasks.c share.
 * One import, one thread.
 */
#ifndef ZB_HANDLERS_IMPORT_INT_H
#define ZB_HANDLERS_IMPORT_INT_H

#include "base/arena.h"
#include "base/json.h"
#include "handlers/import.h"
#include "store/plan.h"

#define IMPORT_ROWS_MAX 10000

struct import {
    struct house             *h;  /* NULL in import_scan */
    struct db                *db; /* NULL in import_scan: nothing is looked up or written */
    const struct import_conf *c;
    struct import_result     *res;
    struct arena             *a;          /* of the file */
    struct arena             *row_a;      /* dropped after each row */
    const char               *file;       /* "tasks.json" */
    char                      digest[65]; /* SM3 of the file's bytes */
    int32_t                   today;      /* business day */
    size_t                    in_chunk;
    bool                      is_open;  /* a transaction is open */
    bool                      has_said; /* the ledger row of this file is written */
};

/* A row under examination. `bad` is set by every problem. */
struct import_row {
    struct import *im;
    const char    *list; /* "tasks"; "" = the file itself */
    size_t         i;
    const cJSON   *o;
    bool           bad;
};

/* One line on out: file, place, field, rule, text. rule: a stable word. */
void import_problem(struct import_row *r, const char *field, const char *rule, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));
void import_warning(struct import_row *r, const char *field, const char *rule, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));

/* Fields. Absent or null: NULL (or dflt); wrong: a problem row and NULL. Texts are borrowed from the JSON tree. */
const cJSON *import_field(const struct import_row *r, const char *field); /* NULL for null too */
const char  *import_text(struct import_row *r, const char *field, size_t max, bool required);
const char  *import_long_text(struct import_row *r, const char *field, size_t max, bool required); /* newlines allowed */
const char  *import_code(struct import_row *r, const char *field, bool required);                  /* [A-Za-z0-9._:-]{1,64} */
const char  *import_word(struct import_row *r, const char *field, const char *choices,
                         bool required);                                          /* one of choices joined by | */
const char  *import_date(struct import_row *r, const char *field, bool required); /* folded, in the row's arena */
bool         import_bool(struct import_row *r, const char *field, bool dflt);
const cJSON *import_texts(struct import_row *r, const char *field, size_t max_n, bool required); /* an array of clean texts */
void         import_known(struct import_row *r, const char *names); /* a warning for each member not among names joined by | */
bool         import_is_code(const char *s);
const char  *import_json(struct import_row *r, const cJSON *v, const char *none); /* JSON text in the row's arena */

/* What was imported under this name ("task:ID") before. */
enum import_seen { IMPORT_NEW, IMPORT_SAME, IMPORT_DIFFERS };
enum err import_seen(struct import_row *r, const char *name, enum import_seen *seen) MUST_CHECK;
enum err import_mark(struct import_row *r, const char *name) MUST_CHECK; /* inside the row's transaction */

/* Around the writes of one row: opens the chunk's transaction, ends it when it is full. */
enum err import_row_begin(struct import *im) MUST_CHECK;
enum err import_row_end(struct import *im) MUST_CHECK;

/* The plan of tasks.json (import_plan.c). */
#define IMPORT_PART_MAX 99
struct import_plan {
    struct import *im;
    struct plan    p;
    const char    *part_titles[IMPORT_PART_MAX + 1]; /* by number; NULL: none given */
    int32_t        issued, printed;
    bool           has_printed, has_id; /* has_id: the file gives plan_id, task ids are free */
    bool           is_written;
};
/* Problems of the head make r bad; then no task can stand. */
enum err import_plan_read(struct import_plan *ip, struct import_row *r, const cJSON *list) MUST_CHECK;
enum err import_plan_write(struct import_plan *ip,
                           int64_t             part) MUST_CHECK; /* inside the first task's transaction; again: only a new part */
/* A code or a name -> code in the row's arena; NULL with a problem row. */
enum err import_resolve(struct import_row *r, const char *field, const char *name, const char **code) MUST_CHECK;

/* The files. An engine error ends the import; the open chunk is rolled back by the caller. */
enum err import_units(struct import *im, const cJSON *root) MUST_CHECK;
enum err import_tasks(struct import *im, const cJSON *root) MUST_CHECK;

/* Names and kinds of a unit that the file does not give (import_kinds.c). */
struct unit;
const char *import_board_name(struct arena *a, const struct unit *u, bool *is_cut); /* at most 5 characters */
void        import_kinds(struct unit *u);                                           /* scope, user_kind */
/* The same name without the level or the bracket: 工商局 of 市工商局; NULL: none worth having. */
const char *import_plain_name(struct arena *a, const char *name);

#endif
