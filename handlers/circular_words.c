/* SPDX-License-Identifier: Apache-2.0
 *
 * Why a must-read notice reached somebody or did not, in words that a sender without technical knowledge can act on.
 */
#include <stdio.h>
#include <string.h>

#include "handlers/circular.h"
#include "handlers/delivery_words.h"
#include "handlers/people.h"

const char *const circular_stage_words[STAGES_N] = {"waiting", "sent", "reached", "failed", "read"};

/* What carriers write in a negative report. */
static const struct {
    const char *stat, *zh;
} stats[] = {{"UNDELIV", "号码无法接通或已停用"}, {"EXPIRED", "对方长时间关机或不在服务区"}, {"REJECTD", "被运营商拦截"}, {"DELETED", "被运营商删除"}};

static const char *verdict_zh(struct arena *a, const struct circular_try *t) {
    if (strcmp(t->verdict, "reported") == 0) {
        for (size_t i = 0; i < sizeof stats / sizeof stats[0]; i++)
            if (strcmp(t->detail, stats[i].stat) == 0) return stats[i].zh;
        if (*t->detail) return arena_printf(a, "%s（%s）", delivery_reason_zh(t->verdict), t->detail);
    }
    const char *zh = delivery_reason_zh(t->verdict);
    return *zh ? zh : "没有成功";
}

static bool is(const char *s, const char *word) { return strcmp(s, word) == 0; }

const char *circular_try_words(struct arena *a, const struct circular_try *t, int64_t wall_ms) {
    if (is(t->verdict, "simulated")) return delivery_reason_zh(t->verdict);
    if (is(t->state, "delivered")) return "已送达";
    if (is(t->state, "sent")) return "已发出，尚无送达回执";
    if (is(t->state, "cancelled")) return "已取消，不再发送";
    if (is(t->state, "failed") || is(t->state, "unknown")) return verdict_zh(a, t);
    if (is(t->state, "waiting") && t->due_wall > wall_ms)
        return arena_printf(a, t->not_before ? "免打扰时段，%s 后发出" : "%s 发出", moment_text(a, t->due_wall));
    return "正在发送";
}

/* "手机推送：设备或号码已失效；" of what failed, each channel once. */
static const char *failures(struct arena *a, const struct circular_try *t, size_t n) {
    const char *text = "";
    for (size_t i = 0; i < n; i++) {
        bool known = false;
        for (size_t k = i + 1; k < n && !known; k++) known = is(t[k].channel, t[i].channel); /* the last try counts */
        if (!known && is(t[i].state, "failed"))
            text = arena_printf(a, "%s%s%s未送达：%s", text, *text ? "；" : "", delivery_channel_zh(t[i].channel), verdict_zh(a, &t[i]));
    }
    return text;
}

static const struct circular_try *find(const struct circular_try *t, size_t n, const char *state) {
    for (size_t i = n; i > 0; i--)
        if (is(t[i - 1].state, state)) return &t[i - 1];
    return NULL;
}

/* What comes next: the first due of those that wait. */
static const char *outlook(struct arena *a, const struct circular_try *t, size_t n, int64_t wall_ms) {
    const struct circular_try *next = NULL;
    for (size_t i = 0; i < n; i++) {
        bool open = is(t[i].state, "waiting") || is(t[i].state, "queued") || is(t[i].state, "claimed");
        if (open && (next == NULL || t[i].due_wall < next->due_wall)) next = &t[i];
    }
    if (next == NULL) return "";
    const char *zh = delivery_channel_zh(next->channel);
    if (!is(next->state, "waiting") || next->due_wall <= wall_ms) return arena_printf(a, "%s正在发送", zh);
    if (next->not_before) return arena_printf(a, "现在是免打扰时段，%s将于 %s 发出", zh, moment_text(a, next->due_wall));
    return arena_printf(a, "%s将于 %s 发出", zh, moment_text(a, next->due_wall));
}

static const char *join(struct arena *a, const char *x, const char *y) { return *x && *y ? arena_printf(a, "%s；%s", x, y) : *x ? x : y; }

const char *circular_words(struct arena *a, const struct circular_person *p, const struct circular_try *t, size_t n, int64_t wall_ms) {
    const struct circular_try *sent;
    const char                *text;
    if (p->confirmed_wall) return "已阅读并确认";
    switch ((enum circular_stage)p->stage) {
    case STAGE_READ: return is(p->read_by, "app") || !*p->read_by ? "已阅读，尚未确认" : arena_printf(a, "已在%s阅读，尚未确认", delivery_channel_zh(p->read_by));
    case STAGE_REACHED: return arena_printf(a, "%s已送达，尚未阅读", delivery_channel_zh(p->reached_by));
    case STAGE_SENT:
        sent = find(t, n, "sent");
        text = sent ? arena_printf(a, "%s已发出，尚无送达回执", delivery_channel_zh(sent->channel)) : "已发出，是否送达不明";
        return join(a, text, outlook(a, t, n, wall_ms));
    case STAGE_WAITING:
        text = join(a, failures(a, t, n), outlook(a, t, n, wall_ms));
        return *text ? text : "正在发送";
    default: break;
    }
    text = failures(a, t, n);
    if (*text) return text;
    if (n > 0) return "发送已取消，登录掌办可见";
    return "没有可用的送达方式（未绑定手机应用、已退订，或这一级别不发短信）；登录掌办可见";
}
