/* SPDX-License-Identifier: Apache-2.0
 *
 * The delivery worker's side of store/delivery.h: claims, results, what providers tell afterwards, and what a worker that ended left.
 */
#include <stdio.h>
#include <string.h>

#include "store/circular.h"
#include "store/delivery_int.h"

#define GO(expr)                                                                                                                 \
    do {                                                                                                                         \
        enum err go_ = (expr);                                                                                                   \
        if (go_ != ERR_OK) return go_;                                                                                           \
    } while (0)

#define REF_CAP 132
#define STAT_CAP 96

static const void *copy_blob(const struct rows *r, int col, struct arena *a, size_t *n) {
    const void *p = row_b(r, col, n);
    return p && *n ? memcpy(arena_alloc(a, *n), p, *n) : NULL;
}

static const char *copy_text(const struct rows *r, int col, struct arena *a) {
    const char *s = row_s(r, col);
    return s ? arena_strdup(a, s) : "";
}

/* ---- claims ---- */
enum err delivery_peek(struct db *db, struct arena *a, const char *id, struct delivery_peek *out) {
    struct rows *r = db_query(db,
                              "SELECT d.channel, COALESCE(t.vendor, ''), d.tried, d.provider, COALESCE(s.phone_enc, p.phone_enc), d.once_until, d.raise_of, "
                              "COALESCE(b.provider, '') FROM delivery d LEFT JOIN push_target t ON t.id = d.target LEFT JOIN person p ON p.id = d.person "
                              "LEFT JOIN direct_sms s ON s.delivery = d.id LEFT JOIN delivery b ON b.id = d.raise_of WHERE d.id = ?1 AND d.state = 'queued'",
                              "s", id);
    bool found = db_next(r);
    if (found) {
        bool is_raise = row_s(r, 6)[0] != '\0';
        *out          = (struct delivery_peek){.channel            = copy_text(r, 0, a),
                                               .vendor             = copy_text(r, 1, a),
                                               .tried              = copy_text(r, 2, a),
                                               .last               = copy_text(r, 3, a),
                                               .only               = copy_text(r, is_raise ? 7 : 3, a),
                                               .only_until_wall_ms = is_raise ? INT64_MAX : row_i(r, 5)};
        int channel   = delivery_channel_of(out->channel);
        if (channel >= 0 && delivery_channels[channel].target == TARGET_PHONE) out->phone_enc = copy_blob(r, 4, a, &out->phone_enc_n);
    }
    enum err e = db_rows_end(r);
    return e ? e : found ? ERR_OK : ERR_NOTFOUND;
}

enum err delivery_park(struct db *db, const char *id, int64_t due_wall_ms, int64_t wall_ms) {
    return db_exec(db, "UPDATE delivery SET state = 'waiting', due_wall = ?2, updated_wall = ?3 WHERE id = ?1 AND state = 'queued'", "sii", id,
                   due_wall_ms, wall_ms);
}

enum err delivery_job_of(struct db *db, struct arena *a, const char *id, struct delivery_job *out) {
    struct rows *r = db_query(db,
                              "SELECT COALESCE(d.notice, ''), d.person, d.channel, d.lane, d.step, d.attempts, d.tried, d.target, n.kind, n.object, n.title, "
                              "n.body, n.var_t, n.var_x, n.created_biz, n.created_wall, COALESCE(s.phone_enc, p.phone_enc), p.unit, s.text_enc, "
                              "s.expires_wall, t.vendor, t.app, t.token_enc, t.key_enc, t.state, d.raise_of, b.provider, "
                              "CASE WHEN b.state IN ('sent', 'delivered') THEN b.provider_ref END, d.provider_ref, d.once_until, d.once_n, d.state, COALESCE(t.person, '') "
                              "FROM delivery d LEFT JOIN notice n ON n.id = d.notice LEFT JOIN person p ON p.id = d.person "
                              "LEFT JOIN direct_sms s ON s.delivery = d.id LEFT JOIN push_target t ON t.id = d.target "
                              "LEFT JOIN delivery b ON b.id = d.raise_of WHERE d.id = ?1",
                              "s", id);
    bool found = db_next(r);
    if (found) {
        *out = (struct delivery_job){.id              = arena_strdup(a, id),
                                     .notice          = copy_text(r, 0, a),
                                     .person          = copy_text(r, 1, a),
                                     .channel         = copy_text(r, 2, a),
                                     .priority        = row_s(r, 3)[1] - '0',
                                     .step            = (int)row_i(r, 4),
                                     .attempts        = (int)row_i(r, 5),
                                     .tried           = copy_text(r, 6, a),
                                     .target          = copy_text(r, 7, a),
                                     .kind            = copy_text(r, 8, a),
                                     .object          = copy_text(r, 9, a),
                                     .title           = copy_text(r, 10, a),
                                     .body            = copy_text(r, 11, a),
                                     .var_t           = copy_text(r, 12, a),
                                     .var_x           = copy_text(r, 13, a),
                                     .created_biz_ms  = row_i(r, 14),
                                     .created_wall_ms = row_i(r, 15),
                                     .unit            = copy_text(r, 17, a),
                                     .expires_wall_ms = row_i(r, 19),
                                     .vendor          = copy_text(r, 20, a),
                                     .app             = copy_text(r, 21, a),
                                     .raise_of        = copy_text(r, 25, a),
                                     .raise_by        = copy_text(r, 26, a),
                                     .raise_ref       = copy_text(r, 27, a),
                                     .ref             = copy_text(r, 28, a),
                                     .once_n          = (int)row_i(r, 30)};
        out->once_until_wall_ms = row_i(r, 29);
        out->is_delivered       = strcmp(row_s(r, 31), "delivered") == 0;
        out->phone_enc   = copy_blob(r, 16, a, &out->phone_enc_n);
        out->text_enc    = copy_blob(r, 18, a, &out->text_enc_n);
        out->token_enc   = copy_blob(r, 22, a, &out->token_enc_n);
        out->key_enc     = copy_blob(r, 23, a, &out->key_enc_n);
        out->target_gone = out->target[0] && (strcmp(copy_text(r, 24, a), "active") != 0 || strcmp(row_s(r, 32), out->person) != 0);
    }
    GO(db_rows_end(r));
    return found ? ERR_OK : ERR_NOTFOUND;
}

enum err delivery_claim(struct db *db, struct arena *a, const char *id, const char *worker, const char *provider, int64_t wall_ms,
                        struct delivery_job *out) {
    GO(db_exec(db,
               "UPDATE delivery SET state = 'claimed', worker = ?2, claimed_wall = ?3, attempts = attempts + 1, updated_wall = ?3, provider = ?4 "
               "WHERE id = ?1 AND state = 'queued'",
               "ssis", id, worker, wall_ms, provider));
    if (db_changes(db) == 0) return ERR_NOTFOUND;
    GO(delivery_job_of(db, a, id, out));
    return db_exec(db, "INSERT INTO attempt (delivery, n, worker, started_wall, provider) VALUES (?1, ?2, ?3, ?4, ?5)", "sisis", id,
                   (int64_t)out->attempts, worker, wall_ms, provider);
}

/* ---- results ---- */
/* "a,b,c": the next one. False: no more. */
static bool next_ref(const char **refs, char one[REF_CAP]) {
    while (**refs) {
        size_t len = strcspn(*refs, ","), n = len < REF_CAP ? len : 0;
        memcpy(one, *refs, n);
        one[n] = '\0';
        *refs += len + ((*refs)[len] == ',');
        if (n > 0) return true;
    }
    return false;
}

static enum err add_parts(struct db *db, const struct delivery_end *r) {
    char        one[REF_CAP];
    const char *refs = r->refs;
    for (int64_t n = 1; next_ref(&refs, one); n++)
        GO(db_exec(db, "INSERT INTO sms_part (msg_id, delivery, n, at_wall, provider) VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT (msg_id, provider, delivery) DO NOTHING",
                   "ssiis", one, r->id, n, r->wall_ms, r->provider));
    return ERR_OK;
}

/* Read while it was in hand: no further try. */
static enum err is_read(struct db *db, const char *id, bool *yes) {
    int64_t  one;
    enum err e = db_one_i(db, &one, "SELECT 1 FROM delivery d JOIN notice n ON n.id = d.notice WHERE d.id = ?1 AND n.read_wall IS NOT NULL", "s", id);
    *yes       = e == ERR_OK;
    return e == ERR_NOTFOUND ? ERR_OK : e;
}

/* Nothing of this step can arrive any more: the next one need not wait for its time (but for the end of quiet hours). After a raise
 * whatever was sent before it: it was to be louder, and could not be. */
static enum err pull_next(struct db *db, const char *id, int64_t wall_ms) {
    return db_exec(db,
                   "UPDATE delivery SET due_wall = CASE WHEN not_before > ?2 THEN not_before ELSE ?2 END, updated_wall = ?2 "
                   "WHERE due_wall > ?2 AND id IN (SELECT w.id FROM delivery f JOIN delivery w ON w.notice = f.notice WHERE f.id = ?1 AND w.state = 'waiting' AND "
                   "w.attempts = 0 AND w.step = (SELECT MIN(w.step) FROM delivery f JOIN delivery w ON w.notice = f.notice WHERE f.id = ?1 AND w.step > f.step AND "
                   "w.state = 'waiting')) "
                   "AND NOT EXISTS (SELECT 1 FROM delivery f JOIN delivery o ON o.notice = f.notice AND o.step <= f.step WHERE f.id = ?1 AND "
                   "(f.raise_of = '' OR o.step = f.step) AND "
                   "o.channel <> 'log' AND NOT (o.state = 'waiting' AND o.verdict = 'quota') AND o.state IN ('waiting', 'queued', 'claimed', 'sent', 'delivered', 'unknown'))",
                   "si", id, wall_ms);
}

static enum err forget_target(struct db *db, const struct delivery_end *r) {
    if (r->target_gone)
        GO(db_exec(db,
                   "UPDATE push_target SET state = 'gone', reason = ?2 WHERE id = (SELECT target FROM delivery WHERE id = ?1) AND state = 'active' "
                   "AND (?3 = 0 OR registered_wall <= ?3)",
                   "ssi", r->id, r->detail, r->gone_wall_ms));
    if (!r->is_refused) return ERR_OK;
    if (r->template_id && r->template_id[0])
        return db_exec(db,
                       "UPDATE consent SET left_n = 0, long_term = 0, changed_wall = ?2 WHERE template = ?3 AND target = "
                       "(SELECT target FROM delivery WHERE id = ?1 AND target <> '')",
                       "sis", r->id, r->wall_ms, r->template_id);
    return db_exec(db,
                   "INSERT INTO opt_out (person, channel, source, at_wall) SELECT person, channel, ?2, ?3 FROM delivery WHERE id = ?1 AND person <> '' "
                   "AND target = '' ON CONFLICT (person, channel) DO NOTHING",
                   "ssi", r->id, r->provider, r->wall_ms);
}

/* Receipts that came before the answer. */
static enum err settle_early(struct db *db, const struct delivery_end *r) {
    char        one[REF_CAP];
    const char *refs = r->refs;
    while (next_ref(&refs, one)) {
        int64_t told[3];
        char    stat[3][STAT_CAP];
        size_t  n = 0;
        /* LENGTH: by the reference, never through all that belong to nothing */
        struct rows *q = db_query(db, "SELECT kind, detail FROM receipt WHERE provider = ?1 AND ref = ?2 AND LENGTH(delivery) = 0", "ss", r->provider, one);
        for (; n < 3 && db_next(q); n++) {
            told[n] = row_s(q, 0)[0] == 'd' ? TOLD_DELIVERED : row_s(q, 0)[0] == 'f' ? TOLD_FAILED : TOLD_READ;
            (void)snprintf(stat[n], sizeof stat[n], "%s", row_s(q, 1));
        }
        GO(db_rows_end(q));
        for (size_t i = 0; i < n; i++) {
            struct delivery_report rep = {.provider = r->provider, .ref = one, .delivery = "", .told = (enum delivery_told)told[i], .stat = stat[i],
                                          .others = r->others ? r->others : "", .wall_ms = r->wall_ms};
            GO(delivery_report(db, &rep));
        }
    }
    return ERR_OK;
}

enum err delivery_result(struct db *db, const struct delivery_end *r) {
    bool        again = strcmp(r->state, "waiting") == 0, read = false, failed = strcmp(r->state, "failed") == 0;
    const char *state = r->state;
    GO(db_exec(db, "UPDATE attempt SET ended_wall = ?3, verdict = ?4, detail = ?5, provider = ?6, ref = ?7 WHERE delivery = ?1 AND n = ?2", "siissss",
               r->id, (int64_t)r->attempt, r->wall_ms, r->verdict, r->detail, r->provider, r->refs));
    if (again) GO(is_read(db, r->id, &read));
    if (read) state = "cancelled";
    /* a status report may have come before the answer: `delivered` and `failed` by report stay; so does what another life of this
     * worker recovered and somebody claimed again (another attempt) */
    GO(db_exec(db,
               "UPDATE delivery SET state = ?2, detail = ?3, provider_ref = ?4, due_wall = ?5, updated_wall = ?6, verdict = ?8, provider = ?9, "
               "tried = CASE WHEN ?10 = 1 THEN CASE WHEN tried = '' THEN ',' ELSE tried END || ?9 || ',' ELSE tried END, "
               "once_until = CASE WHEN ?2 <> 'waiting' THEN 0 WHEN ?11 > 0 THEN ?11 ELSE once_until END, "
               "once_n = CASE WHEN ?2 <> 'waiting' THEN 0 WHEN ?11 > 0 THEN once_n + 1 ELSE once_n END, poll_due = ?12, polls_n = 0 "
               "WHERE id = ?1 AND state = 'claimed' AND attempts = ?7",
               "ssssiiissiii", r->id, state, r->detail, r->refs, r->due_wall_ms, r->wall_ms, (int64_t)r->attempt, r->verdict, r->provider,
               (int64_t)r->is_tried, r->once_until_wall_ms, r->poll_due_wall_ms));
    bool ours = db_changes(db) > 0;
    GO(add_parts(db, r));
    if (ours && (r->target_gone || r->is_refused)) GO(forget_target(db, r));
    if (ours && (failed || r->is_later)) GO(pull_next(db, r->id, r->wall_ms));
    if (ours) GO(circular_mark_delivery(db, r->id));
    if (r->refs[0]) GO(settle_early(db, r));
    if (again && !read) return ERR_OK;
    return db_exec(db, "DELETE FROM direct_sms WHERE delivery = ?1", "s", r->id); /* D7: kept until the verdict, not longer */
}

/* ---- what providers tell afterwards ---- */
static const char *const told_words[] = {"delivered", "failed", "read"};

static enum err delivery_by_ref(struct db *db, const struct delivery_report *r, char id[64]) {
    /* Msg_Ids carry no year: the newest */
    struct rows *q = db_query(db, "SELECT delivery FROM sms_part WHERE msg_id = ?1 AND provider = ?2 ORDER BY at_wall DESC LIMIT 1", "ss", r->ref, r->provider);
    id[0]          = '\0';
    if (db_next(q)) (void)snprintf(id, 64, "%s", row_s(q, 0));
    GO(db_rows_end(q));
    if (id[0] || r->delivery[0] == '\0') return ERR_OK;
    int64_t  one;
    enum err e = db_one_i(db, &one, "SELECT 1 FROM delivery WHERE id = ?1 AND provider = ?2", "ss", r->delivery, r->provider);
    if (e == ERR_OK) (void)snprintf(id, 64, "%s", r->delivery);
    return e == ERR_NOTFOUND ? ERR_OK : e;
}

static bool has_other(const char *others, const char *tried, const char *provider) {
    char name[48];
    for (const char *p = others; *p;) {
        size_t n = strcspn(p + 1, ",");
        if (n == 0 || n + 3 > sizeof name) return false;
        (void)snprintf(name, sizeof name, ",%.*s,", (int)n, p + 1);
        if (strstr(tried, name) == NULL && !(strlen(provider) == n && strncmp(provider, p + 1, n) == 0)) return true;
        p += n + 1;
        if (p[1] == '\0') break;
    }
    return false;
}

/* It did not arrive, as the provider told, or as it told nothing (NULL): another one, if there is one that was not tried and the notice is still unread. */
static enum err fail(struct db *db, const char *id, const char *provider, const char *others, const char *told, int64_t wall_ms) {
    const char  *verdict = told ? "reported" : "unreported", *detail = told ? told : "no receipt in time";
    char         tried[512] = "";
    bool         mine = false, read = false;
    struct rows *q = db_query(db, "SELECT d.tried, n.read_wall, d.notice FROM delivery d LEFT JOIN notice n ON n.id = d.notice WHERE d.id = ?1 AND d.provider = ?2 "
                                  "AND d.state IN ('sent', 'claimed', 'unknown')",
                              "ss", id, provider);
    if (db_next(q)) {
        mine = true;
        read = !row_is_null(q, 1) || row_is_null(q, 2); /* the text to a bare number is erased: it cannot go again */
        (void)snprintf(tried, sizeof tried, "%s", row_s(q, 0));
    }
    GO(db_rows_end(q));
    if (!mine) return ERR_OK; /* an earlier attempt's: another provider has it by now */
    bool again = !read && has_other(others, tried, provider);
    if (told == NULL) /* what did not come is on record too: it explains the next attempt */
        GO(db_exec(db, "INSERT INTO receipt (provider, ref, kind, delivery, detail, at_wall) VALUES (?1, ?2, 'missing', ?2, ?3, ?4) ON CONFLICT (provider, ref, kind) DO NOTHING", "sssi",
                   provider, id, detail, wall_ms));
    GO(db_exec(db,
               "UPDATE delivery SET state = ?2, detail = ?3, verdict = ?4, due_wall = ?5, updated_wall = ?5, "
               "tried = CASE WHEN tried = '' THEN ',' ELSE tried END || provider || ',' WHERE id = ?1",
               "ssssi", id, again ? "waiting" : "failed", detail, verdict, wall_ms));
    GO(circular_mark_delivery(db, id));
    return again ? ERR_OK : pull_next(db, id, wall_ms);
}

static enum err told_read(struct db *db, const char *id, int64_t wall_ms) {
    char         person[64] = "", notice[64] = "", channel[16] = "";
    struct rows *q = db_query(db, "SELECT person, notice, channel FROM delivery WHERE id = ?1 AND notice IS NOT NULL", "s", id);
    if (db_next(q)) {
        (void)snprintf(person, sizeof person, "%s", row_s(q, 0));
        (void)snprintf(notice, sizeof notice, "%s", row_s(q, 1));
        (void)snprintf(channel, sizeof channel, "%s", row_s(q, 2));
    }
    GO(db_rows_end(q));
    enum err e = notice[0] ? notice_read_row(db, person, notice, channel, wall_ms) : ERR_OK;
    return e == ERR_NOTFOUND ? ERR_OK : e;
}

/* True: this was not told before. */
static enum err add_receipt(struct db *db, const struct delivery_report *r, const char *ref, const char *id, bool *first) {
    GO(db_exec(db, "INSERT INTO receipt (provider, ref, kind, delivery, detail, at_wall) VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT (provider, ref, kind) DO NOTHING",
               "sssssi", r->provider, ref, told_words[r->told], id, r->stat, r->wall_ms));
    *first = db_changes(db) > 0;
    return ERR_OK;
}

/* Ids come again (Msg_Ids after a year, those of an SMSC when it starts anew): then the receipt of the earlier message stands in the way. */
static enum err add_receipt_again(struct db *db, const struct delivery_report *r, const char *ref, const char *id, bool *first) {
    char     own[REF_CAP + 64];
    int64_t  one;
    enum err e = db_one_i(db, &one, "SELECT 1 FROM receipt WHERE provider = ?1 AND ref = ?2 AND kind = ?3 AND delivery <> '' AND delivery <> ?4", "ssss", r->provider, ref,
                          told_words[r->told], id);
    if (e) return e == ERR_NOTFOUND ? ERR_OK : e;
    (void)snprintf(own, sizeof own, "%s@%s", ref, id);
    return add_receipt(db, r, own, id, first);
}

enum err delivery_report(struct db *db, const struct delivery_report *r) {
    char        id[64];
    bool        first;
    const char *ref = r->ref[0] ? r->ref : r->delivery;
    GO(delivery_by_ref(db, r, id));
    GO(add_receipt(db, r, ref, id, &first));
    if (id[0] == '\0') return ERR_NOTFOUND;
    if (!first) GO(add_receipt_again(db, r, ref, id, &first));
    if (!first) {
        GO(db_exec(db, "UPDATE receipt SET delivery = ?4 WHERE provider = ?1 AND ref = ?2 AND kind = ?3 AND delivery = ''", "ssss", r->provider, r->ref,
                   told_words[r->told], id));
        if (db_changes(db) == 0 && r->told == TOLD_FAILED) return ERR_OK; /* told before; meanwhile another provider may have it */
    }
    GO(db_exec(db, "UPDATE sms_part SET stat = ?3 WHERE msg_id = ?1 AND delivery = ?2 AND provider = ?4", "ssss", r->ref, id, r->told == TOLD_FAILED ? r->stat : "DELIVRD", r->provider));
    if (r->told == TOLD_READ) return told_read(db, id, r->wall_ms);
    if (r->told == TOLD_FAILED) return fail(db, id, r->provider, r->others, r->stat, r->wall_ms);
    int64_t open = 0;
    if (!r->whole) /* the parts of that attempt, which came with one answer: what an earlier one left open does not hold it up */
        GO(db_one_i(db, &open,
                    "SELECT COUNT(*) FROM sms_part WHERE delivery = ?1 AND provider = ?2 AND stat <> 'DELIVRD' AND at_wall = "
                    "(SELECT p.at_wall FROM sms_part p WHERE p.msg_id = ?3 AND p.delivery = ?1 AND p.provider = ?2)",
                    "sss", id, r->provider, r->ref));
    if (open > 0) return ERR_OK;
    GO(db_exec(db, "UPDATE delivery SET state = 'delivered', detail = ?2, verdict = 'delivered', updated_wall = ?3 WHERE id = ?1 AND "
                   "(state IN ('sent', 'claimed', 'unknown') OR (state = 'waiting' AND attempts > 0))",
               "ssi", id, r->stat, r->wall_ms));
    return circular_mark_delivery(db, id);
}

enum err delivery_unreported(struct db *db, const char *provider, const char *others, int64_t sent_before_wall_ms, int64_t wall_ms, size_t max,
                             int64_t *n) {
    char         ids[64][64];
    struct rows *q = db_query(db, "SELECT d.id FROM delivery d JOIN notice n ON n.id = d.notice WHERE d.state = 'sent' AND d.provider = ?1 AND d.updated_wall < ?2 "
                                  "AND d.raise_of = '' AND n.read_wall IS NULL ORDER BY d.updated_wall LIMIT ?3",
                              "sii", provider, sent_before_wall_ms, (int64_t)(max < 64 ? max : 64));
    *n = 0;
    while (*n < 64 && db_next(q)) (void)snprintf(ids[(*n)++], sizeof ids[0], "%s", row_s(q, 0));
    GO(db_rows_end(q));
    for (int64_t i = 0; i < *n; i++) GO(fail(db, ids[i], provider, others, NULL, wall_ms));
    return ERR_OK;
}

enum err delivery_recover(struct db *db, const char *worker, int64_t older_than_wall_ms, int64_t wall_ms, int64_t *n) {
    GO(db_exec(db,
               "UPDATE attempt SET ended_wall = ?3, verdict = 'unknown', detail = 'worker ended before the answer' WHERE ended_wall IS NULL AND "
               "delivery IN (SELECT id FROM delivery WHERE state = 'claimed' AND ((worker = ?1 AND worker <> '') OR claimed_wall < ?2))",
               "sii", worker, older_than_wall_ms, wall_ms));
    GO(db_exec(db,
               "DELETE FROM direct_sms WHERE delivery IN (SELECT id FROM delivery WHERE state = 'claimed' AND ((worker = ?1 AND worker <> '') OR "
               "claimed_wall < ?2))",
               "si", worker, older_than_wall_ms)); /* texts to bare numbers are not repeated (D24), so their text goes (D7) */
    GO(db_exec(db,
               "INSERT INTO circular_mark (circular, person) SELECT DISTINCT n.circular, n.person FROM delivery d JOIN notice n ON n.id = d.notice WHERE "
               "d.state = 'claimed' AND ((d.worker = ?1 AND d.worker <> '') OR d.claimed_wall < ?2) AND n.circular <> '' ON CONFLICT (circular, person) DO NOTHING",
               "si", worker, older_than_wall_ms));
    GO(db_exec(db,
               "UPDATE delivery SET state = CASE WHEN raise_of = '' AND EXISTS (SELECT 1 FROM notice WHERE notice.id = delivery.notice AND priority <= 1 AND "
               "read_wall IS NULL) THEN 'waiting' ELSE 'unknown' END, detail = 'unknown outcome', due_wall = ?3, updated_wall = ?3 "
               "WHERE state = 'claimed' AND ((worker = ?1 AND worker <> '') OR claimed_wall < ?2)",
               "sii", worker, older_than_wall_ms, wall_ms));
    *n = db_changes(db);
    return ERR_OK;
}

/* ---- replies ---- */
enum err sms_reply_add(struct db *db, const struct sms_reply *r, bool *first) {
    GO(db_exec(db,
               "INSERT INTO sms_reply (provider, ref, person, phone_idx, text_enc, refusal, at_wall) VALUES (?1, ?2, "
               "COALESCE((SELECT id FROM person WHERE phone_idx = ?3), ''), ?3, ?4, ?5, ?6) ON CONFLICT (provider, ref) DO NOTHING",
               "sssbii", r->provider, r->ref, r->phone_idx, r->text_enc, r->text_enc_n, (int64_t)r->is_refusal, r->wall_ms));
    *first = db_changes(db) > 0;
    if (!*first || !r->is_refusal) return ERR_OK;
    return db_exec(db,
                   "INSERT INTO opt_out (person, channel, source, at_wall) SELECT id, 'sms', 'reply', ?2 FROM person WHERE phone_idx = ?1 "
                   "ON CONFLICT (person, channel) DO NOTHING",
                   "si", r->phone_idx, r->wall_ms);
}

/* ---- an operator's hand ---- */
enum err provider_holds(struct db *db, struct arena *a, const char **names) {
    struct rows *r   = db_query(db, "SELECT provider FROM provider_hold ORDER BY provider", "");
    *names           = "";
    while (db_next(r)) *names = arena_printf(a, "%s%s,", **names ? *names : ",", row_s(r, 0));
    return db_rows_end(r);
}

enum err provider_hold_set(struct db *db, const char *provider, const char *person, const char *reason, bool hold, int64_t wall_ms) {
    if (!hold) return db_exec(db, "DELETE FROM provider_hold WHERE provider = ?1", "s", provider);
    return db_exec(db,
                   "INSERT INTO provider_hold (provider, person, reason, at_wall) VALUES (?1, ?2, ?3, ?4) ON CONFLICT (provider) DO UPDATE SET "
                   "person = excluded.person, reason = excluded.reason, at_wall = excluded.at_wall",
                   "sssi", provider, person, reason, wall_ms);
}
