/* SPDX-License-Identifier: Apache-2.0
 *
 * What happened to a message: one notice with its deliveries, attempts and receipts, as rows. Reads on any connection.
 */
#ifndef ZB_STORE_TRACE_H
#define ZB_STORE_TRACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "store/db.h"

struct trace_notice {
    const char *id, *person, *kind, *title, *read_by;
    int64_t     priority, created_wall, read_wall, deadline_wall; /* 0: not */
};
enum err trace_notice(struct db *db, struct arena *a, const char *notice, struct trace_notice *out) MUST_CHECK; /* ERR_NOTFOUND */

struct trace_delivery {
    const char *id, *channel, *state, *verdict, *detail, *provider, *vendor;
    int64_t     step, due_wall, updated_wall, attempts;
    bool        is_raise; /* makes an earlier message of the channel louder */
};
enum err trace_deliveries(struct db *db, struct arena *a, const char *notice, struct trace_delivery **list, size_t *n) MUST_CHECK;

/* Attempts and receipts of one delivery in the order of time. what: "attempt" or "receipt". */
struct trace_event {
    const char *what, *provider, *verdict, *detail; /* verdict of a receipt: delivered, failed, read; of an attempt under way: "" */
    int64_t     at_wall, ended_wall;
};
enum err trace_events(struct db *db, struct arena *a, const char *delivery, struct trace_event **list, size_t *n) MUST_CHECK;

#endif
