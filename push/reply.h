/* SPDX-License-Identifier: Apache-2.0
 *
 * What people answer by SMS. Pure.
 */
#ifndef ZB_PUSH_REPLY_H
#define ZB_PUSH_REPLY_H

#include <stdbool.h>
#include <stddef.h>

/* True: the whole answer says "no more of these" (通信短信息服务管理规定: everybody must be able to refuse, and be told how): TD, T, R, N, QX, 退订, 拒收, 取消,
 * 0000, 00000 in any case and width, with blanks or punctuation around. A sentence that merely has such a word in it does not. */
bool reply_is_refusal(const char *text);
/* 11 digits of a mainland number, without +86, 0086 or 86 in front. False: it is none. */
bool reply_number(const char *phone, char out[12]);

#endif
