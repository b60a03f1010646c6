/* SPDX-License-Identifier: Apache-2.0
 *
 * OpenAPI 3.1 from the method table, the parameter rows and the error table.
 */
#ifndef ZB_GATEWAY_OPENAPI_H
#define ZB_GATEWAY_OPENAPI_H

#include "base/buf.h"

void openapi_write(struct buf *b); /* methods_init() was called; any thread */

#endif
