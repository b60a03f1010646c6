/* SPDX-License-Identifier: Apache-2.0
 *
 * Routes of the link family: keeps the link's window filled at the pace that is allowed, and turns its answers and status reports
 * into verdicts and records. What was throttled certainly did not arrive: only that message waits and comes again (D25).
 */
#include <string.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/metric.h"
#include "push/cmpp_link.h"
#include "push/route_int.h"

/* ---- what comes back ---- */
static void on_result(void *arg, uint64_t cookie, const struct sms_result *res) {
    static const enum verdict of[] = {[CMPP_SENT] = V_SENT, [CMPP_THROTTLED] = V_THROTTLED, [CMPP_REJECTED] = V_REJECTED, [CMPP_UNKNOWN] = V_UNKNOWN};
    struct route             *r    = arg;
    struct push_answer        a    = {.verdict = of[res->verdict]};
    if (res->verdict == CMPP_UNKNOWN) (void)snprintf(a.detail, sizeof a.detail, "no answer from the carrier");
    else if (res->verdict != CMPP_SENT)
        (void)snprintf(a.detail, sizeof a.detail, "result %u, parts %u of %u taken", (unsigned)res->code, (unsigned)res->taken_n, (unsigned)res->parts_n);
    route_result(r, (struct item *)(uintptr_t)cookie, &a, res->msg_ids);
    if (!r->d->stopping) deliver_pump(r->d);
}

static bool report(struct route *r, const struct sms_report *rep, bool whole) {
    struct record *rec = x_calloc(1, sizeof *rec);
    rec->route         = r;
    rec->token         = rep->token;
    (void)snprintf(rec->refs, sizeof rec->refs, "%s", rep->msg_id);
    (void)snprintf(rec->detail, sizeof rec->detail, "%s", rep->stat);
    rec->told = (struct delivery_report){.told = rep->delivered ? TOLD_DELIVERED : TOLD_FAILED, .whole = whole, .delivery = "", .others = r->others};
    deliver_record(r->d, rec);
    return false; /* confirmed when it is stored */
}

static bool on_report(void *arg, const struct sms_report *rep) { return report(arg, rep, true); }
static bool on_orphan(void *arg, const struct sms_report *rep) { return report(arg, rep, false); }

static bool on_mo(void *arg, const struct sms_mo *mo) {
    struct route *r = arg;
    metric_add_label(M_C_sms, "received", 1);
    LOG(LOG_INFO, "sms_received", KS("provider", r->name), KI("readable", mo->is_text), KI("part", mo->concat.number), KI("of", mo->concat.total));
    return true;
}

static void on_up(void *arg) { route_up(arg, true); }

static void on_down(void *arg, const char *why) {
    (void)why; /* the link has said it */
    route_up(arg, false);
}

static void on_room(void *arg) {
    struct route *r = arg;
    if (!r->d->stopping) deliver_pump(r->d);
}

static void on_closed(void *arg) {
    struct route *r = arg;
    r->peer         = NULL;
    route_closed(r);
}

static const struct cmpp_ops OPS = {.on_up            = on_up,
                                    .on_down          = on_down,
                                    .on_room          = on_room,
                                    .on_result        = on_result,
                                    .on_report        = on_report,
                                    .on_orphan_report = on_orphan,
                                    .on_mo            = on_mo,
                                    .on_closed        = on_closed};

/* ---- the family ---- */
static enum err submit(struct route *r, struct item *it) { return cmpp_link_submit(r->peer, (uint64_t)(uintptr_t)it, it->target, it->text); }

static size_t parts(const struct item *it) { return sms_parts(it->text); }

static void answers(struct route *r, unsigned *n, unsigned *throttled) {
    struct cmpp_stats st;
    if (r->peer == NULL) return;
    cmpp_link_stats(r->peer, &st);
    *n         = st.responded_1s;
    *throttled = st.throttled_1s;
}

static void stored(struct route *r, uint64_t token) {
    if (r->peer) cmpp_link_report_stored(r->peer, token);
}

static enum err open_link(struct route *r, char *why, size_t why_n) {
    struct provider *p      = r->provider;
    char             inner[200] = "";
    char            *secret = provider_file(p, "secret_file", NULL, inner, sizeof inner);
    if (secret == NULL) {
        (void)snprintf(why, why_n, "provider %s: %s", r->name, inner);
        return ERR_INPUT;
    }
    if (r->window == 0) r->window = 16;
    struct cmpp_link      *link = NULL;
    const struct cmpp_conf cc   = {.host           = provider_text(p, "host"),
                                   .port           = (uint16_t)provider_number(p, "port"),
                                   .sp_code        = provider_text(p, "sp"),
                                   .secret         = secret,
                                   .service_id     = provider_text(p, "service_id"),
                                   .src_id         = provider_text(p, "src_id"),
                                   .window         = (uint32_t)r->window,
                                   .request_ms     = r->d->conf.request_ms,
                                   .backoff_min_ms = r->d->conf.backoff_ms,
                                   .backoff_max_ms = r->d->conf.backoff_ms * 4};
    enum err e = cmpp_link_open(&r->d->loop, &cc, &OPS, r, &link);
    x_wipe(secret, strlen(secret));
    x_free(secret);
    if (e) (void)snprintf(why, why_n, "provider %s: host must be a numeric address, sp 1-6 characters, service_id at most 10, src_id at most 21", r->name);
    r->peer = link;
    return e;
}

static void close_link(struct route *r) { cmpp_link_close(r->peer); }

const struct route_family route_family_link = {
    .open = open_link, .submit = submit, .parts = parts, .answers = answers, .stored = stored, .close = close_link};
