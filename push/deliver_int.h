/* SPDX-License-Identifier: Apache-2.0
 *
 * Inside of the delivery worker, shared by deliver.c (loop, claims, records), deliver_take.c (lanes), route*.c (providers) and
 * deliver_log.c (demo log). Never included outside push/. Loop thread only, but for what is marked.
 *
 *   lane --taker--> TAKEN --claim committed--> READY --submit--> SENT --answer--> record --committed--> gone
 *                     |  refused: gone           |  provider down, stopping: record `waiting`
 *   The lane's entry is acknowledged when the claim was decided: from then on the store owns the delivery.
 */
#ifndef ZB_PUSH_DELIVER_INT_H
#define ZB_PUSH_DELIVER_INT_H

#include <pthread.h>
#include <stdatomic.h>
#include <sys/queue.h>
#include <uv.h>

#include "base/id.h"
#include "base/mailbox.h"
#include "push/deliver.h"
#include "push/http_out.h"
#include "push/link.h"
#include "push/provider.h"
#include "store/delivery.h"
#include "store/redis.h"

#define LANES       DELIVERY_LANES
#define HELD_MAX    128 /* of one lane, taken and not yet claimed */
#define PARK_OVER   64  /* of one lane, taken and nobody can carry them: what is more is given back for a while */
#define CLAIM_BATCH 64
#define CLAIM_JOBS  4
#define LANE_ACKS   64
#define RETRY_MS    200 /* the store refused: try again after */
#define POLL_BATCH  64

struct route;

struct item {
    TAILQ_ENTRY(item) list;
    int                   lane;
    enum delivery_channel channel;
    char                  id[ID_CAP], entry[32];
    char                 *vendor, *tried, *last; /* from the look into the records; owned */
    char                 *only;                  /* no other provider may have it before only_until_wall_ms; owned */
    int64_t               only_until_wall_ms;
    struct route         *route;                 /* NULL: none can */
    /* after the claim */
    int     attempt;
    bool    no_consent; /* nothing was accepted that this could use */
    bool    is_direct; /* to a bare number: an unknown outcome is not repeated */
    bool    is_raise, is_delivered; /* delivered: of a message that is asked about */
    int     once_n;
    int64_t claimed_wall_ms, once_until_wall_ms; /* struct delivery_end */
    char   *message, *ref; /* a raise, or asked about: delivery of the message, and its provider's id of it ("": not taken); owned */
    int64_t expires_wall_ms, at_biz_ms, at_wall_ms;
    char   *plain; /* in text: behind the signature of an SMS */
    char   *person, *unit, *kind, *title, *text, *notice, *object, *app, *var_t, *var_x; /* owned; text is wiped */
    char   *target, *target_key; /* number (before the claim too, for prefixes), token, openid; owned, wiped */
};
TAILQ_HEAD(items, item);

static inline int item_priority(const struct item *it) { return it->lane / CHANNELS_N; }

/* What goes to the store, in the order it happened: an answer or what a provider told. */
struct record {
    TAILQ_ENTRY(record) list;
    struct item        *item; /* taken; NULL: a report */
    struct route       *route; /* NULL: none was involved */
    struct delivery_end end;   /* its strings point here, to literals, to the item and to the route */
    struct delivery_report told;
    char                asked[ID_CAP];           /* the delivery a question was about; "": none was */
    bool                is_silent, asks_no_more; /* of a question: nothing was told; the last one */
    char                detail[96], template_id[100];
    char                refs[LINK_REFS_CAP];   /* ids of the provider; of a report the one */
    char                ref_alt[LINK_REF_CAP]; /* of a report that names nothing known by refs: its other spelling; else "" */
    struct sms_reply    reply;                   /* ref "": it is none */
    char                phone_idx[65];
    uint8_t             sealed[600];
    uint64_t            token;                   /* confirmed to the provider once stored; 0 none */
};
TAILQ_HEAD(records, record);

struct ack {
    int  lane;
    char entry[32];
};

struct deliver {
    unsigned            magic;
    struct deliver_conf conf;
    char                worker[64], log_path[512];
    int                 lock_fd; /* of the worker's name */

    /* loop thread */
    pthread_t       thread;
    uv_loop_t       loop;
    uv_async_t      wake;
    uv_timer_t      tick, retry; /* tick: pacing and the second; retry: after the store refused */
    struct mailbox *mail;        /* any thread posts */
    struct items    taken[LANES];
    size_t          taken_n[LANES];
    unsigned        claims_out;
    struct records  records; /* not yet in the store */
    bool            record_out, stopping, ended, refused; /* refused: the retry timer runs */
    int64_t         stop_mono_ms, sweep_mono_ms, word_mono_ms;

    struct http_out *http;                   /* of all HTTP providers; NULL: there are none */
    struct pacer *pacer;                     /* pacer.c */
    struct route *routes[CONF_SECTIONS_MAX]; /* route.c */
    size_t        routes_n;

    /* demo log */
    struct items log_waiting, log_flushed, log_writing; /* flushed: in order, while held */
    char        *log_text;
    size_t       log_text_n;
    bool         log_out, log_failed, log_held;
    atomic_long  log_parked;   /* in log_waiting while held; changed by the loop */
    atomic_int   log_orders;   /* hold, flush: posted and not yet done */
    uv_work_t    log_work;

    /* taker thread */
    pthread_t       taker;
    struct redis   *redis;
    struct db      *db;
    pthread_mutex_t lock; /* acks, taker_stop */
    pthread_cond_t  some;
    struct ack     *acks;
    size_t          acks_n, acks_cap;
    bool            taker_stop;

    atomic_int  held[LANES]; /* taken and not yet decided: the taker adds, the loop subtracts */
    atomic_long busy;        /* items somewhere between the lane and the last record */

    pthread_mutex_t probe_lock; /* deliver_is_idle */
    struct redis   *probe;
};

/* deliver.c */
void deliver_pump(struct deliver *d);
void deliver_pump_soon(struct deliver *d); /* once, when the answers that were read with this one are through */
/* Ends an attempt: the item goes to the records. state and verdict: literals. */
struct record *deliver_end(struct deliver *d, struct item *it, const char *state, const char *verdict, const char *detail, int64_t due_in_ms);
void           deliver_record(struct deliver *d, struct record *r); /* taken */
void           item_free(struct item *it);
/* What the records say of it, opened and copied: before it is sent, or asked about. */
void           deliver_fill(struct deliver *d, struct item *it, const struct delivery_job *job);
char *deliver_opened(const struct deliver *d, const void *sealed, size_t n); /* owned; NULL: nothing sealed, or not by us. Any thread */

/* deliver_take.c; the thread's life */
void deliver_take_start(struct deliver *d);
void deliver_take_stop(struct deliver *d); /* any other thread: joins */
void deliver_take_end(struct deliver *d);  /* after the loop ended: the last acknowledgements */
void deliver_ack(struct deliver *d, const struct item *it); /* any thread */
/* The taker's post: items for the loop (taken). */
void deliver_taken(void *deliver, void *items);

/* route.c */
enum err routes_open(struct deliver *d, char *why, size_t why_n) MUST_CHECK;
bool     routes_are_closed(const struct deliver *d);
void     routes_close(struct deliver *d); /* each gives back what it had not sent, and closes */
void     routes_free(struct deliver *d);
void     routes_pump(struct deliver *d);  /* sends what may go */
void     routes_tick(struct deliver *d);
int64_t  routes_wait_ms(const struct deliver *d, int64_t most_ms); /* until the next may go */
/* The route for this item now: it->route. *wait: there is none now, but one may come: the item stays. The claim names this route, and no other one
 * carries the message then. */
void route_choose(struct deliver *d, struct item *it, bool *wait);
bool route_is_open(const struct route *r);
void route_claiming(struct item *it, bool begins); /* counts claims under way; it->route NULL is legal */
void route_ready(struct item *it);                  /* claimed: waits for its turn */
void route_stored(struct route *r, uint64_t token);
bool        route_needs_consent(const struct route *r);                                         /* false for NULL; any thread */
const char *route_template(const struct route *r, struct arena *a, const char *notice_kind); /* code, NULL none; any thread */
const char *route_name(const struct route *r);    /* "" for NULL */
const char *route_others(const struct route *r);  /* ",a,b,"; "" for NULL and nobody */
int64_t     route_once_ms(const struct route *r); /* how long its provider drops repetitions, for sure; 0: it does not */
#define ONCE_TRIES 3
bool        route_can_raise(const struct route *r); /* false for NULL */
/* Every provider of the channel is well, and none has room for this priority: nothing to choose from for a moment. */
bool routes_are_full(const struct deliver *d, enum delivery_channel channel, int priority);
bool routes_serve(const struct deliver *d, enum delivery_channel channel); /* is there any provider */

/* pacer.c. open: before the loop's thread; the rest as the taker's */
enum err pacer_open(struct deliver *d, const char *db_path, char *why, size_t why_n) MUST_CHECK;
void     pacer_start(struct deliver *d);
void     pacer_stop(struct deliver *d); /* joins */
void     pacer_free(struct deliver *d); /* never opened: nothing */
void     pacer_wake(struct deliver *d); /* something is wanted */
void     pacer_word(struct deliver *d, char *json); /* taken: what this worker says of itself */
void     routes_hold(void *deliver, void *names);   /* its mail: taken */
void     routes_say(struct deliver *d);             /* every two seconds */

/* poll.c; look: the pacer's thread, with its reader */
void polls_look(struct deliver *d, struct db *db);

/* deliver_log.c */
void log_pump(struct deliver *d); /* writes what waits, one batch at a time */
void log_add(struct deliver *d, struct item *it);
void log_set_held(struct deliver *d, bool held);

#endif
