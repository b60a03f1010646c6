/* SPDX-License-Identifier: Apache-2.0
 *
 * What time does: reminders of due, overdue and unsigned tasks, frozen rankings, boards of a new day, purging. One thread that
 * sleeps until the next business or wall event; each pass is a handful of write jobs. Everything it writes is deduplicated by the
 * records, so a pass repeated after a crash changes nothing.
 */
#ifndef ZB_HANDLERS_UPKEEP_H
#define ZB_HANDLERS_UPKEEP_H

#include "handlers/house.h"
#include "store/writer.h"

struct upkeep;

enum err upkeep_start(struct house *h, struct writer *w, const char *db_path, struct upkeep **out, char *why, size_t why_n) MUST_CHECK;
void     upkeep_stop(struct upkeep *u); /* NULL is legal */
void     upkeep_now(struct upkeep *u);  /* any other thread: one pass now; returns when it is committed */

#endif
