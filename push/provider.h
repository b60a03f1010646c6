/* SPDX-License-Identifier: Apache-2.0
 *
 * A provider: one account at somebody who carries messages (a carrier, Apple, WeChat, ...), as a section of the configuration:
 *
 *     [provider unicom-1]
 *     kind = smgp
 *     weight = 30
 *
 * A kind is one file (push/kind_<name>.c) and one line of push/kinds.def. There are two families: links (binary protocols over one long connection,
 * push/link.h) and calls (HTTP, push/http_out.h). A kind of the second family is made of pure functions: message in, request out;
 * answer in, verdict out. It never does I/O, sleeps, retries or keeps state about messages; the router (push/route.h) owns
 * windows, pacing, back-off, circuit breakers and failover. Providers are made on the loop thread of the delivery worker and stay
 * there; `receipts` alone is called on any thread, and reads nothing but the options.
 */
#ifndef ZB_PUSH_PROVIDER_H
#define ZB_PUSH_PROVIDER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/conf.h"
#include "base/err.h"

enum verdict {
#define X(symbol, word, then, zh) V_##symbol,
#include "push/verdict.def"
#undef X
    V_MAX
};
enum verdict_then { THEN_DONE, THEN_AGAIN, THEN_OTHER, THEN_END, THEN_ASK };
struct verdict_info {
    const char       *word;
    enum verdict_then then;
    const char       *zh;
};
const struct verdict_info *verdict_info(enum verdict v); /* never NULL */
enum verdict               verdict_of(const char *word); /* V_MAX: no such word */

/* The ways to a person, in the words of the records (delivery.channel). Rows of store/delivery_channel.def:
 *   inbox push wechat office sms voice webhook log */

/* ---- what is to be said, to one target. All text is UTF-8 and borrowed; "" for what there is not, never NULL ---- */
struct push_var {
    const char *name, *value; /* typed by the template of the kind of notice: push/notice_kinds.def */
};
struct push_msg {
    const char *id;        /* delivery id, at most 40 characters of [A-Za-z0-9_-]; the same at every attempt: idempotency key where there is one */
    int         attempt;   /* from 1 */
    const char *notice;    /* id of the notice; a later message of the same notice replaces the earlier on the screen (collapse id) */
    const char *target;    /* push token, openid, user id, endpoint, or a phone number of 11 digits */
    const char *target_key;/* Web Push: "p256dh auth", base64url, one blank; else "" */
    const char *app;       /* application the token belongs to (bundle id, package); "" is the provider's own */
    const char *kind, *title, *text; /* row of notice_kinds.def; title at most 20, text at most 500 characters, no signature */
    const char *object;    /* "task:ID": what a tap opens */
    const char *signature; /* sender's name without brackets */
    int         priority;  /* 0 to 3 */
    int64_t     ttl_s;     /* 0: try once */
    int         unread;    /* for the badge; -1 not known */
    int64_t     at_wall_ms; /* when it was said */
    const struct push_var *vars; /* t: title of the object, x: the extra words; push_value (push/template_check.h) knows these and the fixed ones */
    size_t                 vars_n;
};

/* ---- what came of it ---- */
struct push_answer {
    enum verdict verdict;
    int64_t      wait_ms;     /* RETRY, THROTTLED, QUOTA: not before; 0: the router's own pause. AUTH: no new credential before then */
    int64_t      gone_wall_ms; /* GONE: targets registered before this are dead; 0: this one is, whenever registered */
    bool         of_target;   /* RETRY, QUOTA: a limit of this target alone, which says nothing of the provider */
    char         ref[132];    /* the provider's id of the message, by which receipts name it; "" none */
    char         detail[96];  /* the provider's code and word, for the record: never text of the message, never a number or a token */
};

struct push_receipt {
    const char *ref;     /* push_answer.ref, or "" and then .id */
    const char *id;      /* delivery id that came back (out_id, session context), or "" */
    bool        is_read, is_delivered, is_final; /* is_final without is_delivered: it failed */
    enum verdict verdict; /* of a failure: GONE, REFUSED (unsubscribed, blacklist), REJECTED, RETRY; else V_DELIVERED */
    const char *detail;
};

/* What somebody allowed or took back, told by the provider (WeChat: so that a send that must fail is not tried). */
struct push_consent {
    const char *target;   /* openid */
    const char *template; /* template id; "" everything of this account (followed it, or no longer does) */
    bool        accepted;
    int         count;   /* messages gained; -1: any number */
    bool        cleared; /* what was accepted before no longer counts */
};

/* ---- HTTP ---- */
struct http_header {
    const char *name, *value;
};
#define HTTP_CALL_HEADERS 16
struct http_call {
    const char        *method; /* "POST", "GET" */
    const char        *url;    /* whole, https:// unless the option base_url says otherwise */
    struct http_header header[HTTP_CALL_HEADERS];
    size_t             headers_n;
    const void        *body; /* in the arena */
    size_t             body_n;
    /* Set: the address of a stranger. Each address the host resolves to must pass net_guard_addr before it is connected to. Lives as
     * long as the provider. NULL: any address. */
    const struct net_guard *guard;
};
/* Appends; UNREACHABLE above the limit. Neither may hold CR or LF (checked again before sending). */
void http_call_header(struct http_call *c, const char *name, const char *value);

struct http_answer {
    int                       status; /* 0: no answer, see `lost` */
    bool                      lost;   /* status 0: the request may have arrived (false: it certainly did not) */
    const struct http_header *header; /* names lower-case */
    size_t                    headers_n;
    const char               *body; /* NUL-terminated, at most HTTP_ANSWER_MAX bytes */
    size_t                    body_n;
};
#define HTTP_ANSWER_MAX (64U * 1024U)
/* out->detail = "HTTP <status> <word>": of a stranger's word only letters, digits and _ - . are kept, at most 60. NULL: none. */
void        push_detail(struct push_answer *out, int status, const char *word);
const char *http_answer_header(const struct http_answer *r, const char *lower_name); /* NULL */
/* Retry-After in ms: seconds or an IMF-fixdate (RFC 9110 10.2.3); 0 none, at most a day. */
int64_t http_retry_after_ms(const struct http_answer *r, int64_t wall_ms);
/* What every HTTP provider has in common, before its own codes are read. True: decided (no answer -> RETRY or UNKNOWN; 429 ->
 * THROTTLED; 502, 503, 504 -> RETRY; all with Retry-After). */
bool http_verdict(const struct http_answer *r, int64_t wall_ms, struct push_answer *out);

/* ---- a kind ---- */
enum provider_opt_type { OPT_TEXT, OPT_FILE, OPT_URL, OPT_NUMBER, OPT_BOOL };
struct provider_opt {
    const char            *name;
    enum provider_opt_type type;
    const char            *def; /* NULL: must be given. Numbers and booleans as text */
    const char            *doc;
    int64_t                min, max; /* OPT_NUMBER */
};

struct provider;
struct link_proto; /* push/link.h */
struct link_conf;
struct net_guard;  /* push/net_guard.h */

/* What makes a message louder, from quiet to loud: a window over what is on the screen, a text message, a telephone call. */
enum push_raise { RAISE_APP = 1, RAISE_SMS = 2, RAISE_PHONE = 3 };

struct provider_kind {
    const char                *name;    /* "apns" */
    const char                *channel; /* "push": a row of store/delivery_channel.def */
    const char                *vendor;  /* whose targets it serves (push_target.vendor): "apns", "huawei", "wecom", ...; numbers: "" */
    const char                *doc;
    const struct provider_opt *opts; /* its own; those of every provider are in provider.c */
    size_t                     opts_n;
    int64_t                    rate_per_s; /* default of the option */
    bool                       needs_consent; /* a message goes only to who accepted its template, and takes one acceptance (store/target.h) */
    int64_t                    window;     /* default of the option; 0: 64 */
    bool                       many_hosts; /* targets are URLs: each message may go to another host */
    bool                       templates;  /* says only what has a template: needs `template.<notice kind>` options */
    const struct link_proto   *link;       /* family of links; then nothing below is set but link_fill and open (push/link_options.h) */
    /* Options that this protocol names for itself, into the configuration of its link; borrowed from the provider. push/link_options.c
     * sets what all have: host, port, src_id, service_id, codes, window. */
    void (*link_fill)(const struct provider *p, struct link_conf *c);

    size_t state_size; /* zeroed block of its own, provider_state(p): parsed keys */
    /* Reads keys, checks options that depend on each other. why: one line naming the option. */
    enum err (*open)(struct provider *p, char *why, size_t why_n);
    void (*close)(struct provider *p); /* wipes keys */

    /* Credential, shared by all workers through Redis (store/cred.h) and given to `call` as `cred`. Made here (JWT: cred_make), or
     * fetched (cred_call, cred_answer), or neither. life_ms: how long it may be used; the router renews it at four fifths. */
    int64_t cred_min_ms; /* a credential younger than this is not renewed, whatever the provider answers; 0: a minute */
    enum err (*cred_make)(struct provider *p, struct arena *a, int64_t wall_ms, const char **cred, int64_t *life_ms);
    enum err (*cred_call)(struct provider *p, struct arena *a, int64_t wall_ms, struct http_call *out);
    /* out->verdict V_SENT: *cred is good. Else RETRY, CONFIG, ... */
    void (*cred_answer)(struct provider *p, struct arena *a, const struct http_answer *r, const char **cred, int64_t *life_ms,
                        struct push_answer *out);

    /* ERR_INPUT: this message cannot go this way (why->detail says why): REJECTED, or what why->verdict says when it is set: QUOTA with
     * wait_ms for one that may go later. */
    enum err (*call)(struct provider *p, struct arena *a, const struct push_msg *m, const char *cred, int64_t wall_ms, struct http_call *out,
                     struct push_answer *why);
    void (*answer)(struct provider *p, struct arena *a, const struct push_msg *m, const struct http_answer *r, int64_t wall_ms,
                   struct push_answer *out);

    /* What the provider posts to us at /v1/receipts/<provider name> (NULL: nothing). Every byte is a stranger's: authenticate first.
     * query: raw query string, "" none. reply: what it wants to hear (taken from the arena; "" is an empty 200). ERR_AUTH, ERR_INPUT. */
    enum err (*receipts)(struct provider *p, struct arena *a, const char *query, const struct http_header *headers, size_t headers_n,
                         const char *body, size_t body_n, int64_t wall_ms, struct push_receipt **list, size_t *n, const char **reply);

    /* ---- after the answer V_SENT, for kinds that can; m, cred as for `call`, ref: push_answer.ref of that answer, never "" ---- */

    /* Seconds within which the provider itself drops a second message of the same id: until then an unknown outcome may be tried
     * again and nobody is told twice. 0: it does not. */
    int64_t once_s;

    /* Asks whether it was read: first after poll_first_s, then every poll_every_s, poll_times in all, until a receipt is final or the
     * person has read it elsewhere. ERR_INPUT: there is nothing to ask (an option says so): never asked for this message. */
    int64_t poll_first_s, poll_every_s;
    int     poll_times;
    enum err (*poll_call)(struct provider *p, struct arena *a, const struct push_msg *m, const char *ref, const char *cred, int64_t wall_ms,
                          struct http_call *out, struct push_answer *why);
    /* out->verdict V_SENT: *receipt holds what is known now (neither read, delivered nor final: nothing yet, ask again). Any other is about
     * the question, never about the message: AUTH, RETRY, THROTTLED (wait), UNKNOWN: ask again, else never. The receipt's strings are
     * ref and in the arena. */
    void (*poll_answer)(struct provider *p, struct arena *a, const struct push_msg *m, const char *ref, const struct http_answer *r,
                        int64_t wall_ms, struct push_receipt *receipt, struct push_answer *out);

    /* Makes the sent message louder, at most once a level. level: enum push_raise; what the option of the provider allows is the
     * ceiling, a higher level is lowered to it. ERR_INPUT: it allows none, or none for a message of this priority. */
    enum err (*raise_call)(struct provider *p, struct arena *a, const struct push_msg *m, const char *ref, int level, const char *cred,
                           int64_t wall_ms, struct http_call *out, struct push_answer *why);
    /* About the raise only: the message stays sent and its target alive (never GONE). V_SENT: done; out->ref is the provider's id of the
     * raise, if it has one. QUOTA: the bought quantity is used up. UNKNOWN: a telephone may have rung; not to be tried again. */
    void (*raise_answer)(struct provider *p, struct arena *a, const struct push_msg *m, const char *ref, int level,
                         const struct http_answer *r, int64_t wall_ms, struct push_answer *out);
    /* Consents of the same post, after `receipts` said ERR_OK of it; NULL: this kind knows none. Any thread, reads only the options. */
    enum err (*consents)(struct provider *p, struct arena *a, const char *body, size_t body_n, struct push_consent **list, size_t *n);
};

/* ---- a provider ---- */
/* One section. why: "provider NAME: option X: ..." . ERR_INPUT. Returned: provider_free. */
enum err provider_new(const struct conf_section *s, struct provider **out, char *why, size_t why_n) MUST_CHECK;
void     provider_free(struct provider *p);

const struct provider_kind *provider_kind(const struct provider *p);
const struct provider_kind *provider_kind_find(const char *name); /* NULL */
/* One for every section; no other sections are allowed. *list: providers_free. */
enum err providers_make(const struct conf *c, struct provider ***list, size_t *n, char *why, size_t why_n) MUST_CHECK;
void     providers_free(struct provider **list, size_t n);
/* ",a,b,": others of the same channel and vendor, which could carry what this one could not. Arena. */
const char *providers_others(struct arena *a, struct provider *const *list, size_t n, const struct provider *p);
/* Bits of enum delivery_channel: those that have a provider in this configuration. Unknown kinds do not count. */
unsigned providers_channels(const struct conf *c);
/* All of them, for --help and the docs. */
const struct provider_kind *const *provider_kinds(size_t *n);

const char *provider_name(const struct provider *p);
void       *provider_state(struct provider *p);
/* Options, checked when the provider was made; UNREACHABLE for a name that is in no table. OPT_FILE: the path; provider_file reads it. */
const char *provider_text(const struct provider *p, const char *opt);
int64_t     provider_number(const struct provider *p, const char *opt);
bool        provider_flag(const struct provider *p, const char *opt);
/* Content of an OPT_FILE, at most 64 KiB, last line break cut, NUL-terminated: secrets, keys. Returned: wipe and x_free. NULL with why. */
char *provider_file(const struct provider *p, const char *opt, size_t *n, char *why, size_t why_n);

/* `template.task.due_soon = SMS_123 t,x` of the section, or its `template.default`: code and the names of variables in order. False: none. */
struct provider_template {
    const char *code;
    const char *var[12];
    size_t      vars_n;
};
bool        provider_template(const struct provider *p, struct arena *a, const char *notice_kind, struct provider_template *out);
/* The i-th template option of the section, for checks. *words: how many stand behind the code, also those beyond `var`. False: no more. */
bool provider_template_at(const struct provider *p, struct arena *a, size_t i, const char **notice_kind, struct provider_template *out,
                          size_t *words);
const char *push_var(const struct push_msg *m, const char *name); /* "" when there is none */

#endif
