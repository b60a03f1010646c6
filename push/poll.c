/* SPDX-License-Identifier: Apache-2.0
 *
 * Asks the providers that can tell whether a message was read. The pacer's thread looks which questions are due (the records know, so a
 * restart forgets none), at most POLL_BATCH of a provider; the loop has them claimed by a job of the writer, so that of several workers
 * one asks, and hands them to the family after the messages that wait. What is learnt goes to the records like a receipt.
 */
#include <string.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "push/route_int.h"

struct ask_job {
    struct write_job     job; /* first */
    struct route        *r;
    struct arena        *a; /* of the ids and of what the claims bring */
    size_t               n;
    char               **ids;
    int64_t             *due;
    struct delivery_job *of[POLL_BATCH]; /* NULL: not ours */
    enum err             e;
};

static void job_free(struct ask_job *j) {
    j->r->ask_job = false;
    arena_free(j->a);
    x_free(j);
}

/* ---- what is due ---- */
static enum err claim_run(struct db *db, struct write_job *job) {
    struct ask_job             *j = (struct ask_job *)job;
    const struct provider_kind *k = j->r->kind;
    memset(j->of, 0, sizeof j->of); /* may be the second run */
    for (size_t i = 0; i < j->n; i++) {
        struct delivery_job *of = arena_alloc(j->a, sizeof *of);
        struct delivery_poll p  = {j->ids[i], j->due[i], k->poll_every_s * 1000, k->poll_times};
        enum err             e  = delivery_poll_claim(db, j->a, &p, clock_wall_ms(), of);
        if (e && e != ERR_NOTFOUND) return e;
        j->of[i] = e ? NULL : of;
    }
    return ERR_OK;
}

static void claimed(void *owner, void *arg) {
    struct deliver *d = owner;
    struct ask_job *j = arg;
    d->claims_out--;
    for (size_t i = 0; i < j->n && j->e == ERR_OK && !d->stopping; i++) {
        const struct delivery_job *of = j->of[i];
        if (of == NULL) continue;
        struct item *it = x_calloc(1, sizeof *it);
        it->channel     = j->r->channel;
        it->lane        = of->priority * CHANNELS_N + (int)it->channel;
        it->route       = j->r;
        (void)snprintf(it->id, sizeof it->id, "%s", of->id);
        deliver_fill(d, it, of);
        TAILQ_INSERT_TAIL(&j->r->to_ask, it, list);
    }
    job_free(j);
}

static void claim_done(struct write_job *job, enum err result) {
    struct ask_job *j = (struct ask_job *)job;
    j->e              = result;
    mailbox_post(j->r->d->mail, claimed, j);
}

static void due(void *owner, void *arg) {
    struct deliver *d = owner;
    struct ask_job *j = arg;
    j->r->ask_job     = true;
    j->job            = (struct write_job){.run = claim_run, .done = claim_done};
    if (!d->stopping && route_is_open(j->r) && writer_submit(d->conf.writer, &j->job) == ERR_OK) d->claims_out++;
    else job_free(j); /* still due */
}

void polls_look(struct deliver *d, struct db *db) {
    for (size_t i = 0; i < d->routes_n; i++) {
        struct route *r = d->routes[i];
        if (!atomic_load(&r->may_ask)) continue;
        struct ask_job *j = x_calloc(1, sizeof *j);
        j->r              = r;
        j->a              = arena_new(1U << 20);
        enum err e        = delivery_polls_due(db, j->a, r->name, clock_wall_ms(), POLL_BATCH, &j->ids, &j->due, &j->n);
        if (e || j->n == 0) {
            arena_free(j->a);
            x_free(j);
            continue;
        }
        atomic_store(&r->may_ask, false);
        mailbox_post(d->mail, due, j);
    }
}

/* ---- the route's side ---- */
void polls_open(struct route *r) {
    TAILQ_INIT(&r->to_ask);
    TAILQ_INIT(&r->asked);
}

void polls_tick(struct route *r) {
    bool none = !r->ask_job && TAILQ_EMPTY(&r->to_ask) && TAILQ_EMPTY(&r->asked);
    atomic_store(&r->may_ask, r->kind->poll_call && none && !r->d->stopping && route_is_open(r) && clock_mono_ms() >= r->ask_mono_ms);
}

static void tell(struct route *r, const struct item *it, const struct push_receipt *rc, bool ends) {
    struct record *rec = x_calloc(1, sizeof *rec);
    rec->route         = r;
    rec->asks_no_more  = ends;
    rec->is_silent     = rc == NULL;
    (void)snprintf(rec->asked, sizeof rec->asked, "%s", it->id);
    if (rc) {
        (void)snprintf(rec->refs, sizeof rec->refs, "%s", it->ref);
        (void)snprintf(rec->detail, sizeof rec->detail, "%s", rc->detail);
        rec->told = (struct delivery_report){.delivery = rec->asked,
                                             .told     = rc->is_read ? TOLD_READ : rc->is_delivered ? TOLD_DELIVERED : TOLD_FAILED,
                                             .whole    = true,
                                             .others   = r->others};
    }
    deliver_record(r->d, rec);
}

bool polls_next(struct route *r) {
    struct item *it = TAILQ_FIRST(&r->to_ask);
    if (it == NULL || clock_mono_ms() < r->ask_mono_ms) return false;
    if (it->target && it->text) {
        TAILQ_REMOVE(&r->to_ask, it, list);
        TAILQ_INSERT_TAIL(&r->asked, it, list);
        enum err e = r->family->ask(r, it);
        if (e == ERR_OK) return true;
        TAILQ_REMOVE(&r->asked, it, list);
        TAILQ_INSERT_HEAD(&r->to_ask, it, list);
        if (e == ERR_BUSY) return false;
    }
    TAILQ_REMOVE(&r->to_ask, it, list); /* its target was taken back: nobody to ask about */
    tell(r, it, NULL, true);
    item_free(it);
    return false;
}

void polls_answer(struct route *r, struct item *it, const struct push_receipt *rc, const struct push_answer *a) {
    enum verdict v     = a->verdict;
    bool         again = v == V_RETRY || v == V_THROTTLED || v == V_UNKNOWN || v == V_AUTH, news = false;
    TAILQ_REMOVE(&r->asked, it, list);
    (void)atomic_fetch_add(&r->answered, 1);
    if (v == V_THROTTLED) (void)atomic_fetch_add(&r->throttled, 1);
    if (v != V_SENT && a->wait_ms > 0) r->ask_mono_ms = clock_mono_ms() + a->wait_ms;
    if (v == V_SENT) news = rc->is_read || (rc->is_delivered && !it->is_delivered) || (rc->is_final && !rc->is_delivered);
    if (news) tell(r, it, rc, rc->is_final);
    else if (v != V_SENT && !again) tell(r, it, NULL, true);
    if (v != V_SENT && strcmp(a->detail, "stopped") != 0) LOG(LOG_INFO, "not_told_who_read", KS("provider", r->name), KS("verdict", verdict_info(v)->word), KS("why", a->detail));
    item_free(it);
}

void polls_close(struct route *r) {
    struct item *it;
    while ((it = TAILQ_FIRST(&r->to_ask)) != NULL) {
        TAILQ_REMOVE(&r->to_ask, it, list);
        item_free(it);
    }
}
