/* SPDX-License-Identifier: Apache-2.0
 *
 * The carrier's side of the delivery worker: keeps the link's window filled at the pace that is allowed, in the order of the
 * lanes, and turns answers and status reports into records. Loop thread only.
 *
 * Unknown outcomes (D24): notices of P0 and P1 are tried again a few times, everything else is not; texts to bare numbers (codes)
 * never. What was throttled certainly did not arrive: only that message waits and comes again (D25).
 */
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/metric.h"
#include "push/deliver_int.h"

#define UNKNOWN_TRIES   3
#define THROTTLED_TRIES 100
#define TEMPORARY_TRIES 10
#define AGAIN_MS        30000
#define AHEAD_MIN       8

/* ---- what comes back ---- */
static void on_result(void *arg, uint64_t cookie, const struct sms_result *res) {
    struct deliver *d  = arg;
    struct item    *it = (struct item *)(uintptr_t)cookie; /* in d->sent until now */
    struct record  *r  = NULL;
    char            detail[64];
    TAILQ_REMOVE(&d->sent, it, list);
    (void)snprintf(detail, sizeof detail, "result %u, parts %u of %u taken", (unsigned)res->code, (unsigned)res->taken_n, (unsigned)res->parts_n);
    switch (res->verdict) {
    case SMS_SENT: r = deliver_end(d, it, "sent", "sent", "", 0); break;
    case SMS_THROTTLED:
        if (it->attempt >= THROTTLED_TRIES) r = deliver_end(d, it, "failed", "throttled", detail, 0);
        else r = deliver_end(d, it, "waiting", "throttled", detail, it->attempt < 10 ? 100 * it->attempt : 1000);
        break;
    case SMS_TEMPORARY:
        if (it->attempt >= TEMPORARY_TRIES) r = deliver_end(d, it, "failed", "rejected", detail, 0);
        else r = deliver_end(d, it, "waiting", "throttled", detail, 1000 * it->attempt);
        break;
    case SMS_CONFIG:
    case SMS_REJECTED:
        if (res->verdict == SMS_CONFIG) LOG(LOG_ERROR, "sms_account_refused", KI("code", res->code));
        r = deliver_end(d, it, "failed", "rejected", detail, 0);
        break;
    case SMS_UNKNOWN: {
        bool again = !it->is_direct && it->lane <= 1 && it->attempt < UNKNOWN_TRIES;
        r          = deliver_end(d, it, again ? "waiting" : "unknown", "unknown", "no answer from the carrier",
                        d->conf.again_ms ? d->conf.again_ms : AGAIN_MS);
        break;
    }
    default: UNREACHABLE("verdict");
    }
    (void)snprintf(r->refs, sizeof r->refs, "%s", res->refs);
    if (!d->stopping) deliver_pump(d);
}

static bool report(struct deliver *d, const struct sms_report *rep, bool whole) {
    struct record *r = x_calloc(1, sizeof *r);
    (void)snprintf(r->refs, sizeof r->refs, "%s", rep->ref);
    memcpy(r->stat, rep->stat, sizeof r->stat);
    r->stat[sizeof r->stat - 1] = '\0';
    r->delivered                = rep->delivered;
    r->whole                    = whole;
    r->token                    = rep->token;
    deliver_record(d, r);
    return false; /* confirmed when it is stored */
}

static bool on_report(void *arg, const struct sms_report *rep) { return report(arg, rep, true); }
static bool on_orphan(void *arg, const struct sms_report *rep) { return report(arg, rep, false); }

static bool on_mo(void *arg, const struct sms_mo *mo) {
    struct deliver *d = arg;
    (void)d;
    metric_add_label(M_C_sms, "received", 1);
    LOG(LOG_INFO, "sms_received", KI("readable", mo->is_text), KI("part", mo->concat.number), KI("of", mo->concat.total));
    return true;
}

static void on_up(void *arg) {
    struct deliver *d = arg;
    d->link_up        = true;
    deliver_pump(d);
}

/* What is claimed and not sent goes back at once: another worker's link may be up, and a reader may still cancel it. */
static void on_down(void *arg, const char *why) {
    struct deliver *d = arg;
    (void)why; /* the link has said it */
    d->link_up = false;
    deliver_release_ready(d);
}

static void on_room(void *arg) {
    struct deliver *d = arg;
    if (!d->stopping) deliver_pump(d);
}

static void on_closed(void *arg) {
    struct deliver *d = arg;
    d->link           = NULL;
    d->link_up        = false;
    deliver_pump(d);
}

static const struct link_ops OPS = {.on_up            = on_up,
                                    .on_down          = on_down,
                                    .on_room          = on_room,
                                    .on_result        = on_result,
                                    .on_report        = on_report,
                                    .on_orphan_report = on_orphan,
                                    .on_mo            = on_mo,
                                    .on_closed        = on_closed};

/* ---- what goes out ---- */
static void forget_sent(struct deliver *d, struct item *it) {
    TAILQ_REMOVE(&d->ready[it->lane], it, list);
    d->ready_n[it->lane]--;
}

/* False: nothing more goes now. */
static bool send_one(struct deliver *d, struct item *it) {
    if (it->expires_wall_ms && clock_wall_ms() >= it->expires_wall_ms) {
        forget_sent(d, it);
        (void)deliver_end(d, it, "failed", "expired", "expired before it could be sent", 0);
        return true;
    }
    size_t parts = sms_parts(it->text);
    if (!pace_take(&d->pace, (unsigned)parts, clock_mono_us())) return false;
    enum err e = link_submit(d->link, (uint64_t)(uintptr_t)it, it->phone, it->text);
    if (e == ERR_BUSY) {
        pace_give_back(&d->pace, (unsigned)parts, clock_mono_us());
        return false;
    }
    forget_sent(d, it);
    if (e == ERR_OK) TAILQ_INSERT_TAIL(&d->sent, it, list);
    else (void)deliver_end(d, it, "failed", "rejected", "number or text cannot be sent", 0);
    return true;
}

void sms_pump(struct deliver *d) {
    if (d->link == NULL || !d->link_up || d->stopping) return;
    for (int lane = 0; lane < LANES; lane++)
        for (struct item *it; (it = TAILQ_FIRST(&d->ready[lane])) != NULL;)
            if (!send_one(d, it)) return;
}

size_t sms_ahead(const struct deliver *d) {
    size_t n = (size_t)d->conf.conf->cmpp_window + (size_t)(d->pace.rate / 4); /* a quarter of a second covers a commit */
    return n < AHEAD_MIN ? AHEAD_MIN : n > HELD_MAX ? HELD_MAX : n;
}

void sms_second(struct deliver *d) {
    struct link_stats st;
    if (d->link == NULL) return;
    link_stats(d->link, &st);
    double was = d->pace.rate;
    pace_judge(&d->pace, st.responded_1s, st.throttled_1s, clock_mono_ms());
    if (d->pace.rate < was) LOG(LOG_WARN, "sms_slower", KI("per_s", (int64_t)d->pace.rate), KI("throttled_1s", st.throttled_1s));
}

/* ---- life ---- */
static enum err read_secret(const char *path, char *out, size_t out_n, char *why, size_t why_n) {
    int     fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n  = fd < 0 ? -1 : read(fd, out, out_n - 1);
    if (fd >= 0) (void)close(fd);
    if (n <= 0) {
        (void)snprintf(why, why_n, "cmpp.secret_file %s: cannot be read, or is empty", path);
        return ERR_INPUT;
    }
    out[n] = '\0';
    out[strcspn(out, "\r\n")] = '\0';
    return ERR_OK;
}

enum err sms_open(struct deliver *d, char *why, size_t why_n) {
    const struct conf *c = d->conf.conf;
    if (c->cmpp_host[0] == '\0') return ERR_OK;
    enum err e = read_secret(c->cmpp_secret_file, d->secret, sizeof d->secret, why, why_n);
    if (e) return e;
    const struct link_conf cc = {.proto          = link_proto_find("cmpp"),
                                 .host           = c->cmpp_host,
                                 .port           = (uint16_t)c->cmpp_port,
                                 .user           = c->cmpp_sp,
                                 .secret         = d->secret,
                                 .service_id     = c->cmpp_service,
                                 .src_id         = c->cmpp_src,
                                 .window         = (uint32_t)c->cmpp_window,
                                 .request_ms     = d->conf.request_ms,
                                 .backoff_min_ms = d->conf.backoff_ms,
                                 .backoff_max_ms = d->conf.backoff_ms * 4};
    pace_init(&d->pace, c->cmpp_rate, clock_mono_us());
    e = link_open(&d->loop, &cc, &OPS, d, &d->link);
    x_wipe(d->secret, sizeof d->secret);
    if (e) (void)snprintf(why, why_n, "cmpp: host must be a numeric address, sp 1-6 characters, service_id at most 10, src_id at most 21");
    d->has_carrier = e == ERR_OK;
    return e;
}

void sms_close(struct deliver *d) {
    if (d->link) link_close(d->link);
}
