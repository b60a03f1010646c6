/* SPDX-License-Identifier: Apache-2.0
 *
 * Runs one provider of the HTTP family on the delivery worker's libuv loop: credential, request, answer, verdict. Everything here and
 * every callback runs on that loop's thread. One libcurl multi for all providers (push/http_out.h), HTTP/2 multiplexed.
 *
 * submit -> (credential: from memory, from Redis, made or fetched, one fetch at a time) -> request -> kind->answer -> on_result, exactly
 * once for each ERR_OK of submit. An answer of V_AUTH drops the credential, gets a new one and sends once more (nothing arrived);
 * the second V_AUTH is the result. It never paces, and never sends a message twice otherwise: that is the router's. Questions about a sent
message (poll) and what makes it louder (raise) go the same way, in the same window.
 */
#ifndef ZB_PUSH_CALLER_H
#define ZB_PUSH_CALLER_H

#include "push/http_out.h"
#include "push/provider.h"

struct caller;

struct caller_ops {
    void (*on_result)(void *arg, uint64_t cookie, const struct push_answer *a); /* may call any function of this file */
    void (*on_room)(void *arg);                                               /* after a submit was ERR_BUSY */
    /* of caller_poll; *receipt is borrowed, and of use only when a->verdict is V_SENT. NULL is legal where nothing is polled */
    void (*on_poll)(void *arg, uint64_t cookie, const struct push_receipt *receipt, const struct push_answer *a);
};

/* provider, out: borrowed for life. redis: address, for shared credentials; "" none (tests): then each worker has its own. */
struct caller *caller_new(uv_loop_t *loop, struct http_out *out, struct provider *provider, const char *redis, const struct caller_ops *ops,
                          void *arg);
/* m is copied. ERR_BUSY: `window` requests are under way. */
enum err caller_submit(struct caller *c, uint64_t cookie, const struct push_msg *m) MUST_CHECK;
/* For kinds with poll_call, raise_call; ref: push_answer.ref of the message. The answer comes by on_poll; of a raise by on_result. */
enum err caller_poll(struct caller *c, uint64_t cookie, const struct push_msg *m, const char *ref) MUST_CHECK;
enum err caller_raise(struct caller *c, uint64_t cookie, const struct push_msg *m, const char *ref, int level) MUST_CHECK;
size_t   caller_under_way(const struct caller *c);
/* What is under way ends as V_UNKNOWN (sent) or V_RETRY (not yet sent), by on_result or on_poll, before this returns. NULL is legal. */
void caller_free(struct caller *c);

#endif
