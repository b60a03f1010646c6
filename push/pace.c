/* SPDX-License-Identifier: Apache-2.0 */
#include "push/pace.h"

#include <string.h>

#define SAVED_S 0.25
#define SLOT_US 50000

static double saved_max(const struct pace *p) { return p->rate * SAVED_S > 1 ? p->rate * SAVED_S : 1; }

void pace_init(struct pace *p, int64_t per_s, int64_t now_us) {
    memset(p, 0, sizeof *p);
    p->allowed = p->rate = (double)per_s;
    p->filled_us         = now_us;
    p->tokens            = saved_max(p);
}

static void fill(struct pace *p, int64_t now_us) {
    p->tokens += (double)(now_us - p->filled_us) / 1e6 * p->rate;
    p->filled_us = now_us;
    if (p->tokens > saved_max(p)) p->tokens = saved_max(p);
}

/* In this slot and the 19 before: between 0.95 and 1 second. */
static double last_second(const struct pace *p, int64_t now_us) {
    double n = 0;
    for (int i = 0; i < PACE_SLOTS; i++)
        if (now_us / SLOT_US - p->slot[i] < PACE_SLOTS) n += p->sent[i];
    return n;
}

static void count(struct pace *p, double n, int64_t now_us) {
    int64_t slot = now_us / SLOT_US;
    int     i    = (int)(slot % PACE_SLOTS);
    if (p->slot[i] != slot) p->sent[i] = 0;
    p->slot[i] = slot;
    p->sent[i] += n;
}

bool pace_take(struct pace *p, unsigned parts_n, int64_t now_us) {
    fill(p, now_us);
    double need = (double)parts_n < saved_max(p) ? (double)parts_n : saved_max(p), before = last_second(p, now_us);
    if (p->tokens + 1e-9 < need || (before > 0 && before + need > p->rate + 1e-9)) return false;
    p->tokens -= parts_n;
    count(p, parts_n, now_us);
    return true;
}

void pace_give_back(struct pace *p, unsigned parts_n, int64_t now_us) {
    p->tokens += parts_n;
    count(p, -(double)parts_n, now_us);
}

int64_t pace_wait_ms(const struct pace *p, int64_t now_us) {
    double have = p->tokens + (double)(now_us - p->filled_us) / 1e6 * p->rate;
    double ms   = (1 - have) / p->rate * 1000;
    if (ms < 5 && last_second(p, now_us) + 1 > p->rate) ms = 5; /* until the oldest slot falls out */
    return ms > 1 ? (int64_t)ms : 1;
}

void pace_judge(struct pace *p, unsigned answers_n, unsigned throttled_n, int64_t now_ms) {
    if (now_ms - p->judged_ms < 1000) return;
    p->judged_ms = now_ms;
    if (answers_n > 0 && throttled_n * 20 > answers_n) {
        p->rate *= 0.9;
        if (p->rate < 1) p->rate = 1;
    } else if (p->rate < p->allowed) {
        p->rate += p->allowed / 50 > 1 ? p->allowed / 50 : 1;
        if (p->rate > p->allowed) p->rate = p->allowed;
    }
}
