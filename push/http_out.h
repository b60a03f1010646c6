/* SPDX-License-Identifier: Apache-2.0
 *
 * HTTP requests to providers: one libcurl multi on a libuv loop, connections kept and multiplexed (HTTP/2 over TLS by ALPN, prior
 * knowledge never). Loop thread only. TLS 1.2 or better, certificates checked, no redirects, no cookies, no environment proxies.
 */
#ifndef ZB_PUSH_HTTP_OUT_H
#define ZB_PUSH_HTTP_OUT_H

#include <uv.h>

#include "push/provider.h"

struct http_out;
struct http_req;

/* How to reach a provider; strings live as long as its requests. */
struct http_way {
    const char *proxy, *ca_file; /* "" none */
    int64_t     timeout_ms;      /* whole request; connecting has a quarter of it, at most 10 s */
};

struct http_out *http_out_new(uv_loop_t *loop);
/* Cancels; the loop must run once more for its handles to close. Not from inside a `done`. NULL is legal. */
void             http_out_free(struct http_out *h);
/* call and its strings are copied. done: exactly once, never inside this function; the answer is borrowed, its body cut at
 * HTTP_ANSWER_MAX. A request is never sent a second time unless the peer said that it did not look at the first (REFUSED_STREAM, GOAWAY).
 * ERR_INPUT: not a URL, or CR or LF in a header. *req for http_out_cancel; dead after done. */
enum err http_out_send(struct http_out *h, const struct http_way *way, const struct http_call *call,
                       void (*done)(void *arg, const struct http_answer *r), void *arg, struct http_req **req) MUST_CHECK;
/* done will not be called. *lost: the request may have arrived. */
void http_out_cancel(struct http_req *req, bool *lost);

/* Connections opened so far (tests, figures). */
uint64_t http_out_connections(const struct http_out *h);
#endif
