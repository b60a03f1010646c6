/* SPDX-License-Identifier: Apache-2.0
 *
 * A person's inbox. Reading on one device tells the others through user:<id> and cancels what has not gone out.
 */
#include "store/notice.h"

#include "handlers/lists.h"
#include "handlers/method.h"
#include "push/notice.h"

struct list_args {
    bool        unread;
    const char *cursor;
    int64_t     limit;
};
struct read_args {
    const char *notice_id;
};

static enum err list(struct req *r, const void *args) {
    const struct list_args *p      = args;
    const char             *filter = p->unread ? "unread" : "";
    int                     limit  = p->limit ? (int)p->limit : 50;
    struct cursor           c;
    struct inbox_item      *v;
    size_t                  n;
    int64_t                 unread;
    TRY(req_cursor_parse(r, p->cursor, filter, &c));
    TRY(inbox_list(r->db, r->a, r->who.id, p->unread, c.s, limit + 1, &v, &n));
    TRY(inbox_unread(r->db, r->who.id, &unread));
    bool more = n > (size_t)limit;
    if (more) n--;
    jw_key(r->out, "items");
    jw_arr(r->out);
    for (size_t i = 0; i < n; i++) {
        jw_obj(r->out);
        jw_kstr(r->out, "id", v[i].id);
        jw_kstr(r->out, "kind", v[i].kind);
        jw_kint(r->out, "priority", v[i].priority);
        jw_kstr(r->out, "object", *v[i].object ? v[i].object : NULL);
        jw_kstr(r->out, "title", v[i].title);
        jw_kstr(r->out, "body", v[i].body);
        jw_ktime(r->out, "created_at", v[i].created_biz);
        jw_ktime(r->out, "read_at", v[i].read_wall);
        jw_obj_end(r->out);
    }
    jw_arr_end(r->out);
    jw_kint(r->out, "unread", unread);
    if (more) req_cursor_write(r, filter, (struct cursor){.s = v[n - 1].id});
    else jw_kstr(r->out, "next", NULL);
    return ERR_OK;
}

static enum err mark_read(struct req *r, const void *args) {
    const struct read_args *p = args;
    struct inbox_item       item;
    int64_t                 unread;
    TRY(inbox_get(r->db, r->a, r->who.id, p->notice_id, &item));
    if (!item.read_wall) {
        TRY(notice_mark_read(r->db, r->who.id, item.id, r->wall_ms));
        TRY(inbox_unread(r->db, r->who.id, &unread));
        TRY(req_publish(r, arena_printf(r->a, "user:%s", r->who.id), NULL,
                        arena_printf(r->a, "{\"kind\":\"read\",\"id\":\"%s\",\"unread\":%lld}", item.id, (long long)unread)));
        TRY(req_ledger(r, arena_printf(r->a, "notice:%s", item.id), NULL));
        item.read_wall = r->wall_ms;
    }
    jw_kstr(r->out, "id", item.id);
    jw_ktime(r->out, "read_at", item.read_wall);
    return ERR_OK;
}

static const struct param list_params[] = {
    P_BOOL(struct list_args, unread),
    P_STR(struct list_args, cursor, 0, 400, false),
    P_I64(struct list_args, limit, 0, 200, false),
};
static const struct param read_params[] = {P_ID(struct read_args, notice_id, "notice")};

static const struct method rows[] = {
    {.name = "notice.list", .verb = V_GET, .path = "/v1/notices", .doc = "本人的收件箱，新的在前。", .roles = ROLE_PEOPLE, .cost = 1,
     PARAMS(list_params), .args_size = sizeof(struct list_args), .fn = list, .reply_doc = "items，unread 未读数，next"},
    {.name = "notice.read", .verb = V_POST, .path = "/v1/notices/{notice_id}/read", .doc = "标记已读：其他设备同步，尚未发出的短信取消。",
     .roles = ROLE_PEOPLE, .flags = M_WRITE, .cost = 1, PARAMS(read_params), .args_size = sizeof(struct read_args), .fn = mark_read,
     .reply_doc = "id，read_at"},
};
METHOD_LIST(notice_methods, rows);
