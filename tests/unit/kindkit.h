/* SPDX-License-Identifier: Apache-2.0
 *
 * For tests of kinds of provider: a section with its secret files, a message, and answers run through a table.
 */
#ifndef ZB_TESTS_KINDKIT_H
#define ZB_TESTS_KINDKIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/check.h"
#include "push/provider.h"

#define AT_MS 1767323045000LL /* 2026-01-02T03:04:05Z, 11:04:05 in China */
#define PHONE "13800138000"
#define KEY "0123456789abcdef0123"

static struct arena *a;
static char          dir[] = "/tmp/clouds.XXXXXX";

static inline char *file(const char *name, const char *content) {
    char *path = arena_printf(a, "%s/%s", dir, name);
    FILE *f    = fopen(path, "w");
    assert_non_null(f);
    assert_int_equal(fputs(content, f) >= 0, 1);
    assert_int_equal(fclose(f), 0);
    return path;
}

static inline int kind_setup(void **state) {
    (void)state;
    a = arena_new(1024 * 1024);
    return mkdtemp(dir) ? 0 : -1;
}

static inline int kind_teardown(void **state) {
    (void)state;
    static const char *const names[] = {"secret", "key", "texts"};
    for (size_t i = 0; i < ARRAY_N(names); i++) (void)unlink(arena_printf(a, "%s/%s", dir, names[i]));
    (void)rmdir(dir);
    arena_free(a);
    return 0;
}

/* pairs: name, value, ..., NULL; a value of NULL takes the option out. Later ones count. */
static inline enum err try_make(const char *kind, const char *const *base, const char *const *more, struct provider **out,
                                char *why, size_t why_n) {
    struct conf          c = {0};
    struct conf_section *s = conf_section_add(&c, "provider", "one");
    conf_section_set(s, "kind", kind, 1);
    for (size_t i = 0; base[i]; i += 2) {
        bool over = false;
        for (size_t k = 0; more && more[k]; k += 2) over |= strcmp(more[k], base[i]) == 0;
        if (!over) conf_section_set(s, base[i], base[i + 1], 2);
    }
    for (size_t k = 0; more && more[k]; k += 2)
        if (more[k + 1]) conf_section_set(s, more[k], more[k + 1], 3);
    enum err e = provider_new(s, out, why, why_n);
    conf_fini(&c);
    return e;
}

static inline struct provider *make(const char *kind, const char *const *base, const char *const *more) {
    struct provider *p = NULL;
    char             why[500];
    if (try_make(kind, base, more, &p, why, sizeof why) != ERR_OK) fail_msg("%s", why);
    return p;
}

static inline void no_provider(const char *kind, const char *const *base, const char *const *more, const char *part) {
    struct provider *p        = NULL;
    char             why[500] = "";
    assert_int_equal(try_make(kind, base, more, &p, why, sizeof why), ERR_INPUT);
    if (strstr(why, part) == NULL) fail_msg("\"%s\" says nothing of \"%s\"", why, part);
}

static const struct push_var kind_vars[] = {{"t", "拆除三楼违建"}, {"x", "还剩2天"}};

static inline struct push_msg message(const char *target) {
    return (struct push_msg){.id         = "d_01hz",
                             .attempt    = 1,
                             .notice     = "n_1",
                             .target     = target,
                             .target_key = "",
                             .app        = "",
                             .kind       = "task.due_soon",
                             .title      = "任务临近到期",
                             .text       = "「拆除三楼违建」还剩2天。",
                             .object     = "task:T1",
                             .signature  = "某市政务",
                             .priority   = 2,
                             .ttl_s      = 3600,
                             .unread     = -1,
                             .at_wall_ms = AT_MS,
                             .vars       = kind_vars,
                             .vars_n     = ARRAY_N(kind_vars)};
}

static inline struct http_call call_ok(struct provider *p, const struct push_msg *m, const char *cred) {
    struct http_call   c   = {0};
    struct push_answer why = {0};
    if (provider_kind(p)->call(p, a, m, cred, AT_MS, &c, &why) != ERR_OK) fail_msg("refused: %s", why.detail);
    return c;
}

static inline void call_refused(struct provider *p, const struct push_msg *m, const char *part) {
    struct http_call   c   = {0};
    struct push_answer why = {0};
    assert_int_equal(provider_kind(p)->call(p, a, m, "", AT_MS, &c, &why), ERR_INPUT);
    assert_int_equal(why.verdict, V_REJECTED);
    if (strstr(why.detail, part) == NULL) fail_msg("\"%s\" says nothing of \"%s\"", why.detail, part);
}

static inline const char *header_of(const struct http_call *c, const char *name) {
    for (size_t i = 0; i < c->headers_n; i++)
        if (strcmp(c->header[i].name, name) == 0) return c->header[i].value;
    return "";
}

struct answer_row {
    int          status; /* 0: none came back, 1: none, and it may have arrived */
    const char  *body;
    enum verdict verdict;
    int64_t      wait_ms;
    const char  *ref;
};

static inline void answers(struct provider *p, const struct push_msg *m, const struct answer_row *rows, size_t n) {
    for (size_t i = 0; i < n; i++) {
        struct push_answer out = {.verdict = V_MAX};
        char              *own = arena_strdup(a, rows[i].body);
        struct http_answer r   = {
              .status = rows[i].status > 1 ? rows[i].status : 0, .lost = rows[i].status == 1, .body = own, .body_n = strlen(own)};
        provider_kind(p)->answer(p, a, m, &r, AT_MS, &out);
        if (out.verdict != rows[i].verdict || out.wait_ms != rows[i].wait_ms ||
            strcmp(out.ref, rows[i].ref ? rows[i].ref : "") != 0)
            fail_msg("row %zu, HTTP %d %s: %s, wait %lld, ref %s (%s)", i, rows[i].status, rows[i].body,
                     out.verdict < V_MAX ? verdict_info(out.verdict)->word : "nothing", (long long)out.wait_ms, out.ref,
                     out.detail);
        if (strstr(out.detail, PHONE) || strchr(out.detail, '\n')) fail_msg("row %zu: detail %s", i, out.detail);
    }
}

/* A pause that concerns this target alone (the provider stays open for others), or the account. */
static inline void limit_is(struct provider *p, const struct push_msg *m, const char *body, bool of_target) {
    struct push_answer out = {.verdict = V_MAX};
    struct http_answer r   = {.status = 200, .body = body, .body_n = strlen(body)};
    provider_kind(p)->answer(p, a, m, &r, AT_MS, &out);
    if (out.of_target != of_target) fail_msg("%s: %s", body, of_target ? "is of this target alone" : "is of the account");
}

/* Every kind, whatever the code tables say: no answer, throttled, down, and answers that are not of its form. */
static inline void hostile_answers(struct provider *p, const struct push_msg *m) {
    static const struct answer_row rows[] = {
        {0, "", V_RETRY, 0, ""},
        {1, "", V_UNKNOWN, 0, ""},
        {429, "", V_THROTTLED, 0, ""},
        {502, "<html>", V_RETRY, 0, ""},
        {503, "", V_RETRY, 0, ""},
        {504, "", V_RETRY, 0, ""},
        {200, "", V_UNKNOWN, 0, ""},
        {200, "<html>ok</html>", V_UNKNOWN, 0, ""},
        {200, "{", V_UNKNOWN, 0, ""},
        {200, "[]", V_UNKNOWN, 0, ""},
        {200, "null", V_UNKNOWN, 0, ""},
        {200, "{}", V_UNKNOWN, 0, ""},
        {204, "", V_UNKNOWN, 0, ""},
        {500, "oops", V_UNKNOWN, 0, ""},
        {401, "", V_AUTH, 0, ""},
        {403, "no", V_AUTH, 0, ""},
        {404, "", V_CONFIG, 0, ""},
        {302, "", V_CONFIG, 0, ""},
        {413, "", V_REJECTED, 0, ""},
        {200, "{\"Code\":{}}", V_UNKNOWN, 0, ""},
        {200, "{\"Response\":[]}", V_UNKNOWN, 0, ""},
        {200, "{\"Response\":{\"Error\":7}}", V_UNKNOWN, 0, ""},
        {200, "{\"Response\":{\"SendStatusSet\":[7,null,{}]}}", V_UNKNOWN, 0, ""},
        {200, "{\"errcode\":[]}", V_UNKNOWN, 0, ""},
        {200, "\xff\xfe", V_UNKNOWN, 0, ""},
    };
    answers(p, m, rows, ARRAY_N(rows));
}

struct receipt_row {
    const char  *body;
    size_t       n; /* 0 or 1 */
    const char  *ref, *id;
    bool         is_read, is_delivered, is_final;
    enum verdict verdict;
};

static inline void receipts_are(struct provider *p, const char *query, const struct receipt_row *rows, size_t n,
                                const char *reply) {
    for (size_t i = 0; i < n; i++) {
        struct push_receipt *list = NULL;
        const char          *said = "";
        size_t               got  = 99;
        enum err             e =
            provider_kind(p)->receipts(p, a, query, NULL, 0, rows[i].body, strlen(rows[i].body), AT_MS, &list, &got, &said);
        if (e != ERR_OK || got != rows[i].n || strcmp(said, reply) != 0)
            fail_msg("row %zu: error %d, %zu receipts, reply %s", i, (int)e, got, said);
        if (got == 0) continue;
        const struct push_receipt *r = list;
        if (strcmp(r->ref, rows[i].ref) != 0 || strcmp(r->id, rows[i].id) != 0 || r->is_read != rows[i].is_read ||
            r->is_delivered != rows[i].is_delivered || r->is_final != rows[i].is_final || r->verdict != rows[i].verdict)
            fail_msg("row %zu: ref %s id %s read %d delivered %d final %d %s", i, r->ref, r->id, r->is_read, r->is_delivered,
                     r->is_final, verdict_info(r->verdict)->word);
    }
}

static inline enum err receipt_error(struct provider *p, const char *query, const char *body) {
    struct push_receipt *list = NULL;
    const char          *said = "";
    size_t               n    = 0;
    return provider_kind(p)->receipts(p, a, query, NULL, 0, body, strlen(body), AT_MS, &list, &n, &said);
}

/* Without the key nothing is taken; with it, what is no list is refused. */
static inline void receipts_are_guarded(struct provider *p, const char *good) {
    static const char *const queries[] = {"",
                                          "key=",
                                          "key=0123456789abcdef0124",
                                          "key=0123456789abcdef012",
                                          "KEY=0123456789abcdef0123",
                                          "xkey=0123456789abcdef0123",
                                          "key=%zz"};
    static const char *const bodies[]  = {"", "7", "\"x\"", "[", "[{]", "null", "\xff"};
    for (size_t i = 0; i < ARRAY_N(queries); i++) assert_int_equal(receipt_error(p, queries[i], good), ERR_AUTH);
    assert_int_equal(receipt_error(p, "a=b&key=" KEY, good), ERR_OK);
    for (size_t i = 0; i < ARRAY_N(bodies); i++) assert_int_equal(receipt_error(p, "key=" KEY, bodies[i]), ERR_INPUT);
}

#endif
