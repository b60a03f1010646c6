// SPDX-License-Identifier: Apache-2.0
// Pushes over HTTP/2: our caller and node's own client, in turn, against one fake of Apple on the other core.
import { execFileSync, spawn } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import readline from 'node:readline';
import { fileURLToPath } from 'node:url';
import { CLIENT_CPU, SERVER_CPU, cpuSeconds, median, once, pin, say } from './tools.mjs';

const HERE = path.dirname(fileURLToPath(import.meta.url));
const WINDOW = 100, WARM = 700, FOR = 3000, PAIRS = 5;

function line(proc) {
  return new Promise((done, bad) => {
    readline.createInterface({ input: proc.stdout }).once('line', (l) => done(JSON.parse(l)));
    proc.once('exit', (code) => bad(new Error(`ended: ${code}`)));
  });
}

export async function pushH2(scene) {
  const key = scene.file('key.p8'), pub = scene.file('key.pub');
  execFileSync('openssl', ['genpkey', '-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:P-256', '-out', key], { stdio: 'ignore' });
  fs.writeFileSync(pub, execFileSync('openssl', ['pkey', '-in', key, '-pubout']));
  const fake = spawn('node', [path.join(HERE, '../../peers/apns.mjs'), '--pub', pub, '--kid', 'KEYID12345', '--team', 'TEAMID1234'], { stdio: ['ignore', 'pipe', 'inherit'] });
  await scene.keep({ stop: () => new Promise((done) => { fake.once('exit', done); fake.kill(); }) });
  const at = await line(fake);
  pin(fake.pid, SERVER_CPU);
  const args = [at.port, at.ca, key, WINDOW, WARM, FOR].map(String);
  const node = async () => {
    const p = spawn('node', [path.join(HERE, 'h2client.mjs'), ...args], { stdio: ['ignore', 'pipe', 'inherit'] });
    pin(p.pid, CLIENT_CPU);
    return line(p);
  };
  const seen = async () => (await (await fetch(`http://127.0.0.1:${at.control}/stats`)).json()).requests;
  const measure = async (run) => {
    const cpu0 = cpuSeconds(fake.pid), n0 = await seen(), x = await run();
    if (x.bad || x.connections !== 1) throw new Error(JSON.stringify(x));
    return { rate: x.answered / x.seconds, cpu: x.cpu_s / x.answered * 1000, fake: (cpuSeconds(fake.pid) - cpu0) / (await seen() - n0) * 1000 };
  };
  const ours = [], theirs = [];
  for (let i = 0; i <= PAIRS; i++) {
    const x = await measure(() => once('push_h2', args)), y = await measure(node);
    if (i === 0) continue; // the fake warms up
    ours.push(x);
    theirs.push(y);
    say(`  ours ${Math.round(x.rate)}/s, ${x.cpu.toFixed(3)} CPU-s per 1000, fake ${x.fake.toFixed(3)}   node ${Math.round(y.rate)}/s, ${y.cpu.toFixed(3)}, fake ${y.fake.toFixed(3)}`);
  }
  const of = (v, k) => median(v.map((x) => x[k]));
  return [
    { name: 'push_h2', value: of(ours, 'rate'), unit: 'pushes per second over one connection', beside: of(theirs, 'rate'), ratio: median(ours.map((x, i) => x.rate / theirs[i].rate)) },
    { name: 'push_h2_cpu', value: of(ours, 'cpu'), unit: 'CPU-s per 1 000 pushes', beside: of(theirs, 'cpu'), ratio: median(ours.map((x, i) => x.cpu / theirs[i].cpu)) },
    { name: 'push_h2_bottleneck', value: of(ours, 'cpu'), unit: 'CPU-s per 1 000 pushes, beside those of the fake (below 1: it is the bottleneck)', beside: of(ours, 'fake'),
      ratio: median(ours.map((x) => x.cpu / x.fake)) },
  ];
}
