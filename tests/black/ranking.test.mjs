// SPDX-License-Identifier: Apache-2.0
// The ranking: every score adds up from its reasons, ties share a place, a frozen period gives the same bytes for ever.
import test, { before, after } from 'node:test';
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import path from 'node:path';
import { promisify } from 'node:util';
import { Gateway } from './lib/gateway.mjs';
import { Api } from './lib/api.mjs';
import { rows } from './lib/city.mjs';
import { until } from './lib/until.mjs';
import * as work from './lib/work.mjs';

const SCOPES = ['city', 'county', 'department', 'soe'], DISPATCHER = 'demo-dispatcher';
let gw, api;

before(async () => { gw = await new Gateway().start(); api = await Api.of(gw); });
after(() => gw.stop());

const board = (period = '2018', scope = 'city', as = 'demo-leader') => api.ok(as, 'ranking.get', { period, scope });
const explain = (unit, period = '2018', scope = 'city', as = 'demo-leader') => api.rpc(as, 'ranking.explain', { period, scope, unit });
const row = async (unit, ...where) => (await board(...where)).rows.find((r) => r.unit === unit);

async function raw(period, scope) {
  const res = await fetch(`${gw.url}/v1/rankings/${period}/${scope}`, { headers: { authorization: `Bearer ${await gw.tokenOf('demo-monitor')}` } });
  return res.text();
}

async function clock(time) {
  const r = await gw.command('clock', '--set', time);
  assert.equal(r.code, 0, r.stderr);
  await until(async () => (await board()).at >= time, { what: `the clock at ${time}` });
}

async function begun(fields) {
  const id = await work.given(gw, fields);
  for (const u of fields.units) await api.ok(`sim-${u}`, 'task.sign_for', { task_id: id });
  for (const u of [...fields.units].reverse()) await api.ok(`sim-${u}`, 'task.report', { task_id: id, text: '在办' });
  return id;
}

async function closed(fields) {
  const id = await begun(fields);
  let { version } = await api.ok(DISPATCHER, 'task.get', { task_id: id });
  ({ version } = await api.ok(`sim-${fields.units[0]}`, 'task.submit_done', { task_id: id, version, text: '完成', evidence: ['材料'] }));
  await api.ok(DISPATCHER, 'task.accept', { task_id: id, version, opinion: '同意', quality: 5 });
  return id;
}

/** Every row of every board of the period against its reasons. */
async function adds_up(period) {
  let n = 0;
  for (const scope of SCOPES) {
    const b = await board(period, scope);
    const order = b.rows.filter((r) => r.rank !== null);
    for (let i = 1; i < order.length; i++) {
      const same = ['score', 'on_time_rate', 'closed'].every((k) => order[i][k] === order[i - 1][k]);
      assert.equal(order[i].rank, same ? order[i - 1].rank : i + 1, `${scope}: ${order[i].unit} behind ${order[i - 1].unit}`);
      assert.ok(order[i].score <= order[i - 1].score);
    }
    for (const r of b.rows) {
      const why = await explain(r.unit, period, scope);
      assert.equal(why.lines.reduce((sum, l) => sum + l.points, 0), why.sum);
      assert.equal(why.sum, why.score);
      assert.deepEqual([why.score, why.rank, why.on_time, why.due, why.counted], [r.score, r.rank, r.on_time, r.due, r.counted], `${scope} ${r.unit}`);
      assert.equal(why.tasks.filter((t) => t.counted).length, r.counted);
      n++;
    }
  }
  return n;
}

test('F111 a board in its rule: who closed on time leads, equal units share the place and the next is skipped', async () => {
  await closed({ title: '甲', units: ['NP-SZB'], deadline: '2018-03-30' });
  await begun({ title: '乙', units: ['NP-GSJ', 'NP-CZJ'], deadline: '2018-03-30' });
  await begun({ title: '丙', units: ['XZ-350702', 'XZ-350703'], deadline: '2018-03-20' });
  const b = await board();
  assert.deepEqual(b.rows.map((r) => [r.rank, r.unit]), [[1, 'NP-SZB'], [2, 'NP-CZJ'], [2, 'NP-GSJ'], [2, 'XZ-350702'], [2, 'XZ-350703']]);
  assert.deepEqual(b.rows[0].on_time_rate, 10000);
  assert.deepEqual((await board('2018', 'county')).rows.map((r) => r.unit), ['XZ-350702', 'XZ-350703'], 'like with like');
  assert.deepEqual((await api.rpc('demo-display', 'ranking.get', { period: '2018', scope: 'city' })).rows, b.rows);
  assert.ok(await adds_up('2018') >= 10);
  for (const [args, code] of [[{ period: '2018-13', scope: 'city' }, 'E_INPUT'], [{ period: '2018-Q5', scope: 'city' }, 'E_INPUT'],
    [{ period: '18', scope: 'city' }, 'E_INPUT'], [{ period: '2018', scope: 'village' }, 'E_INPUT']]) await api.refused('demo-leader',
      'ranking.get', args, code);
});

test('F111 the reasons of a score: the tasks behind it, for those who may see them', async () => {
  const why = await explain('XZ-350702', '2018', 'county', 'sim-XZ-350702');
  assert.deepEqual(why.tasks.map((t) => [t.title, t.light, t.lead]), [['丙', 'green', true]]);
  await api.refused('sim-XZ-350703', 'ranking.explain', { period: '2018', scope: 'county', unit: 'XZ-350702' }, 'E_NOTFOUND');
  await api.refused('demo-display', 'ranking.explain', { period: '2018', scope: 'county', unit: 'XZ-350702' }, 'E_PERM');
  await api.refused('demo-leader', 'ranking.explain', { period: '2018', scope: 'soe', unit: 'XZ-350702' }, 'E_NOTFOUND');
  await api.refused('demo-leader', 'ranking.explain', { period: '2018', scope: 'city', unit: 'NP-JYJ' }, 'E_NOTFOUND');
});

test('evaluation.set: the leader\'s figure is a fifth of the score and can be changed; nobody else sets it', async () => {
  assert.equal((await row('NP-SZB')).score, 9600, '100 x 0.8 + 80 x 0.2 without an evaluation');
  assert.deepEqual(await api.ok('demo-leader', 'evaluation.set', { period: '2018', unit: 'NP-SZB', value: 95 }), { period: '2018', unit: 'NP-SZB', value: 95 });
  assert.equal((await row('NP-SZB')).score, 9900);
  await api.rpc('demo-leader', 'evaluation.set', { period: '2018', unit: 'NP-SZB', value: 40 });
  assert.equal((await row('NP-SZB')).score, 8800, 'the latest counts');
  const line = (await explain('NP-SZB')).lines.find((l) => l.kind === 'evaluation');
  assert.equal(line.points, 800);
  assert.equal((await row('NP-SZB', '2018-03')).score, 9600, 'a month is not judged by the year\'s figure');
  for (const who of ['demo-dispatcher', 'demo-monitor', 'sim-NP-SZB', 'demo-admin']) await api.refused(who, 'evaluation.set',
    { period: '2018', unit: 'NP-SZB', value: 100 }, 'E_PERM');
  await api.refused('demo-leader', 'evaluation.set', { period: '2018', unit: 'NP-SZBM', value: 90 }, 'E_INPUT');
  await api.refused('demo-leader', 'evaluation.set', { period: '2018', unit: 'NP-NONE', value: 90 }, 'E_NOTFOUND');
  await api.refused('demo-leader', 'evaluation.set', { period: '2018', unit: 'NP-SZB', value: 101 }, 'E_INPUT');
  await api.refused('demo-leader', 'evaluation.set', { period: '2017', unit: 'NP-SZB', value: 90 }, 'E_LATE');
  await api.rpc('demo-leader', 'evaluation.set', { period: '2018', unit: 'NP-SZB', value: 80 });
});

test('task.find_false costs the lead ten points before weighing; province praise gives two', async () => {
  const id = (await explain('NP-GSJ')).tasks.find((t) => t.title === '乙').task;
  const { version } = await api.ok(DISPATCHER, 'task.get', { task_id: id });
  await api.ok('demo-monitor', 'task.find_false', { task_id: id, version, reason: '现场没有设备' });
  assert.equal((await row('NP-GSJ')).score, 8800);
  assert.equal((await row('NP-CZJ')).score, 9600, 'not the assisting unit');
  assert.deepEqual((await explain('NP-GSJ')).lines.filter((l) => l.task === id).map((l) => [l.kind, l.points]), [['false_report', -1000]]);
  await api.ok(DISPATCHER, 'praise.add', { unit: 'NP-CZJ', document: '闽政办〔2018〕12号' });
  assert.equal((await row('NP-CZJ')).score, 9760);
  await api.refused('demo-leader', 'praise.add', { unit: 'NP-CZJ', document: '闽政办〔2018〕13号' }, 'E_PERM');
  await api.refused(DISPATCHER, 'praise.add', { unit: 'NP-ZFB', document: '闽政办〔2018〕13号' }, 'E_PERM');
  assert.ok(await adds_up('2018') >= 10);
});

test('F112 marks: yellow near the date, red after it, with what an overdue day costs', async () => {
  const lights = (r) => [r.red, r.yellow, r.green];
  assert.deepEqual(lights(await row('XZ-350703')), [0, 0, 1]);
  await clock('2018-03-16T09:00:00.000+08:00');
  assert.deepEqual(lights(await row('XZ-350703')), [0, 1, 0]);
  await clock('2018-03-22T09:00:00.000+08:00');
  const red = await row('XZ-350702');
  assert.deepEqual([...lights(red), red.score, red.due, red.on_time_rate], [1, 0, 0, 9520, 1, 0], 'two working days, half a point each, weighed');
  assert.equal((await row('XZ-350703')).score, 9600, 'the assisting unit reported in time (D32)');
  assert.deepEqual((await explain('XZ-350702')).lines.filter((l) => l.kind === 'overdue').map((l) => l.points), [-100]);
  const id = (await explain('XZ-350702')).tasks[0].task;
  let { version } = await api.ok(DISPATCHER, 'task.get', { task_id: id });
  ({ version } = await api.ok('sim-XZ-350702', 'task.submit_done', { task_id: id, version, text: '完成', evidence: ['材料'] }));
  const end = await api.ok(DISPATCHER, 'task.accept', { task_id: id, version, opinion: '同意', quality: 3 });
  assert.equal(end.on_time, false);
  assert.deepEqual((await explain('XZ-350702')).lines.filter((l) => l.task === id).map((l) => [l.kind, l.points]), [['closed_late', -300]],
    'instead of the days (D35)');
  assert.equal((await row('XZ-350702')).score, 9360);
  assert.ok(await adds_up('2018-03') >= 10);
});

test('F112 a mark is that of the tasks behind it, the same to everybody; nobody sets one by hand', async () => {
  const id = await begun({ title: '丁', units: ['NP-GTJ'], deadline: '2018-03-27' });
  const marks = async (as, light) => (await api.rpc(as, 'task.list', { unit: 'NP-GTJ', light })).items.map((t) => t.id);
  assert.deepEqual(await marks('demo-monitor', 'yellow'), [id]);
  assert.deepEqual((await api.ok('sim-NP-GTJ', 'task.list', { unit: 'NP-GTJ', light: 'yellow' })).items.map((t) => t.id), [id]);
  assert.deepEqual(await marks('demo-monitor', 'red'), []);
  const why = await explain('NP-GTJ');
  assert.deepEqual(why.tasks.map((t) => [t.task, t.light]), [[id, 'yellow']]);
  const r = await row('NP-GTJ');
  assert.deepEqual([r.red, r.yellow, r.green], [0, 1, 0]);
  await api.refused('demo-monitor', 'task.list', { light: 'blue' }, 'E_INPUT');
  const { version } = await api.ok(DISPATCHER, 'task.get', { task_id: id });
  assert.equal((await api.refused(DISPATCHER, 'task.update', { task_id: id, version, light: 'green' }, 'E_INPUT')).field, 'light');
  assert.deepEqual(await marks('demo-monitor', 'yellow'), [id]);
});

test('F111 a period that is over is frozen: the same bytes later, after a restart, and when it is computed anew', async () => {
  await clock('2018-04-02T09:00:00.000+08:00');
  const frozen = JSON.parse(await until(async () => {
    const text = await raw('2018-03', 'city');
    return JSON.parse(text).frozen && text;
  }, { what: 'March frozen' }));
  assert.equal(frozen.day, '2018-03-31');
  assert.equal(frozen.totals.closed, 2);
  const texts = {};
  for (const period of ['2018-03', '2018-Q1']) for (const scope of SCOPES) texts[`${period}/${scope}`] = await raw(period, scope);
  await adds_up('2018-03');
  await api.refused('demo-leader', 'evaluation.set', { period: '2018-03', unit: 'NP-SZB', value: 1 }, 'E_LATE');
  await api.ok('demo-leader', 'evaluation.set', { period: '2018', unit: 'NP-SZB', value: 1 });
  await closed({ title: '四月的任务', units: ['NP-SZB'], deadline: '2018-04-27' });
  const { version } = await api.ok(DISPATCHER, 'task.get', { task_id: (await explain('NP-GSJ')).tasks.find((t) => t.title === '乙').task });
  await api.ok('demo-monitor', 'task.find_false', { task_id: (await explain('NP-GSJ')).tasks.find((t) => t.title === '乙').task, version, reason: '四月又查实一次' });
  for (const [k, text] of Object.entries(texts)) assert.equal(await raw(...k.split('/')), text, k);

  await gw.kill('SIGTERM');
  gw.rpcs = undefined;
  const n = (await rows(gw, 'SELECT count(*) AS n FROM ranking_frozen'))[0].n;
  assert.ok(n >= 8);
  await promisify(execFile)('sqlite3', [path.join(gw.conf.data, 'zhangban.db'), 'DELETE FROM ranking_frozen']);
  await gw.start();
  await clock('2018-04-03T00:00:30.000+08:00');
  await until(async () => (await rows(gw, 'SELECT count(*) AS n FROM ranking_frozen'))[0].n >= n, { what: 'frozen anew' });
  for (const [k, text] of Object.entries(texts)) assert.equal(await raw(...k.split('/')), text, `${k} anew`);
});

test('F112 the change of rank is counted from the frozen period before', async () => {
  const now = await board('2018-04');
  const before = Object.fromEntries((await board('2018-03')).rows.map((r) => [r.unit, r.rank]));
  assert.ok(now.rows.some((r) => r.change !== 0 && r.change !== null), 'somebody moved');
  for (const r of now.rows) assert.equal(r.change, before[r.unit] && r.rank ? before[r.unit] - r.rank : null, r.unit);
});
