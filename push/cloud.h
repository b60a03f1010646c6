/* SPDX-License-Identifier: Apache-2.0
 *
 * What the kinds of provider at Alibaba Cloud, Tencent Cloud and WeChat have in common: tables of codes, answers that are JSON,
 * keys of callbacks, values of templates. Pure functions, any thread; what they return is in the arena.
 */
#ifndef ZB_PUSH_CLOUD_H
#define ZB_PUSH_CLOUD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/json.h"
#include "push/provider.h"
#include "push/template_check.h"

#define CLOUD_RECEIPTS_MAX 1000 /* in one post */
#define CLOUD_POST_MAX (128U * 1024U)

/* ---- tables ---- */
struct cloud_code {
    const char  *code; /* as the provider writes it; "X*" every code that begins with X */
    enum verdict verdict;
    int32_t      wait_s; /* 0: the router's own; with CLOUD_TARGET; or CLOUD_DAY, CLOUD_MONTH: until the next one begins in China */
};
#define CLOUD_DAY    (-1)
#define CLOUD_MONTH  (-2)
#define CLOUD_TARGET (1 << 30) /* and seconds: a limit of this number or person, not of the account */
/* The first row that fits; NULL: none. */
const struct cloud_code *cloud_code_find(const struct cloud_code *rows, size_t n, const char *code);
/* Verdict, pause and detail of a code; other: of a code that is in no row. */
void cloud_judge(const struct cloud_code *rows, size_t n, const char *code, enum verdict other, int64_t wall_ms,
                 struct push_answer *out);

/* ---- answers ---- */
/* An answer without the form the provider promises. 2xx: it may have been taken. */
void cloud_odd(const struct http_answer *r, struct push_answer *out);
/* An object, or NULL. Returned: cJSON_Delete. Whole numbers of more than 15 digits come as strings: ids are never rounded. */
cJSON *cloud_object(const char *body, size_t n);
cJSON *cloud_json(const char *body, size_t n); /* any value */
/* A string, a number or a boolean as text; "" for anything else. */
const char *cloud_str(struct arena *a, const cJSON *o, const char *name);
/* Into the record, only if whole and of visible ASCII; else "". */
void  cloud_ref(struct push_answer *out, const char *ref);
void  cloud_detail(struct push_answer *out, const char *code); /* cut, and without anything but letters, digits and . _ : - */
char *cloud_word(struct arena *a, const char *code);           /* the same, for receipts */

/* Whole answers: Code, and the receipt's name of the message in ref_name; Response.Error or the status of this number. */
void cloud_answer_aliyun(struct arena *a, const struct http_answer *r, const struct cloud_code *rows, size_t n,
                         const char *ref_name, int64_t wall_ms, struct push_answer *out);
void cloud_answer_tencent(struct arena *a, const struct http_answer *r, const struct cloud_code *rows, size_t n,
                          const char *phone, const char *ref_name, int64_t wall_ms, struct push_answer *out);

/* ---- requests ---- */
/* Another one for every attempt of every message. */
void  cloud_nonce(const struct provider *p, const struct push_msg *m, int64_t wall_ms, char out[65]);
char *cloud_params_json(struct arena *a, const struct provider_template *t, const char *const *values); /* {"name":"value"} */
/* ERR_INPUT of a call: the reason is in out->detail. */
enum err cloud_refuse(struct push_answer *out, const char *why);
bool     cloud_is_phone(const char *s); /* 11 digits, 1[3-9] */
/* base_url of the section or https://host, and rest. With a base_url of its own the header Host says the provider's name, which
 * is signed. */
void cloud_to(struct provider *p, struct arena *a, const char *host, const char *rest, struct http_call *c);
/* Values of the template's variables in order, made fit: line breaks to blanks, 【】 to 〔〕, each at most value_max characters
 * (0: any). ERR_INPUT: a value with a link. */
enum err cloud_values(struct arena *a, const struct push_msg *m, const struct provider_template *t, enum template_form form,
                      size_t value_max, const char **values, struct push_answer *why);

/* ---- a section of the four kinds that sign ---- */
struct cloud_state {
    char *secret, *receipt_key, *texts; /* key and texts: "" none */
};
#define CLOUD_KEY_MIN 16
/* Reads the files of the options secret_opt, receipt_key, texts; checks the templates. */
enum err cloud_open(struct provider *p, const char *secret_opt, const struct template_rules *rules, char *why, size_t why_n);
void     cloud_close(struct provider *p);
#define CLOUD_OPTS                                                                                                               \
    {"receipt_key",                                                                                                              \
     OPT_FILE,                                                                                                                   \
     "",                                                                                                                         \
     "file with the secret behind ?key= of the address the provider posts receipts to; empty: none are taken",                   \
     0,                                                                                                                          \
     0},                                                                                                                         \
    {                                                                                                                            \
        "texts", OPT_FILE, "", "file of approved texts, `CODE text` a line, to check the templates against", 0, 0                \
    }
/* key= of the query against the secret, in constant time; false when there is no secret. */
bool cloud_key_ok(struct arena *a, const char *secret, const char *query);

/* ---- receipts ---- */
/* Each element of an array, or the one object, goes through `one`; it says false for what tells us nothing. */
enum err cloud_receipts(struct arena *a, const char *body, size_t body_n,
                        bool (*one)(struct arena *a, const cJSON *o, void *arg, struct push_receipt *out), void *arg,
                        struct push_receipt **list, size_t *n);
/* Of a failed delivery by the provider's code, found in the table; other codes: RETRY (another way may work). */
void        cloud_failed(struct arena *a, const struct cloud_code *rows, size_t n, const char *code, struct push_receipt *out);
const char *cloud_id(struct arena *a, const cJSON *o,
                     const char *name); /* a delivery id that came back; "" when it cannot be one */

#endif
