// SPDX-License-Identifier: Apache-2.0
// D13: a subscribe reply carries the state behind the channel, also of the personal one and where nothing could be recovered, so that a
// client that was away asks for nothing.
import test, { before, after } from 'node:test';
import assert from 'node:assert/strict';
import { Gateway } from './lib/gateway.mjs';
import { Redis } from './lib/redis.mjs';
import { until } from './lib/until.mjs';
import * as work from './lib/work.mjs';

const WHO = 'sim-NP-SZB', UNIT = 'unit:NP-SZB';
let gw, redis;

before(async () => {
  gw = new Gateway();
  redis = new Redis(gw.dir);
  await redis.start();
  gw.conf.redis = `unix:${redis.sock}`;
  await gw.start();
});
after(async () => { await gw.stop(); await redis.kill(); });

/** The unmodified client, with what it was told of its own channel. It asks for nothing. */
async function phone(who = WHO) {
  const p = { told: [], came: [] };
  p.client = await gw.client(who, { connect: false, getToken: () => gw.token(who) });
  p.client.on('subscribed', (c) => p.told.push(c));
  p.client.on('publication', (c) => p.came.push(c.data));
  await until(() => p.told.length === 1, { what: 'the personal channel' });
  return p;
}

const inbox = (who = WHO) => gw.ok('GET', '/v1/notices?unread=true&limit=200', { as: who });
const noticeOf = (task) => until(async () => (await inbox()).items.find((n) => n.object === `task:${task}`), { what: 'the notice' });

test('D13 the connect reply carries the unread notices of the personal channel, bounded, in the form of its publications', async () => {
  const one = await phone();
  assert.deepEqual([one.told[0].channel, one.told[0].data], [`user:${WHO}`, { unread: 0, items: [] }]);
  for (let i = 0; i < 23; i++) await work.given(gw, { title: `第${i}项` });
  await until(() => one.came.length === 23, { what: 'all notices live' });
  const { items, unread } = await inbox(), two = await phone();
  assert.equal(unread, 23);
  assert.equal(two.told[0].data.unread, 23);
  assert.deepEqual(two.told[0].data.items, one.came.slice(3).reverse(), 'the newest 20, newest first, as they were published');
  await gw.rpc(WHO, 'notice.read', { notice_id: items[0].id });
  const three = await phone();
  assert.deepEqual([three.told[0].data.unread, three.told[0].data.items[0].id], [22, items[1].id]);
  for (const p of [one, two, three]) p.client.disconnect();
});

test('D13 away while a notice came and Redis was flushed: recovered is false, and the notice is there without asking', async () => {
  const p = await phone(), epoch = p.told[0].streamPosition.epoch;
  p.client.disconnect();
  const task = await work.given(gw, { title: '离线期间的任务' }), n = await noticeOf(task);
  await until(async () => Number(await redis.cli('HGET', `zb:c:user:${WHO}:m`, 'o')) > p.told[0].streamPosition.offset, { what: 'the publication in Redis' });
  await redis.cli('FLUSHALL');
  gw.tokens.clear(); // people log in again (DESIGN 1)
  gw.rpcs = undefined;
  p.client.connect();
  await until(() => p.told.length === 2, { what: 'the client to come back' });
  const back = p.told[1];
  assert.deepEqual([back.wasRecovering, back.recovered], [true, false]);
  assert.notEqual(back.streamPosition.epoch, epoch);
  assert.equal(back.data.items[0].id, n.id);
  assert.equal(back.data.unread, (await inbox()).unread);
  p.client.disconnect();
});

test('D13 D15 Redis comes back empty under an open socket: the new position comes with the state', async () => {
  const p = await phone(), dropped = [];
  p.client.on('connecting', () => dropped.push(1));
  await noticeOf(await work.given(gw, { title: '缓存离开之前的任务' })); // everybody is logged in
  await redis.kill();
  const task = await work.given(gw, { title: '缓存离开期间的任务' });
  await redis.start();
  await until(() => p.told.length === 2, { ms: 15000, what: 'the new position' });
  gw.tokens.clear();
  gw.rpcs = undefined;
  const n = await noticeOf(task);
  const known = () => new Set([...p.told[1].data.items, ...p.came].map((x) => x.id));
  await until(() => known().has(n.id), { what: 'the notice' });
  assert.ok(p.told[1].data.items.length > 0);
  assert.ok(p.told[1].data.unread >= p.told[1].data.items.length);
  assert.deepEqual(dropped, [], 'the socket stayed');
  p.client.disconnect();
});

test('D13 unit: and task: carry their state; who may not listen gets none of it', async () => {
  const task = await work.given(gw, { title: '频道状态' }), { version } = await work.get(gw, task);
  const client = await gw.client(WHO), data = async (channel, c = client) => {
    const sub = c.newSubscription(channel), got = new Promise((done, fail) => { sub.on('subscribed', done); sub.on('unsubscribed', fail); });
    sub.subscribe();
    try { return (await got).data; } finally { sub.unsubscribe(); c.removeSubscription(sub); }
  };
  const was = await data(UNIT), list = (await gw.rpc(WHO, 'task.list', { unit: 'NP-SZB', limit: 200 })).items;
  assert.deepEqual([was.unit, was.tasks.open, was.tasks.waiting, was.items.length], ['NP-SZB', list.length, list.length, 20]);
  assert.deepEqual([was.items[0].id, was.items[0].title, was.items[0].my_state, was.instructions], [task, '频道状态', 'waiting', []]);
  assert.deepEqual(await data(`task:${task}`), { type: 'task', id: task, state: 'dispatched', version, at: (await work.get(gw, task)).dispatched_at,
    deadline: '2018-06-29', light: 'green', return_count: 0, units: 2, signed: 0, reported: 0 });
  await work.act(gw, WHO, task, 'sign-for');
  const { tasks } = await data(UNIT);
  assert.equal(tasks.waiting, was.tasks.waiting - 1);
  const other = await gw.client('sim-NP-CZJ');
  for (const channel of [UNIT, `task:${task}`]) await assert.rejects(data(channel, other), (e) => e.code === 103, channel);
  assert.equal((await data(`task:${task}`, await gw.client('demo-leader'))).signed, 1);
});
