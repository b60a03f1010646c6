/* SPDX-License-Identifier: Apache-2.0
 *
 * Delivery in a storm: four worker processes beside one store, two carriers (CMPP weight 100, SMPP weight 50) and Apple's push service. For
 * a while notices come in, workers are killed and started, Redis is killed once and emptied once, the providers are by turns slow,
 * silent, throttling, refusing, reporting failure or nothing, and away; some notices are read. Then all is well, and what is on record
 * is held against what the providers received.
 *
 *   ZB_CHAOS=20000 notices (1500)   ZB_SEED=n the same storm again   `test_chaos worker DIR NAME` is one worker
 */
#include "tests/unit/peerkit.h"

#include <hiredis/hiredis.h>

#include "base/log.h"
#include "base/mem.h"
#include "push/deliver.h"
#include "push/relay.h"
#include "store/delivery.h"
#include "store/migrate.h"
#include "store/redis_server.h"

#define WORKERS  4
#define PEOPLE   40
#define CALM_MS  60000 /* for everything to come to its end, once all is well */
#define EACH_MS  100
#define REPORT_S "4"

enum { CMPP, SMPP, APNS, PEERS };
static const char *const names[PEERS] = {"cmpp-1", "smpp-1", "apple"};

static struct {
    char                 dir[64], db_path[96], redis[160], why[512], exe[256];
    struct conf          conf;
    struct sm4_key       key;
    struct redis_server *server;
    struct writer       *writer;
    struct relay        *relay;
    struct db           *db;
    struct peer          peer[PEERS];
    int64_t              peer_back_ms[PEERS], worker_back_ms[WORKERS]; /* down until; 0: up */
    pid_t                worker[WORKERS];
    uint64_t             seed;
    int                  all, made, kills, moods, reads;
} h;

#define OK(expr) assert_int_equal((expr), ERR_OK)

static uint32_t dice(uint32_t n) { /* xorshift: the same storm for the same seed */
    h.seed ^= h.seed << 13;
    h.seed ^= h.seed >> 7;
    h.seed ^= h.seed << 17;
    return (uint32_t)(h.seed >> 33) % n;
}

static int64_t one(const char *sql) {
    int64_t  v = -1;
    enum err e = db_one_i(h.db, &v, sql, "");
    return e == ERR_NOTFOUND ? 0 : e ? -1 : v;
}

/* ---- providers ---- */
static void peer_start(int i) {
    char              port[16], log[96], pub[96];
    const char *const cmpp[] = {"--port", port, "--log", log, "--window", "32", NULL};
    const char *const apns[] = {"--port", port, "--pub", pub, "--kid", "KEYID00001", "--team", "TEAM000001", "--topic", "cn.np.zhangban", NULL};
    (void)snprintf(port, sizeof port, "%u", h.peer[i].port);
    (void)snprintf(log, sizeof log, "%s/%s.log", h.dir, names[i]);
    (void)snprintf(pub, sizeof pub, "%s/apns.pub", h.dir);
    pk_start(&h.peer[i], i == CMPP ? "tests/peers/smsc.mjs" : i == SMPP ? "tests/peers/smpp.mjs" : "tests/peers/apns.mjs", i == APNS ? apns : cmpp);
    h.peer_back_ms[i] = 0;
}

static void refuse(int i, int code) {
    struct buf b;
    buf_init(&b, 4096);
    buf_printf(&b, "{\"reject_phone\":{");
    for (int p = 0; p < PEOPLE; p++) buf_printf(&b, "%s\"138000%05d\":%d", p ? "," : "", p, code);
    buf_printf(&b, "}}");
    pk_behave(&h.peer[i], buf_str(&b));
    buf_fini(&b);
}

static void well(int i) {
    if (i == APNS) pk_behave(&h.peer[i], "{\"tokens\":{}}");
    else pk_behave(&h.peer[i], "{\"silent\":false,\"slow_ms\":0,\"throttle_every\":0,\"reject_phone\":{},\"report\":\"DELIVRD\",\"report_before_resp\":false,\"drop_after\":0,"
                               "\"duplicate_reports\":false,\"shuffle\":false,\"report_delay_ms\":0,\"report_elsewhere\":false}");
}

static void mood(int i) {
    static const char *const carriers[] = {"{\"silent\":\"submit\"}", "{\"slow_ms\":200}", "{\"throttle_every\":100}", "{\"throttle_every\":3}", "{\"report\":\"UNDELIV\"}",
                                           "{\"report\":\"none\"}", "{\"report_before_resp\":true,\"duplicate_reports\":true}", "{\"drop_after\":40}", "{\"shuffle\":true}",
                                           "{\"report_delay_ms\":700}", "{\"report_elsewhere\":true,\"report_before_resp\":true}",
                                           "{\"report_elsewhere\":true,\"report_before_resp\":true,\"report\":\"UNDELIV\"}", "{\"disconnect_now\":true}"};
    static const char *const apple[] = {"{\"tokens\":{\"\":{\"status\":503,\"reason\":\"ServiceUnavailable\",\"retry_after\":1}}}", "{\"tokens\":{\"\":{\"status\":429,\"reason\":\"TooManyRequests\",\"retry_after\":2}}}",
                                        "{\"tokens\":{\"\":{\"act\":\"silent\"}}}", "{\"tokens\":{\"\":{\"act\":\"reset\"}}}", "{\"tokens\":{\"\":{\"act\":\"refuse\"}}}",
                                        "{\"tokens\":{\"\":{\"act\":\"goaway\",\"times\":3}}}", "{\"tokens\":{\"\":{\"act\":\"cut\",\"times\":5}}}", "{\"tokens\":{\"\":{\"slow_ms\":300}}}"};
    static const int codes[2][3] = {{9, 3, 7}, {0x0B, 0x14, 0x0A}}; /* never, later, our account */
    if (h.peer_back_ms[i]) return;
    well(i);
    h.moods++;
    uint32_t n = dice(20);
    if (i == APNS && n < ARRAY_N(apple)) pk_behave(&h.peer[i], apple[n]);
    else if (i != APNS && n < ARRAY_N(carriers)) pk_behave(&h.peer[i], carriers[n]);
    else if (i != APNS && n < ARRAY_N(carriers) + 3) refuse(i, codes[i][n - ARRAY_N(carriers)]);
    else if (i != APNS && n < ARRAY_N(carriers) + 5) {
        (void)kill(h.peer[i].pid, SIGKILL);
        (void)waitpid(h.peer[i].pid, NULL, 0);
        h.peer_back_ms[i] = clock_mono_ms() + 300 + dice(2000);
    }
}

/* ---- workers ---- */
static void worker_start(int i) {
    char  name[16];
    char *argv[] = {h.exe, (char *)(uintptr_t) "worker", h.dir, name, h.redis, NULL};
    (void)snprintf(name, sizeof name, "w%d", i);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
        (void)execv(h.exe, argv);
        _exit(127);
    }
    h.worker[i]         = pid;
    h.worker_back_ms[i] = 0;
}

static void worker_kill(int i) {
    if (h.worker[i] == 0) return;
    (void)kill(h.worker[i], SIGKILL);
    (void)waitpid(h.worker[i], NULL, 0);
    h.worker[i]         = 0;
    h.worker_back_ms[i] = clock_mono_ms() + 50 + dice(1500);
    h.kills++;
}

/* In order: a sanitizer's word or what is left in hand would be its status. */
static void worker_stop(int i) {
    int st = -1;
    if (h.worker[i] == 0) return;
    (void)kill(h.worker[i], SIGTERM);
    (void)waitpid(h.worker[i], &st, 0);
    h.worker[i] = 0;
    if (st != 0) print_message("worker w%d ended with %d\n", i, st);
    assert_int_equal(st, 0);
}

static int be_worker(char **argv) {
    static uint8_t       master[32] = {1, 2, 3};
    sigset_t             set;
    int                  sig;
    struct deliver      *d;
    char                 path[128];
    struct redis_server *none = NULL;
    (void)none;
    (void)sigemptyset(&set);
    (void)sigaddset(&set, SIGTERM);
    (void)pthread_sigmask(SIG_BLOCK, &set, NULL);
    (void)signal(SIGPIPE, SIG_IGN);
    conf_defaults(&h.conf);
    (void)snprintf(path, sizeof path, "%s/push.conf", argv[2]);
    (void)snprintf(h.db_path, sizeof h.db_path, "%s/zhangban.db", argv[2]);
    sm4_key_derive(&h.key, 1, master);
    enum err e = conf_load(&h.conf, path, h.why, sizeof h.why);
    if (e == ERR_OK) e = writer_start(h.db_path, 4096, 512, (struct writer_hooks){0}, &h.writer, h.why, sizeof h.why);
    struct deliver_conf c = {.conf = &h.conf, .redis = argv[4], .writer = h.writer, .pii_key = &h.key, .worker = argv[3], .data_dir = argv[2],
                             .signature = "南平掌办", .request_ms = 1500, .backoff_ms = 50, .again_ms = 1000};
    if (e == ERR_OK) e = deliver_start(&c, &d, h.why, sizeof h.why);
    if (e) {
        fprintf(stderr, "worker %s: %s\n", argv[3], h.why);
        return 1;
    }
    (void)sigwait(&set, &sig);
    deliver_stop(d);
    writer_stop(h.writer);
    conf_fini(&h.conf);
    return 0;
}

/* ---- the house ---- */
static void write_file(const char *name, const char *text) {
    char path[128];
    (void)snprintf(path, sizeof path, "%s/%s", h.dir, name);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    (void)close(fd);
}

static void write_conf(void) {
    struct buf b;
    char       cmd[256];
    write_file("cmpp.secret", "1234\n");
    write_file("smpp.secret", "secret\n");
    (void)snprintf(cmd, sizeof cmd, "cd %s && openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out apns.p8 2>/dev/null && openssl pkey -in apns.p8 -pubout -out apns.pub", h.dir);
    assert_int_equal(system(cmd), 0);
    (void)setenv("ZB_PEER_KEEP", "1000000", 1);
    for (int i = 0; i < PEERS; i++) peer_start(i);
    buf_init(&b, 8192);
    buf_printf(&b,
               "[provider %s]\nkind = cmpp\nhost = 127.0.0.1\nport = %u\nsp = 901234\nsecret_file = %s/cmpp.secret\nsrc_id = 10690000123\nservice_id = ZWTZ\n"
               "rate_per_s = 1000\nweight = 100\nwindow = 32\nreport_s = " REPORT_S "\n",
               names[CMPP], h.peer[CMPP].port, h.dir);
    buf_printf(&b,
               "[provider %s]\nkind = smpp\nhost = 127.0.0.1\nport = %u\nsystem_id = zwsp\nsecret_file = %s/smpp.secret\nsrc_id = 10690000456\nid_form = same\n"
               "rate_per_s = 1000\nweight = 50\nwindow = 32\nreport_s = " REPORT_S "\n",
               names[SMPP], h.peer[SMPP].port, h.dir);
    buf_printf(&b,
               "[provider %s]\nkind = apns\nbase_url = https://127.0.0.1:%u\nca_file = %s\nkey_id = KEYID00001\nteam_id = TEAM000001\ntopic = cn.np.zhangban\n"
               "key_file = %s/apns.p8\ntimeout_s = 2\n",
               names[APNS], h.peer[APNS].port, h.peer[APNS].ca, h.dir);
    write_file("push.conf", buf_str(&b));
    buf_fini(&b);
}

static enum err add_people(struct db *db, void *arg) {
    enum err e = ERR_OK;
    (void)arg;
    for (int i = 0; e == ERR_OK && i < PEOPLE; i++) {
        char    id[16], target[16], phone[20], token[72];
        uint8_t sealed[64], sealed_token[128];
        size_t  n, token_n;
        (void)snprintf(id, sizeof id, "p_%d", i);
        (void)snprintf(target, sizeof target, "t_%d", i);
        (void)snprintf(phone, sizeof phone, "138000%05d", i);
        (void)snprintf(token, sizeof token, "%064d", i);
        OK(sm4_seal(&h.key, phone, strlen(phone), sealed, sizeof sealed, &n));
        OK(sm4_seal(&h.key, token, strlen(token), sealed_token, sizeof sealed_token, &token_n));
        e = db_exec(db, "INSERT INTO person (id, name, roles, phone_enc, created_wall) VALUES (?1, ?1, 1, ?2, 0)", "sb", id, sealed, n);
        if (e == ERR_OK)
            e = db_exec(db,
                        "INSERT INTO push_target (id, person, channel, vendor, token_idx, token_enc, state, registered_wall, seen_wall) VALUES "
                        "(?1, ?2, 'push', 'apns', ?1, ?3, 'active', 0, 0)",
                        "ssb", target, id, sealed_token, token_n);
    }
    return e;
}

static struct relay_channel channel_of(const char *channel) {
    (void)channel;
    return (struct relay_channel){100, 3600};
}

static void committed(void *arg, size_t n) {
    (void)arg;
    (void)n;
    struct relay *r = __atomic_load_n(&h.relay, __ATOMIC_SEQ_CST);
    if (r) relay_wake(r);
}

static int setup(void **state) {
    static const uint8_t master[32] = {1, 2, 3};
    const char          *n = getenv("ZB_CHAOS"), *seed = getenv("ZB_SEED");
    struct db           *db;
    (void)state;
    h.all  = n ? (int)strtol(n, NULL, 10) : 1500;
    h.seed = seed ? strtoull(seed, NULL, 10) : (uint64_t)clock_wall_ms();
    if (h.seed == 0) h.seed = 1;
    print_message("ZB_SEED=%llu ZB_CHAOS=%d\n", (unsigned long long)h.seed, h.all);
    (void)fflush(stdout);
    (void)snprintf(h.dir, sizeof h.dir, "/tmp/zb-chaos.XXXXXX");
    if (mkdtemp(h.dir) == NULL) return -1;
    (void)snprintf(h.db_path, sizeof h.db_path, "%s/zhangban.db", h.dir);
    if (readlink("/proc/self/exe", h.exe, sizeof h.exe - 1) < 0) return -1;
    sm4_key_derive(&h.key, 1, master);
    OK(db_open(h.db_path, DB_WRITE, &db, h.why, sizeof h.why));
    OK(migrate(db, NULL, NULL, h.why, sizeof h.why));
    db_close(db);
    OK(db_open(h.db_path, DB_READ, &h.db, h.why, sizeof h.why));
    OK(redis_server_start(h.dir, &h.server, h.redis, sizeof h.redis, h.why, sizeof h.why));
    OK(writer_start(h.db_path, 4096, 512, (struct writer_hooks){.committed = committed}, &h.writer, h.why, sizeof h.why));
    OK(writer_call(h.writer, add_people, NULL));
    struct relay_conf rc = {.db_path = h.db_path, .redis = h.redis, .writer = h.writer, .channel = channel_of};
    struct relay     *r;
    OK(relay_start(&rc, &r, h.why, sizeof h.why));
    __atomic_store_n(&h.relay, r, __ATOMIC_SEQ_CST);
    write_conf();
    return 0;
}

static int teardown(void **state) {
    char cmd[128];
    (void)state;
    for (int i = 0; i < WORKERS; i++)
        if (h.worker[i]) {
            (void)kill(h.worker[i], SIGKILL);
            (void)waitpid(h.worker[i], NULL, 0);
        }
    for (int i = 0; i < PEERS; i++) pk_stop(&h.peer[i]);
    relay_stop(h.relay);
    writer_stop(h.writer);
    redis_server_stop(h.server);
    db_close(h.db);
    if (getenv("ZB_KEEP")) {
        print_message("kept: %s\n", h.dir);
        return 0;
    }
    (void)snprintf(cmd, sizeof cmd, "rm -rf '%s'", h.dir);
    return system(cmd);
}

/* ---- the storm ---- */
static enum err say(struct db *db, void *arg) {
    enum err e = ERR_OK;
    for (int until = *(int *)arg; e == ERR_OK && h.made < until; h.made++) {
        int     i = h.made, priority = i % 3;
        bool    push = i / 3 % 3 == 0;
        char    id[32], d[32], p[16], t[16], body[128];
        int64_t now = clock_wall_ms();
        (void)snprintf(id, sizeof id, "n_%06d", i);
        (void)snprintf(p, sizeof p, "p_%d", i % PEOPLE);
        (void)snprintf(t, sizeof t, "t_%d", i % PEOPLE);
        (void)snprintf(body, sizeof body, "您有新任务%s号", id);
        struct notice_row row = {.id = id, .person = p, .kind = "task.assigned", .object = "task:1", .title = "标题", .body = body, .dedupe = id, .var_t = "标题", .var_x = "",
                                 .priority = priority, .created_biz_ms = 1520814600000, .created_wall_ms = now};
        e = notice_insert(db, &row);
        (void)snprintf(d, sizeof d, "d_%06d_p", i);
        struct delivery_row dr = {.id = d, .notice = id, .person = p, .channel = "push", .target = t, .priority = priority, .step = 1, .due_wall_ms = now, .wall_ms = now};
        if (e == ERR_OK && push) e = delivery_insert(db, &dr);
        d[9]           = 's';
        dr.channel     = "sms";
        dr.target      = "";
        dr.step        = 2;
        dr.due_wall_ms = now + (push ? 3000 : 0);
        if (e == ERR_OK) e = delivery_insert(db, &dr);
    }
    return e;
}

static enum err read_some(struct db *db, void *arg) {
    char     id[32], p[16];
    int      i = (int)dice((uint32_t)h.made);
    (void)arg;
    if (i < h.made - 400) i = h.made - 1 - (int)dice(h.made < 400 ? (uint32_t)h.made : 400); /* rather young ones */
    (void)snprintf(id, sizeof id, "n_%06d", i);
    (void)snprintf(p, sizeof p, "p_%d", i % PEOPLE);
    h.reads++;
    return notice_read_row(db, p, id, "app", clock_wall_ms());
}

static void flush_redis(void) {
    redisContext *c = redisConnectUnix(h.redis + strlen("unix:"));
    if (c && c->err == 0) freeReplyObject(redisCommand(c, "FLUSHALL"));
    if (c) redisFree(c);
}

static void comings(bool all) {
    int64_t now = clock_mono_ms();
    for (int i = 0; i < WORKERS; i++)
        if (h.worker[i] == 0 && (all || now >= h.worker_back_ms[i])) worker_start(i);
    for (int i = 0; i < PEERS; i++)
        if (h.peer_back_ms[i] && (all || now >= h.peer_back_ms[i])) peer_start(i);
}

static void storm(void) {
    int64_t for_ms = h.all * 4 < 10000 ? 10000 : h.all * 4 > 60000 ? 60000 : h.all * 4, begun = clock_mono_ms(), t;
    int     redis_done = 0;
    for (int i = 0; i < WORKERS; i++) worker_start(i);
    while ((t = clock_mono_ms() - begun) < for_ms) {
        int until = (int)((int64_t)h.all * (t + EACH_MS) / for_ms);
        if (until > h.all) until = h.all;
        OK(writer_call(h.writer, say, &until));
        if (dice(12) == 0) worker_kill((int)dice(WORKERS));
        if (dice(6) == 0) mood((int)dice(PEERS));
        for (int k = h.all / 1000; k >= 0 && h.made > 0; k--) OK(writer_call(h.writer, read_some, NULL));
        if (redis_done == 0 && t > for_ms / 3) {
            (void)kill(redis_server_pid(h.server), SIGKILL);
            redis_done = 1;
        }
        if (redis_done == 1 && t > for_ms * 2 / 3) {
            flush_redis();
            redis_done = 2;
        }
        comings(false);
        (void)usleep(EACH_MS * 1000);
    }
    int all = h.all;
    OK(writer_call(h.writer, say, &all));
}

static void tell(const char *sql) {
    struct rows *r = db_query(h.db, sql, "");
    while (db_next(r)) print_message("  %s\n", row_s(r, 0));
    OK(db_rows_end(r));
}

#define OPEN "SELECT COUNT(*) FROM delivery WHERE state IN ('waiting', 'queued', 'claimed')"

static bool await(const char *what, const char *sql, int64_t ms) {
    int64_t until = clock_mono_ms() + ms, n, said = clock_mono_ms();
    while ((n = one(sql)) != 0 && clock_mono_ms() < until) {
        (void)usleep(50000);
        if (clock_mono_ms() - said > 10000) {
            print_message("  %s: %lld\n", what, (long long)n);
            tell("SELECT state || ' ' || channel || ' ' || worker || ' ' || provider || ' ' || verdict || ' ' || COUNT(*) FROM delivery WHERE state IN ('waiting', 'queued', 'claimed') GROUP BY "
                 "state, channel, worker, provider, verdict");
            (void)fflush(stdout);
            said = clock_mono_ms();
        }
    }
    if (n) print_message("  %s: still %lld\n", what, (long long)n);
    return n == 0;
}

/* ---- what must be true ---- */
static int bad_n;

/* Rows of a question to which there must be no answer. sql: a literal. */
static void none(const char *what, const char *sql) {
    int          n = 0;
    struct rows *r = db_query(h.db, sql, "");
    while (db_next(r)) {
        if (n++ < 5) print_message("  %s: %s\n", what, row_s(r, 0));
    }
    OK(db_rows_end(r));
    if (n) print_message("%s: %d\n", what, n);
    bad_n += n;
}

struct seen {
    int takes[PEERS]; /* accepted, or received and never answered */
};

static struct seen *seen;

static void note(const char *text, int peer) {
    const char *at = text ? strstr(text, "n_") : NULL;
    if (at == NULL) {
        print_message("%s received what we never sent: %s\n", names[peer], text ? text : "");
        bad_n++;
        return;
    }
    long i = strtol(at + 2, NULL, 10);
    assert_in_range(i, 0, h.all - 1);
    seen[i].takes[peer]++;
}

static void read_carrier(int peer) {
    char  path[128], line[2048];
    (void)snprintf(path, sizeof path, "%s/%s.log", h.dir, names[peer]);
    FILE *f = fopen(path, "r");
    assert_non_null(f);
    while (fgets(line, sizeof line, f)) {
        cJSON *j = cJSON_Parse(line);
        assert_non_null(j);
        note(cJSON_GetStringValue(cJSON_GetObjectItem(j, "text")), peer);
        cJSON_Delete(j);
    }
    (void)fclose(f);
}

static void read_apple(void) {
    cJSON *j = pk_control(&h.peer[APNS], "GET", "/requests", "");
    for (cJSON *r = j->child; r; r = r->next) {
        cJSON *scripted = cJSON_GetObjectItem(r, "scripted");
        bool   taken    = scripted == NULL || cJSON_IsString(scripted); /* a status refused it; an act never answered */
        if (taken) note(cJSON_GetStringValue(cJSON_GetObjectItem(r, "body")), APNS);
    }
    cJSON_Delete(j);
}

/* Attempts through this provider that may have brought the message there. */
static void against_records(void) {
    struct rows *r = db_query(h.db,
                              "SELECT n.id, n.read_wall IS NOT NULL, "
                              "(SELECT COUNT(*) FROM delivery d JOIN attempt a ON a.delivery = d.id WHERE d.notice = n.id AND a.provider = 'cmpp-1' AND a.verdict IN ('sent', 'unknown')), "
                              "(SELECT COUNT(*) FROM delivery d JOIN attempt a ON a.delivery = d.id WHERE d.notice = n.id AND a.provider = 'smpp-1' AND a.verdict IN ('sent', 'unknown')), "
                              "(SELECT COUNT(*) FROM delivery d JOIN attempt a ON a.delivery = d.id WHERE d.notice = n.id AND a.provider = 'apple' AND a.verdict IN ('sent', 'unknown')), "
                              "(SELECT COUNT(*) FROM delivery d WHERE d.notice = n.id AND d.state IN ('sent', 'delivered')), "
                              "n.priority, (SELECT GROUP_CONCAT(d.id || ' ' || d.state || ' ' || d.verdict || ' ' || d.tried || ' ' || d.attempts, '; ') FROM delivery d WHERE d.notice = n.id) "
                              "FROM notice n ORDER BY n.id",
                              "");
    int twice = 0, unreached = 0;
    while (db_next(r)) {
        const char        *id = row_s(r, 0);
        const struct seen *s  = &seen[strtol(id + 2, NULL, 10)];
        int                in_all = 0;
        for (int i = 0; i < PEERS; i++) {
            in_all += s->takes[i];
            if (s->takes[i] > row_i(r, 2 + i)) {
                print_message("%s: %s took it %d times, %d attempts explain it: %s\n", id, names[i], s->takes[i], (int)row_i(r, 2 + i), row_s(r, 7));
                bad_n++;
            }
        }
        twice += s->takes[CMPP] + s->takes[SMPP] > 1;
        if (in_all == 0 && row_i(r, 5) > 0) {
            print_message("%s: on record as sent, and nobody received it: %s\n", id, row_s(r, 7));
            bad_n++;
        }
        if (in_all == 0 && row_i(r, 1) == 0) {
            unreached++;
            if (unreached <= 5) print_message("  not reached: %s P%d: %s\n", id, (int)row_i(r, 6), row_s(r, 7));
        }
    }
    OK(db_rows_end(r));
    print_message("%d notices, %d unread and not reached (each explained), %d twice by SMS\n", h.all, unreached, twice);
}

static void check(void) {
    seen = x_calloc((size_t)h.all, sizeof *seen);
    read_carrier(CMPP);
    read_carrier(SMPP);
    read_apple();
    none("not in a final state", "SELECT id || ' ' || state || ' ' || verdict FROM delivery WHERE state NOT IN ('delivered', 'sent', 'failed', 'unknown', 'cancelled')");
    none("an attempt without its end", "SELECT delivery || ' ' || n FROM attempt WHERE ended_wall IS NULL OR verdict = ''");
    none("attempts and their number", "SELECT id FROM delivery d WHERE attempts <> (SELECT COUNT(*) FROM attempt a WHERE a.delivery = d.id)");
    none("sent after it was read", "SELECT a.delivery || ' ' || (a.started_wall - n.read_wall) FROM attempt a JOIN delivery d ON d.id = a.delivery JOIN notice n ON n.id = d.notice "
                                   "WHERE a.started_wall > n.read_wall");
    none("cancelled and not read", "SELECT d.id FROM delivery d JOIN notice n ON n.id = d.notice WHERE d.state = 'cancelled' AND n.read_wall IS NULL");
    none("delivered without a receipt", "SELECT id FROM delivery d WHERE state = 'delivered' AND NOT EXISTS (SELECT 1 FROM receipt r WHERE r.delivery = d.id AND r.kind = 'delivered')");
    none("sent without an attempt that says so", "SELECT id FROM delivery d WHERE state = 'sent' AND NOT EXISTS (SELECT 1 FROM attempt a WHERE a.delivery = d.id AND a.verdict = 'sent')");
    none("an SMS for ever without a receipt", "SELECT d.id || ' ' || d.provider FROM delivery d JOIN notice n ON n.id = d.notice WHERE d.channel = 'sms' AND d.state = 'sent' AND n.read_wall IS NULL");
    none("failed without a reason", "SELECT id || ' ' || verdict FROM delivery d WHERE state = 'failed' AND NOT (verdict IN ('reported', 'unreported') AND EXISTS "
                                    "(SELECT 1 FROM receipt r WHERE r.delivery = d.id AND r.kind IN ('failed', 'missing'))) AND NOT EXISTS "
                                    "(SELECT 1 FROM attempt a WHERE a.delivery = d.id AND a.n = d.attempts AND a.verdict = d.verdict AND a.verdict IN ('rejected', 'config', 'auth', 'retry', 'gone'))");
    none("failed with a carrier that was never tried", "SELECT d.id || ' ' || verdict || ' ' || tried FROM delivery d JOIN notice n ON n.id = d.notice WHERE channel = 'sms' AND d.state = 'failed' AND "
                                                       "attempts < 12 AND n.read_wall IS NULL AND NOT (tried LIKE '%,cmpp-1,%' AND tried LIKE '%,smpp-1,%')");
    none("unknown without an attempt that says so", "SELECT id FROM delivery d WHERE state = 'unknown' AND NOT EXISTS (SELECT 1 FROM attempt a WHERE a.delivery = d.id AND a.n = d.attempts AND a.verdict = 'unknown')");
    none("tried again without a reason",
         "SELECT a.delivery || ' ' || a.n || ' ' || a.provider || ' ' || a.verdict || ' P' || n.priority FROM attempt a JOIN delivery d ON d.id = a.delivery JOIN notice n ON n.id = d.notice "
         "WHERE a.n < d.attempts AND a.verdict IN ('sent', 'unknown') AND NOT (a.verdict = 'unknown' AND n.priority <= 1) AND NOT EXISTS "
         "(SELECT 1 FROM receipt r WHERE r.delivery = a.delivery AND r.provider = a.provider AND r.kind IN ('failed', 'missing'))");
    none("unknown although it may be tried again", "SELECT d.id || ' ' || d.attempts FROM delivery d JOIN notice n ON n.id = d.notice WHERE d.state = 'unknown' AND n.priority <= 1 AND n.read_wall IS NULL AND "
                                                   "(SELECT COUNT(*) FROM attempt a WHERE a.delivery = d.id AND a.verdict = 'unknown') < 3 AND d.attempts < 3");
    against_records();
    x_free(seen);
}

/* What a provider would not have stood for. A silent one counts what we have given up as still open, so its window says nothing. */
static void violations(int peer) {
    cJSON *j = pk_control(&h.peer[peer], "GET", "/stats", "");
    for (cJSON *v = cJSON_GetObjectItem(j, "violations")->child; v; v = v->next)
        if (strcmp(cJSON_GetStringValue(v), "window_overrun") != 0) {
            print_message("%s: %s\n", names[peer], cJSON_GetStringValue(v));
            bad_n++;
        }
    cJSON_Delete(j);
}

static void t_chaos(void **state) {
    (void)state;
    int64_t t = clock_mono_ms();
    storm();
    for (int i = 0; i < PEERS; i++)
        if (h.peer_back_ms[i] == 0) well(i);
    for (int i = 0; i < WORKERS; i++) worker_stop(i);
    comings(true);
    print_message("storm of %lld ms: %d kills of workers, %d moods, %d read; left: %lld\n", (long long)(clock_mono_ms() - t), h.kills, h.moods, h.reads, (long long)one(OPEN));
    (void)fflush(stdout);
    bool done = await("open", OPEN, CALM_MS) && await("without a receipt", "SELECT COUNT(*) FROM delivery d JOIN notice n ON n.id = d.notice WHERE d.channel = 'sms' AND d.state = 'sent' AND n.read_wall IS NULL", CALM_MS)
                && await("open", OPEN, CALM_MS);
    print_message("calm after %lld ms\n", (long long)(clock_mono_ms() - t));
    for (int i = 0; i < WORKERS; i++) worker_stop(i);
    tell("SELECT channel || ' ' || state || ' ' || COUNT(*) FROM delivery GROUP BY channel, state");
    tell("SELECT 'attempts ' || provider || ' ' || verdict || ' ' || COUNT(*) FROM attempt GROUP BY provider, verdict");
    check();
    for (int i = 0; i < PEERS; i++) violations(i);
    assert_int_equal(bad_n, 0);
    assert_true(done);
}

int main(int argc, char **argv) {
    log_set(getenv("ZB_LOUD") ? LOG_INFO : LOG_ERROR, 2);
    if (argc == 5 && strcmp(argv[1], "worker") == 0) return be_worker(argv);
    const struct CMUnitTest tests[] = {cmocka_unit_test_setup_teardown(t_chaos, setup, teardown)};
    return cmocka_run_group_tests_name("chaos", tests, NULL, NULL);
}
