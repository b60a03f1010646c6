/* SPDX-License-Identifier: Apache-2.0
 *
 * How fast one link may send (D25): a token bucket whose rate falls by a tenth, at most once a second and only when more than 5 %
 * of the last second's answers were throttled, and comes back additively. A quarter of a second may be caught up after a pause (a
 * commit, a busy machine), but never more than the rate within any second, as the gateway counts it. Pure arithmetic on the
 * times given; one owner.
 */
#ifndef ZB_PUSH_PACE_H
#define ZB_PUSH_PACE_H

#include <stdbool.h>
#include <stdint.h>

#define PACE_SLOTS 20 /* of 50 ms */

struct pace {
    double  allowed, rate; /* parts a second: by contract, now */
    double  tokens;
    int64_t filled_us, judged_ms;
    int64_t slot[PACE_SLOTS]; /* which 50 ms */
    double  sent[PACE_SLOTS]; /* in it */
};

void pace_init(struct pace *p, int64_t per_s, int64_t now_us);
/* True: parts_n may go now, and are taken. A message larger than what can be saved up goes when all is, and is paid for after. */
bool    pace_take(struct pace *p, unsigned parts_n, int64_t now_us);
void    pace_give_back(struct pace *p, unsigned parts_n, int64_t now_us); /* they did not go after all */
int64_t pace_wait_ms(const struct pace *p, int64_t now_us); /* until something may go again; at least 1 */
/* Once a second: answers of the last second, and how many of them were throttled. Between its own seconds it does nothing. */
void pace_judge(struct pace *p, unsigned answers_n, unsigned throttled_n, int64_t now_ms);

#endif
