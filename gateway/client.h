/* SPDX-License-Identifier: Apache-2.0
 *
 * The Centrifugo client protocol v2 (JSON) of one connection: commands in, replies and pushes out. Lives in the connection's
 * extension bytes; loop thread only. What needs Redis or the store goes to a worker with the connection's id and comes back
 * as a loop message.
 *
 *   NEW -> (connect) CONNECTING -> CONNECTED -> CLOSING
 *
 * While CONNECTING further commands are held (64 KiB at most) and handled in order afterwards.
 */
#ifndef ZB_GATEWAY_CLIENT_H
#define ZB_GATEWAY_CLIENT_H

#include "gateway/app.h"

enum client_state { CLIENT_NEW, CLIENT_CONNECTING, CLIENT_CONNECTED, CLIENT_CLOSING };

/* The person behind connections of one session on this loop; shared, counted. */
struct who {
    struct who  *next; /* hash chain */
    unsigned     refs;
    int64_t      expires_wall_ms;
    struct actor actor;
};

struct client {
    struct conn   *conn;
    struct client *prev, *next; /* ping bucket, or the stale list while NEW */
    struct who    *who;
    struct sub    *subs;
    struct buf    *hold;
    uint32_t       connect_id; /* command id of connect, while CONNECTING */
    uint16_t       bucket, subs_n;
    uint8_t        state, inflight;
    bool           pong_due, refresh_due;
    bool           leaving; /* drain: closed with 3001 when its last call is answered */
};

/* ---- network callbacks ---- */
void client_open(struct conn *c);
void client_message(struct conn *c, const char *p, size_t n);
void client_closed(struct conn *c);
bool client_drain(struct conn *c);

/* ---- used by the hub and the jobs ---- */
void client_send(struct client *cl, const char *json, size_t n); /* a reply or push; closes 3008 at the bound */
void client_send_frame(struct client *cl, struct frame *f, uint64_t key);
void client_close(struct client *cl, unsigned code); /* reason from the close table */
void client_error(struct client *cl, uint32_t id, int code);
void client_error_text(struct client *cl, uint32_t id, int code, const char *message, bool temporary);
struct client *client_of(struct net_loop *l, uint64_t conn_id); /* NULL when gone or closing */
void client_replay(struct client *cl); /* handles held commands */
void client_id(const struct client *cl, char out[48]);

/* ---- jobs (session.c): things that need a worker ---- */
void job_connect(struct client *cl, uint32_t id, const cJSON *req);
void job_refresh(struct client *cl, uint32_t id, const char *token);
void job_subscribe(struct client *cl, uint32_t id, const cJSON *req);
void job_history(struct client *cl, uint32_t id, const cJSON *req);
void job_presence(struct client *cl, uint32_t id, const char *channel, bool stats);
void job_put_presence(struct net_loop *l, const char *channel, char *list_json /* taken */);

#endif
