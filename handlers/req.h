/* SPDX-License-Identifier: Apache-2.0
 *
 * What a handler sees: who asks, when, the transaction, the reply, and effects. A handler is a plain synchronous function on a
 * worker (read) or writer (write) thread; it touches no memory outside req and may be run again (D5). Identity, role, rate, size
 * and parameters were checked before.
 */
#ifndef ZB_HANDLERS_REQ_H
#define ZB_HANDLERS_REQ_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/json.h"
#include "handlers/house.h"
#include "store/db.h"
#include "store/redis.h"

struct method;

/* The person (or system) behind a request. Copied into the request; plain data. */
struct actor {
    char     id[40];
    char     name[64];
    char     unit[40]; /* "" = none */
    unsigned roles;
    char     session[40];
    char     device[40]; /* active device bound to the session, or "" */
    bool     bound;      /* false: bootstrap session that may only register a device (D18) */
};

enum effect_kind { EFFECT_SESSION_CLOSE /* control message: close this session's connections */ };
struct effect {
    struct effect   *next;
    enum effect_kind kind;
    const char      *person, *session; /* arena; session "" = all of the person */
};

struct req {
    struct house        *house; /* what all handlers share; read-only */
    const struct method *m;
    struct arena        *a;
    struct db           *db;
    struct redis        *redis; /* only with M_REDIS */
    struct actor         who;   /* id "" for public methods */
    int64_t              wall_ms, biz_ms;
    const char          *peer;     /* address */
    const char          *idem_key; /* NULL: none */
    const char          *body, *query; /* M_RAW: NUL-terminated, bytes of a stranger; else NULL */
    size_t               body_n;
    const char          *raw; /* M_RAW: answered in place of out, when set; JSON or plain text */
    struct jw           *out;
    void                *prepared;
    struct effect       *effects;
    /* On refusal: what a person reads, and which field. */
    const char *detail, *field;
    enum err    refuse;        /* answered instead of OK although the transaction commits (failed log-ins are counted) */
    int64_t     retry_ms;      /* > 0: Retry-After */
    const char *object;        /* "task:ID": for the ledger and the log; set by the handler */
    bool        wakes_delivery; /* a delivery row became due: the relay is woken after COMMIT */
};

#define TRY(expr)                                                                                                                \
    do {                                                                                                                         \
        enum err try_err_ = (expr);                                                                                              \
        if (try_err_ != ERR_OK) return try_err_;                                                                                 \
    } while (0)

/* Refuse with a text of one's own (Chinese, tells what to do). Returns e. */
enum err req_fail(struct req *r, enum err e, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
/* Refuse a field: ERR_INPUT. */
enum err req_bad(struct req *r, const char *field, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

bool req_has(const struct req *r, unsigned roles);

/* One ledger row about this request (writer only). body: canonical JSON without personal data, or NULL. */
enum err req_ledger(struct req *r, const char *object, const char *body) MUST_CHECK;
/* A publication through the outbox (writer only). key: NULL or latest-wins key. */
enum err req_publish(struct req *r, const char *channel, const char *key, const char *json) MUST_CHECK;
/* The boards have changed: recomputed and published at the end of the batch, or soon after under load (ranking_seal). */
void req_dirty_boards(struct req *r);
void req_effect_close_session(struct req *r, const char *person, const char *session);

/* Lists: the cursor is opaque, bound to the method and its filter; holds up to 2 key values. */
struct cursor {
    const char *s; /* "" at the start */
    int64_t     i;
};
enum err req_cursor_parse(struct req *r, const char *text /* may be NULL */, const char *filter, struct cursor *out) MUST_CHECK;
void     req_cursor_write(struct req *r, const char *filter, struct cursor c); /* member "next" of the reply */

#endif
