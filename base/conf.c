/* SPDX-License-Identifier: Apache-2.0 */
#include "base/conf.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/mem.h"

enum kind { TEXT, NUMBER, FLAG };

static const struct option {
    const char *name;
    enum kind   kind;
    size_t      off;
    const char *def_s;
    int64_t     def_n, min, max;
    const char *unit, *doc;
} options[] = {
#define S(field, name, def, doc) {name, TEXT, offsetof(struct conf, field), def, 0, 0, 0, "", doc},
#define N(field, name, def, min, max, unit, doc) {name, NUMBER, offsetof(struct conf, field), NULL, def, min, max, unit, doc},
#define B(field, name, def, doc) {name, FLAG, offsetof(struct conf, field), NULL, def, 0, 1, "", doc},
#include "base/conf.def"
#undef S
#undef N
#undef B
};

static char    *text_at(struct conf *c, const struct option *o) { return (char *)c + o->off; }
static int64_t *number_at(struct conf *c, const struct option *o) { return (int64_t *)(void *)((char *)c + o->off); }
static bool    *flag_at(struct conf *c, const struct option *o) { return (bool *)(void *)((char *)c + o->off); }

void conf_defaults(struct conf *c) {
    memset(c, 0, sizeof *c);
    for (size_t i = 0; i < ARRAY_N(options); i++) {
        const struct option *o = &options[i];
        if (o->kind == TEXT)
            (void)snprintf(text_at(c, o), CONF_TEXT, "%s", o->def_s);
        else if (o->kind == NUMBER)
            *number_at(c, o) = o->def_n;
        else
            *flag_at(c, o) = o->def_n != 0;
    }
}

enum err conf_set(struct conf *c, const char *name, const char *value, char *why, size_t why_n) {
    for (size_t i = 0; i < ARRAY_N(options); i++) {
        const struct option *o = &options[i];
        if (strcmp(o->name, name) != 0) continue;
        if (o->kind == TEXT) {
            if (strlen(value) >= CONF_TEXT) {
                (void)snprintf(why, why_n, "%s: longer than %d bytes", name, CONF_TEXT - 1);
                return ERR_INPUT;
            }
            (void)snprintf(text_at(c, o), CONF_TEXT, "%s", value);
            return ERR_OK;
        }
        if (o->kind == FLAG) {
            bool yes = strcmp(value, "true") == 0 || strcmp(value, "1") == 0;
            if (!yes && strcmp(value, "false") != 0 && strcmp(value, "0") != 0) {
                (void)snprintf(why, why_n, "%s: true or false, not \"%s\"", name, value);
                return ERR_INPUT;
            }
            *flag_at(c, o) = yes;
            return ERR_OK;
        }
        char *end;
        errno       = 0;
        long long v = strtoll(value, &end, 10);
        if (errno || end == value || *end || v < o->min || v > o->max) {
            (void)snprintf(why, why_n, "%s: a whole number from %lld to %lld%s%s, not \"%s\"", name, (long long)o->min, (long long)o->max,
                           *o->unit ? " " : "", o->unit, value);
            return ERR_INPUT;
        }
        *number_at(c, o) = v;
        return ERR_OK;
    }
    (void)snprintf(why, why_n, "unknown option \"%s\" (zhangban check-config --help lists all)", name);
    return ERR_INPUT;
}

static char *trim(char *s) {
    s += strspn(s, " \t\r\n");
    size_t n = strlen(s);
    while (n && strchr(" \t\r\n", s[n - 1])) s[--n] = '\0';
    return s;
}

/* ---- sections ---- */
struct conf_section *conf_section_add(struct conf *c, const char *type, const char *name) {
    c->sections            = x_realloc(c->sections, (c->sections_n + 1) * sizeof *c->sections);
    struct conf_section *s = &c->sections[c->sections_n++];
    memset(s, 0, sizeof *s);
    (void)snprintf(s->type, sizeof s->type, "%s", type);
    (void)snprintf(s->name, sizeof s->name, "%s", name);
    return s;
}

void conf_section_set(struct conf_section *s, const char *name, const char *value, int line) {
    s->pairs                  = x_realloc(s->pairs, (s->pairs_n + 1) * sizeof *s->pairs);
    s->pairs[s->pairs_n++] = (struct conf_pair){x_strdup(name), x_strdup(value), line};
}

const char *conf_section_get(const struct conf_section *s, const char *name) {
    for (size_t i = 0; i < s->pairs_n; i++)
        if (strcmp(s->pairs[i].name, name) == 0) return s->pairs[i].value;
    return NULL;
}

void conf_fini(struct conf *c) {
    for (size_t i = 0; i < c->sections_n; i++) {
        for (size_t k = 0; k < c->sections[i].pairs_n; k++) {
            x_free(c->sections[i].pairs[k].name);
            x_free(c->sections[i].pairs[k].value);
        }
        x_free(c->sections[i].pairs);
    }
    x_free(c->sections);
    c->sections   = NULL;
    c->sections_n = 0;
}

static bool is_word(const char *s, size_t cap) {
    size_t n = strspn(s, "abcdefghijklmnopqrstuvwxyz0123456789-");
    return n > 0 && n < cap && s[n] == '\0';
}

/* line: "[type name]" */
static enum err section_begin(struct conf *c, char *line, int at, char *why, size_t why_n) {
    size_t n = strlen(line);
    char  *name, *type;
    if (line[n - 1] != ']') goto bad;
    line[n - 1] = '\0';
    type        = trim(line + 1);
    name        = type + strcspn(type, " \t");
    if (*name == '\0') goto bad;
    *name++ = '\0';
    name    = trim(name);
    if (!is_word(type, sizeof c->sections->type) || !is_word(name, sizeof c->sections->name)) goto bad;
    for (size_t i = 0; i < c->sections_n; i++)
        if (strcmp(c->sections[i].type, type) == 0 && strcmp(c->sections[i].name, name) == 0) {
            (void)snprintf(why, why_n, "[%s %s]: stands at line %d already", type, name, c->sections[i].line);
            return ERR_INPUT;
        }
    if (c->sections_n == CONF_SECTIONS_MAX) {
        (void)snprintf(why, why_n, "more than %d sections", CONF_SECTIONS_MAX);
        return ERR_INPUT;
    }
    conf_section_add(c, type, name)->line = at;
    return ERR_OK;
bad:
    (void)snprintf(why, why_n, "[type name] wanted, both of small letters, digits and -");
    return ERR_INPUT;
}

static enum err section_pair(struct conf *c, const char *name, const char *value, int at, char *why, size_t why_n) {
    struct conf_section *s = &c->sections[c->sections_n - 1];
    if (conf_section_get(s, name)) (void)snprintf(why, why_n, "%s: given twice in [%s %s]", name, s->type, s->name);
    else if (*name == '\0' || strpbrk(name, " \t")) (void)snprintf(why, why_n, "name = value wanted");
    else if (s->pairs_n == CONF_PAIRS_MAX) (void)snprintf(why, why_n, "more than %d names in [%s %s]", CONF_PAIRS_MAX, s->type, s->name);
    else {
        conf_section_set(s, name, value, at);
        return ERR_OK;
    }
    return ERR_INPUT;
}

static enum err load_file(struct conf *c, const char *path, char *why, size_t why_n) {
    FILE *f = fopen(path, "re");
    if (f == NULL) {
        (void)snprintf(why, why_n, "%s: cannot be read", path);
        return ERR_INPUT;
    }
    char     line[1024], inner[512];
    int      n = 0;
    enum err e = ERR_OK;
    while (e == ERR_OK && fgets(line, sizeof line, f)) {
        n++;
        if (strchr(line, '\n') == NULL && !feof(f)) { /* its rest would be read as a line of its own */
            (void)snprintf(why, why_n, "%s:%d: longer than %zu bytes, or with a NUL", path, n, sizeof line - 2);
            e = ERR_INPUT;
            break;
        }
        char *s = trim(line);
        if (*s == '\0' || *s == '#') continue;
        if (*s == '[') {
            e = section_begin(c, s, n, inner, sizeof inner);
            if (e) (void)snprintf(why, why_n, "%s:%d: %s", path, n, inner);
            continue;
        }
        char *eq = strchr(s, '=');
        if (eq == NULL) {
            (void)snprintf(why, why_n, "%s:%d: name = value wanted", path, n);
            e = ERR_INPUT;
            break;
        }
        *eq = '\0';
        e   = c->sections_n ? section_pair(c, trim(s), trim(eq + 1), n, inner, sizeof inner)
                            : conf_set(c, trim(s), trim(eq + 1), inner, sizeof inner);
        if (e) (void)snprintf(why, why_n, "%s:%d: %s", path, n, inner);
    }
    if (e == ERR_OK && ferror(f)) { /* a directory opens, but does not read */
        (void)snprintf(why, why_n, "%s: cannot be read", path);
        e = ERR_INPUT;
    }
    (void)fclose(f);
    return e;
}

enum err conf_load(struct conf *c, const char *path, char *why, size_t why_n) {
    static const struct {
        const char *env, *name;
    } envs[] = {{"ZHANGBAN_LISTEN", "listen"}, {"ZHANGBAN_DATA", "data"}, {"ZHANGBAN_DEMO", "demo"}, {"ZHANGBAN_REDIS", "redis"}};
    conf_defaults(c);
    if (path == NULL) path = getenv("ZHANGBAN_CONF"); /* NOLINT(concurrency-mt-unsafe): before threads */
    if (path && *path) {
        enum err e = load_file(c, path, why, why_n);
        if (e) {
            conf_fini(c);
            return e;
        }
    }
    for (size_t i = 0; i < ARRAY_N(envs); i++) {
        const char *v = getenv(envs[i].env); /* NOLINT(concurrency-mt-unsafe) */
        if (v == NULL || *v == '\0') continue;
        char     inner[512];
        enum err e = conf_set(c, envs[i].name, v, inner, sizeof inner);
        if (e) {
            (void)snprintf(why, why_n, "%s: %s", envs[i].env, inner);
            conf_fini(c);
            return e;
        }
    }
    if (c->pong_s >= c->ping_s) {
        (void)snprintf(why, why_n, "gateway.pong_s must be below gateway.ping_s");
        conf_fini(c);
        return ERR_INPUT;
    }
    return ERR_OK;
}

void conf_print(const struct conf *c, FILE *out, bool with_docs) {
    for (size_t i = 0; i < ARRAY_N(options); i++) {
        const struct option *o = &options[i];
        const char          *p = (const char *)c + o->off;
        if (with_docs && *o->doc) fprintf(out, "# %s%s%s%s\n", o->doc, *o->unit ? " (" : "", o->unit, *o->unit ? ")" : "");
        if (o->kind == TEXT)
            fprintf(out, "%s = %s\n", o->name, p);
        else if (o->kind == NUMBER)
            fprintf(out, "%s = %lld\n", o->name, (long long)*(const int64_t *)(const void *)p);
        else
            fprintf(out, "%s = %s\n", o->name, *(const bool *)(const void *)p ? "true" : "false");
    }    for (size_t i = 0; i < c->sections_n; i++) {
        fprintf(out, "\n[%s %s]\n", c->sections[i].type, c->sections[i].name);
        for (size_t k = 0; k < c->sections[i].pairs_n; k++) fprintf(out, "%s = %s\n", c->sections[i].pairs[k].name, c->sections[i].pairs[k].value);
    }
}
