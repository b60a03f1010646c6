/* SPDX-License-Identifier: Apache-2.0 */
/* OpenSSL has a type of that name, too. */
#define ERR_STATE openssl_err_state
#include <openssl/evp.h>
#include <openssl/hmac.h>
#undef ERR_STATE
#include "handlers/system_auth.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/mem.h"
#include "base/sm.h"
#include "base/text.h"
#include "handlers/method.h"
#include "store/ledger.h"
#include "store/system.h"

#define SKEW_MS      300000LL
#define NONCE_TTL_MS 600000LL
#define SECRET_HEX   64
#define TEXT_MAX     4096 /* of the signed text: the path is bounded by the request line */
#define ARENA_BYTES  16384

static const char word_chars[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-";

static bool word_ok(const char *s, size_t lo, size_t hi) {
    size_t n = s ? strlen(s) : 0;
    return n >= lo && n <= hi && strspn(s, word_chars) == n;
}

static void digest_sm3(const void *p, size_t n, uint8_t out[32]) { sm3(p, n, out); }
static void mac_sm3(const char *key, const char *text, uint8_t out[32]) { sm3_hmac(key, strlen(key), text, strlen(text), out); }

static void digest_sha256(const void *p, size_t n, uint8_t out[32]) {
    unsigned len = 32;
    MUST(EVP_Digest(p, n, out, &len, EVP_sha256(), NULL) == 1);
}
static void mac_sha256(const char *key, const char *text, uint8_t out[32]) {
    unsigned len = 32;
    MUST(HMAC(EVP_sha256(), key, (int)strlen(key), (const unsigned char *)text, strlen(text), out, &len) != NULL);
}

static const struct algorithm {
    const char *prefix;
    void (*digest)(const void *p, size_t n, uint8_t out[32]);
    void (*mac)(const char *key, const char *text, uint8_t out[32]);
} algorithms[] = {{"sm3:", digest_sm3, mac_sm3}, {"sha256:", digest_sha256, mac_sha256}};

static const struct algorithm *find_algorithm(const char *sign, const char **hex) {
    for (size_t i = 0; i < ARRAY_N(algorithms); i++) {
        size_t n = strlen(algorithms[i].prefix);
        if (strncmp(sign, algorithms[i].prefix, n) != 0) continue;
        *hex = sign + n;
        return &algorithms[i];
    }
    return NULL;
}

static enum err check_mac(const struct algorithm *alg, const char *secret, const struct system_request *s, const char *hex) {
    uint8_t body[32], mac[32], given[32];
    char    body_hex[65], text[TEXT_MAX];
    size_t  n = 0;
    alg->digest(s->body ? s->body : "", s->body ? s->body_n : 0, body);
    hex_encode(body_hex, body, sizeof body);
    int len = snprintf(text, sizeof text, "zhangban-system-1\n%s\n%s\n%s\n%s\n%s", s->method ? s->method : "POST", s->path, s->time, s->nonce, body_hex);
    if (len < 0 || (size_t)len >= sizeof text) return ERR_AUTH;
    if (strlen(hex) != 64 || hex_decode(given, sizeof given, hex, 64, &n) != ERR_OK || n != sizeof given) return ERR_AUTH;
    alg->mac(secret, text, mac);
    return ct_equal(mac, given, sizeof mac) ? ERR_OK : ERR_AUTH;
}

/* An unknown key costs the same MAC as a known one, under a secret nobody has. */
static enum err load_secret(const struct house *h, struct db *db, struct arena *a, const char *id, char secret[SECRET_HEX + 1], bool *known) {
    struct system_key k;
    size_t            n = 0;
    uint8_t           noise[32];
    *known     = false;
    enum err e = system_key_get(db, a, id, &k);
    if (e && e != ERR_NOTFOUND) return e;
    if (e == ERR_OK && k.active && sm4_open(&h->pii_key, k.secret_enc, k.secret_enc_n, (uint8_t *)secret, SECRET_HEX, &n) == ERR_OK &&
        n == SECRET_HEX) {
        secret[SECRET_HEX] = '\0';
        *known             = true;
        return ERR_OK;
    }
    random_bytes(noise, sizeof noise);
    hex_encode(secret, noise, sizeof noise);
    return ERR_OK;
}

enum err system_auth(const struct house *h, struct db *db, struct redis *redis, const struct system_request *s, struct actor *who) {
    char          secret[SECRET_HEX + 1];
    const char   *hex   = NULL;
    bool          known = false, first = false;
    int64_t       now;
    char         *end;
    struct arena *a = NULL;
    memset(who, 0, sizeof *who);
    if (!word_ok(s->key, 1, 32) || !word_ok(s->nonce, 8, 64) || s->time == NULL || s->sign == NULL || s->path == NULL) return ERR_AUTH;
    long long at = strtoll(s->time, &end, 10);
    if (*end != '\0' || end == s->time || strspn(s->time, "0123456789") != strlen(s->time)) return ERR_AUTH;
    const struct algorithm *alg = find_algorithm(s->sign, &hex);
    if (alg == NULL) return ERR_AUTH;

    a          = arena_new(ARENA_BYTES);
    enum err e = load_secret(h, db, a, s->key, secret, &known);
    if (e) goto out;
    e = check_mac(alg, secret, s, hex);
    if (e == ERR_OK && !known) e = ERR_AUTH;
    if (e) goto out;
    now = clock_wall_ms();
    e   = at < now - SKEW_MS || at > now + SKEW_MS ? ERR_CLOCK : ERR_OK;
    if (e) goto out;
    /* only now: a stranger must not be able to use up nonces */
    e = redis ? once(redis, "system", arena_printf(a, "%s:%s", s->key, s->nonce), NONCE_TTL_MS, &first) : ERR_UNAVAILABLE;
    if (e == ERR_OK && !first) e = ERR_AUTH;
    if (e) goto out;
    (void)snprintf(who->id, sizeof who->id, "sys:%s", s->key);
    (void)snprintf(who->name, sizeof who->name, "%s", s->key);
    who->roles = ROLE_SYSTEM;
    who->bound = true;
out:
    x_wipe(secret, sizeof secret);
    arena_free(a);
    return e;
}

enum err system_key_create(struct house *h, struct db *db, struct arena *a, const char *id, const char *name, char secret[65]) {
    uint8_t raw[32], sealed[SECRET_HEX + SM4_EXTRA];
    size_t  n = 0;
    int64_t now = clock_wall_ms();
    if (!word_ok(id, 1, 32)) return ERR_INPUT;
    random_bytes(raw, sizeof raw);
    hex_encode(secret, raw, sizeof raw);
    x_wipe(raw, sizeof raw);
    TRY(sm4_seal(&h->pii_key, secret, SECRET_HEX, sealed, sizeof sealed, &n));
    TRY(system_key_add(db, id, name, sealed, n, now));
    struct ledger_entry entry = {.kind           = "system_key.create",
                                 .actor          = "system",
                                 .unit           = "",
                                 .object         = arena_printf(a, "system_key:%s", id),
                                 .body           = "",
                                 .at_wall_ms     = now,
                                 .at_business_ms = clock_business_ms()};
    return ledger_add(h->ledger, db, &entry);
}
