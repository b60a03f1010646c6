/* SPDX-License-Identifier: Apache-2.0
 *
 * Any JSON against rows of every type: what is taken keeps its bounds, what is refused names a field in valid UTF-8.
 * Input that is no JSON goes in as the text of a path or query parameter.
 */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/calendar.h"
#include "base/check.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/param.h"
#include "base/text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

struct args {
    const char  *id, *s, *text, *date, *kind;
    int64_t      n, low;
    bool         flag;
    struct strs  list;
    const cJSON *obj, *objs;
};

static const struct param rows[] = {
    P_IDOPT(struct args, id, "task"),      P_STR(struct args, s, 2, 40, 0),   P_TEXT(struct args, text, 1, 100, 0), P_DATE(struct args, date, 0),
    P_ENUM(struct args, kind, "a|bc|d", 0), P_I64(struct args, n, -5, 500, 0), P_I64(struct args, low, -9, -3, 0),   P_BOOL(struct args, flag),
    P_STRS(struct args, list, 3, 0),       P_JSON(struct args, obj, 2, 0),    P_JSONS(struct args, objs, 2, 0),
};

static void check_text(const char *s, size_t lo, size_t hi, bool newline) {
    if (s == NULL) return;
    size_t k = strlen(s);
    MUST(utf8_valid(s, k) && text_is_clean(s, k, newline) && utf8_count(s, k) >= lo && utf8_count(s, k) <= hi);
}

static void decode(const cJSON *v, struct arena *a) {
    struct args        x;
    struct param_fault f = {0};
    int32_t            day;
    if (param_decode(rows, ARRAY_N(rows), v, "key|id2", &x, sizeof x, a, &f) != ERR_OK) {
        MUST(f.field && f.why && utf8_valid(f.field, strlen(f.field)) && utf8_valid(f.why, strlen(f.why)));
        return;
    }
    check_text(x.id, 1, 64, false);
    check_text(x.s, 2, 40, false);
    check_text(x.text, 1, 100, true);
    MUST(x.date == NULL || date_parse(x.date, &day) == ERR_OK);
    MUST(x.kind == NULL || strcmp(x.kind, "a") == 0 || strcmp(x.kind, "bc") == 0 || strcmp(x.kind, "d") == 0);
    MUST(x.n >= -5 && x.n <= 500 && x.low >= -9 && x.low <= -3 && x.list.n <= 3);
    for (size_t i = 0; i < x.list.n; i++) check_text(x.list.v[i], 1, 200, false);
    MUST(x.obj == NULL || cJSON_GetArraySize(x.obj) <= 2);
    MUST(x.objs == NULL || cJSON_GetArraySize(x.objs) <= 2);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
    struct arena *a = arena_new(1 << 20);
    cJSON        *v;
    const char   *why;
    if (json_parse((const char *)data, n, &v, &why) == ERR_OK) {
        decode(v, a);
        cJSON_Delete(v);
    } else if (n > 0 && memchr(data, 0, n) == NULL && utf8_valid((const char *)data, n)) {
        char *text = x_strndup((const char *)data + 1, n - 1);
        v          = cJSON_CreateObject();
        if (utf8_valid(text, n - 1)) {
            const struct param *row = &rows[data[0] % ARRAY_N(rows)];
            (void)cJSON_AddItemToObject(v, row->name, param_from_text(row, text));
            decode(v, a);
        }
        cJSON_Delete(v);
        x_free(text);
    }
    arena_free(a);
    return 0;
}
