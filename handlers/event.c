/* SPDX-License-Identifier: Apache-2.0
 *
 * Facts from other systems, in batches: each stored once per (source, id), each answered for itself.
 */
#include <string.h>

#include "base/calendar.h"
#include "base/text.h"
#include "handlers/lists.h"
#include "handlers/method.h"
#include "handlers/people.h"
#include "store/system.h"

#define EVENTS_MAX    200
#define EVENT_MAX     16384 /* bytes of data of one event */
#define EVENT_ID_MAX  64
#define EVENT_KIND_MAX 64

struct push_args {
    const cJSON *events;
};

static bool word_ok(const char *s, size_t max) {
    size_t n = strspn(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._:-");
    return n >= 1 && n <= max && s[n] == '\0';
}

static const char *member(const cJSON *o, const char *name) {
    const cJSON *v = cJSON_GetObjectItemCaseSensitive(o, name);
    return cJSON_IsString(v) ? v->valuestring : NULL;
}

/* NULL: may be stored; else why not, for the sender. *body: canonical text of data in the arena. */
static const char *check_event(struct req *r, const cJSON *ev, const char **body) {
    const char  *id = member(ev, "id"), *kind = member(ev, "kind"), *at = member(ev, "at");
    const cJSON *data = cJSON_GetObjectItemCaseSensitive(ev, "data");
    int64_t      ms;
    for (const cJSON *m = ev->child; m; m = m->next)
        if (strcmp(m->string, "id") && strcmp(m->string, "kind") && strcmp(m->string, "at") && strcmp(m->string, "data")) return "有多余的字段";
    if (id == NULL || !word_ok(id, EVENT_ID_MAX)) return "id：应为 1 到 64 个字母、数字或 ._:-";
    if (kind == NULL || !word_ok(kind, EVENT_KIND_MAX)) return "kind：应为 1 到 64 个字母、数字或 ._:-";
    if (at == NULL || time_parse_iso(at, &ms) != ERR_OK) return "at：应为带时区的 ISO 8601 时间";
    if (!cJSON_IsObject(data)) return "data：应为对象";
    char *text = cJSON_PrintUnformatted(data);
    if (text == NULL || strlen(text) > EVENT_MAX) {
        cJSON_free(text);
        return "data：内容过大";
    }
    *body = arena_strdup(r->a, text);
    cJSON_free(text);
    return NULL;
}

static enum err push(struct req *r, const void *args) {
    const struct push_args *p = args;
    const cJSON            *ev;
    int64_t                 accepted = 0, duplicate = 0, refused = 0;
    const char             *names = "";
    jw_key(r->out, "items");
    jw_arr(r->out);
    cJSON_ArrayForEach(ev, p->events) {
        const char *body = NULL, *id = member(ev, "id"), *why = check_event(r, ev, &body), *result = "refused";
        bool        known = false;
        if (why == NULL) TRY(inbound_event_known(r->db, r->who.id, id, &known));
        if (why != NULL) {
            refused++;
        } else if (known) {
            result = "duplicate";
            duplicate++;
        } else {
            TRY(inbound_event_add(r->db, r->who.id, id, member(ev, "kind"), member(ev, "at"), body, r->wall_ms));
            names  = text_digest(r->a, arena_printf(r->a, "%s\n%s\n%s", names, id, body));
            result = "accepted";
            accepted++;
        }
        jw_obj(r->out);
        jw_kstr(r->out, "id", id);
        jw_kstr(r->out, "result", result);
        if (why) jw_kstr(r->out, "detail", why);
        jw_obj_end(r->out);
    }
    jw_arr_end(r->out);
    jw_kint(r->out, "accepted", accepted);
    jw_kint(r->out, "duplicate", duplicate);
    jw_kint(r->out, "refused", refused);
    if (accepted == 0) return ERR_OK;
    /* one row a batch: the digest chains id and data of what was accepted, in order */
    return req_ledger(r, arena_printf(r->a, "source:%s", r->who.id),
                      arena_printf(r->a, "{\"accepted\":%lld,\"digest\":\"%s\"}", (long long)accepted, names));
}

static const struct param push_params[] = {
    {.name = "events", .type = PT_JSONS, .off = offsetof(struct push_args, events), .max = EVENTS_MAX, .required = true,
     .doc = "每项 {id, kind, at, data}"},
};

static const struct method rows[] = {
    {.name = "event.push", .verb = V_POST, .path = "/v1/events", .doc = "业务系统成批报送事实；同一来源同一编号只收一次。", .roles = ROLE_SYSTEM,
     .flags = M_WRITE | M_REST, .cost = 4, PARAMS(push_params), .args_size = sizeof(struct push_args), .fn = push,
     .reply_doc = "items 每项 accepted、duplicate 或 refused"},
};
METHOD_LIST(event_methods, rows);
