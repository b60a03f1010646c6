/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/openapi.h"

#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "base/json.h"
#include "gateway/app.h"

static const char *const verbs[] = {[V_GET] = "get", [V_POST] = "post", [V_PUT] = "put", [V_DELETE] = "delete"};

static void write_schema(struct jw *w, const struct param *p) {
    jw_obj(w);
    switch (p->type) {
    case PT_STR:
    case PT_TEXT:
        jw_kstr(w, "type", "string");
        jw_kint(w, "minLength", p->min);
        jw_kint(w, "maxLength", p->max);
        break;
    case PT_ID:
        jw_kstr(w, "type", "string");
        jw_kstr(w, "pattern", "^[A-Za-z0-9._:-]{1,64}$");
        if (p->obj) jw_kstr(w, "x-object", p->obj);
        break;
    case PT_I64:
        jw_kstr(w, "type", "integer");
        jw_kint(w, "minimum", p->min);
        if (p->max <= 9007199254740991) jw_kint(w, "maximum", p->max);
        break;
    case PT_BOOL: jw_kstr(w, "type", "boolean"); break;
    case PT_DATE:
        jw_kstr(w, "type", "string");
        jw_kstr(w, "format", "date");
        break;
    case PT_ENUM:
        jw_kstr(w, "type", "string");
        jw_key(w, "enum");
        jw_arr(w);
        for (const char *s = p->choices; *s;) {
            size_t n = strcspn(s, "|");
            jw_strn(w, s, n);
            s += n + (s[n] == '|');
        }
        jw_arr_end(w);
        break;
    case PT_STRS:
        jw_kstr(w, "type", "array");
        jw_kint(w, "maxItems", p->max);
        jw_kraw(w, "items", "{\"type\":\"string\",\"minLength\":1,\"maxLength\":200}");
        break;
    case PT_JSON:
        jw_kstr(w, "type", "object");
        jw_kint(w, "maxProperties", p->max);
        break;
    case PT_JSONS:
        jw_kstr(w, "type", "array");
        jw_kint(w, "minItems", 1);
        jw_kint(w, "maxItems", p->max);
        jw_kraw(w, "items", "{\"type\":\"object\"}");
        break;
    }
    if (p->doc) jw_kstr(w, "description", p->doc);
    jw_obj_end(w);
}

static bool in_path(const struct method *m, const char *name) {
    char want[80];
    (void)snprintf(want, sizeof want, "{%s}", name);
    return strstr(m->path, want) != NULL;
}

static void write_parameters(struct jw *w, const struct method *m) {
    bool has_body = m->verb == V_POST || m->verb == V_PUT;
    jw_key(w, "parameters");
    jw_arr(w);
    for (size_t i = 0; i < m->params_n; i++) {
        bool path = in_path(m, m->params[i].name);
        if (!path && has_body) continue;
        jw_obj(w);
        jw_kstr(w, "name", m->params[i].name);
        jw_kstr(w, "in", path ? "path" : "query");
        jw_kbool(w, "required", path || m->params[i].required);
        jw_key(w, "schema");
        write_schema(w, &m->params[i]);
        jw_obj_end(w);
    }
    if ((m->flags & M_WRITE) && !(m->flags & M_NO_IDEM))
        jw_raw(w, "{\"$ref\":\"#/components/parameters/IdempotencyKey\"}", 49);
    jw_arr_end(w);
    if (!has_body) return;
    bool any = false, required = false;
    for (size_t i = 0; i < m->params_n; i++)
        if (!in_path(m, m->params[i].name)) {
            any = true;
            required |= m->params[i].required;
        }
    if (!any) return;
    jw_key(w, "requestBody");
    jw_obj(w);
    jw_kbool(w, "required", required);
    jw_key(w, "content");
    jw_obj(w);
    jw_key(w, "application/json");
    jw_obj(w);
    jw_key(w, "schema");
    jw_obj(w);
    jw_kstr(w, "type", "object");
    jw_kbool(w, "additionalProperties", false);
    jw_key(w, "properties");
    jw_obj(w);
    for (size_t i = 0; i < m->params_n; i++) {
        if (in_path(m, m->params[i].name)) continue;
        jw_key(w, m->params[i].name);
        write_schema(w, &m->params[i]);
    }
    jw_obj_end(w);
    if (required) {
        jw_key(w, "required");
        jw_arr(w);
        for (size_t i = 0; i < m->params_n; i++)
            if (m->params[i].required && !in_path(m, m->params[i].name)) jw_str(w, m->params[i].name);
        jw_arr_end(w);
    }
    jw_obj_end(w);
    jw_obj_end(w);
    jw_obj_end(w);
    jw_obj_end(w);
}

static void write_roles_of(struct jw *w, const char *key, unsigned roles) {
    jw_key(w, key);
    jw_arr(w);
    for (const struct role_name *r = role_names; r->bit; r++)
        if (roles & r->bit) jw_str(w, r->word);
    jw_arr_end(w);
}

static void write_operation(struct jw *w, const struct method *m) {
    jw_key(w, verbs[m->verb]);
    jw_obj(w);
    jw_kstr(w, "operationId", m->name);
    jw_kstr(w, "summary", m->doc);
    jw_key(w, "tags");
    jw_arr(w);
    jw_strn(w, m->name, strcspn(m->name, "."));
    jw_arr_end(w);
    jw_kbool(w, "x-rpc", (m->flags & M_REST) == 0);
    write_roles_of(w, "x-roles", m->roles);
    if (m->flags & M_PUBLIC) jw_kraw(w, "security", "[]");
    write_parameters(w, m);
    jw_key(w, "responses");
    jw_obj(w);
    jw_key(w, (m->flags & M_CREATED) ? "201" : "200");
    jw_obj(w);
    jw_kstr(w, "description", m->reply_doc ? m->reply_doc : "成功");
    jw_kraw(w, "content", "{\"application/json\":{\"schema\":{\"type\":\"object\"}}}");
    jw_obj_end(w);
    jw_kraw(w, "default", "{\"$ref\":\"#/components/responses/Problem\"}");
    jw_obj_end(w);
    jw_obj_end(w);
}

static void write_components(struct jw *w) {
    jw_key(w, "components");
    jw_obj(w);
    jw_kraw(w, "securitySchemes",
            "{\"session\":{\"type\":\"http\",\"scheme\":\"bearer\",\"description\":\"登录后得到的会话令牌\"},\"system\":{\"type\":\"apiKey\",\"in\":\"header\","
            "\"name\":\"X-ZB-Key\",\"description\":\"业务系统：另带 X-ZB-Time、X-ZB-Nonce、X-ZB-Sign\"}}");
    jw_kraw(w, "parameters",
            "{\"IdempotencyKey\":{\"name\":\"Idempotency-Key\",\"in\":\"header\",\"required\":false,\"schema\":{\"type\":\"string\",\"minLength\":1,"
            "\"maxLength\":128},\"description\":\"同一个键得到第一次的答复，24 小时有效\"}}");
    jw_kraw(w, "responses",
            "{\"Problem\":{\"description\":\"未成功：code 是稳定的错误字\",\"content\":{\"application/problem+json\":{\"schema\":{\"$ref\":"
            "\"#/components/schemas/Problem\"}}}}}");
    jw_key(w, "schemas");
    jw_obj(w);
    jw_key(w, "Problem");
    jw_obj(w);
    jw_kstr(w, "type", "object");
    jw_kraw(w, "required", "[\"type\",\"title\",\"status\",\"code\",\"detail\",\"temporary\"]");
    jw_key(w, "properties");
    jw_obj(w);
    jw_kraw(w, "type", "{\"type\":\"string\"}");
    jw_kraw(w, "title", "{\"type\":\"string\"}");
    jw_kraw(w, "status", "{\"type\":\"integer\"}");
    jw_key(w, "code");
    jw_obj(w);
    jw_kstr(w, "type", "string");
    jw_key(w, "enum");
    jw_arr(w);
    for (int e = ERR_OK + 1; e < ERR_MAX; e++) jw_str(w, err_info((enum err)e)->word);
    jw_arr_end(w);
    jw_obj_end(w);
    jw_kraw(w, "detail", "{\"type\":\"string\",\"description\":\"给人看的说明\"}");
    jw_kraw(w, "field", "{\"type\":\"string\"}");
    jw_kraw(w, "temporary", "{\"type\":\"boolean\"}");
    jw_obj_end(w);
    jw_obj_end(w);
    jw_obj_end(w);
    jw_key(w, "x-errors");
    jw_arr(w);
    for (int e = ERR_OK + 1; e < ERR_MAX; e++) {
        const struct err_info *i = err_info((enum err)e);
        jw_obj(w);
        jw_kstr(w, "code", i->word);
        jw_kint(w, "number", i->number);
        jw_kint(w, "status", i->http);
        jw_kbool(w, "temporary", i->temporary);
        jw_kstr(w, "text", i->zh);
        jw_obj_end(w);
    }
    jw_arr_end(w);
    jw_obj_end(w);
}

/* Beside the methods: who may listen to what, and the names of the roles. */
static void write_channels(struct jw *w) {
    jw_key(w, "x-channels");
    jw_arr(w);
    for (size_t i = 0; i < channel_rows_n; i++) {
        const struct channel_row *c = &channel_rows[i];
        jw_obj(w);
        jw_kstr(w, "prefix", c->prefix);
        jw_kstr(w, "text", c->doc);
        write_roles_of(w, "roles", c->roles);
        jw_kbool(w, "server_side", (c->flags & CH_SERVER) != 0);
        jw_kbool(w, "latest_wins", (c->flags & CH_LATEST) != 0);
        jw_kbool(w, "presence", (c->flags & CH_PRESENCE) != 0);
        jw_kbool(w, "snapshot", (c->flags & CH_SNAPSHOT) != 0);
        jw_kint(w, "size", c->size);
        jw_kint(w, "ttl_s", c->ttl_s);
        jw_obj_end(w);
    }
    jw_arr_end(w);
    jw_key(w, "x-role-names");
    jw_obj(w);
    for (const struct role_name *r = role_names; r->bit; r++) jw_kstr(w, r->word, r->zh);
    jw_obj_end(w);
}

static bool seen_before(size_t i) {
    for (size_t k = 0; k < i; k++)
        if (strcmp(method_at(k)->path, method_at(i)->path) == 0) return true;
    return false;
}

void openapi_write(struct buf *b) {
    struct jw w;
    jw_init(&w, b);
    jw_obj(&w);
    jw_kstr(&w, "openapi", "3.1.0");
    jw_kraw(&w, "info",
            "{\"title\":\"掌办 zhangban\",\"version\":\"" ZB_VERSION "\",\"description\":\"同一张方法表也可经 WebSocket 的 rpc {method, data} "
            "调用；时间为 +08:00 的 ISO 8601，金额为分。\",\"license\":{\"name\":\"Apache-2.0\",\"identifier\":\"Apache-2.0\"}}");
    jw_kraw(&w, "servers", "[{\"url\":\"/\"}]");
    jw_kraw(&w, "security", "[{\"session\":[]},{\"system\":[]}]");
    jw_key(&w, "paths");
    jw_obj(&w);
    for (size_t i = 0; i < methods_n(); i++) {
        if (seen_before(i)) continue;
        jw_key(&w, method_at(i)->path);
        jw_obj(&w);
        for (size_t k = i; k < methods_n(); k++)
            if (strcmp(method_at(k)->path, method_at(i)->path) == 0) write_operation(&w, method_at(k));
        jw_obj_end(&w);
    }
    jw_obj_end(&w);
    write_components(&w);
    write_channels(&w);
    jw_obj_end(&w);
}
