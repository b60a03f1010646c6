/* SPDX-License-Identifier: Apache-2.0
 *
 * Mailbox and pool: order, one wake for many, ownership of contexts, the bound, an orderly end.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

#include <cmocka.h>

#include "base/check.h"
#include "base/mailbox.h"
#include "base/mem.h"
#include "base/pool.h"

#define POSTERS 4
#define MAILS   5000

static int      wakes;
static int      got[64];
static size_t   got_n;
static struct mailbox *box;

static void wake(void *arg) { ++*(int *)arg; }

static void take(void *owner, void *arg) {
    assert_ptr_equal(owner, &got);
    got[got_n++] = *(int *)arg;
    x_free(arg);
}

static int *number(int i) {
    int *p = x_malloc(sizeof *p);
    *p     = i;
    return p;
}

static void post_more(void *owner, void *arg) {
    take(owner, arg);
    mailbox_post(box, take, number(99));
}

static void t_mailbox(void **state) {
    (void)state;
    wakes = 0, got_n = 0;
    box = mailbox_new(wake, &wakes);
    assert_int_equal(mailbox_drain(box, got), 0);
    for (int i = 0; i < 10; i++) mailbox_post(box, take, number(i));
    assert_int_equal(wakes, 1); /* only when it turned non-empty */
    assert_int_equal(mailbox_drain(box, got), 10);
    for (int i = 0; i < 10; i++) assert_int_equal(got[i], i);
    got_n = 0;
    mailbox_post(box, post_more, number(1)); /* a message may post: it comes with the next drain, and wakes again */
    assert_int_equal(mailbox_drain(box, got), 1);
    assert_int_equal(wakes, 3);
    assert_int_equal(mailbox_drain(box, got), 1);
    assert_int_equal(got[1], 99);
    mailbox_free(box);
    mailbox_free(NULL);
    box = mailbox_new(NULL, NULL);
    mailbox_post(box, take, number(5));
    assert_int_equal(mailbox_drain(box, got), 1);
    mailbox_free(box);
}

/* Many posters, one owner that sleeps until it is woken. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t  some = PTHREAD_COND_INITIALIZER;
static bool            woken;
static int             next_of[POSTERS];

static void wake_owner(void *arg) {
    (void)arg;
    pthread_mutex_lock(&lock);
    woken = true;
    pthread_cond_signal(&some);
    pthread_mutex_unlock(&lock);
}

static void in_order(void *owner, void *arg) {
    (void)owner;
    uintptr_t v = (uintptr_t)arg;
    MUST(next_of[v / MAILS] == (int)(v % MAILS));
    next_of[v / MAILS]++;
}

static void *poster(void *arg) {
    for (uintptr_t i = 0; i < MAILS; i++) mailbox_post(box, in_order, (void *)((uintptr_t)arg * MAILS + i));
    return NULL;
}

static void t_threads(void **state) {
    (void)state;
    pthread_t t[POSTERS];
    size_t    n = 0;
    box         = mailbox_new(wake_owner, NULL);
    for (size_t i = 0; i < POSTERS; i++) assert_int_equal(pthread_create(&t[i], NULL, poster, (void *)(uintptr_t)i), 0);
    while (n < (size_t)POSTERS * MAILS) {
        pthread_mutex_lock(&lock);
        while (!woken) pthread_cond_wait(&some, &lock);
        woken = false;
        pthread_mutex_unlock(&lock);
        n += mailbox_drain(box, NULL);
    }
    for (size_t i = 0; i < POSTERS; i++) {
        assert_int_equal(pthread_join(t[i], NULL), 0);
        assert_int_equal(next_of[i], MAILS);
    }
    mailbox_free(box);
}

/* ---- pool ---- */
static atomic_int contexts, made, ran, in_wrong_context;
static atomic_bool gate;

static void *ctx_new(void *arg) {
    assert_ptr_equal(arg, &contexts);
    pthread_t *p = x_malloc(sizeof *p);
    *p           = pthread_self(); /* made on its own thread */
    atomic_fetch_add(&contexts, 1);
    atomic_fetch_add(&made, 1);
    return p;
}

static void ctx_free(void *ctx) {
    if (!pthread_equal(*(pthread_t *)ctx, pthread_self())) atomic_fetch_add(&in_wrong_context, 1);
    x_free(ctx);
    atomic_fetch_sub(&contexts, 1);
}

static void work(void *ctx, void *arg) {
    (void)arg;
    if (!pthread_equal(*(pthread_t *)ctx, pthread_self())) atomic_fetch_add(&in_wrong_context, 1);
    pthread_mutex_lock(&lock);
    while (!atomic_load(&gate)) pthread_cond_wait(&some, &lock);
    pthread_mutex_unlock(&lock);
    atomic_fetch_add(&ran, 1);
}

static void open_gate(bool open) {
    pthread_mutex_lock(&lock);
    atomic_store(&gate, open);
    pthread_cond_broadcast(&some);
    pthread_mutex_unlock(&lock);
}

static void t_pool(void **state) {
    (void)state;
    int          taken = 0;
    struct pool *p     = pool_new("a-long-name-of-a-pool", 2, 4, ctx_new, ctx_free, &contexts);
    open_gate(false);
    while (taken < 6) /* 2 in hand, 4 waiting; a worker may not have taken its own yet */
        if (pool_submit(p, work, NULL) == ERR_OK) taken++;
    while (pool_queued(p) < 4) continue;
    assert_int_equal(pool_submit(p, work, NULL), ERR_BUSY);
    assert_int_equal(pool_queued(p), 4);
    open_gate(true);
    pool_free(p); /* runs what is queued */
    assert_int_equal(atomic_load(&ran), 6);
    assert_int_equal(atomic_load(&made), 2);
    assert_int_equal(atomic_load(&contexts), 0);
    assert_int_equal(atomic_load(&in_wrong_context), 0);
    pool_free(NULL);
    p = pool_new("idle", 3, 4, NULL, NULL, NULL);
    pool_free(p);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(t_mailbox), cmocka_unit_test(t_threads), cmocka_unit_test(t_pool)};
    return cmocka_run_group_tests_name("mailbox_pool", tests, NULL, NULL);
}
