/* SPDX-License-Identifier: Apache-2.0
 *
 * Who may listen to what: the one table of channels (DESIGN 4, D13).
 */
#include <string.h>

#include "handlers/access.h"
#include "handlers/channel_state.h"
#include "handlers/circular.h"
#include "handlers/method.h"
#include "handlers/ranking.h"

static enum err may_user(struct req *r, const char *rest) { return strcmp(rest, r->who.id) == 0 ? ERR_OK : ERR_PERM; }

const struct channel_row channel_rows[] = {
    {.prefix = "user", .doc = "本人收件箱与会话事件（登录后自动订阅）", .flags = CH_SERVER | CH_SNAPSHOT, .size = 100, .ttl_s = 86400, .roles = ROLE_PEOPLE, .may = may_user,
     .snapshot = channel_state_user},
    {.prefix = "ranking", .doc = "任务办理情况排行榜 ranking:<期间>:<范围>", .flags = CH_LATEST | CH_SNAPSHOT | CH_PRESENCE, .size = 300, .ttl_s = 7 * 86400,
     .roles = ROLE_STAFF | ROLE_DISPLAY | ROLE_ADMIN | ROLE_AUDITOR, .may = ranking_channel_may, .snapshot = ranking_channel_snapshot},
    {.prefix = "unit", .doc = "一个单位的任务与批示", .flags = CH_SNAPSHOT, .size = 300, .ttl_s = 86400, .roles = ROLE_STAFF | ROLE_AUDITOR, .may = access_unit_channel,
     .snapshot = channel_state_unit},
    {.prefix = "task", .doc = "一项任务的办理过程", .flags = CH_SNAPSHOT, .size = 300, .ttl_s = 86400, .roles = ROLE_STAFF | ROLE_AUDITOR, .may = access_task_channel,
     .snapshot = channel_state_task},
    {.prefix = "circular", .doc = "一份必读通知的送达和阅读人数（发送人和发送单位的督办人员）", .flags = CH_LATEST | CH_SNAPSHOT, .size = 100, .ttl_s = 86400,
     .roles = ROLE_STAFF, .may = circular_channel_may, .snapshot = circular_channel_snapshot},
};
const size_t channel_rows_n = sizeof channel_rows / sizeof channel_rows[0];

const struct channel_row *channel_find(const char *channel) {
    const char *colon = strchr(channel, ':');
    if (colon == NULL || colon[1] == '\0') return NULL;
    size_t n = (size_t)(colon - channel);
    for (size_t i = 0; i < channel_rows_n; i++)
        if (strlen(channel_rows[i].prefix) == n && memcmp(channel_rows[i].prefix, channel, n) == 0) return &channel_rows[i];
    return NULL;
}
