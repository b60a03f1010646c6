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

enum err link_codes_parse(const char *text, struct link_code *out, size_t *n) {
    static const struct {
        const char      *word;
        enum sms_verdict verdict;
    } words[] = {{"throttled", SMS_THROTTLED}, {"retry", SMS_TEMPORARY}, {"rejected", SMS_REJECTED}, {"config", SMS_CONFIG}};
    *n        = 0;
    for (const char *p = text; *(p += strspn(p, " ,")) != '\0';) {
        uint32_t first, last;
        char     word[16];
        int      used = 0;
        if (*n == LINK_CODES_MAX) return ERR_INPUT;
        if (sscanf(p, "%9" SCNu32 "-%9" SCNu32 "=%15[a-z]%n", &first, &last, word, &used) == 3)
            p += used;
        else if (sscanf(p, "%9" SCNu32 "=%15[a-z]%n", &first, word, &used) == 2) {
            last = first;
            p += used;
        } else
            return ERR_INPUT;
        size_t i = 0;
        while (i < ARRAY_N(words) && strcmp(words[i].word, word) != 0) i++;
        if (i == ARRAY_N(words) || first == 0 || last < first || (*p != '\0' && *p != ' ' && *p != ',')) return ERR_INPUT;
        out[(*n)++] = (struct link_code){first, last, words[i].verdict};
    }
    return ERR_OK;
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
