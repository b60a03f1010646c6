/* SPDX-License-Identifier: Apache-2.0 */
#include "base/log.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/text.h"

#define LINE_BYTES 2048
#define VALUE_BYTES 800 /* of one text, escaped */
#define RATE_SLOTS 64
#define RATE_PER_S 20

static enum log_level  min_level = LOG_INFO;
static int             out_fd    = 2;
static pthread_mutex_t lock      = PTHREAD_MUTEX_INITIALIZER;
static struct {
    const char *event; /* compared by content: events are literals, but of several files */
    int64_t     second;
    unsigned    n, dropped;
} rate[RATE_SLOTS];

void log_set(enum log_level min, int fd) {
    min_level = min;
    out_fd    = fd;
}

static unsigned hash(const char *s) {
    unsigned h = 5381;
    while (*s) h = h * 33 + (unsigned char)*s++;
    return h;
}

/* True when the line may pass; *dropped is how many of this event were held back since the last one. */
static int may_pass(const char *event, unsigned *dropped) {
    int64_t  sec = clock_mono_ms() / 1000;
    unsigned i   = hash(event) % RATE_SLOTS, tries = 0;
    *dropped     = 0;
    while (rate[i].event && strcmp(rate[i].event, event) != 0 && tries++ < RATE_SLOTS) i = (i + 1) % RATE_SLOTS;
    if (rate[i].event == NULL || tries > RATE_SLOTS) { /* more events than slots: the one at its place makes room */
        rate[i].event   = event;
        rate[i].second  = sec;
        rate[i].n       = 0;
        rate[i].dropped = 0;
    }
    if (rate[i].second != sec) {
        rate[i].second  = sec;
        rate[i].n       = 0;
        *dropped        = rate[i].dropped;
        rate[i].dropped = 0;
    }
    if (++rate[i].n > RATE_PER_S) {
        rate[i].dropped++;
        return 0;
    }
    return 1;
}

/* Whatever comes, the line stays one line of valid JSON: bytes that are not UTF-8 become U+FFFD, a text too long is cut. */
static void put_escaped(struct buf *b, const char *s, size_t room) {
    size_t n = strlen(s), from = b->len;
    buf_putc(b, '"');
    for (size_t i = 0, len; i < n; i += len) {
        unsigned char c = (unsigned char)s[i];
        if (b->len - from + 16 > room) {
            buf_puts(b, "\xE2\x80\xA6"); /* … */
            break;
        }
        len = utf8_next(s + i, n - i);
        if (len == 0) {
            buf_puts(b, "\xEF\xBF\xBD");
            len = 1;
        } else if (c < 0x20 || c == 0x7f) {
            buf_printf(b, "\\u%04x", (unsigned)c);
        } else {
            if (c == '"' || c == '\\') buf_putc(b, '\\');
            buf_put(b, s + i, len);
        }
    }
    buf_putc(b, '"');
}

void log_write(enum log_level level, const char *event, const struct log_kv *kv) {
    static const char *const names[] = {"debug", "info", "warn", "error"};
    if (level < min_level) return;
    unsigned dropped;
    pthread_mutex_lock(&lock);
    int pass = may_pass(event, &dropped);
    pthread_mutex_unlock(&lock);
    if (!pass) return;

    int64_t   ms = clock_wall_ms();
    time_t    t  = (time_t)(ms / 1000);
    struct tm tm;
    (void)gmtime_r(&t, &tm);
    struct buf b;
    buf_init(&b, LINE_BYTES);
    buf_printf(&b, "{\"ts\":\"%04d-%02d-%02dT%02d:%02d:%02d.%03dZ\",\"level\":\"%s\",\"event\":\"%s\"", tm.tm_year + 1900, tm.tm_mon + 1,
               tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec, (int)(ms % 1000), names[level], event);
    for (; kv->key && b.len + strlen(kv->key) + 128 < LINE_BYTES; kv++) {
        buf_printf(&b, ",\"%s\":", kv->key);
        if (kv->is_num)
            buf_printf(&b, "%lld", (long long)kv->i);
        else
            put_escaped(&b, kv->s ? kv->s : "", LINE_BYTES - 64 - b.len < VALUE_BYTES ? LINE_BYTES - 64 - b.len : VALUE_BYTES);
    }
    if (dropped) buf_printf(&b, ",\"dropped\":%u", dropped);
    buf_puts(&b, "}\n");
    ssize_t written = write(out_fd, buf_str(&b), b.len);
    (void)written; /* nowhere left to say that logging fails */
    buf_fini(&b);
}
