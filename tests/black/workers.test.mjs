// SPDX-License-Identifier: Apache-2.0
// zhangban push as several processes beside one record store: names, order of starting, one of them killed.
import test, { after, before } from 'node:test';
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { BIN, Gateway, ROOT } from './lib/gateway.mjs';
import { carrier, phones, rows } from './lib/city.mjs';
import { Smsc } from './lib/smsc.mjs';
import { until } from './lib/until.mjs';
import * as work from './lib/work.mjs';

let gw, smsc;
const workers = [];

function push(...args) {
  const w = { out: '', log: '', proc: spawn(BIN, ['--config', gw.file, 'push', ...args], { cwd: ROOT, stdio: ['ignore', 'pipe', 'pipe'] }) };
  w.proc.stdout.on('data', (d) => { w.out += d; });
  w.proc.stderr.on('data', (d) => { w.log += d; });
  w.ended = new Promise((done) => w.proc.on('exit', (code, signal) => { w.code = code; done(code ?? signal); }));
  w.end = (signal) => { w.proc.kill(signal); return w.ended; };
  w.ready = (name) => until(() => w.out.includes(`zhangban push ready ${name}\n`) || (w.code !== undefined && assert.fail(w.log)), { what: `worker ${name}`, ms: 30000 });
  workers.push(w);
  return w;
}

before(async () => {
  smsc = await new Smsc().start();
  gw = new Gateway({ conf: { 'push.in_process': false, 'notice.plan_p1': 'sms+0/0' } });
  gw.conf.providers = carrier(gw, smsc).providers;
});
after(async () => {
  for (const w of workers) if (w.code === undefined) await w.end('SIGKILL');
  await gw?.stop();
  await smsc?.stop();
});

test('push: a worker started before the gateway waits for it; without names each is its own; a name is there once', async () => {
  await gw.start(); // makes the store
  await gw.kill('SIGTERM');
  const first = push();
  await until(() => first.log.includes('push_waits'), { what: 'it waits' });
  await gw.start();
  await first.ready('push');
  await push().ready('push-2');
  await push('--worker', 'south').ready('south');
  const again = push('--worker', 'south');
  assert.equal(await again.ended, 1);
  assert.match(again.log, /another process delivers as worker south/);
  assert.notEqual(await push('--worker', '../x').ended, 0);
  await until(async () => (await smsc.get('stats')).logins === 3, { what: 'three links' });
});

test('push: one is killed with its window full; the others go on, and it ends what it left when it comes back', async () => {
  const to = (await phones(gw)).get('sim-NP-SZB'), mine = async () => (await smsc.messages()).filter((m) => m.phone === to);
  await smsc.post('behave', { silent: 'submit' });
  await work.given(gw, { title: '甲', units: ['NP-SZB'] });
  const claim = () => rows(gw, "SELECT worker FROM delivery WHERE state = 'claimed' AND person = 'sim-NP-SZB'");
  const [{ worker }] = await until(async () => { const c = await claim(); return c.length && c; }, { what: 'a claim' });
  await until(async () => (await mine()).length === 1, { what: 'it was sent' });
  const victim = workers.find((w) => w.out.includes(`ready ${worker}\n`));
  await victim.end('SIGKILL');
  await smsc.post('behave', { silent: false });
  await work.given(gw, { title: '乙', units: ['NP-SZB'] });
  await until(async () => (await mine()).some((m) => m.text.includes('乙')), { what: 'the others carry on' });
  assert.equal((await mine()).length, 2, 'what the dead one holds is nobody else\'s');
  await push('--worker', worker).ready(worker);
  await until(async () => (await mine()).filter((m) => m.text.includes('甲')).length === 2, { what: 'P1 with an unknown outcome goes again' });
  const [a] = await rows(gw, `SELECT verdict, worker FROM attempt WHERE delivery = (SELECT delivery FROM attempt WHERE verdict = 'unknown') ORDER BY n LIMIT 1`);
  assert.deepEqual(a, { verdict: 'unknown', worker });
  for (const w of workers) if (w.code === undefined && !w.proc.killed) assert.equal(await w.end('SIGTERM'), 0, w.log.slice(-3000));
});
