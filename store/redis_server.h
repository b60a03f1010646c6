/* SPDX-License-Identifier: Apache-2.0
 *
 * The private redis-server of a stand-alone installation: Unix socket and append-only file under the data directory, noeviction,
 * AOF everysec, no TCP port. A watching thread restarts it when it dies (D17). It ends with us (PR_SET_PDEATHSIG and an orderly stop).
 */
#ifndef ZB_STORE_REDIS_SERVER_H
#define ZB_STORE_REDIS_SERVER_H

#include <stddef.h>
#include <sys/types.h>

#include "base/err.h"

struct redis_server;

/* Starts and waits until it answers PING. address: what redis_new wants. */
enum err redis_server_start(const char *data_dir, struct redis_server **out, char *address, size_t address_n, char *why, size_t why_n) MUST_CHECK;
void     redis_server_stop(struct redis_server *s); /* SHUTDOWN SAVE-less with AOF flushed, then waits; NULL is legal */
pid_t    redis_server_pid(struct redis_server *s);

#endif
