/* SPDX-License-Identifier: Apache-2.0
 *
 * Declares the rows that push/kinds.def lists.
 */
#ifndef ZB_PUSH_KINDS_H
#define ZB_PUSH_KINDS_H

#include "push/provider.h"

#define X(symbol) extern const struct provider_kind symbol;
#include "push/kinds.def"
#undef X

#endif
