// SPDX-License-Identifier: Apache-2.0
// Waits for a condition, never for time alone.
import { setTimeout as delay } from 'node:timers/promises';

/** Calls probe until it returns something truthy, and gives that back. Throws what was last seen after `ms`. */
export async function until(probe, { ms = 15000, every = 25, what = 'condition' } = {}) {
  const end = Date.now() + ms;
  let last;
  for (;;) {
    try {
      last = await probe();
      if (last) return last;
    } catch (e) {
      last = e;
    }
    if (Date.now() > end) throw new Error(`waited ${ms} ms for ${what}; last: ${last instanceof Error ? last.stack : JSON.stringify(last)}`);
    await delay(every);
  }
}
