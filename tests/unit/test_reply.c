/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "push/reply.h"

static void t_refusals(void **state) {
    (void)state;
    static const char *const yes[] = {"TD", "td", " T ", "退订", "退订。", "ＴＤ", "【退订】", "R", "0000", "回复TD", "取消订阅！", "N", "QX\r\n"};
    static const char *const no[]  = {"", "收到", "我不想退订", "T恤", "00001", "请问怎么退订", "NO", "R2", "好的，谢谢", "\xE3\x80", "\xEF\xBC", "tdtdtdtdtdtdtdtdtdtdtdtdtdtdtdtdtdtd"};
    for (size_t i = 0; i < sizeof yes / sizeof yes[0]; i++)
        if (!reply_is_refusal(yes[i])) fail_msg("%s", yes[i]);
    for (size_t i = 0; i < sizeof no / sizeof no[0]; i++)
        if (reply_is_refusal(no[i])) fail_msg("%s", no[i]);
}

static void t_numbers(void **state) {
    (void)state;
    static const struct {
        const char *in, *out;
    } v[] = {{"13800138000", "13800138000"}, {"+8613800138000", "13800138000"}, {"8613800138000", "13800138000"}, {"008613800138000", "13800138000"},
             {"23800138000", NULL},          {"1380013800", NULL},              {"138001380000", NULL},          {"10690000123", "10690000123"},
             {"", NULL},                     {"1380013800x", NULL}};
    for (size_t i = 0; i < sizeof v / sizeof v[0]; i++) {
        char out[12];
        assert_int_equal(reply_number(v[i].in, out), v[i].out != NULL);
        if (v[i].out) assert_string_equal(out, v[i].out);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(t_refusals), cmocka_unit_test(t_numbers)};
    return cmocka_run_group_tests_name("reply", tests, NULL, NULL);
}
