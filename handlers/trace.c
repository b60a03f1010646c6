/* SPDX-License-Identifier: Apache-2.0
 *
 * What happened to a message, for its recipient and for operators: one sentence, and every step, attempt and receipt behind it. Never
 * the text, a number or a token.
 */
#include "handlers/trace.h"

#include <string.h>

#include "handlers/delivery_words.h"
#include "handlers/lists.h"
#include "handlers/method.h"
#include "handlers/people.h"
#include "push/code_words.h"

struct trace_args {
    const char *notice_id;
};

/* "短信已送达（6月27日 14:32）" */
const char *trace_words(struct req *r, bool is_read, const struct trace_delivery *d) {
    const char *zh = delivery_channel_zh(d->channel);
    if (d->is_raise) zh = arena_printf(r->a, "%s加急", zh);
    const char *why = delivery_reason_zh(d->verdict), *at = moment_text(r->a, d->updated_wall), *means = code_words(d->detail);
    if (strcmp(d->verdict, "simulated") == 0) return arena_printf(r->a, "%s（%s）", zh, why);
    if (strcmp(d->state, "delivered") == 0) return arena_printf(r->a, "%s已送达（%s）", zh, at);
    if (d->is_raise && strcmp(d->state, "sent") == 0) return arena_printf(r->a, "%s已发出（%s）", zh, at);
    if (strcmp(d->state, "sent") == 0) return arena_printf(r->a, "%s已发出（%s），等待回执", zh, at);
    if (strcmp(d->state, "cancelled") == 0) return arena_printf(r->a, "%s：%s，不再发送", zh, is_read ? "已读" : "已取消");
    if (strcmp(d->state, "failed") == 0) {
        const char *code = *d->detail ? arena_printf(r->a, "（%s）", d->detail) : "";
        return arena_printf(r->a, "%s%s：%s%s", zh, d->is_raise ? "未成" : "未送达", means ? means : *why ? why : "未成功", code);
    }
    if (strcmp(d->state, "unknown") == 0) return arena_printf(r->a, "%s是否送达不明：%s", zh, *why ? why : "未收到答复");
    if (strcmp(d->state, "waiting") == 0 && d->attempts == 0) return arena_printf(r->a, "%s：若届时仍未读，%s 发送", zh, moment_text(r->a, d->due_wall));
    if (strcmp(d->state, "waiting") == 0) return arena_printf(r->a, "%s：%s，将再次发送", zh, *why ? why : "未成功");
    return arena_printf(r->a, "%s正在发送", zh);
}

/* The best that is known, in one sentence. */
static const char *summary(struct req *r, const struct trace_notice *n, const struct trace_delivery *v, size_t v_n) {
    const char *best = NULL;
    int         top  = -1;
    if (n->read_wall) {
        const char *where = strcmp(n->read_by, "app") == 0 || *n->read_by == '\0' ? "掌办" : delivery_channel_zh(n->read_by);
        return arena_printf(r->a, "已读（%s，在%s）", moment_text(r->a, n->read_wall), where);
    }
    static const char *const states[] = {"cancelled", "failed", "unknown", "waiting", "queued", "claimed", "sent", "delivered"};
    for (size_t i = 0; i < v_n; i++)
        for (int k = 0; k < 8; k++)
            if (strcmp(states[k], v[i].state) == 0 && k > top && strcmp(v[i].channel, "log") != 0) {
                top  = k;
                best = trace_words(r, n->read_wall != 0, &v[i]);
            }
    return best ? arena_printf(r->a, "未读；站内已送达；%s", best) : "未读；站内已送达";
}

enum err trace_write_events(struct req *r, const char *delivery) {
    struct trace_event *ev;
    size_t              ev_n;
    TRY(trace_events(r->db, r->a, delivery, &ev, &ev_n));
    jw_key(r->out, "events");
    jw_arr(r->out);
    for (size_t i = 0; i < ev_n; i++) {
        const char *of    = strcmp(ev[i].what, "attempt") == 0 ? ev[i].verdict : strcmp(ev[i].verdict, "failed") == 0 ? "reported" : strcmp(ev[i].verdict, "missing") == 0 ? "unreported" : "";
        const char *words = delivery_reason_zh(of);
        jw_obj(r->out);
        jw_kstr(r->out, "what", ev[i].what);
        jw_kstr(r->out, "provider", *ev[i].provider ? ev[i].provider : NULL);
        jw_kstr(r->out, "verdict", *ev[i].verdict ? ev[i].verdict : NULL);
        jw_kstr(r->out, "verdict_text", *words ? words : NULL);
        jw_kstr(r->out, "detail", *ev[i].detail ? ev[i].detail : NULL);
        jw_kstr(r->out, "detail_text", code_words(ev[i].detail));
        jw_ktime(r->out, "at", ev[i].at_wall);
        jw_ktime(r->out, "ended_at", ev[i].ended_wall);
        jw_obj_end(r->out);
    }
    jw_arr_end(r->out);
    return ERR_OK;
}

static enum err write_delivery(struct req *r, const struct trace_notice *n, const struct trace_delivery *d) {
    jw_obj(r->out);
    jw_kstr(r->out, "id", d->id);
    jw_kint(r->out, "step", d->step);
    jw_kstr(r->out, "channel", d->channel);
    jw_kstr(r->out, "channel_text", delivery_channel_zh(d->channel));
    jw_kbool(r->out, "louder", d->is_raise);
    jw_kstr(r->out, "vendor", *d->vendor ? d->vendor : NULL);
    jw_kstr(r->out, "state", d->state);
    jw_kstr(r->out, "provider", *d->provider ? d->provider : NULL);
    jw_kstr(r->out, "verdict", *d->verdict ? d->verdict : NULL);
    jw_kstr(r->out, "detail", *d->detail ? d->detail : NULL);
    jw_kstr(r->out, "detail_text", code_words(d->detail));
    jw_ktime(r->out, "due_at", d->due_wall);
    jw_ktime(r->out, "updated_at", d->updated_wall);
    jw_kstr(r->out, "text", trace_words(r, n->read_wall != 0, d));
    TRY(trace_write_events(r, d->id));
    jw_obj_end(r->out);
    return ERR_OK;
}

static enum err trace(struct req *r, const void *args) {
    const struct trace_args *p = args;
    struct trace_notice      n;
    struct trace_delivery   *v;
    size_t                   v_n;
    TRY(trace_notice(r->db, r->a, p->notice_id, &n));
    if (strcmp(n.person, r->who.id) != 0 && !req_has(r, ROLE_ADMIN | ROLE_AUDITOR)) return ERR_NOTFOUND;
    TRY(trace_deliveries(r->db, r->a, n.id, &v, &v_n));
    jw_kstr(r->out, "id", n.id);
    jw_kstr(r->out, "person", n.person);
    jw_kstr(r->out, "kind", n.kind);
    jw_kint(r->out, "priority", n.priority);
    jw_ktime(r->out, "created_at", n.created_wall);
    jw_ktime(r->out, "deadline_at", n.deadline_wall);
    jw_ktime(r->out, "read_at", n.read_wall);
    jw_kstr(r->out, "read_by", *n.read_by ? n.read_by : NULL);
    jw_kstr(r->out, "text", summary(r, &n, v, v_n));
    jw_key(r->out, "deliveries");
    jw_arr(r->out);
    for (size_t i = 0; i < v_n; i++) TRY(write_delivery(r, &n, &v[i]));
    jw_arr_end(r->out);
    return ERR_OK;
}

static const struct param trace_params[] = {P_ID(struct trace_args, notice_id, "notice")};

static const struct method rows[] = {
    {.name = "notice.trace", .verb = V_GET, .path = "/v1/notices/{notice_id}/trace",
     .doc = "这条消息经过了什么：各通道的计划、每次发送、回执和一句话说明；收件人看自己的，管理员和审计看全部，不含正文。", .roles = ROLE_PEOPLE, .cost = 2,
     PARAMS(trace_params), .args_size = sizeof(struct trace_args), .fn = trace, .reply_doc = "text 说明，deliveries 每个通道及 events"},
};
METHOD_LIST(trace_methods, rows);
