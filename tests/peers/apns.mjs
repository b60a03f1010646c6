// SPDX-License-Identifier: Apache-2.0
//
// Apple's push service for tests: HTTP/2 over TLS, strict about what it receives, steered by its control port (lib/peer.mjs).
//
//   node tests/peers/apns.mjs [--port 0] [--pub FILE] [--kid K] [--team T] [--topic B] [--streams 1000]
//   prints {"port":N,"control":M,"ca":FILE}. With --pub (PEM) tokens are verified, without it only looked at.
//
// Behaviour (POST /behave {"tokens": {PREFIX: {...}}}), by the longest prefix of the device token:
//   {status, reason, timestamp, retry_after}  that answer      {slow_ms}  the good answer, late      {times: n}  only for the first n
//   {act: "silent"}  never an answer            {act: "reset"}    RST_STREAM INTERNAL_ERROR, after the request was counted
//   {act: "refuse"}  RST_STREAM REFUSED_STREAM, not counted as accepted
//   {act: "goaway"}  GOAWAY that names the stream before this one as the last; the connection ends a second later
//   {act: "cut"}     the connection is torn down, after the request was counted        {body: TEXT}  answer with these bytes
//   max_age_s: older provider tokens are ExpiredProviderToken (3600); update_s: a new one sooner is TooManyProviderTokenUpdates (0: off)
import crypto from 'node:crypto';
import fs from 'node:fs';
import http2 from 'node:http2';
import { parseArgs } from 'node:util';
import { Peer, bodyOf, certificate, jwt } from './lib/peer.mjs';

const { values: opt } = parseArgs({ options: {
  port: { type: 'string', default: '0' }, pub: { type: 'string' }, kid: { type: 'string' }, team: { type: 'string' }, topic: { type: 'string' },
  streams: { type: 'string', default: '1000' } } });
const pub = opt.pub ? crypto.createPublicKey(fs.readFileSync(opt.pub)) : null;
const peer = new Peer({ tokens: {}, max_age_s: 3600, update_s: 0 });
const TYPES = new Set(['alert', 'background', 'voip', 'complication', 'fileprovider', 'mdm', 'location', 'liveactivity', 'pushtotalk']);
const seen = { token: '', verdict: null, iat: 0, at: 0, old: new Set() };

/** A reason, or null: the provider token is good. Looked at once, remembered. */
function checkBearer(auth) {
  const m = /^bearer (\S+)$/.exec(auth ?? '');
  if (!m) return [403, 'MissingProviderToken'];
  let claims = seen.claims;
  if (m[1] !== seen.token) {
    const t = pub ? jwt(m[1], pub, 'ES256') : { header: { kid: opt.kid }, claims: JSON.parse(Buffer.from(m[1].split('.')[1] ?? '', 'base64url')) };
    if (!t || (opt.kid && t.header.kid !== opt.kid) || (opt.team && t.claims.iss !== opt.team) || !Number.isInteger(t.claims.iat)) return [403, 'InvalidProviderToken'];
    if (peer.behave.update_s && seen.at && Date.now() - seen.at < peer.behave.update_s * 1000) return [429, 'TooManyProviderTokenUpdates'];
    if ('exp' in t.claims) peer.violation('exp');
    if (!seen.old.has(m[1])) peer.count('provider_tokens');
    seen.old.add(m[1]);
    claims = t.claims;
    Object.assign(seen, { token: m[1], claims, at: Date.now() });
  }
  const age = Date.now() / 1000 - claims.iat;
  return age > peer.behave.max_age_s || age < -60 * (pub ? 1 : Infinity) ? [403, 'ExpiredProviderToken'] : null;
}

function check(h, token, body) {
  if (h[':method'] !== 'POST') return [405, 'MethodNotAllowed'];
  if (token === null) return [404, 'BadPath'];
  const bearer = checkBearer(h.authorization);
  if (bearer) return bearer;
  if (!h['apns-topic']) return [400, 'MissingTopic'];
  if (opt.topic && h['apns-topic'] !== opt.topic) return [400, 'TopicDisallowed'];
  if (!TYPES.has(h['apns-push-type'])) return [400, 'InvalidPushType'];
  if (h['apns-priority'] !== undefined && !['1', '5', '10'].includes(h['apns-priority'])) return [400, 'BadPriority'];
  if (h['apns-expiration'] !== undefined && !/^\d+$/.test(h['apns-expiration'])) return [400, 'BadExpirationDate'];
  if (Buffer.byteLength(h['apns-collapse-id'] ?? '') > 64) return [400, 'BadCollapseId'];
  if (h['apns-id'] !== undefined && !/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(h['apns-id'])) return [400, 'BadMessageId'];
  if (!/^([0-9a-f]{2})+$/i.test(token)) return [400, 'BadDeviceToken'];
  if (body.length === 0) return [400, 'PayloadEmpty'];
  if (body.length > 4096) return [413, 'PayloadTooLarge'];
  return null;
}

function scripted(token) {
  let best = null;
  for (const [prefix, b] of Object.entries(peer.behave.tokens)) if (token?.startsWith(prefix) && prefix.length >= (best?.[0].length ?? 0)) best = [prefix, b];
  if (!best) return {};
  if (best[1].times !== undefined && best[1].times-- <= 0) return {};
  return best[1];
}

function answer(stream, h, status, reason, more = {}) {
  if (stream.destroyed) return;
  const headers = { ':status': status, 'apns-id': h['apns-id'] ?? crypto.randomUUID().toUpperCase() };
  if (more.retry_after !== undefined) headers['retry-after'] = String(more.retry_after);
  stream.respond(headers);
  if (status === 200) stream.end(more.body ?? '');
  else stream.end(more.body ?? JSON.stringify({ reason, ...(more.timestamp ? { timestamp: more.timestamp } : {}) }));
}

const { key, cert, ca } = certificate();
const server = http2.createSecureServer({ key, cert, settings: { maxConcurrentStreams: Number(opt.streams) }, minVersion: 'TLSv1.2' });
server.on('session', (s) => {
  peer.stats.connections++;
  s.on('error', () => {});
});
server.on('sessionError', () => {});
server.on('stream', async (stream, h) => {
  stream.on('error', () => {});
  const token = /^\/3\/device\/([^/]*)$/.exec(h[':path'])?.[1] ?? null, session = stream.session;
  const b = scripted(token);
  if (b.act === 'refuse') {
    peer.count('refused');
    stream.close(http2.constants.NGHTTP2_REFUSED_STREAM);
    return;
  }
  if (b.act === 'goaway') {
    peer.count('goaways');
    session.goaway(http2.constants.NGHTTP2_NO_ERROR, Math.max(stream.id - 2, 0));
    setTimeout(() => session.destroy(), 1000).unref();
    return;
  }
  let body;
  try { body = await bodyOf(stream); } catch { return; }
  const bad = check(h, token, body);
  peer.note({ token, headers: h, body: body.toString(), connection: peer.stats.connections, refused: bad?.[1], scripted: b.act ?? b.status });
  if (bad) {
    peer.violation(bad[1]);
    return answer(stream, h, ...bad);
  }
  try {
    const p = JSON.parse(body);
    if (typeof p.aps?.alert?.title !== 'string' && p.aps?.['content-available'] !== 1) peer.violation('alert');
  } catch { peer.violation('json'); }
  if (b.act === 'silent') return;
  if (b.act === 'reset') return stream.close(http2.constants.NGHTTP2_INTERNAL_ERROR);
  if (b.act === 'cut') return session.destroy();
  if (b.slow_ms) return void setTimeout(() => answer(stream, h, b.status ?? 200, b.reason, b), b.slow_ms);
  answer(stream, h, b.status ?? 200, b.reason, b);
});
await peer.start(server, Number(opt.port), { ca });
