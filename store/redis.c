/* SPDX-License-Identifier: Apache-2.0
 *
 * The synchronous connection. One thread owns a struct redis. It connects on first use and again after every failure, not more
 * often than its backoff allows, so that a dead Redis costs a caller nothing but an error. After a time-out the connection
 * is closed: an answer that comes late must not be taken for the answer to the next command.
 */
#include "store/redis.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "store/hash_int.h"
#include "store/redis_int.h"

#define REDIS_MAGIC    0x72656469U
#define BACKOFF_MIN_MS 20
#define BACKOFF_MAX_MS 500

struct redis {
    unsigned      magic;
    redisContext *c; /* NULL: not connected */
    char          host[256];
    int           port; /* 0: host is the path of a Unix socket */
    int           timeout_ms;
    int64_t       retry_mono_ms; /* no connect before */
    int           backoff_ms;
    bool          is_down; /* said so in the log */
    char          run_id[RUN_ID_SIZE];
    char          sha[SCRIPT_MAX][41];
};

/* ---- small things ---- */

void random_hex16(char out[17]) {
    uint64_t x;
    hash_random(&x, sizeof x);
    snprintf(out, 17, "%016llx", (unsigned long long)x);
}

bool name_ok(const char *s, size_t max) {
    if (s == NULL || s[0] == '\0') return false;
    return strnlen(s, max + 1) <= max;
}

bool address_split(const char *address, char *host, size_t host_n, int *port) {
    if (strncmp(address, "unix:", 5) == 0) {
        *port = 0;
        return snprintf(host, host_n, "%s", address + 5) < (int)host_n && host[0] == '/';
    }
    const char *colon = strrchr(address, ':');
    if (colon == NULL || colon == address) return false;
    char *end;
    errno  = 0;
    long p = strtol(colon + 1, &end, 10);
    if (errno || end == colon + 1 || *end || p < 1 || p > 65535) return false;
    size_t n = (size_t)(colon - address);
    if (address[0] == '[' && address[n - 1] == ']') {
        address++;
        n -= 2;
    }
    if (n == 0 || n >= host_n) return false;
    memcpy(host, address, n);
    host[n] = '\0';
    *port   = (int)p;
    return true;
}

bool info_run_id(const char *info, char out[RUN_ID_SIZE]) {
    const char *p = strstr(info, "run_id:");
    if (p == NULL) return false;
    p += 7;
    size_t n = strspn(p, "0123456789abcdef");
    if (n < 8 || n >= RUN_ID_SIZE) return false;
    memcpy(out, p, n);
    out[n] = '\0';
    return true;
}

static void ignore_sigpipe(void) {
    struct sigaction sa;
    if (sigaction(SIGPIPE, NULL, &sa) != 0 || sa.sa_handler != SIG_DFL) return;
    memset(&sa, 0, sizeof sa);
    sa.sa_handler = SIG_IGN;
    (void)sigaction(SIGPIPE, &sa, NULL);
}

void no_sigpipe(void) {
    static pthread_once_t once_only = PTHREAD_ONCE_INIT;
    (void)pthread_once(&once_only, ignore_sigpipe);
}

/* ---- commands ---- */

void cmd_b(struct cmd *c, const void *p, size_t n) {
    MUST(c->argc < CMD_ARGS_MAX);
    c->v[c->argc] = p;
    c->n[c->argc] = n;
    c->argc++;
}

void cmd_s(struct cmd *c, const char *s) { cmd_b(c, s, strlen(s)); }

void cmd_f(struct cmd *c, const char *fmt, ...) {
    size_t  room = sizeof c->text - c->text_n;
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(c->text + c->text_n, room, fmt, ap);
    va_end(ap);
    MUST(n >= 0 && (size_t)n < room);
    cmd_b(c, c->text + c->text_n, (size_t)n);
    c->text_n += (size_t)n + 1;
}

void cmd_i(struct cmd *c, int64_t i) { cmd_f(c, "%lld", (long long)i); }

void cmd_run_id(struct cmd *c) {
    c->run_id_arg = c->argc;
    cmd_b(c, "", 0);
}

void cmd_init(struct cmd *c, const char *name) {
    c->argc = c->run_id_arg = c->wait_ms = 0;
    c->send_once                         = false;
    c->script                            = SCRIPT_NONE;
    c->text_n                            = 0;
    cmd_s(c, name);
}

void cmd_script(struct cmd *c, struct redis *r, enum script s, int keys_n) {
    CHECK_OBJ_NOTNULL(r, REDIS_MAGIC);
    cmd_init(c, "EVALSHA");
    c->script = s;
    cmd_s(c, r->sha[s]);
    cmd_i(c, keys_n);
}

/* ---- replies ---- */

enum err redis_bad_reply(const char *what, const redisReply *got) {
    LOG(LOG_ERROR, "redis_bad_reply", KS("what", what), KI("type", got ? got->type : 0));
    return ERR_UNAVAILABLE;
}

bool reply_is_array(const redisReply *p, size_t min_n) { return p && p->type == REDIS_REPLY_ARRAY && p->elements >= min_n; }

bool reply_is_error(const redisReply *p, const char *prefix) {
    return p && p->type == REDIS_REPLY_ERROR && strncmp(p->str, prefix, strlen(prefix)) == 0;
}

bool reply_str(const redisReply *p, char *out, size_t out_n) {
    if (p == NULL || p->type != REDIS_REPLY_STRING || p->len >= out_n || memchr(p->str, 0, p->len)) return false;
    memcpy(out, p->str, p->len);
    out[p->len] = '\0';
    return true;
}

bool reply_i64(const redisReply *p, int64_t *out) {
    if (p == NULL) return false;
    if (p->type == REDIS_REPLY_INTEGER) {
        *out = p->integer;
        return true;
    }
    if (p->type != REDIS_REPLY_STRING || p->len == 0) return false;
    char *end;
    errno       = 0;
    long long v = strtoll(p->str, &end, 10);
    if (errno || end != p->str + p->len) return false;
    *out = v;
    return true;
}

/* ---- the connection ---- */

struct redis *redis_new(const char *address, int timeout_ms) {
    struct redis *r;
    no_sigpipe();
    ALLOC_OBJ(r, REDIS_MAGIC);
    r->timeout_ms = timeout_ms > 0 ? timeout_ms : 1000;
    r->backoff_ms = BACKOFF_MIN_MS;
    if (!address_split(address, r->host, sizeof r->host, &r->port)) {
        LOG(LOG_ERROR, "redis_address", KS("address", address));
        r->host[0] = '\0'; /* every call: ERR_UNAVAILABLE */
    }
    for (int i = 1; i < SCRIPT_MAX; i++) {
        const char *text = script_text((enum script)i);
        hash_sha1_hex(text, strlen(text), r->sha[i]);
    }
    return r;
}

static void drop(struct redis *r) {
    if (r->c) redisFree(r->c);
    r->c = NULL;
}

void redis_free(struct redis *r) {
    if (r == NULL) return;
    CHECK_OBJ_NOTNULL(r, REDIS_MAGIC);
    drop(r);
    FREE_OBJ(r);
}

const char *redis_run_id(const struct redis *r) {
    CHECK_OBJ_NOTNULL(r, REDIS_MAGIC);
    return r->run_id;
}

static void went_down(struct redis *r, const char *why) {
    if (!r->is_down) LOG(LOG_WARN, "redis_down", KS("why", why));
    r->is_down       = true;
    r->retry_mono_ms = clock_mono_ms() + r->backoff_ms;
    r->backoff_ms    = r->backoff_ms * 2 > BACKOFF_MAX_MS ? BACKOFF_MAX_MS : r->backoff_ms * 2;
}

static struct timeval tv_of(int ms) { return (struct timeval){.tv_sec = ms / 1000, .tv_usec = (ms % 1000) * 1000L}; }

static enum err connect_now(struct redis *r) {
    if (r->host[0] == '\0') return ERR_UNAVAILABLE;
    if (r->is_down && clock_mono_ms() < r->retry_mono_ms) return ERR_UNAVAILABLE;
    redisReply    *info = NULL;
    const char    *why  = "out of memory";
    struct timeval tv   = tv_of(r->timeout_ms);
    enum err       e    = ERR_UNAVAILABLE;

    r->c = r->port ? redisConnectWithTimeout(r->host, r->port, tv) : redisConnectUnixWithTimeout(r->host, tv);
    if (r->c == NULL) goto out;
    why = r->c->errstr;
    if (r->c->err) goto out;
    if (redisSetTimeout(r->c, tv) != REDIS_OK) goto out;
    info = redisCommand(r->c, "INFO server");
    if (info == NULL) goto out;
    why = "INFO without a run_id";
    if ((info->type != REDIS_REPLY_STRING && info->type != REDIS_REPLY_STATUS) || !info_run_id(info->str, r->run_id)) goto out;
    if (r->is_down) LOG(LOG_INFO, "redis_up", KS("run_id", r->run_id));
    r->is_down    = false;
    r->backoff_ms = BACKOFF_MIN_MS;
    e             = ERR_OK;
out:
    if (e != ERR_OK) went_down(r, why);
    freeReplyObject(info);
    if (e != ERR_OK) drop(r);
    return e;
}

/* One try. ERR_UNAVAILABLE with *dead: the connection was closed by the other side, so another try makes sense. */
static enum err try_once(struct redis *r, struct cmd *c, redisReply **out, bool *dead) {
    *out  = NULL;
    *dead = false;
    if (r->c == NULL) {
        enum err e = connect_now(r);
        if (e != ERR_OK) return e;
    }
    if (c->run_id_arg) {
        c->v[c->run_id_arg] = r->run_id;
        c->n[c->run_id_arg] = strlen(r->run_id);
    }
    if (c->wait_ms > 0) (void)redisSetTimeout(r->c, tv_of(r->timeout_ms + c->wait_ms));
    *out = redisCommandArgv(r->c, c->argc, c->v, c->n);
    if (*out == NULL) {
        bool timed_out = r->c->err == REDIS_ERR_IO && errno == EAGAIN;
        *dead          = !timed_out && (r->c->err == REDIS_ERR_EOF || r->c->err == REDIS_ERR_IO);
        if (!*dead) went_down(r, timed_out ? "time-out" : r->c->errstr);
        drop(r);
        return ERR_UNAVAILABLE;
    }
    if (c->wait_ms > 0) (void)redisSetTimeout(r->c, tv_of(r->timeout_ms));
    return ERR_OK;
}

static enum err run(struct redis *r, struct cmd *c, redisReply **out) {
    bool     dead;
    enum err e = try_once(r, c, out, &dead);
    if (e != ERR_OK && dead && !c->send_once) e = try_once(r, c, out, &dead);
    if (e != ERR_OK && dead) went_down(r, "connection lost");
    return e;
}

enum err redis_run_raw(struct redis *r, struct cmd *c, redisReply **out) {
    CHECK_OBJ_NOTNULL(r, REDIS_MAGIC);
    enum err e = run(r, c, out);
    if (e == ERR_OK && c->script != SCRIPT_NONE && reply_is_error(*out, "NOSCRIPT")) {
        freeReplyObject(*out);
        c->v[0] = "EVAL";
        c->n[0] = 4;
        c->v[1] = script_text(c->script);
        c->n[1] = strlen(c->v[1]);
        e       = run(r, c, out);
    }
    return e;
}

enum err redis_run(struct redis *r, struct cmd *c, redisReply **out) {
    enum err e = redis_run_raw(r, c, out);
    if (e == ERR_OK && *out && (*out)->type == REDIS_REPLY_ERROR) {
        LOG(LOG_WARN, "redis_refused", KS("command", c->v[0]), KI("script", c->script), KS("why", (*out)->str));
        freeReplyObject(*out);
        *out = NULL;
        e    = ERR_UNAVAILABLE;
    }
    return e;
}

enum err redis_ping(struct redis *r) {
    struct cmd  c;
    redisReply *p = NULL;
    cmd_init(&c, "PING");
    enum err e = redis_run_raw(r, &c, &p);
    if (e == ERR_OK && p->type != REDIS_REPLY_STATUS) e = ERR_UNAVAILABLE; /* LOADING: quietly, it is waited for */
    freeReplyObject(p);
    return e;
}
