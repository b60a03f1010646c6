/* SPDX-License-Identifier: Apache-2.0
 *
 * The query of a REST request as members of the arguments. Any thread.
 */
#ifndef ZB_GATEWAY_QUERY_H
#define ZB_GATEWAY_QUERY_H

#include <stdbool.h>

#include "handlers/method.h"

/* Members go beside the path parameters in obj; one that is also in the path or twice is refused later, by param_decode. Numbers and
 * truth values become such by the method's rows. False: a bad escape, NUL, not UTF-8, a name above 63 or a value above 2047 bytes; obj
 * then holds what came before. */
bool query_into(const char *query, const struct method *m, cJSON *obj);

#endif
