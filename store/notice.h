/* SPDX-License-Identifier: Apache-2.0
 *
 * The inbox as a person reads it: table notice. Any connection. Writing and marking read is push/notice.h.
 */
#ifndef ZB_STORE_NOTICE_H
#define ZB_STORE_NOTICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "store/db.h"

struct inbox_item {
    const char *id, *kind, *object, *title, *body;
    int64_t     priority, created_biz, read_wall; /* read_wall 0: unread */
};
/* Newest first; before: id of the last one of the page before, "" = from the start. */
enum err inbox_list(struct db *db, struct arena *a, const char *person, bool unread_only, const char *before, int limit,
                    struct inbox_item **list, size_t *n) MUST_CHECK;
enum err inbox_get(struct db *db, struct arena *a, const char *person, const char *notice, struct inbox_item *out) MUST_CHECK; /* ERR_NOTFOUND */
enum err inbox_unread(struct db *db, const char *person, int64_t *n) MUST_CHECK;

#endif
