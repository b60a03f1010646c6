/* SPDX-License-Identifier: Apache-2.0 */
#include "push/template_check.h"

#include <stdio.h>
#include <string.h>

#include "base/calendar.h"
#include "base/check.h"
#include "base/text.h"

#define HOLE_MAX 24 /* variables looked at in one text */

static const char *const fixed[] = {"title", "text", "object", "time", "signature"};

/* ---- values ---- */
bool push_value_is_known(const char *var) {
    for (size_t i = 0; i < ARRAY_N(fixed); i++)
        if (strcmp(fixed[i], var) == 0) return true;
    return strcmp(var, "t") == 0 || strcmp(var, "x") == 0;
}

static char *china_minute(struct arena *a, int64_t wall_ms) {
    int     year, month, dom;
    int32_t day = date_of_ms(wall_ms);
    int     min = (int)((wall_ms - date_start_ms(day)) / 60000);
    date_split(day, &year, &month, &dom);
    return arena_printf(a, "%d年%d月%d日 %02d:%02d", year, month, dom, min / 60, min % 60);
}

const char *push_value(struct arena *a, const struct push_msg *m, const char *var) {
    if (strcmp(var, "title") == 0) return m->title;
    if (strcmp(var, "text") == 0) return m->text;
    if (strcmp(var, "object") == 0) return m->object;
    if (strcmp(var, "signature") == 0) return m->signature;
    if (strcmp(var, "time") == 0) return china_minute(a, m->at_wall_ms);
    return push_var(m, var);
}

char *template_cut(struct arena *a, const char *s, size_t n) {
    const char *p = s, *keep = s;
    for (size_t i = 0; *p; i++) {
        if (i == n) return arena_printf(a, "%.*s…", (int)(keep - s), s);
        if (i + 1 == n) keep = p;
        do p++;
        while (((unsigned char)*p & 0xC0) == 0x80);
    }
    return arena_strdup(a, s);
}

bool template_word(const char *word, enum template_form form, struct template_word *out) {
    const char *eq = strchr(word, '=');
    size_t      n  = eq ? (size_t)(eq - word) : strlen(word);
    memset(out, 0, sizeof *out);
    if (form == FORM_ORDER) {
        out->var = word;
        return eq == NULL;
    }
    if (n == 0 || n >= sizeof out->key || strspn(word, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_") < n)
        return false;
    memcpy(out->key, word, n);
    out->var = eq ? eq + 1 : word;
    return *out->var != '\0' && (form == FORM_NAMES || eq != NULL);
}

/* ---- the option ---- */
static enum err word_check(const struct template_rules *rules, const struct provider_template *t, size_t i, char *why,
                           size_t why_n) {
    struct template_word w, other;
    if (!template_word(t->var[i], rules->form, &w)) {
        static const char *const want[] = {"name=variable", "variable", "type and number, =, variable, like thing1=t"};
        (void)snprintf(why, why_n, "\"%s\" is not %s", t->var[i], want[rules->form]);
        return ERR_INPUT;
    }
    if (!push_value_is_known(w.var)) {
        (void)snprintf(why, why_n, "no variable is called %s (there are t, x, title, text, object, time, signature)", w.var);
        return ERR_INPUT;
    }
    if (rules->form == FORM_TYPED && !wechat_key_is_known(w.key)) {
        (void)snprintf(why, why_n, "no type of value is called %s (there are thing1, time2, phrase3, ...)", w.key);
        return ERR_INPUT;
    }
    for (size_t k = 0; rules->form != FORM_ORDER && k < i; k++)
        if (template_word(t->var[k], rules->form, &other) && strcmp(other.key, w.key) == 0) {
            (void)snprintf(why, why_n, "%s stands twice", w.key);
            return ERR_INPUT;
        }
    return ERR_OK;
}

enum err template_signature_check(const char *signature, char *why, size_t why_n) {
    size_t n = 0, len, bytes = strlen(signature);
    for (const char *p = signature; *p; p += len, n++) {
        len          = utf8_next(p, bytes - (size_t)(p - signature));
        bool is_word = (*p >= '0' && *p <= '9') || ((*p | 32) >= 'a' && (*p | 32) <= 'z');
        bool is_han  = len == 3 && memcmp(p, "\xE4\xB8\x80", 3) >= 0 && memcmp(p, "\xE9\xBF\xBF", 3) <= 0;
        if (!is_word && !is_han) {
            (void)snprintf(why, why_n, "signature: only Chinese characters, letters and digits");
            return ERR_INPUT;
        }
    }
    if (n >= 2 && n <= 12) return ERR_OK;
    (void)snprintf(why, why_n, "signature: 2 to 12 characters, not %zu", n);
    return ERR_INPUT;
}

/* ---- an approved text ---- */
struct hole {
    const char *name;
    size_t      name_n;
};

/* Variables of the text in order. adjacent: two without anything between; fixed_n: characters that are no variables. */
static size_t holes(const char *text, struct hole *out, bool *adjacent, size_t *fixed_n) {
    size_t n          = 0;
    bool   after_hole = false;
    *adjacent         = false;
    *fixed_n          = 0;
    for (const char *p = text; *p;) {
        const char *open = p[0] == '$' && p[1] == '{' ? p + 2 : p[0] == '{' ? p + 1 : NULL;
        const char *end  = open ? strchr(open, '}') : NULL;
        if (end && end > open && n < HOLE_MAX) {
            if (after_hole) *adjacent = true;
            out[n++]   = (struct hole){open, (size_t)(end - open)};
            p          = end + 1;
            after_hole = true;
            continue;
        }
        do p++;
        while (((unsigned char)*p & 0xC0) == 0x80);
        ++*fixed_n;
        after_hole = false;
    }
    return n;
}

/* Position of the variable among the words of the option; vars_n: it is not there. */
static size_t hole_index(const struct provider_template *t, enum template_form form, const struct hole *h) {
    struct template_word w;
    for (size_t i = 0; i < t->vars_n; i++) {
        char number[24];
        (void)snprintf(number, sizeof number, "%zu", i + 1);
        const char *name = form == FORM_ORDER ? number : template_word(t->var[i], form, &w) ? w.key : "";
        if (strlen(name) == h->name_n && memcmp(name, h->name, h->name_n) == 0) return i;
    }
    return t->vars_n;
}

static enum err names_check(const struct template_rules *rules, const struct provider_template *t, const struct hole *h, size_t n,
                            char *why, size_t why_n) {
    bool used[ARRAY_N(t->var)] = {false};
    for (size_t i = 0; i < n; i++) {
        size_t k = hole_index(t, rules->form, &h[i]);
        if (k == t->vars_n) {
            (void)snprintf(why, why_n, "the approved text wants a variable {%.*s} that the option does not give",
                           (int)(h[i].name_n % 40), h[i].name);
            return ERR_INPUT;
        }
        if (used[k] && rules->spoken) {
            (void)snprintf(why, why_n, "the approved text has variable %zu, %s, twice", k + 1, t->var[k]);
            return ERR_INPUT;
        }
        used[k] = true;
    }
    for (size_t k = 0; k < t->vars_n; k++)
        if (!used[k]) {
            (void)snprintf(why, why_n, "the approved text has no place for variable %zu, %s", k + 1, t->var[k]);
            return ERR_INPUT;
        }
    return ERR_OK;
}

/* A banned character that stands in the text, "" none. */
static void banned_in(const char *text, const char *banned, char one[8]) {
    for (const char *b = banned; *b;) {
        size_t n = utf8_next(b, strlen(b));
        MUST(n > 0 && n < 5); /* a literal of our own */
        memcpy(one, b, n);
        one[n] = '\0';
        if (strstr(text, one)) return;
        b += n;
    }
    one[0] = '\0';
}

enum err template_text_check(const struct template_rules *rules, const struct provider_template *t, const char *text,
                             const char *signature, char *why, size_t why_n) {
    struct hole h[HOLE_MAX];
    bool        adjacent;
    char        bad[8];
    size_t      fixed_n, n = holes(text, h, &adjacent, &fixed_n);
    size_t      total = fixed_n + (*signature ? utf8_count(signature, strlen(signature)) + 2 : 0);
    banned_in(text, rules->banned, bad);
    if (!utf8_valid(text, strlen(text)))
        (void)snprintf(why, why_n, "the approved text is not UTF-8");
    else if (strstr(text, "【") || strstr(text, "】"))
        (void)snprintf(why, why_n, "the approved text holds 【 or 】: it would look like a second signature");
    else if (adjacent)
        (void)snprintf(why, why_n, "two variables of the approved text stand side by side");
    else if (fixed_n == 0)
        (void)snprintf(why, why_n, "the approved text is nothing but variables");
    else if (n == HOLE_MAX || (rules->vars_max && n > rules->vars_max))
        (void)snprintf(why, why_n, "the approved text has more than %zu variables",
                       rules->vars_max ? rules->vars_max : HOLE_MAX - 1);
    else if (rules->text_max && total > rules->text_max)
        (void)snprintf(why, why_n, "the approved text has %zu characters with the signature, %zu are allowed", total,
                       rules->text_max);
    else if (*bad)
        (void)snprintf(why, why_n, "the approved text holds %s, which the provider does not allow", bad);
    else if (rules->spoken && strcasestr(text, "http"))
        (void)snprintf(why, why_n, "the approved text holds a link, which nobody can hear");
    else
        return t ? names_check(rules, t, h, n, why, why_n) : ERR_OK;
    return ERR_INPUT;
}

const char *template_text(struct arena *a, const char *texts, const char *code) {
    size_t n = strlen(code);
    for (const char *p = texts; *p;) {
        size_t len = strcspn(p, "\r\n");
        if (len > n && strncmp(p, code, n) == 0 && (p[n] == ' ' || p[n] == '\t')) {
            size_t skip = n + strspn(p + n, " \t");
            return arena_strndup(a, p + skip, len - skip);
        }
        p += len + strspn(p + len, "\r\n");
    }
    return NULL;
}

size_t template_length(const struct provider_template *t, const char *const *values, const char *text, const char *signature) {
    size_t total = *signature ? utf8_count(signature, strlen(signature)) + 2 : 0;
    if (text) {
        struct hole h[HOLE_MAX];
        bool        adjacent;
        size_t      fixed_n, n = holes(text, h, &adjacent, &fixed_n);
        total += fixed_n;
        for (size_t i = 0; i < n; i++) {
            size_t k = hole_index(t, FORM_ORDER, &h[i]);
            if (k == t->vars_n) k = hole_index(t, FORM_NAMES, &h[i]);
            if (k < t->vars_n) total += utf8_count(values[k], strlen(values[k]));
        }
        return total;
    }
    for (size_t i = 0; i < t->vars_n; i++) total += utf8_count(values[i], strlen(values[i]));
    return total;
}

enum err template_check(const struct provider *p, const struct template_rules *rules, const char *texts, const char *signature,
                        char *why, size_t why_n) {
    struct arena            *a = arena_new(64 * 1024);
    struct provider_template t;
    const char              *kind;
    size_t                   words;
    char                     inner[200] = "";
    enum err                 e          = ERR_OK;
    if (*signature) e = template_signature_check(signature, inner, sizeof inner);
    if (e) (void)snprintf(why, why_n, "%s", inner);
    for (size_t i = 0; e == ERR_OK && provider_template_at(p, a, i, &kind, &t, &words); i++) {
        if (words > t.vars_n) {
            (void)snprintf(inner, sizeof inner, "at most %zu variables, not %zu", t.vars_n, words);
            e = ERR_INPUT;
        }
        for (size_t k = 0; e == ERR_OK && k < t.vars_n; k++) e = word_check(rules, &t, k, inner, sizeof inner);
        const char *text = e == ERR_OK ? template_text(a, texts, t.code) : NULL;
        if (text) e = template_text_check(rules, &t, text, signature, inner, sizeof inner);
        if (e) (void)snprintf(why, why_n, "option template.%.60s: %s", kind, inner);
    }
    arena_free(a);
    return e;
}
