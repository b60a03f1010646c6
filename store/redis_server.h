/* SPDX-License-Identifier: Apache-2.0
 *
 * The private redis-server of a stand-alone installation: Unix socket and append-only file under the data directory, noeviction,
 * AOF everysec, no TCP port. A watching thread restarts it when it dies (D17). It ends with us (PR_SET_PDEATHSIG and an orderly stop).
 *
 * Never two on one append-only file: DATA/redis/gateway.lock is held by the process that watches, DATA/redis/server.lock by
 * redis-server itself (an inherited descriptor), so that one left over from a killed gateway is seen, and stopped in order, before
 * ours starts. DATA/redis/address says where it answers, for `zhangban push` and the tools.
 */
#ifndef ZB_STORE_REDIS_SERVER_H
#define ZB_STORE_REDIS_SERVER_H

#include <stddef.h>
#include <sys/types.h>

#include "base/err.h"

struct redis_server;

/* Starts and waits until it answers PING. address: what redis_new wants. ERR_UNAVAILABLE with why: not installed, another gateway
 * runs on this directory, or it does not come up. */
enum err redis_server_start(const char *data_dir, struct redis_server **out, char *address, size_t address_n, char *why, size_t why_n) MUST_CHECK;
void     redis_server_stop(struct redis_server *s); /* SIGTERM (flushes the AOF), then waits; NULL is legal */
pid_t    redis_server_pid(struct redis_server *s); /* any thread; 0: just dead, being restarted */

/* For the other processes of this data directory: the address of the server that a running gateway keeps. ERR_UNAVAILABLE with why
 * when no gateway runs. */
enum err redis_server_find(const char *data_dir, char *address, size_t address_n, char *why, size_t why_n) MUST_CHECK;

#endif
