/* SPDX-License-Identifier: Apache-2.0
 *
 * What providers post to us about messages they took: /v1/receipts/<name of the provider>. Every byte is a stranger's; the provider's
 * own function authenticates and reads it, on a worker; the transaction stores it, once however often it is told.
 */
#include <string.h>

#include "handlers/lists.h"
#include "handlers/method.h"
#include "handlers/people.h"
#include "push/provider.h"
#include "store/delivery.h"
#include "store/target.h"

#define RECEIPTS_MAX 1000

struct receipt_args {
    const char *provider;
};
struct read {
    const struct provider *p;
    struct push_receipt   *list;
    size_t                 n;
    struct push_consent   *consents;
    size_t                 consents_n;
    const char            *reply;
};

static struct provider *find(const struct house *h, const char *name) {
    for (size_t i = 0; i < h->providers_n; i++)
        if (strcmp(provider_name(h->providers[i]), name) == 0) return h->providers[i];
    return NULL;
}

static enum err receive_prepare(struct req *r, const void *args) {
    const struct receipt_args *a = args;
    struct provider           *p = find(r->house, a->provider);
    struct read               *x = arena_alloc(r->a, sizeof *x);
    if (p == NULL || provider_kind(p)->receipts == NULL) return ERR_NOTFOUND;
    x->p     = p;
    x->reply = "";
    TRY(provider_kind(p)->receipts(p, r->a, r->query ? r->query : "", NULL, 0, r->body ? r->body : "", r->body_n, r->wall_ms, &x->list, &x->n, &x->reply));
    if (provider_kind(p)->consents) TRY(provider_kind(p)->consents(p, r->a, r->body ? r->body : "", r->body_n, &x->consents, &x->consents_n));
    if (x->n > RECEIPTS_MAX || x->consents_n > RECEIPTS_MAX) return req_fail(r, ERR_TOOBIG, "一次最多 %d 条回执", RECEIPTS_MAX);
    r->prepared = x;
    return ERR_OK;
}

static enum err store_consent(struct req *r, const char *channel, const struct push_consent *c) {
    char idx[MAC_CAP];
    phone_index(r->house, c->target, idx);
    if (c->cleared || !c->accepted) TRY(consent_clear(r->db, channel, idx, c->template, r->wall_ms));
    if (!c->accepted || c->template[0] == '\0') return ERR_OK;
    return consent_add(r->db, channel, idx, c->template, c->count > 0 ? c->count : 0, c->count < 0, r->wall_ms);
}

static enum err receive(struct req *r, const void *args) {
    const struct read *x = r->prepared;
    const char        *others = providers_others(r->a, r->house->providers, r->house->providers_n, x->p);
    (void)args;
    for (size_t i = 0; i < x->n; i++) {
        const struct push_receipt *in   = &x->list[i];
        struct delivery_report     told = {.provider = provider_name(x->p),
                                           .ref      = in->ref ? in->ref : "",
                                           .delivery = in->id ? in->id : "",
                                           .told     = in->is_read ? TOLD_READ : in->is_delivered ? TOLD_DELIVERED : TOLD_FAILED,
                                           .whole    = true,
                                           .stat     = in->detail ? in->detail : "",
                                           .others   = others,
                                           .wall_ms  = r->wall_ms};
        if (told.told == TOLD_FAILED && !in->is_final) continue;
        enum err e = delivery_report(r->db, &told);
        if (e && e != ERR_NOTFOUND) return e; /* not known (yet): kept */
    }
    for (size_t i = 0; i < x->consents_n; i++) TRY(store_consent(r, provider_kind(x->p)->channel, &x->consents[i]));
    r->wakes_delivery = x->n > 0;
    r->raw            = x->reply;
    return ERR_OK;
}

static const struct param receipt_params[] = {P_ID(struct receipt_args, provider, "provider")};

static const struct method rows[] = {
    {.name = "receipt.push", .verb = V_POST, .path = "/v1/receipts/{provider}", .doc = "运营方推送回执的地址；格式由运营方规定，逐条只记一次。", .flags = M_WRITE | M_PUBLIC | M_REST | M_NO_IDEM | M_RAW,
     .cost = 1, PARAMS(receipt_params), .args_size = sizeof(struct receipt_args), .fn = receive, .prepare = receive_prepare, .reply_doc = "运营方要求的应答"},
    {.name = "receipt.verify", .verb = V_GET, .path = "/v1/receipts/{provider}", .doc = "运营方校验回执地址。", .flags = M_WRITE | M_PUBLIC | M_REST | M_NO_IDEM | M_RAW,
     .cost = 1, PARAMS(receipt_params), .args_size = sizeof(struct receipt_args), .fn = receive, .prepare = receive_prepare, .reply_doc = "运营方要求的应答"},
};
METHOD_LIST(receipt_methods, rows);
