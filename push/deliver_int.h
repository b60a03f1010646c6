/* SPDX-License-Identifier: Apache-2.0
 *
 * Inside of the delivery worker, shared by deliver.c (loop, claims, records), deliver_take.c (lanes), deliver_sms.c (carrier) and
 * deliver_log.c (demo log). Never included outside push/. Loop thread only, but for what is marked.
 *
 *   lane --taker--> TAKEN --claim committed--> READY --submit--> SENT --answer--> record --committed--> gone
 *                     |  refused: gone           |  link down, stopping: record `waiting`
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
#include "push/link.h"
#include "push/pace.h"
#include "store/delivery.h"
#include "store/redis.h"

#define LANES       4
#define HELD_MAX    128 /* of one lane, taken and not yet claimed */
#define CLAIM_BATCH 64
#define CLAIM_JOBS  4
#define LANE_ACKS   64
#define RETRY_MS    200 /* the store refused: try again after */

struct item {
    TAILQ_ENTRY(item) list;
    int               lane;
    bool              is_sms;
    char              id[ID_CAP], entry[32];
    /* after the claim */
    int     attempt;
    bool    is_direct; /* to a bare number: an unknown outcome is not repeated */
    int64_t expires_wall_ms, at_biz_ms;
    char   *person, *unit, *kind, *title, *text, *phone; /* owned; text and phone are wiped */
};
TAILQ_HEAD(items, item);

/* What goes to the store, in the order it happened: an answer or a status report. */
struct record {
    TAILQ_ENTRY(record) list;
    struct item *item; /* taken; NULL: a report */
    const char  *state, *verdict;
    char         detail[64];
    int64_t      due_wall_ms, wall_ms;
    char         refs[LINK_REFS_CAP]; /* references of the parts; of a report the one */
    bool         delivered, whole;
    char         stat[8];
    uint64_t     token; /* confirmed to the gateway once stored; 0 none */
    bool         is_stored;
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

    /* loop thread */
    pthread_t       thread;
    uv_loop_t       loop;
    uv_async_t      wake;
    uv_timer_t      tick, retry; /* tick: pacing and the second; retry: after the store refused */
    struct mailbox *mail;        /* any thread posts */
    struct items    taken[LANES], ready[LANES], sent;
    size_t          taken_n[LANES], ready_n[LANES], claiming_n[LANES];
    unsigned        claims_out;
    struct records  records; /* not yet in the store */
    bool            record_out, stopping, ended, refused; /* refused: the retry timer runs */
    int64_t         stop_mono_ms, sweep_mono_ms;

    /* carrier */
    struct link *link; /* NULL: none configured, or closed */
    char              secret[260];
    bool              has_carrier, link_up;
    struct pace       pace;

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
/* Ends an attempt: the item goes to the records. state and verdict: literals. */
struct record *deliver_end(struct deliver *d, struct item *it, const char *state, const char *verdict, const char *detail, int64_t due_in_ms);
void           deliver_record(struct deliver *d, struct record *r); /* taken */
/* Claimed and not sent: back to the store, for a later time or another worker. */
void deliver_release_ready(struct deliver *d);
void item_free(struct item *it);

/* deliver_take.c; the thread's life */
void deliver_take_start(struct deliver *d);
void deliver_take_stop(struct deliver *d); /* any other thread: joins */
void deliver_take_end(struct deliver *d);  /* after the loop ended: the last acknowledgements */
void deliver_ack(struct deliver *d, const struct item *it); /* any thread */
/* The taker's post: items for the loop (taken). */
void deliver_taken(void *deliver, void *items);

/* deliver_sms.c */
enum err sms_open(struct deliver *d, char *why, size_t why_n) MUST_CHECK;
void     sms_pump(struct deliver *d);  /* submits what may go */
void     sms_close(struct deliver *d); /* link becomes NULL when it is closed */
void     sms_second(struct deliver *d);
size_t   sms_ahead(const struct deliver *d); /* how many may be claimed before they can be sent */

/* deliver_log.c */
void log_pump(struct deliver *d); /* writes what waits, one batch at a time */
void log_add(struct deliver *d, struct item *it);
void log_set_held(struct deliver *d, bool held);

#endif
