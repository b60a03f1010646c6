/* SPDX-License-Identifier: Apache-2.0
 *
 * The `log` channel of the demo (D19), and SMS without a carrier there: one JSON line in DATA/outbox.log. Lines are written and
 * fsynced in batches on a thread of libuv's pool, one batch at a time; only then the deliveries are `delivered`. No phone number.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "push/deliver_int.h"

#define LOG_BATCH     256
#define LOG_BYTES_MAX (4U << 20)
#define AGAIN_MS      5000

static void line(struct buf *b, const struct item *it) {
    struct jw w;
    jw_init(&w, b);
    jw_obj(&w);
    jw_ktime(&w, "at", it->at_biz_ms);
    jw_kstr(&w, "to", it->person);
    jw_kstr(&w, "unit", it->unit);
    jw_kstr(&w, "channel", delivery_channels[it->channel].word);
    if (it->channel != CHANNEL_LOG) jw_kbool(&w, "simulated", true);
    jw_kstr(&w, "kind", it->kind);
    jw_kstr(&w, "title", it->title);
    jw_kstr(&w, "text", it->text);
    jw_obj_end(&w);
    buf_putc(b, '\n');
}

/* Pool thread. A line that was cut by a full disk is cut off again: lines are whole. */
static void on_work(uv_work_t *req) {
    struct deliver *d  = req->data;
    int             fd = open(d->log_path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    off_t           was = fd < 0 ? -1 : lseek(fd, 0, SEEK_END);
    bool            ok  = was >= 0;
    for (size_t off = 0; ok && off < d->log_text_n;) {
        ssize_t n = write(fd, d->log_text + off, d->log_text_n - off);
        ok        = n > 0 || (n < 0 && errno == EINTR);
        off += n > 0 ? (size_t)n : 0;
    }
    ok = ok && fsync(fd) == 0;
    if (!ok && was >= 0 && ftruncate(fd, was) != 0) LOG0(LOG_ERROR, "outbox_log_torn");
    if (fd >= 0) ok = close(fd) == 0 && ok;
    d->log_failed = !ok;
}

static void on_written(uv_work_t *req, int status) {
    struct deliver *d = req->data;
    struct item    *it;
    bool            ok = status == 0 && !d->log_failed;
    x_wipe(d->log_text, d->log_text_n);
    x_free(d->log_text);
    d->log_text = NULL;
    d->log_out  = false;
    if (!ok) LOG(LOG_ERROR, "outbox_log_not_written", KS("file", d->log_path));
    while ((it = TAILQ_FIRST(&d->log_writing)) != NULL) {
        TAILQ_REMOVE(&d->log_writing, it, list);
        if (ok) (void)deliver_end(d, it, "delivered", it->channel != CHANNEL_LOG ? "simulated" : "logged", "", 0);
        else (void)deliver_end(d, it, "waiting", "log_error", "the log cannot be written", AGAIN_MS);
    }
    deliver_pump(d);
}

/* ---- order ---- */

static int by_id(const void *a, const void *b) {
    const struct item *const *x = a, *const *y = b;
    return strcmp((*x)->id, (*y)->id);
}

static void flush(struct deliver *d) {
    struct item *it;
    size_t       n    = (size_t)atomic_load(&d->log_parked), i = 0;
    struct item **all = x_calloc(n + 1, sizeof(struct item *));
    while ((it = TAILQ_FIRST(&d->log_waiting)) != NULL) {
        TAILQ_REMOVE(&d->log_waiting, it, list);
        all[i++] = it;
    }
    MUST(i == n);
    qsort(all, n, sizeof(struct item *), by_id);
    for (i = 0; i < n; i++) TAILQ_INSERT_TAIL(&d->log_flushed, all[i], list);
    atomic_store(&d->log_parked, 0);
    x_free(all);
}

void log_set_held(struct deliver *d, bool held) {
    if (held == d->log_held) return;
    if (held) {
        struct item *it;
        TAILQ_FOREACH(it, &d->log_waiting, list) (void)atomic_fetch_add(&d->log_parked, 1);
    } else {
        flush(d);
        TAILQ_CONCAT(&d->log_waiting, &d->log_flushed, list);
    }
    d->log_held = held;
}

static void on_order(void *owner, void *arg) {
    struct deliver *d     = owner;
    const char     *order = arg;
    if (*order == 'f') {
        if (d->log_held) flush(d);
    } else {
        log_set_held(d, *order == 'h' && !d->stopping);
    }
    (void)atomic_fetch_sub(&d->log_orders, 1);
}

static void order(struct deliver *d, char *word) {
    if (d == NULL) return;
    (void)atomic_fetch_add(&d->log_orders, 1);
    mailbox_post(d->mail, on_order, word);
}

void deliver_log_hold(struct deliver *d, bool hold) {
    static char on[] = "hold", off[] = "release";
    order(d, hold ? on : off);
}

void deliver_log_flush(struct deliver *d) {
    static char word[] = "flush";
    order(d, word);
}

void log_add(struct deliver *d, struct item *it) {
    TAILQ_INSERT_TAIL(&d->log_waiting, it, list);
    if (d->log_held) (void)atomic_fetch_add(&d->log_parked, 1);
}

void log_pump(struct deliver *d) {
    struct item *it;
    struct buf   b;
    struct items *from = d->log_held ? &d->log_flushed : &d->log_waiting;
    if (d->log_out || TAILQ_EMPTY(from)) return;
    buf_init(&b, LOG_BYTES_MAX);
    for (int n = 0; n < LOG_BATCH && (it = TAILQ_FIRST(from)) != NULL; n++) {
        TAILQ_REMOVE(from, it, list);
        TAILQ_INSERT_TAIL(&d->log_writing, it, list);
        line(&b, it);
    }
    MUST(!b.failed); /* a text is bounded by its notice */
    d->log_text      = buf_take(&b, &d->log_text_n);
    d->log_work.data = d;
    d->log_out       = true;
    MUST(uv_queue_work(&d->loop, &d->log_work, on_work, on_written) == 0);
}
