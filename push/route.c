/* SPDX-License-Identifier: Apache-2.0
 *
 * Which provider carries a message, and what its answer means for the message and for the provider (push/route_int.h).
 */
#include "push/route_int.h"

#include <string.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/metric.h"
#include "base/sm.h"

#define FAILS_MAX       5
#define OPEN_MIN_MS     5000
#define OPEN_MAX_MS     300000
#define AHEAD_MIN       8
#define UNKNOWN_TRIES   3
#define THROTTLED_TRIES 100
#define RETRY_TRIES     12
#define RETRY_MIN_MS    2000
#define RETRY_MAX_MS    600000
#define AGAIN_MS        30000
#define UNREPORTED_MS   60000
#define QUOTA_MS        3600000
#define ONCE_SPARE_S    60 /* a repetition is on its way for a while, and clocks differ */

/* Between half and all of it, so that what failed together does not come back together. */
static int64_t jitter(int64_t ms) {
    uint32_t x;
    random_bytes(&x, sizeof x);
    return ms / 2 + (int64_t)(x % (uint32_t)(ms / 2 + 1));
}

/* ---- which ---- */
static bool is_named(const char *list, const char *name) {
    char with[48];
    (void)snprintf(with, sizeof with, ",%s,", name);
    return strstr(list, with) != NULL;
}

static bool has_prefix(const struct route *r, const char *number) {
    const char *p = provider_text(r->provider, "prefix");
    if (*p == '\0') return true;
    for (size_t n; *p; p += n + strspn(p + n, " ")) {
        n = strcspn(p, " ");
        if (n && strncmp(p, number, n) == 0) return true;
    }
    return false;
}

static bool serves(const struct route *r, const struct item *it) {
    if (r->channel != it->channel || (r->kind->vendor[0] && strcmp(r->kind->vendor, it->vendor) != 0)) return false;
    if (it->only_until_wall_ms > clock_wall_ms() && strcmp(it->only, r->name) != 0) return false;
    return delivery_channels[r->channel].target != TARGET_PHONE || it->target == NULL || has_prefix(r, it->target);
}

bool route_is_open(const struct route *r) {
    return r->is_up && !r->is_held && clock_mono_ms() >= r->shut_until_mono_ms && clock_wall_ms() >= r->quota_until_wall_ms;
}

/* How many may be claimed before they can be sent: a quarter of a second covers a commit. */
static size_t ahead(const struct route *r) {
    if (r->fails >= FAILS_MAX) return r->sent_n ? 0 : 1; /* one to try */
    size_t n = r->window + (size_t)(r->pace.rate / 4);
    return n < AHEAD_MIN ? AHEAD_MIN : n > HELD_MAX ? HELD_MAX : n;
}

static bool has_room(const struct route *r, int priority) {
    size_t before = 0;
    for (int i = 0; i <= priority; i++) before += r->ready_n[i] + r->claiming_n[i];
    return before < ahead(r);
}

bool routes_are_full(const struct deliver *d, enum delivery_channel channel, int priority) {
    size_t n = 0;
    for (size_t i = 0; i < d->routes_n; i++) {
        const struct route *r = d->routes[i];
        if (r->channel != channel) continue;
        if (!route_is_open(r) || has_room(r, priority)) return false;
        n++;
    }
    return n > 0;
}

/* 0: cannot; 1 to 4: the higher, the rather. Weight 0 only when no other can; the one that failed last only when alone. */
static int rank(const struct route *r, const struct item *it) {
    if (!route_is_open(r) || !has_room(r, item_priority(it))) return 0;
    return 1 + (r->weight > 0 ? 2 : 0) + (strcmp(it->last, r->name) != 0 ? 1 : 0);
}

/* Smooth weighted round robin over those of the highest rank. */
void route_choose(struct deliver *d, struct item *it, bool *wait) {
    struct route *best = NULL, *can[ROUTES_MAX];
    int64_t       total = 0;
    size_t        n     = 0;
    int           top   = 1;
    for (size_t i = 0; i < d->routes_n; i++)
        if (serves(d->routes[i], it) && !is_named(it->tried, d->routes[i]->name)) can[n++] = d->routes[i];
    for (size_t i = 0; i < n; i++)
        if (rank(can[i], it) > top) top = rank(can[i], it);
    for (size_t i = 0; i < n; i++) {
        if (rank(can[i], it) != top) continue;
        can[i]->turn += can[i]->weight;
        total += can[i]->weight;
        if (best == NULL || can[i]->turn > best->turn) best = can[i];
    }
    if (best) best->turn -= total;
    it->route = best;
    *wait     = best == NULL && n > 0;
}

int64_t route_once_ms(const struct route *r) { return r->kind->once_s > 2 * ONCE_SPARE_S ? (r->kind->once_s - ONCE_SPARE_S) * 1000 : 0; }

bool route_can_raise(const struct route *r) { return r && r->kind->raise_call; }

bool route_needs_consent(const struct route *r) { return r && r->kind->needs_consent; }

const char *route_template(const struct route *r, struct arena *a, const char *notice_kind) {
    struct provider_template t;
    return provider_template(r->provider, a, notice_kind, &t) ? t.code : NULL;
}

const char *route_name(const struct route *r) { return r ? r->name : ""; }
const char *route_others(const struct route *r) { return r ? r->others : ""; }

bool routes_serve(const struct deliver *d, enum delivery_channel channel) {
    for (size_t i = 0; i < d->routes_n; i++)
        if (d->routes[i]->channel == channel) return true;
    return false;
}

/* Could another one carry it, now or later? */
static bool has_other(const struct route *r, const struct item *it) {
    for (size_t i = 0; i < r->d->routes_n; i++) {
        const struct route *o = r->d->routes[i];
        if (o != r && serves(o, it) && !is_named(it->tried, o->name)) return true;
    }
    return false;
}

/* ---- the provider's health ---- */
static void note_error(struct route *r, const struct push_answer *a) {
    (void)snprintf(r->last_error, sizeof r->last_error, "%s: %s", verdict_info(a->verdict)->word, a->detail);
    r->last_error_wall_ms = clock_wall_ms();
}

/* For operators: what became of the answers of the last five minutes. */
static void note_answer(struct route *r, const struct push_answer *a) {
    int64_t  at = clock_mono_ms() / 30000;
    unsigned i  = (unsigned)(at % ROUTE_RECENT);
    r->verdicts[a->verdict]++;
    if (r->recent[i].at != at) {
        r->recent[i].at      = at;
        r->recent[i].taken_n = r->recent[i].other_n = 0;
    }
    if (verdict_info(a->verdict)->then == THEN_DONE) r->recent[i].taken_n++;
    else if (a->verdict != V_THROTTLED) r->recent[i].other_n++;
    if (a->verdict == V_REJECTED) note_error(r, a);
}

static void failed(struct route *r, const struct push_answer *a) {
    note_error(r, a);
    if (++r->fails < FAILS_MAX) return;
    r->open_ms            = r->open_ms == 0 ? OPEN_MIN_MS : r->open_ms * 2 > OPEN_MAX_MS ? OPEN_MAX_MS : r->open_ms * 2;
    r->shut_until_mono_ms = clock_mono_ms() + jitter(r->open_ms);
    metric_add_label(M_C_breaker_opened, r->name, 1);
    LOG(LOG_WARN, "provider_shut", KS("provider", r->name), KI("ms", r->shut_until_mono_ms - clock_mono_ms()), KS("why", r->last_error));
}

static void well(struct route *r) {
    if (r->fails >= FAILS_MAX) LOG(LOG_INFO, "provider_back", KS("provider", r->name));
    r->fails   = 0;
    r->open_ms = 0;
}

/* What a raise is refused for is no fault of the provider as a way for messages. */
static void judge(struct route *r, const struct item *it, const struct push_answer *a) {
    bool of_raise = it->is_raise && (a->verdict == V_QUOTA || a->verdict == V_CONFIG);
    r->answers_n++;
    (void)atomic_fetch_add(&r->answered, 1);
    if (a->verdict == V_THROTTLED) (void)atomic_fetch_add(&r->throttled, 1);
    note_answer(r, a);
    if (a->of_target || of_raise) {
        well(r);
        return;
    }
    switch (a->verdict) {
    case V_UNKNOWN:
        if (r->family == &route_family_call) failed(r, a); /* of a link: it is down, and comes back when it is up */
        break;
    case V_RETRY:
    case V_AUTH:
    case V_CONFIG: failed(r, a); break;
    case V_QUOTA:
        r->quota_until_wall_ms = clock_wall_ms() + (a->wait_ms ? a->wait_ms : QUOTA_MS);
        LOG(LOG_WARN, "provider_quota", KS("provider", r->name), KI("ms", a->wait_ms), KS("detail", a->detail));
        break;
    default: well(r);
    }
}

/* ---- what an answer means for the message ---- */
static int64_t backoff(int attempt) {
    int64_t ms = RETRY_MIN_MS;
    for (int i = 1; i < attempt && ms < RETRY_MAX_MS; i++) ms *= 2;
    return jitter(ms < RETRY_MAX_MS ? ms : RETRY_MAX_MS);
}

static struct record *again(struct route *r, struct item *it, const struct push_answer *a, const char *word) {
    bool    slow = a->verdict == V_THROTTLED;
    int64_t wait = a->wait_ms;
    if (it->attempt >= (slow ? THROTTLED_TRIES : RETRY_TRIES)) return deliver_end(r->d, it, "failed", word, a->detail, 0);
    if (wait == 0 && slow) wait = it->attempt < 10 ? 100 * it->attempt : 1000;
    if (wait == 0) wait = has_other(r, it) ? 0 : backoff(it->attempt);
    return deliver_end(r->d, it, "waiting", word, a->detail, wait);
}

static void name_template(struct record *rec, const struct route *r, const struct item *it) {
    struct arena *a    = arena_new(4096);
    const char   *code = route_template(r, a, it->kind);
    (void)snprintf(rec->template_id, sizeof rec->template_id, "%s", code ? code : "");
    rec->end.template_id = rec->template_id;
    arena_free(a);
}

static struct record *end_well(struct route *r, struct item *it, const struct push_answer *a, const char *word) {
    struct record *rec = deliver_end(r->d, it, a->verdict == V_DELIVERED ? "delivered" : "sent", word, a->detail, 0);
    if (r->kind->poll_call && a->ref[0] && !it->is_direct) rec->end.poll_due_wall_ms = clock_wall_ms() + r->kind->poll_first_s * 1000;
    return rec;
}

/* Its provider drops a repetition: while that holds it is tried again, by this one only, and nobody is told twice. NULL: no more. */
static struct record *once_more(struct route *r, struct item *it, const struct push_answer *a) {
    int64_t wait  = r->d->conf.again_ms ? r->d->conf.again_ms : jitter(RETRY_MIN_MS << (3 * it->once_n)); /* 2, 16, 128 s */
    int64_t until = it->once_until_wall_ms ? it->once_until_wall_ms : it->claimed_wall_ms + route_once_ms(r);
    if (route_once_ms(r) == 0 || it->is_direct || it->once_n >= ONCE_TRIES || clock_wall_ms() + wait >= until) return NULL;
    struct record *rec          = deliver_end(r->d, it, "waiting", verdict_info(a->verdict)->word, a->detail, wait);
    rec->end.once_until_wall_ms = until;
    return rec;
}

/* Once: a telephone may have rung when nobody answered us. What cannot be done pulls the next step forward. */
static struct record *end_of_raise(struct route *r, struct item *it, const struct push_answer *a, const struct verdict_info *v) {
    if (v->then == THEN_AGAIN) return again(r, it, a, v->word);
    return deliver_end(r->d, it, v->then == THEN_DONE ? "sent" : v->then == THEN_ASK ? "unknown" : "failed", v->word, a->detail, 0);
}

static struct record *end_of(struct route *r, struct item *it, const struct push_answer *a) {
    const struct verdict_info *v    = verdict_info(a->verdict);
    const char                *word = v->word;
    struct record             *rec;
    if (it->is_raise) return end_of_raise(r, it, a, v);
    switch (v->then) {
    case THEN_DONE: return end_well(r, it, a, word);
    case THEN_AGAIN: return again(r, it, a, word);
    case THEN_OTHER:
        if (a->verdict == V_QUOTA && !has_other(r, it) && !it->is_direct) { /* tomorrow; the next step of the plan need not wait for it */
            rec               = deliver_end(r->d, it, "waiting", word, a->detail, a->wait_ms ? a->wait_ms : QUOTA_MS);
            rec->end.is_later = true;
            return rec;
        }
        rec               = deliver_end(r->d, it, has_other(r, it) && !it->is_direct ? "waiting" : "failed", word, a->detail, 0);
        rec->end.is_tried = true;
        return rec;
    case THEN_END:
        rec                   = deliver_end(r->d, it, "failed", word, a->detail, 0);
        rec->end.target_gone  = a->verdict == V_GONE;
        rec->end.gone_wall_ms = a->gone_wall_ms;
        rec->end.is_refused   = a->verdict == V_REFUSED;
        if (rec->end.is_refused && r->kind->needs_consent) name_template(rec, r, it);
        return rec;
    case THEN_ASK: { /* D24 */
        if ((rec = once_more(r, it, a)) != NULL) return rec;
        bool more = !it->is_direct && item_priority(it) <= 1 && it->attempt < UNKNOWN_TRIES;
        return deliver_end(r->d, it, more ? "waiting" : "unknown", word, a->detail, r->d->conf.again_ms ? r->d->conf.again_ms : AGAIN_MS);
    }
    }
    UNREACHABLE("then");
}

void route_result(struct route *r, struct item *it, const struct push_answer *a, const char *refs) {
    TAILQ_REMOVE(&r->sent, it, list);
    r->sent_n--;
    judge(r, it, a);
    struct record *rec = end_of(r, it, a);
    (void)snprintf(rec->refs, sizeof rec->refs, "%s", refs);
}

/* ---- claimed, and sent ---- */
void route_claiming(struct item *it, bool begins) {
    if (it->route == NULL) return;
    if (begins) it->route->claiming_n[item_priority(it)]++;
    else it->route->claiming_n[item_priority(it)]--;
}

void route_ready(struct item *it) {
    struct route *r = it->route;
    TAILQ_INSERT_TAIL(&r->ready[item_priority(it)], it, list);
    r->ready_n[item_priority(it)]++;
}

static void not_ready(struct route *r, struct item *it) {
    TAILQ_REMOVE(&r->ready[item_priority(it)], it, list);
    r->ready_n[item_priority(it)]--;
}

/* What is claimed and not sent goes back at once: another worker may have a way, and a reader may still cancel it. */
static void give_back(struct route *r) {
    struct item *it;
    for (int i = 0; i < 4; i++)
        while ((it = TAILQ_FIRST(&r->ready[i])) != NULL) {
            not_ready(r, it);
            (void)deliver_end(r->d, it, "waiting", "not_sent", "the provider cannot take it now", 0);
        }
}

/* Of what all workers may send together. The next is asked for before it is needed; while Redis is away the own pace is enough. */
static bool take_lease(struct route *r, int64_t parts) {
    int64_t chunk = (int64_t)(r->pace.rate / 8), have = atomic_load(&r->leased);
    if (atomic_load(&r->shared_milli) < 0) return true;
    if (chunk < 16) chunk = 16;
    if (chunk < parts) chunk = parts;
    if (have - parts < chunk / 2 && atomic_load(&r->want) == 0) {
        atomic_store(&r->want, chunk);
        pacer_wake(r->d);
    }
    if (have < parts) return false;
    (void)atomic_fetch_sub(&r->leased, parts);
    return true;
}

static bool pay(struct route *r, size_t parts) {
    if (!pace_take(&r->pace, (unsigned)parts, clock_mono_us())) return false;
    if (take_lease(r, (int64_t)parts)) return true;
    pace_give_back(&r->pace, (unsigned)parts, clock_mono_us());
    return false;
}

/* A question, when no message waits. False: nothing more goes now. */
static bool ask_one(struct route *r) {
    if (TAILQ_EMPTY(&r->to_ask) || !pay(r, 1)) return false;
    if (polls_next(r)) return true;
    pace_give_back(&r->pace, 1, clock_mono_us());
    return false;
}

/* False: nothing more goes now. */
static bool send_one(struct route *r, struct item *it) {
    if (it->expires_wall_ms && clock_wall_ms() >= it->expires_wall_ms) {
        not_ready(r, it);
        (void)deliver_end(r->d, it, "failed", "expired", "expired before it could be sent", 0);
        return true;
    }
    if (it->once_until_wall_ms && clock_wall_ms() >= it->once_until_wall_ms && item_priority(it) > 1) { /* D24 */
        not_ready(r, it);
        (void)deliver_end(r->d, it, "unknown", "unknown", "too late to be repeated for sure without a double", 0);
        return true;
    }
    size_t parts = r->family->parts(it);
    if (!pay(r, parts)) return false;
    not_ready(r, it);
    TAILQ_INSERT_TAIL(&r->sent, it, list);
    r->sent_n++;
    enum err e = r->family->submit(r, it);
    if (e == ERR_OK) {
        r->sent_total++;
        return true;
    }
    pace_give_back(&r->pace, (unsigned)parts, clock_mono_us());
    if (e == ERR_BUSY) {
        TAILQ_REMOVE(&r->sent, it, list);
        r->sent_n--;
        TAILQ_INSERT_HEAD(&r->ready[item_priority(it)], it, list);
        r->ready_n[item_priority(it)]++;
        return false;
    }
    struct push_answer a = {.verdict = V_REJECTED, .detail = "number or text cannot be sent"};
    route_result(r, it, &a, "");
    return true;
}

static void pump(struct route *r) {
    if (!route_is_open(r)) { /* shut, over its quota: what is claimed does not wait for it */
        give_back(r);
        return;
    }
    for (int i = 0; i < 4; i++)
        for (struct item *it; (it = TAILQ_FIRST(&r->ready[i])) != NULL;)
            if (!send_one(r, it)) return;
    while (ask_one(r)) continue;
}

void routes_pump(struct deliver *d) {
    for (size_t i = 0; i < d->routes_n && !d->stopping; i++) pump(d->routes[i]);
}

int64_t routes_wait_ms(const struct deliver *d, int64_t most_ms) {
    for (size_t i = 0; i < d->routes_n; i++) {
        const struct route *r = d->routes[i];
        int64_t             w = route_is_open(r) ? pace_wait_ms(&r->pace, clock_mono_us()) : most_ms;
        for (int k = 0; k < 4; k++)
            if (r->ready_n[k] && w < most_ms) most_ms = w;
    }
    return most_ms;
}

/* ---- the second ---- */
struct unreported_job {
    struct write_job job; /* first */
    struct route    *r;
    int64_t          before_wall_ms, n;
};

static enum err unreported_run(struct db *db, struct write_job *job) {
    struct unreported_job *j = (struct unreported_job *)job;
    return delivery_unreported(db, j->r->name, j->r->others, j->before_wall_ms, clock_wall_ms(), CLAIM_BATCH, &j->n);
}

static void unreported_back(void *owner, void *arg) {
    struct deliver        *d = owner;
    struct unreported_job *j = arg;
    d->claims_out--;
    if (j->n == CLAIM_BATCH) j->r->unreported_mono_ms = 0; /* there are more */
    if (j->n) LOG(LOG_WARN, "receipts_missing", KS("provider", j->r->name), KI("n", j->n));
    x_free(j);
}

static void unreported_done(struct write_job *job, enum err result) {
    struct unreported_job *j = (struct unreported_job *)job;
    if (result) j->n = 0;
    mailbox_post(j->r->d->mail, unreported_back, j);
}

static void look_for_unreported(struct route *r) {
    int64_t limit_ms = provider_number(r->provider, "report_s") * 1000, now = clock_mono_ms();
    if (limit_ms == 0 || now < r->unreported_mono_ms || r->d->stopping) return;
    r->unreported_mono_ms    = now + (limit_ms / 4 < UNREPORTED_MS ? limit_ms / 4 : UNREPORTED_MS);
    struct unreported_job *j = x_calloc(1, sizeof *j);
    j->job                   = (struct write_job){.run = unreported_run, .done = unreported_done};
    j->r                     = r;
    j->before_wall_ms        = clock_wall_ms() - limit_ms;
    r->d->claims_out++;
    if (writer_submit(r->d->conf.writer, &j->job) != ERR_OK) unreported_back(r->d, j);
}

/* The rate that all workers learned together. */
static void follow_shared(struct route *r) {
    int64_t milli = atomic_load(&r->shared_milli);
    if (milli > 0) r->pace.rate = (double)milli / 1000;
    if (milli < 0 && r->pace.rate > (double)-milli / 1000) r->pace.rate = (double)-milli / 1000;
    if (milli < 0 && atomic_load(&r->want) == 0) atomic_store(&r->want, 1); /* is it back? */
    if (r->pace.rate < 1) r->pace.rate = 1;
}

void routes_tick(struct deliver *d) {
    for (size_t i = 0; i < d->routes_n; i++) {
        struct route *r = d->routes[i];
        unsigned      n = 0, throttled = 0;
        double        was = r->pace.rate;
        if (r->is_closed) continue;
        follow_shared(r);
        r->family->answers(r, &n, &throttled);
        if (atomic_load(&r->shared_milli) < 0) pace_judge(&r->pace, n, throttled, clock_mono_ms());
        if (r->pace.rate < was) LOG(LOG_WARN, "provider_slower", KS("provider", r->name), KI("per_s", (int64_t)r->pace.rate), KI("throttled_1s", throttled));
        look_for_unreported(r);
        polls_tick(r);
    }
}

/* ---- life ---- */
void route_up(struct route *r, bool up) {
    r->is_up = up;
    if (!up) give_back(r);
    else deliver_pump(r->d);
}

void route_closed(struct route *r) {
    r->is_closed = true;
    r->is_up     = false;
    deliver_pump(r->d);
}

void route_stored(struct route *r, uint64_t token) {
    if (token && !r->is_closed) r->family->stored(r, token);
}

static enum err open_one(struct deliver *d, const struct conf_section *s, char *why, size_t why_n) {
    struct provider *p;
    enum err         e = provider_new(s, &p, why, why_n);
    if (e) return e;
    struct route *r;
    ALLOC_OBJ(r, ROUTE_MAGIC);
    r->d        = d;
    r->provider = p;
    r->kind     = provider_kind(p);
    r->family   = r->kind->call ? &route_family_call : &route_family_link;
    r->name     = provider_name(p);
    r->channel  = (enum delivery_channel)delivery_channel_of(r->kind->channel);
    r->weight   = provider_number(p, "weight");
    r->window   = (size_t)provider_number(p, "window");
    int64_t rate = provider_number(p, "rate_per_s");
    r->allowed = rate ? rate : r->kind->rate_per_s;
    pace_init(&r->pace, r->allowed, clock_mono_us());
    for (int i = 0; i < 4; i++) TAILQ_INIT(&r->ready[i]);
    TAILQ_INIT(&r->sent);
    polls_open(r);
    d->routes[d->routes_n++] = r;
    return r->family->open(r, why, why_n);
}

static void name_others(struct route *r) {
    struct buf b;
    buf_init(&b, 1U << 16);
    for (size_t i = 0; i < r->d->routes_n; i++) {
        const struct route *o = r->d->routes[i];
        if (o == r || o->channel != r->channel || strcmp(o->kind->vendor, r->kind->vendor) != 0) continue;
        buf_printf(&b, "%s%s,", b.len ? "" : ",", o->name);
    }
    r->others = buf_take(&b, NULL);
}

enum err routes_open(struct deliver *d, char *why, size_t why_n) {
    const struct conf *c = d->conf.conf;
    for (size_t i = 0; i < c->sections_n; i++) {
        if (strcmp(c->sections[i].type, "provider") != 0) continue;
        enum err e = open_one(d, &c->sections[i], why, why_n);
        if (e) {
            if (d->routes_n) d->routes[d->routes_n - 1]->is_closed = d->routes[d->routes_n - 1]->peer == NULL;
            return e;
        }
    }
    for (size_t i = 0; i < d->routes_n; i++) name_others(d->routes[i]);
    return ERR_OK;
}

bool routes_are_closed(const struct deliver *d) {
    for (size_t i = 0; i < d->routes_n; i++)
        if (!d->routes[i]->is_closed) return false;
    return true;
}

void routes_close(struct deliver *d) {
    for (size_t i = 0; i < d->routes_n; i++) {
        struct route *r = d->routes[i];
        give_back(r);
        polls_close(r);
        if (!r->is_closed) r->family->close(r);
    }
}

void routes_free(struct deliver *d) {
    for (size_t i = 0; i < d->routes_n; i++) {
        provider_free(d->routes[i]->provider);
        x_free(d->routes[i]->others);
        FREE_OBJ(d->routes[i]);
    }
    d->routes_n = 0;
}

/* ---- operators ---- */
void routes_hold(void *deliver, void *names) {
    struct deliver *d       = deliver;
    bool            changed = false;
    for (size_t i = 0; i < d->routes_n; i++) {
        struct route *r    = d->routes[i];
        bool          held = is_named(names, r->name);
        if (held == r->is_held) continue;
        r->is_held = held;
        LOG(LOG_WARN, held ? "provider_held" : "provider_released", KS("provider", r->name));
        if (held) give_back(r);
        changed = true;
    }
    x_free(names);
    if (changed) routes_say(d); /* an operator is looking */
}

static const char *condition(const struct route *r) {
    if (r->is_held) return "held";
    if (!r->is_up) return "down";
    if (clock_wall_ms() < r->quota_until_wall_ms) return "quota";
    if (clock_mono_ms() < r->shut_until_mono_ms) return "shut";
    if (r->fails >= FAILS_MAX) return "trying";
    return r->pace.rate + 0.5 < (double)r->allowed ? "slowed" : "well";
}

static void say_one(struct jw *w, const struct route *r) {
    size_t  ready = 0;
    int64_t taken = 0, other = 0, latest = 0, now = clock_mono_ms() / 30000;
    for (int i = 0; i < 4; i++) ready += r->ready_n[i];
    for (int i = 0; i < ROUTE_RECENT; i++) {
        if (r->recent[i].at <= now - ROUTE_RECENT) continue;
        taken += r->recent[i].taken_n;
        other += r->recent[i].other_n;
        if (r->recent[i].at >= now - 1) latest += r->recent[i].taken_n; /* 30 to 60 s */
    }
    metric_set_label(M_C_provider_up, r->name, route_is_open(r));
    metric_set_label(M_C_provider_rate, r->name, (int64_t)r->pace.rate);
    metric_set_label(M_C_provider_window, r->name, (int64_t)r->sent_n);
    for (unsigned v = 0; v < V_MAX; v++) {
        char label[64];
        (void)snprintf(label, sizeof label, "%s.%s", r->name, verdict_info((enum verdict)v)->word);
        if (r->verdicts[v]) metric_set_label(M_C_answers, label, (int64_t)r->verdicts[v]);
    }
    jw_obj(w);
    jw_kstr(w, "name", r->name);
    jw_kstr(w, "kind", r->kind->name);
    jw_kstr(w, "channel", r->kind->channel);
    jw_kstr(w, "vendor", *r->kind->vendor ? r->kind->vendor : NULL);
    jw_kstr(w, "state", condition(r));
    jw_kint(w, "allowed_per_s", r->allowed);
    jw_kint(w, "rate_per_s", (int64_t)r->pace.rate);
    jw_kint(w, "window", (int64_t)r->window);
    jw_kint(w, "under_way", (int64_t)r->sent_n);
    jw_kint(w, "ready", (int64_t)ready);
    jw_kint(w, "sent", (int64_t)r->sent_total);
    jw_kint(w, "taken_5m", taken);
    jw_kint(w, "other_5m", other);
    jw_kint(w, "taken_1m", latest);
    jw_key(w, "verdicts");
    jw_obj(w);
    for (unsigned v = 0; v < V_MAX; v++)
        if (r->verdicts[v]) jw_kint(w, verdict_info((enum verdict)v)->word, (int64_t)r->verdicts[v]);
    jw_obj_end(w);
    jw_kstr(w, "last_error", *r->last_error ? r->last_error : NULL);
    jw_ktime(w, "last_error_at", r->last_error_wall_ms);
    jw_obj_end(w);
}

void routes_say(struct deliver *d) {
    struct buf b;
    struct jw  w;
    buf_init(&b, 200U << 10);
    jw_init(&w, &b);
    jw_obj(&w);
    jw_ktime(&w, "at", clock_wall_ms());
    jw_kint(&w, "in_hand", (int64_t)atomic_load(&d->busy));
    jw_key(&w, "providers");
    jw_arr(&w);
    for (size_t i = 0; i < d->routes_n; i++) say_one(&w, d->routes[i]);
    jw_arr_end(&w);
    jw_obj_end(&w);
    pacer_word(d, buf_take(&b, NULL));
}
