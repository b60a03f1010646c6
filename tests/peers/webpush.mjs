// SPDX-License-Identifier: Apache-2.0
//
// A push service and the browsers behind it, for tests: HTTP/2 over TLS, messages decrypted from RFC 8188 and 8291 alone (node's crypto),
// VAPID checked (RFC 8292). Steered by lib/peer.mjs.
//   node tests/peers/webpush.mjs     prints {"port":N,"control":M,"ca":FILE,"p256dh":TEXT,"auth":TEXT}: the keys of every subscription
// POST to /p/<anything>. Behaviour: paths {PREFIX of <anything>: {status, retry_after, act: "silent", slow_ms, times}}.
// GET /requests: {path, text, headers, vapid: {header, claims}}. A message that cannot be read, or a wrong token, is a violation and 400 or 403.
import crypto from 'node:crypto';
import http2 from 'node:http2';
import { parseArgs } from 'node:util';
import { Peer, bodyOf, certificate, jwt } from './lib/peer.mjs';

const { values: opt } = parseArgs({ options: { port: { type: 'string', default: '0' } } });
const peer = new Peer({ paths: {} });
const browser = crypto.createECDH('prime256v1');
browser.generateKeys();
const auth = crypto.randomBytes(16);

const expand = (salt, ikm, info, n) => Buffer.from(crypto.hkdfSync('sha256', ikm, salt, info, n));

function decrypt(body) {
  const salt = body.subarray(0, 16), rs = body.readUInt32BE(16), idlen = body[20], from = body.subarray(21, 21 + idlen);
  if (idlen !== 65 || body.length > 4096 || body.length < 86 + 17) throw new Error('form');
  const record = body.subarray(21 + idlen);
  if (rs < 18 || record.length > rs) throw new Error('record size');
  const ikm = expand(auth, browser.computeSecret(from), Buffer.concat([Buffer.from('WebPush: info\0'), browser.getPublicKey(), from]), 32);
  const cek = expand(salt, ikm, Buffer.from('Content-Encoding: aes128gcm\0'), 16), nonce = expand(salt, ikm, Buffer.from('Content-Encoding: nonce\0'), 12);
  const d = crypto.createDecipheriv('aes-128-gcm', cek, nonce);
  d.setAuthTag(record.subarray(record.length - 16));
  const plain = Buffer.concat([d.update(record.subarray(0, record.length - 16)), d.final()]);
  let end = plain.length - 1;
  while (end > 0 && plain[end] === 0) end--;
  if (plain[end] !== 2) throw new Error('delimiter');
  if (peer.salts.has(salt.toString('hex')) || peer.salts.has(from.toString('hex'))) throw new Error('salt or key used twice');
  peer.salts.add(salt.toString('hex')).add(from.toString('hex'));
  return plain.subarray(0, end).toString();
}
peer.salts = new Set();

function vapid(header) {
  const m = /^vapid t=([^,\s]+), ?k=([A-Za-z0-9_-]+)$/.exec(header ?? '');
  if (!m) return null;
  const k = Buffer.from(m[2], 'base64url');
  if (k.length !== 65) return null;
  const key = crypto.createPublicKey({ key: { kty: 'EC', crv: 'P-256', x: k.subarray(1, 33).toString('base64url'), y: k.subarray(33).toString('base64url') }, format: 'jwk' });
  const t = jwt(m[1], key, 'ES256'), now = Date.now() / 1000;
  if (!t || t.claims.aud !== `https://localhost:${server.address().port}` || !(t.claims.exp > now) || t.claims.exp > now + 86400 || !/^(mailto:|https:)/.test(t.claims.sub)) return null;
  return { ...t, k: m[2] };
}

const { key, cert, ca } = certificate();
const server = http2.createSecureServer({ key, cert, allowHTTP1: true }, async (req, res) => {
  let body;
  try { body = await bodyOf(req); } catch { return; }
  const say = (status, headers = {}) => {
    if (res.writableEnded || res.stream?.destroyed) return;
    res.writeHead(status, headers);
    res.end();
  };
  const where = /^\/p\/(.+)$/.exec(req.url)?.[1], h = req.headers;
  if (req.method !== 'POST' || !where) return say(404);
  const bad = (word, status) => { peer.violation(word); say(status); };
  const token = vapid(h.authorization);
  if (!token) return bad('vapid', 403);
  if (!/^\d+$/.test(h.ttl ?? '')) return bad('ttl', 400);
  if (h['content-encoding'] !== 'aes128gcm') return bad('encoding', 400);
  if (h.urgency && !['very-low', 'low', 'normal', 'high'].includes(h.urgency)) return bad('urgency', 400);
  if (h.topic && !/^[A-Za-z0-9_-]{1,32}$/.test(h.topic)) return bad('topic', 400);
  let text;
  try { text = decrypt(body); } catch (e) { return bad(`decrypt: ${e.message}`, 400); }
  peer.note({ path: where, text, headers: h, vapid: token });
  let b = {};
  for (const [prefix, v] of Object.entries(peer.behave.paths)) if (where.startsWith(prefix) && (v.times === undefined || v.times-- > 0)) b = v;
  if (b.act === 'silent') return;
  const answer = () => say(b.status ?? 201, { ...(b.retry_after === undefined ? {} : { 'retry-after': String(b.retry_after) }), location: `/m/${peer.stats.requests}` });
  if (b.slow_ms) setTimeout(answer, b.slow_ms);
  else answer();
});
server.on('session', (s) => { peer.stats.connections++; s.on('error', () => {}); });
server.on('sessionError', () => {});
await peer.start(server, Number(opt.port), { ca, p256dh: browser.getPublicKey('base64url'), auth: auth.toString('base64url') });
