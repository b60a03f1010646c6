// SPDX-License-Identifier: Apache-2.0
// Another system's side of POST /v1/events: its key and the MAC over what it sends (docs/API.md), by sm-crypto and Node's SHA-256.
import assert from 'node:assert/strict';
import crypto from 'node:crypto';
import { sm3 } from './sm.mjs';

export const EVENTS = '/v1/events';

export async function systemKey(gw, id, name) {
  const r = await gw.command('system-key', '--id', id, '--name', name);
  assert.equal(r.code, 0, r.stderr);
  assert.match(r.stdout, /^[0-9a-f]{64}\n$/);
  return { id, secret: r.stdout.trim() };
}

const algorithms = {
  sm3: { digest: (b) => sm3([...Buffer.from(b)]), mac: (k, t) => sm3(t, { key: Buffer.from(k).toString('hex') }) },
  sha256: { digest: (b) => crypto.createHash('sha256').update(b).digest('hex'), mac: (k, t) => crypto.createHmac('sha256', k).update(t).digest('hex') },
};

/** The headers of a request. */
export function systemHeaders(key, body, { alg = 'sm3', time = Date.now(), nonce = crypto.randomUUID(), method = 'POST', path = EVENTS } = {}) {
  const a = algorithms[alg], text = `zhangban-system-1\n${method}\n${path}\n${time}\n${nonce}\n${a.digest(body)}`;
  return { 'x-zb-key': key.id, 'x-zb-time': String(time), 'x-zb-nonce': nonce, 'x-zb-sign': `${alg}:${a.mac(key.secret, text)}`, 'content-type': 'application/json' };
}
