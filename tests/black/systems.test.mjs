// SPDX-License-Identifier: Apache-2.0
// F010: other systems push facts in, each with its own key; the MAC is made here by sm-crypto and by Node's own SHA-256.
import test, { before, after } from 'node:test';
import assert from 'node:assert/strict';
import crypto from 'node:crypto';
import { Gateway } from './lib/gateway.mjs';
import { rows } from './lib/city.mjs';
import { EVENTS as PATH, systemHeaders, systemKey } from './lib/system.mjs';

let gw, key;

before(async () => {
  gw = await new Gateway().start();
  key = await make('ywt', '一网通办');
});
after(() => gw.stop());

const make = (id, name) => systemKey(gw, id, name);
const signed = (body, { k = key, ...rest } = {}) => systemHeaders(k, body, rest);

const events = (...ids) => JSON.stringify({ events: ids.map((id) => ({ id, kind: 'case.accepted', at: '2018-03-12T09:00:00+08:00', data: { 办件: id } })) });
const push = (raw, headers = signed(raw)) => gw.rest('POST', PATH, { raw, headers });
const stored = (source = 'sys:ywt') => rows(gw, `SELECT id, kind, body FROM inbound_event WHERE source = '${source}' ORDER BY id`);

for (const alg of ['sm3', 'sha256']) test(`F010 facts signed with HMAC-${alg === 'sm3' ? 'SM3' : 'SHA256'} are taken and stored as they came`, async () => {
  const body = events(`${alg}-1`, `${alg}-2`), r = await push(body, signed(body, { alg }));
  assert.equal(r.status, 200, JSON.stringify(r.body));
  assert.deepEqual([r.body.accepted, r.body.duplicate, r.body.refused], [2, 0, 0]);
  const row = (await stored()).find((e) => e.id === `${alg}-1`);
  assert.equal(row.kind, 'case.accepted');
  assert.deepEqual(JSON.parse(row.body), { 办件: `${alg}-1` });
  const [entry] = await rows(gw, "SELECT actor, body FROM ledger WHERE kind = 'event.push' ORDER BY seq DESC LIMIT 1");
  assert.equal(entry.actor, 'sys:ywt');
  assert.equal(JSON.parse(entry.body).accepted, 2);
});

test('F010 a replayed nonce is refused, also in parallel; nothing is stored twice', async () => {
  const body = events('replay-1'), headers = signed(body);
  const all = await Promise.all(Array.from({ length: 5 }, () => push(body, headers)));
  assert.deepEqual(all.map((r) => r.status).sort(), [200, 401, 401, 401, 401]);
  const again = await push(body, headers);
  assert.equal(again.status, 401);
  assert.equal(again.body.code, 'E_AUTH');
  assert.equal((await stored()).filter((e) => e.id === 'replay-1').length, 1);
});

test('F010 old or future time, changed body, path, nonce or time, foreign and unknown keys are refused', async () => {
  const body = events('bad-1'), other = await make('other', '别的系统');
  for (const minutes of [-6, 6]) {
    const r = await push(body, signed(body, { time: Date.now() + minutes * 60000 }));
    assert.equal(r.body.code, 'E_CLOCK', `${minutes}`);
    assert.equal(r.status, 422);
  }
  const h = () => signed(body);
  const bad = [['changed body', events('bad-2'), h()], ['a byte more', `${body} `, h()], ['another path', body, signed(body, { path: '/v1/event' })],
    ['another method', body, signed(body, { method: 'PUT' })], ['changed nonce', body, { ...h(), 'x-zb-nonce': crypto.randomUUID() }],
    ['changed time', body, { ...h(), 'x-zb-time': String(Date.now() + 1) }], ['another system\'s secret', body, signed(body, { k: { ...other, id: 'ywt' } })],
    ['unknown key', body, signed(body, { k: { ...key, id: 'none' } })], ['unknown algorithm', body, { ...h(), 'x-zb-sign': h()['x-zb-sign'].replace('sm3:', 'md5:') }],
    ['cut MAC', body, { ...h(), 'x-zb-sign': h()['x-zb-sign'].slice(0, -2) }], ['no MAC', body, { ...h(), 'x-zb-sign': '' }],
    ['time that is no number', body, { ...h(), 'x-zb-time': '0x1' }], ['short nonce', body, signed(body, { nonce: 'abc' })]];
  for (const [what, raw, headers] of bad) {
    const r = await push(raw, headers);
    assert.equal(r.status, 401, what);
    assert.equal(r.body.code, 'E_AUTH', what);
  }
  assert.ok(!(await stored()).some((e) => e.id.startsWith('bad-')));
  assert.equal((await push(body)).status, 200, 'untouched it is taken');
});

test('F010 the same id again is a duplicate; another system may use it; one bad event does not hurt the others', async () => {
  const first = events('dup-1', 'dup-2');
  await push(first);
  const again = await push(events('dup-2', 'dup-3'));
  assert.deepEqual(again.body.items.map((i) => [i.id, i.result]), [['dup-2', 'duplicate'], ['dup-3', 'accepted']]);
  const twice = await push(events('dup-4', 'dup-4'));
  assert.deepEqual(twice.body.items.map((i) => i.result), ['accepted', 'duplicate'], 'also inside one batch');
  const k = await make('sxj', '双随机'), theirs = events('dup-1');
  assert.equal((await push(theirs, signed(theirs, { k }))).body.accepted, 1);
  assert.equal((await stored('sys:sxj')).length, 1);
  const mixed = JSON.stringify({ events: [{ id: 'ok-1', kind: 'k', at: '2018-03-12T09:00:00+08:00', data: {} }, { id: 'no time', kind: 'k', at: 'today', data: {} },
    { id: 'ok-2', kind: 'k', at: '2018-03-12', data: {} }, { id: 'ok-3', kind: 'k', at: '2018-03-12T09:00:00+08:00', data: {}, more: 1 }] });
  const r = await push(mixed);
  assert.deepEqual(r.body.items.map((i) => i.result), ['accepted', 'refused', 'refused', 'refused']);
  for (const i of r.body.items.slice(1)) assert.match(i.detail, /[\u4e00-\u9fff]/);
});

test('F010 a system may only push: no other method, and people may not push', async () => {
  const headers = signed('', { method: 'GET', path: '/v1/tasks' });
  delete headers['content-type'];
  const r = await gw.rest('GET', '/v1/tasks', { headers });
  assert.equal(r.status, 403);
  assert.equal(r.body.code, 'E_PERM');
  const person = await gw.rest('POST', PATH, { as: 'demo-admin', body: JSON.parse(events('person-1')) });
  assert.equal(person.status, 403);
  assert.equal((await gw.rest('POST', PATH, { body: JSON.parse(events('person-1')) })).status, 401);
  await assert.rejects(gw.rpc('demo-admin', 'event.push', JSON.parse(events('person-1'))), (e) => e.code === 104);
});

test('system-key: the secret is shown once and kept nowhere as it is; an id is given once', async () => {
  const again = await gw.command('system-key', '--id', 'ywt', '--name', '再来');
  assert.equal(again.code, 1);
  assert.match(again.stderr, /exists already/);
  assert.equal(again.stdout, '');
  for (const id of ['', 'a b', '中', 'x'.repeat(33)]) assert.notEqual((await gw.command('system-key', '--id', id, '--name', 'x')).code, 0, id);
  const dump = JSON.stringify([await rows(gw, 'SELECT id, name, hex(secret_enc) AS s FROM system_key'), await rows(gw, "SELECT * FROM ledger WHERE kind = 'system_key.create'")]);
  assert.ok(dump.includes('ywt'));
  assert.ok(!dump.toLowerCase().includes(key.secret) && !dump.toLowerCase().includes(Buffer.from(key.secret).toString('hex')));
  assert.ok(!gw.log.includes(key.secret));
});
