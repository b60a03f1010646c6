/* SPDX-License-Identifier: Apache-2.0
 *
 * The HTTP client against tests/peers/web.mjs and apns.mjs over real sockets: HTTP/1.1 and HTTP/2, bounds, what counts as lost, and that
 * nothing is ever sent twice unless the peer said that it did not look at it.
 */
#include "push/http2_fix.h"
#include "push/http_out.h"
#include "push/net_guard.h"
#include "push/net_guard.h"
#include "tests/unit/peerkit.h"

static struct peer      web, apns;
static uv_loop_t        loop;
static struct http_out *out;

/* What came of a request; one test at a time. */
struct got {
    int    n, status;
    bool   lost;
    size_t body_n, headers_n;
    char   body[4096], retry[32], early[8];
};
static int done_n;

static void on_done(void *arg, const struct http_answer *r) {
    struct got *g = arg;
    g->n++;
    g->status    = r->status;
    g->lost      = r->lost;
    g->body_n    = r->body_n;
    g->headers_n = r->headers_n;
    if (r->body[0] != 0x1F) assert_int_equal(strlen(r->body), r->body_n);
    (void)snprintf(g->body, sizeof g->body, "%s", r->body);
    (void)snprintf(g->retry, sizeof g->retry, "%s", http_answer_header(r, "retry-after") ? http_answer_header(r, "retry-after") : "");
    (void)snprintf(g->early, sizeof g->early, "%s", http_answer_header(r, "link") ? "yes" : "");
    done_n++;
}

static int setup(void **state) {
    (void)state;
    assert_int_equal(setenv("http_proxy", "http://127.0.0.1:9", 1), 0); /* environment: ignored, or nothing here would work */
    assert_int_equal(setenv("HTTPS_PROXY", "http://127.0.0.1:9", 1), 0);
    pk_start(&web, "tests/peers/web.mjs", NULL);
    pk_start(&apns, "tests/peers/apns.mjs", NULL);
    return 0;
}

static int teardown(void **state) {
    (void)state;
    pk_stop(&web);
    pk_stop(&apns);
    return 0;
}

static int test_setup(void **state) {
    (void)state;
    assert_int_equal(uv_loop_init(&loop), 0);
    out    = http_out_new(&loop);
    done_n = 0;
    pk_reset(&web);
    pk_reset(&apns);
    return 0;
}

static int test_teardown(void **state) {
    (void)state;
    http_out_free(out);
    pk_end(&loop);
    return 0;
}

static struct http_req *send_to(struct got *g, const char *method, const char *url, const char *body, int64_t timeout_ms, const char *ca) {
    const struct http_way way  = {.proxy = "", .ca_file = ca, .timeout_ms = timeout_ms};
    struct http_call      call = {.method = method, .url = url, .body = body, .body_n = strlen(body)};
    struct http_req      *req  = NULL;
    memset(g, 0, sizeof *g);
    http_call_header(&call, "x-empty", "");
    http_call_header(&call, "x-one", "1");
    assert_int_equal(http_out_send(out, &way, &call, on_done, g, &req), ERR_OK);
    assert_int_equal(g->n, 0); /* never inside */
    return req;
}

static const char *plain(const char *path) {
    static char url[128];
    (void)snprintf(url, sizeof url, "http://127.0.0.1:%u%s", web.port, path);
    return url;
}

static const char *tls(const char *path) {
    static char url[128];
    (void)snprintf(url, sizeof url, "https://localhost:%u%s", web.tls, path);
    return url;
}

static void t_echo(void **state) {
    (void)state;
    struct got g;
    for (int h2 = 0; h2 < 2; h2++) {
        (void)send_to(&g, "POST", h2 ? tls("/echo") : plain("/echo"), "bytes \xE4\xB8\xAD", 10000, h2 ? web.ca : "");
        pk_until(&loop, &g.n, 1);
        assert_int_equal(g.status, 200);
        cJSON *j = cJSON_Parse(g.body), *h = cJSON_GetObjectItem(j, "headers");
        assert_string_equal(cJSON_GetStringValue(cJSON_GetObjectItem(j, "version")), h2 ? "2.0" : "1.1");
        assert_string_equal(cJSON_GetStringValue(cJSON_GetObjectItem(j, "body")), "bytes \xE4\xB8\xAD");
        assert_string_equal(cJSON_GetStringValue(cJSON_GetObjectItem(h, "x-one")), "1");
        assert_string_equal(cJSON_GetStringValue(cJSON_GetObjectItem(h, "x-empty")), "");
        assert_null(cJSON_GetObjectItem(h, "content-type")); /* nothing that we did not say */
        assert_null(cJSON_GetObjectItem(h, "expect"));
        assert_null(cJSON_GetObjectItem(h, "accept-encoding"));
        cJSON_Delete(j);
        (void)send_to(&g, "GET", h2 ? tls("/echo") : plain("/echo"), "", 10000, h2 ? web.ca : "");
        pk_until(&loop, &g.n, 1);
        assert_non_null(strstr(g.body, "\"method\":\"GET\""));
    }
    assert_int_equal(http_out_connections(out), 2);
}

static void t_answers(void **state) {
    (void)state;
    struct got g;
    static const struct {
        const char *path;
        int         status;
        size_t      body_n;
    } v[] = {
        {"/big?n=100", 200, 100},     {"/big?n=65536", 200, 65536}, {"/big?n=65537", 200, 65536}, {"/big?n=3000000", 200, 65536},
        {"/redirect", 302, 9},        {"/status?n=503", 503, 4},    {"/status?n=429", 429, 4},    {"/many?n=200", 200, 2},
    };
    for (size_t i = 0; i < ARRAY_N(v); i++) {
        for (int h2 = 0; h2 < 2; h2++) {
            (void)send_to(&g, "POST", h2 ? tls(v[i].path) : plain(v[i].path), "x", 10000, h2 ? web.ca : "");
            pk_until(&loop, &g.n, 1);
            if (g.status != v[i].status || g.body_n != v[i].body_n) fail_msg("%s h2 %d: %d, %zu bytes", v[i].path, h2, g.status, g.body_n);
            if (v[i].status >= 429) assert_string_equal(g.retry, "3"); /* blanks around it are gone */
            assert_true(g.headers_n <= 48);
        }
    }
    (void)send_to(&g, "POST", plain("/early"), "x", 10000, "");
    pk_until(&loop, &g.n, 1);
    assert_int_equal(g.status, 200);
    assert_string_equal(g.retry, "7");
    assert_string_equal(g.early, ""); /* what came with 103 is not the answer's */
    (void)send_to(&g, "POST", plain("/half"), "x", 10000, "");
    pk_until(&loop, &g.n, 1);
    assert_int_equal(g.status, 0); /* an answer that is not whole is none */
    assert_true(g.lost);
    (void)send_to(&g, "POST", plain("/zip"), "x", 10000, "");
    pk_until(&loop, &g.n, 1);
    assert_int_equal(g.status, 200);
    assert_int_equal(g.body[0], 0x1F); /* not unpacked: a bomb stays small */
}

/* Nothing can have arrived: lost is false. */
static void t_not_sent(void **state) {
    (void)state;
    struct got g;
    char       url[128];
    (void)send_to(&g, "POST", "http://127.0.0.1:9/", "x", 5000, ""); /* nobody listens */
    pk_until(&loop, &g.n, 1);
    assert_true(g.status == 0 && !g.lost);
    (void)send_to(&g, "POST", "http://no-such-name.invalid/", "x", 20000, "");
    pk_until(&loop, &g.n, 1);
    assert_true(g.status == 0 && !g.lost);
    (void)send_to(&g, "POST", tls("/echo"), "x", 10000, ""); /* a certificate the system does not know */
    pk_until(&loop, &g.n, 1);
    assert_true(g.status == 0 && !g.lost);
    (void)snprintf(url, sizeof url, "https://127.0.0.2:%u/echo", web.tls); /* nobody listens there, or a name that is not in the certificate */
    (void)send_to(&g, "POST", url, "x", 10000, web.ca);
    pk_until(&loop, &g.n, 1);
    assert_true(g.status == 0 && !g.lost);
    (void)snprintf(url, sizeof url, "https://127.0.0.1:%u/echo", web.port); /* TLS with somebody who does not speak it */
    (void)send_to(&g, "POST", url, "x", 10000, web.ca);
    pk_until(&loop, &g.n, 1);
    assert_true(g.status == 0 && !g.lost);
    assert_int_equal(pk_stat(&web, "requests"), 0);
}

static void t_time_out(void **state) {
    (void)state;
    struct got g;
    for (int h2 = 0; h2 < 2; h2++) {
        (void)send_to(&g, "POST", h2 ? tls("/silent") : plain("/silent"), "x", 300, h2 ? web.ca : "");
        pk_until(&loop, &g.n, 1);
        assert_true(g.status == 0 && g.lost);
        (void)send_to(&g, "POST", h2 ? tls("/slow?ms=50") : plain("/slow?ms=50"), "x", 5000, h2 ? web.ca : "");
        pk_until(&loop, &g.n, 1);
        assert_int_equal(g.status, 200);
    }
    assert_int_equal(done_n, 4);
}

/* A kept connection that dies under its second request: the library alone would send it again. */
static void t_never_twice(void **state) {
    (void)state;
    struct got g;
    (void)send_to(&g, "POST", plain("/second"), "x", 5000, "");
    pk_until(&loop, &g.n, 1);
    assert_int_equal(g.status, 200);
    (void)send_to(&g, "POST", plain("/second"), "x", 5000, "");
    pk_until(&loop, &g.n, 1);
    assert_true(g.status == 0 && g.lost);
    assert_int_equal(pk_stat(&web, "requests"), 2);
    (void)send_to(&g, "POST", tls("/second"), "x", 5000, web.ca);
    pk_until(&loop, &g.n, 1);
    assert_int_equal(g.status, 200);
    (void)send_to(&g, "POST", tls("/second"), "x", 5000, web.ca);
    pk_until(&loop, &g.n, 1);
    assert_true(g.status == 0 && g.lost);
    assert_int_equal(pk_stat(&web, "requests"), 4);
}

static void t_cancel(void **state) {
    (void)state;
    struct got       g;
    bool             lost = true;
    struct http_req *r    = send_to(&g, "POST", plain("/slow?ms=100"), "x", 5000, "");
    http_out_cancel(r, &lost);
    assert_false(lost);
    for (int h2 = 0; h2 < 2; h2++) {
        struct got other;
        r = send_to(&g, "POST", h2 ? tls("/slow?ms=100") : plain("/slow?ms=100"), "x", 5000, h2 ? web.ca : "");
        pk_for(&loop, 60);
        (void)send_to(&other, "POST", h2 ? tls("/slow?ms=150") : plain("/slow?ms=150"), "x", 5000, h2 ? web.ca : "");
        while (pk_stat(&web, "requests") < 1 + 2 * h2) pk_for(&loop, 5);
        http_out_cancel(r, &lost);
        assert_true(lost);
        pk_until(&loop, &other.n, 1);
        assert_int_equal(other.status, 200); /* its neighbour on the connection did not notice */
        assert_int_equal(g.n, 0);
    }
    (void)send_to(&g, "POST", plain("/silent"), "x", 5000, ""); /* left to http_out_free */
    pk_for(&loop, 30);
}

/* Resolving runs elsewhere: a request that waits for a name can be ended at once. */
static void t_cancel_resolving(void **state) {
    (void)state;
    struct got       g;
    bool             lost = true;
    struct http_req *r    = send_to(&g, "POST", "http://slow-name.invalid./", "x", 5000, "");
    (void)uv_run(&loop, UV_RUN_NOWAIT);
    int64_t t0 = clock_mono_ms();
    http_out_cancel(r, &lost);
    assert_true(clock_mono_ms() - t0 < 500);
    assert_false(lost);
}

static void t_bad_calls(void **state) {
    (void)state;
    const struct http_way way = {.proxy = "", .ca_file = "", .timeout_ms = 1000};
    static const struct {
        const char *method, *url, *name, *value;
    } v[] = {
        {"POST", "ftp://127.0.0.1/", "a", "b"},        {"POST", "file:///etc/passwd", "a", "b"},      {"POST", "127.0.0.1/x", "a", "b"},
        {"POST", "", "a", "b"},                        {"POST", "http://", "a", "b"},                 {"POST", "http://u:p@127.0.0.1/", "a", "b"},
        {"POST", "http://127.0.0.1/a\r\nb: c", "a", "b"}, {"POST", "http://127.0.0.1/", "a", "b\r\nc: d"}, {"POST", "http://127.0.0.1/", "a\nb", "c"},
        {"POST", "http://127.0.0.1/", "a:", "c"},      {"POST", "http://127.0.0.1/", "", "c"},        {"PO ST", "http://127.0.0.1/", "a", "b"},
        {"", "http://127.0.0.1/", "a", "b"},           {"POST", "http://127.0.0.1:99999/", "a", "b"},
    };
    for (size_t i = 0; i < ARRAY_N(v); i++) {
        struct http_call call = {.method = v[i].method, .url = v[i].url, .header = {{v[i].name, v[i].value}}, .headers_n = 1};
        struct http_req *req  = NULL;
        if (http_out_send(out, &way, &call, on_done, NULL, &req) != ERR_INPUT) fail_msg("row %zu taken: %s", i, v[i].url);
        assert_null(req);
    }
    pk_for(&loop, 20);
    assert_int_equal(done_n, 0);
}

static void t_private_addresses(void **state) {
    (void)state;
    /* a stranger's URL that leads to us: by number, by name, by an odd spelling, and over a connection another provider opened */
    struct got            g;
    char                  url[64], why[128];
    struct http_req      *req;
    struct net_guard     *guard = NULL;
    const struct http_way way   = {.proxy = "", .ca_file = "", .timeout_ms = 5000};
    assert_int_equal(net_guard_new("", &guard, why, sizeof why), ERR_OK);
    (void)send_to(&g, "POST", plain("/echo"), "x", 5000, "");
    pk_until(&loop, &g.n, 1);
    assert_int_equal(g.status, 200);
    static const char *const hosts[] = {"127.0.0.1", "localhost", "2130706433", "[::ffff:127.0.0.1]", "127.1", "0x7f.1"};
    for (size_t i = 0; i < ARRAY_N(hosts); i++) {
        struct http_call call = {.method = "POST", .url = url, .body = "x", .body_n = 1, .guard = guard};
        (void)snprintf(url, sizeof url, "http://%s:%u/echo", hosts[i], web.port);
        memset(&g, 0, sizeof g);
        if (http_out_send(out, &way, &call, on_done, &g, &req) != ERR_INPUT) fail_msg("%s taken", url); /* seen from the URL alone */
    }
    /* names that only resolving tells: no socket is opened */
    char self[64];
    assert_int_equal(gethostname(self, sizeof self), 0);
    const char *const names[] = {"ip6-localhost", self};
    uint64_t          n0      = http_out_connections(out);
    for (size_t i = 0; i < ARRAY_N(names); i++) {
        struct http_call call = {.method = "POST", .url = url, .body = "x", .body_n = 1, .guard = guard};
        (void)snprintf(url, sizeof url, "http://%s:%u/echo", names[i], web.port);
        memset(&g, 0, sizeof g);
        if (http_out_send(out, &way, &call, on_done, &g, &req) == ERR_INPUT) continue;
        pk_until(&loop, &g.n, 1);
        assert_true(g.status == 0 && !g.lost);
    }
    assert_int_equal(http_out_connections(out), n0);
    assert_int_equal(pk_stat(&web, "requests"), 1);
    /* nobody here resolves names for a proxy: nothing that is not sure goes through it */
    const struct http_way proxied = {.proxy = "http://127.0.0.1:9", .ca_file = "", .timeout_ms = 1000};
    for (size_t i = 0; i < ARRAY_N(hosts); i++) {
        struct http_call call = {.method = "POST", .url = url, .guard = guard};
        (void)snprintf(url, sizeof url, "http://%s:%u/echo", hosts[i], web.port);
        if (http_out_send(out, &proxied, &call, on_done, &g, &req) != ERR_INPUT) fail_msg("%s taken", url);
    }
    net_guard_free(guard);
}

/* ---- HTTP/2 streams that the peer did not look at ---- */
static void push(struct got *g, const char *token, int64_t timeout_ms) {
    char             url[160];
    struct http_req *req;
    const struct http_way way  = {.proxy = "", .ca_file = apns.ca, .timeout_ms = timeout_ms};
    struct http_call      call = {.method = "POST", .url = url, .body = "{\"aps\":{\"alert\":{\"title\":\"t\"}}}"};
    (void)snprintf(url, sizeof url, "https://localhost:%u/3/device/%s", apns.port, token);
    call.body_n = strlen(call.body);
    http_call_header(&call, "authorization", "bearer e30.eyJpYXQiOjQxMDI0NDQ4MDB9.e30"); /* iat in 2100 */
    http_call_header(&call, "apns-topic", "cn.test");
    http_call_header(&call, "apns-push-type", "alert");
    memset(g, 0, sizeof *g);
    assert_int_equal(http_out_send(out, &way, &call, on_done, g, &req), ERR_OK);
}

static void t_refused(void **state) {
    (void)state;
    static struct got g, other[20];
    pk_behave(&apns, "{\"max_age_s\":1e12,\"tokens\":{\"aa\":{\"act\":\"refuse\",\"times\":2},\"bb\":{\"act\":\"refuse\"},\"cc\":{\"act\":\"reset\"},"
                     "\"dd\":{\"act\":\"goaway\",\"times\":1},\"ee\":{\"act\":\"cut\"},\"ff\":{\"slow_ms\":100}}}");
    push(&g, "0011", 5000);
    pk_until(&loop, &g.n, 1);
    assert_int_equal(g.status, 200);
    push(&g, "aa01", 5000); /* refused twice, then taken: libcurl sends again, which doubles nothing */
    pk_until(&loop, &g.n, 1);
    assert_int_equal(g.status, 200);
    assert_int_equal(pk_stat(&apns, "refused"), 2);
    push(&g, "bb01", 5000); /* always refused */
    pk_until(&loop, &g.n, 1);
    assert_true(g.status == 0 && !g.lost);
    push(&g, "cc01", 5000); /* received, then reset */
    pk_until(&loop, &g.n, 1);
    assert_true(g.status == 0 && g.lost);
    push(&g, "ee01", 5000); /* received, then the connection is gone */
    pk_until(&loop, &g.n, 1);
    assert_true(g.status == 0 && g.lost);
    /* GOAWAY in mid-flight: those before it are answered, the one after it goes again over a new connection */
    push(&g, "0011", 5000);
    pk_until(&loop, &g.n, 1);
    done_n = 0;
    for (size_t i = 0; i < 10; i++) push(&other[i], "ff02", 5000);
    push(&g, "dd01", 5000);
    pk_until(&loop, &done_n, 11);
    for (size_t i = 0; i < 10; i++) assert_int_equal(other[i].status, 200);
    assert_int_equal(g.status, 200);
    assert_int_equal(pk_stat(&apns, "goaways"), 1);
    assert_int_equal(pk_stat(&apns, "requests"), 1 + 1 + 1 + 1 + 1 + 11); /* each was looked at once */
}

static void t_multiplexed(void **state) {
    (void)state;
    static struct got g[300];
    pk_behave(&apns, "{\"max_age_s\":1e12,\"tokens\":{\"ff\":{\"slow_ms\":50}}}");
    int64_t t0 = clock_mono_ms();
    for (size_t i = 0; i < ARRAY_N(g); i++) push(&g[i], "ff01", 10000);
    pk_until(&loop, &done_n, (int)ARRAY_N(g));
    for (size_t i = 0; i < ARRAY_N(g); i++) assert_int_equal(g[i].status, 200);
    assert_int_equal(http_out_connections(out), 1);
    print_message("300 requests of 50 ms over one connection: %lld ms\n", (long long)(clock_mono_ms() - t0));
}

/* Servers count resets: one after every answer, as this libcurl would send, ends the connection after a thousand. */
static int          left_n;
static struct got   again[50];
static void         on_again(void *arg, const struct http_answer *r);
static void push_again(struct got *g) {
    char                  url[96];
    struct http_req      *req;
    const struct http_way way  = {.proxy = "", .ca_file = apns.ca, .timeout_ms = 10000};
    struct http_call      call = {.method = "POST", .url = url, .body = "{\"aps\":{\"alert\":{\"title\":\"t\"}}}"};
    (void)snprintf(url, sizeof url, "https://localhost:%u/3/device/0011", apns.port);
    call.body_n = strlen(call.body);
    http_call_header(&call, "authorization", "bearer e30.eyJpYXQiOjQxMDI0NDQ4MDB9.e30");
    http_call_header(&call, "apns-topic", "cn.test");
    http_call_header(&call, "apns-push-type", "alert");
    assert_int_equal(http_out_send(out, &way, &call, on_again, g, &req), ERR_OK);
}
static void on_again(void *arg, const struct http_answer *r) {
    done_n += r->status == 200;
    if (left_n-- > 0) push_again(arg);
}
static void t_no_resets(void **state) {
    (void)state;
    uint64_t dropped = http2_fix_dropped();
    struct got first;
    pk_behave(&apns, "{\"max_age_s\":1e12}");
    push(&first, "0011", 10000);
    pk_until(&loop, &first.n, 1);
    done_n = 0;
    left_n = 2500;
    for (size_t i = 0; i < ARRAY_N(again); i++) push_again(&again[i]);
    pk_until(&loop, &done_n, 2500 + (int)ARRAY_N(again));
    assert_int_equal(http_out_connections(out), 1);
    assert_true(http2_fix_dropped() - dropped >= 2500);
}

#define T(f) cmocka_unit_test_setup_teardown(f, test_setup, test_teardown)
int main(void) {
    const struct CMUnitTest tests[] = {
        T(t_echo),      T(t_answers),           T(t_not_sent),  T(t_time_out),  T(t_never_twice),
        T(t_cancel),    T(t_cancel_resolving),  T(t_bad_calls), T(t_private_addresses), T(t_refused), T(t_multiplexed), T(t_no_resets),
    };
    return cmocka_run_group_tests_name("http_out", tests, setup, teardown);
}
