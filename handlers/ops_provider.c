/* SPDX-License-Identifier: Apache-2.0
 *
 * An operator's acts on one provider: holding it, letting it go on, and a test message to the operator's own telephone or device. What is
 * held stands in the records; every worker looks there once a second (push/pacer.c).
 */
#include <string.h>

#include "base/id.h"
#include "handlers/lists.h"
#include "handlers/ops_int.h"
#include "handlers/people.h"
#include "store/delivery.h"
#include "store/ops.h"
#include "store/target.h"

#define TEST_KIND "ops.test" /* push/notice_kinds.def */
#define TEST_MS   60000

struct hold_args {
    const char *provider, *reason;
};
struct test_args {
    const char *provider;
};

static enum err is_held(struct req *r, const char *provider, bool *yes) {
    const char *names;
    TRY(provider_holds(r->db, r->a, &names));
    *yes = strstr(names, arena_printf(r->a, ",%s,", provider)) != NULL;
    return ERR_OK;
}

static enum err set_hold(struct req *r, const struct hold_args *p, bool hold) {
    bool held;
    if (ops_provider(r->house, p->provider) == NULL) return ERR_NOTFOUND;
    TRY(is_held(r, p->provider, &held));
    if (held == hold) return req_fail(r, ERR_STATE, hold ? "该通道已经停用，无需重复操作。" : "该通道没有停用，无需恢复。");
    TRY(provider_hold_set(r->db, p->provider, r->who.id, p->reason, hold, r->wall_ms));
    TRY(ops_on_record(r, hold ? "pause" : "resume", arena_printf(r->a, "provider:%s", p->provider), p->reason, ""));
    r->wakes_delivery = true;
    jw_kstr(r->out, "provider", p->provider);
    jw_kbool(r->out, "held", hold);
    return ERR_OK;
}

static enum err pause_one(struct req *r, const void *args) { return set_hold(r, args, true); }
static enum err resume_one(struct req *r, const void *args) { return set_hold(r, args, false); }

/* Where the operator can be reached by this provider: "" for the own number. */
static enum err own_target(struct req *r, const struct provider *p, int channel, const char **target) {
    const char *vendor = provider_kind(p)->vendor;
    *target            = "";
    if (delivery_channels[channel].target == TARGET_PHONE) {
        struct person me;
        TRY(person_get(r->db, r->a, r->who.id, &me));
        return me.phone_enc ? ERR_OK : req_fail(r, ERR_STATE, "您没有登记手机号，收不到测试短信，请先登记。");
    }
    struct target_info *v;
    size_t              n;
    TRY(target_list(r->db, r->a, r->who.id, &v, &n));
    for (size_t i = 0; i < n && **target == '\0'; i++)
        if (strcmp(v[i].channel, delivery_channels[channel].word) == 0 && strcmp(v[i].state, "active") == 0 && (*vendor == '\0' || strcmp(v[i].vendor, vendor) == 0))
            *target = v[i].id;
    return **target ? ERR_OK : req_fail(r, ERR_STATE, "您没有登记可用于该通道的设备或账号，请先登记。");
}

/* All others of the channel, whatever devices they serve. */
static const char *all_others(struct req *r, const struct provider *p) {
    const char *out = "";
    for (size_t i = 0; i < r->house->providers_n; i++) {
        const struct provider *o = r->house->providers[i];
        if (o != p && strcmp(provider_kind(o)->channel, provider_kind(p)->channel) == 0) out = arena_printf(r->a, "%s%s,", *out ? out : ",", provider_name(o));
    }
    return out;
}

static enum err test(struct req *r, const void *args) {
    const struct test_args *t = args;
    const struct provider  *p = ops_provider(r->house, t->provider);
    bool                    held, lately;
    const char             *target, *notice, *object = arena_printf(r->a, "provider:%s", t->provider);
    if (p == NULL) return ERR_NOTFOUND;
    int channel = delivery_channel_of(provider_kind(p)->channel);
    TRY(is_held(r, t->provider, &held));
    if (held) return req_fail(r, ERR_STATE, "该通道已停用，请先恢复再测试。");
    TRY(ops_notice_since(r->db, r->who.id, TEST_KIND, object, r->wall_ms - TEST_MS, &lately));
    if (lately) {
        r->retry_ms = TEST_MS;
        return req_fail(r, ERR_LIMIT, "每条通道一分钟只能测试一次，请稍后再试。");
    }
    TRY(own_target(r, p, channel, &target));
    struct notice_rules      rules    = people_notice_rules(r->house);
    const struct notice_plan none[4]  = {0};
    char                     id[ID_CAP];
    size_t                   n;
    rules.plans    = none; /* by this provider and no other way */
    rules.demo_log = false;
    id_new("d_", id);
    struct notice_msg m = {.kind = TEST_KIND, .object = object, .title = t->provider, .dedupe = arena_printf(r->a, "test:%s", id), .wall_ms = r->wall_ms, .biz_ms = r->biz_ms};
    TRY(notice_person(r->db, r->a, &rules, r->who.id, &m, &n));
    TRY(ops_notice_of(r->db, r->a, r->who.id, m.dedupe, &notice));
    TRY(delivery_insert(r->db, &(struct delivery_row){.id = id, .notice = notice, .person = r->who.id, .channel = delivery_channels[channel].word, .target = target,
                                                      .priority = 1, .step = 1, .due_wall_ms = r->wall_ms, .wall_ms = r->wall_ms}));
    TRY(ops_avoid(r->db, id, all_others(r, p)));
    TRY(ops_on_record(r, "test", object, "", arena_printf(r->a, ",\"delivery\":\"%s\"", id)));
    r->wakes_delivery = true;
    jw_kstr(r->out, "notice", notice);
    jw_kstr(r->out, "delivery", id);
    return ERR_OK;
}

static const struct param hold_params[] = {P_ID(struct hold_args, provider, "provider"), P_STR(struct hold_args, reason, 2, 200, true)};
static const struct param test_params[] = {P_ID(struct test_args, provider, "provider")};

static const struct method rows[] = {
    {.name = "provider.pause", .verb = V_POST, .path = "/v1/providers/{provider}/pause", .doc = "停用一个运营方：一秒内各下发进程不再用它，已提交的照常等回执，其余改走同类通道。",
     .roles = ROLE_ADMIN, .flags = M_WRITE, .cost = 2, PARAMS(hold_params), .args_size = sizeof(struct hold_args), .fn = pause_one, .reply_doc = "provider，held"},
    {.name = "provider.resume", .verb = V_POST, .path = "/v1/providers/{provider}/resume", .doc = "恢复停用的运营方。", .roles = ROLE_ADMIN, .flags = M_WRITE, .cost = 2,
     PARAMS(hold_params), .args_size = sizeof(struct hold_args), .fn = resume_one, .reply_doc = "provider，held"},
    {.name = "provider.test", .verb = V_POST, .path = "/v1/providers/{provider}/test", .doc = "只经这一个运营方向操作人自己的手机号或设备发一条测试消息；每分钟一次。",
     .roles = ROLE_ADMIN, .flags = M_WRITE, .cost = 4, PARAMS(test_params), .args_size = sizeof(struct test_args), .fn = test,
     .reply_doc = "notice，delivery；结果用 delivery.get 查看"},
};
METHOD_LIST(ops_provider_methods, rows);
