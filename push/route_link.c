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
#include "base/text.h"
#include "push/link_options.h"
#include "push/reply.h"
#include "push/route_int.h"

/* ---- what comes back ---- */
static void on_result(void *arg, uint64_t cookie, const struct sms_result *res) {
    static const enum verdict of[] = {[SMS_SENT] = V_SENT,         [SMS_THROTTLED] = V_THROTTLED, [SMS_TEMPORARY] = V_RETRY,
                                      [SMS_REJECTED] = V_REJECTED, [SMS_CONFIG] = V_CONFIG,       [SMS_UNKNOWN] = V_UNKNOWN};
    struct route             *r    = arg;
    struct push_answer        a    = {.verdict = of[res->verdict]};
    if (res->verdict == SMS_UNKNOWN) (void)snprintf(a.detail, sizeof a.detail, "no answer from the carrier");
    else if (res->verdict != SMS_SENT)
        (void)snprintf(a.detail, sizeof a.detail, "result %u, parts %u of %u taken", (unsigned)res->code, (unsigned)res->taken_n, (unsigned)res->parts_n);
    route_result(r, (struct item *)(uintptr_t)cookie, &a, res->refs);
    if (!r->d->stopping) deliver_pump_soon(r->d);
}

static bool report(struct route *r, const struct sms_report *rep, bool whole) {
    struct record *rec = x_calloc(1, sizeof *rec);
    rec->route         = r;
    rec->token         = rep->token;
    (void)snprintf(rec->refs, sizeof rec->refs, "%s", rep->ref);
    (void)snprintf(rec->ref_alt, sizeof rec->ref_alt, "%s", rep->ref_alt);
    if (rep->code) (void)snprintf(rec->detail, sizeof rec->detail, "%s %u", rep->stat, (unsigned)rep->code);
    else (void)snprintf(rec->detail, sizeof rec->detail, "%s", rep->stat);
    rec->told = (struct delivery_report){.told = rep->delivered ? TOLD_DELIVERED : TOLD_FAILED, .whole = whole, .delivery = "", .others = r->others};
    deliver_record(r->d, rec);
    return false; /* confirmed when it is stored */
}

static bool on_report(void *arg, const struct sms_report *rep) { return report(arg, rep, true); }
static bool on_part(void *arg, const struct sms_report *rep) { return report(arg, rep, false); }
static bool on_orphan(void *arg, const struct sms_report *rep) { return report(arg, rep, false); }

/* Stored before it is confirmed to the carrier. What cannot be read, or is nobody's number, is only counted. */
static bool on_mo(void *arg, const struct sms_mo *mo) {
    struct route         *r = arg;
    const struct deliver *d = r->d;
    char                  number[12];
    uint8_t               mac[32];
    bool                  refusal = mo->is_text && reply_is_refusal(mo->text);
    metric_add_label(M_C_sms, refusal ? "refusal" : "received", 1);
    LOG(LOG_INFO, "sms_received", KS("provider", r->name), KI("readable", mo->is_text), KI("refusal", refusal), KI("part", mo->concat.number),
        KI("of", mo->concat.total));
    if (d->conf.idx_key == NULL || !mo->is_text || strlen(mo->text) + SM4_EXTRA > sizeof((struct record *)0)->sealed || !reply_number(mo->phone, number)) return true;
    struct record *rec = x_calloc(1, sizeof *rec);
    size_t         n   = 0;
    rec->route         = r;
    rec->token         = mo->token;
    if (sm4_seal(d->conf.pii_key, mo->text, strlen(mo->text), rec->sealed, sizeof rec->sealed, &n) != ERR_OK) {
        x_free(rec);
        return true;
    }
    sm3_hmac(d->conf.idx_key, 32, number, strlen(number), mac);
    hex_encode(rec->phone_idx, mac, sizeof mac);
    (void)snprintf(rec->refs, sizeof rec->refs, "%s", mo->ref);
    rec->reply = (struct sms_reply){.provider = r->name, .ref = rec->refs, .phone_idx = rec->phone_idx, .text_enc = rec->sealed, .text_enc_n = n, .is_refusal = refusal};
    deliver_record(r->d, rec);
    return false; /* confirmed when it is stored */
}

static void on_up(void *arg) { route_up(arg, true); }

static void on_down(void *arg, const char *why) {
    (void)why; /* the link has said it */
    route_up(arg, false);
}

/* Nothing can pass until a person has acted: that is said where operators look for what ails a provider. */
static void on_refused(void *arg, uint32_t code) {
    struct route *r = arg;
    (void)snprintf(r->last_error, sizeof r->last_error, "%s: log-in refused, status %u", verdict_info(V_AUTH)->word, (unsigned)code);
    r->last_error_wall_ms = clock_wall_ms();
    LOG(LOG_ERROR, "provider_login_refused", KS("provider", r->name), KI("status", code));
}

static void on_room(void *arg) {
    struct route *r = arg;
    if (!r->d->stopping) deliver_pump_soon(r->d);
}

static void on_closed(void *arg) {
    struct route *r = arg;
    r->peer         = NULL;
    route_closed(r);
}

static const struct link_ops OPS = {.on_up            = on_up,
                                    .on_down          = on_down,
                                    .on_refused       = on_refused,
                                    .on_room          = on_room,
                                    .on_result        = on_result,
                                    .on_report        = on_report,
                                    .on_part_report   = on_part,
                                    .on_orphan_report = on_orphan,
                                    .on_mo            = on_mo,
                                    .on_closed        = on_closed};

/* ---- the family ---- */
static enum err submit(struct route *r, struct item *it) { return link_submit(r->peer, (uint64_t)(uintptr_t)it, it->target, it->text); }

static size_t parts(const struct item *it) { return sms_parts(it->text); }

static void answers(struct route *r, unsigned *n, unsigned *throttled) {
    struct link_stats st;
    if (r->peer == NULL) return;
    link_stats(r->peer, &st);
    *n         = st.responded_1s;
    *throttled = st.throttled_1s;
}

static void stored(struct route *r, uint64_t token) {
    if (r->peer) link_report_stored(r->peer, token);
}

static enum err open_link(struct route *r, char *why, size_t why_n) {
    char             inner[400] = "";
    struct link_code codes[LINK_CODES_MAX];
    struct link_conf lc;
    struct link     *link   = NULL;
    char            *secret = provider_file(r->provider, "secret_file", NULL, inner, sizeof inner);
    enum err         e      = secret ? link_options(r->provider, codes, &lc, inner, sizeof inner) : ERR_INPUT;
    if (e) goto out;
    if (r->window == 0) r->window = 16;
    lc.secret         = secret;
    lc.window         = (uint32_t)r->window;
    lc.request_ms     = r->d->conf.request_ms;
    lc.backoff_min_ms = r->d->conf.backoff_ms;
    lc.backoff_max_ms = r->d->conf.backoff_ms * 4;
    e                 = link_open(&r->d->loop, &lc, &OPS, r, &link);
    if (e == ERR_BUSY) (void)snprintf(inner, sizeof inner, "cannot listen on listen_host, listen_port");
    else if (e) (void)snprintf(inner, sizeof inner, "option secret_file: the secret is longer than %s has room for", r->kind->name);
out:
    if (e) (void)snprintf(why, why_n, "provider %s: %s", r->name, inner);
    if (secret) x_wipe(secret, strlen(secret));
    x_free(secret);
    r->peer = link;
    return e;
}

static void close_link(struct route *r) { link_close(r->peer); }

const struct route_family route_family_link = {
    .open = open_link, .submit = submit, .parts = parts, .answers = answers, .stored = stored, .close = close_link};
