/* SPDX-License-Identifier: Apache-2.0 */
#include "handlers/channel_state.h"

#include <string.h>

#include "handlers/instruction.h"
#include "handlers/method.h"
#include "handlers/task_int.h"
#include "store/notice.h"

#define ITEMS_MAX 20

/* ---- user: ---- */

enum err channel_state_user(struct req *r, const char *rest) {
    struct inbox_item *v;
    size_t             n;
    int64_t            unread;
    TRY(inbox_list(r->db, r->a, rest, true, "", ITEMS_MAX, &v, &n));
    TRY(inbox_unread(r->db, rest, &unread));
    jw_obj(r->out);
    jw_kint(r->out, "unread", unread);
    jw_key(r->out, "items");
    jw_arr(r->out);
    for (size_t i = 0; i < n; i++) {
        jw_obj(r->out);
        jw_kstr(r->out, "type", "notice");
        jw_kstr(r->out, "id", v[i].id);
        jw_kstr(r->out, "kind", v[i].kind);
        jw_kint(r->out, "priority", v[i].priority);
        jw_kstr(r->out, "object", v[i].object);
        jw_kstr(r->out, "title", v[i].title);
        jw_kstr(r->out, "text", v[i].body);
        jw_ktime(r->out, "at", v[i].created_biz);
        jw_obj_end(r->out);
    }
    jw_arr_end(r->out);
    jw_obj_end(r->out);
    return ERR_OK;
}

/* ---- unit: ---- */

struct tally {
    struct light_day day;
    int              open, waiting, red, yellow, kept;
};

static enum light light_of(const struct light_day *d, const struct task_head *h) {
    struct light_of l = {h->state, h->deadline, h->grace_until, h->late_at_creation};
    return task_light(d, &l);
}

/* Counts every open task, keeps the first ones. */
static bool count_open(void *arg, const struct task_head *h) {
    struct tally *t = arg;
    if (strcmp(h->state, "closed") == 0 || strcmp(h->state, "cancelled") == 0) return false;
    enum light l = light_of(&t->day, h);
    t->open++;
    t->waiting += strcmp(h->mine, "waiting") == 0;
    t->red += l == LIGHT_RED;
    t->yellow += l == LIGHT_YELLOW;
    return t->kept++ < ITEMS_MAX;
}

static void write_tasks(struct req *r, const struct tally *t, const struct task_head *v, size_t n) {
    jw_key(r->out, "tasks");
    jw_obj(r->out);
    jw_kint(r->out, "open", t->open);
    jw_kint(r->out, "waiting", t->waiting);
    jw_kint(r->out, "red", t->red);
    jw_kint(r->out, "yellow", t->yellow);
    jw_obj_end(r->out);
    jw_key(r->out, "items");
    jw_arr(r->out);
    for (size_t i = 0; i < n; i++) {
        jw_obj(r->out);
        jw_kstr(r->out, "type", "task");
        jw_kstr(r->out, "id", v[i].id);
        jw_kstr(r->out, "title", v[i].title);
        jw_kstr(r->out, "state", v[i].state);
        jw_kint(r->out, "version", v[i].version);
        jw_kstr(r->out, "my_state", v[i].mine);
        jw_kstr(r->out, "light", light_word(light_of(&t->day, &v[i])));
        jw_obj_end(r->out);
    }
    jw_arr_end(r->out);
}

/* Others than the unit and the monitors may listen to the unit, but an instruction exists for those alone who may read it. */
static enum err write_instructions(struct req *r, const char *unit) {
    struct instruction_filter f = {.leader = "", .unit = unit, .object = "", .state = "issued", .before = "", .limit = ITEMS_MAX};
    struct instruction_head  *v = NULL;
    size_t                    n = 0;
    if (strcmp(r->who.unit, unit) == 0 || req_has(r, ROLE_MONITOR)) TRY(instruction_list(r->db, r->a, &f, &v, &n));
    jw_key(r->out, "instructions");
    jw_arr(r->out);
    for (size_t i = 0; i < n; i++) jw_str(r->out, v[i].id);
    jw_arr_end(r->out);
    return ERR_OK;
}

enum err channel_state_unit(struct req *r, const char *rest) {
    struct tally       t = {0};
    struct task_filter f = {.viewer    = rest,
                            .all       = true,
                            .unit      = rest,
                            .lead      = "",
                            .plan      = "",
                            .source_no = "",
                            .due_from  = "",
                            .due_to    = "",
                            .sort      = TASK_BY_CREATED,
                            .after_id  = "",
                            .after_s   = "",
                            .keep      = count_open,
                            .arg       = &t,
                            .limit     = ITEMS_MAX + 1}; /* never reached: all are counted */
    struct task_head  *v;
    size_t             n;
    light_day_init(&t.day, r->house->cal, r->biz_ms, r->house->yellow_days);
    TRY(task_list(r->db, r->a, &f, &v, &n));
    jw_obj(r->out);
    jw_kstr(r->out, "unit", rest);
    write_tasks(r, &t, v, n);
    TRY(write_instructions(r, rest));
    jw_obj_end(r->out);
    return ERR_OK;
}

/* ---- task: ---- */

enum err channel_state_task(struct req *r, const char *rest) {
    struct task       t;
    struct task_unit *v;
    size_t            n;
    int64_t           at, signed_n = 0, reported_n = 0;
    struct light_day  d;
    TRY(task_get(r->db, r->a, rest, &t));
    TRY(task_unit_list(r->db, r->a, rest, &v, &n));
    TRY(task_changed_biz(r->db, rest, &at));
    for (size_t i = 0; i < n; i++) {
        signed_n += v[i].signed_biz != 0;
        reported_n += v[i].reported_biz != 0;
    }
    struct light_of l = {t.state, t.deadline, t.grace_until, t.late_at_creation};
    light_day_init(&d, r->house->cal, r->biz_ms, r->house->yellow_days);
    jw_obj(r->out);
    jw_kstr(r->out, "type", "task");
    jw_kstr(r->out, "id", t.id);
    jw_kstr(r->out, "state", t.state);
    jw_kint(r->out, "version", t.version);
    jw_ktime(r->out, "at", at);
    jw_kstr(r->out, "deadline", t.deadline);
    jw_kstr(r->out, "light", light_word(task_light(&d, &l)));
    jw_kint(r->out, "return_count", t.return_count);
    jw_kint(r->out, "units", (int64_t)n);
    jw_kint(r->out, "signed", signed_n);
    jw_kint(r->out, "reported", reported_n);
    jw_obj_end(r->out);
    return ERR_OK;
}
