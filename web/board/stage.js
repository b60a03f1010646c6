// SPDX-License-Identifier: Apache-2.0
//
// The screen: one scaled stage on wide screens (letterboxed), one column on phones; what keeps a panel that is never switched off
// from burning in (a slow shift, dim hours, a moving clock on days off), the hidden pointer, and the nightly reload.
import { $, el } from './dom.js';
import { clockText, parts } from './words.js';

export const wide = matchMedia('(min-width: 1000px) and (orientation: landscape)');

const PATH = [
  [0, 0],
  [4, 0],
  [4, 4],
  [0, 4],
  [-4, 4],
  [-4, 0],
  [-4, -4],
  [0, -4],
  [4, -4],
];
const RELOAD_AT_MIN = 3 * 60 + 30;
const QUIET_MS = 3000;

let step = -1;

export function fit() {
  const stage = $('stage');
  if (!wide.matches) {
    stage.style.transform = '';
    return;
  }
  const scale = Math.min(innerWidth / 1920, innerHeight / 1080);
  const [dx, dy] = PATH[Math.max(0, step)];
  stage.style.transform = `translate(${(innerWidth - 1920 * scale) / 2 + dx}px, ${(innerHeight - 1080 * scale) / 2 + dy}px) scale(${scale})`;
}

// One step of the path a minute.
export function shift(wallMs) {
  const at = Math.floor(wallMs / 60000) % PATH.length;
  if (at === step) return;
  step = at;
  fit();
}

// "19-7" -> {from: 19, to: 7}; "0" or nothing usable: never.
export function dimHours(text) {
  const m = /^(\d{1,2})-(\d{1,2})$/.exec(text ?? '');
  return m ? { from: Number(m[1]), to: Number(m[2]) } : null;
}

export function dim(hours, bizMs) {
  const { hour } = parts(bizMs);
  const on =
    hours !== null && (hours.from <= hours.to ? hour >= hours.from && hour < hours.to : hour >= hours.from || hour < hours.to);
  document.body.classList.toggle('dim', on);
}

// Saturday and Sunday, when asked for by ?rest=1: a clock that stands somewhere else every minute.
export function rest(wanted, bizMs) {
  const { weekday } = parts(bizMs);
  const on = wanted && wide.matches && (weekday === 0 || weekday === 6);
  const box = $('rest');
  box.hidden = !on;
  if (!on) return;
  const clock = box.firstElementChild ?? box.appendChild(el('span'));
  clock.textContent = clockText(bizMs).slice(0, 5);
  const minute = Math.floor(bizMs / 60000);
  clock.style.left = `${(minute * 37) % 70}%`;
  clock.style.top = `${(minute * 53) % 80}%`;
}

export function quietPointer() {
  let timer;
  const wake = () => {
    document.body.classList.remove('quiet');
    clearTimeout(timer);
    timer = setTimeout(() => document.body.classList.add('quiet'), QUIET_MS);
  };
  addEventListener('pointermove', wake, { passive: true });
  document.body.classList.add('quiet');
}

// Once a night, 03:30 +- 10 min, and only when the server answers: a page that cannot be loaded again would be lost.
export function nightlyReload(wallNow) {
  const { hour, minute, second } = parts(wallNow());
  const nowMin = hour * 60 + minute + second / 60;
  const at = RELOAD_AT_MIN + (Math.random() * 20 - 10);
  const wait = ((at - nowMin + 1440) % 1440) * 60000 + 60000;
  setTimeout(async () => {
    try {
      if ((await fetch('/healthz', { cache: 'no-store' })).ok) location.reload();
    } catch {
      // tomorrow
    }
    nightlyReload(wallNow);
  }, wait);
}
