/* SPDX-License-Identifier: Apache-2.0 */
#include "base/mailbox.h"

#include <pthread.h>

#include "base/check.h"
#include "base/mem.h"

#define MAILBOX_MAGIC 0x6d61696cU

struct mail {
    struct mail *next;
    mail_fn     *fn;
    void        *arg;
};

struct mailbox {
    unsigned        magic;
    pthread_mutex_t lock;
    struct mail    *head, **tail;
    void (*wake)(void *wake_arg);
    void *wake_arg;
};

struct mailbox *mailbox_new(void (*wake)(void *wake_arg), void *wake_arg) {
    struct mailbox *m;
    ALLOC_OBJ(m, MAILBOX_MAGIC);
    MUST(pthread_mutex_init(&m->lock, NULL) == 0);
    m->tail     = &m->head;
    m->wake     = wake;
    m->wake_arg = wake_arg;
    return m;
}

void mailbox_free(struct mailbox *m) {
    if (m == NULL) return;
    CHECK_OBJ_NOTNULL(m, MAILBOX_MAGIC);
    MUST(m->head == NULL);
    pthread_mutex_destroy(&m->lock);
    FREE_OBJ(m);
}

void mailbox_post(struct mailbox *m, mail_fn *fn, void *arg) {
    CHECK_OBJ_NOTNULL(m, MAILBOX_MAGIC);
    struct mail *x = x_malloc(sizeof *x);
    *x             = (struct mail){NULL, fn, arg};
    pthread_mutex_lock(&m->lock);
    bool was_empty = m->head == NULL;
    *m->tail       = x;
    m->tail        = &x->next;
    /* Inside the lock: the owner frees the mailbox only after it drained this message. */
    if (was_empty && m->wake) m->wake(m->wake_arg);
    pthread_mutex_unlock(&m->lock);
}

size_t mailbox_drain(struct mailbox *m, void *owner) {
    CHECK_OBJ_NOTNULL(m, MAILBOX_MAGIC);
    pthread_mutex_lock(&m->lock);
    struct mail *x = m->head;
    m->head        = NULL;
    m->tail        = &m->head;
    pthread_mutex_unlock(&m->lock);
    size_t n = 0;
    while (x) {
        struct mail *next = x->next;
        x->fn(owner, x->arg);
        x_free(x);
        x = next;
        n++;
    }
    return n;
}
