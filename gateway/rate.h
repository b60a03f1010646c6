/* SPDX-License-Identifier: Apache-2.0
 *
 * Token buckets per person inside this process: a fixed table, the oldest bucket of a slot gives way. Any thread.
 */
#ifndef ZB_GATEWAY_RATE_H
#define ZB_GATEWAY_RATE_H

#include <stdint.h>

#include "base/err.h"

struct rates;

struct rates *rates_new(int per_minute);
void          rates_free(struct rates *r);
/* ERR_LIMIT and how long to wait when the bucket of `who` is empty. */
enum err rate_take(struct rates *r, const char *who, int cost, int64_t *retry_ms) MUST_CHECK;

#endif
