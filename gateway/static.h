/* SPDX-License-Identifier: Apache-2.0
 *
 * The pages under web.dir, read once at start (at most 4 MiB a file, 256 files), served with a strong ETag. Read-only
 * afterwards: any thread.
 */
#ifndef ZB_GATEWAY_STATIC_H
#define ZB_GATEWAY_STATIC_H

#include "gateway/app.h"

struct static_dir *static_load(const char *dir);
void               static_free(struct static_dir *d);
/* "/" is index.html, "/board" is board.html. False: no such page. */
bool static_answer(const struct static_dir *d, struct http_req *q);

#endif
