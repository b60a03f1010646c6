/* SPDX-License-Identifier: Apache-2.0
 *
 * Chance is a hash of (seed, task, unit, what), so that the order in which things are asked changes nothing. Times are business
 * milliseconds. Refusals are counted, not hidden: the demo's own people are held to the same rules as everybody.
 */
#include "gateway/demo_play.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"
#include "gateway/dispatch.h"
#include "handlers/instruction.h"
#include "handlers/people.h"
#include "store/device.h"
#include "store/person.h"
#include "store/unit.h"

#define PLAY_MAGIC 0x706c6179U
#define HOUR       3600000LL
#define TASKS_MAX  256

/* How a unit works; share out of 100, then the ranges of its delays. */
static const struct profile {
    const char *word;
    unsigned    share;
    int         sign_h[2];      /* hours from dispatch to signing; the limit is the end of the next working day */
    int         report_day[2];  /* day of the month of its monthly report; the limit is the 25th */
    int         early_days[2];  /* working-calendar days before the deadline that it submits; negative: after */
} profiles[] = {
    {"punctual", 55, {1, 20}, {10, 22}, {2, 9}},
    {"slow signer", 18, {24, 90}, {14, 24}, {1, 6}},
    {"late reporter", 15, {2, 24}, {24, 30}, {0, 5}},
    {"overdue", 12, {8, 60}, {20, 29}, {-16, -2}},
};

struct play {
    unsigned        magic;
    struct server  *s;
    struct app     *app;
    struct db      *db;
    struct arena   *a; /* of one slot */
    uint64_t        seed;
    int64_t         now;
    int32_t         today;
    int64_t         instructed_ms, serial;
    int32_t         evaluated;
    bool            found_false;
    struct play_counts n;
    /* the answer under way */
    pthread_mutex_t lock;
    pthread_cond_t  came;
    bool            done;
    enum err        e;
    char           *json, *detail;
};

static uint64_t mix(uint64_t x) {
    x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9U;
    x = (x ^ (x >> 27)) * 0x94D049BB133111EBU;
    return x ^ (x >> 31);
}

static unsigned chance(const struct play *p, const char *task, const char *unit, const char *what, unsigned n) {
    uint64_t h = p->seed + 0x9E3779B97F4A7C15U;
    for (const char *texts[] = {task, unit, what, NULL}, **t = texts; *t; t++)
        for (const char *c = *t; ; c++) {
            h = mix(h ^ (unsigned char)*c) + 0x9E3779B97F4A7C15U;
            if (*c == '\0') break;
        }
    return (unsigned)(h % n);
}

static int between(const struct play *p, const char *task, const char *unit, const char *what, const int range[2]) {
    return range[0] + (int)chance(p, task, unit, what, (unsigned)(range[1] - range[0] + 1));
}

static const struct profile *profile_of(const struct play *p, const char *unit) {
    unsigned at = chance(p, "", unit, "profile", 100);
    for (size_t i = 0; i < ARRAY_N(profiles); i++) {
        if (at < profiles[i].share) return &profiles[i];
        at -= profiles[i].share;
    }
    UNREACHABLE("shares add up to 100");
}

/* ---- calls ---- */
struct play *play_new(struct server *s, uint64_t seed) {
    struct play *p;
    char         why[256];
    ALLOC_OBJ(p, PLAY_MAGIC);
    p->s    = s;
    p->app  = server_app(s);
    p->seed = seed;
    p->a    = arena_new(32U << 20);
    MUST(pthread_mutex_init(&p->lock, NULL) == 0 && pthread_cond_init(&p->came, NULL) == 0);
    MUST(db_open(p->app->db_path, DB_READ, &p->db, why, sizeof why) == ERR_OK);
    return p;
}

void play_free(struct play *p) {
    if (p == NULL) return;
    CHECK_OBJ_NOTNULL(p, PLAY_MAGIC);
    db_close(p->db);
    arena_free(p->a);
    x_free(p->json);
    x_free(p->detail);
    pthread_cond_destroy(&p->came);
    pthread_mutex_destroy(&p->lock);
    FREE_OBJ(p);
}

static void on_answer(struct app *app, uint64_t origin, uint64_t tag, const struct answer *a) {
    struct play *p = (struct play *)(uintptr_t)origin;
    (void)app;
    (void)tag;
    pthread_mutex_lock(&p->lock);
    x_free(p->json);
    x_free(p->detail);
    p->e      = a->e;
    p->json   = a->e == ERR_OK ? x_strndup(a->json, a->json_n) : NULL;
    p->detail = x_strdup(a->detail ? a->detail : "");
    p->done   = true;
    pthread_cond_signal(&p->came);
    pthread_mutex_unlock(&p->lock);
}

static enum err person(struct play *p, const char *id, struct actor *who) {
    struct person x;
    const char   *device = "";
    memset(who, 0, sizeof *who);
    enum err e = person_get(p->db, p->a, id, &x);
    if (e == ERR_OK) e = device_newest_active(p->db, p->a, id, &device);
    if (e) return e;
    (void)snprintf(who->id, sizeof who->id, "%s", id);
    (void)snprintf(who->name, sizeof who->name, "%s", x.name);
    (void)snprintf(who->unit, sizeof who->unit, "%s", x.unit);
    (void)snprintf(who->device, sizeof who->device, "%s", device);
    who->roles = x.roles;
    who->bound = true;
    return ERR_OK;
}

enum err play_call(struct play *p, const char *who, const char *method, cJSON *args, cJSON **out) {
    struct actor         actor;
    const struct method *m = method_find(method, strlen(method));
    MUST(m != NULL);
    *out = NULL;
    enum err e = person(p, who, &actor);
    if (e) {
        cJSON_Delete(args);
        return e;
    }
    struct call_in in = {.m = m, .args = args, .who = &actor, .peer = "127.0.0.1", .answer = on_answer, .origin = (uint64_t)(uintptr_t)p};
    p->done = false;
    dispatch(p->app, &in);
    pthread_mutex_lock(&p->lock);
    while (!p->done) pthread_cond_wait(&p->came, &p->lock);
    e = p->e;
    if (e == ERR_OK) *out = cJSON_Parse(p->json);
    pthread_mutex_unlock(&p->lock);
    return e;
}

/* One act; a refusal is logged and counted, and the day goes on. */
static bool act(struct play *p, const char *who, const char *method, cJSON *args) {
    cJSON   *out;
    enum err e = play_call(p, who, method, args, &out);
    cJSON_Delete(out);
    p->n.acts++;
    if (e == ERR_OK) return true;
    p->n.refused++;
    LOG(LOG_WARN, "demo_refused", KS("who", who), KS("method", method), KS("err", err_info(e)->word), KS("why", p->detail));
    return false;
}

static cJSON *args_of(const char *task, const cJSON *t) {
    cJSON *o = cJSON_CreateObject();
    (void)cJSON_AddStringToObject(o, "task_id", task);
    if (t) (void)cJSON_AddNumberToObject(o, "version", cJSON_GetObjectItemCaseSensitive(t, "version")->valuedouble);
    return o;
}

/* ---- reading a task ---- */
static const char *text(const cJSON *o, const char *name) {
    const cJSON *v = cJSON_GetObjectItemCaseSensitive(o, name);
    return cJSON_IsString(v) ? v->valuestring : "";
}

static int64_t when(const cJSON *o, const char *name) {
    int64_t ms = 0;
    return *text(o, name) && time_parse_iso(text(o, name), &ms) == ERR_OK ? ms : 0;
}

static const char *contact(struct play *p, const char *unit) { return arena_printf(p->a, "sim-%s", unit); }

/* Who acts for the supervising side: the issuer, or the supervising unit where the issuer is responsible itself (D23). */
struct side {
    const char *dispatcher, *approver;
};
static struct side side_of(const cJSON *t) {
    const cJSON *u;
    bool         own = false;
    cJSON_ArrayForEach(u, cJSON_GetObjectItemCaseSensitive(t, "listed_units")) own |= strcmp(text(u, "unit"), "NP-ZFB") == 0;
    if (!own) return (struct side){"demo-dispatcher", "demo-approver"};
    bool bb = strcmp(text(cJSON_GetObjectItemCaseSensitive(t, "supervising_unit"), "unit"), "NP-BB") == 0;
    return bb ? (struct side){"demo-dispatcher2", "demo-approver2"} : (struct side){"demo-dispatcher3", "demo-approver3"};
}

/* ---- dispatch ---- */
/* Units that a group of the plan stands for: a complete one whole, an open one by a few departments, never one that has another part in the
 * task. */
static cJSON *members(struct play *p, const cJSON *t, const char *task, const cJSON *group) {
    static const char *const departments[] = {"NP-GSJ", "NP-GTJ", "NP-CZJ", "NP-RSJ", "NP-ZJ", "NP-ZJJ", "NP-FGW", "NP-SWJ", "NP-SYJ", "NP-HBJ"};
    const char *const *pool = departments;
    const char       **list = NULL;
    size_t             n    = ARRAY_N(departments);
    bool               open = !cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(group, "members_complete"));
    const char        *code = text(group, "unit");
    cJSON             *out  = cJSON_CreateArray();
    if (!open && unit_members(p->db, p->a, code, &list, &n) == ERR_OK && n) pool = list;
    for (size_t i = 0; i < n && (!open || cJSON_GetArraySize(out) < 3); i++) {
        const char  *u = pool[i];
        const cJSON *x;
        bool         taken = strcmp(text(cJSON_GetObjectItemCaseSensitive(t, "supervising_unit"), "unit"), u) == 0;
        cJSON_ArrayForEach(x, cJSON_GetObjectItemCaseSensitive(t, "listed_units")) taken |= strcmp(text(x, "unit"), u) == 0;
        cJSON_ArrayForEach(x, cJSON_GetObjectItemCaseSensitive(t, "monitoring_units")) taken |= strcmp(text(x, "unit"), u) == 0;
        if (taken || (open && chance(p, task, u, "named", 2) == 0)) continue;
        (void)cJSON_AddItemToArray(out, cJSON_CreateString(u));
    }
    if (cJSON_GetArraySize(out) == 0) (void)cJSON_AddItemToArray(out, cJSON_CreateString("NP-LFW"));
    return out;
}

static void dispatch_draft(struct play *p, const char *task, const cJSON *t) {
    cJSON *args = args_of(task, t), *expand = cJSON_CreateObject(), *seen = cJSON_CreateObject();
    const cJSON *u;
    cJSON_ArrayForEach(u, cJSON_GetObjectItemCaseSensitive(t, "listed_units")) {
        if (!cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(u, "is_group"))) continue;
        cJSON *all = members(p, t, task, u), *mine = cJSON_CreateArray();
        for (const cJSON *m = all->child; m; m = m->next) { /* a unit of two groups is named once */
            if (cJSON_HasObjectItem(seen, m->valuestring)) continue;
            (void)cJSON_AddTrueToObject(seen, m->valuestring);
            (void)cJSON_AddItemToArray(mine, cJSON_CreateString(m->valuestring));
        }
        cJSON_Delete(all);
        (void)cJSON_AddItemToObject(expand, text(u, "unit"), mine);
    }
    cJSON_Delete(seen);
    if (expand->child)
        (void)cJSON_AddItemToObject(args, "expand", expand);
    else
        cJSON_Delete(expand);
    (void)act(p, side_of(t).dispatcher, "task.submit_draft", args);
}

/* A deadline that was past already gets a fresh one (F003). */
static void fresh_date(struct play *p, const char *task, const cJSON *t) {
    char   date[11];
    cJSON *args = args_of(task, t);
    date_format(p->today + 30 + (int32_t)chance(p, task, "", "fresh", 45), date);
    (void)cJSON_AddStringToObject(args, "deadline", date);
    (void)cJSON_AddStringToObject(args, "reason", "印发前已过期，重新确定时限（演示）");
    (void)act(p, side_of(t).dispatcher, "task.update", args);
}

/* ---- responsible units ---- */
static void report(struct play *p, const char *task, const cJSON *u, int progress) {
    const char  *unit = text(u, "unit");
    const cJSON *last = cJSON_GetObjectItemCaseSensitive(u, "progress");
    cJSON       *args = args_of(task, NULL);
    if (cJSON_IsNumber(last) && last->valueint > progress) progress = last->valueint; /* never back without a reason */
    (void)cJSON_AddStringToObject(args, "text", "（模拟）按计划推进，本期工作已完成。");
    (void)cJSON_AddNumberToObject(args, "progress", progress);
    (void)act(p, contact(p, unit), "task.report", args);
}

static void units_act(struct play *p, const char *task, const cJSON *t) {
    const char *state      = text(t, "state");
    int64_t     dispatched = when(t, "dispatched_at");
    bool        signing    = strcmp(state, "dispatched") == 0;
    bool        working    = strcmp(state, "signed") == 0 || strcmp(state, "in_progress") == 0 || strcmp(state, "long_term") == 0;
    int         y, m, d, ry, rm, rd;
    date_split(p->today, &y, &m, &d);
    const cJSON *u;
    cJSON_ArrayForEach(u, cJSON_GetObjectItemCaseSensitive(t, "units")) {
        const char           *unit = text(u, "unit");
        const struct profile *f    = profile_of(p, unit);
        if (signing && strcmp(text(u, "state"), "waiting") == 0) {
            if (p->now >= dispatched + between(p, task, unit, "sign", f->sign_h) * HOUR) (void)act(p, contact(p, unit), "task.sign_for", args_of(task, NULL));
        } else if (working) {
            int64_t last = when(u, "reported_at"), signed_at = when(u, "signed_at");
            if (last == 0) {
                if (p->now >= signed_at + (24 + (int)chance(p, task, unit, "first", 120)) * HOUR) report(p, task, u, 30);
                continue;
            }
            date_split(date_of_ms(last), &ry, &rm, &rd);
            char what[32];
            (void)snprintf(what, sizeof what, "%d-%d", y, m);
            if ((ry != y || rm != m) && d >= between(p, task, unit, what, f->report_day)) report(p, task, u, 60);
        } else if (strcmp(state, "returned") == 0 && strcmp(text(u, "role"), "lead") == 0) {
            report(p, task, u, 90);
        }
    }
}

static void lead_submits(struct play *p, const char *task, const cJSON *t) {
    const cJSON *lead = cJSON_GetObjectItemCaseSensitive(t, "lead_unit"), *u;
    const char  *unit = text(lead, "unit");
    int32_t      due;
    cJSON_ArrayForEach(u, cJSON_GetObjectItemCaseSensitive(t, "units")) if (*text(u, "reported_at") == '\0') return;
    if (date_parse(text(t, "due"), &due) != ERR_OK) return;
    bool again = cJSON_GetObjectItemCaseSensitive(t, "return_count")->valueint > 0;
    if (!again && p->today < due - between(p, task, unit, "done", profile_of(p, unit)->early_days)) return;
    cJSON       *args   = args_of(task, t);
    const cJSON *target = cJSON_GetObjectItemCaseSensitive(t, "quantities");
    const char  *proof[] = {"（模拟）验收材料一份"};
    (void)cJSON_AddStringToObject(args, "text", "（模拟）任务全部完成，申请办结。");
    (void)cJSON_AddItemToObject(args, "evidence", cJSON_CreateStringArray(proof, 1));
    if (target && target->child) (void)cJSON_AddItemToObject(args, "quantities", cJSON_Duplicate(target, true));
    (void)act(p, contact(p, unit), "task.submit_done", args);
}

static void review(struct play *p, const char *task, const cJSON *t) {
    if (p->now < when(t, "done_at") + (4 + (int)chance(p, task, "", "review", 40)) * HOUR) return;
    cJSON *args  = args_of(task, t);
    bool   first = cJSON_GetObjectItemCaseSensitive(t, "return_count")->valueint == 0;
    if (first && chance(p, task, "", "return", 8) == 0) {
        (void)cJSON_AddStringToObject(args, "reason", "（模拟）材料不完整，请补充后重新报办结。");
        (void)act(p, side_of(t).dispatcher, "task.return", args);
        return;
    }
    (void)cJSON_AddStringToObject(args, "opinion", "（模拟）同意销号。");
    (void)cJSON_AddNumberToObject(args, "quality", 3 + (int)chance(p, task, "", "quality", 3));
    (void)act(p, side_of(t).dispatcher, "task.accept", args);
}

/* ---- leader and monitor ---- */
static bool sign(struct play *p, const char *leader, const char *object, int64_t version, const char *unit, const char *kind, const char *words) {
    uint8_t     priv[32], pub[65], sig[64];
    char        hex[131], sig_hex[129];
    const char *canonical, *units[] = {unit};
    if (sm2_key_load(arena_printf(p->a, "%s/demo/keys/%s.sm2", p->app->conf.data, leader), priv, pub) != ERR_OK) return false;
    hex_encode(hex, pub, sizeof pub);
    p->serial++;
    struct instruction_args in = {.device = arena_printf(p->a, "d_%s", leader), .serial = p->serial, .signed_at = clock_wall_ms(), .kind = kind,
                                  .urgency = "urgent", .object = object, .object_version = version, .units = {units, 1}, .text = words};
    bool ok = instruction_canonical(p->a, leader, pubkey_name(p->a, hex), &in, &canonical) == ERR_OK &&
              sm2_sign(priv, pub, canonical, strlen(canonical), sig) == ERR_OK;
    x_wipe(priv, sizeof priv);
    if (!ok) return false;
    hex_encode(sig_hex, sig, sizeof sig);
    cJSON *args = cJSON_CreateObject();
    (void)cJSON_AddStringToObject(args, "device", in.device);
    (void)cJSON_AddNumberToObject(args, "serial", (double)in.serial);
    (void)cJSON_AddNumberToObject(args, "signed_at", (double)in.signed_at);
    (void)cJSON_AddStringToObject(args, "kind", kind);
    (void)cJSON_AddStringToObject(args, "urgency", in.urgency);
    (void)cJSON_AddStringToObject(args, "object", object);
    (void)cJSON_AddNumberToObject(args, "object_version", (double)version);
    (void)cJSON_AddItemToObject(args, "units", cJSON_CreateStringArray(units, 1));
    (void)cJSON_AddStringToObject(args, "text", words);
    (void)cJSON_AddStringToObject(args, "signature", sig_hex);
    return act(p, leader, "instruction.create", args);
}

static void leader_reads(struct play *p, const char *task, const cJSON *t) {
    if (strcmp(text(t, "light"), "red") != 0 || p->now < p->instructed_ms + 14 * DAY_MS) return;
    if (sign(p, "demo-leader", arena_printf(p->a, "task:%s", task), (int64_t)cJSON_GetObjectItemCaseSensitive(t, "version")->valuedouble,
             text(cJSON_GetObjectItemCaseSensitive(t, "lead_unit"), "unit"), "order", "（模拟）请抓紧推进，限期报告办理情况。"))
        p->instructed_ms = p->now;
}

static void answer_instructions(struct play *p) {
    cJSON *list, *get, *none = cJSON_CreateObject();
    (void)cJSON_AddStringToObject(none, "state", "issued");
    if (play_call(p, "demo-leader", "instruction.list", none, &list) != ERR_OK) return;
    const cJSON *i, *u;
    cJSON_ArrayForEach(i, cJSON_GetObjectItemCaseSensitive(list, "items")) {
        if (p->now < when(i, "created_at") + 30 * HOUR) continue;
        cJSON *args = cJSON_CreateObject();
        (void)cJSON_AddStringToObject(args, "instruction_id", text(i, "id"));
        if (play_call(p, "demo-leader", "instruction.get", args, &get) != ERR_OK) continue;
        bool open = false;
        cJSON_ArrayForEach(u, cJSON_GetObjectItemCaseSensitive(get, "units")) {
            if (strcmp(text(u, "state"), "replied") == 0) continue;
            open  = true;
            args  = cJSON_CreateObject();
            (void)cJSON_AddStringToObject(args, "instruction_id", text(i, "id"));
            (void)cJSON_AddStringToObject(args, "text", "（模拟）已制定整改措施，本周内完成。");
            (void)act(p, contact(p, text(u, "unit")), "instruction.reply", args);
        }
        if (!open && p->now >= when(i, "created_at") + 72 * HOUR) {
            args = cJSON_CreateObject();
            (void)cJSON_AddStringToObject(args, "instruction_id", text(i, "id"));
            (void)act(p, "demo-leader", "instruction.close", args);
        }
        cJSON_Delete(get);
    }
    cJSON_Delete(list);
}

/* In the middle of each quarter the leader evaluates the units on the board. */
static void evaluate(struct play *p) {
    int y, m, d, quarter;
    date_split(p->today, &y, &m, &d);
    quarter = y * 4 + (m - 1) / 3;
    if ((m - 1) % 3 != 1 || d < 15 || p->evaluated == quarter) return;
    p->evaluated = quarter;
    cJSON *board, *args = cJSON_CreateObject();
    (void)cJSON_AddStringToObject(args, "period", arena_printf(p->a, "%d", y));
    (void)cJSON_AddStringToObject(args, "scope", "city");
    if (play_call(p, "demo-leader", "ranking.get", args, &board) != ERR_OK) return;
    const cJSON *r;
    cJSON_ArrayForEach(r, cJSON_GetObjectItemCaseSensitive(board, "rows")) {
        const char *unit = text(r, "unit");
        char        what[40];
        (void)snprintf(what, sizeof what, "eval%d", quarter);
        int value = strcmp(profile_of(p, unit)->word, "overdue") == 0 ? 60 + (int)chance(p, "", unit, what, 15) : 80 + (int)chance(p, "", unit, what, 18);
        args      = cJSON_CreateObject();
        (void)cJSON_AddStringToObject(args, "period", arena_printf(p->a, "%d", y));
        (void)cJSON_AddStringToObject(args, "unit", unit);
        (void)cJSON_AddNumberToObject(args, "value", value);
        (void)act(p, "demo-leader", "evaluation.set", args);
    }
    cJSON_Delete(board);
}

static void monitor(struct play *p, const char *task, const cJSON *t) {
    int y, m, d;
    date_split(p->today, &y, &m, &d);
    if (p->found_false || m != 7 || strcmp(text(t, "state"), "in_progress") != 0 || chance(p, task, "", "false", 3) != 0) return;
    cJSON *args = args_of(task, t);
    (void)cJSON_AddStringToObject(args, "reason", "（模拟）现场核查与报送情况不符。");
    p->found_false = act(p, "demo-monitor", "task.find_false", args);
}

/* ---- a slot ---- */
static void look_at(struct play *p, const char *task, int nth) {
    cJSON      *t = NULL, *args = args_of(task, NULL);
    const char *readers[] = {"demo-dispatcher", "demo-dispatcher2", "demo-dispatcher3"};
    enum err    e         = ERR_NOTFOUND;
    for (size_t i = 0; i < ARRAY_N(readers) && e == ERR_NOTFOUND; i++) {
        if (i) args = args_of(task, NULL);
        e = play_call(p, readers[i], "task.get", args, &t);
    }
    if (e) return;
    const char *state = text(t, "state");
    p->n.closed += strcmp(state, "closed") == 0;
    p->n.red += strcmp(text(t, "light"), "red") == 0;
    p->n.yellow += strcmp(text(t, "light"), "yellow") == 0;
    if (strcmp(state, "draft") == 0) {
        if (p->today >= date_make(2018, 3, 12) + nth / 8) dispatch_draft(p, task, t);
    } else if (strcmp(state, "pending_approval") == 0) {
        (void)act(p, side_of(t).approver, "task.approve", args_of(task, t));
    } else if (strcmp(state, "submitted") == 0) {
        review(p, task, t);
    } else if (strcmp(state, "closed") != 0) {
        bool late = cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(t, "late_at_creation"));
        leader_reads(p, task, t); /* first: what is read here is the version that is signed */
        monitor(p, task, t);
        if (late && p->now >= when(t, "dispatched_at") + 20 * HOUR)
            fresh_date(p, task, t);
        else
            units_act(p, task, t);
        if (strcmp(state, "in_progress") == 0 && !late) lead_submits(p, task, t);
    }
    cJSON_Delete(t);
}

enum err play_slot(struct play *p, int64_t biz_ms) {
    CHECK_OBJ_NOTNULL(p, PLAY_MAGIC);
    cJSON *list, *args = cJSON_CreateObject();
    p->now      = biz_ms;
    p->today    = date_of_ms(biz_ms);
    p->n.closed = p->n.red = p->n.yellow = 0;
    arena_reset(p->a);
    (void)cJSON_AddNumberToObject(args, "limit", 200);
    enum err e = play_call(p, "demo-dispatcher", "task.list", args, &list);
    if (e) return e;
    const cJSON *t;
    int          nth = 0;
    cJSON_ArrayForEach(t, cJSON_GetObjectItemCaseSensitive(list, "items")) look_at(p, text(t, "id"), nth++);
    cJSON_Delete(list);
    answer_instructions(p);
    evaluate(p);
    return ERR_OK;
}

struct play_counts play_counts(const struct play *p) { return p->n; }
