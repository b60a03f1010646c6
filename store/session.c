/* SPDX-License-Identifier: Apache-2.0
 *
 * Sessions. The token leaves this file once, at creation; Redis only knows its HMAC. Both limits are kept twice: as the life of
 * the key, and as figures compared with the wall clock, which tests and the demo may move.
 */
#include <string.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/mem.h"
#include "store/hash_int.h"
#include "store/redis_int.h"

#define TOKEN_N 43

static const char b64url[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/* A token has 256 random bits, so the key of the HMAC only separates its use. */
void session_token_hash(const char *token, char out[65]) {
    static const char label[] = "zhangban-session-1";
    hash_hmac_sm3_hex(label, sizeof label - 1, token, strlen(token), out);
}

static void token_make(char token[TOKEN_N + 1]) {
    unsigned char b[33] = {0}; /* the 33rd byte stays 0: 43 characters carry 258 bits */
    hash_random(b, 32);
    for (size_t i = 0; i < TOKEN_N; i++) {
        size_t   bit = 6 * i;
        unsigned two = (unsigned)b[bit / 8] << 8 | b[bit / 8 + 1 < sizeof b ? bit / 8 + 1 : bit / 8];
        token[i]     = b64url[two >> (10 - bit % 8) & 63];
    }
    token[TOKEN_N] = '\0';
    x_wipe(b, sizeof b);
}

static bool token_ok(const char *token) { return token && strnlen(token, TOKEN_N + 1) == TOKEN_N && strspn(token, b64url) == TOKEN_N; }

enum err session_create(struct redis *r, const struct session *s, char token[44]) {
    int64_t     now  = clock_wall_ms();
    int64_t     life = s->expires_wall_ms - now < s->idle_ms ? s->expires_wall_ms - now : s->idle_ms;
    char        hash[65];
    struct cmd  c;
    redisReply *p = NULL;

    token[0] = '\0';
    if (!name_ok(s->id, sizeof s->id - 1) || !name_ok(s->person, sizeof s->person - 1) || life <= 0) return ERR_INPUT;
    char made[TOKEN_N + 1];
    token_make(made);
    session_token_hash(made, hash);
    cmd_script(&c, r, SCRIPT_SESSION_CREATE, 2);
    cmd_f(&c, KEY_SESSION, hash);
    cmd_f(&c, KEY_PERSON, s->person);
    cmd_s(&c, hash);
    cmd_s(&c, s->id);
    cmd_i(&c, life);
    cmd_s(&c, KEY_SESSION_PREFIX);
    cmd_i(&c, SESSIONS_PER_PERSON);
    cmd_i(&c, s->expires_wall_ms - now);
    cmd_s(&c, "id");
    cmd_s(&c, s->id);
    cmd_s(&c, "person");
    cmd_s(&c, s->person);
    cmd_s(&c, "device");
    cmd_s(&c, s->device);
    cmd_s(&c, "client");
    cmd_s(&c, s->client);
    cmd_s(&c, "created");
    cmd_i(&c, s->created_wall_ms ? s->created_wall_ms : now);
    cmd_s(&c, "seen");
    cmd_i(&c, s->seen_wall_ms ? s->seen_wall_ms : now);
    cmd_s(&c, "expires");
    cmd_i(&c, s->expires_wall_ms);
    cmd_s(&c, "idle");
    cmd_i(&c, s->idle_ms);
    enum err e = redis_run(r, &c, &p);
    if (e == ERR_OK && p->type != REDIS_REPLY_INTEGER) e = redis_bad_reply("session_create", p);
    if (e == ERR_OK) memcpy(token, made, sizeof made);
    x_wipe(made, sizeof made);
    freeReplyObject(p);
    return e;
}

static bool session_parse(const redisReply *v, struct session *s) {
    memset(s, 0, sizeof *s);
    return reply_is_array(v, 8) && reply_str(v->element[0], s->id, sizeof s->id) && reply_str(v->element[1], s->person, sizeof s->person) &&
           reply_str(v->element[2], s->device, sizeof s->device) && reply_str(v->element[3], s->client, sizeof s->client) &&
           reply_i64(v->element[4], &s->created_wall_ms) && reply_i64(v->element[5], &s->seen_wall_ms) &&
           reply_i64(v->element[6], &s->expires_wall_ms) && reply_i64(v->element[7], &s->idle_ms);
}

enum err session_get(struct redis *r, const char *token, struct session *out) {
    char        hash[65];
    struct cmd  c;
    redisReply *p = NULL;

    memset(out, 0, sizeof *out);
    if (!token_ok(token)) return ERR_AUTH;
    session_token_hash(token, hash);
    cmd_script(&c, r, SCRIPT_SESSION_GET, 1);
    cmd_f(&c, KEY_SESSION, hash);
    cmd_i(&c, clock_wall_ms());
    enum err e = redis_run(r, &c, &p);
    if (e == ERR_OK) {
        if (p->type == REDIS_REPLY_NIL) e = ERR_AUTH;
        else if (!session_parse(p, out)) e = redis_bad_reply("session_get", p);
    }
    freeReplyObject(p);
    return e;
}

enum err session_delete(struct redis *r, const char *person, const char *session_id) {
    struct cmd  c;
    redisReply *p = NULL;
    if (!name_ok(person, NAME_MAX_BYTES) || !name_ok(session_id, NAME_MAX_BYTES)) return ERR_NOTFOUND;
    cmd_script(&c, r, SCRIPT_SESSION_DELETE, 1);
    cmd_f(&c, KEY_PERSON, person);
    cmd_s(&c, session_id);
    cmd_s(&c, KEY_SESSION_PREFIX);
    enum err e = redis_run(r, &c, &p);
    if (e == ERR_OK) {
        if (p->type != REDIS_REPLY_INTEGER) e = redis_bad_reply("session_delete", p);
        else if (p->integer == 0) e = ERR_NOTFOUND;
    }
    freeReplyObject(p);
    return e;
}

enum err session_list(struct redis *r, struct arena *a, const char *person, struct session **list, size_t *n) {
    struct cmd  c;
    redisReply *p = NULL;
    *list         = NULL;
    *n            = 0;
    if (!name_ok(person, NAME_MAX_BYTES)) return ERR_OK;
    cmd_script(&c, r, SCRIPT_SESSION_LIST, 1);
    cmd_f(&c, KEY_PERSON, person);
    cmd_i(&c, clock_wall_ms());
    cmd_s(&c, KEY_SESSION_PREFIX);
    enum err e = redis_run(r, &c, &p);
    if (e != ERR_OK) goto out;
    if (!reply_is_array(p, 0)) {
        e = redis_bad_reply("session_list", p);
        goto out;
    }
    *list = arena_alloc(a, (p->elements + 1) * sizeof **list);
    for (size_t i = 0; i < p->elements; i++) {
        if (!session_parse(p->element[i], &(*list)[*n])) {
            e = redis_bad_reply("session_list", p->element[i]);
            *n = 0;
            goto out;
        }
        (*n)++;
    }
out:
    freeReplyObject(p);
    return e;
}
