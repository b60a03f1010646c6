/* SPDX-License-Identifier: Apache-2.0 */
#include "handlers/person_admin.h"

#include <string.h>

#include "base/clock.h"
#include "base/text.h"
#include "handlers/method.h"
#include "handlers/people.h"
#include "store/ledger.h"
#include "store/unit.h"

static bool word_ok(const char *s) {
    size_t n = strspn(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-");
    return n >= 1 && n <= 36 && s[n] == '\0';
}

/* 0: an unknown word. */
static unsigned roles_of(const char *words) {
    unsigned bits = 0;
    for (const char *p = words; *p;) {
        size_t   n   = strcspn(p, ",");
        unsigned bit = 0;
        for (const struct role_name *r = role_names; r->bit; r++)
            if (strlen(r->word) == n && memcmp(r->word, p, n) == 0) bit = r->bit;
        if (bit == 0) return 0;
        bits |= bit;
        p += n + (p[n] == ',');
    }
    return bits;
}

static enum err on_ledger(struct house *h, struct db *db, struct arena *a, const char *kind, const char *id, const char *unit, const char *body) {
    struct ledger_entry e = {.kind           = kind,
                             .actor          = "system",
                             .unit           = unit,
                             .object         = arena_printf(a, "person:%s", id),
                             .body           = body,
                             .at_wall_ms     = clock_wall_ms(),
                             .at_business_ms = clock_business_ms()};
    return ledger_add(h->ledger, db, &e);
}

static enum err refuse(const char **why, const char *text) {
    *why = text;
    return ERR_INPUT;
}

enum err person_create(struct house *h, struct db *db, struct arena *a, const struct person_form *f, const char **why) {
    struct person_new p = {.id = f->id, .name = f->name, .title = f->title, .unit = *f->unit ? f->unit : NULL, .roles = roles_of(f->roles),
                           .wall_ms = clock_wall_ms()};
    char              idx[MAC_CAP];
    struct unit       u;
    *why = "";
    if (!word_ok(f->id)) return refuse(why, "id: 1 to 36 letters, digits, dots, dashes");
    if (strlen(f->name) > 60 || *f->name == '\0' || !utf8_valid(f->name, strlen(f->name)) || !text_is_clean(f->name, strlen(f->name), false))
        return refuse(why, "name: 1 to 20 characters of text");
    if (strlen(f->title) > 120 || !utf8_valid(f->title, strlen(f->title)) || !text_is_clean(f->title, strlen(f->title), false))
        return refuse(why, "title: text of at most 40 characters");
    if (p.roles == 0) return refuse(why, "roles: words of leader, dispatcher, approver, responsible, monitor, admin, auditor, display, joined by commas");
    if (*f->unit) {
        enum err e = unit_get(db, a, f->unit, &u);
        if (e == ERR_NOTFOUND || (e == ERR_OK && u.is_group)) return refuse(why, "unit: the code of a real unit; import units first");
        TRY(e);
    } else if (p.roles & (ROLE_DISPATCHER | ROLE_APPROVER | ROLE_RESPONSIBLE | ROLE_MONITOR)) {
        return refuse(why, "unit: these roles act for a unit");
    }
    if (*f->phone) {
        if (!phone_ok(f->phone)) return refuse(why, "phone: 11 digits of a mobile number, on standard input");
        phone_index(h, f->phone, idx);
        p.phone_idx = idx;
        TRY(phone_seal(h, a, f->phone, &p.phone_enc, &p.phone_enc_n));
    }
    TRY(person_add(db, &p));
    return on_ledger(h, db, a, "person.create", f->id, f->unit, arena_printf(a, "{\"roles\":%u}", p.roles));
}

enum err person_deactivate(struct house *h, struct db *db, struct arena *a, const char *id) {
    struct person p;
    TRY(person_get(db, a, id, &p));
    TRY(person_set_active(db, id, false));
    return on_ledger(h, db, a, "person.deactivate", id, p.unit, "");
}
