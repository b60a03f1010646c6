// SPDX-License-Identifier: Apache-2.0
// The main job, with the unmodified client: a task is accepted by somebody else and the board moves; a cut connection loses nothing.
import test, { before, after } from 'node:test';
import assert from 'node:assert/strict';
import { Gateway } from './lib/gateway.mjs';
import { Proxy } from './lib/proxy.mjs';
import { until } from './lib/until.mjs';
import * as work from './lib/work.mjs';

const CHANNEL = 'ranking:2018:city', TASK = 'NP2018-1-2-1';
let gw;

before(async () => { gw = await new Gateway().start(); });
after(() => gw.stop());

/** Subscribes and keeps every publication. */
async function listen(client, channel = CHANNEL) {
  const sub = client.newSubscription(channel);
  const seen = { sub, pubs: [], states: [] };
  sub.on('publication', (p) => seen.pubs.push(p));
  sub.on('subscribed', (c) => seen.states.push(c));
  sub.subscribe();
  await sub.ready(10000);
  return seen;
}

test('F005 F111 log in, subscribe, another person accepts a task: the board push arrives', async () => {
  const board = await listen(await gw.client('demo-leader'));
  const first = board.states[0];
  assert.equal(first.data.period, '2018');
  assert.equal(first.data.totals.closed, 0);
  await work.dispatch(gw, TASK);
  await work.signAll(gw, TASK);
  await work.reportAll(gw, TASK);
  await work.submitDone(gw, TASK);
  const before = board.pubs.length;
  await work.accept(gw, TASK);
  const push = await until(() => board.pubs.slice(before).find((p) => p.data.totals.closed === 1), { what: 'board with one closed task' });
  const lead = push.data.rows.find((r) => r.unit === 'NP-BB');
  assert.equal(lead.closed, 1);
  assert.ok(push.data.events.some((e) => e.kind === 'close' && e.task === TASK));
  const rest = await gw.ok('GET', '/v1/rankings/2018/city', { as: 'demo-monitor' });
  assert.deepEqual(rest.rows, push.data.rows, 'REST shows the same board');
});

test('the connection is cut, ten changes happen: all of them come back, in order, none twice', async () => {
  const proxy = await new Proxy(gw.port).start();
  const port = gw.port;
  gw.port = proxy.port;
  const client = await gw.client('demo-monitor');
  gw.port = port;
  const board = await listen(client);
  const set = (v) => gw.ok('PUT', '/v1/evaluations/2018/NP-BB', { as: 'demo-leader', body: { value: v } });
  await set(50);
  await until(() => board.pubs.length >= 1, { what: 'the first publication' });
  const offset = board.pubs.at(-1).offset;
  proxy.cut();
  await until(() => client.state === 'connecting', { what: 'the cut' });
  const scores = [];
  for (let i = 0; i < 10; i++) {
    await set(51 + i);
    scores.push((await gw.ok('GET', '/v1/rankings/2018/city', { as: 'demo-leader' })).rows.find((r) => r.unit === 'NP-BB').score);
  }
  proxy.restore();
  await until(() => board.states.length === 2, { what: 'subscribed again' });
  assert.equal(board.states[1].wasRecovering, true);
  assert.equal(board.states[1].recovered, true);
  await until(() => board.pubs.at(-1).offset >= offset + 10, { what: 'ten publications' });
  const late = board.pubs.filter((p) => p.offset > offset);
  assert.deepEqual(late.map((p) => p.offset), Array.from({ length: 10 }, (_, i) => offset + 1 + i));
  assert.deepEqual(late.map((p) => p.data.rows.find((r) => r.unit === 'NP-BB').score), scores);
  client.disconnect();
  await proxy.stop();
});

test('a personal notice arrives on the open socket, is listed, and reading it counts everywhere', async () => {
  const client = await gw.client('sim-NP-GSJ');
  const got = [];
  client.on('publication', (p) => { if (p.channel === 'user:sim-NP-GSJ') got.push(p.data); });
  await work.dispatch(gw, 'NP2018-1-3-1').catch(() => work.dispatch(gw, 'NP2018-1-1-1'));
  const n = await until(() => got.find((d) => d.kind === 'task.assigned'), { what: 'notice' });
  assert.match(n.text, /新任务「.+」/);
  const list = await gw.ok('GET', '/v1/notices', { as: 'sim-NP-GSJ' });
  assert.ok(list.items.some((i) => i.id === n.id && i.read_at === null));
  await gw.ok('POST', `/v1/notices/${n.id}/read`, { as: 'sim-NP-GSJ' });
  const again = await client.rpc('notice.list', {});
  assert.ok(again.data.items.find((i) => i.id === n.id).read_at);
});
