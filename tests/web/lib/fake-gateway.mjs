// SPDX-License-Identifier: Apache-2.0
//
// A stand-in for the gateway on the tests' side of the wire: serves web/ as gateway/static.c does, answers the few paths the pages
// read, and speaks as much of the Centrifugo JSON protocol as the board uses. Boards are published, connections dropped, the line
// silenced and the server taken away by calls.
//
//   node tests/web/lib/fake-gateway.mjs [port]     a server to look at; it moves a row every five seconds
import fs from 'node:fs';
import http from 'node:http';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { WebSocketServer } from 'ws';
import { NOW, board, lifted } from './boards.mjs';
import { openapi } from './openapi.mjs';

const WEB = fileURLToPath(new URL('../../../web/', import.meta.url));
const TYPES = {
  '.html': 'text/html; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.svg': 'image/svg+xml',
};
const CSP = "default-src 'self'; connect-src 'self' ws: wss:; style-src 'self' 'unsafe-inline'; img-src 'self' data:";
const PING_S = 25;
const iso = (ms) => new Date(ms + 8 * 3600e3).toISOString().replace('Z', '+08:00');

export class FakeGateway {
  constructor() {
    this.boards = new Map(); // channel -> {board, offset}
    this.sockets = new Set();
    this.epoch = 'fake1';
    this.down = false; // no session, no socket; pages are still served
    this.mute = false; // sockets stay open and say nothing
    this.demo = true;
    this.sessions = 0;
    this.tokens = []; // of every connect
    this.dead = new Set(); // tokens refused from now on
    this.base = NOW; // business time, and how fast it runs
    this.speed = 1;
    this.baseAt = Date.now();
    this.readyz = { status: 'ready', redis: 'up', draining: false, writes_waiting: 0, connections: 3 };
    for (const scope of ['city', 'county', 'department', 'soe']) this.set(`ranking:2018:${scope}`, board(scope));
  }

  now() {
    return this.base + (Date.now() - this.baseAt) * this.speed;
  }

  async listen(port = 0) {
    this.server = http.createServer((q, r) => this.request(q, r));
    this.wss = new WebSocketServer({ noServer: true });
    this.server.on('upgrade', (q, socket, head) => {
      if (this.down || !q.url.startsWith('/connection/websocket')) {
        socket.end('HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\n\r\n');
        return;
      }
      this.wss.handleUpgrade(q, socket, head, (ws) => this.open(ws));
    });
    await new Promise((ok) => this.server.listen(port, '127.0.0.1', ok));
    this.url = `http://127.0.0.1:${this.server.address().port}`;
    return this;
  }

  close() {
    for (const ws of this.sockets) ws.terminate();
    this.server.closeAllConnections();
    return new Promise((ok) => this.server.close(ok));
  }

  // ---- pages ----
  json(r, status, value) {
    r.writeHead(status, { 'content-type': 'application/json; charset=utf-8', 'cache-control': 'no-store' });
    r.end(JSON.stringify(value));
  }

  request(q, r) {
    const { pathname } = new URL(q.url, 'http://x');
    if (pathname === '/v1/board-session') {
      if (this.down) return this.json(r, 503, { code: 'E_UNAVAILABLE' });
      if (!this.demo) return this.json(r, 404, { code: 'E_NOTFOUND' });
      this.sessions++;
      const plan = { id: 'NP2018', title: '进一步推进南平市“互联网+放管服”平台建设实施方案' };
      return this.json(r, 200, {
        token: `t${this.sessions}`,
        demo: true,
        now: iso(this.now()),
        speed: this.speed,
        plan,
        duty_phone: '0599-8820000',
      });
    }
    if (pathname === '/healthz') return this.json(r, 200, { status: 'ok', version: '0.1.0', demo: this.demo });
    if (pathname === '/readyz') return this.json(r, this.readyz.status === 'ready' ? 200 : 503, this.readyz);
    if (pathname === '/openapi.json') return this.json(r, 200, openapi);
    return this.page(pathname, r);
  }

  page(pathname, r) {
    const name = pathname === '/' ? '/index.html' : pathname.includes('.') ? pathname : `${pathname}.html`;
    const file = path.join(WEB, path.normalize(name));
    const type = TYPES[path.extname(file)];
    if (!type || !file.startsWith(WEB) || !fs.existsSync(file)) return this.json(r, 404, { code: 'E_NOTFOUND' });
    r.writeHead(200, { 'content-type': type, 'content-security-policy': CSP, 'cache-control': 'no-cache' });
    return r.end(fs.readFileSync(file));
  }

  // ---- live ----
  set(channel, b) {
    const had = this.boards.get(channel);
    this.boards.set(channel, { board: b, offset: (had?.offset ?? 0) + 1 });
    return this.boards.get(channel).offset;
  }

  publish(channel, b) {
    const offset = this.set(channel, b);
    for (const ws of this.sockets) if (ws.channels?.has(channel)) this.say(ws, { push: { channel, pub: { data: b, offset } } });
  }

  say(ws, value) {
    if (!this.mute) ws.send(JSON.stringify(value));
  }

  open(ws) {
    this.sockets.add(ws);
    Object.assign(ws, { channels: new Set() });
    const ping = setInterval(() => this.say(ws, {}), PING_S * 1000);
    ws.on('close', () => {
      clearInterval(ping);
      this.sockets.delete(ws);
    });
    ws.on('message', (text) => {
      for (const line of String(text).split('\n')) if (line) this.command(ws, JSON.parse(line));
    });
  }

  command(ws, c) {
    if (c.connect) {
      this.tokens.push(c.connect.token);
      if (!c.connect.token || this.dead.has(c.connect.token)) return ws.close(3500, 'invalid token');
      return this.say(ws, { id: c.id, connect: { client: `c${this.sockets.size}`, ping: PING_S, pong: true } });
    }
    if (c.subscribe) {
      const { channel } = c.subscribe;
      const had = this.boards.get(channel);
      if (!/^ranking:[^:]+:(city|county|department|soe)$/.test(channel))
        return this.say(ws, { id: c.id, error: { code: 102, message: 'unknown channel' } });
      ws.channels.add(channel);
      const state = had ? { data: had.board } : {};
      return this.say(ws, {
        id: c.id,
        subscribe: { recoverable: true, positioned: true, epoch: this.epoch, offset: had?.offset ?? 0, ...state },
      });
    }
    if (c.rpc)
      return this.say(ws, {
        id: c.id,
        rpc: { data: { id: 'display', demo: this.demo, now: iso(this.now()), speed_permille: this.speed * 1000 } },
      });
    return undefined;
  }

  drop() {
    for (const ws of this.sockets) ws.terminate();
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const gw = await new FakeGateway().listen(Number(process.argv[2] ?? 0));
  console.log(`${gw.url}/board`);
  setInterval(() => {
    const b = gw.boards.get('ranking:2018:county').board;
    const from = 1 + Math.floor(Math.random() * 9);
    gw.publish('ranking:2018:county', { ...lifted(b, b.rows[from].unit, from), at: iso(gw.now()) });
  }, 5000);
}
