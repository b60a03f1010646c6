/* SPDX-License-Identifier: Apache-2.0 */
#include "handlers/session_issue.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/id.h"
#include "handlers/method.h"
#include "handlers/people.h"
#include "store/auth.h"
#include "store/device.h"
#include "store/ledger.h"

#define MINUTE 60000LL
#define HOUR   (60 * MINUTE)

/* Idle and absolute limits by role (domain.md 15); the first row that meets wins, staff have those of the configuration. */
static const struct {
    unsigned roles;
    int64_t  idle_ms, absolute_ms;
} limits[] = {
    {ROLE_DISPLAY, 24 * HOUR, 30 * 24 * HOUR},
    {ROLE_KIOSK, 24 * HOUR, 30 * 24 * HOUR},
    {ROLE_CITIZEN | ROLE_ENTERPRISE, 2 * HOUR, 12 * HOUR},
};

enum err session_make(struct house *h, struct redis *redis, const struct person *p, const char *client, const char *device, char token[44],
                      struct session *out) {
    int64_t now = clock_wall_ms(), absolute = h->session_absolute_ms;
    if (redis == NULL) return ERR_UNAVAILABLE;
    memset(out, 0, sizeof *out);
    id_new("s_", out->id);
    (void)snprintf(out->person, sizeof out->person, "%s", p->id);
    (void)snprintf(out->device, sizeof out->device, "%s", device);
    (void)snprintf(out->client, sizeof out->client, "%s", client);
    out->idle_ms = h->session_idle_ms;
    for (size_t i = 0; i < sizeof limits / sizeof limits[0]; i++) {
        if (!(limits[i].roles & p->roles)) continue;
        out->idle_ms = limits[i].idle_ms;
        absolute     = limits[i].absolute_ms;
        break;
    }
    out->created_wall_ms = out->seen_wall_ms = now;
    out->expires_wall_ms = now + absolute;
    return session_create(redis, out, token);
}

enum err session_issue(struct house *h, struct db *db, struct redis *redis, struct arena *a, const char *person, const char *client,
                       char token[44]) {
    struct person  p;
    struct session s;
    const char    *device = "";
    int64_t        now    = clock_wall_ms();
    TRY(person_get(db, a, person, &p));
    if (!p.active) return ERR_NOTFOUND;
    if ((p.roles & ROLE_LEADER) && !h->demo) return ERR_PERM;
    if (h->demo) TRY(device_newest_active(db, a, person, &device));
    TRY(session_make(h, redis, &p, client, device, token, &s));
    if (*device) TRY(session_device_put(db, s.id, person, device, now));
    struct ledger_entry entry = {.kind           = "session.issue",
                                 .actor          = "system",
                                 .unit           = p.unit,
                                 .object         = arena_printf(a, "person:%s", person),
                                 .body           = arena_printf(a, "{\"client\":\"%s\",\"session\":\"%s\"}", s.client, s.id),
                                 .at_wall_ms     = now,
                                 .at_business_ms = clock_business_ms()};
    return ledger_add(h->ledger, db, &entry);
}

enum err session_actor(struct db *db, struct arena *a, const struct session *s, struct actor *out) {
    struct person p;
    bool          revoked = false;
    const char   *device, *state = "";
    memset(out, 0, sizeof *out);
    TRY(auth_session_revoked(db, s->id, &revoked));
    if (revoked) return ERR_AUTH;
    enum err e = person_get(db, a, s->person, &p);
    if (e) return e == ERR_NOTFOUND ? ERR_AUTH : e;
    if (!p.active) return ERR_AUTH;
    TRY(session_device_get(db, a, s->id, &device, &state));
    if (*device == '\0' && s->device[0]) {
        struct device d;
        e = device_get(db, a, s->device, &d);
        if (e) return e == ERR_NOTFOUND ? ERR_AUTH : e;
        device = d.id;
        state  = strcmp(d.person, p.id) == 0 ? d.state : DEVICE_LOST;
    }
    if (strcmp(state, DEVICE_LOST) == 0) return ERR_AUTH;
    bool active = strcmp(state, DEVICE_ACTIVE) == 0;
    (void)snprintf(out->id, sizeof out->id, "%s", p.id);
    (void)snprintf(out->name, sizeof out->name, "%s", p.name);
    (void)snprintf(out->unit, sizeof out->unit, "%s", p.unit);
    (void)snprintf(out->session, sizeof out->session, "%s", s->id);
    (void)snprintf(out->device, sizeof out->device, "%s", active ? device : "");
    out->roles = p.roles;
    out->bound = active || !needs_device(p.roles);
    return ERR_OK;
}
