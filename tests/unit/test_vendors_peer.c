/* SPDX-License-Identifier: Apache-2.0
 *
 * The kinds of provider of phone makers against services that do not trust them (tests/peers/vendors.mjs, a process of its own,
 * over TLS): credentials, happy way, dead phones, flow control, daily volume, a lost answer, the same message twice, the longest
 * texts. Requests are carried by plain libcurl here: the house's own way out is not under test.
 */
#include <curl/curl.h>
#include <fcntl.h>
#include <signal.h>
#include <strings.h>
#include <sys/wait.h>

#include "tests/unit/vendorkit.h"

enum { HUAWEI, HUAWEI3, HONOR, XIAOMI, OPPO, VIVO, KINDS };
static const char *const names[KINDS] = {"huawei", "huawei3", "honor", "xiaomi", "oppo", "vivo"};
/* Tokens as each vendor has them, after a word that says what becomes of the phone. */
static const char *const forms[KINDS] = {"%sAIhw", "%sMAhw", "%sBAho", "%sxm+/=", "OPPO_CN_%sop", "%s15638535410301"};

static struct {
    pid_t  pid;
    char   base[64], control[64], ca[160];
    cJSON *accounts;
} peer;

/* ---- the peer ---- */
static int start(void **state) {
    (void)state;
    int  fds[2];
    char line[4096] = {0};
    assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
    peer.pid = fork();
    assert_true(peer.pid >= 0);
    if (peer.pid == 0) {
        (void)dup2(fds[1], 1);
        (void)execlp("node", "node", "tests/peers/vendors.mjs", (char *)NULL);
        _exit(127);
    }
    (void)close(fds[1]);
    for (size_t n = 0; n < sizeof line - 1 && (n == 0 || line[n - 1] != '\n'); n++)
        assert_int_equal(read(fds[0], line + n, 1), 1);
    (void)close(fds[0]);
    cJSON *o = cJSON_Parse(line);
    assert_non_null(o);
    (void)snprintf(peer.base, sizeof peer.base, "https://127.0.0.1:%d", cJSON_GetObjectItem(o, "port")->valueint);
    (void)snprintf(peer.control, sizeof peer.control, "http://127.0.0.1:%d", cJSON_GetObjectItem(o, "control")->valueint);
    (void)snprintf(peer.ca, sizeof peer.ca, "%s", cJSON_GetObjectItem(o, "ca")->valuestring);
    peer.accounts = cJSON_DetachItemFromObject(o, "accounts");
    cJSON_Delete(o);
    return curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK ? 0 : -1;
}

static int stop(void **state) {
    (void)state;
    int status;
    (void)kill(peer.pid, SIGTERM);
    (void)waitpid(peer.pid, &status, 0);
    cJSON_Delete(peer.accounts);
    curl_global_cleanup();
    return 0;
}

static size_t take(char *p, size_t size, size_t n, void *b) {
    buf_put(b, p, size * n);
    return size * n;
}

/* status 0: no answer came. */
static int carry(struct arena *a, const char *method, const char *url, const struct http_call *c, const char **body) {
    CURL              *h    = curl_easy_init();
    struct curl_slist *list = curl_slist_append(NULL, "Expect:");
    struct buf         b;
    long               status = 0;
    buf_init(&b, 1 << 20);
    for (size_t i = 0; c && i < c->headers_n; i++)
        list = curl_slist_append(list, arena_printf(a, "%s: %s", c->header[i].name, c->header[i].value));
    (void)curl_easy_setopt(h, CURLOPT_URL, url);
    (void)curl_easy_setopt(h, CURLOPT_CUSTOMREQUEST, method);
    (void)curl_easy_setopt(h, CURLOPT_CAINFO, peer.ca);
    (void)curl_easy_setopt(h, CURLOPT_PROXY, "");
    (void)curl_easy_setopt(h, CURLOPT_TIMEOUT, 20L);
    (void)curl_easy_setopt(h, CURLOPT_HTTPHEADER, list);
    (void)curl_easy_setopt(h, CURLOPT_WRITEFUNCTION, take);
    (void)curl_easy_setopt(h, CURLOPT_WRITEDATA, &b);
    if (c) {
        (void)curl_easy_setopt(h, CURLOPT_POSTFIELDS, c->body);
        (void)curl_easy_setopt(h, CURLOPT_POSTFIELDSIZE, (long)c->body_n);
    }
    if (curl_easy_perform(h) == CURLE_OK) (void)curl_easy_getinfo(h, CURLINFO_RESPONSE_CODE, &status);
    *body = arena_strdup(a, buf_str(&b));
    buf_fini(&b);
    curl_slist_free_all(list);
    curl_easy_cleanup(h);
    return (int)status;
}

static void control(struct vk *k, const char *path, const char *text) {
    struct http_call c = {.body = text, .body_n = strlen(text)};
    const char      *ignored;
    assert_int_equal(carry(k->a, "POST", arena_printf(k->a, "%s%s", peer.control, path), &c, &ignored), 200);
}
static void behave(struct vk *k, const char *json) { control(k, "/behave", json); }

static cJSON *ask(struct vk *k, const char *path) {
    const char *body;
    assert_int_equal(carry(k->a, "GET", arena_printf(k->a, "%s%s", peer.control, path), NULL, &body), 200);
    cJSON *o = cJSON_Parse(body);
    assert_non_null(o);
    return o;
}

static int stat_of(struct vk *k, int kind, const char *what) {
    cJSON *o = ask(k, "/stats"), *v = cJSON_GetObjectItem(o, arena_printf(k->a, "%s_%s", names[kind], what));
    int    n = v ? v->valueint : 0;
    cJSON_Delete(o);
    return n;
}

/* Nothing was received that a vendor would not accept. */
static void clean(struct vk *k) {
    cJSON *o = ask(k, "/stats"), *v = cJSON_GetObjectItem(o, "violations");
    if (cJSON_GetArraySize(v)) fail_msg("%s", cJSON_GetArrayItem(v, 0)->valuestring);
    cJSON_Delete(o);
}

/* ---- a provider with an account there ---- */
static const char *const none[] = {NULL};

static void open_as(struct vk *k, int kind, const char *secret_text, const char *const *more) {
    const char *options[40] = {"kind", names[kind], "base_url", peer.base};
    size_t      n           = 4;
    cJSON      *x;
    bool        is_oauth = kind == HUAWEI || kind == HONOR;
    char        url[96];
    (void)snprintf(url, sizeof url, "%s%s", peer.base, kind == HUAWEI ? "/oauth2/v3/token" : "/auth/token");
    if (is_oauth) options[n++] = "token_url", options[n++] = url;
    cJSON_ArrayForEach(x, cJSON_GetObjectItem(peer.accounts, names[kind])) {
        options[n++] = x->string;
        options[n++] = secret_text && strcmp(x->string, "secret_file") == 0 ? "@" : x->valuestring;
    }
    for (; *more; more += 2) options[n++] = more[0], options[n++] = more[1];
    vk_open(k, secret_text ? secret_text : "unused", options);
    control(k, "/reset", "");
}

static struct vk_cred credential(struct vk *k) {
    const struct provider_kind *kind = provider_kind(k->p);
    struct vk_cred              c    = {.verdict = V_SENT, .cred = ""};
    int64_t                     now  = (int64_t)time(NULL) * 1000;
    if (kind->cred_make) assert_int_equal(kind->cred_make(k->p, k->a, now, &c.cred, &c.life_ms), ERR_OK);
    if (kind->cred_call == NULL) return c;
    const char *body;
    assert_int_equal(kind->cred_call(k->p, k->a, now, &k->call), ERR_OK);
    int status = carry(k->a, k->call.method, k->call.url, &k->call, &body);
    return vk_cred_answer(k, status, body);
}

static const char *phone(struct vk *k, int kind, const char *word) {
    const char *form = forms[kind], *at = strstr(form, "%s");
    return arena_printf(k->a, "%.*s%s%s", (int)(at - form), form, word, at + 2);
}

static struct push_answer say(struct vk *k, const struct push_msg *m, const char *cred) {
    int64_t now = (int64_t)time(NULL) * 1000;
    vk_call(k, m, cred, now);
    struct http_answer r = {.status = 0, .lost = true};
    r.status             = carry(k->a, k->call.method, k->call.url, &k->call, &r.body);
    r.body_n             = strlen(r.body);
    return vk_answer_at(k, m, &r, now);
}

static void want(struct vk *k, const struct push_msg *m, const char *cred, enum verdict v) {
    struct push_answer got = say(k, m, cred);
    if (got.verdict != v)
        fail_msg("%s: %s (%s), not %s", provider_kind(k->p)->name, verdict_info(got.verdict)->word, got.detail,
                 verdict_info(v)->word);
}

static void t_happy(void **state) {
    (void)state;
    for (int i = 0; i < KINDS; i++) {
        struct vk k;
        open_as(&k, i, NULL, none);
        struct push_msg    m = vk_msg(phone(&k, i, "ok"));
        struct vk_cred     c = credential(&k);
        struct push_answer sent;
        assert_int_equal(c.verdict, V_SENT);
        sent = say(&k, &m, c.cred);
        if (sent.verdict != V_SENT) fail_msg("%s: %s", names[i], sent.detail);
        assert_true(*sent.ref);
        cJSON *seen = ask(&k, "/requests"), *one = cJSON_GetArrayItem(seen, 0);
        assert_string_equal(cJSON_GetObjectItem(one, "vendor")->valuestring, names[i]);
        assert_string_equal(cJSON_GetObjectItem(one, "target")->valuestring, m.target);
        assert_string_equal(cJSON_GetObjectItem(one, "title")->valuestring, m.title);
        assert_string_equal(cJSON_GetObjectItem(one, "body")->valuestring, m.text);
        cJSON_Delete(seen);
        m.id = "d-0002"; /* of the same notice: takes its place on the screen */
        want(&k, &m, c.cred, V_SENT);
        m.id = "d-0003", m.notice = "n-78";
        want(&k, &m, c.cred, V_SENT);
        assert_int_equal(stat_of(&k, i, "shown"), 3);
        assert_int_equal(stat_of(&k, i, "places"), 2);
        clean(&k);
        vk_close(&k);
    }
}

static void t_refused(void **state) {
    (void)state;
    static const struct {
        int          kind;
        const char  *word;
        enum verdict verdict;
    } rows[] = {
        {HUAWEI, "dead", V_GONE},    {HUAWEI3, "dead", V_GONE}, {HONOR, "dead", V_GONE},       {XIAOMI, "dead", V_GONE},
        {OPPO, "dead", V_GONE},      {VIVO, "dead", V_GONE},    {HUAWEI, "badtype", V_CONFIG}, {HUAWEI3, "badtype", V_CONFIG},
        {HONOR, "fail", V_REJECTED}, {VIVO, "gone", V_GONE},
    };
    for (size_t i = 0; i < ARRAY_N(rows); i++) {
        struct vk k;
        open_as(&k, rows[i].kind, NULL, none);
        struct push_msg m = vk_msg(phone(&k, rows[i].kind, rows[i].word));
        want(&k, &m, credential(&k).cred, rows[i].verdict);
        assert_int_equal(stat_of(&k, rows[i].kind, "shown"), 0);
        clean(&k);
        vk_close(&k);
    }
}

/* A wrong secret; a credential that ran out; one that was never given out. */
static void t_credentials(void **state) {
    (void)state;
    static const int secretly[] = {HUAWEI, HONOR, OPPO, VIVO};
    struct vk        k;
    for (size_t i = 0; i < ARRAY_N(secretly); i++) {
        open_as(&k, secretly[i], "another-secret", none);
        assert_int_equal(credential(&k).verdict, V_CONFIG);
        assert_int_equal(stat_of(&k, secretly[i], "login_refused"), 1);
        vk_close(&k);
        open_as(&k, secretly[i], NULL, none);
        struct push_msg m = vk_msg(phone(&k, secretly[i], "ok"));
        struct vk_cred  c = credential(&k);
        want(&k, &m, c.cred, V_SENT);
        behave(&k, arena_printf(k.a, "{\"revoke\":[\"%s\"]}", names[secretly[i]]));
        want(&k, &m, c.cred, V_AUTH);
        behave(&k, arena_printf(k.a, "{\"life_s\":{\"%s\":0}}", names[secretly[i]]));
        want(&k, &m, credential(&k).cred ? credential(&k).cred : "none", V_AUTH);
        behave(&k, "{\"life_s\":{}}");
        want(&k, &m, credential(&k).cred, V_SENT);
        vk_close(&k);
    }
    open_as(&k, XIAOMI, "another-secret", none);
    struct push_msg m = vk_msg(phone(&k, XIAOMI, "ok"));
    want(&k, &m, "", V_AUTH);
    vk_close(&k);
    open_as(&k, HUAWEI3, NULL, none);
    m = vk_msg(phone(&k, HUAWEI3, "ok"));
    behave(&k, "{\"jwt_expired\":true}");
    want(&k, &m, credential(&k).cred, V_AUTH);
    want(&k, &m, "a.b.c", V_AUTH);
    vk_close(&k);
}

static void t_flow(void **state) {
    (void)state;
    for (int i = 0; i < KINDS; i++) {
        struct vk k;
        open_as(&k, i, NULL, none);
        struct push_msg m    = vk_msg(phone(&k, i, "ok"));
        const char     *cred = credential(&k).cred;
        behave(&k, arena_printf(k.a, "{\"rate\":{\"%s\":1}}", names[i]));
        int throttled = 0;
        for (int n = 0; n < 20 && throttled < 3; n++) { /* a second may end in between */
            struct push_answer got = say(&k, &m, cred);
            assert_true(got.verdict == V_SENT || got.verdict == V_THROTTLED);
            throttled += got.verdict == V_THROTTLED;
        }
        assert_int_equal(throttled, 3);
        assert_int_equal(stat_of(&k, i, "throttled"), 3);
        behave(&k, arena_printf(k.a, "{\"rate\":{},\"quota\":{\"%s\":0}}", names[i]));
        struct push_answer got = say(&k, &m, cred);
        bool               has = i == XIAOMI || i == OPPO || i == VIVO;
        assert_int_equal(got.verdict, has ? V_QUOTA : V_SENT);
        assert_true(has ? got.wait_ms > 0 && got.wait_ms <= DAY_MS : got.wait_ms == 0);
        vk_close(&k);
    }
}

/* The answer is lost after the message was taken: UNKNOWN. Sent again with the same id, OPPO and Xiaomi show it once. */
static void t_lost(void **state) {
    (void)state;
    for (int i = 0; i < KINDS; i++) {
        struct vk k;
        open_as(&k, i, NULL, none);
        struct push_msg m    = vk_msg(phone(&k, i, "lost"));
        const char     *cred = credential(&k).cred;
        behave(&k, arena_printf(k.a, "{\"tokens\":{\"%s\":{\"act\":\"cut_after\",\"times\":1}}}", m.target));
        want(&k, &m, cred, V_UNKNOWN);
        m.attempt = 2;
        want(&k, &m, cred, V_SENT);
        assert_int_equal(stat_of(&k, i, "sent"), 2);
        assert_int_equal(stat_of(&k, i, "shown"), i == OPPO || i == XIAOMI ? 1 : 2);
        assert_int_equal(stat_of(&k, i, "places"), 1); /* and the others show it in the same place */
        behave(&k, arena_printf(k.a, "{\"tokens\":{\"%s\":{\"body\":\"<html>\"}}}", m.target));
        want(&k, &m, cred, V_UNKNOWN);
        behave(&k, arena_printf(k.a, "{\"tokens\":{\"%s\":{\"status\":500,\"body\":\"oops\"}}}", m.target));
        want(&k, &m, cred, V_RETRY);
        behave(&k, arena_printf(k.a, "{\"tokens\":{\"%s\":{\"status\":502}}}", m.target));
        want(&k, &m, cred, V_RETRY);
        vk_close(&k);
    }
}

/* What is too long for a vendor is cut, never refused. */
static void t_longest(void **state) {
    (void)state;
    static const char *const ones[] = {"督", "😀督", "a督", "\"督", "&督=", "\n督"};
    for (int i = 0; i < KINDS; i++)
        for (size_t n = 0; n < ARRAY_N(ones); n++) {
            struct vk k;
            open_as(&k, i, NULL, none);
            struct push_msg m = vk_msg(phone(&k, i, "ok"));
            m.title           = vk_many(&k, ones[n], 60);
            m.text            = vk_many(&k, ones[n], 600);
            m.ttl_s           = n % 2 ? 0 : 99999999;
            m.object          = arena_printf(k.a, "task:%s", vk_many(&k, "x", 64));
            want(&k, &m, credential(&k).cred, V_SENT);
            clean(&k);
            vk_close(&k);
        }
}

static void t_hours(void **state) {
    (void)state;
    static const char *const operation[] = {"classification", "0", NULL};
    struct vk                k;
    open_as(&k, VIVO, NULL, operation);
    struct push_msg m    = vk_msg(phone(&k, VIVO, "ok"));
    const char     *cred = credential(&k).cred, *body;
    behave(&k, "{\"hour\":23}"); /* their clock is ahead of ours: they refuse what we would send */
    vk_call(&k, &m, cred, vk_at("12:00"));
    struct http_answer r = {.status = carry(k.a, k.call.method, k.call.url, &k.call, &body)};
    r.body = body, r.body_n = strlen(body);
    assert_int_equal(vk_answer_at(&k, &m, &r, vk_at("22:59")).verdict, V_QUOTA);
    behave(&k, "{\"hour\":7}");
    (void)carry(k.a, k.call.method, k.call.url, &k.call, &r.body);
    r.body_n = strlen(r.body);
    assert_int_equal(vk_answer_at(&k, &m, &r, vk_at("12:00")).verdict, V_SENT);
    vk_close(&k);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(t_happy), cmocka_unit_test(t_refused), cmocka_unit_test(t_credentials), cmocka_unit_test(t_flow),
        cmocka_unit_test(t_lost),  cmocka_unit_test(t_longest), cmocka_unit_test(t_hours),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
