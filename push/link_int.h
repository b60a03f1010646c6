/* SPDX-License-Identifier: Apache-2.0
 *
 * Inside of the carrier link, shared by link.c (the owner's side), link_conn.c (connection, window), link_peer.c (connections
 * that the gateway opens), link_deliver.c (what the gateway sends) and link_track.c (memory of messages, no I/O). Never
 * included outside push/. Loop thread only.
 *
 * A message in link_track:  FLIGHT --verdict SENT--> AWAIT --report--> REPORTED --stored--> STORED --age--> freed
 *                           FLIGHT --other verdict, some parts taken--> MUTE --age--> freed
 * In FLIGHT its unanswered parts stand in the window; from AWAIT on its references are in the hash. STORED and MUTE stay for
 * a while only to swallow repeated and useless reports.
 */
#ifndef ZB_PUSH_LINK_INT_H
#define ZB_PUSH_LINK_INT_H

#include <sys/queue.h>

#include "base/buf.h"
#include "push/link.h"
#include "push/link_proto.h"

struct link_msg;

struct link_track_part {
    struct link_msg *msg;
    TAILQ_ENTRY(link_track_part) window; /* while unanswered */
    struct link_track_part *hash_next;
    uint64_t                ord; /* rises with every part ever sent: which answers a report may still be waiting for */
    int64_t                 sent_ms;
    uint32_t                seq, code;
    bool                    is_answered, is_reported;
    enum sms_verdict        answer;
    char                    ref[LINK_REF_CAP];
};
TAILQ_HEAD(link_window, link_track_part);

enum link_phase { LINK_FLIGHT, LINK_AWAIT, LINK_MUTE, LINK_REPORTED, LINK_DONE };

struct link_msg {
    unsigned magic;
#define LINK_MSG_MAGIC 0x43c5a7e1u
    enum link_phase         phase;
    uint64_t                cookie;
    uint64_t                token; /* under which its report was handed up last; 0 never */
    int64_t                 since_ms;
    uint32_t                phone_tail; /* see link_phone_tail */
    uint32_t                parts_n, unanswered_n, unreported_n;
    struct link_track_part *decider; /* part whose report was handed up */
    TAILQ_ENTRY(link_msg) list;
    struct link_track_part part[];
};
TAILQ_HEAD(link_msgs, link_msg);

/* A report on its way through: which connection brought it, and which parts may still be answered with its reference. */
struct link_held {
    TAILQ_ENTRY(link_held) list;
    struct link_report_body rep;
    struct link_origin      origin;
    uint64_t                ord; /* waits for parts sent before ord */
    int64_t                 since_ms;
    uint32_t                conn_id; /* 0: that connection is gone, there is nobody to answer */
};
TAILQ_HEAD(link_helds, link_held);

struct link_track {
    struct link_window       flight; /* oldest first */
    uint32_t                 window, used;
    uint64_t                 next_ord;
    struct link_track_part **bucket;
    size_t                   buckets_n; /* a power of two */
    struct link_msgs         awaiting;  /* AWAIT and REPORTED, oldest first */
    struct link_msgs         quiet;     /* DONE and MUTE, oldest first */
    uint32_t                 awaiting_n, awaiting_max, quiet_n, quiet_max;
    struct link_helds        held;
    uint32_t                 held_n, held_max;
    uint64_t                 forgotten;
};

void link_track_init(struct link_track *t, uint32_t window, uint32_t awaiting_max, uint32_t held_max);
void link_track_fini(struct link_track *t);
/* Puts parts_n parts into the window, which must have room. Their sequence numbers are the caller's to fill. Owned by the track.
 */
struct link_msg *link_track_add(struct link_track *t, uint64_t cookie, uint32_t phone_tail, uint32_t parts_n, int64_t now_ms);
struct link_track_part *link_track_by_seq(struct link_track *t, uint32_t seq); /* in the window; NULL */
/* Not in FLIGHT; unreported ones first; NULL. phone_tail 0: any number. */
struct link_track_part *link_track_by_ref(struct link_track *t, const char *ref, uint32_t phone_tail);
/* Takes the part out of the window. ref NULL keeps the one it has. True when it was the last one of its message: the caller
 * asks for the result, then settles. */
bool link_track_answer(struct link_track *t, struct link_track_part *p, enum sms_verdict a, uint32_t code, const char *ref);
void link_track_result(const struct link_msg *m, struct sms_result *out);
/* Leaves FLIGHT: to AWAIT or MUTE, or freed. May forget the oldest awaiting message. */
void link_track_settle(struct link_track *t, struct link_msg *m, const struct sms_result *r, bool want_report, int64_t now_ms);
void link_track_stored(struct link_track *t, struct link_msg *m, int64_t now_ms); /* REPORTED to DONE */
/* REPORTED under this token, by way of the hash of its decider's reference; NULL. */
struct link_msg *link_track_by_token(struct link_track *t, uint64_t ref_hash, uint64_t token);
void             link_track_age(struct link_track *t, int64_t awaiting_before_ms, int64_t quiet_before_ms);
uint64_t         link_ref_hash(const char *ref);
/* The last eight digits of a number as a number; 0 for fewer. Gateways write prefixes as they like. */
uint32_t link_phone_tail(const char *phone);

#define LINK_IN_BYTES 16384
#define LINK_PDU_MAX (LINK_IN_BYTES / 2) /* of every protocol: what is left after whole frames is less than one */
#define LINK_OUT_MAX (256u * 1024u)      /* unsent bytes: a peer that does not read is dropped */
#define LINK_PENDING_MAX                                                                                                         \
    512 /* received, handed up, not yet confirmed (a commit's time); more are left to the gateway's repetition */
#define LINK_PEERS_MAX 8
#define LINK_RATE_SLOTS 10   /* of 100 ms */
#define LINK_QUIET_MS 300000 /* repeated reports are recognised for so long */

enum link_state { LINK_ST_WAIT, LINK_ST_CONNECT, LINK_ST_LOGIN, LINK_ST_UP, LINK_ST_DRAIN, LINK_ST_TERM, LINK_ST_CLOSED };

/* One TCP connection; outlives the link's interest in it until libuv has closed it. */
struct link_conn {
    uv_tcp_t     tcp;
    uv_connect_t req;
    struct link *link; /* NULL: given up */
    LIST_ENTRY(link_conn) peers;
    uint32_t            id;                    /* never 0, never used twice */
    bool                is_peer, is_logged_in; /* beside the one we send on, and whether it may speak */
    bool                is_ours;               /* is_peer, but opened by us to receive on; else by the gateway */
    uint32_t            tests_n;
    int64_t             received_ms, test_ms;
    struct buf          out;
    struct link_session session;
    size_t              in_n;
    uint8_t             in[LINK_IN_BYTES];
};

struct link_pending {
    TAILQ_ENTRY(link_pending) list; /* in use or free */
    uint64_t           token;       /* 0: free; its low bits are the place in the array */
    uint64_t           ref_hash;    /* of the reference reported; 0 for orphans and MO */
    struct link_origin origin;
    int64_t            since_ms;
    uint32_t           conn_id;
};
TAILQ_HEAD(link_pendings, link_pending);

struct link {
    unsigned magic;
#define LINK_MAGIC 0x5d0c33b9u
    uv_loop_t               *loop;
    const struct link_proto *proto;
    struct link_conf         conf; /* defaults filled in; strings are our own copies, NULL where they may be */
    struct link_ops          ops;
    void                    *arg;
    struct sockaddr_storage  addr, peer_addr;
    struct link_code         codes[LINK_CODES_MAX];
    char                    *own[11]; /* see conf_own */
    enum link_state          state;
    const char              *doom; /* why the connection ends at the next turn; NULL */
    bool              is_closing, is_corked, want_report, needs_person, is_split; /* split: receives on a connection of its own */
    uv_timer_t        timer;                                                      /* one: pause between attempts, else the tick */
    uint64_t          tick_ms;
    struct link_conn *conn; /* the one we opened; NULL between attempts */
    uv_tcp_t          listener;
    bool              has_listener;
    LIST_HEAD(, link_conn) peers;
    uint32_t             peers_n, next_conn_id;
    enum link_id_form    id_form;  /* as configured, or learned */
    uint8_t              ref[256]; /* next reference of long texts, by hash of the phone: differs between neighbours */
    uint32_t             seq, attempts, wanted;
    int64_t              state_ms, up_ms, receiver_ms; /* receiver_ms: when one was last tried */
    uint64_t             token;
    struct link_pending  pending[LINK_PENDING_MAX];
    struct link_pendings pending_used, pending_free;
    struct link_track    track;
    struct link_stats    stats;
    struct {
        int64_t  slot; /* mono ms / 100 */
        uint32_t submitted, responded, throttled;
    } rate[LINK_RATE_SLOTS];
};

/* link.c */
void     link_freed(struct link *l); /* every handle is closed: the last call to the owner */
void     link_room(struct link *l);
void     link_part_answered(struct link *l, struct link_track_part *p, enum sms_verdict a, uint32_t code, const char *ref);
void     link_count_rate(struct link *l, uint32_t submitted, uint32_t responded, uint32_t throttled);
uint32_t link_random32(void);
uint32_t link_next_seq(struct link *l);
/* link_conn.c */
void              link_timer_start(struct link *l, uint64_t first_ms, uint64_t repeat_ms);
void              link_doom(struct link *l, const char *why);
void              link_set_state(struct link *l, enum link_state s);
bool              link_is_up(const struct link *l);
struct link_conn *link_conn_new(struct link *l);
void              link_conn_give_up(struct link_conn *c); /* closes and frees it; no callbacks */
bool              link_conn_read(struct link_conn *c);
void              link_conn_connect(struct link_conn *c);       /* then logs in */
void link_conn_test(struct link_conn *c, int64_t now_ms);       /* active test when it is due, the end when it is not answered */
struct link_conn *link_conn_by_id(struct link *l, uint32_t id); /* NULL: gone */
void              link_write(struct link_conn *c, const struct wire_pdu *pdu); /* at the end of the turn while is_corked */
void              link_flush(struct link_conn *c);
void              link_after_turn(struct link *l); /* after anything that may have freed places in the window */
/* link_peer.c */
enum err link_peer_listen(struct link *l) MUST_CHECK;
void     link_peer_open(struct link *l); /* with is_split: the connection to receive on */
void     link_peer_close_ours(struct link *l, const char *why);
void     link_peer_receive(struct link_conn *c, const struct link_event *ev);
void     link_peer_close(struct link_conn *c, const char *why);
void     link_peer_age(struct link *l, int64_t now_ms);
void     link_peer_fini(struct link *l); /* connections at once, the listener in time: link_freed follows */
/* link_deliver.c */
void link_deliver_init(struct link *l);
void link_deliver_receive(struct link_conn *c, const struct link_event *ev); /* REPORT, MO, BAD_DELIVERY */
void link_deliver_retry(struct link *l);                  /* after answers: held reports that can be decided now */
void link_deliver_age(struct link *l, int64_t now_ms);    /* on the tick */
void link_deliver_down(struct link *l, uint32_t conn_id); /* that connection is gone */
void link_deliver_orphan_held(struct link *l);            /* parts in flight are settled: what is held belongs to none of them */

#endif
