/* SPDX-License-Identifier: Apache-2.0
 *
 * Inside of the CMPP link, shared by cmpp_link.c (connection, window), cmpp_deliver.c (what the gateway sends) and
 * cmpp_track.c (memory of messages, no I/O). Never included outside push/. Loop thread only.
 *
 * A message in cmpp_track:  FLIGHT --verdict SENT--> AWAIT --report--> REPORTED --stored--> STORED --age--> freed
 *                           FLIGHT --other verdict, some parts taken--> MUTE --age--> freed
 * In FLIGHT its unanswered parts fill slots of the window; from AWAIT on its Msg_Ids are in the hash. STORED and MUTE
 * stay for a while only to swallow repeated and useless reports.
 */
#ifndef ZB_PUSH_CMPP_INT_H
#define ZB_PUSH_CMPP_INT_H

#include <sys/queue.h>

#include "base/buf.h"
#include "push/cmpp_codec.h"
#include "push/cmpp_link.h"

struct cmpp_msg;

enum cmpp_answer { CMPP_ANS_NONE, CMPP_ANS_TAKEN, CMPP_ANS_THROTTLED, CMPP_ANS_REJECTED, CMPP_ANS_UNKNOWN };

struct cmpp_part {
    struct cmpp_msg  *msg;
    struct cmpp_part *hash_next;
    uint64_t          msg_id;
    uint64_t          ord; /* rises with every part ever sent: which answers a report may still be waiting for */
    int64_t           sent_ms;
    uint32_t          seq, code;
    enum cmpp_answer  answer;
    bool              is_reported;
};

enum cmpp_phase { CMPP_FLIGHT, CMPP_AWAIT, CMPP_MUTE, CMPP_REPORTED, CMPP_STORED };

struct cmpp_msg {
    unsigned magic;
#define CMPP_MSG_MAGIC 0x43c5a7e1u
    enum cmpp_phase       phase;
    uint64_t              cookie;
    uint64_t              token; /* under which its report was handed up last; 0 never */
    int64_t               since_ms;
    uint32_t              parts_n, unanswered_n, unreported_n;
    struct cmpp_part     *decider; /* part whose report was handed up */
    TAILQ_ENTRY(cmpp_msg) list;
    struct cmpp_part      part[];
};
TAILQ_HEAD(cmpp_msgs, cmpp_msg);

/* A report that came before the answer it belongs to. */
struct cmpp_held {
    TAILQ_ENTRY(cmpp_held) list;
    struct cmpp_report     rep;
    uint64_t               deliver_id, ord; /* waits for parts sent before ord */
    int64_t                since_ms;
    uint32_t               seq;
};
TAILQ_HEAD(cmpp_helds, cmpp_held);

struct cmpp_track {
    struct cmpp_part *slot[CMPP_WINDOW_MAX]; /* NULL is free */
    uint32_t          window, used;
    uint64_t          next_ord;
    struct cmpp_part **bucket;
    size_t            buckets_n; /* a power of two */
    struct cmpp_msgs  awaiting;  /* AWAIT and REPORTED, oldest first */
    struct cmpp_msgs  quiet;     /* STORED and MUTE, oldest first */
    uint32_t          awaiting_n, awaiting_max, quiet_n, quiet_max;
    struct cmpp_helds held;
    uint32_t          held_n, held_max;
    uint64_t          forgotten;
};

void cmpp_track_init(struct cmpp_track *t, uint32_t window, uint32_t awaiting_max, uint32_t held_max);
void cmpp_track_fini(struct cmpp_track *t);
/* Fills parts_n slots, which must be free, with Sequence_Ids from seq on. Owned by the track. */
struct cmpp_msg  *cmpp_track_add(struct cmpp_track *t, uint64_t cookie, uint32_t parts_n, uint32_t seq, int64_t now_ms);
struct cmpp_part *cmpp_track_by_seq(struct cmpp_track *t, uint32_t seq); /* in the window; NULL */
struct cmpp_part *cmpp_track_by_id(struct cmpp_track *t, uint64_t msg_id); /* not in FLIGHT; unreported ones first; NULL */
struct cmpp_part *cmpp_track_oldest(struct cmpp_track *t);                 /* in the window; NULL */
/* Frees the part's slot. True when it was the last one of its message: the caller asks for the result, then settles. */
bool cmpp_track_answer(struct cmpp_track *t, struct cmpp_part *p, enum cmpp_answer a, uint32_t code, uint64_t msg_id);
void cmpp_track_result(const struct cmpp_msg *m, struct sms_result *out);
/* Leaves FLIGHT: to AWAIT or MUTE, or freed. May forget the oldest awaiting message. */
void cmpp_track_settle(struct cmpp_track *t, struct cmpp_msg *m, const struct sms_result *r, bool want_report, int64_t now_ms);
void cmpp_track_stored(struct cmpp_track *t, struct cmpp_msg *m, int64_t now_ms); /* REPORTED to STORED */
/* REPORTED under this token, by way of the Msg_Id of its decider; NULL. */
struct cmpp_msg *cmpp_track_by_token(struct cmpp_track *t, uint64_t msg_id, uint64_t token);
void cmpp_track_age(struct cmpp_track *t, int64_t awaiting_before_ms, int64_t quiet_before_ms);

#define CMPP_IN_BYTES    (4 * CMPP_PDU_MAX)
#define CMPP_OUT_MAX     (256u * 1024u) /* unsent bytes: a peer that does not read is dropped */
#define CMPP_PENDING_MAX 512            /* received, handed up, not yet confirmed (a commit's time); more are left to the gateway's repetition */
#define CMPP_RATE_SLOTS  10             /* of 100 ms */

enum cmpp_state { CMPP_ST_WAIT, CMPP_ST_CONNECT, CMPP_ST_LOGIN, CMPP_ST_UP, CMPP_ST_DRAIN, CMPP_ST_TERM, CMPP_ST_CLOSED };

/* One TCP connection; outlives the link's interest in it until libuv has closed it. */
struct cmpp_conn {
    uv_tcp_t          tcp;
    uv_connect_t      req;
    struct cmpp_link *link; /* NULL: given up */
    size_t            in_n;
    uint8_t           in[CMPP_IN_BYTES];
};

struct cmpp_pending {
    uint64_t token, deliver_id; /* token 0: free */
    uint64_t report_id;         /* Msg_Id of the part reported; 0 for orphans and MO */
    int64_t  since_ms;
    uint32_t seq;
};

struct cmpp_link {
    unsigned magic;
#define CMPP_LINK_MAGIC 0x5d0c33b9u
    uv_loop_t          *loop;
    struct cmpp_conf    conf; /* defaults filled in; strings point at the copies below */
    struct cmpp_ops     ops;
    void               *arg;
    char               *secret;
    char                sp_code[7], service_id[11], src_id[22];
    struct sockaddr_storage addr;
    enum cmpp_state     state;
    const char         *doom; /* why the connection ends at the next turn; NULL */
    bool                is_closing, is_corked, want_report, login_refused;
    uv_timer_t          timer; /* one: pause between attempts, else the tick */
    uint64_t            tick_ms;
    struct cmpp_conn   *conn; /* NULL between attempts */
    struct buf          out;
    uint8_t             version, auth[16];
    uint8_t             ref[256]; /* next reference of long texts, by hash of the phone: differs between neighbours */
    uint32_t            seq, tests_n, attempts, wanted;
    int64_t             state_ms, up_ms, received_ms, test_ms;
    uint64_t            token;
    struct cmpp_pending pending[CMPP_PENDING_MAX];
    struct cmpp_track   track;
    struct cmpp_stats   stats;
    struct {
        int64_t  slot; /* mono ms / 100 */
        uint32_t submitted, responded, throttled;
    } rate[CMPP_RATE_SLOTS];
};

/* cmpp_link.c */
void cmpp_link_write(struct cmpp_link *l, const void *p, size_t n);
void cmpp_link_doom(struct cmpp_link *l, const char *why);
/* cmpp_deliver.c */
void cmpp_deliver_receive(struct cmpp_link *l, const struct cmpp_head *h, const uint8_t *pdu);
void cmpp_deliver_retry(struct cmpp_link *l);               /* after answers: held reports that can be decided now */
void cmpp_deliver_age(struct cmpp_link *l, int64_t now_ms); /* on the tick */
void cmpp_deliver_down(struct cmpp_link *l);                /* the connection is gone; parts in flight are settled */

#endif
