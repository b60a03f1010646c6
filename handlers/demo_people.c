/* SPDX-License-Identifier: Apache-2.0 */
#include "handlers/demo_people.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/sm.h"
#include "base/text.h"
#include "handlers/method.h"
#include "handlers/people.h"
#include "store/device.h"
#include "store/ledger.h"
#include "store/person.h"

#define ARENA_BYTES  (256U << 10)
#define PHONE_PREFIX "1990000" /* not assigned */
#define SIM_PHONES   1000      /* simulated contacts from here on */

static const struct {
    const char *id, *name, *title, *unit;
    unsigned    roles;
} cast[] = {
    {"demo-leader", "演示市领导", "市领导", NULL, ROLE_LEADER},
    {"demo-dispatcher", "演示督办员", "督办", "NP-ZFB", ROLE_DISPATCHER},
    {"demo-approver", "演示审核人", "审核", "NP-ZFB", ROLE_APPROVER},
    {"demo-responsible", "演示责任人", "责任单位联络员", "NP-BB", ROLE_RESPONSIBLE},
    {"demo-dispatcher2", "演示督办员二", "督办", "NP-BB", ROLE_DISPATCHER},
    {"demo-monitor", "演示监督员", "监督", "NP-DDC", ROLE_MONITOR},
    {DEMO_ADMIN, "演示管理员", "系统管理员", NULL, ROLE_ADMIN},
    {"demo-admin2", "演示管理员二", "系统管理员", NULL, ROLE_ADMIN},
    {"demo-auditor", "演示审计员", "审计", NULL, ROLE_AUDITOR},
    {DEMO_DISPLAY, "演示大屏", "大屏", NULL, ROLE_DISPLAY},
    /* who supervises where the plan's issuer is responsible itself (D23) */
    {"demo-approver2", "演示审核人二", "审核", "NP-BB", ROLE_APPROVER},
    {"demo-dispatcher3", "演示督办员三", "督办", "NP-XNB", ROLE_DISPATCHER},
    {"demo-approver3", "演示审核人三", "审核", "NP-XNB", ROLE_APPROVER},
};

struct maker {
    struct house *h;
    struct db    *db;
    struct arena *a;
    int64_t       wall_ms;
    int           added;
};

static enum err key_dir(struct maker *m, const char **dir) {
    const char *demo = arena_printf(m->a, "%s/demo", m->h->data_dir);
    *dir             = arena_printf(m->a, "%s/keys", demo);
    if ((mkdir(demo, 0700) != 0 && errno != EEXIST) || (mkdir(*dir, 0700) != 0 && errno != EEXIST)) {
        LOG(LOG_ERROR, "demo_keys", KI("errno", errno));
        return ERR_STORE;
    }
    return ERR_OK;
}

/* An active device and its key. A job may run again: a key file that is there is used, not replaced. */
static enum err give_device(struct maker *m, const char *person) {
    uint8_t       priv[32], pub[65];
    char          hex[131];
    const char   *dir, *id = arena_printf(m->a, "d_%s", person);
    struct device known;
    enum err      e = device_get(m->db, m->a, id, &known);
    if (e != ERR_NOTFOUND) return e;
    TRY(key_dir(m, &dir));
    const char *path = arena_printf(m->a, "%s/%s.sm2", dir, person);
    if (sm2_key_load(path, priv, pub) != ERR_OK) {
        TRY(sm2_keygen(priv, pub));
        TRY(sm2_key_save(path, priv, pub));
    }
    x_wipe(priv, sizeof priv);
    hex_encode(hex, pub, sizeof pub);
    TRY(device_add(m->db, id, person, hex, "演示手机", "demo", m->wall_ms));
    return device_set_active(m->db, id, m->wall_ms);
}

static enum err add_one(struct maker *m, const char *id, const char *name, const char *title, const char *unit, unsigned roles, int number) {
    struct person known;
    const char   *phone = arena_printf(m->a, PHONE_PREFIX "%04d", number);
    char          idx[MAC_CAP];
    enum err      e = person_get(m->db, m->a, id, &known);
    if (e == ERR_NOTFOUND) {
        struct person_new p = {.id = id, .name = name, .title = title, .unit = unit, .roles = roles, .phone_idx = idx, .simulated = true, .wall_ms = m->wall_ms};
        phone_index(m->h, phone, idx);
        TRY(phone_seal(m->h, m->a, phone, &p.phone_enc, &p.phone_enc_n));
        TRY(person_add(m->db, &p));
        m->added++;
    } else if (e) {
        return e;
    }
    return needs_device(roles) ? give_device(m, id) : ERR_OK;
}

static enum err add_all(struct maker *m) {
    struct person_unit *units;
    size_t              n;
    const char         *name;
    for (size_t i = 0; i < sizeof cast / sizeof cast[0]; i++) {
        const char *unit = cast[i].unit;
        if (unit) {
            enum err e = person_unit_name(m->db, m->a, unit, &name);
            if (e && e != ERR_NOTFOUND) return e;
            if (e) unit = NULL; /* another sample */
        }
        TRY(add_one(m, cast[i].id, cast[i].name, cast[i].title, unit, cast[i].roles, (int)i + 1));
    }
    TRY(person_units(m->db, m->a, &units, &n));
    for (size_t i = 0; i < n; i++) {
        const char *id = arena_printf(m->a, "sim-%s", units[i].code);
        TRY(add_one(m, id, arena_printf(m->a, "%s联络员（模拟）", units[i].short_name), "联络员", units[i].code, ROLE_RESPONSIBLE, SIM_PHONES + (int)i));
    }
    return ERR_OK;
}

enum err demo_people(struct house *h, struct db *db, int64_t wall_ms) {
    if (!h->demo) return ERR_PERM;
    struct maker m = {.h = h, .db = db, .a = arena_new(ARENA_BYTES), .wall_ms = wall_ms};
    enum err     e = add_all(&m);
    if (e == ERR_OK && m.added) {
        struct ledger_entry entry = {.kind           = "demo.people",
                                     .actor          = "system",
                                     .unit           = "",
                                     .object         = "",
                                     .body           = arena_printf(m.a, "{\"added\":%d}", m.added),
                                     .at_wall_ms     = wall_ms,
                                     .at_business_ms = clock_business_ms()};
        e                         = ledger_add(h->ledger, db, &entry);
    }
    arena_free(m.a);
    return e;
}
