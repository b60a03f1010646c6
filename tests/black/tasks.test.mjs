// SPDX-License-Identifier: Apache-2.0
// The life of a task through the interfaces: who may do what, in which state, what everybody else then sees.
import test, { before, after } from 'node:test';
import assert from 'node:assert/strict';
import { Gateway } from './lib/gateway.mjs';
import { Api } from './lib/api.mjs';
import { rows } from './lib/city.mjs';
import * as work from './lib/work.mjs';

const LEAD = 'sim-NP-SZB', ASSIST = 'sim-NP-GSJ', DISPATCHER = 'demo-dispatcher', APPROVER = 'demo-approver';
let gw, api;

before(async () => { gw = await new Gateway().start(); api = await Api.of(gw); });
after(() => gw.stop());

const see = (id, as = DISPATCHER) => api.ok(as, 'task.get', { task_id: id });
const version = async (id) => (await see(id)).version;
const notices = async (as, id) => (await api.rpc(as, 'notice.list',
  { limit: 200 })).items.filter((n) => n.object === `task:${id}`).map((n) => n.kind).reverse();
const history = async (id, as = 'demo-monitor') => (await api.rpc(as, 'task.history', { task_id: id })).items;

async function reported(fields) {
  const id = await work.given(gw, fields);
  for (const who of [LEAD, ASSIST]) await api.ok(who, 'task.sign_for', { task_id: id });
  for (const who of [ASSIST, LEAD]) await api.ok(who, 'task.report', { task_id: id, text: '已完成一半', progress: 50 });
  return id;
}

async function submitted(fields, done = {}) {
  const id = await reported(fields);
  await api.ok(LEAD, 'task.submit_done', { task_id: id, version: await version(id), text: '全部完成', evidence: ['验收单'], ...done });
  return id;
}

test('F116 sign for, report and approve need one request each, with what the notice already says', async () => {
  const id = await work.draft(gw);
  await api.ok(DISPATCHER, 'task.submit_draft', { task_id: id, version: 1 });
  const notice = (await api.rpc(APPROVER, 'notice.list', {})).items.find((n) => n.object === `task:${id}`);
  assert.equal(notice.kind, 'task.to_approve');
  await api.refused(APPROVER, 'task.approve', { task_id: id, version: 1 }, 'E_CONFLICT');
  const given = await api.rpc(APPROVER, 'task.approve', { task_id: id, version: 2 });
  assert.deepEqual([given.state, given.sign_due], ['dispatched', '2018-03-14T00:00:00.000+08:00']);
  const signed = await api.ok(LEAD, 'task.sign_for', { task_id: id });
  assert.deepEqual([signed.state, signed.unit_state, signed.result.late], ['dispatched', 'signed', false]);
  await api.refused(LEAD, 'task.report', { task_id: id, text: '尚未都签收' }, 'E_STATE');
  assert.equal((await api.rpc(ASSIST, 'task.sign_for', { task_id: id })).state, 'signed');
  const report = await api.ok(LEAD, 'task.report', { task_id: id, text: '进展顺利', progress: 30 });
  assert.deepEqual([report.state, report.report], ['in_progress', 1]);
  assert.equal((await see(id, 'demo-leader')).reports[0].text, '进展顺利');
});

test('F127 three unit roles: a supervision unit reads all, finds reports false, but edits nothing', async () => {
  const id = await reported();
  assert.equal((await see(id, 'demo-monitor')).state, 'in_progress');
  const v = await version(id);
  for (const [method, args] of [['task.report', { text: '改写进展' }], ['task.submit_done', { version: v, text: '完成', evidence: ['无'] }],
    ['task.accept', { version: v, opinion: '同意', quality: 5 }], ['task.update', { version: v, title: '另一个标题' }],
    ['task.sign_for', {}], ['task.return', { version: v, reason: '退回' }], ['task.approve', { version: v }]]) {
    await api.refused('demo-monitor', method, { task_id: id, ...args }, 'E_PERM');
  }
  for (const [who, method, args] of [[LEAD, 'task.accept', { version: v, opinion: '自己通过', quality: 5 }], [LEAD, 'task.find_false',
    { version: v, reason: '不实' }],
    [DISPATCHER, 'task.report', { text: '代报' }], [ASSIST, 'task.submit_done', { version: v, text: '完成', evidence: ['材料'] }]]) {
    await api.refused(who, method, { task_id: id, ...args }, 'E_PERM');
  }
  assert.equal((await see(id)).version, v);
  await api.ok(LEAD, 'task.submit_done', { task_id: id, version: v, text: '全部完成', evidence: ['验收单'] });
  await api.ok(DISPATCHER, 'task.accept', { task_id: id, version: v + 1, opinion: '同意', quality: 4, efficiency: 3 });
  const close = (await history(id)).at(-1);
  assert.deepEqual([close.event, close.data.quality, close.data.efficiency, close.data.on_time], ['accept', 4, 3, true]);
});

test('F127 a supervision unit rates quality and efficiency of what was accepted: once, changeable, with history, beside the progress', async () => {
  const id = await submitted(), MONITOR = 'demo-monitor', good = { quality: 4, efficiency: 2, reason: '现场核查，按期完成，材料偏少' };
  let v = await version(id);
  await api.refused(MONITOR, 'task.rate', { task_id: id, version: v, ...good }, 'E_STATE');
  ({ version: v } = await api.ok(DISPATCHER, 'task.accept', { task_id: id, version: v, opinion: '同意', quality: 5, efficiency: 5 }));
  const before = await see(id), board = async () => (await api.ok(MONITOR, 'ranking.get', { period: '2018', scope: 'city' })).rows;
  const rows_before = await board();
  for (const who of [LEAD, DISPATCHER, APPROVER, 'demo-leader', 'demo-auditor']) await api.refused(who, 'task.rate', { task_id: id, version: v, ...good }, 'E_PERM');
  for (const [field, value] of [['quality', 0], ['quality', 6], ['efficiency', 0], ['efficiency', undefined], ['reason', ' '], ['reason', undefined]])
    assert.equal((await api.refused(MONITOR, 'task.rate', { task_id: id, version: v, ...good, [field]: value }, 'E_INPUT')).field, field);
  await api.refused(MONITOR, 'task.rate', { task_id: id, version: v - 1, ...good }, 'E_CONFLICT');
  assert.deepEqual((await see(id)).ratings, []);

  const first = await api.ok(MONITOR, 'task.rate', { task_id: id, version: v, ...good });
  assert.deepEqual([first.state, first.version, first.times, first.unit], ['closed', v, 1, 'NP-DDC']);
  const again = await api.rpc(MONITOR, 'task.rate', { task_id: id, version: v, quality: 3, efficiency: 3, reason: '补充核查' });
  assert.equal(again.times, 2);
  const t = await see(id, LEAD);
  assert.deepEqual(t.ratings.map((r) => [r.unit, r.quality, r.efficiency, r.reason, r.times]), [['NP-DDC', 3, 3, '补充核查', 2]], 'one of the unit: the newest');
  assert.deepEqual([t.quality, t.reports, t.version, t.state], [before.quality, before.reports, v, 'closed'], 'the dispatcher\'s word and the progress stay');
  const said = (await history(id, 'demo-auditor')).filter((e) => e.event === 'rate');
  assert.deepEqual(said.map((e) => [e.actor, e.unit, e.reason, e.data.quality, e.data.efficiency]),
    [[MONITOR, 'NP-DDC', good.reason, 4, 2], [MONITOR, 'NP-DDC', '补充核查', 3, 3]], 'both stay in the history');
  const lines = await rows(gw, `SELECT actor FROM ledger WHERE kind = 'task.rate' AND object = 'task:${id}'`);
  assert.deepEqual(lines.map((l) => l.actor), [MONITOR, MONITOR]);
  assert.deepEqual((await notices(LEAD, id)).filter((k) => k === 'task.rated'), ['task.rated', 'task.rated']);
  assert.deepEqual(await board(), rows_before, 'nothing for the ranking');
  const action = (await see(id, MONITOR)).actions.find((a) => a.action === 'rate');
  assert.deepEqual([action.path, action.missing], ['rate', []]);
});

test('F128 closed loop: every change has actor, time, reason and a message to the next actor', async () => {
  const id = await work.draft(gw, { title: '闭环' });
  let { version: v } = await api.ok(DISPATCHER, 'task.submit_draft', { task_id: id, version: 1 });
  assert.deepEqual(await notices(APPROVER, id), ['task.to_approve']);
  await api.refused(APPROVER, 'task.reject', { task_id: id, version: v }, 'E_INPUT');
  ({ version: v } = await api.ok(APPROVER, 'task.reject', { task_id: id, version: v, opinion: '要求不清' }));
  assert.deepEqual(await notices(DISPATCHER, id), ['task.rejected']);
  ({ version: v } = await api.ok(DISPATCHER, 'task.update', { task_id: id, version: v, requirement: '六月底前全部窗口提速' }));
  ({ version: v } = await api.ok(DISPATCHER, 'task.submit_draft', { task_id: id, version: v }));
  ({ version: v } = await api.ok(APPROVER, 'task.approve', { task_id: id, version: v, opinion: '同意' }));
  assert.deepEqual(await notices(LEAD, id), ['task.assigned']);
  for (const who of [LEAD, ASSIST]) ({ version: v } = await api.ok(who, 'task.sign_for', { task_id: id }));
  for (const who of [ASSIST, LEAD]) ({ version: v } = await api.ok(who, 'task.report', { task_id: id, text: '已办', progress: 90 }));
  ({ version: v } = await api.ok(LEAD, 'task.submit_done', { task_id: id, version: v, text: '办结', evidence: ['一'] }));
  assert.deepEqual(await notices(DISPATCHER, id), ['task.rejected', 'task.signed', 'task.reported', 'task.reported', 'task.to_review']);
  await api.refused(DISPATCHER, 'task.return', { task_id: id, version: v, reason: '  ' }, 'E_INPUT');
  ({ version: v } = await api.ok(DISPATCHER, 'task.return', { task_id: id, version: v, reason: '材料不全' }));
  assert.deepEqual([await notices(LEAD, id), await notices(ASSIST, id)], [['task.assigned', 'task.returned'], ['task.assigned']], 'the lead acts next');
  ({ version: v } = await api.ok(LEAD, 'task.report', { task_id: id, text: '已补', progress: 80 }));
  ({ version: v } = await api.ok(LEAD, 'task.submit_done', { task_id: id, version: v, text: '办结', evidence: ['一', '二'] }));
  await api.refused(DISPATCHER, 'task.accept', { task_id: id, version: v, quality: 5 }, 'E_INPUT');
  const end = await api.ok(DISPATCHER, 'task.accept', { task_id: id, version: v, opinion: '同意销号', quality: 5 });
  assert.deepEqual([end.state, end.on_time], ['closed', true]);
  assert.deepEqual(await notices(ASSIST, id), ['task.assigned', 'task.closed']);

  const events = await history(id);
  assert.deepEqual(events.map((e) => [e.event, e.from, e.to, e.actor]), [
    ['create', null, 'draft', DISPATCHER], ['submit_draft', 'draft', 'pending_approval', DISPATCHER], ['reject', 'pending_approval', 'draft', APPROVER],
    ['update', 'draft', 'draft', DISPATCHER], ['submit_draft', 'draft', 'pending_approval', DISPATCHER], ['approve', 'pending_approval',
      'dispatched', APPROVER],
    ['sign_for', 'dispatched', 'dispatched', LEAD], ['sign_for', 'dispatched', 'signed', ASSIST], ['report', 'signed', 'in_progress', ASSIST],
    ['report', 'in_progress', 'in_progress', LEAD], ['submit_done', 'in_progress', 'submitted', LEAD], ['return', 'submitted', 'returned', DISPATCHER],
    ['report', 'returned', 'in_progress', LEAD], ['submit_done', 'in_progress', 'submitted', LEAD], ['accept', 'submitted', 'closed', DISPATCHER]]);
  assert.deepEqual(events.map((e) => e.seq), events.map((_, i) => i + 1));
  for (const e of events) assert.match(e.at, /^2018-03-12T\d\d:\d\d:\d\d\.\d{3}\+08:00$/);
  assert.deepEqual(events.filter((e) => e.reason).map((e) => [e.event, e.reason]),
    [['reject', '要求不清'], ['approve', '同意'], ['return', '材料不全'], ['accept', '同意销号']]);
  const pages = [];
  for (let cursor; cursor !== null;) {
    const page = await api.ok('demo-auditor', 'task.history', { task_id: id, limit: 4, ...(cursor && { cursor }) });
    pages.push(...page.items);
    cursor = page.next;
  }
  assert.deepEqual(pages, events, 'the same in pages, over REST, for another person');
});

test('F128 D4 a long history comes in pages of at most 200, and of what an answer can hold', async () => {
  const id = await reported(), texts = [];
  for (let i = 0; i < 60; i++) { // the progress falls: each with its reason
    texts.push(`${i}`.padStart(3, '0') + '因'.repeat(997));
    await api.rpc(LEAD, 'task.report', { task_id: id, text: '调整', progress: i % 2 ? 20 : 40, reason: texts[i] });
  }
  for (let i = 0; i < 160; i++) await api.rpc(ASSIST, 'task.report', { task_id: id, text: `第${i}次` });
  await api.refused('demo-auditor', 'task.history', { task_id: id, limit: 201 }, 'E_INPUT');
  const pages = [];
  for (let cursor; cursor !== null;) {
    const page = await api.ok('demo-auditor', 'task.history', { task_id: id, limit: 200, ...(cursor && { cursor }) });
    pages.push(page.items);
    cursor = page.next;
  }
  const all = pages.flat();
  assert.deepEqual(all.map((e) => e.seq), all.map((_, i) => i + 1), 'in order, none twice, none missing');
  assert.deepEqual(all.map((e) => e.reason).filter((r) => r.length === 1000), texts);
  assert.ok(pages[0].length < 60 && pages.length > 1 && pages.some((p) => p.length > 50), pages.map((p) => p.length).join());
  assert.ok(pages.every((p) => p.length > 0 && p.length <= 200));
});

test('F128 nothing but these acts ends a task: a closed one refuses all of them, and there is no deleting', async () => {
  const id = await submitted();
  let v = await version(id);
  await api.ok(DISPATCHER, 'task.accept', { task_id: id, version: v++, opinion: '同意', quality: 5 });
  for (const [who, method, args] of [[DISPATCHER, 'task.submit_draft', {}], [APPROVER, 'task.approve', {}], [APPROVER, 'task.reject', { opinion: '不' }],
    [LEAD, 'task.refuse', { reason: '不归' }], [LEAD, 'task.submit_done', { text: '再报', evidence: ['一'] }],
    [DISPATCHER, 'task.accept', { opinion: '再', quality: 5 }], [DISPATCHER, 'task.return', { reason: '再' }], [DISPATCHER, 'task.update', { title: '改' }]]) {
    const p = await api.refused(who, method, { task_id: id, version: v, ...args }, 'E_STATE');
    assert.match(p.detail, /办结销号/, method);
  }
  await api.refused(LEAD, 'task.report', { task_id: id, text: '补报' }, 'E_STATE');
  assert.equal((await gw.rest('DELETE', `/v1/tasks/${id}`, { as: DISPATCHER })).body.code, 'E_METHOD');
  assert.equal((await see(id)).version, v);
});

test('F022 the responsible units keep their order, the first leads unless another is marked', async () => {
  const plain = await work.given(gw, { units: ['NP-GTJ', 'NP-SZB', 'NP-CZJ'] });
  const marked = await work.given(gw, { units: ['NP-GTJ', 'NP-SZB', 'NP-CZJ'], lead_unit: 'NP-CZJ' });
  for (const [id, lead] of [[plain, 'NP-GTJ'], [marked, 'NP-CZJ']]) {
    const t = await see(id, 'demo-monitor');
    assert.deepEqual(t.listed_units.map((u) => u.unit), ['NP-GTJ', 'NP-SZB', 'NP-CZJ']);
    assert.deepEqual(t.units.filter((u) => u.role === 'lead').map((u) => u.unit), [lead]);
    assert.equal(t.lead_unit.unit, lead);
  }
  const mine = await api.rpc('sim-NP-GTJ', 'task.list', { role: 'lead', unit: 'NP-GTJ' });
  assert.deepEqual([mine.items.some((t) => t.id === plain), mine.items.some((t) => t.id === marked)], [true, false]);
  await api.refused(DISPATCHER, 'task.create', { title: '无此牵头', units: ['NP-SZB'], lead_unit: 'NP-CZJ' }, 'E_INPUT');
  await api.refused(DISPATCHER, 'task.create', { title: '重复', units: ['NP-SZB', 'NP-SZB'] }, 'E_INPUT');
  await api.refused(DISPATCHER, 'task.create', { title: '没有这个单位', units: ['NP-NONE'] }, 'E_INPUT');
  const leading = await work.draft(gw, { units: ['NP-SZBM', 'NP-GSJ'] });
  assert.match((await api.refused(DISPATCHER, 'task.submit_draft', { task_id: leading, version: 1 }, 'E_STATE')).detail, /不是具体单位/, 'no group leads');
  const group = await work.draft(gw, { units: ['NP-GSJ', 'NP-SZBM'] });
  const p = await api.refused(DISPATCHER, 'task.submit_draft', { task_id: group, version: 1 }, 'E_INPUT');
  assert.match(p.detail, /市直相关部门/, 'a group must be expanded to named units');
});

test('D23 a draft is edited by its side only; F095 the supervising unit cannot be responsible', async () => {
  const id = await work.draft(gw);
  await api.refused(LEAD, 'task.update', { task_id: id, version: 1, title: '改' }, 'E_PERM');
  await api.refused('demo-dispatcher2', 'task.update', { task_id: id, version: 1, title: '改' }, 'E_NOTFOUND');
  await api.refused('demo-monitor', 'task.get', { task_id: id }, 'E_NOTFOUND');
  const { version: v } = await api.ok(DISPATCHER, 'task.update', { task_id: id, version: 1, title: '改过的标题', deadline: '2018-04-27', units: ['NP-CZJ'] });
  const t = await api.rpc(APPROVER, 'task.get', { task_id: id });
  assert.deepEqual([t.title, t.deadline, t.lead_unit.unit, t.requirement, t.version], ['改过的标题', '2018-04-27', 'NP-CZJ', '按方案完成', v]);
  const self = await work.draft(gw, { units: ['NP-ZFB', 'NP-SZB'] });
  await api.refused(DISPATCHER, 'task.submit_draft', { task_id: self, version: 1 }, 'E_PERM');
  const own = 'NP2018-4-1-3'; // NP-ZFB issued the plan and is responsible: NP-BB supervises
  await api.refused(DISPATCHER, 'task.submit_draft', { task_id: own, version: 1 }, 'E_PERM');
  assert.equal((await api.ok('demo-dispatcher2', 'task.submit_draft', { task_id: own, version: 1 })).state, 'pending_approval');
  await api.refused(APPROVER, 'task.approve', { task_id: own, version: 2 }, 'E_PERM');
});

test('D37 a stale version is E_CONFLICT; of two dispatchers at once exactly one wins', async () => {
  const id = await submitted();
  const v = await version(id);
  const both = await Promise.all([api.rest(DISPATCHER, 'task.accept', { task_id: id, version: v, opinion: '同意', quality: 5 }),
    api.rest(DISPATCHER, 'task.return', { task_id: id, version: v, reason: '材料不全' })]);
  assert.deepEqual(both.map((r) => r.status).sort(), [200, 409]);
  const loser = both.find((r) => r.status === 409).body;
  assert.ok(['E_CONFLICT', 'E_STATE'].includes(loser.code), loser.code);
  const t = await see(id, 'demo-monitor');
  assert.equal(t.version, v + 1);
  const draft = await work.draft(gw);
  await api.ok(DISPATCHER, 'task.update', { task_id: draft, version: 1, title: '甲' });
  const p = await api.refused(DISPATCHER, 'task.update', { task_id: draft, version: 1, title: '乙' }, 'E_CONFLICT');
  assert.match(p.detail, /已有人修改/);
  assert.equal((await see(draft)).title, '甲');
});

test('D38 D45 refusal before anybody signed sends the task back to draft; afterwards it opens that place only', async () => {
  const id = await work.given(gw);
  await api.refused(ASSIST, 'task.refuse', { task_id: id, version: await version(id) }, 'E_INPUT');
  const back = await api.ok(ASSIST, 'task.refuse', { task_id: id, version: await version(id), reason: '不属本局职责' });
  assert.equal(back.state, 'draft');
  await api.refused(LEAD, 'task.get', { task_id: id }, 'E_NOTFOUND');
  let { version: v } = await api.ok(DISPATCHER, 'task.submit_draft', { task_id: id, version: back.version });
  ({ version: v } = await api.ok(APPROVER, 'task.approve', { task_id: id, version: v }));
  await api.ok(LEAD, 'task.sign_for', { task_id: id });
  const open = await api.ok(ASSIST, 'task.refuse', { task_id: id, version: v, reason: '不属本局职责' });
  assert.equal(open.state, 'dispatched');
  await api.refused(ASSIST, 'task.sign_for', { task_id: id }, 'E_STATE');
  await api.refused(DISPATCHER, 'task.update', { task_id: id, version: open.version, replace: { 'NP-SZB': 'NP-CZJ' } }, 'E_INPUT');
  await api.refused(DISPATCHER, 'task.update', { task_id: id, version: open.version, title: '改' }, 'E_STATE');
  const moved = await api.ok(DISPATCHER, 'task.update', { task_id: id, version: open.version, replace: { 'NP-GSJ': 'NP-CZJ' } });
  assert.equal(moved.state, 'dispatched');
  await api.refused(ASSIST, 'task.get', { task_id: id }, 'E_NOTFOUND');
  assert.deepEqual(await notices('sim-NP-CZJ', id), ['task.assigned']);
  assert.equal((await api.rpc('sim-NP-CZJ', 'task.sign_for', { task_id: id })).state, 'signed');
  assert.deepEqual((await see(id, 'demo-monitor')).units.map((u) => [u.unit, u.state]), [['NP-SZB', 'signed'], ['NP-CZJ', 'signed']]);
});

test('D45 a repeated signature gets the first answer, byte for byte, whatever has happened since', async () => {
  const id = await work.given(gw);
  const raw = async () => {
    const res = await fetch(`${gw.url}/v1/tasks/${id}/sign-for`, { method: 'POST', headers: { authorization: `Bearer ${await gw.tokenOf(LEAD)}` } });
    return res.text();
  };
  const first = await raw();
  await api.ok(ASSIST, 'task.sign_for', { task_id: id });
  await api.ok(ASSIST, 'task.report', { task_id: id, text: '已办' });
  assert.equal(await raw(), first);
  assert.deepEqual(await api.rpc(LEAD, 'task.sign_for', { task_id: id }), JSON.parse(first));
  assert.equal((await history(id)).filter((e) => e.event === 'sign_for').length, 2);
  await api.refused('sim-NP-CZJ', 'task.sign_for', { task_id: id }, 'E_NOTFOUND');
});

test('D45 the order of refusals: parameters, visibility, role, state, version, guard', async () => {
  const id = await reported();
  const v = await version(id), done = { task_id: id, version: v, text: '完成', evidence: ['一'] };
  await api.refused('sim-NP-JYJ', 'task.submit_done', { ...done, evidence: 'x' }, 'E_INPUT');
  await api.refused('sim-NP-JYJ', 'task.submit_done', done, 'E_NOTFOUND');
  await api.refused(ASSIST, 'task.submit_done', { ...done, version: 1 }, 'E_PERM');
  await api.refused(DISPATCHER, 'task.accept', { task_id: id, version: 1 }, 'E_STATE');
  await api.refused(LEAD, 'task.submit_done', { task_id: id, version: 1 }, 'E_CONFLICT');
  assert.equal((await api.refused(LEAD, 'task.submit_done', { ...done, evidence: [] }, 'E_INPUT')).field, 'evidence');
});

test('F148 a number to reach: completion without it, or below it, is refused', async () => {
  const id = await reported({ quantities: { proactive_matters: 3, pages: 1 } });
  const v = await version(id), done = { task_id: id, version: v, text: '完成', evidence: ['一'] };
  assert.match((await api.refused(LEAD, 'task.submit_done', done, 'E_INPUT')).detail, /proactive_matters（目标 3）/);
  assert.match((await api.refused(LEAD, 'task.submit_done', { ...done, quantities: { proactive_matters: 2, pages: 1 } }, 'E_STATE')).detail, /应 3，实 2/);
  await api.refused(LEAD, 'task.submit_done', { ...done, quantities: { proactive_matters: '3', pages: 1 } }, 'E_INPUT');
  await api.ok(LEAD, 'task.submit_done', { ...done, quantities: { proactive_matters: 3, pages: 1 } });
  assert.deepEqual((await see(id, 'demo-leader')).reports.find((r) => r.kind === 'done').quantities, { proactive_matters: 3, pages: 1 });
});

test('F024 a task that continues is followed up after on-time completion, and only a person ends it', async () => {
  const id = await submitted({ after_deadline: 'long_term', deadline: '2018-03-20' });
  const { state } = await api.ok(DISPATCHER, 'task.accept', { task_id: id, version: await version(id), opinion: '同意转入长期跟踪', quality: 5 });
  assert.equal(state, 'long_term');
  const t = await see(id, 'demo-monitor');
  assert.deepEqual([t.light, t.days_left, t.closed_at], ['none', null, null], 'no overdue clock');
  assert.deepEqual(await notices(LEAD, id), ['task.assigned', 'task.long_term']);
  assert.equal((await api.rpc(ASSIST, 'task.report', { task_id: id, text: '四月例行报告' })).state, 'long_term', 'periodic reports');
  await api.refused(DISPATCHER, 'task.accept', { task_id: id, version: t.version }, 'E_INPUT');
  await api.refused(DISPATCHER, 'task.return', { task_id: id, version: t.version, reason: '退回' }, 'E_STATE');
  assert.equal((await api.ok(DISPATCHER, 'task.accept', { task_id: id, version: t.version, opinion: '不再需要跟踪' })).state, 'closed');
});

test('task.find_false: with a reason, on what was reported, by a monitor; everybody concerned is told', async () => {
  const id = await work.given(gw);
  await api.refused('demo-monitor', 'task.find_false', { task_id: id, version: await version(id), reason: '没有报告' }, 'E_STATE');
  for (const who of [LEAD, ASSIST]) await api.ok(who, 'task.sign_for', { task_id: id });
  await api.ok(LEAD, 'task.report', { task_id: id, text: '已完成', progress: 100 });
  const v = await version(id);
  await api.refused('demo-monitor', 'task.find_false', { task_id: id, version: v }, 'E_INPUT');
  const r = await api.ok('demo-monitor', 'task.find_false', { task_id: id, version: v, reason: '现场没有开通' });
  assert.equal(r.state, 'in_progress');
  assert.deepEqual((await notices(LEAD, id)).at(-1), 'task.false_report');
  assert.deepEqual((await notices(DISPATCHER, id)).at(-1), 'task.false_report');
  const e = (await history(id, LEAD)).at(-1);
  assert.deepEqual([e.event, e.actor, e.reason], ['find_false', 'demo-monitor', '现场没有开通']);
});
