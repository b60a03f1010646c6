/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "base/calendar.h"
#include "base/check.h"
#include "handlers/deadline_words.h"

static const struct {
    const char *words, *date, *rule; /* rule NULL: date is the name of the refusal */
} rows[] = {
    {"3月上旬", "2018-03-10", "early_month_10"},
    {"2018年3月中旬", "2018-03-20", "mid_month_20"},
    {"2018年3月中旬前", "2018-03-20", "mid_month_20"},
    {"2018年3月下旬", "2018-03-31", "late_month_last_day"},
    {"2月下旬", "2018-02-28", "late_month_last_day"},
    {"2020年2月底", "2020-02-29", "month_end"},
    {"4月底前", "2018-04-30", "month_end"},
    {"12月底前", "2018-12-31", "month_end"},
    {"4月末", "2018-04-30", "month_end"},
    {"上半年", "2018-06-30", "half_year_end"},
    {"2019年上半年", "2019-06-30", "half_year_end"},
    {"年底", "2018-12-31", "year_end"},
    {"年底前", "2018-12-31", "year_end"},
    {"2018年底前完成", "2018-12-31", "year_end"},
    {"2019年年底", "2019-12-31", "year_end"},
    {"今年底", "2018-12-31", "year_end"},
    {"2018年2月8日前", "2018-02-08", "exact"},
    {"2月23日之前完成", "2018-02-23", "exact"},
    {"3月9号", "2018-03-09", "exact"},
    {"长期执行", NULL, "long_term"},
    {"长期", NULL, "long_term"},
    {"长期坚持", NULL, "long_term"},
    {"未写明", NULL, "none_stated"},
    /* the same in other writing */
    {"２０１８年３月中旬", "2018-03-20", "mid_month_20"},
    {"二〇一八年三月中旬", "2018-03-20", "mid_month_20"},
    {"二零一八年十二月底前", "2018-12-31", "month_end"},
    {"十月三十一日前", "2018-10-31", "exact"},
    {"三月二十日", "2018-03-20", "exact"},
    {"十一月十日", "2018-11-10", "exact"},
    {" 2018 年 3 月　中旬 ", "2018-03-20", "mid_month_20"},
    /* nothing is guessed */
    {"", "E_NOTFOUND", NULL},
    {"   ", "E_NOTFOUND", NULL},
    {"尽快", "E_NOTFOUND", NULL},
    {"3月", "E_NOTFOUND", NULL},
    {"3月前", "E_NOTFOUND", NULL},
    {"下半年", "E_NOTFOUND", NULL},
    {"明年底", "E_NOTFOUND", NULL},
    {"第一季度", "E_NOTFOUND", NULL},
    {"2018年", "E_NOTFOUND", NULL},
    {"20日前", "E_NOTFOUND", NULL},
    {"底", "E_NOTFOUND", NULL},
    {"3月下旬,召开培训会;4月底前,正式运行", "E_NOTFOUND", NULL},
    {"长期执行到年底", "E_NOTFOUND", NULL},
    {"3月中旬前后", "E_NOTFOUND", NULL},
    {"12345月底", "E_NOTFOUND", NULL},
    {"13月底", "E_INPUT", NULL},
    {"0月中旬", "E_INPUT", NULL},
    {"2月30日前", "E_INPUT", NULL},
    {"2018年2月29日", "E_INPUT", NULL},
    {"18年3月中旬", "E_INPUT", NULL},
    {"4月0日", "E_INPUT", NULL},
};

static void words_become_dates(void **state) {
    (void)state;
    for (size_t i = 0; i < ARRAY_N(rows); i++) {
        struct deadline_words w;
        char                  date[11] = "";
        enum err              e        = deadline_words_read(rows[i].words, 2018, &w);
        if (rows[i].rule == NULL) {
            if (e == ERR_OK || strcmp(err_info(e)->word, rows[i].date) != 0) fail_msg("%s: want %s", rows[i].words, rows[i].date);
            continue;
        }
        if (e) fail_msg("%s: %s", rows[i].words, err_info(e)->word);
        if (w.has_date) date_format(w.day, date);
        assert_string_equal(date, rows[i].date ? rows[i].date : "");
        assert_string_equal(w.rule, rows[i].rule);
        assert_true(deadline_rule_known(w.rule));
    }
    assert_false(deadline_rule_known("soon"));
}

static void long_texts_are_refused(void **state) {
    (void)state;
    char                  text[2000];
    struct deadline_words w;
    memset(text, '1', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    assert_int_equal(deadline_words_read(text, 2018, &w), ERR_NOTFOUND);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(words_become_dates), cmocka_unit_test(long_texts_are_refused)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
