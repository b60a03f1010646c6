/* SPDX-License-Identifier: Apache-2.0
 *
 * Threads: start and stop on the owner's thread, watch() on one of its own. The child is forked by the watching thread and by no
 * other, since PR_SET_PDEATHSIG fires when the thread that forked ends; it ends last. Between fork and exec only async-signal-safe
 * calls. The child is reaped under the lock, so that a signal never meets a reused pid.
 */
#include "store/redis_server.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "store/redis.h"

#define SERVER_MAGIC   0x72647376U
#define DIR_CAP        1024
#define PATH_CAP       (DIR_CAP + 64) /* of a file in it */
#define ARGS_MAX       40
#define UP_MS          30000 /* a large append-only file takes its time */
#define LEFTOVER_MS    5000  /* to end by itself, before SIGKILL */
#define STOP_MS        8000
#define BACKOFF_MIN_MS 50
#define BACKOFF_MAX_MS 5000
#define LIVED_MS       10000 /* lived so long: a fresh fault, not the same again */
#define DEATHS_MAX     3     /* in a row before start gives up */
#define LOG_BYTES_MAX  (8 << 20)

struct redis_server {
    unsigned        magic;
    char            dir[DIR_CAP], sock[sizeof((struct sockaddr_un *)0)->sun_path], short_dir[64];
    char            program[PATH_CAP], pid_file[PATH_CAP], log_file[PATH_CAP];
    const char     *argv[ARGS_MAX];
    int             gateway_lock;
    pthread_t       thread;
    pthread_mutex_t lock;
    pthread_cond_t  some; /* CLOCK_MONOTONIC */
    bool            stop; /* under lock, like the three below */
    bool            moved; /* the append-only file was put aside once */
    pid_t           pid;
    unsigned        deaths; /* in a row */
};

/* ---- files ---- */
static void say(char *why, size_t why_n, const char *what, const char *arg) {
    char err[128];
    (void)snprintf(why, why_n, "%s %s: %s", what, arg, strerror_r(errno, err, sizeof err));
}

static bool find_program(char *out, size_t out_n) {
    char        dirs[3000], *save = NULL;
    const char *path = getenv("PATH"); /* NOLINT(concurrency-mt-unsafe): nothing here sets the environment */
    (void)snprintf(dirs, sizeof dirs, "%s:/usr/bin:/usr/local/bin:/usr/sbin", path ? path : "");
    for (char *d = strtok_r(dirs, ":", &save); d; d = strtok_r(NULL, ":", &save))
        if (snprintf(out, out_n, "%s/redis-server", d) < (int)out_n && access(out, X_OK) == 0) return true;
    return false;
}

/* -1 and errno EWOULDBLOCK: somebody holds it. */
static int take_lock(const char *dir, const char *name) {
    char path[PATH_CAP];
    (void)snprintf(path, sizeof path, "%s/%s", dir, name);
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) != 0) {
        int e = errno;
        (void)close(fd);
        errno = e;
        return -1;
    }
    return fd;
}

/* The whole of a small file, or its end; "" when there is none. */
static void read_tail(const char *path, char *out, size_t out_n) {
    out[0] = '\0';
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return;
    off_t end = lseek(fd, 0, SEEK_END), room = (off_t)out_n - 1;
    if (end > room) (void)lseek(fd, end - room, SEEK_SET);
    else (void)lseek(fd, 0, SEEK_SET);
    ssize_t n = read(fd, out, out_n - 1);
    (void)close(fd);
    out[n > 0 ? n : 0] = '\0';
    for (size_t i = n > 0 ? (size_t)n : 0; i > 0 && out[i - 1] == '\n'; i--) out[i - 1] = '\0';
}

static enum err write_address(struct redis_server *s, char *why, size_t why_n) {
    char tmp[PATH_CAP], path[PATH_CAP];
    (void)snprintf(tmp, sizeof tmp, "%s/address.new", s->dir);
    (void)snprintf(path, sizeof path, "%s/address", s->dir);
    int  fd = open(tmp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    bool ok = fd >= 0 && dprintf(fd, "unix:%s\n", s->sock) > 0;
    if (fd >= 0) ok = close(fd) == 0 && ok;
    if (ok && rename(tmp, path) == 0) return ERR_OK;
    say(why, why_n, "cannot write", path);
    return ERR_UNAVAILABLE;
}

/* sun_path holds 107 bytes: a socket under a long data directory goes to a short one of its own. */
static enum err choose_socket(struct redis_server *s, size_t address_n, char *why, size_t why_n) {
    size_t room = sizeof s->sock < address_n - 5 ? sizeof s->sock : address_n - 5; /* behind "unix:" */
    if (strlen(s->dir) + sizeof "/redis.sock" <= room) {
        (void)snprintf(s->sock, sizeof s->sock, "%.90s/redis.sock", s->dir);
        return ERR_OK;
    }
    const char *run = getenv("XDG_RUNTIME_DIR"); /* NOLINT(concurrency-mt-unsafe) */
    if (run == NULL || strlen(run) > 32 || access(run, W_OK) != 0) run = "/tmp";
    (void)snprintf(s->short_dir, sizeof s->short_dir, "%.32s/zb-redis.XXXXXX", run);
    if (mkdtemp(s->short_dir) == NULL) { /* 0700 */
        say(why, why_n, "cannot make", s->short_dir);
        s->short_dir[0] = '\0';
        return ERR_UNAVAILABLE;
    }
    (void)snprintf(s->sock, sizeof s->sock, "%s/redis.sock", s->short_dir);
    LOG(LOG_INFO, "redis_socket_elsewhere", KS("socket", s->sock), KS("why", "path of the data directory is too long for a socket"));
    return ERR_OK;
}

/* ---- the child ---- */
_Noreturn static void child(struct redis_server *s, int server_lock, pid_t parent, const sigset_t *none) {
    int log = open(s->log_file, O_WRONLY | O_CREAT | O_APPEND, 0600), null = open("/dev/null", O_RDONLY);
    if (log < 0 || null < 0 || dup2(null, 0) < 0 || dup2(log, 1) < 0 || dup2(log, 2) < 0) _exit(126);
    (void)close(log);
    (void)close(null);
    (void)setsid(); /* Ctrl-C at the terminal is for the gateway, which stops us after the drain */
    if (prctl(PR_SET_PDEATHSIG, SIGTERM) != 0 || getppid() != parent) _exit(126);
    (void)fcntl(server_lock, F_SETFD, 0);
    struct sigaction dfl;
    memset(&dfl, 0, sizeof dfl);
    dfl.sa_handler = SIG_DFL;
    (void)sigaction(SIGPIPE, &dfl, NULL);
    (void)pthread_sigmask(SIG_SETMASK, none, NULL);
    union {
        const char **in;
        char *const *out; /* execve promises not to write */
    } argv = {.in = s->argv};
    (void)execv(s->program, argv.out);
    _exit(127);
}

static void make_args(struct redis_server *s) {
    const char *args[] = {"redis-server",      "--port",       "0",                       "--unixsocket", s->sock,           "--unixsocketperm", "700",
                          "--dir",             s->dir,         "--appendonly",            "yes",          "--appendfsync",   "everysec",         "--save",
                          "",                  "--databases",  "1",                       "--daemonize",  "no",              "--supervised",     "no",
                          "--maxmemory-policy", "noeviction",  "--stop-writes-on-bgsave-error", "no",     "--logfile",       s->log_file,        "--pidfile",
                          s->pid_file};
    MUST(ARRAY_N(args) < ARGS_MAX);
    memcpy(s->argv, args, sizeof args);
}

/* Called by the watching thread only. 0: could not. */
static pid_t spawn(struct redis_server *s) {
    sigset_t none;
    (void)sigemptyset(&none);
    int server_lock = take_lock(s->dir, "server.lock");
    if (server_lock < 0) return 0; /* one of ours that ends just now, or worse: never two */
    pid_t parent = getpid(), pid = fork();
    if (pid == 0) child(s, server_lock, parent, &none);
    (void)close(server_lock); /* the child's stays open and holds the lock */
    return pid > 0 ? pid : 0;
}

/* Does not come up: if it says that it cannot read its append-only file, that is put aside. Nothing in it is a record. */
static void put_aside(struct redis_server *s) {
    char tail[2048], from[PATH_CAP], to[PATH_CAP];
    read_tail(s->log_file, tail, sizeof tail);
    if (s->moved || (strstr(tail, "append only file") == NULL && strstr(tail, "AOF") == NULL)) return;
    (void)snprintf(from, sizeof from, "%s/appendonlydir", s->dir);
    (void)snprintf(to, sizeof to, "%s/appendonlydir.bad.%lld", s->dir, (long long)clock_wall_ms());
    if (rename(from, to) != 0) return;
    s->moved  = true;
    s->deaths = 0;
    LOG(LOG_ERROR, "redis_log_put_aside", KS("to", to), KS("effect", "people log in again; queues are rebuilt from the records"));
}

static void pause_ms(struct redis_server *s, int64_t ms) {
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    t.tv_sec += ms / 1000;
    t.tv_nsec += ms % 1000 * 1000000L;
    if (t.tv_nsec >= 1000000000L) {
        t.tv_sec++;
        t.tv_nsec -= 1000000000L;
    }
    while (!s->stop && pthread_cond_timedwait(&s->some, &s->lock, &t) == 0) {}
}

static void *watch(void *p) {
    struct redis_server *s = p;
    CHECK_OBJ_NOTNULL(s, SERVER_MAGIC);
    int64_t backoff = BACKOFF_MIN_MS;
    pthread_mutex_lock(&s->lock);
    while (!s->stop) {
        int64_t began = clock_mono_ms();
        pid_t   pid   = spawn(s);
        s->pid        = pid;
        int       st  = 0;
        siginfo_t si;
        pthread_mutex_unlock(&s->lock);
        while (pid && waitid(P_PID, (id_t)pid, &si, WEXITED | WNOWAIT) != 0 && errno == EINTR) {}
        pthread_mutex_lock(&s->lock);
        if (pid) (void)waitpid(pid, &st, 0);
        s->pid = 0;
        if (s->stop) break;
        bool lived = clock_mono_ms() - began >= LIVED_MS;
        s->deaths  = lived ? 1 : s->deaths + 1;
        backoff    = lived || s->deaths == 1 ? BACKOFF_MIN_MS : backoff * 2 > BACKOFF_MAX_MS ? BACKOFF_MAX_MS : backoff * 2;
        LOG(LOG_WARN, "redis_server_died", KI("pid", pid), KI("signal", pid && WIFSIGNALED(st) ? WTERMSIG(st) : 0),
            KI("status", pid && WIFEXITED(st) ? WEXITSTATUS(st) : 0), KI("again_ms", backoff));
        /* killed by somebody, it says nothing against its file: that one goes only when the server refuses it by itself */
        bool killed = pid && WIFSIGNALED(st) && (WTERMSIG(st) == SIGKILL || WTERMSIG(st) == SIGTERM);
        if (s->deaths >= DEATHS_MAX && !killed) put_aside(s);
        pthread_cond_broadcast(&s->some);
        pause_ms(s, backoff);
    }
    pthread_mutex_unlock(&s->lock);
    return NULL;
}

/* ---- start and stop ---- */

/* A redis-server of a gateway that was killed, on our append-only file. It gets the time to write what it has. */
static enum err end_leftover(struct redis_server *s, char *why, size_t why_n) {
    int64_t begin = clock_mono_ms();
    bool    said = false, killed = false;
    for (;;) {
        int fd = take_lock(s->dir, "server.lock");
        if (fd >= 0) {
            (void)close(fd);
            return ERR_OK;
        }
        if (errno != EWOULDBLOCK) {
            say(why, why_n, "cannot lock", s->dir);
            return ERR_UNAVAILABLE;
        }
        char  text[64], comm_path[64], comm[32] = "";
        read_tail(s->pid_file, text, sizeof text);
        pid_t pid = (pid_t)strtol(text, NULL, 10);
        (void)snprintf(comm_path, sizeof comm_path, "/proc/%d/comm", (int)pid);
        if (pid > 1) read_tail(comm_path, comm, sizeof comm);
        bool    is_it = strncmp(comm, "redis-server", 12) == 0, late = clock_mono_ms() - begin > LEFTOVER_MS;
        if (is_it && !said) {
            LOG(LOG_WARN, "redis_leftover", KI("pid", pid), KS("what", "of a gateway that was killed; it is stopped"));
            (void)kill(pid, SIGTERM);
            (void)kill(pid, SIGCONT);
            said = true;
        }
        if (is_it && late && !killed) {
            (void)kill(pid, SIGKILL);
            killed = true;
        }
        if (clock_mono_ms() - begin > LEFTOVER_MS + 2000) {
            (void)snprintf(why, why_n, "another redis-server (pid %d) uses %s and does not end: stop it and start again", (int)pid, s->dir);
            return ERR_UNAVAILABLE;
        }
        (void)usleep(10000);
    }
}

static enum err prepare(struct redis_server *s, const char *data_dir, size_t address_n, char *why, size_t why_n) {
    char path[PATH_CAP], real[PATH_MAX];
    if (!find_program(s->program, sizeof s->program)) {
        (void)snprintf(why, why_n,
                       "redis-server is not installed: apt-get install redis-server, or name a running one in the configuration (redis = host:port)");
        return ERR_UNAVAILABLE;
    }
    bool ok = snprintf(path, sizeof path, "%s/redis", data_dir) < (int)sizeof path;
    if (!ok) errno = ENAMETOOLONG;
    ok = ok && (mkdir(path, 0700) == 0 || errno == EEXIST) && realpath(path, real) != NULL; /* the child changes its directory */
    if (ok && strlen(real) >= sizeof s->dir) {
        errno = ENAMETOOLONG;
        ok    = false;
    }
    if (!ok) {
        say(why, why_n, "cannot make", path);
        return ERR_UNAVAILABLE;
    }
    memcpy(s->dir, real, strlen(real) + 1);
    (void)snprintf(s->pid_file, sizeof s->pid_file, "%s/redis.pid", s->dir);
    (void)snprintf(s->log_file, sizeof s->log_file, "%s/redis.log", s->dir);
    s->gateway_lock = take_lock(s->dir, "gateway.lock");
    if (s->gateway_lock < 0) {
        if (errno == EWOULDBLOCK) (void)snprintf(why, why_n, "another zhangban already serves %s: stop it, or give this one its own data directory", data_dir);
        else say(why, why_n, "cannot lock", s->dir);
        return ERR_UNAVAILABLE;
    }
    enum err e = end_leftover(s, why, why_n);
    if (e == ERR_OK) e = choose_socket(s, address_n, why, why_n);
    if (e == ERR_OK) e = write_address(s, why, why_n);
    if (e) return e;
    struct stat st;
    if (stat(s->log_file, &st) == 0 && st.st_size > LOG_BYTES_MAX) {
        char old[PATH_CAP];
        (void)snprintf(old, sizeof old, "%s/redis.log.1", s->dir);
        (void)rename(s->log_file, old);
    }
    make_args(s);
    return ERR_OK;
}

static enum err await_up(struct redis_server *s, const char *address, char *why, size_t why_n) {
    struct redis *r     = redis_new(address, 1000);
    int64_t       until = clock_mono_ms() + UP_MS;
    enum err      e     = ERR_UNAVAILABLE;
    bool          given_up = false;
    while (!given_up && clock_mono_ms() < until) {
        struct stat st; /* asking before there is a socket only makes the connection's backoff grow */
        if (stat(s->sock, &st) == 0 && (e = redis_ping(r)) == ERR_OK) break;
        pthread_mutex_lock(&s->lock);
        given_up = s->deaths >= DEATHS_MAX;
        if (!given_up) pause_ms(s, 5);
        pthread_mutex_unlock(&s->lock);
    }
    redis_free(r);
    if (e) {
        char  tail[512];
        read_tail(s->log_file, tail, sizeof tail);
        char *line = strrchr(tail, '\n');
        (void)snprintf(why, why_n, "redis-server does not come up, see %s: %.200s", s->log_file, line ? line + 1 : tail);
    }
    return e;
}

enum err redis_server_start(const char *data_dir, struct redis_server **out, char *address, size_t address_n, char *why, size_t why_n) {
    struct redis_server *s;
    pthread_condattr_t   attr;
    MUST(address_n >= 128);
    ALLOC_OBJ(s, SERVER_MAGIC);
    s->gateway_lock = -1;
    MUST(pthread_condattr_init(&attr) == 0 && pthread_condattr_setclock(&attr, CLOCK_MONOTONIC) == 0);
    MUST(pthread_mutex_init(&s->lock, NULL) == 0 && pthread_cond_init(&s->some, &attr) == 0);
    (void)pthread_condattr_destroy(&attr);
    enum err e = prepare(s, data_dir, address_n, why, why_n);
    if (e) {
        s->stop = true; /* no thread to join */
        redis_server_stop(s);
        return e;
    }
    (void)snprintf(address, address_n, "unix:%s", s->sock);
    (void)unlink(s->sock); /* of one that was killed: what answers shall be ours */
    MUST(pthread_create(&s->thread, NULL, watch, s) == 0);
    (void)pthread_setname_np(s->thread, "redis-watch");
    e = await_up(s, address, why, why_n);
    if (e) {
        redis_server_stop(s);
        return e;
    }
    *out = s;
    return ERR_OK;
}

static void end_child(struct redis_server *s) {
    pthread_mutex_lock(&s->lock);
    s->stop = true;
    if (s->pid) (void)kill(s->pid, SIGTERM);
    pthread_cond_broadcast(&s->some);
    int64_t until = clock_mono_ms() + STOP_MS;
    while (s->pid) {
        struct timespec ms = {.tv_nsec = 5000000};
        pthread_mutex_unlock(&s->lock);
        (void)nanosleep(&ms, NULL);
        pthread_mutex_lock(&s->lock);
        if (s->pid && clock_mono_ms() > until) (void)kill(s->pid, SIGKILL);
    }
    pthread_mutex_unlock(&s->lock);
    (void)pthread_join(s->thread, NULL);
}

void redis_server_stop(struct redis_server *s) {
    if (s == NULL) return;
    CHECK_OBJ_NOTNULL(s, SERVER_MAGIC);
    if (!s->stop) end_child(s);
    if (s->gateway_lock >= 0) {
        char path[PATH_CAP];
        (void)snprintf(path, sizeof path, "%s/address", s->dir);
        (void)unlink(path);
        if (s->short_dir[0]) {
            (void)unlink(s->sock);
            (void)rmdir(s->short_dir);
        }
        (void)close(s->gateway_lock);
    }
    pthread_cond_destroy(&s->some);
    pthread_mutex_destroy(&s->lock);
    FREE_OBJ(s);
}

pid_t redis_server_pid(struct redis_server *s) {
    CHECK_OBJ_NOTNULL(s, SERVER_MAGIC);
    pthread_mutex_lock(&s->lock);
    pid_t pid = s->pid;
    pthread_mutex_unlock(&s->lock);
    return pid;
}

enum err redis_server_find(const char *data_dir, char *address, size_t address_n, char *why, size_t why_n) {
    char path[PATH_CAP], text[256];
    (void)snprintf(path, sizeof path, "%s/redis/address", data_dir);
    read_tail(path, text, sizeof text);
    if (strncmp(text, "unix:/", 6) == 0 && snprintf(address, address_n, "%s", text) < (int)address_n) return ERR_OK;
    (void)snprintf(why, why_n, "no gateway runs on %s: start `zhangban serve` first, or name a Redis in the configuration (redis = host:port)", data_dir);
    return ERR_UNAVAILABLE;
}
