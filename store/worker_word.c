/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/clock.h"
#include "store/redis_int.h"

enum err rate_lease(struct redis *r, const char *provider, int64_t allowed_per_s, int64_t want, int64_t answers_n, int64_t throttled_n, int64_t *granted,
                    double *rate) {
    struct cmd  c;
    redisReply *p = NULL;
    int64_t     milli = 0;
    *granted          = 0;
    if (!name_ok(provider, NAME_MAX_BYTES)) return ERR_INPUT;
    cmd_script(&c, r, SCRIPT_RATE, 1);
    cmd_f(&c, KEY_RATE, provider);
    cmd_i(&c, allowed_per_s);
    cmd_i(&c, want);
    cmd_i(&c, answers_n);
    cmd_i(&c, throttled_n);
    cmd_i(&c, RATE_MS);
    enum err e = redis_run(r, &c, &p);
    if (e == ERR_OK && (!reply_is_array(p, 2) || !reply_i64(p->element[0], granted) || !reply_i64(p->element[1], &milli))) e = redis_bad_reply("rate_lease", p);
    if (e == ERR_OK) *rate = (double)milli / 1000;
    freeReplyObject(p);
    return e;
}

enum err worker_say(struct redis *r, const char *worker, const char *json) {
    struct cmd  c;
    redisReply *p = NULL;
    char        head[32];
    size_t      n = strlen(json);
    if (!name_ok(worker, NAME_MAX_BYTES)) return ERR_INPUT;
    if (n > WORKER_DATA_MAX) return ERR_TOOBIG;
    int   h    = snprintf(head, sizeof head, "%lld ", (long long)clock_wall_ms());
    struct arena *a = arena_new(WORKER_DATA_MAX + 64);
    char *text = arena_alloc(a, (size_t)h + n + 1);
    memcpy(text, head, (size_t)h);
    memcpy(text + h, json, n + 1);
    cmd_init(&c, "HSET");
    cmd_s(&c, KEY_WORKERS);
    cmd_s(&c, worker);
    cmd_b(&c, text, (size_t)h + n);
    enum err e = redis_run(r, &c, &p);
    freeReplyObject(p);
    arena_free(a);
    return e;
}

enum err worker_list(struct redis *r, struct arena *a, struct worker_word **list, size_t *n) {
    struct cmd  c;
    redisReply *p   = NULL;
    int64_t     now = clock_wall_ms();
    *list           = NULL;
    *n              = 0;
    cmd_init(&c, "HGETALL");
    cmd_s(&c, KEY_WORKERS);
    enum err e = redis_run(r, &c, &p);
    if (e == ERR_OK && !reply_is_array(p, 0)) e = redis_bad_reply("worker_list", p);
    if (e == ERR_OK) *list = arena_alloc(a, (p->elements / 2 + 1) * sizeof **list);
    for (size_t i = 0; e == ERR_OK && i + 1 < p->elements; i += 2) {
        const char *text = p->element[i + 1]->str;
        char       *end  = NULL;
        int64_t     at   = text ? strtoll(text, &end, 10) : 0;
        if (text == NULL || end == text || *end != ' ' || at < now - WORKER_MS) continue;
        (*list)[(*n)++] = (struct worker_word){arena_strdup(a, p->element[i]->str), arena_strdup(a, end + 1), at};
    }
    freeReplyObject(p);
    return e;
}
