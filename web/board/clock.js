// SPDX-License-Identifier: Apache-2.0
//
// The business clock of the server as seen here: an instant of it, when we heard it, and its speed. Without an answer of the
// server it is the machine's own clock.

const ALLOWED_MS = 1500; // a reading this close to ours is travel time, not a step of the clock

export class BusinessClock {
  constructor() {
    this.base = Date.now();
    this.at = this.base;
    this.speed = 1;
  }

  now() {
    return this.base + (Date.now() - this.at) * this.speed;
  }

  set(ms, speed = this.speed) {
    if (!Number.isFinite(ms)) return;
    if (speed === this.speed && Math.abs(ms - this.now()) < ALLOWED_MS * Math.max(1, speed)) return;
    this.base = ms;
    this.at = Date.now();
    this.speed = speed;
  }

  // A board carries the time of its making: never later than now.
  atLeast(ms) {
    if (Number.isFinite(ms) && ms > this.now() + ALLOWED_MS * Math.max(1, this.speed)) this.set(ms);
  }
}
