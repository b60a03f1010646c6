/* SPDX-License-Identifier: Apache-2.0
 *
 * Providers made from sections of the configuration: options checked against the tables, verdicts, templates, and the little that all
 * HTTP answers have in common. No I/O but reading the files that options name.
 */
#include "push/provider.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>
#include <unistd.h>

#include "base/check.h"
#include "base/mem.h"
#include "base/sm.h"
#include "push/kinds.h"
#include "store/delivery.h"

#define FILE_MAX      (64U * 1024U)
#define RETRY_MAX_MS  (24LL * 3600 * 1000)
#define TEMPLATE      "template."

struct provider {
    unsigned magic;
#define PROVIDER_MAGIC 0x70726f76U
    const struct provider_kind *kind;
    char                        name[40];
    struct conf_section         own; /* a copy; every option stands in it, with its default */
    void                       *state;
    bool                        is_open;
};

/* ---- verdicts ---- */
static const struct verdict_info verdicts[] = {
#define X(symbol, word, then, zh) [V_##symbol] = {word, THEN_##then, zh},
#include "push/verdict.def"
#undef X
};

const struct verdict_info *verdict_info(enum verdict v) {
    MUST((unsigned)v < V_MAX);
    return &verdicts[v];
}

enum verdict verdict_of(const char *word) {
    for (unsigned i = 0; i < V_MAX; i++)
        if (strcmp(verdicts[i].word, word) == 0) return (enum verdict)i;
    return V_MAX;
}

/* ---- options of every provider ---- */
static const struct provider_opt common[] = {
    {"kind", OPT_TEXT, NULL, "what it is: a row of push/kinds.def", 0, 0},
    {"weight", OPT_NUMBER, "100", "share among the healthy providers of its channel; 0: only when no other can", 0, 1000},
    {"prefix", OPT_TEXT, "", "phone numbers it serves, by their first digits, blanks between; empty: all", 0, 0},
    {"cost", OPT_NUMBER, "0", "price of one message or part in thousandths of a yuan; for the record", 0, 1000000},
    {"rate_per_s", OPT_NUMBER, "0", "messages a second that are allowed; 0: the kind's own", 0, 100000},
    {"window", OPT_NUMBER, "0", "messages under way at once; 0: the kind's own", 0, 1000},
    {"report_s", OPT_NUMBER, "0", "no receipt within this time counts as not delivered, and another provider is tried; 0: never", 0, 259200},
    {"base_url", OPT_URL, "", "in place of the provider's own address (a proxy of the city, a test)", 0, 0},
    {"ca_file", OPT_FILE, "", "certificates to trust in place of the system's", 0, 0},
    {"proxy", OPT_TEXT, "", "HTTP proxy on the way out, http://host:port", 0, 0},
    {"timeout_s", OPT_NUMBER, "20", "without an answer by then the outcome is unknown", 1, 300},
};

static const struct provider_opt *opt_find(const struct provider_kind *k, const char *name) {
    for (size_t i = 0; i < ARRAY_N(common); i++)
        if (strcmp(common[i].name, name) == 0) return &common[i];
    for (size_t i = 0; i < k->opts_n; i++)
        if (strcmp(k->opts[i].name, name) == 0) return &k->opts[i];
    return NULL;
}

static bool is_number(const char *s, int64_t min, int64_t max) {
    char *end;
    errno       = 0;
    long long v = strtoll(s, &end, 10);
    return errno == 0 && end != s && *end == '\0' && v >= min && v <= max;
}

static enum err opt_check(const struct provider_opt *o, const char *v, char *why, size_t why_n) {
    if (strpbrk(v, "\r\n")) (void)snprintf(why, why_n, "option %s: no line breaks", o->name);
    else if (o->type == OPT_NUMBER && !is_number(v, o->min, o->max))
        (void)snprintf(why, why_n, "option %s: a whole number from %lld to %lld, not \"%s\"", o->name, (long long)o->min, (long long)o->max, v);
    else if (o->type == OPT_BOOL && strcmp(v, "true") != 0 && strcmp(v, "false") != 0)
        (void)snprintf(why, why_n, "option %s: true or false, not \"%s\"", o->name, v);
    else if (o->type == OPT_URL && *v && ((strncmp(v, "https://", 8) != 0 && strncmp(v, "http://", 7) != 0) || v[strlen(v) - 1] == '/'))
        (void)snprintf(why, why_n, "option %s: http:// or https:// and no / at the end, not \"%s\"", o->name, v);
    else return ERR_OK;
    return ERR_INPUT;
}

static enum err template_check(const struct provider_kind *k, const char *name, const char *v, char *why, size_t why_n) {
    if (!k->templates) (void)snprintf(why, why_n, "option %s: kind %s has no templates", name, k->name);
    else if (*v == '\0') (void)snprintf(why, why_n, "option %s: code and names of variables wanted", name);
    else return ERR_OK;
    return ERR_INPUT;
}

static void defaults(struct provider *p, const struct provider_opt *opts, size_t n) {
    for (size_t i = 0; i < n; i++)
        if (opts[i].def && conf_section_get(&p->own, opts[i].name) == NULL) conf_section_set(&p->own, opts[i].name, opts[i].def, 0);
}

static enum err options(struct provider *p, const struct conf_section *s, char *why, size_t why_n) {
    const struct provider_kind *k = p->kind;
    for (size_t i = 0; i < s->pairs_n; i++) {
        const char                *name = s->pairs[i].name, *v = s->pairs[i].value;
        const struct provider_opt *o = opt_find(k, name);
        enum err                   e;
        if (o) e = opt_check(o, v, why, why_n);
        else if (strncmp(name, TEMPLATE, sizeof TEMPLATE - 1) == 0) e = template_check(k, name, v, why, why_n);
        else {
            (void)snprintf(why, why_n, "option %s: kind %s has none of this name", name, k->name);
            e = ERR_INPUT;
        }
        if (e) return e;
        conf_section_set(&p->own, name, v, s->pairs[i].line);
    }
    defaults(p, common, ARRAY_N(common));
    defaults(p, k->opts, k->opts_n);
    for (size_t i = 0; i < k->opts_n; i++)
        if (k->opts[i].def == NULL && (conf_section_get(&p->own, k->opts[i].name) == NULL || *provider_text(p, k->opts[i].name) == '\0')) {
            (void)snprintf(why, why_n, "option %s is missing: %s", k->opts[i].name, k->opts[i].doc);
            return ERR_INPUT;
        }
    return ERR_OK;
}

enum err provider_new(const struct conf_section *s, struct provider **out, char *why, size_t why_n) {
    char        inner[400] = "";
    const char *kind       = conf_section_get(s, "kind");
    const struct provider_kind *k = kind ? provider_kind_find(kind) : NULL;
    if (k == NULL) {
        (void)snprintf(why, why_n, "provider %s: option kind: %s%s (zhangban check-config --help lists the kinds)", s->name,
                       kind ? "no such kind: " : "is missing", kind ? kind : "");
        return ERR_INPUT;
    }
    struct provider *p;
    ALLOC_OBJ(p, PROVIDER_MAGIC);
    p->kind = k;
    (void)snprintf(p->name, sizeof p->name, "%s", s->name);
    if (k->state_size) p->state = x_calloc(1, k->state_size);
    enum err e = options(p, s, inner, sizeof inner);
    if (e == ERR_OK && k->open) {
        e          = k->open(p, inner, sizeof inner);
        p->is_open = e == ERR_OK;
    }
    if (e) {
        (void)snprintf(why, why_n, "provider %s (line %d): %s", s->name, s->line, inner);
        provider_free(p);
        return e;
    }
    *out = p;
    return ERR_OK;
}

void provider_free(struct provider *p) {
    if (p == NULL) return;
    CHECK_OBJ_NOTNULL(p, PROVIDER_MAGIC);
    if (p->is_open && p->kind->close) p->kind->close(p);
    if (p->state) x_wipe(p->state, p->kind->state_size);
    x_free(p->state);
    struct conf own = {.sections = x_calloc(1, sizeof p->own), .sections_n = 1};
    own.sections[0] = p->own;
    conf_fini(&own);
    FREE_OBJ(p);
}

/* ---- reading them ---- */
const struct provider_kind *provider_kind(const struct provider *p) { return p->kind; }
const char                 *provider_name(const struct provider *p) { return p->name; }
void                       *provider_state(struct provider *p) { return p->state; }

const char *provider_text(const struct provider *p, const char *opt) {
    MUST(opt_find(p->kind, opt) != NULL);
    const char *v = conf_section_get(&p->own, opt);
    return v ? v : "";
}

int64_t provider_number(const struct provider *p, const char *opt) { return strtoll(provider_text(p, opt), NULL, 10); }
bool    provider_flag(const struct provider *p, const char *opt) { return strcmp(provider_text(p, opt), "true") == 0; }

char *provider_file(const struct provider *p, const char *opt, size_t *n, char *why, size_t why_n) {
    const char *path = provider_text(p, opt);
    int         fd   = open(path, O_RDONLY | O_CLOEXEC);
    char       *text = x_calloc(1, FILE_MAX + 1);
    size_t      got  = 0;
    ssize_t     r    = -1;
    while (fd >= 0 && got < FILE_MAX && (r = read(fd, text + got, FILE_MAX - got)) > 0) got += (size_t)r;
    if (fd >= 0) (void)close(fd);
    if (r < 0 || got == 0 || got == FILE_MAX || strlen(text) != got) {
        (void)snprintf(why, why_n, "option %s: %s cannot be read, is empty, too long or no text", opt, path);
        x_wipe(text, FILE_MAX);
        x_free(text);
        return NULL;
    }
    while (got && strchr("\r\n", text[got - 1])) text[--got] = '\0';
    if (n) *n = got;
    return text;
}

/* False: no code. */
static bool template_read(struct arena *a, const char *v, struct provider_template *out, size_t *words) {
    char *save = NULL;
    memset(out, 0, sizeof *out);
    *words    = 0;
    out->code = strtok_r(arena_strdup(a, v), " \t", &save);
    for (char *w; (w = strtok_r(NULL, ", \t", &save)) != NULL; ++*words)
        if (out->vars_n < ARRAY_N(out->var)) out->var[out->vars_n++] = w;
    return out->code != NULL;
}

bool provider_template(const struct provider *p, struct arena *a, const char *notice_kind, struct provider_template *out) {
    size_t      words;
    const char *v = conf_section_get(&p->own, arena_printf(a, TEMPLATE "%s", notice_kind));
    if (v == NULL) v = conf_section_get(&p->own, TEMPLATE "default");
    return v != NULL && template_read(a, v, out, &words);
}

bool provider_template_at(const struct provider *p, struct arena *a, size_t i, const char **notice_kind, struct provider_template *out,
                          size_t *words) {
    for (size_t k = 0; k < p->own.pairs_n; k++) {
        const struct conf_pair *pair = &p->own.pairs[k];
        if (strncmp(pair->name, TEMPLATE, sizeof TEMPLATE - 1) != 0 || i-- != 0) continue;
        *notice_kind = pair->name + sizeof TEMPLATE - 1;
        return template_read(a, pair->value, out, words);
    }
    return false;
}

const char *push_var(const struct push_msg *m, const char *name) {
    for (size_t i = 0; i < m->vars_n; i++)
        if (strcmp(m->vars[i].name, name) == 0) return m->vars[i].value;
    return "";
}

/* ---- HTTP in common ---- */
void http_call_header(struct http_call *c, const char *name, const char *value) {
    MUST(c->headers_n < HTTP_CALL_HEADERS);
    c->header[c->headers_n++] = (struct http_header){name, value};
}

void push_detail(struct push_answer *out, int status, const char *word) {
    char   clean[61];
    size_t n = 0;
    for (const char *p = word ? word : ""; *p && n < sizeof clean - 1; p++)
        if ((*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z') || (*p >= '0' && *p <= '9') || *p == '_' || *p == '-' || *p == '.') clean[n++] = *p;
    clean[n] = '\0';
    (void)snprintf(out->detail, sizeof out->detail, n ? "HTTP %d %s" : "HTTP %d", status, clean);
}

const char *http_answer_header(const struct http_answer *r, const char *lower_name) {
    for (size_t i = 0; i < r->headers_n; i++)
        if (strcasecmp(r->header[i].name, lower_name) == 0) return r->header[i].value;
    return NULL;
}

int64_t http_retry_after_ms(const struct http_answer *r, int64_t wall_ms) {
    const char *v  = http_answer_header(r, "retry-after");
    int64_t     ms = 0;
    struct tm   tm = {0};
    const char *end;
    if (v == NULL) return 0;
    if (*v && strspn(v, "0123456789") == strlen(v)) ms = is_number(v, 0, RETRY_MAX_MS / 1000) ? strtoll(v, NULL, 10) * 1000 : RETRY_MAX_MS;
    else if ((end = strptime(v, "%a, %d %b %Y %H:%M:%S GMT", &tm)) != NULL && *end == '\0') ms = (int64_t)timegm(&tm) * 1000 - wall_ms;
    return ms < 0 ? 0 : ms > RETRY_MAX_MS ? RETRY_MAX_MS : ms;
}

bool http_verdict(const struct http_answer *r, int64_t wall_ms, struct push_answer *out) {
    if (r->status == 0) {
        out->verdict = r->lost ? V_UNKNOWN : V_RETRY;
        (void)snprintf(out->detail, sizeof out->detail, "%s", r->lost ? "no answer" : "no connection");
        return true;
    }
    bool slow = r->status == 429, down = r->status == 502 || r->status == 503 || r->status == 504;
    if (!slow && !down) return false;
    out->verdict = slow ? V_THROTTLED : V_RETRY;
    out->wait_ms = http_retry_after_ms(r, wall_ms);
    (void)snprintf(out->detail, sizeof out->detail, "HTTP %d", r->status);
    return true;
}

/* ---- kinds ---- */
static const struct provider_kind *const kinds[] = {
#define X(symbol) &symbol,
#include "push/kinds.def"
#undef X
    NULL, /* an array is never empty */
};

const struct provider_kind *const *provider_kinds(size_t *n) {
    *n = ARRAY_N(kinds) - 1;
    return kinds;
}

enum err providers_make(const struct conf *c, struct provider ***list, size_t *n, char *why, size_t why_n) {
    struct provider **v = x_calloc(c->sections_n + 1, sizeof(struct provider *));
    enum err          e = ERR_OK;
    *n                  = 0;
    for (size_t i = 0; e == ERR_OK && i < c->sections_n; i++) {
        const struct conf_section *s = &c->sections[i];
        if (strcmp(s->type, "provider") != 0) {
            (void)snprintf(why, why_n, "[%s %s] (line %d): only sections of type provider are known", s->type, s->name, s->line);
            e = ERR_INPUT;
        } else {
            e = provider_new(s, &v[*n], why, why_n);
            *n += e == ERR_OK;
        }
    }
    if (e) {
        providers_free(v, *n);
        v  = NULL;
        *n = 0;
    }
    *list = v;
    return e;
}

void providers_free(struct provider **list, size_t n) {
    for (size_t i = 0; i < n; i++) provider_free(list[i]);
    x_free(list);
}

const char *providers_others(struct arena *a, struct provider *const *list, size_t n, const struct provider *p) {
    const char *out = "";
    for (size_t i = 0; i < n; i++) {
        const struct provider *o = list[i];
        if (strcmp(o->name, p->name) == 0 || strcmp(o->kind->channel, p->kind->channel) != 0 || strcmp(o->kind->vendor, p->kind->vendor) != 0) continue;
        out = arena_printf(a, "%s%s,", *out ? out : ",", o->name);
    }
    return out;
}

unsigned providers_channels(const struct conf *c) {
    unsigned bits = 0;
    for (size_t i = 0; i < c->sections_n; i++) {
        const char                 *name = conf_section_get(&c->sections[i], "kind");
        const struct provider_kind *k    = name && strcmp(c->sections[i].type, "provider") == 0 ? provider_kind_find(name) : NULL;
        if (k) bits |= 1U << delivery_channel_of(k->channel);
    }
    return bits;
}

const struct provider_kind *provider_kind_find(const char *name) {
    for (size_t i = 0; i + 1 < ARRAY_N(kinds); i++)
        if (strcmp(kinds[i]->name, name) == 0) return kinds[i];
    return NULL;
}
