/* SPDX-License-Identifier: Apache-2.0
 *
 * What the kinds of office messengers (WeCom, DingTalk, Feishu) and the webhook have in common: tables of error codes, JSON looked up
 * without trust, text cut to a provider's limits, links, and the cryptography of their call-backs. Pure functions, any thread.
 */
#ifndef ZB_PUSH_OFFICE_H
#define ZB_PUSH_OFFICE_H

#include "base/json.h"
#include "push/provider.h"

#define OFFICE_SECRET 256
#define OFFICE_OPEN_URL {"open_url", OPT_URL, NULL, "page that the button of a message opens; ?object=... is added", 0, 0}
#define OFFICE_OPEN_URL_MAX 256

/* ---- what goes out ---- */
const char *office_base(const struct provider *p, const char *own); /* option base_url, or the provider's own address */
/* An id of a person at a provider: letters and digits first, then also _ . @ + -, at most max bytes. So no list, no "everybody". */
bool office_id_ok(const char *id, size_t max);
/* The characters by which messengers know markup ([ ] < > & ` * # \ |) in their full-width form: text stays text whatever the parser. */
char *office_plain(struct arena *a, const char *s);
/* Cut at a character with … as its end; s itself when it fits. max is at least 3 bytes, 1 character. */
const char *office_cut(struct arena *a, const char *s, size_t max_bytes);
const char *office_cut_chars(struct arena *a, const char *s, size_t max_chars);
char       *office_encode(struct arena *a, const char *s); /* percent-encoding of all but unreserved characters */
/* What a tap opens: option open_url?object=OBJECT&d=DELIVERY. The delivery id makes every message differ from the last of the same text
 * (providers drop repetitions) and stay the same at every attempt. */
char *office_link(const struct provider *p, struct arena *a, const struct push_msg *m);
char *office_stamp(struct arena *a, int64_t wall_ms); /* 11-25 17:45:03 */
/* The bytes of a finished writer, in the arena. */
void office_body(struct arena *a, struct buf *b, struct http_call *out); /* empties b; sets Content-Type: application/json */
/* Option words of loudness: off 0, app, sms, phone (enum push_raise); -1: none of these. */
int office_level(const char *word);
/* The level that may be used: what is asked for, at most what option `opt` allows, and only for messages of at least the priority that
 * option `<opt>_priority` names. ERR_INPUT with why. */
enum err office_raise(const struct provider *p, const char *opt, const struct push_msg *m, int asked, int *level, struct push_answer *why);
/* Secret of an OPT_FILE into a buffer of the kind's state; "" stays "". ERR_INPUT with why. */
enum err office_secret(struct provider *p, const char *opt, char *out, size_t cap, char *why, size_t why_n);
enum err office_refuse(struct push_answer *why, const char *detail); /* REJECTED; ERR_INPUT */

/* ---- what comes back ---- */
struct office_code {
    int64_t      code;
    enum verdict verdict;
    int64_t      wait_ms;
    const char  *word; /* ours: a provider's text may hold names */
};
void office_say(struct push_answer *out, enum verdict v, int64_t wait_ms, const char *fmt, ...) __attribute__((format(printf, 4, 5)));
/* By the table; a code that is in none was refused for a reason not known to us: REJECTED. */
void office_by_code(const struct office_code *t, size_t n, int64_t code, struct push_answer *out);
/* The answer as a JSON object (returned: cJSON_Delete), or NULL and the verdict: by http_verdict, or by the status alone: what
 * was not understood may have been taken. */
cJSON *office_answer(const struct http_answer *r, int64_t wall_ms, struct push_answer *out);
/* Without a verdict in the body: 2xx and 5xx UNKNOWN, 401 AUTH, 3xx, 403, 404, 405 CONFIG, else REJECTED. */
void office_by_status(const struct http_answer *r, struct push_answer *out);
/* The same for a question that changed nothing (a token, a read state): what is unknown is asked again. */
void office_ask_again(struct push_answer *out);

/* Members; o may be NULL. Whole numbers, also as text. */
bool        office_int(const cJSON *o, const char *name, int64_t *v);
const char *office_str(const cJSON *o, const char *name); /* "" */
/* who is in the array of texts, or in the text joined by '|'; letters of either case (WeCom gives ids back in lower case). */
bool office_has(const cJSON *o, const char *name, const char *who);
/* Printable ASCII that fits, else "": a cut id would name another message. */
void office_ref(struct push_answer *out, const char *ref);
/* A token of printable ASCII without blanks, at most 2 KiB, and its life between a minute and a day: *cred, *life_ms, V_SENT. Else RETRY. */
void office_token(struct arena *a, const char *token, int64_t life_s, const char **cred, int64_t *life_ms, struct push_answer *out);

/* ---- call-backs ---- */
/* A parameter of a raw query string, decoded; "" when there is none, or not decodable. */
const char *office_query(struct arena *a, const char *query, const char *name);
/* Standard base64 with its padding, nothing else. Into the arena, followed by NUL. ERR_INPUT. */
enum err office_b64_decode(struct arena *a, const char *s, size_t n, uint8_t **out, size_t *out_n) MUST_CHECK;
char    *office_b64_encode(struct arena *a, const void *p, size_t n);
/* AES-256-CBC, PKCS#7 with blocks of `block` (16 or 32) bytes, all of the padding checked. In the arena, followed by NUL. ERR_INPUT. */
enum err office_cbc_open(struct arena *a, const uint8_t key[32], const uint8_t iv[16], const uint8_t *p, size_t n, size_t block, uint8_t **out,
                         size_t *out_n) MUST_CHECK;
/* WeCom: lower hex SHA-1 of the four strings, sorted and joined. */
void office_wecom_signature(const char *token, const char *timestamp, const char *nonce, const char *encrypt, char out[41]);
bool office_aes_key(const char *text43, uint8_t key[32]); /* EncodingAESKey */
/* Base64, 16 random bytes, length, message, receive id. The message in the arena. ERR_INPUT; ERR_AUTH: for somebody else. */
enum err office_wecom_open(struct arena *a, const uint8_t key[32], const char *receive_id, const char *encrypt, size_t n, char **msg) MUST_CHECK;
/* Feishu: key is SHA-256 of the Encrypt Key; the first 16 bytes of the base64 are the IV. */
enum err office_feishu_open(struct arena *a, const char *encrypt_key, const char *encrypt, size_t n, char **msg, size_t *msg_n) MUST_CHECK;
void     office_feishu_signature(const char *timestamp, const char *nonce, const char *encrypt_key, const char *body, size_t n, char out[65]);
/* Text of the first child of the root of this name, CDATA or plain; "" none. Documents with declarations or comments have no elements,
 * and text with entities is not read. */
const char *office_xml(struct arena *a, const char *xml, size_t n, const char *name);

#endif
