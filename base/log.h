/* SPDX-License-Identifier: Apache-2.0
 *
 * One JSON line per event on stderr (or a file), one write each: ts, level, event, then fields. `event` is stable
 * snake_case. Never tokens, message bodies, device ids or phone numbers. Any thread.
 *
 *     LOG(LOG_INFO, "gateway_ready", KS("host", host), KI("port", port));
 *
 * More than 20 lines of one event within a second are dropped and counted in the next line that passes ("dropped").
 * A text that is too long is cut, bytes that are not UTF-8 become U+FFFD: every line is valid JSON.
 */
#ifndef ZB_BASE_LOG_H
#define ZB_BASE_LOG_H

#include <stdint.h>

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR };

struct log_kv {
    const char *key; /* NULL ends the list */
    const char *s;   /* borrowed; NULL: use i */
    int64_t     i;
    int         is_num;
};

#define KS(k, v) ((struct log_kv){.key = (k), .s = (v)})
#define KI(k, v) ((struct log_kv){.key = (k), .i = (int64_t)(v), .is_num = 1})
#define LOG(level, event, ...) log_write((level), (event), (const struct log_kv[]){__VA_ARGS__, {0}})
#define LOG0(level, event) log_write((level), (event), (const struct log_kv[]){{0}})

void log_write(enum log_level level, const char *event, const struct log_kv *kv);
void log_set(enum log_level min, int fd); /* before threads start; fd borrowed */

#endif
