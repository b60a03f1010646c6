/* SPDX-License-Identifier: Apache-2.0
 *
 * One struct call carries a request through its gates and threads and is freed after its answer. It is owned by one thread
 * at a time: the caller's, then a worker's, then the writer's.
 */
#include "gateway/dispatch.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/metric.h"
#include "base/sm.h"
#include "base/text.h"
#include "gateway/auth.h"
#include "gateway/live.h"
#include "gateway/rate.h"
#include "handlers/ranking.h"
#include "handlers/system_auth.h"
#include "store/auth.h"
#include "store/idem.h"

#define CALL_MAGIC      0x63616c6cU
#define ARENA_BYTES     (256u << 10)
#define HASHED_BYTES    (64U << 20) /* longer than any request */
#define REPLY_BYTES     (4u << 20)
#define INFLIGHT_PROCESS 20000

struct call {
    struct write_job    job; /* first: the writer hands it back */
    unsigned            magic;
    struct app         *app;
    const struct method *m;
    struct arena       *arena;
    cJSON              *obj;
    void               *args;
    struct req          req;
    struct buf          reply;
    struct jw           out;
    answer_fn          *answer;
    uint64_t            origin, tag;
    const char         *token, *raw_path;
    char               *body; /* owned */
    const char         *sys_key, *sys_time, *sys_nonce, *sys_sign;
    size_t              body_n;
    char                request_hash[65];
    char               *stored_reply; /* an earlier answer to the same idempotency key (arena) */
    int64_t             start_us;
    bool                rest, resolved;
};

static void finish(struct call *c, enum err e) {
    CHECK_OBJ_NOTNULL(c, CALL_MAGIC);
    struct app *app = c->app;
    struct req *r   = &c->req;
    if (e == ERR_OK && r->refuse) e = r->refuse;
    if (e == ERR_OK && (c->reply.failed || arena_is_over(c->arena))) e = ERR_TOOBIG;
    for (struct effect *x = r->effects; x && e == ERR_OK; x = x->next) live_close_session(app, x->person, x->session);

    char label[96];
    (void)snprintf(label, sizeof label, "%s %s", c->m->name, err_info(e)->word);
    metric_add_label(M_C_requests, label, 1);
    if (e != ERR_OK && e != ERR_STATE && e != ERR_CONFLICT && e != ERR_INPUT && e != ERR_NOTFOUND)
        LOG(LOG_INFO, "call_refused", KS("method", c->m->name), KS("err", err_info(e)->word), KS("person", r->who.id),
            KI("us", clock_mono_us() - c->start_us));
    struct answer a = {.e        = e,
                       .json     = c->stored_reply ? c->stored_reply : buf_str(&c->reply),
                       .json_n   = c->stored_reply ? strlen(c->stored_reply) : c->reply.len,
                       .raw      = r->raw,
                       .detail   = r->detail,
                       .field    = r->field,
                       .retry_ms = r->retry_ms,
                       .created  = (c->m->flags & M_CREATED) != 0};
    c->answer(app, c->origin, c->tag, &a);
    atomic_fetch_sub(&app->inflight, 1);
    cJSON_Delete(c->obj);
    arena_free(c->arena);
    x_free(c->body);
    buf_fini(&c->reply);
    FREE_OBJ(c);
}

static enum err refuse(const char *gate, enum err e) {
    metric_add_label(M_C_refused, gate, 1);
    return e;
}

/* ---- the gates behind "known": one order, one function ---- */
static enum err gates(struct call *c) {
    struct req          *r = &c->req;
    const struct method *m = c->m;
    if ((m->flags & M_DEMO) && !c->app->house.demo) return refuse("demo", ERR_NOTFOUND);
    if (!(m->flags & M_PUBLIC)) {
        if (r->who.id[0] == '\0') return refuse("authenticated", ERR_AUTH);
        if (!r->who.bound && !(m->flags & M_UNBOUND)) return refuse("device", ERR_ACTIVATE);
        if (!(m->roles & r->who.roles)) return refuse("role", ERR_PERM);
    }
    const char *who = r->who.id[0] ? r->who.id : r->peer;
    enum err    e   = rate_take(c->app->rates, who, m->cost ? m->cost : 1, &r->retry_ms);
    if (e) return refuse("rate", e);

    struct param_fault fault = {0};
    c->args = arena_alloc(c->arena, m->args_size + 1);
    e       = param_decode(m->params, m->params_n, c->obj, c->rest ? NULL : "idempotency_key", c->args, m->args_size, c->arena, &fault);
    if (e) {
        r->field  = fault.field;
        r->detail = *fault.field ? arena_printf(c->arena, "%s：%s", fault.field, fault.why) : fault.why;
        return refuse("params", e);
    }
    if (r->idem_key && (strlen(r->idem_key) > 128 || !text_is_clean(r->idem_key, strlen(r->idem_key), false)))
        return refuse("params", req_bad(r, "idempotency_key", "幂等键应为 1 到 128 个可见字符"));
    return ERR_OK;
}

/* ---- writes ---- */
static enum err once_more(struct call *c, struct db *db, bool *done) {
    struct req *r    = &c->req;
    char       *text = NULL, *hash = NULL;
    *done            = false;
    enum err e       = idem_find(db, c->arena, r->who.id, c->m->name, r->idem_key, &hash, &text);
    if (e == ERR_NOTFOUND) return ERR_OK;
    if (e) return e;
    if (strcmp(hash, c->request_hash) != 0) return ERR_KEYREUSE;
    c->stored_reply = text;
    *done           = true;
    return ERR_OK;
}

static enum err write_run(struct db *db, struct write_job *job) {
    struct call *c = (struct call *)job;
    CHECK_OBJ_NOTNULL(c, CALL_MAGIC);
    struct req *r = &c->req;
    r->db         = db;
    r->wall_ms    = clock_wall_ms();
    r->biz_ms     = clock_business_ms();
    r->effects    = NULL;
    r->refuse     = ERR_OK;
    buf_reset(&c->reply);
    jw_init(&c->out, &c->reply);
    bool idem = r->idem_key && !(c->m->flags & M_NO_IDEM);
    if (r->who.session[0]) {
        bool revoked = false;
        TRY(auth_session_revoked(db, r->who.session, &revoked));
        if (revoked) return ERR_AUTH;
    }
    if (idem) {
        bool done;
        TRY(once_more(c, db, &done));
        if (done) return ERR_OK;
    }
    jw_obj(&c->out);
    TRY(c->m->fn(r, c->args));
    jw_obj_end(&c->out);
    if (c->reply.failed || arena_is_over(c->arena)) return ERR_TOOBIG;
    if (idem && r->refuse == ERR_OK)
        TRY(idem_store(db, r->who.id, c->m->name, r->idem_key, c->request_hash, buf_str(&c->reply), r->wall_ms));
    return ERR_OK;
}

static void write_done(struct write_job *job, enum err e) { finish((struct call *)job, e); }

/* D8: what an authenticated person was refused is on record. */
static void write_refused(struct db *db, struct write_job *job, enum err e) {
    struct call *c = (struct call *)job;
    struct req  *r = &c->req;
    if (r->who.id[0] == '\0' || e == ERR_STORE) return;
    struct ledger_entry row = {.kind           = "refused",
                               .actor          = r->who.id,
                               .unit           = r->who.unit,
                               .object         = r->object ? r->object : "",
                               .body           = arena_printf(c->arena, "{\"method\":\"%s\",\"code\":\"%s\"}", c->m->name, err_info(e)->word),
                               .at_wall_ms     = r->wall_ms,
                               .at_business_ms = r->biz_ms};
    if (ledger_add(c->app->house.ledger, db, &row) != ERR_OK) LOG0(LOG_ERROR, "audit_of_refusal_failed");
}

static void to_writer(struct call *c) {
    c->job.run     = write_run;
    c->job.done    = write_done;
    c->job.refused = write_refused;
    enum err e     = writer_submit(c->app->writer, &c->job);
    if (e) finish(c, refuse("overload", e));
}

/* ---- workers ---- */
static const char *const verbs[] = {[V_GET] = "GET", [V_POST] = "POST", [V_PUT] = "PUT", [V_DELETE] = "DELETE"};

static enum err identify(struct worker *w, struct call *c) {
    if (c->resolved) return ERR_OK;
    if (c->sys_key) {
        struct system_request s = {.key = c->sys_key, .time = c->sys_time, .nonce = c->sys_nonce, .sign = c->sys_sign, .path = c->raw_path,
                                   .body = c->body, .body_n = c->body_n, .method = verbs[c->m->verb]};
        return system_auth(&c->app->house, w->db, w->redis, &s, &c->req.who);
    }
    if (c->token == NULL) return ERR_OK;
    int64_t  expires;
    enum err e = token_resolve(w, c->token, &c->req.who, &expires);
    /* a public method answers also with a stale token */
    return e == ERR_AUTH && (c->m->flags & M_PUBLIC) ? ERR_OK : e;
}

static void on_worker(void *ctx, void *arg) {
    struct worker *w = ctx;
    struct call   *c = arg;
    CHECK_OBJ_NOTNULL(c, CALL_MAGIC);
    struct req *r = &c->req;
    r->db         = w->db;
    r->redis      = w->redis;
    enum err e    = ERR_OK;
    if (!c->resolved) {
        e = identify(w, c);
        if (e == ERR_OK) e = gates(c);
    }
    if (e == ERR_OK && c->m->prepare && (e = db_begin(w->db)) == ERR_OK) {
        /* a repeated write gets its first answer also where a check of the preparation would not hold any more (a signature's time) */
        bool done = false;
        if (r->idem_key && !(c->m->flags & M_NO_IDEM)) e = once_more(c, w->db, &done);
        if (e == ERR_OK && !done) e = c->m->prepare(r, c->args);
        db_rollback(w->db);
        if (done) {
            finish(c, e);
            return;
        }
    }
    if (e == ERR_OK && (c->m->flags & M_WRITE)) {
        to_writer(c);
        return;
    }
    if (e == ERR_OK && (e = db_begin(w->db)) == ERR_OK) {
        jw_obj(&c->out);
        e = c->m->fn(r, c->args);
        jw_obj_end(&c->out);
        db_rollback(w->db); /* a snapshot: nothing to keep */
    }
    finish(c, e);
}

static const char *name_of(const cJSON *v) { return v->string ? v->string : ""; }

static int by_name(const void *a, const void *b) { return strcmp(name_of(*(const cJSON *const *)a), name_of(*(const cJSON *const *)b)); }

/* Of the parameters in the order of their names, without the key itself: a retry may come by the other way, REST or rpc. */
static void hash_request(struct call *c) {
    const cJSON **v = x_malloc(((size_t)cJSON_GetArraySize(c->obj) + 1) * sizeof *v), *m;
    size_t        n = 0;
    struct buf    b;
    uint8_t       out[32];
    cJSON_ArrayForEach(m, c->obj) if (c->rest || strcmp(name_of(m), "idempotency_key") != 0) v[n++] = m;
    qsort(v, n, sizeof *v, by_name);
    buf_init(&b, HASHED_BYTES);
    for (size_t i = 0; i < n; i++) {
        char *text = cJSON_PrintUnformatted(v[i]);
        buf_printf(&b, "%s=%s\n", name_of(v[i]), text ? text : "");
        cJSON_free(text);
    }
    sm3(buf_str(&b), b.len, out);
    hex_encode(c->request_hash, out, sizeof out);
    buf_fini(&b);
    x_free(v);
}

void dispatch(struct app *app, struct call_in *in) {
    struct call *c;
    ALLOC_OBJ(c, CALL_MAGIC);
    c->app      = app;
    c->m        = in->m;
    c->arena    = arena_new(ARENA_BYTES);
    c->obj      = in->args;
    in->args    = NULL;
    c->answer   = in->answer;
    c->origin   = in->origin;
    c->tag      = in->tag;
    c->rest     = in->rest;
    c->start_us = clock_mono_us();
    buf_init(&c->reply, REPLY_BYTES);
    jw_init(&c->out, &c->reply);
    struct req *r = &c->req;
    r->house      = &app->house;
    r->m          = in->m;
    r->a          = c->arena;
    r->out        = &c->out;
    r->peer       = arena_strdup(c->arena, in->peer);
    r->idem_key   = in->idem_key && *in->idem_key ? arena_strdup(c->arena, in->idem_key) : NULL;
    r->wall_ms    = clock_wall_ms();
    r->biz_ms     = clock_business_ms();
    if (!in->rest && c->obj) {
        const cJSON *k = cJSON_GetObjectItemCaseSensitive(c->obj, "idempotency_key");
        if (cJSON_IsString(k)) r->idem_key = arena_strdup(c->arena, k->valuestring);
    }
    if (r->idem_key) hash_request(c);

    int      under_way = atomic_fetch_add(&app->inflight, 1);
    enum err e         = under_way >= INFLIGHT_PROCESS ? refuse("overload", ERR_BUSY) : ERR_OK;
    if (e == ERR_OK && in->who) {
        r->who      = *in->who;
        c->resolved = true;
        e           = gates(c);
    } else if (e == ERR_OK) {
        c->token     = arena_strdup(c->arena, in->token);
        c->sys_key   = arena_strdup(c->arena, in->sys_key);
        c->sys_time  = arena_strdup(c->arena, in->sys_time);
        c->sys_nonce = arena_strdup(c->arena, in->sys_nonce);
        c->sys_sign  = arena_strdup(c->arena, in->sys_sign);
        c->raw_path  = arena_strdup(c->arena, in->raw_path);
        r->query     = arena_strdup(c->arena, in->query);
        if (in->sys_key || (in->m->flags & M_RAW)) { /* the signature covers the body as it came */
            c->body   = x_malloc(in->body_n + 1);
            c->body_n = in->body_n;
            memcpy(c->body, in->body, in->body_n);
            c->body[in->body_n] = '\0';
            r->body             = c->body;
            r->body_n           = c->body_n;
        }
    }
    if (e) {
        finish(c, e);
        return;
    }
    if (c->resolved && (c->m->flags & M_WRITE) && !c->m->prepare) {
        to_writer(c);
        return;
    }
    e = pool_submit(app->pool, on_worker, c);
    if (e) finish(c, refuse("overload", e));
}

/* ---- writer hooks ---- */
enum err dispatch_seal(void *arg, struct db *db) {
    struct app *app = arg;
    enum err    e   = ranking_seal(&app->house, db, atomic_load(&app->draining));
    if (e) return e;
    return ledger_seal(app->house.ledger, db);
}

void dispatch_committed(void *arg, size_t jobs_n) {
    struct app *app = arg;
    (void)jobs_n;
    ledger_committed(app->house.ledger);
    metric_add(M_C_writer_batches, 1);
    if (app->committed) app->committed(app->committed_arg);
}

void dispatch_aborted(void *arg) {
    struct app *app = arg;
    ranking_aborted(&app->house);
    ledger_aborted(app->house.ledger);
}

int64_t dispatch_due_us(void *arg) { return ranking_due_us(&((struct app *)arg)->house); }

void problem_write(struct buf *b, const struct answer *a) {
    const struct err_info *i = err_info(a->e);
    struct jw              w;
    jw_init(&w, b);
    jw_obj(&w);
    jw_kstr(&w, "type", "about:blank");
    jw_kstr(&w, "title", i->zh);
    jw_kint(&w, "status", i->http);
    jw_kstr(&w, "code", i->word);
    jw_kstr(&w, "detail", a->detail && *a->detail ? a->detail : i->zh);
    if (a->field && *a->field) jw_kstr(&w, "field", a->field);
    jw_kbool(&w, "temporary", i->temporary);
    jw_obj_end(&w);
}
