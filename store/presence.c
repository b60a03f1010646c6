/* SPDX-License-Identifier: Apache-2.0
 *
 * Presence: each node writes its own list of a channel as one value, and the list ends by itself when the node does.
 * A value is client NUL person NUL ..., so no name needs escaping.
 */
#include <string.h>

#include "base/buf.h"
#include "base/check.h"
#include "store/redis_int.h"

enum err presence_put(struct redis *r, const char *node, const char *channel, const struct presence_entry *list, size_t n) {
    struct cmd  c;
    redisReply *p = NULL;
    struct buf  b;
    enum err    e = ERR_TOOBIG;

    if (!name_ok(node, NAME_MAX_BYTES) || !name_ok(channel, NAME_MAX_BYTES)) return ERR_INPUT;
    buf_init(&b, PRESENCE_DATA_MAX);
    for (size_t i = 0; i < n; i++) {
        buf_put(&b, list[i].client, strlen(list[i].client) + 1);
        buf_put(&b, list[i].person, strlen(list[i].person) + 1);
    }
    if (b.failed) goto out;
    cmd_script(&c, r, SCRIPT_PRESENCE_PUT, 1);
    cmd_f(&c, KEY_PRESENCE, channel);
    cmd_s(&c, node);
    cmd_i(&c, PRESENCE_MS);
    cmd_b(&c, buf_str(&b), b.len);
    e = redis_run(r, &c, &p);
    if (e == ERR_OK && p->type != REDIS_REPLY_INTEGER) e = redis_bad_reply("presence_put", p);
out:
    freeReplyObject(p);
    buf_fini(&b);
    return e;
}

/* The next NUL-ended text of a value, NULL at its end. */
static const char *next_text(const redisReply *v, size_t *at) {
    const char *s   = v->str + *at;
    const char *end = *at < v->len ? memchr(s, 0, v->len - *at) : NULL;
    if (end == NULL) return NULL;
    *at += (size_t)(end - s) + 1;
    return s;
}

enum err presence_get(struct redis *r, struct arena *a, const char *channel, struct presence_entry **list, size_t *n) {
    struct cmd  c;
    redisReply *p   = NULL;
    size_t      max = 0;

    *list = NULL;
    *n    = 0;
    if (!name_ok(channel, NAME_MAX_BYTES)) return ERR_INPUT;
    cmd_script(&c, r, SCRIPT_PRESENCE_GET, 1);
    cmd_f(&c, KEY_PRESENCE, channel);
    enum err e = redis_run(r, &c, &p);
    if (e != ERR_OK) goto out;
    if (!reply_is_array(p, 0)) {
        e = redis_bad_reply("presence_get", p);
        goto out;
    }
    for (size_t i = 0; i < p->elements; i++) {
        if (p->element[i]->type != REDIS_REPLY_STRING) {
            e = redis_bad_reply("presence_get", p->element[i]);
            goto out;
        }
        for (size_t k = 0; k < p->element[i]->len; k++) max += p->element[i]->str[k] == '\0';
    }
    if (max > PRESENCE_DATA_MAX / sizeof **list) { /* would not fit an arena anyway */
        e = ERR_TOOBIG;
        goto out;
    }
    *list = arena_alloc(a, (max / 2 + 1) * sizeof **list);
    for (size_t i = 0; i < p->elements; i++) {
        const char *client, *person;
        size_t      at = 0;
        while ((client = next_text(p->element[i], &at)) && (person = next_text(p->element[i], &at))) {
            if (arena_is_over(a)) {
                e  = ERR_TOOBIG;
                *n = 0;
                goto out;
            }
            (*list)[*n].client = arena_strdup(a, client);
            (*list)[*n].person = arena_strdup(a, person);
            (*n)++;
        }
    }
out:
    freeReplyObject(p);
    return e;
}
