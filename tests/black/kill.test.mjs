// SPDX-License-Identifier: Apache-2.0
// Nothing acknowledged is lost, nothing is applied twice: mixed writes over both interfaces, and the gateway killed at twenty random
// instants of its work, and at ten more while it starts. ZB_SEED repeats a run. The first start of all: firststart.test.mjs.
import test, { before, after } from 'node:test';
import assert from 'node:assert/strict';
import crypto from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { Gateway } from './lib/gateway.mjs';
import { carrier, phones, rows } from './lib/city.mjs';
import { demoPhone, instruction } from './lib/sm.mjs';
import { Smsc } from './lib/smsc.mjs';
import { until } from './lib/until.mjs';
import * as work from './lib/work.mjs';

const KILLS = 20, ONCE = 24, seed = Number(process.env.ZB_SEED ?? (Date.now() % 1e6));
let state = seed * 2 + 1;
/** xorshift, so that a seed repeats the choices. */
function random(n) {
  state ^= state << 13; state ^= state >>> 17; state ^= state << 5;
  return (state >>> 0) % n;
}

let gw, smsc, numbers, tasks, phone, unsigned, unread, busy = true, ops = [];

before(async () => {
  console.log(`# kill: ZB_SEED=${seed}`);
  smsc = await new Smsc().start();
  gw = new Gateway();
  Object.assign(gw.conf, carrier(gw, smsc));
  await gw.start();
  numbers = await phones(gw);
  phone = demoPhone(gw, 'demo-leader');
  tasks = [];
  for (let i = 0; i < 3; i++) {
    const id = await work.given(gw, { title: `并发任务${i}` });
    for (const u of ['NP-SZB', 'NP-GSJ']) await work.act(gw, `sim-${u}`, id, 'sign-for');
    await work.act(gw, 'sim-NP-SZB', id, 'report', { text: '已启动', progress: 10 }); // the version stands still from here on
    tasks.push(id);
  }
  for (const who of ['demo-leader', 'sim-NP-SZB', 'sim-NP-GSJ']) await gw.tokenOf(who);
  unsigned = []; // what can be done once only: signatures, and the notices of these tasks
  for (let i = 0; i < ONCE; i++) {
    const task = await work.given(gw, { title: `待签收${i}` });
    for (const as of ['sim-NP-SZB', 'sim-NP-GSJ']) unsigned.push({ as, task });
  }
  unread = [];
  for (const as of ['sim-NP-SZB', 'sim-NP-GSJ']) {
    const { items } = await gw.ok('GET', '/v1/notices?unread=true&limit=200', { as });
    unread.push(...items.filter((n) => unsigned.some((u) => n.object === `task:${u.task}`)).map((n) => ({ as, id: n.id })));
  }
  assert.equal(unread.length, 2 * ONCE);
});
after(async () => { await gw.stop(); await smsc.stop(); });

/** One write with its key, tried until it is answered; what the network ate is tried again with the same key. */
async function write(op) {
  ops.push(op);
  for (;;) {
    try {
      const r = op.rpc ? await byRpc(op) : await gw.rest(op.method, op.url, { as: op.as, body: op.body, headers: { 'idempotency-key': op.key } });
      if (r.status < 300) { op.acked = r.body; return; }
      if (r.status === 401) gw.tokens.delete(op.as); // Redis went with the gateway before its last second was on disk
      else if (r.status < 500 && r.status !== 429) { op.refused = r; return; }
    } catch { /* cut off: acknowledged or not, we do not know */ }
    op.again = (op.again ?? 0) + 1;
    await delay(20);
  }
}

async function byRpc(op) {
  try {
    return { status: 200, body: await gw.rpc(op.as, op.name, { ...op.args, idempotency_key: op.key }) };
  } catch (e) {
    if (e.code < 400 || e.temporary) throw e; // the client's own: cut off, timed out
    return { status: e.code === 1001 ? 401 : 409, body: e };
  }
}

/** Writer 3 is the leader's one phone: its serials rise, so it signs one after the other. */
function next(n, who) {
  const key = crypto.randomUUID(), task = tasks[random(tasks.length)], as = ['sim-NP-SZB', 'sim-NP-GSJ'][random(2)];
  const rare = random(2) === 0;
  if (who === 4 && rare && unsigned.length) {
    const s = unsigned.pop(), op = { kind: 'sign', key, as: s.as, task: s.task };
    return n % 2 ? { ...op, rpc: true, name: 'task.sign_for', args: { task_id: s.task } } : { ...op, method: 'POST', url: `/v1/tasks/${s.task}/sign-for` };
  }
  if (who === 5 && rare && unread.length) {
    const s = unread.pop(), op = { kind: 'read', key, as: s.as, notice: s.id };
    return n % 2 ? { ...op, rpc: true, name: 'notice.read', args: { notice_id: s.id } } : { ...op, method: 'POST', url: `/v1/notices/${s.id}/read` };
  }
  switch (who === 3 ? 3 : n % 3) {
    case 0: return { kind: 'report', key, as, method: 'POST', url: `/v1/tasks/${task}/report`, body: { text: `进展 ${key}`, progress: 50 } };
    case 1: return { kind: 'report', key, as, rpc: true, name: 'task.report', args: { task_id: task, text: `进展 ${key}`, progress: 50 } };
    case 2: return { kind: 'evaluation', key, as: 'demo-leader', method: 'PUT', url: '/v1/evaluations/2018/NP-GSJ', body: { value: random(101) } };
    default: return { kind: 'instruction', key, as: 'demo-leader', task, method: 'POST', url: '/v1/instructions' };
  }
}

async function writer(n) {
  for (let i = n; busy; i++) {
    const op = next(i, n);
    if (op.kind === 'instruction') { // signed anew for each write, and sent again exactly as it was
      const version = await gw.ok('GET', `/v1/tasks/${op.task}`, { as: 'demo-leader' }).then((t) => t.version, () => null);
      if (version === null) { await delay(20); continue; }
      op.body = instruction(phone, { object: `task:${op.task}`, object_version: version, units: ['NP-GSJ'], reply_by: '2018-03-30', text: `批示 ${op.key}` });
    }
    await write(op);
    await delay(random(20));
  }
}

let starts = 0, early = 0;
/** Killed at a random instant between the fork and the first requests. */
async function killedAtStart() {
  gw.launch();
  await delay(random(Math.ceil(starts * 1.2)));
  if (!gw.out.includes('ready')) early++;
  await gw.kill('SIGKILL');
  gw.sanitizer();
}

test('writes of many people, the gateway killed at 20 random instants of its work and 10 of its start', { timeout: 170000 }, async () => {
  const writers = Array.from({ length: 6 }, (_, i) => writer(i));
  for (let k = 0; k < KILLS; k++) {
    const acked = ops.filter((o) => o.acked).length;
    await until(() => ops.filter((o) => o.acked).length > acked + 3, { what: 'writes that go on', ms: 30000 });
    await delay(random(150));
    await gw.kill('SIGKILL');
    gw.sanitizer();
    if (k % 2) await killedAtStart();
    const from = Date.now();
    await gw.start();
    starts = starts ? Math.min(starts, Date.now() - from) : Date.now() - from;
  }
  busy = false;
  await Promise.all(writers);
  const refused = ops.filter((o) => o.refused);
  assert.deepEqual(refused.map((o) => [o.kind, o.refused.status, JSON.stringify(o.refused.body)]), [], 'nothing is refused');
  assert.ok(ops.some((o) => o.again), 'some were cut off and tried again');
  assert.ok(early >= 3, `${early} kills before it was ready`);
  for (const kind of ['report', 'evaluation', 'instruction', 'sign', 'read']) assert.ok(ops.filter((o) => o.kind === kind && o.acked).length >= 8, kind);
});

test('every acknowledged report is there exactly once, by the record and by the history', async () => {
  const reports = ops.filter((o) => o.kind === 'report');
  const seen = new Map((await rows(gw, 'SELECT text, count(*) AS n FROM task_report GROUP BY text')).map((r) => [r.text, r.n]));
  for (const o of reports) assert.equal(seen.get(`进展 ${o.key}`), 1, o.key);
  let history = 0;
  for (const id of tasks) {
    let cursor = '';
    do {
      const h = await gw.ok('GET', `/v1/tasks/${id}/history?limit=50${cursor && `&cursor=${cursor}`}`, { as: 'demo-monitor' });
      history += h.items.filter((e) => e.event === 'report').length;
      cursor = h.next;
    } while (cursor);
  }
  assert.equal(history, reports.length + tasks.length);
});

test('every acknowledged signature is there exactly once, with the answer that was given', async () => {
  const signs = ops.filter((o) => o.kind === 'sign');
  const seen = new Map((await rows(gw, "SELECT task || ' ' || actor AS k, count(*) AS n FROM task_event WHERE event = 'sign_for' GROUP BY task, actor")).map((r) => [r.k, r.n]));
  const ledger = new Map((await rows(gw, "SELECT object || ' ' || actor AS k, count(*) AS n FROM ledger WHERE kind = 'task.sign_for' GROUP BY object, actor")).map((r) => [r.k, r.n]));
  for (const o of signs) {
    assert.equal(seen.get(`${o.task} ${o.as}`), 1, o.task);
    assert.equal(ledger.get(`task:${o.task} ${o.as}`), 1, o.task);
    assert.deepEqual(await gw.rpc(o.as, 'task.sign_for', { task_id: o.task }), o.acked, 'asked again, the first answer (D45)');
  }
  for (const { as, task } of unsigned) assert.equal(seen.get(`${task} ${as}`), undefined, 'nobody asked for it');
});

test('every acknowledged reading is there, with the time that was given; what nobody read is unread', async () => {
  const reads = ops.filter((o) => o.kind === 'read');
  for (const as of ['sim-NP-SZB', 'sim-NP-GSJ']) {
    const list = [];
    for (let cursor = ''; cursor !== null;) {
      const page = await gw.ok('GET', `/v1/notices?limit=200${cursor && `&cursor=${cursor}`}`, { as });
      list.push(...page.items);
      cursor = page.next;
    }
    const at = new Map(list.map((n) => [n.id, n.read_at]));
    for (const o of reads.filter((r) => r.as === as)) assert.equal(at.get(o.notice), o.acked.read_at);
    for (const u of unread.filter((r) => r.as === as)) assert.equal(at.get(u.id), null);
    assert.equal(list.filter((n) => n.read_at !== null).length, reads.filter((r) => r.as === as).length);
  }
});

test('every acknowledged instruction is there exactly once, and the ledger holds', async () => {
  const want = ops.filter((o) => o.kind === 'instruction');
  const got = await rows(gw, "SELECT id, text FROM instruction WHERE text LIKE '批示 %'");
  assert.deepEqual(got.map((r) => r.text).sort(), want.map((o) => `批示 ${o.key}`).sort());
  for (const o of want) assert.equal((await gw.ok('GET', `/v1/instructions/${o.acked.id}`, { as: 'sim-NP-GSJ' })).text, `批示 ${o.key}`);
  const last = ops.filter((o) => o.kind === 'evaluation').length;
  assert.ok(last > 0);
  const v = await gw.command('verify-ledger');
  assert.equal(v.code, 0, v.stdout);
});

test('every due reminder reached the carrier; twice only where the outcome is on record as unknown', async () => {
  const open = () => rows(gw, "SELECT id, state FROM delivery WHERE channel = 'sms' AND lane IN ('p0', 'p1') AND state NOT IN ('delivered', 'sent', 'cancelled')");
  await until(async () => (await open()).length === 0, { ms: 60000, every: 200, what: 'all deliveries to end' });
  // one that was cancelled by reading was never sent, or its first try had no known outcome and is on record so
  const due = await rows(gw, "SELECT d.person, count(*) AS n FROM delivery d WHERE d.channel = 'sms' AND d.lane IN ('p0', 'p1') AND d.state <> 'cancelled' GROUP BY d.person");
  const unknown = new Map((await rows(gw, "SELECT d.person, count(*) AS n FROM attempt a JOIN delivery d ON d.id = a.delivery WHERE a.verdict = 'unknown' GROUP BY d.person"))
    .map((r) => [r.person, r.n]));
  const got = new Map();
  for (const m of await smsc.messages()) got.set(m.phone, (got.get(m.phone) ?? 0) + 1);
  assert.ok(due.length > 0);
  for (const { person, n } of due) {
    const came = got.get(numbers.get(person)) ?? 0;
    assert.ok(came >= n, `${person}: ${came} SMS for ${n} deliveries`);
    assert.ok(came <= n + (unknown.get(person) ?? 0), `${person}: ${came} SMS for ${n} deliveries and ${unknown.get(person) ?? 0} unknown outcomes`);
  }
});
