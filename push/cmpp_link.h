/* SPDX-License-Identifier: Apache-2.0
 *
 * One link to a carrier's gateway over CMPP 3.0 or 2.0, as a state machine on the owner's libuv loop. Everything here and
 * every callback runs on that loop's thread. It keeps a sliding window, matches answers by Sequence_Id, joins the parts
 * of a message, and reconnects with growing, jittered pauses. It never sends a message a second time, never paces and
 * never keeps a message that the window has no room for: that is the owner's (D24, D25).
 *
 * From text to verdict:
 *   submit -> every part answered, timed out or cut off -> on_result, exactly once for each ERR_OK of submit
 *   SENT   -> status report of every part, or the first failure -> on_report (after on_result, never before)
 *
 * What is received is answered (DELIVER_RESP) only when the owner has stored it: on_report, on_orphan_report and on_mo
 * return true for "stored now"; with false the owner calls cmpp_link_report_stored(link, token) when it is. What is never
 * confirmed stays unanswered and the gateway sends it again, so each of the three may come again with the same ids.
 *
 * Callbacks may call any function of this file on their link, cmpp_link_close included.
 */
#ifndef ZB_PUSH_CMPP_LINK_H
#define ZB_PUSH_CMPP_LINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

#include "base/err.h"
#include "push/sms_text.h"

#define CMPP_WINDOW_MAX   256
#define CMPP_MSG_IDS_TEXT (SMS_PARTS_MAX * 17)

struct cmpp_link;

/* Zero means the default in brackets. Strings are borrowed during cmpp_link_open only. */
struct cmpp_conf {
    const char *host; /* a numeric address: carriers give addresses, and a loop does not wait for names */
    uint16_t    port;
    const char *sp_code, *secret, *service_id, *src_id;
    uint8_t     version;       /* CMPP_V30 (default) or CMPP_V20; a gateway that knows only 2.0 brings it down to that */
    bool        hash_padded;   /* see struct cmpp_login */
    uint32_t    window;        /* unanswered SUBMITs [16], at most CMPP_WINDOW_MAX */
    uint32_t    parts_max;     /* parts of one message [8], at most window and SMS_PARTS_MAX */
    uint32_t    awaiting_max;  /* messages remembered until their report [20000]; the oldest is forgotten, its report is then an orphan */
    uint32_t    held_max;      /* reports that may be earlier than their SUBMIT_RESP [256]; the oldest becomes an orphan */
    uint32_t    request_ms;    /* CONNECT, SUBMIT, TERMINATE unanswered for so long are given up [60000] */
    uint32_t    idle_ms;       /* nothing received for so long: ACTIVE_TEST [30000] */
    uint32_t    active_ms;     /* wait for its answer [60000] */
    uint32_t    active_tries;  /* tests in a row before the link is dropped [3] */
    uint32_t    awaiting_ms;   /* how long a message is remembered [48 h] */
    uint32_t    held_ms;       /* how long a report waits for its SUBMIT_RESP [180000] */
    uint32_t    backoff_min_ms, backoff_max_ms; /* [1000], [60000] */
    uint32_t    close_ms;      /* cmpp_link_close waits so long for outstanding answers [3000] */
};

enum cmpp_verdict {
    CMPP_SENT,      /* the gateway took every part */
    CMPP_THROTTLED, /* flow control (result 8) for at least one part, none refused for good */
    CMPP_REJECTED,  /* at least one part refused for good, see code */
    CMPP_UNKNOWN    /* no answer: time-out or the link died in between; the text may or may not arrive (D24) */
};

struct sms_result {
    enum cmpp_verdict verdict;
    uint32_t          code; /* Result of the part that decided; 0 for SENT and UNKNOWN */
    /* By parts; their sum is parts_n. With taken_n > 0 beside another verdict than SENT, the phone may show a fragment,
     * and those parts are paid for; their reports are swallowed. */
    uint32_t parts_n, taken_n, throttled_n, rejected_n, unknown_n;
    /* Msg_Ids of the parts taken, 16 hex digits each, in the order of the parts, joined by commas. For the record: an
     * orphan report names one of them. They carry no year. */
    char msg_ids[CMPP_MSG_IDS_TEXT];
};

struct sms_report {
    uint64_t cookie;    /* 0 in an orphan */
    uint64_t token;     /* for cmpp_link_report_stored; 0: the connection is gone, nothing to confirm */
    bool     delivered; /* whole message; of an orphan only this part */
    char     stat[8];   /* of the part that decided: the first failure or the last success */
    char     done_time[11]; /* YYMMDDHHMM as the gateway wrote it, China time; may be empty or nonsense */
    char     msg_id[17];
    char     phone[33];
};

struct sms_mo {
    uint64_t          token;
    char              msg_id[17]; /* of this DELIVER: the key against repetition */
    char              phone[33], dest_id[22];
    const char       *text;    /* UTF-8, borrowed; empty if not readable */
    bool              is_text; /* false: format unknown or bytes no text of it */
    struct sms_concat concat;  /* total > 1: one part of a longer text; joining is the owner's */
};

/* All optional but on_result. Structs are borrowed. */
struct cmpp_ops {
    void (*on_up)(void *arg);                    /* logged in: there is room */
    void (*on_down)(void *arg, const char *why); /* after on_up; the results of what was under way came before. why: a constant word */
    void (*on_room)(void *arg);                  /* room for the message that was last refused for a full window */
    void (*on_result)(void *arg, uint64_t cookie, const struct sms_result *r);
    bool (*on_report)(void *arg, const struct sms_report *r);
    bool (*on_orphan_report)(void *arg, const struct sms_report *r); /* matches nothing in memory: look into the records */
    bool (*on_mo)(void *arg, const struct sms_mo *mo);
    void (*on_closed)(void *arg); /* last call; the link is freed after it returns */
};

struct cmpp_stats {
    bool     up;
    uint32_t window, window_used;
    uint32_t awaiting, held; /* messages waiting for a report; reports waiting for an answer */
    /* in the last second, by parts */
    uint32_t submitted_1s, responded_1s, throttled_1s;
    /* since open */
    uint64_t submitted, responded, throttled, rejected, timed_out, cut_off, late;
    uint64_t reports, orphans, duplicates, unstorable, bad_pdus, connects, login_refused, forgotten;
};

/* Begins to connect on the next turn of the loop. Without on_report and on_orphan_report no reports are asked for.
 * ERR_INPUT for a configuration out of range. loop and arg stay the owner's and outlive on_closed; ops is copied. */
enum err cmpp_link_open(uv_loop_t *loop, const struct cmpp_conf *conf, const struct cmpp_ops *ops, void *arg,
                        struct cmpp_link **out) MUST_CHECK;
/* Takes no more, waits close_ms at most for outstanding answers, says TERMINATE, ends in on_closed. Once. */
void cmpp_link_close(struct cmpp_link *link);

/* Sends a text in as many parts as it needs. ERR_BUSY: not up, or no room for all parts: nothing was sent, the caller
 * keeps it. ERR_INPUT: phone is not 5-20 digits with an optional +, text not UTF-8, empty, or longer than parts_max
 * parts. phone and text are borrowed. on_result is never called from inside. */
enum err cmpp_link_submit(struct cmpp_link *link, uint64_t cookie, const char *phone, const char *text) MUST_CHECK;

/* What came with this token is stored: answers the gateway. A stale token (connection gone, or waited longer than
 * request_ms) does nothing; the gateway sends again. */
void cmpp_link_report_stored(struct cmpp_link *link, uint64_t token);

void cmpp_link_stats(const struct cmpp_link *link, struct cmpp_stats *out);

#endif
