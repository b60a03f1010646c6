// SPDX-License-Identifier: Apache-2.0
// F130: the way of a leader's phone, without demo mode: first log-in, registration, two administrators, activation, loss.
import test, { before, after } from 'node:test';
import assert from 'node:assert/strict';
import WebSocket from 'ws';
import { age, realCity, rows, phoneOf, wrong, Login } from './lib/city.mjs';
import { demoPhone, deviceText, instruction, loginText, newKey, sign } from './lib/sm.mjs';
import { until } from './lib/until.mjs';

const LEADER = 'demo-leader', NUMBER = phoneOf(LEADER);
let city, gw, login, admin, admin2;

before(async () => {
  city = await realCity();
  gw = city.gw;
  login = new Login(city);
  [admin, admin2] = await Promise.all(['demo-admin', 'demo-admin2'].map(async (p) => ({ token: await gw.token(p) })));
});
after(() => city.stop());

const board = async () => gw.ok('GET', '/v1/devices/board', { as: admin });
const step = async (person = LEADER) => (await board()).items.find((i) => i.person === person).step;

async function enter(phone = null) {
  await age(gw, 90);
  const r = await login.enterBy(NUMBER, phone, { address: '10.9.0.1' });
  assert.equal(r.status, 201, JSON.stringify(r.body));
  return r.body;
}

async function register(as, person = LEADER, k = newKey()) {
  const d = await gw.ok('POST', '/v1/devices', { as, body: { pubkey: k.pub, name: '新手机', platform: 'Android', proof: sign(k, deviceText(k, person)) } });
  return { ...k, device: d.id, person, registered: d };
}

const issue = (id, as = admin) => gw.rest('POST', `/v1/devices/${id}/activation-codes`, { as });
const confirm = (id, as = admin2) => gw.rest('POST', `/v1/devices/${id}/activation-codes/confirm`, { as });
const activate = (id, as, code) => gw.rest('POST', `/v1/devices/${id}/activate`, { as, body: { code } });

/** A raw connection: what the gateway says to connect, and its close code. */
async function connect(token) {
  const ws = new WebSocket(`ws://127.0.0.1:${gw.port}/connection/websocket`), got = { closed: null };
  ws.on('message', (d) => { for (const l of d.toString().split('\n')) if (l.includes('"id":1')) got.reply = JSON.parse(l); });
  ws.on('close', (code) => { got.closed = { code, at: Date.now() }; });
  await new Promise((ok) => ws.on('open', ok));
  ws.send(JSON.stringify({ id: 1, connect: { token } }));
  await until(() => got.reply ?? got.closed, { what: 'an answer to connect' });
  return { ws, got };
}

test('F130 a lost phone is blocked at once: its open socket closes with 3500 within a second, REST and log-in with it are refused', async () => {
  const old = demoPhone(gw, LEADER), s = await enter(old), { got } = await connect(s.token);
  assert.ok(got.reply.connect);
  assert.equal((await gw.ok('GET', '/v1/me', { as: s })).id, LEADER);
  assert.equal(await step(), 'active');
  const start = Date.now();
  const r = await gw.ok('POST', `/v1/devices/${old.device}/lost`, { as: admin }); // the person rings up; an administrator reports it
  assert.equal(r.state, 'lost');
  await until(() => got.closed, { what: 'the close', every: 5 });
  assert.equal(got.closed.code, 3500);
  assert.ok(got.closed.at - start < 1000, `${got.closed.at - start} ms`);
  assert.equal((await gw.rest('GET', '/v1/me', { as: s })).status, 401);
  assert.ok(Date.now() - start < 1000);
  await age(gw, 90);
  const c = await login.code(NUMBER, '10.9.0.2');
  const again = await login.enter(c, { device: old.device, device_signature: sign(old, loginText(c, old.device)) }, '10.9.0.2');
  assert.equal(again.body.code, 'E_SIG', 'the lost key opens nothing');
  assert.equal(await step(), 'lost');
  const b = await board();
  assert.equal(b.leaders, 1);
  assert.equal(b.leaders_active, 0);
});

test('F130 the first log-in by code alone may only register a device: nothing is read, written or listened to', async () => {
  const s = await enter();
  assert.equal(s.bound, false);
  for (const [method, path, body] of [['GET', '/v1/tasks'], ['GET', '/v1/instructions'], ['GET', '/v1/notices'], ['GET', '/v1/rankings/2018/city'],
    ['PUT', '/v1/evaluations/2018/NP-BB', { value: 90 }]]) {
    const r = await gw.rest(method, path, { as: s, body });
    assert.equal(r.status, 403, path);
    assert.equal(r.body.code, 'E_ACTIVATE', path);
  }
  const { got, ws } = await connect(s.token);
  assert.equal(got.reply.error?.code, 103, JSON.stringify(got.reply));
  ws.terminate();
  assert.deepEqual((await gw.ok('GET', '/v1/devices', { as: s })).items.map((d) => d.state), ['lost']);
});

test('F130 registration: the key must be proven, a known one is refused, three may wait', async () => {
  const s = await enter(), k = newKey(), body = { pubkey: k.pub, name: '手机', platform: 'iOS' };
  const post = (b) => gw.rest('POST', '/v1/devices', { as: s, body: b });
  assert.equal((await post({ ...body, proof: sign(newKey(), deviceText(k, LEADER)) })).body.code, 'E_SIG');
  assert.equal((await post({ ...body, proof: sign(k, deviceText(k, 'demo-admin')) })).body.code, 'E_SIG');
  assert.equal((await post({ ...body, pubkey: `05${k.pub.slice(2)}`, proof: sign(k, deviceText(k, LEADER)) })).body.field, 'pubkey');
  const ids = [];
  for (let i = 0; i < 3; i++) ids.push((await register(s)).device);
  const r = await post({ ...body, proof: sign(k, deviceText(k, LEADER)) });
  assert.equal(r.body.code, 'E_FULL');
  const known = demoPhone(gw, LEADER);
  assert.equal((await post({ ...body, pubkey: known.pub, proof: sign(known, deviceText(known, LEADER)) })).body.code, 'E_DUP');
  for (const id of ids) await gw.ok('POST', `/v1/devices/${id}/lost`, { as: s });
  assert.equal((await gw.rest('GET', '/v1/devices', { as: s })).status, 200, 'reporting a waiting phone in error does not log out');
});

test('F130 a leader\'s phone: code by one administrator, confirmed by another, entered by the leader; then it signs', async () => {
  const s = await enter(), phone = await register(s), id = phone.device;
  assert.equal(phone.registered.state, 'pending');
  assert.equal(phone.registered.key, phone.name);
  assert.equal(await step(), 'waits_code');
  assert.equal((await activate(id, s, '00000000')).body.code, 'E_ACTIVATE', 'no code yet');
  assert.equal((await confirm(id)).body.code, 'E_STATE', 'nothing to confirm');
  assert.equal((await issue(id, s)).status, 403, 'not by oneself');
  const code = await issue(id);
  assert.equal(code.status, 201);
  assert.match(code.body.code, /^\d{8}$/);
  assert.equal(code.body.needs_second, true);
  assert.equal(await step(), 'waits_second');
  assert.equal((await activate(id, s, code.body.code)).body.code, 'E_STATE', 'not before the second administrator');
  assert.equal((await confirm(id, admin)).body.code, 'E_PERM', 'not by the same one');
  assert.equal((await confirm(id)).status, 200);
  assert.equal(await step(), 'waits_person');
  const bad = await activate(id, s, wrong(code.body.code).padStart(8, '0'));
  assert.equal(bad.status, 400);
  assert.equal(bad.body.detail, '绑定码不正确，还可以再试 4 次。');
  const stranger = { token: await gw.token('sim-NP-BB') };
  assert.equal((await activate(id, stranger, code.body.code)).status, 404, 'another person\'s phone is not there');
  const done = await activate(id, s, code.body.code);
  assert.equal(done.status, 200, JSON.stringify(done.body));
  assert.equal(done.body.bound, true);
  assert.equal((await activate(id, s, code.body.code)).body.code, 'E_DUP');
  assert.equal((await gw.rest('GET', '/v1/tasks', { as: s })).status, 200, 'this session works from now on');
  assert.equal(await step(), 'active');
  const b = await board();
  assert.equal(b.leaders_active, 1);
  const mine = (await gw.ok('GET', '/v1/devices', { as: s })).items.find((d) => d.id === id);
  assert.equal(mine.state, 'active');
  assert.equal(mine.current, true);
  const seen = await gw.rpc(admin, 'device.list', { person: LEADER });
  assert.equal(seen.items.find((d) => d.id === id).key, phone.name, 'the administrator sees the same device by rpc');
  const record = await rows(gw, `SELECT kind, actor, body FROM ledger WHERE object = 'device:${id}' ORDER BY seq`);
  assert.deepEqual(record.filter((r) => r.kind !== 'refused').map((r) => [r.kind, r.actor]), [['device.register', LEADER], ['device.issue_code', 'demo-admin'],
    ['device.confirm_code', 'demo-admin2'], ['device.activate', LEADER], ['device.activate', LEADER]]);
  assert.ok(!JSON.stringify(record).includes(code.body.code), 'the code is on no record');
});

test('F130 the number of the waiting ones falls; who is not active is on the board, for administrators only', async () => {
  const b = await board();
  assert.deepEqual(b.items.map((i) => i.person).sort(), ['demo-approver', 'demo-approver2', 'demo-approver3', 'demo-dispatcher', 'demo-dispatcher2', 'demo-dispatcher3', LEADER].sort());
  const s = { token: await gw.token('sim-NP-BB') };
  const r = await gw.rest('GET', '/v1/devices/board', { as: s });
  assert.equal(r.status, 403);
  assert.equal((await gw.rest('GET', `/v1/devices?person=${LEADER}`, { as: s })).status, 404, 'nor another one\'s devices');
});

test('F130 a new code needs a new confirmation; five wrong entries void it', async () => {
  const old = (await gw.ok('GET', `/v1/devices?person=${LEADER}`, { as: admin })).items.find((d) => d.state === 'active');
  await gw.ok('POST', `/v1/devices/${old.id}/lost`, { as: admin });
  const s = await enter(), phone = await register(s), id = phone.device;
  const first = (await issue(id)).body.code;
  assert.equal((await confirm(id)).status, 200);
  const second = (await issue(id)).body.code;
  assert.equal((await activate(id, s, second)).body.code, 'E_STATE', 'the second code is not confirmed');
  assert.equal((await confirm(id)).status, 200);
  if (first !== second) assert.equal((await activate(id, s, first)).status, 400, 'the first code is void');
  for (let i = 0; i < 4; i++) assert.equal((await activate(id, s, wrong(second).padStart(8, '9'))).status, 400);
  const r = await activate(id, s, second);
  assert.equal(r.status, 423);
  assert.equal(r.body.code, 'E_LOCKED');
});

test('F130 D18 a session without a device signs nothing, and a lost phone neither', async () => {
  const s = await enter(), old = demoPhone(gw, LEADER);
  const r = await gw.rest('POST', '/v1/instructions', { as: s, body: instruction(old, { object: 'task:NP2018-1-1-1', object_version: 1, units: ['NP-BB'] }) });
  assert.equal(r.body.code, 'E_ACTIVATE');
  assert.deepEqual(await rows(gw, 'SELECT * FROM instruction'), []);
});
