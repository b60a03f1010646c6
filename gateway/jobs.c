/* SPDX-License-Identifier: Apache-2.0
 *
 * What a connection needs from Redis and the store: connect, refresh, subscribe, history, presence. Each is a struct job that
 * goes loop -> worker -> loop; it holds the connection's id, never the connection. Subscribe order (D13): join the channel here,
 * read the stream's top, then the state, then give out what the bus brought meanwhile.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/mem.h"
#include "gateway/auth.h"
#include "gateway/loopstate.h"
#include "gateway/snapshots.h"

#define RECOVER_MAX  300
#define REPLY_BYTES  (4u << 20)

enum kind { JOB_CONNECT, JOB_REFRESH, JOB_SUBSCRIBE, JOB_HISTORY, JOB_PRESENCE };

struct job {
    enum kind        kind;
    struct app      *app;
    struct net_loop *loop;
    uint64_t         conn;
    uint32_t         id;
    struct arena    *a;
    /* question */
    char        *token;   /* arena */
    const char  *channel; /* arena */
    bool         recover, stats, reverse, server_side;
    int          flag, limit;
    uint64_t     since;
    bool         has_since;
    const char  *epoch; /* arena, never NULL */
    struct actor who;
    /* answer */
    enum err              e;
    bool                  no_redis;
    int64_t               expires_wall_ms;
    struct channel_pos    top;
    bool                  recovered;
    struct channel_entry *list;
    size_t                list_n;
    const char           *data; /* snapshot JSON, arena; NULL none */
    struct presence_entry *people;
    size_t                people_n;
};

static struct job *job_new(struct client *cl, enum kind kind, uint32_t id) {
    struct job *j = x_calloc(1, sizeof *j);
    j->kind       = kind;
    j->loop       = conn_loop(cl->conn);
    j->app        = loop_app(j->loop);
    j->conn       = conn_id(cl->conn);
    j->id         = id;
    j->a          = arena_new(REPLY_BYTES);
    j->epoch      = "";
    if (cl->who) j->who = cl->who->actor;
    return j;
}

static void job_free(struct job *j) {
    arena_free(j->a);
    x_free(j);
}

static const char *text_member(const cJSON *o, const char *name) {
    const cJSON *v = cJSON_GetObjectItemCaseSensitive(o, name);
    return cJSON_IsString(v) ? v->valuestring : NULL;
}

static uint64_t number_member(const cJSON *o, const char *name) {
    const cJSON *v = cJSON_GetObjectItemCaseSensitive(o, name);
    return cJSON_IsNumber(v) && v->valuedouble >= 0 && v->valuedouble < 9007199254740992.0 ? (uint64_t)v->valuedouble : 0;
}

/* ---- on a worker ---- */
static enum err read_channel(struct worker *w, struct job *j, const struct channel_row *row) {
    struct req r = {.house = &j->app->house, .a = j->a, .db = w->db, .redis = w->redis, .who = j->who, .wall_ms = clock_wall_ms(),
                    .biz_ms = clock_business_ms(), .peer = ""};
    const char *rest = strchr(j->channel, ':') + 1;
    if (!(row->roles & j->who.roles)) return ERR_PERM;
    if (row->may) {
        TRY(db_begin(w->db));
        enum err e = row->may(&r, rest);
        db_rollback(w->db);
        TRY(e);
    }
    if (j->recover) {
        bool complete = false;
        TRY(channel_read(w->redis, j->a, j->channel, j->epoch, j->since, RECOVER_MAX, &j->top, &j->list, &j->list_n, &complete));
        j->recovered = complete && strcmp(j->epoch, "_") != 0;
        if (!j->recovered) j->list_n = 0;
    } else {
        TRY(channel_top(w->redis, j->channel, &j->top));
    }
    if (!(row->flags & CH_SNAPSHOT)) return ERR_OK;
    return snapshot_get(w, row, j->channel, &j->top, &r, &j->data);
}

static void job_on_loop(struct net_loop *l, void *arg);

static void job_on_worker(void *ctx, void *arg) {
    struct worker *w = ctx;
    struct job    *j = arg;
    switch (j->kind) {
    case JOB_CONNECT:
    case JOB_REFRESH:
        j->e = token_resolve(w, j->token, &j->who, &j->expires_wall_ms);
        if (j->e == ERR_OK && !j->who.bound) j->e = ERR_ACTIVATE; /* such a session registers its device by REST, no more (D18) */
        break;
    case JOB_SUBSCRIBE: j->e = read_channel(w, j, channel_find(j->channel)); break;
    case JOB_HISTORY:
        j->e = channel_history(w->redis, j->a, j->channel, j->has_since ? &j->since : NULL, j->reverse, j->limit, &j->top, &j->list,
                               &j->list_n);
        break;
    case JOB_PRESENCE: j->e = presence_get(w->redis, j->a, j->channel, &j->people, &j->people_n); break;
    }
    loop_post(j->loop, job_on_loop, j);
}

static void job_start(struct client *cl, struct job *j) {
    if (pool_submit(j->app->pool, job_on_worker, j) == ERR_OK) return;
    struct sub *s = j->kind == JOB_SUBSCRIBE ? hub_find(cl, j->channel) : NULL;
    if (s) hub_leave(hub_of(j->loop), s);
    if (j->kind == JOB_SUBSCRIBE && j->server_side)
        client_close(cl, 3004);
    else
        client_error(cl, j->id, j->kind == JOB_CONNECT ? 100 : 111);
    job_free(j);
}

/* ---- replies ---- */
static void write_entries(struct jw *w, const struct channel_entry *list, size_t n) {
    jw_key(w, "publications");
    jw_arr(w);
    for (size_t i = 0; i < n; i++) {
        jw_obj(w);
        jw_kraw(w, "data", list[i].data);
        jw_kint(w, "offset", (int64_t)list[i].offset);
        jw_obj_end(w);
    }
    jw_arr_end(w);
}

/* SubscribeResult (fact sheet 2.4, 4.2): recovered keeps the client's own offset, else the top. */
static void write_subscribed(struct jw *w, const struct job *j) {
    jw_obj(w);
    jw_kbool(w, "recoverable", true);
    jw_kbool(w, "positioned", true);
    jw_kstr(w, "epoch", j->top.epoch);
    jw_kint(w, "offset", (int64_t)(j->recovered ? j->since : j->top.offset));
    if (j->recover) jw_kbool(w, "was_recovering", true);
    if (j->recovered) {
        jw_kbool(w, "recovered", true);
        write_entries(w, j->list, j->list_n);
    }
    if (j->data) jw_kraw(w, "data", j->data);
    jw_obj_end(w);
}

static void begin_reply(struct jw *w, struct buf *b, uint32_t id, const char *key) {
    buf_init(b, REPLY_BYTES);
    jw_init(w, b);
    jw_obj(w);
    jw_kint(w, "id", id);
    jw_key(w, key);
}

static void end_reply(struct client *cl, struct jw *w, struct buf *b) {
    jw_obj_end(w);
    if (b->failed)
        client_close(cl, 3004);
    else
        client_send(cl, buf_str(b), b->len);
    buf_fini(b);
}

static int protocol_code(enum err e) {
    switch (e) {
    case ERR_PERM: return 103;
    case ERR_NOTFOUND: return 103; /* what one may not see does not exist; the SDK stops asking for either */
    case ERR_INPUT: return 102;
    case ERR_LIMIT:
    case ERR_BUSY: return 111;
    default: return 100;
    }
}

/* ---- connect: token, then the server-side channels, then one reply ---- */
static void send_connected(struct client *cl, uint32_t id, const struct job *sub) {
    struct loopstate *s = loopstate_of(conn_loop(cl->conn));
    struct buf        b;
    struct jw         w;
    char              name[48];
    client_id(cl, name);
    begin_reply(&w, &b, id, "connect");
    jw_obj(&w);
    jw_kstr(&w, "client", name);
    jw_kstr(&w, "version", "zhangban " ZB_VERSION);
    jw_kint(&w, "ping", s->app->conf.ping_s);
    jw_kbool(&w, "pong", true);
    int64_t ttl_s = (cl->who->expires_wall_ms - clock_wall_ms()) / 1000;
    jw_kbool(&w, "expires", true);
    jw_kint(&w, "ttl", ttl_s < 1 ? 1 : ttl_s > 2000000 ? 2000000 : ttl_s);
    if (sub) {
        jw_key(&w, "subs");
        jw_obj(&w);
        jw_key(&w, sub->channel); /* user:<id>: ids need no escaping */
        write_subscribed(&w, sub);
        jw_obj_end(&w);
    }
    jw_obj_end(&w);
    cl->state = CLIENT_CONNECTED;
    loopstate_connected(s, cl);
    end_reply(cl, &w, &b);
}

void job_connect(struct client *cl, uint32_t id, const cJSON *req) {
    struct job *j     = job_new(cl, JOB_CONNECT, id);
    const char *token = text_member(req, "token");
    j->token          = arena_strdup(j->a, token ? token : "");
    /* positions of server-side channels: at most one is ours */
    const cJSON *subs = cJSON_GetObjectItemCaseSensitive(req, "subs");
    for (const cJSON *v = cJSON_IsObject(subs) ? subs->child : NULL; v; v = v->next) {
        if (strncmp(v->string, "user:", 5) != 0 || strlen(v->string) > 100) continue;
        j->channel     = arena_strdup(j->a, v->string);
        j->recover     = cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(v, "recover"));
        const char *ep = text_member(v, "epoch");
        j->epoch       = arena_strdup(j->a, ep ? ep : "");
        j->since       = number_member(v, "offset");
    }
    job_start(cl, j);
}

static void connect_second(struct client *cl, struct job *j) {
    char channel[64];
    (void)snprintf(channel, sizeof channel, "user:%s", j->who.id);
    const struct channel_row *row = channel_find(channel);
    if (!(row->roles & j->who.roles)) { /* displays and systems have no inbox */
        send_connected(cl, j->id, NULL);
        client_replay(cl);
        job_free(j);
        return;
    }
    if (j->channel == NULL || strcmp(j->channel, channel) != 0) j->recover = false;
    j->channel     = arena_strdup(j->a, channel);
    j->kind        = JOB_SUBSCRIBE;
    j->server_side = true;
    (void)hub_join(hub_of(j->loop), cl, channel, row, true);
    job_start(cl, j);
}

static void connect_done(struct client *cl, struct job *j) {
    if (j->e == ERR_OK) {
        cl->who = who_get(loopstate_of(j->loop), &j->who, j->expires_wall_ms);
        connect_second(cl, j);
        return;
    }
    /* D17: an unknown token is 109 so that the client asks for a new one; Redis away is temporary, never terminal. */
    client_error(cl, j->id, j->e == ERR_AUTH ? 109 : j->e == ERR_ACTIVATE ? 103 : 100);
    cl->state = CLIENT_NEW;
    loopstate_wait_connect(loopstate_of(j->loop), cl);
    if (cl->hold) buf_reset(cl->hold);
    job_free(j);
}

void job_refresh(struct client *cl, uint32_t id, const char *token) {
    struct job *j = job_new(cl, JOB_REFRESH, id);
    j->token      = arena_strdup(j->a, token);
    job_start(cl, j);
}

static void refresh_done(struct client *cl, struct job *j) {
    struct buf b;
    struct jw  w;
    if (j->e == ERR_AUTH || j->e == ERR_ACTIVATE || (j->e == ERR_OK && strcmp(j->who.id, cl->who->actor.id) != 0)) {
        client_close(cl, clock_wall_ms() >= cl->who->expires_wall_ms ? 3005 : 3500);
    } else if (j->e) {
        client_error(cl, j->id, 100);
    } else {
        struct loopstate *s   = loopstate_of(j->loop);
        struct who       *old = cl->who;
        cl->who               = who_get(s, &j->who, j->expires_wall_ms);
        who_put(s, old);
        begin_reply(&w, &b, j->id, "refresh");
        jw_obj(&w);
        jw_kbool(&w, "expires", true);
        int64_t ttl_s = (j->expires_wall_ms - clock_wall_ms()) / 1000;
        jw_kint(&w, "ttl", ttl_s < 1 ? 1 : ttl_s > 2000000 ? 2000000 : ttl_s);
        jw_obj_end(&w);
        end_reply(cl, &w, &b);
    }
    job_free(j);
}

/* ---- subscribe ---- */
void job_subscribe(struct client *cl, uint32_t id, const cJSON *req) {
    struct job *j  = job_new(cl, JOB_SUBSCRIBE, id);
    const char *ep = text_member(req, "epoch");
    j->channel     = arena_strdup(j->a, text_member(req, "channel"));
    j->recover     = cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(req, "recover"));
    j->epoch       = arena_strdup(j->a, ep ? ep : "");
    j->since       = number_member(req, "offset");
    j->flag        = (int)number_member(req, "flag");
    (void)hub_join(hub_of(j->loop), cl, j->channel, channel_find(j->channel), false);
    job_start(cl, j);
}

static void subscribe_done(struct client *cl, struct job *j) {
    struct hub *h = hub_of(j->loop);
    struct sub *s = hub_find(cl, j->channel);
    if (s == NULL || s->active) { /* unsubscribed meanwhile */
        job_free(j);
        return;
    }
    bool unrecovered = j->e == ERR_OK && j->recover && !j->recovered && (j->flag & 2);
    if (j->e || unrecovered) {
        hub_leave(h, s);
        if (j->server_side) {
            client_error(cl, j->id, 100);
            cl->state = CLIENT_NEW;
            who_put(loopstate_of(j->loop), cl->who);
            cl->who = NULL;
            loopstate_wait_connect(loopstate_of(j->loop), cl);
        } else {
            client_error(cl, j->id, unrecovered ? 112 : protocol_code(j->e));
        }
        job_free(j);
        return;
    }
    if (j->server_side) {
        send_connected(cl, j->id, j);
    } else {
        struct buf b;
        struct jw  w;
        begin_reply(&w, &b, j->id, "subscribe");
        write_subscribed(&w, j);
        end_reply(cl, &w, &b);
    }
    if (cl->state != CLIENT_CLOSING && !hub_ready(h, s, &j->top)) {
        if (j->server_side) {
            client_close(cl, 3010);
        } else {
            struct buf b;
            struct jw  w;
            buf_init(&b, 1024);
            jw_init(&w, &b);
            buf_puts(&b, "{\"push\":{\"channel\":");
            jw_str(&w, j->channel);
            buf_puts(&b, ",\"unsubscribe\":{\"code\":2500,\"reason\":\"insufficient state\"}}}");
            hub_leave(h, s);
            client_send(cl, buf_str(&b), b.len);
            buf_fini(&b);
        }
    }
    if (j->server_side && cl->state == CLIENT_CONNECTED) client_replay(cl);
    job_free(j);
}

/* ---- history and presence ---- */
void job_history(struct client *cl, uint32_t id, const cJSON *req) {
    struct job  *j     = job_new(cl, JOB_HISTORY, id);
    const cJSON *limit = cJSON_GetObjectItemCaseSensitive(req, "limit"), *since = cJSON_GetObjectItemCaseSensitive(req, "since");
    j->channel         = arena_strdup(j->a, text_member(req, "channel"));
    j->limit           = cJSON_IsNumber(limit) ? (limit->valuedouble < 0 || limit->valuedouble > RECOVER_MAX ? RECOVER_MAX : limit->valueint) : 0;
    j->reverse         = cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(req, "reverse"));
    j->has_since       = cJSON_IsObject(since);
    if (j->has_since) {
        const char *ep = text_member(since, "epoch");
        j->epoch       = arena_strdup(j->a, ep ? ep : "");
        j->since       = number_member(since, "offset");
    }
    job_start(cl, j);
}

static void history_done(struct client *cl, struct job *j) {
    struct buf b;
    struct jw  w;
    if (j->e) {
        client_error(cl, j->id, protocol_code(j->e));
    } else if (j->has_since && *j->epoch && strcmp(j->epoch, j->top.epoch) != 0) {
        client_error(cl, j->id, 112);
    } else {
        begin_reply(&w, &b, j->id, "history");
        jw_obj(&w);
        jw_kstr(&w, "epoch", j->top.epoch);
        jw_kint(&w, "offset", (int64_t)j->top.offset);
        if (j->limit) write_entries(&w, j->list, j->list_n);
        jw_obj_end(&w);
        end_reply(cl, &w, &b);
    }
    job_free(j);
}

void job_presence(struct client *cl, uint32_t id, const char *channel, bool stats) {
    struct job *j = job_new(cl, JOB_PRESENCE, id);
    j->channel    = arena_strdup(j->a, channel);
    j->stats      = stats;
    job_start(cl, j);
}

static void presence_done(struct client *cl, struct job *j) {
    struct buf b;
    struct jw  w;
    if (j->e) {
        client_error(cl, j->id, protocol_code(j->e));
        job_free(j);
        return;
    }
    begin_reply(&w, &b, j->id, j->stats ? "presence_stats" : "presence");
    jw_obj(&w);
    if (j->stats) {
        size_t users = 0;
        for (size_t i = 0; i < j->people_n; i++) {
            size_t k = 0;
            while (k < i && strcmp(j->people[k].person, j->people[i].person) != 0) k++;
            if (k == i) users++;
        }
        jw_kint(&w, "num_clients", (int64_t)j->people_n);
        jw_kint(&w, "num_users", (int64_t)users);
    } else {
        jw_key(&w, "presence");
        jw_obj(&w);
        for (size_t i = 0; i < j->people_n; i++) {
            jw_key(&w, j->people[i].client);
            jw_obj(&w);
            jw_kstr(&w, "user", j->people[i].person);
            jw_kstr(&w, "client", j->people[i].client);
            jw_obj_end(&w);
        }
        jw_obj_end(&w);
    }
    jw_obj_end(&w);
    end_reply(cl, &w, &b);
    job_free(j);
}

static void job_on_loop(struct net_loop *l, void *arg) {
    struct job    *j  = arg;
    struct client *cl = client_of(l, j->conn);
    if (cl == NULL) {
        job_free(j);
        return;
    }
    switch (j->kind) {
    case JOB_CONNECT: connect_done(cl, j); break;
    case JOB_REFRESH: refresh_done(cl, j); break;
    case JOB_SUBSCRIBE: subscribe_done(cl, j); break;
    case JOB_HISTORY: history_done(cl, j); break;
    case JOB_PRESENCE: presence_done(cl, j); break;
    }
}

/* ---- presence of this node, out to Redis ---- */
struct put {
    char *list, *channel;
    char  node[40];
};

static void put_on_worker(void *ctx, void *arg) {
    struct worker *w    = ctx;
    struct put    *p    = arg;
    cJSON         *list = cJSON_Parse(p->list);
    int            n    = cJSON_GetArraySize(list) / 2;
    struct presence_entry *v  = x_calloc((size_t)n, sizeof *v);
    const cJSON           *it = list ? list->child : NULL;
    for (int i = 0; i < n && it && it->next; i++, it = it->next->next) {
        v[i].client = it->valuestring;
        v[i].person = it->next->valuestring;
    }
    if (presence_put(w->redis, p->node, p->channel, v, (size_t)n) != ERR_OK) { /* next round in 25 s */
    }
    x_free(v);
    cJSON_Delete(list);
    x_free(p->list);
    x_free(p->channel);
    x_free(p);
}

void job_put_presence(struct net_loop *l, const char *channel, char *list_json) {
    struct app *app = loop_app(l);
    struct put *p   = x_malloc(sizeof *p);
    p->list         = list_json;
    p->channel      = x_strdup(channel);
    (void)snprintf(p->node, sizeof p->node, "%s.%u", app->node, loop_index(l));
    if (pool_submit(app->pool, put_on_worker, p) == ERR_OK) return;
    x_free(p->list);
    x_free(p->channel);
    x_free(p);
}
