// SPDX-License-Identifier: Apache-2.0
// The import command beside a running gateway: good rows go in, bad ones are named, nothing is guessed, nothing twice.
import test, { before, after } from 'node:test';
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { Gateway } from './lib/gateway.mjs';
import { Api } from './lib/api.mjs';
import { rows } from './lib/city.mjs';
import { until } from './lib/until.mjs';
import * as work from './lib/work.mjs';

const SAMPLE = 'samples/nanping-2018', DISPATCHER = 'demo-dispatcher';
let gw, api, count = 0;

before(async () => { gw = await new Gateway().start(); api = await Api.of(gw); });
after(() => gw.stop());

/** A directory with these files; raw text is written as it is. */
function files(content) {
  const dir = path.join(gw.dir, `import-${++count}`);
  fs.mkdirSync(dir);
  for (const [name, v] of Object.entries(content)) fs.writeFileSync(path.join(dir, name), typeof v === 'string' || Buffer.isBuffer(v) ? v : JSON.stringify(v));
  return dir;
}

/** A plan of its own with these tasks; each is a whole good row but for the fields given. */
function plan(name, tasks, head = {}) {
  return { plan: `关于${name}的通知`, issued: '2018-03-09', printed: '2018-03-12', issuer: '市政府办', doc_no: `南政办〔2018〕${40 + count}号`, ...head,
    tasks: tasks.map((t, i) => ({ id: `${name}-1-${i + 1}`, title: `任务${i + 1}`, requirement: '按要求完成', responsible_units: ['NP-SZB'],
      supervising_unit: 'NP-BB', deadline: '2018-06-29', deadline_text: '2018年6月29日前', ...t })) };
}

const run = (dir, ...more) => gw.command('import', ...more, dir);
const ledger = async () => (await rows(gw, 'SELECT count(*) AS n FROM ledger'))[0].n;
const task = (id, as = DISPATCHER) => api.rpc(as, 'task.get', { task_id: id });

async function everything() {
  const out = [];
  for (const method of ['task.list', 'unit.list', 'plan.list']) {
    for (let cursor; cursor !== null;) {
      const page = await api.ok(DISPATCHER, method, { limit: 200, ...(cursor && { cursor }) });
      out.push(...page.items);
      cursor = page.next;
    }
  }
  return out;
}

/** Imports rows that are each wrong in one place; every expected line "place: field: rule" must be said, and no other. */
async function problems(name, cases, head) {
  const dir = files({ 'tasks.json': plan(name, cases.map(([fields]) => fields), head) });
  const r = await run(dir);
  const said = r.stdout.split('\n').filter((l) => /^tasks\.json: /.test(l) && !/: 提示：/.test(l)).map((l) => l.split(': ').slice(1, 4).join(': '));
  assert.deepEqual(said, cases.flatMap(([, ...want], i) => want.map((w) => `tasks[${i}]: ${w}`)), r.stdout);
  return r;
}

test('F088 the same file again changes nothing: exit status 0, no row, no ledger entry', async () => {
  const before = await everything(), n = await ledger();
  const r = await run(SAMPLE);
  assert.deepEqual([r.code, r.stderr], [0, '']);
  assert.match(r.stdout, /^单位：新增 0，已有 75；任务：新增 0，已有 33；问题行 0，提示 0\n$/);
  assert.deepEqual(await everything(), before);
  assert.equal(await ledger(), n);
});

test('F088 a past deadline needs a confirmation and a reason; without them the other rows still go in', async () => {
  const dir = files({ 'tasks.json': plan('GQ', [{ deadline: '2018-03-11', deadline_text: '3月11日前' }, { deadline: '2018-03-12',
    deadline_text: '3月12日前' }, {}]) });
  const first = await run(dir);
  assert.equal(first.code, 1);
  assert.match(first.stdout, /^tasks\.json: tasks\[0\]: deadline: past: .*--confirm-past/m);
  assert.match(first.stdout, /任务：新增 2，已有 0；问题行 1/);
  await api.refused(DISPATCHER, 'task.get', { task_id: 'GQ-1-1' }, 'E_NOTFOUND');
  assert.equal((await task('GQ-1-2')).late_at_creation, false, 'the day itself is in time');
  assert.notEqual((await run(dir, '--confirm-past')).code, 0, 'a reason is wanted');
  const second = await run(dir, '--confirm-past', '文件印发前已到期');
  assert.equal(second.code, 0, second.stdout);
  assert.match(second.stdout, /任务：新增 1，已有 2；问题行 0/);
  const t = await task('GQ-1-1', 'demo-approver');
  assert.deepEqual([t.late_at_creation, t.past_reason, t.state, t.version], [true, '文件印发前已到期', 'draft', 1]);
  assert.equal((await run(dir)).code, 0, 'what is in needs no reason again');
});

test('F023 words without a date: derived by the rules, in Chinese numerals and full-width digits too, the words kept', async () => {
  const words = [['2018年4月上旬', '2018-04-10', 'early_month_10'], ['4月中旬前', '2018-04-20', 'mid_month_20'], ['４月下旬', '2018-04-30', 'late_month_last_day'],
    ['二〇一八年五月底前', '2018-05-31', 'month_end'], ['上半年', '2018-06-30', 'half_year_end'], ['年底前完成', '2018-12-31', 'year_end'],
    ['２０１８年１０月８日前', '2018-10-08', 'exact'], ['十月二十日前', '2018-10-20', 'exact'], ['长期坚持', null, 'long_term']];
  const r = await run(files({ 'tasks.json': plan('QX', words.map(([deadline_text]) => ({ deadline: null, deadline_text }))) }));
  assert.equal(r.code, 0, r.stdout);
  for (const [i, [text, date, rule]] of words.entries()) {
    const t = await task(`QX-1-${i + 1}`);
    assert.deepEqual([t.deadline_text, t.deadline, t.deadline_rule, t.long_term], [text, date, rule, date === null], text);
  }
  await problems('QY', [[{ deadline: null, deadline_text: '尽快' }, 'deadline_text: words_unknown'], [{ deadline: null,
    deadline_text: '2月30日前' }, 'deadline_text: words_date'],
    [{ deadline: '2018-06-29', deadline_text: '6月底前' }, 'deadline: words_contradict'], [{ deadline: null, deadline_text: undefined }, 'deadline: required'],
    [{ deadline: '2018-02-30', deadline_text: undefined }, 'deadline: date'], [{ long_term: true }, 'long_term: words_contradict'],
    [{ deadline_rule: 'month_end' }, 'deadline_rule: words_contradict'], [{ deadline_rule: 'guess' }, 'deadline_rule: choice']]);
});

test('F033 names instead of codes are resolved; an ambiguous or unknown one is a problem row, never a guess', async () => {
  const r = await run(files({ 'tasks.json': plan('MC', [{ responsible_units: ['工商局', '市数字办'], lead_unit: '数字办', supervising_unit: '市审改办',
    monitoring_units: ['纪检委'] }]) }));
  assert.equal(r.code, 0, r.stdout);
  const t = await task('MC-1-1');
  assert.deepEqual([t.listed_units.map((u) => u.unit), t.lead_unit.unit, t.supervising_unit.unit, t.monitoring_units.map((u) => u.unit)],
    [['NP-GSJ', 'NP-SZB'], 'NP-SZB', 'NP-BB', ['NP-JW']]);
  const bad = await problems('MD', [[{ responsible_units: ['质监局'] }, 'responsible_units: ambiguous_unit'], [{ supervising_unit: '不存在局' },
    'supervising_unit: unknown_unit'],
    [{ responsible_units: ['NP-GSJ', '工商局'] }, 'responsible_units: duplicate'], [{ lead_unit: 'NP-CZJ' }, 'lead_unit: not_listed'],
    [{ responsible_units: ['NP-BB'] }, 'supervising_unit: two_roles'], [{ monitoring_units: ['NP-BB'] }, 'monitoring_units: two_roles'], [{}]]);
  assert.equal(bad.code, 1);
  assert.match(bad.stdout, /FJ-ZJJ、?.*NP-ZJJ|NP-ZJJ、?.*FJ-ZJJ/);
  assert.equal((await task('MD-1-7')).state, 'draft', 'the good row is in');
});

test('D41 D46 each bad row is listed with file, place, field and rule, and is not in', async () => {
  const long = '长'.repeat(201);
  await problems('HL', [[{}], [{ id: undefined }, 'id: required'], [{ id: 'HL-1-3 x' }, 'id: code'], [{ id: 'XX-1-4' }, 'id: prefix'],
    [{ title: '' }, 'title: required'],
    [{ title: 5 }, 'title: type'], [{ title: long }, 'title: length'], [{ title: '文字\u202e方向' }, 'title: control'],
      [{ requirement: '控制\u0001字符' }, 'requirement: control'],
    [{ title: '正常\n换行' }, 'title: control'], [{ responsible_units: [] }, 'responsible_units: required'], [{ responsible_units: 'NP-SZB' },
      'responsible_units: type'],
    [{ responsible_units: ['NP-SZB', 7] }, 'responsible_units: type'], [{ urgency: 'now' }, 'urgency: choice'], [{ part: 2.5 }, 'part: part'],
    [{ quantities: { projects: '73' } }, 'quantities: type'], [{ quantities: { projects: 1.5 } }, 'quantities: type'], [{ steps: '一步' }, 'steps: type'],
    [{ source: '会议' }, 'source: type'], [{ source: { kind: 'document', number: '甲', date: '3月' } }, 'date: date'],
    [{ continues_after_deadline: 'yes' }, 'continues_after_deadline: type'], [{ title: 1, urgency: 'x' }, 'title: type', 'urgency: choice'],
      [{ id: 'HL-1-99' }], [{ id: 'HL-1-99', title: '重复的编号' }, 'id: duplicate']]);
  const { items } = await api.rpc(DISPATCHER, 'task.list', { plan: 'HL', limit: 200 });
  assert.deepEqual(items.map((t) => t.id), ['HL-1-1', 'HL-1-99'], 'only the good rows');
});

test('D46 unknown fields, wrong flags and a year without a calendar are warnings: the row goes in, exit status 0', async () => {
  const r = await run(files({ 'tasks.json': plan('TS', [{ colour: 'red' }, { deadline_before_issue: true }, { deadline: '2031-06-29',
    deadline_text: '2031年6月29日前' },
    { supervising_unit: undefined }]) }));
  assert.equal(r.code, 0, r.stdout);
  for (const [i, w] of ['colour: unknown_field', 'deadline_before_issue: flag', 'deadline: no_calendar', 'supervising_unit: required'].entries()) {
    assert.match(r.stdout, new RegExp(`^tasks\\.json: tasks\\[${i}\\]: ${w}: 提示：`, 'm'));
  }
  assert.match(r.stdout, /任务：新增 4，已有 0；问题行 0，提示 4/);
  assert.equal((await task('TS-1-3')).deadline, '2031-06-29');
});

test('D41 a changed row of an imported file is a problem, and what people changed since stays', async () => {
  const content = plan('GG', [{}, {}]);
  assert.equal((await run(files({ 'tasks.json': content }))).code, 0);
  await api.ok(DISPATCHER, 'task.update', { task_id: 'GG-1-1', version: 1, title: '人改过的标题' });
  assert.equal((await run(files({ 'tasks.json': content }))).code, 0, 'the same rows again');
  content.tasks[1].title = '文件改过的标题';
  const r = await run(files({ 'tasks.json': content }));
  assert.equal(r.code, 1);
  assert.match(r.stdout, /tasks\[1\]: id: differs/);
  assert.deepEqual([(await task('GG-1-1')).title, (await task('GG-1-2')).title], ['人改过的标题', '任务2']);
  const other = await run(files({ 'tasks.json': { ...content, plan: '另一个方案' } }));
  assert.equal(other.code, 1);
  assert.match(other.stdout, /tasks\.json: \$: plan: differs/);
});

test('F001 units: a unit that ceased is valid to its last day inclusive, and is refused at dispatch after it', async () => {
  const unit = (code, more) => ({ code, full_name: `南平市${code}局`, short_name: `${code}局`, level: 'city', type: 'government_department',
    roles: ['responsible'], ...more });
  const dir = files({ 'units.json': { units: [unit('ZX', { valid_to: '2018-03-12' }), unit('ZY', { valid_from: '2018-03-13' }), unit('bad code'),
    unit('ZZ', { level: 'village' }), unit('ZW', { parent: 'NP-NONE' }), unit('ZV', { valid_from: '2018-04-01', valid_to: '2018-03-01' }), unit('ZX')] } });
  const r = await run(dir);
  assert.equal(r.code, 1);
  const said = r.stdout.split('\n').filter((l) => l.startsWith('units.json: ')).map((l) => l.split(': ').slice(1, 4).join(': ')).sort();
  assert.deepEqual(said, ['units[2]: code: code', 'units[3]: level: choice', 'units[4]: parent: unknown_unit', 'units[5]: valid_to: order',
    'units[6]: code: duplicate']);
  assert.deepEqual((await api.rpc('demo-admin', 'unit.list', { q: '局', type: 'government_department',
    limit: 200 })).items.filter((u) => /^Z/.test(u.code)).map((u) => [u.code, u.valid]),
    [['ZX', true], ['ZY', false]]);
  const send = async (units) => {
    const id = await work.draft(gw, { units });
    return api.rest(DISPATCHER, 'task.submit_draft', { task_id: id, version: 1 });
  };
  assert.equal((await send(['ZX'])).status, 200);
  const early = await send(['ZY']);
  assert.ok(['E_STATE', 'E_INPUT'].includes(early.body.code), JSON.stringify(early.body));
  assert.match(early.body.detail, /ZY/);
  const waiting = await work.draft(gw, { units: ['ZX'] });
  await api.ok(DISPATCHER, 'task.submit_draft', { task_id: waiting, version: 1 });
  assert.equal((await gw.command('clock', '--set', '2018-03-13T00:00:01+08:00')).code, 0);
  await until(async () => (await api.ok('demo-leader', 'ranking.get', { period: '2018', scope: 'city' })).day === '2018-03-13', { what: 'the next day' });
  assert.match((await send(['ZX'])).body.detail, /ZX/);
  assert.equal((await send(['ZY'])).status, 200);
  await api.refused('demo-approver', 'task.approve', { task_id: waiting, version: 2 }, 'E_STATE');
});

test('files that are no JSON, no object, not UTF-8, or not there: exit status 1, said in words, nothing changed', async () => {
  const n = await ledger(), before = await everything();
  for (const [name, content] of [['tasks.json', '{"plan": '], ['tasks.json', Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d])], ['tasks.json', '[]'],
    ['tasks.json', { tasks: {} }], ['tasks.json', { plan: '没有任务编号', issued: '2018-03-09', tasks: [{}] }], ['tasks.json', plan('NO', [{}], { issued: '三月' })],
    ['tasks.json', plan('NO', [{}], { doc_no: '2018-15' })], ['tasks.json', '['.repeat(5000)], ['units.json', '{}'], ['tasks.json',
      plan('NO', [5, null, []].map(() => ({})), { plan: 9 })]]) {
    const r = await run(files({ [name]: content }));
    assert.equal(r.code, 1, `${JSON.stringify(content).slice(0, 60)}\n${r.stdout}`);
    assert.match(r.stdout, new RegExp(`^${name.replace('.', '\\.')}: \\$: `, 'm'));
  }
  for (const args of [[], ['--confirm-past', 'x'], ['--nonsense', '/tmp'], [path.join(gw.dir,
    'nowhere')]]) assert.notEqual((await gw.command('import', ...args)).code, 0, args.join(' '));
  assert.equal(await ledger(), n);
  assert.deepEqual(await everything(), before);
  assert.equal((await gw.command('verify-ledger')).code, 0);
});

test('a city that is no demo imports against the real date: the 2018 plan needs its reason', async () => {
  const city = new Gateway({ demo: false });
  try {
    const bare = await city.command('import', SAMPLE);
    assert.equal(bare.code, 1);
    assert.match(bare.stdout, /单位：新增 75，已有 0；任务：新增 5，已有 0；问题行 28/);
    const sure = await city.command('import', '--confirm-past', '补录 2018 年方案', SAMPLE);
    assert.equal(sure.code, 0, sure.stdout);
    assert.match(sure.stdout, /单位：新增 0，已有 75；任务：新增 28，已有 5；问题行 0/);
    assert.match((await city.command('verify-ledger')).stdout, /ledger ok/);
  } finally {
    await city.stop();
  }
});
