/* SPDX-License-Identifier: Apache-2.0
 *
 * Token buckets and nonces. Shared by all processes, so both use the clock of the Redis server. Names may come from
 * outside: long ones and nonces are hashed, so that a key never grows with its input.
 */
#include <string.h>

#include "base/check.h"
#include "store/hash_int.h"
#include "store/redis_int.h"

enum err limit_take(struct redis *r, const char *name, int cost, int per_minute, int burst, int64_t *retry_ms) {
    struct cmd  c;
    redisReply *p = NULL;
    char        hash[65];

    MUST(per_minute > 0 && burst > 0 && cost >= 0);
    *retry_ms = 0;
    if (!name_ok(name, NAME_MAX_BYTES)) {
        hash_sm3_hex(name, strlen(name), hash);
        name = hash;
    }
    cmd_script(&c, r, SCRIPT_LIMIT, 1);
    cmd_f(&c, KEY_LIMIT, name);
    cmd_i(&c, cost > burst ? burst : cost); /* dearer than the bucket: all of it, or it could never pass */
    cmd_i(&c, per_minute);
    cmd_i(&c, burst);
    enum err e = redis_run(r, &c, &p);
    if (e == ERR_OK) {
        if (p->type != REDIS_REPLY_INTEGER) {
            e = redis_bad_reply("limit_take", p);
        } else if (p->integer > 0) {
            *retry_ms = p->integer;
            e         = ERR_LIMIT;
        }
    }
    freeReplyObject(p);
    return e;
}

/* The value is a mark of this call: when the answer was lost and the command is sent again, it finds its own mark. */
enum err once(struct redis *r, const char *space, const char *value, int64_t ttl_ms, bool *first) {
    struct cmd  c;
    redisReply *p = NULL;
    char        hash[65], mark[17];

    MUST(name_ok(space, NAME_MAX_BYTES) && ttl_ms > 0);
    *first = false;
    hash_sm3_hex(value, strlen(value), hash);
    random_hex16(mark);
    cmd_init(&c, "SET");
    cmd_f(&c, KEY_ONCE, space, hash);
    cmd_s(&c, mark);
    cmd_s(&c, "NX");
    cmd_s(&c, "GET");
    cmd_s(&c, "PX");
    cmd_i(&c, ttl_ms);
    enum err e = redis_run(r, &c, &p);
    if (e == ERR_OK) {
        if (p->type == REDIS_REPLY_NIL) *first = true;
        else if (p->type == REDIS_REPLY_STRING) *first = strcmp(p->str, mark) == 0;
        else e = redis_bad_reply("once", p);
    }
    freeReplyObject(p);
    return e;
}
