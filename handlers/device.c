/* SPDX-License-Identifier: Apache-2.0
 *
 * Bound devices (F130, D18): a person registers a key and proves it; an administrator issues a one-time code, for a leader a
 * second administrator confirms it; the person enters the code. A loss report blocks the key at once and ends its sessions.
 */
#include <string.h>

#include "base/id.h"
#include "handlers/lists.h"
#include "handlers/method.h"
#include "handlers/people.h"
#include "store/auth.h"
#include "store/device.h"
#include "store/target.h"

#define PENDING_MAX    3 /* registered, not yet active, of one person */
#define ACTIVE_MAX     3
#define CODE_DIGITS    8
#define CODE_TRIES     5
#define CODE_LIFE_MS   86400000LL
#define BOARD_ROLES    (ROLE_LEADER | ROLE_DISPATCHER | ROLE_APPROVER)
#define DEVICE_OBJECT(r, id) arena_printf((r)->a, "device:%s", (id))

/* Two administrators for these (D18). */
static bool needs_second(unsigned roles) { return (roles & ROLE_LEADER) != 0; }

/* ---- device.register ---- */

struct register_args {
    const char *pubkey, *name, *platform, *proof;
};

static enum err register_prepare(struct req *r, const void *args) {
    const struct register_args *p = args;
    const char                 *key;
    if (pubkey_parse(r->a, p->pubkey, &key) != ERR_OK) return req_bad(r, "pubkey", "公钥：应为 04 开头的 65 字节 SM2 公钥（130 个十六进制字符）");
    const char *text = arena_printf(r->a, "zhangban-device-1\npubkey=%s\nperson=%s", key, r->who.id);
    if (signature_check(key, text, p->proof) != ERR_OK) return req_fail(r, ERR_SIG, "本机密钥验证未通过，设备没有登记。请重新登记。");
    r->prepared = arena_strdup(r->a, key);
    return ERR_OK;
}

static enum err device_register(struct req *r, const void *args) {
    const struct register_args *p   = args;
    const char                 *key = r->prepared;
    char                        id[ID_CAP];
    bool                        known;
    int64_t                     pending;
    TRY(device_pubkey_known(r->db, key, &known));
    if (known) return req_fail(r, ERR_DUP, "这个设备密钥已经登记过，无需重复操作。");
    TRY(device_count(r->db, r->who.id, DEVICE_PENDING, &pending));
    if (pending >= PENDING_MAX) return req_fail(r, ERR_FULL, "已有 %d 台设备等待激活，请先激活或挂失其中一台。", PENDING_MAX);
    id_new("d_", id);
    TRY(device_add(r->db, id, r->who.id, key, p->name, p->platform ? p->platform : "", r->wall_ms));
    if (r->who.device[0] == '\0') TRY(session_device_put(r->db, r->who.session, r->who.id, id, r->wall_ms));

    struct notice_rules rules = people_notice_rules(r->house);
    struct notice_msg   msg   = {.kind    = "device.new",
                                 .object  = DEVICE_OBJECT(r, id),
                                 .title   = p->name,
                                 .extra   = r->house->duty_phone,
                                 .dedupe  = arena_printf(r->a, "device.new:%s", id),
                                 .wall_ms = r->wall_ms,
                                 .biz_ms  = r->biz_ms};
    size_t              told;
    TRY(notice_person(r->db, r->a, &rules, r->who.id, &msg, &told));
    r->wakes_delivery = true;
    TRY(req_ledger(r, DEVICE_OBJECT(r, id), arena_printf(r->a, "{\"key\":\"%s\"}", pubkey_name(r->a, key))));
    jw_kstr(r->out, "id", id);
    jw_kstr(r->out, "key", pubkey_name(r->a, key));
    jw_kstr(r->out, "state", DEVICE_PENDING);
    return ERR_OK;
}

/* ---- codes ---- */

struct device_args {
    const char *device_id;
};
struct activate_args {
    const char *device_id, *code;
};

/* A device waiting for a code, and its owner; an administrator never acts on a device of his own. */
static enum err load_for_admin(struct req *r, const char *id, struct device *d, struct person *owner) {
    TRY(device_get(r->db, r->a, id, d));
    TRY(person_get(r->db, r->a, d->person, owner));
    r->object = DEVICE_OBJECT(r, id);
    if (strcmp(d->person, r->who.id) == 0) return req_fail(r, ERR_PERM, "不能为自己的设备签发或确认绑定码，请由另一位管理员办理。");
    if (strcmp(d->state, DEVICE_ACTIVE) == 0) return req_fail(r, ERR_STATE, "这台设备已经激活，无需绑定码。");
    if (strcmp(d->state, DEVICE_PENDING) != 0) return req_fail(r, ERR_STATE, "这台设备已挂失，请重新登记。");
    return ERR_OK;
}

static enum err issue_code(struct req *r, const void *args) {
    const struct device_args *p = args;
    struct device             d;
    struct person             owner;
    char                      code[CODE_DIGITS + 1], mac[MAC_CAP];
    TRY(load_for_admin(r, p->device_id, &d, &owner));
    digits_random(code, CODE_DIGITS);
    code_mac(r->house, "activate", d.id, code, mac);
    TRY(activation_put(r->db, d.id, mac, r->who.id, r->wall_ms + CODE_LIFE_MS));
    TRY(req_ledger(r, DEVICE_OBJECT(r, d.id), arena_printf(r->a, "{\"for\":\"%s\"}", d.person)));
    jw_kstr(r->out, "code", code);
    jw_ktime(r->out, "expires_at", r->wall_ms + CODE_LIFE_MS);
    jw_kbool(r->out, "needs_second", needs_second(owner.roles));
    return ERR_OK;
}

static enum err confirm_code(struct req *r, const void *args) {
    const struct device_args *p = args;
    struct device             d;
    struct person             owner;
    struct activation         code;
    TRY(load_for_admin(r, p->device_id, &d, &owner));
    enum err e = activation_get(r->db, r->a, d.id, &code);
    if (e == ERR_NOTFOUND || (e == ERR_OK && code.expires_wall <= r->wall_ms)) return req_fail(r, ERR_STATE, "还没有有效的绑定码，请先签发。");
    TRY(e);
    if (strcmp(code.issued_by, r->who.id) == 0) return req_fail(r, ERR_PERM, "签发和确认须由两位管理员分别办理。");
    if (code.second_by && strcmp(code.second_by, r->who.id) != 0) return req_fail(r, ERR_DUP, "绑定码已由另一位管理员确认，无需重复操作。");
    if (!code.second_by) {
        TRY(activation_confirm(r->db, d.id, r->who.id));
        TRY(req_ledger(r, DEVICE_OBJECT(r, d.id), arena_printf(r->a, "{\"for\":\"%s\"}", d.person)));
    }
    jw_kbool(r->out, "confirmed", true);
    jw_ktime(r->out, "expires_at", code.expires_wall);
    return ERR_OK;
}

static enum err activate(struct req *r, const void *args) {
    const struct activate_args *p = args;
    struct device               d;
    struct activation           code;
    char                        mac[MAC_CAP];
    int64_t                     active_n;
    TRY(device_get(r->db, r->a, p->device_id, &d));
    if (strcmp(d.person, r->who.id) != 0) return ERR_NOTFOUND;
    r->object = DEVICE_OBJECT(r, d.id);
    if (strcmp(d.state, DEVICE_ACTIVE) == 0) return req_fail(r, ERR_DUP, "这台设备已经激活，无需重复操作。");
    if (strcmp(d.state, DEVICE_PENDING) != 0) return req_fail(r, ERR_STATE, "这台设备已挂失，请重新登记。");
    enum err e = activation_get(r->db, r->a, d.id, &code);
    if (e == ERR_NOTFOUND) return req_fail(r, ERR_ACTIVATE, "这台手机还没有绑定，请向管理员领取一次性绑定码。");
    TRY(e);
    if (code.expires_wall <= r->wall_ms) return req_fail(r, ERR_LATE, "绑定码已过期，请向管理员领取新的绑定码。");
    if (code.tries >= CODE_TRIES) return req_fail(r, ERR_LOCKED, "绑定码输错次数过多，已作废，请向管理员领取新的绑定码。");
    if (needs_second(r->who.roles) && !code.second_by) return req_fail(r, ERR_STATE, "绑定码还需第二位管理员确认，确认后即可使用。");
    code_mac(r->house, "activate", d.id, p->code, mac);
    if (!mac_equal(mac, code.code_mac)) {
        TRY(activation_try(r->db, d.id));
        int left  = (int)(CODE_TRIES - 1 - code.tries);
        r->field  = "code";
        r->refuse = ERR_INPUT;
        r->detail = left > 0 ? arena_printf(r->a, "绑定码不正确，还可以再试 %d 次。", left) : "绑定码输错次数过多，已作废，请向管理员领取新的绑定码。";
        return req_ledger(r, DEVICE_OBJECT(r, d.id), "{\"result\":\"wrong_code\"}");
    }
    TRY(device_count(r->db, r->who.id, DEVICE_ACTIVE, &active_n));
    if (active_n >= ACTIVE_MAX) return req_fail(r, ERR_FULL, "最多绑定 %d 台设备，请先挂失不用的设备。", ACTIVE_MAX);
    const char *held;
    TRY(device_set_active(r->db, d.id, r->wall_ms));
    TRY(activation_drop(r->db, d.id));
    TRY(session_device_get(r->db, r->a, r->who.session, &held, NULL));
    TRY(req_ledger(r, DEVICE_OBJECT(r, d.id),
                   arena_printf(r->a, "{\"key\":\"%s\",\"issued_by\":\"%s\",\"second_by\":\"%s\"}", pubkey_name(r->a, d.pubkey), code.issued_by,
                                code.second_by ? code.second_by : "")));
    jw_kstr(r->out, "id", d.id);
    jw_kstr(r->out, "state", DEVICE_ACTIVE);
    jw_kbool(r->out, "bound", strcmp(held, d.id) == 0); /* false: log in again with this device */
    return ERR_OK;
}

/* Blocks at once: the next transaction sees the state; its sessions are revoked in this one. */
static enum err report_lost(struct req *r, const void *args) {
    const struct device_args *p = args;
    struct device           d;
    struct session_of      *held;
    size_t                  n;
    TRY(device_get(r->db, r->a, p->device_id, &d));
    if (strcmp(d.person, r->who.id) != 0 && !req_has(r, ROLE_ADMIN)) return ERR_NOTFOUND;
    if (strcmp(d.state, DEVICE_LOST) != 0) {
        TRY(device_set_lost(r->db, d.id, r->wall_ms));
        TRY(session_device_list(r->db, r->a, d.id, &held, &n));
        for (size_t i = 0; i < n; i++) {
            /* the session that reports registered this very phone in error: it stays, without it */
            if (strcmp(held[i].session, r->who.session) == 0 && strcmp(d.state, DEVICE_PENDING) == 0) continue;
            TRY(session_end(r, held[i].person, held[i].session));
        }
        TRY(session_device_drop(r->db, d.id));
        TRY(target_drop_device(r->db, d.id, "device lost"));
        TRY(req_ledger(r, DEVICE_OBJECT(r, d.id), arena_printf(r->a, "{\"person\":\"%s\"}", d.person)));
    }
    jw_kstr(r->out, "id", d.id);
    jw_kstr(r->out, "state", DEVICE_LOST);
    return ERR_OK;
}

/* ---- lists ---- */

struct list_args {
    const char *person;
};

static enum err list(struct req *r, const void *args) {
    const struct list_args *p      = args;
    const char             *person = p->person ? p->person : r->who.id;
    struct device          *v;
    size_t                  n;
    if (strcmp(person, r->who.id) != 0 && !req_has(r, ROLE_ADMIN)) return ERR_NOTFOUND;
    TRY(device_list(r->db, r->a, person, &v, &n));
    jw_key(r->out, "items");
    jw_arr(r->out);
    for (size_t i = 0; i < n; i++) {
        jw_obj(r->out);
        jw_kstr(r->out, "id", v[i].id);
        jw_kstr(r->out, "name", v[i].name);
        jw_kstr(r->out, "platform", v[i].platform);
        jw_kstr(r->out, "state", v[i].state);
        jw_kstr(r->out, "key", pubkey_name(r->a, v[i].pubkey));
        jw_kstr(r->out, "pubkey", v[i].pubkey);
        jw_kint(r->out, "last_serial", v[i].last_serial);
        jw_ktime(r->out, "created_at", v[i].created_wall);
        jw_ktime(r->out, "activated_at", v[i].activated_wall);
        jw_ktime(r->out, "lost_at", v[i].lost_wall);
        jw_kbool(r->out, "current", strcmp(v[i].id, r->who.device) == 0);
        jw_obj_end(r->out);
    }
    jw_arr_end(r->out);
    jw_kstr(r->out, "next", NULL);
    return ERR_OK;
}

/* What still has to be done before the person can work (F130). */
static const char *board_step(const struct device_board_row *b) {
    if (strcmp(b->state, DEVICE_ACTIVE) == 0) return "active";
    if (strcmp(b->state, DEVICE_PENDING) != 0) return b->state[0] ? "lost" : "none";
    if (!b->has_code) return "waits_code";
    return needs_second(b->roles) && !b->code_confirmed ? "waits_second" : "waits_person";
}

static enum err board(struct req *r, const void *args) {
    (void)args;
    struct device_board_row *v;
    size_t                   n, leaders = 0, active = 0;
    TRY(device_board(r->db, r->a, BOARD_ROLES, &v, &n));
    jw_key(r->out, "items");
    jw_arr(r->out);
    for (size_t i = 0; i < n; i++) {
        const char *step = board_step(&v[i]);
        if (v[i].roles & ROLE_LEADER) {
            leaders++;
            active += strcmp(step, "active") == 0;
        }
        jw_obj(r->out);
        jw_kstr(r->out, "person", v[i].person);
        jw_kstr(r->out, "name", v[i].name);
        jw_kstr(r->out, "unit", *v[i].unit ? v[i].unit : NULL);
        write_roles(r->out, "roles", v[i].roles);
        jw_kstr(r->out, "device", *v[i].device ? v[i].device : NULL);
        jw_kstr(r->out, "step", step);
        jw_ktime(r->out, "activated_at", v[i].activated_wall);
        jw_obj_end(r->out);
    }
    jw_arr_end(r->out);
    jw_kint(r->out, "leaders", (int64_t)leaders);
    jw_kint(r->out, "leaders_active", (int64_t)active);
    return ERR_OK;
}

static const struct param register_params[] = {
    P_STR(struct register_args, pubkey, 130, 130, true),
    P_STR(struct register_args, name, 1, 40, true),
    P_STR(struct register_args, platform, 1, 40, false),
    P_STR(struct register_args, proof, 128, 128, true),
};
static const struct param device_params[]   = {P_ID(struct device_args, device_id, "device")};
static const struct param activate_params[] = {P_ID(struct activate_args, device_id, "device"),
                                               P_STR(struct activate_args, code, CODE_DIGITS, CODE_DIGITS, true)};
static const struct param list_params[]     = {P_IDOPT(struct list_args, person, "person")};

static const struct method rows[] = {
    {.name = "device.register", .verb = V_POST, .path = "/v1/devices",
     .doc = "登记一台设备的公钥，并对 zhangban-device-1 文本签名，证明持有私钥。", .roles = ROLE_PEOPLE, .flags = M_WRITE | M_UNBOUND | M_CREATED,
     .cost = 4, PARAMS(register_params), .args_size = sizeof(struct register_args), .fn = device_register, .prepare = register_prepare,
     .reply_doc = "id 设备编号，key 密钥编号，state 状态"},
    {.name = "device.list", .verb = V_GET, .path = "/v1/devices", .doc = "列出本人的设备；管理员可查看他人的设备。", .roles = ROLE_PEOPLE,
     .flags = M_UNBOUND, .cost = 1, PARAMS(list_params), .args_size = sizeof(struct list_args), .fn = list, .reply_doc = "items"},
    {.name = "device.board", .verb = V_GET, .path = "/v1/devices/board", .doc = "设备激活情况：哪些领导和工作人员还没有激活。", .roles = ROLE_ADMIN,
     .cost = 1, .fn = board, .reply_doc = "items，leaders 领导人数，leaders_active 已激活人数"},
    {.name = "device.issue_code", .verb = V_POST, .path = "/v1/devices/{device_id}/activation-codes", .doc = "签发一次性绑定码（24 小时内有效，只显示一次）。",
     .roles = ROLE_ADMIN, .flags = M_WRITE | M_NO_IDEM | M_CREATED, .cost = 2, PARAMS(device_params), .args_size = sizeof(struct device_args),
     .fn = issue_code, .reply_doc = "code 绑定码，needs_second 是否须第二位管理员确认"},
    {.name = "device.confirm_code", .verb = V_POST, .path = "/v1/devices/{device_id}/activation-codes/confirm",
     .doc = "第二位管理员确认市领导设备的绑定码。", .roles = ROLE_ADMIN, .flags = M_WRITE, .cost = 2, PARAMS(device_params),
     .args_size = sizeof(struct device_args), .fn = confirm_code, .reply_doc = "confirmed"},
    {.name = "device.activate", .verb = V_POST, .path = "/v1/devices/{device_id}/activate", .doc = "输入绑定码，激活本人的设备。", .roles = ROLE_PEOPLE,
     .flags = M_WRITE | M_UNBOUND, .cost = 2, PARAMS(activate_params), .args_size = sizeof(struct activate_args), .fn = activate,
     .reply_doc = "state，bound 当前登录是否已绑定这台设备"},
    {.name = "device.report_lost", .verb = V_POST, .path = "/v1/devices/{device_id}/lost", .doc = "挂失：立即停用该设备，并断开用它登录的连接。",
     .roles = ROLE_PEOPLE, .flags = M_WRITE | M_UNBOUND, .cost = 2, PARAMS(device_params), .args_size = sizeof(struct device_args), .fn = report_lost,
     .reply_doc = "state"},
};
METHOD_LIST(device_methods, rows);
