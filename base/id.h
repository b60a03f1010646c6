/* SPDX-License-Identifier: Apache-2.0
 *
 * Time-ordered ids (D4): prefix, then 26 characters of Crockford base 32: 48 bits of wall milliseconds, 16 bits of a counter
 * that keeps order inside a millisecond, 64 random bits. Any thread.
 */
#ifndef ZB_BASE_ID_H
#define ZB_BASE_ID_H

#define ID_CAP 40

/* prefix: at most 8 characters, e.g. "t_". out holds ID_CAP bytes. */
void id_new(const char *prefix, char out[ID_CAP]);

/* Below every id made at or after this instant, above every one made before: a bound for look-ups by time. */
void id_at(const char *prefix, long long wall_ms, char out[ID_CAP]);

/* Demo and tests: the random bits come from this seed and a counter, so that a run can be repeated. 0 gives chance back. */
void id_seed(unsigned long long seed);

#endif
