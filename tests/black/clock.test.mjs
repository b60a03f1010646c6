// SPDX-License-Identifier: Apache-2.0
// The business clock of a demo, moved by an operator beside the running gateway: what the passed time brings happens in order.
import test, { before, after } from 'node:test';
import assert from 'node:assert/strict';
import { Gateway } from './lib/gateway.mjs';
import { Api } from './lib/api.mjs';
import { rows } from './lib/city.mjs';
import { until } from './lib/until.mjs';
import * as work from './lib/work.mjs';

const LEAD = 'sim-NP-SZB', ASSIST = 'sim-NP-GSJ', DISPATCHER = 'demo-dispatcher';
let gw, api;

before(async () => { gw = await new Gateway().start(); api = await Api.of(gw); });
after(() => gw.stop());

const board = () => api.rpc('demo-leader', 'ranking.get', { period: '2018', scope: 'city' });
const notices = async (as, id) => (await api.ok(as, 'notice.list', { limit: 200 })).items.filter((n) => n.object === `task:${id}`).reverse();
const told = async (as, id) => (await notices(as, id)).map((n) => [n.kind, n.created_at.slice(0, 16)]);

async function clock(...args) {
  const r = await gw.command('clock', ...args);
  assert.equal(r.code, 0, r.stderr);
  const time = r.stdout.trim();
  await until(async () => (await board()).at >= time, { what: `the gateway's clock at ${time}` });
  return time;
}

test('clock --show, --set and --advance; it only goes forward, and nonsense is refused', async () => {
  const show = (await gw.command('clock', '--show')).stdout.trim();
  assert.match(show, /^2018-03-12T08:30:\d\d\.\d{3}\+08:00$/);
  assert.match(await clock('--advance', '90m'), /^2018-03-12T10:0/);
  assert.match(await clock('--set', '2018-03-12T11:00:00+08:00'), /^2018-03-12T11:00:00/);
  assert.match(await clock('--set', '2018-03-12T11:00:00+08:00', '--advance', '30m'), /^2018-03-12T11:30:00/);
  for (const [args, why] of [[['--set', '2018-03-12T08:30:00+08:00'], /forward/], [['--advance', '3x'], /DURATION/], [['--advance', '-3d'], /DURATION/],
    [['--advance', '0d'], /DURATION/], [['--set', '2018-02-30T00:00+08:00'], /TIME/], [['--set', '2018-03-20T09:00'], /TIME/],
      [['--nonsense'], /--nonsense/]]) {
    const r = await gw.command('clock', ...args);
    assert.notEqual(r.code, 0, args.join(' '));
    assert.match(r.stderr, why, args.join(' '));
  }
  assert.match((await gw.command('clock', '--show')).stdout, /^2018-03-12T11:3/);
  const moves = (await rows(gw, "SELECT body FROM ledger WHERE kind = 'demo.clock' ORDER BY seq")).map((r) => JSON.parse(r.body).business.slice(0, 16));
  assert.deepEqual(moves, ['2018-03-12T08:30', '2018-03-12T10:00', '2018-03-12T11:00', '2018-03-12T11:30'], 'each move is on record, no refusal');
  assert.match((await gw.command('verify-ledger')).stdout, /ledger ok/);
});

test('F057 unsigned, due soon and overdue: each comes at its own instant of the passed time, in order, once', async () => {
  const id = await work.given(gw, { title: '十天', deadline: '2018-03-20' });
  await api.ok(LEAD, 'task.sign_for', { task_id: id });
  await clock('--advance', '10d'); // Thursday 22 March
  await until(async () => (await told(LEAD, id)).some(([kind]) => kind === 'task.overdue'), { what: 'overdue' });
  assert.deepEqual(await told(LEAD, id), [['task.assigned', '2018-03-12T11:30'], ['task.due_soon', '2018-03-15T08:30'],
    ['task.due_soon', '2018-03-19T08:30'], ['task.overdue', '2018-03-21T00:00']]);
  assert.deepEqual(await told(ASSIST, id), [['task.assigned', '2018-03-12T11:30'], ['task.unsigned', '2018-03-14T00:00'],
    ['task.unsigned', '2018-03-15T00:00'], ['task.due_soon', '2018-03-15T08:30'], ['task.unsigned', '2018-03-17T00:00'],
    ['task.due_soon', '2018-03-19T08:30'], ['task.overdue', '2018-03-21T00:00']]);
  const escalated = await told(DISPATCHER, id);
  assert.deepEqual(escalated.filter(([k]) => k === 'task.escalated').map(([, at]) => at), ['2018-03-14T00:00', '2018-03-15T00:00',
    '2018-03-17T00:00', '2018-03-21T00:00']);
  const t = await api.rpc('demo-monitor', 'task.get', { task_id: id });
  assert.deepEqual([t.light, t.days_over], ['red', 2]);
  const bodies = (await notices(LEAD, id)).map((n) => n.body);
  assert.match(bodies[1], /还剩3个工作日/);
  assert.match(bodies[2], /还剩1个工作日/);

  await gw.kill('SIGKILL');
  gw.rpcs = undefined;
  await gw.start();
  await clock('--advance', '1m');
  await api.ok(ASSIST, 'task.sign_for', { task_id: id });
  assert.equal((await told(LEAD, id)).length, 4, 'nothing comes again after a crash');
});

test('F111 F112 at midnight the board changes by itself: yellow turns red, the day is the next, everybody is told live', async () => {
  const id = await work.given(gw, { title: '明日到期', units: ['NP-CZJ'], deadline: '2018-03-22' });
  await api.ok('sim-NP-CZJ', 'task.sign_for', { task_id: id });
  const client = await gw.client('demo-display');
  const pubs = [], sub = client.newSubscription('ranking:2018:department');
  sub.on('publication', (p) => pubs.push(p.data));
  sub.subscribe();
  await sub.ready(10000);
  const before = (await board()).rows.find((r) => r.unit === 'NP-CZJ');
  assert.deepEqual([before.yellow, before.red], [1, 0]);
  await clock('--set', '2018-03-23T00:00:01+08:00');
  const live = await until(() => pubs.find((b) => b.day === '2018-03-23'), { what: 'the board of the new day' });
  const row = live.rows.find((r) => r.unit === 'NP-CZJ');
  assert.deepEqual([row.yellow, row.red], [0, 1]);
  assert.ok(live.events.some((e) => e.kind === 'overdue' && e.task === id && e.at === '2018-03-23T00:00:00.000+08:00'), JSON.stringify(live.events));
  assert.deepEqual((await api.ok('demo-monitor', 'ranking.get', { period: '2018', scope: 'department' })).rows, live.rows);
  assert.equal((await api.ok('sim-NP-CZJ', 'task.list', { unit: 'NP-CZJ', light: 'red' })).items[0].id, id);
});

test('D31 on time is the day of handing in, not of review; a return after the date gives two working days', async () => {
  const id = await work.given(gw, { title: '周五到期', units: ['NP-RSJ'], deadline: '2018-03-23' });
  await api.ok('sim-NP-RSJ', 'task.sign_for', { task_id: id });
  let { version } = await api.ok('sim-NP-RSJ', 'task.report', { task_id: id, text: '已办' });
  await clock('--set', '2018-03-23T23:59:00+08:00');
  ({ version } = await api.ok('sim-NP-RSJ', 'task.submit_done', { task_id: id, version, text: '完成', evidence: ['材料'] }));
  await clock('--set', '2018-03-26T09:00:00+08:00');
  assert.equal((await api.rpc('demo-monitor', 'task.get', { task_id: id })).light, 'green', 'waiting for review is nobody\'s delay');
  const back = await api.ok(DISPATCHER, 'task.return', { task_id: id, version, reason: '缺一份材料' });
  assert.deepEqual([back.due, back.return_count], ['2018-03-28', 1]);
  await api.ok('sim-NP-RSJ', 'task.report', { task_id: id, text: '补齐' });
  await clock('--set', '2018-03-28T22:00:00+08:00');
  const again = await api.ok('sim-NP-RSJ', 'task.submit_done', { task_id: id, version: back.version + 1, text: '完成', evidence: ['材料'] });
  assert.equal(again.late, false);
  await clock('--set', '2018-03-30T09:00:00+08:00');
  const end = await api.ok(DISPATCHER, 'task.accept', { task_id: id, version: again.version, opinion: '同意', quality: 4 });
  assert.equal(end.on_time, true);
  const why = await api.rpc('sim-NP-RSJ', 'ranking.explain', { period: '2018', scope: 'city', unit: 'NP-RSJ' });
  assert.deepEqual(why.lines.filter((l) => l.task === id).map((l) => [l.kind, l.points]), [['return', -200]]);
  await api.refused(DISPATCHER, 'task.return', { task_id: id, version: end.version, reason: '晚了' }, 'E_STATE');
});

test('F003 a task that was late when it was made costs nothing, until a fresh date passes too', async () => {
  const past = { title: '补办的旧任务', units: ['NP-JYJ'], deadline: '2018-03-09' };
  assert.equal((await api.refused(DISPATCHER, 'task.create', past, 'E_INPUT')).field, 'past_reason');
  const id = await work.given(gw, { ...past, past_reason: '文件印发前已过期' });
  await api.ok('sim-NP-JYJ', 'task.sign_for', { task_id: id });
  const lines = async () => (await api.rpc('sim-NP-JYJ', 'ranking.explain', { period: '2018', scope: 'city',
    unit: 'NP-JYJ' })).lines.filter((l) => l.task === id).map((l) => [l.kind, l.points]);
  await clock('--set', '2018-04-02T09:00:00+08:00');
  const late = await api.ok('demo-monitor', 'task.get', { task_id: id });
  assert.deepEqual([late.late_at_creation, late.light, late.days_over, await lines()], [true, 'none', null, []]);
  await api.ok(DISPATCHER, 'task.update', { task_id: id, version: late.version, deadline: '2018-04-02' });
  await clock('--set', '2018-04-04T09:00:00+08:00');
  const over = await api.ok('sim-NP-JYJ', 'task.get', { task_id: id });
  assert.deepEqual([over.late_at_creation, over.light, over.days_over, await lines()], [false, 'red', 2, [['overdue', -100]]]);
  await api.refused(DISPATCHER, 'task.update', { task_id: id, version: over.version, deadline: '2018-04-27' }, 'E_STATE');
});

test('F024 a task without a deadline goes into long-term follow-up with its first report; no clock runs, only a person ends it', async () => {
  const fields = { title: '常态化巡查', units: ['NP-RSJ'], deadline: undefined, long_term: true };
  await api.refused(DISPATCHER, 'task.create', { ...fields, deadline: '2018-12-31' }, 'E_INPUT');
  const id = await work.given(gw, fields), before = (await board()).rows.find((r) => r.unit === 'NP-RSJ');
  await api.ok('sim-NP-RSJ', 'task.sign_for', { task_id: id });
  assert.equal((await api.ok('sim-NP-RSJ', 'task.report', { task_id: id, text: '已建立台账' })).state, 'long_term');
  await clock('--set', '2018-06-11T09:00:00+08:00');
  assert.equal((await api.rpc('sim-NP-RSJ', 'task.report', { task_id: id, text: '二季度例行报告' })).state, 'long_term');
  const t = await api.ok('demo-monitor', 'task.get', { task_id: id });
  assert.deepEqual([t.state, t.deadline, t.light, t.days_over, t.reports.length], ['long_term', null, 'none', null, 2]);
  assert.deepEqual((await told('sim-NP-RSJ', id)).filter(([k]) => ['task.due_soon', 'task.overdue'].includes(k)), [], 'nobody is reminded of a date');
  assert.equal((await board()).rows.find((r) => r.unit === 'NP-RSJ').red, before.red);
  await api.refused('sim-NP-RSJ', 'task.submit_done', { task_id: id, version: t.version, text: '完成', evidence: ['材料'] }, 'E_STATE');
  await api.refused(DISPATCHER, 'task.accept', { task_id: id, version: t.version }, 'E_INPUT');
  assert.equal((await api.ok(DISPATCHER, 'task.accept', { task_id: id, version: t.version, opinion: '机制已固化' })).state, 'closed');
});

test('the clock of a city that is no demo cannot be moved', async () => {
  const city = new Gateway({ demo: false });
  try {
    const r = await city.command('clock', '--advance', '1d');
    assert.equal(r.code, 1);
    assert.match(r.stderr, /only a demo/);
    assert.match((await city.command('clock', '--show')).stdout, /^20[2-9]\d-/);
  } finally {
    await city.stop();
  }
});
