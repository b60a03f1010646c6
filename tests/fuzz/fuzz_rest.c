/* SPDX-License-Identifier: Apache-2.0
 *
 * Paths against the method table: first byte the verb, the rest the path; path parameters go through their rows.
 */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/check.h"
#include "base/mem.h"
#include "base/text.h"
#include "handlers/method.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
    static bool ready;
    if (!ready) methods_init();
    ready = true;
    if (n == 0 || memchr(data, 0, n)) return 0;
    char                  *path = x_strndup((const char *)data + 1, n - 1);
    cJSON                 *obj  = cJSON_CreateObject();
    const struct method   *m    = NULL;
    enum err               e    = method_route((enum verb)(data[0] % 4), path, obj, &m);
    MUST(e == ERR_OK || e == ERR_NOTFOUND || e == ERR_METHOD || e == ERR_INPUT);
    MUST((e == ERR_OK || e == ERR_INPUT) == (m != NULL));
    if (e == ERR_OK) {
        struct arena      *a    = arena_new(1 << 20);
        void              *args = arena_alloc(a, m->args_size + 1);
        struct param_fault f    = {0};
        if (param_decode(m->params, m->params_n, obj, NULL, args, m->args_size, a, &f) != ERR_OK)
            MUST(f.field && f.why && utf8_valid(f.field, strlen(f.field)) && utf8_valid(f.why, strlen(f.why)));
        for (const cJSON *v = obj->child; v; v = v->next) MUST(v->string != NULL);
        arena_free(a);
    }
    cJSON_Delete(obj);
    x_free(path);
    return 0;
}
