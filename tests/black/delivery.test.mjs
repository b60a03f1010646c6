// SPDX-License-Identifier: Apache-2.0
// Delivery by several channels and providers, seen from outside: where people can be reached, which way a message went, what happened
// to it; carriers that fail, and the one that takes over.
import test, { before, after } from 'node:test';
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { Gateway } from './lib/gateway.mjs';
import { carrier, phones, rows } from './lib/city.mjs';
import { Smsc } from './lib/smsc.mjs';
import { until } from './lib/until.mjs';
import * as work from './lib/work.mjs';

const UNIT = 'NP-SZB', CONTACT = 'sim-NP-SZB';
let gw, one, two, phone;

before(async () => {
  [one, two] = await Promise.all([new Smsc().start(), new Smsc().start()]);
  gw = new Gateway({ conf: { 'notice.plan_p1': 'sms+0' } });
  const { providers } = carrier(gw, one);
  gw.conf.providers = { ...providers, second: { ...providers.carrier, port: two.port, weight: 0 } };
  await gw.start();
  phone = (await phones(gw)).get(CONTACT);
  await until(async () => (await two.get('stats')).logins > 0 && (await one.get('stats')).logins > 0, { what: 'both links' });
});
after(async () => { await gw?.stop(); await two?.stop(); });

/** An assignment to the unit; resolves to the newest notice of its contact. */
async function say(title) {
  await work.given(gw, { title, units: [UNIT] });
  return until(async () => (await gw.ok('GET', '/v1/notices?limit=5', { as: CONTACT })).items.find((n) => n.body.includes(title)), { what: title });
}
const trace = (id, as = CONTACT) => gw.ok('GET', `/v1/notices/${id}/trace`, { as });
const ended = (id, state) => until(async () => { const t = await trace(id); return t.deliveries.some((d) => d.channel === 'sms' && d.state === state) && t; },
  { what: `${id} ${state}` });

test('F110 what happened to a message: the recipient and an auditor read it, others do not find it', async () => {
  const n = await say('全程可查');
  const t = await ended(n.id, 'delivered');
  const sms = t.deliveries.find((d) => d.channel === 'sms');
  assert.equal(sms.provider, 'carrier', 'the one with weight, not the spare');
  assert.match(sms.text, /^短信已送达（/);
  assert.match(t.text, /^未读；站内已送达；短信已送达/);
  assert.deepEqual(sms.events.map((e) => [e.what, e.verdict]), [['attempt', 'sent'], ['receipt', 'delivered']]);
  assert.ok(!JSON.stringify(t).includes('全程可查'), 'no text');
  assert.equal((await trace(n.id, 'demo-auditor')).text, t.text);
  assert.equal((await gw.rest('GET', `/v1/notices/${n.id}/trace`, { as: 'demo-monitor' })).status, 404);
  await gw.ok('POST', `/v1/notices/${n.id}/read`, { as: CONTACT });
  assert.match((await trace(n.id)).text, /^已读（.*在掌办）$/);
});

test('F110 a carrier that refuses: the other one carries it, and both attempts are on record', async () => {
  await one.post('behave', { reject_phone: { [phone]: 9 } });
  const n = await say('换一家运营方');
  const t = await ended(n.id, 'delivered');
  const sms = t.deliveries.find((d) => d.channel === 'sms');
  assert.equal(sms.provider, 'second');
  assert.deepEqual(sms.events.filter((e) => e.what === 'attempt').map((e) => [e.provider, e.verdict]), [['carrier', 'rejected'], ['second', 'sent']]);
  await one.post('behave', { reject_phone: {} });
});

test('F110 a negative report: the other carrier tries, once however often it is told', async () => {
  await one.post('behave', { report: 'UNDELIV', duplicate_reports: true });
  const n = await say('回执失败再发');
  const t = await ended(n.id, 'delivered');
  const sms = t.deliveries.find((d) => d.channel === 'sms');
  assert.deepEqual(sms.events.filter((e) => e.what === 'attempt').map((e) => e.provider), ['carrier', 'second']);
  assert.deepEqual(sms.events.filter((e) => e.what === 'receipt').map((e) => [e.provider, e.verdict]), [['carrier', 'failed'], ['second', 'delivered']]);
  await one.post('behave', { report: 'DELIVRD', duplicate_reports: false });
});

test('F110 a carrier that is down: the spare one works meanwhile, nothing waits', async () => {
  await one.stop();
  const n = await say('主通道中断');
  const t = await ended(n.id, 'delivered');
  assert.equal(t.deliveries.find((d) => d.channel === 'sms').provider, 'second');
});

test('F110 where I can be reached: a token is registered, listed without itself, moves with its phone, and is removed', async () => {
  const token = 'a1b2c3d4e5f6';
  const mine = await gw.ok('POST', '/v1/push-targets', { as: CONTACT, body: { channel: 'push', vendor: 'apns', token } });
  const again = await gw.ok('POST', '/v1/push-targets', { as: CONTACT, body: { channel: 'push', vendor: 'apns', token } });
  assert.equal(again.id, mine.id, 'known already');
  const list = await gw.ok('GET', '/v1/push-targets', { as: CONTACT });
  assert.equal(list.items.length, 1);
  assert.ok(!JSON.stringify(list).includes(token));
  assert.equal((await rows(gw, "SELECT count(*) AS n FROM push_target WHERE instr(hex(token_enc), hex('a1b2c3d4e5f6')) > 0"))[0].n, 0, 'sealed');
  assert.equal((await gw.rest('DELETE', `/v1/push-targets/${mine.id}`, { as: 'demo-monitor' })).status, 404);
  assert.equal((await gw.rest('POST', '/v1/push-targets', { as: CONTACT, body: { channel: 'push', token } })).body.field, 'vendor');
  const moved = await gw.ok('POST', '/v1/push-targets', { as: 'demo-monitor', body: { channel: 'push', vendor: 'apns', token } });
  assert.equal(moved.id, mine.id);
  assert.equal((await gw.ok('GET', '/v1/push-targets', { as: CONTACT })).items.length, 0, 'the phone has another owner');
  await gw.ok('DELETE', `/v1/push-targets/${mine.id}`, { as: 'demo-monitor' });
  assert.deepEqual((await gw.ok('GET', '/v1/push-targets', { as: 'demo-monitor' })).items.map((t) => [t.state, t.reason]), [['gone', 'removed']]);
});

test('F119 who wants no SMS gets duty messages all the same, and can change it back', async () => {
  await gw.ok('PUT', '/v1/preferences/sms', { as: CONTACT, body: { wanted: false } });
  assert.equal((await gw.ok('GET', '/v1/preferences', { as: CONTACT })).items.find((p) => p.channel === 'sms').wanted, false);
  const n = await say('履职消息照发');
  await ended(n.id, 'delivered');
  assert.equal((await gw.rest('PUT', '/v1/preferences/fax', { as: CONTACT, body: { wanted: false } })).status, 400);
  await gw.ok('PUT', '/v1/preferences/sms', { as: CONTACT, body: { wanted: true } });
  assert.equal((await gw.ok('GET', '/v1/preferences', { as: CONTACT })).items.find((p) => p.channel === 'sms').wanted, true);
});

test('F119 who answers 退订 gets no more ordinary SMS, duty messages still; the answer is kept sealed and once', async () => {
  await two.post('mo', { phone, text: '收到，谢谢' });
  await two.post('mo', { phone, text: '退订' });
  const wanted = async () => (await gw.ok('GET', '/v1/preferences', { as: CONTACT })).items.find((p) => p.channel === 'sms').wanted;
  await until(async () => !(await wanted()), { what: 'the refusal' });
  const kept = await rows(gw, 'SELECT person, refusal, hex(text_enc) AS h FROM sms_reply ORDER BY at_wall, refusal');
  assert.deepEqual(kept.map((k) => [k.person, k.refusal]), [[CONTACT, 0], [CONTACT, 1]]);
  assert.ok(!kept.some((k) => k.h.includes(Buffer.from('退订').toString('hex').toUpperCase())));
  const n = await say('退订后仍须签收');
  await ended(n.id, 'delivered');
  await gw.ok('PUT', '/v1/preferences/sms', { as: CONTACT, body: { wanted: true } });
  assert.equal(await wanted(), true);
});

test('F110 receipts of a provider that is none, or has none, are refused', async () => {
  assert.equal((await gw.rest('POST', '/v1/receipts/nobody', { raw: 'x' })).status, 404);
  assert.equal((await gw.rest('POST', '/v1/receipts/carrier', { raw: '{}' })).status, 404);
});

test('check-config names the provider and the option that is wrong', async () => {
  const was = gw.conf.providers;
  for (const [providers, why] of [
    [{ x: { kind: 'pigeon' } }, /provider x.*no such kind: pigeon/],
    [{ x: { ...was.carrier, colour: 'red' } }, /provider x.*option colour: kind cmpp has none/],
    [{ x: { ...was.carrier, port: 70000 } }, /provider x.*option port: a whole number from 1 to 65535/],
    [{ x: { kind: 'cmpp' } }, /provider x.*option host is missing/]]) {
    gw.conf.providers = providers;
    const r = await gw.command('check-config');
    assert.notEqual(r.code, 0);
    assert.match(r.stderr, why);
  }
  gw.conf.providers = was;
  assert.equal((await gw.command('check-config')).code, 0);
  assert.ok(fs.existsSync(path.join(gw.dir, 'cmpp.secret')));
});
