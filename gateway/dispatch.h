/* SPDX-License-Identifier: Apache-2.0
 *
 * From a method call to its answer: the gates in one order (size and parse are the codec's; known, authenticated, role, rate,
 * parameters, in-flight, overload), then a worker or the writer, then the answer on the loop the call came from.
 */
#ifndef ZB_GATEWAY_DISPATCH_H
#define ZB_GATEWAY_DISPATCH_H

#include "gateway/app.h"

struct call;

/* The answer, on the thread that finished (worker, writer) or at once on the caller's: post it to the loop. All pointers are
 * borrowed for the call. json: one JSON object when e is ERR_OK. */
struct answer {
    enum err    e;
    const char *json;
    size_t      json_n;
    const char *raw;            /* text answered in place of json (M_RAW); NULL: none */
    const char *detail, *field; /* on refusal; may be NULL */
    int64_t     retry_ms;
    bool        created; /* 201 */
};
typedef void answer_fn(struct app *app, uint64_t origin, uint64_t tag, const struct answer *a);

struct call_in {
    const struct method *m;
    cJSON               *args;  /* taken; NULL: none */
    const struct actor  *who;   /* NULL: resolve `token` or the system headers on a worker, or public */
    const char          *token; /* copied; NULL: none */
    const char          *peer;  /* copied */
    const char          *idem_key; /* copied; NULL: none */
    bool                 rest;
    /* systems by API key; copied; key NULL: none */
    const char *sys_key, *sys_time, *sys_nonce, *sys_sign, *raw_path, *body, *query;
    size_t      body_n;
    answer_fn  *answer;
    uint64_t    origin, tag; /* handed back */
};

void dispatch(struct app *app, struct call_in *in);

/* Hooks of the writer (serve.c). */
enum err dispatch_seal(void *app, struct db *db);
void     dispatch_committed(void *app, size_t jobs_n);
void     dispatch_aborted(void *app);
int64_t  dispatch_due_us(void *app);

/* problem+json of a refusal into b. */
void problem_write(struct buf *b, const struct answer *a);

#endif
