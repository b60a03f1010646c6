// SPDX-License-Identifier: Apache-2.0
// Kinds of provider at Alibaba Cloud, Tencent Cloud and WeChat over real HTTP against tests/peers/clouds.mjs, which checks
// signatures, templates, limits and consents by itself: requests it takes, refusals it makes, receipts it posts.
import { test, before, after } from 'node:test';
import assert from 'node:assert/strict';
import fs from 'node:fs';
import http from 'node:http';
import os from 'node:os';
import path from 'node:path';
import { execFileSync } from 'node:child_process';
import { start } from '../peers/clouds.mjs';
import { Kind } from './lib/kind.mjs';
import { ROOT } from './lib/gateway.mjs';
import { until } from './lib/until.mjs';

const PHONE = '13800138000',
  OPENID = 'oABC_def-1234567890',
  KEY = '0123456789abcdef0123';
let clouds, dir, inbox, posts;
const file = (name, text) => {
  fs.writeFileSync(path.join(dir, name), text);
  return path.join(dir, name);
};

before(async () => {
  dir = fs.mkdtempSync(path.join(os.tmpdir(), 'zb-clouds-'));
  posts = [];
  inbox = http.createServer((req, res) => {
    // where receipts arrive
    let body = '';
    req
      .on('data', (c) => {
        body += c;
      })
      .on('end', () => {
        posts.push({ path: req.url.split('?')[0], query: req.url.split('?')[1] ?? '', body });
        res.end(req.url.includes('tencent') ? '{"result":0,"errmsg":"OK"}' : '{"code":0,"msg":"ok"}');
      });
  });
  await new Promise((done) => {
    inbox.listen(0, '127.0.0.1', done);
  });
  const to = `http://127.0.0.1:${inbox.address().port}`;
  clouds = await start({
    accounts: {
      receipts: {
        aliyun_sms: `${to}/aliyun_sms?key=${KEY}`,
        tencent_sms: `${to}/tencent_sms?key=${KEY}`,
        aliyun_voice: `${to}/aliyun_voice?key=${KEY}`,
        tencent_voice: `${to}/tencent_voice?key=${KEY}`,
        wechat_mini: `${to}/wechat_mini`,
        wechat_mp: `${to}/wechat_mp`,
      },
      wechat: { followers: [OPENID] },
    },
  });
});
after(async () => {
  await clouds.stop();
  inbox.closeAllConnections();
  inbox.close();
  fs.rmSync(dir, { recursive: true });
});

async function opened(kind, more = {}) {
  const k = new Kind(),
    secret = file('secret', 'testsecret'),
    key = file('key', KEY);
  const own = {
    aliyun_sms: {
      access_key_id: 'testid',
      access_key_secret: secret,
      receipt_key: key,
      'template.default': 'SMS_100000001 task=t,words=x',
    },
    aliyun_voice: {
      access_key_id: 'testid',
      access_key_secret: secret,
      receipt_key: key,
      'template.default': 'TTS_100000001 place=t,time=x',
    },
    tencent_sms: {
      secret_id: 'testid',
      secret_key: secret,
      app_id: '1400000001',
      receipt_key: key,
      'template.default': '100001 x',
    },
    tencent_voice: {
      secret_id: 'testid',
      secret_key: secret,
      app_id: '1400006666',
      receipt_key: key,
      'template.default': '4356 x',
    },
    wechat_mini: {
      app_id: 'wx1234567890',
      app_secret: file('wx', 'wxsecret'),
      token: file('tok', 'tok3n'),
      'template.default': 'TPL-1 thing1=t,time2=time,thing3=x',
    },
    wechat_mp: {
      app_id: 'wx1234567890',
      app_secret: file('wx', 'wxsecret'),
      token: file('tok', 'tok3n'),
      'template.default': 'TPL-1 thing1=t,time2=time,thing3=x',
    },
  }[kind];
  await k.open({ kind, base_url: clouds.base_url, ...own, ...more });
  return k;
}

async function receiptsOf(k, name) {
  await until(() => posts.some((p) => p.path === `/${name}`), { what: `receipt of ${name}` });
  const post = posts.findLast((p) => p.path === `/${name}`);
  return { post, ...(await k.ask('receipts', { query: post.query, body: post.body })) };
}

function fresh() {
  clouds.reset();
  posts.length = 0;
}

test('the fake holds to the published signatures', () => {
  execFileSync(process.execPath, [path.join(ROOT, 'tests/peers/clouds.mjs'), '--self-test']);
});

for (const [kind, numbers] of [
  ['aliyun_sms', { rejected: 'isv.SMS_CONTENT_ILLEGAL', refused: null }],
  ['tencent_sms', { rejected: 'FailedOperation.ContainSensitiveWord', refused: 'FailedOperation.PhoneNumberInBlacklist' }],
  ['aliyun_voice', { rejected: 'isv.VOICE_CALL_FAIL', refused: 'isv.COMPLAINT_REJECT' }],
  ['tencent_voice', { rejected: 'FailedOperation.ContainSensitiveWord', refused: null }],
]) {
  test(`${kind}: taken and receipted, refused by code, throttled, clock, wrong secret, outcome unknown`, async () => {
    fresh();
    const k = await opened(kind);
    const sent = await k.send(PHONE);
    assert.equal(sent.verdict, 'sent', sent.detail);
    const [row] = clouds.messages();
    assert.equal(row.ref, sent.ref);
    assert.equal(row.to, PHONE);
    assert.ok(row.text.includes('还剩2天'));
    assert.equal(row.id, sent.id);
    const r = await receiptsOf(k, kind);
    assert.deepEqual(
      [r.receipts.length, r.receipts[0].ref, r.receipts[0].is_delivered, r.receipts[0].is_final],
      [1, sent.ref, true, true],
    );
    assert.equal((await k.ask('receipts', { query: 'key=guessed', body: r.post.body })).error, 'E_AUTH');

    clouds.behave({ fail: { 13900139000: numbers.rejected, 13700137000: numbers.refused } });
    assert.equal((await k.send('13900139000')).verdict, 'rejected');
    if (numbers.refused) assert.equal((await k.send('13700137000')).verdict, 'refused');
    clouds.behave({ fail: {}, throttle_every: 1 });
    assert.equal((await k.send(PHONE)).verdict, 'throttled');
    clouds.behave({ throttle_every: 0, status: 503 });
    assert.equal((await k.send(PHONE)).verdict, 'retry');
    clouds.behave({ status: 0 });

    k.now = () => Date.now() - 20 * 60e3;
    assert.equal((await k.send(PHONE)).verdict, 'config'); // our clock
    k.now = () => Date.now();

    assert.equal(clouds.messages().length, 1);
    for (const way of ['silent', 'drop', 'rubbish']) {
      clouds.behave({ [way]: 1 });
      assert.equal((await k.send(PHONE, { attempt: 2 })).verdict, 'unknown', way);
    }
    assert.equal(clouds.messages().length, 4); // it had been taken each time
    assert.equal(await k.close(), 0);

    const wrong = await opened(kind, {
      [kind.startsWith('aliyun') ? 'access_key_secret' : 'secret_key']: file('wrong', 'othersecret'),
    });
    assert.equal((await wrong.send(PHONE)).verdict, 'auth');
    await wrong.close();
    assert.equal(clouds.messages().length, 4);
    assert.deepEqual(clouds.stats().violations, []);
  });
}

test('limits of one number: by the minute it waits, by the day another provider has to', async () => {
  fresh();
  const ali = await opened('aliyun_sms'),
    ten = await opened('tencent_sms');
  clouds.set({ aliyun: { per_minute: 1 }, tencent: { per_30s: 1 } });
  assert.equal((await ali.send(PHONE)).verdict, 'sent');
  const soon = await ali.send(PHONE);
  assert.deepEqual([soon.verdict, soon.wait_ms], ['retry', 60000]);
  assert.equal((await ten.send(PHONE)).verdict, 'sent');
  assert.equal((await ten.send(PHONE)).wait_ms, 30000);
  clouds.set({ aliyun: { per_minute: 0, per_day: 1 }, tencent: { per_30s: 0, per_day: 1 } });
  assert.equal((await ali.send(PHONE)).verdict, 'quota');
  assert.equal((await ten.send(PHONE)).verdict, 'quota');
  assert.equal((await ten.send('13900139000')).verdict, 'sent'); // nobody else is concerned
  await ali.close();
  await ten.close();
});

test('over the allowed rate: throttled, and taken again a second later', async () => {
  fresh();
  const k = await opened('tencent_sms');
  clouds.behave({ rate_per_s: 2 });
  const said = await Promise.all([0, 1, 2].map((i) => k.send(`1380013800${i}`)));
  assert.deepEqual(said.map((a) => a.verdict).sort(), ['sent', 'sent', 'throttled']);
  await until(async () => (await k.send('13800138009')).verdict === 'sent', { what: 'room again' });
  await k.close();
});

test('receipts: failed, before the answer, twice, and again until somebody listens', async () => {
  fresh();
  const k = await opened('aliyun_sms');
  clouds.behave({ report: { [PHONE]: 'MOBILE_IN_BLACK' }, report_before_answer: true, duplicate_reports: true });
  assert.equal((await k.send(PHONE)).verdict, 'sent');
  const r = await receiptsOf(k, 'aliyun_sms');
  assert.deepEqual([r.receipts[0].verdict, r.receipts[0].is_final, r.receipts[0].is_delivered], ['refused', true, false]);
  await until(() => posts.length === 2, { what: 'second report' });
  assert.equal(posts[0].body, posts[1].body);
  clouds.behave({ report: {}, duplicate_reports: false, report_retry_ms: 1 });
  const port = inbox.address().port;
  clouds.set({ receipts: { aliyun_sms: 'http://127.0.0.1:1/nobody' } });
  assert.equal((await k.send(PHONE)).verdict, 'sent');
  await until(() => clouds.stats().posts.filter((p) => p.status === 0).length === 4, { what: 'four attempts' });
  clouds.set({ receipts: { aliyun_sms: `http://127.0.0.1:${port}/aliyun_sms?key=${KEY}` } });
  await k.close();
});

test('a pressed key is read, an answered call is not', async () => {
  fresh();
  const k = await opened('tencent_voice');
  clouds.behave({ report: { [PHONE]: 'key1' } });
  assert.equal((await k.send(PHONE)).verdict, 'sent');
  assert.equal((await receiptsOf(k, 'tencent_voice')).receipts[0].is_read, true);
  posts.length = 0;
  clouds.behave({ report: { [PHONE]: '8' } });
  assert.equal((await k.send(PHONE)).verdict, 'sent');
  assert.equal((await receiptsOf(k, 'tencent_voice')).receipts[0].verdict, 'gone');
  posts.length = 0;
  clouds.behave({ report: {} });
  assert.equal((await k.send(PHONE)).verdict, 'sent');
  const r = (await receiptsOf(k, 'tencent_voice')).receipts[0];
  assert.deepEqual([r.is_read, r.is_delivered], [false, true]);
  await k.close();
});

test('wechat_mini: token, consents counted down to 43101, values refused before sending, expiry, events', async () => {
  fresh();
  const k = await opened('wechat_mini');
  assert.equal((await k.send(OPENID)).verdict, 'auth'); // no token yet
  const cred = await k.fetchCred();
  assert.ok(cred.cred.length > 20 && cred.life_ms === 7200000);
  assert.equal((await k.send(OPENID)).verdict, 'refused'); // nothing accepted
  await clouds.consent({ openid: OPENID, template: 'TPL-1', count: 2 });
  const one = await k.send(OPENID, { vars: { t: '关于进一步加强全市重点项目建设管理工作的通知要求', x: '' } });
  assert.equal(one.verdict, 'sent', one.detail);
  assert.equal(clouds.messages()[0].values.thing1, '关于进一步加强全市重点项目建设管理工作…');
  const event = await receiptsOf(k, 'wechat_mini');
  assert.deepEqual([event.receipts[0].ref, event.receipts[0].is_delivered, event.reply], [one.ref, true, 'success']);
  assert.equal(
    (await k.ask('receipts', { query: event.post.query.replace(/signature=./, 'signature=x'), body: event.post.body })).error,
    'E_AUTH',
  );
  assert.equal((await k.send(OPENID)).verdict, 'sent');
  assert.equal((await k.send(OPENID)).verdict, 'refused');
  assert.equal(clouds.left(OPENID, 'TPL-1'), 0);

  clouds.expire();
  assert.equal((await k.send(OPENID)).verdict, 'auth');
  const before = k.cred;
  await k.fetchCred();
  assert.notEqual(k.cred, before);
  await clouds.consent({ openid: OPENID, template: 'TPL-1', count: -1 }); // long-term
  assert.equal((await k.send(OPENID)).verdict, 'sent');
  assert.equal((await k.send(OPENID)).verdict, 'sent');
  const other = await opened('wechat_mini'); // another node has the same token
  await other.fetchCred();
  assert.equal(other.cred, k.cred);
  await other.close();

  clouds.behave({ fail: { [OPENID]: '43108' } });
  assert.deepEqual([(await k.send(OPENID)).verdict, (await k.send(OPENID)).wait_ms], ['retry', 600000]);
  clouds.behave({ fail: {}, silent: 1 });
  assert.equal((await k.send(OPENID)).verdict, 'unknown');
  clouds.set({ wechat: { templates: { 'TPL-1': ['phrase1'] } } }); // the template was changed over there
  const late = await k.send(OPENID);
  assert.deepEqual([late.verdict, late.detail], ['rejected', '47003 phrase1 rid 1-2-3']);

  const typed = await opened('wechat_mini', { 'template.default': 'TPL-2 phrase1=x,character_string2=object' });
  const refusals = clouds.stats().calls;
  assert.match((await typed.send(OPENID)).detail, /phrase1/);
  assert.equal(clouds.stats().calls, refusals); // it was never tried
  await typed.close();

  posts.length = 0;
  await clouds.consent({ openid: OPENID, template: 'TPL-2', count: 1, tell: true });
  const told = await receiptsOf(k, 'wechat_mini');
  assert.deepEqual(told.consents, [{ target: OPENID, template: 'TPL-2', accepted: true, count: 1, cleared: false }]);
  posts.length = 0;
  await clouds.event({
    provider: 'wechat_mini',
    event: {
      FromUserName: OPENID,
      Event: 'subscribe_msg_popup_event',
      List: [
        { TemplateId: 'TPL-1', SubscribeStatusString: 'accept', PopupScene: '0' },
        { TemplateId: 'TPL-2', SubscribeStatusString: 'reject', PopupScene: '0' },
      ],
    },
  });
  const given = await receiptsOf(k, 'wechat_mini');
  assert.deepEqual(given.consents, [
    { target: OPENID, template: 'TPL-1', accepted: true, count: 1, cleared: false },
    { target: OPENID, template: 'TPL-2', accepted: false, count: 0, cleared: false },
  ]);
  assert.equal(await k.close(), 0);
});

test('wechat_mini: a wrong AppSecret is our configuration', async () => {
  const k = await opened('wechat_mini', { app_secret: file('wx-wrong', 'no') });
  const cred = await k.fetchCred();
  assert.deepEqual([cred.verdict, cred.cred], ['config', undefined]);
  assert.match(cred.detail, /^40125/);
  await k.close();
});

test('wechat_mp: followers, a second send of one delivery is dropped over there, events in XML', async () => {
  fresh();
  clouds.set({ wechat: { followers: [OPENID] } });
  const k = await opened('wechat_mp');
  await k.fetchCred();
  const one = await k.send(OPENID, { id: 'd_same' });
  assert.equal(one.verdict, 'sent', one.detail);
  const r = await receiptsOf(k, 'wechat_mp');
  assert.ok(r.post.body.startsWith('<xml>'));
  assert.deepEqual([r.receipts[0].ref, r.receipts[0].is_delivered], [one.ref, true]);
  const two = await k.send(OPENID, { id: 'd_same', attempt: 2 });
  assert.deepEqual([two.verdict, two.ref, clouds.messages().length], ['sent', one.ref, 1]);
  assert.equal((await k.send('oNobody_1234567890')).verdict, 'refused');
  posts.length = 0;
  clouds.behave({ report: { [OPENID]: 'failed:user block' } });
  assert.equal((await k.send(OPENID)).verdict, 'sent');
  assert.equal((await receiptsOf(k, 'wechat_mp')).receipts[0].verdict, 'refused');
  posts.length = 0;
  await clouds.event({ provider: 'wechat_mp', xml: true, event: { FromUserName: OPENID, Event: 'unsubscribe' } });
  assert.deepEqual((await receiptsOf(k, 'wechat_mp')).consents, [
    { target: OPENID, template: '', accepted: false, count: 0, cleared: true },
  ]);
  assert.equal(await k.close(), 0);
});
