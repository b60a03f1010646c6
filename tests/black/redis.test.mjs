// SPDX-License-Identifier: Apache-2.0
// Redis killed, emptied, and come back with an older log, while people are connected and write (DESIGN 6, D12, D15, D17).
import test, { before, after } from 'node:test';
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { carrier, phones, rows } from './lib/city.mjs';
import { Gateway } from './lib/gateway.mjs';
import { Redis } from './lib/redis.mjs';
import { demoPhone, instruction } from './lib/sm.mjs';
import { Smsc } from './lib/smsc.mjs';
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

test('the private redis-server killed three times and emptied once under load: restarted by serve, no reminder lost or doubled, sockets stay', async (t) => {
  const smsc = await new Smsc().start(), own = new Gateway();
  t.after(async () => { await own.stop(); await smsc.stop(); });
  Object.assign(own.conf, carrier(own, smsc));
  await own.start();
  const numbers = await phones(own), phone = demoPhone(own, 'demo-leader'), id = await work.given(own, { title: '缓存重启' });
  const { version } = await work.get(own, id), leader = await own.client('demo-leader'), contact = await own.client('sim-NP-GSJ');
  const seen = new Set(), pidOf = () => Number(fs.readFileSync(path.join(own.conf.data, 'redis/redis.pid'), 'utf8'));
  const address = fs.readFileSync(path.join(own.conf.data, 'redis/address'), 'utf8').trim().replace('unix:', '');
  let lost = 0, going = true, n = 0;
  for (const c of [leader, contact]) c.on('connecting', () => lost++);
  contact.on('publication', (p) => { if (p.data.kind === 'instruction.sent') seen.add(p.data.id); });
  const writing = (async () => { // the leader's one phone: its serials rise
    for (; going; n++) await leader.rpc('instruction.create', instruction(phone, { object: `task:${id}`, object_version: version, units: ['NP-GSJ'], text: `第${n}件` }));
  })();
  for (let k = 0; k < 4; k++) {
    const was = n;
    await until(() => n > was + 15, { what: 'instructions' });
    if (k === 3) {
      const cli = new Redis(own.dir);
      cli.sock = address;
      assert.equal(await cli.cli('FLUSHALL'), 'OK');
      continue;
    }
    const pid = pidOf();
    process.kill(pid, 'SIGKILL');
    const during = n;
    await until(() => n > during + 3, { what: 'writes that go on' });
    await until(() => { const now = pidOf(); return now !== pid && now > 0; }, { what: 'a new redis-server' });
    await until(async () => (await own.rest('GET', '/readyz')).status === 200, { what: 'ready' });
  }
  going = false;
  await writing;
  assert.equal(lost, 0, 'open connections stayed');
  assert.ok(!own.log.includes('redis_log_put_aside'), 'what others kill does not lose its file');
  assert.equal((await own.command('session', '--person', 'sim-NP-SZB')).code, 0, 'log-ins go on');
  await until(async () => (await rows(own, "SELECT id FROM delivery WHERE channel = 'sms' AND lane IN ('p0', 'p1') AND state NOT IN ('sent', 'delivered')")).length === 0,
    { ms: 30000, every: 100, what: 'all SMS out' });
  const got = (await smsc.messages()).filter((m) => m.phone === numbers.get('sim-NP-GSJ') && m.text.includes('批示')).length;
  const [{ unknown }] = await rows(own, "SELECT COUNT(*) AS unknown FROM attempt WHERE verdict = 'unknown'");
  assert.equal(unknown, 0, 'the carrier was never away');
  assert.equal(got, n, `${n} instructions, ${got} SMS`);
  const kept = await rows(own, "SELECT id FROM notice WHERE person = 'sim-NP-GSJ' AND kind = 'instruction.sent'");
  assert.equal(kept.length, n);
  const fresh = await leader.rpc('instruction.create', instruction(phone, { object: `task:${id}`, object_version: version, units: ['NP-GSJ'], text: '恢复之后' }));
  assert.ok(fresh.data.id);
  const newest = (await rows(own, "SELECT id FROM notice WHERE person = 'sim-NP-GSJ' AND kind = 'instruction.sent' ORDER BY id DESC LIMIT 1"))[0].id;
  await until(() => seen.has(newest), { what: 'the newest notice on the socket that was open all the time' });
  assert.equal(lost, 0);
});
