/* SPDX-License-Identifier: Apache-2.0 */
#include "base/param.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/calendar.h"
#include "base/check.h"
#include "base/text.h"

static enum err fail(struct param_fault *f, const char *field, const char *why) {
    f->field = field;
    f->why   = why;
    return ERR_INPUT;
}

static bool in_list(const char *list, const char *s) {
    size_t n = strlen(s);
    for (const char *p = list; p && *p;) {
        size_t k = strcspn(p, "|");
        if (k == n && memcmp(p, s, n) == 0) return true;
        p += k + (p[k] == '|');
    }
    return false;
}

static bool id_ok(const char *s) {
    size_t n = strspn(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._:-");
    return n >= 1 && n <= 64 && s[n] == '\0';
}

static enum err decode_string(const struct param *p, const char *s, struct arena *a, struct param_fault *f) {
    size_t  n     = strlen(s);
    int64_t count = (int64_t)utf8_count(s, n);
    if (p->type == PT_ID) return id_ok(s) ? ERR_OK : fail(f, p->name, "编号格式不正确");
    if (p->type == PT_ENUM) return in_list(p->choices, s) ? ERR_OK : fail(f, p->name, arena_printf(a, "只能是：%s", p->choices));
    if (p->type == PT_DATE) {
        int32_t day;
        return date_parse(s, &day) == ERR_OK ? ERR_OK : fail(f, p->name, "应为真实日期，格式 2018-03-20");
    }
    if (count < p->min) return fail(f, p->name, p->min == 1 ? "不能为空" : arena_printf(a, "至少 %lld 个字", (long long)p->min));
    if (count > p->max) return fail(f, p->name, arena_printf(a, "最多 %lld 个字", (long long)p->max));
    if (!text_is_clean(s, n, p->type == PT_TEXT)) return fail(f, p->name, "含有不允许的控制字符");
    return ERR_OK;
}

static enum err decode_strs(const struct param *p, const cJSON *v, struct strs *out, struct arena *a, struct param_fault *f) {
    if (!cJSON_IsArray(v)) return fail(f, p->name, "应为列表");
    int n = cJSON_GetArraySize(v);
    if (n > p->max) return fail(f, p->name, arena_printf(a, "最多 %lld 项", (long long)p->max));
    if (n == 0 && p->required) return fail(f, p->name, "不能为空");
    const struct param item = {.name = p->name, .type = PT_STR, .min = 1, .max = 200};
    const cJSON       *it;
    out->v = arena_alloc(a, ((size_t)n + 1) * sizeof *out->v);
    out->n = 0;
    cJSON_ArrayForEach(it, v) {
        if (!cJSON_IsString(it)) return fail(f, p->name, "每一项应为文字");
        enum err e = decode_string(&item, it->valuestring, a, f);
        if (e) return e;
        out->v[out->n++] = it->valuestring;
    }
    return ERR_OK;
}

static enum err decode_one(const struct param *p, const cJSON *v, char *at, struct arena *a, struct param_fault *f) {
    switch (p->type) {
    case PT_STR:
    case PT_TEXT:
    case PT_ID:
    case PT_DATE:
    case PT_ENUM:
        if (!cJSON_IsString(v)) return fail(f, p->name, "应为文字");
        *(const char **)(void *)at = v->valuestring;
        return decode_string(p, v->valuestring, a, f);
    case PT_I64: {
        if (!cJSON_IsNumber(v) || !isfinite(v->valuedouble) || v->valuedouble != trunc(v->valuedouble) ||
            fabs(v->valuedouble) > 9007199254740991.0)
            return fail(f, p->name, "应为整数");
        int64_t i = (int64_t)v->valuedouble;
        if (i < p->min || i > p->max)
            return fail(f, p->name, arena_printf(a, "应在 %lld 到 %lld 之间", (long long)p->min, (long long)p->max));
        *(int64_t *)(void *)at = i;
        return ERR_OK;
    }
    case PT_BOOL:
        if (!cJSON_IsBool(v)) return fail(f, p->name, "应为 true 或 false");
        *(bool *)(void *)at = cJSON_IsTrue(v);
        return ERR_OK;
    case PT_STRS: return decode_strs(p, v, (struct strs *)(void *)at, a, f);
    case PT_JSON:
        if (!cJSON_IsObject(v)) return fail(f, p->name, "应为对象");
        if (cJSON_GetArraySize(v) > p->max) return fail(f, p->name, "内容过多");
        *(const cJSON **)(void *)at = v;
        return ERR_OK;
    case PT_JSONS: {
        if (!cJSON_IsArray(v)) return fail(f, p->name, "应为列表");
        int n = cJSON_GetArraySize(v);
        if (n < 1 || n > p->max) return fail(f, p->name, arena_printf(a, "应有 1 到 %lld 项", (long long)p->max));
        const cJSON *it;
        cJSON_ArrayForEach(it, v) {
            if (!cJSON_IsObject(it)) return fail(f, p->name, "每一项应为对象");
        }
        *(const cJSON **)(void *)at = v;
        return ERR_OK;
    }
    }
    UNREACHABLE("param type");
}

enum err param_decode(const struct param *rows, size_t n, const cJSON *obj, const char *ignore, void *args, size_t size, struct arena *a,
                      struct param_fault *fault) {
    memset(args, 0, size);
    bool seen[64] = {false};
    MUST(n <= ARRAY_N(seen));
    for (size_t i = 0; i < n; i++)
        if (rows[i].type == PT_I64 && (rows[i].min > 0 || rows[i].max < 0)) *(int64_t *)(void *)((char *)args + rows[i].off) = rows[i].min;
    if (obj && !cJSON_IsObject(obj)) return fail(fault, "", "参数应为 JSON 对象");
    for (const cJSON *v = obj ? obj->child : NULL; v; v = v->next) {
        size_t i = 0;
        while (i < n && strcmp(rows[i].name, v->string) != 0) i++;
        if (i == n) {
            if (in_list(ignore, v->string)) continue;
            return fail(fault, arena_strndup(a, v->string, utf8_cut(v->string, strlen(v->string), 64)), "没有这个参数");
        }
        if (seen[i]) return fail(fault, rows[i].name, "重复的参数");
        seen[i] = true;
        if (cJSON_IsNull(v) && !rows[i].required) continue;
        enum err e = decode_one(&rows[i], v, (char *)args + rows[i].off, a, fault);
        if (e) return e;
    }
    for (size_t i = 0; i < n; i++)
        if (rows[i].required && !seen[i]) return fail(fault, rows[i].name, "缺少这个参数");
    return ERR_OK;
}

cJSON *param_from_text(const struct param *row, const char *text) {
    if (row->type == PT_I64 && *text) {
        char *end;
        errno       = 0;
        long long v = strtoll(text, &end, 10);
        if (errno == 0 && *end == '\0' && strspn(text, "-0123456789") == strlen(text)) return cJSON_CreateNumber((double)v);
    }
    if (row->type == PT_BOOL && strcmp(text, "true") == 0) return cJSON_CreateTrue();
    if (row->type == PT_BOOL && strcmp(text, "false") == 0) return cJSON_CreateFalse();
    return cJSON_CreateString(text);
}
