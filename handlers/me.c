/* SPDX-License-Identifier: Apache-2.0
 *
 * Who am I: what a page needs before it draws anything.
 */
#include <string.h>

#include "base/clock.h"
#include "handlers/lists.h"
#include "handlers/method.h"
#include "handlers/people.h"
#include "store/notice.h"

/* What a page may show, by role; the page draws what it gets and hides nothing itself (F115). */
static const struct {
    const char *name;
    unsigned    roles;
} modules[] = {
    {"home", ROLE_LEADER},
    {"tasks", ROLE_STAFF | ROLE_AUDITOR},
    {"dispatch", ROLE_DISPATCHER},
    {"approve", ROLE_APPROVER},
    {"reports", ROLE_RESPONSIBLE},
    {"supervision", ROLE_MONITOR},
    {"instructions", ROLE_STAFF},
    {"sign", ROLE_LEADER},
    {"ranking", ROLE_STAFF | ROLE_DISPLAY | ROLE_ADMIN | ROLE_AUDITOR},
    {"notices", ROLE_PEOPLE},
    {"devices", ROLE_PEOPLE},
    {"device_board", ROLE_ADMIN},
    {"ledger", ROLE_AUDITOR},
};

static enum err me(struct req *r, const void *args) {
    (void)args;
    struct person p;
    int64_t       unread;
    enum err      e = person_get(r->db, r->a, r->who.id, &p);
    if (e) return e == ERR_NOTFOUND ? ERR_AUTH : e;
    TRY(inbox_unread(r->db, p.id, &unread));
    jw_kstr(r->out, "id", p.id);
    jw_kstr(r->out, "name", p.name);
    jw_kstr(r->out, "title", p.title);
    jw_kstr(r->out, "phone", phone_masked(r->house, r->a, &p));
    jw_key(r->out, "unit");
    if (*p.unit) {
        jw_obj(r->out);
        jw_kstr(r->out, "code", p.unit);
        jw_kstr(r->out, "name", p.unit_name);
        jw_obj_end(r->out);
    } else {
        jw_null(r->out);
    }
    write_roles(r->out, "roles", p.roles);
    jw_kstr(r->out, "session", r->who.session);
    jw_kstr(r->out, "device", r->who.device[0] ? r->who.device : NULL);
    jw_kbool(r->out, "bound", r->who.bound);
    jw_kbool(r->out, "needs_device", needs_device(p.roles));
    jw_kbool(r->out, "simulated", p.simulated);
    jw_kbool(r->out, "demo", r->house->demo);
    jw_ktime(r->out, "now", r->biz_ms);
    jw_kint(r->out, "speed_permille", clock_business_get().speed_permille);
    jw_kint(r->out, "unread", unread);
    jw_key(r->out, "modules");
    jw_arr(r->out);
    for (size_t i = 0; i < sizeof modules / sizeof modules[0]; i++)
        if ((modules[i].roles & p.roles) && r->who.bound) jw_str(r->out, modules[i].name);
    jw_arr_end(r->out);
    return ERR_OK;
}

static const struct method rows[] = {
    {.name = "me.get", .verb = V_GET, .path = "/v1/me", .doc = "本人信息：单位、岗位、设备、可用模块和业务时间。手机号已隐去中间四位。", .roles = ROLE_PEOPLE | ROLE_DISPLAY,
     .flags = M_UNBOUND, .cost = 1, .fn = me, .reply_doc = "person、unit、roles、modules、now 业务时间"},
};
METHOD_LIST(me_methods, rows);
