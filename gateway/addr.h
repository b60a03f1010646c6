/* SPDX-License-Identifier: Apache-2.0
 *
 * Addresses of clients in binary, lists of them, and the count of sockets per address. addr_count: any thread.
 */
#ifndef ZB_GATEWAY_ADDR_H
#define ZB_GATEWAY_ADDR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct sockaddr;
struct addr {
    uint8_t b[16]; /* IPv6, or ::ffff:a.b.c.d */
};

bool        addr_parse(const char *text, size_t n, struct addr *out);
const char *addr_text(const struct addr *a, char out[46]);
void        addr_from_sockaddr(const struct sockaddr *sa, struct addr *out);

#define ADDR_LIST_MAX 32
struct addr_list {
    struct addr v[ADDR_LIST_MAX];
    unsigned    n;
};
/* Blank separated. ERR_INPUT: *bad is the word that is no address (borrowed from text). */
enum err addr_list_parse(struct addr_list *l, const char *text, const char **bad) MUST_CHECK;
bool     addr_list_has(const struct addr_list *l, const struct addr *a);

struct addr_count;
struct addr_count *addr_count_new(unsigned max_per_addr);
void               addr_count_free(struct addr_count *c);                       /* NULL is legal */
bool               addr_count_take(struct addr_count *c, const struct addr *a); /* false: it is full */
void               addr_count_give(struct addr_count *c, const struct addr *a);

#endif
