/* SPDX-License-Identifier: Apache-2.0
 *
 * Options from base/conf.def: defaults, then a file of `name = value` lines (a line that starts with # is a
 * comment), then the environment (ZHANGBAN_LISTEN, ZHANGBAN_DATA, ZHANGBAN_DEMO, ZHANGBAN_REDIS; ZHANGBAN_CONF names the file). An
 * unknown name or a value out of bounds refuses to start and says which line. Of a name given twice the last counts. Read-only
 * after loading.
 */
#ifndef ZB_BASE_CONF_H
#define ZB_BASE_CONF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/err.h"

#define CONF_TEXT 256

struct conf {
#define S(field, name, def, doc) char field[CONF_TEXT];
#define N(field, name, def, min, max, unit, doc) int64_t field;
#define B(field, name, def, doc) bool field;
#include "base/conf.def"
#undef S
#undef N
#undef B
};

void conf_defaults(struct conf *c);
/* path NULL: no file. why: one line naming file and line. */
enum err conf_load(struct conf *c, const char *path, char *why, size_t why_n) MUST_CHECK;
enum err conf_set(struct conf *c, const char *name, const char *value, char *why, size_t why_n) MUST_CHECK;
void     conf_print(const struct conf *c, FILE *out, bool with_docs);

#endif
