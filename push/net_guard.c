/* SPDX-License-Identifier: Apache-2.0
 *
 * One table of the ranges that are nobody's public address (IANA special-purpose registries of IPv4 and IPv6), and the operator's list.
 * IPv6 is refused outside 2000::/3 whatever the table says: there are no public addresses there.
 */
#include "push/net_guard.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/check.h"
#include "base/mem.h"

#define HOST_MAX 253

struct range {
    const char *net;
    unsigned    bits;
    const char *word;
};
static const struct range v4[] = {
    {"0.0.0.0", 8, "this network"},
    {"10.0.0.0", 8, "private"},
    {"100.64.0.0", 10, "carrier NAT"},
    {"127.0.0.0", 8, "loopback"},
    {"169.254.0.0", 16, "link-local"},
    {"172.16.0.0", 12, "private"},
    {"192.0.0.0", 24, "protocol"},
    {"192.0.2.0", 24, "documentation"},
    {"192.31.196.0", 24, "protocol"},
    {"192.52.193.0", 24, "protocol"},
    {"192.88.99.0", 24, "relay"},
    {"192.168.0.0", 16, "private"},
    {"192.175.48.0", 24, "protocol"},
    {"198.18.0.0", 15, "benchmark"},
    {"198.51.100.0", 24, "documentation"},
    {"203.0.113.0", 24, "documentation"},
    {"224.0.0.0", 4, "multicast"},
    {"240.0.0.0", 4, "reserved"},
};
static const struct range v6[] = {
    {"::1", 128, "loopback"},
    {"::", 128, "unspecified"},
    {"64:ff9b:1::", 48, "local translation"},
    {"100::", 64, "discard"},
    {"2001::", 23, "protocol"},
    {"2001:db8::", 32, "documentation"},
    {"3fff::", 20, "documentation"},
    {"5f00::", 16, "segment routing"},
    {"fc00::", 7, "private"},
    {"fe80::", 10, "link-local"},
    {"fec0::", 10, "site-local"},
    {"ff00::", 8, "multicast"},
};
/* IPv6 that carries an IPv4 address, and where. */
static const struct {
    const char *net;
    unsigned    bits, at;
} carriers[] = {{"::ffff:0:0", 96, 12}, {"64:ff9b::", 96, 12}, {"2002::", 16, 2}, {"::", 96, 12}};

struct rule {
    bool     is_v6, is_host;
    uint8_t  net[16];
    unsigned bits;
    char     host[HOST_MAX + 1];
};
struct net_guard {
    unsigned magic;
#define NET_GUARD_MAGIC 0x6e677264U
    struct rule rule[NET_GUARD_RULES];
    size_t      n;
};

static bool in_net(const uint8_t *ip, const uint8_t *net, unsigned bits) {
    unsigned bytes = bits / 8, rest = bits % 8;
    if (memcmp(ip, net, bytes) != 0) return false;
    return rest == 0 || ((ip[bytes] ^ net[bytes]) & (uint8_t)(0xFF00U >> rest)) == 0;
}

static const char *look(int family, const struct range *t, size_t n, const uint8_t *ip) {
    for (size_t i = 0; i < n; i++) {
        uint8_t net[16];
        MUST(inet_pton(family, t[i].net, net) == 1);
        if (in_net(ip, net, t[i].bits)) return t[i].word;
    }
    return NULL;
}

const char *net_range_v4(const uint8_t ip[4]) { return look(AF_INET, v4, ARRAY_N(v4), ip); }

/* The IPv4 address inside, or NULL. ::1 and :: are not such. */
static const uint8_t *carried(const uint8_t ip[16]) {
    for (size_t i = 0; i < ARRAY_N(carriers); i++) {
        uint8_t net[16];
        MUST(inet_pton(AF_INET6, carriers[i].net, net) == 1);
        if (in_net(ip, net, carriers[i].bits)) return ip + carriers[i].at;
    }
    return NULL;
}

const char *net_range_v6(const uint8_t ip[16]) {
    const char    *word = look(AF_INET6, v6, ARRAY_N(v6), ip);
    const uint8_t *in   = carried(ip);
    if (word) return word;
    if (in) return net_range_v4(in);
    return (ip[0] & 0xE0) == 0x20 ? NULL : "not assigned";
}

/* ---- the list ---- */
static bool is_listed_addr(const struct net_guard *g, bool is_v6, const uint8_t *ip) {
    for (size_t i = 0; i < g->n; i++)
        if (!g->rule[i].is_host && g->rule[i].is_v6 == is_v6 && in_net(ip, g->rule[i].net, g->rule[i].bits)) return true;
    return false;
}

static bool is_listed_host(const struct net_guard *g, const char *host) {
    for (size_t i = 0; i < g->n; i++)
        if (g->rule[i].is_host && strcasecmp(g->rule[i].host, host) == 0) return true;
    return false;
}

static const char *judge(const struct net_guard *g, bool is_v6, const uint8_t *ip) {
    const uint8_t *in        = is_v6 ? carried(ip) : NULL;
    bool           is_mapped = in && in == ip + 12 && ip[10] == 0xFF; /* the same socket as the IPv4 address; the other carriers are routes of others */
    if (is_listed_addr(g, is_v6, ip) || (is_mapped && is_listed_addr(g, false, in))) return NULL;
    return is_v6 ? net_range_v6(ip) : net_range_v4(ip);
}

/* Labels of letters, digits and '-'. A last label of digits is a number somebody's resolver would take for an address. */
static bool host_ok(const char *h) {
    size_t n = strlen(h), label = 0, from = 0;
    if (n == 0 || n > HOST_MAX) return false;
    for (size_t i = 0; i <= n; i++) {
        char c = h[i];
        if (c == '.' || c == '\0') {
            if (label == 0 || label > 63 || h[i - 1] == '-') return false;
            if (c == '\0') break;
            label = 0;
            from  = i + 1;
            continue;
        }
        bool alnum = (c >= '0' && c <= '9') || ((c | 32) >= 'a' && (c | 32) <= 'z');
        if (!alnum && (c != '-' || label == 0)) return false;
        label++;
    }
    return h[from] < '0' || h[from] > '9';
}

static bool rule_parse(const char *w, struct rule *r) {
    char        addr[64];
    const char *slash = strchr(w, '/');
    size_t      n     = slash ? (size_t)(slash - w) : strlen(w);
    if (n < sizeof addr) {
        memcpy(addr, w, n);
        addr[n]  = '\0';
        r->is_v6 = strchr(addr, ':') != NULL;
        unsigned max = r->is_v6 ? 128 : 32, min = r->is_v6 ? 16 : 8;
        if (inet_pton(r->is_v6 ? AF_INET6 : AF_INET, addr, r->net) == 1) {
            char *end = NULL;
            r->bits   = max;
            if (slash) {
                if (slash[1] < '0' || slash[1] > '9') return false;
                unsigned long v = strtoul(slash + 1, &end, 10);
                if (*end || v > max) return false;
                r->bits = (unsigned)v;
            }
            return r->bits >= min;
        }
    }
    if (slash || !host_ok(w)) return false;
    r->is_host = true;
    (void)snprintf(r->host, sizeof r->host, "%s", w);
    return true;
}

enum err net_guard_new(const char *allow, struct net_guard **out, char *why, size_t why_n) {
    struct net_guard *g;
    char             *text = x_strdup(allow), *save = NULL;
    enum err          e    = ERR_OK;
    ALLOC_OBJ(g, NET_GUARD_MAGIC);
    for (char *w = strtok_r(text, " ,\t", &save); w && e == ERR_OK; w = strtok_r(NULL, " ,\t", &save)) {
        if (g->n == NET_GUARD_RULES) {
            (void)snprintf(why, why_n, "more than %d entries", NET_GUARD_RULES);
            e = ERR_INPUT;
        } else if (!rule_parse(w, &g->rule[g->n])) {
            (void)snprintf(why, why_n, "no address, network (IPv4 from /8, IPv6 from /16) or host name: %.60s", w);
            e = ERR_INPUT;
        } else g->n++;
    }
    x_free(text);
    if (e) net_guard_free(g);
    else *out = g;
    return e;
}

void net_guard_free(struct net_guard *g) {
    if (g == NULL) return;
    CHECK_OBJ_NOTNULL(g, NET_GUARD_MAGIC);
    FREE_OBJ(g);
}

/* ---- asking ---- */
bool net_guard_addr(const struct net_guard *g, const struct sockaddr *sa, const char **why) {
    CHECK_OBJ_NOTNULL(g, NET_GUARD_MAGIC);
    const char         *word = "family";
    struct sockaddr_in  in4;
    struct sockaddr_in6 in6;
    if (sa->sa_family == AF_INET) {
        memcpy(&in4, sa, sizeof in4);
        word = judge(g, false, (const uint8_t *)&in4.sin_addr);
    } else if (sa->sa_family == AF_INET6) {
        memcpy(&in6, sa, sizeof in6);
        word = judge(g, true, (const uint8_t *)&in6.sin6_addr);
    }
    if (why) *why = word;
    return word == NULL;
}

static bool port_ok(const char *p, const char *end) {
    unsigned v = 0;
    if (p == end || end - p > 5) return false;
    for (; p < end; p++) {
        if (*p < '0' || *p > '9') return false;
        v = v * 10 + (unsigned)(*p - '0');
    }
    return v > 0 && v <= 65535;
}

/* Host and port out of "host[:port]" or "[v6][:port]". */
static bool split(const char *p, const char *end, char host[HOST_MAX + 1], bool *is_v6) {
    const char *stop;
    *is_v6 = p < end && *p == '[';
    if (*is_v6) p++;
    stop = memchr(p, *is_v6 ? ']' : ':', (size_t)(end - p));
    if (stop == NULL && *is_v6) return false;
    const char *port = stop ? stop + (*is_v6 ? 1 : 0) : end;
    if (stop == NULL) stop = end;
    if (port < end && (*port != ':' || !port_ok(port + 1, end))) return false;
    if (stop == p || stop - p > HOST_MAX) return false;
    memcpy(host, p, (size_t)(stop - p));
    host[stop - p] = '\0';
    return true;
}

enum err net_guard_url(const struct net_guard *g, const char *url, bool *settled, const char **why) {
    CHECK_OBJ_NOTNULL(g, NET_GUARD_MAGIC);
    char    host[HOST_MAX + 1];
    bool    is_v6;
    uint8_t ip[16];
    *settled      = false;
    *why          = "no http or https address";
    const char *p = strncasecmp(url, "https://", 8) == 0 ? url + 8 : strncasecmp(url, "http://", 7) == 0 ? url + 7 : NULL;
    if (p == NULL) return ERR_INPUT;
    for (const char *c = url; *c; c++)
        if (*c <= 0x20 || *c == 0x7f || *c == '\\') return ERR_INPUT; /* also bytes above ASCII, where char is signed */
    const char *end = p + strcspn(p, "/?#");
    if (memchr(p, '@', (size_t)(end - p)) || !split(p, end, host, &is_v6)) return ERR_INPUT;
    if (is_v6 || inet_pton(AF_INET, host, ip) == 1) {
        if (is_v6 && inet_pton(AF_INET6, host, ip) != 1) return ERR_INPUT;
        const char *word = judge(g, is_v6, ip);
        if (word) *why = "an address that is not public and not listed";
        *settled = word == NULL;
        return word ? ERR_INPUT : ERR_OK;
    }
    if (!host_ok(host)) return ERR_INPUT;
    *settled = is_listed_host(g, host);
    size_t n = strlen(host);
    if (!*settled && (strcasecmp(host, "localhost") == 0 || (n > 10 && strcasecmp(host + n - 10, ".localhost") == 0))) {
        *why = "an address that is not public and not listed";
        return ERR_INPUT;
    }
    return ERR_OK;
}
