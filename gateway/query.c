/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/query.h"

#include <string.h>

#include "base/text.h"

static bool decode(const char *p, size_t n, char *out, size_t cap) { return url_decode(p, n, true, out, cap) && utf8_valid(out, strlen(out)); }

bool query_into(const char *query, const struct method *m, cJSON *obj) {
    for (const char *p = query; *p;) {
        size_t n = strcspn(p, "&"), eq = 0;
        while (eq < n && p[eq] != '=') eq++;
        char name[64], value[2048];
        if (n) {
            if (!decode(p, eq, name, sizeof name) || !decode(eq < n ? p + eq + 1 : "", eq < n ? n - eq - 1 : 0, value, sizeof value))
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
