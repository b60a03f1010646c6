/* SPDX-License-Identifier: Apache-2.0
 *
 * Parameter rows: one table says name, type, bounds and place in the struct; decoding, validation and OpenAPI come from it.
 */
#ifndef ZB_BASE_PARAM_H
#define ZB_BASE_PARAM_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"

enum param_type {
    PT_STR,  /* const char *; one line; min..max code points */
    PT_TEXT, /* const char *; may hold newlines */
    PT_ID,   /* const char *; 1..64 of [A-Za-z0-9._:-]; names an object of kind `obj` (D22) */
    PT_I64,  /* int64_t; min..max */
    PT_BOOL, /* bool */
    PT_DATE, /* const char *; a real YYYY-MM-DD */
    PT_ENUM, /* const char *; one of `choices`, joined by | */
    PT_STRS, /* struct strs; at most max items, each 1..200 code points */
    PT_JSON, /* const cJSON *, an object; the function checks inside; at most max members */
    PT_JSONS /* const cJSON *, an array of 1..max objects */
};

struct strs {
    const char **v;
    size_t       n;
};

struct param {
    const char     *name;
    enum param_type type;
    size_t          off;
    int64_t         min, max;
    bool            required;
    const char     *obj;     /* kind of object an id names: "task", "unit", ...; NULL for others */
    const char     *choices; /* PT_ENUM */
    const char     *doc;
};

#define P_ID(S, f, kind)             {.name = #f, .type = PT_ID, .off = offsetof(S, f), .min = 1, .max = 64, .required = true, .obj = (kind)}
#define P_IDOPT(S, f, kind)          {.name = #f, .type = PT_ID, .off = offsetof(S, f), .min = 1, .max = 64, .required = false, .obj = (kind)}
#define P_STR(S, f, lo, hi, req)     {.name = #f, .type = PT_STR, .off = offsetof(S, f), .min = (lo), .max = (hi), .required = (req)}
#define P_TEXT(S, f, lo, hi, req)    {.name = #f, .type = PT_TEXT, .off = offsetof(S, f), .min = (lo), .max = (hi), .required = (req)}
#define P_I64(S, f, lo, hi, req)     {.name = #f, .type = PT_I64, .off = offsetof(S, f), .min = (lo), .max = (hi), .required = (req)}
#define P_BOOL(S, f)                 {.name = #f, .type = PT_BOOL, .off = offsetof(S, f)}
#define P_DATE(S, f, req)            {.name = #f, .type = PT_DATE, .off = offsetof(S, f), .required = (req)}
#define P_ENUM(S, f, list, req)      {.name = #f, .type = PT_ENUM, .off = offsetof(S, f), .required = (req), .choices = (list)}
#define P_STRS(S, f, hi, req)        {.name = #f, .type = PT_STRS, .off = offsetof(S, f), .max = (hi), .required = (req)}
#define P_JSON(S, f, hi, req)        {.name = #f, .type = PT_JSON, .off = offsetof(S, f), .max = (hi), .required = (req)}
#define P_JSONS(S, f, hi, req)       {.name = #f, .type = PT_JSONS, .off = offsetof(S, f), .max = (hi), .required = (req)}

struct param_fault {
    const char *field; /* name of the parameter; unknown names are reported too (arena) */
    const char *why;   /* Chinese, for a person (arena or literal) */
};

/* Fills args (zeroed first, size bytes) from a JSON object. Unknown members are refused, but for those in `ignore`, joined by |.
 * Strings point into obj or the arena and live as long as both. obj NULL counts as {}. Absent optional strings are NULL,
 * numbers the value `min` or 0 if 0 is inside the bounds, absent lists empty. */
enum err param_decode(const struct param *rows, size_t n, const cJSON *obj, const char *ignore, void *args, size_t size, struct arena *a,
                      struct param_fault *fault) MUST_CHECK;

/* Turns the text of a path or query parameter into the cJSON the row wants (numbers, booleans). Returned: cJSON_Delete. */
cJSON *param_from_text(const struct param *row, const char *text);

#endif
