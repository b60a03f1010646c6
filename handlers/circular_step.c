/* SPDX-License-Identifier: Apache-2.0
 *
 * One step of a circular's job, and its counters as JSON. Writer thread (steps), any worker (state).
 */
#include <string.h>

#include "base/check.h"
#include "handlers/circular.h"
#include "handlers/delivery_words.h"
#include "handlers/people.h"

static struct notice_msg message(struct arena *a, const struct circular *c, const char *kind, int64_t priority, int64_t wall_ms, int64_t biz_ms) {
    bool        late = c->deadline_biz && c->deadline_biz <= biz_ms;
    const char *by   = late ? "尽快" : c->deadline_biz ? arena_printf(a, "于%s前", moment_text(a, c->deadline_biz)) : "";
    return (struct notice_msg){.kind              = kind,
                               .object            = arena_printf(a, "circular:%s", c->id),
                               .title             = c->title,
                               .extra             = by,
                               .dedupe            = arena_printf(a, "circular:%s:%lld", c->id, (long long)c->urged_n),
                               .wall_ms           = wall_ms,
                               .biz_ms            = biz_ms,
                               .deadline_wall_ms  = c->deadline_wall > wall_ms ? c->deadline_wall : 0,
                               .circular          = c->id,
                               .circular_priority = (int)priority};
}

static enum err send(const struct house *h, struct db *db, struct arena *a, struct circular *c, size_t max, int64_t wall_ms, int64_t biz_ms) {
    struct notice_rules rules = people_notice_rules(h);
    struct notice_msg   m     = message(a, c, "circular.sent", c->priority, wall_ms, biz_ms);
    char              **ids, **units;
    size_t              n, new_n;
    int64_t             ord;
    const char         *after;
    bool                end;
    TRY(circular_job_people(db, a, c, max, &ids, &units, &n, &ord, &after, &end));
    for (size_t i = 0; i < n; i++) {
        TRY(circular_person_add(db, c->id, ids[i], units[i]));
        TRY(notice_person(db, a, &rules, ids[i], &m, &new_n));
    }
    return end ? circular_told(db, c->id) : circular_job_set(db, c->id, "send", ord, after);
}

static enum err urge(const struct house *h, struct db *db, struct arena *a, struct circular *c, size_t max, int64_t wall_ms, int64_t biz_ms) {
    struct notice_rules rules = people_notice_rules(h);
    struct notice_msg   m     = message(a, c, "circular.urged", c->urged_level, wall_ms, biz_ms);
    char              **ids;
    size_t              n, new_n;
    TRY(circular_unread(db, a, c->id, c->job_after, max, &ids, &n));
    for (size_t i = 0; i < n; i++) {
        TRY(circular_silence(db, c->id, ids[i], wall_ms)); /* the plan begins again: nobody is called by both */
        TRY(notice_person(db, a, &rules, ids[i], &m, &new_n));
    }
    if (n == max) return circular_job_set(db, c->id, "urge", 0, ids[n - 1]);
    TRY(circular_note_changed(db, c->id));
    return circular_job_set(db, c->id, "", 0, "");
}

static enum err silence(struct db *db, struct arena *a, struct circular *c, size_t max, int64_t wall_ms) {
    char **ids;
    size_t n;
    TRY(circular_unread(db, a, c->id, c->job_after, max, &ids, &n));
    for (size_t i = 0; i < n; i++) TRY(circular_silence(db, c->id, ids[i], wall_ms));
    return n == max ? circular_job_set(db, c->id, "close", 0, ids[n - 1]) : circular_told(db, c->id);
}

enum err circular_step(const struct house *h, struct db *db, struct arena *a, struct circular *c, size_t max, int64_t wall_ms, int64_t biz_ms) {
    if (strcmp(c->job, "send") == 0) return send(h, db, a, c, max, wall_ms, biz_ms);
    if (strcmp(c->job, "urge") == 0) return urge(h, db, a, c, max, wall_ms, biz_ms);
    if (strcmp(c->job, "close") == 0) return silence(db, a, c, max, wall_ms);
    return ERR_OK;
}

/* ---- counters ---- */
void circular_write_counts(struct jw *w, int64_t total, const int64_t stages[STAGES_N], int64_t confirmed) {
    int64_t unreached = total - stages[STAGE_READ] - stages[STAGE_REACHED];
    jw_kint(w, "total", total);
    jw_kint(w, "read", stages[STAGE_READ]);
    jw_kint(w, "confirmed", confirmed);
    jw_kint(w, "reached", stages[STAGE_REACHED]);
    jw_kint(w, "unreached", unreached);
    jw_kint(w, "sent", stages[STAGE_SENT]);
    jw_kint(w, "failed", stages[STAGE_FAILED]);
    jw_kint(w, "waiting", unreached - stages[STAGE_SENT] - stages[STAGE_FAILED]); /* not told yet included */
    jw_kint(w, "unread", total - stages[STAGE_READ]);
}

enum err circular_write_state(struct db *db, struct arena *a, const char *id, int64_t biz_ms, struct jw *w) {
    struct circular          c;
    struct circular_channel *v;
    size_t                   n;
    TRY(circular_get(db, a, id, &c));
    TRY(circular_channels(db, a, id, &v, &n));
    jw_obj(w);
    jw_kstr(w, "id", c.id);
    jw_kstr(w, "state", c.state);
    jw_kbool(w, "busy", *c.job != '\0');
    circular_write_counts(w, c.total, c.stages, c.confirmed);
    jw_key(w, "channels");
    jw_arr(w);
    for (size_t i = 0; i < n; i++) {
        jw_obj(w);
        jw_kstr(w, "channel", v[i].channel);
        jw_kstr(w, "name", delivery_channel_zh(v[i].channel));
        jw_kint(w, "reached", v[i].reached);
        jw_kint(w, "failed", v[i].failed);
        jw_obj_end(w);
    }
    jw_arr_end(w);
    jw_kint(w, "urged", c.urged_n);
    jw_ktime(w, "urged_at", c.urged_wall);
    jw_ktime(w, "urge_from", (c.urged_wall ? c.urged_wall : c.created_wall) + CIRCULAR_URGE_MS);
    jw_ktime(w, "at", biz_ms);
    jw_obj_end(w);
    return ERR_OK;
}

enum err circular_channel_may(struct req *r, const char *rest) {
    struct circular    c;
    enum circular_side side;
    TRY(circular_visible(r, rest, &c, &side));
    return side == SIDE_SENDER ? ERR_OK : ERR_NOTFOUND;
}

enum err circular_channel_snapshot(struct req *r, const char *rest) { return circular_write_state(r->db, r->a, rest, r->biz_ms, r->out); }
