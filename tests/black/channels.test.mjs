// SPDX-License-Identifier: Apache-2.0
// From quiet to loud: phone push, WeChat, office messenger, SMS, through the whole gateway against the providers' fakes. Each message
// goes on to the next channel when it must, and no further when it was read.
import test, { before, after } from 'node:test';
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import crypto from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { Gateway, ROOT } from './lib/gateway.mjs';
import { carrier, phones, rows } from './lib/city.mjs';
import { Smsc } from './lib/smsc.mjs';
import { until } from './lib/until.mjs';
import { start as clouds } from '../peers/clouds.mjs';
import { start as office } from '../peers/office.mjs';
import * as work from './lib/work.mjs';

const UNIT = 'NP-SZB', CONTACT = 'sim-NP-SZB', OFFICE_S = 3, SMS_S = 6;
let gw, smsc, cloud, bureau, apple, numbers;

/** A program of tests/peers that prints where it listens. */
async function program(file, ...args) {
  const proc = spawn(process.execPath, [path.join(ROOT, 'tests/peers', file), ...args], { stdio: ['ignore', 'pipe', 'inherit'] });
  let out = '';
  proc.stdout.on('data', (d) => { out += d; });
  process.on('exit', () => proc.kill('SIGKILL'));
  await until(() => out.includes('\n'), { what: file });
  proc.unref();
  proc.stdout.unref();
  const at = JSON.parse(out.split('\n')[0]), url = `http://127.0.0.1:${at.control}`;
  return { ...at, get: async (what) => (await fetch(`${url}/${what}`)).json(),
    post: (what, body = {}) => fetch(`${url}/${what}`, { method: 'POST', body: JSON.stringify(body) }),
    stop: () => new Promise((done) => { proc.ref(); proc.on('exit', done); proc.kill('SIGTERM'); }) };
}
const control = (peer) => ({ get: async (what) => (await fetch(`http://127.0.0.1:${peer.control}/${what}`)).json(),
  post: (what, body = {}) => fetch(`http://127.0.0.1:${peer.control}/${what}`, { method: 'POST', body: JSON.stringify(body) }) });

before(async () => {
  gw = new Gateway({ conf: { 'notice.plan_p1': `push+0 wechat+0 office+${OFFICE_S} sms+${SMS_S}/0` } });
  const secret = (name, text) => { fs.writeFileSync(path.join(gw.dir, name), text, { mode: 0o600 }); return path.join(gw.dir, name); };
  const key = crypto.generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const pub = secret('apns.pub', key.publicKey.export({ type: 'spki', format: 'pem' }));
  smsc = await new Smsc().start();
  apple = await program('apns.mjs', '--pub', pub, '--kid', 'KEYID00001', '--team', 'TEAM000001', '--topic', 'cn.np.zhangban');
  cloud = await clouds({ accounts: { aliyun: { signs: ['南平掌办'], sms: { SMS_100000001: '任务${task}，${words}，请登录掌办办理。' } } } });
  bureau = await office();
  Object.assign(cloud, control(cloud));
  Object.assign(bureau, control(bureau));
  gw.conf.providers = {
    ...carrier(gw, smsc).providers,
    apple: { kind: 'apns', base_url: `https://127.0.0.1:${apple.port}`, ca_file: apple.ca, key_id: 'KEYID00001', team_id: 'TEAM000001',
      topic: 'cn.np.zhangban', key_file: secret('apns.p8', key.privateKey.export({ type: 'pkcs8', format: 'pem' })) },
    weixin: { kind: 'wechat_mini', base_url: `http://127.0.0.1:${cloud.port}`, app_id: 'wx1234567890', app_secret: secret('wx', 'wxsecret'),
      'template.task.assigned': 'TPL-1 thing1=t,time2=time,thing3=title' },
    bureau: { kind: 'wecom', base_url: `http://127.0.0.1:${bureau.port}/wecom`, corp_id: 'ww0123456789abcdef', agent_id: 1000002,
      secret_file: secret('wecom', 'wecom-secret'), open_url: 'https://zb.example.gov.cn/open' },
  };
  await gw.start();
  numbers = await phones(gw);
  await until(async () => (await smsc.get('stats')).logins > 0, { what: 'the carrier link' });
});
after(async () => {
  await gw?.stop();
  await Promise.all([smsc?.stop(), apple?.stop(), cloud?.stop(), bureau?.stop()]);
});

async function say(title) {
  await work.given(gw, { title, units: [UNIT] });
  return until(async () => (await gw.ok('GET', '/v1/notices?limit=5', { as: CONTACT })).items.find((n) => n.body.includes(title)), { what: title });
}
const register = (channel, vendor, token, more = {}) => gw.ok('POST', '/v1/push-targets', { as: CONTACT, body: { channel, vendor, token, ...more } });
const remove = (t) => gw.ok('DELETE', `/v1/push-targets/${t.id}`, { as: CONTACT });
const trace = (id) => gw.ok('GET', `/v1/notices/${id}/trace`, { as: CONTACT });
/** The delivery by this channel, once it is in this state. */
const state = (id, channel, want, ms) => until(async () => {
  const d = (await trace(id)).deliveries.find((x) => x.channel === channel);
  return d?.state === want && d;
}, { what: `${channel} of ${id} is ${want}`, ms }).catch(async (e) => { throw new Error(`${e.message}\n${JSON.stringify(await trace(id), null, 1)}`); });
const token = (n) => String(n).padStart(2, '0').repeat(32);
const texts = async () => (await smsc.messages()).filter((m) => m.phone === numbers.get(CONTACT)).map((m) => m.text);

test('F110 phone push first; read in the app: neither the office messenger nor an SMS follows', async () => {
  const phone = await register('push', 'apns', token(1)), desk = await register('office', 'wecom', 'zhang.san');
  const n = await say('先推送后短信');
  const d = await state(n.id, 'push', 'sent');
  assert.equal(d.provider, 'apple');
  const [got] = (await apple.get('requests')).slice(-1);
  assert.equal(got.token, token(1));
  const aps = (got.payload ?? JSON.parse(got.body)).aps;
  assert.equal(aps.alert.title, '新任务待签收');
  assert.match(aps.alert.body, /先推送后短信/);
  await gw.ok('POST', `/v1/notices/${n.id}/read`, { as: CONTACT });
  const t = await trace(n.id);
  assert.deepEqual(t.deliveries.filter((x) => ['office', 'sms'].includes(x.channel)).map((x) => x.state), ['cancelled', 'cancelled']);
  assert.ok(!(await bureau.get('messages')).some((m) => JSON.stringify(m).includes('先推送后短信')));
  assert.ok(!(await texts()).some((x) => x.includes('先推送后短信')));
  await remove(desk);
  await remove(phone);
});

test('F110 not read: the office messenger, then the SMS, each at its time', async () => {
  const phone = await register('push', 'apns', token(2)), desk = await register('office', 'wecom', 'zhang.san');
  const n = await say('一直未读');
  await state(n.id, 'push', 'sent');
  const office = await state(n.id, 'office', 'sent');
  await state(n.id, 'sms', 'delivered');
  const t = await trace(n.id), at = (c) => Date.parse(t.deliveries.find((x) => x.channel === c).events[0].at) - Date.parse(t.created_at);
  assert.ok(at('office') >= OFFICE_S * 1000 && at('sms') >= SMS_S * 1000, `${at('office')} and ${at('sms')} ms`);
  assert.equal(office.provider, 'bureau');
  assert.ok((await bureau.get('messages')).some((m) => m.to === 'zhang.san' && JSON.stringify(m).includes('一直未读')));
  assert.ok((await texts()).some((x) => x.startsWith('【南平掌办】') && x.includes('一直未读')));
  await remove(desk);
  await remove(phone);
});

test('F110 a phone that is gone: the token is forgotten and the SMS need not wait', async () => {
  await apple.post('behave', { tokens: { [token(3)]: { status: 410, reason: 'Unregistered', timestamp: Date.now() + 60000 } } });
  const phone = await register('push', 'apns', token(3));
  const n = await say('手机已卸载');
  const d = await state(n.id, 'push', 'failed');
  assert.match(d.text, /^手机推送未送达：应用已卸载或令牌失效/);
  await state(n.id, 'sms', 'delivered', (SMS_S - 2) * 1000);
  const mine = (await gw.ok('GET', '/v1/push-targets', { as: CONTACT })).items.find((x) => x.id === phone.id);
  assert.equal(mine.state, 'gone');
  const next = await say('不再推送');
  await state(next.id, 'sms', 'delivered');
  assert.equal((await trace(next.id)).deliveries.some((x) => x.channel === 'push'), false, 'nothing is planned for it any more');
});

test('F110 WeChat: one message for one acceptance; without one it is not tried, and the SMS goes at once', async () => {
  const wx = await register('wechat', 'wechat_mini', 'o-openid-1', { app: 'wx1234567890' });
  const none = await say('没有订阅');
  assert.match((await state(none.id, 'wechat', 'failed')).text, /用户接受的次数已用完/);
  await state(none.id, 'sms', 'delivered', (SMS_S - 2) * 1000);
  const before = (await cloud.get('messages')).length;
  await cloud.post('consent', { openid: 'o-openid-1', template: 'TPL-1', count: 1 });
  await gw.ok('POST', '/v1/consents', { as: CONTACT, body: { token: 'o-openid-1', template_id: 'TPL-1', accepted: true } });
  const n = await say('订阅了一次');
  await state(n.id, 'wechat', 'sent');
  assert.equal((await cloud.get('messages')).length, before + 1);
  const again = await say('次数用完');
  await state(again.id, 'wechat', 'failed');
  assert.equal((await cloud.get('messages')).length, before + 1, 'not even tried');
  assert.equal((await gw.rest('POST', '/v1/consents', { as: CONTACT, body: { token: 'o-nobody', template_id: 'TPL-1', accepted: true } })).status, 404);
  await remove(wx);
});

test('F110 a phone that changed hands since the message was planned does not get it', async () => {
  const phone = await register('push', 'apns', token(5)), desk = await register('office', 'wecom', 'li.si');
  const n = await say('换了主人的账号');
  await gw.ok('POST', '/v1/push-targets', { as: 'demo-monitor', body: { channel: 'office', vendor: 'wecom', token: 'li.si' } });
  const d = await state(n.id, 'office', 'failed');
  assert.match(d.text, /没有登记号码或设备/);
  await state(n.id, 'sms', 'delivered');
  assert.ok(!(await bureau.get('messages')).some((m) => JSON.stringify(m).includes('换了主人的账号')));
  await gw.ok('DELETE', `/v1/push-targets/${desk.id}`, { as: 'demo-monitor' });
  await remove(phone);
});

test('F110 a push service that does not answer keeps neither the other channels nor the gateway waiting', async () => {
  await apple.post('behave', { tokens: { [token(4)]: { act: 'silent' } } });
  const phone = await register('push', 'apns', token(4)), other = await register('office', 'wecom', 'zhang.san');
  const n = await say('推送无应答');
  await state(n.id, 'office', 'sent');
  await state(n.id, 'sms', 'delivered');
  await remove(other);
  await remove(phone);
});

test('F110 nothing of a message is in the records in the clear but what the app shows', async () => {
  assert.equal((await rows(gw, "SELECT count(*) AS n FROM push_target WHERE instr(token_enc, 'zhang.san') > 0 OR instr(token_idx, 'zhang.san') > 0"))[0].n, 0);
  assert.doesNotMatch(gw.log, /zhang\.san|o-openid-1|1990000/);
});
