/* SPDX-License-Identifier: Apache-2.0
 *
 * Writing and withdrawing an instruction: the canonical text is rebuilt from the fields, never taken from the client. prepare
 * verifies the signature on a snapshot; the transaction looks again at everything that may have changed since: the key, the
 * device, the person, the serial, the object.
 */
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/id.h"
#include "handlers/instruction.h"
#include "handlers/method.h"
#include "handlers/people.h"
#include "store/device.h"

#define CANONICAL_MAX (64 * 1024)
#define UNIT_PEOPLE   (ROLE_STAFF & ~(unsigned)ROLE_LEADER)

/* Words of the three urgencies, and working days to reply when no date is written (domain.md 3.1; only orders have a default). */
static const struct {
    const char *word, *zh;
    int         reply_days;
} urgencies[] = {{"extra", "特急", 1}, {"urgent", "急", 5}, {"normal", "平", 15}};

static size_t urgency_index(const char *word) {
    size_t i = 0;
    while (i + 1 < sizeof urgencies / sizeof urgencies[0] && strcmp(urgencies[i].word, word) != 0) i++;
    return i;
}

/* ---- canonical texts ---- */

/* Backslash and LF escaped; other control characters refused; nothing normalised. */
static enum err put_escaped(struct buf *b, const char *s) {
    for (const unsigned char *p = (const unsigned char *)s; *p; p++) {
        if (*p == '\\') {
            buf_puts(b, "\\\\");
        } else if (*p == '\n') {
            buf_puts(b, "\\n");
        } else if (*p < 0x20 || *p == 0x7F || (*p == 0xC2 && p[1] >= 0x80 && p[1] < 0xA0)) {
            return ERR_INPUT;
        } else {
            buf_putc(b, (char)*p);
        }
    }
    return ERR_OK;
}

static enum err finish_text(struct arena *a, struct buf *b, enum err e, const char **out) {
    if (e == ERR_OK && b->failed) e = ERR_TOOBIG;
    if (e == ERR_OK) *out = arena_strdup(a, buf_str(b));
    buf_fini(b);
    return e;
}

enum err instruction_canonical(struct arena *a, const char *leader, const char *key, const struct instruction_args *p, const char **out) {
    struct buf b;
    buf_init(&b, CANONICAL_MAX);
    buf_printf(&b, "zhangban-instruction-1\nleader=%s\ndevice=%s\nkey=%s\nserial=%lld\nsigned_at=%lld\nkind=%s\nurgency=%s\n", leader, p->device, key,
               (long long)p->serial, (long long)p->signed_at, p->kind, p->urgency);
    buf_printf(&b, "object=%s\nobject_version=%lld\nunits=", p->object, (long long)p->object_version);
    for (size_t i = 0; i < p->units.n; i++) buf_printf(&b, "%s%s", i ? "," : "", p->units.v[i]);
    buf_printf(&b, "\nreply_by=%s\ntext=", p->reply_by ? p->reply_by : "");
    enum err e = put_escaped(&b, p->text);
    return finish_text(a, &b, e, out);
}

enum err withdrawal_canonical(struct arena *a, const char *leader, const char *key, const struct withdraw_args *p, const char **out) {
    struct buf b;
    buf_init(&b, CANONICAL_MAX);
    buf_printf(&b, "zhangban-withdrawal-1\nleader=%s\ndevice=%s\nkey=%s\nserial=%lld\nsigned_at=%lld\ninstruction=%s\nreason=", leader, p->device, key,
               (long long)p->serial, (long long)p->signed_at, p->instruction_id);
    enum err e = put_escaped(&b, p->reason);
    return finish_text(a, &b, e, out);
}

/* ---- what both signed acts check ---- */

struct signed_text {
    const char *canonical, *pubkey;
};

static enum err check_clock(struct req *r, int64_t signed_at) {
    int64_t off = llabs(r->wall_ms - signed_at);
    if (off <= r->house->instruction_skew_ms) return ERR_OK;
    return req_fail(r, ERR_CLOCK, "本机时间与标准时间相差 %lld 分钟。请在系统设置中打开“自动设置时间”后重试。", (long long)((off + 30000) / 60000));
}

/* Only this leader's own device, active, and the one that holds this session. */
static enum err load_device(struct req *r, const char *id, struct device *d) {
    TRY(device_get(r->db, r->a, id, d));
    if (strcmp(d->person, r->who.id) != 0) return ERR_NOTFOUND;
    if (strcmp(d->state, DEVICE_LOST) == 0) return req_fail(r, ERR_PERM, "这台手机已挂失，不能签发。请用新绑定的手机登录后签发。");
    if (strcmp(d->state, DEVICE_ACTIVE) != 0) return req_fail(r, ERR_ACTIVATE, "这台手机还没有绑定，请向管理员领取一次性绑定码。");
    if (strcmp(d->id, r->who.device) != 0) return req_fail(r, ERR_PERM, "请用本次登录的手机签发。");
    return ERR_OK;
}

static enum err verify(struct req *r, const struct device *d, const char *canonical, const char *signature) {
    if (signature_check(d->pubkey, canonical, signature) != ERR_OK)
        return req_fail(r, ERR_SIG, "内容没有签发成功，未产生任何效力。请重新签发；仍不成功请联系管理员检查本机密钥。");
    struct signed_text *t = arena_alloc(r->a, sizeof *t);
    t->canonical          = canonical;
    t->pubkey             = d->pubkey;
    r->prepared           = t;
    return ERR_OK;
}

/* Inside the transaction: the same device, key and office as when the signature was verified, and a serial never used. */
static enum err recheck(struct req *r, const char *device, int64_t serial, int64_t signed_at) {
    const struct signed_text *t = r->prepared;
    struct device             d;
    struct person             me;
    int64_t                   came;
    TRY(load_device(r, device, &d));
    if (strcmp(d.pubkey, t->pubkey) != 0) return ERR_SIG;
    TRY(person_get(r->db, r->a, r->who.id, &me));
    if (!me.active || !(me.roles & ROLE_LEADER)) return ERR_PERM;
    TRY(check_clock(r, signed_at));
    enum err e = device_take_serial(r->db, device, serial);
    if (e != ERR_DUP) return e;
    e = instruction_by_serial(r->db, device, serial, &came);
    if (e == ERR_OK) return req_fail(r, ERR_DUP, "%s 已提交成功，无需重复操作。", moment_text(r->a, came));
    if (e != ERR_NOTFOUND) return e;
    return req_fail(r, ERR_DUP, "序号已用过，请取得新的序号（大于 %lld）后重新签发。", (long long)d.last_serial);
}

/* ---- instruction.create ---- */

enum err instruction_create_prepare(struct req *r, const void *args) {
    const struct instruction_args *p = args;
    struct device                  d;
    const char                    *canonical;
    TRY(load_device(r, p->device, &d));
    TRY(check_clock(r, p->signed_at));
    if (instruction_canonical(r->a, r->who.id, pubkey_name(r->a, d.pubkey), p, &canonical) != ERR_OK)
        return req_bad(r, "text", "正文：含有不能签发的控制字符，请删除后重试");
    return verify(r, &d, canonical, p->signature);
}

static enum err check_object(struct req *r, const struct instruction_args *p, struct instruction_object *o) {
    if (strncmp(p->object, "case:", 5) == 0 || strncmp(p->object, "document:", 9) == 0)
        return req_bad(r, "object", "批示对象：办件和公文还不能批示，相应系统接入后开放；目前请对任务批示");
    if (strncmp(p->object, "task:", 5) != 0) return req_bad(r, "object", "批示对象：格式为 task:任务编号");
    TRY(instruction_object(r->db, r->a, p->object, o));
    r->object = p->object;
    if (o->version == p->object_version) return ERR_OK;
    if (o->changed_biz)
        return req_fail(r, ERR_CONFLICT, "%s 已有人修改。您填写的内容已保留，请核对最新内容后再提交。", moment_text(r->a, o->changed_biz));
    return req_fail(r, ERR_CONFLICT, "已有人修改。您填写的内容已保留，请核对最新内容后再提交。");
}

static enum err check_units(struct req *r, const struct strs *units) {
    for (size_t i = 0; i < units->n; i++) {
        bool        is_group;
        const char *name;
        enum err    e = instruction_unit_check(r->db, r->a, units->v[i], &is_group, &name);
        if (e == ERR_NOTFOUND) return req_bad(r, "units", "交办单位：没有编号为 %s 的单位", units->v[i]);
        TRY(e);
        if (is_group) return req_bad(r, "units", "交办单位：“%s”不是具体单位，请逐个选择单位", name);
        for (size_t k = 0; k < i; k++)
            if (strcmp(units->v[k], units->v[i]) == 0) return req_bad(r, "units", "交办单位：“%s”重复", name);
    }
    return ERR_OK;
}

/* The date written, else for an order the default of its urgency; NULL: nothing to reply. */
static enum err reply_date(struct req *r, const struct instruction_args *p, const char **due) {
    *due = p->reply_by;
    if (p->reply_by && strcmp(p->reply_by, day_text(r->a, r->biz_ms)) < 0) return req_bad(r, "reply_by", "反馈时限：不能早于今天");
    if (p->reply_by || strcmp(p->kind, "order") != 0) return ERR_OK;
    return workday_after(r, r->biz_ms, urgencies[urgency_index(p->urgency)].reply_days, due);
}

static bool has_unit(const struct strs *units, const char *code) {
    for (size_t i = 0; i < units->n; i++)
        if (strcmp(units->v[i], code) == 0) return true;
    return false;
}

static const char *join_units(struct arena *a, const struct strs *units) {
    const char *s = "";
    for (size_t i = 0; i < units->n; i++) s = arena_printf(a, "%s%s%s", s, i ? "," : "", units->v[i]);
    return s;
}

static enum err tell_unit(struct req *r, const struct instruction *i, const char *kind, const char *unit, unsigned roles,
                          const char *extra, size_t *told) {
    struct notice_rules rules = people_notice_rules(r->house);
    struct notice_msg   msg   = {.kind    = kind,
                                 .object  = arena_printf(r->a, "instruction:%s", i->id),
                                 .title   = i->object_title,
                                 .extra   = extra,
                                 .dedupe  = arena_printf(r->a, "%s:%s", kind, i->id),
                                 .wall_ms = r->wall_ms,
                                 .biz_ms  = r->biz_ms};
    size_t              n     = 0;
    TRY(notice_unit(r->db, r->a, &rules, unit, roles, &msg, &n));
    *told += n;
    r->wakes_delivery = true;
    return ERR_OK;
}

enum err instruction_tell_units(struct req *r, const struct instruction *i, const char *kind) {
    struct instruction_unit *v;
    size_t                   n, told = 0;
    TRY(instruction_unit_list(r->db, r->a, i->id, &v, &n));
    for (size_t k = 0; k < n; k++) TRY(tell_unit(r, i, kind, v[k].unit, UNIT_PEOPLE, NULL, &told));
    return ERR_OK;
}

enum err instruction_create(struct req *r, const void *args) {
    const struct instruction_args *p = args;
    const struct signed_text      *t = r->prepared;
    struct instruction_object      o;
    char                           id[ID_CAP];
    const char                    *due;
    size_t                         told = 0;
    TRY(check_object(r, p, &o));
    TRY(recheck(r, p->device, p->serial, p->signed_at));
    TRY(check_units(r, &p->units));
    TRY(reply_date(r, p, &due));
    id_new("i_", id);
    struct instruction i = {.id             = id,
                            .leader         = r->who.id,
                            .device         = p->device,
                            .serial         = p->serial,
                            .signed_at      = p->signed_at,
                            .kind           = p->kind,
                            .urgency        = p->urgency,
                            .object         = p->object,
                            .object_title   = o.title,
                            .object_version = p->object_version,
                            .units          = join_units(r->a, &p->units),
                            .reply_by       = p->reply_by ? p->reply_by : "",
                            .due_on         = due,
                            .text           = p->text,
                            .canonical      = t->canonical,
                            .signature      = p->signature,
                            .pubkey         = t->pubkey,
                            .created_biz    = r->biz_ms,
                            .created_wall   = r->wall_ms};
    TRY(instruction_add(r->db, &i));
    const char *extra = urgencies[urgency_index(p->urgency)].zh;
    if (due) extra = arena_printf(r->a, "%s，%s前反馈", extra, day_words(r->a, due));
    for (size_t k = 0; k < p->units.n; k++) {
        TRY(instruction_unit_add(r->db, id, p->units.v[k], (int64_t)k));
        TRY(tell_unit(r, &i, "instruction.sent", p->units.v[k], UNIT_PEOPLE, extra, &told));
    }
    if (strcmp(p->kind, "order") == 0 && !has_unit(&p->units, INSTRUCTION_OFFICE)) /* classify and register the same day (domain.md 4) */
        TRY(tell_unit(r, &i, "instruction.register", INSTRUCTION_OFFICE, ROLE_DISPATCHER, extra, &told));
    TRY(instruction_publish(r, &i, "instruction.created"));
    if (strcmp(p->kind, "praise") == 0 || strcmp(p->kind, "criticise") == 0) req_dirty_boards(r);
    const char *digest = text_digest(r->a, t->canonical);
    TRY(req_ledger(r, arena_printf(r->a, "instruction:%s", id),
                   arena_printf(r->a, "{\"digest\":\"%s\",\"object\":\"%s\",\"serial\":%lld,\"signature\":\"%s\"}", digest, p->object,
                                (long long)p->serial, p->signature)));
    jw_kstr(r->out, "id", id);
    jw_kstr(r->out, "state", "issued");
    jw_kstr(r->out, "due_on", due);
    jw_ktime(r->out, "created_at", r->biz_ms);
    jw_kstr(r->out, "digest", digest);
    jw_kint(r->out, "units", (int64_t)p->units.n);
    jw_kint(r->out, "notices", (int64_t)told);
    return ERR_OK;
}

/* ---- instruction.withdraw ---- */

enum err instruction_withdraw_prepare(struct req *r, const void *args) {
    const struct withdraw_args *p = args;
    struct device               d;
    const char                 *canonical;
    TRY(load_device(r, p->device, &d));
    TRY(check_clock(r, p->signed_at));
    if (withdrawal_canonical(r->a, r->who.id, pubkey_name(r->a, d.pubkey), p, &canonical) != ERR_OK)
        return req_bad(r, "reason", "撤回理由：含有不能签发的控制字符，请删除后重试");
    return verify(r, &d, canonical, p->signature);
}

/* A second, visible record; the first stays as it was signed. */
enum err instruction_withdraw(struct req *r, const void *args) {
    const struct withdraw_args *p = args;
    const struct signed_text   *t = r->prepared;
    struct instruction          i;
    size_t                      told = 0;
    TRY(instruction_visible(r, p->instruction_id, &i));
    if (strcmp(i.leader, r->who.id) != 0) return ERR_NOTFOUND;
    if (strcmp(i.state, "issued") != 0) return instruction_state_refusal(r, &i);
    TRY(recheck(r, p->device, p->serial, p->signed_at));
    struct instruction_withdrawal w = {.device    = p->device,
                                       .serial    = p->serial,
                                       .signed_at = p->signed_at,
                                       .reason    = p->reason,
                                       .canonical = t->canonical,
                                       .signature = p->signature,
                                       .at_biz    = r->biz_ms};
    TRY(instruction_withdrawal_add(r->db, i.id, &w));
    TRY(instruction_set_state(r->db, i.id, "withdrawn", r->biz_ms));
    TRY(instruction_tell_units(r, &i, "instruction.withdrawn"));
    if (strcmp(i.kind, "order") == 0)
        TRY(tell_unit(r, &i, "instruction.withdrawn", INSTRUCTION_OFFICE, ROLE_DISPATCHER, NULL, &told)); /* its tasks are the office's to decide about */
    TRY(instruction_publish(r, &i, "instruction.withdrawn"));
    if (strcmp(i.kind, "praise") == 0 || strcmp(i.kind, "criticise") == 0) req_dirty_boards(r);
    TRY(req_ledger(r, arena_printf(r->a, "instruction:%s", i.id),
                   arena_printf(r->a, "{\"digest\":\"%s\",\"serial\":%lld,\"signature\":\"%s\"}", text_digest(r->a, t->canonical),
                                (long long)p->serial, p->signature)));
    jw_kstr(r->out, "id", i.id);
    jw_kstr(r->out, "state", "withdrawn");
    jw_kstr(r->out, "message", "已撤回，原批示和撤回记录都会保留。");
    return ERR_OK;
}
