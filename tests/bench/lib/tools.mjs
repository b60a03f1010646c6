// SPDX-License-Identifier: Apache-2.0
// Programs of tests/bench as objects: started, read line by line, ended by their pid.
import { spawn, execFileSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import readline from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';
import { BUILD } from '../../black/lib/gateway.mjs';

export const CORES = os.cpus().length;
export const SERVER_CPU = 0;
export const CLIENT_CPU = CORES > 1 ? 1 : 0;
const TMPFS = 0x01021994;
const program = (name) => path.join(BUILD, 'bench', name);

export const say = (text) => process.stderr.write(`${text}\n`);
export const median = (v) => [...v].sort((a, b) => a - b)[Math.floor(v.length / 2)];
/** Nearest rank. */
export const percentile = (v, p) => [...v].sort((a, b) => a - b)[Math.max(0, Math.ceil(v.length * p) - 1)];

/** A child whose stdout is JSON lines. */
export class Program {
  constructor(name, args, { stdin = 'ignore' } = {}) {
    this.name = name;
    this.proc = spawn(program(name), args.map(String), { stdio: [stdin, 'pipe', 'inherit'] });
    this.lines = [];
    this.waiting = [];
    readline.createInterface({ input: this.proc.stdout }).on('line', (l) => {
      const w = this.waiting.shift();
      if (w) w(l); else this.lines.push(l);
    });
    this.ended = new Promise((done) => this.proc.on('close', (code, signal) => {
      this.code = code ?? signal;
      for (const w of this.waiting) w(null);
      this.waiting = [];
      done(this.code);
    }));
  }

  get pid() { return this.proc.pid; }

  async raw(ms = 60000) {
    if (this.lines.length) return this.lines.shift();
    if (this.code !== undefined) throw new Error(`${this.name} ended: ${this.code}`);
    let timer;
    const late = new Promise((_, bad) => { timer = setTimeout(() => bad(new Error(`${this.name} says nothing for ${ms} ms`)), ms); });
    const line = await Promise.race([new Promise((done) => this.waiting.push(done)), late]);
    clearTimeout(timer);
    if (line === null) throw new Error(`${this.name} ended: ${this.code}`);
    return line;
  }

  async line(ms) { return JSON.parse(await this.raw(ms)); }

  async stop(signal = 'SIGTERM') {
    if (this.code === undefined) this.proc.kill(signal);
    return this.ended;
  }
}

/** Runs to its end; the last line. */
export async function once(name, args, ms = 80000) {
  const p = new Program(name, args);
  try {
    const last = await p.line(ms);
    await p.ended;
    if (p.code !== 0) throw new Error(`${name} ended: ${p.code} after ${JSON.stringify(last)}`);
    return last;
  } finally {
    await p.stop('SIGKILL');
  }
}

/** What a figure starts is ended when it is over, also when it fails. */
export class Scene {
  constructor() {
    this.parts = [];
    this.dir = fs.mkdtempSync(path.join(os.tmpdir(), 'zb-bench-'));
    this.n = 0;
  }

  file(name) { return path.join(this.dir, name); }
  shared(name) { // the progress file: memory, not a disk
    const f = `/dev/shm/${path.basename(this.dir)}-${name}`;
    this.parts.push({ stop: async () => fs.rmSync(f, { force: true }) });
    return f;
  }

  async keep(part) { this.parts.push(part); return part; }

  program(...args) {
    const p = new Program(...args);
    this.parts.push(p);
    return p;
  }

  async end() {
    for (const p of this.parts.reverse()) {
      try { await p.stop(); } catch (e) { say(`  at the end: ${e.message.slice(-1500)}`); }
    }
    fs.rmSync(this.dir, { recursive: true, force: true });
  }

  /** Subscribers, all served. tokens: lines of load's --who. */
  async load({ port, conns, who, ...more }) {
    const list = this.file(`who${this.n++}`);
    fs.writeFileSync(list, who.join('\n') + '\n', { mode: 0o600 });
    const progress = this.shared(`p${this.n}`);
    const args = ['--port', port, '--conns', conns, '--who', list, '--progress', progress, '--cpu', CLIENT_CPU,
      '--procs', Math.max(1, Math.ceil(conns / 5000)), '--ips', 8];
    for (const [k, v] of Object.entries(more)) if (v !== undefined) args.push(`--${k}`, v);
    const p = this.program('load', args);
    p.progress = progress;
    p.ready = await p.line(60000);
    if (p.ready.ready !== conns) throw new Error(`${conns} clients, but served: ${JSON.stringify(p.ready)}`);
    say(`  ${conns} clients in ${p.ready.seconds} s${p.ready.retried ? `, ${p.ready.retried} tries were put off` : ''}`);
    return p;
  }

  async floor() {
    const p = this.program('floor', ['--cpu', SERVER_CPU]);
    p.port = (await p.line(5000)).port;
    return p;
  }
}

/** The whole tree of pid to one core. */
export function pin(pid, cpu = SERVER_CPU) {
  execFileSync(program('pub'), ['--pin', String(cpu), '--pid', String(pid)]);
  for (const t of fs.readdirSync(`/proc/${pid}/task`)) {
    let kids = '';
    try { kids = fs.readFileSync(`/proc/${pid}/task/${t}/children`, 'utf8'); } catch { /* the thread has ended */ }
    for (const k of kids.split(' ').filter(Boolean)) pin(Number(k), cpu);
  }
}

export function cpuSeconds(pid) {
  const f = fs.readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1].split(' ');
  return (Number(f[11]) + Number(f[12])) / 100;
}

/** Part of the machine that is busy, over a moment. */
async function busy(ms) {
  const read = () => fs.readFileSync('/proc/stat', 'utf8').split('\n')[0].trim().split(/\s+/).slice(1).map(Number);
  const a = read();
  await delay(ms);
  const d = read().map((v, i) => v - a[i]), all = d.slice(0, 8).reduce((x, y) => x + y, 0);
  return all ? 1 - (d[3] + d[4]) / all : 0;
}

/** Waits a little for other work on the machine to end, and says if it does not: figures are then worse than they are. */
export async function quiet() {
  let part = 1;
  for (let i = 0; i < 20 && part > 0.1; i++) part = await busy(500);
  if (part > 0.1) say(`  other work takes ${Math.round(part * 100)} % of this machine: the figures suffer`);
}

export function memory(pid) {
  const text = fs.readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8');
  const kb = (name) => Number(text.match(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm'))[1]) * 1024;
  return { rss: kb('Rss'), pss: kb('Pss') };
}

export function refuseTmpfs(dir) {
  if (fs.statfsSync(dir).type === TMPFS) throw new Error(`${dir} lies on tmpfs: an fsync there proves nothing; set TMPDIR to a disk`);
}
