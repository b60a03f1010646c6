/* SPDX-License-Identifier: Apache-2.0
 *
 * For the tests of phone push: a provider made from options, key files in a directory of the test, an answer as a kind is given it.
 */
#ifndef ZB_TESTS_PUSHKIT_H
#define ZB_TESTS_PUSHKIT_H

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/check.h"
#include "push/provider.h"
#include "tests/unit/keykit.h"

#define KD_NOW 1520812800000LL /* 2018-03-12T08:00:00+08:00 */

static char kd_dir[64];

static inline void kd_begin(void) {
    (void)snprintf(kd_dir, sizeof kd_dir, "/tmp/zbkind.XXXXXX");
    assert_non_null(mkdtemp(kd_dir));
}

static inline void kd_end(void) {
    char cmd[96];
    (void)snprintf(cmd, sizeof cmd, "rm -rf '%s'", kd_dir);
    assert_int_equal(system(cmd), 0);
}

/* Path of a new file of this content; borrowed until the next but seven. */
static inline const char *kd_file(const char *name, const char *text) {
    static char path[8][128];
    static int  at;
    char       *p = path[at++ % 8];
    (void)snprintf(p, 128, "%s/%s", kd_dir, name);
    FILE *f = fopen(p, "we");
    assert_non_null(f);
    assert_int_equal(fwrite(text, 1, strlen(text), f), strlen(text));
    assert_int_equal(fclose(f), 0);
    return p;
}

/* pairs: name, value, ..., NULL. why NULL: it must succeed. */
static inline struct provider *kd_try(const char *kind, const char *const *pairs, char *why, size_t why_n) {
    struct conf          c = {0};
    struct conf_section *s = conf_section_add(&c, "provider", "p1");
    struct provider     *p = NULL;
    if (kind) conf_section_set(s, "kind", kind, 2);
    for (size_t i = 0; pairs[i]; i += 2) conf_section_set(s, pairs[i], pairs[i + 1], 3);
    enum err e = provider_new(s, &p, why, why_n);
    conf_fini(&c);
    assert_true((e == ERR_OK) == (p != NULL));
    return p;
}

static inline struct provider *kd_provider(const char *kind, const char *const *pairs) {
    char             why[512] = "";
    struct provider *p        = kd_try(kind, pairs, why, sizeof why);
    if (p == NULL) fail_msg("%s", why);
    return p;
}

static inline struct push_msg kd_msg(const char *target) {
    return (struct push_msg){.id = "d_01ABC", .attempt = 1, .notice = "n_01XYZ", .target = target, .target_key = "", .app = "", .kind = "task.overdue",
                             .title = "\xE4\xBB\xBB\xE5\x8A\xA1\xE5\xB7\xB2\xE9\x80\xBE\xE6\x9C\x9F", .text = "\xE8\xAF\xB7\xE5\x8A\x9E\xE7\x90\x86\xE3\x80\x82",
                             .object = "task:t_1", .signature = "", .priority = 1, .ttl_s = 3600, .unread = 3, .at_wall_ms = KD_NOW};
}

/* What a kind makes of an answer. header_value: of Retry-After, NULL none. */
static inline struct push_answer kd_answer(struct provider *p, struct arena *a, const struct push_msg *m, int status, const char *body, const char *retry_after) {
    struct http_header h[2] = {{"content-type", "application/json"}, {"retry-after", retry_after ? retry_after : ""}};
    struct http_answer r    = {.status = status, .header = h, .headers_n = retry_after ? 2 : 1, .body = body, .body_n = strlen(body)};
    struct push_answer out  = {.verdict = V_UNKNOWN};
    provider_kind(p)->answer(p, a, m, &r, KD_NOW, &out);
    return out;
}

static inline const char *kd_header(const struct http_call *c, const char *name) {
    for (size_t i = 0; i < c->headers_n; i++)
        if (strcmp(c->header[i].name, name) == 0) return c->header[i].value;
    return "";
}

static inline cJSON *kd_body(const struct http_call *c) {
    cJSON      *j = NULL;
    const char *why;
    assert_int_equal(json_parse(c->body, c->body_n, &j, &why), ERR_OK);
    return j;
}

static inline const cJSON *kd_at(const cJSON *j, const char *path) { /* "aps.alert.title" */
    char name[64];
    while (j && *path) {
        size_t n = strcspn(path, ".");
        assert_true(n < sizeof name);
        memcpy(name, path, n);
        name[n] = '\0';
        j       = cJSON_GetObjectItemCaseSensitive(j, name);
        path += n + (path[n] == '.');
    }
    return j;
}

static inline const char *kd_s(const cJSON *j, const char *path) {
    const char *s = cJSON_GetStringValue(kd_at(j, path));
    return s ? s : "";
}

#endif
