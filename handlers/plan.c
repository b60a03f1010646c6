/* SPDX-License-Identifier: Apache-2.0
 *
 * Plans as containers of tasks (F005): parts with their completion, items that are done only when all their dated tasks are
 * (F034).
 */
#include <string.h>

#include "handlers/lists.h"
#include "handlers/method.h"
#include "store/plan.h"

#define READERS (ROLE_STAFF | ROLE_DISPLAY | ROLE_ADMIN | ROLE_AUDITOR)

struct list_args {
    const char *cursor;
    int64_t     limit;
};
struct id_args {
    const char *plan_id;
};

struct count {
    int64_t tasks, closed, dated, done, items, items_done;
};

/* An item without a dated task is never done by itself. */
static bool item_is_done(const struct plan_item *i) { return i->dated > 0 && i->dated_done == i->dated; }

/* part -1: the whole plan. */
static struct count count_of(const struct plan_item *v, size_t n, int64_t part) {
    struct count c = {0};
    for (size_t i = 0; i < n; i++) {
        if (part >= 0 && v[i].part != part) continue;
        c.tasks += v[i].tasks;
        c.closed += v[i].closed;
        c.dated += v[i].dated;
        c.done += v[i].dated_done;
        c.items += v[i].dated > 0;
        c.items_done += item_is_done(&v[i]);
    }
    return c;
}

/* Completion is that of dated tasks: done of dated, in tenths of a percent rounded half up; none: no rate. */
static void write_count(struct req *r, struct count c) {
    jw_kint(r->out, "tasks", c.tasks);
    jw_kint(r->out, "closed", c.closed);
    jw_kint(r->out, "dated", c.dated);
    jw_kint(r->out, "done", c.done);
    jw_kint(r->out, "long_term", c.tasks - c.dated);
    jw_kint(r->out, "items", c.items);
    jw_kint(r->out, "items_done", c.items_done);
    jw_key(r->out, "rate_permille");
    if (c.dated)
        jw_int(r->out, (c.done * 2000 + c.dated) / (2 * c.dated));
    else
        jw_null(r->out);
}

static void write_head(struct req *r, const struct plan *p) {
    jw_kstr(r->out, "id", p->id);
    jw_kstr(r->out, "title", p->title);
    jw_kstr(r->out, "doc_no", *p->doc_no ? p->doc_no : NULL);
    jw_kstr(r->out, "issuer", p->issuer);
    jw_kstr(r->out, "issuer_name", p->issuer_name);
    jw_kstr(r->out, "meeting", *p->meeting ? p->meeting : NULL);
    jw_kstr(r->out, "issued_on", p->issued_on);
    jw_kstr(r->out, "printed_on", p->printed_on);
    jw_kstr(r->out, "disclosure", p->disclosure);
}

static enum err list(struct req *r, const void *args) {
    const struct list_args *p = args;
    struct cursor           c;
    struct plan            *v;
    size_t                  n, limit = p->limit ? (size_t)p->limit : 50;
    TRY(req_cursor_parse(r, p->cursor, "", &c));
    TRY(plan_list(r->db, r->a, c.s, (int)limit + 1, &v, &n));
    bool more = n > limit;
    if (more) n = limit;
    jw_key(r->out, "items");
    jw_arr(r->out);
    for (size_t i = 0; i < n; i++) {
        struct plan_item *items;
        size_t            items_n;
        TRY(plan_items(r->db, r->a, v[i].id, &items, &items_n));
        jw_obj(r->out);
        write_head(r, &v[i]);
        write_count(r, count_of(items, items_n, -1));
        jw_obj_end(r->out);
    }
    jw_arr_end(r->out);
    if (more)
        req_cursor_write(r, "", (struct cursor){.s = v[n - 1].id});
    else
        jw_kstr(r->out, "next", NULL);
    return ERR_OK;
}

static void write_items(struct req *r, const struct plan_item *v, size_t n, int64_t part) {
    jw_key(r->out, "sections");
    jw_arr(r->out);
    for (size_t i = 0; i < n; i++) {
        if (v[i].part != part) continue;
        jw_obj(r->out);
        jw_kstr(r->out, "section", v[i].section);
        jw_kint(r->out, "tasks", v[i].tasks);
        jw_kint(r->out, "dated", v[i].dated);
        jw_kint(r->out, "done", v[i].dated_done);
        jw_kbool(r->out, "is_done", item_is_done(&v[i]));
        jw_obj_end(r->out);
    }
    jw_arr_end(r->out);
}

static enum err get(struct req *r, const void *args) {
    const struct id_args *p = args;
    struct plan           plan;
    struct plan_part     *parts;
    struct plan_item     *items;
    size_t                parts_n, items_n;
    TRY(plan_get(r->db, r->a, p->plan_id, &plan));
    TRY(plan_parts(r->db, r->a, plan.id, &parts, &parts_n));
    TRY(plan_items(r->db, r->a, plan.id, &items, &items_n));
    write_head(r, &plan);
    write_count(r, count_of(items, items_n, -1));
    jw_key(r->out, "parts");
    jw_arr(r->out);
    for (size_t i = 0; i < parts_n; i++) {
        jw_obj(r->out);
        jw_kint(r->out, "part", parts[i].part);
        jw_kstr(r->out, "title", parts[i].title);
        write_count(r, count_of(items, items_n, parts[i].part));
        write_items(r, items, items_n, parts[i].part);
        jw_obj_end(r->out);
    }
    jw_arr_end(r->out);
    return ERR_OK;
}

static const struct param list_params[] = {
    P_STR(struct list_args, cursor, 0, 400, false),
    P_I64(struct list_args, limit, 0, 200, false),
};
static const struct param id_params[] = {P_ID(struct id_args, plan_id, "plan")};

static const struct method v[] = {
    {.name  = "plan.list",
     .verb  = V_GET,
     .path  = "/v1/plans",
     .doc   = "列出方案及其总体完成情况。",
     .roles = READERS,
     .cost  = 1,
     PARAMS(list_params),
     .args_size = sizeof(struct list_args),
     .fn        = list,
     .reply_doc = "items 方案列表；next 下一页游标"},
    {.name  = "plan.get",
     .verb  = V_GET,
     .path  = "/v1/plans/{plan_id}",
     .doc   = "查看一个方案：各部分、各条目的任务数和完成率；一个条目的全部有期限任务办结后才算完成。",
     .roles = READERS,
     .cost  = 1,
     PARAMS(id_params),
     .args_size = sizeof(struct id_args),
     .fn        = get,
     .reply_doc = "方案、parts 各部分（tasks 任务数，dated 有期限，done 已完成，rate_permille 完成率千分数）"},
};
METHOD_LIST(plan_methods, v);
