// SPDX-License-Identifier: Apache-2.0
// D6: one key, one effect, one answer; and the rules of parameters and lists that hold for every method.
import test, { before, after } from 'node:test';
import assert from 'node:assert/strict';
import { Gateway } from './lib/gateway.mjs';
import { rows } from './lib/city.mjs';
import * as work from './lib/work.mjs';

const TASK = 'NP2018-1-1-1', UNIT = 'NP-BB', WHO = `sim-${UNIT}`;
let gw, n = 0;

before(async () => {
  gw = await new Gateway().start();
  await work.dispatch(gw, TASK);
  await work.signAll(gw, TASK);
});
after(() => gw.stop());

const report = (text, key, as = WHO, task = TASK) => gw.rest('POST', `/v1/tasks/${task}/report`, { as, body: { text, progress: 50 }, headers: key ? { 'idempotency-key': key } : {} });
const reports = async (text) => (await rows(gw, `SELECT COUNT(*) AS n FROM task_report WHERE text = '${text}'`))[0].n;
const fresh = () => `key-${++n}`;

test('D6 the same key and body get the first answer, word for word, and one effect', async () => {
  const key = fresh(), first = await report('第一次报送', key);
  assert.equal(first.status, 200, JSON.stringify(first.body));
  for (let i = 0; i < 3; i++) {
    const again = await report('第一次报送', key);
    assert.equal(again.status, 200);
    assert.deepEqual(again.body, first.body);
  }
  assert.equal(await reports('第一次报送'), 1);
  const seen = await gw.ok('GET', `/v1/tasks/${TASK}/history`, { as: 'demo-dispatcher' });
  assert.equal(seen.items.filter((i) => i.event === 'report').length, 1, JSON.stringify(seen.items.slice(-2)));
});

test('D6 the same key with another body, or for another object, is refused with 422 and changes nothing', async () => {
  const key = fresh();
  await report('键甲', key);
  for (const r of [await report('键乙', key), await report('键甲', key, WHO, 'NP2018-1-2-1')]) {
    assert.equal(r.status, 422);
    assert.equal(r.body.code, 'E_KEYREUSE');
    assert.match(r.body.detail, /幂等键/);
  }
  assert.equal(await reports('键乙'), 0);
});

test('D6 duplicates in flight at the same time apply once and all get the same answer', async () => {
  const key = fresh(), all = await Promise.all(Array.from({ length: 12 }, () => report('同时十二次', key)));
  for (const r of all) {
    assert.equal(r.status, 200);
    assert.deepEqual(r.body, all[0].body);
  }
  assert.equal(await reports('同时十二次'), 1);
  const mixed = await Promise.all(Array.from({ length: 10 }, (_, i) => report(`同时两种${i % 2}`, `mixed-${n}`)));
  assert.equal(mixed.filter((r) => r.status === 200).length, 5);
  assert.equal(mixed.filter((r) => r.body.code === 'E_KEYREUSE').length, 5);
  assert.equal(await reports('同时两种0') + await reports('同时两种1'), 1);
});

test('D6 a key belongs to its person and its method', async () => {
  const key = fresh();
  assert.equal((await report('同键甲', key)).status, 200);
  assert.equal((await report('同键乙', key, 'demo-responsible')).status, 200, 'another person');
  const [note] = (await gw.ok('GET', '/v1/notices', { as: WHO })).items;
  assert.equal((await gw.rest('POST', `/v1/notices/${note.id}/read`, { as: WHO, headers: { 'idempotency-key': key } })).status, 200, 'another method');
});

test('D6 a refusal is not kept: the same key works once the reason is gone', async () => {
  const key = fresh(), body = { value: 101 };
  const set = (b) => gw.rest('PUT', '/v1/evaluations/2018/NP-BB', { as: 'demo-leader', body: b, headers: { 'idempotency-key': key } });
  assert.equal((await set(body)).status, 400);
  assert.equal((await set({ value: 88 })).status, 200);
  assert.equal((await set({ value: 89 })).status, 422);
  const late = fresh(), read = () => gw.rest('POST', '/v1/notices/n_none/read', { as: WHO, headers: { 'idempotency-key': late } });
  assert.equal((await read()).status, 404);
  assert.equal((await read()).status, 404);
  assert.equal((await rows(gw, `SELECT COUNT(*) AS n FROM idem WHERE key = '${late}'`))[0].n, 0);
});

test('D6 rpc carries the key beside the data, and shares it with REST', async () => {
  const key = fresh(), data = { task_id: TASK, text: '两条路', progress: 50 };
  const first = await gw.rpc(WHO, 'task.report', { ...data, idempotency_key: key });
  assert.deepEqual(await gw.rpc(WHO, 'task.report', { ...data, idempotency_key: key }), first);
  await assert.rejects(gw.rpc(WHO, 'task.report', { ...data, text: '别的', idempotency_key: key }), (e) => e.code === 1019);
  const rest = await report('两条路', key);
  assert.equal(rest.status, 200, JSON.stringify(rest.body));
  assert.deepEqual(rest.body, first, 'the same call by the other way');
  assert.equal(await reports('两条路'), 1);
});

test('D6 keys are bounded', async () => {
  assert.equal((await report('键过长', 'x'.repeat(129))).body.field, 'idempotency_key');
  assert.equal((await report('键正好', 'x'.repeat(128))).status, 200);
  assert.equal(await reports('键过长'), 0);
});

test('D4 every list answers items and next, at most 200, and refuses a cursor of another list or filter', async () => {
  const doc = await gw.ok('GET', '/openapi.json'), lists = Object.entries(doc.paths).filter(([p, o]) => o.get?.parameters?.some((x) => x.name === 'cursor') && !p.includes('{'));
  assert.ok(lists.length >= 4, `${lists.length}`);
  const cursors = new Map(), caller = (p) => (p === '/v1/deliveries' ? 'demo-admin' : 'demo-dispatcher'); // that list is the operators'
  for (const [p] of lists) {
    const r = await gw.rest('GET', `${p}?limit=1`, { as: caller(p) });
    assert.equal(r.status, 200, p);
    assert.ok(r.body.items.length <= 1 && 'next' in r.body, p);
    if (r.body.next) cursors.set(p, r.body.next);
    for (const bad of ['limit=201', 'limit=-1', 'limit=x', 'cursor=x', 'nonsense=1', 'limit=1&limit=2'])
      assert.equal((await gw.rest('GET', `${p}?${bad}`, { as: caller(p) })).status, 400, `${p}?${bad}`);
  }
  assert.ok(cursors.size >= 2, [...cursors.keys()].join());
  for (const [from, c] of cursors) for (const [p] of lists)
    if (p !== from) assert.equal((await gw.rest('GET', `${p}?cursor=${encodeURIComponent(c)}`, { as: caller(p) })).status, 400, `${from} on ${p}`);
});

test('D22 errors are problem+json with word, status, temporary and Chinese text; REST and rpc say the same', async () => {
  for (const [path, status, code] of [['/v1/tasks/none', 404, 'E_NOTFOUND'], ['/v1/none', 404, 'E_NOTFOUND'], ['/v1/tasks?limit=x', 400, 'E_INPUT'],
    ['/v1/devices/board', 403, 'E_PERM']]) {
    const r = await gw.rest('GET', path, { as: 'demo-dispatcher' });
    assert.equal(r.status, status, path);
    assert.match(r.headers.get('content-type'), /^application\/problem\+json/);
    assert.deepEqual([r.body.code, r.body.status, r.body.temporary, r.body.type], [code, status, false, 'about:blank']);
    assert.match(r.body.detail, /[\u4e00-\u9fff]/);
  }
  const r = await gw.rest('GET', '/v1/tasks/none', { as: 'demo-dispatcher' });
  await assert.rejects(gw.rpc('demo-dispatcher', 'task.get', { task_id: 'none' }), (e) => e.code === 1003 && e.message.endsWith(r.body.detail));
  assert.equal((await gw.rest('PATCH', '/v1/tasks', { as: 'demo-dispatcher' })).status, 405);
  assert.equal((await gw.rest('DELETE', '/v1/tasks', { as: 'demo-dispatcher' })).status, 405);
  assert.equal((await gw.rest('POST', `/v1/tasks/${TASK}/report`, { as: WHO, raw: 'x', headers: { 'content-type': 'text/plain' } })).status, 415);
});
