/* SPDX-License-Identifier: Apache-2.0
 *
 * Shared by the files of operators' methods: ops.c (how it stands), ops_provider.c (acts on a provider), ops_delivery.c (messages). Never
 * included elsewhere.
 */
#ifndef ZB_HANDLERS_OPS_INT_H
#define ZB_HANDLERS_OPS_INT_H

#include "handlers/method.h"
#include "push/provider.h"

#define ROLE_OPERATOR (ROLE_ADMIN | ROLE_AUDITOR) /* an auditor reads only */

/* NULL: no such provider in this configuration. */
const struct provider *ops_provider(const struct house *h, const char *name);
/* One ledger row of an act with its reason, and its figure. more: further members ",\"x\":1", "" none. */
enum err ops_on_record(struct req *r, const char *act, const char *object, const char *reason, const char *more) MUST_CHECK;

#endif
