/* SPDX-License-Identifier: Apache-2.0
 *
 * Asynchronous subscriber of the publications of all channels and of control messages, on a libuv loop given by the owner
 * (the thread of loop 0). Reconnects by itself with backoff; after every (re)connect on_up tells the run_id, so that the
 * hub can compare. All callbacks on that loop's thread. hiredis 0.14.1 traps: see the file.
 */
#ifndef ZB_STORE_BUS_H
#define ZB_STORE_BUS_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct bus;

struct bus_ops {
    void *arg;
    /* key may be "" ; data borrowed. */
    void (*on_pub)(void *arg, const char *channel, size_t channel_n, const char *epoch, uint64_t offset, const char *key, size_t key_n,
                   const char *data, size_t data_n);
    void (*on_control)(void *arg, const char *json, size_t n);
    void (*on_up)(void *arg, const char *run_id);
    void (*on_down)(void *arg);
};

struct bus *bus_start(void *uv_loop, const char *address, struct bus_ops ops); /* on the loop thread */
void        bus_stop(struct bus *b); /* on the loop thread; handles close in the following turns of the loop */

#endif
