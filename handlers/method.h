/* SPDX-License-Identifier: Apache-2.0
 *
 * What a method is: one row says everything. WebSocket RPC, REST, OpenAPI, validation, metrics, the reference and the test of
 * bad arguments come from it. Each handlers/<area>.c has its rows at the foot; handlers/table.c lists the files.
 */
#ifndef ZB_HANDLERS_METHOD_H
#define ZB_HANDLERS_METHOD_H

#include <stddef.h>
#include <stdint.h>

#include "base/param.h"
#include "handlers/req.h"

/* Bits are stored in person.roles: never renumber. */
enum role {
    ROLE_LEADER      = 1 << 0,
    ROLE_DISPATCHER  = 1 << 1,
    ROLE_APPROVER    = 1 << 2,
    ROLE_RESPONSIBLE = 1 << 3,
    ROLE_MONITOR     = 1 << 4,
    ROLE_WINDOW      = 1 << 5,
    ROLE_INSPECTOR   = 1 << 6,
    ROLE_CITIZEN     = 1 << 7,
    ROLE_ENTERPRISE  = 1 << 8,
    ROLE_KIOSK       = 1 << 9,
    ROLE_DISPLAY     = 1 << 10,
    ROLE_SYSTEM      = 1 << 11,
    ROLE_ADMIN       = 1 << 12,
    ROLE_AUDITOR     = 1 << 13,
};
#define ROLE_STAFF  (ROLE_LEADER | ROLE_DISPATCHER | ROLE_APPROVER | ROLE_RESPONSIBLE | ROLE_MONITOR)
#define ROLE_PEOPLE (ROLE_STAFF | ROLE_WINDOW | ROLE_INSPECTOR | ROLE_CITIZEN | ROLE_ENTERPRISE | ROLE_ADMIN | ROLE_AUDITOR)
#define ROLE_ANY    0x3FFF
#define ROLE_NONE   0 /* no log-in needed (M_PUBLIC) */

struct role_name {
    unsigned    bit;
    const char *word, *zh;
};
extern const struct role_name role_names[]; /* ends with bit 0 */

enum verb { V_GET, V_POST, V_PUT, V_DELETE };

enum {
    M_WRITE    = 1 << 0, /* runs on the writer, in a transaction; else on a snapshot reader */
    M_PUBLIC   = 1 << 1, /* without log-in */
    M_REST     = 1 << 2, /* REST only (auth.*, D18) */
    M_NO_IDEM  = 1 << 3, /* takes no idempotency key (auth.*, D6) */
    M_REDIS    = 1 << 4, /* req.redis is set: also a read method runs on a worker with Redis */
    M_CREATED  = 1 << 5, /* 201 instead of 200 */
    M_UNBOUND  = 1 << 6, /* also for a session whose device is not active yet (bootstrap, D18) */
    M_DEMO     = 1 << 7, /* only in demo mode */
    M_RAW      = 1 << 8, /* REST only: body and query are req.body and req.query as they came, the reply may be req.raw */
};

struct method {
    const char         *name; /* "task.report" */
    enum verb           verb;
    const char         *path; /* "/v1/tasks/{task_id}/report" */
    const char         *doc;  /* one sentence in Chinese for the reference */
    unsigned            roles;
    unsigned            flags;
    int                 cost; /* of the person's rate bucket; 1 for a read, 2 for a write */
    const struct param *params;
    size_t              params_n;
    size_t              args_size;
    /* The handler. args: decoded and bounded. Answers into r->out: the members of one JSON object (already opened). */
    enum err (*fn)(struct req *r, const void *args);
    /* Optional, on a worker before the transaction, with a snapshot reader: what is slow and needs no record lock. May fill
     * r->prepared (arena). */
    enum err (*prepare)(struct req *r, const void *args);
    const char *reply_doc; /* short Chinese description of the reply */
};
#define PARAMS(rows) .params = (rows), .params_n = sizeof(rows) / sizeof((rows)[0])

struct method_list {
    const struct method *v;
    size_t               n;
};
#define METHOD_LIST(name, rows) const struct method_list name = {(rows), sizeof(rows) / sizeof((rows)[0])}

/* ---- the whole table (table.c) ---- */
void                 methods_init(void); /* start-up checks: duplicate names or paths, path parameters without a row, ... */
size_t               methods_n(void);
const struct method *method_at(size_t i);
const struct method *method_find(const char *name, size_t n);
/* Matches verb and raw path; the texts of path parameters (percent-decoded) go into obj. ERR_NOTFOUND, ERR_METHOD (path known,
 * other verb), ERR_INPUT (bad percent-encoding). */
enum err method_route(enum verb verb, const char *path, cJSON *obj, const struct method **out) MUST_CHECK;
size_t   method_index(const struct method *m);

/* ---- channels (channel.c): the one table of who may listen to what ---- */
enum {
    CH_LATEST   = 1 << 0, /* latest wins per key (D14) */
    CH_PRESENCE = 1 << 1, /* who is there is kept and may be asked */
    CH_SERVER   = 1 << 2, /* subscribed by the server at connect: <prefix>:<person id> */
    CH_SNAPSHOT = 1 << 3, /* subscribe replies carry the state in data */
};
struct channel_row {
    const char *prefix; /* "ranking" of "ranking:2018:city" */
    const char *doc;
    unsigned    flags;
    int         size;  /* entries kept */
    int         ttl_s; /* life of the stream */
    unsigned    roles;
    /* rest: behind the first colon. ERR_PERM, ERR_NOTFOUND, ERR_INPUT. Reads r->db. NULL: everybody of roles. */
    enum err (*may)(struct req *r, const char *rest);
    enum err (*snapshot)(struct req *r, const char *rest); /* writes one JSON value into r->out; of CH_LATEST and CH_SERVER
                                                           * rows the same for everybody: r->who is not asked */
};
extern const struct channel_row channel_rows[];
extern const size_t             channel_rows_n;
const struct channel_row       *channel_find(const char *channel); /* NULL: unknown */

#endif
