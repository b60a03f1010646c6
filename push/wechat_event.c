/* SPDX-License-Identifier: Apache-2.0
 *
 * What WeChat posts to us: the check of the address, results of messages, consents. JSON or XML, as the account was set up; plain
 * mode only. The address is signed (SHA-1 over token, timestamp, nonce), the body is not.
 */
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/sm.h"
#include "push/cloud.h"
#include "push/cloud_sign.h"
#include "push/wechat.h"

#define ITEMS_MAX 32
#define ECHO_MAX 128

struct item {
    const char *template, *status, *msg_id, *error_code;
};
struct event {
    const char *from, *name, *status, *msg_id;
    bool        is_encrypted;
    struct item item[ITEMS_MAX];
    size_t      items_n;
    bool        in_item;
};

static void leaf(struct event *e, const char *name, const char *value) {
    struct item *i = e->in_item && e->items_n ? &e->item[e->items_n - 1] : NULL;
    if (i && strcmp(name, "TemplateId") == 0)
        i->template = value;
    else if (i && strcmp(name, "SubscribeStatusString") == 0)
        i->status = value;
    else if (i && strcmp(name, "MsgID") == 0)
        i->msg_id = value;
    else if (i && strcmp(name, "ErrorCode") == 0)
        i->error_code = value;
    else if (strcmp(name, "FromUserName") == 0)
        e->from = value;
    else if (strcmp(name, "Event") == 0)
        e->name = value;
    else if (strcmp(name, "MsgID") == 0)
        e->msg_id = value;
    else if (strcmp(name, "Status") == 0)
        e->status = value;
    else if (strcmp(name, "Encrypt") == 0)
        e->is_encrypted = true;
}

static void item_begin(struct event *e) {
    e->in_item = e->items_n < ITEMS_MAX;
    if (e->in_item) e->item[e->items_n++] = (struct item){"", "", "", ""};
}

/* ---- JSON: members of the event, and of its List, which is an array or, of one, an object ---- */
static void leaves(struct arena *a, struct event *e, const cJSON *o) {
    for (const cJSON *v = o->child; v; v = v->next)
        if (v->string && !cJSON_IsObject(v) && !cJSON_IsArray(v)) leaf(e, v->string, cloud_str(a, o, v->string));
}

static void list(struct arena *a, struct event *e, const cJSON *l) {
    for (const cJSON *o = cJSON_IsArray(l) ? l->child : l; o; o = cJSON_IsArray(l) ? o->next : NULL) {
        if (!cJSON_IsObject(o)) continue;
        item_begin(e);
        if (e->in_item) leaves(a, e, o);
        e->in_item = false;
    }
}

static bool from_json(struct arena *a, const char *body, size_t n, struct event *e) {
    cJSON *o = cloud_object(body, n);
    if (o == NULL) return false;
    leaves(a, e, o);
    list(a, e, cJSON_GetObjectItemCaseSensitive(o, "List"));
    for (const cJSON *v = o->child; v; v = v->next) /* also one level deeper, as in SubscribeMsgPopupEvent */
        if (cJSON_IsObject(v) && strcmp(v->string ? v->string : "", "List") != 0)
            list(a, e, cJSON_GetObjectItemCaseSensitive(v, "List"));
    cJSON_Delete(o);
    return true;
}

/* ---- XML as WeChat writes it: no attributes, values plain or in one CDATA ---- */
static bool from_xml(struct arena *a, const char *body, size_t n, struct event *e) {
    const char *p = arena_strndup(a, body, n);
    if (strncmp(p, "<xml>", 5) != 0) return false;
    while ((p = strchr(p, '<')) != NULL) {
        const char *name = p + 1, *end = strchr(name, '>');
        if (end == NULL) return false;
        p = end + 1;
        if (*name == '/') {
            if (strncmp(name, "/List>", 6) == 0) e->in_item = false;
            continue;
        }
        bool        cdata = strncmp(p, "<![CDATA[", 9) == 0;
        const char *value = cdata ? p + 9 : p, *stop = cdata ? strstr(value, "]]>") : strchr(value, '<');
        if (stop == NULL) return false;
        char *tag = arena_strndup(a, name, (size_t)(end - name));
        if (cdata || stop[1] == '/')
            leaf(e, tag, arena_strndup(a, value, (size_t)(stop - value)));
        else if (strcmp(tag, "List") == 0)
            item_begin(e);
        p = cdata ? stop + 3 : stop;
    }
    return true;
}

static bool event_of(struct arena *a, const char *body, size_t n, struct event *e) {
    *e = (struct event){.from = "", .name = "", .status = "", .msg_id = ""};
    if (n == 0 || n > WECHAT_POST_MAX || memchr(body, 0, n)) return false;
    return (body[0] == '<' ? from_xml(a, body, n, e) : from_json(a, body, n, e)) && !e->is_encrypted;
}

/* ---- who speaks ---- */
static int by_text(const void *x, const void *y) { return strcmp(*(const char *const *)x, *(const char *const *)y); }

static bool is_signed(struct arena *a, const char *token, const char *query, int64_t wall_ms) {
    const char *signature = cloud_query_get(a, query, "signature"), *time = cloud_query_get(a, query, "timestamp"),
               *nonce = cloud_query_get(a, query, "nonce");
    if (*token == '\0' || !signature || !time || !nonce || strlen(signature) != 40 || strlen(time) > 12 ||
        strspn(time, "0123456789") != strlen(time))
        return false;
    const char *part[] = {token, time, nonce};
    char        want[41];
    qsort(part, ARRAY_N(part), sizeof *part, by_text);
    const char *all = arena_printf(a, "%s%s%s", part[0], part[1], part[2]);
    cloud_sha1_hex(all, strlen(all), want);
    int64_t age_s = wall_ms / 1000 - strtoll(time, NULL, 10);
    return ct_equal(want, signature, 40) && age_s < WECHAT_EVENT_AGE_S && age_s > -WECHAT_EVENT_AGE_S;
}

/* ---- receipts ---- */
static void result(struct arena *a, struct push_receipt *out, const char *ref, bool ok, enum verdict failure,
                   const char *detail) {
    *out = (struct push_receipt){.ref          = ref,
                                 .id           = "",
                                 .is_final     = true,
                                 .is_delivered = ok,
                                 .verdict      = ok ? V_DELIVERED : failure,
                                 .detail       = cloud_word(a, detail)};
}

static enum verdict failure_of(const char *code) {
    return strcmp(code, "43101") == 0 || strcmp(code, "43004") == 0 ? V_REFUSED
           : strcmp(code, "40003") == 0                             ? V_GONE
           : strcmp(code, "47003") == 0                             ? V_REJECTED
                                                                    : V_RETRY;
}

enum err wechat_receipts(struct provider *p, struct arena *a, const char *query, const struct http_header *headers,
                         size_t headers_n, const char *body, size_t body_n, int64_t wall_ms, struct push_receipt **out, size_t *n,
                         const char **reply) {
    struct wechat_state *s = provider_state(p);
    struct event         e;
    (void)headers;
    (void)headers_n;
    *n = 0;
    if (!is_signed(a, s->token, query, wall_ms)) return ERR_AUTH;
    if (body_n == 0) {
        const char *echo = cloud_query_get(a, query, "echostr");
        if (echo == NULL || strlen(echo) > ECHO_MAX ||
            strspn(echo, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-") != strlen(echo))
            return ERR_INPUT;
        *reply = echo;
        return ERR_OK;
    }
    if (!event_of(a, body, body_n, &e)) return ERR_INPUT;
    *reply = "success";
    *out   = arena_alloc(a, (e.items_n + 1) * sizeof **out);
    if (strcmp(e.name, "subscribe_msg_sent_event") == 0)
        for (size_t i = 0; i < e.items_n; i++)
            if (*e.item[i].msg_id && *e.item[i].error_code)
                result(a, &(*out)[(*n)++], e.item[i].msg_id, strcmp(e.item[i].error_code, "0") == 0,
                       failure_of(e.item[i].error_code), e.item[i].error_code);
    if (strcmp(e.name, "TEMPLATESENDJOBFINISH") == 0 && *e.msg_id && *e.status)
        result(a, &(*out)[(*n)++], e.msg_id, strcmp(e.status, "success") == 0,
               strstr(e.status, "user block") ? V_REFUSED : V_RETRY, e.status);
    return ERR_OK;
}

/* ---- consents ---- */
static bool is_long_term(const struct provider *p, const char *template) {
    const char *all = provider_text(p, "long_term");
    size_t      n   = strlen(template);
    for (const char *at = all; (at = strstr(at, template)) != NULL; at += n)
        if ((at == all || at[-1] == ' ') && (at[n] == ' ' || at[n] == '\0')) return true;
    return false;
}

enum err wechat_consents(struct provider *p, struct arena *a, const char *body, size_t body_n, struct push_consent **out,
                         size_t *n) {
    struct event e;
    *n = 0;
    if (body_n == 0) return ERR_OK;
    if (!event_of(a, body, body_n, &e)) return ERR_INPUT;
    *out       = arena_alloc(a, (e.items_n + 1) * sizeof **out);
    bool popup = strcmp(e.name, "subscribe_msg_popup_event") == 0, change = strcmp(e.name, "subscribe_msg_change_event") == 0;
    bool follow = strcmp(e.name, "subscribe") == 0, leave = strcmp(e.name, "unsubscribe") == 0;
    if (!wechat_is_openid(e.from)) return popup || change || follow || leave ? ERR_INPUT : ERR_OK;
    if (follow || leave) (*out)[(*n)++] = (struct push_consent){e.from, "", follow, follow ? -1 : 0, leave};
    for (size_t i = 0; (popup || change) && i < e.items_n; i++) {
        const struct item *t = &e.item[i];
        if (*t->template == '\0' || *t->status == '\0') continue;
        bool yes = strcmp(t->status, "accept") == 0;
        /* Switching it on again in the settings gains no message; refusing a question takes none away. */
        int count      = !yes ? 0 : is_long_term(p, t->template) ? -1 : popup ? 1 : 0;
        (*out)[(*n)++] = (struct push_consent){e.from, t->template, yes, count, !yes && change};
    }
    return ERR_OK;
}
