// SPDX-License-Identifier: Apache-2.0
// Redis comes back with an older append-only file, with a hall of screens connected: what each of them is told, and when (D12, D15).
import test, { before, after } from 'node:test';
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { Gateway } from './lib/gateway.mjs';
import { Redis } from './lib/redis.mjs';
import { until } from './lib/until.mjs';
import * as work from './lib/work.mjs';

const CHANNEL = 'ranking:2018:city', WHO = 'sim-NP-SZB', SCREENS = 60;
let gw, redis, screens;

before(async () => {
  gw = new Gateway({ conf: { 'gateway.loops': 2 } });
  redis = new Redis(gw.dir, { aof: true });
  await redis.start();
  gw.conf.redis = `unix:${redis.sock}`;
  await gw.start();
  const task = await work.given(gw, { title: '大厅屏幕' });
  for (const u of ['NP-SZB', 'NP-GSJ']) await work.act(gw, `sim-${u}`, task, 'sign-for');
});
after(async () => { await gw.stop(); await redis.kill(); });

const score = (board) => board.rows.find((r) => r.unit === 'NP-GSJ').score;
const evaluate = (value) => gw.rpc('demo-leader', 'evaluation.set', { period: '2018', unit: 'NP-GSJ', value });

async function screen() {
  const client = await gw.client(WHO, { connect: false }), s = { client, lost: 0, seen: [], personal: [], notices: [], ends: [] };
  client.on('subscribed', (c) => s.personal.push({ at: Date.now(), epoch: c.streamPosition.epoch }));
  client.on('publication', (p) => s.notices.push(p.data.id));
  await client.ready(15000);
  client.on('connecting', () => s.lost++);
  const sub = client.newSubscription(CHANNEL);
  sub.on('subscribed', (c) => { s.epoch = c.streamPosition.epoch; s.board = c.data; s.starts = (s.starts ?? 0) + 1; });
  sub.on('publication', (p) => { s.seen.push(`${s.epoch} ${p.offset}`); s.board = p.data; });
  sub.on('subscribing', (c) => { if (s.starts) s.ends.push({ at: Date.now(), code: c.code }); });
  sub.subscribe();
  await sub.ready(15000);
  return s;
}

test('D12 D15 an older append-only file: boards end with 2500 spread over five seconds, the own channel goes on anew, sockets stay', async () => {
  screens = await Promise.all(Array.from({ length: SCREENS }, screen));
  await evaluate(50);
  await until(() => screens.every((s) => s.seen.length >= 1), { what: 'a board on every screen' });
  fs.cpSync(path.join(redis.dir, 'appendonlydir'), path.join(redis.dir, 'old'), { recursive: true });
  for (const v of [51, 52, 53]) await evaluate(v);
  await until(() => screens.every((s) => s.seen.length >= 4), { what: 'three more boards' });
  const epoch = screens[0].epoch, own = screens[0].personal[0].epoch;
  for (const s of screens) assert.deepEqual([s.epoch, s.personal.length], [epoch, 1]);
  await redis.kill();
  await evaluate(54);
  fs.rmSync(path.join(redis.dir, 'appendonlydir'), { recursive: true });
  fs.renameSync(path.join(redis.dir, 'old'), path.join(redis.dir, 'appendonlydir'));
  await redis.start();
  assert.ok(Number(await redis.cli('HGET', `zb:c:${CHANNEL}:m`, 'o')) >= 1, 'the older log is there');

  await until(() => screens.every((s) => s.starts === 2 && s.personal.length === 2), { ms: 20000, what: 'every screen to begin anew' });
  const at = screens.map((s) => s.ends[0].at).sort((a, b) => a - b), first = at[0], last = at.at(-1) - first;
  for (const s of screens) assert.deepEqual(s.ends.map((e) => e.code), [2500], 'once');
  assert.ok(last > 2500 && last < 5600, `all within ${last} ms`);
  for (let t = 0; t <= last; t += 100) {
    const n = at.filter((x) => x - first >= t && x - first < t + 900).length;
    assert.ok(n <= SCREENS * 0.4, `${n} of ${SCREENS} in one second`);
  }
  const told = screens.map((s) => s.personal[1]);
  for (const p of told) assert.notEqual(p.epoch, own, 'a new epoch');
  assert.ok(Math.max(...told.map((p) => p.at)) - Math.min(...told.map((p) => p.at)) < 1000, 'server-side ones are told at once');
  for (const s of screens) assert.equal(s.lost, 0, 'the socket stayed');
});

test('D12 after it every screen shows the newest board, and no offset came twice under one epoch', async () => {
  gw.tokens.clear(); // the sessions are as old as the file
  gw.rpcs = undefined;
  await evaluate(55);
  const want = score(await gw.rpc('demo-leader', 'ranking.get', { period: '2018', scope: 'city' }));
  await until(() => screens.every((s) => score(s.board) === want), { what: 'the newest board' });
  for (const s of screens) {
    assert.equal(new Set(s.seen).size, s.seen.length);
    assert.notEqual(s.epoch, s.personal[0].epoch);
    assert.equal(new Set(s.notices).size, s.notices.length);
    assert.deepEqual([s.lost, s.starts, s.ends.length], [0, 2, 1]);
  }
  assert.equal(new Set(screens.map((s) => s.epoch)).size, 1, 'all are on one epoch');
  const id = await work.given(gw, { title: '日志变旧之后' });
  const n = await until(async () => (await gw.ok('GET', '/v1/notices?limit=200', { as: WHO })).items.find((x) => x.object === `task:${id}`), { what: 'the notice' });
  await until(() => screens.every((s) => s.notices.filter((x) => x === n.id).length === 1), { what: 'the notice on every open socket' });
});
