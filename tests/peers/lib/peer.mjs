// SPDX-License-Identifier: Apache-2.0
// What the fakes of HTTP providers have in common: a certificate of their own, a control port, what was received, tokens checked with
// node's crypto alone.
//
// Control port (HTTP, JSON): GET /requests  what was received, oldest first · GET /stats  counters and violations · POST /behave  merged
// into the behaviour · POST /reset  all as at the start (connections stay).
import { execFileSync } from 'node:child_process';
import crypto from 'node:crypto';
import fs from 'node:fs';
import http from 'node:http';
import os from 'node:os';
import path from 'node:path';

const KEEP = Number(process.env.ZB_PEER_KEEP ?? 5000); // requests remembered

/** Self-signed for localhost and 127.0.0.1; in a directory that goes with the process. */
export function certificate() {
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'zb-peer-'));
  process.on('exit', () => fs.rmSync(dir, { recursive: true, force: true }));
  const key = path.join(dir, 'key.pem'), ca = path.join(dir, 'cert.pem');
  execFileSync('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2', '-subj', '/CN=localhost',
    '-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1', '-keyout', key, '-out', ca], { stdio: ['ignore', 'ignore', 'pipe'] });
  return { key: fs.readFileSync(key), cert: fs.readFileSync(ca), ca };
}

export class Peer {
  constructor(behave = {}) {
    this.first = behave;
    this.reset();
  }

  reset() {
    this.behave = structuredClone(this.first);
    this.requests = [];
    this.stats = { requests: 0, connections: this.stats?.connections ?? 0, violations: [] };
  }

  count(name, n = 1) { this.stats[name] = (this.stats[name] ?? 0) + n; }

  violation(word) {
    if (this.stats.violations.length < 100) this.stats.violations.push(word);
  }

  note(request) {
    this.stats.requests++;
    this.requests.push(request);
    if (this.requests.length > KEEP) this.requests.splice(0, KEEP / 2);
  }

  /** Prints {"port", "control", ...more} once both listen. */
  async start(server, port = 0, more = {}) {
    const control = http.createServer((req, res) => this.control(req, res));
    const listen = (s, p) => new Promise((done) => s.listen(p, '127.0.0.1', () => done(s.address().port)));
    const at = { port: await listen(server, port), control: await listen(control, 0), ...more };
    console.log(JSON.stringify(at));
    for (const sig of ['SIGTERM', 'SIGINT']) process.on(sig, () => process.exit(0));
    return at;
  }

  async control(req, res) {
    const body = await bodyOf(req);
    const answer = (value, status = 200) => {
      res.writeHead(status, { 'content-type': 'application/json' });
      res.end(JSON.stringify(value));
    };
    if (req.method === 'GET' && req.url === '/requests') return answer(this.requests);
    if (req.method === 'GET' && req.url === '/stats') return answer(this.stats);
    if (req.method === 'POST' && req.url === '/behave') Object.assign(this.behave, JSON.parse(body));
    else if (req.method === 'POST' && req.url === '/reset') this.reset();
    else return answer({ error: 'unknown' }, 404);
    return answer({});
  }
}

export async function bodyOf(stream) {
  const parts = [];
  for await (const p of stream) parts.push(p);
  return Buffer.concat(parts);
}

/** {header, claims} of a token signed with key (KeyObject or PEM), or null. */
export function jwt(token, key, alg) {
  const parts = String(token).split('.');
  if (parts.length !== 3 || parts.some((p) => !/^[A-Za-z0-9_-]+$/.test(p))) return null;
  const sig = Buffer.from(parts[2], 'base64url'), text = Buffer.from(`${parts[0]}.${parts[1]}`);
  let header, claims;
  try {
    header = JSON.parse(Buffer.from(parts[0], 'base64url'));
    claims = JSON.parse(Buffer.from(parts[1], 'base64url'));
  } catch { return null; }
  if (header.alg !== alg) return null;
  const how = { ES256: { key, dsaEncoding: 'ieee-p1363' }, RS256: { key }, PS256: { key, padding: crypto.constants.RSA_PKCS1_PSS_PADDING, saltLength: 32 } }[alg];
  return crypto.verify('sha256', text, how, sig) ? { header, claims } : null;
}
