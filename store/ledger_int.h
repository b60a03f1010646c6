/* SPDX-License-Identifier: Apache-2.0
 *
 * What writing and verifying the ledger share: keys, and the exact bytes that are authenticated.
 */
#ifndef ZB_STORE_LEDGER_INT_H
#define ZB_STORE_LEDGER_INT_H

#include "base/buf.h"
#include "base/sm.h"
#include "store/ledger.h"

struct ledger_keys {
    uint8_t mac[32];
    uint8_t priv[32], pub[65];
};

/* create: make missing keys. why: one line. */
enum err ledger_keys_load(const char *data_dir, bool create, struct ledger_keys *k, char *why, size_t why_n) MUST_CHECK;

struct ledger_row {
    int64_t     seq; /* 0: not sealed */
    const char *id, *kind, *actor, *unit, *object, *body, *mac, *hash;
    int64_t     at_wall_ms, at_business_ms;
};
void ledger_mac(struct sm3_key *key, const struct ledger_row *r, char hex[65]);
void ledger_hash(const struct ledger_row *r, const char *prev_hash, char hex[65]);
/* The signed text of a head: "zhangban-head-1\nSEQ\nHASH". */
size_t ledger_head_text(int64_t seq, const char *hash, char out[128]);

#endif
