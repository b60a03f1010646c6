/* SPDX-License-Identifier: Apache-2.0
 *
 * Where a person can be reached besides the number (push tokens, openids, office messengers), which WeChat templates were accepted, and
 * by which channels the person wants nothing more. Tokens are sealed before they are stored and never shown again (D7).
 */
#include "store/target.h"

#include <string.h>

#include "base/id.h"
#include "handlers/lists.h"
#include "handlers/method.h"
#include "handlers/people.h"
#include "store/delivery.h"

#define TARGETS_OF_ONE 20
#define CHANNELS       "push|wechat|office|webhook"

struct register_args {
    const char *channel, *vendor, *app, *token, *key;
};
struct target_args {
    const char *target_id;
};
struct consent_args {
    const char *token, *template_id;
    bool        accepted, long_term;
};
struct prefer_args {
    const char *channel;
    bool        wanted;
};

/* The same token under another vendor or app is another one: the index is of the token alone, the row's key holds the rest. */
static void token_index(const struct house *h, const char *token, char out[MAC_CAP]) { phone_index(h, token, out); }

static enum err seal(struct req *r, const char *text, const void **enc, size_t *n) { return phone_seal(r->house, r->a, text, enc, n); }

static enum err target_register(struct req *r, const void *args) {
    const struct register_args *p = args;
    struct target_info         *have;
    size_t                      have_n, active = 0;
    char                        id[ID_CAP], idx[MAC_CAP];
    struct target_row           row = {.person = r->who.id, .channel = p->channel, .vendor = p->vendor ? p->vendor : "", .app = p->app ? p->app : "",
                                       .device = r->who.device};
    if (strcmp(p->channel, "webhook") != 0 && row.vendor[0] == '\0') return req_bad(r, "vendor", "vendor：须写明厂商，如 apns、huawei、wechat_mini、wecom");
    TRY(target_list(r->db, r->a, r->who.id, &have, &have_n));
    token_index(r->house, p->token, idx);
    enum err e = target_by_index(r->db, r->a, row.channel, row.vendor, row.app, idx, &row.id);
    if (e && e != ERR_NOTFOUND) return e;
    for (size_t i = 0; i < have_n; i++) active += strcmp(have[i].state, "active") == 0 && (row.id == NULL || strcmp(have[i].id, row.id) != 0);
    if (active >= TARGETS_OF_ONE) return req_fail(r, ERR_FULL, "登记的设备已满 %d 个，请先删除不用的。", TARGETS_OF_ONE);
    id_new("g_", id);
    if (row.id == NULL) row.id = id;
    row.token_idx = idx;
    TRY(seal(r, p->token, &row.token_enc, &row.token_enc_n));
    if (p->key) TRY(seal(r, p->key, &row.key_enc, &row.key_enc_n));
    TRY(target_put(r->db, &row, r->wall_ms));
    r->object = arena_printf(r->a, "target:%s", row.id);
    TRY(req_ledger(r, r->object, arena_printf(r->a, "{\"channel\":\"%s\",\"vendor\":\"%s\"}", row.channel, row.vendor)));
    jw_kstr(r->out, "id", row.id);
    jw_kstr(r->out, "state", "active");
    return ERR_OK;
}

static enum err list(struct req *r, const void *args) {
    struct target_info *v;
    size_t              n;
    (void)args;
    TRY(target_list(r->db, r->a, r->who.id, &v, &n));
    jw_key(r->out, "items");
    jw_arr(r->out);
    for (size_t i = 0; i < n; i++) {
        jw_obj(r->out);
        jw_kstr(r->out, "id", v[i].id);
        jw_kstr(r->out, "channel", v[i].channel);
        jw_kstr(r->out, "vendor", *v[i].vendor ? v[i].vendor : NULL);
        jw_kstr(r->out, "app", *v[i].app ? v[i].app : NULL);
        jw_kstr(r->out, "device", *v[i].device ? v[i].device : NULL);
        jw_kstr(r->out, "state", v[i].state);
        jw_kstr(r->out, "reason", *v[i].reason ? v[i].reason : NULL);
        jw_ktime(r->out, "registered_at", v[i].registered_wall);
        jw_ktime(r->out, "seen_at", v[i].seen_wall);
        jw_obj_end(r->out);
    }
    jw_arr_end(r->out);
    jw_kstr(r->out, "next", NULL);
    return ERR_OK;
}

static enum err drop(struct req *r, const void *args) {
    const struct target_args *p = args;
    TRY(target_drop(r->db, r->who.id, p->target_id, "removed"));
    r->object = arena_printf(r->a, "target:%s", p->target_id);
    TRY(req_ledger(r, r->object, NULL));
    jw_kstr(r->out, "id", p->target_id);
    jw_kstr(r->out, "state", "gone");
    return ERR_OK;
}

static enum err consent(struct req *r, const void *args) {
    const struct consent_args *p = args;
    char                       idx[MAC_CAP];
    bool                       known;
    token_index(r->house, p->token, idx);
    TRY(target_is_of(r->db, r->who.id, "wechat", idx, &known));
    if (!known) return req_fail(r, ERR_NOTFOUND, "这个微信还没有登记，请先登记后再订阅。");
    if (p->accepted) TRY(consent_add(r->db, "wechat", idx, p->template_id, 1, p->long_term, r->wall_ms));
    jw_kbool(r->out, "accepted", p->accepted);
    return ERR_OK;
}

static enum err prefer(struct req *r, const void *args) {
    const struct prefer_args *p = args;
    TRY(opt_out_set(r->db, r->who.id, p->channel, "person", !p->wanted, r->wall_ms));
    r->object = arena_printf(r->a, "person:%s", r->who.id);
    TRY(req_ledger(r, r->object, arena_printf(r->a, "{\"channel\":\"%s\",\"wanted\":%s}", p->channel, p->wanted ? "true" : "false")));
    jw_kstr(r->out, "channel", p->channel);
    jw_kbool(r->out, "wanted", p->wanted);
    return ERR_OK;
}

static enum err preferences(struct req *r, const void *args) {
    (void)args;
    jw_key(r->out, "items");
    jw_arr(r->out);
    for (int i = CHANNEL_PUSH; i < CHANNELS_N; i++) {
        bool out;
        TRY(opted_out(r->db, r->who.id, delivery_channels[i].word, &out));
        jw_obj(r->out);
        jw_kstr(r->out, "channel", delivery_channels[i].word);
        jw_kstr(r->out, "name", delivery_channels[i].zh);
        jw_kbool(r->out, "wanted", !out);
        jw_obj_end(r->out);
    }
    jw_arr_end(r->out);
    jw_kstr(r->out, "note", "批示、交办、退回、逾期等履职消息不受此设置影响。");
    return ERR_OK;
}

static const struct param register_params[] = {
    P_ENUM(struct register_args, channel, CHANNELS, true),
    P_STR(struct register_args, vendor, 1, 20, false),
    P_STR(struct register_args, app, 1, 100, false),
    P_STR(struct register_args, token, 4, 2000, true),
    P_STR(struct register_args, key, 1, 300, false),
};
static const struct param target_params[]  = {P_ID(struct target_args, target_id, "target")};
static const struct param consent_params[] = {
    P_STR(struct consent_args, token, 4, 200, true),
    P_STR(struct consent_args, template_id, 1, 100, true),
    P_BOOL(struct consent_args, accepted),
    P_BOOL(struct consent_args, long_term),
};
static const struct param prefer_params[] = {
    P_ENUM(struct prefer_args, channel, "push|wechat|office|sms|voice", true),
    P_BOOL(struct prefer_args, wanted),
};

static const struct method rows[] = {
    {.name = "target.register", .verb = V_POST, .path = "/v1/push-targets", .doc = "登记一个可以推送到的地方：手机推送令牌、微信 openid、办公平台账号；换了主人的归新主人。",
     .roles = ROLE_PEOPLE, .flags = M_WRITE | M_CREATED, .cost = 2, PARAMS(register_params), .args_size = sizeof(struct register_args),
     .fn = target_register, .reply_doc = "id，state"},
    {.name = "target.list", .verb = V_GET, .path = "/v1/push-targets", .doc = "本人登记的推送目标；令牌本身不再显示。", .roles = ROLE_PEOPLE, .cost = 1, .fn = list,
     .reply_doc = "items，state 为 gone 的已失效并写明原因"},
    {.name = "target.remove", .verb = V_DELETE, .path = "/v1/push-targets/{target_id}", .doc = "删除一个推送目标。", .roles = ROLE_PEOPLE, .flags = M_WRITE, .cost = 2,
     PARAMS(target_params), .args_size = sizeof(struct target_args), .fn = drop, .reply_doc = "state"},
    {.name = "consent.report", .verb = V_POST, .path = "/v1/consents", .doc = "小程序上报用户对订阅消息模板的选择；一次性订阅每接受一次可发一条。", .roles = ROLE_PEOPLE,
     .flags = M_WRITE, .cost = 2, PARAMS(consent_params), .args_size = sizeof(struct consent_args), .fn = consent, .reply_doc = "accepted"},
    {.name = "preference.get", .verb = V_GET, .path = "/v1/preferences", .doc = "本人愿意从哪些通道收到一般消息。", .roles = ROLE_PEOPLE, .cost = 1, .fn = preferences,
     .reply_doc = "items"},
    {.name = "preference.set", .verb = V_PUT, .path = "/v1/preferences/{channel}", .doc = "不再从某个通道接收一般消息，或恢复；履职消息照发。", .roles = ROLE_PEOPLE,
     .flags = M_WRITE, .cost = 2, PARAMS(prefer_params), .args_size = sizeof(struct prefer_args), .fn = prefer, .reply_doc = "wanted"},
};
METHOD_LIST(target_methods, rows);
