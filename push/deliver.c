/* SPDX-License-Identifier: Apache-2.0
 *
 * The loop of the delivery worker: claims in batches, records in batches, both as jobs of the writer, whose answers come back by
 * mail. One record job at a time, so that an answer is never overtaken by its status report; what the store refuses stays in memory
 * (bounded by what is in hand) and is tried again.
 *
 * End: the taker stops first, then what is claimed and not sent is given back, the link waits for its answers, the records are
 * written; after 5 s what the store still refuses is left to delivery_recover of the next life.
 */
#include "push/deliver.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/metric.h"
#include "push/deliver_int.h"
#include "store/target.h"

#define DELIVER_MAGIC 0x64656c76U
#define TICK_MS       200
#define STOP_MS       5000
#define SWEEP_MS      60000
#define WORD_MS       2000
#define ABANDONED_MS  (10 * 60000) /* a claim so old is of a worker that is gone: answers come within a minute */

static void on_tick(uv_timer_t *t);

/* ---- items ---- */
static void wipe_free(char *s) {
    if (s) x_wipe(s, strlen(s));
    x_free(s);
}

void item_free(struct item *it) {
    char *plain[] = {it->vendor, it->tried, it->last, it->person, it->unit, it->kind, it->title, it->notice, it->object, it->app, it->var_t,
                     it->only,   it->message, it->ref};
    for (size_t i = 0; i < ARRAY_N(plain); i++) x_free(plain[i]);
    wipe_free(it->var_x); /* perhaps a code */
    wipe_free(it->text);
    wipe_free(it->target);
    wipe_free(it->target_key);
    x_free(it);
}

static void finish(struct deliver *d, struct item *it) {
    item_free(it);
    (void)atomic_fetch_sub(&d->busy, 1);
}

static void decided(struct deliver *d, const struct item *it) {
    (void)atomic_fetch_sub(&d->held[it->lane], 1);
    deliver_ack(d, it);
}

static void again_later(struct deliver *d) {
    if (d->refused) return;
    d->refused = true;
    MUST(uv_timer_start(&d->retry, on_tick, RETRY_MS, 0) == 0);
}

/* ---- records ---- */
struct record_job {
    struct write_job job; /* first */
    struct deliver  *d;
    struct records   list;
    enum err         e;
};

static enum err record_one(struct db *db, struct record *r) {
    if (r->item) {
        r->end.refs = r->refs;
        return delivery_result(db, &r->end);
    }
    if (r->reply.text_enc) {
        bool first = false;
        return sms_reply_add(db, &r->reply, &first);
    }
    if (r->asks_no_more) {
        enum err e = delivery_poll_stop(db, r->asked);
        if (e || r->is_silent) return e;
    }
    r->told.ref      = r->refs;
    r->told.stat     = r->detail;
    r->told.provider = route_name(r->route);
    enum err e       = delivery_report(db, &r->told);
    if (e == ERR_NOTFOUND && r->ref_alt[0]) {
        r->told.ref = r->ref_alt;
        e           = delivery_report(db, &r->told);
    }
    return e == ERR_NOTFOUND ? ERR_OK : e; /* of nothing we know: kept with the receipts */
}

static enum err record_run(struct db *db, struct write_job *job) {
    struct record_job *j = (struct record_job *)job;
    struct record     *r;
    TAILQ_FOREACH(r, &j->list, list) {
        enum err e = record_one(db, r);
        if (e && db_is_broken(db)) return e;
        if (e) LOG(LOG_ERROR, "delivery_record_refused", KS("delivery", r->item ? r->item->id : ""), KS("err", err_info(e)->word));
    }
    return ERR_OK;
}

static void recorded(void *owner, void *arg) {
    struct deliver    *d = owner;
    struct record_job *j = arg;
    struct record     *r;
    d->record_out = false;
    if (j->e == ERR_OK) {
        while ((r = TAILQ_FIRST(&j->list)) != NULL) {
            TAILQ_REMOVE(&j->list, r, list);
            if (r->route) route_stored(r->route, r->token);
            if (r->item) finish(d, r->item);
            x_free(r);
        }
    } else { /* back in front, in order */
        TAILQ_CONCAT(&j->list, &d->records, list);
        TAILQ_CONCAT(&d->records, &j->list, list);
        again_later(d);
    }
    x_free(j);
}

static void record_done(struct write_job *job, enum err result) {
    struct record_job *j = (struct record_job *)job;
    j->e                 = result;
    mailbox_post(j->d->mail, recorded, j);
}

static void flush_records(struct deliver *d) {
    if (d->record_out || d->refused || TAILQ_EMPTY(&d->records)) return;
    struct record_job *j = x_calloc(1, sizeof *j);
    j->job               = (struct write_job){.run = record_run, .done = record_done};
    j->d                 = d;
    TAILQ_INIT(&j->list);
    TAILQ_CONCAT(&j->list, &d->records, list);
    if (writer_submit(d->conf.writer, &j->job) == ERR_OK) {
        d->record_out = true;
        return;
    }
    TAILQ_CONCAT(&d->records, &j->list, list);
    x_free(j);
    again_later(d);
}

void deliver_record(struct deliver *d, struct record *r) {
    r->end.wall_ms = r->told.wall_ms = r->reply.wall_ms = clock_wall_ms();
    TAILQ_INSERT_TAIL(&d->records, r, list);
    if (!d->record_out && TAILQ_FIRST(&d->records) == r) (void)uv_async_send(&d->wake); /* flushed at the end of this turn */
}

struct record *deliver_end(struct deliver *d, struct item *it, const char *state, const char *verdict, const char *detail, int64_t due_in_ms) {
    struct record *r = x_calloc(1, sizeof *r);
    r->item          = it;
    (void)snprintf(r->detail, sizeof r->detail, "%s", detail);
    r->end = (struct delivery_end){.id          = it->id,
                                   .attempt     = it->attempt,
                                   .state       = state,
                                   .verdict     = verdict,
                                   .detail      = r->detail,
                                   .provider    = route_name(it->route),
                                   .others      = route_others(it->route),
                                   .due_wall_ms = clock_wall_ms() + due_in_ms};
    char label[48];
    (void)snprintf(label, sizeof label, "%s.%s", delivery_channels[it->channel].word, verdict);
    metric_add_label(M_C_attempts, label, 1);
    if (strcmp(state, "waiting") == 0) metric_add_label(M_C_retries, delivery_channels[it->channel].word, 1);
    if (it->channel == CHANNEL_SMS) metric_add_label(M_C_sms, verdict, 1);
    deliver_record(d, r);
    return r;
}

/* ---- claims ---- */
struct claim_job {
    struct write_job    job; /* first */
    struct deliver     *d;
    struct items        list;
    struct arena       *a;
    struct delivery_job of[CLAIM_BATCH];
    enum err            e, each[CLAIM_BATCH];
};

/* One acceptance of the template is used up by the send; without one it is not tried. */
static enum err take_consent(struct db *db, struct claim_job *j, const struct item *it, struct delivery_job *of, int64_t wall_ms) {
    const char *code = route_template(it->route, j->a, of->kind);
    bool        ok   = true;
    enum err    e    = code ? consent_take(db, of->target, code, wall_ms, &ok) : ERR_OK;
    of->no_consent   = !ok;
    return e;
}

static enum err claim_run(struct db *db, struct write_job *job) {
    struct claim_job *j   = (struct claim_job *)job;
    int64_t           now = clock_wall_ms();
    struct item      *it;
    size_t            i = 0;
    arena_reset(j->a);
    TAILQ_FOREACH(it, &j->list, list) {
        j->each[i] = delivery_claim(db, j->a, it->id, j->d->worker, route_name(it->route), now, &j->of[i]);
        if (j->each[i] && j->each[i] != ERR_NOTFOUND) return j->each[i];
        if (j->each[i] == ERR_OK && route_needs_consent(it->route)) {
            enum err e = take_consent(db, j, it, &j->of[i], now);
            if (e) return e;
        }
        i++;
    }
    return ERR_OK;
}

char *deliver_opened(const struct deliver *d, const void *sealed, size_t n) {
    if (sealed == NULL || n < SM4_EXTRA) return NULL;
    char  *out = x_calloc(1, n + 1);
    size_t len = 0;
    if (sm4_open(d->conf.pii_key, sealed, n, (uint8_t *)out, n, &len) != ERR_OK) {
        x_free(out);
        return NULL;
    }
    out[len] = '\0';
    return out;
}

static char *signed_text(const char *signature, const char *body) {
    struct buf b;
    buf_init(&b, 1U << 20);
    buf_printf(&b, "【%s】%s", signature, body);
    return buf_take(&b, NULL);
}

/* Providers with approved signatures put them there themselves. */
static char *behind_signature(char *text) {
    char *end = strncmp(text, "【", strlen("【")) == 0 ? strstr(text, "】") : NULL;
    return end ? end + strlen("】") : text;
}

/* A text to a bare number is a code: its kind for templates, and the digits as its variable x. */
static void name_code(struct item *it) {
    size_t      from = it->plain ? strcspn(it->plain, "0123456789") : 0;
    const char *code = it->plain ? it->plain + from : "";
    x_free(it->kind);
    x_free(it->var_x);
    it->kind  = x_strdup("auth.code");
    it->var_x = x_strndup(code, strspn(code, "0123456789"));
}

void deliver_fill(struct deliver *d, struct item *it, const struct delivery_job *job) {
    bool is_phone       = delivery_channels[it->channel].target == TARGET_PHONE;
    it->attempt         = job->attempts;
    it->is_direct       = job->notice[0] == '\0';
    it->no_consent      = job->no_consent;
    it->is_raise        = job->raise_of[0] != '\0';
    it->is_delivered    = job->is_delivered;
    it->claimed_wall_ms = clock_wall_ms(); /* before it is sent */
    it->once_n          = job->once_n;
    it->once_until_wall_ms = job->once_until_wall_ms;
    it->message         = x_strdup(it->is_raise ? job->raise_of : job->id);
    it->ref             = x_strdup(it->is_raise ? job->raise_ref : job->ref);
    if (it->is_raise) { /* by whoever has the message now */
        x_free(it->only);
        it->only               = x_strdup(job->raise_by);
        it->only_until_wall_ms = INT64_MAX;
    }
    it->expires_wall_ms = job->expires_wall_ms;
    it->at_biz_ms       = it->is_direct ? clock_business_ms() : job->created_biz_ms;
    it->at_wall_ms      = it->is_direct ? clock_wall_ms() : job->created_wall_ms;
    const char *from[]  = {job->person, job->unit, job->kind, job->title, job->notice, job->object, job->app, job->var_t, job->var_x};
    char      **to[]    = {&it->person, &it->unit, &it->kind, &it->title, &it->notice, &it->object, &it->app, &it->var_t, &it->var_x};
    for (size_t i = 0; i < ARRAY_N(to); i++) *to[i] = x_strdup(from[i]);
    if (it->is_direct) it->text = deliver_opened(d, job->text_enc, job->text_enc_n);
    else it->text = it->channel == CHANNEL_SMS ? signed_text(d->conf.signature, job->body) : x_strdup(job->body);
    if (it->text) it->plain = behind_signature(it->text);
    if (it->is_direct) name_code(it);
    wipe_free(it->target);
    it->target = NULL;
    if (is_phone) it->target = deliver_opened(d, job->phone_enc, job->phone_enc_n);
    else if (job->token_enc && !job->target_gone) it->target = deliver_opened(d, job->token_enc, job->token_enc_n);
    if (job->key_enc) it->target_key = deliver_opened(d, job->key_enc, job->key_enc_n);
}

/* A claimed one to its channel. */
static void dispatch(struct deliver *d, struct item *it) {
    bool served = routes_serve(d, it->channel);
    if (it->text == NULL || (it->expires_wall_ms && clock_wall_ms() >= it->expires_wall_ms)) {
        (void)deliver_end(d, it, "failed", "expired", it->text ? "expired before it could be sent" : "text is gone", 0);
        return;
    }
    if (d->stopping) {
        (void)deliver_end(d, it, "waiting", "not_sent", "worker stops", 0);
        return;
    }
    if (it->channel == CHANNEL_LOG || (!served && d->conf.demo)) {
        log_add(d, it);
        return;
    }
    if (it->no_consent) {
        (void)deliver_end(d, it, "failed", "refused", "no acceptance is left", 0);
        return;
    }
    if (it->is_raise && *it->ref == '\0') {
        (void)deliver_end(d, it, "failed", "no_message", "no message was taken that could be made louder", 0);
        return;
    }
    if (served && it->target == NULL) {
        (void)deliver_end(d, it, "failed", "no_target", "no number or token", 0);
        return;
    }
    if (it->is_raise && it->route && !route_can_raise(it->route)) (void)deliver_end(d, it, "failed", "no_raise", "this kind of provider has no louder way", 0);
    else if (it->route && route_is_open(it->route)) route_ready(it);
    else if (it->route) (void)deliver_end(d, it, "waiting", "not_sent", "no link to the provider", 0); /* went down while the claim was committed */
    else (void)deliver_end(d, it, "failed", "no_provider", served ? "no provider is left" : "no provider", 0);
}

static void claimed(void *owner, void *arg) {
    struct deliver   *d = owner;
    struct claim_job *j = arg;
    struct items      back;
    struct item      *it;
    TAILQ_INIT(&back);
    d->claims_out--;
    for (size_t i = 0; (it = TAILQ_FIRST(&j->list)) != NULL; i++) {
        TAILQ_REMOVE(&j->list, it, list);
        route_claiming(it, false);
        if (j->e) {
            TAILQ_INSERT_TAIL(&back, it, list);
        } else if (j->each[i]) { /* another worker has it, or it was cancelled */
            decided(d, it);
            finish(d, it);
        } else {
            decided(d, it);
            deliver_fill(d, it, &j->of[i]);
            dispatch(d, it);
        }
    }
    while ((it = TAILQ_LAST(&back, items)) != NULL) {
        TAILQ_REMOVE(&back, it, list);
        TAILQ_INSERT_HEAD(&d->taken[it->lane], it, list);
        d->taken_n[it->lane]++;
    }
    if (j->e) again_later(d);
    arena_free(j->a);
    x_free(j);
}

static void claim_done(struct write_job *job, enum err result) {
    struct claim_job *j = (struct claim_job *)job;
    j->e                = result;
    mailbox_post(j->d->mail, claimed, j);
}

/* May this one be claimed now? Only as far ahead as can be sent soon; what nobody can ever carry is claimed to be ended. */
static bool may_claim(struct deliver *d, struct item *it) {
    bool wait = false;
    if (it->channel != CHANNEL_LOG) route_choose(d, it, &wait);
    return !wait;
}

static size_t gather(struct deliver *d, struct items *out) {
    struct item *it, *next;
    size_t       n = 0;
    for (int lane = 0; lane < LANES; lane++) {
        if (TAILQ_EMPTY(&d->taken[lane]) || routes_are_full(d, (enum delivery_channel)(lane % CHANNELS_N), lane / CHANNELS_N)) continue;
        for (it = TAILQ_FIRST(&d->taken[lane]); it && n < CLAIM_BATCH; it = next) {
            next = TAILQ_NEXT(it, list);
            if (!may_claim(d, it)) continue;
            TAILQ_REMOVE(&d->taken[lane], it, list);
            d->taken_n[lane]--;
            route_claiming(it, true);
            TAILQ_INSERT_TAIL(out, it, list);
            n++;
        }
    }
    return n;
}

static void claim(struct deliver *d) {
    while (d->claims_out < CLAIM_JOBS && !d->refused && !d->stopping) {
        struct items list;
        TAILQ_INIT(&list);
        if (gather(d, &list) == 0) return;
        struct claim_job *j = x_calloc(1, sizeof *j);
        j->job              = (struct write_job){.run = claim_run, .done = claim_done};
        j->d                = d;
        j->a                = arena_new(1U << 20);
        TAILQ_INIT(&j->list);
        TAILQ_CONCAT(&j->list, &list, list);
        d->claims_out++;
        enum err e = writer_submit(d->conf.writer, &j->job);
        if (e == ERR_OK) continue; /* the writer's from here on */
        j->e = e;
        claimed(d, j); /* refused: all go back, later again */
    }
}

void deliver_taken(void *owner, void *arg) {
    struct deliver *d     = owner;
    struct items   *batch = arg;
    struct item    *it;
    while ((it = TAILQ_FIRST(batch)) != NULL) {
        TAILQ_REMOVE(batch, it, list);
        TAILQ_INSERT_TAIL(&d->taken[it->lane], it, list);
        d->taken_n[it->lane]++;
    }
    x_free(batch);
}

/* ---- claims of workers that are gone ---- */
/* Of the last life of `worker`, and of any that held one for so long. */
static enum err end_claims(struct deliver *d, struct db *db, const char *worker, int64_t *n) {
    int64_t  now = clock_wall_ms(), some = 0;
    enum err e   = ERR_OK;
    *n           = 0;
    for (size_t i = 0; e == ERR_OK && i < d->routes_n; i++) {
        int64_t once_ms = route_once_ms(d->routes[i]);
        if (once_ms == 0) continue;
        e = delivery_recover_once(db, route_name(d->routes[i]), once_ms, ONCE_TRIES, worker, now - ABANDONED_MS, now, &some);
        *n += some;
    }
    if (e == ERR_OK) e = delivery_recover(db, worker, now - ABANDONED_MS, now, &some);
    *n += some;
    return e;
}

struct sweep_job {
    struct write_job job;
    struct deliver  *d;
    int64_t          n;
};

static enum err sweep_run(struct db *db, struct write_job *job) {
    struct sweep_job *j = (struct sweep_job *)job;
    return end_claims(j->d, db, "", &j->n);
}

static void swept(void *owner, void *arg) {
    struct deliver   *d = owner;
    struct sweep_job *j = arg;
    d->claims_out--;
    if (j->n) LOG(LOG_WARN, "deliveries_recovered", KI("n", j->n));
    x_free(j);
}

static void sweep_done(struct write_job *job, enum err result) {
    struct sweep_job *j = (struct sweep_job *)job;
    if (result) j->n = 0;
    mailbox_post(j->d->mail, swept, j);
}

static void sweep(struct deliver *d) {
    int64_t now = clock_mono_ms();
    if (now < d->sweep_mono_ms || d->stopping) return;
    d->sweep_mono_ms    = now + SWEEP_MS;
    struct sweep_job *j = x_calloc(1, sizeof *j);
    j->job              = (struct write_job){.run = sweep_run, .done = sweep_done};
    j->d                = d;
    d->claims_out++;
    if (writer_submit(d->conf.writer, &j->job) != ERR_OK) swept(d, j);
}

/* ---- the loop ---- */
static void drop_all(struct deliver *d) {
    struct record *r;
    struct item   *it;
    for (int i = 0; i < LANES; i++)
        while ((it = TAILQ_FIRST(&d->taken[i])) != NULL) { /* not acknowledged: the next life, or another worker, takes them */
            TAILQ_REMOVE(&d->taken[i], it, list);
            finish(d, it);
        }
    while ((r = TAILQ_FIRST(&d->records)) != NULL) {
        TAILQ_REMOVE(&d->records, r, list);
        LOG(LOG_ERROR, "delivery_not_recorded", KS("delivery", r->item ? r->item->id : ""), KS("verdict", r->item ? r->end.verdict : "report"));
        if (r->item) finish(d, r->item);
        x_free(r);
    }
}

static void maybe_end(struct deliver *d) {
    bool late = clock_mono_ms() - d->stop_mono_ms >= STOP_MS;
    if (d->ended || !routes_are_closed(d) || d->claims_out || d->record_out || d->log_out) return;
    if (!TAILQ_EMPTY(&d->records) && !late) return;
    d->ended = true;
    drop_all(d);
    http_out_free(d->http);
    d->http = NULL;
    uv_close((uv_handle_t *)&d->wake, NULL);
    uv_close((uv_handle_t *)&d->tick, NULL);
    uv_close((uv_handle_t *)&d->retry, NULL);
}

void deliver_pump(struct deliver *d) {
    if (d->ended) return;
    claim(d);
    log_pump(d);
    routes_pump(d);
    flush_records(d);
    if (d->stopping) {
        maybe_end(d);
        return;
    }
    MUST(uv_timer_start(&d->tick, on_tick, (uint64_t)routes_wait_ms(d, TICK_MS), 0) == 0);
}

static void on_tick(uv_timer_t *t) {
    struct deliver *d = t->data;
    if (t == &d->retry) d->refused = false;
    routes_tick(d);
    if (clock_mono_ms() >= d->word_mono_ms && !d->stopping) {
        d->word_mono_ms = clock_mono_ms() + WORD_MS;
        routes_say(d);
    }
    sweep(d);
    deliver_pump(d);
    if (d->stopping && !d->ended) MUST(uv_timer_start(&d->tick, on_tick, 20, 0) == 0);
}

static void on_wake(uv_async_t *w) {
    struct deliver *d = w->data;
    (void)mailbox_drain(d->mail, d);
    deliver_pump(d);
}

static void wake(void *arg) { (void)uv_async_send(arg); }

void deliver_pump_soon(struct deliver *d) { (void)uv_async_send(&d->wake); }

static void stop_on_loop(void *owner, void *arg) {
    struct deliver *d = owner;
    struct item    *it;
    (void)arg;
    d->stopping     = true;
    d->stop_mono_ms = clock_mono_ms();
    log_set_held(d, false);
    while ((it = TAILQ_FIRST(&d->log_waiting)) != NULL) {
        TAILQ_REMOVE(&d->log_waiting, it, list);
        (void)deliver_end(d, it, "waiting", "not_sent", "worker stops", 0);
    }
    routes_close(d); /* with HTTP providers alone this may have been the end */
    if (!d->ended) MUST(uv_timer_start(&d->tick, on_tick, 20, 0) == 0);
}

static void *run(void *p) {
    struct deliver *d = p;
    (void)uv_run(&d->loop, UV_RUN_DEFAULT);
    return NULL;
}

/* ---- start and stop ---- */
static enum err recover(struct db *db, void *arg) {
    struct deliver *d   = arg;
    int64_t         n   = 0;
    enum err        e   = end_claims(d, db, d->worker, &n);
    if (e == ERR_OK && n) LOG(LOG_WARN, "deliveries_recovered", KI("n", n));
    return e;
}

static void init(struct deliver *d) {
    pthread_condattr_t attr;
    MUST(uv_loop_init(&d->loop) == 0 && uv_async_init(&d->loop, &d->wake, on_wake) == 0);
    MUST(uv_timer_init(&d->loop, &d->tick) == 0 && uv_timer_init(&d->loop, &d->retry) == 0);
    d->wake.data = d->tick.data = d->retry.data = d;
    d->mail                                     = mailbox_new(wake, &d->wake);
    for (int i = 0; i < LANES; i++) TAILQ_INIT(&d->taken[i]);
    TAILQ_INIT(&d->records);
    TAILQ_INIT(&d->log_waiting);
    TAILQ_INIT(&d->log_writing);
    TAILQ_INIT(&d->log_flushed);
    MUST(pthread_condattr_init(&attr) == 0 && pthread_condattr_setclock(&attr, CLOCK_MONOTONIC) == 0);
    MUST(pthread_mutex_init(&d->lock, NULL) == 0 && pthread_cond_init(&d->some, &attr) == 0);
    MUST(pthread_mutex_init(&d->probe_lock, NULL) == 0);
    (void)pthread_condattr_destroy(&attr);
}

static void fini(struct deliver *d) {
    MUST(uv_loop_close(&d->loop) == 0);
    routes_free(d);
    pacer_free(d);
    mailbox_free(d->mail);
    db_close(d->db);
    redis_free(d->redis);
    redis_free(d->probe);
    pthread_cond_destroy(&d->some);
    pthread_mutex_destroy(&d->lock);
    pthread_mutex_destroy(&d->probe_lock);
    if (d->lock_fd >= 0) (void)close(d->lock_fd);
    FREE_OBJ(d);
}

/* Two processes of one name would take each other's claims for those of a life before. Held until the end, however it comes. */
static enum err lock_name(struct deliver *d, char *why, size_t why_n) {
    char path[512];
    (void)snprintf(path, sizeof path, "%.400s/push-%s.lock", d->conf.data_dir, d->worker);
    d->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (d->lock_fd >= 0 && flock(d->lock_fd, LOCK_EX | LOCK_NB) == 0) return ERR_OK;
    bool taken = d->lock_fd >= 0 && errno == EWOULDBLOCK;
    (void)snprintf(why, why_n, taken ? "another process delivers as worker %s: give this one a name of its own (--worker NAME)" : "worker %s: its lock file cannot be opened", d->worker);
    return taken ? ERR_DUP : ERR_STORE;
}

enum err deliver_start(const struct deliver_conf *conf, struct deliver **out, char *why, size_t why_n) {
    struct deliver *d;
    char            db_path[512];
    ALLOC_OBJ(d, DELIVER_MAGIC);
    d->conf = *conf;
    (void)snprintf(d->worker, sizeof d->worker, "%s", conf->worker);
    (void)snprintf(d->log_path, sizeof d->log_path, "%s/outbox.log", conf->data_dir);
    (void)snprintf(db_path, sizeof db_path, "%s/zhangban.db", conf->data_dir);
    init(d);
    d->redis   = redis_new(conf->redis, 1000);
    d->probe   = redis_new(conf->redis, 1000);
    d->sweep_mono_ms = clock_mono_ms() + SWEEP_MS;
    enum err e = lock_name(d, why, why_n);
    if (e == ERR_OK) e = db_open(db_path, DB_READ, &d->db, why, why_n);
    if (e == ERR_OK) e = routes_open(d, why, why_n);
    if (e == ERR_OK) {
        e = writer_call(conf->writer, recover, d);
        if (e) (void)snprintf(why, why_n, "store: deliveries of the last run cannot be recovered");
    }
    if (e == ERR_OK) e = pacer_open(d, db_path, why, why_n);
    if (e) {
        d->ended = true; /* nothing is pumped any more */
        routes_close(d);
        http_out_free(d->http);
        uv_close((uv_handle_t *)&d->wake, NULL);
        uv_close((uv_handle_t *)&d->tick, NULL);
        uv_close((uv_handle_t *)&d->retry, NULL);
        (void)uv_run(&d->loop, UV_RUN_DEFAULT);
        fini(d);
        return e;
    }
    MUST(uv_timer_start(&d->tick, on_tick, TICK_MS, 0) == 0);
    MUST(pthread_create(&d->thread, NULL, run, d) == 0);
    (void)pthread_setname_np(d->thread, "deliver");
    deliver_take_start(d);
    pacer_start(d);
    *out = d;
    return ERR_OK;
}

void deliver_stop(struct deliver *d) {
    if (d == NULL) return;
    CHECK_OBJ_NOTNULL(d, DELIVER_MAGIC);
    deliver_take_stop(d);
    pacer_stop(d);
    mailbox_post(d->mail, stop_on_loop, NULL);
    (void)pthread_join(d->thread, NULL);
    deliver_take_end(d);
    fini(d);
}

bool deliver_is_idle(struct deliver *d) {
    if (d == NULL) return true;
    CHECK_OBJ_NOTNULL(d, DELIVER_MAGIC);
    int64_t in_lanes = 0, waiting, pending;
    pthread_mutex_lock(&d->probe_lock);
    for (int i = 0; i < LANES && in_lanes == 0; i++)
        in_lanes = lane_depth(d->probe, delivery_lanes[i], &waiting, &pending) == ERR_OK ? waiting + pending : 1;
    pthread_mutex_unlock(&d->probe_lock);
    /* an id is counted as busy before its entry can be acknowledged, so in this order nothing slips through */
    if (in_lanes != 0 || atomic_load(&d->log_orders) != 0) return false;
    long busy = atomic_load(&d->busy);
    return busy == atomic_load(&d->log_parked);
}
