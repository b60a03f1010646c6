/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/kit.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/calendar.h"
#include "base/check.h"
#include "base/clock.h"
#include "base/mem.h"
#include "store/migrate.h"
#include "store/redis_server.h"

static cJSON *last;
static char  *asked[512]; /* texts given to the store, which knows a statement by its address; until kit_close */
static size_t asked_n;
static char   number[32];

struct kit *kit_open(void) {
    char        why[256] = "";
    struct kit *k        = x_calloc(1, sizeof *k);
    methods_init();
    (void)snprintf(k->dir, sizeof k->dir, "/tmp/zbkit.XXXXXX");
    MUST(mkdtemp(k->dir) != NULL);
    char path[128];
    (void)snprintf(path, sizeof path, "%s/zhangban.db", k->dir);
    if (db_open(path, DB_WRITE, &k->db, why, sizeof why) || migrate(k->db, NULL, NULL, why, sizeof why) ||
        ledger_open(k->dir, &k->house.ledger, why, sizeof why)) {
        fprintf(stderr, "kit: %s\n", why);
        abort();
    }
    struct calendar *cal = calendar_load("samples/nanping-2018/holidays.json", why, sizeof why);
    MUST(cal != NULL);
    struct house *h       = &k->house;
    h->cal                = cal;
    h->demo               = true;
    h->session_idle_ms    = 30 * 60000;
    h->session_absolute_ms = 12 * 3600000;
    h->sms_code_life_ms   = 5 * 60000;
    h->ranking_min_tasks  = 1;
    h->sign_urgent_hours  = 4;
    h->yellow_days        = 3;
    h->instruction_skew_ms = 5 * 60000;
    static const char *const plans[] = {"sms+0", "sms+0", "sms+600", ""};
    char inner[128];
    for (int i = 0; i < 4; i++) MUST(notice_plan_parse(plans[i], &h->plans[i], inner, sizeof inner) == ERR_OK);
    (void)snprintf(h->sms_signature, sizeof h->sms_signature, "南平督办");
    (void)snprintf(h->data_dir, sizeof h->data_dir, "%s", k->dir);
    uint8_t master[32] = {1, 2, 3};
    sm4_key_derive(&h->pii_key, 1, master);
    memset(h->idx_key, 7, sizeof h->idx_key);
    memset(h->code_key, 9, sizeof h->code_key);
    k->arena = arena_new(4U << 20);
    buf_init(&k->reply, 4U << 20);
    kit_time(k, "2018-03-12T08:30:00+08:00");
    return k;
}

void kit_redis(struct kit *k) {
    char address[128], why[256];
    MUST(redis_server_start(k->dir, &k->server, address, sizeof address, why, sizeof why) == ERR_OK);
    k->redis = redis_new(address, 1000);
}

void kit_close(struct kit *k) {
    cJSON_Delete(last);
    last = NULL;
    redis_free(k->redis);
    redis_server_stop(k->server);
    ledger_close(k->house.ledger);
    db_close(k->db);
    while (asked_n) x_free(asked[--asked_n]);
    calendar_free((struct calendar *)(uintptr_t)k->house.cal);
    arena_free(k->arena);
    buf_fini(&k->reply);
    char cmd[128];
    (void)snprintf(cmd, sizeof cmd, "rm -rf '%s'", k->dir);
    MUST(system(cmd) == 0);
    clock_wall_fake(0);
    x_free(k);
}

void kit_time(struct kit *k, const char *iso) {
    (void)k;
    int64_t ms;
    MUST(time_parse_iso(iso, &ms) == ERR_OK);
    clock_wall_fake(ms);
}

void kit_person(struct kit *k, const char *id, const char *unit, unsigned roles) {
    MUST(db_begin(k->db) == ERR_OK);
    MUST(db_exec(k->db, "INSERT INTO person (id, name, unit, roles, created_wall) VALUES (?1, ?1, ?2, ?3, 0)", "ssi", id, unit,
                 (int64_t)roles) == ERR_OK);
    MUST(db_commit(k->db) == ERR_OK);
}

static void load_actor(struct kit *k, const char *person, struct actor *who) {
    memset(who, 0, sizeof *who);
    if (person == NULL) return;
    struct rows *r = db_query(k->db, "SELECT name, unit, roles FROM person WHERE id = ?1", "s", person);
    if (!db_next(r)) {
        fprintf(stderr, "kit: no person %s\n", person);
        abort();
    }
    (void)snprintf(who->id, sizeof who->id, "%s", person);
    (void)snprintf(who->name, sizeof who->name, "%s", row_s(r, 0));
    (void)snprintf(who->unit, sizeof who->unit, "%s", row_s(r, 1) ? row_s(r, 1) : "");
    (void)snprintf(who->session, sizeof who->session, "s_%s", person);
    who->roles = (unsigned)row_i(r, 2);
    who->bound = true;
    MUST(db_rows_end(r) == ERR_OK);
    r = db_query(k->db, "SELECT id FROM device WHERE person = ?1 AND state = 'active' ORDER BY id DESC", "s", person);
    if (db_next(r)) (void)snprintf(who->device, sizeof who->device, "%s", row_s(r, 0));
    MUST(db_rows_end(r) == ERR_OK);
}

static enum err run(struct kit *k, const struct method *m, struct req *r, const void *args) {
    enum err e = ERR_OK;
    if (m->prepare) e = m->prepare(r, args);
    if (e) return e;
    MUST(db_begin(k->db) == ERR_OK);
    if (!(m->flags & M_WRITE)) {
        e = m->fn(r, args);
        MUST(db_commit(k->db) == ERR_OK);
        return e;
    }
    MUST(db_savepoint(k->db) == ERR_OK);
    e = m->fn(r, args);
    if (e) db_rollback_to(k->db);
    MUST(db_release(k->db) == ERR_OK);
    MUST(ledger_seal(k->house.ledger, k->db) == ERR_OK);
    MUST(db_commit(k->db) == ERR_OK);
    ledger_committed(k->house.ledger);
    if (e == ERR_OK && r->refuse) e = r->refuse;
    return e;
}

enum err kit_call(struct kit *k, const char *person, const char *method, const char *json) {
    const struct method *m = method_find(method, strlen(method));
    if (m == NULL) {
        fprintf(stderr, "kit: no method %s\n", method);
        abort();
    }
    arena_reset(k->arena);
    buf_reset(&k->reply);
    k->detail[0] = k->field[0] = '\0';
    struct jw out;
    jw_init(&out, &k->reply);
    struct req r = {.house   = &k->house,
                    .m       = m,
                    .a       = k->arena,
                    .db      = k->db,
                    .redis   = k->redis,
                    .wall_ms = clock_wall_ms(),
                    .biz_ms  = clock_business_ms(),
                    .peer    = "127.0.0.1",
                    .out     = &out};
    load_actor(k, person, &r.who);
    if (!(m->flags & M_PUBLIC) && person == NULL) return ERR_AUTH;
    if (!(m->flags & M_PUBLIC) && !(m->roles & r.who.roles)) return ERR_PERM;

    cJSON      *obj = NULL;
    const char *why;
    enum err    e = json ? json_parse(json, strlen(json), &obj, &why) : ERR_OK;
    MUST(e == ERR_OK);
    void              *args  = arena_alloc(k->arena, m->args_size + 1);
    struct param_fault fault = {0};
    e = param_decode(m->params, m->params_n, obj, NULL, args, m->args_size, k->arena, &fault);
    if (e) {
        (void)snprintf(k->detail, sizeof k->detail, "%s", fault.why);
        (void)snprintf(k->field, sizeof k->field, "%s", fault.field);
    } else {
        jw_obj(&out);
        e = run(k, m, &r, args);
        jw_obj_end(&out);
        if (e) (void)snprintf(k->detail, sizeof k->detail, "%s", r.detail ? r.detail : "");
        if (e) (void)snprintf(k->field, sizeof k->field, "%s", r.field ? r.field : "");
        for (struct effect *x = r.effects; x; x = x->next) k->effects.closes++;
    }
    cJSON_Delete(obj);
    cJSON_Delete(last);
    last = e ? NULL : cJSON_Parse(buf_str(&k->reply));
    return e;
}

void kit_want(struct kit *k, enum err want, const char *person, const char *method, const char *json) {
    enum err e = kit_call(k, person, method, json);
    if (e == want) return;
    fprintf(stderr, "%s(%s) by %s: got %s, want %s: %s %s\n", method, json ? json : "", person ? person : "-", err_info(e)->word,
            err_info(want)->word, k->field, k->detail);
    abort();
}

const char *kit_get(struct kit *k, const char *path) {
    (void)k;
    const cJSON *v = last;
    while (v && *path) {
        size_t n = strcspn(path, ".");
        char   name[64];
        MUST(n < sizeof name);
        memcpy(name, path, n);
        name[n] = '\0';
        v = cJSON_IsArray(v) ? cJSON_GetArrayItem(v, (int)strtol(name, NULL, 10)) : cJSON_GetObjectItemCaseSensitive(v, name);
        path += n + (path[n] == '.');
    }
    if (v == NULL || cJSON_IsNull(v)) return NULL;
    if (cJSON_IsString(v)) return v->valuestring;
    if (cJSON_IsBool(v)) return cJSON_IsTrue(v) ? "true" : "false";
    (void)snprintf(number, sizeof number, "%lld", cJSON_IsNumber(v) ? (long long)v->valuedouble : (long long)cJSON_GetArraySize(v));
    return number;
}

long long kit_sql_i(struct kit *k, const char *sql) {
    int64_t  v = 0;
    MUST(asked_n < ARRAY_N(asked));
    asked[asked_n] = x_strdup(sql);
    enum err e     = db_one_i(k->db, &v, asked[asked_n++], "");
    return e ? -1 : v;
}
