/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/query.h"

#include <string.h>

#include "base/text.h"

static int hex_digit(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if ((c | 32) >= 'a' && (c | 32) <= 'f') return (c | 32) - 'a' + 10;
    return -1;
}

static bool query_decode(const char *p, size_t n, char *out, size_t cap) {
    size_t k = 0;
    for (size_t i = 0; i < n; i++) {
        char c = p[i] == '+' ? ' ' : p[i];
        if (c == '%') {
            if (i + 2 >= n || hex_digit(p[i + 1]) < 0 || hex_digit(p[i + 2]) < 0) return false;
            c = (char)(hex_digit(p[i + 1]) * 16 + hex_digit(p[i + 2]));
            i += 2;
        }
        if (c == '\0' || k + 1 >= cap) return false;
        out[k++] = c;
    }
    out[k] = '\0';
    return utf8_valid(out, k);
}

bool query_into(const char *query, const struct method *m, cJSON *obj) {
    for (const char *p = query; *p;) {
        size_t n = strcspn(p, "&"), eq = 0;
        while (eq < n && p[eq] != '=') eq++;
        char name[64], value[2048];
        if (n) {
            if (!query_decode(p, eq, name, sizeof name) || !query_decode(eq < n ? p + eq + 1 : "", eq < n ? n - eq - 1 : 0, value, sizeof value))
                return false;
            const struct param *row = NULL;
            for (size_t i = 0; i < m->params_n; i++)
                if (strcmp(m->params[i].name, name) == 0) row = &m->params[i];
            (void)cJSON_AddItemToObject(obj, name, row ? param_from_text(row, value) : cJSON_CreateString(value));
        }
        p += n + (p[n] == '&');
    }
    return true;
}
