// SPDX-License-Identifier: Apache-2.0
// The first start of a city, killed in the middle: while the schema is made, between the rows of the import, before its people are in.
// The next start completes it, to the same records as if nothing had happened. ZB_SEED repeats a run.
import test, { before } from 'node:test';
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { setImmediate as turn } from 'node:timers/promises';
import { rows } from './lib/city.mjs';
import { Gateway } from './lib/gateway.mjs';
import { demoPhone, instruction } from './lib/sm.mjs';
import * as work from './lib/work.mjs';

const TABLES = ['schema_version', 'unit', 'unit_alias', 'unit_member', 'plan', 'plan_part', 'task', 'task_listed', 'task_monitor', 'person', 'device'];
const seed = Number(process.env.ZB_SEED ?? (Date.now() % 1e6));
let state = seed * 2 + 1, want, bytes;
function random(n) {
  state ^= state << 13; state ^= state >>> 17; state ^= state << 5;
  return (state >>> 0) % n;
}

const size = (f) => { try { return fs.statSync(f).size; } catch { return 0; } };
const written = (gw) => size(path.join(gw.conf.data, 'zhangban.db')) + size(path.join(gw.conf.data, 'zhangban.db-wal'));

/** Lets it write so many bytes of records, or get ready, and kills it. */
async function killedAt(gw, limit) {
  gw.launch();
  while (!gw.exit && !gw.out.includes('ready') && written(gw) < limit) await turn();
  await gw.kill('SIGKILL');
  gw.sanitizer();
  assert.equal(gw.exit.signal, 'SIGKILL', gw.log);
}

/** What a first start leaves, but for times, random keys and ids. */
async function records(gw) {
  const out = {};
  for (const t of TABLES) out[t] = (await rows(gw, `SELECT count(*) AS n FROM ${t}`))[0].n;
  out.units = await rows(gw, 'SELECT code, full_name, level, type, user_kind, region FROM unit ORDER BY code');
  out.tasks = await rows(gw, 'SELECT id, title, requirement, deadline, deadline_text, deadline_rule, state, version, late_at_creation FROM task ORDER BY id');
  out.members = await rows(gw, 'SELECT grp, unit, ord FROM unit_member ORDER BY grp, ord');
  out.people = await rows(gw, 'SELECT id, unit, roles FROM person ORDER BY id');
  out.imported = await rows(gw, "SELECT name FROM kv WHERE name LIKE 'import.%' ORDER BY name");
  out.once = await rows(gw, "SELECT kind, count(*) AS n FROM ledger WHERE kind LIKE 'demo.%' GROUP BY kind ORDER BY kind");
  return out;
}

/** How far a killed start had come. */
async function phase(gw) {
  if (!size(path.join(gw.conf.data, 'zhangban.db')) && !size(path.join(gw.conf.data, 'zhangban.db-wal'))) return 'nothing';
  if (size(path.join(gw.conf.data, 'zhangban.db-journal'))) return 'nothing'; // on its way to WAL: no table yet, and only a writer may roll it back
  const tables = (await rows(gw, "SELECT name FROM sqlite_master WHERE type = 'table'")).map((r) => r.name);
  if (!tables.includes('schema_version')) return 'nothing';
  if ((await rows(gw, 'SELECT count(*) AS n FROM schema_version'))[0].n < want.schema_version) return 'schema';
  if (!(await rows(gw, "SELECT value FROM kv WHERE name = 'clock'")).length) return 'no clock';
  if (!(await rows(gw, "SELECT value FROM kv WHERE name = 'demo'")).length) return 'import';
  return 'complete';
}

/** It completes, and it is a city one can work in. */
async function completes(gw) {
  await gw.start();
  assert.deepEqual(await records(gw), want);
  const v = await gw.command('verify-ledger');
  assert.equal(v.code, 0, v.stdout);
  const id = await work.given(gw, { title: '首个任务' }), { version } = await work.get(gw, id);
  const body = instruction(demoPhone(gw, 'demo-leader'), { object: `task:${id}`, object_version: version, units: ['NP-GSJ'], text: '请办理。' });
  const i = await gw.ok('POST', '/v1/instructions', { as: 'demo-leader', body });
  assert.equal((await gw.rpc('sim-NP-GSJ', 'instruction.get', { instruction_id: i.id })).text, '请办理。');
  for (const c of gw.clients) c.disconnect();
  await gw.kill(); // no drain: there are many of them
  gw.sanitizer();
  fs.rmSync(gw.dir, { recursive: true, force: true });
}

before(async () => {
  console.log(`# firststart: ZB_SEED=${seed}`);
  const gw = new Gateway();
  const start = gw.start();
  bytes = 0;
  for (let ready = false; !ready; await turn()) { ready = gw.out?.includes('ready') ?? false; bytes = Math.max(bytes, written(gw)); }
  await start;
  want = await records(gw);
  await gw.stop();
  assert.equal(want.unit, work.UNITS.length);
  assert.equal(want.task, work.TASKS.length);
});

const seen = new Set();
test('killed while it writes its first records, at eight places: the next start completes the city', async () => {
  for (let k = 0; k < 8; k++) {
    const gw = new Gateway();
    await killedAt(gw, 1 + Math.floor(bytes * (k + random(100) / 100) / 8));
    seen.add(await phase(gw));
    await completes(gw);
  }
});

test('killed again and again before it is ready, further each time: the last start completes the city', async () => {
  const gw = new Gateway();
  for (let k = 0; k < 12; k++) {
    await killedAt(gw, 1 + Math.floor(bytes * (k + random(100) / 100) / 12));
    seen.add(await phase(gw));
  }
  await completes(gw);
});

test('the schema was cut off in the middle, and so was the import', () => {
  for (const p of ['schema', 'import']) assert.ok(seen.has(p), `${p} of ${[...seen]}`);
});
