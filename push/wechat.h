/* SPDX-License-Identifier: Apache-2.0
 *
 * What mini-programs and official accounts of WeChat have in common: the stable access token, codes, events posted to us. Pure
 * functions, any thread; what they return is in the arena.
 */
#ifndef ZB_PUSH_WECHAT_H
#define ZB_PUSH_WECHAT_H

#include "base/json.h"
#include "push/provider.h"

#define WECHAT_HOST "api.weixin.qq.com"
#define WECHAT_POST_MAX (64U * 1024U)
#define WECHAT_EVENT_AGE_S 600 /* a signed address is good for so long: the signature does not cover the body */

struct wechat_state {
    char *secret, *token; /* token "": no events */
};
/* Reads app_secret and token, checks the templates. */
enum err wechat_open(struct provider *p, char *why, size_t why_n);
void     wechat_close(struct provider *p);
#define WECHAT_OPTS                                                                                                              \
    {"app_id", OPT_TEXT, NULL, "AppID", 0, 0}, {"app_secret", OPT_FILE, NULL, "file with its AppSecret", 0, 0},                  \
        {"token", OPT_FILE,                                                                                                      \
         "",      "file with the token of the message push (plain mode) to /v1/receipts/NAME; empty: events are not taken",      \
         0,       0},                                                                                                            \
    {                                                                                                                            \
        "long_term", OPT_TEXT, "", "template ids whose acceptance is good for any number of messages, blanks between", 0, 0      \
    }

enum err wechat_cred_call(struct provider *p, struct arena *a, int64_t wall_ms, struct http_call *out);
void     wechat_cred_answer(struct provider *p, struct arena *a, const struct http_answer *r, const char **cred, int64_t *life_ms,
                            struct push_answer *out);

/* path?access_token=..., JSON body. */
void wechat_to(struct provider *p, struct arena *a, const char *path, const char *cred, const char *body, struct http_call *out);
/* Writes "data": {"thing1": {"value": ...}, ...}. ERR_INPUT: a value that WeChat would refuse. */
enum err wechat_data(struct arena *a, const struct push_msg *m, const struct provider_template *t, struct jw *w,
                     struct push_answer *why);
/* "pages/x?o=task%3AID"; "" when there is no page. */
const char *wechat_page(struct arena *a, const char *page, const struct push_msg *m);
bool        wechat_is_openid(const char *s);

void wechat_answer(struct provider *p, struct arena *a, const struct push_msg *m, const struct http_answer *r, int64_t wall_ms,
                   struct push_answer *out);

/* Check of the address (echostr) and events: sent, job finished. JSON or XML. */
enum err wechat_receipts(struct provider *p, struct arena *a, const char *query, const struct http_header *headers,
                         size_t headers_n, const char *body, size_t body_n, int64_t wall_ms, struct push_receipt **list,
                         size_t *n, const char **reply);
/* Accepted, refused, switched off; followed, no longer followed. */
enum err wechat_consents(struct provider *p, struct arena *a, const char *body, size_t body_n, struct push_consent **list,
                         size_t *n);

#endif
