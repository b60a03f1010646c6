/* SPDX-License-Identifier: Apache-2.0
 *
 * How fast one link may send (D25): a token bucket whose rate falls by a tenth, at most once a second and only when more than 5 %
 * of the last second's answers were throttled, and comes back additively. Pure arithmetic on the times given; one owner.
 */
#ifndef ZB_PUSH_PACE_H
#define ZB_PUSH_PACE_H

#include <stdbool.h>
#include <stdint.h>

struct pace {
    double  allowed, rate; /* parts a second: by contract, now */
    double  tokens;
    int64_t filled_us, judged_ms;
};

void pace_init(struct pace *p, int64_t per_s, int64_t now_us);
/* True: parts_n may go now, and are taken. A message larger than what is saved up goes when anything is, and is paid for after. */
bool    pace_take(struct pace *p, unsigned parts_n, int64_t now_us);
int64_t pace_wait_ms(const struct pace *p, int64_t now_us); /* until something may go again; at least 1 */
/* Once a second: answers of the last second, and how many of them were throttled. Between its own seconds it does nothing. */
void pace_judge(struct pace *p, unsigned answers_n, unsigned throttled_n, int64_t now_ms);

#endif
