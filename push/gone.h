/* SPDX-License-Identifier: Apache-2.0
 *
 * "This token is not valid" can also mean that we ask the wrong place: sandbox instead of production, another app's key. Believed, it
 * would delete every device of the city. So such an answer counts as GONE only while this provider is known to be the right one: it
 * has accepted something before, and not refused many in a row since. Loop thread; lives in the kind's state, zeroed.
 */
#ifndef ZB_PUSH_GONE_H
#define ZB_PUSH_GONE_H

#include <stdbool.h>

#include "push/provider.h"

#define GONE_IN_A_ROW 5

struct gone_guard {
    bool     accepted_before;
    unsigned refused_in_row;
};

static inline void gone_accepted(struct gone_guard *g) {
    g->accepted_before = true;
    g->refused_in_row  = 0;
}

/* GONE, or CONFIG when it looks like our mistake (the device stays). */
static inline enum verdict gone_or_config(struct gone_guard *g) {
    if (g->refused_in_row < GONE_IN_A_ROW + 1) g->refused_in_row++;
    return g->accepted_before && g->refused_in_row <= GONE_IN_A_ROW ? V_GONE : V_CONFIG;
}

#endif
