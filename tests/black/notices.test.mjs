// SPDX-License-Identifier: Apache-2.0
// F110, F119: a person's inbox: what came, what was read, on every screen the same, and nobody else's business.
import test, { before, after } from 'node:test';
import assert from 'node:assert/strict';
import { Gateway } from './lib/gateway.mjs';
import { until } from './lib/until.mjs';
import * as work from './lib/work.mjs';

const TASK = 'NP2018-1-1-1', WHO = 'sim-NP-BB', COLLEAGUE = 'demo-responsible';
let gw;

before(async () => {
  gw = await new Gateway().start();
  await work.dispatch(gw, TASK);
});
after(() => gw.stop());

const inbox = (as, query = '') => gw.ok('GET', `/v1/notices${query}`, { as });

/** A connected client that keeps what is said on its own channel. */
async function screen(as) {
  const client = await gw.client(as), got = [];
  client.on('publication', (p) => { if (p.channel === `user:${as}`) got.push(p.data); });
  return { client, got };
}

test('F110 an assignment is in the inbox of every contact of the unit, unread, the same by REST and by rpc', async () => {
  for (const who of [WHO, COLLEAGUE]) {
    const list = await inbox(who), n = list.items.find((i) => i.kind === 'task.assigned');
    assert.equal(n.object, `task:${TASK}`);
    assert.equal(n.title, '新任务待签收');
    assert.equal(n.body, '新任务「权责清单管理系统投入试运行」，请于3月13日前签收，3月20日前办结。请登录掌办办理。');
    assert.equal(n.read_at, null);
    assert.equal(n.priority, 1);
    assert.match(n.created_at, /^2018-03-12T\d\d:\d\d:\d\d(\.\d+)?\+08:00$/, 'the business time');
    assert.equal(list.unread, list.items.filter((i) => i.read_at === null).length);
    assert.deepEqual(await gw.rpc(who, 'notice.list'), list);
  }
  assert.deepEqual((await inbox('sim-NP-GAJ')).items, [], 'a unit that is not concerned');
});

test('F110 reading on one screen shows on the other at once; twice keeps the first time; a colleague\'s stays unread', async () => {
  const pc = await screen(WHO), phone = await screen(WHO), before = await inbox(WHO);
  const n = before.items.find((i) => i.kind === 'task.assigned');
  const r = (await phone.client.rpc('notice.read', { notice_id: n.id })).data;
  assert.equal(r.id, n.id);
  for (const s of [pc, phone]) {
    const told = await until(() => s.got.find((d) => d.kind === 'read' && d.id === n.id), { what: 'the read state' });
    assert.equal(told.unread, before.unread - 1);
  }
  assert.equal((await gw.ok('POST', `/v1/notices/${n.id}/read`, { as: WHO })).read_at, r.read_at);
  const after = await inbox(WHO);
  assert.equal(after.unread, before.unread - 1);
  assert.equal(after.items.find((i) => i.id === n.id).read_at, r.read_at);
  assert.ok(!(await inbox(WHO, '?unread=true')).items.some((i) => i.id === n.id));
  assert.ok((await inbox(COLLEAGUE)).items.find((i) => i.object === n.object && i.kind === n.kind).read_at === null);
});

test('D22 another person\'s notice is not there: neither to read nor on the socket', async () => {
  const n = (await inbox(COLLEAGUE)).items[0];
  const foreign = await gw.rest('POST', `/v1/notices/${n.id}/read`, { as: WHO }), none = await gw.rest('POST', '/v1/notices/n_none/read', { as: WHO });
  assert.equal(foreign.status, 404);
  assert.deepEqual(foreign.body, none.body);
  assert.equal((await inbox(COLLEAGUE)).items.find((i) => i.id === n.id).read_at, null);
  const { client } = await screen(WHO), sub = client.newSubscription(`user:${COLLEAGUE}`);
  const refused = new Promise((done) => { sub.on('unsubscribed', done); sub.on('error', () => {}); });
  sub.subscribe();
  assert.equal((await refused).code, 103);
  assert.equal((await gw.rest('GET', '/v1/notices')).status, 401);
  assert.equal((await gw.rest('GET', '/v1/notices', { as: 'demo-display' })).status, 403);
});

test('F110 what came while the phone was away is there after the next connection, from its own channel', async () => {
  const { client, got } = await screen('sim-NP-GSJ');
  const connected = () => new Promise((ok) => client.once('connected', ok));
  client.disconnect();
  await work.dispatch(gw, 'NP2018-2-1-1');
  const back = connected();
  client.connect();
  await back;
  const live = await until(() => got.find((d) => d.kind === 'task.assigned' && d.object === 'task:NP2018-2-1-1'), { what: 'the recovered notice' });
  assert.equal(live.text, (await inbox('sim-NP-GSJ')).items.find((i) => i.id === live.id).body);
  assert.equal(got.filter((d) => d.id === live.id).length, 1);
});

test('F119 a step that is repeated says it once', async () => {
  await work.signAll(gw, TASK);
  const count = async () => (await inbox('demo-dispatcher', '?limit=200')).items.filter((i) => i.kind === 'task.signed' && i.object === `task:${TASK}`).length;
  await until(async () => await count() === 1, { what: 'signed by all' });
  await work.signAll(gw, TASK);
  await work.act(gw, 'demo-responsible', TASK, 'sign-for');
  assert.equal(await count(), 1);
});

test('D4 the inbox goes on by cursor; a cursor of the other filter is refused', async () => {
  const all = (await inbox('demo-approver', '?limit=200')).items.map((i) => i.id), ids = [];
  assert.ok(all.length >= 2, `${all.length}`);
  for (let next = ''; next !== null;) {
    const page = await inbox('demo-approver', `?limit=1${next && `&cursor=${encodeURIComponent(next)}`}`);
    ids.push(...page.items.map((i) => i.id));
    next = page.next;
  }
  assert.deepEqual(ids, all);
  const { next } = await inbox('demo-approver', '?limit=1'), r = await gw.rest('GET', `/v1/notices?limit=1&unread=true&cursor=${encodeURIComponent(next)}`, { as: 'demo-approver' });
  assert.equal(r.status, 400);
  assert.equal(r.body.field, 'cursor');
});
