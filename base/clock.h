/* SPDX-License-Identifier: Apache-2.0
 *
 * The clocks of D1. All in milliseconds. Any thread; setting is atomic.
 *   mono      intervals, time-outs
 *   wall      UTC; log-ins, HMAC windows, signatures, TTLs, retries, pacing, ids
 *   business  UTC; tasks, deadlines, reminders, appointments, rankings. Equals wall unless set (demo): then
 *             business = base_business + (wall - base_wall) * speed_permille / 1000
 */
#ifndef ZB_BASE_CLOCK_H
#define ZB_BASE_CLOCK_H

#include <stdint.h>

int64_t clock_mono_ms(void);
int64_t clock_mono_us(void);
int64_t clock_wall_ms(void);
int64_t clock_business_ms(void);

struct clock_business {
    int64_t base_wall_ms, base_business_ms;
    int64_t speed_permille; /* 1000 = real time, 0 = stands still */
};
void                  clock_business_set(struct clock_business b);
void                  clock_business_real(void); /* back to wall time */
struct clock_business clock_business_get(void);

/* Tests and demo only: wall time stands at ms until the next call; 0 gives real time back. */
void clock_wall_fake(int64_t ms);

#endif
