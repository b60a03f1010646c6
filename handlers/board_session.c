/* SPDX-License-Identifier: Apache-2.0
 *
 * The wall board of a demo logs itself in (D19): a token of the display role, nothing else; so does the operators' page, as the demo's
 * administrator. A demo listens on loopback only. Elsewhere both are given a token.
 */
#include <string.h>

#include "base/clock.h"
#include "handlers/demo_people.h"
#include "handlers/lists.h"
#include "handlers/method.h"
#include "handlers/session_issue.h"

#define BOARDS_MAX 32 /* open at once; a page that reloads leaves its older session behind */

/* Drops the oldest ones, so that reloading cannot fill Redis. */
static enum err make_room(struct req *r, const char *person) {
    struct session *list;
    size_t          n;
    TRY(session_list(r->redis, r->a, person, &list, &n));
    for (; n >= BOARDS_MAX; n--) {
        size_t oldest = 0;
        for (size_t i = 1; i < n; i++)
            if (list[i].created_wall_ms < list[oldest].created_wall_ms) oldest = i;
        TRY(session_delete(r->redis, person, list[oldest].id));
        list[oldest] = list[n - 1];
    }
    return ERR_OK;
}

static enum err board_session(struct req *r, const void *args) {
    (void)args;
    struct person  p;
    struct session s;
    char           token[44];
    const char    *plan = NULL, *title = NULL;
    if (r->redis == NULL) return ERR_UNAVAILABLE;
    TRY(person_get(r->db, r->a, DEMO_DISPLAY, &p));
    if (p.roles != ROLE_DISPLAY || !p.active) return ERR_NOTFOUND;
    TRY(make_room(r, DEMO_DISPLAY));
    TRY(session_make(r->house, r->redis, &p, "board", "", token, &s));
    TRY(newest_plan(r->db, r->a, &plan, &title));
    jw_kstr(r->out, "token", token);
    jw_kbool(r->out, "demo", true);
    jw_ktime(r->out, "now", r->biz_ms);
    jw_kint(r->out, "speed", clock_business_get().speed_permille / 1000);
    jw_key(r->out, "plan");
    if (plan) {
        jw_obj(r->out);
        jw_kstr(r->out, "id", plan);
        jw_kstr(r->out, "title", title);
        jw_obj_end(r->out);
    } else {
        jw_null(r->out);
    }
    jw_kstr(r->out, "duty_phone", r->house->duty_phone);
    return ERR_OK;
}

static enum err ops_session(struct req *r, const void *args) {
    (void)args;
    struct person  p;
    struct session s;
    char           token[44];
    if (r->redis == NULL) return ERR_UNAVAILABLE;
    TRY(person_get(r->db, r->a, DEMO_ADMIN, &p));
    if (p.roles != ROLE_ADMIN || !p.active) return ERR_NOTFOUND;
    TRY(make_room(r, DEMO_ADMIN));
    TRY(session_make(r->house, r->redis, &p, "ops", "", token, &s));
    jw_kstr(r->out, "token", token);
    jw_kbool(r->out, "demo", true);
    return ERR_OK;
}

static const struct method rows[] = {
    {.name = "board.session", .verb = V_GET, .path = "/v1/board-session", .doc = "演示模式下大屏自动取得的只读登录。", .roles = ROLE_NONE,
     .flags = M_PUBLIC | M_DEMO | M_REDIS | M_REST, .cost = 4, .fn = board_session, .reply_doc = "token，now 演示时间，plan，duty_phone"},
    {.name = "ops.session", .verb = V_GET, .path = "/v1/ops-session", .doc = "演示模式下运维页自动取得的管理员登录；演示只监听本机。", .roles = ROLE_NONE,
     .flags = M_PUBLIC | M_DEMO | M_REDIS | M_REST, .cost = 4, .fn = ops_session, .reply_doc = "token"},
};
METHOD_LIST(board_session_methods, rows);
