// SPDX-License-Identifier: Apache-2.0
// The directory of units: kinds and levels, groups as they were at dispatch, names that are never guessed, counties apart.
import test, { before, after } from 'node:test';
import assert from 'node:assert/strict';
import { Gateway } from './lib/gateway.mjs';
import { Api } from './lib/api.mjs';
import { change } from './lib/city.mjs';
import * as work from './lib/work.mjs';

const COUNTIES = work.UNITS.find((u) => u.code === 'NP-XZF-ALL').members;
const KINDS = ['gov_leader', 'gov_department', 'cluster', 'soe', 'central', 'party_leader', 'party_department', 'county'];
let gw, api;

before(async () => { gw = await new Gateway().start(); api = await Api.of(gw); });
after(() => gw.stop());

async function all(as, args) {
  const items = [];
  for (let cursor; cursor !== null;) {
    const page = await api.ok(as, 'unit.list', { ...args, ...(cursor && { cursor }) });
    items.push(...page.items);
    cursor = page.next;
  }
  return items;
}

test('F001 the directory holds counties, the new district without a county code, departments, enterprises, colleges', async () => {
  const units = await all('demo-monitor', { limit: 7 });
  assert.deepEqual(units.map((u) => u.code).sort(), work.UNITS.map((u) => u.code).sort(), 'every unit once, over pages of seven');
  const by = Object.fromEntries(units.map((u) => [u.code, u]));
  for (const u of work.UNITS) {
    assert.deepEqual([by[u.code].level, by[u.code].type, by[u.code].full_name, by[u.code].group], [u.level, u.type, u.full_name, u.kind === 'group']);
  }
  assert.equal(by['NP-WYXQ'].region, null);
  assert.equal(by['XZ-350702'].region, '350702');
  assert.equal(by['NP-DQY'].group, true);
  assert.deepEqual((await api.rpc('demo-admin', 'unit.list', { group: 'NP-XZF-ALL' })).items.map((u) => u.code), COUNTIES);
  assert.deepEqual((await all('demo-monitor', { group: 'NP-XZF-ALL', limit: 3 })).map((u) => u.code), COUNTIES, 'members keep their order');
});

test('F001 a task for a group goes to its members named at dispatch; an unexpanded group or a stranger in it is refused', async () => {
  const id = await work.draft(gw, { units: ['NP-GSJ', 'NP-XZF-ALL'], title: '县级平台' });
  const bare = await api.refused('demo-dispatcher', 'task.submit_draft', { task_id: id, version: 1 }, 'E_INPUT');
  assert.equal(bare.field, 'expand');
  assert.match(bare.detail, /各县\(市、区\)政府/);
  const stranger = { 'NP-XZF-ALL': [...COUNTIES.slice(0, 2), 'NP-CZJ'] };
  assert.match((await api.refused('demo-dispatcher', 'task.submit_draft', { task_id: id, version: 1, expand: stranger }, 'E_INPUT')).detail, /NP-CZJ/);
  const twice = { 'NP-XZF-ALL': [COUNTIES[0], COUNTIES[0]] };
  await api.refused('demo-dispatcher', 'task.submit_draft', { task_id: id, version: 1, expand: twice }, 'E_INPUT');
  const foreign = { 'NP-SZBM': ['NP-CZJ'], 'NP-XZF-ALL': COUNTIES };
  await api.refused('demo-dispatcher', 'task.submit_draft', { task_id: id, version: 1, expand: foreign }, 'E_INPUT');

  const { version } = await api.ok('demo-dispatcher', 'task.submit_draft', { task_id: id, version: 1, expand: { 'NP-XZF-ALL': COUNTIES } });
  await api.ok('demo-approver', 'task.approve', { task_id: id, version });
  const t = await api.rpc('demo-monitor', 'task.get', { task_id: id });
  assert.deepEqual(t.units.map((u) => [u.unit, u.from_group]), [['NP-GSJ', null], ...COUNTIES.map((u) => [u, 'NP-XZF-ALL'])]);
  assert.deepEqual(t.listed_units.map((u) => u.unit), ['NP-GSJ', 'NP-XZF-ALL'], 'what the document says stays beside it');
});

test('F001 what was sent stays: a group that changes later changes no task, and the next one is held to its new members', async () => {
  const [left, ...stayed] = COUNTIES;
  const id = await work.given(gw, { units: ['NP-GSJ', 'NP-XZF-ALL'], title: '成员变动之前' }, { 'NP-XZF-ALL': COUNTIES });
  const before = await api.ok('demo-monitor', 'task.get', { task_id: id });
  await change(gw, `DELETE FROM unit_member WHERE grp = 'NP-XZF-ALL' AND unit = '${left}'`);
  assert.deepEqual((await api.ok('demo-admin', 'unit.list', { group: 'NP-XZF-ALL' })).items.map((u) => u.code), stayed);
  assert.deepEqual((await api.rpc('demo-monitor', 'task.get', { task_id: id })).units, before.units);
  assert.equal((await api.rpc(`sim-${left}`, 'task.sign_for', { task_id: id })).unit_state, 'signed', 'who was asked still answers');
  const next = await work.draft(gw, { units: ['NP-GSJ', 'NP-XZF-ALL'], title: '成员变动之后' });
  const p = await api.refused('demo-dispatcher', 'task.submit_draft', { task_id: next, version: 1, expand: { 'NP-XZF-ALL': COUNTIES } }, 'E_INPUT');
  assert.match(p.detail, new RegExp(left));
  await change(gw, `INSERT INTO unit_member (grp, unit, ord) VALUES ('NP-XZF-ALL', '${left}', -1)`);
  assert.deepEqual((await api.rpc('demo-admin', 'unit.list', { group: 'NP-XZF-ALL' })).items.map((u) => u.code), COUNTIES);
});

test('F033 aliases and short names resolve to one code; an ambiguous name is refused with its candidates', async () => {
  for (const [name, code] of [['工商局', 'NP-GSJ'], ['市工商局', 'NP-GSJ'], ['市委编办', 'NP-BB'], ['市审改办', 'NP-BB'], ['编办(审改办)', 'NP-BB'],
    ['市政府办公室', 'NP-ZFB'], ['纪检委', 'NP-JW'], ['市直各单位', 'NP-SZBM'], ['省质监局', 'FJ-ZJJ'], ['市质监局', 'NP-ZJJ']]) {
    const rest = await api.ok('demo-dispatcher', 'unit.list', { name });
    assert.deepEqual(rest.items.map((u) => u.code), [code], name);
    assert.equal(rest.next, null);
    assert.deepEqual(await api.rpc('demo-dispatcher', 'unit.list', { name }), rest);
  }
  const p = await api.refused('demo-dispatcher', 'unit.list', { name: '质监局' }, 'E_CONFLICT');
  assert.match(p.detail, /市质监局（NP-ZJJ）/);
  assert.match(p.detail, /省质监局（FJ-ZJJ）/);
  assert.equal(p.field, 'name');
  await api.refused('demo-dispatcher', 'unit.list', { name: '没有这个局' }, 'E_NOTFOUND');
  const one = await api.ok('demo-dispatcher', 'unit.get', { unit: 'NP-BB' });
  for (const alias of ['市委编办', '市审改办', '编办(审改办)']) assert.ok(one.aliases.includes(alias), alias);
});

test('F126 users by kind of unit: eight kinds, party side and government side both dispatch', async () => {
  const units = await all('demo-leader', {});
  const seen = new Set(units.map((u) => u.kind).filter(Boolean));
  assert.deepEqual([...seen].sort(), [...KINDS].sort());
  for (const kind of KINDS) {
    const listed = await all('demo-leader', { kind, limit: 4 });
    assert.deepEqual(listed.map((u) => u.code).sort(), units.filter((u) => u.kind === kind).map((u) => u.code).sort(), kind);
  }
  await api.refused('demo-leader', 'unit.list', { kind: 'other' }, 'E_INPUT');
  for (const [who, unit] of [['demo-dispatcher', 'NP-ZFB'], ['demo-dispatcher2', 'NP-BB']]) {
    const id = await work.draft(gw, { title: `${unit} 交办` }, who);
    assert.equal((await api.ok(who, 'task.get', { task_id: id })).supervising_unit.unit, unit);
    assert.equal((await api.ok(who, 'task.submit_draft', { task_id: id, version: 1 })).state, 'pending_approval');
  }
  const p = await api.refused('demo-dispatcher2', 'task.create', { title: '代他人交办', supervising_unit: 'NP-ZFB', units: ['NP-SZB'] }, 'E_PERM');
  assert.match(p.detail, /本单位/);
});

test('F126 counties are isolated: one sees its own part of a task, a third does not know of it', async () => {
  const [a, b, c] = COUNTIES;
  const id = await work.given(gw, { units: ['NP-SZB', 'NP-XZF-ALL'], title: '两县试点' }, { 'NP-XZF-ALL': [a, b] });
  await api.ok(`sim-${a}`, 'task.sign_for', { task_id: id });
  await api.ok(`sim-${b}`, 'task.sign_for', { task_id: id });
  await api.ok('sim-NP-SZB', 'task.sign_for', { task_id: id });
  await api.ok(`sim-${b}`, 'task.report', { task_id: id, text: '乙县的进展' });
  const seen = await api.ok(`sim-${a}`, 'task.get', { task_id: id });
  assert.deepEqual(seen.units.map((u) => u.unit), ['NP-SZB', a]);
  assert.ok(!JSON.stringify(seen).includes(b), 'the task does not name it');
  assert.equal(seen.units_hidden, 1);
  assert.deepEqual(seen.reports, []);
  const history = await api.rpc(`sim-${a}`, 'task.history', { task_id: id });
  assert.deepEqual(history.items.map((e) => e.event), ['create', 'submit_draft', 'approve', 'sign_for', 'sign_for'], 'nor what it did');
  assert.ok(!JSON.stringify(history).includes(b), JSON.stringify(history));
  const city = await api.ok('demo-monitor', 'task.get', { task_id: id });
  assert.deepEqual(city.units.map((u) => u.unit), ['NP-SZB', a, b]);
  assert.equal(city.reports[0].text, '乙县的进展');
  await api.refused(`sim-${c}`, 'task.get', { task_id: id }, 'E_NOTFOUND');
  assert.ok(!(await api.ok(`sim-${c}`, 'task.list', { unit: c })).items.some((t) => t.id === id));
});
