/* SPDX-License-Identifier: Apache-2.0 */
#include "handlers/deadline_words.h"

#include <string.h>

#include "base/calendar.h"
#include "base/check.h"
#include "base/text.h"

#define WORDS_BYTES_MAX 160
#define YEAR_MIN 1900 /* as date_parse */
#define YEAR_MAX 2200

static const char *const digits[10] = {"〇", "一", "二", "三", "四", "五", "六", "七", "八", "九"};

enum what { EARLY, MID, LATE, MONTH_END, HALF_YEAR, YEAR_END, LONG_TERM, NONE_STATED, EXACT };
static const char *const rules[] = {
    [EARLY] = "early_month_10", [MID] = "mid_month_20",        [LATE] = "late_month_last_day",
    [MONTH_END] = "month_end",  [HALF_YEAR] = "half_year_end", [YEAR_END] = "year_end",
    [LONG_TERM] = "long_term",  [NONE_STATED] = "none_stated", [EXACT] = "exact",
};
/* Words behind "N月"; behind the year or at the start; whole texts. */
static const struct phrase {
    const char *text;
    enum what   what;
} of_month[]      = {{"上旬", EARLY}, {"中旬", MID}, {"下旬", LATE}, {"底", MONTH_END}, {"末", MONTH_END}},
  of_year[]       = {{"上半年", HALF_YEAR}, {"年底", YEAR_END}, {"年末", YEAR_END}},
  of_known_year[] = {{"底", YEAR_END}, {"末", YEAR_END}}, /* the 年 of 2018年底 belongs to the year */
    whole[]       = {{"长期", LONG_TERM},         {"长期执行", LONG_TERM}, {"长期坚持", LONG_TERM},
                     {"长期贯彻执行", LONG_TERM}, {"未写明", NONE_STATED}, {"未明确", NONE_STATED}};

static bool take(const char **p, const char *word) {
    size_t n = strlen(word);
    if (strncmp(*p, word, n) != 0) return false;
    *p += n;
    return true;
}

static bool take_phrase(const char **p, const struct phrase *v, size_t n, enum what *what) {
    for (size_t i = 0; i < n; i++) {
        if (!take(p, v[i].text)) continue;
        *what = v[i].what;
        return true;
    }
    return false;
}

/* One digit of any script; -1: none. 十 is not a digit. */
static int take_digit(const char **p) {
    if (**p >= '0' && **p <= '9') return *(*p)++ - '0';
    for (int d = 0; d < 10; d++)
        if (take(p, digits[d])) return d;
    return take(p, "零") || take(p, "○") ? 0 : -1;
}

/* 2018, 二〇一八, 十二, 二十, 二十三; -1: no number, or more than four digits. */
static int take_number(const char **p) {
    int v = 0, n = 0, d;
    while (n < 4 && (d = take_digit(p)) >= 0) {
        v = v * 10 + d;
        n++;
    }
    if (n > 1 || !take(p, "十")) return n ? v : -1;
    v = n ? v * 10 : 10;
    d = take_digit(p);
    return d > 0 ? v + d : v;
}

/* Without blanks, digits folded. */
static bool squeeze(const char *words, char out[WORDS_BYTES_MAX]) {
    size_t n = 0;
    for (const char *p = words; *p;) {
        if (take(&p, " ") || take(&p, "\t") || take(&p, "\n") || take(&p, "　")) continue;
        if (n + 1 >= WORDS_BYTES_MAX) return false;
        out[n++] = *p++;
    }
    out[n] = '\0';
    text_fold_digits(out);
    return n > 0;
}

static bool ends_here(const char *p) {
    (void)(take(&p, "之前") || take(&p, "以前") || take(&p, "前"));
    (void)take(&p, "完成");
    return *p == '\0';
}

static int last_of_month(int year, int month) {
    int     y, m, d;
    int32_t next = month == 12 ? date_make(year + 1, 1, 1) : date_make(year, month + 1, 1);
    date_split(next - 1, &y, &m, &d);
    return d;
}

static enum err set(struct deadline_words *out, enum what what, int year, int month, int dom) {
    *out = (struct deadline_words){.rule = rules[what]};
    if (what == LONG_TERM || what == NONE_STATED) return ERR_OK;
    if (year < YEAR_MIN || year > YEAR_MAX || month < 1 || month > 12 || dom < 1 || dom > last_of_month(year, month))
        return ERR_INPUT;
    out->has_date = true;
    out->day      = date_make(year, month, dom);
    return ERR_OK;
}

/* Behind "N月". */
static enum err read_month(const char *p, int year, int month, struct deadline_words *out) {
    enum what what;
    if (take_phrase(&p, of_month, ARRAY_N(of_month), &what)) {
        if (!ends_here(p)) return ERR_NOTFOUND;
        if (year < YEAR_MIN || year > YEAR_MAX || month < 1 || month > 12) return ERR_INPUT;
        return set(out, what, year, month, what == EARLY ? 10 : what == MID ? 20 : last_of_month(year, month));
    }
    int dom = take_number(&p);
    if (dom < 0 || !(take(&p, "日") || take(&p, "号")) || !ends_here(p)) return ERR_NOTFOUND;
    return set(out, EXACT, year, month, dom);
}

enum err deadline_words_read(const char *words, int base_year, struct deadline_words *out) {
    char        text[WORDS_BYTES_MAX];
    const char *p = text;
    enum what   what;
    int         year = base_year, n;
    memset(out, 0, sizeof *out);
    if (!squeeze(words, text)) return ERR_NOTFOUND;
    for (size_t i = 0; i < ARRAY_N(whole); i++)
        if (strcmp(text, whole[i].text) == 0) return set(out, whole[i].what, 0, 0, 0);
    bool year_known = take(&p, "今年") || take(&p, "本年");
    if (!year_known) {
        const char *at = p;
        n              = take_number(&at);
        year_known     = n >= 0 && take(&at, "年");
        if (year_known) {
            year = n;
            p    = at;
        }
    }
    bool found = take_phrase(&p, of_year, ARRAY_N(of_year), &what) ||
                 (year_known && take_phrase(&p, of_known_year, ARRAY_N(of_known_year), &what));
    if (found) {
        if (!ends_here(p)) return ERR_NOTFOUND;
        return what == HALF_YEAR ? set(out, what, year, 6, 30) : set(out, what, year, 12, 31);
    }
    n = take_number(&p);
    if (n < 0 || !take(&p, "月")) return ERR_NOTFOUND;
    return read_month(p, year, n, out);
}

bool deadline_rule_known(const char *rule) {
    for (size_t i = 0; i < ARRAY_N(rules); i++)
        if (strcmp(rules[i], rule) == 0) return true;
    return false;
}
