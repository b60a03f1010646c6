/* SPDX-License-Identifier: Apache-2.0
 *
 * json_parse takes any bytes; what it takes, the writer can write, and that reads back the same.
 */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/check.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void write_value(struct jw *w, const cJSON *v, int depth) {
    MUST(depth <= JSON_DEPTH_MAX);
    const cJSON *it;
    if (cJSON_IsString(v)) {
        MUST(utf8_valid(v->valuestring, strlen(v->valuestring)));
        jw_str(w, v->valuestring);
    } else if (cJSON_IsNumber(v)) {
        jw_int(w, (int64_t)v->valueint);
    } else if (cJSON_IsBool(v)) {
        jw_bool(w, cJSON_IsTrue(v));
    } else if (cJSON_IsNull(v)) {
        jw_null(w);
    } else if (cJSON_IsArray(v)) {
        jw_arr(w);
        cJSON_ArrayForEach(it, v) write_value(w, it, depth + 1);
        jw_arr_end(w);
    } else {
        MUST(cJSON_IsObject(v));
        jw_obj(w);
        cJSON_ArrayForEach(it, v) {
            /* jw_key is for literals; here a name is any text: written as one, then the colon */
            jw_str(w, it->string);
            buf_putc(w->b, ':');
            w->comma = false;
            write_value(w, it, depth + 1);
        }
        jw_obj_end(w);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
    cJSON      *v, *again;
    const char *why  = NULL;
    char       *copy = x_malloc(n); /* of its own size, so that a byte too far is seen */
    if (n) memcpy(copy, data, n);
    enum err e = json_parse(copy, n, &v, &why);
    x_free(copy);
    if (e) {
        MUST(v == NULL && why != NULL);
        return 0;
    }
    struct buf b, c;
    struct jw  w;
    buf_init(&b, 16U << 20);
    buf_init(&c, 16U << 20);
    jw_init(&w, &b);
    write_value(&w, v, 0);
    MUST(!b.failed);
    MUST(json_parse(buf_str(&b), b.len, &again, &why) == ERR_OK);
    jw_init(&w, &c);
    write_value(&w, again, 0);
    MUST(b.len == c.len && memcmp(buf_str(&b), buf_str(&c), b.len) == 0);
    cJSON_Delete(v);
    cJSON_Delete(again);
    buf_fini(&b);
    buf_fini(&c);
    return 0;
}
