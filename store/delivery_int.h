/* SPDX-License-Identifier: Apache-2.0
 *
 * Shared by the files of store/delivery.h. Never included outside store/.
 */
#ifndef ZB_STORE_DELIVERY_INT_H
#define ZB_STORE_DELIVERY_INT_H

#include "store/delivery.h"

/* All that is needed to send it, or to ask about it. ERR_NOTFOUND. */
enum err delivery_job_of(struct db *db, struct arena *a, const char *id, struct delivery_job *out) MUST_CHECK;

#endif
