/* SPDX-License-Identifier: Apache-2.0 */
#include "push/code_words.h"

#include <ctype.h>
#include <stdbool.h>
#include <string.h>

#include "base/check.h"

static const struct {
    const char *code, *zh;
} rows[] = {
#define X(code, zh) {code, zh},
#include "push/code_words.def"
#undef X
};

static bool of_a_word(char c) { return isalnum((unsigned char)c) || c == '_'; }

static bool stands_in(const char *detail, const char *code) {
    size_t n = strlen(code);
    for (const char *p = strstr(detail, code); p; p = strstr(p + 1, code))
        if ((p == detail || !of_a_word(p[-1])) && (code[n - 1] == ':' || !of_a_word(p[n]))) return true;
    return false;
}

const char *code_words(const char *detail) {
    for (size_t i = 0; i < ARRAY_N(rows); i++)
        if (stands_in(detail, rows[i].code)) return rows[i].zh;
    return NULL;
}
