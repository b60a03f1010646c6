/* SPDX-License-Identifier: Apache-2.0
 *
 * The method lists of the capability files, one line each; handlers/table.c joins them.
 */
#ifndef ZB_HANDLERS_LISTS_H
#define ZB_HANDLERS_LISTS_H

#include "handlers/method.h"

#endif
