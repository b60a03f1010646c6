// SPDX-License-Identifier: Apache-2.0
// The people of the demo at work: one task's way, step by step, over REST.
import fs from 'node:fs';
import path from 'node:path';
import { ROOT } from './gateway.mjs';

const sample = (f) => JSON.parse(fs.readFileSync(path.join(ROOT, 'samples/nanping-2018', f)));
export const UNITS = sample('units.json').units;
export const TASKS = sample('tasks.json').tasks;
const group = (code) => { const u = UNITS.find((x) => x.code === code); return u?.kind === 'group' ? u : null; };

/** What a dispatcher would name for the groups of a task: a complete group whole, an incomplete one by two departments. */
export function expansion(task) {
  const out = {};
  for (const code of task.responsible_units) {
    const g = group(code);
    if (!g) continue;
    const taken = new Set([...task.responsible_units, task.supervising_unit, ...task.monitoring_units, ...Object.values(out).flat()]);
    const pool = g.members?.length ? g.members : ['NP-GSJ', 'NP-GTJ', 'NP-CZJ', 'NP-RSJ', 'NP-ZJJ'];
    const free = pool.filter((u) => !taken.has(u) && !group(u));
    out[code] = g.members_complete === false || !g.members?.length ? free.slice(0, 2) : free;
  }
  return out;
}

/** The dispatcher and approver of this task in the demo: NP-ZFB issued the plan; where it is responsible, NP-BB supervises... */
export async function act(gw, who, task, action, body = {}) {
  return gw.ok('POST', `/v1/tasks/${task}/${action}`, { as: who, body });
}

export async function get(gw, task, who = 'demo-dispatcher') { return gw.ok('GET', `/v1/tasks/${task}`, { as: who }); }

export async function dispatch(gw, id) {
  const t = TASKS.find((x) => x.id === id);
  const { version } = await get(gw, id);
  const a = await act(gw, 'demo-dispatcher', id, 'submit-draft', { version, expand: expansion(t) });
  return act(gw, 'demo-approver', id, 'approve', { version: a.version });
}

export async function unitsOf(gw, id) { return (await get(gw, id)).units.map((u) => u.unit); }

export async function signAll(gw, id) {
  for (const u of await unitsOf(gw, id)) await act(gw, `sim-${u}`, id, 'sign-for');
}

export async function reportAll(gw, id) {
  for (const u of (await unitsOf(gw, id)).reverse()) await act(gw, `sim-${u}`, id, 'report', { text: '按计划完成。', progress: 100 });
}

export async function submitDone(gw, id) {
  const t = await get(gw, id);
  const lead = t.units.find((u) => u.role === 'lead').unit;
  const quantities = t.quantities && Object.keys(t.quantities).length ? t.quantities : undefined;
  return act(gw, `sim-${lead}`, id, 'submit-done', { version: t.version, text: '全部完成。', evidence: ['验收材料'], ...(quantities && { quantities }) });
}

export async function accept(gw, id) {
  const { version } = await get(gw, id);
  return act(gw, 'demo-dispatcher', id, 'accept', { version, opinion: '同意销号', quality: 5 });
}

export async function wholeWay(gw, id) {
  await dispatch(gw, id);
  await signAll(gw, id);
  await reportAll(gw, id);
  await submitDone(gw, id);
  return accept(gw, id);
}

/** A task outside any plan, drafted by `who`; fields replace the usual ones. Gives its id. */
export async function draft(gw, fields = {}, who = 'demo-dispatcher') {
  const body = { title: '窗口服务提速', requirement: '按方案完成', units: ['NP-SZB', 'NP-GSJ'], deadline: '2018-06-29', ...fields };
  return (await gw.ok('POST', '/v1/tasks', { as: who, body })).id;
}

/** A drafted task given to its units. */
export async function given(gw, fields = {}, expand = undefined) {
  const id = await draft(gw, fields);
  const { version } = await act(gw, 'demo-dispatcher', id, 'submit-draft', { version: 1, ...(expand && { expand }) });
  await act(gw, 'demo-approver', id, 'approve', { version });
  return id;
}
