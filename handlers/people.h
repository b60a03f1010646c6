/* SPDX-License-Identifier: Apache-2.0
 *
 * What the handlers about people share: numbers sealed and masked, codes, signatures of devices, who needs a device, and how
 * a session ends. Any worker or writer thread; memory from the arena of the request.
 */
#ifndef ZB_HANDLERS_PEOPLE_H
#define ZB_HANDLERS_PEOPLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "handlers/house.h"
#include "handlers/req.h"
#include "push/notice.h"
#include "store/person.h"

/* ---- numbers and codes ---- */
#define MAC_CAP 65
bool phone_ok(const char *phone); /* 11 digits, 1[3-9] first */
/* Look-up column of a number: HMAC-SM3 under the index key. */
void        phone_index(const struct house *h, const char *phone, char out[MAC_CAP]);
enum err    phone_seal(const struct house *h, struct arena *a, const char *phone, const void **enc, size_t *n) MUST_CHECK;
const char *phone_masked(const struct house *h, struct arena *a, const struct person *p); /* 138****5678, or "" */
/* n digits from the system's random numbers, each value equally likely; n <= 9. out holds n + 1 bytes. */
void digits_random(char *out, int n);
/* 32 random hex digits. */
void nonce_random(char out[33]);
/* MAC of a one-time code, bound to what it opens. */
void code_mac(const struct house *h, const char *space, const char *object, const char *code, char out[MAC_CAP]);
bool mac_equal(const char *a, const char *b); /* constant time in the content */

/* ---- SM2 of devices: public key 65 bytes as 130 hex digits, signature r || s as 128 hex digits (no other encoding) ---- */
/* Lower case in the arena; ERR_INPUT: not a point of the curve. */
enum err    pubkey_parse(struct arena *a, const char *hex, const char **out) MUST_CHECK;
const char *pubkey_name(struct arena *a, const char *pubkey); /* key id: the first 16 hex digits of its SM3 */
enum err    signature_check(const char *pubkey, const char *text, const char *sig_hex) MUST_CHECK; /* ERR_SIG */

/* SM3 of a text as 64 hex digits. */
const char *text_digest(struct arena *a, const char *text);

/* ---- people and sessions ---- */
bool        needs_device(unsigned roles); /* leaders, dispatchers, approvers (D18) */
void        write_roles(struct jw *w, const char *key, unsigned roles);
/* Ends a session: durable in SQL, its connections closed after the commit (D17). Writer thread; does not wait for Redis: a
 * revoked session that Redis still knows is refused by session_actor(). */
enum err            session_end(struct req *r, const char *person, const char *session) MUST_CHECK;
struct notice_rules people_notice_rules(const struct house *h);
/* YYYY-MM-DD of an instant in +08. */
const char *day_text(struct arena *a, int64_t utc_ms);
/* "6月30日" of a date; the words of message texts. */
const char *day_words(struct arena *a, const char *date);
/* The n-th working day after the day of the instant. ERR_CALENDAR with the text of ux 7. */
enum err workday_after(struct req *r, int64_t utc_ms, int n, const char **date) MUST_CHECK;
/* HH:MM in +08, "6月27日 14:32" with the day. */
const char *clock_text(struct arena *a, int64_t utc_ms);
const char *moment_text(struct arena *a, int64_t utc_ms);

#endif
