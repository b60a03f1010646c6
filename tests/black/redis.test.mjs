// SPDX-License-Identifier: Apache-2.0
// Redis killed, emptied, and come back with an older log, while people are connected and write (DESIGN 6, D12, D15, D17).
import test, { before, after } from 'node:test';
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { Gateway } from './lib/gateway.mjs';
import { Redis } from './lib/redis.mjs';
import { until } from './lib/until.mjs';
import * as work from './lib/work.mjs';

const CHANNEL = 'ranking:2018:city';

let gw, redis, task;

before(async () => {
  gw = new Gateway();
  redis = new Redis(gw.dir);
  await redis.start();
  gw.conf.redis = `unix:${redis.sock}`;
  await gw.start();
  task = await work.given(gw, { title: '实时频道' });
  for (const u of ['NP-SZB', 'NP-GSJ']) await work.act(gw, `sim-${u}`, task, 'sign-for');
});
after(async () => { await gw.stop(); await redis.kill(); });

/** A connected person: the board, the personal channel, and everything that happened to the connection. */
async function watch(who) {
  const client = await gw.client(who, { connect: false });
  const w = { client, boards: [], notices: [], subscribed: [], ends: [], lost: 0 };
  client.on('publication', (p) => w.notices.push(p));
  client.on('subscribed', (c) => { w.personal = c; });
  await client.ready(10000);
  client.on('connecting', () => w.lost++);
  w.sub = client.newSubscription(CHANNEL);
  w.sub.on('publication', (p) => w.boards.push({ epoch: w.subscribed.at(-1).streamPosition?.epoch, offset: p.offset, score: score(p.data) }));
  w.sub.on('subscribed', (c) => w.subscribed.push(c));
  w.sub.on('subscribing', (c) => w.ends.push(c.code));
  w.sub.subscribe();
  await w.sub.ready(10000);
  return w;
}
const score = (board) => board.rows.find((r) => r.unit === 'NP-GSJ')?.score;
const shown = (w) => (w.boards.length ? w.boards.at(-1).score : score(w.subscribed.at(-1).data));
const evaluate = (value) => gw.rpc('demo-leader', 'evaluation.set', { period: '2018', unit: 'NP-GSJ', value });

/** What must hold after every fault: the socket stayed, the newest board is on the screen, no offset came twice under one epoch. */
async function settles(w, value) {
  const want = score(await gw.rpc('demo-leader', 'ranking.get', { period: '2018', scope: 'city' }));
  await until(() => Math.max(shown(w) === want, score(w.subscribed.at(-1).data) === want), { ms: 20000, what: `the board with evaluation ${value}` });
  assert.equal(w.lost, 0, 'the connection stayed');
  const seen = w.boards.map((b) => `${b.epoch} ${b.offset}`);
  assert.equal(new Set(seen).size, seen.length, 'no offset twice under one epoch');
}

test('Redis killed: open connections read and write on, log-ins wait, afterwards the board goes on under a new epoch', async () => {
  const w = await watch('sim-NP-GSJ');
  await evaluate(70);
  await until(() => w.boards.length >= 1, { what: 'a board' });
  await redis.kill();
  await until(async () => (await gw.rest('GET', '/readyz')).status === 503, { what: 'not ready' });

  await evaluate(71);
  assert.equal((await w.client.rpc('task.get', { task_id: task })).data.id, task, 'reads go on');
  await work.act(gw, 'sim-NP-SZB', task, 'report', { text: '断线期间的进展', progress: 40 });
  assert.notEqual((await gw.command('session', '--person', 'sim-NP-SZB')).code, 0, 'no new session');
  const code = await gw.rest('POST', '/v1/auth/sms-codes', { body: { phone: '19900000005' } });
  assert.ok([201, 503].includes(code.status), String(code.status));
  const stranger = await gw.rest('GET', '/v1/me', { as: { token: 'x'.repeat(43) } });
  assert.equal(stranger.status, 503, 'not known yet, not refused for ever');
  assert.ok(stranger.headers.get('retry-after'));

  await redis.start();
  await settles(w, 71);
  assert.ok(w.ends.includes(2500) || w.subscribed.length === 1, `ended with ${w.ends}`);
  await evaluate(72);
  await settles(w, 72);
  w.client.disconnect();
});

test('Redis emptied: the socket stays, the personal channel starts anew and brings what is said afterwards', async () => {
  gw.tokens.clear(); // the sessions of the test before are gone with the old server
  gw.rpcs = new Map();
  const w = await watch('sim-NP-SZB');
  await evaluate(60);
  await until(() => w.boards.length >= 1, { what: 'a board' });
  const epoch = w.personal.streamPosition.epoch;
  assert.equal(await redis.cli('FLUSHALL'), 'OK');
  await evaluate(61);
  await settles(w, 61);
  const version = (await w.client.rpc('task.get', { task_id: task })).data.version;
  assert.ok(version > 0);
  // a notice for this person, made by people whose sessions are gone too: they log in again
  gw.tokens.clear();
  const id = await work.given(gw, { title: '清空之后的任务' });
  await until(() => w.notices.find((p) => p.data.object === `task:${id}`), { what: 'the notice on the open socket' });
  assert.equal(w.lost, 0);
  assert.notEqual(w.personal.streamPosition.epoch, epoch, 'told of the new epoch');
  w.client.disconnect();
});

test('Redis back with an older file: no offset is given out twice under one epoch, nothing stays behind', async () => {
  gw.tokens.clear();
  gw.rpcs = new Map();
  const w = await watch('sim-NP-GSJ');
  await evaluate(50);
  await until(() => w.boards.length >= 1, { what: 'a board' });
  await redis.cli('SAVE');
  fs.copyFileSync(path.join(redis.dir, 'dump.rdb'), path.join(redis.dir, 'old.rdb'));
  for (const v of [51, 52, 53]) await evaluate(v);
  await until(() => w.boards.length >= 4, { what: 'three more boards' });
  await redis.kill();
  await evaluate(54);
  fs.copyFileSync(path.join(redis.dir, 'old.rdb'), path.join(redis.dir, 'dump.rdb'));
  await redis.start();
  await settles(w, 54);
  await evaluate(55);
  await settles(w, 55);
  const again = await watch('sim-NP-GSJ');
  assert.notEqual(again.subscribed[0].streamPosition.epoch, w.subscribed[0].streamPosition.epoch, 'another epoch');
  w.client.disconnect();
  again.client.disconnect();
});
