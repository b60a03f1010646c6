// SPDX-License-Identifier: Apache-2.0
// A deploy: SIGTERM under load. Connections are handed a reconnect, accepted requests are answered, no process stays, clients resume.
import test from 'node:test';
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { Gateway } from './lib/gateway.mjs';
import { rows } from './lib/city.mjs';
import { until } from './lib/until.mjs';
import * as work from './lib/work.mjs';

const CHANNEL = 'ranking:2018:city';

test('SIGTERM under load: 3001, status 0, nothing left; the clients come back to the next process and recover', { timeout: 60000 }, async () => {
  const gw = await new Gateway().start();
  const task = await work.given(gw, { title: '平稳退出' });
  for (const u of ['NP-SZB', 'NP-GSJ']) await work.act(gw, `sim-${u}`, task, 'sign-for');
  const token = await gw.tokenOf('sim-NP-GSJ'), clients = [], codes = [];
  for (let i = 0; i < 50; i++) {
    const c = await gw.client({ token });
    const sub = c.newSubscription(CHANNEL);
    c.on('connecting', (x) => codes.push(x.code));
    sub.subscribe();
    await sub.ready(10000);
    clients.push({ c, sub });
  }
  let going = true, acked = 0, failed = 0;
  const writers = Array.from({ length: 4 }, async (_, i) => {
    for (let n = 0; going; n++) {
      try {
        const r = await gw.rest('POST', `/v1/tasks/${task}/report`, { as: 'sim-NP-SZB', body: { text: `退出 ${i}-${n}`, progress: 50 } });
        if (r.status === 200) acked++;
        else failed++;
      } catch { /* the listener is closed */ }
    }
  });
  await until(() => acked > 20, { what: 'writes' });
  const pid = gw.pid, children = spawnSync('ps', ['-o', 'pid=', '--ppid', String(pid)], { encoding: 'utf8' }).stdout.trim().split(/\s+/);
  const end = await gw.kill('SIGTERM');
  going = false;
  await Promise.all(writers);
  assert.deepEqual(end, { code: 0, signal: null });
  gw.sanitizer();
  assert.equal(failed, 0, 'no accepted request was refused or cut');
  for (const child of children) assert.notEqual(spawnSync('kill', ['-0', child]).status, 0, `process ${child} is gone`);
  const there = (await rows(gw, `SELECT count(*) AS n FROM task_report WHERE task = '${task}'`))[0].n;
  assert.ok(there >= acked && there <= acked + 4, `${there} reports, ${acked} acknowledged`);
  await until(() => codes.length >= 50, { what: 'all handed a reconnect' });
  assert.ok(codes.every((c) => c === 3001 || c === 1), `codes ${[...new Set(codes)]}`);
  assert.ok(codes.filter((c) => c === 3001).length >= 45, 'by a close frame');

  await gw.start();
  await until(() => clients.every(({ c, sub }) => c.state === 'connected' && sub.state === 'subscribed'), { ms: 20000, what: 'all back' });
  await gw.stop();
});

test('a second signal ends at once', async () => {
  const gw = await new Gateway().start();
  await gw.client('demo-display');
  gw.proc.ref();
  gw.proc.kill('SIGTERM');
  await until(() => /"event":"stopping"/.test(gw.log), { what: 'the first signal' });
  const begun = Date.now();
  await gw.kill('SIGTERM');
  assert.ok(Date.now() - begun < 2000);
  gw.clients = [];
  await gw.stop();
});
