/* SPDX-License-Identifier: Apache-2.0
 *
 * Figures for /metrics from base/metric.def. Any thread. Unlabelled ones are one relaxed atomic; labelled ones take a lock.
 */
#ifndef ZB_BASE_METRIC_H
#define ZB_BASE_METRIC_H

#include <stdint.h>

#include "base/buf.h"

enum metric {
#define C(symbol, name, label, help) M_C_##symbol,
#define G(symbol, name, label, help) M_C_##symbol,
#include "base/metric.def"
#undef C
#undef G
    METRIC_MAX
};

void    metric_add(enum metric m, int64_t n);
void    metric_set(enum metric m, int64_t v);
void    metric_add_label(enum metric m, const char *label, int64_t n);
void    metric_set_label(enum metric m, const char *label, int64_t v); /* a gauge with labels, or a counter kept elsewhere */
int64_t metric_get(enum metric m);
void    metric_print(struct buf *out); /* Prometheus text format 0.0.4 */

#endif
