// SPDX-License-Identifier: Apache-2.0
// Bytes on a socket as a test wants them: one netserver process, raw TCP, HTTP answers, WebSocket frames.
import { fileURLToPath } from 'node:url';
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import { built } from './built.mjs';

const ROOT = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../../..');
const SUPP = path.join(ROOT, 'tests/tsan.supp');
const PATIENCE_MS = 20000;
export const KEY = 'dGhlIHNhbXBsZSBub25jZQ==', ACCEPT = 's3pPLMBiTxaQ9kYGzzhZRbK+xOo=';
export const WS_PATH = '/connection/websocket';

export class Server {
  static all = new Set();
  /** What a failed test has left. */
  static endAll() { for (const s of Server.all) s.proc.kill('SIGKILL'); }

  static async start(args = {}) {
    const s = new Server();
    Server.all.add(s);
    s.proc = spawn(built('netserver'), Object.entries(args).map(([k, v]) => `${k}=${v}`), {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { PATH: process.env.PATH, ASAN_OPTIONS: 'detect_leaks=1:exitcode=99', UBSAN_OPTIONS: 'print_stacktrace=1',
        TSAN_OPTIONS: `${existsSync(SUPP) ? `suppressions=${SUPP}:` : ''}exitcode=98` },
    });
    s.out = '';
    s.err = '';
    s.proc.stderr.on('data', (d) => { s.err += d; });
    s.ended = new Promise((done) => s.proc.on('close', (code, signal) => done({ code, signal })));
    await new Promise((done, fail) => {
      s.proc.stdout.on('data', (d) => { s.out += d; if (s.out.includes('\n')) done(); });
      s.ended.then((e) => fail(new Error(`netserver ended ${JSON.stringify(e)} ${s.err}`)));
    });
    s.port = JSON.parse(s.out.split('\n')[0]).port;
    s.raws = [];
    return s;
  }

  /** Ends it and asserts an orderly end: everything freed, no sanitizer report. */
  async stop() {
    this.proc.kill('SIGTERM');
    const e = await this.ended;
    Server.all.delete(this);
    for (const r of this.raws) r.s.destroy();
    assert.deepEqual(e, { code: 0, signal: null }, this.err.slice(0, 6000));
    assert.match(this.out, /stopped/);
  }

  raw(options = {}) {
    const r = new Raw(this.port, options);
    this.raws.push(r);
    return r;
  }

  /** Sends text as it is, gives all answers until the server closes. */
  async answers(text, options) {
    const r = this.raw(options);
    r.write(text);
    await r.end();
    const out = [];
    for (let b = r.take(r.size); b.length;) {
      const a = parse(b, options?.head);
      out.push(a);
      b = b.subarray(a.total);
    }
    return out;
  }

  /** One answer; the connection may stay open. */
  async answer(text, options) {
    const r = this.raw(options);
    r.write(text);
    const a = await r.answer(options);
    r.s.destroy();
    return a;
  }

  async get(target, extra = '') { return this.answer(`GET ${target} HTTP/1.1\r\nHost: a\r\n${extra}\r\n`); }
  async stats() { return JSON.parse((await this.get('/stats')).body); }

  async ws({ path: p = WS_PATH, extra = '', early = null, ...options } = {}) {
    const r = this.raw(options);
    const head = Buffer.from(handshake({ path: p, extra }));
    r.write(early ? Buffer.concat([head, early]) : head);
    const a = await r.answer();
    assert.equal(a.status, 101, a.text);
    assert.equal(a.headers['sec-websocket-accept'], ACCEPT);
    return new Ws(r);
  }
}

export function handshake({ path: p = WS_PATH, extra = '', version = '13', key = KEY, method = 'GET', http = 'HTTP/1.1', host = 'Host: a\r\n',
  connection = 'Connection: Upgrade\r\n', upgrade = 'Upgrade: websocket\r\n' } = {}) {
  return `${method} ${p} ${http}\r\n${host}${upgrade}${connection}${key === null ? '' : `Sec-WebSocket-Key: ${key}\r\n`}` +
    `${version === null ? '' : `Sec-WebSocket-Version: ${version}\r\n`}${extra}\r\n`;
}

function parse(b, isHead = false) {
  const end = b.indexOf('\r\n\r\n');
  if (end < 0) return null;
  const text = b.subarray(0, end).toString('latin1'), lines = text.split('\r\n');
  const headers = {};
  for (const l of lines.slice(1)) {
    const i = l.indexOf(': ');
    assert.ok(i > 0, `header line ${l}`);
    const name = l.slice(0, i).toLowerCase();
    assert.ok(!(name in headers), `${name} twice`);
    headers[name] = l.slice(i + 2);
  }
  const m = /^HTTP\/1\.1 (\d{3}) [A-Z]/.exec(lines[0]);
  assert.ok(m, `status line ${lines[0]}`);
  const status = Number(m[1]), none = isHead || status === 204 || status === 304 || status < 200;
  const n = none ? 0 : Number(headers['content-length']);
  if (b.length < end + 4 + n) return null;
  return { status, headers, text, body: b.subarray(end + 4, end + 4 + n).toString(), total: end + 4 + n };
}

export class Raw {
  constructor(port, { host = '127.0.0.1', from, halfOpen = true } = {}) {
    this.chunks = Buffer.alloc(0);
    this.eof = false;
    this.error = null;
    this.wake = () => {};
    this.s = net.connect({ port, host, localAddress: from, allowHalfOpen: halfOpen, noDelay: true });
    this.s.on('data', (d) => { this.chunks = this.chunks.length ? Buffer.concat([this.chunks, d]) : d; this.wake(); });
    this.s.on('end', () => { this.eof = true; this.wake(); });
    this.s.on('close', () => { this.eof = true; this.wake(); });
    this.s.on('error', (e) => { this.error = e; this.eof = true; this.wake(); });
    this.connected = new Promise((done) => { this.s.once('connect', done); this.s.once('error', done); });
  }

  get size() { return this.chunks.length; }
  write(b) { this.s.write(typeof b === 'string' ? Buffer.from(b, 'latin1') : b); }
  take(n) { const b = this.chunks.subarray(0, n); this.chunks = this.chunks.subarray(n); return b; }

  async when(test, what = 'bytes') {
    const limit = Date.now() + PATIENCE_MS;
    for (;;) {
      const v = test();
      if (v) return v;
      const left = limit - Date.now();
      if (left <= 0) throw new Error(`no ${what}; have ${JSON.stringify(this.chunks.toString('latin1').slice(0, 300))} eof ${this.eof}`);
      await new Promise((done) => { const t = setTimeout(done, left); this.wake = () => { clearTimeout(t); done(); }; });
    }
  }

  async end() { await this.when(() => this.eof, 'end of the connection'); }

  async answer({ head = false } = {}) {
    const a = await this.when(() => {
      const got = parse(this.chunks, head);
      if (!got && this.eof) throw new Error(`closed without an answer, have ${JSON.stringify(this.chunks.toString('latin1'))} ${this.error}`);
      return got;
    }, 'answer');
    this.take(a.total);
    return a;
  }
}

/** One client frame. len: lie about the length (then the header is all there is, plus payload). */
export function frame(op, payload = '', { fin = true, mask = true, rsv = 0, len, form } = {}) {
  const p = Buffer.isBuffer(payload) ? payload : Buffer.from(payload);
  const n = len ?? BigInt(p.length), N = BigInt(n), m = mask ? 0x80 : 0;
  const first = (fin ? 0x80 : 0) | rsv << 4 | op;
  let h;
  if (form === 64 || (!form && N > 65535n)) {
    h = Buffer.alloc(10);
    h.writeBigUInt64BE(N, 2);
    h[1] = m | 127;
  } else if (form === 16 || (!form && N > 125n)) {
    h = Buffer.alloc(4);
    h.writeUInt16BE(Number(N), 2);
    h[1] = m | 126;
  } else {
    h = Buffer.from([0, m | Number(N)]);
  }
  h[0] = first;
  if (!mask) return Buffer.concat([h, p]);
  const k = Buffer.from([0x37, 0xfa, 0x21, 0x3d]), masked = Buffer.from(p);
  for (let i = 0; i < masked.length; i++) masked[i] ^= k[i & 3];
  return Buffer.concat([h, k, masked]);
}
export const TEXT = 1, BINARY = 2, CONT = 0, CLOSE = 8, PING = 9, PONG = 10;

export function closeBody(code, reason = '') {
  const b = Buffer.alloc(2);
  b.writeUInt16BE(code);
  return Buffer.concat([b, Buffer.from(reason)]);
}

export class Ws {
  constructor(raw) { this.raw = raw; }
  send(op, payload, options) { this.raw.write(frame(op, payload, options)); }
  text(t) { this.send(TEXT, t); }

  /** The next frame of the server, or null at the end of the connection. */
  async next() {
    return this.raw.when(() => {
      const b = this.raw.chunks;
      if (b.length >= 2) {
        assert.equal(b[1] & 0x80, 0, 'server frames are not masked');
        let n = b[1] & 127, at = 2;
        if (n === 126 && b.length >= 4) { n = b.readUInt16BE(2); at = 4; assert.ok(n > 125, 'minimal length'); }
        else if (n === 127 && b.length >= 10) { n = Number(b.readBigUInt64BE(2)); at = 10; assert.ok(n > 65535, 'minimal length'); }
        else if (n > 125) n = Infinity;
        if (b.length >= at + n) {
          const f = { fin: !!(b[0] & 0x80), rsv: b[0] >> 4 & 7, op: b[0] & 15, payload: Buffer.from(b.subarray(at, at + n)) };
          assert.equal(f.rsv, 0);
          this.raw.take(at + n);
          if (f.op === CLOSE && n >= 2) { f.code = f.payload.readUInt16BE(0); f.reason = f.payload.subarray(2).toString(); }
          return f;
        }
      }
      return this.raw.eof ? { op: null } : null;
    }, 'frame');
  }

  async nextText() {
    const f = await this.next();
    assert.equal(f.op, TEXT, `wanted text, got ${JSON.stringify(f)}`);
    return f.payload.toString();
  }

  async echo(t) { this.text(t); assert.equal(await this.nextText(), t); }

  /** The server must close: with this code (null: no Close frame needed, any end will do). */
  async closed(code, reason) {
    let f = await this.next();
    while (f.op === TEXT || f.op === PONG) f = await this.next();
    if (code !== null) {
      assert.equal(f.op, CLOSE, `wanted Close ${code}, got ${JSON.stringify(f)}`);
      assert.equal(f.code, code);
      if (reason !== undefined) assert.equal(f.reason, reason);
    }
    if (f.op === CLOSE) {
      this.send(CLOSE, f.payload);
      f = await this.next();
      assert.equal(f.op, null, 'nothing after Close');
    }
  }
}
