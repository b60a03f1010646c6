/* SPDX-License-Identifier: Apache-2.0
 *
 * Routes of the HTTP family: messages to push/caller.h, whose answers are verdicts already.
 */
#include <string.h>

#include "base/check.h"
#include "base/clock.h"
#include "push/caller.h"
#include "push/route_int.h"

#define WINDOW_CALLS 100
#define TTL_S        86400

static void on_result(void *arg, uint64_t cookie, const struct push_answer *a) {
    struct route *r  = arg;
    struct item  *it = (struct item *)(uintptr_t)cookie; /* in r->sent until now */
    route_result(r, it, a, a->ref);
    if (!r->d->stopping) deliver_pump_soon(r->d);
}

static void on_poll(void *arg, uint64_t cookie, const struct push_receipt *rc, const struct push_answer *a) {
    struct route *r = arg;
    polls_answer(r, (struct item *)(uintptr_t)cookie, rc, a); /* in r->asked until now */
    if (!r->d->stopping) deliver_pump(r->d);
}

static void on_room(void *arg) {
    struct route *r = arg;
    if (!r->d->stopping) deliver_pump_soon(r->d);
}

static const char *or_empty(const char *s) { return s ? s : ""; }

enum what { SEND, ASK, RAISE };

/* A raise and a question are about the message, so they bear its id. */
static enum err call(struct route *r, struct item *it, enum what what) {
    static const int      levels[] = {RAISE_PHONE, RAISE_SMS, RAISE_APP, RAISE_APP}; /* by priority; the provider's option is the ceiling */
    const struct push_var vars[] = {{"t", or_empty(it->var_t)}, {"x", or_empty(it->var_x)}};
    const struct push_msg m      = {.id         = it->message,
                                    .attempt    = it->attempt,
                                    .notice     = it->notice,
                                    .target     = it->target,
                                    .target_key = or_empty(it->target_key),
                                    .app        = it->app,
                                    .kind       = it->kind,
                                    .title      = it->title,
                                    .text       = it->plain,
                                    .object     = it->object,
                                    .signature  = r->d->conf.signature,
                                    .priority   = item_priority(it),
                                    .ttl_s      = TTL_S,
                                    .unread     = -1,
                                    .at_wall_ms = it->at_wall_ms,
                                    .vars       = vars,
                                    .vars_n     = ARRAY_N(vars)};
    uint64_t cookie = (uint64_t)(uintptr_t)it;
    if (what == ASK) return caller_poll(r->peer, cookie, &m, it->ref);
    if (what == RAISE) return caller_raise(r->peer, cookie, &m, it->ref, levels[item_priority(it)]);
    return caller_submit(r->peer, cookie, &m);
}

static enum err submit(struct route *r, struct item *it) { return call(r, it, it->is_raise ? RAISE : SEND); }
static enum err ask(struct route *r, struct item *it) { return call(r, it, ASK); }

static size_t parts(const struct item *it) {
    (void)it;
    return 1;
}

/* By messages: route.c counts the verdicts. */
static void answers(struct route *r, unsigned *n, unsigned *throttled) {
    *n               = (unsigned)(r->answers_n - r->answers_told);
    *throttled       = (unsigned)(r->verdicts[V_THROTTLED] - r->throttled_told);
    r->answers_told   = r->answers_n;
    r->throttled_told = r->verdicts[V_THROTTLED];
}

static void stored(struct route *r, uint64_t token) {
    (void)r;
    (void)token;
}

static enum err open_call(struct route *r, char *why, size_t why_n) {
    static const struct caller_ops OPS = {on_result, on_room, on_poll};
    (void)why;
    (void)why_n;
    if (r->window == 0) r->window = WINDOW_CALLS;
    if (r->d->http == NULL) r->d->http = http_out_new(&r->d->loop);
    r->peer  = caller_new(&r->d->loop, r->d->http, r->provider, r->d->conf.redis, &OPS, r);
    r->is_up = true;
    return ERR_OK;
}

static void close_call(struct route *r) {
    caller_free(r->peer);
    r->peer = NULL;
    route_closed(r);
}

const struct route_family route_family_call = {
    .open = open_call, .submit = submit, .ask = ask, .parts = parts, .answers = answers, .stored = stored, .close = close_call};
