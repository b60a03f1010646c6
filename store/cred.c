/* SPDX-License-Identifier: Apache-2.0
 *
 * What is sealed is "<made> <until> <value>": Redis's own field `m` only orders, it is not believed.
 */
#include "store/cred.h"

#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "base/mem.h"
#include "store/redis_int.h"

#define PLAIN_MAX (CRED_VALUE_MAX + 48)

void cred_mark(char out[17]) { random_hex16(out); }

static bool unseal(const struct sm4_key *key, const char *p, size_t n, int64_t after_ms, int64_t wall_ms, struct cred *out) {
    char      plain[PLAIN_MAX + 1];
    size_t    plain_n = 0;
    long long made = 0, until = 0;
    int       at = 0;
    bool      ok = sm4_open(key, p, n, (uint8_t *)plain, PLAIN_MAX, &plain_n) == ERR_OK;
    if (ok) plain[plain_n] = '\0';
    ok = ok && sscanf(plain, "%lld %lld %n", &made, &until, &at) == 2 && at > 0 && strlen(plain) == plain_n && plain_n - (size_t)at < CRED_VALUE_MAX;
    if (ok) {
        out->made_wall_ms  = made;
        out->until_wall_ms = until;
        memcpy(out->value, plain + at, plain_n - (size_t)at + 1);
        ok = made > after_ms && until > wall_ms;
    }
    x_wipe(plain, sizeof plain);
    return ok;
}

static enum err ask(struct redis *r, const char *name, const char *mark, int64_t after_ms, bool useless, redisReply **p) {
    struct cmd c;
    cmd_script(&c, r, SCRIPT_CRED_GET, 2);
    cmd_f(&c, KEY_CRED, name);
    cmd_f(&c, KEY_CRED_LOCK, name);
    cmd_i(&c, after_ms);
    cmd_s(&c, mark);
    cmd_i(&c, CRED_LOCK_MS);
    cmd_i(&c, useless);
    return redis_run(r, &c, p);
}

enum err cred_get(struct redis *r, const struct sm4_key *key, const char *name, const char *mark, int64_t after_wall_ms, int64_t wall_ms,
                  struct cred *out, enum cred_state *state) {
    MUST(name_ok(name, NAME_MAX_BYTES));
    /* A value that cannot be opened must not lock everybody out: it is asked for a second time as if it were not there. */
    int64_t  after = after_wall_ms;
    enum err e     = ERR_OK;
    memset(out, 0, sizeof *out);
    for (int i = 0; i < 2; i++) {
        redisReply *p = NULL;
        e             = ask(r, name, mark, after, i == 1, &p);
        if (e) return e;
        bool is_good = reply_is_array(p, 2) && p->element[0]->type == REDIS_REPLY_INTEGER && p->element[1]->type == REDIS_REPLY_STRING;
        if (!is_good) {
            e = redis_bad_reply("cred_get", p);
            freeReplyObject(p);
            return e;
        }
        *state = p->element[0]->integer == 1 ? CRED_FOUND : p->element[0]->integer == 2 ? CRED_WAIT : CRED_OURS;
        bool opened = *state != CRED_FOUND || unseal(key, p->element[1]->str, p->element[1]->len, after_wall_ms, wall_ms, out);
        freeReplyObject(p);
        if (opened) return ERR_OK;
        after = INT64_MAX >> 11; /* exact as a double */
    }
    return redis_bad_reply("cred_get", NULL);
}

enum err cred_put(struct redis *r, const struct sm4_key *key, const char *name, const char *mark, const struct cred *c, int64_t wall_ms) {
    char        plain[PLAIN_MAX];
    uint8_t     sealed[PLAIN_MAX + SM4_EXTRA];
    size_t      sealed_n = 0;
    struct cmd  cmd;
    redisReply *p = NULL;
    MUST(name_ok(name, NAME_MAX_BYTES));
    if (strnlen(c->value, CRED_VALUE_MAX) == CRED_VALUE_MAX) return ERR_TOOBIG;
    if (c->until_wall_ms <= wall_ms) return cred_release(r, name, mark);
    int      n = snprintf(plain, sizeof plain, "%lld %lld %s", (long long)c->made_wall_ms, (long long)c->until_wall_ms, c->value);
    enum err e = sm4_seal(key, plain, (size_t)n, sealed, sizeof sealed, &sealed_n);
    x_wipe(plain, sizeof plain);
    if (e) return e;
    cmd_script(&cmd, r, SCRIPT_CRED_PUT, 2);
    cmd_f(&cmd, KEY_CRED, name);
    cmd_f(&cmd, KEY_CRED_LOCK, name);
    cmd_s(&cmd, mark);
    cmd_i(&cmd, c->made_wall_ms);
    cmd_b(&cmd, sealed, sealed_n);
    cmd_i(&cmd, c->until_wall_ms - wall_ms);
    e = redis_run(r, &cmd, &p);
    freeReplyObject(p);
    return e;
}

enum err cred_release(struct redis *r, const char *name, const char *mark) {
    struct cmd  c;
    redisReply *p = NULL;
    cmd_script(&c, r, SCRIPT_CRED_RELEASE, 1);
    cmd_f(&c, KEY_CRED_LOCK, name);
    cmd_s(&c, mark);
    enum err e = redis_run(r, &c, &p);
    freeReplyObject(p);
    return e;
}
