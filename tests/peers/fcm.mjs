// SPDX-License-Identifier: Apache-2.0
//
// Firebase for tests: the token endpoint (POST /token, RS256 assertion) and HTTP v1 send, HTTP/2 over TLS, steered by lib/peer.mjs.
//   node tests/peers/fcm.mjs --pub FILE --email E --project P     prints {"port":N,"control":M,"ca":FILE}
// Behaviour: tokens {PREFIX: {status, code, rpc, text, bad_request, retry_after, act: "silent", slow_ms, times}}; expires_in (3600);
// token_status (200) and token_error of the token endpoint; revoke n: access tokens given out so far are refused with 401 (POST again with
// another n to do it again).
import crypto from 'node:crypto';
import fs from 'node:fs';
import http2 from 'node:http2';
import { parseArgs } from 'node:util';
import { Peer, bodyOf, certificate, jwt } from './lib/peer.mjs';

const { values: opt } = parseArgs({ options: { port: { type: 'string', default: '0' }, pub: { type: 'string' }, email: { type: 'string' }, project: { type: 'string' } } });
const pub = crypto.createPublicKey(fs.readFileSync(opt.pub));
const peer = new Peer({ tokens: {}, expires_in: 3600, token_status: 200, token_error: '', revoke: 0 });
const given = new Map(); // access token -> {until, revoke}

function give(req, body, say) {
  const form = new URLSearchParams(body.toString());
  peer.count('token_requests');
  if (peer.behave.token_status !== 200) return say(peer.behave.token_status, { error: peer.behave.token_error });
  if (form.get('grant_type') !== 'urn:ietf:params:oauth:grant-type:jwt-bearer') return say(400, { error: 'unsupported_grant_type' });
  const t = jwt(form.get('assertion') ?? '', pub, 'RS256'), now = Date.now() / 1000, c = t?.claims;
  if (!t || c.iss !== opt.email || c.aud !== `https://localhost:${server.address().port}/token` || c.exp > c.iat + 3600 || c.exp < now || Math.abs(c.iat - now) > 300 ||
    c.scope !== 'https://www.googleapis.com/auth/firebase.messaging') {
    peer.violation('assertion');
    return say(400, { error: 'invalid_grant' });
  }
  const token = `ya29.${crypto.randomBytes(24).toString('base64url')}`;
  given.set(token, { until: Date.now() + peer.behave.expires_in * 1000, revoke: peer.behave.revoke });
  say(200, { access_token: token, expires_in: peer.behave.expires_in, token_type: 'Bearer' });
}

const rpcOf = { 400: 'INVALID_ARGUMENT', 401: 'UNAUTHENTICATED', 403: 'PERMISSION_DENIED', 404: 'NOT_FOUND', 429: 'RESOURCE_EXHAUSTED', 500: 'INTERNAL', 503: 'UNAVAILABLE' };
const trouble = (status, code, b = {}) => ({ error: { code: status, message: b.text ?? 'trouble', status: b.rpc ?? rpcOf[status] ?? 'UNKNOWN', details: [
  ...(code ? [{ '@type': 'type.googleapis.com/google.firebase.fcm.v1.FcmError', errorCode: code }] : []),
  ...(b.bad_request ? [{ '@type': 'type.googleapis.com/google.rpc.BadRequest', fieldViolations: [{ field: 'message', description: 'x' }] }] : [])] } });

function send(req, body, say) {
  const access = /^Bearer (\S+)$/.exec(req.headers.authorization ?? '')?.[1], g = given.get(access);
  if (!g || g.until < Date.now() || g.revoke !== peer.behave.revoke) {
    peer.count('unauthenticated');
    return say(401, trouble(401));
  }
  let m;
  try { m = JSON.parse(body).message; } catch { /* below */ }
  const bad = !m?.token || typeof m.notification?.title !== 'string' || Object.values(m.data ?? {}).some((v) => typeof v !== 'string') ||
    Object.keys(m.data ?? {}).some((k) => k === 'from' || /^(google|gcm)/.test(k)) || !/^\d+s$/.test(m.android?.ttl ?? '0s') || !['HIGH', 'NORMAL'].includes(m.android?.priority ?? 'HIGH');
  if (bad || body.length > 4096) {
    peer.violation('message');
    return say(400, trouble(400, 'INVALID_ARGUMENT', { bad_request: true }));
  }
  peer.note({ token: m.token, message: m });
  let b = {};
  for (const [prefix, v] of Object.entries(peer.behave.tokens)) if (m.token.startsWith(prefix) && (v.times === undefined || v.times-- > 0)) b = v;
  if (b.act === 'silent') return;
  const answer = () => (b.status ? say(b.status, trouble(b.status, b.code, b), b.retry_after) : say(200, { name: `projects/${opt.project}/messages/${crypto.randomUUID()}` }));
  if (b.slow_ms) setTimeout(answer, b.slow_ms);
  else answer();
}

const { key, cert, ca } = certificate();
const server = http2.createSecureServer({ key, cert, allowHTTP1: true }, async (req, res) => {
  let body;
  try { body = await bodyOf(req); } catch { return; }
  const say = (status, value, retryAfter) => {
    if (res.writableEnded || res.stream?.destroyed) return;
    res.writeHead(status, { 'content-type': 'application/json; charset=UTF-8', ...(retryAfter === undefined ? {} : { 'retry-after': String(retryAfter) }) });
    res.end(JSON.stringify(value));
  };
  if (req.method === 'POST' && req.url === '/token') return give(req, body, say);
  if (req.method === 'POST' && req.url === `/v1/projects/${opt.project}/messages:send`) return send(req, body, say);
  say(404, trouble(404));
});
server.on('session', (s) => { peer.stats.connections++; s.on('error', () => {}); });
server.on('sessionError', () => {});
await peer.start(server, Number(opt.port), { ca });
