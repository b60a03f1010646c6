// SPDX-License-Identifier: Apache-2.0
//
// Where the board's token comes from: the address (#token=…, taken out of it at once and kept for this tab only), else the demo's
// own display session. A board without either says so.

const KEY = 'zhangban.token';

export class NoSession extends Error {}

export function takeToken() {
  const m = /(?:^#|&)token=([^&]+)/.exec(location.hash);
  if (m) {
    sessionStorage.setItem(KEY, decodeURIComponent(m[1]));
    history.replaceState(null, '', location.pathname + location.search);
  }
  return sessionStorage.getItem(KEY) ?? '';
}

// {token, demo, now, speed, plan, duty_phone}; throws NoSession when this server gives none without a log-in.
export async function openSession() {
  const answer = await fetch('/v1/board-session', { cache: 'no-store', signal: AbortSignal.timeout(10000) });
  if (answer.status === 404 || answer.status === 401 || answer.status === 403)
    throw new NoSession(`board-session ${answer.status}`);
  if (!answer.ok) throw new Error(`board-session ${answer.status}`);
  return answer.json();
}
