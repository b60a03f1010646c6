// SPDX-License-Identifier: Apache-2.0
// A deploy: SIGTERM under load. Connections are handed a reconnect in batches, accepted requests are answered, no process stays, clients
// come back to the next process and recover what was said meanwhile.
import test from 'node:test';
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { Gateway } from './lib/gateway.mjs';
import { rows } from './lib/city.mjs';
import { Redis } from './lib/redis.mjs';
import { until } from './lib/until.mjs';
import * as work from './lib/work.mjs';

const CHANNEL = 'ranking:2018:city', CLIENTS = 60;
const children = (pid) => spawnSync('ps', ['-o', 'pid=', '--ppid', String(pid)], { encoding: 'utf8' }).stdout.trim().split(/\s+/).filter(Boolean).map(Number);
const lives = (pid) => { try { process.kill(pid, 0); return true; } catch { return false; } };

test('SIGTERM under load: 3001 in batches, every accepted request answered, status 0, nothing left; the clients come back and recover', { timeout: 60000 }, async () => {
  const gw = new Gateway(), redis = new Redis(gw.dir); // not its own: that one ends with it, and its channels with that
  await redis.start();
  gw.conf.redis = `unix:${redis.sock}`;
  await gw.start();
  const task = await work.given(gw, { title: '平稳退出' });
  for (const u of ['NP-SZB', 'NP-GSJ']) await work.act(gw, `sim-${u}`, task, 'sign-for');
  const token = await gw.tokenOf('sim-NP-GSJ'), clients = [], ends = [];
  for (let i = 0; i < CLIENTS; i++) {
    const c = await gw.client({ token }, { minReconnectDelay: 200 });
    const sub = c.newSubscription(`task:${task}`), k = { c, sub, offsets: [], back: [] };
    c.on('connecting', (x) => ends.push({ code: x.code, at: Date.now() }));
    sub.on('publication', (p) => k.offsets.push(p.offset));
    sub.on('subscribed', (x) => k.back.push(x));
    sub.subscribe();
    await sub.ready(10000);
    clients.push(k);
  }
  let going = true;
  const acked = { rest: 0, rpc: 0 }, failed = [], body = (text) => ({ text, progress: 50 });
  const overRest = async (i) => {
    for (let n = 0; going; n++) {
      try {
        const r = await gw.rest('POST', `/v1/tasks/${task}/report`, { as: 'sim-NP-SZB', body: body(`退出 ${i}-${n}`) });
        if (r.status === 200) acked.rest++;
        else failed.push(`REST ${r.status} ${r.body.code}`);
      } catch { return; /* the listener is closed */ }
    }
  };
  const overRpc = async ({ c }, i) => {
    for (let n = 0; going && c.state === 'connected'; n++) {
      try {
        await c.rpc('task.report', { task_id: task, ...body(`退出 rpc ${i}-${n}`) });
        acked.rpc++;
      } catch (e) {
        if (![1, 2, 11].includes(e.code)) failed.push(`rpc ${e.code} ${e.message}`); // those: sent to a connection that was already ending
      }
    }
  };
  const writers = [...Array.from({ length: 4 }, (_, i) => overRest(i)), ...clients.slice(0, 4).map(overRpc)];
  await until(() => acked.rest > 20 && acked.rpc > 20, { what: 'writes' });
  const before = acked.rpc;
  const end = await gw.kill('SIGTERM');
  going = false;
  await Promise.all(writers);
  assert.deepEqual(end, { code: 0, signal: null });
  gw.sanitizer();
  assert.deepEqual(failed, [], 'none was refused');
  assert.ok(acked.rpc > before, 'who was not yet sent away went on working');
  await until(() => ends.length >= CLIENTS, { what: 'all handed a reconnect' });
  assert.deepEqual([...new Set(ends.slice(0, CLIENTS).map((e) => e.code))], [3001]);
  const took = ends[CLIENTS - 1].at - ends[0].at;
  assert.ok(took >= 500, `in batches over a second, not all within ${took} ms`);

  const there = (await rows(gw, `SELECT count(*) AS n FROM task_report WHERE task = '${task}'`))[0].n, known = acked.rest + acked.rpc;
  assert.equal(there, known, 'what was done was answered');
  await gw.start();
  await until(() => clients.every(({ c, sub }) => c.state === 'connected' && sub.state === 'subscribed'), { ms: 20000, what: 'all back' });
  const board = await gw.ok('GET', '/v1/rankings/2018/city', { as: 'sim-NP-GSJ' }), watch = (await gw.client('sim-NP-GSJ')).newSubscription(CHANNEL);
  const snapshot = new Promise((done) => watch.on('subscribed', done));
  watch.subscribe();
  assert.deepEqual((await snapshot).data.rows, board.rows);
  for (const k of clients) {
    assert.equal(k.back.length, 2);
    assert.ok(k.back[1].wasRecovering && k.back[1].recovered);
    assert.deepEqual(k.offsets, k.offsets.map((_, i) => k.offsets[0] + i), 'nothing twice, nothing left out');
  }
  const last = clients.map((k) => k.offsets.at(-1));
  await work.act(gw, 'sim-NP-SZB', task, 'report', body('恢复之后'));
  await until(() => clients.every((k, i) => k.offsets.at(-1) !== last[i]), { what: 'the next publication at all of them' });
  await gw.stop();
  await redis.kill();
});

test('SIGTERM: the redis-server that was started along is gone when the gateway is', async () => {
  const gw = await new Gateway().start(), kids = children(gw.pid);
  assert.equal(kids.length, 1);
  assert.deepEqual(await gw.kill('SIGTERM'), { code: 0, signal: null });
  assert.ok(!lives(kids[0]));
  await gw.stop();
});

test('a second signal ends at once, redis-server with it', async () => {
  const gw = await new Gateway().start(), kids = children(gw.pid);
  const client = await gw.client('demo-display');
  gw.proc.kill('SIGTERM');
  await until(() => /"event":"stopping"/.test(gw.log), { what: 'the first signal' });
  const begun = Date.now(), end = await gw.kill('SIGTERM');
  assert.equal(end.signal, 'SIGTERM');
  assert.ok(Date.now() - begun < 1000);
  client.disconnect();
  await until(() => !kids.some(lives), { what: 'redis-server gone' });
  await gw.stop();
});
