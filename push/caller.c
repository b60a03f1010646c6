/* SPDX-License-Identifier: Apache-2.0
 *
 * A message waits in `waiting` until there is a credential, is in `flying` while its request is under way, and leaves by give(), the
 * one place that calls on_result. Redis is asked on libuv's worker threads, one question at a time, so the loop never blocks; the
 * struct redis goes with the question.
 *
 * Credential: NONE -> ASKING (Redis) -> found: READY; to be made by us: MAKING (fetching over HTTP) -> READY, or FAILED until
 * again_ms; made by another worker: ASKING again a little later. At four fifths of its life the same way is gone in the background.
 *
 * After a start and after a lost connection one request goes first and the others follow its answer, or a second later: Apple
 * opens one stream until it has seen a valid token, and a dead peer is not met with a whole window.
 *
 * Callbacks may end the caller: it is `dead` from then on, and its memory goes with its timer, in a later turn of the loop.
 */
#include "push/caller.h"

#include <string.h>
#include <sys/queue.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/sm.h"
#include "base/text.h"
#include "store/cred.h"

#define WINDOW_DEFAULT  64
#define ARENA_BYTES     (64U << 10)
#define CRED_MIN_MS     60000
#define POLL_MS         200   /* another worker makes the credential */
#define COLD_MS         1000
#define FAIL_MIN_MS     1000  /* no credential: pause before the next try, doubled up to the other */
#define FAIL_MAX_MS     60000
#define REDIS_MS        1000
#define FETCH_MAX_MS    10000 /* below the life of the lock, store/keys.h */
#define SPARE_MAX       64

enum caller_do { DO_SEND, DO_POLL, DO_RAISE };

struct item {
    TAILQ_ENTRY(item) link;
    struct caller   *c;
    uint64_t         cookie;
    struct arena    *a;
    struct push_msg  m;
    enum caller_do   what;
    const char      *ref; /* of the sent message, when it is about one */
    int              level;
    struct http_req *req;
    uint64_t         cred_no; /* which credential it was sent with */
    bool             is_again; /* sent with a second credential */
};
TAILQ_HEAD(items, item);

enum cred_phase { PH_NONE, PH_ASKING, PH_MAKING, PH_READY, PH_FAILED };

enum ask_what { ASK_GET, ASK_PUT, ASK_RELEASE };

/* A question to Redis on a worker thread; lives on when the caller is gone. */
struct ask {
    uv_work_t       work;
    struct caller  *c; /* NULL: gone */
    struct redis   *redis;
    struct sm4_key  key;
    char            name[128], mark[17];
    enum ask_what   what;
    int64_t         after_ms, wall_ms;
    struct cred     cred;
    enum cred_state state;
    enum err        err;
    bool            is_busy;
};

struct caller {
    unsigned magic;
#define CALLER_MAGIC 0x63616c6cU
    struct http_out  *out;
    struct provider  *p;
    struct caller_ops ops;
    void             *arg;
    struct http_way   way;
    uv_timer_t        timer;
    struct items      waiting, flying, spare;
    size_t            waiting_n, flying_n, spare_n, window;
    bool              dead, wants_room, in_pump;

    bool             has_cred; /* the kind has one at all */
    enum cred_phase  phase;    /* READY stays while a newer one is got: then `renewing` */
    bool             renewing;
    struct cred      cred;
    uint64_t         cred_no;
    int64_t          again_ms; /* monotonic: ask Redis again, or after FAILED */
    int64_t          fail_ms;
    struct push_answer failed;
    struct ask      *ask; /* NULL: no Redis */
    struct http_req *cred_req;
    struct arena    *cred_arena;

    bool    is_warm;
    int64_t cold_until_ms; /* monotonic */
};

static void pump(struct caller *c);
static void cred_get_one(struct caller *c);

/* ---- messages ---- */
static const char *copy(struct arena *a, const char *s) { return s ? arena_strdup(a, s) : ""; }

static struct item *item_new(struct caller *c, const struct push_msg *m) {
    struct item *it = TAILQ_FIRST(&c->spare);
    if (it) {
        TAILQ_REMOVE(&c->spare, it, link);
        c->spare_n--;
    } else {
        it    = x_calloc(1, sizeof *it);
        it->a = arena_new(ARENA_BYTES);
        it->c = c;
    }
    it->m            = *m;
    it->m.id         = copy(it->a, m->id);
    it->m.notice     = copy(it->a, m->notice);
    it->m.target     = copy(it->a, m->target);
    it->m.target_key = copy(it->a, m->target_key);
    it->m.app        = copy(it->a, m->app);
    it->m.kind       = copy(it->a, m->kind);
    it->m.title      = copy(it->a, m->title);
    it->m.text       = copy(it->a, m->text);
    it->m.object     = copy(it->a, m->object);
    it->m.signature  = copy(it->a, m->signature);
    it->m.vars       = NULL;
    if (m->vars_n) {
        struct push_var *v = arena_alloc(it->a, m->vars_n * sizeof *v);
        for (size_t i = 0; i < m->vars_n; i++) v[i] = (struct push_var){copy(it->a, m->vars[i].name), copy(it->a, m->vars[i].value)};
        it->m.vars = v;
    }
    return it;
}

static void item_free(struct item *it) {
    struct caller *c = it->c;
    if (c->dead || c->spare_n == SPARE_MAX) {
        arena_free(it->a);
        x_free(it);
        return;
    }
    arena_reset(it->a);
    it->req      = NULL;
    it->is_again = false;
    TAILQ_INSERT_HEAD(&c->spare, it, link);
    c->spare_n++;
}

static void give_poll(struct item *it, const struct push_receipt *rc, const struct push_answer *a) {
    struct caller *c = it->c;
    c->ops.on_poll(c->arg, it->cookie, rc, a);
    item_free(it); /* only now: the receipt is in its arena */
}

static void tell_room(struct caller *c) {
    if (c->dead || !c->wants_room || caller_under_way(c) >= c->window) return;
    c->wants_room = false;
    if (c->ops.on_room) c->ops.on_room(c->arg);
}

/* It is in no list any more. */
static void give(struct item *it, const struct push_answer *a) {
    struct caller *c = it->c;
    if (it->what == DO_POLL) {
        const struct push_receipt none = {.ref = it->ref, .id = "", .verdict = V_DELIVERED, .detail = ""};
        give_poll(it, &none, a);
        tell_room(c);
        return;
    }
    struct push_answer copy_of = *a;
    uint64_t           cookie  = it->cookie;
    item_free(it);
    c->ops.on_result(c->arg, cookie, &copy_of);
    tell_room(c);
}

static void give_verdict(struct item *it, enum verdict v, const char *detail) {
    struct push_answer a = {.verdict = v};
    (void)snprintf(a.detail, sizeof a.detail, "%s", detail);
    give(it, &a);
}

static void wait_push(struct caller *c, struct item *it, bool first) {
    if (first) TAILQ_INSERT_HEAD(&c->waiting, it, link);
    else TAILQ_INSERT_TAIL(&c->waiting, it, link);
    c->waiting_n++;
}

static void wait_take(struct caller *c, struct item *it) {
    TAILQ_REMOVE(&c->waiting, it, link);
    c->waiting_n--;
}

/* ---- the timer: whatever comes next ---- */
static void on_timer(uv_timer_t *t) {
    struct caller *c = t->data;
    if (!c->dead) pump(c);
}

static void wake_at(struct caller *c, int64_t at_ms) {
    int64_t in = at_ms - clock_mono_ms();
    if (uv_is_active((uv_handle_t *)&c->timer) && uv_timer_get_due_in(&c->timer) <= (uint64_t)(in < 0 ? 0 : in)) return;
    MUST(uv_timer_start(&c->timer, on_timer, in < 0 ? 0 : (uint64_t)in, 0) == 0);
}

/* ---- the credential ---- */
static int64_t life_part(const struct cred *c) { return (c->until_wall_ms - c->made_wall_ms) / 5 * 4; }

static void cred_taken(struct caller *c) {
    c->phase    = PH_READY;
    c->renewing = false;
    c->fail_ms  = 0;
    c->cred_no++;
}

static void cred_failed(struct caller *c, const struct push_answer *why) {
    c->fail_ms  = c->fail_ms == 0 ? FAIL_MIN_MS : c->fail_ms * 2 > FAIL_MAX_MS ? FAIL_MAX_MS : c->fail_ms * 2;
    c->again_ms = clock_mono_ms() + (why->wait_ms > c->fail_ms ? why->wait_ms : c->fail_ms);
    c->failed   = *why;
    LOG(LOG_WARN, "credential_not_made", KS("provider", provider_name(c->p)), KS("verdict", verdict_info(why->verdict)->word), KS("why", why->detail));
    if (c->phase != PH_READY) c->phase = PH_FAILED;
    c->renewing = false;
}

static void ask_work(uv_work_t *w) {
    struct ask *q = w->data;
    if (q->what == ASK_GET) q->err = cred_get(q->redis, &q->key, q->name, q->mark, q->after_ms, q->wall_ms, &q->cred, &q->state);
    else if (q->what == ASK_PUT) q->err = cred_put(q->redis, &q->key, q->name, q->mark, &q->cred, q->wall_ms);
    else q->err = cred_release(q->redis, q->name, q->mark);
}

static void ask_free(struct ask *q) {
    if (q == NULL) return;
    redis_free(q->redis);
    x_wipe(q, sizeof *q);
    x_free(q);
}

static void cred_make_one(struct caller *c);

static void ask_done(uv_work_t *w, int status) {
    struct ask    *q = w->data;
    struct caller *c = q->c;
    q->is_busy       = false;
    if (c == NULL) {
        ask_free(q);
        return;
    }
    bool was_get = q->what == ASK_GET;
    if (was_get && status == 0 && q->err == ERR_OK && q->state == CRED_FOUND) c->cred = q->cred;
    x_wipe(&q->cred, sizeof q->cred); /* now: making one asks the next question */
    if (was_get) {
        if (status != 0 || q->err != ERR_OK || q->state == CRED_OURS) {
            cred_make_one(c); /* Redis is away: one of our own */
        } else if (q->state == CRED_WAIT) {
            c->again_ms = clock_mono_ms() + POLL_MS;
            if (c->phase != PH_READY) c->phase = PH_NONE;
            c->renewing = false;
        } else {
            cred_taken(c);
        }
    }
    pump(c);
}

static bool ask_start(struct caller *c, enum ask_what what) {
    struct ask *q = c->ask;
    if (q == NULL || q->is_busy) return false;
    q->what      = what;
    q->wall_ms   = clock_wall_ms();
    q->work.data = q;
    q->is_busy   = uv_queue_work(c->timer.loop, &q->work, ask_work, ask_done) == 0;
    return q->is_busy;
}

static bool is_header_text(const char *s) {
    for (; *s; s++)
        if (*s < 0x20 || *s == 0x7F) return false;
    return true;
}

/* A new one of ours, good or not. */
static void cred_made(struct caller *c, const char *value, int64_t life_ms, struct push_answer *why) {
    bool is_good = why->verdict == V_SENT && value && *value && strlen(value) < CRED_VALUE_MAX && is_header_text(value) && life_ms > 0;
    if (why->verdict == V_SENT && !is_good) {
        why->verdict = V_CONFIG;
        (void)snprintf(why->detail, sizeof why->detail, "credential of no use");
    }
    if (why->verdict == V_UNKNOWN || why->verdict == V_MAX) why->verdict = V_RETRY; /* of the message nothing was sent */
    if (is_good) {
        c->cred.made_wall_ms  = clock_wall_ms();
        c->cred.until_wall_ms = c->cred.made_wall_ms + life_ms;
        (void)snprintf(c->cred.value, sizeof c->cred.value, "%s", value);
        cred_taken(c);
        if (c->ask && !c->ask->is_busy) {
            c->ask->cred = c->cred;
            (void)ask_start(c, ASK_PUT);
        }
    } else {
        cred_failed(c, why);
        (void)ask_start(c, ASK_RELEASE);
    }
}

static void on_cred_answer(void *arg, const struct http_answer *r) {
    struct caller     *c     = arg;
    const char        *value = NULL;
    int64_t            life  = 0;
    struct push_answer why   = {.verdict = V_UNKNOWN};
    c->cred_req              = NULL;
    provider_kind(c->p)->cred_answer(c->p, c->cred_arena, r, &value, &life, &why);
    cred_made(c, value, life, &why);
    arena_reset(c->cred_arena);
    pump(c);
}

static void cred_make_one(struct caller *c) {
    const struct provider_kind *k     = provider_kind(c->p);
    const char                 *value = NULL;
    int64_t                     life  = 0, wall = clock_wall_ms();
    struct push_answer          why   = {.verdict = V_CONFIG};
    enum err                    e;
    (void)snprintf(why.detail, sizeof why.detail, "credential cannot be made");
    if (k->cred_make) {
        e = k->cred_make(c->p, c->cred_arena, wall, &value, &life);
        if (e == ERR_OK) why.verdict = V_SENT;
        cred_made(c, value, life, &why);
        arena_reset(c->cred_arena);
        return;
    }
    struct http_call call = {.method = "POST"};
    struct http_way  way  = c->way;
    if (way.timeout_ms > FETCH_MAX_MS) way.timeout_ms = FETCH_MAX_MS;
    if (c->phase != PH_READY) c->phase = PH_MAKING;
    e = k->cred_call(c->p, c->cred_arena, wall, &call);
    if (e == ERR_OK) e = http_out_send(c->out, &way, &call, on_cred_answer, c, &c->cred_req);
    if (e == ERR_OK) return;
    cred_made(c, NULL, 0, &why);
    arena_reset(c->cred_arena);
}

/* On the way to a newer one than what we have (or any). */
static void cred_get_one(struct caller *c) {
    if (c->cred_req || (c->ask && c->ask->is_busy)) return;
    if (c->phase == PH_READY) c->renewing = true;
    if (c->ask == NULL) {
        cred_make_one(c);
        return;
    }
    if (c->phase != PH_READY) c->phase = PH_ASKING;
    c->ask->after_ms = c->cred.made_wall_ms;
    if (!ask_start(c, ASK_GET)) cred_make_one(c);
}

/* True: messages may be sent now. */
static bool cred_ready(struct caller *c) {
    int64_t wall = clock_wall_ms(), now = clock_mono_ms();
    if (!c->has_cred) return true;
    if (c->phase == PH_READY && (wall >= c->cred.until_wall_ms || wall < c->cred.made_wall_ms - CRED_MIN_MS)) c->phase = PH_NONE;
    bool is_due = c->phase == PH_READY && wall - c->cred.made_wall_ms >= life_part(&c->cred);
    bool wanted = c->phase == PH_NONE || c->phase == PH_FAILED || (is_due && !c->renewing);
    if (wanted && now >= c->again_ms) cred_get_one(c);
    if (c->phase == PH_NONE || c->phase == PH_FAILED) wake_at(c, c->again_ms);
    return c->phase == PH_READY;
}

/* The provider does not want the credential this message was sent with. True: there is, or will be, another. */
static bool cred_refused(struct caller *c, const struct item *it, const struct push_answer *a) {
    const int64_t min = provider_kind(c->p)->cred_min_ms ? provider_kind(c->p)->cred_min_ms : CRED_MIN_MS;
    if (!c->has_cred || it->is_again || a->wait_ms > 0) return false;
    if (it->cred_no != c->cred_no) return true; /* it was an older one */
    if (c->phase != PH_READY) return true;      /* on its way already */
    if (clock_wall_ms() - c->cred.made_wall_ms < min) return false;
    c->phase    = PH_NONE;
    c->again_ms = 0;
    LOG(LOG_INFO, "credential_refused", KS("provider", provider_name(c->p)), KS("why", a->detail));
    return true;
}

/* ---- requests ---- */
static void read_answer(struct item *it, const struct http_answer *r, struct push_receipt *rc, struct push_answer *a) {
    struct caller              *c = it->c;
    const struct provider_kind *k = provider_kind(c->p);
    int64_t                     wall = clock_wall_ms();
    if (it->what == DO_POLL) k->poll_answer(c->p, it->a, &it->m, it->ref, r, wall, rc, a);
    else if (it->what == DO_RAISE) k->raise_answer(c->p, it->a, &it->m, it->ref, it->level, r, wall, a);
    else k->answer(c->p, it->a, &it->m, r, wall, a);
}

static enum err write_call(struct item *it, struct http_call *call, struct push_answer *why) {
    struct caller              *c    = it->c;
    const struct provider_kind *k    = provider_kind(c->p);
    const char                 *cred = c->has_cred ? c->cred.value : "";
    int64_t                     wall = clock_wall_ms();
    if (it->what == DO_POLL) return k->poll_call(c->p, it->a, &it->m, it->ref, cred, wall, call, why);
    if (it->what == DO_RAISE) return k->raise_call(c->p, it->a, &it->m, it->ref, it->level, cred, wall, call, why);
    return k->call(c->p, it->a, &it->m, cred, wall, call, why);
}

static void on_answer(void *arg, const struct http_answer *r) {
    struct item        *it = arg;
    struct caller      *c  = it->c;
    struct push_receipt rc = {.ref = it->ref, .id = "", .verdict = V_DELIVERED, .detail = ""};
    struct push_answer  a  = {.verdict = V_UNKNOWN};
    it->req               = NULL;
    TAILQ_REMOVE(&c->flying, it, link);
    c->flying_n--;
    if (r->status) c->is_warm = true;
    else if (!r->lost) c->is_warm = false;
    read_answer(it, r, &rc, &a);
    if (a.verdict == V_AUTH && cred_refused(c, it, &a)) {
        it->is_again = true;
        wait_push(c, it, true);
    } else if (it->what == DO_POLL) {
        give_poll(it, &rc, &a);
        tell_room(c);
    } else {
        give(it, &a);
    }
    if (!c->dead) pump(c);
}

static void fly(struct caller *c, struct item *it) {
    struct http_call   call = {.method = "POST"};
    struct push_answer why  = {.verdict = V_REJECTED};
    enum err           e    = write_call(it, &call, &why);
    if (e == ERR_OK) e = http_out_send(c->out, &c->way, &call, on_answer, it, &it->req);
    if (e) {
        if (why.detail[0] == '\0') (void)snprintf(why.detail, sizeof why.detail, "not a request");
        give(it, &why);
        return;
    }
    it->cred_no = c->cred_no;
    TAILQ_INSERT_TAIL(&c->flying, it, link);
    c->flying_n++;
}

static bool may_fly(struct caller *c) {
    int64_t now = clock_mono_ms();
    if (c->is_warm || provider_kind(c->p)->many_hosts) return true;
    if (c->flying_n == 0) {
        c->cold_until_ms = now + COLD_MS;
        return true;
    }
    if (now >= c->cold_until_ms) return true;
    wake_at(c, c->cold_until_ms);
    return false;
}

static void pump(struct caller *c) {
    struct item *it;
    if (c->in_pump) return;
    c->in_pump = true;
    while (!c->dead && (it = TAILQ_FIRST(&c->waiting)) != NULL) {
        if (!cred_ready(c)) {
            if (c->phase != PH_FAILED || c->dead) break;
            struct push_answer a = c->failed;
            a.wait_ms            = c->again_ms - clock_mono_ms();
            if (a.wait_ms < 0) a.wait_ms = 0;
            wait_take(c, it);
            give(it, &a);
            continue;
        }
        if (!may_fly(c)) break;
        wait_take(c, it);
        fly(c, it);
    }
    c->in_pump = false;
}

static enum err submit(struct caller *c, uint64_t cookie, const struct push_msg *m, enum caller_do what, const char *ref, int level) {
    CHECK_OBJ_NOTNULL(c, CALLER_MAGIC);
    MUST(!c->dead);
    if (caller_under_way(c) >= c->window) {
        c->wants_room = true;
        return ERR_BUSY;
    }
    struct item *it = item_new(c, m);
    it->cookie      = cookie;
    it->what        = what;
    it->ref         = copy(it->a, ref);
    it->level       = level;
    wait_push(c, it, false);
    wake_at(c, 0); /* never inside submit */
    return ERR_OK;
}

enum err caller_submit(struct caller *c, uint64_t cookie, const struct push_msg *m) { return submit(c, cookie, m, DO_SEND, "", 0); }

enum err caller_poll(struct caller *c, uint64_t cookie, const struct push_msg *m, const char *ref) {
    MUST(provider_kind(c->p)->poll_call && c->ops.on_poll);
    return submit(c, cookie, m, DO_POLL, ref, 0);
}

enum err caller_raise(struct caller *c, uint64_t cookie, const struct push_msg *m, const char *ref, int level) {
    MUST(provider_kind(c->p)->raise_call);
    return submit(c, cookie, m, DO_RAISE, ref, level);
}

size_t caller_under_way(const struct caller *c) { return c->waiting_n + c->flying_n; }

/* ---- the whole ---- */
/* Sealed for those who hold the same secrets: whoever could open it could have made it. Another key file gives another name too. */
static void seal_key(struct caller *c, struct ask *q) {
    const struct provider_kind *k = provider_kind(c->p);
    uint8_t                     h[32], id[32];
    char                        why[256], tag[17];
    sm3(provider_name(c->p), strlen(provider_name(c->p)), h);
    for (size_t i = 0; i < k->opts_n; i++) {
        const char *text = provider_text(c->p, k->opts[i].name);
        char       *file = k->opts[i].type == OPT_FILE && *text ? provider_file(c->p, k->opts[i].name, NULL, why, sizeof why) : NULL;
        sm3_hmac(h, sizeof h, k->opts[i].name, strlen(k->opts[i].name), h);
        sm3_hmac(h, sizeof h, file ? file : text, strlen(file ? file : text), h);
        if (file) x_wipe(file, strlen(file));
        x_free(file);
    }
    const char *base = provider_text(c->p, "base_url");
    sm3_hmac(h, sizeof h, base, strlen(base), h);
    sm4_key_derive(&q->key, 1, h);
    sm3_hmac(h, sizeof h, "name", 4, id);
    hex_encode(tag, id, 8);
    (void)snprintf(q->name, sizeof q->name, "%s:%s", provider_name(c->p), tag);
    x_wipe(h, sizeof h);
}

struct caller *caller_new(uv_loop_t *loop, struct http_out *out, struct provider *provider, const char *redis, const struct caller_ops *ops,
                          void *arg) {
    const struct provider_kind *k = provider_kind(provider);
    struct caller              *c;
    MUST(k->link == NULL && k->call && k->answer);
    ALLOC_OBJ(c, CALLER_MAGIC);
    c->out    = out;
    c->p      = provider;
    c->ops    = *ops;
    c->arg    = arg;
    c->way    = (struct http_way){.proxy      = provider_text(provider, "proxy"),
                                  .ca_file    = provider_text(provider, "ca_file"),
                                  .timeout_ms = provider_number(provider, "timeout_s") * 1000};
    c->window = (size_t)provider_number(provider, "window");
    if (c->window == 0) c->window = k->window ? (size_t)k->window : WINDOW_DEFAULT;
    TAILQ_INIT(&c->waiting);
    TAILQ_INIT(&c->flying);
    TAILQ_INIT(&c->spare);
    MUST(uv_timer_init(loop, &c->timer) == 0);
    c->timer.data = c;
    c->has_cred   = k->cred_make || k->cred_call;
    c->cred_arena = arena_new(ARENA_BYTES);
    if (c->has_cred && *redis) {
        c->ask        = x_calloc(1, sizeof *c->ask);
        c->ask->c     = c;
        c->ask->redis = redis_new(redis, REDIS_MS);
        cred_mark(c->ask->mark);
        seal_key(c, c->ask);
    }
    return c;
}

static void on_closed(uv_handle_t *handle) {
    struct caller *c = handle->data;
    struct item   *it;
    while ((it = TAILQ_FIRST(&c->spare)) != NULL) {
        TAILQ_REMOVE(&c->spare, it, link);
        arena_free(it->a);
        x_free(it);
    }
    arena_free(c->cred_arena);
    x_wipe(&c->cred, sizeof c->cred);
    FREE_OBJ(c);
}

void caller_free(struct caller *c) {
    struct item *it;
    if (c == NULL) return;
    CHECK_OBJ_NOTNULL(c, CALLER_MAGIC);
    if (c->dead) return; /* from a callback of the first call */
    c->dead = true;
    if (c->cred_req) http_out_cancel(c->cred_req, NULL);
    c->cred_req = NULL;
    if (c->ask && c->ask->is_busy) c->ask->c = NULL;
    else ask_free(c->ask);
    c->ask = NULL;
    while ((it = TAILQ_FIRST(&c->waiting)) != NULL) {
        wait_take(c, it);
        give_verdict(it, V_RETRY, "stopped");
    }
    while ((it = TAILQ_FIRST(&c->flying)) != NULL) {
        bool lost = true;
        TAILQ_REMOVE(&c->flying, it, link);
        c->flying_n--;
        http_out_cancel(it->req, &lost);
        give_verdict(it, lost ? V_UNKNOWN : V_RETRY, "stopped");
    }
    uv_close((uv_handle_t *)&c->timer, on_closed);
}
