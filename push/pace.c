/* SPDX-License-Identifier: Apache-2.0 */
#include "push/pace.h"

#define SAVED_S 0.05 /* what may go at once after a pause: the gateway counts by the second, too */

static double saved_max(const struct pace *p) { return p->rate * SAVED_S > 1 ? p->rate * SAVED_S : 1; }

void pace_init(struct pace *p, int64_t per_s, int64_t now_us) {
    *p = (struct pace){.allowed = (double)per_s, .rate = (double)per_s, .filled_us = now_us};
    p->tokens = saved_max(p);
}

static void fill(struct pace *p, int64_t now_us) {
    p->tokens += (double)(now_us - p->filled_us) / 1e6 * p->rate;
    p->filled_us = now_us;
    if (p->tokens > saved_max(p)) p->tokens = saved_max(p);
}

bool pace_take(struct pace *p, unsigned parts_n, int64_t now_us) {
    fill(p, now_us);
    double need = (double)parts_n < saved_max(p) ? (double)parts_n : saved_max(p);
    if (p->tokens + 1e-9 < need) return false;
    p->tokens -= parts_n;
    return true;
}

int64_t pace_wait_ms(const struct pace *p, int64_t now_us) {
    double have = p->tokens + (double)(now_us - p->filled_us) / 1e6 * p->rate;
    double ms   = (1 - have) / p->rate * 1000;
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
