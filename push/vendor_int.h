/* SPDX-License-Identifier: Apache-2.0
 *
 * What the makers of phones have in common (kinds huawei, huawei3, honor, xiaomi, oppo, vivo): one token a request, an answer
 * with a number in it, a table that says what each number means for the message, texts that are cut rather than refused. Pure
 * functions.
 */
#ifndef ZB_PUSH_VENDOR_INT_H
#define ZB_PUSH_VENDOR_INT_H

#include <cjson/cJSON.h>

#include "push/provider.h"

/* ---- the table of a vendor's codes ---- */
enum vendor_wait { WAIT_NONE, WAIT_MIDNIGHT, WAIT_MORNING }; /* of China; MORNING is VENDOR_OPENS */
struct vendor_row {
    int64_t          code, last; /* last 0: this code alone; else all from code to last. The first row that fits counts */
    enum verdict     verdict;
    enum vendor_wait wait;
    const char      *word; /* for the record, in our own words: what the vendor writes may name a token */
};
/* By the table. No row: HTTP 401 is AUTH, a status from 500 on RETRY, else CONFIG; the detail says that the code is unknown. A
 * row of V_SENT under a status that is not 2xx contradicts itself: UNKNOWN. */
void vendor_by_code(const struct vendor_row *rows, size_t n, int64_t code, int status, int64_t wall_ms, struct push_answer *out);
/* There is an answer, but no code can be read in it: 2xx UNKNOWN (it may have been taken), 401 AUTH, from 500 on RETRY, else
 * CONFIG. */
void vendor_no_code(const struct http_answer *r, struct push_answer *out);
void vendor_say(struct push_answer *out, enum verdict v, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
/* The same for answers to a request for a credential: no message was under way, so UNKNOWN becomes RETRY; a fresh credential
 * cannot help, so AUTH becomes CONFIG. */
void vendor_cred_verdict(struct push_answer *out);

#define VENDOR_OPENS_H 7 /* vivo carries messages of the class "operation" from 07:00 to 23:00 only */
#define VENDOR_CLOSES_H 23
bool    vendor_is_open(int64_t wall_ms);
int64_t vendor_wait_ms(enum vendor_wait w, int64_t wall_ms); /* from now; more than 0 but for NONE */

/* ---- reading ---- */
/* NULL: no JSON object. Returned: cJSON_Delete. */
cJSON *vendor_body(const struct http_answer *r);
/* A whole number, also when it comes as text; false: absent or something else. */
bool        vendor_number(const cJSON *o, const char *name, int64_t *v);
const char *vendor_string(const cJSON *o, const char *name);    /* "" */
bool        vendor_holds(const cJSON *list, const char *token); /* an array of texts that has this one, or this text itself */
/* out->ref from a member that is a text or a number; "" when it is absent, does not fit or is not of printable ASCII. */
void vendor_ref(struct push_answer *out, const cJSON *o, const char *name);
/* 1 to 2048 printable ASCII characters without blanks: what may go into a header. */
bool vendor_cred_ok(const char *s);

/* ---- writing ---- */
/* At most max characters, the last one an ellipsis when cut; control characters become blanks. wide: a character outside ASCII
 * counts two (vivo), else one outside the basic plane counts two (as Java's length does). */
const char *vendor_cut(struct arena *a, const char *text, size_t max, bool wide);
/* 1 to 2^31 - 1, the same for all messages of a notice. */
int64_t vendor_notify_id(const struct push_msg *m);
/* What the app is given on a tap: {"object":"task:ID","notice":"..."}. */
const char *vendor_payload(struct arena *a, const struct push_msg *m);
/* Option `tap` with {object} replaced, percent-encoded; "" opens the app: no such option, or no object, or longer than
 * VENDOR_TAP_MAX. */
#define VENDOR_TAP_MAX 1000
const char *vendor_tap(const struct provider *p, struct arena *a, const struct push_msg *m);
/* Hex, lower case, of a digest by its OpenSSL name: SHA256, MD5. */
const char *vendor_digest(struct arena *a, const char *alg, const char *text);
int64_t     vendor_clamp(int64_t v, int64_t min, int64_t max);
void        vendor_form(struct buf *b, const char *name, const char *value); /* application/x-www-form-urlencoded, appended */
/* own base_url or else base, then path. */
const char *vendor_url(const struct provider *p, struct arena *a, const char *base, const char *path);
#define VENDOR_JSON "application/json; charset=UTF-8"
#define VENDOR_FORM "application/x-www-form-urlencoded"
/* The body is moved to the arena, the buffer ended. */
void vendor_post(struct http_call *c, struct arena *a, const char *url, const char *type, struct buf *body);

/* ---- options ---- */
/* File of an OPT_FILE into out: printable ASCII without blanks. */
enum err vendor_secret(struct provider *p, const char *opt, char *out, size_t cap, char *why, size_t why_n) MUST_CHECK;
/* Letters, digits, . _ - of at most max; "" is good when it has a default. */
enum err vendor_id_check(const struct provider *p, const char *opt, size_t max, char *why, size_t why_n) MUST_CHECK;
enum err vendor_text_check(const struct provider *p, const char *opt, size_t max, char *why, size_t why_n) MUST_CHECK;
/* One of the words, joined by |. */
enum err vendor_choice_check(const struct provider *p, const char *opt, const char *words, char *why, size_t why_n) MUST_CHECK;

/* ---- OAuth 2.0, client credentials (huawei, honor): option token_url ---- */
void        vendor_oauth_call(const struct provider *p, struct arena *a, const char *client_id, const char *secret,
                              struct http_call *out);
void        vendor_oauth_answer(struct arena *a, const struct http_answer *r, const char **cred, int64_t *life_ms,
                                struct push_answer *out);
const char *vendor_bearer(struct arena *a, const char *cred);

#endif
