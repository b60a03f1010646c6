// SPDX-License-Identifier: Apache-2.0
// Logging in for real, without demo mode: codes from the carrier, locks, sessions, and what operators may do (D18 to D22).
import test, { before, after } from 'node:test';
import assert from 'node:assert/strict';
import { age, phoneOf, phones, realCity, rows, wrong, Login } from './lib/city.mjs';
import { demoPhone, loginText, newKey, sign } from './lib/sm.mjs';
import { until } from './lib/until.mjs';

let city, gw, login;
const secrets = []; // must never be in a log line

before(async () => {
  city = await realCity({ 'gateway.origins': 'https://app.nanping.example' });
  gw = city.gw;
  login = new Login(city);
});
after(() => city.stop());

/** Contacts of units: people without a device, each with a number of its own. */
let contacts;
async function contact() {
  contacts ??= [...await phones(gw)].filter(([id]) => id.startsWith('sim-'));
  const [id, phone] = contacts.shift();
  return { id, phone };
}

async function enter(who, opts) {
  const r = await login.enterBy(who.phone, null, opts);
  assert.equal(r.status, 201, JSON.stringify(r.body));
  secrets.push(r.body.token);
  return r.body;
}

test('D20 a code from the carrier logs in once; the session is the person, seen by REST and by rpc', async () => {
  const who = await contact(), c = await login.code(who.phone);
  secrets.push(who.phone);
  const r = await login.enter(c);
  assert.equal(r.status, 201, JSON.stringify(r.body));
  assert.equal(r.body.person.id, who.id);
  assert.equal(r.body.bound, true, 'a contact needs no device');
  assert.match(r.body.token, /^[\w-]{43}$/);
  secrets.push(r.body.token);
  assert.equal((await gw.ok('GET', '/v1/me', { as: r.body })).id, who.id);
  assert.equal((await gw.rpc(r.body, 'me.get')).id, who.id);
  const again = await login.enter(c);
  assert.equal(again.status, 401);
  assert.equal(again.body.code, 'E_AUTH');
  assert.equal(again.body.detail, '验证码不正确或已失效，请重新获取。');
});

test('D20 a code belongs to its challenge, and five wrong tries end it', async () => {
  const a = await contact(), b = await contact();
  const ca = await login.code(a.phone, '10.2.0.1'), cb = await login.code(b.phone, '10.2.0.2');
  assert.equal((await login.enter({ challenge: ca.challenge, code: cb.code === ca.code ? wrong(cb.code) : cb.code }, {}, '10.2.0.9')).status, 401);
  assert.equal((await login.enter(ca, {}, '10.2.0.1')).status, 201, 'one wrong try before does not hurt');
  for (let i = 4; i >= 0; i--) { // from several addresses, so that only the challenge counts
    const r = await login.enter({ ...cb, code: wrong(cb.code) }, {}, `10.2.1.${i}`);
    assert.equal(r.status, 401);
    assert.equal(r.body.detail, i ? `验证码不正确，还可以再试 ${i} 次。` : '验证码不正确或已失效，请重新获取。');
  }
  const r = await login.enter(cb, {}, '10.2.1.77');
  assert.equal(r.status, 401, 'the right code comes too late');
});

test('D20 one code a minute for a number, with the time to wait; another number is not concerned', async () => {
  const who = await contact();
  await login.code(who.phone);
  const r = await login.ask(who.phone, '10.3.0.1');
  assert.equal(r.status, 429);
  assert.equal(r.body.code, 'E_LIMIT');
  assert.equal(r.body.temporary, true);
  const wait = Number(r.headers.get('retry-after'));
  assert.ok(wait > 30 && wait <= 60, `${wait}`);
  assert.match(r.body.detail, /^请等 \d+ 秒后再试。$/);
  assert.equal((await login.ask((await contact()).phone)).status, 201);
  assert.equal((await login.ask('12345')).body.field, 'phone');
});

test('D20 a number nobody has: the same answer, the same limit, no SMS, and no code is right', async () => {
  const who = await contact(), stranger = '19955501234', before = (await city.smsc.messages()).length;
  const known = await login.ask(who.phone, '10.4.0.1'), unknown = await login.ask(stranger, '10.4.0.2');
  assert.equal(unknown.status, known.status);
  assert.deepEqual(Object.keys(unknown.body).sort(), Object.keys(known.body).sort());
  for (const k of ['challenge', 'device_challenge']) assert.equal(unknown.body[k].length, known.body[k].length, k);
  assert.deepEqual([...unknown.headers.keys()].filter((h) => h !== 'date'), [...known.headers.keys()].filter((h) => h !== 'date'));
  assert.equal((await login.ask(stranger, '10.4.0.3')).status, 429);
  await until(async () => (await city.smsc.messages()).slice(before).some((m) => m.phone === who.phone), { what: 'the code of the known number' });
  const wrongs = [];
  for (const c of [known.body, unknown.body]) wrongs.push(await login.enter({ ...c, code: '000000' }, {}, '10.4.0.5'));
  assert.deepEqual(wrongs[0].body, wrongs[1].body);
  assert.ok(!(await city.smsc.messages()).some((m) => m.phone === stranger));
});

test('D20 lock by account and address: five failures lock this address; another one still logs in', async () => {
  const who = await contact(), c = await login.code(who.phone, '10.5.0.1');
  for (let i = 0; i < 5; i++) assert.equal((await login.enter({ ...c, code: wrong(c.code) }, {}, '10.5.0.1')).status, 401);
  const locked = await login.enter(c, {}, '10.5.0.1');
  assert.equal(locked.status, 423);
  assert.equal(locked.body.code, 'E_LOCKED');
  assert.match(locked.body.detail, /^连续输错次数过多，\d\d:\d\d 自动解锁。急用请拨打 0599-0000000。$/);
  assert.equal((await login.enter(c, {}, '10.5.0.2')).status, 401, 'elsewhere only the spent code is refused');
  const dispatcher = demoPhone(gw, 'demo-dispatcher'); // other accounts are not concerned
  const r = await login.enterBy(phoneOf('demo-dispatcher'), dispatcher, { address: '10.5.0.1' });
  assert.equal(r.status, 201, JSON.stringify(r.body));
  secrets.push(r.body.token, dispatcher.priv);
});

test('D18 D20 failures from everywhere slow an account down; its bound device still passes', async () => {
  const phone = demoPhone(gw, 'demo-approver'), number = phoneOf('demo-approver'), c = await login.code(number, '10.6.0.1');
  for (let i = 0; i < 20; i++) assert.equal((await login.enter({ ...c, code: wrong(c.code) }, {}, `10.6.1.${i}`)).status, 401);
  await age(gw, 1);
  const fresh = await login.code(number, '10.6.2.1'), proof = (k) => ({ device: phone.device, device_signature: sign(k, loginText(fresh, phone.device)) });
  assert.equal((await login.enter(fresh, {}, '10.6.2.1')).status, 423, 'without the device');
  assert.equal((await login.enter(fresh, proof(newKey()), '10.6.2.2')).status, 423, 'with a foreign key');
  const r = await login.enter(fresh, proof(phone), '10.6.2.3');
  assert.equal(r.status, 201, JSON.stringify(r.body));
  secrets.push(r.body.token);
});

test('D20 five codes an hour and ten a day for a number', async () => {
  const who = await contact(), ask = async (i) => (await login.ask(who.phone, `10.6.3.${i}`)).status;
  for (let i = 0; i < 5; i++) { assert.equal(await ask(i), 201, `${i}`); await age(gw, 2); }
  assert.equal(await ask(5), 429, 'the sixth within the hour');
  await age(gw, 60);
  for (let i = 6; i < 11; i++) { assert.equal(await ask(i), 201, `${i}`); await age(gw, 2); }
  await age(gw, 60);
  assert.equal(await ask(12), 429, 'the eleventh of the day');
  await age(gw, 1440);
  assert.equal(await ask(13), 201);
});

test('D18 a person with a bound device is refused without it, with a foreign key, and with another person\'s device', async () => {
  const phone = demoPhone(gw, 'demo-dispatcher2'), other = demoPhone(gw, 'demo-leader'), c = await login.code(phoneOf('demo-dispatcher2'));
  for (const body of [{}, { device: phone.device, device_signature: sign(newKey(), loginText(c, phone.device)) },
    { device: other.device, device_signature: sign(other, loginText(c, other.device)) },
    { device: phone.device, device_signature: sign(phone, loginText({ ...c, device_challenge: '0'.repeat(32) }, phone.device)) }]) {
    const r = await login.enter(c, body);
    assert.equal(r.status, 422);
    assert.equal(r.body.code, 'E_SIG');
  }
  const r = await login.enter(c, { device: phone.device, device_signature: sign(phone, loginText(c, phone.device)) });
  assert.equal(r.status, 201, JSON.stringify(r.body));
  assert.equal(r.body.device, phone.device);
  assert.equal(r.body.bound, true);
  secrets.push(r.body.token);
});

test('sessions: listed, and revoked from another place: the open socket closes with 3500 and REST is refused within a second', async () => {
  const who = await contact(), phone = await enter(who, { address: '10.7.0.1' });
  const operator = { token: (await gw.command('session', '--person', who.id)).stdout.trim() };
  secrets.push(operator.token);
  const list = await gw.ok('GET', '/v1/auth/sessions', { as: operator });
  assert.deepEqual(list.items.map((s) => s.client).sort(), ['operator', 'phone']);
  assert.equal(list.items.find((s) => s.current).client, 'operator');
  const client = await gw.client(phone);
  let closed = null;
  client.on('disconnected', (c) => { closed = { code: c.code, at: Date.now() }; });
  await gw.ok('GET', '/v1/me', { as: phone });
  const start = Date.now();
  await gw.ok('DELETE', `/v1/auth/sessions/${phone.session}`, { as: operator });
  await until(() => closed, { what: 'the close', every: 5 });
  assert.equal(closed.code, 3500);
  assert.ok(closed.at - start < 1000, `${closed.at - start} ms`);
  const r = await gw.rest('GET', '/v1/me', { as: phone });
  assert.equal(r.status, 401);
  assert.ok(Date.now() - start < 1000);
  assert.equal(r.headers.get('www-authenticate'), 'Bearer');
  await assert.rejects(gw.client(phone, { connect: false }).then((c) => c.ready(800)), 'a new connection is refused');
  assert.deepEqual((await gw.ok('GET', '/v1/auth/sessions', { as: operator })).items.map((s) => s.client), ['operator']);
});

test('D22 a session of somebody else is not there to be revoked', async () => {
  const a = await enter(await contact(), { address: '10.7.1.1' }), b = await enter(await contact(), { address: '10.7.1.2' });
  const r = await gw.rest('DELETE', `/v1/auth/sessions/${a.session}`, { as: b });
  assert.equal(r.status, 404);
  assert.deepEqual((await gw.rest('DELETE', '/v1/auth/sessions/s_nobody', { as: b })).body, r.body, 'the same answer as for one that never was');
  assert.equal((await gw.rest('GET', '/v1/me', { as: a })).status, 200);
});

test('a log-out ends the session at once, and only this one', async () => {
  const who = await contact(), a = await enter(who, { address: '10.7.2.1' });
  const other = { token: (await gw.command('session', '--person', who.id)).stdout.trim() };
  secrets.push(other.token);
  await gw.ok('DELETE', '/v1/auth/sessions/current', { as: a });
  assert.equal((await gw.rest('GET', '/v1/me', { as: a })).status, 401);
  assert.equal((await gw.rest('GET', '/v1/me', { as: other })).status, 200);
});

test('D19 the operator\'s session command: on the ledger, refused for leaders outside demo and for nobody', async () => {
  const who = await contact();
  const before = (await rows(gw, `SELECT COUNT(*) AS n FROM ledger WHERE kind = 'session.issue' AND object = 'person:${who.id}'`))[0].n;
  const r = await gw.command('session', '--person', who.id);
  assert.equal(r.code, 0, r.stderr);
  secrets.push(r.stdout.trim());
  assert.equal((await gw.ok('GET', '/v1/me', { as: { token: r.stdout.trim() } })).id, who.id);
  assert.equal((await rows(gw, `SELECT COUNT(*) AS n FROM ledger WHERE kind = 'session.issue' AND object = 'person:${who.id}'`))[0].n, before + 1);
  const leader = await gw.command('session', '--person', 'demo-leader');
  assert.equal(leader.code, 1);
  assert.equal(leader.stdout, '');
  assert.match(leader.stderr, /leaders log in themselves/);
  const nobody = await gw.command('session', '--person', 'nobody');
  assert.equal(nobody.code, 1);
  assert.match(nobody.stderr, /nobody active/);
});

test('D18 auth methods are REST only, and demo methods do not exist outside demo', async () => {
  const a = await enter(await contact(), { address: '10.8.0.1' });
  await assert.rejects(gw.rpc(a, 'auth.sessions'), (e) => e.code === 104);
  const r = await gw.rest('GET', '/v1/board-session', { as: a });
  assert.equal(r.status, 404);
  assert.equal(r.body.code, 'E_NOTFOUND');
});

test('D21 health for everybody, figures only on the admin listener', async () => {
  assert.deepEqual(Object.keys(await gw.ok('GET', '/healthz')).sort(), ['demo', 'status', 'version']);
  const ready = await gw.rest('GET', '/readyz');
  assert.equal(ready.status, 200);
  assert.equal(ready.body.redis, 'up');
  assert.equal((await gw.rest('GET', '/metrics')).status, 404);
  assert.equal((await gw.rest('POST', '/api/info', { body: {} })).status, 405, 'the server API is off');
});

test('D21 Origin and CORS: own page and listed origins only, absent is a native app', async () => {
  const from = (origin, method = 'GET', path = '/v1/me', extra = {}) =>
    gw.rest(method, path, { headers: { ...(origin && { origin }), ...extra } });
  const listed = await from('https://app.nanping.example');
  assert.equal(listed.headers.get('access-control-allow-origin'), 'https://app.nanping.example');
  const foreign = await from('https://evil.example');
  assert.equal(foreign.headers.get('access-control-allow-origin'), null);
  const preflight = (origin) => from(origin, 'OPTIONS', '/v1/tasks', { 'access-control-request-method': 'POST' });
  const good = await preflight('https://app.nanping.example');
  assert.equal(good.status, 204);
  assert.match(good.headers.get('access-control-allow-headers'), /authorization.*idempotency-key/);
  assert.equal(good.headers.get('access-control-allow-credentials'), null, 'no cookies');
  assert.equal((await preflight('https://evil.example')).status, 403);
  const { default: WebSocket } = await import('ws');
  const upgrade = (origin) => new Promise((done) => {
    const ws = new WebSocket(`ws://127.0.0.1:${gw.port}/connection/websocket`, origin ? { origin } : {});
    ws.on('open', () => { ws.terminate(); done(101); });
    ws.on('unexpected-response', (q, r) => { r.resume(); done(r.statusCode); });
    ws.on('error', () => {});
  });
  assert.deepEqual([await upgrade(), await upgrade(gw.url), await upgrade('https://app.nanping.example'), await upgrade('https://evil.example'), await upgrade('null')],
    [101, 101, 101, 403, 403]);
});

test('D7 no token, number, code or key in any log line or in the records as it is', async () => {
  const sms = await city.smsc.messages();
  assert.ok(sms.length > 5 && secrets.length > 8);
  for (const m of sms) secrets.push(m.phone);
  await gw.rest('GET', '/v1/me', { headers: { authorization: `Bearer ${secrets[1]}x` } }); // refused ones are not logged either
  await gw.rest('POST', '/v1/auth/sms-codes', { body: { phone: `${secrets[0]}0` } });
  assert.ok(gw.log.split('\n').length > 5);
  for (const s of new Set(secrets)) assert.ok(!gw.log.includes(s), 'in the log');
  const codes = sms.map((m) => /验证码(\d{6})/.exec(m.text)?.[1]).filter(Boolean);
  for (const c of codes) assert.ok(!new RegExp(`(?<![0-9a-f])${c}(?![0-9a-f])`).test(gw.log), 'a code in the log');
  const dump = JSON.stringify([await rows(gw, 'SELECT * FROM ledger'), await rows(gw, 'SELECT id, name, phone_idx FROM person'),
    await rows(gw, 'SELECT * FROM sms_challenge'), await rows(gw, 'SELECT * FROM session_device')]);
  for (const s of new Set(secrets)) assert.ok(!dump.includes(s), 'in the records');
});
