/* SPDX-License-Identifier: Apache-2.0
 *
 * The words of "what happened to a message", for whoever shows deliveries. Memory from the arena of the request.
 */
#ifndef ZB_HANDLERS_TRACE_H
#define ZB_HANDLERS_TRACE_H

#include <stdbool.h>

#include "handlers/req.h"
#include "store/trace.h"

/* "短信未送达：号码停机或为空号（MK:0001）" */
const char *trace_words(struct req *r, bool is_read, const struct trace_delivery *d);
/* Attempts and receipts of a delivery as the member "events". */
enum err trace_write_events(struct req *r, const char *delivery) MUST_CHECK;

#endif
