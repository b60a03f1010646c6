/* SPDX-License-Identifier: Apache-2.0
 *
 * Log-in by SMS code and bound device (D18, D20). Numbers nobody has get the same answers at the same cost: same rows, same
 * limits, same texts. What must survive a refusal (wrong codes, failures) is written by a transaction that commits and then
 * answers with r->refuse.
 */
#include <string.h>

#include "base/id.h"
#include "handlers/lists.h"
#include "handlers/method.h"
#include "handlers/people.h"
#include "handlers/session_issue.h"
#include "push/sms_out.h"
#include "store/auth.h"
#include "store/device.h"
#include "store/ledger.h"

#define MINUTE 60000LL
#define HOUR   (60 * MINUTE)
#define DAY    (24 * HOUR)

#define CODE_DIGITS 6
#define CODE_TRIES  5

/* Codes asked for (D20): at most max in span. */
static const struct code_limit {
    enum { OF_PHONE, OF_ADDRESS, OF_ALL } of;
    int64_t span_ms, max;
} code_limits[] = {
    {OF_PHONE, MINUTE, 1},   {OF_PHONE, HOUR, 5},     {OF_PHONE, DAY, 10},
    {OF_ADDRESS, HOUR, 200}, {OF_ADDRESS, DAY, 1000}, {OF_ALL, DAY, 20000},
};

/* Failures (domain.md 15): the account at one address; any account at one address; the account from anywhere, which a bound
 * device still passes. */
static const struct fail_rule here = {5, 15 * MINUTE, 30 * MINUTE}, any_account = {50, 15 * MINUTE, 30 * MINUTE},
                              anywhere = {20, 15 * MINUTE, 5 * MINUTE};

/* ---- auth.sms_code ---- */

struct code_args {
    const char *phone;
};

static enum err check_code_limits(struct req *r, const char *idx) {
    for (size_t i = 0; i < sizeof code_limits / sizeof code_limits[0]; i++) {
        const struct code_limit *l     = &code_limits[i];
        struct challenge_count   c     = {0};
        int64_t                  since = r->wall_ms - l->span_ms;
        if (l->of == OF_PHONE) TRY(challenge_count_phone(r->db, idx, since, &c));
        if (l->of == OF_ADDRESS) TRY(challenge_count_address(r->db, r->peer, since, &c));
        if (l->of == OF_ALL) TRY(challenge_count_all(r->db, since, &c.n));
        if (c.n < l->max) continue;
        r->retry_ms = c.first_wall ? c.first_wall + l->span_ms - r->wall_ms : HOUR;
        if (r->retry_ms < 1000) r->retry_ms = 1000;
        return req_fail(r, ERR_LIMIT, "请等 %lld 秒后再试。", (long long)((r->retry_ms + 999) / 1000));
    }
    return ERR_OK;
}

/* Refuses a flood on the reader side, so that it does not queue at the writer; the transaction looks again. */
static enum err sms_code_prepare(struct req *r, const void *args) {
    const struct code_args *p = args;
    char                    idx[MAC_CAP];
    if (!phone_ok(p->phone)) return req_bad(r, "phone", "手机号：应为 11 位手机号码，请核对");
    phone_index(r->house, p->phone, idx);
    return check_code_limits(r, idx);
}

static enum err sms_code(struct req *r, const void *args) {
    const struct code_args *p = args;
    char                    idx[MAC_CAP], mac[MAC_CAP], code[CODE_DIGITS + 1], nonce[33], id[ID_CAP];
    struct person           who;
    if (!phone_ok(p->phone)) return req_bad(r, "phone", "手机号：应为 11 位手机号码，请核对");
    phone_index(r->house, p->phone, idx);
    TRY(check_code_limits(r, idx));
    enum err found = person_by_phone(r->db, r->a, idx, &who);
    if (found && found != ERR_NOTFOUND) return found;
    bool known = found == ERR_OK && who.active;

    id_new("c_", id);
    digits_random(code, CODE_DIGITS);
    nonce_random(nonce);
    code_mac(r->house, "login", id, code, mac);
    struct challenge c = {.id           = id,
                          .phone_idx    = idx,
                          .person       = known ? who.id : NULL,
                          .code_mac     = mac,
                          .nonce        = nonce,
                          .address      = r->peer,
                          .created_wall = r->wall_ms,
                          .expires_wall = r->wall_ms + r->house->sms_code_life_ms};
    TRY(challenge_add(r->db, &c));
    const char *text = arena_printf(r->a, "验证码%s，%lld分钟内有效，仅用于登录掌办。请勿告诉他人。", code,
                                    (long long)(r->house->sms_code_life_ms / MINUTE));
    struct notice_rules rules = people_notice_rules(r->house);
    TRY(sms_code_queue(r->db, r->a, &rules, p->phone, text, id, r->wall_ms, c.expires_wall, known));
    r->wakes_delivery = true;
    TRY(req_ledger(r, arena_printf(r->a, "challenge:%s", id), NULL));
    jw_kstr(r->out, "challenge", id);
    jw_ktime(r->out, "expires_at", c.expires_wall);
    jw_kstr(r->out, "device_challenge", nonce);
    return ERR_OK;
}

/* ---- auth.login ---- */

struct login_args {
    const char *challenge, *code, *client, *device, *device_signature;
};

static enum err ledger_login(struct req *r, const char *actor, const char *unit, const char *challenge, const char *result) {
    struct ledger_entry e = {.kind           = r->m->name,
                             .actor          = actor,
                             .unit           = unit,
                             .object         = arena_printf(r->a, "challenge:%s", challenge),
                             .body           = arena_printf(r->a, "{\"result\":\"%s\"}", result),
                             .at_wall_ms     = r->wall_ms,
                             .at_business_ms = r->biz_ms};
    r->object = e.object;
    return ledger_add(r->house->ledger, r->db, &e);
}

/* Counts the failure and answers with e after the commit. */
static enum err login_failed(struct req *r, const char *account, const char *challenge, enum err e, const char *detail) {
    if (account) TRY(login_fail_add(r->db, account, r->peer, &here, r->wall_ms));
    if (account) TRY(login_fail_add(r->db, account, "*", &anywhere, r->wall_ms));
    TRY(login_fail_add(r->db, "*", r->peer, &any_account, r->wall_ms));
    TRY(ledger_login(r, "", "", challenge, err_info(e)->word));
    r->refuse = e;
    r->detail = detail;
    return ERR_OK;
}

static enum err check_lock(struct req *r, const char *account, const char *address) {
    int64_t until;
    TRY(login_locked(r->db, account, address, r->wall_ms, &until));
    if (until == 0) return ERR_OK;
    r->retry_ms         = until - r->wall_ms;
    const char *at      = clock_text(r->a, until + 59999);
    const char *contact = r->house->duty_phone;
    if (*contact) return req_fail(r, ERR_LOCKED, "连续输错次数过多，%s 自动解锁。急用请拨打 %s。", at, contact);
    return req_fail(r, ERR_LOCKED, "连续输错次数过多，%s 自动解锁。", at);
}

static const char *login_text(struct arena *a, const struct challenge *c, const char *device) {
    return arena_printf(a, "zhangban-login-1\nchallenge=%s\nnonce=%s\ndevice=%s", c->id, c->nonce, device);
}

/* The device named proves its key. ERR_SIG with a text. */
static enum err check_device(struct req *r, const struct challenge *c, const struct login_args *p) {
    struct device d;
    enum err      e = device_get(r->db, r->a, p->device, &d);
    if (e == ERR_STORE) return e;
    if (e || c->person == NULL || strcmp(d.person, c->person) != 0 || strcmp(d.state, DEVICE_ACTIVE) != 0 || p->device_signature == NULL)
        return ERR_SIG;
    return signature_check(d.pubkey, login_text(r->a, c, d.id), p->device_signature);
}

/* What prepare found out. The session is made there too, so that the writer never waits for Redis; its token reaches nobody
 * unless the transaction agrees. */
struct login_ready {
    bool            proven; /* the device named in the request showed its key */
    char            token[44];
    struct session  session; /* id "": none was made */
    struct session *others;  /* the person's sessions before this one */
    size_t          others_n;
};

/* The code is right and the device question is settled: may a session be opened? *device: what it will hold. */
static enum err may_open(struct req *r, const struct challenge *c, const struct login_args *p, bool proven, struct person *who,
                         const char **device) {
    char    mac[MAC_CAP];
    int64_t active_n = 0;
    *device          = "";
    /* a number nobody has: the code it was given is never right */
    code_mac(r->house, "login", c->id, p->code, mac);
    if (!mac_equal(mac, c->code_mac) || c->person == NULL) return ERR_AUTH;
    enum err e = person_get(r->db, r->a, c->person, who);
    if (e) return e == ERR_NOTFOUND ? ERR_AUTH : e;
    if (!who->active) return ERR_AUTH;
    TRY(device_count(r->db, who->id, DEVICE_ACTIVE, &active_n));
    if (p->device == NULL && (active_n == 0 || !needs_device(who->roles))) return ERR_OK;
    if (!proven) return ERR_SIG;
    struct device d; /* proven on a snapshot; it may have been reported lost since */
    TRY(device_get(r->db, r->a, p->device, &d));
    if (strcmp(d.state, DEVICE_ACTIVE) != 0) return ERR_SIG;
    *device = d.id;
    return ERR_OK;
}

static bool is_open(const struct challenge *c, int64_t wall_ms) { return !c->used && c->expires_wall > wall_ms && c->tries < CODE_TRIES; }

static enum err check_locks(struct req *r, const char *account, bool proven) {
    TRY(check_lock(r, account, r->peer));
    return proven ? ERR_OK : check_lock(r, account, "*");
}

static enum err login_prepare(struct req *r, const void *args) {
    const struct login_args *p     = args;
    struct login_ready      *ready = arena_alloc(r->a, sizeof *ready);
    struct challenge         c;
    struct person            who;
    const char              *device;
    r->prepared = ready;
    if (r->redis == NULL) return ERR_UNAVAILABLE;
    TRY(redis_ping(r->redis));
    TRY(check_lock(r, "*", r->peer));
    enum err e = challenge_get(r->db, r->a, p->challenge, &c);
    if (e) return e == ERR_NOTFOUND ? ERR_OK : e; /* the transaction counts it */
    if (!is_open(&c, r->wall_ms)) return ERR_OK;
    if (p->device) {
        e = check_device(r, &c, p);
        if (e == ERR_STORE) return e;
        ready->proven = e == ERR_OK;
    }
    TRY(check_locks(r, c.phone_idx, ready->proven));
    e = may_open(r, &c, p, ready->proven, &who, &device);
    if (e) return e == ERR_STORE ? e : ERR_OK;
    TRY(session_list(r->redis, r->a, who.id, &ready->others, &ready->others_n));
    return session_make(r->house, r->redis, &who, p->client ? p->client : "phone", device, ready->token, &ready->session);
}

static enum err open_session(struct req *r, const struct challenge *c, const struct person *who, const char *device,
                             const struct login_ready *ready) {
    const struct session *s     = &ready->session;
    bool                  bound = *device || !needs_device(who->roles);
    TRY(challenge_use(r->db, c->id));
    TRY(login_fail_clear(r->db, c->phone_idx, r->peer));
    if (*device) TRY(session_device_put(r->db, s->id, who->id, device, r->wall_ms));
    /* a new log-in of the same kind of client ends the older ones: one phone, one PC */
    for (size_t i = 0; i < ready->others_n; i++)
        if (strcmp(ready->others[i].client, s->client) == 0) TRY(session_end(r, who->id, ready->others[i].id));
    TRY(ledger_login(r, who->id, who->unit, c->id, bound ? "ok" : "unbound"));
    jw_kstr(r->out, "token", ready->token);
    jw_kstr(r->out, "session", s->id);
    jw_key(r->out, "person");
    jw_obj(r->out);
    jw_kstr(r->out, "id", who->id);
    jw_kstr(r->out, "name", who->name);
    jw_kstr(r->out, "unit", *who->unit ? who->unit : NULL);
    write_roles(r->out, "roles", who->roles);
    jw_obj_end(r->out);
    jw_kstr(r->out, "device", *device ? device : NULL);
    jw_kbool(r->out, "bound", bound);
    jw_ktime(r->out, "expires_at", s->expires_wall_ms);
    return ERR_OK;
}

static enum err login(struct req *r, const void *args) {
    static const char         gone[] = "验证码不正确或已失效，请重新获取。";
    const struct login_args  *p      = args;
    const struct login_ready *ready  = r->prepared;
    struct challenge          c;
    struct person             who;
    const char               *device;
    TRY(check_lock(r, "*", r->peer));
    enum err e = challenge_get(r->db, r->a, p->challenge, &c);
    if (e == ERR_NOTFOUND) return login_failed(r, NULL, p->challenge, ERR_AUTH, gone);
    TRY(e);
    TRY(check_locks(r, c.phone_idx, ready->proven));
    if (!is_open(&c, r->wall_ms)) return login_failed(r, c.phone_idx, c.id, ERR_AUTH, gone);
    e = may_open(r, &c, p, ready->proven, &who, &device);
    if (e == ERR_OK && ready->session.id[0]) return open_session(r, &c, &who, device, ready);
    if (e == ERR_OK) return ERR_UNAVAILABLE; /* the snapshot was older than the record: once more */
    if (e != ERR_AUTH && e != ERR_SIG) return e;
    if (ready->session.id[0]) TRY(session_revoked_add(r->db, ready->session.id, ready->session.person, r->wall_ms));
    TRY(challenge_try(r->db, c.id));
    if (e == ERR_SIG)
        return login_failed(r, c.phone_idx, c.id, e, "本账号须用已绑定的手机登录。手机丢失请先挂失，再向管理员领取新的绑定码。");
    int left = (int)(CODE_TRIES - 1 - c.tries);
    return login_failed(r, c.phone_idx, c.id, e, left > 0 ? arena_printf(r->a, "验证码不正确，还可以再试 %d 次。", left) : gone);
}

/* ---- own sessions ---- */

/* Gone from Redis at once if that can be reached; what counts is the row the transaction writes (D17). */
static enum err logout_prepare(struct req *r, const void *args) {
    (void)args;
    if (r->redis && session_delete(r->redis, r->who.id, r->who.session) != ERR_OK) return ERR_OK;
    return ERR_OK;
}

static enum err logout(struct req *r, const void *args) {
    (void)args;
    TRY(session_end(r, r->who.id, r->who.session));
    TRY(req_ledger(r, arena_printf(r->a, "session:%s", r->who.session), NULL));
    jw_kbool(r->out, "done", true);
    return ERR_OK;
}

static enum err sessions(struct req *r, const void *args) {
    (void)args;
    struct session *list;
    size_t          n;
    if (r->redis == NULL) return ERR_UNAVAILABLE;
    TRY(session_list(r->redis, r->a, r->who.id, &list, &n));
    jw_key(r->out, "items");
    jw_arr(r->out);
    for (size_t i = 0; i < n; i++) {
        bool revoked;
        TRY(auth_session_revoked(r->db, list[i].id, &revoked));
        if (revoked) continue;
        jw_obj(r->out);
        jw_kstr(r->out, "id", list[i].id);
        jw_kstr(r->out, "client", list[i].client);
        jw_kstr(r->out, "device", list[i].device[0] ? list[i].device : NULL);
        jw_ktime(r->out, "created_at", list[i].created_wall_ms);
        jw_ktime(r->out, "seen_at", list[i].seen_wall_ms);
        jw_ktime(r->out, "expires_at", list[i].expires_wall_ms);
        jw_kbool(r->out, "current", strcmp(list[i].id, r->who.session) == 0);
        jw_obj_end(r->out);
    }
    jw_arr_end(r->out);
    jw_kstr(r->out, "next", NULL);
    return ERR_OK;
}

struct revoke_args {
    const char *session_id;
};

static enum err revoke_prepare(struct req *r, const void *args) {
    const struct revoke_args *p = args;
    struct session           *list;
    size_t                    n;
    if (r->redis == NULL) return ERR_UNAVAILABLE;
    TRY(session_list(r->redis, r->a, r->who.id, &list, &n));
    for (size_t i = 0; i < n; i++)
        if (strcmp(list[i].id, p->session_id) == 0) return ERR_OK;
    return ERR_NOTFOUND; /* also somebody else's (D22) */
}

static enum err revoke(struct req *r, const void *args) {
    const struct revoke_args *p = args;
    TRY(session_end(r, r->who.id, p->session_id));
    TRY(req_ledger(r, arena_printf(r->a, "session:%s", p->session_id), NULL));
    jw_kbool(r->out, "done", true);
    return ERR_OK;
}

static const struct param code_params[]   = {P_STR(struct code_args, phone, 1, 20, true)};
static const struct param login_params[]  = {
    P_ID(struct login_args, challenge, NULL),
    P_STR(struct login_args, code, CODE_DIGITS, CODE_DIGITS, true),
    P_ENUM(struct login_args, client, "phone|pc", false),
    P_IDOPT(struct login_args, device, NULL),
    P_STR(struct login_args, device_signature, 128, 128, false),
};
static const struct param revoke_params[] = {P_ID(struct revoke_args, session_id, "session")};

static const struct method rows[] = {
    {.name = "auth.sms_code", .verb = V_POST, .path = "/v1/auth/sms-codes", .doc = "获取登录验证码。号码是否登记，答复都一样。",
     .roles = ROLE_NONE, .flags = M_REST | M_NO_IDEM | M_PUBLIC | M_WRITE | M_CREATED, .cost = 2, PARAMS(code_params),
     .args_size = sizeof(struct code_args), .fn = sms_code, .prepare = sms_code_prepare,
     .reply_doc = "challenge 编号，expires_at 失效时间，device_challenge 设备签名用的随机数"},
    {.name = "auth.login", .verb = V_POST, .path = "/v1/auth/sessions",
     .doc = "用验证码登录；已绑定设备的账号还须用设备密钥对 zhangban-login-1 文本签名。", .roles = ROLE_NONE,
     .flags = M_REST | M_NO_IDEM | M_PUBLIC | M_WRITE | M_REDIS | M_CREATED, .cost = 2, PARAMS(login_params),
     .args_size = sizeof(struct login_args), .fn = login, .prepare = login_prepare,
     .reply_doc = "token 只给出一次；bound=false 时只能登记和激活设备"},
    {.name = "auth.logout", .verb = V_DELETE, .path = "/v1/auth/sessions/current", .doc = "退出登录。", .roles = ROLE_ANY,
     .flags = M_REST | M_NO_IDEM | M_WRITE | M_REDIS | M_UNBOUND, .cost = 2, .fn = logout, .prepare = logout_prepare, .reply_doc = "done"},
    {.name = "auth.sessions", .verb = V_GET, .path = "/v1/auth/sessions", .doc = "列出本人的登录。", .roles = ROLE_ANY,
     .flags = M_REST | M_REDIS | M_UNBOUND, .cost = 1, .fn = sessions, .reply_doc = "items"},
    {.name = "auth.revoke", .verb = V_DELETE, .path = "/v1/auth/sessions/{session_id}", .doc = "注销本人的另一处登录，一秒内断开。",
     .roles = ROLE_ANY, .flags = M_REST | M_NO_IDEM | M_WRITE | M_REDIS | M_UNBOUND, .cost = 2, PARAMS(revoke_params),
     .args_size = sizeof(struct revoke_args), .fn = revoke, .prepare = revoke_prepare, .reply_doc = "done"},
};
METHOD_LIST(auth_methods, rows);
