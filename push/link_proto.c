/* SPDX-License-Identifier: Apache-2.0 */
#include "push/link_proto.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/check.h"

static const struct link_proto *const PROTOS[] = {&LINK_CMPP, &LINK_SMPP, &LINK_SMGP, &LINK_SGIP};

const struct link_proto *link_proto_find(const char *name) {
    for (size_t i = 0; i < ARRAY_N(PROTOS); i++)
        if (strcmp(PROTOS[i]->name, name) == 0) return PROTOS[i];
    return NULL;
}

static const struct link_code *find(const struct link_code *t, size_t n, uint32_t code) {
    for (size_t i = 0; i < n; i++)
        if (code >= t[i].first && code <= t[i].last) return &t[i];
    return NULL;
}

enum sms_verdict link_classify(const struct link_code *own, size_t own_n, const struct link_code *table, size_t table_n,
                               uint32_t code, enum sms_verdict otherwise) {
    if (code == 0) return SMS_SENT;
    const struct link_code *c = find(own, own_n, code);
    if (c == NULL) c = find(table, table_n, code);
    return c ? c->verdict : otherwise;
}

static bool number_of(const char *s, unsigned base, uint64_t *out) {
    uint64_t v = 0;
    if (*s == '\0') return false;
    for (; *s; s++) {
        unsigned d = *s >= '0' && *s <= '9' ? (unsigned)(*s - '0') : *s >= 'a' && *s <= 'f' ? (unsigned)(*s - 'a') + 10 : 99;
        if (d >= base || v > (UINT64_MAX - d) / base) return false;
        v = v * base + d;
    }
    *out = v;
    return true;
}

bool link_ref_respell(enum link_id_form form, const char *receipt, char out[LINK_REF_CAP]) {
    uint64_t v = 0;
    switch (form) {
    case LINK_ID_HEX_DEC:
        if (!number_of(receipt, 10, &v)) return false;
        (void)snprintf(out, LINK_REF_CAP, "%" PRIx64, v);
        return true;
    case LINK_ID_DEC_HEX:
        if (!number_of(receipt, 16, &v)) return false;
        (void)snprintf(out, LINK_REF_CAP, "%" PRIu64, v);
        return true;
    case LINK_ID_LEARN:
    case LINK_ID_SAME:
    default: (void)snprintf(out, LINK_REF_CAP, "%s", receipt); return true;
    }
}
