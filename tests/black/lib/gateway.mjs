// SPDX-License-Identifier: Apache-2.0
// One real gateway process with its own data directory, as a test needs it.
import { fileURLToPath } from 'node:url';
import { spawn, execFile } from 'node:child_process';
import { promisify } from 'node:util';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { createRequire } from 'node:module';
import WebSocket from 'ws';
import { until } from './until.mjs';

const require = createRequire(import.meta.url);
const { Centrifuge } = require('centrifuge');
const run = promisify(execFile);
export const ROOT = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../../..');
export const BUILD = path.join(ROOT, process.env.ZB_BUILD ?? 'build/release');
export const BIN = path.join(BUILD, 'zhangban');

export class Gateway {
  static written = 0;

  /** conf: further options by name ({'ping_s': ...} as in base/conf.def), and providers: {name: {kind, ...}}. demo: the 2018 sample and its people. */
  constructor({ conf = {}, demo = true, dir = null } = {}) {
    this.dir = dir ?? fs.mkdtempSync(path.join(os.tmpdir(), 'zb-'));
    this.own = dir === null;
    this.conf = { listen: '127.0.0.1:0', data: path.join(this.dir, 'var'), demo, 'gateway.rate_per_min': 100000, ...conf };
    this.file = path.join(this.dir, 'zhangban.conf');
    this.log = '';
    this.clients = [];
    process.setMaxListeners(0);
    process.on('exit', () => this.proc?.kill('SIGKILL'));
  }

  /** Whole or not at all: other commands of the same gateway may be reading it. */
  writeConf() {
    const next = `${this.file}.${++Gateway.written}`;
    const { providers = {}, ...options } = this.conf, lines = (o) => Object.entries(o).map(([k, v]) => `${k} = ${v}\n`).join('');
    fs.writeFileSync(next, lines(options) + Object.entries(providers).map(([name, o]) => `\n[provider ${name}]\n${lines(o)}`).join(''));
    fs.renameSync(next, this.file);
  }

  /** Starts the process and does not wait for it. */
  launch() {
    this.writeConf();
    this.exit = null;
    this.out = '';
    const env = { PATH: process.env.PATH, HOME: process.env.HOME, ASAN_OPTIONS: 'abort_on_error=0:detect_leaks=1:exitcode=99',
      UBSAN_OPTIONS: 'print_stacktrace=1', TSAN_OPTIONS: `suppressions=${ROOT}/tests/tsan.supp:exitcode=98` };
    this.proc = spawn(BIN, ['--config', this.file, 'serve'], { cwd: ROOT, env, stdio: ['ignore', 'pipe', 'pipe'] });
    this.proc.stdout.on('data', (d) => { this.out += d; });
    this.proc.stderr.on('data', (d) => { this.log += d; });
    this.ended = new Promise((done) => this.proc.on('exit', (code, signal) => { this.exit = { code, signal }; done(this.exit); }));
    return this;
  }

  /** Starts and waits for the ready line. */
  async start() {
    this.launch();
    await until(() => {
      if (this.exit) throw new Error(`gateway ended ${JSON.stringify(this.exit)}\n${this.log}`);
      return /zhangban ready http:\/\/(\S+)/.test(this.out);
    }, { ms: 60000, every: 10, what: 'ready line' });
    for (const h of [this.proc, this.proc.stdout, this.proc.stderr]) h.unref(); // a test that failed before its end does not wait for it
    this.url = this.out.match(/zhangban ready (http:\/\/\S+)/)[1];
    if (this.port === undefined) { // the same port after a restart, so that clients come back by themselves
      this.port = Number(new URL(this.url).port);
      this.conf.listen = `127.0.0.1:${this.port}`;
    }
    return this;
  }

  get pid() { return this.proc.pid; }

  async kill(signal = 'SIGKILL') {
    if (this.exit) return this.exit;
    this.proc.ref();
    this.proc.kill(signal);
    return this.ended;
  }

  /** Orderly end; a sanitizer report or an unclean exit fails the test that owns it. */
  async stop() {
    for (const c of this.clients) c.disconnect();
    this.clients = [];
    if (this.proc && !this.exit) {
      this.proc.ref();
      this.proc.kill('SIGTERM');
      const end = await Promise.race([this.ended, new Promise((d) => setTimeout(() => d(null), 30000).unref())]);
      if (end === null) {
        this.proc.kill('SIGABRT');
        await this.ended;
        throw new Error(`gateway did not stop in 30 s\n${this.log.slice(-6000)}`);
      }
      if (end.code !== 0) throw new Error(`gateway ended ${JSON.stringify(end)}\n${this.log.slice(-8000)}`);
    }
    this.sanitizer();
    if (this.own) fs.rmSync(this.dir, { recursive: true, force: true });
  }

  sanitizer() {
    if (/Sanitizer|runtime error:|CHECK FAILED/.test(this.log)) throw new Error(`sanitizer or check:\n${this.log.slice(-8000)}`);
  }

  /** An operator command; resolves to {code, stdout, stderr}. */
  async command(...args) {
    this.writeConf();
    try {
      const { stdout, stderr } = await run(BIN, ['--config', this.file, ...args], { cwd: ROOT, maxBuffer: 64 << 20 });
      return { code: 0, stdout, stderr };
    } catch (e) {
      return { code: e.code, stdout: e.stdout, stderr: e.stderr };
    }
  }

  async token(person) {
    const r = await this.command('session', '--person', person);
    if (r.code !== 0) throw new Error(`session for ${person}: ${r.stderr}`);
    return r.stdout.trim();
  }

  /** REST: {status, body (parsed), headers}. as: person id (a session is made once) or {token}. */
  async rest(method, url, { as = null, body, headers = {}, raw } = {}) {
    const h = { ...headers };
    if (as) h.authorization = `Bearer ${await this.tokenOf(as)}`;
    if (body !== undefined) h['content-type'] = 'application/json';
    const res = await fetch(this.url + url, { method, headers: h, body: raw ?? (body === undefined ? undefined : JSON.stringify(body)) });
    const text = await res.text();
    let parsed = text;
    try { parsed = JSON.parse(text); } catch { /* not JSON */ }
    return { status: res.status, body: parsed, headers: res.headers };
  }

  async ok(method, url, opts) {
    const r = await this.rest(method, url, opts);
    if (r.status >= 300) throw new Error(`${method} ${url}: ${r.status} ${JSON.stringify(r.body)}`);
    return r.body;
  }

  async tokenOf(as) {
    if (typeof as === 'object') return as.token;
    this.tokens ??= new Map();
    if (!this.tokens.has(as)) this.tokens.set(as, this.token(as));
    return this.tokens.get(as);
  }

  /** The unmodified centrifuge client, connected. */
  async client(as, { connect = true, ...opts } = {}) {
    const token = as ? await this.tokenOf(as) : '';
    const c = new Centrifuge(`ws://127.0.0.1:${this.port}/connection/websocket`,
      { websocket: WebSocket, token, minReconnectDelay: 50, maxReconnectDelay: 400, ...opts });
    c.on('error', () => {});
    this.clients.push(c);
    c.connect();
    if (connect) await c.ready(15000);
    return c;
  }

  async rpc(as, method, data = {}) {
    this.rpcs ??= new Map();
    const key = typeof as === 'object' ? as.token : as;
    if (!this.rpcs.has(key)) this.rpcs.set(key, await this.client(as));
    return (await this.rpcs.get(key).rpc(method, data)).data;
  }

  async metric(name) {
    const text = await (await fetch(`${this.url}/metrics`)).text();
    const line = text.split('\n').find((l) => l.startsWith(name) && (l[name.length] === ' ' || l[name.length] === '{'));
    return line ? Number(line.split(' ').at(-1)) : 0;
  }
}

/** A demo gateway for the whole file: `const gw = await demo(t)` in a before hook; stopped afterwards. */
export async function started(opts) {
  return new Gateway(opts).start();
}
