/* SPDX-License-Identifier: Apache-2.0
 *
 * Lists of tasks: one query for each order. A row is looked at (keep) before it is copied, so a list over many tasks costs memory
 * only for what it shows.
 */
#include "store/task.h"

#include <string.h>

#include "base/check.h"

/* ?1 viewer ?2 all ?3 side ?4 unit ?5 lead ?6 plan ?7 part ?8 source_no ?9 due_from ?10 due_to ?11 after_id ?12 after_s ?13
 * after_i */
#define SELECT_HEADS                                                                                                             \
    "SELECT t.id, t.title, t.state, t.urgency, COALESCE(t.plan, ''), t.section, t.source_kind, t.source_no, "                    \
    "COALESCE(t.lead_unit, ''), "                                                                                                \
    "COALESCE(l.short_name, ''), COALESCE(t.supervising_unit, ''), COALESCE(t.deadline, ''), t.deadline_text, "                  \
    "COALESCE(t.grace_until, ''), "                                                                                              \
    "t.part, t.ord, t.version, t.return_count, t.created_biz, t.dispatched_biz, t.done_biz, t.closed_biz, t.long_term, "         \
    "t.continues_after, "                                                                                                        \
    "t.late_at_creation, (SELECT COUNT(*) FROM task_unit a WHERE a.task = t.id), "                                               \
    "(SELECT COUNT(*) FROM task_unit b WHERE b.task = t.id AND b.signed_biz IS NOT NULL), "                                      \
    "(SELECT COUNT(*) FROM task_unit c WHERE c.task = t.id AND c.reported_biz IS NOT NULL), "                                    \
    "COALESCE((SELECT v.progress FROM task_report v WHERE v.task = t.id AND v.unit = t.lead_unit AND v.progress IS NOT NULL "    \
    "ORDER BY v.seq DESC LIMIT 1), -1), COALESCE(m.state, ''), COALESCE(m.is_lead, 0) "                                          \
    "FROM task t LEFT JOIN plan p ON p.id = t.plan LEFT JOIN unit l ON l.code = t.lead_unit "                                    \
    "LEFT JOIN task_unit m ON m.task = t.id AND m.unit = ?1 "                                                                    \
    "WHERE ((t.state NOT IN ('draft', 'pending_approval') AND (?2 = 1 OR m.unit IS NOT NULL OR (?1 <> '' AND "                   \
    "(t.supervising_unit = ?1 "                                                                                                  \
    "OR p.issuer = ?1 OR EXISTS (SELECT 1 FROM task_monitor o WHERE o.task = t.id AND o.unit = ?1))))) "                         \
    "OR (?3 = 1 AND ?1 <> '' AND (t.supervising_unit = ?1 OR p.issuer = ?1))) "                                                  \
    "AND (?4 = '' OR EXISTS (SELECT 1 FROM task_unit w WHERE w.task = t.id AND w.unit = ?4 AND (?5 = '' OR w.is_lead = (CASE "   \
    "?5 WHEN '1' THEN 1 "                                                                                                        \
    "ELSE 0 END))) OR (t.state = 'draft' AND (?5 = '' OR (?5 = '1' AND t.lead_unit = ?4) OR (?5 = '0' AND t.lead_unit <> ?4)) "  \
    "AND EXISTS (SELECT 1 FROM task_listed y WHERE y.task = t.id AND y.unit = ?4))) "                                            \
    "AND (?6 = '' OR t.plan = ?6) AND (?7 = 0 OR t.part = ?7) AND (?8 = '' OR t.source_no = ?8 OR p.doc_no = ?8) "               \
    "AND (?9 = '' OR t.deadline >= ?9) AND (?10 = '' OR t.deadline <= ?10) "

static const char *const orders[] = {
    [TASK_BY_PLAN] = SELECT_HEADS "AND (?11 = '' OR COALESCE(t.plan, '') > ?12 OR (COALESCE(t.plan, '') = ?12 AND (t.ord > ?13 "
                                  "OR (t.ord = ?13 AND t.id > ?11)))) "
                                  "ORDER BY COALESCE(t.plan, ''), t.ord, t.id",
    [TASK_BY_DEADLINE] = SELECT_HEADS
    "AND (?11 = '' OR COALESCE(t.deadline, '9999') > (CASE ?12 WHEN '' THEN '9999' ELSE ?12 END) "
    "OR (COALESCE(t.deadline, '9999') = (CASE ?12 WHEN '' THEN '9999' ELSE ?12 END) AND t.id > ?11 AND ?13 = 0)) "
    "ORDER BY COALESCE(t.deadline, '9999'), t.id",
    [TASK_BY_CREATED] =
        SELECT_HEADS "AND (?11 = '' OR (?12 = '' AND (t.created_biz < ?13 OR (t.created_biz = ?13 AND t.id < ?11)))) "
                     "ORDER BY t.created_biz DESC, t.id DESC",
};

#define TEXTS(h)                                                                                                                 \
    {                                                                                                                            \
        &(h)->id, &(h)->title, &(h)->state, &(h)->urgency, &(h)->plan, &(h)->section, &(h)->source_kind, &(h)->source_no,        \
            &(h)->lead_unit, &(h)->lead_name, &(h)->supervising_unit, &(h)->deadline, &(h)->deadline_text, &(h)->grace_until     \
    }

static void read_head(const struct rows *r, struct task_head *h) {
    const char **texts[] = TEXTS(h);
    int          n       = (int)ARRAY_N(texts);
    for (int i = 0; i < n; i++) *texts[i] = row_s(r, i);
    int64_t *numbers[] = {&h->part,           &h->ord,      &h->version,   &h->return_count, &h->created_biz,
                          &h->dispatched_biz, &h->done_biz, &h->closed_biz};
    int      k         = (int)ARRAY_N(numbers);
    for (int i = 0; i < k; i++) *numbers[i] = row_i(r, n + i);
    n += k;
    h->long_term        = row_i(r, n) != 0;
    h->continues_after  = row_i(r, n + 1) != 0;
    h->late_at_creation = row_i(r, n + 2) != 0;
    h->units_n          = row_i(r, n + 3);
    h->signed_n         = row_i(r, n + 4);
    h->reported_n       = row_i(r, n + 5);
    h->progress         = row_i(r, n + 6);
    h->mine             = row_s(r, n + 7);
    h->mine_lead        = row_i(r, n + 8) != 0;
}

static void keep_head(struct arena *a, struct task_head *out, const struct task_head *h) {
    *out                 = *h;
    const char **texts[] = TEXTS(out);
    for (size_t i = 0; i < ARRAY_N(texts); i++) *texts[i] = arena_strdup(a, *texts[i]);
    out->mine = arena_strdup(a, h->mine);
}

enum err task_list(struct db *db, struct arena *a, const struct task_filter *f, struct task_head **list, size_t *n) {
    struct task_head h;
    *list = arena_alloc(a, ((size_t)f->limit + 1) * sizeof **list);
    *n    = 0;
    struct rows *r =
        db_query(db, orders[f->sort], "siisssisssssi", f->viewer, (int64_t)f->all, (int64_t)f->side, f->unit, f->lead, f->plan,
                 f->part, f->source_no, f->due_from, f->due_to, f->after_id, f->after_s, f->after_i);
    while (*n < (size_t)f->limit && db_next(r)) {
        read_head(r, &h);
        if (f->keep == NULL || f->keep(f->arg, &h)) keep_head(a, &(*list)[(*n)++], &h);
    }
    return db_rows_end(r);
}
