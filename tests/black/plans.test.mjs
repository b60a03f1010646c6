// SPDX-License-Identifier: Apache-2.0
// Plans: where tasks come from, three dates kept apart, parts and items with their completion, words of deadlines.
import test, { before, after } from 'node:test';
import assert from 'node:assert/strict';
import { Gateway } from './lib/gateway.mjs';
import { Api } from './lib/api.mjs';
import * as work from './lib/work.mjs';

const DISPATCHER = 'demo-dispatcher', APPROVER = 'demo-approver', PLAN = 'NP2018';
let gw, api;

before(async () => { gw = await new Gateway().start(); api = await Api.of(gw); });
after(() => gw.stop());

async function all(as, args) {
  const items = [];
  for (let cursor; cursor !== null;) {
    const page = await api.ok(as, 'task.list', { limit: 10, ...args, ...(cursor && { cursor }) });
    items.push(...page.items);
    cursor = page.next;
  }
  return items;
}

const ids = (v) => v.map((t) => t.id);
const part = async (n, as = 'demo-display') => (await api.rpc(as, 'plan.get', { plan_id: PLAN })).parts.find((p) => p.part === n);

/** One task of the plan by one unit, from draft to closed. */
async function close(id, unit = 'NP-SZB') {
  let { version } = await api.ok(DISPATCHER, 'task.submit_draft', { task_id: id, version: 1 });
  ({ version } = await api.ok(APPROVER, 'task.approve', { task_id: id, version }));
  ({ version } = await api.ok(`sim-${unit}`, 'task.sign_for', { task_id: id }));
  ({ version } = await api.ok(`sim-${unit}`, 'task.report', { task_id: id, text: '完成' }));
  ({ version } = await api.ok(`sim-${unit}`, 'task.submit_done', { task_id: id, version, text: '完成', evidence: ['材料'] }));
  return api.ok(DISPATCHER, 'task.accept', { task_id: id, version, opinion: '同意', quality: 5 });
}

test('F002 every task names its source, and lists are filtered by it', async () => {
  for (const t of await all(DISPATCHER, { plan: PLAN })) assert.deepEqual([t.source_kind, t.source_no], ['executive_meeting', '市政府第23次常务会'], t.id);
  const own = await work.draft(gw, { source_kind: 'document', source_no: '南政办〔2018〕27号', source_date: '2018-03-05' });
  assert.deepEqual(ids(await all(DISPATCHER, { source_no: '南政办〔2018〕27号' })), [own]);
  assert.deepEqual((await api.rpc(APPROVER, 'task.get', { task_id: own })).source, { kind: 'document', number: '南政办〔2018〕27号', date: '2018-03-05' });
  assert.equal((await all(DISPATCHER, { source_no: '市政府第23次常务会' })).length, work.TASKS.length);
  assert.deepEqual(ids(await all(DISPATCHER, { source_no: '市政府第24次常务会' })), []);
  await api.refused(DISPATCHER, 'task.create', { title: '来源日期不实', source_date: '2018-02-30' }, 'E_INPUT');
});

test('F003 issue date, deadline and creation stay apart; late at creation costs nothing until a date one can meet', async () => {
  const id = 'NP2018-3-2-1';
  await work.dispatch(gw, id);
  const t = await api.rpc('demo-monitor', 'task.get', { task_id: id });
  assert.deepEqual([t.issued_on, t.deadline, t.created_at.slice(0, 10)], ['2018-03-09', '2018-02-20', '2018-03-12']);
  assert.deepEqual([t.late_at_creation, t.light, t.days_over, t.state], [true, 'none', null, 'dispatched']);
  assert.match(t.past_reason, /已过期/);
  const lead = t.lead_unit.unit;
  const why = await api.ok('demo-leader', 'ranking.explain', { period: '2018', scope: 'city', unit: lead });
  assert.deepEqual(why.lines.filter((l) => l.task), [], 'no deduction');
  assert.equal((await api.ok('demo-leader', 'ranking.get', { period: '2018', scope: 'city' })).totals.red, 0);
  await api.refused(`sim-${lead}`, 'task.update', { task_id: id, version: t.version, deadline: '2018-04-27' }, 'E_PERM');
  await api.refused(DISPATCHER, 'task.update', { task_id: id, version: t.version, deadline: '2018-03-11' }, 'E_INPUT');
  await api.ok(DISPATCHER, 'task.update', { task_id: id, version: t.version, deadline: '2018-03-13' });
  const dated = await api.ok(`sim-${lead}`, 'task.get', { task_id: id });
  assert.deepEqual([dated.late_at_creation, dated.light, dated.deadline, dated.days_left], [false, 'yellow', '2018-03-13', 1]);
  await api.refused(DISPATCHER, 'task.update', { task_id: id, version: dated.version, deadline: '2018-05-31' }, 'E_STATE');
  const past = await api.refused(DISPATCHER, 'task.create', { title: '已过期', units: ['NP-SZB'], deadline: '2018-03-09' }, 'E_INPUT');
  assert.equal(past.field, 'past_reason');
});

test('F005 a plan shows its parts and the completion of each', async () => {
  const before = await part(3);
  assert.deepEqual([before.tasks, before.dated, before.done, before.rate_permille], [10, 8, 0, 0]);
  const whole = await api.ok('demo-monitor', 'plan.get', { plan_id: PLAN });
  assert.equal(whole.title, '进一步推进南平市“互联网+放管服”平台建设实施方案');
  assert.deepEqual(whole.parts.map((p) => p.tasks), [1, 2, 3, 4, 5, 6].map((n) => work.TASKS.filter((t) => t.id.startsWith(`${PLAN}-${n}-`)).length));
  await work.wholeWay(gw, 'NP2018-3-3-1');
  const now = await part(3);
  assert.deepEqual([now.done, now.closed, now.rate_permille], [1, 1, 125]);
  assert.deepEqual(await part(2), whole.parts.find((p) => p.part === 2));
  const listed = (await api.ok('demo-admin', 'plan.list', {})).items.find((p) => p.id === PLAN);
  assert.deepEqual([listed.done, listed.dated, listed.rate_permille], [1, 28, 36]);
  await api.refused('demo-admin', 'plan.get', { plan_id: 'NP2019' }, 'E_NOTFOUND');
});

test('F006 document numbers are stored in one writing and found in any', async () => {
  const id = await work.draft(gw, { source_kind: 'document', source_no: '南政办[2017]115号' });
  assert.equal((await api.ok(APPROVER, 'task.get', { task_id: id })).source.number, '南政办〔2017〕115号');
  for (const typed of ['南政办〔2017〕115号', '南政办[2017]115号', '南政办(2017)115号', '南政办（2017）115号', '南政办【2017】115号', '南政办〔２０１７〕１１５号', '南政办 [2017] 115 号']) {
    assert.deepEqual(ids(await all(DISPATCHER, { source_no: typed })), [id], typed);
    assert.deepEqual(ids((await api.rpc(DISPATCHER, 'task.list', { q: typed })).items), [id], `q ${typed}`);
  }
  assert.deepEqual(ids(await all(DISPATCHER, { source_no: '南政办〔2017〕11号' })), []);
  await api.refused(DISPATCHER, 'praise.add', { unit: 'NP-SZB', document: '南政办2017第115' }, 'E_INPUT');
  assert.equal((await api.ok(DISPATCHER, 'praise.add', { unit: 'NP-SZB', document: '闽政办[2018]12号' })).document, '闽政办〔2018〕12号');
  await api.refused(DISPATCHER, 'praise.add', { unit: 'NP-SZB', document: '闽政办（2018）12号' }, 'E_DUP');
});

test('F023 deadline words stay beside the date and the rule that made it', async () => {
  for (const t of work.TASKS) {
    const got = await api.ok(DISPATCHER, 'task.get', { task_id: t.id });
    if (t.id === 'NP2018-3-2-1') continue; // given another date above
    assert.deepEqual([got.deadline, got.deadline_text, got.deadline_rule, got.long_term, got.continues_after],
      [t.deadline, t.deadline_text, t.deadline_rule, t.long_term, t.continues_after_deadline ?? false], t.id);
  }
  const long = await api.rpc(DISPATCHER, 'task.get', { task_id: 'NP2018-3-4-1' });
  assert.deepEqual([long.deadline, long.due, long.light], [null, null, 'none']);
  await api.refused(DISPATCHER, 'task.create', { title: '长期又有时限', long_term: true, deadline: '2018-12-31' }, 'E_INPUT');
  await api.refused(DISPATCHER, 'task.create', { title: '没有节假日安排的年份', units: ['NP-SZB'], deadline: '2031-03-31' }, 'E_CALENDAR');
});

test('F034 an item with several dated tasks is done only when all of them are', async () => {
  const section = '三(测)1', fields = { plan: PLAN, part: 6, section, units: ['NP-SZB'] };
  const [first, second] = [await work.draft(gw, { ...fields, deadline: '2018-03-30' }), await work.draft(gw, { ...fields, deadline: '2018-04-27' })];
  const item = async (as) => (await part(6, as)).sections.find((s) => s.section === section);
  assert.deepEqual(await item(), { section, tasks: 2, dated: 2, done: 0, is_done: false });
  assert.equal((await close(first)).state, 'closed');
  assert.deepEqual(await item(), { section, tasks: 2, dated: 2, done: 1, is_done: false });
  assert.equal((await api.ok('sim-NP-SZB', 'task.list', { unit: 'NP-SZB', state: 'closed' })).items.some((t) => t.id === first), true);
  assert.equal((await api.ok(DISPATCHER, 'task.get', { task_id: second })).state, 'draft', 'each has its own state');
  await close(second);
  assert.deepEqual(await item('demo-monitor'), { section, tasks: 2, dated: 2, done: 2, is_done: true });
  await api.refused('demo-dispatcher2', 'task.create', { title: '他人的方案', ...fields }, 'E_PERM');
});

test('F088 the order of the text is kept, and lists can be sorted by deadline', async () => {
  const text = (await all(DISPATCHER, { plan: PLAN, sort: 'plan' })).filter((t) => work.TASKS.some((s) => s.id === t.id));
  assert.deepEqual(ids(text), work.TASKS.map((t) => t.id));
  const dates = (await all(DISPATCHER, { plan: PLAN, sort: 'deadline' })).map((t) => t.deadline);
  assert.deepEqual(dates, [...dates].sort((a, b) => (a === null) - (b === null) || (a < b ? -1 : a > b ? 1 : 0)), 'dated ones by date, the others last');
  assert.equal(dates.length, work.TASKS.length + 2);
  const april = await all(DISPATCHER, { due_from: '2018-04-01', due_to: '2018-04-30', sort: 'deadline', plan: PLAN });
  assert.deepEqual(ids(april.filter((t) => work.TASKS.some((s) => s.id === t.id))).sort(),
    ids(work.TASKS.filter((t) => t.deadline?.startsWith('2018-04'))).sort());
  const page = await api.ok(DISPATCHER, 'task.list', { sort: 'deadline', limit: 3 });
  const p = await api.refused(DISPATCHER, 'task.list', { sort: 'plan', limit: 3, cursor: page.next }, 'E_INPUT');
  assert.equal(p.field, 'cursor', 'a cursor belongs to its list');
});
