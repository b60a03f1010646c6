/* SPDX-License-Identifier: Apache-2.0
 *
 * The head of tasks.json: the plan. Its row is written with its first task; its id is plan_id of the file, or else what stands
 * before the first hyphen of the task ids.
 */
#include <string.h>

#include "base/check.h"
#include "base/text.h"
#include "handlers/import_int.h"
#include "handlers/req.h"
#include "store/unit.h"

#define PARTS_MAX 20
#define FILE_FIELDS "source|plan|plan_id|doc_no|issuer|meeting|disclosure|parts|issued|printed|tasks"
#define DISCLOSURES "open|on_request|closed"

/* What the text of a known document says beyond tasks.json; the file's own members come first. */
static const struct document {
    const char *title, *meeting, *parts[PARTS_MAX];
} documents[] = {
    {"进一步推进南平市“互联网+放管服”平台建设实施方案",
     "市政府第23次常务会",
     {"打造权责清单管理系统，实现放权更精准", "打造“四库合一”监管系统，实现监管更到位", "打造“一网通办”审批系统，实现服务更优化",
      "打造责任落实督查系统，实现政令更畅通", "打造“放管服督”联动体系，实现管理更智能", "保障措施"}},
};

static const struct document *document_of(const char *title) {
    for (size_t i = 0; i < ARRAY_N(documents); i++)
        if (strcmp(documents[i].title, title) == 0) return &documents[i];
    return NULL;
}

enum err import_resolve(struct import_row *r, const char *field, const char *name, const char **code) {
    const char *codes = NULL;
    *code             = name;
    if (r->im->db == NULL) return ERR_OK;
    enum err e = unit_resolve(r->im->db, r->im->row_a, name, code, &codes);
    if (e == ERR_NOTFOUND) import_problem(r, field, "unknown_unit", "没有叫“%s”的单位。", name);
    if (e == ERR_CONFLICT) import_problem(r, field, "ambiguous_unit", "“%s”有多个单位（%s），请写明编码。", name, codes);
    if (e == ERR_OK || (e != ERR_NOTFOUND && e != ERR_CONFLICT)) return e;
    *code = NULL;
    return ERR_OK;
}

/* The file's issuer, or the one unit of the directory whose role is to issue. */
static enum err find_issuer(struct import_plan *ip, struct import_row *r) {
    struct import     *im   = ip->im;
    struct unit_filter f    = {.limit = IMPORT_ROWS_MAX};
    const char        *name = import_text(r, "issuer", 100, false), *code = NULL;
    struct unit       *v;
    size_t             n, found = 0;
    if (name) {
        TRY(import_resolve(r, "issuer", name, &code));
        ip->p.issuer = arena_strdup(im->a, code);
        return ERR_OK;
    }
    if (im->db == NULL) return ERR_OK;
    TRY(unit_list(im->db, im->row_a, &f, &v, &n));
    for (size_t i = 0; i < n; i++) {
        if (!unit_word_in(v[i].roles, "issuer")) continue;
        ip->p.issuer = arena_strdup(im->a, v[i].code);
        found++;
    }
    if (found != 1) import_problem(r, "issuer", "required", "没有写明印发单位，单位目录中也没有唯一的印发单位（issuer）。");
    return ERR_OK;
}

static void read_doc_no(struct import_plan *ip, struct import_row *r) {
    char        out[200];
    const char *s = import_text(r, "doc_no", 60, false);
    ip->p.doc_no  = "";
    if (s == NULL) return;
    if (text_docno_normalise(s, out, sizeof out))
        import_problem(r, "doc_no", "doc_no", "“%s”不是文号，应为“南政办〔2018〕15号”这样的写法。", s);
    else
        ip->p.doc_no = arena_strdup(ip->im->a, out);
}

static void read_parts(struct import_plan *ip, struct import_row *r, const struct document *doc) {
    const cJSON *v = import_texts(r, "parts", PARTS_MAX, false), *item;
    int          n = 1;
    for (size_t i = 0; doc && i < PARTS_MAX; i++) ip->part_titles[i + 1] = doc->parts[i];
    cJSON_ArrayForEach(item, v) ip->part_titles[n++] = item->valuestring;
}

static const char *first_prefix(struct import_plan *ip, const cJSON *list) {
    const cJSON *item;
    cJSON_ArrayForEach(item, list) {
        const cJSON *id = cJSON_GetObjectItemCaseSensitive(item, "id");
        if (cJSON_IsString(id) && import_is_code(id->valuestring) && strchr(id->valuestring, '-') > id->valuestring)
            return arena_strndup(ip->im->a, id->valuestring, strcspn(id->valuestring, "-"));
    }
    return NULL;
}

static enum err read_head(struct import_plan *ip, struct import_row *r, const cJSON *list) {
    const char *printed;
    import_known(r, FILE_FIELDS);
    ip->p.title                = import_text(r, "plan", 200, true);
    const struct document *doc = ip->p.title ? document_of(ip->p.title) : NULL;
    ip->p.id                   = import_code(r, "plan_id", false);
    ip->has_id                 = ip->p.id != NULL;
    if (ip->p.id == NULL) ip->p.id = first_prefix(ip, list);
    if (ip->p.id == NULL) import_problem(r, "plan_id", "required", "没有写明方案编号，也不能从任务编号得出。");
    ip->p.meeting    = import_text(r, "meeting", 100, false);
    ip->p.disclosure = import_word(r, "disclosure", DISCLOSURES, false);
    ip->p.issued_on  = arena_strdup(ip->im->a, import_date(r, "issued", true));
    printed          = import_date(r, "printed", false);
    ip->has_printed  = printed && date_parse(printed, &ip->printed) == ERR_OK;
    ip->p.printed_on = printed ? arena_strdup(ip->im->a, printed) : ip->p.issued_on;
    if (ip->p.issued_on && date_parse(ip->p.issued_on, &ip->issued)) return ERR_INPUT;
    if (ip->p.meeting == NULL) ip->p.meeting = doc ? doc->meeting : "";
    if (ip->p.disclosure == NULL) ip->p.disclosure = "open";
    read_doc_no(ip, r);
    read_parts(ip, r, doc);
    return find_issuer(ip, r);
}

static void compare_plan(struct import_row *r, const char *field, const char *now, const char *before) {
    if (strcmp(now, before) != 0) import_problem(r, field, "differs", "方案已导入，此项原为“%s”；导入不修改已有方案。", before);
}

static enum err check_known_plan(struct import_plan *ip, struct import_row *r) {
    struct plan old;
    if (ip->im->db == NULL || r->bad) return ERR_OK;
    enum err e = plan_get(ip->im->db, ip->im->row_a, ip->p.id, &old);
    if (e == ERR_NOTFOUND) return ERR_OK;
    TRY(e);
    ip->is_written = true;
    compare_plan(r, "plan", ip->p.title, old.title);
    compare_plan(r, "doc_no", ip->p.doc_no, old.doc_no);
    compare_plan(r, "issuer", ip->p.issuer, old.issuer);
    compare_plan(r, "issued", ip->p.issued_on, old.issued_on);
    return ERR_OK;
}

enum err import_plan_read(struct import_plan *ip, struct import_row *r, const cJSON *list) {
    TRY(read_head(ip, r, list));
    return check_known_plan(ip, r);
}

enum err import_plan_write(struct import_plan *ip, int64_t part) {
    if (!ip->is_written) TRY(plan_add(ip->im->db, &ip->p));
    for (int64_t i = 1; !ip->is_written && i <= IMPORT_PART_MAX; i++)
        if (ip->part_titles[i]) TRY(plan_part_add(ip->im->db, ip->p.id, i, ip->part_titles[i]));
    ip->is_written = true;
    if (part < 1 || ip->part_titles[part]) return ERR_OK;
    return plan_part_add(ip->im->db, ip->p.id, part, arena_printf(ip->im->row_a, "第%d部分", (int)part));
}
