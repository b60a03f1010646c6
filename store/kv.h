/* SPDX-License-Identifier: Apache-2.0
 *
 * Small single facts by name: table kv. Reads on any connection; writes in the writer's transaction. Names in use:
 *   clock                    business clock of a demo (handlers/demo.c)
 *   demo                     the sample and the people of the demo are complete
 *   import.unit:CODE, import.task:ID   digest of the row as it was imported (handlers/import.c)
 *   upkeep.biz               the last business instant that is finished (handlers/upkeep.c)
 *   boards.owed              1: the boards changed and are still to be published (handlers/ranking.c)
 *   relay.seq                newest outbox row that is in Redis, now and then (push/relay.c)
 *   board:PERIOD:SCOPE       digest of the board published last (handlers/ranking.c)
 */
#ifndef ZB_STORE_KV_H
#define ZB_STORE_KV_H

#include "base/arena.h"
#include "base/err.h"
#include "store/db.h"

enum err kv_get(struct db *db, struct arena *a, const char *name,
                const char **value) MUST_CHECK;                                 /* ERR_NOTFOUND; value in the arena */
enum err kv_set(struct db *db, const char *name, const char *value) MUST_CHECK; /* new or replaced */

#endif
