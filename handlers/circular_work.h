/* SPDX-License-Identifier: Apache-2.0
 *
 * What must-read notices need behind the requests: the jobs of sending, urging and closing, the counters, and their publication at
 * most twice a second with a trailing one. One thread that looks five times a second; everything it does is in the records, so
 * several processes may run one, and a crash leaves nothing out.
 */
#ifndef ZB_HANDLERS_CIRCULAR_WORK_H
#define ZB_HANDLERS_CIRCULAR_WORK_H

#include "handlers/house.h"
#include "store/writer.h"

struct circular_work;

enum err circular_work_start(struct house *h, struct writer *w, const char *db_path, struct circular_work **out, char *why, size_t why_n) MUST_CHECK;
void     circular_work_stop(struct circular_work *c); /* NULL is legal */

#endif
