// SPDX-License-Identifier: Apache-2.0
// make bench: one JSON line a figure on stdout {name, value, unit, beside, ratio}, progress on stderr. Method: docs/PERFORMANCE.md.
import fs from 'node:fs';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { BOARD, city, openTask, redisOf, report } from './lib/city.mjs';
import { pushH2 } from './lib/push.mjs';
import { fourWorkers, million, smsVsKannel, throttled } from './lib/sms.mjs';
import { CLIENT_CPU, CORES, SERVER_CPU, Scene, cpuSeconds, median, memory, once, percentile, pin, quiet, refuseTmpfs, say } from './lib/tools.mjs';

const SUBS = 10000, SIZE = 600, WINDOW = 4, PAIRS = 11;
const number = (x, digits = 3) => Number(x.toPrecision(digits + 1));

// ---- fan-out: CPU per delivery, beside a loop of send() of the same bytes ----
async function fanout(scene) {
  const gw = await city(scene), floor = await scene.floor();
  const token = await gw.token('demo-display');
  const a = await scene.load({ port: gw.port, conns: SUBS, who: [token], channel: BOARD, latency: 'ts' });
  const b = await scene.load({ port: floor.port, conns: SUBS, who: ['-'], channel: BOARD, latency: 'ts' });
  const common = ['--channel', BOARD, '--size', SIZE, '--window', WINDOW, '--subs', SUBS, '--cpu', CLIENT_CPU];
  const ours = [], bare = [];
  let seq = 1e9;
  const turns = [
    async (n) => once('pub', [...common, '--to', `redis:${redisOf(gw)}`, '--first-seq', seq, '--progress', a.progress, '--pid', gw.pid, '--count', n]),
    async (n) => once('pub', [...common, '--to', `floor:${floor.port}`, '--progress', b.progress, '--pid', floor.pid, '--count', n]),
  ];
  for (let i = 0; i <= PAIRS; i++) { // in turn, so that what else the machine does falls on both; the first pair warms up
    const n = i === 0 ? 2 : 8, got = [];
    for (const k of i % 2 ? [0, 1] : [1, 0]) got[k] = await turns[k](n);
    const [x, y] = got;
    seq += n;
    if (x.lost || y.lost) throw new Error(`lost: ${JSON.stringify({ x, y })}`);
    if (i === 0) continue;
    ours.push(x);
    bare.push(y);
    say(`  gateway ${x.cpu_s_per_million} CPU-s/M, ${x.per_s}/s   floor ${y.cpu_s_per_million} CPU-s/M, ${y.per_s}/s   ratio ${number(x.cpu_s_per_million / y.cpu_s_per_million)}`);
  }
  const value = median(ours.map((x) => x.cpu_s_per_million)), beside = median(bare.map((x) => x.cpu_s_per_million));
  const ratio = median(ours.map((x, i) => x.cpu_s_per_million / bare[i].cpu_s_per_million));
  return [{ name: 'fanout_10k', value, unit: 'CPU-s per million deliveries', beside, ratio }];
}

// ---- memory of an idle phone ----
async function idle(scene) {
  const CONNS = 15000, LIMIT = 2048;
  const gw = await city(scene);
  const token = await gw.token('demo-display');
  const warm = await scene.load({ port: gw.port, conns: 50, who: [token], channel: BOARD });
  await warm.stop();
  await delay(1000);
  const before = memory(gw.pid);
  await scene.load({ port: gw.port, conns: CONNS, who: [token], channel: BOARD });
  await delay(3000);
  const after = memory(gw.pid), conns = await gw.metric('zhangban_connections'), subs = await gw.metric('zhangban_subscriptions');
  if (conns !== CONNS || subs !== CONNS) throw new Error(`${conns} connections, ${subs} subscriptions`);
  const rss = (after.rss - before.rss) / CONNS, pss = (after.pss - before.pss) / CONNS;
  say(`  RSS ${before.rss >> 20} -> ${after.rss >> 20} MiB, PSS ${before.pss >> 20} -> ${after.pss >> 20} MiB`);
  return [
    { name: 'idle_bytes_15k', value: rss, unit: 'bytes of RSS per connection', beside: LIMIT, ratio: rss / LIMIT },
    { name: 'idle_pss_15k', value: pss, unit: 'bytes of PSS per connection', beside: LIMIT, ratio: pss / LIMIT },
  ];
}

// ---- acknowledged writes, beside SQLite alone doing the same statements in the same batches ----
async function durable(scene) {
  const CONNS = 64, INFLIGHT = 8, WARM = 1000, FOR = 6000, NOTE = 4000;
  refuseTmpfs(scene.dir);
  const one = async (port, gw, task, times) => {
    const token = await gw.tokenOf('demo-responsible');
    const who = Array.from({ length: CONNS }, (_, i) => [token, 'task.report', JSON.stringify(report(task, i))].join('\t'));
    const load = await scene.load({ port, conns: CONNS, who, inflight: INFLIGHT, ...times });
    const x = await load.line();
    await load.ended;
    if (x.refused) throw new Error(`refused: ${JSON.stringify(x)}`);
    return x;
  };
  const gw = await city(scene);
  refuseTmpfs(gw.conf.data);
  const task = await openTask(gw);
  const batches0 = await gw.metric('zhangban_writer_batches_total'), cpu0 = cpuSeconds(gw.pid), t0 = Date.now();
  const x = await one(gw.port, gw, task, { 'warm-ms': WARM, 'for-ms': FOR });
  const cpu = (cpuSeconds(gw.pid) - cpu0) / (Date.now() - t0) * 1000;
  const batches = await gw.metric('zhangban_writer_batches_total') - batches0;
  const rate = x.answered / x.seconds;
  say(`  gateway ${Math.round(rate)} acknowledged writes/s, ${number(x.answered_in_all / batches, 2)} a commit, p50 ${x.p50_ms} ms, p99 ${x.p99_ms} ms, CPU ${number(cpu, 2)} of a core`);
  await gw.kill('SIGTERM');

  // a second city, whose gateway notes its transactions; its store as it was before them is kept
  const second = await city(scene), data = second.conf.data;
  const task2 = await openTask(second);
  await second.kill('SIGTERM');
  for (const end of ['', '-wal']) {
    const from = path.join(data, `zhangban.db${end}`);
    if (fs.existsSync(from)) fs.copyFileSync(from, path.join(data, `before.db${end}`));
  }
  second.writeConf();
  const rec = scene.program('commit_floor', ['record', path.join(data, 'record'), second.file]);
  const port = Number((await rec.raw()).match(/:(\d+)$/)[1]);
  pin(rec.pid);
  const y = await one(port, second, task2, { 'warm-ms': 0, 'for-ms': NOTE });
  if (await rec.stop() !== 0) throw new Error(`the noting gateway ended: ${rec.code}`);
  say(`  noted ${y.answered_in_all} writes, ${Math.round(y.answered / y.seconds)}/s`);
  const z = await once('commit_floor', ['replay', path.join(data, 'record'), path.join(data, 'before.db'), '--cpu', SERVER_CPU]);
  const bare = y.answered_in_all / z.seconds;
  say(`  SQLite alone ${Math.round(bare)} writes/s: ${z.batches} commits of ${number(y.answered_in_all / z.batches, 2)}, ${number(z.statements / y.answered_in_all, 2)} statements a write, CPU ${z.cpu_s} of ${z.seconds} s`);
  return [{ name: 'durable_reports', value: rate, unit: 'acknowledged writes per second', beside: bare, ratio: rate / bare }];
}

// ---- from the acknowledged write to the last of 10 000 screens ----
async function commitToClient(scene) {
  const ROUNDS = 200;
  const gw = await city(scene), floor = await scene.floor();
  const task = await openTask(gw);
  const token = await gw.token('demo-display');
  const viewer = await gw.client({ token }), sub = viewer.newSubscription(BOARD);
  const first = new Promise((done) => sub.once('publication', done));
  const subscribed = new Promise((done) => sub.once('subscribed', done));
  sub.subscribe();
  await subscribed;
  await gw.rpc('demo-responsible', 'task.report', report(task, 0));
  const size = Buffer.byteLength(JSON.stringify((await first).data));
  viewer.disconnect();
  say(`  a board has ${size} bytes`);
  const a = await scene.load({ port: gw.port, conns: SUBS, who: [token], channel: BOARD });
  const b = await scene.load({ port: floor.port, conns: SUBS, who: ['-'], channel: BOARD });
  const list = scene.file('writer');
  fs.writeFileSync(list, `${await gw.tokenOf('demo-responsible')}\n`, { mode: 0o600 });
  const common = ['--subs', SUBS, '--cpu', CLIENT_CPU, '--rounds'];
  const x = scene.program('pub', [...common, '--to', `ws:${gw.port}`, '--who', list, '--progress', a.progress], { stdin: 'pipe' });
  const y = scene.program('pub', [...common, '--to', `floor:${floor.port}`, '--channel', BOARD, '--size', size, '--progress', b.progress], { stdin: 'pipe' });
  const ours = [], bare = [], acks = [], end = Date.now() + 55000;
  for (let i = 1; i <= ROUNDS + 3 && Date.now() < end; i++) {
    x.proc.stdin.write(`0\t${JSON.stringify({ method: 'task.report', data: report(task, i) })}\n`);
    const p = await x.line(25000);
    if (p.last_ms === undefined || p.delivered !== SUBS) throw new Error(JSON.stringify(p));
    y.proc.stdin.write('go\n');
    const q = await y.line(25000);
    if (i <= 3) continue;
    ours.push(p.last_ms);
    bare.push(q.last_ms);
    acks.push(p.ack_ms);
  }
  say(`  ${ours.length} rounds; gateway p50 ${median(ours)} p99 ${percentile(ours, 0.99)} ms (write answered in ${median(acks)} ms); floor p50 ${median(bare)} p99 ${percentile(bare, 0.99)} ms`);
  const value = percentile(ours, 0.99), beside = percentile(bare, 0.99);
  return [
    { name: 'commit_to_client_p99', value, unit: `ms to the last of ${SUBS}`, beside, ratio: value / beside },
    { name: 'commit_to_client_p50', value: median(ours), unit: `ms to the last of ${SUBS}`, beside: median(bare), ratio: median(ours) / median(bare) },
  ];
}

const figures = [
  ['fanout_10k', fanout, 'CPU-seconds per million deliveries to 10 000 subscribers, beside a loop of send() (aim: ratio <= 1.1)'],
  ['idle_bytes_15k', idle, 'process memory per idle connection with token and channel, 15 000 of them (aim: <= 2048 bytes)'],
  ['durable_reports', durable, 'acknowledged task.report a second, beside SQLite doing the same statements in the same batches (aim: ratio >= 0.5)'],
  ['commit_to_client_p99', commitToClient, 'ms from the acknowledged write to the last of 10 000 subscribers, beside a loop of send() (aim: ratio <= 1.2)'],
  ['sms_smpp_vs_kannel', smsVsKannel, "SMS a second over one SMPP link and CPU each, beside Debian's Kannel (aim: ratio >= 2, and < 1)"],
  ['sms_throttled_1pct', throttled, 'SMS a second when the SMSC throttles 1 % of the answers, one and four workers, beside the allowed rate (aim: ratio >= 0.9)'],
  ['sms_four_workers', fourWorkers, 'SMS a second of four workers on one core beside one worker: what they lose to each other at the one store (aim: ratio >= 0.8)'],
  ['queue_million', million, 'a million queued notices (ZB_BENCH_QUEUE): written a second, sent a second, memory', 1500],
  ['push_h2', pushH2, 'pushes a second through the caller over one HTTP/2 connection, beside node as the client of the same fake (aim: the fake is the bottleneck)'],
];

const wanted = process.argv.slice(2);
if (wanted.includes('--help') || wanted.some((w) => !figures.some(([name]) => name === w))) {
  say('usage: node tests/bench/run.mjs [NAME ...]\n');
  for (const [name, , what] of figures) say(`  ${name.padEnd(22)} ${what}`);
  process.exit(wanted.includes('--help') ? 0 : 2);
}
say(`${CORES} cores: server on ${SERVER_CPU}, clients on ${CLIENT_CPU}`);
for (const [name, run, , most_s = 120] of figures) {
  if (wanted.length && !wanted.includes(name)) continue;
  say(name);
  await quiet();
  const scene = new Scene();
  const limit = setTimeout(() => { say(`${name}: not done in ${most_s} s`); process.exit(1); }, most_s * 1000);
  try {
    for (const f of await run(scene)) console.log(JSON.stringify({ ...f, value: number(f.value), beside: number(f.beside), ratio: number(f.ratio) }));
  } catch (e) {
    say(`${name}: ${e.stack}`);
    process.exitCode = 1;
  } finally {
    clearTimeout(limit);
    await scene.end();
  }
}
