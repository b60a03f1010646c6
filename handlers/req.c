/* SPDX-License-Identifier: Apache-2.0 */
#include "handlers/req.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "handlers/method.h"
#include "store/ledger.h"
#include "store/outbox.h"

enum err req_fail(struct req *r, enum err e, const char *fmt, ...) {
    va_list ap;
    va_start(ap, fmt);
    r->detail = arena_vprintf(r->a, fmt, ap);
    va_end(ap);
    return e;
}

enum err req_bad(struct req *r, const char *field, const char *fmt, ...) {
    va_list ap;
    va_start(ap, fmt);
    r->detail = arena_vprintf(r->a, fmt, ap);
    va_end(ap);
    r->field = field;
    return ERR_INPUT;
}

bool req_has(const struct req *r, unsigned roles) { return (r->who.roles & roles) != 0; }

enum err req_ledger(struct req *r, const char *object, const char *body) {
    struct ledger_entry e = {.kind           = r->m->name,
                             .actor          = r->who.id,
                             .unit           = r->who.unit,
                             .object         = object ? object : "",
                             .body           = body ? body : "",
                             .at_wall_ms     = r->wall_ms,
                             .at_business_ms = r->biz_ms};
    if (object) r->object = object;
    return ledger_add(r->house->ledger, r->db, &e);
}

enum err req_publish(struct req *r, const char *channel, const char *key, const char *json) {
    return outbox_add(r->db, channel, key, json, r->wall_ms);
}

void req_dirty_boards(struct req *r) { r->house->boards_dirty++; }

void req_effect_close_session(struct req *r, const char *person, const char *session) {
    struct effect *e = arena_alloc(r->a, sizeof *e);
    e->kind          = EFFECT_SESSION_CLOSE;
    e->person        = arena_strdup(r->a, person);
    e->session       = arena_strdup(r->a, session);
    e->next          = r->effects;
    r->effects       = e;
}

/* A cursor names its list: the same text on another method or filter is refused. */
static unsigned list_name(const struct req *r, const char *filter) {
    unsigned h = 2166136261U;
    for (const char *p = r->m->name; *p; p++) h = (h ^ (unsigned char)*p) * 16777619U;
    for (const char *p = filter; *p; p++) h = (h ^ (unsigned char)*p) * 16777619U;
    return h;
}

enum err req_cursor_parse(struct req *r, const char *text, const char *filter, struct cursor *out) {
    out->s = "";
    out->i = 0;
    if (text == NULL || *text == '\0') return ERR_OK;
    uint8_t  raw[256];
    size_t   n = 0;
    unsigned name;
    if (b64url_decode(raw, sizeof raw - 1, text, strlen(text), &n) != ERR_OK) return req_bad(r, "cursor", "翻页标记不正确");
    raw[n] = '\0';
    char *s = (char *)raw, *end;
    name    = (unsigned)strtoul(s, &end, 16);
    if (*end != '.' || name != list_name(r, filter)) return req_bad(r, "cursor", "翻页标记不属于这个列表，请从第一页重新查询");
    out->i = strtoll(end + 1, &end, 10);
    if (*end != '.') return req_bad(r, "cursor", "翻页标记不正确");
    out->s = arena_strdup(r->a, end + 1);
    return ERR_OK;
}

void req_cursor_write(struct req *r, const char *filter, struct cursor c) {
    char *raw = arena_printf(r->a, "%08x.%lld.%s", list_name(r, filter), (long long)c.i, c.s ? c.s : "");
    char *txt = arena_alloc(r->a, strlen(raw) * 2 + 4);
    b64url_encode(txt, raw, strlen(raw));
    jw_kstr(r->out, "next", txt);
}
