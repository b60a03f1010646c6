/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/auth.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/mem.h"
#include "store/auth.h"
#include "handlers/session_issue.h"

#define TOKENS_MAGIC 0x746f6b73U
#define SLOTS        4096u /* direct mapped; a collision costs one look-up */
#define FRESH_MS     1000
#define AWAY_MS      300000
#define ACTOR_ARENA_BYTES 8192

struct verdict {
    char         hash[65];
    struct actor who;
    int64_t      expires_wall_ms, at_mono_ms;
};

struct tokens {
    unsigned        magic;
    pthread_mutex_t lock;
    struct verdict *slots[SLOTS];
};

struct tokens *tokens_new(void) {
    struct tokens *t;
    ALLOC_OBJ(t, TOKENS_MAGIC);
    MUST(pthread_mutex_init(&t->lock, NULL) == 0);
    return t;
}

void tokens_free(struct tokens *t) {
    if (t == NULL) return;
    CHECK_OBJ_NOTNULL(t, TOKENS_MAGIC);
    for (size_t i = 0; i < SLOTS; i++) x_free(t->slots[i]);
    pthread_mutex_destroy(&t->lock);
    FREE_OBJ(t);
}

static size_t slot_of(const char *hash) {
    size_t h = 0;
    for (int i = 0; i < 8 && hash[i]; i++) h = h * 31 + (unsigned char)hash[i];
    return h % SLOTS;
}

static bool cached(struct tokens *t, const char *hash, int64_t max_age_ms, struct actor *who, int64_t *expires) {
    bool hit = false;
    pthread_mutex_lock(&t->lock);
    const struct verdict *v = t->slots[slot_of(hash)];
    if (v && strcmp(v->hash, hash) == 0 && clock_mono_ms() - v->at_mono_ms <= max_age_ms && clock_wall_ms() < v->expires_wall_ms) {
        *who     = v->who;
        *expires = v->expires_wall_ms;
        hit      = true;
    }
    pthread_mutex_unlock(&t->lock);
    return hit;
}

static void remember(struct tokens *t, const char *hash, const struct actor *who, int64_t expires) {
    pthread_mutex_lock(&t->lock);
    struct verdict **v = &t->slots[slot_of(hash)];
    if (*v == NULL) *v = x_calloc(1, sizeof **v);
    (void)snprintf((*v)->hash, sizeof (*v)->hash, "%s", hash);
    (*v)->who             = *who;
    (*v)->expires_wall_ms = expires;
    (*v)->at_mono_ms      = clock_mono_ms();
    pthread_mutex_unlock(&t->lock);
}

void tokens_drop(struct tokens *t, const char *person, const char *session) {
    pthread_mutex_lock(&t->lock);
    for (size_t i = 0; i < SLOTS; i++) {
        struct verdict *v = t->slots[i];
        if (v == NULL || strcmp(v->who.id, person) != 0 || (*session && strcmp(v->who.session, session) != 0)) continue;
        t->slots[i] = NULL;
        x_free(v);
    }
    pthread_mutex_unlock(&t->lock);
}

enum err token_resolve(struct worker *w, const char *token, struct actor *who, int64_t *expires_wall_ms) {
    char           hash[65];
    struct session s;
    if (strlen(token) != 43) return ERR_AUTH;
    session_token_hash(token, hash);
    if (cached(w->app->tokens, hash, FRESH_MS, who, expires_wall_ms)) return ERR_OK;
    enum err e = session_get(w->redis, token, &s);
    if (e == ERR_UNAVAILABLE && cached(w->app->tokens, hash, AWAY_MS, who, expires_wall_ms)) {
        bool revoked = false;
        enum err e2  = auth_session_revoked(w->db, who->session, &revoked);
        return e2 ? e2 : revoked ? ERR_AUTH : ERR_OK;
    }
    if (e) return e;
    struct arena *a = arena_new(ACTOR_ARENA_BYTES);
    e               = session_actor(w->db, a, &s, who);
    arena_free(a);
    if (e) return e;
    *expires_wall_ms = s.expires_wall_ms;
    /* one that waits for its device is looked up each time: it may be activated now */
    if (who->bound) remember(w->app->tokens, hash, who, s.expires_wall_ms);
    return ERR_OK;
}
