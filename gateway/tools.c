/* SPDX-License-Identifier: Apache-2.0
 *
 * Data directory, keys and store: what the server and every operator command open first.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/text.h"
#include "gateway/serve.h"
#include "handlers/demo.h"
#include "push/provider.h"
#include "store/migrate.h"
#include "store/redis_server.h"

static enum err make_dir(const char *path, char *why, size_t why_n) {
    if (mkdir(path, 0700) == 0 || errno == EEXIST) return ERR_OK;
    char text[128];
    (void)snprintf(why, why_n, "%s: %s", path, strerror_r(errno, text, sizeof text));
    return ERR_STORE;
}

/* The master key of personal data: 32 bytes hex, 0600, made once. Losing it loses every phone number: back it up apart. */
static enum err master_key(const char *dir, uint8_t key[32], char *why, size_t why_n) {
    char   path[400], hex[80] = "";
    size_t n = 0;
    (void)snprintf(path, sizeof path, "%s/keys/master.key", dir);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT) {
        random_bytes(key, 32);
        hex_encode(hex, key, 32);
        fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
        bool ok = fd >= 0 && write(fd, hex, 64) == 64 && fsync(fd) == 0;
        if (fd >= 0) (void)close(fd);
        if (ok) return ERR_OK;
    } else if (fd >= 0) {
        ssize_t got = read(fd, hex, sizeof hex - 1);
        (void)close(fd);
        if (got >= 64 && hex_decode(key, 32, hex, 64, &n) == ERR_OK && n == 32) return ERR_OK;
    }
    (void)snprintf(why, why_n, "%s: not a readable key of 64 hex digits", path);
    return ERR_STORE;
}

static void derive(const uint8_t master[32], const char *label, uint8_t out[32]) { sm3_hmac(master, 32, label, strlen(label), out); }

enum err tools_plans(const struct conf *c, struct notice_plan plans[4], char *why, size_t why_n) {
    const char *const texts[4] = {c->plan_p0, c->plan_p1, c->plan_p2, c->plan_p3};
    char              inner[256];
    for (int i = 0; i < 4; i++)
        if (notice_plan_parse(texts[i], &plans[i], inner, sizeof inner) != ERR_OK) {
            (void)snprintf(why, why_n, "notice.plan_p%d: %s", i, inner);
            return ERR_INPUT;
        }
    return ERR_OK;
}

static enum err open_house(struct tools *t, char *why, size_t why_n) {
    const struct conf *c = &t->conf;
    struct house      *h = &t->house;
    uint8_t            master[32];
    h->cal = calendar_load(c->calendar, why, why_n);
    if (h->cal == NULL) return ERR_INPUT;
    TRY(master_key(c->data, master, why, why_n));
    sm4_key_derive(&h->pii_key, 1, master);
    derive(master, "zhangban look-up 1", h->idx_key);
    derive(master, "zhangban code 1", h->code_key);
    x_wipe(master, sizeof master);
    h->demo                = c->demo;
    h->session_idle_ms     = c->session_idle_min * 60000;
    h->session_absolute_ms = c->session_hours * 3600000;
    h->sms_code_life_ms    = c->sms_code_s * 1000;
    h->ranking_min_tasks   = (int)(c->demo ? 1 : c->ranking_min);
    h->sign_urgent_hours   = (int)c->sign_urgent_h;
    h->yellow_days         = (int)c->yellow_days;
    h->instruction_skew_ms = (int)c->instruction_skew_s * 1000;
    TRY(tools_plans(c, h->plans, why, why_n));
    struct provider **providers;
    TRY(providers_make(c, &providers, &h->providers_n, why, why_n));
    h->providers = providers;
    h->channels = providers_channels(c);
    h->quiet_from_min = (int)c->quiet_from_min;
    h->quiet_to_min   = (int)c->quiet_to_min;
    h->sms_per_day    = (int)c->sms_per_day;
    h->sms_merge_ms   = c->sms_merge_s * 1000;
    (void)snprintf(h->sms_signature, sizeof h->sms_signature, "%.31s", c->sms_signature);
    (void)snprintf(h->duty_phone, sizeof h->duty_phone, "%.31s", c->duty_phone);
    (void)snprintf(h->data_dir, sizeof h->data_dir, "%.255s", c->data);
    return ledger_open(c->data, &h->ledger, why, why_n);
}

enum err tools_open(const struct conf *conf, bool migrate_store, struct tools *t, char *why, size_t why_n) {
    char path[400];
    memset(t, 0, sizeof *t);
    t->conf = *conf;
    TRY(make_dir(conf->data, why, why_n));
    (void)snprintf(path, sizeof path, "%s/keys", conf->data);
    TRY(make_dir(path, why, why_n));
    (void)snprintf(t->db_path, sizeof t->db_path, "%s/zhangban.db", conf->data);
    enum err e = open_house(t, why, why_n);
    if (e == ERR_OK) e = db_open(t->db_path, DB_WRITE, &t->db, why, why_n);
    if (e == ERR_OK && migrate_store) e = migrate(t->db, NULL, NULL, why, why_n);
    if (e == ERR_OK && migrate_store) {
        e = ledger_catch_up(t->house.ledger, t->db);
        if (e) (void)snprintf(why, why_n, "the ledger's heads cannot be read");
    }
    if (e) tools_close(t);
    return e;
}

void tools_close(struct tools *t) {
    db_close(t->db);
    ledger_close(t->house.ledger);
    providers_free((struct provider **)(uintptr_t)t->house.providers, t->house.providers_n);
    calendar_free((struct calendar *)(uintptr_t)t->house.cal);
    x_wipe(&t->house, sizeof t->house);
    t->db = NULL;
}

void tools_follow_demo(struct tools *t) {
    if (demo_clock_load(t->db) != ERR_OK) return;
    t->conf.demo  = true;
    t->house.demo = true;
}

enum err tools_redis(const struct tools *t, char address[128], char *why, size_t why_n) {
    if (*t->conf.redis == '\0') return redis_server_find(t->conf.data, address, 128, why, why_n);
    (void)snprintf(address, 128, "%.127s", t->conf.redis);
    return ERR_OK;
}

enum err tools_write(struct tools *t, enum err (*fn)(struct db *db, void *arg), void *arg) {
    TRY(db_begin(t->db));
    enum err e = fn(t->db, arg);
    if (e == ERR_OK) e = ledger_seal(t->house.ledger, t->db);
    if (e == ERR_OK) e = db_commit(t->db);
    if (e == ERR_OK) {
        ledger_committed(t->house.ledger);
        return ERR_OK;
    }
    db_rollback(t->db);
    ledger_aborted(t->house.ledger);
    return e;
}
