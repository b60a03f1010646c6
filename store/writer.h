/* SPDX-License-Identifier: Apache-2.0
 *
 * The one writing thread of a process: whatever is queued becomes one transaction (group commit, D5). A refused job leaves
 * nothing: if it had written before it was refused, the batch is rolled back and its jobs run again, each in a SAVEPOINT of its
 * own. An engine error fails the whole batch with ERR_STORE. done() is called on the writer thread only after COMMIT
 * (synchronous=FULL), so what it releases is durable.
 *
 * Bounds: queue_max jobs (then ERR_BUSY); at most batch_max jobs or 20 ms of work a batch.
 */
#ifndef ZB_STORE_WRITER_H
#define ZB_STORE_WRITER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "store/db.h"

struct writer;

struct write_job {
    struct write_job *next; /* the writer's */
    enum err          result; /* the writer's, until done() */
    /* Touches nothing outside the job; may be run again. Anything but ERR_OK rolls this job back. */
    enum err (*run)(struct db *db, struct write_job *job);
    /* Takes the job. result: what run returned, or ERR_STORE. */
    void (*done)(struct write_job *job, enum err result);
    /* Optional: after a refusal was rolled back, in a SAVEPOINT of its own (audit of refusals, D8). */
    void (*refused)(struct db *db, struct write_job *job, enum err result);
};

struct writer_hooks {
    void *arg;
    /* Before COMMIT, once per batch with something written: seals the ledger, publishes dirty boards. An error fails the batch. */
    enum err (*seal)(void *arg, struct db *db);
    /* After COMMIT, before the done() calls. */
    void (*committed)(void *arg, size_t jobs_n);
    /* The batch was rolled back: forget what seal() and the jobs noted for it. */
    void (*aborted)(void *arg);
    /* When seal() must run again even if nobody writes (clock_mono_us); INT64_MAX: it owes nothing. Asked after each batch. */
    int64_t (*due_us)(void *arg);
};

enum err writer_start(const char *path, size_t queue_max, size_t batch_max, struct writer_hooks hooks, struct writer **out, char *why,
                      size_t why_n) MUST_CHECK;
void     writer_end(struct writer *w);  /* runs what is queued, then joins; from here on jobs are refused with ERR_BUSY */
void     writer_stop(struct writer *w); /* ends it if need be, and frees; nobody submits any more; NULL is legal */

/* Any thread. ERR_BUSY at the bound: the job is not taken. */
enum err writer_submit(struct writer *w, struct write_job *job) MUST_CHECK;

/* Any thread but the writer's: runs fn as a job and waits for its commit. Jobs submitted so are exempt from queue_max. */
enum err writer_call(struct writer *w, enum err (*fn)(struct db *db, void *arg), void *arg) MUST_CHECK;

struct writer_stats {
    uint64_t batches, jobs, refused, failed_batches;
    size_t   queued, last_batch;
    bool     owes; /* a batch without jobs will follow */
};
struct writer_stats writer_stats(struct writer *w);

#endif
