/* SPDX-License-Identifier: Apache-2.0 */
#include "base/metric.h"

#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

#include "base/check.h"
#include "base/mem.h"

#define LABELS_MAX 200 /* values of one label; further ones count as "other" */
#define OTHER      "other"

static const struct {
    const char *name, *label, *help, *type;
} rows[METRIC_MAX] = {
#define C(symbol, name, label, help) [M_C_##symbol] = {name, label, help, "counter"},
#define G(symbol, name, label, help) [M_C_##symbol] = {name, label, help, "gauge"},
#include "base/metric.def"
#undef C
#undef G
};

static atomic_llong    values[METRIC_MAX];
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct {
    struct value {
        char   *label;
        int64_t v;
    } *v;
    size_t n, cap;
} labelled[METRIC_MAX];

void metric_add(enum metric m, int64_t n) { atomic_fetch_add_explicit(&values[m], n, memory_order_relaxed); }
void metric_set(enum metric m, int64_t v) { atomic_store_explicit(&values[m], v, memory_order_relaxed); }
int64_t metric_get(enum metric m) { return atomic_load_explicit(&values[m], memory_order_relaxed); }

static struct value *find(enum metric m, const char *label) {
    for (size_t i = 0; i < labelled[m].n; i++)
        if (strcmp(labelled[m].v[i].label, label) == 0) return &labelled[m].v[i];
    return NULL;
}

static struct value *add(enum metric m, const char *label) {
    if (labelled[m].n == labelled[m].cap) {
        labelled[m].cap = labelled[m].cap ? labelled[m].cap * 2 : 8;
        labelled[m].v   = x_realloc(labelled[m].v, labelled[m].cap * sizeof *labelled[m].v);
    }
    struct value *v = &labelled[m].v[labelled[m].n++];
    *v              = (struct value){x_strdup(label), 0};
    return v;
}

/* Under the lock. */
static struct value *value_of(enum metric m, const char *label) {
    struct value *v = find(m, label);
    if (v == NULL && labelled[m].n >= LABELS_MAX) {
        label = OTHER;
        v     = find(m, label);
    }
    return v ? v : add(m, label);
}

void metric_add_label(enum metric m, const char *label, int64_t n) {
    metric_add(m, n);
    pthread_mutex_lock(&lock);
    value_of(m, label)->v += n;
    pthread_mutex_unlock(&lock);
}

void metric_set_label(enum metric m, const char *label, int64_t v) {
    pthread_mutex_lock(&lock);
    value_of(m, label)->v = v;
    pthread_mutex_unlock(&lock);
}

static void put_label(struct buf *out, const char *s) {
    for (; *s; s++) {
        if (*s == '\n') {
            buf_puts(out, "\\n");
            continue;
        }
        if (*s == '"' || *s == '\\') buf_putc(out, '\\');
        buf_putc(out, *s);
    }
}

void metric_print(struct buf *out) {
    pthread_mutex_lock(&lock);
    for (size_t m = 0; m < METRIC_MAX; m++) {
        buf_printf(out, "# HELP %s %s\n# TYPE %s %s\n", rows[m].name, rows[m].help, rows[m].name, rows[m].type);
        if (*rows[m].label == '\0') {
            buf_printf(out, "%s %lld\n", rows[m].name, (long long)metric_get((enum metric)m));
            continue;
        }
        for (size_t i = 0; i < labelled[m].n; i++) {
            buf_printf(out, "%s{%s=\"", rows[m].name, rows[m].label);
            put_label(out, labelled[m].v[i].label);
            buf_printf(out, "\"} %lld\n", (long long)labelled[m].v[i].v);
        }
    }
    pthread_mutex_unlock(&lock);
}
