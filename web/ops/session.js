// SPDX-License-Identifier: Apache-2.0
//
// Where the page's token comes from: the address (#token=…, taken out of it at once and kept for this tab only), else the demo's own
// administrator. A page without either says so.

const KEY = 'zhangban.ops.token';

export class NoSession extends Error {}

export function takeToken() {
  const m = /(?:^#|&)token=([^&]+)/.exec(location.hash);
  if (m) {
    sessionStorage.setItem(KEY, decodeURIComponent(m[1]));
    history.replaceState(null, '', location.pathname + location.search);
  }
  return sessionStorage.getItem(KEY) ?? '';
}

export function forgetToken() {
  sessionStorage.removeItem(KEY);
}

// A token; throws NoSession when this server gives none without a log-in.
export async function openSession() {
  const answer = await fetch('/v1/ops-session', { cache: 'no-store', signal: AbortSignal.timeout(10000) });
  if ([401, 403, 404].includes(answer.status)) throw new NoSession(`ops-session ${answer.status}`);
  if (!answer.ok) throw new Error(`ops-session ${answer.status}`);
  return (await answer.json()).token;
}
