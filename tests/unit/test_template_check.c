/* SPDX-License-Identifier: Apache-2.0
 *
 * What templates and their values may look like: texts, signatures, lengths, and the table of WeChat's types.
 */
#include "kindkit.h"

#include "push/template_check.h"

static void t_values(void **state) {
    (void)state;
    struct push_msg          m         = message(PHONE);
    static const char *const rows[][2] = {
        {"t", "拆除三楼违建"}, {"x", "还剩2天"},          {"title", "任务临近到期"},     {"text", "「拆除三楼违建」还剩2天。"},
        {"object", "task:T1"}, {"signature", "某市政务"}, {"time", "2026年1月2日 11:04"}};
    for (size_t i = 0; i < ARRAY_N(rows); i++) {
        assert_true(push_value_is_known(rows[i][0]));
        assert_string_equal(push_value(a, &m, rows[i][0]), rows[i][1]);
    }
    assert_false(push_value_is_known("phone"));
    assert_string_equal(push_value(a, &m, "phone"), "");
    m.at_wall_ms = 1569913260000LL; /* 2019-10-01T15:01+08:00 */
    assert_string_equal(push_value(a, &m, "time"), "2019年10月1日 15:01");
}

static void t_cut(void **state) {
    (void)state;
    static const struct {
        const char *in;
        size_t      n;
        const char *out;
    } rows[] = {{"", 3, ""}, {"一二三", 3, "一二三"}, {"一二三四", 3, "一二…"}, {"abcd", 1, "…"}, {"a😀b", 2, "a…"}};
    for (size_t i = 0; i < ARRAY_N(rows); i++) assert_string_equal(template_cut(a, rows[i].in, rows[i].n), rows[i].out);
}

static void t_words(void **state) {
    (void)state;
    static const struct {
        const char        *word;
        enum template_form form;
        bool               ok;
        const char        *key, *var;
    } rows[] = {
        {"t", FORM_NAMES, true, "t", "t"},      {"name=t", FORM_NAMES, true, "name", "t"},
        {"=t", FORM_NAMES, false, "", ""},      {"name=", FORM_NAMES, false, "", ""},
        {"na-me=t", FORM_NAMES, false, "", ""}, {"t", FORM_ORDER, true, "", "t"},
        {"a=t", FORM_ORDER, false, "", ""},     {"thing1=t", FORM_TYPED, true, "thing1", "t"},
        {"thing1", FORM_TYPED, false, "", ""},  {"aaaaaaaaaabbbbbbbbbbccccccccccddddddd=t", FORM_NAMES, false, "", ""},
    };
    for (size_t i = 0; i < ARRAY_N(rows); i++) {
        struct template_word w;
        assert_int_equal(template_word(rows[i].word, rows[i].form, &w), rows[i].ok);
        if (!rows[i].ok) continue;
        assert_string_equal(w.key, rows[i].key);
        assert_string_equal(w.var, rows[i].var);
    }
}

static void t_signature(void **state) {
    (void)state;
    static const struct {
        const char *text;
        bool        ok;
    } rows[] = {{"市", false},
                {"", false},
                {"某市", true},
                {"一二三四五六七八九十甲乙", true},
                {"一二三四五六七八九十甲乙丙", false},
                {"AB12市", true},
                {"某 市", false},
                {"【某市】", false},
                {"某市！", false},
                {"ab\xff", false},
                {"某市😀", false}};
    char why[100];
    for (size_t i = 0; i < ARRAY_N(rows); i++)
        assert_int_equal(template_signature_check(rows[i].text, why, sizeof why) == ERR_OK, rows[i].ok);
}

static void t_text(void **state) {
    (void)state;
    static const struct template_rules sms = {FORM_NAMES, 20, "", 0, false}, voice = {FORM_NAMES, 0, "#¥", 2, true};
    struct provider_template           t = {.code = "C", .var = {"a=t", "b=x"}, .vars_n = 2};
    const struct {
        const struct template_rules *rules;
        const char                  *text, *want; /* "" good, else a part of why */
    } rows[] = {
        {&sms, "甲${a}乙${b}", ""},
        {&sms, "${a}乙${b}", ""},
        {&sms, "${a}乙${b}丙${a}", ""},
        {&sms, "${a}${b}乙", "side by side"},
        {&sms, "${a}", "nothing but variables"},
        {&sms, "甲${a}", "no place for variable 2"},
        {&sms, "甲${a}乙${b}丙${c}", "{c}"},
        {&sms, "甲【乙】${a}丙${b}", "second signature"},
        {&sms, "一二三四五六七八九十甲乙丙丁${a}。${b}", "21 characters"}, /* 15, signature 4, brackets 2 */
        {&sms, "一二三四五六七八九十甲乙丙${a}。${b}", ""},
        {&sms, "\xff${a}", "not UTF-8"},
        {&voice, "甲#${a}乙${b}", "holds #"},
        {&voice, "甲¥${a}乙${b}", "holds ¥"},
        {&voice, "甲${a}乙${b}丙${a}", "more than 2"},
        {&voice, "见http${a}乙${b}", "link"},
        {&voice, "甲${a}乙${b}", ""},
        {&voice, "甲${a}乙${a}", "twice"},
        {&sms, "甲{a}乙{b}", ""},
        {&sms, "甲${}乙${a}，${b}", ""},
    };
    for (size_t i = 0; i < ARRAY_N(rows); i++) {
        char     why[300] = "";
        enum err e =
            template_text_check(rows[i].rules, &t, rows[i].text, rows[i].rules == &sms ? "某市政务" : "", why, sizeof why);
        if ((e == ERR_OK) != (*rows[i].want == '\0') || strstr(why, rows[i].want) == NULL)
            fail_msg("row %zu: %d %s", i, (int)e, why);
    }
    char why[300];
    assert_int_equal(template_text_check(&sms, NULL, "甲${z}", "", why, sizeof why), ERR_OK);
}

static void t_lengths(void **state) {
    (void)state;
    struct provider_template order = {.code = "C", .var = {"t", "x"}, .vars_n = 2},
                             names = {.code = "C", .var = {"a=t", "b=x"}, .vars_n = 2};
    const char *const v[]          = {"一二三", "ab"};
    assert_int_equal(template_length(&order, v, "甲{1}乙{2}{1}", "某市"), 2 + 3 + 2 + 3 + 2 + 2);
    assert_int_equal(template_length(&names, v, "甲${a}乙${b}", ""), 7);
    assert_int_equal(template_length(&names, v, NULL, "某市"), 9);
    const char *texts = "C1 一\r\nC \t二 三\n\nC3 四";
    assert_string_equal(template_text(a, texts, "C"), "二 三");
    assert_string_equal(template_text(a, texts, "C3"), "四");
    assert_null(template_text(a, texts, "C4"));
    assert_null(template_text(a, "", "C"));
}

#define D20 "一二三四五六七八九十一二三四五六七八九十"
#define N32 "12345678901234567890123456789012"
static void t_wechat(void **state) {
    (void)state;
    static const struct {
        const char *key, *value;
        bool        ok;
    } rows[] = {
        {"thing1", D20, true},
        {"thing1", D20 "一", false},
        {"thing1", "", false},
        {"thing99", "x", true},
        {"thing100", "x", false},
        {"thing", "x", false},
        {"thing0", "x", false},
        {"thing01", "x", false},
        {"things1", "x", false},
        {"", "x", false},
        {"number1", N32, true},
        {"number1", N32 "3", false},
        {"number1", "1.5", true},
        {"number1", "1.", false},
        {"number1", "-3", true},
        {"number1", "1a", false},
        {"number1", "", false},
        {"letter1", "abcXYZ", true},
        {"letter1", "a1", false},
        {"letter1", "", false},
        {"letter1", "abcdefghijklmnopqrstuvwxyzabcdef", true},
        {"letter1", "abcdefghijklmnopqrstuvwxyzabcdefg", false},
        {"symbol1", "+-*", true},
        {"symbol1", "++++++", false},
        {"symbol1", "a", false},
        {"symbol1", "市", false},
        {"symbol1", "", false},
        {"symbol1", "。！", true},
        {"character_string1", "NP2018-01_a", true},
        {"character_string1", "编号1", false},
        {"character_string1", "", false},
        {"character_string1", N32, true},
        {"character_string1", N32 "x", false},
        {"character_string1", "a b", false},
        {"time1", "15:01", true},
        {"time1", "5:01", true},
        {"time1", "24:00", false},
        {"time1", "15:60", false},
        {"time1", "15:1", false},
        {"time1", "2019年10月1日 15:01", true},
        {"time1", "2019年10月1日15:01", true},
        {"time1", "2019年10月1日", false},
        {"time1", "15:01~16:30", true},
        {"time1", "15:01~", false},
        {"time1", "15:01:30", true},
        {"time1", "下午3点", false},
        {"time1", "", false},
        {"time1", "2019年13月1日 15:01", false},
        {"time1", "15:01x", false},
        {"date1", "2019年10月1日", true},
        {"date1", "15:01", false},
        {"date1", "2019年10月1日 15:01", true},
        {"date1", "2019-10-01", false},
        {"date1", "2019年10月1日~2019年10月3日", true},
        {"date1", "2019年0月1日", false},
        {"date1", "2019年10月32日", false},
        {"amount1", "¥100.50元", true},
        {"amount1", "100", true},
        {"amount1", "12345678901", false},
        {"amount1", "¥¥1", false},
        {"amount1", "100万", false},
        {"amount1", "$1", true},
        {"amount1", "", false},
        {"amount1", "1234567890.55元", true},
        {"phone_number1", "+86-0599-8881234", true},
        {"phone_number1", "0599888123456789 0", false},
        {"phone_number1", "123456789012345678", false},
        {"phone_number1", "电话", false},
        {"phone_number1", "", false},
        {"car_number1", "闽H12345", true},
        {"car_number1", "闽H1234567", false},
        {"car_number1", "闽HD12345", true},
        {"name1", "一二三四五六七八九十", true},
        {"name1", "一二三四五六七八九十一", false},
        {"name1", "abcdefghijklmnopqrst", true},
        {"name1", "abcdefghijklmnopqrstu", false},
        {"name1", "张abcdefghij", false},
        {"name1", "", false},
        {"phrase1", "临近到期", true},
        {"phrase1", "一二三四五", true},
        {"phrase1", "一二三四五六", false},
        {"phrase1", "逾期1天", false},
        {"phrase1", "", false},
        {"phrase1", "已 办", false},
        {"phrase1", "ok", false},
        {"phrase1", "。", false},
        {"enum1", "x", true},
        {"enum1", "", false},
        {"thing1", "\xff", false},
        {"phrase1", "\xe4\xb8", false},
    };
    for (size_t i = 0; i < ARRAY_N(rows); i++) {
        char     why[100] = "";
        enum err e        = wechat_value_check(rows[i].key, rows[i].value, why, sizeof why);
        if ((e == ERR_OK) != rows[i].ok || (e && strncmp(why, rows[i].key, strlen(rows[i].key)) != 0))
            fail_msg("row %zu: %s %s: %s", i, rows[i].key, rows[i].value, why);
    }
    static const struct {
        const char *key, *in, *out;
    } shapes[] = {
        {"thing1", D20 "一", "一二三四五六七八九十一二三四五六七八九…"},
        {"thing1", " a\nb ", "a b"},
        {"thing1", "", "无"},
        {"thing1", " \n", "无"},
        {"time1", "2018-03-12T08:30+08:00", "2018年3月12日 08:30"},
        {"date1", "2018-03-12", "2018年3月12日"},
        {"time1", "8:30", "8:30"},
        {"phrase1", "一二三四五六", "一二三四五六"},
        {"nothing", "x", "x"},
    };
    for (size_t i = 0; i < ARRAY_N(shapes); i++)
        assert_string_equal(wechat_value_shape(a, shapes[i].key, shapes[i].in), shapes[i].out);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(t_values),    cmocka_unit_test(t_cut),  cmocka_unit_test(t_words),
                                       cmocka_unit_test(t_signature), cmocka_unit_test(t_text), cmocka_unit_test(t_lengths),
                                       cmocka_unit_test(t_wechat)};
    return cmocka_run_group_tests(tests, kind_setup, kind_teardown);
}
