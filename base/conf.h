/* SPDX-License-Identifier: Apache-2.0
 *
 * Options from base/conf.def: defaults, then a file of `name = value` lines (a line that starts with # is a
 * comment), then the environment (ZHANGBAN_LISTEN, ZHANGBAN_DATA, ZHANGBAN_DEMO, ZHANGBAN_REDIS; ZHANGBAN_CONF names the file). An
 * unknown name or a value out of bounds refuses to start and says which line. Of a name given twice the last counts. Read-only
 * after loading.
 *
 * After the options of the house come sections, one for each thing there may be several of:
 *     [provider unicom-1]
 *     kind = smgp
 * What may stand in a section is known to who owns it (push/provider.h); here its names are only kept, in order, with their line.
 */
#ifndef ZB_BASE_CONF_H
#define ZB_BASE_CONF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/err.h"

#define CONF_TEXT 256

#define CONF_SECTIONS_MAX 64
#define CONF_PAIRS_MAX    64 /* in one section */

struct conf_pair {
    char *name, *value;
    int   line;
};
struct conf_section {
    char              type[16], name[40]; /* lower-case letters, digits and -; no two of the same type and name */
    int               line;
    struct conf_pair *pairs; /* no two of the same name */
    size_t            pairs_n;
};

struct conf {
#define S(field, name, def, doc) char field[CONF_TEXT];
#define N(field, name, def, min, max, unit, doc) int64_t field;
#define B(field, name, def, doc) bool field;
#include "base/conf.def"
#undef S
#undef N
#undef B
    struct conf_section *sections; /* NULL: none */
    size_t               sections_n;
};

void conf_defaults(struct conf *c);
/* path NULL: no file. why: one line naming file and line. */
enum err conf_load(struct conf *c, const char *path, char *why, size_t why_n) MUST_CHECK;
enum err conf_set(struct conf *c, const char *name, const char *value, char *why, size_t why_n) MUST_CHECK;
void     conf_fini(struct conf *c); /* frees the sections; options stay */
/* NULL: the section has no such name. */
const char *conf_section_get(const struct conf_section *s, const char *name);
/* Appends a section (made by hand, tests): pairs are copied. */
struct conf_section *conf_section_add(struct conf *c, const char *type, const char *name);
void                 conf_section_set(struct conf_section *s, const char *name, const char *value, int line);
void     conf_print(const struct conf *c, FILE *out, bool with_docs);

#endif
