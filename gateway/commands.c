/* SPDX-License-Identifier: Apache-2.0
 *
 * Operator commands that do one thing and end.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/calendar.h"
#include "base/check.h"
#include "base/clock.h"
#include "base/mem.h"
#include "gateway/command.h"
#include "gateway/openapi.h"
#include "gateway/serve.h"
#include "handlers/demo.h"
#include "handlers/import.h"
#include "handlers/method.h"
#include "handlers/person_admin.h"
#include "handlers/session_issue.h"
#include "handlers/system_auth.h"
#include "push/provider.h"
#include "push/rebuild.h"
#include "store/ledger.h"

static int failed(const char *what, const char *why, enum err e) {
    fprintf(stderr, "zhangban: %s: %s\n", what, why && *why ? why : err_info(e)->zh);
    return 1;
}

static int open_or_say(const struct conf *conf, struct tools *t) {
    char why[512] = "";
    enum err e    = tools_open(conf, true, t, why, sizeof why);
    return e ? failed("cannot open the data directory", why, e) : 0;
}

int command_check_config(const struct conf *conf, int argc, char **argv) {
    if (argc > 1) return command_bad_option(argv[1]);
    char why[512];
    conf_print(conf, stdout, true);
    struct provider **list;
    size_t            n;
    struct notice_plan plans[4];
    enum err          e = providers_make(conf, &list, &n, why, sizeof why);
    if (e) return failed("check-config", why, e);
    providers_free(list, n);
    e = tools_plans(conf, plans, why, sizeof why);
    if (e) return failed("check-config", why, e);
    return 0;
}

int command_openapi(const struct conf *conf, int argc, char **argv) {
    struct buf b;
    (void)conf;
    if (argc > 1) return command_bad_option(argv[1]);
    methods_init();
    buf_init(&b, 8U << 20);
    openapi_write(&b);
    (void)fwrite(buf_str(&b), 1, b.len, stdout);
    (void)putchar('\n');
    buf_fini(&b);
    return 0;
}

int command_import(const struct conf *conf, int argc, char **argv) {
    const char *past = NULL, *dir = NULL, *v;
    for (int i = 1; i < argc; i++) {
        if ((v = command_option(argc, argv, &i, "--confirm-past")) != NULL)
            past = v;
        else if (argv[i][0] != '-' && dir == NULL)
            dir = argv[i];
        else
            return command_bad_option(argv[i]);
    }
    if (dir == NULL) return command_bad_option("import");
    struct tools         t;
    struct import_result res = {0};
    if (open_or_say(conf, &t)) return 1;
    tools_follow_demo(&t);
    struct import_conf ic = {.dir = dir, .confirm_past = past, .actor = "system", .out = stdout, .progress = isatty(STDOUT_FILENO) == 1,
                             .wall_ms = clock_wall_ms(), .biz_ms = clock_business_ms()};
    enum err           e  = import_dir(&t.house, t.db, &ic, &res);
    tools_close(&t);
    if (e) return failed("import", "", e);
    return res.problems ? 1 : 0;
}

/* ---- session ---- */
struct issue {
    struct tools *t;
    struct redis *redis;
    struct arena *a;
    const char   *person, *client;
    char          token[44];
};

static enum err issue_run(struct db *db, void *arg) {
    struct issue *s = arg;
    return session_issue(&s->t->house, db, s->redis, s->a, s->person, s->client, s->token);
}

int command_session(const struct conf *conf, int argc, char **argv) {
    struct tools t;
    struct issue s = {.t = &t, .client = "operator"};
    const char  *v;
    for (int i = 1; i < argc; i++) {
        if ((v = command_option(argc, argv, &i, "--person")) != NULL)
            s.person = v;
        else if ((v = command_option(argc, argv, &i, "--client")) != NULL)
            s.client = v;
        else
            return command_bad_option(argv[i]);
    }
    if (s.person == NULL) return command_bad_option("session (--person ID is wanted)");
    if (open_or_say(conf, &t)) return 1;
    tools_follow_demo(&t);
    char     address[128], why[256] = "";
    enum err e = tools_redis(&t, address, why, sizeof why);
    if (e) {
        tools_close(&t);
        return failed("session", why, e);
    }
    s.redis = redis_new(address, 2000);
    s.a     = arena_new(1U << 20);
    e       = tools_write(&t, issue_run, &s);
    if (e == ERR_OK) printf("%s\n", s.token);
    arena_free(s.a);
    redis_free(s.redis);
    tools_close(&t);
    if (e == ERR_NOTFOUND) return failed("session", "nobody active has this id", e);
    if (e == ERR_PERM) return failed("session", "leaders log in themselves; only a demo hands out their sessions (D19)", e);
    if (e == ERR_UNAVAILABLE) return failed("session", "Redis does not answer now; try again", e);
    return e ? failed("session", "", e) : 0;
}

/* ---- person ---- */
struct person_do {
    struct tools      *t;
    struct arena      *a;
    struct person_form form;
    const char        *gone, *why;
};

static enum err person_run(struct db *db, void *arg) {
    struct person_do *p = arg;
    return p->gone ? person_deactivate(&p->t->house, db, p->a, p->gone) : person_create(&p->t->house, db, p->a, &p->form, &p->why);
}

int command_person(const struct conf *conf, int argc, char **argv) {
    struct tools     t;
    struct person_do p         = {.t = &t, .form = {.id = "", .name = "", .title = "", .unit = "", .roles = "", .phone = ""}, .why = ""};
    char             phone[64] = "";
    const char      *v         = NULL;
    const struct {
        const char *option, **field;
    } fields[] = {{"--add", &p.form.id},   {"--name", &p.form.name},   {"--title", &p.form.title},
                  {"--unit", &p.form.unit}, {"--roles", &p.form.roles}, {"--deactivate", &p.gone}};
    for (int i = 1; i < argc; i++) {
        size_t k = 0;
        for (; k < ARRAY_N(fields); k++)
            if ((v = command_option(argc, argv, &i, fields[k].option)) != NULL) break;
        if (k == ARRAY_N(fields)) return command_bad_option(argv[i]);
        *fields[k].field = v;
    }
    if ((p.gone != NULL) == (*p.form.id != '\0')) return command_bad_option("person (--add ID or --deactivate ID is wanted)");
    if (p.gone == NULL && fgets(phone, sizeof phone, stdin) != NULL) phone[strcspn(phone, " \t\r\n")] = '\0';
    p.form.phone = phone;
    if (open_or_say(conf, &t)) return 1;
    tools_follow_demo(&t);
    p.a        = arena_new(1U << 20);
    enum err e = tools_write(&t, person_run, &p);
    x_wipe(phone, sizeof phone);
    tools_close(&t);
    int status = 0;
    if (e == ERR_NOTFOUND)
        status = failed("person", "nobody has this id", e);
    else if (e == ERR_DUP)
        status = failed("person", "this id or phone number is known already", e);
    else if (e)
        status = failed("person", p.why, e);
    arena_free(p.a);
    if (e == ERR_OK) printf("%s\n", p.gone ? p.gone : p.form.id);
    return status;
}

int command_verify_ledger(const struct conf *conf, int argc, char **argv) {
    struct db *db;
    char       path[400], why[256] = "";
    size_t     findings = 0;
    int64_t    rows     = 0;
    if (argc > 1) return command_bad_option(argv[1]);
    (void)snprintf(path, sizeof path, "%s/zhangban.db", conf->data);
    if (access(path, R_OK) != 0) return failed(path, "there is no store here", ERR_NOTFOUND);
    enum err e = db_open(path, DB_READ, &db, why, sizeof why);
    if (e) return failed(path, why, e);
    e = ledger_verify(conf->data, db, stdout, &findings, &rows);
    db_close(db);
    if (e) return failed("verify-ledger", "the store or its keys cannot be read", e);
    printf(findings ? "ledger BROKEN: %zu findings in %lld rows\n" : "ledger ok: %zu findings, %lld rows\n", findings, (long long)rows);
    return findings ? 1 : 0;
}

int command_rebuild(const struct conf *conf, int argc, char **argv) {
    struct tools          t;
    struct rebuild_counts n = {0};
    char                  address[128], why[256] = "";
    if (argc > 1) return command_bad_option(argv[1]);
    if (open_or_say(conf, &t)) return 1;
    enum err e = tools_redis(&t, address, why, sizeof why);
    if (e == ERR_OK) e = rebuild_all(t.db_path, address, &n, why, sizeof why);
    tools_close(&t);
    if (e) return failed("rebuild", why, e);
    printf("rebuilt: %lld deliveries back in their lanes, a new epoch for every live channel (%lld keys)\n", (long long)n.deliveries,
           (long long)n.channel_keys);
    return 0;
}

/* ---- clock ---- */
static bool duration(const char *s, int64_t *ms) {
    char     *end;
    long long n = strtoll(s, &end, 10);
    if (end == s || n <= 0 || n > 100000 || end[0] == '\0' || end[1] != '\0') return false;
    switch (*end) {
    case 's': *ms = n * 1000; return true;
    case 'm': *ms = n * 60000; return true;
    case 'h': *ms = n * 3600000; return true;
    case 'd': *ms = n * DAY_MS; return true;
    default: return false;
    }
}

struct clock_move {
    struct tools *t;
    int64_t       ms;
};

/* The audit chain says who moved time: the operator, from when to when (the entry's business time is the old one). */
static enum err save_clock(struct db *db, void *arg) {
    struct clock_move *m    = arg;
    char               to[32], body[64];
    struct ledger_entry row = {.kind = "demo.clock", .actor = "system", .unit = "", .object = "", .body = body,
                               .at_wall_ms = clock_wall_ms(), .at_business_ms = clock_business_ms()};
    time_format_iso(m->ms, to);
    (void)snprintf(body, sizeof body, "{\"business\":\"%s\"}", to);
    TRY(demo_clock_save(db, m->ms, clock_business_get().speed_permille));
    return ledger_add(m->t->house.ledger, db, &row);
}

int command_clock(const struct conf *conf, int argc, char **argv) {
    const char *set = NULL, *advance = NULL, *v;
    bool        show = argc == 1;
    for (int i = 1; i < argc; i++) {
        if ((v = command_option(argc, argv, &i, "--set")) != NULL)
            set = v;
        else if ((v = command_option(argc, argv, &i, "--advance")) != NULL)
            advance = v;
        else if (strcmp(argv[i], "--show") == 0)
            show = true;
        else
            return command_bad_option(argv[i]);
    }
    struct tools t;
    int64_t      ms = 0, step = 0;
    if (open_or_say(conf, &t)) return 1;
    tools_follow_demo(&t);
    enum err e = t.house.demo || !(set || advance) ? ERR_OK : ERR_PERM;
    if (e == ERR_OK && set && time_parse_iso(set, &ms) != ERR_OK) e = ERR_INPUT;
    if (e == ERR_OK && advance && !duration(advance, &step)) e = ERR_INPUT;
    if (e == ERR_OK && advance) ms = (set ? ms : clock_business_ms()) + step;
    if (e == ERR_OK && (set || advance) && ms < clock_business_ms()) e = ERR_STATE;
    if (e == ERR_OK && (set || advance)) e = tools_write(&t, save_clock, &(struct clock_move){&t, ms});
    char text[32];
    time_format_iso(clock_business_ms(), text);
    tools_close(&t);
    if (e == ERR_PERM) return failed("clock", "only a demo may move the business clock", e);
    if (e == ERR_INPUT) return failed("clock", "TIME like 2018-03-20T09:00+08:00, DURATION like 90m, 36h or 10d", e);
    if (e == ERR_STATE) return failed("clock", "the clock only goes forward", e);
    if (e) return failed("clock", "", e);
    (void)show;
    printf("%s\n", text);
    return 0;
}

/* ---- system-key ---- */
struct key_make {
    struct tools *t;
    struct arena *a;
    const char   *id, *name;
    char          secret[65];
};

static enum err key_run(struct db *db, void *arg) {
    struct key_make *k = arg;
    return system_key_create(&k->t->house, db, k->a, k->id, k->name, k->secret);
}

int command_system_key(const struct conf *conf, int argc, char **argv) {
    struct tools    t;
    struct key_make k = {.t = &t};
    const char     *v;
    for (int i = 1; i < argc; i++) {
        if ((v = command_option(argc, argv, &i, "--id")) != NULL)
            k.id = v;
        else if ((v = command_option(argc, argv, &i, "--name")) != NULL)
            k.name = v;
        else
            return command_bad_option(argv[i]);
    }
    if (k.id == NULL || k.name == NULL) return command_bad_option("system-key (--id and --name are wanted)");
    if (open_or_say(conf, &t)) return 1;
    k.a        = arena_new(1U << 20);
    enum err e = tools_write(&t, key_run, &k);
    if (e == ERR_OK) printf("%s\n", k.secret);
    arena_free(k.a);
    tools_close(&t);
    if (e == ERR_DUP) return failed("system-key", "this id exists already", e);
    if (e == ERR_INPUT) return failed("system-key", "id: letters, digits, dot, dash, at most 32; name: 1 to 64 characters", e);
    return e ? failed("system-key", "", e) : 0;
}
