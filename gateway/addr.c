/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/addr.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <string.h>

#include "base/check.h"
#include "base/mem.h"

#define COUNT_MAGIC 0x61646372U
#define COUNT_BUCKETS 4096

static const uint8_t v4_prefix[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

bool addr_parse(const char *text, size_t n, struct addr *out) {
    char t[46];
    if (n >= sizeof t) return false;
    memcpy(t, text, n);
    t[n] = '\0';
    if (strlen(t) != n) return false;
    memcpy(out->b, v4_prefix, sizeof v4_prefix);
    if (inet_pton(AF_INET, t, out->b + 12) == 1) return true;
    return inet_pton(AF_INET6, t, out->b) == 1;
}

const char *addr_text(const struct addr *a, char out[46]) {
    bool        v4 = memcmp(a->b, v4_prefix, sizeof v4_prefix) == 0;
    const char *s  = v4 ? inet_ntop(AF_INET, a->b + 12, out, 46) : inet_ntop(AF_INET6, a->b, out, 46);
    if (s == NULL) out[0] = '\0';
    return out;
}

void addr_from_sockaddr(const struct sockaddr *sa, struct addr *out) {
    memset(out, 0, sizeof *out);
    if (sa->sa_family == AF_INET) {
        struct sockaddr_in in;
        memcpy(&in, sa, sizeof in);
        memcpy(out->b, v4_prefix, sizeof v4_prefix);
        memcpy(out->b + 12, &in.sin_addr, 4);
    } else if (sa->sa_family == AF_INET6) {
        struct sockaddr_in6 in6;
        memcpy(&in6, sa, sizeof in6);
        memcpy(out->b, &in6.sin6_addr, 16);
    }
}

enum err addr_list_parse(struct addr_list *l, const char *text, const char **bad) {
    l->n = 0;
    for (const char *p = text ? text : ""; *p;) {
        size_t n = strcspn(p, " \t");
        if (n && (l->n == ADDR_LIST_MAX || !addr_parse(p, n, &l->v[l->n++]))) {
            *bad = p;
            return ERR_INPUT;
        }
        p += n;
        p += strspn(p, " \t");
    }
    return ERR_OK;
}

bool addr_list_has(const struct addr_list *l, const struct addr *a) {
    for (unsigned i = 0; i < l->n; i++)
        if (memcmp(&l->v[i], a, sizeof *a) == 0) return true;
    return false;
}

/* ---- sockets per address ---- */
struct entry {
    struct entry *next;
    struct addr   addr;
    unsigned      n;
};

struct addr_count {
    unsigned        magic, max;
    pthread_mutex_t lock;
    struct entry   *v[COUNT_BUCKETS];
};

struct addr_count *addr_count_new(unsigned max_per_addr) {
    struct addr_count *c;
    ALLOC_OBJ(c, COUNT_MAGIC);
    c->max = max_per_addr;
    MUST(pthread_mutex_init(&c->lock, NULL) == 0);
    return c;
}

void addr_count_free(struct addr_count *c) {
    if (c == NULL) return;
    CHECK_OBJ_NOTNULL(c, COUNT_MAGIC);
    for (unsigned i = 0; i < COUNT_BUCKETS; i++)
        while (c->v[i]) {
            struct entry *e = c->v[i];
            c->v[i]         = e->next;
            x_free(e);
        }
    pthread_mutex_destroy(&c->lock);
    FREE_OBJ(c);
}

static struct entry **find(struct addr_count *c, const struct addr *a) {
    uint32_t h = 2166136261U;
    for (unsigned i = 0; i < sizeof a->b; i++) h = (h ^ a->b[i]) * 16777619U;
    struct entry **p = &c->v[(h ^ h >> 12) % COUNT_BUCKETS];
    while (*p && memcmp(&(*p)->addr, a, sizeof *a) != 0) p = &(*p)->next;
    return p;
}

bool addr_count_take(struct addr_count *c, const struct addr *a) {
    pthread_mutex_lock(&c->lock);
    struct entry **p = find(c, a);
    if (*p == NULL) {
        *p         = x_calloc(1, sizeof **p);
        (*p)->addr = *a;
    }
    bool room = (*p)->n < c->max;
    if (room) (*p)->n++;
    pthread_mutex_unlock(&c->lock);
    return room;
}

void addr_count_give(struct addr_count *c, const struct addr *a) {
    pthread_mutex_lock(&c->lock);
    struct entry **p = find(c, a);
    MUST(*p != NULL && (*p)->n > 0);
    if (--(*p)->n == 0) {
        struct entry *e = *p;
        *p              = e->next;
        x_free(e);
    }
    pthread_mutex_unlock(&c->lock);
}
