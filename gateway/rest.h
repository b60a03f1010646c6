/* SPDX-License-Identifier: Apache-2.0
 *
 * HTTP requests: method table, pages, health, figures, OpenAPI.
 */
#ifndef ZB_GATEWAY_REST_H
#define ZB_GATEWAY_REST_H

#include "gateway/app.h"

void rest_request(struct http_req *q); /* net_ops.http; loop thread */

#endif
