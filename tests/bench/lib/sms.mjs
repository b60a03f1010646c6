// SPDX-License-Identifier: Apache-2.0
// SMS through the whole worker to a fast SMSC (tests/peers/smscfast.c): beside Debian's Kannel, under throttling, and with a million waiting.
import { execFile, spawn } from 'node:child_process';
import fs from 'node:fs';
import http from 'node:http';
import net from 'node:net';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { BIN, BUILD, Gateway, ROOT } from '../../black/lib/gateway.mjs';
import { rows } from '../../black/lib/city.mjs';
import { CLIENT_CPU, Program, SERVER_CPU, cpuSeconds, memory, once, pin, refuseTmpfs, say } from './tools.mjs';

const WINDOW = 100;
const round = (x) => Math.round(x * 10) / 10;

async function waitFor(what, ms, cond, every = 100) {
  for (const end = Date.now() + ms; Date.now() < end; await delay(every)) if (await cond()) return;
  throw new Error(`not within ${ms} ms: ${what}`);
}

// ---- the SMSC ----
class Smsc extends Program {
  constructor(args) { super('../peers/smscfast', ['--cpu', CLIENT_CPU, ...args], { stdin: 'pipe' }); }
  async ready() { this.port ??= (await this.line(5000)).port; return this; }
  async stats() {
    this.proc.stdin.write('?\n');
    return this.line(5000);
  }
}
async function smscfast(scene, ...args) { return (await scene.keep(new Smsc(args))).ready(); }

// ---- our side ----
/** A gateway without demo that only relays; workers are processes of their own. */
async function house(scene, port, provider = {}) {
  const gw = new Gateway({ demo: false, conf: { 'push.in_process': false, 'notice.plan_p1': 'sms+0/0' } });
  const secret = path.join(gw.dir, 'smpp.secret');
  fs.writeFileSync(secret, 'secret', { mode: 0o600 });
  gw.conf.providers = { fast: { kind: 'smpp', host: '127.0.0.1', port, system_id: 'zwsp', secret_file: secret, src_id: '10690000123', id_form: 'same', window: WINDOW, ...provider } };
  await scene.keep(gw);
  await gw.start();
  refuseTmpfs(gw.conf.data);
  pin(gw.pid);
  return gw;
}

/** zhangban push, ready; stop() ends it in order. */
async function worker(scene, gw, name) {
  const proc = spawn(BIN, ['--config', gw.file, 'push', '--worker', name], { cwd: ROOT, stdio: ['ignore', 'pipe', 'pipe'] });
  const w = { proc, pid: proc.pid, out: '', log: '' };
  proc.stdout.on('data', (d) => { w.out += d; });
  proc.stderr.on('data', (d) => { w.log += d; });
  w.ended = new Promise((done) => proc.on('exit', (code) => { w.code = code ?? -1; done(); }));
  w.stop = async () => { if (w.code === undefined) proc.kill('SIGTERM'); await w.ended; if (w.code !== 0) throw new Error(`worker ended ${w.code}: ${w.log.slice(-2000)}`); };
  await scene.keep(w);
  await waitFor(`worker ${name}`, 20000, () => { if (w.code !== undefined) throw new Error(w.log); return w.out.includes('ready'); }, 20);
  pin(w.pid);
  return w;
}

function family(pid) {
  const out = [pid];
  for (const t of fs.readdirSync(`/proc/${pid}/task`)) {
    try { for (const k of fs.readFileSync(`/proc/${pid}/task/${t}/children`, 'utf8').split(' ').filter(Boolean)) out.push(...family(Number(k))); } catch { /* ended */ }
  }
  return [...new Set(out)];
}
const cpuOf = (pids) => pids.reduce((n, p) => n + cpuSeconds(p), 0);
const count = async (gw, where) => (await rows(gw, `SELECT count(*) AS n FROM delivery WHERE ${where}`))[0].n;

/** Everything written, said on live channels, and what fits is in its lane. */
async function filled(gw, n) {
  await waitFor('the outbox is empty', 60000 + n, async () => (await gw.metric('zhangban_outbox_waiting')) === 0);
  const want = Math.min(n, 10000);
  await waitFor('lanes', 60000, async () => await count(gw, "state = 'queued'") >= want, 300);
}

async function drain(scene, gw, smsc, n, names = ['w1'], ms = 100000) {
  const workers = [];
  for (const name of names) workers.push(await worker(scene, gw, name));
  const pids = [...workers.map((w) => w.pid), ...family(gw.pid)], was = pids.map(cpuSeconds), t0 = Date.now(), peak = [0, 0];
  await waitFor('all are accepted', ms, async () => {
    for (const [i, p] of [workers[0].pid, gw.pid].entries()) peak[i] = Math.max(peak[i], memory(p).rss);
    return (await smsc.stats()).accepted >= n;
  });
  await waitFor('all are on record', 20000, async () => await count(gw, "state = 'delivered'") >= n, 200);
  const s = await smsc.stats(), cpu = pids.map((p, i) => cpuSeconds(p) - was[i]), parts = cpu.map((c, i) => `${i < workers.length ? 'worker' : ['gateway', 'redis'][i - workers.length]} ${round(c / n * 1e6)}`);
  const out = { rate: n / s.seconds, cpu: cpu.reduce((a, b) => a + b, 0) / n, wall: (Date.now() - t0) / 1000, peak, smsc: s, parts };
  for (const w of workers) await w.stop();
  return out;
}

// ---- Kannel ----
const freePort = () => new Promise((done) => { const s = net.createServer().listen(0, '127.0.0.1', () => { const { port } = s.address(); s.close(() => done(port)); }); });

function kannelMissing() {
  return ['bearerbox', 'smsbox'].find((f) => !fs.existsSync(`/usr/sbin/${f}`));
}

function box(scene, name, conf) {
  const proc = spawn(`/usr/sbin/${name}`, ['-v', '4', conf], { stdio: ['ignore', 'ignore', 'pipe'], cwd: scene.dir });
  let log = '';
  proc.stderr.on('data', (d) => { log = (log + d).slice(-4000); });
  const ended = new Promise((done) => proc.on('exit', done));
  return scene.keep({ pid: proc.pid, log: () => log, stop: async () => { proc.kill('SIGTERM'); await Promise.race([ended, delay(5000)]); proc.kill('SIGKILL'); await ended; } });
}

async function kannel(scene, n, text) {
  const [admin, boxPort, send] = [await freePort(), await freePort(), await freePort()];
  const first = await smscfast(scene), { port } = first; // only for a port: Kannel queues while nobody listens there
  await first.stop();
  const conf = scene.file('kannel.conf');
  fs.writeFileSync(conf, `group = core
admin-port = ${admin}
admin-password = bench
admin-interface = 127.0.0.1
smsbox-port = ${boxPort}
smsbox-interface = 127.0.0.1
box-allow-ip = 127.0.0.1
log-level = 4
log-file = ${scene.file('bearerbox.log')}
store-type = file
store-location = ${scene.file('kannel.store')}
dlr-storage = internal
sms-outgoing-queue-limit = 10000000
sms-incoming-queue-limit = 10000000

group = smsc
smsc = smpp
smsc-id = fast
host = 127.0.0.1
port = ${port}
smsc-username = zwsp
smsc-password = secret
system-type = ""
transceiver-mode = true
max-pending-submits = ${WINDOW}
reconnect-delay = 1

group = smsbox
bearerbox-host = 127.0.0.1
sendsms-port = ${send}
sendsms-interface = 127.0.0.1
log-level = 4
log-file = ${scene.file('smsbox.log')}
mo-recode = false

group = sendsms-user
username = bench
password = bench
max-messages = 10
concatenation = true

group = sms-service
keyword = default
max-messages = 0
text = ""
`);
  const bearer = await box(scene, 'bearerbox', conf);
  await delay(1500);
  const sms = await box(scene, 'smsbox', conf);
  await delay(1500);
  pin(bearer.pid);
  pin(sms.pid);
  const agent = new http.Agent({ keepAlive: true, maxSockets: 16 });
  const one = (i) => new Promise((done, bad) => {
    const q = new URLSearchParams({ username: 'bench', password: 'bench', from: '10690000123', to: `1380000${String(i % 1000).padStart(4, '0')}`, coding: '2', charset: 'UTF-8', 'dlr-mask': '3', text });
    http.get({ host: '127.0.0.1', port: send, path: `/cgi-bin/sendsms?${q}`, agent }, (res) => { res.resume(); res.on('end', () => (res.statusCode === 202 ? done() : bad(new Error(`sendsms ${res.statusCode}`)))); }).on('error', bad);
  });
  const cpu0 = cpuOf([bearer.pid, sms.pid]), t0 = Date.now();
  let next = 0;
  await Promise.all(Array.from({ length: 16 }, async () => { while (next < n) await one(next++); }));
  agent.destroy();
  const cpu1 = cpuOf([bearer.pid, sms.pid]), in_s = (Date.now() - t0) / 1000;
  const smsc = await smscfast(scene, '--port', port);
  await waitFor('Kannel has sent all', 100000, async () => (await smsc.stats()).accepted >= n);
  await waitFor('and heard of all', 20000, async () => (await smsc.stats()).acked >= n).catch((e) => say(`  ${e.message}`));
  const s = await smsc.stats(), cpu2 = cpuOf([bearer.pid, sms.pid]);
  await sms.stop();
  await bearer.stop();
  return { rate: n / s.seconds, cpu: (cpu2 - cpu1) / n, in_cpu: (cpu1 - cpu0) / n, in_rate: n / in_s, smsc: s };
}

export async function smsVsKannel(scene) {
  const N = Number(process.env.ZB_BENCH_SMS ?? 20000), text = '【南平掌办】新任务「城区道路提升工程」，6月30日前办结，请登录掌办办理。';
  const missing = kannelMissing();
  let k = null;
  if (missing) say(`  without Kannel (apt-get install --no-install-recommends kannel): no /usr/sbin/${missing}`);
  else {
    k = await kannel(scene, N, text);
    say(`  Kannel: takes ${Math.round(k.in_rate)}/s by HTTP at ${round(k.in_cpu * 1e6)} CPU-us each; sends ${Math.round(k.rate)}/s at ${round(k.cpu * 1e6)} CPU-us each; ${JSON.stringify(k.smsc)}`);
  }
  const smsc = await smscfast(scene), gw = await house(scene, smsc.port, { rate_per_s: 100000 });
  const q = await once('queue', [gw.file, N]);
  await filled(gw, N);
  const x = await drain(scene, gw, smsc, N);
  say(`  ours: takes ${Math.round(N / q.seconds)}/s at ${round(q.cpu_s / N * 1e6)} CPU-us each; sends ${Math.round(x.rate)}/s at ${round(x.cpu * 1e6)} CPU-us each, recorded in ${round(x.wall)} s; (${x.parts.join(', ')}); ${JSON.stringify(x.smsc)}`);
  if (x.smsc.submits !== N) throw new Error(`${N} messages, ${x.smsc.submits} submits`);
  if (!k) return [{ name: 'sms_smpp', value: x.rate, unit: 'SMS per second over one SMPP link', beside: 0, ratio: 0 }];
  return [
    { name: 'sms_smpp_vs_kannel', value: x.rate, unit: 'SMS per second over one SMPP link', beside: k.rate, ratio: x.rate / k.rate },
    { name: 'sms_smpp_vs_kannel_cpu', value: x.cpu * 1000, unit: 'CPU-s per 1 000 SMS, from the queue to the recorded receipt', beside: k.cpu * 1000, ratio: x.cpu / k.cpu },
  ];
}

// ---- four processes beside one store ----
export async function fourWorkers(scene) {
  const N = Number(process.env.ZB_BENCH_SMS ?? 20000), rate = [];
  for (const names of [['w1'], ['w1', 'w2', 'w3', 'w4']]) {
    const smsc = await smscfast(scene), gw = await house(scene, smsc.port, { rate_per_s: 100000 });
    await once('queue', [gw.file, N]);
    await filled(gw, N);
    const x = await drain(scene, gw, smsc, N, names);
    if (x.smsc.submits !== N) throw new Error(`${N} messages, ${x.smsc.submits} submits`);
    say(`  ${names.length} worker${names.length > 1 ? 's' : ''}: ${Math.round(x.rate)}/s at ${round(x.cpu * 1e6)} CPU-us each (${x.parts.join(', ')})`);
    rate.push(x.rate);
    await gw.stop();
  }
  return [{ name: 'sms_four_workers', value: rate[1], unit: 'SMS per second, four workers on one core', beside: rate[0], ratio: rate[1] / rate[0] }];
}

// ---- throttling ----
export async function throttled(scene) {
  const RATE = 500, out = [];
  for (const workers of [1, 4]) {
    const smsc = await smscfast(scene, '--throttle-every', 100, '--rate', RATE), gw = await house(scene, smsc.port, { rate_per_s: RATE });
    await once('queue', [gw.file, RATE * 16]);
    await filled(gw, RATE * 16);
    const all = [];
    for (let i = 0; i < workers; i++) all.push(await worker(scene, gw, `w${i}`));
    await delay(3000);
    const a = await smsc.stats(), t0 = performance.now();
    await delay(9000);
    const b = await smsc.stats(), rate = (b.accepted - a.accepted) / (performance.now() - t0) * 1000;
    say(`  ${workers} worker${workers > 1 ? 's' : ''}: ${round(rate)}/s accepted, ${b.throttled - a.throttled} throttled of ${b.submits - a.submits} (${b.over - a.over} for more than ${RATE} in a second)`);
    for (const w of all) await w.stop();
    await gw.stop();
    out.push({ name: workers === 1 ? 'sms_throttled_1pct' : `sms_throttled_1pct_${workers}`, value: rate, unit: `SMS per second accepted, ${workers} worker${workers > 1 ? 's' : ''}`, beside: RATE, ratio: rate / RATE });
  }
  return out;
}

// ---- a million ----
export async function million(scene) {
  const N = Number(process.env.ZB_BENCH_QUEUE ?? 1000000);
  const smsc = await smscfast(scene), gw = await house(scene, smsc.port, { rate_per_s: 100000 });
  const rss0 = memory(gw.pid).rss, watch = { peak: 0, on: true };
  const watching = (async () => { while (watch.on) { watch.peak = Math.max(watch.peak, memory(gw.pid).rss); await delay(250); } })();
  const q = await once('queue', [gw.file, N, 200], 30000 + N);
  say(`  ${N} notices written in ${q.seconds} s, ${Math.round(N / q.seconds)}/s, ${round(q.cpu_s / N * 1e6)} CPU-us each`);
  await filled(gw, N);
  watch.on = false;
  await watching;
  const size = fs.statSync(path.join(gw.conf.data, 'zhangban.db')).size, redis = family(gw.pid).slice(1).reduce((n, p) => n + memory(p).rss, 0);
  say(`  waiting: gateway ${rss0 >> 20} -> ${watch.peak >> 20} MiB, Redis ${redis >> 20} MiB, store ${size >> 20} MiB`);
  const x = await drain(scene, gw, smsc, N, ['w1'], 60000 + N);
  say(`  sent ${Math.round(x.rate)}/s at ${round(x.cpu * 1e6)} CPU-us each; worker ${x.peak[0] >> 20} MiB, gateway ${x.peak[1] >> 20} MiB; (${x.parts.join(', ')})`);
  const LIMIT = 128 * 2 ** 20;
  return [
    { name: 'queue_million', value: N / q.seconds, unit: `notices written per second, ${N} of them`, beside: x.rate, ratio: N / q.seconds / x.rate },
    { name: 'queue_million_drain', value: x.rate, unit: 'SMS per second from the full queue', beside: N / q.seconds, ratio: x.rate / (N / q.seconds) },
    { name: 'queue_million_rss', value: Math.max(x.peak[0], x.peak[1], watch.peak), unit: 'bytes, the larger of worker and gateway', beside: LIMIT, ratio: Math.max(x.peak[0], x.peak[1], watch.peak) / LIMIT },
  ];
}
