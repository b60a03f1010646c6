/* SPDX-License-Identifier: Apache-2.0
 *
 * Plans, the containers of tasks (F005): tables plan, plan_part, and the counts of their tasks. Rows come back in the arena.
 * Reads on any connection; writes on the writer's thread, in its transaction.
 *
 * Counted are tasks that are not cancelled. A dated task is done when it is closed, or accepted and now followed for the long
 * term (F024). A task without a date is never "done" by itself; closed ones are in `closed`.
 */
#ifndef ZB_STORE_PLAN_H
#define ZB_STORE_PLAN_H

#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "store/db.h"

struct plan {
    const char *id, *title, *doc_no, *issuer, *issuer_name, *meeting, *disclosure; /* doc_no, meeting "" = not stated */
    const char *issued_on, *printed_on;
};
enum err plan_get(struct db *db, struct arena *a, const char *id, struct plan *out) MUST_CHECK; /* ERR_NOTFOUND */
enum err plan_list(struct db *db, struct arena *a, const char *after, int limit, struct plan **list,
                   size_t *n) MUST_CHECK; /* by id; after "": all */

struct plan_part {
    int64_t     part;
    const char *title;
};
enum err plan_parts(struct db *db, struct arena *a, const char *plan, struct plan_part **list, size_t *n) MUST_CHECK;

/* One item of the document ("二(一)2") with all its tasks, in the order of the text (F034). */
struct plan_item {
    int64_t     part;
    const char *section;
    int64_t     tasks, closed, dated, dated_done;
};
enum err plan_items(struct db *db, struct arena *a, const char *plan, struct plan_item **list, size_t *n) MUST_CHECK;

enum err plan_add(struct db *db, const struct plan *p) MUST_CHECK; /* ERR_DUP; ERR_CONFLICT: no such issuer */
enum err plan_part_add(struct db *db, const char *plan, int64_t part, const char *title) MUST_CHECK; /* again: nothing */

#endif
