/* SPDX-License-Identifier: Apache-2.0
 *
 * Limits of the values of WeChat templates (push/template_check.h), one row a type.
 */
#include <stdio.h>
#include <string.h>

#include "base/calendar.h"
#include "base/check.h"
#include "base/text.h"
#include "push/template_check.h"

#define DAY_MAX 31

static bool is_digit(char c) { return c >= '0' && c <= '9'; }
static bool is_letter(char c) { return (c | 32) >= 'a' && (c | 32) <= 'z'; }
static bool is_ascii_mark(char c) { return c > ' ' && c < 0x7f && !is_digit(c) && !is_letter(c); }

static size_t count(const char *s) { return utf8_count(s, strlen(s)); }

/* Chinese characters: U+3400..4DBF, 4E00..9FFF, F900..FAFF and the planes 2 and 3. */
static bool is_han(const char *p, size_t len) {
    if (len == 4) return memcmp(p, "\xF0\xA0", 2) >= 0 && memcmp(p, "\xF0\xBF", 2) <= 0;
    return len == 3 && ((memcmp(p, "\xE3\x90\x80", 3) >= 0 && memcmp(p, "\xE4\xB6\xBF", 3) <= 0) ||
                        (memcmp(p, "\xE4\xB8\x80", 3) >= 0 && memcmp(p, "\xE9\xBF\xBF", 3) <= 0) ||
                        (memcmp(p, "\xEF\xA4\x80", 3) >= 0 && memcmp(p, "\xEF\xAB\xBF", 3) <= 0));
}

static bool all(const char *s, bool (*is)(char)) {
    for (; *s; s++)
        if (!is(*s)) return false;
    return true;
}
static bool is_visible(char c) { return c > ' ' && c < 0x7f; }
static bool is_number_or_mark(char c) { return is_digit(c) || is_ascii_mark(c); }

static bool thing_ok(const char *s) { return *s && count(s) <= 20; }
static bool letter_ok(const char *s) { return *s && strlen(s) <= 32 && all(s, is_letter); }
static bool string_ok(const char *s) { return *s && strlen(s) <= 32 && all(s, is_visible); }
static bool phone_ok(const char *s) { return *s && strlen(s) <= 17 && all(s, is_number_or_mark); }
static bool car_ok(const char *s) { return *s && count(s) <= 8; }
static bool enum_ok(const char *s) { return *s != '\0'; }
static bool name_ok(const char *s) { return *s && count(s) <= (all(s, is_visible) ? 20U : 10U); }

static bool phrase_ok(const char *s) {
    size_t n = 0, len, bytes = strlen(s);
    for (const char *p = s; *p; p += len, n++) {
        len = utf8_next(p, bytes - (size_t)(p - s));
        if (!is_han(p, len)) return false;
    }
    return n >= 1 && n <= 5;
}

static bool symbol_ok(const char *s) {
    size_t len, bytes = strlen(s);
    for (const char *p = s; *p; p += len) {
        len = utf8_next(p, bytes - (size_t)(p - s));
        if (len == 0 || is_han(p, len) || (len == 1 && !is_ascii_mark(*p))) return false;
    }
    return *s && count(s) <= 5;
}

/* Digits with at most one point between; how many digits. 0: not of this form. */
static size_t decimal(const char **s) {
    const char *p = *s;
    size_t      n = 0;
    for (; is_digit(*p); p++) n++;
    if (n && *p == '.' && is_digit(p[1]))
        for (p++; is_digit(*p); p++) n++;
    *s = p;
    return n;
}

static bool number_ok(const char *s) {
    s += *s == '-';
    size_t n = decimal(&s);
    return n >= 1 && n <= 32 && *s == '\0';
}

static bool amount_ok(const char *s) {
    static const char *const signs[] = {"¥", "￥", "$", "€", "£"};
    for (size_t i = 0; i < ARRAY_N(signs); i++)
        if (strncmp(s, signs[i], strlen(signs[i])) == 0) {
            s += strlen(signs[i]);
            break;
        }
    size_t whole = strspn(s, "0123456789"), n = decimal(&s);
    if (n && strncmp(s, "元", 3) == 0) s += 3;
    return n >= 1 && whole <= 10 && *s == '\0';
}

/* 15:01 or 15:01:30 */
static bool clock_at(const char **s) {
    int h, m, sec = 0, n = 0;
    if (!is_digit(**s) || sscanf(*s, "%2d:%2d%n", &h, &m, &n) != 2 || n < 4 || !is_digit((*s)[n - 1]) || !is_digit((*s)[n - 2]))
        return false;
    *s += n;
    if (**s == ':') {
        if (!is_digit((*s)[1]) || !is_digit((*s)[2])) return false;
        sec = ((*s)[1] - '0') * 10 + (*s)[2] - '0';
        *s += 3;
    }
    return h < 24 && m < 60 && sec < 60;
}

/* 2019年10月1日 */
static bool date_at(const char **s) {
    int year, month, dom, n = 0;
    if (!is_digit(**s) || sscanf(*s, "%4d年%2d月%2d日%n", &year, &month, &dom, &n) != 3 || n == 0) return false;
    *s += n;
    return year > 0 && month >= 1 && month <= 12 && dom >= 1 && dom <= DAY_MAX;
}

static bool moment_at(const char **s, bool needs_date) {
    bool dated = date_at(s);
    if (!dated) return !needs_date && clock_at(s);
    const char *p     = *s + (**s == ' ');
    bool        timed = clock_at(&p);
    if (timed) *s = p;
    return timed || needs_date;
}

static bool moments_ok(const char *s, bool needs_date) {
    if (!moment_at(&s, needs_date)) return false;
    if (*s == '~') {
        s++;
        if (!moment_at(&s, needs_date)) return false;
    }
    return *s == '\0';
}
static bool time_ok(const char *s) { return moments_ok(s, false); }
static bool date_ok(const char *s) { return moments_ok(s, true); }

static const struct type {
    const char *name;
    bool (*ok)(const char *s);
    const char *rule;
} types[] = {
    {"thing", thing_ok, "1 to 20 characters"},
    {"number", number_ok, "at most 32 digits, with decimals"},
    {"letter", letter_ok, "1 to 32 letters"},
    {"symbol", symbol_ok, "1 to 5 symbols"},
    {"character_string", string_ok, "1 to 32 digits, letters and symbols, nothing Chinese"},
    {"time", time_ok, "15:01 or 2019年10月1日 15:01, ranges with ~"},
    {"date", date_ok, "2019年10月1日 with or without 15:01, ranges with ~"},
    {"amount", amount_ok, "a currency sign, at most 10 digits, decimals, 元"},
    {"phone_number", phone_ok, "1 to 17 digits and symbols"},
    {"car_number", car_ok, "1 to 8 characters"},
    {"name", name_ok, "1 to 10 characters, 20 when none is Chinese"},
    {"phrase", phrase_ok, "1 to 5 Chinese characters, nothing else"},
    {"enum", enum_ok, "one of the words of the template"},
};

/* Type and a number from 1 to 99. */
static const struct type *type_find(const char *key) {
    for (size_t i = 0; i < ARRAY_N(types); i++) {
        size_t n = strlen(types[i].name);
        if (strncmp(key, types[i].name, n) != 0) continue;
        const char *d = key + n;
        if (*d >= '1' && *d <= '9' && (d[1] == '\0' || (is_digit(d[1]) && d[2] == '\0'))) return &types[i];
    }
    return NULL;
}

bool wechat_key_is_known(const char *key) { return type_find(key) != NULL; }

/* 2018-03-12, or an instant of ISO 8601, in Chinese; NULL: neither. */
static char *chinese_date(struct arena *a, const char *s) {
    int32_t day;
    int64_t ms;
    int     year, month, dom;
    bool    timed = time_parse_iso(s, &ms) == ERR_OK;
    if (timed)
        day = date_of_ms(ms);
    else if (date_parse(s, &day) != ERR_OK)
        return NULL;
    date_split(day, &year, &month, &dom);
    char *date = arena_printf(a, "%d年%d月%d日", year, month, dom);
    if (!timed) return date;
    int min = (int)((ms - date_start_ms(day)) / 60000);
    return arena_printf(a, "%s %02d:%02d", date, min / 60, min % 60);
}

char *wechat_value_shape(struct arena *a, const char *key, const char *value) {
    const struct type *t = type_find(key);
    char              *s = arena_strdup(a, value);
    for (char *p = s; *p; p++)
        if ((unsigned char)*p < ' ') *p = ' ';
    while (*s == ' ') s++;
    for (size_t n = strlen(s); n && s[n - 1] == ' ';) s[--n] = '\0';
    if (t == NULL) return s;
    if (t->ok == thing_ok) return *s ? template_cut(a, s, 20) : arena_strdup(a, "无");
    if (t->ok == time_ok || t->ok == date_ok) {
        char *zh = chinese_date(a, s);
        return zh ? zh : s;
    }
    return s;
}

enum err wechat_value_check(const char *key, const char *value, char *why, size_t why_n) {
    const struct type *t = type_find(key);
    if (t == NULL)
        (void)snprintf(why, why_n, "%s: no such type of value", key);
    else if (!utf8_valid(value, strlen(value)) || !t->ok(value))
        (void)snprintf(why, why_n, "%s: %s", key, t->rule);
    else
        return ERR_OK;
    return ERR_INPUT;
}
