/* SPDX-License-Identifier: Apache-2.0
 *
 * SGIP 1.2: the codec against published vectors and broken bytes, and what is particular to it on a link: connections that the
 * gateway opens to us, references that are ours, no active test.
 */
#include "tests/unit/carrier.h"

#include <errno.h>
#include <fcntl.h>

#include "push/link_proto.h"
#include "push/sgip_codec.h"

static const char BIND[] =
    "0000003d00000001b36a7b1f0614dc4500000001017a6275736572000000000000000000007a62706173730000000000000000000000000000000000"
    "00";
static const char BIND_RESP[] =
    "0000001d80000001b36a7b1f0614dc4500000001000000000000000000";
static const char SUBMIT[] =
    "000000b000000003b36a7b1f0614dc450000000231303635353030303132330000000000000000000030303030303030303030303030303030303030"
    "30300138363133303030303030303030000000000000000039393939395a57545a000000000000013000000000003000000000000002000000000000"
    "00000000000000000000000000000000000000000000000000000001000008000000000c301067d05e02301160a8597d0000000000000000";
static const char SUBMIT_RESP[] =
    "0000001d80000003b36a7b1f0614dc4500000002000000000000000000";
static const char REPORT[] =
    "000000400000000500018a890614dc4700000007b36a7b1f0614dc450000000200383631333030303030303030300000000000000000000000000000"
    "00000000";
static const char REPORT_RESP[] =
    "0000001d8000000500018a890614dc4700000007000000000000000000";
static const char DELIVER[] =
    "000000510000000400018a890614dc470000000838363133303030303030303030000000000000000031303635353030303132330000000000000000"
    "000000000800000004653652300000000000000000";
static const char UNBIND[] =
    "0000001400000002b36a7b1f0614dc4500000003";

static const uint8_t CONTENT[] = {0x30, 0x10, 0x67, 0xd0, 0x5e, 0x02, 0x30, 0x11, 0x60, 0xa8, 0x59, 0x7d};

static struct sgip_seq sp(uint32_t serial) { return (struct sgip_seq){3010099999u, 102030405, serial}; }
static struct sgip_seq smg(uint32_t serial) { return (struct sgip_seq){101001, 102030407, serial}; }

static void t_encode(void **state) {
    (void)state;
    struct wire_pdu    pdu;
    struct sgip_bind   b = {.type = SGIP_TO_GATEWAY, .name = "zbuser", .password = "zbpass"};
    struct sgip_submit s = {.src = "10655000123", .dst = "8613000000000", .corp_id = "99999", .service = "ZWTZ", .content = CONTENT,
                            .content_n = sizeof CONTENT, .fmt = 8, .want_report = true};
    assert_int_equal(sgip_encode_bind(&pdu, sp(1), &b), ERR_OK);
    same(&pdu, BIND);
    assert_int_equal(sgip_encode_submit(&pdu, sp(2), &s), ERR_OK);
    same(&pdu, SUBMIT);
    sgip_encode_plain(&pdu, SGIP_UNBIND, sp(3));
    same(&pdu, UNBIND);
    sgip_encode_resp(&pdu, SGIP_REPORT | SGIP_RESP, smg(7), 0);
    same(&pdu, REPORT_RESP);
    sgip_encode_resp(&pdu, SGIP_BIND | SGIP_RESP, sp(1), 0);
    same(&pdu, BIND_RESP);
    static const uint8_t big[141] = {0};
    static const struct {
        const char *src, *dst, *corp, *service;
        size_t      n;
    } bad[] = {{"1", "", "1", "1", 5},           {"1", "1", "1", "1", 0},      {"1", "1", "1", "1", 141},
               {"1", "1", "123456", "1", 5},     {"1", "1", "1", "elevenchars", 5}, {"1234567890123456789012", "1", "1", "1", 5},
               {"1", "1234567890123456789012", "1", "1", 5}};
    for (size_t i = 0; i < ARRAY_N(bad); i++) {
        s = (struct sgip_submit){.src = bad[i].src, .dst = bad[i].dst, .corp_id = bad[i].corp, .service = bad[i].service, .content = big, .content_n = bad[i].n};
        assert_int_equal(sgip_encode_submit(&pdu, sp(2), &s), ERR_INPUT);
        assert_int_equal(pdu.len, 0);
    }
    s.dst       = "1";
    s.content_n = 140;
    assert_int_equal(sgip_encode_submit(&pdu, sp(2), &s), ERR_OK);
    assert_int_equal(pdu.len, 143 + 21 + 140);
}

static void t_decode(void **state) {
    (void)state;
    uint8_t             b[512], result;
    struct sgip_head    h;
    struct sgip_bind    bind;
    struct sgip_deliver d;
    struct sgip_report  r;
    char                ref[2 * SGIP_SEQ + 1];
    size_t              n = unhex(BIND, b);
    sgip_head(b, n, &h);
    assert_true(h.cmd == SGIP_BIND && h.seq.node == 3010099999u && h.seq.time == 102030405 && h.seq.serial == 1);
    assert_int_equal(sgip_decode_bind(b, n, &bind), ERR_OK);
    assert_string_equal(bind.name, "zbuser");
    assert_string_equal(bind.password, "zbpass");
    for (size_t k = 20; k < n; k++) assert_int_equal(sgip_decode_bind(b, k, &bind), ERR_INPUT);

    n = unhex(SUBMIT_RESP, b);
    assert_int_equal(sgip_decode_resp(b, n, &result), ERR_OK);
    assert_int_equal(result, 0);
    for (size_t k = 20; k < n; k++) assert_int_equal(sgip_decode_resp(b, k, &result), ERR_INPUT);

    n = unhex(REPORT, b);
    assert_int_equal(sgip_decode_report(b, n, &r), ERR_OK);
    sgip_seq_text(r.submit, ref);
    assert_string_equal(ref, "b36a7b1f0614dc4500000002");
    assert_true(r.type == 0 && r.state == 0 && r.error == 0 && r.word[0] == '\0');
    assert_string_equal(r.user, "8613000000000");
    for (size_t k = 20; k < n; k++) assert_int_equal(sgip_decode_report(b, k, &r), ERR_INPUT);
    memcpy(b + 56, "EXPIRED", 8);
    assert_int_equal(sgip_decode_report(b, n, &r), ERR_OK);
    assert_string_equal(r.word, "EXPIRED");
    b[57] = 1; /* no word */
    assert_int_equal(sgip_decode_report(b, n, &r), ERR_OK);
    assert_string_equal(r.word, "");
    b[54] = 3; /* no state */
    assert_int_equal(sgip_decode_report(b, n, &r), ERR_INPUT);

    n = unhex(DELIVER, b);
    assert_int_equal(sgip_decode_deliver(b, n, &d), ERR_OK);
    assert_true(d.fmt == 8 && !d.udhi && d.content_n == 4);
    assert_string_equal(d.user, "8613000000000");
    assert_string_equal(d.sp, "10655000123");
    for (size_t k = 20; k < n; k++) assert_int_equal(sgip_decode_deliver(b, k, &d), ERR_INPUT);
    for (unsigned i = 65; i < 69; i++) { /* a length that lies */
        uint8_t was = b[i];
        b[i] ^= 0x40;
        assert_int_equal(sgip_decode_deliver(b, n, &d), ERR_INPUT);
        b[i] = was;
    }
}

/* ---- on a link ---- */

static const struct side SGIP = {.proto = "sgip", .script = "tests/peers/sgip.mjs", .user = "zbuser", .secret = "zbpass", .has_peers = true};

static bool peers(size_t n) {
    struct link_stats s;
    link_stats(me.link, &s);
    return s.peers == n;
}
static bool peer_logins(size_t n) { return stat_of("peer_logins") >= (double)n; }
static bool peer_refused(size_t n) { return stat_of("peer_refused") >= (double)n; }
static bool at_gateway(size_t n) { return stat_of("submits") >= (double)n; }

static void t_states(void **state) {
    (void)state;
    static const struct {
        unsigned         result;
        enum sms_verdict want;
    } t[] = {{5, SMS_REJECTED}, {6, SMS_REJECTED},   {7, SMS_REJECTED},  {8, SMS_REJECTED}, {9, SMS_TEMPORARY}, {11, SMS_THROTTLED}, {2, SMS_TEMPORARY},
             {4, SMS_CONFIG},   {24, SMS_CONFIG},    {22, SMS_REJECTED}, {30, SMS_CONFIG},  {32, SMS_TEMPORARY}, {33, SMS_TEMPORARY}};
    struct link_conf c = conf();
    open_link(&c);
    for (size_t i = 0; i < ARRAY_N(t); i++) {
        char body[96];
        (void)snprintf(body, sizeof body, "{\"reject_phone\":{\"" PHONE "\":%u}}", t[i].result);
        behave(body);
        submit(i, "您好");
        AWAIT(results, i + 1);
        assert_int_equal(me.result[i].verdict, t[i].want);
        assert_int_equal(me.result[i].code, t[i].result);
        assert_string_equal(me.result[i].refs, "");
    }
    behave("{\"reject_phone\":{},\"report\":\"EXPIRED\"}"); /* the word stands in the reserve */
    submit(50, "您好");
    AWAIT(reports, 1);
    assert_string_equal(me.report[0].stat, "EXPIRED");
    assert_true(!me.report[0].delivered && me.report[0].code == 25);
    behave("{\"report\":\"ENROUTE\"}"); /* waiting: answered, not handed up */
    submit(51, "您好");
    AWAIT(acked, 2);
    assert_true(me.reports_n == 1 && me.orphans_n == 0);
    behave("{\"userrpt_now\":true}");
    AWAIT(acked, 3);
    /* Not logged in, it says: that message later, and the link binds anew. */
    behave("{\"reject_phone\":{\"" PHONE "\":1}}");
    submit(52, "您好");
    AWAIT(ups, 2);
    assert_int_equal(me.result[ARRAY_N(t) + 2].verdict, SMS_TEMPORARY);
    assert_string_equal(me.why, "not_logged_in");
    close_link();
}

/* The gateway may open a connection for each delivery, and close it after the answer. */
static void t_short_sessions(void **state) {
    (void)state;
    struct link_conf c = conf();
    open_link(&c);
    behave("{\"one_each\":true}");
    for (uint64_t i = 0; i < 5; i++) submit(i, "您好");
    AWAIT(reports, 5);
    AWAIT(acked, 5);
    AWAIT(peer_logins, 5);
    AWAIT(peers, 0);
    post("/mo", "{\"phone\":\"13811112222\",\"text\":\"收到\"}");
    AWAIT(mos, 1);
    assert_string_equal(me.mo_text, "收到");
    assert_string_equal(me.mo_phone, "13811112222");
    AWAIT(acked, 6);
    assert_int_equal(me.down, 0);
    close_link();
}

/* A connection of the gateway breaks while the owner is still storing: the next one brings it again. */
static void t_peer_breaks(void **state) {
    (void)state;
    struct link_conf c = conf();
    open_link(&c);
    me.store_later = true;
    submit(1, "您好");
    AWAIT(reports, 1);
    AWAIT(peers, 1);
    uint64_t stale = me.report[0].token;
    behave("{\"disconnect_now\":true}");
    AWAIT(ups, 2);
    AWAIT(peers, 0);
    tell_port();
    link_report_stored(me.link, stale); /* its connection is gone: nothing is answered */
    me.store_later = false;
    char body[128];
    (void)snprintf(body, sizeof body, "{\"msg_id\":\"%s\",\"phone\":\"" PHONE "\"}", me.report[0].ref);
    post("/report", body);
    AWAIT(reports, 2);
    assert_true(me.report[1].cookie == 1 && me.report[1].token != stale);
    AWAIT(acked, 1);
    close_link();
}

static void t_peer_refused(void **state) {
    (void)state;
    struct link_conf c = conf();
    open_link(&c);
    behave("{\"peer_secret\":\"wrong\"}");
    post("/mo", "{\"phone\":\"13811112222\",\"text\":\"收到\"}");
    AWAIT(peer_refused, 1);
    assert_int_equal((int)stat_of("peer_result"), 1);
    AWAIT(peers, 0);
    behave("{\"peer_secret\":\"zbpass\",\"peer_type\":1,\"one_each\":true}");
    post("/mo", "{\"phone\":\"13811112222\",\"text\":\"收到\"}");
    AWAIT(peer_refused, 2);
    assert_int_equal((int)stat_of("peer_result"), 4);
    behave("{\"peer_type\":2}");
    post("/mo", "{\"phone\":\"13811112222\",\"text\":\"收到\"}");
    AWAIT(mos, 1);
    close_link();

    /* From another address nobody is heard at all. */
    me.up = me.closed = 0;
    c.peer_host       = "127.0.0.9";
    open_link(&c);
    post("/mo", "{\"phone\":\"13811112222\",\"text\":\"收到\"}");
    struct link_stats s = {0};
    for (int i = 0; i < 200 && s.peers_refused == 0; i++) {
        (void)loop_until(never, 0, 10);
        link_stats(me.link, &s);
    }
    assert_true(s.peers_refused == 1 && s.peers == 0 && me.mos == 1);
    close_link();
}

/* Garbage, too many, silence: each ends for itself, our own connection stays. */
static void t_strangers(void **state) {
    (void)state;
    struct link_conf   c = conf();
    struct link_stats  s;
    int                fd[12];
    c.request_ms = 300; /* also how long a stranger may be silent before its log-in */
    open_link(&c);
    link_stats(me.link, &s);
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(s.listen_port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    for (size_t i = 0; i < ARRAY_N(fd); i++) {
        fd[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        assert_int_equal(connect(fd[i], (const struct sockaddr *)&a, sizeof a), 0);
    }
    static const char *const hex[] = {"474554202f20485454502f312e31", "00000013", "0000001400000003b36a7b1f0614dc4500000003", "00000014000000020000000000000000000000ff"};
    for (size_t i = 0; i < ARRAY_N(hex); i++) {
        uint8_t b[64];
        size_t  n = unhex(hex[i], b);
        assert_int_equal(write(fd[i], b, n), n);
    }
    for (int i = 0; i < 500 && s.peers_refused < 4; i++) {
        (void)loop_until(never, 0, 10);
        link_stats(me.link, &s);
    }
    assert_true(s.peers_refused >= 4); /* above the eighth */
    for (size_t i = 0; i < ARRAY_N(fd); i++) { /* all are closed by the link, the silent ones in time */
        char byte;
        assert_int_equal(fcntl(fd[i], F_SETFL, O_NONBLOCK), 0);
        ssize_t n = -1;
        for (int k = 0; k < 500 && (n = read(fd[i], &byte, 1)) < 0 && errno == EAGAIN; k++) (void)loop_until(never, 0, 10);
        assert_true(n == 0 || (n < 0 && errno == ECONNRESET));
        (void)close(fd[i]);
    }
    assert_int_equal(me.down, 0);
    submit(1, "您好");
    AWAIT(reports, 1);
    AWAIT(acked, 1);
    close_link();
}

/* The answer is lost, but the name was ours: the report finds the record. */
static void t_unknown_has_a_name(void **state) {
    (void)state;
    struct link_conf c = conf();
    open_link(&c);
    behave("{\"silent\":\"submit\"}");
    submit(1, "您好");
    AWAIT(at_gateway, 1);
    behave("{\"disconnect_now\":true,\"silent\":false}");
    AWAIT(results, 1);
    assert_int_equal(me.result[0].verdict, SMS_UNKNOWN);
    assert_int_equal(strlen(me.result[0].refs), 24);
    AWAIT(ups, 2);
    char body[128];
    (void)snprintf(body, sizeof body, "{\"msg_id\":\"%.24s\",\"phone\":\"" PHONE "\"}", me.result[0].refs);
    post("/report", body);
    AWAIT(orphans, 1);
    assert_string_equal(me.orphan[0].ref, me.result[0].refs);
    assert_true(me.orphan[0].delivered);
    AWAIT(acked, 1);
    close_link();
}

/* A silent connection closed by the gateway is its custom: the next one comes at once, however long the pauses have become. */
static void t_closed_idle(void **state) {
    (void)state;
    struct link_conf c = conf();
    c.backoff_min_ms   = 10;
    c.backoff_max_ms   = 60000;
    open_link(&c);
    for (unsigned i = 1; i <= 12; i++) { /* doubling, the twelfth pause would be 20 s */
        behave("{\"idle_close_now\":true}");
        AWAIT(ups, i + 1);
    }
    assert_string_equal(me.why, "closed_by_peer");
    close_link();
}

static void t_two_listen(void **state) {
    (void)state;
    struct link_conf  c = conf();
    struct link_stats s;
    struct link      *other = NULL;
    open_link(&c);
    link_stats(me.link, &s);
    c.listen_host = "192.0.2.1"; /* not ours */
    assert_int_equal(link_open(&me.loop, &c, &OPS, NULL, &other), ERR_BUSY);
    assert_null(other);
    c.listen_host = "no address";
    assert_int_equal(link_open(&me.loop, &c, &OPS, NULL, &other), ERR_BUSY);
    c.node = 0;
    assert_int_equal(link_open(&me.loop, &c, &OPS, NULL, &other), ERR_INPUT);
    submit(1, "您好");
    AWAIT(reports, 1);
    AWAIT(acked, 1);
    assert_int_equal(me.closed, 0);
    close_link();
}

#define T(f) {.name = #f, .test_func = (f), .setup_func = setup, .teardown_func = teardown, .initial_state = (void *)(uintptr_t)&SGIP}

int main(void) {
    const struct CMUnitTest codec[] = {cmocka_unit_test(t_encode), cmocka_unit_test(t_decode)};
    const struct CMUnitTest link[]  = {T(t_states),    T(t_short_sessions),     T(t_peer_breaks), T(t_peer_refused),
                                       T(t_strangers), T(t_unknown_has_a_name), T(t_closed_idle), T(t_two_listen)};
    int                     failed  = cmocka_run_group_tests(codec, NULL, NULL);
    log_set(LOG_ERROR + 1, 2);
    /* NOLINTNEXTLINE: a fixed command, to see whether there is a gateway to test against */
    if (system("command -v node >/dev/null 2>&1 && test -f tests/peers/sgip.mjs") != 0) {
        (void)printf("skipped: no node, or not run from the root of the sources\n");
        return failed;
    }
    return failed + cmocka_run_group_tests(link, NULL, NULL);
}
