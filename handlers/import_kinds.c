/* SPDX-License-Identifier: Apache-2.0
 *
 * What units.json does not say and the boards need: the name of at most five characters (ux.md 2.2), the ranking a unit belongs
 * to and its kind of user (F126). Rules first, a table for names no rule can shorten. A file that gives board_name is believed.
 */
#include <string.h>

#include "base/check.h"
#include "base/text.h"
#include "handlers/import_int.h"
#include "store/unit.h"

#define BOARD_CHARS 5

static size_t chars(const char *s) { return utf8_count(s, strlen(s)); }
static bool   starts(const char *s, const char *with) { return strncmp(s, with, strlen(with)) == 0; }

static bool ends(const char *s, const char *with) {
    size_t n = strlen(s), m = strlen(with);
    return n >= m && strcmp(s + n - m, with) == 0;
}

/* ---- board names ---- */

static const struct {
    const char *short_name, *board_name;
} by_hand[] = {
    {"市委编办(市审改办)", "市审改办"},   {"市委工作部门", "市委部门"},       {"市行政服务中心管委会", "市服务中心"},
    {"市不动产登记分中心", "不动产中心"}, {"市政府法制办", "市法制办"},       {"市直相关部门", "市直部门"},
    {"市政府工作部门", "政府部门"},       {"市属国有企业", "市属国企"},       {"中央和省属单位", "央省属单位"},
    {"各大中专院校", "大中专院校"},       {"各县(市、区)政府", "各县市区"},   {"各县(市、区)委", "各县市区委"},
    {"各县(市、区)审改办", "县级审改办"}, {"县级行政服务中心", "县服务中心"}, {"联席会议办公室", "联席会议办"},
    {"市人大常委会办公室", "市人大办"},   {"市政协办公室", "市政协办"},       {"各民主党派南平市委", "民主党派"},
    {"项目代办公司", "代办公司"},         {"市公积金中心", "公积金中心"},
};
/* Endings that can go when the name is too long: 武夷新区管委会, 武夷山市政府. */
static const char *const endings[] = {"人民政府", "政府", "管理委员会", "管委会"};

static const char *cut_ending(struct arena *a, const char *name) {
    for (size_t i = 0; i < ARRAY_N(endings); i++)
        if (ends(name, endings[i]) && strlen(name) > strlen(endings[i]))
            return arena_strndup(a, name, strlen(name) - strlen(endings[i]));
    return name;
}

/* Bytes of the first n characters. */
static size_t bytes_of(const char *s, size_t n) {
    size_t i = 0;
    while (s[i]) {
        if (((unsigned char)s[i] & 0xC0) != 0x80 && n-- == 0) break;
        i++;
    }
    return i;
}

const char *import_board_name(struct arena *a, const struct unit *u, bool *is_cut) {
    const char *name = u->short_name;
    *is_cut          = false;
    for (size_t i = 0; i < ARRAY_N(by_hand); i++)
        if (strcmp(name, by_hand[i].short_name) == 0) return by_hand[i].board_name;
    if (chars(name) > BOARD_CHARS || strcmp(u->type, "county") == 0) name = cut_ending(a, name);
    if (chars(name) <= BOARD_CHARS) return name;
    *is_cut = true;
    return arena_strndup(a, name, bytes_of(name, BOARD_CHARS));
}

/* ---- rankings and kinds of users ---- */

/* The first row that fits. NULL fits everything; role: the unit has it; name: the short name starts so. scope counts for units,
 * not for groups. The eight kinds: gov_leader 市政府领导, gov_department 市政府工作部门, cluster 三大组团, soe 市属国企, central
 * 中央和省属单位, party_leader 市委领导, party_department 市委工作部门, county 各县(市、区). */
static const struct {
    const char *level, *type, *role, *name, *scope, *kind;
} kinds[] = {
    {"county", NULL, NULL, NULL, "county", "county"},
    {"city", "leader_group", NULL, "市委", "", "party_leader"},
    {"city", "leader_group", NULL, "市政府", "", "gov_leader"},
    {"city", "party_organ", "responsible", NULL, "department", "party_department"},
    {"city", "party_organ", "policy_source", NULL, "", ""},      /* 市委 itself */
    {"city", "party_organ", NULL, NULL, "", "party_department"}, /* 市纪委 monitors; it is not ranked */
    {"city", "government_department", NULL, NULL, "department", "gov_department"},
    {"city", "service_centre", NULL, NULL, "department", "gov_department"},
    {"city", "soe", "responsible", NULL, "soe", "soe"},
    {"city", "group", NULL, "市政府", "", "gov_department"},
    {"city", "group", NULL, "三大组团", "", "cluster"},
    {"city", "group", NULL, "中央和省属", "", "central"},
};

void import_kinds(struct unit *u) {
    u->scope = u->user_kind = "";
    for (size_t i = 0; i < ARRAY_N(kinds); i++) {
        bool fits = strcmp(kinds[i].level, u->level) == 0 && (kinds[i].type == NULL || strcmp(kinds[i].type, u->type) == 0) &&
                    (kinds[i].role == NULL || unit_word_in(u->roles, kinds[i].role)) &&
                    (kinds[i].name == NULL || starts(u->short_name, kinds[i].name));
        if (!fits) continue;
        if (!u->is_group) u->scope = kinds[i].scope;
        u->user_kind = kinds[i].kind;
        return;
    }
}

/* ---- names people use ---- */

/* 市工商局 is called 工商局, 质监局(省) 质监局; when two units have the same plain name, unit_resolve refuses it (F033). 市委 and
 * 市政府 are not a level before a name. */
const char *import_plain_name(struct arena *a, const char *name) {
    static const char *const not_levels[] = {"市委", "市政", "市直", "市属", "市人大", "省委", "省政", "省领导"};
    const char              *open         = strrchr(name, '(');
    if (open && ends(name, ")")) {
        const char *cut = arena_strndup(a, name, (size_t)(open - name));
        return chars(cut) >= 3 ? cut : NULL;
    }
    for (size_t i = 0; i < ARRAY_N(not_levels); i++)
        if (starts(name, not_levels[i])) return NULL;
    if (!starts(name, "市") && !starts(name, "省")) return NULL;
    return chars(name) > 3 ? name + strlen("市") : NULL;
}
