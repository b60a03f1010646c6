/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "base/calendar.h"
#include "base/check.h"
#include "base/idno.h"

static int32_t today(void) { return date_make(2018, 3, 12); }

static const struct {
    const char *in, *out; /* out NULL: refused */
} citizens[] = {
    {"11010519491231002X", "11010519491231002X"}, /* examples of the standard */
    {"440524188001010014", "440524188001010014"},
    {"11010519491231002x", "11010519491231002X"},
    {"350702199001010019", "350702199001010019"},
    {"350782198512310029", "350782198512310029"},
    {"350784197006150032", "350784197006150032"}, /* Jianyang city until 2014 */
    {"350703199902290018", NULL},                 /* right check digit, no such day */
    {"350702200002290010", NULL},                 /* wrong check digit of a real day */
    {"350702200002290011", "350702200002290011"},
    {"350702199001010018", NULL},
    {"35070219900101001", NULL},
    {"3507021990010100190", NULL},
    {"350702900101001", NULL}, /* 15 digits: no longer valid */
    {"35070219900101001a", NULL},
    {"3507021990010100１", NULL},
    {"X10105194912310020", NULL},
    {"350702199013010019", NULL},
    {"350702000000000019", NULL},
    {"", NULL},
};

static void citizen_numbers(void **state) {
    (void)state;
    for (size_t i = 0; i < ARRAY_N(citizens); i++) {
        char        out[IDNO_CAP];
        const char *why = NULL;
        enum err    e   = idno_citizen(citizens[i].in, today(), out, &why);
        if ((e == ERR_OK) != (citizens[i].out != NULL)) fail_msg("%s: %s", citizens[i].in, why ? why : "accepted");
        assert_string_equal(out, citizens[i].out ? citizens[i].out : "");
        if (e) assert_non_null(why);
    }
}

static void birth_is_not_in_the_future(void **state) {
    (void)state;
    char out[IDNO_CAP];
    assert_int_equal(idno_citizen("350702200002290011", date_make(2000, 2, 28), out, NULL), ERR_INPUT);
    assert_int_equal(idno_citizen("350702200002290011", date_make(2000, 2, 29), out, NULL), ERR_OK);
    assert_int_equal(idno_birth(out), date_make(2000, 2, 29));
    assert_true(idno_is_male(out));
    assert_false(idno_is_male("11010519491231002X"));
}

static void every_wrong_check_digit_is_refused(void **state) {
    (void)state;
    char out[IDNO_CAP], id[IDNO_CAP] = "350702199001010019", code[IDNO_CAP] = "91350702MA2X00019L";
    int  good = 0, fine = 0;
    for (const char *c = "0123456789X"; *c; c++) {
        id[17] = *c;
        good += idno_citizen(id, today(), out, NULL) == ERR_OK;
    }
    for (const char *c = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"; *c; c++) {
        code[17] = *c;
        fine += idno_credit(code, out, NULL) == ERR_OK;
    }
    assert_int_equal(good, 1);
    assert_int_equal(fine, 1);
}

static const struct {
    const char *in;
    bool        good;
} credits[] = {
    {"91350100M000100Y43", true}, /* the public worked example */
    {"91350100M000100Y4Z", false}, {"91350702MA2X00019L", true},  {"91350702MA2X00027F", true},
    {"91350702ma2x00027f", true},  {"91350702MA2X00027G", false}, {"91350702MA2X0002F7", false},
    {"9135070AMA2X00019L", false}, /* region is digits */
    {"91350702MA2I00019L", false}, /* I, O, S, V, Z do not occur */
    {"91350702MA2O00019L", false}, {"91350702MA2X00019", false},  {"", false},
};

static void credit_codes(void **state) {
    (void)state;
    char out[IDNO_CAP];
    for (size_t i = 0; i < ARRAY_N(credits); i++)
        if ((idno_credit(credits[i].in, out, NULL) == ERR_OK) != credits[i].good) fail_msg("%s", credits[i].in);
    assert_int_equal(idno_credit("91350702ma2x00027f", out, NULL), ERR_OK);
    assert_string_equal(out, "91350702MA2X00027F");
}

/* The trap of several public texts: a sum divisible by 31 has the check character 0. */
static void a_sum_divisible_by_31_gives_zero(void **state) {
    (void)state;
    static const char alphabet[] = "0123456789ABCDEFGHJKLMNPQRTUWXY";
    char              out[IDNO_CAP], code[IDNO_CAP] = "91350702MA2X0001?0";
    int               zeros = 0;
    for (const char *c = alphabet; *c; c++) {
        code[16] = *c; /* weight 28: every residue occurs once */
        zeros += idno_credit(code, out, NULL) == ERR_OK;
    }
    assert_int_equal(zeros, 1);
}

static void organisation_codes(void **state) {
    (void)state;
    assert_true(idno_is_organisation("D2143569X"));
    assert_true(idno_is_organisation("MA2X00019"));
    assert_false(idno_is_organisation("D21435690"));
    assert_false(idno_is_organisation("D2143569-X"));
    assert_false(idno_is_organisation("d2143569X"));
}

static void mobile_numbers(void **state) {
    (void)state;
    static const char *const good[] = {"13800005678", "19900001000"}, *const wrong[] = {"12800005678",
                                                                                        "1380000567",
                                                                                        "138000056789",
                                                                                        "23800005678",
                                                                                        "1380000567a",
                                                                                        "+8613800005678",
                                                                                        ""};
    for (size_t i = 0; i < ARRAY_N(good); i++) assert_true(idno_is_mobile(good[i]));
    for (size_t i = 0; i < ARRAY_N(wrong); i++) assert_false(idno_is_mobile(wrong[i]));
}

static const struct {
    void (*mask)(const char *, char *, size_t);
    const char *in, *out;
} masks[] = {
    {mask_name, "张三", "张*"},
    {mask_name, "张三丰", "张*"},
    {mask_name, "欧阳修", "欧阳*"},
    {mask_name, "欧阳", "欧*"}, /* may be a Mr 欧 */
    {mask_name, "司马相如", "司马*"},
    {mask_name, "阿卜杜拉·买买提", "阿*"},
    {mask_name, "Smith", "S*"},
    {mask_name, "张", "*"},
    {mask_name, "", "*"},
    {mask_name, "\xff\xfe", "*"},
    {mask_citizen, "350702199001010019", "3507**********0019"},
    {mask_citizen, "11010519491231002X", "1101**********002X"},
    {mask_citizen, "35070219900101", "****"},
    {mask_mobile, "13800005678", "138****5678"},
    {mask_mobile, "0599-8800000", "****"},
    {mask_mobile, "", "****"},
};

static void masks_hide(void **state) {
    (void)state;
    for (size_t i = 0; i < ARRAY_N(masks); i++) {
        char out[32];
        masks[i].mask(masks[i].in, out, sizeof out);
        assert_string_equal(out, masks[i].out);
    }
    char small[4];
    mask_citizen("350702199001010019", small, sizeof small);
    assert_string_equal(small, "350");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(citizen_numbers),
        cmocka_unit_test(birth_is_not_in_the_future),
        cmocka_unit_test(every_wrong_check_digit_is_refused),
        cmocka_unit_test(credit_codes),
        cmocka_unit_test(a_sum_divisible_by_31_gives_zero),
        cmocka_unit_test(organisation_codes),
        cmocka_unit_test(mobile_numbers),
        cmocka_unit_test(masks_hide),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
