/* SPDX-License-Identifier: Apache-2.0
 *
 * Both generations of Huawei Push Kit (kinds huawei and huawei3) answer alike: {"code","msg","requestId"}, the msg of a refused
 * token being JSON in a text.
 */
#ifndef ZB_PUSH_HUAWEI_INT_H
#define ZB_PUSH_HUAWEI_INT_H

#include "push/provider.h"

#define HUAWEI_PUSH "https://push-api.cloud.huawei.com"
#define HUAWEI_TOKEN "https://oauth-login.cloud.huawei.com/oauth2/v3/token"
#define HUAWEI_TTL_MAX_S 1296000 /* 15 days */

void huawei_answer(struct provider *p, struct arena *a, const struct push_msg *m, const struct http_answer *r, int64_t wall_ms,
                   struct push_answer *out);

#endif
