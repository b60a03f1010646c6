/* SPDX-License-Identifier: Apache-2.0 */
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PATH_BYTES 512

enum err file_sync_dir(const char *dir) {
    int  fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    bool ok = fd >= 0 && fsync(fd) == 0;
    if (fd >= 0) (void)close(fd);
    return ok ? ERR_OK : ERR_STORE;
}

static bool write_all(int fd, const char *p, size_t n) {
    while (n) {
        ssize_t k = write(fd, p, n);
        if (k < 0 && errno == EINTR) continue;
        if (k <= 0) return false;
        p += k;
        n -= (size_t)k;
    }
    return true;
}

enum err file_create(const char *path, const void *p, size_t n) {
    char        temp[PATH_BYTES + 16], dir[PATH_BYTES];
    const char *slash = strrchr(path, '/');
    size_t      dir_n = slash == path ? 1 : slash ? (size_t)(slash - path) : 0;
    if (strlen(path) >= PATH_BYTES) return ERR_STORE;
    (void)snprintf(dir, sizeof dir, "%s", slash ? path : ".");
    if (slash) dir[dir_n] = '\0';
    (void)snprintf(temp, sizeof temp, "%s.XXXXXX", path);
    int      fd = mkostemp(temp, O_CLOEXEC); /* 0600 */
    enum err e  = ERR_STORE;
    if (fd < 0) return ERR_STORE;
    bool written = write_all(fd, p, n) && fsync(fd) == 0;
    (void)close(fd);
    /* A link, not a rename: what exists already is never replaced. */
    if (written) e = link(temp, path) == 0 ? ERR_OK : errno == EEXIST ? ERR_DUP : ERR_STORE;
    (void)unlink(temp);
    return e ? e : file_sync_dir(dir);
}
