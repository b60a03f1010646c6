/* SPDX-License-Identifier: Apache-2.0
 *
 * Many-to-one queue of closures. A message moves ownership of its argument to the receiving thread. post() from any
 * thread; drain() only on the owner. wake() is called by the poster when the queue turns non-empty (uv_async_send,
 * eventfd, ...). Unbounded by itself: what is posted is bounded by the poster's own in-flight limits.
 */
#ifndef ZB_BASE_MAILBOX_H
#define ZB_BASE_MAILBOX_H

#include <stdbool.h>
#include <stddef.h>

struct mailbox;
typedef void mail_fn(void *owner, void *arg);

struct mailbox *mailbox_new(void (*wake)(void *wake_arg), void *wake_arg);
void            mailbox_free(struct mailbox *m); /* must be drained; NULL is legal */
void            mailbox_post(struct mailbox *m, mail_fn *fn, void *arg /* taken */);
size_t          mailbox_drain(struct mailbox *m, void *owner); /* runs all, in order; returns how many */

#endif
