/* SPDX-License-Identifier: Apache-2.0
 *
 * Runs one kind of the HTTP family against a peer, without the gateway: what the pure functions ask for is sent over plain blocking
 * HTTP, one thing after the other. For tests of a kind by itself.
 *
 *   provider_call CONF PROVIDER      reads JSON lines, answers each with one:
 *   {"do":"send","id":..,"target":..,"title":..,"text":..,"object":..,"priority":0,"attempt":1}  -> {"verdict","wait_ms","ref","detail"}
 *   {"do":"poll", ... the same and "ref":..}     -> and "read","delivered","final","failure"
 *   {"do":"raise", ... and "ref", "level":1}
 *   {"do":"receipts","query":..,"headers":{..},"body":..}  -> {"error","reply","receipts":[{ref,id,read}]}
 * A verdict of auth gets a new token and is tried once more, as the engine does.
 */
#include <curl/curl.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/check.h"
#include "base/json.h"
#include "base/mem.h"
#include "push/net_guard.h"
#include "push/office.h"

struct run {
    struct provider            *p;
    const struct provider_kind *kind;
    struct arena               *a;
    char                       *cred;
};
struct got {
    struct buf         body;
    struct http_header header[64];
    size_t             headers_n;
    struct arena      *a;
};

static int64_t wall_ms(void) {
    struct timespec t;
    (void)clock_gettime(CLOCK_REALTIME, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static size_t on_body(char *p, size_t size, size_t n, void *arg) {
    struct got *g = arg;
    buf_put(&g->body, p, size * n);
    return g->body.failed ? 0 : size * n;
}

static size_t on_header(char *p, size_t size, size_t n, void *arg) {
    struct got *g     = arg;
    char       *line  = arena_strndup(g->a, p, size * n), *colon = strchr(line, ':');
    if (colon == NULL || g->headers_n == ARRAY_N(g->header)) return size * n;
    *colon = '\0';
    char *value = colon + 1 + strspn(colon + 1, " ");
    value[strcspn(value, "\r\n")] = '\0';
    g->header[g->headers_n++] = (struct http_header){line, value};
    return size * n;
}

static curl_socket_t on_socket(void *arg, curlsocktype purpose, struct curl_sockaddr *sa) {
    (void)purpose;
    if (arg && !net_guard_addr(arg, &sa->addr, NULL)) return CURL_SOCKET_BAD;
    return socket(sa->family, sa->socktype, sa->protocol);
}

static void http(struct run *r, const struct http_call *c, struct got *g, struct http_answer *out) {
    CURL              *h    = curl_easy_init();
    struct curl_slist *list = NULL;
    long               status = 0;
    MUST(h != NULL);
    buf_init(&g->body, HTTP_ANSWER_MAX);
    g->a = r->a;
    for (size_t i = 0; i < c->headers_n; i++) list = curl_slist_append(list, arena_printf(r->a, "%s: %s", c->header[i].name, c->header[i].value));
    curl_easy_setopt(h, CURLOPT_URL, c->url);
    curl_easy_setopt(h, CURLOPT_CUSTOMREQUEST, c->method);
    curl_easy_setopt(h, CURLOPT_HTTPHEADER, list);
    curl_easy_setopt(h, CURLOPT_TIMEOUT_MS, 5000L);
    curl_easy_setopt(h, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(h, CURLOPT_WRITEDATA, g);
    curl_easy_setopt(h, CURLOPT_HEADERFUNCTION, on_header);
    curl_easy_setopt(h, CURLOPT_HEADERDATA, g);
    curl_easy_setopt(h, CURLOPT_OPENSOCKETFUNCTION, on_socket);
    curl_easy_setopt(h, CURLOPT_OPENSOCKETDATA, c->guard);
    if (c->body) {
        curl_easy_setopt(h, CURLOPT_POSTFIELDS, c->body);
        curl_easy_setopt(h, CURLOPT_POSTFIELDSIZE, (long)c->body_n);
    }
    CURLcode e = curl_easy_perform(h);
    curl_easy_getinfo(h, CURLINFO_RESPONSE_CODE, &status);
    *out = (struct http_answer){.status = e ? 0 : (int)status, .lost = e != CURLE_COULDNT_CONNECT, .header = g->header, .headers_n = g->headers_n,
                                .body = buf_str(&g->body), .body_n = g->body.len};
    curl_slist_free_all(list);
    curl_easy_cleanup(h);
}

/* True: there is a token, or none is needed. */
static bool token(struct run *r, struct push_answer *said) {
    struct http_call   c   = {0};
    struct got         g   = {0};
    struct http_answer ans;
    const char        *cred = NULL;
    int64_t            life;
    if (r->cred || r->kind->cred_call == NULL) return true;
    MUST(r->kind->cred_call(r->p, r->a, wall_ms(), &c) == ERR_OK);
    http(r, &c, &g, &ans);
    r->kind->cred_answer(r->p, r->a, &ans, &cred, &life, said);
    buf_fini(&g.body);
    if (said->verdict == V_SENT) r->cred = x_strdup(cred);
    return said->verdict == V_SENT;
}

static int64_t number(const cJSON *o, const char *name, int64_t def) {
    int64_t v;
    return office_int(o, name, &v) ? v : def;
}

static void ask(struct run *r, const cJSON *o, const char *what, struct push_answer *said, struct push_receipt *rc) {
    struct http_call   c = {0};
    struct got         g = {0};
    struct http_answer ans;
    const char        *ref = office_str(o, "ref"), *cred = r->cred ? r->cred : "";
    int                level = (int)number(o, "level", RAISE_APP);
    const struct push_msg m = {.id = office_str(o, "id"), .attempt = (int)number(o, "attempt", 1), .notice = "nt-1", .target = office_str(o, "target"),
                               .target_key = "", .app = "", .kind = "task.assigned", .title = office_str(o, "title"), .text = office_str(o, "text"),
                               .object = office_str(o, "object"), .signature = "某市", .priority = (int)number(o, "priority", 0), .unread = -1,
                               .at_wall_ms = number(o, "at", 1767323045000)};
    enum err e = ERR_INPUT;
    if (strcmp(what, "send") == 0) e = r->kind->call(r->p, r->a, &m, cred, wall_ms(), &c, said);
    else if (strcmp(what, "poll") == 0 && r->kind->poll_call) e = r->kind->poll_call(r->p, r->a, &m, ref, cred, wall_ms(), &c, said);
    else if (strcmp(what, "raise") == 0 && r->kind->raise_call) e = r->kind->raise_call(r->p, r->a, &m, ref, level, cred, wall_ms(), &c, said);
    if (e) return;
    http(r, &c, &g, &ans);
    if (strcmp(what, "send") == 0) r->kind->answer(r->p, r->a, &m, &ans, wall_ms(), said);
    else if (strcmp(what, "poll") == 0) r->kind->poll_answer(r->p, r->a, &m, ref, &ans, wall_ms(), rc, said);
    else r->kind->raise_answer(r->p, r->a, &m, ref, level, &ans, wall_ms(), said);
    buf_fini(&g.body);
}

static void call(struct run *r, const cJSON *o, const char *what, struct jw *w) {
    struct push_answer  said = {.verdict = V_REJECTED, .detail = "cannot"};
    struct push_receipt rc   = {.ref = "", .id = "", .verdict = V_DELIVERED, .detail = ""};
    for (int turn = 0; turn < 2; turn++) {
        if (!token(r, &said)) break;
        ask(r, o, what, &said, &rc);
        if (said.verdict != V_AUTH) break;
        x_free(r->cred);
        r->cred = NULL;
    }
    jw_kstr(w, "verdict", verdict_info(said.verdict)->word);
    jw_kint(w, "wait_ms", said.wait_ms);
    jw_kstr(w, "ref", said.ref);
    jw_kstr(w, "detail", said.detail);
    jw_kbool(w, "read", rc.is_read);
    jw_kbool(w, "delivered", rc.is_delivered);
    jw_kbool(w, "final", rc.is_final);
    jw_kstr(w, "failure", rc.is_final && !rc.is_delivered ? verdict_info(rc.verdict)->word : "");
}

static void receipts(struct run *r, const cJSON *o, struct jw *w) {
    struct http_header   h[64];
    struct push_receipt *list  = NULL;
    size_t               h_n   = 0, n = 0;
    const char          *reply = "", *body = office_str(o, "body");
    const cJSON         *i;
    cJSON_ArrayForEach(i, cJSON_GetObjectItemCaseSensitive(o, "headers"))
        if (cJSON_IsString(i) && h_n < ARRAY_N(h)) h[h_n++] = (struct http_header){i->string, i->valuestring};
    enum err e = r->kind->receipts(r->p, r->a, office_str(o, "query"), h, h_n, body, strlen(body), wall_ms(), &list, &n, &reply);
    jw_kstr(w, "error", e ? err_info(e)->word : "");
    jw_kstr(w, "reply", reply);
    jw_key(w, "receipts");
    jw_arr(w);
    for (size_t k = 0; k < n; k++) {
        jw_obj(w);
        jw_kstr(w, "ref", list[k].ref);
        jw_kstr(w, "id", list[k].id);
        jw_kbool(w, "read", list[k].is_read);
        jw_obj_end(w);
    }
    jw_arr_end(w);
}

static void line(struct run *r, const char *text) {
    cJSON      *o   = NULL;
    const char *why = "";
    struct buf  b;
    struct jw   w;
    MUST(json_parse(text, strlen(text), &o, &why) == ERR_OK);
    const char *what = office_str(o, "do");
    buf_init(&b, 1 << 16);
    jw_init(&w, &b);
    jw_obj(&w);
    if (strcmp(what, "receipts") == 0) receipts(r, o, &w);
    else call(r, o, what, &w);
    jw_obj_end(&w);
    (void)printf("%s\n", buf_str(&b));
    (void)fflush(stdout);
    buf_fini(&b);
    cJSON_Delete(o);
    arena_reset(r->a);
}

int main(int argc, char **argv) {
    static char text[1 << 17];
    struct conf c;
    struct run  r = {0};
    char        why[400] = "";
    conf_defaults(&c);
    if (argc != 3 || conf_load(&c, argv[1], why, sizeof why)) {
        (void)fprintf(stderr, "provider_call CONF PROVIDER: %s\n", why);
        return 2;
    }
    for (size_t i = 0; i < c.sections_n; i++)
        if (strcmp(c.sections[i].name, argv[2]) == 0 && provider_new(&c.sections[i], &r.p, why, sizeof why)) {
            (void)fprintf(stderr, "%s\n", why);
            return 2;
        }
    MUST(r.p != NULL && curl_global_init(CURL_GLOBAL_DEFAULT) == 0);
    r.kind = provider_kind(r.p);
    r.a    = arena_new(1 << 20);
    while (fgets(text, sizeof text, stdin)) line(&r, text);
    x_free(r.cred);
    arena_free(r.a);
    provider_free(r.p);
    conf_fini(&c);
    curl_global_cleanup();
    return 0;
}
