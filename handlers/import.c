/* SPDX-License-Identifier: Apache-2.0
 *
 * Files, chunks, fields and problem rows of the importer. Each row is checked whole before it is written; what is written carries
 * a digest of its JSON in kv, so that the same row again is known without looking at what people have changed since.
 */
#include "handlers/import_int.h"

#include <errno.h>
#include <stdarg.h>
#include <string.h>

#include "base/check.h"
#include "base/mem.h"
#include "base/text.h"
#include "handlers/req.h"
#include "store/kv.h"

#define FILE_BYTES_MAX (8U << 20)
#define ARENA_BYTES (16U << 20)
#define ROW_BYTES (8U << 20) /* a row is at most the file */
#define CHUNK_ROWS 64
#define LINE_BYTES 512

/* ---- problem rows ---- */

static void __attribute__((format(printf, 5, 0)))
line(const struct import_row *r, const char *field, const char *rule, const char *mark, const char *fmt, va_list ap) {
    char text[LINE_BYTES], place[96];
    (void)vsnprintf(text, sizeof text, fmt, ap);
    for (size_t n = strlen(text); n && !utf8_valid(text, n); n--) text[n - 1] = '\0'; /* cut inside a character */
    if (*r->list)
        (void)snprintf(place, sizeof place, "%s[%zu]", r->list, r->i);
    else
        (void)snprintf(place, sizeof place, "$");
    if (r->im->c->out == NULL) return;
    (void)fprintf(r->im->c->out, "%s: %s: %s: %s: %s%s\n", r->im->file, place, field, rule, mark, text);
}

void import_problem(struct import_row *r, const char *field, const char *rule, const char *fmt, ...) {
    va_list ap;
    va_start(ap, fmt);
    line(r, field, rule, "", fmt, ap);
    va_end(ap);
    r->bad = true;
    r->im->res->problems++;
}

void import_warning(struct import_row *r, const char *field, const char *rule, const char *fmt, ...) {
    va_list ap;
    va_start(ap, fmt);
    line(r, field, rule, "提示：", fmt, ap);
    va_end(ap);
    r->im->res->warnings++;
}

/* ---- fields ---- */

const cJSON *import_field(const struct import_row *r, const char *field) {
    const cJSON *v = cJSON_GetObjectItemCaseSensitive(r->o, field);
    return v == NULL || cJSON_IsNull(v) ? NULL : v;
}

static bool is_word_of(const char *words, const char *word, size_t n) {
    while (*words) {
        size_t len = strcspn(words, "|");
        if (len == n && memcmp(words, word, n) == 0) return true;
        words += len + (words[len] == '|');
    }
    return false;
}

/* The value as a clean text of 1..max characters; says what is wrong otherwise. */
static bool is_good_text(struct import_row *r, const char *field, const cJSON *v, size_t max, bool newline) {
    if (!cJSON_IsString(v)) {
        import_problem(r, field, "type", "应为文字。");
        return false;
    }
    size_t n = strlen(v->valuestring);
    if (!text_is_clean(v->valuestring, n, newline)) {
        import_problem(r, field, "control", "含有控制字符或文字方向控制符，请删除后重新导入。");
        return false;
    }
    size_t chars = utf8_count(v->valuestring, n);
    if (chars == 0) import_problem(r, field, "required", "不能为空。");
    if (chars > max) import_problem(r, field, "length", "最多 %zu 个字，现有 %zu 个字。", max, chars);
    return chars > 0 && chars <= max;
}

static const char *text_of(struct import_row *r, const char *field, size_t max, bool required, bool newline) {
    const cJSON *v = import_field(r, field);
    if (v && !required && cJSON_IsString(v) && v->valuestring[0] == '\0') return NULL;
    if (v) return is_good_text(r, field, v, max, newline) ? v->valuestring : NULL;
    if (required) import_problem(r, field, "required", "没有填写。");
    return NULL;
}

const char *import_text(struct import_row *r, const char *field, size_t max, bool required) {
    return text_of(r, field, max, required, false);
}

const char *import_long_text(struct import_row *r, const char *field, size_t max, bool required) {
    return text_of(r, field, max, required, true);
}

bool import_is_code(const char *s) {
    size_t n = strspn(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._:-");
    return n > 0 && n <= 64 && s[n] == '\0';
}

const char *import_code(struct import_row *r, const char *field, bool required) {
    const char *s = import_text(r, field, 64, required);
    if (s == NULL || import_is_code(s)) return s;
    import_problem(r, field, "code", "编码只能含字母、数字和 . _ : -，最多 64 位。");
    return NULL;
}

const char *import_word(struct import_row *r, const char *field, const char *choices, bool required) {
    const char *s = import_text(r, field, 64, required);
    if (s == NULL || is_word_of(choices, s, strlen(s))) return s;
    import_problem(r, field, "choice", "“%s”不在允许的取值内（%s）。", s, choices);
    return NULL;
}

const char *import_date(struct import_row *r, const char *field, bool required) {
    int32_t     day;
    const char *s = import_text(r, field, 32, required);
    if (s == NULL) return NULL;
    char *plain = arena_strdup(r->im->row_a, s);
    text_fold_digits(plain);
    if (date_parse(plain, &day) == ERR_OK) return plain;
    import_problem(r, field, "date", "“%s”不是有效日期，应为 2018-03-20 这样的写法。", s);
    return NULL;
}

bool import_bool(struct import_row *r, const char *field, bool dflt) {
    const cJSON *v = import_field(r, field);
    if (v && !cJSON_IsBool(v)) import_problem(r, field, "type", "应为 true 或 false。");
    return v && cJSON_IsBool(v) ? cJSON_IsTrue(v) : dflt;
}

const cJSON *import_texts(struct import_row *r, const char *field, size_t max_n, bool required) {
    const cJSON *v = import_field(r, field), *item;
    size_t       n = 0;
    if (v == NULL) {
        if (required) import_problem(r, field, "required", "没有填写。");
        return NULL;
    }
    if (!cJSON_IsArray(v)) {
        import_problem(r, field, "type", "应为列表。");
        return NULL;
    }
    cJSON_ArrayForEach(item, v) {
        if (!is_good_text(r, field, item, 200, false)) return NULL;
        n++;
    }
    if (n > max_n) import_problem(r, field, "length", "最多 %zu 项，现有 %zu 项。", max_n, n);
    if (n == 0 && required) import_problem(r, field, "required", "至少一项。");
    return n > max_n ? NULL : v;
}

void import_known(struct import_row *r, const char *names) {
    const cJSON *m;
    cJSON_ArrayForEach(m, r->o) {
        size_t n = strlen(m->string);
        if (is_word_of(names, m->string, n)) continue;
        bool clean = n <= 64 && text_is_clean(m->string, n, false);
        import_warning(r, clean ? m->string : "-", "unknown_field", "不认识的字段，没有导入。");
    }
}

const char *import_json(struct import_row *r, const cJSON *v, const char *none) {
    char *text = v ? cJSON_PrintUnformatted(v) : NULL;
    if (text == NULL) return none;
    const char *copy = arena_strdup(r->im->row_a, text);
    cJSON_free(text);
    return copy;
}

/* ---- what was imported before ---- */

static void digest_text(const char *p, size_t n, char out[65]) {
    uint8_t d[32];
    sm3(p, n, d);
    hex_encode(out, d, sizeof d);
}

static void digest_row(struct import_row *r, char out[65]) {
    const char *text = import_json(r, r->o, "");
    digest_text(text, strlen(text), out);
}

enum err import_seen(struct import_row *r, const char *name, enum import_seen *seen) {
    char        now[65];
    const char *before = NULL;
    *seen              = IMPORT_NEW;
    if (r->im->db == NULL) return ERR_OK;
    enum err e = kv_get(r->im->db, r->im->row_a, arena_printf(r->im->row_a, "import.%s", name), &before);
    if (e == ERR_NOTFOUND) return ERR_OK;
    if (e) return e;
    digest_row(r, now);
    *seen = strcmp(now, before) == 0 ? IMPORT_SAME : IMPORT_DIFFERS;
    return ERR_OK;
}

enum err import_mark(struct import_row *r, const char *name) {
    char now[65];
    digest_row(r, now);
    return kv_set(r->im->db, arena_printf(r->im->row_a, "import.%s", name), now);
}

/* ---- chunks ---- */

/* The ledger row goes with the first fact, so that no fact is without one when the import is cut off between two chunks. */
static enum err say(struct import *im) {
    struct ledger_entry entry = {.kind   = "import",
                                 .actor  = im->c->actor ? im->c->actor : "system",
                                 .unit   = "",
                                 .object = "",
                                 .body = arena_printf(im->a, "{\"file\":\"%s\",\"digest\":\"%s\",\"confirm_past\":%s}", im->file,
                                                      im->digest, im->c->confirm_past ? "true" : "false"),
                                 .at_wall_ms     = im->c->wall_ms,
                                 .at_business_ms = im->c->biz_ms};
    im->has_said              = true;
    return ledger_add(im->h->ledger, im->db, &entry);
}

enum err import_row_begin(struct import *im) {
    if (im->is_open) return ERR_OK;
    TRY(db_begin(im->db));
    im->is_open  = true;
    im->in_chunk = 0;
    return im->has_said ? ERR_OK : say(im);
}

static enum err chunk_end(struct import *im) {
    if (!im->is_open) return ERR_OK;
    TRY(ledger_seal(im->h->ledger, im->db));
    TRY(db_commit(im->db));
    im->is_open = false;
    ledger_committed(im->h->ledger);
    return ERR_OK;
}

enum err import_row_end(struct import *im) {
    if (++im->in_chunk < CHUNK_ROWS) return ERR_OK;
    TRY(chunk_end(im));
    const struct import_result *s = im->res;
    if (im->c->progress && im->c->out) (void)fprintf(im->c->out, "%s: 已写入 %zu 行\n", im->file, s->units_new + s->tasks_new);
    return ERR_OK;
}

static void chunk_abort(struct import *im) {
    if (!im->is_open) return;
    db_rollback(im->db);
    ledger_aborted(im->h->ledger);
    im->is_open = false;
}

/* ---- files ---- */

/* ERR_NOTFOUND: no such file. The bytes are taken with x_free. */
static enum err read_file(struct import *im, char **bytes, size_t *n) {
    char path[512];
    *bytes = NULL;
    (void)snprintf(path, sizeof path, "%s/%s", im->c->dir, im->file);
    FILE *f = fopen(path, "re");
    if (f == NULL) return errno == ENOENT ? ERR_NOTFOUND : ERR_INPUT;
    struct buf b;
    char       part[8192];
    size_t     got;
    buf_init(&b, FILE_BYTES_MAX);
    while (!b.failed && (got = fread(part, 1, sizeof part, f)) > 0) buf_put(&b, part, got);
    enum err e = ferror(f) || b.failed ? ERR_INPUT : ERR_OK;
    (void)fclose(f);
    if (e == ERR_OK) *bytes = buf_take(&b, n);
    buf_fini(&b);
    return e;
}

struct source {
    const char *name;
    enum err (*fn)(struct import *im, const cJSON *root);
    bool   there;
    char   digest[65];
    cJSON *root;
};

static enum err load(struct import *im, struct source *s) {
    char             *bytes = NULL;
    size_t            n     = 0;
    const char       *why   = "无法读取，或超过 8 MiB";
    struct import_row whole = {.im = im, .list = ""};
    im->file                = s->name;
    enum err e              = read_file(im, &bytes, &n);
    if (e == ERR_NOTFOUND) return ERR_OK;
    if (e == ERR_OK) e = json_parse(bytes, n, &s->root, &why);
    if (e == ERR_OK) digest_text(bytes, n, s->digest);
    if (e) import_problem(&whole, "-", "json", "文件不能读取：%s。", why);
    s->there = e == ERR_OK;
    x_free(bytes);
    return e;
}

static enum err run(struct import *im, struct source *s) {
    if (!s->there) return ERR_OK;
    im->file     = s->name;
    im->has_said = false;
    memcpy(im->digest, s->digest, sizeof im->digest);
    enum err e = s->fn(im, s->root);
    if (e == ERR_OK) e = chunk_end(im);
    if (e) chunk_abort(im);
    return e;
}

static void summary(const struct import *im) {
    const struct import_result *s = im->res;
    if (im->c->out == NULL) return;
    (void)fprintf(im->c->out, "单位：新增 %zu，已有 %zu；任务：新增 %zu，已有 %zu；问题行 %zu，提示 %zu\n", s->units_new,
                  s->units_same, s->tasks_new, s->tasks_same, s->problems, s->warnings);
}

enum err import_dir(struct house *h, struct db *db, const struct import_conf *c, struct import_result *res) {
    struct source files[] = {{.name = "units.json", .fn = import_units}, {.name = "tasks.json", .fn = import_tasks}};
    struct import im      = {.h     = h,
                             .db    = db,
                             .c     = c,
                             .res   = res,
                             .a     = arena_new(ARENA_BYTES),
                             .row_a = arena_new(ROW_BYTES),
                             .today = date_of_ms(c->biz_ms)};
    enum err      e       = ERR_OK;
    memset(res, 0, sizeof *res);
    for (size_t i = 0; i < ARRAY_N(files); i++) {
        enum err one = load(&im, &files[i]);
        if (e == ERR_OK) e = one;
    }
    if (e == ERR_OK && !files[0].there && !files[1].there) {
        if (c->out) (void)fprintf(c->out, "目录 %s 中没有 units.json 和 tasks.json。\n", c->dir);
        e = ERR_INPUT;
    }
    for (size_t i = 0; e == ERR_OK && i < ARRAY_N(files); i++) e = run(&im, &files[i]);
    if (e == ERR_OK) summary(&im);
    for (size_t i = 0; i < ARRAY_N(files); i++) cJSON_Delete(files[i].root);
    arena_free(im.row_a);
    arena_free(im.a);
    return e;
}

size_t import_scan(const char *name, const char *p, size_t n, FILE *out) {
    struct import_conf   c   = {.out = out};
    struct import_result res = {0};
    struct import        im  = {.c = &c, .res = &res, .file = name, .a = arena_new(ARENA_BYTES), .row_a = arena_new(ROW_BYTES)};
    struct import_row    all = {.im = &im, .list = ""};
    cJSON               *root;
    const char          *why;
    if (json_parse(p, n, &root, &why)) {
        import_problem(&all, "-", "json", "文件不能读取：%s。", why);
    } else {
        enum err e = strcmp(name, "units.json") == 0 ? import_units(&im, root) : import_tasks(&im, root);
        MUST(e == ERR_OK); /* without a record store nothing can fail */
        cJSON_Delete(root);
    }
    arena_free(im.row_a);
    arena_free(im.a);
    return res.problems;
}
