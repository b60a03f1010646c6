/* SPDX-License-Identifier: Apache-2.0 */
#include "store/instruction.h"

#include <string.h>

enum err instruction_add(struct db *db, const struct instruction *i) {
    return db_exec(db,
                   "INSERT INTO instruction (id, leader, device, serial, signed_at, kind, urgency, object, object_version, units, reply_by, due_on, "
                   "text, canonical, signature, pubkey, state, created_biz, created_wall) "
                   "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, 'issued', ?17, ?18)",
                   "sssiisssisssssssii", i->id, i->leader, i->device, i->serial, i->signed_at, i->kind, i->urgency, i->object, i->object_version,
                   i->units, i->reply_by, i->due_on, i->text, i->canonical, i->signature, i->pubkey, i->created_biz, i->created_wall);
}

enum err instruction_get(struct db *db, struct arena *a, const char *id, struct instruction *out) {
    enum err e = ERR_NOTFOUND;
    memset(out, 0, sizeof *out);
    struct rows *r = db_query(db,
                              "SELECT i.id, i.leader, p.name, i.device, i.serial, i.signed_at, i.kind, i.urgency, i.object, i.object_version, i.units, "
                              "i.reply_by, i.due_on, i.text, i.canonical, i.signature, i.pubkey, i.state, i.created_biz, i.created_wall, i.closed_biz, "
                              "t.title FROM instruction i JOIN person p ON p.id = i.leader LEFT JOIN task t ON 'task:' || t.id = i.object "
                              "WHERE i.id = ?1",
                              "s", id);
    if (db_next(r)) {
        out->id             = arena_strdup(a, row_s(r, 0));
        out->leader         = arena_strdup(a, row_s(r, 1));
        out->leader_name    = arena_strdup(a, row_s(r, 2));
        out->device         = arena_strdup(a, row_s(r, 3));
        out->serial         = row_i(r, 4);
        out->signed_at      = row_i(r, 5);
        out->kind           = arena_strdup(a, row_s(r, 6));
        out->urgency        = arena_strdup(a, row_s(r, 7));
        out->object         = arena_strdup(a, row_s(r, 8));
        out->object_version = row_i(r, 9);
        out->units          = arena_strdup(a, row_s(r, 10));
        out->reply_by       = arena_strdup(a, row_s(r, 11));
        out->due_on         = arena_strdup(a, row_s(r, 12));
        out->text           = arena_strdup(a, row_s(r, 13));
        out->canonical      = arena_strdup(a, row_s(r, 14));
        out->signature      = arena_strdup(a, row_s(r, 15));
        out->pubkey         = arena_strdup(a, row_s(r, 16));
        out->state          = arena_strdup(a, row_s(r, 17));
        out->created_biz    = row_i(r, 18);
        out->created_wall   = row_i(r, 19);
        out->closed_biz     = row_i(r, 20);
        out->object_title   = arena_strdup(a, row_s(r, 21) ? row_s(r, 21) : "");
        e                   = ERR_OK;
    }
    enum err end = db_rows_end(r);
    return end ? end : e;
}

enum err instruction_by_serial(struct db *db, const char *device, int64_t serial, int64_t *created_biz) {
    return db_one_i(db, created_biz, "SELECT created_biz FROM instruction WHERE device = ?1 AND serial = ?2", "si", device, serial);
}

enum err instruction_set_state(struct db *db, const char *id, const char *state, int64_t biz_ms) {
    enum err e = db_exec(db, "UPDATE instruction SET state = ?2, closed_biz = ?3 WHERE id = ?1 AND state = 'issued'", "ssi", id, state, biz_ms);
    if (e) return e;
    return db_changes(db) == 1 ? ERR_OK : ERR_STATE;
}

enum err instruction_object(struct db *db, struct arena *a, const char *object, struct instruction_object *out) {
    enum err e = ERR_NOTFOUND;
    memset(out, 0, sizeof *out);
    if (strncmp(object, "task:", 5) != 0) return ERR_NOTFOUND;
    struct rows *r = db_query(db,
                              "SELECT t.title, t.version, (SELECT MAX(v.at_biz) FROM task_event v WHERE v.task = t.id) FROM task t WHERE t.id = ?1",
                              "s", object + 5);
    if (db_next(r)) {
        out->title       = arena_strdup(a, row_s(r, 0));
        out->version     = row_i(r, 1);
        out->changed_biz = row_i(r, 2);
        e                = ERR_OK;
    }
    enum err end = db_rows_end(r);
    return end ? end : e;
}

enum err instruction_unit_check(struct db *db, struct arena *a, const char *unit, bool *is_group, const char **short_name) {
    enum err     e = ERR_NOTFOUND;
    struct rows *r = db_query(db, "SELECT is_group, short_name FROM unit WHERE code = ?1", "s", unit);
    if (db_next(r)) {
        *is_group   = row_i(r, 0) != 0;
        *short_name = arena_strdup(a, row_s(r, 1));
        e           = ERR_OK;
    }
    enum err end = db_rows_end(r);
    return end ? end : e;
}

enum err instruction_unit_add(struct db *db, const char *instruction, const char *unit, int64_t ord) {
    return db_exec(db, "INSERT INTO instruction_unit (instruction, unit, ord) VALUES (?1, ?2, ?3)", "ssi", instruction, unit, ord);
}

static void read_unit(struct rows *r, struct arena *a, struct instruction_unit *u) {
    u->unit        = arena_strdup(a, row_s(r, 0));
    u->unit_name   = arena_strdup(a, row_s(r, 1));
    u->state       = arena_strdup(a, row_s(r, 2));
    u->signed_by   = arena_strdup(a, row_s(r, 3));
    u->signed_biz  = row_i(r, 4);
    u->replied_by  = arena_strdup(a, row_s(r, 5));
    u->replied_biz = row_i(r, 6);
    u->reply       = arena_strdup(a, row_s(r, 7));
}

enum err instruction_unit_get(struct db *db, struct arena *a, const char *instruction, const char *unit, struct instruction_unit *out) {
    enum err     e = ERR_NOTFOUND;
    struct rows *r = db_query(db,
                              "SELECT x.unit, u.short_name, x.state, x.signed_by, x.signed_biz, x.replied_by, x.replied_biz, x.reply "
                              "FROM instruction_unit x JOIN unit u ON u.code = x.unit WHERE x.instruction = ?1 AND x.unit = ?2",
                              "ss", instruction, unit);
    if (db_next(r)) {
        read_unit(r, a, out);
        e = ERR_OK;
    }
    enum err end = db_rows_end(r);
    return end ? end : e;
}

enum err instruction_unit_list(struct db *db, struct arena *a, const char *instruction, struct instruction_unit **list, size_t *n) {
    int64_t  count = 0;
    enum err e     = db_one_i(db, &count, "SELECT COUNT(*) FROM instruction_unit WHERE instruction = ?1", "s", instruction);
    if (e) return e;
    *list          = arena_alloc(a, ((size_t)count + 1) * sizeof **list);
    *n             = 0;
    struct rows *r = db_query(db,
                              "SELECT x.unit, u.short_name, x.state, x.signed_by, x.signed_biz, x.replied_by, x.replied_biz, x.reply "
                              "FROM instruction_unit x JOIN unit u ON u.code = x.unit WHERE x.instruction = ?1 ORDER BY x.ord",
                              "s", instruction);
    while (*n < (size_t)count && db_next(r)) read_unit(r, a, &(*list)[(*n)++]);
    return db_rows_end(r);
}

enum err instruction_unit_sign(struct db *db, const char *instruction, const char *unit, const char *person, int64_t biz_ms) {
    return db_exec(db,
                   "UPDATE instruction_unit SET state = 'signed', signed_by = ?3, signed_biz = ?4 WHERE instruction = ?1 AND unit = ?2 AND state = 'sent'",
                   "sssi", instruction, unit, person, biz_ms);
}

enum err instruction_unit_reply(struct db *db, const char *instruction, const char *unit, const char *person, const char *reply, int64_t biz_ms) {
    return db_exec(db,
                   "UPDATE instruction_unit SET state = 'replied', replied_by = ?3, replied_biz = ?4, reply = ?5 WHERE instruction = ?1 AND unit = ?2",
                   "sssis", instruction, unit, person, biz_ms, reply);
}

enum err instruction_withdrawal_add(struct db *db, const char *instruction, const struct instruction_withdrawal *w) {
    return db_exec(db,
                   "INSERT INTO instruction_withdrawal (instruction, device, serial, signed_at, reason, canonical, signature, at_biz) "
                   "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
                   "ssiisssi", instruction, w->device, w->serial, w->signed_at, w->reason, w->canonical, w->signature, w->at_biz);
}

enum err instruction_withdrawal_get(struct db *db, struct arena *a, const char *instruction, struct instruction_withdrawal *out) {
    enum err     e = ERR_NOTFOUND;
    struct rows *r = db_query(db,
                              "SELECT device, reason, canonical, signature, serial, signed_at, at_biz FROM instruction_withdrawal WHERE instruction = ?1",
                              "s", instruction);
    if (db_next(r)) {
        out->device    = arena_strdup(a, row_s(r, 0));
        out->reason    = arena_strdup(a, row_s(r, 1));
        out->canonical = arena_strdup(a, row_s(r, 2));
        out->signature = arena_strdup(a, row_s(r, 3));
        out->serial    = row_i(r, 4);
        out->signed_at = row_i(r, 5);
        out->at_biz    = row_i(r, 6);
        e              = ERR_OK;
    }
    enum err end = db_rows_end(r);
    return end ? end : e;
}

enum err instruction_list(struct db *db, struct arena *a, const struct instruction_filter *f, struct instruction_head **list, size_t *n) {
    *list          = arena_alloc(a, ((size_t)f->limit + 1) * sizeof **list);
    *n             = 0;
    struct rows *r = db_query(
        db,
        "SELECT i.id, i.leader, p.name, i.kind, i.urgency, i.object, t.title, i.due_on, i.state, i.created_biz, "
        "(SELECT COUNT(*) FROM instruction_unit a WHERE a.instruction = i.id), "
        "(SELECT COUNT(*) FROM instruction_unit b WHERE b.instruction = i.id AND b.state <> 'sent'), "
        "(SELECT COUNT(*) FROM instruction_unit c WHERE c.instruction = i.id AND c.state = 'replied') "
        "FROM instruction i JOIN person p ON p.id = i.leader LEFT JOIN task t ON 'task:' || t.id = i.object "
        "WHERE (?1 = '' OR i.leader = ?1) AND (?2 = '' OR EXISTS (SELECT 1 FROM instruction_unit x WHERE x.instruction = i.id AND x.unit = ?2)) "
        "AND (?3 = '' OR i.object = ?3) AND (?4 = '' OR i.state = ?4) AND (?5 = '' OR i.id < ?5) ORDER BY i.id DESC LIMIT ?6",
        "sssssi", f->leader, f->unit, f->object, f->state, f->before, (int64_t)f->limit);
    while (*n < (size_t)f->limit && db_next(r)) {
        struct instruction_head *h = &(*list)[(*n)++];
        h->id                      = arena_strdup(a, row_s(r, 0));
        h->leader                  = arena_strdup(a, row_s(r, 1));
        h->leader_name             = arena_strdup(a, row_s(r, 2));
        h->kind                    = arena_strdup(a, row_s(r, 3));
        h->urgency                 = arena_strdup(a, row_s(r, 4));
        h->object                  = arena_strdup(a, row_s(r, 5));
        h->object_title            = arena_strdup(a, row_s(r, 6) ? row_s(r, 6) : "");
        h->due_on                  = arena_strdup(a, row_s(r, 7));
        h->state                   = arena_strdup(a, row_s(r, 8));
        h->created_biz             = row_i(r, 9);
        h->units_n                 = row_i(r, 10);
        h->signed_n                = row_i(r, 11);
        h->replied_n               = row_i(r, 12);
    }
    return db_rows_end(r);
}

enum err instruction_late_list(struct db *db, struct arena *a, const char *today, size_t max, struct instruction_late **list, size_t *n) {
    *list          = arena_alloc(a, (max + 1) * sizeof **list);
    *n             = 0;
    struct rows *r = db_query(db,
                              "SELECT i.id, x.unit, i.due_on FROM instruction i JOIN instruction_unit x ON x.instruction = i.id "
                              "WHERE i.state = 'issued' AND i.due_on < ?1 AND x.state <> 'replied' ORDER BY i.id, x.ord LIMIT ?2",
                              "si", today, (int64_t)max);
    while (*n < max && db_next(r)) {
        struct instruction_late *l = &(*list)[(*n)++];
        l->instruction             = arena_strdup(a, row_s(r, 0));
        l->unit                    = arena_strdup(a, row_s(r, 1));
        l->due_on                  = arena_strdup(a, row_s(r, 2));
    }
    return db_rows_end(r);
}

enum err instruction_task_add(struct db *db, const struct instruction_task *t) {
    return db_exec(db, "INSERT INTO instruction_task (instruction, task, how, person, at_biz) VALUES (?1, ?2, ?3, ?4, ?5)", "ssssi", t->instruction,
                   t->task, t->how, t->person, t->at_biz);
}

enum err instruction_task_list(struct db *db, struct arena *a, const char *instruction, const char *task, size_t max, struct instruction_task **list,
                               size_t *n) {
    *list          = arena_alloc(a, (max + 1) * sizeof **list);
    *n             = 0;
    bool         by = *task != '\0';
    struct rows *r  = db_query(db,
                               by ? "SELECT instruction, task, how, person, at_biz FROM instruction_task WHERE task = ?1 ORDER BY at_biz, instruction LIMIT ?2"
                                  : "SELECT instruction, task, how, person, at_biz FROM instruction_task WHERE instruction = ?1 ORDER BY at_biz, task LIMIT ?2",
                               "si", by ? task : instruction, (int64_t)max);
    while (*n < max && db_next(r)) {
        struct instruction_task *t = &(*list)[(*n)++];
        t->instruction             = arena_strdup(a, row_s(r, 0));
        t->task                    = arena_strdup(a, row_s(r, 1));
        t->how                     = arena_strdup(a, row_s(r, 2));
        t->person                  = arena_strdup(a, row_s(r, 3));
        t->at_biz                  = row_i(r, 4);
    }
    return db_rows_end(r);
}

enum err evaluation_set(struct db *db, const char *period, const char *unit, const char *leader, int64_t value, int64_t biz_ms) {
    enum err e = db_exec(db, "UPDATE evaluation SET value = ?4, at_biz = ?5, revision = revision + 1 WHERE period = ?1 AND unit = ?2 AND leader = ?3", "sssii", period, unit,
                         leader, value, biz_ms);
    if (e || db_changes(db) > 0) return e;
    return db_exec(db, "INSERT INTO evaluation (period, unit, leader, value, at_biz) VALUES (?1, ?2, ?3, ?4, ?5)", "sssii", period, unit, leader, value,
                   biz_ms);
}
