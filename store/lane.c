/* SPDX-License-Identifier: Apache-2.0
 *
 * Lanes: a stream and one consumer group each. An entry holds a delivery id and nothing else (D24); what the delivery is, and
 * whether it is still due, is asked of the records. So an entry may be lost (the scheduler queues it again) or doubled (the
 * claim in SQL lets one worker pass). Acknowledged entries are deleted: the length is what is waiting or in hand.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "store/redis_int.h"

static enum err add_some(struct redis *r, const char *lane, char *const *ids, size_t n) {
    struct cmd  c;
    redisReply *p = NULL;
    cmd_script(&c, r, SCRIPT_LANE_ADD, 1);
    cmd_f(&c, KEY_LANE, lane);
    cmd_i(&c, LANE_MAX);
    for (size_t i = 0; i < n; i++) cmd_s(&c, ids[i]);
    enum err e = redis_run(r, &c, &p);
    if (e == ERR_OK) {
        if (p->type != REDIS_REPLY_INTEGER) e = redis_bad_reply("lane_add", p);
        else if ((size_t)p->integer < n) e = ERR_BUSY;
    }
    freeReplyObject(p);
    return e;
}

enum err lane_add_many(struct redis *r, const char *lane, char *const *delivery_ids, size_t n) {
    enum err e = name_ok(lane, NAME_MAX_BYTES) ? ERR_OK : ERR_INPUT;
    for (size_t i = 0; i < n; i++)
        if (!name_ok(delivery_ids[i], NAME_MAX_BYTES)) e = ERR_INPUT;
    for (size_t i = 0; e == ERR_OK && i < n; i += LANE_BATCH_MAX) e = add_some(r, lane, delivery_ids + i, n - i < LANE_BATCH_MAX ? n - i : LANE_BATCH_MAX);
    return e;
}

enum err lane_add(struct redis *r, const char *lane, const char *delivery_id) {
    char *one = (char *)(uintptr_t)delivery_id;
    return lane_add_many(r, lane, &one, 1);
}

static enum err make_group(struct redis *r, const char *lane) {
    struct cmd  c;
    redisReply *p = NULL;
    cmd_init(&c, "XGROUP");
    cmd_s(&c, "CREATE");
    cmd_f(&c, KEY_LANE, lane);
    cmd_s(&c, LANE_GROUP);
    cmd_s(&c, "0");
    cmd_s(&c, "MKSTREAM");
    enum err e = redis_run_raw(r, &c, &p);
    if (e == ERR_OK && p->type == REDIS_REPLY_ERROR && !reply_is_error(p, "BUSYGROUP")) e = redis_bad_reply(p->str, p);
    freeReplyObject(p);
    return e;
}

/* Takes an entry into the list; false: not of this shape. */
static bool item(struct lane_item *out, struct arena *a, const redisReply *entry, const redisReply *delivery, int64_t times) {
    if (!reply_str(entry, out->entry, sizeof out->entry) || delivery->type != REDIS_REPLY_STRING) return false;
    out->delivery = arena_strndup(a, delivery->str, delivery->len);
    out->times    = times;
    return true;
}

static int count_of(size_t max) { return max > LANE_BATCH_MAX ? LANE_BATCH_MAX : (int)max; }

/* The lane whose key this is; -1. */
static int lane_of(const redisReply *key, const char *const *lanes, int lanes_n) {
    for (int i = 0; i < lanes_n; i++) {
        char want[NAME_MAX_BYTES + 16];
        (void)snprintf(want, sizeof want, KEY_LANE, lanes[i]);
        if (key->type == REDIS_REPLY_STRING && strcmp(key->str, want) == 0) return i;
    }
    return -1;
}

/* [[key, [[entry, [d, delivery]], ...]], ...]; a deleted entry has nil for its fields. */
static enum err take_parse(const redisReply *p, struct arena *a, const char *const *lanes, int lanes_n, struct lane_item **list, size_t *n) {
    size_t all = 0;
    for (size_t k = 0; k < p->elements; k++) {
        if (!reply_is_array(p->element[k], 2) || !reply_is_array(p->element[k]->element[1], 0)) return redis_bad_reply("lane_take", p);
        all += p->element[k]->element[1]->elements;
    }
    *list = arena_alloc(a, (all + 1) * sizeof **list);
    for (size_t k = 0; k < p->elements; k++) {
        const redisReply *rows = p->element[k]->element[1];
        int               lane = lane_of(p->element[k]->element[0], lanes, lanes_n);
        if (lane < 0) return redis_bad_reply("lane_take", p->element[k]);
        for (size_t i = 0; i < rows->elements; i++) {
            const redisReply *row = rows->element[i];
            if (reply_is_array(row, 2) && row->element[1]->type == REDIS_REPLY_NIL) continue;
            if (!reply_is_array(row, 2) || !reply_is_array(row->element[1], 2) ||
                !item(&(*list)[*n], a, row->element[0], row->element[1]->element[1], 0))
                return redis_bad_reply("lane_take", row);
            (*list)[*n].lane = lane;
            (*n)++;
        }
    }
    return ERR_OK;
}

/* from: ">" new ones, else own ones behind that entry. */
static void take_cmd(struct cmd *c, const char *const *lanes, int lanes_n, const char *worker, const char *from, size_t max, int wait_ms) {
    cmd_init(c, "XREADGROUP");
    cmd_s(c, "GROUP");
    cmd_s(c, LANE_GROUP);
    cmd_s(c, worker);
    cmd_s(c, "COUNT");
    cmd_i(c, count_of(max));
    if (wait_ms > 0) {
        cmd_s(c, "BLOCK"); /* 0 would be for ever */
        cmd_i(c, wait_ms);
        c->wait_ms = wait_ms;
    }
    cmd_s(c, "STREAMS");
    for (int i = 0; i < lanes_n; i++) cmd_f(c, KEY_LANE, lanes[i]);
    for (int i = 0; i < lanes_n; i++) cmd_s(c, from);
}

static enum err take(struct redis *r, struct arena *a, const char *const *lanes, int lanes_n, const char *worker, const char *from, size_t max,
                     int wait_ms, struct lane_item **list, size_t *n) {
    *list = NULL;
    *n    = 0;
    MUST(lanes_n > 0 && lanes_n <= LANES_MAX);
    for (int i = 0; i < lanes_n; i++)
        if (!name_ok(lanes[i], NAME_MAX_BYTES)) return ERR_INPUT;
    if (!name_ok(worker, NAME_MAX_BYTES)) return ERR_INPUT;
    if (max == 0) return ERR_OK;
    for (int round = 0; round < 2; round++) {
        struct cmd  c;
        redisReply *p = NULL;
        take_cmd(&c, lanes, lanes_n, worker, from, max, wait_ms);
        enum err e = redis_run_raw(r, &c, &p);
        if (e != ERR_OK) return e;
        bool no_group = reply_is_error(p, "NOGROUP") || reply_is_error(p, "UNBLOCKED"); /* first use, or flushed meanwhile */
        for (int i = 0; no_group && e == ERR_OK && i < lanes_n; i++) e = make_group(r, lanes[i]);
        if (!no_group && p->type == REDIS_REPLY_ERROR) e = redis_bad_reply(p->str, p);
        else if (!no_group && p->type != REDIS_REPLY_NIL) e = reply_is_array(p, 0) ? take_parse(p, a, lanes, lanes_n, list, n) : redis_bad_reply("lane_take", p);
        freeReplyObject(p);
        if (e != ERR_OK) *n = 0;
        if (e != ERR_OK || !no_group) return e;
    }
    return ERR_OK;
}

enum err lane_take(struct redis *r, struct arena *a, const char *lane, const char *worker, size_t max, int wait_ms, struct lane_item **list,
                   size_t *n) {
    return take(r, a, &lane, 1, worker, ">", max, wait_ms, list, n);
}

enum err lane_take_any(struct redis *r, struct arena *a, const char *const *lanes, int lanes_n, const char *worker, size_t max, int wait_ms,
                       struct lane_item **list, size_t *n) {
    return take(r, a, lanes, lanes_n, worker, ">", max, wait_ms, list, n);
}

enum err lane_take_own(struct redis *r, struct arena *a, const char *lane, const char *worker, const char *after, size_t max,
                       struct lane_item **list, size_t *n) {
    return take(r, a, &lane, 1, worker, after, max, 0, list, n);
}

enum err lane_claim(struct redis *r, struct arena *a, const char *lane, const char *worker, bool own, int64_t idle_ms, size_t max,
                    struct lane_item **list, size_t *n) {
    struct cmd  c;
    redisReply *p = NULL;
    *list         = NULL;
    *n            = 0;
    if (!name_ok(lane, NAME_MAX_BYTES) || !name_ok(worker, NAME_MAX_BYTES)) return ERR_INPUT;
    if (max == 0) return ERR_OK;
    cmd_script(&c, r, SCRIPT_LANE_CLAIM, 1);
    cmd_f(&c, KEY_LANE, lane);
    cmd_s(&c, LANE_GROUP);
    cmd_s(&c, worker);
    cmd_i(&c, idle_ms > 0 ? idle_ms : 0);
    cmd_i(&c, count_of(max));
    cmd_i(&c, own);
    enum err e = redis_run(r, &c, &p);
    if (e != ERR_OK) goto out;
    if (!reply_is_array(p, 0)) {
        e = redis_bad_reply("lane_claim", p);
        goto out;
    }
    *list = arena_alloc(a, (p->elements + 1) * sizeof **list);
    for (size_t i = 0; i < p->elements; i++) {
        const redisReply *row   = p->element[i];
        int64_t           times = 0;
        if (!reply_is_array(row, 3) || !reply_i64(row->element[1], &times) || !item(&(*list)[i], a, row->element[0], row->element[2], times)) {
            e  = redis_bad_reply("lane_claim", row);
            *n = 0;
            goto out;
        }
        (*n)++;
    }
out:
    freeReplyObject(p);
    return e;
}

enum err lane_ack(struct redis *r, const char *lane, const char *const *entries, size_t n) {
    enum err e = ERR_OK;
    if (!name_ok(lane, NAME_MAX_BYTES)) return ERR_INPUT;
    for (size_t i = 0; i < n && e == ERR_OK; i += LANE_BATCH_MAX) {
        struct cmd  c;
        redisReply *p = NULL;
        cmd_script(&c, r, SCRIPT_LANE_ACK, 1);
        cmd_f(&c, KEY_LANE, lane);
        cmd_s(&c, LANE_GROUP);
        for (size_t k = i; k < n && k < i + LANE_BATCH_MAX; k++) cmd_s(&c, entries[k]);
        e = redis_run(r, &c, &p);
        freeReplyObject(p);
    }
    return e;
}

enum err lane_depth(struct redis *r, const char *lane, int64_t *waiting, int64_t *pending) {
    struct cmd  c;
    redisReply *p = NULL;
    *waiting = *pending = 0;
    if (!name_ok(lane, NAME_MAX_BYTES)) return ERR_INPUT;
    cmd_script(&c, r, SCRIPT_LANE_DEPTH, 1);
    cmd_f(&c, KEY_LANE, lane);
    cmd_s(&c, LANE_GROUP);
    int64_t  all = 0;
    enum err e   = redis_run(r, &c, &p);
    if (e == ERR_OK && (!reply_is_array(p, 2) || !reply_i64(p->element[0], &all) || !reply_i64(p->element[1], pending)))
        e = redis_bad_reply("lane_depth", p);
    if (e == ERR_OK) *waiting = all > *pending ? all - *pending : 0;
    freeReplyObject(p);
    return e;
}

enum err lane_clear(struct redis *r, const char *lane) {
    struct cmd  c;
    redisReply *p = NULL;
    if (!name_ok(lane, NAME_MAX_BYTES)) return ERR_INPUT;
    cmd_init(&c, "DEL"); /* with its group: a worker that waits there makes a new one */
    cmd_f(&c, KEY_LANE, lane);
    enum err e = redis_run(r, &c, &p);
    freeReplyObject(p);
    return e;
}

enum err lane_mark(struct redis *r, bool *was) {
    struct cmd  c;
    redisReply *p = NULL;
    cmd_init(&c, "SET");
    cmd_s(&c, KEY_MARK);
    cmd_s(&c, "1");
    cmd_s(&c, "NX");
    enum err e = redis_run(r, &c, &p);
    *was       = e == ERR_OK && p->type == REDIS_REPLY_NIL;
    freeReplyObject(p);
    return e;
}
