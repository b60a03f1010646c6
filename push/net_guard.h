/* SPDX-License-Identifier: Apache-2.0
 *
 * Whether a stranger's address may be connected to (D21): public addresses, and what the operator lists. A host name says nothing about
 * where it leads, so the rule is asked twice: about the URL when the call is made, and about every address the name resolved to before
 * its socket is connected (push/http_out.c). Immutable after net_guard_new, any thread.
 */
#ifndef ZB_PUSH_NET_GUARD_H
#define ZB_PUSH_NET_GUARD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "base/err.h"

struct net_guard;

#define NET_GUARD_RULES 64

/* allow: what may be reached although it is not public, blanks or commas between: 10.1.0.0/16, fd00:1::/64, 10.2.3.4, a host name
 * (hooks.example.gov.cn: wherever it leads). Never more than the rules: 0.0.0.0/0 would be a mistake and is refused, as all wider than
 * /8 (IPv4), /16 (IPv6). ERR_INPUT, why: one line. Returned: net_guard_free. */
enum err net_guard_new(const char *allow, struct net_guard **out, char *why, size_t why_n) MUST_CHECK;
void     net_guard_free(struct net_guard *g); /* NULL is legal */

/* What the range of an address is for ("private", "loopback", ...), NULL: public. v4: 4 bytes; v6: 16 bytes, addresses that carry an IPv4
 * address (mapped, compatible, NAT64, 6to4) are judged by that one. */
const char *net_range_v4(const uint8_t ip[4]);
const char *net_range_v6(const uint8_t ip[16]);

/* For the resolved address. why (may be NULL): the range that is not allowed, or "family". */
bool net_guard_addr(const struct net_guard *g, const struct sockaddr *sa, const char **why);

/* For the URL: http or https, a host of letters, digits, '-', '.' or an address literal in its usual form, no user part, a port in
 * range. *settled: an address literal, or a host in the list: nothing of what it resolves to can change the answer. ERR_INPUT; why: a
 * literal. */
enum err net_guard_url(const struct net_guard *g, const char *url, bool *settled, const char **why) MUST_CHECK;

#endif
