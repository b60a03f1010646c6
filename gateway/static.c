/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/static.h"

#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/sm.h"
#include "base/text.h"

#define FILES_MAX 256
#define FILE_MAX  (4 << 20)

struct page {
    char       *path; /* "/board.js" */
    const char *type;
    char       *body;
    size_t      n;
    char        etag[24];
};

struct static_dir {
    struct page v[FILES_MAX];
    size_t      n;
};

static const struct {
    const char *ending, *type;
} types[] = {{".html", "text/html; charset=utf-8"},
             {".css", "text/css; charset=utf-8"},
             {".js", "text/javascript; charset=utf-8"},
             {".mjs", "text/javascript; charset=utf-8"},
             {".svg", "image/svg+xml"},
             {".png", "image/png"},
             {".ico", "image/x-icon"},
             {".json", "application/json; charset=utf-8"}};

static const char *type_of(const char *name) {
    const char *dot = strrchr(name, '.');
    for (size_t i = 0; dot && i < sizeof types / sizeof types[0]; i++)
        if (strcmp(dot, types[i].ending) == 0) return types[i].type;
    return NULL;
}

static void load_file(struct static_dir *d, const char *file, const char *path) {
    struct stat st;
    const char *type = type_of(file);
    if (type == NULL || d->n == FILES_MAX || stat(file, &st) != 0 || !S_ISREG(st.st_mode) || st.st_size > FILE_MAX) return;
    FILE *f = fopen(file, "re");
    if (f == NULL) return;
    struct page *p = &d->v[d->n];
    p->body        = x_malloc((size_t)st.st_size + 1);
    p->n           = fread(p->body, 1, (size_t)st.st_size, f);
    (void)fclose(f);
    uint8_t h[32];
    char    hex[65];
    sm3(p->body, p->n, h);
    hex_encode(hex, h, sizeof h);
    (void)snprintf(p->etag, sizeof p->etag, "\"%.16s\"", hex);
    p->path = x_strdup(path);
    p->type = type;
    d->n++;
}

/* At most 3 deep. */
static void load_dir(struct static_dir *d, const char *dir, const char *prefix, int depth) { /* NOLINT(misc-no-recursion) */
    DIR *o = opendir(dir);
    if (o == NULL) return;
    for (struct dirent *e = readdir(o); e; e = readdir(o)) { /* NOLINT(concurrency-mt-unsafe): its own stream */
        if (e->d_name[0] == '.' || strcmp(e->d_name, "node_modules") == 0 || strncmp(e->d_name, "package", 7) == 0) continue;
        char file[1024], path[512];
        if (snprintf(file, sizeof file, "%s/%s", dir, e->d_name) >= (int)sizeof file ||
            snprintf(path, sizeof path, "%s/%s", prefix, e->d_name) >= (int)sizeof path)
            continue;
        struct stat st;
        if (stat(file, &st) == 0 && S_ISDIR(st.st_mode) && depth < 3)
            load_dir(d, file, path, depth + 1);
        else
            load_file(d, file, path);
    }
    (void)closedir(o);
}

struct static_dir *static_load(const char *dir) {
    struct static_dir *d = x_calloc(1, sizeof *d);
    load_dir(d, dir, "", 0);
    if (d->n == 0) LOG(LOG_WARN, "no_pages", KS("web_dir", dir));
    return d;
}

void static_free(struct static_dir *d) {
    if (d == NULL) return;
    for (size_t i = 0; i < d->n; i++) {
        x_free(d->v[i].path);
        x_free(d->v[i].body);
    }
    x_free(d);
}

bool static_answer(const struct static_dir *d, struct http_req *q) {
    char want[256];
    if (strcmp(q->path, "/") == 0)
        (void)snprintf(want, sizeof want, "/index.html");
    else if (snprintf(want, sizeof want, "%s%s", q->path, strchr(q->path, '.') ? "" : ".html") >= (int)sizeof want)
        return false;
    for (size_t i = 0; i < d->n; i++) {
        const struct page *p = &d->v[i];
        if (strcmp(p->path, want) != 0) continue;
        char headers[128];
        (void)snprintf(headers, sizeof headers, "etag: %s\r\ncache-control: no-cache\r\n", p->etag);
        bool             same = q->if_none_match && strcmp(q->if_none_match, p->etag) == 0;
        struct http_resp r    = {.status = same ? 304 : 200, .content_type = p->type, .headers = x_strdup(headers)};
        r.body                = x_malloc(p->n + 1);
        r.body_n              = same ? 0 : p->n;
        memcpy(r.body, p->body, r.body_n);
        http_reply(q->loop, q->id, r);
        return true;
    }
    return false;
}
