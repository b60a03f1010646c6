/* SPDX-License-Identifier: Apache-2.0
 *
 * One link to a carrier's gateway, whatever its protocol (push/link_proto.h has one row for each), as a state machine on the
 * owner's libuv loop. Everything here and every callback runs on that loop's thread. It keeps a sliding window, matches
 * answers by sequence number, joins the parts of a message, and reconnects with growing, jittered pauses. It never sends a
 * message a second time, never paces and never keeps a message that the window has no room for: that is the owner's (D24, D25).
 *
 * From text to verdict:
 *   submit -> every part answered, timed out or cut off -> on_result, exactly once for each ERR_OK of submit
 *   SENT   -> status report of every part, or the first failure -> on_report (after on_result, never before); the delivered
 *             parts before the last one -> on_part_report
 *
 * What is received is answered only when the owner has stored it: on_report, on_part_report, on_orphan_report and on_mo return true for
 * "stored now"; with false the owner calls link_report_stored(link, token) when it is. What is never confirmed stays
 * unanswered and the gateway sends it again, so each of them may come again with the same references.
 *
 * A reference is the gateway's name of one part, as text: 16 hex digits (CMPP), 20 (SMGP), 24 (SGIP: our own sequence), or up
 * to 64 characters without leading zeros (SMPP). It is what a report names, so it belongs on record.
 *
 * SGIP: reports and texts come on connections that the gateway opens to us; the link listens for them itself (listen_host).
 * SMPP: where the gateway refuses a transceiver, the link binds a transmitter and, once that is up, a receiver.
 *
 * Callbacks may call any function of this file on their link, link_close included.
 */
#ifndef ZB_PUSH_LINK_H
#define ZB_PUSH_LINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

#include "base/err.h"
#include "push/sms_text.h"

#define LINK_WINDOW_MAX 256
#define LINK_REF_CAP 65 /* an SMPP message_id has 64 characters at most */
#define LINK_REFS_CAP (SMS_PARTS_MAX * LINK_REF_CAP)

struct link;
struct link_proto;

extern const struct link_proto LINK_CMPP, LINK_SMPP, LINK_SMGP, LINK_SGIP;
/* By name: cmpp, smpp, smgp, sgip; NULL for another one. */
const struct link_proto *link_proto_find(const char *name);
/* What an account's gateway means by its own codes, as people write it: "20-29=throttled 35=config", codes decimal, words
 * throttled, retry, rejected, config. At most LINK_CODES_MAX into out. ERR_INPUT. */
struct link_code;
enum err link_codes_parse(const char *text, struct link_code *out, size_t *n) MUST_CHECK;

enum sms_verdict {
    SMS_SENT,      /* the gateway took every part */
    SMS_THROTTLED, /* flow control for at least one part, none refused otherwise: slow down, this message again at once */
    SMS_TEMPORARY, /* this message again later: the gateway is in trouble, the link need not be slower */
    SMS_REJECTED,  /* this message or number never, see code */
    SMS_CONFIG,    /* our account (numbers, codes, quota): nothing can pass until a person has acted */
    SMS_UNKNOWN    /* no answer: time-out or the link died in between; the text may or may not arrive (D24) */
};

/* What this account's gateway means by a code; goes before the table of its protocol. */
struct link_code {
    uint32_t         first, last;
    enum sms_verdict verdict;
};

/* How SMPP gateways write one message id in answer and receipt. */
enum link_id_form {
    LINK_ID_LEARN,   /* from the first receipt that fits only one way */
    LINK_ID_SAME,    /* alike, but for leading zeros and the case of hex digits */
    LINK_ID_HEX_DEC, /* answer hexadecimal, receipt decimal */
    LINK_ID_DEC_HEX  /* answer decimal, receipt hexadecimal */
};

/* Zero means the default in brackets. Strings and codes are borrowed during link_open only. */
struct link_conf {
    const struct link_proto *proto;  /* link_proto_find */
    const char              *host;   /* a numeric address: carriers give addresses, and a loop does not wait for names */
    uint16_t                 port;   /* [the protocol's] */
    const char              *user;   /* CMPP: SP code, 1-6; SMPP: system_id, 1-15; SMGP: ClientID, 1-8; SGIP: LoginName, 1-16 */
    const char              *secret; /* SMPP: at most 8; SMGP: 15; SGIP: 16 */
    const char              *service_id, *src_id;
    uint8_t version; /* of the protocol [CMPP 0x30, SMPP 0x34, SMGP 0x30]; a CMPP gateway that knows only 2.0 brings it down */
    bool    hash_padded;                                        /* CMPP, see struct cmpp_login */
    const char             *system_type;                        /* SMPP */
    uint8_t                 src_ton, src_npi, dst_ton, dst_npi; /* SMPP [0: what the gateway takes them for] */
    enum link_id_form       id_form;                            /* SMPP */
    uint32_t                node;                               /* SGIP: our node number, 3 + area code + company code */
    const char             *corp_id;                            /* SGIP: company code, at most 5 */
    const struct link_code *codes;
    size_t                  codes_n;     /* at most LINK_CODES_MAX */
    const char             *listen_host; /* SGIP: our own address for the gateway's connections; NULL: none are taken */
    uint16_t                listen_port; /* 0: any, see link_stats. Shared with other links of this machine (SO_REUSEPORT) */
    const char             *peer_host;   /* only from here [host] */
    const char             *peer_user, *peer_secret; /* what the gateway logs in to us with [user, secret] */
    uint32_t                window;                  /* unanswered submits [16], at most LINK_WINDOW_MAX */
    uint32_t                parts_max;               /* parts of one message [8], at most window and SMS_PARTS_MAX */
    uint32_t
        awaiting_max;  /* messages remembered until their report [20000]; the oldest is forgotten, its report is then an orphan */
    uint32_t held_max; /* reports that may be earlier than their answer [256]; the oldest becomes an orphan */
    uint32_t request_ms;   /* log-in, submit, farewell unanswered for so long are given up [60000] */
    uint32_t idle_ms;      /* nothing received for so long: an active test, where the protocol has one [30000] */
    uint32_t active_ms;    /* wait for its answer [60000] */
    uint32_t active_tries; /* tests in a row before the link is dropped [3] */
    uint32_t awaiting_ms;  /* how long a message is remembered [48 h] */
    uint32_t held_ms;      /* how long a report waits for its answer [180000] */
    uint32_t backoff_min_ms, backoff_max_ms; /* [1000], [60000] */
    uint32_t close_ms;                       /* link_close waits so long for outstanding answers [3000] */
    uint32_t peer_idle_ms;                   /* a connection of the gateway that is silent for so long is closed [300000] */
};
#define LINK_CODES_MAX 64

struct sms_result {
    enum sms_verdict verdict;
    uint32_t         code; /* status of the part that decided; 0 for SENT and UNKNOWN */
    /* By parts; their sum is parts_n. refused_n: TEMPORARY, REJECTED and CONFIG. With taken_n > 0 beside another verdict than
     * SENT, the phone may show a fragment, and those parts are paid for; their reports are swallowed. */
    uint32_t parts_n, taken_n, throttled_n, refused_n, unknown_n;
    /* References of the parts taken, and of unknown ones where they are ours (SGIP), in the order of the parts, joined by
     * commas. For the record: an orphan report names one of them. CMPP and SGIP ones carry no year. */
    char refs[LINK_REFS_CAP];
};

struct sms_report {
    uint64_t cookie;        /* 0 in an orphan */
    uint64_t token;         /* for link_report_stored; 0: the connection is gone, nothing to confirm */
    bool     delivered;     /* whole message; of an orphan only this part */
    char     stat[8];       /* of the part that decided: the first failure or the last success */
    uint32_t code;          /* SMGP, SGIP, SMPP: the network's error number; 0 none */
    char     done_time[11]; /* YYMMDDHHMM as the gateway wrote it, China time; may be empty or nonsense */
    char     ref[LINK_REF_CAP];
    char ref_alt[LINK_REF_CAP]; /* SMPP, while the form is not known: the other spelling on record could be this; else empty */
    char phone[33];             /* without +86 */
};

struct sms_mo {
    uint64_t    token;
    char        ref[LINK_REF_CAP]; /* of this text: the key against repetition; with SMPP only as good as its sequence number */
    char        phone[33], dest_id[22];
    const char *text;         /* UTF-8, borrowed; empty if not readable */
    bool        is_text;      /* false: format unknown or bytes no text of it */
    struct sms_concat concat; /* total > 1: one part of a longer text; joining is the owner's */
};

/* All optional but on_result. Structs are borrowed. */
struct link_ops {
    void (*on_up)(void *arg); /* logged in: there is room */
    void (*on_down)(void       *arg,
                    const char *why); /* after on_up; the results of what was under way came before. why: a constant word */
    void (*on_refused)(void    *arg,
                       uint32_t code); /* the log-in, for a reason that only a person can mend; tried again at backoff_max_ms */
    void (*on_room)(void *arg);        /* room for the message that was last refused for a full window */
    void (*on_result)(void *arg, uint64_t cookie, const struct sms_result *r);
    bool (*on_report)(void *arg, const struct sms_report *r);
    bool (*on_part_report)(void *arg, const struct sms_report *r); /* one part of several was delivered: kept, so that the others complete it in
                                                                    * another life of this process; the last one, or a failure, comes by on_report */
    bool (*on_orphan_report)(void *arg, const struct sms_report *r); /* matches nothing in memory: look into the records */
    bool (*on_mo)(void *arg, const struct sms_mo *mo);
    void (*on_closed)(void *arg); /* last call; the link is freed after it returns */
};

struct link_stats {
    bool     up;
    uint32_t window, window_used;
    uint32_t awaiting, held; /* messages waiting for a report; reports waiting for an answer */
    uint32_t peers;          /* connections beside the one that sends, logged in */
    uint16_t listen_port;
    /* in the last second, by parts */
    uint32_t submitted_1s, responded_1s, throttled_1s;
    /* since open */
    uint64_t submitted, responded, throttled, refused, timed_out, cut_off, late;
    uint64_t reports, orphans, duplicates, unstorable, bad_pdus, connects, login_refused, peers_refused, forgotten;
};

/* Whether link_open would take it, but for what only the machine can tell. ERR_INPUT. Any thread. */
enum err link_conf_check(const struct link_conf *conf) MUST_CHECK;
/* Begins to connect on the next turn of the loop. Without on_report and on_orphan_report no reports are asked for.
 * ERR_INPUT for a configuration out of range; ERR_BUSY when listen_host and listen_port cannot be listened on. loop and arg
 * stay the owner's and outlive on_closed; ops is copied. */
enum err link_open(uv_loop_t *loop, const struct link_conf *conf, const struct link_ops *ops, void *arg,
                   struct link **out) MUST_CHECK;
/* Takes no more, waits close_ms at most for outstanding answers, says farewell, ends in on_closed. Once. */
void link_close(struct link *link);

/* Sends a text in as many parts as it needs. ERR_BUSY: not up, or no room for all parts: nothing was sent, the caller
 * keeps it. ERR_INPUT: phone is not 5-18 digits with an optional +, text not UTF-8, empty, or longer than parts_max
 * parts. phone and text are borrowed. on_result is never called from inside. */
enum err link_submit(struct link *link, uint64_t cookie, const char *phone, const char *text) MUST_CHECK;

/* What came with this token is stored: answers the gateway. A stale token (connection gone, or waited longer than
 * request_ms) does nothing; the gateway sends again. */
void link_report_stored(struct link *link, uint64_t token);

void link_stats(const struct link *link, struct link_stats *out);

#endif
