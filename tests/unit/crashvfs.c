/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/crashvfs.h"

#include <pthread.h>
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/check.h"
#include "base/mem.h"

#define NODES_MAX 16

struct op {
    int64_t  off;
    size_t   n;
    uint8_t *p; /* NULL: truncate to off */
};

struct image {
    uint8_t *p;
    size_t   n, cap;
};

struct node {
    char         path[256]; /* "" = free */
    bool         is_there, is_durable; /* now; after a power cut */
    struct image synced;
    int64_t      size;
    struct op   *ops;
    size_t       ops_n, ops_cap;
};

struct file {
    sqlite3_file  base;
    struct node  *node; /* NULL: a temporary file, not watched */
    sqlite3_file *real;
};

static struct {
    sqlite3_vfs     vfs;
    sqlite3_vfs    *real;
    pthread_mutex_t lock;
    struct node     nodes[NODES_MAX];
    uint64_t        ops, syncs, crash_at;
    int64_t         full_after;
    bool            crashed;
} g = {.lock = PTHREAD_MUTEX_INITIALIZER, .full_after = -1};

/* ---- images ---- */
static void resize(struct image *im, size_t n) {
    if (n > im->cap) {
        im->cap = n > im->cap * 2 ? n : im->cap * 2;
        im->p   = x_realloc(im->p, im->cap);
    }
    if (n > im->n) {
        memset(im->p + im->n, 0, n - im->n);
    }
    im->n = n;
}

static void apply(struct image *im, const struct op *o, size_t n) {
    if (o->p == NULL) {
        resize(im, (size_t)o->off);
        return;
    }
    if ((size_t)o->off + n > im->n) resize(im, (size_t)o->off + n);
    if (n) memcpy(im->p + o->off, o->p, n);
}

static void drop_ops(struct node *d) {
    for (size_t i = 0; i < d->ops_n; i++) x_free(d->ops[i].p);
    d->ops_n = 0;
}

static void add_op(struct node *d, int64_t off, const void *p, size_t n) {
    if (d->ops_n == d->ops_cap) {
        d->ops_cap = d->ops_cap ? d->ops_cap * 2 : 64;
        d->ops     = x_realloc(d->ops, d->ops_cap * sizeof *d->ops);
    }
    struct op *o = &d->ops[d->ops_n++];
    *o           = (struct op){.off = off, .n = n};
    if (p) o->p = memcpy(x_malloc(n), p, n);
}

static void forget(struct node *d) {
    drop_ops(d);
    x_free(d->ops);
    x_free(d->synced.p);
    memset(d, 0, sizeof *d);
}

static struct node *node_of(const char *path, bool make) {
    struct node *spare = NULL;
    for (size_t i = 0; i < NODES_MAX; i++) {
        if (strcmp(g.nodes[i].path, path) == 0) return &g.nodes[i];
        if (spare == NULL && g.nodes[i].path[0] == '\0') spare = &g.nodes[i];
    }
    if (!make) return NULL;
    MUST(spare && strlen(path) < sizeof spare->path);
    (void)snprintf(spare->path, sizeof spare->path, "%s", path);
    FILE *f = fopen(path, "re"); /* what was there before is on disk */
    if (f) {
        spare->is_there = spare->is_durable = true;
        MUST(fseek(f, 0, SEEK_END) == 0);
        resize(&spare->synced, (size_t)ftell(f));
        rewind(f);
        MUST(spare->synced.n == 0 || fread(spare->synced.p, 1, spare->synced.n, f) == spare->synced.n);
        (void)fclose(f);
        spare->size = (int64_t)spare->synced.n;
    }
    return spare;
}

/* Under the lock. False: the process is gone, at the latest now. */
static bool goes_on(void) {
    if (!g.crashed && ++g.ops == g.crash_at) g.crashed = true;
    return !g.crashed;
}

/* ---- files ---- */
static struct file  *of(sqlite3_file *f) { return (struct file *)f; }
static sqlite3_file *real(sqlite3_file *f) { return of(f)->real; }

static int f_close(sqlite3_file *f) { return real(f)->pMethods ? real(f)->pMethods->xClose(real(f)) : SQLITE_OK; }

static int f_read(sqlite3_file *f, void *p, int n, sqlite3_int64 off) {
    if (of(f)->node && crashvfs_crashed()) return SQLITE_IOERR_READ;
    return real(f)->pMethods->xRead(real(f), p, n, off);
}

static int f_write(sqlite3_file *f, const void *p, int n, sqlite3_int64 off) {
    struct node *d  = of(f)->node;
    int          rc = SQLITE_OK;
    if (d == NULL) return real(f)->pMethods->xWrite(real(f), p, n, off);
    pthread_mutex_lock(&g.lock);
    bool grows = off + n > d->size;
    if (!g.crashed && grows && g.full_after == 0) {
        rc = SQLITE_FULL;
    } else {
        if (grows && g.full_after > 0) g.full_after--;
        bool was_gone = g.crashed, ok = goes_on();
        if (!was_gone) add_op(d, off, p, (size_t)n); /* the last one may have reached the disk, or half of it */
        if (!ok) rc = SQLITE_IOERR_WRITE;
        else if (grows) d->size = off + n;
    }
    pthread_mutex_unlock(&g.lock);
    return rc ? rc : real(f)->pMethods->xWrite(real(f), p, n, off);
}

static int f_truncate(sqlite3_file *f, sqlite3_int64 n) {
    struct node *d  = of(f)->node;
    bool         ok = true;
    if (d) {
        pthread_mutex_lock(&g.lock);
        ok = goes_on();
        if (ok) {
            add_op(d, n, NULL, 0);
            d->size = n;
        }
        pthread_mutex_unlock(&g.lock);
    }
    return ok ? real(f)->pMethods->xTruncate(real(f), n) : SQLITE_IOERR_TRUNCATE;
}

static int f_sync(sqlite3_file *f, int flags) {
    struct node *d = of(f)->node;
    (void)flags; /* no real sync: the model is the disk */
    if (d == NULL) return SQLITE_OK;
    pthread_mutex_lock(&g.lock);
    bool ok = goes_on();
    if (ok) {
        for (size_t i = 0; i < d->ops_n; i++) apply(&d->synced, &d->ops[i], d->ops[i].n);
        drop_ops(d);
        d->is_durable = d->is_there;
        g.syncs++;
    }
    pthread_mutex_unlock(&g.lock);
    return ok ? SQLITE_OK : SQLITE_IOERR_FSYNC;
}

static int f_size(sqlite3_file *f, sqlite3_int64 *n) { return real(f)->pMethods->xFileSize(real(f), n); }
static int f_lock(sqlite3_file *f, int level) { return real(f)->pMethods->xLock(real(f), level); }
static int f_unlock(sqlite3_file *f, int level) { return real(f)->pMethods->xUnlock(real(f), level); }
static int f_reserved(sqlite3_file *f, int *out) { return real(f)->pMethods->xCheckReservedLock(real(f), out); }
static int f_control(sqlite3_file *f, int op, void *arg) { return real(f)->pMethods->xFileControl(real(f), op, arg); }
static int f_sector(sqlite3_file *f) { return real(f)->pMethods->xSectorSize(real(f)); }
static int f_device(sqlite3_file *f) { return real(f)->pMethods->xDeviceCharacteristics(real(f)); }
static int f_shm_map(sqlite3_file *f, int page, int size, int extend, void volatile **pp) {
    return real(f)->pMethods->xShmMap(real(f), page, size, extend, pp);
}
static int  f_shm_lock(sqlite3_file *f, int off, int n, int flags) { return real(f)->pMethods->xShmLock(real(f), off, n, flags); }
static void f_shm_barrier(sqlite3_file *f) { real(f)->pMethods->xShmBarrier(real(f)); }
static int  f_shm_unmap(sqlite3_file *f, int remove) { return real(f)->pMethods->xShmUnmap(real(f), remove); }

static const sqlite3_io_methods methods = {
    .iVersion = 2, /* no memory mapping: it would write past us */
    .xClose = f_close, .xRead = f_read, .xWrite = f_write, .xTruncate = f_truncate, .xSync = f_sync, .xFileSize = f_size, .xLock = f_lock,
    .xUnlock = f_unlock, .xCheckReservedLock = f_reserved, .xFileControl = f_control, .xSectorSize = f_sector, .xDeviceCharacteristics = f_device,
    .xShmMap = f_shm_map, .xShmLock = f_shm_lock, .xShmBarrier = f_shm_barrier, .xShmUnmap = f_shm_unmap,
};

/* ---- the file system ---- */
static int v_open(sqlite3_vfs *v, sqlite3_filename name, sqlite3_file *f, int flags, int *out) {
    struct file *x = of(f);
    (void)v;
    memset(x, 0, sizeof *x);
    x->real    = (sqlite3_file *)(void *)(x + 1);
    bool watch = name && flags & (SQLITE_OPEN_MAIN_DB | SQLITE_OPEN_WAL | SQLITE_OPEN_MAIN_JOURNAL);
    if (watch && crashvfs_crashed()) return SQLITE_CANTOPEN;
    pthread_mutex_lock(&g.lock);
    if (watch) x->node = node_of(name, true);
    pthread_mutex_unlock(&g.lock);
    int rc = g.real->xOpen(g.real, name, x->real, flags, out);
    if (x->node && rc == SQLITE_OK) {
        pthread_mutex_lock(&g.lock);
        if (!x->node->is_there) {
            add_op(x->node, 0, NULL, 0); /* a new file where an old one may come back */
            x->node->is_there = true;
            x->node->size     = 0;
        }
        pthread_mutex_unlock(&g.lock);
    }
    if (x->real->pMethods) x->base.pMethods = &methods;
    return rc;
}

static int v_delete(sqlite3_vfs *v, const char *name, int sync_dir) {
    (void)v;
    pthread_mutex_lock(&g.lock);
    bool         ok = goes_on();
    struct node *d  = ok ? node_of(name, false) : NULL;
    if (d) {
        drop_ops(d);
        d->is_there = false;
        d->size     = 0;
        if (sync_dir) {
            d->is_durable = false;
            resize(&d->synced, 0);
        }
    }
    pthread_mutex_unlock(&g.lock);
    return ok ? g.real->xDelete(g.real, name, 0) : SQLITE_IOERR_DELETE;
}

static int v_access(sqlite3_vfs *v, const char *name, int flags, int *out) { return (void)v, g.real->xAccess(g.real, name, flags, out); }
static int v_full(sqlite3_vfs *v, const char *name, int n, char *out) { return (void)v, g.real->xFullPathname(g.real, name, n, out); }
static int v_random(sqlite3_vfs *v, int n, char *out) { return (void)v, g.real->xRandomness(g.real, n, out); }
static int v_sleep(sqlite3_vfs *v, int us) { return (void)v, g.real->xSleep(g.real, us); }
static int v_time(sqlite3_vfs *v, double *out) { return (void)v, g.real->xCurrentTime(g.real, out); }
static int v_error(sqlite3_vfs *v, int n, char *out) { return (void)v, g.real->xGetLastError(g.real, n, out); }
static int v_time64(sqlite3_vfs *v, sqlite3_int64 *out) { return (void)v, g.real->xCurrentTimeInt64(g.real, out); }

void crashvfs_install(void) {
    g.real = sqlite3_vfs_find(NULL);
    MUST(g.real != NULL && g.real != &g.vfs && g.real->iVersion >= 2);
    g.vfs = (sqlite3_vfs){.iVersion = 2, .szOsFile = (int)sizeof(struct file) + g.real->szOsFile, .mxPathname = g.real->mxPathname, .zName = "crash",
                          .xOpen = v_open, .xDelete = v_delete, .xAccess = v_access, .xFullPathname = v_full, .xRandomness = v_random, .xSleep = v_sleep,
                          .xCurrentTime = v_time, .xGetLastError = v_error, .xCurrentTimeInt64 = v_time64};
    MUST(sqlite3_vfs_register(&g.vfs, 1) == SQLITE_OK);
}

void crashvfs_remove(void) {
    crashvfs_reset();
    MUST(sqlite3_vfs_unregister(&g.vfs) == SQLITE_OK && sqlite3_vfs_register(g.real, 1) == SQLITE_OK);
}

void crashvfs_reset(void) {
    pthread_mutex_lock(&g.lock);
    for (size_t i = 0; i < NODES_MAX; i++) forget(&g.nodes[i]);
    g.ops = g.syncs = g.crash_at = 0;
    g.full_after                 = -1;
    g.crashed                    = false;
    pthread_mutex_unlock(&g.lock);
}

void crashvfs_arm(uint64_t n) {
    pthread_mutex_lock(&g.lock);
    g.crash_at = n ? g.ops + n : 0;
    pthread_mutex_unlock(&g.lock);
}

bool crashvfs_crashed(void) {
    pthread_mutex_lock(&g.lock);
    bool yes = g.crashed;
    pthread_mutex_unlock(&g.lock);
    return yes;
}

void crashvfs_full(int64_t after) {
    pthread_mutex_lock(&g.lock);
    g.full_after = after;
    pthread_mutex_unlock(&g.lock);
}

uint64_t crashvfs_ops(void) {
    pthread_mutex_lock(&g.lock);
    uint64_t n = g.ops;
    pthread_mutex_unlock(&g.lock);
    return n;
}

uint64_t crashvfs_syncs(void) {
    pthread_mutex_lock(&g.lock);
    uint64_t n = g.syncs;
    pthread_mutex_unlock(&g.lock);
    return n;
}

uint64_t crashvfs_unsynced(const char *suffix) {
    uint64_t n = 0;
    size_t   k = strlen(suffix);
    pthread_mutex_lock(&g.lock);
    for (size_t i = 0; i < NODES_MAX; i++) {
        size_t len = strlen(g.nodes[i].path);
        if (len >= k && len && strcmp(g.nodes[i].path + len - k, suffix) == 0) n += g.nodes[i].ops_n;
    }
    pthread_mutex_unlock(&g.lock);
    return n;
}

/* ---- the power cut ---- */
static uint64_t dice;

static uint64_t roll(uint64_t sides) { /* xorshift; the same seed gives the same disk */
    dice ^= dice << 13;
    dice ^= dice >> 7;
    dice ^= dice << 17;
    return dice % sides;
}

static void settle_node(struct node *d, enum crash_mode mode) {
    struct image im   = {0};
    bool         keep = d->is_durable;
    resize(&im, d->synced.n);
    if (im.n) memcpy(im.p, d->synced.p, im.n);
    size_t n = d->ops_n;
    if (mode == CRASH_ALL && n && g.crashed) n--;
    if (mode == CRASH_TEAR) n = n ? roll(n) + 1 : 0;
    for (size_t i = 0; i < n && mode != CRASH_DROP; i++) {
        const struct op *o   = &d->ops[i];
        size_t           len = o->n;
        if (mode == CRASH_SUBSET && roll(2)) continue;
        if (mode == CRASH_TEAR && i == n - 1 && o->p) len = (roll(len / 512 + 1)) * 512;
        apply(&im, o, len < o->n ? len : o->n);
    }
    if (d->is_there != d->is_durable && (mode == CRASH_ALL || (mode != CRASH_DROP && roll(2)))) keep = d->is_there;
    (void)unlink(d->path);
    if (keep) {
        FILE *f = fopen(d->path, "we");
        MUST(f != NULL && (im.n == 0 || fwrite(im.p, 1, im.n, f) == im.n) && fclose(f) == 0);
    }
    char shm[300];
    (void)snprintf(shm, sizeof shm, "%s-shm", d->path);
    (void)unlink(shm);
    x_free(im.p);
}

void crashvfs_settle(enum crash_mode mode, uint64_t seed) {
    dice = seed * 0x9E3779B97F4A7C15U + 1;
    pthread_mutex_lock(&g.lock);
    for (size_t i = 0; i < NODES_MAX; i++)
        if (g.nodes[i].path[0]) settle_node(&g.nodes[i], mode);
    pthread_mutex_unlock(&g.lock);
    crashvfs_reset();
}
