// SPDX-License-Identifier: Apache-2.0
//
// A web server with the manners of bad ones, for the HTTP client: HTTP/1.1 in the clear and, on another port, HTTP/2 over TLS.
//   node tests/peers/web.mjs     prints {"port":N,"tls":N,"control":M,"ca":FILE}
//
// /echo what was asked as JSON · /big?n=N that many bytes · /many N headers · /redirect · /early 103 before 200 · /silent · /slow?ms=N ·
// /status?n=N · /second the connection is torn down after its second request was read · /half an answer that ends too early ·
// /zip gzip nobody asked for
import http from 'node:http';
import http2 from 'node:http2';
import { gzipSync } from 'node:zlib';
import { Peer, bodyOf, certificate } from './lib/peer.mjs';

const peer = new Peer();
const { key, cert, ca } = certificate();
const known = new WeakMap();

async function handle(req, res) {
  const url = new URL(req.url, 'http://x'), n = Number(url.searchParams.get('n') ?? 0);
  const sock = req.stream?.session ?? req.socket; // either has destroy()
  if (!known.has(sock)) known.set(sock, 0);
  known.set(sock, known.get(sock) + 1);
  let body;
  try { body = await bodyOf(req); } catch { return; }
  peer.note({ path: url.pathname, method: req.method, version: req.httpVersion, headers: req.headers, body: body.toString() });
  const say = (status, text, headers = {}) => { res.writeHead(status, headers); res.end(text); };
  switch (url.pathname) {
    case '/echo': return say(200, JSON.stringify(peer.requests.at(-1)), { 'content-type': 'application/json' });
    case '/big': return say(200, 'x'.repeat(n));
    case '/many': return say(200, 'ok', Object.fromEntries(Array.from({ length: n }, (_, i) => [`x-h${i}`, `v${i}`])));
    case '/redirect': return say(302, 'elsewhere', { location: '/echo' });
    case '/early':
      res.writeEarlyHints({ link: '</x>; rel=preload' });
      return say(200, 'late', { 'retry-after': '7' });
    case '/silent': return;
    case '/slow': return void setTimeout(() => say(200, 'slow'), Number(url.searchParams.get('ms')));
    case '/status': return say(n, 'said', { 'Retry-After': ' 3 ' });
    case '/second': return known.get(sock) >= 2 ? sock.destroy() : say(200, 'first');
    case '/half':
      res.writeHead(200, { 'content-length': '100' });
      res.write('ten bytes!');
      return void setTimeout(() => sock.destroy(), 20);
    case '/zip': return say(200, gzipSync('text'), { 'content-encoding': 'gzip' });
    default: return say(404, 'no');
  }
}

const tls = http2.createSecureServer({ key, cert, allowHTTP1: true }, handle);
tls.on('session', (s) => { peer.count('h2_connections'); s.on('error', () => {}); });
tls.on('sessionError', () => {});
const plain = http.createServer(handle);
plain.on('connection', () => peer.stats.connections++);
await new Promise((done) => tls.listen(0, '127.0.0.1', done));
await peer.start(plain, 0, { tls: tls.address().port, ca });
