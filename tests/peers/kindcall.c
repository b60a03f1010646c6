/* SPDX-License-Identifier: Apache-2.0
 *
 * The pure functions of a kind of provider (push/provider.h) for tests that bring their own HTTP: one JSON object a line on
 * stdin, one on stdout.
 *   {"op":"open","section":{"kind":...}}                                          -> {"ok":true} or {"why":...}
 *   {"op":"call","msg":{...},"vars":{...},"cred":"","wall_ms":N}                    -> {"method","url","headers":{},"body"} or
 * {"verdict","detail"}
 *   {"op":"cred","wall_ms":N}                                                       -> the same
 *   {"op":"answer"|"cred_answer","target":...,"status":N,"lost":B,"body":...,"wall_ms":N} -> {"verdict","ref","wait_ms","detail"}
 * (and "cred", "life_ms")
 *   {"op":"receipts","query":...,"body":...,"wall_ms":N}                            -> {"receipts":[],"consents":[],"reply"} or
 * {"error":"E_AUTH"}
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/json.h"
#include "base/mem.h"
#include "push/provider.h"

#define VARS_MAX 16

static struct provider *p;
static struct arena    *a;
static struct jw        w;

static const char *text(const cJSON *o, const char *name) {
    const cJSON *v = cJSON_GetObjectItemCaseSensitive(o, name);
    return cJSON_IsString(v) ? v->valuestring : "";
}
static int64_t number(const cJSON *o, const char *name) {
    const cJSON *v = cJSON_GetObjectItemCaseSensitive(o, name);
    return cJSON_IsNumber(v) ? (int64_t)v->valuedouble : 0;
}

static void open_section(const cJSON *in) {
    struct conf          c   = {0};
    struct conf_section *s   = conf_section_add(&c, "provider", "one");
    const cJSON         *all = cJSON_GetObjectItemCaseSensitive(in, "section");
    char                 why[500];
    for (const cJSON *v = all ? all->child : NULL; v; v = v->next)
        if (cJSON_IsString(v)) conf_section_set(s, v->string, v->valuestring, 1);
    provider_free(p);
    p = NULL;
    if (provider_new(s, &p, why, sizeof why) == ERR_OK)
        jw_kbool(&w, "ok", true);
    else
        jw_kstr(&w, "why", why);
    conf_fini(&c);
}

static void say_answer(const struct push_answer *out) {
    jw_kstr(&w, "verdict", verdict_info(out->verdict)->word);
    jw_kstr(&w, "ref", out->ref);
    jw_kint(&w, "wait_ms", out->wait_ms);
    jw_kstr(&w, "detail", out->detail);
}

static void say_call(const struct http_call *c) {
    jw_kstr(&w, "method", c->method);
    jw_kstr(&w, "url", c->url);
    jw_key(&w, "headers");
    jw_obj(&w);
    for (size_t i = 0; i < c->headers_n; i++) jw_kstr(&w, c->header[i].name, c->header[i].value);
    jw_obj_end(&w);
    jw_key(&w, "body");
    jw_strn(&w, c->body, c->body_n);
}

static void call(const cJSON *in) {
    const cJSON       *o = cJSON_GetObjectItemCaseSensitive(in, "msg"), *vars = cJSON_GetObjectItemCaseSensitive(in, "vars");
    struct push_var    var[VARS_MAX];
    struct http_call   c   = {0};
    struct push_answer why = {0};
    size_t             n   = 0;
    for (const cJSON *v = vars ? vars->child : NULL; v && n < VARS_MAX; v = v->next)
        if (cJSON_IsString(v)) var[n++] = (struct push_var){v->string, v->valuestring};
    struct push_msg m = {.id         = text(o, "id"),
                         .attempt    = (int)number(o, "attempt"),
                         .notice     = text(o, "notice"),
                         .target     = text(o, "target"),
                         .target_key = text(o, "target_key"),
                         .app        = text(o, "app"),
                         .kind       = text(o, "kind"),
                         .title      = text(o, "title"),
                         .text       = text(o, "text"),
                         .object     = text(o, "object"),
                         .signature  = text(o, "signature"),
                         .priority   = (int)number(o, "priority"),
                         .ttl_s      = number(o, "ttl_s"),
                         .unread     = -1,
                         .at_wall_ms = number(in, "wall_ms"),
                         .vars       = var,
                         .vars_n     = n};
    if (provider_kind(p)->call(p, a, &m, text(in, "cred"), number(in, "wall_ms"), &c, &why) == ERR_OK)
        say_call(&c);
    else
        say_answer(&why);
}

static void answer(const cJSON *in, bool is_cred) {
    const char        *body = text(in, "body"), *cred = NULL;
    int64_t            life = 0;
    struct push_answer out  = {.verdict = V_UNKNOWN};
    struct push_msg    m    = {.target = text(in, "target"), .app = "", .kind = "", .id = ""};
    struct http_answer r    = {.status = (int)number(in, "status"),
                               .lost   = cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(in, "lost")),
                               .body   = body,
                               .body_n = strlen(body)};
    if (is_cred)
        provider_kind(p)->cred_answer(p, a, &r, &cred, &life, &out);
    else
        provider_kind(p)->answer(p, a, &m, &r, number(in, "wall_ms"), &out);
    say_answer(&out);
    if (cred) jw_kstr(&w, "cred", cred);
    jw_kint(&w, "life_ms", life);
}

static void receipts(const cJSON *in) {
    const char          *body = text(in, "body"), *reply = "";
    struct push_receipt *list  = NULL;
    struct push_consent *given = NULL;
    size_t               n = 0, given_n = 0;
    enum err e = provider_kind(p)->receipts(p, a, text(in, "query"), NULL, 0, body, strlen(body), number(in, "wall_ms"), &list,
                                            &n, &reply);
    if (e == ERR_OK && provider_kind(p)->consents) e = provider_kind(p)->consents(p, a, body, strlen(body), &given, &given_n);
    if (e) {
        jw_kstr(&w, "error", err_info(e)->word);
        return;
    }
    jw_kstr(&w, "reply", reply);
    jw_key(&w, "receipts");
    jw_arr(&w);
    for (size_t i = 0; i < n; i++) {
        jw_obj(&w);
        jw_kstr(&w, "ref", list[i].ref);
        jw_kstr(&w, "id", list[i].id);
        jw_kbool(&w, "is_read", list[i].is_read);
        jw_kbool(&w, "is_delivered", list[i].is_delivered);
        jw_kbool(&w, "is_final", list[i].is_final);
        jw_kstr(&w, "verdict", verdict_info(list[i].verdict)->word);
        jw_obj_end(&w);
    }
    jw_arr_end(&w);
    jw_key(&w, "consents");
    jw_arr(&w);
    for (size_t i = 0; i < given_n; i++) {
        jw_obj(&w);
        jw_kstr(&w, "target", given[i].target);
        jw_kstr(&w, "template", given[i].template);
        jw_kbool(&w, "accepted", given[i].accepted);
        jw_kint(&w, "count", given[i].count);
        jw_kbool(&w, "cleared", given[i].cleared);
        jw_obj_end(&w);
    }
    jw_arr_end(&w);
}

static void one(const char *line, size_t n) {
    const char *why = "";
    cJSON      *in  = NULL;
    jw_obj(&w);
    if (json_parse(line, n, &in, &why) != ERR_OK)
        jw_kstr(&w, "error", why);
    else if (strcmp(text(in, "op"), "open") == 0)
        open_section(in);
    else if (p == NULL)
        jw_kstr(&w, "error", "no section is open");
    else if (strcmp(text(in, "op"), "call") == 0)
        call(in);
    else if (strcmp(text(in, "op"), "cred") == 0) {
        struct http_call c = {0};
        if (provider_kind(p)->cred_call && provider_kind(p)->cred_call(p, a, number(in, "wall_ms"), &c) == ERR_OK) say_call(&c);
    } else if (strcmp(text(in, "op"), "answer") == 0)
        answer(in, false);
    else if (strcmp(text(in, "op"), "cred_answer") == 0)
        answer(in, true);
    else if (strcmp(text(in, "op"), "receipts") == 0)
        receipts(in);
    else
        jw_kstr(&w, "error", "no such op");
    jw_obj_end(&w);
    cJSON_Delete(in);
}

int main(void) {
    char      *line = NULL;
    size_t     cap  = 0;
    ssize_t    n;
    struct buf out;
    a = arena_new(1024 * 1024);
    buf_init(&out, 1024 * 1024);
    while ((n = getline(&line, &cap, stdin)) > 0) {
        while (n && line[n - 1] == '\n') n--;
        buf_reset(&out);
        jw_init(&w, &out);
        one(line, (size_t)n);
        (void)printf("%s\n", buf_str(&out));
        (void)fflush(stdout);
        arena_reset(a);
    }
    provider_free(p);
    arena_free(a);
    buf_fini(&out);
    (free)(line); /* getline's own */
    return 0;
}
