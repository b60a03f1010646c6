// SPDX-License-Identifier: Apache-2.0
// The repository's nginx.conf, run for real with other ports, paths and certificate, before two gateways on one record store and one
// Redis: TLS, pages, REST, live channels over wss, limits, and what stays inside.
import test, { before, after } from 'node:test';
import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import fs from 'node:fs';
import http from 'node:http';
import https from 'node:https';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { createRequire } from 'node:module';
import WebSocket from 'ws';
import { Gateway, ROOT } from './lib/gateway.mjs';
import { rows } from './lib/city.mjs';
import { until } from './lib/until.mjs';
import * as work from './lib/work.mjs';

const { Centrifuge } = createRequire(import.meta.url)('centrifuge');
const NAME = 'zhangban.example.gov.cn', CHANNEL = 'ranking:2018:city';
let dir, redis, a, b, nginx, ports, ca, tokens;

async function freePorts(n) {
  const servers = await Promise.all(Array.from({ length: n }, () => new Promise((ok) => { const s = net.createServer().listen(0, '127.0.0.1', () => ok(s)); })));
  const out = servers.map((s) => s.address().port);
  await Promise.all(servers.map((s) => new Promise((ok) => s.close(ok))));
  return out;
}

/** The real file with what a place of its own needs; every replacement must hit. */
function ownConf() {
  let text = fs.readFileSync(path.join(ROOT, 'nginx.conf'), 'utf8');
  const put = (from, to) => { assert.ok(text.includes(from), from); text = text.replaceAll(from, to); };
  put('worker_processes auto;', `worker_processes 1;${process.getuid() === 0 ? '\nuser root;' : ''}`);
  put('worker_rlimit_nofile 65536;', '');
  put('worker_connections 30000;', 'worker_connections 500;');
  put('pid /run/zhangban-nginx.pid;', `pid ${dir}/nginx.pid;`);
  put('/var/log/nginx/zhangban.error.log', `${dir}/error.log`);
  put('/var/log/nginx/zhangban.access.log', `${dir}/access.log`);
  put('/etc/zhangban/tls.crt', `${dir}/tls.crt`);
  put('/etc/zhangban/tls.key', `${dir}/tls.key`);
  put('/usr/share/zhangban/web', path.join(ROOT, 'web'));
  put('listen 80;', `listen 127.0.0.1:${ports[0]};`);
  put('listen 443 ssl http2;', `listen 127.0.0.1:${ports[1]} ssl http2;`);
  put('server 127.0.0.1:7080 ', `server 127.0.0.1:${a.port} `);
  put('# server 127.0.0.1:7081 ', `server 127.0.0.1:${b.port} `);
  for (const d of ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']) put('sendfile on;', `sendfile on;\n    ${d}_temp_path ${dir}/${d};`);
  return text;
}

before(async () => {
  dir = fs.mkdtempSync(path.join(os.tmpdir(), 'zb-nginx-'));
  const sock = path.join(dir, 'redis.sock');
  redis = spawn('redis-server', ['--port', '0', '--unixsocket', sock, '--save', '', '--appendonly', 'no', '--dir', dir], { stdio: 'ignore' });
  await until(() => fs.existsSync(sock), { what: 'redis' });
  const origin = { redis: `unix:${sock}` };
  a = await new Gateway({ conf: origin }).start();
  b = await new Gateway({ conf: { ...origin, data: a.conf.data, 'push.in_process': false } }).start();
  ports = await freePorts(2);
  execFileSync('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2', '-subj', `/CN=${NAME}`,
    '-addext', `subjectAltName=DNS:${NAME},IP:127.0.0.1`, '-keyout', `${dir}/tls.key`, '-out', `${dir}/tls.crt`], { stdio: 'ignore' });
  ca = fs.readFileSync(`${dir}/tls.crt`);
  fs.writeFileSync(`${dir}/nginx.conf`, ownConf());
  nginx = spawn('nginx', ['-p', dir, '-c', `${dir}/nginx.conf`, '-g', 'daemon off;', '-e', `${dir}/error.log`], { stdio: ['ignore', 'ignore', 'pipe'] });
  let said = '';
  nginx.stderr.on('data', (d) => { said += d; });
  await until(() => { if (nginx.exitCode !== null) throw new Error(`nginx: ${said}`); return fs.existsSync(`${dir}/nginx.pid`); }, { what: 'nginx' });
  await until(async () => (await get('/healthz')).status === 200, { what: 'the way through nginx' });
  tokens = { monitor: await a.token('demo-monitor'), leader: await a.token('demo-leader') };
});

after(async () => {
  if (nginx?.exitCode === null) { nginx.kill('SIGTERM'); await new Promise((ok) => nginx.on('exit', ok)); }
  await b?.stop();
  await a?.stop();
  redis?.kill('SIGTERM');
  fs.rmSync(dir, { recursive: true, force: true });
});

/** One request over TLS as a browser sends it, certificate checked. */
function get(p, { method = 'GET', headers = {}, body, port = ports[1], plain = false, token } = {}) {
  const h = { host: NAME, ...headers, ...(token && { authorization: `Bearer ${token}` }), ...(body !== undefined && { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) }) };
  return new Promise((ok, bad) => {
    const q = (plain ? http : https).request({ host: '127.0.0.1', port, path: p, method, headers: h, ca, servername: NAME, agent: false }, (r) => {
      let text = '';
      r.setEncoding('utf8').on('data', (d) => { text += d; }).on('end', () => ok({ status: r.statusCode, headers: r.headers, text }));
    });
    q.on('error', bad);
    q.end(body);
  });
}

/** The unmodified client over wss. */
function client(token) {
  class Secure extends WebSocket { constructor(url, protocols) { super(url, protocols, { ca, servername: NAME, headers: { host: `${NAME}:${ports[1]}`, origin: `https://${NAME}:${ports[1]}` } }); } }
  const c = new Centrifuge(`wss://127.0.0.1:${ports[1]}/connection/websocket`, { websocket: Secure, token, minReconnectDelay: 50, maxReconnectDelay: 300 });
  c.on('error', () => {});
  return c;
}

const connections = async (gw) => JSON.parse(await (await fetch(`${gw.url}/readyz`)).text()).connections;

test('nginx.conf: pages, files and their headers over TLS; plain HTTP is sent there', async () => {
  for (const [p, type] of [['/', /text\/html/], ['/board', /text\/html/], ['/board.css', /text\/css/], ['/vendor/centrifuge.js', /javascript/]]) {
    const r = await get(p);
    assert.equal(r.status, 200, p);
    assert.match(r.headers['content-type'], type, p);
    assert.equal(r.headers['x-content-type-options'], 'nosniff', p);
    assert.match(r.headers['content-security-policy'], /default-src 'self'/, p);
    assert.match(r.headers['strict-transport-security'], /max-age=31536000/, p);
  }
  assert.match((await get('/board')).text, /<title>南平市/);
  assert.equal((await get('/../nginx.conf')).status, 400);
  for (const p of ['/.git/config', '/package.json', '/node_modules/centrifuge/package.json', '/nothing']) assert.equal((await get(p)).status, 404, p);
  const plain = await get('/board?x=1', { plain: true, port: ports[0] });
  assert.equal(plain.status, 308);
  assert.equal(plain.headers.location, `https://${NAME}/board?x=1`);
  assert.ok(!plain.headers.server || plain.headers.server === 'nginx', 'no version');
});

test('nginx.conf: REST with a token, refusals and problem+json pass unchanged', async () => {
  const r = await get('/v1/me', { token: tokens.leader });
  assert.equal(r.status, 200, r.text);
  assert.equal(JSON.parse(r.text).id, 'demo-leader');
  const no = await get('/v1/me');
  assert.equal(no.status, 401);
  assert.match(no.headers['content-type'], /problem\+json/);
  assert.equal(no.headers['www-authenticate'], 'Bearer');
  assert.equal((await get('/openapi.json')).status, 200);
  assert.equal(JSON.parse((await get('/readyz')).text).status, 'ready');
});

test('nginx.conf: the unmodified client over wss; what one gateway writes arrives through the other', async () => {
  await work.dispatch(a, 'NP2018-1-2-1'); // its units are on the board from now on
  const clients = Array.from({ length: 6 }, () => client(tokens.monitor)), subs = [];
  try {
    for (const c of clients) { c.connect(); await c.ready(10000); }
    assert.ok(await connections(a) >= 2 && await connections(b) >= 2, `${await connections(a)} and ${await connections(b)}: spread over both`);
    for (const c of clients) {
      const sub = c.newSubscription(CHANNEL), got = [];
      sub.on('publication', (p) => got.push(p.data));
      sub.subscribe();
      await sub.ready(10000);
      subs.push(got);
    }
    for (const [value, gw] of [[61, a], [62, b]]) {
      const n = subs.map((g) => g.length);
      await gw.ok('PUT', '/v1/evaluations/2018/NP-BB', { as: { token: tokens.leader }, body: { value } });
      await until(() => subs.every((g, i) => g.length > n[i]), { what: `the publication of ${value} on every connection` });
    }
    const versions = subs.map((g) => g.at(-1).version);
    assert.equal(new Set(versions).size, 1, 'all show the same board');
    assert.equal((await clients[0].rpc('me.get', {})).data.id, 'demo-monitor');
  } finally {
    for (const c of clients) c.disconnect();
  }
});

test('nginx.conf: a session revoked through one gateway closes its socket on the other within a second', async () => {
  const made = await Promise.all(Array.from({ length: 4 }, () => a.token('sim-NP-BB'))), cs = made.map(client), closed = [];
  try {
    for (const [i, c] of cs.entries()) { c.on('disconnected', (x) => { closed[i] = { code: x.code, at: Date.now() }; }); c.connect(); await c.ready(10000); }
    const list = JSON.parse((await get('/v1/auth/sessions', { token: made[0] })).text).items, others = list.filter((s) => !s.current);
    assert.equal(others.length, 3);
    for (const s of others) {
      const start = Date.now(), was = closed.filter(Boolean).length;
      assert.equal((await get(`/v1/auth/sessions/${s.id}`, { method: 'DELETE', token: made[0] })).status, 200);
      await until(() => closed.filter(Boolean).length > was, { what: 'the close', every: 5 });
      const last = closed.filter(Boolean).sort((x, y) => y.at - x.at)[0];
      assert.equal(last.code, 3500);
      assert.ok(last.at - start < 1000, `${last.at - start} ms`);
    }
    for (const gw of [a, b]) for (const t of made.slice(1)) assert.equal((await gw.rest('GET', '/v1/me', { as: { token: t } })).status, 401);
  } finally {
    for (const c of cs) c.disconnect();
  }
});

test('D21 figures and the server API stay inside', async () => {
  assert.equal((await a.rest('GET', '/metrics')).status, 200, 'there, for those inside');
  for (const p of ['/metrics', '/api/', '/api/info', '/%6detrics', '//metrics', '/./metrics', '/api/../metrics']) assert.equal((await get(p)).status, 404, p);
});

test('D20 X-Forwarded-For of a client is replaced: only what nginx saw counts', async () => {
  const r = await get('/v1/auth/sms-codes', { method: 'POST', headers: { 'x-forwarded-for': '203.0.113.7' }, body: JSON.stringify({ phone: '19911112222' }) });
  assert.equal(r.status, 201, r.text);
  const [row] = await rows(a, 'SELECT address FROM sms_challenge ORDER BY created_wall DESC LIMIT 1');
  assert.equal(row.address, '127.0.0.1');
});

test('nginx.conf: bodies above 1 MiB are refused with 413, by nginx; below, by whom they concern', async () => {
  assert.equal((await get('/v1/events', { method: 'POST', body: 'x'.repeat(1024 * 1024 + 1) })).status, 413);
  const r = await get('/v1/events', { method: 'POST', body: JSON.stringify({ x: 'x'.repeat(900000) }), token: tokens.leader });
  assert.equal(r.status, 403, r.text.slice(0, 200));
});

test('nginx.conf: one gateway goes away: requests and clients go on at the other', async () => {
  const cs = Array.from({ length: 4 }, () => client(tokens.monitor));
  try {
    for (const c of cs) { c.connect(); await c.ready(10000); }
    await b.kill('SIGTERM');
    b.sanitizer();
    await until(() => cs.every((c) => c.state === 'connected'), { what: 'all connected again' });
    for (let i = 0; i < 10; i++) assert.equal((await get('/v1/me', { token: tokens.leader })).status, 200);
    for (const c of cs) assert.equal((await c.rpc('me.get', {})).data.id, 'demo-monitor');
    await until(async () => await connections(a) >= 4, { what: 'all at the one that is left' });
  } finally {
    for (const c of cs) c.disconnect();
  }
});

test('nginx.conf: log-ins are limited by address; nothing of an address\'s query is in the log', async () => {
  const all = await Promise.all(Array.from({ length: 40 }, () => get('/v1/auth/sessions?secret=abc', { method: 'POST', body: '{}' })));
  const n = (s) => all.filter((r) => r.status === s).length;
  assert.ok(n(429) >= 10, `${n(429)}`);
  assert.ok(n(400) >= 15, `${n(400)}`);
  assert.equal((await get('/v1/me', { token: tokens.leader })).status, 200, 'other methods go on');
  const log = fs.readFileSync(`${dir}/access.log`, 'utf8');
  assert.match(log, /"POST \/v1\/auth\/sessions" 429/);
  assert.ok(!log.includes('secret') && !log.includes(tokens.leader));
});
