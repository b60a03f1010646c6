/* SPDX-License-Identifier: Apache-2.0
 *
 * Queries of REST requests: first byte the method, the rest the query. What is taken is UTF-8 within its bounds, goes through the
 * method's rows, and written out anew with every byte escaped it is taken for the same.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/check.h"
#include "base/mem.h"
#include "base/text.h"
#include "gateway/query.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void escaped(struct buf *b, const char *s) {
    for (; *s; s++) buf_printf(b, *s & 1 ? "%%%02x" : "%%%02X", (unsigned char)*s);
}

static void again(const struct method *m, const cJSON *obj) {
    struct buf b;
    cJSON     *twin = cJSON_CreateObject();
    buf_init(&b, 1U << 20);
    for (const cJSON *v = obj->child; v; v = v->next) {
        if (!cJSON_IsString(v)) goto out; /* a number has many spellings */
        buf_puts(&b, v == obj->child ? "" : "&&");
        escaped(&b, v->string);
        buf_puts(&b, "=");
        escaped(&b, v->valuestring);
    }
    MUST(!b.failed && query_into(buf_str(&b), m, twin) && cJSON_GetArraySize(obj) == cJSON_GetArraySize(twin));
    for (const cJSON *v = obj->child, *t = twin->child; v; v = v->next, t = t->next) /* a name may come twice: in order */
        MUST(cJSON_IsString(t) && strcmp(v->string, t->string) == 0 && strcmp(v->valuestring, t->valuestring) == 0);
out:
    cJSON_Delete(twin);
    buf_fini(&b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
    static bool ready;
    if (!ready) methods_init();
    ready = true;
    if (n == 0 || n > 9000 || memchr(data + 1, 0, n - 1)) return 0; /* heads are 8 KiB */
    const struct method *m     = method_at(data[0] % methods_n());
    char                *query = x_strndup((const char *)data + 1, n - 1);
    cJSON               *obj   = cJSON_CreateObject();
    if (query_into(query, m, obj)) {
        MUST(strstr(query, "%00") == NULL);
        for (const cJSON *v = obj->child; v; v = v->next) {
            MUST(v->string && strlen(v->string) < 64 && utf8_valid(v->string, strlen(v->string)));
            if (cJSON_IsString(v)) MUST(strlen(v->valuestring) < 2048 && utf8_valid(v->valuestring, strlen(v->valuestring)));
            else MUST(cJSON_IsNumber(v) || cJSON_IsBool(v));
        }
        again(m, obj);
        struct arena      *a    = arena_new(1 << 20);
        void              *args = arena_alloc(a, m->args_size + 1);
        struct param_fault f    = {0};
        if (param_decode(m->params, m->params_n, obj, NULL, args, m->args_size, a, &f) != ERR_OK)
            MUST(f.field && f.why && utf8_valid(f.field, strlen(f.field)) && utf8_valid(f.why, strlen(f.why)));
        arena_free(a);
    }
    cJSON_Delete(obj);
    x_free(query);
    return 0;
}
