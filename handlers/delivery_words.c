/* SPDX-License-Identifier: Apache-2.0 */
#include "handlers/delivery_words.h"

#include <string.h>

#include "push/provider.h"
#include "store/delivery.h"

/* The words that are no verdict of a provider (push/verdict.def has those). */
static const struct {
    const char *verdict, *zh;
} own[] = {
    {"expired", "发出前已失效"},       {"no_target", "没有登记号码或设备"}, {"no_provider", "没有可用的通道"},
    {"not_sent", "通道暂时不通"},      {"reported", "运营方回执：未送达"},  {"unreported", "未在规定时间内收到回执"},
    {"simulated", "演示，未真正发出"}, {"logged", "已写入演示记录"},        {"log_error", "演示记录无法写入"},
    {"no_message", "前一条消息未送出，无从加急"}, {"no_raise", "该平台不能加急"},
        {"replayed", "由值班人员重发"},    {"operator", "由值班人员取消"},
};

const char *delivery_channel_zh(const char *channel) {
    if (strcmp(channel, "app") == 0) return "掌办";
    int i = delivery_channel_of(channel);
    return i < 0 ? channel : delivery_channels[i].zh;
}

const char *delivery_reason_zh(const char *verdict) {
    for (size_t i = 0; i < sizeof own / sizeof own[0]; i++)
        if (strcmp(own[i].verdict, verdict) == 0) return own[i].zh;
    enum verdict v = verdict_of(verdict);
    return v == V_MAX ? "" : verdict_info(v)->zh;
}
