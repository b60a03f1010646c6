/* SPDX-License-Identifier: Apache-2.0 */
#include "base/idno.h"

#include <string.h>

#include "base/calendar.h"
#include "base/check.h"
#include "base/text.h"

static enum err bad(const char **why, const char *text) {
    if (why) *why = text;
    return ERR_INPUT;
}

static bool are_digits(const char *s, size_t n) {
    for (size_t i = 0; i < n; i++)
        if (s[i] < '0' || s[i] > '9') return false;
    return true;
}

/* ---- citizen ---- */

static int number(const char *s, size_t n) {
    int v = 0;
    for (size_t i = 0; i < n; i++) v = v * 10 + (s[i] - '0');
    return v;
}

/* Births go back beyond what date_parse takes (an example of the standard is of 1880): a day is real if it comes back the same.
 */
static bool birth_of(const char *id, int32_t *day) {
    int year = number(id + 6, 4), month = number(id + 10, 2), dom = number(id + 12, 2), y, m, d;
    if (year < 1800 || month < 1 || month > 12) return false;
    *day = date_make(year, month, dom);
    date_split(*day, &y, &m, &d);
    return y == year && m == month && d == dom;
}

enum err idno_citizen(const char *in, int32_t today, char out[IDNO_CAP], const char **why) {
    static const int  weights[17] = {7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2};
    static const char checks[]    = "10X98765432"; /* by the sum modulo 11 */
    int               sum         = 0;
    int32_t           day;
    out[0] = '\0';
    if (strlen(in) != 18 || !are_digits(in, 17)) return bad(why, "身份证号应为 18 位，前 17 位是数字。");
    if (!birth_of(in, &day)) return bad(why, "身份证号中的出生日期不存在。");
    if (day > today) return bad(why, "身份证号中的出生日期晚于今天。");
    for (size_t i = 0; i < 17; i++) sum += (in[i] - '0') * weights[i];
    char check = in[17] == 'x' ? 'X' : in[17];
    if (check != checks[sum % 11]) return bad(why, "身份证号的校验位不对，请核对是否输错。");
    memcpy(out, in, 17);
    out[17] = check;
    out[18] = '\0';
    return ERR_OK;
}

int32_t idno_birth(const char *id) {
    int32_t day = 0;
    MUST(strlen(id) == 18 && birth_of(id, &day));
    return day;
}

bool idno_is_male(const char *id) {
    MUST(strlen(id) == 18);
    return (id[16] - '0') % 2 == 1;
}

/* ---- organisations ---- */

static const char credit_alphabet[] = "0123456789ABCDEFGHJKLMNPQRTUWXY"; /* no I, O, S, V, Z */

static int credit_value(char c) {
    const char *at = c ? strchr(credit_alphabet, c) : NULL;
    return at ? (int)(at - credit_alphabet) : -1;
}

enum err idno_credit(const char *in, char out[IDNO_CAP], const char **why) {
    int sum = 0, weight = 1;
    out[0] = '\0';
    if (strlen(in) != 18) return bad(why, "统一社会信用代码应为 18 位。");
    char code[IDNO_CAP] = {0};
    for (size_t i = 0; i < 18; i++) {
        code[i] = (char)(in[i] >= 'a' && in[i] <= 'z' ? in[i] - 'a' + 'A' : in[i]);
        if (credit_value(code[i]) < 0) return bad(why, "统一社会信用代码只含数字和大写字母，不含 I、O、S、V、Z。");
    }
    if (!are_digits(code + 2, 6)) return bad(why, "统一社会信用代码第 3 至 8 位应为数字。");
    for (size_t i = 0; i < 17; i++) {
        sum += credit_value(code[i]) * weight;
        weight = weight * 3 % 31;
    }
    int check = (31 - sum % 31) % 31; /* the last modulo is often forgotten: sum % 31 == 0 gives 0 */
    if (credit_value(code[17]) != check) return bad(why, "统一社会信用代码的校验位不对，请核对是否输错。");
    memcpy(out, code, sizeof code);
    return ERR_OK;
}

bool idno_is_organisation(const char *code) {
    static const int weights[8] = {3, 7, 9, 10, 5, 8, 4, 2};
    int              sum        = 0;
    if (strlen(code) != 9) return false;
    for (size_t i = 0; i < 8; i++) {
        bool digit = code[i] >= '0' && code[i] <= '9';
        if (!digit && (code[i] < 'A' || code[i] > 'Z')) return false;
        sum += (digit ? code[i] - '0' : code[i] - 'A' + 10) * weights[i];
    }
    int check = 11 - sum % 11;
    return code[8] == (check == 10 ? 'X' : check == 11 ? '0' : (char)('0' + check));
}

/* ---- mobile ---- */

bool idno_is_mobile(const char *s) { return strlen(s) == 11 && are_digits(s, 11) && s[0] == '1' && s[1] >= '3'; }

/* ---- masks ---- */

static const char *const double_surnames[] = {"欧阳", "司马", "上官", "诸葛", "东方", "皇甫", "尉迟", "公孙", "慕容", "令狐",
                                              "长孙", "宇文", "司徒", "轩辕", "夏侯", "端木", "独孤", "南宫", "百里", "东郭",
                                              "西门", "呼延", "公羊", "澹台", "闻人", "申屠", "太史", "钟离", "鲜于", "司空"};

/* Appends at *at what fits; out always ends with NUL. */
static void put(char *out, size_t cap, size_t *at, const char *s, size_t n) {
    for (size_t i = 0; i < n && *at + 1 < cap; i++) out[(*at)++] = s[i];
    if (cap) out[*at] = '\0';
}

void mask_name(const char *name, char *out, size_t cap) {
    size_t n = strlen(name), keep = 0, count = utf8_count(name, n);
    if (utf8_valid(name, n) && count > 1) {
        keep = 1;
        while (keep < n && ((unsigned char)name[keep] & 0xC0) == 0x80) keep++;
    }
    for (size_t i = 0; count > 2 && i < ARRAY_N(double_surnames); i++) /* of a name of two characters only one may be seen */
        if (strncmp(name, double_surnames[i], strlen(double_surnames[i])) == 0) keep = strlen(double_surnames[i]);
    size_t at = 0;
    put(out, cap, &at, name, keep);
    put(out, cap, &at, "*", 1);
}

/* The first `head` and the last four characters, stars between. */
static void mask_middle(const char *s, size_t head, char *out, size_t cap) {
    size_t n = strlen(s), at = 0;
    put(out, cap, &at, s, head);
    for (size_t i = head; i + 4 < n; i++) put(out, cap, &at, "*", 1);
    put(out, cap, &at, s + n - 4, 4);
}

static void mask_all(char *out, size_t cap) {
    size_t at = 0;
    put(out, cap, &at, "****", 4);
}

void mask_citizen(const char *id, char *out, size_t cap) {
    if (strlen(id) == 18 && are_digits(id, 17))
        mask_middle(id, 4, out, cap);
    else
        mask_all(out, cap);
}

void mask_mobile(const char *mobile, char *out, size_t cap) {
    if (idno_is_mobile(mobile))
        mask_middle(mobile, 3, out, cap);
    else
        mask_all(out, cap);
}
