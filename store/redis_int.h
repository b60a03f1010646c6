/* SPDX-License-Identifier: Apache-2.0
 *
 * Shared by the Redis files of store/ only: the connection, a command with its arguments, checked replies.
 */
#ifndef ZB_STORE_REDIS_INT_H
#define ZB_STORE_REDIS_INT_H

#include <hiredis/hiredis.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "store/bus.h"
#include "store/keys.h"
#include "store/redis.h"

#define RUN_ID_SIZE 48 /* 40 hex digits */

/* Texts in redis_lua.c. */
enum script {
    SCRIPT_NONE,
    SCRIPT_SESSION_CREATE,
    SCRIPT_SESSION_GET,
    SCRIPT_SESSION_DELETE,
    SCRIPT_SESSION_LIST,
    SCRIPT_LIMIT,
    SCRIPT_PUBLISH,
    SCRIPT_READ,
    SCRIPT_PRESENCE_PUT,
    SCRIPT_PRESENCE_GET,
    SCRIPT_LANE_ADD,
    SCRIPT_LANE_CLAIM,
    SCRIPT_LANE_ACK,
    SCRIPT_LANE_DEPTH,
    SCRIPT_RATE,
    SCRIPT_CRED_GET,
    SCRIPT_CRED_PUT,
    SCRIPT_CRED_RELEASE,
    SCRIPT_MAX
};
const char *script_text(enum script s);

/* One command on the stack. Arguments are borrowed until it ran, except what cmd_f and cmd_i format. */
#define CMD_ARGS_MAX 96
struct cmd {
    const char *v[CMD_ARGS_MAX];
    size_t      n[CMD_ARGS_MAX];
    int         argc;
    int         run_id_arg; /* filled when sent: a reconnect may change it; 0 = none */
    int         wait_ms;    /* the server may block so long on purpose */
    bool        send_once;  /* do not send again on a fresh connection when the old one turns out to be dead */
    enum script script;
    size_t      text_n;
    char        text[2048]; /* formatted arguments */
};
void cmd_init(struct cmd *c, const char *name);
void cmd_script(struct cmd *c, struct redis *r, enum script s, int keys_n);
void cmd_s(struct cmd *c, const char *s);
void cmd_b(struct cmd *c, const void *p, size_t n);
void cmd_i(struct cmd *c, int64_t i);
void cmd_f(struct cmd *c, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void cmd_run_id(struct cmd *c);

/* Sends, waits, reconnects and sends again once when the connection was dead. A script unknown to the server is sent as text.
 * *out: returned, freeReplyObject; never NULL with ERR_OK, never an error reply (those are logged, ERR_UNAVAILABLE). */
enum err redis_run(struct redis *r, struct cmd *c, redisReply **out) MUST_CHECK;
/* The same, but error replies come back with ERR_OK. */
enum err redis_run_raw(struct redis *r, struct cmd *c, redisReply **out) MUST_CHECK;

/* A reply of the wrong shape: one log line, ERR_UNAVAILABLE. */
enum err redis_bad_reply(const char *what, const redisReply *got);
bool     reply_is_array(const redisReply *p, size_t min_n);
bool     reply_is_error(const redisReply *p, const char *prefix);
bool     reply_str(const redisReply *p, char *out, size_t out_n); /* false: not a string or too long */
bool     reply_i64(const redisReply *p, int64_t *out);            /* an integer, or digits as a string */

bool name_ok(const char *s, size_t max);       /* 1..max bytes */
void random_hex16(char out[17]); /* 64 random bits */
bool info_run_id(const char *info, char out[RUN_ID_SIZE]); /* from the text of INFO server */
/* "unix:/path" gives path and port 0; "host:port" gives host and port. */
bool address_split(const char *address, char *host, size_t host_n, int *port);
/* hiredis writes with write(2): a closed peer must not kill the process. Leaves a handler of the program alone. */
void no_sigpipe(void);

/* Tests: probe and connect times of a bus. */
void bus_set_times(struct bus *b, int connect_ms, int probe_ms);

#endif
