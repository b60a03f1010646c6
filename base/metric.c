/* SPDX-License-Identifier: Apache-2.0 */
#include "base/metric.h"

#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

#include "base/check.h"
#include "base/mem.h"

#define LABELS_MAX 200

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
    enum metric m;
    char       *label;
    int64_t     v;
} labelled[LABELS_MAX];
static size_t labelled_n;

void metric_add(enum metric m, int64_t n) { atomic_fetch_add_explicit(&values[m], n, memory_order_relaxed); }
void metric_set(enum metric m, int64_t v) { atomic_store_explicit(&values[m], v, memory_order_relaxed); }
int64_t metric_get(enum metric m) { return atomic_load_explicit(&values[m], memory_order_relaxed); }

void metric_add_label(enum metric m, const char *label, int64_t n) {
    metric_add(m, n);
    pthread_mutex_lock(&lock);
    size_t i = 0;
    while (i < labelled_n && (labelled[i].m != m || strcmp(labelled[i].label, label) != 0)) i++;
    if (i == labelled_n && i < LABELS_MAX) {
        labelled[i].m     = m;
        labelled[i].label = x_strdup(label);
        labelled_n++;
    }
    if (i < labelled_n) labelled[i].v += n;
    pthread_mutex_unlock(&lock);
}

void metric_print(struct buf *out) {
    pthread_mutex_lock(&lock);
    for (size_t m = 0; m < METRIC_MAX; m++) {
        buf_printf(out, "# HELP %s %s\n# TYPE %s %s\n", rows[m].name, rows[m].help, rows[m].name, rows[m].type);
        if (*rows[m].label == '\0') {
            buf_printf(out, "%s %lld\n", rows[m].name, (long long)metric_get((enum metric)m));
            continue;
        }
        for (size_t i = 0; i < labelled_n; i++)
            if (labelled[i].m == (enum metric)m)
                buf_printf(out, "%s{%s=\"%s\"} %lld\n", rows[m].name, rows[m].label, labelled[i].label, (long long)labelled[i].v);
    }
    pthread_mutex_unlock(&lock);
}
