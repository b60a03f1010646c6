/* SPDX-License-Identifier: Apache-2.0
 *
 * Options of a provider of the link family, into the configuration of its link: what every protocol has. What one names for
 * itself is its kind's (provider_kind.link_fill). Pure, any thread.
 */
#ifndef ZB_PUSH_LINK_OPTIONS_H
#define ZB_PUSH_LINK_OPTIONS_H

#include "push/link.h"
#include "push/provider.h"

/* Fills out, whose strings are the provider's; codes is where its codes go, and belongs to out. secret stays NULL. */
enum err link_options(const struct provider *p, struct link_code codes[LINK_CODES_MAX], struct link_conf *out, char *why,
                      size_t why_n) MUST_CHECK;
/* provider_kind.open: what can be said without the secret. */
enum err link_options_check(struct provider *p, char *why, size_t why_n) MUST_CHECK;

#endif
