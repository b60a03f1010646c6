// SPDX-License-Identifier: Apache-2.0
// Office messengers to the end, through the whole gateway against their fakes: who has read there is asked, what is unread is made
// louder once, and a message whose answer was lost is sent again where the messenger itself drops the second one.
import test, { before, after } from 'node:test';
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { Gateway } from './lib/gateway.mjs';
import { carrier, change, phones, rows } from './lib/city.mjs';
import { Smsc } from './lib/smsc.mjs';
import { until } from './lib/until.mjs';
import { start as office } from '../peers/office.mjs';
import * as work from './lib/work.mjs';

const UNIT = 'NP-SZB', CONTACT = 'sim-NP-SZB', APPROVER = 'demo-approver', RAISE_S = 3, SMS_S = 6;
let gw, smsc, bureau, numbers;

before(async () => {
  gw = new Gateway({ conf: { 'notice.plan_p1': `office+0 office!+${RAISE_S} sms+${SMS_S}`, 'notice.plan_p2': 'office+0' } });
  const secret = (name, text) => { fs.writeFileSync(path.join(gw.dir, name), text, { mode: 0o600 }); return path.join(gw.dir, name); };
  smsc = await new Smsc().start();
  bureau = await office();
  const at = `http://127.0.0.1:${bureau.port}`, steer = `http://127.0.0.1:${bureau.control}`, open_url = 'https://zb.example.gov.cn/open';
  bureau.get = async (what) => (await fetch(`${steer}/${what}`)).json();
  bureau.post = (what, body = {}) => fetch(`${steer}/${what}`, { method: 'POST', body: JSON.stringify(body) });
  gw.conf.providers = {
    ...carrier(gw, smsc).providers,
    wecom: { kind: 'wecom', base_url: `${at}/wecom`, corp_id: 'ww0123456789abcdef', agent_id: 1000002, secret_file: secret('w', 'wecom-secret'), open_url },
    ding: { kind: 'dingtalk', base_url: `${at}/dingtalk`, api_url: `${at}/dingapi`, app_key: 'dingkey', app_secret_file: secret('d', 'ding-secret'),
      agent_id: 123, open_url, ding: 'phone', ding_priority: 1, ding_robot: 'dingrobot' },
    feishu: { kind: 'feishu', base_url: `${at}/feishu`, app_id: 'cli_1', app_secret_file: secret('f', 'feishu-secret'), open_url, buzz: 'app', buzz_priority: 1 },
  };
  await gw.start();
  numbers = await phones(gw);
  await until(async () => (await smsc.get('stats')).logins > 0, { what: 'the carrier link' });
});
after(async () => {
  await gw?.stop();
  await Promise.all([smsc?.stop(), bureau?.stop()]);
});

const register = (as, vendor, token) => gw.ok('POST', '/v1/push-targets', { as, body: { channel: 'office', vendor, token } });
const remove = (as, t) => gw.ok('DELETE', `/v1/push-targets/${t.id}`, { as });
async function say(title, as = CONTACT) {
  await work.given(gw, { title, units: [UNIT] });
  return until(async () => (await gw.ok('GET', '/v1/notices?limit=5', { as })).items.find((n) => n.body.includes(title)), { what: title });
}
const trace = (n, as = CONTACT) => gw.ok('GET', `/v1/notices/${n.id}/trace`, { as });
/** The delivery of this kind, once it is in this state. */
const state = (n, of, want, { ms, as } = {}) => until(async () => {
  const d = (await trace(n, as)).deliveries.find((x) => (x.louder ? 'raise' : x.channel) === of);
  return d?.state === want && d;
}, { what: `${of} is ${want}`, ms }).catch(async (e) => { throw new Error(`${e.message}\n${JSON.stringify(await trace(n, as), null, 1)}`); });
const seen = async (title) => (await bureau.get('messages')).filter((m) => m.text.includes(title));
const texts = async (title) => (await smsc.messages()).filter((m) => m.phone === numbers.get(CONTACT) && m.text.includes(title));
/** What is to be asked later is asked now: minutes need not be waited for. */
const askNow = (n) => change(gw, `UPDATE delivery SET poll_due = 1 WHERE notice = '${n.id}' AND poll_due > 0`);
const polls = async () => (await bureau.get('stats')).polls;

for (const [vendor, of, who] of [['dingtalk', 'dingtalk', 'zhang.san'], ['feishu', 'feishu', 'ou_zhang']])
  test(`F110 read in ${vendor}: asked and learnt; neither made louder nor an SMS; everybody sees where it was read`, async () => {
    const desk = await register(CONTACT, vendor, who), title = `${vendor}上已读`, before_ = await polls();
    const n = await say(title);
    await state(n, 'office', 'sent');
    assert.equal(await polls(), before_, 'not yet: it was only just sent');
    await bureau.post('read', { of, to: who });
    await askNow(n);
    await state(n, 'sms', 'cancelled');
    const t = await trace(n), mine = (await gw.ok('GET', '/v1/notices?limit=5', { as: CONTACT })).items.find((x) => x.id === n.id);
    assert.match(t.text, /^已读（.+，在办公平台）$/);
    assert.equal(t.read_by, 'office');
    assert.ok(mine.read_at);
    assert.equal((await state(n, 'raise', 'cancelled')).text, '办公平台加急：已读，不再发送');
    const office_ = t.deliveries.find((d) => d.channel === 'office' && !d.louder);
    assert.deepEqual(office_.events.map((e) => [e.what, e.verdict]), [['attempt', 'sent'], ['receipt', 'read']]);
    assert.deepEqual((await seen(title)).map((m) => m.raised), [[]]);
    assert.equal(await polls(), before_ + 1);
    assert.equal((await rows(gw, `SELECT poll_due FROM delivery WHERE id = '${office_.id}'`))[0].poll_due, 0, 'asked no more');
    assert.equal((await texts(title)).length, 0);
    await remove(CONTACT, desk);
  });

test('F110 unread: DING once, as loud as priority and option allow, then the SMS at its time', async () => {
  const desk = await register(CONTACT, 'dingtalk', 'li.si'), title = '一直未读';
  const n = await say(title);
  await state(n, 'office', 'sent');
  await askNow(n);
  assert.deepEqual((await state(n, 'office', 'delivered')).events.map((e) => e.verdict), ['sent', 'delivered'], 'there, and unread');
  const raise = await state(n, 'raise', 'sent');
  assert.match(raise.text, /^办公平台加急已发出（[^）]+）$/);
  await state(n, 'sms', 'delivered', { ms: 20000 });
  assert.deepEqual((await seen(title)).map((m) => [m.times, m.raised]), [[1, [2]]], 'priority 1: by SMS, once');
  const t = await trace(n), at = (c) => Date.parse(t.deliveries.find((x) => (x.louder ? 'raise' : x.channel) === c).events[0].at) - Date.parse(t.created_at);
  assert.ok(at('raise') >= RAISE_S * 1000 && at('sms') >= SMS_S * 1000, `${at('raise')} and ${at('sms')} ms`);
  assert.equal(raise.provider, 'ding');
  assert.equal((await texts(title)).length, 1);
  await remove(CONTACT, desk);
});

test('F110 unread in Feishu: 加急 in the application only, the most its option allows', async () => {
  const desk = await register(CONTACT, 'feishu', 'ou_li'), title = '飞书未读';
  const n = await say(title);
  await state(n, 'raise', 'sent');
  assert.deepEqual((await seen(title)).map((m) => m.raised), [[1]]);
  await gw.ok('POST', `/v1/notices/${n.id}/read`, { as: CONTACT });
  await state(n, 'sms', 'cancelled');
  await remove(CONTACT, desk);
});

test('F110 the quantity of DING is used up: said so, the SMS need not wait, and other messages go on', async () => {
  await bureau.post('behave', { ding_quota: 0 });
  const desk = await register(CONTACT, 'dingtalk', 'wang.wu'), title = '次数用完';
  const n = await say(title);
  const raise = await state(n, 'raise', 'failed');
  assert.equal(raise.text, '办公平台加急未成：运营方当日限额已用完（ding.serverquota.insufficient）');
  await state(n, 'sms', 'delivered', { ms: (SMS_S - RAISE_S - 1) * 1000 });
  const next = await say('照常发送');
  await state(next, 'office', 'sent', { ms: 2500 });
  await gw.ok('POST', `/v1/notices/${next.id}/read`, { as: CONTACT });
  await remove(CONTACT, desk);
});

test('F110 a messenger that has no louder way: said so, and the SMS need not wait', async () => {
  const desk = await register(CONTACT, 'wecom', 'zhang.san'), title = '不能加急';
  const n = await say(title);
  assert.match((await state(n, 'raise', 'failed')).text, /^办公平台加急未成：该平台不能加急/);
  await state(n, 'sms', 'delivered', { ms: (SMS_S - RAISE_S - 1) * 1000 });
  await remove(CONTACT, desk);
});

test('F110 a message that was refused has nothing to make louder: the steps behind it come at once', async () => {
  await bureau.post('behave', { unknown: ['wu.ren'] });
  const desk = await register(CONTACT, 'wecom', 'wu.ren'), title = '查无此人';
  const n = await say(title);
  await state(n, 'office', 'failed');
  assert.match((await state(n, 'raise', 'failed')).text, /^办公平台加急未成：前一条消息未送出，无从加急/);
  await state(n, 'sms', 'delivered', { ms: (RAISE_S - 1) * 1000 });
  assert.equal((await gw.ok('GET', '/v1/push-targets', { as: CONTACT })).items.find((x) => x.id === desk.id).state, 'gone');
});

for (const [vendor, what, who, as] of [['wecom', '/message/send', 'qian.qi', APPROVER], ['feishu', '/im/v1/messages', 'ou_qian', CONTACT]])
  test(`F110 ${vendor} took it and its answer was lost: sent again, seen once${as === APPROVER ? ', at low priority too' : ''}`, async () => {
    const desk = await register(as, vendor, who), title = `${vendor}答复丢失`;
    await bureau.post('behave', { answer: { of: vendor, what, times: 1, take: true, drop: true } });
    const n = await say(title, as), d = await state(n, 'office', 'sent', { as, ms: 10000 });
    assert.deepEqual(d.events.map((e) => e.verdict), ['unknown', 'sent']);
    assert.equal((await seen(title)).filter((m) => m.of === vendor).length, 1, 'the person sees it once');
    if (as === CONTACT) await gw.ok('POST', `/v1/notices/${n.id}/read`, { as });
    await remove(as, desk);
  });

test('F110 DingTalk drops no repetition for sure: an unknown outcome of low priority stays so', async () => {
  const desk = await register(APPROVER, 'dingtalk', 'sun.ba'), title = '钉钉答复丢失';
  await bureau.post('behave', { answer: { of: 'dingtalk', what: 'asyncsend', times: 1, take: true, drop: true } });
  const n = await say(title, APPROVER);
  const d = await state(n, 'office', 'unknown', { as: APPROVER });
  assert.deepEqual(d.events.map((e) => e.verdict), ['unknown']);
  await remove(APPROVER, desk);
});

test('F110 killed with a question to come: the next life asks it', async () => {
  const desk = await register(APPROVER, 'feishu', 'ou_sun'), title = '重启后再问', before_ = await polls();
  const n = await say(title, APPROVER);
  await state(n, 'office', 'sent', { as: APPROVER });
  await gw.kill('SIGKILL');
  await bureau.post('read', { of: 'feishu', to: 'ou_sun' });
  await askNow(n);
  await gw.start();
  await until(async () => (await trace(n, APPROVER)).read_by === 'office', { what: 'read' });
  assert.equal(await polls(), before_ + 1);
  await remove(APPROVER, desk);
});

test('F110 check-config refuses to make louder what is not there', async () => {
  const was = gw.conf['notice.plan_p1'];
  for (const [plan, why] of [['office!+600 sms+900', /notice\.plan_p1: office!: no office step before it/], ['sms+0 sms!+60', /notice\.plan_p1: sms!: only a message of channel office/],
    ['office+0 office!+60 office!+90', /made louder already/]]) {
    gw.conf['notice.plan_p1'] = plan;
    const r = await gw.command('check-config');
    assert.notEqual(r.code, 0);
    assert.match(r.stderr, why);
  }
  gw.conf['notice.plan_p1'] = was;
  assert.equal((await gw.command('check-config')).code, 0);
});

test('F110 the fakes found nothing to object to, and no name is in the log', async () => {
  assert.deepEqual((await bureau.get('stats')).violations, []);
  assert.doesNotMatch(gw.log, /zhang\.san|ou_zhang|wang\.wu/);
});
