/* SPDX-License-Identifier: Apache-2.0
 *
 * The method lists of the capability files, one line each; handlers/table.c joins them.
 */
#ifndef ZB_HANDLERS_LISTS_H
#define ZB_HANDLERS_LISTS_H

#include "handlers/method.h"

extern const struct method_list auth_methods;
extern const struct method_list board_session_methods;
extern const struct method_list circular_methods;
extern const struct method_list device_methods;
extern const struct method_list event_methods;
extern const struct method_list instruction_methods;
extern const struct method_list instruction_task_methods;
extern const struct method_list me_methods;
extern const struct method_list notice_methods;
extern const struct method_list ops_methods;
extern const struct method_list ops_delivery_methods;
extern const struct method_list ops_provider_methods;
extern const struct method_list plan_methods;
extern const struct method_list ranking_methods;
extern const struct method_list receipt_methods;
extern const struct method_list target_methods;
extern const struct method_list task_methods;
extern const struct method_list task_act_methods;
extern const struct method_list trace_methods;
extern const struct method_list unit_methods;

#endif
