/* SPDX-License-Identifier: Apache-2.0
 *
 * The words of a document that set a deadline, read by fixed rules (domain.md 3.3, F023, D46). Nothing is guessed: what the table
 * does not know is refused. Pure function, any thread.
 *
 *     words (year before them or not)          date                 rule
 *     3月20日, 3月20日前, 3月20号              that day             exact
 *     3月上旬                                  the 10th             early_month_10
 *     3月中旬                                  the 20th             mid_month_20
 *     3月下旬                                  last of the month    late_month_last_day
 *     3月底, 3月末                             last of the month    month_end
 *     上半年                                   30 June              half_year_end
 *     年底, 年末, 2018年底                     31 December          year_end
 *     长期, 长期执行, 长期坚持, 长期贯彻执行   none                 long_term
 *     未写明, 未明确                           none                 none_stated
 *
 * After a date: 前, 之前, 以前, 完成. Full-width digits, Chinese numerals (二〇一八年三月二十日) and blanks are the same as plain
 * digits. A date without a year, or with 今年 or 本年, lies in base_year.
 */
#ifndef ZB_HANDLERS_DEADLINE_WORDS_H
#define ZB_HANDLERS_DEADLINE_WORDS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

struct deadline_words {
    const char *rule;     /* literal, a word of the table */
    bool        has_date; /* false: long-term */
    int32_t     day;      /* base/calendar.h */
};
/* words: valid UTF-8. ERR_NOTFOUND: unknown words; ERR_INPUT: no such date (13月, 2月30日). */
enum err deadline_words_read(const char *words, int base_year, struct deadline_words *out) MUST_CHECK;
bool     deadline_rule_known(const char *rule);

#endif
