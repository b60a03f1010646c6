/* SPDX-License-Identifier: Apache-2.0
 *
 * Small files that must be there whole after a power cut, or not at all: keys. Any thread.
 */
#ifndef ZB_BASE_FILE_H
#define ZB_BASE_FILE_H

#include <stddef.h>

#include "base/err.h"

/* Makes path with mode 0600 and these bytes, synced together with its directory. ERR_DUP: path exists and stays as it is;
 * ERR_STORE: could not be written. */
enum err file_create(const char *path, const void *p, size_t n) MUST_CHECK;

/* Makes what was created or removed in a directory durable. */
enum err file_sync_dir(const char *dir) MUST_CHECK;

#endif
