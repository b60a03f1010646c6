/* SPDX-License-Identifier: Apache-2.0
 *
 * Every Redis key, its type and its life. Nothing here is a record: each may vanish at any moment.
 *
 *   key                 type    holds                                              life
 *   zb:s:<hash>         hash    one session; hash = HMAC-SM3 of the token          idle limit, at most the absolute end
 *   zb:sp:<person>      hash    session id -> hash                                 the longest absolute end among them
 *   zb:l:<name>         hash    token bucket: v tokens, t ms                       until it would be full again
 *   zb:n:<space>:<sm3>  string  a nonce was seen                                   the ttl given
 *   zb:c:<channel>:m    hash    e epoch, o offset, s seq, r run_id of the server   stream's ttl + CHANNEL_META_MORE_S
 *   zb:c:<channel>:l    stream  log of a channel, ids <offset>-0                   the channel's ttl, from the last entry
 *   zb:p:<channel>      hash    node -> "<end ms>\n" client NUL person NUL ...     PRESENCE_MS from the last refresh
 *   zb:q:<lane>         stream  waiting and handed-out deliveries, group LANE_GROUP  none; acknowledged entries are deleted
 *
 *   zb:r:<provider>     hash    what a provider allows, shared by all workers: rate, tokens v, at t, this second's answers   RATE_MS
 *   zb:w                hash    worker -> "<ms> <json>", what it says of itself    none; readers drop what is older than WORKER_MS
 *   zb:k:<name>         hash    m made ms, v sealed credential of a provider              what it has left
 *   zb:kl:<name>        string  a worker makes that credential now                       CRED_LOCK_MS
 *
 *   zb:relayed          string the newest outbox row that reached a channel        none; set by the script that publishes
 *   zb:mark             string  set by the relay; missing: Redis was flushed           none
 *
 *   pub/sub: zb:bus (publications), zb:control (control messages), zb:probe:<random> (a bus talking to itself)
 */
#ifndef ZB_STORE_KEYS_H
#define ZB_STORE_KEYS_H

#define KEY_SESSION        "zb:s:%s"
#define KEY_SESSION_PREFIX "zb:s:"
#define KEY_PERSON         "zb:sp:%s"
#define KEY_LIMIT          "zb:l:%s"
#define KEY_ONCE           "zb:n:%s:%s"
#define KEY_CHANNEL_META   "zb:c:%s:m"
#define KEY_CHANNEL_LOG    "zb:c:%s:l"
#define KEY_PRESENCE       "zb:p:%s"
#define KEY_LANE           "zb:q:%s"
#define KEY_RATE           "zb:r:%s"
#define KEY_WORKERS        "zb:w"
#define KEY_MARK           "zb:mark"
#define KEY_CRED           "zb:k:%s"
#define KEY_CRED_LOCK      "zb:kl:%s"
#define KEY_RELAYED        "zb:relayed"
#define KEY_CHANNELS       "zb:c:*" /* pattern */

#define BUS_CHANNEL     "zb:bus"
#define CONTROL_CHANNEL "zb:control"
#define PROBE_CHANNEL   "zb:probe:%s"

#define LANE_GROUP "w"

#define NAME_MAX_BYTES      200       /* channel, lane, node, person, name of a bucket; longer bucket names are hashed */
#define CHANNEL_META_MORE_S 604800    /* an idle channel keeps its epoch a week longer than its log */
#define CHANNEL_DATA_MAX    (1 << 20) /* bytes of one publication */
#define CHANNEL_READ_MAX    1000      /* entries a call */
#define RATE_MS             600000
#define WORKER_MS           15000
#define WORKER_DATA_MAX     (256 << 10)
#define PRESENCE_MS         60000
#define PRESENCE_DATA_MAX   (1 << 20) /* bytes of one node's list */
#define LANES_MAX           32        /* asked for in one go */
#define LANE_MAX            200000    /* entries; past it lane_add says ERR_BUSY */
#define LANE_BATCH_MAX      64        /* entries a call */
#define CRED_LOCK_MS        15000     /* longer than fetching one may take; a worker that died holds it no longer */

enum { SESSIONS_PER_PERSON = 64 }; /* the one unused for longest goes */

#endif
