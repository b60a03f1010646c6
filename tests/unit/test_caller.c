/* SPDX-License-Identifier: Apache-2.0
 *
 * The caller against the fakes of Apple, Firebase and a push service over real sockets, with a real redis-server: credentials that are
 * shared, fetched once, renewed and refused; every end of a request; nothing called back twice.
 */
#include <time.h>

#include "base/log.h"
#include "push/caller.h"
#include "store/cred.h"
#include "store/redis_server.h"
#include "tests/unit/pushkit.h"
#include "tests/unit/peerkit.h"

static struct peer          apns, fcm, web, office;
static uv_loop_t            loop;
static struct http_out     *out;
static struct redis_server *server;
static char                 redis[160], account[128], p256dh_auth[200];

#define MANY 4000
static struct {
    int         n, room;
    int         of[MANY]; /* results by cookie */
    struct push_answer last, by[MANY];
} got;
static struct caller *to_free; /* from inside on_result */

static void on_result(void *arg, uint64_t cookie, const struct push_answer *a) {
    (void)arg;
    assert_true(cookie < MANY);
    got.n++;
    got.of[cookie]++;
    got.last = got.by[cookie] = *a;
    if (to_free) {
        struct caller *c = to_free;
        to_free          = NULL;
        caller_free(c);
    }
}
static void on_room(void *arg) {
    (void)arg;
    got.room++;
}
static struct {
    bool is_read, is_delivered, is_final;
    char ref[64];
} told;
static void on_poll(void *arg, uint64_t cookie, const struct push_receipt *rc, const struct push_answer *a) {
    told.is_read      = rc->is_read;
    told.is_delivered = rc->is_delivered;
    told.is_final     = rc->is_final;
    (void)snprintf(told.ref, sizeof told.ref, "%s", rc->ref);
    on_result(arg, cookie, a);
}
static const struct caller_ops ops = {on_result, on_room, on_poll};

static void write_pub(EVP_PKEY *k, const char *name, char path[128]) {
    (void)snprintf(path, 128, "%s/%s", kd_dir, name);
    FILE *f = fopen(path, "we");
    assert_non_null(f);
    assert_int_equal(PEM_write_PUBKEY(f, k), 1);
    assert_int_equal(fclose(f), 0);
}

static int setup(void **state) {
    (void)state;
    char why[512], pub[2][128];
    kd_begin();
    log_set(LOG_ERROR, 2);
    assert_int_equal(redis_server_start(kd_dir, &server, redis, sizeof redis, why, sizeof why), ERR_OK);
    EVP_PKEY *ec = kk_key("EC", 0), *rsa = kk_key("RSA", 2048);
    char     *pem = kk_pem(ec), *rsa_pem = kk_pem(rsa);
    kd_file("apns.p8", pem);
    kd_file("vapid.pem", pem);
    cJSON *j = cJSON_CreateObject();
    cJSON_AddStringToObject(j, "client_email", "x@city-1");
    cJSON_AddStringToObject(j, "project_id", "city-1");
    cJSON_AddStringToObject(j, "private_key", rsa_pem);
    char *text = cJSON_PrintUnformatted(j);
    (void)snprintf(account, sizeof account, "%s", kd_file("account.json", text));
    cJSON_free(text);
    cJSON_Delete(j);
    write_pub(ec, "ec.pub", pub[0]);
    write_pub(rsa, "rsa.pub", pub[1]);
    const char *a[] = {"--pub", pub[0], "--kid", "KEYID12345", "--team", "TEAMID1234", "--topic", "cn.gov.test", NULL};
    const char *f[] = {"--pub", pub[1], "--email", "x@city-1", "--project", "city-1", NULL};
    pk_start(&apns, "tests/peers/apns.mjs", a);
    pk_start(&fcm, "tests/peers/fcm.mjs", f);
    pk_start(&web, "tests/peers/webpush.mjs", NULL);
    pk_start(&office, "tests/peers/office.mjs", NULL);
    (void)snprintf(p256dh_auth, sizeof p256dh_auth, "%s %s", web.p256dh, web.auth);
    x_free(pem);
    x_free(rsa_pem);
    EVP_PKEY_free(ec);
    EVP_PKEY_free(rsa);
    return 0;
}

static int teardown(void **state) {
    (void)state;
    pk_stop(&apns);
    pk_stop(&fcm);
    pk_stop(&web);
    pk_stop(&office);
    redis_server_stop(server);
    kd_end();
    return 0;
}

static int test_setup(void **state) {
    (void)state;
    assert_int_equal(uv_loop_init(&loop), 0);
    out = http_out_new(&loop);
    memset(&got, 0, sizeof got);
    pk_reset(&apns);
    pk_reset(&fcm);
    pk_reset(&web);
    pk_reset(&office);
    /* every test begins without credentials */
    struct redis *r = redis_new(redis, 1000);
    assert_int_equal(redis_ping(r), ERR_OK);
    redis_free(r);
    return 0;
}

static int test_teardown(void **state) {
    (void)state;
    for (int i = 0; i < MANY; i++)
        if (got.of[i] > 1) fail_msg("cookie %d: %d results", i, got.of[i]);
    http_out_free(out);
    pk_end(&loop);
    return 0;
}

/* name: credentials are shared by providers of one name; a test of its own name begins without one. */
static struct provider *make(const char *kind, const char *name, const char *window, const char *timeout) {
    char                 url[96], token_url[96], key[128], why[512] = "";
    struct conf          c   = {0};
    struct conf_section *s   = conf_section_add(&c, "provider", name);
    struct provider     *p   = NULL;
    const struct peer   *who = strcmp(kind, "apns") == 0 ? &apns : strcmp(kind, "fcm") == 0 ? &fcm : &web;
    (void)snprintf(url, sizeof url, "https://localhost:%u", who->port);
    (void)snprintf(token_url, sizeof token_url, "https://localhost:%u/token", who->port);
    (void)snprintf(key, sizeof key, "%s/%s", kd_dir, who == &apns ? "apns.p8" : "vapid.pem");
    conf_section_set(s, "kind", kind, 1);
    conf_section_set(s, "ca_file", who->ca, 1);
    conf_section_set(s, "window", window, 1);
    conf_section_set(s, "timeout_s", timeout, 1);
    if (who != &web) conf_section_set(s, "base_url", url, 1);
    if (who == &apns) {
        conf_section_set(s, "key_file", key, 1);
        conf_section_set(s, "key_id", "KEYID12345", 1);
        conf_section_set(s, "team_id", "TEAMID1234", 1);
        conf_section_set(s, "topic", "cn.gov.test", 1);
    } else if (who == &fcm) {
        conf_section_set(s, "key_file", account, 1);
        conf_section_set(s, "token_url", token_url, 1);
    } else {
        conf_section_set(s, "vapid_key_file", key, 1);
        conf_section_set(s, "subject", "mailto:it@city.test", 1);
        conf_section_set(s, "allow_private", strcmp(name, "strict") == 0 ? "false" : "true", 1);
    }
    enum err e = provider_new(s, &p, why, sizeof why);
    conf_fini(&c);
    if (e) fail_msg("%s", why);
    return p;
}

static void submit(struct caller *c, uint64_t cookie, const char *target) {
    struct push_msg m = kd_msg(target);
    int             n = got.n;
    m.target_key      = p256dh_auth;
    assert_int_equal(caller_submit(c, cookie, &m), ERR_OK);
    assert_int_equal(got.n, n); /* never inside */
}

static struct push_answer one(struct caller *c, const char *target) {
    static uint64_t cookie;
    int             n = got.n;
    submit(c, cookie++ % MANY, target);
    memset(got.of, 0, sizeof got.of);
    pk_until(&loop, &got.n, n + 1);
    assert_int_equal(caller_under_way(c), 0);
    return got.last;
}

/* ---- Apple ---- */
static void t_apns(void **state) {
    (void)state;
    static const struct {
        const char  *token, *detail;
        enum verdict verdict;
        int64_t      wait_ms;
    } v[] = {
        {"0011", "", V_SENT, 0},
        {"d1", "HTTP 410 Unregistered", V_GONE, 0},
        {"d2", "HTTP 400 BadDeviceToken", V_GONE, 0},
        {"d3", "HTTP 429 TooManyRequests", V_RETRY, 9000},
        {"d4", "HTTP 503 Shutdown", V_RETRY, 0},
        {"d5", "HTTP 413 PayloadTooLarge", V_REJECTED, 0},
        {"d6", "HTTP 400 TopicDisallowed", V_CONFIG, 0},
        {"d7", "no answer", V_UNKNOWN, 0}, /* silent */
        {"d8", "no answer", V_UNKNOWN, 0}, /* reset */
        {"d9", "no connection", V_RETRY, 0}, /* GOAWAY that names an earlier stream as the last: it was not looked at */
        {"d9", "", V_SENT, 0},             /* over another connection */
        {"da", "", V_SENT, 0},             /* refused once */
        {"db", "HTTP 500", V_RETRY, 0},    /* not JSON */
        {"dc", "HTTP 400", V_REJECTED, 0}, /* more than a million bytes of it */
    };
    static char big[1 << 17];
    struct provider *p = make("apns", "a-all", "0", "1");
    struct caller   *c = caller_new(&loop, out, p, redis, &ops, NULL);
    struct buf       b;
    buf_init(&b, 1 << 20);
    memset(big, 'x', sizeof big - 1);
    buf_printf(&b, "{\"tokens\":{\"d1\":{\"status\":410,\"reason\":\"Unregistered\",\"timestamp\":1520000000000},\"d2\":{\"status\":400,\"reason\":\"BadDeviceToken\"},"
                   "\"d3\":{\"status\":429,\"reason\":\"TooManyRequests\",\"retry_after\":9},\"d4\":{\"status\":503,\"reason\":\"Shutdown\"},"
                   "\"d5\":{\"status\":413,\"reason\":\"PayloadTooLarge\"},\"d6\":{\"status\":400,\"reason\":\"TopicDisallowed\"},\"d7\":{\"act\":\"silent\"},"
                   "\"d8\":{\"act\":\"reset\"},\"d9\":{\"act\":\"goaway\",\"times\":1},\"da\":{\"act\":\"refuse\",\"times\":1},\"db\":{\"status\":500,\"body\":\"<html>\"},"
                   "\"dc\":{\"status\":400,\"body\":\"%s\"}}}", big);
    pk_behave(&apns, buf_str(&b));
    buf_fini(&b);
    for (size_t i = 0; i < ARRAY_N(v); i++) {
        struct push_answer r = one(c, v[i].token);
        if (r.verdict != v[i].verdict || r.wait_ms != v[i].wait_ms || strcmp(r.detail, v[i].detail) != 0)
            fail_msg("%s: %s, %lld ms, %s", v[i].token, verdict_info(r.verdict)->word, (long long)r.wait_ms, r.detail);
        if (i == 0) assert_int_equal(strlen(r.ref), 36);
        if (i == 1) assert_true(r.gone_wall_ms == 1520000000000);
    }
    assert_int_equal(pk_stat(&apns, "violations"), 0);
    assert_int_equal(pk_stat(&apns, "provider_tokens"), 1); /* one for all */
    caller_free(c);
    provider_free(p);
}

/* Two workers and one that comes later: one provider token; without Redis each has its own. */
static void t_apns_shared(void **state) {
    (void)state;
    struct provider *p[3];
    struct caller   *c[3];
    for (int i = 0; i < 3; i++) p[i] = make("apns", "a-shared", "0", "5");
    for (int i = 0; i < 2; i++) c[i] = caller_new(&loop, out, p[i], redis, &ops, NULL);
    for (uint64_t i = 0; i < 20; i++) submit(c[i % 2], i, "0022");
    pk_until(&loop, &got.n, 20);
    assert_int_equal(pk_stat(&apns, "provider_tokens"), 1);
    c[2] = caller_new(&loop, out, p[2], redis, &ops, NULL);
    assert_int_equal(one(c[2], "0022").verdict, V_SENT);
    assert_int_equal(pk_stat(&apns, "provider_tokens"), 1);
    caller_free(c[2]);
    c[2] = caller_new(&loop, out, p[2], "unix:/nonexistent/sock", &ops, NULL);
    assert_int_equal(one(c[2], "0022").verdict, V_SENT);
    assert_int_equal(pk_stat(&apns, "provider_tokens"), 2);
    for (int i = 0; i < 3; i++) {
        caller_free(c[i]);
        provider_free(p[i]);
    }
}

/* The clock stands where we say: a token that has become too old is renewed before it is refused, and not sooner than after 20 minutes. */
static void t_apns_renewal(void **state) {
    (void)state;
    struct provider *p  = make("apns", "a-renew", "0", "5");
    int64_t          t0 = (int64_t)time(NULL) * 1000 - 100 * 60000;
    pk_behave(&apns, "{\"max_age_s\":1000000}");
    clock_wall_fake(t0);
    struct caller *c = caller_new(&loop, out, p, redis, &ops, NULL);
    assert_int_equal(one(c, "0033").verdict, V_SENT);
    clock_wall_fake(t0 + 39 * 60000);
    assert_int_equal(one(c, "0033").verdict, V_SENT);
    assert_int_equal(pk_stat(&apns, "provider_tokens"), 1);
    clock_wall_fake(t0 + 41 * 60000);
    (void)one(c, "0033"); /* still with the old one, or already with the new one */
    pk_for(&loop, 100);
    assert_int_equal(one(c, "0033").verdict, V_SENT);
    assert_int_equal(pk_stat(&apns, "provider_tokens"), 2);
    /* refused although young: the answer stands, nothing is signed anew */
    pk_behave(&apns, "{\"tokens\":{\"00\":{\"status\":403,\"reason\":\"ExpiredProviderToken\"}}}");
    clock_wall_fake(t0 + 45 * 60000);
    assert_int_equal(one(c, "0033").verdict, V_AUTH);
    assert_int_equal(pk_stat(&apns, "provider_tokens"), 2);
    /* refused and older than 20 minutes: a new one, and the message goes again with it */
    pk_behave(&apns, "{\"tokens\":{\"00\":{\"status\":403,\"reason\":\"ExpiredProviderToken\",\"times\":1}}}");
    clock_wall_fake(t0 + 62 * 60000);
    assert_int_equal(one(c, "0033").verdict, V_SENT);
    assert_int_equal(pk_stat(&apns, "provider_tokens"), 3);
    /* told that we sign too often: not again */
    pk_behave(&apns, "{\"tokens\":{\"00\":{\"status\":429,\"reason\":\"TooManyProviderTokenUpdates\",\"times\":1}}}");
    clock_wall_fake(t0 + 85 * 60000);
    struct push_answer r = one(c, "0033");
    assert_true(r.verdict == V_AUTH && r.wait_ms == 20 * 60000);
    assert_int_equal(pk_stat(&apns, "provider_tokens"), 3);
    clock_wall_fake(0);
    caller_free(c);
    provider_free(p);
}

static void t_window(void **state) {
    (void)state;
    struct provider *p = make("apns", "a-window", "5", "5");
    struct caller   *c = caller_new(&loop, out, p, "", &ops, NULL);
    struct push_msg  m = kd_msg("0044");
    pk_behave(&apns, "{\"tokens\":{\"00\":{\"slow_ms\":20}}}");
    for (uint64_t i = 0; i < 5; i++) submit(c, i, "0044");
    assert_int_equal(caller_submit(c, 9, &m), ERR_BUSY);
    assert_int_equal(caller_under_way(c), 5);
    pk_until(&loop, &got.room, 1);
    pk_until(&loop, &got.n, 5);
    assert_int_equal(got.room, 1); /* asked once, told once */
    assert_int_equal(got.of[9], 0);
    caller_free(c);
    provider_free(p);
}

/* A thousand over one connection; one goes ahead, since Apple opens one stream at first. */
static void t_many(void **state) {
    (void)state;
    struct provider *p  = make("apns", "a-many", "1000", "10");
    struct caller   *c  = caller_new(&loop, out, p, redis, &ops, NULL);
    uint64_t         n0 = http_out_connections(out);
    for (uint64_t i = 0; i < 1000; i++) submit(c, i, "0055");
    pk_until(&loop, &got.n, 1000);
    for (int i = 0; i < 1000; i++) assert_int_equal(got.by[i].verdict, V_SENT);
    assert_int_equal(http_out_connections(out) - n0, 1);
    assert_int_equal(pk_stat(&apns, "requests"), 1000);
    caller_free(c);
    provider_free(p);
}

/* The end in the midst of it: what was sent is unknown, what was not comes again. */
static void t_stop(void **state) {
    (void)state;
    struct provider *p = make("apns", "a-stop", "10", "5");
    struct caller   *c = caller_new(&loop, out, p, "", &ops, NULL);
    assert_int_equal(one(c, "0066").verdict, V_SENT);
    pk_behave(&apns, "{\"tokens\":{\"00\":{\"act\":\"silent\"}}}");
    submit(c, 100, "0066");
    submit(c, 101, "0066");
    int requests = pk_stat(&apns, "requests");
    while (pk_stat(&apns, "requests") < requests + 2) pk_for(&loop, 5);
    submit(c, 102, "0066");
    caller_free(c);
    assert_int_equal(got.of[100] + got.of[101] + got.of[102], 3);
    assert_int_equal(got.by[100].verdict, V_UNKNOWN);
    assert_int_equal(got.by[101].verdict, V_UNKNOWN);
    assert_int_equal(got.by[102].verdict, V_RETRY);
    /* from inside a result, with others under way, and while Redis is asked */
    memset(&got, 0, sizeof got);
    pk_behave(&apns, "{\"tokens\":{\"aa\":{\"act\":\"silent\"}}}");
    c = caller_new(&loop, out, p, "", &ops, NULL);
    for (uint64_t i = 0; i < 5; i++) submit(c, i, i == 2 ? "bb" : "aa");
    to_free = c;
    pk_until(&loop, &got.n, 5);
    c = caller_new(&loop, out, p, redis, &ops, NULL);
    submit(c, 200, "bb");
    (void)uv_run(&loop, UV_RUN_NOWAIT);
    caller_free(c);
    assert_int_equal(got.by[200].verdict, V_RETRY);
    c = caller_new(&loop, out, p, redis, &ops, NULL); /* never used */
    caller_free(c);
    pk_for(&loop, 20);
    provider_free(p);
}

static void t_nobody_there(void **state) {
    (void)state;
    struct conf          conf = {0};
    struct conf_section *s    = conf_section_add(&conf, "provider", "a-none");
    char                 key[128], why[512];
    struct provider     *p = NULL;
    (void)snprintf(key, sizeof key, "%s/apns.p8", kd_dir);
    static const char *const v[][2] = {{"kind", "apns"}, {"base_url", "https://127.0.0.1:9"}, {"key_id", "K"}, {"team_id", "T"}, {"topic", "B"}};
    for (size_t i = 0; i < ARRAY_N(v); i++) conf_section_set(s, v[i][0], v[i][1], 1);
    conf_section_set(s, "key_file", key, 1);
    assert_int_equal(provider_new(s, &p, why, sizeof why), ERR_OK);
    conf_fini(&conf);
    struct caller *c = caller_new(&loop, out, p, "", &ops, NULL);
    for (uint64_t i = 0; i < 20; i++) submit(c, i, "0077");
    pk_until(&loop, &got.n, 20);
    for (int i = 0; i < 20; i++) assert_int_equal(got.by[i].verdict, V_RETRY);
    struct push_answer r = one(c, "not hex");
    assert_int_equal(r.verdict, V_REJECTED);
    assert_string_equal(r.detail, "not a device token");
    caller_free(c);
    provider_free(p);
}

/* ---- Firebase ---- */
static void t_fcm(void **state) {
    (void)state;
    struct provider *p[2];
    struct caller   *c[2];
    for (int i = 0; i < 2; i++) {
        p[i] = make("fcm", "f-all", "0", "5");
        c[i] = caller_new(&loop, out, p[i], redis, &ops, NULL);
    }
    for (uint64_t i = 0; i < 40; i++) submit(c[i % 2], i, "good");
    pk_until(&loop, &got.n, 40);
    for (int i = 0; i < 40; i++) assert_int_equal(got.by[i].verdict, V_SENT);
    assert_int_equal(pk_stat(&fcm, "token_requests"), 1); /* of both, one fetch */
    assert_int_equal(pk_stat(&fcm, "violations"), 0);
    pk_behave(&fcm, "{\"tokens\":{\"d1\":{\"status\":404,\"code\":\"UNREGISTERED\"},\"d2\":{\"status\":429,\"code\":\"QUOTA_EXCEEDED\",\"retry_after\":30},"
                    "\"d3\":{\"status\":503,\"code\":\"UNAVAILABLE\"},\"d4\":{\"status\":400,\"code\":\"INVALID_ARGUMENT\",\"text\":\"not a valid registration token\"}}}");
    assert_int_equal(one(c[0], "d1").verdict, V_GONE);
    struct push_answer r = one(c[0], "d2");
    assert_true(r.verdict == V_THROTTLED && r.wait_ms == 30000);
    assert_int_equal(one(c[0], "d3").verdict, V_RETRY);
    assert_int_equal(one(c[0], "d4").verdict, V_GONE);
    /* the token is taken back by the provider: younger than a minute, so it is not renewed at once */
    pk_behave(&fcm, "{\"revoke\":1}");
    assert_int_equal(one(c[0], "good").verdict, V_AUTH);
    assert_int_equal(pk_stat(&fcm, "token_requests"), 1);
    /* later both get one new token, and no message is lost */
    clock_wall_fake(clock_wall_ms() + 90000);
    memset(&got, 0, sizeof got);
    for (uint64_t i = 0; i < 40; i++) submit(c[i % 2], i, "good");
    pk_until(&loop, &got.n, 40);
    for (int i = 0; i < 40; i++) assert_int_equal(got.by[i].verdict, V_SENT);
    assert_int_equal(pk_stat(&fcm, "token_requests"), 2);
    clock_wall_fake(0);
    for (int i = 0; i < 2; i++) {
        caller_free(c[i]);
        provider_free(p[i]);
    }
}

static void t_fcm_no_token(void **state) {
    (void)state;
    struct provider *p = make("fcm", "f-none", "0", "5");
    struct caller   *c = caller_new(&loop, out, p, redis, &ops, NULL);
    pk_behave(&fcm, "{\"token_status\":503}");
    for (uint64_t i = 0; i < 10; i++) submit(c, i, "good");
    pk_until(&loop, &got.n, 10);
    for (int i = 0; i < 10; i++) assert_true(got.by[i].verdict == V_RETRY && got.by[i].wait_ms > 0 && got.by[i].wait_ms <= 1000);
    struct push_answer r = one(c, "good"); /* within the pause nobody asks */
    assert_int_equal(r.verdict, V_RETRY);
    assert_int_equal(pk_stat(&fcm, "token_requests"), 1);
    pk_behave(&fcm, "{\"token_status\":200}");
    pk_for(&loop, r.wait_ms + 20);
    assert_int_equal(one(c, "good").verdict, V_SENT);
    assert_int_equal(pk_stat(&fcm, "token_requests"), 2);
    caller_free(c);
    provider_free(p);
    p = make("fcm", "f-wrong", "0", "5");
    c = caller_new(&loop, out, p, redis, &ops, NULL);
    pk_behave(&fcm, "{\"token_status\":400,\"token_error\":\"invalid_grant\"}");
    r = one(c, "good");
    assert_int_equal(r.verdict, V_AUTH);
    assert_string_equal(r.detail, "HTTP 400 invalid_grant");
    caller_free(c);
    provider_free(p);
}

/* ---- Web Push ---- */
static void t_webpush(void **state) {
    (void)state;
    char             url[4][96];
    struct provider *p = make("webpush", "w-all", "0", "5"), *strict = make("webpush", "strict", "0", "5");
    struct caller   *c = caller_new(&loop, out, p, redis, &ops, NULL), *s = caller_new(&loop, out, strict, redis, &ops, NULL);
    static const char *const paths[] = {"ok", "gone", "busy", "off"};
    for (size_t i = 0; i < 4; i++) (void)snprintf(url[i], sizeof url[i], "https://localhost:%u/p/%s", web.port, paths[i]);
    pk_behave(&web, "{\"paths\":{\"gone\":{\"status\":410},\"busy\":{\"status\":429,\"retry_after\":4},\"off\":{\"status\":404}}}");
    assert_int_equal(one(c, url[0]).verdict, V_SENT);
    assert_int_equal(one(c, url[0]).verdict, V_SENT);
    assert_int_equal(one(c, url[1]).verdict, V_GONE);
    struct push_answer r = one(c, url[2]);
    assert_true(r.verdict == V_RETRY && r.wait_ms == 4000);
    assert_int_equal(one(c, url[3]).verdict, V_GONE);
    assert_int_equal(pk_stat(&web, "violations"), 0);
    cJSON *list = pk_control(&web, "GET", "/requests", ""), *m = cJSON_Parse(kk_s(list->child, "text"));
    assert_string_equal(kk_s(m, "title"), kd_msg("").title); /* as the browser reads it */
    assert_string_equal(kk_s(m, "object"), "task:t_1");
    cJSON_Delete(m);
    cJSON_Delete(list);
    int n = pk_stat(&web, "requests");
    assert_int_equal(one(s, url[0]).verdict, V_REJECTED); /* a stranger's URL that leads into our network */
    assert_int_equal(one(s, "https://127.0.0.1:1/").verdict, V_REJECTED);
    assert_int_equal(pk_stat(&web, "requests"), n);
    caller_free(c);
    caller_free(s);
    provider_free(p);
    provider_free(strict);
}

/* ---- credentials in Redis ---- */
static void t_cred(void **state) {
    (void)state;
    struct redis   *r = redis_new(redis, 1000), *away = redis_new("unix:/nonexistent/sock", 100);
    uint8_t         master[32] = {1}, other_master[32] = {2};
    struct sm4_key  key, other;
    struct cred     c, in = {.made_wall_ms = 1000, .until_wall_ms = 61000, .value = "tok en"};
    enum cred_state s;
    char            me[17], you[17];
    sm4_key_derive(&key, 1, master);
    sm4_key_derive(&other, 1, other_master);
    cred_mark(me);
    cred_mark(you);
    assert_int_equal(cred_get(r, &key, "t:1", me, 0, 2000, &c, &s), ERR_OK);
    assert_int_equal(s, CRED_OURS);
    assert_int_equal(cred_get(r, &key, "t:1", you, 0, 2000, &c, &s), ERR_OK);
    assert_int_equal(s, CRED_WAIT);
    assert_int_equal(cred_get(r, &key, "t:1", me, 0, 2000, &c, &s), ERR_OK);
    assert_int_equal(s, CRED_OURS); /* the answer was lost: still ours */
    assert_int_equal(cred_release(r, "t:1", you), ERR_OK); /* not yours to give */
    assert_int_equal(cred_get(r, &key, "t:1", you, 0, 2000, &c, &s), ERR_OK);
    assert_int_equal(s, CRED_WAIT);
    assert_int_equal(cred_put(r, &key, "t:1", me, &in, 2000), ERR_OK);
    assert_int_equal(cred_get(r, &key, "t:1", you, 0, 2000, &c, &s), ERR_OK);
    assert_true(s == CRED_FOUND && c.made_wall_ms == 1000 && c.until_wall_ms == 61000);
    assert_string_equal(c.value, "tok en");
    assert_int_equal(cred_get(r, &key, "t:1", you, 1000, 2000, &c, &s), ERR_OK); /* that one was refused: a newer one is wanted */
    assert_int_equal(s, CRED_OURS);
    assert_int_equal(cred_get(r, &key, "t:1", me, 0, 2000, &c, &s), ERR_OK); /* who has not heard of it still finds it */
    assert_int_equal(s, CRED_FOUND);
    assert_int_equal(cred_release(r, "t:1", you), ERR_OK);
    assert_int_equal(cred_get(r, &key, "t:1", me, 0, 61000, &c, &s), ERR_OK); /* its time is over */
    assert_int_equal(s, CRED_OURS);
    assert_int_equal(cred_put(r, &key, "t:1", me, &in, 2000), ERR_OK);
    assert_int_equal(cred_get(r, &other, "t:1", me, 0, 2000, &c, &s), ERR_OK); /* another key: as if it were not there, and room is made */
    assert_int_equal(s, CRED_OURS);
    assert_string_equal(c.value, "");
    memset(in.value, 'x', sizeof in.value);
    assert_int_equal(cred_put(r, &key, "t:1", me, &in, 2000), ERR_TOOBIG);
    assert_int_equal(cred_get(away, &key, "t:1", me, 0, 2000, &c, &s), ERR_UNAVAILABLE);
    redis_free(r);
    redis_free(away);
}

/* ---- about a message that was sent ---- */
static struct provider *make_ding(const char *window, const char *ding) {
    char                 url[2][96], why[512] = "";
    struct conf          c = {0};
    struct conf_section *s = conf_section_add(&c, "provider", "ding");
    struct provider     *p = NULL;
    (void)snprintf(url[0], sizeof url[0], "http://127.0.0.1:%u/dingtalk", office.port);
    (void)snprintf(url[1], sizeof url[1], "http://127.0.0.1:%u/dingapi", office.port);
    const char *const set[][2] = {{"kind", "dingtalk"}, {"base_url", url[0]}, {"api_url", url[1]}, {"app_key", "dingkey"},
                                  {"app_secret_file", kd_file("ding", "ding-secret")}, {"agent_id", "123"}, {"open_url", "https://zb.example.gov.cn/open"},
                                  {"ding", ding}, {"ding_priority", "1"}, {"ding_robot", "dingrobot"}, {"window", window}};
    for (size_t i = 0; i < ARRAY_N(set); i++) conf_section_set(s, set[i][0], set[i][1], 1);
    enum err e = provider_new(s, &p, why, sizeof why);
    conf_fini(&c);
    if (e) fail_msg("%s", why);
    return p;
}

static struct push_answer poll_one(struct caller *c, const char *ref) {
    struct push_msg m = kd_msg("zhang.san");
    int             n = got.n;
    memset(&told, 0, sizeof told);
    assert_int_equal(caller_poll(c, (uint64_t)n, &m, ref), ERR_OK);
    pk_until(&loop, &got.n, n + 1);
    return got.last;
}

static struct push_answer raise_one(struct caller *c, const char *ref, int level) {
    struct push_msg m = kd_msg("zhang.san");
    int             n = got.n;
    assert_int_equal(caller_raise(c, (uint64_t)n, &m, ref, level), ERR_OK);
    pk_until(&loop, &got.n, n + 1);
    return got.last;
}

static void t_poll(void **state) {
    (void)state;
    struct provider *p  = make_ding("0", "sms");
    struct caller   *c  = caller_new(&loop, out, p, "", &ops, NULL);
    int64_t          t0 = clock_wall_ms();
    struct push_answer sent = one(c, "zhang.san");
    assert_true(sent.verdict == V_SENT && sent.ref[0]);
    assert_int_equal(poll_one(c, sent.ref).verdict, V_SENT);
    assert_true(told.is_delivered && !told.is_read && !told.is_final);
    assert_string_equal(told.ref, sent.ref);
    cJSON_Delete(pk_control(&office, "POST", "/read", "{\"of\":\"dingtalk\",\"to\":\"zhang.san\"}"));
    /* a token that died young: the answer stands; one of more than a minute: a new one, and the question goes again with it */
    cJSON_Delete(pk_control(&office, "POST", "/expire", ""));
    assert_int_equal(poll_one(c, sent.ref).verdict, V_AUTH);
    assert_false(told.is_read);
    clock_wall_fake(t0 + 90000);
    assert_int_equal(poll_one(c, sent.ref).verdict, V_SENT);
    assert_true(told.is_read && told.is_final);
    assert_int_equal(pk_stat(&office, "tokens"), 2);
    clock_wall_fake(0);
    assert_int_equal(poll_one(c, "77").verdict, V_REJECTED); /* no such task: about the question */
    assert_int_equal(raise_one(c, sent.ref, RAISE_PHONE).verdict, V_SENT);
    assert_true(strncmp(got.last.ref, "ding-", 5) == 0);
    cJSON *j = pk_control(&office, "GET", "/messages", ""), *raised = cJSON_GetObjectItem(j->child, "raised");
    assert_int_equal(cJSON_GetArraySize(raised), 1);
    assert_int_equal((int)cJSON_GetNumberValue(raised->child), RAISE_SMS); /* the ceiling */
    cJSON_Delete(j);
    assert_int_equal(pk_stat(&office, "violations"), 0);
    caller_free(c);
    provider_free(p);
}

/* In the same window as messages; at the end each is answered, though nothing was learnt. */
static void t_poll_window(void **state) {
    (void)state;
    struct provider *p = make_ding("3", "off");
    struct caller   *c = caller_new(&loop, out, p, "", &ops, NULL);
    struct push_msg  m = kd_msg("zhang.san");
    pk_behave(&office, "{\"slow_ms\":50}");
    assert_int_equal(caller_poll(c, 0, &m, "1"), ERR_OK);
    assert_int_equal(caller_raise(c, 1, &m, "1", RAISE_APP), ERR_OK);
    assert_int_equal(caller_submit(c, 2, &m), ERR_OK);
    assert_int_equal(caller_poll(c, 3, &m, "1"), ERR_BUSY);
    assert_int_equal(caller_raise(c, 4, &m, "1", RAISE_APP), ERR_BUSY);
    pk_until(&loop, &got.room, 1);
    pk_until(&loop, &got.n, 3);
    assert_int_equal(got.by[0].verdict, V_REJECTED);
    assert_int_equal(got.by[1].verdict, V_REJECTED); /* the option is off: never asked */
    assert_int_equal(got.by[2].verdict, V_SENT);
    assert_int_equal(pk_stat(&office, "raises"), 0);
    assert_int_equal(got.of[3] + got.of[4], 0);
    int polls = pk_stat(&office, "polls");
    pk_behave(&office, "{\"slow_ms\":500}");
    assert_int_equal(caller_poll(c, 10, &m, "1"), ERR_OK);
    while (pk_stat(&office, "polls") == polls) pk_for(&loop, 5);
    assert_int_equal(caller_poll(c, 11, &m, "1"), ERR_OK);
    caller_free(c);
    assert_int_equal(got.by[10].verdict, V_UNKNOWN);
    assert_int_equal(got.by[11].verdict, V_RETRY);
    assert_int_equal(got.of[10] + got.of[11], 2);
    provider_free(p);
}

#define T(f) cmocka_unit_test_setup_teardown(f, test_setup, test_teardown)
int main(void) {
    const struct CMUnitTest tests[] = {
        T(t_cred), T(t_apns), T(t_apns_shared), T(t_apns_renewal), T(t_window),  T(t_many),
        T(t_stop), T(t_nobody_there), T(t_fcm), T(t_fcm_no_token), T(t_webpush),
        T(t_poll), T(t_poll_window),
    };
    return cmocka_run_group_tests_name("caller", tests, setup, teardown);
}
