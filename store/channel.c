/* SPDX-License-Identifier: Apache-2.0
 *
 * The log of a channel: meta {epoch, offset, seq, run_id} and a stream with ids <offset>-0, always touched by one script.
 *
 * Invariants. Under one epoch offsets are 1, 2, 3, ... without a gap, each handed out once. An epoch ends when the meta is gone
 * (flush, expiry) or was written by another server process (D12); the next call of any kind begins a new one with an empty
 * log. seq guards against the relay sending a row twice, and only within an epoch: it begins at 0 with it, so that a row
 * whose answer was lost together with the server is published again rather than lost. That may show one row under the old
 * and under the new epoch, where every subscriber starts from a snapshot anyway. The caller's seq only has to grow; the script
 * also notes it for the caller's next life (channel_relayed).
 *
 * The log may be shorter than the offsets (trimmed, expired): channel_read then says so by complete = false.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "base/clock.h"
#include "store/redis_int.h"

/* of struct cmd's text, less what is there once; per item: two prefixes, three numbers */
#define ITEMS_TEXT 1900
#define ITEM_TEXT  90

#define OFFSET_MAX ((uint64_t)1 << 53) /* what a Lua number holds exactly */

static bool pos_parse(const redisReply *epoch, const redisReply *offset, struct channel_pos *pos) {
    int64_t o = 0;
    memset(pos, 0, sizeof *pos);
    if (!reply_str(epoch, pos->epoch, sizeof pos->epoch) || pos->epoch[0] == '\0' || !reply_i64(offset, &o) || o < 0) return false;
    pos->offset = (uint64_t)o;
    return true;
}

static void cmd_channel(struct cmd *c, struct redis *r, enum script s, const char *channel, char fresh[17]) {
    random_hex16(fresh);
    cmd_script(c, r, s, 2);
    cmd_f(c, KEY_CHANNEL_META, channel);
    cmd_f(c, KEY_CHANNEL_LOG, channel);
    cmd_run_id(c);
    cmd_s(c, fresh);
}

enum err channel_item_check(const struct channel_item *i) {
    MUST(i->size > 0 && i->ttl_s > 0);
    if (!name_ok(i->channel, NAME_MAX_BYTES) || (i->key && strlen(i->key) > NAME_MAX_BYTES)) return ERR_INPUT;
    return strlen(i->data) > CHANNEL_DATA_MAX ? ERR_TOOBIG : ERR_OK;
}

/* Names, numbers and data of one command have a bound: what does not fit stays for the next. */
static size_t fitting(const struct channel_item *v, size_t n) {
    size_t i = 0, text = ITEMS_TEXT, data = 0;
    for (; i < n && i < CHANNEL_ITEMS_MAX; i++) {
        size_t names = 2 * strlen(v[i].channel) + ITEM_TEXT, bytes = strlen(v[i].data);
        if (i > 0 && (names > text || data + bytes > CHANNEL_DATA_MAX)) break;
        text -= names < text ? names : text;
        data += bytes;
    }
    return i;
}

enum err channel_publish_some(struct redis *r, const struct channel_item *v, size_t n, size_t *done, struct channel_pos *pos,
                              bool *published) {
    struct cmd  c;
    redisReply *p = NULL;
    char        fresh[17];
    size_t      k = fitting(v, n);
    *done         = 0;
    for (size_t i = 0; i < k; i++) {
        enum err bad = channel_item_check(&v[i]);
        if (bad) return bad;
    }
    random_hex16(fresh);
    cmd_script(&c, r, SCRIPT_PUBLISH, (int)(2 * k + 1));
    for (size_t i = 0; i < k; i++) {
        cmd_f(&c, KEY_CHANNEL_META, v[i].channel);
        cmd_f(&c, KEY_CHANNEL_LOG, v[i].channel);
    }
    cmd_s(&c, KEY_RELAYED);
    cmd_run_id(&c);
    cmd_s(&c, fresh);
    cmd_i(&c, CHANNEL_META_MORE_S);
    cmd_i(&c, clock_wall_ms());
    cmd_s(&c, BUS_CHANNEL);
    for (size_t i = 0; i < k; i++) {
        cmd_i(&c, v[i].seq);
        cmd_i(&c, v[i].size);
        cmd_i(&c, v[i].ttl_s);
        cmd_s(&c, v[i].channel);
        cmd_s(&c, v[i].key ? v[i].key : "");
        cmd_s(&c, v[i].data);
    }
    enum err e = redis_run(r, &c, &p);
    if (e == ERR_OK && !reply_is_array(p, 3 * k)) e = redis_bad_reply("channel_publish", p);
    for (size_t i = 0; e == ERR_OK && i < k; i++) {
        redisReply *const *x = &p->element[3 * i];
        if (x[0]->type != REDIS_REPLY_INTEGER || !pos_parse(x[1], x[2], &pos[i]))
            e = redis_bad_reply("channel_publish", p);
        else
            published[i] = x[0]->integer == 1;
    }
    if (e == ERR_OK) *done = k;
    freeReplyObject(p);
    return e;
}

enum err channel_publish(struct redis *r, const char *channel, const char *key, const char *data, int64_t seq, int size, int ttl_s,
                         struct channel_pos *pos, bool *published) {
    struct channel_item i = {.channel = channel, .key = key, .data = data, .seq = seq, .size = size, .ttl_s = ttl_s};
    size_t              done;
    *published = false;
    memset(pos, 0, sizeof *pos);
    return channel_publish_some(r, &i, 1, &done, pos, published);
}

enum err channel_relayed(struct redis *r, int64_t *seq) {
    struct cmd  c;
    redisReply *p = NULL;
    *seq          = 0;
    cmd_init(&c, "GET");
    cmd_s(&c, KEY_RELAYED);
    enum err e = redis_run(r, &c, &p);
    if (e == ERR_OK && p->type != REDIS_REPLY_NIL && !reply_i64(p, seq)) e = redis_bad_reply("relayed", p);
    freeReplyObject(p);
    return e;
}

static bool entry_parse(const redisReply *p, struct arena *a, struct channel_entry *out) {
    if (!reply_is_array(p, 2) || p->element[0]->type != REDIS_REPLY_STRING || !reply_is_array(p->element[1], 0)) return false;
    const redisReply *f = p->element[1];
    char              id[32], *dash;
    if (!reply_str(p->element[0], id, sizeof id) || (dash = strchr(id, '-')) == NULL) return false;
    *dash = '\0';
    for (const char *d = id; *d; d++) out->offset = out->offset * 10 + (uint64_t)(*d - '0');
    for (size_t i = 0; i + 1 < f->elements; i += 2) {
        const redisReply *name = f->element[i], *v = f->element[i + 1];
        if (name->type != REDIS_REPLY_STRING || v->type != REDIS_REPLY_STRING) return false;
        if (strcmp(name->str, "d") == 0) out->data = arena_strndup(a, v->str, v->len);
        else if (strcmp(name->str, "k") == 0 && v->len > 0) out->key = arena_strndup(a, v->str, v->len);
        else if (strcmp(name->str, "t") == 0 && !reply_i64(v, &out->at_ms)) return false;
    }
    return out->data != NULL;
}

struct want {
    const char *epoch;    /* "" any */
    const char *verb;     /* XRANGE, XREVRANGE, "" none */
    const char *from, *to; /* stream ids */
    int         count;
};

/* ERR_TOOBIG: the entries do not fit the arena; pos is filled nevertheless. */
static enum err read_log(struct redis *r, struct arena *a, const char *channel, struct want w, struct channel_pos *pos,
                         struct channel_entry **list, size_t *n) {
    struct cmd  c;
    redisReply *p = NULL, *rows;
    char        fresh[17];

    memset(pos, 0, sizeof *pos);
    if (list) {
        *list = NULL;
        *n    = 0;
    }
    if (!name_ok(channel, NAME_MAX_BYTES)) return ERR_INPUT;
    cmd_channel(&c, r, SCRIPT_READ, channel, fresh);
    cmd_i(&c, CHANNEL_META_MORE_S);
    cmd_s(&c, w.epoch);
    cmd_s(&c, w.verb);
    cmd_s(&c, w.from);
    cmd_s(&c, w.to);
    cmd_i(&c, w.count);
    enum err e = redis_run(r, &c, &p);
    if (e != ERR_OK) goto out;
    if (!reply_is_array(p, 3) || !pos_parse(p->element[0], p->element[1], pos) || !reply_is_array(p->element[2], 0)) {
        e = redis_bad_reply("channel_read", p);
        goto out;
    }
    if (list == NULL) goto out;
    rows  = p->element[2];
    *list = arena_alloc(a, (rows->elements + 1) * sizeof **list);
    for (size_t i = 0; i < rows->elements; i++) {
        if (arena_is_over(a)) {
            e = ERR_TOOBIG;
            break;
        }
        if (!entry_parse(rows->element[i], a, &(*list)[i])) {
            e = redis_bad_reply("channel_entry", rows->element[i]);
            break;
        }
        (*n)++;
    }
out:
    if (e != ERR_OK && list) *n = 0;
    freeReplyObject(p);
    return e;
}

enum err channel_top(struct redis *r, const char *channel, struct channel_pos *pos) {
    return read_log(r, NULL, channel, (struct want){"", "", "-", "+", 0}, pos, NULL, NULL);
}

static int clamp_count(int n) { return n < 0 || n > CHANNEL_READ_MAX ? CHANNEL_READ_MAX : n; }

enum err channel_read(struct redis *r, struct arena *a, const char *channel, const char *epoch, uint64_t since, int max,
                      struct channel_pos *pos, struct channel_entry **list, size_t *n, bool *complete) {
    char from[32];
    int  count = clamp_count(max);
    *complete  = false;
    snprintf(from, sizeof from, "%" PRIu64 "-0", (since < OFFSET_MAX ? since : OFFSET_MAX) + 1);
    enum err e = read_log(r, a, channel, (struct want){epoch, count ? "XRANGE" : "", from, "+", count}, pos, list, n);
    if (e == ERR_TOOBIG) return ERR_OK; /* too much to resume by: the caller falls back to the snapshot */
    if (e != ERR_OK || (epoch[0] && strcmp(epoch, pos->epoch) != 0) || since > pos->offset) return e;
    uint64_t next = since;
    for (size_t i = 0; i < *n; i++)
        if ((*list)[i].offset == next + 1) next++;
    *complete = next == pos->offset && *n == pos->offset - since;
    return ERR_OK;
}

enum err channel_history(struct redis *r, struct arena *a, const char *channel, const uint64_t *since, bool reverse, int limit,
                         struct channel_pos *pos, struct channel_entry **list, size_t *n) {
    char     from[32] = "-";
    int      count    = clamp_count(limit);
    uint64_t s        = since && *since > OFFSET_MAX ? OFFSET_MAX : since ? *since : 0;
    if (reverse) {
        snprintf(from, sizeof from, "+");
        if (since) snprintf(from, sizeof from, "(%" PRIu64 "-0", s);
        if (since && s == 0) count = 0;
    } else if (since) {
        snprintf(from, sizeof from, "%" PRIu64 "-0", s + 1);
    }
    const char *verb = count == 0 ? "" : reverse ? "XREVRANGE" : "XRANGE";
    return read_log(r, a, channel, (struct want){"", verb, from, reverse ? "-" : "+", count}, pos, list, n);
}

enum err control_publish(struct redis *r, const char *json) {
    struct cmd  c;
    redisReply *p = NULL;
    if (strlen(json) > CHANNEL_DATA_MAX) return ERR_TOOBIG;
    cmd_init(&c, "PUBLISH");
    cmd_s(&c, CONTROL_CHANNEL);
    cmd_s(&c, json);
    enum err e = redis_run(r, &c, &p);
    if (e == ERR_OK && p->type != REDIS_REPLY_INTEGER) e = redis_bad_reply("control_publish", p);
    freeReplyObject(p);
    return e;
}

static enum err forget_some(struct redis *r, char *cursor, size_t cursor_n, int64_t *n) {
    struct cmd  c;
    redisReply *p = NULL, *q = NULL;
    cmd_init(&c, "SCAN");
    cmd_s(&c, cursor);
    cmd_s(&c, "MATCH");
    cmd_s(&c, KEY_CHANNELS);
    cmd_s(&c, "COUNT");
    cmd_i(&c, 500);
    enum err e = redis_run(r, &c, &p);
    if (e == ERR_OK && (!reply_is_array(p, 2) || !reply_str(p->element[0], cursor, cursor_n) || !reply_is_array(p->element[1], 0)))
        e = redis_bad_reply("scan", p);
    for (size_t i = 0; e == ERR_OK && i < p->element[1]->elements; i++) {
        const redisReply *key = p->element[1]->element[i];
        cmd_init(&c, "DEL");
        cmd_b(&c, key->str, key->len);
        e = redis_run(r, &c, &q);
        freeReplyObject(q);
        q = NULL;
        (*n)++;
    }
    freeReplyObject(p);
    return e;
}

enum err channel_forget_all(struct redis *r, int64_t *n) {
    char     cursor[32] = "0";
    enum err e;
    *n = 0;
    do e = forget_some(r, cursor, sizeof cursor, n);
    while (e == ERR_OK && strcmp(cursor, "0") != 0);
    return e;
}
