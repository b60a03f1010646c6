/* SPDX-License-Identifier: Apache-2.0
 *
 * Connections beside the one we send on. Those that the gateway opens to us (SGIP): a listener, at most LINK_PEERS_MAX
 * connections from the carrier's address, each logged in before it may bring anything. And one of our own to receive on, where
 * the gateway wants that (SMPP without transceivers). They end for themselves; what they bring is answered on them. Loop thread
 * only.
 */
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/log.h"
#include "push/link_int.h"

#define BACKLOG 16

void link_peer_close(struct link_conn *c, const char *why) {
    struct link *l = c->link;
    LOG(LOG_INFO, "link_peer_closed", KS("proto", l->proto->name), KS("why", why));
    LIST_REMOVE(c, peers);
    l->peers_n--;
    link_conn_give_up(c);
    link_deliver_down(l, c->id);
}

/* ---- a connection of ours to receive on ---- */

static struct link_conn *ours(struct link *l) {
    struct link_conn *c;
    LIST_FOREACH(c, &l->peers, peers) {
        if (c->is_ours) return c;
    }
    return NULL;
}

void link_peer_open(struct link *l) {
    struct link_conn *c = link_conn_new(l);
    l->receiver_ms      = clock_mono_ms();
    c->is_peer          = true;
    c->is_ours          = true;
    c->session.mode     = LINK_RECEIVE;
    LIST_INSERT_HEAD(&l->peers, c, peers);
    l->peers_n++;
    link_conn_connect(c);
}

void link_peer_close_ours(struct link *l, const char *why) {
    struct link_conn *c   = ours(l);
    struct wire_pdu   pdu = {0};
    if (c == NULL) return;
    if (c->is_logged_in && l->is_closing) {
        l->proto->terminate(&c->session, link_next_seq(l), &pdu);
        link_write(c, &pdu);
        if (c->link) link_flush(c);
    }
    if (c->link) link_peer_close(c, why);
}

/* True: it was the answer to our log-in. */
static bool is_login_answer(struct link_conn *c, const struct link_event *ev) {
    struct link *l = c->link;
    if (!c->is_ours || c->is_logged_in || (ev->kind != LINK_EV_LOGIN_ANSWER && ev->kind != LINK_EV_NACK)) return false;
    if (ev->code == 0) {
        c->is_logged_in = true;
        LOG(LOG_INFO, "link_receiver_up", KS("proto", l->proto->name));
        return true;
    }
    l->stats.login_refused++;
    LOG(LOG_ERROR, "link_login_refused", KS("proto", l->proto->name), KI("status", ev->code));
    link_peer_close(c, "login_refused");
    return true;
}

/* ---- connections of the gateway ---- */

static bool is_from(const struct sockaddr_storage *want, const struct sockaddr_storage *got) {
    if (want->ss_family != got->ss_family) return false;
    if (want->ss_family == AF_INET)
        return memcmp(&((const struct sockaddr_in *)(const void *)want)->sin_addr,
                      &((const struct sockaddr_in *)(const void *)got)->sin_addr, sizeof(struct in_addr)) == 0;
    return memcmp(&((const struct sockaddr_in6 *)(const void *)want)->sin6_addr,
                  &((const struct sockaddr_in6 *)(const void *)got)->sin6_addr, sizeof(struct in6_addr)) == 0;
}

static void on_connection(uv_stream_t *server, int status) {
    struct link            *l = server->data;
    struct sockaddr_storage from;
    int                     n = sizeof from;
    if (status < 0) return;
    struct link_conn *c = link_conn_new(l);
    c->is_peer          = true;
    if (uv_accept(server, (uv_stream_t *)&c->tcp) != 0 || uv_tcp_getpeername(&c->tcp, (struct sockaddr *)&from, &n) != 0 ||
        !is_from(&l->peer_addr, &from) || l->peers_n >= LINK_PEERS_MAX || l->is_closing || !link_conn_read(c)) {
        l->stats.peers_refused++;
        LOG0(LOG_WARN, "link_peer_refused");
        link_conn_give_up(c);
        return;
    }
    LIST_INSERT_HEAD(&l->peers, c, peers);
    l->peers_n++;
    (void)uv_tcp_nodelay(&c->tcp, 1);
}

/* Our own socket, because libuv cannot ask for a shared port: several workers of one machine listen for one carrier. */
enum err link_peer_listen(struct link *l) {
    struct sockaddr_storage a   = {0};
    socklen_t               n   = sizeof a, a_n;
    int                     one = 1, fd = -1;
    enum err                e = ERR_BUSY;
    if (uv_ip4_addr(l->conf.listen_host, l->conf.listen_port, (struct sockaddr_in *)&a) != 0 &&
        uv_ip6_addr(l->conf.listen_host, l->conf.listen_port, (struct sockaddr_in6 *)&a) != 0)
        goto out;
    a_n = a.ss_family == AF_INET ? sizeof(struct sockaddr_in) : sizeof(struct sockaddr_in6);
    fd  = socket(a.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one) != 0 ||
        setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &one, sizeof one) != 0 || bind(fd, (const struct sockaddr *)&a, a_n) != 0 ||
        getsockname(fd, (struct sockaddr *)&a, &n) != 0)
        goto out;
    l->stats.listen_port = ntohs(a.ss_family == AF_INET ? ((struct sockaddr_in *)(void *)&a)->sin_port
                                                        : ((struct sockaddr_in6 *)(void *)&a)->sin6_port);
    MUST(uv_tcp_init(l->loop, &l->listener) == 0);
    l->listener.data = l;
    l->has_listener  = true;
    if (uv_tcp_open(&l->listener, fd) != 0) goto out;
    fd = -1; /* the handle's */
    if (uv_listen((uv_stream_t *)&l->listener, BACKLOG, on_connection) == 0) e = ERR_OK;
out:
    if (fd >= 0) (void)close(fd);
    return e;
}

static void log_in(struct link_conn *c, const struct link_event *ev) {
    struct link    *l   = c->link;
    struct wire_pdu pdu = {0};
    c->is_logged_in     = ev->code == 0;
    l->proto->login_answer(&c->session, &ev->origin, ev->code, &pdu);
    link_write(c, &pdu);
    if (c->link == NULL) return;
    if (c->is_logged_in) {
        LOG(LOG_INFO, "link_peer_up", KS("proto", l->proto->name));
        return;
    }
    l->stats.peers_refused++;
    link_flush(c);
    if (c->link) link_peer_close(c, "login_refused");
}

void link_peer_receive(struct link_conn *c, const struct link_event *ev) {
    struct link    *l   = c->link;
    struct wire_pdu pdu = {0};
    if (is_login_answer(c, ev)) return;
    if (ev->kind == LINK_EV_LOGIN && !c->is_ours) {
        log_in(c, ev);
        return;
    }
    if (ev->kind == LINK_EV_BAD || !c->is_logged_in) {
        l->stats.bad_pdus++;
        link_peer_close(c, ev->kind == LINK_EV_BAD ? ev->why : "not_logged_in");
        return;
    }
    switch (ev->kind) {
    case LINK_EV_REPORT:
    case LINK_EV_MO:
    case LINK_EV_BAD_DELIVERY: link_deliver_receive(c, ev); break;
    case LINK_EV_TEST:
        l->proto->test_answer(&c->session, &ev->origin, &pdu);
        link_write(c, &pdu);
        break;
    case LINK_EV_TEST_ANSWER: break;
    case LINK_EV_NOTHING: /* understood, of no use to us, but wants its answer */
        if (c->is_ours) break;
        l->proto->deliver_answer(&c->session, &ev->origin, LINK_STORED, &pdu);
        link_write(c, &pdu);
        break;
    case LINK_EV_TERMINATE:
        l->proto->terminate_answer(&c->session, &ev->origin, &pdu);
        link_write(c, &pdu);
        if (c->link) link_flush(c);
        if (c->link) link_peer_close(c, "terminated_by_peer");
        break;
    case LINK_EV_BAD:
    case LINK_EV_UNKNOWN:
    case LINK_EV_LOGIN_ANSWER:
    case LINK_EV_SUBMIT_ANSWER:
    case LINK_EV_NACK:
    case LINK_EV_TERMINATE_ANSWER:
    case LINK_EV_LOGIN:
    default:
        l->stats.bad_pdus++;
        LOG(LOG_WARN, "link_unknown_command", KS("proto", l->proto->name), KI("command", ev->code));
        break;
    }
}

void link_peer_age(struct link *l, int64_t now_ms) {
    struct link_conn *c, *next;
    for (c = LIST_FIRST(&l->peers); c; c = next) {
        int64_t silent_ms = now_ms - c->received_ms;
        next              = LIST_NEXT(c, peers);
        if (c->is_ours && c->is_logged_in)
            link_conn_test(c, now_ms);
        else if (silent_ms >= (c->is_logged_in ? l->conf.peer_idle_ms : l->conf.request_ms))
            link_peer_close(c, "silent");
    }
    if (l->is_split && link_is_up(l) && ours(l) == NULL && now_ms - l->receiver_ms >= l->conf.backoff_max_ms) link_peer_open(l);
}

static void on_timer_closed(uv_handle_t *h) { link_freed(h->data); }
static void on_listener_closed(uv_handle_t *h) {
    struct link *l = h->data;
    uv_close((uv_handle_t *)&l->timer, on_timer_closed);
}

void link_peer_fini(struct link *l) {
    struct link_conn *c;
    while ((c = LIST_FIRST(&l->peers)) != NULL) link_peer_close(c, "closed");
    if (l->has_listener)
        uv_close((uv_handle_t *)&l->listener, on_listener_closed);
    else
        uv_close((uv_handle_t *)&l->timer, on_timer_closed);
}
